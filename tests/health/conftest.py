"""A network for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lattice import LatticeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give an empty network."""
    with LatticeNetwork() as made:
        yield made
