"""Judge counts of routed requests against the shares they were drawn with.

Everything here is a pure function of its arguments and uses the standard library
only; the module knows no network and no request, just counts and shares.

One test gives all verdicts. Two categories are judged by the exact two-sided
binomial test of the first. Three and more are judged each against all the others by
that same test, with Bonferroni's correction. Enumerating every table would be exact
as well, but only for small samples, and its power could not be stated alongside.
So `multinomial_test`, `accepted_counts`, `power` and `needed_requests` speak of the
same test and never contradict each other.

Shares may be given as weights: only their ratio counts.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "accepted_counts",
    "binomial_pmf",
    "binomial_test",
    "multinomial_test",
    "needed_requests",
    "power",
]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_SERIES_FROM = 16  # four terms of Stirling's series suffice from here on
_PAIR = 2
_NEGLIGIBLE = 1e-17  # a term this small beside its sum changes no digit of it
_TIE = 1 + 1e-7  # counts whose probabilities differ by less are equally likely (as R)
_NEAR = 1e-9  # far above the error of a sum, far below what matters
_SMALLEST = 1e-280  # probabilities below it lose digits before they become zero
_LEAST_RATE, _MOST_RATE = 1e-100, 0.5
_LEAST_DETECT = 0.001  # takes 16 million requests, and the sums for them seconds
_LONGEST_DESCENT = 200  # steps, each of them one or several requests long


def binomial_pmf(k: int, n: int, p: float) -> float:
    """Return the probability of exactly `k` successes in `n` draws.

    Loader's saddle-point form: the large terms that `lgamma` would cancel against
    each other never arise, so the relative error stays near 1e-12 at n = 10^6.

    Args:
        k: the number of successes; outside 0 to `n` the probability is zero.
        n: the number of draws.
        p: the probability of success in one draw.
    """
    if not 0 <= k <= n:
        return 0.0
    if p in (0.0, 1.0):
        return float(k == n * p)
    if k == 0:
        return math.exp(n * math.log1p(-p))
    if k == n:
        return math.exp(n * math.log(p))
    exponent = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    exponent -= _deviance(k, n * p) + _deviance(n - k, n * (1 - p))
    return math.exp(exponent) * math.sqrt(n / (2 * math.pi * k * (n - k)))


def binomial_test(k: int, n: int, p: float) -> float:
    """Return the exact two-sided p-value of `k` successes in `n` draws.

    By the method of small p-values, as `scipy.stats.binomtest` and R do it: the
    probability of all outcomes that are no more likely than the one observed.

    Args:
        k: the number of successes.
        n: the number of draws.
        p: the probability of success in one draw that is put to the test.

    Raises:
        ValueError: `k` is not within 0 to `n`, or `p` not within 0 to 1.
    """
    _check("count", k, 0, n)
    _check("share", p, 0, 1)
    mode = _mode(n, p)
    limit = binomial_pmf(k, n, p) * _TIE
    if limit >= binomial_pmf(mode, n, p):
        return 1.0
    if k < mode:
        beyond = range(mode, n + 1)
        other = mode + bisect_left(
            beyond, -limit, key=lambda count: -binomial_pmf(count, n, p)
        )
        return min(1.0, _mass(0, k, n, p) + _mass(other, n, n, p))
    other = bisect_right(
        range(mode + 1), limit, key=lambda count: binomial_pmf(count, n, p)
    )
    return min(1.0, _mass(0, other - 1, n, p) + _mass(k, n, n, p))


def multinomial_test(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Return the p-value of `counts` under honest draws with `shares`.

    It is exact for two categories. For more it is never too small: the smallest of
    the per-category exact p-values times the number of categories. A count where the
    share is zero gives 0.0; categories without share are otherwise left out.

    Args:
        counts: how often each category was drawn.
        shares: the share, or weight, of each category in the same order.

    Raises:
        ValueError: a count is negative, the lengths differ, or no share is positive.
    """
    shares = _normalized(shares)
    if len(counts) != len(shares):
        raise ValueError(f"there are {len(counts)} counts for {len(shares)} shares")
    _check("count", min(counts), 0, math.inf)
    pairs = zip(counts, shares, strict=True)
    if any(count > 0 and share == 0 for count, share in pairs):
        return 0.0
    n = sum(counts)
    tested = _tested(shares)
    each = (binomial_test(counts[index], n, shares[index]) for index in tested)
    return min(1.0, len(tested) * min(each)) if tested else 1.0


def accepted_counts(
    n: int, shares: Sequence[float], *, false_alarm: float
) -> tuple[range, ...]:
    """Return, per category, the counts that `multinomial_test` does not reject.

    A sample is rejected, its p-value being at most `false_alarm`, exactly when one
    of its counts lies outside its range.

    Args:
        n: the size of the sample.
        shares: the share, or weight, of each category.
        false_alarm: the probability at most with which a right sample is rejected.

    Raises:
        ValueError: no share is positive, or a number is out of bounds.
    """
    shares = _normalized(shares)
    _check("sample size", n, 0, math.inf)
    _check("error rate", false_alarm, _LEAST_RATE, _MOST_RATE)
    tested = _tested(shares)
    if len(tested) != 1:
        limits = [_accepted(n, share, false_alarm, len(tested)) for share in shares]
    else:
        low, high = _accepted(n, shares[tested[0]], false_alarm, 1)
        limits = [(n - high, n - low) if share else (0, 0) for share in shares]
        limits[tested[0]] = low, high
    return tuple(range(low, high + 1) for low, high in limits)


def power(
    n: int, shares: Sequence[float], *, detect: float, false_alarm: float
) -> float:
    """Return the smallest probability that wrong shares are noticed.

    Wrong means that one share is off by `detect`, up or down, and the others take up
    the difference; shares outside 0 to 1 are left out, and 1.0 is returned if
    nothing is left. For two categories the value is exact. For more it is a lower
    bound, since only the category that is off is counted on to be noticed.

    Args:
        n: the size of the sample.
        shares: the share, or weight, of each category.
        detect: by how much a share is off, such as 0.05 for 15 % in place of 10 %.
        false_alarm: the level at which `multinomial_test` rejects.

    Raises:
        ValueError: no share is positive, or a number is out of bounds.
    """
    shares = _normalized(shares)
    _check_plan(n, detect, false_alarm)
    mistakes = _mistakes(shares, detect, false_alarm)
    missed = (mistake.missed(n, *mistake.limits(n)) for mistake in mistakes)
    return 1.0 - max(missed, default=0.0)


def needed_requests(
    shares: Sequence[float], *, detect: float, false_alarm: float, miss: float
) -> int:
    """Return the sample size from which on wrong shares are noticed reliably.

    Power goes up and down like a saw as a sample grows, because counts are whole
    numbers. What is returned is the smallest size such that it and *every larger
    one* has a power of at least 1 - `miss`. Where `detect` is below 0.01 the search
    may be cut short and end a few times 1 / `detect` above the smallest.

    Args:
        shares: the share, or weight, of each category.
        detect: by how much a share is off, at least 0.001; halving it takes four
            times the requests.
        false_alarm: the level at which `multinomial_test` rejects.
        miss: the probability at most with which wrong shares go unnoticed.

    Raises:
        ValueError: no share is positive, or a number is out of bounds.
    """
    shares = _normalized(shares)
    _check_plan(1, detect, false_alarm, miss)
    needed = 1
    for mistake in _mistakes(shares, detect, false_alarm):
        needed = _needed_from(needed, mistake, miss)
    return needed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    """A share, those it may be mistaken for, and how its count is tested."""

    share: float
    wrong: tuple[float, ...]
    false_alarm: float
    tests: int

    def limits(self, n: int) -> tuple[int, int]:
        """Return the smallest and the largest count that are accepted."""
        return _accepted(n, self.share, self.false_alarm, self.tests)

    def missed(self, n: int, low: int, high: int) -> float:
        """Return the largest probability of `low` to `high` under a wrong share."""
        return max(_mass(low, high, n, share) for share in self.wrong)


def _mistakes(
    shares: Sequence[float], detect: float, false_alarm: float
) -> list[_Mistake]:
    """Return what has to be noticed, most demanding first.

    That is the share nearest to one half, for its counts vary most.
    """
    tested = _tested(shares)
    right = {shares[index] for index in tested}
    right.update(share for share in shares if share == 0)
    mistakes = []
    for share in sorted(right, key=lambda share: abs(share - 0.5)):
        both = (share - detect, share + detect)
        if wrong := tuple(other for other in both if 0 <= other <= 1):
            mistakes.append(
                _Mistake(
                    share=share,
                    wrong=wrong,
                    false_alarm=false_alarm,
                    tests=len(tested),
                )
            )
    return mistakes


def _needed_from(least: int, mistake: _Mistake, miss: float) -> int:
    """Return the size, at least `least`, from which on no more than `miss` is missed.

    A limit of the accepted counts strays from a smooth curve by one count for its
    own rounding and by one for that of the opposite limit. Where the mistake would
    be noticed even with two more counts accepted at either end, no tooth of the saw
    reaches back.
    """
    margin = 2 if mistake.share > 0 else 0  # without share there is no saw

    def noticed(n: int) -> float:
        low, high = mistake.limits(n)
        return 1 - mistake.missed(n, low - margin, high + margin)

    if noticed(least) >= 1 - miss:
        return least
    above = 2 * least
    while noticed(above) < 1 - miss:
        above *= 2
    between = range(above // 2, above)
    enough = between.start + bisect_left(between, 1 - miss, key=noticed)
    return _descended(enough, least, mistake, miss)


def _descended(enough: int, least: int, mistake: _Mistake, miss: float) -> int:
    """Return the size down to which, from `enough`, no more than `miss` is missed.

    With one draw less the smallest accepted count falls by one at most, and the
    largest never rises. So the limits of one size also tell about smaller ones.
    """
    for _ in range(_LONGEST_DESCENT):
        size = enough - 1
        low, high = mistake.limits(size)
        while size >= least and mistake.missed(size, low, high) <= miss:
            size, low = size - 1, low - 1
        if size == enough - 1:
            break
        enough = size + 1
    return enough


def _accepted(n: int, p: float, false_alarm: float, tests: int) -> tuple[int, int]:
    """Return the smallest and the largest count that one of so many tests accepts.

    The least likely counts are given up one after the other, from both ends, while
    the sum of their probabilities stays within the test's share of `false_alarm`.
    """
    if p in (0.0, 1.0):
        return int(n * p), int(n * p)
    level = false_alarm / tests
    low, high = _first_candidates(n, p, level)
    left, right = binomial_pmf(low, n, p), binomial_pmf(high, n, p)
    odds = p / (1 - p)
    total = 0.0
    while True:
        drop_left, drop_right = left <= right * _TIE, right <= left * _TIE
        step = (left if drop_left else 0.0) + (right if drop_right else 0.0)
        if total + step > level * (1 + _NEAR):
            break
        total += step
        if drop_left:
            left *= (n - low) / (low + 1) * odds
            low += 1
        if drop_right:
            right *= high / ((n - high + 1) * odds)
            high -= 1
    if total > level * (1 - _NEAR):  # too close to call by a sum: ask the test itself
        if low > 0 and tests * binomial_test(low - 1, n, p) > false_alarm:
            low -= 1
        if high < n and tests * binomial_test(high + 1, n, p) > false_alarm:
            high += 1
    return low, high


def _first_candidates(n: int, p: float, level: float) -> tuple[int, int]:
    """Return a smallest and a largest count outside of which nothing is accepted.

    By Bernstein's inequality all counts beyond `reach` from the mean have less than
    2 * exp(-depth) = `level` * 8e-11 together, too little to matter in a sum.
    """
    depth = 24 - math.log(level)
    reach = depth / 3 + math.sqrt(depth * depth / 9 + 2 * depth * n * p * (1 - p))
    low, high = max(0, int(n * p - reach)), min(n, math.ceil(n * p + reach))
    while binomial_pmf(low, n, p) < _SMALLEST:
        low += 1
    while binomial_pmf(high, n, p) < _SMALLEST:
        high -= 1
    return low, high


def _mass(low: int, high: int, n: int, p: float) -> float:
    """Return the probability of `low` to `high` successes in `n` draws.

    The sum begins at the most likely count and goes outward until nothing is added.
    """
    if p in (0.0, 1.0):
        return float(low <= n * p <= high)
    low, high = max(low, 0), min(high, n)
    if low > high:
        return 0.0
    odds = p / (1 - p)
    start = min(max(_mode(n, p), low), high)
    total = term = binomial_pmf(start, n, p)
    for count in range(start, high):
        term *= (n - count) / (count + 1) * odds
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    term = binomial_pmf(start, n, p)
    for count in range(start, low, -1):
        term *= count / ((n - count + 1) * odds)
        total += term
        if term <= total * _NEGLIGIBLE:
            break
    return min(1.0, total)


def _mode(n: int, p: float) -> int:
    """Return a most likely number of successes in `n` draws."""
    return min(n, int((n + 1) * p))


def _stirling_error(n: int) -> float:
    """Return by how much Stirling's formula falls short of log(n!), for n > 0."""
    if n < _SERIES_FROM:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - _HALF_LOG_TWO_PI
    square = n * n
    tail = 1 / 1260 - (1 / 1680 - 1 / (1188 * square)) / square
    return (1 / 12 - (1 / 360 - tail / square) / square) / n


def _deviance(count: int, mean: float) -> float:
    """Return count * log(count / mean) + mean - count, for count > 0.

    Its error is that of the rounded mean, so a series near zero would gain nothing.
    """
    difference = mean - count
    if mean < count / 2:
        return difference + count * math.log(count / mean)
    return difference - count * math.log1p(difference / count)


def _normalized(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the shares scaled to a sum of one."""
    total = math.fsum(shares)
    if not (0 < total < math.inf and min(shares) >= 0):
        raise ValueError(f"the shares `{list(shares)}` are not a distribution")
    return tuple(share / total for share in shares)


def _tested(shares: Sequence[float]) -> tuple[int, ...]:
    """Return the indices of the categories whose counts are tested.

    Of two categories one speaks for both, and a single one cannot be wrong.
    """
    positive = tuple(index for index, share in enumerate(shares) if share > 0)
    return positive if len(positive) > _PAIR else positive[:-1]


def _check_plan(n: int, detect: float, *rates: float) -> None:
    """Raise ValueError unless a sample of `n` can be planned with these numbers."""
    _check("sample size", n, 0, math.inf)
    _check("difference to detect", detect, _LEAST_DETECT, 1)
    for rate in rates:
        _check("error rate", rate, _LEAST_RATE, _MOST_RATE)


def _check(name: str, value: float, least: float, most: float) -> None:
    """Raise ValueError unless `value` is within `least` to `most`."""
    if not least <= value <= most:
        raise ValueError(f"the {name} `{value}` is not between {least} and {most}")
