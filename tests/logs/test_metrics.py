"""The metrics of services and target groups, against what the access log says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import (
    AccessLogEntry,
    Datapoint,
    Exchange,
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    TargetGroup,
    UnsupportedFeatureError,
)
from tests.clients.stub_target import Answer, StubTarget
from tests.model.refusals import refused, said
from tests.shop import READ_ONLY, shop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lattice import TargetRequest

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FAILED = {"/timeout": "TargetDataTimeout", "/refused": "TargetConnectionError"}


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Declare a service with target groups and a few other ends."""
    with build() as made:
        yield made


def build(**settings: Any) -> LatticeNetwork:  # noqa: ANN401  # as LatticeNetwork's
    """Declare it; of a path targets read the status, of the query the seconds."""
    network = LatticeNetwork(**settings)

    def answer(asked: TargetRequest, body: bytes) -> Answer:
        network.clock.advance(float(asked.request.query or 0))
        path = asked.request.path
        if path in FAILED:
            return Answer(status=504, failure_reason=FAILED[path])
        return Answer(status=int(path.strip("/") or 200))

    rules = [
        Rule(1, path="/fixed", action=FixedResponse(404)),
        Rule(2, path="/empty", action=Forward("empty")),
    ]
    default = Forward({"blue": 3, "green": 1})
    network.add(
        TargetGroup("blue", targets=[StubTarget(answer)]),
        TargetGroup("green", targets=[StubTarget(answer)]),
        TargetGroup("empty"),
        TargetGroup("tcp", protocol="TCP"),
        Service("orders", listeners=[Listener("HTTP", default=default, rules=rules)]),
        Service("quiet"),
    )
    return network


def visit(network: LatticeNetwork, *paths: str) -> None:
    """Make a request to each path."""
    client = network.client("orders")
    for path in paths:
        client.get(path)


def in_minutes(points: Sequence[Datapoint]) -> dict[int, float]:
    """Give the value of each datapoint by its minute."""
    return {(each.timestamp - START) // MINUTE: each.value for each in points}


# ---- against a second implementation ----------------------------------------


class Entries:
    """A plugin that keeps every entry, as an access log without bounds has it."""

    def __init__(self) -> None:
        """Have none."""
        self.entries: list[AccessLogEntry] = []

    def pytest_lattice_exchange(self, exchange: Exchange) -> None:
        """Keep one."""
        assert exchange.log_entry is not None
        self.entries.append(exchange.log_entry)


def minute_of(entry: AccessLogEntry) -> int:
    """Read in which minute a request ended."""
    start = datetime.strptime(f"{entry.start_time}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
    return (start + timedelta(milliseconds=entry.duration) - START) // MINUTE


def naive(entries: list[AccessLogEntry], metric: str) -> float:
    """Compute a metric from the access-log entries of one resource and period."""
    if metric == "TotalRequestCount":
        return len(entries)
    if metric == "RequestTimeoutCount":
        return [each.failure_reason for each in entries].count("TargetDataTimeout")
    if metric == "ConnectionErrorCount":
        tried = [each for each in entries if each.target_ip_port != "-"]
        return [each.failure_reason for each in tried].count("TargetConnectionError")
    codes = Counter(str(each.response_code)[0] for each in entries)
    return codes[metric.removeprefix("HTTPCode_")[0]]


CODES = [f"HTTPCode_{each}XX_Count" for each in "2345"]
COUNTS = {
    "service": [*CODES, "TotalRequestCount", "RequestTimeoutCount"],
    "target_group": [*CODES, "TotalRequestCount", "ConnectionErrorCount"],
}
PATHS = ["/", "/200", "/301", "/404", "/503", "/fixed", "/empty", *FAILED]


@given(
    st.lists(st.tuples(st.sampled_from(PATHS), st.integers(0, 150)), max_size=12),
    st.integers(1, 20),
    st.sampled_from([60, 120, 300]),
)
def test_metrics_are_those_of_the_access_log(
    visits: list[tuple[str, int]], history: int, period: int
) -> None:
    """Every metric follows from the entries that name the resource, period by period.

    However few exchanges are kept.
    """
    log = Entries()
    with build(history=history, plugins=[log]) as network:
        visit(network, *(f"{path}?{seconds}" for path, seconds in visits))
        last = (network.clock.now - START) // MINUTE
        arns = {
            ("service", "orders"): network.service("orders").arn,
            ("target_group", "blue"): network.configuration.target_group("blue").arn,
            ("target_group", "empty"): network.configuration.target_group("empty").arn,
        }
        for (kind, name), arn in arns.items():
            mine = [
                e for e in log.entries if arn in {e.service_arn, e.target_group_arn}
            ]
            step = period // 60
            first = min(map(minute_of, mine), default=0)
            periods = range(first - first % step, last + 1, step) if mine else ()
            asked: dict[str, Any] = {kind: name}
            for metric in COUNTS[kind]:
                points = network.metrics.statistics(
                    metric, statistics=["Sum"], period=period, **asked
                )
                assert in_minutes(points) == {
                    begin: naive(
                        [e for e in mine if begin <= minute_of(e) < begin + step],
                        metric,
                    )
                    for begin in periods
                }
                total = naive(mine, metric) if mine else None
                assert network.metrics.sum(metric, **asked) == total


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30), st.integers(1, 1000))
def test_percentile_is_exact(seconds: list[int], permille: int) -> None:
    """A percentile is the least duration within which that share of requests ended."""
    with build() as network:
        visit(network, *(f"/?{each}" for each in seconds))
        whole = (network.clock.now - START) // MINUTE * 60 + 60
        (point,) = network.metrics.statistics(
            "RequestTime",
            service="orders",
            statistics=[f"p{permille / 10}", "Average"],
            period=whole,
            start=START,
        )
    found = point.values[f"p{permille / 10}"]
    within = [each for each in seconds if each * 1000 <= found]
    less = [each for each in seconds if each * 1000 < found]

    assert found / 1000 in seconds
    assert len(within) * 1000 >= permille * len(seconds) > len(less) * 1000
    assert point.values["Average"] == pytest.approx(
        sum(seconds) * 1000 / len(seconds), abs=1e-6
    )
    assert point.unit == "Milliseconds"


# ---- nothing and zero -------------------------------------------------------


def test_before_the_first_traffic_there_is_nothing(network: LatticeNetwork) -> None:
    """A resource without traffic has no datapoints, and its sum is not 0."""
    network.clock.advance(600)
    visit(network, "/200")

    assert network.metrics.sum("TotalRequestCount", service="quiet") is None
    assert (
        network.metrics.statistics(
            "TotalRequestCount", service="quiet", statistics=["Sum"]
        )
        == ()
    )
    until = START + 5 * MINUTE
    assert network.metrics.sum("TotalRequestCount", service="orders", end=until) is None


def test_zeros_are_reported_from_the_first_traffic_on(network: LatticeNetwork) -> None:
    """Minutes without requests are zeros, those before the first one are not there."""
    network.clock.advance(60)
    visit(network, "/200?1")
    network.clock.advance(120)
    metrics = network.metrics

    for metric, statistic in (
        ("TotalRequestCount", "Sum"),
        ("RequestTime", "Average"),
        ("RequestTime", "p99"),
    ):
        points = metrics.statistics(
            metric, service="orders", statistics=[statistic], start=START
        )
        one = 1 if statistic == "Sum" else 1000
        assert in_minutes(points) == {1: one, 2: 0, 3: 0}


def test_period_of_the_first_traffic_is_there_whole(network: LatticeNetwork) -> None:
    """Periods begin at the start, and the first one is that of the first traffic."""
    network.clock.advance(7 * 60)
    visit(network, "/200")
    points = network.metrics.statistics(
        "TotalRequestCount",
        service="orders",
        statistics=["Sum"],
        start=START + MINUTE,
        period=300,
    )

    assert in_minutes(points) == {6: 1}


def test_start_is_inclusive_and_end_exclusive(network: LatticeNetwork) -> None:
    """A start is rounded down; minutes count that begin before the end."""
    for _ in range(4):
        visit(network, "/200")
        network.clock.advance(60)
    begin = START + MINUTE + timedelta(seconds=59)
    for end in (START + 3 * MINUTE, START + 2 * MINUTE + timedelta(seconds=1)):
        points = network.metrics.statistics(
            "TotalRequestCount",
            service="orders",
            statistics=["Sum"],
            start=begin,
            end=end,
        )
        total = network.metrics.sum(
            "TotalRequestCount", service="orders", start=begin, end=end
        )
        assert in_minutes(points) == {1: 1, 2: 1}
        assert total == 2


def test_request_counts_in_the_minute_in_which_it_ends(network: LatticeNetwork) -> None:
    """A request that begins in one minute and ends in another counts in the latter."""
    visit(network, "/200?90")
    points = network.metrics.statistics(
        "TotalRequestCount", service="orders", statistics=["Sum"], start=START
    )

    assert in_minutes(points) == {1: 1}


# ---- which exchanges --------------------------------------------------------


def test_denied_requests_are_the_service_s_own() -> None:
    """There is no metric for them: they are requests and 4XX of the service."""
    with shop(READ_ONLY) as network:
        network.client("orders").get("/")
        metrics = network.metrics

    assert metrics.sum("TotalRequestCount", service="orders") == 1
    assert metrics.sum("HTTPCode_4XX_Count", service="orders") == 1
    assert metrics.sum("TotalRequestCount", target_group="web") is None


def test_own_answers_count_where_the_log_names_a_resource(
    network: LatticeNetwork,
) -> None:
    """A fixed response is the service's; a 503 of an empty group is the group's too."""
    visit(network, "/fixed", "/empty")
    metrics = network.metrics

    assert metrics.sum("HTTPCode_4XX_Count", service="orders") == 1
    assert metrics.sum("HTTPCode_5XX_Count", service="orders") == 1
    assert metrics.sum("HTTPCode_5XX_Count", target_group="empty") == 1
    assert metrics.sum("ConnectionErrorCount", target_group="empty") == 0


def test_metrics_stay_as_they_were_read(network: LatticeNetwork) -> None:
    """Who keeps what was read can compare it with what is read later."""
    visit(network, "/200")
    point = network.metrics.statistics(
        "TotalRequestCount", service="orders", statistics=["Sum"]
    )[0]
    with pytest.raises(TypeError, match="cannot be changed"):
        point.values["Sum"] = 0  # type: ignore[index]  # it must not be possible

    assert point == Datapoint(START, {"Sum": 1}, "Count")


# ---- what is refused --------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"metric": "HTTPCode_5X_Count", "service": "orders"},
            [
                "unknown metric `HTTPCode_5X_Count`",
                "did you mean `HTTPCode_5XX_Count`?",
            ],
        ),
        (
            {"metric": ["RequestTime"], "service": "orders"},
            ["unknown metric `['RequestTime']`", "did you mean `RequestTime`?"],
        ),
        (
            {"metric": "TotalRequestCount", "service": "order"},
            ["unknown service `order`", "did you mean `orders`?"],
        ),
        (
            {"metric": "TotalRequestCount", "target_group": "blu"},
            ["unknown target group `blu`", "did you mean `blue`?"],
        ),
        (
            {"metric": "ConnectionErrorCount", "service": "orders"},
            [
                "metric `ConnectionErrorCount` does not exist for services",
                "it exists for target groups",
            ],
        ),
        (
            {"metric": "TotalConnectionCount", "service": "orders"},
            [
                "metric `TotalConnectionCount` does not exist for services",
                "it exists for target groups",
            ],
        ),
        (
            {"metric": "RequestTimeoutCount", "target_group": "blue"},
            [
                "metric `RequestTimeoutCount` does not exist for target groups",
                "it exists for services",
            ],
        ),
        (
            {"metric": "TotalRequestCount", "target_group": "tcp"},
            [
                (
                    "metric `TotalRequestCount` does not exist for target groups of "
                    "protocol TCP, such as `tcp`"
                )
            ],
        ),
        (
            {"metric": "TotalRequestCount"},
            ["a metric is that of a service or a target group; give one"],
        ),
        (
            {
                "metric": "TotalRequestCount",
                "service": "orders",
                "target_group": "blue",
            },
            ["a metric is that of a service or a target group; give one"],
        ),
        (
            {"metric": "RequestTime", "service": "orders"},
            [
                "metric `RequestTime` has no statistic `Sum`",
                "it has `Average` and percentiles such as `p99`",
            ],
        ),
        (
            {
                "metric": "TotalRequestCount",
                "service": "orders",
                "start": datetime(2026, 1, 1),  # noqa: DTZ001  # what is refused
            },
            ["start `2026-01-01 00:00:00` is no time with a time zone"],
        ),
        (
            {"metric": "TotalRequestCount", "service": "orders", "end": "now"},
            ["end `now` is no time with a time zone"],
        ),
        (
            {
                "metric": "TotalRequestCount",
                "service": "orders",
                "start": START + MINUTE,
                "end": START + MINUTE,
            },
            ["start `2026-01-01 00:01:00+00:00` is not before the end"],
        ),
    ],
)
def test_question_that_is_refused(
    network: LatticeNetwork, asked: dict[str, Any], told: list[str]
) -> None:
    """A question without an answer says why, and the nearest right name."""
    assert refused(network.metrics.sum, **asked) == told


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"period": 90}, ["period `90` is not a multiple of 60 seconds"]),
        ({"period": 0}, ["period `0` is not a multiple of 60 seconds"]),
        (
            {"statistics": ["Average"]},
            ["metric `TotalRequestCount` has no statistic `Average`", "it has `Sum`"],
        ),
        (
            {"metric": "RequestTime", "statistics": ["p100.1"]},
            [
                "metric `RequestTime` has no statistic `p100.1`",
                "it has `Average` and percentiles such as `p99`",
            ],
        ),
        (
            {"metric": "RequestTime", "statistics": ["p٩٩"]},
            [
                "metric `RequestTime` has no statistic `p٩٩`",
                "it has `Average` and percentiles such as `p99`",
            ],
        ),
        ({"statistics": [99]}, ["metric `TotalRequestCount`: `99` is not a str"]),
        (
            {"statistics": "Sum"},
            [
                "metric `TotalRequestCount`: statistics is not a list",
                "write ['Sum']",
            ],
        ),
        (
            {"start": START},
            [
                "1441 datapoints are more than 1440",
                "give a start and an end, or a longer period",
            ],
        ),
    ],
)
def test_statistics_that_are_refused(
    network: LatticeNetwork, asked: dict[str, Any], told: list[str]
) -> None:
    """What GetMetricStatistics would refuse is refused."""
    visit(network, "/200")
    network.clock.advance(24 * 60 * 60)
    question = {"metric": "TotalRequestCount", "service": "orders"}

    assert (
        refused(
            network.metrics.statistics, **question | {"statistics": ["Sum"]} | asked
        )
        == told
    )


def test_as_many_datapoints_as_aws_gives(network: LatticeNetwork) -> None:
    """One day of minutes is the most at once."""
    visit(network, "/200")
    network.clock.advance(24 * 60 * 60 - 60)
    points = network.metrics.statistics(
        "TotalRequestCount", service="orders", statistics=["Sum"]
    )

    assert len(points) == 1440


@pytest.mark.parametrize(
    "metric",
    [
        "ActiveConnectionCount",
        "ActiveRequestCount",
        "ConnectionTimeoutCount",
        "HTTP1_ConnectionCount",
        "HTTP2_ConnectionCount",
        "TLSConnectionErrorCount",
        "TotalConnectionCount",
        "TotalReceivedConnectionBytes",
        "TotalSentConnectionBytes",
        "TotalTLSConnectionHandshakeCount",
    ],
)
def test_metric_that_is_not_modeled(network: LatticeNetwork, metric: str) -> None:
    """What a test cannot know is refused by name, and never made up."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        network.metrics.sum(metric, target_group="blue")

    assert said(caught.value) == [
        f"metric `{metric}` is not modeled",
        (
            "these are: `TotalRequestCount`, `HTTPCode_2XX_Count`, "
            "`HTTPCode_3XX_Count`, `HTTPCode_4XX_Count`, `HTTPCode_5XX_Count`, "
            "`RequestTime`, "
            "`RequestTimeoutCount`, `ConnectionErrorCount`"
        ),
    ]


def test_several_statistics_have_no_single_value(network: LatticeNetwork) -> None:
    """Who asked for several has to say which."""
    visit(network, "/200?2")
    (point,) = network.metrics.statistics(
        "RequestTime", service="orders", statistics=["Average", "p99"]
    )

    assert point.values == {"Average": 2000, "p99": 2000}
    assert refused(lambda: point.value) == [
        "a datapoint with 2 statistics has no single value",
        'take one of values["Average"], values["p99"]',
    ]


# ---- for people -------------------------------------------------------------


def test_metrics_print_as_a_table(network: LatticeNetwork) -> None:
    """The table has what had traffic, over all time."""
    visit(network, "/200?3", "/404?1", "/fixed")
    network.clock.advance(3600)

    assert repr(network.metrics) == "<Metrics of AWS/VpcLattice>"
    assert str(network.metrics).splitlines() == [
        "AWS/VpcLattice",
        "                      requests  2XX  3XX  4XX  5XX  average ms  p99 ms",
        "  service orders      3         1    0    2    0    1333.33     3000",
        "  target group blue   1         0    0    1    0    1000        1000",
        "  target group green  1         1    0    0    0    3000        3000",
    ]
