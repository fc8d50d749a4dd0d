"""Which hosts are a network's own, and how others are refused."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import EgressError, LatticeError, Service, TargetGroup
from pytest_lattice.clients.egress import Egress, is_lattice
from pytest_lattice.model.configuration import Configuration

SHOP = Service("shop", custom_domain_name="Shop.Example.com")


def egress(*services: Service, strict: bool = True) -> Egress:
    """Make one for a configuration that stays as it is."""
    configuration = Configuration().with_resources(services)
    return Egress(lambda: configuration, strict=strict)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (SHOP.dns_name, True),
        (f"{SHOP.dns_name.upper()}.", True),
        ("shop.example.com", True),
        ("SHOP.example.com:8443", True),
        ("shop", False),
        ("www.shop.example.com", False),
        ("example.com", False),
    ],
)
def test_full_names_are_known(host: str, *, known: bool) -> None:
    """Generated and custom names are known in any case, with dot or port; short ones
    are not.
    """
    assert egress(SHOP).knows(host) is known


def test_names_follow_the_configuration() -> None:
    """What is declared later is known at once; what was known when it closed stays."""
    now: list[Configuration] = [Configuration()]

    def current() -> Configuration:
        if not now:
            raise LatticeError("the network is closed")
        return now[-1]

    guard = Egress(current, strict=False)
    assert not guard.knows(SHOP.dns_name)
    now.append(Configuration().with_resources([SHOP]))
    assert guard.knows(SHOP.dns_name)
    group = TargetGroup("servers", targets=["http://one.example.net:81"])
    now.append(now[-1].with_resources([group]))
    assert guard.servers() == {"one.example.net"}
    assert guard.knows(SHOP.dns_name)
    now.clear()
    assert guard.knows(SHOP.dns_name)
    assert guard.servers() == {"one.example.net"}
    assert Egress(current, strict=True).servers() == frozenset()


_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
_REGION = st.sampled_from(["us-west-2", "eu-central-1", "ap-southeast-2"])


@given(_LABEL, _LABEL, _REGION, st.sampled_from(["", ".", ":443"]))
def test_the_form_of_generated_names(
    service: str, middle: str, region: str, end: str
) -> None:
    """Whatever has the form of a generated name is Lattice's, in whatever Region."""
    name = f"{service}.{middle}.vpc-lattice-svcs.{region}.on.aws"
    assert is_lattice(name + end)
    assert is_lattice(name.upper() + end)
    assert not is_lattice(f"{name}.example.com")
    assert not is_lattice(f"vpc-lattice-svcs.{region}.on.aws")


@given(st.ip_addresses())
def test_addresses_of_lattice(address: object) -> None:
    """Of all addresses, only the link-local ones of Lattice lead to it."""
    text = str(address)
    expected = bool(re.match(r"169\.254\.171\.\d+$", text)) or (
        ip_address(text).exploded.startswith("fd00:0ec2:0080:0000:")
    )
    assert is_lattice(text) is expected


@pytest.mark.parametrize(
    ("host", "lattice"),
    [
        ("169.254.171.0", True),
        ("169.254.171.255:443", True),
        ("169.254.170.2", False),  # where ECS gives credentials
        ("169.254.169.254", False),
        ("169.254.171.33.example.com", False),
        ("fd00:ec2:80::a9fe:ab21", True),
        ("fd00:ec2:80::1", True),
        ("::ffff:169.254.171.33", True),
        ("::ffff:169.254.169.254", False),
        ("[fd00:ec2:80::1]:443", True),
        ("fd00:ec2:80:1::1", False),
        ("fd00:ec2::254", False),
        ("", False),
    ],
)
def test_neighbors_of_lattices_addresses(host: str, *, lattice: bool) -> None:
    """Addresses of AWS beside those of Lattice are not taken for them."""
    assert is_lattice(host) is lattice


def test_nothing_is_refused_unless_it_is_strict() -> None:
    """Where it is not strict, other hosts are none of its business."""
    egress(SHOP, strict=False).refuse("example.com")


MANY = [Service(f"service-{number}") for number in range(9)]


@pytest.mark.parametrize(
    ("services", "host", "advice"),
    [
        (
            [SHOP],
            "shop",
            f"what leaves the process needs the full name, `{SHOP.dns_name}`",
        ),
        ([SHOP], "shop.example.org", "did you mean `shop.example.com`?"),
        ([SHOP], "a.b", f"its names: `{SHOP.dns_name}`, `shop.example.com`"),
        ([], "a.b", "it has no service yet"),
        (
            MANY,
            "a.b",
            "its names: "
            + ", ".join(sorted(f"`{each.dns_name}`" for each in MANY)[:8])
            + ", …",
        ),
    ],
)
def test_a_refusal_says_what_is_known(
    services: list[Service], host: str, advice: str
) -> None:
    """The advice is the full name, the nearest name, or else all names."""
    with pytest.raises(EgressError) as refused:
        egress(*services).refuse(host)

    assert str(refused.value) == (
        f"host `{host}` is none of the service network, the only one to call"
    )
    assert refused.value.__notes__ == [advice]
