"""A streamed body on its way to the client, and what is recorded when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Ending:
    """What is still to be recorded of a streamed body: its end, once.

    Args:
        end: called with the bytes that were sent and, where it did not end well,
            AWS's ``failureReason``.
    """

    __slots__ = ("_end", "sent")

    def __init__(self, end: Callable[[int, str | None], None]) -> None:
        """Wait for the end."""
        self._end: Callable[[int, str | None], None] | None = end
        #: Bytes so far.
        self.sent = 0

    def finish(self, failure_reason: str | None) -> None:
        """Record the end, unless it was."""
        end, self._end = self._end, None
        if end is not None:
            end(self.sent, failure_reason)


class Body:
    """A streamed body that tells its size when it ends, however it ends.

    Args:
        chunks: an iterator for a blocking client, an async one for an async client.
        ending: what is told.
    """

    def __init__(self, chunks: Any, ending: Ending) -> None:  # noqa: ANN401  # of either kind
        """Send nothing yet."""
        self._chunks = chunks
        self._ending = ending
        self._finish = ending.finish

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk: bytes = next(self._chunks)
        except StopIteration:
            self._finish(None)
            raise
        except BaseException as error:
            self._finish(_who_closed(error))
            raise
        self._ending.sent += len(chunk)
        return chunk

    def close(self) -> None:
        """Leave before the end, or after it."""
        close = getattr(self._chunks, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._finish("ClientConnectionClosed")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk: bytes = await anext(self._chunks)
        except StopAsyncIteration:
            self._finish(None)
            raise
        except BaseException as error:
            self._finish(_who_closed(error))
            raise
        self._ending.sent += len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Leave before the end, or after it."""
        aclose = getattr(self._chunks, "aclose", None)
        try:
            if aclose is not None:
                await aclose()
        finally:
            self._finish("ClientConnectionClosed")


def _who_closed(error: BaseException) -> str:
    """Tell a target that raised from a client that was cancelled or interrupted."""
    target = isinstance(error, Exception)
    return "TargetConnectionClosed" if target else "ClientConnectionClosed"
