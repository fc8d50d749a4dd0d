"""A `grpc.Channel` whose calls enter the service network.

Generated stubs and `grpc.intercept_channel` accept it.  It serializes and hands over;
it decides nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from pytest_lattice.clients.grpc_call import GrpcCall, credentials_refused
from pytest_lattice.errors import HIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pytest_lattice.clients.grpc_request import Endpoint

__tracebackhide__ = HIDE


class NetworkChannel(grpc.Channel):
    """A blocking channel to one service.

    Args:
        endpoint: where its calls go.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._closed = False

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.Channel
        """Make what calls a method with one request and one response."""
        return _OneResponse(self._calls(method, args, options), streams=False)

    def unary_stream(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.Channel
        """Make what calls a method with one request and a stream of responses."""
        return _ManyResponses(self._calls(method, args, options), streams=False)

    def stream_unary(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.Channel
        """Make what calls a method with a stream of requests and one response."""
        return _OneResponse(self._calls(method, args, options), streams=True)

    def stream_stream(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.Channel
        """Make what calls a method with streams both ways."""
        return _ManyResponses(self._calls(method, args, options), streams=True)

    def _calls(
        self, method: str, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Callable[[], GrpcCall]:
        serialize, deserialize = coders(args, options)

        def new() -> GrpcCall:
            if self._closed:
                raise ValueError("Cannot invoke RPC on closed channel!")
            return GrpcCall(
                self._endpoint, method, serialize=serialize, deserialize=deserialize
            )

        return new

    def subscribe(
        self,
        callback: Callable[[grpc.ChannelConnectivity], None],
        try_to_connect: bool | None = None,  # noqa: ARG002, FBT001  # as grpc.Channel
    ) -> None:
        """Tell that the channel is ready, which it always is."""
        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: object) -> None:
        """Do nothing: nothing changes."""

    def close(self) -> None:
        """Make no more calls."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        """Show the service."""
        return f"<NetworkChannel to {self._endpoint.authority}>"


def coders(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any]:
    """Read the serializer and deserializer that a stub hands to a channel.

    Args:
        args: by position.
        options: by name.
    """
    given = dict(
        zip(("request_serializer", "response_deserializer"), args, strict=False)
    )
    given |= options
    return given.get("request_serializer"), given.get("response_deserializer")


class _Callable:
    """What a stub calls.

    Args:
        new: makes a call.
        streams: whether requests are a stream.
    """

    def __init__(self, new: Callable[[], GrpcCall], *, streams: bool) -> None:
        self._new = new
        self._streams = streams

    def _begin(
        self,
        requests: Any,  # noqa: ANN401  # a message or an iterable of messages
        timeout: float | None,
        metadata: Any,  # noqa: ANN401  # pairs
        options: dict[str, Any],
    ) -> tuple[GrpcCall, Callable[[], None]]:
        credentials_refused(options)
        call = self._new()
        make = call.begin(
            requests, streams=self._streams, timeout=timeout, metadata=metadata
        )
        return call, make


class _OneResponse(_Callable):
    """Calls a method with one response."""

    def __call__(
        self,
        request: Any,  # noqa: ANN401  # see `_begin`
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401  # see `_begin`
        **options: Any,  # noqa: ANN401  # credentials, wait_for_ready, compression
    ) -> Any:  # noqa: ANN401  # a message
        """Call, and return the response."""
        return self.with_call(request, timeout, metadata, **options)[0]

    def with_call(
        self,
        request: Any,  # noqa: ANN401  # see `_begin`
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401  # see `_begin`
        **options: Any,  # noqa: ANN401  # see `__call__`
    ) -> tuple[Any, GrpcCall]:
        """Call, and return the response and the call."""
        call, make = self._begin(request, timeout, metadata, options)
        if timeout is None:
            make()
        else:
            call.start(make, None)
        return call.response(timeout), call

    def future(
        self,
        request: Any,  # noqa: ANN401  # see `_begin`
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401  # see `_begin`
        **options: Any,  # noqa: ANN401  # see `__call__`
    ) -> GrpcCall:
        """Call in the background."""
        call, make = self._begin(request, timeout, metadata, options)
        return call.start(make, timeout)


class _ManyResponses(_Callable):
    """Calls a method with a stream of responses."""

    def __call__(
        self,
        request: Any,  # noqa: ANN401  # see `_begin`
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401  # see `_begin`
        **options: Any,  # noqa: ANN401  # see `_OneResponse.__call__`
    ) -> GrpcCall:
        """Call, and return the call, an iterator of the responses."""
        call, make = self._begin(request, timeout, metadata, options)
        return call.start(make, timeout, bounded=True)
