"""AWS in memory, and a service whose access log is delivered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
import pytest
from moto import mock_aws

from pytest_lattice import (
    AccessLogSubscription,
    Forward,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice import LatticeNetwork

REGION = "us-west-2"
ONLY_CHECKOUT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/checkout"},
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": "*",
        }
    ],
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Moto in place of AWS, with credentials that open nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def s3(aws: None) -> Any:  # noqa: ANN401  # boto3's clients have no type
    """A client of S3, and the bucket of the dashboard."""
    client = boto3.client("s3", region_name=REGION)
    client.create_bucket(
        Bucket="shop-access-logs",
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    return client


@pytest.fixture
def logs(aws: None) -> Any:  # noqa: ANN401  # see above
    """A client of CloudWatch Logs, and the log group of the alarm."""
    client = boto3.client("logs", region_name=REGION)
    client.create_log_group(logGroupName="/aws/vendedlogs/shop")
    return client


@pytest.fixture
def shop(lattice_network: LatticeNetwork, s3: Any, logs: Any) -> LatticeNetwork:  # noqa: ANN401  # see above
    """A service for the checkout only, with a subscription to each destination."""
    lattice_network.add(
        TargetGroup("web", targets="echo"),
        Service(
            "shop",
            auth_policy=ONLY_CHECKOUT,
            listeners=[Listener("HTTPS", default=Forward("web"))],
        ),
        AccessLogSubscription("shop", destination="arn:aws:s3:::shop-access-logs/prod"),
        AccessLogSubscription(
            "shop",
            destination="arn:aws:logs:us-west-2:123456789012:"
            "log-group:/aws/vendedlogs/shop",
        ),
    )
    lattice_network.role("checkout", policies=["VPCLatticeServicesInvokeAccess"])
    return lattice_network
