"""Blocking work in worker threads; the tests of WSGI targets show the rest."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from pytest_lattice.targets.threads import AsyncChunks, in_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds after which something that should long have happened has failed.
PATIENCE = 10


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_work_is_done_in_another_thread(backend: str) -> None:
    """The loop's thread stays free, under asyncio and Trio."""
    found = anyio.run(in_thread, threading.get_ident, backend=backend)

    assert found != threading.get_ident()


def test_chunks_are_read_and_closed_from_async_code() -> None:
    """An iterator becomes an async iterator that can be closed."""

    async def read() -> list[bytes]:
        chunks = AsyncChunks(iter([b"a", b"b"]))
        found = [each async for each in chunks]
        await chunks.aclose()
        return found

    assert anyio.run(read) == [b"a", b"b"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_generator_is_closed_by_the_thread_that_is_in_it(backend: str) -> None:
    """Who leaves in the middle of a step waits for nothing; the thread closes it."""
    entered, released, closed = (threading.Event() for _ in range(3))

    def steps() -> Iterator[bytes]:
        try:
            entered.set()
            released.wait(PATIENCE)
            yield b"late"
        finally:
            closed.set()

    async def leave() -> None:
        chunks = AsyncChunks(steps())

        async def read() -> None:
            # It is shielded, as the steps of an app are.
            assert await anext(chunks) == b"late"

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.to_thread.run_sync(entered.wait, PATIENCE)
            await chunks.aclose()
            assert not closed.is_set()
            released.set()
        assert closed.is_set()
        assert await anext(chunks, None) is None

    anyio.run(leave, backend=backend)
