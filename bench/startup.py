"""P15, P16: what the plugin costs a run that does not use it, and its first use.

Both are whole processes, taken in pairs; what is counted is their processors' time.
P15 also compares the modules that are imported, which is exact where milliseconds are
not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.harness import BrokenCase, Figures, interleaved
from bench.report import Goal, Row, seconds, spread

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_ROOT = Path(__file__).parent.parent
_PLUGIN = ("-p", "pytest_lattice.plugin")
#: What nobody asked for; asyncio alone takes 42 ms.
_HEAVY = {"asyncio", "boto3", "botocore", "cryptography", "grpc", "trustme"}

# Prints the modules of a pytest run, as the last thing that pytest does.
_LISTING = """
import json, sys
def pytest_unconfigure():
    print("modules:" + json.dumps(sorted(sys.modules)))
"""

# Prints the seconds from the first import to the first answer, and the new modules.
_FIRST_USE = """
import json, sys, time
import pytest, httpx
def app(environ, start_response):
    start_response("200 OK", [("content-length", "2")])
    return [b"ok"]
before = set(sys.modules)
start = time.process_time()
from pytest_lattice import FixedResponse, Forward, LatticeNetwork, Listener, Rule
from pytest_lattice import Service, TargetGroup
network = LatticeNetwork()
network.add(
    TargetGroup("instances", targets=[app]),
    Service("my-service", listeners=[
        Listener("HTTPS", default=FixedResponse(404), rules=[
            Rule(10, path_prefix="/orders", action=Forward("instances")),
        ]),
    ]),
)
response = network.client("my-service").get("/orders/1")
taken = time.process_time() - start
print(json.dumps({
    "seconds": taken,
    "right": response.status_code == 200 and response.content == b"ok",
    "new": sorted(set(sys.modules) - before),
}))
"""


def run(report: Report, effort: Effort) -> None:
    """Measure a run that does not use the plugin, then a first use."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("")
        (folder / "listing.py").write_text(_LISTING)
        _imports(report, folder)
        _unused(report, effort, folder)
        _first_use(report, effort, folder)


def environment(folder: Path) -> dict[str, str]:
    """Make an environment in which no plugin loads by itself.

    Compiled modules are kept in the folder, as an installed package has them, and not
    in the source tree; the first process of each kind fills it and is not counted.
    """
    own = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPATH": os.pathsep.join([str(folder), str(_ROOT)]),
        "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
    }
    return os.environ | own


def python(folder: Path, *arguments: str) -> str:
    """Run Python in a folder and return what it printed.

    Raises:
        BrokenCase: it failed.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 5}:  # 5: pytest collected nothing
        raise BrokenCase(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout


def _collect(folder: Path, *options: str) -> str:
    options = ("--collect-only", "-q", "-p", "no:cacheprovider", *options)
    return python(folder, "-m", "pytest", *options, "test_empty.py")


def spent_by_children() -> float:
    """Return the processor time of all processes that were run from here."""
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _imports(report: Report, folder: Path) -> None:
    def modules(*options: str) -> set[str]:
        printed = _collect(folder, "-p", "listing", *options)
        line = printed.partition("modules:")[2].partition("\n")[0]
        return set(json.loads(line))

    new = modules(*_PLUGIN) - modules()
    if "pytest_lattice.plugin" not in new:
        raise BrokenCase("unused plugin: it was not loaded at all")
    foreign = sorted(each for each in new if not each.startswith("pytest_lattice"))
    own = len(new) - len(foreign)
    row = Row(
        "P15",
        "modules an unused plugin imports",
        f"{own} own, {len(foreign)} others",
        goal=Goal(0, lambda value: f"{value:.0f} others"),
        value=len(foreign),
    )
    report.rows.append(row)
    if foreign:
        report.remark(f"the unused plugin imports {', '.join(foreign)}")


def _unused(report: Report, effort: Effort, folder: Path) -> None:
    def whole(*options: str) -> float:
        start = spent_by_children()
        _collect(folder, *options)
        return spent_by_children() - start

    figures = interleaved(
        {
            "pytest --collect-only, plugin unused": lambda: whole(*_PLUGIN),
            "pytest --collect-only": whole,
        },
        effort.processes,
    )
    ours, bare = figures.values()
    adds = ours.difference(bare)
    report.rows.append(
        Row(
            "P15",
            "what an unused plugin adds",
            seconds(adds),
            "pytest --collect-only",
            seconds(bare.median),
            ours.ratio(bare),
            Goal(0.005, seconds),
            adds,
        )
    )


def _first_use(report: Report, effort: Effort, folder: Path) -> None:
    answers = [
        json.loads(python(folder, "-c", _FIRST_USE))
        for _ in range(effort.processes // 2 + 1)
    ]
    if not all(answer["right"] for answer in answers):
        raise BrokenCase("first use: wrong answer")
    # The first process may have had to compile the modules.
    figures = Figures("first use", tuple(each["seconds"] for each in answers[1:]))
    report.rows.append(
        Row(
            "P16",
            "first use, after pytest and httpx",
            spread(figures),
            goal=Goal(0.015, seconds),
            value=figures.median,
        )
    )
    new = answers[-1]["new"]
    heavy = sorted(_HEAVY & set(new))
    row = Row(
        "P16",
        "modules the first use imports",
        f"{len(new)}, heavy ones: {', '.join(heavy) or 'none'}",
        goal=Goal(0, lambda value: f"{value:.0f} heavy"),
        value=len(heavy),
    )
    report.rows.append(row)
