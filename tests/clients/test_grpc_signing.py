"""Calls that an interceptor of the user's own signs, with botocore's signer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has no types
from botocore.awsrequest import (  # type: ignore[import-untyped]  # it has no types
    AWSRequest,
)

from pytest_lattice import LatticeNetwork, assert_allowed, assert_denied, assert_logged
from tests.grpc_calls import Servicer, channel_to, orders, path, served_by
from tests.shop import CHECKOUT, INVOKE, policy, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice import Credentials

ONLY_CHECKOUT = policy(statement(Sid="Checkout", Principal={"AWS": CHECKOUT}))
# What grpc hands to interceptors, whose types are generic.
Given: TypeAlias = Any


def signed(method: str, host: str, credentials: Credentials) -> list[tuple[str, str]]:
    """Return the metadata that signs a call, as a user of botocore writes it."""
    request = AWSRequest(
        method="POST",
        url=f"https://{host}{method}",
        headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
    )
    SigV4Auth(credentials, "vpc-lattice-svcs", "us-west-2").add_auth(request)
    return [(name.lower(), str(value)) for name, value in request.headers.items()]


class Sign(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Signs calls of all four kinds."""

    def __init__(self, host: str, credentials: Credentials) -> None:
        """Sign for a host."""
        self._host, self._credentials = host, credentials

    def _go_on(self, continuation: Given, details: Given, requests: Given) -> Given:
        """Go on with more metadata."""
        added = signed(details.method, self._host, self._credentials)
        metadata = [*(details.metadata or ()), *added]
        return continuation(details._replace(metadata=metadata), requests)

    # The generic types of grpc do not know that one method can be all four.
    intercept_unary_unary: Given = _go_on
    intercept_unary_stream: Given = _go_on
    intercept_stream_unary: Given = _go_on
    intercept_stream_stream: Given = _go_on


class AioSign:
    """What the interceptors of `grpc.aio` share; there each kind has its own."""

    def __init__(self, host: str, credentials: Credentials) -> None:
        """Sign for a host."""
        self._host, self._credentials = host, credentials

    async def _go_on(self, go_on: Given, details: Given, requests: Given) -> Given:
        method = details.method
        method = method.decode() if isinstance(method, bytes) else method
        for key, value in signed(method, self._host, self._credentials):
            details.metadata.add(key, value)
        return await go_on(details, requests)


class AioSignUnary(AioSign, grpc.aio.UnaryUnaryClientInterceptor):
    """Signs calls with one request and one response."""

    async def intercept_unary_unary(
        self, continuation: Given, client_call_details: Given, request: Given
    ) -> Given:
        """Sign."""
        return await self._go_on(continuation, client_call_details, request)


class AioSignChat(AioSign, grpc.aio.StreamStreamClientInterceptor):
    """Signs calls with streams both ways."""

    async def intercept_stream_stream(
        self, continuation: Given, client_call_details: Given, request_iterator: Given
    ) -> Given:
        """Sign."""
        return await self._go_on(continuation, client_call_details, request_iterator)


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network whose service lets the role `checkout` in alone."""
    with orders(served_by(Servicer()), auth_policy=ONLY_CHECKOUT) as made:
        yield made


@pytest.fixture
def credentials(network: LatticeNetwork) -> dict[str, Credentials]:
    """What two roles sign with, of which one is let in."""
    names = ("checkout", "stranger")
    return {each: network.role(each, policies=[INVOKE]).credentials for each in names}


def host(network: LatticeNetwork) -> str:
    """Return the name that clients connect to."""
    return network.client("orders").base_url.host


def signing(
    network: LatticeNetwork, credentials: Credentials, name: str | None = None
) -> Any:  # noqa: ANN401  # a channel
    """Make a channel whose calls the interceptor signs."""
    sign = Sign(name or host(network), credentials)
    return grpc.intercept_channel(channel_to(network), sign)


def test_signed_calls_of_all_kinds_are_let_in(
    network: LatticeNetwork, credentials: dict[str, Credentials]
) -> None:
    """A signature in the metadata is one in the headers; the log knows who called."""
    channel = signing(network, credentials["checkout"])
    _, call = channel.unary_unary(path("Get")).with_call(
        b"x", metadata=(("tenant", "blue"),)
    )
    listed = channel.unary_stream(path("List"))(b"x")
    _, summed = channel.stream_unary(path("Sum")).with_call(iter([b"a", b"b"]))
    chat = channel.stream_stream(path("Chat"))(iter([b"a"]))
    assert (len(list(listed)), list(chat)) == (40, [b"re: a"])

    for each in (call, listed, summed, chat):
        assert_allowed(each, by="Checkout")
    assert_logged(network, auth_denied_reason="-", grpc_response_code=0, count=4)
    assert "role/checkout" in network.access_log[0].caller_principal


def test_others_are_denied(
    network: LatticeNetwork, credentials: dict[str, Credentials]
) -> None:
    """Who signs as another, for another host, or not at all gets PERMISSION_DENIED."""
    channels = [
        channel_to(network),
        signing(network, credentials["stranger"]),
        signing(network, credentials["checkout"], "elsewhere.example.com"),
    ]
    for channel in channels:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Get"))(b"x")
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert_denied(raised.value)

    assert_logged(network, response_code=403, grpc_response_code=None, count=3)


def test_async_interceptors_sign(
    network: LatticeNetwork, credentials: dict[str, Credentials]
) -> None:
    """The interceptors of `grpc.aio` sign as well; errors are told by assertions."""
    key, name = credentials["checkout"], host(network)
    interceptors: list[Any] = [AioSignUnary(name, key), AioSignChat(name, key)]

    async def ask() -> None:
        async with network.grpc_aio_channel(
            "orders", interceptors=interceptors
        ) as opened:
            channel: Any = opened
            call = channel.unary_unary(path("Get"))(b"x")
            assert await call == b"got x"
            chat = channel.stream_stream(path("Chat"))(iter([b"a"]))
            assert [each async for each in chat] == [b"re: a"]
            for each in (call, chat):
                assert_allowed(each, by="Checkout")
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await channel.stream_unary(path("Sum"))(iter([b"a"]))
            assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert_denied(raised.value, layer="service")

    asyncio.run(ask())
