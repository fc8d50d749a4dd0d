"""The manifests of the orders service, tested before they are applied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import (
    LatticeNetwork,
    LatticeWarning,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
    load_gateway_api,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx

HERE = Path(__file__).parent
INVOKE = "VPCLatticeServicesInvokeAccess"


def version(name: str) -> Callable[..., Iterable[bytes]]:
    """Make the WSGI app of one version; yours would be imported."""

    def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("content-type", "text/plain")])
        return [name.encode()]

    return app


@pytest.fixture
def shops(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """Load the manifests as they are, with an app behind each Service."""
    apps = {name: version(name) for name in ("orders-v1", "orders-v2", "orders-admin")}
    lattice_network.add(
        *load_gateway_api(HERE / "manifests", targets=apps, strict=True)
    )
    return lattice_network


def checkout(shops: LatticeNetwork, **tags: str) -> httpx.Client:
    """Make a client that signs as the role of the policy."""
    shops.role("checkout", policies=[INVOKE], tags=tags)
    return shops.client("shop/orders", role="checkout")


def test_the_new_version_gets_a_tenth(shops: LatticeNetwork) -> None:
    """The weights of the route are those of the traffic."""
    client = checkout(shops)
    responses = [client.get("/orders/7") for _ in range(100)]

    assert_weights(responses, {"shop/orders-v1": 90, "shop/orders-v2": 10})


def test_testers_get_the_new_version(shops: LatticeNetwork) -> None:
    """A header leads to the canary whatever the weights are."""
    client = checkout(shops)
    response = client.get("/orders/7", headers={"X-Canary": "true"})

    assert_routed(response, rule=2, to="shop/orders-v2")
    assert response.text == "orders-v2"


def test_only_checkout_may_call(shops: LatticeNetwork) -> None:
    """The IAMAuthPolicy is the auth policy of the service."""
    assert_allowed(checkout(shops).get("/orders"))
    assert_denied(shops.client("shop/orders").get("/orders"), layer="service")


def test_admin_is_for_support(shops: LatticeNetwork) -> None:
    """The tag of the caller's role opens one path."""
    response = checkout(shops, team="support").get("/orders/admin")

    assert_routed(response, rule=1, to="shop/orders-admin")


def test_admin_is_for_nobody_else(shops: LatticeNetwork) -> None:
    """Without the tag, the role is denied there and allowed elsewhere."""
    client = checkout(shops, team="shop")

    assert_denied(client.get("/orders/admin"), layer="service")
    assert_allowed(client.get("/orders"))


def test_order_of_rules_shadows_a_route(lattice_network: LatticeNetwork) -> None:
    """The first rule in the file wins; the warning names the rule nobody reaches."""
    manifests = [HERE / "manifests" / "gateway.yaml", HERE / "shadowed.yaml"]
    apps = {name: version(name) for name in ("orders-v1", "orders-admin")}
    with pytest.warns(LatticeWarning, match=r"no request reaches rules\[1\]"):
        lattice_network.add(*load_gateway_api(manifests, targets=apps))
    response = lattice_network.client("shop/orders").get("/orders/admin")

    assert_routed(response, rule=1, to="shop/orders-v1")  # and not to orders-admin
