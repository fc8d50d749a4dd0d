"""The table of auth decisions, through signed HTTP requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    Denied,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    ServiceNetwork,
    TargetGroup,
)
from tests.auth.decision_table import CASES
from tests.auth.scene import caller_of, request_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice import Exchange

#: The address of the table's requests.
ADDRESS = request_of({}).source.address


def network_of(case: Mapping[str, Any]) -> LatticeNetwork:
    """Declare the network, service and caller of a case."""
    network = LatticeNetwork()
    network.add(
        TargetGroup("web", targets="echo"),
        Service(
            "rates",
            listeners=[
                Listener("HTTP", default=Forward("web")),
                Listener("HTTP", 8080, default=Forward("web")),
                Listener("HTTPS", default=Forward("web")),
            ],
            **case.get("service", {}),
        ),
        ServiceNetwork(
            "shop", services=["rates"], vpcs=["default"], **case.get("network", {})
        ),
    )
    caller = caller_of(case.get("caller"))
    if caller is not None:
        network.add(caller)
    return network


def sent(case: Mapping[str, Any], network: LatticeNetwork) -> Exchange:
    """Make the request of a case, signed for real where somebody calls."""
    described = case["request"]
    http2 = described.get("http2", False)
    caller = caller_of(case.get("caller"))
    client = network.client(role=caller, address=ADDRESS, http2=http2)
    port = f":{described['port']}" if "port" in described else ""
    request = client.build_request(
        "GET",
        f"{'https' if http2 else 'http'}://rates{port}/",
        headers=described.get("headers", ()),
        # As it is written: a URL would be normalized.
        extensions={"target": described.get("url", "/").encode()},
    )
    # Written large by the library, but not by every client.
    request.method = described.get("method", "GET")
    response = client.send(request)
    exchange: Exchange = response.extensions["pytest_lattice"]
    return exchange


@pytest.mark.filterwarnings("ignore:.*never holds:pytest_lattice.LatticeWarning")
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_decision_over_http(case: Mapping[str, Any]) -> None:
    """A signed request is let in or refused as the table says, and so is its log."""
    expected = case["expected"]
    with network_of(case) as network:
        exchange = sent(case, network)
        outcome, entry = exchange.decision.outcome, exchange.log_entry
        assert entry is not None

        if expected["verdict"] == "ALLOW":
            assert not isinstance(outcome, Denied)
            assert entry.auth_denied_reason == "-"
        else:
            assert isinstance(outcome, Denied)
            assert (outcome.layer, outcome.verdict) == (
                expected["layer"],
                expected["verdict"],
            )
            assert outcome.sid == expected.get("sid")
            assert exchange.response.status == 403
            assert entry.auth_denied_reason.lower() == expected["layer"]
            assert expected["policy"] in outcome.body
