"""What the tests of app targets share: a way to make a request on its last hop."""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import Route, TargetRequest

#: Makes a request from what a test cares about.
MakeRequest: TypeAlias = Callable[..., TargetRequest]


@pytest.fixture
def make_request() -> MakeRequest:
    """Give the maker of requests to the one target of a group."""
    return _make_request


def _make_request(  # a test names the one thing that it cares about
    path: str = "/",
    *,
    method: str = "GET",
    query: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    host: str | None = "shop.example.com",
    address: str = "10.0.0.9",
    group: TargetGroup | None = None,
) -> TargetRequest:
    group = group or TargetGroup("instances", port=8080, targets=[object()])
    if host is not None:
        headers = (("host", host), *headers)
    request = LatticeRequest(
        method=method,
        scheme="https",
        host=host or "",
        server_name="shop.example.com",
        port=443,
        path=path,
        query=query,
        headers=headers,
        http_version="HTTP/2",
        source=Source(vpc="default", address="10.0.0.4", port=50000),
    )
    route = Route(
        service_network_arn="arn:network",
        service_arn="arn:service",
        region="eu-central-1",
        target_group=group,
        target=group.registered[0],
        address=address,
        source_vpc_arn="arn:vpc",
    )
    return TargetRequest(request, headers, route, request_id="request-1", time_epoch=0)
