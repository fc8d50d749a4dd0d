"""A real server behind the network."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from pytest_lattice import ConfigurationError, TargetGroup
from tests.grpc_calls import (
    AIO_CALLS,
    BROKEN_OFF,
    CALLS,
    Servicer,
    channel_to,
    orders,
    real_channel,
)

# What depends on how far requests are read before an answer comes.
_ALIKE = set(CALLS) - {"broken requests"}


@pytest.mark.parametrize("name", sorted(_ALIKE | set(BROKEN_OFF)))
def test_call_passes_through(name: str) -> None:
    """What a real server answers arrives as if there were no network between."""
    call = (CALLS | BROKEN_OFF)[name]
    with real_channel(Servicer()) as real, orders(real) as network:
        assert call(channel_to(network)) == call(real)


@pytest.mark.parametrize("name", ["unary", "stream", "stream of requests", "abort"])
def test_async_call_passes_through(name: str) -> None:
    """An async channel reaches a real server, too."""
    with real_channel(Servicer()) as real, orders(real) as network:

        async def both() -> Any:  # noqa: ANN401  # what was seen
            return await AIO_CALLS[name](network.grpc_aio_channel("orders"))

        found = asyncio.run(both())
        codes = [each.grpc_response_code for each in network.access_log]

    assert codes == [found["code"].value[0]]


def test_server_sees_lattice_headers() -> None:
    """Metadata that Lattice adds reaches a real server."""
    with real_channel(Servicer()) as real, orders(real) as network:
        stub = channel_to(network).unary_unary("/test.Orders/Get")
        assert b"tenant" in stub(b"metadata", metadata=(("tenant", "blue"),))


def test_channel_needs_a_group_that_speaks_grpc() -> None:
    """A channel in an HTTP1 group is refused."""
    with grpc.insecure_channel("127.0.0.1:1") as channel, orders(channel) as network:
        with pytest.raises(ConfigurationError, match="speaks gRPC"):
            network.add(TargetGroup("web", targets=[channel]))
        with pytest.raises(grpc.RpcError) as raised:
            channel_to(network).unary_unary("/test.Orders/Get")(b"x")

        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
