"""Counts against shares: compared with scipy and with sums written out naively."""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pytest_lattice.assertions.statistics import (
    accepted_counts,
    binomial_pmf,
    binomial_test,
    multinomial_test,
    needed_requests,
    power,
)

# Weights of two, three and more categories, with and without zero shares.
WEIGHTS = [
    (90, 10),
    (50, 50),
    (1, 99),
    (1, 0),
    (0, 3, 7),
    (1, 1, 1),
    (80, 15, 5),
    (1, 2, 0, 3),
]
SHARES = st.floats(min_value=1e-6, max_value=1 - 1e-6)
RATES = st.floats(min_value=1e-9, max_value=0.4)


@st.composite
def binomial_cases(draw: st.DrawFn) -> tuple[int, int, float]:
    """Draw a count, a sample size up to a million, and a share that may fit."""
    n = draw(st.integers(1, 10**6))
    p = draw(SHARES)
    away = draw(st.floats(-30, 30)) * math.sqrt(n * p * (1 - p))
    return min(n, max(0, round(n * p + away))), n, p


def tables(n: int, categories: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to spread `n` draws over the categories."""
    for head in product(range(n + 1), repeat=categories - 1):
        if sum(head) <= n:
            yield *head, n - sum(head)


def table_probability(table: Sequence[int], shares: Sequence[float]) -> float:
    """Return the multinomial probability of a table, from its definition."""
    ways = math.factorial(sum(table))
    for count in table:
        ways //= math.factorial(count)
    return ways * math.prod(
        share**count for share, count in zip(shares, table, strict=True)
    )


def rejection_probability(
    n: int, weights: Sequence[int], drawn: Sequence[float], false_alarm: float
) -> float:
    """Return how likely a sample is rejected when it is `drawn` with other shares."""
    return math.fsum(
        table_probability(table, drawn)
        for table in tables(n, len(weights))
        if multinomial_test(table, weights) <= false_alarm
    )


def wrong_distributions(
    weights: Sequence[int], detect: float
) -> Iterator[tuple[float, ...]]:
    """Yield each distribution in which one share is off and the rest make up for it."""
    shares = [weight / sum(weights) for weight in weights]
    for index, share in enumerate(shares):
        for wrong in (share - detect, share + detect):
            if 0 <= wrong <= 1 and share < 1:
                scale = (1 - wrong) / (1 - share)
                drawn = [other * scale for other in shares]
                drawn[index] = wrong
                yield tuple(drawn)


@pytest.mark.parametrize("n", [0, 1, 2, 15, 17, 40])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_pmf_equals_the_definition(n: int, p: float) -> None:
    """For small samples the probability is that of exact fractions."""
    exact = Fraction(p)
    for k in range(n + 1):
        expected = math.comb(n, k) * exact**k * (1 - exact) ** (n - k)
        assert binomial_pmf(k, n, p) == pytest.approx(float(expected), rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("k", "n", "p"),
    [(500_000, 10**6, 0.5), (100_900, 10**6, 0.1), (3, 10**6, 1e-6), (999, 1000, 0.9)],
)
def test_pmf_is_accurate_for_large_samples(k: int, n: int, p: float) -> None:
    """A million draws cost no more digits than the rounding of `n * p` does."""
    with localcontext(prec=50):
        exact = Decimal(p)
        expected = exact**k * (1 - exact) ** (n - k)
        for drawn in range(min(k, n - k)):
            expected = expected * (n - drawn) / (drawn + 1)
    assert binomial_pmf(k, n, p) == pytest.approx(float(expected), rel=2e-12, abs=0)


@pytest.mark.parametrize("k", [-1, 11])
def test_pmf_is_zero_outside(k: int) -> None:
    """There are never fewer than no successes, nor more than draws."""
    assert binomial_pmf(k, 10, 0.3) == 0.0


def test_pmf_survives_a_vanishing_share() -> None:
    """The smallest of all floats is a share like any other."""
    assert binomial_pmf(0, 10, 5e-324) == 1.0
    assert binomial_pmf(5, 10, 5e-324) == 0.0


@pytest.mark.parametrize("n", [1, 2, 3, 10, 25, 100])
@pytest.mark.parametrize("p", [0.001, 0.1, 0.25, 1 / 3, 0.5, 0.9, 0.999])
def test_binomial_test_equals_scipy_over_a_table(n: int, p: float) -> None:
    """Every count of a small sample has scipy's p-value, ties included."""
    for k in range(n + 1):
        expected = binomtest(k, n, p).pvalue
        assert binomial_test(k, n, p) == pytest.approx(expected, rel=1e-9, abs=0)


@given(binomial_cases())
@example((500_000, 10**6, 0.5))
@example((500_500, 10**6, 0.5))
@example((0, 10**6, 1e-6))
def test_binomial_test_equals_scipy(case: tuple[int, int, float]) -> None:
    """The p-value is scipy's to nine digits, up to a million draws."""
    k, n, p = case
    expected = binomtest(k, n, p).pvalue
    assume(expected > 1e-280)
    # Where two counts are as likely but for a 1e-7 part, rounding decides on the tie.
    likely = binom.pmf(k, n, p) * (1 + 1e-7)
    mirrored = 2 * round(n * p) - k
    near = [
        float(binom.pmf(other, n, p)) for other in range(mirrored - 50, mirrored + 51)
    ]
    assume(all(abs(other / likely - 1) > 1e-9 for other in near))
    assert binomial_test(k, n, p) == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("k", "n", "p", "expected"),
    [
        (0, 0, 0.3, 1.0),
        (0, 5, 0.0, 1.0),
        (1, 5, 0.0, 0.0),
        (5, 5, 1.0, 1.0),
        (4, 5, 1.0, 0.0),
        (0, 4, 0.5, 0.125),
        (10**6, 10**6, 0.5, 0.0),
    ],
)
def test_binomial_test_at_the_edges(k: int, n: int, p: float, expected: float) -> None:
    """No draws prove nothing; what cannot happen has the p-value zero."""
    assert binomial_test(k, n, p) == pytest.approx(expected, rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("k", "n", "p", "message"),
    [
        (-1, 5, 0.5, "the count `-1` is not between 0 and 5"),
        (6, 5, 0.5, "the count `6` is not between 0 and 5"),
        (1, 5, 1.5, "the share `1.5` is not between 0 and 1"),
        (1, 5, math.nan, "the share `nan` is not between 0 and 1"),
    ],
)
def test_binomial_test_refuses_nonsense(k: int, n: int, p: float, message: str) -> None:
    """Arguments that no sample can have are named."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        binomial_test(k, n, p)
    assert str(caught.value) == message


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 50))
def test_two_categories_are_binomial(first: int, second: int, weight: int) -> None:
    """With two categories the p-value is the binomial one, whichever comes first."""
    n, share = first + second, weight / (weight + 7)
    assert multinomial_test([first, second], [weight, 7]) == binomial_test(
        first, n, share
    )
    assert multinomial_test([second, first], [7, weight]) == pytest.approx(
        binomial_test(first, n, share), rel=1e-9, abs=0
    )


@pytest.mark.parametrize("weights", [(1, 1, 1), (80, 15, 5), (1, 2, 3, 4)])
def test_more_categories_are_tested_one_by_one(weights: tuple[int, ...]) -> None:
    """The p-value is the smallest of scipy's, times the number of categories."""
    for table in tables(6, len(weights)):
        single = [
            binomtest(count, 6, weight / sum(weights)).pvalue
            for count, weight in zip(table, weights, strict=True)
        ]
        expected = min(1.0, len(weights) * min(single))
        assert multinomial_test(table, weights) == pytest.approx(
            expected, rel=1e-9, abs=0
        )


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("false_alarm", [0.3, 0.05, 1e-3])
def test_false_alarms_are_as_rare_as_said(
    weights: tuple[int, ...], false_alarm: float
) -> None:
    """Over all tables of honest draws no more than `false_alarm` is rejected."""
    shares = [weight / sum(weights) for weight in weights]
    for n in (1, 5, 12):
        rejected = rejection_probability(n, weights, shares, false_alarm)
        assert rejected <= false_alarm


@pytest.mark.parametrize(
    ("counts", "weights", "expected"),
    [
        ([0, 0], [1, 2], 1.0),
        ([7], [3], 1.0),
        ([0], [3], 1.0),
        ([9, 0], [1, 0], 1.0),
        ([9, 1], [1, 0], 0.0),
        ([5, 0, 5], [1, 0, 1], 1.0),
        ([5, 1, 5], [1, 0, 1], 0.0),
    ],
)
def test_zero_shares_and_single_categories(
    counts: list[int], weights: list[int], expected: float
) -> None:
    """A category without share must stay empty, and then changes nothing."""
    assert multinomial_test(counts, weights) == expected


@pytest.mark.parametrize(
    ("counts", "weights", "message"),
    [
        ([1, 2], [1], "there are 2 counts for 1 shares"),
        ([1, -2], [1, 1], "the count `-2` is not between 0 and inf"),
        ([], [], "the shares `[]` are not a distribution"),
        ([1, 1], [0, 0], "the shares `[0, 0]` are not a distribution"),
        ([1, 1], [2, -1], "the shares `[2, -1]` are not a distribution"),
        ([1], [math.nan], "the shares `[nan]` are not a distribution"),
        ([1], [math.inf], "the shares `[inf]` are not a distribution"),
    ],
)
def test_multinomial_test_refuses_nonsense(
    counts: list[int], weights: list[float], message: str
) -> None:
    """Counts and shares that do not belong together are named."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        multinomial_test(counts, weights)
    assert str(caught.value) == message


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("false_alarm", [0.5, 0.25, 0.125, 0.05, 1e-3, 1e-6])
def test_accepted_counts_are_those_not_rejected(
    weights: tuple[int, ...], false_alarm: float
) -> None:
    """A table is rejected exactly when one of its counts is out of its range."""
    for n in (0, 1, 3, 4, 11):
        accepted = accepted_counts(n, weights, false_alarm=false_alarm)
        for table in tables(n, len(weights)):
            inside = all(
                count in counts for count, counts in zip(table, accepted, strict=True)
            )
            assert inside == (multinomial_test(table, weights) > false_alarm), table


@given(st.integers(1, 10**5), SHARES, RATES)
def test_accepted_counts_end_where_rejection_begins(
    n: int, share: float, false_alarm: float
) -> None:
    """The outermost accepted counts pass the test, and their neighbors fail it."""
    counts = accepted_counts(n, [share, 1 - share], false_alarm=false_alarm)[0]
    low, high = counts[0], counts[-1]
    expected = {low: True, high: True, low - 1: False, high + 1: False}
    for count in expected.keys() & set(range(n + 1)):
        p_value = multinomial_test([count, n - count], [share, 1 - share])
        assert (p_value > false_alarm) == expected[count]


@pytest.mark.parametrize("weight", [1e-300, 1e-6, 1e-3])
def test_accepted_counts_of_a_tiny_share(weight: float) -> None:
    """Probabilities too small for a float do not hide where rejection begins."""
    shares = [weight, 1 - weight]
    few, many = accepted_counts(1000, shares, false_alarm=1e-100)
    assert few[0] == 0
    assert binomial_test(few[-1], 1000, weight) > 1e-100
    assert binomial_test(few[-1] + 1, 1000, weight) <= 1e-100
    assert accepted_counts(1000, shares[::-1], false_alarm=1e-100) == (many, few)


@pytest.mark.parametrize("weights", [(90, 10), (50, 50), (1, 99), (1, 2)])
@pytest.mark.parametrize("detect", [0.05, 0.1, 0.4])
def test_power_of_two_categories_is_exact(
    weights: tuple[int, int], detect: float
) -> None:
    """With two categories the power is the naive sum over all rejected tables."""
    for n in (1, 10, 60, 150):
        expected = min(
            rejection_probability(n, weights, drawn, 0.01)
            for drawn in wrong_distributions(weights, detect)
        )
        found = power(n, weights, detect=detect, false_alarm=0.01)
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("weights", [(1, 1, 1), (80, 15, 5), (0, 3, 7), (1, 0)])
@pytest.mark.parametrize("detect", [0.05, 0.2, 0.5])
def test_power_of_more_categories_is_a_lower_bound(
    weights: tuple[int, ...], detect: float
) -> None:
    """The test rejects wrong shares at least as often as the power says."""
    for n in (1, 10, 40):
        found = power(n, weights, detect=detect, false_alarm=0.05)
        for drawn in wrong_distributions(weights, detect):
            assert found <= rejection_probability(n, weights, drawn, 0.05) + 1e-12


def test_power_of_three_categories_counts_the_wrong_one() -> None:
    """The bound is the power of the weakest category's own binomial test."""
    n, false_alarm, detect = 120, 0.03, 0.2
    expected = 1.0
    for share in (0.5, 0.3, 0.2):
        rejected = [
            k for k in range(n + 1) if binomtest(k, n, share).pvalue <= false_alarm / 3
        ]
        for wrong in (share - detect, share + detect):
            total = math.fsum(binom.pmf(k, n, wrong) for k in rejected)
            expected = min(expected, total)
    found = power(n, (5, 3, 2), detect=detect, false_alarm=false_alarm)
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_power_without_anything_to_notice() -> None:
    """Where no share can be off by so much, nothing is missed, even by no requests."""
    assert power(0, [1], detect=0.1, false_alarm=0.01) == 1.0
    assert power(0, [1, 1], detect=0.6, false_alarm=0.01) == 1.0
    assert power(0, [1, 1], detect=0.5, false_alarm=0.01) == 0.0


def test_power_of_a_zero_share() -> None:
    """One request to the forbidden category gives the mistake away."""
    found = power(50, [1, 0], detect=0.05, false_alarm=1e-6)
    assert found == pytest.approx(1 - 0.95**50, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("weights", "detect", "needed"),
    [
        ((90, 10), 0.1, 776),
        ((90, 10), 0.05, 2735),
        ((50, 50), 0.05, 6378),
        ((20, 10), 0.1, 1502),
        ((100, 0), 0.05, 135),
        ((1,), 0.05, 1),
    ],
)
def test_needed_requests_of_common_weights(
    weights: tuple[int, ...], detect: float, needed: int
) -> None:
    """A false alarm in a million and a miss in a thousand need that many requests."""
    assert needed == needed_requests(
        weights, detect=detect, false_alarm=1e-6, miss=1e-3
    )


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=5).filter(any),
    st.floats(0.03, 1),
    RATES,
    RATES,
)
@example([1, 9], 0.02, 9.077739722248245e-05, 0.12042922501948593)
@example([10, 1], 0.05, 3.288354684111063e-06, 0.007313137512513038)
def test_needed_requests_are_the_smallest_for_good(
    weights: list[int], detect: float, false_alarm: float, miss: float
) -> None:
    """One request less is too few, and no larger sample falls back."""

    def suffices(n: int) -> bool:
        found = power(n, weights, detect=detect, false_alarm=false_alarm)
        return found >= 1 - miss

    needed = needed_requests(weights, detect=detect, false_alarm=false_alarm, miss=miss)
    later = range(needed, needed + int(4 / detect))
    assert needed == 1 or not suffices(needed - 1)
    assert all(suffices(n) for n in later)


def test_needed_requests_cut_short_are_enough() -> None:
    """A search too long to be finished ends less than a thousandth too high."""
    smallest = 375_911  # found once by a search that was let go on
    needed = needed_requests([1, 1], detect=0.004, false_alarm=0.01, miss=0.01)
    assert smallest <= needed < smallest * 1.001
    assert power(needed, [1, 1], detect=0.004, false_alarm=0.01) >= 1 - 0.01


def test_needed_requests_grow_with_what_is_asked() -> None:
    """Smaller differences and smaller error rates never need fewer requests."""
    steps = [0.2, 0.1, 0.05, 0.02]
    rates = [0.1, 0.01, 1e-3, 1e-6]
    for weights in WEIGHTS:
        by_detect = [
            needed_requests(weights, detect=step, false_alarm=1e-3, miss=1e-2)
            for step in steps
        ]
        by_false_alarm = [
            needed_requests(weights, detect=0.1, false_alarm=rate, miss=1e-2)
            for rate in rates
        ]
        by_miss = [
            needed_requests(weights, detect=0.1, false_alarm=1e-3, miss=rate)
            for rate in rates
        ]
        for sizes in (by_detect, by_false_alarm, by_miss):
            assert sizes == sorted(sizes)


def test_power_grows_with_the_sample() -> None:
    """Apart from the teeth of the saw, more requests notice more."""
    sizes = (10, 100, 300, 1000, 3000)
    found = [power(n, [90, 10], detect=0.1, false_alarm=1e-6) for n in sizes]
    assert found == sorted(found)
    assert found[-1] > 1 - 1e-9


def test_weights_need_no_scale() -> None:
    """Only the ratio of weights counts, not their sum."""
    small = needed_requests([9, 1], detect=0.1, false_alarm=1e-6, miss=1e-3)
    large = needed_requests([0.9, 0.1], detect=0.1, false_alarm=1e-6, miss=1e-3)
    assert small == large


@pytest.mark.parametrize(
    ("n", "detect", "false_alarm", "message"),
    [
        (-1, 0.1, 0.01, "the sample size `-1` is not between 0 and inf"),
        (9, 0.0, 0.01, "the difference to detect `0.0` is not between 0.001 and 1"),
        (9, 1.1, 0.01, "the difference to detect `1.1` is not between 0.001 and 1"),
        (9, 0.1, 0.0, "the error rate `0.0` is not between 1e-100 and 0.5"),
        (9, 0.1, 0.6, "the error rate `0.6` is not between 1e-100 and 0.5"),
    ],
)
def test_plans_that_cannot_be_kept_are_refused(
    n: int, detect: float, false_alarm: float, message: str
) -> None:
    """Sizes, differences and rates out of bounds are named."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared
        power(n, [1, 1], detect=detect, false_alarm=false_alarm)
    assert str(caught.value) == message


def test_needed_requests_refuse_a_bad_miss_rate() -> None:
    """Never to miss anything takes no finite sample."""
    with pytest.raises(ValueError, match="the error rate `0` is not between"):
        needed_requests([1, 1], detect=0.1, false_alarm=0.01, miss=0)
