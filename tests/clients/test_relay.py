"""A relay carries bytes both ways, waits for who is slow, and ends with both."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.live_peers import PATIENCE, App, head_of, orders, rest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LARGE = b"x" * 8_000_000


@contextmanager
def tunnel(serve: Callable[[socket.socket], None]) -> Iterator[socket.socket]:
    """Connect through a proxy to a server that does something with its connection."""

    def main() -> None:
        connection, _ = listening.accept()
        connection.settimeout(PATIENCE)
        with connection:
            serve(connection)

    with (
        orders(App()) as network,
        network.proxy() as proxy,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        thread = threading.Thread(target=main)
        thread.start()
        host, port = proxy.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as sock:
            target = f"127.0.0.1:{listening.getsockname()[1]}"
            sock.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
            assert head_of(sock).startswith(b"HTTP/1.1 200 ")
            yield sock
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_megabytes_pass_both_ways() -> None:
    """Who reads slowly lets the other side wait, and nothing is lost."""

    def echo(connection: socket.socket) -> None:
        got = rest_of(connection)
        connection.sendall(got)

    with tunnel(echo) as sock:
        sock.sendall(LARGE)
        sock.shutdown(socket.SHUT_WR)
        assert rest_of(sock) == LARGE


def test_server_that_ends_first_is_heard_to_the_end() -> None:
    """What was sent before the end comes before the end."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(LARGE)

    with tunnel(speak) as sock:
        assert rest_of(sock) == LARGE


def test_client_that_leaves_is_missed() -> None:
    """The server behind the relay sees the end of its client."""
    seen = []

    def listen(connection: socket.socket) -> None:
        seen.append(rest_of(connection))

    with tunnel(listen) as sock:
        sock.sendall(b"hello")

    assert seen == [b"hello"]


def test_client_that_resets_is_missed_at_once() -> None:
    """A client that breaks its connection off is not waited for."""
    seen, begun = [], threading.Event()

    def listen(connection: socket.socket) -> None:
        begun.set()
        seen.append(rest_of(connection))

    with tunnel(listen) as sock:
        assert begun.wait(PATIENCE)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    assert seen == [b""]


def test_who_does_not_read_lets_the_other_side_wait() -> None:
    """Nothing is kept without bound for a server that reads nothing."""
    done = threading.Event()

    def ignore(_: socket.socket) -> None:
        done.wait(PATIENCE)

    with tunnel(ignore) as sock:
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 64_000_000)
        done.set()


@pytest.mark.parametrize("size", [1, 100_000])
def test_bytes_pass_one_by_one(size: int) -> None:
    """A conversation goes back and forth."""

    def echo(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            connection.sendall(data)

    with tunnel(echo) as sock:
        for _ in range(5):
            sock.sendall(b"y" * size)
            got = b""
            while len(got) < size:
                got += sock.recv(65536)
            assert got == b"y" * size
