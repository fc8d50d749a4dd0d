"""The access log as a test asks it: where, one, slices and what it looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    AccessLog,
    AccessLogEntry,
    ConfigurationError,
    LatticeAssertionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRY = AccessLogEntry(
    service_network_arn="arn:network",
    source_vpc_arn="arn:vpc",
    source_ip_port="10.0.0.9:40000",
    target_ip_port="10.0.1.2:80",
    service_arn="arn:service",
    source_vpc_id="vpc-1",
    start_time="2026-01-01T00:00:00Z",
    request_method="GET",
    request_path="/",
    protocol="HTTP/1.1",
    response_code=200,
    bytes_received=100,
    bytes_sent=200,
    duration=0,
    host_header="shop.example.com",
    request_id="id-1",
)
GONE = replace(ENTRY, response_code=404, request_path="/gone", target_ip_port="-")
BUSY = replace(
    ENTRY,
    response_code=503,
    request_path="/busy",
    target_ip_port="-",
    failure_reason="TargetConnectionError",
)
LOG = AccessLog([ENTRY, GONE, ENTRY, BUSY])


def complaint(call: Callable[[], object]) -> list[str]:
    """Return the lines of the assertion error that a call ends in."""
    with pytest.raises(LatticeAssertionError) as caught:
        call()
    return str(caught.value).splitlines()


def test_log_is_a_sequence() -> None:
    """What works with a list works with a log."""
    assert len(LOG) == 4
    assert list(LOG) == [ENTRY, GONE, ENTRY, BUSY]
    assert LOG[0] is ENTRY
    assert LOG[-1] is BUSY
    assert GONE in LOG
    assert next(reversed(LOG)) is BUSY
    assert LOG.count(ENTRY) == 2
    assert LOG.index(GONE) == 1
    assert not AccessLog([])
    with pytest.raises(IndexError):
        LOG[4]


def test_slice_is_a_log() -> None:
    """A part of a log can be asked further, and knows what is missing before it."""
    part = AccessLog(LOG, dropped=7)[1:3]

    assert isinstance(part, AccessLog)
    assert list(part) == [GONE, ENTRY]
    assert part.dropped == 7
    assert list(LOG[::-2]) == [BUSY, GONE]


def test_log_is_a_snapshot() -> None:
    """What happens after a log was taken does not change it."""
    entries = [ENTRY]
    log = AccessLog(entries)
    entries.append(GONE)

    assert list(log) == [ENTRY]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, [ENTRY, GONE, ENTRY, BUSY]),
        ({"response_code": 200}, [ENTRY, ENTRY]),
        ({"response_code": 404, "request_path": "/gone"}, [GONE]),
        ({"response_code": 404, "request_path": "/busy"}, []),
        ({"target_ip_port": "-"}, [GONE, BUSY]),
        ({"response_code": "404"}, []),
        ({"grpc_response_code": None}, [ENTRY, GONE, ENTRY, BUSY]),
    ],
)
def test_where_finds_entries_by_all_fields(
    fields: dict[str, Any], found: list[AccessLogEntry]
) -> None:
    """All given fields must have their values, exactly."""
    assert list(LOG.where(**fields)) == found


def test_where_can_be_chained() -> None:
    """The answer is a log again, with what the whole log dropped."""
    log = AccessLog(LOG, dropped=3).where(target_ip_port="-").where(response_code=503)

    assert list(log) == [BUSY]
    assert log.dropped == 3


@pytest.mark.parametrize(
    "ask",
    [LOG.where, LOG.one, AccessLog([]).where, AccessLog([]).one],
    ids=["where", "one", "where-empty", "one-empty"],
)
def test_unknown_field_is_refused(ask: Callable[..., object]) -> None:
    """A misspelled field is no field that happens not to match."""
    with pytest.raises(ConfigurationError) as caught:
        ask(responsecode=200)

    assert str(caught.value) == "unknown access log field `responsecode`"
    assert caught.value.__notes__ == ["did you mean `response_code`?"]


def test_one_returns_the_only_entry() -> None:
    """Where exactly one entry is meant, it is given."""
    assert LOG.one(response_code=404) is GONE
    assert AccessLog([ENTRY]).one() is ENTRY


def test_one_shows_what_there_is_instead_of_nothing() -> None:
    """If no entry fits, the last ones are shown."""
    assert complaint(lambda: LOG.one(response_code=500, request_path="/")) == [
        "0 of 4 access log entries have response_code=500, request_path='/', not one",
        f"  {ENTRY!r}",
        f"  {GONE!r}",
        f"  {ENTRY!r}",
        f"  {BUSY!r}",
    ]


def test_one_shows_those_that_fit() -> None:
    """If several entries fit, just these are shown."""
    assert complaint(lambda: LOG.one(target_ip_port="-")) == [
        "2 of 4 access log entries have target_ip_port='-', not one",
        f"  {GONE!r}",
        f"  {BUSY!r}",
    ]


def test_one_shows_the_last_five() -> None:
    """A long log is not shown as a whole."""
    entries = [replace(ENTRY, request_path=f"/{n}") for n in range(7)]

    assert complaint(AccessLog(entries).one) == [
        "the access log has 7 entries, not one",
        *(f"  {each!r}" for each in entries[2:]),
    ]


def test_one_of_an_empty_log() -> None:
    """If nothing happened, that is said."""
    assert complaint(AccessLog([]).one) == ["the access log has 0 entries, not one"]


def test_one_says_what_it_cannot_know() -> None:
    """If older exchanges were dropped, the entry may have been among them."""
    log = AccessLog([ENTRY], dropped=9)

    assert complaint(lambda: log.one(response_code=404)) == [
        "0 of 1 access log entries have response_code=404, not one",
        f"  {ENTRY!r}",
        "  (9 older exchanges are no longer kept)",
    ]


def test_repr_shows_an_entry_a_line() -> None:
    """A log prints so that a person can read it."""
    assert repr(LOG[1:]).splitlines() == [
        "<AccessLog of 3 entries",
        f"  {GONE!r}",
        f"  {ENTRY!r}",
        f"  {BUSY!r}>",
    ]


def test_repr_says_what_is_missing() -> None:
    """A log that has lost its beginning says so."""
    assert repr(AccessLog([], dropped=2)) == (
        "<AccessLog of 0 entries, 2 older exchanges no longer kept>"
    )
