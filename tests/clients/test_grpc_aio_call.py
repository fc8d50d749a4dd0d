"""One async call: what `tests/conformance/test_grpc.py` does not compare."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest

from pytest_lattice import LatticeError, assert_logged
from tests.clients.test_grpc_aio import run
from tests.grpc_calls import AioServicer, breaking, orders, path, served_by

if TYPE_CHECKING:
    from collections.abc import Callable


async def turns_until(ready: Callable[[], bool]) -> bool:
    """Let the loop turn until something is so."""
    for _ in range(1000):
        if ready():
            return True
        await asyncio.sleep(0)
    return False


def test_exception_of_the_servicer_is_the_cause() -> None:
    """A failing test shows where the servicer raised."""

    async def ask(channel: Any) -> None:  # noqa: ANN401  # a channel
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary(path("Get"))(b"raise")
        assert isinstance(raised.value.__cause__, ValueError)

    run(ask)


def test_metadata_that_is_none_is_internal() -> None:
    """A key that gRPC does not send ends the call before it is made."""

    async def ask(channel: Any) -> None:  # noqa: ANN401  # a channel
        call = channel.unary_unary(path("Get"))(b"x", metadata=(("Upper", "x"),))
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.INTERNAL
        assert raised.value.details() == "Invalid metadata"

    run(ask)


def test_requests_that_break_cancel_the_call() -> None:
    """A request iterator that raises ends the call; its error is the cause."""

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        call = channel.stream_unary(path("Sum"))(breaking())
        with pytest.raises(asyncio.CancelledError) as raised:
            await call
        assert isinstance(raised.value.__cause__, ValueError)
        return await call.code()

    assert run(ask) is grpc.StatusCode.CANCELLED


def test_closed_network_is_an_error_of_ours() -> None:
    """What is no answer of a network is raised as it is, and never hangs."""

    async def ask() -> None:
        with orders(served_by(AioServicer())) as network:
            channel: Any = network.grpc_aio_channel("orders")
        with pytest.raises(LatticeError, match="closed"):
            await channel.unary_unary(path("Get"))(b"x")
        with pytest.raises(LatticeError, match="closed"):
            await channel.unary_stream(path("List"))(b"x").read()

    asyncio.run(ask())


def test_call_that_has_ended_takes_no_requests() -> None:
    """Writing to a call that is over is an error; its callbacks come at once."""

    async def ask(channel: Any) -> None:  # noqa: ANN401  # a channel
        call = channel.stream_stream(path("Chat"))()
        await call.write(b"bye")
        assert await call.read() is grpc.aio.EOF
        with pytest.raises(asyncio.InvalidStateError):
            await call.write(b"more")
        called: list[Any] = []
        call.add_done_callback(called.append)
        assert called == [call]
        assert call.cancel() is False
        assert call.time_remaining() is None
        assert await call.debug_error_string()

    run(ask)


def test_cancelled_call_is_logged_as_closed_by_its_client() -> None:
    """The servicer ends with its client, and the log says who left."""
    servicer = AioServicer()
    network = orders(served_by(servicer))

    async def ask(channel: Any) -> None:  # noqa: ANN401  # a channel
        call = channel.unary_unary(path("Get"))(b"wait")
        assert await turns_until(lambda: not servicer.seen.empty())
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await turns_until(lambda: servicer.seen.qsize() > 1)

    run(ask, network)

    assert list(servicer.seen.queue) == ["waiting", "gone"]
    assert_logged(network, failure_reason="ClientConnectionClosed", count=1)


def test_stream_that_nobody_reads_waits() -> None:
    """A long stream arrives whole, though its servicer is not far ahead."""

    async def ask(channel: Any) -> int:  # noqa: ANN401  # a channel
        call = channel.unary_stream(path("List"))(b"x")
        await call.initial_metadata()
        for _ in range(20):
            await asyncio.sleep(0)
        return len([each async for each in call])

    assert run(ask) == 40


def test_deadline_passes_with_the_clock() -> None:
    """A call in flight ends when the network's clock has passed its deadline."""
    servicer = AioServicer()
    network = orders(served_by(servicer))

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        call = channel.unary_unary(path("Get"))(b"wait", timeout=60)
        assert await turns_until(lambda: not servicer.seen.empty())
        network.clock.advance(60)
        return await call.code()

    assert run(ask, network) is grpc.StatusCode.DEADLINE_EXCEEDED
