"""Waiting on the network's clock, and really."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from pytest_lattice.clock import Clock
from pytest_lattice.targets.waiting import Waits

SECOND = 1_000_000
backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def test_blocking_caller_moves_the_clock() -> None:
    """Who waits in a thread of its own moves the clock by as much."""
    clock = Clock()
    start = clock.microseconds

    Waits(clock).wait(2_500_001, real=False)

    assert clock.microseconds - start == 2_500_001


def test_real_time_moves_no_clock() -> None:
    """Who really waits leaves the network's clock alone."""
    clock = Clock()
    start = clock.microseconds

    Waits(clock).wait(1, real=True)
    anyio.run(lambda: Waits(clock).await_(1, real=True))

    assert clock.microseconds == start


@backends
@pytest.mark.parametrize("seconds", [[3, 1, 2], [2, 2, 2], [1], [0, 5]])
def test_those_who_wait_together_end_in_their_order(
    backend: str, seconds: list[int]
) -> None:
    """Each ends at its own time, as if all had slept beside each other."""
    clock = Clock()
    waits, start = Waits(clock), clock.microseconds
    ended: list[tuple[int, int]] = []

    async def wait(number: int) -> None:
        await waits.await_(seconds[number] * SECOND, real=False)
        ended.append((seconds[number], (clock.microseconds - start) // SECOND))

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in range(len(seconds)):
                group.start_soon(wait, number)

    anyio.run(run, backend=backend)
    assert sorted(ended) == ended == [(each, each) for each in sorted(seconds)]
    assert clock.microseconds - start == max(seconds) * SECOND


@backends
def test_who_is_cancelled_holds_nobody_up(backend: str) -> None:
    """An earlier one that gives up leaves the clock to the others."""
    clock = Clock()
    waits, start = Waits(clock), clock.microseconds

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: waits.await_(5 * SECOND, real=False))
            with anyio.CancelScope() as scope:
                scope.cancel()
                await waits.await_(1 * SECOND, real=False)

    anyio.run(run, backend=backend)
    assert clock.microseconds - start == 5 * SECOND


@backends
def test_nobody_waits_for_ever_for_an_earlier_one(backend: str) -> None:
    """Where the earlier one cannot go on, the clock moves without it."""
    clock = Clock()
    waits, start = Waits(clock), clock.microseconds

    async def run() -> None:
        stuck = anyio.Event()

        async def held() -> None:
            await stuck.wait()

        clock.at(start + SECOND, lambda: None, held)
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: waits.await_(1 * SECOND, real=False))
            await waits.await_(2 * SECOND, real=False)
            assert clock.microseconds - start == 2 * SECOND
            stuck.set()

    anyio.run(run, backend=backend)


@backends
def test_who_is_yet_to_come_is_waited_for(backend: str) -> None:
    """Those whose target answers a little later in real time wait beside the others."""
    clock = Clock()
    waits, start = Waits(clock), clock.microseconds

    async def call(turns: int) -> None:
        with waits.coming():
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
        await waits.await_(2 * SECOND, real=False)

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for turns in (0, 50, 200):
                group.start_soon(call, turns)

    anyio.run(run, backend=backend)
    assert clock.microseconds - start == 2 * SECOND
