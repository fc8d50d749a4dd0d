"""The body of a request, awaited chunk by chunk where a servicer of `grpc.aio` runs.

It may be whole already, come from a caller who blocks, or live on another loop.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeAlias

from pytest_lattice.errors import LatticeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    #: Awaits a chunk; None is the end.
    Pull: TypeAlias = Callable[[], Awaitable[bytes | None]]


def whole(body: bytes) -> Pull:
    """Await a body that is there, as one chunk."""
    chunks = [body]

    async def pull() -> bytes | None:
        return chunks.pop() if chunks else None

    return pull


def from_thread(chunks: Iterator[bytes]) -> Pull:
    """Await chunks that may block, each in a daemon thread."""

    async def pull() -> bytes | None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes | None] = loop.create_future()

        def settle(chunk: bytes | None, error: Exception | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(chunk)
            else:
                future.set_exception(error)

        def work() -> None:
            chunk, failed = None, None
            try:
                chunk = next(chunks, None)
            except Exception as error:  # noqa: BLE001  # raised where it is awaited
                failed = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, chunk, failed)

        threading.Thread(
            target=work, name="pytest-lattice-grpc-requests", daemon=True
        ).start()
        return await future

    return pull


def from_loop(chunks: AsyncIterator[bytes], home: asyncio.AbstractEventLoop) -> Pull:
    """Await chunks on the loop of the caller, who owns them."""

    async def next_chunk() -> bytes | None:
        return await anext(chunks, None)

    async def pull() -> bytes | None:
        if asyncio.get_running_loop() is home:
            return await next_chunk()
        if home.is_closed():
            raise LatticeError("the event loop of the caller is closed")
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(next_chunk(), home)
        )

    return pull
