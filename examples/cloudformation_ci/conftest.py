"""The template that is deployed, as the network of each test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import ServiceNetwork, load_cloudformation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice import LatticeNetwork

TEMPLATE = Path(__file__).parent / "infra" / "orders.yaml"
#: The network team deploys it; here it only has to be known.
NETWORK = ServiceNetwork("company")


@pytest.fixture
def deploy(lattice_network: LatticeNetwork) -> Callable[..., LatticeNetwork]:
    """Deploy the template into the network of the test, as a stage."""

    def deployed(
        targets: Any = "echo",  # noqa: ANN401  # apps, by what the template calls them
        **parameters: object,
    ) -> LatticeNetwork:
        lattice_network.add(
            *load_cloudformation(
                TEMPLATE,
                targets=targets,
                parameters={"Stage": "prod", "NetworkArn": NETWORK.arn, **parameters},
                values={"network-vpc": "vpc-0123456789abcdef0"},
            )
        )
        return lattice_network

    return deployed
