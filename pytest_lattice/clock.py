"""The virtual clock of a network: time passes only when a test says so.

Signers outside the network read a clock of their own; only what they wrote is ever
compared with real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from time import time_ns
from typing import TYPE_CHECKING

from pytest_lattice.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: The last microsecond that has a date.
_END = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
#: When a network's time begins unless a test says otherwise.
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that stands still until it is advanced.

    Args:
        start: when it begins, with a time zone.

    Raises:
        ConfigurationError: a start without a time zone, or outside the years 1 to
            9999.
    """

    def __init__(self, start: datetime = START) -> None:
        """Set the clock."""
        #: Microseconds since 1970.
        self.microseconds = self._start = (_utc(start) - _EPOCH) // _MICROSECOND
        self._followers: list[Callable[[float], object]] = []

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return _EPOCH + timedelta(microseconds=self.microseconds)

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: how much; not negative.

        Raises:
            ConfigurationError: a negative number, none that ends, or one that leads
                past the year 9999.
        """
        if not 0 <= seconds < inf:
            raise ConfigurationError(f"the clock cannot advance by `{seconds}` seconds")
        # A float too large for a whole number of microseconds is infinite by now.
        passed = seconds * 1_000_000
        if passed > _END or self.microseconds + round(passed) > _END:
            raise ConfigurationError(
                f"the clock cannot advance by `{seconds}` seconds, past the year 9999"
            )
        self.microseconds += round(passed)
        for follower in self._followers:
            follower(seconds)

    def follow(self, follower: Callable[[float], object]) -> None:
        """Move something else along, such as the fake time of a library.

        Args:
            follower: called with the seconds of each advance, when the clock has moved.
        """
        self._followers.append(follower)

    def wall(self) -> int:
        """Return real time, put forward by as much as this clock was.

        It is the time by which a signer that knows nothing of the network signs, in
        microseconds since 1970.
        """
        return time_ns() // 1000 + self.microseconds - self._start

    def __repr__(self) -> str:
        """Show the time."""
        return f"Clock({self.now.isoformat()})"


def _utc(start: object) -> datetime:
    if not isinstance(start, datetime) or start.utcoffset() is None:
        raise ConfigurationError(f"clock start `{start}` has no time zone")
    try:
        return start.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(
            f"clock start `{start}` is not in the years 1 to 9999 of UTC"
        ) from None
