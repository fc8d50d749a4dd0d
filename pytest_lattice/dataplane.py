"""The path of one request: decide, call the target, record.

The blocking and the async path differ only in how the target is called; all else
is shared.  It holds the compiled state; apps are asked of the network.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_lattice.clients.base import AsyncReply, Reply
from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.decision.exchange import Exchange, failure_reason_of
from pytest_lattice.errors import (
    BlockingCallError,
    ConfigurationError,
    LatticeError,
)
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.message import ClientGoneError, LatticeResponse
from pytest_lattice.model.outcome import Denied, Unreachable, Unroutable
from pytest_lattice.routing.forwarding import (
    added_headers,
    request_id_of,
    to_client,
    to_target,
)
from pytest_lattice.routing.limits import TEXTS, ended_by
from pytest_lattice.streams import Body, Ending, RequestBody, cut_of, too_late
from pytest_lattice.targets.base import (
    CutError,
    Route,
    TargetRequest,
    aclose_body,
    close_body,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        Callable,
        Iterable,
    )

    from pytest_lattice.clock import Clock
    from pytest_lattice.decision.admission import Admission, Admit
    from pytest_lattice.health.checks import HealthChecks
    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.model.outcome import Outcome
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.routing.state import State, TargetState
    from pytest_lattice.routing.weights import Draw
    from pytest_lattice.targets.base import AppTarget, AsyncTargetReply, TargetReply

# AWS: K8S e2e of aws-application-networking-k8s: a fixed 404 holds "Not Found"; the
# other bodies are the reason phrase by analogy
_BODIES = {
    400: b"Bad Request",
    404: b"Not Found",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}


# The client's VPC, the listener's port and the chosen target.
_HopKey: TypeAlias = "tuple[str, int, TargetState]"


class _Flight(NamedTuple):
    """A request that is on its way."""

    decision: Decision
    request_id: str
    call: TargetRequest | None
    app: AppTarget | None


class DataPlane:
    """Answers requests on a compiled state and tells what happened.

    Args:
        clock: the network's clock.
        draw: where choices come from.
        id_prefix: how request ids begin; with a counter they are UUID-like.
        app_of: finds what answers behind a target.
        record: called with each finished exchange.
        health: makes first health checks before requests; None where there are none.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        draw: Draw,
        id_prefix: str,
        app_of: Callable[[TargetGroup, Target], AppTarget],
        record: Callable[[Exchange], None],
        health: HealthChecks | None = None,
    ) -> None:
        """Start without a state."""
        # Changed together, so that no request sees one without the other.
        self._compiled: tuple[State | None, Admit | None] = (None, None)
        self._clock = clock
        self._draw = draw
        self._id_prefix = id_prefix
        # Counting is one step, so threads need no lock.
        self._ids = count(1)
        self._app_of = app_of
        self._record = record
        self._health = health
        if health is not None:
            health.changed = self.reroute
        self._hops: dict[_HopKey, tuple[AppTarget, Route, Headers]] = {}
        # Streamed bodies that did not end yet.
        self._open: set[Ending] = set()

    def close(self) -> None:
        """Answer no more, and record what clients dropped without closing it.

        Not when garbage is collected, which is at another moment in every run.
        """
        try:
            for ending in list(self._open):
                ending.finish("ClientConnectionClosed")
        finally:
            self.use(None)

    def use(self, state: State | None, admission: Admission | None = None) -> None:
        """Decide on another state from now on; requests in flight keep theirs.

        Args:
            state: the compiled configuration; None answers no more.
            admission: who is let in; None for everybody.
        """
        self._compiled = (state, None if admission is None else admission.admit)
        self._hops = {}

    def reroute(self) -> None:
        """Forget the ways to targets, since other targets serve from now on."""
        self._hops = {}

    @property
    def state(self) -> State | None:
        """The state that requests are decided on; None once it is closed."""
        return self._compiled[0]

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Answer a request, blocking the calling thread."""
        if self._health is not None and self._health.awaiting:
            self._health.begin()
        flight = self._start(request)
        received = RequestBody(body, flight.decision.now)
        if flight.call is None or flight.app is None:
            exchange, own = self._own_answer(flight, received)
            return Reply(flight.decision, exchange, own)
        if not isinstance(body, bytes):
            body = received.counted(body, self._clock)
        cut = None
        try:
            reply = flight.app.call(flight.call, body)
            if self._clock.microseconds != received.last:
                cut = too_late(flight.call, received.last, self._clock.microseconds)
                if cut is not None:
                    close_body(reply.body)
        except CutError as error:
            cut = error
        except BaseException as error:
            self._failed(flight, received, error)
            raise
        if cut is not None:
            return Reply(flight.decision, *self._answer(flight, received, cut))
        if isinstance(reply.body, bytes):
            exchange = self._exchange(flight, reply, received, len(reply.body))
            self._record(exchange)
            return Reply(flight.decision, exchange, reply.body, reply.trailers)
        end = self._stream_end(flight, reply, received)
        return Reply(
            flight.decision,
            self._exchange(flight, reply, received, 0),
            Body(reply.body, flight.call, self._clock, end),
            reply.trailers,
        )

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Answer a request without blocking the running event loop."""
        if self._health is not None and self._health.awaiting:
            await self._health.abegin()
        flight = self._start(request)
        received = RequestBody(body, flight.decision.now)
        if flight.call is None or flight.app is None:
            exchange, own = self._own_answer(flight, received)
            return AsyncReply(flight.decision, exchange, own)
        if not isinstance(body, bytes):
            body = received.acounted(body, self._clock)
        cut = None
        try:
            answer = await flight.app.acall(flight.call, body)
            if self._clock.microseconds != received.last:
                cut = too_late(flight.call, received.last, self._clock.microseconds)
                if cut is not None:
                    await aclose_body(answer.body)
        except BaseException as error:
            now = self._clock.microseconds
            cut = cut_of(error, flight.call, received.last, now)
            if cut is None:
                self._failed(flight, received, error)
                raise
        if cut is not None:
            return AsyncReply(flight.decision, *self._answer(flight, received, cut))
        if isinstance(answer.body, bytes):
            exchange = self._exchange(flight, answer, received, len(answer.body))
            self._record(exchange)
            return AsyncReply(flight.decision, exchange, answer.body, answer.trailers)
        end = self._stream_end(flight, answer, received)
        return AsyncReply(
            flight.decision,
            self._exchange(flight, answer, received, 0),
            Body(answer.body, flight.call, self._clock, end),
            answer.trailers,
        )

    def full_name(self, host: str) -> str:
        """Expand a service's short name to its generated DNS name.

        Raises:
            ConfigurationError: there is no such service.
        """
        if self.state is None:
            raise LatticeError("the network is closed")
        return self.state.configuration.service(host).dns_name

    # ---- the shared steps ---------------------------------------------------

    def _start(self, request: LatticeRequest) -> _Flight:
        (state, admit), now = self._compiled, self._clock.microseconds
        if state is None:
            raise LatticeError("the network is closed")
        decision = decide(state, request, now=now, draw=self._draw, admit=admit)
        request_id = request_id_of(request.headers)
        if request_id is None:
            request_id = f"{self._id_prefix}{next(self._ids):012x}"
        target = decision.target_state
        if target is None:
            return _Flight(decision, request_id, None, None)
        key = (request.source.vpc, request.port, target)
        hop = self._hops.get(key)
        if hop is None:
            app = self._app_of(target.outcome.target_group, target.target)
            hop = self._hops[key] = (app, *_route(decision, target))
        app, route, added = hop
        if decision.access is not None:
            added = (*added, *decision.access.identity_headers)
        headers = to_target(request.headers, added, request.source.address, request_id)
        call = TargetRequest(request, headers, route, request_id, now)
        return _Flight(decision, request_id, call, app)

    def _own_answer(
        self, flight: _Flight, received: RequestBody
    ) -> tuple[Exchange | None, bytes]:
        """Answer in place of a target, or not at all."""
        if isinstance(flight.decision.outcome, Unreachable):
            return None, b""
        return self._answer(flight, received, None)

    def _answer(
        self, flight: _Flight, received: RequestBody, cut: CutError | None
    ) -> tuple[Exchange, bytes]:
        """Answer, as decided or for a target that has not answered in time."""
        decision = flight.decision
        # AWS is silent: our choice of the status of a target that is too late
        status = 504 if cut is not None else _own_status(decision.outcome)
        body = _BODIES.get(status, b"")
        if isinstance(decision.outcome, Denied):
            body = decision.outcome.body.encode("utf-8", "replace")
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
            received.size,
            len(body),
            failure_reason=failure_reason_of(decision),
        )
        if cut is not None:
            exchange = exchange._replace(
                to_target=(received.last - decision.now) // 1000,
                duration=(cut.when - decision.now) // 1000,
                failure_reason=cut.reason,
                detail=str(cut),
            )
        self._record(exchange)
        return exchange, body

    def _exchange(
        self,
        flight: _Flight,
        reply: TargetReply | AsyncTargetReply,
        received: RequestBody,
        sent: int,
        *,
        began: int | None = None,
    ) -> Exchange:
        """Build the exchange as of now; a streamed response began earlier."""
        response, start = reply.response, flight.decision.now
        now = self._clock.microseconds
        headers = to_client(response.headers, flight.request_id)
        return Exchange(
            flight.decision,
            LatticeResponse(response.status, headers),
            flight.request_id,
            received.size,
            sent,
            (received.last - start) // 1000,
            0 if began is None else (now - began) // 1000,
            (now - start) // 1000,
            reply.failure_reason,
            reply.detail,
            None if reply.trailers is None else _grpc_status(reply.trailers()),
        )

    def _failed(
        self, flight: _Flight, received: RequestBody, error: BaseException
    ) -> None:
        """Record that no answer came; the client gets the error itself."""
        if isinstance(error, ConfigurationError | BlockingCallError):
            return  # the target was not asked
        start = flight.decision.now
        status, reason, detail = _failure_of(error, received)
        self._record(
            Exchange(
                flight.decision,
                LatticeResponse(status, ()),
                flight.request_id,
                received.size,
                0,
                to_target=(received.last - start) // 1000,
                duration=(self._clock.microseconds - start) // 1000,
                failure_reason=reason,
                detail=detail,
            )
        )

    def _stream_end(
        self,
        flight: _Flight,
        reply: TargetReply | AsyncTargetReply,
        received: RequestBody,
    ) -> Ending:
        """Say what is recorded when the last byte of a streamed body is through."""
        began = self._clock.microseconds
        # Who drops a response shall also drop what the target still streams.
        reply = reply._replace(body=b"")

        def end(sent: int, failure_reason: str | None) -> None:
            # A target may answer while it still reads; no moment counts twice.
            later = max(began, received.last)
            exchange = self._exchange(flight, reply, received, sent, began=later)
            if failure_reason is not None:
                if received.error is not None:
                    failure_reason = "ClientConnectionClosed"
                exchange = exchange._replace(failure_reason=failure_reason)
                exchange = _broken_off(exchange, ending.error, later)
            self._open.discard(ending)
            self._record(exchange)

        ending = Ending(end)
        self._open.add(ending)
        return ending


def _failure_of(
    error: BaseException, received: RequestBody
) -> tuple[int, str | None, str]:
    """Give status, failure reason and detail of a request that has no answer."""
    name = type(error).__name__
    if error is received.error and isinstance(error, Exception):
        # AWS: vpc-lattice/latest/ug/monitoring-access-logs: 400, client closed
        detail = f"the body of the request raised {name}: {error}"
        return 400, "ClientConnectionClosed", detail
    if isinstance(error, Exception):
        # The target's server would have answered so.
        return 500, None, f"the target raised {name}: {error}"
    if (limit := ended_by(error)) is not None:
        # AWS is silent on the status: our choice
        return 504, limit, TEXTS[limit]
    # AWS: vpc-lattice/latest/ug/monitoring-access-logs: 400, client closed
    # A client that gave up says why.
    gave_up = isinstance(error, ClientGoneError) and str(error)
    detail = "the request was broken off"
    detail += f": {error}" if gave_up else f" by {name}"
    return 400, "ClientConnectionClosed", detail


def _own_status(outcome: Outcome) -> int:
    if isinstance(outcome, FixedResponse):
        return outcome.status_code
    if isinstance(outcome, Unroutable | Denied):
        return outcome.status
    raise TypeError(f"outcome `{outcome}` without a target")


def _broken_off(
    exchange: Exchange, error: BaseException | None, began: int
) -> Exchange:
    """Say why a streamed body did not come to its end, where that is known.

    Args:
        exchange: as it would be, had nobody given up.
        error: what ended it.
        began: when the target's first byte came.
    """
    if isinstance(error, ClientGoneError) and str(error):
        return exchange._replace(detail=str(error))
    if not isinstance(error, CutError):
        return exchange
    return exchange._replace(
        detail=str(error),
        duration=(error.when - exchange.decision.now) // 1000,
        from_target=max(error.when - began, 0) // 1000,
        grpc_status=None,
    )


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
        idle_timeout=way.service.service.idle_timeout_seconds,
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


def _grpc_status(trailers: Headers) -> int | None:
    from pytest_lattice.model.grpc_wire import grpc_status_in

    return grpc_status_in(trailers)
