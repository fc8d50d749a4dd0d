"""The one seam between the network and what answers: `AppTarget`.

A target has a blocking and an awaitable call, which must give the same answer.
It sees the request as AWS would forward it and knows nothing of rules or logs.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from pytest_lattice.errors import TargetError

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers, LatticeRequest, LatticeResponse
    from pytest_lattice.model.target_group import Target, TargetGroup

#: A request body: whole, or in chunks (for `call` and for `acall`).
RequestBody: TypeAlias = bytes | Iterable[bytes]
AsyncRequestBody: TypeAlias = bytes | AsyncIterable[bytes]
#: A response body: whole, or in chunks; an iterator may be closed early.
ResponseBody: TypeAlias = bytes | Iterator[bytes]
AsyncResponseBody: TypeAlias = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """The way a request took, which is the same for many requests.

    Args:
        service_network_arn: the service network it came through.
        service_arn: the service it called.
        region: the Region of the service.
        target_group: the chosen target group.
        target: the chosen target, with id and port.
        address: the target's IP address; empty for Lambda.
        source_vpc_arn: the ARN of the caller's VPC.
        idle_timeout: how many seconds the target may be silent.
    """

    service_network_arn: str
    service_arn: str
    region: str
    target_group: TargetGroup
    target: Target
    address: str
    source_vpc_arn: str
    # AWS: vpc-lattice/latest/ug/quotas: the default of a service
    idle_timeout: float = 60


class TargetRequest(NamedTuple):
    """A request on its last hop.

    Args:
        request: the request as it came in.
        headers: the headers as the target sees them: Lattice's own added and
            replaced, forged ones stripped.
        route: the way it took.
        request_id: the value of ``x-amzn-requestid``.
        time_epoch: when the request came in, in microseconds since 1970.
    """

    request: LatticeRequest
    headers: Headers
    route: Route
    request_id: str
    time_epoch: int

    @property
    def is_probe(self) -> bool:
        """Whether it is a health check, which comes through no service."""
        return not self.route.service_arn


class TargetReply(NamedTuple):
    """What a target answered to `AppTarget.call`.

    Args:
        response: status and headers.
        body: whole, or an iterator of chunks; closing it ends the exchange.
        failure_reason: an access-log failure reason where the network made the
            answer because of the target, such as ``TargetProtocolError``.
        detail: for people: what was wrong, when there is a failure reason.
        trailers: asked when the body has ended; None where there can be none.
    """

    response: LatticeResponse
    body: ResponseBody
    failure_reason: str | None = None
    detail: str | None = None
    trailers: Callable[[], Headers] | None = None


class AsyncTargetReply(NamedTuple):
    """What a target answered to `AppTarget.acall`; see `TargetReply`."""

    response: LatticeResponse
    body: AsyncResponseBody
    failure_reason: str | None = None
    detail: str | None = None
    trailers: Callable[[], Headers] | None = None


class CutError(TargetError):
    """The network ends an exchange before the target has answered in full.

    Before the head of the response it becomes the network's own answer, after it the
    body breaks off.

    Args:
        reason: an access-log failure reason, such as ``TargetDataTimeout``.
        detail: for people: what was wrong.
        when: in microseconds since 1970.
    """

    def __init__(self, reason: str, detail: str, when: int) -> None:
        super().__init__(detail)
        self.reason = reason
        self.when = when


class AppTarget(Protocol):
    """Something that answers requests for a target."""

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer, blocking the calling thread.

        Raises:
            BlockingCallError: it would wait for the loop it is called on.
            Exception: whatever the app raised before its response began.
        """

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer without blocking the running event loop."""

    def close(self) -> None:
        """Release what it holds; shut an app's lifespan down."""


def close_body(body: object) -> None:
    """Close a body that can be closed."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


async def aclose_body(body: object) -> None:
    """Close an async body that can be closed."""
    aclose = getattr(body, "aclose", None)
    if aclose is not None:
        await aclose()
