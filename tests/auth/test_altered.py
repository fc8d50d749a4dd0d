"""Calls that differ from another one in the value of one condition key."""

from typing import Any

import pytest

from pytest_lattice.auth.altered import signed, with_path, with_value
from pytest_lattice.auth.evaluate import value_of
from pytest_lattice.auth.keys import KEYS
from pytest_lattice.model.caller import Caller, Role, User
from tests.auth.scene import ACCOUNT, call

ROLE = Role("reader", tags={"team": "fx"})
SENT: dict[str, Any] = {
    "url": "/rates?q=1&r=2",
    "headers": {"x-a": "1", "user-agent": "curl/8", "referer": "http://shop"},
}
HEADER = "vpc-lattice-svcs:RequestHeader/X-A"
QUERY = "vpc-lattice-svcs:RequestQueryString/q"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aws:CurrentTime", "2027-01-01T00:00:00Z"),
        ("aws:EpochTime", "1800000000"),
        ("aws:PrincipalAccount", "999999999999"),
        ("aws:PrincipalArn", "arn:aws:iam::999999999999:role/other"),
        ("aws:PrincipalOrgID", "o-exampleorgid"),
        ("aws:PrincipalOrgPaths", ("o-exampleorgid/",)),
        ("aws:PrincipalTag/Team", "ops"),
        ("aws:PrincipalType", "User"),
        ("aws:RequestedRegion", "eu-west-1"),
        ("aws:ResourceAccount", "999999999999"),
        ("aws:ResourceOrgID", "o-exampleorgid"),
        ("aws:ResourceTag/Env", "Gamma"),
        ("aws:SecureTransport", "true"),
        ("aws:SourceIp", "192.0.2.1"),
        ("aws:UserAgent", "wget"),
        ("aws:referer", "http://other"),
        ("aws:userid", "AROA"),
        (HEADER, "2"),
        ("vpc-lattice-svcs:Port", "8080"),
        ("vpc-lattice-svcs:RequestMethod", "PUT"),
        ("vpc-lattice-svcs:RequestPath", "/other"),
        (QUERY, ("a b&c=d",)),
        ("vpc-lattice-svcs:ServiceArn", "arn"),
        ("vpc-lattice-svcs:ServiceNetworkArn", "arn"),
        ("vpc-lattice-svcs:SourceVpc", "vpc-1"),
        ("vpc-lattice-svcs:SourceVpcOwnerAccount", "999999999999"),
    ],
)
@pytest.mark.parametrize("caller", [ROLE, User("ann"), None], ids=["role", "user", "-"])
def test_value_is_another(
    name: str, value: str | tuple[str, ...], caller: Caller | None
) -> None:
    """The changed call has the value, and differs in no other key of its kind."""
    before = call(caller, **SENT)
    after = with_value(before, name, value)
    changed = {
        key.name
        for key in KEYS.values()
        if not key.of_caller and key.read(before) != key.read(after)
    }

    assert value_of(after, name) == value
    assert changed <= {name, "aws:CurrentTime", "aws:EpochTime"}


@pytest.mark.parametrize(
    "name",
    [
        "aws:PrincipalOrgID",
        "aws:PrincipalOrgPaths",
        "aws:PrincipalTag/Team",
        "aws:ResourceTag/Env",
        "aws:UserAgent",
        "aws:referer",
        HEADER,
        QUERY,
    ],
)
def test_value_is_missing(name: str) -> None:
    """What may be missing can be taken away."""
    made = with_value(call(ROLE, **SENT), name, "x")
    after = with_value(made, name, None)

    assert value_of(made, name) is not None
    assert value_of(after, name) is None


@pytest.mark.parametrize(
    "name",
    [
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:SourceIp",
        "aws:userid",
        "vpc-lattice-svcs:RequestMethod",
        "vpc-lattice-svcs:RequestPath",
        "vpc-lattice-svcs:ServiceNetworkArn",
        "vpc-lattice-svcs:SourceVpc",
    ],
)
def test_what_every_call_has_stays(name: str) -> None:
    """What no call is without cannot be taken away."""
    before = call(ROLE)

    assert with_value(before, name, None) is before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aws:Nothing", "x"),
        ("aws:SourceVpc", "vpc-1"),
        ("aws:ViaAWSService", "true"),
        ("vpc-lattice-svcs:Port", "http"),
        ("vpc-lattice-svcs:Port", None),
        ("aws:CurrentTime", "yesterday"),
        ("aws:CurrentTime", None),
    ],
)
def test_no_call_has_that(name: str, value: str | None) -> None:
    """Where no call can have a value, the call stays as it is."""
    before = call(ROLE)

    assert with_value(before, name, value) is before


def test_key_of_the_caller_needs_one() -> None:
    """An anonymous call is signed where it is given a value of its caller."""
    after = with_value(call(), "aws:PrincipalTag/team", "fx")

    assert not after.identity.is_anonymous
    assert value_of(after, "aws:PrincipalAccount") == ACCOUNT


def test_other_values_of_a_query_stay() -> None:
    """Only the parameter that is asked for changes."""
    after = with_value(call(url="/?q=1&r=2&q=3"), QUERY, "9")

    assert after.request.query == "r=2&q=9"


def test_signed() -> None:
    """A signed call stays; an anonymous one is signed by a role of the account."""
    mine = call(ROLE)
    role = signed(call()).identity

    assert signed(mine) is mine
    assert (role.type, role.account) == ("AssumedRole", ACCOUNT)


def test_path() -> None:
    """Another path is another resource; the query stays."""
    after = with_path(call(url="/a?q=1"), "/b")

    assert after.resource.endswith("/b")
    assert after.request.query == "q=1"
