"""A target with faults: what it answers comes late, broken, or not at all.

It stands before whatever answers for the target, and says in each answer which fault
did it.  The blocking and the async path differ only in how they wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pytest_lattice.model.message import ClientGoneError, LatticeResponse
from pytest_lattice.routing.limits import limit_of
from pytest_lattice.targets.base import (
    AsyncTargetReply,
    CutError,
    TargetReply,
    aclose_body,
    close_body,
)

if TYPE_CHECKING:
    from pytest_lattice.model.fault import Fault
    from pytest_lattice.targets.base import (
        AppTarget,
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )
    from pytest_lattice.targets.lambda_event import LambdaSettings
    from pytest_lattice.targets.waiting import Waits

# AWS is silent on each status: our choice.  Its table says 500 for a target that
# cannot be reached, field reports say 503.
_SERVER_FAILURES = {
    "refused": (503, "TargetConnectionError", "connection refused"),
    "closed": (502, "TargetConnectionClosed", "connection closed without an answer"),
    "garbled": (502, "TargetProtocolError", "the answer is not HTTP"),
}
_FUNCTION_FAILURES = {
    "throttled": "the function is throttled",
    "crashed": "the function crashed",
    "timed out": "the function timed out",
}
_SECOND = 1_000_000
_Reply = TypeVar("_Reply", TargetReply, AsyncTargetReply)


class CountedFault:
    """A fault, and how many requests it met.

    Args:
        fault: the fault.
    """

    def __init__(self, fault: Fault) -> None:
        """Start with none."""
        self.fault = fault
        # Counting is one step, so threads need no lock.
        self._met = count()

    def meets(self) -> bool:
        """Count one more request, and tell whether the fault still meets it."""
        return self.fault.times is None or next(self._met) < self.fault.times


class _Met(NamedTuple):
    """The faults that one request met.

    Args:
        late: those that take time before the answer, and how many seconds.
        instead: the one that answers in place of the target.
        body: those of the answer's body.
    """

    late: tuple[tuple[Fault, float], ...]
    instead: Fault | None
    body: tuple[Fault, ...]


class FaultyTarget:
    """A target behind faults.

    Args:
        target: what answers when they let it.
        faults: in the order in which they act.
        waits: where time passes.
        settings: what is chosen for Lambda functions.
    """

    def __init__(
        self,
        target: AppTarget,
        faults: tuple[CountedFault, ...],
        *,
        waits: Waits,
        settings: LambdaSettings,
    ) -> None:
        self._target = target
        self._faults = faults
        self._waits = waits
        self._settings = settings

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer, blocking the calling thread.

        Raises:
            CutError: the answer came too late for the network.
            ClientGoneError: it came too late for the client's own timeout.
        """
        met = self._meet(request)
        if met.instead is None:
            reply = self._target.call(request, body)
        else:
            reply = TargetReply(*self._answer(request, met.instead))
        try:
            for fault, seconds in met.late:
                self.wait(request, fault, seconds)
        except BaseException:
            close_body(reply.body)
            raise
        return self._told(reply, request, met)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer without blocking the running event loop; see `call`."""
        met = self._meet(request)
        if met.instead is None and met.late and not request.is_probe:
            with self._waits.coming():
                reply = await self._target.acall(request, body)
        elif met.instead is None:
            reply = await self._target.acall(request, body)
        else:
            reply = AsyncTargetReply(*self._answer(request, met.instead))
        try:
            for fault, seconds in met.late:
                await self.await_(request, fault, seconds)
        except BaseException:
            await aclose_body(reply.body)
            raise
        return self._told(reply, request, met)

    def close(self) -> None:
        """Release nothing; the target behind belongs to others."""

    def _meet(self, request: TargetRequest) -> _Met:
        """Tell which faults act; after one that answers no other does."""
        late: list[tuple[Fault, float]] = []
        body: list[Fault] = []
        for each in self._faults:
            fault = each.fault
            # Our choice: the first requests are meant, and a probe is none.
            if request.is_probe and fault.times is not None:
                continue
            if not each.meets():
                continue
            if fault.latency is not None:
                late.append((fault, fault.latency))
            elif fault.failure is None and fault.status is None:
                body.append(fault)
            else:
                if fault.failure == "timed out":
                    late.append((fault, self._settings.timeout_ms / 1000))
                return _Met(tuple(late), fault, tuple(body))
        return _Met(tuple(late), None, tuple(body))

    def _answer(
        self, request: TargetRequest, fault: Fault
    ) -> tuple[LatticeResponse, bytes, str | None]:
        """Answer in place of the target."""
        reason: str | None = None
        if fault.status is not None:
            status, body = fault.status, fault.body
            content = body.encode() if isinstance(body, str) else body
            headers: tuple[tuple[str, str], ...] = ()
        else:
            status, reason = self._failure(fault)
            # our choice: the bare reason phrase as text
            content = HTTPStatus(status).phrase.encode()
            headers = (("content-type", "text/plain"),)
        headers += (("content-length", str(len(content))),)
        if request.request.method == "HEAD":
            content = b""
        return LatticeResponse(status, headers), content, reason

    def _told(self, reply: _Reply, request: TargetRequest, met: _Met) -> _Reply:
        """Let a reply say which faults it met, and break its body."""
        faults = [fault for fault, _ in met.late] + list(met.body)
        if met.instead is not None and met.instead not in faults:
            faults.append(met.instead)
        if not faults:
            return reply
        said = [] if reply.detail is None else [reply.detail]
        said += [_as_said(_what(each), each) for each in faults]
        body: Any = reply.body
        if met.body and body != b"":
            chunks = _Once(body) if isinstance(body, bytes) else body
            body = _Broken(self, request, chunks, met.body)
        return reply._replace(body=body, detail="; ".join(said))

    def _failure(self, fault: Fault) -> tuple[int, str]:
        found = _SERVER_FAILURES.get(fault.failure or "")
        if found is not None:
            return found[0], found[1]
        return self._settings.error_status, "TargetProtocolError"

    @property
    def now(self) -> int:
        """The time, in microseconds since 1970."""
        return self._waits.now

    # ---- time ----------------------------------------------------------------

    def wait(self, request: TargetRequest, fault: Fault, seconds: float) -> None:
        """Wait, unless somebody gives up before.

        Raises:
            CutError: the network gave up.
            ClientGoneError: the client did.
        """
        microseconds, gave_up = self._until(request, fault, seconds)
        self._waits.wait(microseconds, real=_really(request, fault))
        if gave_up is not None:
            raise gave_up

    async def await_(
        self, request: TargetRequest, fault: Fault, seconds: float
    ) -> None:
        """Wait without blocking the running event loop; see `wait`."""
        microseconds, gave_up = self._until(request, fault, seconds)
        await self._waits.await_(microseconds, real=_really(request, fault))
        if gave_up is not None:
            raise gave_up

    def _until(
        self, request: TargetRequest, fault: Fault, seconds: float
    ) -> tuple[int, BaseException | None]:
        """Tell how long is waited, and who does not wait any longer."""
        now = self.now
        gave_up: BaseException | None = None
        when = now + round(seconds * _SECOND)
        limit = limit_of(
            request.route.idle_timeout, began=request.time_epoch, heard=now
        )
        if when > limit.when:
            when = max(limit.when, now)
            gave_up = CutError(limit.reason, _as_said(limit.text, fault), when)
        for then, text in _patience(request, now):
            if then <= when:
                when, gave_up = then, ClientGoneError(_as_said(text, fault))
        return when - now, gave_up


class _Once(Iterator[bytes], AsyncIterator[bytes]):
    """A whole body as the one chunk that it is."""

    def __init__(self, body: bytes) -> None:
        self._left = [body]

    def __next__(self) -> bytes:
        if not self._left:
            raise StopIteration
        return self._left.pop()

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


class _Broken(Iterator[bytes], AsyncIterator[bytes]):
    """A body that comes slowly, or breaks off.

    Args:
        target: lets it wait.
        request: the request it answers.
        chunks: the body, for a blocking or for an async caller.
        faults: what is wrong with it.
    """

    def __init__(
        self,
        target: FaultyTarget,
        request: TargetRequest,
        chunks: Any,  # noqa: ANN401  # an iterator of either kind
        faults: tuple[Fault, ...],
    ) -> None:
        self._target = target
        self._request = request
        self._chunks = chunks
        self._slow = [(each, each.chunk_delay) for each in faults if each.chunk_delay]
        # How many bytes are left to come, and what is said then.
        self._left: int | None = None
        self._said, self._torn = "", False
        for each in faults:
            after = each.reset_after
            if after is not None and (self._left is None or after < self._left):
                self._left, self._said = after, _as_said(_what(each), each)

    def __next__(self) -> bytes:
        if self._torn:
            raise self._cut()
        chunk: bytes = next(self._chunks)
        for fault, seconds in self._slow:
            self._target.wait(self._request, fault, seconds)
        return self._passed(chunk)

    async def __anext__(self) -> bytes:
        if self._torn:
            raise self._cut()
        chunk: bytes = await anext(self._chunks)
        for fault, seconds in self._slow:
            await self._target.await_(self._request, fault, seconds)
        return self._passed(chunk)

    def _passed(self, chunk: bytes) -> bytes:
        """Give as much of a chunk as comes before the reset."""
        if self._left is None:
            return chunk
        passed = chunk[: self._left]
        self._left -= len(passed)
        self._torn = len(passed) < len(chunk)
        if self._torn and not passed:
            raise self._cut()
        return passed

    def _cut(self) -> CutError:
        return CutError("TargetConnectionClosed", self._said, self._target.now)

    def close(self) -> None:
        """Close the body behind."""
        close_body(self._chunks)

    async def aclose(self) -> None:
        """Close the body behind."""
        await aclose_body(self._chunks)


def _really(request: TargetRequest, fault: Fault) -> bool:
    # A probe is judged by the network's clock, and nobody waits for it.
    return fault.real and not request.is_probe


def _what(fault: Fault) -> str:
    """Say what a fault does."""
    if fault.latency is not None:
        return f"answered {_seconds(fault.latency)} later"
    if fault.status is not None:
        return "answered in place of the target"
    if fault.reset_after is not None:
        return f"connection reset after {fault.reset_after} bytes of the body"
    if fault.chunk_delay is not None:
        return f"each chunk of the body comes {_seconds(fault.chunk_delay)} later"
    failure = fault.failure or ""
    server = _SERVER_FAILURES.get(failure)
    return _FUNCTION_FAILURES[failure] if server is None else server[2]


def _seconds(seconds: float) -> str:
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def _as_said(what: str, fault: Fault) -> str:
    return f"{what}, as {fault!r} says"


def _patience(request: TargetRequest, now: int) -> Iterator[tuple[int, str]]:
    """Tell until when the client waits, in microseconds since 1970, and why."""
    seconds = request.request.patience
    if seconds is not None:
        text = f"no answer within the client's timeout of {_seconds(seconds)}"
        yield now + round(seconds * _SECOND), text
    if any(name == "grpc-timeout" for name, _ in request.headers):
        from pytest_lattice.model.grpc_wire import timeout_in

        seconds = timeout_in(request.headers)
        if seconds is not None:
            then = request.time_epoch + round(seconds * _SECOND)
            yield max(then, now), "the deadline of the call passed"
