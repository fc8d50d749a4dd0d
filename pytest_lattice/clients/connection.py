"""A connection to a Lattice port: TLS or clear text, and which HTTP is in it.

Any service may be meant (AWS routes by the TLS server name, clear text by the Host
header), so the first bytes decide.  TLS runs in memory: its session is asked for the
access log, and what is to be passed through is not decrypted.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from pytest_lattice.clients.hello import HANDSHAKE, HelloError, server_name
from pytest_lattice.clients.http1 import Http1
from pytest_lattice.clients.passthrough import Passthrough, request_for
from pytest_lattice.clients.wire import IDLE_SECONDS, Origin, was_reset
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.message import LatticeRequest, TlsSession
from pytest_lattice.routing.limits import IDLE, LIFETIME_SECONDS, TOO_OLD

if TYPE_CHECKING:
    from pytest_lattice.clients.sockets import Sockets

_SECOND = 1_000_000
_READ = 1 << 16
# Closed without a farewell, so that the peer gets a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


class Layer(Protocol):
    """What understands the bytes of a connection."""

    def received(self, data: bytes) -> None:
        """Take bytes of the client."""

    def ended(self) -> bool:
        """Know that the client sends no more; tell whether it may still listen."""

    def gone(self) -> None:
        """Know that the client has left."""

    def look_at_clock(self, opened: int, /) -> None:
        """Give the targets up that were silent for too long.

        Args:
            opened: when the connection was, in microseconds since 1970.
        """

    def retire(self, reason: str) -> None:
        """Let go of the connection, and of what is under way on it."""


class Connection(asyncio.Protocol):
    """A connection of a client.

    Args:
        sockets: lists it while it is open.
        port: the port that was dialed.
        keep_alive: whether it stays open between requests.
    """

    def __init__(self, sockets: Sockets, port: int, *, keep_alive: bool = True) -> None:
        """Wait to be connected."""
        self.idle_seconds: float = IDLE_SECONDS
        self._sockets = sockets
        self._site = sockets.site
        self._port = port
        self._keep_alive = keep_alive
        self._transport: asyncio.Transport | None = None
        self._layer: Layer = _First(self)
        self._tls: _Tls | None = None
        self._opened = self._idle_since = 0
        self._busy = self._finished = False
        self._writable: asyncio.Future[None] | None = None
        self._full = False

    # ---- asyncio's side -------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._opened = self._idle_since = self._site.now()
        self._sockets.connections.add(self)
        if self._sockets.closed:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Take bytes off the socket."""
        if self._finished:
            return
        if self._tls is None:
            self._layer.received(data)
        else:
            self._tls.received(data)

    def eof_received(self) -> bool:
        """Close, unless the client may still listen."""
        return not self._finished and self._layer.ended()

    def connection_lost(self, _: Exception | None) -> None:
        """Tell the target that the client has left."""
        self._sockets.connections.discard(self)
        self._finished = True
        self.resume_writing()
        self._layer.gone()

    def pause_writing(self) -> None:
        """Let senders wait."""
        self._full = True

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._full = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # ---- the wire -------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send bytes; those before them may still wait to be sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data if self._tls is None else self._tls.sealed(data))

    async def drained(self) -> None:
        """Wait until the client has taken enough of what was sent."""
        while self._full:
            if self._writable is None or self._writable.done():
                self._writable = self._site.loop.create_future()
            await self._writable

    def pause(self) -> None:
        """Receive no more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Receive again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def finish(self) -> None:
        """Close when all has been sent.

        The client closes first where it has more to send: a reset could overtake what
        was sent to it.
        """
        if self._transport is None or self._finished:
            return
        self._finished = True
        if self._tls is not None:
            self.send_raw(self._tls.farewell())
        self.resume()
        with suppress(OSError):  # the client has gone, as will be seen
            self._transport.write_eof()

    def part(self) -> None:
        """Close, because the client has said that it leaves."""
        if self._transport is not None and self._tls is not None:
            self.send_raw(self._tls.farewell())
            self._transport.close()

    def reset(self) -> None:
        """Break the connection off, so that the client gets an error."""
        if self._transport is not None and not self._transport.is_closing():
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()

    def refuse(self, reason: str) -> None:
        """Reset, and log why."""
        was_reset(self._port, reason)
        self.reset()

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # ---- time -----------------------------------------------------------------

    def is_idle(self) -> None:
        """Say that there is no active request from now on."""
        if self._busy:
            self._busy = False
            self._idle_since = self._site.now()

    def is_busy(self) -> None:
        """Say that there is one."""
        self._busy = True

    def look_at_clock(self, now: int) -> None:
        """Let go of what was idle for too long, or is too old.

        AWS: vpc-lattice/latest/ug/quotas
        """
        idle = not self._busy and now - self._idle_since >= self.idle_seconds * _SECOND
        old = now - self._opened >= LIFETIME_SECONDS * _SECOND
        if self._finished:
            self.close()  # the client was to close it
            return
        self._layer.look_at_clock(self._opened)
        if idle or old:
            self._layer.retire(TOO_OLD if old else IDLE)

    # ---- the first bytes ------------------------------------------------------

    def begin_clear(self, data: bytes) -> None:
        """Speak HTTP/1.1 in clear text."""
        self._become(Http1(self, self._origin(), keep_alive=self._keep_alive), data)

    def begin_tls(self, name: str, data: bytes) -> None:
        """Speak TLS with the service of a server name, if it has a certificate."""
        origin = self._origin()
        sealed = self._site.way(request_for(origin, name))
        if sealed.service is not None and sealed.listener is not None:
            if sealed.stop is not None:
                self.refuse(sealed.stop.reason)
                return
            seconds = sealed.service.service.idle_timeout_seconds
            passed = Passthrough(self, origin, name, idle_seconds=seconds)
            self._become(passed, data)
            return
        if not name:
            self.refuse("its client gave no server name")
            return
        if (stop := self._site.way(_dialed(origin, name)).stop) is not None:
            # AWS is silent on an unknown server name: a reset
            # AWS: vpc-lattice/latest/ug/service-byoc: there is no fallback certificate
            self.refuse(stop.reason)
            return
        context = self._site.authority.context(name, http2=self._site.http2)
        self._tls = _Tls(self, name, context)
        self._tls.received(data)

    def begin_http(self, name: str, session: TlsSession, alpn: str | None) -> None:
        """Speak the HTTP that the handshake agreed on."""
        origin = self._origin()._replace(server_name=name, tls=session)
        if alpn == "h2":
            from pytest_lattice.clients.http2 import Http2

            self._become(Http2(self, origin), b"")
        else:
            self._become(Http1(self, origin), b"")

    def deliver(self, data: bytes) -> None:
        """Hand decrypted bytes to the HTTP inside."""
        self._layer.received(data)

    def send_raw(self, data: bytes) -> None:
        """Send bytes of TLS itself."""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _become(self, layer: Layer, data: bytes) -> None:
        self._layer = layer
        if data:
            layer.received(data)

    def _origin(self) -> Origin:
        port = 0
        if self._transport is not None:
            port = self._transport.get_extra_info("peername")[1]
        return Origin(self._site, self._site.source._replace(port=port), self._port)


def _dialed(origin: Origin, name: str) -> LatticeRequest:
    """Write a request that asks for nothing but the way to a server name."""
    headers = (("host", name),)
    return origin._replace(server_name=name).request("GET", "/", headers, "HTTP/1.1")


class _First:
    """Looks at the first bytes of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._data = b""

    def received(self, data: bytes) -> None:
        """Tell TLS from clear text, and wait for the whole ClientHello."""
        self._data += data
        try:
            self._begin()
        except (HelloError, ConfigurationError) as error:
            self._connection.refuse(str(error))

    def _begin(self) -> None:
        if self._data[0] != HANDSHAKE:
            self._connection.begin_clear(self._data)
        elif (name := server_name(self._data)) is not None:
            self._connection.begin_tls(name, self._data)

    def ended(self) -> bool:
        """Close; there is nobody to answer."""
        return False

    def gone(self) -> None:
        """Forget it."""

    def look_at_clock(self, _: int) -> None:
        """Wait on; nothing has been asked yet."""

    def retire(self, _: str) -> None:
        """Close; nothing has been asked yet."""
        self._connection.close()


class _Tls:
    """TLS in memory, between the socket and the HTTP inside.

    Args:
        connection: the connection.
        name: the server name.
        context: with its certificate.
    """

    def __init__(
        self, connection: Connection, name: str, context: ssl.SSLContext
    ) -> None:
        self._connection = connection
        self._name = name
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=True
        )
        self._shaken = self._ended = False

    def received(self, data: bytes) -> None:
        """Take bytes off the socket."""
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._shake_hands()
            plain = self._opened()
        except ssl.SSLWantReadError:
            self._connection.send_raw(self._outgoing.read())
            return
        except ssl.SSLError:
            # What is wrong stands in an alert.
            self._connection.send_raw(self._outgoing.read())
            self._connection.finish()
            return
        self._connection.send_raw(self._outgoing.read())
        if plain:
            self._connection.deliver(plain)
        if self._ended:
            self._connection.part()

    def _shake_hands(self) -> None:
        self._object.do_handshake()
        self._shaken = True
        cipher = self._object.cipher()
        session = TlsSession(
            self._object.version() or "-", cipher[0] if cipher else "-"
        )
        self._connection.begin_http(
            self._name, session, self._object.selected_alpn_protocol()
        )

    def _opened(self) -> bytes:
        """Decrypt what came."""
        parts: list[bytes] = []
        while self._incoming.pending:
            try:
                part = self._object.read(_READ)
            except ssl.SSLWantReadError:
                break
            if not part:
                self._ended = True
                break
            parts.append(part)
        return b"".join(parts)

    def sealed(self, data: bytes) -> bytes:
        """Encrypt what is sent."""
        self._object.write(data)
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Say that nothing more comes."""
        if self._shaken:
            with suppress(ssl.SSLError):
                self._object.unwrap()
        return self._outgoing.read()
