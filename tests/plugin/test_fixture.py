"""The fixture `lattice_network`: its life, its seed, its scope and its hooks."""

from __future__ import annotations

import json

import pytest


def test_network_is_empty_and_new(pytester: pytest.Pytester) -> None:
    """Each test begins with nothing declared and nothing recorded."""
    pytester.makepyfile(
        """
        import pytest
        from pytest_lattice import LatticeNetwork, Service
        from pytest_lattice.model.configuration import Configuration

        @pytest.mark.parametrize("n", [1, 2])
        def test_new(lattice_network, n):
            assert type(lattice_network) is LatticeNetwork
            assert lattice_network.configuration == Configuration()
            assert lattice_network.exchanges == ()
            lattice_network.add(Service("shop"))
        """
    )

    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_network_is_one_in_a_test(pytester: pytest.Pytester) -> None:
    """A test and all fixtures that it uses have the same network."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def one(lattice_network):
            return lattice_network

        @pytest.fixture
        def other(lattice_network):
            return lattice_network

        def test_same(one, other, lattice_network):
            assert one is other is lattice_network
        """
    )

    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_network_is_closed_after_its_test(pytester: pytest.Pytester) -> None:
    """When a test is over, its apps are shut down and its network is of no use."""
    pytester.makepyfile(
        """
        import pytest
        from pytest_lattice import Forward, LatticeError, Listener, Service, TargetGroup

        seen, networks = [], []

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                while True:
                    kind = (await receive())["type"]
                    seen.append(kind)
                    await send({"type": f"{kind}.complete"})
                    if kind == "lifespan.shutdown":
                        return
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        @pytest.fixture
        def later(lattice_network):
            yield
            assert lattice_network.client("shop").get("/").status_code == 204

        def test_use(lattice_network, later):
            networks.append(lattice_network)
            lattice_network.add(
                TargetGroup("apps", targets=[app]),
                Service("shop", listeners=[Listener("HTTP", default=Forward("apps"))]),
            )
            lattice_network.client("shop").get("/")
            assert seen == ["lifespan.startup"]

        def test_after():
            assert seen == ["lifespan.startup", "lifespan.shutdown"]
            with pytest.raises(LatticeError, match="the network is closed"):
                networks[0].client("shop")
        """
    )

    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=2)


def test_network_can_be_used_in_unittest_classes(pytester: pytest.Pytester) -> None:
    """A `unittest.TestCase` gets the network through a fixture of its own."""
    pytester.makepyfile(
        """
        import unittest
        import pytest
        from pytest_lattice import FixedResponse, Listener, Service

        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _network(self, lattice_network):
                self.network = lattice_network

            def test_gone(self):
                listener = Listener("HTTP", default=FixedResponse(404))
                self.network.add(Service("gone", listeners=[listener]))
                self.assertEqual(self.network.client("gone").get("/").status_code, 404)
        """
    )

    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_networks_can_stand_side_by_side(shop: pytest.Pytester) -> None:
    """A test may make a second network, which knows nothing of the first."""
    shop.makepyfile(
        """
        import pytest
        from pytest_lattice import ConfigurationError, LatticeNetwork

        def test_two(shop):
            with LatticeNetwork(seed=shop.seed) as other:
                with pytest.raises(ConfigurationError):
                    other.client("shop")
                other.add(*shop.configuration.target_groups)
                other.add(*shop.configuration.services)
                mine, theirs = (
                    [each.client("shop").get("/").json()["target"] for _ in range(8)]
                    for each in (shop, other)
                )
            assert mine == theirs
            assert len(shop.exchanges) == len(other.exchanges) == 8
        """
    )

    shop.runpytest_inprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_network_lives_no_longer_than_a_test(
    pytester: pytest.Pytester, scope: str
) -> None:
    """A network for several tests would let one test change what another sees."""
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.fixture(scope="{scope}")
        def shop(lattice_network):
            return lattice_network

        def test_shop(shop):
            pass
        """
    )

    run = pytester.runpytest_inprocess()

    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["ScopeMismatch:*"])


# ------------------------------------------------------------------ seeds and draws

DRAWS = """
import json
from pathlib import Path

def test_draws(shop, groups):
    Path("draws.json").write_text(json.dumps([shop.seed, shop.draw, *groups]))
"""


def draws(pytester: pytest.Pytester, *options: str) -> list[str]:
    """Run a test that writes seed, kind of draw and the groups it drew."""
    pytester.runpytest_inprocess("-k", "draws", *options).assert_outcomes(passed=1)
    text = (pytester.path / "draws.json").read_text(encoding="utf-8")
    return [str(each) for each in json.loads(text)]


def test_seed_is_the_node_id(shop: pytest.Pytester) -> None:
    """Each test has draws of its own, the same ones in every run."""
    shop.makepyfile(test_it=DRAWS)

    first, again = draws(shop), draws(shop)

    assert first[:2] == ["test_it.py::test_draws", "deck"]
    assert first == again
    assert first.count("blue") == 15


def test_seed_can_be_chosen(shop: pytest.Pytester) -> None:
    """An option sets the seed of all tests, its ini twin too, and the option wins."""
    shop.makepyfile(test_it=DRAWS)
    by_option = draws(shop, "--lattice-seed=one")
    by_ini = draws(shop, "-o", "lattice_seed=one")
    by_both = draws(shop, "-o", "lattice_seed=two", "--lattice-seed=one")
    other = draws(shop, "--lattice-seed=two")

    assert by_option[0] == "one"
    assert by_option == by_ini == by_both
    assert other[2:] != by_option[2:]


def test_draw_can_be_chosen(shop: pytest.Pytester) -> None:
    """An option chooses the draw, its ini twin too, and the option wins."""
    shop.makepyfile(test_it=DRAWS)

    assert draws(shop)[1] == "deck"
    assert draws(shop, "--lattice-draw=random")[1] == "random"
    assert draws(shop, "-o", "lattice_draw=random")[1] == "random"
    assert draws(shop, "-o", "lattice_draw=random", "--lattice-draw=deck")[1] == "deck"


def test_options_can_stand_in_a_file(shop: pytest.Pytester) -> None:
    """A project sets its defaults where it sets those of pytest."""
    shop.makepyfile(test_it=DRAWS)
    shop.makeini("[pytest]\nlattice_seed = ours\nlattice_draw = random\n")

    assert draws(shop, "--strict-config")[:2] == ["ours", "random"]


def test_unknown_draw_in_a_file_is_told(shop: pytest.Pytester) -> None:
    """What a file misspells is told by the first test that asks for a network."""
    shop.makepyfile(test_it=DRAWS)

    run = shop.runpytest_inprocess("-o", "lattice_draw=decks")

    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*ConfigurationError: unknown draw `decks`", "*`deck`?"])


# ---------------------------------------------------------------------------- hooks

CONFTEST = """
from answers import Answers
from pytest_lattice import FixedResponse, Listener, Service

def pytest_lattice_configure(network):
    listener = Listener("HTTP", default=FixedResponse(404))
    network.add(Service("{name}", listeners=[listener]))

def pytest_lattice_exchange(network, exchange):
    SEEN.append(("{name}", network, exchange))

def pytest_lattice_make_target(obj):
    return Answers("{name}") if obj == "{name}!" else None

SEEN = []
"""
ANSWERS = '''
from pytest_lattice import LatticeResponse, TargetReply

class Answers:
    """A target that answers with its name."""

    def __init__(self, name):
        self.name = name

    def call(self, request, body):
        return TargetReply(LatticeResponse(200, ()), self.name.encode())

    def close(self):
        pass
'''


def test_hooks_of_a_folder_count_there_only(lean: pytest.Pytester) -> None:
    """The hooks in a conftest.py are called for the tests of its folder."""
    lean.makepyfile(answers=ANSWERS)
    lean.makeconftest(CONFTEST.format(name="root"))
    for folder in ("one", "two"):
        path = lean.mkdir(folder)
        conftest = CONFTEST.format(name=folder)
        (path / "conftest.py").write_text(conftest, encoding="utf-8")
        (path / f"test_{folder}.py").write_text(
            f"""
import pytest
from pytest_lattice import ConfigurationError, Forward, Listener, Service, TargetGroup

OTHER = "two" if {folder!r} == "one" else "one"

def test_configure(lattice_network):
    names = [each.name for each in lattice_network.configuration.services]
    assert sorted(names) == sorted(["root", {folder!r}])

def test_exchange(lattice_network, pytestconfig):
    lattice_network.client("root").get("/path")
    seen = [
        name
        for plugin in pytestconfig.pluginmanager.get_plugins()
        for name, network, exchange in getattr(plugin, "SEEN", ())
        if network is lattice_network and exchange.request.path == "/path"
    ]
    assert sorted(seen) == sorted(["root", {folder!r}])

@pytest.mark.parametrize("name", ["root", {folder!r}])
def test_make_target(lattice_network, name):
    lattice_network.add(
        TargetGroup("group", targets=[name + "!"]),
        Service("shop", listeners=[Listener("HTTP", default=Forward("group"))]),
    )
    assert lattice_network.client("shop").get("/").text == name

def test_make_no_target(lattice_network):
    with pytest.raises(ConfigurationError):
        lattice_network.add(TargetGroup("group", targets=[OTHER + "!"]))
""",
            encoding="utf-8",
        )

    run = lean.runpytest_subprocess("-W", "error")

    run.assert_outcomes(passed=10)


def test_hook_that_fails_fails_the_test(pytester: pytest.Pytester) -> None:
    """An error while a network is prepared is an error of the test's setup."""
    pytester.makeconftest(
        """
        def pytest_lattice_configure(network):
            raise RuntimeError("cannot prepare")
        """
    )
    pytester.makepyfile("def test_it(lattice_network): pass")

    run = pytester.runpytest_inprocess()

    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*RuntimeError: cannot prepare"])


def test_hook_that_does_not_exist_is_told(pytester: pytest.Pytester) -> None:
    """A misspelled hook in a conftest.py is found by pytest."""
    pytester.makeconftest("def pytest_lattice_exchanges(network): pass")

    run = pytester.runpytest_inprocess()

    assert run.ret != pytest.ExitCode.OK
    said = run.stdout.str() + run.stderr.str()
    assert "unknown hook 'pytest_lattice_exchanges' in plugin" in said


# ----------------------------------------------------------------------- async tests

ASYNC = """
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from pytest_lattice import Forward, Listener, Service, TargetGroup

async def hello(request):
    return PlainTextResponse("hello")

@pytest.fixture
def shop(lattice_network):
    lattice_network.add(
        TargetGroup("apps", targets=[Starlette(routes=[Route("/", hello)])]),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("apps"))]),
    )
    return lattice_network

@pytest.fixture
async def client(shop):
    async with shop.async_client("shop") as client:
        yield client

{mark}
async def test_client(client):
    assert [(await client.get("/")).text for _ in range(3)] == ["hello"] * 3

{mark}
async def test_streamed(client, shop):
    async with client.stream("GET", "/") as response:
        assert [chunk async for chunk in response.aiter_bytes()] == [b"hello"]
    assert shop.access_log.one().response_code == 200

def test_blocking(shop):
    assert shop.client("shop").get("/").text == "hello"
"""


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio(pytester: pytest.Pytester, mode: str, scope: str) -> None:
    """Async tests and fixtures of pytest-asyncio work, on whichever loop they run."""
    mark = f'@pytest.mark.asyncio(loop_scope="{scope}")'
    text = ASYNC.format(mark=mark)
    own = f'@pytest_asyncio.fixture(loop_scope="{scope}")\nasync def client'
    text = text.replace("@pytest.fixture\nasync def client", own)
    pytester.makepyfile(f"import pytest_asyncio\n{text}")

    run = pytester.runpytest_inprocess("-W", "error", "-o", f"asyncio_mode={mode}")

    run.assert_outcomes(passed=3)


def test_anyio(pytester: pytest.Pytester) -> None:
    """Async tests and fixtures of anyio work, under asyncio and under trio."""
    mark = "@pytest.mark.anyio"
    pytester.makepyfile(
        ASYNC.format(mark=mark)
        + """
@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
"""
    )

    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=5)
