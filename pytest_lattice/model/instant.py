"""Instants: microseconds since 1970, as the core counts them, and as dates.

It reads no clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def date_of(microseconds: int) -> datetime:
    """Return the date, in UTC, of microseconds since 1970."""
    return EPOCH + microseconds * _MICROSECOND


def microseconds_of(date: datetime) -> int:
    """Return the microseconds since 1970 of a date with a time zone."""
    return (date - EPOCH) // _MICROSECOND
