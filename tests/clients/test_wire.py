"""What the versions of HTTP share: the request that came, the answer that goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.clients.silence import Asked
from pytest_lattice.clients.wire import (
    BadRequestError,
    Origin,
    answer_of,
    checked,
)
from pytest_lattice.model.message import ClientGoneError, Source, TlsSession
from pytest_lattice.routing.resolve import Way

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pytest_lattice.clients.wire import Answer

HOST = (("host", "orders.example.com"),)
SITE: Any = None


def origin(**fields: Any) -> Origin:  # noqa: ANN401  # as Origin
    """Make a connection's origin."""
    return Origin(SITE, Source("vpc-1", "10.0.0.1", 40_000), 8080, **fields)


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        ("/a/b?c=d", "/a/b", "c=d", "orders.example.com"),
        ("/", "/", None, "orders.example.com"),
        ("/?", "/", "", "orders.example.com"),
        ("/a?b?c", "/a", "b?c", "orders.example.com"),
        ("http://shop.example.com/a?b", "/a", "b", "shop.example.com"),
        ("http://shop.example.com:8080", "/", None, "shop.example.com:8080"),
        ("http://shop.example.com?a", "/", "a", "shop.example.com"),
        ("HTTP://shop.example.com/", "/", None, "shop.example.com"),
        ("//shop.example.com/", "//shop.example.com/", None, "orders.example.com"),
    ],
)
def test_target_of_a_request_is_read(
    target: str, path: str, query: str | None, host: str
) -> None:
    """A path is taken as it is; of a URL the host replaces the Host header."""
    request = origin().request("GET", target, HOST, "HTTP/1.1")

    assert (request.path, request.query, request.host) == (path, query, host)
    assert request.headers == (("host", host),)


def test_asterisk_is_of_the_server() -> None:
    """OPTIONS may ask for all of a server."""
    assert checked(origin().request("OPTIONS", "*", HOST, "HTTP/1.1")).path == "*"


@pytest.mark.parametrize(
    ("method", "target", "host"),
    [
        ("GET", "*", "shop.example"),
        ("GET", "cart", "shop.example"),
        ("GET", "shop.example:80", "shop.example"),
        ("GET", "ftp://shop.example/", "shop.example"),
        ("GET", "/cart#top", "shop.example"),
        ("GET", "/a b", "shop.example"),
        ("GET", "/a\r\nb", "shop.example"),
        ("GET", "/\xff", "shop.example"),
        ("GET", "http://user@shop.example/", "shop.example"),
        ("GET", "http://shop.example#x/", "shop.example"),
        ("GET /b", "/a", "shop.example"),
        ("", "/a", "shop.example"),
        ("GET", "/a", "user@shop.example"),
        ("GET", "/a", "shop example"),
        ("GET", "/a", "shop.example/b"),
        ("GET", "/a", "shop.example:8o"),
        ("GET", "/a", "::1"),
        ("GET", "/a", "shop.example,other\x7f"),
    ],
)
def test_what_is_no_request_is_refused(method: str, target: str, host: str) -> None:
    """Method, target and host have a form, which no two servers read differently."""
    request = origin().request(method, target, (("host", host),), "HTTP/2")

    with pytest.raises(BadRequestError):
        checked(request)


@pytest.mark.parametrize("host", ["", "a_b", "127.0.0.1:80", "[::1]:80", "shop:"])
def test_host_may_be_an_address(host: str) -> None:
    """Any name and any address are taken, with or without a port."""
    request = origin().request("GET", "/", (("host", host),), "HTTP/1.1")

    assert checked(request).host == host


def test_clear_text_is_named_by_the_host() -> None:
    """Without TLS the name is that of the Host header, without its port."""
    request = origin().request("GET", "/", (("host", "Shop.example:81"),), "HTTP/1.1")

    assert (request.scheme, request.server_name, request.port) == (
        "http",
        "shop.example",
        8080,
    )


def test_tls_is_named_by_the_server_name() -> None:
    """With TLS the name and the session are those of the handshake."""
    session = TlsSession("TLSv1.2", "AES128-SHA")
    secure = origin(server_name="shop.example", tls=session)
    request = secure.request("GET", "/", HOST, "HTTP/2")

    assert (request.scheme, request.server_name) == ("https", "shop.example")
    assert request.tls == session


class Raising:
    """An entrance that does not answer."""

    def __init__(self, error: BaseException) -> None:
        """Know how."""
        self.entrance = self
        self.error = error

    def now(self) -> int:
        """Stand still."""
        return 0

    def way(self, _: object) -> Way:
        """Know no service."""
        return Way()

    async def ahandle(self, *_: object) -> None:
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequestError(), 400),
        (ValueError("boom"), 500),
        (ClientGoneError(), None),
    ],
)
def test_error_of_the_network_is_an_answer(
    error: BaseException, status: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is at fault is told so, or logged; a client that left hears nothing."""
    site: Any = Raising(error)
    wire: Any = None
    made = origin()._replace(site=site)
    request = made.request("GET", "/", HOST, "HTTP/1.1")

    async def ask() -> Answer | None:
        return await answer_of(wire, Asked(made.site, request), b"")

    answer = run(ask())

    assert (answer and answer.status) == status
    assert ("boom" in caplog.text) == (status == 500)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401  # what it returns
    """Run on a loop."""
    return asyncio.run(coroutine)
