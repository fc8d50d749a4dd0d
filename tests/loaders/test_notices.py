"""What a user is told of a load that succeeds."""

from __future__ import annotations

import linecache
import warnings

from pytest_lattice import LatticeWarning
from pytest_lattice.loaders.notices import Notices


def face(notices: Notices) -> None:
    """Tell, as a loader does."""
    notices.tell()


def test_notices_are_told_where_the_user_called() -> None:
    """Each is one warning, in order, at the line that called the loader."""
    notices = Notices()
    notices.once("a", "first")
    notices.add("second")
    notices.once("a", "first again")
    notices.once("b", "third")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        face(notices)

    assert [str(each.message) for each in caught] == ["first", "second", "third"]
    assert {(each.category, each.filename) for each in caught} == {
        (LatticeWarning, __file__)
    }
    lines = {linecache.getline(__file__, each.lineno).strip() for each in caught}
    assert lines == {"face(notices)"}
