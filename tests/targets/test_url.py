"""Forwarding to a really running server, here a socket that follows a script."""

import gc
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Self

import anyio
import anyio.from_thread
import pytest
import trustme

from pytest_lattice.errors import TargetError
from pytest_lattice.model.message import Headers, LatticeResponse
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import (
    AsyncRequestBody,
    AsyncTargetReply,
    CutError,
    RequestBody,
    TargetReply,
    TargetRequest,
)
from pytest_lattice.targets.url import UrlTarget
from tests.targets.test_lambda_event import a_request

Reply = TargetReply | AsyncTargetReply
Script = Callable[[socket.socket], None]

GROUP = TargetGroup("instances", targets=["http://127.0.0.1"])
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HOST = ("host", "orders-0a1b.7d67968.vpc-lattice-svcs.us-west-2.on.aws")

ways = pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])


class Server:
    """A server on loopback that runs a script on each connection.

    Args:
        script: what to do with a connection, which is closed afterwards.
        scheme: how its URL begins.
    """

    def __init__(self, script: Script, scheme: str = "http") -> None:
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._error: BaseException | None = None
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        # a connection that says nothing ends the thread
        with socket.create_connection(self._socket.getsockname()):
            pass
        self._thread.join()
        self._socket.close()
        if self._error is not None:
            raise self._error

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if not connection.recv(1, socket.MSG_PEEK):
                    return
                self.connections += 1
                try:
                    self._script(connection)
                except BaseException as error:  # noqa: BLE001 - raised by the test
                    self._error = error


def read_request(connection: socket.socket) -> bytes:
    """Read a request to the end of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
    for line in lines:
        if line.startswith(b"content-length:"):
            while len(body) < int(line.partition(b":")[2]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(response: bytes, requests: list[bytes] | None = None) -> Script:
    """Make a script that reads a request and answers it."""

    def script(connection: socket.socket) -> None:
        request = read_request(connection)
        if requests is not None:
            requests.append(request)
        connection.sendall(response)

    return script


def resetting(connection: socket.socket) -> None:
    """End a connection abruptly, as a crashing server does."""
    read_request(connection)
    linger = b"\1\0\0\0\0\0\0\0"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


async def _acall(
    target: UrlTarget, request: TargetRequest, body: AsyncRequestBody
) -> tuple[AsyncTargetReply, bytes]:
    reply = await target.acall(request, body)
    if isinstance(reply.body, bytes):
        return reply, reply.body
    return reply, b"".join([chunk async for chunk in reply.body])


async def _later(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def called(
    target: UrlTarget,
    way: str,
    body: RequestBody = b"",
    **request: Any,  # noqa: ANN401 - whatever `a_request` takes
) -> tuple[Reply, bytes]:
    """Call a target in one of the three ways in which a client can."""
    head = a_request(group=GROUP, **request)
    if way != "blocking":
        sent = body if isinstance(body, bytes) else _later(iter(body))
        return anyio.run(_acall, target, head, sent, backend=way)
    reply = target.call(head, body)
    if isinstance(reply.body, bytes):
        return reply, reply.body
    return reply, b"".join(reply.body)


@ways
def test_request_is_forwarded_as_it_is(way: str) -> None:
    """Target and headers arrive as sent, Host included; nothing is added."""
    requests: list[bytes] = []
    headers: Headers = (HOST, ("x-a", "1"), ("x-a", "2"), ("x-name", "caf\xe9"))
    with Server(answering(OK, requests)) as server:
        reply, body = called(
            UrlTarget(server.url),
            way,
            path="/a/../b//%7e",
            query="x=%20+&y",
            headers=headers,
        )

    assert reply.response == LatticeResponse(200, (("content-length", "2"),))
    assert body == b"ok"
    assert requests == [
        (
            b"GET /a/../b//%7e?x=%20+&y HTTP/1.1\r\n"
            b"host: orders-0a1b.7d67968.vpc-lattice-svcs.us-west-2.on.aws\r\n"
            b"x-a: 1\r\nx-a: 2\r\nx-name: caf\xe9\r\n\r\n"
        )
    ]


@ways
def test_whole_body_is_forwarded(way: str) -> None:
    """A body that is known whole has its length, whatever was said before."""
    requests: list[bytes] = []
    with Server(answering(OK, requests)) as server:
        target = UrlTarget(server.url)
        called(target, way, b"hello", method="POST", headers=(HOST,))
        headers = (HOST, ("Content-Length", "99"), ("transfer-encoding", "chunked"))
        called(target, way, b"hello", method="POST", headers=headers)
        called(target, way, method="POST", headers=(HOST, ("content-length", "0")))

    assert [request.lower().count(b"content-length") for request in requests] == [1] * 3
    assert [request.endswith(b"\r\n\r\nhello") for request in requests] == [
        True,
        True,
        False,
    ]
    assert b"content-length: 5\r\n" in requests[1].lower()
    assert b"content-length: 0\r\n" in requests[2]
    assert b"transfer-encoding" not in requests[1].lower()


@ways
def test_body_in_chunks_is_forwarded(way: str) -> None:
    """A body in chunks keeps the length it was announced with, else is chunked."""
    requests: list[bytes] = []
    with Server(answering(OK, requests)) as server:
        target = UrlTarget(server.url)
        called(target, way, iter([b"hel", b"lo"]), method="PUT", headers=(HOST,))
        headers = (HOST, ("content-length", "5"))
        called(target, way, iter([b"hel", b"lo"]), method="PUT", headers=headers)

    assert requests[0].endswith(b"\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
    assert requests[1].endswith(b"content-length: 5\r\n\r\nhello")


@ways
def test_hop_by_hop_headers_stay(way: str) -> None:
    """What concerns one connection is not passed on, in either direction."""
    requests: list[bytes] = []
    response = (
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\n"
        b"Keep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\nX-Yours: 2\r\n\r\n"
        b"2\r\nok\r\n0\r\n\r\n"
    )
    headers = (
        HOST,
        ("connection", "x-mine, keep-alive"),
        ("x-mine", "1"),
        ("te", "trailers"),
        ("Upgrade", "h2c"),
        ("x-yours", "2"),
    )
    with Server(answering(response, requests)) as server:
        reply, body = called(UrlTarget(server.url), way, headers=headers)

    assert reply.response.headers == (("X-Yours", "2"),)
    assert body == b"ok"
    assert requests[0].split(b"\r\n")[2:] == [b"x-yours: 2", b"", b""]


@ways
def test_responses_are_passed_on_untouched(way: str) -> None:
    """Redirects are not followed, bodies not decoded, cookies not remembered."""
    requests: list[bytes] = []
    response = (
        b"HTTP/1.1 302 Found\r\nLocation: /other\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x00\xff"
    )
    with Server(answering(response, requests)) as server:
        target = UrlTarget(server.url)
        replies = [called(target, way, headers=(HOST,)) for _ in range(2)]

    for reply, body in replies:
        assert reply.response.status == 302
        assert reply.response.headers == (
            ("Location", "/other"),
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("Content-Encoding", "gzip"),
            ("Content-Length", "4"),
        )
        assert body == b"\x1f\x8b\x00\xff"
    assert requests[0] == requests[1]


@ways
def test_head_has_no_body(way: str) -> None:
    """The answer to HEAD keeps its length and has no body."""
    response = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
    with Server(answering(response)) as server:
        reply, body = called(UrlTarget(server.url), way, method="HEAD")

    assert reply.response.headers == (("content-length", "99"),)
    assert body == b""


def test_blocking_bodies_stream() -> None:
    """Each side gets a chunk before the next one is made, both ways."""
    arrived, taken = threading.Event(), threading.Event()

    def script(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"3\r\none\r\n"):
            data += connection.recv(65536)
        arrived.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
        )
        assert taken.wait(30)
        connection.sendall(b"1\r\nb\r\n0\r\n\r\n")

    def chunks() -> Iterator[bytes]:
        yield b"one"
        assert arrived.wait(30)
        yield b"two"

    with Server(script) as server:
        request = a_request(group=GROUP, method="POST", headers=(HOST,))
        reply = UrlTarget(server.url).call(request, chunks())
        assert not isinstance(reply.body, bytes)
        assert next(reply.body) == b"a"
        taken.set()
        assert list(reply.body) == [b"b"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_awaited_bodies_stream(backend: str) -> None:
    """Each side gets a chunk before the next one is made, both ways."""
    arrived, taken = threading.Event(), threading.Event()

    def script(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"3\r\none\r\n"):
            data += connection.recv(65536)
        arrived.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
        )
        assert taken.wait(30)
        connection.sendall(b"1\r\nb\r\n0\r\n\r\n")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        assert await anyio.to_thread.run_sync(arrived.wait, 30)
        yield b"two"

    async def main(url: str) -> None:
        request = a_request(group=GROUP, method="POST", headers=(HOST,))
        reply = await UrlTarget(url).acall(request, chunks())
        assert not isinstance(reply.body, bytes)
        assert await anext(reply.body) == b"a"
        taken.set()
        assert [chunk async for chunk in reply.body] == [b"b"]

    with Server(script) as server:
        anyio.run(main, server.url, backend=backend)


def endless(connection: socket.socket) -> None:
    """Answer until the client is gone."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    try:
        while True:
            connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
    except OSError:
        pass


@pytest.mark.parametrize("started", [True, False])
@ways
def test_closed_body_ends_the_connection(way: str, *, started: bool) -> None:
    """Closing an endless answer stops the server, and nothing is left open."""

    async def main(url: str) -> None:
        reply = await UrlTarget(url).acall(a_request(group=GROUP), b"")
        if started:
            assert await anext(reply.body)  # type: ignore[arg-type]  # not bytes here
        await reply.body.aclose()  # type: ignore[union-attr]  # not bytes here

    # the server's thread ends only when its connection does
    with Server(endless) as server:
        if way == "blocking":
            reply = UrlTarget(server.url).call(a_request(group=GROUP), b"")
            if started:
                assert next(reply.body)  # type: ignore[arg-type]  # not bytes here
            reply.body.close()  # type: ignore[union-attr]  # not bytes here
        else:
            anyio.run(main, server.url, backend=way)
    gc.collect()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_call_ends_the_connection(backend: str) -> None:
    """A caller that gives up leaves no connection behind."""
    asked = threading.Event()

    def script(connection: socket.socket) -> None:
        read_request(connection)
        asked.set()
        assert connection.recv(1) == b""

    async def main(url: str) -> None:
        async with anyio.create_task_group() as tasks:
            request = a_request(group=GROUP)
            tasks.start_soon(UrlTarget(url).acall, request, b"")
            await anyio.to_thread.run_sync(asked.wait, 30)
            tasks.cancel_scope.cancel()

    with Server(script) as server:
        anyio.run(main, server.url, backend=backend)
    gc.collect()


def test_one_target_serves_loop_after_loop() -> None:
    """A target outlives event loops of both kinds and mixes with blocking calls."""
    with Server(answering(OK)) as server:
        target = UrlTarget(server.url)
        for way in ("asyncio", "blocking", "asyncio", "trio", "asyncio"):
            _, body = called(target, way)
            assert body == b"ok"
            gc.collect()
        target.close()

    assert server.connections == 5


def test_certificate_of_the_target_is_not_validated() -> None:
    """A target may have any certificate, as AWS does not look at it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("someone-else.example").configure_cert(context)

    def script(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            read_request(tls)
            tls.sendall(OK)

    with Server(script, "https") as server:
        target = UrlTarget(server.url)
        for way in ("blocking", "asyncio", "trio"):
            _, body = called(target, way)
            assert body == b"ok"


# ---------------------------------------------------------------------- what goes wrong


@contextmanager
def nothing_listens() -> Iterator[str]:
    """Give a URL where connections are refused: the port is bound, not listening."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def fails_with(
    reply: Reply, body: bytes, failure: tuple[int, bytes, str], detail: str
) -> bool:
    """Compare an answer of the network with what it should be."""
    status, phrase, reason = failure
    headers = (("content-type", "text/plain"), ("content-length", str(len(phrase))))
    return (
        reply.response == LatticeResponse(status, headers)
        and body == phrase
        and reply.failure_reason == reason
        and detail in (reply.detail or "")
    )


@ways
def test_refused_connection(way: str) -> None:
    """Where nothing listens the network answers 503, or what the setting says."""
    with nothing_listens() as url:
        reply, body = called(UrlTarget(url), way)
        other, _ = called(UrlTarget(url, connect_error_status=500), way)

    failure = (503, b"Service Unavailable", "TargetConnectionError")
    assert fails_with(
        reply, body, failure, f"the server at `{url}` cannot be reached: "
    )
    assert other.response.status == 500


@ways
@pytest.mark.parametrize(
    ("script", "failure", "detail"),
    [
        (
            read_request,
            (502, b"Bad Gateway", "TargetConnectionClosed"),
            "closed the connection early",
        ),
        (
            resetting,
            (502, b"Bad Gateway", "TargetConnectionClosed"),
            "closed the connection early",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\ncontent-"),
            (502, b"Bad Gateway", "TargetConnectionClosed"),
            "closed the connection early",
        ),
        (
            answering(b"220 smtp.example ESMTP\r\n\r\n"),
            (502, b"Bad Gateway", "TargetProtocolError"),
            "broke the protocol: illegal status line",
        ),
    ],
    ids=["closed", "reset", "closed within the head", "not HTTP"],
)
def test_broken_response(
    script: Script, failure: tuple[int, bytes, str], detail: str, way: str
) -> None:
    """A server that closes early or speaks wrongly is answered for with 502."""
    with Server(script) as server:
        reply, body = called(UrlTarget(server.url), way)

    assert fails_with(reply, body, failure, detail)


@ways
def test_server_without_tls(way: str) -> None:
    """A server that does not speak TLS where it should is a protocol error."""
    with Server(lambda connection: connection.sendall(OK), "https") as server:
        reply, body = called(UrlTarget(server.url), way)

    failure = (502, b"Bad Gateway", "TargetProtocolError")
    assert fails_with(reply, body, failure, "does not speak TLS: [SSL")


@ways
def test_silent_server(way: str) -> None:
    """A server that says nothing for too long is answered for with 504."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.recv(1)

    with Server(script) as server:
        reply, body = called(UrlTarget(server.url), way, idle_timeout=0.01)

    failure = (504, b"Gateway Timeout", "TargetDataTimeout")
    assert fails_with(reply, body, failure, "was silent for 0.01 seconds")


@ways
def test_request_that_cannot_be_forwarded(way: str) -> None:
    """What HTTP/1.1 cannot carry is the client's mistake, not the server's."""
    with Server(answering(OK)) as server:
        reply, body = called(UrlTarget(server.url), way, headers=(("x-a", "a\nb"),))

    failure = (400, b"Bad Request", "ClientProtocolError")
    assert fails_with(reply, body, failure, "cannot get this request: Illegal header")


@ways
def test_response_that_breaks_off(way: str) -> None:
    """After the head has passed, the rest of the exchange is an error."""
    response = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"
    problem = "the target broke off its response: peer closed connection"
    with (
        Server(answering(response)) as server,
        pytest.raises(TargetError, match=problem),
    ):
        called(UrlTarget(server.url), way)


@ways
def test_server_that_falls_silent(way: str) -> None:
    """After the head has passed, silence for too long ends the exchange as well."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        connection.recv(1)

    problem = "the target was silent for too long, within its response"
    with Server(script) as server, pytest.raises(CutError, match=problem) as caught:
        called(UrlTarget(server.url), way, idle_timeout=0.01)

    assert caught.value.reason == "TargetDataTimeout"


@ways
def test_error_of_the_callers_body_goes_through(way: str) -> None:
    """What the request body raises is the caller's own."""

    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise ValueError("mine")

    def script(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with Server(script) as server, pytest.raises(ValueError, match="mine"):
        called(UrlTarget(server.url), way, chunks(), method="POST")
