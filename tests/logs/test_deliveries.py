"""Which exchanges a subscription gets, and their delivery to files."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import AccessLogSubscription
from pytest_lattice.logs.deliveries import Deliveries, delivered
from tests.model.refusals import refused
from tests.shop import READ_ONLY, shop

if TYPE_CHECKING:
    from pathlib import Path


def test_log_that_is_off_is_refused() -> None:
    """Who asks for a log that nobody switched on is told how to."""
    with shop() as network:
        assert refused(delivered, (), network.configuration, "orders") == [
            "the access log of `orders` is off",
            'add AccessLogSubscription("orders")',
        ]


def test_service_and_network_get_the_same_exchange() -> None:
    """An exchange belongs to its service and to its service network."""
    with shop() as network:
        network.add(AccessLogSubscription("orders"), AccessLogSubscription("mall"))
        network.client("orders").get("/")
        for resource in ("orders", "mall"):
            found = list(delivered(network.exchanges, network.configuration, resource))
            assert found == list(network.exchanges)


@pytest.mark.parametrize("resource", ["orders", "mall"])
def test_file_gets_a_line_for_each_exchange(resource: str, tmp_path: Path) -> None:
    """A denied call is delivered like any other, with the layer that refused."""
    file = tmp_path / "access.log"
    with shop(READ_ONLY) as network:
        network.add(AccessLogSubscription(resource, destination=file))
        network.client("orders").get("/")
        deliveries = Deliveries(network.clock, 10)
        deliveries.write(network.exchanges[0])
        with ExitStack() as stack:
            deliveries.close(stack)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    assert [each["authDeniedReason"] for each in lines] == ["Service"] * 2
