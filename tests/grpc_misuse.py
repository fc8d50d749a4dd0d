"""Servicers and calls that do what they should not, beside those of `grpc_calls`.

As there, each call returns what a client can see, from a real server and through the
network.  Left out is what grpc itself answers now so, now otherwise, and what it
answers never.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from tests.grpc_calls import (
    PAIRS,
    PATIENCE,
    AioServicer,
    RichStatus,
    Servicer,
    aget,
    alisting,
    amany,
    aone,
    asumming,
    chatting,
    failing,
    get,
    listing,
    many,
    one,
    path,
    summing,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

#: Not in lower case, and no text: neither is metadata.
BAD_KEY = (("Upper", "x"),)
BAD_VALUE = (("a", "x\ny"),)


class BadServicer(Servicer):
    """Answers as no servicer should."""

    def get(self, request: bytes, context: Any) -> Any:  # noqa: ANN401, C901  # see `Servicer`
        """Answer one request."""
        match request:
            case b"code that is a number":
                context.set_code(5)
                context.set_details("five")
            case b"abort with a number":
                context.abort(5, "five")
            case b"abort without details":
                context.abort(grpc.StatusCode.NOT_FOUND, None)
            case b"abort with a bare status":
                gone: Any = RichStatus(grpc.StatusCode.NOT_FOUND, "x", None)
                context.abort_with_status(gone)
            case b"rpc error":
                raise grpc.RpcError("inner")
            case b"trailing key" | b"trailing value":
                bad = BAD_KEY if request == b"trailing key" else BAD_VALUE
                context.set_trailing_metadata(bad)
            case b"initial key":
                context.send_initial_metadata(BAD_KEY)
            case b"cancel":
                context.cancel()
            case b"details of success":
                context.set_details("told")
            case b"details in bytes":
                context.set_details(b"raw")
                context.set_code(grpc.StatusCode.ABORTED)
        return b"x"

    def list(self, request: bytes, context: Any) -> Any:  # noqa: ANN401  # see `Servicer`
        """Answer one request with a stream."""
        match request:
            case b"nothing":
                return None
            case b"a list":
                return [b"1", b"2"]
            case b"nothing in it":
                return iter(())
        return self._listed(request, context)

    def _listed(self, request: bytes, context: Any) -> Iterator[bytes]:  # noqa: ANN401  # a context
        yield b"1"
        if request == b"cancel":
            context.cancel()
        if request == b"code at the end":
            context.set_code(grpc.StatusCode.DATA_LOSS)
            context.set_details("half")
            context.set_trailing_metadata(PAIRS)
            return
        if request == b"wait":
            self.wait(context)
        while request == b"endless":
            yield b"e" * 1000
        yield b"2"

    def sum(self, requests: Iterator[bytes], context: object) -> Any:  # noqa: ANN401  # see `Servicer`
        """Answer a stream with one response."""
        got = []
        for request in requests:
            if request == b"none":
                return None
            if request == b"raise":
                raise ValueError("sum")
            got.append(request)
        return b"+".join(got)

    def chat(self, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:  # noqa: ANN401  # a context
        """Answer each request of a stream."""
        for request in requests:
            if request == b"raise":
                raise ValueError("chat")
            if request == b"abort":
                context.abort(grpc.StatusCode.ABORTED, "chat")
            yield b"re: " + request


def raising(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what a call raises, where that is no status."""

    def made(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
        try:
            return call(channel)
        except TypeError as error:
            return str(error)

    return made


def with_metadata(*pairs: tuple[str, Any]) -> Callable[[Any], Any]:
    """Call with metadata, and return the status or what was raised."""
    return raising(get(b"x", metadata=pairs))


def endless(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Cancel a stream that would never end."""
    call = channel.unary_stream(path("List"))(b"endless")
    got = [next(call) for _ in range(300)]
    call.cancel()
    try:
        list(call)
    except grpc.RpcError as error:
        return len(got), error.code(), call.details(), call.cancelled(), call.done()
    return "went on"


def cancel_from_a_thread(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Cancel a stream in another thread while this one waits for it."""
    call = channel.unary_stream(path("List"))(b"wait")
    next(call)
    canceling = threading.Timer(0.02, call.cancel)
    canceling.start()
    try:
        next(call)
    except grpc.RpcError as error:
        canceling.join(PATIENCE)
        return error is call, error.code(), error.details(), call.cancelled()
    return "went on"


def cancel_requests(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Cancel a call whose requests have not ended."""
    requests: queue.Queue[bytes | None] = queue.Queue()
    requests.put(b"a")
    call = channel.stream_unary(path("Sum")).future(iter(requests.get, None))
    canceled = call.cancel()
    requests.put(None)
    return canceled, call.code(), call.details(), call.cancelled()


def after_the_end(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Ask a stream that has ended."""
    call = channel.unary_stream(path("List"))(b"code at the end")
    caught: list[Any] = []
    for _ in range(2):
        try:
            list(call)
        except grpc.RpcError as error:
            caught.append(error is call)
    late = call.cancel(), call.cancelled(), call.running(), call.is_active()
    return caught, late, call.code(), call.add_callback(lambda: None)


def future_after_the_end(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Ask a future that has failed."""
    call = channel.unary_unary(path("Get")).future(b"abort with a bare status")
    try:
        call.result(PATIENCE)
    except grpc.RpcError as error:
        same = error is call
    states = call.done(), call.cancelled(), call.cancel(), call.running()
    return same, call.exception() is call, states, call.traceback() is None


def nothing_among_requests() -> Iterator[Any]:
    """Give a request that is none."""
    yield b"a"
    yield None
    yield b"b"


def too_late(kind: str, method: str) -> Callable[[Any], Any]:
    """Let a deadline pass while the servicer waits for requests."""

    def made(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
        requests: queue.Queue[bytes | None] = queue.Queue()
        ask = many if kind.endswith("stream") else one
        stub = getattr(channel, kind)(path(method))
        seen = ask(stub, iter(requests.get, None), timeout=0.05)
        requests.put(None)
        return seen

    return made


def stream_too_late(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Let a deadline pass in the middle of a stream.

    grpc words it in two ways, by whether client or server is the first to see it.
    """
    seen = many(channel.unary_stream(path("List")), b"wait", timeout=0.05)
    return {**seen, "details": "Deadline Exceeded" in seen["details"]}


def asking(*requests: bytes, ask: Callable[..., Any]) -> dict[str, Any]:
    """Name calls by what they send."""
    return {f"{ask.__name__}: {each.decode()}": ask(each) for each in requests}


#: Calls by name; each takes a channel and returns what a client saw.
BAD_CALLS: dict[str, Callable[[Any], Any]] = {
    **asking(
        b"code that is a number",
        b"abort with a number",
        b"abort without details",
        b"abort with a bare status",
        b"rpc error",
        b"trailing key",
        b"trailing value",
        b"initial key",
        b"cancel",
        b"details of success",
        b"details in bytes",
        ask=get,
    ),
    **asking(
        b"nothing",
        b"a list",
        b"nothing in it",
        b"cancel",
        b"code at the end",
        ask=listing,
    ),
    **asking(b"none", b"raise", ask=summing),
    "chat that raises": chatting(b"a", b"raise"),
    "chat that aborts": chatting(b"a", b"abort"),
    "chat of nothing": chatting(),
    "negative deadline": get(b"x", timeout=-1),
    "negative deadline of a stream": listing(b"x", timeout=-1),
    "request that is none": raising(get(None)),  # type: ignore[arg-type]  # it is wrong
    "request of a wrong type": raising(get("text")),  # type: ignore[arg-type]  # see above
    "request that cannot be written": lambda c: one(
        c.unary_unary(path("Get"), failing), b"x"
    ),
    "nothing among requests": lambda c: one(
        c.stream_unary(path("Sum")), nothing_among_requests()
    ),
    "requests in a list": lambda c: one(c.stream_unary(path("Sum")), [b"a", b"b"]),
    "requests that are none": lambda c: one(c.stream_unary(path("Sum")), 5),
    "compression": get(b"x", compression=grpc.Compression.Gzip),
    "compression of a stream": listing(b"x", compression=grpc.Compression.Gzip),
    "wait for ready": get(b"x", wait_for_ready=True),
    "key with a space": with_metadata(("a b", "x")),
    "key that is empty": with_metadata(("", "x")),
    "pseudo-header": with_metadata((":path", "x")),
    "two lines": with_metadata(*BAD_VALUE),
    "no ASCII": with_metadata(("a", "é")),
    "text in binary": with_metadata(("a-bin", "x")),
    "value that is empty": with_metadata(("a", "")),
    "value in bytes": with_metadata(("a", b"x")),
    "endless stream": endless,
    "canceled in a thread": cancel_from_a_thread,
    "canceled requests": cancel_requests,
    "after the end": after_the_end,
    "future after the end": future_after_the_end,
    "stream too late": stream_too_late,
    "requests too late": too_late("stream_unary", "Sum"),
    "chat too late": too_late("stream_stream", "Chat"),
}


class BadAioServicer(AioServicer):
    """The same, of `grpc.aio`."""

    async def get(self, request: bytes, context: Any) -> Any:  # noqa: ANN401, C901, PLR0912  # see `AioServicer`
        """Answer one request."""
        match request:
            case b"code that is a number" | b"code that is none":
                context.set_code(5 if request == b"code that is a number" else 55)
                context.set_details("five")
            case b"abort with a number":
                await context.abort(5, "five")
            case b"abort with earlier details":
                context.set_details("first")
                await context.abort(grpc.StatusCode.ABORTED)
            case b"abort that is caught" | b"abort twice":
                try:
                    await context.abort(grpc.StatusCode.ABORTED, "a")
                except grpc.aio.AbortError:
                    if request == b"abort twice":
                        await context.abort(grpc.StatusCode.NOT_FOUND, "b")
            case b"none":
                return None
            case b"text":
                return "text"
            case b"trailing key":
                context.set_trailing_metadata(BAD_KEY)
            case b"initial key":
                await context.send_initial_metadata(BAD_KEY)
            case b"initial metadata twice":
                await context.send_initial_metadata(())
                await context.send_initial_metadata(())
            case b"details of success":
                context.set_details("told")
            case b"wait":
                await self.wait()
        return b"x"

    async def list(self, request: bytes, context: Any) -> AsyncIterator[Any]:  # noqa: ANN401  # a context
        """Answer one request with a stream."""
        if request == b"nothing in it":
            return
        yield b"1"
        if request == b"none":
            yield None
        if request == b"code at the end":
            context.set_code(grpc.StatusCode.DATA_LOSS)
            context.set_details("half")
            return
        if request == b"wait":
            await self.wait()
        while request == b"endless":
            yield b"e" * 1000
        yield b"2"

    async def sum(self, requests: AsyncIterator[bytes], context: object) -> Any:  # noqa: ANN401  # see `AioServicer`
        """Answer a stream with one response."""
        got = []
        async for request in requests:
            if request == b"none":
                return None
            if request == b"raise":
                raise ValueError("sum")
            got.append(request)
        return b"+".join(got)


def araising(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what a call raises, where that is no status."""

    async def made(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
        try:
            return await call(channel)
        except asyncio.CancelledError:
            return "canceled"
        except TypeError:
            return "wrong type"

    return made


async def aendless(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Cancel a stream that would never end."""
    call = channel.unary_stream(path("List"))(b"endless")
    got = [await call.read() for _ in range(300)]
    call.cancel()
    try:
        await call.read()
    except asyncio.CancelledError:
        return len(got), await call.code(), await call.details(), call.done()
    return "went on"


async def amixed(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Read and iterate, write and iterate, and write when it is too late."""
    said: list[str] = []

    async def tell(use: Any) -> None:  # noqa: ANN401  # an awaitable
        try:
            await use
        except (grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            said.append(f"{type(error).__name__}: {error}")

    read = channel.unary_stream(path("List"))(b"x")
    await read.read()
    await tell(_iterate(read))
    read.cancel()
    iterated = channel.unary_stream(path("List"))(b"x")
    aiter(iterated)
    await tell(iterated.read())
    iterated.cancel()
    given = channel.stream_unary(path("Sum"))(iter([b"a"]))
    await tell(given.write(b"b"))
    await tell(given.done_writing())
    closed = channel.stream_unary(path("Sum"))()
    await closed.write(b"a")
    await closed.done_writing()
    await tell(closed.write(b"b"))
    left = channel.stream_unary(path("Sum"))()
    left.cancel()
    await tell(left.write(b"a"))
    return said, await given, await closed


async def _iterate(call: Any) -> None:  # noqa: ANN401  # a call
    async for _ in call:
        pass


async def aafter_the_end(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Ask calls that have ended."""
    stream = channel.unary_stream(path("List"))(b"x")
    async for _ in stream:
        pass
    ended = await stream.read() is grpc.aio.EOF, stream.cancel(), stream.cancelled()
    call = channel.unary_unary(path("Get"))(b"x")
    return ended, await call == await call, call.cancel(), call.done()


async def acanceled_twice(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Cancel a call two times."""
    call = channel.unary_unary(path("Get"))(b"wait")
    await asyncio.sleep(0)
    canceled = call.cancel(), call.cancel()
    try:
        await call
    except asyncio.CancelledError:
        return canceled, await call.code(), await call.details()
    return "went on"


async def nothing_among_async_requests() -> AsyncIterator[Any]:
    """Give a request that is none."""
    yield b"a"
    yield None


async def breaking_async() -> AsyncIterator[bytes]:
    """Give a request, then fail."""
    yield b"a"
    raise ValueError("out of requests")


async def astream_too_late(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Let a deadline pass in the middle of a stream; see `stream_too_late`."""
    seen = await amany(channel.unary_stream(path("List"))(b"wait", timeout=0.05))
    return {**seen, "details": "Deadline Exceeded" in seen["details"]}


async def arequests_too_late(channel: Any) -> Any:  # noqa: ANN401  # a channel, what was seen
    """Let a deadline pass while the servicer waits for requests."""
    call = channel.stream_unary(path("Sum"))(timeout=0.05)
    await call.write(b"a")
    return await aone(call)


def summing_of(requests: Callable[[], Any], *coders: Any) -> Callable[[Any], Any]:  # noqa: ANN401  # functions
    """Sum requests that are no plain iterator."""
    return araising(lambda c: aone(c.stream_unary(path("Sum"), *coders)(requests())))


#: Calls of `grpc.aio` by name; each takes a channel and returns what a client saw.
BAD_AIO_CALLS: dict[str, Callable[[Any], Any]] = {
    **{
        name: araising(call)
        for name, call in {
            **asking(
                b"code that is a number",
                b"code that is none",
                b"abort with a number",
                b"abort with earlier details",
                b"abort that is caught",
                b"abort twice",
                b"none",
                b"text",
                b"trailing key",
                b"initial key",
                b"initial metadata twice",
                b"details of success",
                ask=aget,
            ),
            **asking(b"none", b"nothing in it", b"code at the end", ask=alisting),
            **asking(b"none", b"raise", ask=asumming),
        }.items()
    },
    "negative deadline": aget(b"x", timeout=-1),
    "negative deadline of a stream": alisting(b"x", timeout=-1),
    "request that is none": araising(aget(None)),  # type: ignore[arg-type]  # it is wrong
    "request of a wrong type": araising(aget("text")),  # type: ignore[arg-type]  # see above
    "request that cannot be written": lambda c: aone(
        c.unary_unary(path("Get"), failing)(b"x")
    ),
    "response that cannot be read": lambda c: aone(
        c.unary_unary(path("Get"), None, failing)(b"x")
    ),
    "requests in a list": summing_of(lambda: [b"a", b"b"]),
    "requests that are none": summing_of(lambda: 5),
    "requests of a wrong type": summing_of(lambda: iter(["x"])),
    "requests that cannot be written": summing_of(lambda: iter([b"x"]), failing),
    "nothing among requests": summing_of(nothing_among_async_requests),
    "requests that break": summing_of(breaking_async),
    "compression": aget(b"x", compression=grpc.Compression.Gzip),
    "wait for ready": aget(b"x", wait_for_ready=True),
    "endless stream": aendless,
    "mixed": amixed,
    "after the end": aafter_the_end,
    "canceled twice": acanceled_twice,
    "stream too late": astream_too_late,
    "requests too late": arequests_too_late,
}
