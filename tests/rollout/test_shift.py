"""Which weights a rollout shifts, and what it refuses to shift."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from pytest_lattice import FixedResponse, Forward, Listener, Rule, Service, TargetGroup
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.rollout.shift import Shift, microseconds, percentages, place_in
from tests.model.refusals import refused

GREEN = TargetGroup("green")


def shift(
    default: Forward | FixedResponse,
    *,
    to: str = "green",
    rules: list[Rule] | None = None,
    more: list[Listener] | None = None,
    **where: Any,  # noqa: ANN401  # rule and listener
) -> Shift:
    """Ask for the weights of a service."""
    listener = Listener("HTTP", default=default, rules=rules or [])
    configuration = Configuration().with_resources(
        [
            GREEN,
            *(TargetGroup(name) for name in ("blue", "red")),
            Service("shop", listeners=[listener, *(more or [])]),
        ]
    )
    chosen = {"listener": None, "rule": None} | where
    place = place_in(configuration.service("shop"), **chosen)
    return Shift.of(configuration, place, to)


@pytest.mark.parametrize(
    ("before", "to", "during"),
    [
        ({"blue": 90, "green": 10}, "green", {"blue": 75, "green": 25}),
        ({"green": 1, "blue": 2}, "green", {"green": 25, "blue": 75}),
        ({"blue": 0, "green": 7}, "blue", {"blue": 25, "green": 75}),
        ("blue", "green", {"blue": 75, "green": 25}),
        ({"blue": 9, GREEN.arn: 1}, "green", {"blue": 75, GREEN.arn: 25}),
        ({"blue": 9, "green": 1}, GREEN.id, {"blue": 75, "green": 25}),
        ("blue", GREEN.arn, {"blue": 75, "green": 25}),
    ],
)
def test_shares_of_two_groups(
    before: Any,  # noqa: ANN401  # what Forward takes
    to: str,
    during: dict[str, int],
) -> None:
    """The new group gets its percentage; names and their order stay as written."""
    found = shift(Forward(before), to=to)

    assert found.to(25) == Forward(during)
    assert list(found.to(25).weights) == list(during)
    assert found.before == Forward(before)


LABEL = "the default action of listener `http-80` of service `shop`"
CART = Rule(10, path="/cart", action=Forward("blue"), name="cart")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"default": FixedResponse(404)},
            [f"{LABEL} is a fixed response, without weights"],
        ),
        ({"default": Forward("green")}, [f"{LABEL} forwards to `green` alone"]),
        (
            {"default": Forward({"blue": 1, "red": 1})},
            [
                f"{LABEL} forwards to `blue` and `red`",
                "a rollout shifts weights between two target groups",
            ],
        ),
        (
            {"default": Forward({"blue": 1, "green": 1, "red": 1})},
            [
                f"{LABEL} forwards to `blue`, `green` and `red`",
                "a rollout shifts weights between two target groups",
            ],
        ),
        (
            {"default": Forward("blue"), "to": "gren"},
            ["unknown target group `gren`", "did you mean `green`?"],
        ),
        (
            {"default": Forward("blue"), "rules": [CART], "rule": 11},
            ["unknown rule `11`", "known: `cart`"],
        ),
        (
            {"default": Forward("blue"), "rules": [CART], "rule": "card"},
            ["unknown rule `card`", "did you mean `cart`?"],
        ),
        (
            {"default": Forward("blue"), "listener": 443},
            ["unknown listener `443`", "known: `http-80`"],
        ),
        (
            {"default": Forward("blue"), "rules": [CART], "rule": ["cart"]},
            ["unknown rule `['cart']`", "did you mean `cart`?"],
        ),
        (
            {"default": Forward("blue"), "listener": []},
            ["unknown listener `[]`", "known: `http-80`"],
        ),
        (
            {
                "default": Forward("blue"),
                "more": [Listener("HTTPS", default=Forward("blue"))],
            },
            [
                "service `shop` has 2 listeners",
                "say which: listener=80 or listener=443",
            ],
        ),
    ],
)
def test_shift_that_is_refused(asked: dict[str, Any], told: list[str]) -> None:
    """Where there are no two groups to shift between, it says what there is."""
    assert refused(shift, **asked) == told


def test_service_without_listeners_has_nothing_to_shift() -> None:
    """A service needs a listener first."""
    assert refused(place_in, Service("shop"), None, None) == [
        "service `shop` has no listener"
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([], "steps `[]` do not rise"),
        ([10, 10], "steps `[10, 10]` do not rise"),
        ([50, 25], "steps `[50, 25]` do not rise"),
        ([0, 5], "step `0` is not a whole number of percent from 1 to 100"),
        ([101], "step `101` is not a whole number of percent from 1 to 100"),
        ([2.5], "step `2.5` is not a whole number of percent from 1 to 100"),
        ([True], "step `True` is not a whole number of percent from 1 to 100"),
    ],
)
def test_steps_that_are_refused(steps: Any, told: str) -> None:  # noqa: ANN401  # no steps
    """Steps are rising percentages."""
    assert refused(percentages, steps) == [told]


def test_one_number_is_no_list_of_steps() -> None:
    """The advice shows the list."""
    assert refused(percentages, 10) == ["rollout: steps is not a list", "write [10]"]


@pytest.mark.parametrize("every", [-1, inf, nan, None])
def test_duration_that_is_refused(every: object) -> None:
    """A step takes no negative and no endless time."""
    assert refused(microseconds, every) == [
        f"every `{every}` is not a number of seconds"
    ]


def test_duration_may_be_nothing() -> None:
    """Without waiting, steps follow each other at once."""
    assert microseconds(0) == 0
    assert microseconds(0.25) == 250_000
