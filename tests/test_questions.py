"""Questions without traffic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_lattice import (
    ConfigurationError,
    LatticeError,
    LatticeNetwork,
    Role,
    User,
    assert_allowed,
    assert_denied,
)
from pytest_lattice.questions import caller_of
from tests.model.refusals import refused
from tests.shop import CHECKOUT, INVOKE, OPEN, SESSION, policy, shop, statement


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


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"method": None}, ["method `None` is not text"]),
        ({"method": []}, ["method `[]` is not text"]),
        (
            {"method": "GE/T"},
            ["method `GE/T` is not of letters, digits and !#$%&'*+-.^_`|~"],
        ),
        (
            {"method": ""},
            ["method `` is not of letters, digits and !#$%&'*+-.^_`|~"],
        ),
        ({"url": []}, ["URL `[]` is not of the form https://name/path"]),
        ({"vpc": {}}, ["unknown VPC `{}`", "no VPC is declared"]),
        ({"address": []}, ["`[]` is not an IP address"]),
        ({"address": 10**400}, [f"`{10**400}` is not an IP address"]),
        ({"http2": []}, ["http2 `[]` is not true or false"]),
        (
            {"role": []},
            ["`[]` is not declared", "add it to the network before it calls"],
        ),
    ],
)
def test_question_of_another_type_is_refused(
    question: dict[str, Any], said: list[str]
) -> None:
    """What is not even text is told as it was written, and no error of Python's."""
    with shop(OPEN) as network:
        asked = {"method": "GET", "url": "https://orders/", **question}
        assert refused(network.decide, **asked) == said
        assert refused(network.authorize, **asked) == said


def test_client_of_another_type_is_refused() -> None:
    """So it is where clients are made."""
    with shop(OPEN) as network:
        assert refused(network.client, ["orders"]) == [
            "unknown service `['orders']`",
            "did you mean `orders`?",
        ]
        assert refused(network.client, "orders", vpc=[]) == [
            "unknown VPC `[]`",
            "no VPC is declared",
        ]


@pytest.mark.parametrize("method", ["get", "M-SEARCH", "x|y~"])
def test_any_token_is_a_method(method: str) -> None:
    """RFC 9110 lets a method be any token."""
    with shop(OPEN) as network:
        decision = network.decide(method, "https://orders/")

    assert decision.request.method.lower() == method.lower()


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


def test_question_of_a_role_is_signed() -> None:
    """What is asked carries a signature, so policies see its headers too."""
    seen = {"Null": {"vpc-lattice-svcs:RequestHeader/authorization": "false"}}
    with shop(policy(statement(Condition=seen))) as network:
        asked = network.authorize("get", "https://orders/a?b=c", role="checkout")

        assert_allowed(asked)
        assert asked.request.method == "GET"
        assert asked.request.header_values("x-amz-security-token")
        assert_denied(network.authorize("GET", "https://orders/"))


def test_ended_session_is_refused_without_traffic() -> None:
    """A token that ended is refused in questions and tables as in traffic."""
    end = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    with shop(OPEN) as network:
        network.role("brief", policies=[INVOKE], expires=end)
        network.role("other", policies=[INVOKE])
        question = {"method": "GET", "url": "https://orders/"}

        assert_allowed(network.authorize(**question, role="brief"))
        network.clock.advance(3600)
        assert_denied(
            network.authorize(**question, role="brief"), layer="authentication"
        )
        assert_allowed(network.authorize(**question, role="other"))


def test_role_and_authorization_exclude_each_other() -> None:
    """A question is signed once."""
    bearer = {"authorization": "Bearer a"}
    with shop(OPEN) as network:
        with pytest.raises(ConfigurationError, match="one of role and the header"):
            network.authorize("GET", "https://orders/", role="checkout", headers=bearer)
        assert_allowed(network.authorize("GET", "https://orders/", headers=bearer))
