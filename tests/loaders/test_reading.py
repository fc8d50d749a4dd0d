"""Files and YAML text as values that know their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.loaders import reading
from pytest_lattice.loaders.reading import (
    column_of,
    line_of,
    located,
    mapping,
    parse_document,
    parse_documents,
    read_text,
)
from pytest_lattice.model.source import SourceLocation
from tests.model.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEMPLATE = """\
# a comment
Resources:
  Orders:
    Type: service
    Names: [orders,
      "shop"]
"""


def test_values_know_their_lines() -> None:
    """Mappings, lists and what they hold know the line where they were written."""
    document = parse_document(TEMPLATE, "orders.yaml")
    orders = document["Resources"]["Orders"]

    assert orders == {"Type": "service", "Names": ["orders", "shop"]}
    assert line_of(document["Resources"], "Orders") == 3
    assert line_of(orders, "Names") == 5
    assert [line_of(orders["Names"], each) for each in (0, 1)] == [5, 6]
    assert column_of(orders, "Names") == 5
    assert [column_of(orders["Names"], each) for each in (0, 1)] == [13, 7]
    assert line_of({"a": 1}, "a") is column_of({"a": 1}, "a") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2012-10-17", "2012-10-17"),
        ("012345678901", "012345678901"),
        ("0o17", "0o17"),
        ("12:30:45", "12:30:45"),
        ("123456789012", 123_456_789_012),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("yes", True),
        ("Off", False),
        ("'yes'", "yes"),
        ("!!str 12", "12"),
        ("~", None),
        ("''", ""),
        ("", None),
        ("|\n  a\n  b\n", "a\nb\n"),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    """Dates, times and numbers with leading zeros stay text; the rest is YAML's."""
    assert parse_document(f"a: {text}", "x.yaml") == {"a": value}


def test_anchors_and_merge_keys() -> None:
    """An alias stands for its anchor; merged keys give way to those written out."""
    text = "a: &a {x: 1, y: 2}\nb: *a\nc:\n  <<: *a\n  y: 3\nd:\n  <<: [{x: 7}, *a]\n"

    assert parse_document(text, "x.yaml") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
        "d": {"x": 7, "y": 2},
    }


def test_tags_are_made_by_whoever_knows_them() -> None:
    """A tag is given to the format, with the value; it may refuse with the line."""

    def tagged(tag: str, value: Any, refuse: Callable[[str], NoReturn]) -> Any:  # noqa: ANN401  # YAML
        if tag != "Ref":
            refuse(f"no function `!{tag}`")
        return {tag: value}

    assert parse_document("a: !Ref b", "x.yaml", tagged=tagged) == {"a": {"Ref": "b"}}
    assert refused(parse_document, "a:\n  - !Rfe b", "x.yaml", tagged=tagged) == [
        "x.yaml:2: no function `!Rfe`"
    ]


def test_json_is_read_with_its_lines() -> None:
    """JSON is YAML, tabs included."""
    document = parse_document('{\n\t"a": {"b":\t[1, "yes"]}\n}', "x.json")

    assert document == {"a": {"b": [1, "yes"]}}
    assert line_of(document, "a") == 2


def test_several_documents() -> None:
    """Documents of one file are read in turn; one is asked for where one is needed."""
    assert parse_documents("a: 1\n---\nb: 2\n", "x.yaml") == [{"a": 1}, {"b": 2}]
    assert refused(parse_document, "a: 1\n---\nb: 2\n", "x.yaml") == [
        "x.yaml:1: the file holds 2 documents, not one"
    ]


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!python/object:os.x y", "x.yaml:1: tag `!!python/object:os.x` is not"),
        ("a: !Ref x", "x.yaml:1: tag `!Ref` is not allowed"),
        ("a: [", "x.yaml:2, column 1: did not find expected node content"),
        ("a: 1\na: 2", "x.yaml:2: key `a` is there twice"),
        ("a: *b", "x.yaml:1: alias `*b` has no anchor before it"),
        ("<<: 3", "x.yaml:1: `<<` merges mappings only"),
        ("? [a]\n: 1", "x.yaml:1: a key is not text"),
        ("[" * 102 + "]" * 102, "x.yaml:1: nested deeper than 100 levels"),
        ("a: &a\n  b: *a", "x.yaml:2: alias `*a` has no anchor before it"),
        (BOMB, "x.yaml:7: stands for more than 2000000 values"),
        ("a: é\nb: é\nc: \x00", "x.yaml:3: character 0x00 is not allowed"),
    ],
    ids=range(11),
)
def test_what_is_refused(text: str, said: str) -> None:
    """What is no YAML, runs code or grows without end is refused with its line."""
    assert [each[: len(said)] for each in refused(parse_document, text, "x.yaml")] == [
        said
    ]


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are UTF-8, with or without a mark; what cannot be read says why."""
    marked, binary = tmp_path / "marked.yaml", tmp_path / "binary.yaml"
    marked.write_bytes(b"\xef\xbb\xbfa: 1")
    binary.write_bytes(b"\xff\xfe\x00")

    assert read_text(marked) == "a: 1"
    assert refused(read_text, binary) == [f"`{binary}` is not UTF-8 text"]
    assert refused(read_text, tmp_path / "no.yaml") == [
        f"`{tmp_path / 'no.yaml'}` cannot be read: No such file or directory"
    ]
    assert refused(read_text, None) == ["`None` is not a path"]
    assert refused(read_text, "a\0") == ["`'a\\x00'` can be the name of no file"]
    monkeypatch.setattr(reading, "LARGEST", 3)
    assert refused(read_text, marked) == [f"`{marked}` has 7 bytes, more than 3"]


def test_an_error_is_told_its_place_once() -> None:
    """The place is added with the notes kept, and only where it is not there yet."""
    place = SourceLocation("x.yaml", 3, "Orders")
    error = ConfigurationError("weight `-1` is wrong")
    error.add_note("use 0")
    found = located(located(error, place), place)

    assert str(found) == "weight `-1` is wrong (x.yaml:3, Orders)"
    assert found.__notes__ == ["use 0"]


def test_mapping() -> None:
    """What should be a mapping and is none is shown."""
    assert mapping({"a": 1}, "x.yaml:1", "Properties") == {"a": 1}
    assert refused(mapping, [1], "x.yaml:1", "Properties") == [
        "x.yaml:1: Properties is not a mapping",
        "it is `[1]`",
    ]


keys = st.from_regex("[a-z]{1,5}", fullmatch=True)
texts = st.text(st.characters(codec="ascii"))
json = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)


@given(json)
def test_json_comes_back(value: object) -> None:
    """Whatever JSON can say is read as the json module reads it."""
    import json as library

    text = library.dumps(value)

    assert parse_document(text, "x.json") == library.loads(text)
