"""The index of a listener's rules, held to a second, naive implementation."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.model.service import HeaderMatch, Rule
from pytest_lattice.routing import table
from pytest_lattice.routing.match import mismatch
from pytest_lattice.routing.table import RuleTable
from tests.routing.build import request

ACTION = FixedResponse(404)

# -------------------------------------- the law once more, as a beginner would write it


def naive(rule: Rule, incoming: LatticeRequest) -> bool:
    """Say whether a rule matches, from the words of AWS's page."""
    if rule.method is not None and rule.method != incoming.method:
        return False
    path, wanted, prefix = incoming.path, rule.path, rule.path_prefix
    if not rule.path_case_sensitive:
        path = path.lower()
        wanted = wanted.lower() if wanted is not None else None
        prefix = prefix.lower() if prefix is not None else None
    if wanted is not None and path != wanted:
        return False
    if prefix is not None and path[: len(prefix)] != prefix:
        return False
    return all(naive_header(each, incoming) for each in rule.header_matches)


def naive_header(condition: HeaderMatch, incoming: LatticeRequest) -> bool:
    """Say whether one condition on a header holds."""
    values = [
        value
        for name, value in incoming.headers
        if name.lower() == condition.name.lower()
    ]
    if condition.exact is not None and len(values) > 1:
        values.append(", ".join(values))
    for value in values:
        text = value if condition.case_sensitive else value.lower()
        pattern = condition.exact or condition.prefix or condition.contains or ""
        if not condition.case_sensitive:
            pattern = pattern.lower()
        if condition.exact is not None and text == pattern:
            return True
        if condition.prefix is not None and text[: len(pattern)] == pattern:
            return True
        if condition.contains is not None and pattern in text:
            return True
    return False


# ------------------- rules and requests out of small alphabets, so that they meet often

PATHS = ["/", "/a", "/A", "/ab", "/aB", "/AB", "/ab/", "/a/b", "/b", "/ba"]
METHODS = ["GET", "get", "POST"]
VALUES = ["a", "A", "ab", "aB", "b", "a, b", "b, a"]
CONDITIONS = [
    HeaderMatch(name, **{kind: value}, case_sensitive=case_sensitive)
    for name in ("x-a", "X-A", "x-b")
    for kind in ("exact", "prefix", "contains")
    for value in VALUES
    for case_sensitive in (False, True)
]


def rule(
    path: tuple[str | None, str | None],
    method: str | None,
    headers: list[HeaderMatch],
    *,
    case_sensitive: bool,
) -> Rule:
    """Make a rule; one without any condition takes every path."""
    exact, prefix = path
    if (exact, prefix, method, headers) == (None, None, None, []):
        prefix = "/"
    return Rule(
        1,
        action=ACTION,
        path=exact,
        path_prefix=prefix,
        path_case_sensitive=case_sensitive,
        method=method,
        headers=headers,
    )


RULES = st.builds(
    rule,
    st.sampled_from(
        [(None, None), *((each, None) for each in PATHS), *((None, p) for p in PATHS)]
    ),
    st.sampled_from([None, *METHODS]),
    st.lists(st.sampled_from(CONDITIONS), max_size=2),
    case_sensitive=st.booleans(),
)
RULE_LISTS = st.lists(RULES, max_size=12).map(
    lambda listed: [replace(each, priority=n) for n, each in enumerate(listed, 1)]
)
REQUESTS = st.builds(
    lambda method, path, headers: request(
        method, f"https://shop{path}", headers=tuple(headers)
    ),
    st.sampled_from(METHODS),
    st.sampled_from(PATHS),
    st.lists(
        st.tuples(st.sampled_from(["x-a", "x-b"]), st.sampled_from(VALUES)), max_size=4
    ),
)


def found(listed: list[Rule], incoming: LatticeRequest) -> Rule | None:
    """Look a request up in a table whose payloads are the rules themselves."""
    payloads: list[tuple[Rule, Rule | None]] = [(each, each) for each in listed]
    return RuleTable(payloads, None).find(incoming)


REPEATED = (("x-a", "a"), ("x-a", "b"))


@settings(max_examples=300)
@given(listed=RULE_LISTS, incoming=REQUESTS)
@example(  # values joined as HTTP joins them
    listed=[Rule(1, action=ACTION, headers={"x-a": "a, b"})],
    incoming=request(headers=REPEATED),
)
@example(  # a lower priority hides in another bucket
    listed=[
        Rule(1, action=ACTION, path_prefix="/a", headers={"x-a": "b"}),
        Rule(2, action=ACTION, path="/ab"),
        Rule(3, action=ACTION, method="GET"),
    ],
    incoming=request(url="https://shop/ab", headers=REPEATED),
)
@example(  # case is compared after the index has found without it
    listed=[
        Rule(1, action=ACTION, path="/AB"),
        Rule(2, action=ACTION, path="/ab", path_case_sensitive=False),
        Rule(3, action=ACTION, path="/ab"),
    ],
    incoming=request(url="https://shop/aB"),
)
@example(  # the index has compared one header of two
    listed=[
        Rule(1, action=ACTION, headers={"x-a": "a", "x-b": "b"}),
        Rule(2, action=ACTION, headers={"x-b": "a", "x-a": "a"}),
    ],
    incoming=request(headers={"x-a": "a", "x-b": "a"}),
)
@example(  # a header's case is compared after the index has found without it
    listed=[
        Rule(
            1,
            action=ACTION,
            headers=[HeaderMatch("x-a", exact="A", case_sensitive=True)],
        ),
        Rule(
            2,
            action=ACTION,
            headers=[HeaderMatch("x-a", prefix="A", case_sensitive=True)],
        ),
        Rule(3, action=ACTION, headers={"X-A": "A"}),
    ],
    incoming=request(headers={"x-a": "a"}),
)
def test_table_finds_the_first_rule_that_matches(
    listed: list[Rule], incoming: LatticeRequest
) -> None:
    """The index finds the rule of lowest priority that the naive law accepts."""
    expected = next((each for each in listed if naive(each, incoming)), None)

    assert found(listed, incoming) is expected


@settings(max_examples=300)
@given(listed=RULE_LISTS, incoming=REQUESTS)
def test_readable_law_agrees(listed: list[Rule], incoming: LatticeRequest) -> None:
    """`mismatch` finds nothing just where the naive law accepts."""
    accepted = [naive(each, incoming) for each in listed]

    assert [mismatch(each, incoming) is None for each in listed] == accepted


@given(incoming=REQUESTS)
def test_empty_table_finds_the_default(incoming: LatticeRequest) -> None:
    """Without rules every request goes to the default."""
    assert RuleTable([], "default").find(incoming) == "default"


# ----------------------------------------------------------------- the cost of a lookup

BY_PATH = "path"
BY_PREFIX = "path_prefix"
BY_HEADER = "header"
BY_HEADER_PREFIX = "header prefix"
BY_ALL = "path, header, prefix"


def tell_apart(kind: str, number: int) -> Rule:
    """Make one of many rules that differ in one thing."""
    value = f"{number:04}"
    common = HeaderMatch("x-env", exact="prod")
    match kind:
        case "path":
            return Rule(number, action=ACTION, path=f"/{value}")
        case "path_prefix":
            return Rule(number, action=ACTION, path_prefix=f"/{value}/")
        case "header":
            tenant = HeaderMatch("x-tenant", exact=value)
            return Rule(number, action=ACTION, headers=[common, tenant])
        case "header prefix":
            tenant = HeaderMatch("x-tenant", prefix=value)
            return Rule(number, action=ACTION, headers=[common, tenant])
        case _:
            kinds = [BY_PATH, BY_HEADER, BY_PREFIX]
            return tell_apart(kinds[number % 3], number)


def verified(monkeypatch: pytest.MonkeyPatch, kind: str, count: int) -> tuple[int, int]:
    """Count the most rules verified for a lookup that hits, and for one that misses."""
    calls: list[int] = []
    accepts = table._accepts  # noqa: SLF001  # what is counted

    def counted(entry: table._Entry, incoming: LatticeRequest) -> bool:
        calls.append(entry.order)
        return accepts(entry, incoming)

    monkeypatch.setattr(table, "_accepts", counted)
    listed = [tell_apart(kind, number) for number in range(1, count + 1)]
    made: RuleTable[Rule | None] = RuleTable([(each, each) for each in listed], None)

    def lookup(number: int) -> int:
        calls.clear()
        value = f"{number:04}"
        headers = {"x-env": "prod", "x-tenant": value}
        for path in (f"/{value}", f"/{value}/"):
            hit = made.find(request(url=f"https://shop{path}", headers=headers))
            assert hit is None or hit.priority == number
        return len(calls)

    hits = max(lookup(number) for number in (1, count // 2, count))
    return hits, lookup(9999)


@pytest.mark.parametrize(
    "kind", [BY_PATH, BY_PREFIX, BY_HEADER, BY_HEADER_PREFIX, BY_ALL]
)
def test_lookup_verifies_no_more_of_more_rules(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A lookup among 1,000 rules verifies as few as among 10: one a request."""
    few = verified(monkeypatch, kind, 10)
    many = verified(monkeypatch, kind, 1000)

    assert few == many
    assert many[0] <= 2
    assert many[1] == 0
