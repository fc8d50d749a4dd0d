"""Questions without traffic."""

from __future__ import annotations

import pytest

from pytest_lattice import ConfigurationError, LatticeError, LatticeNetwork, Role, User
from pytest_lattice.questions import caller_of
from tests.shop import CHECKOUT, OPEN, SESSION, shop


def test_authorize_draws_nothing() -> None:
    """Asking who may leaves the decks of decide as they are."""
    with shop(OPEN) as network:
        before = network.decide("GET", "https://orders/").target
        for _ in range(3):
            network.authorize("GET", "https://orders/")

        assert network.decide("GET", "https://orders/").target == before


@pytest.mark.parametrize("name", ["checkout", CHECKOUT, SESSION])
def test_caller_is_found_by_each_name(name: str) -> None:
    """Name, ARN and session ARN all name the declared role."""
    with shop(OPEN) as network:
        assert caller_of(network.configuration, name).name == "checkout"


def test_undeclared_value_is_refused() -> None:
    """A role that nobody declared has no policies to judge it by."""
    with shop(OPEN) as network:
        declared = network.configuration.caller("checkout")

        assert caller_of(network.configuration, declared) is declared
        for stranger in (Role("checkout", session="other"), User("checkout")):
            with pytest.raises(ConfigurationError, match="is not declared"):
                caller_of(network.configuration, stranger)


def test_closed_network_answers_no_question() -> None:
    """After close each question is refused."""
    network = shop(OPEN)
    network.close()
    for ask in (network.decide, network.authorize):
        with pytest.raises(LatticeError, match="the network is closed"):
            ask("GET", "https://orders/")


def test_questions_see_each_change() -> None:
    """What was remembered is forgotten when something is declared."""
    with LatticeNetwork() as network, pytest.raises(ConfigurationError):
        network.decide("GET", "https://orders/")
    with shop() as network:
        assert network.decide("GET", "https://orders/").service is not None
