"""What a gRPC call is in HTTP: the request it makes, and the status in a reply.

Blocking and async channels share it; it does not know grpc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest_lattice.decision.exchange import EXTENSION
from pytest_lattice.model.grpc_wire import (
    CONTENT_TYPE,
    FrameError,
    Metadata,
    Status,
    grpc_status_in,
    headers_of,
    metadata_of,
    status_of,
    status_of_http,
    timeout_header,
)
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.model.outcome import Denied, Forwarded, Unreachable
from pytest_lattice.routing.forwarding import REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.clients.base import AsyncReply, Entrance, Reply
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.errors import TargetError
    from pytest_lattice.model.message import Headers, Source

_UNAVAILABLE, _INTERNAL, _UNKNOWN = 14, 13, 2
_OK_HTTP = 200


class Deadlines:
    """What is left to the calls of a network, by its clock."""

    def __init__(self) -> None:
        """Know no call."""
        self._left: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def add(self, call: Any, seconds: float) -> None:  # noqa: ANN401  # what can `expire`
        """Let a call expire when the clock has moved so far."""
        self._left[call] = seconds

    def advance(self, seconds: float) -> None:
        """Move on, and let calls expire."""
        for call, left in list(self._left.items()):
            self._left[call] = left - seconds
            if left <= seconds:
                del self._left[call]
                call.expire()


class Endpoint(NamedTuple):
    """Where the calls of a channel go, and who makes them.

    Args:
        entrance: the network.
        source: the client's VPC and address.
        host: the service's DNS name.
        port: the listener's port.
        scheme: ``https``, or ``http`` where the listener is one.
        authority: what the service is called by, with a port that is not the usual.
        sign: adds a signature to headers; None signs nothing.
        deadlines: those of the network's calls.
    """

    entrance: Entrance
    source: Source
    host: str
    port: int
    scheme: str
    authority: str
    sign: Callable[[str, str, Headers], Headers] | None
    deadlines: Deadlines

    def request(
        self, method: str, metadata: Metadata, timeout: float | None
    ) -> LatticeRequest:
        """Write the request of a call.

        Args:
            method: ``/package.Service/Method``.
            metadata: of the call.
            timeout: seconds; None for no deadline.

        Raises:
            ValueError: metadata that gRPC does not send.
        """
        headers: Headers = (
            ("host", self.authority),
            ("te", "trailers"),
            ("content-type", CONTENT_TYPE),
            ("user-agent", "grpc-python/pytest-lattice"),
            ("grpc-accept-encoding", "identity"),
        )
        if timeout is not None:
            headers += (("grpc-timeout", timeout_header(timeout)),)
        headers += headers_of(metadata)
        if self.sign is not None:
            headers += self.sign("POST", method, headers)
        return LatticeRequest(
            "POST",
            self.scheme,
            self.authority,
            self.host,
            self.port,
            method,
            None,
            headers,
            # gRPC is HTTP/2 over TLS; a cleartext listener speaks HTTP/1.1 alone
            "HTTP/2" if self.scheme == "https" else "HTTP/1.1",
            self.source,
        )


def initial_metadata(exchange: Exchange | None) -> Metadata:
    """Return what came with the head of a response."""
    return () if exchange is None else metadata_of(exchange.response.headers)


class CarryingMetadata(tuple[tuple[str, "str | bytes"], ...]):  # noqa: SLOT001  # a tuple takes no slots
    """Metadata of a head, by which assertions find the exchange of a wrapped call.

    What `grpc.intercept_channel` puts around a call hands on nothing else of it.
    """

    extensions: dict[str, Any]


def carrying(metadata: Metadata, exchange: Exchange | None) -> Metadata:
    """Let metadata carry the exchange."""
    made = CarryingMetadata(metadata)
    made.extensions = carried(exchange)
    return made


def speaks_grpc(exchange: Exchange | None) -> bool:
    """Tell whether an answer came from a gRPC server, so that its body is frames."""
    if exchange is None or exchange.response.status != _OK_HTTP:
        return False
    for name, value in exchange.response.headers:
        if name.lower() == "content-type":
            return value.startswith(CONTENT_TYPE)
    return False


def status_of_reply(reply: Reply | AsyncReply, body: bytes) -> Status:
    """Tell how a call ended.

    Args:
        reply: whose body has ended.
        body: what is left of it that was no frames.
    """
    exchange = reply.exchange
    if exchange is None:
        return Status(_UNAVAILABLE, _unreachable(reply))
    head = exchange.response
    if grpc_status_in(head.headers) is not None:
        # Without a body the head has the trailers in it.
        found = status_of(head.headers)
    else:
        found = status_of(reply.trailers()) if reply.trailers is not None else None
    if found is not None:
        return found
    trailing = tuple((k, v) for k, v in metadata_of(head.headers) if k == REQUEST_ID)
    code = status_of_http(head.status) if head.status != _OK_HTTP else _UNKNOWN
    forwarded = isinstance(reply.decision.outcome, Forwarded)
    if forwarded and exchange.failure_reason is None:
        # As grpc words an answer that is plain HTTP.
        return Status(code, f"Received http2 header with status: {head.status}")
    return Status(code, body.decode("utf-8", "replace"), trailing)


def status_of_broken(error: FrameError | TargetError) -> Status:
    """Tell how a call ended whose body could not be read to its end.

    Args:
        error: the body consists of no frames, or it was broken off.
    """
    # gRPC: a connection that ends before the trailers is UNAVAILABLE
    code = _INTERNAL if isinstance(error, FrameError) else _UNAVAILABLE
    return Status(code, str(error))


def _unreachable(reply: Reply | AsyncReply) -> str:
    outcome = reply.decision.outcome
    if not isinstance(outcome, Unreachable):
        raise TypeError(f"no exchange for outcome `{outcome}`")
    return f"failed to connect to all addresses; {outcome.error}: {outcome.reason}"


def carried(exchange: Exchange | None) -> dict[str, Any]:
    """Return what assertions find an exchange by."""
    return {} if exchange is None else {EXTENSION: exchange}


def explanation(reply: Reply | AsyncReply) -> str | None:
    """Explain an answer that the network made itself; None for a target's."""
    if reply.exchange is None or isinstance(reply.decision.outcome, Denied):
        return reply.decision.explain()
    return None
