"""Bodies on their way: what is counted, what is cut, what is told of their end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pytest_lattice.clock import Clock
from pytest_lattice.routing.limits import SILENT
from pytest_lattice.streams import Body, Ending, RequestBody, cut_of, too_late
from pytest_lattice.targets.base import CutError
from tests.targets.test_faulty import Chunks
from tests.targets.test_lambda_event import a_request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

End = tuple[int, str | None]
SECOND = 1_000_000
#: A request that came when the clocks of these tests begin.
CALL = a_request()._replace(time_epoch=Clock().microseconds)


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
        body = Body(chunks(), CALL, Clock(), ending)
        found = [chunk async for chunk in body]
        await body.aclose()
        return found

    if blocking:
        body = Body(iter((b"one", b"", b"three")), CALL, Clock(), ending)
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
        body = Body(abroken(error), CALL, Clock(), ending)
        await anext(body)
        with pytest.raises(type(error)):
            await anext(body)

    if blocking:
        body = Body(broken(error), CALL, Clock(), ending)
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
    body = Body(iter((b"one", b"two")), CALL, Clock(), ending)
    next(body)
    del body

    ending.finish("ClientConnectionClosed")

    assert ends == [(3, "ClientConnectionClosed")]


@pytest.mark.parametrize("blocking", [True, False])
def test_body_that_is_too_old_is_closed(ends: list[End], *, blocking: bool) -> None:
    """A body that outlives its connection is cut, and the target's is closed."""
    source, clock = Chunks([b"ab", b"c"]), Clock()
    errors: list[BaseException | None] = []

    def end(sent: int, reason: str | None) -> None:
        ends.append((sent, reason))
        errors.append(last.error)

    last = Ending(end)
    body = Body(source, CALL, clock, last)

    async def read() -> bytes:
        return await anext(body)

    def step() -> bytes:
        return next(body) if blocking else asyncio.run(read())

    assert step() == b"ab"
    clock.advance(601)
    with pytest.raises(CutError) as caught:
        step()

    assert source.closed
    assert ends == [(2, "ConnectionDurationExceeded")]
    assert errors == [caught.value]
    assert last.error is None


@pytest.mark.parametrize("blocking", [True, False])
def test_client_that_closes_ends_the_target(
    ending: Ending, ends: list[End], *, blocking: bool
) -> None:
    """A client that leaves early ends the body of the target as well, once."""
    source = Chunks([b"ab", b"c"])
    body = Body(source, CALL, Clock(), ending)

    async def leave() -> None:
        await anext(body)
        await body.aclose()
        await body.aclose()

    if blocking:
        next(body)
        body.close()
        body.close()
    else:
        asyncio.run(leave())

    assert source.closed
    assert ends == [(2, "ClientConnectionClosed")]


@pytest.mark.parametrize(
    ("heard", "now", "expected"),
    [
        pytest.param(0, 60, None, id="in-time"),
        pytest.param(0, 60.000001, ("TargetDataTimeout", 60), id="silent"),
        pytest.param(0, 700, ("TargetDataTimeout", 60), id="silent-for-ever"),
        pytest.param(560, 600, None, id="old-but-in-time"),
        pytest.param(560, 601, ("ConnectionDurationExceeded", 600), id="too-old"),
        pytest.param(650, 651, ("ConnectionDurationExceeded", 650), id="reads-late"),
    ],
)
def test_too_late(heard: float, now: float, expected: tuple[str, float] | None) -> None:
    """What is heard after a limit is cut, at that limit or when it was asked for."""
    call = a_request()._replace(time_epoch=0)

    cut = too_late(call, round(heard * SECOND), round(now * SECOND))

    found = None if cut is None else (cut.reason, cut.when / SECOND)
    assert found == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(CutError("R", "d", 1), ("R", 1), id="known-already"),
        pytest.param(
            asyncio.CancelledError(SILENT), ("TargetDataTimeout", 60 * SECOND), id="own"
        ),
        pytest.param(asyncio.CancelledError(), None, id="the-clients"),
        pytest.param(ValueError("boom"), None, id="the-targets"),
    ],
)
def test_who_gave_up(error: BaseException, expected: tuple[str, int] | None) -> None:
    """The network's own giving up is told from a client that left."""
    call = a_request()._replace(time_epoch=0)

    cut = cut_of(error, call, 0, 61 * SECOND)

    assert (cut and (cut.reason, cut.when)) == expected


def test_giving_up_too_early_has_a_reason() -> None:
    """What was given up is cut, even if the limit has moved since."""
    call = a_request()._replace(time_epoch=0)

    cut = cut_of(asyncio.CancelledError(SILENT), call, 0, 59 * SECOND)

    assert cut is not None
    assert (cut.reason, cut.when) == ("TargetDataTimeout", 59 * SECOND)


def test_request_body_is_counted() -> None:
    """A request body knows its size, its last moment, and what it raised itself."""
    clock = Clock()
    start = clock.microseconds
    error = ValueError("mine")

    def chunks() -> Iterator[bytes]:
        yield b"ab"
        clock.advance(2)
        yield b"c"
        raise error

    body = RequestBody(chunks(), start)
    with pytest.raises(ValueError, match="mine"):
        list(body.counted(chunks(), clock))

    assert (body.size, body.last - start, body.error) == (3, 2 * SECOND, error)


def test_async_request_body_is_counted() -> None:
    """The twin of a blocking body counts as that one does."""
    clock = Clock()
    start = clock.microseconds

    async def chunks() -> AsyncIterator[bytes]:
        yield b"ab"
        await clock.aadvance(2)
        yield b"c"

    body = RequestBody(chunks(), start)

    async def read() -> list[bytes]:
        return [chunk async for chunk in body.acounted(chunks(), clock)]

    assert asyncio.run(read()) == [b"ab", b"c"]
    assert (body.size, body.last - start, body.error) == (3, 2 * SECOND, None)
