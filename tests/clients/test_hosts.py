"""Which hosts are addresses, which this machine, and which one of several servers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from pytest_lattice.clients.hosts import is_address, is_local, is_one_of

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("host", "address", "local"),
    [
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("0.0.0.0", True, True),  # noqa: S104  # nothing binds
        ("::1", True, True),
        ("::1%lo", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("198.51.100.7", True, False),
        ("2001:db8::7", True, False),
        ("224.0.0.1", True, False),
        ("255.255.255.255", True, False),
        ("", False, True),
        ("LocalHost.", False, True),
        ("database.localhost", False, True),
        (HERE, False, True),
        ("localhost.example.com", False, False),
        ("127.0.0.1.example.com", False, False),
    ],
)
def test_kind_of_a_host(host: str, *, address: bool, local: bool) -> None:
    """An address is told by its form, this machine by its names and addresses."""
    assert (is_address(host), is_local(host)) == (address, local)


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let names have addresses, and others none."""

    def known(**addresses: str) -> None:
        def getaddrinfo(host: str, *_: object) -> object:
            if host not in addresses:
                raise socket.gaierror(socket.EAI_NONAME, "unknown")
            return [(2, 1, 6, "", (addresses[host], 0))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return known


@pytest.mark.parametrize(
    ("host", "one"),
    [
        ("near", True),
        ("10.0.0.1", True),
        ("198.51.100.1", True),
        ("10.0.0.2", False),
        ("far", False),
    ],
)
def test_servers_are_known_by_name_and_address(
    lookup: Callable[..., None], host: str, *, one: bool
) -> None:
    """A name is compared as it is, an address with all that the names have."""
    lookup(near="198.51.100.1", far="198.51.100.1")

    assert is_one_of(host, ["lost", "near", "10.0.0.1"]) is one
