"""What a user should know of a load that succeeds: what is left out or stands in."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pytest_lattice.errors import LatticeWarning

if TYPE_CHECKING:
    from collections.abc import Hashable


class Notices:
    """Notes taken while loading, and told when everything is loaded.

    A load that fails tells none of them: its error is what counts.
    """

    def __init__(self) -> None:
        """Begin with none."""
        #: The notes, in the order they were taken.
        self.texts: list[str] = []
        self._keys: set[Hashable] = set()

    def add(self, text: str) -> None:
        """Take a note."""
        self.texts.append(text)

    def once(self, key: Hashable, text: str) -> None:
        """Take a note, unless there is one about the same.

        Args:
            key: what it is about.
            text: the note.
        """
        if key not in self._keys:
            self._keys.add(key)
            self.add(text)

    def tell(self) -> None:
        """Warn of each, at the line that called who calls this."""
        for text in self.texts:
            warnings.warn(text, LatticeWarning, stacklevel=3)
