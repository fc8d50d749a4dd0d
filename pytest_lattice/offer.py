"""What `pytest-lattice serve` offers: services, and what leads programs to them.

For machines it is the tuple `Offer`; for people, a table and a command line.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lattice.clients.address import listener_url
from pytest_lattice.model.outcome import Admitted, Unreachable, Unroutable
from pytest_lattice.terminal import BOLD, Style, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.clients.proxy import LiveProxy
    from pytest_lattice.model.service import Listener, Service
    from pytest_lattice.network import LatticeNetwork


class _Tried(NamedTuple):
    """A listener, and what would come of a request to it.

    Args:
        service: whose it is.
        listener: one of HTTP or HTTPS.
        obstacle: why it cannot be reached from the VPC; empty where it can.
        open: whether the caller may come in.
    """

    service: Service
    listener: Listener
    obstacle: str
    open: bool


class Offer(NamedTuple):
    """What is served, and how to get there.

    Args:
        services: name, DNS names and listeners of each, and what keeps clients off.
        proxy: the URL of the proxy.
        ca_file: the certificate to trust.
        curl: a command line, or None where curl can reach nothing.
        environ: what leads programs in.
    """

    services: list[dict[str, Any]]
    proxy: str
    ca_file: str
    curl: str | None
    environ: dict[str, str]


def offer(
    network: LatticeNetwork, proxy: LiveProxy, *, vpc: str | None, role: str | None
) -> Offer:
    """Find out what a proxy leads to.

    Args:
        network: whose services they are.
        proxy: leads there.
        vpc: where clients live; see `LatticeNetwork.proxy`.
        role: who signs; None for nobody.

    Raises:
        ConfigurationError: an unknown VPC or caller.
    """
    services = network.configuration.services
    tried = [
        _try(network, service, listener, vpc=vpc, role=role)
        for service in services
        for listener in service.listeners
        if listener.protocol != "TLS_PASSTHROUGH"
    ]
    environ = proxy.environ(role=role)
    return Offer(
        [_described(service, tried) for service in services],
        proxy.url,
        str(proxy.ca_file),
        _curl(tried, proxy, environ, signed=role is not None),
        environ,
    )


def _try(
    network: LatticeNetwork,
    service: Service,
    listener: Listener,
    *,
    vpc: str | None,
    role: str | None,
) -> _Tried:
    url = f"{listener_url(service, listener)}/"
    outcome = network.authorize("GET", url, vpc=vpc, role=role).outcome
    obstacle = ""
    if isinstance(outcome, Unreachable | Unroutable):
        obstacle = outcome.reason
    return _Tried(service, listener, obstacle, isinstance(outcome, Admitted))


def _described(service: Service, tried: list[_Tried]) -> dict[str, Any]:
    mine = [each.obstacle for each in tried if each.service is service]
    return {
        "name": service.name,
        "dns_names": list(filter(None, (service.dns_name, service.custom_domain_name))),
        "listeners": [
            {"protocol": each.protocol, "port": each.port} for each in service.listeners
        ],
        "unreachable": mine[0] if mine and all(mine) else None,
    }


def _curl(
    tried: list[_Tried], proxy: LiveProxy, environ: dict[str, str], *, signed: bool
) -> str | None:
    """Write a command that gets an answer, if it can from one that lets it in."""
    reached = [each for each in tried if not each.obstacle]
    reached.sort(key=lambda each: (not each.open, each.listener.scheme != "https"))
    if not reached:
        return None
    service, listener = reached[0][:2]
    words = ["curl", "--proxy", proxy.url, "--cacert", str(proxy.ca_file)]
    if signed:
        # They are made up, so they may be seen.
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        words += ["--aws-sigv4", f"aws:amz:{service.region}:vpc-lattice-svcs"]
        words += ["--user", f"{key}:{secret}"]
        if token := environ.get("AWS_SESSION_TOKEN"):
            words += ["--header", f"x-amz-security-token: {token}"]
        # AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
        words += ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
    return shlex.join([*words, f"{listener_url(service, listener)}/"])


def lines_of(offered: Offer, exports: str, style: Style) -> Iterator[str]:
    """Write an offer for people.

    Args:
        offered: the offer.
        exports: the file of `exports_of`.
        style: of the terminal.
    """
    rows = [
        (
            each["name"],
            name,
            ", ".join(f"{one['protocol']} {one['port']}" for one in each["listeners"]),
            each["unreachable"] or "",
        )
        for each in offered.services
        for name in each["dns_names"]
    ]
    yield from table(("service", "name", "listeners", "unreachable"), rows, style)
    yield ""
    yield f"{style(BOLD, 'proxy')}    {offered.proxy}"
    yield f"{style(BOLD, 'ca file')}  {offered.ca_file}"
    yield f"{style(BOLD, 'environ')}  . {shlex.quote(exports)}"
    yield ""
    yield offered.curl or f"no curl: {_why_no_curl(offered)}"
    yield ""


def _why_no_curl(offered: Offer) -> str:
    protocols = {
        one["protocol"] for each in offered.services for one in each["listeners"]
    }
    if protocols == {"TLS_PASSTHROUGH"}:
        return "behind TLS_PASSTHROUGH the certificates are those of the targets"
    return "no listener of HTTP or HTTPS can be reached"


def exports_of(offered: Offer) -> str:
    """Write the variables of an offer as a shell reads them."""
    pairs = offered.environ.items()
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in pairs)
