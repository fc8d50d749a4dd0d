"""Templates as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders import reading
from pytest_lattice.loaders.cloudformation.template import read_template
from tests.loaders.cloudformation.templates import TOPIC
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from pathlib import Path

TAGS = """
Resources:
  X:
    Type: Custom::X
    Properties:
      A: !Ref Y
      B: !GetAtt Y.Arn
      C: !Sub ["${a}", {a: !Ref Z}]
      D: !GetAZs ""
"""


def test_short_tags_become_long(tmp_path: Path) -> None:
    """`!Ref x` is `{"Ref": "x"}`, and so are all others."""
    file = tmp_path / "x.yaml"
    file.write_text(TAGS, encoding="utf-8")

    template = read_template(file, "unused")

    assert template.file == str(file)
    assert template.section("Resources")["X"]["Properties"] == {
        "A": {"Ref": "Y"},
        "B": {"Fn::GetAtt": "Y.Arn"},
        "C": {"Fn::Sub": ["${a}", {"a": {"Ref": "Z"}}]},
        "D": {"Fn::GetAZs": ""},
    }
    assert template.section("Outputs") == {}


def test_json_with_tabs_is_read(tmp_path: Path) -> None:
    """A template may be JSON, indented as anyone likes."""
    file = tmp_path / "x.json"
    file.write_text('{\n\t"Resources": {"X": {"Type": "Custom::X"}}}', encoding="utf-8")

    assert read_template(file, "").section("Resources") == {"X": {"Type": "Custom::X"}}


def test_mapping_is_copied() -> None:
    """A template that is a mapping has text as keys, and is left alone."""
    given: dict[Any, Any] = {"Resources": {1: {"Type": "Custom::X", "Many": (1, None)}}}
    template = read_template(given, "shop")

    assert template.body == {
        "Resources": {"1": {"Type": "Custom::X", "Many": [1, None]}}
    }
    assert template.file == "shop"


def test_transforms_are_listed() -> None:
    """One may stand alone, several in a list."""
    extensions = "AWS::LanguageExtensions"
    one = {"Transform": extensions, "Resources": TOPIC}

    assert read_template(one, "").transforms == (extensions,)
    assert read_template({**one, "Transform": [extensions]}, "").transforms == (
        extensions,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Resource: {}",
            [
                "unknown section of a template `Resource` (FILE:1)",
                "did you mean `Resources`?",
            ],
        ),
        (
            "AWSTemplateFormatVersion: 2011-01-01\nResources: {X: {Type: Y}}",
            [
                "template format version `2011-01-01` is not known (FILE:1)",
                "the only one is 2010-09-09",
            ],
        ),
        ("Outputs: {}", ["the template has no resources (FILE)"]),
        ("[1]", ["FILE: the template is not a mapping", "it is `[1]`"]),
        (
            "Resources: [1]",
            ["FILE:1: Resources is not a mapping", "it is `[1]`"],
        ),
        ("A: !Reff x", ["FILE:1: tag `!Reff` is no function of CloudFormation"]),
        (
            "A: !!python/object/apply:os.system [ls]",
            ["FILE:1: tag `!!python/object/apply:os.system` is not allowed"],
        ),
        ("A: *nothing", ["FILE:1, column 4: found undefined alias"]),
    ],
)
def test_what_is_no_template(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What is wrong is named with file and line."""
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")

    found = [
        each.replace(str(file), "FILE") for each in refused(read_template, file, "")
    ]

    if "alias" in expected[0]:
        assert "alias" in found[0]
    else:
        assert found == expected


def test_macro_is_not_guessed() -> None:
    """A macro may change any resource, so a template that has one is refused."""
    template = {"Transform": ["MyMacro"], "Resources": TOPIC}
    with pytest.raises(UnsupportedFeatureError) as caught:
        read_template(template, "shop")

    assert said(caught.value) == [
        "transform `MyMacro` may change any resource, and is not applied here (shop)",
        (
            "load what it makes: aws cloudformation get-template "
            "--template-stage Processed"
        ),
    ]


def test_large_file_and_bomb_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is too large is not read, and aliases count each time."""
    bomb = tmp_path / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    bomb.write_text("\n".join(lines), encoding="utf-8")

    assert refused(read_template, bomb, "")[0].endswith(
        "stands for more than 2000000 values"
    )

    monkeypatch.setattr(reading, "LARGEST", 10)
    size = bomb.stat().st_size

    assert refused(read_template, bomb, "") == [
        f"`{bomb}` has {size} bytes, more than 10"
    ]


def test_strange_value_of_a_mapping_is_refused() -> None:
    """A template holds what JSON has."""
    assert refused(read_template, {"Resources": {"X": object()}}, "shop") == [
        "shop: a object is no value of a template"
    ]
