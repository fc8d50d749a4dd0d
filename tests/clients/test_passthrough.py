"""TLS passthrough: a real handshake with the target, by name, weight and policy."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from pytest_lattice import (
    Fault,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
    assert_weights,
)
from tests.live_peers import PATIENCE, rest_of
from tests.shop import policy, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.clients.listener import LiveServer

NAME = "db.example.com"
AUTHORITY = trustme.CA()


def echo(sock: socket.socket, name: str) -> None:
    """Answer each message with the name of the server and the message."""
    while data := sock.recv(65536):
        sock.sendall(f"{name}: ".encode() + data)


@contextmanager
def tls_server(
    name: str = "one", serve: Callable[[socket.socket, str], None] = echo
) -> Iterator[str]:
    """Serve TLS on loopback with a certificate of its own; give its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(NAME).configure_cert(context)
    threads: list[threading.Thread] = []

    def one(accepted: socket.socket) -> None:
        accepted.settimeout(PATIENCE)
        try:
            with context.wrap_socket(accepted, server_side=True) as secure:
                serve(secure, name)
        except OSError:
            return  # the client broke off

    def main() -> None:
        while True:
            accepted, _ = listening.accept()
            if stopping.is_set():
                accepted.close()
                return
            threads.append(threading.Thread(target=one, args=[accepted]))
            threads[-1].start()

    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        accepting = threading.Thread(target=main)
        accepting.start()
        try:
            yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stopping.set()
            socket.create_connection(listening.getsockname()).close()
            for thread in (accepting, *threads):
                thread.join(PATIENCE)


def passing(
    groups: dict[str, list[Any]],
    weights: dict[str, int] | None = None,
    **service: Any,  # noqa: ANN401  # as Service has it
) -> LatticeNetwork:
    """Declare a network whose service `raw` passes TLS through."""
    forward = Forward(weights or dict.fromkeys(groups, 1))
    network = LatticeNetwork()
    network.add(
        *(TargetGroup(each, protocol="TCP", targets=groups[each]) for each in groups),
        Service(
            "raw",
            custom_domain_name=NAME,
            listeners=[Listener("TLS_PASSTHROUGH", default=forward)],
            **service,
        ),
    )
    return network


@contextmanager
def client(server: LiveServer, name: str = NAME) -> Iterator[ssl.SSLSocket]:
    """Connect with TLS, and trust the target's authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    AUTHORITY.configure_trust(context)
    with (
        socket.create_connection(server.address("raw"), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname=name) as secure,
    ):
        yield secure


def said(sock: ssl.SSLSocket, text: bytes) -> bytes:
    """Send something, and read the answer."""
    sock.sendall(text)
    return sock.recv(65536)


def closed(network: LatticeNetwork) -> None:
    """Let everything come to its end."""
    network.close()


def test_handshake_is_with_the_target() -> None:
    """The client sees the target's certificate, and the network sees nothing of it."""
    with tls_server() as url, passing({"databases": [url]}) as network:
        with network.server() as server, client(server) as sock:
            assert said(sock, b"select 1") == b"one: select 1"
            assert said(sock, b"select 2") == b"one: select 2"
            # Broken off, since the target may answer an end by its own in time.
            no_linger = struct.pack("ii", 1, 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        closed(network)

        [entry] = network.access_log
    assert entry.server_name_indication == NAME
    assert (entry.response_code, entry.failure_reason) == (0, "ClientConnectionClosed")
    unknown = (
        entry.request_method,
        entry.request_path,
        entry.host_header,
        entry.protocol,
        entry.user_agent,
        entry.ssl_cipher,
        entry.tls_version,
    )
    assert set(unknown) == {"-"}
    assert entry.bytes_received > 100
    assert entry.bytes_sent > 100


def test_clean_end_is_no_failure() -> None:
    """A target that ends the connection ends it for the client."""

    def greet(sock: socket.socket, _: str) -> None:
        sock.sendall(b"bye" * 100_000)

    with tls_server(serve=greet) as url, passing({"databases": [url]}) as network:
        with network.server() as server, client(server) as sock:
            assert rest_of(sock) == b"bye" * 100_000
        closed(network)

        [entry] = network.access_log
    assert entry.failure_reason == "-"


def test_weights_choose_the_group() -> None:
    """Connections are shared by weight, as requests are."""
    weights = {"blue": 3, "green": 1}
    with ExitStack() as stack:
        groups = {each: [stack.enter_context(tls_server(each))] for each in weights}
        network = stack.enter_context(passing(groups, weights))
        with network.server() as server:
            for _ in range(8):
                with client(server) as sock:
                    said(sock, b"x")
        closed(network)

        assert_weights(list(network.exchanges), weights)


@pytest.mark.parametrize("name", ["other.example.com", "GENERATED"])
def test_other_name_is_a_reset(name: str) -> None:
    """Only the custom domain name, exactly, leads to the target."""
    with tls_server() as url, passing({"databases": [url]}) as network:
        name = name.replace("GENERATED", network.service("raw").dns_name)
        with (
            network.server() as server,
            pytest.raises((ConnectionResetError, ssl.SSLError)),
            client(server, name),
        ):
            pass

    assert not network.exchanges


ALLOWED = statement(Action="vpc-lattice-svcs:Connect")
BY_METHOD = statement(
    Action="vpc-lattice-svcs:Connect",
    Condition={"StringEquals": {"vpc-lattice-svcs:RequestMethod": "GET"}},
)


@pytest.mark.parametrize(
    ("statement_", "allowed"),
    [(ALLOWED, True), (statement(), False), (BY_METHOD, False)],
    ids=["connect", "invoke", "by method"],
)
def test_policy_has_to_let_anybody_connect(
    statement_: dict[str, Any], *, allowed: bool
) -> None:
    """The caller is anonymous, and the action is Connect."""
    with (
        tls_server() as url,
        passing({"databases": [url]}, auth_policy=policy(statement_)) as network,
        network.server() as server,
    ):
        if allowed:
            with client(server) as sock:
                assert said(sock, b"x") == b"one: x"
        else:
            with (
                pytest.raises((ConnectionResetError, ssl.SSLError)),
                client(server),
            ):
                pass
        closed(network)

        [entry] = network.access_log
    assert entry.resolved_user == "Anonymous"
    assert entry.auth_denied_reason == ("-" if allowed else "Service")


def test_target_that_is_not_there_is_a_reset() -> None:
    """The client gets no answer; the log says why."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"https://127.0.0.1:{gone.getsockname()[1]}"
    with passing({"databases": [url]}) as network, network.server() as server:
        with pytest.raises((ConnectionResetError, ssl.SSLError)), client(server):
            pass

        assert network.access_log[0].failure_reason == "TargetConnectionError"


def test_target_that_is_no_server_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """An app cannot take TLS; the log of the test says what can."""
    with (
        passing({"databases": ["echo"]}) as network,
        network.server() as server,
        pytest.raises((ConnectionResetError, ssl.SSLError)),
        client(server),
    ):
        pass

    assert "is no server that TLS can be passed to" in caplog.text


def test_fault_resets_the_connection() -> None:
    """Faults act on what is passed through too."""
    with tls_server() as url, passing({"databases": [url]}) as network:
        network.add(Fault("databases", reset_after=100))
        with (
            network.server() as server,
            pytest.raises((ConnectionResetError, ssl.SSLError)),
            client(server),
        ):
            pass

        assert network.access_log[0].failure_reason == "TargetConnectionClosed"


def test_connection_without_data_is_closed() -> None:
    """The idle timeout of the service counts from the last byte either way."""
    with tls_server() as url, ExitStack() as stack:
        network = stack.enter_context(
            passing({"databases": [url]}, idle_timeout_seconds=120)
        )
        server = stack.enter_context(network.server())
        sock = stack.enter_context(client(server))
        for _ in range(3):
            assert said(sock, b"x") == b"one: x"
            network.clock.advance(50)
        network.clock.advance(70)
        assert sock.recv(1) == b""
        closed(network)

        assert network.access_log[0].failure_reason == "TargetDataTimeout"
