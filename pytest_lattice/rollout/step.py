"""The steps of a rollout: what a check can look at, and what came of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING

from pytest_lattice.logs.query import AccessLog
from pytest_lattice.model.text import aligned
from pytest_lattice.model.value import ReadOnly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.history import History
    from pytest_lattice.model.action import Forward


class RolloutStep:
    """A step that is under way, for its check to look at.

    Args:
        percent: the share of the new target group.
        start: when it began.
        action: what the rule does in this step.
        groups: the names of the old and the new target group.
        history: where the requests of the step can be read.
    """

    def __init__(
        self,
        percent: int,
        start: datetime,
        *,
        action: Forward,
        groups: tuple[str, str],
        history: History,
    ) -> None:
        """Count the requests from now on."""
        #: The share of the new target group, and when the step began.
        self.percent, self.start = percent, start
        self.action = action
        self._history = history
        self._counts = Counter(dict.fromkeys(groups, 0))
        history.follow(self.read)

    def read(self, exchanges: Sequence[Exchange]) -> None:
        """Count those of some exchanges that were decided in this step."""
        self._counts.update(
            each.decision.group_state.group.name
            for each in exchanges
            if each.decision.group_state is not None and self._has(each)
        )

    def _has(self, exchange: Exchange) -> bool:
        rule = exchange.decision.rule_state
        return rule is not None and rule.action is self.action

    @property
    def requests(self) -> Mapping[str, int]:
        """How many requests of this step have ended, by target group."""
        self._history.hand_out()
        return ReadOnly(self._counts)

    @property
    def access_log(self) -> AccessLog:
        """The access-log entries of the requests of this step."""
        ended = sum(self.requests.values())
        found = [each for each in tuple(self._history.exchanges) if self._has(each)]
        entries = (each.log_entry for each in found)
        # Between the two, more may have ended.
        dropped = max(0, ended - len(found))
        return AccessLog((each for each in entries if each is not None), dropped)

    def __repr__(self) -> str:
        """Show percentage and time."""
        return f"<RolloutStep {self.percent} % from {self.start}>"


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step came to.

    Args:
        percent: the share of the new target group.
        start: when it began.
        end: when it ended, or was aborted.
        requests: how many requests were decided in it, by target group.
        failure: what its check said; None if it passed.
    """

    percent: int
    start: datetime
    end: datetime
    requests: Mapping[str, int]
    failure: str | None


@dataclass(frozen=True, slots=True, repr=False)
class RolloutResult:
    """What a rollout came to; as text it is a table.

    Args:
        place: the rule, its listener and service.
        target_group: the new target group.
        steps: those that began.
    """

    place: str
    target_group: str
    steps: tuple[StepResult, ...]

    @property
    def completed(self) -> bool:
        """Whether every step passed."""
        return self.aborted_at is None

    @property
    def aborted_at(self) -> int | None:
        """The percentage whose check failed; None if none did."""
        last = self.steps[-1]
        return None if last.failure is None else last.percent

    @property
    def failure(self) -> str | None:
        """What the failed check said; None if none failed."""
        return self.steps[-1].failure

    @property
    def touched(self) -> int:
        """How many requests went to the new target group."""
        return sum(each.requests[self.target_group] for each in self.steps)

    @property
    def _head(self) -> str:
        came = "completed" if self.completed else f"aborted at {self.aborted_at} %"
        requests = "request" if self.touched == 1 else "requests"
        return f"rollout to `{self.target_group}` {came}, {self.touched} {requests}"

    def __repr__(self) -> str:
        """Show how it ended on one line, as a failed `assert` prints it."""
        why = "" if self.failure is None else f": {self.failure.splitlines()[0]}"
        return f"<{self._head} touched{why}>"

    def __str__(self) -> str:
        """Write the steps as a table."""
        groups = tuple(self.steps[0].requests)
        rows = [("step", "from", "to", *groups, "check")]
        rows += [
            (
                f"{each.percent} %",
                f"{each.start:%Y-%m-%d %H:%M:%S}",
                f"{each.end:%Y-%m-%d %H:%M:%S}",
                *(str(each.requests[group]) for group in groups),
                "passed" if each.failure is None else "failed",
            )
            for each in self.steps
        ]
        lines = [f"{self._head} touched: {self.place}", *aligned(rows)]
        if self.failure is not None:
            lines.append(
                f"  the weights are back; the check at {self.aborted_at} % said"
            )
            lines.append(indent(self.failure, "    "))
        return "\n".join(lines)
