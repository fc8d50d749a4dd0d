"""The fixtures of live listeners and of the proxy, as a user's tests ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TESTS = """
import threading

import httpx
import pytest

from pytest_lattice import FixedResponse, Listener, Service, ServiceNetwork, Vpc

SERVICE = Service("orders", listeners=[Listener("HTTP", default=FixedResponse(404))])


def test_server(lattice_network, lattice_server):
    lattice_network.add(SERVICE)
    name = lattice_network.service("orders").dns_name
    url = f"http://{lattice_server.address('orders')}/"
    assert httpx.get(url, headers={"host": name}).text == "Not Found"


@pytest.fixture
def two_vpcs(lattice_network):
    lattice_network.add(
        SERVICE, Vpc("near"), Vpc("far"), ServiceNetwork("shop", vpcs=["near", "far"])
    )


@pytest.mark.lattice_server(vpc="far")
@pytest.mark.lattice_proxy(vpc="near", strict=True)
def test_settings(two_vpcs, lattice_network, lattice_server, lattice_proxy):
    name = lattice_network.service("orders").dns_name
    url = f"http://{lattice_server.address('orders')}/"
    httpx.get(url, headers={"host": name})
    httpx.get(f"http://{name}/", proxy=lattice_proxy.url)
    assert httpx.get("http://example.com/", proxy=lattice_proxy.url).status_code == 403
    vpcs = [each.decision.way.vpc.name for each in lattice_network.exchanges]
    assert vpcs == ["far", "near"]


def test_nothing_is_left():
    assert threading.active_count() == 1
"""


def test_fixtures_serve_and_end(pytester: pytest.Pytester) -> None:
    """They take their settings from markers, and leave nothing."""
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-W", "error", "--strict-markers")

    result.assert_outcomes(passed=3)


def test_unknown_setting_is_refused(pytester: pytest.Pytester) -> None:
    """A setting that a door has not is named, with the nearest one."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.lattice_proxy(strickt=True)
        def test_it(lattice_proxy):
            pass
        """
    )
    result = pytester.runpytest_subprocess()

    result.stdout.fnmatch_lines(
        ["*unknown setting of the marker lattice_proxy `strickt`", "*`strict`*"]
    )
