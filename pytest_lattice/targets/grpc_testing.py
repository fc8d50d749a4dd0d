"""A server of `grpc_testing` as a target, with its fake time joined to the network's.

It takes messages as objects, so they are read and written here by the descriptors that
it was made from.  Its defects stay its own: `GrpcTarget` takes any servicer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, advised
from pytest_lattice.model.grpc_wire import (
    LINE,
    FrameError,
    Status,
    frame,
    messages,
    metadata_of,
    timeout_in,
    trailers_of,
)
from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.grpc_sync import head_of
from pytest_lattice.targets.threads import AsyncChunks, in_thread, pulled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.model.grpc_wire import Line, Metadata
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )

__tracebackhide__ = HIDE

# What grpc_testing adds to metadata.
_ADDED = "grpc.metadata_added_by_runtime"
# The method of the server for each kind of call.
_INVOKE = {
    (False, False): "invoke_unary_unary",
    (False, True): "invoke_unary_stream",
    (True, False): "invoke_stream_unary",
    (True, True): "invoke_stream_stream",
}


class TestingTarget:
    """Answers with a server that `grpc_testing.server_from_dictionary` made.

    Args:
        server: the server.
        follow: registers what moves with the network's clock, by seconds.

    Raises:
        ConfigurationError: the server is of a version that is not known.
    """

    __test__ = False  # pytest collects by name

    def __init__(
        self,
        server: Any,  # noqa: ANN401  # a grpc_testing.Server
        follow: Callable[[Callable[[float], object]], None],
    ) -> None:
        self._server = server
        try:
            # grpc_testing asks nobody for these, so there is no public name.
            servicers = server._serverish._descriptors_to_servicers  # noqa: SLF001  # see above
            self._time = server._time  # noqa: SLF001  # see above
        except AttributeError as error:
            raise advised(
                f"a server of `grpc_testing` that is built otherwise: {error}",
                "register its servicers on a GrpcTarget, which needs no grpc_testing",
            ) from error
        self._methods = {
            f"/{service.full_name}/{method.name}": method
            for service in servicers
            for method in service.methods
        }
        # To cancel a call while its deadline passes would lock grpc_testing up.
        self._one = threading.RLock()
        if "Fake" in type(self._time).__name__:
            follow(self._move)

    def _move(self, seconds: float) -> None:
        with self._one:
            self._time.sleep_for(seconds)

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Invoke a method, and wait for its head or its one response."""
        method = self._methods.get(request.request.path)
        if method is None:
            return _ended(Status(12, "Method not found!"))
        try:
            call = _Call(method, messages(body), LINE.get(), one=self._one)
            call.invoke(self._server, request)
        except FrameError as error:
            return _ended(Status(13, str(error)))
        return call.answer()

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Invoke a method from a worker thread; see `call`."""
        whole = body if isinstance(body, bytes) else await pulled(aiter(body), LINE)
        reply = await in_thread(self.call, request, whole, abandon=True)
        chunks: Any = reply.body
        if not isinstance(chunks, bytes):
            chunks = AsyncChunks(chunks, abandon=True)
        return AsyncTargetReply(reply.response, chunks, trailers=reply.trailers)

    def close(self) -> None:
        """Release nothing; calls end with their clients."""


def _ended(status: Status) -> TargetReply:
    return TargetReply(head_of(()), b"", trailers=lambda: trailers_of(status))


class _Call(Iterator[bytes]):
    """One call: an iterator of the frames of its responses."""

    def __init__(
        self,
        method: Any,  # noqa: ANN401  # a MethodDescriptor
        requests: Iterator[bytes],
        line: Line | None,
        *,
        one: Any,  # noqa: ANN401  # a lock
    ) -> None:
        self._one = one
        self._method = method
        self._requests = requests
        self._line = line
        self._rpc: Any = None
        self._status: Status | None = None

    def invoke(self, server: Any, request: TargetRequest) -> None:  # noqa: ANN401  # a grpc_testing.Server
        """Begin the call."""
        streams = bool(self._method.client_streaming)
        kind = streams, bool(self._method.server_streaming)
        arguments: list[Any] = [self._method, metadata_of(request.headers)]
        if not streams:
            arguments.append(self._read(next(self._requests, b"")))
        arguments.append(timeout_in(request.headers))

        def begin() -> None:
            self._rpc = getattr(server, _INVOKE[kind])(*arguments)

        # Its threads are daemons only where the thread that starts them is one.
        thread = threading.Thread(target=copy_context().run, args=(begin,), daemon=True)
        thread.start()
        thread.join()
        if streams:
            threading.Thread(
                target=copy_context().run, args=(self._feed,), daemon=True
            ).start()
        if self._line is not None:
            self._line.on_cancel(self.close)

    def _feed(self) -> None:
        try:
            for message in self._requests:
                self._rpc.send_request(self._read(message))
            self._rpc.requests_closed()
        except Exception:  # noqa: BLE001  # the client has gone, or broke its stream
            self.close()

    def _read(self, message: bytes) -> Any:  # noqa: ANN401  # a message
        from google.protobuf.message_factory import GetMessageClass

        return GetMessageClass(self._method.input_type).FromString(message)

    def answer(self) -> TargetReply:
        """Wait for the head; where there is one response, for the end."""
        if self._method.server_streaming:
            initial = self._initial()
            return TargetReply(head_of(initial), self, trailers=self.trailers)
        body = b""
        try:
            response, trailing, code, details = self._rpc.termination()
        except ValueError:
            raise ClientGoneError from None
        self._end(trailing, code, details)
        if not (self._status and self._status.code):
            body = frame(response.SerializeToString())
        return TargetReply(head_of(self._initial()), body, trailers=self.trailers)

    def _initial(self) -> Metadata:
        try:
            return _stripped(self._rpc.initial_metadata())
        except ValueError:  # a call that failed before has none
            return ()

    def __next__(self) -> bytes:
        try:
            return frame(self._rpc.take_response().SerializeToString())
        except ValueError:  # its way to say that there are no more
            pass
        if self._line is not None and self._line.cancelled:
            raise ClientGoneError
        if self._status is None:
            self._end(*self._rpc.termination())
        raise StopIteration

    def _end(self, trailing: Any, code: Any, details: Any) -> None:  # noqa: ANN401  # as grpc_testing has them
        number = code.value[0] if hasattr(code, "value") else int(code)
        self._status = Status(number, details or "", _stripped(trailing))

    def trailers(self) -> Headers:
        """Return the status and the trailing metadata, once the call has ended."""
        return () if self._status is None else trailers_of(self._status)

    def close(self) -> None:
        """Cancel the call."""
        with self._one, suppress(ValueError):
            self._rpc.cancel()


def _stripped(metadata: Any) -> Metadata:  # noqa: ANN401  # pairs
    return tuple(tuple(pair) for pair in metadata or () if pair[0] != _ADDED)
