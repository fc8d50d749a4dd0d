"""The whole life of a registration, held against a plain second model of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    Target,
    TargetGroup,
)
from tests.health.servers import Wsgi, statuses
from tests.routing.naive_health import naive_status

EVENTS = ("pass", "fail", "register", "deregister", "use", "leave")


class SickError(Exception):
    """What the app raises instead of an answer, which is warned of by nobody."""


@dataclass
class Naive:
    """One target of a group, with everything that ever happened to it."""

    used: bool = True
    registered: bool = True
    start: str = "HEALTHY"
    probes: str = ""
    drained_for: int | None = None
    events: list[str] = field(default_factory=list)

    def happen(self, event: str) -> bool:
        """Take an event; False where it makes no sense now."""
        match event:
            case "pass" | "fail":
                if self.registered and self.used:
                    self.probes += "+" if event == "pass" else "-"
                if self.drained_for is not None:
                    self.drained_for += 30
                    if self.drained_for >= 60:
                        self.drained_for = None
            case "register" if not self.registered:
                self.registered, self.drained_for = True, None
                self.start, self.probes = "INITIAL", ""
            case "deregister" if self.registered:
                self.registered, self.drained_for = False, 0
            case "use" if not self.used:
                self.used, self.start, self.probes = True, "HEALTHY", ""
            case "leave" if self.used:
                self.used = False
            case _:
                return False
        return True

    @property
    def statuses(self) -> list[str]:
        """What the group lists."""
        listed = []
        if self.registered and not self.used:
            listed.append("UNUSED")
        elif self.registered:
            listed.append(
                naive_status(self.start, self.probes, healthy=5, unhealthy=2)  # type: ignore[arg-type]  # one of two
            )
        if self.drained_for is not None:
            listed.append("DRAINING")
        return listed


def act(network: LatticeNetwork, server: Wsgi, event: str) -> None:
    """Let an event happen to the network."""

    def fail() -> None:
        raise SickError

    match event:
        case "pass" | "fail":
            server.meanwhile = None if event == "pass" else fail
            network.clock.advance(30)
        case "register":
            network.register_targets("web", Target("i-1", app=server))
        case "deregister":
            network.deregister_targets("web", "i-1")
        case _:
            action = Forward("web") if event == "use" else FixedResponse(404)
            listeners = [Listener("HTTP", default=action)]
            network.change(replace(network.service("shop"), listeners=listeners))


@settings(deadline=None, max_examples=150)
@given(events=st.lists(st.sampled_from(EVENTS), max_size=25))
def test_life_of_a_registration(events: list[str]) -> None:
    """Whatever happens in whatever order, the group lists what the model says."""
    server, naive = Wsgi(), Naive()
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("web", targets=[Target("i-1", app=server)]),
            Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
        )
        for event in events:
            if not naive.happen(event):
                continue
            act(network, server, event)
            assert statuses(network) == naive.statuses
            if naive.used:
                serves = bool({"HEALTHY", "UNHEALTHY"} & {*naive.statuses})
                code = network.client("shop").get("/").status_code
                assert code == (200 if serves else 503)
