"""The sockets of a server or proxy, all on loopback, and the connections to them.

They live on the event loop of their site; only its thread touches them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Protocol

from pytest_lattice.clients.connection import Connection
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.value import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.clients.wire import Site

#: Nobody else on the network shall reach what a test serves.
LOOPBACK = "127.0.0.1"
_BACKLOG = 1024


class Open(Protocol):
    """A connection that is open."""

    def close(self) -> None:
        """Close at once."""

    def look_at_clock(self, now: int, /) -> None:
        """Notice that time has passed."""


class Sockets:
    """Listens for the clients of a site.

    Args:
        site: what stands behind them.
    """

    def __init__(self, site: Site) -> None:
        """Listen to nothing yet."""
        self.site = site
        #: The connections that are open.
        self.connections: set[Open] = set()
        #: Whether what still connects is too late.
        self.closed = False
        #: Where clients connect.
        self.listening: list[socket.socket] = []

    def listen(self, make: Callable[[], asyncio.Protocol], port: int = 0) -> int:
        """Listen on a port; to be called on the loop.

        Args:
            make: makes what takes a connection.
            port: which one; 0 for a free one.

        Returns:
            The port.

        Raises:
            ConfigurationError: there is no such port, or it cannot be had.
        """
        if not is_whole(port, range(1 << 16)):
            raise ConfigurationError(f"port `{port}` is not from 1 to 65535")
        # The protocol is named, or asyncio would leave Nagle's algorithm on.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listening.append(sock)
        sock.setblocking(False)  # noqa: FBT003  # as the library has it
        if port and os.name == "posix":
            # Connections that have just ended do not keep the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
            sock.listen(_BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of {LOOPBACK} cannot be listened on: "
                f"{(error.strerror or str(error)).lower()}"
            ) from None
        self.site.loop.add_reader(sock, self._accept, sock, make)
        real: int = sock.getsockname()[1]
        return real

    def _accept(
        self, sock: socket.socket, make: Callable[[], asyncio.Protocol]
    ) -> None:
        """Take a connection; asyncio's own servers lose those that come at the end."""
        try:
            accepted, _ = sock.accept()
        except OSError:
            return  # it has gone again, or there are no descriptors left for it
        accepted.setblocking(False)  # noqa: FBT003  # as the library has it
        self.site.start(self._connect(accepted, make))

    async def _connect(
        self, accepted: socket.socket, make: Callable[[], asyncio.Protocol]
    ) -> None:
        await self.site.loop.connect_accepted_socket(make, accepted)

    def connection(self, port: int, *, keep_alive: bool = True) -> Connection:
        """Make what takes a connection to a Lattice port."""
        return Connection(self, port, keep_alive=keep_alive)

    def look_at_clock(self) -> None:
        """Close the connections whose time is over."""
        now = self.site.now()
        for each in list(self.connections):
            each.look_at_clock(now)

    async def close(self) -> None:
        """Close everything; requests that are under way are broken off."""
        self.closed = True
        for sock in self.listening:
            self.site.loop.remove_reader(sock)
            sock.close()
        # What was accepted in this very round becomes a connection in the next.
        await asyncio.sleep(0)
        while self.connections or self.site.tasks:
            for each in list(self.connections):
                each.close()
            for task in list(self.site.tasks):
                task.cancel()
            await asyncio.sleep(0)
