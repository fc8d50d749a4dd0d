"""Condition operators, each by the rows of `fixtures/auth/operators.json`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.conditions import (
    OPERATORS,
    compile_condition,
    is_null,
    is_plain_equality,
    moment,
    number,
    several,
)
from pytest_lattice.model.auth_policy import Condition
from tests.auth.operator_table import ROWS, TABLE, operator_of, outcome, wanted

# AWS: IAM/latest/UserGuide/reference_policies_elements_condition_operators
NAMES = {
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
}
KINDS = {
    "match",
    "no match",
    "missing key",
    "several policy values",
    "several request values",
    "empty value",
    "case",
    "wildcards",
    "variable",
}
# What `Null` takes no part in.
KINDS_BUT_NULL = {
    "several request values, any",
    "ForAllValues",
    "ForAllValues, missing key",
    "ForAllValues, empty value",
    "ForAllValues IfExists, missing key",
    "ForAnyValue",
    "ForAnyValue, missing key",
    "ForAnyValue, empty value",
    "ForAnyValue IfExists",
    "ForAnyValue IfExists, missing key",
    "IfExists",
    "IfExists, missing key",
}
# Any text can be read as a string; other families refuse some.
KINDS_OF_STRINGS = {
    "variable without value",
    "variable, default",
    "variable, literal character",
    "variable brings wildcards",
    "variable, 2008",
}
KINDS_BUT_STRINGS = {
    "unreadable request value, Allow",
    "unreadable request value, Deny",
    "unreadable policy value",
}


def kinds_of(name: str) -> set[str]:
    """Give the kinds of rows that an operator has to have."""
    if name == "Null":
        return KINDS | {"unreadable policy value"}
    kinds = KINDS | KINDS_BUT_NULL
    if name.startswith(("String", "Arn")):
        kinds |= KINDS_OF_STRINGS
    if not name.startswith("String"):
        kinds |= KINDS_BUT_STRINGS
    return kinds


def test_all_of_awss_operators_are_known() -> None:
    """The operators are those of IAM, no more and no less."""
    assert set(OPERATORS) == set(TABLE) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_operator_has_every_kind_of_row(name: str) -> None:
    """No operator's rows leave out a kind of case."""
    assert {row["kind"] for row in TABLE[name]} == kinds_of(name)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_operator(name: str) -> None:
    """An operator holds, or not, as IAM's documentation says."""
    wrong = [
        (entry.row, found)
        for entry in ROWS
        if entry.name == name and (found := outcome(entry)) != wanted(entry)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("+7", 7),
        ("-0.5", -0.5),
        ("9007199254740993", 9007199254740993),
        ("1" * 300, int("1" * 300)),
        ("", None),
        ("1" * 301, None),
        ("1.", None),
        (".5", None),
        ("1e3", None),
        (" 1", None),
        ("1_000", None),
        ("inf", None),
        ("٣", None),
    ],
)
def test_number(text: str, expected: float | None) -> None:
    """A number is an integer or a decimal, and nothing else that Python reads."""
    assert number(text) == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970", 0),
        ("1970-02", 2_678_400),
        ("1970-01-02", 86_400),
        ("1970-01-02T00:00", 86_400),
        ("1970-01-02T00:00Z", 86_400),
        ("1970-01-02T00:00:01Z", 86_401),
        ("1970-01-02T00:00:01.5Z", 86_401.5),
        ("1970-01-02T01:00:00+01:00", 86_400),
        ("1970-01-01T23:00:00-01:00", 86_400),
        ("1767225600", 1_767_225_600),
        ("99999", 99_999),
    ],
)
def test_moment(text: str, seconds: float) -> None:
    """A date is of the W3C profile, from a year alone on, or seconds since 1970."""
    assert moment(text) == int(seconds * 1_000_000)


@pytest.mark.parametrize(
    "text", ["", "70", "1970-1-2", "1970-13", "1970-02-30", "1970-01-02T24:00:01Z", "x"]
)
def test_no_moment(text: str) -> None:
    """What is neither a date nor seconds is not read."""
    assert moment(text) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        ("", True),
        ((), True),
        (("",), True),
        (("", ""), True),
        ("x", False),
        (("", "x"), False),
    ],
)
def test_null(value: str | tuple[str, ...] | None, expected: bool) -> None:  # noqa: FBT001  # a parameter
    """A key without a value, or with empty ones only, is null."""
    assert is_null(value) is expected


def test_several() -> None:
    """The values of a key come as a tuple, whatever their number."""
    assert several(None) == ()
    assert several("a") == ("a",)
    assert several(("a", "b")) == ("a", "b")


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", True),
        ("StringNotEquals", True),
        ("StringLike", False),
        ("StringEqualsIfExists", False),
        ("ForAnyValue:StringEquals", False),
        ("NumericEquals", False),
    ],
)
def test_plain_equality(operator: str, expected: bool) -> None:  # noqa: FBT001  # a parameter
    """Only plain equality of text is plain equality."""
    condition = Condition(operator_of(operator), "aws:UserAgent", ("1",))

    assert is_plain_equality(condition) is expected


ANYTHING = st.one_of(st.none(), st.text(), st.lists(st.text(), max_size=3).map(tuple))
OPERATOR = st.sampled_from(
    [
        prefix + name + suffix
        for name in sorted(NAMES - {"Null"})
        for prefix in ("", "ForAllValues:", "ForAnyValue:")
        for suffix in ("", "IfExists")
    ]
)
VALUES = {
    "Numeric": "80",
    "Date": "2026-01-02",
    "Bool": "true",
    "Binary": "Z29sZA==",
    "Ip": "10.0.0.0/8",
    "NotIp": "10.0.0.0/8",
    "Arn": "arn:aws:iam::*:role/*",
    "String": "GET",
}


@given(operator=OPERATOR, value=ANYTHING)
def test_no_value_is_too_odd(
    operator: str, value: str | tuple[str, ...] | None
) -> None:
    """Whatever a client sends, a condition holds or it does not."""
    bare = operator.rpartition(":")[2]
    policy = next(text for stem, text in VALUES.items() if bare.startswith(stem))
    condition = Condition(operator_of(operator), "aws:UserAgent", (policy,))
    for denies in (False, True):
        holds = compile_condition(condition, variables=True, denies=denies)

        assert holds(value, lambda _: None) in (True, False)
