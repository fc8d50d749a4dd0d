"""The checkout calls the inventory through the network, unchanged.

`lattice_intercept` leads the client that the checkout makes itself to the inventory, as
the DNS name says; signature, auth policy and rules are those that it would meet on AWS.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from examples.services_calling_services import checkout, inventory
from pytest_lattice import (
    Forward,
    Listener,
    Rule,
    Service,
    TargetGroup,
    assert_logged,
)

if TYPE_CHECKING:
    import httpx

    from pytest_lattice import LatticeNetwork

# The guard of all tests here: nothing but the network may be called.
pytestmark = [
    pytest.mark.usefixtures("lattice_intercept"),
    pytest.mark.lattice_intercept(strict=True),
]

CHECKOUT_READS_STOCK = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "CheckoutReadsStock",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/checkout"},
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": "*",
            "Condition": {"StringEquals": {"vpc-lattice-svcs:RequestMethod": "GET"}},
        }
    ],
}


@pytest.fixture
def shop(
    lattice_network: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> LatticeNetwork:
    """Both services behind the network, and the environment of the checkout."""
    stock = Rule(10, path_prefix="/stock/", action=Forward("inventory"))
    lattice_network.add(
        TargetGroup("checkout", targets=[checkout.app]),
        Service("checkout", listeners=[Listener("HTTPS", default=Forward("checkout"))]),
        TargetGroup("inventory", targets=[inventory.app]),
        Service(
            "inventory",
            auth_policy=CHECKOUT_READS_STOCK,
            listeners=[
                Listener("HTTPS", default=Forward("inventory"), rules=[stock]),
            ],
        ),
    )
    role = lattice_network.role("checkout", policies=["VPCLatticeServicesInvokeAccess"])
    found = lattice_network.service("inventory")
    monkeypatch.setenv("INVENTORY_URL", f"https://{found.dns_name}")
    monkeypatch.setenv("AWS_REGION", found.region)
    for name, value in role.credentials.environ().items():
        monkeypatch.setenv(name, value)
    return lattice_network


@pytest.mark.parametrize(("item", "status"), [("tea", 201), ("coffee", 409)])
def test_an_order_asks_for_the_stock(
    shop: LatticeNetwork, item: str, status: int
) -> None:
    """A call from outside makes a signed call inside; both are in the access log."""
    response = shop.client("checkout").post(f"/orders/{item}")

    assert response.status_code == status
    assert_logged(shop, request_path=f"/orders/{item}", response_code=status, count=1)
    assert_logged(
        shop,
        request_path=f"/stock/{item}",
        response_code=200,
        caller_principal="arn:aws:sts::123456789012:assumed-role/checkout/test-session",
        count=1,
    )


def test_many_orders_at_once(shop: LatticeNetwork) -> None:
    """An async test calls the same service, here ten times side by side."""

    async def orders() -> list[httpx.Response]:
        async with shop.async_client("checkout") as client:
            return await asyncio.gather(
                *(client.post("/orders/tea") for _ in range(10))
            )

    assert [each.status_code for each in asyncio.run(orders())] == [201] * 10


def test_another_role_is_refused(
    shop: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deployed with the wrong role, the checkout gets a 403, and says so."""
    other = shop.role("returns", policies=["VPCLatticeServicesInvokeAccess"])
    for name, value in other.credentials.environ().items():
        monkeypatch.setenv(name, value)
    response = shop.client("checkout").post("/orders/tea")

    assert response.status_code == 502
    assert "403" in response.json()["problem"]
    assert_logged(shop, response_code=403, auth_denied_reason="Service", count=1)


def test_a_wrong_address_goes_nowhere(
    shop: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DNS name that no service has is a connection error, as it is on AWS."""
    name = shop.service("inventory").dns_name.replace("inventory", "inventary")
    monkeypatch.setenv("INVENTORY_URL", f"https://{name}")
    response = shop.client("checkout").post("/orders/tea")

    assert response.status_code == 502
    assert f"no service `{name}`" in response.json()["problem"]
