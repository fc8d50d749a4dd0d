"""Streamed bodies: what is told of their end, whichever way it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pytest_lattice.streams import Body, Ending

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

End = tuple[int, str | None]


@pytest.fixture
def ends() -> list[End]:
    """What was told of ends."""
    return []


@pytest.fixture
def ending(ends: list[End]) -> Ending:
    """An end that is still to come."""
    return Ending(lambda sent, reason: ends.append((sent, reason)))


def broken(error: BaseException) -> Iterator[bytes]:
    """Stream a chunk, and then break off."""
    yield b"one"
    raise error


async def abroken(error: BaseException) -> AsyncIterator[bytes]:
    """Stream a chunk, and then break off."""
    yield b"one"
    raise error


@pytest.mark.parametrize("blocking", [True, False])
def test_end_is_told_with_its_size(
    ending: Ending, ends: list[End], *, blocking: bool
) -> None:
    """A body that is read to its end has no failure, and closing it adds nothing."""

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"one", b"", b"three"):
            yield chunk

    async def read() -> list[bytes]:
        body = Body(chunks(), ending)
        found = [chunk async for chunk in body]
        await body.aclose()
        return found

    if blocking:
        body = Body(iter((b"one", b"", b"three")), ending)
        assert list(body) == [b"one", b"", b"three"]
        body.close()
    else:
        assert asyncio.run(read()) == [b"one", b"", b"three"]
    ending.finish("ClientConnectionClosed")

    assert ends == [(8, None)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LookupError(), "TargetConnectionClosed"),
        (KeyboardInterrupt(), "ClientConnectionClosed"),
    ],
)
@pytest.mark.parametrize("blocking", [True, False])
def test_who_broke_it_off_is_told(
    ending: Ending,
    ends: list[End],
    *,
    error: BaseException,
    reason: str,
    blocking: bool,
) -> None:
    """An exception of the target is the target's; an interruption is the client's."""

    async def read() -> None:
        body = Body(abroken(error), ending)
        await anext(body)
        with pytest.raises(type(error)):
            await anext(body)

    if blocking:
        body = Body(broken(error), ending)
        next(body)
        with pytest.raises(type(error)):
            next(body)
    else:
        read_now(read())

    assert ends == [(3, reason)]


def read_now(reading: object) -> None:
    """Run a coroutine that never waits, without a loop that takes interruptions."""
    with pytest.raises(StopIteration):
        reading.send(None)  # type: ignore[attr-defined]  # a coroutine has it


def test_end_can_be_told_from_outside(ending: Ending, ends: list[End]) -> None:
    """A body that nobody closed has its end told by who waits for it."""
    body = Body(iter((b"one", b"two")), ending)
    next(body)
    del body

    ending.finish("ClientConnectionClosed")

    assert ends == [(3, "ClientConnectionClosed")]
