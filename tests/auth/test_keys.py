"""The condition keys: what each of them gives for a role, a user and nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_lattice.auth.call import Call
from pytest_lattice.auth.keys import KEYS, NAMES, find_key
from pytest_lattice.model.caller import Role, User
from tests.auth.scene import ACCOUNT, NETWORK, SERVICE, VPC, call

ORGANIZATION = "o-exampleorgid"
ORGANIZATION_PATH = f"{ORGANIZATION}/r-ab12/ou-ab12-11111111/"
ROLE = Role(
    "reader",
    path="/team/",
    session="s1",
    tags={"Team": "fx", "Cost": "1"},
    session_tags={"team": "ops"},
    org_id=ORGANIZATION,
    org_path=ORGANIZATION_PATH,
    source_identity="ann",
    federated_provider="cognito-identity.amazonaws.com",
    issued=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)
USER = User("ann", tags={"Team": "fx"})
PLACE = {"service_tags": {"environment": "Gamma"}, "service_org_id": ORGANIZATION}

# AWS: vpc-lattice/latest/ug/auth-policies, reference_policies_condition-keys: each key
# with what a role, a user and an anonymous caller have.
OF_CALLER = {
    "aws:FederatedProvider": ("cognito-identity.amazonaws.com", None, None),
    "aws:PrincipalAccount": (ACCOUNT, ACCOUNT, "anonymous"),
    "aws:PrincipalArn": (
        f"arn:aws:iam::{ACCOUNT}:role/team/reader",
        f"arn:aws:iam::{ACCOUNT}:user/ann",
        None,
    ),
    "aws:PrincipalIsAWSService": ("false", "false", None),
    "aws:PrincipalOrgID": (ORGANIZATION, None, None),
    "aws:PrincipalOrgPaths": ((ORGANIZATION_PATH,), None, None),
    "aws:PrincipalTag/cost": ("1", None, None),
    "aws:PrincipalTag/Team": ("ops", "fx", None),
    "aws:PrincipalType": ("AssumedRole", "User", "Anonymous"),
    "aws:SourceIdentity": ("ann", None, None),
    "aws:TokenIssueTime": ("2026-01-02T03:04:05Z", None, None),
    "aws:userid": (ROLE.user_id, USER.user_id, "anonymous"),
    "aws:username": (None, "ann", None),
}
OF_ALL = {
    "aws:CurrentTime": "2026-01-01T00:00:00Z",
    "aws:EpochTime": "1767225600",
    "aws:RequestedRegion": "us-west-2",
    "aws:ResourceAccount": ACCOUNT,
    "aws:ResourceOrgID": ORGANIZATION,
    "aws:ResourceTag/Environment": "Gamma",
    "aws:ResourceTag/other": None,
    "aws:SecureTransport": "false",
    "aws:SourceIp": "10.0.0.9",
    "aws:UserAgent": "curl/8",
    "aws:ViaAWSService": "false",
    "aws:referer": "http://shop",
    "vpc-lattice-svcs:Port": "80",
    "vpc-lattice-svcs:RequestHeader/X-Beta": "1",
    "vpc-lattice-svcs:RequestHeader/x-other": None,
    "vpc-lattice-svcs:RequestMethod": "PATCH",
    "vpc-lattice-svcs:RequestPath": "/a%2Fb//../c",
    "vpc-lattice-svcs:RequestQueryString/q": ("1", "2"),
    "vpc-lattice-svcs:RequestQueryString/other": None,
    "vpc-lattice-svcs:ServiceArn": SERVICE,
    "vpc-lattice-svcs:ServiceNetworkArn": NETWORK,
    "vpc-lattice-svcs:SourceVpc": VPC,
    "vpc-lattice-svcs:SourceVpcOwnerAccount": ACCOUNT,
}
# AWS has them; a call over Lattice does not carry them.
NEVER = [
    "aws:CalledVia",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalServiceName",
    "aws:RequestTag/team",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:VpcSourceIp",
]


def value(name: str, asked: Call) -> str | tuple[str, ...] | None:
    """Give what a call has for a key."""
    key = find_key(name)
    assert key is not None

    return key.read(asked)


def sent(**fields: Any) -> Call:  # noqa: ANN401  # any part of a request
    """Make a call that has something for every key."""
    values = {
        "method": "PATCH",
        "url": "/a%2Fb//../c?q=1&q=2",
        "headers": {"user-agent": "curl/8", "referer": "http://shop", "x-beta": "1"},
        "place": PLACE,
    }
    return call(fields.pop("caller", None), **values | fields)


@pytest.mark.parametrize("name", OF_CALLER)
@pytest.mark.parametrize("who", [0, 1, 2], ids=["role", "user", "anonymous"])
def test_key_of_the_caller(name: str, who: int) -> None:
    """A key of the caller has AWS's value for a role, a user, and nobody."""
    asked = sent(caller=(ROLE, USER, None)[who])

    assert value(name, asked) == OF_CALLER[name][who]


@pytest.mark.parametrize("name", OF_ALL)
@pytest.mark.parametrize("caller", [ROLE, USER, None], ids=["role", "user", "nobody"])
def test_key_of_the_call(name: str, caller: Role | User | None) -> None:
    """Other keys are the same whoever calls."""
    assert value(name, sent(caller=caller)) == OF_ALL[name]


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("caller", [ROLE, None], ids=["role", "nobody"])
def test_key_that_no_call_carries(name: str, caller: Role | None) -> None:
    """What is for calls of AWS's own APIs is missing."""
    assert value(name, sent(caller=caller)) is None


def test_every_key_is_in_one_of_these_tables() -> None:
    """No key is left out: one without a suffix is tested, or it is always missing."""
    tested = {*OF_CALLER, *OF_ALL}
    left = [key.name for key in KEYS.values() if key.name not in tested]

    assert [name for name in left if value(name, sent(caller=ROLE)) is not None] == []


def test_secure_transport() -> None:
    """Https is secure."""
    asked = sent()
    secure = asked._replace(request=asked.request._replace(scheme="https"))

    assert value("aws:SecureTransport", secure) == "true"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), None),
        ((("x-a", ""),), ""),
        ((("x-a", "1"), ("x-b", "2"), ("x-a", "3")), "1,3"),
    ],
)
def test_header(headers: tuple[tuple[str, str], ...], expected: str | None) -> None:
    """Repeated headers are joined by a comma; an empty one is there."""
    asked = call(headers=headers)

    assert value("vpc-lattice-svcs:RequestHeader/X-A", asked) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", None),
        ("?q=", ("",)),
        ("?q", ("",)),
        ("?q=1&r=2&q=1", ("1", "1")),
        ("?Q=1", None),
        ("?q=a=b", ("a=b",)),
        ("?q=a+b", ("a+b",)),
        ("?q=a%20b%26", ("a b&",)),
        ("?%71=1", ("1",)),
        ("?q%3D1", None),
        ("?&&q=1&", ("1",)),
    ],
)
def test_query(query: str, expected: tuple[str, ...] | None) -> None:
    """A query parameter has all its values, percent-decoded; its name has case."""
    asked = call(url=f"/{query}")

    assert value("vpc-lattice-svcs:RequestQueryString/q", asked) == expected


@pytest.mark.parametrize(
    ("version", "kind", "expected"),
    [
        ("HTTP/2", "application/grpc", None),
        ("HTTP/2", "application/grpc+proto", None),
        ("HTTP/2", "application/json", ("1",)),
        ("HTTP/2", "application/grpc-web", ("1",)),
        ("HTTP/1.1", "application/grpc", ("1",)),
    ],
)
def test_grpc_has_no_query(
    version: str, kind: str, expected: tuple[str, ...] | None
) -> None:
    """A gRPC call has no query parameters."""
    asked = call(
        method="POST",
        url="/?q=1",
        headers={"content-type": kind},
        http_version=version,
    )

    assert value("vpc-lattice-svcs:RequestQueryString/q", asked) == expected


def test_tls_passthrough_shows_neither_method_nor_path() -> None:
    """What is not seen is missing."""
    asked = call()
    unseen = asked._replace(request=asked.request._replace(method="", path=""))

    assert value("vpc-lattice-svcs:RequestMethod", unseen) is None
    assert value("vpc-lattice-svcs:RequestPath", unseen) is None


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("AWS:principalorgid", "aws:PrincipalOrgID"),
        ("vpc-lattice-svcs:sourcevpc", "vpc-lattice-svcs:SourceVpc"),
        (
            "VPC-Lattice-Svcs:requestheader/X-Beta",
            "vpc-lattice-svcs:RequestHeader/X-Beta",
        ),
        ("aws:principaltag/Team", "aws:PrincipalTag/Team"),
        ("aws:PrincipalTag/a/b", "aws:PrincipalTag/a/b"),
        ("aws:PrincipalTag", None),
        ("aws:PrincipalTag/", None),
        ("aws:PrincipalOrgID/x", None),
        ("aws:PrincipleOrgID", None),
        ("vpc-lattice-svcs:Path", None),
        ("", None),
    ],
)
def test_find(written: str, found: str | None) -> None:
    """A key is found without regard to case, and given in AWS's spelling."""
    key = find_key(written)

    assert (None if key is None else key.name) == found


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("aws:PrincipalOrgID", True),
        ("aws:principalorgid", False),
        ("vpc-lattice-svcs:RequestHeader/X-Beta", True),
        ("vpc-lattice-svcs:requestHeader/X-Beta", False),
        ("aws:userid", True),
        ("aws:UserId", False),
    ],
)
def test_find_exact(written: str, known: bool) -> None:  # noqa: FBT001  # a parameter
    """With exact case, only AWS's spelling is a key."""
    assert (find_key(written, exact=True) is not None) is known


def test_several() -> None:
    """Two keys may have several values."""
    several = {key.name for key in KEYS.values() if key.several}
    query = find_key("vpc-lattice-svcs:RequestQueryString/q")

    assert several == {"aws:PrincipalOrgPaths"}
    assert query is not None
    assert query.several


def test_of_caller() -> None:
    """The keys that tell of the caller say so."""
    for name in OF_CALLER:
        key = find_key(name)

        assert key is not None
        assert key.of_caller
    assert {key.name for key in KEYS.values() if key.of_caller} == {
        name for name in OF_CALLER if "/" not in name
    }


def test_names() -> None:
    """All names are there for advice; five of them take a suffix."""
    assert [name for name in NAMES if name.endswith("/")] == [
        "vpc-lattice-svcs:RequestHeader/",
        "vpc-lattice-svcs:RequestQueryString/",
        "aws:PrincipalTag/",
        "aws:RequestTag/",
        "aws:ResourceTag/",
    ]
    assert len(set(NAMES)) == len(KEYS) + 5
