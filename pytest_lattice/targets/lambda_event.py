"""What passes between VPC Lattice and a Lambda function: the event and the answer.

Pure translation: the same request makes the same event, a fresh plain ``dict`` that
the handler may change.  An answer is read after a passage through JSON, as on AWS, so
what JSON cannot hold fails here too.  Nothing here calls a handler.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

from pytest_lattice.errors import ConfigurationError, TargetError, unknown
from pytest_lattice.model.value import check_flag, is_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import TargetRequest

Event: TypeAlias = dict[str, Any]

# AWS: vpc-lattice/latest/ug/lambda-functions: bodies sent without Base64 encoding
_TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}

# AWS: vpc-lattice/latest/ug/lambda-functions and http-targets: what the event calls
# the keys of the identity header, in the order of the page's example.
_IDENTITY = {
    "Type": "type",
    "Principal": "principal",
    "PrincipalOrgID": "principalOrgID",
    "SessionName": "sessionName",
    "X509Issuer/OU": "x509IssuerOu",
    "X509SAN/DNS": "x509SanDns",
    "X509SAN/NameCN": "x509SanNameCn",
    "X509SAN/URI": "x509SanUri",
    "X509Subject/CN": "x509SubjectCn",
}
# The page escapes a semicolon inside a value with a backslash.
_SEPARATOR = re.compile(r"(?<!\\);")

#: AWS: vpc-lattice/latest/ug/lambda-functions: Limitations: 6 MB each way
LARGEST = 6 * 1024 * 1024

# AWS, same page: Respond to the VPC Lattice service
_EXAMPLE = '{"isBase64Encoded": false, "statusCode": 200, "headers": {}, "body": "…"}'
_READ = ("isBase64Encoded", "statusCode", "headers", "body")
_ASKED_FOR = ("isBase64Encoded", "headers")
# AWS, same page: hop-by-hop headers are not honored, Content-Length is computed
_DROPPED = {
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_STATUSES = range(200, 600)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(r"[\0-\x08\n-\x1f\x7f]")
_DEEPEST = 50
_SHOWN: dict[type, str] = {
    type(None): "nothing (null)",
    list: "a list",
    dict: "an object",
}


_FLAGS = ("flag_text", "null_body", "strict")
_CHOICES = {
    "compressed_text": ("base64", "literal"),
    "v1_repeats": ("documented", "seen"),
    "query": ("decoded", "raw"),
    "lattice_headers": ("V1", "both", "neither"),
}
# AWS: lambda/latest/dg/gettingstarted-limits: timeout and memory
_NUMBERS = {
    "error_status": range(400, 600),
    "timeout_ms": range(1, 900_001),
    "memory_mb": range(128, 10_241),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaSettings:
    """Where AWS is silent or contradicts itself: what to choose.

    Args:
        flag_text: V2 says ``isBase64Encoded: false`` for text instead of nothing.
        null_body: a request without a body has the body ``None`` instead of ``""``.
        compressed_text: whether text with a ``content-encoding`` is sent in Base64,
            or as it is, which is what AWS's page says to the letter.
        v1_repeats: ``documented``: a repeated header is joined with ``", "`` and the
            last value of a repeated query key wins.  ``seen``: joined with ``","``
            and the first value wins, as the service was seen to do in 2026.
        query: ``decoded`` from percent-encoding, or ``raw``.
        lattice_headers: which events carry ``x-amzn-lattice-*`` and
            ``x-amzn-source-vpc``.
        strict: refuse answers that lack what AWS's page asks for, or that say what
            VPC Lattice does not read.
        error_status: the status for a function that fails or answers wrongly.
        timeout_ms: the function's timeout, in virtual time.
        memory_mb: the function's memory.

    Raises:
        ConfigurationError: a choice that there is not, or a number out of range.
    """

    flag_text: bool = False
    null_body: bool = False
    compressed_text: Literal["base64", "literal"] = "base64"
    v1_repeats: Literal["documented", "seen"] = "documented"
    query: Literal["decoded", "raw"] = "decoded"
    lattice_headers: Literal["V1", "both", "neither"] = "V1"
    strict: bool = False
    error_status: int = 502
    # AWS: lambda/latest/dg/configuration-timeout and configuration-memory: what a
    # new function gets.  A handler that a user forgot to configure has just these.
    timeout_ms: int = 3000
    memory_mb: int = 128

    def __post_init__(self) -> None:
        """Check that each setting is one of its own."""
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise unknown(f"setting {name} of Lambda functions", value, known)
        for name in _FLAGS:
            check_flag(getattr(self, name), f"setting {name} of Lambda functions")
        for name, allowed in _NUMBERS.items():
            value = getattr(self, name)
            if not is_whole(value, allowed):
                raise ConfigurationError(
                    f"setting {name} of Lambda functions `{value!r}` is not from "
                    f"{allowed.start} to {allowed.stop - 1}"
                )


def make_event(request: TargetRequest, body: bytes, settings: LambdaSettings) -> Event:
    """Write the event in the version that the target group asks for."""
    version = request.route.target_group.lambda_event_structure_version
    write = _v2_event if version == "V2" else _v1_event
    return write(request, body, settings)


def _v1_event(request: TargetRequest, body: bytes, settings: LambdaSettings) -> Event:
    # AWS: vpc-lattice/latest/ug/lambda-functions: Example event: V1
    text, is_base64 = _encode(request.headers, body, settings)
    documented = settings.v1_repeats == "documented"
    glue, pick = (", ", -1) if documented else (",", 0)
    headers = _headers(request, settings, with_lattice={"V1", "both"})
    query = _query(request, settings)
    return {
        "raw_path": request.request.target,
        "method": request.request.method,
        "headers": {name: glue.join(values) for name, values in headers.items()},
        # AWS is silent: our choice: V1 keeps the key, empty
        "query_string_parameters": {key: values[pick] for key, values in query.items()},
        "body": text,
        "is_base64_encoded": is_base64,
    }


def _v2_event(request: TargetRequest, body: bytes, settings: LambdaSettings) -> Event:
    # AWS: vpc-lattice/latest/ug/lambda-functions: Example event: V2
    text, is_base64 = _encode(request.headers, body, settings)
    event: Event = {
        "version": "2.0",
        "path": request.request.target,
        "method": request.request.method,
        "headers": _headers(request, settings, with_lattice={"both"}),
    }
    # AWS is silent: our choice: V2 leaves the key out without a query
    if query := _query(request, settings):
        event["queryStringParameters"] = query
    event["body"] = text
    # AWS: "present only if … the request body is not already a string"
    if is_base64 or settings.flag_text:
        event["isBase64Encoded"] = is_base64
    route = request.route
    event["requestContext"] = {
        "serviceNetworkArn": route.service_network_arn,
        "serviceArn": route.service_arn,
        "targetGroupArn": route.target_group.arn,
        "identity": _identity(request),
        "region": route.region,
        # AWS: microseconds, as text
        "timeEpoch": str(request.time_epoch),
    }
    return event


def _identity(request: TargetRequest) -> dict[str, str]:
    # AWS: vpc-lattice/latest/ug/lambda-functions: a field is present only if known.
    # The network writes the header after authentication and strips forged ones.
    known: dict[str, str] = {}
    for name, header in request.headers:
        if name.lower() != "x-amzn-lattice-identity":
            continue
        for pair in _SEPARATOR.split(_text(header)):
            key, _, value = pair.strip().partition("=")
            known[key] = value.replace(r"\;", ";")
    vpc = request.route.source_vpc_arn
    identity = {"sourceVpcArn": vpc} if vpc else {}
    for key, name in _IDENTITY.items():
        if known.get(key):
            identity[name] = known[key]
    return identity


def _headers(
    request: TargetRequest, settings: LambdaSettings, *, with_lattice: set[str]
) -> dict[str, list[str]]:
    # AWS is silent: our choice: lower-case names, as in all samples
    shown = settings.lattice_headers in with_lattice
    pairs = ((name.lower(), _text(value)) for name, value in request.headers)
    return _grouped(
        (name, value) for name, value in pairs if shown or not _is_lattice(name)
    )


def _is_lattice(name: str) -> bool:
    # AWS is silent: our choice: V2 says in requestContext what these say
    return name.startswith("x-amzn-lattice-") or name == "x-amzn-source-vpc"


def _query(request: TargetRequest, settings: LambdaSettings) -> dict[str, list[str]]:
    # AWS is silent: our choice: blank values are kept; AWS's own example starts with
    # a superfluous `&`, so empty pieces are not parameters
    pieces = [each for each in (request.request.query or "").split("&") if each]
    decode = _percent_decoded if settings.query == "decoded" else str
    pairs = (each.partition("=") for each in pieces)
    return _grouped((decode(key), decode(value)) for key, _, value in pairs)


def _percent_decoded(text: str) -> str:
    # AWS is silent: our choice: `+` stays, since only HTML forms mean a space by it;
    # what is not UTF-8 stays encoded, so that nothing is lost
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _text(value: str) -> str:
    # AWS is silent: our choice: header bytes are read as UTF-8 where they are that
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _encode(
    headers: Headers, body: bytes, settings: LambdaSettings
) -> tuple[str | None, bool]:
    if not body:
        # AWS is silent: our choice
        return None if settings.null_body else "", False
    if _is_text(headers, settings):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            # AWS is silent: our choice: JSON cannot hold it, and nothing gets lost
            pass
    return b64encode(body).decode("ascii"), True


def _is_text(headers: Headers, settings: LambdaSettings) -> bool:
    # AWS: vpc-lattice/latest/ug/lambda-functions: Base64 encoding
    found = {name.lower(): value for name, value in reversed(headers)}
    if "content-encoding" in found and settings.compressed_text == "base64":
        # AWS's page exempts text types here too, which would put compressed bytes
        # into a JSON string: our choice
        return False
    # AWS is silent: our choice: without a content type it is not text
    media_type = found.get("content-type", "").partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


class Answer(NamedTuple):
    """What a handler answered, as HTTP.

    Args:
        status: from 200 to 599.
        headers: without hop-by-hop headers and without ``content-length``.
        body: decoded from Base64.
        hints: what AWS's page asks for or does not know, for people.
    """

    status: int
    headers: Headers
    body: bytes
    hints: tuple[str, ...]


def read_answer(answer: object, *, strict: bool = False) -> Answer:
    """Read what a handler answered.

    Args:
        answer: whatever it returned.
        strict: refuse what there are hints about.

    Returns:
        The answer as HTTP.

    Raises:
        TargetError: the rest of a sentence about the handler, which says what is
            wrong and how to write it right.
    """
    found = _through_json(answer)
    if not isinstance(found, dict):
        raise TargetError(
            f"answered {_shown(found)}; VPC Lattice wants an object such as {_EXAMPLE}"
        )
    status = _status(found)
    hints = tuple(_hints(found))
    if strict and hints:
        raise TargetError("; ".join(hints))
    return Answer(status, tuple(_answered_headers(found)), _body(found), hints)


def _through_json(answer: object) -> object:
    try:
        text = _ENCODER.encode(answer).encode()
        through: object = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        culprit = _culprit(answer, "the answer")
        raise TargetError(f"answered what JSON cannot hold: {culprit}") from None
    if len(text) > LARGEST:
        raise TargetError(
            f"answered {len(text)} bytes of JSON, more than {LARGEST} (6 MB)"
        )
    return through


def _as_the_runtime(value: object) -> object:
    # AWS's Python runtime serializes with simplejson: decimals are numbers as they
    # are written, bytes are text if they are UTF-8
    if isinstance(value, Decimal):
        return json.loads(str(value))
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError


_ENCODER = json.JSONEncoder(
    default=_as_the_runtime, allow_nan=False, ensure_ascii=False
)


def _culprit(value: object, place: str, depth: int = 0) -> str:
    """Name the innermost thing that JSON cannot hold."""
    if depth > _DEEPEST:
        return f"{place} contains itself or is nested too deeply"
    children: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    for key, child in children:
        try:
            _ENCODER.encode(child).encode()
        except (TypeError, ValueError, RecursionError):
            return _culprit(child, f"`{key}` in {place}", depth + 1)
    if isinstance(value, dict):
        return f"{place} has a key that is not text"
    return f"{place} is {_shown(value)}"


def _status(answer: dict[str, Any]) -> int:
    # AWS is silent: our choice: only a JSON integer will do, and a status under 200
    # would leave the client waiting for the final one
    if "statusCode" not in answer:
        like = get_close_matches("statusCode", answer, n=1)
        hint = f", not `{like[0]}`," if like else ""
        raise TargetError(f"answered without `statusCode`; write it{hint} as a number")
    status = answer["statusCode"]
    if type(status) is not int:
        right = status if str(status) in map(str, _STATUSES) else 200
        raise TargetError(
            f"answered `statusCode` as {_shown(status)}; write it as a number: {right}"
        )
    if status not in _STATUSES:
        raise TargetError(f"answered `statusCode` {status}, which is not 200 to 599")
    return status


def _body(answer: dict[str, Any]) -> bytes:
    # AWS: vpc-lattice/latest/ug/lambda-functions: the body may be left out
    body, is_base64 = answer.get("body"), answer.get("isBase64Encoded")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise TargetError(
            f"answered `body` as {_shown(body)}; write it as text, "
            "for instance with json.dumps"
        )
    if is_base64 is not None and not isinstance(is_base64, bool):
        raise TargetError(
            f"answered `isBase64Encoded` as {_shown(is_base64)}; write true or false"
        )
    if not is_base64:
        return body.encode()
    try:
        return b64decode(body, validate=True)
    except ValueError:
        raise TargetError(
            "answered `isBase64Encoded` true with a `body` that is not Base64; "
            "encode it with base64.b64encode"
        ) from None


def _answered_headers(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    headers = answer.get("headers")
    if headers is None:
        return
    if not isinstance(headers, dict):
        raise TargetError(
            f"answered `headers` as {_shown(headers)}; write an object of texts"
        )
    for name, given in headers.items():
        # AWS: "contain the same header multiple times" without saying how;
        # our choice: a list of texts
        values, of = (
            (given, "a list with ") if isinstance(given, list) else ([given], "")
        )
        for value in values:
            if not isinstance(value, str):
                raise TargetError(
                    f"answered the header `{name}` as {of}{_shown(value)}; "
                    "write it as text or as a list of texts"
                )
            if not _NAME.fullmatch(name) or _FORBIDDEN.search(value):
                raise TargetError(
                    f"answered the header `{name}` with characters that HTTP forbids"
                )
            if name.lower() not in _DROPPED:
                # AWS is silent: our choice: what is not ASCII travels as UTF-8
                yield name, value.strip(" \t").encode().decode("latin-1")


def _hints(answer: dict[str, Any]) -> Iterator[str]:
    for key in _ASKED_FOR:
        if key not in answer:
            yield f"answered without `{key}`, which AWS's page asks for"
    for key in answer:
        if key not in _READ:
            yield f"answered `{key}`, which VPC Lattice does not read"


def _shown(value: object) -> str:
    """Describe a value as a reader of JSON sees it."""
    if isinstance(value, str):
        return f"text `{json.dumps(value[:60])}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number `{value}`"
    return _SHOWN.get(type(value), f"a `{type(value).__name__}`")
