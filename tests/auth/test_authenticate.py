"""Who a signed request comes from, held to real signers and to AWS's words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.auth import S3SigV4Auth  # type: ignore[import-untyped]  # no types
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.authenticate import Authenticated, Known, authenticate
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
    TIME,
    USER,
    by_awscrt,
    by_botocore,
    edited,
    judged,
    sent,
    signed,
)

if TYPE_CHECKING:
    from pytest_lattice.model.message import LatticeRequest

SECOND = 1_000_000
INVALID = "InvalidSignatureException"
INCOMPLETE = "IncompleteSignatureException"
UNRECOGNIZED = "UnrecognizedClientException"
PATHS = ["/", "/a/b/", "/a//b", "/a/../b", "/a%2Fb", "/a/%2e%2e/b", "/%20"]


@pytest.fixture
def botocore_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set botocore's clock to the network's."""
    naive = TIME.replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: naive)


def failed(request: LatticeRequest, **options: Any) -> Failure:  # noqa: ANN401  # passed on
    """Return why a request is refused."""
    failure = judged(request, **options)
    assert isinstance(failure, Failure), failure
    return failure


@pytest.mark.parametrize("caller", [ROLE, USER], ids=["role", "user"])
def test_signed_request_is_its_callers(caller: Any) -> None:  # noqa: ANN401  # passed on
    """Roles and users are known by what they sign."""
    assert judged(signed(None, caller.credentials)) == Authenticated(caller, "double")


@pytest.mark.parametrize("authorization", [None, "Bearer token", "Basic eA=="])
def test_request_without_a_signature_is_anonymous(authorization: str | None) -> None:
    """Another kind of Authorization is the app's own."""
    assert judged(edited(sent(), "authorization", authorization)) is None


@pytest.mark.usefixtures("botocore_time")
@pytest.mark.parametrize("path", PATHS)
def test_botocore_is_accepted(path: str) -> None:
    """Botocore without payload signing proves the caller on every path."""
    request = by_botocore(sent(path=path, query="b=2&a=1&a=0&c="))

    assert judged(request) == Authenticated(ROLE, "double")


@pytest.mark.usefixtures("botocore_time")
def test_naive_botocore_is_refused() -> None:
    """Botocore as it is sends no x-amz-content-sha256."""
    failure = failed(by_botocore(sent(), unsigned=False))

    assert failure[:2] == (
        INCOMPLETE,
        "Missing the 'x-amz-content-sha256' in canonical headers",
    )


@pytest.mark.usefixtures("botocore_time")
def test_preset_header_is_enough() -> None:
    """A signer that is given the header signs it and what it says."""
    request = sent((("host", HOST), ("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")))

    found = judged(by_botocore(request, unsigned=False))

    assert isinstance(found, Authenticated), found


@pytest.mark.usefixtures("botocore_time")
@pytest.mark.parametrize("path", PATHS)
def test_botocore_s_signer_for_s3_is_accepted(path: str) -> None:
    """S3's signer leaves the path as it is, which older samples of AWS rely on."""
    request = by_botocore(sent(path=path), signer=S3SigV4Auth)

    found = judged(request)

    assert isinstance(found, Authenticated), found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("double", [True, False], ids=["double", "single"])
@pytest.mark.parametrize("in_query", [False, True], ids=["header", "query"])
@pytest.mark.parametrize("asymmetric", [False, True], ids=["sigv4", "sigv4a"])
def test_common_runtime_is_accepted(
    path: str,
    *,
    asymmetric: bool,
    in_query: bool,
    double: bool,
) -> None:
    """AWS's own runtime proves the caller in each of its ways."""
    request = by_awscrt(
        sent(path=path, query="b=2&a=1"),
        asymmetric=asymmetric,
        in_query=in_query,
        double=double,
    )

    found = judged(request)

    assert isinstance(found, Authenticated), found
    ambiguous = path in {"/", "/a/b/"}
    assert found.encoding == ("double" if double or ambiguous else "single")


@pytest.mark.parametrize(
    ("encoding", "accepted", "fine"),
    [
        ("double", "double", True),
        ("single", "single", True),
        ("single", "double", False),
        ("double", "single", False),
    ],
)
def test_path_encoding_can_be_settled(
    encoding: str, accepted: str, *, fine: bool
) -> None:
    """Either encoding can be refused, as AWS's choice is unknown."""
    request = by_awscrt(sent(path="/a%20b"), double=encoding == "double")

    assert isinstance(judged(request, path_encoding=accepted), Authenticated) is fine


def authorization(old: str, new: str) -> LatticeRequest:
    """Sign, then change the Authorization header."""
    request = signed()
    (value,) = request.header_values("authorization")
    assert old in value
    return edited(request, "authorization", value.replace(old, new))


HEX = "0" * 64


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            edited(signed(), "x-amz-content-sha256", HEX),
            INVALID,
            "Signed payloads are not supported",
        ),
        (
            edited(signed(), "x-amz-content-sha256", None),
            INCOMPLETE,
            "Missing the 'x-amz-content-sha256' in canonical headers",
        ),
        (
            authorization("x-amz-content-sha256;", ""),
            INCOMPLETE,
            "Missing the 'x-amz-content-sha256' in canonical headers",
        ),
        (
            edited(signed(), "x-amz-security-token", None),
            INCOMPLETE,
            (
                "'x-amz-security-token' is named as a SignedHeader, but it does "
                "not exist in the HTTP request."
            ),
        ),
        (
            edited(signed(), "x-amz-security-token", ""),
            INCOMPLETE,
            (
                "'x-amz-security-token' is named as a SignedHeader, but it does "
                "not exist in the HTTP request."
            ),
        ),
        (
            authorization("host;", ""),
            INVALID,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            edited(signed(), "x-amz-date", "yesterday"),
            INCOMPLETE,
            (
                "Date must be in ISO-8601 'basic format'. Got 'yesterday'. "
                "See http://en.wikipedia.org/wiki/ISO_8601"
            ),
        ),
        (
            edited(signed(), "x-amz-date", "20260102T000000Z"),
            INVALID,
            (
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 "
                "version of date from HTTP: '20260101' != '20260102', from "
                "'20260102T000000Z'."
            ),
        ),
        (
            by_awscrt(sent(), service="vpc-lattice"),
            INVALID,
            "Credential should be scoped to correct service: 'vpc-lattice-svcs'.",
        ),
        (
            signed(region="us-east-1"),
            INVALID,
            "Credential should be scoped to a valid Region, not 'us-east-1'.",
        ),
        (
            authorization("aws4_request", "aws5"),
            INVALID,
            (
                "Credential should be scoped with a valid terminator: "
                "'aws4_request', not 'aws5'."
            ),
        ),
        (
            signed(now=NOW + 600 * SECOND),
            INVALID,
            (
                "Signature not yet current: 20260101T001000Z is still later than "
                "20260101T000500Z (20260101T000000Z + 5 min.)"
            ),
        ),
        (
            signed(None, Role("stranger").credentials),
            UNRECOGNIZED,
            "The security token included in the request is invalid.",
        ),
        (
            signed(sent(path="/a"))._replace(path="/b"),
            INVALID,
            (
                "The request signature we calculated does not match the signature you "
                "provided. Check your AWS Secret Access Key and signing method. "
                "Consult the service documentation for details."
            ),
        ),
    ],
)
def test_failure_has_aws_s_words(
    request_: LatticeRequest, code: str, message: str
) -> None:
    """Each failure is told with AWS's code and message."""
    assert failed(request_)[:2] == (code, message)


def test_expired_signature_is_told() -> None:
    """A signature is too old after the window, by the network's clock."""
    request = signed()

    assert isinstance(judged(request, now=NOW + 300 * SECOND), Authenticated)
    assert failed(request, now=NOW + 301 * SECOND)[:2] == (
        INVALID,
        (
            f"Signature expired: {STAMP} is now earlier than 20260101T000001Z "
            "(20260101T000501Z - 5 min.)"
        ),
    )


def test_wall_clock_is_asked_second() -> None:
    """A signer outside may use the computer's time; it is read only when needed."""
    asked = []

    def wall() -> int:
        asked.append(1)
        return NOW + 10**6 * SECOND

    def ask(request: LatticeRequest) -> object:
        return authenticate(
            request,
            KNOWN,
            region=REGION,
            now=NOW,
            wall=wall,
            settings=AuthSettings(),
        )

    assert isinstance(ask(signed()), Authenticated)
    assert asked == []
    assert isinstance(ask(signed(now=wall())), Authenticated)
    assert isinstance(ask(signed(now=NOW + 5 * 10**5 * SECOND)), Failure)


@pytest.mark.parametrize(("late", "fine"), [(60, True), (61, False), (-301, False)])
def test_presigned_request_lives_as_long_as_it_says(late: int, *, fine: bool) -> None:
    """X-Amz-Expires decides how long, and the window how early."""
    request = by_awscrt(sent(), in_query=True)

    found = judged(request, now=NOW + late * SECOND)

    assert isinstance(found, Authenticated) is fine


@pytest.mark.parametrize("token", [None, "another"])
def test_token_must_be_the_key_s_own(token: str | None) -> None:
    """A temporary key without its token, or with another one, is not recognized."""
    credentials = ROLE.credentials
    credentials.session_token = token

    assert failed(signed(None, credentials)).code == UNRECOGNIZED


def test_user_has_no_token() -> None:
    """A token beside a user's own key is not recognized."""
    credentials = USER.credentials
    credentials.session_token = "any"

    assert failed(signed(None, credentials)).code == UNRECOGNIZED


def test_token_need_not_be_signed() -> None:
    """AWS is silent on a token that is sent beside what is signed; it is taken."""
    credentials = ROLE.credentials
    unsigned = Credentials(credentials.access_key_id, credentials.secret_access_key)

    request = edited(
        signed(None, unsigned), "x-amz-security-token", credentials.session_token
    )

    assert judged(request) == Authenticated(ROLE, "double")


def test_token_expires() -> None:
    """After its end a session proves nothing."""
    role = Role("short", expires=TIME + timedelta(seconds=10))
    known = {role.credentials.access_key_id: Known(role, role.credentials)}

    def ask(now: int) -> object:
        return authenticate(
            signed(None, role.credentials),
            known,
            region=REGION,
            now=now,
            wall=None,
            settings=AuthSettings(),
        )

    assert isinstance(ask(NOW + 9 * SECOND), Authenticated)
    found = ask(NOW + 10 * SECOND)
    assert isinstance(found, Failure)
    assert found[:2] == (
        "ExpiredTokenException",
        "The security token included in the request is expired",
    )


@pytest.mark.parametrize(
    ("regions", "fine"),
    [
        ("*", True),
        ("us-west-2", True),
        ("us-east-1, us-west-2", True),
        ("us-west-*", True),
        ("us-east-1", False),
        ("", False),
        ("us-west-[2]", False),
    ],
)
def test_region_set_must_hold_the_region(regions: str, *, fine: bool) -> None:
    """A SigV4A signature is for `*`, for regions or for patterns."""
    from pytest_lattice.auth.sigv4a import sign

    request = sent()
    added = sign(
        ROLE.credentials,
        method="GET",
        path="/",
        query=None,
        headers=request.headers,
        region_set=regions,
        now=NOW,
    )

    found = judged(request._replace(headers=request.headers + added))

    assert isinstance(found, Authenticated) is fine


def test_host_may_be_signed_as_authority() -> None:
    """In HTTP/2 there may be no Host header, and its value is signed all the same."""
    request = signed()

    assert isinstance(judged(edited(request, "host", None)), Authenticated)


def test_authority_may_be_signed_by_its_own_name() -> None:
    """A signer of HTTP/2 may sign `:authority` in place of host."""
    base = sent(((":authority", HOST), ("x-amz-meta", "1")))
    request = signed(sent((("x-amz-:authority", HOST),)))
    (value,) = request.header_values("authorization")
    renamed = value.replace("x-amz-:authority", ":authority")

    failure = failed(
        base._replace(headers=(*request.headers[1:-1], ("authorization", renamed)))
    )

    # The signature is over another name; what counts is that the name is known.
    assert failure.code == INVALID
    assert "does not match" in failure.message


def test_spaces_of_a_header_are_signed_as_one() -> None:
    """Spaces around and inside a value do not change the signature."""
    request = signed(sent((("host", HOST), ("x-amz-meta", "a b"))))

    assert isinstance(judged(edited(request, "x-amz-meta", " a   b ")), Authenticated)


def test_repeated_header_is_signed_joined() -> None:
    """Values of one name are signed in order."""
    request = signed(sent((("host", HOST), ("x-amz-a", "1"), ("x-amz-a", "2"))))

    assert isinstance(judged(request), Authenticated)
    assert isinstance(judged(edited(request, "x-amz-a", "2,1")), Failure)


def test_secret_in_place_of_the_key_id_is_not_shown() -> None:
    """What may be a secret in the wrong place is in no failure."""
    secret = ROLE.credentials.secret_access_key
    request = authorization(ROLE.credentials.access_key_id, secret)

    assert secret not in str(failed(request))


def test_odd_key_id_is_not_shown() -> None:
    """A key id that is none by its form may be a secret, so it is left out."""
    request = authorization(ROLE.credentials.access_key_id, "no-key-id")

    failure = failed(request)

    assert failure.code == UNRECOGNIZED
    assert "no-key-id" not in failure.detail


def test_signature_beyond_latin_1_is_wrong() -> None:
    """Text that no HTTP client can send is judged like any other."""
    request = signed(sent((("host", HOST), ("x-amz-meta", "a"))))

    assert failed(edited(request, "x-amz-meta", "\u2603\ud800")).code == INVALID


TEXT = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "AWS4-HMAC-SHA256", "=", ",", ";", "/", "Signature=", "\ud800"]
    ),
)
VALUE = st.one_of(
    TEXT,
    st.builds(
        (
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/{}/{}, SignedHeaders={}, Signature={}"
        ).format,
        st.one_of(st.just(ROLE.credentials.access_key_id), TEXT),
        st.one_of(st.just("20260101"), TEXT),
        st.one_of(st.just(REGION), TEXT),
        st.one_of(st.just("vpc-lattice-svcs"), TEXT),
        st.one_of(st.just("aws4_request"), TEXT),
        st.one_of(st.just("host;x-amz-content-sha256"), TEXT),
        st.one_of(st.just(HEX), TEXT),
    ),
    st.builds(
        "AWS4-ECDSA-P256-SHA256 Credential={}/20260101/vpc-lattice-svcs/aws4_request, "
        "SignedHeaders=host;x-amz-content-sha256;x-amz-region-set, Signature={}".format,
        st.just(ROLE.credentials.access_key_id),
        st.one_of(st.just(HEX), st.text("0123456789abcdef", max_size=160), TEXT),
    ),
    st.sampled_from(
        ["UNSIGNED-PAYLOAD", STAMP, "00000101T000000Z", "99991231T235959Z", "*"]
    ),
)
NAMES = st.sampled_from(
    [
        "authorization",
        "x-amz-date",
        "date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-region-set",
        "host",
        ":authority",
    ]
)
PAIRS = st.tuples(
    st.sampled_from(
        [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Date",
            "X-Amz-Expires",
            "X-Amz-SignedHeaders",
            "X-Amz-Signature",
            "a",
        ]
    ),
    VALUE,
)


@given(
    st.lists(st.tuples(NAMES, VALUE), max_size=8),
    st.none() | st.lists(PAIRS, max_size=8),
    TEXT,
)
def test_nothing_raises(
    headers: list[tuple[str, str]],
    parameters: list[tuple[str, str]] | None,
    path: str,
) -> None:
    """Whatever arrives is answered with a value, in one line that can be sent."""
    query = parameters and "&".join(f"{name}={value}" for name, value in parameters)
    extra = (("x-amz-date", STAMP), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"))
    for added in ((), extra):
        request = sent((*headers, *added), path=path, query=query or None)
        found = judged(request)
        assert not isinstance(found, Authenticated)
        if found is not None:
            assert all(each.isascii() and each.isprintable() for each in found)


@pytest.mark.parametrize("length", [10, 1_000_000])
def test_long_values_are_read(length: int) -> None:
    """A request may be as long as it likes."""
    names = ";".join(["host"] * length)
    request = authorization("host", names)

    assert isinstance(judged(request), Authenticated)


def test_second_authorization_is_refused() -> None:
    """A signature beside another Authorization is neither taken nor passed over."""
    request = signed()
    for headers in (
        (("authorization", "Bearer x"), *request.headers),
        (*request.headers, ("authorization", "Bearer x")),
        (*request.headers, request.headers[-1]),
    ):
        assert failed(request._replace(headers=headers)).code == INCOMPLETE


def test_two_signatures_are_refused() -> None:
    """A signature in the query beside one in the headers is not complete."""
    request = by_awscrt(sent(), in_query=True)
    assert failed(edited(request, "authorization", "AWS4-x")).code == INCOMPLETE
