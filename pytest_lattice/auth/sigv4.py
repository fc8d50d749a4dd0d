"""Signature Version 4: what a signed request claims, and how one is signed.

What arrives may be anything, so each refusal is a value.  Whether a claim is true is
judged elsewhere; nothing here knows a caller or a clock.
AWS: IAM/latest/UserGuide/reference_sigv-create-signed-request
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_to_bytes

from pytest_lattice.auth.canonical import (
    UNSIGNED,
    canonical_path,
    canonical_query,
    canonical_request,
    gather,
    header_lines,
    joined,
    raw,
    string_to_sign,
    time_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.message import Headers, LatticeRequest

# AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
SERVICE = "vpc-lattice-svcs"
SYMMETRIC = "AWS4-HMAC-SHA256"
ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
TERMINATOR = "aws4_request"
DATE = "x-amz-date"
PAYLOAD = "x-amz-content-sha256"
TOKEN = "x-amz-security-token"  # noqa: S105  # the name of a header
REGION_SET = "x-amz-region-set"

_INCOMPLETE = "IncompleteSignatureException"
_PARAMETERS = ("Credential", "SignedHeaders")
_SIGNED_QUERY = re.compile(r"(?:^|&)X-Amz-(?:Algorithm|Credential|Signature)=")
_MOST_EXPIRES = 604_800
_DIGITS = re.compile(r"[0-9]{1,6}")
_SHOWN = 80
_SIGNED = frozenset({"host", "content-type"})


class Failure(NamedTuple):
    """Why a request is not authenticated.

    Args:
        code: AWS's name of the error.
        message: AWS's words; the body is ``code: message``.
        detail: one line for a person that names the culprit, without secrets.
    """

    code: str
    message: str
    detail: str


class Claim(NamedTuple):
    """What a signed request says of itself; nothing of it is proven.

    Args:
        algorithm: ``AWS4-HMAC-SHA256`` or ``AWS4-ECDSA-P256-SHA256``.
        access_key_id: whose key signed.
        date: the date in the scope.
        region: the region in the scope; None for SigV4A.
        service: the service in the scope.
        signed_headers: names in lower case, sorted, each once.
        terminator: the end of the scope.
        signature: in hexadecimal, as sent.
        timestamp: when it was signed, as sent.
        token: the session token, if any.
        region_set: the regions of SigV4A, if any.
        expires: for how many seconds a presigned request is valid, if it says so.
        in_query: whether it came in the query.
    """

    algorithm: str
    access_key_id: str
    date: str
    region: str | None
    service: str
    signed_headers: tuple[str, ...]
    terminator: str
    signature: str
    timestamp: str
    token: str | None
    region_set: str | None
    expires: int | None
    in_query: bool


class _Head(NamedTuple):
    """The first fields of a `Claim`, which a client repeats with each request."""

    algorithm: str
    access_key_id: str
    date: str
    region: str | None
    service: str
    signed_headers: tuple[str, ...]
    terminator: str


# ---- what a request claims --------------------------------------------------


def read_claim(
    request: LatticeRequest, gathered: Mapping[str, str] | None = None
) -> Claim | Failure | None:
    """Read a request's signature.

    Args:
        request: the request.
        gathered: its headers from `gather`, where they were gathered before.

    Returns:
        The claim; a failure where it is not complete; None where the request is not
        signed, as with another kind of Authorization.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """
    values = gather(request) if gathered is None else gathered
    text = values.get("authorization")
    query = request.query
    presigned = query is not None and "X-Amz-" in query and _SIGNED_QUERY.search(query)
    if text is not None and (text.startswith("AWS4-") or _is_ours(text)):
        if presigned:
            return incomplete("the query and Authorization both hold a signature")
        return _in_headers(text, values)
    # AWS is silent: a signature behind another Authorization is not passed over.
    if text is not None and any(
        _is_ours(each) for each in request.header_values("authorization")
    ):
        return incomplete("Authorization is given more than once")
    return _in_query(query) if presigned and query is not None else None


def incomplete(message: str, detail: str = "") -> Failure:
    """Build the failure of a signature that lacks something.

    Args:
        message: AWS's words.
        detail: more for a person; else the message.
    """
    return Failure(_INCOMPLETE, message, detail or message)


def shown(text: str) -> str:
    """Return text of a client that is fit for one line."""
    short = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return short if short.isascii() and short.isprintable() else ascii(short)[1:-1]


def _is_ours(text: str) -> bool:
    return text[:16].lstrip()[:3].upper() == "AWS"


def _in_headers(text: str, values: Mapping[str, str]) -> Claim | Failure:
    start, mark, signature = text.rpartition("Signature=")
    if not mark or "," in signature:
        start, signature = _reordered(text)
    head = _read_head(start)
    if isinstance(head, Failure):
        return head
    timestamp = values.get(DATE) or values.get("date")
    if not signature or not timestamp:
        return _lacking(signature, timestamp)
    return Claim(
        *head,
        signature,
        timestamp,
        values.get(TOKEN) or None,
        values.get(REGION_SET) if head.region is None else None,
        None,
        False,  # noqa: FBT003  # by place: names double the cost of each request
    )


def _lacking(signature: str, timestamp: str | None) -> Failure:
    lacking, said = [], []
    if not signature:
        lacking.append("Authorization header requires 'Signature' parameter.")
        said.append("there is no Signature")
    if not timestamp:
        lacking.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a "
            "'Date' header."
        )
        said.append(f"neither {DATE} nor date is sent")
    return incomplete(" ".join(lacking), " and ".join(said))


def _reordered(text: str) -> tuple[str, str]:
    """Move the signature to the end, where nearly all signers have it."""
    algorithm, _, rest = text.partition(" ")
    others, signature = [], ""
    for each in rest.split(","):
        name, _, value = each.strip().partition("=")
        if name == "Signature" and not signature:
            signature = value
        else:
            others.append(each)
    return f"{algorithm} {','.join(others)}", signature


@lru_cache(maxsize=256)
def _read_head(text: str) -> _Head | Failure:
    algorithm, _, rest = text.partition(" ")
    if algorithm not in (SYMMETRIC, ASYMMETRIC):
        return incomplete(f"Unsupported AWS 'algorithm': '{shown(algorithm)}'.")
    found: dict[str, str] = {}
    for each in rest.split(","):
        piece = each.strip()
        if not piece:
            continue
        name, equals, value = piece.partition("=")
        if not equals:
            return incomplete(
                "Invalid key=value pair (missing equal-sign) in Authorization header"
            )
        if name in found or name not in _PARAMETERS:
            # AWS is silent: neither is a guess of which one counts
            return incomplete(
                f"Authorization header has '{shown(name)}' twice, or it is no parameter"
            )
        found[name] = value
    return _head(algorithm, found, "Authorization header requires '{}' parameter.")


def _head(algorithm: str, found: Mapping[str, str], requires: str) -> _Head | Failure:
    if algorithm not in (SYMMETRIC, ASYMMETRIC):
        return incomplete(f"Unsupported AWS 'algorithm': '{shown(algorithm)}'.")
    lacking = [name for name in _PARAMETERS if not found.get(name)]
    if lacking:
        return incomplete(" ".join(requires.format(name) for name in lacking))
    regional = algorithm == SYMMETRIC
    scope = found["Credential"].split("/")
    wanted = "keyid/date/region/service/term" if regional else "keyid/date/service/term"
    count = wanted.count("/") + 1
    if len(scope) != count or not all(scope):
        # What was sent is not repeated: it may be a secret in the wrong place.
        return incomplete(
            f"Credential must have exactly {count} slash-delimited elements, "
            f"e.g. {wanted}"
        )
    names = {name.strip() for name in found["SignedHeaders"].lower().split(";")}
    region = scope[2] if regional else None
    signed = tuple(sorted(names - {""}))
    return _Head(algorithm, scope[0], scope[1], region, scope[-2], signed, scope[-1])


def _in_query(query: str) -> Claim | Failure:
    found: dict[str, str] = {}
    for piece in query.split("&"):
        name, _, value = piece.partition("=")
        if not name.startswith("X-Amz-"):
            continue
        name = name.removeprefix("X-Amz-")
        if name in found:
            return incomplete(f"Query-string has 'X-Amz-{shown(name)}' more than once")
        found[name] = unquote_to_bytes(raw(value)).decode("latin-1")
    head = _head(
        found.get("Algorithm", ""),
        found,
        "AWS query-string parameters must include 'X-Amz-{}'.",
    )
    if isinstance(head, Failure):
        return head
    for name in ("Signature", "Date"):
        if not found.get(name):
            return incomplete(
                f"AWS query-string parameters must include 'X-Amz-{name}'."
            )
    expires = found.get("Expires")
    # AWS: IAM/latest/UserGuide/reference_sigv-authentication-methods
    if expires is not None and not (
        _DIGITS.fullmatch(expires) and 1 <= int(expires) <= _MOST_EXPIRES
    ):
        return incomplete(f"X-Amz-Expires must be from 1 to {_MOST_EXPIRES} seconds")
    return Claim(
        *head,
        signature=found["Signature"],
        timestamp=found["Date"],
        token=found.get("Security-Token") or None,
        region_set=found.get("Region-Set") if head.region is None else None,
        expires=None if expires is None else int(expires),
        in_query=True,
    )


# ---- the signature ----------------------------------------------------------


@lru_cache(maxsize=256)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key of one day, region and service.

    Args:
        secret: the secret access key.
        date: as ``YYYYMMDD``.
        region: of the service.
        service: its name.

    AWS: IAM/latest/UserGuide/reference_sigv-create-signed-request
    """
    key = b"AWS4" + raw(secret)
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, raw(part), "sha256")
    return key


def signature(key: bytes, to_sign: bytes) -> str:
    """Sign, in hexadecimal.

    Args:
        key: from `signing_key`.
        to_sign: from `string_to_sign`.
    """
    return hmac.digest(key, to_sign, "sha256").hex()


def sign(
    credentials: Credentials,
    *,
    method: str,
    path: str,
    query: str | None,
    headers: Headers,
    region: str,
    now: int,
) -> Headers:
    """Sign a request with SigV4.

    Args:
        credentials: who signs.
        method: as it will be sent.
        path: the raw path.
        query: the raw query; None where there is none.
        headers: pairs of lower-case name and value; ``host``, ``content-type`` and
            all ``x-amz-*`` are signed.
        region: of the service that is called.
        now: microseconds since 1970.

    Returns:
        The headers to add.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """
    timestamp = time_text(now)
    added, authorization, to_sign = prepared(
        credentials,
        timestamp,
        method=method,
        path=path,
        query=query,
        headers=headers,
        region=region,
    )
    secret = credentials.secret_access_key
    key = signing_key(secret, timestamp[:8], region, SERVICE)
    return (*added, ("authorization", authorization + signature(key, to_sign)))


def prepared(
    credentials: Credentials,
    timestamp: str,
    *,
    method: str,
    path: str,
    query: str | None,
    headers: Headers,
    region: str | None = None,
    region_set: str | None = None,
) -> tuple[Headers, str, bytes]:
    """Prepare a signature, of SigV4A where there is no region.

    Args:
        credentials: who signs.
        timestamp: as ``YYYYMMDDTHHMMSSZ``.
        method: see `sign`.
        path: see `sign`.
        query: see `sign`.
        headers: see `sign`.
        region: of SigV4.
        region_set: of SigV4A.

    Returns:
        The headers to add, the Authorization but for its signature, and what is to be
        signed.
    """
    added, values = signed_values(credentials, headers, timestamp)
    if region_set is not None:
        added = (*added, (REGION_SET, region_set))
        values[REGION_SET] = region_set
    signed = sorted(values)
    names = ";".join(signed)
    canonical = canonical_request(
        method,
        canonical_path(path, "double"),
        canonical_query(query),
        lines=header_lines(signed, values),
        names=names,
    )
    algorithm = ASYMMETRIC if region is None else SYMMETRIC
    scope = scope_of(timestamp[:8], region, SERVICE, TERMINATOR)
    authorization = (
        f"{algorithm} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature="
    )
    return added, authorization, string_to_sign(algorithm, timestamp, scope, canonical)


def scope_of(date: str, region: str | None, service: str, terminator: str) -> str:
    """Write the credential scope.

    Args:
        date: as ``YYYYMMDD``.
        region: of SigV4; None for SigV4A.
        service: for which the signature is.
        terminator: the end of the scope.
    """
    if region is None:
        return f"{date}/{service}/{terminator}"
    return f"{date}/{region}/{service}/{terminator}"


def signed_values(
    credentials: Credentials, headers: Headers, timestamp: str
) -> tuple[Headers, dict[str, str]]:
    """Return the headers that a signer adds, and the values of all it signs.

    Args:
        credentials: who signs.
        headers: the request's own.
        timestamp: as ``YYYYMMDDTHHMMSSZ``.
    """
    chosen = [pair for pair in headers if pair[0] in _SIGNED or pair[0][:6] == "x-amz-"]
    values = dict(chosen)
    if len(values) != len(chosen):
        values = joined(chosen)
    added: Headers = ((DATE, timestamp), (PAYLOAD, UNSIGNED))
    token = credentials.session_token
    if token is not None:
        added = (*added, (TOKEN, token))
    values.update(added)
    return added, values
