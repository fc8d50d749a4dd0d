"""Listeners that really listen: the services of a network on loopback.

Each port of the services has one real port, chosen by the system, at which every
service with a listener on it answers, as all of Lattice's addresses do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from pytest_lattice.clients.address import base_url
from pytest_lattice.clients.sockets import LOOPBACK, Sockets
from pytest_lattice.clients.wire import Origin
from pytest_lattice.errors import HIDE, advised

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from pytest_lattice.clients.wire import Site
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.routing.state import ServiceState

__tracebackhide__ = HIDE

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Run(Protocol):
    """Runs a coroutine on the loop of the sockets, from any other thread."""

    def __call__(self, coroutine: Coroutine[Any, Any, Any], /) -> Any:  # noqa: ANN401  # what it returns
        """Give what it returns."""


class Address(NamedTuple):
    """Where something listens.

    Args:
        host: an IP address.
        port: the real port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class LiveServer:
    """The services of a network behind real sockets on loopback.

    `LatticeNetwork.server` makes one.

    Args:
        sockets: where it listens.
        run: runs on their loop.
        configuration: gives what is declared.
    """

    def __init__(
        self, sockets: Sockets, *, run: Run, configuration: Callable[[], Configuration]
    ) -> None:
        """Listen on all the ports that services have."""
        self._sockets = sockets
        self._run = run
        self._configuration = configuration
        self._ports: dict[int, int] = {}
        for port in sorted(_ports(configuration())):
            self._real(port)

    def address(self, service: str, port: int | None = None) -> Address:
        """Tell where a listener of a service really listens.

        A client connects to it and names the service as always, by the TLS server name
        and the Host header.

        Args:
            service: its name, id, ARN or DNS name.
            port: the listener's; that of `url` unless given.

        Raises:
            ConfigurationError: there is no such service or listener.
        """
        found = self._configuration().service(service)
        if port is None:
            parts = urlsplit(base_url(found))
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
        ports = [each.port for each in found.listeners]
        if port not in ports:
            raise advised(
                f"service `{found.name}` has no listener on port {port}",
                f"it has {', '.join(map(str, ports)) or 'none at all'}",
            )
        return Address(LOOPBACK, self._real(port))

    def url(self, service: str, path: str = "") -> str:
        """Write the URL by which clients know a service, with its DNS name.

        Args:
            service: its name, id, ARN or DNS name.
            path: what is appended, such as ``/orders?open=1``.

        Raises:
            ConfigurationError: there is no such service, or it has no listener.
        """
        return base_url(self._configuration().service(service)) + path

    def find(self, host: str, port: int) -> Address | None:
        """Tell where a name and a port lead; None for nowhere.

        Args:
            host: a DNS name of a service.
            port: of a listener.
        """
        found = service_at(self._sockets.site, host, port)
        if found is None or port not in found.listeners:
            return None
        return Address(LOOPBACK, self._real(port))

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that clients have to trust, as PEM text."""
        return self._sockets.site.authority.pem

    @property
    def ca_file(self) -> Path:
        """A file with `ca_pem`, which goes when the process ends."""
        return self._sockets.site.authority.file

    def close(self) -> None:
        """Close all connections, and listen no more."""
        self._run(self._sockets.close())

    def _real(self, port: int) -> int:
        if port not in self._ports:
            make = partial(self._sockets.connection, port)
            self._ports[port] = self._run(self._sockets.listen(make))
        return self._ports[port]


def service_at(site: Site, host: str, port: int) -> ServiceState | None:
    """Find the service that a name means in the network of a site's VPC."""
    origin = Origin(site, site.source, port, host)
    request = origin.request("GET", "/", (("host", host),), "HTTP/1.1")
    return site.way(request).service


def _ports(configuration: Configuration) -> set[int]:
    return {
        each.port for service in configuration.services for each in service.listeners
    }
