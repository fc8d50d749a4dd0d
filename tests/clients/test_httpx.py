"""Clients of httpx and httpx2: real clients, in each way that they are used."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx
import httpx2
import pytest

from pytest_lattice import (
    ConfigurationError,
    Decision,
    Exchange,
    FixedResponse,
    Forward,
    LatticeNetwork,
    LatticeRequest,
    LatticeResponse,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    TargetError,
    TargetGroup,
    Unreachable,
    Unroutable,
    Vpc,
)
from pytest_lattice.clients.base import AsyncReply, Reply
from pytest_lattice.clients.httpx import NetworkTransport, library_or_default
from pytest_lattice.model.message import Source
from tests.clients.stub_target import Answer, StubTarget

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

    from pytest_lattice import TargetRequest
    from tests.clients.conftest import Door, Library, Option, Response

SHOP = Service(
    "shop",
    listeners=[
        Listener("HTTP", default=Forward("stubs")),
        Listener("HTTPS", default=Forward("stubs")),
    ],
)
OTHER = Service("other", listeners=[Listener("HTTP", default=FixedResponse(500))])


@pytest.fixture
def shop(network: LatticeNetwork, stub: StubTarget) -> LatticeNetwork:
    """The service `shop` on both ports in front of a stub, and a service `other`."""
    network.add(TargetGroup("stubs", targets=[stub]), SHOP, OTHER)
    return network


def exchange_of(response: Response) -> Exchange:
    """Take out of a response what the network knows of it."""
    exchange = response.extensions["pytest_lattice"]
    assert isinstance(exchange, Exchange)
    return exchange


# ------------------------------------------------------------------------ translation


class Echo:
    """The three-line entrance: it keeps the request and answers as told."""

    def __init__(self, decision: Decision, response: LatticeResponse) -> None:
        self.exchange: Exchange | None = Exchange(decision, response, "id", 0, 0)
        self.decision = decision
        self.body: Any = b"hello"
        self.requests: list[tuple[LatticeRequest, Any]] = []

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Keep request and body, and answer."""
        content = body if isinstance(body, bytes) else list(body)
        self.requests.append((request, content))
        return Reply(self.decision, self.exchange, self.body)

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Keep request and body, and answer."""
        content = body if isinstance(body, bytes) else [chunk async for chunk in body]
        self.requests.append((request, content))
        return AsyncReply(self.decision, self.exchange, self.body)

    def full_name(self, host: str) -> str:
        """Expand every short name."""
        return f"{host}-0123.example.com"

    @property
    def last(self) -> LatticeRequest:
        """The request that came last."""
        return self.requests[-1][0]


SOURCE = Source("vpc-0123456789abcdef0", "10.0.0.9", 4711)


@pytest.fixture
def echo(network: LatticeNetwork) -> Echo:
    """An entrance that is no network."""
    network.add(OTHER)
    decision = network.decide("GET", "http://other/")
    headers = (("X-Case", "1"), ("x-case", "é"), ("content-length", "5"))
    return Echo(decision, LatticeResponse(200, headers))


def send(
    door: Door, echo: Echo, *args: Option, http2: bool = False, **options: Option
) -> Response:
    """Make one request of a door's client to an entrance."""
    library: Library = door.library
    transport = NetworkTransport(echo, SOURCE, library=library, http2=http2)
    if door.backend is None:
        with library.Client(transport=transport) as client:
            return client.request(*args, **options)

    async def main() -> Response:
        async with library.AsyncClient(transport=transport) as client:
            return await client.request(*args, **options)

    return anyio.run(main, backend=door.backend)


def test_request_is_translated(door: Door, echo: Echo) -> None:
    """What the library sends is what the network gets, header by header."""
    headers = [(b"X-One", b"1"), (b"x-two", b"\xe9"), (b"X-ONE", b"2")]

    send(
        door,
        echo,
        "POST",
        "https://shop.example.com/a%2Fb?x=%20&x",
        headers=headers,
        content=b"\x00body",
    )

    [(request, body)] = echo.requests
    assert body == b"\x00body"
    assert request == LatticeRequest(
        method="POST",
        scheme="https",
        host="shop.example.com",
        server_name="shop.example.com",
        port=443,
        path="/a%2Fb",
        query="x=%20&x",
        headers=request.headers,
        http_version="HTTP/1.1",
        source=SOURCE,
        patience=5.0,  # which is what httpx waits unless told otherwise
    )
    names = [name for name, _ in request.headers]
    assert names == [
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "x-one",
        "x-two",
        "x-one",
        "content-length",
    ]
    assert request.header_values("x-one") == ("1", "2")
    assert request.header_values("x-two") == ("é",)
    assert request.header_values("host") == ("shop.example.com",)


def test_answer_is_translated(door: Door, echo: Echo) -> None:
    """What the network answers is what the library shows."""
    response = send(door, echo, "GET", "https://shop.example.com/")

    assert isinstance(response, door.library.Response)
    assert response.status_code == 200
    assert response.reason_phrase == "OK"
    assert response.http_version == "HTTP/1.1"
    assert response.headers.raw == [
        (b"X-Case", b"1"),
        (b"x-case", b"\xe9"),
        (b"content-length", b"5"),
    ]
    assert response.content == b"hello"
    assert response.is_success
    assert response.extensions["pytest_lattice"] is echo.exchange
    assert response.request.url == "https://shop.example.com/"


def test_elapsed_is_the_librarys_own(door: Door, echo: Echo) -> None:
    """`elapsed` is real time, which the network does not touch."""
    response = send(door, echo, "GET", "https://shop.example.com/")

    assert timedelta(0) <= response.elapsed < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("url", "port", "path", "query"),
    [
        ("https://a.example.com", 443, "/", None),
        ("http://a.example.com", 80, "/", None),
        ("https://a.example.com:8443/?", 8443, "/", ""),
        ("http://a.example.com:443/?a?b", 443, "/", "a?b"),
        ("http://[fd00::1]:8080/", 8080, "/", None),
    ],
)
def test_url_is_translated(
    door: Door, echo: Echo, url: str, port: int, path: str, query: str | None
) -> None:
    """Port, raw path and raw query are taken from the URL."""
    send(door, echo, "GET", url)

    assert (echo.last.port, echo.last.path, echo.last.query) == (port, path, query)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop/", "shop-0123.example.com"),
        ("https://SHOP:443/", "shop-0123.example.com"),
        ("http://shop:8080/", "shop-0123.example.com:8080"),
        ("http://[fd00::1]:8080/", "[fd00::1]:8080"),
        ("http://169.254.171.1/", "169.254.171.1"),
        ("http://a.example.com:81/", "a.example.com:81"),
    ],
)
def test_host_header_has_the_dns_name(
    door: Door, echo: Echo, url: str, host: str
) -> None:
    """A short name is expanded wherever it stands; an address is no short name."""
    send(door, echo, "GET", url)

    assert echo.last.host == host
    assert echo.last.header_values("host") == (host,)
    assert echo.last.server_name == host.rpartition(":")[0].strip("[]") or host


@pytest.mark.parametrize("url", ["https://shop/", "https://a.example.com/"])
def test_host_header_of_the_caller_stays(door: Door, echo: Echo, url: str) -> None:
    """Whoever sets the Host header means it."""
    send(door, echo, "GET", url, headers={"Host": "other.example.com:81"})

    assert echo.last.host == "other.example.com:81"
    assert echo.last.header_values("host") == ("other.example.com:81",)
    assert echo.last.server_name == (
        "shop-0123.example.com" if "shop" in url else "a.example.com"
    )


def test_server_name_can_be_given(door: Door, echo: Echo) -> None:
    """The extension `sni_hostname` is the name in the TLS handshake."""
    send(
        door,
        echo,
        "GET",
        "https://shop/",
        extensions={"sni_hostname": "sni.example.com"},
    )

    assert echo.last.server_name == "sni.example.com"
    assert echo.last.host == "shop-0123.example.com"


def test_server_name_means_nothing_without_tls(door: Door, echo: Echo) -> None:
    """Plain HTTP has no TLS handshake."""
    send(
        door,
        echo,
        "GET",
        "http://shop/",
        extensions={"sni_hostname": "sni.example.com"},
    )

    assert echo.last.server_name == "shop-0123.example.com"


def test_request_target_can_be_given(door: Door, echo: Echo) -> None:
    """The extension `target` sends a path that the library would normalize."""
    extensions = {"target": b"/a/../b//c?d"}

    send(door, echo, "GET", "https://a.example.com/x", extensions=extensions)

    assert (echo.last.path, echo.last.query) == ("/a/../b//c", "d")


@pytest.mark.parametrize("target", [b"/\xff", b"", b"a", b"/a b", b"/a\nb", b"*/a"])
def test_request_target_that_is_no_path_is_the_librarys_error(
    target: bytes, door: Door, echo: Echo
) -> None:
    """What HTTP cannot send is refused as the library refuses it on a connection."""
    with pytest.raises(door.library.LocalProtocolError, match="is no path"):
        send(
            door, echo, "GET", "https://a.example.com/x", extensions={"target": target}
        )


@pytest.mark.parametrize(
    ("target", "path"),
    [(b"http://b.example.com/a?b", "/a"), (b"https://b", "/"), (b"*", "*")],
)
def test_request_target_may_be_a_url(
    target: bytes, path: str, door: Door, echo: Echo
) -> None:
    """Of a whole URL a server takes the path; the asterisk stays."""
    send(
        door, echo, "OPTIONS", "https://a.example.com/x", extensions={"target": target}
    )

    assert echo.last.path == path


@pytest.mark.parametrize(
    ("scheme", "http2", "version"),
    [
        ("https", True, "HTTP/2"),
        ("https", False, "HTTP/1.1"),
        ("http", True, "HTTP/1.1"),
        ("http", False, "HTTP/1.1"),
    ],
)
def test_http2_is_spoken_over_tls_only(
    door: Door, echo: Echo, scheme: str, version: str, *, http2: bool
) -> None:
    """HTTP/2 is chosen in the TLS handshake."""
    send(door, echo, "GET", f"{scheme}://a.example.com/", http2=http2)

    assert echo.last.http_version == version


def test_streamed_request_is_not_read_beforehand(door: Door, echo: Echo) -> None:
    """A request body in chunks reaches the network in these chunks."""

    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    async def achunks() -> AsyncIterator[bytes]:
        for each in chunks():
            yield each

    content = achunks() if door.backend else chunks()
    send(door, echo, "POST", "https://a.example.com/", content=content)

    assert echo.requests[0][1] == [b"one", b"two"]
    assert echo.last.header_values("transfer-encoding") == ("chunked",)


def test_upload_of_files_is_streamed(door: Door, echo: Echo) -> None:
    """A form with files is made by the library and arrives whole."""
    send(door, echo, "POST", "https://a.example.com/", files={"f": b"content"})

    body = b"".join(echo.requests[0][1])
    assert b'name="f"' in body
    assert b"content" in body
    assert echo.last.header_values("content-length") == (str(len(body)),)


@pytest.mark.parametrize("url", ["ftp://shop/", "ws://shop/path"])
def test_other_protocols_are_refused(door: Door, echo: Echo, url: str) -> None:
    """Only http and https lead into a network."""
    with pytest.raises(door.library.UnsupportedProtocol) as caught:
        send(door, echo, "GET", url)

    assert str(caught.value) == f"`{url}` is neither http nor https"
    assert caught.value.request.method == "GET"
    assert echo.requests == []


@pytest.mark.parametrize("url", ["/path", "path"])
def test_relative_url_needs_a_service(door: Door, echo: Echo, url: str) -> None:
    """A client of no service does not know what a relative URL means."""
    with pytest.raises(door.library.UnsupportedProtocol) as caught:
        send(door, echo, "GET", url)

    assert str(caught.value) == "`/path` is neither http nor https"
    assert caught.value.__notes__ == [
        'a relative URL needs the client of a service, as client("my-service") gives it'
    ]


def test_entrance_that_breaks_its_word_is_told(door: Door, echo: Echo) -> None:
    """No exchange and no reason for it is an error in whoever wrote the entrance."""
    echo.exchange = None

    with pytest.raises(TypeError, match=r"^no exchange for outcome `FixedResponse"):
        send(door, echo, "GET", "https://a.example.com/")


def test_default_library_is_httpx() -> None:
    """Whoever says nothing gets httpx."""
    assert library_or_default(None) is httpx
    assert library_or_default(httpx) is httpx
    assert library_or_default(httpx2) is httpx2


@pytest.mark.parametrize("wrong", [json, "httpx", httpx.Client])
def test_other_library_is_refused(wrong: Library) -> None:
    """There are two libraries whose clients can be had."""
    with pytest.raises(ConfigurationError) as caught:
        library_or_default(wrong)

    assert str(caught.value) == f"library `{wrong!r}` is neither httpx nor httpx2"


# ---------------------------------------------------------------- clients of a network


def test_clients_are_the_librarys_own(shop: LatticeNetwork, library: Library) -> None:
    """A client is no wrapper, so everything that it can do works."""
    assert type(shop.client("shop", library=library)) is library.Client
    assert type(shop.async_client("shop", library=library)) is library.AsyncClient


def test_client_is_httpx_by_default(shop: LatticeNetwork) -> None:
    """Whoever says nothing gets a client of httpx."""
    assert type(shop.client()) is httpx.Client
    assert type(shop.async_client()) is httpx.AsyncClient


@pytest.mark.parametrize(
    ("listeners", "url"),
    [
        ([("HTTPS", 443)], "https://{}"),
        ([("HTTP", 80), ("HTTPS", 443)], "https://{}"),
        ([("HTTP", 80)], "http://{}"),
        ([("HTTP", 8080), ("HTTP", 80)], "http://{}:8080"),
        ([("HTTP", 80), ("HTTPS", 8443)], "https://{}:8443"),
    ],
)
def test_base_url_is_the_generated_dns_name(
    network: LatticeNetwork,
    library: Library,
    listeners: list[tuple[Literal["HTTP", "HTTPS"], int]],
    url: str,
) -> None:
    """Relative URLs mean the service, by HTTPS if it has it."""
    service = Service(
        "shop",
        listeners=[Listener(*each, default=FixedResponse(404)) for each in listeners],
    )
    network.add(service)

    for client in (
        network.client("shop", library=library),
        network.async_client("shop", library=library),
    ):
        assert str(client.base_url).rstrip("/") == url.format(service.dns_name)


def test_service_without_a_listener_has_no_url(network: LatticeNetwork) -> None:
    """A service that listens nowhere cannot be called."""
    network.add(Service("shop"))

    with pytest.raises(ConfigurationError, match=r"^service `shop` has no listener$"):
        network.client("shop")


def test_unknown_service_is_refused_at_once(shop: LatticeNetwork) -> None:
    """A misspelled service is told when the client is made, with the right name."""
    for make in (shop.client, shop.async_client):
        with pytest.raises(ConfigurationError) as caught:
            make("shopp")
        assert str(caught.value) == "unknown service `shopp`"
        assert caught.value.__notes__ == ["did you mean `shop`?"]


def test_options_go_to_the_library(door: Door, shop: LatticeNetwork) -> None:
    """A client takes all that its library's client takes."""
    response = door.get(
        shop,
        "path",
        base_url="http://shop/base",
        headers={"x-own": "1"},
        params={"q": "1"},
    )

    request = exchange_of(response).request
    assert request.target == "/base/path?q=1"
    assert request.scheme == "http"
    assert request.header_values("x-own") == ("1",)


def test_unknown_option_is_the_librarys_complaint(
    shop: LatticeNetwork, library: Library
) -> None:
    """An option that the library does not know is refused by it."""
    with pytest.raises(TypeError, match="retries"):
        shop.client("shop", library=library, retries=3)


@pytest.mark.parametrize("name", ["transport", "proxy", "proxies"])
def test_option_that_leads_away_is_refused(shop: LatticeNetwork, name: str) -> None:
    """A client with another transport would not ask the network."""
    option: dict[str, Any] = {name: "http://127.0.0.1:9"}

    for make in (shop.client, shop.async_client):
        with pytest.raises(ConfigurationError) as caught:
            make("shop", **option)
        assert str(caught.value) == (
            f"option `{name}` of a client leads around the service network"
        )


def test_environment_does_not_lead_away(
    door: Door, shop: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in the environment is not asked; the network is in the process."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")

    assert door.get(shop).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_answer_of_a_target_comes_through(
    door: Door, shop: LatticeNetwork, stub: StubTarget, method: str
) -> None:
    """Status, headers with repeats and case, and body are those of the target."""
    stub.answer = Answer(
        b'{"a": 1}',
        201,
        (("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-Mixed-Case", "1")),
    )

    [response] = door(shop, lambda client: client.request(method, "/"))

    assert response.status_code == 201
    assert response.json() == {"a": 1}
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert [name for name, _ in response.headers.raw] == [
        b"Set-Cookie",
        b"set-cookie",
        b"X-Mixed-Case",
        b"x-amzn-requestid",
    ]
    assert stub.requests[0].request.method == method


def test_bodies_go_in_each_form(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """JSON, forms and bytes reach the target as the library writes them."""
    door(
        shop,
        lambda client: client.post("/", json={"a": 1}),
        lambda client: client.post("/", data={"a": "ä b"}),
        lambda client: client.post("/", content=b"\x00"),
        lambda client: client.post("/", content="ä"),
        lambda client: client.post("/"),
    )

    assert [json.loads(stub.bodies[0]), *stub.bodies[1:]] == [
        {"a": 1},
        b"a=%C3%A4+b",
        b"\x00",
        "ä".encode(),
        b"",
    ]
    types = [each.request.header_values("content-type") for each in stub.requests]
    assert types[:2] == [("application/json",), ("application/x-www-form-urlencoded",)]


def test_compressed_answer_is_decoded_by_the_library(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """The network does not look into bodies."""
    body = gzip.compress(b"hello" * 100, mtime=0)
    stub.answer = Answer(body, headers=(("content-encoding", "gzip"),))

    response = door.get(shop)

    assert response.content == b"hello" * 100
    assert exchange_of(response).sent == len(body)


def test_response_carries_its_exchange(door: Door, shop: LatticeNetwork) -> None:
    """A response leads to the decision, and to the history."""
    response = door.get(shop, "/path")

    [exchange] = shop.exchanges
    assert exchange_of(response) is exchange
    assert exchange.response.status == 200
    assert exchange.decision.service == SHOP
    assert exchange.request.path == "/path"


def test_network_errors_are_responses(door: Door, shop: LatticeNetwork) -> None:
    """A status that the network makes is a response like any other."""
    response = door.get(shop, "http://other/")

    assert response.status_code == 500
    assert response.text == "Internal Server Error"
    assert response.headers["content-type"] == "text/plain"
    with pytest.raises(door.library.HTTPStatusError, match="500 Internal Server Error"):
        response.raise_for_status()


def test_event_hooks_and_auth_are_the_clients(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """What a client does to requests and responses happens before and after us."""
    seen: list[str] = []

    def hook(message: object) -> None:
        seen.append(type(message).__name__)

    async def ahook(message: object) -> None:
        hook(message)

    own = ahook if door.backend else hook
    door.get(
        shop,
        auth=("user", "secret"),
        event_hooks={"request": [own], "response": [own]},
    )

    assert seen == ["Request", "Response"]
    [value] = stub.requests[0].request.header_values("authorization")
    assert value == "Basic dXNlcjpzZWNyZXQ="


def test_http2_is_told_and_logged(door: Door, shop: LatticeNetwork) -> None:
    """A client that speaks HTTP/2 says so, as does the log."""
    assert door.get(shop, http2=True).http_version == "HTTP/2"
    assert door.get(shop, "http://shop/", http2=True).http_version == "HTTP/1.1"

    assert [each.protocol for each in shop.access_log] == ["HTTP/2", "HTTP/1.1"]


def test_http2_target_group_wants_http2(
    door: Door, network: LatticeNetwork, stub: StubTarget
) -> None:
    """An HTTP/1.1 client cannot reach a target group that speaks HTTP2."""
    network.add(
        TargetGroup("stubs", protocol_version="HTTP2", targets=[stub]),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("stubs"))]),
    )

    assert door.get(network, http2=True).status_code == 200
    assert door.get(network).status_code == 502


def test_head_gets_no_body(door: Door, shop: LatticeNetwork) -> None:
    """HEAD shows what GET would have, without the body."""
    [response] = door(shop, lambda client: client.head("http://other/"))

    assert response.status_code == 500
    assert response.content == b""
    assert response.headers["content-length"] == "21"


# --------------------------------------------------------------------- names and hosts


@pytest.mark.parametrize(
    "url",
    [
        "https://shop/",
        "https://SHOP/",
        "https://shop:443/",
        "http://shop",
        f"https://{SHOP.dns_name}/",
        f"http://{SHOP.dns_name.upper()}.:80/",
    ],
)
def test_service_is_reached_by_its_names(
    door: Door, shop: LatticeNetwork, url: str
) -> None:
    """The short name and the DNS name lead to the service, in any case."""
    response = door.get(shop, url, service=None)

    assert response.status_code == 200
    assert exchange_of(response).decision.service == SHOP


def test_unknown_short_name_is_the_tests_mistake(
    door: Door, shop: LatticeNetwork
) -> None:
    """A short name that no service has is told with the right one."""
    with pytest.raises(ConfigurationError) as caught:
        door.get(shop, "https://chop/")

    assert str(caught.value) == "unknown service `chop`"
    assert caught.value.__notes__ == ["did you mean `shop`?"]


def test_unknown_name_over_http_is_404(door: Door, shop: LatticeNetwork) -> None:
    """An HTTP listener answers 404 for a Host that no service has."""
    response = door.get(shop, "http://nobody.example.com/")

    assert response.status_code == 404
    assert response.text == "Not Found"
    assert isinstance(exchange_of(response).decision.outcome, Unroutable)
    assert len(shop.access_log) == 0


@pytest.mark.parametrize("host", [SHOP.dns_name, OTHER.dns_name])
def test_host_header_decides_over_http(
    door: Door, shop: LatticeNetwork, host: str
) -> None:
    """Over HTTP a request goes where its Host header says, whatever the URL."""
    [response] = door(
        shop, lambda client: client.get("http://shop/", headers={"Host": host})
    )

    service = exchange_of(response).decision.service
    assert service is not None
    assert service.dns_name == host


def test_server_name_decides_over_https(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """Over HTTPS a request goes where the TLS handshake says, whatever its Host."""
    [response] = door(
        shop,
        lambda client: client.get(
            "https://169.254.171.1/",
            headers={"Host": "any.example.com"},
            extensions={"sni_hostname": SHOP.dns_name},
        ),
    )

    assert exchange_of(response).decision.service == SHOP
    assert stub.requests[0].request.host == "any.example.com"
    [entry] = shop.access_log
    assert entry.host_header == "any.example.com"
    assert entry.server_name_indication == SHOP.dns_name


def test_custom_domain_name_is_the_host_that_a_target_sees(
    door: Door, network: LatticeNetwork, stub: StubTarget
) -> None:
    """The Host header reaches the target unchanged."""
    certificate = "arn:aws:acm:us-west-2:123456789012:certificate/1234"
    network.add(
        TargetGroup("stubs", targets=[stub]),
        Service(
            "shop",
            listeners=[Listener("HTTPS", 8443, default=Forward("stubs"))],
            custom_domain_name="shop.example.com",
            certificate_arn=certificate,
        ),
    )

    door.get(network, "https://shop.example.com:8443/")

    assert stub.requests[0].headers[0] == ("host", "shop.example.com:8443")


# -------------------------------------------------------------------- transport errors


@pytest.mark.parametrize(
    ("url", "vpc", "error", "kind"),
    [
        ("https://shop/", "island", "ConnectTimeout", "connect timeout"),
        ("https://shop:8443/", "home", "ConnectError", "connection refused"),
        ("https://shop:80/", "home", "ConnectError", "connection reset"),
    ],
    ids=["timeout", "refused", "reset"],
)
def test_no_connection_is_the_librarys_error(
    door: Door, shop: LatticeNetwork, url: str, vpc: str, error: str, kind: str
) -> None:
    """Where AWS gives no answer, the library's own error has the explanation."""
    shop.add(
        ServiceNetwork("north", services=["shop"], vpcs=["home"]),
        Vpc("home"),
        Vpc("island"),
    )

    with pytest.raises(getattr(door.library, error)) as caught:
        door.get(shop, url, vpc=vpc)

    decision = shop.decide("GET", url, vpc=vpc)
    assert isinstance(decision.outcome, Unreachable)
    assert decision.outcome.error == kind
    assert str(caught.value) == decision.outcome.reason
    assert caught.value.__notes__ == [decision.explain()]
    assert caught.value.request.method == "GET"
    assert isinstance(caught.value, door.library.TransportError)
    assert shop.exchanges == ()


def test_unknown_server_name_is_a_reset(door: Door, shop: LatticeNetwork) -> None:
    """Over HTTPS there is no certificate for a name that no service has."""
    with pytest.raises(door.library.ConnectError, match=r"has no service `a\.example"):
        door.get(shop, "https://a.example.com/")


# ---------------------------------------------------------------- redirects and cookies


def redirecting(request: TargetRequest, _body: bytes) -> Answer:
    """Redirect to where the query says, and set a cookie on the way."""
    if request.request.query is None:
        return Answer(b"arrived")
    headers = (("location", request.request.query), ("set-cookie", "seen=1"))
    return Answer(b"", 302, headers)


@pytest.mark.parametrize("base", ["https://shop", f"https://{SHOP.dns_name}"])
@pytest.mark.parametrize("location", ["/next", "next", "http://shop/next"])
def test_redirect_is_followed_by_the_client(
    door: Door, shop: LatticeNetwork, stub: StubTarget, base: str, location: str
) -> None:
    """The library follows redirects, and each hop is a request of its own."""
    stub.answer = redirecting

    response = door.get(shop, f"{base}/?{location}", follow_redirects=True)

    assert response.text == "arrived"
    assert [each.status_code for each in response.history] == [302]
    assert [each.request_path for each in shop.access_log] == ["/", "/next"]
    assert [each.response_code for each in shop.access_log] == [302, 200]


def test_redirect_is_not_followed_unasked(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """By default httpx shows the redirect itself."""
    stub.answer = redirecting

    response = door.get(shop, "/?/next")

    assert response.status_code == 302
    assert response.next_request.url.path == "/next"


def test_redirect_leads_to_another_service(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """A redirect may leave for any service of the network."""
    stub.answer = redirecting

    response = door.get(shop, f"/?http://{OTHER.dns_name}/there", follow_redirects=True)

    assert response.status_code == 500
    assert exchange_of(response).decision.service == OTHER


@pytest.mark.parametrize("base", ["https://shop", f"https://{SHOP.dns_name}"])
def test_cookies_are_kept_by_the_client(
    door: Door, shop: LatticeNetwork, stub: StubTarget, base: str
) -> None:
    """A cookie comes back to the service that set it, and to no other one."""
    stub.answer = redirecting

    door(
        shop,
        lambda client: client.get(f"{base}/?/next"),
        lambda client: client.get(f"{base}/"),
        lambda client: client.get("http://other/"),
    )

    sent = [each.request.header_values("cookie") for each in shop.exchanges]
    assert sent == [(), ("seen=1",), ()]


# --------------------------------------------------------------------------- streaming


def test_answer_is_streamed(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """A client reads chunk by chunk what a target sends chunk by chunk."""
    stub.answer = Answer((b"one\n", b"two\n", b"three"))

    with (
        shop.client("shop", library=library) as client,
        client.stream("GET", "/") as response,
    ):
        assert list(shop.exchanges) == []
        assert list(response.iter_raw()) == [b"one\n", b"two\n", b"three"]

    assert response.num_bytes_downloaded == 13
    assert [each.sent for each in shop.exchanges] == [13]
    assert stub.streams[0].closed


def test_answer_is_streamed_to_async_clients(
    shop: LatticeNetwork, stub: StubTarget, library: Library, backend: str
) -> None:
    """An async client reads chunk by chunk as well."""
    stub.answer = Answer((b"one\n", b"two\n", b"three"))

    async def main() -> list[str]:
        async with (
            shop.async_client("shop", library=library) as client,
            client.stream("GET", "/") as response,
        ):
            assert list(shop.exchanges) == []
            return [line async for line in response.aiter_lines()]

    assert anyio.run(main, backend=backend) == ["one", "two", "three"]
    assert [each.sent for each in shop.exchanges] == [13]
    assert stub.streams[0].closed


def test_streamed_answer_can_be_read_whole(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """Whoever does not stream gets the whole body."""
    stub.answer = Answer((b"one", b"two"))

    assert door.get(shop).content == b"onetwo"
    assert shop.exchanges[0].sent == 6


def test_request_is_streamed(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """A generator is a request body, and the log counts its bytes."""

    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    async def achunks() -> AsyncIterator[bytes]:
        for each in chunks():
            yield each

    [response] = door(
        shop,
        lambda client: client.post(
            "/", content=achunks() if door.backend else chunks()
        ),
    )

    assert stub.bodies == [b"onetwo"]
    assert exchange_of(response).received == 6


def test_early_close_is_logged(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """A client that goes before the end is logged, and the target's stream closed."""
    stub.answer = Answer((b"one", b"two", b"three"))

    with (
        shop.client("shop", library=library) as client,
        client.stream("GET", "/") as response,
    ):
        next(response.iter_raw())

    [entry] = shop.access_log
    assert entry.failure_reason == "ClientConnectionClosed"
    assert entry.response_code == 200
    assert shop.exchanges[0].sent == 3
    assert stub.streams[0].closed


def test_early_close_of_an_async_client_is_logged(
    shop: LatticeNetwork, stub: StubTarget, library: Library, backend: str
) -> None:
    """An async client that does not even begin to read is logged as well."""
    stub.answer = Answer((b"one", b"two"))

    async def main() -> None:
        async with (
            shop.async_client("shop", library=library) as client,
            client.stream("GET", "/") as response,
        ):
            assert response.status_code == 200

    anyio.run(main, backend=backend)

    assert shop.access_log.one().failure_reason == "ClientConnectionClosed"
    assert shop.exchanges[0].sent == 0
    assert stub.streams[0].closed


def test_broken_stream_is_a_protocol_error(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """A target that breaks off is to the client what a broken connection is."""
    broken = TargetError("app `stub` failed before its response was complete")
    stub.answer = Answer((b"one", broken))

    with pytest.raises(door.library.RemoteProtocolError) as caught:
        door.get(shop)

    assert str(caught.value) == str(broken)
    assert caught.value.__cause__ is broken
    assert caught.value.request.method == "GET"
    assert shop.access_log.one().failure_reason == "TargetConnectionClosed"


def test_exception_in_a_stream_reaches_the_test(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """What an app raises while it streams is raised where the client reads."""
    boom = ValueError("late")
    stub.answer = Answer((b"one", boom))

    with pytest.raises(ValueError, match=r"^late$") as caught:
        door.get(shop)

    assert caught.value is boom


def test_exception_of_a_target_reaches_the_test(
    door: Door, shop: LatticeNetwork, stub: StubTarget
) -> None:
    """What an app raises is raised in the test, and is no error of the library."""
    boom = ValueError("no such cart")

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        raise boom

    stub.answer = answer
    with pytest.raises(ValueError, match=r"^no such cart$") as caught:
        door.get(shop)

    assert caught.value is boom
    assert shop.access_log.one().response_code == 500


def test_client_goes_on_after_an_error(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """A client is usable after its target failed and after it found nobody."""
    stub.answer = Answer((TargetError("ill"),))

    with shop.client("shop", library=library) as client:
        with pytest.raises(library.RemoteProtocolError):
            client.get("/")
        with pytest.raises(library.ConnectError):
            client.get("https://shop:81/")
        stub.answer = Answer(b"well again")
        assert client.get("/").text == "well again"


# ------------------------------------------------------------------------- concurrency


def test_one_client_serves_many_threads(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """Threads may share a client; each gets the answer to its own request."""
    stub.answer = lambda request, body: Answer(request.request.path.encode() + body)

    with shop.client("shop", library=library) as client, ThreadPoolExecutor(8) as pool:
        bodies = list(
            pool.map(
                lambda n: client.post(f"/{n}-", content=b"%d" % n).text, range(400)
            )
        )

    assert bodies == [f"/{n}-{n}" for n in range(400)]
    assert len({each.request_id for each in shop.exchanges}) == 400
    assert shop.access_log.dropped == 0


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_one_async_client_serves_many_tasks(
    shop: LatticeNetwork,
    stub: StubTarget,
    library: Library,
    backend: str,
    *,
    streamed: bool,
) -> None:
    """Two hundred requests at once are answered each on its own."""

    def answer(request: TargetRequest, _body: bytes) -> Answer:
        path = request.request.path.encode()
        return Answer((path[:1], path[1:]) if streamed else path)

    stub.answer = answer
    texts: dict[int, str] = {}

    async def main() -> None:
        async with (
            shop.async_client("shop", library=library) as client,
            anyio.create_task_group() as tasks,
        ):

            async def one(n: int) -> None:
                texts[n] = (await client.get(f"/{n}")).text

            for n in range(200):
                tasks.start_soon(one, n)

    anyio.run(main, backend=backend)

    assert texts == {n: f"/{n}" for n in range(200)}
    assert len({each.request_id for each in shop.exchanges}) == 200


def test_weights_hold_over_tasks_and_threads(
    network: LatticeNetwork, library: Library, backend: str
) -> None:
    """A deck is exact whoever draws from it, and in which order."""
    groups = {"blue": 3, "green": 1}
    network.add(
        *(TargetGroup(name, targets="echo") for name in groups),
        Service("shop", listeners=[Listener("HTTPS", default=Forward(groups))]),
    )

    async def main() -> None:
        async with (
            network.async_client("shop", library=library) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(100):
                tasks.start_soon(client.get, "/")

    anyio.run(main, backend=backend)
    with (
        network.client("shop", library=library) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(client.get, ["/"] * 100))

    went = Counter(
        each.decision.target_group.name
        for each in network.exchanges
        if each.decision.target_group
    )
    assert went == {"blue": 150, "green": 50}


def test_client_lives_under_several_loops(
    shop: LatticeNetwork, library: Library, backend: str
) -> None:
    """A client belongs to no event loop, so a test may use it in one after another."""
    client = shop.async_client("shop", library=library)

    async def get() -> int:
        return (await client.get("/")).status_code

    assert [anyio.run(get, backend=backend) for _ in range(2)] == [200, 200]


def test_services_call_each_other(network: LatticeNetwork, door: Door) -> None:
    """A target may call another service while it answers."""

    def outer(_request: TargetRequest, _body: bytes) -> Answer:
        inner = network.client("inner").get(
            "/cart", headers={"x-amzn-requestid": "same"}
        )
        return Answer(b"outer+" + inner.content)

    listener = {
        name: Listener("HTTPS", default=Forward(name)) for name in ("outer", "inner")
    }
    network.add(
        TargetGroup("outer", targets=[StubTarget(outer)]),
        TargetGroup("inner", targets=[StubTarget(Answer(b"inner"))]),
        Service("outer", listeners=[listener["outer"]]),
        Service("inner", listeners=[listener["inner"]]),
    )

    assert door.get(network, service="outer").text == "outer+inner"
    assert [each.service_arn for each in network.access_log] == [
        network.service("inner").arn,
        network.service("outer").arn,
    ]


def test_timeouts_do_not_matter(door: Door, shop: LatticeNetwork) -> None:
    """There is nothing to wait for, so no timeout is too short."""
    assert door.get(shop, timeout=math.ulp(0)).status_code == 200


def test_rules_see_what_the_library_adds(door: Door, network: LatticeNetwork) -> None:
    """A rule may match on a header that the library sends by itself."""
    rule = Rule(
        10,
        headers={"accept": "*/*", "connection": "keep-alive"},
        action=FixedResponse(500),
    )
    listener = Listener("HTTPS", default=FixedResponse(404), rules=[rule])
    network.add(Service("shop", listeners=[listener]))

    assert door.get(network).status_code == 500
