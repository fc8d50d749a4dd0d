"""What is signed of a request: the canonical request, and times as text.

Text in, text out, in time that grows with the text; what cannot be written as AWS
has it is still written somehow, so that a signature over it is merely wrong.
AWS: IAM/latest/UserGuide/reference_sigv-create-signed-request
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from pytest_lattice.model.instant import date_of, microseconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_lattice.model.message import LatticeRequest

#: The only payload hash that Lattice takes.
UNSIGNED = "UNSIGNED-PAYLOAD"
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_BASIC_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z"
)
_HTTP_TIME = re.compile(
    r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_MONTHS = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_SECOND = 1_000_000


class Moment(NamedTuple):
    """A time in a request.

    Args:
        text: as ``YYYYMMDDTHHMMSSZ``.
        microseconds: since 1970.
    """

    text: str
    microseconds: int


# ---- headers ---


def gather(request: LatticeRequest) -> dict[str, str]:
    """Return headers by name, with repeats joined as they are signed.

    Args:
        request: the request.
    """
    headers = request.headers
    values = dict(headers)
    if len(values) != len(headers):
        values = joined(headers)
    if "host" not in values:  # HTTP/2 has it as `:authority`
        values["host"] = request.host
    return values


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join the values of headers with the same name, as they are signed.

    Args:
        headers: pairs of lower-case name and value.
    """
    several: dict[str, list[str]] = {}
    for name, value in headers:
        several.setdefault(name, []).append(_trimmed(value))
    return {name: ",".join(values) for name, values in several.items()}


# ---- time -------------------------------------------------------------------


@lru_cache(maxsize=256)
def read_time(text: str) -> Moment | None:
    """Read a time as a signer writes it.

    Args:
        text: ``YYYYMMDDTHHMMSSZ``, or HTTP's form in a Date header.

    Returns:
        The time; None where it is none.
    """
    if found := _BASIC_TIME.fullmatch(text):
        numbers = [int(each) for each in found.groups()]
    elif (found := _HTTP_TIME.fullmatch(text)) and found[2] in _MONTHS:
        day, month, year, *rest = found.groups()
        numbers = [int(year), _MONTHS.index(month) + 1, int(day), *map(int, rest)]
    else:
        return None
    year, month, day, hour, minute, second = numbers
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return Moment(
        f"{time.year:04}{time:%m%dT%H%M%SZ}",
        microseconds_of(time),
    )


def time_text(microseconds: int) -> str:
    """Write a time as a signer does.

    Args:
        microseconds: since 1970.
    """
    return _time_text(microseconds // _SECOND)


@lru_cache(maxsize=256)
def _time_text(seconds: int) -> str:
    time = date_of(seconds * _SECOND)
    return f"{time.year:04}{time:%m%dT%H%M%SZ}"


# ---- the canonical request --------------------------------------------------


@lru_cache(maxsize=256)
def canonical_path(path: str, encoding: str) -> str:
    """Write a path as it is signed.

    Args:
        path: the raw path.
        encoding: ``double`` for normalized and encoded again, as most signers do;
            ``single`` for as sent, as S3's do.
    """
    if encoding == "single":
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment and segment != ".":
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote(raw(f"/{'/'.join(kept)}{end}"), safe="/-_.~")


@lru_cache(maxsize=256)
def canonical_query(query: str | None) -> str:
    """Write a query as it is signed, without the signature.

    Args:
        query: the raw query; None where there is none.
    """
    pairs = []
    for piece in (query or "").split("&"):
        name, _, value = piece.partition("=")
        if piece and name != "X-Amz-Signature":
            pairs.append((_again(name), _again(value)))
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)])


def _again(text: str) -> str:
    return quote(unquote_to_bytes(raw(text)), safe="-_.~")


def header_lines(names: Sequence[str], values: Mapping[str, str]) -> str:
    """Write headers as they are signed, one per line.

    Args:
        names: of the signed headers, sorted.
        values: by name.

    Raises:
        KeyError: a name without a value.
    """
    text = "".join([f"{name}:{values[name]}\n" for name in names])
    if "\t" in text or (
        " " in text and ("  " in text or ": " in text or " \n" in text)
    ):
        return "".join([f"{name}:{_trimmed(values[name])}\n" for name in names])
    return text


def _trimmed(value: str) -> str:
    return _SPACES.sub(" ", value).strip(" ")


def canonical_request(
    method: str,
    path: str,
    query: str,
    *,
    lines: str,
    names: str,
    payload: str = UNSIGNED,
) -> str:
    """Write the canonical request, of which a signature holds the hash.

    Args:
        method: as sent.
        path: from `canonical_path`.
        query: from `canonical_query`.
        lines: from `header_lines`.
        names: of the signed headers, joined with ``;``.
        payload: the hash of the body, or what stands for it.
    """
    return f"{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"


def raw(text: str) -> bytes:
    """Return the bytes that came in, or that stand for what cannot have come in."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def string_to_sign(algorithm: str, timestamp: str, scope: str, canonical: str) -> bytes:
    """Write what is signed.

    Args:
        algorithm: of the signature.
        timestamp: as ``YYYYMMDDTHHMMSSZ``.
        scope: the credential scope.
        canonical: the canonical request.
    """
    hashed = sha256(raw(canonical)).hexdigest()
    return raw(f"{algorithm}\n{timestamp}\n{scope}\n{hashed}")
