"""Entries that wait for their delivery, one queue for each subscription to AWS.

A queue holds exchanges; their entries are made when they are delivered.  What a
destination does not take stays in its order, and nothing is sent twice.
"""

from __future__ import annotations

import warnings
from collections import deque
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pytest_lattice.errors import HIDE, DeliveryError, LatticeWarning, noted, notes_of
from pytest_lattice.logs.aws import SINKS, Line, Place, reason_of
from pytest_lattice.model.log_destination import log_destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.access_log import AccessLogSubscription
    from pytest_lattice.model.log_destination import LogDestination

__tracebackhide__ = HIDE

#: Gives the client through which a destination is reached.
ClientOf: TypeAlias = "Callable[[LogDestination], Any]"


class Time(Protocol):
    """What is needed of the virtual clock."""

    microseconds: int

    def at(self, when: int, action: Callable[[], object]) -> object:
        """Let something happen when its time has come."""


def place_of(subscription: AccessLogSubscription, resource_arn: str) -> Place:
    """Say where the entries of a subscription go, and whose they are."""
    destination = log_destination(str(subscription.destination), subscription.resource)
    region, account, resource = resource_arn.split(":", 5)[3:]
    destination = destination._replace(
        region=destination.region or region, account=destination.account or account
    )
    return Place(destination, resource.rpartition("/")[2], region, account)


class Queue:
    """The entries of one subscription that were not delivered yet.

    Args:
        subscription: whose they are.
        resource_arn: of its resource.
        clock: the virtual clock.
        limit: how many may wait; the oldest are dropped then.
        deliver_due: called when the time of the delivery has come.
    """

    def __init__(
        self,
        subscription: AccessLogSubscription,
        resource_arn: str,
        *,
        clock: Time,
        limit: int,
        deliver_due: Callable[[], object],
    ) -> None:
        """Hold nothing yet."""
        self.place = place_of(subscription, resource_arn)
        #: When the entries are due, in microseconds since 1970; None for no time.
        self.due: int | None = None
        self._resource = subscription.resource
        self._sink = SINKS[self.place.destination.service]
        self._clock = clock
        self._limit = limit
        self._deliver_due = deliver_due
        # When each request ended, in microseconds since 1970.
        self._waiting: deque[tuple[int, Exchange]] = deque()
        self._dropped = self._sent = 0
        # Reentrant: a stream may end while garbage is collected, anywhere.
        self._lock, self._sending = RLock(), RLock()
        self._busy = False

    def __len__(self) -> int:
        """Count the entries that wait."""
        return len(self._waiting)

    def put(self, exchange: Exchange) -> None:
        """Let an exchange wait."""
        with self._lock:
            if len(self._waiting) >= self._limit:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append((self._clock.microseconds, exchange))
            if self.due is None:
                self._wait()

    def _wait(self) -> None:
        """Let the clock deliver what waits."""
        self.due = self._sink.due(self._clock.microseconds)
        self._clock.at(self.due, self._deliver_due)

    def is_due(self) -> bool:
        """Tell whether the time of the delivery has come; it comes once."""
        with self._lock:
            if self.due is None or self.due > self._clock.microseconds:
                return False
            self.due = None
            return True

    def deliver(self, client_of: ClientOf) -> None:
        """Deliver what waits.

        Raises:
            DeliveryError: the destination did not take it all; the rest waits on, and
                is tried again in time.
        """
        # One at a time, or entries would overtake each other.
        with self._sending:
            # A client may let time pass by itself.
            if self._busy or not self._waiting:
                return
            self._busy = True
            try:
                self._deliver(client_of)
            except DeliveryError as error:
                raise self._failure(str(error), error) from None
            except Exception as error:  # noqa: BLE001  # whatever a client raises
                # An answer of AWS is told in full; the way to it is botocore's.
                cause = None if hasattr(error, "response") else error
                raise self._failure(reason_of(error), error) from cause
            finally:
                self._busy = False
            self._tell_dropped()

    def _deliver(self, client_of: ClientOf) -> None:
        client = client_of(self.place.destination)
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        done, left = 0, list[int]()
        try:
            for batch in self._sink.batches(_lines(taken)):
                refused = self._sink.send(client, self.place, batch, self._sent)
                self._sent += 1
                left = [done + n for n in refused.positions] if refused else []
                done += len(batch)
                if refused:
                    raise DeliveryError(refused.reason)
        finally:
            with self._lock:
                kept = [*(taken[n] for n in left), *taken[done:]]
                self._waiting.extendleft(reversed(kept))

    def _failure(self, reason: str, error: Exception) -> DeliveryError:
        with self._lock:
            if self.due is None:
                self._wait()
        failure = DeliveryError(
            f"the access log of `{self._resource}` was not delivered to "
            f"`{self.place.destination.arn}`: {reason}"
        )
        count = len(self._waiting)
        failure.add_note(f"{count} {'entry waits' if count == 1 else 'entries wait'}")
        return noted(failure, notes_of(error))

    def _tell_dropped(self) -> None:
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            warnings.warn(
                f"{dropped} entries of the access log of `{self._resource}` were "
                f"dropped, since more than {self._limit} waited for their delivery to "
                f"`{self.place.destination.arn}`; flush() in between",
                LatticeWarning,
                stacklevel=2,
            )


def _lines(taken: list[tuple[int, Exchange]]) -> Iterator[Line]:
    for at, exchange in taken:
        if (entry := exchange.log_entry) is None:
            raise TypeError("only what is logged waits")
        yield Line(at, entry.to_json())
