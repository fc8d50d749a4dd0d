"""Blocking work in worker threads; the tests of WSGI targets show the rest."""

from __future__ import annotations

import threading

import anyio
import pytest

from pytest_lattice.targets.threads import AsyncChunks, in_thread


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
