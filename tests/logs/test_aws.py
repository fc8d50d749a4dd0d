"""What CloudWatch Logs, S3 and Firehose are sent."""

from __future__ import annotations

import gzip
import sys
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # see boto3
from botocore.stub import ANY, Stubber  # type: ignore[import-untyped]  # see boto3
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import DeliveryError
from pytest_lattice.logs.aws import (
    SINKS,
    Line,
    Place,
    Refused,
    client_of,
    moto_has_ended,
    moto_is_active,
    no_client,
    object_key,
    reason_of,
)
from pytest_lattice.model.log_destination import log_destination
from tests.model.refusals import said

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION, SERVICE = "123456789012", "us-west-2", "svc-0123456789abcdef0"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:shop"
STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/shop"
# 2026-01-01T00:00:00Z, in microseconds since 1970.
MIDNIGHT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000


def place(arn: str) -> Place:
    """Say where a service's log goes."""
    destination = log_destination(arn, "shop")._replace(region=REGION, account=ACCOUNT)
    return Place(destination, SERVICE, REGION, ACCOUNT)


def lines(*texts: str, at: int = MIDNIGHT) -> list[Line]:
    """Make lines of one time."""
    return [Line(at, text) for text in texts]


@pytest.fixture
def stubbed(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Stubber]]:
    """A client whose answers a test writes down."""
    client = boto3.client(
        request.param,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


# ---------------------------------------------------------------- when, and how much


@pytest.mark.parametrize(
    ("service", "minutes"), [("logs", 2), ("firehose", 2), ("s3", 3)]
)
def test_delivery_is_due(service: str, minutes: int) -> None:
    """Two minutes later, or for S3 when the five minutes end that have begun."""
    now = MIDNIGHT + 2 * MINUTE

    assert SINKS[service].due(now) == now + minutes * MINUTE


def test_window_ends_after_its_last_microsecond() -> None:
    """What happens at the end of five minutes belongs to the next five."""
    due = SINKS["s3"].due

    assert due(MIDNIGHT) == MIDNIGHT + 5 * MINUTE
    assert due(MIDNIGHT + 5 * MINUTE - 1) == MIDNIGHT + 5 * MINUTE
    assert due(MIDNIGHT + 5 * MINUTE) == MIDNIGHT + 10 * MINUTE


@pytest.mark.parametrize(
    ("service", "count", "size", "overhead"),
    [("logs", 10_000, 1_048_576, 26), ("firehose", 500, 4_194_304, 1)],
)
def test_batches_have_awss_limits(
    service: str, count: int, size: int, overhead: int
) -> None:
    """A batch is full at AWS's number of entries or of bytes, not of characters."""
    batches = SINKS[service].batches

    assert [len(each) for each in batches(lines("x") * (count + 1))] == [count, 1]
    half = "ü" * (size // 4 - overhead)
    assert [len(each) for each in batches(lines(half, half, half))] == [2, 1]
    whole = "x" * (size - overhead)
    assert [len(each) for each in batches(lines(whole, "x"))] == [1, 1]


@given(st.lists(st.integers(0, 600_000), max_size=40))
def test_batches_are_full_and_lose_nothing(sizes: list[int]) -> None:
    """Batches hold all lines in order, fit, and leave out only what does not fit."""
    given_lines = lines(*("x" * size for size in sizes))
    batches = list(SINKS["logs"].batches(given_lines))

    def weight(batch: list[Line]) -> int:
        return sum(len(line.text) + 26 for line in batch)

    assert [line for batch in batches for line in batch] == given_lines
    assert all(weight(batch) <= 1_048_576 for batch in batches)
    for batch, following in pairwise(batches):
        assert weight([*batch, following[0]]) > 1_048_576


def test_a_file_holds_one_window() -> None:
    """Entries are in one file if they are of the same five minutes."""
    times = [0, 4, 5, 9, 20]
    given_lines = [Line(MIDNIGHT + each * MINUTE, str(each)) for each in times]

    windows = SINKS["s3"].batches(given_lines)

    texts = [[line.text for line in window] for window in windows]
    assert texts == [["0", "4"], ["5", "9"], ["20"]]


# ----------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [("shop-logs", ""), ("shop-logs/a/b", "a/b/"), ("shop-logs/a/", "a/")],
)
def test_key_of_a_file(bucket: str, prefix: str) -> None:
    """The key has AWS's layout; the prefix vanishes where the ARN has none."""
    key = object_key(place(f"arn:aws:s3:::{bucket}"), MIDNIGHT - 1, "0a1b2c3d")

    assert key == (
        f"{prefix}AWSLogs/123456789012/VpcLattice/AccessLogs/us-west-2/2025/12/31/"
        "svc-0123456789abcdef0/123456789012_VpcLatticeAccessLogs_us-west-2_"
        "svc-0123456789abcdef0_20251231T2359Z_0a1b2c3d.json.gz"
    )


# --------------------------------------------------------------------------- sending


@pytest.mark.usefixtures("aws")
def test_log_events_are_put() -> None:
    """An event is the JSON text, in a stream that the first batch creates."""
    target = place(f"{GROUP}:*")
    logs = client_of(target.destination)
    logs.create_log_group(logGroupName="shop")

    for number, text in enumerate(('{"n":1}', '{"n":"ü"}')):
        SINKS["logs"].send(logs, target, lines(text), number)

    events = logs.filter_log_events(logGroupName="shop")["events"]
    assert [each["message"] for each in events] == ['{"n":1}', '{"n":"ü"}']
    streams = {each["logStreamName"] for each in events}
    assert streams == {"VpcLattice_us-west-2_svc-0123456789abcdef0_0"}


@pytest.mark.usefixtures("aws")
def test_log_group_has_to_exist() -> None:
    """A log group is not created on the way."""
    logs = client_of(place(GROUP).destination)

    with pytest.raises(ClientError) as caught:
        SINKS["logs"].send(logs, place(GROUP), lines("{}"), 0)

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


@pytest.mark.parametrize("stubbed", ["logs"], indirect=True)
def test_rejected_events_are_an_error(stubbed: tuple[Any, Stubber]) -> None:
    """AWS answers 200 to events that it throws away; that is no success."""
    client, stubber = stubbed
    stubber.add_client_error("create_log_stream", "ResourceAlreadyExistsException")
    rejected = {"tooOldLogEventEndIndex": 1}
    stubber.add_response(
        "put_log_events",
        {"rejectedLogEventsInfo": rejected},
        {
            "logGroupName": "shop",
            "logStreamName": ANY,
            "logEvents": [{"timestamp": ANY, "message": "{}"}],
        },
    )

    with pytest.raises(DeliveryError) as caught:
        SINKS["logs"].send(client, place(GROUP), lines("{}"), 0)

    assert said(caught.value) == [f"the log events were rejected: {rejected}"]


@pytest.mark.usefixtures("aws")
def test_file_is_compressed_lines() -> None:
    """An object is gzip with an entry a line; a second one of a window is another."""
    target = place("arn:aws:s3:::shop-logs/a")
    s3 = client_of(target.destination)
    s3.create_bucket(
        Bucket="shop-logs", CreateBucketConfiguration={"LocationConstraint": REGION}
    )

    for number in range(2):
        SINKS["s3"].send(s3, target, lines('{"n":1}', '{"n":"ü"}'), number)

    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="shop-logs")["Contents"]]
    assert len(keys) == 2
    for key in keys:
        assert "_20260101T0005Z_" in key
        body = s3.get_object(Bucket="shop-logs", Key=key)["Body"].read()
        assert gzip.decompress(body).decode() == '{"n":1}\n{"n":"ü"}\n'


def answered(*errors: str) -> dict[str, Any]:
    """Answer as PutRecordBatch does, with an error code or none for each record."""
    return {
        "FailedPutCount": len([each for each in errors if each]),
        "RequestResponses": [
            {"ErrorCode": each, "ErrorMessage": "slow down"}
            if each
            else {"RecordId": "1"}
            for each in errors
        ],
    }


def asked(*texts: str) -> dict[str, Any]:
    """Say what PutRecordBatch has to be asked: each entry with a newline."""
    records = [{"Data": f"{each}\n".encode()} for each in texts]
    return {"DeliveryStreamName": "shop", "Records": records}


@pytest.mark.parametrize("stubbed", ["firehose"], indirect=True)
def test_failed_records_are_sent_again(stubbed: tuple[Any, Stubber]) -> None:
    """Of a batch that Firehose takes in part, only the rest is sent again."""
    client, stubber = stubbed
    stubber.add_response(
        "put_record_batch", answered("", "Busy", ""), asked("a", "b", "c")
    )
    stubber.add_response("put_record_batch", answered(""), asked("b"))

    assert (
        SINKS["firehose"].send(client, place(STREAM), lines("a", "b", "c"), 0) is None
    )


@pytest.mark.parametrize("stubbed", ["firehose"], indirect=True)
def test_records_are_not_sent_for_ever(stubbed: tuple[Any, Stubber]) -> None:
    """What Firehose turns down three times is told, by its position in the batch."""
    client, stubber = stubbed
    stubber.add_response(
        "put_record_batch", answered("", "Busy", "Busy"), asked("a", "b", "c")
    )
    stubber.add_response("put_record_batch", answered("", "Busy"), asked("b", "c"))
    stubber.add_response("put_record_batch", answered("Busy"), asked("c"))

    refused = SINKS["firehose"].send(client, place(STREAM), lines("a", "b", "c"), 0)

    assert refused == Refused((2,), "Busy: slow down")


@pytest.mark.parametrize("stubbed", ["firehose"], indirect=True)
def test_error_after_a_part_of_a_batch(stubbed: tuple[Any, Stubber]) -> None:
    """An error while the rest is sent again takes nothing back that arrived."""
    client, stubber = stubbed
    stubber.add_response("put_record_batch", answered("", "Busy"), asked("a", "b"))
    stubber.add_client_error("put_record_batch", "ResourceNotFoundException", "gone")

    refused = SINKS["firehose"].send(client, place(STREAM), lines("a", "b"), 0)

    assert refused == Refused((1,), "ResourceNotFoundException: gone")


@pytest.mark.parametrize("stubbed", ["firehose"], indirect=True)
def test_error_before_any_record(stubbed: tuple[Any, Stubber]) -> None:
    """An error of the first call is raised, since nothing arrived."""
    client, stubber = stubbed
    stubber.add_client_error("put_record_batch", "ResourceNotFoundException", "gone")

    with pytest.raises(ClientError, match="gone"):
        SINKS["firehose"].send(client, place(STREAM), lines("a", "b"), 0)


def test_reason_of_an_error() -> None:
    """What AWS answered is told in its words, anything else by its type."""
    answer = {"Error": {"Code": "NoSuchBucket", "Message": "It is gone."}}

    assert reason_of(ClientError(answer, "PutObject")) == "NoSuchBucket: It is gone"
    assert reason_of(OSError("no route")) == "OSError: no route"


# --------------------------------------------------------------------------- clients


@pytest.mark.usefixtures("aws")
def test_default_client_is_that_of_the_region() -> None:
    """Boto3's own client is of the destination's service and Region."""
    arn = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:shop"
    client = client_of(log_destination(arn, "shop"))

    assert client.meta.service_model.service_name == "logs"
    assert client.meta.region_name == "eu-west-1"


@pytest.mark.usefixtures("aws")
def test_mock_is_active() -> None:
    """While a mock is active, none has ended."""
    assert (moto_is_active(), moto_has_ended()) == (True, False)


def test_mock_that_was_not_started() -> None:
    """Outside its context moto counts as ended: its buckets are not there."""
    assert (moto_is_active(), moto_has_ended()) == (False, True)


@pytest.mark.parametrize("module", [None, SimpleNamespace()])
def test_no_mock_is_active_without_moto(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    """Without moto, or with one that was built anew, no mock is active."""
    if module is None:
        monkeypatch.delitem(sys.modules, "moto.core.models")
    else:
        monkeypatch.setitem(sys.modules, "moto.core.models", module)

    assert not moto_is_active()
    assert moto_has_ended() is (module is not None)


def test_who_has_no_client_is_told_how_to_give_one() -> None:
    """The error names the two ways to a client."""
    with pytest.raises(DeliveryError) as caught:
        no_client(log_destination(GROUP, "shop"))

    message, advice = said(caught.value)
    assert message == "there is no client for logs"
    assert advice == (
        "start moto's mock_aws before, or say which client: "
        "lattice_network.deliver_with(lambda destination: client)"
    )


def test_who_has_no_boto3_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without boto3 the advice is the extra that brings it."""
    monkeypatch.setattr("pytest_lattice.logs.aws.find_spec", lambda name: None)
    with pytest.raises(DeliveryError) as caught:
        no_client(log_destination(GROUP, "shop"))

    assert said(caught.value) == [
        "there is no client for logs",
        "boto3 is missing: pip install pytest-lattice[aws]",
    ]
