"""P7, P8, P9: decisions under an auth policy, beside other policy engines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.guarded import (
    ROLE,
    TENANT,
    URL,
    Asked,
    ask,
    asked,
    guarded,
    policy,
    statement,
)
from bench.harness import Case, Figures, compare
from bench.report import Goal, Row, rate, seconds, spread
from bench.simulators import NodeCase, cedar, iam_simulate
from pytest_lattice.auth import reasons
from pytest_lattice.auth.call import Call
from pytest_lattice.auth.evaluate import evaluate
from pytest_lattice.auth.reasons import explain_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType

    from bench.harness import Effort
    from bench.report import Report
    from pytest_lattice.auth.evaluate import Denial, Layer, Verdict

_STATEMENTS = 100
_PATH = "vpc-lattice-svcs:RequestPath"


def run(report: Report, effort: Effort) -> None:
    """Measure a policy alone, beside its peers, with its reasons, and a long one."""
    with guarded() as lattice:
        layer, calls = asked(lattice)
        _alone(report, effort, layer, calls)
        _beside_engines(report, effort, layer, tuple(calls.values()))
        _hundred(report, effort)
        _explained(report, effort, layer, calls)
        _unasked(report, lambda: lattice.decide("GET", URL, headers=TENANT, role=ROLE))


def _alone(
    report: Report, effort: Effort, layer: Layer, calls: Mapping[str, Asked]
) -> None:
    cases = [
        Case(f"4 statements, {name}", _decides(layer, each), _is(each.verdict))
        for name, each in calls.items()
    ]
    for each in compare(cases, effort).values():
        report.rows.append(_per_second(each))


def _decides(layer: Layer, each: Asked) -> Callable[[], Denial | None]:
    """Decide as the guard does: from a request, and from who made it."""
    layers = (layer,)
    request, identity, place, now, _ = each.call
    return lambda: evaluate(layers, Call(request, identity, place, now))


def _is(verdict: Verdict) -> Callable[[Denial | None], bool]:
    return lambda denial: verdict == ("ALLOW" if denial is None else denial.verdict)


def _per_second(figures: Figures) -> Row:
    value = 1 / figures.median
    return Row(
        "P7",
        figures.name,
        f"{spread(figures)} = {rate(value)}",
        goal=Goal(500_000, rate, at_least=True),
        value=value,
    )


def _beside_engines(
    report: Report, effort: Effort, layer: Layer, calls: Sequence[Asked]
) -> None:
    """Ask every engine the same calls; what is shown is one decision."""
    decides = [_decides(layer, each) for each in calls]
    rights = [_is(each.verdict) for each in calls]
    ours = Case(
        f"4 statements, {len(calls)} calls in turn",
        lambda: [decide() for decide in decides],
        lambda found: all(
            right(each) for right, each in zip(rights, found, strict=True)
        ),
    )
    with iam_simulate(calls, report) as simulator:
        engines = [*([simulator] if simulator else ()), *cedar(calls, report)]
        figures = compare([ours, *(each.case for each in engines)], effort)
    mine = _each(figures[ours.name], len(calls))
    report.rows.append(_per_second(mine))
    for case, decisions in engines:
        goal = Goal(1 / 300 if isinstance(case, NodeCase) else 1 / 25)
        report.ratio("P7", (mine, _each(figures[case.name], decisions)), goal)


def _each(figures: Figures, decisions: int) -> Figures:
    """Share what a call takes among the decisions it makes."""
    return Figures(figures.name, tuple(each / decisions for each in figures.rounds))


# ---- a long policy ----------------------------------------------------------


def _hundred(report: Report, effort: Effort) -> None:
    """Ask policies of which only the last of all statements applies."""
    cases = []
    kinds = {"equality": ("StringEquals", ""), "pattern": ("StringLike", "/*")}
    for kind, (operator, end) in kinds.items():
        document = _long(operator, end)
        with guarded(document) as lattice:
            layer, call = ask(lattice, "GET", f"/area-0099{end}", TENANT)
        each = Asked(call, "ALLOW")
        name = f"{_STATEMENTS} statements by {kind}"
        cases.append(Case(name, _decides(layer, each), _is("ALLOW")))
    for each in compare(cases, effort).values():
        report.duration("P8", each, Goal(10e-6, seconds))


def _long(operator: str, end: str) -> dict[str, object]:
    """Make half of the statements deny other paths, and half allow their own."""
    return policy(
        statement(
            f"S{number:04d}",
            "Deny" if number < _STATEMENTS // 2 else "Allow",
            {operator: {_PATH: f"/area-{number:04d}{end}"}},
        )
        for number in range(_STATEMENTS)
    )


# ---- reasons ----------------------------------------------------------------


def _explained(
    report: Report, effort: Effort, layer: Layer, calls: Mapping[str, Asked]
) -> None:
    """Decide, and write what each statement and each of its conditions made of it."""

    def case(name: str, each: Asked) -> Case:
        decide = _decides(layer, each)

        def explained() -> tuple[Denial | None, str, list[list[str]]]:
            denial = decide()
            result = explain_layer(layer.source, each.call)
            texts = [
                [miss.text for miss in row.misses] or [row.reason]
                for row in result.statements
            ]
            return denial, result.reason, texts

        return Case(
            f"with all reasons, {name}",
            explained,
            lambda found: _is(each.verdict)(found[0]) and len(found[2]) == 4,
        )

    cases = [case(name, each) for name, each in calls.items()]
    for each in compare(cases, effort).values():
        report.duration("P9", each, Goal(25e-6, seconds))


def _unasked(report: Report, decide: Callable[[], object]) -> None:
    """Count what the reasons take of a decision for which nobody asks them."""
    count = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename == reasons.__file__

    sys.setprofile(watch)
    try:
        decide()
    finally:
        sys.setprofile(None)
    row = Row(
        "P9",
        "calls for reasons that nobody asks",
        str(count),
        goal=Goal(0, lambda value: f"{value:.0f}"),
        value=count,
    )
    report.rows.append(row)
