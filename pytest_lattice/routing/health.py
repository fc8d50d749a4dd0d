"""Which targets of a group may get a request.

The states are AWS's; how a target comes into a state is not decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.target_group import TargetStatus

# AWS: vpc-lattice/latest/ug/target-group-health-checks, target-groups; an
# UNAVAILABLE target (health checks off) does receive traffic.
_SERVING = frozenset({"HEALTHY", "UNAVAILABLE"})


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
