"""TLS that is not decrypted on a connection: bytes in, bytes out.

To the network it is a request of which only the server name is known, with the bytes of
the client as its body and those of the target as its answer.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import TYPE_CHECKING, cast

from pytest_lattice.clients.wire import (
    HIGH_WATER,
    LOGGER,
    broke_off,
    close_body,
)
from pytest_lattice.model.message import ClientGoneError, LatticeRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_lattice.clients.base import AsyncReply
    from pytest_lattice.clients.wire import Origin, Wire


def request_for(origin: Origin, name: str) -> LatticeRequest:
    """Write what is known of a connection that is passed through.

    Args:
        origin: the connection's.
        name: the server name.
    """
    return LatticeRequest(
        "-", "tls", "-", name, origin.port, "", None, (), "HTTP/1.1", origin.source
    )


class Passthrough:
    """Passes one connection through.

    Args:
        wire: the connection.
        origin: what is known of it.
        name: the server name.
        idle_seconds: after how long without bytes it is closed.
    """

    def __init__(
        self, wire: Wire, origin: Origin, name: str, *, idle_seconds: float
    ) -> None:
        """Ask the network."""
        self._wire = wire
        self._origin = origin
        self._parts: deque[bytes] = deque()
        self._unread = 0
        self._ended = False
        self._more = asyncio.Event()
        wire.idle_seconds = idle_seconds
        self._task = origin.site.start(self._pass(request_for(origin, name)))

    def received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._touch()
        self._parts.append(data)
        self._unread += len(data)
        self._more.set()
        if self._unread > HIGH_WATER:
            self._wire.pause()

    def ended(self) -> bool:
        """Know that the client sends no more; it may still listen."""
        self._ended = True
        self._more.set()
        return True

    def gone(self) -> None:
        """Know that the client has left."""
        if not self._task.cancelling():
            self._task.cancel()

    def look_at_clock(self, _: int) -> None:
        """Wait on: what is not decrypted has no requests, but is idle or not."""

    def retire(self, reason: str) -> None:
        """Close it, because its time is over."""
        self._task.cancel(reason)
        self._wire.finish()

    def _touch(self) -> None:
        """Begin to be idle again."""
        # AWS: vpc-lattice/latest/ug/tls-listeners: idle is a connection without data
        self._wire.is_busy()
        self._wire.is_idle()

    async def _pass(self, request: LatticeRequest) -> None:
        try:
            reply = await self._origin.site.entrance.ahandle(request, self._chunks())
        except ClientGoneError:
            self._wire.reset()
            return
        except Exception:  # noqa: BLE001  # whatever a target raises
            LOGGER.exception("%r raised", request)
            self._wire.reset()
            return
        if reply.exchange is None or reply.exchange.response.status:
            # AWS is silent: who is refused, or finds no target, is reset
            self._wire.reset()
            return
        await self._answer(request, reply)

    async def _answer(self, request: LatticeRequest, reply: AsyncReply) -> None:
        try:
            async for chunk in cast("AsyncIterator[bytes]", reply.body):
                self._touch()
                self._wire.write(chunk)
                await self._wire.drained()
        except (Exception, ClientGoneError) as error:  # noqa: BLE001  # whatever a target raises
            broke_off(request, error)
            self._wire.reset()
            return
        finally:
            await close_body(reply.body, sys.exception())
        self._wire.finish()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            while self._parts:
                data = self._parts.popleft()
                self._unread -= len(data)
                yield data
            if self._ended:
                return
            self._more.clear()
            self._wire.resume()
            await self._more.wait()
