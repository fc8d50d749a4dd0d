"""What the hooks of this folder's conftest.py do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork


def test_each_network_has_the_greeter(lattice_network: LatticeNetwork) -> None:
    """The configure hook added the service, the target hook made it answer."""
    assert lattice_network.client("greeter").get("/").text == "Hello"


def test_each_exchange_is_seen(
    lattice_network: LatticeNetwork, seen: list[str]
) -> None:
    """The exchange hook sees every request once."""
    client = lattice_network.client("greeter")
    client.get("/one")
    client.get("/two")
    assert seen == ["/one 200", "/two 200"]
