"""The fidelity page: each behavior has a status, a source and a test that exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "fidelity.md"
HEAD = ("Behavior", "Status", "Source", "Test")
STATUSES = "documented|seen|inferred|our choice"
# One of the four; or two of them, the second one with words around it.
STATUS = re.compile(rf"({STATUSES})(; ([\w/. -]+ )?({STATUSES})( [\w -]+)?)?")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
GUIDE = re.compile(r"vpc-lattice/latest/ug/[a-z0-9-]+")
AWS_PAGE = re.compile(r"`([A-Za-z-]+/latest/[\w/-]+)`")


class Row(NamedTuple):
    """One behavior, as the page has it."""

    behavior: str
    status: str
    source: str
    test: str


def rows() -> list[Row]:
    """Read the rows of all tables of the page."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells == [*HEAD] or set(line) == {"|", "-"}:
            continue
        assert len(cells) == len(HEAD), f"not a row of four cells: {line}"
        found.append(Row(*cells))
    return found


def named_tests(row: Row) -> list[tuple[str, str]]:
    """Read the file and function of each test that a row names."""
    return TEST.findall(row.test)


@cache
def functions_in(file: str) -> frozenset[str]:
    """Collect the names of the functions at the top of a file; none without it."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in tree.body if isinstance(each, kinds))


def cited_in_code() -> set[str]:
    """Collect the pages of the user guide that the package refers to."""
    files = (ROOT / "pytest_lattice").rglob("*.py")
    return {page for file in files for page in GUIDE.findall(file.read_text("utf-8"))}


def test_page_has_rows() -> None:
    """The tables are read, and each behavior stands in them once."""
    behaviors = [row.behavior for row in rows()]

    assert len(behaviors) > 150
    assert sorted(set(behaviors)) == sorted(behaviors)
    assert [each for each in behaviors if not each.endswith(".")] == []


def test_each_status_is_one_of_four() -> None:
    """A status is one of the four words, or two of them that say what is which."""
    strange = [row for row in rows() if not STATUS.fullmatch(row.status)]

    assert strange == []


@pytest.mark.parametrize(
    ("status", "right"),
    [
        ("documented", True),
        ("our choice", True),
        ("documented; status our choice", True),
        ("seen; documented otherwise", True),
        ("documented; HTTP/1.1 inferred", True),
        ("", False),
        ("probably", False),
        ("documented (seen)", False),
        ("seen; who knows", False),
        ("documented; seen; inferred", False),
    ],
)
def test_strange_status_is_found(status: str, *, right: bool) -> None:
    """The pattern of a status refuses what is none of the four words."""
    assert bool(STATUS.fullmatch(status)) is right


def test_each_row_has_a_source() -> None:
    """What is more than our choice comes from somewhere that can be looked up."""
    text = PAGE.read_text(encoding="utf-8")
    known = re.findall(r"\*([^*\n]+)\*(?=[,:])", text)
    unsourced = [
        row
        for row in rows()
        if row.status != "our choice"
        and not AWS_PAGE.search(row.source)
        and not any(row.source.startswith(name) for name in known)
    ]

    assert unsourced == []


def test_each_row_names_tests_and_nothing_else() -> None:
    """The last column is a list of tests without parameters."""
    listed = re.compile(rf"{TEST.pattern}(, {TEST.pattern})*")
    vague = [row for row in rows() if not listed.fullmatch(row.test)]

    assert vague == []


def test_each_named_test_exists() -> None:
    """No test of the page was renamed or removed."""
    missing = {
        f"{file}::{name}"
        for row in rows()
        for file, name in named_tests(row)
        if name not in functions_in(file)
    }

    assert sorted(missing) == []


def test_each_page_that_the_code_follows_is_a_source() -> None:
    """A page of the user guide that the code follows has a row that says what for."""
    sources = {page for row in rows() for page in GUIDE.findall(row.source)}

    assert len(cited_in_code()) > 15
    assert sorted(cited_in_code() - sources) == []


def test_page_names_nothing_internal() -> None:
    """Readers have no use for the notes that the page was written from."""
    text = PAGE.read_text(encoding="utf-8")

    assert re.findall(r"\bfacts?\b|\bQ\d+\b|data-plane\.md", text) == []
