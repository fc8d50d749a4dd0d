"""The mistakes that signers are known to make, each as a change of what is signed.

They are few and do not depend on each other, so they can be tried alone and in pairs.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_lattice.auth.canonical import (
    UNSIGNED,
    canonical_path,
    canonical_query,
    read_time,
    time_text,
)
from pytest_lattice.auth.sigv4 import DATE, PAYLOAD, SERVICE, TOKEN, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_lattice.model.message import LatticeRequest

#: The hash of no body.
EMPTY = sha256().hexdigest()
_SERVICES = ("vpc-lattice", "execute-api", "lambda", "s3", SERVICE)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
_MOST_HEADERS = 12
_MOST_HOSTS = 32
_MOST_PATHS = 8
_EXACTLY = "sign the Host header exactly as it is sent, with its port if it has one"
_IN_FULL = (
    "a short name arrives in full: sign with client(role=...), or call the full name"
)
_SECOND = 1_000_000
_HOUR = 3600


class View(NamedTuple):
    """What one side signs.

    Args:
        method: of the request.
        path: the canonical path.
        query: the canonical query.
        values: headers by name.
        signed: names of the signed headers, sorted.
        payload: the hash of the body, or what stands for it.
        algorithm: of the signature.
        timestamp: in the string to sign.
        date: in the scope.
        region: in the scope; None for SigV4A.
        service: in the scope.
        terminator: the end of the scope.
    """

    method: str
    path: str
    query: str
    values: Mapping[str, str]
    signed: tuple[str, ...]
    payload: str
    algorithm: str
    timestamp: str
    date: str
    region: str | None
    service: str
    terminator: str

    @property
    def scope(self) -> str:
        """The credential scope."""
        return scope_of(self.date, self.region, self.service, self.terminator)

    def with_header(self, name: str, value: str | None) -> View:
        """Return it with another value of a header, or without the header.

        Args:
            name: of the header.
            value: the other value; None to take the header away.
        """
        if name not in self.signed:
            return self
        if value is not None:
            return self._replace(values={**self.values, name: value})
        return self._replace(signed=tuple(each for each in self.signed if each != name))


class Mistake(NamedTuple):
    """What a signer may have done.

    Args:
        kind: two of one kind exclude each other.
        name: what it is, in one line.
        advice: how to put it right.
        change: turns what is right into what was signed.
    """

    kind: str
    name: str
    advice: str
    change: Callable[[View], View]


def mistakes_of(
    request: LatticeRequest,
    view: View,
    *,
    region: str,
    now: int,
    hosts: Sequence[str],
    paths: Sequence[str] = (),
    token: str | None = None,
) -> tuple[Mistake, ...]:
    """List the mistakes that may be behind a signature, the likely ones first.

    Args:
        request: as it arrived.
        view: what the client says that it signed.
        region: of the service.
        now: the network's time, in microseconds since 1970.
        hosts: DNS names and names of services that the client may have signed for.
        paths: other raw paths that the client may have signed, each with its query.
        token: the session token that the client should have sent.
    """
    return (
        *_payload(view),
        *_host(request, view, hosts),
        *_path(request),
        *_other_paths(request, paths),
        *_query(request),
        *_scope(region),
        *_method(request),
        *_token(view, token),
        *_time(view, now),
        *_headers(view),
    )


_Change: TypeAlias = "Callable[[View], View]"


def _with(**changes: str) -> _Change:
    def change(view: View) -> View:
        return view._replace(**changes)  # type: ignore[arg-type]  # all are text

    return change


def _with_header(name: str, value: str | None) -> _Change:
    return lambda view: view.with_header(name, value)


def _with_payload(value: str) -> _Change:
    return lambda view: view.with_header(PAYLOAD, value)._replace(payload=value)


def _with_region(region: str) -> _Change:
    return lambda view: view if view.region is None else view._replace(region=region)


def _with_time(text: str) -> _Change:
    return lambda view: view.with_header(DATE, text)._replace(
        timestamp=text, date=text[:8]
    )


def _payload(view: View) -> Iterator[Mistake]:
    if PAYLOAD in view.signed and PAYLOAD not in view.values:
        for value in (UNSIGNED, EMPTY):
            yield Mistake(
                "payload",
                f"{PAYLOAD} was signed as {value} and is not sent",
                f"send {PAYLOAD}: {UNSIGNED}, as it has to be signed",
                _with_payload(value),
            )
    advice = f"sign {UNSIGNED} in place of the body's hash"
    hashes = {
        "the hash of an empty body": EMPTY,
        f"the value of {PAYLOAD}": view.values.get(PAYLOAD, EMPTY),
        UNSIGNED: UNSIGNED,
    }
    for name, payload in hashes.items():
        yield Mistake(
            "payload",
            f"the payload was signed as {name}",
            advice,
            _with(payload=payload),
        )


def _host(
    request: LatticeRequest, view: View, hosts: Sequence[str]
) -> Iterator[Mistake]:
    sent = view.values.get("host", request.host)
    name, colon, _ = sent.partition(":")
    others = (
        [name] if colon else [f"{sent}:{request.port}", f"{sent}:443", f"{sent}:80"]
    )
    others += [request.server_name, f"{request.server_name}:{request.port}"]
    others += [name.partition(".")[0]]
    # The generated DNS name begins with the service's name, which is tried first.
    likely = sorted(hosts, key=lambda host: not request.server_name.startswith(host))
    for host in likely[:_MOST_HOSTS]:
        others += [host, f"{host}:{request.port}"]
    for other in dict.fromkeys(others):
        yield Mistake(
            "host",
            f"host was signed as `{other}` and sent as `{sent}`",
            _EXACTLY if "." in other else f"{_EXACTLY}; {_IN_FULL}",
            _with_header("host", other),
        )


def _path(request: LatticeRequest) -> Iterator[Mistake]:
    path = request.path or "/"
    other = path[:-1] if path.endswith("/") else f"{path}/"
    for encoding in ("double", "single"):
        for raw, name, advice in (
            (
                path,
                f"the path was encoded as {encoding}",
                "encode it as path_encoding of AuthSettings has it, or change that",
            ),
            (
                other,
                f"the path was signed as `{other}` and sent as `{path}`",
                "sign the path as it is sent, with or without its last slash",
            ),
        ):
            written = canonical_path(raw, encoding)
            yield Mistake(
                "path",
                name,
                advice,
                _with(path=written),
            )


def _other_paths(request: LatticeRequest, paths: Sequence[str]) -> Iterator[Mistake]:
    sent = (request.path or "/", request.query or "")
    for other in list(dict.fromkeys(paths))[:_MOST_PATHS]:
        path, _, query = other.partition("?")
        if (path or "/", query) == sent:
            continue
        for encoding in ("double", "single"):
            yield Mistake(
                "path",
                f"signed for another path, `{other}` (a redirect?)",
                "sign each request anew: httpx repeats the signature in a redirect",
                _with(
                    path=canonical_path(path, encoding), query=canonical_query(query)
                ),
            )


def _query(request: LatticeRequest) -> Iterator[Mistake]:
    query = request.query
    if not query:
        return
    pieces = [piece for piece in query.split("&") if piece]
    kept = [piece for piece in pieces if not piece.startswith("X-Amz-Signature=")]
    unsorted = "&".join(p if "=" in p else f"{p}=" for p in kept)
    signer = "&".join(piece for piece in kept if piece.startswith("X-Amz-"))
    # A dictionary of parameters keeps the last of each name.
    single = "&".join({piece.partition("=")[0]: piece for piece in kept}.values())
    for name, written in (
        ("was not sorted", unsorted),
        ("was not encoded again", "&".join(sorted(unsorted.split("&")))),
        ("had plus signs for spaces", canonical_query(query.replace("+", "%20"))),
        ("had spaces as plus signs", canonical_query(query).replace("%20", "+")),
        ("was left out", canonical_query(signer)),
        ("lost its repeated names", canonical_query(single)),
    ):
        yield Mistake(
            "query",
            f"the query {name} when it was signed",
            "sign the query that is sent: encoded, sorted by name and then by value",
            _with(query=written),
        )


def _scope(region: str) -> Iterator[Mistake]:
    for service in _SERVICES:
        yield Mistake(
            "service",
            f"the key was made for service `{service}`",
            f"sign for the service name {SERVICE}",
            _with(service=service),
        )
    for each in dict.fromkeys((region, *_REGIONS)):
        yield Mistake(
            "region",
            f"the key was made for region `{each}`",
            f"sign for region {region}",
            _with_region(each),
        )


def _method(request: LatticeRequest) -> Iterator[Mistake]:
    for method in dict.fromkeys((request.method.upper(), *_METHODS)):
        if method != request.method:
            yield Mistake(
                "method",
                f"method {method} was signed and {request.method} was sent",
                "sign the method that is sent",
                _with(method=method),
            )


def _token(view: View, token: str | None) -> Iterator[Mistake]:
    if token is not None and TOKEN in view.signed and view.values.get(TOKEN) != token:
        yield Mistake(
            "token",
            "another session token was signed than is sent",
            f"send {TOKEN} as it was signed",
            _with_header(TOKEN, token),
        )

    def without(view: View) -> View:
        kept = [
            piece
            for piece in view.query.split("&")
            if not piece.startswith("X-Amz-Security-Token=")
        ]
        return view.with_header(TOKEN, None)._replace(query="&".join(kept))

    yield Mistake(
        "token",
        "the session token was added after signing",
        f"give the session token to the signer, which signs {TOKEN}",
        without,
    )


def _time(view: View, now: int) -> Iterator[Mistake]:
    moment = read_time(view.timestamp)
    if moment is None:
        yield Mistake(
            "time",
            f"{DATE} was signed as {time_text(now)} and is not sent so",
            f"send {DATE} as it was signed",
            _with_time(time_text(now)),
        )
        return
    offsets = [*range(-5, 6), *(hours * _HOUR for hours in range(-12, 15))]
    times = [moment.microseconds + offset * _SECOND for offset in offsets]
    if other := read_time(view.values.get("date", "")):
        times.append(other.microseconds)
    for time in dict.fromkeys((now, *times)):
        if time == moment.microseconds or not 0 <= time < 250_000_000_000 * _SECOND:
            continue
        text = time_text(time)
        yield Mistake(
            "time",
            f"the time was signed as {text} and sent as {moment.text}",
            f"leave {DATE} as it was signed",
            _with_time(text),
        )


def _headers(view: View) -> Iterator[Mistake]:
    advice = "sign headers as they are sent, and let nothing change them afterwards"
    for name in view.signed[:_MOST_HEADERS]:
        value = view.values.get(name, "")
        shown = "<session token>" if name == TOKEN else "its value"
        others = {
            f"{name} was left out of what was signed": None,
            f"{name} was signed without a value": "",
            f"{shown} of {name} was signed in lower case": value.lower(),
            f"{shown} of {name} was signed in upper case": value.upper(),
            f"{shown} of {name} was signed without its quotes": value.strip("\"'"),
        }
        for text, other in others.items():
            if other != value:
                yield Mistake(
                    "header",
                    text,
                    advice,
                    _with_header(name, other),
                )
