"""Waiting until time has passed, on the network's clock or really.

Requests that wait at the same time wait beside each other: the clock moves to the
earliest of them first.  Nothing here knows why they wait.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

# How often an awaiting caller lets others run before the clock moves, so that those
# who came at the same time wait beside it.
_TURNS = 8
# How often it lets an earlier one go first, or one that is yet to come; either may
# itself wait for this one.
_PATIENCE = 1000


class MovableClock(Protocol):
    """A clock that moves when it is told to."""

    microseconds: int

    def advance(self, seconds: float) -> None:
        """Move, blocking the calling thread."""

    async def aadvance(self, seconds: float) -> None:
        """Move without blocking the running event loop."""


class Waits:
    """Those who wait for one clock.

    Args:
        clock: the clock.
    """

    def __init__(self, clock: MovableClock) -> None:
        """Know nobody yet."""
        self._clock = clock
        self._numbers = count()
        self._waiting: set[tuple[int, int]] = set()
        # How many will wait as soon as their target has answered.
        self._coming = 0
        self._lock = Lock()

    @property
    def now(self) -> int:
        """The time, in microseconds since 1970."""
        return self._clock.microseconds

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Let those who wait know of one who will wait after what is done in here."""
        with self._lock:
            self._coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming -= 1

    def wait(self, microseconds: int, *, real: bool) -> None:
        """Wait, blocking the calling thread.

        Args:
            microseconds: how long.
            real: whether that time really passes, and the clock stands still.
        """
        if real:
            time.sleep(microseconds / 1e6)  # noqa: TID251  # asked for by `real`
        else:
            self._clock.advance(microseconds / 1e6)

    async def await_(self, microseconds: int, *, real: bool) -> None:
        """Wait without blocking the running event loop; see `wait`."""
        import anyio

        if real:
            await anyio.sleep(microseconds / 1e6)
            return
        me = (self._clock.microseconds + microseconds, next(self._numbers))
        with self._lock:
            self._waiting.add(me)
        try:
            for turn in range(_PATIENCE):
                if turn >= _TURNS and self._is_first(me):
                    break
                await anyio.lowlevel.checkpoint()
            left = me[0] - self._clock.microseconds
            await self._clock.aadvance(max(left, 0) / 1e6)
        finally:
            with self._lock:
                self._waiting.discard(me)

    def _is_first(self, me: tuple[int, int]) -> bool:
        with self._lock:
            return not self._coming and min(self._waiting) == me
