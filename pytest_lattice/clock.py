"""The virtual clock of a network: time passes only when a test says so.

Signers outside the network read a clock of their own; only what they wrote is ever
compared with real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from time import time_ns

from pytest_lattice.errors import ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: When a network's time begins unless a test says otherwise.
START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that stands still until it is advanced.

    Args:
        start: when it begins, with a time zone.

    Raises:
        ConfigurationError: a start without a time zone.
    """

    def __init__(self, start: datetime = START) -> None:
        """Set the clock."""
        if start.tzinfo is None:
            raise ConfigurationError(f"clock start `{start}` has no time zone")
        #: Microseconds since 1970.
        self.microseconds = self._start = (start - _EPOCH) // timedelta(microseconds=1)

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return _EPOCH + timedelta(microseconds=self.microseconds)

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: how much; not negative.

        Raises:
            ConfigurationError: a negative number, or none that ends.
        """
        if not 0 <= seconds < inf:
            raise ConfigurationError(f"the clock cannot advance by `{seconds}` seconds")
        self.microseconds += round(seconds * 1_000_000)

    def wall(self) -> int:
        """Return real time, put forward by as much as this clock was.

        It is the time by which a signer that knows nothing of the network signs, in
        microseconds since 1970.
        """
        return time_ns() // 1000 + self.microseconds - self._start

    def __repr__(self) -> str:
        """Show the time."""
        return f"Clock({self.now.isoformat()})"
