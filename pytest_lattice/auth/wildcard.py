"""Patterns with ``*`` and ``?``, matched in at most pattern times text.

A pattern is a tuple of parts: literal text, `ANY` for ``*``, `ONE` for ``?``.  So text
that a policy variable brings in stays literal whatever it holds.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Wild(Enum):
    """A wildcard: any text, or one character."""

    ANY = "*"
    ONE = "?"


ANY: Final = Wild.ANY
ONE: Final = Wild.ONE
Part: TypeAlias = str | Wild
Test: TypeAlias = "Callable[[str], bool]"


class _Run(NamedTuple):
    """What stands between two ``*``.

    Args:
        length: of the text that it matches.
        stands_at: tells whether it matches at a position.
        find: gives the leftmost place between two positions that holds it whole; -1
            where there is none.
    """

    length: int
    stands_at: Callable[[str, int], bool]
    find: Callable[[str, int, int], int]


def parts_of(pattern: str) -> tuple[Part, ...]:
    """Split a pattern into its parts.

    Args:
        pattern: text with ``*`` and ``?``, such as ``*/rates``.
    """
    parts: list[Part] = []
    literal = ""
    for character in pattern:
        if character not in "*?":
            literal += character
            continue
        if literal:
            parts.append(literal)
            literal = ""
        # `**` matches what `*` does.
        if character == "?" or not parts or parts[-1] is not ANY:
            parts.append(Wild(character))
    if literal:
        parts.append(literal)
    return tuple(parts)


@lru_cache(maxsize=4096)
def glob(parts: tuple[Part, ...]) -> Test:
    """Compile a pattern.

    Args:
        parts: from `parts_of`.

    Returns:
        A function that tells whether a whole text matches; ``*`` also matches ``/``,
        ``:`` and nothing at all.

    AWS: IAM/latest/UserGuide/reference_policies_elements_condition_operators
    """
    parts = tuple(_joined(parts))
    return _simple(parts) or _general(parts)


def _simple(parts: tuple[Part, ...]) -> Test | None:
    """Compile the patterns that text itself knows how to match."""
    match parts:
        case (str(literal),):
            return lambda text: text == literal
        case (Wild.ANY,):
            return lambda _: True
        case (str(literal), Wild.ANY):
            return lambda text: text.startswith(literal)
        case (Wild.ANY, str(literal)):
            return lambda text: text.endswith(literal)
        case (Wild.ANY, str(literal), Wild.ANY):
            return lambda text: literal in text
    return None


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """Join literals that follow each other, and drop repeated ``*``."""
    literal, before = "", None
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
            literal, before = "", None
        if part is ONE or before is not ANY:
            yield part
        before = part
    if literal:
        yield literal


def _general(parts: tuple[Part, ...]) -> Test:
    first, *rest = _runs(parts)
    if not rest:
        return lambda text: len(text) == first.length and first.stands_at(text, 0)
    *middle, last = rest
    least = first.length + last.length

    def fits(text: str) -> bool:
        end = len(text) - last.length
        if len(text) < least or not first.stands_at(text, 0):
            return False
        if not last.stands_at(text, end):
            return False
        position = first.length
        for run in middle:
            # The leftmost place leaves the most for the others, so none is retried.
            position = run.find(text, position, end)
            if position < 0:
                return False
            position += run.length
        return True

    return fits


def _runs(parts: tuple[Part, ...]) -> list[_Run]:
    runs: list[_Run] = []
    between: list[Part] = []
    for part in (*parts, ANY):
        if part is ANY:
            runs.append(_dotted(between) if ONE in between else _literal(between))
            between = []
        else:
            between.append(part)
    return runs


def _literal(parts: list[Part]) -> _Run:
    literal = "".join(str(part) for part in parts)
    return _Run(
        len(literal),
        lambda text, position: text.startswith(literal, position),
        lambda text, start, end: text.find(literal, start, end),
    )


def _dotted(parts: list[Part]) -> _Run:
    """Compile a run with ``?`` to an expression that cannot backtrack.

    It has literals and dots only, so a search costs at most run times text, in C.
    """
    expression = re.compile(
        "".join(re.escape(part) if isinstance(part, str) else "." for part in parts),
        re.DOTALL,
    )

    def find(text: str, start: int, end: int) -> int:
        found = expression.search(text, start, end)
        return found.start() if found else -1

    return _Run(
        sum(len(part) if isinstance(part, str) else 1 for part in parts),
        lambda text, position: expression.match(text, position) is not None,
        find,
    )


def witness(parts: Iterable[Part]) -> str:
    """Return a short text that matches a pattern, for examples."""
    return "".join(_instance(part) for part in parts)


def _instance(part: Part) -> str:
    if isinstance(part, str):
        return part
    return "x" if part is ONE else ""
