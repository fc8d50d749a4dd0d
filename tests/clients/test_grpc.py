"""Channels into the network: routing, errors of the network, interceptors, auth."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import pytest

from pytest_lattice import (
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    assert_allowed,
    assert_denied,
    assert_logged,
    assert_routed,
    assert_weights,
)
from tests.grpc_calls import Servicer, channel_to, orders, path, served_by
from tests.shop import INVOKE, OPEN, policy, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

# What grpc hands to interceptors, whose types are generic.
Given: TypeAlias = Any


def failure(channel: Any, method: str = "Get", **options: Any) -> Any:  # noqa: ANN401  # a call
    """Make a call that fails, and return the error."""
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(path(method))(b"x", **options)
    return raised.value


def guarded(auth_policy: Any) -> LatticeNetwork:  # noqa: ANN401  # a document
    """Declare the service `orders` with a policy, and the role `checkout`."""
    network = orders(served_by(Servicer()), auth_policy=auth_policy)
    network.role("checkout", policies=[INVOKE])
    return network


def test_call_is_routed_by_path_and_metadata() -> None:
    """Rules see the method as path, POST, and metadata as headers."""
    rules = [
        Rule(
            1,
            path=path("Get"),
            method="POST",
            headers={"tenant": "blue"},
            action=FixedResponse(404),
        ),
    ]
    with orders(served_by(Servicer()), rules=rules) as network:
        channel = channel_to(network)
        error = failure(channel, metadata=(("tenant", "blue"),))

        assert_routed(error, rule=1)
        assert (error.code(), error.details()) == (
            grpc.StatusCode.UNIMPLEMENTED,
            "Not Found",
        )
        _, call = channel.unary_unary(path("Get")).with_call(b"x")
        assert_routed(call, to="rates")


def test_weights_are_those_of_the_rule() -> None:
    """Calls are shared among groups as requests are."""
    with LatticeNetwork() as network:
        for name in ("old", "new"):
            network.add(
                TargetGroup(
                    name, protocol_version="GRPC", targets=[served_by(Servicer())]
                )
            )
        default = Forward({"old": 90, "new": 10})
        network.add(Service("orders", listeners=[Listener("HTTPS", default=default)]))
        stub = channel_to(network).unary_unary(path("Get"))
        calls = [stub.with_call(b"x")[1] for _ in range(50)]

        assert_weights(calls, {"old": 90, "new": 10})


@pytest.mark.parametrize("streams", [False, True])
def test_denied_call_has_permission_denied(streams: bool) -> None:  # noqa: FBT001  # a parameter
    """A 403 is PERMISSION_DENIED with the body as message, also for a stream."""
    with guarded(policy(statement(Principal={"AWS": "123456789012"}))) as network:
        channel = channel_to(network)
        if streams:
            call = channel.unary_stream(path("List"))(b"x")
            with pytest.raises(grpc.RpcError):
                next(call)
            error: Any = call
        else:
            error = failure(channel)

        assert error.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "not authorized" in error.details()
        assert_denied(error, layer="service")
        assert_logged(network, response_code=403, grpc_response_code=None, count=1)


def test_role_signs_each_call() -> None:
    """A channel of a role is who the role is; a servicer sees its identity."""
    with guarded(OPEN) as network:
        channel = channel_to(network, role="checkout")
        _, call = channel.unary_unary(path("Get")).with_call(
            b"x", metadata=(("tenant", "blue"),)
        )

        assert_allowed(call, by="Everybody")
        [entry] = network.access_log
        assert "role/checkout" in entry.caller_principal


def test_interceptors_of_grpc_are_accepted() -> None:
    """`grpc.intercept_channel` works, and each call is signed after it."""

    class AddTenant(grpc.UnaryUnaryClientInterceptor):
        def intercept_unary_unary(
            self,
            continuation: Given,
            client_call_details: Given,
            request: Given,
        ) -> Any:  # noqa: ANN401  # a call
            client_call_details.metadata.append(("tenant", "blue"))
            return continuation(client_call_details, request)

    with guarded(OPEN) as network:
        channel = channel_to(network, role="checkout")
        intercepted: Any = grpc.intercept_channel(channel, AddTenant())
        stub = intercepted.unary_unary(path("Get"))
        answer, call = stub.with_call(b"metadata", metadata=[("more", "x")])
        with pytest.raises(grpc.RpcError) as raised:
            stub(b"abort", metadata=[])
        later = stub.future(b"x", metadata=[])

        assert b"('tenant', 'blue')" in answer
        for each in (call, raised.value, later):
            assert_allowed(each, by="Everybody")
            assert_routed(each, to="rates")


def test_errors_of_the_network_are_statuses() -> None:
    """Mismatched protocols are 502, which gRPC calls UNAVAILABLE."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("web", targets="echo"),
            Service("orders", listeners=[Listener("HTTPS", default=Forward("web"))]),
        )
        error = failure(channel_to(network))

        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert error.details() == "Bad Gateway"
        assert "gRPC does not go with target group `web`" in error.debug_error_string()


def test_plain_answer_of_a_target_is_worded_by_grpc() -> None:
    """An HTTP answer of a target itself is no message of the network."""

    def app(environ: Any, start_response: Any) -> list[bytes]:  # noqa: ANN401  # WSGI
        start_response("503 Service Unavailable", [])
        return [b"later"]

    with LatticeNetwork() as network:
        network.add(
            TargetGroup("web", protocol_version="HTTP2", targets=[app]),
            Service("orders", listeners=[Listener("HTTPS", default=Forward("web"))]),
        )
        error = failure(channel_to(network))

        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert error.details() == "Received http2 header with status: 503"


def test_vpc_that_is_not_associated_cannot_connect() -> None:
    """Where httpx has a transport error, a call is UNAVAILABLE without an exchange."""
    with orders(served_by(Servicer())) as network:
        network.add(
            Vpc("here"),
            Vpc("elsewhere"),
            ServiceNetwork("mall", services=["orders"], vpcs=["here"]),
        )
        error = failure(channel_to(network, vpc="elsewhere"))

        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert error.details().startswith("failed to connect to all addresses")
        assert error.initial_metadata() == ()


@pytest.fixture
def both() -> Iterator[LatticeNetwork]:
    """A service with REST on 443 and gRPC on 50051, of which strangers get nothing."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("web", targets="echo"),
            TargetGroup(
                "rates", protocol_version="GRPC", targets=[served_by(Servicer())]
            ),
            Service(
                "orders",
                auth_policy=policy(
                    statement(Sid="Account", Principal={"AWS": "123456789012"})
                ),
                listeners=[
                    Listener("HTTPS", default=Forward("web")),
                    Listener("HTTPS", port=50051, default=Forward("rates")),
                ],
            ),
        )
        network.role("checkout", policies=[INVOKE])
        yield network


def test_rest_and_grpc_live_on_one_service(both: LatticeNetwork) -> None:
    """REST on 443 and gRPC on 50051 are reached by their clients, and told apart."""
    stub: Any = both.grpc_channel("orders", port=50051, role="checkout").unary_unary(
        path("Get")
    )
    _, call = stub.with_call(b"x")
    with pytest.raises(grpc.RpcError) as failed:
        stub(b"abort")
    rest = both.client("orders", role="checkout").get("/")
    error = failure(both.grpc_channel("orders", port=50051))

    assert_routed(rest, to="web")
    for each in (call, failed.value):
        assert_routed(each, to="rates", rule="default")
        assert_allowed(each, by="Account")
    assert_weights([call, failed.value], {"rates": 1})
    assert_denied(error, layer="service")
    assert_denied(both.client("orders").get("/"), layer="service")
    assert_logged(both, grpc_response_code=0, protocol="HTTP/2", count=1)
    assert_logged(both, grpc_response_code=5, response_code=200, count=1)
    assert_logged(both, auth_denied_reason="Service", count=2)
    assert both.exchanges[0].request.host.endswith(":50051")


def test_async_calls_suit_every_assertion(both: LatticeNetwork) -> None:
    """Calls of `grpc.aio` and the errors they raise are what assertions take."""

    async def ask() -> None:
        channel: Any = both.grpc_aio_channel("orders", port=50051, role="checkout")
        stranger: Any = both.grpc_aio_channel("orders", port=50051)
        call = channel.unary_unary(path("Get"))(b"x")
        await call
        listed = channel.unary_stream(path("List"))(b"x")
        assert len([each async for each in listed]) == 40
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await channel.unary_unary(path("Get"))(b"abort")
        denied = stranger.unary_stream(path("List"))(b"x")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await denied.read()
        rest = await both.async_client("orders", role="checkout").get("/")

        assert_routed(rest, to="web")
        for each in (call, listed, failed.value):
            assert_routed(each, to="rates")
            assert_allowed(each, by="Account")
        assert_weights([call, listed, failed.value], {"rates": 1})
        for each in (denied, refused.value):
            assert_denied(each, layer="service")

    asyncio.run(ask())
    assert_logged(both, grpc_response_code=0, count=2)


@pytest.mark.parametrize(
    "metadata",
    [[(f"a{number}", "x") for number in range(120)], [("a", "x" * 62_000)]],
    ids=["too many", "too large"],
)
def test_metadata_has_the_limits_of_headers(metadata: list[tuple[str, str]]) -> None:
    """What is too much is the network's 400, so INTERNAL; no target sees it."""
    with orders(served_by(Servicer())) as network:
        error = failure(channel_to(network), metadata=metadata)

        assert error.code() is grpc.StatusCode.INTERNAL
        assert error.details() == "Bad Request"
        assert_logged(
            network,
            response_code=400,
            failure_reason="ClientProtocolError",
            grpc_response_code=None,
            count=1,
        )


def test_other_calls_do_not_reach_a_grpc_group() -> None:
    """HTTP/1.1, and HTTP/2 but POST, are 502; a body without frames is INTERNAL."""
    with orders(served_by(Servicer())) as network:
        one, two = network.client("orders"), network.client("orders", http2=True)
        statuses = [
            one.post(path("Get"), content=b"{}").status_code,
            two.get(path("Get")).status_code,
            two.post(path("Get"), content=b"{}").status_code,
        ]

        assert statuses == [502, 502, 200]
        assert network.access_log[-1].grpc_response_code == 13


def test_channel_is_ready_until_it_is_closed() -> None:
    """Its connectivity never changes; closed, it makes no calls."""
    with orders(served_by(Servicer())) as network:
        states: list[grpc.ChannelConnectivity] = []
        with channel_to(network) as channel:
            channel.subscribe(states.append)
            channel.unsubscribe(states.append)
            grpc.channel_ready_future(channel).result(1)
            assert "orders" in repr(channel)
        assert states == [grpc.ChannelConnectivity.READY]
        with pytest.raises(ValueError, match="closed channel"):
            channel.unary_unary(path("Get"))(b"x")


def test_call_credentials_are_refused() -> None:
    """What would silently do nothing is an error."""
    with orders(served_by(Servicer())) as network:
        stub = channel_to(network).unary_unary(path("Get"))
        with pytest.raises(ValueError, match="role="):
            stub(b"x", credentials=object())
