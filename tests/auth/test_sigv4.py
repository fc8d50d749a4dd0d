"""Our signer against botocore's, and what is read of a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lattice.auth.sigv4 import (
    Claim,
    Failure,
    incomplete,
    read_claim,
    shown,
    sign,
    signature,
    signed_values,
    signing_key,
)
from tests.auth.signed import (
    HOST,
    NOW,
    REGION,
    ROLE,
    STAMP,
    TIME,
    USER,
    by_awscrt,
    by_botocore,
    edited,
    sent,
    signed,
)

if TYPE_CHECKING:
    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.message import Headers

HEAD = "Credential=AKIAX/20260101/us-west-2/vpc-lattice-svcs/aws4_request"


@pytest.mark.parametrize("credentials", [ROLE.credentials, USER.credentials])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", None),
        ("/a/b/", "a=1"),
        ("/a//b/../c", "b=2&a=1&a=0"),
        ("/a%20b", "a=%20&b="),
        ("/a%2Fb", "X=1&x=2"),
        ("/a+b~", "a=%2B"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        (("host", HOST),),
        (("host", f"{HOST}:8080"),),
        (("host", HOST), ("content-type", "text/plain; charset=utf-8")),
        (("host", HOST), ("x-amz-meta", "  a   b ")),
    ],
)
def test_signature_is_that_of_botocore(
    monkeypatch: pytest.MonkeyPatch,
    *,
    credentials: Credentials,
    method: str,
    path: str,
    query: str | None,
    headers: Headers,
) -> None:
    """The Authorization header is the same, byte for byte."""
    naive = TIME.replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: naive)
    request = sent(headers, method=method, path=path, query=query)

    theirs = by_botocore(request, credentials)
    ours = signed(request, credentials)

    for name in ("authorization", "x-amz-date", "x-amz-content-sha256"):
        assert ours.header_values(name) == theirs.header_values(name)
    token = "x-amz-security-token"
    assert ours.header_values(token) == theirs.header_values(token)


def test_signing_key_is_that_of_aws() -> None:
    """The example of AWS's guide, with the signature of its string."""
    key = signing_key(
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam"
    )

    assert key.hex() == (
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )
    to_sign = (
        b"AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
        b"f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    assert signature(key, to_sign) == (
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def test_repeated_headers_are_signed_joined() -> None:
    """All values of a name are signed, and other headers are not."""
    headers = (("host", HOST), ("x-amz-a", "1"), ("accept", "*"), ("x-amz-a", "2"))

    added, values = signed_values(USER.credentials, headers, STAMP)

    assert dict(added) == {
        "x-amz-date": STAMP,
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    }
    assert values == {"host": HOST, "x-amz-a": "1,2", **dict(added)}


def test_claim_is_read_from_the_headers() -> None:
    """A claim holds what a signed request says."""
    credentials = ROLE.credentials

    claim = read_claim(signed())

    assert claim == Claim(
        "AWS4-HMAC-SHA256",
        credentials.access_key_id,
        "20260101",
        REGION,
        "vpc-lattice-svcs",
        ("host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"),
        "aws4_request",
        claim.signature if isinstance(claim, Claim) else "",
        STAMP,
        credentials.session_token,
        None,
        None,
        in_query=False,
    )


@pytest.mark.parametrize("asymmetric", [False, True])
def test_claim_is_read_from_the_query(*, asymmetric: bool) -> None:
    """A presigned request claims the same, with its length of life."""
    claim = read_claim(by_awscrt(sent(), in_query=True, asymmetric=asymmetric))

    assert isinstance(claim, Claim)
    assert claim.in_query
    assert claim.expires == 60
    assert claim.token == ROLE.credentials.session_token
    assert claim.region == (None if asymmetric else REGION)
    assert claim.region_set == ("*" if asymmetric else None)
    assert claim.signed_headers == ("host", "x-amz-content-sha256")


@pytest.mark.parametrize(
    "text",
    [
        f"AWS4-HMAC-SHA256 {HEAD}, SignedHeaders=host, Signature=00",
        f"AWS4-HMAC-SHA256 {HEAD},SignedHeaders=host,Signature=00",
        f"AWS4-HMAC-SHA256 Signature=00, {HEAD}, SignedHeaders=host",
        f"AWS4-HMAC-SHA256 {HEAD}, Signature=00, SignedHeaders=HOST;host;",
    ],
)
def test_parameters_stand_in_any_order(text: str) -> None:
    """Order and spaces do not matter."""
    claim = read_claim(sent((("authorization", text), ("x-amz-date", STAMP))))

    assert isinstance(claim, Claim)
    assert claim[1:8] == (
        "AKIAX",
        "20260101",
        REGION,
        "vpc-lattice-svcs",
        ("host",),
        "aws4_request",
        "00",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AWS4-HMAC-SHA512 a=b", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'."),
        ("AWS key:signature", "Unsupported AWS 'algorithm': 'AWS'."),
        (
            f"AWS4-HMAC-SHA256 {HEAD}",
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            f"AWS4-HMAC-SHA256 {HEAD}, SignedHeaders=host",
            "Authorization header requires 'Signature' parameter.",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
            (
                "Credential must have exactly 5 slash-delimited elements, "
                "e.g. keyid/date/region/service/term"
            ),
        ),
        (
            f"AWS4-ECDSA-P256-SHA256 {HEAD}, SignedHeaders=host, Signature=0",
            (
                "Credential must have exactly 4 slash-delimited elements, "
                "e.g. keyid/date/service/term"
            ),
        ),
        (
            f"AWS4-HMAC-SHA256 {HEAD}, {HEAD}, SignedHeaders=host, Signature=0",
            "Authorization header has 'Credential' twice, or it is no parameter",
        ),
        (
            f"AWS4-HMAC-SHA256 {HEAD} SignedHeaders, Signature=0, Signature=1",
            "Authorization header has 'Signature' twice, or it is no parameter",
        ),
    ],
)
def test_incomplete_authorization_is_told(text: str, message: str) -> None:
    """What a signature lacks is said, and no secret with it."""
    failure = read_claim(sent((("authorization", text), ("x-amz-date", STAMP))))

    assert isinstance(failure, Failure)
    assert (failure.code, failure.message) == incomplete(message)[:2]
    assert "0" not in failure.detail.removeprefix(message)


def test_request_needs_a_date() -> None:
    """Either date header will do; without one there is nothing to judge."""
    dated = edited(signed(), "date", "Thu, 01 Jan 2026 00:00:00 GMT")
    assert isinstance(read_claim(edited(dated, "x-amz-date", None)), Claim)

    failure = read_claim(edited(signed(), "x-amz-date", None))

    assert failure == incomplete(
        "Authorization header requires existence of either a 'X-Amz-Date' or a "
        "'Date' header.",
        "neither x-amz-date nor date is sent",
    )


@pytest.mark.parametrize(
    ("change", "to"),
    [
        ("X-Amz-Expires=60", "X-Amz-Expires=0"),
        ("X-Amz-Expires=60", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=60", "X-Amz-Expires=soon"),
        ("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=61"),
        ("X-Amz-Date=", "X-Amz-Data="),
        ("X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Algorithm=rot13"),
        ("X-Amz-Signature=", "X-Amz-Signature=&X-Amz-Sig="),
    ],
)
def test_incomplete_query_is_told(change: str, to: str) -> None:
    """A presigned request is held to its parameters."""
    request = by_awscrt(sent(), in_query=True)
    query = request.query or ""
    assert change in query

    failure = read_claim(request._replace(query=query.replace(change, to)))

    assert isinstance(failure, Failure)
    assert failure.code == "IncompleteSignatureException"


def test_claim_is_read_from_what_was_gathered() -> None:
    """Headers are gathered once for reading and verifying."""
    request = signed()
    values = dict(request.headers)

    assert read_claim(sent(), values) == read_claim(request)
    assert read_claim(request, {}) is None


def test_client_s_text_is_fit_for_a_line() -> None:
    """Text of a client is cut, and has no line breaks or odd characters."""
    assert shown("a" * 200) == "a" * 80 + "..."
    assert shown("a\n\ud800é") == "a\\n\\ud800\\xe9"


def test_sign_adds_headers_only() -> None:
    """What is added is what a client is to send besides its own."""
    added = sign(
        ROLE.credentials,
        method="GET",
        path="/",
        query=None,
        headers=(("host", HOST),),
        region=REGION,
        now=NOW,
    )

    assert [name for name, _ in added] == [
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "authorization",
    ]
