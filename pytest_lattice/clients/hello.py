"""The server name in a TLS ClientHello, read before any TLS library does.

Whether a connection is decrypted or passed through depends on the name, so it has to be
known first.  The functions read bytes and know no socket.

TLS: RFC 8446, sections 4.1.2 and 5.1; RFC 6066, section 3
"""

from __future__ import annotations

#: The type of a TLS record that holds a handshake message: how TLS begins.
HANDSHAKE = 0x16
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HEAD = 5  # type, version, length
_RECORD = 1 << 14
# Real ones have hundreds of bytes, with post-quantum keys some thousands.
_HELLO = 1 << 16


class HelloError(ValueError):
    """Bytes that begin like TLS and are no ClientHello."""


def server_name(data: bytes) -> str | None:
    """Read the server name of a ClientHello.

    Args:
        data: what came so far.

    Returns:
        The name in lower case without a trailing dot, ``""`` where the client gave
        none; None while the message is not whole.

    Raises:
        HelloError: it is no ClientHello.
    """
    hello = _hello(data)
    if hello is None:
        return None
    try:
        return _name(_Reader(hello))
    except IndexError:
        raise HelloError("a ClientHello ends early") from None


def _hello(data: bytes) -> bytes | None:
    """Join the records of the first handshake message; None while it is not whole."""
    message, at = b"", 0
    while len(data) >= at + _HEAD:
        kind, length = data[at], int.from_bytes(data[at + 3 : at + 5])
        if kind != HANDSHAKE or data[at + 1] != 3 or not 0 < length <= _RECORD:  # noqa: PLR2004  # the major version of TLS
            raise HelloError("no handshake record of TLS")
        if message == b"" and len(data) > at + _HEAD and data[at + 5] != _CLIENT_HELLO:
            raise HelloError("the first message is no ClientHello")
        message += data[at + _HEAD : at + _HEAD + length]
        at += _HEAD + length
        size = 4 + int.from_bytes(message[1:4])
        if len(message) >= 4 and size > _HELLO:  # noqa: PLR2004  # its type and length
            raise HelloError(f"a ClientHello of {size} bytes")
        if len(message) >= max(size, 4):
            return message[4:size]
    return None


class _Reader:
    """Takes bytes off the front of others."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise IndexError
        self._at += size
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> _Reader:
        """Take bytes with their length before them."""
        return _Reader(self.take(self.number(size)))

    def rest(self) -> bytes:
        """Take all that is left."""
        return self.take(len(self._data) - self._at)

    def __bool__(self) -> bool:
        return self._at < len(self._data)


def _name(hello: _Reader) -> str:
    hello.take(2 + 32)  # version, random
    hello.vector(1)  # session
    hello.vector(2)  # ciphers
    hello.vector(1)  # compressions
    if not hello:
        return ""
    extensions = hello.vector(2)
    while extensions:
        kind, extension = extensions.number(2), extensions.vector(2)
        if kind != _SERVER_NAME:
            continue
        names = extension.vector(2)
        while names:
            kind, name = names.number(1), names.vector(2)
            if kind == 0:
                return _text(name.rest())
    return ""


def _text(raw: bytes) -> str:
    try:
        return raw.decode("ascii").rstrip(".").lower()
    except UnicodeDecodeError:
        raise HelloError("a server name that is not ASCII") from None
