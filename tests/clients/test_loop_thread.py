"""A loop in a thread, which anybody may ask and which never waits for itself."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import LatticeError
from pytest_lattice.clients.loop_thread import LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    """A thread that runs while the test does."""
    made = LoopThread()
    yield made
    made.close()
    assert not made.is_alive()
    assert made.loop.is_closed()


async def here() -> tuple[threading.Thread, asyncio.AbstractEventLoop]:
    """Tell where it runs."""
    return threading.current_thread(), asyncio.get_running_loop()


def test_coroutines_and_functions_run_on_the_loop(thread: LoopThread) -> None:
    """Whoever asks waits for the answer, which comes from the other thread."""
    other, loop = thread.run(here())

    assert loop is thread.loop
    assert other.daemon
    assert thread.call(threading.current_thread) is other
    assert thread.call(thread.is_current)
    assert not thread.is_current()


def test_errors_are_raised_to_who_waits(thread: LoopThread) -> None:
    """What goes wrong there is no other's business."""
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    assert thread.is_alive()


def test_it_does_not_wait_for_itself(thread: LoopThread) -> None:
    """A function is called at once, and a coroutine refused, which would never end."""
    assert thread.call(lambda: thread.call(thread.is_current))
    with pytest.raises(LatticeError, match="can neither open nor close one"):
        thread.call(lambda: thread.run(here()))


# Python 3.12 warns of it, and we want it.
@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_process_does_not_wait_for_it(thread: LoopThread) -> None:
    """A child has the loop, and nobody who runs it."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        with suppress(BaseException):
            try:
                thread.run(here())
            except LatticeError as error:
                os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)

    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 99).startswith(b"a forked process can call the ports that")
    os.close(reader)
