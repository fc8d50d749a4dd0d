"""Where async apps run, and who drives the loop that they run on."""

import asyncio
import contextlib
import contextvars
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NoReturn

import pytest
import trio

from pytest_lattice.errors import BlockingCallError, LatticeError
from pytest_lattice.targets import loop as loop_module
from pytest_lattice.targets.loop import AppLoop, Home

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


@pytest.fixture
def apps() -> Iterator[AppLoop]:
    """Give a network's loop, and close it."""
    apps = AppLoop()
    yield apps
    apps.close()


@pytest.fixture
def foreign() -> Iterator[asyncio.AbstractEventLoop]:
    """Give an idle loop that someone else owns."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


async def where() -> tuple[asyncio.AbstractEventLoop, int]:
    """Tell on which loop and in which thread a coroutine runs."""
    return asyncio.get_running_loop(), threading.get_ident()


async def call_who() -> str:
    """Read and change a context variable, as an app does."""
    seen = WHO.get()
    WHO.set("the app")
    return seen


class Deed:
    """Work that goes on until it is told to end, and notes how it ended."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.outcome = "running"
        self._end: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self) -> str:
        """Run until `end` is called."""
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self.begun.set()
        try:
            await self._end.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.outcome = "cancelled"
            raise
        self.outcome = "ended"
        return "done"

    def end(self) -> None:
        """Let the work end, from whatever thread."""
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)


def in_thread(pool: ThreadPoolExecutor, apps: AppLoop, deed: Deed) -> "Future[str]":
    """Begin work by a blocking call in another thread, and wait until it runs."""
    future = pool.submit(apps.run, deed)
    deed.begun.wait()
    return future


def lattice_threads() -> list[str]:
    """Name the threads that the loop started."""
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("pytest-lattice")]


# Who comes first.


def test_first_async_caller_gives_the_home(apps: AppLoop) -> None:
    """Apps run right on the loop of the first caller, and no thread is started."""

    async def main() -> None:
        here = await where()

        assert await apps.arun(where) == here
        assert await apps.arun(where) == here

    asyncio.run(main())
    assert lattice_threads() == []


def test_first_blocking_caller_gives_a_private_home(apps: AppLoop) -> None:
    """Apps run on one loop of their own, driven in the calling thread."""
    loop, thread = apps.run(where)

    assert apps.run(where) == (loop, thread)
    assert thread == threading.get_ident()
    assert lattice_threads() == []


def test_blocking_call_returns_and_raises_what_the_work_does(apps: AppLoop) -> None:
    """What the coroutine returns or raises is what the caller gets."""

    async def fail() -> NoReturn:
        raise LookupError("nothing there")

    assert apps.run(call_who) == "nobody"
    with pytest.raises(LookupError, match="nothing there"):
        apps.run(fail)
    assert apps.run(call_who) == "nobody"


# A blocking call, and who drives.


def test_blocking_call_drives_an_idle_foreign_home(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """A caller's loop that is idle now is driven in the calling thread."""
    assert foreign.run_until_complete(apps.arun(where))[0] is foreign
    assert apps.run(where) == (foreign, threading.get_ident())


def test_blocking_call_from_a_worker_of_the_app(apps: AppLoop) -> None:
    """A sync endpoint in a thread can call, while another thread drives the home."""

    async def app() -> tuple[asyncio.AbstractEventLoop, int]:
        return await asyncio.to_thread(apps.run, where)

    loop, thread = apps.run(app)

    assert thread == threading.get_ident()
    assert apps.run(where)[0] is loop


def test_blocking_call_from_a_worker_of_an_async_test(apps: AppLoop) -> None:
    """A thread can call while the home is run by the async test itself."""

    async def main() -> None:
        here = await apps.arun(where)

        assert await asyncio.to_thread(apps.run, where) == here

    asyncio.run(main())


def test_second_thread_hands_its_work_in(apps: AppLoop) -> None:
    """While one thread drives, the work of another runs in the first one."""
    deed = Deed()
    with ThreadPoolExecutor() as pool:
        leader = in_thread(pool, apps, deed)
        _, thread = apps.run(where)
        deed.end()

        assert leader.result() == "done"
    assert thread != threading.get_ident()


def test_waiting_thread_takes_over(apps: AppLoop) -> None:
    """When the driver's own work is done, one who waits drives on."""
    first, second, third = Deed(), Deed(), Deed()
    with ThreadPoolExecutor() as pool:
        deeds = (first, second, third)
        futures = [in_thread(pool, apps, deed) for deed in deeds]
        for deed, future in zip(deeds, futures, strict=True):
            deed.end()
            assert future.result() == "done"
    assert lattice_threads() == []


def test_waiting_thread_may_be_done_first(apps: AppLoop) -> None:
    """Work that was handed in may end before and after the driver's own."""
    first, second, third = Deed(), Deed(), Deed()
    with ThreadPoolExecutor() as pool:
        futures = {deed: in_thread(pool, apps, deed) for deed in (first, second, third)}
        for deed in (second, first, third):
            deed.end()
            assert futures[deed].result() == "done"


def test_many_threads_lose_no_work(apps: AppLoop) -> None:
    """Calls from many threads are all answered, each with its own answer."""

    async def double(number: int) -> int:
        for _ in range(number % 5):
            await asyncio.sleep(0)
        return 2 * number

    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = list(
            pool.map(lambda number: apps.run(lambda: double(number)), range(400))
        )

    assert answers == [2 * number for number in range(400)]
    assert apps.run(call_who) == "nobody"


def test_work_handed_in_returns_and_raises(apps: AppLoop) -> None:
    """A caller who waits gets the exception of its own work."""

    async def fail() -> NoReturn:
        raise LookupError("nothing there")

    deed = Deed()
    with ThreadPoolExecutor() as pool:
        leader = in_thread(pool, apps, deed)
        with pytest.raises(LookupError, match="nothing there"):
            apps.run(fail)
        deed.end()

        assert leader.result() == "done"


def test_blocking_call_beside_another_loop(apps: AppLoop) -> None:
    """A sync client inside an async test is served from a daemon thread."""

    async def main() -> None:
        loop, thread = apps.run(where)

        assert loop is not asyncio.get_running_loop()
        assert thread != threading.get_ident()
        assert lattice_threads() == ["pytest-lattice-apps"]
        assert apps.run(where) == (loop, thread)

    asyncio.run(main())
    apps.close()
    assert lattice_threads() == []


def test_private_home_moves_to_a_thread(apps: AppLoop) -> None:
    """A home that sync code began is the same one for a later async test."""
    loop, _ = apps.run(where)

    async def main() -> None:
        assert apps.run(where)[0] is loop
        assert (await apps.arun(where))[0] is loop

    asyncio.run(main())
    assert apps.run(where)[0] is loop
    assert lattice_threads() == ["pytest-lattice-apps"]


def test_thread_takes_over_from_a_driver(apps: AppLoop) -> None:
    """Who cannot drive waits for the driver, and then for the daemon thread."""
    first, second = Deed(), Deed()

    async def main(leader: "Future[str]") -> None:
        work = asyncio.create_task(apps.arun(second))
        await asyncio.to_thread(second.begun.wait)
        first.end()
        await asyncio.wrap_future(leader)
        second.end()

        assert await work == "done"
        assert lattice_threads() == ["pytest-lattice-apps"]

    with ThreadPoolExecutor() as pool:
        asyncio.run(main(in_thread(pool, apps, first)))


def test_blocking_call_beside_another_loop_leaves_an_idle_home(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """An idle loop of another owner cannot be driven beside a running one."""
    foreign.run_until_complete(apps.arun(where))

    async def main() -> None:
        loop, _ = apps.run(where)

        assert loop not in {foreign, asyncio.get_running_loop()}

    asyncio.run(main())


# What would deadlock.


def test_blocking_call_on_a_foreign_home_is_refused(apps: AppLoop) -> None:
    """A sync client in an async test whose loop answers cannot work, and says so."""

    async def main() -> None:
        await apps.arun(where)
        with pytest.raises(BlockingCallError) as caught:
            apps.run(where)

        assert str(caught.value) == (
            "a blocking call was made on the event loop that would have to answer it"
        )
        assert caught.value.__notes__ == [
            "use the async client, or make the call in a thread (`asyncio.to_thread`)"
        ]

    asyncio.run(main())


def test_blocking_call_on_the_private_home_is_refused(apps: AppLoop) -> None:
    """A sync client in an async endpoint cannot work, in whatever thread that runs."""

    async def app() -> str:
        with pytest.raises(BlockingCallError):
            apps.run(where)
        return "refused"

    async def main() -> str:
        return apps.run(app)

    assert apps.run(app) == "refused"
    assert asyncio.run(main()) == "refused"


def test_home_refuses_what_would_deadlock(apps: AppLoop) -> None:
    """Also who holds a home from before is refused on its own loop."""

    async def main() -> None:
        home = apps.home_for_async_call()
        with pytest.raises(BlockingCallError):
            home.run(lambda loop: loop.create_task(where()))

    asyncio.run(main())


# Async callers and several loops.


def test_app_that_calls_an_app_stays_on_the_loop(apps: AppLoop) -> None:
    """A nested async call runs directly where the first one runs."""

    async def outer() -> tuple[asyncio.AbstractEventLoop, int]:
        return await apps.arun(where)

    loop, thread = apps.run(where)
    assert apps.run(outer) == (loop, thread)


def test_closed_home_is_replaced(apps: AppLoop) -> None:
    """Each test may have a loop of its own: the apps move along."""
    seen = []

    async def main() -> None:
        loop, _ = await apps.arun(where)
        assert loop is asyncio.get_running_loop()
        seen.append(apps.home_for_async_call())

    asyncio.run(main())
    asyncio.run(main())
    assert seen[0] is not seen[1]
    assert apps.run(where)[1] == threading.get_ident()


def test_idle_foreign_home_is_replaced_by_a_running_loop(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """A loop that does not run gives way, and is the same home when it comes back."""

    async def main() -> Home:
        loop, _ = await apps.arun(where)
        assert loop is asyncio.get_running_loop()
        return apps.home_for_async_call()

    first = foreign.run_until_complete(main())
    other = asyncio.run(main())

    assert foreign.run_until_complete(main()) is first
    assert other is not first


def test_home_that_runs_elsewhere_serves_another_loop(apps: AppLoop) -> None:
    """While the home runs in another thread, callers on other loops go there."""
    deed = Deed()

    async def main() -> asyncio.AbstractEventLoop:
        loop, _ = await apps.arun(where)
        assert loop is not asyncio.get_running_loop()
        return loop

    async def own(pool: ThreadPoolExecutor) -> None:
        here, _ = await apps.arun(where)
        work = asyncio.create_task(apps.arun(deed))
        assert await here.run_in_executor(pool, lambda: asyncio.run(main())) is here
        assert await here.run_in_executor(pool, blocking) is here
        deed.end()
        assert await work == "done"

    def blocking() -> asyncio.AbstractEventLoop:
        return asyncio.run(beside())

    async def beside() -> asyncio.AbstractEventLoop:
        return apps.run(where)[0]

    with ThreadPoolExecutor() as pool:
        asyncio.run(own(pool))


def test_async_caller_elsewhere_gets_the_exception(apps: AppLoop) -> None:
    """An exception crosses from the home to the caller's loop."""

    async def fail() -> NoReturn:
        raise LookupError("nothing there")

    async def main() -> None:
        with pytest.raises(LookupError, match="nothing there"):
            await apps.arun(fail)

    apps.run(where)
    asyncio.run(main())


# Context variables.


def test_context_goes_in_and_does_not_come_back(apps: AppLoop) -> None:
    """The app sees the caller's context; what it changes stays with it."""
    deed = Deed()
    WHO.set("the test")

    async def main() -> None:
        assert await apps.arun(call_who) == "the test"
        assert await asyncio.to_thread(apps.run, call_who) == "the test"

    assert apps.run(call_who) == "the test"
    with ThreadPoolExecutor() as pool:
        in_thread(pool, apps, deed)
        assert apps.run(call_who) == "the test"
        deed.end()
    asyncio.run(main())
    trio.run(apps.arun, call_who)
    assert WHO.get() == "the test"
    WHO.set("nobody")


# Trio.


def test_trio_caller_is_served_from_a_worker_thread(apps: AppLoop) -> None:
    """Under Trio apps run on the private loop, driven in worker threads."""

    async def main() -> None:
        loop, thread = await apps.arun(where)

        assert thread != threading.get_ident()
        assert (await apps.arun(where))[0] is loop

    trio.run(main)
    assert lattice_threads() == []
    assert apps.run(where)[1] == threading.get_ident()


def test_trio_callers_at_once(apps: AppLoop) -> None:
    """Many Trio tasks get their answers, each its own, and no group wraps an error."""

    async def answer(number: int) -> int:
        await asyncio.sleep(0)
        if number % 2:
            raise LookupError(number)
        return number

    answers: dict[int, int | str] = {}

    async def ask(number: int) -> None:
        try:
            answers[number] = await apps.arun(lambda: answer(number))
        except LookupError as error:
            answers[number] = f"raised {error}"

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(ask, number)

    trio.run(main)
    assert answers == {n: f"raised {n}" if n % 2 else n for n in range(60)}


def test_cancelled_trio_caller_cancels_the_work(apps: AppLoop) -> None:
    """The work has ended when the cancelled caller goes on."""
    deed = Deed()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(apps.arun, deed)
            await trio.to_thread.run_sync(deed.begun.wait)
            nursery.cancel_scope.cancel()
        assert deed.outcome == "cancelled"

    trio.run(main)


def test_cancelled_trio_caller_begins_no_work(apps: AppLoop) -> None:
    """Who is cancelled before the work began gets it cancelled all the same."""
    deed = Deed()

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await apps.arun(deed)
        assert scope.cancelled_caught

    trio.run(main)
    assert deed.outcome != "ended"


def test_work_that_is_cancelled_before_it_begins(
    foreign: asyncio.AbstractEventLoop,
) -> None:
    """Work whose caller was cancelled first is cancelled as it begins."""
    work = loop_module._Cancellable(foreign, lambda loop: loop.create_future())  # noqa: SLF001 - the order of two threads, which no test can force
    work._cancel()  # noqa: SLF001 - see above

    assert work(foreign).cancelled()


def test_blocking_call_inside_trio(apps: AppLoop) -> None:
    """A loop cannot be driven where Trio runs, so that gets the thread too."""

    async def main() -> None:
        assert apps.run(where)[1] != threading.get_ident()
        assert lattice_threads() == ["pytest-lattice-apps"]

    trio.run(main)


def test_trio_caller_uses_an_idle_foreign_home(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """A worker thread of Trio can drive any home."""
    foreign.run_until_complete(apps.arun(where))

    assert trio.run(apps.arun, where)[0] is foreign


# Cancellation and interrupts.


def test_cancelled_caller_on_the_home_cancels_the_work(apps: AppLoop) -> None:
    """Cancelling who awaits cancels the work, which ends first."""
    deed = Deed()

    async def main() -> None:
        call = asyncio.create_task(apps.arun(deed))
        await asyncio.to_thread(deed.begun.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert deed.outcome == "cancelled"

    asyncio.run(main())


def test_cancelled_caller_elsewhere_cancels_the_work(apps: AppLoop) -> None:
    """Cancellation crosses from the caller's loop to the home."""
    deed = Deed()
    apps.run(where)

    async def main() -> None:
        call = asyncio.create_task(apps.arun(deed))
        await asyncio.to_thread(deed.begun.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(main())
    apps.close()
    assert deed.outcome == "cancelled"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT interrupt, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_inside_the_work(apps: AppLoop) -> None:
    """Control-C in an app comes out of the call, and the next call works."""

    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        apps.run(interrupted)
    assert apps.run(call_who) == "nobody"


@pytest.mark.usefixtures("interruptible")
def test_interrupt_beside_the_work(apps: AppLoop) -> None:
    """Control-C while the loop waits ends the work, and the next call works."""
    deed = Deed()

    async def interrupted() -> str:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        return await deed()

    with pytest.raises(KeyboardInterrupt):
        apps.run(interrupted)
    assert apps.run(call_who) == "nobody"
    apps.close()
    assert deed.outcome == "cancelled"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="only where it exists")
def test_interrupt_while_waiting_for_the_driver(apps: AppLoop) -> None:
    """Control-C in a thread that waits ends its own work and no other's."""
    leading, handed_in = Deed(), Deed()
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    async def interrupted() -> str:
        assert main_thread is not None
        signal.pthread_kill(main_thread, signal.SIGINT)
        return await handed_in()

    with ThreadPoolExecutor() as pool:
        leader = in_thread(pool, apps, leading)
        with pytest.raises(KeyboardInterrupt):
            apps.run(interrupted)
        leading.end()
        assert leader.result() == "done"
    apps.close()
    assert handed_in.outcome == "cancelled"


def test_app_that_stops_the_loop(apps: AppLoop) -> None:
    """An app that stops the loop breaks its own call, not the next one."""

    async def stop() -> None:
        asyncio.get_running_loop().stop()
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="stopped before"):
        apps.run(stop)
    assert apps.run(call_who) == "nobody"


# The end.


def test_close_ends_all_on_a_private_loop() -> None:
    """Tasks, generators and the loop itself are ended."""
    apps = AppLoop()
    deed = Deed()
    ended = []

    async def count() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    async def app() -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        tasks.append(loop.create_task(deed()))
        numbers.append(count())
        assert await anext(numbers[0]) == 1
        return loop

    tasks: list[asyncio.Task[str]] = []
    numbers: list[AsyncIterator[int]] = []
    loop = apps.run(app)
    apps.run(where)
    apps.close()

    assert deed.outcome == "cancelled"
    assert ended == ["generator"]
    assert loop.is_closed()


def test_close_is_idempotent() -> None:
    """Closing twice is closing once, used or unused."""
    unused, used = AppLoop(), AppLoop()
    used.run(where)
    for apps in (unused, unused, used, used):
        apps.close()


def test_closed_loop_refuses_calls(apps: AppLoop) -> None:
    """After the end nothing is begun, from whatever kind of caller."""
    home = apps.home_for_blocking_call()
    apps.close()

    async def asked_late(home: Home) -> None:
        await home.arun(lambda loop: loop.create_task(where()))

    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        apps.run(where)
    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        asyncio.run(apps.arun(where))
    with pytest.raises(LatticeError, match=r"^the event loop of the apps is closed$"):
        home.run(lambda loop: loop.create_task(where()))
    with pytest.raises(LatticeError, match=r"^the event loop of the apps is closed$"):
        asyncio.run(asked_late(home))


def test_close_leaves_a_foreign_loop_alone(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """A caller's loop is the caller's to close."""
    foreign.run_until_complete(apps.arun(where))
    apps.close()

    assert not foreign.is_closed()


def test_close_on_the_private_loop_is_refused(apps: AppLoop) -> None:
    """An app cannot close the loop that it runs on."""

    async def app() -> None:
        with pytest.raises(BlockingCallError):
            apps.close()

    apps.run(app)
    assert apps.run(call_who) == "nobody"


def test_close_beside_a_running_loop() -> None:
    """An async fixture may close what ran on a private loop."""
    apps = AppLoop()
    loop, _ = apps.run(where)

    async def main() -> None:
        apps.close()

    asyncio.run(main())
    assert loop.is_closed()
    assert lattice_threads() == []


@pytest.mark.parametrize("waiting", [0, 1, 2])
def test_close_while_others_wait(waiting: int) -> None:
    """Whoever still waits for an answer is told that none will come."""
    apps = AppLoop()
    with ThreadPoolExecutor() as pool:
        futures = [in_thread(pool, apps, Deed()) for _ in range(waiting + 1)]
        apps.close()
        for future in futures:
            with pytest.raises(LatticeError) as caught:
                future.result()
            assert str(caught.value) == "the app was stopped before it had answered"
            assert caught.value.__notes__ == [
                "the network was closed, or the loop of another caller on which it ran"
            ]


def test_close_while_an_async_caller_waits(apps: AppLoop) -> None:
    """Also an async caller gets an error, and is not cancelled itself."""
    deed = Deed()
    apps.run(where)

    async def main() -> None:
        call = asyncio.create_task(apps.arun(deed))
        await asyncio.to_thread(deed.begun.wait)
        await asyncio.to_thread(apps.close)
        with pytest.raises(LatticeError, match=r"^the app was stopped before"):
            await call

    asyncio.run(main())


def test_foreign_loop_closed_under_a_waiting_thread(
    apps: AppLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread does not wait for work that its loop's owner threw away."""
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN", 0.001)
    foreign = asyncio.new_event_loop()

    async def main(pool: ThreadPoolExecutor) -> "Future[str]":
        home = apps.home_for_async_call()
        entered = threading.Event()

        def lose(_: object) -> "Future[str]":
            entered.set()
            return Future()

        monkeypatch.setattr(home, "_hand_in", lose)
        future = pool.submit(apps.run, call_who)
        entered.wait()
        return future

    with ThreadPoolExecutor() as pool:
        future = foreign.run_until_complete(main(pool))
        foreign.close()
        with pytest.raises(LatticeError, match=r"^the app was stopped before"):
            future.result()


def test_foreign_loop_closed_under_an_async_caller(
    apps: AppLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a caller on another loop."""
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN", 0.001)
    foreign = asyncio.new_event_loop()

    async def own(pool: ThreadPoolExecutor) -> "Future[str]":
        home = apps.home_for_async_call()
        entered = threading.Event()

        def lose(_: object) -> "Future[str]":
            entered.set()
            return Future()

        monkeypatch.setattr(home, "_hand_in", lose)
        future = pool.submit(lambda: asyncio.run(apps.arun(call_who)))
        entered.wait()
        return future

    with ThreadPoolExecutor() as pool:
        future = foreign.run_until_complete(own(pool))
        foreign.close()
        with pytest.raises(LatticeError, match=r"^the app was stopped before"):
            future.result()


def test_foreign_loop_stopped_under_a_waiting_thread(
    apps: AppLoop,
    foreign: asyncio.AbstractEventLoop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread that waits drives a loop on when its owner has stopped."""
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN", 0.001)
    deed = Deed()

    async def main(pool: ThreadPoolExecutor) -> "Future[str]":
        await apps.arun(where)
        future = pool.submit(apps.run, deed)
        await asyncio.to_thread(deed.begun.wait)
        return future

    with ThreadPoolExecutor() as pool:
        future = foreign.run_until_complete(main(pool))
        deed.end()
        assert future.result() == "done"
    foreign.run_until_complete(foreign.shutdown_default_executor())


def test_finish_on_a_running_loop_does_not_wait(apps: AppLoop) -> None:
    """Last work on the loop of this thread is begun, and ends as the loop runs on."""
    deed = Deed()

    async def main() -> None:
        begun = []

        def begin(loop: asyncio.AbstractEventLoop) -> asyncio.Task[str]:
            begun.append(loop.create_task(deed()))
            return begun[0]

        apps.home_for_async_call().finish(begin)
        assert not begun[0].done()
        await asyncio.to_thread(deed.begun.wait)
        deed.end()
        assert await begun[0] == "done"

    asyncio.run(main())


def test_finish_waits_where_it_can(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """Last work is done on an idle loop, and left alone where nobody may drive."""
    seen = []

    async def note(place: str) -> None:
        seen.append(place)

    async def main() -> Home:
        return apps.home_for_async_call()

    async def beside(home: Home) -> None:
        home.finish(lambda loop: loop.create_task(note("beside")))

    home = foreign.run_until_complete(main())
    home.finish(lambda loop: loop.create_task(note("idle")))
    asyncio.run(beside(home))
    foreign.close()
    home.finish(lambda loop: loop.create_task(note("closed")))
    assert seen == ["idle"]


def test_import_and_construction_load_no_asyncio() -> None:
    """A network without async apps pays for no event loop."""
    script = (
        "import sys\n"
        "from pytest_lattice.targets.loop import AppLoop\n"
        "AppLoop().close()\n"
        "assert not {'asyncio', 'anyio'} & set(sys.modules), 'loaded'\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )

    assert run.stderr == ""


def test_handing_in_to_a_closed_loop_is_an_error(
    apps: AppLoop, foreign: asyncio.AbstractEventLoop
) -> None:
    """A loop that is closed in between is reported, and no coroutine is forgotten."""
    home = foreign.run_until_complete(_home_of(apps))
    foreign.close()

    with (
        contextlib.closing(asyncio.new_event_loop()),
        pytest.raises(LatticeError, match=r"^the app was stopped before"),
    ):
        home._hand_in(lambda loop: loop.create_task(where()))  # noqa: SLF001 - a race that no test can win from outside


async def _home_of(apps: AppLoop) -> Home:
    return apps.home_for_async_call()
