"""Bytes from one connection to another and back, as they are.

The proxy uses it for hosts that are not emulated, and TLS passthrough for its targets.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Self, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.clients.sockets import Sockets

#: Real seconds that connecting may take.
CONNECT_SECONDS = 5.0


class Side(asyncio.Protocol):
    """One of two connections whose bytes go to each other.

    Args:
        sockets: lists it while it is open.
        idle_seconds: after how long without bytes it is closed, by the network's clock;
            None for never.
        on_end: called once when both have ended, with the bytes that came on each
            side: from this one, and from the other one.
    """

    def __init__(
        self,
        sockets: Sockets,
        *,
        idle_seconds: float | None = None,
        on_end: Callable[[int, int], object] | None = None,
    ) -> None:
        """Wait to be connected."""
        self._sockets = sockets
        self._idle_seconds = idle_seconds
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._other: Self | None = None
        self._heard = sockets.site.now()
        #: How many bytes came.
        self.size = 0

    def join(self, other: Self) -> None:
        """Send to each other from now on."""
        self._other, other._other = other, self  # of the same class

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._sockets.connections.add(self)
        if self._sockets.closed:
            self.close()
        elif self._other is None:
            self._transport.pause_reading()  # a server may speak first

    def data_received(self, data: bytes) -> None:
        """Send on what came."""
        self.size += len(data)
        self._heard = self._sockets.site.now()
        if self._other is not None:
            self._other.send(data)

    def send(self, data: bytes) -> None:
        """Send what came on the other side."""
        self._heard = self._sockets.site.now()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def eof_received(self) -> bool:
        """Tell the other side that nothing more comes, and wait for its end."""
        if self._other is not None:
            self._other.end()
        return True

    def end(self) -> None:
        """Send no more."""
        if self._transport is not None and not self._transport.is_closing():
            with suppress(OSError):  # it has gone, as will be seen
                self._transport.write_eof()

    def connection_lost(self, error: Exception | None) -> None:
        """Let the other side end too."""
        self._sockets.connections.discard(self)
        other, self._other = self._other, None
        if other is not None:
            other.leave(reset=error is not None)
        if self._on_end is not None and other is not None:
            self._on_end(self.size, other.size)

    def resume(self) -> None:
        """Receive again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def pause(self) -> None:
        """Receive no more for now."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def leave(self, *, reset: bool) -> None:
        """Close when all has been sent, or at once."""
        if self._transport is None:
            return
        if reset:
            self._transport.abort()
        else:
            self._transport.close()

    def close(self) -> None:
        """Close at once."""
        self.leave(reset=True)

    def pause_writing(self) -> None:
        """Let the other side receive no more."""
        if self._other is not None:
            self._other.pause()

    def resume_writing(self) -> None:
        """Let the other side receive again."""
        if self._other is not None:
            self._other.resume()

    def look_at_clock(self, now: int) -> None:
        """Close after its idle time."""
        idle = self._idle_seconds
        if idle is not None and now - self._heard >= idle * 1_000_000:
            self.close()


async def dial(sockets: Sockets, host: str, port: int) -> Side:
    """Connect to somebody.

    Raises:
        OSError: nobody can be reached there.
    """
    far = Side(sockets)
    loop = sockets.site.loop
    async with asyncio.timeout(CONNECT_SECONDS):
        await loop.create_connection(lambda: far, host, port)
    return far


def relay(transport: asyncio.Transport, near: Side, far: Side, first: bytes) -> None:
    """Join a client's connection with the one that was dialed for it.

    Args:
        transport: the client's.
        near: what takes it over.
        far: what was dialed.
        first: what the client has sent already.
    """
    near.join(far)
    transport.set_protocol(near)
    near.connection_made(transport)
    if first:
        near.data_received(first)
    near.resume()
    far.resume()
