"""The known mistakes, each a change of what is signed."""

from __future__ import annotations

import pytest

from pytest_lattice.auth.mistakes import View, mistakes_of
from tests.auth.signed import HOST, NOW, REGION, STAMP, sent

VIEW = View(
    "GET",
    "/",
    "a=1",
    {"host": HOST, "x-amz-date": STAMP},
    ("host", "x-amz-date"),
    "UNSIGNED-PAYLOAD",
    "AWS4-HMAC-SHA256",
    STAMP,
    STAMP[:8],
    REGION,
    "vpc-lattice-svcs",
    "aws4_request",
)


@pytest.mark.parametrize(
    ("region", "scope"),
    [
        (REGION, "20260101/us-west-2/vpc-lattice-svcs/aws4_request"),
        (None, "20260101/vpc-lattice-svcs/aws4_request"),
    ],
)
def test_scope_has_a_region_or_none(region: str | None, scope: str) -> None:
    """SigV4A has no region in its scope."""
    assert VIEW._replace(region=region).scope == scope


def test_header_can_be_changed_or_taken_away() -> None:
    """A header that is not signed has no other value to sign."""
    assert VIEW.with_header("host", "x").values["host"] == "x"
    assert VIEW.with_header("host", None).signed == ("x-amz-date",)
    assert VIEW.with_header("other", "x") is VIEW


def test_mistakes_are_few_and_of_a_kind() -> None:
    """However many names a client signs, the number of mistakes is bounded."""
    names = tuple(f"x-amz-{number}" for number in range(1000))
    view = VIEW._replace(signed=names, values=dict.fromkeys(names, "Value"))

    mistakes = mistakes_of(
        sent(query="a=1"), view, region=REGION, now=NOW, hosts=names, paths=names
    )

    assert len(mistakes) < 200
    assert {each.kind for each in mistakes} == {
        "payload",
        "host",
        "path",
        "query",
        "service",
        "region",
        "method",
        "token",
        "time",
        "header",
    }
    assert all(each.name and each.advice for each in mistakes)


def test_region_stays_out_of_sigv4a() -> None:
    """Where the scope has no region, a wrong one changes nothing."""
    view = VIEW._replace(region=None)

    for each in mistakes_of(sent(), view, region=REGION, now=NOW, hosts=()):
        assert each.change(view).region is None
