"""P10: finding the rule, on requests that are translated already.

The rule that matches is the last one.  werkzeug and starlette route by path only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.harness import Case, Figures, compare
from bench.report import Goal, Row, rate, seconds, spread
from bench.scenes import (
    exact_rules,
    header_rules,
    last_path,
    peer,
    prefix_rules,
    request,
)
from pytest_lattice.routing.table import RuleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.harness import Effort
    from bench.report import Report
    from pytest_lattice.model.service import Rule

_SIZES = (10, 100, 1000)
_KINDS: dict[str, Callable[[int], list[Rule]]] = {
    "path": exact_rules,
    "prefix": prefix_rules,
    "header": header_rules,
}


def run(report: Report, effort: Effort) -> None:
    """Measure by each kind of condition, at three sizes, then beside the peers."""
    for kind, rules in _KINDS.items():
        cases = [_find(kind, size, rules(size)) for size in _SIZES]
        figures = compare(cases, effort)
        ten, hundred, thousand = figures.values()
        per_second = Goal(1_000_000, rate, at_least=True)
        report.rows.append(_per_second(hundred, per_second))
        if kind == "header":
            report.duration("P10", hundred, Goal(3e-6, seconds))
        report.ratio("P10", (thousand, ten), Goal(1.2))
    _beside_routers(report, effort)


def _find(kind: str, size: int, rules: Sequence[Rule]) -> Case:
    table = RuleTable([(rule, rule.priority) for rule in rules], 0)
    asked = request(last_path(size), ("x-tenant", f"tenant-{size - 1:04d}"))
    return Case(
        f"{size:,} rules by {kind}",
        lambda: table.find(asked),
        lambda found: bool(found == size),
    )


def _per_second(figures: Figures, goal: Goal) -> Row:
    value = 1 / figures.median
    return Row(
        "P10",
        figures.name,
        f"{spread(figures)} = {rate(value)}",
        goal=goal,
        value=value,
    )


def _beside_routers(report: Report, effort: Effort) -> None:
    routers = [
        case for case in (_werkzeug(report), _starlette(report)) if case is not None
    ]
    ours = _find("path", 100, exact_rules(100))
    figures = compare([ours, *routers], effort)
    mine, *others = figures.values()
    for other in others:
        report.ratio("P10", (mine, other))


def _werkzeug(report: Report) -> Case | None:
    routing = peer("werkzeug.routing", report)
    if routing is None:
        return None
    paths = [rule.path for rule in exact_rules(100)]
    rules = [routing.Rule(path, endpoint=path) for path in paths]
    adapter = routing.Map(rules).bind("x")
    return Case(
        "werkzeug Map, 100 paths",
        lambda: adapter.match(paths[-1], method="GET"),
        lambda found: bool(found[0] == paths[-1]),
    )


def _starlette(report: Report) -> Case | None:
    routing = peer("starlette.routing", report)
    if routing is None:
        return None
    paths = [rule.path for rule in exact_rules(100)]

    async def endpoint(_: object) -> None: ...

    routes = [routing.Route(str(path), endpoint, name=str(path)) for path in paths]
    scope = {"type": "http", "path": paths[-1], "method": "GET"}

    def find() -> object:
        for route in routes:
            matched, _ = route.matches(scope)
            if matched is routing.Match.FULL:
                return route
        return None

    return Case(
        "starlette Router, 100 paths", find, lambda route: bool(route is routes[-1])
    )
