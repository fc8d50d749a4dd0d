"""Headers toward the target and toward the client, as Lattice changes them."""

from __future__ import annotations

import pytest

from pytest_lattice.routing.forwarding import (
    added_headers,
    replaced,
    request_id_of,
    to_client,
    to_target,
)

ADDED = added_headers(
    scheme="https",
    port=8443,
    vpc_id="vpc-1",
    vpc_arn="arn:vpc",
    service_arn="arn:service",
    network_arn="arn:network",
    group_arn="arn:group",
)
# AWS: vpc-lattice/latest/ug/http-targets; the last one is seen in real requests
OWN = [
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-amzn-lattice-identity",
    "x-amzn-lattice-identity-tags",
    "x-amzn-lattice-network",
    "x-amzn-lattice-target",
    "x-amzn-source-vpc",
]


def test_added_headers_are_aws_s() -> None:
    """Names, order and values are those of real requests, without a last semicolon."""
    assert ADDED == (
        ("x-forwarded-port", "8443"),
        ("x-forwarded-proto", "https"),
        ("x-amzn-lattice-network", "SourceVpcArn=arn:vpc"),
        (
            "x-amzn-lattice-target",
            (
                "ServiceArn=arn:service; ServiceNetworkArn=arn:network; "
                "TargetGroupArn=arn:group"
            ),
        ),
        ("x-amzn-source-vpc", "vpc-1"),
    )


def test_target_sees_the_clients_headers_first() -> None:
    """The client's own headers keep their order and repeats; Lattice's follow."""
    headers = (("host", "shop"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3"))

    assert to_target(headers, ADDED, "10.0.0.9", "id") == (
        *headers,
        ("x-forwarded-for", "10.0.0.9"),
        *ADDED,
        ("x-amzn-requestid", "id"),
    )


@pytest.mark.parametrize("name", [*OWN, "x-amzn-requestid"])
def test_what_a_client_could_forge_is_stripped(name: str) -> None:
    """Of a header that Lattice writes, nothing of the client's is left."""
    forged = (("x-a", "1"), (name, "forged"), (name, "again"))

    sent = to_target(forged, ADDED, "10.0.0.9", "id")

    assert sent == to_target((("x-a", "1"),), ADDED, "10.0.0.9", "id")


@pytest.mark.parametrize(
    "name", ["x-forwarded-host", "forwarded", "x-amzn-trace-id", "x-amz-date", "via"]
)
def test_other_headers_are_left_alone(name: str) -> None:
    """AWS names the headers that it replaces; others are the target's to judge."""
    assert (name, "own") in to_target(((name, "own"),), ADDED, "10.0.0.9", "id")


@pytest.mark.parametrize("name", OWN)
def test_replaced_headers_can_be_named(name: str) -> None:
    """A client's header that the target does not see as sent can be pointed out."""
    assert replaced((("x-a", "1"), (name, "forged"))) == (name,)


def test_request_id_is_not_called_replaced() -> None:
    """A client's request id reaches the target, so there is nothing to point out."""
    assert replaced((("x-amzn-requestid", "own"), ("x-a", "1"))) == ()


def test_client_gets_the_request_id() -> None:
    """The request id comes last, after all that the target sent."""
    headers = (("Content-Type", "text/plain"), ("Set-Cookie", "a"), ("set-cookie", "b"))

    assert to_client(headers, "id") == (*headers, ("x-amzn-requestid", "id"))


@pytest.mark.parametrize("name", ["x-amzn-requestid", "X-Amzn-RequestId"])
def test_request_id_of_a_target_is_not_passed_on(name: str) -> None:
    """A client sees one request id, whatever a target writes."""
    headers = ((name, "theirs"), ("x-a", "1"), (name, "again"))

    assert to_client(headers, "id") == (("x-a", "1"), ("x-amzn-requestid", "id"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([""], None),
        (["a"], "a"),
        (["not a UUID; ü"], "not a UUID; ü"),
        (["", "b", "c"], "b"),
        (["x" * 512], "x" * 512),
        (["x" * 513], "x" * 512),
        (["é" * 600], "é" * 512),
    ],
)
def test_request_id_is_the_clients_own(values: list[str], expected: str | None) -> None:
    """A client's id counts, cut at 512 bytes of what was sent."""
    headers = (("x-a", "1"), *(("x-amzn-requestid", value) for value in values))

    assert request_id_of(headers) == expected
