"""`assert_logged`: entries that are there, and the whole text where they are not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_lattice import (
    AccessLog,
    AccessLogEntry,
    ConfigurationError,
    Decision,
    Exchange,
    FixedResponse,
    LatticeAssertionError,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    assert_logged,
)
from pytest_lattice.model.message import LatticeResponse

URL = "http://shop.example"


@pytest.fixture
def network() -> LatticeNetwork:
    """Declare a service that answers everything by itself."""
    return build()


def build(history: int = 50_000) -> LatticeNetwork:
    """Declare a service that answers 404, and 500 on `/broken`."""
    network = LatticeNetwork(history=history)
    rule = Rule(10, path="/broken", action=FixedResponse(500))
    network.add(
        Service(
            "shop",
            custom_domain_name="shop.example",
            listeners=[Listener("HTTP", default=FixedResponse(404), rules=[rule])],
        )
    )
    return network


def visit(network: LatticeNetwork, *paths: str) -> None:
    """Make a request to each path."""
    client = network.client("shop", headers={"user-agent": "tests"})
    for path in paths:
        client.get(path)


def exchanged(decision: Decision, status: int = 200) -> Exchange:
    """Make the exchange that would come of a decision."""
    return Exchange(decision, LatticeResponse(status, ()), "id", 0, 0)


def failure(x: object, *, count: int | None = None, **fields: object) -> str:
    """Return the text of a claim that must not hold."""
    with pytest.raises(LatticeAssertionError) as caught:
        assert_logged(x, count=count, **fields)
    return str(caught.value)


def mistake(x: object, claim: dict[str, Any]) -> list[str]:
    """Return message and notes of a claim that nothing could meet."""
    with pytest.raises(ConfigurationError) as caught:
        assert_logged(x, **claim)
    return [str(caught.value), *getattr(caught.value, "__notes__", [])]


# ---- entries that are there -------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [
        {"response_code": 404},
        {"response_code": 404, "count": 2},
        {"response_code": 500, "request_path": "/broken", "count": 1},
        {"response_code": 403, "count": 0},
        {"grpc_response_code": None, "count": 3},
        {"count": 3},
        {},
    ],
)
def test_right_claim_holds(network: LatticeNetwork, claim: dict[str, Any]) -> None:
    """Entries are counted whose fields have all the values."""
    visit(network, "/", "/cart", "/broken")

    assert_logged(network, **claim)
    assert_logged(network.access_log, **claim)
    assert_logged(list(network.access_log), **claim)
    assert_logged(network.exchanges, **claim)


def test_response_is_looked_at_alone(network: LatticeNetwork) -> None:
    """Of a response only its own entry counts, whatever else was logged."""
    visit(network, "/", "/broken")
    response = network.client("shop").get("/cart")

    assert_logged(response, request_path="/cart", count=1)
    assert_logged([response, response], request_path="/cart", count=2)
    assert_logged(response, response_code=500, count=0)


def test_entry_is_looked_at_alone(network: LatticeNetwork) -> None:
    """An entry, and a mixture of entries and exchanges, will do as well."""
    visit(network, "/", "/cart")
    entry = network.access_log[0]

    assert_logged(entry, request_path="/")
    assert_logged([entry, network.exchanges[1]], request_path="/cart", count=1)


def test_log_without_entries_has_none(network: LatticeNetwork) -> None:
    """That nothing was logged can be claimed of a log, though not of an empty list."""
    visit(network, "/")

    assert_logged(build(), count=0)
    assert_logged(network.access_log.where(response_code=500), count=0)


# ---- entries that are not there ---------------------------------------------

NEAREST = """\
expected an access log entry with request_path='/cars', response_code=404, \
but 0 of 5 match
  entry 2 (GET /cart): request_path is '/cart', not '/cars'
  entry 1 (GET /) and 2 more: request_path is '/', not '/cars'
  entry 4 (GET /broken): request_path is '/broken', not '/cars'; \
response_code is 500, not 404"""
WRONG_TYPE = """\
expected an access log entry with response_code='404', but 0 of 1 match
  entry 1 (GET /): response_code is 404, not '404'"""
TOO_FEW = """\
expected 3 access log entries with response_code=404, but 1 of 2 matches
  entry 2 (GET /broken): response_code is 500, not 404"""
EMPTY = "expected an access log entry with response_code=404, but there is none"
NONE_AT_ALL = "expected an access log entry, but there is none"


def test_nearest_entries_are_shown(network: LatticeNetwork) -> None:
    """What differs is shown, the nearest entry first and those alike together."""
    visit(network, "/", "/cart", "/", "/broken", "/")

    assert failure(network, request_path="/cars", response_code=404) == NEAREST


def test_number_is_not_its_text(network: LatticeNetwork) -> None:
    """Values are compared as they are, and shown so that one can see it."""
    visit(network, "/")

    assert failure(network, response_code="404") == WRONG_TYPE


def test_too_few_entries(network: LatticeNetwork) -> None:
    """Entries that match are not among the nearest of those that do not."""
    visit(network, "/", "/broken")

    assert failure(network, response_code=404, count=3) == TOO_FEW


def test_no_entries() -> None:
    """A log without entries has no nearest one."""
    assert failure(build(), response_code=404) == EMPTY
    assert failure(build()) == NONE_AT_ALL


def test_only_the_five_nearest_are_shown(network: LatticeNetwork) -> None:
    """A failure shows five lines at most, of however many entries."""
    visit(network, *(f"/{number}" for number in range(300)))

    head, *lines = failure(network, request_path="/299x").splitlines()
    assert head.endswith("but 0 of 300 match")
    assert len(lines) == 5
    assert lines[0].startswith("  entry 300 (GET /299): ")


# ---- entries that should not be there ---------------------------------------

UNWANTED = """\
expected no access log entry with response_code=404, but 2 of 3 match
  {}
  {}"""
TOO_MANY = """\
expected 1 access log entry, but 2 of 2 match
  {}
  {}"""


def test_unwanted_entries_are_shown(network: LatticeNetwork) -> None:
    """Entries that should not be there are shown as they are."""
    visit(network, "/", "/broken", "/cart")
    first, _, last = map(repr, network.access_log)

    text = failure(network, response_code=404, count=0)
    assert text == UNWANTED.format(first, last)


def test_too_many_entries(network: LatticeNetwork) -> None:
    """One entry too many is one too many."""
    visit(network, "/", "/broken")

    assert failure(network, count=1) == TOO_MANY.format(*network.access_log)


# ---- entries that are no longer kept ----------------------------------------

DROPPED = """\
expected an access log entry with response_code=403, but 0 of 2 match
  entry 1 (GET /cart): response_code is 404, not 403
  entry 2 (GET /broken): response_code is 500, not 403
  3 older exchanges are no longer kept and may have matched; \
raise `history` of the network"""
UNSURE = """\
expected no access log entry with response_code=403, and 0 of 2 match, \
but 1 older exchange is no longer kept
  raise `history` of the network, or pass list(access_log) for what is kept"""


def test_dropped_entries_are_mentioned() -> None:
    """An entry that is not found may have been dropped."""
    network = build(history=2)
    visit(network, "/", "/", "/", "/cart", "/broken")

    assert failure(network, response_code=403) == DROPPED
    assert failure(network.access_log, response_code=403) == DROPPED


def test_absence_is_not_shown_by_what_is_kept() -> None:
    """No count can be told of a log that has lost entries, unless one says so."""
    network = build(history=2)
    visit(network, "/", "/cart", "/broken")

    assert failure(network, response_code=403, count=0) == UNSURE
    assert_logged(list(network.access_log), response_code=403, count=0)
    assert_logged(network, response_code=500)


# ---- single exchanges -------------------------------------------------------

ONE_EXCHANGE = """\
expected an access log entry with response_code=403, but 0 of 1 match
  entry 1 (GET /): response_code is 404, not 403

{}"""
UNKNOWN_HOST = """\
expected an access log entry with response_code=404, but there is none
  the request has no entry in the log of any service: \
service network `default` has no service `shap.example`; \
the nearest name is `shop.example`

{}"""
ONE_UNKNOWN_HOST = """\
expected 2 access log entries with response_code=404, but 1 of 1 matches
  1 of 2 requests has no entry in the log of any service: \
service network `default` has no service `shap.example`; \
the nearest name is `shop.example`"""


def test_single_exchange_is_explained(network: LatticeNetwork) -> None:
    """Of a single exchange the decision is shown, too."""
    exchange = exchanged(network.decide("GET", f"{URL}/"), 404)

    text = ONE_EXCHANGE.format(exchange.explain())
    assert failure(exchange, response_code=403) == text


def test_exchange_without_an_entry(network: LatticeNetwork) -> None:
    """A request to a name that no service has is in no log, and why is said."""
    lost = exchanged(network.decide("GET", "http://shap.example/"), 404)
    found = exchanged(network.decide("GET", f"{URL}/"), 404)

    assert_logged(lost, response_code=404, count=0)
    text = UNKNOWN_HOST.format(lost.explain())
    assert failure(lost, response_code=404) == text
    assert failure([found, lost], response_code=404, count=2) == ONE_UNKNOWN_HOST
    assert "\n  2 of 3 requests have no" in failure([found, lost, lost], count=2)


# ---- claims that nothing could meet -----------------------------------------

WANTED = "a network, its access_log, a response of its client, an exchange, or several"


@pytest.mark.parametrize(
    ("claim", "messages"),
    [
        (
            {"responseCode": 404},
            [
                "unknown access log field `responseCode`",
                "did you mean `response_code`?",
            ],
        ),
        *(
            (
                {"count": wrong},
                [
                    f"count `{wrong!r}` counts nothing",
                    "a count is a whole number; without it, one entry or more will do",
                ],
            )
            for wrong in (-1, True, "1", 1.0)
        ),
    ],
)
def test_impossible_claim_is_refused(
    claim: dict[str, Any], messages: list[str]
) -> None:
    """A field that no entry has is refused, even of an empty log."""
    assert mistake(build(), claim) == messages


def test_decision_is_in_no_log(network: LatticeNetwork) -> None:
    """A question without traffic is not logged, on AWS as here."""
    decision = network.decide("GET", f"{URL}/")

    assert mistake(decision, {}) == [f"a decision sends nothing; pass {WANTED}"]
    assert mistake([decision], {}) == [
        f"a decision sends nothing (item 1 of 1); pass {WANTED}"
    ]


@dataclass
class Recorder:
    """Something else that keeps an access log."""

    access_log: object = field(default_factory=list)


def test_access_log_of_anything_is_read(network: LatticeNetwork) -> None:
    """Whatever has an access log can be asked."""
    visit(network, "/")
    entries: list[AccessLogEntry] = list(network.access_log)

    assert_logged(Recorder(entries), request_path="/", count=1)
    assert_logged(Recorder(AccessLog(entries)), request_path="/", count=1)
    assert_logged(Recorder(), count=0)


def test_other_things_are_refused() -> None:
    """What has no log and is no exchange is refused, and what to pass is said."""
    assert mistake(None, {}) == [f"`None` shows no request; pass {WANTED}"]
    assert failure([]) == f"an empty list shows nothing; pass {WANTED}"
