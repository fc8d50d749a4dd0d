"""Guesses of what might make a statement apply, or not."""

from typing import Any

import pytest

from pytest_lattice.auth.candidates import for_condition, for_principal, for_resource
from pytest_lattice.auth.evaluate import value_of
from pytest_lattice.model.auth_policy import Condition, Policy, Statement
from pytest_lattice.model.caller import Caller, Role, User
from tests.auth.operator_table import operator_of
from tests.auth.scene import SERVICE, allowing, call

ROLE = Role("reader")
METHOD = "vpc-lattice-svcs:RequestMethod"
PORT = "vpc-lattice-svcs:Port"
TIME = "aws:CurrentTime"
TEAM = "aws:PrincipalTag/team"
ACCOUNT = "123456789012"
OTHER = "999999999999"


def guesses(
    operator: str,
    key: str,
    *values: str,
    caller: Caller | None = ROLE,
    wanted: bool = True,
) -> list[str]:
    """Give the texts of the guesses for a condition."""
    condition = Condition(operator_of(operator), key, values)
    found = for_condition(condition, call(caller), variables=True, wanted=wanted)
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("operator", "key", "values", "first"),
    [
        ("StringEquals", METHOD, ["PUT", "POST"], [f"`{METHOD}` were `PUT`"]),
        ("StringLike", METHOD, ["P?T*"], [f"`{METHOD}` were `PxT`"]),
        (
            "NumericLessThan",
            PORT,
            ["80"],
            [f"`{PORT}` were `80`", f"`{PORT}` were `79`", f"`{PORT}` were `81`"],
        ),
        (
            "DateGreaterThan",
            TIME,
            ["2027"],
            [
                f"`{TIME}` were `2027`",
                f"`{TIME}` were `2026-12-31T23:59:59Z`",
                f"`{TIME}` were `2027-01-01T00:00:01Z`",
            ],
        ),
        (
            "IpAddress",
            "aws:SourceIp",
            ["192.0.2.0/24"],
            ["`aws:SourceIp` were `192.0.2.0`"],
        ),
        ("Null", TEAM, ["true"], [f"`{TEAM}` were present", f"`{TEAM}` were missing"]),
        (
            "StringNotEquals",
            METHOD,
            ["GET"],
            [f'`{METHOD}` were not "GET"'],
        ),
    ],
)
def test_condition_holds(
    operator: str, key: str, values: list[str], first: list[str]
) -> None:
    """What a condition asks for is guessed first, then what lies beside it."""
    assert guesses(operator, key, *values)[: len(first)] == first


def test_condition_does_not_hold() -> None:
    """What a condition does not ask for is guessed where it must not hold."""
    assert guesses("StringEquals", METHOD, "GET", wanted=False)[0] == (
        f'`{METHOD}` were not "GET"'
    )
    assert guesses("StringNotEquals", METHOD, "GET", wanted=False)[0] == (
        f"`{METHOD}` were `GET`"
    )


def test_moments_beyond_the_calendar_are_left_out() -> None:
    """There is no second after the last one that a date can be."""
    assert guesses("DateGreaterThan", TIME, "9999-12-31T23:59:59Z") == [
        f"`{TIME}` were `9999-12-31T23:59:59Z`",
        f"`{TIME}` were `9999-12-31T23:59:58Z`",
        f"`{TIME}` were missing",
    ]


def test_missing_is_the_last_value() -> None:
    """A missing key is guessed after all values."""
    assert guesses("StringEquals", "vpc-lattice-svcs:RequestHeader/x", "1")[-1] == (
        "`vpc-lattice-svcs:RequestHeader/x` were missing"
    )


def test_key_of_the_caller() -> None:
    """Who did not sign might sign; who signed might not."""
    unsigned = guesses("StringEquals", TEAM, "fx", caller=None)
    own = guesses("StringEquals", TEAM, "fx")

    assert unsigned[:2] == [
        "the caller signed",
        f"the caller signed and `{TEAM}` were `fx`",
    ]
    assert own[0] == f"`{TEAM}` were `fx`"
    assert own[-1] == "the caller did not sign"


def test_variable_is_filled_in() -> None:
    """A variable stands for what the call has; without a value there is no guess."""
    own = guesses("StringEquals", METHOD, f"${{{TEAM}}}", caller=User("ann"))
    filled = guesses("StringEquals", METHOD, "${aws:username}", caller=User("ann"))

    assert own == [f"`{METHOD}` were missing"]
    assert filled[0] == f"`{METHOD}` were `ann`"


def test_guess_changes_the_call() -> None:
    """Each guess makes the call that it tells of."""
    condition = Condition(operator_of("StringEquals"), METHOD, ("PUT",))
    first, *_ = for_condition(condition, call(), variables=True, wanted=True)
    assert first.make is not None

    assert value_of(first.make(call()), METHOD) == "PUT"
    assert first.source is None


def policy(**members: Any) -> tuple[Policy, Statement]:  # noqa: ANN401  # members of a statement
    """Make a policy of one statement."""
    (made,) = allowing(**members).policies
    return made, made.statements[0]


@pytest.mark.parametrize(
    ("resource", "first"),
    [
        ("*/rates", "/rates"),
        (f"{SERVICE}/a/*", "/a/"),
        (f"{SERVICE}/a?", "/ax"),
        (f"{SERVICE}/${{aws:username}}", "/ann"),
        (f"{SERVICE}/${{aws:PrincipalTag/x}}", "/"),
    ],
)
def test_resource(resource: str, first: str) -> None:
    """A path that the resource covers is guessed first."""
    found = list(for_resource(*policy(Resource=resource), call(User("ann"))))

    assert found[0].text == f"the path were `{first}`"
    assert found[-1].text == "the path were `/other`"
    assert found[0].make is not None
    assert found[0].make(call()).request.path == first


@pytest.mark.parametrize(
    ("value", "text", "principal"),
    [
        (
            f"arn:aws:iam::{OTHER}:role/a/writer",
            f"the caller were `arn:aws:iam::{OTHER}:role/a/writer`",
            f"arn:aws:sts::{OTHER}:assumed-role/writer/test-session",
        ),
        (
            f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/s1",
            f"the caller were `arn:aws:sts::{ACCOUNT}:assumed-role/writer/s1`",
            f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/s1",
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:user/ann",
            f"the caller were `arn:aws:iam::{ACCOUNT}:user/ann`",
            f"arn:aws:iam::{ACCOUNT}:user/ann",
        ),
        (
            f"arn:aws:iam::{OTHER}:root",
            f"the caller were of account `{OTHER}`",
            f"arn:aws:sts::{OTHER}:assumed-role/any-role/test-session",
        ),
    ],
)
def test_principal(value: str, text: str, principal: str) -> None:
    """Whoever is named is made up."""
    _, statement = policy(Principal={"AWS": value})
    first, *_ = for_principal(statement, call())
    assert first.make is not None

    assert first.text == text
    assert first.make(call()).identity.principal == principal


def test_others() -> None:
    """After those who are named come others, and nobody."""
    _, statement = policy(Principal={"Service": "x.amazonaws.com"})

    assert [each.text for each in for_principal(statement, call())] == [
        "the caller signed"
    ]
    assert [each.text for each in for_principal(statement, call(ROLE))] == [
        "the caller were another",
        "the caller did not sign",
    ]


@pytest.mark.parametrize(
    "value",
    [
        f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/x",
        f"arn:aws:iam::{ACCOUNT}:role/{'r' * 65}",
        f"arn:aws:iam::{ACCOUNT}:user/a(b)",
        f"arn:aws:iam::{ACCOUNT}:user/a/",
        f"arn:aws:iam::{ACCOUNT}:user//ann",
        f"arn:aws:sts::{ACCOUNT}:federated-user/ann",
    ],
)
def test_principal_that_iam_does_not_have(value: str) -> None:
    """A principal whose name no role or user can have is not made up."""
    _, statement = policy(Principal={"AWS": value})

    assert [each.text for each in for_principal(statement, call())] == [
        "the caller signed"
    ]
