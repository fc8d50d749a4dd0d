"""Access-log subscriptions and entries."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_lattice.model.access_log import (
    KEYS,
    AccessLogEntry,
    AccessLogSubscription,
)
from tests.model.refusals import refused

# AWS's keys in the order of two real entries, then those that only the page has.
IN_AWSS_ORDER = [
    "serviceNetworkArn",
    "resolvedUser",
    "listenerType",
    "authDeniedReason",
    "targetGroupArn",
    "sourceVpcArn",
    "destinationVpcId",
    "sourceIpPort",
    "listenerId",
    "targetIpPort",
    "failureReason",
    "serviceArn",
    "sourceVpcId",
    "startTime",
    "requestMethod",
    "requestPath",
    "protocol",
    "responseCode",
    "bytesReceived",
    "bytesSent",
    "duration",
    "userAgent",
    "hostHeader",
    "serverNameIndication",
    "requestToTargetDuration",
    "responseFromTargetDuration",
    "sslCipher",
    "tlsVersion",
    "callerPrincipal",
    "callerPrincipalOrgID",
    "callerX509IssuerOU",
    "callerX509SubjectCN",
    "callerX509SANNameCN",
    "callerX509SANDNS",
    "callerX509SANURI",
    "callerPrincipalTags",
    "grpcResponseCode",
    "requestId",
]

ENTRY = AccessLogEntry(
    service_network_arn="arn:aws:vpc-lattice:us-west-2:1:servicenetwork/sn-1",
    source_vpc_arn="arn:aws:ec2:us-west-2:1:vpc/vpc-1",
    source_ip_port="10.0.0.9:40000",
    service_arn="arn:aws:vpc-lattice:us-west-2:1:service/svc-1",
    source_vpc_id="vpc-1",
    start_time="2026-01-01T00:00:00Z",
    request_method="GET",
    request_path="/café",
    protocol="HTTP/1.1",
    response_code=404,
    bytes_received=135,
    bytes_sent=42,
    duration=0,
    host_header="shop.example.com",
    request_id="id-1",
)


def test_keys_are_awss_in_awss_order() -> None:
    """An entry has AWS's keys in the order of real entries."""
    assert list(KEYS.values()) == IN_AWSS_ORDER
    assert list(replace(ENTRY, grpc_response_code=0).to_dict()) == IN_AWSS_ORDER


def test_every_field_has_its_key() -> None:
    """No field of an entry is forgotten when it is written, and none is invented."""
    assert [field.name for field in fields(AccessLogEntry)] == list(KEYS)


def test_absent_strings_are_a_dash() -> None:
    """What has nothing to say is `-`, as in real entries, and a number is a number."""
    absent = {key for key, value in ENTRY.to_dict().items() if value == "-"}

    assert absent == {
        *("resolvedUser", "listenerType", "authDeniedReason", "targetGroupArn"),
        *("destinationVpcId", "listenerId", "targetIpPort", "failureReason"),
        *("userAgent", "serverNameIndication", "sslCipher", "tlsVersion"),
        *("callerPrincipal", "callerPrincipalOrgID", "callerX509IssuerOU"),
        *("callerX509SubjectCN", "callerX509SANNameCN", "callerX509SANDNS"),
        *("callerX509SANURI", "callerPrincipalTags"),
    }
    numbers = {key for key, value in ENTRY.to_dict().items() if type(value) is int}
    assert numbers == {
        *("responseCode", "bytesReceived", "bytesSent", "duration"),
        *("requestToTargetDuration", "responseFromTargetDuration"),
    }


@pytest.mark.parametrize(("code", "written"), [(None, False), (0, True), (5, True)])
def test_grpc_code_is_written_where_there_is_one(
    code: int | None, *, written: bool
) -> None:
    """The gRPC code is the one key that AWS leaves out."""
    entry = replace(ENTRY, grpc_response_code=code).to_dict()

    assert ("grpcResponseCode" in entry) is written
    assert entry.get("grpcResponseCode") == code


def test_json_is_one_line_of_plain_text() -> None:
    """An entry is written as AWS delivers it: one line, no spaces, no escapes."""
    text = ENTRY.to_json()

    assert text.startswith('{"serviceNetworkArn":"arn:aws:vpc-lattice:us-west-2:1:')
    assert '"requestPath":"/café","protocol":"HTTP/1.1","responseCode":404,' in text
    assert "\n" not in text
    assert json.loads(text) == ENTRY.to_dict()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, {}),
        ({"response_code": 404, "request_method": "GET"}, {}),
        ({"response_code": 200}, {"response_code": 404}),
        ({"response_code": "404"}, {"response_code": 404}),
        (
            {"request_method": "POST", "request_path": "/", "duration": 0},
            {"request_method": "GET", "request_path": "/café"},
        ),
        ({"grpc_response_code": 0}, {"grpc_response_code": None}),
    ],
    ids=str,
)
def test_differences(wanted: dict[str, object], expected: dict[str, object]) -> None:
    """Of the wanted fields those are told that differ, with the entry's own value."""
    assert ENTRY.differences(wanted) == expected


def test_unknown_field_is_refused() -> None:
    """A field that no entry has is refused, with the nearest one that there is."""
    assert refused(ENTRY.differences, {"respons_code": 404}) == [
        "unknown access log field `respons_code`",
        "did you mean `response_code`?",
    ]


def test_awss_own_key_is_understood() -> None:
    """Who writes AWS's key in camel case is told the name in Python."""
    assert refused(ENTRY.differences, {"failureReason": "-"}) == [
        "unknown access log field `failureReason`",
        "did you mean `failure_reason`?",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {},
            "<2026-01-01T00:00:00Z 404 GET shop.example.com/café "
            "from 10.0.0.9:40000 in vpc-1>",
            id="no-target",
        ),
        pytest.param(
            {
                "host_header": "shop-0123456789abcdef0.7d67968.vpc-lattice-svcs"
                ".us-west-2.on.aws:8080",
                "target_group_arn": "arn:aws:vpc-lattice:us-west-2:1:targetgroup/tg-1",
                "target_ip_port": "10.0.1.2:80",
                "response_code": 200,
            },
            "<2026-01-01T00:00:00Z 200 GET shop:8080/café "
            "from 10.0.0.9:40000 in vpc-1 to tg-1 10.0.1.2:80>",
            id="target",
        ),
        pytest.param(
            {
                "response_code": 403,
                "failure_reason": "ClientAccessDenied",
                "auth_denied_reason": "Service",
            },
            "<2026-01-01T00:00:00Z 403 GET shop.example.com/café "
            "from 10.0.0.9:40000 in vpc-1 ClientAccessDenied Service>",
            id="denied",
        ),
        pytest.param(
            {
                "response_code": 503,
                "failure_reason": "TargetConnectionError",
                "target_group_arn": "arn:aws:vpc-lattice:us-west-2:1:targetgroup/tg-1",
            },
            "<2026-01-01T00:00:00Z 503 GET shop.example.com/café "
            "from 10.0.0.9:40000 in vpc-1 to tg-1 TargetConnectionError>",
            id="no-usable-target",
        ),
    ],
)
def test_repr_is_what_a_person_looks_for(
    changes: dict[str, Any], expected: str
) -> None:
    """An entry prints on one line: when, what, from where, to where, what failed."""
    assert repr(replace(ENTRY, **changes)) == expected


def test_entries_are_frozen_and_hashable() -> None:
    """An entry is a value: it can be counted and cannot be changed."""
    assert {ENTRY, replace(ENTRY)} == {ENTRY}
    with pytest.raises(FrozenInstanceError):
        ENTRY.duration = 5  # type: ignore[misc]  # what is refused


def test_subscription_to_aws_to_a_file_or_to_memory() -> None:
    """A destination is an ARN, a path, or none to keep the entries in memory only."""
    for destination in ("arn:aws:s3:::shop-logs", Path("access.log")):
        subscription = AccessLogSubscription("shop", destination=destination)
        assert subscription.destination == destination
    assert repr(AccessLogSubscription("shop")) == "AccessLogSubscription('shop')"


@pytest.mark.parametrize("destination", ["access.log", 5])
def test_subscription_needs_a_path_or_an_arn(destination: object) -> None:
    """Text that is no ARN may have been meant as a file, but is no path."""
    where = f"access log destination `{destination}` of `shop`"

    assert refused(AccessLogSubscription, "shop", destination=destination) == [
        f"{where} is neither a pathlib path nor an ARN",
        "one is like arn:aws:s3:::BUCKET/PREFIX",
    ]
