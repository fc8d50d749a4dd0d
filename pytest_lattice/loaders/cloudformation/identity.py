"""What a resource of a template will be called: its name, id and ARN.

They are derived as the model derives them, so that references, policies and the running
network agree.  Names that AWS would draw are made of the stack's and the logical id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.cloudformation.text import fails
from pytest_lattice.model.names import digest, identifier, lattice_arn
from pytest_lattice.model.service_network import Vpc

if TYPE_CHECKING:
    from pytest_lattice.loaders.cloudformation.stack import Stack

__tracebackhide__ = HIDE

LATTICE = "AWS::VpcLattice::"


class Identity(NamedTuple):
    """Name, id and ARN."""

    name: str
    id: str
    arn: str


class _Law(NamedTuple):
    """How a kind of resource is called.

    Args:
        prefix: of its ids.
        segment: of its ARN.
        longest: what a name has at most; 0 for what has none.
    """

    prefix: str
    segment: str
    longest: int = 0


# AWS: AWSCloudFormation/latest/TemplateReference/AWS_VpcLattice
_LAWS = {
    "ServiceNetwork": _Law("sn", "servicenetwork", 63),
    "Service": _Law("svc", "service", 40),
    "Listener": _Law("listener", "listener", 63),
    "Rule": _Law("rule", "rule", 63),
    "TargetGroup": _Law("tg", "targetgroup", 128),
    "AccessLogSubscription": _Law("als", "accesslogsubscription"),
    "ServiceNetworkServiceAssociation": _Law(
        "snsa", "servicenetworkserviceassociation"
    ),
    "ServiceNetworkVpcAssociation": _Law("snva", "servicenetworkvpcassociation"),
    "ServiceNetworkResourceAssociation": _Law(
        "snra", "servicenetworkresourceassociation"
    ),
    "ResourceConfiguration": _Law("rcfg", "resourceconfiguration", 40),
    "ResourceGateway": _Law("rgw", "resourcegateway", 40),
    "DomainVerification": _Law("dv", "domainverification"),
}
# AWS: vpc-lattice/latest/APIReference: what a name may not start with
_RESERVED = ("svc-", "listener-", "rule-", "tg-", "servicenetwork-", "rcfg-", "rgw-")
_HEX = 8
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")
#: Types whose Ref is an ARN.
WITH_ARN = frozenset(_LAWS)


def generated_name(stack: Stack, logical: str, longest: int) -> str:
    """Name a resource that has no name, where AWS adds random letters.

    Args:
        stack: its stack.
        logical: its logical id.
        longest: how long a name may be; one that is longer is cut, and ends in digits
            that tell it from others.
    """
    text = f"{stack.name}-{logical}"
    if len(text) > longest:
        ending = digest("name", stack.name, logical, length=_HEX)
        text = f"{text[: longest - _HEX - 1].rstrip('-')}-{ending}"
    return text


def lattice_name(stack: Stack, logical: str, longest: int) -> str:
    """Return the name of a Lattice resource, as it is given or generated."""
    given = stack.text_property(logical, "Name")
    if given is not None:
        return given
    # AWS: aws-cloudformation-resource-providers-vpc-lattice: lower case, cut, and
    # without a reserved prefix
    text = generated_name(stack, logical, longest)
    text = _NO_NAME.sub("-", text.lower()).strip("-")
    for reserved in _RESERVED:
        text = text.removeprefix(reserved)
    return text


def lattice_identity(stack: Stack, logical: str) -> Identity:
    """Find out how a Lattice resource will be called.

    Raises:
        ConfigurationError: it hangs on what is not known before deployment.
    """
    place = stack.place_of(logical)
    return stack.once(("identity", logical), lambda: _identity(stack, logical), place)


def _identity(stack: Stack, logical: str) -> Identity:
    kind = stack.type_of(logical).removeprefix(LATTICE)
    law = _LAWS[kind]
    name = lattice_name(stack, logical, law.longest) if law.longest else ""
    if kind in {"Listener", "Rule"}:
        holder = _service(stack, logical)
        if kind == "Rule":
            holder = _listener(stack, logical, holder)
        own = identifier(law.prefix, holder, name)
        return Identity(name, own, f"{holder}/{law.segment}/{own}")
    key = (name,) if name else (stack.name, logical)
    own = identifier(law.prefix, stack.account, stack.region, *key)
    return Identity(name, own, _arn(stack, f"{law.segment}/{own}"))


def _service(stack: Stack, logical: str) -> str:
    """Return the ARN of the service of a listener or rule."""
    given = _required(stack, logical, "ServiceIdentifier")
    return given if given.startswith("arn:") else _arn(stack, f"service/{given}")


def _listener(stack: Stack, logical: str, service: str) -> str:
    given = _required(stack, logical, "ListenerIdentifier")
    if not given.startswith("arn:"):
        return f"{service}/listener/{given}"
    if not given.startswith(f"{service}/"):
        # AWS: vpc-lattice/latest/APIReference/API_CreateRule: both name its place
        raise fails(
            f"listener `{given}` is not of service `{service}`",
            stack.place_of(logical),
            "ServiceIdentifier names the service of the listener",
        )
    return given


def _required(stack: Stack, logical: str, name: str) -> str:
    given = stack.text_property(logical, name)
    if given is None:
        kind = stack.type_of(logical)
        raise fails(f"{kind} needs `{name}`", stack.place_of(logical))
    return given


def _arn(stack: Stack, resource: str) -> str:
    return lattice_arn(resource, account=stack.account, region=stack.region)


def vpc_of(stack: Stack, logical: str) -> Vpc:
    """Return the VPC that a resource is; it goes by its logical id."""
    name = stack.around.vpc_name(stack, logical)
    return Vpc(name, account=stack.account, region=stack.region)
