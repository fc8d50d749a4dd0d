"""How long the network waits for a target."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.routing.limits import Limit, limit_of

SECOND = 1_000_000


def test_silence_ends_with_the_idle_timeout() -> None:
    """A target that was heard just now may be silent for the idle timeout."""
    assert limit_of(60, began=0, heard=5 * SECOND) == Limit(
        65 * SECOND,
        "TargetDataTimeout",
        "the target was silent for longer than the idle timeout of 60 seconds",
    )


def test_connection_ends_whatever_the_idle_timeout() -> None:
    """After ten minutes a connection ends, however lately the target was heard."""
    assert limit_of(60, began=0, heard=541 * SECOND) == Limit(
        600 * SECOND,
        "ConnectionDurationExceeded",
        "the connection was older than 600 seconds",
    )


@given(
    idle=st.integers(60, 600),
    began=st.integers(0, 10**9),
    heard=st.integers(0, 700 * SECOND),
)
def test_earlier_limit_counts(idle: int, began: int, heard: int) -> None:
    """The limit is the earlier of both, and the idle timeout where they are equal."""
    limit = limit_of(idle, began=began, heard=began + heard)

    ends = {
        "TargetDataTimeout": began + heard + idle * SECOND,
        "ConnectionDurationExceeded": began + 600 * SECOND,
    }
    assert limit.when == min(ends.values())
    assert limit.reason == min(ends, key=lambda reason: ends[reason])
