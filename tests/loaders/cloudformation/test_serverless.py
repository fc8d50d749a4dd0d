"""Serverless functions, as their transform makes them."""

from __future__ import annotations

from typing import Any

from pytest_lattice.loaders.cloudformation.parts import parts_of
from pytest_lattice.loaders.cloudformation.text import plain
from tests.loaders.cloudformation.templates import (
    ACCOUNT,
    PLACE,
    REGION,
    resource,
    stack_of,
    stacks_of,
)

SAM = {"Transform": "AWS::Serverless-2016-10-31"}
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-Rates"


def function(**properties: Any) -> dict[str, Any]:  # noqa: ANN401  # a template's
    """Write a serverless function."""
    return {"Rates": {"Type": "AWS::Serverless::Function", "Properties": properties}}


def test_function_alias_and_role_are_made() -> None:
    """A function has a role of its own, and an alias where it publishes one."""
    resources = function(
        AutoPublishAlias="live",
        Policies=["A", {"Statement": []}, {"SQSPollerPolicy": {}}, {"Ref": "B"}],
        Tags={"team": "rates"},
    )
    stack = stack_of({**SAM, "Resources": resources})

    kinds = {each: stack.type_of(each) for each in stack.resources}

    assert kinds == {
        "Rates": "AWS::Lambda::Function",
        "RatesVersion": "AWS::Lambda::Version",
        "RatesAlias": "AWS::Lambda::Alias",
        "RatesRole": "AWS::IAM::Role",
    }
    assert stack.resources["RatesRole"]["Properties"] == {
        "Policies": [{"PolicyName": "policy0", "PolicyDocument": {"Statement": []}}],
        "ManagedPolicyArns": ["A", {"Ref": "B"}],
        "Tags": [{"Key": "team", "Value": "rates"}],
    }
    assert plain(stack.value({"Ref": "Rates.Alias"}, PLACE)) == f"{FUNCTION}:live"
    assert plain(stack.value({"Fn::GetAtt": "Rates.Arn"}, PLACE)) == FUNCTION


def test_globals_are_merged() -> None:
    """Lists add up, mappings are merged, the rest is overridden."""
    shared = {"Tags": {"a": "1", "b": "1"}, "Policies": ["A"], "RolePath": "/x/"}
    own = function(Tags={"b": "2"}, Policies=["B"], RolePath="/y/")
    stack = stack_of({**SAM, "Globals": {"Function": shared}, "Resources": own})

    assert stack.resources["RatesRole"]["Properties"] == {
        "Path": "/y/",
        "ManagedPolicyArns": ["A", "B"],
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }


def test_function_with_a_role_keeps_it() -> None:
    """A role that is given is not made; the condition of a function is its role's."""
    with_role = stack_of({**SAM, "Resources": function(Role="arn:x")})
    conditional = function() | {"Other": {"Type": "AWS::SNS::Topic"}}
    conditional["Rates"]["Condition"] = "Maybe"
    stack = stack_of({**SAM, "Resources": conditional})

    assert list(with_role.resources) == ["Rates"]
    assert stack.resources["RatesRole"]["Condition"] == "Maybe"


def test_application_is_a_nested_stack() -> None:
    """Its template is given, read, or told of as one of a nested stack."""
    inner = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Orders": resource("Service", Name={"Ref": "Name"})},
    }
    properties = {"Location": "./orders.yaml", "Parameters": {"Name": "orders"}}
    one = {"Type": "AWS::Serverless::Application", "Properties": properties}
    template = {**SAM, "Resources": {"Inner": one}}
    given = stacks_of(template, stacks={"Inner": inner})
    public = {"ApplicationId": "arn:aws:serverlessrepo:x", "SemanticVersion": "1.0.0"}
    other = {**one, "Properties": {"Location": public}}
    stacks = stacks_of({**SAM, "Resources": {"Inner": other}})

    (orders,) = parts_of(given.all[1])
    assert orders.name == "orders"
    assert stacks.notices.texts == [
        (
            "nested stack `Inner` is left out, since its template `serverlessrepo://"
            'arn:aws:serverlessrepo:x` is not at hand; pass stacks={"Inner": …} '
            "(shop, Inner)"
        )
    ]


def test_without_the_transform_nothing_happens() -> None:
    """The type means nothing to CloudFormation itself."""
    assert list(stack_of({"Resources": function()}).resources) == ["Rates"]
