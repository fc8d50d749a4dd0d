"""Blocking servicers: what `tests/conformance/test_grpc.py` does not compare."""

from __future__ import annotations

import queue
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from pytest_lattice import Clock, GrpcTarget
from tests.grpc_calls import (
    PAIRS,
    Servicer,
    channel_to,
    clean,
    listing,
    orders,
    path,
    served_by,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="none")


def answering(behavior: Callable[[bytes, Any], Any]) -> GrpcTarget:
    """Serve one method with one request and one response."""
    methods: dict[str, Any] = {"Get": grpc.unary_unary_rpc_method_handler(behavior)}
    generic = grpc.method_handlers_generic_handler("test.Orders", methods)
    return GrpcTarget(handlers=[generic])


def ask(behavior: Callable[[bytes, Any], Any], **options: Any) -> Any:  # noqa: ANN401  # a response
    """Call a method through a network."""
    with orders(answering(behavior)) as network:
        stub = channel_to(network).unary_unary(path("Get"))
        return stub(b"x", **options)


def test_one_request_and_response_need_no_thread() -> None:
    """A servicer runs in the thread of its caller, where debuggers are."""
    found = ask(lambda *_: str(threading.get_ident()).encode())

    assert found == str(threading.get_ident()).encode()


def test_stream_sees_the_context_of_its_test() -> None:
    """Context variables of the caller are those of the servicer, in its thread too."""

    def listed(request: bytes, context: object) -> Iterator[bytes]:
        yield VARIABLE.get().encode()

    methods: dict[str, Any] = {"List": grpc.unary_stream_rpc_method_handler(listed)}
    generic = grpc.method_handlers_generic_handler("test.Orders", methods)
    token = VARIABLE.set("mine")
    try:
        with orders(GrpcTarget(handlers=[generic])) as network:
            found = listing(b"x")(channel_to(network))
    finally:
        VARIABLE.reset(token)

    assert found["responses"] == [b"mine"]


def test_deadline_is_told_by_the_clock_of_the_network() -> None:
    """The seconds that are left are the whole deadline while no time passes."""
    with_deadline = ask(lambda _, c: repr(c.time_remaining()).encode(), timeout=30)
    without = ask(lambda _, c: repr(c.time_remaining()).encode())

    assert with_deadline == b"30.0"
    assert float(without) == 2.0**63  # as a real server says it


def test_deadline_passes_with_the_clock() -> None:
    """A servicer that lets time pass finds itself too late, and so does its client."""
    clocks: list[Clock] = []
    found: queue.Queue[Any] = queue.Queue()

    def late(request: bytes, context: Any) -> bytes:  # noqa: ANN401  # a context
        clocks[0].advance(31)
        found.put((context.is_active(), context.time_remaining()))
        return b"late"

    with orders(answering(late)) as network:
        clocks.append(network.clock)
        with pytest.raises(grpc.RpcError) as raised:
            channel_to(network).unary_unary(path("Get"))(b"x", timeout=30)

    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert found.get(timeout=10) == (False, 0)


def test_context_tells_who_calls() -> None:
    """The peer is Lattice, and no certificate is shown."""
    found = ask(
        lambda _, c: repr(
            (c.peer(), c.peer_identities(), c.peer_identity_key(), c.auth_context())
        ).encode()
    )

    assert found == b"('ipv4:169.254.171.1:49152', None, None, {})"


def test_lattice_adds_its_headers_to_the_metadata() -> None:
    """A servicer sees what Lattice adds, and what a client could forge is replaced."""
    found = ask(
        lambda _, c: dict(c.invocation_metadata())["x-forwarded-for"].encode(),
        metadata=(("x-forwarded-for", "1.2.3.4"),),
    )

    assert found.startswith(b"10.")


def test_context_gives_back_what_was_set() -> None:
    """Status, message and trailing metadata can be read again; no callback is late."""
    kept: list[Any] = []

    def behavior(request: bytes, context: Any) -> bytes:  # noqa: ANN401  # a context
        context.set_code(grpc.StatusCode.OK)
        context.set_details("fine")
        context.set_trailing_metadata(PAIRS)
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        kept.append(context)
        return repr(
            (context.code(), context.details(), context.trailing_metadata())
        ).encode()

    found = ask(behavior)

    assert found == repr((grpc.StatusCode.OK, b"fine", PAIRS)).encode()
    assert kept[0].add_callback(lambda: None) is False


def test_servicer_may_cancel() -> None:
    """A call that its servicer cancels ends with CANCELLED."""
    with pytest.raises(grpc.RpcError) as raised:
        ask(lambda _, c: c.cancel())

    assert raised.value.code() is grpc.StatusCode.CANCELLED


def test_initial_metadata_arrives_before_the_first_message() -> None:
    """A stream shows its head while its servicer still waits."""
    servicer = Servicer()
    with orders(served_by(servicer)) as network:
        call = channel_to(network).unary_stream(path("List"))(b"initial")
        assert clean(call.initial_metadata()) == list(PAIRS)
        servicer.released.set()
        assert len(list(call)) == 40


def test_stream_that_nobody_reads_waits() -> None:
    """A servicer is not far ahead of its client, and ends when the client goes."""
    given: list[int] = []
    ended = threading.Event()

    def endless(request: bytes, context: object) -> Iterator[bytes]:
        try:
            while True:
                given.append(1)
                yield b"x" * 10_000
        finally:
            ended.set()

    methods: dict[str, Any] = {"List": grpc.unary_stream_rpc_method_handler(endless)}
    generic = grpc.method_handlers_generic_handler("test.Orders", methods)
    with orders(GrpcTarget(handlers=[generic])) as network:
        call = channel_to(network).unary_stream(path("List"))(b"x")
        next(call)
        call.cancel()

        assert ended.wait(10)
        assert len(given) < 30
