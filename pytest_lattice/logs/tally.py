"""Exchanges, counted by resource and minute.

There is one small counter for each minute and resource with traffic, so memory stays
small however many exchanges there were; and since durations are whole milliseconds of
a clock that mostly stands still, percentiles of them are exact.
"""

from __future__ import annotations

from collections import Counter
from threading import RLock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lattice.decision.exchange import Exchange

#: In microseconds.
MINUTE = 60_000_000


class Kind(NamedTuple):
    """What any metric tells requests apart by.

    Args:
        status: the HTTP status that the client got.
        failure_reason: AWS's ``failureReason``; None for none.
        duration: milliseconds until the last byte went to the client.
        tried: whether a target was chosen.
    """

    status: int
    failure_reason: str | None
    duration: int
    tried: bool


class Tally:
    """Counts exchanges by the minute in which they ended.

    Each counts for the service and the target group that its access-log entry names.
    """

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._minutes: dict[str, dict[int, Counter[Kind]]] = {}
        # Reentrant: a stream may end while garbage is collected, anywhere.
        self._lock = RLock()

    def fold(self, exchanges: Iterable[Exchange]) -> None:
        """Count exchanges that were not counted before."""
        # Most are alike, and counting those is fast.
        found = Counter(map(_counted_as, filter(_is_request, exchanges)))
        with self._lock:
            for (minute, service, group, kind), number in found.items():
                for arn in (service, group):
                    if arn is not None:
                        by_minute = self._minutes.setdefault(arn, {})
                        by_minute.setdefault(minute, Counter())[kind] += number

    def arns(self) -> tuple[str, ...]:
        """Return the ARNs of the resources that had traffic."""
        return tuple(self._minutes)

    def first(self, arn: str) -> int | None:
        """Return the minute of a resource's first traffic; None if it had none."""
        with self._lock:
            return min(self._minutes.get(arn, ()), default=None)

    def within(self, arn: str, minutes: range) -> list[Counter[Kind]]:
        """Add up each period of a range of minutes, whose step is the period."""
        found = [Counter[Kind]() for _ in minutes]
        with self._lock:
            for minute, kinds in self._minutes.get(arn, {}).items():
                if minutes.start <= minute < minutes.stop:
                    found[(minute - minutes.start) // minutes.step].update(kinds)
        return found


def _is_request(exchange: Exchange) -> bool:
    # AWS: vpc-lattice/latest/ug/monitoring-cloudwatch: TCP groups count connections
    return exchange.decision.request.scheme != "tls"


def _counted_as(
    exchange: Exchange,
) -> tuple[int, str | None, str | None, Kind]:
    decision = exchange.decision
    service, group = decision.way.service, decision.group_state
    duration = exchange.duration
    return (
        # Our choice: a request counts when its last byte is through.
        (decision.now + duration * 1000) // MINUTE,
        None if service is None else service.arn,
        None if group is None else group.arn,
        Kind(
            exchange.response.status,
            exchange.failure_reason,
            duration,
            decision.target_state is not None,
        ),
    )
