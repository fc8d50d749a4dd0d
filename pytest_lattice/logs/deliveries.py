"""Which exchanges a subscription gets, and their delivery to files.

One entry goes to each destination of its service and of its service network.
AWS: vpc-lattice/latest/ug/monitoring-access-logs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import advised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.logs.subscriptions import FileDestination
    from pytest_lattice.model.configuration import Configuration


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
    """Writes exchanges to the files that are subscribed to their resources."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._destinations: dict[Path, FileDestination] = {}

    def write(self, exchange: Exchange) -> None:
        """Write an exchange to each destination of its service and network.

        Raises:
            ConfigurationError: a file cannot be opened.
        """
        logged = exchange.decision.state.logged
        for arn in _logged_arns(exchange):
            for path in logged.get(arn, ()):
                self._write(path, exchange)

    def _write(self, path: Path, exchange: Exchange) -> None:
        from pytest_lattice.logs.subscriptions import FileDestination

        entry = exchange.log_entry
        if entry is not None:
            self._destinations.setdefault(path, FileDestination(path)).write(entry)

    def close(self, stack: ExitStack) -> None:
        """Have each file closed when the stack is."""
        for destination in self._destinations.values():
            stack.callback(destination.close)


def _logged_arns(exchange: Exchange) -> tuple[str, ...]:
    way = exchange.decision.way
    return tuple(part.arn for part in (way.service, way.network) if part is not None)
