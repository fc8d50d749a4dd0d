"""Access logs: the subscription that switches them on, and the entry.

An entry has AWS's keys in the order seen in real entries.  How an entry follows
from an exchange is not known here.
"""

from __future__ import annotations

import json
import re
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.model.log_destination import log_destination
from pytest_lattice.model.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

# A generated DNS name is shown as the service's name.
_GENERATED = re.compile(r"^(.+)-[0-9a-f]{17}\.[0-9a-z]+\.vpc-lattice-svcs\.[^:]+")


@dataclass(frozen=True, slots=True, repr=False)
class AccessLogSubscription(Value):
    """Switch on the access log of a service or of a service network.

    Args:
        resource: name, id or ARN of a service or service network.
        destination: a file that gets one JSON object a line; the ARN of a CloudWatch
            log group, an S3 bucket (with a prefix, if you like) or a Firehose stream;
            or None to keep the entries in memory only.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a destination that is none of these.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """

    resource: str
    _: KW_ONLY
    destination: Path | str | None = None
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Hold the destination to a path or an ARN."""
        if self.destination is not None and not isinstance(self.destination, Path):
            found = log_destination(str(self.destination), self.resource)
            self._set(destination=found.arn)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLogEntry:
    """One entry of a service access log.

    Strings that have nothing to say are ``-``; durations are milliseconds, sizes
    bytes.  `grpc_response_code` is None where the key is left out.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """

    service_network_arn: str
    resolved_user: str = "-"
    listener_type: str = "-"
    auth_denied_reason: str = "-"
    target_group_arn: str = "-"
    source_vpc_arn: str
    destination_vpc_id: str = "-"
    source_ip_port: str
    listener_id: str = "-"
    target_ip_port: str = "-"
    failure_reason: str = "-"
    service_arn: str
    source_vpc_id: str
    start_time: str
    request_method: str
    request_path: str
    protocol: str
    response_code: int
    bytes_received: int
    bytes_sent: int
    duration: int
    user_agent: str = "-"
    host_header: str
    server_name_indication: str = "-"
    request_to_target_duration: int = 0
    response_from_target_duration: int = 0
    ssl_cipher: str = "-"
    tls_version: str = "-"
    caller_principal: str = "-"
    caller_principal_org_id: str = "-"
    caller_x509_issuer_ou: str = "-"
    caller_x509_subject_cn: str = "-"
    caller_x509_san_name_cn: str = "-"
    caller_x509_san_dns: str = "-"
    caller_x509_san_uri: str = "-"
    caller_principal_tags: str = "-"
    grpc_response_code: int | None = None
    request_id: str

    def to_dict(self) -> dict[str, str | int]:
        """Return AWS's keys and values, in the order of real entries."""
        pairs = ((key, getattr(self, name)) for name, key in KEYS.items())
        return {key: value for key, value in pairs if value is not None}

    def to_json(self) -> str:
        """Write the entry as one line of JSON, as AWS delivers it."""
        return json.dumps(self.to_dict(), separators=(",", ":"), ensure_ascii=False)

    def differences(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Compare with wanted values.

        Args:
            fields: wanted value by field name, in Python's case.

        Returns:
            The entry's own value by field name, where it is not the wanted one.

        Raises:
            ConfigurationError: a field that no entry has, with the nearest name.
        """
        check_fields(fields)
        return {
            name: getattr(self, name)
            for name, wanted in fields.items()
            if getattr(self, name) != wanted
        }

    def __repr__(self) -> str:
        """Show what a person looks for, on one line."""
        host = _GENERATED.sub(r"\1", self.host_header)
        group = self.target_group_arn.rpartition("/")[2]
        words = (
            self.start_time,
            str(self.response_code),
            f"{self.request_method} {host}{self.request_path}",
            f"from {self.source_ip_port} in {self.source_vpc_id}",
            f"to {group} {self.target_ip_port}".removesuffix(" -").removesuffix("to -"),
            self.failure_reason,
            self.auth_denied_reason,
        )
        return f"<{' '.join(word for word in words if word.strip('- '))}>"


#: AWS's key of each field.  The order is that of real entries, then the keys that
#: only the page has.  # AWS: vpc-lattice/latest/ug/monitoring-access-logs
KEYS = {
    "service_network_arn": "serviceNetworkArn",
    "resolved_user": "resolvedUser",
    "listener_type": "listenerType",
    "auth_denied_reason": "authDeniedReason",
    "target_group_arn": "targetGroupArn",
    "source_vpc_arn": "sourceVpcArn",
    "destination_vpc_id": "destinationVpcId",
    "source_ip_port": "sourceIpPort",
    "listener_id": "listenerId",
    "target_ip_port": "targetIpPort",
    "failure_reason": "failureReason",
    "service_arn": "serviceArn",
    "source_vpc_id": "sourceVpcId",
    "start_time": "startTime",
    "request_method": "requestMethod",
    "request_path": "requestPath",
    "protocol": "protocol",
    "response_code": "responseCode",
    "bytes_received": "bytesReceived",
    "bytes_sent": "bytesSent",
    "duration": "duration",
    "user_agent": "userAgent",
    "host_header": "hostHeader",
    "server_name_indication": "serverNameIndication",
    "request_to_target_duration": "requestToTargetDuration",
    "response_from_target_duration": "responseFromTargetDuration",
    "ssl_cipher": "sslCipher",
    "tls_version": "tlsVersion",
    "caller_principal": "callerPrincipal",
    "caller_principal_org_id": "callerPrincipalOrgID",
    "caller_x509_issuer_ou": "callerX509IssuerOU",
    "caller_x509_subject_cn": "callerX509SubjectCN",
    "caller_x509_san_name_cn": "callerX509SANNameCN",
    "caller_x509_san_dns": "callerX509SANDNS",
    "caller_x509_san_uri": "callerX509SANURI",
    "caller_principal_tags": "callerPrincipalTags",
    "grpc_response_code": "grpcResponseCode",
    "request_id": "requestId",
}


def check_fields(names: Iterable[str]) -> None:
    """Refuse a field that no entry has.

    Args:
        names: names in Python's case, such as ``response_code``.

    Raises:
        ConfigurationError: the first such field, with the nearest name.
    """
    for name in names:
        if name not in KEYS:
            raise unknown("access log field", name, KEYS)
