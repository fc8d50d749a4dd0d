"""HTTP/2 on live listeners: streams, windows, resets, and frames that are wrong."""

from __future__ import annotations

import json
import struct
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import hpack
import pytest

from pytest_lattice import Fault, FixedResponse, Listener
from pytest_lattice.clients import http2
from tests.live_peers import PATIENCE, App, orders, rest_of, tls_socket

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from pytest_lattice import LatticeNetwork
    from pytest_lattice.clients.listener import LiveServer

FIXTURES = Path(__file__).parents[2] / "fixtures/live"
BAD_HTTP2 = json.loads((FIXTURES / "bad_http2.json").read_text())
BAD_HEADS = json.loads((FIXTURES / "bad_heads_http2.json").read_text())
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


def head_of(
    host: str, path: str, /, *more: tuple[str, str], **pseudo: str | None
) -> str:
    """Write the header block of a request, in hexadecimal."""
    found = {"method": "POST", "scheme": "https", "path": path, "authority": host}
    found |= {name: value for name, value in pseudo.items() if value is not None}
    for name in [name for name, value in pseudo.items() if value is None]:
        del found[name]
    pairs = [(f":{name}", value) for name, value in found.items()]
    pairs += [pair for pair in more if pair[0].startswith(":")]
    pairs += [pair for pair in more if not pair[0].startswith(":")]
    block: bytes = hpack.Encoder().encode(pairs)
    return block.hex()


def frames_in(answer: bytes) -> list[str]:
    """Name the frames of an answer that say what became of a request."""
    found, at = [], 0
    while len(answer) >= at + 9:
        size = int.from_bytes(answer[at : at + 3])
        kind = KINDS[answer[at + 3]]
        if kind in {"GOAWAY", "RST_STREAM", "HEADERS"}:
            found.append(kind)
        at += 9 + size
    return found


@pytest.mark.parametrize("row", BAD_HEADS, ids=lambda row: row["name"])
def test_bad_head_is_refused(
    row: dict[str, Any], network: LatticeNetwork, server: LiveServer
) -> None:
    """A head that is no request gets no answer, and leaves no entry; others go on."""
    host = network.service("orders").dns_name
    change = {
        name.lstrip(":"): value and value.replace("HOST", host)
        for name, value in row["change"].items()
    }
    block = head_of(host, "/whole", *[(k, v) for k, v in row["add"]], **change)
    with tls_socket(network, server, alpn="h2") as sock:
        sock.sendall(
            PREFACE
            + frame("SETTINGS", 0, 0, "")
            + frame("HEADERS", 4, 1, block)
            + frame("DATA", 1, 1, b"abc".hex())
        )
        # What concerns its stream only leaves the connection, which the client ends.
        if row["got"] == "RST_STREAM":
            sock.sendall(frame("GOAWAY", 0, 0, "0000000000000000"))
        found = frames_in(rest_of(sock))

    assert found[0] == row["got"]
    assert "HEADERS" not in found
    assert not network.exchanges
    with Http2Client(network, server) as other:
        assert other.get("/whole") == 200


def flood(host: str) -> dict[str, tuple[bytes, str | None]]:
    """List what comes too often, with the error that ends it, if any."""
    silent = head_of(host, "/silent")
    opening = frame("HEADERS", 4, 1, silent)
    return {
        "PING": (frame("PING", 0, 0, "00" * 8) * 20_000, None),
        "SETTINGS": (frame("SETTINGS", 0, 0, "000300000064") * 5_000, None),
        "PRIORITY": (frame("PRIORITY", 0, 1, "0000000310") * 5_000, None),
        "WINDOW_UPDATE": (frame("WINDOW_UPDATE", 0, 0, "00000001") * 5_000, None),
        "empty DATA": (opening + frame("DATA", 0, 1, "") * 20_000, None),
        "rapid resets": (
            b"".join(
                frame("HEADERS", 5, stream, head_of(host, "/silent"))
                + frame("RST_STREAM", 0, stream, "00000008")
                for stream in range(1, 1001, 2)
            ),
            None,
        ),
        "CONTINUATION": (
            frame("HEADERS", 1, 1, silent) + frame("CONTINUATION", 0, 1, "") * 2_000,
            "PROTOCOL_ERROR",
        ),
        "headers": (
            frame("HEADERS", 1, 1, silent)
            + frame("CONTINUATION", 0, 1, head_of(host, "/", ("x", "y" * 9_000))) * 20
            + frame("CONTINUATION", 4, 1, ""),
            "ENHANCE_YOUR_CALM",
        ),
        "one header, again and again": (
            frame(
                "HEADERS", 5, 1, head_of(host, "/", ("x", "y" * 3_000)) + "be" * 9_999
            ),
            "ENHANCE_YOUR_CALM",
        ),
        "streams": (
            b"".join(
                frame("HEADERS", 5, stream, silent) for stream in range(1, 301, 2)
            ),
            "PROTOCOL_ERROR",
        ),
    }


@pytest.mark.parametrize("name", flood(""))
def test_flood_harms_nobody(
    name: str,
    network: LatticeNetwork,
    server: LiveServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What comes too often ends with its connection at the latest; others go on."""
    sent, error = flood(network.service("orders").dns_name)[name]
    with Http2Client(network, server) as other:
        with tls_socket(network, server, alpn="h2") as sock:
            with suppress(OSError):  # it may have ended by then
                sock.sendall(PREFACE + frame("SETTINGS", 0, 0, "") + sent)
                sock.sendall(frame("GOAWAY", 0, 0, "0000000000000000"))
            if error is not None:
                assert errors_in(rest_of(sock)) == [error]
            assert other.get("/whole") == 200
        assert other.get("/whole") == 200
    assert not caplog.records


def test_reset_beside_its_request_is_logged(
    app: App,
    network: LatticeNetwork,
    server: LiveServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A request that comes together with its reset was one, and nobody is blamed."""
    with Http2Client(network, server) as client:
        with client.together():
            stream = client.ask("/silent")
            client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        assert client.get("/whole") == 200

    assert app.seen.get(timeout=PATIENCE) == "waiting"
    network.close()
    ends = {(each.response_code, each.failure_reason) for each in network.access_log}
    assert ends == {(400, "ClientConnectionClosed"), (200, "-")}
    assert not caplog.records


@pytest.mark.parametrize("more", [0, 2])
def test_answer_to_a_reset_stream_is_nobodys_fault(
    more: int,
    network: LatticeNetwork,
    server: LiveServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An answer that is there at once finds its stream reset, or forgotten since."""
    fixed = Listener("HTTPS", default=FixedResponse(404))
    network.change(replace(network.service("orders"), listeners=[fixed]))
    with Http2Client(network, server) as client:
        with client.together():
            stream = client.ask("/")
            client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            for _ in range(more):
                client.ask("/")
        assert client.get("/") == 404

    assert not caplog.records


def test_client_that_says_goaway_is_still_answered(
    network: LatticeNetwork, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that opens no more streams gets the answers to those it has opened."""
    host = network.service("orders").dns_name
    sent = [
        frame("SETTINGS", 0, 0, ""),
        frame("HEADERS", 5, 1, head_of(host, "/large")),
        frame("WINDOW_UPDATE", 0, 0, "00f00000"),
        frame("WINDOW_UPDATE", 0, 1, "00f00000"),
        frame("GOAWAY", 0, 0, "0000000000000000"),
    ]
    with tls_socket(network, server, alpn="h2") as sock:
        sock.sendall(PREFACE + b"".join(sent))
        got = rest_of(sock)

    assert frames_in(got) == ["HEADERS", "GOAWAY"]
    assert got.count(b"x") > 1_000_000 - 100
    assert not caplog.records


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
        self._held = False

    def __enter__(self) -> Self:
        self.sock: ssl.SSLSocket = self._socket.__enter__()
        self.h2.initiate_connection()
        self.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.__exit__(None, None, None)

    def flush(self) -> None:
        """Send what there is to send."""
        if not self._held:
            self.sock.sendall(self.h2.data_to_send())

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send all that is done in here at once."""
        self._held = True
        yield
        self._held = False
        self.flush()

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
        return self.status(self.ask(path, *headers))

    def status(self, stream: int) -> int:
        """Read an answer to its end, and return its status."""
        event = self.wait(h2.events.ResponseReceived, stream)
        self.wait(h2.events.StreamEnded, stream)
        return int(dict(event.headers)[":status"])


@pytest.mark.parametrize(("size", "status"), [(50_000, 200), (70_000, 400)])
def test_large_headers_are_the_networks_to_refuse(
    size: int, status: int, network: LatticeNetwork, server: LiveServer
) -> None:
    """Over 60K the network answers 400, as with HTTP/1.1; the connection goes on."""
    with Http2Client(network, server) as client:
        parts = [(f"x-{number}", "x" * 10_000) for number in range(size // 10_000)]
        assert client.get("/whole", *parts) == status
        assert client.get("/whole") == 200


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


def test_app_is_told_of_a_client_that_resets_and_leaves(
    app: App, network: LatticeNetwork, server: LiveServer
) -> None:
    """Leaving twice is leaving: the app hears of it, and has time for its end."""
    for _ in range(20):
        with Http2Client(network, server) as client:
            stream = client.ask("/silent")
            assert app.seen.get(timeout=PATIENCE) == "waiting"
            client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            client.h2.close_connection(h2.errors.ErrorCodes.INTERNAL_ERROR)
            client.flush()
        assert app.seen.get(timeout=PATIENCE) == "gone"


def a_stream() -> Any:  # noqa: ANN401  # which has no public name
    """Make a stream without a connection."""
    connection: Any = None
    return http2._Stream(connection, 1, ())  # noqa: SLF001  # what nobody sees outside


def test_stream_is_broken_off_once() -> None:
    """A client that resets a stream and then leaves interrupts its end only once."""
    stream, reasons = a_stream(), []

    class Task:
        """A task that is cancelled."""

        def cancel(self, reason: str | None) -> None:
            """Note it."""
            reasons.append(reason)

    stream.task = Task()
    stream.cancel("old")
    stream.cancel()

    assert reasons == ["old"]


def test_empty_data_takes_no_room() -> None:
    """What is empty is not kept, as no window bounds it."""
    stream = a_stream()
    for _ in range(100):
        stream.put(b"", 0)
    stream.put(b"", 5)  # padding alone

    assert len(stream._parts) == 1  # noqa: SLF001  # what nobody sees outside


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
