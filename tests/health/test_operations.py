"""Targets that come, go, drain and are put into a state."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    ConfigurationError,
    Forward,
    GrpcTarget,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Service,
    Target,
    TargetGroup,
)
from pytest_lattice.hookspecs import own_hooks
from tests.health.servers import Asgi, Wsgi, serve, statuses
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.targets.base import TargetReply


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give a network with the target `i-1`, which serves."""
    with LatticeNetwork() as made:
        yield serve(made, Target("i-1", app="echo"))


def served_by(network: LatticeNetwork, count: int = 4) -> set[str]:
    """Tell which targets answer the next requests."""
    client = network.client("shop")
    return {client.get("/").json()["target"] for _ in range(count)}


# ---------------------------------------------------------------- register, deregister


def test_registered_target_serves_after_its_first_check(
    network: LatticeNetwork,
) -> None:
    """A new target is INITIAL until the next interval, then it takes its turn."""
    network.clock.advance(10)
    network.register_targets("web", Target("i-2", app="echo"))
    assert (statuses(network), served_by(network)) == (["HEALTHY", "INITIAL"], {"i-1"})
    network.clock.advance(20)

    assert (statuses(network), served_by(network)) == (
        ["HEALTHY", "HEALTHY"],
        {"i-1", "i-2"},
    )


def test_registered_target_without_checks_serves_at_once() -> None:
    """Where checks are off, a new target serves at once."""
    with LatticeNetwork() as network:
        serve(network, health_check=HealthCheck(enabled=False))
        network.register_targets("web", Target("i-1", app="echo"))

        assert (statuses(network), served_by(network)) == (["UNAVAILABLE"], {"i-1"})


def test_deregistered_target_drains_for_a_minute(network: LatticeNetwork) -> None:
    """It gets no requests at once, is listed for a minute, and then is gone."""
    network.register_targets("web", Target("i-2", app="echo"))
    network.clock.advance(30)
    network.deregister_targets("web", "i-1")

    assert served_by(network) == {"i-2"}
    assert [(each.id, each.status) for each in network.target_health("web")] == [
        ("i-2", "HEALTHY"),
        ("i-1", "DRAINING"),
    ]
    assert [
        each.id for each in network.configuration.target_group("web").registered
    ] == ["i-2"]
    network.clock.advance(59.9)
    assert statuses(network) == ["HEALTHY", "DRAINING"]
    network.clock.advance(0.1)
    assert statuses(network) == ["HEALTHY"]


def test_draining_target_is_told(network: LatticeNetwork) -> None:
    """A decision tells that a target drains, and why nobody serves."""
    network.deregister_targets("web", "i-1")
    outcome = network.decide("GET", "http://shop/").outcome
    assert getattr(outcome, "reason", "") == (
        "every target of target group `web` is DRAINING"
    )
    network.register_targets("web", Target("i-2", app="echo"))
    outcome = network.decide("GET", "http://shop/").outcome
    assert getattr(outcome, "reason", "") == (
        "no target of target group `web` serves: "
        "`i-2` is INITIAL (no health check before 2026-01-01 00:00:30), "
        "`i-1` is DRAINING"
    )
    network.clock.advance(30)

    assert (
        network.decide("GET", "http://shop/")
        .steps[-1]
        .text.endswith("of `web`; 1 of 2 targets gets nothing: `i-1` is DRAINING")
    )


def test_draining_target_comes_back(network: LatticeNetwork) -> None:
    """A target that is registered again while it drains is INITIAL, and stays."""
    network.clock.advance(10)
    network.deregister_targets("web", "i-1")
    network.register_targets("web", Target("i-1", app="echo"))
    assert statuses(network) == ["INITIAL"]
    network.clock.advance(3600)

    assert (statuses(network), served_by(network)) == (["HEALTHY"], {"i-1"})


@pytest.mark.parametrize("type_", ["LAMBDA", "ALB"])
def test_functions_and_load_balancers_do_not_drain(type_: Any) -> None:  # noqa: ANN401  # a literal
    """They are gone at once, so that another one can take their place."""
    with LatticeNetwork() as network:
        serve(network, "echo", type=type_)
        old = network.configuration.target_group("web").registered[0]
        network.deregister_targets("web", old)

        assert network.target_health("web") == ()
        network.register_targets("web", "echo")
        assert statuses(network) == ["UNAVAILABLE"]
        assert network.client("shop").get("/").status_code == 200


def test_requests_in_flight_finish(network: LatticeNetwork) -> None:
    """A stream that began before the deregistration ends as if nothing had been."""

    def stream(environ: object, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from (b"one", b"two", b"three")

    network.register_targets("web", Target("i-2", app=stream))
    network.clock.advance(30)
    network.deregister_targets("web", "i-1")
    with network.client("shop").stream("GET", "/") as response:
        chunks = response.iter_raw()
        first = next(chunks)
        network.register_targets("web", Target("i-3", app="echo"))
        network.deregister_targets("web", "i-2")
        network.clock.advance(300)
        assert [first, *chunks] == [b"one", b"two", b"three"]

    assert served_by(network) == {"i-3"}
    assert network.exchanges[0].failure_reason is None


class Closing:
    """An app that tells which of its targets were closed."""

    def __init__(self) -> None:
        self.closed = 0

    def call(self, request: object, body: object) -> TargetReply:
        """Answer nothing."""
        from pytest_lattice import LatticeResponse, TargetReply

        return TargetReply(LatticeResponse(200, ()), b"")

    async def acall(self, request: object, body: object) -> object:
        """Answer nothing."""
        return self.call(request, body)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_apps_live_as_long_as_the_network() -> None:
    """Deregistering stops no server, and each is closed once in the end."""
    server = Closing()
    with LatticeNetwork() as network:
        serve(network, Target("i-1", app=server), Target("i-2", app=server))
        network.deregister_targets("web", "i-1")
        network.clock.advance(600)
        assert server.closed == 0

    assert server.closed == 1


def test_address_with_another_app(network: LatticeNetwork) -> None:
    """A target that comes back with another app is answered by that one."""
    server = Wsgi()
    assert served_by(network) == {"i-1"}
    network.deregister_targets("web", "i-1")
    network.clock.advance(60)
    network.register_targets("web", Target("i-1", app=server))
    network.clock.advance(60)

    assert network.client("shop").get("/").text == "served"
    assert server.probes == ["/", "/"]


def test_app_whose_place_is_taken_is_closed_in_the_end() -> None:
    """A server that another one took the address of is closed with the network."""
    old, new = Closing(), Closing()
    with LatticeNetwork() as network:
        serve(network, Target("i-1", app=old))
        group = network.configuration.target_group("web")
        network.change(replace(group, targets=[Target("i-1", app=new)]))
        assert network.client("shop").get("/").status_code == 200
        assert (old.closed, new.closed) == (0, 0)

    assert (old.closed, new.closed) == (1, 1)


def test_hooks_are_asked_about_new_targets_only() -> None:
    """What a plugin makes of a target is asked once, when it is registered."""
    asked = []

    class Maker:
        def pytest_lattice_make_target(self, obj: object) -> object:
            asked.append(obj)
            return None

    Maker.pytest_lattice_make_target.pytest_impl = {}  # type: ignore[attr-defined]  # as the marker
    first, second = Wsgi(), Wsgi()
    with LatticeNetwork(hook=own_hooks([Maker()])) as network:
        serve(network, first)
        network.register_targets("web", second)

    assert asked == [first, second]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda network: network.register_targets("wed", "echo"),
            ["unknown target group `wed`", "did you mean `web`?"],
        ),
        (
            lambda network: network.deregister_targets("wed", "i-1"),
            ["unknown target group `wed`", "did you mean `web`?"],
        ),
        (
            lambda network: network.target_health("wed"),
            ["unknown target group `wed`", "did you mean `web`?"],
        ),
        (
            lambda network: network.deregister_targets("web", "i-11"),
            ["unknown target of target group `web` `i-11`", "did you mean `i-1`?"],
        ),
        (
            lambda network: network.register_targets("web", Target("i-1", app="echo")),
            ["target group `web` registers `i-1` with port 80 twice"],
        ),
        (
            lambda network: network.register_targets("function", GrpcTarget()),
            [
                "target group `function`: `GrpcTarget` speaks gRPC",
                'leave out type="LAMBDA", and write protocol_version="GRPC"',
            ],
        ),
    ],
    ids=["register", "deregister", "health", "unknown", "duplicate", "servicer"],
)
def test_refused(
    network: LatticeNetwork, call: Callable[..., object], message: list[str]
) -> None:
    """What is refused changes nothing."""
    network.add(TargetGroup("function", type="LAMBDA"))
    before = network.configuration

    assert refused(call, network) == message
    assert network.configuration is before
    assert statuses(network) == ["HEALTHY"]


def test_registration_is_all_or_nothing(network: LatticeNetwork) -> None:
    """If one of several targets is no app, none is registered."""
    with pytest.raises(ConfigurationError, match="cannot be called"):
        network.register_targets("web", Wsgi(), 17)

    assert statuses(network) == ["HEALTHY"]


# -------------------------------------------------------------------- change and remove


def test_health_check_changes(network: LatticeNetwork) -> None:
    """Another path and interval count from now on; the status is kept."""
    server = Wsgi()
    network.register_targets("web", server)
    network.clock.advance(30)
    group = network.configuration.target_group("web")
    network.change(
        replace(group, health_check=HealthCheck(path="/up", interval_seconds=5))
    )
    assert statuses(network) == ["HEALTHY", "HEALTHY"]
    network.clock.advance(10)
    assert server.probes == ["/", "/up", "/up"]


def test_health_check_is_switched(network: LatticeNetwork) -> None:
    """Without checks targets are UNAVAILABLE; with them again they are checked."""
    group = network.configuration.target_group("web")
    network.change(replace(group, health_check=HealthCheck(enabled=False)))
    assert statuses(network) == ["UNAVAILABLE"]
    network.change(replace(group, health_check=HealthCheck(path="/health")))

    (row,) = network.target_health("web")
    assert (row.status, row.last_check) == ("HEALTHY", "GET /health answered 200")


def test_targets_change_as_if_registered(network: LatticeNetwork) -> None:
    """Targets that are no longer listed drain, new ones start."""
    group = network.configuration.target_group("web")
    network.change(replace(group, targets=[Target("i-2", app="echo")]))

    assert [(each.id, each.status) for each in network.target_health("web")] == [
        ("i-2", "INITIAL"),
        ("i-1", "DRAINING"),
    ]


def test_what_aws_cannot_update_is_refused(network: LatticeNetwork) -> None:
    """The port of a group, for one, cannot change."""
    group = network.configuration.target_group("web")

    assert refused(network.change, replace(group, port=81)) == [
        "target group `web`: port cannot change from `80` to `81`",
        "AWS updates the health check only; declare another target group",
    ]


def test_group_is_not_removed_while_targets_drain(network: LatticeNetwork) -> None:
    """A group can be removed once its targets are gone."""
    group = network.configuration.target_group("web")
    network.deregister_targets("web", "i-1")
    network.remove(network.service("shop"))

    assert refused(network.remove, group) == [
        "target group `web` has targets that drain, such as `i-1`",
        "they are gone a minute after they were deregistered",
    ]
    network.clock.advance(60)
    network.remove(group)


def test_group_is_removed_and_declared_again(network: LatticeNetwork) -> None:
    """A group of the same name has nothing of the one before."""
    network.set_target_status("web", "i-1", "UNHEALTHY")
    network.remove(network.service("shop"))
    network.remove(network.configuration.target_group("web"))
    network.clock.advance(600)
    server = Wsgi()
    serve(network, Target("i-1", app=server))

    assert network.client("shop").get("/").text == "served"
    assert statuses(network) == ["HEALTHY"]


# ----------------------------------------------------------------------- status by hand


def test_status_is_held_whatever_the_checks_say(network: LatticeNetwork) -> None:
    """A status that a test sets stays until it is given back to the checks."""
    network.register_targets("web", Target("i-2", app="echo"))
    network.clock.advance(30)
    network.set_target_status("web", "i-1", "UNHEALTHY")
    network.clock.advance(3600)
    (first, _) = network.target_health("web")
    assert (first.status, first.reason_code) == ("UNHEALTHY", "HealthCheckFailed")
    assert first.last_check == "GET / answered 200"
    assert (first.since.isoformat(), served_by(network)) == (
        "2026-01-01T00:00:30+00:00",
        {"i-2"},
    )
    network.set_target_status("web", "i-1", None)

    assert (statuses(network), served_by(network)) == (
        ["HEALTHY", "HEALTHY"],
        {"i-1", "i-2"},
    )


def test_held_status_ends_with_the_registration(network: LatticeNetwork) -> None:
    """A target that was deregistered drains, whatever it was held in."""
    network.set_target_status("web", "i-1", "HEALTHY")
    network.deregister_targets("web", "i-1")

    assert statuses(network) == ["DRAINING"]


# ------------------------------------------------------------------------------ async


class Beaten:
    """The lock of changes, which another thread had first and changed something."""

    def __init__(self, lock: Any, change: Callable[[], None]) -> None:  # noqa: ANN401  # an RLock has no class
        """Let the change happen before the lock is first held."""
        self._lock, self._changes = lock, [change]

    def __enter__(self) -> None:
        self._lock.acquire()
        if self._changes:
            self._changes.pop()()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize(
    "ask",
    [
        lambda network: network.set_target_status("web", "i-1", "UNHEALTHY"),
        lambda network: network.target_health("web"),
        lambda network: network.register_targets("web", "echo"),
        lambda network: network.deregister_targets("web", "i-1"),
    ],
    ids=["status", "health", "register", "deregister"],
)
def test_group_that_another_thread_takes_away(
    network: LatticeNetwork,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[LatticeNetwork], None],
) -> None:
    """A group that is gone before the lock is held is unknown."""
    everything = network.configuration.resources
    beaten = Beaten(network._change, lambda: network.remove(*everything))  # noqa: SLF001  # no race can be asked for
    monkeypatch.setattr(network, "_change", beaten)

    assert refused(ask, network) == [
        "unknown target group `web`",
        "no target group is declared",
    ]


def test_rolling_update_from_a_running_loop() -> None:
    """All of it works beside awaiting clients on one loop."""
    old, new = Asgi(), Asgi()

    async def update(network: LatticeNetwork) -> list[int]:
        got = []
        async with network.async_client("shop") as client:
            got.append((await client.get("/")).status_code)
            network.register_targets("web", new)
            await network.clock.aadvance(30)
            network.deregister_targets("web", old)
            got += [(await client.get("/")).status_code for _ in range(3)]
            await network.clock.aadvance(60)
        return got

    with LatticeNetwork() as network:
        serve(network, old)
        assert asyncio.run(update(network)) == [200] * 4
        assert (len(old.probes), len(new.probes)) == (1, 3)


def test_rows_show_what_was_derived() -> None:
    """The id and port of a row are shown, though no test gave them."""
    with LatticeNetwork() as network:
        serve(network, "echo")
        (row,) = network.target_health("web")

        assert repr(row).startswith(f"TargetHealth('{row.id}', port=80, status=")


def test_closed_network_has_no_targets(network: LatticeNetwork) -> None:
    """What is closed stays closed."""
    network.close()
    for call in (
        lambda: network.register_targets("web", "echo"),
        lambda: network.deregister_targets("web", "i-1"),
        lambda: network.target_health("web"),
    ):
        with pytest.raises(Exception, match="closed") as caught:
            call()
        assert said(caught.value) == ["the network is closed"]


def test_group_that_drains_serves_another_service_never() -> None:
    """The state of one group says nothing of another with the same target."""
    target = Target("i-1", app="echo")
    with LatticeNetwork() as network:
        serve(network, target)
        network.add(
            TargetGroup("other", targets=[target]),
            Service("bank", listeners=[Listener("HTTP", default=Forward("other"))]),
        )
        network.deregister_targets("web", "i-1")

        assert (statuses(network), statuses(network, "other")) == (
            ["DRAINING"],
            ["HEALTHY"],
        )
