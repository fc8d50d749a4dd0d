"""gRPC servers as targets: servicers that registered themselves, and real channels.

The bytes of the request are read as frames, and answers are frames and trailers; what
becomes of a servicer's errors is known by the modules of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from pytest_lattice.model.grpc_wire import (
    LINE,
    Status,
    messages,
    trailers_of,
)
from pytest_lattice.targets import grpc_aio
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.grpc_servicers import (
    CallDetails,
    GrpcTarget,
    behavior_of,
    is_async_behavior,
)
from pytest_lattice.targets.grpc_sync import Rpc, head_of
from pytest_lattice.targets.threads import AsyncChunks, in_thread, pulled

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.targets.base import (
        AppTarget,
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )
    from pytest_lattice.targets.loop import AppLoop, Home


class ServicersTarget:
    """Answers with the servicers of a `GrpcTarget`.

    Args:
        servicers: where they registered themselves.
        loop: where those of `grpc.aio` run.
        now: the network's time in microseconds.
    """

    def __init__(
        self, servicers: GrpcTarget, *, loop: AppLoop, now: Callable[[], int]
    ) -> None:
        self._servicers = servicers
        self._loop = loop
        self._now = now

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer a call; what a servicer raises becomes its status."""
        details = _details(request)
        try:
            if self._servicers.is_async:
                handler = self._loop.run(lambda: self._servicers.afind(details))
            else:
                handler = self._servicers.find(details)
        except Exception as error:  # noqa: BLE001  # whatever an interceptor raises
            return _failed(error)
        if handler is not None and is_async_behavior(behavior_of(handler)):
            home = self._loop.home_for_blocking_call()
            return grpc_aio.call(self._maker(request, handler, home), body)
        return self._answer(request, handler, body)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer a call, that of a blocking servicer from a worker thread."""
        details = _details(request)
        try:
            handler = await self._afind(details)
        except Exception as error:  # noqa: BLE001  # whatever an interceptor raises
            failed = _failed(error)
            return AsyncTargetReply(failed.response, b"", trailers=failed.trailers)
        if handler is not None and is_async_behavior(behavior_of(handler)):
            home = self._loop.home_for_async_call()
            return await grpc_aio.acall(self._maker(request, handler, home), body)
        whole = body if isinstance(body, bytes) else await pulled(aiter(body), LINE)
        reply = await in_thread(self._answer, request, handler, whole, abandon=True)
        chunks = reply.body
        if not isinstance(chunks, bytes):
            return AsyncTargetReply(
                reply.response,
                AsyncChunks(chunks, abandon=True),
                trailers=reply.trailers,
            )
        return AsyncTargetReply(reply.response, chunks, trailers=reply.trailers)

    async def _afind(self, details: CallDetails) -> Any:  # noqa: ANN401  # an RpcMethodHandler
        if self._servicers.is_async:
            return await self._loop.arun(lambda: self._servicers.afind(details))
        return self._servicers.find(details)

    def _answer(
        self,
        request: TargetRequest,
        handler: Any,  # noqa: ANN401  # an RpcMethodHandler
        body: RequestBody,
    ) -> TargetReply:
        """Answer a call of a blocking servicer."""
        if handler is None:
            return _ended(_NOT_FOUND)
        return Rpc(request, handler, messages(body), now=self._now).answer()

    def _maker(
        self,
        request: TargetRequest,
        handler: Any,  # noqa: ANN401  # an RpcMethodHandler
        home: Home,
    ) -> Callable[..., grpc_aio.AioRpc]:
        return lambda pull: grpc_aio.AioRpc(
            request, handler, home=home, pull=pull, now=self._now
        )

    def close(self) -> None:
        """Release nothing; calls end with their clients."""


# What a real server answers to a method that nobody registered.
_NOT_FOUND = Status(12, "Method not found!")


def _details(request: TargetRequest) -> CallDetails:
    return CallDetails(request.request.path, request.headers)


def _ended(status: Status) -> TargetReply:
    return TargetReply(head_of(()), b"", trailers=lambda: trailers_of(status))


def _failed(error: Exception) -> TargetReply:
    if (line := LINE.get()) is not None:
        line.error = error
    return _ended(Status(2, f"Error in service handler! {error}".strip()))


def make_grpc_target(
    app: Any,  # noqa: ANN401  # one of several kinds
    *,
    loop: AppLoop,
    now: Callable[[], int],
    follow: Callable[[Callable[[float], object]], None],
) -> AppTarget:
    """Make what answers for something that speaks gRPC.

    Args:
        app: a `GrpcTarget`, a channel (blocking or not) or a `grpc_testing` server.
        loop: where servicers of `grpc.aio` run.
        now: the network's time in microseconds.
        follow: registers what moves with the network's clock, by seconds.
    """
    if isinstance(app, GrpcTarget):
        return ServicersTarget(app, loop=loop, now=now)
    if isinstance(app, grpc.Channel):
        from pytest_lattice.targets.grpc_channel import ChannelTarget

        return ChannelTarget(app)
    if isinstance(app, grpc.aio.Channel):
        from pytest_lattice.targets.grpc_aio_channel import AioChannelTarget

        return AioChannelTarget(app)
    from pytest_lattice.targets.grpc_testing import TestingTarget

    return TestingTarget(app, follow)
