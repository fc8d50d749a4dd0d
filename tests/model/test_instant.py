"""Instants as numbers and as dates."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.model.instant import EPOCH, date_of, microseconds_of


def test_known_instants() -> None:
    """A day has as many microseconds as it has, and a zone is reckoned in."""
    noon = datetime(1970, 1, 2, 12, tzinfo=timezone(timedelta(hours=2)))

    assert date_of(0) == EPOCH
    assert date_of(86_400_000_000) == datetime(1970, 1, 2, tzinfo=UTC)
    assert microseconds_of(noon) == 34 * 3600 * 1_000_000


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_is_found_again(date: datetime) -> None:
    """Nothing is lost on the way to a number and back."""
    assert date_of(microseconds_of(date)) == date
