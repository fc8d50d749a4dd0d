"""A stack: what is evaluated when, and what goes round in circles."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice.loaders.cloudformation.text import plain
from tests.loaders.cloudformation.templates import (
    NETWORK,
    PLACE,
    SERVICE,
    TOPIC,
    resource,
    stack_of,
    value,
)
from tests.model.refusals import refused


def test_only_what_is_asked_is_evaluated() -> None:
    """Broken outputs, conditions and resources of others do no harm."""
    template = {
        "Resources": {
            "Net": NETWORK,
            "Broken": {"Type": "AWS::SNS::Topic", "Properties": {"A": {"Ref": "No"}}},
        },
        "Conditions": {"Broken": {"Fn::Equals": [{"Ref": "No"}, 1]}},
        "Parameters": {"Broken": {"Type": "Number"}},
        "Outputs": {"Broken": {"Value": {"Fn::GetAtt": "No.Arn"}}},
    }

    assert plain(stack_of(template).properties("Net")) == {"Name": "shops"}


def test_pseudo_parameters() -> None:
    """The stack has an id, in the form that AWS gives it."""
    found = value([{"Ref": "AWS::StackId"}, {"Ref": "AWS::NotificationARNs"}])

    assert found[0].startswith(
        "arn:aws:cloudformation:us-west-2:123456789012:stack/shop/"
    )
    assert len(found[0].rpartition("/")[2]) == 36
    assert found[1] == []


def test_resource_that_is_not_deployed() -> None:
    """Who refers to a resource whose condition is false is told so."""
    template = {
        "Resources": {"Net": {**NETWORK, "Condition": "Never"}},
        "Conditions": {"Never": {"Fn::Equals": [1, 2]}},
    }
    stack = stack_of(template)

    assert list(stack.of_type("AWS::VpcLattice::ServiceNetwork")) == []
    assert refused(stack.value, {"Ref": "Net"}, PLACE) == [
        "resource `Net` is not deployed: condition `Never` is false (shop, Asking)"
    ]


def test_property_is_evaluated_alone() -> None:
    """One property can be asked for, deep inside; what is left out is None."""
    policy = {"Ref": "No"}
    bucket = {"Type": "X", "Properties": {"A": {"B": "c"}, "Policy": policy}}
    stack = stack_of({"Resources": {"X": bucket, "Y": {"Type": "Y"}}})

    assert stack.property("X", "A", "B") == "c"
    assert stack.property("X", "A", "C") is None
    assert stack.property("Y", "A") is None
    assert stack.text_property("Y", "A") is None


def circle_of_names() -> dict[str, Any]:
    """Two services that are named by each other."""
    return {
        name: resource("Service", Name={"Fn::Sub": f"x-${{{other}.Id}}"})
        for name, other in (("A", "B"), ("B", "A"))
    }


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            {"Resources": circle_of_names()},
            "what refers to what is a circle: `A` → `B` → `A` (shop, A)",
        ),
        (
            {
                "Resources": {"A": SERVICE},
                "Conditions": {
                    "A": {"Fn::Not": [{"Condition": "B"}]},
                    "B": {"Fn::Not": [{"Condition": "A"}]},
                },
                "Outputs": {"A": {"Value": {"Fn::If": ["A", 1, 2]}}},
            },
            "what refers to what is a circle: `A` → `B` → `A` (shop, Conditions.A)",
        ),
    ],
)
def test_circle_of_values_is_refused(template: dict[str, Any], said: str) -> None:
    """What is needed to find itself is named, with all between."""
    stack = stack_of(template)
    ask = {"Fn::If": ["A", 1, 2]} if "Conditions" in template else {"Ref": "A"}

    assert refused(stack.value, ask, PLACE) == [said]


def test_circle_of_resources_is_refused() -> None:
    """Resources that wait for each other cannot be deployed, whatever they ask."""
    stack = stack_of(
        {
            "Resources": {
                "A": {**SERVICE, "DependsOn": "B"},
                "B": {
                    "Type": "AWS::VpcLattice::Service",
                    "DependsOn": ["Topic"],
                    "Properties": {
                        "Name": "other",
                        "Tags": [{"Key": "a", "Value": {"Fn::GetAtt": "A.Arn"}}],
                    },
                },
                **TOPIC,
            },
            "Outputs": {"A": {"Value": {"Ref": "A"}}},
        }
    )
    stack.output("A", PLACE)
    stack.properties("B")
    stack.check_circles()
    stack.properties("A")

    assert refused(stack.check_circles) == [
        "what refers to what is a circle: `A` → `B` → `A` (shop, B)"
    ]


@pytest.mark.parametrize(
    ("template", "ask", "said"),
    [
        (
            {"Resources": {"X": 5}},
            lambda stack: stack.type_of("X"),
            ["shop, X: a resource is not a mapping", "it is `5`"],
        ),
        (
            {"Resources": {"X": {}}},
            lambda stack: stack.type_of("X"),
            ["resource `X` has no type (shop, X)"],
        ),
        (
            {"Resources": {"X": {"Type": "T", "Propertys": {}}}},
            lambda stack: stack.check_members("X"),
            [
                "unknown member of a resource `Propertys` (shop, X)",
                "did you mean `Properties`?",
            ],
        ),
        (
            {"Resources": {"X": {"Type": "T", "Properties": [1]}}},
            lambda stack: stack.properties("X"),
            ["Properties is not a mapping (shop, X)"],
        ),
        (
            {"Outputs": {"Url": {"Value": 1}}},
            lambda stack: stack.output("Urll", PLACE),
            ["unknown output `Urll` (shop, Asking)", "did you mean `Url`?"],
        ),
        (
            {"Outputs": {"Url": 1}},
            lambda stack: stack.output("Url", PLACE),
            ["shop, Outputs.Url: an output is not a mapping", "it is `1`"],
        ),
    ],
)
def test_what_is_refused(template: dict[str, Any], ask: Any, said: list[str]) -> None:  # noqa: ANN401  # a lambda
    """What is no resource or output is named."""
    assert refused(lambda: ask(stack_of(template))) == said


def test_parameter_that_is_not_declared() -> None:
    """A parameter that the template does not have is refused at once."""
    template = {"Parameters": {"Stage": {"Type": "String"}}}

    assert refused(stack_of, template, parameters={"Stag": "dev"}) == [
        "unknown parameter `Stag` (shop)",
        "did you mean `Stage`?",
    ]
