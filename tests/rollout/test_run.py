"""Rollouts: weights shift step by step, and back when a check fails."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    ConfigurationError,
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    RolloutResult,
    Rule,
    Service,
    TargetGroup,
    assert_weights,
)
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice import RolloutStep

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Declare a service whose default action has two target groups."""
    with build() as made:
        yield made


def build(**settings: Any) -> LatticeNetwork:  # noqa: ANN401  # as LatticeNetwork's
    """Declare it."""
    made = LatticeNetwork(**settings)
    made.add(
        *(TargetGroup(name, targets="echo") for name in ("blue", "green", "red")),
        Service(
            "orders",
            listeners=[
                Listener(
                    "HTTPS",
                    default=Forward({"blue": 100, "green": 0}),
                    rules=[
                        Rule(10, path="/cart", action=Forward("blue")),
                        Rule(20, path="/fixed", action=FixedResponse(404)),
                    ],
                ),
            ],
        ),
    )
    return made


def weights(network: LatticeNetwork) -> dict[str, int]:
    """Read the weights of the default action."""
    return network.decide("GET", "https://orders/").weights


def sends(
    network: LatticeNetwork, requests: int, path: str = "/"
) -> Callable[[RolloutStep], None]:
    """Make a check that sends requests."""
    client = network.client("orders")

    def check(step: RolloutStep) -> None:
        for _ in range(requests):
            client.get(path)

    return check


# ---- steps that pass --------------------------------------------------------


def test_weights_follow_the_steps(network: LatticeNetwork) -> None:
    """In each step the new target group has its percentage, and at the end the last."""
    seen = []
    result = network.rollout(
        "orders", to="green", check=lambda step: seen.append(weights(network))
    )

    assert [each["green"] for each in seen] == [1, 5, 10, 25, 50, 100]
    assert [each["blue"] for each in seen] == [99, 95, 90, 75, 50, 0]
    assert weights(network) == {"blue": 0, "green": 100}
    assert result.completed
    assert result.aborted_at is None
    assert result.failure is None


def test_steps_last_as_long_as_asked(network: LatticeNetwork) -> None:
    """The clock goes on to the end of each step, whatever a check took of it."""

    def check(step: RolloutStep) -> None:
        assert step.start == network.clock.now
        network.clock.advance(20 if step.percent < 50 else 90)

    result = network.rollout(
        "orders", to="green", check=check, steps=[10, 50, 100], every=60
    )

    seconds = [(each.end - each.start).total_seconds() for each in result.steps]
    assert seconds == [60, 90, 90]
    assert result.steps[0].start == START
    assert network.clock.now == START + timedelta(seconds=240)


def test_requests_of_each_step_are_counted(network: LatticeNetwork) -> None:
    """With decks, a hundred requests a step are split exactly."""
    result = network.rollout("orders", to="green", check=sends(network, 100))

    assert [dict(each.requests) for each in result.steps] == [
        {"blue": 100 - percent, "green": percent} for percent in (1, 5, 10, 25, 50, 100)
    ]
    assert result.touched == 191


def test_traffic_of_others_is_counted_and_other_rules_are_not(
    network: LatticeNetwork,
) -> None:
    """Who sends does not matter, and by which rule it went does."""
    client = network.client("orders")

    def send() -> None:
        client.get("/")
        client.get("/cart")

    for second in (0, 30, 61):
        network.clock.at(network.clock.microseconds + second * 1_000_000, send)
    result = network.rollout(
        "orders", to="green", steps=[50, 100], check=lambda _: True
    )

    assert [sum(each.requests.values()) for each in result.steps] == [2, 1]


@settings(max_examples=40)
@given(
    st.sets(st.integers(1, 100), min_size=1, max_size=5),
    st.integers(0, 15),
    st.integers(1, 20),
)
def test_nothing_is_lost_of_a_short_history(
    steps: set[int], requests: int, history: int
) -> None:
    """What was touched is counted however few exchanges are kept."""
    with build(history=history) as network:
        responses = []
        client = network.client("orders")

        def check(step: RolloutStep) -> None:
            mine = [client.get("/").json()["target_group"] for _ in range(requests)]
            responses.extend(mine)
            assert step.requests["green"] == mine.count("green")
            log = step.access_log
            assert len(log) + log.dropped == len(mine)

        result = network.rollout("orders", to="green", check=check, steps=sorted(steps))

    assert result.touched == responses.count("green")
    assert result.completed


def test_rule_is_rolled_out(network: LatticeNetwork) -> None:
    """A rule goes by priority or name, and its new group need not be there before."""
    for rule in (10, "priority-10"):
        before = network.service("orders")
        result = network.rollout(
            "orders",
            to="green",
            rule=rule,
            check=sends(network, 4, "/cart"),
            steps=[50],
        )
        action = network.service("orders").listeners[0].rules[0].action
        assert action == Forward({"blue": 50, "green": 50})
        assert result.touched == 2
        assert weights(network) == {"blue": 100, "green": 0}
        network.change(before)


def test_listener_is_chosen(network: LatticeNetwork) -> None:
    """Of several listeners one has to be named, by port or name."""
    orders = network.service("orders")
    plain = Listener("HTTP", default=Forward({"green": 10, "blue": 90}))
    network.change(replace(orders, listeners=[*orders.listeners, plain]))
    for listener, percent in ((80, 20), ("http-80", 30)):
        network.rollout(
            "orders",
            to="green",
            listener=listener,
            steps=[percent],
            check=lambda _: True,
        )
        decision = network.decide("GET", "http://orders/")
        assert_weights(decision, {"green": percent, "blue": 100 - percent})
    assert weights(network) == {"blue": 100, "green": 0}


# ---- steps that fail --------------------------------------------------------


def test_failed_assertion_puts_the_weights_back(network: LatticeNetwork) -> None:
    """The rollout ends at once, and says what the check said."""

    def check(step: RolloutStep) -> None:
        sends(network, 100)(step)
        if step.percent == 25:
            network.clock.advance(7)
            raise AssertionError("too many errors\nin green")

    orders = network.service("orders")
    result = network.rollout("orders", to="green", check=check)

    assert network.service("orders") == orders
    assert network.clock.now == START + timedelta(seconds=187)
    assert not result.completed
    assert result.aborted_at == 25
    assert result.touched == 1 + 5 + 10 + 25
    assert str(result).splitlines() == [
        (
            "rollout to `green` aborted at 25 %, 41 requests touched: the default "
            "action of listener `https-443` of service `orders`"
        ),
        "  step  from                 to                   blue  green  check",
        "  1 %   2026-01-01 00:00:00  2026-01-01 00:01:00  99    1      passed",
        "  5 %   2026-01-01 00:01:00  2026-01-01 00:02:00  95    5      passed",
        "  10 %  2026-01-01 00:02:00  2026-01-01 00:03:00  90    10     passed",
        "  25 %  2026-01-01 00:03:00  2026-01-01 00:03:07  75    25     failed",
        "  the weights are back; the check at 25 % said",
        "    too many errors",
        "    in green",
    ]


def test_weights_go_back_to_what_they_were(network: LatticeNetwork) -> None:
    """Back means the very action of before, not 100 and 0."""
    orders = network.service("orders")
    (listener,) = orders.listeners
    action = Forward({"blue": 95, "green": 5})
    network.change(replace(orders, listeners=[replace(listener, default=action)]))
    result = network.rollout("orders", to="green", steps=[10], check=lambda _: False)

    assert network.service("orders").listeners[0].default is action
    assert result.failure == "the check returned False"


def test_assertion_without_words_is_named(network: LatticeNetwork) -> None:
    """A failure always has a text."""

    def check(_: RolloutStep) -> None:
        raise AssertionError

    result = network.rollout("orders", to="green", check=check)
    assert result.failure == "the check raised AssertionError"


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_other_exception_is_raised_with_the_weights_back(
    network: LatticeNetwork, error: BaseException
) -> None:
    """What is wrong with a check is no verdict on the new version."""

    def check(step: RolloutStep) -> None:
        if step.percent == 10:
            raise error

    with pytest.raises(type(error)) as caught:
        network.rollout("orders", to="green", check=check)

    assert caught.value is error
    assert weights(network) == {"blue": 100, "green": 0}


def test_exception_while_time_passes_puts_the_weights_back(
    network: LatticeNetwork,
) -> None:
    """What happens on the clock during a step may fail as well."""

    def fail() -> None:
        raise ValueError("a timer")

    network.clock.at(network.clock.microseconds + 90_000_000, fail)
    with pytest.raises(ValueError, match="a timer"):
        network.rollout("orders", to="green", check=lambda _: True)

    assert weights(network) == {"blue": 100, "green": 0}


def test_request_in_flight_belongs_to_the_weights_it_was_decided_by(
    network: LatticeNetwork,
) -> None:
    """One from before, with equal weights, is of no step."""

    def slow(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:  # noqa: ANN401  # WSGI's
        start_response("200 OK", [])
        yield b"a"
        yield b"b"

    network.add(TargetGroup("slow", targets=[slow]))
    orders = network.service("orders")
    default = Forward({"blue": 1, "slow": 99})
    network.change(
        replace(orders, listeners=[replace(orders.listeners[0], default=default)])
    )
    client = network.client("orders")
    with ExitStack() as before:
        before.enter_context(client.stream("GET", "/"))
        streams = [before.pop_all()]

    def check(_: RolloutStep) -> None:
        with streams.pop() as ended:
            ended.pop_all().close()
        with ExitStack() as begun:
            begun.enter_context(client.stream("GET", "/"))
            streams.append(begun.pop_all())

    result = network.rollout("orders", to="slow", steps=[99, 100], check=check)
    streams.pop().close()

    # The one from before is of no step, and the one of the last step ended later.
    assert [sum(each.requests.values()) for each in result.steps] == [1, 0]


def test_rollout_leaves_nothing_behind(network: LatticeNetwork) -> None:
    """When it is over, nothing counts its requests any more."""
    steps: list[ref[RolloutStep]] = []
    network.rollout("orders", to="green", check=lambda step: steps.append(ref(step)))

    assert [each() for each in steps] == [None] * 6


# ---- changes meanwhile ------------------------------------------------------


def test_other_changes_of_the_service_are_kept(network: LatticeNetwork) -> None:
    """A rollout moves one action and leaves the rest as the test has it."""

    def check(step: RolloutStep) -> bool:
        if step.percent == 5:
            orders = network.service("orders")
            network.change(replace(orders, tags={"team": "payments"}))
        return step.percent < 10

    result = network.rollout("orders", to="green", check=check)

    assert result.aborted_at == 10
    assert network.service("orders").tags == {"team": "payments"}
    assert weights(network) == {"blue": 100, "green": 0}


def shifted(network: LatticeNetwork) -> None:
    """Change the weights in between."""
    orders = network.service("orders")
    (listener,) = orders.listeners
    action = Forward({"blue": 1, "green": 2})
    network.change(replace(orders, listeners=[replace(listener, default=action)]))


@pytest.mark.parametrize("passes", [True, False])
def test_weights_of_somebody_else_are_not_overwritten(
    network: LatticeNetwork, *, passes: bool
) -> None:
    """Neither the next step nor the way back undoes what a test did meanwhile."""

    def check(step: RolloutStep) -> bool:
        if step.percent == 5:
            shifted(network)
            return passes
        return True

    with pytest.raises(ConfigurationError) as caught:
        network.rollout("orders", to="green", check=check)

    assert said(caught.value) == [
        (
            "the default action of listener `https-443` of service `orders` was "
            "changed during its rollout"
        ),
        "it stays as it is: Forward({'blue': 1, 'green': 2})",
    ]
    # It is said once.
    assert caught.value.__context__ is None
    assert weights(network) == {"blue": 1, "green": 2}


def test_error_of_a_check_stays_in_sight(network: LatticeNetwork) -> None:
    """Where the weights cannot be put back, the error says what came before."""

    def check(_: RolloutStep) -> None:
        shifted(network)
        raise ValueError("a bug")

    with pytest.raises(Exception, match="was changed during its rollout") as caught:
        network.rollout("orders", to="green", check=check)
    assert isinstance(caught.value.__context__, ValueError)


@pytest.mark.parametrize("gone", ["listener", "service"])
def test_service_that_is_gone_ends_a_rollout(
    network: LatticeNetwork, gone: str
) -> None:
    """What is no longer there cannot be rolled out."""

    def check(_: RolloutStep) -> None:
        orders = network.service("orders")
        if gone == "service":
            network.remove(orders)
        else:
            network.change(replace(orders, listeners=[]))

    assert refused(network.rollout, "orders", to="green", check=check) == [
        (
            "the default action of listener `https-443` of service `orders` was "
            "changed during its rollout"
        ),
        "it is gone",
    ]


# ---- async ------------------------------------------------------------------


async def rolled_out(network: LatticeNetwork, worst: int) -> RolloutResult:
    """Roll out with requests side by side."""
    client = network.async_client("orders")

    async def check(step: RolloutStep) -> None:
        await asyncio.gather(*(client.get("/") for _ in range(20)))
        assert step.requests["green"] <= worst, "too many"

    async with client:
        return await network.arollout("orders", to="green", check=check)


def test_async_check_is_awaited(network: LatticeNetwork) -> None:
    """A rollout does the same without blocking the loop."""
    result = asyncio.run(rolled_out(network, worst=20))
    assert result.completed
    assert [each.requests["green"] for each in result.steps][1:] == [1, 2, 5, 10, 20]
    assert network.clock.now == START + timedelta(seconds=360)


def test_async_check_fails(network: LatticeNetwork) -> None:
    """The weights are put back as by a blocking one."""
    result = asyncio.run(rolled_out(network, worst=5))
    assert result.aborted_at == 50
    assert result.failure is not None
    assert result.failure.startswith("too many")
    assert weights(network) == {"blue": 100, "green": 0}


def test_blocking_check_will_do(network: LatticeNetwork) -> None:
    """A check that awaits nothing need not be async."""

    async def run() -> RolloutResult:
        return await network.arollout("orders", to="green", check=lambda _: True)

    assert asyncio.run(run()).completed


def test_async_check_needs_the_async_rollout(network: LatticeNetwork) -> None:
    """A coroutine is true, and must not pass for an answer."""

    async def check(_: RolloutStep) -> bool:
        return False

    assert refused(network.rollout, "orders", to="green", check=check) == [
        "the check of a rollout is async",
        "await `arollout` instead",
    ]
    assert weights(network) == {"blue": 100, "green": 0}


# ---- what is refused --------------------------------------------------------


@pytest.mark.parametrize("answer", [0, 5, "fine", [], 1])
def test_check_says_true_or_false(network: LatticeNetwork, answer: object) -> None:
    """A count of errors that a check returns must not pass for a yes or no."""
    assert refused(network.rollout, "orders", to="green", check=lambda _: answer) == [
        f"the check of a rollout returned `{answer!r}`",
        "return True or False, or let an assertion fail",
    ]
    assert weights(network) == {"blue": 100, "green": 0}


def test_closed_network_rolls_nothing_out(network: LatticeNetwork) -> None:
    """After the end there is nothing to shift."""
    network.close()
    with pytest.raises(Exception, match=r"^the network is closed$") as caught:
        network.rollout("orders", to="green", check=lambda _: True)
    assert said(caught.value) == ["the network is closed"]
