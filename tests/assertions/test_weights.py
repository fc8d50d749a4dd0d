"""`assert_weights`: splits that hold, and the whole text of those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from math import gcd
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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
    assert_weights,
)
from pytest_lattice.decision.decide import decide
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.routing.weights import Drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

URL = "http://shop.example"
GROUPS = ("blue", "green", "gray")
EXPECTED = {"blue": 20, "green": 10}
CANARY = {"x-canary": "true"}
RULES = (
    Rule(10, path="/api", action=Forward("blue"), name="api"),
    Rule(20, path="/gone", action=FixedResponse(404)),
    Rule(30, path="/off", action=Forward({"blue": 0, "green": 0})),
    Rule(40, headers=CANARY, action=Forward("green")),
    Rule(50, path="/void", action=Forward({"blue": 20, "empty": 10})),
    Rule(60, path="/alone", action=Forward({"gray": 0})),
)


def build(
    weights: Mapping[str, int] = EXPECTED,
    draw: Literal["deck", "random"] = "deck",
    seed: str = "seed",
) -> LatticeNetwork:
    """Declare a shop whose default rule has these weights."""
    network = LatticeNetwork(draw=draw, seed=seed)
    network.add(
        *(TargetGroup(name, targets=[Target(app="echo")]) for name in GROUPS),
        TargetGroup("empty"),
        Service(
            "shop",
            custom_domain_name="shop.example",
            listeners=[Listener("HTTP", default=Forward(weights), rules=RULES)],
        ),
    )
    return network


def decisions(network: LatticeNetwork, path: str = "/") -> Iterator[Decision]:
    """Ask for one decision after the other."""
    while True:
        yield network.decide("GET", URL + path)


def ask(network: LatticeNetwork, n: int, path: str = "/") -> list[Decision]:
    """Ask for some decisions."""
    return [*islice(decisions(network, path), n)]


@dataclass
class Script:
    """Draws that a test wrote down.

    Attributes:
        indexes: which target group is drawn next.
        numbers: the numbers of the draws; empty for random draws.
    """

    indexes: Iterator[int]
    numbers: Iterator[int]

    def share(self, key: str, weights: tuple[int, ...]) -> Drawn:
        """Give the next target group."""
        return Drawn(next(self.indexes), next(self.numbers, None))

    def turn(self, key: str) -> int:
        """Give the first target."""
        return 0


def play(
    network: LatticeNetwork, indexes: Iterable[int], numbers: Iterable[int] = ()
) -> list[Decision]:
    """Make the decisions to which given draws lead."""
    indexes = list(indexes)
    question = network.decide("GET", f"{URL}/")
    script = Script(iter(indexes), iter(numbers))
    state, request, now = question.state, question.request, question.now
    return [decide(state, request, now=now, draw=script) for _ in indexes]


def exchanged(decision: Decision, status: int = 200) -> Exchange:
    """Make the exchange that would come of a decision."""
    return Exchange(decision, LatticeResponse(status, ()), "id", 0, 0)


def failure(x: object, expected: Mapping[str, float], **plan: float) -> str:
    """Return the text of a split that must not hold."""
    with pytest.raises(LatticeAssertionError) as caught:
        assert_weights(x, expected, **plan)
    return str(caught.value)


def mistake(x: object, expected: Any, **plan: float) -> list[str]:  # noqa: ANN401 - a wrong type is the point
    """Return message and notes of an expectation that makes no sense."""
    with pytest.raises(ConfigurationError) as caught:
        assert_weights(x, expected, **plan)
    return [str(caught.value), *getattr(caught.value, "__notes__", [])]


# ---- a single decision: the configured weights ------------------------------


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"blue": 20, "green": 10}, {"blue": 20, "green": 10}),
        ({"blue": 20, "green": 10}, {"green": 1, "blue": 2}),
        ({"blue": 20, "green": 10}, {"blue": 2 / 3, "green": 1 / 3}),
        ({"blue": 90, "green": 10}, {"blue": 0.9, "green": 0.1}),
        ({"blue": 1, "green": 3}, {"blue": 25, "green": 75}),
        ({"blue": 5, "green": 0}, {"blue": 1}),
        ({"blue": 5, "green": 0}, {"blue": 1, "gray": 0}),
        ({"blue": 999, "green": 1}, {"blue": 0.999, "green": 0.001}),
        ({"blue": 1, "green": 1, "gray": 1}, {"blue": 7, "green": 7, "gray": 7}),
    ],
)
def test_configured_weights_hold(
    weights: dict[str, int], expected: dict[str, float]
) -> None:
    """S7: only ratios count, and a group left out is as one with weight 0."""
    assert_weights(build(weights).decide("GET", f"{URL}/"), expected)


def test_target_groups_go_by_id_and_arn() -> None:
    """Expected weights may name target groups as templates do."""
    network = build()
    blue, green = (network.configuration.target_group(each) for each in EXPECTED)

    assert_weights(network.decide("GET", f"{URL}/"), {blue.id: 2, green.arn: 1})


@pytest.mark.parametrize("weight", [1, 5, 10, 25, 50, 75, 90, 99, 100, 0])
def test_steps_of_a_rollout(weight: int) -> None:
    """S9: each step of a rollout has the weights that it is to have."""
    weights = {"blue": 100 - weight, "green": weight}

    assert_weights(build(weights).decide("GET", f"{URL}/"), weights)


SWAPPED = """\
expected weights `blue` 20 and `green` 10, \
but the default rule has `blue` 10 and `green` 20

  target group  expected  configured
  blue          66.7%     10 (33.3%)
  green         33.3%     20 (66.7%)

  `blue` and `green` look swapped
  the weights are those of the default rule of listener `http-80` of service `shop`

{}"""
ROUNDED = """\
expected weights `blue` 0.667 and `green` 0.333, \
but the default rule has `blue` 20 and `green` 10

  target group  expected  configured
  blue          66.7000%  20 (66.6667%)
  green         33.3000%  10 (33.3333%)

  the weights are those of the default rule of listener `http-80` of service `shop`

{}"""
OTHER_GROUP = """\
expected weights `blue` 1 and `gray` 1, \
but the default rule has `blue` 20 and `green` 10

  target group  expected  configured
  blue          50.0%     20 (66.7%)
  gray          50.0%     not in the rule
  green         0.0%      10 (33.3%)

  the weights are those of the default rule of listener `http-80` of service `shop`

{}"""


@pytest.mark.parametrize(
    ("weights", "expected", "text"),
    [
        ({"blue": 10, "green": 20}, EXPECTED, SWAPPED),
        (EXPECTED, {"blue": 0.667, "green": 0.333}, ROUNDED),
        (EXPECTED, {"blue": 1, "gray": 1}, OTHER_GROUP),
    ],
)
def test_other_weights_are_configured(
    weights: dict[str, int], expected: dict[str, float], text: str
) -> None:
    """Expected and configured weights are shown beside each other."""
    decision = build(weights).decide("GET", f"{URL}/")

    assert failure(decision, expected) == text.format(decision.explain())


HEAD = "expected weights `blue` 20 and `green` 10, but"
FIXED = f"""\
{HEAD} the request came to \
rule 20 of listener `http-80` of service `shop`, a fixed response 404

{{}}"""
WEIGHTLESS = f"""\
{HEAD} the request came to \
rule 30 of listener `http-80` of service `shop`, whose weights are all 0

{{}}"""
WEIGHTLESS_ALONE = f"""\
{HEAD} the request came to \
rule 60 of listener `http-80` of service `shop`, whose weight is 0

{{}}"""
UNREACHED = f"""\
{HEAD} the request came to no rule \
(connection refused: service `shop` has no listener on port 81; it has 80 (HTTP))

{{}}"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/gone", FIXED),
        ("/off", WEIGHTLESS),
        ("/alone", WEIGHTLESS_ALONE),
        (":81/", UNREACHED),
    ],
)
def test_request_that_is_not_forwarded(path: str, text: str) -> None:
    """Where a request ended that came to no weights is said."""
    decision = build().decide("GET", URL + path)

    assert failure(decision, EXPECTED) == text.format(decision.explain())


# ---- under the deck: exact counts -------------------------------------------


@pytest.mark.parametrize("count", [3, 4, 5, 300, 301])
def test_dealt_counts_hold(count: int) -> None:
    """Consecutive requests are split as the deck has it, wherever they begin."""
    network = build()
    for start in range(3):
        found = ask(network, start + count)[start:]
        assert_weights(found, EXPECTED)
        assert_weights([exchanged(each) for each in found], EXPECTED)


def test_order_in_the_list_does_not_matter() -> None:
    """Requests made side by side may come back in any order."""
    found = ask(build(), 300)

    assert_weights(sorted(found, key=repr), EXPECTED)


def test_header_overrides_the_weights() -> None:
    """S8: requests with the canary header take no cards from the rest."""
    network = build()
    rest, canary = [], []
    for _ in range(300):
        rest.append(network.decide("GET", f"{URL}/"))
        canary.append(network.decide("GET", f"{URL}/", headers=CANARY))

    assert_weights(rest, EXPECTED)
    assert_weights(canary, {"green": 1})


def test_one_target_group_gets_everything() -> None:
    """A rule that forwards to one group has no draws to judge; one request will do."""
    network = build()

    assert_weights(ask(network, 1, "/api"), {"blue": 1})
    assert_weights(exchanged(network.decide("GET", f"{URL}/api")), {"blue": 5})


@given(
    weights=st.lists(st.integers(0, 12), min_size=2, max_size=3).filter(any),
    seed=st.text(max_size=3),
    start=st.integers(0, 40),
    beyond=st.integers(0, 40),
    scale=st.integers(1, 5),
    as_shares=st.booleans(),
)
def test_configured_weights_never_fail(
    weights: list[int],
    seed: str,
    start: int,
    beyond: int,
    scale: int,
    *,
    as_shares: bool,
) -> None:
    """Any run of requests of at least one deck has the configured weights."""
    named = dict(zip(GROUPS, weights, strict=False))
    total = sum(weights)
    deck = total // gcd(*weights)
    found = ask(build(named, seed=seed), start + deck + beyond)[start:]
    expected = {
        name: each / total if as_shares else scale * each
        for name, each in named.items()
    }

    assert_weights(found, expected)


@given(
    weights=st.lists(st.integers(0, 6), min_size=2, max_size=3).filter(any),
    others=st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any),
    start=st.integers(0, 20),
    count=st.integers(1, 60),
)
def test_other_weights_never_hold(
    weights: list[int], others: list[int], start: int, count: int
) -> None:
    """No run of requests has other weights than the configured ones."""
    padded = [*weights, 0, 0]
    total, other_total = sum(weights), sum(others)
    assume(
        any(w * other_total != o * total for w, o in zip(padded, others, strict=False))
    )
    named = dict(zip(GROUPS, weights, strict=False))
    found = ask(build(named), start + count)[start:]

    failure(found, dict(zip(GROUPS, others, strict=True)))


SERVED = """\
expected weights `blue` 20 and `green` 10, \
but of 300 requests 100 went to `blue` and 200 to `green`

  target group  expected  configured  served
  blue          66.7%     10 (33.3%)  100 (33.3%)
  green         33.3%     20 (66.7%)  200 (66.7%)

  under the deck, 300 requests are 100 whole decks of 2+1: exactly 200 and 100
  the cause is the configuration: the default rule of listener `http-80` of service \
`shop` has `blue` 10 and `green` 20
  `blue` and `green` look swapped

request {} of 300, which came to `green`:
{}"""


def test_other_counts_are_served() -> None:
    """Expected, configured and served shares are shown beside each other."""
    found = ask(build({"blue": 10, "green": 20}), 300)
    number = next(
        number
        for number, each in enumerate(found, start=1)
        if each.target_group is not None and each.target_group.name == "green"
    )

    text = SERVED.format(number, found[number - 1].explain())
    assert failure(found, EXPECTED) == text
    # What is expected of the two is told by the same law.
    exchanges = [exchanged(each) for each in found]
    assert failure(exchanges, EXPECTED) == f"{text}\n  => 200"


@pytest.mark.parametrize(
    ("start", "count", "dealt", "right"),
    [
        (0, 3, "1 whole deck of 2+1", "exactly 2 and 1"),
        (
            0,
            301,
            "100 whole decks of 2+1 and 1 card of another",
            "200 to 201 and 100 to 101",
        ),
        (
            1,
            301,
            "99 whole decks of 2+1 and 4 cards of 2 others",
            "200 to 202 and 99 to 101",
        ),
        (1, 4, "4 cards of 2 decks of 2+1", "2 to 4 and 0 to 2"),
        (2, 3, "3 cards of 2 decks of 2+1", "1 to 3 and 0 to 2"),
        (0, 2, "2 cards of 1 deck of 2+1", "1 to 2 and 0 to 1"),
    ],
)
def test_law_of_the_deck_is_stated(
    start: int, count: int, dealt: str, right: str
) -> None:
    """What the requests must have been is said, with one unfinished deck per end."""
    found = ask(build({"blue": 0, "green": 1}), start + count)[start:]

    law = f"\n  under the deck, {count} requests are {dealt}: {right}\n"
    assert law in failure(found, EXPECTED)


TOO_FEW = """\
expected weights `blue` 20 and `green` 10, \
but 2 requests cannot show them: a deck of them has 3 cards, so at least 3 are needed

  target group  expected  configured  served
  blue          66.7%     20 (66.7%)  1 (50.0%)
  green         33.3%     10 (33.3%)  1 (50.0%)

request 1 of 2, which came to `green`:
{}"""


def test_too_few_requests_for_a_deck() -> None:
    """Fewer requests than a deck has cards cannot show its weights."""
    found = play(build(), [1, 0], count())

    assert failure(found, EXPECTED) == TOO_FEW.format(found[0].explain())
    assert "but 1 request cannot show them" in failure(exchanged(found[0]), EXPECTED)


def test_expected_shares_that_no_weights_have() -> None:
    """A share that is finer than any weights is taken at its word."""
    text = failure(ask(build(), 300), {"blue": 0.66665, "green": 0.33335})

    assert "a deck of them has 20000 cards" in text


BY_CHANCE = """\
expected weights `blue` 20 and `green` 10, which 3 requests fit by chance only

  target group  expected  configured  served
  blue          66.7%     1 (50.0%)   2 (66.7%)
  green         33.3%     1 (50.0%)   1 (33.3%)

  under the deck, 3 requests are 1 whole deck of 2+1: exactly 2 and 1
  the cause is the configuration: the default rule of listener `http-80` of service \
`shop` has `blue` 1 and `green` 1

request 1 of 3, which came to `blue`:
{}"""


def test_counts_that_fit_by_chance() -> None:
    """A small sample of other weights does not pass where it looks right."""
    found = play(build({"blue": 1, "green": 1}), [0, 1, 0], count())

    assert failure(found, EXPECTED) == BY_CHANCE.format(found[0].explain())


REPEATED = """\
expected weights `blue` 20 and `green` 10, but request 1 is in the list 300 times
  make as many requests as are to be counted"""
IN_BETWEEN = """\
expected weights `blue` 20 and `green` 10, \
but 149 requests in between are not in the list

"""
SEVERAL_DECKS = """\
expected weights `blue` 20 and `green` 10, but the requests are of several decks

"""


def test_same_request_many_times() -> None:
    """`[client.get("/")] * 300` is one request, and says so."""
    assert failure(ask(build(), 1) * 300, EXPECTED) == REPEATED


def test_requests_that_are_not_in_a_row() -> None:
    """What a deck says of every second request is nothing."""
    text = failure(ask(build(), 300)[::2], EXPECTED)

    assert text.startswith(IN_BETWEEN)
    assert (
        "\n  a deck is exact over requests in a row; pass all that the rule took\n"
        in text
    )


def test_requests_of_several_decks() -> None:
    """Requests of two networks are judged one by one."""
    text = failure([*ask(build(), 3), *ask(build(), 3)], EXPECTED)

    assert text.startswith(SEVERAL_DECKS)
    assert "\n  decisions, traffic and each network have decks of their own\n" in text


CHANGED = """\
expected weights `blue` 20 and `green` 10, but the weights of the default rule of \
listener `http-80` of service `shop` were changed in between
  10  `blue` 90 and `green` 10
   3  `blue` 20 and `green` 10

{}"""
SEVERAL_RULES = """\
expected weights `blue` 20 and `green` 10, but 6 requests came to 4 rules
  3  the default rule of listener `http-80` of service `shop`
  1  rule 10 `api` of listener `http-80` of service `shop`
  1  rule 20 of listener `http-80` of service `shop`
  1  no rule (connection refused: service `shop` has no listener on port 81; it has 80 \
(HTTP))

{}"""


def test_weights_that_were_changed() -> None:
    """Requests before and after a change are judged one by one."""
    found = [*ask(build(), 3), *ask(build({"blue": 90, "green": 10}), 10)]

    assert failure(found, EXPECTED) == CHANGED.format(found[0].explain())


def test_rule_that_no_longer_forwards() -> None:
    """A rule that forwarded only for a while is said to have changed."""
    network = LatticeNetwork()
    default = FixedResponse(404)
    network.add(
        Service(
            "shop",
            custom_domain_name="shop.example",
            listeners=[Listener("HTTP", default=default)],
        )
    )
    found = [*ask(build(), 3), *ask(network, 1)]

    assert "\n  1  no target group\n" in failure(found, EXPECTED)


def test_requests_of_several_rules() -> None:
    """How many requests came to which rule is said, and a stray one is explained."""
    network = build()
    paths = ("/", "/", "/", "/api", "/gone", ":81/")
    found = [network.decide("GET", URL + path) for path in paths]

    assert failure(found, EXPECTED) == SEVERAL_RULES.format(found[-1].explain())


def test_requests_of_no_rule() -> None:
    """Many requests that were not forwarded are said to be many."""
    found = ask(build(), 3, "/gone")

    text = FIXED.replace("the request", "all 3 requests").format(found[0].explain())
    assert failure(found, EXPECTED) == text


ONE_GROUP = """\
expected weights `blue` 20 and `green` 10, \
but of 5 requests 5 went to `blue` and 0 to `green`

  target group  expected  configured       served
  blue          66.7%     100 (100.0%)     5 (100.0%)
  green         33.3%     not in the rule  0 (0.0%)

  rule 10 `api` forwards to `blue` only, so every request goes there
  the cause is the configuration: rule 10 `api` of listener `http-80` of service \
`shop` has `blue` 100

request 1 of 5, which came to `blue`:
{}"""
UNSERVED = """\
expected weights `blue` 20 and `green` 10, \
but of 3 requests 2 went to `blue`, 0 to `green` and 1 to `empty`

  target group  expected  configured       served
  blue          66.7%     20 (66.7%)       2 (66.7%)
  green         33.3%     not in the rule  0 (0.0%)
  empty         0.0%      10 (33.3%)       1 (33.3%)

  under the deck, 3 requests are 1 whole deck of 2+1+0: exactly 2, 1 and 0
  the cause is the configuration: rule 50 of listener `http-80` of service `shop` has \
`blue` 20 and `empty` 10
  `green` and `empty` look swapped
  to 1 request the network answered 503: target group `empty` has no targets

request {} of 3, which came to `empty`:
{}"""


def test_rule_that_forwards_to_one_target_group() -> None:
    """Where there is nothing to draw, the reason is said."""
    found = ask(build(), 5, "/api")

    assert failure(found, EXPECTED) == ONE_GROUP.format(found[0].explain())


def test_requests_that_no_target_answered() -> None:
    """A group without targets keeps its share, and the answers are mentioned."""
    found = ask(build(), 3, "/void")
    number, unserved = next(
        (number, each)
        for number, each in enumerate(found, start=1)
        if each.target is None
    )

    assert_weights(found, {"blue": 2, "empty": 1})
    assert failure(found, EXPECTED) == UNSERVED.format(number, unserved.explain())


def test_status_of_an_app_is_not_mentioned() -> None:
    """A 503 that an app answers is no sign of a target group without targets."""
    found = [exchanged(each, 503) for each in ask(build(), 3)]

    assert_weights(found, EXPECTED)
    assert "the network answered" not in failure(found, {"blue": 1, "green": 2})


# ---- under random draws: an exact test --------------------------------------

CANARY_SPLIT = {"blue": 90, "green": 10}


@pytest.mark.parametrize("seed", range(20))
def test_random_split_is_judged_by_776_requests(seed: int) -> None:
    """S6: 776 requests show a 90/10 split, and tell it from 80/20."""
    right = build(CANARY_SPLIT, "random", f"seed {seed}")
    wrong = build({"blue": 80, "green": 20}, "random", f"seed {seed}")

    assert_weights(ask(right, 776), CANARY_SPLIT, detect=0.1)
    failure(ask(wrong, 776), CANARY_SPLIT, detect=0.1)


RANDOM = """\
expected weights `blue` 90 and `green` 10, \
but of 776 requests 604 went to `blue` and 172 to `green`

  target group  expected  configured  served
  blue          90.0%     80 (80.0%)  604 (77.8%)
  green         10.0%     20 (20.0%)  172 (22.2%)

  under random draws, 655 to 736 and 40 to 121 of 776 are accepted
  p-value 2.7e-23; a right split fails with probability 1e-06 at most
  a share off by 0.1 is missed with probability 0.001 at most, from 776 requests on
  the cause is the configuration: the default rule of listener `http-80` of service \
`shop` has `blue` 80 and `green` 20

request 605 of 776, which came to `green`:
{}"""
TOO_FEW_AT_RANDOM = """\
expected weights `blue` 90 and `green` 10, \
but 775 requests cannot show them: at least 776 are needed

  target group  expected  configured  served
  blue          90.0%     90 (90.0%)  708 (91.4%)
  green         10.0%     10 (10.0%)  67 (8.6%)

  under random draws, 654 to 735 and 40 to 121 of 775 are accepted
  p-value 0.23; a right split fails with probability 1e-06 at most
  a share off by 0.1 is missed with probability 0.001 at most, from 776 requests on

request 1 of 775, which came to `blue`:
{}"""
SELECTION = "\n  the configured weights are right; are these all requests?\n"


def test_random_split_that_is_refused() -> None:
    """Counts, accepted counts, p-value and both error rates are printed."""
    found = play(build({"blue": 80, "green": 20}), [0] * 604 + [1] * 172)

    text = RANDOM.format(found[604].explain())
    assert failure(found, CANARY_SPLIT, detect=0.1) == text


def test_too_few_requests_for_a_test() -> None:
    """A sample that could not tell a wrong split passes none."""
    found = play(build(CANARY_SPLIT), [0] * 708 + [1] * 67)

    text = TOO_FEW_AT_RANDOM.format(found[0].explain())
    assert failure(found, CANARY_SPLIT, detect=0.1) == text


def test_small_sample_that_is_plainly_wrong() -> None:
    """Few requests do to refuse a split, though not to confirm one."""
    found = play(build(CANARY_SPLIT), [0, 1] * 50)

    assert "but of 100 requests 50 went" in failure(found, CANARY_SPLIT)


def test_selected_requests() -> None:
    """Counts that no configuration explains are asked for their completeness."""
    found = play(build(CANARY_SPLIT), [0] * 1000)

    assert SELECTION in failure(found, CANARY_SPLIT, detect=0.1)


def test_three_random_target_groups() -> None:
    """More than two groups are tested together."""
    weights = {"blue": 8, "green": 1, "gray": 1}
    found = ask(build(weights, "random"), 5000)

    assert_weights(found, weights)
    failure(found, {"blue": 6, "green": 2, "gray": 2})


# ---- expectations that make no sense ----------------------------------------

NO_WEIGHT = (
    "expected weight `{!r}` of target group `blue` is not a number of at least 0"
)
FORM = 'write them as {"instances": 20, "functions": 10}'


@pytest.mark.parametrize(
    ("expected", "messages"),
    [
        ({}, ["expected weights `{}` are not weights by target group", FORM]),
        (
            ["blue"],
            ["expected weights `['blue']` are not weights by target group", FORM],
        ),
        ({"blue": 0}, ["the expected weights are all 0"]),
        *(
            ({"blue": wrong}, [NO_WEIGHT.format(wrong)])
            for wrong in (-1, "20", None, True, float("nan"), float("inf"))
        ),
        ({"blua": 1}, ["unknown target group `blua`", "did you mean `blue`?"]),
    ],
)
def test_senseless_weights_are_refused(expected: object, messages: list[str]) -> None:
    """What is no weight, or of no target group, is no failure of the network."""
    assert mistake(ask(build(), 3), expected) == messages


def test_target_group_cannot_be_expected_twice() -> None:
    """A name and an ARN of one group are noticed to be the same."""
    network = build()
    arn = network.configuration.target_group("blue").arn
    decision = network.decide("GET", f"{URL}/")

    messages = mistake(decision, {"blue": 1, arn: 1})
    assert messages == ["target group `blue` is expected twice"]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"detect": 0}, "the difference to detect `0` is not between 0.001 and 1"),
        ({"false_alarm": 1}, "the error rate `1` is not between 1e-100 and 0.5"),
        ({"miss": 0.6}, "the error rate `0.6` is not between 1e-100 and 0.5"),
    ],
)
def test_senseless_rates_are_refused(plan: dict[str, float], message: str) -> None:
    """A test that could not be planned is not made."""
    found = ask(build(draw="random"), 3)

    assert mistake(found, EXPECTED, **plan) == [message]
