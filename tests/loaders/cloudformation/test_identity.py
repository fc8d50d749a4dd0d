"""Names, ids and ARNs of resources of a template."""

from __future__ import annotations

import pytest

from pytest_lattice import FixedResponse, Listener, Rule, Service, ServiceNetwork
from pytest_lattice.loaders.cloudformation.identity import (
    generated_name,
    lattice_identity,
    vpc_of,
)
from tests.loaders.cloudformation.templates import resource, stack_of, stacks_of
from tests.model.refusals import refused

REFERENCE = {"Ref": "Orders"}
RESOURCES = {
    "Net": resource("ServiceNetwork"),
    "Orders": resource("Service", Name="orders"),
    "Web": resource("Listener", Name="web", ServiceIdentifier=REFERENCE),
    "ById": resource(
        "Listener", Name="web", ServiceIdentifier={"Fn::GetAtt": "Orders.Id"}
    ),
    "First": resource(
        "Rule",
        Name="first",
        ServiceIdentifier=REFERENCE,
        ListenerIdentifier={"Ref": "Web"},
    ),
    "Same": resource(
        "Rule",
        Name="first",
        ServiceIdentifier={"Fn::GetAtt": "Orders.Id"},
        ListenerIdentifier={"Fn::GetAtt": "Web.Id"},
    ),
    "Lonely": resource("Listener", Name="web"),
    "Link": resource("ServiceNetworkServiceAssociation"),
    "Vpc": {"Type": "AWS::EC2::VPC"},
}
STACK = stack_of({"Resources": RESOURCES})
RULE = Rule(1, name="first", path="/", action=FixedResponse(404))
WEB = Listener("HTTP", name="web", default=FixedResponse(404), rules=[RULE])
ORDERS = Service("orders", listeners=[WEB])


def test_identities_are_those_of_the_model() -> None:
    """A reference gives what the running network will say."""
    web, rule = ORDERS.listener_arn(WEB), ORDERS.rule_arn(WEB, RULE)

    assert lattice_identity(STACK, "Orders") == ("orders", ORDERS.id, ORDERS.arn)
    assert lattice_identity(STACK, "Net").arn == ServiceNetwork("shop-net").arn
    for each in ("Web", "ById"):
        assert lattice_identity(STACK, each) == ("web", web.rpartition("/")[2], web)
    for each in ("First", "Same"):
        assert lattice_identity(STACK, each) == ("first", rule.rpartition("/")[2], rule)
    assert lattice_identity(STACK, "Link").id.startswith("snsa-")


def test_listener_is_of_the_service() -> None:
    """A rule whose service is not that of its listener is refused."""
    wrong = resource(
        "Rule",
        ServiceIdentifier={"Ref": "Other"},
        ListenerIdentifier={"Ref": "Web"},
    )
    other = resource("Service", Name="other")
    stack = stack_of({"Resources": {**RESOURCES, "Other": other, "Wrong": wrong}})
    listener, service = ORDERS.listener_arn(WEB), Service("other").arn

    assert refused(lattice_identity, stack, "Wrong") == [
        f"listener `{listener}` is not of service `{service}` (shop, Wrong)",
        "ServiceIdentifier names the service of the listener",
    ]


def test_holder_is_needed() -> None:
    """A listener without a service has no ARN."""
    assert refused(lattice_identity, STACK, "Lonely") == [
        "AWS::VpcLattice::Listener needs `ServiceIdentifier` (shop, Lonely)"
    ]


@pytest.mark.parametrize(
    ("stack", "logical", "expected"),
    [
        ("shop", "Orders", "shop-orders"),
        ("Shop_2", "Orders", "shop-2-orders"),
        ("svc", "Orders", "orders"),
        (
            "a-very-long-name-of-a-stack",
            "TheServiceOfOrders",
            "a-very-long-name-of-a-stack-the-1234",
        ),
    ],
)
def test_names_are_generated(stack: str, logical: str, expected: str) -> None:
    """Stack and logical id, small, cut, and without a reserved prefix."""
    made = stack_of({"Resources": {logical: resource("Service")}})
    made.name = stack

    name = lattice_identity(made, logical).name

    if expected.endswith("-1234"):
        assert len(name) == 40
        assert name.startswith(expected.removesuffix("-1234"))
    else:
        assert name == expected


def test_cut_names_are_told_apart() -> None:
    """Two long names that begin the same do not become one."""
    names = {generated_name(STACK, f"{'Long' * 20}{end}", 40) for end in "ab"}

    assert len(names) == 2
    assert {len(each) for each in names} == {40}


def test_vpcs_go_by_their_logical_ids() -> None:
    """Where stacks have the same logical id, the name of the stack goes before."""
    alone = vpc_of(STACK, "Vpc")
    pair = stacks_of(
        {"Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}}},
        stacks={"other": {"Resources": {"Vpc": {"Type": "AWS::EC2::VPC"}}}},
    )

    assert alone.name == "Vpc"
    assert [vpc_of(each, "Vpc").name for each in pair.all] == ["shop.Vpc", "other.Vpc"]
