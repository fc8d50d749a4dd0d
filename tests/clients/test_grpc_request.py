"""What a call is in HTTP."""

from __future__ import annotations

import pytest

from tests.grpc_calls import Servicer, channel_to, orders, path, served_by


def test_call_is_a_post_over_http2() -> None:
    """Path, method and headers are those that gRPC sends."""
    with orders(served_by(Servicer())) as network:
        channel_to(network).unary_unary(path("Get"))(
            b"x", timeout=2, metadata=(("a", "1"), ("b-bin", b"\xff"))
        )
        [exchange] = network.exchanges

    request = exchange.request
    assert (request.method, request.path, request.query) == ("POST", path("Get"), None)
    assert request.http_version == "HTTP/2"
    assert [
        pair for pair in request.headers if pair[0] not in {"host", "user-agent"}
    ] == [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-accept-encoding", "identity"),
        ("grpc-timeout", "2000000u"),
        ("a", "1"),
        ("b-bin", "/w"),
    ]


@pytest.mark.parametrize("name", ["vpc", "address"])
def test_channel_lives_in_a_vpc(name: str) -> None:
    """A channel has a place of its own, as a client has."""
    place = {"vpc": "default", "address": "10.0.0.7"}
    with orders(served_by(Servicer())) as network:
        channel = channel_to(network, **{name: place[name]})
        channel.unary_unary(path("Get"))(b"x")
        [exchange] = network.exchanges

    assert exchange.request.source.port == 32_768
    if name == "address":
        assert exchange.request.source.address == "10.0.0.7"
