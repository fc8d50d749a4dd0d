"""Where access-log entries go: one writer for each subscribed destination.

A destination gets the same line for the same entry whoever subscribed it, as AWS
delivers one copy for each subscription.
"""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING

from pytest_lattice.errors import ConfigurationError

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
        self._lock = RLock()

    def write(self, entry: AccessLogEntry) -> None:
        """Append an entry.

        Raises:
            ConfigurationError: the file cannot be opened.
        """
        with self._lock:
            if self._file is None:
                self._file = self._opened()
            self._file.write(entry.to_json() + "\n")

    def _opened(self) -> TextIOWrapper:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return self._path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise ConfigurationError(
                f"access log destination `{self._path}` cannot be opened: "
                f"{error.strerror or error}"
            ) from error

    def close(self) -> None:
        """Close the file; a later entry opens it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
