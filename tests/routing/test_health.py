"""Which targets of a group may get a request."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.model.target_group import TargetStatus
from pytest_lattice.routing.health import usable

STATUSES: tuple[TargetStatus, ...] = get_args(TargetStatus)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param([], (), id="no-targets"),
        pytest.param(["HEALTHY"], (0,), id="healthy"),
        pytest.param(["UNAVAILABLE"], (0,), id="checks-off"),
        pytest.param(["UNHEALTHY"], (0,), id="fail-open-one"),
        pytest.param(["UNHEALTHY", "UNHEALTHY"], (0, 1), id="fail-open-all"),
        pytest.param(["INITIAL"], (), id="starting"),
        pytest.param(["DRAINING"], (), id="draining"),
        pytest.param(["UNUSED"], (), id="unused"),
        pytest.param(["INITIAL", "DRAINING"], (), id="outage"),
        pytest.param(["HEALTHY", "UNHEALTHY", "HEALTHY"], (0, 2), id="some-unhealthy"),
        pytest.param(["UNHEALTHY", "INITIAL", "DRAINING"], (0,), id="fail-open-some"),
        pytest.param(["HEALTHY", "UNAVAILABLE"], (0, 1), id="healthy-and-checks-off"),
        pytest.param(["INITIAL", "HEALTHY", "DRAINING"], (1,), id="only-the-healthy"),
    ],
)
def test_usable_targets(
    statuses: list[TargetStatus], expected: tuple[int, ...]
) -> None:
    """Serving targets share the traffic; else the unhealthy ones do; else none."""
    assert usable(statuses) == expected


@given(statuses=st.lists(st.sampled_from(STATUSES)))
def test_usable_targets_are_alike(statuses: list[TargetStatus]) -> None:
    """Healthy and unhealthy targets never serve side by side, nor others at all."""
    chosen = {statuses[position] for position in usable(statuses)}

    assert chosen <= {"HEALTHY", "UNAVAILABLE"} or chosen == {"UNHEALTHY"}
    assert bool(chosen) == bool({"HEALTHY", "UNAVAILABLE", "UNHEALTHY"} & {*statuses})
