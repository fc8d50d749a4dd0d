"""Connections: the first bytes, TLS, what is wrong with them, and their time."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
)
from pytest_lattice.clients.connection import Connection
from tests.live_peers import PATIENCE, plain_socket, rest_of, tls_socket, trusting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.clients.listener import LiveServer

BAD_HTTP1 = json.loads(
    (Path(__file__).parents[2] / "fixtures/live/bad_http1.json").read_text()
)
NO_CERTIFICATE = "orders.example.com"
CERTIFIED = "shop.example.com"


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network with services on TLS and in clear text."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("echoes", targets="echo"),
            Service(
                "orders",
                custom_domain_name=NO_CERTIFICATE,
                listeners=[
                    Listener("HTTPS", default=Forward("echoes")),
                    Listener("HTTP", default=Forward("echoes")),
                ],
            ),
            Service(
                "shop",
                custom_domain_name=CERTIFIED,
                certificate_arn="arn:aws:acm:us-west-2:123456789012:certificate/x",
                idle_timeout_seconds=300,
                listeners=[
                    Listener("HTTPS", default=FixedResponse(404)),
                    Listener("HTTP", 8080, default=FixedResponse(404)),
                ],
            ),
        )
        yield network


@pytest.fixture
def server(network: LatticeNetwork) -> Iterator[LiveServer]:
    """Its live listeners."""
    with network.server() as server:
        yield server


def ask(sock: socket.socket, host: str, *headers: str) -> bytes:
    """Make a request, and read the head of the answer."""
    lines = ["GET / HTTP/1.1", f"Host: {host}", *headers, "", ""]
    sock.sendall("\r\n".join(lines).encode())
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(65536)
        assert data, got
        got += data
    return got


def status(answer: bytes) -> str:
    """Read the status of an answer, or how the connection ended without one."""
    if not answer.startswith(b"HTTP/1.1 "):
        return answer.decode("latin-1") or "closed"
    return answer.split()[1].decode()


def written(sent: str, host: str) -> bytes:
    """Write out what a row of the table has as a word."""
    words = {
        "HOST": host,
        "MANY": "\r\n".join(f"X-{number}: 1" for number in range(101)),
        "LARGE": "x" * 62_000,
        "ENDLESS": "x" * 200_000,
        "BLANK": "\r\n" * 100_000,
    }
    for word, meaning in words.items():
        sent = sent.replace(word, meaning)
    return sent.encode("latin-1")


@pytest.mark.parametrize("secure", ["", "tls"], ids=["clear", "tls"])
@pytest.mark.parametrize("row", BAD_HTTP1, ids=lambda row: row["name"])
def test_bad_http1_is_refused(
    row: dict[str, Any], secure: str, network: LatticeNetwork, server: LiveServer
) -> None:
    """What is no request gets a status and the end; other connections go on."""
    host = network.service("orders").dns_name
    with (
        tls_socket(network, server) as other,
        tls_socket(network, server)
        if secure
        else plain_socket(server, "orders", 80) as sock,
    ):
        sock.sendall(written(row["sent"], host))
        # TLS has said already which service is meant.
        expected = "200" if secure and row["got"] == "404" else row["got"]
        # What is well-formed does not end the connection.
        got = sock.recv(65536) if row.get("open") else rest_of(sock)

        assert status(got) == expected
        assert status(ask(other, host)) == "200"
        with tls_socket(network, server) as another:
            assert status(ask(another, host)) == "200"
    assert not [each for each in network.exchanges if each.response.status == 500]


FIRST_BYTES = {
    "no TLS after its first byte": b"\x16hello there",
    "an old version of records": b"\x16\x02\x00\x00\x05hello",
    "an empty record": b"\x16\x03\x01\x00\x00",
    "another message than a ClientHello": b"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00",
    "a ClientHello that ends early": b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03",
    "a ClientHello of megabytes": b"\x16\x03\x01\x00\x06\x01\xff\xff\xff\x03\x03",
}


@pytest.mark.parametrize("name", FIRST_BYTES)
def test_bad_first_bytes_are_a_reset(
    name: str, network: LatticeNetwork, server: LiveServer
) -> None:
    """What begins like TLS and is none is broken off; the next connection is fine."""
    host = network.service("orders").dns_name
    with plain_socket(server, "orders", 443) as sock:
        sock.sendall(FIRST_BYTES[name])

        assert rest_of(sock) == b"<reset>"
    with tls_socket(network, server) as sock:
        assert status(ask(sock, host)) == "200"


def shake(server: LiveServer, name: str | None, **options: Any) -> str:  # noqa: ANN401  # of a context
    """Shake hands as a client; tell the version of TLS, or the error."""
    context = trusting(server)
    context.check_hostname = name is not None
    for option, value in options.items():
        if option == "ciphers":
            context.set_ciphers(value)
        else:
            setattr(context, option, value)
    try:
        with (
            socket.create_connection(server.address("orders"), PATIENCE) as sock,
            context.wrap_socket(sock, server_hostname=name) as secure,
        ):
            cipher = secure.cipher()
            return f"{secure.version()} {cipher and cipher[0]}"
    except ssl.SSLError as error:
        return error.reason
    except ConnectionResetError:
        return "reset"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (CERTIFIED, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (CERTIFIED.upper(), "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        (NO_CERTIFICATE, "reset"),
        ("nobody.example", "reset"),
        (None, "reset"),
    ],
)
def test_server_name_needs_a_certificate(
    name: str | None, expected: str, server: LiveServer
) -> None:
    """A name of a service has a certificate; there is none to fall back to."""
    assert shake(server, name) == expected


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            NO_CERTIFICATE,
            (
                "service `orders` has no certificate for its custom domain name "
                f"`{NO_CERTIFICATE}`"
            ),
        ),
        ("nobody.example", "service network `default` has no service `nobody.example`"),
        (None, "its client gave no server name"),
    ],
)
def test_reset_is_explained_in_the_log(
    name: str | None, reason: str, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What a client cannot be told stands in the log, where pytest shows it."""
    shake(server, name)

    [record] = caplog.records
    assert (record.name, record.levelname) == ("pytest_lattice", "WARNING")
    assert record.getMessage().startswith(
        f"a connection to port 443 was reset: {reason}"
    )


def test_unclear_vpc_is_explained_in_the_log(
    network: LatticeNetwork, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Where several VPCs were associated since, who calls cannot be known."""
    network.add(
        Vpc("near"),
        Vpc("far"),
        ServiceNetwork("shop", vpcs=["near"]),
        ServiceNetwork("library", vpcs=["far"]),
    )

    assert shake(server, CERTIFIED) == "reset"
    assert caplog.messages == [
        "a connection to port 443 was reset: say which VPC calls: 2 are associated"
    ]


TLS12 = {"maximum_version": ssl.TLSVersion.TLSv1_2}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (TLS12, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"),
        (TLS12 | {"ciphers": "AES256-SHA:AES128-SHA"}, "TLSv1.2 AES128-SHA"),
        (TLS12 | {"ciphers": "ECDHE-RSA-CHACHA20-POLY1305"}, "refused"),
    ],
)
def test_ciphers_of_tls_1_2_are_lattices(
    options: dict[str, Any], expected: str, server: LiveServer
) -> None:
    """Of what a client offers, the first in AWS's order is taken, and no other."""
    got = shake(server, CERTIFIED, **options)

    assert got == expected or (expected == "refused" and "HANDSHAKE_FAILURE" in got)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_older_tls_is_refused(server: LiveServer) -> None:
    """TLS 1.1 gets an alert."""
    options = {
        "minimum_version": ssl.TLSVersion.TLSv1,
        "maximum_version": ssl.TLSVersion.TLSv1_1,
        "ciphers": "ALL:@SECLEVEL=0",
    }

    assert "PROTOCOL_VERSION" in shake(server, CERTIFIED, **options)


def test_log_has_the_session(network: LatticeNetwork, server: LiveServer) -> None:
    """The access log names the version and the cipher of the real TLS session."""
    host = network.service("orders").dns_name
    context = trusting(server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(server.address("orders"), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname=host) as secure,
    ):
        ask(secure, host)

    [entry] = network.access_log
    assert entry.tls_version == "TLSv1.2"
    assert entry.ssl_cipher == "ECDHE-RSA-AES128-GCM-SHA256"
    assert entry.server_name_indication == host


def test_log_of_clear_text_has_no_session(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """Without TLS there is neither version nor cipher."""
    with plain_socket(server, "orders", 80) as sock:
        ask(sock, network.service("orders").dns_name)

    [entry] = network.access_log
    assert (entry.tls_version, entry.ssl_cipher) == ("-", "-")


def test_port_and_address_of_the_client_are_logged(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """The source is the client's own port, at an address in its VPC."""
    with plain_socket(server, "orders", 80) as sock:
        ask(sock, network.service("orders").dns_name)
        port = sock.getsockname()[1]

    [entry] = network.access_log
    address, _, logged = entry.source_ip_port.rpartition(":")
    assert int(logged) == port
    assert address.startswith("10.")


def test_clear_text_on_a_tls_port_is_a_reset(
    network: LatticeNetwork, server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """HTTP to an HTTPS listener is broken off, and the log says why."""
    with plain_socket(server, "orders", 443) as sock:
        host = network.service("orders").dns_name
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

        assert rest_of(sock) == b"<reset>"
    [message] = caplog.messages
    assert message.endswith("speaks HTTPS, the request came as http")


@pytest.mark.parametrize("size", [0, 1, 100])
def test_handshake_that_is_left_harms_nobody(
    size: int, network: LatticeNetwork, server: LiveServer
) -> None:
    """A client that goes in the middle of its hello leaves the others alone."""
    hello = hello_of("orders")
    with plain_socket(server, "orders", 443) as sock:
        sock.sendall(hello[:size])
        sock.shutdown(socket.SHUT_WR)

        assert rest_of(sock) == b""
    host = network.service("orders").dns_name
    with tls_socket(network, server) as sock:
        assert status(ask(sock, host)) == "200"


@pytest.mark.parametrize("name", [b"orders example com", b"orders.example\x00com"])
def test_server_name_that_is_none_is_a_reset(
    name: bytes,
    network: LatticeNetwork,
    server: LiveServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server name that could be no host is nobody's, and harms nobody, nor a log."""
    host = network.service("orders").dns_name
    with plain_socket(server, "orders", 443) as sock:
        sock.sendall(
            hello_of("orders.example.com").replace(b"orders.example.com", name)
        )

        assert rest_of(sock) == b"<reset>"
    assert all(message.isprintable() for message in caplog.messages)
    with tls_socket(network, server) as sock:
        assert status(ask(sock, host)) == "200"


def hello_of(name: str) -> bytes:
    """Write a real ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_client_that_has_gone_can_be_left(network: LatticeNetwork) -> None:
    """Where the client has reset its connection already, there is nothing to end."""

    class Gone(asyncio.Transport):
        """A transport whose socket has gone."""

        def get_extra_info(self, *_: object) -> tuple[str, int]:
            """Give the address of the client."""
            return "127.0.0.1", 40_000

        def is_closing(self) -> bool:
            """Not know it yet."""
            return False

        def resume_reading(self) -> None:
            """Learn it soon."""

        def write_eof(self) -> None:
            """Fail as a socket does."""
            raise OSError(errno.ENOTCONN, "not connected")

    with network.server() as server:
        connection = Connection(server._sockets, 443)  # noqa: SLF001  # as it makes them
        connection.connection_made(Gone())
        connection.finish()
        connection.connection_lost(None)


# ---- time ------------------------------------------------------------------------


def test_slow_head_waits_alone(network: LatticeNetwork, server: LiveServer) -> None:
    """A head that never ends blocks nobody, and is closed at the idle timeout."""
    host = network.service("orders").dns_name
    with tls_socket(network, server) as slow, tls_socket(network, server) as other:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert status(ask(other, host)) == "200"
        network.clock.advance(59)
        slow.sendall(b"x")
        assert status(ask(other, host)) == "200"
        network.clock.advance(1)

        assert rest_of(slow) == b""
        assert status(ask(other, host)) == "200"


@pytest.mark.parametrize("shaken", ["a part of the hello", "the hello alone"])
def test_slow_handshake_is_closed(
    shaken: str, network: LatticeNetwork, server: LiveServer
) -> None:
    """A handshake that never ends blocks nobody, and is closed at the idle timeout."""
    host = network.service("orders").dns_name
    hello = hello_of(host)
    with (
        plain_socket(server, "orders", 443) as slow,
        tls_socket(network, server) as other,
    ):
        if shaken == "a part of the hello":
            slow.sendall(hello[:100])
        else:
            slow.sendall(hello)
            assert slow.recv(65536)  # the server's part, which is not answered
        assert status(ask(other, host)) == "200"
        network.clock.advance(59)
        assert status(ask(other, host)) == "200"
        network.clock.advance(1)

        assert not rest_of(slow).endswith(b"<reset>")
        assert status(ask(other, host)) == "200"


def test_slow_body_ends_with_its_connection(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """A body that comes byte by byte blocks nobody, and gets ten minutes."""
    host = network.service("orders").dns_name
    expecting = ("Content-Length: 100", "Expect: 100-continue")
    with tls_socket(network, server) as slow:
        assert status(ask(slow, host, *expecting)) == "100"
        for _ in range(10):
            slow.sendall(b"x")
            network.clock.advance(59)
            with tls_socket(network, server) as other:
                assert status(ask(other, host)) == "200"
        network.clock.advance(10)

        assert rest_of(slow) == b""
    network.close()
    reasons = [each.failure_reason for each in network.access_log]
    assert reasons.count("ConnectionDurationExceeded") == 1


@pytest.mark.parametrize("many", [1, 50])
def test_handshakes_that_are_aborted_harm_nobody(
    many: int, network: LatticeNetwork, server: LiveServer
) -> None:
    """Clients that reset their connection in the middle of a hello are forgotten."""
    host = network.service("orders").dns_name
    hello = hello_of(host)
    for number in range(many):
        with plain_socket(server, "orders", 443) as sock:
            sock.sendall(hello[: 1 + number * 10])
            sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
    with tls_socket(network, server) as sock:
        assert status(ask(sock, host)) == "200"


def test_garbage_in_tls_is_an_alert(
    network: LatticeNetwork, server: LiveServer
) -> None:
    """Records that nobody can decrypt end the connection; the next one is fine."""
    host = network.service("orders").dns_name
    with plain_socket(server, "orders", 443) as sock:
        sock.sendall(hello_of(host))
        assert sock.recv(65536)
        sock.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)

        rest_of(sock)  # which ends
    with tls_socket(network, server) as sock:
        assert status(ask(sock, host)) == "200"


def test_idle_connection_is_closed(network: LatticeNetwork, server: LiveServer) -> None:
    """A connection without a request is closed at the idle timeout of its service."""
    orders, shop = (network.service(each).dns_name for each in ("orders", "shop"))
    with (
        plain_socket(server, "orders", 80) as short,
        plain_socket(server, "shop", 8080) as long,
    ):
        ask(short, orders)
        ask(long, shop)
        network.clock.advance(59)
        ask(short, orders)
        network.clock.advance(60)
        assert rest_of(short) == b""
        assert status(ask(long, shop)) == "404"
        network.clock.advance(300)
        assert rest_of(long) == b""


def test_old_connection_is_retired(network: LatticeNetwork, server: LiveServer) -> None:
    """After ten minutes a connection takes no more, however busy it was."""
    host = network.service("orders").dns_name
    with tls_socket(network, server) as sock:
        for _ in range(10):
            assert status(ask(sock, host)) == "200"
            network.clock.advance(59)
        assert status(ask(sock, host)) == "200"
        network.clock.advance(10)
        assert rest_of(sock) == b""
