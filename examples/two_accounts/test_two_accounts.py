"""A network administrator and a service owner, each with an account of their own.

The administrator owns the service network and shares it; the service owner
associates a service with it.  What is not shared cannot be associated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lattice import (
    ConfigurationError,
    Forward,
    Listener,
    Organization,
    ResourceShare,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    VpcAssociation,
    assert_routed,
)

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork

ADMINISTRATOR = "111111111111"
SERVICE_OWNER = "222222222222"
CONSUMER = "333333333333"

NETWORK = ServiceNetwork("company", account=ADMINISTRATOR)
SHARE = ResourceShare(
    "company-network",
    resources=["company"],
    principals=["o-exampleorgid"],
    account=ADMINISTRATOR,
)
ORGANIZATION = Organization("o-exampleorgid", accounts=[SERVICE_OWNER, CONSUMER])
ORDERS = (
    TargetGroup("orders", account=SERVICE_OWNER, targets="echo"),
    Service(
        "orders",
        account=SERVICE_OWNER,
        listeners=[Listener("HTTPS", default=Forward("orders"))],
    ),
)


def test_a_service_owner_joins_the_shared_network(
    lattice_network: LatticeNetwork,
) -> None:
    """A service of one account answers a VPC of another, through a third's network."""
    lattice_network.add(ORGANIZATION, NETWORK, SHARE, *ORDERS)
    lattice_network.add(
        ServiceAssociation("company", "orders", account=SERVICE_OWNER),
        Vpc("shop", account=CONSUMER),
    )
    lattice_network.add(
        # The owner of the VPC associates it, which the share allows too.
        VpcAssociation("company", "shop"),
    )

    response = lattice_network.client("orders", vpc="shop").get("/")

    assert_routed(response, rule="default", to="orders", status=200)


def test_what_is_not_shared_cannot_be_associated(
    lattice_network: LatticeNetwork,
) -> None:
    """Without the share, the service owner's association is refused."""
    lattice_network.add(NETWORK, *ORDERS)

    with pytest.raises(
        ConfigurationError, match="`company` of account 111111111111 is not shared"
    ):
        lattice_network.add(
            ServiceAssociation("company", "orders", account=SERVICE_OWNER)
        )


def test_the_directory_lists_own_and_shared_services(
    lattice_network: LatticeNetwork,
) -> None:
    """A service shared with a consumer stands in the consumer's directory."""
    lattice_network.add(
        *ORDERS,
        ResourceShare(
            "orders-for-all",
            resources=["orders"],
            principals=[CONSUMER],
            account=SERVICE_OWNER,
        ),
    )

    listed = {
        account: [each.name for each in lattice_network.service_directory(account)]
        for account in (SERVICE_OWNER, CONSUMER, ADMINISTRATOR)
    }

    assert listed == {
        SERVICE_OWNER: ["orders"],
        CONSUMER: ["orders"],
        ADMINISTRATOR: [],
    }
