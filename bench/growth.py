"""P13: what more rules and a longer history cost a request, setting up and changing."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import (
    Response,
    is_ok,
    is_ok_from_last,
    last_path,
    network,
    prefix_rules,
    shop,
    wsgi_app,
)
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.service import Listener, Rule, Service
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.network import LatticeNetwork

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_LOGGED = 30_000


def run(report: Report, effort: Effort) -> None:
    """Measure growth with rules, setting up, changing, and growth with history."""
    _rules(report, effort)
    _setting_up(report, effort)
    _changing(report, effort)
    _history(report, effort)


def _rules(report: Report, effort: Effort) -> None:
    with (
        network(rules=1000) as many,
        many.client("my-service") as large,
        network(rules=1) as one,
        one.client("my-service") as small,
    ):
        figures = compare(
            [
                Case(
                    "request, 1,000 rules",
                    lambda: large.get(last_path(1000)),
                    is_ok_from_last(1000),
                ),
                Case(
                    "request, 1 rule",
                    lambda: small.get(last_path(1)),
                    is_ok_from_last(1),
                ),
            ],
            effort,
        )
    report.ratio("P13", figures.values(), Goal(1.1))


def _setting_up(report: Report, effort: Effort) -> None:
    declared = shop(wsgi_app, prefix_rules(1000))

    def add() -> LatticeNetwork:
        made = LatticeNetwork()
        made.add(*declared)
        return made

    def declare_and_add() -> LatticeNetwork:
        made = LatticeNetwork()
        made.add(*shop(wsgi_app, prefix_rules(1000)))
        return made

    figures = compare(
        [
            Case("1,000 rules declared and added", declare_and_add, _has_rules),
            Case("1,000 declared rules added", add, _has_rules),
        ],
        effort,
    )
    for each in figures.values():
        report.duration("P13", each, Goal(0.010, seconds))


def _has_rules(made: LatticeNetwork) -> bool:
    decision = made.decide("GET", f"https://my-service{last_path(1000)}")
    return decision.rule is not None and decision.rule.priority == 1000


def _changing(report: Report, effort: Effort) -> None:
    many, large = network(rules=100), _large()
    service, numbers = many.service("my-service"), count()
    (listener,) = service.listeners

    def add_rule() -> LatticeNetwork:
        number = next(numbers) % 1000
        rule = Rule(1000 + number, path=f"/new-{number}", action=FixedResponse(404))
        listeners = [replace(listener, rules=[*listener.rules, rule])]
        many.change(replace(service, listeners=listeners))
        return many

    def change_one() -> LatticeNetwork:
        one = large.service("service-7")
        tags = {"number": str(next(numbers))}
        large.change(replace(one, tags=tags))
        return large

    figures = compare(
        [
            Case("a rule added to 100", add_rule, _has_added),
            Case(
                "one of 200 services changed",
                change_one,
                lambda made: made.service("service-7").tags != {},
            ),
        ],
        effort,
    )
    report.duration("P13", figures["a rule added to 100"], Goal(0.001, seconds))
    report.duration("P13", figures["one of 200 services changed"])


def _large() -> LatticeNetwork:
    """Make a network of 200 services with 10 rules each."""
    made = LatticeNetwork()
    for number in range(200):
        action = Forward(f"group-{number}")
        rules = [Rule(n + 1, path=f"/{n}", action=action) for n in range(10)]
        made.add(
            TargetGroup(f"group-{number}", targets=[wsgi_app]),
            Service(
                f"service-{number}",
                listeners=[Listener("HTTPS", default=action, rules=rules)],
            ),
        )
    return made


def _has_added(made: LatticeNetwork) -> bool:
    rules = made.service("my-service").listeners[0].rules
    path = rules[-1].path
    decision = made.decide("GET", f"https://my-service{path}")
    return len(rules) == 101 and decision.rule == rules[-1]


def _history(report: Report, effort: Effort) -> None:
    with (
        network(history=_LOGGED) as long,
        long.client("my-service") as full,
        network(history=1) as short,
        short.client("my-service") as empty,
    ):
        for _ in range(_LOGGED):
            full.get(last_path(100))

        def is_ok_after_many(response: Response) -> bool:
            return is_ok(response) and len(long.exchanges) == _LOGGED

        figures = compare(
            [
                Case(
                    "request, 30,000 logged before",
                    lambda: full.get(last_path(100)),
                    is_ok_after_many,
                ),
                Case(
                    "request, none kept",
                    lambda: empty.get(last_path(100)),
                    is_ok_from_last(100),
                ),
            ],
            effort,
        )
    report.ratio("P13", figures.values(), Goal(1.05))
