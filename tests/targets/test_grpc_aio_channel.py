"""A real `grpc.aio` server behind the network, by an async channel."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_lattice import assert_logged
from tests.grpc_calls import (
    AIO_CALLS,
    PATIENCE,
    AioServicer,
    channel_to,
    orders,
    path,
    real_aio_channel,
)
from tests.model.refusals import refused

# Where a server answers before it has read all, grpc's core may fail to write the rest.
_ALIKE = set(AIO_CALLS) - {"abort of a stream of requests", "early answer"}


@pytest.mark.parametrize("name", sorted(_ALIKE))
def test_call_passes_through(name: str) -> None:
    """What a real server answers arrives as if there were no network between."""

    async def both() -> tuple[Any, Any]:
        async with (
            asyncio.timeout(PATIENCE),
            real_aio_channel(AioServicer()) as real,
        ):
            with orders(real) as network:
                ours = await AIO_CALLS[name](network.grpc_aio_channel("orders"))
            return ours, await AIO_CALLS[name](real)

    ours, expected = asyncio.run(both())

    assert ours == expected


def test_status_is_in_the_log() -> None:
    """The log has the status of the real server, and who left it."""

    async def main() -> None:
        async with real_aio_channel(AioServicer()) as real:
            with orders(real) as network:
                channel = network.grpc_aio_channel("orders")
                await AIO_CALLS["abort"](channel)
                await AIO_CALLS["cancelled stream"](channel)
                await asyncio.sleep(0)
                assert_logged(network, grpc_response_code=5, count=1)
                assert_logged(network, failure_reason="ClientConnectionClosed", count=1)

    asyncio.run(main())


def test_blocking_client_is_refused() -> None:
    """Who blocks the loop would wait for ever, and is told what to do."""

    async def main() -> None:
        async with real_aio_channel(AioServicer()) as real:
            with orders(real) as network:
                stub = channel_to(network).unary_unary(path("Get"))
                assert refused(stub, b"x") == [
                    "a `grpc.aio.Channel` serves async clients alone",
                    "use a `grpc.Channel` as target, or an async client",
                ]

    asyncio.run(main())
