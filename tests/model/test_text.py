"""Text for people."""

from pytest_lattice.model.text import aligned


def test_columns_stand_below_each_other() -> None:
    """Each column is as wide as its widest cell, and no line ends in spaces."""
    assert aligned([("", "blue"), ("requests", "9")]) == [
        "            blue",
        "  requests  9",
    ]
