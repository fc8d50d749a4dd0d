"""How the targets of a group are: a table to compare, and to read.

How they came to be so is not known here.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from pytest_lattice.model.value import Value

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_lattice.model.target_group import TargetStatus

_HEAD = ("target", "port", "status", "reason code", "last health check", "since")


@dataclass(frozen=True, slots=True, repr=False)
class TargetHealth(Value):
    """How one target of a group is.

    Args:
        id: the target's id.
        port: its port; None for a Lambda function.
        status: AWS's status.
        reason_code: AWS's reason for it, ``HealthCheckFailed``; None for others.
        last_check: what the last health check said; None before the first one.
        since: when it came into this status.

    AWS: vpc-lattice/latest/APIReference/API_TargetSummary
    """

    id: str
    _: KW_ONLY
    port: int | None
    status: TargetStatus
    reason_code: str | None = None
    last_check: str | None = None
    since: datetime

    @property
    def cells(self) -> tuple[str, ...]:
        """Its row of the table as text."""
        return (
            self.id,
            "-" if self.port is None else str(self.port),
            self.status,
            self.reason_code or "-",
            self.last_check or "-",
            self.since.isoformat(" ").removesuffix("+00:00"),
        )


class TargetHealthTable(tuple[TargetHealth, ...]):
    """The targets of a group, in the order of their registration.

    Those that drain come last. As text it is an aligned table.
    """

    __slots__ = ()

    def __str__(self) -> str:
        """Write it as a table."""
        rows = [_HEAD, *(each.cells for each in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows
        )
