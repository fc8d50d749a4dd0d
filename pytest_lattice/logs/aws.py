"""What CloudWatch Logs, S3 and Firehose are sent, through clients of boto3.

Each has a law of its own about when entries are due, how they are cut into batches and
how a batch is sent; `SINKS` lists the three.
"""

from __future__ import annotations

import gzip
import sys
from contextlib import suppress
from importlib.util import find_spec
from itertools import groupby
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol

from pytest_lattice.errors import HIDE, DeliveryError
from pytest_lattice.model.instant import date_of
from pytest_lattice.model.names import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_lattice.model.log_destination import LogDestination

__tracebackhide__ = HIDE

_SECOND = 1_000_000
# AWS: vpc-lattice/latest/ug/monitoring-access-logs: typically within two minutes
_DELAY = 120 * _SECOND
# AWS: AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3: a file in five minutes
_WINDOW = 300 * _SECOND
# How often a record is sent that Firehose turns down.
_TRIES = 3


class Line(NamedTuple):
    """One entry as it is delivered.

    Args:
        at: when its request ended, in microseconds since 1970.
        text: the JSON text.
    """

    at: int
    text: str


class Place(NamedTuple):
    """Where entries go, and whose they are.

    Args:
        destination: where they go.
        resource_id: of the service or service network whose log it is.
        region: of that.
        account: of that.
    """

    destination: LogDestination
    resource_id: str
    region: str
    account: str


class Refused(NamedTuple):
    """What a destination did not take of a batch, and why."""

    positions: tuple[int, ...]
    reason: str


class _Send(Protocol):
    def __call__(
        self,
        client: Any,  # noqa: ANN401  # boto3's clients have no type
        place: Place,
        batch: list[Line],
        number: int,
    ) -> Refused | None:
        """Send a batch, the n-th one of its subscription."""


class Sink(NamedTuple):
    """How entries are delivered to one type of destination."""

    #: When an entry that is written now is due.
    due: Callable[[int], int]
    batches: Callable[[Iterable[Line]], Iterator[list[Line]]]
    send: _Send


def client_of(destination: LogDestination) -> Any:  # noqa: ANN401  # boto3's clients have no type
    """Make boto3's default client for a destination."""
    import boto3  # type: ignore[import-untyped]  # it has no types

    return boto3.client(destination.service, region_name=destination.region)


def moto_is_active() -> bool:
    """Tell whether one of moto's `mock_aws` is active, without loading it."""
    stubber = getattr(sys.modules.get("moto.core.models"), "botocore_stubber", None)
    return bool(getattr(stubber, "enabled", False))


def moto_has_ended() -> bool:
    """Tell whether moto was loaded, as by a mock that is over, and is not active."""
    return "moto.core.models" in sys.modules and not moto_is_active()


def no_client(destination: LogDestination) -> NoReturn:
    """Refuse to deliver where nobody said how.

    Raises:
        DeliveryError: always.
    """
    error = DeliveryError(f"there is no client for {destination.service}")
    if find_spec("boto3") is None:
        error.add_note("boto3 is missing: pip install pytest-lattice[aws]")
    else:
        error.add_note(
            "start moto's mock_aws before, or say which client: "
            "lattice_network.deliver_with(lambda destination: client)"
        )
    raise error


def reason_of(error: Exception) -> str:
    """Word why a client failed, as AWS told it if it did."""
    answer = getattr(error, "response", {}).get("Error")
    if answer:
        return f"{answer['Code']}: {answer['Message']}".rstrip(".")
    return f"{type(error).__name__}: {error}"


# ---- when -------------------------------------------------------------------


def _soon(now: int) -> int:
    return now + _DELAY


def _window_end(now: int) -> int:
    return (now // _WINDOW + 1) * _WINDOW


# ---- how they are cut -------------------------------------------------------


def _cut(
    lines: Iterable[Line], count: int, size: int, overhead: int
) -> Iterator[list[Line]]:
    """Cut lines into batches of at most so many lines and bytes."""
    batch: list[Line] = []
    filled = 0
    for line in lines:
        length = len(line.text.encode()) + overhead
        if batch and (len(batch) == count or filled + length > size):
            yield batch
            batch, filled = [], 0
        batch.append(line)
        filled += length
    if batch:
        yield batch


def _log_batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    # AWS: AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents: 10,000 events and
    # 1,048,576 bytes, 26 of them for each event
    return _cut(lines, 10_000, 1_048_576, 26)


def _records(lines: Iterable[Line]) -> Iterator[list[Line]]:
    # AWS: firehose/latest/APIReference/API_PutRecordBatch: 500 records and 4 MiB; the
    # byte is the newline
    return _cut(lines, 500, 4 * 1024 * 1024, 1)


def _windows(lines: Iterable[Line]) -> Iterator[list[Line]]:
    for _, window in groupby(lines, lambda line: _window_end(line.at)):
        yield list(window)


# ---- how they are sent ------------------------------------------------------


def _put_events(
    client: Any,  # noqa: ANN401  # boto3's clients have no type
    place: Place,
    batch: list[Line],
    number: int,  # noqa: ARG001  # the log stream counts by itself
) -> None:
    group, region = place.destination.name, place.region
    # AWS is silent on the name of the stream.
    stream = f"VpcLattice_{region}_{place.resource_id}_0"
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=group, logStreamName=stream)
    # The virtual clock may be years off, and AWS drops events of more than 14 days ago
    # or 2 hours ahead; so an event has the time at which it is ingested.
    now = time_ns() // 1_000_000
    answer = client.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": now, "message": line.text} for line in batch],
    )
    # They are all of one time, so they are refused all or none.
    if rejected := answer.get("rejectedLogEventsInfo"):
        raise DeliveryError(f"the log events were rejected: {rejected}")


def _put_object(
    client: Any,  # noqa: ANN401  # boto3's clients have no type
    place: Place,
    batch: list[Line],
    number: int,
) -> None:
    text = "".join(f"{line.text}\n" for line in batch)
    client.put_object(
        Bucket=place.destination.name,
        Key=object_key(
            place,
            _window_end(batch[0].at),
            # With the number, or a second file of one window could replace the first.
            digest(str(number), text, length=8),
        ),
        Body=gzip.compress(text.encode(), mtime=0),
        # AWS: AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3: the policy asks
        ACL="bucket-owner-full-control",
    )


def object_key(place: Place, end: int, suffix: str) -> str:
    """Write the key of a file.

    Args:
        place: where it goes.
        end: of its window, in microseconds since 1970.
        suffix: what tells it from others of the window.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """
    _, resource, region, account = place
    time = date_of(end)
    folders = [place.destination.prefix] if place.destination.prefix else []
    folders += ["AWSLogs", account, "VpcLattice", "AccessLogs", region]
    name = (
        f"{account}_VpcLatticeAccessLogs_{region}_{resource}_"
        f"{time:%Y%m%dT%H%MZ}_{suffix}.json.gz"
    )
    return "/".join([*folders, f"{time:%Y/%m/%d}", resource, name])


def _put_records(
    client: Any,  # noqa: ANN401  # boto3's clients have no type
    place: Place,
    batch: list[Line],
    number: int,  # noqa: ARG001  # a stream has no files
) -> Refused | None:
    left = list(range(len(batch)))
    reason = ""
    for _ in range(_TRIES):
        try:
            answer = client.put_record_batch(
                DeliveryStreamName=place.destination.name,
                Records=[{"Data": f"{batch[n].text}\n".encode()} for n in left],
            )
        except Exception as error:
            if len(left) == len(batch):
                raise
            # A part of the batch is there already, and must not be sent again.
            return Refused(tuple(left), reason_of(error))
        # AWS: firehose/latest/APIReference/API_PutRecordBatch: in the order of the
        # request; what failed has an error code, and is sent again
        if not answer["FailedPutCount"]:
            return None
        answers = list(zip(left, answer["RequestResponses"], strict=True))
        left = [n for n, each in answers if "ErrorCode" in each]
        reason = next(
            f"{each['ErrorCode']}: {each.get('ErrorMessage', '')}".rstrip(": ")
            for _, each in answers
            if "ErrorCode" in each
        )
    return Refused(tuple(left), reason)


#: By the name that boto3 has for the service.
SINKS = {
    "logs": Sink(_soon, _log_batches, _put_events),
    "s3": Sink(_window_end, _windows, _put_object),
    "firehose": Sink(_soon, _records, _put_records),
}
