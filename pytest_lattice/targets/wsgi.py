"""WSGI apps as targets: whole and streamed requests, as PEP 3333 has them.

A blocking caller calls the app directly; for an awaiting one the app runs in a worker
thread, under asyncio and Trio alike.  A response is read as far as is needed to know
its head, the rest when the caller asks for it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from pytest_lattice.errors import BlockingCallError, TargetError
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply, close_body
from pytest_lattice.targets.recognize import name_of
from pytest_lattice.targets.server import (
    SERVER_ERROR,
    SERVER_ERROR_BODY,
    STATUSES,
    WITHOUT_BODY,
    client_address,
    note_target,
    scheme,
    speaks_http2,
)
from pytest_lattice.targets.threads import (
    AsyncChunks,
    Deed,
    in_thread,
    pull_from_thread,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import TypeAlias
    from wsgiref.types import WSGIApplication

    from pytest_lattice.model.message import Headers
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        Route,
        TargetRequest,
    )

    ErrorInfo: TypeAlias = (
        tuple[type[BaseException], BaseException, TracebackType]
        | tuple[None, None, None]
    )

# A body that says it is no longer than this is read at once: most are, and frameworks
# wrap even those into iterators.
_SMALL = 1024 * 1024
# What servers refuse in a response header: gunicorn, uwsgi and waitress do.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(r"[\0\r\n]")


class WsgiTarget:
    """A WSGI app that answers for a target.

    Args:
        app: the WSGI app.
        raise_exceptions: whether what the app raises goes through to the caller. Else
            the caller gets what an app server makes of it: status 500 or, where the
            response had begun, one that breaks off with a `TargetError`. A
            `BlockingCallError` always goes through.
    """

    def __init__(self, app: WSGIApplication, *, raise_exceptions: bool = True) -> None:
        self._app = app
        self._name = name_of(app)
        self._raise_exceptions = raise_exceptions
        self._constants: dict[Route, dict[str, Any]] = {}

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer in the calling thread.

        Raises:
            TargetError: the app broke the WSGI protocol.
            Exception: what the app raised before its response began.
        """
        response = _Response(self._name)
        try:
            environ = self._environ(request, body)
            answer = self._read(self._app(environ, response.start), request, response)
        except Exception as error:
            note_target(error, request.route)
            if self._raise_exceptions or isinstance(error, BlockingCallError):
                raise
            answer = SERVER_ERROR_BODY
            response.head = SERVER_ERROR
        if request.request.method == "HEAD" or response.head.status in WITHOUT_BODY:
            if not isinstance(answer, bytes):
                answer.close()
            answer = b""
        return TargetReply(response.head, answer)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer from a worker thread; see `call`."""
        whole = body if isinstance(body, bytes) else pull_from_thread(aiter(body))
        deed = Deed(lambda: self.call(request, whole), _drop)
        try:
            reply = await in_thread(deed)
        except BaseException:
            deed.leave()
            raise
        if isinstance(reply.body, bytes):
            return AsyncTargetReply(reply.response, reply.body)
        return AsyncTargetReply(reply.response, AsyncChunks(reply.body))

    def close(self) -> None:
        """Do nothing: a WSGI app has no end."""

    def _environ(self, request: TargetRequest, body: RequestBody) -> dict[str, Any]:
        """Describe the request as an app server beside the target would."""
        route, head = request.route, request.request
        constants = self._constants.get(route)
        if constants is None:
            constants = self._constants[route] = _constants(route)
        environ = constants.copy()
        environ["REQUEST_METHOD"] = head.method
        # Bytes travel as latin-1 text, whatever they mean.
        environ["PATH_INFO"] = unquote(head.path, "latin-1")
        environ["QUERY_STRING"] = head.query or ""
        environ["wsgi.errors"] = sys.stderr
        environ["wsgi.input"] = (
            io.BytesIO(body)
            if isinstance(body, bytes)
            else io.BufferedReader(_ChunkReader(body))
        )
        _add_headers(environ, request.headers)
        host = environ.get("HTTP_HOST") or f"{route.address}:{route.target.port}"
        server = _server(host, environ["wsgi.url_scheme"])
        environ["SERVER_NAME"], environ["SERVER_PORT"] = server
        return environ

    def _read(
        self, answer: Iterable[bytes], request: TargetRequest, response: _Response
    ) -> bytes | Generator[bytes] | _Chunks:
        """Read what an app returned, as far as it should be read now."""
        if isinstance(answer, list):
            # What most apps return, and nothing to close.
            response.check_started()
            return response.joined(answer)
        _check_iterable(answer, response.name)
        chunks = _Chunks(
            answer, response, request.route, raise_exceptions=self._raise_exceptions
        )
        chunks.fetch()
        is_short = hasattr(answer, "__len__") or response.length() <= _SMALL
        return chunks.read() if is_short else chunks


class _Response:
    """What an app tells by `start_response` and `write`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = SERVER_ERROR
        self.is_sent = False
        self._is_started = False
        self._written: list[bytes] = []

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: ErrorInfo | None = None,
        /,
    ) -> Callable[[bytes], object]:
        """Take the head; a second one only in place of what was not sent yet."""
        if exc_info is not None:
            if self.is_sent and exc_info[1] is not None:
                raise exc_info[1]
        elif self._is_started:
            raise TargetError(f"app `{self.name}` called `start_response` twice")
        self.head = self._read_head(status, headers)
        self._is_started = True
        return self._write

    def check_started(self) -> None:
        """Raise a `TargetError` for a body without a head."""
        if not self._is_started:
            raise TargetError(f"app `{self.name}` did not call `start_response`")

    def joined(self, chunks: Iterable[bytes]) -> bytes:
        """Join what was written, and chunks after it, to bytes."""
        written, self._written = self._written, []
        try:
            whole: bytes = b"".join([*written, *chunks])
        except TypeError as error:
            raise TargetError(f"app `{self.name}` gave a body not of bytes") from error
        return whole

    def length(self) -> float:
        """Give the announced length of the body."""
        for name, value in self.head.headers:
            if name.lower() == "content-length" and value.isdigit():
                return int(value)
        return float("inf")

    def _write(self, chunk: bytes) -> None:
        self._written.append(chunk)
        self.is_sent = self.is_sent or bool(chunk)

    def _read_head(
        self, status: str, headers: Iterable[tuple[object, object]]
    ) -> LatticeResponse:
        try:
            pairs = tuple([_checked(*pair) for pair in headers])
            return LatticeResponse(_code(status), pairs)
        except (TypeError, ValueError) as error:
            raise TargetError(
                f"app `{self.name}` called `start_response` with a malformed head"
            ) from error


class _Chunks(Iterator[bytes]):
    """The body of a response, read as it is asked for.

    Args:
        answer: what the app returned; closed once, at the end or before.
        response: the head, and what the app writes beside.
        route: where the app stands, for notes.
        raise_exceptions: see `WsgiTarget`.
    """

    def __init__(
        self,
        answer: Iterable[bytes],
        response: _Response,
        route: Route,
        *,
        raise_exceptions: bool,
    ) -> None:
        self._answer: Iterable[bytes] | None = answer
        self._chunks = iter(answer)
        self._ahead = b""
        self._response = response
        self._route = route
        self._raise_exceptions = raise_exceptions

    def fetch(self) -> None:
        """Read the first chunk that is not empty, with which the head is sent."""
        try:
            self._ahead = self._pull()
            self._response.check_started()
        except BaseException:
            self.close()
            raise
        self._response.is_sent = True

    def read(self) -> bytes | Generator[bytes]:
        """Read all; what breaks off stays an iterator."""
        collected: list[bytes] = []
        try:
            collected.extend(self)
        except TargetError as error:
            if self._raise_exceptions:
                raise
            return _breaking_off(collected, error)
        return b"".join(collected)

    def __next__(self) -> bytes:
        chunk, self._ahead = self._ahead, b""
        if not chunk:
            try:
                chunk = self._pull()
            except Exception as error:
                self.close()
                note_target(error, self._route)
                if self._raise_exceptions or isinstance(error, BlockingCallError):
                    raise
                raise TargetError(
                    f"app `{self._response.name}` failed before its response was "
                    "complete"
                ) from error
        if not chunk:
            self.close()
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close what the app returned, if that was not done yet."""
        answer, self._answer = self._answer, None
        self._chunks, self._ahead = iter(()), b""
        close = getattr(answer, "close", None)
        if close is None:
            return
        try:
            close()
        except Exception as error:
            note_target(error, self._route)
            if self._raise_exceptions:
                raise

    def _pull(self) -> bytes:
        """Get the next chunk that is not empty; an empty one is the end."""
        for each in self._chunks:
            if chunk := self._response.joined([each]):
                return chunk
        return self._response.joined(())


class _ChunkReader(io.RawIOBase):
    """A request body in chunks as a file, which takes a chunk when it needs one."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        """Fill a buffer from one chunk; 0 is the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        place = memoryview(cast("bytearray", buffer))
        count = min(len(place), len(self._rest))
        place[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _constants(route: Route) -> dict[str, Any]:
    """Build what is the same for every request on one way."""
    return {
        "SCRIPT_NAME": "",
        "REMOTE_ADDR": client_address(route),
        "SERVER_PROTOCOL": "HTTP/2" if speaks_http2(route) else "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme(route),
        # A body without a length ends where the file does.
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _add_headers(environ: dict[str, Any], headers: Headers) -> None:
    for name, value in headers:
        key = _environ_key(name)
        if key not in environ:
            environ[key] = value
        elif key:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ", ") + value
    environ.pop("", None)


def _check_iterable(answer: object, name: str) -> None:
    """Refuse what an app returns that is no body, such as nothing."""
    if isinstance(answer, Iterable):
        return
    if iscoroutine(answer):
        answer.close()
    kind = type(answer).__name__
    raise TargetError(f"app `{name}` returned `{kind}`, which is no iterable of bytes")


def _code(status: str) -> int:
    """Read a status line; `int` alone would take `-10` and `2_0`."""
    digits = status[:3]
    if not (digits.isdigit() and int(digits) in STATUSES):
        raise ValueError(status)
    return int(digits)


@lru_cache(maxsize=1024)
def _checked(name: object, value: object) -> tuple[str, str]:
    """Refuse a response header that no server could send."""
    if not (isinstance(name, str) and isinstance(value, str)):
        raise TypeError(name, value)
    if not _NAME.fullmatch(name) or _FORBIDDEN.search(value):
        raise ValueError(name, value)
    value.encode("latin-1")
    return name, value


@lru_cache(maxsize=1024)
def _environ_key(name: str) -> str:
    """Translate a header's name; empty for one that would pass for another."""
    if "_" in name:
        # App servers drop them: `x_a` would arrive under the key of `x-a`.
        return ""
    key = name.upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"


@lru_cache(maxsize=1024)
def _server(host: str, scheme: str) -> tuple[str, str]:
    """Split a Host header into name and port."""
    name, _, port = host.rpartition(":")
    if port.isdigit() and name:
        return name, port
    return host, "443" if scheme == "https" else "80"


def _drop(reply: TargetReply) -> None:
    """Close what an app returned to a caller who has left, as PEP 3333 has it."""
    close_body(reply.body)


def _breaking_off(chunks: list[bytes], error: TargetError) -> Generator[bytes]:
    yield from chunks
    raise error
