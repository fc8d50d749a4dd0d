"""Calls that differ from a given one in the value of one condition key.

They are what a failing assertion tries out; no request is ever changed by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from pytest_lattice.auth.conditions import moment, several
from pytest_lattice.auth.identity import identity_of
from pytest_lattice.auth.keys import find_key
from pytest_lattice.model.caller import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.conditions import Value

#: The field of the identity that a key reads.
_OF_IDENTITY = {
    "aws:PrincipalAccount": "account",
    "aws:PrincipalArn": "arn",
    "aws:PrincipalOrgID": "org_id",
    "aws:PrincipalType": "type",
    "aws:userid": "user_id",
}
#: The field of the place that a key reads.
_OF_PLACE = {
    "aws:RequestedRegion": "region",
    "aws:ResourceAccount": "service_account",
    "aws:ResourceOrgID": "service_org_id",
    "vpc-lattice-svcs:ServiceArn": "service_arn",
    "vpc-lattice-svcs:ServiceNetworkArn": "network_arn",
    "vpc-lattice-svcs:SourceVpc": "vpc",
    "vpc-lattice-svcs:SourceVpcOwnerAccount": "vpc_account",
}
#: Keys without which there is no call.
_ALWAYS = frozenset(
    {
        "aws:PrincipalAccount",
        "aws:PrincipalType",
        "aws:RequestedRegion",
        "aws:ResourceAccount",
        "aws:SourceIp",
        "aws:userid",
        "vpc-lattice-svcs:RequestMethod",
        "vpc-lattice-svcs:RequestPath",
        "vpc-lattice-svcs:ServiceArn",
        "vpc-lattice-svcs:ServiceNetworkArn",
        "vpc-lattice-svcs:SourceVpc",
        "vpc-lattice-svcs:SourceVpcOwnerAccount",
    }
)


def signed(call: Call) -> Call:
    """Return the call as some role of the service's account would sign it."""
    if not call.identity.is_anonymous:
        return call
    role = Role("any-role", account=call.place.service_account)
    return call._replace(identity=identity_of(role))


def with_value(call: Call, name: str, value: Value) -> Call:
    """Return the call with another value of a condition key.

    Args:
        call: the call.
        name: the key, in AWS's spelling.
        value: its value; None for none.

    Returns:
        The changed call; the same one where no call can have another value.
    """
    key = find_key(name)
    if key is None or (value is None and name in _ALWAYS):
        return call
    if key.of_caller:
        call = signed(call)
    only = next(iter(several(value)), None)
    if name in _OF_IDENTITY:
        of_identity: dict[str, Any] = {_OF_IDENTITY[name]: only}
        return call._replace(identity=call.identity._replace(**of_identity))
    if name in _OF_PLACE:
        of_place: dict[str, Any] = {_OF_PLACE[name]: only}
        return call._replace(place=call.place._replace(**of_place))
    stem, slash, suffix = name.partition("/")
    change = _CHANGES.get(stem + slash)
    return call if change is None else change(call, suffix, only)


def _method(call: Call, _: str, value: str | None) -> Call:
    return call._replace(request=call.request._replace(method=value or ""))


def with_path(call: Call, path: str) -> Call:
    """Return the call with another path."""
    return call._replace(request=call.request._replace(path=path))


def _path(call: Call, _: str, value: str | None) -> Call:
    return with_path(call, value or "")


def _port(call: Call, _: str, value: str | None) -> Call:
    if value is None or not value.isdecimal():
        return call
    return call._replace(request=call.request._replace(port=int(value)))


def _header(call: Call, suffix: str, value: str | None) -> Call:
    name = suffix.lower()
    kept = tuple(pair for pair in call.request.headers if pair[0] != name)
    added = () if value is None else ((name, value),)
    return call._replace(request=call.request._replace(headers=kept + added))


def _user_agent(call: Call, _: str, value: str | None) -> Call:
    return _header(call, "user-agent", value)


def _referer(call: Call, _: str, value: str | None) -> Call:
    return _header(call, "referer", value)


def _query(call: Call, suffix: str, value: str | None) -> Call:
    pairs = (call.request.query or "").split("&")
    kept = [each for each in pairs if each and unquote(each.split("=")[0]) != suffix]
    if value is not None:
        kept.append(f"{quote(suffix)}={quote(value)}")
    query = "&".join(kept) or None
    return call._replace(request=call.request._replace(query=query))


def _principal_tag(call: Call, suffix: str, value: str | None) -> Call:
    tags = _with_tag(call.identity.tag_values, suffix, value)
    return call._replace(identity=call.identity._replace(tag_values=tags))


def _resource_tag(call: Call, suffix: str, value: str | None) -> Call:
    tags = _with_tag(call.place.service_tags, suffix, value)
    return call._replace(place=call.place._replace(service_tags=tags))


def _with_tag(tags: Mapping[str, str], key: str, value: str | None) -> dict[str, str]:
    kept = {name: text for name, text in tags.items() if name != key.lower()}
    return kept if value is None else {**kept, key.lower(): value}


def _org_path(call: Call, _: str, value: str | None) -> Call:
    return call._replace(identity=call.identity._replace(org_path=value))


def _address(call: Call, _: str, value: str | None) -> Call:
    source = call.request.source._replace(address=value or "")
    return call._replace(request=call.request._replace(source=source))


def _secure(call: Call, _: str, value: str | None) -> Call:
    scheme = "https" if value == "true" else "http"
    return call._replace(request=call.request._replace(scheme=scheme))


def _time(call: Call, _: str, value: str | None) -> Call:
    now = None if value is None else moment(value)
    return call if now is None else call._replace(now=now)


_CHANGES: dict[str, Callable[[Call, str, str | None], Call]] = {
    "aws:CurrentTime": _time,
    "aws:EpochTime": _time,
    "aws:PrincipalOrgPaths": _org_path,
    "aws:PrincipalTag/": _principal_tag,
    "aws:ResourceTag/": _resource_tag,
    "aws:SecureTransport": _secure,
    "aws:SourceIp": _address,
    "aws:UserAgent": _user_agent,
    "aws:referer": _referer,
    "vpc-lattice-svcs:Port": _port,
    "vpc-lattice-svcs:RequestHeader/": _header,
    "vpc-lattice-svcs:RequestMethod": _method,
    "vpc-lattice-svcs:RequestPath": _path,
    "vpc-lattice-svcs:RequestQueryString/": _query,
}
