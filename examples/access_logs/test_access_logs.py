"""The dashboard and the alarm, on logs that a service network delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from examples.access_logs.dashboard import denials, requests_by_path
from pytest_lattice import DeliveryError

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork

DAY = "prod/AWSLogs/123456789012/VpcLattice/AccessLogs/us-west-2/2026/01/01/"


def test_the_dashboard_reads_the_files(shop: LatticeNetwork, s3: Any) -> None:  # noqa: ANN401  # boto3's clients have no type
    """The parser finds each request of the day, whichever file it is in."""
    checkout = shop.client("shop", role="checkout")
    checkout.get("/cart")
    shop.clock.advance(300)
    checkout.get("/cart")
    checkout.get("/pay")
    shop.client("shop").get("/cart")
    shop.flush()

    assert requests_by_path(s3, "shop-access-logs", DAY) == {
        ("/cart", 200): 2,
        ("/pay", 200): 1,
        ("/cart", 403): 1,
    }


def test_a_file_is_there_when_its_five_minutes_are_over(
    shop: LatticeNetwork,
    s3: Any,  # noqa: ANN401  # see above
) -> None:
    """A dashboard that is read at once does not show the last minutes yet."""
    shop.client("shop", role="checkout").get("/cart")
    assert not requests_by_path(s3, "shop-access-logs", DAY)

    shop.clock.advance(300)
    assert requests_by_path(s3, "shop-access-logs", DAY) == {("/cart", 200): 1}


def test_the_alarm_names_the_policy_that_kept_a_stranger_out(
    shop: LatticeNetwork,
    logs: Any,  # noqa: ANN401  # see above
) -> None:
    """The 403 of a stranger is in CloudWatch Logs, with the layer that refused."""
    shop.client("shop", role="checkout").get("/cart")
    shop.client("shop").get("/cart")
    shop.flush()

    assert denials(logs, "/aws/vendedlogs/shop") == [("Anonymous", "Service")]


def test_a_log_group_that_was_forgotten_is_told(
    shop: LatticeNetwork,
    logs: Any,  # noqa: ANN401  # see above
) -> None:
    """Who deletes the log group learns which subscription needs it."""
    logs.delete_log_group(logGroupName="/aws/vendedlogs/shop")
    shop.client("shop").get("/cart")

    with pytest.raises(DeliveryError, match="access log of `shop` was not delivered"):
        shop.flush()

    logs.create_log_group(logGroupName="/aws/vendedlogs/shop")
    shop.flush()
    assert len(denials(logs, "/aws/vendedlogs/shop")) == 1
