"""Policy variables in patterns and values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.template import (
    TemplatePart,
    Variable,
    fill,
    read_template,
    variables_in,
)
from pytest_lattice.auth.wildcard import ANY, ONE

NAME = Variable("aws:username")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("home", ("home",)),
        ("a*b?", ("a", ANY, "b", ONE)),
        ("${aws:username}", (NAME,)),
        ("/${aws:username}/*", ("/", NAME, "/", ANY)),
        ("${ aws:username }", (NAME,)),
        (
            "${aws:PrincipalTag/team, 'company-wide'}",
            (Variable("aws:PrincipalTag/team", "company-wide"),),
        ),
        ("${aws:username,'a b'}", (Variable("aws:username", "a b"),)),
        ("${aws:username, ''}", (Variable("aws:username", ""),)),
        ("${*}${?}${$}", ("*", "?", "$")),
        ("${$}{aws:username}", ("$", "{aws:username}")),
        ("$aws {x} }", ("$aws {x} }",)),
        ("${aws:username}${aws:username}", (NAME, NAME)),
    ],
)
def test_read(text: str, parts: tuple[TemplatePart, ...]) -> None:
    """A template is text, wildcards and variables, each with its default."""
    assert read_template(text, variables=True, wildcards=True) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${", "a variable `${` is not closed"),
        ("a${aws:username", "a variable `${` is not closed"),
        ("${}", "`${}` is not a policy variable"),
        ("${ }", "`${ }` is not a policy variable"),
        ("${a b}", "`${a b}` is not a policy variable"),
        ("${aws:username, none}", "`${aws:username, none}` is not a policy variable"),
        (
            "${aws:username, 'it's'}",
            "`${aws:username, 'it's'}` is not a policy variable",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    """A variable that is not written as AWS has it is refused with its text."""
    with pytest.raises(ValueError, match=r".") as caught:
        read_template(text, variables=True, wildcards=True)

    assert str(caught.value) == message


def test_without_variables() -> None:
    """In a policy of 2008 `${…}` is text, also where it is not closed."""
    text = "${aws:username} ${"

    assert read_template(text, variables=False, wildcards=True) == (text,)
    assert read_template("", variables=False, wildcards=False) == ()


def test_without_wildcards() -> None:
    """Where wildcards mean nothing, they are text."""
    assert read_template("a*?", variables=True, wildcards=False) == ("a*?",)


def test_fill() -> None:
    """Values take the place of variables; the rest stays."""
    parts = read_template("/${aws:username}/*", variables=True, wildcards=True)

    assert fill(parts, {"aws:username": "*"}.get) == ("/", "*", "/", ANY)
    assert fill(parts, lambda _: None) is None


@pytest.mark.parametrize(
    ("values", "expected"), [({}, "guest"), ({"k": "ann"}, "ann"), ({"k": ""}, "")]
)
def test_default(values: dict[str, str], expected: str) -> None:
    """A default takes the place of a missing value, not of an empty one."""
    parts = read_template("${k, 'guest'}", variables=True, wildcards=False)

    assert fill(parts, values.get) == (expected,)


def test_variables_in() -> None:
    """The variables of a template are listed in their order."""
    parts = read_template("${a}-${b, 'c'}*", variables=True, wildcards=True)

    assert variables_in(parts) == (Variable("a"), Variable("b", "c"))


@given(text=st.text("${}*?a, '", max_size=12))
def test_no_text_is_too_odd(text: str) -> None:
    """Any text is read, or refused as a bad variable."""
    try:
        parts = read_template(text, variables=True, wildcards=True)
    except ValueError as error:
        assert "variable" in str(error)  # noqa: PT017  # either way is right
    else:
        assert fill(parts, lambda _: "x") is not None
