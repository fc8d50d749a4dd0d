"""A Lambda function as a target: a handler called with an event and a context.

A wrong answer becomes the network's own answer, with a sentence that says what is
wrong and how to write it right; it is never an exception.  What the handler raises
goes through to the test unless that is switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from http import HTTPStatus
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, cast
from uuid import UUID

from pytest_lattice.errors import BlockingCallError, TargetError, notes_of
from pytest_lattice.model.instant import EPOCH
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.model.names import digest
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.lambda_event import (
    LARGEST,
    LambdaSettings,
    make_event,
    read_answer,
)
from pytest_lattice.targets.recognize import is_async, name_of
from pytest_lattice.targets.server import WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )
    from pytest_lattice.targets.lambda_event import Event
    from pytest_lattice.targets.loop import AppLoop

_DAY = 24 * 3600 * 1_000_000
# our choice: the reason phrase; RFC 9110 has a newer one than Python 3.11
_PHRASES = {each.value: each.phrase for each in HTTPStatus} | {413: "Content Too Large"}


@dataclass(slots=True, kw_only=True)
class LambdaContext:
    """The second argument of a handler, with the names of AWS's Python runtime.

    AWS: lambda/latest/dg/python-context
    """

    aws_request_id: str
    function_name: str
    function_version: str
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    remaining: Callable[[], int]
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Tell how much of the timeout is left, in virtual time."""
        return max(0, self.remaining())


def make_context(
    request: TargetRequest, settings: LambdaSettings, elapsed_ms: Callable[[], int]
) -> LambdaContext:
    """Describe one invocation of the target's function.

    Args:
        request: the request that causes the invocation.
        settings: has the function's timeout and memory.
        elapsed_ms: the virtual time since the invocation began.

    Returns:
        The context, with an id of its own as Lambda gives one to each invocation.
    """
    arn = request.route.target.id
    name, version = _name_and_version(arn)
    invocation = digest(arn, request.request_id, str(request.time_epoch), length=32)
    return LambdaContext(
        aws_request_id=str(UUID(hex=invocation, version=4)),
        function_name=name,
        function_version=version,
        invoked_function_arn=arn,
        # AWS's Python runtime hands its environment variable on, which is text
        memory_limit_in_mb=str(settings.memory_mb),
        log_group_name=f"/aws/lambda/{name}",
        log_stream_name=_log_stream(arn, version, request.time_epoch // _DAY),
        remaining=lambda: settings.timeout_ms - elapsed_ms(),
    )


def _name_and_version(arn: str) -> tuple[str, str]:
    name, _, qualifier = arn.split(":", 6)[-1].partition(":")
    if qualifier in {"", "$LATEST"}:
        return name, "$LATEST"
    # AWS is silent: our choice: an alias is not a version, and the one that it points
    # at is not declared anywhere; it is some published number
    return name, qualifier if qualifier.isdigit() else "1"


@lru_cache
def _log_stream(arn: str, version: str, days: int) -> str:
    """Name the one log stream that a function writes on a day."""
    day = EPOCH + timedelta(days=days)
    return f"{day:%Y/%m/%d}/[{version}]{digest(arn, length=32)}"


class _Invocation:
    """One run of the handler, with its event, its context and its beginning."""

    def __init__(
        self, target: FunctionTarget, request: TargetRequest, body: bytes
    ) -> None:
        self.request = request
        self._handler = target.handler
        self._now = target.now
        self._began = target.now()
        self._event = make_event(request, body, target.settings)
        self._context = make_context(request, target.settings, self.elapsed_ms)

    def elapsed_ms(self) -> int:
        return (self._now() - self._began) // 1000

    def run(self) -> object:
        return self._handler(self._event, self._context)

    def run_boxed(self) -> tuple[object]:
        # trio takes no coroutine out of a thread
        return (self.run(),)

    async def arun(self) -> object:
        answer = self.run()
        return await answer if isawaitable(answer) else answer


class FunctionTarget:
    """Calls a handler, sync or async, the way Lambda does.

    Args:
        handler: takes the event and the context.
        loop: where async handlers run.
        settings: the choices where AWS is silent.
        raise_exceptions: let what the handler raises through to the caller, with a
            note; else answer as AWS does.
        now: the virtual time in microseconds; without it no time passes.
    """

    def __init__(
        self,
        handler: Callable[[Event, LambdaContext], object],
        *,
        loop: AppLoop,
        settings: LambdaSettings | None = None,
        raise_exceptions: bool = True,
        now: Callable[[], int] | None = None,
    ) -> None:
        self.handler = handler
        self.settings = settings or LambdaSettings()
        self.now = now or (lambda: 0)
        self._is_async = is_async(handler)
        self._loop = loop
        self._raise_exceptions = raise_exceptions

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Invoke the function, blocking the calling thread."""
        content = _read(body)
        if content is None:
            return _too_large()
        invocation = _Invocation(self, request, content)
        try:
            if self._is_async:
                answer = self._loop.run(invocation.arun)
            elif isawaitable(answer := invocation.run()):
                answer = self._wait_for(answer)
        except Exception as error:
            if self._lets_through(request, error):
                raise
            return self._failed(request, f"raised {error!r}")
        return self._answered(invocation, answer)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Invoke the function; a sync handler runs in a worker thread."""
        from anyio import CapacityLimiter, to_thread

        content = await _aread(body)
        if content is None:
            return _awaitable(_too_large())
        invocation = _Invocation(self, request, content)
        try:
            if self._is_async:
                answer = await self._loop.arun(invocation.arun)
            else:
                # a limiter of its own: handlers that call each other through the
                # network must not wait for a free thread as well
                (answer,) = await to_thread.run_sync(
                    invocation.run_boxed, limiter=CapacityLimiter(1)
                )
                if isawaitable(answer):
                    answer = await self._loop.arun(partial(_result, answer))
        except Exception as error:
            if self._lets_through(request, error):
                raise
            return _awaitable(self._failed(request, f"raised {error!r}"))
        return _awaitable(self._answered(invocation, answer))

    def close(self) -> None:
        """Release nothing; the handler and the loop belong to others."""

    def _wait_for(self, answer: Awaitable[object]) -> object:
        # an async handler behind a plain wrapper: its coroutine exists already, and
        # has to be closed when the loop refuses to run it
        try:
            return self._loop.run(partial(_result, answer))
        finally:
            if iscoroutine(answer):
                answer.close()

    def _lets_through(self, request: TargetRequest, error: Exception) -> bool:
        note = f"while calling {self._described(request)}"
        if note not in notes_of(error):
            error.add_note(note)
        # a call that would wait for itself is the test's mistake, not the handler's
        return self._raise_exceptions or isinstance(error, BlockingCallError)

    def _described(self, request: TargetRequest) -> str:
        route = request.route
        return (
            f"the handler `{name_of(self.handler)}`, target `{route.target.id}` "
            f"of target group `{route.target_group.name}`"
        )

    def _failed(self, request: TargetRequest, problem: str) -> TargetReply:
        # AWS is silent: our choice: 502 whatever the function did wrong
        detail = f"{self._described(request)}, {problem}"
        return _made_here(self.settings.error_status, "TargetProtocolError", detail)

    def _answered(self, invocation: _Invocation, answer: object) -> TargetReply:
        request, settings = invocation.request, self.settings
        elapsed = invocation.elapsed_ms()
        if elapsed > settings.timeout_ms:
            return self._failed(
                request,
                f"took {elapsed} ms of virtual time, more than its timeout "
                f"of {settings.timeout_ms} ms",
            )
        try:
            status, headers, body, hints = read_answer(answer, strict=settings.strict)
        except TargetError as error:
            return self._failed(request, str(error))
        if status not in WITHOUT_BODY:
            headers = (*headers, ("content-length", str(len(body))))
        if request.request.method == "HEAD" or status in WITHOUT_BODY:
            body = b""
        hint = f"{self._described(request)}, {'; '.join(hints)}" if hints else None
        return TargetReply(LatticeResponse(status, headers), body, detail=hint)


def _read(body: RequestBody) -> bytes | None:
    """Read a body whole, as Lambda gets it; None as soon as it is too large."""
    content = bytearray()
    for chunk in (body,) if isinstance(body, bytes) else body:
        content += chunk
        if len(content) > LARGEST:
            return None
    return bytes(content)


async def _aread(body: AsyncRequestBody) -> bytes | None:
    if isinstance(body, bytes):
        return _read(body)
    content = bytearray()
    async for chunk in body:
        content += chunk
        if len(content) > LARGEST:
            return None
    return bytes(content)


async def _result(answer: Awaitable[object]) -> object:
    return await answer


def _too_large() -> TargetReply:
    # AWS is silent: our choice of the status
    return _made_here(413, None, "the body is larger than the 6 MB a function gets")


def _made_here(status: int, reason: str | None, detail: str) -> TargetReply:
    # AWS is silent: our choice: the bare reason phrase as text
    body = _PHRASES.get(status, "Unknown").encode()
    headers = (("content-type", "text/plain"), ("content-length", str(len(body))))
    return TargetReply(LatticeResponse(status, headers), body, reason, detail)


def _awaitable(reply: TargetReply) -> AsyncTargetReply:
    return AsyncTargetReply(
        reply.response, cast("bytes", reply.body), reply.failure_reason, reply.detail
    )
