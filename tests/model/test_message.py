"""Requests and responses as the data plane sees them."""

import pytest

from pytest_lattice.model.message import LatticeRequest, Source

REQUEST = LatticeRequest(
    method="GET",
    scheme="https",
    host="shop.example.com",
    server_name="shop.example.com",
    port=443,
    path="/orders",
    query=None,
    headers=(("accept", "a"), ("x-beta", "1"), ("accept", "b")),
    http_version="HTTP/1.1",
    source=Source("vpc-0a1b2c3d", "10.0.0.9", 40000),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (None, "/orders"),
        ("", "/orders?"),
        ("a=1&a=2", "/orders?a=1&a=2"),
        ("q=?", "/orders?q=?"),
    ],
)
def test_request_target(query: str | None, expected: str) -> None:
    """The request target is the path and, as it was sent, the query."""
    assert REQUEST._replace(query=query).target == expected


@pytest.mark.parametrize(
    ("scheme", "port", "expected"),
    [
        ("https", 443, "https://shop.example.com/orders"),
        ("http", 80, "http://shop.example.com/orders"),
        ("https", 80, "https://shop.example.com:80/orders"),
        ("http", 443, "http://shop.example.com:443/orders"),
        ("https", 8443, "https://shop.example.com:8443/orders"),
    ],
)
def test_url(scheme: str, port: int, expected: str) -> None:
    """The URL shows the port where it is not the scheme's own."""
    assert REQUEST._replace(scheme=scheme, port=port).url == expected


def test_url_is_what_was_dialed() -> None:
    """The URL names the server that was dialed, whatever the Host header says."""
    request = REQUEST._replace(host="other.example.com:1", query="a=1")

    assert request.url == "https://shop.example.com/orders?a=1"


@pytest.mark.parametrize(
    ("name", "expected"), [("accept", ("a", "b")), ("x-beta", ("1",)), ("host", ())]
)
def test_header_values(name: str, expected: tuple[str, ...]) -> None:
    """All values of a header are found, in the order received."""
    assert REQUEST.header_values(name) == expected


def test_requests_are_compared_by_value() -> None:
    """Equal requests are equal and have one hash, so they can be counted."""
    assert {REQUEST, REQUEST._replace()} == {REQUEST}
    assert REQUEST._replace(path="/") != REQUEST
