"""What the health checks of many targets cost, and one target that flaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import network
from pytest_lattice import Forward, Listener, Service, Target, TargetGroup
from pytest_lattice.network import LatticeNetwork

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_GROUPS, _TARGETS = 10, 1000


def run(report: Report, effort: Effort) -> None:
    """Measure an hour of checks, and a status that changes beside many rules."""
    with _many() as many:

        def hour() -> LatticeNetwork:
            many.clock.advance(3600)
            return many

        case = Case("10,000 targets checked for an hour", hour, _are_healthy)
        for each in compare([case], effort).values():
            report.duration("health", each, Goal(5.0, seconds))
    with network(rules=1000) as ruled:
        ruled.add(
            TargetGroup("flapping", targets=[Target("i-1"), Target("i-2")]),
            Service(
                "beside",
                listeners=[Listener("HTTP", default=Forward("flapping"))],
            ),
        )

        def flap() -> LatticeNetwork:
            ruled.set_target_status("flapping", "i-1", "UNHEALTHY")
            ruled.set_target_status("flapping", "i-1", None)
            return ruled

        case = Case("a status there and back, 1,000 rules", flap, _takes_turns)
        for each in compare([case], effort).values():
            report.duration("health", each, Goal(100e-6, seconds))


def _many() -> LatticeNetwork:
    names = [f"web-{number}" for number in range(_GROUPS)]
    made = LatticeNetwork()
    made.add(
        *(TargetGroup(name, targets=["echo"] * _TARGETS) for name in names),
        Service(
            "shop",
            listeners=[Listener("HTTP", default=Forward(dict.fromkeys(names, 1)))],
        ),
    )
    return made


def _are_healthy(made: LatticeNetwork) -> bool:
    rows = [
        row
        for group in made.configuration.target_groups
        for row in made.target_health(group.name)
    ]
    return len(rows) == _GROUPS * _TARGETS and all(
        (row.status, row.last_check) == ("HEALTHY", "GET / answered 200")
        for row in rows
    )


def _takes_turns(made: LatticeNetwork) -> bool:
    found = {made.decide("GET", "http://beside/").target for _ in range(2)}
    return len(found) == 2
