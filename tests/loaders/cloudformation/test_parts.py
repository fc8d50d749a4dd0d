"""Resources as parts of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import ServiceNetwork, TargetGroup
from pytest_lattice.loaders.cloudformation.parts import parts_of, shares_of
from tests.loaders.cloudformation.templates import (
    NETWORK,
    resource,
    stack_of,
    stacks_of,
)
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pytest_lattice.loaders.assembly import Part


def parts(resources: dict[str, Any], **sections: Any) -> dict[str, Part]:  # noqa: ANN401  # a template's
    """Make the parts of a template, by logical id."""
    stack = stack_of({"Resources": resources, **sections})
    return {part.source.name: part for part in parts_of(stack)}


def test_part_has_name_id_and_arn() -> None:
    """What references resolve to is what the part goes by."""
    network = ServiceNetwork("shops")
    part = parts({"Net": NETWORK})["Net"]

    assert (part.kind, part.name) == ("service network", "shops")
    assert (part.id, part.arn) == (network.id, network.arn)
    assert part.names == ("Net", "shop.Net")


def test_cdk_path_is_a_name_too() -> None:
    """Whoever writes CDK knows the path and not the logical id."""
    group = {
        **resource("TargetGroup", Type="LAMBDA"),
        "Metadata": {"aws:cdk:path": "Shop/Group"},
    }

    assert parts({"Group1A": group})["Group1A"].names[-1] == "Shop/Group"


def test_what_registers_targets_is_a_name_too() -> None:
    """An ECS service or an Auto Scaling group says where it registers its own."""
    found = parts(
        {
            "Web": resource("TargetGroup", Type="IP"),
            "Fleet": resource("TargetGroup", Type="INSTANCE"),
            "WebService": {
                "Type": "AWS::ECS::Service",
                "Properties": {
                    "VpcLatticeConfigurations": [{"TargetGroupArn": {"Ref": "Web"}}]
                },
            },
            "Machines": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "Properties": {"TrafficSources": [{"Identifier": {"Ref": "Fleet"}}]},
            },
        }
    )

    assert found["Web"].names == ("Web", "shop.Web", "WebService")
    assert found["Fleet"].names == ("Fleet", "shop.Fleet", "Machines")
    assert found["Web"].arn == TargetGroup("shop-web").arn


def test_vpc_has_its_range() -> None:
    """A VPC goes by its logical id; a range that IPAM chooses is left to the model."""
    vpcs = {
        "Given": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        "Chosen": {"Type": "AWS::EC2::VPC", "Properties": {"Ipv4IpamPoolId": "x"}},
        "Asked": {
            "Type": "AWS::EC2::VPC",
            "Properties": {"CidrBlock": {"Fn::GetAtt": "Pool.Cidr"}},
        },
        "Pool": {"Type": "Custom::Pool"},
    }
    found = parts(vpcs)

    assert [found[each].values["cidr"] for each in ("Given", "Chosen", "Asked")] == [
        "10.9.0.0/16",
        None,
        None,
    ]
    assert found["Given"].name == "Given"


def test_destination_of_an_access_log_is_an_arn() -> None:
    """A log group of the template has the ARN that it will have."""
    log = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/lattice"}}
    found = parts(
        {
            "Net": NETWORK,
            "Log": resource(
                "AccessLogSubscription",
                ResourceIdentifier={"Ref": "Net"},
                DestinationArn={"Fn::GetAtt": "Group.Arn"},
            ),
            "Group": log,
        }
    )

    assert found["Log"].values == {
        "resourceIdentifier": ServiceNetwork("shops").arn,
        "destinationArn": "arn:aws:logs:us-west-2:123456789012:log-group:/lattice:*",
    }


def test_condition_decides_what_is_there() -> None:
    """A resource whose condition is false is no part."""
    never = {"Never": {"Fn::Equals": [1, 2]}}

    assert parts({"Net": {**NETWORK, "Condition": "Never"}}, Conditions=never) == {}


def test_endpoint_of_a_service_network_is_left_out() -> None:
    """Only one of a service network would let clients in, and a warning says so."""
    endpoint = {"VpcId": "vpc-0a1b2c3d", "ServiceNetworkArn": {"Ref": "Net"}}
    template = {
        "Net": NETWORK,
        "Door": {"Type": "AWS::EC2::VPCEndpoint", "Properties": endpoint},
        "Other": {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"ServiceName": "s3"}},
    }
    stacks = stacks_of({"Resources": template})

    assert [each.kind for each in parts_of(stacks.all[0])] == ["service network"]
    assert stacks.notices.texts == [
        (
            "AWS::EC2::VPCEndpoint of a service network is left out; clients in its "
            "VPC get in by an association only (shop, Door)"
        )
    ]


def test_what_no_request_passes_is_left_out() -> None:
    """It is checked all the same, and a warning names it."""
    gateway = resource(
        "ResourceGateway",
        Name="databases",
        VpcIdentifier="vpc-0a1b2c3d",
        SubnetIds=["subnet-0a1b2c3d"],
    )
    stacks = stacks_of({"Resources": {"Gateway": gateway}})

    assert list(parts_of(stacks.all[0])) == []
    assert stacks.notices.texts == [
        (
            "AWS::VpcLattice::ResourceGateway is left out, since no HTTP request "
            "passes it (shop, Gateway)"
        )
    ]
    del gateway["Properties"]["SubnetIds"]
    assert refused(parts, {"Gateway": gateway}) == [
        "AWS::VpcLattice::ResourceGateway needs `SubnetIds` (shop, Gateway)"
    ]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            {"X": resource("Servce")},
            [
                "unknown resource type `AWS::VpcLattice::Servce` (shop, X)",
                "did you mean `AWS::VpcLattice::Service`?",
            ],
        ),
        (
            {"X": {"Type": "AWS::VPCLattice::Service"}},
            [
                "unknown resource type `AWS::VPCLattice::Service` (shop, X)",
                "did you mean `AWS::VpcLattice::Service`?",
            ],
        ),
        (
            {"X": {**resource("Service"), "Property": {}}},
            [
                "unknown member of a resource `Property` (shop, X)",
                "did you mean `Properties`?",
            ],
        ),
        (
            {"X": resource("Service", Name={"Ref": "Y"}), "Y": {"Type": "Custom::Y"}},
            [
                "Name is not known before deployment: it is `{{Y}}` (shop, X)",
                'pass values={"Y": …}',
            ],
        ),
    ],
)
def test_what_is_refused(resources: dict[str, Any], said: list[str]) -> None:
    """Unknown types and members have the nearest right name as a note."""
    assert refused(parts, resources) == said


def share(**properties: Any) -> list[Any]:  # noqa: ANN401  # a template's
    """Make the shares of a template."""
    resources = {
        "Net": NETWORK,
        "Share": {"Type": "AWS::RAM::ResourceShare", "Properties": properties},
        "Lookup": {"Type": "Custom::Lookup"},
    }
    return list(shares_of(stack_of({"Resources": resources})))


def test_shares_of_lattice_resources() -> None:
    """What else is shared says nothing of the network."""
    network = ServiceNetwork("shops")
    arns = [{"Ref": "Net"}, "arn:aws:ec2:us-west-2:123456789012:subnet/subnet-0a1b2c3d"]
    (made,) = share(Name="all", ResourceArns=arns, Principals=["o-exampleorgid"])

    assert (made.name, made.resources) == ("all", (network.arn,))
    assert made.receivers == ("o-exampleorgid",)
    assert share(Name="all", ResourceArns=arns[1:]) == []


def test_share_with_unknown_principal_is_refused() -> None:
    """Who may use a network has to be known."""
    lookup = {"Fn::GetAtt": "Lookup.Account"}

    assert refused(
        share, Name="all", ResourceArns=[{"Ref": "Net"}], Principals=[lookup]
    ) == [
        (
            "Principals is not known before deployment: it is `{{Lookup.Account}}` "
            "(shop, Share)"
        ),
        'pass values={"Lookup.Account": …}',
    ]
