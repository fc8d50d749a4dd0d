"""Where AWS delivers access logs: ARNs of three forms, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import ConfigurationError, LogDestination
from pytest_lattice.model.log_destination import destination_type, log_destination
from tests.model.refusals import refused

ONE = "123456789012"
HERE = f"us-west-2:{ONE}"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (
            f"arn:aws:logs:{HERE}:log-group:/aws/vendedlogs/shop",
            ("logs", "/aws/vendedlogs/shop", "", "us-west-2", ONE),
        ),
        (
            f"arn:aws:logs:{HERE}:log-group:shop:*",
            ("logs", "shop", "", "us-west-2", ONE),
        ),
        ("arn:aws:s3:::shop-logs", ("s3", "shop-logs", "", "", "")),
        ("arn:aws:s3:::shop-logs/", ("s3", "shop-logs", "", "", "")),
        ("arn:aws:s3:::shop-logs/a/b/", ("s3", "shop-logs", "a/b", "", "")),
        (
            f"arn:aws-us-gov:firehose:us-gov-west-1:{ONE}:deliverystream/shop.logs",
            ("firehose", "shop.logs", "", "us-gov-west-1", ONE),
        ),
    ],
)
def test_arn_of_each_form_is_read(arn: str, expected: tuple[str, ...]) -> None:
    """An ARN tells the service, the name and, but for buckets, whose it is."""
    service, *rest = expected

    assert log_destination(arn, "shop") == LogDestination(service, arn, *rest)


@pytest.mark.parametrize(
    ("arn", "kind", "example"),
    [
        (
            f"arn:aws:logs:{HERE}:log-group:bad name",
            "a CloudWatch log group",
            "arn:aws:logs:us-west-2:123456789012:log-group:NAME",
        ),
        (
            f"arn:aws:logs:{HERE}:log-group:shop:log-stream:one",
            "a CloudWatch log group",
            "arn:aws:logs:us-west-2:123456789012:log-group:NAME",
        ),
        (
            "arn:aws:logs:us-west-2:1:log-group:lattice",
            "a CloudWatch log group",
            "arn:aws:logs:us-west-2:123456789012:log-group:NAME",
        ),
        ("arn:aws:s3:::Shop_Logs", "an S3 bucket", "arn:aws:s3:::BUCKET/PREFIX"),
        (f"arn:aws:s3:{HERE}:shop", "an S3 bucket", "arn:aws:s3:::BUCKET/PREFIX"),
        (
            f"arn:aws:firehose:{HERE}:stream/shop",
            "a Firehose delivery stream",
            "arn:aws:firehose:us-west-2:123456789012:deliverystream/NAME",
        ),
    ],
)
def test_other_arn_of_the_service_is_refused(arn: str, kind: str, example: str) -> None:
    """An ARN of the right service that names something else is told the form."""
    assert refused(log_destination, arn, "shop") == [
        f"access log destination `{arn}` of `shop` is not the ARN of {kind}",
        f"one is like {example}",
    ]


@pytest.mark.parametrize(
    ("service", "advice"),
    [
        ("firehouse", "did you mean `firehose`?"),
        ("sqs", "known: `firehose`, `logs`, `s3`"),
    ],
)
def test_other_service_is_refused(service: str, advice: str) -> None:
    """A service that VPC Lattice does not deliver to gets the nearest one, or all."""
    arn = f"arn:aws:{service}:{HERE}:thing/shop"

    assert refused(log_destination, arn, "shop") == [
        f"unknown service in access log destination `{arn}` of `shop`: `{service}`",
        advice,
    ]


@pytest.mark.parametrize(
    "text", ["shop.log", "", "arn:aws:s3", "arn:aws:s3:::/shop-logs", "s3://shop-logs"]
)
def test_what_is_no_arn_is_refused(text: str) -> None:
    """Text that is no ARN may have been meant as a path or as a URL."""
    where = f"access log destination `{text}` of `shop`"

    assert refused(log_destination, text, "shop") == [
        f"{where} is neither a pathlib path nor an ARN",
        "one is like arn:aws:s3:::BUCKET/PREFIX",
    ]


@pytest.mark.parametrize(
    ("arn", "length"),
    [("arn:aws:s3:::bucket", 19), (f"arn:aws:s3:::bucket/{'x' * 2029}", 2049)],
)
def test_length_of_an_arn(arn: str, length: int) -> None:
    """An ARN has 20 to 2048 characters, so a bucket of six letters needs a prefix."""
    where = f"access log destination `{arn}` of `shop`"

    assert refused(log_destination, arn, "shop") == [
        f"{where} has {length} characters, not 20 to 2048"
    ]
    fitting = arn[:2048].ljust(20, "s")
    assert log_destination(fitting, "shop").arn == fitting


@given(st.text(max_size=40), st.sampled_from(["", "arn:aws:s3:::", "arn:aws:logs:"]))
def test_any_text_is_read_or_refused(text: str, start: str) -> None:
    """Whatever the text, it names something or there is one error about it."""
    try:
        found = log_destination(start + text, "shop")
    except ConfigurationError as error:
        said = str(error)
    else:
        said = found.arn
        assert found.name
        assert found.name in said
    assert start + text in said


@pytest.mark.parametrize(
    ("destination", "words"),
    [
        (None, "in memory"),
        (Path("shop.log"), "to a file"),
        (f"arn:aws:logs:{HERE}:log-group:shop", "to CloudWatch Logs"),
        ("arn:aws:s3:::shop-logs", "to S3"),
        (f"arn:aws:firehose:{HERE}:deliverystream/shop", "to Firehose"),
    ],
)
def test_types_have_words(destination: Path | str | None, words: str) -> None:
    """Each type of destination is one that a resource may have one of."""
    assert destination_type(destination) == words
