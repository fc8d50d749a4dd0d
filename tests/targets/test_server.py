"""What WSGI and ASGI apps get from the app server that stands in beside a target."""

from __future__ import annotations

import pytest

from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.base import Route
from pytest_lattice.targets.server import (
    client_address,
    note_target,
    scheme,
    speaks_http2,
)


def route_to(group: TargetGroup, address: str = "10.0.0.9") -> Route:
    """Make the way to the one target of a group."""
    return Route(
        service_network_arn="arn:network",
        service_arn="arn:service",
        region="us-west-2",
        target_group=group,
        target=group.registered[0],
        address=address,
        source_vpc_arn="arn:vpc",
    )


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.9", "169.254.171.1"), ("[fd00::1]", "fd00:ec2:80::a9fe:ab01")],
)
def test_client_is_lattice(address: str, expected: str) -> None:
    """A target is called from a link-local address of its own family."""
    route = route_to(TargetGroup("web", targets="echo"), address)

    assert client_address(route) == expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (TargetGroup("web", targets="echo"), ("http", False)),
        (TargetGroup("web", protocol="HTTPS", targets="echo"), ("https", False)),
        (TargetGroup("web", protocol_version="HTTP2", targets="echo"), ("http", True)),
        (TargetGroup("web", protocol_version="GRPC", targets="echo"), ("http", True)),
    ],
)
def test_protocol_is_that_of_the_group(
    group: TargetGroup, expected: tuple[str, bool]
) -> None:
    """Scheme and version are the group's, whatever the client spoke."""
    route = route_to(group)

    assert (scheme(route), speaks_http2(route)) == expected


def test_note_is_added_once() -> None:
    """An error that passes twice says once where it comes from."""
    group = TargetGroup("web", targets="echo")
    error = ValueError("no")

    note_target(error, route_to(group))
    note_target(error, route_to(group))

    where = f"`{group.registered[0].id}` of target group `web`"
    assert error.__notes__ == [f"raised behind target {where}"]
