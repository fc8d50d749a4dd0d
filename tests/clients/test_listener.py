"""Live listeners: where they are, what they are told, and clients that are not ours."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_lattice import (
    ConfigurationError,
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    assert_allowed,
)
from tests.live_peers import App, curl, orders, rest_of, trusting
from tests.model.refusals import refused
from tests.shop import INVOKE, policy, statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.clients.listener import LiveServer


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network with the service `orders`."""
    with orders(App()) as network:
        yield network


@pytest.fixture
def server(network: LatticeNetwork) -> Iterator[LiveServer]:
    """Its live listeners."""
    with network.server() as server:
        yield server


def named(network: LatticeNetwork) -> Any:  # noqa: ANN401  # options of a request
    """Return the options by which httpx names the service `orders`."""
    name = network.service("orders").dns_name
    return {"headers": {"host": name}, "extensions": {"sni_hostname": name}}


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_httpx_gets_in(
    version: str, network: LatticeNetwork, server: LiveServer
) -> None:
    """A real client of httpx speaks both versions over a connection that is kept."""
    with httpx.Client(
        verify=trusting(server),
        http2=version == "HTTP/2",
        base_url=f"https://{server.address('orders')}",
    ) as client:
        for size in (0, 5, 200_000):
            response = client.post("/whole", content=b"x" * size, **named(network))
            assert response.text == str(size)
            assert response.http_version == version

    ports = {exchange.request.source.port for exchange in network.exchanges}
    assert len(ports) == 1


@pytest.mark.parametrize(
    ("option", "version"), [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")]
)
def test_curl_gets_in(
    option: str, version: str, network: LatticeNetwork, server: LiveServer
) -> None:
    """Curl trusts the certificate, and ALPN gives it what it asks for."""
    made = curl(network, server, option, "--data", "abc", url="https://orders/whole")

    assert (made.stdout, made.stderr) == ("3", "")
    assert network.exchanges[0].request.http_version == version


def test_curl_gets_in_without_tls(network: LatticeNetwork, server: LiveServer) -> None:
    """The HTTP listener of the same service is another one."""
    made = curl(network, server, url="http://orders/whole")

    assert (made.stdout, made.stderr) == ("0", "")
    assert network.access_log[0].tls_version == "-"


@pytest.mark.parametrize("option", ["--http1.1", "--http2"])
def test_curl_signs_as_a_role(option: str, network: LatticeNetwork) -> None:
    """A signature that others make is verified on the wire as in the process."""
    role = network.role("checkout", policies=[INVOKE])
    network.remove(network.service("orders"))
    network.add(
        Service(
            "orders",
            auth_policy=policy(statement(Principal={"AWS": role.arn})),
            listeners=[Listener("HTTPS", default=Forward("apps"))],
        )
    )
    keys = role.credentials
    with network.server() as server:
        made = curl(
            network,
            server,
            option,
            "--aws-sigv4",
            "aws:amz:us-west-2:vpc-lattice-svcs",
            "--user",
            f"{keys.access_key_id}:{keys.secret_access_key}",
            "--header",
            f"x-amz-security-token: {keys.session_token}",
            "--header",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            url="https://orders/whole",
        )
        stranger = curl(network, server, option, url="https://orders/whole")

    assert (made.stdout, made.stderr) == ("0", "")
    assert_allowed(network.exchanges[0])
    assert stranger.stdout.startswith("AccessDeniedException")


def test_port_for_each_port(network: LatticeNetwork, server: LiveServer) -> None:
    """Listeners on one port share a real one, on loopback; names tell them apart."""
    network.add(
        Service("other", listeners=[Listener("HTTPS", default=FixedResponse(404))])
    )

    assert server.address("orders") == server.address("other")
    assert server.address("orders") != server.address("orders", 80)
    assert server.address("orders").host == "127.0.0.1"
    assert str(server.address("orders")) == f"127.0.0.1:{server.address('orders').port}"


def test_url_is_the_services_own(network: LatticeNetwork, server: LiveServer) -> None:
    """The URL has the DNS name, as clients know the service."""
    name = network.service("orders").dns_name

    assert server.url("orders", "/x?y=1") == f"https://{name}/x?y=1"


def test_service_may_come_later(network: LatticeNetwork, server: LiveServer) -> None:
    """What is added while the server runs is served, on ports of its own too."""
    network.add(
        Service("late", listeners=[Listener("HTTP", 8081, default=FixedResponse(404))])
    )

    with socket.create_connection(server.address("late")) as sock:
        name = network.service("late").dns_name
        sock.sendall(
            f"GET / HTTP/1.1\r\nHost: {name}:8081\r\nConnection: close\r\n\r\n".encode()
        )
        assert rest_of(sock).endswith(b"Not Found")


def test_names_lead_to_addresses(network: LatticeNetwork, server: LiveServer) -> None:
    """A name leads to the ports of its service, an address of Lattice to all ports."""
    network.add(
        Service("other", listeners=[Listener("HTTP", 81, default=FixedResponse(404))])
    )
    name = network.service("orders").dns_name

    assert server.dial(name, 443) == server.address("orders")
    assert server.dial(name.upper() + ".", 80) == server.address("orders", 80)
    assert server.dial("169.254.171.9", 81) == server.address("other")
    for host, port, reason in (
        (name, 81, "service `orders` has no listener on port 81; it has 443 (HTTPS), "),
        ("169.254.171.9", 82, "no service of service network `default` has a listener"),
    ):
        with pytest.raises(ConnectionRefusedError) as caught:
            server.dial(host, port)
        assert caught.value.errno == errno.ECONNREFUSED
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("service", "port", "text"),
    [
        ("order", None, ["unknown service `order`", "did you mean `orders`?"]),
        (
            "orders",
            444,
            ["service `orders` has no listener on port 444", "it has 443, 80"],
        ),
    ],
)
def test_address_is_refused(
    service: str, port: int | None, text: list[str], server: LiveServer
) -> None:
    """A service or listener that is not there is named, with what is."""
    assert refused(server.address, service, port) == text


def test_file_has_the_certificate(server: LiveServer) -> None:
    """The certificate to trust is text and a file."""
    assert server.ca_file.read_text() == server.ca_pem
    assert server.ca_pem.startswith("-----BEGIN CERTIFICATE-----\n")


def test_vpc_of_the_clients_is_the_servers() -> None:
    """Each server has the clients of one VPC, which see its service network only."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("apps", targets=[App()]),
            Service("orders", listeners=[Listener("HTTP", default=Forward("apps"))]),
            Service("books", listeners=[Listener("HTTP", default=FixedResponse(404))]),
            Vpc("near"),
            Vpc("far"),
            ServiceNetwork("shop", services=["orders"], vpcs=["near"]),
            ServiceNetwork("library", services=["books"], vpcs=["far"]),
        )
        name = network.service("orders").dns_name
        with network.server(vpc="near") as near, network.server(vpc="far") as far:
            assert near.dial(name, 80) != far.dial(name, 80)
            for server in (near, far):
                with socket.create_connection(server.address("orders")) as sock:
                    sock.sendall(
                        f"GET /whole HTTP/1.0\r\nHost: {name}\r\n\r\n".encode()
                    )
                    rest_of(sock)

        first, second = network.exchanges
        assert (first.response.status, second.response.status) == (200, 404)
        vpcs = {first.request.source.vpc, second.request.source.vpc}
        assert len(vpcs) == 2


def test_vpc_has_to_be_known(network: LatticeNetwork) -> None:
    """A VPC that nobody declared is refused before anything listens."""
    with pytest.raises(ConfigurationError, match="unknown VPC `nowhere`"):
        network.server(vpc="nowhere").__enter__()


def test_many_connections_at_once(network: LatticeNetwork, server: LiveServer) -> None:
    """Many clients get their own answers, on connections of their own."""
    name = network.service("orders").dns_name

    async def client(number: int) -> list[bytes]:
        reader, writer = await asyncio.open_connection(
            *server.address("orders"), ssl=trusting(server), server_hostname=name
        )
        got = []
        for each in range(5):
            body = b"x" * (number + each)
            head = f"POST /whole HTTP/1.1\r\nHost: {name}\r\nContent-Length: "
            writer.write(head.encode() + b"%d\r\n\r\n" % len(body) + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split()[0])
            got.append(await reader.readexactly(length))
        writer.close()
        await writer.wait_closed()
        return got

    async def main() -> list[list[bytes]]:
        return await asyncio.gather(*map(client, range(40)))

    assert asyncio.run(main()) == [
        [b"%d" % (number + each) for each in range(5)] for number in range(40)
    ]


def test_blocking_apps_run_beside_each_other() -> None:
    """WSGI apps run in threads, so one that waits holds no other up."""
    barrier = threading.Barrier(4)

    def app(environ: object, start: object) -> list[bytes]:
        barrier.wait(10)
        start("200 OK", [])  # type: ignore[operator]  # as WSGI has it
        return [b"fine"]

    with orders(app) as network, network.server() as server:
        url, name = server.address("orders", 80), network.service("orders").dns_name

        def ask(_: int) -> str:
            return httpx.get(f"http://{url}/", headers={"host": name}).text

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(ask, range(4))) == ["fine"] * 4
