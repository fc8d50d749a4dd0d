"""Compare cases in interleaved rounds, so that a noisy machine is noisy for all.

Each case first proves that its answer is right.  In every round each case runs once,
in turning order, as many times in a row as fill a slice of time; ratios are taken
within a round and their median is reported.

What is counted is the processor's time, which others on the machine cannot take; only
where a case hands over to another thread is the wait part of its cost.  The garbage
collector stays on, because garbage is part of a cost too, and is run before each slice,
so that nobody pays for another's.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from itertools import repeat
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Sequence

    Clock = Callable[[], float]


class BrokenCase(Exception):  # noqa: N818  # the case is broken, not the harness
    """A case whose answer is wrong; its time would mean nothing."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much time is spent.

    Args:
        rounds: how often each case is timed.
        seconds: how long a slice lasts.
        processes: how often whole processes are timed.
        quick: whether topics may leave out what takes long.
    """

    rounds: int = 15
    seconds: float = 0.2
    processes: int = 41
    quick: bool = False


FULL = Effort()
QUICK = Effort(rounds=5, seconds=0.05, processes=9, quick=True)


@dataclass(frozen=True, slots=True)
class Case:
    """What is timed.

    Args:
        name: as the report shows it; unique in a comparison.
        call: does the work and returns its answer.
        right: tells whether the answer is right.
        loop: given, `call` makes a coroutine, which runs there.
    """

    name: str
    call: Callable[[], Any]
    right: Callable[[Any], bool]
    loop: asyncio.Runner | None = None

    def verify(self) -> None:
        """Make the call once and judge the answer.

        Raises:
            BrokenCase: the answer is wrong, or there is none.
        """
        try:
            answer = self.call()
            if self.loop is not None:
                answer = self.loop.run(answer)
            right = self.right(answer)
        except Exception as error:
            raise BrokenCase(f"{self.name}: {error!r}") from error
        if not right:
            raise BrokenCase(f"{self.name}: wrong answer {answer!r}")

    def time(self, calls: int, clock: Clock) -> float:
        """Return how many seconds a number of calls takes."""
        if self.loop is not None:
            return self.loop.run(_time_async(self.call, calls, clock))
        call = self.call
        start = clock()
        for _ in repeat(None, calls):
            call()
        return clock() - start


async def _time_async(
    call: Callable[[], Coroutine[Any, Any, object]], calls: int, clock: Clock
) -> float:
    start = clock()
    for _ in repeat(None, calls):
        await call()
    return clock() - start


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds a call took, one figure a round.

    Args:
        name: of the case.
        rounds: the figures in the order of the rounds.
    """

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.rounds)

    @property
    def low(self) -> float:
        """The best round."""
        return min(self.rounds)

    @property
    def high(self) -> float:
        """The worst round."""
        return max(self.rounds)

    def ratio(self, other: Figures) -> float:
        """Return the median of the ratios to another case, round by round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median([mine / theirs for mine, theirs in pairs])

    def difference(self, other: Figures) -> float:
        """Return the median of the differences to another case, round by round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median([mine - theirs for mine, theirs in pairs])


def compare(
    cases: Sequence[Case], effort: Effort, *, waits: bool = False
) -> dict[str, Figures]:
    """Time cases in interleaved rounds.

    Args:
        cases: they are verified first.
        effort: how many rounds, and how long.
        waits: whether waiting is part of the cost.

    Returns:
        The figures by name.

    Raises:
        BrokenCase: an answer is wrong.
    """
    for case in cases:
        case.verify()
    clock = perf_counter if waits else process_time
    calls = {case.name: _calibrated(case, effort.seconds, clock) for case in cases}

    def timed(case: Case) -> float:
        gc.collect()
        return case.time(calls[case.name], clock) / calls[case.name]

    return interleaved(
        {case.name: lambda case=case: timed(case) for case in cases},  # type: ignore[misc]  # a default binds the case
        effort.rounds,
    )


def interleaved(
    measures: dict[str, Callable[[], float]], rounds: int
) -> dict[str, Figures]:
    """Take measures in turn, forwards and backwards by round.

    Args:
        measures: each measures once and returns seconds.
        rounds: how often.

    Returns:
        The figures by name.
    """
    figures: dict[str, list[float]] = {name: [] for name in measures}
    names = list(measures)
    for _ in range(rounds):
        for name in names:
            figures[name].append(measures[name]())
        names.reverse()
    return {name: Figures(name, tuple(figures[name])) for name in measures}


def _calibrated(case: Case, seconds: float, clock: Clock) -> int:
    """Find how many calls fill a slice; this also warms the case up."""
    calls = 1
    while (taken := case.time(calls, clock)) < seconds / 4:
        calls *= 2
    return max(1, round(calls * seconds / taken))
