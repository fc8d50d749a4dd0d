"""What references give, by type of resource."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import Service, ServiceNetwork, Vpc
from tests.loaders.cloudformation.templates import (
    ACCOUNT,
    PLACE,
    REGION,
    resource,
    stack_of,
)

NETWORK, ORDERS = ServiceNetwork("shops"), Service("orders")
IAM = f"arn:aws:iam::{ACCOUNT}"
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
RESOURCES: dict[str, Any] = {
    "Net": resource("ServiceNetwork", Name="shops"),
    "Orders": resource("Service", Name="orders"),
    "Web": resource("Listener", Name="web", ServiceIdentifier={"Ref": "Orders"}),
    "Link": resource(
        "ServiceNetworkServiceAssociation",
        ServiceIdentifier={"Fn::GetAtt": "Orders.Id"},
        ServiceNetworkIdentifier={"Ref": "Net"},
    ),
    "Way": resource(
        "ServiceNetworkVpcAssociation",
        ServiceNetworkIdentifier={"Fn::GetAtt": "Net.Id"},
        VpcIdentifier={"Ref": "Apps"},
    ),
    "Log": resource("AccessLogSubscription", ResourceIdentifier={"Ref": "Net"}),
    "Policy": resource("AuthPolicy", ResourceIdentifier={"Ref": "Net"}),
    "Apps": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
    "Caller": {"Type": "AWS::IAM::Role", "Properties": {"Path": "/a/"}},
    "Named": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "named"}},
    "User": {"Type": "AWS::IAM::User"},
    "Group": {"Type": "AWS::IAM::Group"},
    "Managed": {"Type": "AWS::IAM::ManagedPolicy"},
    "Handler": {"Type": "AWS::Lambda::Function"},
    "Live": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionName": {"Ref": "Handler"}, "Name": "live"},
    },
    "LiveByArn": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionName": {"Fn::GetAtt": "Handler.Arn"}, "Name": "live"},
    },
    "Nameless": {
        "Type": "AWS::Lambda::Alias",
        "Properties": {"FunctionName": {"Ref": "Handler"}},
    },
    "Nothing": resource("AccessLogSubscription"),
    "First": {
        "Type": "AWS::Lambda::Version",
        "Properties": {"FunctionName": {"Ref": "Handler"}},
    },
    "Logs": {"Type": "AWS::Logs::LogGroup"},
    "Bucket": {"Type": "AWS::S3::Bucket"},
    "Stream": {"Type": "AWS::KinesisFirehose::DeliveryStream"},
    "Secret": {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "{{resolve:ssm:/role}}"},
    },
}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"Ref": "Net"}, NETWORK.arn),
        ({"Fn::GetAtt": "Net.Id"}, NETWORK.id),
        ({"Fn::GetAtt": "Net.CreatedAt"}, "{{Net.CreatedAt}}"),
        ({"Fn::GetAtt": "Orders.Status"}, "ACTIVE"),
        ({"Fn::GetAtt": "Orders.DnsEntry.DomainName"}, ORDERS.dns_name),
        (
            {"Fn::GetAtt": "Orders.DnsEntry.HostedZoneId"},
            "{{Orders.DnsEntry.HostedZoneId}}",
        ),
        ({"Fn::GetAtt": "Web.ServiceArn"}, ORDERS.arn),
        ({"Fn::GetAtt": "Web.ServiceId"}, ORDERS.id),
        ({"Fn::GetAtt": "Link.ServiceArn"}, ORDERS.arn),
        ({"Fn::GetAtt": "Link.ServiceId"}, ORDERS.id),
        ({"Fn::GetAtt": "Link.ServiceNetworkId"}, NETWORK.id),
        ({"Fn::GetAtt": "Way.ServiceNetworkArn"}, NETWORK.arn),
        ({"Fn::GetAtt": "Way.VpcId"}, Vpc("Apps").id),
        ({"Fn::GetAtt": "Log.ResourceId"}, NETWORK.id),
        ({"Ref": "Policy"}, NETWORK.arn),
        ({"Fn::GetAtt": "Policy.State"}, "{{Policy.State}}"),
        ({"Ref": "Apps"}, Vpc("Apps").id),
        ({"Fn::GetAtt": "Apps.CidrBlock"}, "10.1.0.0/16"),
        ({"Fn::GetAtt": "Apps.DefaultSecurityGroup"}, "{{Apps.DefaultSecurityGroup}}"),
        ({"Ref": "Caller"}, "shop-Caller"),
        ({"Fn::GetAtt": "Caller.Arn"}, f"{IAM}:role/a/shop-Caller"),
        ({"Fn::GetAtt": "Named.Arn"}, f"{IAM}:role/named"),
        ({"Fn::GetAtt": "User.Arn"}, f"{IAM}:user/shop-User"),
        ({"Fn::GetAtt": "Group.Arn"}, f"{IAM}:group/shop-Group"),
        ({"Ref": "Managed"}, f"{IAM}:policy/shop-Managed"),
        ({"Ref": "Handler"}, "shop-Handler"),
        ({"Fn::GetAtt": "Handler.Arn"}, f"{LAMBDA}:shop-Handler"),
        ({"Ref": "Live"}, f"{LAMBDA}:shop-Handler:live"),
        ({"Ref": "LiveByArn"}, f"{LAMBDA}:shop-Handler:live"),
        ({"Ref": "First"}, "{{First}}"),
        ({"Ref": "Nameless"}, "{{Nameless}}"),
        ({"Fn::GetAtt": "Nothing.ResourceId"}, "{{Nothing.ResourceId}}"),
        (
            {"Fn::GetAtt": "Logs.Arn"},
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:shop-Logs:*",
        ),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:aws:s3:::shop-bucket"),
        (
            {"Fn::GetAtt": "Stream.Arn"},
            f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/shop-Stream",
        ),
        ({"Fn::GetAtt": "Secret.Arn"}, f"{IAM}:role/{{{{resolve:ssm:/role}}}}"),
    ],
)
def test_reference_gives(node: object, expected: str) -> None:
    """What follows from the template is known, and the rest visible as unknown."""
    found = stack_of({"Resources": RESOURCES}).value(node, PLACE)

    assert found == expected
    assert bool(found.remedy) == ("{{" in expected)


def test_names_lead_to_what_answers() -> None:
    """An alias can be bound by its own logical id, and by that of its function."""
    stack = stack_of({"Resources": RESOURCES})

    assert stack.value({"Ref": "Live"}, PLACE).names == ("Live", "Handler")
    assert stack.value({"Ref": "First"}, PLACE).names == ("First", "Handler")


def test_given_value_wins() -> None:
    """What a user gives is not derived; it may be anything."""
    given = {"Net": "arn:given", "Orders.Id": "svc-given", "Way.Status": ["a"]}
    stack = stack_of({"Resources": RESOURCES}, values=given)
    node = [{"Ref": "Net"}, {"Fn::GetAtt": "Orders.Id"}, {"Fn::GetAtt": "Way.Status"}]

    assert stack.value(node, PLACE) == ["arn:given", "svc-given", ["a"]]
