"""The thread that live listeners and proxies are served in, with its event loop.

Networks that never listen load neither this nor asyncio.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lattice.errors import HIDE, LatticeError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__tracebackhide__ = HIDE

_T = TypeVar("_T")


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        """Start it."""
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._main, name="pytest-lattice listeners", daemon=True
        )
        self._thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def is_alive(self) -> bool:
        """Tell whether it runs in this process; a forked one has the loop only."""
        return self._thread.is_alive()

    def is_current(self) -> bool:
        """Tell whether it is the calling thread."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the loop, and wait for it.

        Raises:
            LatticeError: it would wait for itself, or for another process.
        """
        if not self.is_alive():
            coroutine.close()
            raise LatticeError(
                "a forked process can call the ports that listened before the fork only"
            )
        if self.is_current():
            coroutine.close()
            raise LatticeError(
                "an app of a live listener can neither open nor close one"
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function on the loop, and wait for it, from any thread."""
        if self.is_current():
            return function()

        async def called() -> _T:
            return function()

        return self.run(called())

    def close(self) -> None:
        """End the thread, and wait for it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
