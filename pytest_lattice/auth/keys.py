"""The condition keys, as a table: what a policy can ask of a call.

Each row says how the key's value is read.  A key that AWS has and that a call over
Lattice never carries has a row too, so that it is told from a misspelled one.
AWS: vpc-lattice/latest/ug/auth-policies, IAM/latest/UserGuide/
reference_policies_condition-keys, service-authorization/latest/reference/
list_amazonvpclatticeservices
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import unquote

from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.instant import date_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.conditions import Value

#: Reads the value of a key from a call.
Reader: TypeAlias = "Callable[[Call], Value]"


class Key(NamedTuple):
    """A condition key.

    Args:
        name: in AWS's spelling; with a suffix, as the policy has that.
        read: reads its value.
        of_caller: whether its value tells of the caller, so that an anonymous call
            has none, or one of its own.
        fixed: whether it is the same for all calls of one caller in one place.
        several: whether it may have several values.
    """

    name: str
    read: Reader
    of_caller: bool = False
    fixed: bool = False
    several: bool = False


# ---- readers ----------------------------------------------------------------


def _absent(_: Call) -> None:
    return None


def _port(call: Call) -> str:
    return str(call.request.port)


def _method(call: Call) -> str | None:
    # A connection that is passed through as TLS shows neither method nor path.
    return call.request.method or None


def _path(call: Call) -> str | None:
    # AWS is silent on encodings: the raw path, neither decoded nor normalized
    return call.request.path or None


def _network_arn(call: Call) -> str:
    return call.place.network_arn


def _service_arn(call: Call) -> str:
    return call.place.service_arn


def _vpc(call: Call) -> str:
    return call.place.vpc


def _vpc_account(call: Call) -> str:
    return call.place.vpc_account


def _header(name: str, call: Call) -> str | None:
    values = [value for each, value in call.request.headers if each == name]
    if len(values) == 1:
        return values[0]
    # AWS is silent on repeated headers: joined, as in Lambda's V1 event
    return ",".join(values) if values else None


def _query(name: str, call: Call) -> tuple[str, ...] | None:
    request = call.request
    # AWS: a gRPC call, which is always a POST, has no query string
    grpc = request.method == "POST" and request.client_protocol == "gRPC"
    if not request.query or grpc:
        return None
    values = []
    for pair in request.query.split("&"):
        key, _, value = pair.partition("=")
        # AWS is silent: percent-decoded, and `+` stays
        if (unquote(key) if "%" in key else key) == name:
            values.append(unquote(value) if "%" in value else value)
    return tuple(values) or None


def _principal_tag(name: str, call: Call) -> str | None:
    return call.identity.tag_values.get(name)


def _resource_tag(name: str, call: Call) -> str | None:
    # AWS: the tags of the service, for a network's policy too; two may differ by
    # case only
    tags = call.place.service_tags
    return tags[name] if name in tags else tags.get(name.lower())


def _org_path(call: Call) -> tuple[str, ...] | None:
    path = call.identity.org_path
    return None if path is None else (path,)


def _user_name(call: Call) -> str | None:
    # AWS: present for IAM users only
    caller = call.identity.caller
    return caller.name if isinstance(caller, User) else None


def _of_role(name: str, call: Call) -> str | None:
    caller = call.identity.caller
    return getattr(caller, name) if isinstance(caller, Role) else None


def _issued(call: Call) -> str | None:
    # AWS: present for temporary credentials only
    caller = call.identity.caller
    return _iso(caller.issued) if isinstance(caller, Role) else None


def _is_service(call: Call) -> str | None:
    return None if call.identity.is_anonymous else "false"


def _via_service(_: Call) -> str:
    return "false"


def _address(call: Call) -> str:
    return call.request.source.address


def _now(call: Call) -> str:
    return _iso(date_of(call.now))


def _epoch(call: Call) -> str:
    return str(call.now // 1_000_000)


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _secure(call: Call) -> str:
    return "false" if call.request.scheme == "http" else "true"


def _region(call: Call) -> str:
    return call.place.region


def _resource_account(call: Call) -> str:
    return call.place.service_account


def _resource_org_id(call: Call) -> str | None:
    return call.place.service_org_id


# ---- the table --------------------------------------------------------------

_OF_PLACE: dict[str, Reader] = {
    "aws:RequestedRegion": _region,
    "aws:ResourceAccount": _resource_account,
    "aws:ResourceOrgID": _resource_org_id,
    "aws:ViaAWSService": _via_service,
    "vpc-lattice-svcs:ServiceArn": _service_arn,
    "vpc-lattice-svcs:ServiceNetworkArn": _network_arn,
    "vpc-lattice-svcs:SourceVpc": _vpc,
    "vpc-lattice-svcs:SourceVpcOwnerAccount": _vpc_account,
}
_OF_CALLER: dict[str, Reader] = {
    "aws:FederatedProvider": partial(_of_role, "federated_provider"),
    "aws:PrincipalAccount": lambda call: call.identity.account,
    "aws:PrincipalArn": lambda call: call.identity.arn,
    "aws:PrincipalIsAWSService": _is_service,
    "aws:PrincipalOrgID": lambda call: call.identity.org_id,
    "aws:PrincipalOrgPaths": _org_path,
    "aws:PrincipalType": lambda call: call.identity.type,
    "aws:SourceIdentity": partial(_of_role, "source_identity"),
    "aws:TokenIssueTime": _issued,
    "aws:userid": lambda call: call.identity.user_id,
    "aws:username": _user_name,
}
_OF_REQUEST: dict[str, Reader] = {
    "aws:CurrentTime": _now,
    "aws:EpochTime": _epoch,
    "aws:SecureTransport": _secure,
    "aws:SourceIp": _address,
    "aws:UserAgent": partial(_header, "user-agent"),
    "aws:referer": partial(_header, "referer"),
    "vpc-lattice-svcs:Port": _port,
    "vpc-lattice-svcs:RequestMethod": _method,
    "vpc-lattice-svcs:RequestPath": _path,
}
# Keys of AWS's that a call over Lattice does not carry.
_NEVER = (
    "aws:AssumedRoot",
    "aws:CalledVia",
    "aws:CalledViaFirst",
    "aws:CalledViaLast",
    "aws:ChatbotSourceArn",
    "aws:Ec2InstanceSourcePrivateIPv4",
    "aws:Ec2InstanceSourceVpc",
    "aws:MultiFactorAuthAge",
    "aws:MultiFactorAuthPresent",
    "aws:PrincipalServiceName",
    "aws:PrincipalServiceNamesList",
    "aws:ResourceOrgPaths",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    # AWS: for calls of AWS APIs; for Lattice it is vpc-lattice-svcs:SourceVpc
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:TagKeys",
    "aws:VpcSourceIp",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:VpceOrgPaths",
)
# Header names and tag keys are compared without case; the keys of a query are not.
_QUERY = "vpc-lattice-svcs:RequestQueryString/"
_RESOURCE_TAG = "aws:ResourceTag/"
_SUFFIXED: dict[str, Callable[[str, Call], Value]] = {
    "vpc-lattice-svcs:RequestHeader/": _header,
    _QUERY: _query,
    "aws:PrincipalTag/": _principal_tag,
    "aws:RequestTag/": lambda _, __: None,
    _RESOURCE_TAG: _resource_tag,
}

#: Every key without a suffix, by its name in lower case.
KEYS: Mapping[str, Key] = {
    name.lower(): Key(
        name,
        read,
        of_caller=name in _OF_CALLER,
        fixed=name not in _OF_REQUEST,
        several=name == "aws:PrincipalOrgPaths",
    )
    for name, read in {
        **_OF_PLACE,
        **_OF_CALLER,
        **_OF_REQUEST,
        **dict.fromkeys(_NEVER, _absent),
    }.items()
}
#: All names, for advice; those with a suffix end in ``/``.
NAMES: tuple[str, ...] = (*(key.name for key in KEYS.values()), *_SUFFIXED)


@lru_cache(maxsize=4096)
def find_key(name: str, *, exact: bool = False) -> Key | None:
    """Find a condition key.

    Args:
        name: as a policy writes it.
        exact: whether its case must be AWS's.

    Returns:
        The key; None if AWS has none of this name.
    """
    # AWS: IAM compares keys without case; the Lattice guide calls them case-sensitive
    key = KEYS.get(name.lower())
    if key is None:
        key = _suffixed(name)
    if key is None or (exact and key.name != name):
        return None
    return key


def _suffixed(name: str) -> Key | None:
    stem, slash, suffix = name.partition("/")
    for prefix, read in _SUFFIXED.items():
        if suffix and f"{stem}{slash}".lower() == prefix.lower():
            exact = prefix in {_QUERY, _RESOURCE_TAG}
            asked = suffix if exact else suffix.lower()
            return Key(
                prefix + suffix,
                partial(read, asked),
                of_caller=prefix == "aws:PrincipalTag/",
                fixed=prefix.startswith("aws:"),
                several=prefix == _QUERY,
            )
    return None
