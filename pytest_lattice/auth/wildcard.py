"""Patterns with ``*`` and ``?``, matched in at most pattern times text.

A pattern is a tuple of parts: literal text, `ANY` for ``*``, `ONE` for ``?``.  So text
that a policy variable brings in stays literal whatever it holds.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

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
#: What stands between two ``*``: literal pieces with their offsets, and the length.
_Run: TypeAlias = tuple[tuple[tuple[int, str], ...], int]


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
        return lambda text: len(text) == first[1] and _stands_at(first, text, 0)
    *middle, last = rest
    least = first[1] + last[1]

    def fits(text: str) -> bool:
        end = len(text) - last[1]
        if len(text) < least or not _stands_at(first, text, 0):
            return False
        if not _stands_at(last, text, end):
            return False
        position = first[1]
        for run in middle:
            # The leftmost place leaves the most for the others, so none is retried.
            position = _find(run, text, position, end)
            if position < 0:
                return False
            position += run[1]
        return True

    return fits


def _runs(parts: tuple[Part, ...]) -> list[_Run]:
    runs: list[_Run] = []
    pieces: list[tuple[int, str]] = []
    length = 0
    for part in (*parts, ANY):
        if part is ANY:
            runs.append((tuple(pieces), length))
            pieces, length = [], 0
        elif isinstance(part, str):
            pieces.append((length, part))
            length += len(part)
        else:
            length += 1
    return runs


def _stands_at(run: _Run, text: str, position: int) -> bool:
    return all(text.startswith(piece, position + offset) for offset, piece in run[0])


def _find(run: _Run, text: str, start: int, end: int) -> int:
    """Find the leftmost place of a run that lies whole before `end`, or -1."""
    pieces, length = run
    if not pieces:
        return start if start + length <= end else -1
    offset, piece = pieces[0]
    position = start
    while position + length <= end:
        found = text.find(piece, position + offset, end)
        if found < 0:
            return -1
        position = found - offset
        if position + length <= end and _stands_at(run, text, position):
            return position
        position += 1
    return -1


def witness(parts: Iterable[Part]) -> str:
    """Return a short text that matches a pattern, for examples."""
    return "".join(_instance(part) for part in parts)


def _instance(part: Part) -> str:
    if isinstance(part, str):
        return part
    return "x" if part is ONE else ""
