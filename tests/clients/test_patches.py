"""What is replaced while names are found, and that all of it is put back."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.resolver import AsyncResolver

from pytest_lattice import LatticeNetwork
from pytest_lattice.clients.patches import applied

if TYPE_CHECKING:
    from pytest_lattice.clients.listener import Address

if sys.platform != "win32":
    import uvloop

    LOOPS: list[Any] = [uvloop.Loop]
else:
    LOOPS = []
OWNERS = [socket, socket.socket, ssl.SSLContext, AsyncResolver, *LOOPS]
REPLACED = {
    "getaddrinfo",
    "gethostbyname",
    "gethostbyname_ex",
    "gethostbyaddr",
    "getnameinfo",
    "connect",
    "connect_ex",
    "sendto",
    "sendmsg",
    "wrap_socket",
    "wrap_bio",
    "resolve",
} | ({"create_connection", "create_datagram_endpoint"} if LOOPS else set())


class Indifferent:
    """A resolver that knows nobody, and notes what it is asked."""

    def __init__(self) -> None:
        """Be asked nothing yet."""
        self.asked: list[object] = []

    def find(self, host: object) -> None:
        """Know no name."""
        self.asked.append(host)

    def is_nameless(self, address: object) -> bool:
        """Know no address."""
        self.asked.append(address)
        return False

    def lead(self, host: object, port: int, *, blocking: bool) -> Address | None:
        """Lead nowhere else."""
        self.asked.append((host, port, blocking))
        return None

    def pem_for(self, server_name: object) -> None:
        """Certify nobody."""
        self.asked.append(server_name)


def attributes() -> list[dict[str, object]]:
    """Copy what the owners of patches have themselves."""
    return [dict(vars(owner)) for owner in OWNERS]


def test_everything_is_put_back() -> None:
    """The door replaces what it says, and closing it leaves no trace."""
    before = attributes()
    with applied(Indifferent()):
        within = attributes()
    changed = {
        name
        for old, new in zip(before, within, strict=True)
        for name in new
        if old.get(name) is not new[name]
    }

    assert changed == REPLACED
    assert attributes() == before


@pytest.mark.parametrize("failing", [False, True])
def test_door_leaves_no_trace(*, failing: bool) -> None:
    """So does the network's door, whether its block ends well or not."""
    before = attributes()
    with LatticeNetwork() as network:
        try:
            with network.dns():
                assert attributes() != before
                assert 1 / (not failing)
        except ZeroDivisionError:
            assert failing
        assert attributes() == before


@pytest.mark.parametrize("first", ["we", "they"])
def test_others_patches_are_left_alone(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who patches after us is not undone; what was undone before us is not redone."""
    original = socket.getaddrinfo
    undo = applied(Indifferent())
    if first == "they":
        undo.close()

    def theirs(*_: object) -> list[object]:
        return []

    monkeypatch.setattr(socket, "getaddrinfo", theirs)
    if first == "they":
        undo = applied(Indifferent())
        socket.getaddrinfo = original
    undo.close()

    assert socket.getaddrinfo is (theirs if first == "we" else original)
    socket.getaddrinfo = original


def test_what_is_replaced_looks_as_before() -> None:
    """Names and documentation stay, so that no tool wonders."""
    with applied(Indifferent()):
        assert socket.getaddrinfo.__name__ == "getaddrinfo"
        assert socket.socket.connect.__doc__ is not None
        assert ssl.SSLContext.wrap_bio.__module__ == "ssl"


def test_arguments_pass_as_they_were_given() -> None:
    """By position or by name, originals get what the caller gave."""
    resolver = Indifferent()
    with applied(resolver), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert socket.getaddrinfo("127.0.0.1", port, 0, socket.SOCK_STREAM) == (
            socket.getaddrinfo(host="127.0.0.1", port=port, type=socket.SOCK_STREAM)
        )
        with socket.socket() as sock:
            assert sock.connect_ex(("127.0.0.1", port)) == 0
        with socket.socket() as sock:
            sock.settimeout(0)
            assert sock.connect_ex(("127.0.0.1", port)) is not None
        context = ssl.create_default_context()
        bios = ssl.MemoryBIO(), ssl.MemoryBIO()
        named = context.wrap_bio(*bios, server_hostname="example.com")
        placed = context.wrap_bio(*bios, False, "example.com")  # noqa: FBT003  # see above
        assert named.server_hostname == placed.server_hostname == "example.com"

    assert resolver.asked == [
        "127.0.0.1",
        "127.0.0.1",
        ("127.0.0.1", port, True),
        ("127.0.0.1", port, False),
        "example.com",
        "example.com",
    ]


def test_server_side_of_tls_is_left_alone() -> None:
    """A server names nobody, so nobody is asked."""
    resolver = Indifferent()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with applied(resolver):
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)

    assert resolver.asked == []


def test_libraries_in_c_need_not_be_installed() -> None:
    """Where uvloop and aiohttp are missing, the rest is replaced all the same."""
    code = """
import sys
from importlib import util
find_spec = util.find_spec
util.find_spec = lambda name: None if name in {"uvloop", "aiohttp"} else find_spec(name)
from pytest_lattice import LatticeNetwork
with LatticeNetwork() as network:
    with network.dns():
        pass
assert not {"uvloop", "aiohttp"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
