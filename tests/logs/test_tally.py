"""Exchanges, counted by resource and minute."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_lattice.logs.tally import Kind, Tally
from tests.shop import READ_ONLY, shop

if TYPE_CHECKING:
    from pytest_lattice import Exchange, LatticeNetwork

FIRST = 29_453_760  # the first minute of 2026


def tally_of(network: LatticeNetwork) -> tuple[Tally, tuple[Exchange, ...]]:
    """Count what a network has seen."""
    tally = Tally()
    tally.fold(network.exchanges)
    return tally, network.exchanges


def test_exchange_counts_for_service_and_target_group() -> None:
    """What was forwarded counts for both, in the minute in which it ended."""
    with shop() as network:
        network.clock.advance(90)
        network.client("orders").get("/")
        tally, _ = tally_of(network)
        service = network.service("orders").arn
        group = network.configuration.target_group("web").arn

    assert sorted(tally.arns()) == sorted([service, group])
    assert tally.first(service) == tally.first(group) == FIRST + 1
    counted = Counter([Kind(200, None, 0, tried=True)])
    assert tally.within(group, range(FIRST, FIRST + 3)) == [
        Counter(),
        counted,
        Counter(),
    ]
    assert tally.within(group, range(FIRST, FIRST + 3, 3)) == [counted]


def test_denied_exchange_counts_for_the_service_only() -> None:
    """Where no target group was chosen there is none to count for."""
    with shop(READ_ONLY) as network:
        network.client("orders").get("/")
        tally, _ = tally_of(network)
        service = network.service("orders").arn

    assert tally.arns() == (service,)
    assert tally.within(service, range(FIRST, FIRST + 1)) == [
        Counter([Kind(403, "ClientAccessDenied", 0, tried=False)])
    ]


def test_unknown_host_counts_for_nothing() -> None:
    """A request that comes to no service belongs to nobody."""
    with shop() as network:
        network.client().get("http://nobody.example/")
        tally, exchanges = tally_of(network)

    assert len(exchanges) == 1
    assert tally.arns() == ()


def test_resource_without_traffic_has_no_first_minute() -> None:
    """There is a difference between nothing and zero."""
    assert Tally().first("arn") is None
    assert Tally().within("arn", range(2)) == [Counter(), Counter()]


def test_memory_grows_with_minutes_and_not_with_requests() -> None:
    """Requests that are alike share one counter."""
    with shop() as network:
        client = network.client("orders")
        for _ in range(50):
            client.get("/")
        tally, _ = tally_of(network)
        (kinds,) = tally.within(network.service("orders").arn, range(FIRST, FIRST + 1))

    assert kinds == {Kind(200, None, 0, tried=True): 50}
