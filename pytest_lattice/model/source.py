"""Where a declared value was written: file, line, and what it is called there.

Loaders fill it in; explanations and errors say it.  It is no part of what a value
means, so a loaded value equals the declared one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Protocol

    class Sourced(Protocol):
        """A value that may know where it was written."""

        @property
        def name(self) -> str:
            """How it is called."""

        @property
        def source(self) -> SourceLocation | None:
            """Where it was written; None for what Python code declared."""


class SourceLocation(NamedTuple):
    """A place in a document that a value was loaded from.

    Args:
        file: the path, as the user gave it.
        line: the line, counted from 1; None where the format has no lines.
        name: the logical id, address or object name there.
    """

    file: str
    line: int | None = None
    name: str = ""

    def __str__(self) -> str:
        """Write it as editors understand it, such as ``orders.yaml:42, OrdersRule``."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}, {self.name}" if self.name else place


def written(source: SourceLocation | None) -> str:
    """Write a place in brackets, with a space before; nothing for None."""
    return "" if source is None else f" ({source})"


def names_there(source: SourceLocation | None) -> tuple[str, ...]:
    """Return what a document calls a value: ``Service shop/web``, and ``shop/web``."""
    if source is None or not source.name:
        return ()
    return tuple(dict.fromkeys((source.name, source.name.rpartition(" ")[2])))


def called(kind: str, value: Sourced) -> str:
    """Name a value and its place, such as ``service `shop` (shop.yaml:3, Shop)``."""
    return f"{kind} `{value.name}`{written(value.source)}"
