"""The server name in a ClientHello is what a real TLS library sent."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.clients.hello import HelloError, server_name

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
# Addresses are no names, and TLS does not send them as such.
NAMES = (
    st.lists(LABEL, min_size=2, max_size=6)
    .filter(lambda labels: not labels[-1].isdigit())
    .map(".".join)
)


def hello(name: str | None) -> bytes:
    """Let Python's TLS write a ClientHello."""
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = name is not None
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(data: bytes, size: int) -> bytes:
    """Split the message of one record over records of a size."""
    message = data[5:]
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(data[:3] + len(part).to_bytes(2) + part for part in parts)


HELLO = hello("orders.example.com")


@given(NAMES)
def test_name_is_read(name: str) -> None:
    """Whatever name a client gives is found."""
    assert server_name(hello(name)) == name


def test_name_is_of_one_spelling() -> None:
    """Case does not matter, and no client sends the trailing dot on purpose."""
    assert (
        server_name(HELLO.replace(b"orders.ex", b"OrderS.Ex")) == "orders.example.com"
    )
    assert server_name(HELLO.replace(b".com", b"com.")) == "orders.examplecom"


def test_client_without_a_name() -> None:
    """A client that gives none, as for an IP address, is told apart."""
    assert server_name(hello(None)) == ""


@given(st.integers(0, len(HELLO) - 1))
def test_beginning_is_not_enough(size: int) -> None:
    """Each beginning of a ClientHello asks for more."""
    assert server_name(HELLO[:size]) is None


@given(st.integers(1, 600))
def test_records_are_joined(size: int) -> None:
    """A message may be cut into records anywhere."""
    assert server_name(in_records(HELLO, size)) == "orders.example.com"


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255))
def test_changed_bytes_are_read_or_refused(at: int, byte: int) -> None:
    """One wrong byte gives a name, a request for more, or a refusal: no other error."""
    changed = HELLO[:at] + bytes([byte]) + HELLO[at + 1 :]
    try:
        name = server_name(changed)
    except HelloError:
        return
    assert name is None or isinstance(name, str)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Bytes that only begin like TLS give no other error either."""
    try:
        name = server_name(b"\x16\x03\x01" + data)
    except HelloError:
        return
    assert name is None or isinstance(name, str)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x17\x03\x01\x00\x05", "no handshake record of TLS"),
        (b"\x16\x02\x00\x00\x05", "no handshake record of TLS"),
        (b"\x16\x03\x01\x00\x00", "no handshake record of TLS"),
        (b"\x16\x03\x01\x40\x01", "no handshake record of TLS"),
        (b"\x16\x03\x01\x00\x05\x02", "the first message is no ClientHello"),
        (
            b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x03",
            "a ClientHello of 16777219 bytes",
        ),
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", "a ClientHello ends early"),
    ],
)
def test_what_is_no_hello_is_refused(data: bytes, reason: str) -> None:
    """The reason is said."""
    with pytest.raises(HelloError) as caught:
        server_name(data)
    assert str(caught.value) == reason
