"""A request that was answered, and its access-log entry."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.decision.exchange import Exchange, failure_reason_of
from pytest_lattice.model.access_log import KEYS
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.configuration import Configuration, Resource
from pytest_lattice.model.message import LatticeRequest, LatticeResponse
from pytest_lattice.model.service import Listener, Rule, Service
from pytest_lattice.model.service_network import ServiceNetwork, Vpc
from pytest_lattice.model.target_group import Target, TargetGroup
from tests.decision.scripted import Scripted
from tests.routing.build import compiled, request

APP = Vpc("app")
TARGETS = Vpc("targets")
CORP = ServiceNetwork("corp", services=["shop"], vpcs=["app"])
BLUE = TargetGroup(
    "blue", type="IP", vpc="targets", targets=[Target("10.1.0.7", port=8080)]
)
SIX = TargetGroup(
    "six",
    type="IP",
    ip_address_type="IPV6",
    vpc="targets",
    targets=[Target("fd12:3456:789a::7")],
)
GREEN = TargetGroup("green", type="LAMBDA", targets=["echo"])
EMPTY = TargetGroup("empty", vpc="targets")
RULES = [
    Rule(10, path="/six", action=Forward("six")),
    Rule(20, path="/green", action=Forward("green")),
    Rule(30, path="/empty", action=Forward("empty")),
    Rule(40, path="/fixed", action=FixedResponse(404)),
]
SHOP = Service(
    "shop",
    listeners=[
        Listener("HTTPS", default=Forward("blue"), rules=RULES),
        Listener("HTTP", 8080, default=Forward("blue")),
    ],
)
RESOURCES: tuple[Resource, ...] = (APP, TARGETS, CORP, BLUE, SIX, GREEN, EMPTY, SHOP)
STATE = compiled(*RESOURCES)
# A whole second and a bit, so that what is cut off shows.
NOW = 1_767_225_600_999_999
NAME = SHOP.dns_name


def decision_on(incoming: LatticeRequest) -> Decision:
    """Decide on a request."""
    return decide(STATE, incoming, now=NOW, draw=Scripted())


#: What of an exchange belongs to the request.
OF_THE_REQUEST = {"url", "headers", "http_version", "address", "vpc", "host"}


def exchange(*, status: int = 200, **fields: object) -> Exchange:
    """Make an exchange for a request from the VPC `app`."""
    asked: dict[str, Any] = {"url": f"https://{NAME}/orders?a=1", "vpc": APP.id}
    told: dict[str, Any] = {"request_id": "id-1", "received": 0, "sent": 0}
    for name, value in fields.items():
        (asked if name in OF_THE_REQUEST else told)[name] = value
    response = LatticeResponse(status, (("Content-Type", "text/plain"),))
    return Exchange(decision_on(request(**asked)), response, **told)


def entry_of(*, status: int = 200, **fields: object) -> dict[str, str | int]:
    """Give the log entry of an exchange, with AWS's keys."""
    entry = exchange(status=status, **fields).log_entry
    assert entry is not None
    return entry.to_dict()


def test_entry_of_a_forwarded_request() -> None:
    """Every key of AWS's is there, in AWS's order, with the values of real entries."""
    entry = entry_of(
        headers={"host": NAME, "user-agent": "curl/8.5.0"},
        received=100,
        sent=1000,
        to_target=3,
        from_target=5,
        duration=20,
    )

    assert list(entry.items()) == [
        ("serviceNetworkArn", CORP.arn),
        ("resolvedUser", "-"),
        ("listenerType", "-"),
        ("authDeniedReason", "-"),
        ("targetGroupArn", BLUE.arn),
        ("sourceVpcArn", APP.arn),
        ("destinationVpcId", TARGETS.id),
        ("sourceIpPort", "10.0.0.9:40000"),
        ("listenerId", "-"),
        ("targetIpPort", "10.1.0.7:8080"),
        ("failureReason", "-"),
        ("serviceArn", SHOP.arn),
        ("sourceVpcId", APP.id),
        ("startTime", "2026-01-01T00:00:00Z"),
        ("requestMethod", "GET"),
        ("requestPath", "/orders"),
        ("protocol", "HTTP/1.1"),
        ("responseCode", 200),
        ("bytesReceived", 224),
        ("bytesSent", 1043),
        ("duration", 20),
        ("userAgent", "curl/8.5.0"),
        ("hostHeader", NAME),
        ("serverNameIndication", NAME),
        ("requestToTargetDuration", 3),
        ("responseFromTargetDuration", 5),
        ("sslCipher", "TLS_AES_128_GCM_SHA256"),
        ("tlsVersion", "TLSv1.3"),
        ("callerPrincipal", "-"),
        ("callerPrincipalOrgID", "-"),
        ("callerX509IssuerOU", "-"),
        ("callerX509SubjectCN", "-"),
        ("callerX509SANNameCN", "-"),
        ("callerX509SANDNS", "-"),
        ("callerX509SANURI", "-"),
        ("callerPrincipalTags", "-"),
        ("requestId", "id-1"),
    ]
    assert list(entry) == [key for key in KEYS.values() if key != "grpcResponseCode"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"https://{NAME}/",
            {
                "serverNameIndication": NAME,
                "sslCipher": "TLS_AES_128_GCM_SHA256",
                "tlsVersion": "TLSv1.3",
                "hostHeader": NAME,
            },
        ),
        (
            f"http://{NAME}:8080/",
            {
                "serverNameIndication": "-",
                "sslCipher": "-",
                "tlsVersion": "-",
                "hostHeader": f"{NAME}:8080",
            },
        ),
    ],
    ids=["https", "http"],
)
def test_tls_fields_are_for_https(url: str, expected: dict[str, str]) -> None:
    """Server name and cipher are logged for TLS only; the host as it was sent."""
    entry = entry_of(url=url)

    assert {key: entry[key] for key in expected} == expected


def test_server_name_has_no_port() -> None:
    """The server name is a name: no port, no dot at its end, no upper case."""
    assert entry_of(url=f"https://{NAME.upper()}.:443/")["serverNameIndication"] == NAME


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.9", "10.0.0.9:40000"),
        ("fd12:3456:789a::9", "[fd12:3456:789a::9]:40000"),
    ],
)
def test_source_address(address: str, expected: str) -> None:
    """An IPv6 address stands in brackets, so that the port can be told."""
    assert entry_of(address=address)["sourceIpPort"] == expected


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        pytest.param("/", 200, (BLUE.arn, "10.1.0.7:8080", TARGETS.id), id="ip"),
        pytest.param(
            "/six", 200, (SIX.arn, "[fd12:3456:789a::7]:80", TARGETS.id), id="ipv6"
        ),
        pytest.param("/green", 200, (GREEN.arn, "-", "-"), id="lambda"),
        pytest.param("/empty", 503, (EMPTY.arn, "-", TARGETS.id), id="no-targets"),
        pytest.param("/fixed", 404, ("-", "-", "-"), id="fixed-response"),
    ],
)
def test_target_fields(path: str, status: int, expected: tuple[str, ...]) -> None:
    """What was not chosen is a dash: no group, no address, no VPC."""
    entry = entry_of(url=f"https://{NAME}{path}", status=status)

    assert entry["responseCode"] == status
    fields = ("targetGroupArn", "targetIpPort", "destinationVpcId")
    assert tuple(entry[field] for field in fields) == expected


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({"http_version": "HTTP/2"}, "protocol", "HTTP/2"),
        ({"status": 418}, "responseCode", 418),
        ({"failure_reason": "TargetDataTimeout"}, "failureReason", "TargetDataTimeout"),
        ({"headers": {}}, "userAgent", "-"),
        (
            {"headers": (("user-agent", "one"), ("user-agent", "two"))},
            "userAgent",
            "one",
        ),
        ({"host": "other.example.com"}, "hostHeader", "other.example.com"),
        ({"request_id": "mine"}, "requestId", "mine"),
        ({"duration": 7}, "duration", 7),
    ],
    ids=str,
)
def test_field_follows_the_exchange(
    fields: dict[str, Any], key: str, expected: object
) -> None:
    """Each field says what happened."""
    assert entry_of(**fields)[key] == expected


def test_durations_are_zero_unless_told() -> None:
    """What took no time is logged as 0 milliseconds."""
    entry = entry_of()

    durations = ("duration", "requestToTargetDuration", "responseFromTargetDuration")
    assert [entry[key] for key in durations] == [0, 0, 0]


def test_bytes_are_head_and_body() -> None:
    """Sizes count the request or status line, the headers and the body."""
    entry = entry_of(
        url="https://shop/a?b=1", headers={"a": "bc"}, received=10, sent=20
    )

    received = "GET /a?b=1 HTTP/1.1\r\na: bc\r\n\r\n"
    sent = "HTTP/1.1 200 \r\nContent-Type: text/plain\r\n\r\n"
    assert entry["bytesReceived"] == len(received) + 10
    assert entry["bytesSent"] == len(sent) + 20


def test_time_is_cut_to_the_second() -> None:
    """The start is in whole seconds of UTC, never rounded up."""
    start = datetime.fromtimestamp(NOW // 1_000_000, UTC)

    assert entry_of()["startTime"] == start.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"vpc": "vpc-0a1b2c3d"}, id="vpc"),
        pytest.param({"url": "http://nobody/"}, id="unknown-name"),
        pytest.param({"url": "https://nobody/"}, id="unknown-server-name"),
        pytest.param({"url": "https://shop:9000/"}, id="no-listener"),
        pytest.param({"url": "http://shop:443/"}, id="clear-text-to-tls"),
    ],
)
def test_what_reached_no_service_is_not_logged(fields: dict[str, Any]) -> None:
    """There is no entry where AWS has no service, or no connection, to log."""
    assert exchange(status=404, **fields).log_entry is None


def test_bad_request_is_logged() -> None:
    """A request that came to a listener is logged, whatever was wrong with it."""
    headers = tuple((f"x-{number}", "1") for number in range(101))

    entry = entry_of(headers=headers, status=400, failure_reason="ClientProtocolError")

    assert (entry["responseCode"], entry["failureReason"], entry["targetGroupArn"]) == (
        400,
        "ClientProtocolError",
        "-",
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"https://{NAME}/", None),
        (f"https://{NAME}/fixed", None),
        (f"https://{NAME}/empty", "TargetConnectionError"),
        ("http://nobody/", None),
        ("https://nobody/", None),
    ],
    ids=["forwarded", "fixed-response", "no-targets", "404", "unreachable"],
)
def test_failure_reason_of_the_networks_own_answer(
    url: str, expected: str | None
) -> None:
    """Only an answer that the network makes itself has a reason to fail."""
    assert failure_reason_of(decision_on(request(url=url, vpc=APP.id))) == expected


# --------------------------------------------------------------------------- for people


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, "  => 200", id="answered"),
        pytest.param(
            {"status": 502, "failure_reason": "TargetProtocolError"},
            "  => 502 TargetProtocolError",
            id="failed",
        ),
        pytest.param(
            {
                "status": 502,
                "failure_reason": "TargetProtocolError",
                "detail": "the handler returned no `statusCode`",
            },
            "  => 502 TargetProtocolError: the handler returned no `statusCode`",
            id="detail",
        ),
    ],
)
def test_explanation_ends_with_the_answer(
    fields: dict[str, Any], expected: str
) -> None:
    """Below the steps of the decision stands what came of it."""
    made = exchange(**fields)

    assert made.explain() == f"{made.decision.explain()}\n{expected}"


def test_repr_is_one_line() -> None:
    """An exchange prints as request and status."""
    assert repr(exchange(status=404)) == (
        f"<Exchange GET https://{NAME}/orders?a=1 -> 404>"
    )


def test_request_is_the_decisions() -> None:
    """The request is kept once, with the decision."""
    made = exchange()

    assert made.request is made.decision.request


def test_entry_without_a_declared_network() -> None:
    """The network that stands in is logged like a declared one."""
    shop = Service("shop", listeners=[Listener("HTTP", default=FixedResponse(404))])
    decision = decide(
        compiled(shop), request(url="http://shop/"), now=NOW, draw=Scripted()
    )
    made = Exchange(decision, LatticeResponse(404, ()), "id-1", 0, 0)

    assert made.log_entry is not None
    assert made.log_entry.service_network_arn == ServiceNetwork("default").arn
    assert made.log_entry.source_vpc_arn == Configuration().vpc("default").arn
