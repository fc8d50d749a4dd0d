"""CloudFormation's functions, each with what it makes and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders.cloudformation.functions import DECIDERS, FUNCTIONS
from tests.loaders.cloudformation.templates import (
    ACCOUNT,
    EXTENSIONS,
    PLACE,
    REGION,
    SERVICE,
    stack_of,
    value,
)
from tests.model.refusals import refused

TEMPLATE: dict[str, Any] = {
    "Resources": {"Orders": SERVICE, "Lookup": {"Type": "Custom::Lookup"}},
    "Mappings": {"Sizes": {"dev": {"Count": 1}, "prod": {"Count": 3}}},
    "Conditions": {
        "Yes": {"Fn::Equals": ["a", "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]},
        "Numbers": {"Fn::Equals": [1, "1"]},
        "Lists": {"Fn::Equals": [["a"], {"Fn::Split": [",", "a"]}]},
    },
}
ARN = f"arn:aws:vpc-lattice:{REGION}:{ACCOUNT}:service/svc-13db4bb6c385650ff"
UNKNOWN = {"Fn::GetAtt": ["Lookup", "Arn"]}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"Ref": "AWS::AccountId"}, ACCOUNT),
        ({"Ref": "AWS::StackName"}, "shop"),
        ({"Ref": "Orders"}, ARN),
        ([{"Ref": "AWS::NoValue"}, 1], [1]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": 2}, {"b": 2}),
        ({"Fn::GetAtt": "Orders.Arn"}, ARN),
        ({"Fn::GetAtt": ["Orders", "Id"]}, ARN.rpartition("/")[2]),
        (
            {"Fn::GetAtt": ["Orders", "DnsEntry", "DomainName"]},
            f"orders-13db4bb6c385650ff.7d67968.vpc-lattice-svcs.{REGION}.on.aws",
        ),
        ({"Fn::Sub": "${Orders}/*"}, f"{ARN}/*"),
        ({"Fn::Sub": "${Orders.Arn}/${!Kept}"}, f"{ARN}/${{Kept}}"),
        ({"Fn::Sub": ["${a}-${AWS::Region}", {"a": 5}]}, f"5-{REGION}"),
        ({"Fn::Join": ["-", ["a", 1, {"Ref": "AWS::Region"}]]}, f"a-1-{REGION}"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Fn::Split": ["/", "a/b"]}]}, "b"),
        ({"Fn::If": ["Yes", "a", {"Ref": "Nothing"}]}, "a"),
        ({"Fn::If": ["Both", {"Ref": "Nothing"}, "b"]}, "b"),
        ({"Fn::If": ["Either", "a", "b"]}, "a"),
        ({"Fn::If": ["Numbers", "a", "b"]}, "a"),
        ({"Fn::If": ["Lists", "a", "b"]}, "a"),
        ({"Fn::FindInMap": ["Sizes", "prod", "Count"]}, 3),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::Cidr": ["10.0.0.0/16", "1"]}, ["10.0.0.0/24"]),
        ({"Fn::GetAZs": ""}, f"{{{{Fn::GetAZs:{REGION}}}}}"),
        ("{{resolve:ssm:/a}}", "{{resolve:ssm:/a}}"),
    ],
)
def test_function_makes(node: object, expected: object) -> None:
    """Each function gives what AWS documents; what is not taken is not evaluated."""
    assert value(node, TEMPLATE) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (
            {"Fn::FindInMap": ["Sizes", "test", "Count", {"DefaultValue": 2}]},
            2,
        ),
        ({"Fn::Length": [1, 2]}, 2),
        (
            {"Fn::ToJsonString": {"a": [1, {"Ref": "AWS::Region"}]}},
            '{"a":[1,"us-west-2"]}',
        ),
        ({"Ref": {"Fn::Sub": "Orders"}}, ARN),
    ],
)
def test_language_extensions(node: object, expected: object) -> None:
    """What the transform adds works with it, and is refused without."""
    assert value(node, TEMPLATE | EXTENSIONS) == expected
    assert (
        refused(value, node, TEMPLATE)[1] == "write Transform: AWS::LanguageExtensions"
    )


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        (UNKNOWN, "{{Lookup.Arn}}"),
        ({"Ref": "Lookup"}, "{{Lookup}}"),
        ({"Fn::Sub": "${Lookup.Arn}/*"}, "{{Lookup.Arn}}/*"),
        ({"Fn::Join": ["", ["a", UNKNOWN]]}, "a{{Lookup.Arn}}"),
        ({"Fn::Split": ["/", UNKNOWN]}, "{{Fn::Split(/, Lookup.Arn)}}"),
        (
            {"Fn::Select": [1, {"Fn::Split": ["/", UNKNOWN]}]},
            "{{Fn::Select(1, Fn::Split(/, Lookup.Arn))}}",
        ),
        (
            {"Fn::Join": [",", {"Fn::Split": ["/", UNKNOWN]}]},
            "{{Fn::Join(,, Fn::Split(/, Lookup.Arn))}}",
        ),
        ({"Fn::Base64": UNKNOWN}, "{{Fn::Base64(Lookup.Arn)}}"),
        ({"Fn::Cidr": [UNKNOWN, 1, 8]}, "{{Fn::Cidr(Lookup.Arn, 1, 8)}}"),
        ({"Fn::ImportValue": UNKNOWN}, "{{Fn::ImportValue(Lookup.Arn)}}"),
        (
            {"Fn::FindInMap": ["Sizes", UNKNOWN, "a"]},
            "{{Fn::FindInMap(Sizes, Lookup.Arn, a)}}",
        ),
    ],
)
def test_unknown_stays_visible(node: object, shown: str) -> None:
    """What is made of an unknown value is unknown, and says of what it is made."""
    found = stack_of(TEMPLATE).value(node, PLACE)

    assert found == shown
    assert found.remedy.startswith('values={"Lookup')


def test_user_gives_what_is_unknown() -> None:
    """A value that was given is known, whatever asks for it."""
    values = {
        "Lookup.Arn": "arn:x/y",
        "{{resolve:ssm:/a}}": "b",
        "{{Fn::GetAZs:us-west-2}}": ["us-west-2a"],
        "net-arn": "arn:z",
    }
    node = [
        {"Fn::Select": [1, {"Fn::Split": ["/", UNKNOWN]}]},
        {"Fn::Sub": "{{resolve:ssm:/a}}-{{resolve:ssm:/${AWS::Region}}}"},
        {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        {"Fn::ImportValue": "net-arn"},
    ]

    assert value(node, TEMPLATE, values=values) == [
        "y",
        f"b-{{{{resolve:ssm:/{REGION}}}}}",
        "us-west-2a",
        "arn:z",
    ]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (
            {"Ref": "Order"},
            ["unknown resource or parameter `Order`", "did you mean `Orders`?"],
        ),
        ({"Ref": 5}, ["`Ref` takes a name"]),
        (
            {"Fn::Sub": "${aws:username}"},
            [
                "unknown resource or parameter `aws:username`",
                KNOWN := (
                    "known: `AWS::AccountId`, `AWS::NotificationARNs`, "
                    "`AWS::Partition`, `AWS::Region`, `AWS::StackId`, "
                    "`AWS::StackName`, `AWS::URLSuffix`, `Lookup`, `Orders`"
                ),
                "write `${!aws:username}` if a policy variable is meant",
            ],
        ),
        ({"Fn::Sub": "${}"}, ["`Fn::Sub`: `${}` names nothing"]),
        ({"Fn::Sub": ["${a}", {"a": ["b"]}]}, ["`Fn::Sub`: `${a}` is not text"]),
        ({"Fn::Sub": 5}, ["`Fn::Sub` takes text, or text and a mapping in a list"]),
        ({"Fn::GetAtt": "Orders"}, ["`Fn::GetAtt` takes a resource and an attribute"]),
        (
            {"Fn::GetAtt": "Orders.Arm"},
            [
                "unknown attribute of AWS::VpcLattice::Service `Arm`",
                "did you mean `Arn`?",
            ],
        ),
        (
            {"Fn::GetAtt": "Nothing.Arn"},
            ["unknown resource `Nothing`", "known: `Lookup`, `Orders`"],
        ),
        ({"Fn::Join": ["", 5]}, ["`Fn::Join` takes a separator and a list of texts"]),
        (
            {"Fn::Join": ["", [[]]]},
            ["`Fn::Join` takes a separator and a list of texts"],
        ),
        ({"Fn::Join": "a"}, ["`Fn::Join` takes a separator and a list"]),
        (
            {"Fn::Join": [{"Ref": "AWS::NoValue"}, []]},
            ["`Fn::Join` takes a separator and a list, not AWS::NoValue"],
        ),
        ({"Fn::Split": ["", "a"]}, ["`Fn::Split` takes a separator and text"]),
        (
            {"Fn::Select": [2, ["a"]]},
            ["`Fn::Select`: there is no item 2 in a list of 1"],
        ),
        ({"Fn::Select": [-1, ["a"]]}, ["`Fn::Select` takes a position and a list"]),
        ({"Fn::If": ["Yes"]}, ["`Fn::If` takes a condition and two values"]),
        (
            {"Fn::If": ["Maybe", 1, 2]},
            [
                "unknown condition `Maybe`",
                CONDITIONS
                := "known: `Both`, `Either`, `Lists`, `No`, `Numbers`, `Yes`",
            ],
        ),
        ({"Fn::If": [5, 1, 2]}, ["unknown condition `5`", CONDITIONS]),
        (
            {"Fn::FindInMap": ["Size", "prod", "Count"]},
            ["unknown mapping `Size`", "did you mean `Sizes`?"],
        ),
        (
            {"Fn::FindInMap": ["Sizes", "prd", "Count"]},
            ["unknown key of a mapping `prd`", "did you mean `prod`?"],
        ),
        (
            {"Fn::FindInMap": ["Sizes", "prod", "Conut"]},
            ["unknown second key of a mapping `Conut`", "did you mean `Count`?"],
        ),
        ({"Fn::FindInMap": ["Sizes"]}, ["`Fn::FindInMap` takes a map and two keys"]),
        ({"Fn::Base64": []}, ["`Fn::Base64` takes text"]),
        ({"Fn::ImportValue": []}, ["`Fn::ImportValue` takes the name of an export"]),
        (
            {"Fn::Cidr": ["10.0.0.0/16"]},
            ["`Fn::Cidr` takes a range, a count and the bits of a host"],
        ),
        (
            {"Fn::Cidr": ["10.0.0.0/16", 300, 8]},
            ["`Fn::Cidr`: 300 is not from 1 to 256"],
        ),
        (
            {"Fn::Cidr": ["10.0.0.0/24", 3, 7]},
            ["`Fn::Cidr`: `10.0.0.0/24` holds 2 such ranges, not 3"],
        ),
        (
            {"Fn::Cidr": ["x", 1, 8]},
            ["`Fn::Cidr`: 'x' does not appear to be an IPv4 or IPv6 network"],
        ),
        ({"Fn::Joi": []}, ["unknown function `Fn::Joi`", "did you mean `Fn::Join`?"]),
        ({"Fn::Equals": [1, 1]}, ["`Fn::Equals` stands in Conditions only"]),
    ],
)
def test_function_refuses(node: object, said: list[str]) -> None:
    """What is wrong is named, with the place and the nearest right name."""
    place = " (shop, Asking)"
    found = refused(value, node, TEMPLATE)

    assert [found[0].removesuffix(place), *found[1:]] == said
    assert found[0].endswith(place)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"Fn::And": [{"Condition": "Yes"}]}, ["`Fn::And` takes 2 to 10 conditions"]),
        ({"Fn::Or": "a"}, ["`Fn::Or` takes 2 to 10 conditions"]),
        ({"Fn::Not": []}, ["`Fn::Not` takes one condition"]),
        ({"Fn::Equals": [1]}, ["`Fn::Equals` takes two values"]),
        (
            "Yes",
            ["a condition is one of Condition, Fn::And, Fn::Equals, Fn::Not, Fn::Or"],
        ),
        (
            {"Fn::Equals": [UNKNOWN, "a"]},
            [
                (
                    "a condition hangs on what is not known before deployment: "
                    "`{{Lookup.Arn}}` equals `a`"
                ),
                'pass values={"Lookup.Arn": …}',
            ],
        ),
    ],
)
def test_condition_refuses(condition: object, said: list[str]) -> None:
    """What stands in Conditions is checked when it is needed."""
    conditions = TEMPLATE["Conditions"] | {"Asked": condition}
    template = {**TEMPLATE, "Conditions": conditions}
    place = " (shop, Conditions.Asked)"
    found = refused(value, {"Fn::If": ["Asked", 1, 2]}, template)

    assert [found[0].removesuffix(place), *found[1:]] == said
    assert value(1, template) == 1


def test_macro_inside_is_not_applied() -> None:
    """`Fn::Transform` asks for what only AWS can do."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        value({"Fn::Transform": {"Name": "AWS::Include"}}, TEMPLATE)

    assert str(caught.value) == "transform `AWS::Include` is not applied (shop, Asking)"


def test_extensions_refuse() -> None:
    """A length is of a list, a loop of a name, a list and a mapping."""
    found = refused(value, {"Fn::Length": "a"}, TEMPLATE | EXTENSIONS)

    assert found == ["`Fn::Length` takes a list (shop, Asking)"]
    assert value({"Fn::Length": UNKNOWN}, TEMPLATE | EXTENSIONS) == (
        "{{Fn::Length(Lookup.Arn)}}"
    )


# ---- against a second implementation -------------------------------------------

_WORDS = st.text("abc/-", max_size=5)


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> tuple[Any, str]:
    """Draw an expression that is text, with what it is by the simplest means."""
    if depth == 0 or draw(st.booleans()):
        word = draw(_WORDS)
        return word, word
    parts = draw(st.lists(texts(depth - 1), min_size=1, max_size=3))
    nodes, found = [each[0] for each in parts], [each[1] for each in parts]
    match draw(st.sampled_from(["join", "sub", "select", "if", "split"])):
        case "join":
            between = draw(_WORDS)
            return {"Fn::Join": [between, nodes]}, between.join(found)
        case "sub":
            names = {f"v{number}": node for number, node in enumerate(nodes)}
            form = "".join(f"<${{{name}}}>" for name in names)
            return {"Fn::Sub": [form, names]}, "".join(f"<{each}>" for each in found)
        case "select":
            chosen = draw(st.integers(0, len(nodes) - 1))
            return {"Fn::Select": [chosen, nodes]}, found[chosen]
        case "if":
            truth = draw(st.sampled_from(["Yes", "No"]))
            node = {"Fn::If": [truth, nodes[0], nodes[-1]]}
            return node, found[0] if truth == "Yes" else found[-1]
    node = {"Fn::Join": ["+", {"Fn::Split": ["/", nodes[0]]}]}
    return node, found[0].replace("/", "+")


@given(texts())
def test_functions_agree_with_plain_python(drawn: tuple[Any, str]) -> None:
    """Functions in functions give what nested calls of Python would give."""
    node, expected = drawn

    assert value(node, TEMPLATE) == expected


def test_every_function_is_tested() -> None:
    """No function was added without a row above."""
    names = {*FUNCTIONS, *DECIDERS}

    assert names == {
        "Condition",
        "Fn::And",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::Equals",
        "Fn::FindInMap",
        "Fn::GetAZs",
        "Fn::GetAtt",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Length",
        "Fn::Not",
        "Fn::Or",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
        "Fn::ToJsonString",
        "Fn::Transform",
        "Ref",
    }
