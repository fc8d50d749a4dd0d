"""P17: what the fixture costs a test, beside an empty one and the peers' fixtures.

Each is a whole pytest process over 301 generated tests, its processor's time taken from
inside from the end of the first one, so that neither pytest's start-up nor a first use
counts.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.harness import BrokenCase, interleaved
from bench.report import Goal, Row, seconds
from bench.startup import python

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Effort, Figures
    from bench.report import Report

_TESTS = 300
_ROUNDS = 9

# Times all tests but the first.
_TIMING = """
import gc, time
ends = []
def pytest_runtest_logfinish():
    if not ends:
        gc.collect()
    ends.append(time.process_time())
def pytest_unconfigure():
    print(f"\\nseconds:{ends[-1] - ends[0]}")
"""

_EMPTY = """
import httpx, pytest
transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"ok"))
client = httpx.Client(transport=transport, base_url="https://my-service")
@pytest.fixture
def empty():
    yield client
@pytest.mark.parametrize("number", range(301))
def test(empty, number):
    assert empty.get("/area-9/x").content == b"ok"
"""

_OURS = """
import pytest
from pytest_lattice import FixedResponse, Forward, Listener, Rule, Service, TargetGroup
def app(environ, start_response):
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]
@pytest.fixture
def shop(lattice_network):
    lattice_network.add(
        TargetGroup("instances", targets=[app]),
        Service("my-service", listeners=[
            Listener("HTTPS", default=FixedResponse(404), rules=[
                Rule(n + 1, path_prefix=f"/area-{n}/", action=Forward("instances"))
                for n in range(10)
            ]),
        ]),
    )
    return lattice_network
@pytest.mark.parametrize("number", range(301))
def test(shop, number):
    assert shop.client("my-service").get("/area-9/x").content == b"ok"
"""

_RESPX = """
import httpx, pytest
client = httpx.Client(verify=False)
@pytest.mark.parametrize("number", range(301))
def test(respx_mock, number):
    respx_mock.get("https://my-service/area-9/x").respond(content=b"ok")
    assert client.get("https://my-service/area-9/x").content == b"ok"
"""

_PYTEST_HTTPX = """
import httpx, pytest
client = httpx.Client(verify=False)
@pytest.mark.parametrize("number", range(301))
def test(httpx_mock, number):
    httpx_mock.add_response(url="https://my-service/area-9/x", content=b"ok")
    assert client.get("https://my-service/area-9/x").content == b"ok"
"""

_HTTPSERVER = """
import httpx, pytest
client = httpx.Client(verify=False)
@pytest.mark.parametrize("number", range(301))
def test(httpserver, number):
    httpserver.expect_request("/area-9/x").respond_with_data(b"ok")
    assert client.get(httpserver.url_for("/area-9/x")).content == b"ok"
"""

_BASE = "an empty fixture"
_MINE = "lattice_network, 10 rules, client, 1 request"
#: The tests by name, with the plugin they need and the package that has it.
_FILES = {
    _MINE: (_OURS, "pytest_lattice.plugin", "pytest_lattice"),
    _BASE: (_EMPTY, "timing", "pytest"),
    "httpx_mock (pytest-httpx)": (_PYTEST_HTTPX, "pytest_httpx", "pytest_httpx"),
    "respx_mock": (_RESPX, "respx.plugin", "respx"),
    "httpserver": (
        _HTTPSERVER,
        "pytest_httpserver.pytest_plugin",
        "pytest_httpserver",
    ),
}


def run(report: Report, effort: Effort) -> None:
    """Measure all of them in turn."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "timing.py").write_text(_TIMING)
        measures: dict[str, Callable[[], float]] = {}
        for case, (source, plugin, package) in _FILES.items():
            if find_spec(package) is None:
                report.remark(f"{package} is not installed; its fixture is left out")
                continue
            file = f"test_{package}.py"
            (folder / file).write_text(source)
            measures[case] = _measure(folder, file, plugin)
        for measure in measures.values():
            measure()  # compiles what is not compiled yet
        rounds = 3 if effort.quick else _ROUNDS
        _tell(report, interleaved(measures, rounds))


def _measure(folder: Path, file: str, plugin: str) -> Callable[[], float]:
    options = ("-q", "-p", "no:cacheprovider", "-p", "timing", "-s", "-p", plugin)

    def measure() -> float:
        printed = python(folder, "-m", "pytest", *options, file)
        if f"{_TESTS + 1} passed" not in printed:
            raise BrokenCase(f"{file}: {printed}")
        taken = printed.partition("seconds:")[2].partition("\n")[0]
        return float(taken) / _TESTS

    return measure


def _tell(report: Report, figures: dict[str, Figures]) -> None:
    base, mine = figures.pop(_BASE), figures.pop(_MINE)
    adds = mine.difference(base)
    report.rows.append(
        Row(
            "P17",
            _MINE,
            f"{seconds(adds)} a test",
            _BASE,
            seconds(base.median),
            mine.ratio(base),
            Goal(0.0005, seconds),
            adds,
        )
    )
    for name, peer in figures.items():
        theirs = peer.difference(base)
        report.rows.append(
            Row(
                "P17",
                _MINE,
                f"{seconds(adds)} a test",
                name,
                f"{seconds(theirs)} a test",
                adds / theirs,
            )
        )
