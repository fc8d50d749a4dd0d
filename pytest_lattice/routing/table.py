"""The rules of a listener, indexed, so that finding one does not try them all.

Rules are found by path (whole, and by each prefix length) and then by header
value; what the index has not compared is verified condition by condition.  The law
itself is `routing.match`; a property test proves that both always agree.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pytest_lattice.routing.match import header_difference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.model.service import HeaderMatch, Rule

_Payload = TypeVar("_Payload")
_NEVER = 1 << 30


class _Entry(NamedTuple):
    """What is left to verify of a rule that an index has found."""

    order: int
    method: str | None
    headers: tuple[HeaderMatch, ...]


class RuleTable(Generic[_Payload]):
    """Finds what belongs to the first matching rule.

    Args:
        rules: rules by ascending priority, each with its payload.
        default: the payload when no rule matches.
    """

    __slots__ = ("_cased", "_default", "_folded", "_other", "_payloads")

    def __init__(
        self, rules: Iterable[tuple[Rule, _Payload]], default: _Payload
    ) -> None:
        """Build the index."""
        rules = list(rules)
        self._payloads = [payload for _, payload in rules]
        self._default = default
        cased, folded = _PathIndex(), _PathIndex()
        other: list[_Entry] = []
        for order, (rule, _) in enumerate(rules):
            entry = _Entry(order, rule.method, rule.header_matches)
            index = cased if rule.path_case_sensitive else folded
            fold = str if rule.path_case_sensitive else str.lower
            if rule.path is not None:
                index.add(fold(rule.path), entry)
            elif rule.path_prefix is not None:
                index.add_prefix(fold(rule.path_prefix), entry)
            else:
                other.append(entry)
        self._cased = cased.ready()
        self._folded = folded.ready()
        self._other = _Bucket(other) if other else None

    def find(self, request: LatticeRequest) -> _Payload:
        """Return the payload of the first rule that matches, or the default.

        Args:
            request: the request.
        """
        best = _NEVER
        if self._cased is not None:
            best = self._cased.first(request, request.path, best)
        if self._folded is not None:
            best = self._folded.first(request, request.path.lower(), best)
        if self._other is not None and self._other.lowest < best:
            best = self._other.first(request, best)
        return self._default if best == _NEVER else self._payloads[best]


class _PathIndex:
    """Rules by whole path, and by the start of the path."""

    __slots__ = ("_entries", "_exact", "_prefixes")

    def __init__(self) -> None:
        self._entries: dict[tuple[int | None, str], list[_Entry]] = {}
        self._exact: dict[str, _Bucket] = {}
        self._prefixes: list[tuple[int, dict[str, _Bucket]]] = []

    def add(self, path: str, entry: _Entry) -> None:
        self._entries.setdefault((None, path), []).append(entry)

    def add_prefix(self, prefix: str, entry: _Entry) -> None:
        self._entries.setdefault((len(prefix), prefix), []).append(entry)

    def ready(self) -> _PathIndex | None:
        """Build the buckets; None where there is no rule."""
        by_size: dict[int, dict[str, _Bucket]] = {}
        for (size, key), entries in self._entries.items():
            buckets = self._exact if size is None else by_size.setdefault(size, {})
            buckets[key] = _Bucket(entries)
        self._prefixes = list(by_size.items())
        return self if self._entries else None

    def first(self, request: LatticeRequest, path: str, best: int) -> int:
        """Return the order of the first matching rule below `best`, else `best`."""
        bucket = self._exact.get(path)
        if bucket is not None and bucket.lowest < best:
            best = bucket.lowest if bucket.sure else bucket.first(request, best)
        for size, buckets in self._prefixes:
            bucket = buckets.get(path[:size])
            if bucket is not None and bucket.lowest < best:
                best = bucket.lowest if bucket.sure else bucket.first(request, best)
        return best


class _Bucket:
    """Rules that the path has already selected; found by header value.

    Args:
        entries: by ascending order.
    """

    __slots__ = ("_by_header", "_plain", "lowest", "sure")

    def __init__(self, entries: list[_Entry]) -> None:
        """Sort rules with an indexable header condition from plain ones."""
        #: The order of the first rule.
        self.lowest = entries[0].order
        #: Whether the first rule has no further condition.
        self.sure = entries[0].method is None and not entries[0].headers
        self._plain: list[_Entry] = []
        self._by_header: dict[str, _HeaderIndex] = {}
        if not any(entry.headers for entry in entries):
            self._plain = entries
            return
        popularity = Counter(each for entry in entries for each in entry.headers)
        for entry in entries:
            # The rarest condition selects best: `x-tenant`, not `x-env`.
            keys = [each for each in entry.headers if each.contains is None]
            key = min(keys, key=popularity.__getitem__, default=None)
            if key is None:
                self._plain.append(entry)
            else:
                index = self._by_header.setdefault(key.name.lower(), _HeaderIndex())
                index.add(key, entry)

    def first(self, request: LatticeRequest, best: int) -> int:
        """Return the order of the first matching rule below `best`, else `best`."""
        for entry in self._plain:
            if entry.order >= best:
                break
            if _accepts(entry, request):
                best = entry.order
                break
        if self._by_header:
            for entry in self._by_value(request.headers):
                if entry.order < best and _accepts(entry, request):
                    best = entry.order
        return best

    def _by_value(self, headers: Headers) -> list[_Entry]:
        """Collect the rules that some header value selects."""
        indexes = self._by_header
        found: dict[str, list[str]] = {}
        for name, value in headers:
            if name in indexes:
                found.setdefault(name, []).append(value.lower())
        entries: list[_Entry] = []
        for name, values in found.items():
            joined = [", ".join(values)] if len(values) > 1 else []
            indexes[name].collect(values, joined, entries)
        return entries


class _HeaderIndex:
    """Rules by the value, or the start of the value, of one header."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self) -> None:
        self._exact: dict[str, list[_Entry]] = {}
        self._prefixes: dict[int, dict[str, list[_Entry]]] = {}

    def add(self, key: HeaderMatch, entry: _Entry) -> None:
        if not key.case_sensitive:
            # The index compares just this, so nothing of it is left to verify.
            left = tuple(each for each in entry.headers if each is not key)
            entry = entry._replace(headers=left)
        if key.exact is not None:
            self._exact.setdefault(key.exact.lower(), []).append(entry)
        else:
            prefix = (key.prefix or "").lower()
            same_size = self._prefixes.setdefault(len(prefix), {})
            same_size.setdefault(prefix, []).append(entry)

    def collect(
        self, values: list[str], joined: list[str], entries: list[_Entry]
    ) -> None:
        """Add what the values select, and for whole values what they are joined."""
        for value in (*values, *joined):
            entries.extend(self._exact.get(value, ()))
        for size, by_prefix in self._prefixes.items():
            for value in values:
                entries.extend(by_prefix.get(value[:size], ()))


def _accepts(entry: _Entry, request: LatticeRequest) -> bool:
    """Verify what the index has not compared."""
    _, method, headers = entry
    if method is not None and method != request.method:
        return False
    for each in headers:
        values = request.header_values(each.name.lower())
        if not values or header_difference(each, values) is not None:
            return False
    return True
