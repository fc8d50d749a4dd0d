"""gRPC targets as the network sees them: bytes, trailers, the log."""

from __future__ import annotations

import anyio
import pytest

from pytest_lattice import ConfigurationError, GrpcTarget, TargetGroup, assert_logged
from pytest_lattice.model.grpc_wire import frame, messages
from tests.grpc_calls import CALLS, Servicer, channel_to, orders, path, served_by
from tests.model.refusals import refused


def test_status_is_in_the_log() -> None:
    """A call is logged as HTTP 200 with its gRPC status, whatever that is."""
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network)
        for name in ("unary", "abort", "stream", "stream that raises"):
            CALLS[name](channel)

        codes = [each.grpc_response_code for each in network.access_log]
        assert codes == [0, 5, 0, 2]
        assert_logged(network, response_code=200, protocol="HTTP/2", count=4)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_httpx_may_speak_grpc_by_hand(backend: str) -> None:
    """Whoever writes frames into HTTP/2 is a gRPC client, blocking or not."""
    headers = {"content-type": "application/grpc", "te": "trailers"}
    with orders(served_by(Servicer())) as network:

        async def ask() -> bytes:
            async with network.async_client("orders", http2=True) as client:
                answer = await client.post(
                    path("Chat"), content=frame(b"a") + frame(b"b"), headers=headers
                )
                return answer.content

        blocking = network.client("orders", http2=True).post(
            path("Chat"), content=frame(b"a") + frame(b"b"), headers=headers
        )
        answers = [blocking.content, anyio.run(ask, backend=backend)]

    assert blocking.headers["content-type"] == "application/grpc"
    for each in answers:
        assert list(messages(each)) == [b"re: a", b"re: b"]


def test_grpc_needs_a_group_that_speaks_it() -> None:
    """A gRPC server in an HTTP1 group is refused, with what to write."""
    with orders() as network:
        with pytest.raises(ConfigurationError, match="speaks gRPC") as raised:
            network.add(TargetGroup("web", targets=[GrpcTarget()]))
        assert 'protocol_version="GRPC"' in raised.value.__notes__[0]


def test_lambda_group_takes_no_servicer() -> None:
    """A gRPC server is no function; it is refused when it is declared."""
    with orders() as network:
        assert refused(
            network.add, TargetGroup("function", type="LAMBDA", targets=[GrpcTarget()])
        ) == [
            "target group `function`: `GrpcTarget` speaks gRPC",
            'leave out type="LAMBDA", and write protocol_version="GRPC"',
        ]
