"""The seam between clients and the network: what a client of another library needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import FixedResponse, LatticeNetwork, Listener, Service
from pytest_lattice.clients.base import AsyncReply, Reply

if TYPE_CHECKING:
    from pytest_lattice import LatticeRequest
    from pytest_lattice.clients.base import Entrance


@pytest.fixture
def request_(network: LatticeNetwork) -> LatticeRequest:
    """A request to the only service of a network."""
    listener = Listener("HTTP", default=FixedResponse(404))
    network.add(Service("gone", listeners=[listener]))
    return network.decide("GET", "http://gone/").request


class Telnet:
    """A client that somebody else could write; it knows the entrance only."""

    def __init__(self, entrance: Entrance) -> None:
        self.entrance = entrance

    def say(self, request: LatticeRequest) -> str:
        """Make a request and write what came of it."""
        reply = self.entrance.handle(request, b"")
        assert isinstance(reply.body, bytes)
        if reply.exchange is None:
            return str(reply.decision.outcome)
        return f"{reply.exchange.response.status} {reply.body.decode()}"


def test_network_is_an_entrance(
    network: LatticeNetwork, request_: LatticeRequest
) -> None:
    """A client of any library can be put before a network."""
    assert Telnet(network.entrance).say(request_) == "404 Not Found"


def test_entrance_knows_short_names(
    network: LatticeNetwork, request_: LatticeRequest
) -> None:
    """A client asks the entrance what a short name means."""
    assert network.entrance.full_name("gone") == request_.server_name


def test_replies_of_both_kinds_are_alike(
    network: LatticeNetwork, request_: LatticeRequest
) -> None:
    """A blocking and an awaited reply carry decision, exchange and body."""
    blocking = network.entrance.handle(request_, b"")
    awaited = asyncio.run(network.entrance.ahandle(request_, b""))

    assert isinstance(blocking, Reply)
    assert isinstance(awaited, AsyncReply)
    assert blocking.body == awaited.body == b"Not Found"
    assert (blocking.exchange, awaited.exchange) == network.exchanges
    assert blocking.decision.outcome == awaited.decision.outcome


@pytest.mark.parametrize("kind", [Reply, AsyncReply])
def test_reply_is_a_value(
    network: LatticeNetwork, request_: LatticeRequest, kind: type[Reply | AsyncReply]
) -> None:
    """A reply does not change in the hands of a client."""
    decision = network.entrance.handle(request_, b"").decision
    reply = kind(decision, None, b"")

    with pytest.raises(AttributeError):
        reply.body = b"other"  # type: ignore[misc]  # what the test is about
    assert reply == kind(decision, None, b"")
