"""Which hosts are addresses, which this machine, and which one of several servers.

It knows nothing of networks, and so nothing of Lattice.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING

from pytest_lattice.routing.resolve import host_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv6Address

_BROADCAST = IPv4Address("255.255.255.255")


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address, which nobody looks up."""
    try:
        _address(host)
    except ValueError:
        return False
    return True


def is_one_of(host: str, names: Iterable[str]) -> bool:
    """Tell whether a host is one of these names, or an address of one."""
    if host in names:
        return True
    return is_address(host) and any(
        host in _found(name) for name in names if not is_address(name)
    )


def is_local(host: str) -> bool:
    """Tell whether a host is this machine, as far as its name says so."""
    name = host_name(host)
    if name in {"", "localhost", socket.gethostname().lower()}:
        return True
    if name.endswith(".localhost"):
        return True
    if not is_address(host):
        return False
    address = unmapped(_address(host))
    return address.is_loopback or address.is_unspecified or _is_own(address)


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, else the address itself."""
    return getattr(address, "ipv4_mapped", None) or address


def _address(host: str) -> IPv4Address | IPv6Address:
    # A zone says which link leads there, and not who is there.
    return ip_address(host.partition("%")[0])


def _found(name: str) -> set[str]:
    try:
        return {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether this machine has an address, as containers have for their names."""
    if address.is_multicast or address == _BROADCAST:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004  # that of IP
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((str(address), 0))
        except OSError:
            return False
    return True
