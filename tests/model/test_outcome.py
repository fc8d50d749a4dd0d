"""What a decision can come to."""

import pytest

from pytest_lattice.model.outcome import Forwarded, Unreachable, Unroutable
from pytest_lattice.model.target_group import Target, TargetGroup


def test_unroutable_needs_no_failure_reason() -> None:
    """AWS's access log has no failure reason for a service that does not exist."""
    assert Unroutable(404, "no such service").failure_reason is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Unroutable(503, "empty"), Unroutable(502, "empty")),
        (Unroutable(503, "empty"), Unroutable(503, "draining")),
        (
            Unreachable("connect timeout", "far"),
            Unreachable("connection reset", "far"),
        ),
    ],
)
def test_outcomes_are_compared_by_value(one: object, other: object) -> None:
    """Outcomes are equal only if they say the same."""
    assert one != other
    assert len({one, other, one}) == 2


def test_forwarded_names_group_and_target() -> None:
    """Where a request went can be read off and taken apart."""
    group, target = TargetGroup("shop"), Target("i-1")

    match Forwarded(group, target):
        case Forwarded(found_group, found_target):
            assert (found_group, found_target) == (group, target)
