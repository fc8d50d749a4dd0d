"""The marker `lattice`: settings of one test's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def test_nearest_marker_wins_over_options(pytester: pytest.Pytester) -> None:
    """A marker on the test wins over one on the module, and both over an option."""
    pytester.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.lattice(draw="random", seed="module")

        def test_module(lattice_network):
            assert (lattice_network.draw, lattice_network.seed) == ("random", "module")

        @pytest.mark.lattice(seed="test")
        def test_own(lattice_network):
            assert (lattice_network.draw, lattice_network.seed) == ("random", "test")
        """
    )
    result = pytester.runpytest_subprocess(
        "--lattice-draw=deck", "--lattice-seed=option", "--strict-markers"
    )
    result.assert_outcomes(passed=2)


def test_unknown_setting_names_the_nearest(pytester: pytest.Pytester) -> None:
    """A setting that no network has is an error with the nearest right name."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lattice(drow="random")
        def test_a(lattice_network):
            pass
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*unknown setting of the marker lattice `drow`*", "*did you mean `draw`?*"]
    )
