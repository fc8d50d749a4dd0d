"""The metrics that CloudWatch would have of services and target groups.

A table says which requests each metric counts; a question adds up the minutes of its
periods, as `logs.tally` counted them.
AWS: vpc-lattice/latest/ug/monitoring-cloudwatch
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
    unknown,
)
from pytest_lattice.logs.tally import MINUTE
from pytest_lattice.model.instant import EPOCH
from pytest_lattice.model.text import aligned
from pytest_lattice.model.value import ReadOnly, is_whole, listed

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence

    from pytest_lattice.logs.tally import Kind, Tally
    from pytest_lattice.model.configuration import Configuration

__tracebackhide__ = HIDE

NAMESPACE = "AWS/VpcLattice"
_MINUTE = timedelta(minutes=1)
# AWS: AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics
_DATAPOINTS = 1440
_PERCENTILE = re.compile(r"p(\d{1,3})(?:\.(\d{1,10}))?", re.ASCII)
_DIGITS = 10
#: 100 %, in parts of the last of those digits.
_HUNDRED = 100 * 10**_DIGITS


class _Metric(NamedTuple):
    """A metric: where it exists, and which requests it counts; None for their time."""

    dimensions: tuple[str, ...]
    counts: Callable[[Kind], bool] | None
    for_tcp: bool = False

    @property
    def unit(self) -> str:
        return "Milliseconds" if self.counts is None else "Count"


def _answered(hundreds: int) -> Callable[[Kind], bool]:
    return lambda kind: kind.status // 100 == hundreds


_BOTH = ("Service", "TargetGroup")
_KINDS = {"Service": "services", "TargetGroup": "target groups"}
_METRICS: dict[str, _Metric] = {
    "TotalRequestCount": _Metric(_BOTH, lambda _: True),
    **{
        f"HTTPCode_{hundreds}XX_Count": _Metric(_BOTH, _answered(hundreds))
        for hundreds in (2, 3, 4, 5)
    },
    "RequestTime": _Metric(_BOTH, None),
    "RequestTimeoutCount": _Metric(
        ("Service",), lambda kind: kind.failure_reason == "TargetDataTimeout"
    ),
    # Our choice: one failed connection for each request that failed of it.
    "ConnectionErrorCount": _Metric(
        ("TargetGroup",),
        lambda kind: kind.tried and kind.failure_reason == "TargetConnectionError",
        for_tcp=True,
    ),
}
# They are about connections to targets and about moments, and exchanges are neither.
_NOT_MODELED = (
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
)


class Datapoint(NamedTuple):
    """The statistics of one period.

    Args:
        timestamp: when the period begins.
        values: the value of each statistic that was asked for.
        unit: ``Count`` or ``Milliseconds``.

    AWS: AmazonCloudWatch/latest/APIReference/API_Datapoint
    """

    timestamp: datetime
    values: Mapping[str, float]
    unit: str

    @property
    def value(self) -> float:
        """The value, where one statistic was asked for.

        Raises:
            ConfigurationError: there were several.
        """
        if len(self.values) != 1:
            raise advised(
                f"a datapoint with {len(self.values)} statistics has no single value",
                "take one of " + ", ".join(f'values["{each}"]' for each in self.values),
            )
        return next(iter(self.values.values()))


class Metrics:
    """What CloudWatch would have in the namespace ``AWS/VpcLattice``.

    There are no Availability Zones in a test: each metric is the one of its
    `Service` or `TargetGroup` over all of them.

    Args:
        tally: what was counted.
        configuration: where the resources are declared.
        now: in microseconds since 1970.

    AWS: vpc-lattice/latest/ug/monitoring-cloudwatch
    """

    #: The namespace of all of them.
    namespace = NAMESPACE

    def __init__(self, tally: Tally, configuration: Configuration, now: int) -> None:
        """Look at what was counted so far."""
        self._tally = tally
        self._configuration = configuration
        self._end = now // MINUTE + 1

    def sum(
        self,
        metric: str,
        *,
        service: str | None = None,
        target_group: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> int | None:
        """Add a metric up, over all time unless told otherwise.

        Args:
            metric: a metric that is a count, such as ``HTTPCode_5XX_Count``.
            service: name, id or ARN of a service; or give a target group.
            target_group: name, id or ARN of a target group.
            start: from when; its whole minute counts.
            end: until when, exclusive.

        Returns:
            The sum; None, and not 0, where nothing was published yet.

        Raises:
            ConfigurationError: see `statistics`.
            UnsupportedFeatureError: see `statistics`.
        """
        asked, arn = self._asked(metric, service, target_group)
        read = _reader(metric, asked, "Sum")
        minutes = self._range(arn, start, end, 1)
        if minutes is None:
            return None
        whole = range(minutes.start, minutes.stop, len(minutes))
        return int(read(self._tally.within(arn, whole)[0]))

    def statistics(
        self,
        metric: str,
        *,
        service: str | None = None,
        target_group: str | None = None,
        statistics: Sequence[str],
        period: int = 60,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[Datapoint, ...]:
        """Give the datapoints of a metric, as GetMetricStatistics does, in order.

        Zeros are datapoints too, from the first traffic of the resource on; before it
        there are none.  The present minute is there with what it has so far.

        Args:
            metric: such as ``RequestTime``.
            service: name, id or ARN of a service; or give a target group.
            target_group: name, id or ARN of a target group.
            statistics: ``Sum`` for counts; for ``RequestTime`` ``Average`` and
                percentiles such as ``p99`` or ``p99.9``.
            period: in seconds, a multiple of 60.
            start: from when, rounded down to the minute; periods begin there.  The
                period of the first traffic unless given.
            end: until when, exclusive; now unless given.

        Raises:
            ConfigurationError: an unknown metric, resource or statistic, one that
                does not go with the other, a time without a time zone, or more than
                1,440 datapoints.
            UnsupportedFeatureError: a metric that AWS has and a test cannot know.

        AWS: AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics
        """
        asked, arn = self._asked(metric, service, target_group)
        names = listed(statistics, f"metric `{metric}`", "statistics", str)
        readers = {name: _reader(metric, asked, name) for name in names}
        if not is_whole(period, range(60, 2**31, 60)):
            raise ConfigurationError(
                f"period `{period!r}` is not a multiple of 60 seconds"
            )
        minutes = self._range(arn, start, end, period // 60)
        if minutes is None:
            return ()
        if len(minutes) > _DATAPOINTS:
            raise advised(
                f"{len(minutes)} datapoints are more than {_DATAPOINTS}",
                "give a start and an end, or a longer period",
            )
        found = zip(minutes, self._tally.within(arn, minutes), strict=True)
        return tuple(
            Datapoint(
                EPOCH + minute * _MINUTE,
                ReadOnly({name: read(kinds) for name, read in readers.items()}),
                asked.unit,
            )
            for minute, kinds in found
        )

    def _asked(
        self, name: str, service: str | None, target_group: str | None
    ) -> tuple[_Metric, str]:
        """Find the metric and the ARN of the resource."""
        if (service is None) == (target_group is None):
            raise ConfigurationError(
                "a metric is that of a service or a target group; give one"
            )
        known = (*_METRICS, *_NOT_MODELED)
        if name not in known:
            raise unknown("metric", name, known)
        metric = _METRICS.get(name, _Metric(("TargetGroup",), None))
        dimension = "Service" if target_group is None else "TargetGroup"
        if dimension not in metric.dimensions:
            raise advised(
                f"metric `{name}` does not exist for {_KINDS[dimension]}",
                f"it exists for {_KINDS[metric.dimensions[0]]}",
            )
        if name in _NOT_MODELED:
            error = UnsupportedFeatureError(f"metric `{name}` is not modeled")
            error.add_note(f"these are: {', '.join(f'`{each}`' for each in _METRICS)}")
            raise error
        if target_group is None:
            return metric, self._configuration.service(service or "").arn
        group = self._configuration.target_group(target_group)
        if group.protocol == "TCP" and not metric.for_tcp:
            raise ConfigurationError(
                f"metric `{name}` does not exist for target groups of protocol "
                f"TCP, such as `{target_group}`"
            )
        return metric, group.arn

    def _range(
        self, arn: str, start: datetime | None, end: datetime | None, step: int
    ) -> range | None:
        """Give the minutes at which periods with datapoints begin."""
        until = self._end if end is None else -(-_since_epoch(end, "end") // _MINUTE)
        begin = None if start is None else _since_epoch(start, "start") // _MINUTE
        if begin is not None and begin >= until:
            raise ConfigurationError(f"start `{start}` is not before the end")
        first = self._tally.first(arn)
        if first is None or first >= until:
            return None
        if begin is None:
            return range(first - first % step, until, step)
        # AWS: from the first traffic on
        skipped = max(0, (first - begin) // step)
        return range(begin + skipped * step, until, step)

    def __str__(self) -> str:
        """Write a table of all that had traffic, over all time."""
        readers = [_reader(name, _METRICS[name], each) for name, each in _COLUMNS]
        named = {
            each.arn: f"{kind} {each.name}"
            for kind, resources in (
                ("service", self._configuration.services),
                ("target group", self._configuration.target_groups),
            )
            for each in resources
        }
        rows = [("", *_COLUMNS.values())]
        for name, arn in sorted(
            (named.get(arn, arn), arn) for arn in self._tally.arns()
        ):
            (kinds,) = self._tally.within(arn, range(0, self._end, self._end))
            rows.append((name, *(f"{read(kinds):g}" for read in readers)))
        return "\n".join([NAMESPACE, *aligned(rows)])

    def __repr__(self) -> str:
        """Show the namespace."""
        return f"<Metrics of {NAMESPACE}>"


# The columns of the table for people.
_COLUMNS = {
    ("TotalRequestCount", "Sum"): "requests",
    ("HTTPCode_2XX_Count", "Sum"): "2XX",
    ("HTTPCode_3XX_Count", "Sum"): "3XX",
    ("HTTPCode_4XX_Count", "Sum"): "4XX",
    ("HTTPCode_5XX_Count", "Sum"): "5XX",
    ("RequestTime", "Average"): "average ms",
    ("RequestTime", "p99"): "p99 ms",
}


def _since_epoch(moment: object, name: str) -> timedelta:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ConfigurationError(f"{name} `{moment}` is no time with a time zone")
    return moment - EPOCH


def _reader(
    name: str, metric: _Metric, statistic: str
) -> Callable[[Counter[Kind]], float]:
    """Find what computes a statistic of a metric from counted requests."""
    counts = metric.counts
    percentile = _PERCENTILE.fullmatch(statistic)
    if counts is not None and statistic == "Sum":
        return lambda kinds: sum(n for kind, n in kinds.items() if counts(kind))
    if counts is None and statistic == "Average":
        return _average
    if counts is None and percentile is not None:
        whole, part = percentile.groups("")
        parts = int(whole + part.ljust(_DIGITS, "0"))
        if parts <= _HUNDRED:
            return lambda kinds: _percentile(kinds, parts)
    # AWS: the useful ones; the others nobody documents
    raise advised(
        f"metric `{name}` has no statistic `{statistic}`",
        "it has `Sum`" if counts else "it has `Average` and percentiles such as `p99`",
    )


def _average(kinds: Counter[Kind]) -> float:
    # AWS: a zero is reported where there was no request
    total = sum(kind.duration * number for kind, number in kinds.items())
    return total / (kinds.total() or 1)


def _percentile(kinds: Counter[Kind], parts: int) -> float:
    """Return the least time in which such a share of the requests was through."""
    # Rounded up: at least that share of the requests.
    left = -(-kinds.total() * parts // _HUNDRED)
    for kind in sorted(kinds, key=attrgetter("duration")):
        left -= kinds[kind]
        if left <= 0:
            return float(kind.duration)
    return 0.0
