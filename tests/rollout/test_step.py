"""The steps of a rollout, for a check to look at, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pytest_lattice import (
    Forward,
    LatticeNetwork,
    Listener,
    RolloutResult,
    RolloutStep,
    Rule,
    Service,
    StepResult,
    TargetGroup,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_check_sees_what_happened_in_its_step() -> None:
    """The requests and log entries are those that were decided by its weights."""
    seen = []
    rule = Rule(1, path="/other", action=Forward("red"))
    default = Forward({"blue": 1, "green": 0})
    with LatticeNetwork() as network:
        network.add(
            *(TargetGroup(name, targets="echo") for name in ("blue", "green", "red")),
            Service(
                "shop", listeners=[Listener("HTTP", default=default, rules=[rule])]
            ),
        )
        client = network.client("shop")

        def check(step: RolloutStep) -> None:
            for path in ("/", "/", "/other"):
                client.get(path)
            seen.append((repr(step), dict(step.requests), len(step.access_log)))
            assert step.access_log.dropped == 0
            with pytest.raises(TypeError, match="cannot be changed"):
                step.requests["blue"] = 0  # type: ignore[index]  # must not be possible

        network.rollout("shop", to="green", check=check, steps=[50, 100])

    assert seen == [
        (
            "<RolloutStep 50 % from 2026-01-01 00:00:00+00:00>",
            {"blue": 1, "green": 1},
            2,
        ),
        (
            "<RolloutStep 100 % from 2026-01-01 00:01:00+00:00>",
            {"blue": 0, "green": 2},
            2,
        ),
    ]


def result(*steps: tuple[int, int, str | None]) -> RolloutResult:
    """Make a result of percentage, requests to the new group, and failure."""
    minute = timedelta(minutes=1)
    return RolloutResult(
        "rule `cart`",
        "green",
        tuple(
            StepResult(
                percent,
                START + number * minute,
                START + (number + 1) * minute,
                {"blue": 10, "green": green},
                failure,
            )
            for number, (percent, green, failure) in enumerate(steps)
        ),
    )


def test_completed_rollout_as_text() -> None:
    """One line says how it ended, a table how each step went."""
    came = result((50, 1, None), (100, 0, None))

    assert (came.completed, came.aborted_at, came.failure, came.touched) == (
        True,
        None,
        None,
        1,
    )
    assert repr(came) == "<rollout to `green` completed, 1 request touched>"
    assert str(came).splitlines() == [
        "rollout to `green` completed, 1 request touched: rule `cart`",
        "  step   from                 to                   blue  green  check",
        "  50 %   2026-01-01 00:00:00  2026-01-01 00:01:00  10    1      passed",
        "  100 %  2026-01-01 00:01:00  2026-01-01 00:02:00  10    0      passed",
    ]


def test_aborted_rollout_is_told_by_its_last_step() -> None:
    """The last step that began is the one that failed, if one did."""
    came = result((5, 1, None), (10, 2, "broken\nassert 5 == 0"))

    assert (came.completed, came.aborted_at, came.failure, came.touched) == (
        False,
        10,
        "broken\nassert 5 == 0",
        3,
    )
    assert repr(came) == (
        "<rollout to `green` aborted at 10 %, 3 requests touched: broken>"
    )
