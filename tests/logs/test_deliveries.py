"""Which exchanges a subscription gets, and their way to its destination."""

from __future__ import annotations

import gzip
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
import pytest
from moto import mock_aws

from pytest_lattice import (
    AccessLogSubscription,
    DeliveryError,
    FixedResponse,
    LatticeNetwork,
    LatticeWarning,
    Listener,
    LogDestination,
    Service,
)
from pytest_lattice.clock import Clock
from pytest_lattice.logs.deliveries import Deliveries, delivered
from tests.model.refusals import refused, said
from tests.shop import READ_ONLY, shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT, REGION = "123456789012", "us-west-2"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/vendedlogs/shop"
BUCKET = "arn:aws:s3:::shop-logs/lattice"
STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/shop"
LOGS, S3 = "logs", "s3"
NO_CLIENT = "there is no client for"


@cache
def client(service: str) -> Any:  # noqa: ANN401  # boto3's have no type
    """Make a client as a test of a user would."""
    return boto3.client(service, region_name=REGION)


def make_group(name: str = "/aws/vendedlogs/shop") -> None:
    """Create a log group."""
    client(LOGS).create_log_group(logGroupName=name)


def make_bucket(name: str = "shop-logs") -> None:
    """Create a bucket."""
    client(S3).create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
    )


def make_stream() -> None:
    """Create a Firehose stream into a bucket."""
    make_bucket("firehose-sink")
    client("firehose").create_delivery_stream(
        DeliveryStreamName="shop",
        ExtendedS3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/firehose",
            "BucketARN": "arn:aws:s3:::firehose-sink",
        },
    )


def events(name: str = "/aws/vendedlogs/shop") -> list[str]:
    """Read a log group."""
    found = client(LOGS).filter_log_events(logGroupName=name)["events"]
    return [each["message"] for each in found]


def files(bucket: str = "shop-logs") -> dict[str, bytes]:
    """Read a bucket."""
    s3 = client(S3)
    keys = [
        each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", ())
    ]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def unzipped(bucket: str = "shop-logs") -> list[str]:
    """Read the lines of a bucket's files."""
    texts = (gzip.decompress(each).decode() for each in files(bucket).values())
    return [line for text in texts for line in text.splitlines()]


def paths(lines: list[str]) -> list[str]:
    """List the request paths of entries."""
    return [json.loads(each)["requestPath"] for each in lines]


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """A shop that only the checkout may read, with no log yet."""
    with shop(READ_ONLY) as network:
        yield network


def subscribe(network: LatticeNetwork, *destinations: str) -> None:
    """Subscribe the service's log to destinations."""
    network.add(
        *(AccessLogSubscription("orders", destination=each) for each in destinations)
    )


def call(network: LatticeNetwork, *called: str) -> None:
    """Make requests."""
    with network.client("orders", role="checkout") as caller:
        for path in called:
            assert caller.get(path).status_code == 200


# ------------------------------------------------------------------ who gets what


def test_log_that_is_off_is_refused() -> None:
    """Who asks for a log that nobody switched on is told how to."""
    with shop() as network:
        assert refused(delivered, (), network.configuration, "orders") == [
            "the access log of `orders` is off",
            'add AccessLogSubscription("orders")',
        ]


def test_service_and_network_get_the_same_exchange() -> None:
    """An exchange belongs to its service and to its service network."""
    with shop() as network:
        network.add(AccessLogSubscription("orders"), AccessLogSubscription("mall"))
        network.client("orders").get("/")
        for resource in ("orders", "mall"):
            found = list(delivered(network.exchanges, network.configuration, resource))
            assert found == list(network.exchanges)


@pytest.mark.parametrize("resource", ["orders", "mall"])
def test_file_gets_a_line_for_each_exchange(resource: str, tmp_path: Path) -> None:
    """A denied call is delivered like any other, with the layer that refused."""
    file = tmp_path / "access.log"
    with shop(READ_ONLY) as network:
        network.add(AccessLogSubscription(resource, destination=file))
        network.client("orders").get("/")
        deliveries = Deliveries(network.clock, 10)
        deliveries.write(network.exchanges[0])
        deliveries.close()
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]

    assert [each["authDeniedReason"] for each in lines] == ["Service"] * 2


# ------------------------------------------------------------------ the destinations


@pytest.mark.usefixtures("aws")
def test_log_group_gets_an_event_for_each_entry(network: LatticeNetwork) -> None:
    """A stranger's 403 is in CloudWatch Logs, as the JSON that the entry is."""
    make_group()
    subscribe(network, f"{GROUP}:*")
    call(network, "/mine")
    network.client("orders").get("/yours")
    network.flush()

    assert events() == [each.to_json() for each in network.access_log]
    assert json.loads(events()[1])["authDeniedReason"] == "Service"


@pytest.mark.usefixtures("aws")
def test_bucket_gets_a_file_of_lines(network: LatticeNetwork) -> None:
    """An S3 file has AWS's key, with the end of its five minutes."""
    make_bucket()
    subscribe(network, BUCKET)
    call(network, "/1", "/2")
    network.flush()

    [(key, body)] = files().items()
    service = network.service("orders").id
    assert re.fullmatch(
        rf"lattice/AWSLogs/{ACCOUNT}/VpcLattice/AccessLogs/{REGION}/2026/01/01/"
        rf"{service}/{ACCOUNT}_VpcLatticeAccessLogs_{REGION}_{service}_20260101T0005Z_"
        r"[0-9a-f]{8}\.json\.gz",
        key,
    )
    entries = network.access_log
    assert gzip.decompress(body).decode() == "".join(
        f"{each.to_json()}\n" for each in entries
    )


@pytest.mark.usefixtures("aws")
def test_stream_gets_a_record_for_each_entry(network: LatticeNetwork) -> None:
    """Firehose gets JSON and a newline, so that what it writes can be read by line."""
    make_stream()
    subscribe(network, STREAM)
    call(network, "/1", "/2")
    network.flush()

    [body] = files("firehose-sink").values()
    entries = network.access_log
    assert body.decode() == "".join(f"{each.to_json()}\n" for each in entries)


@pytest.mark.usefixtures("aws")
def test_copies_for_service_and_network_are_the_same(network: LatticeNetwork) -> None:
    """Each subscription gets its own copy, byte for byte that of the others."""
    make_group()
    make_bucket()
    network.add(
        AccessLogSubscription("orders", destination=GROUP),
        AccessLogSubscription("mall", destination=GROUP),
        AccessLogSubscription("mall", destination=BUCKET),
    )
    call(network, "/")
    network.flush()

    [entry] = network.access_log
    assert events() == [entry.to_json()] * 2
    assert unzipped() == [entry.to_json()]
    [key] = files()
    [mall] = network.configuration.service_networks
    assert f"/{mall.id}/" in key


@pytest.mark.usefixtures("aws")
def test_entries_without_a_service_are_not_delivered(network: LatticeNetwork) -> None:
    """A request to a name that no service has belongs to no log."""
    make_group()
    network.add(AccessLogSubscription("mall", destination=GROUP))
    network.client().get("http://nobody.example.com/")
    network.flush()

    assert events() == []


# ------------------------------------------------------------------ in time


@pytest.mark.usefixtures("aws")
def test_clock_delivers(network: LatticeNetwork) -> None:
    """CloudWatch and Firehose have it two minutes after, S3 when five minutes end."""
    make_group()
    make_bucket()
    make_stream()
    subscribe(network, GROUP, BUCKET, STREAM)
    network.clock.advance(60)
    call(network, "/1")
    network.clock.advance(119)
    assert (events(), files(), files("firehose-sink")) == ([], {}, {})
    network.clock.advance(1)
    assert paths(events()) == ["/1"]
    assert len(files("firehose-sink")) == 1
    network.clock.advance(119)
    assert files() == {}
    network.clock.advance(1)
    assert paths(unzipped()) == ["/1"]


async def awaited(network: LatticeNetwork) -> None:
    """Make a request and let time pass, as an async test does."""
    async with network.async_client("orders", role="checkout") as caller:
        await caller.get("/1")
    await network.clock.aadvance(300)


@pytest.mark.usefixtures("aws")
@pytest.mark.asyncio
async def test_clock_delivers_where_it_is_awaited(network: LatticeNetwork) -> None:
    """An async test gets its deliveries from `aadvance`."""
    make_bucket()
    subscribe(network, BUCKET)
    await awaited(network)

    assert paths(unzipped()) == ["/1"]


@pytest.mark.usefixtures("aws")
def test_each_five_minutes_have_a_file(network: LatticeNetwork) -> None:
    """Files of later windows have later keys; a flush in between makes one more."""
    make_bucket()
    subscribe(network, BUCKET)
    call(network, "/1")
    network.flush()
    call(network, "/2")
    network.clock.advance(86_400)
    call(network, "/3")
    network.flush()
    network.flush()

    times = [re.findall(r"(2026/\d\d/\d\d)/.*_(\w+Z)_", key)[0] for key in files()]
    first, last = ("2026/01/01", "20260101T0005Z"), ("2026/01/02", "20260102T0005Z")
    assert times == [first, first, last]
    assert sorted(paths(unzipped())) == ["/1", "/2", "/3"]


@pytest.mark.usefixtures("aws")
def test_files_of_one_window_do_not_replace_each_other(
    network: LatticeNetwork,
) -> None:
    """Entries that are equal, as a fixed request id makes them, are kept apart."""
    make_bucket()
    subscribe(network, BUCKET)
    caller = network.client("orders", headers={"x-amzn-requestid": "same"})
    for _ in range(2):
        caller.get("/", headers={"user-agent": "same"})
        network.flush()

    assert [json.loads(each)["requestId"] for each in unzipped()] == ["same"] * 2


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("year", [2015, 2035])
def test_what_happened_long_ago_is_not_too_old_for_a_log(year: int) -> None:
    """AWS drops old events; with a virtual clock theirs is the time of ingestion."""
    make_group()
    start = datetime(year, 12, 30, tzinfo=UTC)
    with shop(READ_ONLY, clock=Clock(start)) as network:
        subscribe(network, GROUP)
        call(network, "/1")
        network.flush()

    [entry] = map(json.loads, events())
    assert entry["startTime"] == f"{year}-12-30T00:00:00Z"


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.usefixtures("aws")
def test_destination_that_is_missing(network: LatticeNetwork) -> None:
    """The error names log and destination; the others get theirs, and nothing is lost.

    Once the destination is there, the next flush delivers what waited.
    """
    make_bucket()
    subscribe(network, GROUP, STREAM, BUCKET)
    call(network, "/1", "/2")

    with pytest.raises(DeliveryError) as caught:
        network.flush()

    message, waits, other = said(caught.value)
    assert message == (
        f"the access log of `orders` was not delivered to `{GROUP}`: "
        "ResourceNotFoundException: The specified log group does not exist"
    )
    assert waits == "2 entries wait"
    assert other.startswith(
        f"and the access log of `orders` was not delivered to `{STREAM}`: "
        "ResourceNotFoundException: Firehose shop under account"
    )
    assert paths(unzipped()) == ["/1", "/2"]

    make_group()
    make_stream()
    call(network, "/3")
    network.flush()
    assert paths(events()) == ["/1", "/2", "/3"]
    assert files("firehose-sink")
    assert sorted(paths(unzipped())) == ["/1", "/2", "/3"]


@pytest.mark.usefixtures("aws")
def test_subscription_that_is_removed_gets_what_waited(network: LatticeNetwork) -> None:
    """What happened while a log was on is delivered, though it is off by now."""
    make_group()
    subscription = AccessLogSubscription("orders", destination=GROUP)
    network.add(subscription)
    call(network, "/on")
    network.remove(subscription)
    call(network, "/off")
    network.flush()

    assert paths(events()) == ["/on"]


@pytest.mark.usefixtures("aws")
def test_delivery_that_fails_in_time_is_raised_there(network: LatticeNetwork) -> None:
    """Who lets time pass learns what could not happen, and when; it is tried again."""
    make_stream()
    subscribe(network, GROUP, STREAM)
    call(network, "/1")

    with pytest.raises(DeliveryError, match="The specified log group does not exist"):
        network.clock.advance(600)

    assert f"{network.clock.now:%H:%M}" == "00:02"
    assert files("firehose-sink")
    with pytest.raises(DeliveryError, match="The specified log group does not exist"):
        network.clock.advance(600)
    make_group()
    network.clock.advance(120)
    assert paths(events()) == ["/1"]


def test_no_client_is_a_clear_error(network: LatticeNetwork) -> None:
    """Without a mock or a client a flush says what is missing; time passes without.

    A network that was loaded from a template in use must not write into its buckets.
    """
    subscribe(network, BUCKET)
    call(network, "/1")
    network.clock.advance(600)

    with pytest.raises(DeliveryError) as caught:
        network.flush()

    message, waits, advice = said(caught.value)
    assert message == (
        f"the access log of `orders` was not delivered to `{BUCKET}`: {NO_CLIENT} s3"
    )
    assert waits == "1 entry waits"
    assert advice.startswith("start moto's mock_aws before, or say which client: ")
    network.close()


def test_flush_of_nothing_needs_no_client(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """Files get their entries at once, so there is nothing to flush."""
    network.add(AccessLogSubscription("orders", destination=tmp_path / "log"))
    call(network, "/1")
    network.flush()

    assert paths((tmp_path / "log").read_text().splitlines()) == ["/1"]


# ------------------------------------------------------------------ the clients


class Bucket:
    """Counts the files that it gets."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def put_object(self, **call: Any) -> None:  # noqa: ANN401  # as boto3's
        """Take a file."""
        self.keys.append(call["Key"])


def test_clients_are_asked_for_each_destination() -> None:
    """Service, Region and account tell which client; a bucket's are its resource's."""
    asked: list[LogDestination] = []
    listener = Listener("HTTP", default=FixedResponse(404))
    account, region = "210987654321", "eu-west-1"
    network = LatticeNetwork()
    network.add(
        Service("here", listeners=[listener]),
        Service("there", listeners=[listener], account=account, region=region),
        AccessLogSubscription("here", destination=BUCKET),
        AccessLogSubscription("there", destination="arn:aws:s3:::other-logs"),
    )

    def client_of(destination: LogDestination) -> Bucket:
        asked.append(destination)
        return Bucket()

    network.deliver_with(client_of)
    for name in ("here", "there"):
        network.client(name).get("/")
    network.flush()
    network.close()

    assert [(each.service, each.name, each.prefix) for each in asked] == [
        ("s3", "shop-logs", "lattice"),
        ("s3", "other-logs", ""),
    ]
    assert [(each.account, each.region) for each in asked] == [
        (ACCOUNT, REGION),
        (account, region),
    ]


def test_client_itself_is_refused(network: LatticeNetwork) -> None:
    """A client in place of the function that gives one is told what to write."""
    bucket = Bucket()

    assert refused(network.deliver_with, bucket) == [
        f"`{bucket!r}` is no function that gives a client",
        "write deliver_with(lambda destination: client)",
    ]


@pytest.mark.usefixtures("aws")
def test_given_clients_come_before_the_mock(network: LatticeNetwork) -> None:
    """Who gives clients gets nothing delivered past them."""
    make_bucket()
    bucket = Bucket()
    subscribe(network, BUCKET)
    network.deliver_with(lambda _: bucket)
    call(network, "/1")
    network.flush()

    assert (len(bucket.keys), files()) == (1, {})


def test_delivery_leaves_nothing_behind(network: LatticeNetwork) -> None:
    """Boto3's default session and the environment are as before once a mock is over."""
    before = (boto3.DEFAULT_SESSION, dict(os.environ))
    subscribe(network, BUCKET)
    with mock_aws():
        call(network, "/1")
        with pytest.raises(DeliveryError, match="NoSuchBucket"):
            network.flush()

    assert (boto3.DEFAULT_SESSION, dict(os.environ)) == before


# ------------------------------------------------------------------ at the end


@pytest.mark.usefixtures("aws")
def test_rest_is_delivered_at_the_end(network: LatticeNetwork) -> None:
    """What still waits when the network closes is delivered then."""
    make_bucket()
    subscribe(network, BUCKET)
    call(network, "/1")
    network.close()
    network.close()

    assert paths(unzipped()) == ["/1"]


@pytest.mark.usefixtures("aws")
def test_rest_that_cannot_be_delivered_is_told_once(network: LatticeNetwork) -> None:
    """The end of a network is an error where a destination fails, but only once."""
    subscribe(network, BUCKET)
    call(network, "/1")

    with pytest.raises(DeliveryError, match="NoSuchBucket"):
        network.deliver_rest()
    network.deliver_rest()
    network.close()


def test_rest_is_left_when_the_mock_has_ended(network: LatticeNetwork) -> None:
    """The buckets of a mock that is over are gone, and AWS itself is not called."""
    subscribe(network, BUCKET)
    with mock_aws():
        call(network, "/1")
    network.close()


def test_clients_of_a_mock_that_has_ended_are_not_used(network: LatticeNetwork) -> None:
    """A given client would call AWS after its mock; what is left is told instead."""
    bucket = Bucket()
    subscribe(network, BUCKET)
    network.deliver_with(lambda _: bucket)
    with mock_aws():
        call(network, "/1", "/2")

    with pytest.warns(LatticeWarning) as warned:
        network.close()

    [warning] = warned
    assert str(warning.message) == (
        "2 access log entries were not delivered, since mock_aws had ended; "
        "call lattice_network.flush() before"
    )
    assert bucket.keys == []
    network.close()  # and is not told again


def test_given_clients_get_the_rest_where_there_is_no_mock(
    network: LatticeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without moto, given clients are delivered to at the end."""
    monkeypatch.setattr("pytest_lattice.logs.aws.moto_has_ended", lambda: False)
    bucket = Bucket()
    subscribe(network, BUCKET)
    network.deliver_with(lambda _: bucket)
    call(network, "/1")
    network.close()

    assert len(bucket.keys) == 1


# ------------------------------------------------------------------ at once


@pytest.mark.usefixtures("aws")
def test_threads_call_and_flush_at_once(network: LatticeNetwork) -> None:
    """Each entry arrives once, however requests and deliveries meet."""
    make_group()
    subscribe(network, GROUP)
    caller = network.client("orders", role="checkout")

    def work(n: int) -> None:
        caller.get(f"/{n}")
        if n % 5 == 0:
            network.flush()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(40)))
    network.flush()

    assert sorted(paths(events())) == sorted(f"/{n}" for n in range(40))


@pytest.mark.usefixtures("aws")
def test_no_more_wait_than_the_history_holds() -> None:
    """A network that remembers three exchanges lets three wait, and says so."""
    make_bucket()
    with shop(history=3) as network:
        subscribe(network, BUCKET)
        call(network, *(f"/{n}" for n in range(5)))
        with pytest.warns(LatticeWarning, match="2 entries of the access log"):
            network.flush()

    assert paths(unzipped()) == ["/2", "/3", "/4"]
