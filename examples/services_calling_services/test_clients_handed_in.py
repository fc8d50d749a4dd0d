"""A service whose handler calls another service through the network.

The shop asks for a price; both live behind the service network, and the shop calls
prices by its DNS name, with a client that lives in the shop's own VPC.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask

from pytest_lattice import (
    BlockingCallError,
    Forward,
    Listener,
    Service,
    TargetGroup,
    assert_logged,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from pytest_lattice import LatticeNetwork

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]


def shop_app(prices: httpx.Client) -> Flask:
    """Make the shop, which asks prices for each item (WSGI)."""
    app = Flask("shop")

    @app.get("/cart/<item>")
    def cart(item: str) -> dict[str, object]:
        price = prices.get(f"/prices/{item}").raise_for_status().json()
        return {"item": item, "price": price}

    return app


async def prices_app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer each item with a price (ASGI)."""
    if scope["type"] != "http":
        return
    body = json.dumps(len(scope["path"])).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def https(target_group: str) -> list[Listener]:
    """Make the one listener that each service here has."""
    return [Listener("HTTPS", default=Forward(target_group))]


@pytest.fixture
def network(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """The service prices, and the service shop in front of it."""
    lattice_network.add(
        TargetGroup("prices", targets=[prices_app]),
        Service("prices", listeners=https("prices")),
    )
    shop = shop_app(lattice_network.client("prices"))
    lattice_network.add(
        TargetGroup("shop", targets=[shop]),
        Service("shop", listeners=https("shop")),
    )
    return lattice_network


def test_the_shop_asks_for_the_price(network: LatticeNetwork) -> None:
    """A call from outside makes a call inside; both are in the access log."""
    response = network.client("shop").get("/cart/tea")

    assert response.json() == {"item": "tea", "price": len("/prices/tea")}
    assert_logged(network, request_path="/cart/tea", response_code=200, count=1)
    assert_logged(network, request_path="/prices/tea", response_code=200, count=1)


def test_an_async_test_calls_the_same_shop(network: LatticeNetwork) -> None:
    """An async client in front of the blocking shop needs nothing else."""

    async def call() -> httpx.Response:
        async with network.async_client("shop") as client:
            return await client.get("/cart/tea")

    assert asyncio.run(call()).json() == {"item": "tea", "price": len("/prices/tea")}


def test_an_async_handler_must_not_block(lattice_network: LatticeNetwork) -> None:
    """A blocking client inside an async handler would wait for itself: refused."""
    prices = lattice_network

    async def impatient(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            prices.client("prices").get("/")

    lattice_network.add(
        TargetGroup("prices", targets=[prices_app]),
        Service("prices", listeners=https("prices")),
        TargetGroup("impatient", targets=[impatient]),
        Service("impatient", listeners=https("impatient")),
    )

    with pytest.raises(BlockingCallError):
        lattice_network.client("impatient").get("/")
