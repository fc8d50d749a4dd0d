"""Peers that are not ours, pointed at live listeners: curl, grpc, sockets."""

from __future__ import annotations

import asyncio
import queue
import shutil
import socket
import ssl
import subprocess
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from pytest_lattice import Forward, LatticeNetwork, Listener, Service, TargetGroup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pytest_lattice.clients.listener import LiveServer

#: Seconds after which something that should long have happened has failed.
PATIENCE = 10


def trusting(server: LiveServer) -> ssl.SSLContext:
    """Make a context of a client that trusts the network's authority only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=server.ca_pem)
    return context


@contextmanager
def plain_socket(
    server: LiveServer, service: str, port: int
) -> Iterator[socket.socket]:
    """Connect to a listener and speak nothing yet."""
    with socket.create_connection(server.address(service, port), PATIENCE) as sock:
        yield sock


@contextmanager
def tls_socket(
    network: LatticeNetwork,
    server: LiveServer,
    service: str = "orders",
    *,
    port: int | None = None,
    alpn: str = "http/1.1",
) -> Iterator[ssl.SSLSocket]:
    """Connect to an HTTPS listener and shake hands."""
    context = trusting(server)
    context.set_alpn_protocols([alpn])
    name = network.service(service).dns_name
    address = server.address(service, port)
    with (
        socket.create_connection(address, PATIENCE) as sock,
        context.wrap_socket(
            sock, server_hostname=name, suppress_ragged_eofs=False
        ) as secure,
    ):
        yield secure


def rest_of(sock: socket.socket) -> bytes:
    """Read to the end; a reset is one."""
    got = b""
    try:
        while data := sock.recv(65536):
            got += data
    except (ConnectionResetError, ssl.SSLEOFError):
        return got + b"<reset>"
    return got


def head_of(sock: socket.socket) -> bytes:
    """Read the head of an answer, and nothing of what follows."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        data = sock.recv(1)
        assert data, got
        got += data
    return got


def curl(
    network: LatticeNetwork, server: LiveServer, *arguments: str, url: str
) -> subprocess.CompletedProcess[str]:
    """Call with curl, which is told where the services really listen.

    Args:
        network: whose services are called.
        server: where they listen.
        arguments: what else curl is told.
        url: such as ``https://orders/path``, with the name of a service.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    scheme, _, rest = url.partition("://")
    service, slash, path = rest.partition("/")
    name = network.service(service).dns_name
    port = 443 if scheme == "https" else 80
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        str(PATIENCE),
        "--cacert",
        str(server.ca_file),
        "--connect-to",
        f"{name}:{port}:{server.address(service, port)}",
        *arguments,
        f"{scheme}://{name}{slash}{path}",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _channel_arguments(
    network: LatticeNetwork, server: LiveServer, service: str
) -> dict[str, Any]:
    name = network.service(service).dns_name
    return {
        "target": str(server.address(service)),
        "credentials": grpc.ssl_channel_credentials(server.ca_pem.encode()),
        "options": [
            ("grpc.ssl_target_name_override", name),
            ("grpc.default_authority", name),
        ],
    }


@contextmanager
def grpc_channel(
    network: LatticeNetwork, server: LiveServer, service: str = "orders"
) -> Iterator[grpc.Channel]:
    """Connect grpc's C core to a listener."""
    arguments = _channel_arguments(network, server, service)
    with grpc.secure_channel(**arguments) as channel:
        yield channel


@asynccontextmanager
async def grpc_aio_channel(
    network: LatticeNetwork, server: LiveServer, service: str = "orders"
) -> AsyncIterator[grpc.aio.Channel]:
    """Connect `grpc.aio` to a listener."""
    arguments = _channel_arguments(network, server, service)
    async with grpc.aio.secure_channel(**arguments) as channel:
        yield channel


class App:
    """An ASGI app that does what its path says."""

    def __init__(self) -> None:
        """Note what happens."""
        self.seen: queue.Queue[str] = queue.Queue()
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Answer."""
        if scope["type"] != "http":
            raise RuntimeError("no lifespan")
        self.headers = list(scope["headers"])
        await getattr(self, scope["path"].strip("/"))(receive, send)

    async def whole(self, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Answer with the size of the body."""
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        await begin(send)
        await send({"type": "http.response.body", "body": str(size).encode()})

    async def early(self, _: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Answer without reading."""
        await begin(send)
        await send({"type": "http.response.body", "body": b"early"})

    async def large(self, _: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Answer with a megabyte."""
        await begin(send)
        await send({"type": "http.response.body", "body": b"x" * 1_000_000})

    async def endless(self, _: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Stream until the client goes."""
        await begin(send)
        try:
            while True:
                body = {"type": "http.response.body", "body": b"x" * 10_000}
                await send(body | {"more_body": True})
        except (OSError, asyncio.CancelledError) as error:
            self.seen.put(type(error).__name__)
            raise

    async def silent(self, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Wait for the client to go."""
        self.seen.put("waiting")
        message = await receive()
        while message["type"] != "http.disconnect":
            message = await receive()
        self.seen.put("gone")

    async def broken(self, _: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Break off in the middle."""
        await begin(send)
        body = {"type": "http.response.body", "body": b"half"}
        await send(body | {"more_body": True})
        raise ValueError("broken")

    async def raising(self, _: Any, __: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Fail before the answer."""
        raise ValueError("boom")


async def begin(send: Any) -> None:  # noqa: ANN401  # as ASGI has it
    """Send a head."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


def orders(app: object) -> LatticeNetwork:
    """Declare a network with the service `orders`, on TLS and in clear text."""
    network = LatticeNetwork()
    network.add(
        TargetGroup("apps", targets=[app]),
        Service(
            "orders",
            listeners=[
                Listener("HTTPS", default=Forward("apps")),
                Listener("HTTP", default=Forward("apps")),
            ],
        ),
    )
    return network
