"""What `pytest-lattice serve` offers, to people and to machines."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
)
from pytest_lattice.offer import Offer, exports_of, lines_of, offer
from pytest_lattice.terminal import Style
from tests.shop import CHECKOUT, INVOKE, policy, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = Service(
    "orders",
    listeners=[
        Listener("HTTP", default=Forward("apps")),
        Listener("HTTPS", default=Forward("apps")),
    ],
)
PRIVATE = Service(
    "private",
    auth_policy=policy(statement(Principal={"AWS": CHECKOUT})),
    listeners=[Listener("HTTPS", 8443, default=Forward("secrets"))],
)
PASSED = Service(
    "vault",
    custom_domain_name="vault.example.com",
    listeners=[Listener("TLS_PASSTHROUGH", default=Forward("vaults"))],
)
GROUPS = [
    TargetGroup("apps"),
    TargetGroup("secrets"),
    TargetGroup("vaults", protocol="TCP"),
]


@contextmanager
def offered(
    *resources: Any,  # noqa: ANN401  # as `LatticeNetwork.add` takes them
    role: str | None = None,
) -> Iterator[tuple[Offer, LatticeNetwork]]:
    """Offer some services to those in the only VPC."""
    with LatticeNetwork() as network:
        network.add(*GROUPS, *resources)
        network.role("checkout", policies=[INVOKE])
        with network.proxy() as proxy:
            yield offer(network, proxy, vpc=None, role=role), network


def lines(made: Offer) -> list[str]:
    """Write an offer for people who see no emphasis."""
    return list(lines_of(made, "/tmp/a b/environ.sh", Style(io.StringIO())))  # noqa: S108  # nobody writes there


def test_machines_get_all_of_it() -> None:
    """Each service has its names and listeners, and what leads there is named."""
    with offered(ORDERS, PASSED) as (made, _):
        assert Path(made.ca_file).is_file()
        assert made.environ["HTTPS_PROXY"] == made.proxy
    assert made.services == [
        {
            "name": "orders",
            "dns_names": [ORDERS.dns_name],
            "listeners": [
                {"protocol": "HTTP", "port": 80},
                {"protocol": "HTTPS", "port": 443},
            ],
            "unreachable": None,
        },
        {
            "name": "vault",
            "dns_names": [PASSED.dns_name, "vault.example.com"],
            "listeners": [{"protocol": "TLS_PASSTHROUGH", "port": 443}],
            "unreachable": None,
        },
    ]


def test_people_get_lines() -> None:
    """A table of names, the proxy, and a command for a service that lets one in."""
    with offered(PRIVATE, ORDERS) as (made, _):
        table, rest = lines(made)[:3], lines(made)[3:]

    assert [re.split(r" {2,}", line) for line in table] == [
        ["SERVICE", "NAME", "LISTENERS"],
        ["private", PRIVATE.dns_name, "HTTPS 8443"],
        ["orders", ORDERS.dns_name, "HTTP 80, HTTPS 443"],
    ]
    assert rest == [
        "",
        f"proxy    {made.proxy}",
        f"ca file  {made.ca_file}",
        "environ  . '/tmp/a b/environ.sh'",
        "",
        f"curl --proxy {made.proxy} --cacert {made.ca_file} https://{ORDERS.dns_name}/",
        "",
    ]


def test_command_of_a_role_is_signed() -> None:
    """It leads to where the role may call, with the credentials that it has."""
    with offered(PRIVATE, role="checkout") as (made, network):
        credentials = network.configuration.caller("checkout").credentials

    assert made.curl is not None
    assert made.curl.endswith(f" https://{PRIVATE.dns_name}:8443/")
    assert (
        " --aws-sigv4 aws:amz:us-west-2:vpc-lattice-svcs "
        f"--user {credentials.access_key}:{credentials.secret_key} "
        f"--header 'x-amz-security-token: {credentials.token}' "
    ) in made.curl


def test_what_nobody_lets_in_is_offered_all_the_same() -> None:
    """An answer of 403 is one too, where there is no other."""
    with offered(PRIVATE) as (made, _):
        assert made.curl is not None
        assert made.services[0]["unreachable"] is None


def test_what_cannot_be_reached_says_so() -> None:
    """A service outside of the network has its reason in a column of its own."""
    lost = Service("lost", listeners=[Listener("HTTP", default=Forward("apps"))])
    net = ServiceNetwork("net", services=["vault"], vpcs=["apps"])
    with offered(PASSED, lost, Vpc("apps"), net) as (made, _):
        table = [re.split(r" {2,}", line) for line in lines(made)[:4]]

    assert table[0][-1] == "UNREACHABLE"
    assert table[3][0] == "lost"
    assert table[3][-1].startswith("service network `net` has no service ")
    assert made.curl is None
    assert lines(made)[-2] == "no curl: no listener of HTTP or HTTPS can be reached"


def test_passthrough_is_not_for_curl() -> None:
    """Where nothing but TLS passthrough is, the reason is told."""
    with offered(PASSED) as (made, _):
        assert lines(made)[-2] == (
            "no curl: behind TLS_PASSTHROUGH the certificates are those of the targets"
        )


@pytest.mark.parametrize("text", ["plain", "with space", "it's", "$HOME"])
def test_a_shell_reads_the_variables(text: str) -> None:
    """What a shell would take apart is quoted."""
    made = Offer([], "", "", None, {"A": text, "B": "b"})
    quoted = {"plain": "plain", "it's": """'it'"'"'s'"""}.get(text, f"'{text}'")

    assert exports_of(made) == f"export A={quoted}\nexport B=b\n"
