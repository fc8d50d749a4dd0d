"""A server behind TLS passthrough: bytes to it and from it, until either side ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import TargetError, TargetGroup
from pytest_lattice.targets.echo import EchoTarget
from pytest_lattice.targets.tunnel import TunnelTarget
from tests.model.refusals import said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pytest_lattice.targets.base import AsyncTargetReply, TargetRequest
    from tests.targets.conftest import MakeRequest

GROUP = TargetGroup("databases", protocol="TCP", targets=["https://127.0.0.1:1"])


def sealed(make_request: MakeRequest) -> TargetRequest:
    """Make the request that a connection is."""
    made = make_request(group=GROUP)
    return made._replace(request=made.request._replace(scheme="tls"))


async def through(
    request: TargetRequest,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    use: Callable[[AsyncTargetReply], Awaitable[Any]],
    body: bytes | AsyncIterator[bytes] = b"",
) -> Any:  # noqa: ANN401  # what the use returns
    """Serve on loopback, and use a connection to it."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        target = TunnelTarget(EchoTarget(), url, GROUP)
        return await use(await target.acall(request, body))


async def read(reply: AsyncTargetReply) -> bytes:
    """Read an answer to its end."""
    assert not isinstance(reply.body, bytes)
    return b"".join([chunk async for chunk in reply.body])


def test_bytes_pass_both_ways(make_request: MakeRequest) -> None:
    """All that the client sends arrives, and all that the server sends comes back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    made = asyncio.run(through(sealed(make_request), echo, read, body()))

    assert made == b"x" * 2_000_000


# Closed without a farewell, so that the peer gets a reset.
NO_LINGER = struct.pack("ii", 1, 0)


def test_server_that_breaks_off_is_the_targets_fault(
    make_request: MakeRequest,
) -> None:
    """A reset of the server is an error of the target."""

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        writer.transport.abort()

    async def silent() -> AsyncIterator[bytes]:
        yield b"unread"
        await asyncio.Event().wait()

    async def use(reply: AsyncTargetReply) -> None:
        with pytest.raises(TargetError, match="the target broke off its connection"):
            await read(reply)
        body: Any = reply.body
        await body.aclose()

    asyncio.run(through(sealed(make_request), reset, use, silent()))


def test_client_that_leaves_ends_the_connection(make_request: MakeRequest) -> None:
    """Closing the answer closes the connection to the server."""
    seen = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await reader.read()
        writer.close()
        seen.set()

    async def endless() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def use(reply: AsyncTargetReply) -> bytes:
        body: Any = reply.body
        first: bytes = await anext(body)
        await body.aclose()
        async with asyncio.timeout(10):
            await seen.wait()
        return first

    assert asyncio.run(through(sealed(make_request), wait, use, endless())) == b"hello"


def test_server_that_is_not_there(make_request: MakeRequest) -> None:
    """It is the failure that the access log has for it."""
    target = TunnelTarget(EchoTarget(), "https://127.0.0.1:1", GROUP)
    reply = asyncio.run(target.acall(sealed(make_request), b""))

    assert reply.response.status == 503
    assert reply.failure_reason == "TargetConnectionError"
    assert str(reply.detail).startswith("the server at `127.0.0.1:1` cannot be reached")


@pytest.mark.parametrize("app", ["echo", object()])
def test_what_is_no_server_is_refused(app: object, make_request: MakeRequest) -> None:
    """TLS can be passed to a server only; what can be named is said."""
    target = TunnelTarget(EchoTarget(), app, GROUP)
    request = sealed(make_request)
    with pytest.raises(Exception, match="is no server") as caught:
        asyncio.run(target.acall(request, b""))

    assert said(caught.value) == [
        (
            f"target `{request.route.target.id}` of target group `databases` "
            "is no server that TLS can be passed to"
        ),
        'name one, as in targets=["https://127.0.0.1:8443"]',
    ]


def test_what_is_http_goes_to_the_target(make_request: MakeRequest) -> None:
    """Health checks are HTTP also where traffic is not."""
    target = TunnelTarget(EchoTarget(), "https://127.0.0.1:1", GROUP)
    request = make_request(group=GROUP)

    assert target.call(request, b"").response.status == 200
    assert asyncio.run(target.acall(request, b"")).response.status == 200
    target.close()
