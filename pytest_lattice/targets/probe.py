"""One health check of a target: what is asked, and what an answer means.

It makes the request and judges the reply; who calls whom and when is not known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.target_group import HealthCheck
from pytest_lattice.routing.health import matched_statuses
from pytest_lattice.targets.base import CutError, Route
from pytest_lattice.targets.server import client_address

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.targets.base import AsyncTargetReply, TargetReply

    #: A `TargetRequest` without its time.
    Question: TypeAlias = tuple[LatticeRequest, Headers, Route, str]

# AWS is silent on the headers of its probes: none that could be mistaken for AWS's
_USER_AGENT = "pytest-lattice-health-check"
_PORT = 49152
# Seconds after which no answer is waited for: above the longest timeout of a check.
_PATIENCE = 121


class Verdict(NamedTuple):
    """What came of a probe.

    Args:
        passed: whether it passed.
        said: what happened, for people.
        status: the HTTP status that did not match; None for another reason.
    """

    passed: bool
    said: str
    status: int | None = None


class Prober:
    """Probes the targets of one group.

    Args:
        group: the target group; its health check is on.

    AWS: vpc-lattice/latest/ug/target-group-health-checks
    """

    def __init__(self, group: TargetGroup) -> None:
        self.check = group.health_check or HealthCheck()
        self.line = f"GET {self.check.path}"
        self._matched = matched_statuses(self.check.matcher)
        self._timeout = self.check.timeout_seconds * 1_000_000
        # A server sees the protocol of the check, not that of the traffic.
        own = group.protocol if group.protocol in {"HTTP", "HTTPS"} else "HTTP"
        version: Literal["HTTP1", "HTTP2"] = (
            "HTTP2" if group.protocol_version == "HTTP2" else "HTTP1"
        )
        self._group = replace(
            group,
            protocol=self.check.protocol or own,
            protocol_version=self.check.protocol_version or version,
            targets=(),
        )
        # The verdicts of statuses that were answered before.
        self._known: dict[int, Verdict] = {}

    def question(self, target: Target, address: str) -> Question:
        """Write what a target is asked again and again.

        Args:
            target: with id and port.
            address: its IP address.
        """
        group = self._group
        if self.check.port is not None:
            target = replace(target, port=self.check.port)
        route = Route("", "", group.region, group, target, address, "", _PATIENCE)
        host = f"{address}:{target.port}"
        headers = (("host", host), ("user-agent", _USER_AGENT))
        path, mark, query = self.check.path.partition("?")
        head = LatticeRequest(
            method="GET",
            scheme="https" if group.protocol == "HTTPS" else "http",
            host=host,
            server_name=address,
            port=target.port or 0,
            path=path,
            query=query if mark else None,
            headers=headers,
            http_version="HTTP/2" if group.protocol_version == "HTTP2" else "HTTP/1.1",
            source=Source("", client_address(route), _PORT),
        )
        return head, headers, route, ""

    def judge(self, reply: TargetReply | AsyncTargetReply, took: int) -> Verdict:
        """Say whether an answer passes.

        Args:
            reply: what the target answered.
            took: the time it needed, in microseconds of the network's clock.
        """
        status = reply.response.status
        known = self._known.get(status)
        if (
            known is not None
            and took <= self._timeout
            and reply.failure_reason is None
            and reply.trailers is None
        ):
            return known
        if reply.failure_reason is not None:
            why = reply.detail or reply.failure_reason
            return Verdict(passed=False, said=f"{self.line} failed: {why}")
        if took > self._timeout:
            said = f"{self.line} took {took / 1_000_000:g} seconds, more than "
            return Verdict(passed=False, said=f"{said}{self.check.timeout_seconds}")
        if reply.trailers is not None and _speaks_grpc(reply):
            # AWS: vpc-lattice/latest/ug/target-group-health-checks: HTTP1 and HTTP2
            # only, which a gRPC server does not answer with an HTTP status of its own
            said = f"{self.line} was answered by a gRPC server; health checks are HTTP"
            return Verdict(passed=False, said=said)
        passed = status in self._matched
        said = f"{self.line} answered {status}"
        self._known[status] = Verdict(passed, said, None if passed else status)
        return self._known[status]

    def raised(self, error: Exception) -> Verdict:
        """Say what it means that no answer came."""
        if isinstance(error, CutError):
            said = f"{self.line} took more than {self.check.timeout_seconds} seconds"
        else:
            said = f"{self.line} raised {type(error).__name__}: {error}".rstrip(": ")
        return Verdict(passed=False, said=said.partition("\n")[0])


def _speaks_grpc(reply: TargetReply | AsyncTargetReply) -> bool:
    return any(
        name.lower() == "content-type" and value.startswith("application/grpc")
        for name, value in reply.response.headers
    )
