"""One call: what `tests/conformance/test_grpc.py` does not compare."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from pytest_lattice import LatticeError, assert_routed
from pytest_lattice.model.grpc_wire import frame
from tests.grpc_calls import Servicer, channel_to, failing, orders, path, served_by

if TYPE_CHECKING:
    from collections.abc import Callable


def test_exception_of_the_servicer_is_the_cause() -> None:
    """A failing test shows where the servicer raised."""
    with orders(served_by(Servicer())) as network:
        stub = channel_to(network).unary_unary(path("Get"))
        with pytest.raises(grpc.RpcError) as raised:
            stub(b"raise")

    assert isinstance(raised.value.__cause__, ValueError)
    assert "UNKNOWN" in str(raised.value)


def test_request_that_cannot_be_written_fails() -> None:
    """A serializer that fails ends the call before it is made."""
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network)
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Get"), failing)(b"x")
        assert raised.value.details() == "Exception serializing request!"
        with pytest.raises(grpc.RpcError) as raised:
            channel.stream_unary(path("Sum"), failing)(iter([b"x"]))
        assert raised.value.details() == "Exception serializing request!"
        assert len(network.exchanges) == 1


def test_response_that_cannot_be_read_fails() -> None:
    """A deserializer that fails ends the call, of either kind."""
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network)
        asks: list[Callable[[], Any]] = [
            lambda: channel.unary_unary(path("Get"), None, failing)(b"x"),
            lambda: next(channel.unary_stream(path("List"), None, failing)(b"x")),
        ]
        for ask in asks:
            with pytest.raises(grpc.RpcError) as raised:
                ask()
            assert raised.value.code() is grpc.StatusCode.INTERNAL


def test_closed_network_is_an_error_of_ours() -> None:
    """What is no answer of a network is raised as it is, and never hangs."""
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network)
    with pytest.raises(LatticeError, match="closed"):
        channel.unary_unary(path("Get"))(b"x")
    with pytest.raises(LatticeError, match="closed"):
        list(channel.unary_stream(path("List"))(b"x"))
    assert isinstance(
        channel.unary_unary(path("Get")).future(b"x").exception(), LatticeError
    )


def test_future_can_be_awaited_for_a_while() -> None:
    """A future tells that it runs, and a wait for it may end first."""
    servicer = Servicer()
    with orders(served_by(servicer)) as network:
        call = channel_to(network).unary_unary(path("Get")).future(b"wait")
        assert servicer.seen.get(timeout=10) == "waiting"
        assert call.running()
        assert call.is_active()
        assert "in flight" in repr(call)
        with pytest.raises(grpc.FutureTimeoutError):
            call.result(0)
        call.cancel()
        assert servicer.seen.get(timeout=10) == "active: False"
        assert call.add_callback(lambda: None) is False
        with pytest.raises(grpc.FutureCancelledError):
            call.exception()


def test_stream_in_flight_shows_its_decision() -> None:
    """An assertion accepts a stream before it has ended, and after."""
    with orders(served_by(Servicer())) as network:
        call = channel_to(network).unary_stream(path("List"))(b"x")
        assert_routed(call, to="rates")
        assert len(list(call)) == 40
        assert_routed(call, to="rates")


def test_cancelled_stream_is_logged_as_closed_by_its_client() -> None:
    """Who leaves a stream closed the connection."""
    with orders(served_by(Servicer())) as network:
        call = channel_to(network).unary_stream(path("List"))(b"wait")
        next(call)
        call.cancel()
        for each in threading.enumerate():
            if each.name.startswith("pytest-lattice-grpc"):
                each.join(10)

        [entry] = network.access_log
        assert entry.failure_reason == "ClientConnectionClosed"


def test_deadline_passes_with_the_clock() -> None:
    """A call in flight ends when the network's clock has passed its deadline."""
    servicer = Servicer()
    with orders(served_by(servicer)) as network:
        call = channel_to(network).unary_unary(path("Get")).future(b"wait", timeout=60)
        assert servicer.seen.get(timeout=10) == "waiting"
        network.clock.advance(30)
        assert call.running()
        network.clock.advance(30)
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert servicer.seen.get(timeout=10) == "active: False"


@pytest.mark.parametrize("seconds", [0, -1])
def test_deadline_that_has_passed_sends_nothing(seconds: int) -> None:
    """Who has no time left is told so, and nobody is asked."""
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network)
        calls = [
            channel.unary_unary(path("Get")).future(b"x", timeout=seconds),
            channel.unary_stream(path("List"))(b"x", timeout=seconds),
        ]
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(path("Get"))(b"x", timeout=seconds)

        for each in (*calls, raised.value):
            assert each.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(network.exchanges) == 0


def test_deadline_that_has_passed_on_the_way_is_the_servicers_too() -> None:
    """A servicer is not called for a request that comes too late."""
    servicer = Servicer()
    headers = {"content-type": "application/grpc", "grpc-timeout": "0u"}
    with orders(served_by(servicer)) as network:
        network.client("orders", http2=True).post(
            path("Get"), content=frame(b"wait"), headers=headers
        )

        assert network.access_log[-1].grpc_response_code == 4
        assert servicer.seen.empty()
