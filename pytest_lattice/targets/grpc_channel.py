"""A real `grpc.Channel` as a target: bytes pass through to the server behind it.

All four kinds of call are streams of frames on the wire, so each is made as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import grpc

from pytest_lattice.model.grpc_wire import (
    LINE,
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
    from pytest_lattice.model.grpc_wire import Line
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )

#: What the channel says about itself.
OWN = frozenset({"user-agent"})


class ChannelTarget:
    """Answers with what a real server answers.

    Args:
        channel: the channel; whoever opened it closes it.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel: Any = channel

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Call the server, blocking the calling thread until its head is there."""
        line = LINE.get()
        metadata = [pair for pair in metadata_of(request.headers) if pair[0] not in OWN]
        call = self._channel.stream_stream(request.request.path)(
            messages(body), timeout=timeout_in(request.headers), metadata=metadata
        )
        if line is not None:
            line.on_cancel(call.cancel)
        head = head_of(tuple(call.initial_metadata() or ()))
        stream = _Stream(call, line)
        return TargetReply(head, stream, trailers=stream.trailers)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Call the server from a worker thread; see `call`."""
        whole = body if isinstance(body, bytes) else await pulled(aiter(body), LINE)
        reply = await in_thread(self.call, request, whole, abandon=True)
        chunks: Any = reply.body
        return AsyncTargetReply(
            reply.response, AsyncChunks(chunks, abandon=True), trailers=reply.trailers
        )

    def close(self) -> None:
        """Leave the channel to whoever opened it."""


class _Stream(Iterator[bytes]):
    """The responses of a server, as frames."""

    def __init__(self, call: Any, line: Line | None) -> None:  # noqa: ANN401  # a grpc.Call
        self._call = call
        self._line = line
        self._ended = False

    def __next__(self) -> bytes:
        try:
            return frame(next(self._call))
        except (StopIteration, grpc.RpcError):
            self._ended = True
        if self._line is not None and self._line.cancelled:
            raise ClientGoneError
        raise StopIteration

    def trailers(self) -> Headers:
        """Return the status and the trailing metadata, once the call has ended."""
        if not self._ended:
            return ()
        code, call = self._call.code().value[0], self._call
        trailing = tuple(tuple(pair) for pair in call.trailing_metadata() or ())
        return trailers_of(Status(code, call.details() or "", trailing))

    def close(self) -> None:
        """Cancel the call."""
        self._call.cancel()
