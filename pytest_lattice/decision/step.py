"""One step of a decision, as a value.

What computes steps and what writes them as text meet here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a decision.

    Args:
        name: which, such as ``VPC``, ``listener`` or ``rule 10``.
        passed: whether the request went on along this step; a rule that does not
            match has not passed.
        text: the reason, in one line.
        path: the path that a rule asks for, where that is what did not match.
    """

    name: str
    passed: bool
    text: str
    path: str | None = None
