"""Calls to one service in one network, and its layers, in as few words as possible."""

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_lattice.auth.call import Call, Place
from pytest_lattice.auth.evaluate import LayerName, PolicyKind, PolicySource
from pytest_lattice.auth.identity import ANONYMOUS, Identity, identity_of
from pytest_lattice.auth.policy import Kind, read_policy
from pytest_lattice.model.auth_policy import policy_text
from pytest_lattice.model.caller import Caller, Role, User
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.model.service import Service
from pytest_lattice.model.service_network import ServiceNetwork
from tests.routing.build import request

ACCOUNT = "123456789012"
SERVICE = Service("rates").arn
NETWORK = ServiceNetwork("shop").arn
VPC = Configuration().vpc("default").id
#: 2026-01-01T00:00:00Z, in microseconds since 1970.
NOW = 1_767_225_600_000_000
PLACE = Place(
    service_arn=SERVICE,
    service_account=ACCOUNT,
    service_tags={},
    service_org_id=None,
    region="us-west-2",
    network_arn=NETWORK,
    vpc=VPC,
    vpc_account=ACCOUNT,
)
ANYBODY = {"Effect": "Allow", "Principal": "*"}
OWN = {"Effect": "Allow", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}


def statement(**members: object) -> dict[str, object]:
    """Make a statement that allows everybody everything, but for the given members."""
    plain = {**ANYBODY, "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}
    for name in members:
        plain.pop(name.removeprefix("Not"), None)
    return {**plain, **members}


def document(
    *statements: Mapping[str, object], version: str = "2012-10-17"
) -> dict[str, object]:
    """Make a policy document."""
    return {"Version": version, "Statement": [*statements]}


def source(
    *documents: Mapping[str, object],
    layer: LayerName = "service",
    kind: PolicyKind | None = None,
    owner: str | None = None,
) -> PolicySource:
    """Read documents into the policies of one layer."""
    reads: Kind = "identity" if layer == "identity" else "auth"
    named: PolicyKind = kind or f"{layer}-based policy"  # type: ignore[assignment]  # one of the kinds
    owners = {"network": "service network `shop`", "service": "service `rates`"}
    whose = owner or owners.get(layer, "role `reader`")
    where = f"{named} of {whose}"
    return PolicySource(
        layer,
        named,
        whose,
        tuple(
            read_policy(policy_text(each, where), where, reads) for each in documents
        ),
    )


def allowing(
    layer: LayerName = "service", *, version: str = "2012-10-17", **members: object
) -> PolicySource:
    """Make a layer of one policy of one statement."""
    made = {**OWN, **members} if layer == "identity" else statement(**members)
    return source(document(made, version=version), layer=layer)


def identity(caller: Caller | None) -> Identity:
    """Make the identity of a caller; None did not sign."""
    return ANONYMOUS if caller is None else identity_of(caller)


def call(
    caller: Caller | None = None,
    *,
    place: Mapping[str, object] | None = None,
    **fields: Any,  # noqa: ANN401  # any part of a request
) -> Call:
    """Make a call to the service."""
    url = fields.pop("url", "/")
    sent = request(url=f"http://rates{url}", **{"vpc": VPC, **fields})
    values: dict[str, Any] = dict(place or {})
    return Call(sent, identity(caller), PLACE._replace(**values), NOW)


# ---- described in JSON ------------------------------------------------------


def caller_of(described: Mapping[str, Any] | None) -> Caller | None:
    """Make a caller of its description: a role, a user, or nobody."""
    if described is None:
        return None
    ((kind, fields),) = described.items()
    return Role(**fields) if kind == "role" else User(**fields)


def request_of(described: Mapping[str, Any]) -> LatticeRequest:
    """Make a request of its description, the path as it is written."""
    path, _, query = described.get("url", "/").partition("?")
    scheme = described.get("scheme", "http")
    made = request(
        described.get("method", "GET"),
        f"{scheme}://rates/",
        headers=tuple(
            (name.lower(), value) for name, value in described.get("headers", ())
        ),
        http_version="HTTP/2" if described.get("http2") else "HTTP/1.1",
        vpc=VPC,
    )
    return made._replace(
        path=path, query=query or None, port=described.get("port", made.port)
    )


def own_sources(caller: Caller | None) -> Iterable[PolicySource]:
    """Give the layers of a caller's own policies."""
    if caller is None:
        return
    owner = identity(caller).label

    def made(kind: PolicyKind, *texts: object) -> PolicySource:
        where = f"{kind} of {owner}"
        policies = tuple(read_policy(str(each), where, "identity") for each in texts)
        return PolicySource("identity", kind, owner, policies)

    for each in caller.service_control_policies:
        yield made("service control policy", each)
    yield made("identity-based policy", *caller.policies)
    if caller.permissions_boundary is not None:
        yield made("permissions boundary", caller.permissions_boundary)
    if isinstance(caller, Role) and caller.session_policies:
        yield made("session policy", *caller.session_policies)
