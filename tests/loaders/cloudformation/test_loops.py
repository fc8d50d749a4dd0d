"""`Fn::ForEach`, written out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.loaders.cloudformation.templates import (
    EXTENSIONS,
    NETWORK,
    TOPIC,
    stack_of,
    value,
)
from tests.model.refusals import refused

LOOP = "Fn::ForEach::Each"


def test_resources_are_written_out() -> None:
    """Each item makes a resource, in the order of the list."""
    body = {"${Name}Net": {**NETWORK, "Metadata": {"of": {"Ref": "Name"}}}}
    stack = stack_of(
        {
            **EXTENSIONS,
            "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a,b"}},
            "Resources": {**TOPIC, LOOP: ["Name", {"Ref": "Names"}, body]},
        }
    )

    assert list(stack.resources) == ["Topic", "aNet", "bNet"]
    assert stack.metadata("bNet") == {"of": "b"}


def test_loops_hold_loops() -> None:
    """An inner loop is written out for each turn of the outer one."""
    inner = {"Fn::ForEach::Inner": ["Y", ["1", "2"], {"${X}${Y}": ["${Y}", {"a": 1}]}]}
    node = {"own": 0, LOOP: ["X", ["a", "b"], inner]}

    assert value(node, EXTENSIONS) == {
        "own": 0,
        "a1": ["1", {"a": 1}],
        "a2": ["2", {"a": 1}],
        "b1": ["1", {"a": 1}],
        "b2": ["2", {"a": 1}],
    }


def test_key_without_a_value_makes_nothing() -> None:
    """Published templates have a stray key beside an inner loop."""
    inner = ["Y", ["1"], {"${X}${Y}": "z"}]
    node = {LOOP: ["X", ["a"], {"${X}": None, "Fn::ForEach::Inner": inner}]}

    assert value(node, EXTENSIONS) == {"a1": "z"}


def test_ampersand_leaves_out_what_no_id_may_have() -> None:
    """`&{x}` is for logical ids, which have letters and digits only."""
    node = {LOOP: ["Ip", ["10.0.0.1"], {"Host&{Ip}": "${Ip}"}]}

    assert value(node, EXTENSIONS) == {"Host10001": "10.0.0.1"}


FORM = f"`{LOOP}` takes a name, a list and a mapping in a list of three (shop, Asking)"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({LOOP: "x"}, [FORM]),
        ({LOOP: ["X", ["a"]]}, [FORM]),
        (
            {LOOP: ["X", "a", {"b": 1}]},
            [f"the list of `{LOOP}` is not a list (shop, Asking)"],
        ),
        (
            {LOOP: ["X", ["a", "b"], {"c": 1}]},
            ["key `c` is there twice (shop, Asking)"],
        ),
        (
            {LOOP: ["X", [str(each) for each in range(2001)], {"k${X}": 1}]},
            ["loops write out more than 2000 keys (shop, Asking)"],
        ),
    ],
)
def test_what_is_no_loop(node: dict[str, Any], said: list[str]) -> None:
    """A loop is a name, a list and a mapping, and makes each key once."""
    assert refused(value, node, EXTENSIONS) == said


def test_loop_needs_the_transform() -> None:
    """Without language extensions AWS knows no loops."""
    assert refused(value, {LOOP: ["X", ["a"], {"${X}": 1}]}) == [
        "`Fn::ForEach` needs a transform (shop, Asking)",
        "write Transform: AWS::LanguageExtensions",
    ]
