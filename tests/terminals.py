"""A terminal, for tests of what is painted."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        """Say that somebody does."""
        return True
