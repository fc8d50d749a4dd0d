"""Weights: shares of target groups, and the deck that makes them exact.

A deck has as many cards for each target group as its weight, divided by the
greatest common divisor of all weights.  Shuffling and counting cards is the
business of whoever draws; nothing here is random.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple, Protocol


class Drawn(NamedTuple):
    """One draw of a target group.

    Args:
        index: which of the forward's target groups.
        number: how many draws the rule had before, counted over its decks; None
            where draws are honestly random.
    """

    index: int  # type: ignore[assignment]  # the field, not tuple.index
    number: int | None


class Draw(Protocol):
    """Where the two choices of a decision come from."""

    def share(self, key: str, weights: tuple[int, ...]) -> Drawn:
        """Choose among weighted target groups.

        Args:
            key: the ARN of the rule, whose draws are independent of others'.
            weights: as declared; at least two, not all zero.
        """

    def turn(self, key: str) -> int:
        """Return how many requests a target group had before.

        Args:
            key: the ARN of the target group.
        """


def cards(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Return how many cards of a deck each weight has.

    Args:
        weights: 0 to 999 each, not all zero.

    Returns:
        The weights divided by their greatest common divisor.
    """
    divisor = gcd(*weights)
    return tuple(weight // divisor for weight in weights)


def share_text(weight: int, weights: tuple[int, ...]) -> str:
    """Write a share as a person would, such as ``20 of 30``."""
    return f"{weight} of {sum(weights)}"
