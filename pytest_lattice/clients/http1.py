"""HTTP/1.1 on a connection, read and written by h11.

One request is answered at a time; what a client sends ahead waits.  Bodies stream both
ways, and a client that leaves is told to the target.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from http.client import responses
from typing import TYPE_CHECKING, TypeAlias

import h11

from pytest_lattice.clients.silence import Asked
from pytest_lattice.clients.wire import (
    BAD_REQUEST,
    HIGH_WATER,
    REASON,
    BadRequestError,
    answer_of,
    broke_off,
    checked,
    close_body,
)
from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.routing.limits import IDLE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

    from pytest_lattice.clients.wire import Answer, Origin, Wire
    from pytest_lattice.model.message import Headers, LatticeRequest

_Event: TypeAlias = "h11.Event | type[h11.NEED_DATA | h11.PAUSED]"

# AWS: vpc-lattice/latest/ug/monitoring-access-logs: over 60K it is a 400, which the
# network answers; this is only where h11 gives up.
_HEAD_BYTES = 128 * 1024
# RFC 9110, sections 15.3.5 and 15.4.5
_WITHOUT_BODY = frozenset({204, 304})


class Http1:
    """Answers the requests of one connection.

    Args:
        wire: the connection.
        origin: what its requests have in common.
        keep_alive: whether it stays open between requests.
    """

    def __init__(self, wire: Wire, origin: Origin, *, keep_alive: bool = True) -> None:
        """Wait for a request."""
        self._wire = wire
        self._origin = origin
        self._keep_alive = keep_alive
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        self._task: asyncio.Task[None] | None = None
        self._request: LatticeRequest | None = None
        self._is_head = self._left = False
        self._asked: Asked | None = None
        self._unread = 0
        self._more: asyncio.Future[None] | None = None

    def received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._h11.receive_data(data)
        if self._task is None:
            self._next_request()
            return
        self._unread += len(data)
        self._wake()
        if self._unread > HIGH_WATER:
            self._wire.pause()

    def ended(self) -> bool:
        """Close: a client that sends no more is taken for one that has left.

        AWS is silent; Envoy and others do so.
        """
        return False

    def gone(self) -> None:
        """Break the request off, because the client has left."""
        # Once: a second time would break off how the target is told.
        if self._task is not None and not self._task.cancelling():
            self._task.cancel()
        self._leave()

    def look_at_clock(self, opened: int) -> None:
        """Give a target up that is silent for too long."""
        if self._asked is not None and self._asked.overdue(opened) == IDLE:
            self._asked.give_up()

    def retire(self, reason: str) -> None:
        """Let go of the connection, and of the request that is under way on it."""
        if self._asked is not None and self._asked.given_up:
            self._keep_alive = False  # its answer is the last one
            return
        if self._task is not None:
            self._task.cancel(reason)
        self._leave()
        self._wire.finish()

    def _leave(self) -> None:
        """Let nobody wait for the client any more, such as a thread of its own."""
        self._left = True
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)

    def _next_request(self) -> None:
        self._unread = 0
        event = self._event()
        if isinstance(event, h11.Request) and self._request is not None:
            self._wire.is_busy()
            self._task = self._origin.site.start(self._answer(self._request))
            return
        if isinstance(event, h11.ConnectionClosed):
            self._wire.finish()

    def _event(self) -> _Event | None:
        """Give what came next; None where it was refused."""
        try:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                self._is_head = event.method == b"HEAD"
                self._request = self._read(event)
        except (h11.RemoteProtocolError, BadRequestError):
            self._refuse()
            return None
        return event

    def _read(self, head: h11.Request) -> LatticeRequest:
        """Translate the head of a request.

        Raises:
            BadRequestError: it is none.
        """
        _check(head)
        return checked(
            self._origin.request(
                head.method.decode("ascii"),
                head.target.decode("ascii"),
                _headers(tuple(head.headers)),
                "HTTP/1.1",
            )
        )

    def _refuse(self) -> None:
        # AWS: vpc-lattice/latest/ug/monitoring-access-logs: malformed HTTP is 400
        self._keep_alive = False
        if self._h11.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._write_whole(BAD_REQUEST, b"" if self._is_head else REASON)
        self._wire.finish()

    async def _answer(self, request: LatticeRequest) -> None:
        self._asked = asked = Asked(self._origin.site, request)
        answer = await answer_of(self._wire, asked, self._body())
        if answer is None:
            self._wire.reset()
        elif self._h11.our_state is not h11.SEND_RESPONSE:
            # It was refused while its body was read.
            await close_body(answer.body, ClientGoneError())
            self._wire.finish()
        else:
            await self._send(asked, answer)

    def _body(self) -> bytes | AsyncIterator[bytes]:
        """Give the body, whole if it is here: that saves the target waiting."""
        parts: list[bytes] = []
        while not self._h11.they_are_waiting_for_100_continue:
            event = self._event()
            if isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(parts)
            else:
                return self._chunks(parts, broken=event is None)
        return self._chunks(parts, broken=False)

    async def _chunks(
        self, parts: list[bytes], *, broken: bool
    ) -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        if broken:
            raise BadRequestError
        if self._h11.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))
        asked = self._asked
        while not isinstance(event := self._event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif event is h11.NEED_DATA and not self._left:
                await self._wait()
            else:
                raise BadRequestError
            if self._asked is not asked:
                raise BadRequestError  # it was answered; what comes is another's

    async def _wait(self) -> None:
        self._unread = 0
        self._wire.resume()
        self._more = self._origin.site.loop.create_future()
        try:
            await self._more
        finally:
            self._more = None

    # ---- the answer -----------------------------------------------------------

    async def _send(self, asked: Asked, answer: Answer) -> None:
        """Send an answer, and go on when all of it is sent."""
        request, body = asked.request, answer.body
        empty = request.method == "HEAD" or answer.status in _WITHOUT_BODY
        try:
            if isinstance(body, bytes):
                self._write_whole(answer, b"" if empty else body)
            else:
                self._write(self._head(answer))
                while (chunk := await asked.chunk_of(body)) is not None:
                    if not empty:
                        self._write(h11.Data(chunk))
                    await self._wire.drained()
                self._wire.is_idle()
                self._write(h11.EndOfMessage())
        except (Exception, ClientGoneError) as error:  # noqa: BLE001  # whatever a target raises
            broke_off(request, error)
            self._wire.reset()
            return
        finally:
            await close_body(body, sys.exception())
        await self._wire.drained()
        self._go_on()

    def _write_whole(self, answer: Answer, body: bytes) -> None:
        head = self._h11.send(self._head(answer, len(body)))
        data = self._h11.send(h11.Data(body)) if body else b""
        end = self._h11.send(h11.EndOfMessage())
        # Before a client can know that it has all, and let time pass.
        self._wire.is_idle()
        self._wire.write(b"".join(filter(None, (head, data, end))))

    def _head(self, answer: Answer, length: int | None = None) -> h11.Response:
        headers = [
            (k.encode("latin-1"), v.encode("latin-1")) for k, v in answer.headers
        ]
        if (
            length is not None
            and answer.status not in _WITHOUT_BODY
            and not any(name.lower() == b"content-length" for name, _ in headers)
        ):
            headers.append((b"content-length", b"%d" % length))
        if not self._keep_alive:
            headers.append((b"connection", b"close"))
        return h11.Response(
            status_code=answer.status,
            headers=headers,
            reason=responses.get(answer.status, "").encode(),
        )

    def _write(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            self._wire.write(data)

    def _go_on(self) -> None:
        """Turn to the next request, unless the connection cannot have one."""
        self._task = self._asked = None
        state = self._h11
        while state.their_state is h11.SEND_BODY:
            if not isinstance(self._event(), h11.Data | h11.EndOfMessage):
                break  # the target did not want the rest, which is still to come
        if state.our_state is not h11.DONE or state.their_state is not h11.DONE:
            self._wire.finish()
            return
        state.start_next_cycle()
        self._is_head = False
        self._wire.resume()
        self._next_request()


def _check(head: h11.Request) -> None:
    """Refuse what h11 lets pass and no two servers read the same way.

    AWS is silent; RFC 9112, section 6.1 allows to refuse it.

    Raises:
        BadRequestError: both framings of a body, a method for proxies, or a version
            that nobody has spoken yet.
    """
    names = {name for name, _ in head.headers}
    if (
        {b"content-length", b"transfer-encoding"} <= names
        or head.method == b"CONNECT"
        or head.http_version not in {b"1.0", b"1.1"}
    ):
        raise BadRequestError


@lru_cache(maxsize=1024)
def _headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Translate headers; most requests of a client have the same."""
    return tuple(
        [(name.decode("ascii"), value.decode("latin-1")) for name, value in raw]
    )
