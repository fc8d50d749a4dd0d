"""The forms of properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.loaders.cloudformation.properties import (
    Document,
    Each,
    Identifier,
    Members,
    String,
    Tags,
    Truth,
    Whole,
    Word,
)
from pytest_lattice.loaders.cloudformation.text import Text
from pytest_lattice.loaders.reading import parse_document
from tests.loaders.cloudformation.templates import PLACE
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pytest_lattice.loaders.cloudformation.properties import Form

UNKNOWN = Text("{{X.Arn}}", ("X",), 'values={"X.Arn": …}')
NOT_KNOWN = [
    "P is not known before deployment: it is `{{X.Arn}}`",
    'pass values={"X.Arn": …}',
]
ARN = "arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-0123456789abcdef0"
SERVICE = Identifier("service", ("svc",))
PAIR = Members({"Name": String(), "Port": Whole(1, 9)}, ("Name",), {"Nam": "a note"})
ONE = Members({"A": String(), "B": String()}, one=True)


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        (String(), "a", "a"),
        (String(), 5, "5"),
        (String(free=True), UNKNOWN, "{{X.Arn}}"),
        (SERVICE, ARN, ARN),
        (SERVICE, "svc-0123456789abcdef0", "svc-0123456789abcdef0"),
        (Word(("A", "B")), "A", "A"),
        (Whole(1, 9), "9", 9),
        (Whole(1, 9), 1, 1),
        (Truth(), "true", True),
        (Truth(), False, False),
        (Each(Whole(1, 9)), ["1", 2], [1, 2]),
        (PAIR, {"Name": "a", "Port": None}, {"name": "a"}),
        (ONE, {"A": "a", "B": None}, {"a": "a"}),
        (Tags(), [{"Key": "k", "Value": UNKNOWN}], {"k": "{{X.Arn}}"}),
        (Document(99), {"Statement": []}, {"Statement": []}),
        (Document(99), '{"Statement": []}', '{"Statement": []}'),
        (
            Document(99),
            {"Statement": {"Condition": {"a": UNKNOWN}}},
            {"Statement": {"Condition": {"a": "{{X.Arn}}"}}},
        ),
    ],
)
def test_form_reads(form: Form, value: object, expected: object) -> None:
    """Text may be a number or a truth; members begin with a small letter."""
    read = form.read(value, "P", PLACE)

    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("form", "value", "said"),
    [
        (String(), [], ["P is not text"]),
        (String(2, 3), "a", ["P has 1 characters, not 2 to 3"]),
        (String(pattern="a+"), "b", ["P `b` does not match `a+`"]),
        (String(), UNKNOWN, NOT_KNOWN),
        (
            SERVICE,
            "orders",
            [
                "P `orders` is no id or ARN of a service",
                "refer to one of the template: !Ref or !GetAtt X.Arn",
            ],
        ),
        (SERVICE, {}, ["P is not text"]),
        (SERVICE, UNKNOWN, NOT_KNOWN),
        (
            Word(("GET", "POST"), {"GIT": "a note"}),
            "GIT",
            ["unknown P `GIT`", "did you mean `GET`?", "a note"],
        ),
        (Whole(1, 9), "x", ["P `x` is not a whole number from 1 to 9"]),
        (Whole(1, 9), 10, ["P `10` is not a whole number from 1 to 9"]),
        (Whole(1, 9), 1.5, ["P `1.5` is not a whole number from 1 to 9"]),
        (Whole(1, 9), True, ["P `true` is not a whole number from 1 to 9"]),
        (Whole(1, 9), UNKNOWN, NOT_KNOWN),
        (Truth(), "yes", ["P `yes` is neither true nor false"]),
        (Each(String()), "a", ["P is not a list"]),
        (Each(String(), 1, 2), [], ["P has 0 items, not 1 to 2"]),
        (Each(Whole(1, 9)), [1, "x"], ["P[1] `x` is not a whole number from 1 to 9"]),
        (PAIR, [], ["P is not a mapping"]),
        (PAIR, {"Port": 1}, ["P needs `Name`"]),
        (PAIR, {"Nam": 1}, ["unknown property of P `Nam`", "a note"]),
        (PAIR, {"Prt": 1}, ["unknown property of P `Prt`", "did you mean `Port`?"]),
        (
            PAIR,
            {"Name": "a", "Port": 0},
            ["P.Port `0` is not a whole number from 1 to 9"],
        ),
        (ONE, {}, ["P takes one of `A`, `B`, not 0"]),
        (ONE, {"A": "a", "B": "b"}, ["P takes one of `A`, `B`, not 2"]),
        (Tags(), [{"Key": "k"}], ["P[0] needs `Value`"]),
        (Document(9), {"Statement": []}, ["P has 16 characters, more than 9"]),
        (Document(9), [], ["P is not a policy document"]),
        (
            Document(99),
            {"Statement": [{"Principal": {"AWS": UNKNOWN}}]},
            [NOT_KNOWN[0].replace("P", "P.Statement[0].Principal"), NOT_KNOWN[1]],
        ),
        (
            Document(99),
            {"Version": UNKNOWN},
            [NOT_KNOWN[0].replace("P", "P.Version"), NOT_KNOWN[1]],
        ),
    ],
)
def test_form_refuses(form: Form, value: object, said: list[str]) -> None:
    """What is wrong is named as the user wrote it, with the nearest right name."""
    first, *notes = refused(form.read, value, "P", PLACE)

    assert [first.removesuffix(" (shop, Asking)"), *notes] == said
    assert first.endswith(" (shop, Asking)")


def test_error_names_the_line() -> None:
    """The line is that of the property, deep inside."""
    text = "Each:\n  - Name: a\n  - Name: b\n    Port: 70\n"
    form = Members({"Each": Each(PAIR)})
    value: Any = parse_document(text, "x.yaml")

    assert refused(form.read, value, "AWS::X", PLACE) == [
        "Each[1].Port `70` is not a whole number from 1 to 9 (shop:4, Asking)"
    ]
