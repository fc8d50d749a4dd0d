"""What an app server beside a target would do, the same for WSGI and ASGI apps.

It knows the route of a request and HTTP, and neither of the two protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import notes_of
from pytest_lattice.model.message import LatticeResponse

if TYPE_CHECKING:
    from pytest_lattice.targets.base import Route

# AWS: vpc-lattice/latest/ug/security-groups: targets are called from link-local
# addresses, of which the IPv6 one embeds the IPv4 one.
_LATTICE_IPV4 = "169.254.171.1"
_LATTICE_IPV6 = "fd00:ec2:80::a9fe:ab01"

#: Statuses of whole responses: below, the final one is still to come.
STATUSES = range(200, 1000)
#: Statuses of responses that have no body, by RFC 9110.
WITHOUT_BODY = frozenset({204, 304})
#: What an app server answers for an app that raised.
SERVER_ERROR_BODY = b"Internal Server Error"
SERVER_ERROR = LatticeResponse(
    status=500,
    headers=(
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(SERVER_ERROR_BODY))),
    ),
)


def client_address(route: Route) -> str:
    """Return the address from which Lattice calls a target."""
    return _LATTICE_IPV6 if ":" in route.address else _LATTICE_IPV4


def scheme(route: Route) -> str:
    """Return the scheme by which Lattice calls a target: ``http`` or ``https``."""
    return "http" if route.target_group.protocol == "HTTP" else "https"


def speaks_http2(route: Route) -> bool:
    """Tell whether Lattice calls a target with HTTP/2.

    AWS: vpc-lattice/latest/ug/target-groups
    """
    return route.target_group.protocol_version in {"HTTP2", "GRPC"}


def note_target(error: Exception, route: Route) -> None:
    """Say once, in a note, behind which target an exception was raised."""
    note = (
        f"raised behind target `{route.target.id}` "
        f"of target group `{route.target_group.name}`"
    )
    if note not in notes_of(error):
        error.add_note(note)
