"""pytest's hooks and the fixture `lattice_network`.

Loading this module imports the standard library and pytest only; everything else
is imported when the fixture is used.  Nothing runs for tests that do not ask.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_lattice.clients.listener import LiveServer
    from pytest_lattice.clients.proxy import LiveProxy
    from pytest_lattice.network import LatticeNetwork

_NETWORK = pytest.StashKey["LatticeNetwork"]()
_SETTINGS = (
    "draw",
    "auth_settings",
    "history",
    "lambda_settings",
    "raise_target_exceptions",
    "seed",
)
# The settings that a marker may have for each door.
_DOORS = {
    "dns": ("strict", "vpc"),
    "intercept": ("strict", "vpc"),
    "proxy": ("strict", "vpc"),
    "server": ("vpc",),
}
#: How many exchanges and log entries a failing test shows.
_SHOWN = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and their ini twins; pytest calls it once."""
    group = parser.getgroup("lattice", "VPC Lattice service networks")
    group.addoption(
        "--lattice-seed",
        metavar="TEXT",
        help="seed of draws and request ids; each test's own by default, "
        "and shown when the test fails (ini: lattice_seed)",
    )
    group.addoption(
        "--lattice-draw",
        choices=("deck", "random"),
        help="how target groups are drawn: deck (exact over each deck, default) "
        "or random (ini: lattice_draw)",
    )
    group.addoption(
        "--lattice-update",
        action="store_true",
        help="rewrite the files that access matrices are compared with",
    )
    parser.addini("lattice_seed", "see --lattice-seed", default="")
    parser.addini("lattice_draw", "see --lattice-draw", default="deck")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; pytest calls it once."""
    config.addinivalue_line(
        "markers",
        "lattice(**settings): settings of this test's lattice_network, as "
        f"LatticeNetwork takes them: {', '.join(_SETTINGS)}",
    )
    for door, taken in _DOORS.items():
        config.addinivalue_line(
            "markers",
            f"lattice_{door}({', '.join(taken)}): settings of this test's "
            f"lattice_{door}, as LatticeNetwork.{door} takes them",
        )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare this plugin's own hooks; pytest calls it once."""
    from pytest_lattice import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Collect case files; nothing is imported where there are none."""
    if not file_path.name.endswith(".lattice.yaml"):
        return None
    from pytest_lattice.cases.collect import CaseFile

    file = CaseFile.from_parent(parent, path=file_path)
    file.settings = _options(parent.config, file.nodeid)
    return file


@pytest.fixture
def lattice_network(request: pytest.FixtureRequest) -> Generator[LatticeNetwork]:
    """An empty service network that lives as long as the test.

    Add to it what the test needs, then ask it for clients and decisions.
    """
    from pytest_lattice.network import LatticeNetwork

    with LatticeNetwork(**_settings(request), hook=request.node.ihook) as network:
        request.node.stash[_NETWORK] = network
        yield network


@pytest.fixture
def lattice_intercept(
    request: pytest.FixtureRequest, lattice_network: LatticeNetwork
) -> Generator[LatticeNetwork]:
    """`lattice_network`, which httpx clients of the code under test reach too.

    For its settings, those of `LatticeNetwork.intercept`, mark the test
    ``lattice_intercept(strict=True)``.
    """
    with lattice_network.intercept(**_of_door(request, "intercept")):
        yield lattice_network


@pytest.fixture
def lattice_dns(
    request: pytest.FixtureRequest, lattice_network: LatticeNetwork
) -> Generator[LatticeNetwork]:
    """`lattice_network`, whose names every library of this process finds.

    For its settings, those of `LatticeNetwork.dns`, mark the test
    ``lattice_dns(strict=True)``.
    """
    with lattice_network.dns(**_of_door(request, "dns")):
        yield lattice_network


@pytest.fixture
def lattice_server(
    request: pytest.FixtureRequest, lattice_network: LatticeNetwork
) -> Generator[LiveServer]:
    """The services of `lattice_network` behind real sockets on loopback.

    Services that are added later are served as well.  For its settings, those of
    `LatticeNetwork.server`, mark the test ``lattice_server(vpc="near")``.
    """
    with lattice_network.server(**_of_door(request, "server")) as server:
        yield server


@pytest.fixture
def lattice_proxy(
    request: pytest.FixtureRequest, lattice_network: LatticeNetwork
) -> Generator[LiveProxy]:
    """A proxy into `lattice_network`, for subprocesses in any language.

    For its settings, those of `LatticeNetwork.proxy`, mark the test
    ``lattice_proxy(strict=True)``.
    """
    with lattice_network.proxy(**_of_door(request, "proxy")) as proxy:
        yield proxy


def _of_door(request: pytest.FixtureRequest, door: str) -> dict[str, Any]:
    """Collect what markers say of a door."""
    return _marked(request.node, f"lattice_{door}", _DOORS[door])


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Collect the settings; a marker near the test wins over options and ini."""
    node = request.node
    return _options(request.config, node.nodeid) | _marked(node, "lattice", _SETTINGS)


def _options(config: pytest.Config, nodeid: str) -> dict[str, Any]:
    """Collect what options and ini say of networks."""
    seed = config.getoption("--lattice-seed") or config.getini("lattice_seed")
    draw = config.getoption("--lattice-draw") or config.getini("lattice_draw")
    return {
        "seed": seed or nodeid,
        "draw": draw,
        "update_files": config.getoption("--lattice-update"),
    }


def _marked(node: pytest.Item, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Collect what markers say; one near the test wins."""
    settings: dict[str, Any] = {}
    for marker in reversed(list(node.iter_markers(name))):
        _check(marker, known)
        settings |= marker.kwargs
    return settings


def _check(marker: pytest.Mark, known: tuple[str, ...]) -> None:
    from pytest_lattice.errors import advised, unknown

    name = marker.name
    for value in marker.args:
        raise advised(
            f"the marker {name} takes settings by name, not `{value!r}`",
            f"name it, as in {name}({known[0]}={value!r})",
        )
    for setting in marker.kwargs:
        if setting not in known:
            raise unknown(f"setting of the marker {name}", setting, known)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Deliver access logs while all fixtures stand, whichever was made first.

    After them the mock of AWS may be gone, with the buckets that are delivered to.
    """
    network = item.stash.get(_NETWORK, None)
    try:
        if network is not None:
            network.deliver_rest()
    finally:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the network saw to the report of a failing test."""
    report = yield
    network = item.stash.get(_NETWORK, None)
    if network is not None:
        if report.failed:
            report.sections += _sections(network)
        if report.when == "teardown":
            # A session keeps its items to the end; their histories must not stay.
            del item.stash[_NETWORK]
    return report


def _sections(network: LatticeNetwork) -> list[tuple[str, str]]:
    seed = f"seed {network.seed!r}, draw {network.draw!r}\n"
    quoted = re.sub(r'["$`]', r"\\\g<0>", network.seed)
    seed += f'again with: --lattice-seed="{quoted}"'
    if network.draw != "deck":
        seed += f" --lattice-draw={network.draw}"
    sections = [("lattice seed", seed)]
    exchanges = network.exchanges
    last = exchanges[-_SHOWN:]
    if last:
        text = "\n\n".join(each.explain() for each in last)
        title = f"lattice: last {len(last)} of {len(exchanges)} exchanges"
        sections.append((title, text))
    entries = network.access_log[-_SHOWN:]
    if entries:
        lines = "\n".join(repr(each) for each in entries)
        sections.append((f"lattice access log, last {len(entries)}", lines))
    return sections
