"""`assert_routed`: claims that hold, and the whole text of those that do not."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    ConfigurationError,
    Decision,
    Exchange,
    FixedResponse,
    Forward,
    LatticeAssertionError,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    Target,
    TargetGroup,
    assert_routed,
)
from pytest_lattice.model.message import LatticeResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

URL = "http://shop.example"
BETA = {"x-beta": "1"}
RULES = (
    Rule(10, path_prefix="/api", action=Forward("api")),
    Rule(20, path="/api/admin", action=Forward("admin"), name="admin-pages"),
    Rule(30, path="/gone", action=FixedResponse(404)),
    Rule(40, path="/beta", headers=BETA, action=Forward("api")),
    Rule(50, path="/empty", action=Forward("empty")),
    Rule(60, path="/off", action=Forward({"web": 0, "empty": 0})),
    Rule(70, path="/split", action=Forward({"web": 1, "api": 3, "admin": 0})),
)


def build(rules: Sequence[Rule] = RULES) -> LatticeNetwork:
    """Declare a shop with these rules."""
    network = LatticeNetwork()
    network.add(
        *(
            TargetGroup(name, targets=[Target(f"i-{name}", app="echo")])
            for name in ("web", "api", "admin", "unused")
        ),
        TargetGroup("empty"),
        Service(
            "shop",
            custom_domain_name="shop.example",
            listeners=[Listener("HTTP", default=Forward("web"), rules=rules)],
        ),
    )
    return network


@pytest.fixture
def network() -> LatticeNetwork:
    """Give the shop."""
    return build()


def exchanged(
    decision: Decision,
    status: int,
    reason: str | None = None,
    detail: str | None = None,
) -> Exchange:
    """Make the exchange that would come of a decision."""
    response = LatticeResponse(status, ())
    return Exchange(
        decision, response, "id", 0, 0, failure_reason=reason, detail=detail
    )


def failure(
    x: object,
    *,
    rule: int | str | None = None,
    to: str | None = None,
    status: int | None = None,
) -> str:
    """Return the text of a claim that must not hold."""
    with pytest.raises(LatticeAssertionError) as caught:
        assert_routed(x, rule=rule, to=to, status=status)
    return str(caught.value)


def mistake(x: object, claims: dict[str, Any]) -> list[str]:
    """Return message and notes of a claim that nothing could meet."""
    with pytest.raises(ConfigurationError) as caught:
        assert_routed(x, **claims)
    return [str(caught.value), *getattr(caught.value, "__notes__", [])]


# ---- claims that hold -------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("/api/x", {"rule": 10, "to": "api"}),
        ("/api/x", {"rule": "priority-10"}),
        ("/gone", {"rule": 30, "status": 404}),
        ("/gone", {"status": HTTPStatus.NOT_FOUND}),
        ("/", {"rule": "default", "to": "web"}),
        ("/empty", {"to": "empty", "status": 503}),
    ],
)
def test_right_claim_holds(
    network: LatticeNetwork, path: str, claims: dict[str, Any]
) -> None:
    """Rule, target group and status of a decision are found as claimed."""
    assert_routed(network.decide("GET", URL + path), **claims)


def test_rule_is_known_by_its_name() -> None:
    """A rule goes by the name it was given."""
    network = build([Rule(10, path="/", action=Forward("web"), name="front")])

    assert_routed(network.decide("GET", f"{URL}/"), rule="front")


def test_name_of_digits_is_a_name() -> None:
    """A rule whose name looks like a number is found by it, as text."""
    network = build([Rule(10, path="/", action=Forward("web"), name="100")])

    assert_routed(network.decide("GET", f"{URL}/"), rule="100")


def test_target_group_is_known_by_id_and_arn(network: LatticeNetwork) -> None:
    """A target group goes by its id and its ARN, too."""
    group = network.configuration.target_group("web")
    decision = network.decide("GET", f"{URL}/")

    assert_routed(decision, to=group.id)
    assert_routed(decision, to=group.arn)


def test_status_is_that_of_the_response(network: LatticeNetwork) -> None:
    """An exchange has the status of its response."""
    exchange = exchanged(network.decide("GET", f"{URL}/"), 418)

    assert_routed(exchange, rule="default", status=418)


def test_all_requests_hold(network: LatticeNetwork) -> None:
    """A list holds when each of its requests does."""
    decisions = [network.decide("GET", f"{URL}/api/{each}") for each in range(3)]

    assert_routed(decisions, rule=10, to="api")
    assert_routed(iter(decisions), rule=10)


def test_narrow_rule_before_a_broad_one() -> None:
    """S5: with its own priority first, `/api/admin` lands on `admin`."""
    network = build(
        [
            Rule(10, path="/api/admin", action=Forward("admin")),
            Rule(20, path_prefix="/api", action=Forward("api")),
        ]
    )

    assert_routed(network.decide("GET", f"{URL}/api/admin"), rule=10, to="admin")


# ---- which rule -------------------------------------------------------------

SHADOWED = """\
expected rule 20 `admin-pages`, but rule 10 matched first
  rule 20 `admin-pages` matches too, but rule 10 (`/api…`) is tried first

{}"""
DEFAULT_TOOK_IT = """\
expected rule 20 `admin-pages`, but no rule matched, so the default rule took the \
request
  rule 20 `admin-pages` does not match: path is not `/api/admin`

{}"""
OTHER_TOOK_IT = """\
expected rule 40, but rule 30 matched
  rule 40 does not match: path is not `/beta`

{}"""
HEADER_MISSING = """\
expected rule 40, but no rule matched, so the default rule took the request
  rule 40 does not match: header `x-beta` is absent, not `1`

{}"""
NOT_THE_DEFAULT = """\
expected the default rule, but rule 20 `admin-pages` matched
  the default rule takes what no rule matches, \
and rule 20 `admin-pages` (`/api/admin`) matches

{}"""
NO_RULE = """\
expected {}, but the request came to no rule
  connection refused: service `shop` has no listener on port 81; it has 80 (HTTP)

{}"""
NO_RULE_LEFT = """\
expected rule 10, but the request came to no rule
  the request has 102 headers, more than 100

{}"""


def test_shadowed_rule(network: LatticeNetwork) -> None:
    """S5: a rule that would have matched is shadowed by one that is tried first."""
    decision = network.decide("GET", f"{URL}/api/admin")

    assert failure(decision, rule=20) == SHADOWED.format(decision.explain())


@pytest.mark.parametrize(
    ("path", "claimed", "expected"),
    [
        ("/", "admin-pages", DEFAULT_TOOK_IT),
        ("/gone", 40, OTHER_TOOK_IT),
        ("/beta", 40, HEADER_MISSING),
    ],
)
def test_rule_that_does_not_match(
    network: LatticeNetwork, path: str, claimed: int | str, expected: str
) -> None:
    """The first thing of a rule that does not match is named."""
    decision = network.decide("GET", URL + path)

    assert failure(decision, rule=claimed) == expected.format(decision.explain())


def test_rule_in_place_of_the_default() -> None:
    """The rule that kept a request from the default rule is named."""
    decision = build(RULES[1:]).decide("GET", f"{URL}/api/admin")

    expected = NOT_THE_DEFAULT.format(decision.explain())
    assert failure(decision, rule="default") == expected


@pytest.mark.parametrize(
    ("claimed", "label"),
    [(10, "rule 10"), ("admin", "rule `admin`"), ("default", "the default rule")],
)
def test_request_that_reached_no_listener(
    network: LatticeNetwork, claimed: int | str, label: str
) -> None:
    """Where a request ended is said, though no rule was looked at."""
    decision = network.decide("GET", f"{URL}:81/")

    expected = NO_RULE.format(label, decision.explain())
    assert failure(decision, rule=claimed) == expected


def test_request_that_reached_no_rule(network: LatticeNetwork) -> None:
    """A request that is refused before the rules says why."""
    headers = [(f"x-{number}", "") for number in range(101)]
    decision = network.decide("GET", f"{URL}/api", headers=headers)

    assert failure(decision, rule=10) == NO_RULE_LEFT.format(decision.explain())


# ---- which target group -----------------------------------------------------

OTHER_GROUP = """\
expected target group `admin`, but target group `api` was chosen
  rule 20 `admin-pages`, which forwards to `admin`, matches too, \
but rule 10 (`/api…`) is tried first
  rule 70, which forwards to `admin`, does not match: path is not `/split`

{}"""
FROM_DEFAULT = """\
expected target group `web`, but rule 30 is a fixed response 404
  rule 60, which forwards to `web`, does not match: path is not `/off`
  rule 70, which forwards to `web`, does not match: path is not `/split`
  the default rule, which forwards to `web`, takes what no rule matches, \
and rule 30 (`/gone`) matches

{}"""
NOBODY_FORWARDS = """\
expected target group `unused`, but target group `web` was chosen
  no rule of listener `http-80` of service `shop` forwards to `unused`

{}"""
NOT_DRAWN = """\
expected target group `web`, but target group `api` was chosen
  rule 70 gives `web` 1 of 4; assert_weights judges many requests at once

{}"""
WEIGHT_ZERO = """\
expected target group `admin`, but target group `api` was chosen
  `admin` has weight 0 in rule 70

{}"""
ALL_ZERO = """\
expected target group `web`, but no target group was chosen
  every weight of rule 60 is 0

{}"""
NO_RULE_NO_GROUP = """\
expected rule 10, target group `web` and status 200, \
but the request came to no rule and there is no answer
  connection refused: service `shop` has no listener on port 81; it has 80 (HTTP)

{}"""


@pytest.mark.parametrize(
    ("path", "claimed", "expected"),
    [
        ("/api/admin", "admin", OTHER_GROUP),
        ("/gone", "web", FROM_DEFAULT),
        ("/", "unused", NOBODY_FORWARDS),
    ],
)
def test_other_target_group(
    network: LatticeNetwork, path: str, claimed: str, expected: str
) -> None:
    """What would have led to the target group, and why it did not, is said."""
    decision = network.decide("GET", URL + path)

    assert failure(decision, to=claimed) == expected.format(decision.explain())


@pytest.mark.parametrize(
    ("claimed", "expected"), [("web", NOT_DRAWN), ("admin", WEIGHT_ZERO)]
)
def test_other_target_group_was_drawn(
    network: LatticeNetwork, claimed: str, expected: str
) -> None:
    """A share of the very rule is named, and what judges shares."""
    decisions = [network.decide("GET", f"{URL}/split") for _ in range(4)]
    drawn = next(each for each in decisions if "`api` with" in each.explain())

    assert failure(drawn, to=claimed) == expected.format(drawn.explain())


def test_target_group_of_weightless_rule(network: LatticeNetwork) -> None:
    """Weights that are all 0 lead nowhere."""
    decision = network.decide("GET", f"{URL}/off")

    assert failure(decision, to="web") == ALL_ZERO.format(decision.explain())


def test_claims_fail_together(network: LatticeNetwork) -> None:
    """What is wrong with several claims is said once."""
    decision = network.decide("GET", f"{URL}:81/")

    expected = NO_RULE_NO_GROUP.format(decision.explain())
    assert failure(decision, rule=10, to="web", status=200) == expected


# ---- which status -----------------------------------------------------------

APP_STATUS = """\
expected status 200, but target `i-web` of `web` answered 404
  that is the app's own answer, not the network's

{}"""
APP_RAISED = """\
expected status 200, but target `i-web` of `web` answered 500
  the target raised ValueError: boom

{}"""
TARGET_FAILED = """\
expected status 200, but the answer is 502 TargetProtocolError
  the handler returned None

{}"""
TARGET_GONE = """\
expected status 200, but the answer is 502 TargetConnectionClosed

{}"""
NETWORK_STATUS = """\
expected status 200, but the network itself answers 503
  target group `empty` has no targets

{}"""
FIXED_STATUS = """\
expected status 200, but the network itself answers 404
  rule 30 (`/gone`) is a fixed response

{}"""
NO_STATUS = """\
expected status 200, but target `i-web` of `web` was not asked
  a decision sends nothing; pass the response to a request

{}"""


@pytest.mark.parametrize(
    ("status", "reason", "detail", "expected"),
    [
        (404, None, None, APP_STATUS),
        (500, None, "the target raised ValueError: boom", APP_RAISED),
        (502, "TargetProtocolError", "the handler returned None", TARGET_FAILED),
        (502, "TargetConnectionClosed", None, TARGET_GONE),
    ],
)
def test_status_of_a_target(
    network: LatticeNetwork,
    status: int,
    reason: str | None,
    detail: str | None,
    expected: str,
) -> None:
    """An app's own status is told from what the network makes of a broken app."""
    exchange = exchanged(network.decide("GET", f"{URL}/"), status, reason, detail)

    assert failure(exchange, status=200) == expected.format(exchange.explain())


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [("/empty", 503, NETWORK_STATUS), ("/gone", 404, FIXED_STATUS)],
)
def test_status_of_the_network(
    network: LatticeNetwork, path: str, status: int, expected: str
) -> None:
    """A status that the network answers by itself is said to be such."""
    exchange = exchanged(network.decide("GET", URL + path), status)

    assert failure(exchange, status=200) == expected.format(exchange.explain())


def test_status_without_a_response(network: LatticeNetwork) -> None:
    """A decision that leads to a target has no status yet."""
    decision = network.decide("GET", f"{URL}/")

    assert failure(decision, status=200) == NO_STATUS.format(decision.explain())


# ---- several requests -------------------------------------------------------

SOME = """\
expected the default rule, but rule 10 matched
  2 of 4 requests are not as expected; this is request 2
  the default rule takes what no rule matches, and rule 10 (`/api…`) matches

{}"""
ONE = """\
expected the default rule, but rule 30 matched
  1 of 2 requests is not as expected; this is request 2
  the default rule takes what no rule matches, and rule 30 (`/gone`) matches

{}"""


@pytest.mark.parametrize(
    ("paths", "expected"), [("/ /api /beta /gone", SOME), ("/ /gone", ONE)]
)
def test_first_of_several_is_explained(
    network: LatticeNetwork, paths: str, expected: str
) -> None:
    """How many requests are not as expected is said, and the first is explained."""
    decisions = [network.decide("GET", URL + path) for path in paths.split()]

    text = expected.format(decisions[1].explain())
    assert failure(decisions, rule="default") == text


# ---- claims that nothing could meet -----------------------------------------

HERE = "the request came to listener `http-80` of service `shop`"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, ["nothing is claimed", "give rule, to or status"]),
        (
            {"rule": "20"},
            [
                "rule `'20'` is text, and no rule has that name",
                "did you mean rule=20?",
                HERE,
            ],
        ),
        (
            {"rule": 25},
            [
                "unknown rule `25`",
                "known: `10`, `20`, `30`, `40`, `50`, `60`, `70`, `default`",
                HERE,
            ],
        ),
        (
            {"rule": "admin-page"},
            ["unknown rule `admin-page`", "did you mean `admin-pages`?", HERE],
        ),
        ({"to": "wep"}, ["unknown target group `wep`", "did you mean `web`?"]),
        (
            {"rule": True},
            ["rule `True` is not a priority, a name or `default`"],
        ),
        (
            {"rule": RULES[0]},
            [
                f"rule `{RULES[0]!r}` is not a priority, a name or `default`",
                "did you mean rule=10?",
            ],
        ),
        (
            {"to": TargetGroup("web")},
            [
                f"to `{TargetGroup('web')!r}` is not the name of a target group",
                "did you mean to='web'?",
            ],
        ),
        ({"to": 10}, ["to `10` is not the name of a target group"]),
        (
            {"status": "404"},
            ["status `'404'` is not a number", "did you mean status=404?"],
        ),
        ({"status": True}, ["status `True` is not a number"]),
    ],
)
def test_impossible_claim_is_refused(
    network: LatticeNetwork, claims: dict[str, Any], expected: list[str]
) -> None:
    """A claim about what does not exist is no failure of the network."""
    assert mistake(network.decide("GET", f"{URL}/"), claims) == expected


def test_rule_named_default_is_ambiguous() -> None:
    """A rule that is named like the default rule cannot be told from it."""
    network = build([Rule(10, path="/", action=Forward("web"), name="default")])

    assert mistake(network.decide("GET", f"{URL}/"), {"rule": "default"}) == [
        "`default` is the default rule and rule 10 `default`",
        "give the latter another name",
    ]
