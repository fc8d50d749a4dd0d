"""A really running server as a target: requests are forwarded to its URL.

Bodies stream both ways.  Each request has a connection of its own, so that nothing is
left open between tests, no server waits for us when it stops, and any number of event
loops may follow each other.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import httpx

from pytest_lattice.decision.exchange import EXTENSION
from pytest_lattice.errors import TargetError
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply, CutError, TargetReply

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )

# RFC 9110, section 7.6.1: what concerns one connection is not forwarded.  Host and
# content-length pass; the framing of the body is made anew.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# Real seconds that connecting may take; AWS is silent.
_CONNECT_TIMEOUT = 5.0
# h11 words them so when a connection ends where a message does not
_CLOSED = ("Server disconnected", "peer closed connection")


class UrlTarget:
    """Forwards to a running server by HTTP/1.1.

    Args:
        url: scheme, host and port, as `recognize` lets them pass.
        connect_error_status: the answer where nothing listens.
    """

    def __init__(
        self,
        url: str,
        *,
        # AWS: its table says 500, field reports say 503; our choice
        connect_error_status: int = 503,
    ) -> None:
        self._url = url
        self._connect_error_status = connect_error_status

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Forward, blocking until the response begins."""
        transport = httpx.HTTPTransport(
            verify=self._tls, trust_env=False, limits=_NO_KEEP_ALIVE
        )
        try:
            response = transport.handle_request(self._outgoing(request, body))
        except httpx.TransportError as error:
            return TargetReply(*self._failed(request, error))
        return TargetReply(_head(response), _Body(response, request))

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Forward, waiting until the response begins."""
        transport = httpx.AsyncHTTPTransport(
            verify=self._tls, trust_env=False, limits=_NO_KEEP_ALIVE
        )
        outgoing = self._outgoing(request, body)
        try:
            response = await transport.handle_async_request(outgoing)
        except httpx.TransportError as error:
            return AsyncTargetReply(*self._failed(request, error))
        return AsyncTargetReply(_head(response), _AsyncBody(response, request))

    def close(self) -> None:
        """Release nothing; every connection ended with its request."""

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # AWS: vpc-lattice/latest/ug/target-groups: certificates are not validated.
        # So no authorities are loaded either, which would take longer than a test.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def _outgoing(
        self, request: TargetRequest, body: RequestBody | AsyncRequestBody
    ) -> httpx.Request:
        whole = isinstance(body, bytes)
        dropped = _HOP_BY_HOP | _named_in_connection(request.headers)
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in request.headers
            if name.lower() not in dropped
            # the length of a whole body is known better here
            and not (whole and body and name.lower() == "content-length")
        ]
        return httpx.Request(
            request.request.method,
            self._url,
            headers=headers,
            content=body or None,
            extensions={
                "timeout": httpx.Timeout(
                    request.route.idle_timeout, connect=_CONNECT_TIMEOUT
                ).as_dict(),
                # the path as it was sent, which httpx would normalize
                "target": request.request.target.encode("latin-1"),
                # whose it is, for an interception that lets nothing else out
                EXTENSION: request.request_id,
            },
        )

    def _failed(
        self, request: TargetRequest, error: httpx.TransportError
    ) -> tuple[LatticeResponse, bytes, str, str]:
        status, reason, problem = self._meaning(request, error)
        # our choice: the bare reason phrase as text
        body = HTTPStatus(status).phrase.encode()
        headers = (("content-type", "text/plain"), ("content-length", str(len(body))))
        detail = f"the server at `{self._url}` {problem}"
        return LatticeResponse(status, headers), body, reason, detail

    def _meaning(
        self, request: TargetRequest, error: httpx.TransportError
    ) -> tuple[int, str, str]:
        # AWS is silent about statuses: our choice
        causes = list(_causes(error))
        # trio's errors have no words of their own, their causes have
        words = next(filter(None, map(str, causes)), type(error).__name__)
        if isinstance(error, httpx.LocalProtocolError):
            # AWS: vpc-lattice/latest/ug/monitoring-access-logs: 400 if malformed
            return 400, "ClientProtocolError", f"cannot get this request: {words}"
        if any(isinstance(each, ssl.SSLError) for each in causes):
            return 502, "TargetProtocolError", f"does not speak TLS: {words}"
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            status = self._connect_error_status
            return status, "TargetConnectionError", f"cannot be reached: {words}"
        if isinstance(error, httpx.TimeoutException):
            silence = f"was silent for {request.route.idle_timeout:g} seconds"
            return 504, "TargetDataTimeout", silence
        if isinstance(error, httpx.NetworkError) or str(error).startswith(_CLOSED):
            return 502, "TargetConnectionClosed", "closed the connection early"
        return 502, "TargetProtocolError", f"broke the protocol: {words}"


_NO_KEEP_ALIVE = httpx.Limits(max_keepalive_connections=0)


class _Body(Iterator[bytes]):
    """A response body; closing it ends the connection."""

    def __init__(self, response: httpx.Response, request: TargetRequest) -> None:
        self._request = request
        self._stream = cast("httpx.SyncByteStream", response.stream)
        self._chunks = iter(self._stream)

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except httpx.TransportError as error:
            self.close()
            raise _broken(self._request, error) from error
        except StopIteration:
            self.close()
            raise

    def close(self) -> None:
        self._stream.close()


class _AsyncBody(AsyncIterator[bytes]):
    """The twin of `_Body`."""

    def __init__(self, response: httpx.Response, request: TargetRequest) -> None:
        self._request = request
        self._stream = cast("httpx.AsyncByteStream", response.stream)
        self._chunks = aiter(self._stream)

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except httpx.TransportError as error:
            await self.aclose()
            raise _broken(self._request, error) from error
        except StopAsyncIteration:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()
        # trio warns of generators that are left suspended, and httpx has several
        # inside each other: the closed connection makes them end, innermost first
        with suppress(httpx.TransportError):
            async for _ in self._chunks:
                pass


def _head(response: httpx.Response) -> LatticeResponse:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in response.headers.raw
    )
    dropped = _HOP_BY_HOP | _named_in_connection(headers)
    kept = tuple(pair for pair in headers if pair[0].lower() not in dropped)
    return LatticeResponse(response.status_code, kept)


def _named_in_connection(headers: Headers) -> set[str]:
    return {
        each.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for each in value.split(",")
    }


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _broken(request: TargetRequest, error: httpx.TransportError) -> TargetError:
    if isinstance(error, httpx.TimeoutException):
        # It really waited; no virtual time has passed.
        silent = "the target was silent for too long, within its response"
        return CutError("TargetDataTimeout", silent, request.time_epoch)
    return TargetError(f"the target broke off its response: {error}")
