"""Servers of `grpc_testing`: all four kinds, and time that is the network's."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import grpc
import grpc_testing  # type: ignore[import-untyped]  # it has no types
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, wrappers_pb2

from pytest_lattice.targets.grpc_testing import TestingTarget
from tests.grpc_calls import channel_to, orders
from tests.model.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Text: Any = wrappers_pb2.BytesValue
KINDS = {
    "Get": (False, False),
    "List": (False, True),
    "Sum": (True, False),
    "Chat": (True, True),
}


def service() -> Any:  # noqa: ANN401  # a ServiceDescriptor
    """Describe a service, as generated code would."""
    pool: Any = descriptor_pool.Default()
    file = descriptor_pb2.FileDescriptorProto(
        name="lattice/orders.proto", package="test", syntax="proto3"
    )
    file.dependency.append("google/protobuf/wrappers.proto")
    described = file.service.add(name="Orders")
    for name, (requests, responses) in KINDS.items():
        described.method.add(
            name=name,
            input_type=".google.protobuf.BytesValue",
            output_type=".google.protobuf.BytesValue",
            client_streaming=requests,
            server_streaming=responses,
        )
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("test.Orders")


class Servicer:
    """Answers as generated code lets it; methods have AWS's case."""

    def __init__(self) -> None:
        """Note when a call waits."""
        self.waiting = threading.Event()

    def Get(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  # generated names
        """Answer one request."""
        if request.value == b"abort":
            context.abort(grpc.StatusCode.NOT_FOUND, "none")
        if request.value == b"wait":
            gone = threading.Event()
            context.add_callback(gone.set)
            self.waiting.set()
            gone.wait(10)
        context.send_initial_metadata((("head", "1"),))
        context.set_trailing_metadata((("tail", "2"),))
        return Text(value=b"got " + request.value)

    def List(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802  # generated names
        """Answer one request with a stream."""
        for number in range(3):
            yield Text(value=b"%d" % number)

    def Sum(self, requests: Any, context: Any) -> Any:  # noqa: ANN401, N802  # generated names
        """Answer a stream with one response."""
        return Text(value=b"+".join(each.value for each in requests))

    def Chat(self, requests: Any, context: Any) -> Iterator[Any]:  # noqa: ANN401, N802  # generated names
        """Answer each request of a stream."""
        for each in requests:
            yield Text(value=b"re: " + each.value)


SERVICE = service()


@pytest.fixture
def servicer() -> Servicer:
    """The servicer of the test."""
    return Servicer()


@pytest.fixture
def server(servicer: Servicer) -> Any:  # noqa: ANN401  # a grpc_testing.Server
    """A server with fake time, which does not log."""
    logging.getLogger("grpc_testing").setLevel(logging.CRITICAL)
    time = grpc_testing.strict_fake_time(0)
    return grpc_testing.server_from_dictionary({SERVICE: servicer}, time)


def method(channel: Any, name: str) -> Any:  # noqa: ANN401  # a channel, a multi-callable
    """Make what a generated stub would have."""
    kinds = {
        "Get": channel.unary_unary,
        "List": channel.unary_stream,
        "Sum": channel.stream_unary,
        "Chat": channel.stream_stream,
    }
    return kinds[name](f"/test.Orders/{name}", Text.SerializeToString, Text.FromString)


def texts(*values: bytes) -> Iterator[Any]:
    """Make messages."""
    return (Text(value=each) for each in values)


ASKS: dict[str, tuple[Callable[[Any], Any], list[bytes]]] = {
    "Get": (lambda c: [method(c, "Get")(Text(value=b"x"))], [b"got x"]),
    "List": (lambda c: method(c, "List")(Text()), [b"0", b"1", b"2"]),
    "Sum": (lambda c: [method(c, "Sum")(texts(b"a", b"b"))], [b"a+b"]),
    "Chat": (lambda c: method(c, "Chat")(texts(b"a", b"b")), [b"re: a", b"re: b"]),
}


@pytest.mark.parametrize("name", ASKS)
def test_each_kind_of_call_is_answered(name: str, server: Any) -> None:  # noqa: ANN401  # a server
    """Messages are read and written by the descriptors; the log has the status."""
    ask, expected = ASKS[name]
    with orders(server) as network:
        assert [each.value for each in ask(channel_to(network))] == expected
        assert [each.grpc_response_code for each in network.access_log] == [0]


def test_async_channel_is_answered(server: Any) -> None:  # noqa: ANN401  # a server
    """An async channel calls the server from a worker thread."""

    async def ask(channel: Any) -> Any:  # noqa: ANN401  # a channel
        one = await method(channel, "Get")(Text(value=b"x"))
        return [one, *[each async for each in method(channel, "Chat")(texts(b"a"))]]

    with orders(server) as network:
        found = asyncio.run(ask(network.grpc_aio_channel("orders")))

    assert [each.value for each in found] == [b"got x", b"re: a"]


def test_metadata_and_errors_are_passed_on(server: Any) -> None:  # noqa: ANN401  # a server
    """A client sees what the servicer set, and nothing of grpc_testing's own."""
    with orders(server) as network:
        stub = method(channel_to(network), "Get")
        _, call = stub.with_call(Text(value=b"x"))
        assert dict(call.initial_metadata())["head"] == "1"
        assert call.trailing_metadata() == (("tail", "2"),)
        with pytest.raises(grpc.RpcError) as raised:
            stub(Text(value=b"abort"))
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
        missing = channel_to(network).unary_unary("/test.Orders/Missing")
        with pytest.raises(grpc.RpcError) as raised:
            missing(b"")
        assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_fake_time_is_the_time_of_the_network(
    server: Any,  # noqa: ANN401  # a server
    servicer: Servicer,
) -> None:
    """A deadline passes when the clock of the network does, and nobody sleeps."""
    with orders(server) as network:
        call = method(channel_to(network), "Get").future(
            Text(value=b"wait"), timeout=30
        )
        assert servicer.waiting.wait(10)
        network.clock.advance(31)
        with pytest.raises(grpc.RpcError) as raised:
            call.result(10)

    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_cancelled_call_ends(server: Any, servicer: Servicer) -> None:  # noqa: ANN401  # a server
    """A client that goes takes its call with it."""
    with orders(server) as network:
        call = method(channel_to(network), "Get").future(Text(value=b"wait"))
        assert servicer.waiting.wait(10)
        call.cancel()

    assert call.code() is grpc.StatusCode.CANCELLED


def test_server_that_is_built_otherwise_is_refused() -> None:
    """A new version without the names that are read here is told from a mistake."""
    assert refused(TestingTarget, object(), lambda _: None) == [
        (
            "a server of `grpc_testing` that is built otherwise: "
            "'object' object has no attribute '_serverish'"
        ),
        "register its servicers on a GrpcTarget, which needs no grpc_testing",
    ]
