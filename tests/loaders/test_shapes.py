"""How each kind of field is written in a document."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import jsonschema
import pytest

from pytest_lattice import (
    FixedResponse,
    Forward,
    HeaderMatch,
    Rule,
    WeightedTargetGroup,
)
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.loaders.document import SECTIONS
from pytest_lattice.loaders.shapes import (
    FLAG,
    SHAPES,
    TEXT,
    WHOLE,
    Place,
    any_of,
    definition,
    list_of,
    shape_of,
)
from tests.model.refusals import refused

HERE = Place("x.yaml", 1)
CLASSES: list[type[Any]] = [cls for cls, _ in SECTIONS.values()]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_of_the_model_has_a_shape(cls: type[Any]) -> None:
    """A field of a new kind has to be written somehow before it can be declared."""
    for each in fields(cls):
        if each.compare:
            assert shape_of(cls, each.name) in SHAPES.values()


@pytest.mark.parametrize(
    ("annotation", "written", "value"),
    [
        ("Action", {"forward": "web"}, Forward("web")),
        ("Action", {"forward": {"web": 1}}, Forward({"web": 1})),
        ("Action", {"forward": {"a": 9, "b": 1}}, Forward({"a": 9, "b": 1})),
        ("Action", {"fixed_response": 404}, FixedResponse(404)),
        ("Mapping[str, str]", {"a": "1"}, {"a": "1"}),
        ("Sequence[str]", ["a"], ["a"]),
        ("int", 3, 3),
        ("bool", False, False),
        ("str", "yes", "yes"),
    ],
    ids=range(9),
)
def test_what_is_read_is_written_again(
    annotation: str, written: object, value: object
) -> None:
    """Reading and writing are inverse, and the schema allows what is written."""
    shape = SHAPES[annotation]

    assert shape.read(written, HERE) == value
    assert shape.write(value) == written
    jsonschema.validate(written, shape.schema)


def test_a_long_spelling_is_written_short() -> None:
    """A list of weighted target groups is written as a mapping."""
    shape = SHAPES["Action"]
    long = {"forward": [{"target_group": "web", "weight": 5}, {"target_group": "api"}]}
    action = shape.read(long, HERE)

    assert action == Forward(
        [WeightedTargetGroup("web", 5), WeightedTargetGroup("api")]
    )
    assert shape.write(action) == {"forward": {"web": 5, "api": 100}}


@pytest.mark.parametrize(
    "headers",
    [
        (HeaderMatch("a", exact="1"),),
        (HeaderMatch("a", exact="1", case_sensitive=True),),
        (HeaderMatch("a", prefix="1"), HeaderMatch("a", contains="2")),
    ],
    ids=["exact", "case", "others"],
)
def test_headers_are_written_as_shortly_as_they_can(
    headers: tuple[HeaderMatch, ...],
) -> None:
    """Exact values are a mapping; whatever else is said makes it a list."""
    shape = SHAPES["Mapping[str, str] | Sequence[HeaderMatch]"]
    written = shape.write(headers)
    rule = Rule(1, headers=shape.read(written, HERE), action=FixedResponse(404))

    assert rule.headers == headers
    plain = all(each.exact and not each.case_sensitive for each in headers)
    assert isinstance(written, dict) == plain


def test_true_is_no_number_and_one_no_truth() -> None:
    """YAML's kinds are kept apart, as JSON Schema keeps them."""
    assert refused(WHOLE.read, place=HERE, value=True) == [
        "`True` is not a whole number (x.yaml:1)"
    ]
    assert refused(FLAG.read, 1, HERE) == ["`1` is not true or false (x.yaml:1)"]
    assert refused(TEXT.read, 1, HERE) == ["`1` is not text (x.yaml:1)"]


def test_the_last_of_several_shapes_says_what_is_wrong() -> None:
    """The first shape that fits is taken; where none does, the last one refuses."""
    shape = any_of(WHOLE, list_of(TEXT))

    assert shape.read(3, HERE) == 3
    assert shape.read(["a"], HERE) == ["a"]
    with pytest.raises(ConfigurationError, match="`'a'` is not a list"):
        shape.read("a", HERE)


def test_descriptions_are_those_of_the_docstring() -> None:
    """What an argument is, is said once; editors show it."""
    described = definition(Rule)["properties"]

    assert described["path_prefix"]["description"] == (
        "how the path starts, as text (`/v2` matches `/v2example`)."
    )
    assert definition(Rule)["required"] == ["priority", "action"]
