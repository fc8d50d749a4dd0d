"""Servicers for exchange rates, and what generated code does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SERVICE = "bank.Rates"


class Rates:
    """The version that everybody knows."""

    def get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Return the rate of a currency."""
        if request == b"gold":
            context.abort(grpc.StatusCode.NOT_FOUND, "no rate for gold")
        return b"1.0 " + request

    def watch(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Return the rates of a currency as they come."""
        for rate in (b"1.0", b"1.1"):
            yield rate + b" " + request

    def convert(
        self, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Convert amounts while they arrive."""
        for amount in requests:
            yield b"2 x " + amount


class NewRates:
    """The new version, written for asyncio."""

    async def get(
        self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> bytes:
        """Return the rate of a currency."""
        return b"2.0 " + request

    async def watch(
        self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        """Return the rates of a currency as they come."""
        for rate in (b"2.0", b"2.1"):
            yield rate + b" " + request

    async def convert(
        self,
        requests: AsyncIterator[bytes],
        context: grpc.aio.ServicerContext[bytes, bytes],
    ) -> AsyncIterator[bytes]:
        """Convert amounts while they arrive."""
        async for amount in requests:
            yield b"4 x " + amount


class RatesStub:
    """Calls the service, as a generated stub does, by a channel of either kind."""

    def __init__(self, channel: Any) -> None:  # noqa: ANN401  # grpc's or grpc.aio's
        """Make a callable of each method."""
        self.get: Any = channel.unary_unary(f"/{SERVICE}/Get")
        self.watch: Any = channel.unary_stream(f"/{SERVICE}/Watch")
        self.convert: Any = channel.stream_stream(f"/{SERVICE}/Convert")


def add_rates_to_server(servicer: Rates | NewRates, server: Any) -> None:  # noqa: ANN401  # a grpc.Server, or a target
    """Register a servicer, as generated code does."""
    methods: dict[str, Any] = {
        "Get": grpc.unary_unary_rpc_method_handler(servicer.get),
        "Watch": grpc.unary_stream_rpc_method_handler(servicer.watch),
        "Convert": grpc.stream_stream_rpc_method_handler(servicer.convert),
    }
    handler = grpc.method_handlers_generic_handler(SERVICE, methods)
    server.add_generic_rpc_handlers((handler,))
