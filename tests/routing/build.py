"""Requests and compiled states, made of as few words as a test needs."""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from pytest_lattice.model.configuration import Configuration, Resource
from pytest_lattice.model.message import Headers, HttpVersion, LatticeRequest, Source
from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
from pytest_lattice.routing.state import State, compile_state

#: The id of the VPC that stands in where none is declared.
DEFAULT_VPC_ID = Configuration().vpc("default").id


def request(
    method: str = "GET",
    url: str = "https://shop/",
    *,
    headers: Headers | Mapping[str, str] = (),
    host: str | None = None,
    http_version: HttpVersion = "HTTP/1.1",
    vpc: str = DEFAULT_VPC_ID,
    address: str = "10.0.0.9",
) -> LatticeRequest:
    """Make the request that a client would send to a URL."""
    parts = urlsplit(url)
    pairs = tuple(headers.items()) if isinstance(headers, Mapping) else headers
    return LatticeRequest(
        method=method,
        scheme=parts.scheme,
        host=parts.netloc if host is None else host,
        # Not `.hostname`, which would lower the case.
        server_name=parts.netloc.partition(":")[0],
        port=parts.port or (443 if parts.scheme == "https" else 80),
        path=parts.path,
        query=parts.query or None,
        headers=pairs,
        http_version=http_version,
        source=Source(vpc, address, 40000),
    )


def serving(group: TargetGroup, _: Target) -> TargetStatus:
    """Let every target serve, as at the start of a test."""
    return "HEALTHY" if group.health_check_enabled else "UNAVAILABLE"


def statuses(by_id: Mapping[str, TargetStatus]) -> Callable[..., TargetStatus]:
    """Give targets a status each, by their ids."""
    return lambda group, target: by_id[target.id]


def compiled(
    *resources: Resource, status: Callable[..., TargetStatus] = serving
) -> State:
    """Declare resources and compile them."""
    return compile_state(Configuration().with_resources(resources), status)
