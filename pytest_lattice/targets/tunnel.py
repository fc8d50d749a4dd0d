"""A really running server as a target of TLS passthrough: bytes both ways, as they are.

The network hands a connection over as a request that has bytes for a body, and gets
bytes for an answer.  What else is asked of the server, such as its health, is HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_lattice.errors import TargetError, advised
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply

if TYPE_CHECKING:
    from pytest_lattice.model.target_group import TargetGroup
    from pytest_lattice.targets.base import (
        AppTarget,
        AsyncRequestBody,
        RequestBody,
        TargetReply,
        TargetRequest,
    )

_PORTS = {"http": 80, "https": 443}
_READ = 1 << 16
# Real seconds that connecting may take; AWS is silent.
_CONNECT_TIMEOUT = 5.0
# What is passed through has no status.
_PASSED = LatticeResponse(0, ())


class TunnelTarget:
    """Passes the bytes of a TLS connection to a server.

    Args:
        target: answers what is not passed through, such as health checks.
        app: the URL of the server, of which the scheme does not matter.
        group: the target group.
    """

    def __init__(self, target: AppTarget, app: object, group: TargetGroup) -> None:
        self._target = target
        self._app = app
        self._group = group

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer what is not passed through, blocking the calling thread."""
        return self._target.call(request, body)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Connect, and send what the client sends.

        Raises:
            ConfigurationError: the target is no server.
        """
        if request.request.scheme != "tls":
            return await self._target.acall(request, body)
        if not isinstance(self._app, str) or "://" not in self._app:
            raise advised(
                f"target `{request.route.target.id}` of target group "
                f"`{self._group.name}` is no server that TLS can be passed to",
                'name one, as in targets=["https://127.0.0.1:8443"]',
            )
        parts = urlsplit(self._app)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            return AsyncTargetReply(
                LatticeResponse(503, ()),
                b"",
                "TargetConnectionError",
                f"the server at `{host}:{port}` cannot be reached: {error}",
            )
        return AsyncTargetReply(_PASSED, _Answers(reader, writer, body))

    def close(self) -> None:
        """Release what the target holds; connections end with their clients."""
        self._target.close()


class _Answers(AsyncIterator[bytes]):
    """What a server sends, while what the client sends is passed to it.

    Args:
        reader: reads from the server.
        writer: writes to it.
        body: what the client sends.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        body: AsyncRequestBody,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = asyncio.ensure_future(self._send(body))

    async def _send(self, body: AsyncRequestBody) -> None:
        with suppress(ConnectionError):  # reading tells that it has left
            if isinstance(body, bytes):
                self._writer.write(body)
            else:
                async for chunk in body:
                    self._writer.write(chunk)
                    await self._writer.drain()
            self._writer.write_eof()

    async def __anext__(self) -> bytes:
        try:
            data = await self._reader.read(_READ)
        except ConnectionError as error:
            raise TargetError(
                f"the target broke off its connection: {error}"
            ) from error
        if not data:
            await self.aclose()
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Close the connection to the server."""
        self._sending.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(self._sending, return_exceptions=True)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
