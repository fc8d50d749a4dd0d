"""gRPC's bytes and headers, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.model.grpc_wire import (
    FrameError,
    Line,
    Status,
    amessages,
    frame,
    headers_of,
    messages,
    metadata_of,
    status_of,
    status_of_http,
    timeout_header,
    timeout_in,
    trailers_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@given(st.lists(st.binary(max_size=40)), st.integers(1, 20))
def test_messages_survive_any_chunks(sent: list[bytes], size: int) -> None:
    """However frames are cut into chunks, the messages are those that were sent."""
    whole = b"".join(frame(each) for each in sent)
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def read(body: bytes | AsyncIterator[bytes]) -> list[bytes]:
        return [each async for each in amessages(body)]

    assert list(messages(chunks)) == list(messages(whole)) == sent
    assert asyncio.run(read(stream())) == asyncio.run(read(whole)) == sent


@pytest.mark.parametrize("body", [b"\0", b"\0\0\0\0\2x", b"\1\0\0\0\0"])
def test_broken_frames_are_refused(body: bytes) -> None:
    """A frame that is cut or compressed is an error."""
    with pytest.raises(FrameError):
        list(messages(body))


def test_metadata_travels_as_headers() -> None:
    """Binary values are in base64 without padding; what HTTP needs is no metadata."""
    metadata = (("a", "x y"), ("b-bin", b"\xff"), ("grpc-status-details-bin", b"\0"))
    headers = headers_of(metadata)

    assert headers[1] == ("b-bin", "/w")
    assert metadata_of((("te", "trailers"), ("grpc-timeout", "1S"), *headers)) == (
        metadata
    )


@pytest.mark.parametrize(
    "pair", [("Upper", "x"), ("a b", "x"), ("a", "ü"), ("a", "\n")]
)
def test_metadata_that_cannot_travel_is_refused(pair: tuple[str, str]) -> None:
    """A key in upper case or a value outside of ASCII is an error."""
    with pytest.raises(ValueError, match="metadata"):
        headers_of((pair,))


@given(st.integers(0, 16), st.text(st.characters(exclude_categories=["Cs"])))
def test_status_travels_as_trailers(code: int, details: str) -> None:
    """Number, message and metadata arrive as they were sent, in printable ASCII."""
    status = Status(code, details, (("a", "x"),))
    trailers = trailers_of(status)

    assert status_of(trailers) == status
    assert all(value.isascii() and value.isprintable() for _, value in trailers)


def test_trailers_without_a_status_say_nothing() -> None:
    """Only `grpc-status` tells how a call ended."""
    assert status_of((("grpc-message", "x"),)) is None


@pytest.mark.parametrize(
    ("http", "code"),
    [
        *((400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14)),
        *((503, 14), (504, 14), (500, 2), (418, 2), (302, 2)),
    ],
)
def test_http_status_stands_for_a_grpc_status(http: int, code: int) -> None:
    """An answer that is no gRPC has gRPC's standard status."""
    assert status_of_http(http) == code


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0u"),
        (0.5, "500000u"),
        (99, "99000000u"),
        (100, "100000m"),
        (1e9, "16666667M"),
    ],
)
def test_deadline_travels_with_its_best_unit(seconds: float, text: str) -> None:
    """Eight digits are what there is room for."""
    assert timeout_header(seconds) == text
    assert timeout_in((("grpc-timeout", text),)) == pytest.approx(seconds)


def test_no_deadline_is_none() -> None:
    """A request without the header, or with nonsense in it, has no deadline."""
    assert timeout_in((("grpc-timeout", "soon"), ("other", "1S"))) is None


def test_line_tells_late_listeners_too() -> None:
    """Whoever listens after the client has gone hears of it at once."""
    line, heard = Line(), []
    line.on_cancel(lambda: heard.append("early"))
    line.cancel()
    line.on_cancel(lambda: heard.append("late"))

    assert heard == ["early", "late"]
