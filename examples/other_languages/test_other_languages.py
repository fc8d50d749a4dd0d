"""Programs in other languages call services of a network, unchanged.

They run as subprocesses in the environment of a proxy: their own TLS, their own HTTP.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import (
    Forward,
    Listener,
    Rule,
    Service,
    TargetGroup,
    assert_allowed,
    assert_denied,
    assert_logged,
    assert_routed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pytest_lattice import LatticeNetwork, LiveProxy

SCRIPT = Path(__file__).with_name("checkout.mjs")
ORDERS_FOR_CHECKOUT = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:role/checkout"},
        "Action": "vpc-lattice-svcs:Invoke",
        "Resource": "*",
    },
}
INVOKE = "VPCLatticeServicesInvokeAccess"


def prices(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Tell what something costs."""
    start("200 OK", [("content-type", "application/json")])
    return [json.dumps({"cents": 250}).encode()]


def orders(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Take an order."""
    order = json.load(environ["wsgi.input"])
    start("201 Created", [("content-type", "text/plain")])
    return [f"{order['item']} for {order['cents']} cents".encode()]


@pytest.fixture
def shop(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """A network with two services, of which one knows its callers."""
    lattice_network.add(
        TargetGroup("prices", targets=[prices]),
        TargetGroup("orders", targets=[orders]),
        TargetGroup("private-orders", targets=[orders]),
        Service(
            "prices",
            listeners=[
                Listener(
                    "HTTPS",
                    default=Forward("prices"),
                    rules=[Rule(10, path="/prices/tea", action=Forward("prices"))],
                )
            ],
        ),
        Service("orders", listeners=[Listener("HTTPS", default=Forward("orders"))]),
        Service(
            "private-orders",
            auth_policy=ORDERS_FOR_CHECKOUT,
            listeners=[Listener("HTTPS", default=Forward("private-orders"))],
        ),
    )
    lattice_network.role("checkout", policies=[INVOKE])
    lattice_network.role("reports", policies=[INVOKE])
    return lattice_network


def url(network: LatticeNetwork, service: str) -> str:
    """Write the URL of a service, as it would stand in a configuration."""
    return f"https://{network.service(service).dns_name}"


def run(
    proxy: LiveProxy, *command: str | Path, role: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in the environment of the proxy."""
    return subprocess.run(  # noqa: S603  # what the example itself wrote
        command,
        env=os.environ | proxy.environ(role=role),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def tool(name: str) -> str:
    """Find a program; skip without it."""
    places = [sysconfig.get_path("scripts"), os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def node(proxy: LiveProxy) -> str:
    """Find a Node that takes a proxy from the environment; skip without it."""
    found = tool("node")
    # The option came with the variable, to 22.21 and to 24.5.
    if run(proxy, found, "--use-env-proxy", "--eval", "").returncode:
        version = run(proxy, found, "--version").stdout.strip()
        pytest.skip(f"node {version} takes no proxy from the environment")
    return found


def test_node_calls_two_services(
    shop: LatticeNetwork, lattice_proxy: LiveProxy
) -> None:
    """The script asks for a price and orders; each call took the rule it should."""
    program = node(lattice_proxy)
    urls = url(shop, "prices"), url(shop, "orders")
    made = run(lattice_proxy, program, SCRIPT, *urls, "tea")

    assert (made.stdout, made.stderr) == ("tea for 250 cents\n", "")
    price, order = shop.exchanges
    assert_routed(price, rule=10, to="prices")
    assert_routed(order, to="orders")
    assert_logged(shop, request_method="POST", response_code=201)


def test_node_is_no_known_caller(
    shop: LatticeNetwork, lattice_proxy: LiveProxy
) -> None:
    """The script signs nothing, so a service with an auth policy keeps it out."""
    program = node(lattice_proxy)
    urls = url(shop, "prices"), url(shop, "private-orders")
    made = run(lattice_proxy, program, SCRIPT, *urls, "tea")

    assert made.stdout.startswith("AccessDeniedException: User: anonymous")
    assert_denied(shop.exchanges[1], layer="service")


def order_with_curl(
    shop: LatticeNetwork, proxy: LiveProxy, role: str
) -> subprocess.CompletedProcess[str]:
    """Let curl sign an order with the credentials of a role."""
    # As a shell would expand it, from the variables that `environ` gives.
    keys = proxy.environ(role=role)
    return run(
        proxy,
        tool("curl"),
        "--silent",
        "--show-error",
        "--aws-sigv4",
        "aws:amz:us-west-2:vpc-lattice-svcs",
        "--user",
        f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}",
        "--header",
        f"x-amz-security-token: {keys['AWS_SESSION_TOKEN']}",
        "--header",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        "--json",
        '{"item": "tea", "cents": 250}',
        f"{url(shop, 'private-orders')}/orders",
        role=role,
    )


def test_curl_signs_as_checkout(shop: LatticeNetwork, lattice_proxy: LiveProxy) -> None:
    """The role that the policy names is let in, by a signature of curl's own."""
    made = order_with_curl(shop, lattice_proxy, "checkout")

    assert (made.stdout, made.stderr) == ("tea for 250 cents", "")
    assert_allowed(shop.exchanges[0])


def test_curl_signs_as_another_role(
    shop: LatticeNetwork, lattice_proxy: LiveProxy
) -> None:
    """A role that it does not name stays out, although it may call services."""
    made = order_with_curl(shop, lattice_proxy, "reports")

    assert "no service-based policy allows" in made.stdout
    assert_denied(shop.exchanges[0], layer="service")
