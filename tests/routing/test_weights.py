"""Shares of target groups, and the cards that make them exact."""

from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.routing.weights import cards, share_text


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((20, 10), (2, 1)),
        ((50, 50), (1, 1)),
        ((90, 10), (9, 1)),
        ((1, 2), (1, 2)),
        ((999, 1), (999, 1)),
        ((0, 7), (0, 1)),
        ((100,), (1,)),
        ((6, 10, 15), (6, 10, 15)),
        ((0, 0, 5, 10), (0, 0, 1, 2)),
    ],
    ids=str,
)
def test_cards(weights: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A deck is as small as the proportions allow."""
    assert cards(weights) == expected


@given(
    weights=st.lists(st.integers(0, 999), min_size=1, max_size=10)
    .map(tuple)
    .filter(any)
)
def test_cards_keep_the_proportions(weights: tuple[int, ...]) -> None:
    """A deck has the proportions of the weights, and no smaller deck has them."""
    deck = cards(weights)

    assert all(
        card * sum(weights) == weight * sum(deck)
        for card, weight in zip(deck, weights, strict=True)
    )
    assert gcd(*deck) == 1


@pytest.mark.parametrize(
    ("weight", "weights", "expected"),
    [(20, (20, 10), "20 of 30"), (0, (0, 5), "0 of 5"), (100, (100,), "100 of 100")],
)
def test_share_text(weight: int, weights: tuple[int, ...], expected: str) -> None:
    """A share is told as a person would say it."""
    assert share_text(weight, weights) == expected
