"""A `grpc.aio.Channel` whose calls enter the service network.

Generated stubs and interceptors of `grpc.aio` work with it.  grpc's own chain of
interceptors is bound to its core, so the one here does the same for our calls.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import grpc.aio

from pytest_lattice.clients.grpc import coders
from pytest_lattice.clients.grpc_aio_call import AioCall, ManyResponses, OneResponse
from pytest_lattice.clients.grpc_call import credentials_refused
from pytest_lattice.errors import HIDE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Sequence
    from typing import Self

    from pytest_lattice.clients.grpc_request import Endpoint

__tracebackhide__ = HIDE

_KINDS = (
    (grpc.aio.UnaryUnaryClientInterceptor, "unary_unary"),
    (grpc.aio.UnaryStreamClientInterceptor, "unary_stream"),
    (grpc.aio.StreamUnaryClientInterceptor, "stream_unary"),
    (grpc.aio.StreamStreamClientInterceptor, "stream_stream"),
)


class NetworkAioChannel(grpc.aio.Channel):
    """An async channel to one service.

    Args:
        endpoint: where its calls go.
        interceptors: as `grpc.aio.secure_channel` takes them.
    """

    def __init__(self, endpoint: Endpoint, interceptors: Sequence[Any] = ()) -> None:
        self._endpoint = endpoint
        # As in grpc, an interceptor stands for the first of its kinds.
        self._interceptors = [
            (next((name for base, name in _KINDS if isinstance(each, base)), ""), each)
            for each in interceptors
        ]
        self._open: set[AioCall] = set()
        self._closed = False

    def unary_unary(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.aio
        """Make what calls a method with one request and one response."""
        return self._callable("unary_unary", method, coders(args, options))

    def unary_stream(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.aio
        """Make what calls a method with one request and a stream of responses."""
        return self._callable("unary_stream", method, coders(args, options))

    def stream_unary(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.aio
        """Make what calls a method with a stream of requests and one response."""
        return self._callable("stream_unary", method, coders(args, options))

    def stream_stream(self, method: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  # as grpc.aio
        """Make what calls a method with streams both ways."""
        return self._callable("stream_stream", method, coders(args, options))

    def _callable(self, kind: str, method: str, how: tuple[Any, Any]) -> _Callable:
        interceptors = [each for name, each in self._interceptors if name == kind]
        return _Callable(self._new, kind, method, how, interceptors=interceptors)

    def _new(self, kind: str, method: str, how: tuple[Any, Any], ask: Asked) -> AioCall:
        if self._closed:
            raise grpc.aio.UsageError("Channel is closed.")
        made = OneResponse if kind.endswith("unary") else ManyResponses
        call = made(
            self._endpoint,
            method,
            serialize=how[0],
            deserialize=how[1],
            timeout=ask.timeout,
            metadata=tuple(ask.metadata or ()),
        )
        self._open.add(call)
        call.add_done_callback(self._open.discard)
        return call.begin(ask.requests, streams=kind.startswith("stream"))

    async def close(self, grace: float | None = None) -> None:
        """Make no more calls, and cancel those that are open.

        Args:
            grace: is not waited for: the network's clock stands still.
        """
        del grace
        self._closed = True
        for each in list(self._open):
            each.cancel()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002  # as grpc.aio
        """Tell that the channel is ready until it is closed."""
        del try_to_connect
        states = grpc.ChannelConnectivity
        return states.SHUTDOWN if self._closed else states.READY

    async def wait_for_state_change(
        self, last_observed_state: grpc.ChannelConnectivity
    ) -> None:
        """Return where the state is another one; else wait for ever."""
        if self.get_state() is last_observed_state:
            await asyncio.Event().wait()

    async def channel_ready(self) -> None:
        """Return: the channel is ready."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        """Show the service."""
        return f"<NetworkAioChannel to {self._endpoint.authority}>"


class Asked(NamedTuple):
    """What a stub asks for.

    Args:
        requests: the request, or an iterable of requests; None to write them.
        timeout: seconds; None for no deadline.
        metadata: of the call.
    """

    requests: Any
    timeout: float | None
    metadata: Any


class _Callable:
    """What a stub calls, through the interceptors."""

    def __init__(
        self,
        new: Callable[..., AioCall],
        kind: str,
        method: str,
        how: tuple[Any, Any],
        *,
        interceptors: list[Any],
    ) -> None:
        self._new = new
        self._kind = kind
        self._method = method
        self._how = how
        self._interceptors = interceptors

    def __call__(
        self,
        request: Any = None,  # noqa: ANN401  # see `Asked`
        timeout: float | None = None,
        metadata: Any = None,  # noqa: ANN401  # see `Asked`
        **options: Any,  # noqa: ANN401  # credentials, wait_for_ready, compression
    ) -> Any:  # noqa: ANN401  # a call
        """Begin a call."""
        credentials_refused(options)
        request = options.get("request_iterator", request)
        ask = Asked(request, timeout, metadata)
        if not self._interceptors:
            return self._new(self._kind, self._method, self._how, ask)
        details = grpc.aio.ClientCallDetails(
            self._method.encode(),  # type: ignore[arg-type]  # bytes in grpc
            timeout,
            grpc.aio.Metadata(*(metadata or ())),
            None,
            options.get("wait_for_ready"),
        )
        chain = asyncio.get_running_loop().create_task(self._go(0, details, request))
        if self._kind.endswith("unary"):
            return InterceptedOne(chain)
        return InterceptedMany(chain)

    async def _go(self, position: int, details: Any, request: Any) -> Any:  # noqa: ANN401  # as grpc has them
        """Ask an interceptor, or make the call after the last one."""
        if position == len(self._interceptors):
            method = details.method
            method = method.decode() if isinstance(method, bytes) else method
            ask = Asked(request, details.timeout, details.metadata)
            return self._new(self._kind, method, self._how, ask)

        async def go_on(changed: Any, changed_request: Any) -> Any:  # noqa: ANN401  # see above
            return await self._go(position + 1, changed, changed_request)

        intercept = getattr(self._interceptors[position], f"intercept_{self._kind}")
        return await intercept(go_on, details, request)


class _Intercepted(grpc.aio.Call):
    """A call behind interceptors, or what one of them answered in its place."""

    def __init__(self, chain: asyncio.Task[Any]) -> None:
        self._chain = chain

    async def _call(self) -> Any:  # noqa: ANN401  # a call, or a response
        return await self._chain

    @property
    def extensions(self) -> dict[str, Any]:
        """Hold the `Exchange`, for assertions."""
        if not self._chain.done() or self._chain.cancelled() or self._chain.exception():
            return {}
        return getattr(self._chain.result(), "extensions", {})

    async def _ask(self, name: str, default: Any) -> Any:  # noqa: ANN401  # what calls tell
        call = await self._call()
        return await getattr(call, name)() if hasattr(call, name) else default

    async def initial_metadata(self) -> Any:  # noqa: ANN401  # see `AioCall`
        """Wait for the metadata of the head."""
        return await self._ask("initial_metadata", grpc.aio.Metadata())

    async def trailing_metadata(self) -> Any:  # noqa: ANN401  # see `AioCall`
        """Wait for the metadata of the status."""
        return await self._ask("trailing_metadata", grpc.aio.Metadata())

    async def code(self) -> Any:  # noqa: ANN401  # see `AioCall`
        """Wait for the status."""
        return await self._ask("code", grpc.StatusCode.OK)

    async def details(self) -> Any:  # noqa: ANN401  # see `AioCall`
        """Wait for the message of the status."""
        return await self._ask("details", "")

    async def debug_error_string(self) -> Any:  # noqa: ANN401  # see `AioCall`
        """Explain what the network decided."""
        return await self._ask("debug_error_string", "")

    async def wait_for_connection(self) -> None:
        """Wait for the head."""
        await self._ask("wait_for_connection", None)

    def cancel(self) -> bool:
        """End the call."""
        if not self._chain.done():
            return self._chain.cancel()
        return bool(getattr(self._chain.result(), "cancel", lambda: False)())

    def cancelled(self) -> bool:
        """Tell whether the call was canceled."""
        return self._chain.cancelled() or (
            self._chain.done()
            and bool(getattr(self._chain.result(), "cancelled", lambda: False)())
        )

    def done(self) -> bool:
        """Tell whether the call has ended."""
        if not self._chain.done() or self._chain.cancelled():
            return self._chain.done()
        return bool(getattr(self._chain.result(), "done", lambda: True)())

    def time_remaining(self) -> float | None:
        """Return nothing; see `AioCall`."""
        return None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with the call when it ends."""

        def ended(chain: asyncio.Task[Any]) -> None:
            call: Any = None if chain.cancelled() else chain.result()
            if hasattr(call, "add_done_callback"):
                call.add_done_callback(lambda _: callback(self))
            else:
                callback(self)

        self._chain.add_done_callback(ended)

    async def write(self, request: Any) -> None:  # noqa: ANN401  # a message
        """Send a request."""
        await (await self._call()).write(request)

    async def done_writing(self) -> None:
        """Send no more requests."""
        await (await self._call()).done_writing()


class InterceptedOne(_Intercepted, grpc.aio.UnaryUnaryCall, grpc.aio.StreamUnaryCall):  # type: ignore[type-arg]  # any messages
    """A call with one response behind interceptors."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the response."""
        return self._response().__await__()

    async def _response(self) -> Any:  # noqa: ANN401  # a message
        call = await self._call()
        return await call if hasattr(call, "__await__") else call


class InterceptedMany(
    _Intercepted,
    grpc.aio.UnaryStreamCall[Any, Any],
    grpc.aio.StreamStreamCall[Any, Any],
):
    """A call with a stream of responses behind interceptors."""

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the responses."""
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Any]:
        async for response in await self._call():
            yield response

    async def read(self) -> Any:  # noqa: ANN401  # a message, or EOF
        """Wait for the next response."""
        return await (await self._call()).read()
