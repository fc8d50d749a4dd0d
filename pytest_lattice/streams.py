"""Bodies on their way: what is counted of them, and what is recorded when they end.

A streamed body is cut where the network gives its target up, or its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.routing.limits import IDLE, SILENT, TEXTS, ended_by, limit_of
from pytest_lattice.targets.base import CutError, aclose_body, close_body

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Iterable,
        Iterator,
    )

    from pytest_lattice.clock import Clock
    from pytest_lattice.targets.base import TargetRequest


class RequestBody:
    """How many bytes of a request body passed, and when the last one did.

    Args:
        body: the body; only a whole one is counted by itself.
        now: when the request came in, in microseconds since 1970.
    """

    __slots__ = ("error", "last", "size")

    def __init__(self, body: object, now: int) -> None:
        self.size = len(body) if isinstance(body, bytes) else 0
        self.last = now
        #: What the body itself raised, which is the client's.
        self.error: BaseException | None = None

    def _count(self, chunk: bytes, now: int) -> bytes:
        self.size += len(chunk)
        self.last = now
        return chunk

    def counted(self, body: Iterable[bytes], clock: Clock) -> Iterator[bytes]:
        """Iterate over the body, by the network's clock."""
        chunks = iter(body)
        while True:
            try:
                chunk = self._count(next(chunks), clock.microseconds)
            except StopIteration:
                return
            except BaseException as error:
                self.error = error
                raise
            yield chunk

    async def acounted(
        self, body: AsyncIterable[bytes], clock: Clock
    ) -> AsyncIterator[bytes]:
        """Iterate over the body; see `counted`."""
        chunks = aiter(body)
        while True:
            try:
                chunk = self._count(await anext(chunks), clock.microseconds)
            except StopAsyncIteration:
                return
            except BaseException as error:
                self.error = error
                raise
            yield chunk


class Ending:
    """What is still to be recorded of a streamed body: its end, once.

    Args:
        end: called with the bytes that were sent and, where it did not end well,
            AWS's ``failureReason``.
    """

    __slots__ = ("_end", "error", "sent")

    def __init__(self, end: Callable[[int, str | None], None]) -> None:
        """Wait for the end."""
        self._end: Callable[[int, str | None], None] | None = end
        #: Bytes so far.
        self.sent = 0
        #: What ended it before its time, while that is recorded.
        self.error: BaseException | None = None

    def finish(self, failure_reason: str | None) -> None:
        """Record the end, unless it was."""
        end, self._end = self._end, None
        if end is not None:
            end(self.sent, failure_reason)

    def break_off(self, error: BaseException) -> None:
        """Record that an error ended it, and forget the error."""
        self.error = error
        self.finish(_who_closed(error))
        self.error = None


class Body:
    """A streamed body that tells its size when it ends, however it ends.

    Args:
        chunks: an iterator for a blocking client, an async one for an async client.
        call: the request that it answers.
        clock: the network's clock.
        ending: what is told.
    """

    def __init__(
        self,
        chunks: Any,  # noqa: ANN401  # of either kind
        call: TargetRequest,
        clock: Clock,
        ending: Ending,
    ) -> None:
        """Send nothing yet."""
        self._chunks = chunks
        self._call = call
        self._clock = clock
        self._ending = ending
        self._finish = ending.finish

    def _check_time(self, asked: int) -> None:
        """End what took too long; `asked` is when the chunk was asked for."""
        cut = too_late(self._call, asked, self._clock.microseconds)
        if cut is not None:
            raise cut

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        asked = self._clock.microseconds
        try:
            chunk: bytes | None = next(self._chunks, None)
            if self._clock.microseconds != self._call.time_epoch:
                self._check_time(asked)
        except BaseException as error:
            self._ending.break_off(error)
            if isinstance(error, CutError):
                self.close()
            raise
        if chunk is None:
            self._finish(None)
            raise StopIteration
        self._ending.sent += len(chunk)
        return chunk

    def break_off(self, error: BaseException) -> None:
        """Say what ends it, where that is not seen while it is read."""
        self._ending.break_off(error)

    def close(self) -> None:
        """Leave before the end, or after it."""
        try:
            close_body(self._chunks)
        finally:
            self._finish("ClientConnectionClosed")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        asked = self._clock.microseconds
        try:
            chunk: bytes | None = await anext(self._chunks, None)
            if self._clock.microseconds != self._call.time_epoch:
                self._check_time(asked)
        except BaseException as error:
            cut = cut_of(error, self._call, asked, self._clock.microseconds)
            self._ending.break_off(cut or error)
            if cut is None:
                raise
            try:
                await self.aclose()
            except BaseException as late:
                # Somebody else has seen by now that it is too late.
                if late.args != (SILENT,):
                    raise
            raise cut from error.__cause__
        if chunk is None:
            self._finish(None)
            raise StopAsyncIteration
        self._ending.sent += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Leave before the end, or after it."""
        try:
            await aclose_body(self._chunks)
        finally:
            self._finish("ClientConnectionClosed")


def _who_closed(error: BaseException) -> str:
    """Tell a target that raised from a client that was cancelled or interrupted."""
    if isinstance(error, CutError):
        return error.reason
    if isinstance(error, Exception):
        return "TargetConnectionClosed"
    return ended_by(error) or "ClientConnectionClosed"


def too_late(call: TargetRequest, heard: int, now: int) -> CutError | None:
    """Tell whether the network had given up before a target was heard again.

    Args:
        call: the request.
        heard: since when the target was silent, in microseconds since 1970.
        now: the time.
    """
    limit = limit_of(call.route.idle_timeout, began=call.time_epoch, heard=heard)
    if now <= limit.when:
        return None
    # A client that reads slowly learns of the end of the connection when it reads on.
    return CutError(limit.reason, limit.text, max(limit.when, heard))


def cut_of(
    error: BaseException, call: TargetRequest, heard: int, now: int
) -> CutError | None:
    """Tell whether an error means that the network gives its target up.

    A fault knows by itself when that is; whoever holds a client's connection sees that
    time passes while the client waits, and cancels the request as `SILENT`.

    Args:
        error: what ended the waiting.
        call: the request.
        heard: since when the target was silent, in microseconds since 1970.
        now: the time.
    """
    if isinstance(error, CutError):
        return error
    if error.args != (SILENT,):
        return None
    return too_late(call, heard, now) or CutError(IDLE, TEXTS[IDLE], now)
