"""A million requests through one network must not need more memory than the first.

It runs in a process of its own, each request with a path that was never seen before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import BrokenCase
from bench.report import Goal, Row, mebibytes
from bench.scenes import network, request
from bench.startup import python

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_FIRST, _LAST = 100_000, 1_000_000


def run(report: Report, effort: Effort) -> None:
    """Measure after 100,000 and after a million requests."""
    if effort.quick:
        report.remark("memory takes a minute and is left out of --quick")
        return
    if not Path("/proc/self/status").exists():
        report.remark("memory reads /proc, which this system does not have")
        return
    printed = python(Path(__file__).parent.parent, "-m", "bench.memory")
    before, after = json.loads(printed)
    row = Row(
        "memory",
        "1,000,000 requests handled",
        mebibytes(after),
        "after 100,000",
        mebibytes(before),
        after / before,
        Goal(1.05),
        after / before,
    )
    report.rows.append(row)


def measure() -> list[int]:
    """Handle a million requests; return the memory in use at both marks."""
    marks = []
    with network() as lattice:
        host = lattice.service("my-service").dns_name
        for number in range(1, _LAST + 1):
            reply = lattice.entrance.handle(
                request(f"/area-0099/{number}", host=host), b""
            )
            if reply.exchange is None or reply.exchange.response.status != 200:
                raise BrokenCase(f"request {number}: {reply}")
            if number in {_FIRST, _LAST}:
                marks.append(_resident())
    return marks


def _resident() -> int:
    """Return this process's resident memory in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure()))
