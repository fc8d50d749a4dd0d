"""Patterns with wildcards, against a naive matcher and against evil ones."""

import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.wildcard import ANY, ONE, Part, glob, parts_of, witness


class Counted(str):  # noqa: SLOT000  # it counts
    """Text that counts how many characters are looked at when it is searched."""

    looked_at: int = 0

    def startswith(self, *arguments: Any) -> bool:  # noqa: ANN401  # those of str
        """Count the prefix."""
        self._count(len(arguments[0]))
        return super().startswith(*arguments)

    def find(self, *arguments: Any) -> int:  # noqa: ANN401  # those of str
        """Count from the start to what is found."""
        sub, start, *_ = arguments
        found = super().find(*arguments)
        self._count((len(self) if found < 0 else found + len(sub)) - start)
        return found

    def _count(self, characters: int) -> None:
        self.looked_at += characters


def naive(parts: tuple[Part, ...], text: str) -> bool:
    """Match as a regular expression does."""
    wild = {ANY: ".*", ONE: "."}
    expression = "".join(
        re.escape(part) if isinstance(part, str) else wild[part] for part in parts
    )
    return re.fullmatch(expression, text, re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("", ()),
        ("rates", ("rates",)),
        ("*/rates", (ANY, "/rates")),
        ("a?b", ("a", ONE, "b")),
        ("**", (ANY,)),
        ("*?*", (ANY, ONE, ANY)),
        ("??", (ONE, ONE)),
        ("[a]\\*", ("[a]\\", ANY)),
    ],
)
def test_parts(pattern: str, parts: tuple[Part, ...]) -> None:
    """Only `*` and `?` are wildcards, and nothing escapes them."""
    assert parts_of(pattern) == parts


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "arn:aws:iam::1:role/a", True),
        ("a*", "a", True),
        ("*a", "ba", True),
        ("*a*", "bac", True),
        ("?", "", False),
        ("?", "/", True),
        ("?*", "", False),
        ("*?", "a", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab", "abab", True),
        ("*ab*ab", "aab", False),
        ("a*b*c", "a1b2c3c", True),
        ("a*b*c", "a1c2b3", False),
        ("*?b?*", "abc", True),
        ("*?b?*", "bb", False),
        ("*\n*", "a\nb", True),
    ],
)
def test_glob(pattern: str, text: str, expected: bool) -> None:  # noqa: FBT001  # a parameter
    """A pattern matches a whole text; `*` takes anything, `?` one character."""
    assert glob(parts_of(pattern))(text) is expected


SMALL = st.text("ab*?", max_size=8)
PARTS = st.lists(st.one_of(st.just(ANY), st.just(ONE), SMALL), max_size=7).map(tuple)


@given(pattern=st.text("ab/*?", max_size=12), text=st.text("ab/*?\n", max_size=12))
def test_glob_agrees_with_a_regular_expression(pattern: str, text: str) -> None:
    """A written pattern matches what the regular expression of it does."""
    assert glob(parts_of(pattern))(text) is naive(parts_of(pattern), text)


@given(parts=PARTS, text=st.text("ab*?", max_size=12))
def test_parts_agree_with_a_regular_expression(
    parts: tuple[Part, ...], text: str
) -> None:
    """Literal parts stay literal, whatever wildcards they hold, and may be empty."""
    assert glob(parts)(text) is naive(parts, text)


@given(parts=PARTS)
def test_witness_matches(parts: tuple[Part, ...]) -> None:
    """The example of a pattern is an example of it."""
    assert glob(parts)(witness(parts))


MANY = 10_000


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("a*" * MANY, "a" * MANY, id="all-match"),
        pytest.param("a*" * MANY + "b", "a" * MANY, id="last-is-missing"),
        pytest.param("*a" * MANY + "*b*", "a" * MANY, id="last-run-is-missing"),
        pytest.param("*a" * (MANY // 2) + "*b*c", "a" * MANY + "c", id="half"),
        pytest.param("*?" * MANY, "a" * MANY, id="single-characters"),
        pytest.param("*" * MANY, "a" * MANY, id="stars-only"),
    ],
)
def test_cost_is_linear_in_wildcards(pattern: str, text: str) -> None:
    """Ten thousand wildcards look at each character a few times, never again."""
    counted = Counted(text)
    glob(parts_of(pattern))(counted)

    assert counted.looked_at <= 4 * (len(pattern) + len(text))


@pytest.mark.parametrize(
    "pattern", ["*" + "a?" * 50 + "b*", "*" + "a" * 100 + "?b*", "*a?b*" * 20]
)
def test_cost_is_at_most_pattern_times_text(pattern: str) -> None:
    """Whatever the pattern, the cost is bounded by pattern times text."""
    counted = Counted("a" * 1000)
    glob(parts_of(pattern))(counted)

    assert counted.looked_at <= len(pattern) * len(counted) * 2


def calls_of(pattern: str, text: str) -> int:
    """Count the calls, of Python and of C, that matching takes."""
    matches, calls = glob(parts_of(pattern)), []
    before = sys.getprofile()
    sys.setprofile(lambda _, event, __: calls.append(event))
    try:
        matches(text)
    finally:
        sys.setprofile(before)
    return sum(event in {"call", "c_call"} for event in calls)


@pytest.mark.parametrize(
    "pattern", ["*" + "?a" * 40 + "b*", "*" + "a?" * 40 + "b", "*?a?b*" * 20, "?a" * 40]
)
def test_run_with_single_characters_is_one_search(pattern: str) -> None:
    """Calls grow with the runs, not with the text, and the search has no choices."""
    runs = pattern.count("*") + 1

    assert calls_of(pattern, "a" * 100_000) == calls_of(pattern, "a" * 1000)
    assert calls_of(pattern, "a" * 1000) <= 6 * runs + 4


def test_expression_of_a_run_has_no_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled holds literals and dots, so it cannot backtrack."""
    compiled = []
    compile_ = re.compile

    def note(expression: str, flags: re.RegexFlag) -> re.Pattern[str]:
        compiled.append(expression)
        return compile_(expression, flags)

    monkeypatch.setattr(re, "compile", note)
    glob.__wrapped__(parts_of("a?*(b|c)+?{2}*[d]?*"))

    assert compiled == ["a.", r"\(b\|c\)\+.\{2\}", r"\[d\]."]
