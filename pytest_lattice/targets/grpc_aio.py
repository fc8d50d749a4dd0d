"""One call of a `grpc.aio` servicer, on the loop where the apps run.

The servicer is a task; callers of either kind take its responses from it, and it takes
their requests where they are.  What goes wrong becomes the status that a
`grpc.aio.server` would send.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from inspect import isasyncgenfunction
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from pytest_lattice.model.grpc_wire import (
    INVALID_METADATA,
    LINE,
    Frames,
    Status,
    frame,
    trailers_of,
)
from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.grpc_pull import from_loop, from_thread, whole
from pytest_lattice.targets.grpc_servicers import behavior_of
from pytest_lattice.targets.grpc_sync import Context, head_of, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from pytest_lattice.model.grpc_wire import Metadata
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )
    from pytest_lattice.targets.grpc_pull import Pull
    from pytest_lattice.targets.loop import Home

# How many responses a servicer may be ahead of its client.
_AHEAD = 16
_NUMBERS = {code.value[0] for code in grpc.StatusCode}


class AioContext(grpc.aio.ServicerContext):  # type: ignore[type-arg]  # any messages
    """What a servicer of `grpc.aio` asks and tells about its call.

    Args:
        rpc: the call.
        facts: what a blocking servicer would be told.
    """

    def __init__(self, rpc: AioRpc, facts: Context) -> None:
        self._rpc = rpc
        self._facts = facts
        self._code: Any = None
        self._details = ""
        self.trailing: Metadata = ()
        self.initial: Metadata | None = None
        self._callbacks: list[Callable[[Any], None]] = []

    async def read(self) -> Any:  # noqa: ANN401  # a message, or EOF
        """Read a request."""
        return await self._rpc.next_request()

    async def write(self, message: Any) -> None:  # noqa: ANN401  # a message
        """Send a response."""
        await self._rpc.send(message)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:  # noqa: ANN401  # pairs
        """Send the head of the response.

        Raises:
            grpc.aio.UsageError: it was sent before.
        """
        if self.initial is not None:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        self.initial = self._facts.sendable(tuple(initial_metadata))
        self._rpc.tell()

    async def abort(
        self,
        code: Any,  # noqa: ANN401  # a StatusCode
        details: str = "",
        trailing_metadata: Any = (),  # noqa: ANN401  # pairs
    ) -> NoReturn:
        """End the call with a status.

        Raises:
            grpc.aio.AbortError: always.
            grpc.aio.UsageError: it was aborted before.
        """
        if self._rpc.status is not None:
            raise grpc.aio.UsageError("Abort already called!")
        self.trailing = tuple(trailing_metadata or ()) or self.trailing
        self._code, self._details = code, details or self._details
        self._rpc.status = self.status(code)
        if not self._rpc.status.code:
            # grpc.aio trips over it and lets its client wait for ever.
            self._rpc.status = Status(2)
        raise grpc.aio.AbortError("Locally aborted.")

    async def abort_with_status(self, status: Any) -> NoReturn:  # noqa: ANN401  # a grpc.Status
        """End the call with a status and its trailing metadata."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:  # noqa: ANN401  # pairs
        """Keep what is sent with the status."""
        self.trailing = tuple(trailing_metadata)

    def trailing_metadata(self) -> Any:  # noqa: ANN401  # pairs
        """Return what is sent with the status."""
        return self.trailing

    def invocation_metadata(self) -> Any:  # noqa: ANN401  # pairs
        """Return the metadata of the call, with Lattice's headers."""
        return self._facts.invocation_metadata()

    def set_code(self, code: Any) -> None:  # noqa: ANN401  # a StatusCode
        """Keep the status for the end of the call."""
        self._code = code

    def code(self) -> Any:  # noqa: ANN401  # a StatusCode
        """Return the status as set."""
        return grpc.StatusCode.OK if self._code is None else self._code

    def set_details(self, details: str) -> None:
        """Keep the message of the status for the end of the call."""
        self._details = details

    def details(self) -> str:
        """Return the message of the status as set."""
        return self._details

    def status(self, code: Any, details: str | None = None) -> Status:  # noqa: ANN401  # a StatusCode
        """Return how the call ends: as set, or else as given."""
        if self._facts.invalid:
            return INVALID_METADATA
        number = _number_of(self._code) or _number_of(code)
        said = self._details if details is None else details
        return Status(number, said if number else "", self.trailing)

    def set_compression(self, compression: object) -> None:
        """Do nothing: messages are not compressed here."""

    def disable_next_message_compression(self) -> None:
        """Do nothing; see `set_compression`."""

    def peer(self) -> str:
        """Return Lattice's address, from which targets are called."""
        return self._facts.peer()

    def peer_identities(self) -> None:
        """Return nothing: Lattice shows targets no certificate."""

    def peer_identity_key(self) -> None:
        """Return nothing; see `peer_identities`."""

    def auth_context(self) -> Mapping[str, Any]:
        """Return nothing; see `peer_identities`."""
        return {}

    def time_remaining(self) -> Any:  # noqa: ANN401  # a number; None for no deadline
        """Return the seconds that are left, by the network's clock."""
        return self._facts.left

    def cancelled(self) -> bool:
        """Tell whether the client has gone."""
        return self._rpc.gone

    def done(self) -> bool:
        """Tell whether the call has ended."""
        return self._rpc.done

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with the context when the call ends."""
        self._callbacks.append(callback)

    def end(self) -> None:
        """Call back."""
        callbacks, self._callbacks = self._callbacks, []
        for each in callbacks:
            each(self)


def _number_of(code: Any) -> int:  # noqa: ANN401  # a StatusCode, its number, or nothing
    if isinstance(code, int):
        return code if code in _NUMBERS else 2
    return number_of(code, grpc.StatusCode.OK)


class AioRpc:
    """One call of a servicer of `grpc.aio`.

    Args:
        request: the request on its last hop.
        handler: the handler of the method.
        home: where the servicer runs.
        pull: awaits a chunk of the request's body there; None is its end.
        now: the network's time in microseconds.
    """

    def __init__(
        self,
        request: TargetRequest,
        handler: Any,  # noqa: ANN401  # an RpcMethodHandler
        *,
        home: Home,
        pull: Pull,
        now: Callable[[], int],
    ) -> None:
        self._path = request.request.path
        self._handler = handler
        self.home = home
        self._pull = pull
        self._line = LINE.get()
        self._frames = Frames()
        self._messages: deque[bytes] = deque()
        self.chunks: deque[bytes] = deque()
        self.status: Status | None = None
        self.broken: Exception | None = None
        self.done = self.gone = False
        # Set when anything has changed; each who waits looks whether it is for him.
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.context = AioContext(self, Context(request, now))

    # ---- what callers ask, on the loop ---------------------------------------

    async def start(self, *, here: bool = False) -> None:
        """Begin, and wait for the head; for the end where there is one response.

        Args:
            here: whether the caller is a call of ours on this loop.  Its task then is
                the servicer's too: it has told its client of the end before it is
                canceled, so nobody waits for what the servicer does then.
        """
        if here and not self._handler.response_streaming:
            if self._line is not None:
                self._line.on_cancel(self._left)
            await self._run()
            return
        self._task = asyncio.get_running_loop().create_task(self._run())
        if self._line is not None:
            self._line.on_cancel(self.cancel)
        await self._until(self._has_head)

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            self._news.clear()
            await self._news.wait()

    def _has_head(self) -> bool:
        if self.done or not self._handler.response_streaming:
            return self.done
        return bool(self.chunks) or self.context.initial is not None

    def is_whole(self) -> bool:
        """Tell whether the response is there, and no stream of messages."""
        return self.done and (not self._handler.response_streaming or not self.chunks)

    async def read(self) -> bytes | None:
        """Wait for a chunk of the response; None is the end."""
        await self._until(lambda: bool(self.chunks) or self.done)
        self._news.set()
        return self.chunks.popleft() if self.chunks else None

    def _left(self) -> None:
        self.gone = True

    def cancel(self) -> None:
        """Tell the servicer, from any thread, that the client has gone."""
        self._left()
        if not self.done and not self.home.loop.is_closed():
            self.home.loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def tell(self) -> None:
        """Wake the one who waits for news."""
        self._news.set()

    def check_client(self) -> None:
        """Hold that the client has read to the end; see `Rpc.check_client`."""
        if self.broken is not None:
            raise self.broken
        if self.gone:
            raise ClientGoneError

    def trailers(self) -> Headers:
        """Return the status and the trailing metadata, once the call has ended."""
        return trailers_of(self.status) if self.done and self.status else ()

    def head(self) -> Any:  # noqa: ANN401  # a LatticeResponse
        """Return the head, with the initial metadata."""
        return head_of(self.context.initial or ())

    # ---- the servicer -------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._serve()
            if self.status is None:
                self.status = self.context.status(grpc.StatusCode.OK)
        except grpc.aio.AbortError:
            pass
        except asyncio.CancelledError:
            self.status = Status(1, "Cancelled")
        except Exception as error:  # noqa: BLE001  # whatever a servicer raises
            if self._line is not None:
                self._line.error = error
            self._fail(grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")
        finally:
            self.done = True
            self._news.set()
            self.context.end()

    async def _serve(self) -> None:
        handler, behavior = self._handler, behavior_of(self._handler)
        if handler.request_streaming:
            argument: Any = self._requests()
        else:
            argument = await self.next_request()
            if argument is grpc.aio.EOF:
                details = f'"{self._path}" requires exactly one request message.'
                self._fail(grpc.StatusCode.UNIMPLEMENTED, details)
                return
        if isasyncgenfunction(behavior):
            async for response in behavior(argument, self.context):
                await self.send(response)
            return
        response = await behavior(argument, self.context)
        if not handler.response_streaming:
            await self.send(response)

    def _fail(self, code: grpc.StatusCode, details: str) -> None:
        if self.status is None:
            self.status = self.context.status(code, details)

    async def _requests(self) -> AsyncIterator[Any]:
        while (request := await self.next_request()) is not grpc.aio.EOF:
            yield request

    async def next_request(self) -> Any:  # noqa: ANN401  # a message, or EOF
        """Read a request."""
        while not self._messages:
            try:
                chunk = await self._pull()
            except Exception as error:
                self.broken = error
                raise
            if chunk is None:
                self._frames.end()
                return grpc.aio.EOF
            self._messages.extend(self._frames.feed(chunk))
        deserialize = self._handler.request_deserializer
        message = self._messages.popleft()
        return message if deserialize is None else deserialize(message)

    async def send(self, response: Any) -> None:  # noqa: ANN401  # a message
        """Send a response, when there is room for it."""
        serialize = self._handler.response_serializer
        message = response if serialize is None else serialize(response)
        if message is None or isinstance(message, str):
            message = (message or "").encode()  # as grpc.aio takes them
        self.chunks.append(frame(message))
        self._news.set()
        if self._handler.response_streaming:
            await self._until(lambda: len(self.chunks) < _AHEAD)


def call(make: Callable[[Pull], AioRpc], body: RequestBody) -> TargetReply:
    """Answer a blocking caller.

    Args:
        make: makes the call, given what awaits a chunk of the request's body.
        body: the request's body.
    """
    chunks = iter((body,) if isinstance(body, bytes) else body)
    rpc = make(whole(body) if isinstance(body, bytes) else from_thread(chunks))
    stream = _Chunks(rpc)
    try:
        rpc.home.run(_step(rpc.start))
        if rpc.is_whole():
            rpc.check_client()
            return TargetReply(rpc.head(), b"".join(rpc.chunks), trailers=rpc.trailers)
    except BaseException:
        rpc.cancel()
        raise
    return TargetReply(rpc.head(), stream, trailers=rpc.trailers)


async def acall(
    make: Callable[[Pull], AioRpc],
    body: AsyncRequestBody,
) -> AsyncTargetReply:
    """Answer an awaiting caller; see `call`."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:  # Trio
        here = None
    if isinstance(body, bytes):
        rpc = make(whole(body))
    elif here is None:
        rpc = make(whole(b"".join([chunk async for chunk in body])))
    else:
        rpc = make(from_loop(aiter(body), here))
    try:
        if rpc.home.loop is here and LINE.get() is not None:
            await rpc.start(here=True)
        else:
            await rpc.home.arun(_step(rpc.start))
        if rpc.is_whole():
            rpc.check_client()
            return AsyncTargetReply(
                rpc.head(), b"".join(rpc.chunks), trailers=rpc.trailers
            )
    except BaseException:
        rpc.cancel()
        raise
    return AsyncTargetReply(rpc.head(), _AsyncChunks(rpc), trailers=rpc.trailers)


class _Chunks(Iterator[bytes]):
    """The responses for a blocking caller."""

    def __init__(self, rpc: AioRpc) -> None:
        self._rpc = rpc

    def __next__(self) -> bytes:
        chunk: bytes | None = self._rpc.home.run(_step(self._rpc.read))
        if chunk is None:
            self._rpc.check_client()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Tell the servicer that the client has gone."""
        self._rpc.cancel()


class _AsyncChunks(AsyncIterator[bytes]):
    """The responses for an awaiting caller."""

    def __init__(self, rpc: AioRpc) -> None:
        self._rpc = rpc

    async def __anext__(self) -> bytes:
        chunk: bytes | None = await self._rpc.home.arun(_step(self._rpc.read))
        if chunk is None:
            self._rpc.check_client()
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Tell the servicer that the client has gone."""
        self._rpc.cancel()


def _step(make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401  # a Start
    return lambda loop: loop.create_task(make())
