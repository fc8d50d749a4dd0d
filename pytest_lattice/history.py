"""What happened: the latest exchanges, and readers who get every one of them.

The history is bounded, so that memory stays flat.  What has to count all exchanges
reads them in batches: when somebody asks, or before they are dropped; so a request
pays nothing for being counted.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_lattice.decision.exchange import Exchange

    Reader: TypeAlias = Callable[[Sequence[Exchange]], object]

# How many the readers get at once when the history is full.
_BATCH = 1000


class History:
    """Keeps the latest exchanges.

    Args:
        size: how many.
        readers: who follows from the first one on; see `follow`.
    """

    def __init__(self, size: int, *readers: Reader) -> None:
        """Keep none yet."""
        #: Those that are kept, oldest first.
        self.exchanges: deque[Exchange] = deque(maxlen=size)
        #: How many there were in all.
        self.total = 0
        # Who reads them, how many they have had, and when they need to get some.
        self._readers = [*readers]
        self._had, self._full = 0, size
        # Reentrant: a stream may end while garbage is collected, anywhere.
        self._lock = RLock()

    @property
    def dropped(self) -> int:
        """How many are no longer kept."""
        with self._lock:
            return self.total - len(self.exchanges)

    def keep(self, exchange: Exchange) -> None:
        """Keep an exchange, in the place of the oldest where there are too many."""
        # Together, or the log would say that more were dropped than there were.
        with self._lock:
            if self.total == self._full:
                self.hand_out(_BATCH)
            self.exchanges.append(exchange)
            self.total += 1

    def follow(self, reader: Reader) -> None:
        """Let a reader have each exchange from now on, once.

        Args:
            reader: called with some of them at a time, in their order.
        """
        with self._lock:
            self.hand_out()
            self._readers.append(reader)

    def unfollow(self, reader: Reader) -> None:
        """Let a reader have what there is by now, and then no more."""
        with self._lock:
            self.hand_out()
            self._readers.remove(reader)

    def hand_out(self, most: int | None = None) -> None:
        """Give the readers what they have not had.

        Args:
            most: how many at most.
        """
        with self._lock:
            first = len(self.exchanges) - (self.total - self._had)
            stop = None if most is None else first + most
            batch = tuple(islice(self.exchanges, first, stop))
            # Before they read, or what ends meanwhile would be handed out twice.
            self._had += len(batch)
            self._full += len(batch)
            for reader in self._readers:
                reader(batch)
