"""How the states of targets follow each other, and which may get a request."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.model.target_group import HealthCheck, TargetStatus
from pytest_lattice.routing.health import (
    PROBED,
    Health,
    begun,
    deregistered,
    matched_statuses,
    probed,
    usable,
)
from tests.routing.naive_health import naive_status

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


# ------------------------------------------------------------------ the state machine

CHECK = HealthCheck(healthy_threshold_count=5, unhealthy_threshold_count=2)


def after(health: Health, probes: str, check: HealthCheck = CHECK) -> Health:
    """Give the state after probes, written as `+` for passed and `-` for failed."""
    for each in probes:
        health = probed(health, check, passed=each == "+")
    return health


@pytest.mark.parametrize(
    ("start", "probes", "expected"),
    [
        pytest.param("INITIAL", "", "INITIAL", id="starts"),
        pytest.param("INITIAL", "+", "HEALTHY", id="one-pass-is-enough"),
        pytest.param("INITIAL", "-", "INITIAL", id="one-failure-is-not"),
        pytest.param("INITIAL", "-+", "HEALTHY", id="a-late-pass"),
        pytest.param("INITIAL", "--", "UNHEALTHY", id="never-passed"),
        pytest.param("HEALTHY", "-+-+-", "HEALTHY", id="failures-in-a-row-count"),
        pytest.param("HEALTHY", "--", "UNHEALTHY", id="two-failures"),
        pytest.param("UNHEALTHY", "++++-++++", "UNHEALTHY", id="passes-in-a-row-count"),
        pytest.param("UNHEALTHY", "+++++", "HEALTHY", id="five-passes"),
    ],
)
def test_probes_move_the_status(
    start: TargetStatus, probes: str, expected: TargetStatus
) -> None:
    """A target starts with one pass, leaves by two failures, is back after five."""
    assert after(Health(start), probes).status == expected


@given(
    start=st.sampled_from(sorted(PROBED)),
    probes=st.text("+-", max_size=40),
    healthy=st.integers(2, 10),
    unhealthy=st.integers(2, 10),
)
def test_status_is_that_of_the_whole_history(
    start: TargetStatus, probes: str, healthy: int, unhealthy: int
) -> None:
    """A state that remembers one number knows as much as all the probes."""
    check = HealthCheck(
        healthy_threshold_count=healthy, unhealthy_threshold_count=unhealthy
    )

    assert after(Health(start), probes, check).status == naive_status(
        start, probes, healthy=healthy, unhealthy=unhealthy
    )


@given(start=st.sampled_from(STATUSES), probes=st.text("+-", max_size=20))
def test_probes_decide_nothing_in_other_states(
    start: TargetStatus, probes: str
) -> None:
    """What is not in use, not checked, or drains is not moved by probes."""
    moved = after(Health(start), probes)

    assert (moved.status in PROBED) == (start in PROBED)
    assert start in PROBED or moved == Health(start)


@pytest.mark.parametrize(
    ("in_use", "checked", "trusted", "expected"),
    [
        (False, True, True, "UNUSED"),
        (False, False, False, "UNUSED"),
        (True, False, True, "UNAVAILABLE"),
        (True, False, False, "UNAVAILABLE"),
        (True, True, True, "HEALTHY"),
        (True, True, False, "INITIAL"),
    ],
)
def test_registration_begins(
    *, in_use: bool, checked: bool, trusted: bool, expected: TargetStatus
) -> None:
    """A registration begins by what its group is and has."""
    health = begun(in_use=in_use, checked=checked, trusted=trusted)

    assert health == Health(expected)


def test_deregistered_target_drains() -> None:
    """A target that is deregistered drains."""
    assert deregistered() == Health("DRAINING")


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        ("200", {200}),
        ("200,202", {200, 202}),
        ("200-203", {200, 201, 202, 203}),
        ("200-201,404", {200, 201, 404}),
    ],
)
def test_matcher(matcher: str, expected: set[int]) -> None:
    """A matcher is a status, a list or a range."""
    assert matched_statuses(matcher) == expected
