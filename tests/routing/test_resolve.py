"""From a VPC, a DNS name and a port to a service and its listener."""

from dataclasses import replace
from typing import Any

import pytest

from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.outcome import Unreachable, Unroutable
from pytest_lattice.model.service import Listener, Service
from pytest_lattice.model.service_network import (
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
)
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.routing.resolve import host_name, resolve
from tests.routing.build import DEFAULT_VPC_ID, compiled, request

NOT_FOUND = FixedResponse(404)
HTTP = Listener("HTTP", default=NOT_FOUND)
HTTPS = Listener("HTTPS", default=NOT_FOUND)
SHOP = Service(
    "shop",
    listeners=[HTTP, HTTPS, Listener("HTTP", 8080, default=NOT_FOUND)],
    custom_domain_name="shop.example.com",
    certificate_arn="arn:aws:acm:us-west-2:123456789012:certificate/1",
)
CART = Service("cart", listeners=[HTTP, HTTPS], custom_domain_name="cart.example.com")
RAW = Service(
    "raw",
    listeners=[Listener("TLS_PASSTHROUGH", default=Forward("tcp"))],
    custom_domain_name="raw.example.com",
)
STATE = compiled(SHOP, CART, RAW, TargetGroup("tcp", protocol="TCP"))
NAME = SHOP.dns_name


@pytest.mark.parametrize(
    ("url", "service", "port"),
    [
        pytest.param("https://shop/", "shop", 443, id="short-name"),
        pytest.param(f"https://{NAME}/", "shop", 443, id="generated-name"),
        pytest.param("https://shop.example.com/", "shop", 443, id="custom-domain"),
        pytest.param(f"http://{NAME}/", "shop", 80, id="http"),
        pytest.param("http://shop.example.com/", "shop", 80, id="custom-domain-http"),
        pytest.param(
            "http://cart.example.com/", "cart", 80, id="no-certificate-needed-for-http"
        ),
        pytest.param(f"http://{NAME}:8080/", "shop", 8080, id="port"),
        pytest.param(f"https://{NAME}:443/", "shop", 443, id="usual-port"),
        pytest.param(f"https://{NAME.upper()}/", "shop", 443, id="upper-case"),
        pytest.param(f"https://{NAME}./", "shop", 443, id="trailing-dot"),
        pytest.param(f"http://{NAME}.:8080/", "shop", 8080, id="dot-and-port"),
        pytest.param("http://SHOP.example.COM.:8080/", "shop", 8080, id="all-of-it"),
    ],
)
def test_request_reaches(url: str, service: str, port: int) -> None:
    """A service is reached by each of its names, without regard to case and dot."""
    way = resolve(STATE, request(url=url))

    assert way.stop is None
    assert way.vpc is not None
    assert way.network is not None
    assert way.service is not None
    assert way.listener is not None
    assert (way.vpc.name, way.network.network.name) == ("default", "default")
    assert (way.service.service.name, way.listener.listener.port) == (service, port)


KNOWN = "service `shop` has no listener on port 9000; it has 80 (HTTP), "


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"vpc": "vpc-0a1b2c3d"},
            Unreachable(
                "connect timeout",
                "VPC `vpc-0a1b2c3d` is not associated with a service network",
            ),
            id="vpc",
        ),
        pytest.param(
            {"url": "http://shpo.example.com/"},
            Unroutable(
                404,
                "service network `default` has no service `shpo.example.com`; "
                "the nearest name is `shop.example.com`",
            ),
            id="unknown-http",
        ),
        pytest.param(
            {"url": "https://shpo.example.com/"},
            Unreachable(
                "connection reset",
                "service network `default` has no service `shpo.example.com`; "
                "the nearest name is `shop.example.com`",
            ),
            id="unknown-https",
        ),
        pytest.param(
            {"url": "http://Zz:80/"},
            Unroutable(
                404,
                "service network `default` has no service `Zz:80`; "
                "it has `cart`, `raw`, `shop`",
            ),
            id="like-none",
        ),
        pytest.param(
            {"url": "https://shop:9000/"},
            Unreachable(
                "connection refused",
                "service `shop` has no listener on port 9000; "
                "it has 80 (HTTP), 443 (HTTPS), 8080 (HTTP)",
            ),
            id="port",
        ),
        pytest.param(
            {"url": "http://shop:443/"},
            Unreachable(
                "connection reset",
                "listener `https-443` of service `shop` speaks HTTPS, "
                "the request came as http",
            ),
            id="http-to-https",
        ),
        pytest.param(
            {"url": "https://shop:8080/"},
            Unreachable(
                "connection reset",
                "listener `http-8080` of service `shop` speaks HTTP, "
                "the request came as https",
            ),
            id="https-to-http",
        ),
        pytest.param(
            {"url": "https://cart.example.com/"},
            Unreachable(
                "connection reset",
                "service `cart` has no certificate for its custom domain name "
                "`cart.example.com`",
            ),
            id="no-certificate",
        ),
        pytest.param(
            {"url": "https://raw.example.com/"},
            Unreachable(
                "connection reset",
                "listener `tls-passthrough-443` of service `raw` passes TLS "
                "through, which needs a TLS client and a TLS target",
            ),
            id="passthrough",
        ),
    ],
)
def test_request_stops(
    fields: dict[str, Any], expected: Unreachable | Unroutable
) -> None:
    """What is not reached is told apart: network, name, port, scheme, certificate."""
    assert resolve(STATE, request(**fields)).stop == expected


def test_generated_name_needs_no_certificate() -> None:
    """AWS supplies the certificate for the generated name."""
    assert resolve(STATE, request(url=f"https://{CART.dns_name}/")).stop is None


def test_https_goes_by_server_name() -> None:
    """The TLS server name decides, not the Host header; for HTTP it is the header."""
    https = request(url="https://shop/", host="cart")
    http = request(url="http://shop/", host="cart")

    assert (
        resolve(STATE, https).service
        == STATE.networks[DEFAULT_VPC_ID][1].services["shop"]
    )
    assert (
        resolve(STATE, http).service
        == STATE.networks[DEFAULT_VPC_ID][1].services["cart"]
    )


def test_way_ends_where_it_stopped() -> None:
    """A way knows how far the request came."""
    ways = [
        resolve(STATE, request(vpc="vpc-0a1b2c3d")),
        resolve(STATE, request(url="http://zz/")),
        resolve(STATE, request(url="http://shop:9000/")),
        resolve(STATE, request(url="https://cart.example.com/")),
        resolve(STATE, request()),
    ]

    assert [[part is not None for part in way] for way in ways] == [
        [False, False, False, False, True],
        [True, True, False, False, True],
        [True, True, True, False, True],
        [True, True, True, True, True],
        [True, True, True, True, False],
    ]


def test_declared_vpc_is_told_by_its_name() -> None:
    """A VPC without a network is named as the user named it, not by its id."""
    state = compiled(Service("shop"), Vpc("app"))
    way = resolve(state, request(vpc=Vpc("app").id))

    assert way.vpc == Vpc("app")
    assert way.stop == Unreachable(
        "connect timeout", "VPC `app` is not associated with a service network"
    )


def test_service_without_listeners() -> None:
    """A service that listens nowhere refuses every connection."""
    state = compiled(Service("shop"))

    assert resolve(state, request(url="http://shop/")).stop == Unreachable(
        "connection refused",
        "service `shop` has no listener on port 80; it has none at all",
    )


def test_network_without_services() -> None:
    """Where there is nothing to reach, the reason says so."""
    assert resolve(compiled(), request(url="http://shop/")).stop == Unroutable(
        404, "service network `default` has no service `shop`; it has none"
    )


def test_many_services_are_not_all_named() -> None:
    """A reason stays on one line: of many services the first eight are named."""
    services = [Service(f"service-{n}", listeners=[HTTP]) for n in range(10)]
    stop = resolve(compiled(*services), request(url="http://zz/")).stop

    assert stop == Unroutable(
        404,
        "service network `default` has no service `zz`; it has "
        + ", ".join(f"`service-{n}`" for n in range(8))
        + ", …",
    )


def test_service_in_two_networks_is_reached_through_both() -> None:
    """The VPC decides through which network a request comes."""
    state = compiled(
        SHOP,
        ServiceNetwork("corp", services=["shop"], vpcs=["app"]),
        ServiceNetwork("web", services=["shop"], vpcs=["edge"]),
        Vpc("app"),
        Vpc("edge"),
    )

    ways = [
        resolve(state, request(url=f"https://{NAME}/", vpc=Vpc(vpc).id))
        for vpc in ("app", "edge")
    ]
    assert [way.network.network.name for way in ways if way.network] == ["corp", "web"]
    assert ways[0].service is ways[1].service


def test_vpcs_with_overlapping_ranges_are_told_apart() -> None:
    """One address in two VPCs is two clients: the VPC's id decides."""
    state = compiled(
        SHOP,
        CART,
        ServiceNetwork("corp", services=["shop"], vpcs=["app"]),
        ServiceNetwork("web", services=["cart"], vpcs=["edge"]),
        Vpc("app", cidr="10.0.0.0/16"),
        Vpc("edge", cidr="10.0.0.0/16"),
    )
    stops = [
        resolve(state, request(url="http://shop/", vpc=Vpc(vpc).id)).stop
        for vpc in ("app", "edge")
    ]

    assert stops[0] is None
    assert stops[1] == Unroutable(
        404, "service network `web` has no service `shop`; it has `cart`"
    )


def test_short_name_of_two_services_is_not_guessed_at() -> None:
    """Where two services share a name, the names that tell them apart are told."""
    other = replace(SHOP, account="222222222222", custom_domain_name=None)
    state = compiled(
        SHOP,
        other,
        ServiceNetwork("corp", services=["shop"]),
        ResourceShare(
            "shops",
            resources=["shop"],
            principals=["123456789012"],
            account="222222222222",
        ),
        ServiceAssociation("corp", other.arn),
    )

    assert resolve(state, request(url="http://shop/")).stop == Unroutable(
        404, f"`shop` may be any of `{SHOP.dns_name}`, `{other.dns_name}`"
    )
    assert resolve(state, request(url=f"http://{other.dns_name}/")).stop is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop", "shop"),
        ("Shop.Example.com", "shop.example.com"),
        ("shop:8080", "shop"),
        ("shop.", "shop"),
        ("shop.:8080", "shop"),
        ("[fd00::1]:8080", "[fd00::1]"),
        ("10.0.0.1:80", "10.0.0.1"),
        ("", ""),
        (":80", ":80"),
        ("shop:http", "shop:http"),
    ],
)
def test_host_name(host: str, expected: str) -> None:
    """Port, trailing dot and case take no part in a name."""
    assert host_name(host) == expected


def test_way_is_remembered() -> None:
    """The same VPC, name, port and scheme lead the same way, found only once."""
    state = compiled(SHOP, CART)
    calls = [request(url="https://shop/a"), request("POST", "https://shop/b?c=d")]

    ways = [resolve(state, call) for call in calls]

    assert ways[0] is ways[1]
    assert resolve(state, request(url="http://shop/")) is not ways[0]
    assert resolve(state, request(url="https://cart/")) is not ways[0]


def test_names_that_anybody_can_invent_are_not_remembered() -> None:
    """However many unknown names are called, none of them takes memory."""
    state = compiled(SHOP)

    for number in range(100):
        resolve(state, request(url=f"http://unknown-{number}/"))
        resolve(state, request(url=f"http://shop:{number + 9000}/"))
        resolve(state, request(vpc=f"vpc-{number:08x}"))
    resolve(state, request(url="https://Shop./"))

    assert state.ways == {}
