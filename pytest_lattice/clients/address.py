"""From what a test writes to what a request carries: URLs, VPCs and addresses.

A client needs a URL for its service and a place to live in; a decision without
traffic needs the request that a client would have made.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.routing.state import address_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_lattice.model.message import Source
    from pytest_lattice.model.service import Listener, Service
    from pytest_lattice.routing.state import State

__tracebackhide__ = HIDE

# What a client leaves as it is in a path; other characters travel percent-encoded.
_PATH_SAFE = "!$%&'()*+,-./:;=@[\\]^_|~"
_QUERY_SAFE = _PATH_SAFE + "?`{}"


def request_to(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
    http2: bool,
    source: Source,
    full_name: Callable[[str], str],
) -> LatticeRequest:
    """Write the request that a client would make.

    Args:
        method: such as ``GET``.
        url: with a DNS name, a custom domain name or the short name of a service.
        headers: ``host`` follows from the URL unless it is given.
        http2: whether HTTPS is spoken as HTTP/2.
        source: where the client lives.
        full_name: expands a short name.

    Raises:
        ConfigurationError: a URL that is none, or an unknown short name.
    """
    scheme, name, suffix, port, path, query = _parts(url)
    # A name without a dot is short, unless it is an IPv6 address.
    if "." not in name and ":" not in name:
        name = full_name(name)
    pairs = headers.items() if hasattr(headers, "items") else headers
    given = [(key.lower(), value) for key, value in pairs]
    if not any(key == "host" for key, _ in given):
        host = f"[{name}]" if ":" in name else name
        given.insert(0, ("host", host + suffix))
    return LatticeRequest(
        # Whoever writes `get` means what a client makes of it.
        method=method.upper() if method.islower() else method,
        scheme=scheme,
        host=next(value for key, value in given if key == "host"),
        server_name=name,
        port=port,
        path=path,
        query=query,
        headers=tuple(given),
        http_version="HTTP/2" if http2 and scheme == "https" else "HTTP/1.1",
        source=source,
    )


def header_pairs(
    headers: Mapping[str, str] | Sequence[tuple[str, str]],
) -> tuple[tuple[str, str], ...]:
    """List headers that are given as a mapping or as pairs.

    Raises:
        ConfigurationError: they are neither, or not of text.
    """
    pairs = headers.items() if hasattr(headers, "items") else headers
    try:
        found = tuple([(name, value) for name, value in pairs])
        "".join([text for pair in found for text in pair])
    except (TypeError, ValueError):
        raise advised(
            f"headers `{headers!r}` are not texts by name",
            'write {"name": "value"} or [("name", "value")]',
        ) from None
    return found


def usual_listener(service: Service) -> Listener:
    """Find the listener that clients mean who name no port: HTTPS, or else the first.

    Raises:
        ConfigurationError: it has no listener.
    """
    listeners = sorted(service.listeners, key=lambda each: each.scheme != "https")
    if not listeners:
        raise ConfigurationError(f"service `{service.name}` has no listener")
    return listeners[0]


def base_url(service: Service) -> str:
    """Write the URL of a service: that of its `usual_listener`.

    Raises:
        ConfigurationError: it has no listener.
    """
    return listener_url(service, usual_listener(service))


def listener_url(service: Service, listener: Listener) -> str:
    """Write the URL of one listener of a service."""
    usual = 443 if listener.scheme == "https" else 80
    port = "" if listener.port == usual else f":{listener.port}"
    return f"{listener.scheme}://{service.dns_name}{port}"


@lru_cache(maxsize=4096)
def _parts(url: str) -> tuple[str, str, str, int, str, str | None]:
    """Split a URL into scheme, name, suffix of ``host``, port, path and query."""
    malformed = ConfigurationError(f"URL `{url}` is not of the form https://name/path")
    try:
        parts = urlsplit(url)
    except (AttributeError, ValueError):
        raise malformed from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise malformed
    usual = 443 if parts.scheme == "https" else 80
    try:
        port = parts.port or usual
    except ValueError:
        raise ConfigurationError(f"URL `{url}` has no port from 1 to 65535") from None
    suffix = "" if port == usual else f":{port}"
    try:
        path = _without_dots(quote(parts.path, _PATH_SAFE)) or "/"
        asks = "?" in url.partition("#")[0]
        query = quote(parts.query, _QUERY_SAFE) if asks else None
    except UnicodeEncodeError:
        raise malformed from None
    return parts.scheme, parts.hostname, suffix, port, path, query


def _without_dots(path: str) -> str:
    """Resolve `.` and `..` in a path, as clients do before they send it."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if kept and kept != [""]:
                kept.pop()
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def place(state: State, vpc: str | None, address: str | None) -> tuple[str, str]:
    """Choose the VPC and the address of a client.

    Args:
        state: the compiled configuration.
        vpc: name or id; None where only one is associated.
        address: an IP address in the VPC; None derives one.

    Returns:
        The VPC's id and the address.

    Raises:
        ConfigurationError: an unknown VPC, none or too many to choose from, or an
            address that is not in it.
    """
    if vpc is None:
        if not state.networks:
            raise advised(
                "no VPC is associated with a service network",
                'associate one with ServiceNetwork(..., vpcs=["default"])',
            )
        if len(state.networks) > 1:
            names = sorted(each.name for each, _ in state.networks.values())
            raise advised(
                f"say which VPC calls: {len(names)} are associated",
                f"vpc= one of {', '.join(f'`{n}`' for n in names)}",
            )
        ((found, _),) = state.networks.values()
    else:
        found = state.configuration.vpc(vpc)
    if address is None:
        return found.id, address_in(found.cidr, f"client of {found.id}")
    try:
        ranges = (ip_network(found.cidr), ip_network(found.ipv6_cidr))
        # As text, or a whole number would be an address; a zone belongs to none.
        parsed = ip_address(str(address).replace("%", " "))
    except ValueError:
        raise ConfigurationError(f"`{address}` is not an IP address") from None
    if not any(parsed in each for each in ranges):
        raise ConfigurationError(
            f"address `{address}` is not in VPC `{found.name}` "
            f"({found.cidr}, {found.ipv6_cidr})"
        )
    return found.id, str(parsed)
