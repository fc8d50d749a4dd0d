"""Policy documents as AWS keeps them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.auth_policy import (
    Condition,
    Operator,
    check_auth,
    policy_text,
    shown,
)
from pytest_lattice.model.value import HiddenText
from tests.model.refusals import refused

WHERE = "auth policy of service `rates`"
STATEMENT = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "vpc-lattice-svcs:Invoke",
    "Resource": "*",
}
COMPACT = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
    '"Action":"vpc-lattice-svcs:Invoke","Resource":"*"}]}'
)


def text(document: object) -> str:
    """Take a document as text."""
    return policy_text(document, WHERE)


def said(document: object) -> list[str]:
    """Give what is said about a document that is refused."""
    return refused(policy_text, document, WHERE)


def test_canonical_policy_stays_byte_for_byte() -> None:
    """A compact policy in AWS's order comes back as it was put."""
    assert text(COMPACT) == COMPACT


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_layout_does_not_count(indent: int | str | None) -> None:
    """Pretty JSON, also over several lines, and a mapping come back compact."""
    document = {"Version": "2012-10-17", "Statement": [STATEMENT]}

    assert text(document) == COMPACT
    assert text(json.dumps(document, indent=indent)) == COMPACT


def test_order_of_members() -> None:
    """Members come back in AWS's order, unknown ones last."""
    shuffled = {
        "Statement": [
            {
                "Other": 1,
                "Condition": {},
                "NotResource": "a",
                "Resource": "b",
                "NotAction": "c",
                "Action": "d",
                "NotPrincipal": "e",
                "Principal": "f",
                "Effect": "Allow",
                "Sid": "g",
            }
        ],
        "Id": "h",
        "Version": "2012-10-17",
    }
    found = json.loads(text(shuffled))

    assert list(found) == ["Version", "Id", "Statement"]
    assert list(found["Statement"][0]) == [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "Other",
    ]


def test_single_statement_becomes_a_list() -> None:
    """A statement that stands alone comes back in a list."""
    assert text({"Version": "2012-10-17", "Statement": STATEMENT}) == COMPACT


def test_missing_version_is_2008() -> None:
    """A missing version is filled in with the old one."""
    assert text({"Statement": [STATEMENT]}) == COMPACT.replace(
        "2012-10-17", "2008-10-17"
    )


def test_scalars_stay_scalars() -> None:
    """A single value does not become a list, nor a number a text."""
    condition: dict[str, Any] = {"NumericEquals": {"vpc-lattice-svcs:Port": 80}}
    made = {"Statement": [{**STATEMENT, "Condition": condition, "Action": ["a"]}]}
    (found,) = json.loads(text(made))["Statement"]

    assert found["Condition"] == condition
    assert found["Action"] == ["a"]
    assert found["Resource"] == "*"


def test_any_sequence_is_a_list() -> None:
    """A tuple is a list; text of any language stays readable."""
    made = {"Statement": ({**STATEMENT, "Sid": "Büro", "Action": ("a", "b")},)}

    assert '"Sid":"Büro"' in text(made)
    assert '"Action":["a","b"]' in text(made)


def test_taken_document_is_a_copy() -> None:
    """Later changes of what the user gave change nothing."""
    made = {"Statement": STATEMENT}
    text(made)

    assert made == {"Statement": STATEMENT}


MAPPING = 'write a mapping or its JSON: {"Version": "2012-10-17", "Statement": […]}'


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, [" is a NoneType, not a policy document", MAPPING]),
        ([], [" is a list, not a policy document", MAPPING]),
        ("[]", [" is a list, not a policy document", MAPPING]),
        ('"*"', [" is a str, not a policy document", MAPPING]),
        ("", [" is not JSON: line 1, column 1: expecting value"]),
        (
            '{\n"Version": ,}',
            [" is not JSON: line 2, column 12: expecting value"],
        ),
        (
            # AWS: two published examples have a trailing comma
            '{"Statement": [],}',
            [
                (
                    " is not JSON: line 1, column 17: a comma stands before the "
                    "closing bracket"
                ),
            ],
        ),
        ('{"Id": "a", "Id": "b"}', [": member `Id` comes twice"]),
        (
            '{"Statement": {"Sid": "a", "Sid": "a"}}',
            [": member `Sid` comes twice"],
        ),
        ('{"Id": NaN}', [": `NaN` is not JSON"]),
        ('{"Id": -Infinity}', [": `-Infinity` is not JSON"]),
        ('{"Id":' * 100_000, [" is nested too deeply"]),
        ('{"Id":' * 21 + "1" + "}" * 21, [" is nested too deeply"]),
        ({1: "a"}, [": member `1` is not text"]),
        (
            {"Statement": [{"Sid": b"a"}]},
            [": Statement[0].Sid: a bytes is not a value of a policy"],
        ),
        ({"Statement": {"a"}}, [": Statement: a set is not a value of a policy"]),
    ],
    ids=str,
)
def test_refused(document: object, expected: list[str]) -> None:
    """What is no policy document is refused with the place."""
    message, *notes = expected

    assert said(document) == [f"{WHERE}{message}", *notes]


@pytest.mark.parametrize(
    "number",
    [float("nan"), float("inf"), -float("inf"), 10**5000, -(10**300)],
    ids=["nan", "inf", "-inf", "long", "least"],
)
def test_number_that_cannot_be_written_is_refused(number: float) -> None:
    """A number that JSON does not have, or that is too long to write, is refused."""
    assert said({"Statement": [{"Condition": {"a": number}}]}) == [
        f"{WHERE}: Statement[0].Condition.a: the number is out of range"
    ]


def test_number_beyond_any_float_is_refused() -> None:
    """JSON text whose number would become infinite is refused."""
    assert said('{"Id": 1e999}') == [f"{WHERE}: Id: the number is out of range"]


def test_number_of_thousands_of_digits_is_refused() -> None:
    """A number that Python does not read is no reason to break."""
    (message,) = said(f'{{"Id": {"1" * 5000}}}')

    assert message.startswith(f"{WHERE} is not JSON: ")


# ---- auth type and policy together ------------------------------------------


@pytest.mark.parametrize(
    ("auth_type", "policy", "expected"),
    [
        ("NONE", None, ("NONE", None)),
        ("AWS_IAM", None, ("AWS_IAM", None)),
        ("NONE", COMPACT, ("NONE", COMPACT)),
        ("AWS_IAM", COMPACT, ("AWS_IAM", COMPACT)),
    ],
)
def test_auth_type_passes(
    auth_type: str, policy: str | None, expected: tuple[str, str | None]
) -> None:
    """An auth type goes with and without a policy; the policy is kept."""
    assert check_auth(auth_type, policy, "service `rates`") == expected


def test_unknown_auth_type() -> None:
    """Another auth type is refused with the nearest right one."""
    assert refused(check_auth, "IAM", None, "service `rates`") == [
        "unknown auth type of service `rates` `IAM`",
        "did you mean `AWS_IAM`?",
    ]


def test_policy_is_named_by_its_owner() -> None:
    """A bad policy is refused in the name of whom it belongs to."""
    with pytest.raises(ConfigurationError, match=r"^auth policy of service `rates` is"):
        check_auth("NONE", "x", "service `rates`")


# ---- writing ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("a",), '"a"'),
        (("a", "b"), '["a", "b"]'),
        ((), "[]"),
        (('"',), '"\\""'),
        (("ü",), '"ü"'),
    ],
)
def test_shown(values: tuple[str, ...], expected: str) -> None:
    """Values are written as a policy does."""
    assert shown(values) == expected


def test_condition_on_one_line() -> None:
    """A condition is written as operator, key and values."""
    operator = Operator("StringLike", "ForAnyValue", if_exists=True)

    assert str(Condition(operator, "aws:username", ("a*", "b"))) == (
        'ForAnyValue:StringLikeIfExists aws:username ["a*", "b"]'
    )


@pytest.mark.parametrize(
    ("document", "note"),
    [
        (
            "policies/orders.json",
            "is it the name of a file? Path(…).read_text() is its text",
        ),
        (Path("orders.json"), "write path.read_text()"),
    ],
)
def test_usual_slip_is_named(document: object, note: str) -> None:
    """What is often given in place of a document is told from other text."""
    assert said(document)[1:] == [note]


def test_hidden_policy_stays_hidden() -> None:
    """The text of a policy that is marked as sensitive is not shown either."""
    text = policy_text(HiddenText(COMPACT), WHERE)

    assert text == COMPACT
    assert repr(text) == "(sensitive value)"
