"""What the probes of a group are, and what comes of them."""

from __future__ import annotations

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    BlockingCallError,
    Fault,
    FixedResponse,
    Forward,
    GrpcTarget,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Service,
    Target,
    TargetGroup,
    Vpc,
)
from pytest_lattice.routing.state import TargetState
from tests.health.servers import CHECK, QUIET, Asgi, Wsgi, serve, statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_group_comes_into_use_later(network: LatticeNetwork) -> None:
    """A group that no service refers to is UNUSED and not probed, until one does."""
    server = Wsgi()
    network.add(
        TargetGroup("web", targets=[server], health_check=CHECK),
        Service("shop", listeners=[Listener("HTTP", default=FixedResponse(404))]),
    )
    network.clock.advance(3600)
    assert (statuses(network), server.probes) == (["UNUSED"], [])
    forwarding = [Listener("HTTP", default=Forward("web"))]
    network.change(replace(network.service("shop"), listeners=forwarding))

    assert network.client("shop").get("/").status_code == 200
    assert server.probes == ["/health"]
    network.change(
        replace(
            network.service("shop"),
            listeners=[Listener("HTTP", default=FixedResponse(404))],
        )
    )
    network.clock.advance(3600)
    assert (statuses(network), server.probes) == (["UNUSED"], ["/health"])


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ({"health_check": HealthCheck(enabled=False)}, Wsgi(500)),
        ({"protocol_version": "HTTP2"}, Wsgi(500)),
        ({"type": "ALB"}, Wsgi(500)),
        ({"type": "LAMBDA"}, lambda event, context: {"statusCode": 500}),
    ],
    ids=["off", "HTTP2", "ALB", "LAMBDA"],
)
def test_unchecked_targets_are_unavailable(
    network: LatticeNetwork, fields: dict[str, Any], target: object
) -> None:
    """Without checks targets are UNAVAILABLE once in use, and serve."""
    network.add(TargetGroup("web", targets=[target], **fields))
    assert statuses(network) == ["UNUSED"]
    network.add(Service("shop", listeners=[Listener("HTTPS", default=Forward("web"))]))
    network.clock.advance(3600)

    assert statuses(network) == ["UNAVAILABLE"]
    assert getattr(target, "probes", []) == []


def test_target_without_an_app_is_trusted(network: LatticeNetwork) -> None:
    """Nothing can be asked of a target that no app is bound to: it serves."""
    serve(network, Target("i-1"), health_check=CHECK)
    network.clock.advance(3600)
    network.register_targets("web", Target("i-2"))
    assert statuses(network) == ["HEALTHY", "INITIAL"]
    network.clock.advance(30)

    assert statuses(network) == ["HEALTHY", "HEALTHY"]
    assert network.target_health("web")[0].last_check is None


@QUIET
def test_two_failures_and_five_passes(network: LatticeNetwork) -> None:
    """A target leaves with the second failure and is back with the fifth pass."""
    sick, well = Wsgi(), Wsgi()
    serve(network, Target("i-1", app=sick), Target("i-2", app=well))
    network.clock.advance(30)
    sick.status = 503
    seen = []
    for _ in range(9):
        network.clock.advance(30)
        seen.append(statuses(network)[0][0])
        if len(seen) == 3:
            sick.status = 200

    assert "".join(seen) == "HUUUUUUHH"
    row = network.target_health("web")[0]
    assert (row.reason_code, row.last_check) == (None, "GET / answered 200")
    assert row.since.isoformat() == "2026-01-01T00:04:30+00:00"


@QUIET
def test_requests_go_to_the_healthy_ones_and_say_why(network: LatticeNetwork) -> None:
    """An unhealthy target gets nothing, and the decision tells what it answered."""
    targets = [Target("10.0.0.1", app=Wsgi(500)), Target("10.0.0.2", app=Wsgi())]
    serve(network, *targets, type="IP", health_check=CHECK)
    network.clock.advance(30)
    steps = network.decide("GET", "http://shop/").steps

    assert steps[-1].text == (
        "`10.0.0.2` at 10.0.0.2:80 of `web`; 1 of 2 targets gets nothing: "
        "`10.0.0.1` is UNHEALTHY (GET /health answered 500)"
    )


@QUIET
def test_all_unhealthy_fail_open(network: LatticeNetwork) -> None:
    """Where all targets fail their checks, all of them serve."""
    serve(network, Wsgi(500), Wsgi(500))
    network.clock.advance(60)
    row = network.target_health("web")[1]

    assert (row.status, row.reason_code) == ("UNHEALTHY", "HealthCheckFailed")
    assert [network.client("shop").get("/").status_code for _ in range(4)] == [200] * 4


def test_exception_fails_the_probe_only(network: LatticeNetwork) -> None:
    """What an app raises while it is probed is kept, and never reaches the test."""
    server = Wsgi()
    serve(network, server)
    server.meanwhile = lambda: 1 / 0
    network.clock.advance(60)
    row = network.target_health("web")[0]

    assert row.status == "UNHEALTHY"
    assert row.last_check == "GET / raised ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("seconds", "status"), [(5, "HEALTHY"), (6, "UNHEALTHY")])
def test_time_that_passes_in_the_app_counts(
    network: LatticeNetwork, seconds: int, status: str
) -> None:
    """A probe that takes longer than the timeout fails; the schedule stays."""
    server = Wsgi()
    serve(network, server)
    server.meanwhile = lambda: network.clock.advance(seconds)
    network.clock.advance(60)

    assert statuses(network) == [status]
    assert len(server.probes) == 2


def test_grpc_group_is_probed_by_http(network: LatticeNetwork) -> None:
    """A check that is switched on for a gRPC server fails, and says so."""
    network.add(
        TargetGroup(
            "web",
            protocol_version="GRPC",
            health_check=HealthCheck(enabled=True),
            targets=[GrpcTarget()],
        ),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("web"))]),
    )
    row = network.target_health("web")[0]

    assert (row.status, row.last_check) == (
        "INITIAL",
        "GET / was answered by a gRPC server; health checks are HTTP",
    )


def test_probes_are_no_traffic(network: LatticeNetwork) -> None:
    """Probes are in no history and no log, and disturb no turn."""
    first, second = Wsgi(), Wsgi()
    serve(network, first, second)
    before = network.decide("GET", "http://shop/").target
    network.clock.advance(3600)

    assert (network.exchanges, [*network.access_log]) == ((), [])
    assert network.decide("GET", "http://shop/").target != before


def test_streamed_health_is_closed(network: LatticeNetwork) -> None:
    """An answer that never ends passes by its status, and is closed."""
    closed: list[bool] = []

    def endless(environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"."
        finally:
            closed.append(True)

    serve(network, endless)
    network.clock.advance(60)

    assert (statuses(network), closed) == (["HEALTHY"], [True, True])


@QUIET
def test_reason_that_changes_is_told_anew(network: LatticeNetwork) -> None:
    """The reason of an unhealthy target is what the last probe said."""
    server = Wsgi(500)
    serve(network, Target("i-1", app=server), Target("i-2", app="echo"))
    network.clock.advance(60)
    before = network.decide("GET", "http://shop/")
    server.status = 404
    network.clock.advance(30)

    assert "(GET / answered 404)" in network.decide("GET", "http://shop/").explain()
    assert "(GET / answered 500)" in before.explain()


def test_flapping_compiles_no_rule_again(network: LatticeNetwork) -> None:
    """When a target changes its status, only its group's state is another."""
    server = Wsgi()
    serve(network, server)
    before = network.decide("GET", "http://shop/")
    server.meanwhile = lambda: 1 / 0
    network.clock.advance(60)
    after = network.decide("GET", "http://shop/")

    assert after.state is before.state
    assert after.rule_state is before.rule_state
    assert (before.target_state and before.target_state.status) == "HEALTHY"
    assert (after.target_state and after.target_state.status) == "UNHEALTHY"


def test_app_that_changes_the_network_while_it_is_probed(
    network: LatticeNetwork,
) -> None:
    """Targets may come and go in the middle of a round."""
    first, second, third = Wsgi(), Wsgi(), Wsgi()
    serve(network, first, second)
    first.meanwhile = partial(_replace_once, network, second, third)
    network.clock.advance(30)
    assert (len(first.probes), second.probes, third.probes) == (1, [], [])
    network.clock.advance(30)

    assert (len(first.probes), second.probes, len(third.probes)) == (2, [], 1)
    assert statuses(network) == ["HEALTHY", "HEALTHY", "DRAINING"]


def _replace_once(network: LatticeNetwork, old: Wsgi, new: Wsgi) -> None:
    group = network.configuration.target_group("web")
    if any(each.app is old for each in group.registered):
        network.deregister_targets("web", old)
        network.register_targets("web", new)


def test_group_that_leaves_and_returns_in_its_own_round(
    network: LatticeNetwork,
) -> None:
    """A round that is overtaken by a change does not go on beside the next one."""
    server = Wsgi()
    serve(network, server)

    def leave_and_return() -> None:
        server.meanwhile = None
        for action in (FixedResponse(404), Forward("web")):
            listeners = [Listener("HTTP", default=action)]
            network.change(replace(network.service("shop"), listeners=listeners))

    server.meanwhile = leave_and_return
    network.clock.advance(300)

    assert len(server.probes) == 10


def test_address_follows_the_vpc(network: LatticeNetwork) -> None:
    """Targets move with the range of their VPC, when that is declared."""
    serve(network, "echo")
    network.add(Vpc("default", cidr="10.77.0.0/16"))
    state = network.decide("GET", "http://shop/").target_state

    assert state is not None
    assert state.address.startswith("10.77.")


def test_flapping_leaves_nothing_behind() -> None:
    """However often a target changes its status, memory stays flat."""
    with LatticeNetwork(history=1) as network:
        serve(network, Target("i-flapping", app="echo"))
        client = network.client("shop")
        for _ in range(50):
            network.set_target_status("web", "i-flapping", "UNHEALTHY")
            client.get("/")
            network.set_target_status("web", "i-flapping", None)
            client.get("/")
        gc.collect()
        kept = [each for each in gc.get_objects() if isinstance(each, TargetState)]

    assert len([each for each in kept if each.target.id == "i-flapping"]) < 10


def test_exception_and_stream_on_a_running_loop(network: LatticeNetwork) -> None:
    """Awaited probes fail by exceptions and close streams as blocking ones do."""
    closed: list[bool] = []
    broken = Asgi()
    broken.meanwhile = lambda: 1 / 0

    async def endless(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                part = {"type": "http.response.body", "body": b".", "more_body": True}
                await send(part)
        finally:
            closed.append(True)

    serve(network, broken, endless)
    asyncio.run(network.clock.aadvance(60))

    assert statuses(network) == ["UNHEALTHY", "HEALTHY"]
    assert closed == [True, True]


def test_blocking_call_of_an_app_is_told_even_so(network: LatticeNetwork) -> None:
    """An app that blocks its own loop in its health check is a mistake of the test."""
    server = Asgi()
    serve(network, server)
    server.meanwhile = lambda: network.client("shop").get("/")

    with pytest.raises(BlockingCallError):
        asyncio.run(network.clock.aadvance(30))


def test_few_of_many_targets_are_told(network: LatticeNetwork) -> None:
    """Of many targets that get nothing, three are told one by one."""
    targets = [Target(f"i-{number}") for number in range(6)]
    serve(network, *targets)
    for each in targets[1:]:
        network.set_target_status("web", each.id, "UNHEALTHY")

    assert (
        network.decide("GET", "http://shop/")
        .steps[-1]
        .text.endswith(
            "; 5 of 6 targets get nothing: `i-1` is UNHEALTHY, `i-2` is UNHEALTHY, "
            "`i-3` is UNHEALTHY, 2 more"
        )
    )


def test_late_probes_hold_nobody_up(network: LatticeNetwork) -> None:
    """A target that is late fails its probes, and no time passes because of it."""
    network.add(
        TargetGroup("web", targets="echo", health_check=HealthCheck(timeout_seconds=5)),
        Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
    )
    before = network.clock.now
    network.add(Fault("web", latency=10))
    network.clock.advance(60)

    assert network.clock.now - before == timedelta(seconds=60)
    (row,) = network.target_health("web")
    assert row.status == "UNHEALTHY"
    assert row.last_check == "GET / took 10 seconds, more than 5"


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "async"])
def test_faults_meet_probes(network: LatticeNetwork, *, blocking: bool) -> None:
    """A target that is late on purpose fails its checks until the fault is gone."""
    late = Fault("web", target="i-1", latency=200)
    serve(network, Target("i-1", app="echo"), Target("i-2", app="echo"))
    network.add(late)

    def advance(seconds: float) -> None:
        if blocking:
            network.clock.advance(seconds)
        else:
            asyncio.run(network.clock.aadvance(seconds))

    advance(60)
    row = network.target_health("web")[0]
    assert row.status == "UNHEALTHY"
    assert row.last_check == ("GET / took more than 5 seconds")
    network.remove(late)
    advance(150)

    assert statuses(network) == ["HEALTHY", "HEALTHY"]
    assert network.clock.now.isoformat() == "2026-01-01T00:03:30+00:00"


def test_refused_connections_fail_probes(network: LatticeNetwork) -> None:
    """A target that refuses connections fails its first probe."""
    serve(network, "echo", health_check=CHECK)
    network.add(Fault("web", "refused"))
    (row,) = network.target_health("web")

    assert row.status == "INITIAL"
    assert row.last_check == (
        "GET /health failed: connection refused, as Fault('web', 'refused') says"
    )


def test_check_may_last_longer_than_an_idle_timeout(network: LatticeNetwork) -> None:
    """Nobody but the timeout of its check ends a probe, up to a connection's age."""
    check = HealthCheck(timeout_seconds=100, interval_seconds=120)
    serve(network, "echo", health_check=check)
    slow = Fault("web", latency=75)
    network.add(slow)
    network.clock.advance(240)
    assert statuses(network) == ["HEALTHY"]
    network.remove(slow)
    network.add(Fault("web", latency=700))
    network.clock.advance(240)

    (row,) = network.target_health("web")
    assert row.status == "UNHEALTHY"
    assert row.last_check == "GET / took more than 100 seconds"


def test_fault_of_some_requests_meets_no_probe(network: LatticeNetwork) -> None:
    """The first two requests are refused, though there was a health check before."""
    serve(network, "echo", health_check=CHECK)
    network.add(Fault("web", "refused", times=2))
    client = network.client("shop")
    network.clock.advance(60)

    assert [client.get("/").status_code for _ in range(3)] == [503, 503, 200]
    assert statuses(network) == ["HEALTHY"]


def test_probe_never_really_waits(network: LatticeNetwork) -> None:
    """Days of probes that are really late take no time, and count by the clock."""
    serve(network, "echo")
    network.add(Fault("web", latency=30, real=True))
    network.clock.advance(24 * 3600)

    (row,) = network.target_health("web")
    assert row.status == "UNHEALTHY"
    assert row.last_check == "GET / took 30 seconds, more than 5"


def test_first_probes_of_many_threads() -> None:
    """Threads whose first questions come at once do not disturb each other's probes."""
    targets = [Target(f"i-{n}", app="echo") for n in range(200)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            with LatticeNetwork() as network, ThreadPoolExecutor(4) as pool:
                serve(network, *targets, health_check=CHECK)
                asked = list(pool.map(lambda _: set(statuses(network)), range(4)))
            assert asked == [{"HEALTHY"}] * 4
    finally:
        sys.setswitchinterval(interval)
