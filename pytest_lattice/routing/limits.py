"""How long the network waits for a target: idle timeout and connection lifetime.

Times come in as arguments, in microseconds; nothing here waits.
"""

from __future__ import annotations

from typing import NamedTuple

#: AWS: vpc-lattice/latest/ug/quotas: 10 minutes, whatever the idle timeout
LIFETIME_SECONDS = 600
#: The failure reasons of what ends with its connection; the task of a connection whose
#: time is over is cancelled with one of them.
TOO_OLD, IDLE = "ConnectionDurationExceeded", "TargetDataTimeout"
#: The task of one request is cancelled with this when its target was silent for too
#: long: that request is answered for, and its connection goes on.
SILENT = "the target is silent"
#: The reasons for people.
TEXTS = {
    TOO_OLD: f"the connection was older than {LIFETIME_SECONDS} seconds",
    IDLE: "nothing came for longer than the idle timeout",
}
_SECOND = 1_000_000


class Limit(NamedTuple):
    """When the network ends an exchange that is not over by then.

    Args:
        when: in microseconds since 1970.
        reason: the access log's failure reason.
        text: for people: why.
    """

    when: int
    reason: str
    text: str


def limit_of(idle_timeout: float, *, began: int, heard: int) -> Limit:
    """Tell which limit comes first.

    Args:
        idle_timeout: that of the service, in seconds.
        began: when the request came in, in microseconds since 1970.
        heard: since when the target is silent.

    AWS: vpc-lattice/latest/ug/quotas, monitoring-access-logs
    """
    idle, end = (
        heard + round(idle_timeout * _SECOND),
        began + LIFETIME_SECONDS * _SECOND,
    )
    if idle <= end:
        text = (
            "the target was silent for longer than the idle timeout of "
            f"{idle_timeout:g} seconds"
        )
        return Limit(idle, IDLE, text)
    return Limit(end, TOO_OLD, TEXTS[TOO_OLD])


def ended_by(error: BaseException) -> str | None:
    """Tell which limit of its connection ended a task; None for another end."""
    return next((each for each in TEXTS if error.args == (each,)), None)
