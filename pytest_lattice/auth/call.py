"""A call as policies see it: who wants to do what, with what, where.

It holds what condition keys read; how they read it is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.model.message import LatticeRequest, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.auth.identity import Identity

# AWS: service-authorization/latest/reference/list_amazonvpclatticeservices
INVOKE = "vpc-lattice-svcs:Invoke"
CONNECT = "vpc-lattice-svcs:Connect"
ACTIONS = (INVOKE, CONNECT)
#: Stands in where what is asked depends on no request.
NO_REQUEST = LatticeRequest(
    "", "http", "", "", 0, "", None, (), "HTTP/1.1", Source("", "", 0)
)


class Place(NamedTuple):
    """What is the same for every call from one VPC to one service.

    Args:
        service_arn: the service.
        service_account: its owner.
        service_tags: its tags by lower-case key.
        service_org_id: the organization of its owner; None for none.
        region: its Region.
        network_arn: the service network that the call came through.
        vpc: the id of the client's VPC.
        vpc_account: its owner.
    """

    service_arn: str
    service_account: str
    service_tags: Mapping[str, str]
    service_org_id: str | None
    region: str
    network_arn: str
    vpc: str
    vpc_account: str


class Call(NamedTuple):
    """One call.

    Args:
        request: the request.
        identity: who makes it.
        place: where.
        now: when, in microseconds since 1970.
        action: ``vpc-lattice-svcs:Invoke``, or ``…:Connect`` for TLS passthrough.
    """

    request: LatticeRequest
    identity: Identity
    place: Place
    now: int
    action: str = INVOKE

    @property
    def resource(self) -> str:
        """The ARN that is invoked: the service's, and the raw path.

        AWS: vpc-lattice/latest/ug/auth-policies
        """
        if self.action == CONNECT:
            return self.place.service_arn
        return self.place.service_arn + self.request.path
