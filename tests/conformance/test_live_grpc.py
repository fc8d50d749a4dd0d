"""gRPC over live listeners is line by line what a real `grpc.server` gives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.grpc_calls import (
    AIO_CALLS,
    BROKEN_OFF,
    CALLS,
    AioServicer,
    Servicer,
    orders,
    real_aio_channel,
    real_channel,
    served_by,
    undisturbed,
)
from tests.live_peers import grpc_aio_channel, grpc_channel

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


@pytest.fixture(scope="module")
def live() -> Iterator[grpc.Channel]:
    """A channel to the same service behind a live listener."""
    servicer = Servicer()
    servicer.released.set()
    with (
        orders(served_by(servicer)) as network,
        network.server() as server,
        grpc_channel(network, server) as channel,
    ):
        yield channel


@pytest.mark.parametrize("name", CALLS)
def test_call_is_as_from_a_real_server(
    name: str, live: grpc.Channel, real: grpc.Channel
) -> None:
    """Responses, status, message and metadata are those of a real server."""
    assert CALLS[name](live) == CALLS[name](real)


@pytest.mark.parametrize("name", BROKEN_OFF)
def test_broken_off_call_is_as_from_a_real_server(
    name: str, live: grpc.Channel, real: grpc.Channel
) -> None:
    """A deadline and a cancellation give what a real server gives."""
    assert BROKEN_OFF[name](live) == BROKEN_OFF[name](real)


# What the real server does when it answers early is a race of its own.
REPEATABLE = sorted(set(AIO_CALLS) - {"early answer"})


@pytest.mark.parametrize("name", REPEATABLE)
def test_async_call_is_as_from_a_real_server(name: str) -> None:
    """Calls of `grpc.aio` to an async servicer are those of a real server."""

    async def both() -> tuple[Any, Any]:
        with (
            orders(served_by(AioServicer())) as network,
            network.server() as server,
        ):
            async with grpc_aio_channel(network, server) as channel:
                ours = await undisturbed(AIO_CALLS[name], channel)
        async with real_aio_channel(AioServicer()) as channel:
            return ours, await undisturbed(AIO_CALLS[name], channel)

    ours, real = asyncio.run(both())

    assert ours == real
