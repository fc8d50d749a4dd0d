"""The text that a failing assertion prints, compared whole."""

from textwrap import dedent

import pytest

from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.configuration import Resource
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.model.service import HeaderMatch, Listener, Rule, Service
from pytest_lattice.model.service_network import ServiceNetwork, Vpc
from pytest_lattice.model.target_group import Target, TargetGroup
from tests.decision.scripted import Scripted, decided
from tests.routing.build import request

SHOP = Service(
    "shop",
    listeners=[
        Listener("HTTP", default=FixedResponse(404)),
        Listener(
            "HTTPS",
            default=Forward({"blue": 90, "green": 10}),
            rules=[
                Rule(10, path="/health", action=FixedResponse(404), name="health"),
                Rule(
                    20,
                    path_prefix="/v2/",
                    headers=[HeaderMatch("x-beta", prefix="1")],
                    action=Forward("green"),
                ),
                Rule(30, method="POST", path="/orders", action=Forward("empty")),
                Rule(100, path_prefix="/modern", action=Forward("modern")),
            ],
        ),
    ],
)
RESOURCES: tuple[Resource, ...] = (
    SHOP,
    ServiceNetwork("corp", services=["shop"], vpcs=["client"]),
    Vpc("client"),
    Vpc("stranger"),
    TargetGroup("blue", type="IP", targets=[Target("10.0.1.1"), Target("10.0.1.2")]),
    TargetGroup("green", type="LAMBDA", targets=["echo"]),
    TargetGroup("empty"),
    TargetGroup("modern", protocol_version="HTTP2", targets=["echo"]),
)
CLIENT = Vpc("client").id


def explained(incoming: LatticeRequest, *, draw: Scripted | None = None) -> str:
    """Explain what happens to a request."""
    return decided(incoming, *RESOURCES, draw=draw).explain()


def text(indented: str) -> str:
    """Take the test's indentation off a text."""
    return dedent(indented).strip("\n")


CASES = {
    "matched-rule": (
        request(url="https://shop/v2/a", headers={"x-beta": "1.5"}, vpc=CLIENT),
        """
        GET https://shop/v2/a from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          rule 10   no   `health`: path is not `/health`
          rule 20   yes  /v2/… x-beta: 1… -> forward to `green`
          target    yes  `arn:aws:lambda:us-west-2:123456789012:function:green` of `green`
        """,  # noqa: E501  # compared whole
    ),
    "default-rule": (
        request(url="https://shop/V2/a?b=c", headers={"x-beta": "2"}, vpc=CLIENT),
        """
        GET https://shop/V2/a?b=c from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          rule 10   no   `health`: path is not `/health`
          rule 20   no   path is not `/v2/…` (the rule compares case)
          rule 30   no   path is not `/orders`
          rule 100  no   path is not `/modern…`
          default   yes  no rule matched -> forward to `blue` 90, `green` 10
          weights   yes  `blue` with 90 of 100, card 4 of 10 in deck 3
          target    yes  `10.0.1.2` at 10.0.1.2:80 of `blue`, 2 of 2 in turn
        """,
    ),
    "near-misses": (
        request(url="https://shop/orders", headers={"x-beta": "2"}, vpc=CLIENT),
        """
        GET https://shop/orders from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          rule 10   no   `health`: path is not `/health`
          rule 20   no   path is not `/v2/…`
          rule 30   no   method is not `POST`
          rule 100  no   path is not `/modern…`
          default   yes  no rule matched -> forward to `blue` 90, `green` 10
          weights   yes  `blue` with 90 of 100, card 4 of 10 in deck 3
          target    yes  `10.0.1.2` at 10.0.1.2:80 of `blue`, 2 of 2 in turn
        """,
    ),
    "fixed-response": (
        request(url="https://shop/health", vpc=CLIENT),
        """
        GET https://shop/health from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          rule 10   yes  `health`: /health -> fixed response 404
        """,
    ),
    "no-rules": (
        request(url="http://shop/health", vpc=CLIENT),
        """
        GET http://shop/health from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTP on port 80
          default   yes  fixed response 404
        """,
    ),
    "unreachable-vpc": (
        request(vpc=Vpc("stranger").id),
        """
        GET https://shop/ from 10.0.0.9 in VPC `stranger`
          VPC  no   connect timeout: VPC `stranger` is not associated with a service network
        """,  # noqa: E501  # compared whole
    ),
    "unreachable-vpc-by-id": (
        request(vpc="vpc-0a1b2c3d"),
        """
        GET https://shop/ from 10.0.0.9 in VPC `vpc-0a1b2c3d`
          VPC  no   connect timeout: VPC `vpc-0a1b2c3d` is not associated with a service network
        """,  # noqa: E501  # compared whole
    ),
    "unreachable-port": (
        request(url="https://shop:8443/", vpc=CLIENT),
        """
        GET https://shop:8443/ from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  no   connection refused: service `shop` has no listener on port 8443; it has 80 (HTTP), 443 (HTTPS)
        """,  # noqa: E501  # compared whole
    ),
    "404": (
        request(url="http://shpo/", vpc=CLIENT),
        """
        GET http://shpo/ from 10.0.0.9 in VPC `client`
          VPC      yes  associated with service network `corp`
          service  no   404: service network `corp` has no service `shpo`; the nearest name is `shop`
        """,  # noqa: E501  # compared whole
    ),
    "400": (
        request(
            vpc=CLIENT, headers=tuple((f"x-{number}", "1") for number in range(101))
        ),
        """
        GET https://shop/ from 10.0.0.9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          limits    no   400: the request has 101 headers, more than 100
        """,
    ),
    "503": (
        request("POST", "https://shop/orders", vpc=CLIENT),
        """
        POST https://shop/orders from 10.0.0.9 in VPC `client`
          VPC           yes  associated with service network `corp`
          service       yes  `shop` by its short name
          listener      yes  HTTPS on port 443
          rule 10       no   `health`: path is not `/health`
          rule 20       no   path is not `/v2/…`
          rule 30       yes  POST /orders -> forward to `empty`
          target group  no   503: target group `empty` has no targets
        """,
    ),
    "502": (
        request(url="https://shop/modern/a", vpc=CLIENT),
        """
        GET https://shop/modern/a from 10.0.0.9 in VPC `client`
          VPC           yes  associated with service network `corp`
          service       yes  `shop` by its short name
          listener      yes  HTTPS on port 443
          rule 10       no   `health`: path is not `/health`
          rule 20       no   path is not `/v2/…`
          rule 30       no   path is not `/orders`
          rule 100      yes  /modern… -> forward to `modern`
          target group  no   502: HTTP/1.1 does not go with target group `modern`, which speaks HTTP2
        """,  # noqa: E501  # compared whole
    ),
    "ipv6": (
        request(url="http://shop/", vpc=CLIENT, address="fd12:3456:789a::9"),
        """
        GET http://shop/ from fd12:3456:789a::9 in VPC `client`
          VPC       yes  associated with service network `corp`
          service   yes  `shop` by its short name
          listener  yes  HTTP on port 80
          default   yes  fixed response 404
        """,
    ),
}


@pytest.mark.parametrize(("incoming", "expected"), CASES.values(), ids=CASES)
def test_explanation(incoming: LatticeRequest, expected: str) -> None:
    """A decision explains itself: the request, and then step by step what happened."""
    draw = Scripted(number=23, turn=1)

    assert explained(incoming, draw=draw) == text(expected)


# --------------------------------------------------------------------------- many rules


def many(count: int, *, default: int = 404) -> Service:
    """Make a service with many rules, every tenth of which asks for a method too."""
    listed = [
        Rule(
            number,
            path=f"/tenant-{number}/orders",
            method="PUT" if number % 10 == 0 else None,
            action=FixedResponse(500),
        )
        for number in range(1, count + 1)
    ]
    listener = Listener("HTTPS", default=FixedResponse(default), rules=listed)
    return Service("shop", listeners=[listener])


def test_explanation_of_many_rules_is_short() -> None:
    """Of 100 rules the nearest eight are shown, and a rule for this very path."""
    decision = decided(request(url="https://shop/tenant-40/orders"), many(100))

    assert decision.explain() == text("""
        GET https://shop/tenant-40/orders from 10.0.0.9 in VPC `default`
          VPC       yes  associated with service network `default`
          service   yes  `shop` by its short name
          listener  yes  HTTPS on port 443
          rule 4    no   path is not `/tenant-4/orders`
          rule 10   no   path is not `/tenant-10/orders`
          rule 14   no   path is not `/tenant-14/orders`
          rule 20   no   path is not `/tenant-20/orders`
          rule 24   no   path is not `/tenant-24/orders`
          rule 30   no   path is not `/tenant-30/orders`
          rule 34   no   path is not `/tenant-34/orders`
          rule 40   no   method is not `PUT`
          …         no   92 more rules did not match; these were the nearest
          default   yes  no rule matched -> fixed response 404
        """)


def test_matched_rule_after_many_is_shown() -> None:
    """However many rules missed, the one that took the request follows them."""
    decision = decided(request(url="https://shop/tenant-99/orders"), many(100))

    lines = decision.explain().splitlines()
    assert len(lines) == 14
    assert lines[-2:] == [
        "  …         no   90 more rules did not match; these were the nearest",
        "  rule 99   yes  /tenant-99/orders -> fixed response 500",
    ]


@pytest.mark.parametrize(
    ("count", "lines"), [(8, 13), (9, 14), (10, 14), (11, 14), (1000, 14)]
)
def test_length_of_an_explanation(count: int, lines: int) -> None:
    """Up to nine missed rules are all shown; of more, eight and a line for the rest."""
    explanation = decided(request(url="https://shop/other"), many(count)).explain()

    assert len(explanation.splitlines()) == lines
    assert (f"{count - 8} more rules did not match" in explanation) is (count > 9)
    assert ("…" in explanation) is (count > 9)
