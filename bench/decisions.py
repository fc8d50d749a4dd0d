"""P11: the whole decision, on a translated request and from a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import last_path, network, request
from pytest_lattice.decision.decide import decide
from pytest_lattice.draws import Deck

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report
    from pytest_lattice.decision.decide import Decision

_RULES = 100


def run(report: Report, effort: Effort) -> None:
    """Measure both, and how much an explanation costs when somebody asks."""
    with network() as lattice:
        url = f"https://my-service{last_path(_RULES)}"
        first = lattice.decide("GET", url)
        asked = request(last_path(_RULES), host=lattice.service("my-service").dns_name)
        state, now, draw = first.state, first.now, Deck("bench")
        figures = compare(
            [
                Case(
                    "decide(state, request)",
                    lambda: decide(state, asked, now=now, draw=draw),
                    _is_last,
                ),
                Case(
                    "network.decide(method, url)",
                    lambda: lattice.decide("GET", url),
                    _is_last,
                ),
                Case(
                    "decision.explain(), 100 rules",
                    first.explain,
                    lambda text: "91 more rules" in text,
                ),
            ],
            effort,
        )
    whole, from_url, explained = figures.values()
    report.duration("P11", whole, Goal(5e-6, seconds))
    report.duration("P11", from_url, Goal(5e-6, seconds))
    report.duration("-", explained)


def _is_last(decision: Decision) -> bool:
    return (
        decision.rule is not None
        and decision.rule.priority == _RULES
        and decision.target is not None
        and decision.drawn is not None
    )
