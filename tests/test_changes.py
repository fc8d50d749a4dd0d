"""What is declared changes while requests are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_lattice import (
    Forward,
    LatticeNetwork,
    Listener,
    Role,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    VpcAssociation,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
)
from tests.model.refusals import refused
from tests.shop import OPEN, READ_ONLY, shop

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give an empty network."""
    with LatticeNetwork() as made:
        yield made


def test_weights_change_between_requests(network: LatticeNetwork) -> None:
    """The next request is decided on the new weights, the last one is as it was."""
    network.add(
        TargetGroup("old", targets="echo"),
        TargetGroup("new", targets="echo"),
        Service("shop", listeners=[Listener("HTTP", default=Forward("old"))]),
    )
    client = network.client("shop")
    before = client.get("/")
    listeners = [Listener("HTTP", default=Forward({"old": 1, "new": 1}))]
    network.change(replace(network.service("shop"), listeners=listeners))

    assert_weights([client.get("/") for _ in range(10)], {"old": 1, "new": 1})
    assert_routed(before, to="old")


def test_policy_changes_between_requests() -> None:
    """A policy that is changed decides the next request, and callers change too."""
    with shop(READ_ONLY) as network:
        client = network.client("orders", role="checkout")
        assert_denied(client.post("/"))
        network.change(replace(network.service("orders"), auth_policy=OPEN))
        assert_allowed(client.post("/"), by="Everybody")
        network.change(Role("checkout"))
        assert_denied(client.post("/"), layer="identity")


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (
            Service("shopp"),
            ["unknown declared resource `shopp`", "did you mean `shop`?"],
        ),
        (
            Vpc("web"),
            [
                "`Vpc('web')` cannot be changed",
                "services, service networks, target groups, roles and users can be",
            ],
        ),
        (
            TargetGroup("web"),
            ["unknown declared resource `web`", "no declared resource is declared"],
        ),
        (
            Service("shop", listeners=[Listener("HTTP", default=Forward("gone"))]),
            ["unknown target group `gone`", "no target group is declared"],
        ),
    ],
)
def test_change_that_is_refused(
    network: LatticeNetwork,
    resource: Any,  # noqa: ANN401  # no resource, among others
    said: list[str],
) -> None:
    """A change that is refused changes nothing."""
    network.add(Service("shop"))
    before = network.configuration

    assert refused(network.change, resource) == said
    assert network.configuration is before


def test_removing_an_association_cuts_clients_off(network: LatticeNetwork) -> None:
    """Without its association a VPC has no way in; with it again it has."""
    link = VpcAssociation("shops", "apps")
    network.add(
        ServiceNetwork("shops", services=["shop"], vpcs=["others"]),
        Vpc("apps"),
        Vpc("others"),
        link,
        TargetGroup("web", targets="echo"),
        Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
    )
    client = network.client("shop", vpc="apps")
    assert client.get("/").status_code == 200
    network.remove(link)
    with pytest.raises(httpx.ConnectTimeout):
        client.get("/")
    network.add(link)

    assert client.get("/").status_code == 200


def test_what_is_removed_can_have_been_changed(network: LatticeNetwork) -> None:
    """A service is told by its name and owner, whatever was changed of it."""
    first = Service("shop")
    network.add(first)
    network.change(replace(first, auth_policy=OPEN))
    network.remove(first)

    assert network.configuration.services == ()


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (
            Service("shopp"),
            ["unknown declared resource `shopp`", "did you mean `shop`?"],
        ),
        (
            TargetGroup("web"),
            ["unknown target group `web`", "no target group is declared"],
        ),
        (
            VpcAssociation("shops", "apps"),
            ["`VpcAssociation('shops', 'apps')` is not declared"],
        ),
        ("shop", ["`'shop'` is not a resource of a service network"]),
    ],
)
def test_removal_that_is_refused(
    network: LatticeNetwork,
    resource: Any,  # noqa: ANN401  # no resource, among others
    said: list[str],
) -> None:
    """What is not declared, or is needed by something else, is not removed."""
    network.add(
        TargetGroup("web"),
        Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
    )
    before = network.configuration

    assert refused(network.remove, resource) == said
    assert network.configuration is before
