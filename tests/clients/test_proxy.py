"""The proxy: programs in any language, names in and out, and what is no request."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_lattice import (
    Forward,
    Listener,
    Service,
    ServiceNetwork,
    Vpc,
    assert_allowed,
    assert_denied,
)
from tests.grpc_calls import Servicer, served_by
from tests.grpc_calls import orders as grpc_orders
from tests.live_peers import PATIENCE, App, head_of, orders, rest_of
from tests.model.refusals import refused
from tests.shop import INVOKE, policy, statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_lattice import LatticeNetwork
    from pytest_lattice.clients.proxy import LiveProxy

UNKNOWN = "nobody-0123456789abcdef0.7d67968.vpc-lattice-svcs.us-west-2.on.aws"


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A network with the service `orders`."""
    with orders(App()) as network:
        yield network


@pytest.fixture
def proxy(network: LatticeNetwork) -> Iterator[LiveProxy]:
    """A proxy into it, which lets other hosts be reached."""
    with network.proxy() as proxy:
        yield proxy


@pytest.fixture
def name(network: LatticeNetwork) -> str:
    """The DNS name of the service."""
    return network.service("orders").dns_name


def run(proxy: LiveProxy, *command: str, role: str | None = None) -> str:
    """Run a program in the environment of the proxy; return what it printed."""
    environ = os.environ | proxy.environ(role=role)
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        timeout=6 * PATIENCE,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def tool(name: str) -> str:
    """Find a program; skip without it."""
    places = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


# ---- programs ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "scheme", "spoken"),
    [
        ("--http1.1", "https", "HTTP/1.1"),
        ("--http2", "https", "HTTP/2"),
        ("--http1.1", "http", "HTTP/1.1"),
    ],
)
def test_curl_gets_in(
    option: str,
    scheme: str,
    spoken: str,
    network: LatticeNetwork,
    proxy: LiveProxy,
    name: str,
) -> None:
    """Curl needs nothing but the environment."""
    url = f"{scheme}://{name}/whole"
    assert run(proxy, tool("curl"), "-sS", option, "-d", "abc", url) == "3"
    assert network.exchanges[0].request.http_version == spoken
    assert not [
        name for name, _ in network.exchanges[0].request.headers if "proxy" in name
    ]


@pytest.mark.parametrize("library", ["urllib.request", "requests", "httpx"])
def test_python_gets_in(library: str, proxy: LiveProxy, name: str) -> None:
    """Python's libraries need nothing but the environment."""
    code = {
        "urllib.request": "print(library.urlopen(url).read().decode())",
        "requests": "print(library.get(url).text)",
        "httpx": "print(library.get(url).text)",
    }[library]
    pytest.importorskip(library)
    code = f"import {library} as library; url = 'https://{name}/whole'; {code}"

    assert run(proxy, sys.executable, "-c", code) == "0\n"


NODE = """
fetch(url).then(r => r.text()).then(text => {
  console.log('fetch', text);
  require('https').get(url, r => r.on('data', data => console.log('https', `${data}`)));
});
"""


def node() -> str:
    """Find a Node that looks at the variables of a proxy; skip without it."""
    found = tool("node")
    # The option came with the variable, to 22.21 and to 24.5.
    command = [found, "--use-env-proxy", "--eval", ""]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        version = subprocess.check_output([found, "--version"], text=True).strip()
        pytest.skip(f"node {version} takes no proxy from the environment")
    return found


def test_node_gets_in(proxy: LiveProxy, name: str) -> None:
    """Node's fetch and https need nothing but the environment."""
    code = f"const url = 'https://{name}/whole';{NODE}"

    assert run(proxy, node(), "-e", code) == "fetch 0\nhttps 0\n"


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Get {
  public static void main(String[] urls) throws Exception {
    var text = HttpResponse.BodyHandlers.ofString();
    for (var url : urls) {
      var request = HttpRequest.newBuilder(URI.create(url)).build();
      var response = HttpClient.newHttpClient().send(request, text);
      System.out.println(response.version() + " " + response.body());
      var old = URI.create(url).toURL().openStream();
      System.out.println("URL " + new String(old.readAllBytes()));
    }
  }
}
"""


def test_java_gets_in(proxy: LiveProxy, name: str, tmp_path: Path) -> None:
    """Java's clients, new and old, need nothing but the environment.

    In clear text the new one asks for HTTP/2 by an upgrade, which it does not get.
    """
    java = tool("java")
    file = tmp_path / "Get.java"
    file.write_text(JAVA)

    # It lives for one request, which the best compiler does not pay for.
    urls = [f"{scheme}://{name}/whole" for scheme in ("https", "http")]
    command = (java, "-XX:TieredStopAtLevel=1", str(file), *urls)
    assert run(proxy, *command) == "HTTP_2 0\nURL 0\nHTTP_1_1 0\nURL 0\n"


GO = """
package main

import (
\t"fmt"
\t"io"
\t"net/http"
\t"os"
)

func main() {
\tfor _, url := range os.Args[1:] {
\t\tresponse, err := http.Get(url)
\t\tif err != nil {
\t\t\tfmt.Println(err)
\t\t\tcontinue
\t\t}
\t\tbody, _ := io.ReadAll(response.Body)
\t\tfmt.Println(response.Proto, response.StatusCode, string(body))
\t}
}
"""


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build a program in Go that gets the URLs it is told, without the network."""
    go = tool("go")
    folder = tmp_path_factory.mktemp("go")
    (folder / "get.go").write_text(GO)
    environ = os.environ | {"GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    command = [go, "build", "-o", "get", "get.go"]
    subprocess.run(command, cwd=folder, env=environ, check=True)
    return str(folder / "get")


def test_go_gets_in(
    network: LatticeNetwork, proxy: LiveProxy, name: str, go_program: str
) -> None:
    """Go's net/http needs nothing but the environment, and speaks HTTP/2."""
    urls = [f"{scheme}://{name}/whole" for scheme in ("https", "https", "http")]

    printed = run(proxy, go_program, *urls).splitlines()
    assert printed == ["HTTP/2.0 200 0", "HTTP/2.0 200 0", "HTTP/1.1 200 0"]
    ports = [each.request.source.port for each in network.exchanges]
    assert ports[0] == ports[1] != ports[2]


def test_go_gets_nowhere_else(network: LatticeNetwork, go_program: str) -> None:
    """With strict, a program in Go is refused by what Go calls the proxy's answer."""
    with network.proxy(strict=True) as proxy:
        printed = run(proxy, go_program, "https://example.com/", "http://example.com/")

    refused = "HTTP/1.1 403 host `example.com` is none of the service network"
    assert printed.startswith('Get "https://example.com/": Forbidden\n')
    assert refused in printed


GRPC = """
import grpc
with grpc.secure_channel(f"{name}:443", grpc.ssl_channel_credentials()) as channel:
    print(channel.unary_unary("/test.Orders/Get")(b"x", timeout=10))
"""


def test_grpc_gets_in() -> None:
    """The C core of grpc needs nothing but the environment."""
    with grpc_orders(served_by(Servicer())) as network, network.proxy() as proxy:
        code = f"name = {network.service('orders').dns_name!r}{GRPC}"

        assert run(proxy, sys.executable, "-c", code) == "b'got x'\n"


def test_program_signs_as_a_role(network: LatticeNetwork, name: str) -> None:
    """With a role its credentials are in the environment; a stranger has none."""
    role = network.role("checkout", policies=[INVOKE])
    network.remove(network.service("orders"))
    network.add(
        Service(
            "orders",
            auth_policy=policy(statement(Principal={"AWS": role.arn})),
            listeners=[Listener("HTTPS", default=Forward("apps"))],
        )
    )
    code = f"""
import os, httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session
unsigned = {{"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}
request = AWSRequest("GET", "https://{name}/whole", headers=unsigned)
if "AWS_ACCESS_KEY_ID" in os.environ:
    SigV4Auth(Session().get_credentials(), "vpc-lattice-svcs", "us-west-2").add_auth(
        request
    )
print(httpx.get(request.url, headers=dict(request.headers)).status_code)
"""
    with network.proxy() as proxy:
        assert run(proxy, sys.executable, "-c", code, role="checkout") == "200\n"
        assert run(proxy, sys.executable, "-c", code) == "403\n"

    signed, unsigned = network.exchanges
    assert_allowed(signed)
    assert_denied(unsigned, layer="service")


def test_role_has_to_be_known(proxy: LiveProxy) -> None:
    """Credentials are of declared callers."""
    assert (
        refused(proxy.environ, role="checkout")[0] == "unknown role or user `checkout`"
    )


def test_environment_keeps_options_of_java(
    proxy: LiveProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user tells Java already is told to it still."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx64m")

    assert proxy.environ()["JAVA_TOOL_OPTIONS"].startswith("-Xmx64m -Dhttps.proxyHost=")


# ---- names ---------------------------------------------------------------------


def client(proxy: LiveProxy) -> httpx.Client:
    """Make a client that goes through the proxy."""
    trusting = ssl.create_default_context(cadata=proxy.ca_pem)
    return httpx.Client(proxy=proxy.url, verify=trusting, trust_env=False)


def test_connection_through_the_proxy_is_kept(
    network: LatticeNetwork, proxy: LiveProxy, name: str
) -> None:
    """A tunnel is a connection like another one: kept, and idle for so long."""
    with client(proxy) as made:
        for _ in range(3):
            assert made.get(f"https://{name}/whole").text == "0"
        network.clock.advance(60)
        assert made.get(f"https://{name}/whole").text == "0"

    ports = [each.request.source.port for each in network.exchanges]
    assert len(set(ports[:3])) == 1
    assert ports[3] != ports[0]


def test_each_url_in_clear_text_has_a_connection(proxy: LiveProxy, name: str) -> None:
    """The next request may be for somebody else, so the connection is not kept."""
    with client(proxy) as made:
        answer = made.get(f"http://{name}/whole")

    assert (answer.text, answer.headers["connection"]) == ("0", "close")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("https://{name}:444/", "502 Bad Gateway"),
        (f"https://{UNKNOWN}/", "502 Bad Gateway"),
        ("http://{name}:81/", 502),
        (f"http://{UNKNOWN}/", 404),
    ],
)
def test_name_or_port_without_a_listener(
    url: str, error: str | int, proxy: LiveProxy, name: str
) -> None:
    """Names like Lattice's never leave the test, whether they are known or not."""
    with client(proxy) as made:
        if isinstance(error, int):
            assert made.get(url.format(name=name)).status_code == error
        else:
            with pytest.raises(httpx.ProxyError, match=error):
                made.get(url.format(name=name))


def test_custom_name_leads_in(network: LatticeNetwork, proxy: LiveProxy) -> None:
    """A custom domain name is one of the network, also without a certificate."""
    network.remove(network.service("orders"))
    network.add(
        Service(
            "orders",
            custom_domain_name="orders.example.com",
            listeners=[
                Listener("HTTP", default=Forward("apps")),
                Listener("HTTPS", default=Forward("apps")),
            ],
        )
    )
    with client(proxy) as made:
        assert made.get("http://Orders.example.com/whole").text == "0"
        with pytest.raises(httpx.ConnectError):
            made.get("https://orders.example.com/whole")


def test_vpc_without_an_association_gets_no_answer() -> None:
    """A VPC that reaches no service network waits in vain: 504, and why."""
    with orders(App()) as network:
        name = network.service("orders").dns_name
        network.add(Vpc("near"), Vpc("far"), ServiceNetwork("shop", vpcs=["near"]))
        with network.proxy(vpc="far") as proxy, client(proxy) as made:
            answer = made.get(f"http://{name}/")

    assert answer.status_code == 504
    assert answer.text == "VPC `far` is not associated with a service network\n"


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection on loopback; give its address, and what it is told."""
    told: list[bytes] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            told.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nreal")
            told.append(connection.recv(65536))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", told
        thread.join(PATIENCE)


def through(proxy: LiveProxy) -> socket.socket:
    """Connect to the proxy."""
    host, port = proxy.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), PATIENCE)


def test_other_host_is_reached_by_its_url(proxy: LiveProxy) -> None:
    """A request for somebody else goes there, with its path, once."""
    with elsewhere() as (address, told), through(proxy) as sock:
        sock.sendall(
            f"POST http://{address}/a?b HTTP/1.1\r\nHost: {address}\r\n"
            "Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\n"
            "Content-Length: 3\r\n\r\nabc".encode()
        )
        assert sock.recv(65536).endswith(b"real")

    assert told == [
        f"POST /a?b HTTP/1.1\r\nHost: {address}\r\nContent-Length: 3\r\n"
        "Connection: close\r\n\r\nabc".encode(),
        b"",
    ]


def test_other_host_is_reached_by_a_tunnel(proxy: LiveProxy) -> None:
    """A tunnel carries any bytes, both ways and to both ends."""
    with elsewhere() as (address, told), through(proxy) as sock:
        sock.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\nfirst".encode())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        assert sock.recv(65536).endswith(b"real")
        sock.shutdown(socket.SHUT_WR)
        assert rest_of(sock) == b""

    assert told == [b"first", b""]


def test_other_host_that_is_not_there(proxy: LiveProxy) -> None:
    """A host that cannot be reached is 502."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
    with through(proxy) as sock:
        sock.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())

        assert rest_of(sock).startswith(b"HTTP/1.1 502 ")


def test_name_that_no_resolver_takes(proxy: LiveProxy) -> None:
    """A host that could not even be asked for is 502, and its connection ends."""
    with through(proxy) as sock:
        sock.sendall(b"CONNECT example..com:443 HTTP/1.1\r\n\r\n")

        assert rest_of(sock).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("sent", [b"C", b"CONNECT example.com:443 HTTP/1.1\r\n"])
def test_slow_head_waits_alone(
    sent: bytes, network: LatticeNetwork, proxy: LiveProxy
) -> None:
    """Who does not say where he wants to go is let go of, in the network's time."""
    with through(proxy) as slow, through(proxy) as other:
        slow.sendall(sent)
        other.sendall(b"nonsense\r\n\r\n")
        assert rest_of(other).startswith(b"HTTP/1.1 400 ")
        network.clock.advance(59)
        slow.setblocking(False)  # noqa: FBT003  # as the library has it
        with pytest.raises(BlockingIOError):
            slow.recv(1)
        slow.settimeout(PATIENCE)
        network.clock.advance(1)
        assert rest_of(slow) in {b"", b"<reset>"}


@pytest.mark.parametrize(
    "line", ["CONNECT example.com:443", "GET http://example.com/", "GET http://[::1]/"]
)
def test_strict_proxy_refuses_other_hosts(line: str, network: LatticeNetwork) -> None:
    """With strict, only hosts of the network lead anywhere: 403, and why."""
    with network.proxy(strict=True) as proxy, through(proxy) as sock:
        sock.sendall(f"{line} HTTP/1.1\r\n\r\n".encode())

        answer = rest_of(sock)
    assert answer.startswith(b"HTTP/1.1 403 ")
    said, known, end = answer.partition(b"\r\n\r\n")[2].decode().split("\n")
    host = "::1" if "::1" in line else "example.com"
    assert said == (
        f"host `{host}` is none of the service network, the only one to call"
    )
    assert known.startswith("its names: `orders-")
    assert end == ""


def test_addresses_of_lattice_lead_by_the_server_name(
    network: LatticeNetwork,
) -> None:
    """Who connects to an address is led in by the name that the handshake gives."""
    name = network.service("orders").dns_name
    with network.proxy() as proxy, through(proxy) as sock:
        sock.sendall(b"CONNECT 169.254.171.9:443 HTTP/1.1\r\n\r\n")
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context(cadata=proxy.ca_pem)
        with context.wrap_socket(sock, server_hostname=name) as secure:
            secure.sendall(f"GET /whole HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            assert secure.recv(100).startswith(b"HTTP/1.1 200 ")


def test_unclear_vpc_is_answered(network: LatticeNetwork) -> None:
    """Where several VPCs were associated since, the answer says so."""
    with network.proxy() as proxy, through(proxy) as sock:
        network.add(
            Vpc("near"),
            Vpc("far"),
            ServiceNetwork("shop", vpcs=["near"]),
            ServiceNetwork("library", vpcs=["far"]),
        )
        name = network.service("orders").dns_name
        sock.sendall(f"CONNECT {name}:443 HTTP/1.1\r\n\r\n".encode())
        answer = rest_of(sock).decode()

    assert answer.startswith("HTTP/1.1 502 ")
    assert answer.endswith(
        "\r\n\r\nsay which VPC calls: 2 are associated\nvpc= one of `far`, `near`\n"
    )


# ---- bad input -----------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        "hello\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET https://NAME/ HTTP/1.1\r\n\r\n",
        "GET ftp://NAME/ HTTP/1.1\r\n\r\n",
        "GET http:///path HTTP/1.1\r\n\r\n",
        "GET http://user@NAME/ HTTP/1.1\r\n\r\n",
        "GET http://NAME:0/ HTTP/1.1\r\n\r\n",
        "GET http://NAME:65536/ HTTP/1.1\r\n\r\n",
        "CONNECT NAME HTTP/1.1\r\n\r\n",
        "CONNECT NAME: HTTP/1.1\r\n\r\n",
        "CONNECT NAME:0 HTTP/1.1\r\n\r\n",
        "CONNECT NAME:70000 HTTP/1.1\r\n\r\n",
        "CONNECT NAME:4x3 HTTP/1.1\r\n\r\n",
        "CONNECT NAME:-443 HTTP/1.1\r\n\r\n",
        "CONNECT user@NAME:443 HTTP/1.1\r\n\r\n",
        "CONNECT user:word@NAME:443 HTTP/1.1\r\n\r\n",
        "CONNECT https://NAME:443 HTTP/1.1\r\n\r\n",
        "CONNECT NAME:443/path HTTP/1.1\r\n\r\n",
        "CONNECT :443 HTTP/1.1\r\n\r\n",
        "CONNECT ::1:443 HTTP/1.1\r\n\r\n",
        "CONNECT []:443 HTTP/1.1\r\n\r\n",
        'CONNECT a"b.NAME:443 HTTP/1.1\r\n\r\n',
        "CONNECT a\\b.NAME:443 HTTP/1.1\r\n\r\n",
        "CONNECT * HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\n\r\n",
        "GET http://NAME/ HTTP/1.1\r\nHost: NAME\r\nX: a\r\nProxy-A: b\r\n c\r\n\r\n",
        "CONNECT NAME:99999 HTTP/1.1\r\n\r\n",
        "CONNECT [::1 HTTP/1.1\r\n\r\n",
        "CONNECT NAME:443 HTTP/2\r\n\r\n",
        "CONNECT  HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\r\n\r\n",
        "GET http://NAME/ HTTP/1.1\r\nX: " + "x" * 140_000,
    ],
)
def test_what_is_no_request_is_refused(sent: str, proxy: LiveProxy, name: str) -> None:
    """It gets 400 and the end; the next one is served."""
    with through(proxy) as sock:
        sock.sendall(sent.replace("NAME", name).encode("latin-1"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
    with client(proxy) as made:
        assert made.get(f"https://{name}/whole").text == "0"


@pytest.mark.parametrize("where", ["[::1]:443", "[2001:db8::1]:443", "127.0.0.1:1"])
def test_address_is_another_host(where: str, network: LatticeNetwork) -> None:
    """An address is no name of the network, in any way to write it."""
    with network.proxy(strict=True) as proxy, through(proxy) as sock:
        sock.sendall(f"CONNECT {where} HTTP/1.1\r\n\r\n".encode())

        assert rest_of(sock).startswith(b"HTTP/1.1 403 ")


def test_name_is_read_as_hosts_are(proxy: LiveProxy, name: str) -> None:
    """A tunnel to a name in capitals, or with a final dot, leads in."""
    for written in (name.upper(), f"{name}."):
        with through(proxy) as sock:
            sock.sendall(f"CONNECT {written}:443 HTTP/1.1\r\n\r\n".encode())

            assert head_of(sock).startswith(b"HTTP/1.1 200 ")


def test_bytes_before_the_answer_are_of_the_tunnel(
    network: LatticeNetwork, proxy: LiveProxy, name: str
) -> None:
    """A client that does not wait for 200 loses nothing: its hello is the tunnel's."""
    trusting = ssl.create_default_context(cadata=proxy.ca_pem)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with through(proxy) as sock:
        connect = f"CONNECT {name}:443 HTTP/1.1\r\n\r\n".encode()
        sock.sendall(connect + outgoing.read())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        incoming.write(sock.recv(65536))
        client.do_handshake()
        client.write(f"GET /whole HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        sock.sendall(outgoing.read())
        while True:
            incoming.write(sock.recv(65536))
            with suppress(ssl.SSLWantReadError):
                assert client.read().startswith(b"HTTP/1.1 200 ")
                break
    assert len(network.exchanges) == 1


@pytest.mark.parametrize("port", [80, 443])
def test_half_closed_tunnel_harms_nobody(
    port: int, proxy: LiveProxy, name: str
) -> None:
    """Who closes its side of a tunnel into the network has left; others go on."""
    with through(proxy) as sock:
        sock.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        sock.shutdown(socket.SHUT_WR)
        assert rest_of(sock) == b""
    with client(proxy) as made:
        assert made.get(f"https://{name}/whole").text == "0"


def test_tunnel_to_clear_text(proxy: LiveProxy, name: str) -> None:
    """A tunnel carries HTTP in clear text to a listener of it."""
    with through(proxy) as sock:
        sock.sendall(f"CONNECT {name}:80 HTTP/1.1\r\n\r\n".encode())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        sock.sendall(f"GET /whole HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        assert head_of(sock).startswith(b"HTTP/1.1 200 ")


def test_client_that_leaves_early_harms_nobody(proxy: LiveProxy, name: str) -> None:
    """Half a head and the end are forgotten."""
    with through(proxy) as sock:
        sock.sendall(b"CONNECT ")
        sock.shutdown(socket.SHUT_WR)
        assert rest_of(sock) == b""
    with client(proxy) as made:
        assert made.get(f"https://{name}/whole").text == "0"


def test_nothing_is_left_of_tunnels(network: LatticeNetwork, name: str) -> None:
    """Closing the proxy closes what went through it."""
    with elsewhere() as (address, _):
        with network.proxy() as proxy:
            sock, idle = through(proxy), through(proxy)
            sock.sendall(f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())
            assert head_of(sock).startswith(b"HTTP/1.1 200 ")
        for each in (sock, idle):
            assert rest_of(each) in {b"", b"<reset>"}
            each.close()


def test_port_is_chosen(network: LatticeNetwork) -> None:
    """A proxy listens where it is told to, once."""
    with network.proxy() as proxy:
        port = int(proxy.url.rpartition(":")[2])
    with network.proxy(port=port) as proxy:
        assert proxy.url == f"http://127.0.0.1:{port}"
        assert refused(network.proxy(port=port).__enter__) == [
            f"port {port} of 127.0.0.1 cannot be listened on: address already in use"
        ]
    with network.proxy(port=port):
        pass
