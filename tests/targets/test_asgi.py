"""ASGI apps behind a target: requests, streams, lifespan, contexts, exceptions."""

import asyncio
import contextlib
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn, cast

import anyio
import pytest
import trio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route as StarletteRoute

from pytest_lattice.errors import BlockingCallError, TargetError
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.asgi import AsgiTarget
from pytest_lattice.targets.loop import AppLoop
from tests.targets.conftest import (
    Ask,
    Endless,
    MakeRequest,
    MakeTarget,
    Receive,
    Scope,
    Send,
    awaiting,
    blocking,
    chunk,
    echo,
    every_caller,
    hello,
    http_only,
    on_asyncio,
    on_trio,
    read_all,
    start,
)

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


# Whole requests and answers.


@every_caller
def test_whole_answer(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Every kind of caller gets the same answer, again and again."""
    target = make_target(hello)

    assert ask(target, make_request()) == (200, b"hello")
    assert ask(target, make_request()) == (200, b"hello")


def test_whole_answer_is_bytes(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An answer in one piece needs no reading, blocking or awaiting."""
    target = make_target(hello)

    assert target.call(make_request(), b"").body == b"hello"
    assert asyncio.run(target.acall(make_request(), b"")).body == b"hello"


def test_scope(make_target: MakeTarget, make_request: MakeRequest) -> None:
    """The app sees what an app server beside the target would tell it."""
    scopes: list[dict[str, Any]] = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    request = make_request(
        "/caf%C3%A9/a%2Fb",
        method="PUT",
        query="x=%20",
        headers=(("x-name", "J\xf6rg"), ("x-name", "2")),
    )
    make_target(app).call(request, b"")

    assert scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "PUT",
            "scheme": "http",
            "path": "/café/a/b",
            "raw_path": b"/caf%C3%A9/a%2Fb",
            "query_string": b"x=%20",
            "root_path": "",
            "headers": [
                (b"host", b"shop.example.com"),
                (b"x-name", b"J\xf6rg"),
                (b"x-name", b"2"),
            ],
            "client": ("169.254.171.1", 49152),
            "server": ("10.0.0.9", 8080),
            "state": {},
        }
    ]


@pytest.mark.parametrize(
    ("protocol", "version", "scheme", "http_version"),
    [
        ("HTTP", "HTTP1", "http", "1.1"),
        ("HTTPS", "HTTP1", "https", "1.1"),
        ("HTTPS", "HTTP2", "https", "2"),
        ("HTTPS", "GRPC", "https", "2"),
    ],
)
def test_scope_follows_the_target_group(
    make_target: MakeTarget,
    make_request: MakeRequest,
    protocol: str,
    version: str,
    scheme: str,
    http_version: str,
) -> None:
    """Scheme and version are those to the target, whatever the client spoke."""
    seen = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["scheme"], scope["http_version"], scope["query_string"]))
        await hello(scope, receive, send)

    group = TargetGroup(
        "instances",
        protocol=cast("Any", protocol),
        protocol_version=cast("Any", version),
        targets=[object()],
    )
    make_target(app).call(make_request(group=group), b"")

    assert seen == [(scheme, http_version, b"")]


def test_ipv6_target_sees_an_ipv6_peer(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A target with an IPv6 address is called from Lattice's IPv6 range."""
    seen = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["server"][0]))
        await hello(scope, receive, send)

    make_target(app).call(make_request(address="fd00::9"), b"")

    assert seen == [("fd00:ec2:80::a9fe:ab01", "fd00::9")]


# Bodies of requests.


@every_caller
def test_whole_body(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A body in one piece arrives in one piece."""
    assert ask(make_target(echo), make_request(), b"abc") == (200, b"ABC!")


@every_caller
def test_streamed_body(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A body in chunks is answered chunk by chunk, with every kind of caller."""
    body = [b"abc", b"", b"def"]

    assert ask(make_target(echo), make_request(), body) == (200, b"ABCDEF!")


@every_caller
def test_body_that_fails(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """What the client's own body raises is the client's, and the app is ended."""
    events = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        events.append(message["type"])

    def body() -> Iterator[bytes]:
        yield b"a"
        raise LookupError("no more")

    target = make_target(app)
    with pytest.raises(LookupError, match=r"^no more$") as caught:
        ask(target, make_request(), body())

    assert not hasattr(caught.value, "__notes__")
    assert events[-1] == "http.disconnect"


def test_body_from_a_response(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """One app's streamed answer can be the body of a request to another one."""
    target = make_target(echo)
    first = target.call(make_request(), [b"a", b"b"])

    assert blocking(target, make_request(), first.body) == (200, b"AB!!")


# Streamed answers.


@every_caller
def test_streamed_answer(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An answer in chunks is read to its end by every kind of caller."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 203)
        for body in (b"a", b"", b"b"):
            await chunk(send, body)
        await chunk(send, b"", more=False)

    assert ask(make_target(app), make_request()) == (203, b"ab")


@pytest.mark.parametrize("ask", [blocking, on_asyncio, on_trio])
def test_background_task_ends_before_the_answer(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A background task has run when a test looks at what it did."""
    done = []

    async def note() -> None:
        await asyncio.sleep(0)
        done.append(True)

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("ok", background=BackgroundTask(note))

    app = Starlette(routes=[StarletteRoute("/", endpoint)])

    assert ask(make_target(app), make_request()) == (200, b"ok")
    assert done == [True]


# Disconnecting.


def test_closing_ends_an_endless_app(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that streams for ever is told that its client has gone."""
    app = Endless()
    reply = make_target(app).call(make_request(), b"")
    assert isinstance(reply.body, Iterator)
    next(reply.body)
    close = reply.body.close  # type: ignore[attr-defined]  # as generators have it
    close()
    close()

    assert app.events == ["ConnectionResetError"]
    assert list(reply.body) == []


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)])
def test_async_closing_ends_an_endless_app(
    make_target: MakeTarget, make_request: MakeRequest, run: Callable[[Any], None]
) -> None:
    """The same under asyncio and Trio."""
    app = Endless()

    async def main() -> None:
        reply = await make_target(app).acall(make_request(), b"")
        body = cast("Any", reply.body)
        assert await anext(body) == b"1 "
        await body.aclose()
        await body.aclose()
        assert [each async for each in body] == []

    run(main())
    assert app.events == ["ConnectionResetError"]


def test_closing_the_target_ends_open_streams(
    apps: AppLoop, make_request: MakeRequest
) -> None:
    """A stream that a test forgot is ended with the network."""
    app = Endless()
    target = AsgiTarget(cast("Any", app), apps)
    reply = target.call(make_request(), b"")
    target.close()

    assert app.events == ["ConnectionResetError"]
    assert list(cast("Any", reply.body)) == []


def test_stream_of_a_closed_loop(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A stream that outlives its loop was ended with it, and closes quietly."""
    app = Endless()
    target = make_target(app)
    reply = asyncio.run(target.acall(make_request(), b""))

    async def late() -> None:
        await cast("Any", reply.body).aclose()

    asyncio.run(late())
    assert app.events == ["CancelledError"]


def test_loop_closed_over_an_app(
    apps: AppLoop,
    make_request: MakeRequest,
    caplog: pytest.LogCaptureFixture,
    left_behind: list[str],
) -> None:
    """An owner who just closes the loop gets asyncio's own complaint and no other."""
    app = Endless()
    target = AsgiTarget(cast("Any", app), apps)
    loop = asyncio.new_event_loop()
    reply = loop.run_until_complete(target.acall(make_request(), b""))
    loop.close()
    target.close()
    del reply
    gc.collect()

    assert app.events == ["GeneratorExit"]
    assert {record.name for record in caplog.records} == {"asyncio"}
    assert left_behind != []
    left_behind.clear()


def test_call_that_is_thrown_away(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A call that nobody awaits to its end leaves its app to the target's closing."""
    events: list[str] = []

    async def main() -> None:
        waiting, gone = asyncio.Event(), asyncio.Event()

        @http_only
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            waiting.set()
            events.append((await receive())["type"])
            gone.set()

        target = make_target(app)
        call = target.acall(make_request(), b"")
        call.send(None)
        call.close()
        await waiting.wait()
        target.close()
        await gone.wait()

    asyncio.run(main())
    assert events == ["http.disconnect"]


@pytest.mark.parametrize("before", [False, True])
def test_cancelled_caller_ends_the_app(
    make_target: MakeTarget, make_request: MakeRequest, *, before: bool
) -> None:
    """Cancelling the caller, on the app's loop or another, disconnects the app."""
    events: list[str] = []
    waiting = threading.Event()

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hello":
            await hello(scope, receive, send)
            return
        await receive()
        waiting.set()
        events.append((await receive())["type"])

    target = make_target(app)
    if before:
        blocking(target, make_request("/hello"))

    async def main() -> None:
        call = asyncio.create_task(target.acall(make_request(), b""))
        await asyncio.to_thread(waiting.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert events == ["http.disconnect"]

    asyncio.run(main())


def test_timed_out_trio_caller_ends_the_app(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A Trio scope that is cancelled disconnects the app before it is left."""
    events: list[str] = []
    waiting = threading.Event()

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting.set()
        events.append((await receive())["type"])

    target = make_target(app)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(target.acall, make_request(), b"")
            await trio.to_thread.run_sync(waiting.wait)
            nursery.cancel_scope.cancel()
        assert events == ["http.disconnect"]

    trio.run(main)


# Exceptions.


@http_only
async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise as far along as the path says."""
    steps = scope["path"].strip("/")
    if steps != "early":
        await start(send, 203)
    if steps == "streaming":
        await chunk(send, b"a")
        await chunk(send, b"b")
    if steps == "late":
        await chunk(send, b"whole", more=False)
    if steps == "last":
        await chunk(send, b"a")
        await chunk(send, b"b", more=False)
    raise LookupError("broken")


@every_caller
@pytest.mark.parametrize("path", ["/early", "/headed", "/late", "/streaming", "/last"])
def test_exception_goes_through(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest, path: str
) -> None:
    """What the app raises is what the caller gets, with a note of the target."""
    request = make_request(path)
    note = f"behind target `{request.route.target.id}` of target group `instances`"
    with pytest.raises(LookupError) as caught:
        ask(make_target(broken), request)

    assert str(caught.value) == "broken"
    assert caught.value.__notes__ == [f"raised {note}"]


@pytest.mark.parametrize("ask", [blocking, on_asyncio])
def test_exception_before_the_response_is_a_500(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app server answers for an app that raised."""
    target = make_target(broken, raise_exceptions=False)

    assert ask(target, make_request("/early")) == (500, b"Internal Server Error")
    assert ask(target, make_request("/early", method="HEAD")) == (500, b"")
    reply = target.call(make_request("/early"), b"")
    assert reply.response.headers == (
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", "21"),
    )
    assert reply.failure_reason is None


@pytest.mark.parametrize(
    ("path", "chunks"), [("/headed", []), ("/streaming", [b"a", b"b"])]
)
def test_exception_after_the_head_breaks_the_response_off(
    make_target: MakeTarget, make_request: MakeRequest, path: str, chunks: list[bytes]
) -> None:
    """A response that had begun ends with an error, from which the app's comes."""
    reply = make_target(broken, raise_exceptions=False).call(make_request(path), b"")
    seen: list[bytes] = []
    with pytest.raises(TargetError) as caught:
        seen.extend(cast("Iterator[bytes]", reply.body))

    assert reply.response.status == 203
    assert str(caught.value) == "app `broken` failed before its response was complete"
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize(("path", "body"), [("/late", b"whole"), ("/last", b"ab")])
def test_exception_after_the_response_is_not_seen(
    make_target: MakeTarget, make_request: MakeRequest, path: str, body: bytes
) -> None:
    """A client has its answer when an app fails only after it."""
    target = make_target(broken, raise_exceptions=False)

    assert blocking(target, make_request(path)) == (203, body)


@every_caller
@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
def test_app_that_cancels_itself(
    ask: Ask,
    make_target: MakeTarget,
    make_request: MakeRequest,
    error: type[BaseException],
) -> None:
    """An app's own cancellation is an error, not the caller's cancellation."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(TargetError) as caught:
        ask(make_target(app), make_request())

    assert str(caught.value) == "app `app` was cancelled before it was done"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("ask", [blocking, on_asyncio])
def test_interrupt_goes_through(
    ask: Ask,
    make_target: MakeTarget,
    make_request: MakeRequest,
    error: type[BaseException],
) -> None:
    """An interrupt in an app ends the test, whatever the setting, not the loop."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/interrupted":
            raise error
        await hello(scope, receive, send)

    target = make_target(app, raise_exceptions=False)
    with pytest.raises(error):
        ask(target, make_request("/interrupted"))

    assert ask(target, make_request()) == (200, b"hello")


def test_same_exception_is_noted_once(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An exception that an app raises again and again gets one note."""
    error = LookupError("always the same")

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    target = make_target(app)
    for _ in range(2):
        with pytest.raises(LookupError):
            target.call(make_request(), b"")

    assert len(error.__notes__) == 1


# Lifespan.


class Lifespan:
    """An app with a lifespan, which notes what happens and where."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what the lifespan left in the state."""
        if scope["type"] == "http":
            scope["state"]["who"] += "!"
            await start(send)
            await chunk(send, scope["state"]["who"].encode(), more=False)
            return
        assert (await receive())["type"] == "lifespan.startup"
        self.loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        scope["state"]["who"] = "started"
        self.events.append("startup")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await asyncio.sleep(0)
        self.events.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})


@every_caller
def test_lifespan(
    ask: Ask, apps: AppLoop, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """It starts before the first request, its state is copied, it ends at the end."""
    app = Lifespan()
    target = make_target(app)

    assert ask(target, make_request()) == (200, b"started!")
    assert ask(target, make_request()) == (200, b"started!")
    target.close()
    apps.close()
    assert app.events == ["startup", "shutdown"] * len(app.loops)


def test_unused_app_has_no_lifespan(make_target: MakeTarget) -> None:
    """An app that is never called is never started."""
    app = Lifespan()
    make_target(app).close()

    assert app.events == []


def test_first_requests_at_once_share_the_startup(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Requests that come while the app starts wait for it."""
    app = Lifespan()
    target = make_target(app)

    async def main() -> list[tuple[int, bytes]]:
        asks = (awaiting(target, make_request()) for _ in range(3))
        return await asyncio.gather(*asks)

    assert asyncio.run(main()) == [(200, b"started!")] * 3
    assert app.events == ["startup", "shutdown"]


def test_lifespan_moves_along_with_the_loops(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Each loop, one after another, gets a lifespan, which ends before the loop."""
    app = Lifespan()
    target = make_target(app)

    for _ in range(3):
        assert on_asyncio(target, make_request()) == (200, b"started!")
    assert app.events == ["startup", "shutdown"] * 3
    assert len(set(app.loops)) == 3
    assert blocking(target, make_request()) == (200, b"started!")
    target.close()
    assert app.events == ["startup", "shutdown"] * 4


def test_lifespan_on_an_idle_foreign_loop(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A caller's loop that is idle is driven once more to shut the app down."""
    app = Lifespan()
    target = make_target(app)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(target.acall(make_request(), b""))
    target.close()
    loop.close()

    assert app.events == ["startup", "shutdown"]


def test_lifespans_of_two_loops_in_turn(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A loop that comes back finds the lifespan that it had."""
    app = Lifespan()
    target = make_target(app)
    loops = [asyncio.new_event_loop(), asyncio.new_event_loop()]
    for loop in loops * 2:
        loop.run_until_complete(target.acall(make_request(), b""))
    assert app.loops == loops
    target.close()
    assert app.events == ["startup", "startup", "shutdown", "shutdown"]
    for loop in loops:
        loop.close()


def test_close_inside_the_running_loop(
    apps: AppLoop, make_request: MakeRequest
) -> None:
    """Closed in async code, an app shuts down as the loop runs on."""
    app = Lifespan()
    target = AsgiTarget(cast("Any", app), apps)

    async def main() -> None:
        await target.acall(make_request(), b"")
        target.close()
        assert app.events == ["startup"]

    asyncio.run(main())
    assert app.events == ["startup", "shutdown"]


@pytest.mark.parametrize("close_first", [False, True])
def test_startup_that_fails(
    make_target: MakeTarget, make_request: MakeRequest, *, close_first: bool
) -> None:
    """What the app says is in the message; the setting does not matter."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    target = make_target(app, raise_exceptions=close_first)
    for _ in range(2):
        with pytest.raises(TargetError) as caught:
            target.call(make_request(), b"")
        assert str(caught.value) == "app `app` failed to start: `no database`"
    target.close()


def test_startup_that_fails_without_a_reason(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that gives no reason, nor returns after it, fails all the same."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.failed"})
        await asyncio.Event().wait()

    with pytest.raises(TargetError, match=r"^app `app` failed to start: `no reason"):
        make_target(app).call(make_request(), b"")


def starlette_lifespan(*, fails: str) -> Starlette:
    """Make an app whose lifespan fails somewhere."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if fails == "start":
            raise LookupError("no database")
        yield
        if fails == "shut down":
            raise LookupError("database gone")

    def endpoint(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[StarletteRoute("/", endpoint)], lifespan=lifespan)


def test_starlette_that_fails_to_start(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Of Starlette's traceback the last line is the message, all of it the note."""
    target = make_target(starlette_lifespan(fails="start"))
    with pytest.raises(TargetError) as caught:
        target.call(make_request(), b"")

    assert str(caught.value) == (
        "app `Starlette` failed to start: `LookupError: no database`"
    )
    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__notes__[0].startswith("Traceback")


def test_starlette_that_fails_to_shut_down(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A failure at the end is an error of `close`, once."""
    target = make_target(starlette_lifespan(fails="shut down"))
    assert blocking(target, make_request()) == (200, b"ok")
    with pytest.raises(TargetError) as caught:
        target.close()

    assert str(caught.value) == (
        "app `Starlette` failed to shut down: `LookupError: database gone`"
    )
    assert isinstance(caught.value.__cause__, LookupError)
    target.close()


@pytest.mark.parametrize("how", ["ignores", "returns", "raises", "answers"])
def test_app_without_a_lifespan(
    make_target: MakeTarget, make_request: MakeRequest, how: str
) -> None:
    """An app that does not know of lifespans is called without one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and how == "returns":
            return
        if scope["type"] == "lifespan" and how == "raises":
            raise NotImplementedError
        if scope["type"] == "lifespan" and how == "ignores":
            await receive()
        await hello.__wrapped__(scope, receive, send)  # type: ignore[attr-defined]  # whatever the scope says

    target = make_target(app)

    assert blocking(target, make_request()) == (200, b"hello")
    assert blocking(target, make_request()) == (200, b"hello")


def test_lifespan_that_never_ends(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that says it has shut down but does not return is cancelled."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await hello(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    target = make_target(app)
    blocking(target, make_request())
    target.close()

    assert events == ["cancelled"]


def test_lifespan_that_cancels_its_receive(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A `receive` that the app itself gives up says nothing of a shutdown."""
    events = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await hello(scope, receive, send)
            return
        await receive()
        given_up = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        given_up.cancel()
        events.append((await asyncio.gather(given_up, return_exceptions=True))[0])
        await send({"type": "lifespan.startup.complete"})
        events.append(await receive())
        await send({"type": "lifespan.shutdown.complete"})

    target = make_target(app)
    blocking(target, make_request())
    target.close()

    assert isinstance(events[0], asyncio.CancelledError)
    assert events[1] == {"type": "lifespan.shutdown"}


def test_interrupt_during_startup(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An interrupt while an app starts ends the test."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_target(app, raise_exceptions=False).call(make_request(), b"")


@pytest.mark.asyncio
async def test_lifespan_in_an_async_test(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Under pytest-asyncio the fixtures' order ends app and loop without noise."""
    app = Lifespan()

    assert await awaiting(make_target(app), make_request()) == (200, b"started!")
    assert app.loops == [asyncio.get_running_loop()]


# Contexts and calls between apps.


@every_caller
def test_context_goes_in_and_does_not_come_back(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """The app sees the test's context variables; its changes stay its own."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await chunk(send, WHO.get().encode())
        WHO.set("the app")
        await chunk(send, WHO.get().encode(), more=False)

    def test() -> tuple[int, bytes]:
        WHO.set("the test, ")
        answer = ask(make_target(app), make_request())
        assert WHO.get() == "the test, "
        return answer

    assert contextvars.copy_context().run(test) == (200, b"the test, the app")


def test_cancel_scopes_work_in_an_app(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app's own task groups and scopes belong to the app's own task."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep_forever)
            tasks.cancel_scope.cancel()
        await hello(scope, receive, send)

    target = make_target(app)
    for ask in (blocking, on_asyncio, on_trio):
        assert ask(target, make_request()) == (200, b"hello")


@pytest.mark.parametrize("ask", [blocking, on_asyncio, on_trio])
def test_async_app_calls_an_app(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app behind the network calls another one with an async client."""
    inner = make_target(hello)

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        reply = await inner.acall(make_request(), b"")
        await start(send)
        await chunk(send, await read_all(reply) + b" from inside", more=False)

    answer = (200, b"hello from inside")
    assert ask(make_target(app), make_request()) == answer


@every_caller
def test_sync_endpoint_calls_an_app(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A sync endpoint, which runs in a worker thread, calls with a sync client."""
    inner = make_target(hello)

    def endpoint(_: Request) -> Response:
        return PlainTextResponse(blocking(inner, make_request())[1] + b" from a thread")

    app = Starlette(routes=[StarletteRoute("/", endpoint)])

    answer = (200, b"hello from a thread")
    assert ask(make_target(app), make_request()) == answer


@pytest.mark.parametrize("raise_exceptions", [False, True])
@every_caller
def test_blocking_call_in_an_async_endpoint_is_refused(
    ask: Ask,
    make_target: MakeTarget,
    make_request: MakeRequest,
    *,
    raise_exceptions: bool,
) -> None:
    """A sync client in an async endpoint would deadlock: the test gets to know."""
    inner = make_target(hello)

    async def endpoint(_: Request) -> NoReturn:
        inner.call(make_request(), b"")
        raise AssertionError

    app = Starlette(routes=[StarletteRoute("/", endpoint)])
    target = make_target(app, raise_exceptions=raise_exceptions)

    with pytest.raises(BlockingCallError):
        ask(target, make_request())


def test_many_requests_at_once(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Requests that are gathered each get their own answer."""
    target = make_target(echo)

    async def main() -> list[tuple[int, bytes]]:
        asks = (awaiting(target, make_request(), b"%d" % n) for n in range(50))
        return await asyncio.gather(*asks)

    assert asyncio.run(main()) == [(200, b"%d!" % n) for n in range(50)]


# Starlette.


class Stamp(BaseHTTPMiddleware):
    """Middleware of the kind that runs the app in a task group."""

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        """Add a header."""
        response = await call_next(request)
        response.headers["x-stamp"] = "stamped"
        return response


def starlette_app(events: list[str]) -> Starlette:
    """Make an app with middleware, whole and streamed answers."""

    async def whole(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def count(last: int) -> AsyncIterator[bytes]:
        try:
            for number in range(last):
                yield b"%d " % number
        finally:
            events.append("ended")

    async def stream(request: Request) -> Response:
        return StreamingResponse(count(int(request.query_params["last"])))

    return Starlette(
        routes=[
            StarletteRoute("/whole", whole, methods=["POST"]),
            StarletteRoute("/stream", stream),
        ],
        middleware=[Middleware(Stamp)],
    )


@every_caller
def test_starlette_middleware(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Middleware that streams every answer changes nothing for the caller."""
    target = make_target(starlette_app([]))

    assert ask(target, make_request("/whole", method="POST"), [b"a", b"b"]) == (
        200,
        b"ab",
    )
    reply = target.call(make_request("/whole", method="POST"), b"")
    assert ("x-stamp", "stamped") in reply.response.headers
    assert b"".join(cast("Iterator[bytes]", reply.body)) == b""


@every_caller
def test_starlette_stream(
    ask: Ask, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A streamed answer comes through middleware whole."""
    events: list[str] = []
    request = make_request("/stream", query="last=3")

    assert ask(make_target(starlette_app(events)), request) == (200, b"0 1 2 ")
    assert set(events) == {"ended"}


def test_starlette_stream_closed_early(
    apps: AppLoop, make_request: MakeRequest
) -> None:
    """A stream that is closed early ends the app's generator with the network."""
    events: list[str] = []
    target = AsgiTarget(cast("Any", starlette_app(events)), apps)
    request = make_request("/stream", query="last=1000000")
    body = cast("Any", target.call(request, b"").body)
    assert [next(body), next(body)] == [b"0 ", b"1 "]
    body.close()
    target.close()
    apps.close()

    assert events == ["ended"]
