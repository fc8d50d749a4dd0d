"""Two versions of an order service, and the network that shifts between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from pytest_lattice import Forward, HealthCheck, Listener, Service, TargetGroup

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork

#: How many connections to the database a version may have open.
POOL = 20
CHECK = HealthCheck(path="/cart")
#: What a deployment pipeline would do: ten steps, a minute each.
TEN_STEPS = (1, 5, 10, 25, 40, 50, 60, 75, 90, 100)


def version(*, leaks: bool = False) -> Flask:
    """Make a version of the service.

    Args:
        leaks: whether it forgets to give connections back.
    """
    app = Flask("orders")
    connections = list(range(POOL))

    @app.post("/checkout")
    def checkout() -> tuple[str, int]:
        if not connections:
            return "no connection to the database", 503
        connection = connections.pop()
        if not leaks:
            connections.append(connection)
        return "thank you", 201

    @app.get("/cart")
    def cart() -> str:
        return "empty"

    return app


def declare(network: LatticeNetwork, green: Flask) -> None:
    """Declare the service with all of its traffic on blue."""
    network.add(
        # There is nothing at `/`, which AWS would ask for.
        TargetGroup("blue", targets=[version()], health_check=CHECK),
        TargetGroup("green", targets=[green], health_check=CHECK),
        Service(
            "orders",
            listeners=[Listener("HTTPS", default=Forward({"blue": 100, "green": 0}))],
        ),
    )
