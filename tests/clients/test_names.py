"""Names of a network: who finds them, where they lead, and who is refused."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
import truststore
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has none
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # see above
from botocore.httpsession import (  # type: ignore[import-untyped]  # see above
    URLLib3Session,
)

from pytest_lattice import (
    BlockingCallError,
    ConfigurationError,
    EgressError,
    FixedResponse,
    Forward,
    LatticeError,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    assert_allowed,
    assert_denied,
)
from tests import name_peers
from tests.live_peers import PATIENCE
from tests.model.refusals import refused, said
from tests.name_peers import PEERS
from tests.shop import READ_ONLY, SESSION, shop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/0123"


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
    """Answer with the path."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"%d" % len(scope["path"]))]
        start = {"type": "http.response.start", "status": 200, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network with the service `orders`, which has a custom domain name."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("apps", targets=[app]),
            Service(
                "orders",
                custom_domain_name="orders.example.com",
                certificate_arn=CERTIFICATE,
                listeners=[
                    Listener("HTTPS", default=Forward("apps")),
                    Listener("HTTP", 8080, default=Forward("apps")),
                ],
            ),
        )
        yield network


@pytest.fixture
def name(network: LatticeNetwork) -> str:
    """Its generated name."""
    return network.service("orders").dns_name


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is asked of the system's resolver while the test runs."""
    asked: list[object] = []
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401  # as the library's
        flags = named.get("flags", rest[4] if len(rest) > 4 else 0)
        try:
            ip_address(host.decode() if isinstance(host, bytes) else host)
        except ValueError:
            if not flags & socket.AI_NUMERICHOST:
                asked.append(host)
        return original(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def causes(error: BaseException) -> list[BaseException]:
    """List an error with all that led to it."""
    seen: list[BaseException] = [error]
    for each in seen:
        inner = [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        inner += [arg for arg in each.args if isinstance(arg, BaseException)]
        inner += [getattr(each, "reason", None)]
        seen += [i for i in inner if isinstance(i, BaseException) and i not in seen]
    return seen


def errors_of(peer: str, url: str) -> list[BaseException]:
    """Let a library call in vain; list its error with all that led to it."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # the library's own
        PEERS[peer](url)
    return causes(caught.value)


# ---- every client gets in ----------------------------------------------------


@pytest.mark.parametrize("peer", PEERS)
def test_every_client_gets_in(
    peer: str, network: LatticeNetwork, name: str, lookups: list[object]
) -> None:
    """Whatever way a library finds hosts, generated and custom names lead in."""
    with network.dns(strict=True):
        assert PEERS[peer](f"https://{name}/generated") == "/generated"
        assert PEERS[peer]("https://orders.example.com/custom") == "/custom"
        assert PEERS[peer](f"http://{name}:8080/clear") == "/clear"

    assert [each.request.path for each in network.exchanges] == [
        "/generated",
        "/custom",
        "/clear",
    ]
    assert_allowed(list(network.exchanges))
    assert lookups == []


@pytest.mark.parametrize("peer", PEERS)
def test_port_without_a_listener_refuses(
    peer: str, network: LatticeNetwork, name: str
) -> None:
    """The client's error comes from a refused connection, and says what there is."""
    with network.dns():
        errors = errors_of(peer, f"https://{name}:8443/")

    assert errno.ECONNREFUSED in {getattr(each, "errno", None) for each in errors}
    text = "service `orders` has no listener on port 8443; it has 443 (HTTPS), 8080"
    assert any(text in str(each) for each in errors)


@pytest.mark.parametrize("peer", PEERS)
def test_other_hosts_are_refused(
    peer: str, network: LatticeNetwork, lookups: list[object]
) -> None:
    """A strict door lets nothing out: no name is looked up, nobody is connected to."""
    with network.dns(strict=True):
        for host in ("api.example.net", "93.184.216.34"):
            errors = errors_of(peer, f"http://{host}/")
            [refusal] = [each for each in errors if isinstance(each, EgressError)]
            assert str(refusal) == (
                f"host `{host}` is none of the service network, the only one to call"
            )

    assert lookups == []


@pytest.mark.parametrize("peer", PEERS)
def test_name_that_nobody_has_is_not_found(
    peer: str, network: LatticeNetwork, name: str, lookups: list[object]
) -> None:
    """A name of Lattice's form never leaves the process; the error names the right
    one.
    """
    wrong = name.replace("orders", "order", 1)
    with network.dns():
        errors = errors_of(peer, f"https://{wrong}/")

    text = f"no service has the name `{wrong}`; did you mean `{name}`?"
    assert any(text in str(each) for each in errors)
    assert lookups == []


# ---- names -------------------------------------------------------------------


def test_addresses_look_like_awss(network: LatticeNetwork, name: str) -> None:
    """A name has an IPv4 address of Lattice, and the IPv6 one that embeds it."""
    with network.dns():
        infos = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
        (v4, *_), (v6, *_) = (info[4] for info in infos)

    assert ip_address(v4) in ip_network("169.254.171.0/24")
    low = int(ip_address(v4)) & 0xFFFF_FFFF
    assert int(ip_address(v6)) == int(ip_address("fd00:ec2:80::")) | low


@pytest.mark.parametrize("family", [0, socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [0, socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("port", ["443", "https", None])
def test_answers_are_the_systems_for_the_address(
    family: int, kind: int, port: str | None, network: LatticeNetwork, name: str
) -> None:
    """A name is answered just as its addresses would be."""
    original = socket.getaddrinfo
    with network.dns():
        found = socket.getaddrinfo(name, port, family, kind)
        addresses = dict.fromkeys(info[4][0] for info in found)
    expected = [
        info for each in addresses for info in original(str(each), port, family, kind)
    ]

    assert found == expected
    assert len(addresses) == (1 if family else 2)


def test_canonical_name_is_the_generated_one(
    network: LatticeNetwork, name: str
) -> None:
    """A custom domain name is an alias of the generated name."""
    with network.dns():
        first, second = socket.getaddrinfo(
            "orders.example.com",
            443,
            type=socket.SOCK_STREAM,
            flags=socket.AI_CANONNAME,
        )
        whole = socket.gethostbyname_ex("orders.example.com")
        address = socket.gethostbyname(name)
        assert socket.gethostbyname_ex(name) == (name, [], [address])

    assert (first[3], second[4][0]) == (name, "fd00:ec2:80::a9fe:ab20")
    assert whole == (name, ["orders.example.com"], [address])
    assert address == "169.254.171.32"


def encoded(name: str) -> bytearray:
    """Write a name as some libraries do."""
    return bytearray(name.encode())


@pytest.mark.parametrize("form", [str.upper, "{}.".format, str.encode, encoded])
def test_every_form_of_a_name_is_found(
    form: Callable[[str], Any], network: LatticeNetwork, name: str
) -> None:
    """Case, a trailing dot and bytes make no difference."""
    with network.dns():
        info, *_ = socket.getaddrinfo(form(name), 443, flags=socket.AI_CANONNAME)

    assert (info[3], info[4]) == (name, ("169.254.171.32", 443))


def test_machine_without_ipv6_finds_ipv4(
    network: LatticeNetwork, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine cannot reach is left out, unless it is asked for by family."""
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int, *rest: Any) -> Any:  # noqa: ANN401  # as the library's
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_FAMILY, "no IPv6")
        return original(host, port, family, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with network.dns():
        found = {info[4][0] for info in socket.getaddrinfo(name, 443)}
        with pytest.raises(socket.gaierror, match="no IPv6"):
            socket.getaddrinfo(name, 443, socket.AF_INET6)

    assert found == {"169.254.171.32"}


def test_machine_offline_finds_ipv4(
    network: LatticeNetwork, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is all that is needed, even if addresses in use only are asked for."""
    original = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int, *rest: Any) -> Any:  # noqa: ANN401  # as the library's
        if rest[-1] & socket.AI_ADDRCONFIG:
            raise socket.gaierror(socket.EAI_NONAME, "offline")
        return original(host, port, family, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with network.dns():
        found = socket.getaddrinfo(name, 443, flags=socket.AI_ADDRCONFIG)

    assert {info[4][0] for info in found} == {"169.254.171.32"}


def socket_getnameinfo(sockaddr: Any, flags: int) -> Any:  # noqa: ANN401  # as the library's
    """Ask the function that the door has put in place."""
    return socket.getnameinfo(sockaddr, flags)


def uvloop_getnameinfo(sockaddr: Any, flags: int) -> Any:  # noqa: ANN401  # as the library's
    """Ask uvloop, which asks in C."""

    async def main() -> Any:  # noqa: ANN401  # as the library's
        return await asyncio.get_running_loop().getnameinfo(sockaddr, flags)

    return name_peers.uvloop_run(main())


NAMERS: list[Any] = [socket_getnameinfo]
if sys.platform != "win32":
    NAMERS.append(uvloop_getnameinfo)


def test_names_have_themselves_in_full(network: LatticeNetwork, name: str) -> None:
    """Who asks for the full name of a service looks nothing up."""
    with network.dns(strict=True):
        assert socket.getfqdn(name) == name
        assert socket.gethostbyaddr("orders.example.com") == (
            name,
            ["orders.example.com"],
            ["169.254.171.32"],
        )


@pytest.mark.parametrize("namer", NAMERS)
def test_addresses_have_no_name(namer: Any, network: LatticeNetwork) -> None:  # noqa: ANN401  # one of several
    """Nobody is asked for the name of an address of Lattice, nor of a refused one."""
    with network.dns(strict=True):
        with pytest.raises(socket.herror, match=r"address `169\.254\.171\.32`"):
            socket.gethostbyaddr("169.254.171.32")
        assert namer(("169.254.171.32", 443), socket.NI_NUMERICSERV) == (
            "169.254.171.32",
            "443",
        )
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert namer(("198.51.100.7", 80), numeric) == ("198.51.100.7", "80")
        for ask in (
            lambda: socket.gethostbyaddr("198.51.100.7"),
            lambda: socket.getfqdn("example.net"),
            lambda: namer(("198.51.100.7", 80), 0),
        ):
            with pytest.raises(EgressError):
                ask()
        assert socket.gethostbyaddr("127.0.0.1")


def test_functions_kept_from_the_door_ask_as_before(
    network: LatticeNetwork, name: str, lookups: list[object]
) -> None:
    """What code took while the door was open changes nothing when it is closed."""
    with network.dns(strict=True):
        getaddrinfo, connect = socket.getaddrinfo, socket.socket.connect
    with suppress(socket.gaierror):
        getaddrinfo(name, 443)
    with socket.socket() as sock, pytest.raises(ConnectionRefusedError):
        connect(sock, ("127.0.0.1", 1))

    assert lookups == [name]


def test_numeric_flag_looks_nothing_up(network: LatticeNetwork, name: str) -> None:
    """Whoever asks for addresses only is told that a name is none."""
    with network.dns(), pytest.raises(socket.gaierror):
        socket.getaddrinfo(name, 443, flags=socket.AI_NUMERICHOST)


def test_each_name_has_an_address_of_its_own(network: LatticeNetwork) -> None:
    """As long as there are enough; then names share them, as they do at AWS."""
    with network.dns():
        network.add(*(Service(f"more-{number}") for number in range(230)))
        names = [each.dns_name for each in network.configuration.services]
        found = {each: socket.gethostbyname(each) for each in names}
        again = {each: socket.gethostbyname(each) for each in reversed(names)}

    assert found == again
    assert len(set(found.values())) == 223
    assert all(ip_address(a) in ip_network("169.254.171.0/24") for a in found.values())


def test_what_is_declared_later_is_found(network: LatticeNetwork) -> None:
    """Services, their ports and their custom names may come while the door is open."""
    with network.dns():
        network.add(
            Service(
                "late",
                custom_domain_name="late.example.com",
                listeners=[Listener("HTTP", 8123, default=FixedResponse(404))],
            )
        )
        response = requests.get("http://late.example.com:8123/", timeout=PATIENCE)

    assert (response.status_code, response.text) == (404, "Not Found")


# ---- connections -------------------------------------------------------------


def dialed(host: Any, port: int, family: int = socket.AF_INET) -> int:  # noqa: ANN401  # as sockets take it
    """Connect without an exception, and return the error number."""
    with socket.socket(family) as sock:
        return sock.connect_ex((host, port))


def test_any_address_of_lattice_leads_by_name(
    network: LatticeNetwork, name: str
) -> None:
    """An address that belongs to no name leads to all services; the name decides."""
    context = ssl.create_default_context()
    with (
        network.dns(),
        socket.create_connection(("169.254.171.200", 443), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname=name) as secure,
    ):
        secure.sendall(f"GET /any HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        assert secure.recv(1000).startswith(b"HTTP/1.1 200 OK")


def test_address_of_a_name_has_its_ports_only(network: LatticeNetwork) -> None:
    """What one service listens on is refused at the address of another."""
    network.add(
        Service("other", listeners=[Listener("HTTP", 81, default=FixedResponse(404))])
    )
    orders, other = (network.service(each).dns_name for each in ("orders", "other"))
    with network.dns():
        address = {each: socket.gethostbyname(each) for each in (orders, other)}
        assert dialed(address[other], 81) == 0
        assert dialed(address[other], 443) == errno.ECONNREFUSED
        assert dialed(address[orders], 81) == errno.ECONNREFUSED
        assert dialed("169.254.171.250", 81) == 0
        assert dialed("169.254.171.250", 82) == errno.ECONNREFUSED


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, "169.254.171.32"),
        (socket.AF_INET6, "fd00:ec2:80::a9fe:ab20"),
        (socket.AF_INET, "{}"),
        (socket.AF_INET6, "{}"),
        (socket.AF_INET, b"169.254.171.32"),
    ],
)
def test_sockets_connect_by_address_and_by_name(
    family: int, address: str | bytes, network: LatticeNetwork, name: str
) -> None:
    """Sockets of both families connect, also those that are given a name."""
    given = address.format(name) if isinstance(address, str) else address
    with network.dns():
        socket.gethostbyname(name)
        assert dialed(given, 443, family) == 0
        assert dialed(given, 444, family) == errno.ECONNREFUSED


def test_name_that_nobody_has_cannot_be_connected_to(
    network: LatticeNetwork, name: str
) -> None:
    """It is an error also where others are numbers, as the system has it."""
    with network.dns(), pytest.raises(socket.gaierror, match="did you mean"):
        dialed(name.replace("orders", "order", 1), 443)


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not for Windows")
def test_uvloop_connects_by_either_family(network: LatticeNetwork, name: str) -> None:
    """A family that is asked for is no obstacle to getting in."""

    async def main(family: int) -> str:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), name, 8080, family=family
        )
        transport.write(f"GET /v HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        answer = await reader.read()
        transport.close()
        return answer[-2:].decode()

    with network.dns():
        for family in (0, socket.AF_INET, socket.AF_INET6):
            assert name_peers.uvloop_run(main(family)) == "/v"


def test_what_is_no_address_is_the_systems_to_refuse(network: LatticeNetwork) -> None:
    """Wrong addresses raise what they always did."""
    with network.dns(), socket.socket() as sock:
        for number in (5, 10**12):
            with pytest.raises(TypeError):
                socket.getaddrinfo(number, 443)  # type: ignore[arg-type]  # the wrong kind
        for wrong in ("169.254.171.32", ("169.254.171.32",), (1, 2), None):
            with pytest.raises(TypeError):
                sock.connect(wrong)  # type: ignore[arg-type]  # the wrong kind
        with pytest.raises(TypeError):
            sock.sendto(b"")  # type: ignore[call-overload]  # no address


def test_datagrams_find_nobody(network: LatticeNetwork, name: str) -> None:
    """Lattice has no UDP: whoever sends some is refused, and nothing leaves."""
    with network.dns(), socket.socket(type=socket.SOCK_DGRAM) as sock:
        for send in (
            lambda: sock.connect((name, 443)),
            lambda: sock.sendto(b"x", (name, 443)),
            lambda: sock.sendto(b"x", 0, ("169.254.171.32", 443)),
        ):
            with pytest.raises(ConnectionRefusedError, match="takes datagrams"):
                send()


def test_other_sockets_are_left_alone(network: LatticeNetwork) -> None:
    """Pairs, local servers and local datagrams work as ever, also if it is strict."""
    with network.dns(strict=True):
        near, far = socket.socketpair()
        with near, far:
            near.sendall(b"x")
            assert far.recv(1) == b"x"
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            for host in ("127.0.0.1", "localhost", "0.0.0.0"):  # noqa: S104  # nothing binds
                with socket.create_connection((host, port), PATIENCE):
                    pass
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.sendto(b"x", sock.getsockname())
            assert sock.recv(1) == b"x"
        with suppress(socket.gaierror):  # not every system finds these
            socket.getaddrinfo("database.localhost", 80)
        with suppress(socket.gaierror):
            socket.getaddrinfo(socket.gethostname(), 80)
        assert dialed("::ffff:127.0.0.1", port, socket.AF_INET6) == errno.ECONNREFUSED
        assert socket.getaddrinfo(None, 80)
        assert socket.getaddrinfo("127.0.0.1", 80)


def test_this_machine_may_be_called_by_its_address(
    network: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever addresses it has: a container's name leads to no loopback."""
    bound: list[object] = []

    def bind(_: socket.socket, address: tuple[str, int]) -> None:
        bound.append(address)
        if address[0] != "198.51.100.1":
            raise OSError(errno.EADDRNOTAVAIL, "not this machine's")

    connected: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, to: connected.append(to))
    with network.dns(strict=True), socket.socket() as sock:
        monkeypatch.setattr(socket.socket, "bind", bind)
        sock.connect(("198.51.100.1", 80))
        for host in ("198.51.100.2", "224.0.0.1", "255.255.255.255"):
            with pytest.raises(EgressError):
                sock.connect((host, 80))

    assert connected == [("198.51.100.1", 80)]
    assert bound == [("198.51.100.1", 0), ("198.51.100.2", 0)]


class Port:
    """A number of another library's, such as numpy's."""

    def __index__(self) -> int:
        """Be 443."""
        return 443


def test_every_form_of_an_address_is_led(network: LatticeNetwork, name: str) -> None:
    """So are addresses in IPv6's form, numbers of others, and sockets for IPv6 only."""
    with network.dns(strict=True):
        with socket.socket() as sock:
            sock.connect((name, Port()))
            assert sock.getpeername()[0] == "127.0.0.1"
        for host in ("::ffff:169.254.171.32", "fd00:ec2:80::a9fe:ab20"):
            with socket.socket(socket.AF_INET6) as sock:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.connect((host, 443))
        with socket.socket() as sock, pytest.raises(EgressError):
            sock.connect(("198.51.100.7", Port()))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
def test_uvloop_takes_names_of_ports(network: LatticeNetwork, name: str) -> None:
    """A port may be written as the name of a protocol."""

    async def main(port: Any) -> str:  # noqa: ANN401  # typeshed has it narrower
        _, writer = await asyncio.open_connection(name, port)
        host: str = writer.get_extra_info("peername")[0]
        writer.close()
        await writer.wait_closed()
        return host

    with network.dns(strict=True):
        for port in ("https", b"https", "443", 443):
            assert name_peers.uvloop_run(main(port)) == "127.0.0.1"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
def test_datagrams_of_uvloop_are_refused(network: LatticeNetwork, name: str) -> None:
    """Those to a fixed address are; it sends others in C."""

    async def main(host: str) -> str:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(host, 53)
        )
        transport.close()
        return "opened"

    with network.dns(strict=True):
        for host in ("198.51.100.7", "example.net"):
            with pytest.raises(EgressError):
                name_peers.uvloop_run(main(host))
        with pytest.raises(ConnectionRefusedError):
            name_peers.uvloop_run(main(name))
        assert name_peers.uvloop_run(main("127.0.0.1")) == "opened"


def test_datagrams_to_others_are_refused(network: LatticeNetwork) -> None:
    """A strict door is a guard for UDP too."""
    with network.dns(strict=True), socket.socket(type=socket.SOCK_DGRAM) as sock:
        for send in (
            lambda: sock.connect(("198.51.100.7", 53)),
            lambda: sock.sendto(b"x", ("198.51.100.7", 53)),
            lambda: sock.sendto(b"x", ("statsd.example.net", 8125)),
            lambda: sock.sendmsg([b"x"], [], 0, ("198.51.100.7", 53)),
        ):
            with pytest.raises(EgressError):
                send()


def test_refusal_names_the_host(network: LatticeNetwork, name: str) -> None:
    """A short name is for tests only, and the refusal says the full one."""
    with network.dns(strict=True), pytest.raises(EgressError) as caught:
        socket.getaddrinfo("orders", 443)

    assert said(caught.value) == [
        "host `orders` is none of the service network, the only one to call",
        f"what leaves the process needs the full name, `{name}`",
    ]


def test_targets_that_are_servers_may_be_called(
    network: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests of any open network leave a strict door, by name and by address."""
    connected: list[object] = []

    def getaddrinfo(host: str, *_: object) -> object:
        addresses = {"one.example.net": "198.51.100.1", "two.example.net": "::1:2"}
        return [(2, 1, 6, "", (addresses[host], 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", lambda _, to: connected.append(to))
    network.add(
        TargetGroup("servers", targets=["http://one.example.net:81", "http://10.0.0.9"])
    )
    with (
        LatticeNetwork() as other,
        other.dns(strict=True),
        network.dns(strict=True),
        socket.socket() as sock,
    ):
        assert socket.getaddrinfo("one.example.net", 81)
        for host in ("one.example.net", "198.51.100.1", "10.0.0.9"):
            sock.connect((host, 81))
        for host in ("two.example.net", "198.51.100.2", "10.0.0.8"):
            with pytest.raises(EgressError):
                sock.connect((host, 81))

    assert connected == [
        ("one.example.net", 81),
        ("198.51.100.1", 81),
        ("10.0.0.9", 81),
    ]


# ---- whose requests they are -------------------------------------------------


def shop_and_library(network: LatticeNetwork) -> str:
    """Give two VPCs service networks of their own; return a name in the first."""
    network.add(
        Service("books", listeners=[Listener("HTTP", default=FixedResponse(404))]),
        Vpc("near"),
        Vpc("far"),
        Vpc("nowhere"),
        ServiceNetwork("shop", services=["orders"], vpcs=["near"]),
        ServiceNetwork("library", services=["books"], vpcs=["far"]),
    )
    return network.service("orders").dns_name


def test_signature_says_who_calls() -> None:
    """A client that signs by itself is known by its signature, others are anonymous."""
    with shop(READ_ONLY) as network, network.dns():
        url = f"https://{network.service('orders').dns_name}/cart"
        request = AWSRequest("GET", url)
        request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        request.context["payload_signing_enabled"] = False
        credentials = network.configuration.caller("checkout").credentials
        SigV4Auth(credentials, "vpc-lattice-svcs", "us-west-2").add_auth(request)
        session = URLLib3Session(timeout=PATIENCE)
        assert session.send(request.prepare()).status_code == 200
        assert session.send(AWSRequest("GET", url).prepare()).status_code == 403
        session.close()

        signed, unsigned = network.exchanges
        assert_allowed(signed, by="ReadOnly")
        assert_denied(unsigned)
        assert [each.resolved_user for each in network.access_log] == [
            SESSION,
            "Anonymous",
        ]


def test_vpc_is_the_doors(network: LatticeNetwork) -> None:
    """The door says where callers live; from there only its network is seen."""
    name = shop_and_library(network)
    with network.dns(vpc="near"):
        assert requests.get(f"http://{name}:8080/", timeout=PATIENCE).ok
    with network.dns(vpc="far"):
        # The name is known to DNS everywhere, and leads to another network.
        assert socket.gethostbyname(name)
        response = requests.get(f"http://{name}/", timeout=PATIENCE)
        assert (response.status_code, response.text) == (404, "Not Found")

    vpcs = [each.decision.way.vpc for each in network.exchanges]
    assert [vpc and vpc.name for vpc in vpcs] == ["near", "far"]


def test_vpc_that_is_not_associated_times_out(network: LatticeNetwork) -> None:
    """The name is found, connecting takes too long, and nobody waits for it."""
    name = shop_and_library(network)
    with network.dns(vpc="nowhere"):
        assert socket.gethostbyname(name)
        assert dialed(name, 443) == errno.ETIMEDOUT
        with pytest.raises(TimeoutError) as caught:
            socket.create_connection((name, 443))

    assert str(caught.value) == (
        f"[Errno {errno.ETIMEDOUT}] VPC `nowhere` is not associated with a service "
        "network"
    )


def test_vpcs_may_come_later(network: LatticeNetwork) -> None:
    """Where callers live is asked when they call; what is unclear is their error."""
    with network.dns():
        name = network.service("orders").dns_name
        network.add(
            Vpc("near"), ServiceNetwork("shop", services=["orders"], vpcs=["near"])
        )
        assert requests.get(f"https://{name}/", timeout=PATIENCE).ok
        network.add(Vpc("far"), ServiceNetwork("more", vpcs=["far"]))
        text = refused(socket.create_connection, (name, 443))

    assert text[0] == "say which VPC calls: 2 are associated"
    [exchange] = network.exchanges
    assert exchange.decision.way.vpc is not None
    assert exchange.decision.way.vpc.name == "near"


def test_unknown_vpc_is_refused(network: LatticeNetwork) -> None:
    """Nothing is opened for a VPC that is not there."""
    connect = socket.socket.connect
    with pytest.raises(ConfigurationError, match="unknown VPC `nea`"):
        network.dns(vpc="nea").__enter__()

    assert socket.socket.connect is connect


# ---- several doors -----------------------------------------------------------


def answering(status: int, **service: Any) -> LatticeNetwork:  # noqa: ANN401  # of a service
    """Make a network whose services answer with a fixed response."""
    network = LatticeNetwork()
    listener = Listener("HTTP", default=FixedResponse(status))
    network.add(Service("orders", listeners=[listener], **service))
    return network


def test_last_door_has_the_name() -> None:
    """A name that several networks have belongs to the door that was opened last."""
    with answering(404) as first, answering(500) as second:
        url = f"http://{first.service('orders').dns_name}/"
        with first.dns():
            with second.dns():
                assert requests.get(url, timeout=PATIENCE).status_code == 500
            assert requests.get(url, timeout=PATIENCE).status_code == 404


def test_each_door_has_its_own_names() -> None:
    """Doors may close in any order; what is left stays open."""
    with (
        answering(404, custom_domain_name="one.example.com") as one,
        answering(500, custom_domain_name="two.example.com") as two,
    ):
        first, second = one.dns(), two.dns(strict=True)
        first.__enter__()
        second.__enter__()
        for host, status in (("one.example.com", 404), ("two.example.com", 500)):
            response = requests.get(f"http://{host}/", timeout=PATIENCE)
            assert response.status_code == status
        with pytest.raises(EgressError):
            socket.getaddrinfo("three.example.com", 80)
        first.__exit__(None, None, None)
        assert socket.gethostbyname("two.example.com")
        with pytest.raises(EgressError):
            socket.getaddrinfo("one.example.com", 80)
        second.__exit__(None, None, None)


def test_threads_share_a_door(network: LatticeNetwork, name: str) -> None:
    """Many threads may look up and connect at once."""
    with network.dns(), ThreadPoolExecutor(16) as pool:
        url = f"http://{name}:8080/"
        texts = list(pool.map(PEERS["http.client"], [url] * 200))

    assert texts == ["/"] * 200
    assert len(network.exchanges) == 200


# ---- services that call services ---------------------------------------------


def calling(call: Callable[[str], Any], url: str) -> Any:  # noqa: ANN401  # an ASGI app
    """Make an ASGI app that answers with what another service answers."""

    async def caller(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        if scope["type"] != "http":
            return
        text = call(url)
        if asyncio.iscoroutine(text):
            text = await text
        start = {"type": "http.response.start", "status": 200, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": text.encode()})

    return caller


async def fetch(url: str) -> str:
    """Call with an async client."""
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text


async def fetch_in_thread(url: str) -> str:
    """Call with a blocking client, in a thread."""
    return await asyncio.to_thread(PEERS["requests"], url)


@pytest.mark.parametrize("call", [fetch, fetch_in_thread])
def test_app_calls_another_service(
    call: Callable[[str], Any], network: LatticeNetwork, name: str
) -> None:
    """An async app finds other services by name, also a port that nobody used."""
    network.add(
        TargetGroup("callers", targets=[calling(call, f"http://{name}:8080/inner")]),
        Service("front", listeners=[Listener("HTTPS", default=Forward("callers"))]),
    )
    front = network.service("front").dns_name
    with network.dns():
        network.add(
            TargetGroup("more", targets=[app]),
            Service(
                "late", listeners=[Listener("HTTP", 9090, default=Forward("more"))]
            ),
        )
        late = network.service("late").dns_name
        network.add(
            TargetGroup(
                "later", targets=[calling(call, f"http://{late}:9090/unused-port")]
            ),
            Service("side", listeners=[Listener("HTTPS", default=Forward("later"))]),
        )
        side = network.service("side").dns_name
        assert requests.get(f"https://{front}/", timeout=PATIENCE).text == "/inner"
        text = requests.get(f"https://{side}/", timeout=PATIENCE).text

    assert text == "/unused-port"


def test_blocking_app_calls_another_service(network: LatticeNetwork, name: str) -> None:
    """A WSGI app runs in a thread of its own, and may block."""

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:  # noqa: ANN401  # as WSGI has it
        start_response("200 OK", [])
        return [PEERS["requests"](f"https://{name}/inner").encode()]

    network.add(
        TargetGroup("wsgi", targets=[wsgi]),
        Service("front", listeners=[Listener("HTTPS", default=Forward("wsgi"))]),
    )
    with network.dns():
        url = f"https://{network.service('front').dns_name}/"
        assert requests.get(url, timeout=PATIENCE).text == "/inner"


def test_app_that_blocks_its_loop_is_told(
    network: LatticeNetwork, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A blocking client in an async app would wait for itself; it gets an error."""
    network.add(
        TargetGroup(
            "callers", targets=[calling(PEERS["requests"], f"https://{name}/inner")]
        ),
        Service("front", listeners=[Listener("HTTPS", default=Forward("callers"))]),
    )
    with network.dns(), caplog.at_level(logging.ERROR, "pytest_lattice"):
        url = f"https://{network.service('front').dns_name}/"
        assert requests.get(url, timeout=PATIENCE).status_code == 500

    [record] = caplog.records
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, BlockingCallError)
    assert str(error) == (
        f"an async app calls `{name}` with a blocking client, and so stops the event "
        "loop that would have to answer"
    )


@pytest.mark.parametrize("called", [True, False])
def test_app_that_blocks_another_loop_is_told(
    network: LatticeNetwork, name: str, *, called: bool
) -> None:
    """So it is where the apps run on a loop of their own, and not on the listeners'."""
    network.add(
        TargetGroup(
            "callers", targets=[calling(PEERS["requests"], f"https://{name}/inner")]
        ),
        Service("front", listeners=[Listener("HTTPS", default=Forward("callers"))]),
    )
    if called:
        assert network.client("orders").get("/").text == "/"
    with network.dns(), pytest.raises(BlockingCallError, match="with a blocking"):
        network.client("front").get("/")


# Python 3.12 warns of it, and we want it.
@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forked_process_reaches_what_listens(
    network: LatticeNetwork, name: str
) -> None:
    """A child calls the ports that were open; others are an error, and no hang."""
    with network.dns():
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            with suppress(BaseException):
                network.add(
                    Service(
                        "late",
                        listeners=[Listener("HTTP", 81, default=FixedResponse(404))],
                    )
                )
                late = network.service("late").dns_name
                os.write(writer, PEERS["http.client"](f"http://{name}:8080/a").encode())
                with suppress(LatticeError):
                    socket.create_connection((late, 81))
                    os.write(writer, b"connected")
                network._live.close_sockets()  # noqa: SLF001  # what the door does when it closes
                os.write(writer, b"/closed")
            os._exit(0)
        os.close(writer)
        assert os.waitpid(child, 0)[1] == 0
        assert os.read(reader, 99) == b"/a/closed"
        os.close(reader)
        assert PEERS["requests"](f"https://{name}/parent") == "/parent"


# ---- TLS ---------------------------------------------------------------------


def authorities(context: ssl.SSLContext) -> int:
    """Count the authorities that a context trusts."""
    return context.cert_store_stats()["x509_ca"]


def test_contexts_trust_for_our_names_only(network: LatticeNetwork, name: str) -> None:
    """Neither a context that meets other names nor one that trusts all is changed."""
    for server_name, verified, added in (
        (name, True, 1),
        ("orders.example.com", True, 1),
        ("example.net", True, 0),
        (name, False, 0),
    ):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        with network.dns():
            context.wrap_bio(
                ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=server_name
            )
            bios = ssl.MemoryBIO(), ssl.MemoryBIO()
            context.wrap_bio(*bios, False, server_name)  # noqa: FBT003  # by position on purpose
        assert authorities(context) == added


def test_context_made_before_gets_in(network: LatticeNetwork, name: str) -> None:
    """A context that was made when the code was loaded, trusting nobody, gets in."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with (
        network.dns(),
        closing(socket.create_connection((name, 443), PATIENCE)) as sock,
        context.wrap_socket(sock, server_hostname=name) as secure,
    ):
        assert secure.version() == "TLSv1.3"


def test_contexts_are_trusted_beside_another_class(
    network: LatticeNetwork, name: str
) -> None:
    """Where truststore is in place of the library, contexts made before get in too."""
    early = ssl.create_default_context()
    truststore.inject_into_ssl()
    try:
        with network.dns():
            for context in (early, ssl.create_default_context()):
                with (
                    socket.create_connection((name, 443), PATIENCE) as sock,
                    context.wrap_socket(sock, server_hostname=name) as secure,
                ):
                    assert secure.version() == "TLSv1.3"
    finally:
        truststore.extract_from_ssl()


def test_wrong_name_is_not_trusted(network: LatticeNetwork, name: str) -> None:
    """Who checks a host name does so still."""
    context = ssl.create_default_context()
    with (
        network.dns(),
        closing(socket.create_connection((name, 443), PATIENCE)) as sock,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(sock, server_hostname="example.net")


def test_nothing_is_left(network: LatticeNetwork, name: str) -> None:
    """Connections are closed, threads have ended."""
    before = threading.active_count()
    with network.dns():
        sock = socket.create_connection((name, 443), PATIENCE)
    with sock:
        sock.settimeout(PATIENCE)
        with suppress(ConnectionResetError):
            assert sock.recv(1) == b""
    network.close()

    assert threading.active_count() == before
