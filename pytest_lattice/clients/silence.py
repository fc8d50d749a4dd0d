"""Targets that are silent: they are given up as the network's time passes.

What waits is a task of asyncio, which is canceled with a mark that the network knows:
the request is then answered for, and the task goes on.  Trio's tasks, and threads,
cannot be woken from outside; they learn of it when the target is heard again.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from pytest_lattice.model.message import ClientGoneError
from pytest_lattice.routing.limits import SILENT, limit_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable

    from pytest_lattice.clients.base import AsyncReply, Entrance, Reply
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.routing.resolve import Way


class Asking(Protocol):
    """Where requests go, and by whose time."""

    @property
    def entrance(self) -> Entrance:
        """Where requests go."""

    @property
    def way(self) -> Callable[[LatticeRequest], Way]:
        """Follows a request to its listener."""

    @property
    def now(self) -> Callable[[], int]:
        """The network's time in microseconds since 1970."""


class Asked:
    """A request that the network was asked, and since when its target is silent.

    Args:
        site: where it goes.
        request: the request, which the running task answers.
    """

    __slots__ = (
        "_cancels",
        "_heard",
        "_idle_timeout",
        "_site",
        "_task",
        "began",
        "given_up",
        "request",
    )

    def __init__(self, site: Asking, request: LatticeRequest) -> None:
        """Wait from now on."""
        self.request = request
        self._site = site
        self._task = task_of_asyncio()
        # In seconds; None until the network was asked, and where it has no service.
        self._idle_timeout: int | None = None
        # How often the task was canceled by others before it waited.
        self._cancels = 0
        #: When it was asked, in microseconds since 1970.
        self.began = site.now()
        # The same; None while it is the client that keeps silent.
        self._heard: int | None = self.began
        #: Whether the target was given up, and the answer for it is on its way.
        self.given_up = False

    def overdue(self, opened: int) -> str | None:
        """Tell which limit has passed while it waits for its target; None for none.

        Args:
            opened: when the connection was, in microseconds since 1970.
        """
        if self._heard is None or self._idle_timeout is None or self.given_up:
            return None
        if self.lets_time_pass:
            return None
        limit = limit_of(self._idle_timeout, began=opened, heard=self._heard)
        return limit.reason if limit.when < self._site.now() else None

    def give_up(self) -> None:
        """Let the network answer for its target.

        AWS: vpc-lattice/latest/ug/monitoring-access-logs: TargetDataTimeout
        """
        # Whom somebody else has canceled by now waits for nothing.
        if self._task is not None and self._task.cancelling() == self._cancels:
            self.given_up = self._task.cancel(SILENT)

    @property
    def lets_time_pass(self) -> bool:
        """Whether the task that waits is the one that runs: it looks itself."""
        return self._task is not None and self._task is task_of_asyncio()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the task that waits."""
        return None if self._task is None else self._task.get_loop()

    async def reply(self, body: bytes | AsyncIterable[bytes]) -> AsyncReply:
        """Ask, and wait for the head of the answer.

        Raises:
            ClientGoneError: there is no answer.
            Exception: what the target raised, or the body.
        """
        if not isinstance(body, bytes):
            body = self._hear(body)
        # As it is now: a request in flight outlives its service, and the network.
        service = self._site.way(self.request).service
        if service is not None:
            self._idle_timeout = service.service.idle_timeout_seconds
        self._begin_to_wait()
        try:
            return await self._site.entrance.ahandle(self.request, body)
        except BaseException as error:
            if error.args != (SILENT,):
                raise
            raise ClientGoneError from error  # no target was asked by then
        finally:
            self._settle()

    async def _hear(self, body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Iterate over the request's body; its last byte begins the silence."""
        chunks = aiter(body)
        while True:
            heard, self._heard = self._heard, None
            chunk = await anext(chunks, None)
            self._heard = heard if chunk is None else self._site.now()
            if chunk is None:
                return
            yield chunk

    async def chunk_of(self, body: AsyncIterator[bytes]) -> bytes | None:
        """Wait for the next chunk of an answer; None at its end."""
        self._task = task_of_asyncio()
        self._heard = self._site.now()
        self._begin_to_wait()
        try:
            return await anext(body, None)
        finally:
            self._settle()

    def _begin_to_wait(self) -> None:
        if self._task is not None:
            self._cancels = self._task.cancelling()

    def _settle(self) -> None:
        """Wait no more.

        Raises:
            CancelledError: somebody else has canceled the task as well, of which it
                knows nothing: a task is canceled but once at a time.
        """
        self._heard = None
        if self.given_up and self._task is not None:
            self.given_up = False
            if self._task.uncancel() > self._cancels:
                from asyncio import CancelledError

                raise CancelledError


class TimedEntrance:
    """An entrance whose async clients wait no longer than the network does.

    Args:
        entrance: where requests go.
        way: follows a request to its listener.
        now: the network's time in microseconds since 1970.
    """

    def __init__(
        self,
        entrance: Entrance,
        *,
        way: Callable[[LatticeRequest], Way],
        now: Callable[[], int],
    ) -> None:
        """Let nobody wait yet."""
        self.entrance = entrance
        self.way = way
        self.now = now
        self._waiting: set[Asked] = set()

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Answer a request, blocking the calling thread."""
        return self.entrance.handle(request, body)

    def full_name(self, host: str) -> str:
        """Expand a service's short name to its DNS name."""
        return self.entrance.full_name(host)

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Answer a request without blocking the running event loop."""
        asked = Asked(self, request)
        self._waiting.add(asked)
        try:
            reply = await asked.reply(body)
        finally:
            self._waiting.discard(asked)
        if isinstance(reply.body, bytes):
            return reply
        return reply._replace(body=_Stream(reply.body, asked, self._waiting))

    def look_at_clock(self, _: float) -> None:
        """Give targets up that were silent for too long, from whatever thread."""
        for asked in tuple(self._waiting):
            if asked.loop is not None and not asked.lets_time_pass:
                # Later, as an app may run inside of the task that waits for it.
                with suppress(RuntimeError):  # it was closed, and nobody waits
                    asked.loop.call_soon_threadsafe(self._look, asked)

    def _look(self, asked: Asked) -> None:
        # Each request has a connection of its own, whose age ends it too.
        if asked.overdue(asked.began) is not None:
            asked.give_up()


class _Stream:
    """A streamed body for whose chunks nobody waits too long.

    Args:
        body: the body.
        asked: the request that it answers.
        waiting: where those who wait are kept.
    """

    def __init__(self, body: Any, asked: Asked, waiting: set[Asked]) -> None:  # noqa: ANN401  # the network's `Body`
        self._body = body
        self._asked = asked
        self._waiting = waiting
        self.aclose = body.aclose

    def __aiter__(self) -> _Stream:
        return self

    async def __anext__(self) -> bytes:
        self._waiting.add(self._asked)
        try:
            chunk = await self._asked.chunk_of(self._body)
        finally:
            self._waiting.discard(self._asked)
        if chunk is None:
            raise StopAsyncIteration
        return chunk


def task_of_asyncio() -> asyncio.Task[Any] | None:
    """Return the running task of asyncio; None under Trio."""
    if (library := sys.modules.get("asyncio")) is None:
        return None
    try:
        task: asyncio.Task[Any] | None = library.current_task()
    except RuntimeError:
        return None
    return task
