"""The thread of live listeners: started on first use, ended with its network."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_lattice import (
    Forward,
    LatticeError,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)
from tests.live_peers import App, orders, rest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTORS = Path("/proc/self/fd")


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network with the service `orders`."""
    with orders(App()) as network:
        yield network


def listening() -> list[threading.Thread]:
    """List the threads of live listeners."""
    return [each for each in threading.enumerate() if "listeners" in each.name]


def descriptors() -> int:
    """Count what this process has open; 0 where that cannot be told."""
    return len(list(DESCRIPTORS.iterdir())) if DESCRIPTORS.exists() else 0


def test_nothing_is_left(network: LatticeNetwork) -> None:
    """Rounds of starting and stopping leave no descriptor, the last one no thread."""
    name = network.service("orders").dns_name

    def round_trip() -> None:
        with network.server() as server:
            address = server.address("orders", 80)
            with socket.create_connection(address):
                httpx.get(f"http://{address}/whole", headers={"host": name})

    round_trip()
    before = descriptors()
    for _ in range(30):
        round_trip()
    after = descriptors()
    assert after == before
    assert len(listening()) == 1
    network.close()
    assert not listening()


def test_network_closes_what_is_open(network: LatticeNetwork) -> None:
    """A server that is still open ends with its network, and with it only once."""
    manager = network.server()
    server = manager.__enter__()
    address = server.address("orders")
    with socket.create_connection(address) as sock:
        network.close()
        assert rest_of(sock) in {b"", b"<reset>"}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    manager.__exit__(None, None, None)


def test_closed_network_serves_nothing(network: LatticeNetwork) -> None:
    """A network that is closed opens no listener."""
    network.close()

    with pytest.raises(LatticeError, match="the network is closed"):
        network.server().__enter__()


def test_app_may_call_back_in() -> None:
    """An app behind a live listener calls another service of its network."""

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan")
        async with lattice.async_client("orders") as client:
            await client.get("/whole")
        raise ValueError("done")

    with orders(App()) as lattice:
        lattice.add(
            TargetGroup("callers", targets=[app]),
            Service("front", listeners=[Listener("HTTP", default=Forward("callers"))]),
        )
        with lattice.server() as server:
            name = lattice.service("front").dns_name
            response = httpx.get(
                f"http://{server.address('front')}/", headers={"host": name}
            )

    assert response.status_code == 500
    assert [each.response.status for each in lattice.exchanges] == [200, 500]


WITHOUT_H2 = """
import socket, ssl, sys
import pytest_lattice.live as live
from pytest_lattice import *
sys.modules["h2"] = None
live.find_spec = lambda name: None
with LatticeNetwork() as network:
    network.add(
        Service("orders", listeners=[Listener("HTTPS", default=FixedResponse(404))])
    )
    name = network.service("orders").dns_name
    with network.server() as server:
        context = ssl.create_default_context(cadata=server.ca_pem)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(server.address("orders")) as sock:
            with context.wrap_socket(sock, server_hostname=name) as secure:
                print(secure.selected_alpn_protocol())
    network.add(TargetGroup("rates", protocol_version="GRPC", targets="echo"))
    try:
        network.server().__enter__()
    except ConfigurationError as error:
        print(error, *error.__notes__, sep="; ")
"""
NEEDS_H2 = (
    "target group `rates` is GRPC, and live listeners speak no HTTP/2 without h2; "
    "pip install pytest-lattice[live]"
)


def test_http1_needs_no_h2() -> None:
    """Without h2 there is HTTP/1.1, and a group that needs more is refused."""
    made = subprocess.run(
        [sys.executable, "-c", WITHOUT_H2], capture_output=True, text=True, check=True
    )

    assert made.stdout.splitlines() == ["http/1.1", NEEDS_H2]
