"""What a target gets to see of a request, and a client of a response: headers.

Lattice adds headers that tell where a request came from, and strips what a client
could forge.  Nothing here sends anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers

REQUEST_ID = "x-amzn-requestid"
# AWS: vpc-lattice/latest/ug/monitoring-access-logs: cut at 512 bytes
_REQUEST_ID_BYTES = 512
# AWS: vpc-lattice/latest/ug/http-targets: identity headers sent by a client are
# stripped.  It is silent on the forwarded headers and x-amzn-source-vpc: replaced,
# as the page says plainly "the source IP address".
_OWN = frozenset(
    {
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-amzn-lattice-identity",
        "x-amzn-lattice-identity-tags",
        "x-amzn-lattice-network",
        "x-amzn-lattice-target",
        "x-amzn-source-vpc",
        REQUEST_ID,
    }
)


def added_headers(
    *,
    scheme: str,
    port: int,
    vpc_id: str,
    vpc_arn: str,
    service_arn: str,
    network_arn: str,
    group_arn: str,
) -> Headers:
    """Build the headers that are the same for every request on one way.

    Args:
        scheme: how the client reached the listener.
        port: the listener's port.
        vpc_id: the client's VPC.
        vpc_arn: its ARN.
        service_arn: the service.
        network_arn: the service network.
        group_arn: the chosen target group.

    AWS: vpc-lattice/latest/ug/http-targets
    """
    return (
        ("x-forwarded-port", str(port)),
        ("x-forwarded-proto", scheme),
        ("x-amzn-lattice-network", f"SourceVpcArn={vpc_arn}"),
        # Real requests separate with "; " and end without one
        (
            "x-amzn-lattice-target",
            "; ".join(
                (
                    f"ServiceArn={service_arn}",
                    f"ServiceNetworkArn={network_arn}",
                    f"TargetGroupArn={group_arn}",
                )
            ),
        ),
        ("x-amzn-source-vpc", vpc_id),
    )


def to_target(
    headers: Headers, added: Headers, address: str, request_id: str
) -> Headers:
    """Rewrite request headers for the target.

    Args:
        headers: as the client sent them.
        added: from `added_headers`.
        address: the client's IP address.
        request_id: the value of ``x-amzn-requestid``.
    """
    kept = [pair for pair in headers if pair[0] not in _OWN]
    return (
        *kept,
        ("x-forwarded-for", address),
        *added,
        (REQUEST_ID, request_id),
    )


def replaced(headers: Headers) -> tuple[str, ...]:
    """Name the headers of a client that the target will not see as sent."""
    return tuple(name for name, _ in headers if name in _OWN and name != REQUEST_ID)


def to_client(headers: Headers, request_id: str) -> Headers:
    """Add the request id to response headers, in place of a target's own.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """
    names = [name.lower() for name, _ in headers]
    if REQUEST_ID in names:
        headers = tuple(pair for pair in headers if pair[0].lower() != REQUEST_ID)
    return (*headers, (REQUEST_ID, request_id))


def request_id_of(headers: Headers) -> str | None:
    """Return the client's own request id, cut as AWS cuts it; None if it has none."""
    for name, value in headers:
        if name == REQUEST_ID and value:
            return value.encode("latin-1")[:_REQUEST_ID_BYTES].decode("latin-1")
    return None
