"""Clients that code under test makes itself: caught, let out, refused, put back."""

from __future__ import annotations

import io
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import httpcore
import httpx
import httpx2
import pytest
import respx
from respx.mocks import Mocker

from pytest_lattice import (
    ConfigurationError,
    EgressError,
    FixedResponse,
    Forward,
    LatticeError,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    SigV4Auth,
    TargetError,
    TargetGroup,
    Vpc,
    assert_allowed,
    assert_routed,
)
from tests.clients.stub_target import Answer, StubTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from tests.clients.conftest import Client, Library, Option, Response

    Ask: TypeAlias = Callable[[Client], Response]

LISTENERS = [
    Listener("HTTP", default=Forward("stubs")),
    Listener("HTTPS", default=Forward("stubs")),
]
SHOP = Service(
    "shop",
    custom_domain_name="shop.example.com",
    certificate_arn="arn:aws:acm:us-west-2:123456789012:certificate/shop",
    listeners=LISTENERS,
)
SHOP_URL = f"https://{SHOP.dns_name}"
#: Loading authorities takes longer than a test.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
#: Of the form of generated names, but no service has it.
NOBODY = "nobody-0e5f3d2b3db4c7962.7d67968.vpc-lattice-svcs.us-west-2.on.aws"


@pytest.fixture
def shop(network: LatticeNetwork, stub: StubTarget) -> LatticeNetwork:
    """The service `shop` on both ports in front of a stub."""
    network.add(TargetGroup("stubs", targets=[stub]), SHOP)
    return network


@pytest.fixture(params=[None, "asyncio", "trio"], ids=["blocking", "asyncio", "trio"])
def own(request: pytest.FixtureRequest, library: Library) -> Own:
    """Each kind of client that code can make."""
    return Own(library, request.param)


class Own:
    """Code under test: it makes a client of its own and knows of no network."""

    def __init__(self, library: Library, backend: str | None) -> None:
        self.library = library
        self.backend = backend

    def __call__(self, *asks: Ask, **options: Option) -> list[Response]:
        """Use one client for several calls, and read the answers."""
        options.setdefault("verify", TLS)
        if self.backend is None:
            with self.library.Client(**options) as client:
                return [ask(client) for ask in asks]

        async def main() -> list[Response]:
            async with self.library.AsyncClient(**options) as client:
                return [await ask(client) for ask in asks]

        return anyio.run(main, backend=self.backend)

    def get(self, url: str, **options: Option) -> Response:
        """Make one GET request."""
        [response] = self(lambda client: client.get(url), **options)
        return response


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(203)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        framing = self.headers.get("transfer-encoding")
        if framing is None:
            framing = self.headers["content-length"]
            body = self.rfile.read(int(framing))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self.path = f"{framing} {body!r}"
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The URL of a server that is none of the network's."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


# ------------------------------------------------------------------------------ caught


@pytest.mark.parametrize(
    "url",
    [
        SHOP_URL,
        f"http://{SHOP.dns_name}",
        "https://shop.example.com",
        "http://SHOP.example.com.",
    ],
)
def test_a_client_of_ones_own_reaches_the_network(
    shop: LatticeNetwork, own: Own, url: str
) -> None:
    """Generated and custom names lead to the service, however they are written."""
    with shop.intercept():
        response = own.get(url)

    assert (response.status_code, response.text) == (200, "hello")
    assert_routed(response, to="stubs")


def test_the_request_arrives_as_it_was_sent(
    shop: LatticeNetwork, stub: StubTarget, own: Own
) -> None:
    """Method, path as it was encoded, query, headers and body reach the target."""
    with shop.intercept():
        own(
            lambda client: client.request(
                "PATCH",
                f"{SHOP_URL}//a%2Fb%20c/é?x=%41&y",
                headers=[("x-a", "1"), ("x-a", "2")],
                content=b"change",
            )
        )

    [request] = stub.requests
    assert request.request.method == "PATCH"
    assert request.request.target == "//a%2Fb%20c/%C3%A9?x=%41&y"
    assert [value for name, value in request.headers if name == "x-a"] == ["1", "2"]
    assert stub.bodies == [b"change"]


def test_clients_made_before_are_caught_and_later_let_go(
    shop: LatticeNetwork, library: Library, elsewhere: str
) -> None:
    """The door is there from its opening to its closing, for clients of any age."""
    with library.Client(verify=TLS) as early:
        with shop.intercept(), library.Client(verify=TLS) as late:
            assert early.get(SHOP_URL).text == late.get(SHOP_URL).text == "hello"
        assert early.get(elsewhere).status_code == 203


def test_a_service_that_comes_later_is_found(shop: LatticeNetwork, own: Own) -> None:
    """What is declared while the door is open counts at once."""
    later = Service("later", listeners=[Listener("HTTPS", default=FixedResponse(404))])
    with shop.intercept(strict=True):
        shop.add(later)
        assert own.get(f"https://{later.dns_name}").status_code == 404


@pytest.mark.parametrize("http2", [False, True])
def test_http2_is_spoken_by_clients_that_do(
    shop: LatticeNetwork, own: Own, *, http2: bool
) -> None:
    """`http2=True` is HTTP/2 over HTTPS, and HTTP/1.1 in clear, in both logs."""
    with shop.intercept():
        secure, clear = own(
            lambda client: client.get(SHOP_URL),
            lambda client: client.get(f"http://{SHOP.dns_name}"),
            http2=http2,
        )

    versions = [secure.http_version, clear.http_version]
    assert versions == ["HTTP/2" if http2 else "HTTP/1.1", "HTTP/1.1"]
    assert [each.protocol for each in shop.access_log] == versions


def test_redirects_are_followed(
    shop: LatticeNetwork, stub: StubTarget, own: Own, elsewhere: str
) -> None:
    """A client follows inside the network, and out of it."""
    places = {"/a": "/b", "/b": f"{elsewhere}/out"}

    def answer(request: Any, body: bytes) -> Answer:  # noqa: ANN401  # as the stub has it
        to = places[request.request.path]
        return Answer(b"", 302, (("location", to),))

    stub.answer = answer
    with shop.intercept():
        response = own.get(f"{SHOP_URL}/a", follow_redirects=True)

    assert (response.status_code, response.text) == (203, "/out")
    assert [each.status_code for each in response.history] == [302, 302]


@pytest.mark.parametrize("read", [False, True])
def test_a_response_streams(
    shop: LatticeNetwork, stub: StubTarget, own: Own, *, read: bool
) -> None:
    """A streamed body comes chunk by chunk; one that nobody reads is closed."""
    stub.answer = Answer((b"one", b"two", b"three"))
    chunks: list[bytes] = []

    async def main() -> None:
        async with (
            own.library.AsyncClient(verify=TLS) as client,
            client.stream("GET", SHOP_URL) as response,
        ):
            if read:
                chunks.extend([chunk async for chunk in response.aiter_raw()])

    with shop.intercept():
        if own.backend is not None:
            anyio.run(main, backend=own.backend)
        else:
            with (
                own.library.Client(verify=TLS) as client,
                client.stream("GET", SHOP_URL) as response,
            ):
                chunks.extend(response.iter_raw() if read else ())

    assert chunks == ([b"one", b"two", b"three"] if read else [])
    assert stub.streams[0].closed


def test_a_stream_that_breaks_is_the_librarys_error(
    shop: LatticeNetwork, stub: StubTarget, own: Own
) -> None:
    """A target that breaks its protocol breaks the body, as a connection would."""
    stub.answer = Answer((b"one", TargetError("no more")))

    with shop.intercept(), pytest.raises(own.library.RemoteProtocolError):
        own.get(SHOP_URL)


def test_request_bodies_of_all_kinds_arrive(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """A generator as the body is sent, and a file is."""

    def chunks() -> Iterable[bytes]:
        yield b"one"
        yield b"two"

    with shop.intercept(), library.Client(verify=TLS) as client:
        client.post(SHOP_URL, content=chunks())
        client.post(SHOP_URL, files={"file": io.BytesIO(b"content")})

    assert stub.bodies[0] == b"onetwo"
    assert b"content" in stub.bodies[1]


def test_many_calls_at_once(shop: LatticeNetwork, library: Library) -> None:
    """Tasks of one client, and threads with clients of their own, are all answered."""
    statuses: list[int] = []

    async def main() -> None:
        async with (
            library.AsyncClient(verify=TLS) as client,
            anyio.create_task_group() as group,
        ):

            async def ask() -> None:
                statuses.append((await client.get(SHOP_URL)).status_code)

            for _ in range(50):
                group.start_soon(ask)

    def one(_: int) -> int:
        with library.Client(verify=TLS) as client:
            return int(client.get(SHOP_URL).status_code)

    with shop.intercept():
        anyio.run(main)
        with ThreadPoolExecutor(4) as pool:
            statuses += pool.map(one, range(8))

    assert statuses == [200] * 58


def test_transports_around_the_librarys_are_used(
    shop: LatticeNetwork, stub: StubTarget, library: Library
) -> None:
    """A transport that retries does so: what is caught is what it wraps."""
    answers = iter([Answer(status=503), Answer(status=503), Answer()])
    stub.answer = lambda *_: next(answers)

    class Retrying(library.BaseTransport):  # type: ignore[misc]  # a class of the library at hand
        def __init__(self) -> None:
            self.inner = library.HTTPTransport(verify=TLS, retries=1)

        def handle_request(self, request: Response) -> Response:
            while (response := self.inner.handle_request(request)).status_code == 503:
                response.close()
            return response

    with shop.intercept(), library.Client(transport=Retrying()) as client:
        assert client.get(SHOP_URL).status_code == 200
    assert len(stub.requests) == 3


def test_a_proxy_is_not_asked(shop: LatticeNetwork, own: Own) -> None:
    """A proxy has no part in a call to Lattice, which goes by the VPC's own network."""
    with shop.intercept():
        assert own.get(SHOP_URL, proxy="http://127.0.0.1:1").text == "hello"


def test_a_client_that_replaces_its_transport_is_left_alone(
    shop: LatticeNetwork, library: Library
) -> None:
    """A user's mock transport connects to nothing, so nothing is caught."""
    transport = library.MockTransport(lambda _: library.Response(418))
    with shop.intercept(strict=True), library.Client(transport=transport) as client:
        assert client.get(SHOP_URL).status_code == 418


def test_httpcore_itself_is_caught(shop: LatticeNetwork) -> None:
    """Code that is built on httpcore and not on httpx reaches the network too."""
    with shop.intercept(), httpcore.ConnectionPool(ssl_context=TLS) as pool:
        assert pool.request("GET", SHOP_URL).content == b"hello"


# -------------------------------------------------------------------------- who it is


def test_signed_requests_carry_their_own_identity(network: LatticeNetwork) -> None:
    """The door forces no role: who signs is whom the policy sees."""
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:role/checkout"},
                "Action": "vpc-lattice-svcs:Invoke",
                "Resource": "*",
            }
        ]
    }
    network.add(
        TargetGroup("web", targets="echo"),
        Service(
            "orders",
            auth_policy=policy,
            listeners=[Listener("HTTPS", default=Forward("web"))],
        ),
    )
    checkout = network.role("checkout", policies=["VPCLatticeServicesInvokeAccess"])
    url = f"https://{network.service('orders').dns_name}/a%20b?q=1"

    with network.intercept():
        assert httpx.get(url).status_code == 403
        assert_allowed(httpx.get(url, auth=SigV4Auth(checkout)))


def test_the_door_says_from_which_vpc(network: LatticeNetwork) -> None:
    """Of two VPCs one has to be named; then requests come from it."""
    network.add(
        Vpc("blue"),
        Vpc("green"),
        ServiceNetwork("mall", services=["shop"], vpcs=["blue", "green"]),
        TargetGroup("stubs", targets="echo", vpc="blue"),
        SHOP,
    )
    with network.intercept(), pytest.raises(ConfigurationError, match="which VPC"):
        httpx.get(SHOP_URL)
    with network.intercept(vpc="green"):
        httpx.get(SHOP_URL)

    [entry] = network.access_log
    assert entry.source_vpc_arn.endswith(network.configuration.vpc("green").id)


def test_an_unknown_vpc_opens_no_door(shop: LatticeNetwork) -> None:
    """A VPC that nobody declared is refused before anything is patched."""
    before = snapshot()
    with (
        pytest.raises(ConfigurationError, match="unknown VPC `nowhere`"),
        shop.intercept(vpc="nowhere"),
    ):
        pytest.fail("it opened")
    assert snapshot() == before


# -------------------------------------------------------------------------- other hosts


def test_other_hosts_are_called_as_before(
    shop: LatticeNetwork, own: Own, elsewhere: str
) -> None:
    """A host outside the network answers for itself, and nothing is recorded."""
    with shop.intercept():
        response = own.get(f"{elsewhere}/x")

    assert (response.status_code, response.text) == (203, "/x")
    assert shop.exchanges == ()


def test_bodies_reach_other_hosts_as_they_were(
    shop: LatticeNetwork, library: Library, elsewhere: str
) -> None:
    """A body that streams, and one that is framed by its length, are sent as before."""

    def chunks() -> Iterable[bytes]:
        yield b"one"
        yield b"two"

    with library.Client(verify=TLS) as client:
        before = [
            client.post(elsewhere, content=chunks()).text,
            client.post(elsewhere, content=b"whole").text,
        ]
        with shop.intercept():
            inside = [
                client.post(elsewhere, content=chunks()).text,
                client.post(elsewhere, content=b"whole").text,
            ]

    assert inside == before == ["chunked b'onetwo'", "5 b'whole'"]


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("shop", f"what leaves the process needs the full name, `{SHOP.dns_name}`"),
        ("shop.example.org", "did you mean `shop.example.com`?"),
        ("127.0.0.1", f"its names: `{SHOP.dns_name}`, `shop.example.com`"),
    ],
)
def test_strict_refuses_other_hosts(
    shop: LatticeNetwork, own: Own, host: str, advice: str
) -> None:
    """Nothing else may be called, and the refusal says what is known."""
    with shop.intercept(strict=True), pytest.raises(EgressError) as refused:
        own.get(f"http://{host}:1/")

    assert str(refused.value) == (
        f"host `{host}` is none of the service network, the only one to call"
    )
    assert advice in refused.value.__notes__


def test_strict_lets_the_network_call_its_targets(
    network: LatticeNetwork, own: Own, elsewhere: str
) -> None:
    """A target that is a server gets its requests: it is behind the network."""
    network.add(TargetGroup("stubs", targets=[elsewhere]), SHOP)
    with network.intercept(strict=True):
        assert own.get(f"{SHOP_URL}/x").text == "/x"


@pytest.mark.parametrize("strict", [False, True])
def test_a_generated_name_never_leaves(
    shop: LatticeNetwork, own: Own, *, strict: bool
) -> None:
    """A name that no service has is a 404 in clear, and a reset over TLS."""
    with shop.intercept(strict=strict):
        assert own.get(f"http://{NOBODY}/").status_code == 404
        with pytest.raises(own.library.ConnectError, match="has no service") as error:
            own.get(f"https://{NOBODY}/")
    assert "connection reset" in error.value.__notes__[0]


def test_lattices_addresses_lead_by_name(
    shop: LatticeNetwork, stub: StubTarget, own: Own
) -> None:
    """Who dials an address of Lattice is led by the Host header and the server name."""
    with shop.intercept():
        for url, options in (
            ("http://169.254.171.33/", {}),
            ("https://[fd00:ec2:80::a9fe:ab21]/", {"sni_hostname": SHOP.dns_name}),
        ):
            [response] = own(
                lambda client, url=url, options=options: client.get(  # type: ignore[misc]  # bound now
                    url, headers={"host": SHOP.dns_name}, extensions=options
                )
            )
            assert response.text == "hello"


def test_a_vpc_without_association_times_out(network: LatticeNetwork, own: Own) -> None:
    """The name is known, but no packet finds a way: a connect timeout."""
    network.add(
        Vpc("far"),
        ServiceNetwork("mall", services=["shop"], vpcs=["default"]),
        SHOP,
        TargetGroup("stubs", targets="echo"),
    )
    with (
        network.intercept(vpc="far"),
        pytest.raises(own.library.ConnectTimeout, match="VPC `far` is not associated"),
    ):
        own.get(SHOP_URL)


def test_a_closed_network_says_so(shop: LatticeNetwork, own: Own) -> None:
    """Who calls a network through a door that outlived it hears that it is closed."""
    with shop.intercept():
        own.get(SHOP_URL)
        shop.close()
        with pytest.raises(LatticeError, match="the network is closed"):
            own.get(SHOP_URL)


# ----------------------------------------------------------------------- several doors


def test_the_inner_door_is_asked_first(own: Own) -> None:
    """Each network answers its own names; those that both have are the inner's."""

    def network(status: int, *names: str) -> LatticeNetwork:
        made = LatticeNetwork()
        listener = Listener("HTTPS", default=FixedResponse(status))
        made.add(*(Service(name, listeners=[listener]) for name in names))
        return made

    outer = network(404, "both", "outer")
    inner = network(500, "both", "inner")
    urls = [
        f"https://{network.service(name).dns_name}"
        for network, name in ((outer, "both"), (outer, "outer"), (inner, "inner"))
    ]
    with outer.intercept():
        with inner.intercept():
            assert [own.get(url).status_code for url in urls] == [500, 404, 500]
        assert own.get(urls[0]).status_code == 404


def test_a_strict_door_holds_inside_another(
    shop: LatticeNetwork, own: Own, elsewhere: str
) -> None:
    """An inner door that lets everything out opens no way around the outer one."""
    with (
        shop.intercept(strict=True),
        LatticeNetwork() as other,
        other.intercept(),
        pytest.raises(EgressError),
    ):
        own.get(elsewhere)


def test_doors_may_close_in_any_order(shop: LatticeNetwork, own: Own) -> None:
    """What is put back is put back by the last, whichever was opened first."""
    before = snapshot()
    with LatticeNetwork() as other:
        first, second = shop.intercept(), other.intercept()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert snapshot() != before
        second.__exit__(None, None, None)
    assert snapshot() == before


# --------------------------------------------------------------------- what is put back


def snapshot() -> dict[str, object]:
    """Take down everything that an interception touches, by identity."""
    seen: dict[str, object] = {}
    classes: list[type[Any]] = [
        *(
            getattr(library, name)
            for library in (httpx, httpx2)
            for name in ("HTTPTransport", "AsyncHTTPTransport", "Client", "AsyncClient")
        ),
        httpcore.ConnectionPool,
        httpcore.HTTPProxy,
        httpcore.HTTPConnection,
        httpcore.AsyncConnectionPool,
        httpcore.AsyncHTTPProxy,
        httpcore.AsyncHTTPConnection,
    ]
    for cls in classes:
        for name, value in vars(cls).items():
            seen[f"{cls.__module__}.{cls.__name__}.{name}"] = value
    for name, mocker in Mocker.registry.items():
        seen[f"{name} routers"] = tuple(mocker.routers)
        seen[f"{name} patches"] = tuple(mocker._patches)  # noqa: SLF001  # what respx has patched
        seen[f"{name} targets"] = tuple(mocker.targets)
    seen["registry"] = dict(Mocker.registry)
    return seen


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_put_back(shop: LatticeNetwork, own: Own, *, fails: bool) -> None:
    """After the door nothing in httpx, httpx2, httpcore or respx differs."""
    before = snapshot()
    try:
        with shop.intercept():
            assert snapshot() != before
            own.get(SHOP_URL)
            assert not fails or 1 / 0
    except ZeroDivisionError:
        assert fails
    assert snapshot() == before


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_a_users_respx_ends_before_or_after(
    shop: LatticeNetwork, using: str, own: Own
) -> None:
    """The door and respx may overlap in any way; in the end all is as it was."""
    before = snapshot()
    mock = respx.mock(using=using)
    mock.__enter__()
    door = shop.intercept()
    door.__enter__()
    mock.__exit__(None, None, None)
    assert own.get(SHOP_URL).text == "hello"
    door.__exit__(None, None, None)
    assert snapshot() == before

    door = shop.intercept()
    door.__enter__()
    mock.__enter__()
    door.__exit__(None, None, None)
    mock.get("http://other.example/").respond(202)
    assert httpx.get("http://other.example/").status_code == 202
    mock.__exit__(None, None, None)
    assert snapshot() == before


# ---------------------------------------------------------------------- routes of respx


@pytest.fixture(params=[None, "asyncio", "trio"], ids=["blocking", "asyncio", "trio"])
def httpx_own(request: pytest.FixtureRequest) -> Own:
    """Each kind of client of httpx, the library that respx is for."""
    return Own(httpx, request.param)


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("lax", [False, True])
def test_routes_of_the_users_keep_working(
    shop: LatticeNetwork, httpx_own: Own, using: str, *, inside: bool, lax: bool
) -> None:
    """The network answers its names; routes of respx answer theirs, and refuse."""
    own = httpx_own
    mock = respx.mock(using=using, assert_all_mocked=not lax)
    mock.get("https://stripe.example/").respond(201)
    doors: list[AbstractContextManager[object]]
    doors = [mock, shop.intercept(strict=True)]
    if inside:
        doors.reverse()
    with doors[0], doors[1]:
        assert own.get(SHOP_URL).text == "hello"
        assert own.get("https://stripe.example/").status_code == 201
        if lax:
            assert own.get("https://other.example/").text == ""
        else:
            with pytest.raises(AssertionError, match="not mocked"):
                own.get("https://other.example/")


def test_a_pass_through_route_is_a_permission(
    shop: LatticeNetwork, httpx_own: Own, elsewhere: str
) -> None:
    """Where the door is strict, a route that passes a host through lets it out."""
    with respx.mock() as mock, shop.intercept(strict=True):
        mock.route(host="127.0.0.1").pass_through()
        assert httpx_own.get(elsewhere).status_code == 203


def test_a_route_into_the_network_is_counted(
    shop: LatticeNetwork, httpx_own: Own
) -> None:
    """`respx_route` is a route like any other, for both kinds of client."""
    with respx.mock() as mock:
        route = mock.add(shop.respx_route())
        mock.route().respond(418)
        response = httpx_own.get(SHOP_URL)
        assert httpx_own.get("https://other.example/").status_code == 418

    assert_routed(response, to="stubs")
    assert route.call_count == 1
    call = route.calls.last
    assert (call.request.url.host, call.response.status_code) == (SHOP.dns_name, 200)
    assert call.response.text == "hello"
    assert call.response.request.url == call.request.url


def test_a_route_streams(
    shop: LatticeNetwork, stub: StubTarget, httpx_own: Own
) -> None:
    """A streamed answer comes through a route as well."""
    stub.answer = Answer((b"one", b"two"))
    with respx.mock() as mock:
        mock.add(shop.respx_route())
        assert httpx_own.get(SHOP_URL).text == "onetwo"


def test_what_a_route_cannot_reach_is_recorded_without_a_response(
    shop: LatticeNetwork, httpx_own: Own
) -> None:
    """An error of the transport is raised in the client, and respx counts the call."""
    with respx.mock() as mock:
        route = mock.add(shop.respx_route())
        with pytest.raises(httpx.ConnectError, match="has no service"):
            httpx_own.get(f"https://{NOBODY}/")

    assert [call.has_response for call in route.calls] == [False]
