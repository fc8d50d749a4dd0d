"""The health of targets: AWS's states, how one follows another, and who serves.

A target's state begins with its registration and moves by the probes that it passes and
fails; when probes are made, and what they ask, is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.target_group import HealthCheck, TargetStatus

# AWS: vpc-lattice/latest/ug/target-group-health-checks, target-groups; an
# UNAVAILABLE target (health checks off) does receive traffic.
_SERVING = frozenset({"HEALTHY", "UNAVAILABLE"})
#: The states that probes decide; in the others there are none.
PROBED: frozenset[TargetStatus] = frozenset({"INITIAL", "HEALTHY", "UNHEALTHY"})


class Health(NamedTuple):
    """The state of one registration.

    Args:
        status: AWS's status.
        against: how many probes in a row spoke for another one.
    """

    status: TargetStatus
    against: int = 0


def begun(*, in_use: bool, checked: bool, trusted: bool) -> Health:
    """Give the state that a registration begins with, or begins anew with.

    Args:
        in_use: whether a service refers to the group.
        checked: whether the group has health checks, and they are on.
        trusted: whether the target is healthy until a probe says otherwise.

    AWS: vpc-lattice/latest/APIReference/API_TargetSummary
    """
    if not in_use:
        return Health("UNUSED")
    if not checked:
        return Health("UNAVAILABLE")
    return Health("HEALTHY" if trusted else "INITIAL")


def probed(health: Health, check: HealthCheck, *, passed: bool) -> Health:
    """Give the state after a probe.

    Args:
        health: the state before.
        check: has the thresholds.
        passed: what came of the probe.

    AWS: vpc-lattice/latest/ug/target-group-health-checks
    """
    status, against = health
    if status not in PROBED:
        return health
    other: TargetStatus = "HEALTHY" if passed else "UNHEALTHY"
    if status == other or (passed and status == "INITIAL"):
        # A target that starts needs one pass, whatever the threshold.
        return Health(other)
    # AWS is silent on a target that starts and fails: as one that was healthy
    threshold = (
        check.healthy_threshold_count if passed else check.unhealthy_threshold_count
    )
    if against + 1 >= threshold:
        return Health(other)
    return Health(status, against + 1)


def deregistered() -> Health:
    """Give the state of a target that gets no more requests.

    AWS: vpc-lattice/latest/ug/register-targets
    """
    return Health("DRAINING")


def matched_statuses(matcher: str) -> frozenset[int]:
    """List the statuses that pass.

    Args:
        matcher: as declared: ``200``, ``200,202`` or ``200-299``.
    """
    found: set[int] = set()
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def usable(statuses: Sequence[TargetStatus]) -> tuple[int, ...]:
    """Return the positions of the targets that share the traffic.

    Args:
        statuses: the status of each target of one group.

    Returns:
        The serving ones; if there is none, the unhealthy ones (fail-open); an
        empty tuple if there are only targets that start, drain or none at all.
    """
    serving = tuple(i for i, each in enumerate(statuses) if each in _SERVING)
    if serving:
        return serving
    # AWS: vpc-lattice/latest/ug/target-groups: if the group has only unhealthy
    # targets, requests go to all of them
    return tuple(i for i, each in enumerate(statuses) if each == "UNHEALTHY")
