"""The path of one request: decide, call the target, record.

The blocking and the async path differ only in how the target is called; all else
is shared.  What the network knows (state, draws, targets, history) is asked of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_lattice.clients.base import AsyncReply, Reply
from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.decision.exchange import Exchange, failure_reason_of
from pytest_lattice.errors import ConfigurationError, LatticeError
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.model.outcome import Unreachable, Unroutable
from pytest_lattice.model.service import FixedResponse
from pytest_lattice.routing.forwarding import (
    added_headers,
    request_id_of,
    to_client,
    to_target,
)
from pytest_lattice.targets.base import Route, TargetRequest

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Iterable,
        Iterator,
    )

    from pytest_lattice.clock import Clock
    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.routing.state import State, TargetState
    from pytest_lattice.routing.weights import Draw
    from pytest_lattice.targets.base import AppTarget, AsyncTargetReply, TargetReply

# AWS: K8S e2e of aws-application-networking-k8s: a fixed 404 holds "Not Found"; the
# other bodies are the reason phrase by analogy (facts Q30)
_BODIES = {
    400: b"Bad Request",
    404: b"Not Found",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}


# An iterator for a blocking client, an async one for an async client.
_Chunks: TypeAlias = Any


class _Flight(NamedTuple):
    """A request that is on its way."""

    decision: Decision
    request_id: str
    call: TargetRequest | None
    app: AppTarget | None


class _Counter:
    """How many bytes of a body passed."""

    __slots__ = ("size",)

    def __init__(self, size: int = 0) -> None:
        self.size = size


class DataPlane:
    """Answers requests on a compiled state and keeps what happened.

    Args:
        clock: the network's clock.
        draw: where choices come from.
        id_prefix: how request ids begin; with a counter they are UUID-like.
        history: how many exchanges are kept.
        app_of: finds what answers behind a target.
        record: called with each finished exchange.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        draw: Draw,
        id_prefix: str,
        history: int,
        app_of: Callable[[TargetGroup, Target], AppTarget],
        record: Callable[[Exchange], None],
    ) -> None:
        """Start without a state."""
        self.state: State | None = None
        self.exchanges: deque[Exchange] = deque(maxlen=history)
        #: How many exchanges there were in all.
        self.total = 0
        self._clock = clock
        self._draw = draw
        self._id_prefix = id_prefix
        self._requests = 0
        self._app_of = app_of
        self._record = record
        self._routes: dict[tuple[str, int, TargetState], tuple[Route, Headers]] = {}

    def use(self, state: State | None) -> None:
        """Decide on another state from now on; requests in flight keep theirs."""
        self.state = state
        self._routes = {}

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Answer a request, blocking the calling thread."""
        flight = self._start(request)
        if flight.call is None or flight.app is None:
            exchange, own = self._own_answer(flight)
            return Reply(flight.decision, exchange, own)
        count = _Counter(len(body) if isinstance(body, bytes) else 0)
        if not isinstance(body, bytes):
            body = _counted(body, count)
        try:
            reply = flight.app.call(flight.call, body)
        except Exception as error:
            self._failed(flight, count, error)
            raise
        if isinstance(reply.body, bytes):
            exchange = self._finish(flight, reply, count.size, len(reply.body))
            return Reply(flight.decision, exchange, reply.body)
        return Reply(
            flight.decision,
            self._exchange(flight, reply, count.size, 0),
            _Body(reply.body, self._stream_end(flight, reply, count)),
        )

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Answer a request without blocking the running event loop."""
        flight = self._start(request)
        if flight.call is None or flight.app is None:
            exchange, own = self._own_answer(flight)
            return AsyncReply(flight.decision, exchange, own)
        count = _Counter(len(body) if isinstance(body, bytes) else 0)
        if not isinstance(body, bytes):
            body = _acounted(body, count)
        try:
            answer = await flight.app.acall(flight.call, body)
        except Exception as error:
            self._failed(flight, count, error)
            raise
        if isinstance(answer.body, bytes):
            exchange = self._finish(flight, answer, count.size, len(answer.body))
            return AsyncReply(flight.decision, exchange, answer.body)
        return AsyncReply(
            flight.decision,
            self._exchange(flight, answer, count.size, 0),
            _Body(answer.body, self._stream_end(flight, answer, count)),
        )

    # ---- the shared steps ---------------------------------------------------

    def _start(self, request: LatticeRequest) -> _Flight:
        if self.state is None:
            raise LatticeError("the network is closed")
        now = self._clock.microseconds
        decision = decide(self.state, request, now=now, draw=self._draw)
        request_id = request_id_of(request.headers) or self._next_id()
        target = decision.target_state
        group = decision.group_state
        if target is None or group is None:
            return _Flight(decision, request_id, None, None)
        app = self._app_of(group.group, target.target)
        route, added = self._route(decision, target)
        headers = to_target(request.headers, added, request.source.address, request_id)
        call = TargetRequest(request, headers, route, request_id, now)
        return _Flight(decision, request_id, call, app)

    def _next_id(self) -> str:
        self._requests += 1
        return f"{self._id_prefix}{self._requests:012x}"

    def _route(self, decision: Decision, target: TargetState) -> tuple[Route, Headers]:
        request = decision.request
        key = (request.source.vpc, request.port, target)
        known = self._routes.get(key)
        if known is None:
            known = self._routes[key] = _route(decision, target)
        return known

    def _own_answer(self, flight: _Flight) -> tuple[Exchange | None, bytes]:
        """Answer in place of a target, or not at all."""
        decision, outcome = flight.decision, flight.decision.outcome
        if isinstance(outcome, Unreachable):
            return None, b""
        if isinstance(outcome, FixedResponse):
            status = outcome.status_code
        elif isinstance(outcome, Unroutable):
            status = outcome.status
        else:
            raise TypeError(f"outcome `{outcome}` without a target")
        body = _BODIES[status]
        headers: Headers = (
            ("content-type", "text/plain"),
            ("content-length", str(len(body))),
            ("x-amzn-requestid", flight.request_id),
        )
        if decision.request.method == "HEAD":
            body = b""
        exchange = Exchange(
            decision,
            LatticeResponse(status, headers),
            flight.request_id,
            0,
            len(body),
            failure_reason=failure_reason_of(decision),
        )
        self._keep(exchange)
        return exchange, body

    def _exchange(
        self,
        flight: _Flight,
        reply: TargetReply | AsyncTargetReply,
        received: int,
        sent: int,
    ) -> Exchange:
        response = reply.response
        headers = to_client(response.headers, flight.request_id)
        elapsed = self._clock.microseconds - flight.decision.now
        return Exchange(
            flight.decision,
            LatticeResponse(response.status, headers),
            flight.request_id,
            received,
            sent,
            duration=elapsed // 1000,
            failure_reason=reply.failure_reason,
            detail=reply.detail,
        )

    def _finish(
        self,
        flight: _Flight,
        reply: TargetReply | AsyncTargetReply,
        received: int,
        sent: int,
    ) -> Exchange:
        exchange = self._exchange(flight, reply, received, sent)
        self._keep(exchange)
        return exchange

    def _keep(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self.total += 1
        self._record(exchange)

    def _failed(self, flight: _Flight, count: _Counter, error: Exception) -> None:
        """Record that a target raised; its server would have answered 500."""
        if isinstance(error, ConfigurationError):
            return
        self._keep(
            Exchange(
                flight.decision,
                LatticeResponse(500, ()),
                flight.request_id,
                count.size,
                0,
                detail=f"the target raised {type(error).__name__}: {error}",
            )
        )

    def _stream_end(
        self, flight: _Flight, reply: TargetReply | AsyncTargetReply, received: _Counter
    ) -> Callable[[int, str | None], None]:
        """Say what is recorded when the last byte of a streamed body is through."""

        def end(sent: int, failure_reason: str | None) -> None:
            exchange = self._exchange(flight, reply, received.size, sent)
            if failure_reason is not None:
                exchange = replace(exchange, failure_reason=failure_reason)
            self._keep(exchange)

        return end


class _Body:
    """A streamed body that tells its size when it ends, however it ends."""

    def __init__(self, chunks: _Chunks, end: Callable[[int, str | None], None]) -> None:
        self._chunks = chunks
        self._end: Callable[[int, str | None], None] | None = end
        self._sent = 0

    def _finish(self, failure_reason: str | None) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(self._sent, failure_reason)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = next(self._chunks)
        except StopIteration:
            self._finish(None)
            raise
        except BaseException:
            self._finish("TargetConnectionClosed")
            raise
        self._sent += len(chunk)
        return chunk

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        self._finish("ClientConnectionClosed")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await anext(self._chunks)
        except StopAsyncIteration:
            self._finish(None)
            raise
        except BaseException:
            self._finish("TargetConnectionClosed")
            raise
        self._sent += len(chunk)
        return chunk

    async def aclose(self) -> None:
        aclose = getattr(self._chunks, "aclose", None)
        if aclose is not None:
            await aclose()
        self._finish("ClientConnectionClosed")


def _counted(body: Iterable[bytes], count: _Counter) -> Iterator[bytes]:
    for chunk in body:
        count.size += len(chunk)
        yield chunk


async def _acounted(
    body: AsyncIterable[bytes], count: _Counter
) -> AsyncIterator[bytes]:
    async for chunk in body:
        count.size += len(chunk)
        yield chunk


def _route(decision: Decision, target: TargetState) -> tuple[Route, Headers]:
    way, group = decision.way, decision.group_state
    if not (way.vpc and way.network and way.service and group):
        raise TypeError("a forwarded request has come all the way")
    route = Route(
        service_network_arn=way.network.arn,
        service_arn=way.service.arn,
        region=way.service.service.region,
        target_group=group.group,
        target=target.target,
        address=target.address,
        source_vpc_arn=way.vpc.arn,
    )
    added = added_headers(
        scheme=decision.request.scheme,
        port=decision.request.port,
        vpc_id=way.vpc.id,
        vpc_arn=way.vpc.arn,
        service_arn=way.service.arn,
        network_arn=way.network.arn,
        group_arn=group.arn,
    )
    return route, added
