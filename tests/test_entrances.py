"""How clients come in: ports, places and signers."""

from __future__ import annotations

import httpx
import pytest

from pytest_lattice import (
    ConfigurationError,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    SigV4Auth,
    TargetGroup,
    assert_allowed,
)
from tests.shop import INVOKE, OPEN, shop


def test_each_client_calls_from_a_port_of_its_own() -> None:
    """Two clients are told apart by their ports."""
    with shop(OPEN) as network:
        for _ in range(2):
            network.client("orders").get("/")
        ports = [each.request.source.port for each in network.exchanges]

        assert ports == [32_768, 32_769]


def test_role_makes_the_client_sign() -> None:
    """A client of a role has a signer; its text shows no secret."""
    with shop(OPEN) as network:
        role = network.configuration.caller("checkout")
        request = network.client("orders", role=role).get("/").request

        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert role.credentials.secret_access_key not in repr(SigV4Auth(role))


def test_auth_of_a_client_is_its_own() -> None:
    """Without a role `auth` is the library's; with one it is refused."""
    with shop(OPEN) as network:
        client = network.client("orders", auth=httpx.BasicAuth("a", "b"))

        assert client.get("/").request.headers["authorization"].startswith("Basic ")
        with pytest.raises(ConfigurationError, match="one of role and auth"):
            network.async_client("orders", role="checkout", auth=None)


def test_custom_domain_name_is_signed_for_its_region() -> None:
    """The Region of a service is known to the network, not told by such a name."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("rates", targets="echo", region="eu-west-1"),
            Service(
                "rates",
                custom_domain_name="rates.example.com",
                certificate_arn="arn:aws:acm:eu-west-1:123456789012:certificate/a",
                auth_policy=OPEN,
                region="eu-west-1",
                listeners=[Listener("HTTPS", default=Forward("rates"))],
            ),
        )
        network.role("checkout", policies=[INVOKE])
        client = network.client(role="checkout")

        assert_allowed(client.get("https://rates.example.com/"), by="Everybody")
        assert_allowed(client.get("https://rates/"), by="Everybody")
