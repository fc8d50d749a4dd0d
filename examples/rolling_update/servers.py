"""One version of a server: HTTP with a health check, and gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from pytest_lattice import GrpcTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Server:
    """A WSGI app that says its version, and whether it is ready."""

    def __init__(self, version: str) -> None:
        """Be ready."""
        self.version = version
        self.ready = True

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterator[bytes]:
        """Answer `/ready`, a long download, and all else with the version."""
        if environ["PATH_INFO"] == "/ready" and not self.ready:
            start_response("503 Service Unavailable", [])
            return
        start_response("200 OK", [("content-type", "text/plain")])
        parts = 3 if environ["PATH_INFO"] == "/download" else 1
        for _ in range(parts):
            yield self.version.encode()


def grpc_server(version: str) -> GrpcTarget:
    """Make a gRPC server that says its version, once or three times."""

    def get(request: bytes, context: grpc.ServicerContext) -> bytes:
        return version.encode()

    def watch(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        for _ in range(3):
            yield version.encode()

    target = GrpcTarget()
    methods: dict[str, Any] = {
        "Get": grpc.unary_unary_rpc_method_handler(get),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    handler = grpc.method_handlers_generic_handler("shop.Orders", methods)
    target.add_generic_rpc_handlers((handler,))
    return target


class OrdersStub:
    """Calls the gRPC server, as a generated stub does."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Make a callable of each method."""
        self.get: Any = channel.unary_unary("/shop.Orders/Get")
        self.watch: Any = channel.unary_stream("/shop.Orders/Watch")
