"""The service network of the walkthrough."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from examples.walkthrough.apps import handler, instance
from pytest_lattice import (
    AccessLogSubscription,
    Forward,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    Target,
    TargetGroup,
    Vpc,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lattice import LatticeNetwork

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:hello"


@pytest.fixture(params=["$LATEST", "live"])
def function(request: pytest.FixtureRequest) -> str:
    """The function by its latest version, and by an alias."""
    return f"{FUNCTION}:{request.param}"


@pytest.fixture
def walkthrough(
    lattice_network: LatticeNetwork, function: str, tmp_path: Path
) -> LatticeNetwork:
    """Two target groups, a service with three rules, a network and two VPCs."""
    lattice_network.add(
        Vpc("app-vpc", cidr="10.1.0.0/16"),
        Vpc("client-vpc", cidr="10.2.0.0/16"),
        Vpc("other-vpc", cidr="10.3.0.0/16"),
        TargetGroup("instances", port=8080, vpc="app-vpc", targets=[instance]),
        TargetGroup(
            "functions", type="LAMBDA", targets=[Target(function, app=handler)]
        ),
        Service(
            "my-service",
            listeners=[
                Listener(
                    "HTTPS",
                    default=Forward({"instances": 20, "functions": 10}),
                    rules=[
                        Rule(10, path="/to-instance", action=Forward("instances")),
                        Rule(20, path="/to-function", action=Forward("functions")),
                    ],
                )
            ],
        ),
        ServiceNetwork(
            "my-network", services=["my-service"], vpcs=["app-vpc", "client-vpc"]
        ),
        AccessLogSubscription("my-service", destination=tmp_path / "service.jsonl"),
        AccessLogSubscription("my-network", destination=tmp_path / "network.jsonl"),
    )
    return lattice_network
