"""Async servicers: what `tests/conformance/test_grpc.py` does not compare."""

from __future__ import annotations

import asyncio
from typing import Any, TypeAlias

import anyio
import grpc
import grpc.aio
import pytest

from pytest_lattice import GrpcTarget
from pytest_lattice.model.grpc_wire import frame, messages
from tests.grpc_calls import (
    PAIRS,
    AioServicer,
    aget,
    channel_to,
    clean,
    orders,
    path,
    served_by,
)

# What grpc hands to interceptors, whose types are generic.
Given: TypeAlias = Any


def ask(behavior: Any, request: bytes = b"x") -> Any:  # noqa: ANN401  # a servicer's method, a response
    """Call a method from a blocking client."""
    methods: dict[str, Any] = {"Get": grpc.unary_unary_rpc_method_handler(behavior)}
    generic = grpc.method_handlers_generic_handler("test.Orders", methods)
    with orders(GrpcTarget(handlers=[generic])) as network:
        return channel_to(network).unary_unary(path("Get"))(request, timeout=30)


def test_context_tells_and_keeps() -> None:
    """A servicer asks its context for all that it knows, and is told of the end."""
    ended: list[Any] = []

    async def behavior(request: bytes, context: Any) -> bytes:  # noqa: ANN401  # a context
        context.add_done_callback(ended.append)
        context.set_code(grpc.StatusCode.OK)
        context.set_details("fine")
        context.set_trailing_metadata(PAIRS)
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        assert context.auth_context() == {}
        assert context.peer_identities() is context.peer_identity_key() is None
        await context.send_initial_metadata(())
        with pytest.raises(grpc.aio.UsageError):
            await context.send_initial_metadata(())
        told = (
            context.code().name,
            context.details(),
            clean(context.trailing_metadata()) == list(PAIRS),
            context.peer(),
            context.time_remaining(),
            context.cancelled(),
            context.done(),
        )
        return repr(told).encode()

    assert (
        ask(behavior)
        == repr(
            ("OK", "fine", True, "ipv4:169.254.171.1:49152", 30.0, False, False)
        ).encode()
    )
    assert len(ended) == 1


def test_abort_with_ok_is_unknown() -> None:
    """To abort means to fail, whatever status is given; grpc.aio would hang here."""

    async def behavior(request: bytes, context: Any) -> None:  # noqa: ANN401  # a context
        await context.abort(grpc.StatusCode.OK)

    with pytest.raises(grpc.RpcError) as raised:
        ask(behavior)
    assert raised.value.code() is grpc.StatusCode.UNKNOWN


class Gate(grpc.aio.ServerInterceptor):
    """Lets pass, or raises."""

    def __init__(self, *, opened: bool) -> None:
        """Open or close the gate."""
        self.opened = opened

    async def intercept_service(
        self,
        continuation: Given,
        handler_call_details: Given,
    ) -> Any:  # noqa: ANN401  # a handler
        """Go on, where it is open."""
        if not self.opened:
            raise ValueError("closed")
        return await continuation(handler_call_details)


@pytest.mark.parametrize("opened", [True, False])
def test_async_interceptors_are_asked(opened: bool) -> None:  # noqa: FBT001  # a parameter
    """Interceptors of `grpc.aio` stand before servicers, for both kinds of client."""
    target = served_by(AioServicer(), interceptors=[Gate(opened=opened)])
    with orders(target) as network:
        found = asyncio.run(_ask(network))
        if opened:
            assert channel_to(network).unary_unary(path("Get"))(b"x") == b"got x"
        else:
            with pytest.raises(grpc.RpcError):
                channel_to(network).unary_unary(path("Get"))(b"x")

    expected = grpc.StatusCode.OK if opened else grpc.StatusCode.UNKNOWN
    assert found["code"] is expected


async def _ask(network: Any) -> Any:  # noqa: ANN401  # a network, what was seen
    return await aget(b"x")(network.grpc_aio_channel("orders"))


def test_client_on_another_loop_is_served() -> None:
    """A servicer that lives on one loop answers callers on another, streams as well."""
    with orders(served_by(AioServicer())) as network:
        blocking = channel_to(network)
        first = list(blocking.stream_stream(path("Chat"))(iter([b"a", b"b"])))

        async def chat() -> list[bytes]:
            channel: Any = network.grpc_aio_channel("orders")
            written = channel.stream_stream(path("Chat"))()
            await written.write(b"a")
            await written.write(b"b")
            await written.done_writing()
            return [each async for each in written]

        assert asyncio.run(chat()) == asyncio.run(chat()) == first


def test_trio_may_speak_grpc_by_hand() -> None:
    """Under Trio a stream of requests is read whole, then answered."""
    headers = {"content-type": "application/grpc", "te": "trailers"}

    async def ask_chat() -> bytes:
        async def body() -> Any:  # noqa: ANN401  # chunks
            yield frame(b"a")
            yield frame(b"b")

        with orders(served_by(AioServicer())) as network:
            async with network.async_client("orders", http2=True) as client:
                answer = await client.post(
                    path("Chat"), content=body(), headers=headers
                )
                return answer.content

    for backend in ("trio", "asyncio"):
        found = anyio.run(ask_chat, backend=backend)
        assert list(messages(found)) == [b"re: a", b"re: b"]


def test_request_without_a_message_is_refused() -> None:
    """A method with one request needs one, as a real server says."""
    headers = {"content-type": "application/grpc", "te": "trailers"}
    with orders(served_by(AioServicer())) as network:
        network.client("orders", http2=True).post(path("Get"), headers=headers)

        assert [each.grpc_response_code for each in network.access_log] == [12]
