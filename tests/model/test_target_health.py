"""The health of targets as a table."""

from datetime import UTC, datetime

from pytest_lattice.model.target_health import TargetHealth, TargetHealthTable

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HEALTHY = TargetHealth("i-1", port=80, status="HEALTHY", since=NOON)
SICK = TargetHealth(
    "i-01234567",
    port=None,
    status="UNHEALTHY",
    reason_code="HealthCheckFailed",
    last_check="GET / answered 500",
    since=NOON,
)
TABLE = """\
target      port  status     reason code        last health check   since
i-1         80    HEALTHY    -                  -                   2026-01-01 12:00:00
i-01234567  -     UNHEALTHY  HealthCheckFailed  GET / answered 500  2026-01-01 12:00:00
"""


def test_table_as_text() -> None:
    """Columns are aligned, and what is not there is a hyphen."""
    assert f"{TargetHealthTable([HEALTHY, SICK])}\n" == TABLE


def test_group_without_targets() -> None:
    """A table without rows is its head."""
    assert str(TargetHealthTable()) == (
        "target  port  status  reason code  last health check  since"
    )


def test_rows_are_plain_values() -> None:
    """Rows are compared with `==`, and the table like a tuple."""
    table = TargetHealthTable([HEALTHY])

    assert table == (TargetHealth("i-1", port=80, status="HEALTHY", since=NOON),)
    assert table[0].reason_code is None
