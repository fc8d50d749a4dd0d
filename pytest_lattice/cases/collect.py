"""Case files as pytest sees them: a file of items, one for each case."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.cases.check import check
from pytest_lattice.cases.document import read_cases
from pytest_lattice.errors import LatticeError, LatticeWarning, notes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_lattice.cases.case import Case
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.network import LatticeNetwork


_ROUND = str.maketrans("[]", "()")


class CaseFile(pytest.File):
    """A file whose name ends in ``.lattice.yaml``."""

    #: What options and ini say of networks.
    settings: Mapping[str, Any]
    network: LatticeNetwork
    _resources: tuple[Resource, ...] = ()

    def collect(self) -> Iterator[pytest.Item]:
        """Read the file and make an item of each case."""
        try:
            document = read_cases(self.path)
        except (LatticeError, LatticeWarning) as error:  # where warnings are errors
            # An error of collecting would keep every other test from running.
            yield WrongFile.from_parent(self, name="the case file", error=error)
            return
        self._resources = document.resources
        taken: set[str] = set()
        for case in document.cases:
            name = _unused(_id(case.name), taken)
            taken.add(name)
            yield CaseItem.from_parent(self, name=name, case=case)

    def setup(self) -> None:
        """Put the network in place, once for all cases that run."""
        from pytest_lattice.network import LatticeNetwork

        self.network = LatticeNetwork(**self.settings, hook=self.ihook)
        self.addfinalizer(self.network.close)
        self.network.add(*self._resources)


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, **node: Any) -> None:  # noqa: ANN401  # pytest's
        """Keep the case."""
        super().__init__(**node)
        self.case = case

    def runtest(self) -> None:
        """Check the case."""
        if not isinstance(self.parent, CaseFile):
            raise TypeError("a case belongs to a case file")
        check(self.case, self.parent.network)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ANN401  # pytest's
    ) -> Any:  # noqa: ANN401  # pytest's
        """Show what the case found, not the code that found it."""
        if not isinstance(excinfo.value, LatticeError):
            return super().repr_failure(excinfo, style)
        return f"{_text(excinfo.value)}\n\nthe case: {self.case.source}"

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say where the case is written, for editors and reports."""
        place = self.case.source
        line = None if place is None or place.line is None else place.line - 1
        return self.path, line, self.name


class WrongFile(pytest.Item):
    """Stands for the cases of a file that cannot be read."""

    def __init__(self, *, error: Exception, **node: Any) -> None:  # noqa: ANN401  # pytest's
        """Keep what is wrong."""
        super().__init__(**node)
        self._error = error

    def setup(self) -> None:
        """Say what is wrong: an error, not a failed case, and no code of ours."""
        pytest.fail(_text(self._error), pytrace=False)

    def runtest(self) -> None:
        """Do nothing; it does not come so far."""

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the file."""
        return self.path, None, self.name


def _id(name: str) -> str:
    """Write a name without what separates the parts of pytest's node ids.

    Other marks in it would be lost on the way to ``--lf``, xdist and editors.
    """
    return " ".join(name.split()).replace("::", ":").translate(_ROUND)


def _unused(name: str, taken: set[str]) -> str:
    numbers = (f"{name} ({number})" for number in count(2))
    return next(each for each in chain([name], numbers) if each not in taken)


def _text(error: Exception) -> str:
    return "\n".join((str(error), *notes_of(error)))
