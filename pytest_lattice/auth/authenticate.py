"""Whether a signed request comes from whom it says, and if not, why.

Everything that can be wrong is a `Failure`, in the order in which it is looked for;
nothing raises, whatever arrives.  A request without a signature is no failure.
AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
"""

from __future__ import annotations

import re
from functools import lru_cache
from hmac import compare_digest
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.auth import sigv4a
from pytest_lattice.auth.canonical import (
    UNSIGNED,
    canonical_path,
    canonical_query,
    gather,
    header_lines,
    read_time,
    string_to_sign,
    time_text,
)
from pytest_lattice.auth.sigv4 import (
    PAYLOAD,
    SERVICE,
    TERMINATOR,
    TOKEN,
    Claim,
    Failure,
    incomplete,
    read_claim,
    scope_of,
    shown,
    signature,
    signing_key,
)
from pytest_lattice.auth.wildcard import glob, parts_of
from pytest_lattice.model.instant import microseconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from pytest_lattice.auth.canonical import Moment
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.message import LatticeRequest

    Encoding = Literal["double", "single"]

# AWS is silent on Lattice's own words; these are those of other services.
# AWS: IAM/latest/UserGuide/reference_sigv-troubleshooting
INVALID = "InvalidSignatureException"
UNRECOGNIZED = "UnrecognizedClientException"
EXPIRED_TOKEN = "ExpiredTokenException"  # noqa: S105  # the name of an error
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service "
    "documentation for details."
)
_BAD_TOKEN = "The security token included in the request is invalid."  # noqa: S105  # words
_OLD_TOKEN = "The security token included in the request is expired"  # noqa: S105  # words
_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_SECOND = 1_000_000
_MINUTE = 60
_LONGEST_REGION_SET = 1024
_ENCODINGS: Mapping[str, tuple[Encoding, ...]] = {
    "either": ("double", "single"),
    "double": ("double",),
    "single": ("single",),
}


class Known(NamedTuple):
    """A caller whose signature can be verified.

    Args:
        caller: the role or user.
        credentials: what it signs with.
    """

    caller: Caller
    credentials: Credentials


class Authenticated(NamedTuple):
    """A caller who has proven who it is.

    Args:
        caller: the role or user.
        encoding: how its signer encoded the path; ``double`` where both are the same.
    """

    caller: Caller
    encoding: Encoding


def authenticate(
    request: LatticeRequest,
    known: Mapping[str, Known],
    *,
    region: str,
    now: int,
    wall: Callable[[], int] | None,
    settings: AuthSettings,
) -> Authenticated | Failure | None:
    """Verify a request's signature.

    Args:
        request: as it arrived.
        known: callers by access key id.
        region: of the service.
        now: the network's time, in microseconds since 1970.
        wall: gives the time that signers outside the network read; None where there
            are none.
        settings: what to choose where AWS is silent.

    Returns:
        The caller; why it is none; None where the request is not signed.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """
    values = gather(request)
    claim = read_claim(request, values)
    if claim is None or isinstance(claim, Failure):
        return claim
    end = _signed_headers(claim, values)
    if isinstance(end, Failure):
        return end
    moment = _signing_time(claim)
    if isinstance(moment, Failure):
        return moment
    window = settings.clock_window_seconds
    failure = _check_scope(claim, region) or _check_time(
        claim, moment.microseconds, now, wall=wall, window=window
    )
    found = known.get(claim.access_key_id)
    failure = failure or _check_token(claim, found, now)
    if failure is not None or found is None:
        return failure
    starts = _targets(
        request.method, request.path, request.query, settings.path_encoding
    )
    for encoding, start in starts:
        if proves(claim, found.credentials, moment.text, start + end):
            return Authenticated(found.caller, encoding)
    return _mismatch(claim, found)


@lru_cache(maxsize=256)
def _targets(
    method: str, path: str, query: str | None, accepted: str
) -> tuple[tuple[Encoding, str], ...]:
    """Begin the canonical request in each encoding; the first of two that are one."""
    starts: dict[str, Encoding] = {}
    for encoding in _ENCODINGS[accepted]:
        written = canonical_path(path, encoding)
        start = f"{method}\n{written}\n{canonical_query(query)}\n"
        starts.setdefault(start, encoding)
    return tuple((encoding, start) for start, encoding in starts.items())


# ---- the headers that are signed --------------------------------------------


class _Form(NamedTuple):
    """How the signed headers are written, which a client repeats."""

    pick: Callable[[Mapping[str, str]], object]
    lines: str
    end: str


@lru_cache(maxsize=256)
def _form(signed: tuple[str, ...]) -> _Form:
    lines = "".join([f"{name.replace('%', '%%')}:%s\n" for name in signed])
    return _Form(itemgetter(*signed), lines, f"\n{';'.join(signed)}\n{UNSIGNED}")


def _signed_headers(claim: Claim, values: dict[str, str]) -> str | Failure:
    """Write the end of the canonical request: headers, their names, the payload."""
    signed = claim.signed_headers
    payload = values.get(PAYLOAD)
    if payload != UNSIGNED or PAYLOAD not in signed:
        return _bad_payload(payload)
    if ":authority" in signed:
        values.setdefault(":authority", values["host"])
    pick, template, end = _form(signed)
    try:
        lines = template % pick(values)
    except KeyError as error:
        return _absent(error.args[0])
    # AWS is silent: an empty token is taken for none, as its error was seen with one.
    if TOKEN in signed and not values[TOKEN]:
        return _absent(TOKEN)
    if "host" not in signed and ":authority" not in signed:
        return Failure(
            INVALID,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            "host is not among the signed headers",
        )
    if " " in lines or "\t" in lines:
        lines = header_lines(signed, values)
    return lines + end


def _bad_payload(payload: str | None) -> Failure:
    if payload is not None and payload != UNSIGNED:
        return Failure(
            INVALID,
            "Signed payloads are not supported",
            f"{PAYLOAD} is `{shown(payload)}`, and Lattice takes {UNSIGNED} only",
        )
    which = "is not sent" if payload is None else "is sent but not signed"
    return incomplete(
        f"Missing the '{PAYLOAD}' in canonical headers",
        f"{PAYLOAD} {which}; Lattice wants it signed, as {UNSIGNED}",
    )


def _absent(name: str) -> Failure:
    return incomplete(
        f"'{shown(name)}' is named as a SignedHeader, but it does not exist in the "
        "HTTP request.",
        f"{shown(name)} is signed but not sent",
    )


# ---- scope and time ---------------------------------------------------------


def _signing_time(claim: Claim) -> Moment | Failure:
    moment = read_time(claim.timestamp)
    if moment is None:
        sent = shown(claim.timestamp)
        return incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{sent}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601",
            f"the time `{sent}` is not like 20260101T000000Z",
        )
    day = moment.text[:8]
    if claim.date != day:
        return Failure(
            INVALID,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
            f"date from HTTP: '{shown(claim.date)}' != '{day}', from '{moment.text}'.",
            f"the scope is of `{shown(claim.date)}` and the request of `{day}`",
        )
    return moment


def _check_scope(claim: Claim, region: str) -> Failure | None:
    if claim.service != SERVICE:
        return Failure(
            INVALID,
            f"Credential should be scoped to correct service: '{SERVICE}'.",
            f"signed for service `{shown(claim.service)}`, not `{SERVICE}`",
        )
    if claim.region is None:
        if failure := _check_region_set(claim, region):
            return failure
    elif claim.region != region:
        return Failure(
            INVALID,
            "Credential should be scoped to a valid Region, not "
            f"'{shown(claim.region)}'.",
            f"signed for region `{shown(claim.region)}`; the service is in `{region}`",
        )
    if claim.terminator != TERMINATOR:
        return Failure(
            INVALID,
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', "
            f"not '{shown(claim.terminator)}'.",
            f"the scope ends with `{shown(claim.terminator)}`, not `{TERMINATOR}`",
        )
    return None


def _check_region_set(claim: Claim, region: str) -> Failure | None:
    regions = claim.region_set
    where = "X-Amz-Region-Set" if claim.in_query else "x-amz-region-set"
    signed = claim.in_query or where in claim.signed_headers
    if not regions or not signed:
        return incomplete(
            f"SigV4A requires a signed '{where}'.", f"{where} is missing or not signed"
        )
    # AWS is silent on the form: `*`, a region, a list of them, and patterns
    if len(regions) <= _LONGEST_REGION_SET and any(
        glob(parts_of(each.strip()))(region) for each in regions.split(",")
    ):
        return None
    return Failure(
        INVALID,
        f"Credential should be scoped to a valid Region, not '{shown(regions)}'.",
        f"signed for regions `{shown(regions)}`; the service is in `{region}`",
    )


def _check_time(
    claim: Claim,
    signed: int,
    now: int,
    *,
    wall: Callable[[], int] | None,
    window: int,
) -> Failure | None:
    before = (claim.expires or window) * _SECOND
    ahead = window * _SECOND
    if -ahead <= now - signed <= before:
        return None
    if wall is not None and -ahead <= wall() - signed <= before:
        return None
    return _out_of_time(signed, now, before, ahead)


def _out_of_time(signed: int, now: int, before: int, ahead: int) -> Failure:
    late = now > signed
    window = before if late else ahead
    bound = _time(now - window if late else now + window)
    length = _length(window // _SECOND)
    apart = _length(abs(now - signed) // _SECOND)
    if late:
        message = (
            f"Signature expired: {_time(signed)} is now earlier than {bound} "
            f"({_time(now)} - {length})"
        )
    else:
        message = (
            f"Signature not yet current: {_time(signed)} is still later than {bound} "
            f"({_time(now)} + {length})"
        )
    return Failure(
        INVALID,
        message,
        f"signed at {_time(signed)}, {apart} {'before' if late else 'after'} the "
        f"network's clock ({_time(now)}); it may be {length}",
    )


def _time(microseconds: int) -> str:
    """Write a time, also one that no calendar has."""
    try:
        return time_text(microseconds)
    except OverflowError:
        return f"{microseconds // _SECOND}s"


def _length(seconds: int) -> str:
    whole, rest = divmod(seconds, _MINUTE)
    return f"{seconds} sec." if rest else f"{whole} min."


# ---- key, token and signature -----------------------------------------------


def _check_token(claim: Claim, found: Known | None, now: int) -> Failure | None:
    if found is None:
        key = key_text(claim.access_key_id)
        detail = f"access key {key} belongs to no caller that is declared"
        return Failure(UNRECOGNIZED, _BAD_TOKEN, detail)
    credentials = found.credentials
    if claim.token != credentials.session_token:
        return _wrong_token(claim, found)
    expires = credentials.expires
    if expires is None or now < microseconds_of(expires):
        return None
    detail = f"the session of {_whose(claim, found)} ended at {expires.isoformat()}"
    return Failure(EXPIRED_TOKEN, _OLD_TOKEN, detail)


def _wrong_token(claim: Claim, found: Known) -> Failure:
    whose = _whose(claim, found)
    if claim.token is None:
        detail = f"{whose} needs its session token, and {TOKEN} is missing"
    elif found.credentials.session_token is None:
        detail = f"{whose} has no session token, and one was sent"
    else:
        detail = f"the session token is not the one of {whose}"
    return Failure(UNRECOGNIZED, _BAD_TOKEN, detail)


def _whose(claim: Claim, found: Known) -> str:
    return f"access key {key_text(claim.access_key_id)} of `{found.caller.principal}`"


def key_text(access_key_id: str) -> str:
    """Return an access key id to show, unless it may be a secret in its place.

    Args:
        access_key_id: as sent.
    """
    if _KEY_ID.fullmatch(access_key_id):
        return f"`{access_key_id}`"
    return "id (which is none by its form)"


def _mismatch(claim: Claim, found: Known) -> Failure:
    return Failure(
        INVALID,
        MISMATCH,
        f"the signature is not the one of {_whose(claim, found)} for this request",
    )


def proves(
    claim: Claim, credentials: Credentials, timestamp: str, canonical: str
) -> bool:
    """Tell whether a claim's signature is that of a canonical request.

    Args:
        claim: the scope and the signature.
        credentials: who is said to have signed.
        timestamp: as ``YYYYMMDDTHHMMSSZ``.
        canonical: the canonical request.
    """
    date, region, service = claim.date, claim.region, claim.service
    scope = scope_of(date, region, service, claim.terminator)
    to_sign = string_to_sign(claim.algorithm, timestamp, scope, canonical)
    sent = claim.signature
    if region is None:
        return sigv4a.verify(credentials, to_sign, sent)
    key = signing_key(credentials.secret_access_key, date, region, service)
    return sent.isascii() and compare_digest(sent, signature(key, to_sign))
