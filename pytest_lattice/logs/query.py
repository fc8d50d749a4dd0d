"""The access log as a sequence that tests can ask questions of.

It is a view of the exchanges that a network still keeps; when older ones were
dropped, answers that they could have changed say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

from pytest_lattice.errors import LatticeAssertionError
from pytest_lattice.model.access_log import AccessLogEntry, check_fields

_SHOWN = 5


class AccessLog(Sequence[AccessLogEntry]):
    """Access-log entries, oldest first.

    Args:
        entries: the entries.
        dropped: how many older exchanges are no longer kept.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """

    def __init__(self, entries: Iterable[AccessLogEntry], dropped: int = 0) -> None:
        """Take a snapshot."""
        self._entries = tuple(entries)
        #: How many older exchanges are no longer kept.
        self.dropped = dropped

    @overload
    def __getitem__(self, index: int) -> AccessLogEntry: ...
    @overload
    def __getitem__(self, index: slice) -> AccessLog: ...
    def __getitem__(self, index: int | slice) -> AccessLogEntry | AccessLog:
        """Return one entry, or a part of the log."""
        if isinstance(index, slice):
            return AccessLog(self._entries[index], self.dropped)
        return self._entries[index]

    def __len__(self) -> int:
        """Count the entries that are kept."""
        return len(self._entries)

    def where(self, **fields: object) -> AccessLog:
        """Return the entries whose fields have the given values.

        Args:
            fields: field names in Python's case, such as ``response_code=403``.

        Raises:
            ConfigurationError: a field that no entry has.
        """
        check_fields(fields)
        kept = (each for each in self._entries if not each.differences(fields))
        return AccessLog(kept, self.dropped)

    def one(self, **fields: object) -> AccessLogEntry:
        """Return the only entry whose fields have the given values.

        Args:
            fields: field names in Python's case, such as ``response_code=403``.

        Raises:
            LatticeAssertionError: there is none, or more than one.
            ConfigurationError: a field that no entry has.
        """
        __tracebackhide__ = True
        found = self.where(**fields)
        if len(found) == 1:
            return found[0]
        wanted = ", ".join(f"{name}={value!r}" for name, value in fields.items())
        lines = [f"the access log has {len(self)} entries, not one"]
        if wanted:
            count = f"{len(found)} of {len(self)} access log entries"
            lines = [f"{count} have {wanted}, not one"]
        lines += [f"  {each!r}" for each in (found or self)[-_SHOWN:]]
        if self.dropped:
            lines.append(f"  ({self.dropped} older exchanges are no longer kept)")
        raise LatticeAssertionError("\n".join(lines))

    def __repr__(self) -> str:
        """Show one entry a line."""
        lines = [f"<AccessLog of {len(self)} entries"]
        if self.dropped:
            lines[0] += f", {self.dropped} older exchanges no longer kept"
        lines += [f"  {each!r}" for each in self._entries]
        return "\n".join(lines) + ">"
