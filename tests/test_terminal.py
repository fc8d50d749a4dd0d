"""How commands write: emphasis, tables, complaints, and nothing to write to."""

from __future__ import annotations

import io
import sys

import pytest

from pytest_lattice.terminal import (
    BOLD,
    Style,
    complain,
    open_streams,
    printable,
    table,
)
from tests.terminals import Terminal


@pytest.mark.parametrize(
    ("stream", "variables", "shown"),
    [
        (Terminal(), {}, "\x1b[1mx\x1b[0m"),
        (Terminal(), {"NO_COLOR": ""}, "\x1b[1mx\x1b[0m"),
        (Terminal(), {"NO_COLOR": "1"}, "x"),
        (Terminal(), {"TERM": "dumb"}, "x"),
        (io.StringIO(), {}, "x"),
    ],
)
def test_emphasis(
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO,
    variables: dict[str, str],
    shown: str,
) -> None:
    """Only a terminal of somebody who wants emphasis gets it."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Style(stream)(BOLD, "x") == shown


def test_table_leaves_out_what_all_lack() -> None:
    """Columns are as wide as they need to be, and one that is empty is not there."""
    rows = [("a", "", "ccc"), ("aaaa", "", "")]

    plain = Style(io.StringIO())
    assert list(table(("one", "two", "three"), rows, plain)) == [
        "ONE   THREE",
        "a     ccc",
        "aaaa",
    ]
    assert list(table(("one", "two"), [], plain)) == []


def test_complaint_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complaint with its notes is one piece, so that threads do not mix theirs."""
    pieces: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stderr", Stream())
    complain("error", "unknown `a`", ["did you mean `b`?"])

    assert "".join(pieces) == "error: unknown `a`\n  did you mean `b`?\n"
    assert [each for each in pieces if each] == ["".join(pieces)]


def test_printable_text_stays() -> None:
    """Letters of any language stay, and what controls a terminal is escaped."""
    assert printable("/käse 💡") == "/käse 💡"
    assert printable("\x1b[2J\r\n\x85\udc80") == "\\x1b[2J\\r\\n\\x85\\udc80"


def test_any_text_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the encoding of a stream lacks is escaped, and no error."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    open_streams()
    print("käse \udc80", flush=True)  # noqa: T201  # into the bytes above

    assert written.getvalue() == b"k\\xe4se \\udc80\n"


def test_closed_streams_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a stream was closed, what is written goes nowhere; others stay."""
    other = io.StringIO()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", other)
    open_streams()
    nowhere = sys.stdout
    with nowhere:
        print("hello", flush=True)  # noqa: T201  # to nowhere
    assert sys.stderr is other
