"""Rules of routes: what each match becomes, in which order, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import FixedResponse, HeaderMatch, Rule, Service, assert_routed
from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders.gateway_api.rules import _takes_all_of
from tests.loaders.gateway_api.cluster import (
    HTTPS,
    gateway,
    loaded,
    noted,
    only,
    path,
    route,
    rule,
    running,
    service,
)
from tests.model.refusals import refused, said

GOES = FixedResponse(500)
REFUSED = "the AWS Gateway API Controller refuses it"


def rules(*written: dict[str, Any], **options: Any) -> list[Rule]:  # noqa: ANN401  # of `route`
    """Load a route and return its rules without what they do."""
    protocol = [HTTPS] if options.get("kind") == "GRPCRoute" else []
    made = loaded(gateway(*protocol), route(*written, **options), service())
    found = only(Service, made).listeners[0].rules
    return [
        Rule(
            each.priority,
            name=each.name,
            method=each.method,
            path=each.path,
            path_prefix=each.path_prefix,
            path_case_sensitive=each.path_case_sensitive,
            headers=each.headers,
            action=GOES,
        )
        for each in found
    ]


def lattice_rule(priority: int = 1, **conditions: Any) -> Rule:  # noqa: ANN401  # of a rule
    """Write a rule as the controller names it."""
    return Rule(priority, name=f"k8s-0-rule-{priority}", action=GOES, **conditions)


@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        (path("/a", "Exact"), {"path": "/a"}),
        (path("/a"), {"path_prefix": "/a"}),
        ({"path": {"value": "/a"}}, {"path_prefix": "/a"}),
        ({"path": {"type": "Exact"}}, {"path": "/"}),
        ({}, {"path_prefix": "/"}),
        ({"method": "PATCH"}, {"path_prefix": "/", "method": "PATCH"}),
        (
            {"headers": [{"name": "X-A", "value": "1"}]},
            {"path_prefix": "/", "headers": [HeaderMatch("X-A", exact="1")]},
        ),
        (
            {
                "headers": [
                    {"type": "Exact", "name": f"x-{each}", "value": "1"}
                    for each in range(5)
                ]
            },
            {
                "path_prefix": "/",
                "headers": [HeaderMatch(f"x-{each}", exact="1") for each in range(5)],
            },
        ),
    ],
)
def test_http_match_becomes_a_rule(
    match: dict[str, Any], conditions: dict[str, Any]
) -> None:
    """Each kind of match has its conditions, with the API server's defaults."""
    assert rules(rule(match)) == [lattice_rule(**conditions)]


def test_paths_are_case_sensitive_and_headers_are_not() -> None:
    """What the controller sends decides, whatever its documentation says."""
    match = path("/Orders", "Exact") | {"headers": [{"name": "x-a", "value": "On"}]}
    made = loaded(gateway(), route(rule(match)), service(), targets="echo")
    client = running(made).client("web-default")

    assert client.get("/Orders", headers={"X-A": "oN"}).status_code == 200
    assert client.get("/orders", headers={"x-a": "On"}).status_code == 404


def test_rule_without_a_match_takes_every_request() -> None:
    """Such a rule has the prefix `/`, and for gRPC the method POST."""
    assert rules(rule()) == [lattice_rule(path_prefix="/")]
    assert rules(rule(), kind="GRPCRoute") == [
        lattice_rule(path_prefix="/", method="POST")
    ]


def test_route_without_rules_has_the_default_one() -> None:
    """The API server gives an HTTPRoute a rule, which has no target, so 500."""
    bare = route()
    del bare["spec"]["rules"]
    answer = running(loaded(gateway(), bare)).client("web-default").get("/")

    assert answer.status_code == 500
    assert loaded(gateway(HTTPS), route(kind="GRPCRoute", spec={"rules": None}))


@pytest.mark.parametrize(
    ("match", "conditions"),
    [
        ({"method": {"service": "a.B", "method": "C"}}, {"path": "/a.B/C"}),
        ({"method": {"type": "Exact", "service": "a.B"}}, {"path_prefix": "/a.B/"}),
        ({"method": {}}, {"path_prefix": "/"}),
        (
            {"headers": [{"name": "x-a", "value": "1"}]},
            {"path_prefix": "/", "headers": {"x-a": "1"}},
        ),
    ],
)
def test_grpc_match_becomes_a_rule(
    match: dict[str, Any], conditions: dict[str, Any]
) -> None:
    """A gRPC method is a path, and always a POST."""
    assert rules(rule(match), kind="GRPCRoute") == [
        lattice_rule(method="POST", **conditions)
    ]


@pytest.mark.parametrize(
    ("kind", "match", "message"),
    [
        (
            "HTTPRoute",
            path("/a.*", "RegularExpression"),
            (
                f"path match of type RegularExpression: {REFUSED} "
                "(LATTICE_UNSUPPORTED_PATH_MATCH_TYPE)"
            ),
        ),
        (
            "HTTPRoute",
            {"headers": [{"type": "RegularExpression", "name": "a", "value": ".*"}]},
            (
                f"header match of type RegularExpression: {REFUSED} "
                "(LATTICE_UNSUPPORTED_HEADER_MATCH_TYPE)"
            ),
        ),
        (
            "HTTPRoute",
            {"headers": [{"name": f"x-{each}", "value": "1"} for each in range(6)]},
            f"6 header matches: {REFUSED} (LATTICE_EXCEED_MAX_HEADER_MATCHES)",
        ),
        (
            "HTTPRoute",
            {"queryParams": [{"name": "a", "value": "1"}]},
            f"matches on query parameters: {REFUSED} (LATTICE_UNSUPPORTED_MATCH_TYPE)",
        ),
        (
            "GRPCRoute",
            {"method": {"type": "RegularExpression", "service": "a.*"}},
            (
                f"method match of type RegularExpression: {REFUSED} "
                "(LATTICE_UNSUPPORTED_MATCH_TYPE)"
            ),
        ),
        (
            "GRPCRoute",
            {"method": {"method": "Quote"}},
            f"method `Quote` without a service: {REFUSED}",
        ),
    ],
)
def test_unsupported_match_is_refused_by_name(
    kind: str, match: dict[str, Any], message: str
) -> None:
    """What the controller refuses is refused here, with its reason."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        rules(rule(match), kind=kind)

    assert said(caught.value) == [f"{message} (manifests[1], {kind} default/web)"]


# ------------------------------------------------------------------------ priorities


def priorities(
    *counts: int, annotations: dict[str, str] | None = None
) -> tuple[list[str], list[tuple[int, str | None]]]:
    """Load rules of so many matches each; return notices, priorities and paths."""
    written = [
        rule(*(path(f"/{position}{letter}") for letter in "abc"[:count]))
        for position, count in enumerate(counts)
    ]
    notices, made = noted(
        gateway(), route(*written, annotations=annotations), service()
    )
    found = only(Service, made).listeners[0].rules
    return notices, [(each.priority, each.path_prefix) for each in found]


def test_priority_is_the_position() -> None:
    """The first rule has priority 1, as the controller counts."""
    assert priorities(1, 1, 1) == ([], [(1, "/0a"), (2, "/1a"), (3, "/2a")])


def test_annotation_is_passed_on_as_it_is() -> None:
    """The number goes to Lattice, where the lowest is first."""
    asked = {"rule-0-priority": "200", "rule-1-priority": "100"}

    assert priorities(1, 1, annotations=asked) == ([], [(100, "/1a"), (200, "/0a")])


def test_each_match_is_a_rule_and_the_user_is_told() -> None:
    """No match is lost, as one was in older versions; the mapping is in the warning."""
    notices, made = priorities(2, 1)

    assert made == [(1, "/0a"), (2, "/0b"), (3, "/1a")]
    assert notices == [
        (
            f"rules[0] of HTTPRoute `default/web` has 2 matches: {REFUSED} "
            "(LATTICE_NO_SUPPORT_FOR_MULTIPLE_MATCHES); here each is a rule, priority "
            "1 = rules[0].matches[0], 2 = rules[0].matches[1] "
            "(manifests[1], HTTPRoute default/web)"
        )
    ]


def test_annotated_rule_counts_on_from_its_priority() -> None:
    """The matches after the first have the numbers after it."""
    _, made = priorities(1, 2, 1, annotations={"rule-1-priority": "50"})

    assert made == [(1, "/0a"), (4, "/2a"), (50, "/1a"), (51, "/1b")]


def test_priority_that_is_no_number_does_nothing() -> None:
    """The controller logs it and counts the position; here it is a warning."""
    assert priorities(1, annotations={"rule-0-priority": "high"}) == (
        [
            (
                "priority `high` of rules[0] of HTTPRoute `default/web` is no whole "
                "number, so it does nothing (manifests[1], HTTPRoute default/web)"
            )
        ],
        [(1, "/0a")],
    )


@pytest.mark.parametrize("priority", ["0", "2001", "-1"])
def test_priority_that_lattice_has_not_is_refused(priority: str) -> None:
    """Lattice takes 1 to 2000; the place tells which rule is meant."""
    asked = {"rule-0-priority": priority}

    assert refused(rules, rule(path("/a")), annotations=asked) == [
        (
            f"rule priority `{priority}` is not a whole number from 1 to 2000 "
            "(manifests[1], HTTPRoute default/web rules[0].matches[0])"
        )
    ]


def test_equal_priorities_are_refused() -> None:
    """Two rules of one priority name both places."""
    asked = {"rule-0-priority": "2"}

    assert refused(rules, rule(path("/a")), rule(path("/b")), annotations=asked) == [
        (
            "rules[0].matches[0] and rules[1].matches[0] of HTTPRoute `default/web` "
            "both have priority 2 (manifests[1], HTTPRoute default/web)"
        )
    ]


# --------------------------------------------------------------------------- shadows


def shadow(*written: dict[str, Any]) -> list[str]:
    """Load rules and return what is said about those that nothing reaches."""
    notices, _ = noted(gateway(), route(*written), service())
    return [each for each in notices if each.startswith("no request reaches")]


def test_rule_that_nothing_reaches_is_noted() -> None:
    """The order decides on Lattice, and not how specific a match is."""
    assert shadow(rule(path("/api")), rule(path("/api/admin"))) == [
        (
            "no request reaches rules[1].matches[0] (priority 2) of HTTPRoute "
            "`default/web`: rules[0].matches[0] (priority 1) takes them all; the order "
            "decides, not the Gateway API's precedence "
            "(manifests[1], HTTPRoute default/web)"
        )
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (path("/api/admin"), path("/api")),
        (path("/api", "Exact"), path("/api/admin")),
        (path("/api") | {"method": "GET"}, path("/api/admin")),
        (path("/") | {"headers": [{"name": "a", "value": "1"}]}, path("/api")),
        (path("/api", "Exact"), path("/api")),
    ],
)
def test_rule_that_something_reaches_is_not_noted(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Where the first takes a part only, there is nothing to say."""
    assert shadow(rule(first), rule(second)) == []


VALUES = st.sampled_from(["/", "/a", "/a/b", "/b"])
MATCHES = st.fixed_dictionaries(
    {
        "pathMatch": st.builds(
            lambda kind, value: {"match": {kind: value}},
            st.sampled_from(["exact", "prefix"]),
            VALUES,
        )
    },
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "headerMatches": st.lists(
            st.builds(
                lambda name, value: {"name": name, "match": {"exact": value}},
                st.sampled_from(["x", "X", "y"]),
                st.sampled_from(["1", "a", "A"]),
            ),
            max_size=2,
        ),
    },
)


def holds(http: dict[str, Any], request: tuple[str, str, dict[str, str]]) -> bool:
    """Ask naively whether a request meets conditions."""
    requested, method, headers = request
    ((kind, value),) = http["pathMatch"]["match"].items()
    meets = requested == value if kind == "exact" else requested.startswith(value)
    return (
        meets
        and http.get("method", method) == method
        and all(
            headers.get(each["name"].lower(), "").lower()
            == each["match"]["exact"].lower()
            for each in http.get("headerMatches", ())
        )
    )


@given(MATCHES, MATCHES)
def test_what_takes_all_leaves_nothing(
    before: dict[str, Any], match: dict[str, Any]
) -> None:
    """If one rule is said to take all of another's requests, it does take each."""
    if not _takes_all_of(before, match):
        return
    for requested in ("/", "/a", "/ab", "/a/b", "/a/b/c", "/b", "/c"):
        for method in ("GET", "POST"):
            for x in ("", "1", "a"):
                for y in ("", "1", "a"):
                    request = (requested, method, {"x": x, "y": y})
                    assert holds(before, request) or not holds(match, request)


# ---------------------------------------------------------------------------- effect


def test_what_lattice_has_not_is_noted() -> None:
    """Filters and timeouts are ignored; a redirect without a target answers 500."""
    redirect = [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]
    notices, made = noted(
        gateway(),
        route(
            {"filters": redirect, "timeouts": {"request": "5s"}},
        ),
        service(),
    )

    assert notices == [
        f"{each} of rules[0] of HTTPRoute `default/web` do nothing: VPC Lattice has "
        "none (manifests[1], HTTPRoute default/web)"
        for each in ("filters", "timeouts")
    ]
    answer = running(made).client("web-default").get("/", follow_redirects=False)
    assert answer.status_code == 500


def test_rule_says_where_it_was_written() -> None:
    """An explanation of a request names the match that became the rule."""
    made = loaded(gateway(), route(rule(path("/a"))), service(), targets="echo")
    decision = running(made).decide("GET", "http://web-default/b")

    assert "manifests[1], HTTPRoute default/web rules[0].matches[0]" in str(
        decision.steps
    )


def test_order_of_rules_decides() -> None:
    """A broad rule shadows a narrow one until an annotation swaps them."""
    written = (rule(path("/api")), rule(path("/api/admin"), to="admin"))
    cluster = (gateway(), service(), service("admin"))
    _, shadowed = noted(*cluster, route(*written), targets="echo")
    swapped = loaded(
        *cluster,
        route(*written, annotations={"rule-0-priority": "20", "rule-1-priority": "10"}),
        targets="echo",
    )

    before = running(shadowed).client("web-default").get("/api/admin")
    after = running(swapped).client("web-default").get("/api/admin")
    assert_routed(before, rule=1, to="default/web")
    assert_routed(after, rule=10, to="default/admin")
