"""The health of all targets of a network, and their first probes.

Where checks are declared, the first probe runs before the first request, question or
advance of the clock, whichever comes first.  Requests that come at once each probe for
themselves, so that none waits for another one's app.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, advised, unknown
from pytest_lattice.health.group import GroupHealth
from pytest_lattice.model.target_health import TargetHealthTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_lattice.clock import Clock, Timer
    from pytest_lattice.health.registered import Registered
    from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
    from pytest_lattice.routing.state import State
    from pytest_lattice.targets.base import AppTarget

__tracebackhide__ = HIDE

# Whose first probes are running here: an app that is probed may make requests itself.
_PROBING: ContextVar[tuple[Registered, ...]] = ContextVar("_PROBING", default=())


class HealthChecks:
    """The health of all targets of a network.

    Args:
        clock: the network's clock.
        app_of: finds what answers behind a target.
        lock: held while something changes; never while an app is called.
        warn: called with what a person should know.
    """

    def __init__(
        self,
        clock: Clock,
        app_of: Callable[[TargetGroup, Target], AppTarget],
        lock: AbstractContextManager[Any],
        warn: Callable[[str], None],
    ) -> None:
        """Start without a target."""
        self.clock = clock
        self.app_of = app_of
        self.lock = lock
        #: Called when decisions see other targets from now on.
        self.changed: Callable[[], None] = lambda: None
        self._warn = warn
        self._groups: dict[str, GroupHealth] = {}
        #: Those whose first probe is due before anything else happens.
        self.awaiting: dict[Registered, GroupHealth] = {}
        self._first: Timer | None = None
        self._warnings: list[str] = []

    def use(self, state: State) -> None:
        """Take over a configuration: targets come, go, and begin anew."""
        gone = self._groups
        self._groups = {}
        for arn, slot in state.groups.items():
            group, in_use = gone.pop(arn, None), arn in state.in_use
            if group is None:
                self._groups[arn] = GroupHealth(self, slot, in_use=in_use)
            else:
                self._groups[arn] = group
                group.take(slot, in_use=in_use)
        for group in gone.values():
            group.end()
        self._arm_first()

    def close(self) -> None:
        """Probe no more."""
        for group in self._groups.values():
            group.end()
        self._groups = {}

    # ---- what people ask and say --------------------------------------------

    def table(self, group: TargetGroup) -> TargetHealthTable:
        """List the targets of a group with their health."""
        return TargetHealthTable(
            each.row for each in self._groups[group.arn].everyone()
        )

    def draining(self, group: TargetGroup) -> tuple[Target, ...]:
        """List the targets of a group that drain."""
        return tuple(each.target for each in self._groups[group.arn].draining.values())

    def check_removable(self, group: TargetGroup) -> None:
        """Refuse to remove a group before its targets have drained.

        Raises:
            ConfigurationError: some still drain.
        """
        known = self._groups.get(group.arn)
        if known is not None and known.draining:
            # AWS: aws-application-networking-k8s: deleting such a group fails
            first = next(iter(known.draining.values())).target.id
            raise advised(
                f"target group `{group.name}` has targets that drain, such as "
                f"`{first}`",
                "they are gone a minute after they were deregistered",
            )

    def pin(self, group: TargetGroup, target: str, status: TargetStatus | None) -> None:
        """Let a target have a status whatever its probes say, or no more.

        Raises:
            ConfigurationError: an unknown target.
        """
        registered = self._groups[group.arn].targets.values()
        found = [each for each in registered if each.target.id == target]
        if not found:
            raise unknown("target", target, (each.target.id for each in registered))
        for each in found:
            if each.pinned != status:
                each.pinned, each.since = status, self.clock.microseconds
                each.state = None
        self._groups[group.arn].settle()

    # ---- the first probes ---------------------------------------------------

    def begin(self) -> None:
        """Make the first probes that are due, blocking the calling thread.

        Raises:
            BlockingCallError: an app runs on the loop that runs in this thread.
        """
        if not self.awaiting:
            return
        with self._beginning() as due:
            for each, group in due:
                if each in self.awaiting and each.unheard:  # nobody was faster
                    with _probing(each), self.clock.apart() as passed:
                        group.probe(each, passed, first=True)

    async def abegin(self) -> None:
        """Make the first probes that are due; see `begin`."""
        with self._beginning() as due:
            for each, group in due:
                if each in self.awaiting and each.unheard:
                    with _probing(each), self.clock.apart() as passed:
                        await group.aprobe(each, passed, first=True)

    @contextmanager
    def _beginning(self) -> Iterator[list[tuple[Registered, GroupHealth]]]:
        # Those that are being probed further up in this very call are left alone.
        mine = _PROBING.get()
        # All at once: other threads take theirs away meanwhile.
        due = [pair for pair in tuple(self.awaiting.items()) if pair[0] not in mine]
        timer, self._first = self._first, None
        if timer is not None:
            timer.cancel()
        try:
            yield due
        except BaseException:
            self._arm_first()
            raise
        finally:
            for group in dict.fromkeys(group for _, group in due):
                group.settle()
            # Only now, or another thread would decide on what was before.
            with self.lock:
                for each, _ in due:
                    if not each.unheard:
                        self.awaiting.pop(each, None)
        self.say()

    def _arm_first(self) -> None:
        if self.awaiting and self._first is None:
            now = self.clock.microseconds
            self._first = self.clock.at(now, self.begin, self.abegin)

    def note(self, group: TargetGroup, each: Registered, check: str) -> None:
        """Keep a warning about the first answer that does not match."""
        verdict = each.verdict
        if verdict is None or verdict.status is None or each.warned:
            return
        each.warned = True
        self._warnings.append(
            f"target `{each.target.id}` of target group `{group.name}` failed its "
            f"health check: {verdict.said}, not {check}; if that is not where it "
            "tells its health, give the path: health_check=HealthCheck(path=…)"
        )

    def say(self) -> None:
        """Give the warnings that were kept; one may be raised as an error."""
        while self._warnings:
            self._warn(self._warnings.pop(0))


@contextmanager
def _probing(each: Registered) -> Iterator[None]:
    token = _PROBING.set((*_PROBING.get(), each))
    try:
        yield
    finally:
        _PROBING.reset(token)
