"""A canary that is rolled back by itself, and one that is not.

The check of each step sends a hundred checkouts, so that one percent is one request,
and then asks the metrics, as a deployment pipeline asks an alarm.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from examples.canary_rollout.orders import TEN_STEPS, declare, version
from pytest_lattice import assert_logged, assert_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice import LatticeNetwork, RolloutStep

README = Path(__file__).parent / "README.md"


def checkouts(network: LatticeNetwork) -> Callable[[RolloutStep], None]:
    """Make the check of a step: no checkout of this minute may fail in green."""
    client = network.client("orders")

    def check(step: RolloutStep) -> None:
        for _ in range(100):
            client.post("/checkout")
        network.clock.advance(60)
        errors = network.metrics.sum(
            "HTTPCode_5XX_Count", target_group="green", start=step.start
        )
        assert not errors, f"{errors} of {step.requests['green']} checkouts failed"

    return check


def test_the_leak_does_not_show_in_one_request(lattice_network: LatticeNetwork) -> None:
    """Green answers as it should, and would pass a test of its own."""
    declare(lattice_network, green=version(leaks=True))
    shift = lattice_network.rollout(
        "orders", to="green", steps=[100], check=lambda _: True
    )
    response = lattice_network.client("orders").post("/checkout")

    assert shift.completed, str(shift)
    assert response.status_code == 201


def test_a_leak_is_rolled_back(lattice_network: LatticeNetwork) -> None:
    """At the fourth step the pool is empty, and all traffic goes to blue again."""
    declare(lattice_network, green=version(leaks=True))
    result = lattice_network.rollout(
        "orders",
        to="green",
        steps=TEN_STEPS,
        every=60,
        check=checkouts(lattice_network),
    )
    print(result, lattice_network.metrics, sep="\n\n")

    assert result.aborted_at == 25
    assert result.touched == 1 + 5 + 10 + 25
    assert_weights(
        lattice_network.decide("POST", "https://orders/checkout"),
        {"blue": 100, "green": 0},
    )
    assert str(result) in README.read_text(encoding="utf-8")


def test_what_the_rollback_left_behind(lattice_network: LatticeNetwork) -> None:
    """The access log has each failed checkout, the metrics have them by minute."""
    declare(lattice_network, green=version(leaks=True))
    result = lattice_network.rollout(
        "orders", to="green", check=checkouts(lattice_network)
    )
    failed = lattice_network.access_log.where(response_code=503)
    by_minute = lattice_network.metrics.statistics(
        "HTTPCode_5XX_Count", target_group="green", statistics=["Sum"]
    )

    assert len(failed) == 21
    assert {each.request_path for each in failed} == {"/checkout"}
    assert_logged(lattice_network, response_code=201, count=400 - len(failed))
    assert [each.value for each in by_minute] == [0, 0, 0, 21, 0]
    assert by_minute[3].timestamp == result.steps[3].start


def test_the_fixed_version_completes(lattice_network: LatticeNetwork) -> None:
    """Ten steps later everything is green."""
    declare(lattice_network, green=version())
    result = lattice_network.rollout(
        "orders",
        to="green",
        steps=TEN_STEPS,
        every=60,
        check=checkouts(lattice_network),
    )

    assert result.completed, str(result)
    assert [each.requests["green"] for each in result.steps] == list(TEN_STEPS)
    responses = [lattice_network.client("orders").get("/cart") for _ in range(10)]
    assert_weights(responses, {"green": 100})


def test_the_same_with_requests_side_by_side(lattice_network: LatticeNetwork) -> None:
    """An async test awaits `arollout`, whose check may be async."""
    declare(lattice_network, green=version(leaks=True))

    async def check(step: RolloutStep) -> None:
        responses = await asyncio.gather(
            *(client.post("/checkout") for _ in range(100))
        )
        statuses = [each.status_code for each in responses]
        assert statuses.count(503) == 0, f"{statuses.count(503)} checkouts failed"

    async def rollout() -> None:
        async with client:
            result = await lattice_network.arollout("orders", to="green", check=check)
        assert result.aborted_at == 25
        assert result.failure is not None
        assert result.failure.startswith("21 checkouts failed")

    client = lattice_network.async_client("orders")
    asyncio.run(rollout())
