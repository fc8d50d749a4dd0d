"""gRPC through the network is line by line what a real `grpc.server` gives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.grpc_calls import (
    AIO_CALLS,
    BROKEN_OFF,
    CALLS,
    PATIENCE,
    AioServicer,
    Servicer,
    orders,
    real_aio_channel,
    real_channel,
    served_by,
    undisturbed,
)
from tests.grpc_misuse import BAD_AIO_CALLS, BAD_CALLS, BadAioServicer, BadServicer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc


@pytest.fixture(scope="module")
def real() -> Iterator[grpc.Channel]:
    """A channel to a real server on loopback."""
    servicer = Servicer()
    servicer.released.set()
    with real_channel(servicer) as channel:
        yield channel


@pytest.mark.parametrize("name", CALLS)
def test_call_is_as_over_a_socket(name: str, real: grpc.Channel) -> None:
    """Responses, status, message and metadata are those of a real server."""
    with orders(served_by(Servicer())) as network:
        assert CALLS[name](network.grpc_channel("orders")) == CALLS[name](real)


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_broken_off_call_is_as_over_a_socket(name: str, real: grpc.Channel) -> None:
    """A deadline and a cancellation give what a real connection gives."""
    with orders(served_by(Servicer())) as network:
        assert BROKEN_OFF[name](network.grpc_channel("orders")) == BROKEN_OFF[name](
            real
        )


@pytest.mark.parametrize("name", AIO_CALLS)
def test_async_call_is_as_over_a_socket(name: str) -> None:
    """Calls of `grpc.aio` to an async servicer are those of a real connection."""

    async def both() -> tuple[Any, Any]:
        with orders(served_by(AioServicer())) as network:
            ours = await AIO_CALLS[name](network.grpc_aio_channel("orders"))
        async with real_aio_channel(AioServicer()) as channel:
            return ours, await undisturbed(AIO_CALLS[name], channel)

    ours, real = asyncio.run(both())

    assert ours == real


@pytest.fixture(scope="module")
def real_misused() -> Iterator[grpc.Channel]:
    """A channel to a real server that does what it should not."""
    with real_channel(BadServicer()) as channel:
        yield channel


@pytest.mark.parametrize("name", BAD_CALLS)
def test_misuse_is_as_over_a_socket(name: str, real_misused: grpc.Channel) -> None:
    """What is done wrong on either side gives what a real server gives."""
    with orders(served_by(BadServicer())) as network:
        ours = BAD_CALLS[name](network.grpc_channel("orders"))

    assert ours == BAD_CALLS[name](real_misused)


@pytest.mark.parametrize("name", BAD_AIO_CALLS)
def test_async_misuse_is_as_over_a_socket(name: str) -> None:
    """What is done wrong with `grpc.aio` gives what it gives."""

    async def both() -> tuple[Any, Any]:
        with orders(served_by(BadAioServicer())) as network:
            ours = await BAD_AIO_CALLS[name](network.grpc_aio_channel("orders"))
        async with (
            asyncio.timeout(PATIENCE),
            real_aio_channel(BadAioServicer()) as channel,
        ):
            return ours, await BAD_AIO_CALLS[name](channel)

    ours, real = asyncio.run(both())

    assert ours == real


# What servicers raise is worded differently by `grpc.server` and `grpc.aio.server`.
_SAME = set(AIO_CALLS) - {"exception", "code, then an exception", "stream that raises"}


@pytest.mark.parametrize("name", sorted(_SAME))
def test_async_call_does_not_care_who_serves(name: str) -> None:
    """Calls of `grpc.aio` to a blocking servicer give the same."""

    async def both() -> tuple[Any, Any]:
        with orders(served_by(AioServicer())) as network:
            first = await AIO_CALLS[name](network.grpc_aio_channel("orders"))
        with orders(served_by(Servicer())) as network:
            return first, await AIO_CALLS[name](network.grpc_aio_channel("orders"))

    first, second = asyncio.run(both())

    assert first == second


@pytest.mark.parametrize(
    "name",
    sorted(set(CALLS) & _SAME | {"chat", "ping-pong", "future", "broken requests"}),
)
def test_blocking_call_does_not_care_who_serves(name: str) -> None:
    """Blocking calls to a servicer of `grpc.aio` give what a blocking one gives."""
    with orders(served_by(AioServicer())) as network:
        first = CALLS[name](network.grpc_channel("orders"))
    with orders(served_by(Servicer())) as network:
        assert first == CALLS[name](network.grpc_channel("orders"))
