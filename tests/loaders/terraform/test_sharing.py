"""RAM shares that are planned, and those that must be there."""

from __future__ import annotations

import copy
from typing import Any

from pytest_lattice import ResourceShare, load_terraform
from tests.loaders.terraform.plans import L, fixture

OWNER, USER = "333344445555", "444455556666"


def shares(written: dict[str, Any]) -> list[ResourceShare]:
    """Load a plan and give its shares."""
    made = load_terraform(written)
    return [each for each in made if isinstance(each, ResourceShare)]


def without(written: dict[str, Any], *types: str) -> dict[str, Any]:
    """Take resources out of a plan."""
    left = copy.deepcopy(written)
    root = left["planned_values"]["root_module"]
    root["resources"] = [
        each for each in root["resources"] if each["type"] not in types
    ]
    return left


def test_planned_shares() -> None:
    """A share has what is associated with it, by ARN and by principal."""
    made = shares(fixture("two-accounts-plan.json"))

    assert [(each.name, each.principals, each.account) for each in made] == [
        ("edge", (USER,), OWNER),
        ("hub", (USER,), OWNER),
    ]
    assert str(made[0].source).endswith(", aws_ram_resource_share.edge")


def test_shares_of_other_things_are_left_out() -> None:
    """A share without principals, or of a subnet, is none of Lattice's."""
    written = without(
        fixture("two-accounts-plan.json"), "aws_ram_principal_association"
    )
    for each in written["planned_values"]["root_module"]["resources"]:
        if each["type"] == f"{L}service_network_service_association":
            each["values"]["service_network_identifier"] = "sn-0b1c2d3e4f5a6b7c8"

    assert [each.name for each in shares(written)] == ["hub"]


def test_what_is_read_elsewhere_is_shared() -> None:
    """That an association is planned shows that its network is shared; once."""
    (edge, hub) = shares(fixture("two-accounts-plan.json"))

    assert hub.resources == (
        f"arn:aws:vpc-lattice:eu-central-1:{OWNER}:servicenetwork/sn-0b1c2d3e4f5a6b7c8",
    )
    assert str(hub.source).endswith(f", data.{L}service_network.hub")
    assert edge.resources != hub.resources
