"""The plugin in pytest runs of all kinds, and what it costs where it is not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugin.conftest import is_installed

if TYPE_CHECKING:
    from pathlib import Path

# Blocking and async clients, a WSGI app, an ASGI app with a lifespan, and a decision.
USES = """
import asyncio
from pytest_lattice import Forward, Listener, Rule, Service, TargetGroup

def wsgi(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"wsgi"]

async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asgi"})

def add_to(network):
    network.add(
        TargetGroup("wsgi", targets=[wsgi]),
        TargetGroup("asgi", targets=[asgi]),
        Service("shop", listeners=[
            Listener("HTTPS", default=Forward("wsgi"), rules=[
                Rule(1, path="/asgi", action=Forward("asgi")),
            ]),
        ]),
    )

def test_blocking(lattice_network):
    add_to(lattice_network)
    with lattice_network.client("shop") as client:
        assert [client.get(path).text for path in ("/", "/asgi")] == ["wsgi", "asgi"]

def test_async(lattice_network):
    add_to(lattice_network)
    async def main():
        async with lattice_network.async_client("shop") as client:
            return [(await client.get(path)).text for path in ("/", "/asgi")]
    assert asyncio.run(main()) == ["wsgi", "asgi"]

def test_decision(lattice_network):
    add_to(lattice_network)
    assert lattice_network.decide("GET", "https://shop/asgi").rule.priority == 1

def test_without():
    pass
"""


def test_fixture_needs_no_option(pytester: pytest.Pytester) -> None:
    """Nothing has to be switched on, and nobody is warned of anything."""
    pytester.makepyfile(USES)

    run = pytester.runpytest_subprocess()

    run.assert_outcomes(passed=4)
    assert "Warning" not in run.stdout.str()


@pytest.mark.parametrize(
    "options",
    [
        ("-W", "error"),
        ("--strict-markers", "--strict-config"),
        ("--import-mode=importlib", "-x"),
        ("--import-mode=append", "--assert=plain", "-p", "no:cacheprovider"),
        ("-W", "error", "-s", "-vv", "-rA", "--setup-show"),
    ],
    ids=["-W error", "--strict", "importlib", "append", "verbose"],
)
def test_fixture_works_under_any_options(
    lean: pytest.Pytester, options: tuple[str, ...]
) -> None:
    """No strictness of a project is broken, and no import mode matters."""
    lean.makepyfile(USES)

    lean.runpytest_subprocess(*options).assert_outcomes(passed=4)


def test_fixture_works_in_process(pytester: pytest.Pytester) -> None:
    """A run inside this one works as well, for those who test plugins of their own."""
    pytester.makepyfile(USES)

    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=4)


def test_fixture_works_on_workers(lean: pytest.Pytester) -> None:
    """Under xdist each worker has networks of its own."""
    lean.makepyfile(test_one=USES, test_two=USES)

    run = lean.runpytest_subprocess("-p", "xdist", "-n", "2", "-W", "error")

    run.assert_outcomes(passed=8)


def test_plugin_can_be_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pytest loads no plugin by itself, the module can be asked for."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS")
    pytester.makepyfile(USES)

    run = pytester.runpytest_subprocess("-p", "pytest_lattice.plugin", "-W", "error")

    run.assert_outcomes(passed=4)


def test_plugin_can_be_left_out(
    pytester: pytest.Pytester, pytestconfig: pytest.Config
) -> None:
    """With `-p no:lattice` there is no fixture and no option, and the rest runs."""
    if not is_installed(pytestconfig):
        pytest.skip("pytest-lattice is not installed, so it has no entry point")
    pytester.makepyfile(USES)

    run = pytester.runpytest_subprocess("-p", "no:lattice")

    run.assert_outcomes(passed=1, errors=3)
    run.stdout.fnmatch_lines(["*fixture 'lattice_network' not found"])
    assert pytester.runpytest_subprocess(
        "-p", "no:lattice", "--lattice-seed=1"
    ).ret == (pytest.ExitCode.USAGE_ERROR)


def test_broken_test_files_are_pytests_business(pytester: pytest.Pytester) -> None:
    """An error while tests are collected is shown as it would be without us."""
    pytester.makepyfile(test_broken="import no_such_module", test_fine=USES)

    run = pytester.runpytest_inprocess()

    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*No module named 'no_such_module'*"])
    assert "pytest_lattice" not in run.stdout.str()


def test_help_shows_a_group_of_options(pytester: pytest.Pytester) -> None:
    """Every option stands in one group of `pytest --help`, and has an ini twin."""
    text = pytester.runpytest_inprocess("--help").stdout.str()

    group = text.partition("VPC Lattice service networks:\n")[2].partition("\n\n")[0]
    assert "--lattice-seed=TEXT" in group
    assert "--lattice-draw={deck,random}" in group.replace(" ", "=")
    ini = text.partition("\n[pytest] ")[2]
    assert "lattice_seed (string):" in ini
    assert "lattice_draw (string):" in ini


def test_options_begin_with_the_name_of_the_plugin(
    pytestconfig: pytest.Config,
) -> None:
    """No option and no fixture of ours can be taken for another plugin's."""
    ours = [name for name in vars(pytestconfig.option) if "lattice" in name]

    assert sorted(ours) == ["lattice_draw", "lattice_seed", "lattice_update"]


def test_fixture_is_explained(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` says what the fixture is."""
    run = pytester.runpytest_inprocess("--fixtures")

    run.stdout.fnmatch_lines(
        [
            "lattice_network -- *",
            "    An empty service network that lives as long as the test.",
        ]
    )


def test_unknown_draw_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """A misspelled draw is told before any test runs."""
    run = pytester.runpytest_inprocess("--lattice-draw=dice")

    assert run.ret == pytest.ExitCode.USAGE_ERROR
    run.stderr.fnmatch_lines(["*--lattice-draw*invalid choice: 'dice'*"])


# Writes which modules a run has loaded when it ends.
WRITES_MODULES = """
import sys
from pathlib import Path

def pytest_unconfigure(config):
    Path("modules.txt").write_text("\\n".join(sys.modules))
"""


def modules_of(pytester: pytest.Pytester, path: Path, *options: str) -> set[str]:
    """Run pytest in a process of its own, and read which modules it loaded."""
    run = pytester.runpytest_subprocess(*options)
    assert run.ret in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    return set((path / "modules.txt").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("options", [("--collect-only",), ()], ids=["collect", "run"])
def test_unused_plugin_loads_nothing(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    """Where no test asks for a network, only the plugin's own modules are loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS")
    pytester.makeconftest(WRITES_MODULES)
    pytester.makepyfile("def test_without(): pass")

    without = modules_of(pytester, pytester.path, *options)
    loaded = modules_of(
        pytester, pytester.path, "-p", "pytest_lattice.plugin", *options
    )

    assert loaded - without == {
        "pytest_lattice",
        "pytest_lattice.hookspecs",
        "pytest_lattice.plugin",
    }
    assert without <= loaded


def test_nothing_is_used_unasked(lean: pytest.Pytester) -> None:
    """A test that does not ask for the network has no fixture of ours."""
    lean.makepyfile(
        """
        import sys

        def test_without(request):
            assert not [name for name in request.fixturenames if "lattice" in name]
            assert "pytest_lattice.network" not in sys.modules
        """
    )

    lean.runpytest_subprocess().assert_outcomes(passed=1)
