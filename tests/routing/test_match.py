"""Whether a rule matches a request, and what is said if it does not."""

from typing import Any

import pytest

from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.service import HeaderMatch, Rule
from pytest_lattice.routing.match import (
    Mismatch,
    describe_condition,
    describe_rule,
    header_difference,
    mismatch,
)
from tests.routing.build import request

CASE_HINT = " (the rule compares case)"


def rule(**fields: object) -> Rule:
    """Make a rule with the given conditions."""
    values: dict[str, Any] = {"action": FixedResponse(404)}
    return Rule(10, **values | fields)


def said(made: Rule, **fields: Any) -> str | None:  # noqa: ANN401  # any part of a request
    """Give what is said when a rule does not match; None when it does."""
    difference = mismatch(made, request(**fields))
    return None if difference is None else str(difference)


@pytest.mark.parametrize(
    ("conditions", "path", "expected"),
    [
        # AWS: Gateway API conformance, HTTPRouteExactPathMatching
        ({"path": "/two"}, "/two", None),
        ({"path": "/two"}, "/two/", "path is not `/two` (a trailing slash counts)"),
        ({"path": "/two/"}, "/two", "path is not `/two/` (a trailing slash counts)"),
        ({"path": "/two"}, "/Two", f"path is not `/two`{CASE_HINT}"),
        ({"path": "/one"}, "/one/example", "path is not `/one`"),
        ({"path": "/one"}, "/", "path is not `/one`"),
        ({"path": "/two", "path_case_sensitive": False}, "/TWO", None),
        ({"path": "/TWO", "path_case_sensitive": False}, "/two", None),
        ({"path": "/two", "path_case_sensitive": False}, "/one", "path is not `/two`"),
        # A prefix is text, not segments.
        ({"path_prefix": "/v2"}, "/v2", None),
        ({"path_prefix": "/v2"}, "/v2/a", None),
        ({"path_prefix": "/v2"}, "/v2example", None),
        ({"path_prefix": "/"}, "/anything", None),
        ({"path_prefix": "/v2"}, "/v1", "path is not `/v2…`"),
        (
            {"path_prefix": "/v2/"},
            "/v2",
            "path is not `/v2/…` (a trailing slash counts)",
        ),
        ({"path_prefix": "/v2"}, "/V2/a", f"path is not `/v2…`{CASE_HINT}"),
        ({"path_prefix": "/V2", "path_case_sensitive": False}, "/v2/a", None),
        # The path is compared as it was sent, neither decoded nor normalized.
        ({"path": "/a%2Fb"}, "/a/b", "path is not `/a%2Fb`"),
        ({"path": "/a/b"}, "/a//b", "path is not `/a/b`"),
        ({"path": "/b"}, "/a/../b", "path is not `/b`"),
        ({"path": "/a+b"}, "/a%20b", "path is not `/a+b`"),
    ],
    ids=str,
)
def test_path(conditions: dict[str, Any], path: str, expected: str | None) -> None:
    """A path matches as a whole or by its start; a near miss is spelled out."""
    assert said(rule(**conditions), url=f"https://shop{path}") == expected


@pytest.mark.parametrize("conditions", [{"path": "/a"}, {"path_prefix": "/a"}])
def test_query_takes_no_part(conditions: dict[str, Any]) -> None:
    """The query string is not compared."""
    assert said(rule(**conditions), url="https://shop/a?b=c") is None
    assert said(rule(path="/a?b=c"), url="https://shop/a?b=c") == (
        "path is not `/a?b=c`"
    )


@pytest.mark.parametrize(
    ("wanted", "method", "expected"),
    [
        ("GET", "GET", None),
        ("PURGE", "PURGE", None),
        ("GET", "get", "method is not `GET` (methods are case sensitive)"),
        ("get", "GET", "method is not `get` (methods are case sensitive)"),
        ("GET", "DELETE", "method is not `GET`"),
    ],
)
def test_method(wanted: str, method: str, expected: str | None) -> None:
    """A method matches as a whole, with its case."""
    assert said(rule(method=wanted), method=method) == expected


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        # AWS: the case of a value does not count unless the rule says so.
        ({"exact": "Foo"}, ["foo"], None),
        ({"exact": "foo"}, ["FOO"], None),
        ({"exact": "Foo", "case_sensitive": True}, ["Foo"], None),
        (
            {"exact": "Foo", "case_sensitive": True},
            ["bar"],
            "header `X-Beta` is `bar`, not `Foo`",
        ),
        (
            {"exact": "Foo", "case_sensitive": True},
            ["foo"],
            f"header `X-Beta` is `foo`, not `Foo`{CASE_HINT}",
        ),
        ({"exact": "foo"}, ["foobar"], "header `X-Beta` is `foobar`, not `foo`"),
        ({"prefix": "foo"}, ["foobar"], None),
        ({"prefix": "foo"}, ["FOOBAR"], None),
        (
            {"prefix": "Foo", "case_sensitive": True},
            ["foobar"],
            f"header `X-Beta` is `foobar`, not `Foo…`{CASE_HINT}",
        ),
        ({"prefix": "foo"}, ["barfoo"], "header `X-Beta` is `barfoo`, not `foo…`"),
        ({"contains": "oob"}, ["foobar"], None),
        ({"contains": "OOB"}, ["foobar"], None),
        (
            {"contains": "OOB", "case_sensitive": True},
            ["foobar"],
            f"header `X-Beta` is `foobar`, not `…OOB…`{CASE_HINT}",
        ),
        ({"contains": "x"}, ["foobar"], "header `X-Beta` is `foobar`, not `…x…`"),
        ({"exact": "foo"}, [], "header `X-Beta` is absent, not `foo`"),
        ({"contains": "x"}, [""], "header `X-Beta` is ``, not `…x…`"),
        # Any value of a repeated header counts, and for exact the joined ones.
        ({"exact": "b"}, ["a", "b"], None),
        ({"prefix": "b"}, ["a", "bc"], None),
        ({"contains": "c"}, ["a", "bc"], None),
        ({"exact": "a, b"}, ["a", "b"], None),
        ({"exact": "a, b"}, ["a, b"], None),
        ({"exact": "c"}, ["a", "b"], "header `X-Beta` is `a`, `b`, not `c`"),
        ({"exact": "a, b"}, ["b", "a"], "header `X-Beta` is `b`, `a`, not `a, b`"),
        ({"prefix": "a, b"}, ["a", "b"], "header `X-Beta` is `a`, `b`, not `a, b…`"),
    ],
    ids=str,
)
def test_header(
    condition: dict[str, Any], values: list[str], expected: str | None
) -> None:
    """A header matches by its whole value, its start or a part; names have no case."""
    headers = tuple(("x-beta", value) for value in values)
    matches = [HeaderMatch("X-Beta", **condition)]

    assert said(rule(headers=matches), headers=headers) == expected


def test_all_conditions_must_hold() -> None:
    """Path, method and headers are tried in this order; the first miss is told."""
    made = rule(method="POST", path="/a", headers={"x-one": "1", "x-two": "2"})
    good: dict[str, Any] = {
        "method": "POST",
        "url": "https://shop/a",
        "headers": {"x-one": "1", "x-two": "2"},
    }

    assert said(made, **good) is None
    assert said(made, **good | {"headers": {"x-one": "1", "x-two": "3"}}) == (
        "header `x-two` is `3`, not `2`"
    )
    assert said(made, **good | {"headers": {}}) == "header `x-one` is absent, not `1`"
    assert said(made, **good | {"method": "GET", "headers": {}}) == (
        "method is not `POST`"
    )
    assert said(made, method="GET", url="https://shop/b") == "path is not `/a`"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"path": "/A"}, Mismatch("path", "`/a`", "`/A`", "the rule compares case")),
        ({"path_prefix": "/b"}, Mismatch("path", "`/a`", "`/b…`")),
        ({"method": "POST"}, Mismatch("method", "`GET`", "`POST`")),
        ({"headers": {"x-b": "1"}}, Mismatch("header `x-b`", "absent", "`1`")),
    ],
    ids=str,
)
def test_mismatch_knows_its_parts(
    conditions: dict[str, Any], expected: Mismatch
) -> None:
    """Who wants more than a sentence reads part, got, wanted and hint."""
    assert mismatch(rule(**conditions), request(url="https://shop/a")) == expected


def test_a_rule_of_grpc() -> None:
    """A gRPC method is an exact path and POST, a whole service a prefix."""
    call = request("POST", "https://shop/pkg.Orders/Get")

    assert mismatch(rule(method="POST", path="/pkg.Orders/Get"), call) is None
    assert mismatch(rule(path_prefix="/pkg.Orders/"), call) is None
    assert str(mismatch(rule(path_prefix="/pkg.Carts/"), call)) == (
        "path is not `/pkg.Carts/…`"
    )


@pytest.mark.parametrize(
    ("case_sensitive", "expected"), [(None, "`Foo`"), (False, None), (True, "`Foo`")]
)
def test_header_difference_may_ignore_case(
    case_sensitive: bool | None,  # noqa: FBT001  # a parameter of the table
    expected: str | None,
) -> None:
    """Whoever looks for a near miss compares again without case."""
    condition = HeaderMatch("x-beta", exact="Foo", case_sensitive=True)

    difference = header_difference(condition, ("foo",), case_sensitive=case_sensitive)

    assert difference == expected


def test_no_value_is_no_match() -> None:
    """A header without values meets no condition, not even an empty start."""
    assert header_difference(HeaderMatch("x-beta", prefix="a"), ()) == "`a…`"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"exact": "1"}, "`1`"),
        ({"prefix": "1"}, "`1…`"),
        ({"contains": "1"}, "`…1…`"),
        ({"exact": "`1`"}, "``1``"),
    ],
)
def test_condition_is_described(condition: dict[str, Any], expected: str) -> None:
    """The dots stand for what may come before or after."""
    assert describe_condition(HeaderMatch("x-beta", **condition)) == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"path": "/a"}, "/a"),
        ({"path_prefix": "/a"}, "/a…"),
        ({"method": "GET"}, "GET"),
        ({"headers": {"x-beta": "1"}}, "x-beta: 1"),
        ({"headers": {"x-beta": "`1`"}}, "x-beta: `1`"),
        (
            {
                "method": "GET",
                "path_prefix": "/a",
                "headers": [
                    HeaderMatch("x-beta", prefix="1"),
                    HeaderMatch("x-env", contains="prod"),
                ],
            },
            "GET /a… x-beta: 1… x-env: …prod…",
        ),
    ],
    ids=str,
)
def test_rule_is_described(conditions: dict[str, Any], expected: str) -> None:
    """A rule is described as the requests that it takes."""
    assert describe_rule(rule(**conditions)) == expected


def test_method_is_not_compared_where_none_is_wanted() -> None:
    """A rule without a method takes every method."""
    made = rule(path="/")

    assert {mismatch(made, request(each)) for each in "AB"} == {None}
