"""Whom a statement names."""

import pytest

from pytest_lattice.auth.principal import (
    Principal,
    compile_principals,
    complaint,
    read_principal,
    shown,
)
from pytest_lattice.model.auth_policy import Principals
from pytest_lattice.model.caller import Caller, Role, User
from tests.auth.scene import identity

ACCOUNT = "123456789012"
OTHER = "999999999999"
CALLERS: dict[str, Caller | None] = {
    "anonymous": None,
    "role": Role("reader", session="s1"),
    "session": Role("reader", session="s2"),
    "path": Role("reader", path="/a/b/"),
    "writer": Role("writer", federated_provider="accounts.google.com"),
    "user": User("reader"),
    "user-path": User("ann", path="/a/"),
    "foreign": Role("reader", account=OTHER),
}
OWN = set(CALLERS) - {"foreign", "anonymous"}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("AWS", ACCOUNT, OWN),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:root", OWN),
        ("AWS", OTHER, {"foreign"}),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/reader", {"role", "session"}),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/a/b/reader", {"path"}),
        ("AWS", f"arn:aws:iam::{OTHER}:role/reader", {"foreign"}),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/read", set()),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/reader", {"user"}),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/a/ann", {"user-path"}),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/ann", set()),
        ("AWS", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1", {"role"}),
        ("AWS", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/S1", set()),
        ("AWS", f"arn:aws:sts::{ACCOUNT}:federated-user/reader", set()),
        ("Federated", "accounts.google.com", {"writer"}),
        ("Federated", "cognito-identity.amazonaws.com", set()),
        ("Service", "ecs-tasks.amazonaws.com", set()),
        ("CanonicalUser", "79a59df900b949e55d96a1e698fbacedfd6e09d9", set()),
    ],
)
def test_who_is_named(kind: str, value: str, expected: set[str]) -> None:
    """A principal names those whom AWS says it does, and its negation the others."""
    principals = Principals(anyone=False, named=((kind, value),))
    named = compile_principals(principals, negated=False)
    others = compile_principals(principals, negated=True)
    assert named is not None
    assert others is not None

    assert {name for name, who in CALLERS.items() if named(identity(who))} == expected
    assert {name for name, who in CALLERS.items() if others(identity(who))} == (
        set(CALLERS) - expected
    )


def test_one_of_several() -> None:
    """Whoever is named by one of several principals is named."""
    values = (("AWS", OTHER), ("AWS", f"arn:aws:iam::{ACCOUNT}:role/writer"))
    named = compile_principals(Principals(anyone=False, named=values), negated=False)
    assert named is not None

    assert {name for name, who in CALLERS.items() if named(identity(who))} == {
        "foreign",
        "writer",
    }


def test_anyone() -> None:
    """Everybody is meant by `*`, so nothing is asked; nobody by its negation."""
    everybody = Principals(anyone=True)
    nobody = compile_principals(everybody, negated=True)
    assert nobody is not None

    assert compile_principals(everybody, negated=False) is None
    assert not any(nobody(identity(who)) for who in CALLERS.values())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ACCOUNT, Principal("account", ACCOUNT)),
        (f"arn:aws:iam::{ACCOUNT}:root", Principal("account", ACCOUNT)),
        (
            f"arn:aws:iam::{ACCOUNT}:role/reader",
            Principal("role", ACCOUNT, name="reader"),
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:role/a/b/reader",
            Principal("role", ACCOUNT, "/a/b/", "reader"),
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:user/a/ann",
            Principal("user", ACCOUNT, "/a/", "ann"),
        ),
        (f"arn:aws:iam::{ACCOUNT}:user/a/", Principal("user", ACCOUNT, "/a/")),
        (
            f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1",
            Principal("session", ACCOUNT, name="reader", session="s1"),
        ),
        (
            f"arn:aws:sts::{ACCOUNT}:federated-user/ann",
            Principal("federated", ACCOUNT, name="ann"),
        ),
        (f"arn:aws:iam::{ACCOUNT}:user/", None),
        (f"arn:aws:iam::{ACCOUNT}:saml-provider/x", None),
        ("*", None),
    ],
)
def test_forms(value: str, expected: Principal | None) -> None:
    """Each form of a principal is read; nothing else is."""
    assert read_principal(value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("AWS", "*"),
        ("AWS", ACCOUNT),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:root"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/a/reader"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.com/R"),
        ("AWS", f"arn:aws:iam::{ACCOUNT}:user/a/ann"),
        ("AWS", f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/ann@example.com"),
        ("AWS", f"arn:aws:sts::{ACCOUNT}:federated-user/ann"),
        ("Federated", f"arn:aws:iam::{ACCOUNT}:saml-provider/x"),
        ("Service", "lambda.amazonaws.com"),
    ],
)
def test_no_complaint(kind: str, value: str) -> None:
    """The forms of AWS's are fine."""
    assert complaint(kind, value) is None


WILDCARD = (
    'has a wildcard, which matches nobody; use "*" with a condition on '
    "`aws:PrincipalArn`"
)
NOBODY = "is not an account, role, user or session"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (f"arn:aws:iam::{ACCOUNT}:role/*", WILDCARD),
        (f"arn:aws:iam::{ACCOUNT}:role/reade?", WILDCARD),
        ("arn:aws:iam::*:root", WILDCARD),
        (
            f"arn:aws:iam::{ACCOUNT}:group/ops",
            "is a group, which is never a principal",
        ),
        ("", NOBODY),
        ("12345678901", NOBODY),
        ("reader", NOBODY),
        (f"arn:aws:iam::{ACCOUNT}:role/", NOBODY),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/reader", NOBODY),
        (f"arn:aws:s3:::{ACCOUNT}", NOBODY),
        ("AROAEXAMPLEID", NOBODY),
    ],
)
def test_complaint(value: str, why: str) -> None:
    """What names nobody is complained about, with the reason."""
    assert complaint("AWS", value) == f"principal `{value}` {why}"


def test_shown() -> None:
    """Principals are written on one line."""
    named = (("AWS", ACCOUNT), ("Service", "x.amazonaws.com"))

    assert shown(Principals(anyone=True)) == "`*`"
    assert shown(Principals(anyone=False, named=named)) == (
        f"`{ACCOUNT}`, `x.amazonaws.com`"
    )
