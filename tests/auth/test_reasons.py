"""Why a layer allows or denies, in whole texts."""

from typing import Any

import pytest

from pytest_lattice.auth.reasons import explain_layer, found_text
from pytest_lattice.model.caller import Caller, Role, User
from tests.auth.scene import SERVICE, allowing, call, document, source, statement

ROLE = Role("reader")
WHO = "role `reader` (arn:aws:sts::123456789012:assumed-role/reader/test-session)"
OTHER = "arn:aws:iam::999999999999:role/other"
INVOKE = "vpc-lattice-svcs:Invoke"
CONNECT = "vpc-lattice-svcs:Connect"
METHOD = "vpc-lattice-svcs:RequestMethod"
QUERY = "vpc-lattice-svcs:RequestQueryString/q"


@pytest.mark.parametrize(
    ("members", "caller", "expected"),
    [
        ({}, None, "allows"),
        ({"Effect": "Deny"}, None, "denies"),
        (
            {"Action": CONNECT},
            None,
            f'Action "{CONNECT}" does not cover {INVOKE}',
        ),
        (
            {"NotAction": [INVOKE, CONNECT]},
            None,
            f'NotAction ["{INVOKE}", "{CONNECT}"] covers {INVOKE}',
        ),
        (
            {"Principal": {"AWS": OTHER}},
            ROLE,
            f"Principal `{OTHER}` does not name {WHO}",
        ),
        (
            {"Principal": {"AWS": ["999999999999", OTHER]}},
            None,
            f"Principal `999999999999`, `{OTHER}` does not name an anonymous caller",
        ),
        (
            {"NotPrincipal": {"AWS": "123456789012"}},
            User("ann"),
            (
                "NotPrincipal `123456789012` names user `ann` "
                "(arn:aws:iam::123456789012:user/ann)"
            ),
        ),
        (
            {"NotPrincipal": "*"},
            None,
            "NotPrincipal `*` names an anonymous caller",
        ),
        (
            {"Resource": SERVICE},
            None,
            f'Resource "{SERVICE}" does not cover {SERVICE}/rates',
        ),
        (
            {"NotResource": ["*/orders", "*/rates"]},
            None,
            f'NotResource ["*/orders", "*/rates"] covers {SERVICE}/rates',
        ),
        (
            {"Condition": {"StringEquals": {METHOD: ["PUT", "POST"]}}},
            None,
            f'StringEquals {METHOD} ["PUT", "POST"], but it is "GET"',
        ),
        (
            {"Condition": {"StringLikeIfExists": {METHOD: "P*"}}},
            None,
            f'StringLikeIfExists {METHOD} "P*", but it is "GET"',
        ),
        (
            {"Condition": {"StringEquals": {"aws:username": "ann"}}},
            ROLE,
            'StringEquals aws:username "ann", but the key is missing',
        ),
        (
            {"Condition": {"ForAnyValue:StringEquals": {QUERY: "3"}}},
            None,
            (f'ForAnyValue:StringEquals {QUERY} "3", but it has the values ["1", "2"]'),
        ),
    ],
)
def test_reason(members: dict[str, Any], caller: Caller | None, expected: str) -> None:
    """A statement says what it does, or the first element that does not apply."""
    result = explain_layer(allowing(**members), call(caller, url="/rates?q=1&q=2"))

    assert [each.reason for each in result.statements] == [expected]


def test_every_miss_is_told_in_awss_order() -> None:
    """All elements that do not apply are kept, in the order of a statement."""
    made = statement(
        Condition={"StringEquals": {METHOD: "PUT", "aws:username": "ann"}},
        Resource="*/orders",
        Principal={"AWS": OTHER},
        Action=CONNECT,
    )
    (result,) = explain_layer(source(document(made)), call()).statements

    assert [each.element.name for each in result.misses] == [
        "Action",
        "Principal",
        "Resource",
        "Condition",
        "Condition",
    ]
    assert not result.applies
    assert result.misses[4].text == (
        'StringEquals aws:username "ann", but the key is missing'
    )


ALLOW = statement(Sid="Open")
DENY = statement(Effect="Deny", Sid="Closed")
NEVER = statement(Resource="*/never")
SERVICE_POLICY = "auth policy of service `rates`"


@pytest.mark.parametrize(
    ("statements", "verdict", "labels", "reason"),
    [
        (
            [ALLOW, NEVER, statement()],
            "ALLOW",
            ["Statement[0] `Open`", "Statement[2]"],
            (f"{SERVICE_POLICY} allows: Statement[0] `Open`, Statement[2]"),
        ),
        (
            [ALLOW, DENY],
            "EXPLICIT_DENY",
            ["Statement[1] `Closed`"],
            f"{SERVICE_POLICY} denies: Statement[1] `Closed`",
        ),
        (
            [NEVER],
            "IMPLICIT_DENY",
            [],
            f"no statement of the {SERVICE_POLICY} allows",
        ),
    ],
)
def test_layer(
    statements: list[dict[str, object]], verdict: str, labels: list[str], reason: str
) -> None:
    """A layer gives its verdict, the statements that decide, and a sentence."""
    result = explain_layer(source(document(*statements)), call())

    assert result.verdict == verdict
    assert [each.label for each in result.deciding] == labels
    assert result.reason == reason


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ("network", "there is no auth policy of service network `shop`"),
        ("service", "there is no auth policy of service `rates`"),
        ("identity", "there is no identity-based policy of role `reader`"),
    ],
)
def test_layer_without_a_policy(layer: Any, reason: str) -> None:  # noqa: ANN401  # one of three
    """A layer without a policy says whose policy is missing."""
    result = explain_layer(source(layer=layer), call())

    assert result.verdict == "IMPLICIT_DENY"
    assert result.reason == f"{reason}, so nothing allows"


def test_several_policies_of_one_layer() -> None:
    """Each statement of a layer is told with the policy that it is of."""
    made = source(document(NEVER), document(ALLOW))
    result = explain_layer(made, call())

    assert [each.policy for each in result.statements] == list(made.policies)
    assert result.verdict == "ALLOW"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "the key is missing"),
        ("", 'it is ""'),
        ('a"b', 'it is "a\\"b"'),
        (("a",), 'it has the values ["a"]'),
        (("a", ""), 'it has the values ["a", ""]'),
    ],
)
def test_found(value: str | tuple[str, ...] | None, text: str) -> None:
    """What a call has for a key is said in a few words."""
    assert found_text(value) == text


def test_any_value() -> None:
    """The setting about several values counts in explanations too."""
    made = allowing(Condition={"StringEquals": {QUERY: "1"}})
    asked = call(url="/?q=1&q=2")

    assert explain_layer(made, asked).verdict == "IMPLICIT_DENY"
    assert explain_layer(made._replace(any_value=True), asked).verdict == "ALLOW"
