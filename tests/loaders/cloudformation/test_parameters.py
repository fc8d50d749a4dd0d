"""Values of parameters."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders.cloudformation.parameters import parameter_value
from pytest_lattice.loaders.cloudformation.text import Text, plain
from pytest_lattice.model.source import SourceLocation
from tests.model.refusals import refused

PLACE = SourceLocation("shop.yaml", 3, "Parameters.P")


def found(given: Any = None, **declared: Any) -> Any:  # noqa: ANN401  # a template's
    """Find the value of a parameter `P`."""
    return parameter_value("P", declared, given, PLACE)


@pytest.mark.parametrize(
    ("declared", "given", "expected"),
    [
        ({"Type": "String", "Default": "a"}, None, "a"),
        ({"Type": "String", "Default": "a"}, "b", "b"),
        ({"Type": "String", "Default": ""}, None, ""),
        ({"Type": "String"}, True, "true"),
        ({"Type": "Number", "Default": 10}, None, "10"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": "10"}, "2.5", "2.5"),
        ({"Type": "List<Number>"}, "1, 2", ["1", "2"]),
        ({"Type": "List<String>"}, "a, b", ["a", "b"]),
        ({"Type": "CommaDelimitedList"}, ["a", "b"], ["a", "b"]),
        ({"Type": "CommaDelimitedList", "Default": "a,b , c"}, None, ["a", "b", "c"]),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-0a1b2c3d", "vpc-0a1b2c3d"),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "a,b", ["a", "b"]),
        ({"Type": "AWS::SSM::Parameter::Name"}, "/a", "/a"),
        ({"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"}, "b", "b"),
        (
            {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/a"},
            None,
            "{{resolve:ssm:/a}}",
        ),
        ({"Type": "String", "AllowedValues": [1, "b"]}, "1", "1"),
        ({"Type": "String", "AllowedPattern": "a|b", "MinLength": 1}, "b", "b"),
        ({"Type": "String", "AllowedPattern": "a"}, Text("{{X}}", (), "x"), "{{X}}"),
    ],
)
def test_value_is_given_or_the_default(
    declared: dict[str, Any], given: object, expected: object
) -> None:
    """A value is text, or texts; what is stored elsewhere is unknown unless given."""
    assert plain(found(given, **declared)) == expected


def test_stored_value_says_what_to_pass() -> None:
    """What the path of a parameter holds is known to the account only."""
    kind = "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"

    assert found(Type=kind, Default="/a").remedy == 'parameters={"P": …}'


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        (
            {"Type": "String"},
            None,
            ["parameter `P` has no value", 'pass parameters={"P": …}'],
        ),
        (
            {"Type": "Strng"},
            "a",
            ["unknown parameter type `Strng`", "did you mean `String`?"],
        ),
        ({"Type": "Number"}, "a", ["value `a` of parameter `P` is not a number"]),
        (
            {"Type": "Number", "MinValue": 2},
            1,
            ["value `1` of parameter `P` is less than 2"],
        ),
        (
            {"Type": "Number", "MaxValue": 2},
            3,
            ["value `3` of parameter `P` is more than 2"],
        ),
        (
            {"Type": "String", "MinLength": "2"},
            "a",
            ["value `a` of parameter `P` is shorter than 2"],
        ),
        (
            {"Type": "String", "MaxLength": 2},
            "abc",
            ["value `abc` of parameter `P` is longer than 2"],
        ),
        (
            {"Type": "String", "MaxLength": "x"},
            "abc",
            ["MaxLength of parameter `P` is not a number"],
        ),
        (
            {"Type": "String", "AllowedValues": ["a", 1]},
            "b",
            ["value `b` of parameter `P` is none of a, 1"],
        ),
        (
            {"Type": "String", "AllowedValues": "a"},
            "b",
            ["AllowedValues is not a list"],
        ),
        (
            {
                "Type": "String",
                "AllowedPattern": "[a-z]+",
                "ConstraintDescription": "Letters only.",
            },
            "a1",
            ["value `a1` of parameter `P` does not match `[a-z]+`", "Letters only."],
        ),
        ({"Type": "String"}, ["a"], ["value `['a']` of parameter `P` is not one text"]),
        (
            {"Type": "String", "NoEcho": True, "MinLength": 9},
            "secret",
            ["value `****` of parameter `P` is shorter than 9"],
        ),
    ],
)
def test_what_is_refused(
    declared: dict[str, Any], given: object, said: list[str]
) -> None:
    """A missing value and a broken constraint are named; what is hidden stays so."""
    first, *notes = refused(found, given, **declared)

    assert [first.removesuffix(" (shop.yaml:3, Parameters.P)"), *notes] == said
    assert first.endswith(" (shop.yaml:3, Parameters.P)")


def test_foreign_pattern_is_not_guessed() -> None:
    """A pattern that only Java reads is not modeled."""
    with pytest.raises(
        UnsupportedFeatureError, match=r"pattern `\[a` of parameter `P`"
    ):
        found("a", Type="String", AllowedPattern="[a")
