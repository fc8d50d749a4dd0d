"""Which exchanges a subscription gets, and their way to its destination.

One entry goes to each destination of its service and of its service network.
AWS: vpc-lattice/latest/ug/monitoring-access-logs
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from threading import RLock
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, DeliveryError, LatticeWarning, advised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.logs.queues import ClientOf, Queue, Time
    from pytest_lattice.logs.subscriptions import FileDestination
    from pytest_lattice.model.access_log import AccessLogSubscription
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.log_destination import LogDestination

__tracebackhide__ = HIDE


def delivered(
    exchanges: Iterable[Exchange], configuration: Configuration, resource: str
) -> Iterator[Exchange]:
    """Return the exchanges that the subscription of a resource gets.

    Args:
        exchanges: all of them.
        configuration: where the resource is declared.
        resource: name, id or ARN of a service or service network.

    Raises:
        ConfigurationError: an unknown resource, or its access log is off.
    """
    arn = configuration.logged_resource(resource).arn
    if arn not in configuration.logged_arns:
        raise advised(
            f"the access log of `{resource}` is off",
            f'add AccessLogSubscription("{resource}")',
        )
    return (
        each
        for each in exchanges
        if arn in each.decision.state.logged and arn in _logged_arns(each)
    )


class Deliveries:
    """Brings exchanges to the destinations that are subscribed to their resources.

    Files get them at once.  AWS gets them when they are due or somebody asks, through
    the clients that were given, or else through boto3's own while moto's `mock_aws` is
    active: nothing is ever sent to a real account that nobody asked for.

    Args:
        clock: the virtual clock.
        limit: how many entries of a subscription may wait.
    """

    def __init__(self, clock: Time, limit: int) -> None:
        """Open nothing yet."""
        self._clock = clock
        self._limit = limit
        self._files: dict[Path, FileDestination] = {}
        self._queues: dict[tuple[str, str], Queue] = {}
        self._lock = RLock()
        self._client_of: ClientOf | None = None
        # Whether the end was tried in vain, which is told once.
        self._gave_up = False

    def write(self, exchange: Exchange) -> None:
        """Bring an exchange to each destination of its service and network.

        Raises:
            ConfigurationError: a file cannot be opened.
        """
        if not exchange.is_logged:
            return
        logged = exchange.decision.state.logged
        for arn in _logged_arns(exchange):
            for each in logged.get(arn, ()):
                if isinstance(each.destination, str):
                    self._queue(each, arn).put(exchange)
                elif each.destination is not None:
                    self._write(each.destination, exchange)

    def _write(self, path: Path, exchange: Exchange) -> None:
        from pytest_lattice.logs.subscriptions import FileDestination

        entry = exchange.log_entry
        if entry is not None:
            self._files.setdefault(path, FileDestination(path)).write(entry)

    def _queue(self, subscription: AccessLogSubscription, arn: str) -> Queue:
        key = (arn, str(subscription.destination))
        found = self._queues.get(key)
        if found is not None:
            return found
        from pytest_lattice.logs.queues import Queue

        with self._lock:
            return self._queues.setdefault(
                key,
                Queue(
                    subscription,
                    arn,
                    clock=self._clock,
                    limit=self._limit,
                    deliver_due=self._deliver_due,
                ),
            )

    # ---- to AWS -------------------------------------------------------------

    def deliver_with(self, client_of: ClientOf) -> None:
        """Deliver through these clients from now on.

        Raises:
            ConfigurationError: it is no function.
        """
        if not callable(client_of):
            raise advised(
                f"`{client_of!r}` is no function that gives a client",
                "write deliver_with(lambda destination: client)",
            )
        self._client_of = client_of

    def flush(self) -> None:
        """Deliver what waits.

        Raises:
            DeliveryError: a destination did not take it, or there is no client.
        """
        from pytest_lattice.logs.aws import no_client

        self._deliver(self._waiting(), self._clients() or no_client)

    def finish(self) -> None:
        """Deliver what still waits at the end of a test, where that is possible.

        Raises:
            DeliveryError: a destination did not take it.
        """
        waiting = self._waiting()
        if not waiting or self._gave_up:
            return
        from pytest_lattice.logs.aws import moto_has_ended

        self._gave_up = True  # unless it goes well
        # The buckets of a mock that has ended are gone, and a client of theirs would
        # call AWS itself.
        if not moto_has_ended():
            self._deliver_if_possible(waiting)
            self._gave_up = False
        elif self._client_of is not None:
            _warn_of_what_is_left(waiting)

    def _deliver_due(self) -> None:
        self._deliver_if_possible([each for each in self._all() if each.is_due()])

    def _deliver_if_possible(self, queues: list[Queue]) -> None:
        clients = self._clients()
        if clients is not None:
            self._deliver(queues, clients)

    def _clients(self) -> ClientOf | None:
        from pytest_lattice.logs.aws import client_of, moto_is_active

        if self._client_of is None and moto_is_active():
            return client_of
        return self._client_of

    def _deliver(self, queues: list[Queue], client_of: ClientOf) -> None:
        errors = []
        for queue in queues:
            try:
                queue.deliver(client_of)
            except DeliveryError as error:
                errors.append(error)  # the others get theirs
        if errors:
            first, *others = errors
            for each in others:
                first.add_note(f"and {each}")
            raise first

    def _all(self) -> list[Queue]:
        with self._lock:
            return list(self._queues.values())

    def _waiting(self) -> list[Queue]:
        return [each for each in self._all() if len(each)]

    # ---- end ----------------------------------------------------------------

    def close(self) -> None:
        """Deliver what waits, and close each file.

        Raises:
            DeliveryError: a destination did not take it.
        """
        with ExitStack() as stack:
            for destination in self._files.values():
                stack.callback(destination.close)
            self.finish()


class Deliverer:
    """What a network delivers; `LatticeNetwork` inherits it."""

    _deliveries: Deliveries

    def deliver_with(self, client_of: Callable[[LogDestination], Any]) -> None:
        """Say through which boto3 clients access logs are delivered to AWS.

        Unless told, they go through ``boto3.client`` while moto's `mock_aws` is
        active, and nowhere else: no test reaches a real account by itself.

        Args:
            client_of: given a `LogDestination`, returns a client of its `service`,
                such as ``lambda to: session.client(to.service,
                region_name=to.region)``.

        Raises:
            ConfigurationError: it is no function.
        """
        self._deliveries.deliver_with(client_of)

    def deliver_rest(self) -> None:
        """Deliver what still waits at the end of a test, as `close` does.

        What nobody has a client for, or `mock_aws` has ended for, is left.

        Raises:
            DeliveryError: a destination did not take its entries.
        """
        self._deliveries.finish()

    def flush(self) -> None:
        """Deliver the access-log entries that wait for their time.

        They are also delivered as the clock advances (CloudWatch Logs and Firehose
        two minutes after the first that waits, S3 at the end of each five minutes) and
        at the end of the test.

        Raises:
            DeliveryError: a destination did not take its entries, or there is no
                client; they wait on, and the other destinations have got theirs.

        AWS: vpc-lattice/latest/ug/monitoring-access-logs
        """
        self._deliveries.flush()


def _warn_of_what_is_left(queues: list[Queue]) -> None:
    count = sum(map(len, queues))
    warnings.warn(
        f"{count} access log entries were not delivered, since mock_aws had ended; "
        "call lattice_network.flush() before",
        LatticeWarning,
        stacklevel=2,
    )


def _logged_arns(exchange: Exchange) -> tuple[str, ...]:
    way = exchange.decision.way
    return tuple(part.arn for part in (way.service, way.network) if part is not None)
