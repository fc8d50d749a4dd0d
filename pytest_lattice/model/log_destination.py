"""Where AWS delivers access logs: a log group, a bucket or a Firehose stream.

A destination is an ARN of one of three forms.  Nothing here delivers anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference: `destinationArn` of CreateAccessLogSubscription
_LENGTHS = range(20, 2049)
_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):"
    r"(?P<region>[^:]*):(?P<account>[^:]*):(?P<rest>[^/].*)"
)


class LogDestination(NamedTuple):
    """Where the entries of one subscription are delivered.

    Args:
        service: as boto3 names it: ``logs``, ``s3`` or ``firehose``.
        arn: as the user wrote it.
        name: of the log group, the bucket or the delivery stream.
        prefix: of the keys in a bucket; empty for none.
        region: of the destination; a bucket's ARN has none, then that of the
            resource whose log it is.
        account: of the destination; see `region`.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """

    service: str
    arn: str
    name: str
    prefix: str
    region: str
    account: str


class _Form(NamedTuple):
    #: What it is called, and what a subscription to it is said to go to.
    kind: str
    to: str
    example: str
    #: Region, account and the rest of the ARN.
    pattern: re.Pattern[str]


_OWNER = r"(?:[a-z]{2}(?:-[a-z]+)+-[0-9]+):[0-9]{12}"
_FORMS = {
    "logs": _Form(
        "a CloudWatch log group",
        "to CloudWatch Logs",
        "arn:aws:logs:us-west-2:123456789012:log-group:NAME",
        # With `:*` and without mean the same group.
        re.compile(
            rf"{_OWNER}:log-group:(?P<name>[\w.\-/#]{{1,512}})(?::\*)?", re.ASCII
        ),
    ),
    "s3": _Form(
        "an S3 bucket",
        "to S3",
        "arn:aws:s3:::BUCKET/PREFIX",
        re.compile(r"::(?P<name>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?"),
    ),
    "firehose": _Form(
        "a Firehose delivery stream",
        "to Firehose",
        "arn:aws:firehose:us-west-2:123456789012:deliverystream/NAME",
        re.compile(rf"{_OWNER}:deliverystream/(?P<name>[\w.-]{{1,64}})", re.ASCII),
    ),
}


def log_destination(arn: str, resource: str) -> LogDestination:
    """Read the ARN of a destination.

    Args:
        arn: such as ``arn:aws:s3:::my-bucket/prefix``.
        resource: whose access log goes there, for the error.

    Raises:
        ConfigurationError: AWS delivers access logs to no such thing.
    """
    where = f"access log destination `{arn}` of `{resource}`"
    found = _ARN.fullmatch(arn)
    if found is None:
        raise advised(
            f"{where} is neither a pathlib path nor an ARN",
            f"one is like {_FORMS['s3'].example}",
        )
    service = found["service"]
    if service not in _FORMS:
        raise unknown(f"service in {where}:", service, _FORMS)
    if len(arn) not in _LENGTHS:
        raise ConfigurationError(
            f"{where} has {len(arn)} characters, not {_LENGTHS[0]} to {_LENGTHS[-1]}"
        )
    form = _FORMS[service]
    part = form.pattern.fullmatch(arn.split(":", 3)[3])
    if part is None:
        raise advised(
            f"{where} is not the ARN of {form.kind}", f"one is like {form.example}"
        )
    prefix = (part.groupdict().get("prefix") or "").strip("/")
    return LogDestination(
        service, arn, part["name"], prefix, found["region"], found["account"]
    )


def destination_type(destination: Path | str | None) -> str:
    """Word where a subscription goes; AWS allows one of each type for a resource."""
    if destination is None:
        return "in memory"
    if isinstance(destination, Path):
        return "to a file"
    return _FORMS[destination.split(":")[2]].to
