"""Listeners that really listen: the services of a network on loopback.

Each port of the services has one real port, chosen by the system, at which every
service with a listener on it answers, as all of Lattice's addresses do.
"""

from __future__ import annotations

from errno import ECONNREFUSED, ETIMEDOUT
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from pytest_lattice.clients.address import base_url, usual_listener
from pytest_lattice.clients.sockets import LOOPBACK, Sockets
from pytest_lattice.clients.wire import Origin
from pytest_lattice.errors import HIDE, advised

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_lattice.clients.wire import Site
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.routing.resolve import Way

__tracebackhide__ = HIDE

_T = TypeVar("_T")


class Call(Protocol):
    """Calls a function on the loop of the sockets, from any thread."""

    def __call__(self, function: Callable[[], _T], /) -> _T:
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
        call: calls a function on their loop.
        is_here: tells whether who would answer runs in the calling thread.
        configuration: gives what is declared.
    """

    def __init__(
        self,
        sockets: Sockets,
        *,
        call: Call,
        is_here: Callable[[], bool],
        configuration: Callable[[], Configuration],
    ) -> None:
        """Listen on all the ports that services have."""
        self._sockets = sockets
        self._call = call
        #: Tells whether a blocking call from this thread would wait for itself.
        self.is_here = is_here
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
            port = usual_listener(found).port
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

    def dial(self, host: str, port: int) -> Address:
        """Tell where somebody gets who connects to Lattice.

        Args:
            host: the DNS name of a service, or else an address of Lattice, which leads
                to all of them.
            port: of a listener.

        Raises:
            ConfigurationError: it is not clear which VPC calls.
            ConnectionRefusedError: nothing listens on the port.
            TimeoutError: the VPC is not associated with a service network.

        AWS: vpc-lattice/latest/ug/how-it-works
        """
        way = way_to(self._sockets.site, host, port)
        if way.network is None and way.stop is not None:
            raise TimeoutError(ETIMEDOUT, way.stop.reason)
        if way.service is not None and port not in way.service.listeners and way.stop:
            raise ConnectionRefusedError(ECONNREFUSED, way.stop.reason)
        if way.network is not None and port not in way.network.ports:
            raise ConnectionRefusedError(
                ECONNREFUSED,
                f"no service of service network `{way.network.network.name}` has a "
                f"listener on port {port}",
            )
        return Address(LOOPBACK, self._real(port))

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that clients have to trust, as PEM text."""
        return self._sockets.site.authority.pem

    @property
    def ca_file(self) -> Path:
        """A file with `ca_pem`, which goes when the process ends."""
        return self._sockets.site.authority.file

    def _real(self, port: int) -> int:
        if port not in self._ports:
            make = partial(self._sockets.connection, port)
            self._ports[port] = self._call(lambda: self._sockets.listen(make))
        return self._ports[port]


def way_to(site: Site, host: str, port: int) -> Way:
    """Follow a name and a port into the network of a site's VPC."""
    origin = Origin(site, site.source, port, host)
    return site.way(origin.request("GET", "/", (("host", host),), "HTTP/1.1"))


def _ports(configuration: Configuration) -> set[int]:
    return {
        each.port for service in configuration.services for each in service.listeners
    }
