"""Cases, checked: each expectation, met and missed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import ConfigurationError, LatticeAssertionError, LatticeNetwork
from pytest_lattice.cases.case import CASE
from pytest_lattice.cases.check import check
from pytest_lattice.cases.document import read_cases
from pytest_lattice.loaders.shapes import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.cases.case import Case

FILE = Path(__file__).parents[2] / "examples" / "case_files" / "orders.lattice.yaml"


@pytest.fixture(scope="module")
def network() -> Iterator[LatticeNetwork]:
    """Give the network of the example."""
    with LatticeNetwork() as made:
        made.add(*read_cases(FILE).resources)
        yield made


def case(request: str, expect: dict[str, Any], **fields: Any) -> Case:  # noqa: ANN401  # a case's
    """Write a case of the checkout as a file would."""
    document = {"role": "checkout", **fields, "request": request, "expect": expect}
    made: Case = CASE.read(document, Place("x.yaml", 1))
    return made


CART, GONE = "GET https://orders/cart", "GET https://orders/gone"
DELETE = "DELETE https://orders/cart"


@pytest.mark.parametrize("each", read_cases(FILE).cases, ids=lambda each: each.name)
def test_the_example(network: LatticeNetwork, each: Case) -> None:
    """Each case of the example holds."""
    check(each, network)


@pytest.mark.parametrize(
    ("request_", "met", "missed", "why"),
    [
        (CART, {"allowed": True}, {"allowed": False}, "is let in"),
        (CART, {"allowed": "CheckoutReads"}, {"denied": True}, "is let in"),
        (CART, {"denied": False}, {"denied": "network"}, "is let in"),
        (DELETE, {"denied": True}, {"allowed": True}, "no statement"),
        (DELETE, {"denied": "service"}, {"denied": "network"}, "service"),
        (
            DELETE,
            {"denied": {"verdict": "implicit"}},
            {"denied": {"verdict": "explicit"}},
            "expected an explicit denial",
        ),
        (CART, {"rule": "default"}, {"rule": "canary"}, "the default rule"),
        (GONE, {"rule": 20}, {"rule": 10}, "rule 20"),
        (GONE, {"status": 404}, {"status": 200}, "404"),
        (
            CART,
            {"weights": {"blue": 90, "green": 10}},
            {"weights": {"blue": 50, "green": 50}},
            "90",
        ),
        (
            CART,
            {"log": {"responseCode": 200}},
            {"log": {"responseCode": 403}},
            "response_code",
        ),
    ],
    ids=range(11),
)
def test_each_expectation(
    network: LatticeNetwork,
    request_: str,
    met: dict[str, Any],
    missed: dict[str, Any],
    why: str,
) -> None:
    """What is so passes; what is not says what was found instead."""
    check(case(request_, met), network)
    with pytest.raises(LatticeAssertionError, match=why):
        check(case(request_, missed), network)


def test_a_body_reaches_the_target(network: LatticeNetwork) -> None:
    """A body is sent with its length; the log counts it."""
    beta = {"x-beta": "1"}
    each = case(
        "GET https://orders/v2/x", {"target_group": "green"}, body="é", headers=beta
    )
    check(each, network)

    assert network.exchanges[-1].received == 2
    assert ("content-length", "2") in network.exchanges[-1].request.headers


def test_a_group_that_is_drawn_cannot_be_expected(network: LatticeNetwork) -> None:
    """Which group a weighted rule draws is luck; the weights can be expected."""
    with pytest.raises(ConfigurationError) as error:
        check(case(CART, {"target_group": "blue"}), network)

    assert str(error.value) == "which of 2 target groups gets a request is drawn"
    assert error.value.__notes__ == ["expect weights: {'blue': 90, 'green': 10}"]


def test_errors(network: LatticeNetwork) -> None:
    """Where no answer comes, which error is told; where one comes, that it does."""
    error = {"error": "connect timeout"}
    check(case(CART, error, vpc="others"), network)
    with pytest.raises(LatticeAssertionError, match="and there is an answer"):
        check(case(CART, error, vpc="apps"), network)
    with pytest.raises(LatticeAssertionError, match="and it is `connect timeout`: "):
        check(case(CART, {"error": "connection refused"}, vpc="others"), network)
    with pytest.raises(LatticeAssertionError, match="expected an answer, but "):
        check(case(CART, {"status": 200}, vpc="others"), network)
