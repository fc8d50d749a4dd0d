"""The rules of a listener, indexed, so that finding one does not try them all.

Rules are found by path (whole, and by each prefix length) and then by header
value; what the index finds is verified condition by condition.  The law itself is
`routing.match`; a property test proves that both always agree.
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
    """A rule as the index sees it; None means no condition."""

    order: int
    method: str | None
    path: str | None
    prefix: str | None
    headers: tuple[HeaderMatch, ...]


class RuleTable(Generic[_Payload]):
    """Finds what belongs to the first matching rule.

    Args:
        rules: rules by ascending priority, each with its payload.
        default: the payload when no rule matches.
    """

    __slots__ = ("_default", "_exact", "_other", "_payloads", "_prefixes")

    def __init__(
        self, rules: Iterable[tuple[Rule, _Payload]], default: _Payload
    ) -> None:
        """Build the index."""
        rules = list(rules)
        self._payloads = [payload for _, payload in rules]
        self._default = default
        exact: dict[str, list[_Entry]] = {}
        prefixes: dict[int, dict[str, list[_Entry]]] = {}
        other: list[_Entry] = []
        for order, (rule, _) in enumerate(rules):
            entry = _entry(order, rule)
            if rule.path is not None:
                exact.setdefault(rule.path.lower(), []).append(entry)
            elif rule.path_prefix is not None:
                prefix = rule.path_prefix.lower()
                prefixes.setdefault(len(prefix), {}).setdefault(prefix, []).append(
                    entry
                )
            else:
                other.append(entry)
        self._exact = _bucketed(exact)
        self._prefixes = [(size, _bucketed(prefixes[size])) for size in prefixes]
        self._other = _Bucket(other) if other else None

    def find(self, request: LatticeRequest) -> _Payload:
        """Return the payload of the first rule that matches, or the default.

        Args:
            request: the request.
        """
        path = request.path
        folded = path.lower()
        best = _NEVER
        bucket = self._exact.get(folded)
        if bucket is not None:
            best = bucket.first(request, path, best)
        for size, buckets in self._prefixes:
            bucket = buckets.get(folded[:size])
            if bucket is not None and bucket.lowest < best:
                best = bucket.first(request, path, best)
        bucket = self._other
        if bucket is not None and bucket.lowest < best:
            best = bucket.first(request, path, best)
        return self._default if best == _NEVER else self._payloads[best]


class _Bucket:
    """Rules that the path has already selected; found by header value."""

    __slots__ = ("_by_header", "_plain", "lowest")

    def __init__(self, entries: list[_Entry]) -> None:
        """Sort rules with an indexable header condition from plain ones."""
        self.lowest = entries[0].order
        self._plain: list[_Entry] = []
        self._by_header: dict[str, _HeaderIndex] = {}
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

    def first(self, request: LatticeRequest, path: str, best: int) -> int:
        """Return the order of the first matching rule below `best`, else `best`."""
        for entry in self._plain:
            if entry.order >= best:
                break
            if _accepts(entry, request, path):
                best = entry.order
                break
        if self._by_header:
            for entry in self._by_value(request.headers):
                if entry.order < best and _accepts(entry, request, path):
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
            if len(values) > 1:
                values.append(", ".join(values))
            for value in values:
                indexes[name].collect(value, entries)
        return entries


class _HeaderIndex:
    """Rules by the value, or the start of the value, of one header."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self) -> None:
        self._exact: dict[str, list[_Entry]] = {}
        self._prefixes: dict[int, dict[str, list[_Entry]]] = {}

    def add(self, key: HeaderMatch, entry: _Entry) -> None:
        if key.exact is not None:
            self._exact.setdefault(key.exact.lower(), []).append(entry)
        else:
            prefix = (key.prefix or "").lower()
            same_size = self._prefixes.setdefault(len(prefix), {})
            same_size.setdefault(prefix, []).append(entry)

    def collect(self, value: str, entries: list[_Entry]) -> None:
        entries.extend(self._exact.get(value, ()))
        for size, by_prefix in self._prefixes.items():
            entries.extend(by_prefix.get(value[:size], ()))


def _entry(order: int, rule: Rule) -> _Entry:
    # Without case the index alone decides the path, so nothing is left to verify.
    verify = rule.path_case_sensitive
    return _Entry(
        order,
        rule.method,
        rule.path if verify else None,
        rule.path_prefix if verify else None,
        rule.header_matches,
    )


def _bucketed(entries: dict[str, list[_Entry]]) -> dict[str, _Bucket]:
    return {key: _Bucket(entries[key]) for key in entries}


def _accepts(entry: _Entry, request: LatticeRequest, path: str) -> bool:
    """Verify what the index has not compared exactly."""
    _, method, exact, prefix, headers = entry
    if method is not None and method != request.method:
        return False
    if exact is not None and exact != path:
        return False
    if prefix is not None and not path.startswith(prefix):
        return False
    for each in headers:
        values = request.header_values(each.name.lower())
        if not values or header_difference(each, values) is not None:
            return False
    return True
