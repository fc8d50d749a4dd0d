"""The exception tree and how errors are worded."""

import inspect
from collections.abc import Iterator

import pytest

from pytest_lattice import errors
from pytest_lattice.errors import (
    BlockingCallError,
    ConfigurationError,
    LatticeAssertionError,
    LatticeError,
    TargetError,
    advised,
    noted,
    notes_of,
    unknown,
)
from tests.model.refusals import said


def subclasses(root: type[LatticeError], depth: int = 0) -> Iterator[tuple[int, str]]:
    """Walk the tree that Python knows, each class with its depth below the root."""
    yield depth, root.__name__
    for each in root.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from subclasses(each, depth + 1)


def drawn_tree() -> Iterator[tuple[int, str]]:
    """Read the tree that the module's docstring draws, four columns a level."""
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        name = line.strip("│├└─ ").partition(" ")[0]
        if name.endswith("Error") and line.startswith("    "):
            yield (line.index(name) - 4) // 4, name


def test_docstring_draws_the_tree() -> None:
    """The tree at the head of the module is the one that Python knows."""
    assert list(drawn_tree()) == list(subclasses(LatticeError))


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (LatticeError, Exception),
        (ConfigurationError, LatticeError),
        (TargetError, LatticeError),
        (BlockingCallError, LatticeError),
        (LatticeAssertionError, LatticeError),
        (LatticeAssertionError, AssertionError),
    ],
)
def test_error_can_be_caught_as(
    error: type[Exception], parent: type[Exception]
) -> None:
    """Each error is caught by its own name and by that of its parent."""
    assert issubclass(error, parent)


def test_advice_is_a_note() -> None:
    """What is wrong is the message, how to put it right a note below it."""
    error = advised("no rest", "sleep")

    assert said(error) == ["no rest", "sleep"]
    assert type(error) is ConfigurationError


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        pytest.param(
            "instance",
            ["functions", "instances"],
            ["unknown target group `instance`", "did you mean `instances`?"],
            id="near-miss",
        ),
        pytest.param(
            "zebra",
            ["instances", "functions", "instances"],
            ["unknown target group `zebra`", "known: `functions`, `instances`"],
            id="like-none",
        ),
        pytest.param(
            "zebra",
            [],
            ["unknown target group `zebra`", "no target group is declared"],
            id="nothing-declared",
        ),
        pytest.param(
            "",
            ["instances"],
            ["unknown target group ``", "known: `instances`"],
            id="empty",
        ),
    ],
)
def test_unknown_name_comes_with_the_right_ones(
    name: str, known: list[str], expected: list[str]
) -> None:
    """The note names the nearest name, else all names, else that there is none."""
    assert said(unknown("target group", name, known)) == expected


def test_known_names_may_come_once() -> None:
    """The names may be an iterator, which can be read only once."""
    assert said(unknown("VPC", "x", iter(["app"]))) == [
        "unknown VPC `x`",
        "known: `app`",
    ]


def test_notes_go_from_error_to_error() -> None:
    """What takes the place of an error has its advice; one without has none."""
    first = advised("no", "try this")
    first.add_note("or that")

    assert notes_of(noted(TargetError("other"), notes_of(first))) == (
        "try this",
        "or that",
    )
    assert notes_of(TargetError("other")) == ()
