"""Resources of a stack as parts of a network.

The fourteen Lattice types, VPCs, RAM shares, and what registers targets by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.cloudformation.identity import (
    LATTICE,
    lattice_identity,
    vpc_of,
)
from pytest_lattice.loaders.cloudformation.properties import String
from pytest_lattice.loaders.cloudformation.text import known, listed, plain, remedy_of
from pytest_lattice.loaders.cloudformation.types import TYPES
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.service_network import ResourceShare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.assembly import Kind
    from pytest_lattice.loaders.cloudformation.stack import Stack

__tracebackhide__ = HIDE

_KINDS: dict[str, Kind] = {
    "ServiceNetwork": "service network",
    "Service": "service",
    "Listener": "listener",
    "Rule": "rule",
    "TargetGroup": "target group",
    "AuthPolicy": "auth policy",
    "AccessLogSubscription": "access log subscription",
    "ServiceNetworkServiceAssociation": "service association",
    "ServiceNetworkVpcAssociation": "VPC association",
}
_ENDPOINT = "AWS::EC2::VPCEndpoint"
_SHARE = "AWS::RAM::ResourceShare"
_VPC = "AWS::EC2::VPC"
# AWS: AWSCloudFormation/latest/TemplateReference: what registers targets by itself
_REGISTERING = {
    "AWS::ECS::Service": ("VpcLatticeConfigurations", "TargetGroupArn"),
    "AWS::AutoScaling::AutoScalingGroup": ("TrafficSources", "Identifier"),
}


def parts_of(stack: Stack) -> Iterator[Part]:
    """Make the parts of a network.

    Args:
        stack: the stack.

    Raises:
        ConfigurationError: an unknown type or property, a wrong value, or what is
            needed and not known before deployment.
    """
    registering = _registering(stack)
    for logical in stack.resources:
        kind = stack.type_of(logical)
        # `AWS::VPCLattice::…` is a slip, and no type of another service.
        if kind.lower().startswith(LATTICE.lower()):
            _check_type(stack, logical, kind)
            if stack.is_deployed(logical):
                yield from _lattice_part(stack, logical, registering)
    for logical in stack.of_type(_VPC):
        yield _vpc_part(stack, logical)
    for logical in stack.of_type(_ENDPOINT):
        if stack.property(logical, "ServiceNetworkArn") is not None:
            stack.around.notices.add(
                f"{_ENDPOINT} of a service network is left out; clients in its VPC "
                f"get in by an association only ({stack.place_of(logical)})"
            )


def _check_type(stack: Stack, logical: str, kind: str) -> None:
    if kind not in TYPES:
        raise located(unknown("resource type", kind, TYPES), stack.place_of(logical))
    stack.check_members(logical)


def _lattice_part(
    stack: Stack, logical: str, registering: dict[str, tuple[str, ...]]
) -> Iterator[Part]:
    place = stack.place_of(logical)
    full = stack.type_of(logical)
    values = TYPES[full].read(stack.properties(logical), full, place)
    kind = _KINDS.get(full.removeprefix(LATTICE))
    if kind is None or values.get("serviceNetworkLogType") == "RESOURCE":
        stack.around.notices.add(
            f"{full} is left out, since no HTTP request passes it ({place})"
        )
        return
    name = own = arn = ""
    if full != f"{LATTICE}AuthPolicy":
        name, own, arn = lattice_identity(stack, logical)
    if name:
        values["name"] = name
    yield Part(
        kind,
        values,
        place,
        id=own,
        arn=arn,
        names=(*_names(stack, logical), *registering.get(arn, ())),
        account=stack.account,
        region=stack.region,
    )


def _names(stack: Stack, logical: str) -> tuple[str, ...]:
    """Say how tests may call a resource: logical id, with the stack, CDK's path."""
    path = stack.metadata(logical).get("aws:cdk:path")
    qualified = ".".join((*stack.path, logical))
    return (logical, qualified, *([path] if isinstance(path, str) else []))


def _vpc_part(stack: Stack, logical: str) -> Part:
    place = stack.place_of(logical)
    vpc = vpc_of(stack, logical)
    cidr = stack.property(logical, "CidrBlock")
    # One that IPAM chooses is not known.
    if cidr is not None:
        cidr = None if remedy_of(cidr) else String().read(cidr, "CidrBlock", place)
    values = {"name": vpc.name, "cidr": cidr}
    return Part(
        "VPC",
        values,
        place,
        id=vpc.id,
        account=stack.account,
        region=stack.region,
    )


def _registering(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Find what registers targets by itself, by the ARN of the target group."""
    found: dict[str, tuple[str, ...]] = {}
    for kind, (property_name, member) in _REGISTERING.items():
        for logical in stack.of_type(kind):
            several = stack.property(logical, property_name)
            for each in listed(several, property_name, stack.place_of(logical)):
                arn = plain(each.get(member)) if isinstance(each, dict) else None
                if isinstance(arn, str):
                    found[arn] = (*found.get(arn, ()), logical)
    return found


def shares_of(stack: Stack) -> Iterator[ResourceShare]:
    """Make the RAM shares of service networks and services.

    Raises:
        ConfigurationError: a principal that is not known before deployment.
    """
    for logical in stack.of_type(_SHARE):
        place = stack.place_of(logical)
        properties: Any = stack.properties(logical)
        arns = listed(properties.get("ResourceArns"), "ResourceArns", place)
        lattice = [each for each in plain(arns) if ":vpc-lattice:" in str(each)]
        if not lattice:
            continue
        principals = known(
            listed(properties.get("Principals"), "Principals", place),
            "Principals",
            place,
        )
        name = known(properties.get("Name"), "Name", place)
        yield ResourceShare(
            str(name or logical),
            resources=lattice,
            principals=[str(each) for each in principals],
            account=stack.account,
            source=place,
        )
