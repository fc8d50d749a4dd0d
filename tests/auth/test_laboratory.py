"""The laboratory names the mistake behind a signature, and shows no secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.authenticate import MISMATCH, Known
from pytest_lattice.auth.laboratory import Diagnosis, diagnose, written
from pytest_lattice.auth.mistakes import EMPTY, View
from pytest_lattice.auth.sigv4 import Failure
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import Role
from pytest_lattice.model.credentials import Credentials
from tests.auth.signed import (
    HOST,
    KNOWN,
    NOW,
    REGION,
    ROLE,
    STAMP,
    by_awscrt,
    by_botocore,
    edited,
    judged,
    sent,
    signed,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.message import LatticeRequest


def examined(
    request: LatticeRequest,
    *,
    hosts: Sequence[str] = (),
    paths: Sequence[str] = (),
    **settings: Any,  # noqa: ANN401  # passed on
) -> Diagnosis:
    """Diagnose a request that is refused."""
    failure = judged(request, **settings)
    assert isinstance(failure, Failure), failure
    return diagnose(
        request,
        KNOWN,
        failure,
        region=REGION,
        now=NOW,
        settings=AuthSettings(**settings),
        hosts=hosts,
        paths=paths,
    )


def with_host(host: str, to: str, **options: Any) -> LatticeRequest:  # noqa: ANN401  # passed on
    """Sign for one host and send to another."""
    request = edited(signed(sent((("host", host),))), "host", to)
    return request._replace(host=to, **options)


@pytest.mark.parametrize(
    ("request_", "mistake"),
    [
        (
            with_host(HOST, f"{HOST}:8080"),
            f"host was signed as `{HOST}` and sent as `{HOST}:8080`",
        ),
        (
            with_host(f"{HOST}:8080", HOST, port=8080),
            f"host was signed as `{HOST}:8080` and sent as `{HOST}`",
        ),
        (
            with_host("shop.example", HOST),
            f"host was signed as `shop.example` and sent as `{HOST}`",
        ),
        (
            signed(sent(path="/a"))._replace(path="/a/"),
            "the path was signed as `/a` and sent as `/a/`",
        ),
        (
            signed(sent(path="/a/"))._replace(path="/a"),
            "the path was signed as `/a/` and sent as `/a`",
        ),
        (
            signed(sent(query="a=1"))._replace(query=None, method="POST"),
            "",
        ),
        (
            signed(sent())._replace(query="a=1"),
            "the query was left out when it was signed",
        ),
        (
            signed(sent(query="a=%20"))._replace(query="a=+"),
            "the query had plus signs for spaces when it was signed",
        ),
        (
            signed(sent())._replace(method="POST"),
            "method GET was signed and POST was sent",
        ),
        (
            edited(signed(), "x-amz-date", "20260101T000003Z"),
            "the time was signed as 20260101T000000Z and sent as 20260101T000003Z",
        ),
        (
            edited(
                signed(sent((("host", HOST), ("content-type", "text/plain")))),
                "content-type",
                "Text/Plain",
            ),
            "its value of content-type was signed in lower case",
        ),
        (
            signed(sent(path="/a"))._replace(path="/a/", method="POST"),
            (
                "the path was signed as `/a` and sent as `/a/` and "
                "method GET was signed and POST was sent"
            ),
        ),
    ],
)
def test_mistake_is_named(request_: LatticeRequest, mistake: str) -> None:
    """The mistake that reproduces the signature is found, alone or in a pair."""
    diagnosis = examined(request_, hosts=["shop.example"])

    assert diagnosis.mistake == mistake
    assert (diagnosis.client is None) is (mistake == "")


@pytest.mark.parametrize("accepted", ["double", "single"])
def test_other_path_encoding_is_named(accepted: str) -> None:
    """A path encoding that the settings refuse is found."""
    other = "single" if accepted == "double" else "double"
    request = by_awscrt(sent(path="/a%20b"), double=other == "double")

    diagnosis = examined(request, path_encoding=accepted)

    assert diagnosis.mistake == f"the path was encoded as {other}"


def test_wrong_secret_is_told_as_unseen() -> None:
    """Where nothing reproduces the signature, what was tried is listed."""
    right = ROLE.credentials
    wrong = Credentials(right.access_key_id, "another", right.session_token)

    diagnosis = examined(signed(None, wrong))

    assert diagnosis.mistake == ""
    assert diagnosis.client is None
    assert "another secret access key signed" in diagnosis.advice
    assert "mistake: none of the known ones" in diagnosis.lines()


def test_key_of_another_service_is_named() -> None:
    """A scope may say the right service while the key is that of another."""
    request = by_awscrt(sent(), service="execute-api")
    value = request.header_values("authorization")[0]
    value = value.replace("execute-api", "vpc-lattice-svcs")

    diagnosis = examined(edited(request, "authorization", value))

    assert diagnosis.mistake == "the key was made for service `execute-api`"


@pytest.mark.parametrize(
    ("request_", "culprit"),
    [
        (by_awscrt(sent(), service="s3"), "signed for service `s3`"),
        (signed(region="us-east-1"), "signed for region `us-east-1`"),
        (signed(now=NOW - 10**9), "before the network's clock"),
    ],
)
def test_earlier_failure_is_the_mistake(request_: LatticeRequest, culprit: str) -> None:
    """What was decided before the signature is named, and that the signature fits."""
    diagnosis = examined(request_)

    assert culprit in diagnosis.mistake
    assert diagnosis.mistake.endswith("beside that the signature fits")
    assert diagnosis.client is not None


def test_payload_of_botocore_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naive botocore signs the hash of the body, and sends no header for it."""
    from tests.auth.signed import TIME

    naive = TIME.replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: naive)

    diagnosis = examined(by_botocore(sent(), unsigned=False))

    assert diagnosis.mistake == (
        "x-amz-content-sha256 is not sent; Lattice wants it signed, as "
        "UNSIGNED-PAYLOAD; beside that the signature fits"
    )
    assert diagnosis.client is not None
    assert diagnosis.client.endswith(EMPTY)
    assert diagnosis.advice == ("send and sign x-amz-content-sha256: UNSIGNED-PAYLOAD")


@pytest.mark.parametrize(
    "request_",
    [
        signed(None, Role("stranger").credentials),
        edited(signed(), "authorization", "AWS4-HMAC-SHA256 nonsense"),
    ],
)
def test_unknown_signer_has_the_server_s_side(request_: LatticeRequest) -> None:
    """Where the client's side cannot be known, ours is shown."""
    diagnosis = examined(request_)

    assert diagnosis.client is None
    assert diagnosis.mistake == diagnosis.failure.detail
    assert f"host:{HOST}" in diagnosis.lines()


def test_elliptic_signatures_are_examined() -> None:
    """SigV4A is diagnosed as SigV4 is."""
    request = by_awscrt(sent(path="/a"), asymmetric=True)

    assert examined(request._replace(path="/a/")).mistake == (
        "the path was signed as `/a` and sent as `/a/`"
    )


def test_sides_stand_beside_each_other() -> None:
    """Lines that differ are marked, and no others."""
    lines = examined(signed()._replace(method="POST")).lines()

    assert "client signed" in "".join(lines)
    marked = [line.split() for line in lines if line.startswith("! ")]
    assert marked == [["!", "GET", "|", "POST"]]


def test_view_is_written() -> None:
    """What is written begins with the time and the scope that are signed."""
    view = View(
        "GET", "/", "", {"host": "x"}, ("host",), "P", "A", STAMP, "d", None, "s", "t"
    )

    assert written(view) == f"A\n{STAMP}\nd/s/t\nGET\n/\n\nhost:x\n\nhost\nP"


def unknown_mistake(length: int, headers: int = 1) -> LatticeRequest:
    """Sign with a wrong secret a request whose headers have a length."""
    right = ROLE.credentials
    wrong = Credentials(right.access_key_id, "another", right.session_token)
    long = tuple((f"x-amz-{n}", f"a  {'x ' * (length // 2)}") for n in range(headers))
    return signed(sent((("host", HOST), *long)), wrong)


@pytest.mark.parametrize(
    ("length", "reach"),
    [
        (10, r"tried were the payload's .* the session token, alone and in pairs$"),
        (9_000, r"alone and in \d+ pairs, as the request is long$"),
        (
            100_000,
            r"; only \d+ likely mistakes were tried, as the request is too long$",
        ),
        (3_000_000, r"; no known mistake was tried, as the request is too long$"),
    ],
)
def test_advice_says_how_far_the_search_went(length: int, reach: str) -> None:
    """The longer a request, the less is tried, and no more is claimed."""
    diagnosis = examined(unknown_mistake(length))

    assert diagnosis.mistake == ""
    assert re.search(reach, diagnosis.advice), diagnosis.advice


def test_what_nobody_could_try_is_not_claimed() -> None:
    """A mismatch that is told of an unsigned request has no client's side."""
    failure = Failure("Code", MISMATCH, "detail")

    diagnosis = diagnose(
        sent(), KNOWN, failure, region=REGION, now=NOW, settings=AuthSettings()
    )

    assert diagnosis.advice.endswith("; no known mistake was tried")


@pytest.mark.parametrize(("length", "headers"), [(50, 1), (600, 12), (100_000, 1)])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_work_is_bounded_by_bytes(
    monkeypatch: pytest.MonkeyPatch, length: int, headers: int, *, asymmetric: bool
) -> None:
    """However long a request, about two million bytes are hashed, and few curves."""
    hashed = []

    def note(*arguments: Any) -> bool:  # noqa: ANN401  # passed on
        hashed.append(len(arguments[-1]))
        return False

    monkeypatch.setattr("pytest_lattice.auth.laboratory.proves", note)
    request = unknown_mistake(length, headers)
    if asymmetric:
        request = by_awscrt(sent(request.headers[: headers + 1]), asymmetric=True)

    examined(request._replace(method="PUT"))

    assert sum(hashed) <= 2_000_000 + length
    assert len(hashed) <= (500 if asymmetric else 8000)


@pytest.mark.parametrize("port", ["", ":8443"])
def test_signed_short_name_is_named(port: str) -> None:
    """A signer that knows no network signs the short name that it was given."""
    others = [f"other-{n}" for n in range(30)]
    request = with_host(f"shop{port}", HOST, server_name=HOST, port=8443)

    diagnosis = examined(request, hosts=[*others, "shop"])

    assert diagnosis.mistake == f"host was signed as `shop{port}` and sent as `{HOST}`"
    assert "client(role=...)" in diagnosis.advice


@pytest.mark.parametrize(
    ("path", "query", "other"),
    [
        ("/a", None, "/a"),
        ("/a", "x=1", "/a?x=1"),
        ("/a%20b", None, "/a%20b"),
        ("", None, ""),
    ],
)
def test_signature_of_another_path_is_named(
    path: str, query: str | None, other: str
) -> None:
    """A redirect that a client follows has the signature of the path before it."""
    request = signed(sent(path=path, query=query))._replace(path="/b", query="y=2")

    diagnosis = examined(request, paths=["/b?y=2", "/c", other])

    assert diagnosis.mistake == f"signed for another path, `{other}` (a redirect?)"
    assert diagnosis.advice.startswith("sign each request anew")


TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8)


@given(TEXTS, TEXTS, st.sampled_from(range(8)))
def test_no_secret_is_shown(secret: str, token: str, place: int) -> None:
    """Wherever a client puts its secret and token, they are in no diagnosis."""
    secret, token = f"Secret{secret}", f"Token/{token}"
    credentials = Credentials("ASIA" + "A" * 16, secret, token)
    known = {credentials.access_key_id: Known(ROLE, credentials)}
    base = sent(path="/a b", query="a=1")
    request = signed(base, credentials)._replace(method="POST")
    places = {
        1: edited(request, "x-amz-meta", secret),
        2: request._replace(path=f"/{secret}"),
        3: request._replace(query=f"a={quote(secret, safe='')}"),
        4: request._replace(query=f"X-Amz-Security-Token={quote(token, safe='')}"),
        5: edited(request, "x-amz-date", secret),
        6: signed(base._replace(path=f"/{token}"), credentials)._replace(method="PUT"),
        7: edited(request, "host", token),
    }
    request = places.get(place, request)
    failure = Failure("Code", f"message with {secret}", f"detail with {token}")

    diagnosis = diagnose(
        request,
        known,
        failure,
        region=REGION,
        now=NOW,
        settings=AuthSettings(),
    )

    text = "\n".join([*diagnosis.failure, *diagnosis.lines()])
    for hidden in (secret, token, quote(secret, safe=""), quote(token, safe="")):
        assert hidden not in text
