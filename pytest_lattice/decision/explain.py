"""The steps of a decision as text for people.

The text is what a failing assertion prints, so it is written as carefully as the
decision itself.  It knows steps and nothing of how they came about.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_lattice.decision.trace import Step, trace

if TYPE_CHECKING:
    from pytest_lattice.decision.decide import Decision

#: How many rules that did not match are shown; the nearest ones are.
_RULES_SHOWN = 8


def explain(decision: Decision) -> str:
    """Write a decision as text: the request, then each step on a line.

    Args:
        decision: the decision.

    Returns:
        Lines without a final line break.
    """
    request, vpc = decision.request, decision.way.vpc
    origin = f"VPC `{vpc.name}`" if vpc else f"VPC `{request.source.vpc}`"
    lines = [
        f"{request.method} {request.url} from {request.source.address} in {origin}"
    ]
    steps, hidden = _shortened(trace(decision), request.path)
    width = max(len(step.name) for step in steps)
    for step in steps:
        verdict = "yes" if step.passed else "no "
        lines.append(f"  {step.name:<{width}}  {verdict}  {step.text}")
        if hidden and step is hidden[0]:
            lines.append(f"  {'…':<{width}}  no   {hidden[1]} more rules did not match")
    return "\n".join(lines)


def _shortened(
    steps: tuple[Step, ...], path: str
) -> tuple[list[Step], tuple[Step, int] | None]:
    """Leave out the rules that are farthest from matching."""
    missed = [
        each for each in steps if each.name.startswith("rule") and not each.passed
    ]
    if len(missed) <= _RULES_SHOWN:
        return list(steps), None
    nearest = sorted(missed, key=lambda step: _distance(step, path))[:_RULES_SHOWN]
    shown = [each for each in steps if each not in missed or each in nearest]
    last = [each for each in shown if each in nearest][-1]
    return shown, (last, len(missed) - _RULES_SHOWN)


def _distance(step: Step, path: str) -> float:
    """Rate how far a rule was from matching; a rule past its path is near."""
    if "path is " not in step.text:
        return 0.0
    wanted = step.text.rpartition(" not `")[2]
    return 2.0 - SequenceMatcher(None, path, wanted).ratio()
