"""One HTTP request to an ASGI app and its response: `Exchange`.

Caller and app move in turns.  The caller takes a step (`begin`, `feed`, `read`), begun
on the app's loop, and gets control back when there is news: the answer, a chunk of it,
or the app's wish for more of the request's body.  So an app is never ahead of its
reader, and bodies are iterated where the caller is.  What kind of caller that is, is
not known here.

ASGI: asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import BlockingCallError, TargetError
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.server import (
    SERVER_ERROR,
    SERVER_ERROR_BODY,
    STATUSES,
    WITHOUT_BODY,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
    from typing import TypeAlias

    from pytest_lattice.targets.base import TargetRequest
    from pytest_lattice.targets.loop import Home

    Loop: TypeAlias = asyncio.AbstractEventLoop
    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Turns of the loop in which a task may end by itself before it is cancelled: turns and
# not seconds, so that no test waits.
_GRACE_TURNS = 100


@dataclass(frozen=True, slots=True)
class App:
    """What exchanges need to know of the app.

    Args:
        name: its name, for messages.
        call: calls it with an exchange's `receive` and `send`.
        raise_exceptions: whether the caller gets what it raises.
    """

    name: str
    call: Callable[[Exchange], Awaitable[None]]
    raise_exceptions: bool


class Exchange:
    """One request and its response, between the app's task and the caller.

    The attributes are written on the loop.  The caller looks at them when a step is
    done; the app can write again only after the next one began.

    Args:
        app: who answers.
        home: where the app runs.
        request: the request's head.
        body: its body, or None where the caller has it in chunks.
    """

    started = False  # the app sent the head
    streaming = False  # the app said that there is more to come
    complete = False  # the app sent the last of the body
    finished = False  # the app returned or raised
    wants_body = False  # the app waits for a chunk of the request's body
    starting = False  # the app's lifespan begins: what it raises always goes through
    gone = False  # the caller closed the response
    head = SERVER_ERROR
    chunk: bytes | None = None
    failure: BaseException | None = None
    _task: asyncio.Task[None] | None = None
    _news: asyncio.Future[None] | None = None
    _taken: asyncio.Future[None] | None = None
    _arrived: asyncio.Event | None = None

    def __init__(
        self, app: App, home: Home, request: TargetRequest, body: bytes | None
    ) -> None:
        self.home = home
        self.request = request
        self._app = app
        self._expects_body = body is None
        self._inbox = [] if body is None else [_body_message(body)]

    # The caller's steps, begun on the loop. The futures are done when there is news.

    def begin(self, loop: Loop) -> asyncio.Future[None]:
        """Call the app."""
        self._news = news = loop.create_future()
        self._task = _spawn(loop, self._run())
        return news

    def feed(self, chunk: bytes | None, loop: Loop) -> asyncio.Future[None]:
        """Give the app the chunk that it wants; None says that the body ended."""
        self.wants_body = False
        self._expects_body = chunk is not None
        self._inbox.append(_body_message(chunk or b"", more=chunk is not None))
        self._wake_receivers()
        return self._next_news(loop)

    def read(self, loop: Loop) -> asyncio.Future[None]:
        """Let the app go on, now that its last chunk was taken."""
        self._wake_sender()
        return self._next_news(loop)

    def disconnect(self, loop: Loop) -> asyncio.Future[None]:
        """Tell the app that the client has gone, then cancel it.

        Who is cancelled while he waits for that cancels the app at once.
        """
        telling = loop.create_task(self._disconnect())
        telling.add_done_callback(lambda _: self._task and self._task.cancel())
        return telling

    # What the caller looks at after a step.

    def answer(self) -> tuple[LatticeResponse, bytes | None]:
        """Give head and body; None for a body that is to be streamed.

        Raises:
            TargetError: the app broke the protocol.
            Exception: what the app raised.
        """
        failure = self.failure
        if failure is not None:
            if self._raises:
                raise failure
            if not self.started:
                return self.head, b"" if self._is_head else SERVER_ERROR_BODY
        if self._without_body:
            return self.head, b""
        if self.finished and self.complete:
            return self.head, self.chunk or b""
        return self.head, None

    def take(self) -> bytes | None:
        """Take the chunk that arrived; None at the end of the stream.

        Raises:
            TargetError: the response broke off.
            Exception: what the app raised after its response had begun.
        """
        chunk, self.chunk = self.chunk, None
        if self.gone:
            return None
        if chunk is not None:
            return chunk
        failure, raises, self.failure = self.failure, self._raises, None
        if failure is None or (self.complete and not raises):
            return None
        if raises:
            raise failure
        raise self._error("failed before its response was complete") from failure

    @property
    def _is_head(self) -> bool:
        return self.request.request.method == "HEAD"

    @property
    def _without_body(self) -> bool:
        return self._is_head or self.head.status in WITHOUT_BODY

    @property
    def _raises(self) -> bool:
        # An interrupt is for whoever drives the loop, and a call that would wait for
        # itself is the test's mistake, whatever the setting.
        return (
            self._app.raise_exceptions
            or self.starting
            or isinstance(self.failure, BlockingCallError)
            or not isinstance(self.failure, Exception)
        )

    # The app's side.

    async def receive(self) -> Message:
        """Give the app what came from the client."""
        while not self._inbox:
            if self.complete or self.gone:
                return {"type": "http.disconnect"}
            if self._expects_body:
                self.wants_body = True
                self._notify()
            await self._something_arrives()
        return self._inbox.pop(0)

    async def send(self, message: Message) -> None:
        """Take what the app sends to the client.

        Raises:
            ConnectionResetError: the client has gone.
            TargetError: the message is malformed or comes at the wrong time.
        """
        kind = message.get("type")
        if self.gone:
            await self._refuse()
        elif kind == "http.response.body" and self.started and not self.complete:
            body = message.get("body", b"")
            if type(body) is not bytes:
                body = self._as_bytes(body)
            if message.get("more_body", False):
                await self._send_chunk(body)
            else:
                self._send_last(body)
        elif kind == "http.response.start" and not self.started:
            self.head = self._read_head(message)
            self.started = True
        else:
            raise self._unexpected(kind)

    async def _run(self) -> None:
        """Run the app to its end and keep what it raised."""
        try:
            await self._app.call(self)
        except GeneratorExit as error:
            if not self.home.loop.is_running():  # it was closed over the app
                raise
            self.failure = self._not_cancelled(error)
        except BaseException as error:  # noqa: BLE001 - raised where the caller is
            self.failure = self._not_cancelled(error)
        else:
            if not self.complete:
                self.failure = self._ended_early()
        self.finished = True
        self._notify()

    async def _send_chunk(self, chunk: bytes) -> None:
        """Hand a chunk to the caller and wait until it is taken."""
        import asyncio

        is_first, self.streaming = not self.streaming, True
        if self._without_body or not chunk:
            if is_first:
                self._notify()
            await asyncio.sleep(0)
            return
        # The one before is still there when the app cancelled the sending of it.
        self.chunk = chunk if self.chunk is None else self.chunk + chunk
        self._taken = asyncio.get_running_loop().create_future()
        self._notify()
        await self._taken
        if self.gone:
            await self._refuse()

    def _send_last(self, chunk: bytes) -> None:
        """Hand over the end of the body, which needs no waiting."""
        self.complete = True
        self._wake_receivers()
        if not self.streaming:
            self.chunk = chunk
        elif chunk and not self._without_body:
            self.chunk = chunk
            self._notify()

    async def _refuse(self) -> None:
        """Refuse what is sent to a client that has gone, as ASGI 2.4 has it."""
        import asyncio

        if not self._without_body:
            raise ConnectionResetError("the client has closed the response")
        # This client got all it wanted with the head; the app may end undisturbed.
        await asyncio.sleep(0)

    def _as_bytes(self, body: object) -> bytes:
        if isinstance(body, bytearray | memoryview):
            return bytes(body)
        raise self._error(f"sent a body of type `{type(body).__name__}`, not bytes")

    def _read_head(self, message: Message) -> LatticeResponse:
        try:
            status = message["status"]
            headers = tuple(
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in message.get("headers", ())
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._error("sent a malformed `http.response.start`") from error
        if not isinstance(status, int) or status not in STATUSES:
            raise self._error(f"sent status `{status}`, no integer of 200 to 999")
        return LatticeResponse(int(status), headers)

    def _unexpected(self, kind: object) -> TargetError:
        if kind not in {"http.response.start", "http.response.body"}:
            when = "to an HTTP request"
        elif not self.started:
            when = "before `http.response.start`"
        elif self.complete:
            when = "after its response was complete"
        else:
            when = "twice"
        return self._error(f"sent `{kind}` {when}")

    def _ended_early(self) -> TargetError:
        if self.started:
            return self._error("ended before its response was complete")
        return self._error("ended without a response")

    def _not_cancelled(self, error: BaseException) -> BaseException:
        """Tell the app's being cancelled from the caller's, for whom it is an error."""
        import asyncio

        if not isinstance(error, asyncio.CancelledError | GeneratorExit):
            return error
        failure = self._error("was cancelled before it was done")
        failure.__cause__ = error
        return failure

    def _error(self, what: str) -> TargetError:
        return TargetError(f"app `{self._app.name}` {what}")

    async def _something_arrives(self) -> None:
        """Wait for a chunk, or for the end of the response or of the connection."""
        import asyncio

        if self._arrived is None:
            self._arrived = asyncio.Event()
        self._arrived.clear()
        await self._arrived.wait()

    async def _disconnect(self) -> None:
        self.gone = True
        self._wake_receivers()
        self._wake_sender()
        if self._task is not None:
            await end_task(self._task)

    def _wake_receivers(self) -> None:
        if self._arrived is not None:
            self._arrived.set()

    def _wake_sender(self) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    def _notify(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _next_news(self, loop: Loop) -> asyncio.Future[None]:
        self._news = news = loop.create_future()
        if self.finished or self.wants_body or self.chunk is not None:
            news.set_result(None)
        return news


async def end_task(task: asyncio.Task[None]) -> None:
    """Give a task some turns of the loop to end by itself, then cancel it."""
    import asyncio

    for _ in range(_GRACE_TURNS):
        if task.done():
            return
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})


def _body_message(chunk: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": chunk, "more_body": more}


def _spawn(loop: Loop, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Create a task, which runs at once where Python can do that."""
    if sys.version_info >= (3, 12):
        import asyncio

        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    return loop.create_task(coroutine)
