"""The one table that all topics write to, in plain text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.harness import Figures

_HEAD = (
    "goal",
    "case",
    "peer",
    "ours (min..max)",
    "peer's",
    "ratio",
    "goal is",
    "verdict",
)
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """Write a duration in its own unit, such as ``4.21 µs``."""
    for unit, name in _UNITS:
        if abs(value) >= unit:
            return f"{_digits(value / unit)} {name}"
    return f"{_digits(value / 1e-9)} ns"


def rate(value: float) -> str:
    """Write how many a second, such as ``2,210,000/s``."""
    step = 10 ** max(len(str(round(value))) - 3, 0)
    return f"{round(value / step) * step:,}/s"


def times(value: float) -> str:
    """Write a ratio, such as ``1.13x``, or ``1/340x`` where it is small."""
    if 0 < value < 0.1:
        return f"1/{_digits(1 / value)}x"
    return f"{_digits(value)}x"


def mebibytes(value: float) -> str:
    """Write an amount of memory."""
    return f"{value / 2**20:.1f} MiB"


def spread(figures: Figures) -> str:
    """Write the median of some figures and how far they went apart."""
    low, high = seconds(figures.low), seconds(figures.high)
    if low.split()[1] == high.split()[1]:
        low = low.split()[0]
    return f"{seconds(figures.median)} ({low}..{high})"


def _digits(value: float) -> str:
    """Write three digits that count."""
    size = abs(value)
    places = 3 if size < 0.1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:,.{places}f}"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to be: at most the limit, or at least.

    Args:
        limit: in the figure's unit.
        write: turns a figure into text.
        at_least: whether more is better.
    """

    limit: float
    write: Callable[[float], str] = times
    at_least: bool = False

    def __str__(self) -> str:
        """Write it as the report shows it."""
        return f"{'≥' if self.at_least else '≤'} {self.write(self.limit)}"

    def verdict(self, value: float) -> str:
        """Judge a figure: met, or by how much of the limit it is missed."""
        over = self.limit - value if self.at_least else value - self.limit
        if over <= 0:
            return "met"
        return f"missed by {over / self.limit:.0%}" if self.limit else "missed"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; empty text where there is nothing to say."""

    goal_id: str
    case: str
    ours: str
    peer: str = ""
    theirs: str = ""
    ratio: float | None = None
    goal: Goal | None = None
    value: float | None = None

    def cells(self) -> tuple[str, ...]:
        """Return what stands in each column."""
        judged = self.goal is not None and self.value is not None
        return (
            self.goal_id,
            self.case,
            self.peer,
            self.ours,
            self.theirs,
            "" if self.ratio is None else times(self.ratio),
            "" if self.goal is None else str(self.goal),
            self.goal.verdict(self.value) if judged else "",  # type: ignore[union-attr, arg-type]  # judged
        )


@dataclass(slots=True)
class Report:
    """Collects rows, and remarks that stand below the table."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def ratio(
        self,
        goal_id: str,
        pair: Iterable[Figures],
        goal: Goal | None = None,
    ) -> None:
        """Add a row that is judged by our cost over the peer's, in this order."""
        ours, peer = pair
        ratio = ours.ratio(peer)
        self.rows.append(
            Row(
                goal_id,
                ours.name,
                spread(ours),
                peer.name,
                seconds(peer.median),
                ratio,
                goal,
                ratio,
            )
        )

    def duration(self, goal_id: str, ours: Figures, goal: Goal | None = None) -> None:
        """Add a row that is judged by our cost alone."""
        row = Row(goal_id, ours.name, spread(ours), goal=goal, value=ours.median)
        self.rows.append(row)

    def remark(self, text: str) -> None:
        """Say something below the table, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def __str__(self) -> str:
        """Write the table with its remarks."""
        table = [_HEAD, *(row.cells() for row in self.rows)]
        widths = [
            max(len(row[column]) for row in table) for column in range(len(_HEAD))
        ]
        rule = tuple("-" * width for width in widths)
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in (_HEAD, rule, *table[1:])
        ]
        return "\n".join([*lines, "", *(f"* {text}" for text in self.remarks)])
