"""A request that was answered: what was decided, what came back, when.

An exchange holds no bodies.  Its access-log entry is derived when somebody reads
it, so that recording costs next to nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lattice.model.access_log import AccessLogEntry
from pytest_lattice.model.instant import date_of
from pytest_lattice.model.outcome import Denied, Unreachable, Unroutable
from pytest_lattice.routing.resolve import host_name

if TYPE_CHECKING:
    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.message import Headers, LatticeRequest, LatticeResponse

#: Under this key of its extensions a response carries its `Exchange`.
EXTENSION = "pytest_lattice"

# The log's field for each attribute of a certificate.
_CERTIFICATE_FIELDS = {
    "caller_x509_issuer_ou": "issuer_ou",
    "caller_x509_subject_cn": "subject_cn",
    "caller_x509_san_name_cn": "san_name_cn",
    "caller_x509_san_dns": "san_dns",
    "caller_x509_san_uri": "san_uri",
}
_STATUS_LINE_BYTES = len("HTTP/1.1 200 \r\n\r\n")


class Exchange(NamedTuple):
    """One request through the service network, from first to last byte.

    Args:
        decision: what was decided, with the request.
        response: status and headers as the client got them.
        request_id: the value of ``x-amzn-requestid``.
        received: bytes of the request body.
        sent: bytes of the response body.
        to_target: milliseconds until the last byte went to the target.
        from_target: milliseconds from the target's first byte to the last byte.
        duration: milliseconds until the last byte went to the client.
        failure_reason: AWS's ``failureReason``; None for none.
        detail: for people: what a target did wrong, if it did.
        grpc_status: how the target ended a gRPC call; None where it was none.
    """

    decision: Decision
    response: LatticeResponse
    request_id: str
    received: int
    sent: int
    to_target: int = 0
    from_target: int = 0
    duration: int = 0
    failure_reason: str | None = None
    detail: str | None = None
    grpc_status: int | None = None

    @property
    def request(self) -> LatticeRequest:
        """The request."""
        return self.decision.request

    @property
    def log_entry(self) -> AccessLogEntry | None:
        """The access-log entry; None where AWS could write none.

        A request to a name that no service has belongs to no service's log, and one
        that found no listener to talk to never began.
        AWS: vpc-lattice/latest/ug/monitoring-access-logs
        """
        return _entry(self) if self.is_logged else None

    @property
    def is_logged(self) -> bool:
        """Whether there is an access-log entry, without making it."""
        unreachable = isinstance(self.decision.outcome, Unreachable)
        return not unreachable and self.decision.way.service is not None

    def explain(self, decided: str | None = None) -> str:
        """Write the decision and what came of it as text.

        Args:
            decided: the decision's text; None for its own explanation.
        """
        decided = self.decision.explain() if decided is None else decided
        lines = [decided, f"  => {self.response.status}"]
        if self.failure_reason:
            lines[-1] += f" {self.failure_reason}"
        if self.detail:
            lines[-1] += f": {self.detail}"
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Show the exchange on one line."""
        request = self.request
        return f"<Exchange {request.method} {request.url} -> {self.response.status}>"


def _entry(exchange: Exchange) -> AccessLogEntry:
    decision, request = exchange.decision, exchange.request
    way, group, target = decision.way, decision.group_state, decision.target_state
    source, https = request.source, request.scheme == "https"
    # AWS is silent on what is passed through: what cannot be known is absent
    sealed = request.scheme == "tls"
    address = f"[{source.address}]" if ":" in source.address else source.address
    agents = request.header_values("user-agent")
    return AccessLogEntry(
        service_network_arn=way.network.arn if way.network else "-",
        target_group_arn=group.arn if group else "-",
        source_vpc_arn=way.vpc.arn if way.vpc else "-",
        destination_vpc_id=group.vpc_id if group else "-",
        source_ip_port=f"{address}:{source.port}",
        target_ip_port=target.ip_port if target else "-",
        failure_reason=exchange.failure_reason or "-",
        service_arn=way.service.arn if way.service else "-",
        source_vpc_id=source.vpc,
        # AWS: whole seconds in UTC
        start_time=f"{date_of(decision.now):%Y-%m-%dT%H:%M:%SZ}",
        request_method=request.method,
        # AWS is silent on the query string: the raw path only
        request_path=request.path or "-",
        protocol="-" if sealed else request.http_version,
        response_code=exchange.response.status,
        bytes_received=exchange.received + (0 if sealed else _head_size(request)),
        bytes_sent=exchange.sent + (0 if sealed else _answer_head_size(exchange)),
        duration=exchange.duration,
        user_agent=agents[0] if agents else "-",
        host_header=request.host,
        # AWS: only for HTTPS, without a port
        server_name_indication=host_name(request.server_name)
        if https or sealed
        else "-",
        request_to_target_duration=exchange.to_target,
        response_from_target_duration=exchange.from_target,
        ssl_cipher=request.tls.cipher if https else "-",
        tls_version=request.tls.version if https else "-",
        grpc_response_code=exchange.grpc_status,
        request_id=exchange.request_id,
        **_caller_fields(decision),
    )


def _caller_fields(decision: Decision) -> dict[str, Any]:
    """Say who called and, where that is why, which layer refused.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """
    access, outcome = decision.access, decision.outcome
    if access is None:
        return {}
    fields: dict[str, Any] = {}
    if isinstance(outcome, Denied) and outcome.layer != "authentication":
        fields["auth_denied_reason"] = outcome.layer.capitalize()
    identity = access.identity
    if identity is None:
        return fields | {"resolved_user": "Unknown"}
    if not access.layers:
        return fields
    if identity.is_anonymous:
        return fields | {"resolved_user": access.guard.settings.anonymous_user}
    fields["resolved_user"] = fields["caller_principal"] = identity.principal
    if identity.org_id:
        fields["caller_principal_org_id"] = identity.org_id
    if identity.tags:
        tags = json.dumps(identity.tags, separators=(",", ":"), ensure_ascii=False)
        fields["caller_principal_tags"] = tags
    certificate = getattr(identity.caller, "certificate", None)
    if certificate is not None:
        fields |= {
            field: value
            for field, name in _CERTIFICATE_FIELDS.items()
            if (value := getattr(certificate, name))
        }
    return fields


def _head_size(request: LatticeRequest) -> int:
    line = f"{request.method} {request.target} HTTP/1.1\r\n\r\n"
    return len(line) + _size(request.headers)


def _answer_head_size(exchange: Exchange) -> int:
    return _STATUS_LINE_BYTES + _size(exchange.response.headers)


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def failure_reason_of(decision: Decision) -> str | None:
    """Return the failure reason of an answer that the network makes itself."""
    outcome = decision.outcome
    if isinstance(outcome, Denied):
        # AWS: vpc-lattice/latest/ug/monitoring-access-logs
        return "ClientAccessDenied"
    return outcome.failure_reason if isinstance(outcome, Unroutable) else None
