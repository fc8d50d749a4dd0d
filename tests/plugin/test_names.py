"""The fixture `lattice_dns` and its marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

CODE = """
import json
from urllib.request import urlopen

URL = "https://shop-832a715641e3c7108.7d67968.vpc-lattice-svcs.us-west-2.on.aws/"

def price():
    with urlopen(URL) as response:
        return json.load(response)["target_group"]
"""


def test_the_fixture_opens_the_door_for_its_test(shop: pytest.Pytester) -> None:
    """Code that knows of no network reaches the one of the test that asks, and not of
    the next test.
    """
    shop.makepyfile(
        test_shop="""
        import socket
        import shop_code as code

        original = socket.getaddrinfo

        def test_with(shop, lattice_dns):
            assert lattice_dns is shop
            assert code.price() in {"blue", "green"}
            assert socket.getaddrinfo is not original

        def test_without(shop):
            assert socket.getaddrinfo is original
            assert "connect" not in vars(socket.socket)
        """,
        shop_code=CODE,
    )
    result = shop.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2)


def test_the_marker_sets_the_door(shop: pytest.Pytester) -> None:
    """The nearest marker wins, setting by setting."""
    shop.makepyfile(
        """
        import socket
        import pytest
        from pytest_lattice import EgressError, ServiceNetwork, Vpc

        pytestmark = pytest.mark.lattice_dns(strict=True)

        @pytest.fixture
        def vpcs(shop):
            shop.add(Vpc("far"), ServiceNetwork("other", vpcs=["far"]))

        @pytest.mark.lattice_dns(vpc="far")
        def test_strict(vpcs, lattice_dns):
            with pytest.raises(EgressError):
                socket.gethostbyname("example.com")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((lattice_dns.service("shop").dns_name, 443))

        @pytest.mark.lattice_dns(strict=False)
        def test_open(lattice_dns):
            assert socket.gethostbyname("localhost")
        """
    )
    result = shop.runpytest_subprocess("-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2)


def test_unknown_setting_is_refused(pytester: pytest.Pytester) -> None:
    """A setting that the door has not is named, with the nearest one."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lattice_dns(strickt=True)
        def test_it(lattice_dns):
            pass
        """
    )
    result = pytester.runpytest_subprocess()

    result.stdout.fnmatch_lines(
        ["*unknown setting of the marker lattice_dns `strickt`", "*`strict`*"]
    )


def test_doors_stay_apart_under_xdist(shop: pytest.Pytester) -> None:
    """Workers have doors of their own, each to its own network."""
    shop.makepyfile(
        test_shop="""
        import pytest
        import shop_code as code

        @pytest.mark.parametrize("number", range(8))
        def test_price(shop, lattice_dns, number):
            assert code.price() in {"blue", "green"}
            assert len(shop.exchanges) == 1
        """,
        shop_code=CODE,
    )
    result = shop.runpytest_subprocess("-n", "2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=8)
