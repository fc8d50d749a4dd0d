"""Clients that sign, of both libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest

from pytest_lattice.auth.authenticate import Authenticated
from pytest_lattice.auth.sigv4 import Claim, Failure, read_claim
from pytest_lattice.clients.signing import SigV4Auth
from pytest_lattice.clock import Clock
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.caller import Role
from tests.auth.signed import HOST, ROLE, USER, judged, sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.model.message import LatticeRequest


def arrived(request: Any) -> LatticeRequest:  # noqa: ANN401  # of either library
    """Write the request that a client sends."""
    path, mark, query = request.url.raw_path.decode().partition("?")
    headers = tuple(
        (name.decode().lower(), value.decode()) for name, value in request.headers.raw
    )
    return sent(
        headers, method=request.method, path=path, query=query if mark else None
    )


def call(auth: SigV4Auth, url: str = f"https://{HOST}/", **options: Any) -> Any:  # noqa: ANN401  # of either library
    """Send a request with httpx and return it as it was sent."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    with httpx.Client(auth=auth, transport=httpx.MockTransport(answer)) as client:
        client.request(options.pop("method", "GET"), url, **options)
    return seen[-1]


def claim_in(request: Any) -> Claim:  # noqa: ANN401  # of either library
    """Return what a request claims."""
    claim = read_claim(arrived(request))
    assert isinstance(claim, Claim), claim
    return claim


@pytest.mark.parametrize("region_set", [None, "*", "us-west-2"])
@pytest.mark.parametrize("signer", [ROLE, USER, ROLE.credentials])
def test_signed_request_is_accepted(signer: Any, region_set: str | None) -> None:  # noqa: ANN401  # of either library
    """Roles, users and credentials sign, with SigV4 and SigV4A."""
    auth = SigV4Auth(signer, region_set=region_set, clock=Clock())

    request = call(
        auth, f"https://{HOST}:8443/a b/?q=1&q=%2F", method="POST", json={"a": 1}
    )

    assert isinstance(judged(arrived(request)), Authenticated)
    assert "content-type" in claim_in(request).signed_headers
    assert request.content == b'{"a":1}'


def test_httpx2_signs_too() -> None:
    """The same value serves a client of httpx2."""
    seen = []

    def answer(request: Any) -> Any:  # noqa: ANN401  # of either library
        seen.append(request)
        return httpx2.Response(200)

    auth = SigV4Auth(ROLE, clock=Clock())
    with httpx2.Client(auth=auth, transport=httpx2.MockTransport(answer)) as client:
        client.get(f"https://{HOST}/a")

    assert isinstance(judged(arrived(seen[0])), Authenticated)


@pytest.mark.parametrize(
    ("url", "region", "expected"),
    [
        ("https://a.7d67968.vpc-lattice-svcs.eu-west-1.on.aws:80/", None, "eu-west-1"),
        ("https://shop.example/", None, "us-west-2"),
        (f"https://{HOST}/", "eu-north-1", "eu-north-1"),
    ],
)
def test_region_follows_from_the_name(
    url: str, region: str | None, expected: str
) -> None:
    """A generated DNS name holds the region; any other has the default."""
    auth = SigV4Auth(ROLE, region=region, clock=Clock())

    assert claim_in(call(auth, url)).region == expected


def test_short_name_is_expanded() -> None:
    """What is signed is the name that arrives."""
    auth = SigV4Auth(ROLE, clock=Clock(), full_name=lambda _: HOST)

    request = call(auth, "https://shop:8443/")

    assert request.headers["host"] == f"{HOST}:8443"
    assert isinstance(judged(arrived(request)), Authenticated)


@pytest.mark.parametrize("url", [f"https://{HOST}/", "https://[::1]/"])
def test_other_names_are_signed_as_sent(url: str) -> None:
    """A full name or an address is not short."""
    auth = SigV4Auth(ROLE, clock=Clock(), full_name=lambda _: "wrong")

    assert "wrong" not in call(auth, url).headers["host"]


def test_taken_authorization_is_refused() -> None:
    """A token for the app and SigV4 need the same header."""
    auth = SigV4Auth(ROLE, clock=Clock())

    with pytest.raises(ConfigurationError, match="already taken") as caught:
        call(auth, headers={"authorization": "Bearer secret"})

    assert "secret" not in str(caught.value.__notes__)


def test_signing_again_replaces_the_signature() -> None:
    """A request that is sent again has one signature, of its own time."""
    clock = Clock()
    auth = SigV4Auth(ROLE, clock=clock)
    request = auth(httpx.Request("GET", f"https://{HOST}/"))
    clock.advance(1000)

    again = auth(request)

    assert claim_in(again).timestamp == "20260101T001640Z"
    assert isinstance(judged(arrived(again), now=clock.microseconds), Authenticated)


def test_redirect_repeats_the_signature() -> None:
    """Like any auth of httpx it is asked once, and a redirect is not signed anew."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        location = {"location": "/b"} if request.url.path == "/a" else {}
        return httpx.Response(307 if location else 200, headers=location)

    transport = httpx.MockTransport(answer)
    with httpx.Client(
        auth=SigV4Auth(ROLE, clock=Clock()), transport=transport, follow_redirects=True
    ) as client:
        client.get(f"https://{HOST}/a")

    first, second = map(arrived, seen)
    assert first.headers == second.headers
    assert isinstance(judged(first), Authenticated)
    assert isinstance(judged(second), Failure)


@pytest.mark.parametrize("signer", ["checkout", None, Role, 5])
def test_signer_is_no_name(signer: Any) -> None:  # noqa: ANN401  # anything
    """A name says nothing outside a network."""
    with pytest.raises(
        ConfigurationError, match="a signer is a role, a user"
    ) as caught:
        SigV4Auth(signer)

    assert caught.value.__notes__ == ["a name needs the network: client(role=...)"]
    assert "checkout" not in str(caught.value)


@pytest.mark.parametrize("name", ["region", "region_set"])
def test_region_is_text(name: str) -> None:
    """A region of another type is told at once, and not with the first request."""
    options: dict[str, Any] = {name: 5}

    with pytest.raises(ConfigurationError, match=f"^{name} of SigV4Auth"):
        SigV4Auth(ROLE, **options)


def test_stream_is_untouched() -> None:
    """A body is sent as it comes; nobody reads it for its hash."""
    read = []

    def body() -> Iterator[bytes]:
        read.append(1)
        yield b"x"

    request = httpx.Request("POST", f"https://{HOST}/", content=body())

    SigV4Auth(ROLE, clock=Clock())(request)

    assert read == []


def test_target_is_signed_as_sent() -> None:
    """A raw target, which httpx takes as an extension, is what is signed."""
    request = httpx.Request(
        "GET", f"https://{HOST}/x", extensions={"target": b"/a//b?c"}
    )

    signed = SigV4Auth(ROLE, clock=Clock())(request)

    found = judged(arrived(signed)._replace(path="/a//b", query="c"))
    assert isinstance(found, Authenticated)


def test_computer_s_time_is_the_default() -> None:
    """Outside a network there is no other clock."""
    stamp = claim_in(call(SigV4Auth(ROLE))).timestamp

    assert stamp >= "2025"


def test_text_shows_the_key_id_only() -> None:
    """A secret is in no output of a test."""
    credentials = ROLE.credentials

    assert repr(SigV4Auth(ROLE)) == f"SigV4Auth({credentials.access_key_id})"
