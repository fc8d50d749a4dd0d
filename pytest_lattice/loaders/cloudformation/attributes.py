"""What references give: `Ref` and `Fn::GetAtt` of each type of resource.

Only what follows from the template is known; the rest stays visible as unknown, and may
be given by the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.loaders.cloudformation.identity import (
    LATTICE,
    WITH_ARN,
    generated_name,
    lattice_identity,
    vpc_of,
)
from pytest_lattice.loaders.cloudformation.text import (
    Text,
    from_all,
    names_of,
    remedy_of,
)
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.names import service_dns_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.loaders.cloudformation.stack import Stack
    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

    #: Makes an attribute; None for what only deployment tells.
    Attribute: TypeAlias = Callable[[Stack, str], Any] | None

__tracebackhide__ = HIDE

#: The key of what `Ref` gives.
_REF = ""


def attribute(
    stack: Stack, logical: str, name: str | None, place: SourceLocation
) -> Node:
    """Find what a reference gives.

    Args:
        stack: whose resource it is.
        logical: the resource.
        name: the attribute, such as ``DnsEntry.DomainName``; None for `Ref`.
        place: where the reference stands.

    Raises:
        ConfigurationError: a Lattice resource has no such attribute, or its name is
            not known before deployment.
    """
    shown = logical if name is None else f"{logical}.{name}"
    if shown in stack.values:
        value = stack.values[shown]
        return Text(value, (logical,)) if isinstance(value, str) else value
    kind = stack.type_of(logical)
    if kind == "AWS::CloudFormation::Stack" and name is not None:
        return _output(stack, logical, name, place)
    table = _ATTRIBUTES.get(kind, {})
    if kind.startswith(LATTICE) and (name or _REF) not in table:
        known = [each for each in table if each]
        raise located(unknown(f"attribute of {kind}", name or "Ref", known), place)
    make = table.get(name or _REF)
    found = None if make is None else make(stack, logical)
    if found is None:
        return Text(f"{{{{{shown}}}}}", (logical,), f'values={{"{shown}": …}}')
    return Text(found, (logical, *names_of(found)), remedy_of(found))


def _output(stack: Stack, logical: str, name: str, place: SourceLocation) -> Node:
    inner = stack.around.nested(stack, logical)
    head, _, output = name.partition(".")
    if inner is None or head != "Outputs":
        shown = f"{logical}.{name}"
        remedy = f'stacks={{"{logical}": …}} or values={{"{shown}": …}}'
        return Text(f"{{{{{shown}}}}}", (logical,), remedy)
    return inner.output(output, place)


# ---- Lattice -------------------------------------------------------------------


def _id(stack: Stack, logical: str) -> str:
    return lattice_identity(stack, logical).id


def _arn(stack: Stack, logical: str) -> str:
    return lattice_identity(stack, logical).arn


def _active(_stack: Stack, _logical: str) -> str:
    return "ACTIVE"


def _domain_name(stack: Stack, logical: str) -> str:
    name, service_id, _ = lattice_identity(stack, logical)
    return service_dns_name(name, service_id, stack.region)


def _same(name: str) -> Attribute:
    """Give back a property, as `Ref` does where it is the primary identifier."""
    return lambda stack, logical: stack.property(logical, name)


def _last(name: str) -> Attribute:
    """Give the id of what a property means."""

    def make(stack: Stack, logical: str) -> str | None:
        given = stack.property(logical, name)
        if given is None:
            return None
        return from_all(given if remedy_of(given) else given.rpartition("/")[2], given)

    return make


def _with_arn(name: str, segment: str) -> Attribute:
    """Give the ARN of what a property means."""

    def make(stack: Stack, logical: str) -> str | None:
        given = stack.property(logical, name)
        if given is None or remedy_of(given) or given.startswith("arn:"):
            return given  # type: ignore[no-any-return]  # text
        owner = f"{stack.region}:{stack.account}"
        return from_all(f"arn:aws:vpc-lattice:{owner}:{segment}/{given}", given)

    return make


_OWN: Mapping[str, Attribute] = {_REF: _arn, "Arn": _arn, "Id": _id}
_TIMES: Mapping[str, Attribute] = {"CreatedAt": None, "LastUpdatedAt": None}
_DNS: Mapping[str, Attribute] = {
    "DnsEntry.DomainName": None,
    "DnsEntry.HostedZoneId": None,
}
_NETWORK: Mapping[str, Attribute] = {
    "ServiceNetworkArn": _with_arn("ServiceNetworkIdentifier", "servicenetwork"),
    "ServiceNetworkId": _last("ServiceNetworkIdentifier"),
    "ServiceNetworkName": None,
}
_SERVICE: Mapping[str, Attribute] = {
    "ServiceArn": _with_arn("ServiceIdentifier", "service"),
    "ServiceId": _last("ServiceIdentifier"),
}
# AWS: AWSCloudFormation/latest/TemplateReference/AWS_VpcLattice: the return values
_LATTICE: Mapping[str, Mapping[str, Attribute]] = {
    **dict.fromkeys(WITH_ARN, _OWN),
    "ServiceNetwork": {**_OWN, **_TIMES},
    "Service": {
        **_OWN,
        **_TIMES,
        **_DNS,
        "DnsEntry.DomainName": _domain_name,
        "Status": _active,
    },
    "TargetGroup": {**_OWN, **_TIMES, "Status": _active},
    "Listener": {**_OWN, **_SERVICE},
    "AccessLogSubscription": {
        **_OWN,
        "ResourceArn": None,
        "ResourceId": _last("ResourceIdentifier"),
    },
    "AuthPolicy": {
        _REF: _same(
            "ResourceIdentifier"
        ),  # By the auth type, which is another resource's.
        "State": None,
    },
    "ResourcePolicy": {_REF: _same("ResourceArn")},
    "ServiceNetworkServiceAssociation": {
        **_OWN,
        "CreatedAt": None,
        **_DNS,
        **_NETWORK,
        **_SERVICE,
        "ServiceName": None,
        "Status": _active,
    },
    "ServiceNetworkVpcAssociation": {
        **_OWN,
        "CreatedAt": None,
        **_NETWORK,
        "Status": _active,
        "VpcId": _same("VpcIdentifier"),
    },
    "DomainVerification": {
        **_OWN,
        "Status": None,
        "TxtMethodConfig.name": None,
        "TxtMethodConfig.value": None,
    },
}


# ---- what Lattice resources point at -------------------------------------------


def named(property_name: str, longest: int, *, lower: bool = False) -> Attribute:
    """Give the name of a resource of another service, as it is given or generated."""

    def make(stack: Stack, logical: str) -> Node:
        given = stack.property(logical, property_name)
        if given is not None:
            return given
        name = generated_name(stack, logical, longest)
        return name.lower() if lower else name

    return make


def _below(form: str, make_name: Attribute) -> Attribute:
    """Give an ARN that ends in a name."""

    def make(stack: Stack, logical: str) -> Text:
        name = make_name(stack, logical) if make_name else ""
        path = stack.property(logical, "Path") or "/"
        text = form.format(
            account=stack.account, region=stack.region, path=path, name=name
        )
        return from_all(text, name, path)

    return make


def _alias_arn(stack: Stack, logical: str) -> Node:
    function = stack.property(logical, "FunctionName")
    name = stack.property(logical, "Name")
    if not isinstance(function, str) or not isinstance(name, str):
        return None
    if not function.startswith("arn:") and not remedy_of(function):
        owner = f"{stack.region}:{stack.account}"
        arn = f"arn:aws:lambda:{owner}:function:{function}"
        function = from_all(arn, function)
    return from_all(f"{function}:{name}", function, name)


def _of_function(stack: Stack, logical: str) -> Node:
    """Say nothing of a version's number, but which function it is of."""
    function = stack.property(logical, "FunctionName")
    shown = f"{{{{{logical}}}}}"
    return Text(shown, names_of(function), f'values={{"{logical}": …}}')


_function = named("FunctionName", 64)
_role = named("RoleName", 64)
_user = named("UserName", 64)
_group = named("GroupName", 128)
_managed = named("ManagedPolicyName", 128)
_log_group = named("LogGroupName", 512)
_bucket = named("BucketName", 63, lower=True)
_stream = named("DeliveryStreamName", 64)
_managed_arn = _below("arn:aws:iam::{account}:policy{path}{name}", _managed)
_ATTRIBUTES: Mapping[str, Mapping[str, Attribute]] = {
    **{f"{LATTICE}{name}": _LATTICE[name] for name in _LATTICE},
    "AWS::EC2::VPC": {
        _REF: lambda stack, logical: vpc_of(stack, logical).id,
        "VpcId": lambda stack, logical: vpc_of(stack, logical).id,
        "CidrBlock": _same("CidrBlock"),
    },
    "AWS::IAM::Role": {
        _REF: _role,
        "Arn": _below("arn:aws:iam::{account}:role{path}{name}", _role),
    },
    "AWS::IAM::User": {
        _REF: _user,
        "Arn": _below("arn:aws:iam::{account}:user{path}{name}", _user),
    },
    "AWS::IAM::Group": {
        _REF: _group,
        "Arn": _below("arn:aws:iam::{account}:group{path}{name}", _group),
    },
    "AWS::IAM::ManagedPolicy": {_REF: _managed_arn, "PolicyArn": _managed_arn},
    "AWS::Lambda::Function": {
        _REF: _function,
        "Arn": _below("arn:aws:lambda:{region}:{account}:function:{name}", _function),
    },
    "AWS::Lambda::Alias": {_REF: _alias_arn, "AliasArn": _alias_arn},
    "AWS::Lambda::Version": {_REF: _of_function},
    "AWS::Logs::LogGroup": {
        _REF: _log_group,
        "Arn": _below("arn:aws:logs:{region}:{account}:log-group:{name}:*", _log_group),
    },
    "AWS::S3::Bucket": {_REF: _bucket, "Arn": _below("arn:aws:s3:::{name}", _bucket)},
    "AWS::KinesisFirehose::DeliveryStream": {
        _REF: _stream,
        "Arn": _below(
            "arn:aws:firehose:{region}:{account}:deliverystream/{name}", _stream
        ),
    },
}
