"""The common manners of declared values."""

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field, replace

import pytest

from pytest_lattice.model.value import (
    LEFT_OUT,
    DerivedNumber,
    DerivedText,
    HiddenText,
    Value,
    first_twice,
    given,
    is_whole,
    read_only,
)


@dataclass(frozen=True, slots=True, repr=False)
class Sample(Value):
    """A value with every kind of field."""

    first: str
    second: int = LEFT_OUT
    _: KW_ONLY
    name: str = ""
    size: int = 3
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Derive what was left out."""
        second = given(self.second)
        self._set(
            second=DerivedNumber(len(self.first)) if second is None else second,
            name=given(self.name) or DerivedText(f"{self.first}-1"),
            tags=read_only(self.tags),
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Sample("a"), "Sample('a')"),
        (Sample("a", 5), "Sample('a', 5)"),
        (Sample("a", 0), "Sample('a', 0)"),
        (Sample("a", name="b"), "Sample('a', name='b')"),
        (Sample("a", size=3), "Sample('a')"),
        (
            Sample("a", size=4, tags={"k": "v"}),
            "Sample('a', size=4, tags={'k': 'v'})",
        ),
    ],
    ids=str,
)
def test_repr_is_the_shortest_spelling(value: Sample, expected: str) -> None:
    """A value prints what the user gave and nothing that it filled in by itself."""
    assert repr(value) == expected
    assert eval(expected) == value  # noqa: S307  # a repr of our own


def test_replace_derives_anew() -> None:
    """What was derived follows the change; what was given stays."""
    assert replace(Sample("a"), first="bb") == Sample("bb", 2, name="bb-1")
    assert replace(Sample("a", 7, name="x"), first="bb") == Sample("bb", 7, name="x")


def test_derived_is_equal_to_given() -> None:
    """Whether a field was derived or given makes no other value of it."""
    assert Sample("a") == Sample("a", 1, name="a-1")
    assert hash(Sample("a")) == hash(Sample("a", 1, name="a-1"))


@pytest.mark.parametrize(
    "copied",
    [
        copy.copy,
        copy.deepcopy,
        lambda value: pickle.loads(pickle.dumps(value)),  # noqa: S301  # our own bytes
    ],
    ids=["copy", "deepcopy", "pickle"],
)
def test_values_can_be_copied(copied: Callable[[Sample], Sample]) -> None:
    """A copy is the same value, read-only too, and still knows what was derived."""
    value = Sample("a", tags={"k": "v"})

    assert copied(value) == value
    assert repr(replace(copied(value), first="bb")) == "Sample('bb', tags={'k': 'v'})"
    with pytest.raises(TypeError, match="cannot be changed"):
        copied(value).tags.clear()  # type: ignore[attr-defined]  # what is refused


def test_values_can_be_written_as_data() -> None:
    """A value can be turned into plain data, as for a snapshot."""
    value = Sample("a", tags={"k": "v"})

    assert json.loads(json.dumps(asdict(value))) == {
        "first": "a",
        "second": 1,
        "name": "a-1",
        "size": 3,
        "tags": {"k": "v"},
    }


def test_mapping_is_a_read_only_copy() -> None:
    """Neither the value nor the dict that it came from changes the value."""
    tags = {"k": "v"}
    value = Sample("a", tags=tags)
    tags["k"] = "w"

    assert value.tags == {"k": "v"}


@pytest.mark.parametrize(
    "change",
    [
        lambda tags: tags.__setitem__("k", "w"),
        lambda tags: tags.__delitem__("k"),
        lambda tags: tags.__ior__({"k": "w"}),
        lambda tags: tags.clear(),
        lambda tags: tags.pop("k"),
        lambda tags: tags.popitem(),
        lambda tags: tags.setdefault("l", "w"),
        lambda tags: tags.update(k="w"),
    ],
    ids=[
        *("set-item", "del-item", "or", "clear", "pop", "popitem"),
        *("setdefault", "update"),
    ],
)
def test_mapping_refuses_every_change(change: Callable[[object], object]) -> None:
    """Each way to change a dict is refused, and what to do instead is told."""
    tags = read_only({"k": "v"})

    with pytest.raises(TypeError) as caught:
        change(tags)

    assert str(caught.value) == (
        "a declared value cannot be changed; use dataclasses.replace"
    )
    assert tags == {"k": "v"}


def test_mapping_is_of_text() -> None:
    """Keys and values become text, as AWS stores tags."""
    number: Mapping[str, str] = {1: 2}  # type: ignore[dict-item]  # as in YAML

    assert dict(read_only(number)) == {"1": "2"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (5, 5), (None, None), (DerivedText("a"), None), (LEFT_OUT, None)],
)
def test_given_tells_what_the_user_wrote(value: object, expected: object) -> None:
    """What was derived counts as not given."""
    assert given(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, True),
        (9, True),
        (DerivedNumber(9), True),
        (0, False),
        (10, False),
        (True, False),
        (1.0, False),
        ("1", False),
        (None, False),
    ],
    ids=repr,
)
def test_whole_number_of_a_range(value: object, *, expected: bool) -> None:
    """Only an int within the range is one; bools, floats and text are none."""
    assert is_whole(value, range(1, 10)) is expected


@pytest.mark.parametrize(
    ("things", "expected"),
    [([], None), ([1, 2], None), ([1, 2, 3, 2, 1], 1), (["b", "a", "a"], "a")],
)
def test_first_twice(things: list[object], expected: object) -> None:
    """Of the things that come again, the one that came first is found."""
    assert first_twice(things) == expected


def test_hidden_text_counts_and_is_not_shown() -> None:
    """Text that is marked as sensitive equals other text; a repr does not show it."""
    hidden = HiddenText("s3cr3t")

    assert hidden == "s3cr3t"
    assert json.dumps({"a": hidden}) == '{"a": "s3cr3t"}'
    assert repr([hidden]) == "[(sensitive value)]"
    assert repr(read_only({"pin": hidden})) == "{'pin': (sensitive value)}"
