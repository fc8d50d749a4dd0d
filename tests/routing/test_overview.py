"""The overview of what is declared, as a person reads it."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from pytest_lattice import (
    AccessLogSubscription,
    FixedResponse,
    Forward,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
)
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.source import SourceLocation
from pytest_lattice.routing.overview import overview, route_rows
from pytest_lattice.routing.state import compile_state

if TYPE_CHECKING:
    from pytest_lattice.model.configuration import Resource


def shown(*resources: Resource) -> str:
    """Write the overview of resources."""
    configuration = Configuration().with_resources(resources)
    return overview(compile_state(configuration, lambda _group, _target: "HEALTHY"))


def expected(text: str) -> str:
    """Take the indentation of the test away."""
    return dedent(text).strip("\n")


GROUPS = (
    TargetGroup("blue", targets=["echo", "echo"]),
    TargetGroup("green", type="LAMBDA", targets="echo"),
    TargetGroup("gray", type="IP"),
)


def test_empty_configuration_has_its_default_network() -> None:
    """What stands in where nothing is declared is shown as well."""
    assert shown() == "service network `default`, VPCs `default`"


def test_rules_stand_in_the_order_in_which_they_are_tried() -> None:
    """Each rule has its priority, what it asks for and where it leads."""
    listener = Listener(
        "HTTPS",
        default=Forward({"blue": 90, "green": 10}),
        rules=[
            Rule(30, method="POST", path="/cart", action=FixedResponse(500)),
            Rule(5, path_prefix="/v2", headers={"x-a": "1"}, action=Forward("green")),
            Rule(2000, headers={"x-b": "2"}, action=Forward("gray")),
        ],
    )
    service = Service("shop", listeners=[listener])

    assert shown(*GROUPS, service) == expected(f"""
        service network `default`, VPCs `default`
          service `shop` {service.dns_name}
            HTTPS on port 443
                    5  /v2… x-a: 1  -> `green` [LAMBDA, 1 target]
                   30  POST /cart   -> fixed response 500
                 2000  x-b: 2       -> `gray` [IP, 0 targets]
              default               -> {SPLIT}
        """)


SPLIT = (
    "`blue` [INSTANCE, 2 targets] 90/100 (90 %), "
    "`green` [LAMBDA, 1 target] 10/100 (10 %)"
)


def test_shares_are_percentages() -> None:
    """Weights are shown as declared and as what they come to."""
    groups = [TargetGroup(name) for name in ("one", "two", "zero")]
    listeners = [
        Listener("HTTP", default=Forward({"one": 2, "two": 1, "zero": 0})),
        Listener("HTTP", 81, default=Forward({"one": 0, "two": 0})),
    ]

    lines = shown(*groups, Service("shop", listeners=listeners)).splitlines()

    assert [line.partition("-> ")[2] for line in lines if "->" in line] == [
        (
            "`one` [INSTANCE, 0 targets] 2/3 (66.67 %), "
            "`two` [INSTANCE, 0 targets] 1/3 (33.33 %), "
            "`zero` [INSTANCE, 0 targets] 0/3 (0 %)"
        ),
        (
            "`one` [INSTANCE, 0 targets] 0/0 (no share), "
            "`two` [INSTANCE, 0 targets] 0/0 (no share)"
        ),
    ]


def test_networks_have_their_vpcs_and_services() -> None:
    """Who can reach what is shown network by network, with logs and custom names."""
    gone = FixedResponse(404)
    shop = Service(
        "shop",
        custom_domain_name="shop.example.com",
        listeners=[Listener("HTTP", default=gone), Listener("HTTP", 81, default=gone)],
    )
    cart = Service("cart", listeners=[Listener("HTTP", default=gone)])

    assert shown(
        shop,
        cart,
        ServiceNetwork("north", services=["shop"], vpcs=["one", "two"]),
        ServiceNetwork("south", services=["cart", "shop"], vpcs=["three"]),
        *(Vpc(name) for name in ("one", "two", "three")),
        AccessLogSubscription("north"),
        AccessLogSubscription("cart"),
    ) == expected(f"""
        service network `north`, VPCs `one`, `two`, access log on
          service `shop` {shop.dns_name}
            also shop.example.com
            HTTP on port 80
              default    -> fixed response 404
            HTTP on port 81
              default    -> fixed response 404
        service network `south`, VPCs `three`
          service `cart` {cart.dns_name}, access log on
            HTTP on port 80
              default    -> fixed response 404
          service `shop` {shop.dns_name}
            also shop.example.com
            HTTP on port 80
              default    -> fixed response 404
            HTTP on port 81
              default    -> fixed response 404
        """)


def test_what_nobody_reaches_is_shown_too() -> None:
    """A network without a VPC and a service without a network are worth a look."""
    assert shown(
        Service("shop"),
        Service("stray"),
        ServiceNetwork("north", services=["shop"]),
        ServiceNetwork("south", vpcs=["default"]),
    ) == expected(f"""
        service network `north`, VPCs none
          service `shop` {Service("shop").dns_name}
        service network `south`, VPCs `default`
        in no service network: service `stray`
        """)


def test_loaded_rule_shows_its_place() -> None:
    """A rule of a document stands with its file, line and name there."""
    place = SourceLocation("shop.yaml", 42, "HTTPRoute a/shop rules[0]")
    rule = Rule(1, path="/v2", action=FixedResponse(500), source=place)
    listener = Listener("HTTP", default=FixedResponse(404), rules=[rule])

    line = "/v2  -> fixed response 500 (shop.yaml:42, HTTPRoute a/shop rules[0])"
    assert line in shown(Service("shop", listeners=[listener]))


def test_rows_are_the_rules_as_they_are_tried() -> None:
    """Each rule of each listener is a row; services without a listener have none."""
    listener = Listener(
        "HTTPS",
        default=FixedResponse(404),
        rules=[
            Rule(30, method="POST", path="/cart", action=Forward("gray")),
            Rule(
                5,
                path_prefix="/v2",
                action=Forward("green"),
                source=SourceLocation("shop.yaml", 7),
            ),
        ],
    )
    shop = Service("shop", listeners=[listener])
    configuration = Configuration().with_resources([*GROUPS, shop, Service("bare")])
    state = compile_state(configuration, lambda _group, _target: "HEALTHY")

    green, gray = "`green` [LAMBDA, 1 target]", "`gray` [IP, 0 targets]"
    https = ("shop", shop.dns_name, "HTTPS 443")
    assert route_rows(state) == (
        (*https, "5", "/v2…", green, "shop.yaml:7"),
        (*https, "30", "POST /cart", gray, ""),
        (*https, "default", "-", "fixed response 404", ""),
    )
