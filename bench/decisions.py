"""P11: the whole decision, on a translated request and from a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.guarded import PATH, ROLE, RULES, TENANT, URL, guarded, signed
from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import last_path, network, request
from pytest_lattice.decision.admission import Admission
from pytest_lattice.decision.decide import decide
from pytest_lattice.draws import Deck

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.harness import Effort
    from bench.report import Report
    from pytest_lattice.decision.decide import Decision


def run(report: Report, effort: Effort) -> None:
    """Measure without an auth policy, then with one."""
    _open(report, effort)
    _guarded(report, effort)


def _open(report: Report, effort: Effort) -> None:
    """Measure both, and how much an explanation costs when somebody asks."""
    with network() as lattice:
        url = f"https://my-service{last_path(RULES)}"
        first = lattice.decide("GET", url)
        asked = request(last_path(RULES), host=lattice.service("my-service").dns_name)
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


def _guarded(report: Report, effort: Effort) -> None:
    """Measure policy, rules and weights, unsigned and with the signature verified."""
    with guarded() as lattice:
        first = lattice.decide("GET", URL, headers=TENANT)
        host, own = lattice.service("my-service").dns_name, tuple(TENANT.items())
        anonymous = request(PATH, *own, host=host)
        proven = request(PATH, *signed(lattice, host, own), host=host)
        state, now, draw = first.state, first.now, Deck("bench")
        admit = Admission(lattice.configuration, None).admit
        figures = compare(
            [
                Case(
                    "decide, policy, unsigned",
                    lambda: decide(state, anonymous, now=now, draw=draw, admit=admit),
                    _is_let_in(anonymous=True),
                ),
                Case(
                    "decide, policy, signature verified",
                    lambda: decide(state, proven, now=now, draw=draw, admit=admit),
                    _is_let_in(anonymous=False),
                ),
                Case(
                    "network.decide, policy, role=",
                    lambda: lattice.decide("GET", URL, headers=TENANT, role=ROLE),
                    _is_let_in(anonymous=False),
                ),
            ],
            effort,
        )
    unsigned, verified, asked = figures.values()
    report.duration("P11", unsigned, Goal(5e-6, seconds))
    report.duration("P11", verified, Goal(10e-6, seconds))
    report.duration("P11", asked, Goal(5e-6, seconds))


def _is_let_in(*, anonymous: bool) -> Callable[[Decision], bool]:
    def judge(decision: Decision) -> bool:
        identity = decision.access and decision.access.identity
        return (
            _is_last(decision)
            and identity is not None
            and identity.is_anonymous is anonymous
        )

    return judge


def _is_last(decision: Decision) -> bool:
    return (
        decision.rule is not None
        and decision.rule.priority == RULES
        and decision.target is not None
        and decision.drawn is not None
    )
