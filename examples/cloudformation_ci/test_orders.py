"""What the template says, asked before it is deployed.

The first tests let the built-in echo answer, so they need nothing but the template; the
last ones put the real apps behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.cloudformation_ci.conftest import TEMPLATE
from examples.cloudformation_ci.orders import handler, machine
from pytest_lattice import (
    ConfigurationError,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
    load_cloudformation,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice import LatticeNetwork

    Deploy = Callable[..., LatticeNetwork]


@pytest.mark.parametrize("canary", [0, 5, 25])
def test_the_canary_gets_its_share(deploy: Deploy, canary: int) -> None:
    """A step of the rollout is a parameter; the split is the one that is written."""
    network = deploy(CanaryWeight=canary)
    client = network.client("orders-prod", role="CheckoutRole")

    responses = [client.get("/orders/1") for _ in range(100 + canary)]

    assert_weights(responses, {"orders-stable": 100, "orders-canary": canary})


def test_beta_users_get_the_canary(deploy: Deploy) -> None:
    """The header decides; the case of the path does not, as CloudFormation has it."""
    client = deploy().client("orders-prod", role="CheckoutRole")
    beta = {"x-beta": "1"}

    assert_routed(client.get("/orders/v2/1", headers=beta), rule="beta-users")
    assert_routed(client.get("/orders/V2/1", headers=beta), rule="beta-users")
    assert_routed(client.get("/orders/v2/1"), to="orders-stable")


def test_only_the_checkout_may_call(deploy: Deploy) -> None:
    """The role of the template is let in, and nobody else."""
    network = deploy()
    checkout = network.client("orders-prod", role="CheckoutRole")

    assert_allowed(checkout.get("/orders/1"), by="CheckoutReadsAndWrites")
    assert_denied(checkout.get("/admin"), layer="service")
    assert_denied(network.client("orders-prod").get("/orders/1"), layer="service")


@pytest.mark.parametrize(
    ("stage", "path", "denied"),
    [
        ("prod", "/orders/1", True),
        ("test", "/orders/1", False),
        ("test", "/orders/archive/1", True),
    ],
)
def test_deletion_depends_on_the_stage(
    deploy: Deploy, stage: str, path: str, *, denied: bool
) -> None:
    """In production nobody deletes, in the test stage only the archive is kept."""
    client = deploy(Stage=stage).client(f"orders-{stage}", role="CheckoutRole")
    response = client.delete(path)

    if denied:
        assert_denied(response, by="NobodyDeletesInProd")
    else:
        assert_allowed(response)


def test_both_apps_answer_the_same(deploy: Deploy) -> None:
    """The machine and the function that replaces it give the same order."""
    apps = {"Machine": machine, "OrdersFunction": handler}
    client = deploy(apps).client("orders-prod", role="CheckoutRole")

    stable = client.get("/orders/7")
    canary = client.get("/orders/v2/7", headers={"x-beta": "1"})

    assert_routed(stable, to="orders-stable")
    assert_routed(canary, to="orders-canary")
    assert (stable.text, canary.text) == ("order 7", "order v2/7")


def test_what_is_not_known_is_asked_for() -> None:
    """Without the network's ARN the template does not load; nothing is guessed."""
    with pytest.raises(ConfigurationError) as caught:
        load_cloudformation(TEMPLATE, parameters={"Stage": "test"})

    assert "ServiceNetworkIdentifier is not known before deployment" in str(
        caught.value
    )
    assert caught.value.__notes__ == ['pass parameters={"NetworkArn": …}']
