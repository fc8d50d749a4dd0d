"""Where access-log entries go: one writer for each subscribed destination.

A destination gets the same line for the same entry whoever subscribed it, as AWS
delivers one copy for each subscription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

    from pytest_lattice.model.access_log import AccessLogEntry


class FileDestination:
    """Appends one JSON object a line to a file, each line written at once.

    Args:
        path: the file; made with its folders when the first entry comes.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path = path
        self._file: TextIOWrapper | None = None

    def write(self, entry: AccessLogEntry) -> None:
        """Append an entry."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        self._file.write(entry.to_json() + "\n")

    def close(self) -> None:
        """Close the file; a later entry opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
