"""gRPC as it travels in HTTP/2: frames, metadata, deadlines and statuses.

The functions translate between Python's values and bytes or headers, and know no
library.  Clients and targets share them, so what one writes the other reads.

gRPC: github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import quote_from_bytes, unquote

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Iterable,
        Iterator,
    )

    from pytest_lattice.model.message import Headers

#: Pairs of key and value; the values of keys in ``-bin`` are bytes.
Metadata: TypeAlias = tuple[tuple[str, str | bytes], ...]

CONTENT_TYPE = "application/grpc"
# Whether it is compressed, and its length.
_HEAD = struct.Struct(">BI")
_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
# What HTTP/2 and gRPC itself need; the rest of the headers is metadata.
_RESERVED = frozenset(
    {
        "content-type",
        "content-length",
        "grpc-accept-encoding",
        "grpc-encoding",
        "grpc-message",
        "grpc-status",
        "grpc-timeout",
        "host",
        "te",
        "trailer",
    }
)
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
# gRPC: doc/http-grpc-status-mapping.md.  AWS is silent; a real client read
# "Unavailable: Service Unavailable" where Lattice had no target.
_STATUS_OF_HTTP = {
    400: 13,
    401: 16,
    403: 7,
    404: 12,
    429: 14,
    502: 14,
    503: 14,
    504: 14,
}


class Status(NamedTuple):
    """How a call ended.

    Args:
        code: the number of the status, 0 for OK.
        details: its message.
        trailing: the trailing metadata.
    """

    code: int
    details: str = ""
    trailing: Metadata = ()


#: How a call ends whose metadata gRPC does not send.
INVALID_METADATA = Status(13, "Invalid metadata")
#: How a call ends when its deadline has passed.
EXPIRED = Status(4, "Deadline Exceeded")


# How most calls end.
_FINE, _FINE_TRAILERS = Status(0), (("grpc-status", "0"),)


class FrameError(ValueError):
    """A body that consists of no gRPC frames."""


class Line:
    """What client and target of one call tell each other beside the bytes.

    A real connection carries resets, and a debugger sees both ends of it.  The client
    puts its line into `LINE` for as long as it hands the call in.
    """

    def __init__(self) -> None:
        """Begin with nothing said."""
        #: What the servicer raised, for people.
        self.error: BaseException | None = None
        #: Whether the client has gone.
        self.cancelled = False
        self._listeners: list[Callable[[], object]] = []

    def cancel(self) -> None:
        """Tell the target that the client has gone."""
        self.cancelled = True
        while self._listeners:
            self._listeners.pop()()

    def on_cancel(self, listener: Callable[[], object]) -> None:
        """Call a listener when the client goes, or now if it has gone."""
        self._listeners.append(listener)
        if self.cancelled:
            self.cancel()


#: The line of the call that is being handed in.
LINE: ContextVar[Line | None] = ContextVar("pytest_lattice_grpc_line", default=None)


def frame(message: object) -> bytes:
    """Write a message as an uncompressed frame.

    Raises:
        TypeError: the message is not bytes, as where a stub has no serializer.
    """
    if not isinstance(message, bytes):
        # As grpc words it.
        kind = type(message).__name__
        raise TypeError(
            f"Argument 'message' has incorrect type (expected bytes, got {kind})"
        )
    return _HEAD.pack(0, len(message)) + message


class Frames:
    """Reads messages from bytes that come in chunks."""

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give the messages that are complete with a chunk.

        Raises:
            FrameError: a frame is compressed.
        """
        self._rest += chunk
        while len(self._rest) >= _HEAD.size:
            compressed, length = _HEAD.unpack_from(self._rest)
            end = _HEAD.size + length
            if compressed:
                raise FrameError("a compressed frame, though none was offered")
            if len(self._rest) < end:
                return
            message = bytes(self._rest[_HEAD.size : end])
            del self._rest[:end]
            yield message

    def end(self) -> None:
        """Hold that nothing is left.

        Raises:
            FrameError: a frame is incomplete.
        """
        if self._rest:
            raise FrameError("the body ended within a frame")


def messages(body: bytes | Iterable[bytes]) -> Iterator[bytes]:
    """Read the messages of a body, as they come.

    Raises:
        FrameError: it does not consist of frames.
    """
    if isinstance(body, bytes):
        if len(body) >= _HEAD.size and _HEAD.unpack_from(body) == (
            0,
            len(body) - _HEAD.size,
        ):
            yield body[_HEAD.size :]  # one message, as most bodies are
            return
        body = (body,)
    frames = Frames()
    for chunk in body:
        yield from frames.feed(chunk)
    frames.end()


async def amessages(body: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Read the messages of an async body; see `messages`."""
    if isinstance(body, bytes):
        for message in messages(body):
            yield message
        return
    frames = Frames()
    async for chunk in body:
        for message in frames.feed(chunk):
            yield message
    frames.end()


def headers_of(metadata: Iterable[tuple[str, str | bytes]]) -> Headers:
    """Write metadata as headers.

    Raises:
        ValueError: a key or a value that gRPC does not send.
        TypeError: the value of a key in ``-bin`` is not bytes.
    """
    pairs: list[tuple[str, str]] = []
    for key, value in metadata:
        if not _KEY.fullmatch(key):
            raise ValueError(f"metadata key `{key}` is not in lower case")
        if key.endswith("-bin"):
            if not isinstance(value, bytes):
                # As grpc words it.
                raise TypeError(
                    f'Binary metadata key="{key}" expected bytes, got {type(value)}'
                )
            pairs.append((key, b64encode(value).decode("ascii").rstrip("=")))
            continue
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if not _VALUE.fullmatch(text):
            raise ValueError(f"metadata value of `{key}` is not printable ASCII")
        pairs.append((key, text))
    return tuple(pairs)


def metadata_of(headers: Headers) -> Metadata:
    """Read metadata from headers or trailers."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in headers:
        key = _metadata_key(name)
        if key is not None:
            found.append((key, _decoded(value) if key.endswith("-bin") else value))
    return tuple(found)


@lru_cache(maxsize=1024)
def _metadata_key(name: str) -> str | None:
    """Return the key that a header is metadata under; None for other headers."""
    key = name.lower()
    return None if key in _RESERVED or key.startswith(":") else key


def _decoded(value: str) -> bytes:
    return b64decode(value + "=" * (-len(value) % 4))


def trailers_of(status: Status) -> Headers:
    """Write how a call ended as trailers."""
    if status == _FINE:
        return _FINE_TRAILERS
    try:
        trailing = headers_of(status.trailing)
    except (ValueError, TypeError):
        status, trailing = INVALID_METADATA, ()
    pairs = [("grpc-status", str(status.code))]
    if status.details:
        # gRPC: percent-encoded, but for printable ASCII without "%"
        raw = status.details.encode("utf-8", "replace")
        pairs.append(("grpc-message", quote_from_bytes(raw, _PRINTABLE)))
    return (*pairs, *trailing)


_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def grpc_status_in(headers: Headers) -> int | None:
    """Return the number of the status in trailers or in a head without a body."""
    for name, value in headers:
        if name.lower() == "grpc-status" and value.isdigit():
            return int(value)
    return None


def status_of(trailers: Headers) -> Status | None:
    """Read how a call ended; None where the trailers do not say."""
    if trailers == _FINE_TRAILERS:
        return _FINE
    code = grpc_status_in(trailers)
    if code is None:
        return None
    details = next((v for name, v in trailers if name.lower() == "grpc-message"), "")
    return Status(code, unquote(details), metadata_of(trailers))


def status_of_http(status: int) -> int:
    """Return the gRPC status that stands for an HTTP status."""
    return _STATUS_OF_HTTP.get(status, 2)


def timeout_header(seconds: float) -> str:
    """Write a deadline, to the microsecond where eight digits suffice."""
    for unit in "umSMH":
        amount = max(round(seconds / _UNITS[unit]), 0)
        if amount < 10**8:
            return f"{amount}{unit}"
    return "99999999H"


def timeout_in(headers: Headers) -> float | None:
    """Return the seconds of a deadline in request headers; None for none."""
    for name, value in headers:
        if name == "grpc-timeout" and (found := _TIMEOUT.fullmatch(value)):
            return int(found[1]) * _UNITS[found[2]]
    return None
