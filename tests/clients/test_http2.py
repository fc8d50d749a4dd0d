"""HTTP/2 on live listeners: streams, windows, resets, and frames that are wrong."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from pytest_lattice import Fault, FixedResponse, Listener
from tests.live_peers import PATIENCE, App, orders, rest_of, tls_socket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from pytest_lattice import LatticeNetwork
    from pytest_lattice.clients.listener import LiveServer

BAD_HTTP2 = json.loads(
    (Path(__file__).parents[2] / "fixtures/live/bad_http2.json").read_text()
)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
KINDS = (
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
)
#: `:method GET`, `:scheme https`, `:path /`, `:authority orders`, as HPACK has them.
HEAD = "82878441066f7264657273"


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


def frame(kind: str, flags: int, stream: int, payload: str) -> bytes:
    """Write a frame; its payload is in hexadecimal, or a word."""
    words = {"HEAD": HEAD, "LARGE": "00" * 16_385}
    raw = bytes.fromhex(words.get(payload, payload))
    head = struct.pack(">I", len(raw))[1:] + bytes([KINDS.index(kind), flags])
    return head + struct.pack(">I", stream) + raw


def errors_in(answer: bytes) -> list[str]:
    """Name the errors of the GOAWAY frames of an answer."""
    found, at = [], 0
    while len(answer) >= at + 9:
        size = int.from_bytes(answer[at : at + 3])
        payload = answer[at + 9 : at + 9 + size]
        if KINDS[answer[at + 3]] == "GOAWAY":
            code = int.from_bytes(payload[4:8])
            found.append(h2.errors.ErrorCodes(code).name)
        at += 9 + size
    return found


@pytest.mark.parametrize("row", BAD_HTTP2, ids=lambda row: row["name"])
def test_bad_frames_end_the_connection(
    row: dict[str, Any], network: LatticeNetwork, server: LiveServer
) -> None:
    """A frame that breaks the protocol gets GOAWAY with the reason; others go on."""
    if "raw" in row:
        sent = row["raw"].encode()
    else:
        frames = [["SETTINGS", 0, 0, ""], *row["frames"]]
        sent = PREFACE + b"".join([frame(*each) for each in frames])
    with Http2Client(network, server) as other:
        with tls_socket(network, server, alpn="h2") as sock:
            sock.sendall(sent)

            assert errors_in(rest_of(sock)) == [*filter(None, [row["got"]])]
        assert other.get("/whole") == 200
    with Http2Client(network, server) as another:
        assert another.get("/whole") == 200


class Http2Client:
    """A client that shows what came, event by event."""

    def __init__(self, network: LatticeNetwork, server: LiveServer) -> None:
        """Connect to the service `orders`."""
        self.host = network.service("orders").dns_name
        self._socket = tls_socket(network, server, alpn="h2")
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(header_encoding="utf-8")
        )
        self.events: list[h2.events.Event] = []

    def __enter__(self) -> Self:
        self.sock: ssl.SSLSocket = self._socket.__enter__()
        self.h2.initiate_connection()
        self.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.__exit__(None, None, None)

    def flush(self) -> None:
        """Send what there is to send."""
        self.sock.sendall(self.h2.data_to_send())

    def ask(
        self,
        path: str,
        *headers: tuple[str, str],
        method: str = "GET",
        end: bool = True,
        authority: str | None = None,
    ) -> int:
        """Open a stream."""
        stream = self.h2.get_next_available_stream_id()
        head = [
            (":method", method),
            (":scheme", "https"),
            (":authority", authority or self.host),
            (":path", path),
            *headers,
        ]
        self.h2.send_headers(stream, head, end_stream=end)
        self.flush()
        return stream

    def wait(self, kind: type[h2.events.Event], stream: int | None = None) -> Any:  # noqa: ANN401  # an event
        """Read until an event comes."""
        while True:
            for event in self.events:
                if isinstance(event, kind) and stream in {
                    None,
                    getattr(event, "stream_id", None),
                }:
                    self.events.remove(event)
                    return event
            data = self.sock.recv(65536)
            assert data, self.events
            self.events += self.h2.receive_data(data)
            self.flush()

    def body(self, stream: int) -> bytes:
        """Read an answer to its end."""
        got = b""
        while True:
            event = self.wait(h2.events.Event, stream)
            if isinstance(event, h2.events.DataReceived):
                got += event.data
                size = event.flow_controlled_length
                self.h2.acknowledge_received_data(size, stream)
                self.flush()
            if isinstance(event, h2.events.StreamEnded):
                return got

    def get(self, path: str, *headers: tuple[str, str]) -> int:
        """Make a request, and return its status."""
        stream = self.ask(path, *headers)
        event = self.wait(h2.events.ResponseReceived, stream)
        self.wait(h2.events.StreamEnded, stream)
        return int(dict(event.headers)[":status"])


def test_body_of_any_size_comes_whole(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """Bodies larger than every window pass both ways."""
    with Http2Client(network, server) as client:
        stream = client.ask("/whole", method="POST", end=False)
        for _ in range(100):
            while client.h2.local_flow_control_window(stream) < 16_000:
                client.wait(h2.events.WindowUpdated)
            client.h2.send_data(stream, b"x" * 16_000)
            client.flush()
        client.h2.end_stream(stream)
        client.flush()

        assert client.body(stream) == b"1600000"
        assert len(client.body(client.ask("/large"))) == 1_000_000


def test_streams_are_answered_beside_each_other(
    app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """A request that waits does not hold another one up."""
    with Http2Client(network, server) as client:
        client.ask("/silent")
        assert app.seen.get(timeout=PATIENCE) == "waiting"

        assert client.get("/whole") == 200


def test_request_that_is_reset_is_broken_off(
    app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """RST_STREAM of the client reaches the app, and the log says who closed."""
    with Http2Client(network, server) as client:
        stream = client.ask("/silent")
        assert app.seen.get(timeout=PATIENCE) == "waiting"
        client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        client.flush()
        assert app.seen.get(timeout=PATIENCE) == "gone"
        assert client.get("/whole") == 200

    entry = network.access_log[0]
    assert (entry.response_code, entry.failure_reason) == (
        400,
        "ClientConnectionClosed",
    )


def test_client_that_leaves_ends_a_stream(
    app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """A connection that is closed breaks its streams off; no window is needed."""
    with Http2Client(network, server) as client:
        stream = client.ask("/endless")
        client.wait(h2.events.DataReceived, stream)

    assert app.seen.get(timeout=PATIENCE)
    with Http2Client(network, server) as client:
        assert client.get("/whole") == 200
    assert network.access_log[0].failure_reason == "ClientConnectionClosed"


def test_answer_that_breaks_off_is_a_reset_stream(
    network: LatticeNetwork, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A target that fails in its body is RST_STREAM; the connection goes on."""
    with Http2Client(network, server) as client:
        stream = client.ask("/broken")
        event = client.wait(h2.events.StreamReset, stream)
        assert event.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        assert client.get("/whole") == 200

    assert "the body of the answer broke off" in caplog.text
    assert "ValueError: broken" in caplog.text


def test_early_answer_tells_the_client_to_stop(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """The rest of a request that nobody wants is told off without an error."""
    with Http2Client(network, server) as client:
        stream = client.ask("/early", method="POST", end=False)
        assert client.body(stream) == b"early"

        event = client.wait(h2.events.StreamReset, stream)
        assert event.error_code == h2.errors.ErrorCodes.NO_ERROR


@pytest.mark.parametrize("path", ["/silent", "/endless"])
def test_old_connection_says_goaway(
    path: str, app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """After ten minutes the open streams are closed, and no new ones are taken."""
    network.change(replace(network.service("orders"), idle_timeout_seconds=600))
    with Http2Client(network, server) as client:
        stream = client.ask(path)
        if path == "/silent":
            assert app.seen.get(timeout=PATIENCE) == "waiting"
        else:
            client.wait(h2.events.DataReceived, stream)
        network.clock.advance(600)

        assert client.wait(h2.events.StreamReset, stream)
        event = client.wait(h2.events.ConnectionTerminated)
        assert event.error_code == h2.errors.ErrorCodes.NO_ERROR
        assert app.seen.get(timeout=PATIENCE)
    with Http2Client(network, server) as client:
        assert client.get("/whole") == 200

    entry = network.access_log[0]
    assert entry.failure_reason == "ConnectionDurationExceeded"
    assert entry.response_code == (504 if path == "/silent" else 200)


def test_idle_connection_is_closed(network: LatticeNetwork, server: LiveServer) -> None:
    """Without a stream it is closed at the idle timeout."""
    with Http2Client(network, server) as client:
        assert client.get("/whole") == 200
        network.clock.advance(60)
        client.wait(h2.events.ConnectionTerminated)
        assert rest_of(client.sock) == b""


def test_headers_come_as_with_http_1_1(
    app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """The authority becomes the Host, and cookies that were split are one again."""
    with Http2Client(network, server) as client:
        client.body(client.ask("/whole", ("cookie", "a=1"), ("cookie", "b=2")))

    headers = [pair for pair in app.headers if pair[0] in {b"host", b"cookie"}]
    assert headers == [(b"host", client.host.encode()), (b"cookie", b"a=1; b=2")]


def test_server_name_counts_and_not_the_authority(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """A request on the connection of another name is of that connection's service."""
    with Http2Client(network, server) as client:
        client.body(client.ask("/whole", authority="elsewhere.example"))

    [exchange] = network.exchanges
    assert exchange.decision.service == network.service("orders")
    assert exchange.request.host == "elsewhere.example"


def test_networks_own_answer_to_grpc_is_a_status(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """A gRPC client reads the network's refusal as a status of gRPC."""
    network.change(
        replace(
            network.service("orders"),
            listeners=[Listener("HTTPS", default=FixedResponse(404))],
        )
    )
    with Http2Client(network, server) as client:
        stream = client.ask(
            "/test.Orders/Get", ("content-type", "application/grpc"), method="POST"
        )
        head = dict(client.wait(h2.events.ResponseReceived, stream).headers)

    assert head[":status"] == "200"
    assert (head["grpc-status"], head["grpc-message"]) == ("12", "Not Found")


def test_fault_in_the_answer_is_a_reset_stream(
    network: LatticeNetwork, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault resets its stream and leaves the others; it was meant, so nobody logs."""
    network.add(Fault("apps", reset_after=10, times=1))
    with Http2Client(network, server) as client:
        stream = client.ask("/large")
        event = client.wait(h2.events.StreamReset, stream)
        assert event.error_code == h2.errors.ErrorCodes.INTERNAL_ERROR
        assert client.get("/whole") == 200

    assert network.access_log[0].failure_reason == "TargetConnectionClosed"
    assert not caplog.records
