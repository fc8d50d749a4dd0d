"""HTTP/1.1 on live listeners: bodies, connections that are kept, and their ends."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import Fault
from tests.live_peers import (
    PATIENCE,
    App,
    orders,
    plain_socket,
    rest_of,
    tls_socket,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from pytest_lattice import LatticeNetwork
    from pytest_lattice.clients.listener import LiveServer


ODD_HTTP1 = json.loads(
    (Path(__file__).parents[2] / "fixtures/live/odd_http1.json").read_text()
)


@pytest.fixture
def app() -> App:
    """What answers."""
    return App()


@pytest.fixture
def network(app: App) -> Iterator[LatticeNetwork]:
    """A network with the service `orders`."""
    with orders(app) as network:
        yield network


@pytest.fixture
def server(network: LatticeNetwork) -> Iterator[LiveServer]:
    """Its live listeners."""
    with network.server() as server:
        yield server


@pytest.fixture
def sock(network: LatticeNetwork, server: LiveServer) -> Iterator[socket.socket]:
    """A connection in TLS."""
    with tls_socket(network, server) as sock:
        yield sock


@pytest.fixture
def host(network: LatticeNetwork) -> str:
    """The name of the service."""
    return network.service("orders").dns_name


def head(path: str, host: str, *headers: str, method: str = "GET") -> bytes:
    """Write the head of a request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Read until something has come."""
    got = b""
    while end not in got:
        data = sock.recv(65536)
        assert data, got
        got += data
    return got


def test_whole_answer_has_a_length(sock: socket.socket, host: str) -> None:
    """What is whole goes with its length, and the connection is kept."""
    for _ in range(2):
        sock.sendall(head("/whole", host))
        got = read_until(sock, b"\r\n\r\n0")
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-length: 1\r\n" in got
        assert b"connection:" not in got


def test_streamed_answer_has_chunks(sock: socket.socket, host: str) -> None:
    """What streams goes in chunks."""
    sock.sendall(head("/endless", host))

    got = read_until(sock, b"x" * 100)
    assert b"transfer-encoding: chunked" in got.lower()


def test_requests_sent_ahead_are_answered_in_order(
    sock: socket.socket, host: str
) -> None:
    """Pipelined requests wait for each other."""
    bodies = [b"x" * size for size in (5, 0, 7)]
    sock.sendall(
        b"".join(
            head("/whole", host, f"Content-Length: {len(each)}", method="POST") + each
            for each in bodies
        )
        + head("/early", host, "Connection: close")
    )

    sizes = [part.rpartition(b"\r\n\r\n")[2] for part in rest_of(sock).split(b"HTTP/")]
    assert sizes[1:] == [b"5", b"0", b"7", b"early"]


@pytest.mark.parametrize("row", ODD_HTTP1, ids=lambda row: row["name"])
def test_odd_request_is_read_one_way(
    row: dict[str, str], app: App, sock: socket.socket, host: str
) -> None:
    """What is odd but right ends where it ends: the next request is the client's."""
    sent = row["sent"].replace("HOST", host).replace("LONG", "x" * 9_000)
    sock.sendall(sent.encode("latin-1") + head("/early", host, "Connection: close"))

    answers = rest_of(sock).split(b"HTTP/1.1 ")[1:]
    assert [each[:3] for each in answers] == [b"200", b"200"]
    bodies = [each.rpartition(b"\r\n\r\n")[2].decode() for each in answers]
    assert bodies == [row["got"], "early"]
    assert dict(app.headers)[b"host"] == host.encode()


def test_body_that_comes_slowly_is_streamed(sock: socket.socket, host: str) -> None:
    """Chunks reach the target one by one, in any pieces of the wire."""
    sock.sendall(head("/whole", host, "Transfer-Encoding: chunked", method="POST"))
    for piece in (b"3\r", b"\nabc\r\n5;ext=1\r\n", b"12345\r\n0\r\nTrailer: x\r\n\r\n"):
        sock.sendall(piece)

    assert read_until(sock, b"\r\n\r\n8")


def test_body_of_megabytes_comes_whole(sock: socket.socket, host: str) -> None:
    """A body larger than what is kept unread passes."""
    body = b"x" * 3_000_000
    sock.sendall(head("/whole", host, f"Content-Length: {len(body)}", method="POST"))
    sock.sendall(body)

    assert read_until(sock, b"\r\n\r\n3000000")


def test_app_that_does_not_read_lets_the_client_wait(
    app: App, sock: socket.socket, host: str
) -> None:
    """Nothing is kept without bound for an app that reads nothing."""

    async def deaf(_: object, __: object) -> None:
        app.seen.put("waiting")
        await asyncio.Event().wait()

    app.silent = deaf  # type: ignore[assignment, method-assign]  # for this test
    size = 64_000_000
    sock.sendall(head("/silent", host, f"Content-Length: {size}", method="POST"))
    assert app.seen.get(timeout=PATIENCE) == "waiting"
    sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        sock.sendall(b"x" * size)


def test_client_is_told_to_go_on(sock: socket.socket, host: str) -> None:
    """Who expects 100 gets it when the target begins to read."""
    expecting = ("Content-Length: 3", "Expect: 100-continue")
    sock.sendall(head("/whole", host, *expecting, method="POST"))
    assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
    sock.sendall(b"abc")

    assert read_until(sock, b"\r\n\r\n3")


def test_early_answer_ends_the_connection(sock: socket.socket, host: str) -> None:
    """Where the rest of the body is still to come, the answer is the last one."""
    sock.sendall(head("/early", host, "Content-Length: 100", method="POST") + b"x")

    assert rest_of(sock).endswith(b"\r\n\r\nearly")


def test_head_has_no_body(sock: socket.socket, host: str) -> None:
    """HEAD gets the head only."""
    sock.sendall(head("/early", host, "Connection: close", method="HEAD"))

    assert rest_of(sock).endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("host_of", "body"), [("HOST", "zz\r\n"), ("HO/ST", "0\r\n\r\n")]
)
def test_refusal_of_head_has_no_body(
    host_of: str,
    body: str,
    sock: socket.socket,
    host: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """HEAD that is no request gets the head of 400 only."""
    chunked = head("/whole", host_of, "Transfer-Encoding: chunked", method="HEAD")
    sock.sendall(chunked.replace(b"HOST", host.encode()) + body.encode())

    got = rest_of(sock)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.endswith(b"\r\n\r\n")
    assert not caplog.records


def test_app_that_streams_to_a_refused_request_is_ended(
    app: App, network: LatticeNetwork, sock: socket.socket, host: str
) -> None:
    """Whoever answers without reading a body that is none streams to nobody."""
    # At once: of what comes later such an app would never hear.
    chunked = head("/endless", host, "Transfer-Encoding: chunked", method="POST")
    sock.sendall(chunked + b"zz\r\n")

    rest_of(sock)
    assert app.seen.get(timeout=PATIENCE)
    assert network.access_log[0].failure_reason == "ClientConnectionClosed"


@pytest.mark.parametrize("code", [204, 304])
def test_status_without_a_body_has_none(
    code: int, network: LatticeNetwork, sock: socket.socket, host: str
) -> None:
    """After 204 and 304 comes the next answer, with nothing between."""
    network.add(Fault("apps", status=code, times=1))
    sock.sendall(head("/large", host) + head("/early", host, "Connection: close"))

    first, _, rest = rest_of(sock).partition(b"\r\n\r\n")
    assert first.startswith(f"HTTP/1.1 {code} ".encode())
    # RFC 9110, section 8.6: 304 may tell a length
    assert b"content-length" not in first.lower() or code == 304
    assert b"transfer-encoding" not in first.lower()
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert rest.endswith(b"early")


def test_http_1_0_is_one_request(server: LiveServer, host: str) -> None:
    """An old client gets its answer and the end."""
    with plain_socket(server, "orders", 80) as sock:
        sock.sendall(f"GET /early HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())

        assert rest_of(sock).endswith(b"\r\n\r\nearly")


def test_whole_url_counts_and_not_the_host(
    network: LatticeNetwork, server: LiveServer, host: str
) -> None:
    """A request line with a URL is of the service that it names."""
    with plain_socket(server, "orders", 80) as sock:
        sock.sendall(head(f"http://{host}/early?a=b", "other.example"))
        assert read_until(sock, b"early")

    [exchange] = network.exchanges
    assert (exchange.request.target, exchange.request.host) == ("/early?a=b", host)


def test_answer_that_breaks_off_is_a_reset(
    sock: socket.socket, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A target that fails in its body is no complete answer, and is logged."""
    sock.sendall(head("/broken", host))

    got = rest_of(sock)
    assert got.endswith(b"<reset>")
    assert b"\r\n0\r\n" not in got
    assert "ValueError: broken" in caplog.text


def test_exception_of_an_app_is_500(
    sock: socket.socket, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no test to raise it in: a server answers 500, and logs the reason."""
    sock.sendall(head("/raising", host))

    assert read_until(sock, b"Internal Server Error").startswith(b"HTTP/1.1 500 ")
    assert "ValueError: boom" in caplog.text


def test_client_that_leaves_breaks_its_request_off(
    app: App, network: LatticeNetwork, server: LiveServer, host: str
) -> None:
    """The app learns that nobody waits any longer, and so does the log."""
    with tls_socket(network, server) as sock:
        sock.sendall(head("/silent", host))
        assert app.seen.get(timeout=PATIENCE) == "waiting"
    assert app.seen.get(timeout=PATIENCE) == "gone"
    with tls_socket(network, server) as sock:
        sock.sendall(head("/whole", host))
        read_until(sock, b"\r\n\r\n0")

    entry = network.access_log[0]
    assert (entry.response_code, entry.failure_reason) == (
        400,
        "ClientConnectionClosed",
    )


def test_client_that_leaves_ends_a_stream(
    app: App, network: LatticeNetwork, server: LiveServer, host: str
) -> None:
    """A stream that nobody takes ends."""
    with tls_socket(network, server) as sock:
        sock.sendall(head("/endless", host))
        read_until(sock, b"xxx")

    assert app.seen.get(timeout=PATIENCE)


def test_body_that_breaks_off_is_told_to_the_target(
    network: LatticeNetwork, server: LiveServer, host: str
) -> None:
    """A client that goes in the middle of its body is 400 in the log."""
    with tls_socket(network, server) as sock:
        sock.sendall(head("/whole", host, "Content-Length: 9", method="POST") + b"x")
        sock.unwrap().close()
    with tls_socket(network, server) as sock:
        sock.sendall(head("/whole", host))
        read_until(sock, b"\r\n\r\n0")

    assert network.access_log[0].failure_reason == "ClientConnectionClosed"


@pytest.mark.parametrize("path", ["/silent", "/endless"])
def test_request_ends_with_its_old_connection(
    path: str, app: App, network: LatticeNetwork, sock: socket.socket, host: str
) -> None:
    """After ten minutes a connection is closed, and the request that is on it too."""
    network.change(replace(network.service("orders"), idle_timeout_seconds=600))
    sock.sendall(head(path, host))
    if path == "/silent":
        assert app.seen.get(timeout=PATIENCE) == "waiting"
    else:
        read_until(sock, b"xxx")
    network.clock.advance(600)

    assert not rest_of(sock).endswith(b"0\r\n\r\n")
    assert app.seen.get(timeout=PATIENCE)
    network.close()
    assert network.access_log[0].failure_reason == "ConnectionDurationExceeded"


@pytest.mark.parametrize(
    ("fault", "ends"),
    [
        (Fault("apps", "refused"), b"HTTP/1.1 503 "),
        (Fault("apps", "closed"), b"HTTP/1.1 502 "),
        (Fault("apps", status=418), b"HTTP/1.1 418 "),
        (Fault("apps", latency=61), b"HTTP/1.1 504 "),
    ],
    ids=repr,
)
def test_fault_before_the_answer_is_a_status(
    fault: Fault, ends: bytes, network: LatticeNetwork, sock: socket.socket, host: str
) -> None:
    """What goes wrong before an answer is the network's answer, and no broken wire."""
    network.add(fault)
    sock.sendall(head("/large", host))

    assert sock.recv(65536).startswith(ends)


def test_fault_in_the_answer_is_an_aborted_socket(
    network: LatticeNetwork, sock: socket.socket, host: str
) -> None:
    """A connection that a fault resets is reset, and nobody is blamed in the log."""
    network.add(Fault("apps", reset_after=10))
    sock.sendall(head("/large", host))

    got = rest_of(sock)
    assert got.endswith(b"<reset>")
    assert got.count(b"x" * 10) <= 1
    assert network.access_log[0].failure_reason == "TargetConnectionClosed"
