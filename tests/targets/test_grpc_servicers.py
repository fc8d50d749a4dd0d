"""What generated code meets in place of a server."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from pytest_lattice import ConfigurationError, GrpcTarget
from pytest_lattice.targets.grpc_servicers import CallDetails
from tests.grpc_calls import Servicer, channel_to, get, orders, served_by

DETAILS = CallDetails("/test.Orders/Get", (("a", "b"),))


class Tag(grpc.ServerInterceptor):
    """Notes that it was asked; one named `stop` answers by itself."""

    def __init__(self, name: str, asked: list[str]) -> None:
        """Take a name."""
        self.name = name
        self.asked = asked

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401  # as grpc has it
        """Note the call."""
        self.asked.append(f"{self.name} {handler_call_details.method}")
        if self.name == "stop":
            return grpc.unary_unary_rpc_method_handler(lambda *_: b"stopped")
        return continuation(handler_call_details)


@pytest.mark.parametrize(
    ("names", "answer"),
    [(["one", "two"], b"got x"), (["one", "stop", "three"], b"stopped")],
)
def test_interceptors_stand_in_order(names: list[str], answer: bytes) -> None:
    """Interceptors are asked in order, and each can answer in place of the next."""
    asked: list[str] = []
    target = served_by(Servicer(), interceptors=[Tag(each, asked) for each in names])
    with orders(target) as network:
        found = get(b"x")(channel_to(network))

    assert found["responses"] == [answer]
    assert asked == [f"{each} {DETAILS.method}" for each in names[:2]]


def test_first_handler_that_knows_the_method_answers() -> None:
    """Handlers are asked in the order in which they were registered."""
    target = served_by(Servicer())
    target.add_registered_method_handlers("test.Orders", {})

    assert target.find(DETAILS).unary_unary is not None
    assert target.find(DETAILS._replace(method="/other/Get")) is None


def test_ports_are_refused() -> None:
    """A target has no socket; the message says how clients come."""
    with pytest.raises(ConfigurationError, match="no port") as raised:
        GrpcTarget().add_insecure_port("[::]:50051")
    assert "grpc_channel" in raised.value.__notes__[0]
    with pytest.raises(ConfigurationError, match="no port"):
        GrpcTarget().add_secure_port("[::]:50051", object())
