"""httpx and httpx2 clients whose requests enter the service network.

The clients are the libraries' own; only the transport is ours.  It translates and
raises the library's transport errors, and decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from pytest_lattice.decision.exchange import EXTENSION
from pytest_lattice.errors import ConfigurationError, TargetError
from pytest_lattice.model.message import ClientGoneError, LatticeRequest
from pytest_lattice.model.outcome import Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from types import ModuleType
    from typing import Self

    from pytest_lattice.clients.base import AsyncReply, Entrance, Reply
    from pytest_lattice.model.message import Headers, HttpVersion, Source

# httpx and httpx2 have the same names but unrelated classes, so what is taken from
# the library at hand cannot be typed as either.
_Library: TypeAlias = Any

# What can stand in a request line: a path, a URL, or the asterisk of OPTIONS.
_TARGET = re.compile(rb"(/|https?://[^/?]+|\*$)[!-~]*")
_ORIGIN = re.compile(r"^https?://[^/?]*")
_NO_TIMEOUT: dict[str, float | None] = {}
_VERSIONS = {"HTTP/1.1": b"HTTP/1.1", "HTTP/2": b"HTTP/2"}
_ERRORS = {
    "connect timeout": "ConnectTimeout",
    "connection refused": "ConnectError",
    "connection reset": "ConnectError",
}


class NetworkTransport:
    """A transport for httpx or httpx2, blocking and async, into a network.

    Args:
        entrance: where requests go.
        source: the VPC and address they come from.
        library: the module `httpx` or `httpx2`.
        http2: whether HTTPS requests are made with HTTP/2.
    """

    def __init__(
        self,
        entrance: Entrance,
        source: Source,
        *,
        library: ModuleType,
        http2: bool = False,
    ) -> None:
        """Bind to a library."""
        self._entrance = entrance
        self._source = source
        self._library: _Library = library
        self._http2 = http2
        self._whole: type[Any] = library.ByteStream
        self._stream = _stream_class(library)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a blocking client."""
        stream: Any = request.stream
        body = b"".join(stream) if isinstance(stream, self._whole) else stream
        try:
            reply = self._entrance.handle(self._translate(request), body)
        except ClientGoneError as error:
            raise self._library.ReadTimeout(str(error), request=request) from error
        return self._response(request, reply)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an async client."""
        stream: Any = request.stream
        body = b"".join(stream) if isinstance(stream, self._whole) else stream
        try:
            reply = await self._entrance.ahandle(self._translate(request), body)
        except ClientGoneError as error:
            raise self._library.ReadTimeout(str(error), request=request) from error
        return self._response(request, reply)

    def _translate(self, request: httpx.Request) -> LatticeRequest:
        url = request.url
        scheme = url.scheme
        if scheme not in {"http", "https"}:
            raise self._unsupported(request)
        path, query = self._target(request)
        headers = _headers(tuple(request.headers.raw))
        name = url.host
        # The library puts it first, unless the user has set it.
        if headers and headers[0][0] == "host":
            host = headers[0][1]
        else:
            host = next((value for key, value in headers if key == "host"), name)
        # A name without a dot is short, unless it is an IPv6 address.
        if "." not in name and ":" not in name:
            short, name = name, self._entrance.full_name(name)
            host = _expanded(host, short, name)
            headers = tuple([(k, host if k == "host" else v) for k, v in headers])
        secure = scheme == "https"
        if secure:
            name = request.extensions.get("sni_hostname") or name
        version: HttpVersion = "HTTP/2" if self._http2 and secure else "HTTP/1.1"
        return LatticeRequest(
            request.method,
            scheme,
            host,
            name,
            url.port or (443 if secure else 80),
            path,
            query,
            headers,
            version,
            self._source,
            request.extensions.get("timeout", _NO_TIMEOUT).get("read"),
        )

    def _target(self, request: httpx.Request) -> tuple[str, str | None]:
        """Return path and query as they shall be sent."""
        # As httpcore has it: `target` is the path as it shall be sent.
        target: bytes = request.extensions.get("target", request.url.raw_path)
        if not _TARGET.fullmatch(target):
            # A connection would carry no such thing.
            raise self._library.LocalProtocolError(
                f"target `{target!r}` of the request is no path", request=request
            )
        text = target.decode("ascii")
        if text[0] == "h":
            # A server that gets a whole URL takes its path.
            text = _ORIGIN.sub("", text)
        path, mark, query = text.partition("?")
        return path or "/", query if mark else None

    def _unsupported(self, request: httpx.Request) -> Exception:
        error: Exception = self._library.UnsupportedProtocol(
            f"`{request.url}` is neither http nor https", request=request
        )
        if not request.url.scheme:
            error.add_note(
                "a relative URL needs the client of a service, "
                'as client("my-service") gives it'
            )
        return error

    def _response(
        self, request: httpx.Request, reply: Reply | AsyncReply
    ) -> httpx.Response:
        exchange = reply.exchange
        if exchange is None:
            raise self._transport_error(request, reply)
        body = reply.body
        whole = isinstance(body, bytes)
        response: httpx.Response = self._library.Response(
            exchange.response.status,
            headers=[
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in exchange.response.headers
            ],
            stream=(
                self._library.ByteStream(body) if whole else self._stream(body, request)
            ),
            extensions={
                "http_version": _VERSIONS[exchange.decision.request.http_version],
                EXTENSION: exchange,
            },
        )
        return response

    def _transport_error(
        self, request: httpx.Request, reply: Reply | AsyncReply
    ) -> Exception:
        outcome = reply.decision.outcome
        if not isinstance(outcome, Unreachable):  # a seam that does not keep its word
            raise TypeError(f"no exchange for outcome `{outcome}`")
        name = _ERRORS[outcome.error]
        error: Exception = getattr(self._library, name)(outcome.reason, request=request)
        error.add_note(reply.decision.explain())
        return error

    def __enter__(self) -> Self:
        """Do nothing; there is no connection to open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing; there is no connection to close."""

    async def __aenter__(self) -> Self:
        """Do nothing; there is no connection to open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Do nothing; there is no connection to close."""

    def close(self) -> None:
        """Do nothing; there is no connection to close."""

    async def aclose(self) -> None:
        """Do nothing; there is no connection to close."""


def _expanded(host: str, short: str, full: str) -> str:
    """Write the DNS name in the Host header where the short name stood."""
    name, colon, port = host.partition(":")
    return f"{full}{colon}{port}" if name == short else host


@lru_cache(maxsize=1024)
def _headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Translate headers; most requests of a client have the same."""
    return tuple(
        [(name.decode("latin-1").lower(), v.decode("latin-1")) for name, v in raw]
    )


@lru_cache(maxsize=4)
def _stream_class(library: _Library) -> type:
    """Make the stream of a streamed reply, which both kinds of client accept."""

    class ReplyStream(library.SyncByteStream, library.AsyncByteStream):  # type: ignore[misc]  # a class of the library at hand
        """The body of a reply, read chunk by chunk."""

        def __init__(self, body: _Library, request: _Library) -> None:
            self._body = body
            self._request = request

        def __iter__(self) -> Iterator[bytes]:
            try:
                yield from self._body
            except (TargetError, ClientGoneError) as error:
                raise self._broken(error) from error

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._body:
                    yield chunk
            except (TargetError, ClientGoneError) as error:
                raise self._broken(error) from error

        def _broken(self, error: TargetError | ClientGoneError) -> Exception:
            gone = isinstance(error, ClientGoneError)
            kind = library.ReadTimeout if gone else library.RemoteProtocolError
            broken: Exception = kind(str(error), request=self._request)
            return broken

        def close(self) -> None:
            self._body.close()

        async def aclose(self) -> None:
            await self._body.aclose()

    return ReplyStream


def library_or_default(library: ModuleType | None) -> ModuleType:
    """Return the client library to use.

    Args:
        library: the module `httpx` or `httpx2`; None means `httpx`.

    Raises:
        ConfigurationError: any other module.
    """
    if library is None:
        return httpx
    if getattr(library, "__name__", None) not in {"httpx", "httpx2"}:
        raise ConfigurationError(f"library `{library!r}` is neither httpx nor httpx2")
    return library


def check_options(options: Mapping[str, object]) -> None:
    """Refuse options of a client that would lead around the network.

    Args:
        options: what the library's client takes.

    Raises:
        ConfigurationError: a transport or a proxy.
    """
    for name in ("transport", "proxy", "proxies"):
        if name in options:
            raise ConfigurationError(
                f"option `{name}` of a client leads around the service network"
            )
