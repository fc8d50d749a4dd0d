"""A `grpc.aio.Channel` as a target: bytes pass through on the loop it belongs to.

Such a channel serves the loop that was running, or was about to run, where it was made.
So its callers are async and come from that loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
import grpc.aio

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.model.grpc_wire import (
    LINE,
    Status,
    amessages,
    frame,
    metadata_of,
    timeout_in,
    trailers_of,
)
from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.targets.base import AsyncTargetReply
from pytest_lattice.targets.grpc_channel import OWN
from pytest_lattice.targets.grpc_sync import head_of

if TYPE_CHECKING:
    from pytest_lattice.model.grpc_wire import Line
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )

__tracebackhide__ = HIDE


class AioChannelTarget:
    """Answers with what a real server answers.

    Args:
        channel: the channel; whoever opened it closes it.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel: Any = channel

    def call(self, request: TargetRequest, body: RequestBody) -> NoReturn:
        """Refuse: the loop of the channel does not run while a caller blocks it.

        Raises:
            ConfigurationError: always.
        """
        del request, body
        error = ConfigurationError("a `grpc.aio.Channel` serves async clients alone")
        error.add_note("use a `grpc.Channel` as target, or an async client")
        raise error

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Call the server, and wait for its head."""
        line = LINE.get()
        metadata = [pair for pair in metadata_of(request.headers) if pair[0] not in OWN]
        call = self._channel.stream_stream(request.request.path)(
            amessages(body), timeout=timeout_in(request.headers), metadata=metadata
        )
        stream = _Stream(call, line)
        try:
            initial = await call.initial_metadata()
        except BaseException:
            call.cancel()
            raise
        head = head_of(tuple(tuple(pair) for pair in initial or ()))
        return AsyncTargetReply(head, stream, trailers=stream.trailers)

    def close(self) -> None:
        """Leave the channel to whoever opened it."""


class _Stream(AsyncIterator[bytes]):
    """The responses of a server, as frames."""

    def __init__(self, call: Any, line: Line | None) -> None:  # noqa: ANN401  # a call of grpc.aio
        self._call = call
        self._responses = aiter(call)
        self._line = line
        self._status: Status | None = None

    async def __anext__(self) -> bytes:
        try:
            return frame(await anext(self._responses))
        except (StopAsyncIteration, grpc.RpcError):
            pass
        if self._line is not None and self._line.cancelled:
            raise ClientGoneError
        trailing = await self._call.trailing_metadata()
        self._status = Status(
            (await self._call.code()).value[0],
            await self._call.details() or "",
            tuple(tuple(pair) for pair in trailing or ()),
        )
        raise StopAsyncIteration

    def trailers(self) -> Headers:
        """Return the status and the trailing metadata, once the call has ended."""
        return () if self._status is None else trailers_of(self._status)

    async def aclose(self) -> None:
        """Cancel the call."""
        self._call.cancel()
