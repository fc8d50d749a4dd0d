"""Rollouts: weights that shift step by step on the virtual clock, and back on failure.

A rollout changes nothing but one action, and only while it finds the action as it left
it: what a test changes meanwhile is kept, and other weights are never overwritten.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import contextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Self

from pytest_lattice.errors import HIDE, advised

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from datetime import datetime
    from threading import RLock

    from pytest_lattice.clock import Clock
    from pytest_lattice.history import History
    from pytest_lattice.model.action import Action, Forward
    from pytest_lattice.model.configuration import Changeable, Configuration
    from pytest_lattice.rollout.shift import Shift
    from pytest_lattice.rollout.step import RolloutResult, RolloutStep

__tracebackhide__ = HIDE

#: The percentages of a rollout, unless told otherwise.
STEPS = (1, 5, 10, 25, 50, 100)


class Rollouts:
    """The rollouts of a network; what it takes for them is the network's."""

    clock: Clock
    _history: History
    _change: RLock
    _configuration: Configuration

    if TYPE_CHECKING:

        def change(self, *resources: Changeable) -> None:
            """See `LatticeNetwork`."""

    def rollout(
        self,
        service: str,
        *,
        to: str,
        check: Callable[[RolloutStep], bool | None],
        steps: Sequence[int] = STEPS,
        every: float = 60,
        rule: int | str | None = None,
        listener: int | str | None = None,
    ) -> RolloutResult:
        """Shift weights to a target group step by step, and back if a check fails.

        In each step the weights are changed, then the check is called, and then the
        clock goes on to the end of the step.  The check has the step to itself: it may
        send requests, advance the clock, and read the metrics and the access log.  It
        fails by an `AssertionError` or by returning False; then the weights are put
        back at once.

        Args:
            service: name, id or ARN of the service.
            to: the new target group; the rule forwards to it and one other, or to
                one other only.
            check: called once a step; any other exception is raised, when the weights
                are back.
            steps: the rising percentages of the new target group, 1 to 100.
            every: how many seconds a step takes at least.
            rule: priority or name of the rule; None for the default action.
            listener: port or name of the listener; None if there is one only.

        Returns:
            What each step came to; look whether it `completed`.

        Raises:
            ConfigurationError: an unknown name, an action without two target groups,
                steps that do not rise, a check that says neither True nor False, or
                weights that something else changed meanwhile and that stay so.

        AWS: vpc-lattice/latest/ug/listener-rules
        """
        with self._begin((service, listener, rule), to, steps, every) as run:
            for step in run.steps():
                with run.judging():
                    run.judge(check(step))
                self.clock.advance(run.rest())
        return run.result()

    async def arollout(
        self,
        service: str,
        *,
        to: str,
        check: Callable[[RolloutStep], Awaitable[bool | None] | bool | None],
        steps: Sequence[int] = STEPS,
        every: float = 60,
        rule: int | str | None = None,
        listener: int | str | None = None,
    ) -> RolloutResult:
        """Do what `rollout` does, with a check that may be async.

        Raises:
            ConfigurationError: see `rollout`.
        """
        with self._begin((service, listener, rule), to, steps, every) as run:
            for step in run.steps():
                with run.judging():
                    said = check(step)
                    run.judge(await said if isawaitable(said) else said)
                await self.clock.aadvance(run.rest())
        return run.result()

    def _begin(
        self,
        where: tuple[str, int | str | None, int | str | None],
        to: str,
        steps: Sequence[int],
        every: float,
    ) -> _Run:
        """Check everything before anything is changed."""
        # Imported on use: most networks have no rollout.
        from pytest_lattice.rollout.shift import (
            Shift,
            microseconds,
            percentages,
            place_in,
        )

        service, listener, rule = where
        place = place_in(self._configuration.service(service), listener, rule)

        def put(expected: Action, action: Action) -> Action | None:
            with self._change:
                present = place.service_in(self._configuration)
                found = None if present is None else place.action(present)
                if present is not None and found is expected:
                    self.change(place.with_action(present, action))
                return found

        return _Run(
            Shift.of(self._configuration, place, to),
            percentages(steps),
            microseconds(every),
            clock=self.clock,
            history=self._history,
            put=put,
        )


class _Run:
    """A rollout under way; leaving it by an exception puts the weights back.

    Args:
        shift: which weights.
        percentages: of the new target group.
        every: microseconds that a step takes at least.
        clock: the network's clock.
        history: where requests can be read.
        put: puts the second action in the place of the first one, if that is there;
            returns what is there.
    """

    def __init__(
        self,
        shift: Shift,
        percentages: tuple[int, ...],
        every: int,
        *,
        clock: Clock,
        history: History,
        put: Callable[[Action, Action], Action | None],
    ) -> None:
        self._shift, self._percentages, self._every = shift, percentages, every
        self._clock, self._history, self._put = clock, history, put
        self._action = shift.before
        self._steps: list[RolloutStep] = []
        self._ends: list[datetime] = []
        self._failure: str | None = None

    def steps(self) -> Iterator[RolloutStep]:
        """Change the weights for each step, until one fails."""
        from pytest_lattice.rollout.step import RolloutStep

        for percent in self._percentages:
            action = self._shift.to(percent)
            step = RolloutStep(
                percent,
                self._clock.now,
                action=action,
                groups=self._shift.names,
                history=self._history,
            )
            self._steps.append(step)
            self._move(action)
            self._due = self._clock.microseconds + self._every
            yield step
            self._ends.append(self._clock.now)
            if self._failure is not None:
                return

    @contextmanager
    def judging(self) -> Iterator[None]:
        """Take a failed assertion as the answer of a check."""
        try:
            yield
        except AssertionError as error:
            self._fail(str(error) or f"the check raised {type(error).__name__}")

    def judge(self, said: object) -> None:
        """Take what a check returned."""
        if isinstance(said, Coroutine):
            said.close()
            raise advised("the check of a rollout is async", "await `arollout` instead")
        if said is False:
            self._fail("the check returned False")
        elif said is not None and said is not True:
            raise advised(
                f"the check of a rollout returned `{said!r}`",
                "return True or False, or let an assertion fail",
            )

    def _fail(self, failure: str) -> None:
        self._failure = failure
        self._move(self._shift.before)

    def _move(self, action: Forward) -> None:
        found = self._put(self._action, action)
        if found is not self._action:
            # It is no longer ours to put back.
            self._action = self._shift.before
            raise advised(
                f"{self._shift.label} was changed during its rollout",
                "it is gone" if found is None else f"it stays as it is: {found!r}",
            )
        self._action = action

    def rest(self) -> float:
        """Return how many seconds the step has left."""
        if self._failure is not None:
            return 0
        return max(0, self._due - self._clock.microseconds) / 1_000_000

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for step in self._steps:
            self._history.unfollow(step.read)
        if kind is not None and self._action is not self._shift.before:
            self._move(self._shift.before)

    def result(self) -> RolloutResult:
        """Say what each step came to."""
        from pytest_lattice.rollout.step import RolloutResult, StepResult

        failures = [None] * (len(self._steps) - 1) + [self._failure]
        steps = zip(self._steps, self._ends, failures, strict=True)
        return RolloutResult(
            self._shift.label,
            self._shift.names[1],
            tuple(
                StepResult(step.percent, step.start, end, step.requests, failure)
                for step, end, failure in steps
            ),
        )
