"""Blocking work for an awaiting caller, in worker threads under asyncio and Trio.

It knows nothing of apps or requests; anyio is imported when used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import ContextVar
    from typing import Any

    from pytest_lattice.model.grpc_wire import Line

T = TypeVar("T")


class AsyncChunks(AsyncIterator[bytes]):
    """The body of a response, of which each chunk is read in a worker thread.

    Args:
        chunks: the body.
        abandon: see `in_thread`.
    """

    def __init__(self, chunks: Iterator[bytes], *, abandon: bool = False) -> None:
        self._chunks = chunks
        self._abandon = abandon
        self._lock = Lock()
        # Whether a thread reads, and whether nobody waits for it any more.
        self._reading = self._left = False

    async def __anext__(self) -> bytes:
        chunk: bytes | None = await in_thread(self._read, abandon=self._abandon)
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Close the body, also for a caller who is cancelled.

        A generator cannot be closed while its thread is in it, which closes it then.
        """
        import anyio

        with self._lock:
            self._left = True
            if self._reading and not self._abandon:
                return
        with anyio.CancelScope(shield=True):
            await in_thread(self._close)

    def _read(self) -> bytes | None:
        with self._lock:
            if self._left:
                return None
            self._reading = True
        try:
            return next(self._chunks, None)
        finally:
            with self._lock:
                self._reading = False
                close = self._must_close()
            if close:
                self._close()

    def _must_close(self) -> bool:
        return self._left and not self._abandon

    def _close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def pull_from_thread(body: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Iterate an awaiting caller's body from the worker thread of its call."""
    import anyio.from_thread

    async def pull() -> bytes | None:
        return await anext(body, None)

    while (chunk := anyio.from_thread.run(pull)) is not None:
        yield chunk


async def pulled(
    body: AsyncIterator[bytes], line: ContextVar[Line | None]
) -> bytes | Iterator[bytes]:
    """Let any thread iterate an awaiting caller's body; under Trio, read it first.

    Args:
        body: the body, which belongs to the caller's loop.
        line: tells when the client of a call has gone.
    """
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return b"".join([chunk async for chunk in body])
    return _pull(body, loop, line.get())


def _pull(
    body: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop, line: Line | None
) -> Iterator[bytes]:
    import asyncio

    async def next_chunk() -> bytes | None:
        return await anext(body, None)

    waiting: list[Any] = []
    if line is not None:
        line.on_cancel(lambda: [each.cancel() for each in waiting])
    while True:
        waiting[:] = [asyncio.run_coroutine_threadsafe(next_chunk(), loop)]
        chunk = waiting[0].result()
        if chunk is None:
            return
        yield chunk


async def in_thread(
    function: Callable[..., T], *args: object, abandon: bool = False
) -> T:
    """Call a function in a worker thread, in a copy of the caller's context.

    Args:
        function: what to call.
        args: its arguments.
        abandon: whether a caller who is cancelled leaves it to itself; a task of
            asyncio that is cancelled always does.
    """
    import anyio
    import anyio.to_thread

    # A limiter of its own: apps that call each other must not wait for each other's
    # threads.
    return await anyio.to_thread.run_sync(
        function, *args, abandon_on_cancel=abandon, limiter=anyio.CapacityLimiter(1)
    )


class Deed(Generic[T]):
    """Work for a thread, of which something is to be let go if nobody waits for it.

    Args:
        work: what to do.
        drop: lets go of what came of it.
    """

    def __init__(self, work: Callable[[], T], drop: Callable[[T], object]) -> None:
        self._work = work
        self._drop = drop
        self._lock = Lock()
        self._left = False
        self._results: list[T] = []

    def __call__(self) -> T:
        """Do it, in the thread."""
        result = self._work()
        with self._lock:
            left = self._left
            self._results.append(result)
        if left:
            self._drop(result)
        return result

    def leave(self) -> None:
        """Wait for it no longer."""
        with self._lock:
            self._left, done = True, list(self._results)
        for result in done:
            self._drop(result)
