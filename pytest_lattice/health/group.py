"""The targets of one group: registered, probed once an interval, deregistered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from pytest_lattice.errors import HIDE, BlockingCallError
from pytest_lattice.health.registered import Registered
from pytest_lattice.model.target_group import HealthCheck
from pytest_lattice.routing.health import PROBED, Health, begun, deregistered, probed
from pytest_lattice.targets.base import TargetRequest, aclose_body, close_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.clock import Apart, Timer
    from pytest_lattice.health.checks import HealthChecks
    from pytest_lattice.model.target_group import Target
    from pytest_lattice.routing.state import GroupSlot
    from pytest_lattice.targets.base import AppTarget
    from pytest_lattice.targets.probe import Prober, Verdict

    _Key: TypeAlias = tuple[str, int | None]

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/ug/register-targets: one minute, not configurable
_DRAIN = 60_000_000
# Of groups that do not declare one.
_DEFAULT = HealthCheck()
# AWS: vpc-lattice/latest/ug/register-targets: these do not drain
_GONE_AT_ONCE = frozenset({"LAMBDA", "ALB"})


class GroupHealth:
    """The targets of one group, and the timer of their probes."""

    def __init__(self, checks: HealthChecks, slot: GroupSlot, *, in_use: bool) -> None:
        self.slot = slot
        self._in_use = in_use
        self.targets: dict[_Key, Registered] = {}
        self.draining: dict[_Key, Registered] = {}
        self._checks = checks
        self._clock = checks.clock
        self._prober: Prober | None = None
        self._timer: Timer | None = None
        # What is left of a round of probes.
        self._left: list[Registered] = []
        self._fill(begin=True)

    @property
    def _checked(self) -> bool:
        return self._in_use and self.slot.group.health_check_enabled

    def everyone(self) -> list[Registered]:
        """List the registered targets, and those that drain."""
        return [*self.targets.values(), *self.draining.values()]

    # ---- what is declared ---------------------------------------------------

    def take(self, slot: GroupSlot, *, in_use: bool) -> None:
        """Take over the group as it is declared now."""
        before, was_checked = (self.slot, self._in_use), self._checked
        self.slot, self._in_use = slot, in_use
        if before == (slot, in_use):
            for each in self.targets.values():
                each.app = None  # what answers may depend on more than the group
            return
        begin = before[1] != in_use or was_checked != self._checked
        self._fill(begin=begin)

    def _fill(self, *, begin: bool) -> None:
        """Register and deregister, until the targets are those of the group.

        Args:
            begin: whether all begin anew, since their group came into use or its
                checks were switched.
        """
        now, group = self._clock.microseconds, self.slot.group
        before, self.targets = self.targets, {}
        self._prober = None
        for target in group.registered:
            key = (target.id, target.port)
            each = before.pop(key, None)
            if each is None or begin:
                each = self._begun(target, each, now, late=not begin)
            each.target, each.state, each.settled = target, None, None
            each.app, each.question = None, None
            self.targets[key] = each
            self.draining.pop(key, None)
        for key, each in before.items():
            self._deregister(key, each, now)
        for each in self.draining.values():
            each.state = None
        self._schedule(now)
        self.settle(anew=True)

    def _begun(
        self, target: Target, known: Registered | None, now: int, *, late: bool
    ) -> Registered:
        group = self.slot.group
        # Nothing can be asked of a target without an app.
        trusted = not late and (group.health_check is None or target.app is None)
        health = begun(
            in_use=self._in_use,
            checked=group.health_check_enabled,
            trusted=trusted,
        )
        each = known or Registered(target, health, now)
        each.become(health, now)
        each.verdict, each.due = None, self._next(now) if late else now
        self._checks.awaiting.pop(each, None)
        if health.status == "INITIAL" and not late:
            self._checks.awaiting[each] = self
        return each

    def _deregister(self, key: _Key, each: Registered, now: int) -> None:
        self._checks.awaiting.pop(each, None)
        if self.slot.group.type in _GONE_AT_ONCE:
            return
        each.pinned = None
        each.become(deregistered(), now)
        self.draining[key] = each
        self._clock.at(now + _DRAIN, lambda: self._drained(key, each))

    def _drained(self, key: _Key, each: Registered) -> None:
        with self._checks.lock:
            # It may have been registered again, and drain once more.
            if self.draining.get(key) is each:
                del self.draining[key]
                self.settle()

    def end(self) -> None:
        """Forget all: the group is gone."""
        for each in self.everyone():
            self._checks.awaiting.pop(each, None)
        self.targets, self.draining = {}, {}
        self._stop()

    def settle(self, *, anew: bool = False) -> None:
        """Let decisions see the targets as they are now.

        Args:
            anew: whether they saw none yet.
        """
        with self._checks.lock:
            states = []
            for each in self.everyone():
                state = each.state
                if state is None:
                    state = self.slot.place(each.target, each.status, each.reason)
                    each.state = state
                states.append(state)
            if anew or tuple(states) != self.slot.state.targets:
                self.slot.fill(states)
                self._checks.changed()

    # ---- the probes ---------------------------------------------------------

    def _schedule(self, now: int) -> None:
        if not self._checked:
            self._stop()
            return
        interval = self._interval
        if self._timer is None or self._timer.when > now + interval:
            self._stop()
            self._arm(now + interval)

    def _next(self, now: int) -> int:
        """Tell when the next round of probes is."""
        timer = self._timer
        if timer is not None and timer.when > now:
            return timer.when
        return now + self._interval

    @property
    def _interval(self) -> int:
        return (self.slot.group.health_check or _DEFAULT).interval_seconds * 1_000_000

    @property
    def _asking(self) -> Prober:
        if self._prober is None:
            from pytest_lattice.targets.probe import Prober

            self._prober = Prober(self.slot.group)
        return self._prober

    def _arm(self, when: int) -> None:
        self._timer = self._clock.at(when, self._run, self._arun)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._left = []

    def _run(self) -> None:
        """Probe each target, blocking the calling thread."""
        with self._round() as left, self._clock.apart() as passed:
            while left:
                self.probe(left[-1], passed)
                left.pop()

    async def _arun(self) -> None:
        """Probe each target without blocking the running event loop."""
        with self._round() as left, self._clock.apart() as passed:
            while left:
                await self.aprobe(left[-1], passed)
                left.pop()

    @contextmanager
    def _round(self) -> Iterator[list[Registered]]:
        """Give the targets to probe, the last one first; what is left comes again."""
        timer = self._timer
        left = self._left = self._left or list(self.targets.values())[::-1]
        try:
            yield left
        finally:
            # AWS: vpc-lattice/latest/ug/target-group-health-checks: the time that
            # targets need does not shift the schedule
            if timer is not None and self._timer is timer:
                self._arm(timer.when + (0 if left else self._interval))
            self.settle()
        self._checks.say()

    def probe(self, each: Registered, passed: Apart, *, first: bool = False) -> None:
        """Probe one target.

        Args:
            each: the target.
            passed: the time that it lets pass.
            first: whether it is the probe before everything else.
        """
        began, passed.microseconds = self._clock.microseconds, 0
        app = self._app_to_ask(each)
        if app is None or each.question is None:
            return
        try:
            reply = app.call(TargetRequest(*each.question, began), b"")
            if not isinstance(reply.body, bytes):
                close_body(reply.body)
        except BlockingCallError as error:
            raise self._refused() from error
        except Exception as error:  # noqa: BLE001  # whatever an app raises
            verdict = self._asking.raised(error)
        else:
            verdict = self._asking.judge(reply, passed.microseconds)
        if verdict is not each.settled:
            self._heard(each, verdict, first=first)

    async def aprobe(
        self, each: Registered, passed: Apart, *, first: bool = False
    ) -> None:
        """Probe one target; see `probe`."""
        began, passed.microseconds = self._clock.microseconds, 0
        app = self._app_to_ask(each)
        if app is None or each.question is None:
            return
        try:
            reply = await app.acall(TargetRequest(*each.question, began), b"")
            if not isinstance(reply.body, bytes):
                await aclose_body(reply.body)
        except BlockingCallError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever an app raises
            verdict = self._asking.raised(error)
        else:
            verdict = self._asking.judge(reply, passed.microseconds)
        if verdict is not each.settled:
            self._heard(each, verdict, first=first)

    def _app_to_ask(self, each: Registered) -> AppTarget | None:
        """Prepare a probe; None where there is nothing to ask."""
        if each.health.status not in PROBED:
            return None
        app = each.app
        if app is not None:
            return app
        if each.target.app is None:
            # Nothing can be asked of it.
            each.become(Health("HEALTHY"), self._clock.microseconds)
            return None
        if each.question is None:
            placed = each.state or self.slot.place(each.target, each.status)
            each.question = self._asking.question(each.target, placed.address)
        each.app = self._checks.app_of(self.slot.group, each.target)
        return each.app

    def _heard(self, each: Registered, verdict: Verdict, *, first: bool) -> None:
        """Take what came of a probe."""
        with self._checks.lock:
            if first and not each.unheard:
                return  # somebody else's first probe was faster
            check, said_before = self._asking.check, each.reason
            health = probed(each.health, check, passed=verdict.passed)
            each.settled = verdict if health == each.health else None
            if health != each.health:
                each.become(health, self._clock.microseconds)
            each.verdict = verdict
            if each.reason != said_before:
                each.state = None
        if not verdict.passed:
            self._checks.note(self.slot.group, each, check.matcher)

    def _refused(self) -> BlockingCallError:
        error = BlockingCallError(
            f"a health check of target group `{self.slot.group.name}` would block the "
            "event loop that its app runs on"
        )
        error.add_note(
            "let time pass with `await lattice_network.clock.aadvance(seconds)`; "
            "0 seconds make the first health checks"
        )
        return error
