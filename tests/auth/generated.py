"""Random policies, callers and requests; alphabets are small, so they often meet."""

from typing import Any

from hypothesis import strategies as st

from pytest_lattice.model.caller import Caller, Role, User
from pytest_lattice.model.message import LatticeRequest
from tests.auth.scene import ACCOUNT, SERVICE, request_of

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/reader"
_OTHER = "999999999999"
_TIME = "2026-01-01T00:00:00Z"

CALLERS: list[Caller | None] = [
    None,
    Role("reader"),
    Role("reader", session="s2", tags={"team": "fx"}),
    Role("Reader", path="/a/", tags={"Team": "fx"}, session_tags={"x": "1"}),
    Role("reader", account=_OTHER, org_id="o-exampleorgid"),
    Role(
        "writer",
        tags={"team": ""},
        org_id="o-exampleorgid",
        org_path="o-exampleorgid/r-1/",
    ),
    User("ann", tags={"team": "fx"}),
    User("reader"),
]
_PATHS = ["/", "/fx", "/fx/", "/fx/rates", "/Fx", "//fx", "/%66x", "/*", "/a:b", "/x\n"]
_PLAIN = ["", "GET", "get", "fx", "*", "1", "/fx"]
_TEXTS = [
    *_PLAIN,
    *["1.0", "-2", "true", "FALSE", "Zng=", "10.0.0.9", "2001:db8::1", _TIME, _ROLE],
]
_QUERIES = ["", "?q=1", "?q=fx&q=1", "?q=", "?q=&q=fx", "?Q=fx", "?r=1&q=GET"]
_HEADERS: list[list[list[str]]] = [
    [],
    *[[["x-a", text]] for text in _TEXTS],
    [["x-a", "fx"], ["x-a", "1"]],
]
_PRINCIPALS: list[Any] = [
    "*",
    "*",
    ACCOUNT,
    *(
        {"AWS": each}
        for each in (
            "*",
            ACCOUNT,
            f"arn:aws:iam::{ACCOUNT}:root",
            _ROLE,
            [_OTHER, f"arn:aws:iam::{ACCOUNT}:role/a/Reader"],
            f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s2",
            [f"arn:aws:iam::{ACCOUNT}:user/ann", f"arn:aws:iam::{_OTHER}:role/reader"],
        )
    ),
]
_ACTIONS: list[Any] = [
    "*",
    "vpc-lattice-svcs:Invoke",
    "vpc-lattice-svcs:invok?",
    "vpc-lattice-svcs:Connect",
    ["vpc-lattice-svcs:Connect", "VPC-Lattice-svcs:I*"],
]
_RESOURCES: list[Any] = [
    "*",
    "*/*",
    "*/fx",
    SERVICE,
    f"{SERVICE}/*",
    f"{SERVICE}/f?",
    f"{SERVICE}/${{aws:PrincipalTag/team}}",
    f"{SERVICE}/${{aws:username, 'fx'}}*",
    f"{SERVICE}/${{*}}",
    [f"{SERVICE}/", f"{SERVICE}/fx/*", "*:b"],
]
_KEYS = [
    "vpc-lattice-svcs:RequestMethod",
    "vpc-lattice-svcs:requestpath",
    "vpc-lattice-svcs:RequestHeader/X-A",
    "vpc-lattice-svcs:RequestHeader/x-a",
    "vpc-lattice-svcs:RequestQueryString/q",
    "vpc-lattice-svcs:Port",
    "vpc-lattice-svcs:SourceVpc",
    "vpc-lattice-svcs:ServiceArn",
    "aws:PrincipalTag/team",
    "aws:PrincipalTag/X",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:PrincipalAccount",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:username",
    "aws:SourceIp",
    "aws:CurrentTime",
    "aws:SecureTransport",
    "aws:SourceVpc",
]
_VARIABLES = ["${aws:PrincipalTag/team}", "f${aws:username, 'x'}", "${*}", "${$}{a}"]
_ORDERS = [
    "Equals",
    "NotEquals",
    "LessThan",
    "LessThanEquals",
    "GreaterThan",
    "GreaterThanEquals",
]
_ARN_PATTERNS = [
    _ROLE,
    "arn:aws:iam::*:role/*",
    "arn:*:*:*:*:*",
    f"arn:aws:iam::{ACCOUNT}:role/${{aws:PrincipalTag/team, 'reader'}}",
    f"{SERVICE[:-3]}*",
]
#: Operators, with the values that a policy may compare with.
_FAMILIES: list[tuple[list[str], list[str]]] = [
    (
        ["StringEquals", "StringNotEquals"],
        [*_TEXTS, *_VARIABLES, "Anonymous", "User", ACCOUNT],
    ),
    (
        ["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
        [*_PLAIN, *_VARIABLES, "anonymous", "ASSUMEDROLE"],
    ),
    (
        ["StringLike", "StringNotLike"],
        [*_PLAIN, *_VARIABLES, "?", "/f*", "*x*", "*:*", "o-*/r-?/"],
    ),
    ([f"Numeric{each}" for each in _ORDERS], ["1", "-2.0", "80", "81.5"]),
    (
        [f"Date{each}" for each in _ORDERS],
        [_TIME, "1767225601", "2025-12-31T23:59:59Z"],
    ),
    (["Bool"], ["true", "false"]),
    (["BinaryEquals"], ["Zng=", "MQ=="]),
    (["IpAddress", "NotIpAddress"], ["10.0.0.0/8", "10.0.0.9", "2001:db8::/32"]),
    (["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"], _ARN_PATTERNS),
]


@st.composite
def _condition(draw: st.DrawFn) -> tuple[str, str, Any]:
    key = draw(st.sampled_from(_KEYS))
    if draw(st.integers(0, 9)) == 0:
        return "Null", key, draw(st.sampled_from(["true", "false", ["true", "false"]]))
    names, values = draw(st.sampled_from(_FAMILIES))
    name = draw(st.sampled_from(names))
    quantifier = draw(st.sampled_from(["", "", "ForAllValues:", "ForAnyValue:"]))
    suffix = draw(st.sampled_from(["", "", "IfExists"]))
    wanted = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2))
    return f"{quantifier}{name}{suffix}", key, wanted


@st.composite
def _statement(draw: st.DrawFn, *, own: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
    }
    pools = {"Principal": _PRINCIPALS, "Action": _ACTIONS, "Resource": _RESOURCES}
    for name, pool in pools.items():
        if own and name == "Principal":
            continue
        negation = "Not" if draw(st.integers(0, 5)) == 0 else ""
        made[negation + name] = draw(st.sampled_from(pool))
    conditions: dict[str, dict[str, Any]] = {}
    for operator, key, values in draw(st.lists(_condition(), max_size=2)):
        conditions.setdefault(operator, {})[key] = values
    return {**made, "Condition": conditions} if conditions else made


@st.composite
def documents(draw: st.DrawFn, *, own: bool = False) -> dict[str, Any]:
    """Draw a policy document; one of a caller's own names no principal."""
    return {
        "Version": draw(st.sampled_from(["2012-10-17", "2012-10-17", "2008-10-17"])),
        "Statement": draw(st.lists(_statement(own=own), min_size=1, max_size=2)),
    }


callers = st.sampled_from(CALLERS)


@st.composite
def requests(draw: st.DrawFn) -> LatticeRequest:
    """Draw a request."""
    return request_of(
        {
            "method": draw(st.sampled_from(["GET", "get", "POST"])),
            "url": draw(st.sampled_from(_PATHS)) + draw(st.sampled_from(_QUERIES)),
            "headers": draw(st.sampled_from(_HEADERS)),
            "scheme": draw(st.sampled_from(["http", "https"])),
            "port": draw(st.sampled_from([80, 81])),
        }
    )
