"""Who is let in: the guard is made when something first needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lattice.decision.admission import Admission, may_be_signed
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.auth_policy import policy_text
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.service import Service
from tests.shop import OPEN, policy, shop, statement

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork
    from pytest_lattice.model.message import LatticeRequest


def asked(
    network: LatticeNetwork, url: str = "https://orders/", **headers: str
) -> LatticeRequest:
    """Return the request of a question."""
    return network.decide("GET", url, headers=headers).request


def test_request_may_be_signed() -> None:
    """A header or a query that could sign is looked at, nothing else is."""
    with shop() as network:
        assert not may_be_signed(asked(network))
        assert not may_be_signed(asked(network, "https://orders/?a=b", date="now"))
        assert may_be_signed(asked(network, authorization="Bearer a"))
        assert may_be_signed(asked(network, "https://orders/?X-Amz-Signature=a"))


def test_guard_is_made_for_a_signature() -> None:
    """Without policies and callers nobody is asked, until a request is signed."""
    with shop() as network:
        configuration = network.configuration.__class__(
            services=network.configuration.services,
            target_groups=network.configuration.target_groups,
            service_networks=network.configuration.service_networks,
        )
        way = network.decide("GET", "https://orders/").way
        admission = Admission(configuration, None)
        request = asked(network)

        assert admission.admit(request, way, 0) is None
        signed = asked(network, authorization="AWS4-HMAC-SHA256 a")
        access = admission.admit(signed, way, 0)
        assert access is not None
        assert access.denied is not None


@pytest.mark.parametrize("auth_type", ["AWS_IAM", "NONE"])
def test_policy_is_read_at_once(auth_type: str) -> None:
    """A bad policy is refused before any request, also where it is inactive."""
    bad = policy_text(policy(statement(Action="vpc-lattice-svcs:Invok")), "policy")
    service = Service("orders", auth_policy=bad, auth_type=auth_type)  # type: ignore[arg-type]  # one of two
    with pytest.raises(ConfigurationError, match="unknown action"):
        Admission(Configuration().with_resources([service]), None)


def test_policies_of_an_open_service_ask_nobody() -> None:
    """Where one service has auth, another without is asked nothing."""
    with shop(OPEN) as network:
        network.add(Service("free"))
        free = network.configuration.service("free")

        assert free.auth_type == "NONE"
