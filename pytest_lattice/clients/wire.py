"""What the two versions of HTTP on a socket share: requests in, answers out.

A `Wire` is a connection as HTTP sees it, a `Site` is what stands behind the sockets.
Nothing here knows how HTTP is written as bytes.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pytest_lattice.errors import TargetError
from pytest_lattice.model.grpc_wire import (
    CONTENT_TYPE,
    Status,
    status_of_http,
    trailers_of,
)
from pytest_lattice.model.message import (
    IN_PROCESS,
    ClientGoneError,
    LatticeRequest,
    TlsSession,
)
from pytest_lattice.model.outcome import Forwarded
from pytest_lattice.routing.forwarding import REQUEST_ID
from pytest_lattice.routing.resolve import host_name

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, AsyncIterator, Callable

    from pytest_lattice.clients.base import AsyncReply, Entrance
    from pytest_lattice.clients.certificates import Authority
    from pytest_lattice.clients.silence import Asked
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.message import Headers, HttpVersion, Source
    from pytest_lattice.routing.resolve import Way

#: Where exceptions of apps go that a test cannot be raised into.
LOGGER = logging.getLogger("pytest_lattice")

#: AWS: vpc-lattice/latest/ug/quotas: the idle timeout of a service
IDLE_SECONDS = 60
#: What may be unread before the peer has to wait, in bytes.
HIGH_WATER = 1 << 16
# Of the connection and not of the message (RFC 9110, section 7.6.1); each version of
# HTTP frames bodies itself.
_OF_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
# RFC 9110, section 8.6: what has no body has no length either
_NO_CONTENT = 204
_WITHOUT_LENGTH = _OF_CONNECTION | {"content-length"}
_ORIGIN = re.compile(r"^https?://([^/?]*)", re.IGNORECASE)
# RFC 9110, section 5.6.2
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9112, section 3.2; nobody sends a fragment.
_TARGET = re.compile(r"/[!\"$-~]*")
# RFC 9110, section 7.2: a name or address, and perhaps a port
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")


class BadRequestError(Exception):
    """What came is no request; raised to whoever reads its body."""


class Wire(Protocol):
    """A connection to a client, as one version of HTTP sees it."""

    idle_seconds: float

    def write(self, data: bytes) -> None:
        """Send bytes; those before them may still wait to be sent."""

    async def drained(self) -> None:
        """Wait until the client has taken enough of what was sent."""

    def pause(self) -> None:
        """Receive no more for now."""

    def resume(self) -> None:
        """Receive again."""

    def finish(self) -> None:
        """Close when all has been sent."""

    def reset(self) -> None:
        """Break the connection off, so that the client gets an error."""

    def is_idle(self) -> None:
        """Say that there is no active request from now on."""

    def is_busy(self) -> None:
        """Say that there is one."""


class Site(NamedTuple):
    """What stands behind the sockets of a server or proxy.

    Args:
        entrance: where requests go.
        place: gives the VPC and the address that clients live at; raises
            `ConfigurationError` where that is not clear.
        way: follows a request to its listener.
        now: the network's time in microseconds since 1970.
        authority: certifies names.
        http2: whether HTTP/2 can be spoken.
        loop: the event loop of its sockets.
        tasks: the requests that are being answered.
    """

    entrance: Entrance
    place: Callable[[], Source]
    way: Callable[[LatticeRequest], Way]
    now: Callable[[], int]
    authority: Authority
    http2: bool
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]

    @property
    def source(self) -> Source:
        """Where clients live now; VPCs may be declared later."""
        return self.place()

    def start(self, coroutine: Any) -> asyncio.Task[None]:  # noqa: ANN401  # a coroutine
        """Answer a request beside others."""
        task: asyncio.Task[None] = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class Origin(NamedTuple):
    """What all requests of a connection have in common.

    Args:
        site: what stands behind it.
        source: the client, with its port.
        port: the port that was dialed.
        server_name: that of TLS; None in clear text.
        tls: the TLS session.
    """

    site: Site
    source: Source
    port: int
    server_name: str | None = None
    tls: TlsSession = IN_PROCESS

    def request(
        self, method: str, target: str, headers: Headers, version: HttpVersion
    ) -> LatticeRequest:
        """Write the request that came.

        Args:
            method: as sent.
            target: a path with its query, a whole URL, or ``*``.
            headers: with ``host``, names in lower case.
            version: of HTTP.
        """
        host = next((value for name, value in headers if name == "host"), "")
        if target[:1] != "/" and (found := _ORIGIN.match(target)):
            # RFC 9112, section 3.2.2: the URL counts, and not the header
            target, host = target[found.end() :], found[1]
            target = target if target.startswith("/") else f"/{target}"
            headers = tuple([(k, host if k == "host" else v) for k, v in headers])
        path, mark, query = target.partition("?")
        secure = self.server_name is not None
        return LatticeRequest(
            method,
            "https" if secure else "http",
            host,
            self.server_name if self.server_name is not None else host_name(host),
            self.port,
            path,
            query if mark else None,
            headers,
            version,
            self.source,
            tls=self.tls,
        )


def checked(request: LatticeRequest) -> LatticeRequest:
    """Hold that what a client sent is a request, and return it.

    RFC 9112, sections 3 and 3.2, and RFC 9113, section 8.3.1

    Raises:
        BadRequestError: method, target or host is none.
    """
    method, target = request.method, request.target
    if not (
        _METHOD.fullmatch(method)
        and (_TARGET.fullmatch(target) or (method, target) == ("OPTIONS", "*"))
        and _HOST.fullmatch(request.host)
    ):
        raise BadRequestError
    return request


class Answer(NamedTuple):
    """What is sent to the client.

    Args:
        status: the HTTP status.
        headers: without those that concern the connection.
        body: whole, or chunks.
        trailers: asked when the body has ended.
    """

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes]
    trailers: Callable[[], Headers] | None = None


def plain(status: int, text: str) -> Answer:
    """Make an answer of text."""
    body = text.encode()
    headers = (("content-type", "text/plain"), ("content-length", str(len(body))))
    return Answer(status, headers, body)


# AWS: vpc-lattice/latest/ug/monitoring-access-logs: malformed HTTP is 400
REASON = b"Bad Request"
BAD_REQUEST = plain(400, REASON.decode())
_SERVER_ERROR = plain(500, "Internal Server Error")


async def answer_of(
    wire: Wire, asked: Asked, body: bytes | AsyncIterable[bytes]
) -> Answer | None:
    """Ask the network.

    Args:
        wire: learns how long it may be idle.
        asked: the request.
        body: its body.

    Returns:
        The answer; None where the connection shall break instead.
    """
    request = asked.request
    try:
        reply = await asked.reply(body)
    except BadRequestError:
        return BAD_REQUEST
    except ClientGoneError:
        return None
    except Exception:
        LOGGER.exception("%r raised", request)
        return _SERVER_ERROR
    exchange = reply.exchange
    if exchange is None:
        was_reset(request.port, getattr(reply.decision.outcome, "reason", ""))
        return None
    service = reply.decision.service
    if service is not None:
        wire.idle_seconds = service.idle_timeout_seconds
    if request.client_protocol == "gRPC" and _is_own(exchange, reply):
        return _as_grpc(exchange, reply)
    status = exchange.response.status
    left_out = _WITHOUT_LENGTH if status == _NO_CONTENT else _OF_CONNECTION
    headers = tuple(
        [pair for pair in exchange.response.headers if pair[0].lower() not in left_out]
    )
    return Answer(status, headers, reply.body, reply.trailers)


def was_reset(port: int, reason: str) -> None:
    """Log why a connection is reset, which its client cannot be told."""
    text = reason if reason.isprintable() else ascii(reason)[1:-1]  # a client's words
    LOGGER.warning("a connection to port %s was reset: %s", port, text)


def _is_own(exchange: Exchange, reply: AsyncReply) -> bool:
    """Tell whether the network made the answer, also in place of a target."""
    if not isinstance(reply.decision.outcome, Forwarded):
        return True
    return exchange.failure_reason is not None and isinstance(reply.body, bytes)


def _as_grpc(exchange: Exchange, reply: AsyncReply) -> Answer:
    """Let a gRPC client read the network's own answer.

    AWS is silent: a client of the real service read "Unavailable: Service
    Unavailable", which is a status of gRPC and not of HTTP
    """
    head = exchange.response
    text = reply.body.decode() if isinstance(reply.body, bytes) else ""
    status = Status(status_of_http(head.status), text)
    ids = tuple((k, v) for k, v in head.headers if k.lower() == REQUEST_ID)
    headers = (("content-type", CONTENT_TYPE), *trailers_of(status), *ids)
    return Answer(200, headers, b"")


async def close_body(body: object, error: BaseException | None) -> None:
    """Let go of a body that streams, so that the target learns of it.

    Args:
        body: the body.
        error: what ends it before its time, while nobody reads it.
    """
    break_off = getattr(body, "break_off", None)
    if error is not None and break_off is not None:
        break_off(error)
    aclose = getattr(body, "aclose", None)
    if aclose is not None:
        await aclose()


def broke_off(request: LatticeRequest, error: BaseException) -> None:
    """Say that the body of an answer did not come to its end, unless that was meant.

    Args:
        request: the request.
        error: what ended it; a `TargetError` is the target's, who was to fail.
    """
    if isinstance(error, Exception) and not isinstance(error, TargetError):
        LOGGER.error("%r: the body of the answer broke off", request, exc_info=error)
