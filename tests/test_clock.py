"""The virtual clock."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from math import inf, nan

import pytest

from pytest_lattice.clock import START, Clock, RealClock
from pytest_lattice.errors import ConfigurationError
from tests.model.refusals import refused


def test_time_stands_still() -> None:
    """Nothing but `advance` moves the clock, however often it is read."""
    clock = Clock()

    assert {clock.now for _ in range(1000)} == {START}
    assert datetime(2026, 1, 1, tzinfo=UTC) == START


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0, timedelta(0), id="nothing"),
        pytest.param(30, timedelta(seconds=30), id="seconds"),
        pytest.param(0.25, timedelta(milliseconds=250), id="fraction"),
        pytest.param(1e-6, timedelta(microseconds=1), id="microsecond"),
        pytest.param(4e-7, timedelta(0), id="less-than-it-knows"),
        pytest.param(86_400, timedelta(days=1), id="day"),
    ],
)
def test_advance_moves_by(seconds: float, expected: timedelta) -> None:
    """The clock moves by just as many seconds, to the microsecond."""
    clock = Clock()

    clock.advance(seconds)

    assert clock.now - START == expected


def test_small_steps_add_up() -> None:
    """Many small steps come out where one large step does."""
    clock = Clock()

    for _ in range(1000):
        clock.advance(0.001)

    assert clock.now == START + timedelta(seconds=1)


@pytest.mark.parametrize("seconds", [8e11, 1e300, 1e305, 10**30, 10**400])
def test_clock_ends_with_the_year_9999(seconds: float) -> None:
    """Time that no date can tell is refused; nothing moves."""
    clock = Clock()

    assert refused(clock.advance, seconds) == [
        f"the clock cannot advance by `{seconds}` seconds, past the year 9999"
    ]
    assert clock.now == START


def test_clock_reaches_the_last_second() -> None:
    """The clock can be put to the end of the year 9999, and no further."""
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    clock = Clock()

    clock.advance((last - START).total_seconds())

    assert clock.now == last
    assert refused(clock.advance, 1) == [
        "the clock cannot advance by `1` seconds, past the year 9999"
    ]


@pytest.mark.parametrize("seconds", [-1, -0.001, nan, inf, -inf])
def test_clock_does_not_advance_by(seconds: float) -> None:
    """Time that goes back, never ends or is no number is refused; nothing moves."""
    clock = Clock()

    assert refused(clock.advance, seconds) == [
        f"the clock cannot advance by `{seconds}` seconds"
    ]
    assert clock.now == START


@pytest.mark.parametrize("given", ["5", None, [], {}, 1j, Decimal("NaN")])
def test_clock_does_not_advance_by_what_is_no_number(given: object) -> None:
    """Another type is refused, not compared."""
    assert refused(Clock().advance, given) == [
        f"the clock cannot advance by `{given}` seconds"
    ]


def test_clock_does_not_advance_by_a_timedelta() -> None:
    """The advice has its seconds."""
    assert refused(Clock().advance, timedelta(minutes=1.5)) == [
        "the clock cannot advance by `0:01:30`, which is no number of seconds",
        "write 90",
    ]


def test_traceback_ends_where_the_clock_is_called() -> None:
    """What is refused is the test's; the inside of the clock is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        Clock().advance(-1)

    shown = [each.name for each in caught.traceback.filter(caught)]
    assert shown == ["test_traceback_ends_where_the_clock_is_called"]


def test_start_needs_a_time_zone() -> None:
    """A start that could mean any hour is refused."""
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # what is refused

    assert refused(Clock, naive) == [
        "clock start `2026-01-01 00:00:00` has no time zone"
    ]
    assert refused(Clock, "2026-01-01") == ["clock start `2026-01-01` has no time zone"]


def test_start_is_a_date_in_utc() -> None:
    """A start that has no date in UTC is refused."""
    late = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))

    assert refused(Clock, late) == [
        f"clock start `{late}` is not in the years 1 to 9999 of UTC"
    ]


def test_start_in_another_zone_is_shown_in_utc() -> None:
    """The clock counts from the moment meant and speaks UTC."""
    clock = Clock(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))

    assert repr(clock) == "Clock(2026-01-01T00:00:00+00:00)"
    assert clock.microseconds == 1_767_225_600_000_000


def test_followers_move_along() -> None:
    """What follows the clock is told of each advance, when the clock has moved."""
    clock, seen = Clock(), []
    before = clock.microseconds
    clock.follow(lambda seconds: seen.append((seconds, clock.microseconds - before)))
    clock.advance(1.5)
    clock.advance(1)

    assert seen == [(1.5, 1_500_000), (1, 2_500_000)]


def test_what_is_due_happens_in_its_order_at_its_time() -> None:
    """Timers run by their times, and those of one time as they were set."""
    clock, seen = Clock(), []
    start = clock.microseconds

    def note(name: str) -> None:
        seen.append((name, clock.microseconds - start))

    for name, when in (("late", 30), ("first", 10), ("second", 10), ("never", 61)):
        clock.at(start + when * 1_000_000, partial(note, name))
    clock.advance(60)

    assert seen == [
        ("first", 10_000_000),
        ("second", 10_000_000),
        ("late", 30_000_000),
    ]
    assert clock.microseconds == start + 60_000_000


def test_a_timer_sets_the_next_one() -> None:
    """What happens on the way can ask for more, which is due in the same advance."""
    clock, seen = Clock(), []

    def again() -> None:
        seen.append(clock.now)
        clock.at(clock.microseconds + 20_000_000, again)

    clock.at(clock.microseconds, again)
    clock.advance(60)

    assert seen == [START + timedelta(seconds=each) for each in (0, 20, 40, 60)]


def test_a_cancelled_timer_does_not_happen() -> None:
    """A timer that was cancelled is passed over."""
    clock, seen = Clock(), list[str]()
    timer = clock.at(clock.microseconds + 1, lambda: seen.append("cancelled"))
    clock.at(clock.microseconds + 2, lambda: seen.append("kept"))
    timer.cancel()
    clock.advance(1)

    assert seen == ["kept"]


def test_an_advance_on_the_way_counts_once() -> None:
    """A timer may advance the clock itself; the outer advance ends no earlier."""
    clock, seen = Clock(), list[float]()
    clock.follow(seen.append)
    clock.at(clock.microseconds + 10_000_000, partial(clock.advance, 5))
    clock.at(clock.microseconds + 50_000_000, partial(clock.advance, 30))
    clock.advance(60)

    assert clock.now == START + timedelta(seconds=80)
    assert seen == [10, 5, 35, 30]


def test_a_timer_that_raises_stops_the_clock_there() -> None:
    """The error comes out of `advance`; what was due later is not lost."""
    clock, seen = Clock(), list[str]()
    clock.at(clock.microseconds + 1_000_000, partial(int, "no number"))
    clock.at(clock.microseconds + 2_000_000, lambda: seen.append("later"))

    with pytest.raises(ValueError, match="no number"):
        clock.advance(10)
    assert (clock.now, seen) == (START + timedelta(seconds=1), [])
    clock.advance(10)
    assert seen == ["later"]


def test_timers_are_awaited_where_they_can_be() -> None:
    """In `aadvance` what has an awaitable action is awaited, the rest is called."""
    clock, seen = Clock(), []

    async def awaited() -> None:
        seen.append(("awaited", clock.now))

    clock.at(clock.microseconds + 2, lambda: seen.append(("called", clock.now)))
    clock.at(clock.microseconds + 1, partial(pytest.fail, "not called"), awaited)
    asyncio.run(clock.aadvance(1))

    microsecond = timedelta(microseconds=1)
    assert seen == [
        ("awaited", START + microsecond),
        ("called", START + 2 * microsecond),
    ]
    assert clock.now == START + timedelta(seconds=1)


def test_time_apart_passes_for_nobody_else() -> None:
    """What is advanced apart is counted, runs no timer and moves no follower."""
    clock, other, seen = Clock(), Clock(), list[str]()
    clock.follow(lambda _: seen.append("moved"))
    clock.at(clock.microseconds + 1, lambda: seen.append("timer"))
    with clock.apart() as passed:
        clock.advance(2)
        asyncio.run(clock.aadvance(0.5))
        other.advance(3)

        assert refused(clock.advance, -1) == [
            "the clock cannot advance by `-1` seconds"
        ]
        assert (passed.microseconds, clock.now, seen) == (2_500_000, START, [])
    assert other.now == START + timedelta(seconds=3)
    clock.advance(1)
    assert seen == ["moved", "timer", "moved"]


# ---------------------------------------------------------------------- real time

SECOND = 1_000_000


def test_real_clock_catches_up() -> None:
    """It begins with real time, stands still, and lets pass what is due."""
    real, happened = [1_800_000_000_000_000], list[int]()
    clock = RealClock(lambda: real[0])
    begin = clock.microseconds
    clock.at(begin + 2 * SECOND, lambda: happened.append(clock.microseconds))
    real[0] += 3_000_001

    assert begin == 1_800_000_000_000_000
    assert (clock.microseconds, happened) == (begin, [])
    clock.catch_up()
    assert (clock.microseconds, happened) == (real[0], [begin + 2 * SECOND])


def test_real_clock_waits_where_it_is_ahead() -> None:
    """What was put forward is no time that signers know of, and passes only once."""
    real = [1_800_000_000_000_000]
    clock = RealClock(lambda: real[0])
    clock.advance(60)
    ahead = clock.microseconds
    for seconds in (0, -3600, 30):
        real[0] += seconds * SECOND
        clock.catch_up()
        assert clock.microseconds == ahead
        assert clock.wall() == real[0]
    real[0] += 3700 * SECOND
    clock.catch_up()
    assert clock.microseconds == real[0]


def test_real_clock_reads_real_time() -> None:
    """Unless a test says otherwise, it is the computer's."""
    clock = RealClock()

    assert clock.wall() >= clock.microseconds > Clock().microseconds
