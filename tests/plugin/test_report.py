"""What a failing test shows of its network, and how its draws are had again."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.plugin.conftest import SHOP

FAILS = """
import pytest

def test_fails(shop):
    client = shop.client("shop")
    for n in range(7):
        client.get(f"/{n}")
    raise AssertionError("as planned")
"""
SECTIONS = ("lattice seed", "lattice: last", "lattice access log")


def assert_sections(run: pytest.RunResult, *, shown: bool) -> None:
    """Hold a run to show all sections, or none."""
    text = run.stdout.str()
    assert [title in text for title in SECTIONS] == [shown] * 3


XDIST = ("-p", "xdist", "-n", "2")


@pytest.mark.parametrize("options", [(), XDIST], ids=["plain", "xdist"])
def test_failing_test_shows_its_network(
    lean: pytest.Pytester, options: tuple[str, ...]
) -> None:
    """A failing test shows its seed, its last exchanges and their log entries."""
    lean.makeconftest(SHOP)
    lean.makepyfile(test_it=FAILS)

    run = lean.runpytest_subprocess(*options)

    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(
        [
            "*AssertionError: as planned",
            "*- lattice seed -*",
            "seed 'test_it.py::test_fails', draw 'deck'",
            'again with: --lattice-seed="test_it.py::test_fails"',
            "*- lattice: last 5 of 7 exchanges -*",
            "GET https://shop-*/2 from 10.0.* in VPC `default`",
            "  VPC       yes  *`default`",
            "  default   yes  forward to `blue` 3, `green` 1",
            "  => 200",
            "",
            "GET https://shop-*/6 from *",
            "  => 200",
            "*- lattice access log, last 5 -*",
            "<* 200 GET shop/2 from *",
            "<* 200 GET shop/6 from *",
        ]
    )
    assert not re.search(r"from 10.*\n.*/1 from", run.stdout.str())


def test_failing_test_in_process_shows_its_network(shop: pytest.Pytester) -> None:
    """The sections come with the report, however pytest is run."""
    shop.makepyfile(FAILS)

    assert_sections(shop.runpytest_inprocess(), shown=True)


@pytest.mark.parametrize("options", [(), XDIST], ids=["plain", "xdist"])
def test_other_tests_show_nothing(
    lean: pytest.Pytester, options: tuple[str, ...]
) -> None:
    """A test that passes, is skipped or fails as expected shows no section."""
    lean.makeconftest(SHOP)
    lean.makepyfile(
        """
        import pytest

        def test_passes(groups):
            pass

        def test_skips(groups):
            pytest.skip("no need")

        @pytest.mark.xfail(strict=True)
        def test_xfails(groups):
            assert False
        """
    )

    run = lean.runpytest_subprocess("-rA", *options)

    run.assert_outcomes(passed=1, skipped=1, xfailed=1)
    assert_sections(run, shown=False)


def test_failing_test_without_a_network_shows_nothing(shop: pytest.Pytester) -> None:
    """A test that does not ask for the network has nothing of it to show."""
    shop.makepyfile("def test_fails(): assert False")

    run = shop.runpytest_inprocess()

    run.assert_outcomes(failed=1)
    assert_sections(run, shown=False)


def test_network_without_traffic_shows_its_seed(pytester: pytest.Pytester) -> None:
    """Where no request was made there is only the seed to tell."""
    pytester.makepyfile("def test_fails(lattice_network): assert False")

    text = pytester.runpytest_inprocess().stdout.str()

    assert [title in text for title in SECTIONS] == [True, False, False]


def test_requests_to_nobody_are_shown(shop: pytest.Pytester) -> None:
    """A request that no service logs is still one of the exchanges."""
    shop.makepyfile(
        """
        def test_fails(shop):
            assert shop.client().get("http://nobody.example.com/").status_code == 200
        """
    )

    run = shop.runpytest_inprocess()

    run.stdout.fnmatch_lines(["*lattice: last 1 of 1 exchanges*", "  service  no  *"])
    assert "lattice access log" not in run.stdout.str()


def test_failing_setup_shows_the_network(shop: pytest.Pytester) -> None:
    """A fixture that fails after its first request is as good a reason."""
    shop.makepyfile(
        """
        import pytest

        @pytest.fixture
        def broken(groups):
            raise RuntimeError("as planned")

        def test_it(broken):
            pass
        """
    )

    run = shop.runpytest_inprocess()

    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(
        ["*ERROR at setup of test_it*", "*last 5 of 20 exchanges*"]
    )
    assert_sections(run, shown=True)


def test_failing_teardown_shows_the_network(shop: pytest.Pytester) -> None:
    """What a fixture does at the end of a test is shown where that fails."""
    shop.makepyfile(
        """
        import pytest

        @pytest.fixture
        def broken(shop):
            yield
            shop.client("shop").get("/at-the-end")
            raise RuntimeError("as planned")

        def test_it(broken):
            pass
        """
    )

    run = shop.runpytest_inprocess()

    run.assert_outcomes(passed=1, errors=1)
    run.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "*last 1 of 1 exchanges*",
            "GET *at-the-end *",
        ]
    )
    assert_sections(run, shown=True)


def test_app_that_cannot_be_shut_down_fails_the_teardown(
    shop: pytest.Pytester,
) -> None:
    """An app that fails to shut down fails its test, which shows its network."""
    shop.makepyfile(
        """
        from pytest_lattice import Forward, Listener, Service, TargetGroup

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.failed", "message": "no"})
                return
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        def test_it(lattice_network):
            lattice_network.add(
                TargetGroup("apps", targets=[app]),
                Service("shop", listeners=[Listener("HTTP", default=Forward("apps"))]),
            )
            lattice_network.client("shop").get("/")
        """
    )

    run = shop.runpytest_inprocess()

    run.assert_outcomes(passed=1, errors=1)
    run.stdout.fnmatch_lines(["*TargetError: app `app` failed to shut down: `no`"])
    assert_sections(run, shown=True)


PRINTS = """
import pytest

@pytest.mark.parametrize("x", {ids!r})
def test_prints(groups, x):
    print("drawn:", *groups)
    raise AssertionError("as planned")
"""


def in_a_shell(options: str) -> list[str]:
    """Split options as the shell does into which somebody pastes them."""
    run = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {options}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def drawn(run: pytest.RunResult) -> list[str]:
    """Find what a test printed of its draws."""
    return [line for line in run.outlines if line.startswith("drawn:")]


@pytest.mark.parametrize("draw", ["deck", "random"])
@pytest.mark.parametrize("name", ["plain", 'a "b" c', "$HOME", "`id`", "it's", "ü"])
def test_shown_command_repeats_the_draws(
    shop: pytest.Pytester, name: str, draw: str
) -> None:
    """The options that a failing test shows give its draws to any other test."""
    shop.makepyfile(PRINTS.format(ids=[name]))
    first = shop.runpytest_inprocess(f"--lattice-draw={draw}")
    [command] = [line for line in first.outlines if line.startswith("again with: ")]

    shop.makepyfile(PRINTS.format(ids=["another"]))
    options = in_a_shell(command.removeprefix("again with: "))
    second = shop.runpytest_inprocess(*options)

    assert len(drawn(first)) == 1
    assert drawn(first) == drawn(second)
    assert ("--lattice-draw=random" in options) is (draw == "random")


def test_other_seed_gives_other_draws(shop: pytest.Pytester) -> None:
    """Two tests draw differently, so that not all of them rely on one order."""
    shop.makepyfile(PRINTS.format(ids=["one", "other"]))

    first, second = drawn(shop.runpytest_inprocess())

    assert first != second


def test_failure_stands_where_the_test_asks(shop: pytest.Pytester) -> None:
    """The log's own complaint is shown at the line of the test, not in our code."""
    shop.makepyfile(
        """
        def test_fails(shop):
            shop.client("shop").get("/")
            shop.access_log.one(response_code=500)
        """
    )

    run = shop.runpytest_inprocess()

    run.stdout.fnmatch_lines(["*not one", "*.py:3: LatticeAssertionError"])
    assert "query.py" not in run.stdout.str()


def test_network_does_not_outlive_its_report(lean: pytest.Pytester) -> None:
    """A session of many tests does not keep the histories of all of them."""
    lean.makeconftest(SHOP)
    lean.makepyfile(
        """
        import gc
        import weakref

        networks = []

        def test_passes(shop):
            shop.client("shop").get("/")
            networks.append(weakref.ref(shop))

        def test_later():
            gc.collect()
            assert networks[0]() is None
        """
    )

    # Inside this process, pytester itself remembers what every hook was called with.
    lean.runpytest_subprocess().assert_outcomes(passed=2)
