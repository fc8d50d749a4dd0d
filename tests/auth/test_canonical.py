"""What is signed of a request, held to botocore and to AWS's rules."""

from __future__ import annotations

import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.auth.canonical import (
    canonical_path,
    canonical_query,
    canonical_request,
    gather,
    header_lines,
    joined,
    raw,
    read_time,
    string_to_sign,
    time_text,
)
from tests.auth.signed import HOST, NOW, REGION, ROLE, STAMP, sent


@pytest.mark.parametrize(
    ("path", "double"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a//b", "/a/b"),
        ("/a/../b", "/b"),
        ("/../..", "/"),
        ("/a/./b/.", "/a/b"),
        ("/a/%2e%2e/b", "/a/%252e%252e/b"),
        ("/a%2Fb", "/a%252Fb"),
        ("/a/b/", "/a/b/"),
        ("/a+b", "/a%2Bb"),
        ("/a%20b~_.-", "/a%2520b~_.-"),
    ],
)
def test_path_is_that_of_botocore(path: str, double: str) -> None:
    """The double encoding is botocore's, the single one leaves the path as it is."""
    signer = SigV4Auth(ROLE.credentials, "vpc-lattice-svcs", REGION)

    assert canonical_path(path, "double") == double
    assert signer._normalize_url_path(path or "/") == double  # noqa: SLF001  # its own reference
    assert canonical_path(path, "single") == (path or "/")


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        (None, ""),
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=1&a=0&a", "a=&a=0&a=1"),
        ("a=%20&b=c%2fd", "a=%20&b=c%2Fd"),
        ("a+b=~*'", "a%2Bb=~%2A%27"),
        ("a=b=c", "a=b%3Dc"),
        ("&&a=1&", "a=1"),
        ("a=%zz", "a=%25zz"),
        ("a-=1&a=2", "a=2&a-=1"),
        ("X-Amz-Signature=0&X-Amz-Date=1", "X-Amz-Date=1"),
    ],
)
def test_query_is_encoded_and_sorted(query: str | None, canonical: str) -> None:
    """Names and values are encoded again, sorted, and repeats are kept."""
    assert canonical_query(query) == canonical


def test_headers_are_trimmed() -> None:
    """Spaces around a value go, those inside become one."""
    values = {"a": "  x \t y ", "b": "1"}

    assert header_lines(("a", "b"), values) == "a:x y\nb:1\n"


def test_missing_header_is_told() -> None:
    """A name without a value is the caller's to judge."""
    with pytest.raises(KeyError, match="gone"):
        header_lines(("gone",), {})


def test_repeats_are_joined() -> None:
    """Values of one name are joined in the order sent."""
    assert joined([("a", " 1 "), ("b", "x"), ("a", "2")]) == {"a": "1,2", "b": "x"}


def test_host_is_gathered_without_a_header() -> None:
    """In HTTP/2 the host stands in `:authority`."""
    assert gather(sent(())) == {"host": HOST}
    assert gather(sent((("host", "x"), ("a", "1"), ("a", "2")))) == {
        "host": "x",
        "a": "1,2",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STAMP, STAMP),
        ("Thu, 01 Jan 2026 00:00:00 GMT", STAMP),
        ("00010101T000000Z", "00010101T000000Z"),
        ("00000101T000000Z", None),
        ("20260230T000000Z", None),
        ("20260101T240000Z", None),
        ("2026-01-01T00:00:00Z", None),
        ("Thu, 01 Foo 2026 00:00:00 GMT", None),
        ("\u0662\u0660\u0662\u06660101T000000Z", None),
        ("", None),
        ("9" * 1000, None),
    ],
)
def test_time_is_read(text: str, expected: str | None) -> None:
    """A time is AWS's basic form or HTTP's; anything else is none."""
    moment = read_time(text)

    assert (moment and moment.text) == expected
    if expected == STAMP:
        assert moment is not None
        assert moment.microseconds == NOW


def test_time_is_written() -> None:
    """Fractions of a second are cut."""
    assert time_text(NOW + 999_999) == STAMP


def test_canonical_request_is_hashed() -> None:
    """The parts stand on lines of their own, and the hash of all is signed."""
    canonical = canonical_request("GET", "/", "a=1", lines="host:x\n", names="host")

    assert canonical == "GET\n/\na=1\nhost:x\n\nhost\nUNSIGNED-PAYLOAD"
    *head, hashed = string_to_sign("A", STAMP, "scope", canonical).decode().split("\n")
    assert head == ["A", STAMP, "scope"]
    assert len(hashed) == 64


@given(st.text())
def test_any_text_is_written(text: str) -> None:
    """Nothing raises, and what is written is sendable."""
    assert canonical_path(text, "double").isascii()
    assert canonical_query(text).isascii()
    assert raw(text + "\ud800\xe9")
