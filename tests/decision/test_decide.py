"""The order of a decision's steps and what each comes to."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.draws import Deck
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.configuration import Resource
from pytest_lattice.model.message import Headers, HttpVersion, LatticeRequest
from pytest_lattice.model.outcome import Forwarded, Unreachable, Unroutable
from pytest_lattice.model.service import Listener, Rule, Service
from pytest_lattice.model.service_network import ServiceNetwork, Vpc
from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
from tests.decision.scripted import Scripted, decided, decided_on
from tests.routing.build import compiled, request, statuses

BLUE = TargetGroup("blue", targets=[Target("i-1"), Target("i-2")])
GREEN = TargetGroup("green", type="LAMBDA", targets=["echo"])
EMPTY = TargetGroup("empty")
MODERN = TargetGroup("modern", protocol_version="HTTP2")
SHOP = Service(
    "shop",
    listeners=[
        Listener(
            "HTTPS",
            default=Forward({"blue": 20, "green": 10}),
            rules=[
                Rule(10, path="/blue", action=Forward("blue")),
                Rule(20, path="/fixed", action=FixedResponse(500)),
                Rule(30, path="/empty", action=Forward("empty")),
                Rule(40, path="/modern", action=Forward("modern")),
                Rule(50, path="/zero", action=Forward({"blue": 0, "modern": 0})),
                Rule(60, path="/only-zero", action=Forward({"blue": 0})),
            ],
        )
    ],
)
RESOURCES: tuple[Resource, ...] = (BLUE, GREEN, EMPTY, MODERN, SHOP)
STATE = compiled(*RESOURCES)
TOO_MANY: Headers = tuple((f"x-{n}", "1") for n in range(101))
ARN_OF_DEFAULT = SHOP.rule_arn(SHOP.listeners[0], None)

TOO_MANY_HEADERS = Unroutable(
    400, "the request has 101 headers, more than 100", "ClientProtocolError"
)
NO_TARGETS = Unroutable(
    503, "target group `empty` has no targets", "TargetConnectionError"
)
NOT_MODERN = Unroutable(
    502,
    "HTTP/1.1 does not go with target group `modern`, which speaks HTTP2",
    "TargetProtocolError",
)

# ------------------------------------------------------------------- the order of steps


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"vpc": "vpc-0a1b2c3d", "url": "http://nobody:1/", "headers": TOO_MANY},
            Unreachable(
                "connect timeout",
                "VPC `vpc-0a1b2c3d` is not associated with a service network",
            ),
            id="network-before-name",
        ),
        pytest.param(
            {"url": "http://nobody:1/", "headers": TOO_MANY},
            Unroutable(
                404,
                "service network `default` has no service `nobody:1`; it has `shop`",
            ),
            id="name-before-port",
        ),
        pytest.param(
            {"url": "https://shop:1/", "headers": TOO_MANY},
            Unreachable(
                "connection refused",
                "service `shop` has no listener on port 1; it has 443 (HTTPS)",
            ),
            id="port-before-limits",
        ),
        pytest.param(
            {"url": "https://shop/fixed", "headers": TOO_MANY},
            TOO_MANY_HEADERS,
            id="limits-before-rules",
        ),
        pytest.param(
            {"url": "https://shop/fixed"}, FixedResponse(500), id="fixed-response"
        ),
        pytest.param(
            {"url": "https://shop/zero"},
            Unroutable(503, "every weight of rule 50 is 0", "TargetConnectionError"),
            id="weights-before-protocol",
        ),
        pytest.param(
            {"url": "https://shop/only-zero"},
            Unroutable(503, "the weight of rule 60 is 0", "TargetConnectionError"),
            id="single-weight",
        ),
        pytest.param(
            {"url": "https://shop/modern"}, NOT_MODERN, id="protocol-before-targets"
        ),
        pytest.param({"url": "https://shop/empty"}, NO_TARGETS, id="targets"),
        pytest.param(
            {"url": "https://shop/blue"},
            Forwarded(BLUE, BLUE.registered[0]),
            id="forwarded",
        ),
        pytest.param(
            {"url": "https://shop/"},
            Forwarded(BLUE, BLUE.registered[0]),
            id="default-rule",
        ),
    ],
)
def test_first_stop_decides(fields: dict[str, Any], expected: object) -> None:
    """Where several things are wrong, the first in AWS's order is what happens."""
    assert decided_on(STATE, request(**fields)).outcome == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://nobody/", [], id="unreachable"),
        pytest.param("https://shop/fixed", [], id="fixed-response"),
        pytest.param("https://shop/zero", [], id="all-weights-zero"),
        pytest.param("https://shop/empty", [], id="no-targets"),
        pytest.param("https://shop/modern", [], id="protocol"),
        pytest.param("https://shop/blue", [f"turn {BLUE.arn}"], id="one-group"),
        pytest.param(
            "https://shop/",
            [f"share {ARN_OF_DEFAULT}", f"turn {BLUE.arn}"],
            id="two-groups",
        ),
    ],
)
def test_draws_are_asked_only_for_choices(url: str, expected: list[str]) -> None:
    """Where there is nothing to choose, no card is drawn and no turn taken."""
    draw = Scripted()

    decided_on(STATE, request(url=url), draw=draw)

    assert draw.asked == expected


def test_decision_knows_what_it_was_decided_on() -> None:
    """Each part of the way can be looked at, in the values that were declared."""
    decision = decided_on(STATE, request(), draw=Scripted(card=1, number=2))

    assert decision.service_network == ServiceNetwork("default", services=[SHOP.arn])
    assert (decision.service, decision.listener) == (SHOP, SHOP.listeners[0])
    assert decision.rule is None
    assert (decision.target_group, decision.target) == (GREEN, GREEN.registered[0])
    assert decision.weights == {"blue": 20, "green": 10}
    assert decision.drawn == (1, 2)
    assert (
        decided_on(STATE, request(url="https://shop/blue")).rule
        == (SHOP.listeners[0].rules[0])
    )


def test_decision_that_stopped_knows_how_far_it_came() -> None:
    """What was never reached is None, and there are no weights."""
    decision = decided_on(STATE, request(vpc="vpc-0a1b2c3d"))

    assert (decision.service_network, decision.service, decision.listener) == (
        None,
        None,
        None,
    )
    assert (decision.rule, decision.target_group, decision.target) == (None, None, None)
    assert decision.weights == {}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://shop/blue",
            "<Decision GET https://shop/blue: forwarded to `i-1` of `blue`>",
        ),
        (
            "https://shop/fixed",
            "<Decision GET https://shop/fixed: fixed response 500>",
        ),
        (
            "https://shop/empty",
            (
                "<Decision GET https://shop/empty: 503, "
                "target group `empty` has no targets>"
            ),
        ),
        (
            "https://shop:1/",
            (
                "<Decision GET https://shop:1/: connection refused, "
                "service `shop` has no listener on port 1; it has 443 (HTTPS)>"
            ),
        ),
    ],
    ids=str,
)
def test_repr_is_one_line(url: str, expected: str) -> None:
    """A decision prints as request and outcome."""
    assert repr(decided_on(STATE, request(url=url))) == expected


def test_same_draws_same_decisions() -> None:
    """A decision depends on nothing but state, request and draw."""
    runs = [
        [
            decided_on(STATE, request(), draw=Scripted(card=card, turn=turn)).outcome
            for card, turn in product(range(2), range(3))
        ]
        for _ in range(2)
    ]

    assert runs[0] == runs[1]


# ------------------------------------------------------------- rules, weights and turns


@pytest.mark.parametrize(
    ("rules", "path", "priority"),
    [
        # AWS: first match by priority; `/` shadows `/api`.
        ([(1, "/"), (2, "/api")], "/api", 1),
        ([(2, "/"), (1, "/api")], "/api", 1),
        ([(2, "/"), (1, "/api")], "/", 2),
        ([(1, "/a"), (2, "/b")], "/c", None),
    ],
)
def test_lowest_priority_wins(
    rules: list[tuple[int, str]], path: str, priority: int | None
) -> None:
    """The first rule by priority takes the request, however specific others are."""
    made = [Rule(n, path_prefix=each, action=FixedResponse(500)) for n, each in rules]
    shop = Service(
        "shop", listeners=[Listener("HTTP", default=FixedResponse(404), rules=made)]
    )

    rule = decided(request(url=f"http://shop{path}"), shop).rule

    assert (rule.priority if rule else None) == priority


def test_ports_have_rules_of_their_own() -> None:
    """Two listeners are independent: nothing of one answers for the other."""
    shop = Service(
        "shop",
        listeners=[
            Listener("HTTP", default=FixedResponse(404)),
            Listener("HTTPS", default=FixedResponse(500)),
        ],
    )

    outcomes = [
        decided(request(url=f"{each}://shop/"), shop).outcome
        for each in ("http", "https")
    ]
    assert outcomes == [FixedResponse(404), FixedResponse(500)]


@pytest.mark.parametrize(
    ("turn", "expected"), [(0, "i-1"), (1, "i-2"), (2, "i-1"), (3, "i-2")]
)
def test_targets_take_turns(turn: int, expected: str) -> None:
    """The targets of a group are taken round robin."""
    call = request(url="https://shop/blue")

    target = decided_on(STATE, call, draw=Scripted(turn=turn)).target

    assert target is not None
    assert target.id == expected


def test_deck_is_exact_over_decisions() -> None:
    """Thirty requests with a deck split 20 to 10, and take turns inside a group."""
    deck = Deck("seed")
    drawn = [decided_on(STATE, request(), draw=deck).target for _ in range(30)]
    ids = [target.id for target in drawn if target is not None]

    assert ids.count("i-1") == ids.count("i-2") == 10
    assert ids.count(GREEN.registered[0].id) == 10


def test_network_decides_by_vpc() -> None:
    """Two VPCs with one service behind two networks come through their own."""
    state = compiled(
        SHOP,
        BLUE,
        GREEN,
        EMPTY,
        MODERN,
        ServiceNetwork("corp", services=["shop"], vpcs=["app"]),
        ServiceNetwork("web", services=["shop"], vpcs=["edge"]),
        Vpc("app"),
        Vpc("edge"),
    )

    networks = [
        decided_on(state, request(vpc=Vpc(name).id)).service_network
        for name in ("app", "edge")
    ]
    assert [each.name for each in networks if each] == ["corp", "web"]


# ------------------------------------------------------------------------------- health


@pytest.mark.parametrize(
    ("by_id", "served", "expected"),
    [
        pytest.param(
            {"i-1": "HEALTHY", "i-2": "HEALTHY"}, ["i-1", "i-2"], None, id="healthy"
        ),
        pytest.param(
            {"i-1": "UNHEALTHY", "i-2": "HEALTHY"}, ["i-2", "i-2"], None, id="one-left"
        ),
        pytest.param(
            {"i-1": "UNHEALTHY", "i-2": "UNHEALTHY"},
            ["i-1", "i-2"],
            None,
            id="fail-open",
        ),
        pytest.param(
            {"i-1": "DRAINING", "i-2": "UNHEALTHY"},
            ["i-2", "i-2"],
            None,
            id="fail-open-but-draining",
        ),
        pytest.param(
            {"i-1": "INITIAL", "i-2": "INITIAL"}, [], "INITIAL", id="all-starting"
        ),
        pytest.param(
            {"i-1": "DRAINING", "i-2": "DRAINING"}, [], "DRAINING", id="all-draining"
        ),
        pytest.param(
            {"i-1": "INITIAL", "i-2": "DRAINING"},
            [],
            "DRAINING, INITIAL",
            id="starting-and-draining",
        ),
    ],
)
def test_health_decides_who_serves(
    by_id: dict[str, TargetStatus], served: list[str], expected: str | None
) -> None:
    """Traffic goes to healthy targets, else to the unhealthy, and never to others."""
    shop = Service("shop", listeners=[Listener("HTTP", default=Forward("blue"))])
    state = compiled(BLUE, shop, status=statuses(by_id))

    decisions = [
        decided_on(state, request(url="http://shop/"), draw=Scripted(turn=turn))
        for turn in range(2)
    ]

    assert [each.target.id for each in decisions if each.target] == served
    if expected is not None:
        assert decisions[0].outcome == Unroutable(
            503,
            f"every target of target group `blue` is {expected}",
            "TargetConnectionError",
        )
        assert decisions[0].target_group == BLUE


def test_empty_group_keeps_its_share() -> None:
    """No other group takes over the share of one that cannot serve."""
    shop = Service(
        "shop", listeners=[Listener("HTTP", default=Forward({"blue": 1, "empty": 1}))]
    )

    outcomes = [
        decided(
            request(url="http://shop/"), BLUE, EMPTY, shop, draw=Scripted(card=card)
        ).outcome
        for card in range(2)
    ]

    assert outcomes == [Forwarded(BLUE, BLUE.registered[0]), NO_TARGETS]


# ---------------------------------------------------------------------------- protocols

# AWS: vpc-lattice/latest/ug/target-groups: the whole table; a Lambda group, whose
# version is None, is called as HTTP1.
GOES: dict[tuple[str, str | None], bool] = {
    ("HTTP/1.1", "HTTP1"): True,
    ("HTTP/1.1", "HTTP2"): False,
    ("HTTP/1.1", "GRPC"): False,
    ("HTTP/1.1", None): True,
    ("HTTP/2", "HTTP1"): True,
    ("HTTP/2", "HTTP2"): True,
    ("HTTP/2", "GRPC"): True,
    ("HTTP/2", None): True,
    ("gRPC", "HTTP1"): False,
    ("gRPC", "HTTP2"): True,
    ("gRPC", "GRPC"): True,
    ("gRPC", None): False,
}


def spoken(protocol: str, method: str) -> LatticeRequest:
    """Make a request in one of the three protocols of AWS's table."""
    grpc = {"content-type": "application/grpc"} if protocol == "gRPC" else {}
    return request(
        method,
        headers=grpc,
        http_version="HTTP/1.1" if protocol == "HTTP/1.1" else "HTTP/2",
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("protocol", "version"), GOES)
def test_protocols_go_together_as_aws_says(
    protocol: str, version: str | None, method: str
) -> None:
    """What client and group speak must fit, and a GRPC group takes POST only."""
    fields: dict[str, Any] = (
        {"type": "LAMBDA"} if version is None else {"protocol_version": version}
    )
    group = TargetGroup("group", targets=["echo"], **fields)
    shop = Service("shop", listeners=[Listener("HTTPS", default=Forward("group"))])

    decision = decided(spoken(protocol, method), group, shop)

    if GOES[protocol, version] and (version != "GRPC" or method == "POST"):
        assert decision.outcome == Forwarded(group, group.registered[0])
    else:
        with_method = " with method GET" if GOES[protocol, version] else ""
        assert decision.outcome == Unroutable(
            502,
            f"{protocol}{with_method} does not go with target group `group`, "
            f"which speaks {version or 'HTTP1'}",
            "TargetProtocolError",
        )
        assert decision.target_group == group


@pytest.mark.parametrize(
    ("http_version", "content_types", "expected"),
    [
        ("HTTP/1.1", [], "HTTP/1.1"),
        ("HTTP/1.1", ["application/grpc"], "HTTP/1.1"),
        ("HTTP/2", [], "HTTP/2"),
        ("HTTP/2", ["text/plain"], "HTTP/2"),
        ("HTTP/2", ["application/grpc"], "gRPC"),
        ("HTTP/2", ["application/grpc+proto"], "gRPC"),
        ("HTTP/2", ["application/grpc; charset=utf-8"], "gRPC"),
        ("HTTP/2", ["Application/GRPC+json"], "gRPC"),
        ("HTTP/2", ["application/grpc-web"], "HTTP/2"),
        ("HTTP/2", ["application/grpc-web+proto"], "HTTP/2"),
        ("HTTP/2", ["application/grpcish"], "HTTP/2"),
        ("HTTP/2", ["text/plain", "application/grpc"], "gRPC"),
    ],
    ids=str,
)
def test_client_protocol(
    http_version: HttpVersion, content_types: list[str], expected: str
) -> None:
    """What makes HTTP/2 gRPC is its content type; gRPC-Web is plain HTTP."""
    headers = tuple(("content-type", each) for each in content_types)

    assert (
        request(http_version=http_version, headers=headers).client_protocol == expected
    )


# ------------------------------------------------------------------------------- limits

LIMIT = 60 * 1024


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(TOO_MANY[:100], None, id="100-headers"),
        pytest.param(TOO_MANY, TOO_MANY_HEADERS.reason, id="101-headers"),
        pytest.param((("x", "v" * (LIMIT - 1)),), None, id="60K"),
        pytest.param(
            (("x", "v" * LIMIT),),
            "the request has 61441 bytes of headers, more than 60K",
            id="more-than-60K",
        ),
        pytest.param(
            (("n" * 30_720, ""), ("m" * 30_720, "v")),
            "the request has 61441 bytes of headers, more than 60K",
            id="names-count-too",
        ),
    ],
)
def test_limits_of_headers(headers: Headers, expected: str | None) -> None:
    """100 headers and 60K are within AWS's limits, one more of either is 400."""
    outcome = decided_on(
        STATE, request(url="https://shop/fixed", headers=headers)
    ).outcome

    if expected is None:
        assert outcome == FixedResponse(500)
    else:
        assert outcome == Unroutable(400, expected, "ClientProtocolError")


@given(count=st.integers(0, 120), size=st.integers(0, 700))
def test_limits_hold_together(count: int, size: int) -> None:
    """A request is malformed just where one of the two limits is passed."""
    headers = tuple(("x-name", "v" * size) for _ in range(count))

    outcome = decided_on(
        STATE, request(url="https://shop/fixed", headers=headers)
    ).outcome

    malformed = count > 100 or count * (size + len("x-name")) > LIMIT
    assert (outcome != FixedResponse(500)) is malformed
