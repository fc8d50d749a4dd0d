"""A servicer that does all that servicers do, and calls that show what came of it.

The same calls are made to a real `grpc.server` on loopback and through the network;
each returns what a client can see, so the two can be compared as a whole.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from pytest_lattice import (
    Forward,
    GrpcTarget,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

SERVICE = "test.Orders"
#: Seconds after which something that should long have happened has failed.
PATIENCE = 10
#: What only the network adds, or only real HTTP/2.
ADDED = ("x-amzn-", "user-agent", "accept-encoding", "x-forwarded-")
PAIRS = (("kind", "a"), ("kind", "b"), ("raw-bin", b"\x00\xff\x80"))


class RichStatus(NamedTuple):
    """A status with details, as `grpc_status` makes them."""

    code: Any
    details: str
    trailing_metadata: Any


class Servicer:
    """Answers by what the request says; messages are bytes."""

    def __init__(self) -> None:
        """Note what is seen."""
        self.seen: queue.Queue[str] = queue.Queue()
        self.released = threading.Event()

    def get(self, request: bytes, context: grpc.ServicerContext) -> Any:  # noqa: ANN401, C901  # one branch a behavior
        """Answer one request."""
        match request:
            case b"metadata":
                given = clean(context.invocation_metadata())
                context.send_initial_metadata(PAIRS)
                context.set_trailing_metadata(PAIRS)
                return repr(sorted(given)).encode()
            case b"abort":
                context.set_trailing_metadata(PAIRS)
                context.abort(grpc.StatusCode.NOT_FOUND, "no örder, 100% sure")
            case b"abort ok":
                context.abort(grpc.StatusCode.OK, "fine")
            case b"rich":
                rich = (("grpc-status-details-bin", b"\x08\x05"),)
                gone: Any = RichStatus(grpc.StatusCode.DATA_LOSS, "gone", rich)
                context.abort_with_status(gone)
            case b"set code":
                context.set_code(grpc.StatusCode.OUT_OF_RANGE)
                context.set_details("too far")
                return b"ignored"
            case b"code and raise":
                context.set_code(grpc.StatusCode.ABORTED)
                raise ValueError("late")
            case b"raise":
                raise ValueError("boom")
            case b"none":
                return None
            case b"text":
                return "no bytes"
            case b"metadata twice":
                context.send_initial_metadata(())
                context.send_initial_metadata(())
            case b"wait":
                self.wait(context)
        return b"got " + request

    def wait(self, context: grpc.ServicerContext) -> None:
        """Wait until the client has gone."""
        gone = threading.Event()
        if context.add_callback(gone.set):
            self.seen.put("waiting")
            gone.wait(10)
        self.seen.put(f"active: {context.is_active()}")

    def list(self, request: bytes, context: grpc.ServicerContext) -> Iterator[Any]:
        """Answer one request with a stream."""
        if request == b"initial":
            context.send_initial_metadata(PAIRS)
            self.released.wait(10)
        for number in range(40):
            if request == b"wait" and number:
                self.wait(context)
            if request == b"raise" and number == 3:
                raise ValueError("boom")
            if request == b"abort" and number == 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "enough")
            if request == b"none" and number == 3:
                yield None
            yield f"{number}".encode()
        context.set_trailing_metadata(PAIRS)

    def sum(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Answer a stream with one response."""
        got = []
        for request in requests:
            if request == b"abort":
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
            if request == b"enough":
                return b"early"
            got.append(request)
        return b"+".join(got)

    def chat(
        self, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Answer each request of a stream."""
        for request in requests:
            if request == b"bye":
                return
            yield b"re: " + request


def handler(servicer: Servicer | AioServicer) -> Any:  # noqa: ANN401  # a generic handler
    """Register a servicer as generated code does."""
    broken: Any = grpc.unary_unary_rpc_method_handler(
        servicer.get,
        request_deserializer=failing,
        response_serializer=None,
    )
    mute: Any = grpc.unary_unary_rpc_method_handler(
        lambda *_: b"x", response_serializer=failing
    )
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Get": grpc.unary_unary_rpc_method_handler(servicer.get),
            "List": grpc.unary_stream_rpc_method_handler(servicer.list),
            "Sum": grpc.stream_unary_rpc_method_handler(servicer.sum),
            "Chat": grpc.stream_stream_rpc_method_handler(servicer.chat),
            "Broken": broken,
            "Mute": mute,
        },
    )


def failing(_: object) -> bytes:
    """Fail, as a serializer may."""
    raise ValueError("unreadable")


@contextmanager
def real_channel(servicer: Servicer, **options: Any) -> Iterator[grpc.Channel]:  # noqa: ANN401  # as grpc.server
    """Serve on loopback, and connect."""
    with ThreadPoolExecutor(4) as pool:
        # All threads are there from the beginning, so no test seems to leave one.
        list(pool.map(threading.Barrier(4).wait, [PATIENCE] * 4))
        server = grpc.server(pool, handlers=[handler(servicer)], **options)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            server.stop(None).wait()


def orders(
    *targets: object,
    auth_policy: dict[str, Any] | None = None,
    **listener: Any,  # noqa: ANN401  # as Listener
) -> LatticeNetwork:
    """Declare a network with the service `orders` on a GRPC group `rates`."""
    network = LatticeNetwork()
    network.add(
        TargetGroup("rates", protocol_version="GRPC", targets=list(targets)),
        Service(
            "orders",
            auth_policy=auth_policy,
            listeners=[Listener("HTTPS", default=Forward("rates"), **listener)],
        ),
    )
    return network


def channel_to(network: LatticeNetwork, **options: Any) -> Any:  # noqa: ANN401  # as grpc_channel
    """Make a channel, whose calls take and give bytes."""
    return network.grpc_channel("orders", **options)


def served_by(servicer: Servicer | AioServicer, **options: Any) -> GrpcTarget:  # noqa: ANN401  # as GrpcTarget
    """Register a servicer on a target."""
    target = GrpcTarget(**options)
    target.add_generic_rpc_handlers((handler(servicer),))
    return target


def clean(metadata: Any) -> list[tuple[str, Any]]:  # noqa: ANN401  # pairs
    """List metadata without what a way adds."""
    return [tuple(pair) for pair in metadata or () if not pair[0].startswith(ADDED)]


def seen(call: Any, responses: list[Any]) -> dict[str, Any]:  # noqa: ANN401  # a grpc.Call
    """Return all that a client sees of a call that has ended."""
    return {
        "responses": responses,
        "code": call.code(),
        "details": call.details(),
        "initial": clean(call.initial_metadata()),
        "trailing": clean(call.trailing_metadata()),
    }


def one(stub: Any, request: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # a multi-callable
    """Call a method with one response."""
    try:
        response, call = stub.with_call(request, **options)
    except grpc.RpcError as error:
        return seen(error, [])
    return seen(call, [response])


def many(stub: Any, request: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # a multi-callable
    """Call a method with a stream of responses."""
    call = stub(request, **options)
    responses = []
    try:
        responses.extend(call)
    except grpc.RpcError as error:
        return seen(error, responses)
    return seen(call, responses)


def path(method: str) -> str:
    """Write the path of a method."""
    return f"/{SERVICE}/{method}"


def get(request: bytes, method: str = "Get", **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # as a multi-callable
    """Make a call with one request and one response."""
    return lambda channel: one(channel.unary_unary(path(method)), request, **options)


def listing(request: bytes, **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # see `get`
    """Make a call with a stream of responses."""
    return lambda channel: many(channel.unary_stream(path("List")), request, **options)


def summing(*requests: bytes, **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # see `get`
    """Make a call with a stream of requests."""
    return lambda channel: one(
        channel.stream_unary(path("Sum")), iter(requests), **options
    )


def chatting(*requests: bytes) -> Callable[..., Any]:
    """Make a call with streams both ways."""
    return lambda channel: many(channel.stream_stream(path("Chat")), iter(requests))


def ping_pong(channel: Any) -> list[bytes]:  # noqa: ANN401  # a channel
    """Send a request after each response."""
    requests: queue.Queue[bytes | None] = queue.Queue()
    call = channel.stream_stream(path("Chat"))(iter(requests.get, None))
    answers = []
    for number in range(5):
        requests.put(b"%d" % number)
        answers.append(next(call))
    requests.put(None)
    assert list(call) == []
    return answers


def breaking() -> Iterator[bytes]:
    """Give a request, then fail."""
    yield b"a"
    raise ValueError("out of requests")


def future(channel: Any) -> Any:  # noqa: ANN401  # what was seen
    """Call in the background."""
    call = channel.unary_unary(path("Get")).future(b"future")
    done: queue.Queue[bool] = queue.Queue()
    call.add_done_callback(lambda each: done.put(each is call))
    result = call.result(10)
    return result, done.get(timeout=10), call.done(), call.cancelled(), call.exception()


def bad_metadata(channel: Any) -> str:  # noqa: ANN401  # a channel
    """Send a key that HTTP/2 does not allow."""
    try:
        channel.unary_unary(path("Get"))(b"x", metadata=(("Upper Case", "x"),))
    except grpc.RpcError as error:
        return f"{error.code()} {error.details()}"
    return "accepted"


#: Calls by name; each takes a channel and returns what a client saw.
CALLS: dict[str, Callable[[Any], Any]] = {
    "unary": get(b"x"),
    "empty message": get(b""),
    "metadata": get(b"metadata", metadata=(*PAIRS, ("more", "x y"))),
    "abort": get(b"abort"),
    "abort with OK": get(b"abort ok"),
    "rich error": get(b"rich"),
    "code without abort": get(b"set code"),
    "code, then an exception": get(b"code and raise"),
    "exception": get(b"raise"),
    "no response": get(b"none"),
    "initial metadata twice": get(b"metadata twice"),
    "unreadable request": get(b"x", "Broken"),
    "unwritable response": get(b"x", "Mute"),
    "unknown method": get(b"x", "Missing"),
    "unknown service": lambda c: one(c.unary_unary("/other.Service/Get"), b"x"),
    "large message": get(b"x" * 1_000_000),
    "with a deadline": get(b"x", timeout=30),
    "stream": listing(b"x"),
    "stream that raises": listing(b"raise"),
    "stream that aborts": listing(b"abort"),
    "stream with no message": listing(b"none"),
    "stream of requests": summing(b"a", b"b", b"c"),
    "no requests": summing(),
    "abort of a stream of requests": summing(b"a", b"abort", b"c"),
    "early answer": summing(b"a", b"enough", b"c"),
    "broken requests": lambda c: one(c.stream_unary(path("Sum")), breaking()),
    "chat": chatting(b"a", b"b"),
    "chat that the servicer ends": chatting(b"a", b"bye", b"b"),
    "ping-pong": ping_pong,
    "future": future,
    "metadata that is none": bad_metadata,
}


def cancel_stream(channel: Any) -> Any:  # noqa: ANN401  # what was seen
    """Cancel a stream after its first response."""
    call = channel.unary_stream(path("List"))(b"wait")
    first = next(call)
    assert call.cancel()
    try:
        next(call)
    except grpc.RpcError as error:
        return first, error.code(), call.details(), call.cancelled()
    return "went on"


def cancel_future(channel: Any) -> Any:  # noqa: ANN401  # what was seen
    """Cancel a call in the background."""
    call = channel.unary_unary(path("Get")).future(b"wait")
    call.cancel()
    try:
        call.result()
    except grpc.FutureCancelledError:
        return call.code(), call.details(), call.done(), call.cancelled()
    return "went on"


#: Calls that the client ends before the servicer does.
BROKEN_OFF: dict[str, Callable[[Any], Any]] = {
    "deadline": get(b"wait", timeout=0.05),
    "cancelled stream": cancel_stream,
    "cancelled future": cancel_future,
}


class AioServicer:
    """The same servicer, of `grpc.aio`; `Chat` reads and writes by its context."""

    def __init__(self) -> None:
        """Note what is seen."""
        self.seen: queue.Queue[str] = queue.Queue()

    async def get(self, request: bytes, context: Any) -> Any:  # noqa: ANN401  # a context
        """Answer one request."""
        match request:
            case b"metadata":
                given = clean(context.invocation_metadata())
                await context.send_initial_metadata(PAIRS)
                context.set_trailing_metadata(PAIRS)
                return repr(sorted(given)).encode()
            case b"abort":
                context.set_trailing_metadata(PAIRS)
                await context.abort(grpc.StatusCode.NOT_FOUND, "no örder, 100% sure")
            case b"abort with metadata":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no", PAIRS)
            case b"rich":
                rich = (("grpc-status-details-bin", b"\x08\x05"),)
                await context.abort_with_status(
                    RichStatus(grpc.StatusCode.DATA_LOSS, "gone", rich)
                )
            case b"set code":
                context.set_code(grpc.StatusCode.OUT_OF_RANGE)
                context.set_details("too far")
                return b"ignored"
            case b"code and raise":
                context.set_code(grpc.StatusCode.ABORTED)
                raise ValueError("late")
            case b"raise":
                raise ValueError("boom")
            case b"wait":
                await self.wait()
        return b"got " + request

    async def wait(self) -> None:
        """Wait until the client has gone."""
        self.seen.put("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            self.seen.put("gone")

    async def list(self, request: bytes, context: Any) -> AsyncIterator[bytes]:  # noqa: ANN401  # a context
        """Answer one request with a stream."""
        for number in range(40):
            if request == b"wait" and number:
                await self.wait()
            if request == b"raise" and number == 3:
                raise ValueError("boom")
            if request == b"abort" and number == 3:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "enough")
            yield f"{number}".encode()
        context.set_trailing_metadata(PAIRS)

    async def sum(self, requests: AsyncIterator[bytes], context: Any) -> bytes:  # noqa: ANN401  # a context
        """Answer a stream with one response."""
        got = []
        async for request in requests:
            if request == b"abort":
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no")
            if request == b"enough":
                return b"early"
            got.append(request)
        return b"+".join(got)

    async def chat(self, requests: object, context: Any) -> None:  # noqa: ANN401  # a context
        """Answer each request of a stream."""
        while (request := await context.read()) is not grpc.aio.EOF:
            if request == b"bye":
                return
            await context.write(b"re: " + request)


@asynccontextmanager
async def real_aio_channel(servicer: AioServicer) -> AsyncIterator[grpc.aio.Channel]:
    """Serve with `grpc.aio` on loopback, and connect."""
    server = grpc.aio.server(handlers=[handler(servicer)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


async def aseen(call: Any, responses: list[Any]) -> dict[str, Any]:  # noqa: ANN401  # a call
    """Return all that a client sees of a call that has ended."""
    return {
        "responses": responses,
        "code": await call.code(),
        "details": await call.details(),
        "initial": clean(await call.initial_metadata()),
        "trailing": clean(await call.trailing_metadata()),
        "done": (call.done(), call.cancelled()),
    }


async def aone(call: Any) -> dict[str, Any]:  # noqa: ANN401  # a call
    """Await a call with one response."""
    try:
        return await aseen(call, [await call])
    except grpc.aio.AioRpcError as error:
        return await aseen(call, [error.code(), error.details()])


async def amany(call: Any) -> dict[str, Any]:  # noqa: ANN401  # a call
    """Iterate over the responses of a call."""
    responses: list[Any] = []
    with suppress(grpc.aio.AioRpcError):
        async for response in call:
            responses.append(response)  # noqa: PERF401  # some may come before an error
    return await aseen(call, responses)


def aget(request: bytes, method: str = "Get", **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # see `get`
    """Make a call with one request and one response."""
    return lambda c: aone(c.unary_unary(path(method))(request, **options))


def alisting(request: bytes, **options: Any) -> Callable[..., Any]:  # noqa: ANN401  # see `get`
    """Make a call with a stream of responses."""
    return lambda c: amany(c.unary_stream(path("List"))(request, **options))


def asumming(*requests: bytes) -> Callable[..., Any]:
    """Make a call with a stream of requests."""
    return lambda c: aone(c.stream_unary(path("Sum"))(iter(requests)))


async def counted(count: int) -> AsyncIterator[bytes]:
    """Give requests asynchronously."""
    for number in range(count):
        yield b"%d" % number


async def awritten(channel: Any) -> Any:  # noqa: ANN401  # a channel
    """Write a request after each response."""
    call = channel.stream_stream(path("Chat"))()
    answers = []
    for number in range(5):
        await call.write(b"%d" % number)
        answers.append(await call.read())
    await call.done_writing()
    return answers, await call.read() is grpc.aio.EOF, await call.code()


async def acancelled(channel: Any) -> Any:  # noqa: ANN401  # a channel
    """Cancel a stream after its first response."""
    call = channel.unary_stream(path("List"))(b"wait")
    first = await call.read()
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call.read()
        return "went on"
    return first, await call.code(), await call.details(), call.cancelled()


async def acancelled_task(channel: Any) -> Any:  # noqa: ANN401  # a channel
    """Cancel a task that awaits a call."""
    call = channel.unary_unary(path("Get"))(b"wait")

    async def wait() -> None:
        await call

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return await call.code(), call.cancelled()


#: Calls of `grpc.aio` by name; each takes a channel and returns what a client saw.
AIO_CALLS: dict[str, Callable[[Any], Any]] = {
    "unary": aget(b"x"),
    "metadata": aget(b"metadata", metadata=(*PAIRS, ("more", "x y"))),
    "abort": aget(b"abort"),
    "rich error": aget(b"rich"),
    "code without abort": aget(b"set code"),
    "code, then an exception": aget(b"code and raise"),
    "exception": aget(b"raise"),
    "unknown method": aget(b"x", "Missing"),
    "large message": aget(b"x" * 1_000_000),
    "with a deadline": aget(b"x", timeout=30),
    "stream": alisting(b"x"),
    "stream that raises": alisting(b"raise"),
    "stream that aborts": alisting(b"abort"),
    "stream of requests": asumming(b"a", b"b", b"c"),
    "no requests": asumming(),
    "abort of a stream of requests": asumming(b"a", b"abort", b"c"),
    "early answer": asumming(b"a", b"enough", b"c"),
    "async requests": lambda c: aone(c.stream_unary(path("Sum"))(counted(3))),
    "chat": lambda c: amany(c.stream_stream(path("Chat"))(counted(3))),
    "written": awritten,
    "deadline": aget(b"wait", timeout=0.05),
    "cancelled stream": acancelled,
    "cancelled task": acancelled_task,
}


async def undisturbed(
    call: Callable[[grpc.aio.Channel], Awaitable[Any]], channel: grpc.aio.Channel
) -> Any:  # noqa: ANN401  # what was seen
    """Make a call until grpc's core does not disturb it.

    A server that answers before it has read all requests resets the stream after its
    status; whether the core of the client sees the status first is luck.
    """
    for _ in range(50):
        seen = await call(channel)
        if not (
            isinstance(seen, dict) and seen.get("details") == "Internal error from Core"
        ):
            break
    return seen
