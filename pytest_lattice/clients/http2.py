"""HTTP/2 on a connection, read and written by h2.

Each stream is a request of its own, answered beside the others.  gRPC needs nothing
more than streams both ways and trailers, which reset streams end on either side.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from pytest_lattice.clients.silence import Asked
from pytest_lattice.clients.wire import (
    BadRequestError,
    answer_of,
    broke_off,
    checked,
    close_body,
)
from pytest_lattice.model.grpc_wire import LINE, Line
from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.routing.limits import IDLE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pytest_lattice.clients.wire import Answer, Origin, Wire
    from pytest_lattice.model.message import Headers, LatticeRequest

# AWS is silent: what servers usually allow
_STREAMS = 128
_WINDOW = 1 << 20
# AWS: vpc-lattice/latest/ug/monitoring-access-logs: over 60K it is a 400, which the
# network answers; this is only where h2 gives up.
_HEAD_BYTES = 128 * 1024
_SETTINGS = h2.settings.SettingCodes
# What h2 raises for a stream that is reset, and for one that it has forgotten since.
_NO_STREAM = (h2.exceptions.NoSuchStreamError, h2.exceptions.StreamIDTooLowError)


class Http2:
    """Answers the requests of one connection.

    Args:
        wire: the connection.
        origin: what its requests have in common.
    """

    def __init__(self, wire: Wire, origin: Origin) -> None:
        """Send the server's part of the preface."""
        self._wire = wire
        self._origin = origin
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config)
        # Assigned before the preface: later they would wait for the client.
        self._h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                _SETTINGS.MAX_CONCURRENT_STREAMS: _STREAMS,
                _SETTINGS.INITIAL_WINDOW_SIZE: _WINDOW,
                _SETTINGS.MAX_HEADER_LIST_SIZE: _HEAD_BYTES,
                _SETTINGS.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )
        self._h2.decoder.max_header_list_size = _HEAD_BYTES
        self._streams: dict[int, _Stream] = {}
        self._fresh: list[_Stream] = []
        self._retired = False
        self._handlers: dict[type[h2.events.Event], Callable[[Any], None]] = {
            h2.events.RequestReceived: self._on_request,
            h2.events.DataReceived: self._on_data,
            h2.events.StreamEnded: self._on_end,
            h2.events.StreamReset: self._on_reset,
            h2.events.WindowUpdated: self._on_window,
            h2.events.RemoteSettingsChanged: self._on_window,
            h2.events.ConnectionTerminated: self._on_terminated,
        }
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        self._flush()

    def received(self, data: bytes) -> None:
        """Take bytes of the client."""
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:
            # It has written GOAWAY with the reason.
            self._flush()
            self.gone()
            self._wire.finish()
            return
        for event in events:
            handle = self._handlers.get(type(event))
            if handle is not None:
                handle(event)
        fresh, self._fresh = self._fresh, []
        for stream in fresh:
            self._begin(stream)
        self._flush()

    def ended(self) -> bool:
        """Close: a client that sends no more is taken for one that has left.

        AWS is silent; Envoy and others do so.
        """
        return False

    def gone(self) -> None:
        """Break all requests off, because the client has left."""
        for stream in list(self._streams.values()):
            stream.cancel()

    def look_at_clock(self, opened: int) -> None:
        """Give the targets up that are silent for too long."""
        for stream in list(self._streams.values()):
            stream.look_at_clock(opened)

    def retire(self, reason: str) -> None:
        """Let go of the connection, and of the streams that are open on it.

        AWS: vpc-lattice/latest/ug/quotas: existing streams are closed
        """
        self._retired, streams = True, list(self._streams.values())
        for stream in streams:
            if not stream.given_up:
                stream.cancel(reason)
                self._reset(stream.id, h2.errors.ErrorCodes.CANCEL)
        if not any(stream.given_up for stream in streams):
            self._leave()

    def _leave(self) -> None:
        """Take no more."""
        self._h2.close_connection()
        self._flush()
        self._wire.finish()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            self._wire.write(data)

    # ---- what came ------------------------------------------------------------

    def _on_request(self, event: h2.events.RequestReceived) -> None:
        if self._retired:
            return
        stream = _Stream(self, event.stream_id, tuple(event.headers))
        self._streams[event.stream_id] = stream
        self._fresh.append(stream)
        self._wire.is_busy()

    def _on_data(self, event: h2.events.DataReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            self.read(event.stream_id, event.flow_controlled_length)
        else:
            stream.put(event.data, event.flow_controlled_length)

    def _on_end(self, event: h2.events.StreamEnded) -> None:
        if (stream := self._streams.get(event.stream_id)) is not None:
            stream.end()

    def _on_reset(self, event: h2.events.StreamReset) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        if stream.task is None:
            # It begins first: it was a request, of which the log shall tell.
            self._begin(stream)
            self._origin.site.loop.call_soon(stream.cancel)
        else:
            stream.cancel()

    def _on_window(self, _: h2.events.Event) -> None:
        for stream in self._streams.values():
            stream.may_write()

    def _on_terminated(self, event: h2.events.ConnectionTerminated) -> None:
        self._retired = True
        if event.error_code:
            self.gone()
        if self._streams:
            # RFC 9113, section 6.8: they are still to be answered, on a connection
            # that h2 takes for closed.
            self._h2.state_machine.state = h2.connection.ConnectionState.SERVER_OPEN
        else:
            self._leave()

    def read(self, stream_id: int, size: int) -> None:
        """Let the client send as much again as was read."""
        if size:
            try:
                self._h2.acknowledge_received_data(size, stream_id)
            except h2.exceptions.ProtocolError:
                return  # the connection has ended
            self._flush()

    # ---- the answer -----------------------------------------------------------

    def _begin(self, stream: _Stream) -> None:
        if stream.task is None and stream.id in self._streams:
            stream.task = self._origin.site.start(self._answer(stream))
            stream.task.add_done_callback(lambda _: self._forget(stream))

    def _forget(self, stream: _Stream) -> None:
        self._streams.pop(stream.id, None)
        stream.drop()
        if self._streams:
            return
        self._wire.is_idle()
        if self._retired:
            self._leave()

    async def _answer(self, stream: _Stream) -> None:
        request = self._request(stream)
        if request is None:
            self._reset(stream.id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            return
        if request.client_protocol == "gRPC":
            LINE.set(stream.line)
        stream.asked = asked = Asked(self._origin.site, request)
        answer = await answer_of(self._wire, asked, stream.body())
        if answer is None:
            # AWS is silent: what is a reset of the connection elsewhere
            self._wire.reset()
            return
        try:
            try:
                await self._send(stream.id, asked, answer)
            except _NO_STREAM as error:
                raise ClientGoneError from error
            if not stream.ended:
                # RFC 9113, section 8.1: the rest of the request is not wanted
                self._reset(stream.id, h2.errors.ErrorCodes.NO_ERROR)
        except (Exception, ClientGoneError) as error:  # noqa: BLE001  # whatever a target raises
            broke_off(request, error)
            self._reset(stream.id, h2.errors.ErrorCodes.INTERNAL_ERROR)
        finally:
            await close_body(answer.body, sys.exception())

    def _request(self, stream: _Stream) -> LatticeRequest | None:
        method, target, headers = _head(stream.headers)
        # RFC 9113, section 8.3.1: there are no whole URLs
        if target[:1] not in {"/", "*"} or method == "CONNECT":
            return None
        try:
            return checked(self._origin.request(method, target, headers, "HTTP/2"))
        except BadRequestError:
            return None

    def _ending(self) -> None:
        """Be idle before the client can know that it has all, and let time pass."""
        if len(self._streams) == 1:
            self._wire.is_idle()

    async def _send(self, stream_id: int, asked: Asked, answer: Answer) -> None:
        body, trailers = answer.body, answer.trailers
        head = [(b":status", b"%d" % answer.status)]
        head += [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers
        ]
        if isinstance(body, bytes):
            if asked.request.method == "HEAD":
                body = b""
            if not body and trailers is None:
                self._ending()
            self._h2.send_headers(stream_id, head, not body and trailers is None)
            await self._write(stream_id, body, end=trailers is None)
        else:
            self._h2.send_headers(stream_id, head)
            self._flush()
            while (chunk := await asked.chunk_of(body)) is not None:
                await self._write(stream_id, chunk, end=False)
            if trailers is None:
                self._ending()
                self._h2.end_stream(stream_id)
        if trailers is not None:
            self._ending()
            tail = [
                (k.lower().encode("latin-1"), v.encode("latin-1"))
                for k, v in trailers()
            ]
            if tail:
                self._h2.send_headers(stream_id, tail, end_stream=True)
            else:
                self._h2.end_stream(stream_id)
        self._flush()
        await self._wire.drained()

    async def _write(self, stream_id: int, data: bytes, *, end: bool) -> None:
        """Send data as the windows allow."""
        at = 0
        while at < len(data):
            room = min(
                self._h2.local_flow_control_window(stream_id),
                self._h2.max_outbound_frame_size,
            )
            if room <= 0:
                self._flush()
                await self._streams[stream_id].room()
                continue
            part = data[at : at + room]
            at += len(part)
            last = end and at == len(data)
            if last:
                self._ending()
            self._h2.send_data(stream_id, part, end_stream=last)
        self._flush()
        await self._wire.drained()

    def _reset(self, stream_id: int, code: h2.errors.ErrorCodes) -> None:
        try:
            self._h2.reset_stream(stream_id, code)
        except h2.exceptions.ProtocolError:
            return  # it has ended already
        self._flush()


class _Stream:
    """One request: what came of its body, and who waits for more.

    Args:
        connection: learns what was read.
        stream_id: its number.
        headers: as they came.
    """

    def __init__(
        self,
        connection: Http2,
        stream_id: int,
        headers: tuple[tuple[bytes, bytes], ...],
    ) -> None:
        self.id = stream_id
        self.headers = headers
        self.task: asyncio.Task[None] | None = None
        self.line = Line()
        self.asked: Asked | None = None
        self._broken_off = False
        self._connection = connection
        self._parts: deque[tuple[bytes, int]] = deque()
        #: Whether all of the body has come.
        self.ended = False
        self._more = asyncio.Event()
        self._room = asyncio.Event()

    def put(self, data: bytes, size: int) -> None:
        """Take data of the client, of so much for its window."""
        if size:  # what is empty may come without end
            self._parts.append((data, size))
            self._more.set()

    def end(self) -> None:
        """Know that all has come."""
        self.ended = True
        self._more.set()

    def cancel(self, reason: str | None = None) -> None:
        """Break the request off, once: again would break off how the target is told."""
        if self._broken_off or self.task is None:
            return
        self.line.cancel()
        self.task.cancel(reason)
        self._leave()

    def _leave(self) -> None:
        """Let nobody wait for the client any more, such as a thread of its own."""
        self._broken_off = True
        self._room.set()
        self._more.set()

    @property
    def given_up(self) -> bool:
        """Whether its target was, and the answer for it is on its way."""
        return self.asked is not None and self.asked.given_up

    def look_at_clock(self, opened: int) -> None:
        """Give the target up, if it is silent for too long."""
        if self.asked is not None and self.asked.overdue(opened) == IDLE:
            self.asked.give_up()

    def drop(self) -> None:
        """Give back what nobody read, and tell who still works that nobody waits."""
        self.line.cancel()
        self._leave()
        self._take()

    def _take(self) -> None:
        self._connection.read(self.id, sum(size for _, size in self._parts))
        self._parts.clear()

    def may_write(self) -> None:
        """Wake who waits for room in the window."""
        self._room.set()

    async def room(self) -> None:
        """Wait for room in the window.

        Raises:
            ClientGoneError: there will be none.
        """
        if not self._broken_off:
            self._room.clear()
            await self._room.wait()
        if self._broken_off:
            raise ClientGoneError

    def body(self) -> bytes | AsyncIterator[bytes]:
        """Give the body, whole if it is here: that saves the target waiting."""
        if not self.ended:
            return self._chunks()
        whole = b"".join([data for data, _ in self._parts])
        self._take()
        return whole

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            while self._parts:
                data, size = self._parts.popleft()
                self._connection.read(self.id, size)
                if data:
                    yield data
            if self.ended:
                return
            if self._broken_off:
                raise BadRequestError
            self._more.clear()
            await self._more.wait()


@lru_cache(maxsize=1024)
def _head(raw: tuple[tuple[bytes, bytes], ...]) -> tuple[str, str, Headers]:
    """Split method and target from headers; most requests of a client have the same."""
    special: dict[bytes, str] = {}
    headers: list[tuple[str, str]] = []
    cookies: list[str] = []
    for key, each in raw:
        name, value = key.decode("latin-1"), each.decode("latin-1")
        if name.startswith(":"):
            special[key] = value
        elif name == "cookie":
            cookies.append(value)
        else:
            headers.append((name, value))
    if cookies:
        # RFC 9113, section 8.2.3: one field for who knows only HTTP/1.1
        headers.append(("cookie", "; ".join(cookies)))
    if b":authority" in special:
        headers = [each for each in headers if each[0] != "host"]
        headers.insert(0, ("host", special[b":authority"]))
    return special.get(b":method", ""), special.get(b":path", ""), tuple(headers)
