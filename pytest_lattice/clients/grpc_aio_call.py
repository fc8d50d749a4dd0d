"""One call of a `grpc.aio` channel: a task that asks the network, and its answers.

The task runs on the caller's loop; responses wait in a queue until they are read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pytest_lattice.clients.grpc_request import (
    carried,
    initial_metadata,
    speaks_grpc,
    status_of_broken,
    status_of_reply,
)
from pytest_lattice.errors import HIDE, TargetError
from pytest_lattice.model.grpc_wire import (
    EXPIRED,
    INVALID_METADATA,
    LINE,
    FrameError,
    Line,
    Status,
    amessages,
    frame,
)
from pytest_lattice.model.message import ClientGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from typing import Self

    from pytest_lattice.clients.grpc_request import Endpoint
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.grpc_wire import Metadata

__tracebackhide__ = HIDE

CODES = {code.value[0]: code for code in grpc.StatusCode}
# How many responses the network may be ahead of their reader.
_AHEAD = 16
_MIXED = "The iterator and read/write APIs may not be mixed on a single RPC."
_CANCELLED = Status(1, "Locally cancelled by application!")


class _GoneError(Exception):
    """The client ended the call while its requests were being read."""


class NetworkAioRpcError(grpc.aio.AioRpcError):
    """The error of a call, which carries its `Exchange` for assertions."""

    extensions: dict[str, Any]


def coded(message: Any, coder: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # a message, or bytes
    """Write or read a message; nothing where that fails, which grpc.aio only logs."""
    try:
        return coder(message)
    except Exception:
        logging.getLogger("grpc.aio").exception("a message cannot be coded")
        return None


class AioCall(grpc.aio.Call):
    """What both kinds of call have in common.

    Args:
        endpoint: where it goes.
        method: ``/package.Service/Method``.
        serialize: writes a request; None where requests are bytes.
        deserialize: reads a response; None where responses are bytes.
        timeout: seconds; None for no deadline.
        metadata: of the call.
    """

    _bounded = _writes = _half_closed = False

    def __init__(
        self,
        endpoint: Endpoint,
        method: str,
        *,
        serialize: Callable[[Any], bytes] | None,
        deserialize: Callable[[bytes], Any] | None,
        timeout: float | None,
        metadata: Metadata,
    ) -> None:
        self._endpoint = endpoint
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize
        self._timeout = timeout
        self._metadata = metadata
        self._line = Line()
        self._status: Status | None = None
        self._initial: Metadata = ()
        self._error: BaseException | None = None
        self._cause: BaseException | None = None
        self._exchange: Exchange | None = None
        self._callbacks: list[Callable[[Any], None]] = []
        self._headed = False
        self._written: deque[Any] = deque()
        self._responses: deque[bytes] = deque()
        # Set when anything has changed; each who waits looks whether it is for him.
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, requests: Any, *, streams: bool) -> Self:  # noqa: ANN401  # messages
        """Make the call in a task.

        Args:
            requests: the request, or an iterable of requests, async or not; None
                where they will be written.
            streams: whether requests are a stream.
        """
        self._loop = asyncio.get_running_loop()
        self._writes = requests is None
        if self._timeout is not None and self._timeout <= 0:
            self._end(EXPIRED)
            return self
        self._task = self._loop.create_task(self._run(requests, streams=streams))
        if self._timeout is not None:
            self._endpoint.deadlines.add(self, self._timeout)
            self._timer = self._loop.call_later(self._timeout, self._expire)
        return self

    async def _until(self, ready: Callable[[], object]) -> None:
        while not ready():
            self._news.clear()
            await self._news.wait()

    def expire(self) -> None:
        """End the call, from any thread, because its deadline has passed."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._expire)

    def _expire(self) -> None:
        if self._end(EXPIRED, cancel=True) and self._task is not None:
            self._task.cancel()

    async def _run(self, requests: Any, *, streams: bool) -> None:  # noqa: ANN401  # see `begin`
        try:
            await self._ask(requests, streams=streams)
        except asyncio.CancelledError:
            self._end(_CANCELLED, cancel=True)
        except _GoneError:
            pass
        except ClientGoneError:
            self._end(EXPIRED, cancel=True)
        except BaseException as error:  # noqa: BLE001  # raised where it is asked for
            self._end(Status(2, f"{error}"), error=error)

    async def _ask(self, requests: Any, *, streams: bool) -> None:  # noqa: ANN401  # see `begin`
        LINE.set(self._line)
        try:
            request = self._endpoint.request(
                self._method, self._metadata, self._timeout
            )
        except ValueError as error:
            self._end(INVALID_METADATA, cause=error)
            return
        body: Any
        body = self._bodies(requests) if streams else self._framed(requests)
        reply = await self._endpoint.entrance.ahandle(request, body)
        self._exchange = reply.exchange
        if not speaks_grpc(reply.exchange):
            whole = reply.body
            if not isinstance(whole, bytes):
                whole = b"".join([chunk async for chunk in whole])
            # A servicer that was given up still works.
            self._end(status_of_reply(reply, whole), cancel=True)
            return
        self._initial = initial_metadata(reply.exchange)
        self._headed = True
        self._news.set()
        try:
            async for message in amessages(reply.body):
                self._responses.append(message)
                self._news.set()
                if self._bounded:
                    await self._until(lambda: len(self._responses) < _AHEAD)
        except (FrameError, TargetError) as error:
            self._end(status_of_broken(error))
            return
        finally:
            if not isinstance(reply.body, bytes):
                await reply.body.aclose()  # type: ignore[attr-defined]  # ours can
        self._end(status_of_reply(reply, b""))

    async def _bodies(self, requests: Any) -> AsyncIterator[bytes]:  # noqa: ANN401  # see `begin`
        """Write requests as frames, when the target asks for them."""
        try:
            if requests is None:
                while (request := await self._next_written()) is not grpc.aio.EOF:
                    yield self._framed(request)
            elif hasattr(requests, "__aiter__"):
                async for request in requests:
                    yield self._framed(request)
            else:
                for request in requests:
                    yield self._framed(request)
        except Exception as error:
            self._end(_CANCELLED, cause=error)
            raise _GoneError from error

    async def _next_written(self) -> Any:  # noqa: ANN401  # a message, or EOF
        await self._until(lambda: self._written)
        return self._written.popleft()

    def _framed(self, request: Any) -> bytes:  # noqa: ANN401  # a message
        serialize = self._serialize
        message = request if serialize is None else coded(request, serialize)
        # grpc.aio takes nothing for an empty message.
        return frame(b"" if message is None else message)

    def _end(
        self,
        status: Status,
        *,
        error: BaseException | None = None,
        cause: BaseException | None = None,
        cancel: bool = False,
    ) -> bool:
        if self._status is not None:
            return False
        self._status, self._error = status, error
        self._cause = cause or self._line.error
        self._headed = True
        self._news.set()
        if self._timer is not None:
            self._timer.cancel()
        if cancel:
            self._line.cancel()
        callbacks, self._callbacks = self._callbacks, []
        for each in callbacks:
            each(self)
        return True

    # ---- what came of it ----------------------------------------------------

    @property
    def extensions(self) -> dict[str, Any]:
        """Hold the `Exchange`, for assertions."""
        return carried(self._exchange)

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error
        status = self._status
        if status is None or not status.code:
            return
        if self.cancelled():
            # Whoever canceled it; so does grpc.aio.
            raise asyncio.CancelledError from self._cause
        error = NetworkAioRpcError(
            CODES.get(status.code, grpc.StatusCode.UNKNOWN),
            grpc.aio.Metadata(*self._initial),
            grpc.aio.Metadata(*status.trailing),
            status.details,
            "" if self._exchange is None else self._exchange.explain(),
        )
        error.extensions = self.extensions
        raise error from self._cause

    def _read(self, raw: bytes) -> Any:  # noqa: ANN401  # a message
        return raw if self._deserialize is None else coded(raw, self._deserialize)

    async def _settled(self) -> Status:
        await self._until(self.done)
        if self._error is not None:
            raise self._error
        return self._status or Status(2)

    async def code(self) -> grpc.StatusCode:
        """Wait for the status."""
        return CODES.get((await self._settled()).code, grpc.StatusCode.UNKNOWN)

    async def details(self) -> str:
        """Wait for the message of the status."""
        return (await self._settled()).details

    async def debug_error_string(self) -> str:
        """Explain what the network decided."""
        await self._settled()
        return "" if self._exchange is None else self._exchange.explain()

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """Wait for the metadata of the head."""
        await self._until(lambda: self._headed)
        return grpc.aio.Metadata(*self._initial)

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """Wait for the metadata of the status."""
        return grpc.aio.Metadata(*(await self._settled()).trailing)

    async def wait_for_connection(self) -> None:
        """Wait for the head, or for the error in its place."""
        await self._until(lambda: self._headed)
        self._raise_if_failed()

    def cancelled(self) -> bool:
        """Tell whether the call ended with CANCELLED."""
        return self._status is not None and self._status.code == 1

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return self._status is not None

    def time_remaining(self) -> float | None:
        """Return the deadline: the network's clock stands still while a call waits."""
        return self._timeout

    def cancel(self) -> bool:
        """End the call with CANCELLED."""
        ended = self._end(_CANCELLED, cancel=True)
        if ended and self._task is not None:
            self._task.cancel()
        return ended

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with the call when it ends, or now."""
        if self._status is not None:
            callback(self)
        else:
            self._callbacks.append(callback)

    # ---- requests that are written ------------------------------------------

    async def write(self, request: Any) -> None:  # noqa: ANN401  # a message
        """Send a request.

        Raises:
            asyncio.InvalidStateError: the call has ended, or its requests have.
            grpc.aio.UsageError: requests come from an iterator.
        """
        self._check_writing()
        if self._status is not None:
            raise asyncio.InvalidStateError("RPC already finished.")
        if self._half_closed:
            raise asyncio.InvalidStateError(
                'RPC is half closed after calling "done_writing".'
            )
        self._written.append(request)
        self._news.set()
        await asyncio.sleep(0)

    async def done_writing(self) -> None:
        """Send no more requests."""
        self._check_writing()
        if not self._half_closed:
            self._half_closed = True
            self._written.append(grpc.aio.EOF)
            self._news.set()

    def _check_writing(self) -> None:
        if not self._writes:
            raise grpc.aio.UsageError(_MIXED)


class OneResponse(AioCall, grpc.aio.UnaryUnaryCall, grpc.aio.StreamUnaryCall):  # type: ignore[type-arg]  # any messages
    """A call with one response, which is awaited."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the response."""
        return self._response().__await__()

    async def _response(self) -> Any:  # noqa: ANN401  # a message
        try:
            await self._until(self.done)
        except asyncio.CancelledError:
            self.cancel()
            raise
        self._raise_if_failed()
        if not self._responses:
            self._status = Status(12, "Received no message for a unary response")
            self._raise_if_failed()
        return self._read(self._responses[0])


class ManyResponses(AioCall, grpc.aio.UnaryStreamCall, grpc.aio.StreamStreamCall):  # type: ignore[type-arg]  # any messages
    """A call with a stream of responses, which is iterated or read."""

    _bounded = True
    _iterates: bool | None = None

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the responses.

        Raises:
            grpc.aio.UsageError: one was read.
        """
        self._check_reading(iterates=True)
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Any]:
        while (response := await self._next()) is not grpc.aio.EOF:
            yield response

    async def read(self) -> Any:  # noqa: ANN401  # a message, or EOF
        """Wait for the next response; EOF is the end.

        Raises:
            grpc.aio.UsageError: they are iterated over.
        """
        if self._responses or self._status is None:
            self._check_reading(iterates=False)
        return await self._next()

    def _check_reading(self, *, iterates: bool) -> None:
        if self._iterates is (not iterates):
            raise grpc.aio.UsageError(_MIXED)
        self._iterates = iterates

    async def _next(self) -> Any:  # noqa: ANN401  # see `read`
        try:
            await self._until(lambda: self._responses or self._status is not None)
        except asyncio.CancelledError:
            self.cancel()
            raise
        if not self._responses or self.cancelled():
            self._raise_if_failed()
            return grpc.aio.EOF
        raw = self._responses.popleft()
        self._news.set()
        return self._read(raw)
