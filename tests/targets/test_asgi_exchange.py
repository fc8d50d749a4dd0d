"""One request to an ASGI app: its messages in order, in both directions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from pytest_lattice.errors import TargetError
from tests.live_peers import PATIENCE
from tests.targets.conftest import (
    Ask,
    Endless,
    MakeRequest,
    MakeTarget,
    Receive,
    Scope,
    Send,
    blocking,
    chunk,
    echo,
    hello,
    http_only,
    on_asyncio,
    start,
)


def test_response_headers_are_kept(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Names keep their case, repeats stay, and bytes become latin-1 text."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 201, (b"Set-Cookie", b"a=1"), (b"Set-Cookie", b"b=\xf6"))
        await chunk(send, b"", more=False)

    reply = make_target(app).call(make_request(), b"")

    assert reply.response.status == 201
    assert reply.response.headers == (("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xf6"))
    assert reply.body == b""


@pytest.mark.parametrize("body", [bytearray(b"hello"), memoryview(b"hello")])
def test_body_may_be_any_bytes(
    make_target: MakeTarget, make_request: MakeRequest, body: object
) -> None:
    """What is as good as bytes is taken as bytes, and headers may be left out."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})

    reply = make_target(app).call(make_request(), b"")

    assert (reply.response.headers, reply.body) == ((), b"hello")


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("ask", [blocking, on_asyncio])
def test_body_that_must_not_be_is_dropped(
    ask: Ask,
    make_target: MakeTarget,
    make_request: MakeRequest,
    *,
    method: str,
    status: int,
    more: bool,
) -> None:
    """HEAD, 204 and 304 have no body; the app may end as it likes all the same."""
    ended = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, status, (b"content-length", b"6"))
        await chunk(send, b"abc", more=more)
        if more:
            await chunk(send, b"def")
            await chunk(send, b"ghi", more=False)
        ended.append((await receive())["type"])
        ended.append((await receive())["type"])

    assert ask(make_target(app), make_request(method=method)) == (status, b"")
    assert ended == ["http.request", "http.disconnect"]


def test_endless_answer_to_head(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that streams for ever is cancelled when only its head was wanted."""
    app = Endless()

    reply = make_target(app).call(make_request(method="HEAD"), b"")

    assert (reply.response.status, reply.body) == (200, b"")
    assert app.events == ["CancelledError"]


def test_streamed_body_is_lazy(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A chunk is taken from the client when the app wants it, and not before."""
    taken = []

    def body() -> Iterator[bytes]:
        for each in (b"a", b"b", b"c"):
            taken.append(each)
            yield each

    reply = make_target(echo).call(make_request(), body())
    assert taken == [b"a"]
    assert isinstance(reply.body, Iterator)
    assert next(reply.body) == b"A"
    assert taken == [b"a"]
    assert next(reply.body) == b"B"
    assert taken == [b"a", b"b"]
    assert list(reply.body) == [b"C", b"!"]


def test_body_that_is_not_read_is_not_taken(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that answers without reading leaves the body where it is."""

    def body() -> Iterator[bytes]:
        yield pytest.fail("the app did not ask for it")

    assert blocking(make_target(hello), make_request(), body()) == (200, b"hello")


def test_receive_that_is_given_up(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A chunk that arrives for a cancelled `receive` is there for the next one."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        given_up = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        given_up.cancel()
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await start(send)
        await chunk(send, body, more=False)

    assert blocking(make_target(app), make_request(), [b"a", b"b"]) == (200, b"ab")


def test_concurrent_receives(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Two tasks that receive at once get one message each."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first, second = await asyncio.gather(receive(), receive())
        await start(send)
        await chunk(send, first["body"] + second["body"], more=False)

    assert blocking(make_target(app), make_request(), [b"a", b"b"]) == (200, b"ab")


def test_app_is_not_ahead_of_its_reader(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """`send` waits until the chunk was taken and the next one is asked for."""
    app = Endless()
    reply = make_target(app).call(make_request(), b"")
    assert isinstance(reply.body, Iterator)

    assert app.sent == 1
    assert [next(reply.body), app.sent] == [b"1 ", 1]
    assert [next(reply.body), app.sent] == [b"2 ", 2]


def test_async_reader_is_not_overrun(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """Also on the caller's own loop the app waits for its reader."""
    app = Endless()

    async def main() -> None:
        reply = await make_target(app).acall(make_request(), b"")
        assert isinstance(reply.body, AsyncIterator)
        for _ in range(10):
            await asyncio.sleep(0)
        assert app.sent == 1
        assert await anext(reply.body) == b"1 "
        assert await anext(reply.body) == b"2 "

    asyncio.run(main())


def test_head_can_be_flushed(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An empty first chunk sends the head, as event streams do."""
    event = asyncio.Event()

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send, 203)
        await chunk(send, b"")
        await event.wait()
        await chunk(send, b"event", more=False)

    reply = make_target(app).call(make_request(), b"")
    assert reply.response.status == 203
    event.set()
    assert isinstance(reply.body, Iterator)
    assert list(reply.body) == [b"event"]
    assert list(reply.body) == []


def test_end_of_the_stream_is_the_end_of_the_app(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """What an app does after its last chunk is done when the body is read."""
    done = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await chunk(send, b"a")
        await chunk(send, b"b", more=False)
        await asyncio.sleep(0)
        done.append(True)

    assert blocking(make_target(app), make_request()) == (200, b"ab")
    assert done == [True]


def test_app_that_listens_hears_the_disconnect(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that waits in `receive` gets `http.disconnect` and ends by itself."""
    events = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await chunk(send, b"")
        assert (await receive())["type"] == "http.request"
        events.append((await receive())["type"])
        await asyncio.sleep(0)
        events.append("ended")

    reply = make_target(app).call(make_request(), b"")
    assert events == []
    cast("Any", reply.body).close()

    assert events == ["http.disconnect", "ended"]


def test_app_that_does_not_listen_is_cancelled(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app that waits for something else is cancelled."""
    events = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        await chunk(send, b"")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("cleaned up")

    reply = make_target(app).call(make_request(), b"")
    cast("Any", reply.body).close()

    assert events == ["cleaned up"]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_caller_who_is_cancelled_again_leaves_no_app(
    turns: int, make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app is ended also where its caller has no time to tell it that he leaves."""
    waiting, ended = asyncio.Event(), asyncio.Event()

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def main() -> None:
        call = asyncio.create_task(make_target(app).acall(make_request(), b""))
        await waiting.wait()
        call.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(PATIENCE):
            await ended.wait()

    asyncio.run(main())


def test_complete_response_disconnects(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """After its answer an app hears that the client has gone, also while waiting."""
    events = []

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        listener = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await hello(scope, receive, send)
        events.append((await listener)["type"])

    assert blocking(make_target(app), make_request()) == (200, b"hello")
    assert events == ["http.disconnect"]


def test_send_that_is_given_up(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """A chunk whose `send` was cancelled goes out before the next one."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await start(send)
        given_up = asyncio.ensure_future(chunk(send, b"a"))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        await chunk(send, b"b")
        await chunk(send, b"c", more=False)

    assert blocking(make_target(app), make_request()) == (200, b"abc")


HEAD = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}
VIOLATIONS: list[tuple[list[dict[str, Any]], str]] = [
    ([], "ended without a response"),
    ([HEAD], "ended before its response was complete"),
    ([BODY], "sent `http.response.body` before `http.response.start`"),
    ([HEAD, HEAD], "sent `http.response.start` twice"),
    ([HEAD, BODY, BODY], "sent `http.response.body` after its response was complete"),
    ([{"type": "websocket.accept"}], "sent `websocket.accept` to an HTTP request"),
    ([{}], "sent `None` to an HTTP request"),
    ([{"type": HEAD["type"]}], "sent a malformed `http.response.start`"),
    ([HEAD | {"status": "200"}], "sent status `200`, no integer of 200 to 999"),
    ([HEAD | {"status": 103}], "sent status `103`, no integer of 200 to 999"),
    ([HEAD | {"status": -1}], "sent status `-1`, no integer of 200 to 999"),
    ([HEAD | {"status": 1000}], "sent status `1000`, no integer of 200 to 999"),
    ([HEAD | {"headers": [("a", "b")]}], "sent a malformed `http.response.start`"),
    ([HEAD, BODY | {"body": "hello"}], "sent a body of type `str`, not bytes"),
]


@pytest.mark.parametrize(("messages", "complaint"), VIOLATIONS)
def test_protocol_violation(
    make_target: MakeTarget,
    make_request: MakeRequest,
    messages: list[dict[str, Any]],
    complaint: str,
) -> None:
    """What an app does wrong is named in one line."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with pytest.raises(TargetError) as caught:
        make_target(app).call(make_request(), b"")

    assert str(caught.value) == f"app `app` {complaint}"


def test_app_that_catches_its_own_violation(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """An app may recover from a message that was refused."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(TargetError):
            await send({"type": "http.response.trailers"})
        await hello(scope, receive, send)

    assert blocking(make_target(app), make_request()) == (200, b"hello")


def test_protocol_violation_is_a_500(
    make_target: MakeTarget, make_request: MakeRequest
) -> None:
    """To a client an app that breaks the protocol is an app that raised."""

    @http_only
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await chunk(send, b"a")

    target = make_target(app, raise_exceptions=False)
    assert blocking(target, make_request()) == (500, b"Internal Server Error")
