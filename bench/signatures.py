"""P1, P5, P6: signing, verifying, and whole requests that a policy lets in.

A signature is verified from a translated request; the floor is one SHA-256 and one HMAC
over the bytes that this signature is made of.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

from bench.guarded import PATH, ROLE, RULES, TENANT, guarded, signed
from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import is_ok, is_ok_from_last, peer, request, wsgi_app
from pytest_lattice.auth.authenticate import Authenticated, Known, authenticate
from pytest_lattice.auth.canonical import (
    UNSIGNED,
    canonical_request,
    gather,
    header_lines,
    read_time,
    string_to_sign,
)
from pytest_lattice.auth.sigv4 import (
    DATE,
    PAYLOAD,
    SERVICE,
    SYMMETRIC,
    Claim,
    read_claim,
    sign,
    signing_key,
)
from pytest_lattice.clients.signing import SigV4Auth
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.names import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from bench.harness import Effort
    from bench.report import Report
    from bench.scenes import Client, Response
    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.network import LatticeNetwork

_TENANT = tuple(TENANT.items())
_CREDENTIALS = ROLE.credentials
#: What a client of httpx's adds by itself.
_DEFAULTS = request(PATH).headers[1:]
_KNOWN = {_CREDENTIALS.access_key_id: Known(ROLE, _CREDENTIALS)}


def run(report: Report, effort: Effort) -> None:
    """Measure verifying, then signing, then requests with httpx and httpx2."""
    with guarded() as lattice:
        _verify(report, effort, lattice)
        _sign(report, effort, lattice)
        for name in ("httpx", "httpx2"):
            library = peer(name, report)
            if library is not None:
                _sign_for_client(report, effort, lattice, library)
                _requests(report, effort, lattice, library)


# ---- verifying --------------------------------------------------------------


def _verify(report: Report, effort: Effort, lattice: LatticeNetwork) -> None:
    host = lattice.service("my-service").dns_name
    arrived = request(PATH, *signed(lattice, host, _TENANT), host=host)
    now, settings = lattice.clock.microseconds, AuthSettings()

    def verify() -> object:
        return authenticate(
            arrived,
            _KNOWN,
            region=DEFAULT_REGION,
            now=now,
            wall=None,
            settings=settings,
        )

    claim = read_claim(arrived)
    assert isinstance(claim, Claim)
    figures = compare(
        [
            Case("signature verified", verify, _is_role),
            Case("one SHA-256 and one HMAC", *_floor(arrived, claim)),
        ],
        effort,
    )
    whole, _ = figures.values()
    report.duration("P5", whole, Goal(5e-6, seconds))
    report.ratio("P5", figures.values(), Goal(3.0))


def _is_role(found: object) -> bool:
    return isinstance(found, Authenticated) and found.caller == ROLE


def _floor(
    arrived: LatticeRequest, claim: Claim
) -> tuple[Callable[[], str], Callable[[str], bool]]:
    """Hash the same bytes, which the same signature proves."""
    names = claim.signed_headers
    canonical = canonical_request(
        arrived.method,
        arrived.path,
        "",
        lines=header_lines(names, gather(arrived)),
        names=";".join(names),
    )
    scope = f"{claim.date}/{claim.region}/{claim.service}/{claim.terminator}"
    whole = string_to_sign(SYMMETRIC, claim.timestamp, scope, canonical)
    start, data = whole.rpartition(b"\n")[0] + b"\n", canonical.encode()
    secret = _CREDENTIALS.secret_access_key
    key = signing_key(secret, claim.date, DEFAULT_REGION, SERVICE)

    def floor() -> str:
        to_sign = start + sha256(data).hexdigest().encode()
        return hmac.digest(key, to_sign, "sha256").hex()

    return floor, claim.signature.__eq__


# ---- signing ----------------------------------------------------------------


def _sign(report: Report, effort: Effort, lattice: LatticeNetwork) -> None:
    host = lattice.service("my-service").dns_name
    headers = (("host", host), *request(PATH, *_TENANT, host=host).headers[1:])
    now = lattice.clock.microseconds

    def ours(now: int = now) -> Headers:
        return sign(
            _CREDENTIALS,
            method="GET",
            path=PATH,
            query=None,
            headers=headers,
            region=DEFAULT_REGION,
            now=now,
        )

    def is_ours(found: Mapping[str, str]) -> bool:
        theirs = {name.lower(): value for name, value in found.items()}
        moment = read_time(theirs[DATE])
        mine = dict(ours(moment.microseconds)) if moment else {}
        return bool(mine["authorization"] == theirs["authorization"])

    mine = Case("request signed", ours, lambda found: len(dict(found)) == 4)
    peers = [_botocore(host, is_ours, report), _awscrt(host, is_ours, report)]
    goals = (Goal(1 / 5), Goal(1.0))
    figures = compare([mine, *(each for each in peers if each is not None)], effort)
    own = figures[mine.name]
    report.duration("P6", own, Goal(6e-6, seconds))
    for each, goal in zip(peers, goals, strict=True):
        if each is not None:
            report.ratio("P6", (own, figures[each.name]), goal)


def _botocore(
    host: str, right: Callable[[Mapping[str, str]], bool], report: Report
) -> Case | None:
    """Let botocore sign the headers that ours signs."""
    auth, requests = peer("botocore.auth", report), peer("botocore.awsrequest", report)
    if auth is None or requests is None:
        return None
    signer = auth.SigV4Auth(_for_botocore(), SERVICE, DEFAULT_REGION)
    url = f"https://{host}{PATH}"

    def add_auth() -> object:
        aws = requests.AWSRequest("GET", url, headers={PAYLOAD: UNSIGNED})
        signer.add_auth(aws)
        return aws.headers

    return Case("botocore AWSRequest, add_auth", add_auth, right)


def _for_botocore() -> object:
    return import_module("botocore.credentials").Credentials(
        _CREDENTIALS.access_key_id,
        _CREDENTIALS.secret_access_key,
        _CREDENTIALS.session_token,
    )


def _awscrt(
    host: str, right: Callable[[Mapping[str, str]], bool], report: Report
) -> Case | None:
    auth, http = peer("awscrt.auth", report), peer("awscrt.http", report)
    if auth is None or http is None:
        return None
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            _CREDENTIALS.access_key_id,
            _CREDENTIALS.secret_access_key,
            _CREDENTIALS.session_token,
        ),
        region=DEFAULT_REGION,
        service=SERVICE,
        signed_body_value=UNSIGNED,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
    )

    def aws_sign() -> object:
        asked = http.HttpRequest("GET", PATH, http.HttpHeaders([("host", host)]))
        auth.aws_sign_request(asked, config).result()
        return dict(asked.headers)

    return Case("awscrt aws_sign_request", aws_sign, right)


# ---- requests of a client ---------------------------------------------------


def _sign_for_client(
    report: Report, effort: Effort, lattice: LatticeNetwork, library: ModuleType
) -> None:
    """Sign a request of the library's, as `auth=` of a client does."""
    auth, requests = peer("botocore.auth", report), peer("botocore.awsrequest", report)
    if auth is None or requests is None:
        return
    url = f"https://{lattice.service('my-service').dns_name}{PATH}"
    made = library.Request("GET", url, headers=_DEFAULTS)
    original = library.Headers(made.headers)
    mine = SigV4Auth(ROLE, clock=lattice.clock)
    signer = auth.SigV4Auth(_for_botocore(), SERVICE, DEFAULT_REGION)

    def ours() -> Mapping[str, str]:
        made.headers = original
        headers: Mapping[str, str] = mine(made).headers
        return headers

    def theirs() -> Mapping[str, str]:
        made.headers = library.Headers(original)
        aws = requests.AWSRequest("GET", str(made.url), headers={PAYLOAD: UNSIGNED})
        signer.add_auth(aws)
        made.headers.update(dict(aws.headers))
        headers: Mapping[str, str] = made.headers
        return headers

    name = library.__name__
    figures = compare(
        [
            Case(f"auth= on a request of {name}", ours, _is_signed),
            Case(f"botocore on a request of {name}", theirs, _is_signed),
        ],
        effort,
    )
    report.ratio("P6", figures.values(), Goal(1 / 5))


def _is_signed(headers: Mapping[str, str]) -> bool:
    names = "host;x-amz-content-sha256;x-amz-date"
    return len(headers) == len(_DEFAULTS) + 5 and names in headers["authorization"]


def _requests(
    report: Report, effort: Effort, lattice: LatticeNetwork, library: ModuleType
) -> None:
    """Compare requests with the same headers, which the policy lets in or not."""
    name = library.__name__
    with (
        lattice.client("my-service", library=library) as ours,
        library.Client(
            transport=library.WSGITransport(wsgi_app), base_url=ours.base_url
        ) as bare,
    ):
        host = lattice.service("my-service").dns_name
        sent = {
            ("P1", "policy, unsigned", Goal(1.20)): (dict(TENANT), True),
            ("P5", "policy, signature verified", Goal(1.25)): (
                dict(signed(lattice, host, _TENANT)),
                False,
            ),
        }
        for (goal_id, what, goal), (headers, anonymous) in sent.items():
            figures = compare(
                [
                    Case(
                        f"{name}, WSGI app, {what}",
                        _get(ours, headers),
                        _is_let_in(anonymous=anonymous),
                    ),
                    Case(
                        f"bare {name} + WSGITransport, same headers",
                        _get(bare, headers),
                        is_ok,
                    ),
                ],
                effort,
            )
            report.ratio(goal_id, figures.values(), goal)


def _get(client: Client, headers: dict[str, str]) -> Callable[[], Response]:
    return lambda: client.get(PATH, headers=headers)


def _is_let_in(*, anonymous: bool) -> Callable[[Response], bool]:
    from_last = is_ok_from_last(RULES)

    def judge(response: Response) -> bool:
        decision = response.extensions["pytest_lattice"].decision
        identity = decision.access.identity
        return from_last(response) and identity.is_anonymous is anonymous

    return judge
