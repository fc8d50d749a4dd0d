"""A rolling update that no client notices, and one that all of them do."""

from __future__ import annotations

import pytest

from examples.rolling_update.servers import OrdersStub, Server, grpc_server
from pytest_lattice import (
    Forward,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Service,
    Target,
    TargetGroup,
    assert_logged,
)

OLD, NEW = Server("v1"), Server("v2")
READY = HealthCheck(path="/ready", interval_seconds=10)


@pytest.fixture
def shop(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """Declare the service with the old version, by HTTP and by gRPC."""
    NEW.ready = True
    lattice_network.add(
        TargetGroup("web", targets=[Target("i-old", app=OLD)], health_check=READY),
        TargetGroup(
            "orders",
            protocol_version="GRPC",
            targets=[Target("i-old", app=grpc_server("v1"))],
        ),
        Service(
            "shop",
            listeners=[
                Listener("HTTPS", default=Forward("web")),
                Listener("HTTPS", port=50051, default=Forward("orders")),
            ],
        ),
    )
    return lattice_network


def test_rolling_update(shop: LatticeNetwork) -> None:
    """New targets pass their checks before the old ones go; no request is lost."""
    client = shop.client("shop")
    seen = [client.get("/").text]
    shop.register_targets("web", Target("i-new", app=NEW))
    seen += [client.get("/").text for _ in range(2)]  # the new one is INITIAL
    shop.clock.advance(10)
    seen += sorted(client.get("/").text for _ in range(2))
    shop.deregister_targets("web", "i-old")
    seen += [client.get("/").text for _ in range(2)]

    assert seen == ["v1", "v1", "v1", "v1", "v2", "v2", "v2"]
    print(shop.target_health("web"))
    assert [each.status for each in shop.target_health("web")] == [
        "HEALTHY",
        "DRAINING",
    ]
    shop.clock.advance(60)
    assert [each.id for each in shop.target_health("web")] == ["i-new"]
    assert_logged(shop, response_code=200, count=7)


def test_what_is_in_flight_finishes(shop: LatticeNetwork) -> None:
    """A download and a gRPC stream that began before end as they would have."""
    shop.register_targets("web", Target("i-new", app=NEW))
    shop.clock.advance(10)
    with shop.client("shop").stream("GET", "/download") as response:
        download = response.iter_raw()
        watch = OrdersStub(shop.grpc_channel("shop", port=50051)).watch(b"")
        begun = [next(download), next(watch)]
        serving = begun[0].decode()
        shop.deregister_targets("web", "i-old" if serving == "v1" else "i-new")
        shop.register_targets("orders", Target("i-new", app=grpc_server("v2")))
        shop.deregister_targets("orders", "i-old")
        shop.clock.advance(60)

        assert b"".join([begun[0], *download]).decode() == serving * 3
        assert [begun[1], *watch] == [b"v1"] * 3
    assert watch.code().name == "OK"


def test_grpc_clients_see_no_unavailable(shop: LatticeNetwork) -> None:
    """Targets of gRPC have no health checks unless declared: they serve at once."""
    stub = OrdersStub(shop.grpc_channel("shop", port=50051))
    versions = [stub.get(b"")]
    shop.register_targets("orders", Target("i-new", app=grpc_server("v2")))
    versions += sorted(stub.get(b"") for _ in range(2))
    shop.deregister_targets("orders", "i-old")
    for _ in range(7):
        versions.append(stub.get(b""))
        shop.clock.advance(10)

    assert versions == [b"v1", b"v1", b"v2", *[b"v2"] * 7]


def test_old_ones_gone_too_early(shop: LatticeNetwork) -> None:
    """Who deregisters before the new ones are healthy has an outage, in the log too."""
    NEW.ready = False
    client = shop.client("shop")
    shop.register_targets("web", Target("i-new", app=NEW))
    shop.deregister_targets("web", "i-old")
    response = client.get("/")

    assert response.status_code == 503
    assert_logged(response, response_code=503, failure_reason="TargetConnectionError")
    assert (
        "no target of target group `web` serves: "
        "`i-new` is INITIAL (no health check before 2026-01-01 00:00:10), "
        "`i-old` is DRAINING"
    ) in response.extensions["pytest_lattice"].explain()
    with pytest.warns(match="GET /ready answered 503, not 200"):
        shop.clock.advance(10)
    NEW.ready = True
    shop.clock.advance(10)
    assert client.get("/").text == "v2"
