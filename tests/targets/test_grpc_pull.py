"""Bodies of requests, awaited where a servicer runs."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import LatticeError
from pytest_lattice.targets.grpc_pull import from_loop, from_thread, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pytest_lattice.targets.grpc_pull import Pull


async def drained(pull: Pull) -> list[bytes]:
    """Await all chunks."""
    chunks = []
    while (chunk := await pull()) is not None:
        chunks.append(chunk)
    return chunks


async def two() -> AsyncIterator[bytes]:
    """Give two chunks."""
    yield b"a"
    yield b"b"


def test_whole_body_is_one_chunk() -> None:
    """A body that is there comes at once, and ends."""
    assert asyncio.run(drained(whole(b"x"))) == [b"x"]


def test_blocking_chunks_do_not_block_the_loop() -> None:
    """Each chunk is read in a thread, while the loop runs on."""
    released = threading.Event()

    def chunks() -> Iterator[bytes]:
        assert released.wait(10)
        yield b"a"
        yield b"b"

    async def main() -> list[bytes]:
        reading = asyncio.ensure_future(drained(from_thread(chunks())))
        await asyncio.sleep(0)
        released.set()
        return await reading

    assert asyncio.run(main()) == [b"a", b"b"]


def test_what_chunks_raise_is_raised_where_they_are_awaited() -> None:
    """A body that breaks breaks the servicer's reading."""

    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(drained(from_thread(chunks())))


def test_chunks_of_another_loop_are_awaited_there() -> None:
    """A body belongs to its caller's loop; read from another, it is read there."""

    async def main() -> tuple[list[bytes], list[bytes]]:
        here = asyncio.get_running_loop()
        near = await drained(from_loop(two(), here))
        far = await asyncio.to_thread(asyncio.run, drained(from_loop(two(), here)))
        return near, far

    assert asyncio.run(main()) == ([b"a", b"b"], [b"a", b"b"])


def test_closed_loop_of_the_caller_is_told() -> None:
    """A caller that is gone cannot be asked for more."""
    loop = asyncio.new_event_loop()
    loop.close()

    with pytest.raises(LatticeError, match="loop of the caller is closed"):
        asyncio.run(drained(from_loop(two(), loop)))
