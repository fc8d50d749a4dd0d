"""Cases as values, and what is no case."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice.cases.case import CASE, Case, Denial, Expectation
from pytest_lattice.loaders.reading import parse_document
from pytest_lattice.loaders.shapes import Place
from tests.model.refusals import refused


def test_a_case_is_read_with_all_that_it_says() -> None:
    """Each key is a field; AWS's keys of the log become ours; it knows its place."""
    text = """\
request: GET https://orders/cart
headers: {x-beta: "1"}
body: hello
http2: true
role: checkout
vpc: apps
address: 10.0.0.9
expect:
  denied: {layer: service, by: NoWrites, verdict: explicit}
  rule: 10
  status: 403
  weights: {blue: 90}
  log: {responseCode: 403, protocol: HTTP/2}
"""
    case = CASE.read(parse_document(text, "x.yaml"), Place("x.yaml", 1))

    assert case == Case(
        "GET https://orders/cart",
        Expectation(
            denied=Denial(layer="service", by="NoWrites", verdict="explicit"),
            rule=10,
            status=403,
            weights={"blue": 90},
            log={"response_code": 403, "protocol": "HTTP/2"},
        ),
        name="GET https://orders/cart",
        headers={"x-beta": "1"},
        body="hello",
        http2=True,
        role="checkout",
        vpc="apps",
        address="10.0.0.9",
    )
    assert (case.method, case.url) == ("GET", "https://orders/cart")
    assert str(case.source) == "x.yaml:1"


@pytest.mark.parametrize(
    ("make", "fields", "said"),
    [
        (
            Case,
            {"request": "GET /cart", "expect": Expectation(status=200)},
            [
                "request `GET /cart` is not a method and a URL",
                "one is GET https://orders/v2/cart",
            ],
        ),
        (
            Case,
            {"request": "GE/T https://orders/", "expect": Expectation(status=200)},
            ["method `GE/T` is not of letters, digits and !#$%&'*+-.^_`|~"],
        ),
        (
            Expectation,
            {},
            ["nothing is expected", "expect allowed, denied, rule, status or more"],
        ),
        (
            Expectation,
            {"error": "connect timeout", "status": 200},
            ["there is no answer to expect beside an error"],
        ),
        (
            Expectation,
            {"error": "timeout"},
            ["unknown error `timeout`", "did you mean `connect timeout`?"],
        ),
        (
            Expectation,
            {"allowed": True, "denied": "service"},
            ["a caller cannot be allowed and denied"],
        ),
    ],
)
def test_what_is_refused(make: Any, fields: dict[str, Any], said: list[str]) -> None:  # noqa: ANN401  # a class
    """A claim that cannot be is refused when it is read, not when it is checked."""
    assert refused(make, **fields) == said
