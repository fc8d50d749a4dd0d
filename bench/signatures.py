"""P1, P5, P6: signing, verifying, and whole requests that a policy lets in.

A signature is verified from a translated request; the floor is one SHA-256 and one HMAC
over the bytes that this signature is made of.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.guarded import PATH, RULES, ROLE, TENANT, guarded, signed
from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import is_ok, is_ok_from_last, peer, request, wsgi_app
from pytest_lattice.auth.authenticate import Authenticated, Known, authenticate
from pytest_lattice.auth.canonical import (
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
    TOKEN,
    Claim,
    read_claim,
    sign,
    signing_key,
)
from pytest_lattice.canonical import UNSIGNED
from pytest_lattice.clients.signing import SigV4Auth
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.names import DEFAULT_REGION

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from bench.harness import Effort
    from bench.report import Report
    from bench.scenes import Client, Response
    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.network import LatticeNetwork

_TENANT = tuple(TENANT.items())
_CREDENTIALS = ROLE.credentials
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
            Case("signature verified", verify, lambda found: _is_role(found)),
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

    def is_ours(found: Any) -> bool:
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
