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


def test_setting_without_a_name_is_refused(pytester: pytest.Pytester) -> None:
    """A bare value is not ignored, because nobody would notice."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lattice("random")
        def test_a(lattice_network):
            pass
        """
    )

    result = pytester.runpytest_inprocess()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*the marker lattice takes settings by name, not `'random'`",
            "*name it, as in lattice(draw='random')",
        ]
    )


def test_each_setting_can_be_marked(pytester: pytest.Pytester) -> None:
    """A class and a test can choose all that a network can be told."""
    pytester.makepyfile(
        """
        import pytest
        from pytest_lattice import Forward, Listener, Service, TargetGroup

        async def app(scope, receive, send):
            raise ValueError("boom")

        @pytest.mark.lattice(raise_target_exceptions=False)
        class TestMarked:
            @pytest.mark.lattice(history=2)
            def test_both(self, lattice_network):
                lattice_network.add(
                    TargetGroup("apps", targets=[app]),
                    Service("shop", listeners=[
                        Listener("HTTP", default=Forward("apps"))
                    ]),
                )
                client = lattice_network.client("shop")
                assert [client.get("/").status_code for _ in range(3)] == [500] * 3
                assert len(lattice_network.exchanges) == 2
        """
    )

    pytester.runpytest_inprocess("--strict-markers").assert_outcomes(passed=1)


def test_marker_is_listed(pytester: pytest.Pytester) -> None:
    """`pytest --markers` says what the marker is for."""
    run = pytester.runpytest_inprocess("--markers")

    run.stdout.fnmatch_lines(["@pytest.mark.lattice(**settings): settings of this *"])
