"""One registered target: its status, its reason, and its row."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_lattice import Target, TargetHealth
from pytest_lattice.clock import START
from pytest_lattice.health.registered import Registered
from pytest_lattice.routing.health import Health
from pytest_lattice.targets.probe import Verdict

MINUTE = 60_000_000
NOW = int(START.timestamp()) * 1_000_000
SAID = Verdict(passed=False, said="GET / answered 500", status=500)


def registered(status: str, verdict: Verdict | None = None) -> Registered:
    """Register a target in a status."""
    each = Registered(Target("i-1", port=80), Health(status), NOW)  # type: ignore[arg-type]  # one of AWS's
    each.verdict = verdict
    return each


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        ("INITIAL", None, "no health check before 2026-01-01 00:00:00"),
        ("INITIAL", SAID, "GET / answered 500"),
        ("UNHEALTHY", SAID, "GET / answered 500"),
        ("HEALTHY", SAID, ""),
        ("DRAINING", SAID, ""),
        ("UNAVAILABLE", None, ""),
    ],
)
def test_reason(status: str, verdict: Verdict | None, reason: str) -> None:
    """What keeps requests away is what the last probe said, or that there is none."""
    assert registered(status, verdict).reason == reason


def test_held_status_needs_no_reason() -> None:
    """A status that a test set has no reason in the probes."""
    each = registered("UNHEALTHY", SAID)
    each.pinned = "UNHEALTHY"

    assert (each.status, each.reason) == ("UNHEALTHY", "")


def test_since_counts_from_the_change() -> None:
    """Becoming what it is already changes nothing of the time."""
    each = registered("HEALTHY", SAID)
    each.become(Health("HEALTHY", 1), NOW + MINUTE)
    assert each.row == TargetHealth(
        "i-1", port=80, status="HEALTHY", last_check="GET / answered 500", since=START
    )
    each.become(Health("UNHEALTHY"), NOW + 2 * MINUTE)

    assert each.row == TargetHealth(
        "i-1",
        port=80,
        status="UNHEALTHY",
        reason_code="HealthCheckFailed",
        last_check="GET / answered 500",
        since=START + timedelta(minutes=2),
    )


def test_time_of_a_held_status_stays() -> None:
    """What the probes do beneath a held status is not seen."""
    each = registered("HEALTHY")
    each.pinned = "DRAINING"
    each.become(Health("UNHEALTHY"), NOW + MINUTE)

    assert (each.row.status, each.row.since) == ("DRAINING", START)
