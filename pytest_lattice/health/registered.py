"""One registered target: how it is, since when, and what it takes to probe it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.model.instant import date_of
from pytest_lattice.model.target_health import TargetHealth

if TYPE_CHECKING:
    from pytest_lattice.model.target_group import Target, TargetStatus
    from pytest_lattice.routing.health import Health
    from pytest_lattice.routing.state import TargetState
    from pytest_lattice.targets.base import AppTarget
    from pytest_lattice.targets.probe import Question, Verdict

# The states whose reason is what a probe said.
_EXPLAINED = frozenset({"INITIAL", "UNHEALTHY"})


class Registered:
    """A target of a group, how it is, and what it takes to probe it."""

    __slots__ = (
        "app",
        "due",
        "health",
        "pinned",
        "question",
        "settled",
        "since",
        "state",
        "target",
        "verdict",
        "warned",
    )

    def __init__(self, target: Target, health: Health, now: int) -> None:
        self.target = target
        self.health = health
        #: What a test says in place of the probes.
        self.pinned: TargetStatus | None = None
        self.since = now
        #: What the last probe said.
        self.verdict: Verdict | None = None
        #: The verdict that changes nothing if it comes again.
        self.settled: Verdict | None = None
        self.warned = False
        #: When its first probe is, in microseconds since 1970.
        self.due = now
        #: How decisions see it; None where that has changed.
        self.state: TargetState | None = None
        #: What answers, and what it is asked; None before the first probe.
        self.app: AppTarget | None = None
        self.question: Question | None = None

    @property
    def status(self) -> TargetStatus:
        """AWS's status: what a test says, or else the probes."""
        return self.pinned or self.health.status

    @property
    def unheard(self) -> bool:
        """Whether nothing is known of it yet."""
        return self.verdict is None and self.health.status == "INITIAL"

    @property
    def reason(self) -> str:
        """Why it has its status, for people."""
        if self.pinned is not None or self.health.status not in _EXPLAINED:
            return ""
        if self.verdict is None:
            return f"no health check before {date_of(self.due):%Y-%m-%d %H:%M:%S}"
        return self.verdict.said

    def become(self, health: Health, now: int) -> None:
        """Come into a state, at a time."""
        if health.status != self.health.status and self.pinned is None:
            self.since = now
        self.health = health
        self.state = None

    @property
    def row(self) -> TargetHealth:
        """How it is, for people."""
        failed = self.status == "UNHEALTHY"
        port = self.target.port
        return TargetHealth(
            # As given, though it may have been derived.
            str(self.target.id),
            port=None if port is None else int(port),
            status=self.status,
            # AWS: AWS CLI examples of list-targets: the one reason that is known
            reason_code="HealthCheckFailed" if failed else None,
            last_check=None if self.verdict is None else self.verdict.said,
            since=date_of(self.since),
        )
