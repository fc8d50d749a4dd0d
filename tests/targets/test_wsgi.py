"""WSGI apps behind a target: environ, heads, bodies in both directions, exceptions."""

import asyncio
import contextvars
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, Self, cast
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

import flask
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import BlockingCallError, TargetError
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import TargetReply
from pytest_lattice.targets.wsgi import WsgiTarget
from tests.live_peers import PATIENCE
from tests.targets.conftest import (
    Ask,
    MakeRequest,
    awaiting,
    blocking,
    on_asyncio,
    on_trio,
)

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")

every_caller = pytest.mark.parametrize(
    "ask", [blocking, on_asyncio, on_trio], ids=lambda each: each.__name__
)


def hello(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    """Answer at once."""
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def echo(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
    """Answer each line of the request's body, in upper case."""
    start("200 OK", [])
    for line in environ["wsgi.input"]:
        yield line.upper()


class Closable:
    """A body that counts how often it is closed."""

    def __init__(self, chunks: Iterable[object], *, fails: bool = False) -> None:
        self._chunks = iter(chunks)
        self._fails = fails
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self.taken += 1
        if isinstance(chunk, Exception):
            raise chunk
        return cast("bytes", chunk)

    def close(self) -> None:
        """Count."""
        self.closed += 1
        if self._fails:
            raise LookupError("failed to close")


def answering(body: object, *headers: tuple[str, str], status: str = "200 OK") -> Any:  # noqa: ANN401 - an app, which may be a wrong one
    """Make an app that gives one answer."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> object:
        start(status, list(headers))
        return body

    return app


def environ_of(request: object, body: object = b"") -> WSGIEnvironment:
    """Ask an app what it sees."""
    seen: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        seen.append(environ)
        return hello(environ, start)

    WsgiTarget(app).call(cast("Any", request), cast("Any", body))
    return seen[0]


def rest_of(reply: TargetReply) -> Iterator[bytes]:
    """Give the body of a streamed reply."""
    assert isinstance(reply.body, Iterator)
    return reply.body


# The environ.


def test_environ(make_request: MakeRequest) -> None:
    """The app sees what an app server beside the target would tell it."""
    request = make_request(
        "/caf%C3%A9/a%2Fb",
        method="PUT",
        query="x=%20",
        headers=(
            ("content-type", "text/plain"),
            ("content-length", "4"),
            ("x-name", "J\xf6rg"),
        ),
    )
    environ = environ_of(request, b"body")

    assert environ.pop("wsgi.input").read() == b"body"
    assert environ == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "x=%20",
        "REMOTE_ADDR": "169.254.171.1",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "shop.example.com",
        "HTTP_X_NAME": "J\xf6rg",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((("x-a", "1"), ("x-b", "2"), ("x-a", "3")), {"HTTP_X_A": "1, 3"}),
        ((("cookie", "a=1"), ("cookie", "b=2")), {"HTTP_COOKIE": "a=1; b=2"}),
        ((("x-a", "true"), ("x_a", "forged")), {"HTTP_X_A": "true"}),
        ((("x_a", "forged"), ("x_a", "again")), {}),
    ],
)
def test_headers_in_the_environ(
    make_request: MakeRequest,
    headers: tuple[tuple[str, str], ...],
    expected: dict[str, str],
) -> None:
    """Repeats are joined; a name that would pass for another one is dropped."""
    environ = environ_of(make_request(headers=headers))
    given = {name for name in environ if name.startswith("HTTP_")} - {"HTTP_HOST"}

    assert {name: environ[name] for name in given - {"HTTP_X_B"}} == expected
    assert "" not in environ


@pytest.mark.parametrize(
    ("host", "protocol", "expected"),
    [
        ("shop.example.com", "HTTP", ("shop.example.com", "80")),
        ("shop.example.com", "HTTPS", ("shop.example.com", "443")),
        ("shop.example.com:8443", "HTTPS", ("shop.example.com", "8443")),
        ("[fd00::1]", "HTTP", ("[fd00::1]", "80")),
        ("[fd00::1]:81", "HTTP", ("[fd00::1]", "81")),
        (None, "HTTP", ("10.0.0.9", "8080")),
    ],
)
def test_server_of_the_environ(
    make_request: MakeRequest,
    host: str | None,
    protocol: str,
    expected: tuple[str, str],
) -> None:
    """Name and port are those of the Host header, else those of the target."""
    group = TargetGroup(
        "instances", protocol=cast("Any", protocol), port=8080, targets=[object()]
    )
    environ = environ_of(make_request(host=host, group=group))

    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == expected
    assert environ["wsgi.url_scheme"] == protocol.lower()


def test_environ_of_other_groups(make_request: MakeRequest) -> None:
    """The version is the one to the target; an IPv6 target sees an IPv6 peer."""
    group = TargetGroup(
        "instances", protocol="HTTPS", protocol_version="HTTP2", targets=[object()]
    )
    environ = environ_of(make_request(group=group, address="fd00::9"))

    assert environ["SERVER_PROTOCOL"] == "HTTP/2"
    assert environ["REMOTE_ADDR"] == "fd00:ec2:80::a9fe:ab01"
    assert environ["QUERY_STRING"] == ""


def test_environ_satisfies_the_validator(make_request: MakeRequest) -> None:
    """The standard library's validator finds nothing to complain about."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        assert environ["wsgi.input"].read(4) == b"body"
        return hello(environ, start)

    request = make_request(method="POST", headers=(("content-length", "4"),))
    reply = WsgiTarget(validator(app)).call(request, [b"bo", b"dy"])

    assert list(rest_of(reply)) == [b"hello"]


# Whole requests and answers.


@every_caller
def test_whole_answer(ask: Ask, make_request: MakeRequest) -> None:
    """Every kind of caller gets the same answer, again and again."""
    target = WsgiTarget(hello)

    assert ask(target, make_request()) == (200, b"hello")
    assert ask(target, make_request()) == (200, b"hello")
    target.close()


def test_response_headers_are_kept(make_request: MakeRequest) -> None:
    """Names keep their case, repeats stay, and latin-1 is let through."""
    app = answering([b"a", b"b"], ("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xf6"))
    reply = WsgiTarget(app).call(make_request(), b"")

    assert reply.response.status == 200
    assert reply.response.headers == (("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xf6"))
    assert reply.body == b"ab"


def test_what_is_written_comes_first(make_request: MakeRequest) -> None:
    """`write` works for old apps, before and while the body is iterated."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        write = start("200 OK", [])
        write(b"a")
        if environ["PATH_INFO"] == "/list":
            return [b"b"]
        return generate(write)

    def generate(write: Callable[[bytes], object]) -> Iterator[bytes]:
        yield b"b"
        write(b"c")
        yield b"d"
        write(b"e")

    target = WsgiTarget(app)

    assert target.call(make_request("/list"), b"").body == b"ab"
    reply = target.call(make_request(), b"")
    assert list(rest_of(reply)) == [b"ab", b"cd", b"e"]


def test_known_length_is_read_whole(make_request: MakeRequest) -> None:
    """An answer that says it is short is read at once, and closed."""
    body = Closable([b"a", b"", b"b"])
    app = answering(body, ("CONTENT-LENGTH", "2"))

    assert WsgiTarget(app).call(make_request(), b"").body == b"ab"
    assert body.closed == 1


def test_sized_answer_is_read_whole(make_request: MakeRequest) -> None:
    """What has a length is no stream."""
    app = answering({b"a": 1, b"b": 2})

    assert WsgiTarget(app).call(make_request(), b"").body == b"ab"


def test_long_answer_is_not_read_whole(make_request: MakeRequest) -> None:
    """An answer that says it is long is streamed."""
    body = Closable([b"a", b"b"])
    app = answering(body, ("Content-Length", str(10**9)))
    reply = WsgiTarget(app).call(make_request(), b"")

    assert body.taken == 1
    assert list(rest_of(reply)) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No"), ("GET", "304 No")]
)
def test_body_that_must_not_be_is_dropped(
    make_request: MakeRequest, method: str, status: str
) -> None:
    """HEAD, 204 and 304 have no body; what the app returned is closed."""
    endless = Closable(iter(lambda: b"more", b""))
    request = make_request(method=method)

    for body in ([b"hello"], endless):
        reply = WsgiTarget(answering(body, status=status)).call(request, b"")
        assert (reply.response.status, reply.body) == (int(status[:3]), b"")
    assert endless.closed == 1


# Bodies of requests.


@every_caller
@pytest.mark.parametrize("body", [b"a\nb\nc", [b"a", b"", b"\nb\nc"], []])
def test_body(ask: Ask, make_request: MakeRequest, body: bytes | list[bytes]) -> None:
    """A body arrives whole or in chunks, with every kind of caller."""
    whole = body if isinstance(body, bytes) else b"".join(body)

    assert ask(WsgiTarget(echo), make_request(), body) == (200, whole.upper())


def test_streamed_body_is_lazy(make_request: MakeRequest) -> None:
    """A chunk is taken from the client when the app needs it, and not before."""
    taken: list[bytes] = []
    seen: list[object] = []

    def body() -> Iterator[bytes]:
        for chunk in (b"ab", b"cd\n", b"ef\ngh", b"ij"):
            taken.append(chunk)
            yield chunk

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        file = environ["wsgi.input"]
        seen.extend([file.read(0), len(taken)])
        seen.extend([file.read(1), len(taken)])
        seen.extend([file.readline(), len(taken)])
        seen.extend([file.readline(1), len(taken)])
        seen.extend([file.readlines(), len(taken)])
        seen.extend([file.read(), file.read(1)])
        return hello(environ, start)

    WsgiTarget(app).call(make_request(), body())

    assert seen[:8] == [b"", 0, b"a", 1, b"bcd\n", 2, b"e", 3]
    assert seen[8:] == [[b"f\n", b"ghij"], 4, b"", b""]


@given(
    chunks=st.lists(st.binary(max_size=20)),
    sizes=st.lists(st.integers(min_value=-1, max_value=30)),
)
def test_streamed_body_reads_like_a_file(chunks: list[bytes], sizes: list[int]) -> None:
    """However it is cut and read, a body in chunks is the file of all of them."""
    from pytest_lattice.targets.wsgi import _ChunkReader

    file = io.BytesIO(b"".join(chunks))
    streamed = io.BufferedReader(_ChunkReader(chunks))

    for size in [*sizes, -1]:
        assert streamed.read(size) == file.read(size)


def test_body_that_fails(make_request: MakeRequest) -> None:
    """What the client's own body raises comes through the app."""

    def body() -> Iterator[bytes]:
        yield b"a"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        blocking(WsgiTarget(echo), make_request(), body())


@pytest.mark.parametrize("ask", [on_asyncio, on_trio])
def test_async_body_that_fails(ask: Ask, make_request: MakeRequest) -> None:
    """The same where the body is iterated on the caller's loop."""

    def body() -> Iterator[bytes]:
        yield b"a"
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        ask(WsgiTarget(echo), make_request(), body())


# Streamed answers.


@every_caller
def test_streamed_answer(ask: Ask, make_request: MakeRequest) -> None:
    """An answer in chunks is read to its end, and closed once."""
    body = Closable([b"", b"a", b"", b"b", b""])

    assert ask(WsgiTarget(answering(body)), make_request()) == (200, b"ab")
    assert body.closed == 1


def test_streamed_answer_is_lazy(make_request: MakeRequest) -> None:
    """Chunks are read one by one, from the first that is not empty."""
    body = Closable([b"", b"a", b"b", b"", b"c"])
    chunks = rest_of(WsgiTarget(answering(body)).call(make_request(), b""))

    assert body.taken == 2
    assert [next(chunks), body.taken] == [b"a", 2]
    assert [next(chunks), body.taken] == [b"b", 3]
    assert [next(chunks), body.taken] == [b"c", 5]
    assert body.closed == 0
    assert [list(chunks), list(chunks), body.closed] == [[], [], 1]


def test_head_may_come_with_the_first_chunk(make_request: MakeRequest) -> None:
    """An app may call `start_response` as late as in its first chunk."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        yield b""
        start("203 Late", [])
        yield b"a"

    assert blocking(WsgiTarget(app), make_request()) == (203, b"a")


def test_empty_stream(make_request: MakeRequest) -> None:
    """A generator that gives nothing is an empty answer."""
    body = Closable([])

    assert blocking(WsgiTarget(answering(body)), make_request()) == (200, b"")
    assert body.closed == 1


def test_closing_early(make_request: MakeRequest) -> None:
    """A stream that is closed early is closed once, and over."""
    body = Closable([b"a", b"b"])
    chunks = cast("Any", rest_of(WsgiTarget(answering(body)).call(make_request(), b"")))
    chunks.close()
    chunks.close()

    assert [list(chunks), body.taken, body.closed] == [[], 1, 1]


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)])
def test_async_closing_early(
    make_request: MakeRequest, run: Callable[[Any], None]
) -> None:
    """The same under asyncio and Trio, also for a caller who is cancelled."""
    body = Closable([b"a", b"b"])

    async def main() -> None:
        reply = await WsgiTarget(answering(body)).acall(make_request(), b"")
        chunks = cast("Any", reply.body)
        assert await anext(chunks) == b"a"
        await chunks.aclose()
        await chunks.aclose()
        assert [chunk async for chunk in chunks] == []

    run(main())
    assert body.closed == 1


def test_closing_in_a_cancelled_scope(make_request: MakeRequest) -> None:
    """A caller who is being cancelled can still close the answer."""
    body = Closable([b"a", b"b"])

    async def main() -> None:
        reply = await WsgiTarget(answering(body)).acall(make_request(), b"")
        with trio.CancelScope() as scope:
            scope.cancel()
            await cast("Any", reply.body).aclose()

    trio.run(main)
    assert body.closed == 1


def test_answer_to_a_caller_who_left_is_closed(make_request: MakeRequest) -> None:
    """An app that answers after its caller was cancelled has its answer closed."""
    entered, released, closed = (threading.Event() for _ in range(3))

    class Late(Closable):
        """An answer that comes too late."""

        def close(self) -> None:
            """Say that it is closed."""
            super().close()
            closed.set()

    body = Late([b"a", b"b"])

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        entered.set()
        released.wait(PATIENCE)
        start("200 OK", [])
        return body

    async def main() -> None:
        call = asyncio.create_task(WsgiTarget(app).acall(make_request(), b""))
        await asyncio.to_thread(entered.wait, PATIENCE)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not closed.is_set()
        released.set()
        assert await asyncio.to_thread(closed.wait, PATIENCE)

    asyncio.run(main())
    assert body.closed == 1


# Threads and contexts.


@pytest.mark.parametrize("run", [asyncio.run, lambda main: trio.run(lambda: main)])
def test_async_caller_is_served_from_a_thread(
    make_request: MakeRequest, run: Callable[[Any], None]
) -> None:
    """An app that blocks does not block the caller's loop: two can wait for each."""
    meeting = threading.Barrier(2, timeout=60)

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        meeting.wait()
        return hello(environ, start)

    answers = []

    async def ask() -> None:
        answers.append(await awaiting(WsgiTarget(app), make_request()))

    async def main() -> None:
        import anyio

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            tasks.start_soon(ask)

    run(main())
    assert answers == [(200, b"hello")] * 2


def test_apps_do_not_wait_for_threads(make_request: MakeRequest) -> None:
    """More apps than anyio has threads by default may wait for each other."""
    count = 60
    meeting = threading.Barrier(count, timeout=60)

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        meeting.wait()
        return hello(environ, start)

    async def main() -> list[tuple[int, bytes]]:
        target = WsgiTarget(app)
        return await asyncio.gather(
            *(awaiting(target, make_request()) for _ in range(count))
        )

    assert asyncio.run(main()) == [(200, b"hello")] * count


@pytest.mark.parametrize("ask", [on_asyncio, on_trio])
def test_context_goes_in(ask: Ask, make_request: MakeRequest) -> None:
    """The app sees the test's context variables; its changes stay its own."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        start("200 OK", [])
        seen = WHO.get()
        WHO.set("the app")
        return [seen.encode()]

    def test() -> tuple[int, bytes]:
        WHO.set("the test")
        answer = ask(WsgiTarget(app), make_request())
        assert WHO.get() == "the test"
        return answer

    assert contextvars.copy_context().run(test) == (200, b"the test")


# Exceptions.


def broken(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Raise as far along as the path says."""
    steps = environ["PATH_INFO"].strip("/")
    if steps == "early":
        raise LookupError("broken")
    if steps == "whole":
        start("203 OK", [("Content-Length", "3")])
        return Closable([b"a", b"b", LookupError("broken")])
    start("203 OK", [])
    if steps == "streaming":
        return Closable([b"a", b"b", LookupError("broken")])
    if steps == "closing":
        return Closable([b"a", b"b"], fails=True)
    return Closable([LookupError("broken")])


@every_caller
@pytest.mark.parametrize(
    "path", ["/early", "/first", "/streaming", "/whole", "/closing"]
)
def test_exception_goes_through(ask: Ask, make_request: MakeRequest, path: str) -> None:
    """What the app raises is what the caller gets, with a note of the target."""
    request = make_request(path)
    with pytest.raises(LookupError) as caught:
        ask(WsgiTarget(broken), request)

    assert caught.value.__notes__ == [
        f"raised behind target `{request.route.target.id}` of target group `instances`"
    ]


@pytest.mark.parametrize("path", ["/early", "/first"])
@every_caller
def test_exception_before_the_response_is_a_500(
    ask: Ask, make_request: MakeRequest, path: str
) -> None:
    """An app server answers for an app that raised."""
    target = WsgiTarget(broken, raise_exceptions=False)

    assert ask(target, make_request(path)) == (500, b"Internal Server Error")
    assert ask(target, make_request(path, method="HEAD")) == (500, b"")
    reply = target.call(make_request(path), b"")
    assert reply.response.headers[1] == ("content-length", "21")
    assert reply.failure_reason is None


@pytest.mark.parametrize("path", ["/streaming", "/whole"])
def test_exception_after_the_head_breaks_the_response_off(
    make_request: MakeRequest, path: str
) -> None:
    """A response that had begun ends with an error, from which the app's comes."""
    reply = WsgiTarget(broken, raise_exceptions=False).call(make_request(path), b"")
    seen: list[bytes] = []
    with pytest.raises(TargetError) as caught:
        seen.extend(rest_of(reply))

    assert (reply.response.status, seen) == (203, [b"a", b"b"])
    assert str(caught.value) == "app `broken` failed before its response was complete"
    assert isinstance(caught.value.__cause__, LookupError)


def test_exception_after_the_response_is_not_seen(make_request: MakeRequest) -> None:
    """A client has its answer when an app fails only after it."""
    target = WsgiTarget(broken, raise_exceptions=False)

    assert blocking(target, make_request("/closing")) == (203, b"ab")


@pytest.mark.parametrize("path", ["/early", "/streaming"])
@pytest.mark.parametrize("raise_exceptions", [False, True])
def test_blocking_call_error_always_goes_through(
    make_request: MakeRequest, path: str, *, raise_exceptions: bool
) -> None:
    """A call that would wait for itself is the test's mistake, not the app's."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/early":
            raise BlockingCallError("it would wait for itself")
        start("200 OK", [])
        return Closable([b"a", BlockingCallError("it would wait for itself")])

    with pytest.raises(BlockingCallError):
        blocking(WsgiTarget(app, raise_exceptions=raise_exceptions), make_request(path))


def test_interrupt_closes_the_answer(make_request: MakeRequest) -> None:
    """An interrupt before the head leaves no answer open."""
    body = Closable([])

    def interrupted() -> bytes:
        raise KeyboardInterrupt

    body._chunks = iter(interrupted, b"")  # noqa: SLF001 - the test's own class
    with pytest.raises(KeyboardInterrupt):
        WsgiTarget(answering(body)).call(make_request(), b"")

    assert body.closed == 1


def fail() -> NoReturn:
    """Raise what an app notices in the middle."""
    raise LookupError("broken")


def restarting(
    *steps: str | bytes, late: bool = False
) -> Callable[[WSGIEnvironment, StartResponse], Iterator[bytes]]:
    """Make an app that notices in the middle that something is wrong."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        start("200 OK", [])
        for step in steps:
            if isinstance(step, bytes):
                yield step
        try:
            fail()
        except LookupError:
            start("500 Sorry", [], None if late else sys.exc_info())
        yield b"sorry"

    return app


def test_head_that_is_replaced(make_request: MakeRequest) -> None:
    """With `exc_info` a head can be replaced until something was sent."""
    assert blocking(WsgiTarget(restarting(b"")), make_request()) == (500, b"sorry")
    with pytest.raises(LookupError, match="broken"):
        blocking(WsgiTarget(restarting(b"sent")), make_request())


def test_head_that_was_written(make_request: MakeRequest) -> None:
    """What was written is sent, and with it the head."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        start("200 OK", [])(b"sent")
        try:
            fail()
        except LookupError:
            start("500 Sorry", [], sys.exc_info())
        return []

    with pytest.raises(LookupError, match="broken"):
        WsgiTarget(app).call(make_request(), b"")


def nothing_started(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    """Forget `start_response`."""
    return [b"hello"]


async def unawaited(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
    """Be an async function, which WSGI does not know."""
    start("200 OK", [])
    return [b"hello"]


VIOLATIONS = [
    (answering(["hello"]), "gave a body not of bytes"),
    (answering("hello"), "gave a body not of bytes"),
    (answering(b"hello"), "gave a body not of bytes"),
    (lambda _, start: start("200 OK", []) and iter("hi"), "gave a body not of bytes"),
    (answering([], status="OK"), "called `start_response` with a malformed head"),
    (
        answering([], cast("Any", (b"a", b"b"))),
        "called `start_response` with a malformed head",
    ),
    (answering([], ("a", "€")), "called `start_response` with a malformed head"),
    (answering([], ("ä", "b")), "called `start_response` with a malformed head"),
    (answering([], ("a b", "c")), "called `start_response` with a malformed head"),
    (
        answering([], ("a", "b\r\nc: d")),
        "called `start_response` with a malformed head",
    ),
    (answering([], status="-10"), "called `start_response` with a malformed head"),
    (answering([], status="2_0 OK"), "called `start_response` with a malformed head"),
    (answering([], status="101 Up"), "called `start_response` with a malformed head"),
    (answering(None), "returned `NoneType`, which is no iterable of bytes"),
    (unawaited, "returned `coroutine`, which is no iterable of bytes"),
    (restarting(late=True), "called `start_response` twice"),
    (nothing_started, "did not call `start_response`"),
    (lambda *_: iter([b"hello"]), "did not call `start_response`"),
]


@pytest.mark.parametrize(("app", "complaint"), VIOLATIONS)
def test_protocol_violation(
    make_request: MakeRequest, app: Callable[..., Any], complaint: str
) -> None:
    """What an app does wrong is named in one line, and is a 500 to a client."""
    with pytest.raises(TargetError) as caught:
        WsgiTarget(app).call(make_request(), b"")

    assert str(caught.value) == f"app `{app.__name__}` {complaint}"
    client_sees = blocking(WsgiTarget(app, raise_exceptions=False), make_request())
    assert client_sees == (500, b"Internal Server Error")


def test_protocol_violation_in_a_body_that_is_read_whole(
    make_request: MakeRequest,
) -> None:
    """A wrong chunk is found where the body is read at once, too."""
    app = answering(Closable([b"a", "b"]), ("Content-Length", "2"))

    with pytest.raises(TargetError, match="gave a body not of bytes"):
        WsgiTarget(app).call(make_request(), b"")


# Flask.


def flask_app() -> flask.Flask:
    """Make an app with whole and streamed answers."""
    app = flask.Flask(__name__)

    @app.post("/whole")
    def whole() -> bytes:
        return flask.request.get_data().upper()

    @app.get("/stream")
    def stream() -> flask.Response:
        return flask.Response(f"{number} " for number in range(3))

    @app.get("/where")
    def where() -> str:
        return f"{flask.request.url} {flask.request.remote_addr}"

    return app


@every_caller
def test_flask(ask: Ask, make_request: MakeRequest) -> None:
    """A Flask app gets bodies of all kinds and answers in both ways."""
    target = WsgiTarget(flask_app())
    post = make_request("/whole", method="POST")
    get = make_request("/where", query="a=%20b")

    assert ask(target, post, [b"ab", b"cd"]) == (200, b"ABCD")
    assert ask(target, make_request("/stream")) == (200, b"0 1 2 ")
    url = b"http://shop.example.com/where?a=%20b"
    assert ask(target, get) == (200, url + b" 169.254.171.1")


def test_flask_streams_and_reads_whole(make_request: MakeRequest) -> None:
    """A short answer of Flask's is read at once, a streamed one is not."""
    target = WsgiTarget(flask_app())
    post = make_request("/whole", method="POST", headers=(("content-length", "2"),))

    assert target.call(post, b"ab").body == b"AB"
    chunks = rest_of(target.call(make_request("/stream"), b""))
    assert next(chunks) == b"0 "
    cast("Any", chunks).close()


# Imports.


def test_blocking_calls_load_no_event_loop() -> None:
    """A network with WSGI apps and sync clients pays for no event loop."""
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_EVENT_LOOP],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stderr == ""


WITHOUT_EVENT_LOOP = """
import sys
from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import Route, TargetRequest
from pytest_lattice.targets.wsgi import WsgiTarget

def app(environ, start):
    start("200 OK", [])
    return iter([b"hello"])

group = TargetGroup("instances", targets=[app])
route = Route("network", "service", "region", group, group.registered[0], "", "vpc")
head = LatticeRequest(
    "GET", "http", "a", "a", 80, "/", None, (), "HTTP/1.1", Source("vpc", "", 1)
)
reply = WsgiTarget(app).call(TargetRequest(head, (), route, "id", 0), [b"body"])
assert list(reply.body) == [b"hello"]
assert not {"asyncio", "anyio"} & set(sys.modules), "loaded"
"""
