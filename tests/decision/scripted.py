"""A draw that does as it is told, and tells what it was asked."""

from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.model.configuration import Resource
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.routing.state import State
from pytest_lattice.routing.weights import Draw, Drawn
from tests.routing.build import compiled


class Scripted:
    """Draws the given card and turn, always.

    Args:
        card: which of the cards with a weight is drawn, counted from 0.
        number: the number of the draw; None as with dice.
        turn: how many requests a target group had before.
    """

    def __init__(self, card: int = 0, *, number: int | None = 0, turn: int = 0) -> None:
        """Note what to answer."""
        self.card, self.number, self.turns = card, number, turn
        self.asked: list[str] = []

    def share(self, key: str, weights: tuple[int, ...]) -> Drawn:
        """Choose among the groups that have a weight, as `Draw` must."""
        assert len(weights) > 1
        assert any(weights)
        self.asked.append(f"share {key}")
        weighted = [index for index, weight in enumerate(weights) if weight]
        return Drawn(weighted[self.card % len(weighted)], self.number)

    def turn(self, key: str) -> int:
        """Give the turn."""
        self.asked.append(f"turn {key}")
        return self.turns


def decided(
    request: LatticeRequest, *resources: Resource, draw: Draw | None = None
) -> Decision:
    """Decide on a request among resources, all of whose targets serve."""
    return decided_on(compiled(*resources), request, draw=draw)


def decided_on(
    state: State, request: LatticeRequest, *, draw: Draw | None = None
) -> Decision:
    """Decide on a request in a state."""
    return decide(state, request, now=0, draw=draw or Scripted())
