"""The virtual clock of a network: time passes only when somebody says so.

What is due while it passes (health checks, the end of a drain, log deliveries) happens
in its order, each at its own time.  Signers outside the network read a clock of their
own; only what they wrote is ever compared with real time.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import inf
from threading import RLock
from time import time_ns
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.instant import date_of, microseconds_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__tracebackhide__ = HIDE

#: The last microsecond that has a date.
_END = microseconds_of(datetime.max.replace(tzinfo=UTC))
#: When a network's time begins unless a test says otherwise.
START = datetime(2026, 1, 1, tzinfo=UTC)


class Timer:
    """Something that happens when its time has come.

    Args:
        when: in microseconds since 1970.
        action: called then.
        aaction: awaited instead where time passes in `Clock.aadvance`.
    """

    __slots__ = ("_aaction", "_action", "cancelled", "when")

    def __init__(
        self,
        when: int,
        action: Callable[[], object],
        aaction: Callable[[], Awaitable[object]] | None,
    ) -> None:
        """Wait."""
        self.when = when
        self._action = action
        self._aaction = aaction
        self.cancelled = False

    def cancel(self) -> None:
        """Let it not happen."""
        self.cancelled = True

    def run(self) -> None:
        """Let it happen."""
        self._action()

    async def arun(self) -> None:
        """Let it happen without blocking the running event loop."""
        if self._aaction is None:
            self._action()
        else:
            await self._aaction()


class Apart:
    """Time that passes for one who waits while it stands still for everybody else.

    Args:
        clock: whose time it is.
    """

    __slots__ = ("clock", "microseconds")

    def __init__(self, clock: Clock) -> None:
        """Begin at nothing."""
        self.clock = clock
        #: How much has passed.
        self.microseconds = 0


_APART: ContextVar[Apart | None] = ContextVar("_APART", default=None)


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
        self.microseconds = self._start = microseconds_of(_utc(start))
        self._followers: list[Callable[[float], object]] = []
        # With a number, so that what is due at one time happens in the order asked.
        self._timers: list[tuple[int, int, Timer]] = []
        # Reentrant: what garbage collection ends may set a timer, anywhere.
        self._numbers, self._lock = count(), RLock()

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return date_of(self.microseconds)

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due on the way happens, each at its time.

        Args:
            seconds: how much; not negative.

        Raises:
            ConfigurationError: a negative number, none that ends, or one that leads
                past the year 9999.
        """
        end = self._end(seconds)
        if self._passed_apart(end):
            return
        while (timer := self._due(end)) is not None:
            self._move(timer.when)
            timer.run()
        self._move(end)

    async def aadvance(self, seconds: float) -> None:
        """Let time pass as `advance` does, without blocking the running event loop.

        A test that runs on the same loop as its apps needs this one where apps are
        called on the way, as health checks do.

        Args:
            seconds: how much; not negative.

        Raises:
            ConfigurationError: see `advance`.
        """
        end = self._end(seconds)
        if self._passed_apart(end):
            return
        while (timer := self._due(end)) is not None:
            self._move(timer.when)
            await timer.arun()
        self._move(end)

    @contextmanager
    def apart(self) -> Iterator[Apart]:
        """Let what is advanced in here pass apart from everybody's time.

        Health checks of many targets run beside each other and beside the requests; a
        slow answer to one must not let time pass for the others.

        Returns:
            What passes, which may be put back to 0.
        """
        apart = Apart(self)
        token = _APART.set(apart)
        try:
            yield apart
        finally:
            _APART.reset(token)

    def at(
        self,
        when: int,
        action: Callable[[], object],
        aaction: Callable[[], Awaitable[object]] | None = None,
    ) -> Timer:
        """Let something happen when its time has come.

        Args:
            when: in microseconds since 1970; what is past happens at the next advance.
            action: called then; it may advance the clock itself, and set timers.
            aaction: awaited instead in `aadvance`.

        Returns:
            The timer, which can be cancelled.
        """
        timer = Timer(when, action, aaction)
        with self._lock:
            heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def _end(self, seconds: float) -> int:
        given: object = seconds
        if isinstance(given, timedelta):
            raise advised(
                f"the clock cannot advance by `{given}`, which is no number of seconds",
                f"write {given.total_seconds():.15g}",
            )
        try:
            passes = 0 <= seconds < inf
        except (TypeError, ArithmeticError):  # no number at all, or a Decimal of none
            passes = False
        if not passes:
            raise ConfigurationError(f"the clock cannot advance by `{seconds}` seconds")
        # A float too large for a whole number of microseconds is infinite by now.
        passed = seconds * 1_000_000
        if passed > _END or self.microseconds + round(passed) > _END:
            raise ConfigurationError(
                f"the clock cannot advance by `{seconds}` seconds, past the year 9999"
            )
        return self.microseconds + round(passed)

    def _passed_apart(self, end: int) -> bool:
        apart = _APART.get()
        if apart is None or apart.clock is not self:
            return False
        apart.microseconds += end - self.microseconds
        return True

    def _due(self, end: int) -> Timer | None:
        """Take the next timer that is due by then."""
        # Not held while it runs: an app in another thread may advance the clock.
        with self._lock:
            while self._timers and self._timers[0][0] <= end:
                timer = heappop(self._timers)[2]
                if not timer.cancelled:
                    return timer
        return None

    def _move(self, when: int) -> None:
        # What happened on the way may have moved the clock further.
        with self._lock:
            passed = when - self.microseconds
            if passed <= 0:
                return
            self.microseconds = when
        for follower in self._followers:
            follower(passed / 1_000_000)

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
        return _real() + self.microseconds - self._start

    def __repr__(self) -> str:
        """Show the time."""
        return f"Clock({self.now.isoformat()})"


def _real() -> int:
    return time_ns() // 1000


class RealClock(Clock):
    """A clock that can be let catch up with real time.

    Args:
        real: gives real time, in microseconds since 1970.
    """

    def __init__(self, real: Callable[[], int] = _real) -> None:
        """Begin now."""
        self._real = real
        super().__init__(date_of(real()))

    def catch_up(self) -> None:
        """Let pass what has really passed; what is due on the way happens.

        Nothing passes where this clock is ahead: a fault put it forward, or somebody
        put the real one back.
        """
        behind = self._real() - self.microseconds
        if behind > 0:
            self.advance(behind / 1_000_000)

    def wall(self) -> int:
        """Return real time: signers read no other clock, whatever was put forward."""
        return self._real()


def _utc(start: object) -> datetime:
    if not isinstance(start, datetime) or start.utcoffset() is None:
        raise ConfigurationError(f"clock start `{start}` has no time zone")
    try:
        return start.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(
            f"clock start `{start}` is not in the years 1 to 9999 of UTC"
        ) from None
