"""What the tests of app targets share: requests, small apps, and kinds of callers."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeAlias, cast

import anyio
import anyio.lowlevel
import pytest
import trio

from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.asgi import AsgiTarget
from pytest_lattice.targets.base import (
    AppTarget,
    AsyncTargetReply,
    RequestBody,
    Route,
    TargetRequest,
)
from pytest_lattice.targets.loop import AppLoop

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
#: Makes a request from what a test cares about.
MakeRequest: TypeAlias = Callable[..., TargetRequest]
#: Makes a target for an ASGI app.
MakeTarget: TypeAlias = Callable[..., AsgiTarget]
#: Calls a target with a request and a whole or chunked body, and reads the answer.
Ask: TypeAlias = Callable[..., tuple[int, bytes]]


@pytest.fixture
def make_request() -> MakeRequest:
    """Give the maker of requests to the one target of a group."""
    return _make_request


def _make_request(  # a test names the one thing that it cares about
    path: str = "/",
    *,
    method: str = "GET",
    query: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    host: str | None = "shop.example.com",
    address: str = "10.0.0.9",
    group: TargetGroup | None = None,
) -> TargetRequest:
    group = group or TargetGroup("instances", port=8080, targets=[object()])
    if host is not None:
        headers = (("host", host), *headers)
    request = LatticeRequest(
        method=method,
        scheme="https",
        host=host or "",
        server_name="shop.example.com",
        port=443,
        path=path,
        query=query,
        headers=headers,
        http_version="HTTP/2",
        source=Source(vpc="default", address="10.0.0.4", port=50000),
    )
    route = Route(
        service_network_arn="arn:network",
        service_arn="arn:service",
        region="eu-central-1",
        target_group=group,
        target=group.registered[0],
        address=address,
        source_vpc_arn="arn:vpc",
    )
    return TargetRequest(request, headers, route, request_id="request-1", time_epoch=0)


@pytest.fixture
def apps() -> Iterator[AppLoop]:
    """Give the loop of a network, and close it."""
    apps = AppLoop()
    yield apps
    apps.close()


@pytest.fixture
def make_target(apps: AppLoop) -> Iterator[MakeTarget]:
    """Give the maker of targets that are closed before their loop is."""
    with contextlib.ExitStack() as stack:

        def make(app: object, *, raise_exceptions: bool = True) -> AsgiTarget:
            target = AsgiTarget(
                cast("Any", app), apps, raise_exceptions=raise_exceptions
            )
            return stack.enter_context(contextlib.closing(target))

        yield make


# Kinds of callers.


async def achunks(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Give a body in chunks, as an async client does."""
    for chunk in body:
        await anyio.lowlevel.checkpoint()
        yield chunk


async def read_all(reply: AsyncTargetReply) -> bytes:
    """Read a body to its end."""
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join([chunk async for chunk in reply.body])


def blocking(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask as a sync client does."""
    reply = target.call(request, body)
    whole = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    return reply.response.status, whole


async def awaiting(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask as an async client does."""
    whole = body if isinstance(body, bytes) else achunks(body)
    reply = await target.acall(request, whole)
    return reply.response.status, await read_all(reply)


def on_asyncio(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask from an asyncio test."""
    return asyncio.run(awaiting(target, request, body))


def on_another_loop(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask from an asyncio test, after a sync one used the app."""
    with contextlib.suppress(Exception):
        blocking(target, request)
    return asyncio.run(awaiting(target, request, body))


def on_trio(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask from a Trio test."""
    return trio.run(awaiting, target, request, body)


def beside_a_loop(
    target: AppTarget, request: TargetRequest, body: RequestBody = b""
) -> tuple[int, bytes]:
    """Ask with a sync client from an async test."""

    async def main() -> tuple[int, bytes]:
        return blocking(target, request, body)

    return asyncio.run(main())


CALLERS = [blocking, on_asyncio, on_another_loop, on_trio, beside_a_loop]
every_caller = pytest.mark.parametrize("ask", CALLERS, ids=lambda each: each.__name__)


# Small apps.


def http_only(app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Make an app that has no lifespan."""

    @functools.wraps(app)
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    return wrapped


async def start(send: Send, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    """Send the head of a response."""
    await send(
        {"type": "http.response.start", "status": status, "headers": list(headers)}
    )


async def chunk(send: Send, body: bytes, *, more: bool = True) -> None:
    """Send a chunk of a response."""
    await send({"type": "http.response.body", "body": body, "more_body": more})


@http_only
async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once."""
    await start(send, 200, (b"Content-Type", b"text/plain"))
    await send({"type": "http.response.body", "body": b"hello"})


@http_only
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the request's body, in upper case, each chunk as it comes."""
    await start(send)
    more = True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        more = message["more_body"]
        await chunk(send, message["body"].upper())
    await chunk(send, b"!", more=False)


class Endless:
    """An app that streams without end, and notes what happens to it."""

    def __init__(self) -> None:
        self.sent = 0
        self.events: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream numbers."""
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await receive()
        await start(send)
        try:
            while True:
                self.sent += 1
                await chunk(send, b"%d " % self.sent)
        except BaseException as error:
            self.events.append(type(error).__name__)
            raise
