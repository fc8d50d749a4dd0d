"""The common manners of declared values."""

import copy
import pickle
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

import pytest

from pytest_lattice.model.value import (
    LEFT_OUT,
    DerivedNumber,
    DerivedText,
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


def test_copies_derive_like_the_original() -> None:
    """A copy still knows what was derived."""
    for twin in (
        copy.deepcopy(Sample("a").name),
        pickle.loads(pickle.dumps(Sample("a").name)),  # noqa: S301  # our own bytes
    ):
        assert given(twin) is None


def test_mapping_is_a_read_only_copy() -> None:
    """Neither the value nor the dict that it came from changes the value."""
    tags = {"k": "v"}
    value = Sample("a", tags=tags)
    tags["k"] = "w"

    assert value.tags == {"k": "v"}
    with pytest.raises(TypeError, match="does not support item assignment"):
        value.tags["k"] = "w"  # type: ignore[index]  # what is refused


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
