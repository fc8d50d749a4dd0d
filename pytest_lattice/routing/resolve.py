"""From a VPC, a DNS name and a port to a service and its listener.

What is not reached is told apart as AWS does: no way into the network, no such
name, no such port.  Nothing here looks at paths, methods or headers.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.model.outcome import Unreachable, Unroutable

if TYPE_CHECKING:
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.model.service_network import Vpc
    from pytest_lattice.routing.state import (
        ListenerState,
        NetworkState,
        ServiceState,
        State,
    )

#: How many services are named where a name is like none of them.
_NAMES_SHOWN = 8


class Way(NamedTuple):
    """How far a request came; None from where it stopped."""

    vpc: Vpc | None = None
    network: NetworkState | None = None
    service: ServiceState | None = None
    listener: ListenerState | None = None
    stop: Unreachable | Unroutable | None = None


def resolve(state: State, request: LatticeRequest) -> Way:
    """Follow a request to its listener.

    Args:
        state: the compiled configuration.
        request: the request.

    Returns:
        The way it took; `stop` says why it ended early, or is None.
    """
    # AWS: vpc-lattice/latest/ug/https-listeners: HTTPS is routed by server name;
    # HTTP has only the Host header
    dialed = request.host if request.scheme == "http" else request.server_name
    key = (request.source.vpc, dialed, request.port, request.scheme)
    way = state.ways.get(key)
    if way is None:
        way = _resolve(state, request, dialed)
        # Names that lead to a listener are few; others are not remembered.
        if way.stop is None and way.network and dialed in way.network.services:
            state.ways[key] = way
    return way


def _resolve(state: State, request: LatticeRequest, dialed: str) -> Way:
    connected = state.networks.get(request.source.vpc)
    if connected is None:
        return _not_associated(state, request.source.vpc)
    vpc, network = connected
    service = network.services.get(dialed) or network.services.get(host_name(dialed))
    if service is None:
        return Way(vpc, network, stop=_no_such_name(network, request, dialed))
    listener = service.listeners.get(request.port)
    if listener is None or not _spoken(listener, request.scheme):
        return Way(vpc, network, service, stop=_no_such_port(service, request))
    if (stop := _unusable(service, listener, dialed, request.scheme)) is not None:
        return Way(vpc, network, service, listener, stop)
    return Way(vpc, network, service, listener)


def _spoken(listener: ListenerState, scheme: str) -> bool:
    if scheme == "tls":
        return listener.listener.protocol == "TLS_PASSTHROUGH"
    return listener.listener.scheme == scheme


def host_name(host: str) -> str:
    """Strip port and trailing dot off a host, in lower case."""
    name, _, port = host.rpartition(":")
    if not name or not port.isdigit():
        name = host
    return name.rstrip(".").lower()


def _not_associated(state: State, vpc_id: str) -> Way:
    # AWS: vpc-lattice/latest/ug/how-it-works: the association decides; the name
    # resolves to link-local addresses that lead nowhere
    vpc = next((each for each in state.configuration.vpcs if each.id == vpc_id), None)
    reason = f"VPC `{vpc.name if vpc else vpc_id}` is not associated"
    return Way(
        vpc, stop=Unreachable("connect timeout", f"{reason} with a service network")
    )


def _no_such_name(
    network: NetworkState, request: LatticeRequest, dialed: str
) -> Unreachable | Unroutable:
    known, name = network.services, host_name(dialed)
    reason = f"service network `{network.network.name}` has no service `{dialed}`"
    called = [
        each for each in dict.fromkeys(known.values()) if each.service.name == name
    ]
    if called:
        names = ", ".join(f"`{each.dns_name}`" for each in called)
        reason = f"`{dialed}` may be any of {names}"
    elif close := get_close_matches(name, known, n=1):
        reason += f"; the nearest name is `{close[0]}`"
    else:
        services = sorted({each.service.name for each in known.values()})
        shown = ", ".join(f"`{each}`" for each in services[:_NAMES_SHOWN])
        more = ", …" if services[_NAMES_SHOWN:] else ""
        reason += f"; it has {shown or 'none'}{more}"
    if request.scheme != "http":
        # AWS is silent on an unknown server name: a reset
        return Unreachable("connection reset", reason)
    # AWS: vpc-lattice/latest/ug/monitoring-access-logs: 404, no such service
    return Unroutable(404, reason)


def _no_such_port(service: ServiceState, request: LatticeRequest) -> Unreachable:
    name = service.service.name
    listener = service.listeners.get(request.port)
    if listener is None:
        ports = ", ".join(
            f"{port} ({each.listener.protocol})"
            for port, each in service.listeners.items()
        )
        return Unreachable(
            "connection refused",
            f"service `{name}` has no listener on port {request.port}; "
            f"it has {ports or 'none at all'}",
        )
    # AWS is silent: TLS and clear text cannot understand each other
    return Unreachable(
        "connection reset",
        f"listener `{listener.listener.name}` of service `{name}` speaks "
        f"{listener.listener.protocol}, the request came as {request.scheme}",
    )


def _unusable(
    service: ServiceState, listener: ListenerState, dialed: str, scheme: str
) -> Unreachable | None:
    name = service.service.name
    custom = service.service.custom_domain_name
    by_custom = custom is not None and host_name(dialed) == custom.lower()
    protocol = listener.listener.protocol
    if protocol == "HTTPS" and by_custom and not service.service.certificate_arn:
        # AWS: vpc-lattice/latest/ug/service-byoc: there is no fallback certificate
        return Unreachable(
            "connection reset",
            f"service `{name}` has no certificate for its custom domain name "
            f"`{custom}`",
        )
    if scheme == "tls" and not by_custom:
        # AWS: vpc-lattice/latest/ug/tls-listeners: by the custom domain name, exactly
        return Unreachable(
            "connection reset",
            f"listener `{listener.listener.name}` of service `{name}` passes through "
            f"what names `{custom}`, and not `{dialed}`",
        )
    if protocol == "TLS_PASSTHROUGH" and scheme != "tls":
        # AWS: vpc-lattice/latest/ug/tls-listeners: nothing of HTTP can be seen
        return Unreachable(
            "connection reset",
            f"listener `{listener.listener.name}` of service `{name}` passes TLS "
            "through, which needs a TLS client and a TLS target",
        )
    return None
