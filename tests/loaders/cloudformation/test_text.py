"""Text that knows where it came from."""

from __future__ import annotations

import pytest

from pytest_lattice.loaders.cloudformation.text import (
    Text,
    from_all,
    known,
    like_list,
    listed,
    names_of,
    plain,
    remedy_of,
    written,
)
from pytest_lattice.loaders.reading import LocatedList
from tests.loaders.cloudformation.templates import PLACE
from tests.model.refusals import refused

KNOWN = Text("arn", ("Orders",))
UNKNOWN = Text("{{Lookup.Arn}}", ("Lookup",), 'values={"Lookup.Arn": …}')


def test_origin_is_kept_by_what_is_made_of_it() -> None:
    """Text that was made of several has the names of all; one unknown is enough."""
    made = from_all("both", [KNOWN, {"a": UNKNOWN}], "plain", KNOWN)

    assert made == "both"
    assert (made.names, made.remedy) == (("Orders", "Lookup"), UNKNOWN.remedy)
    assert remedy_of(KNOWN, 5, None) == ""
    assert names_of("text", 5) == ()


def test_plain_value_has_no_origin() -> None:
    """What goes to the model is text, lists and mappings of Python."""
    made = plain({"a": [KNOWN, 5, True], "b": (None,)})

    assert made == {"a": ["arn", 5, True], "b": [None]}
    assert type(made["a"][0]) is str


def test_what_is_needed_has_to_be_known() -> None:
    """The error says what to pass, and where it stands."""
    assert known({"a": KNOWN}, "Name", PLACE) == {"a": "arn"}
    assert refused(known, ["x", UNKNOWN], "Name", PLACE) == [
        "Name is not known before deployment: it is `{{Lookup.Arn}}` (shop, Asking)",
        'pass values={"Lookup.Arn": …}',
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (5, "5"), ("x", "x"), (1.5, "1.5")],
)
def test_values_are_written_as_in_json(value: object, text: str) -> None:
    """A truth in text is small, as CloudFormation writes it."""
    assert written(value) == text


def test_list_is_held_to_one() -> None:
    """What is left out is empty; one thing is no list, unknown text neither."""
    assert listed(None, "Tags", PLACE) == []
    assert listed(("a",), "Tags", PLACE) == ["a"]
    assert refused(listed, "a", "Tags", PLACE) == ["Tags is not a list (shop, Asking)"]
    assert refused(listed, UNKNOWN, "Tags", PLACE)[1] == f"pass {UNKNOWN.remedy}"
    assert like_list(LocatedList(7)).line == 7
