"""Async channels: interceptors, errors of the network, auth, and the channel itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
import pytest

from pytest_lattice import (
    FixedResponse,
    LatticeNetwork,
    Rule,
    assert_routed,
)
from tests.grpc_calls import (
    AioServicer,
    Servicer,
    aget,
    channel_to,
    orders,
    path,
    served_by,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# What grpc hands to interceptors, whose types are generic.
Given: TypeAlias = Any


def run(
    use: Callable[[Any], Awaitable[Any]],
    network: LatticeNetwork | None = None,
    **options: Any,  # noqa: ANN401  # as grpc_aio_channel
) -> Any:  # noqa: ANN401  # what `use` returns
    """Use an async channel of a network."""

    async def main(network: LatticeNetwork) -> Any:  # noqa: ANN401  # see above
        async with network.grpc_aio_channel("orders", **options) as channel:
            return await use(channel)

    with network or orders(served_by(AioServicer())) as opened:
        return asyncio.run(main(opened))


class Louder(
    grpc.aio.UnaryUnaryClientInterceptor, grpc.aio.StreamStreamClientInterceptor
):
    """Adds to the request and to the metadata; for unary calls alone, as in grpc."""

    async def intercept_unary_unary(
        self,
        continuation: Given,
        client_call_details: Given,
        request: Given,
    ) -> Any:  # noqa: ANN401  # a call
        """Go on with more."""
        client_call_details.metadata.add("tenant", "blue")
        return await continuation(client_call_details, request + b"!")

    async def intercept_stream_stream(
        self,
        continuation: Given,
        client_call_details: Given,
        request_iterator: Given,
    ) -> Any:  # noqa: ANN401  # a call
        """Fail: grpc takes only the first kind of an interceptor."""
        raise AssertionError


class Stop(grpc.aio.UnaryUnaryClientInterceptor):
    """Answers by itself."""

    async def intercept_unary_unary(
        self,
        continuation: Given,
        client_call_details: Given,
        request: Given,
    ) -> Any:  # noqa: ANN401  # a response
        """Return a response."""
        return b"stopped: " + request


class Pass(
    grpc.aio.UnaryStreamClientInterceptor,
):
    """Lets streams pass."""

    async def intercept_unary_stream(
        self,
        continuation: Given,
        client_call_details: Given,
        request: Given,
    ) -> Any:  # noqa: ANN401  # a call
        """Go on."""
        return await continuation(client_call_details, request)


def test_interceptors_stand_in_order() -> None:
    """Each interceptor hands over to the next, or answers."""

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        call = channel.unary_unary(path("Get"))(b"x")
        done: list[Any] = []
        call.add_done_callback(done.append)
        outcome = await call, await call.code(), await call.details()
        await asyncio.sleep(0)
        return *outcome, done == [call], call.done(), call.cancelled()

    expected = (grpc.StatusCode.OK, "", True, True, False)
    assert run(ask, interceptors=[Louder(), Louder()]) == (b"got x!!", *expected)
    assert run(ask, interceptors=[Louder(), Stop()]) == (b"stopped: x!", *expected)


def test_intercepted_call_is_a_call() -> None:
    """Metadata, streams and assertions see through interceptors."""

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        call = channel.unary_unary(path("Get"))(b"x")
        await call.wait_for_connection()
        await call
        assert_routed(call, to="rates")
        assert await call.debug_error_string()
        assert list(await call.trailing_metadata()) == []
        assert "x-amzn-requestid" in await call.initial_metadata()
        stream = channel.unary_stream(path("List"))(b"x")
        first = await stream.read()
        rest = []
        while (each := await stream.read()) is not grpc.aio.EOF:
            rest.append(each)
        chat = channel.stream_stream(path("Chat"))()
        await chat.write(b"a")
        answer = await chat.read()
        chat.cancel()
        return first, len(rest), answer

    found = run(ask, interceptors=[Louder(), Pass()])

    assert found == (b"0", 39, b"re: a")


def test_errors_of_the_network_carry_their_exchange() -> None:
    """A fixed response is a status; assertions accept the error."""
    rules = [Rule(1, path=path("Get"), action=FixedResponse(404))]

    async def ask(channel: Any) -> None:  # noqa: ANN401  # a channel
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary(path("Get"))(b"x")
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert raised.value.details() == "Not Found"
        assert_routed(raised.value, rule=1)

    run(ask, orders(served_by(AioServicer()), rules=rules))


def test_role_signs() -> None:
    """An async channel signs as a blocking one does."""
    network = orders(served_by(AioServicer()))
    network.role("checkout")
    run(aget(b"x"), network, role="checkout")

    [exchange] = network.exchanges
    assert exchange.request.header_values("authorization")


def test_channel_is_ready_until_it_is_closed() -> None:
    """Closing cancels what is open, and no more calls are made."""

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        ready = channel.get_state()
        await channel.channel_ready()
        call = channel.unary_unary(path("Get"))(b"wait")
        await asyncio.sleep(0)
        await channel.close()
        await channel.wait_for_state_change(ready)
        with pytest.raises(grpc.aio.UsageError):
            channel.unary_unary(path("Get"))(b"x")
        return ready, channel.get_state(), call.cancelled(), "orders" in repr(channel)

    states = grpc.ChannelConnectivity
    assert run(ask) == (states.READY, states.SHUTDOWN, True, True)


def test_blocking_servicer_needs_no_blocking_client() -> None:
    """An async channel reaches a blocking servicer, as the blocking one does."""
    with orders(served_by(Servicer())) as network:
        blocking = channel_to(network).unary_unary(path("Get"))(b"x")

    assert run(aget(b"x"), orders(served_by(Servicer())))["responses"] == [blocking]
