"""A Lambda function as a target: who calls the handler, and what becomes of errors."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from functools import partial
from inspect import isawaitable
from typing import Any, Literal, TypeVar

import anyio
import pytest

from pytest_lattice.errors import BlockingCallError
from pytest_lattice.model.message import Headers, LatticeResponse
from pytest_lattice.model.target_group import Target, TargetGroup
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.function import FunctionTarget, LambdaContext
from pytest_lattice.targets.lambda_event import LARGEST, Event, LambdaSettings
from pytest_lattice.targets.loop import AppLoop
from tests.targets.test_lambda_event import OK, a_request

T = TypeVar("T")
Reply = TargetReply | AsyncTargetReply
Backend = Literal["asyncio", "trio"]

ARN = "arn:aws:lambda:us-west-2:123456789012:function:orders"
DESCRIBED = (
    "the handler `handler`, target "
    "`arn:aws:lambda:us-west-2:123456789012:function:functions` "
    "of target group `functions`"
)
BAD_GATEWAY = LatticeResponse(
    502, (("content-type", "text/plain"), ("content-length", "11"))
)


@pytest.fixture
def loop() -> Iterator[AppLoop]:
    """Give the loop of a network, closed in the end."""
    loop = AppLoop()
    yield loop
    loop.close()


class NoLoop(AppLoop):
    """A loop that refuses every blocking call."""

    def run(self, make_coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Refuse."""
        raise BlockingCallError("refused")


def answer_with(**parts: object) -> Callable[[Event, LambdaContext], object]:
    """Make a handler that always gives the same answer."""

    def handler(event: Event, context: LambdaContext) -> object:
        return OK | parts

    return handler


def context_of(
    group: TargetGroup, loop: AppLoop, *, times: int = 1
) -> list[LambdaContext]:
    """Invoke a function and give its contexts."""
    contexts: list[LambdaContext] = []

    def handler(event: Event, context: LambdaContext) -> object:
        contexts.append(context)
        return OK

    target = FunctionTarget(handler, loop=loop)
    for _ in range(times):
        target.call(a_request(group=group), b"")
    return contexts


def called(target: FunctionTarget, way: str, body: bytes = b"") -> Reply:
    """Call a target in one of the three ways in which a client can."""
    if way == "blocking":
        return target.call(a_request(), body)
    return anyio.run(target.acall, a_request(), body, backend=way)


ways = pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])


async def _async_handler(event: Event, context: LambdaContext) -> object:
    await asyncio.sleep(0)
    return OK | {"body": event["method"]}


def _handler(event: Event, context: LambdaContext) -> object:
    return OK | {"body": event["method"]}


def _wrapper(*arguments: Any) -> Awaitable[object]:  # noqa: ANN401 - like decorators
    return _async_handler(*arguments)


class _Object:
    def __call__(self, event: Event, context: LambdaContext) -> object:
        return _handler(event, context)


class _AsyncObject:
    async def __call__(self, event: Event, context: LambdaContext) -> object:
        return await _async_handler(event, context)


def _with_settings(settings: str, event: Event, context: LambdaContext) -> object:
    return _handler(event, context)


HANDLERS: dict[str, Callable[[Event, LambdaContext], object]] = {
    "function": _handler,
    "async function": _async_handler,
    "object": _Object(),
    "async object": _AsyncObject(),
    "partial": partial(_with_settings, "prod"),
    "async partial": partial(_async_handler),
    "wrapped async function": _wrapper,
}


@ways
@pytest.mark.parametrize("kind", HANDLERS)
def test_every_kind_of_handler_is_called_every_way(
    kind: str, way: str, loop: AppLoop
) -> None:
    """Sync and async handlers answer the same to blocking, asyncio and trio callers."""
    reply = called(FunctionTarget(HANDLERS[kind], loop=loop), way)

    assert reply.response == LatticeResponse(200, (("content-length", "3"),))
    assert (reply.body, reply.failure_reason, reply.detail) == (b"GET", None, None)


def test_sync_handler_leaves_the_event_loop_free(loop: AppLoop) -> None:
    """An awaiting caller's loop turns while a sync handler works in a thread."""
    turned = threading.Event()
    here = threading.get_ident()
    seen: list[int] = []

    def handler(event: Event, context: LambdaContext) -> object:
        seen.append(threading.get_ident())
        assert turned.wait(timeout=30)
        return OK

    async def main() -> None:
        target = FunctionTarget(handler, loop=loop)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(target.acall, a_request(), b"")
            turned.set()

    anyio.run(main)

    assert seen != [here]


@ways
def test_body_is_read_whole(way: str, loop: AppLoop) -> None:
    """A streamed request body reaches the function in one piece."""

    def handler(event: Event, context: LambdaContext) -> object:
        return OK | {"body": event["body"]}

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    target = FunctionTarget(handler, loop=loop)
    request = a_request(headers=(("content-type", "text/plain"),))
    reply: Reply
    if way == "blocking":
        reply = target.call(request, iter([b"one ", b"two"]))
    else:
        reply = anyio.run(target.acall, request, chunks(), backend=way)

    assert reply.body == b"one two"


@ways
def test_request_body_may_have_6_mb(way: str, loop: AppLoop) -> None:
    """A body over 6 MB is refused with 413 before the function is invoked."""
    invoked: list[Event] = []

    def handler(event: Event, context: LambdaContext) -> object:
        invoked.append(event)
        return OK

    target = FunctionTarget(handler, loop=loop)

    assert called(target, way, b"x" * LARGEST).response.status == 200
    reply = called(target, way, b"x" * (LARGEST + 1))
    assert len(invoked) == 1
    assert reply.response.status == 413
    assert reply.body == b"Content Too Large"
    assert reply.failure_reason is None
    assert reply.detail == "the body is larger than the 6 MB a function gets"


@ways
def test_endless_request_body_is_refused(way: str, loop: AppLoop) -> None:
    """A streamed body is read no further than to the limit."""

    def chunks() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    async def async_chunks() -> AsyncIterator[bytes]:
        for chunk in chunks():
            yield chunk

    async def main() -> AsyncTargetReply:
        body = async_chunks()
        try:
            return await target.acall(a_request(), body)
        finally:
            await body.aclose()  # type: ignore[attr-defined]  # it is a generator

    target = FunctionTarget(answer_with(), loop=loop)
    reply: Reply
    if way == "blocking":
        reply = target.call(a_request(), chunks())
    else:
        reply = anyio.run(main, backend=way)

    assert reply.response.status == 413


@pytest.mark.parametrize(
    ("method", "status", "length", "body"),
    [
        ("GET", 200, (("content-length", "2"),), b"ok"),
        ("HEAD", 200, (("content-length", "2"),), b""),
        ("GET", 204, (), b""),
        ("GET", 304, (), b""),
    ],
)
def test_content_length_is_computed(
    method: str, status: int, length: Headers, body: bytes, *, loop: AppLoop
) -> None:
    """The length is that of the body; where HTTP has no body there is none."""
    headers = {"content-length": "99"}
    handler = answer_with(statusCode=status, headers=headers, body="ok")

    reply = FunctionTarget(handler, loop=loop).call(a_request(method=method), b"")

    assert reply.response.headers == length
    assert reply.body == body


# ---------------------------------------------------------------------- what goes wrong


@ways
@pytest.mark.parametrize("is_async", [False, True])
def test_exception_goes_through(way: str, loop: AppLoop, *, is_async: bool) -> None:
    """What a handler raises reaches the test, with a note that says where."""
    error = ValueError("boom")

    def handler(event: Event, context: LambdaContext) -> object:
        raise error

    async def async_handler(event: Event, context: LambdaContext) -> object:
        raise error

    async_handler.__name__ = "handler"
    target = FunctionTarget(async_handler if is_async else handler, loop=loop)

    for _ in range(2):
        with pytest.raises(ValueError, match="boom") as raised:
            called(target, way)
    assert raised.value is error
    assert error.__notes__ == [f"while calling {DESCRIBED}"]


@ways
def test_exception_can_be_answered(way: str, loop: AppLoop) -> None:
    """Without raise_exceptions the network answers for a function that failed."""

    def handler(event: Event, context: LambdaContext) -> object:
        raise ValueError("boom")

    reply = called(FunctionTarget(handler, loop=loop, raise_exceptions=False), way)

    assert reply.response == BAD_GATEWAY
    assert reply.body == b"Bad Gateway"
    assert reply.failure_reason == "TargetProtocolError"
    assert reply.detail == f"{DESCRIBED}, raised ValueError('boom')"


@ways
def test_wrong_answer_is_answered(way: str, loop: AppLoop) -> None:
    """A wrong answer is no exception; the detail says what is wrong."""
    reply = called(FunctionTarget(answer_with(statusCode="200"), loop=loop), way)

    assert reply.response == BAD_GATEWAY
    assert reply.body == b"Bad Gateway"
    assert reply.failure_reason == "TargetProtocolError"
    assert reply.detail == (
        f'{DESCRIBED}, answered `statusCode` as text `"200"`; write it as a number: 200'
    )


def test_status_of_failures_is_a_setting(loop: AppLoop) -> None:
    """Who knows AWS to answer otherwise can say so."""
    settings = LambdaSettings(error_status=500)
    target = FunctionTarget(answer_with(body=1), loop=loop, settings=settings)

    reply = target.call(a_request(), b"")

    assert (reply.response.status, reply.body) == (500, b"Internal Server Error")


def test_hints_do_not_fail(loop: AppLoop) -> None:
    """What VPC Lattice does not read is said, and the answer goes through."""
    target = FunctionTarget(answer_with(cookies=["a=1"]), loop=loop)

    reply = target.call(a_request(), b"")

    assert (reply.response.status, reply.failure_reason) == (200, None)
    assert reply.detail == (
        f"{DESCRIBED}, answered `cookies`, which VPC Lattice does not read"
    )


def test_strict_is_a_setting(loop: AppLoop) -> None:
    """With `strict` what VPC Lattice does not read is refused."""
    settings = LambdaSettings(strict=True)
    target = FunctionTarget(answer_with(cookies=[]), loop=loop, settings=settings)

    assert target.call(a_request(), b"").response.status == 502


@pytest.mark.parametrize("raise_exceptions", [True, False])
@pytest.mark.parametrize("handler", [_async_handler, _wrapper])
def test_blocking_call_that_waits_for_itself_is_refused(
    handler: Callable[..., object], *, raise_exceptions: bool
) -> None:
    """The loop's refusal always reaches the test, and no coroutine is left over."""
    target = FunctionTarget(handler, loop=NoLoop(), raise_exceptions=raise_exceptions)

    with pytest.raises(BlockingCallError, match="refused"):
        target.call(a_request(), b"")


@pytest.mark.parametrize("raise_exceptions", [True, False])
def test_interruption_goes_through(loop: AppLoop, *, raise_exceptions: bool) -> None:
    """What is no Exception, as Ctrl+C, is never an answer."""

    def handler(event: Event, context: LambdaContext) -> object:
        raise KeyboardInterrupt

    target = FunctionTarget(handler, loop=loop, raise_exceptions=raise_exceptions)

    with pytest.raises(KeyboardInterrupt):
        target.call(a_request(), b"")


def test_nothing_is_awaited_twice(loop: AppLoop) -> None:
    """A handler that hands out an awaitable has it awaited once."""
    made: list[Awaitable[object]] = []

    def handler(event: Event, context: LambdaContext) -> object:
        made.append(_async_handler(event, context))
        return made[-1]

    reply = FunctionTarget(handler, loop=loop).call(a_request(), b"")

    assert reply.body == b"GET"
    assert [isawaitable(each) for each in made] == [True]


# -------------------------------------------------------------------------- the context


@pytest.mark.parametrize(
    ("qualifier", "version"),
    [("", "$LATEST"), (":$LATEST", "$LATEST"), (":7", "7"), (":live", "1")],
)
def test_context(qualifier: str, version: str, loop: AppLoop) -> None:
    """The context has the names of AWS's runtime, all derived from the target."""
    arn = f"{ARN}{qualifier}"
    group = TargetGroup("functions", type="LAMBDA", targets=[Target(arn, app="echo")])

    (context,) = context_of(group, loop)

    assert context.invoked_function_arn == arn
    assert context.function_name == "orders"
    assert context.function_version == version
    assert context.memory_limit_in_mb == "128"
    assert context.log_group_name == "/aws/lambda/orders"
    day, _, stream = context.log_stream_name.partition("[")
    assert day == "2026/01/01/"
    assert stream.partition("]")[0] == version
    assert context.identity is None
    assert context.client_context is None
    assert context.get_remaining_time_in_millis() == 3000


def test_invocation_has_an_id_of_its_own(loop: AppLoop) -> None:
    """The id is a UUID, is not that of the request, and is the same in every run."""
    group = TargetGroup("functions", type="LAMBDA", targets=["echo"])

    first, second = context_of(group, loop, times=2)

    assert first.aws_request_id == second.aws_request_id
    assert first.aws_request_id == "bee00a16-80c0-4d39-8698-95baf1149eec"


def test_remaining_time_is_virtual(loop: AppLoop) -> None:
    """Time is left as the network's clock has it, never less than nothing."""
    clock = [1_000_000]
    left: list[int] = []

    def handler(event: Event, context: LambdaContext) -> object:
        for _ in range(3):
            left.append(context.get_remaining_time_in_millis())
            clock[0] += 2_000_000
        return OK

    settings = LambdaSettings(timeout_ms=3500)
    target = FunctionTarget(handler, loop=loop, settings=settings, now=lambda: clock[0])
    target.call(a_request(), b"")

    assert left == [3500, 1500, 0]


@pytest.mark.parametrize(("elapsed", "status"), [(3000, 200), (3001, 502)])
def test_function_times_out(elapsed: int, status: int, loop: AppLoop) -> None:
    """A handler that takes more virtual time than its timeout has failed."""
    clock = [0]

    def handler(event: Event, context: LambdaContext) -> object:
        clock[0] += elapsed * 1000
        return OK

    reply = FunctionTarget(handler, loop=loop, now=lambda: clock[0]).call(
        a_request(), b""
    )

    assert reply.response.status == status
    if status == 502:
        assert reply.failure_reason == "TargetProtocolError"
        assert reply.detail == (
            f"{DESCRIBED}, took 3001 ms of virtual time, "
            "more than its timeout of 3000 ms"
        )


def test_close_leaves_the_loop_alone(loop: AppLoop) -> None:
    """Closing a target does not end the loop, which belongs to the network."""
    target = FunctionTarget(_async_handler, loop=loop)
    target.close()

    assert target.call(a_request(), b"").body == b"GET"
