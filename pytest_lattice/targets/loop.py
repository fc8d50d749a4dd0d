"""Where async apps run: one asyncio loop for all the apps of a network.

`AppLoop` decides which loop that is, `Home` is a loop together with who drives it.
No thread is started where none is needed, because threads cost more than all the
rest of a call:

    caller                          the apps run
    ──────                          ────────────
    async, on the home loop         right there
    async, nobody came before       on the caller's loop, which becomes the home
    blocking, nobody came before    on a private loop, driven in the calling thread
    blocking, the home is idle      on the home, driven in the calling thread
    blocking, the home is driven    on the home; the caller waits, and drives it when
      by another thread               the other one is done with its own work first
    blocking, beside another        on a private loop in a daemon thread, started now
      running loop (or Trio)
    async, on another loop          on the home if that runs, or is private (then in a
                                      daemon thread); else the caller's becomes the home
    async, under Trio               as blocking, in a worker thread

A blocking call on the very loop that would have to answer it is refused.
"""

from __future__ import annotations

import concurrent.futures
import sys
import threading
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pytest_lattice.errors import BlockingCallError, LatticeError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine

    T = TypeVar("T")
    #: Begins work on a loop.  It is called on the loop, or by the thread that is about
    #: to drive it; the future belongs to the loop.
    Start: TypeAlias = Callable[[asyncio.AbstractEventLoop], asyncio.Future[T]]

# Seconds after which one who waits looks whether another's loop was stopped or closed
# under the work; whatever else can happen wakes at once.
_LOOK_AGAIN = 1.0


class AppLoop:
    """The loop of all async apps of one network, chosen by its first caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._home: Home | None = None
        self._lent: dict[asyncio.AbstractEventLoop, Home] = {}
        self._closed = False

    def run(self, make_coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine where the apps run, blocking the calling thread.

        Args:
            make_coroutine: makes it; called in the caller's context.

        Returns:
            What the coroutine returns.

        Raises:
            BlockingCallError: the apps run on the loop that runs in this thread.
            LatticeError: the network is closed.
        """
        return self.home_for_blocking_call().run(_as_task(make_coroutine))

    async def arun(self, make_coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine where the apps run, from asyncio or Trio; see `run`."""
        return await self.home_for_async_call().arun(_as_task(make_coroutine))

    def home_for_blocking_call(self) -> Home:
        """Give the home that can answer a blocking call from this thread.

        Raises:
            BlockingCallError: the apps run on the loop that runs in this thread.
            LatticeError: the network is closed.
        """
        here = _running_loop()
        with self._lock:
            home = self._usable_home()
            if home is not None and home.loop is here:
                raise _refusal()
            if home is None or not (home.is_reachable() or _may_drive_here()):
                home = self._home = _private_home()
            return home

    def home_for_async_call(self) -> Home:
        """Give the home that can answer an awaiting call from this thread.

        Raises:
            LatticeError: the network is closed.
        """
        here = _running_loop()
        home = self._home
        if home is not None and home.loop is here:
            return home
        with self._lock:
            home = self._usable_home()
            if here is None:  # Trio, whose worker threads can drive any home
                home = self._home = home or _private_home()
            elif home is None or not home.is_reachable():
                home = self._home = self._home_on(here)
            return home

    def is_here(self) -> bool:
        """Tell whether it is an app that runs in this thread, on a private loop."""
        home = self._home
        return home is not None and home.private and home.loop is _running_loop()

    def close(self) -> None:
        """End all that still runs on a private loop; leave another's loop alone.

        Raises:
            BlockingCallError: it is called on the private loop itself.
        """
        with self._lock:
            if self.is_here():
                raise _refusal()
            home, self._home, self._closed = self._home, None, True
            self._lent.clear()
        if home is not None and home.private:
            home.close()

    def _usable_home(self) -> Home | None:
        """Give the home unless its owner closed it."""
        if self._closed:
            raise LatticeError("the network is closed")
        if self._home is not None and self._home.loop.is_closed():
            return None
        return self._home

    def _home_on(self, loop: asyncio.AbstractEventLoop) -> Home:
        """Give the home on a caller's loop: the same one each time it comes back."""
        for each in [each for each in self._lent if each.is_closed()]:
            del self._lent[each]
        return self._lent.setdefault(loop, Home(loop))


class Home:
    """A loop and who drives it: its owner, or one of our threads at a time.

    A thread that makes a blocking call while nobody drives the loop takes the lead and
    drives it until its own work is done.  Others hand their work in and wait in line;
    the leader passes the lead to the first in line.  A private home can be given a
    daemon thread, which then leads for good.

    Args:
        loop: the event loop.
        private: whether the loop is ours, to be moved to a thread and to be closed.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, *, private: bool = False
    ) -> None:
        self.loop = loop
        self.private = private
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._led = False
        self._line: list[_Turn] = []
        self._thread: threading.Thread | None = None
        self._left_running: set[asyncio.Future[Any]] = set()

    def is_reachable(self) -> bool:
        """Tell whether work gets done here though this thread does not drive."""
        return self.private or (self.loop.is_running() and not self._led)

    def run(self, start: Start[T]) -> T:
        """Run work to its end, blocking the calling thread.

        Raises:
            BlockingCallError: the loop runs in this thread.
            LatticeError: the loop is closed, or was while the work ran.
        """
        turn = self._enter()
        if turn is not None:
            return self._wait(turn, start)
        try:
            return self._drive(start(self.loop))
        finally:
            with self._lock:
                self._pass_on()

    def arun(self, start: Start[T]) -> Awaitable[T]:
        """Run work to its end without blocking the caller; see `run`."""
        here = _running_loop()
        if here is self.loop:
            return start(here)
        if here is None:
            return self._from_trio(start)
        return self._from_another_loop(start)

    def finish(self, start: Start[T]) -> None:
        """Run last work, and wait for it where waiting is possible.

        On a loop that runs in this thread it is begun, and ends as the loop runs on;
        on one that nobody here may drive, the loop's owner cancels it before closing.
        """
        if self.loop.is_closed():
            return
        if self.loop is _running_loop():
            future = start(self.loop)
            self._left_running.add(future)
            future.add_done_callback(self._left_running.discard)
        elif self.is_reachable() or _may_drive_here():
            self.run(start)

    def close(self) -> None:
        """Cancel all that is left, wait for it, and close the loop."""
        self.run(_wind_down)
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.ident is not None:
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join()
        with self._free:
            self._free.wait_for(lambda: not self._led and not self._line)
            self.loop.close()

    def _enter(self) -> _Turn | None:
        """Take the lead (None), or a place in the line of those who wait."""
        may_drive = _may_drive_here()
        with self._lock:
            if self.loop.is_closed():
                raise LatticeError("the event loop of the apps is closed")
            if not may_drive:
                self._expect_other_driver()
            elif not self._led and not self.loop.is_running():
                self._led = True
                return None
            turn = _Turn(may_drive=may_drive)
            self._line.append(turn)
            return turn

    def _drive(self, future: asyncio.Future[T]) -> T:
        """Drive the loop in this thread until a future is done."""
        import asyncio

        try:
            return self.loop.run_until_complete(future)
        except asyncio.CancelledError:
            raise _stopped() from None
        except BaseException:
            # Interrupted: whoever drives the loop next ends the work.
            future.cancel()
            raise

    def _wait(self, turn: _Turn, start: Start[T]) -> T:
        """Hand work in to the one who drives, and drive when it is this one's turn."""
        import asyncio

        outcome: concurrent.futures.Future[T] | None = None
        try:
            outcome = self._hand_in(start)
            outcome.add_done_callback(turn.wake)
            self._wait_for(turn)
            if turn.leads:
                return self._drive(asyncio.wrap_future(outcome, loop=self.loop))
            return outcome.result()
        except concurrent.futures.CancelledError:
            raise _stopped() from None
        except BaseException:
            if outcome is not None and not self.loop.is_closed():
                outcome.cancel()
            raise
        finally:
            with self._lock:
                if turn.leads:
                    self._pass_on()
                else:
                    self._line.remove(turn)
                    self._free.notify_all()

    def _wait_for(self, turn: _Turn) -> None:
        """Wait until the work is done, or until it is this thread's turn to drive."""
        while not turn.woken.wait(_LOOK_AGAIN):
            with self._lock:
                if self.loop.is_closed():
                    raise _stopped()
                if turn.may_drive and not self._led and not self.loop.is_running():
                    # Its owner stopped the loop in the middle of the work.
                    self._led = turn.leads = True
                    self._line.remove(turn)
                    return

    def _hand_in(self, start: Start[T]) -> concurrent.futures.Future[T]:
        import asyncio

        work = _awaited(start, self.loop)
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()
            raise _stopped() from None

    def _pass_on(self) -> None:
        """Give up the lead; the lock is held."""
        if self._thread is not None and self._thread.ident is None:
            self._thread.start()
            return
        for position, turn in enumerate(self._line):
            if turn.may_drive:
                del self._line[position]
                turn.leads = True
                turn.wake()
                return
        self._led = False
        self._free.notify_all()

    def _expect_other_driver(self) -> None:
        """See to it that another thread drives; the lock is held."""
        if self.loop is _running_loop():
            raise _refusal()
        if not self.private or self._thread is not None:
            return
        self._thread = threading.Thread(
            target=self._drive_for_good, name="pytest-lattice-apps", daemon=True
        )
        if not self._led:
            self._led = True
            self._thread.start()

    def _drive_for_good(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            with self._lock:
                self._pass_on()

    async def _from_another_loop(self, start: Start[T]) -> T:
        import asyncio

        with self._lock:
            if self.loop.is_closed():
                raise LatticeError("the event loop of the apps is closed")
            self._expect_other_driver()
        outcome = self._hand_in(start)
        answer = asyncio.wrap_future(outcome)
        try:
            while not self.private and not outcome.done():
                await asyncio.wait({answer}, timeout=_LOOK_AGAIN)
                if self.loop.is_closed() and not outcome.done():
                    raise _stopped()
            return await answer
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                answer.cancel()
                raise
            raise _stopped() from None

    async def _from_trio(self, start: Start[T]) -> T:
        import anyio
        import anyio.to_thread

        work = _Cancellable(self.loop, start)
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work.cancel_with_caller)
            with anyio.CancelScope(shield=True):
                # A limiter of its own: calls that wait for each other must not wait
                # for a free thread as well.
                await anyio.to_thread.run_sync(
                    _settle, outcome, self.run, work, limiter=anyio.CapacityLimiter(1)
                )
            tasks.cancel_scope.cancel()
        return outcome.result()


class _Turn:
    """A waiting thread's place in the line before a loop that another drives."""

    def __init__(self, *, may_drive: bool) -> None:
        self.may_drive = may_drive
        self.leads = False
        self.woken = threading.Event()

    def wake(self, _: object = None) -> None:
        """Say that the work is done, or that it is this thread's turn to drive."""
        self.woken.set()


class _Cancellable:
    """Work that can be cancelled by someone who is not on its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: Start[Any]) -> None:
        self._loop = loop
        self._start = start
        self._future: asyncio.Future[Any] | None = None
        self._cancelled = False

    def __call__(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
        self._future = self._start(loop)
        if self._cancelled:
            self._future.cancel()
        return self._future

    async def cancel_with_caller(self) -> None:
        """Wait until the caller is cancelled or done, then cancel the work."""
        import anyio

        try:
            await anyio.sleep_forever()
        finally:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._future is not None:
            self._future.cancel()


def _settle(
    outcome: concurrent.futures.Future[T],
    run: Callable[[Start[T]], T],
    start: Start[T],
) -> None:
    """Keep what a call returns or raises, so that no task group wraps it."""
    try:
        outcome.set_result(run(start))
    except BaseException as error:  # noqa: BLE001 - it is raised by the one who asks
        outcome.set_exception(error)


def _as_task(make_coroutine: Callable[[], Coroutine[Any, Any, T]]) -> Start[T]:
    return lambda loop: loop.create_task(make_coroutine())


async def _awaited(start: Start[T], loop: asyncio.AbstractEventLoop) -> T:
    return await start(loop)


def _wind_down(loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
    """End what `asyncio.run` would end before it closes a loop."""
    import asyncio

    # Where this was handed in, a task waits for it that must not be cancelled.
    return loop.create_task(_end_all_but(asyncio.current_task(loop), loop))


async def _end_all_but(
    waiting: asyncio.Task[Any] | None, loop: asyncio.AbstractEventLoop
) -> None:
    import asyncio

    leftovers = asyncio.all_tasks(loop) - {asyncio.current_task(), waiting}
    for task in leftovers:
        task.cancel()
    await asyncio.gather(*leftovers, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


def _private_home() -> Home:
    import asyncio

    return Home(asyncio.new_event_loop(), private=True)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _may_drive_here() -> bool:
    """Tell whether a loop can be driven in this thread: no other one may run here."""
    if _running_loop() is not None:
        return False
    try:
        sys.modules["trio"].lowlevel.current_trio_token()
    except (KeyError, RuntimeError):
        return True
    return False


def _refusal() -> BlockingCallError:
    error = BlockingCallError(
        "a blocking call was made on the event loop that would have to answer it"
    )
    error.add_note(
        "use the async client, or make the call in a thread (`asyncio.to_thread`)"
    )
    return error


def _stopped() -> LatticeError:
    error = LatticeError("the app was stopped before it had answered")
    error.add_note(
        "the network was closed, or the loop of another caller on which it ran"
    )
    return error
