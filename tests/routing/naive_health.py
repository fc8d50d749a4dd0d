"""The status of a target, told without remembering anything."""

from pytest_lattice.model.target_group import TargetStatus


def naive_status(
    start: TargetStatus, probes: str, *, healthy: int, unhealthy: int
) -> TargetStatus:
    """Tell the status after probes by looking back over all of them each time."""
    status = start
    for end in range(1, len(probes) + 1):
        last = probes[end - 1]
        row = len(probes[:end]) - len(probes[:end].rstrip(last))
        if last == "+" and (status == "INITIAL" or row >= healthy):
            status = "HEALTHY"
        if last == "-" and row >= unhealthy:
            status = "UNHEALTHY"
    return status
