"""When targets are probed, and what comes of it."""

from __future__ import annotations

import asyncio
import warnings
from threading import RLock
from typing import TYPE_CHECKING

import anyio
import pytest

from pytest_lattice import (
    BlockingCallError,
    Forward,
    LatticeNetwork,
    LatticeWarning,
    Listener,
    Service,
    Target,
    TargetGroup,
)
from pytest_lattice.clock import Clock
from pytest_lattice.health.checks import HealthChecks
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.routing.state import compile_state
from pytest_lattice.targets.echo import EchoTarget
from tests.health.servers import CHECK, QUIET, Asgi, Wsgi, serve, statuses
from tests.model.refusals import said

if TYPE_CHECKING:
    from collections.abc import Callable

# ------------------------------------------------------------------- when it begins


def test_default_check_trusts_what_is_there(network: LatticeNetwork) -> None:
    """Without a declared check targets serve at once, and are probed by and by."""
    server = Wsgi()
    serve(network, server)

    assert network.client("shop").get("/").text == "served"
    assert (statuses(network), server.probes) == (["HEALTHY"], [])
    network.clock.advance(29.9)
    assert server.probes == []
    network.clock.advance(0.1)
    assert server.probes == ["/"]
    network.clock.advance(3600)
    assert len(server.probes) == 121


FIRST: dict[str, Callable[[LatticeNetwork], object]] = {
    "request": lambda network: network.client("shop").get("/"),
    "decision": lambda network: network.decide("GET", "http://shop/"),
    "health": lambda network: network.target_health("web"),
    "clock": lambda network: network.clock.advance(0),
}


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("server", [Wsgi(), Asgi()], ids=["wsgi", "asgi"])
def test_declared_check_probes_before_anything_else(
    network: LatticeNetwork, first: str, server: Wsgi
) -> None:
    """A declared check makes its first probe before what a test does first, once."""
    server.probes.clear()
    serve(network, server, health_check=CHECK)
    assert server.probes == []
    FIRST[first](network)
    assert server.probes == ["/health"]
    FIRST[first](network)
    assert (statuses(network), server.probes) == (["HEALTHY"], ["/health"])
    network.clock.advance(30)

    assert server.probes == ["/health", "/health"]


@QUIET
def test_first_probe_that_fails_keeps_requests_away(network: LatticeNetwork) -> None:
    """A target that fails its first probe is INITIAL, and a request is told why."""
    serve(network, Target("i-1", app=Wsgi(500)), health_check=CHECK)
    response = network.client("shop").get("/")

    assert response.status_code == 503
    decision = response.extensions["pytest_lattice"].decision
    assert decision.outcome.failure_reason == "TargetConnectionError"
    assert decision.outcome.reason == (
        "no target of target group `web` serves: "
        "`i-1` is INITIAL (GET /health answered 500)"
    )


@pytest.mark.parametrize("library", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", [Wsgi, Asgi])
def test_async_requests_at_once_wait_for_their_first_probe(
    network: LatticeNetwork, kind: type[Wsgi], library: str
) -> None:
    """Clients that come at once all find the target healthy."""
    server = kind()
    serve(network, server, health_check=CHECK)

    async def call() -> list[int]:
        got: list[int] = []

        async def one() -> None:
            got.append((await client.get("/")).status_code)

        client = network.async_client("shop")
        async with client, anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
        await network.clock.aadvance(60)
        return got

    assert anyio.run(call, backend=library) == [200] * 5
    assert server.probes[-2:] == ["/health", "/health"]
    assert statuses(network) == ["HEALTHY"]


def test_app_that_calls_another_one_in_its_health(network: LatticeNetwork) -> None:
    """A first probe may itself call a service whose first probe is still to come."""
    front, back = Wsgi(), Wsgi()
    network.add(
        TargetGroup("front", targets=[front], health_check=CHECK),
        TargetGroup("back", targets=[back], health_check=CHECK),
        *(
            Service(name, listeners=[Listener("HTTP", default=Forward(name))])
            for name in ("front", "back")
        ),
    )
    seen: list[int] = []
    front.meanwhile = lambda: seen.append(network.client("back").get("/").status_code)
    back.meanwhile = lambda: seen.append(network.client("front").get("/").status_code)

    assert network.client("front").get("/").status_code == 200
    # What is being probed does not serve yet; and nobody waits for anybody.
    assert seen == [503, 200]


# ------------------------------------------------------------------------- warnings


def test_first_wrong_status_is_warned_of(network: LatticeNetwork) -> None:
    """A path that the app does not know is said before the first request, once."""
    serve(network, Target("i-1", app=Wsgi(404)), health_check=CHECK)
    with pytest.warns(LatticeWarning) as caught:
        network.client("shop").get("/")

    (warning,) = caught
    assert str(warning.message) == (
        "target `i-1` of target group `web` failed its health check: "
        "GET /health answered 404, not 200; if that is not where it tells its "
        "health, give the path: health_check=HealthCheck(path=…)"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network.clock.advance(600)


def test_warning_as_an_error_loses_no_probe(network: LatticeNetwork) -> None:
    """Where warnings are errors, the round is over before it is raised."""
    first, second = Wsgi(404), Wsgi()
    serve(network, first, second)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LatticeWarning):
            network.clock.advance(30)
    network.clock.advance(30)

    assert (len(first.probes), len(second.probes)) == (2, 2)
    assert statuses(network) == ["UNHEALTHY", "HEALTHY"]


# -------------------------------------------------------------------- on a running loop


@pytest.mark.parametrize("first", ["clock", "request", "decision", "health"])
def test_blocking_on_the_loop_of_the_apps_is_refused(
    network: LatticeNetwork, first: str
) -> None:
    """Where a probe would wait for its own loop, the error says what to write."""
    server, other = Asgi(), Asgi()
    serve(network, other)

    async def blocked() -> BaseException:
        async with network.async_client("shop") as client:
            await client.get("/")
        network.add(
            TargetGroup("new", targets=[server], health_check=CHECK),
            Service("late", listeners=[Listener("HTTP", default=Forward("new"))]),
        )
        with pytest.raises(BlockingCallError) as caught:
            FIRST[first](network)
        assert server.probes == []
        await network.clock.aadvance(0)
        assert server.probes == ["/health"]
        return caught.value

    error, advice = said(asyncio.run(blocked()))
    assert error == (
        "a health check of target group `new` would block the event loop that its app "
        "runs on"
    )
    assert advice == (
        "let time pass with `await lattice_network.clock.aadvance(seconds)`; "
        "0 seconds make the first health checks"
    )


def test_refused_advance_loses_nothing(network: LatticeNetwork) -> None:
    """After a refused advance each target is probed as often as its interval says."""
    blocking, awaiting = Wsgi(), Asgi()
    serve(network, blocking, awaiting, Wsgi())

    async def advance() -> None:
        async with network.async_client("shop") as client:
            for _ in range(3):
                await client.get("/")
        with pytest.raises(BlockingCallError):
            network.clock.advance(60)
        await network.clock.aadvance(30)

    asyncio.run(advance())
    assert network.clock.now.isoformat() == "2026-01-01T00:01:00+00:00"
    assert (len(blocking.probes), len(awaiting.probes)) == (2, 2)


@pytest.mark.parametrize("kind", [Wsgi, Asgi])
def test_probes_from_a_running_loop(network: LatticeNetwork, kind: type[Wsgi]) -> None:
    """`aadvance` probes apps of every kind, through the loop that runs."""
    server = kind()
    serve(network, server, health_check=CHECK)
    asyncio.run(network.clock.aadvance(3600))

    assert len(server.probes) == 121


def test_closed_network_probes_nothing(network: LatticeNetwork) -> None:
    """After the end of the network time passes without it."""
    server = Wsgi()
    serve(network, server, health_check=CHECK)
    network.close()
    network.clock.advance(3600)

    assert server.probes == []


def test_question_before_the_first_request_on_a_loop(network: LatticeNetwork) -> None:
    """A question in async code makes the first probe too, and clients go on."""
    server = Asgi()
    serve(network, server, health_check=CHECK)

    async def ask() -> tuple[str, int]:
        target = network.decide("GET", "http://shop/").target
        async with network.async_client("shop") as client:
            code = (await client.get("/")).status_code
        await network.clock.aadvance(30)
        return target.id if target else "", code

    (row,) = network.configuration.target_group("web").registered
    assert asyncio.run(ask()) == (row.id, 200)
    assert server.probes == ["/health", "/health"]


def test_first_probes_at_once_count_once(network: LatticeNetwork) -> None:
    """Requests that come at once may each probe; only one of the failures counts."""
    server = Asgi(500)
    serve(network, server, health_check=CHECK)

    async def call() -> None:
        client = network.async_client("shop")
        async with client, anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(client.get, "/")

    with pytest.warns(LatticeWarning):
        anyio.run(call)
    assert len(server.probes) > 1
    assert statuses(network) == ["INITIAL"]


def test_apps_are_asked_for_anew_after_each_change() -> None:
    """What answers for a target may be another one in another configuration."""
    clock, asked = Clock(), []

    def app_of(group: TargetGroup, target: Target) -> EchoTarget:
        asked.append(target.id)
        return EchoTarget()

    checks = HealthChecks(clock, app_of, RLock(), asked.append)
    service = Service("shop", listeners=[Listener("HTTP", default=Forward("web"))])
    configuration = Configuration().with_resources(
        [TargetGroup("web", targets=[Target("i-1", app="echo")]), service]
    )
    for _ in range(2):
        checks.use(compile_state(configuration))
        clock.advance(90)

    assert asked == ["i-1", "i-1"]
