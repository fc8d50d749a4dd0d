"""From what a test writes to what a request carries."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from pytest_lattice.clients.address import base_url, place, request_to
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.service import Listener, Service
from pytest_lattice.model.service_network import ServiceNetwork, Vpc
from pytest_lattice.routing.state import State, compile_state

SOURCE = Source("vpc-1", "10.0.0.9", 40000)


def state(*vpcs: str) -> State:
    """Compile a configuration in which VPCs are associated."""
    configuration = Configuration().with_resources(
        [
            *(Vpc(name, cidr="10.7.0.0/16") for name in vpcs),
            ServiceNetwork("network", vpcs=vpcs),
            Vpc("lonely"),
        ]
    )
    return compile_state(configuration, lambda group, target: "HEALTHY")


def service(*listeners: Listener) -> Service:
    """Declare a service with listeners."""
    return Service("shop", listeners=listeners)


def asked(url: str, **headers: str) -> LatticeRequest:
    """Write the request of a URL."""
    return request_to(
        "GET",
        url,
        headers=headers,
        http2=False,
        source=SOURCE,
        full_name=lambda host: f"{host}.full.example",
    )


@pytest.mark.parametrize(
    ("listeners", "suffix"),
    [
        ([("HTTP", 80), ("HTTPS", 443)], ("https", "")),
        ([("HTTP", 80)], ("http", "")),
        ([("HTTP", 8080), ("HTTPS", 8443)], ("https", ":8443")),
    ],
)
def test_base_url_is_of_the_https_listener(
    listeners: list[tuple[str, int]], suffix: tuple[str, str]
) -> None:
    """A service is called over HTTPS where it can be, and on the listener's port."""
    shop = service(
        *(
            Listener(protocol, port, default=FixedResponse(404))  # type: ignore[arg-type]  # read from the table
            for protocol, port in listeners
        )
    )
    scheme, port = suffix

    assert base_url(shop) == f"{scheme}://{shop.dns_name}{port}"


def test_service_without_a_listener_has_no_url() -> None:
    """What cannot be called is an error that names the service."""
    with pytest.raises(ConfigurationError) as caught:
        base_url(service())

    assert str(caught.value) == "service `shop` has no listener"


def test_the_only_vpc_is_chosen() -> None:
    """A client lives in the VPC that is associated, at an address in its range."""
    vpc, address = place(state("client"), None, None)

    assert vpc == Vpc("client").id
    assert address.startswith("10.7.")


@pytest.mark.parametrize(
    ("vpcs", "vpc", "address", "message"),
    [
        (["one", "two"], None, None, "say which VPC calls: 2 are associated"),
        (["one"], "oen", None, "unknown VPC `oen`"),
        (["one"], "one", "x", "`x` is not an IP address"),
        (["one"], "one", 168230913, "`168230913` is not an IP address"),
        (
            ["one"],
            "one",
            "fd12:3456:789a::1%x\r\n",
            "`fd12:3456:789a::1%x\r\n` is not an IP address",
        ),
        (
            ["one"],
            "one",
            "10.9.0.1",
            "address `10.9.0.1` is not in VPC `one` (10.7.0.0/16, fd12:3456:789a::/56)",
        ),
    ],
)
def test_place_refuses(
    vpcs: list[str],
    vpc: str | None,
    address: Any,  # noqa: ANN401  # what is refused
    message: str,
) -> None:
    """A place that is unknown, unclear or outside is refused by name."""
    with pytest.raises(ConfigurationError) as caught:
        place(state(*vpcs), vpc, address)

    assert str(caught.value) == message


def test_an_address_is_written_in_the_usual_form() -> None:
    """However an address is given, it travels as text that is compared as text."""
    given: Any = IPv4Address("10.7.0.9")

    assert place(state("one"), "one", given)[1] == "10.7.0.9"
    assert place(state("one"), "one", "FD12:3456:789A:0::1")[1] == "fd12:3456:789a::1"


def test_a_short_name_is_expanded() -> None:
    """A name without a dot is the short name of a service."""
    request = asked("https://shop/cart?a=1#part")

    assert request.server_name == "shop.full.example"
    assert request.host == "shop.full.example"
    assert (request.path, request.query, request.port) == ("/cart", "a=1", 443)


def test_a_host_header_is_taken_as_it_is() -> None:
    """A Host header that is given is sent in place of the URL's."""
    request = asked("http://shop.example:81/", Host="other.example")

    assert (request.host, request.server_name) == ("other.example", "shop.example")
    assert request.headers == (("host", "other.example"),)


@pytest.mark.parametrize(
    "url", ["shop/cart", "ftp://shop/", "https:///cart", "https://[/"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """What is no http or https URL with a name is refused as it was written."""
    with pytest.raises(ConfigurationError) as caught:
        asked(url)

    assert str(caught.value) == f"URL `{url}` is not of the form https://name/path"
