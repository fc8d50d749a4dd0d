"""What a plan changes, asked of the network before and after it.

Nothing here needs AWS or Terraform: both files are what ``terraform show -json`` wrote.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from examples.terraform_plan.orders import version_1, version_2
from pytest_lattice import (
    Admitted,
    LatticeNetwork,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
    load_terraform,
)

HERE = Path(__file__).parent
FUNCTIONS = {
    "aws_lambda_function.v1": version_1,
    "aws_lambda_function.v2": version_2,
}
CALLERS = ("checkout", "reporting", None)
PATHS = ("/orders/1", "/Orders/1", "/orders/exports/2026", "/refunds")


@pytest.fixture
def before() -> LatticeNetwork:
    """Run what is deployed."""
    network = LatticeNetwork(seed="before")
    deployed = {"aws_lambda_function.v1": version_1}
    network.add(*load_terraform(HERE / "state.json", targets=deployed))
    return network


@pytest.fixture
def after() -> LatticeNetwork:
    """Run what will be."""
    network = LatticeNetwork(seed="after")
    network.add(*load_terraform(HERE / "plan.json", targets=FUNCTIONS))
    return network


def admitted(network: LatticeNetwork) -> set[tuple[str, str | None]]:
    """Collect who may ask for what."""
    return {
        (path, caller)
        for path, caller in product(PATHS, CALLERS)
        if isinstance(
            network.authorize("GET", f"https://orders{path}", role=caller).outcome,
            Admitted,
        )
    }


def test_only_reporting_gains_access(
    before: LatticeNetwork, after: LatticeNetwork
) -> None:
    """Nobody loses access, and nobody but `reporting` gets in."""
    was, will_be = admitted(before), admitted(after)

    assert was - will_be == set()
    assert {caller for _, caller in will_be - was} == {"reporting"}


def test_strangers_stay_out(after: LatticeNetwork) -> None:
    """Who does not sign is denied by the service's own policy."""
    with after.client("orders") as client:
        assert_denied(client.get("/orders/1"), layer="service")


def test_a_tenth_of_the_orders_goes_to_the_new_version(
    before: LatticeNetwork, after: LatticeNetwork
) -> None:
    """The weights of the plan are those of the pull request's title."""
    old = before.decide("GET", "https://orders/orders/1", role="checkout")
    new = after.decide("GET", "https://orders/orders/1", role="checkout")

    assert_weights(old, {"orders-v1": 100})
    assert_weights(new, {"orders-v1": 90, "orders-v2": 10})


def test_exports_are_served_by_the_new_version(after: LatticeNetwork) -> None:
    """The new rule is not shadowed by the one for all orders."""
    with after.client("orders", role="reporting") as client:
        response = client.get("/orders/exports/2026")

    assert_allowed(response)
    assert_routed(response, rule="exports", to="orders-v2")
    assert response.json() == {"version": 2, "path": "/orders/exports/2026"}


def test_nothing_else_is_routed_anew(
    before: LatticeNetwork, after: LatticeNetwork
) -> None:
    """What no rule matched before is not found after either."""
    for network in (before, after):
        with network.client("orders", role="checkout") as client:
            assert client.get("/refunds").status_code == 404
