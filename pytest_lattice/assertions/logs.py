"""`assert_logged`: what stands in the access log.

A failure shows the entries that come nearest, and of each only what differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_lattice.assertions.subject import Subject, collect, exchange_of
from pytest_lattice.decision.exchange import Exchange
from pytest_lattice.errors import HIDE, LatticeAssertionError, advised
from pytest_lattice.model.access_log import AccessLogEntry, check_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__tracebackhide__ = HIDE

#: How many entries a failure shows.
_SHOWN = 5
#: How many kinds of differences are compared letter by letter.
_COMPARED = 2000

_KEPT = "raise `history` of the network, or pass list(access_log) for what is kept"
_WANTED = "a network, its access_log, a response of its client, an exchange, or several"


def assert_logged(x: object, /, *, count: int | None = None, **fields: object) -> None:
    """Assert that the access log has entries with the given values.

    Args:
        x: a network or its access log; or a response, an exchange or an entry, or an
            iterable of these.
        count: how many entries; None is at least one, 0 is none.
        fields: the wanted values by field of `AccessLogEntry`.

    Raises:
        LatticeAssertionError: there are more or fewer; or a count cannot be told,
            because older exchanges are no longer kept.
        ConfigurationError: a field that no entry has, with the nearest name.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """
    __tracebackhide__ = True
    check_fields(fields)
    if count is not None and (type(count) is not int or count < 0):
        advice = "a count is a whole number; without it, one entry or more will do"
        raise advised(f"count `{count!r}` counts nothing", advice)
    if (failure := _failure(_read(x), count, fields)) is not None:
        raise LatticeAssertionError(failure)


@dataclass(frozen=True, slots=True)
class _Log:
    """The entries that an assertion is about.

    Args:
        entries: in the order that the test has them.
        dropped: how many older exchanges are no longer kept.
        exchanges: the exchanges that the test passed, where it passed such.
    """

    entries: list[AccessLogEntry]
    dropped: int = 0
    exchanges: Sequence[Exchange] = ()


def _read(x: object) -> _Log:
    """Translate what a test passed."""
    log = getattr(x, "access_log", x)
    if isinstance(log, Iterable) and (log is not x or hasattr(log, "dropped")):
        return _Log(list(log), dropped=getattr(log, "dropped", 0))
    found: list[AccessLogEntry | Exchange] = collect(x, _entry_or_exchange, _WANTED)
    exchanges = [each for each in found if isinstance(each, Exchange)]
    return _Log([each for each in map(_entry, found) if each], exchanges=exchanges)


def _entry(x: AccessLogEntry | Exchange) -> AccessLogEntry | None:
    return x.log_entry if isinstance(x, Exchange) else x


def _entry_or_exchange(x: object) -> AccessLogEntry | Exchange | None:
    return x if isinstance(x, AccessLogEntry) else exchange_of(x)


def _failure(log: _Log, count: int | None, fields: Mapping[str, object]) -> str | None:
    """Say how the log is not as wanted; None where it is."""
    matching = [each for each in log.entries if not each.differences(fields)]
    found, total = len(matching), len(log.entries)
    happened = f"{found} of {total} {'matches' if found == 1 else 'match'}"
    if not total:
        happened = "there is none"
    expected, lost = _expectation(count, fields), _lost(log.dropped)
    if found == count or (found and count is None):
        if count is None or not lost:
            return None
        return f"{expected}, and {happened}, but {lost}\n  {_KEPT}"
    lines = [f"{expected}, but {happened}"]
    if count is not None and found > count:
        lines += [f"  {each!r}" for each in matching[:_SHOWN]]
    else:
        lines += _nearest(log.entries, fields)
    lines += _silent(log.exchanges)
    if lost:
        lines.append(f"  {lost} and may have matched; raise `history` of the network")
    if len(log.exchanges) == 1:
        lines += ["", log.exchanges[0].explain()]
    return "\n".join(lines)


def _lost(dropped: int) -> str:
    if dropped == 1:
        return "1 older exchange is no longer kept"
    return f"{dropped} older exchanges are no longer kept" if dropped else ""


def _expectation(count: int | None, fields: Mapping[str, object]) -> str:
    nouns = {
        None: "an access log entry",
        0: "no access log entry",
        1: "1 access log entry",
    }
    noun = nouns.get(count, f"{count} access log entries")
    values = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    return f"expected {noun} with {values}" if values else f"expected {noun}"


def _nearest(
    entries: Sequence[AccessLogEntry], fields: Mapping[str, object]
) -> Iterator[str]:
    """Show the entries that come nearest; those that differ alike share a line."""
    kinds: dict[str, tuple[dict[str, object], list[int]]] = {}
    for number, entry in enumerate(entries, start=1):
        if differences := entry.differences(fields):
            _, numbers = kinds.setdefault(repr(differences), (differences, []))
            numbers.append(number)
    # Comparing letters takes its time, so it is left to the most promising.
    promising = sorted(kinds.values(), key=lambda kind: len(kind[0]))[:_COMPARED]
    promising.sort(key=lambda kind: (len(kind[0]), _distance(kind[0], fields)))
    for differences, numbers in promising[:_SHOWN]:
        first = entries[numbers[0] - 1]
        which = f"entry {numbers[0]} ({first.request_method} {first.request_path})"
        if more := len(numbers) - 1:
            which += f" and {more} more"
        what = "; ".join(
            f"{name} is {got!r}, not {fields[name]!r}"
            for name, got in differences.items()
        )
        yield f"  {which}: {what}"


def _distance(differences: Mapping[str, object], fields: Mapping[str, object]) -> float:
    """Rate how far values are from the wanted ones, by their letters."""
    return sum(
        1 - SequenceMatcher(None, str(got), str(fields[name])).ratio()
        for name, got in differences.items()
    )


def _silent(exchanges: Sequence[Exchange]) -> Iterator[str]:
    """Say why requests have no entry at all."""
    silent = [each for each in exchanges if each.log_entry is None]
    if not silent:
        return
    which, reason = "the request has", Subject(silent[0].decision).reason
    if len(exchanges) > 1:
        have = "has" if len(silent) == 1 else "have"
        which = f"{len(silent)} of {len(exchanges)} requests {have}"
    yield f"  {which} no entry in the log of any service: {reason}"
