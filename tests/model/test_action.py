"""The actions of a rule: forward, or a fixed response."""

from collections.abc import Mapping
from math import nan

import pytest

from pytest_lattice.model.action import FixedResponse, Forward, WeightedTargetGroup
from pytest_lattice.model.target_group import TargetGroup
from tests.model.refusals import refused


@pytest.mark.parametrize("status", [404, 500])
def test_fixed_response_passes(status: int) -> None:
    """AWS supports these two statuses."""
    assert FixedResponse(status).status_code == status


@pytest.mark.parametrize("status", [200, 403, 405, 499, 501, 503, "404", None])
def test_fixed_response_is_refused(status: object) -> None:
    """Any other status is refused, and so is a status that is text."""
    assert refused(FixedResponse, status) == [
        f"fixed response `{status!r}` is neither 404 nor 500"
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("a", [("a", 100)], id="name"),
        pytest.param({"a": 20, "b": 10}, [("a", 20), ("b", 10)], id="weights"),
        pytest.param({"a": 0, "b": 999}, [("a", 0), ("b", 999)], id="ends"),
        pytest.param(
            [WeightedTargetGroup("a", 1), WeightedTargetGroup("b")],
            [("a", 1), ("b", 100)],
            id="values",
        ),
        pytest.param(
            {f"group-{n}": 1 for n in range(10)},
            [(f"group-{n}", 1) for n in range(10)],
            id="ten",
        ),
    ],
)
def test_forward_spellings(
    written: str | Mapping[str, int] | list[WeightedTargetGroup],
    expected: list[tuple[str, int]],
) -> None:
    """A name, a mapping and a list of values say the same."""
    action = Forward(written)

    assert list(action.weights.items()) == expected
    assert action.target_groups == tuple(
        WeightedTargetGroup(*each) for each in expected
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param({}, ["forward names 0 target groups, not 1 to 10"], id="none"),
        pytest.param(
            {f"group-{n}": 1 for n in range(11)},
            ["forward names 11 target groups, not 1 to 10"],
            id="eleven",
        ),
        pytest.param(
            ["a", "b"],
            [
                "forward to `a` has no weight",
                "write a mapping of target group names to weights",
            ],
            id="list-of-names",
        ),
        pytest.param(
            [WeightedTargetGroup("a", 1), WeightedTargetGroup("a", 2)],
            ["forward names target group `a` twice"],
            id="twice",
        ),
        pytest.param(
            5, ["forward takes the names of target groups, not `5`"], id="no-name"
        ),
        *(
            pytest.param(
                {"a": weight},
                [
                    (
                        f"weight `{weight!r}` of target group `a` "
                        "is not a whole number from 0 to 999"
                    )
                ],
                id=f"weight-{weight!r}",
            )
            for weight in (-1, 1000, 0.5, 1.0, "20", True, None, [0], nan, 10**400)
        ),
    ],
)
def test_forward_is_refused(written: object, expected: list[str]) -> None:
    """What AWS would not forward to is refused, with the culprit as written."""
    assert refused(Forward, written) == expected


def test_weighted_target_group_has_a_name() -> None:
    """What cannot be looked up is refused; a value is advised of its name."""
    assert refused(WeightedTargetGroup, []) == ["target group `[]` is not text"]
    assert refused(Forward, {TargetGroup("blue"): 1}) == [
        "target group `TargetGroup('blue')` is not text",
        "did you mean `blue`?",
    ]
