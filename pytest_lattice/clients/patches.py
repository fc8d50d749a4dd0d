"""What is replaced while names of a network are found: sockets, TLS, event loops.

`applied` replaces it, and gives what puts everything back.  All decisions are the
`Resolver`'s; here stands only how each library asks.
"""

from __future__ import annotations

import errno
import socket
import ssl
from contextlib import ExitStack
from functools import partial, wraps
from importlib import import_module
from importlib.util import find_spec
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from pytest_lattice.errors import HIDE, LatticeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.clients.listener import Address

__tracebackhide__ = HIDE

# As sockets take it.
Host: TypeAlias = str | bytes | bytearray | None
# What is replaced, and what libraries hand over.
_Any: TypeAlias = Any
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Found(NamedTuple):
    """What a name leads to.

    Args:
        name: the canonical name.
        ipv4: an address.
        ipv6: another.
    """

    name: str
    ipv4: str
    ipv6: str


class Resolver(Protocol):
    """Decides where names and connections lead."""

    def find(self, host: Host) -> Found | None:
        """Look a name up; None to look elsewhere."""

    def is_nameless(self, address: Host) -> bool:
        """Tell whether an address has no name; False to look elsewhere."""

    def lead(self, host: Host, port: int, *, blocking: bool) -> Address | None:
        """Tell where a connection leads; None for where it led before."""

    def pem_for(self, server_name: Host) -> str | None:
        """Return the authority to trust for a server name; None to change nothing."""


def applied(resolver: Resolver) -> ExitStack:
    """Replace what finds hosts and connects to them in this process.

    Args:
        resolver: decides.

    Returns:
        What puts everything back when it is closed.
    """
    with ExitStack() as undo:
        for owner, name, make in _patches():
            original = getattr(owner, name)
            ours = wraps(original)(make(original, resolver))
            undo.callback(_put_back, owner, name, ours, vars(owner).get(name))
            setattr(owner, name, ours)
        return undo.pop_all()


def _put_back(owner: _Any, name: str, ours: _Any, before: _Any) -> None:
    if vars(owner).get(name) is not ours:
        return  # somebody else has replaced it since, or put back what was before us
    if before is None:
        delattr(owner, name)  # so that it is inherited again
    else:
        setattr(owner, name, before)


def _patches() -> list[tuple[_Any, str, Callable[..., _Any]]]:
    """List what is replaced: its owner, its name, and how."""
    patches: list[tuple[_Any, str, Callable[..., _Any]]] = [
        (socket, "getaddrinfo", _getaddrinfo),
        (socket, "gethostbyname", _gethostbyname),
        (socket, "gethostbyname_ex", _gethostbyname_ex),
        (socket, "gethostbyaddr", _gethostbyaddr),
        (socket, "getnameinfo", _getnameinfo),
        (socket.socket, "connect", _connect),
        (socket.socket, "connect_ex", _connect_ex),
        (socket.socket, "sendto", _sendto),
    ]
    if hasattr(socket.socket, "sendmsg"):
        patches.append((socket.socket, "sendmsg", _sendmsg))
    # Where truststore or gevent put a class of its own in the library's place, both
    # are in use.
    for name, place in (("wrap_socket", 4), ("wrap_bio", 3)):
        kinds = [kind for kind in ssl.SSLContext.__mro__ if name in vars(kind)]
        patches += [(kind, name, partial(_wrap, place)) for kind in kinds]
    # These find hosts and connect in C. Not only if they are loaded: code under test
    # may load them later.
    if find_spec("uvloop"):
        loop = import_module("uvloop").Loop
        patches += [
            (loop, "getaddrinfo", _uvloop_getaddrinfo),
            (loop, "getnameinfo", _uvloop_getnameinfo),
            (loop, "create_connection", _uvloop_create_connection),
            (loop, "create_datagram_endpoint", _uvloop_create_datagram_endpoint),
        ]
    if find_spec("aiohttp") and find_spec("aiodns"):
        async_resolver = import_module("aiohttp.resolver").AsyncResolver
        patches.append((async_resolver, "resolve", _aiohttp_resolve))
    return patches


# ---- names ------------------------------------------------------------------


def _getaddrinfo(original: _Any, resolver: Resolver) -> _Any:
    def getaddrinfo(  # noqa: PLR0917  # as the library has it
        host: _Any,
        port: _Any,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> _Any:
        numeric = flags & socket.AI_NUMERICHOST
        found = None if numeric else resolver.find(host)
        if found is None:
            return original(host, port, family, type, proto, flags)
        infos: list[_Any] = []
        for kind, address in zip(_FAMILIES, (found.ipv4, found.ipv6), strict=True):
            # The listeners are on IPv4's loopback, which machines offline have too.
            drop = socket.AI_ADDRCONFIG if kind == socket.AF_INET else 0
            if family in {0, kind}:
                try:
                    infos += original(address, port, kind, type, proto, flags & ~drop)
                except socket.gaierror:
                    if family:
                        raise
                    # This machine has no such addresses, and others were asked for too.
        if flags & socket.AI_CANONNAME and infos:
            infos[0] = (*infos[0][:3], found.name, infos[0][4])
        return infos

    return getaddrinfo


def _gethostbyname(original: _Any, resolver: Resolver) -> _Any:
    def gethostbyname(hostname: _Any, /) -> _Any:
        found = resolver.find(hostname)
        return original(hostname) if found is None else found.ipv4

    return gethostbyname


def _gethostbyname_ex(original: _Any, resolver: Resolver) -> _Any:
    def gethostbyname_ex(hostname: _Any, /) -> _Any:
        found = resolver.find(hostname)
        if found is None:
            return original(hostname)
        aliases = [] if hostname == found.name else [hostname]
        return found.name, aliases, [found.ipv4]

    return gethostbyname_ex


def _gethostbyaddr(original: _Any, resolver: Resolver) -> _Any:
    named = _gethostbyname_ex(original, resolver)

    def gethostbyaddr(ip_address: _Any, /) -> _Any:
        if resolver.is_nameless(ip_address):
            raise socket.herror(1, f"no name belongs to address `{ip_address}`")
        return named(ip_address)

    return gethostbyaddr


def _getnameinfo(original: _Any, resolver: Resolver) -> _Any:
    def getnameinfo(sockaddr: _Any, flags: int, /) -> _Any:
        return original(sockaddr, _name_flags(sockaddr, flags, resolver))

    return getnameinfo


def _name_flags(sockaddr: _Any, flags: int, resolver: Resolver) -> int:
    """Let the system look no name up for an address that has none."""
    numeric = flags & socket.NI_NUMERICHOST
    if not numeric and _is_address(sockaddr) and resolver.is_nameless(sockaddr[0]):
        return flags | socket.NI_NUMERICHOST
    return flags


# ---- connections ------------------------------------------------------------


def _connect(original: _Any, resolver: Resolver) -> _Any:
    def connect(self: socket.socket, address: _Any, /) -> _Any:
        return original(self, _connecting(self, address, resolver))

    return connect


def _connect_ex(original: _Any, resolver: Resolver) -> _Any:
    def connect_ex(self: socket.socket, address: _Any, /) -> _Any:
        try:
            led = _connecting(self, address, resolver)
        except socket.gaierror:
            raise  # as the original does
        except OSError as error:
            return error.errno
        return original(self, led)

    return connect_ex


def _sendto(original: _Any, resolver: Resolver) -> _Any:
    def sendto(self: socket.socket, data: _Any, *rest: _Any) -> _Any:
        *flags, address = rest or (None,)
        return original(self, data, *flags, _led(self, address, resolver))

    return sendto


def _sendmsg(original: _Any, resolver: Resolver) -> _Any:
    def sendmsg(self: socket.socket, *args: _Any) -> _Any:
        # Behind the buffers, ancillary data and flags.
        address = [_led(self, each, resolver) for each in args[3:]]
        return original(self, *args[:3], *address)

    return sendmsg


def _connecting(sock: socket.socket, address: _Any, resolver: Resolver) -> _Any:
    try:
        return _led(sock, address, resolver)
    except LatticeError:
        sock.close()  # libraries do so for errors of the system only
        raise


def _led(sock: socket.socket, address: _Any, resolver: Resolver) -> _Any:
    """Give the address that a socket is really to connect to."""
    if sock.family not in _FAMILIES or not _is_address(address):
        return address
    host, port = address[0], index(address[1])
    found = resolver.lead(host, port, blocking=sock.gettimeout() != 0)
    if found is None:
        return address
    if sock.type != socket.SOCK_STREAM:
        raise _no_datagrams(host)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return (f"::ffff:{found.host}", found.port, *address[2:])
    return tuple(found)


def _no_datagrams(host: Host) -> OSError:
    # AWS: vpc-lattice/latest/ug/listeners: HTTP, HTTPS and TLS, so TCP
    return ConnectionRefusedError(
        errno.ECONNREFUSED, f"nothing of Lattice takes datagrams, as to `{host!s}`"
    )


def _is_address(address: _Any) -> bool:
    """Tell whether it is one at all; what is not is left to the original to refuse."""
    return (
        isinstance(address, tuple)
        and len(address) > 1
        and isinstance(address[0], str | bytes | bytearray)
        and hasattr(address[1], "__index__")
    )


# ---- TLS --------------------------------------------------------------------


def _wrap(place: int, original: _Any, resolver: Resolver) -> _Any:
    """Replace what begins TLS; `place` is that of the server name in its arguments."""

    def wrap(context: ssl.SSLContext, *args: _Any, **kwargs: _Any) -> _Any:
        name = kwargs.get("server_hostname") or next(iter(args[place:]), None)
        # What trusts nobody, or meets other names, stays as it is.
        if name and context.verify_mode != ssl.CERT_NONE:
            pem = resolver.pem_for(name)
            if pem is not None:
                context.load_verify_locations(cadata=pem)
        return original(context, *args, **kwargs)

    return wrap


# ---- libraries that do it in C ------------------------------------------------


def _uvloop_getaddrinfo(original: _Any, resolver: Resolver) -> _Any:
    async def getaddrinfo(
        self: _Any,
        host: _Any,
        port: _Any,
        *,
        family: int = 0,
        type: int = 0,  # as the library has it
        proto: int = 0,
        flags: int = 0,
    ) -> _Any:
        if resolver.find(host) is not None:
            return socket.getaddrinfo(host, port, family, type, proto, flags)
        return await original(
            self, host, port, family=family, type=type, proto=proto, flags=flags
        )

    return getaddrinfo


def _uvloop_getnameinfo(original: _Any, resolver: Resolver) -> _Any:
    async def getnameinfo(self: _Any, sockaddr: _Any, flags: int = 0) -> _Any:
        flags = _name_flags(sockaddr, flags, resolver)
        return await original(self, sockaddr, flags)

    return getnameinfo


def _uvloop_create_datagram_endpoint(original: _Any, resolver: Resolver) -> _Any:
    async def create_datagram_endpoint(
        self: _Any,
        protocol_factory: _Any,
        local_addr: _Any = None,
        remote_addr: _Any = None,
        **options: _Any,
    ) -> _Any:
        if remote_addr is not None:
            host, port = remote_addr[:2]
            if resolver.lead(host, _number(port), blocking=False) is not None:
                raise _no_datagrams(host)
        return await original(
            self, protocol_factory, local_addr, remote_addr, **options
        )

    return create_datagram_endpoint


def _uvloop_create_connection(original: _Any, resolver: Resolver) -> _Any:
    async def create_connection(
        self: _Any,
        protocol_factory: _Any,
        host: _Any = None,
        port: _Any = None,
        **options: _Any,
    ) -> _Any:
        found = None
        if host:
            found = resolver.lead(host, _number(port), blocking=False)
        if found is not None:
            if options.get("ssl") and options.get("server_hostname") is None:
                options["server_hostname"] = host
            host, port = found
            options["family"] = socket.AF_INET
        return await original(self, protocol_factory, host, port, **options)

    return create_connection


def _number(port: _Any) -> int:
    """Read a port that may be the name of a service."""
    if isinstance(port, str | bytes) and not port.isdigit():
        return socket.getservbyname(port if isinstance(port, str) else port.decode())
    return int(port or 0)


def _aiohttp_resolve(original: _Any, resolver: Resolver) -> _Any:
    async def resolve(
        self: _Any,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> _Any:
        if resolver.find(host) is None:
            return await original(self, host, port, family)
        # The one that asks sockets, and so the resolver.
        threaded = import_module("aiohttp.resolver").ThreadedResolver()
        return await threaded.resolve(host, port, family)

    return resolve
