"""What happened: the latest exchanges, and readers who get every one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lattice import Exchange


def exchanged(number: int) -> Exchange:
    """Give something in the place of an exchange; a history only keeps it."""
    return cast("Exchange", number)


class Reader:
    """Writes down what it is handed."""

    def __init__(self) -> None:
        """Have nothing."""
        self.had: list[Any] = []
        self.batches: list[int] = []

    def read(self, exchanges: Sequence[Exchange]) -> None:
        """Take some exchanges."""
        self.had += exchanges
        self.batches.append(len(exchanges))


def keep(history: History, numbers: Iterable[int]) -> None:
    """Let exchanges happen."""
    for number in numbers:
        history.keep(exchanged(number))


def test_last_exchanges_are_kept() -> None:
    """The history is bounded; how many exchanges there were is still known."""
    history = History(10)
    keep(history, range(15))

    assert list(history.exchanges) == [exchanged(n) for n in range(5, 15)]
    assert history.total == 15
    assert history.dropped == 5


def test_reader_gets_what_happens_after_it_came_and_before_it_left() -> None:
    """A reader has no part in what was before it, or is after."""
    history, reader = History(10), Reader()
    keep(history, [1, 2])
    history.follow(reader.read)
    keep(history, [3, 4])
    history.unfollow(reader.read)
    keep(history, [5])
    history.hand_out()

    assert reader.had == [3, 4]


def test_nobody_reads_until_somebody_asks() -> None:
    """A request costs a reader nothing while the history has room."""
    reader = Reader()
    history = History(100, reader.read)
    keep(history, range(100))
    assert reader.batches == []
    history.hand_out()

    assert reader.batches == [100]


def test_full_history_hands_out_a_thousand_at_a_time() -> None:
    """No single request pays for all of a long history."""
    reader = Reader()
    history = History(5000, reader.read)
    keep(history, range(7500))

    assert reader.batches == [1000, 1000, 1000]


@given(
    st.integers(1, 7),
    st.lists(st.sampled_from(["keep", "ask", "follow", "unfollow"]), max_size=60),
)
def test_each_reader_gets_each_exchange_once(size: int, doings: list[str]) -> None:
    """However small the history is and whoever asks when, nothing is lost or double."""
    history = History(size)
    readers: list[tuple[Reader, list[int]]] = []
    gone: list[tuple[Reader, list[int]]] = []
    for number, doing in enumerate(doings):
        if doing == "keep":
            history.keep(exchanged(number))
            for _, owed in readers:
                owed.append(number)
        elif doing == "ask":
            history.hand_out()
        elif doing == "follow":
            readers.append((Reader(), []))
            history.follow(readers[-1][0].read)
        elif readers:
            gone.append(readers.pop(0))
            history.unfollow(gone[-1][0].read)
    history.hand_out()

    assert all(reader.had == owed for reader, owed in readers + gone)


@pytest.mark.parametrize("size", [3, 10_000])
def test_threads_are_all_counted(size: int) -> None:
    """Many threads lose nothing, whether the history is full or not."""
    history, reader = History(size), Reader()
    history.follow(reader.read)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: history.keep(exchanged(n)), range(2000)))
    history.hand_out()

    assert sorted(reader.had) == list(range(2000))
