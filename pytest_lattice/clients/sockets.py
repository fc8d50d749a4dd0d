"""The sockets of a server or proxy, all on loopback, and the connections to them.

They live on the event loop of their site; only its thread touches them.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Protocol

from pytest_lattice.clients.connection import Connection

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

    def listen(self, make: Callable[[], asyncio.Protocol]) -> int:
        """Listen on a free port; to be called on the loop.

        Args:
            make: makes what takes a connection.

        Returns:
            The port.
        """
        # The protocol is named, or asyncio would leave Nagle's algorithm on.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.listening.append(sock)
        sock.setblocking(False)  # noqa: FBT003  # as the library has it
        sock.bind((LOOPBACK, 0))
        sock.listen(_BACKLOG)
        self.site.loop.add_reader(sock, self._accept, sock, make)
        port: int = sock.getsockname()[1]
        return port

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
