"""The fixture `lattice_intercept` and its marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

CODE = """
import httpx

URL = "https://shop-832a715641e3c7108.7d67968.vpc-lattice-svcs.us-west-2.on.aws/"

def price():
    return httpx.get(URL).json()["target_group"]
"""


def test_the_fixture_opens_the_door_for_its_test(
    shop: pytest.Pytester,
) -> None:
    """Code that knows of no network reaches the one of the test that asks, and not of
    the next test.
    """
    shop.makepyfile(
        test_shop="""
        import httpx
        import pytest
        import respx
        import shop_code as code

        original = httpx.HTTPTransport.handle_request

        def test_with(shop, lattice_intercept):
            assert lattice_intercept is shop
            assert code.price() in {"blue", "green"}

        def test_without(shop):
            assert httpx.HTTPTransport.handle_request is original
            with respx.mock() as mock:
                mock.get(code.URL).respond(json={"target_group": "mocked"})
                assert code.price() == "mocked"
        """,
        shop_code=CODE,
    )
    result = shop.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)


def test_the_marker_sets_the_door(shop: pytest.Pytester) -> None:
    """The nearest marker wins, setting by setting."""
    shop.makepyfile(
        """
        import httpx
        import pytest
        from pytest_lattice import EgressError, ServiceNetwork, Vpc

        pytestmark = pytest.mark.lattice_intercept(strict=True)

        def test_strict(lattice_intercept):
            with pytest.raises(EgressError):
                httpx.get("http://127.0.0.1:1/")

        @pytest.mark.lattice_intercept(strict=False)
        def test_not_strict(lattice_intercept):
            with pytest.raises(httpx.ConnectError):
                httpx.get("http://127.0.0.1:1/")

        @pytest.mark.lattice_intercept(vpc="nowhere")
        def test_vpc(lattice_intercept):
            pass
        """
    )
    result = shop.runpytest("--strict-markers")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*unknown VPC `nowhere`*"])


def test_an_unknown_setting_names_the_nearest(pytester: pytest.Pytester) -> None:
    """A setting that no door has is an error with the nearest right name."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lattice_intercept(strct=True)
        def test_a(lattice_intercept):
            pass

        @pytest.mark.lattice_intercept(True)
        def test_b(lattice_intercept):
            pass
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "*unknown setting of the marker lattice_intercept `strct`*",
            "*did you mean `strict`?*",
            "*the marker lattice_intercept takes settings by name, not `True`*",
            "*name it, as in lattice_intercept(strict=True)*",
        ]
    )
