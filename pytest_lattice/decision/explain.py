"""The steps of a decision as text for people.

The text is what a failing assertion prints, so it is written as carefully as the
decision itself.  It knows steps and nothing of how they came about.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_lattice.decision.step import Step
from pytest_lattice.decision.trace import trace

if TYPE_CHECKING:
    from pytest_lattice.decision.decide import Decision

#: How many rules that did not match are shown; the nearest ones are.
_RULES_SHOWN = 8


def explain(decision: Decision, *, every_statement: bool = False) -> str:
    """Write a decision as text: the request, then each step on a line.

    Args:
        decision: the decision.
        every_statement: whether the statements of policies that allow are shown too.

    Returns:
        Lines without a final line break.
    """
    request, vpc = decision.request, decision.way.vpc
    origin = f"VPC `{vpc.name}`" if vpc else f"VPC `{request.source.vpc}`"
    lines = [
        f"{request.method} {request.url} from {request.source.address} in {origin}"
    ]
    traced = trace(decision, every_statement=every_statement)
    steps = _shortened(traced, request.path)
    width = max(len(step.name) for step in steps)
    for step in steps:
        verdict = "yes" if step.passed else "no"
        lines.append(f"  {step.name:<{width}}  {verdict:<3}  {step.text}")
    access = decision.access
    if access is not None and access.diagnosis is not None:
        found = access.diagnosis.lines()
        lines += ["", *(f"  {line}".rstrip() for line in found)]
    return "\n".join(lines)


def _shortened(steps: tuple[Step, ...], path: str) -> list[Step]:
    """Leave out the rules that are farthest from matching."""
    missed = [
        position
        for position, step in enumerate(steps)
        if step.name.startswith("rule") and not step.passed
    ]
    # One line for a single rule would save nothing.
    if len(missed) <= _RULES_SHOWN + 1:
        return list(steps)
    missed.sort(key=lambda position: _distance(steps[position], path))
    hidden = set(missed[_RULES_SHOWN:])
    shown = [step for position, step in enumerate(steps) if position not in hidden]
    last = steps[max(missed[:_RULES_SHOWN])]
    text = f"{len(hidden)} more rules did not match; these were the nearest"
    after = shown.index(last) + 1
    return [*shown[:after], Step("…", passed=False, text=text), *shown[after:]]


def _distance(step: Step, path: str) -> float:
    """Rate how far a rule was from matching; a rule for this very path is near."""
    if step.path is None:
        return 0.0
    return 2.0 - SequenceMatcher(None, path, step.path).ratio()
