"""`assert_weights`: how requests are shared out over the target groups of a rule.

A decision alone is asked for the configured weights; responses, exchanges and lists
are counted. Where shuffled decks deal the target groups, counts are compared exactly;
where they are drawn at random, by an exact test with stated error rates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import lcm
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.assertions.statistics import (
    accepted_counts,
    multinomial_test,
    needed_requests,
)
from pytest_lattice.assertions.subject import (
    Subject,
    find_target_group,
    joined,
    place_label,
    plural,
    rule_label,
    subjects,
)
from pytest_lattice.decision.decide import Decision
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeAssertionError,
    advised,
)
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.outcome import Forwarded
from pytest_lattice.model.text import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference/API_WeightedTargetGroup, _ForwardAction: ten
# weights up to 999, so no share has a larger denominator
_LARGEST_DENOMINATOR = 9990
#: A float this near to such a share is meant to be it, as 2 / 3 is.
_NEAR = 1e-12


def assert_weights(
    x: object,
    expected: Mapping[str, float],
    *,
    false_alarm: float = 1e-6,
    detect: float = 0.05,
    miss: float = 1e-3,
) -> None:
    """Assert how requests are shared out over target groups.

    A single decision is asked for the weights that its rule is configured with. A
    response, an exchange or a list of any of them is counted; all must come from one
    rule, and where decks are dealt, be requests in a row.

    Args:
        x: a decision; or a response, an exchange, or an iterable of these.
        expected: weight or share by target group; only the ratios count, and a group
            left out is to get nothing.
        false_alarm: with random draws, how likely at most a right split fails.
        detect: with random draws, by how much a share must be off to be noticed.
        miss: with random draws, how likely at most such a split goes unnoticed.

    Raises:
        LatticeAssertionError: the split is another one, or the sample cannot show it.
        ConfigurationError: an unknown target group, or weights that are none.

    AWS: vpc-lattice/latest/ug/listener-rules
    """
    __tracebackhide__ = True
    plan = _Plan(false_alarm, detect, miss)
    shares = _shares(expected)
    found = subjects(x)
    names = _resolved(found[0].decision, expected)
    claim = f"expected weights {_listed(expected)}"
    failure = _repeated(found, claim) or _not_one_split(found, claim)
    if failure is None:
        split = _Split.of(found[0].decision, dict(zip(names, shares, strict=True)))
        if isinstance(x, Decision):
            failure = _configured_failure(found[0], split, claim)
        else:
            failure = _served_failure(found, split, plan, claim)
    if failure is not None:
        raise LatticeAssertionError(failure)


class _Plan(NamedTuple):
    """The error rates of a test of random draws."""

    false_alarm: float
    detect: float
    miss: float


# ---- what is expected -------------------------------------------------------


def _shares(expected: object) -> tuple[Fraction, ...]:
    """Turn weights into shares; a float stands for the share it is nearest to."""
    if not isinstance(expected, Mapping) or not expected:
        raise advised(
            f"expected weights `{expected!r}` are not weights by target group",
            'write them as {"instances": 20, "functions": 10}',
        )
    weights = [_weight(name, each) for name, each in expected.items()]
    total = sum(weights)
    if total == 0:
        raise ConfigurationError("the expected weights are all 0")
    exact = tuple(each / total for each in weights)
    near = tuple(each.limit_denominator(_LARGEST_DENOMINATOR) for each in exact)
    pairs = zip(exact, near, strict=True)
    if sum(near) == 1 and all(abs(one - other) < _NEAR for one, other in pairs):
        return near
    return exact


def _weight(name: str, given: object) -> Fraction:
    try:
        weight = Fraction(-1 if isinstance(given, str) else str(given))
    except ValueError:
        weight = Fraction(-1)
    if weight < 0:
        raise ConfigurationError(
            f"expected weight `{given!r}` of target group `{name}` "
            "is not a number of at least 0"
        )
    return weight


def _resolved(decision: Decision, expected: Iterable[str]) -> list[str]:
    names = [find_target_group(decision, each).name for each in expected]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"target group `{name}` is expected twice")
    return names


def _listed(weights: Mapping[str, object]) -> str:
    """Write weights as ``` `instances` 20 and `functions` 10 ```."""
    if not weights:
        return "no target group"
    return joined(
        f"`{name}` {weight:g}" if isinstance(weight, float) else f"`{name}` {weight}"
        for name, weight in weights.items()
    )


@dataclass(frozen=True, slots=True)
class _Split:
    """What a rule is expected to do, beside what it is configured to do.

    Args:
        rule: the rule, in words.
        place: the rule with its listener and service, in words.
        shares: expected share by target group, also of those that get nothing.
        weights: configured weight by target group.
    """

    rule: str
    place: str
    shares: Mapping[str, Fraction]
    weights: Mapping[str, int]

    @classmethod
    def of(cls, decision: Decision, shares: Mapping[str, Fraction]) -> _Split:
        weights, rule = decision.weights, decision.rule_state
        others = [name for name in weights if name not in shares]
        return cls(
            rule=rule_label(rule) if rule else "no rule",
            place=place_label(decision),
            shares={**shares, **dict.fromkeys(others, Fraction(0))},
            weights=weights,
        )

    @property
    def configured(self) -> dict[str, Fraction]:
        """The configured share by target group."""
        total = sum(self.weights.values())
        return {
            name: Fraction(self.weights.get(name, 0), total) for name in self.shares
        }

    @property
    def is_configured(self) -> bool:
        """Whether the rule is configured as expected."""
        return self.configured == self.shares

    @property
    def deck(self) -> dict[str, int]:
        """The cards of each target group in a deck of the expected weights."""
        size = lcm(*(share.denominator for share in self.shares.values()))
        return {name: int(share * size) for name, share in self.shares.items()}


# ---- whether the requests have one split ------------------------------------


def _not_one_split(found: list[Subject], claim: str) -> str | None:
    """Say why requests do not share the weights of one forwarding rule."""
    places: dict[str, list[Subject]] = {}
    weights: dict[str, list[Subject]] = {}
    for each in found:
        rule = each.decision.rule_state
        key = rule.arn if rule else each.reason
        places.setdefault(key, []).append(each)
        weights.setdefault(repr(each.decision.weights), []).append(each)
    if len(places) > 1:
        problem = f"but {len(found)} requests came to {len(places)} rules"
        return _several(f"{claim}, {problem}", places.values(), place_label)
    decision = found[0].decision
    if len(weights) > 1:
        problem = f"but the weights of {place_label(decision)} were changed in between"
        parts = weights.values()
        return _several(
            f"{claim}, {problem}", parts, lambda each: _listed(each.weights)
        )
    if decision.group_state is not None:
        return None
    which = "the request" if len(found) == 1 else f"all {len(found)} requests"
    problem = f"but {which} came to {place_label(decision)}"
    if isinstance(decision.outcome, FixedResponse):
        problem += f", a fixed response {decision.outcome.status_code}"
    elif decision.rule_state is not None:
        several = len(decision.weights) > 1
        problem += f", whose {'weights are all' if several else 'weight is'} 0"
    return f"{claim}, {problem}\n\n{found[0].explain()}"


def _several(
    head: str,
    parts: Iterable[list[Subject]],
    words: Callable[[Decision], str],
) -> str:
    """Write how many requests belong to each part; explain one of the smallest."""
    ordered = sorted(parts, key=len, reverse=True)
    width = len(str(len(ordered[0])))
    lines = [f"  {len(each):>{width}}  {words(each[0].decision)}" for each in ordered]
    return "\n".join([head, *lines, "", ordered[-1][0].explain()])


# ---- the configured weights -------------------------------------------------


def _configured_failure(subject: Subject, split: _Split, claim: str) -> str | None:
    if split.is_configured:
        return None
    head = f"{claim}, but {split.rule} has {_listed(split.weights)}"
    notes = [*_swapped(split), f"the weights are those of {split.place}"]
    return _report(head, _table(split, None), notes, subject.explain())


# ---- the served counts ------------------------------------------------------


class _Verdict(NamedTuple):
    """What a law says of counts that it refuses."""

    problem: str
    notes: list[str]


def _served_failure(
    found: list[Subject], split: _Split, plan: _Plan, claim: str
) -> str | None:
    """Count what was served, and judge it by the law of its draws."""
    counts = Counter(dict.fromkeys(split.shares, 0))
    counts.update(_group(each) for each in found)
    numbers = [
        (drawn.number, _group(each))
        for each in found
        if (drawn := each.decision.drawn) is not None and drawn.number is not None
    ]
    if len(split.weights) == 1:
        verdict = _whole_verdict(counts, split)
    elif len(numbers) == len(found):
        verdict = _deck_verdict(numbers, counts, split)
    else:
        verdict = _random_verdict(counts, split, plan)
    if verdict is None:
        return None
    number, subject = _telling(found, counts, split)
    where = f"request {number} of {len(found)}, which came to `{_group(subject)}`:"
    return _report(
        f"{claim}, {verdict.problem}",
        _table(split, counts),
        [*verdict.notes, *_cause(split), *_unserved(found)],
        f"{where}\n{subject.explain()}",
    )


def _group(subject: Subject) -> str:
    group = subject.decision.target_group
    return group.name if group else "-"


def _went(counts: Mapping[str, int]) -> str:
    n = sum(counts.values())
    parts = joined(f"{count} to `{name}`" for name, count in counts.items())
    return f"but of {n} requests {parts.replace(' to ', ' went to ', 1)}"


def _repeated(found: list[Subject], claim: str) -> str | None:
    """Refuse a list that holds the same request more than once."""
    times = Counter(id(each.decision) for each in found)
    for number, each in enumerate(found, start=1):
        if (n := times[id(each.decision)]) > 1:
            advice = "make as many requests as are to be counted"
            return f"{claim}, but request {number} is in the list {n} times\n  {advice}"
    return None


def _whole_verdict(counts: Mapping[str, int], split: _Split) -> _Verdict | None:
    if split.is_configured:
        return None
    (only,) = split.weights
    note = f"{split.rule} forwards to `{only}` only, so every request goes there"
    return _Verdict(_went(counts), [note])


def _deck_verdict(
    numbers: list[tuple[int, str]], counts: Mapping[str, int], split: _Split
) -> _Verdict | None:
    """Compare card by card: no deck may hold more cards of a group than it has."""
    deck, n = split.deck, len(numbers)
    size = sum(deck.values())
    dealt = {number for number, _ in numbers}
    if len(dealt) < n:
        advice = "decisions, traffic and each network have decks of their own"
        return _Verdict("but the requests are of several decks", [advice])
    decks: dict[int, Counter[str]] = {}
    for number, name in numbers:
        decks.setdefault(number // size, Counter())[name] += 1
    law = _deck_law(deck, [each.total() for each in decks.values()])
    if any(each[name] > deck[name] for each in decks.values() for name in each):
        return _Verdict(_went(counts), [law])
    if n < size:
        need = f"a deck of them has {size} cards, so at least {size} are needed"
        return _Verdict(f"but {plural(n, 'request')} cannot show them: {need}", [])
    if missing := max(dealt) - min(dealt) + 1 - n:
        advice = "a deck is exact over requests in a row; pass all that the rule took"
        problem = f"but {plural(missing, 'request')} in between are not in the list"
        return _Verdict(problem, [advice])
    if not split.is_configured:
        return _Verdict(f"which {n} requests fit by chance only", [law])
    return None


def _deck_law(deck: Mapping[str, int], sizes: list[int]) -> str:
    """Say how many requests each target group gets when decks are dealt."""
    size, n = sum(deck.values()), sum(sizes)
    whole, parts = sizes.count(size), [each for each in sizes if each < size]
    cards = "+".join(map(str, deck.values()))
    some = f"{plural(sum(parts), 'card')} of"
    number = "another" if len(parts) == 1 else f"{len(parts)} others"
    if not whole:
        dealt = f"{some} {plural(len(parts), 'deck')} of {cards}"
    else:
        dealt = f"{plural(whole, 'whole deck')} of {cards}"
        dealt += f" and {some} {number}" if parts else ""
    ranges = joined(
        _range(
            whole * each + sum(max(0, each + part - size) for part in parts),
            whole * each + sum(min(each, part) for part in parts),
        )
        for each in deck.values()
    )
    exactly = "" if parts else "exactly "
    return f"under the deck, {plural(n, 'request')} are {dealt}: {exactly}{ranges}"


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _random_verdict(
    counts: Mapping[str, int], split: _Split, plan: _Plan
) -> _Verdict | None:
    """Put counts of random draws to an exact test."""
    shares = [float(share) for share in split.shares.values()]
    n, served = sum(counts.values()), list(counts.values())
    try:
        accepted = accepted_counts(n, shares, false_alarm=plan.false_alarm)
        needed = needed_requests(shares, **plan._asdict())
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    p_value = multinomial_test(served, shares)
    ranges = joined(_range(each.start, each.stop - 1) for each in accepted)
    alarm = f"a right split fails with probability {plan.false_alarm:g} at most"
    miss = f"is missed with probability {plan.miss:g} at most"
    notes = [
        f"under random draws, {ranges} of {n} are accepted",
        f"p-value {p_value:.2g}; {alarm}",
        f"a share off by {plan.detect:g} {miss}, from {needed} requests on",
    ]
    if p_value <= plan.false_alarm:
        if split.is_configured:
            notes.append("the configured weights are right; are these all requests?")
        return _Verdict(_went(counts), notes)
    if n < needed:
        need = f"at least {needed} are needed"
        return _Verdict(f"but {plural(n, 'request')} cannot show them: {need}", notes)
    return None


# ---- the text ---------------------------------------------------------------


def _report(head: str, table: list[str], notes: Sequence[str], end: str) -> str:
    blocks = [[head], table, [f"  {note}" for note in notes], [end]]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _table(split: _Split, counts: Mapping[str, int] | None) -> list[str]:
    """Write expected, configured and served shares below each other."""
    digits = _digits(split)
    rows = [["target group", "expected", "configured", "served"]]
    n = sum(counts.values()) if counts else 0
    for name, share in split.shares.items():
        configured = "not in the rule"
        if name in split.weights:
            part = f"{float(split.configured[name]):.{digits}%}"
            configured = f"{split.weights[name]} ({part})"
        row = [name, f"{float(share):.{digits}%}", configured]
        if counts is not None:
            row.append(f"{counts[name]} ({counts[name] / n:.1%})")
        rows.append(row)
    rows[0] = rows[0][: len(rows[1])]
    return aligned(rows)


def _digits(split: _Split) -> int:
    """Return how many digits tell shares apart that differ by little."""
    pairs = [*zip(split.shares.values(), split.configured.values(), strict=True)]
    texts = [
        (f"{float(one):.1%}", f"{float(other):.1%}")
        for one, other in pairs
        if one != other
    ]
    return 4 if any(one == other for one, other in texts) else 1


def _cause(split: _Split) -> Iterator[str]:
    """Say whether the configuration explains the counts."""
    if split.is_configured:
        return
    yield f"the cause is the configuration: {split.place} has {_listed(split.weights)}"
    yield from _swapped(split)


def _swapped(split: _Split) -> Iterator[str]:
    """Notice two target groups that have each other's weights."""
    for one, other in combinations(split.shares, 2):
        swapped = dict(split.shares)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if swapped == split.configured:
            yield f"`{one}` and `{other}` look swapped"


def _unserved(found: list[Subject]) -> Iterator[str]:
    """Mention requests that a group was drawn for and that the network ended."""
    ended = Counter(
        (each.status, each.reason)
        for each in found
        if not isinstance(each.decision.outcome, Forwarded)
    )
    for (status, reason), count in ended.items():
        yield f"to {plural(count, 'request')} the network answered {status}: {reason}"


def _telling(
    found: list[Subject], counts: Mapping[str, int], split: _Split
) -> tuple[int, Subject]:
    """Choose a request to explain: the first to the group that got most too many."""
    n = len(found)
    served = [name for name in counts if counts[name]]
    most = max(served, key=lambda name: counts[name] - n * split.shares[name])
    return next(
        (number, each)
        for number, each in enumerate(found, start=1)
        if _group(each) == most
    )
