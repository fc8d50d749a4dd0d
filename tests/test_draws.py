"""The shuffled deck and the honest dice."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.draws import Deck, Dice
from pytest_lattice.routing.weights import Draw

WEIGHTS = st.lists(st.integers(0, 999), min_size=1, max_size=10).map(tuple).filter(any)
SOME_WEIGHTS = (
    st.lists(st.integers(0, 12), min_size=1, max_size=5).map(tuple).filter(any)
)
both = pytest.mark.parametrize("make", [Deck, Dice])


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let Python switch threads as often as it can, so that a race shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def indexes(draw: Draw, key: str, weights: tuple[int, ...], count: int) -> list[int]:
    """Draw a number of times and give what was drawn."""
    return [draw.share(key, weights).index for _ in range(count)]


def deck_size(weights: tuple[int, ...]) -> int:
    """Count the cards of one deck."""
    return sum(weights) // gcd(*weights)


# ----------------------------------------------------------------------------- the deck


@given(weights=WEIGHTS, seed=st.text(max_size=5))
def test_each_deck_is_exact(weights: tuple[int, ...], seed: str) -> None:
    """Over one deck each target group comes as often as its weight says."""
    size = deck_size(weights)

    counts = Counter(indexes(Deck(seed), "rule", weights, size))

    divisor = gcd(*weights)
    assert counts == +Counter({i: w // divisor for i, w in enumerate(weights)})


@given(weights=SOME_WEIGHTS, seed=st.text(max_size=5), decks=st.integers(2, 4))
def test_every_further_deck_is_exact(
    weights: tuple[int, ...], seed: str, decks: int
) -> None:
    """Counts are exact again at the end of each further deck."""
    size = deck_size(weights)
    drawn = indexes(Deck(seed), "rule", weights, decks * size)

    hands = {tuple(sorted(drawn[n : n + size])) for n in range(0, len(drawn), size)}

    assert len(hands) == 1


@given(weights=SOME_WEIGHTS, seed=st.text(max_size=5))
def test_draws_are_numbered(weights: tuple[int, ...], seed: str) -> None:
    """Draws are counted over the decks of a rule, from zero."""
    deck = Deck(seed)
    count = 2 * deck_size(weights) + 1

    numbers = [deck.share("rule", weights).number for _ in range(count)]

    assert numbers == list(range(count))


def test_decks_are_shuffled_anew() -> None:
    """The second deck of a rule is in another order than the first."""
    drawn = indexes(Deck("seed"), "rule", (20, 11), 62)

    assert drawn[:31] != drawn[31:]


def test_draws_do_not_alternate() -> None:
    """The order cannot be relied on: the deck is no round robin."""
    drawn = indexes(Deck("seed"), "rule", (1, 1), 40)

    assert any(before == after for before, after in pairwise(drawn))


def test_rules_have_decks_of_their_own() -> None:
    """Draws of one rule neither use up nor repeat those of another."""
    alone = indexes(Deck("seed"), "rule-1", (3, 4), 14)
    deck = Deck("seed")
    mixed = [
        [deck.share(key, (3, 4)).index for key in ("rule-1", "rule-2")]
        for _ in range(14)
    ]

    assert [first for first, _ in mixed] == alone
    assert [second for _, second in mixed] != alone


def test_equal_weights_go_on_with_the_deck() -> None:
    """The same weights in another tuple, as after another change, go on."""
    whole = indexes(Deck("seed"), "rule", (3, 4), 7)
    deck = Deck("seed")

    begun = indexes(deck, "rule", (3, 4), 3)
    rest = indexes(deck, "rule", (*[3], *[4]), 4)

    assert begun + rest == whole


def test_changed_weights_start_a_new_deck() -> None:
    """With other weights the counts are exact from the very next draw on."""
    deck = Deck("seed")
    indexes(deck, "rule", (90, 10), 3)

    first = deck.share("rule", (50, 50))
    rest = deck.share("rule", (50, 50))

    assert sorted([first.index, rest.index]) == [0, 1]
    assert (first.number, rest.number) == (0, 1)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_share_a_deck() -> None:
    """However threads come between each other, counts over decks are exact."""
    deck, weights, each = Deck("seed"), (7, 2, 1), 500

    with ThreadPoolExecutor(8) as pool:
        drawn = pool.map(
            lambda _: [deck.share("rule", weights) for _ in range(each)], range(8)
        )
        draws = [draw for some in drawn for draw in some]

    assert Counter(draw.index for draw in draws) == {0: 2800, 1: 800, 2: 400}
    assert sorted(draw.number or 0 for draw in draws) == list(range(8 * each))


# ----------------------------------------------------------------------------- the dice


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((1, 1), (5000, 5000)),
        ((90, 10), (9000, 1000)),
        ((20, 10), (6667, 3333)),
        ((1, 2, 7), (1000, 2000, 7000)),
    ],
)
def test_dice_follow_the_weights(
    weights: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    """Over 10,000 draws of this seed the frequencies are near the weights."""
    # Four standard deviations are 200 at most.
    counts = Counter(indexes(Dice("seed"), "rule", weights, 10_000))

    assert [counts[i] for i in range(len(weights))] == pytest.approx(expected, abs=200)


def test_dice_are_not_exact() -> None:
    """Honest draws miss the exact counts, which is what they are for."""
    counts = Counter(indexes(Dice("seed"), "rule", (1, 1), 1000))

    assert counts[0] != counts[1]


def test_dice_have_no_number() -> None:
    """Where there is no deck there is no card to name."""
    assert Dice("seed").share("rule", (1, 1)).number is None


# ------------------------------------------------------------------------- what both do


@both
def test_same_seed_same_draws(make: Callable[[str], Draw]) -> None:
    """The same seed draws the same in every run."""
    first, again = (
        make("tests/test_shop.py::test_a"),
        make("tests/test_shop.py::test_a"),
    )

    assert indexes(first, "rule", (5, 8), 100) == indexes(again, "rule", (5, 8), 100)


@both
def test_other_seed_other_draws(make: Callable[[str], Draw]) -> None:
    """Another seed draws in another order."""
    first, other = (
        make("tests/test_shop.py::test_a"),
        make("tests/test_shop.py::test_b"),
    )

    assert indexes(first, "rule", (5, 8), 100) != indexes(other, "rule", (5, 8), 100)


def test_draws_of_a_seed_never_change() -> None:
    """A release that draws differently breaks users' tests, so the draws stand here."""
    assert indexes(Deck("seed"), "rule", (2, 1), 12) == [
        1,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        1,
        0,
        1,
        0,
    ]
    assert indexes(Dice("seed"), "rule", (2, 1), 12) == [
        0,
        0,
        1,
        0,
        0,
        1,
        1,
        0,
        0,
        0,
        1,
        0,
    ]


@both
@pytest.mark.parametrize("weights", [(0, 3), (3, 0), (0, 1, 0), (0, 0, 999)])
def test_weight_zero_is_never_drawn(
    make: Callable[[str], Draw], weights: tuple[int, ...]
) -> None:
    """A target group with weight 0 gets nothing."""
    drawn = set(indexes(make("seed"), "rule", weights, 1000))

    assert all(weights[index] > 0 for index in drawn)


@both
def test_turns_count_for_each_group(make: Callable[[str], Draw]) -> None:
    """Each target group has a round of its own, from zero."""
    draw = make("seed")

    turns = [draw.turn(group) for group in ("a", "b", "a", "a", "b")]

    assert turns == [0, 0, 1, 2, 1]


@both
@pytest.mark.usefixtures("hasty_threads")
def test_threads_share_a_round(make: Callable[[str], Draw]) -> None:
    """However threads come between each other, no turn is given twice or left out."""
    draw, each = make("seed"), 2000

    with ThreadPoolExecutor(8) as pool:
        given_out = pool.map(
            lambda _: [draw.turn("group") for _ in range(each)], range(8)
        )
        turns = [turn for some in given_out for turn in some]

    assert sorted(turns) == list(range(8 * each))
