"""Entries that wait: their order, their time, and what is not taken."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import (
    AccessLogSubscription,
    DeliveryError,
    Exchange,
    LatticeWarning,
)
from pytest_lattice.clock import Clock
from pytest_lattice.logs.queues import Queue, place_of
from tests.model.refusals import said
from tests.shop import SERVICE_ARN, shop

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = "arn:aws:s3:::shop-logs"
STREAM = "arn:aws:firehose:eu-west-1:210987654321:deliverystream/shop"


class Bucket:
    """Keeps the paths in each file, unless it is out of order."""

    def __init__(self) -> None:
        self.files: list[list[str]] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] | None = None

    def put_object(self, **call: Any) -> None:  # noqa: ANN401  # as boto3's
        """Take a file."""
        if self.meanwhile is not None:
            self.meanwhile()
        if self.error is not None:
            raise self.error
        self.files.append(paths(gzip.decompress(call["Body"]).splitlines()))


class Stream:
    """Takes a record or not as it is told, and then all."""

    def __init__(self, takes: list[bool]) -> None:
        self.takes = takes
        self.taken: list[bytes] = []

    def put_record_batch(self, **call: Any) -> dict[str, Any]:  # noqa: ANN401  # as boto3's
        """Take some records."""
        answers = []
        for record in call["Records"]:
            if self.takes.pop(0) if self.takes else True:
                self.taken.append(record["Data"])
                answers.append({"RecordId": "1"})
            else:
                answers.append({"ErrorCode": "Busy"})
        failed = sum("ErrorCode" in each for each in answers)
        return {"FailedPutCount": failed, "RequestResponses": answers}


def paths(records: list[bytes]) -> list[str]:
    """List the request paths of entries."""
    return [json.loads(each)["requestPath"] for each in records]


def exchanges(count: int) -> list[Exchange]:
    """Make exchanges with the paths `/0`, `/1` and so on."""
    with shop() as network, network.client("orders") as client:
        for n in range(count):
            client.get(f"/{n}")
        return list(network.exchanges)


EXCHANGES = exchanges(40)


def queue(
    clock: Clock,
    destination: str = BUCKET,
    *,
    limit: int = 100,
    due: Callable[[], object] = lambda: None,
) -> Queue:
    """Make a queue of the service's subscription."""
    subscription = AccessLogSubscription("orders", destination=destination)
    return Queue(subscription, SERVICE_ARN, clock=clock, limit=limit, deliver_due=due)


def test_place_takes_after_the_resource_what_a_bucket_does_not_say() -> None:
    """A bucket's ARN has no owner and no Region; other ARNs have their own."""
    bucket = place_of(AccessLogSubscription("o", destination=BUCKET), SERVICE_ARN)
    stream = place_of(AccessLogSubscription("o", destination=STREAM), SERVICE_ARN)

    assert bucket[1:] == ("svc-13db4bb6c385650ff", "us-west-2", "123456789012")
    assert bucket[1:] == stream[1:]
    assert bucket.destination[-2:] == ("us-west-2", "123456789012")
    assert stream.destination[-2:] == ("eu-west-1", "210987654321")


def test_what_waits_is_delivered_once() -> None:
    """A delivery takes all that waits, in order, and leaves nothing."""
    waiting, bucket = queue(Clock()), Bucket()
    for n in (0, 1):
        waiting.put(EXCHANGES[n])
    assert len(waiting) == 2

    waiting.deliver(lambda _: bucket)
    waiting.deliver(lambda _: bucket)

    assert bucket.files == [["/0", "/1"]]
    assert len(waiting) == 0


def test_time_of_a_delivery_comes_once() -> None:
    """The first that waits sets the time; when it has come, the next one does."""
    clock, calls = Clock(), list[str]()
    waiting = queue(clock, due=lambda: calls.append(f"{clock.now:%H:%M}"))
    clock.advance(60)
    waiting.put(EXCHANGES[0])
    clock.advance(60)
    waiting.put(EXCHANGES[1])
    assert not waiting.is_due()
    clock.advance(180)
    assert calls == ["00:05"]
    assert waiting.is_due()
    assert not waiting.is_due()
    waiting.put(EXCHANGES[2])
    clock.advance(300)
    assert calls == ["00:05", "00:10"]


def test_what_is_not_taken_waits_on() -> None:
    """An error leaves all in its order, for the next try; each window is a file."""
    clock, bucket = Clock(), Bucket()
    waiting = queue(clock)
    waiting.put(EXCHANGES[0])
    clock.advance(300)
    assert waiting.is_due()
    bucket.error = OSError("no route")

    with pytest.raises(DeliveryError) as caught:
        waiting.deliver(lambda _: bucket)

    where = f"the access log of `orders` was not delivered to `{BUCKET}`"
    assert said(caught.value) == [f"{where}: OSError: no route", "1 entry waits"]
    assert caught.value.__cause__ is bucket.error
    assert waiting.due == clock.microseconds + 300_000_000
    waiting.put(EXCHANGES[1])
    waiting.put(EXCHANGES[2])
    bucket.error = None
    waiting.deliver(lambda _: bucket)
    assert bucket.files == [["/0"], ["/1", "/2"]]


def test_client_that_cannot_be_made_loses_nothing() -> None:
    """An error while the client is made counts as one of the delivery."""
    waiting, bucket = queue(Clock()), Bucket()
    waiting.put(EXCHANGES[0])
    clients: dict[str, Bucket] = {}

    with pytest.raises(DeliveryError, match="KeyError: 's3'"):
        waiting.deliver(lambda to: clients[to.service])

    waiting.deliver(lambda _: bucket)
    assert bucket.files == [["/0"]]


@given(
    st.lists(st.booleans(), max_size=120),
    st.lists(st.integers(0, 8), min_size=1, max_size=4),
)
def test_partial_failures_lose_and_double_nothing(
    takes: list[bool], portions: list[int]
) -> None:
    """Whichever records are refused, each arrives once, as soon as it is taken."""
    waiting, stream = queue(Clock(), STREAM), Stream(takes)
    put = 0
    for portion in portions:
        for exchange in EXCHANGES[put : put + portion]:
            waiting.put(exchange)
        put += portion
        try:
            waiting.deliver(lambda _: stream)
        except DeliveryError as error:
            assert str(error).endswith(": Busy")  # noqa: PT017  # it may or may not come
        assert len(stream.taken) + len(waiting) == put
    takes.clear()  # and from now on it takes all
    waited, before = len(waiting), len(stream.taken)
    waiting.deliver(lambda _: stream)
    last = [int(each.removeprefix("/")) for each in paths(stream.taken)[before:]]
    assert len(last) == waited
    assert last == sorted(last)
    assert sorted(paths(stream.taken)) == sorted(f"/{n}" for n in range(put))


def test_oldest_are_dropped_and_told() -> None:
    """What nobody delivers does not pile up without end; the loss is told."""
    waiting, bucket = queue(Clock(), limit=3), Bucket()
    for exchange in EXCHANGES[:5]:
        waiting.put(exchange)

    with pytest.warns(LatticeWarning) as warned:
        waiting.deliver(lambda _: bucket)

    assert bucket.files == [["/2", "/3", "/4"]]
    [warning] = warned
    assert str(warning.message) == (
        "2 entries of the access log of `orders` were dropped, since more than 3 "
        f"waited for their delivery to `{BUCKET}`; flush() in between"
    )
    waiting.put(EXCHANGES[5])
    waiting.deliver(lambda _: bucket)  # and is not told again


def test_what_comes_meanwhile_waits_behind() -> None:
    """A request that ends while a delivery fails is younger than what was not taken."""
    waiting, bucket = queue(Clock()), Bucket()
    waiting.put(EXCHANGES[0])
    bucket.error = OSError("no route")
    bucket.meanwhile = lambda: waiting.put(EXCHANGES[1])
    with pytest.raises(DeliveryError):
        waiting.deliver(lambda _: bucket)
    bucket.error = bucket.meanwhile = None

    waiting.deliver(lambda _: bucket)

    assert bucket.files == [["/0", "/1"]]


def test_delivery_inside_a_delivery_does_not_overtake_it() -> None:
    """A client that lets time pass meets its own delivery, which goes on alone."""
    waiting, bucket = queue(Clock()), Bucket()
    waiting.put(EXCHANGES[0])

    def meanwhile() -> None:
        bucket.meanwhile = None
        waiting.put(EXCHANGES[1])
        waiting.deliver(lambda _: bucket)

    bucket.meanwhile = meanwhile
    waiting.deliver(lambda _: bucket)
    waiting.deliver(lambda _: bucket)

    assert bucket.files == [["/0"], ["/1"]]


def test_delivery_in_another_thread_waits_its_turn() -> None:
    """Who delivers while another does returns when all is there, in its order."""
    waiting, bucket = queue(Clock()), Bucket()
    waiting.put(EXCHANGES[0])
    other = Thread(target=lambda: waiting.deliver(lambda _: bucket))

    def meanwhile() -> None:
        bucket.meanwhile = None
        waiting.put(EXCHANGES[1])
        other.start()
        other.join(0.02)
        assert other.is_alive()

    bucket.meanwhile = meanwhile
    waiting.deliver(lambda _: bucket)
    other.join()

    assert bucket.files == [["/0"], ["/1"]]


def test_threads_put_and_deliver_at_once() -> None:
    """Entries of many threads arrive once each, however deliveries meet."""
    waiting, bucket = queue(Clock()), Bucket()

    def work(n: int) -> None:
        waiting.put(EXCHANGES[n])
        if n % 3 == 0:
            waiting.deliver(lambda _: bucket)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(len(EXCHANGES))))
    waiting.deliver(lambda _: bucket)

    arrived = [path for file in bucket.files for path in file]
    assert sorted(arrived) == sorted(f"/{n}" for n in range(len(EXCHANGES)))
