"""Shares that must be there, because an association relies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice import ResourceShare
from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.shares import implied_shares
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from pytest_lattice.loaders.assembly import Kind

OWN, OTHER = "111111111111", "222222222222"
SOURCE = SourceLocation("x.json")
NETWORK, SERVICE = "arn:network", "arn:service"


def part(kind: Kind, arn: str, account: str, **values: str) -> Part:
    """Write a part as a loader would."""
    return Part(kind, values, SOURCE, arn=arn, account=account)


HUB = part("service network", NETWORK, OTHER, name="hub")
SHOP = part("service", SERVICE, OWN, name="shop")
LINK = part(
    "service association",
    "",
    OWN,
    serviceNetworkIdentifier=NETWORK,
    serviceIdentifier=SERVICE,
)
WAY = part("VPC association", "", OWN, serviceNetworkIdentifier=NETWORK)
SHARE = ResourceShare("hub", resources=[NETWORK], principals=[OWN], account=OTHER)


def test_what_others_own_is_shared_once() -> None:
    """Two associations of one account show one share."""
    made = list(implied_shares([HUB, SHOP, LINK, WAY], (), {NETWORK}))

    assert made == [SHARE]
    assert made[0].source is SOURCE


def test_nothing_else_is_shared() -> None:
    """Not what is declared shared, not one's own, not what stands here."""
    parts = [HUB, SHOP, LINK, WAY]

    assert list(implied_shares(parts, [SHARE], {NETWORK})) == []
    assert list(implied_shares(parts, (), {SERVICE})) == []
    assert list(implied_shares(parts, (), ())) == []
