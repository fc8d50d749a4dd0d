"""ASGI apps as targets: whole and streamed requests, lifespan.

An app runs in a task of its own, in a copy of the caller's context, on the loop that
`AppLoop` chooses.  Its lifespan begins before its first request there and ends with the
network, or with the loop where that ends first.

ASGI: asgi.readthedocs.io/en/latest/specs/www.html and specs/lifespan.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pytest_lattice.errors import TargetError
from pytest_lattice.targets.asgi_exchange import App, Exchange, end_task
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.recognize import name_of
from pytest_lattice.targets.server import (
    client_address,
    note_target,
    scheme,
    speaks_http2,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from pytest_lattice.targets.asgi_exchange import Loop, Message, Receive, Send
    from pytest_lattice.targets.base import AsyncRequestBody, RequestBody, TargetRequest
    from pytest_lattice.targets.loop import AppLoop, Home

    AsgiApp: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
    Step: TypeAlias = Callable[[Loop], asyncio.Future[None]]

# Lattice calls from some ephemeral port.
_CLIENT_PORT = 49152


class AsgiTarget:
    """An ASGI app that answers for a target.

    Args:
        app: the ASGI 3 app.
        loop: where the apps of the network run.
        raise_exceptions: whether what the app raises goes through to the caller. Else
            the caller gets what an app server makes of it: status 500 or, where the
            response had begun, one that breaks off with a `TargetError`. A
            `BlockingCallError` always goes through.
    """

    def __init__(
        self, app: AsgiApp, loop: AppLoop, *, raise_exceptions: bool = True
    ) -> None:
        self._asgi_app = app
        self._app = App(name_of(app), self._call_app, raise_exceptions)
        self._apps = loop
        self._lifespans: dict[Home, _Lifespan] = {}
        self._live: set[Exchange] = set()

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer, driving the app in this thread where nobody else does.

        Raises:
            BlockingCallError: the app runs on the loop that runs in this thread.
            TargetError: the app broke the ASGI protocol or failed to start.
            Exception: what the app raised before it streamed.
        """
        home = self._apps.home_for_blocking_call()
        if isinstance(body, bytes):
            exchange = Exchange(self._app, home, request, body)
            stream = _Stream(exchange, None)
        else:
            exchange = Exchange(self._app, home, request, None)
            stream = _Stream(exchange, iter(body))
        stream.advance(exchange.begin)
        response, answer = exchange.answer()
        if answer is None:
            return TargetReply(response, stream)
        if not exchange.finished:
            stream.close()
        return TargetReply(response, answer)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer without blocking the running event loop; see `call`."""
        home = self._apps.home_for_async_call()
        if isinstance(body, bytes):
            exchange = Exchange(self._app, home, request, body)
            stream = _AsyncStream(exchange, None)
        else:
            exchange = Exchange(self._app, home, request, None)
            stream = _AsyncStream(exchange, aiter(body))
        await stream.advance(exchange.begin)
        response, answer = exchange.answer()
        if answer is None:
            return AsyncTargetReply(response, stream)
        if not exchange.finished:
            await stream.aclose()
        return AsyncTargetReply(response, answer)

    def close(self) -> None:
        """End open streams, then shut the app's lifespan down.

        Raises:
            TargetError: the app failed to shut down.
        """
        live, self._live = self._live, set()
        for exchange in live:
            exchange.home.finish(exchange.disconnect)
        errors = []
        while self._lifespans:
            home, lifespan = self._lifespans.popitem()
            try:
                home.finish(lifespan.stop)
            except TargetError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _call_app(self, exchange: Exchange) -> None:
        """Call the app, started before; this runs as the exchange's task."""
        self._live.add(exchange)
        try:
            lifespan = self._lifespan_on(exchange.home)
            if not lifespan.is_up:
                exchange.starting = True
                await lifespan.startup()
                exchange.starting = False
            scope = _scope(exchange.request, lifespan.state)
            await self._asgi_app(scope, exchange.receive, exchange.send)
        except Exception as error:
            note_target(error, exchange.request.route)
            raise
        finally:
            self._live.discard(exchange)

    def _lifespan_on(self, home: Home) -> _Lifespan:
        """Give the app's lifespan on a home, begun there by its first request."""
        lifespan = self._lifespans.get(home)
        if lifespan is None:
            for each in list(self._lifespans):
                if each.loop.is_closed():
                    self._lifespans.pop(each, None)
            lifespan = _Lifespan(self._asgi_app, self._app.name)
            lifespan.begin(home.loop)
            self._lifespans[home] = lifespan
        return lifespan


class _Stream(Iterator[bytes]):
    """A response's body for a blocking caller, who brings the request's body along."""

    def __init__(self, exchange: Exchange, body: Iterator[bytes] | None) -> None:
        self._exchange = exchange
        self._body = body

    def advance(self, step: Step) -> None:
        """Take a step, and feed the app with the request's body on the way."""
        exchange = self._exchange
        try:
            exchange.home.run(step)
            while exchange.wants_body and self._body is not None:
                chunk = next(self._body, None)
                exchange.home.run(partial(exchange.feed, chunk))
        except BaseException:
            self.close()
            raise

    def __next__(self) -> bytes:
        exchange = self._exchange
        if exchange.chunk is None and not exchange.finished:
            self.advance(exchange.read)
        chunk = exchange.take()
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """End the exchange; nothing happens where the app has finished."""
        if not self._exchange.finished:
            self._exchange.home.finish(self._exchange.disconnect)


class _AsyncStream(AsyncIterator[bytes]):
    """A response's body for an awaiting caller; the twin of `_Stream`."""

    def __init__(self, exchange: Exchange, body: AsyncIterator[bytes] | None) -> None:
        self._exchange = exchange
        self._body = body

    async def advance(self, step: Step) -> None:
        """Take a step, and feed the app with the request's body on the way."""
        exchange = self._exchange
        try:
            await exchange.home.arun(step)
            while exchange.wants_body and self._body is not None:
                chunk = await anext(self._body, None)
                await exchange.home.arun(partial(exchange.feed, chunk))
        except GeneratorExit:  # a coroutine that is thrown away cannot await
            raise
        except BaseException:
            await self._abandon()
            raise

    async def __anext__(self) -> bytes:
        exchange = self._exchange
        if exchange.chunk is None and not exchange.finished:
            await self.advance(exchange.read)
        chunk = exchange.take()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """End the exchange; nothing happens where the app has finished."""
        home = self._exchange.home
        if not self._exchange.finished and not home.loop.is_closed():
            await home.arun(self._exchange.disconnect)

    async def _abandon(self) -> None:
        import anyio

        with anyio.CancelScope(shield=True):
            await self.aclose()


class _Lifespan:
    """An app's lifespan on one loop."""

    def __init__(self, app: AsgiApp, name: str) -> None:
        import asyncio

        self.state: dict[str, Any] = {}
        self.is_up = False
        self._app = app
        self._name = name
        self._inbox: list[Message] = [{"type": "lifespan.startup"}]
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._complaint: str | None = None
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, loop: Loop) -> None:
        """Begin to start the app."""
        self._task = loop.create_task(self._run())

    async def startup(self) -> None:
        """Wait until the app has started, or turned out to have no lifespan.

        Raises:
            TargetError: it failed to start.
        """
        await self._started.wait()
        if self._complaint is not None:
            await self._end()
            raise self._failed("start")
        if self._error is not None and not isinstance(self._error, Exception):
            raise self._error
        self.is_up = True

    def stop(self, loop: Loop) -> asyncio.Future[None]:
        """Shut the app down."""
        return loop.create_task(self._stop())

    async def _stop(self) -> None:
        self._stopping.set()
        await self._stopped.wait()
        await self._end()
        if self.is_up and self._complaint is not None:
            raise self._failed("shut down")

    async def _end(self) -> None:
        if self._task is not None:
            await end_task(self._task)

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as error:  # noqa: BLE001 - the app may lack a lifespan
            self._error = error
        finally:
            self._started.set()
            self._stopped.set()

    async def _receive(self) -> Message:
        import asyncio

        if self._inbox:
            return self._inbox.pop()
        try:
            await self._stopping.wait()
        except asyncio.CancelledError:
            # Whoever owns the loop cancels all tasks before closing it. To the app
            # that is a shutdown like any other.
            if self._task is None or not self._task.cancelling():
                raise
            self._task.uncancel()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._started.set()
            case "lifespan.shutdown.complete":
                self._stopped.set()
            case "lifespan.startup.failed":
                self._complaint = message.get("message", "")
                self._started.set()
            case "lifespan.shutdown.failed":
                self._complaint = message.get("message", "")
                self._stopped.set()
            case kind:
                raise TargetError(f"app `{self._name}` sent `{kind}` in its lifespan")

    def _failed(self, to_do: str) -> TargetError:
        """Build the error; the last line of what the app says is what went wrong."""
        complaint = (self._complaint or "").strip()
        last_line = complaint.rpartition("\n")[2].strip() or "no reason given"
        error = TargetError(f"app `{self._name}` failed to {to_do}: `{last_line}`")
        if "\n" in complaint:
            error.add_note(complaint)
        error.__cause__ = self._error
        return error


def _scope(request: TargetRequest, state: dict[str, Any]) -> Message:
    """Describe the request as an app server beside the target would."""
    head = request.request
    route = request.route
    query = head.query
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "2" if speaks_http2(route) else "1.1",
        "method": head.method,
        "scheme": scheme(route),
        "path": unquote(head.path),
        "raw_path": head.path.encode("latin-1"),
        "query_string": b"" if query is None else query.encode("latin-1"),
        "root_path": "",
        "headers": [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers
        ],
        "client": (client_address(route), _CLIENT_PORT),
        "server": (route.address, route.target.port),
        "state": state.copy(),
    }
