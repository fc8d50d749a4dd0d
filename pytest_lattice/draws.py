"""Where a network's choices come from: a seeded shuffled deck, or honest dice.

The core asks for draws through `routing.weights.Draw`; these are the two
implementations.  The same seed gives the same draws in every run.
"""

from __future__ import annotations

from itertools import count
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_lattice.routing.weights import Drawn, cards

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.routing.weights import Draw


class _Turns:
    """Round robin: counts the requests of each target group."""

    def __init__(self) -> None:
        self._turns: dict[str, count[int]] = {}

    def turn(self, key: str) -> int:
        """Return how many requests a target group had before."""
        turns = self._turns.get(key)
        if turns is None:
            # One call each, so that threads do not come between.
            turns = self._turns.setdefault(key, count())
        return next(turns)


class Deck(_Turns):
    """Draw cards from a shuffled deck per rule, exact over each deck.

    Args:
        seed: any text; each rule's shuffles derive from it.
    """

    def __init__(self, seed: str) -> None:
        """Start with no deck dealt."""
        super().__init__()
        self._seed = seed
        self._lock = Lock()
        self._hands: dict[str, _Hand] = {}

    def share(self, key: str, weights: tuple[int, ...]) -> Drawn:
        """Draw the next card of a rule's deck, shuffling a new one when needed.

        Args:
            key: the ARN of the rule; with other weights it starts anew.
            weights: as declared.
        """
        hand = self._hands.get(key)
        if hand is None or hand.weights != weights:
            with self._lock:
                hand = self._hands.get(key)
                if hand is None or hand.weights != weights:
                    hand = _Hand(f"{self._seed}/{key}", weights)
                    self._hands[key] = hand
        return hand.draw()


class _Hand:
    """The cards that one rule has left."""

    __slots__ = ("_deck", "_left", "_lock", "_number", "_random", "weights")

    def __init__(self, seed: str, weights: tuple[int, ...]) -> None:
        self.weights = weights
        counts = cards(weights)
        self._deck = [index for index, n in enumerate(counts) for _ in range(n)]
        self._random = Random(seed)  # noqa: S311  # reproducible, not secret
        self._lock = Lock()
        self._left: list[Drawn] = []
        self._number = 0

    def draw(self) -> Drawn:
        while True:
            try:
                return self._left.pop()  # one step, so threads need no lock
            except IndexError:
                self._deal()

    def _deal(self) -> None:
        with self._lock:
            if self._left:
                return
            # Sorting by random keys is many times faster than `shuffle`.
            keys = [self._random.random() for _ in self._deck]
            deck = [card for _, card in sorted(zip(keys, self._deck, strict=True))]
            first = self._number
            self._number += len(deck)
            drawn = [Drawn(card, first + n) for n, card in enumerate(deck)]
            self._left.extend(reversed(drawn))


class Dice(_Turns):
    """Draw each time anew, honestly at random, from a seeded generator.

    Args:
        seed: any text.
    """

    def __init__(self, seed: str) -> None:
        """Seed the generator."""
        super().__init__()
        self._random = Random(seed)  # noqa: S311  # reproducible, not secret

    def share(self, key: str, weights: tuple[int, ...]) -> Drawn:  # noqa: ARG002  # Draw's
        """Draw by weight.

        Args:
            key: not used; all rules share the generator.
            weights: as declared.
        """
        indexes = range(len(weights))
        return Drawn(self._random.choices(indexes, weights)[0], None)


DrawKind: TypeAlias = Literal["deck", "random"]
#: How each kind of draw is made from a seed.
DRAWS: Mapping[str, Callable[[str], Draw]] = {"deck": Deck, "random": Dice}
