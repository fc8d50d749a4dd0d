"""How commands write: emphasis on a terminal, tables, complaints.

It knows neither networks nor commands.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOLD, RED, GREEN = "1", "31", "32"


class Style:
    """Emphasis on a terminal, and nothing in a pipe or where NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        # https://no-color.org
        self._on = (
            stream.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, code: str, text: str) -> str:
        """Emphasize a text."""
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text


def table(
    names: Sequence[str], rows: Sequence[Sequence[str]], style: Style
) -> Iterator[str]:
    """Write rows as columns; a column that is empty in all of them is left out."""
    columns = [
        [name.upper(), *texts]
        for name, *texts in zip(names, *rows, strict=True)
        if any(texts)
    ]
    widths = [max(map(len, column)) for column in columns]
    for number, texts in enumerate(zip(*columns, strict=True)):
        padded = (text.ljust(w) for text, w in zip(texts, widths, strict=True))
        line = "  ".join(padded).rstrip()
        yield line if number else style(BOLD, line)


def open_streams() -> None:
    """Make both streams take any text.

    One that was closed before the process began writes to nowhere, since its number
    would go to the next socket.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        elif stream is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # it stays
            setattr(sys, name, nowhere)


def complain(kind: str, text: str, notes: Sequence[str] = ()) -> None:
    """Tell of an error or a warning; nobody writes in between."""
    lines = [f"{Style(sys.stderr)(RED, f'{kind}:')} {text}"]
    lines += [f"  {note}" for note in notes]
    print("\n".join(lines) + "\n", end="", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Escape what would move the cursor, or has no character at all."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
