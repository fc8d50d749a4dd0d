"""Whether a call may be made: the table of decisions, and a naive second opinion."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice.auth.call import CONNECT, Call
from pytest_lattice.auth.evaluate import (
    Denial,
    Layer,
    PolicyKind,
    PolicySource,
    compile_layer,
    evaluate,
    look_up,
    message,
    value_of,
)
from pytest_lattice.auth.reasons import explain_layer
from pytest_lattice.model.auth_policy import Condition, Operator
from pytest_lattice.model.caller import Caller, Role, User
from pytest_lattice.model.message import LatticeRequest
from tests.auth.decision_table import CASES, outcome
from tests.auth.generated import callers, documents, requests
from tests.auth.naive import decide
from tests.auth.scene import (
    NOW,
    PLACE,
    SERVICE,
    allowing,
    call,
    document,
    identity,
    source,
    statement,
)

ROLE = Role("reader")
SESSION = "arn:aws:sts::123456789012:assumed-role/reader/test-session"


def compiled(
    made: PolicySource,
    asked: Call,
    **options: Any,  # noqa: ANN401  # see compile_layer
) -> Layer:
    """Compile a layer for a call."""
    return compile_layer(made, asked.identity, asked.place, **options)


# ---- the table ---------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_decision(case: dict[str, Any]) -> None:
    """A call is decided, and reported, as AWS's documents and examples have it."""
    assert outcome(case) == case["expected"]


def test_names_of_cases_differ() -> None:
    """Each case has a name of its own."""
    names = [case["name"] for case in CASES]

    assert len(set(names)) == len(names)


# ---- what a 403 says ---------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("network-based policy", "with an explicit deny in a network-based policy"),
        ("service-based policy", "with an explicit deny in a service-based policy"),
        ("identity-based policy", "with an explicit deny in an identity-based policy"),
        ("permissions boundary", "with an explicit deny in a permissions boundary"),
        ("session policy", "with an explicit deny in a session policy"),
        ("service control policy", "with an explicit deny in a service control policy"),
    ],
)
def test_message_of_an_explicit_deny(kind: PolicyKind, why: str) -> None:
    """A 403 names the session, the action, the resource and the kind of policy."""
    asked = call(ROLE, url="/rates?a=b")
    denial = Denial(source(kind=kind), "EXPLICIT_DENY")

    assert message(denial, asked) == (
        f"User: {SESSION} is not authorized to perform: vpc-lattice-svcs:Invoke "
        f"on resource: {SERVICE}/rates {why}"
    )


def test_message_of_an_implicit_deny() -> None:
    """Where nothing allows, the 403 says which kind of policy should have."""
    denial = Denial(source(layer="network"), "IMPLICIT_DENY")

    assert message(denial, call()) == (
        "User: anonymous is not authorized to perform: vpc-lattice-svcs:Invoke on "
        f"resource: {SERVICE}/ because no network-based policy allows the "
        "vpc-lattice-svcs:Invoke action"
    )


# ---- layers ------------------------------------------------------------------


def test_no_layer_allows() -> None:
    """Where nothing is asked, everything is allowed."""
    assert evaluate([], call()) is None


def test_denial_names_its_layer_and_statement() -> None:
    """The denial that is reported holds the layer and the statement that denies."""
    first = source(layer="network")
    second = source(document(statement(), statement(Effect="Deny", Sid="No")))
    layers = [compiled(each, call()) for each in (first, second)]
    denial = evaluate(layers, call())

    assert denial is not None
    assert denial == Denial(second, "EXPLICIT_DENY", second.policies[0].statements[1])
    assert evaluate(layers[:1], call()) == Denial(first, "IMPLICIT_DENY")


def test_what_never_applies_is_not_asked_again() -> None:
    """A statement that cannot apply to a caller is dropped while compiling."""
    made = source(
        document(
            statement(Principal={"AWS": "999999999999"}),
            statement(Condition={"StringEquals": {"aws:PrincipalType": "User"}}),
            statement(),
        )
    )

    assert [len(compiled(made, call(who)).allows) for who in (ROLE, User("ann"))] == [
        1,
        2,
    ]


def test_tls_passthrough_is_a_connect() -> None:
    """Connect is asked of the service's ARN, without a path."""
    made = allowing(Action=CONNECT, Resource=SERVICE)
    asked = call()._replace(action=CONNECT)

    assert evaluate([compiled(made, asked, action=CONNECT)], asked) is None
    assert evaluate([compiled(made, call())], call()) is not None


def test_many_conditions_have_to_hold() -> None:
    """However many elements a statement has, each has to apply."""
    names = ["a", "b", "c", "d", "e"]
    wanted = {f"vpc-lattice-svcs:RequestHeader/{name}": "1" for name in names}
    made = allowing(Condition={"StringEquals": wanted})

    for left_out in (*names, None):
        headers = {name: "1" for name in names if name != left_out}
        asked = call(headers=headers)
        allowed = evaluate([compiled(made, asked)], asked) is None

        assert allowed is (left_out is None)


def test_any_value() -> None:
    """With the setting, one of several values is enough for a plain operator."""
    made = allowing(
        Condition={"StringEquals": {"vpc-lattice-svcs:RequestQueryString/q": "1"}}
    )
    lenient = made._replace(any_value=True)
    asked = call(url="/?q=2&q=1")

    assert evaluate([compiled(made, asked)], asked) is not None
    assert evaluate([compiled(lenient, asked)], asked) is None


def test_unknown_key_is_missing() -> None:
    """A key that AWS does not have is one that no call has."""
    found = []
    for operator in ("StringEquals", "StringNotEquals"):
        condition = Condition(Operator(operator), "aws:Nothing", ("x",))
        (policy,) = allowing().policies
        (only,) = policy.statements
        changed = policy._replace(statements=(only._replace(conditions=(condition,)),))
        made = allowing()._replace(policies=(changed,))
        found.append(evaluate([compiled(made, call())], call()) is None)

    assert found == [False, True]


def test_value_of_a_key() -> None:
    """A key is looked up by its name; what AWS does not have is missing."""
    asked = call(url="/?q=1&q=2")

    assert value_of(asked, "vpc-lattice-svcs:RequestMethod") == "GET"
    assert value_of(asked, "vpc-lattice-svcs:RequestQueryString/q") == ("1", "2")
    assert value_of(asked, "aws:Nothing") is None


def test_variable_has_one_value() -> None:
    """A key with several values is no variable's value."""
    asked = call(url="/?q=1")

    assert look_up(asked, "vpc-lattice-svcs:RequestMethod") == "GET"
    assert look_up(asked, "vpc-lattice-svcs:RequestQueryString/q") is None
    assert look_up(asked, "aws:username") is None


# ---- properties --------------------------------------------------------------


@settings(max_examples=500)
@given(
    network=documents(),
    service=documents(),
    own=st.lists(documents(own=True), max_size=2),
    caller=callers,
    request=requests(),
    any_value=st.booleans(),
)
def test_engine_agrees_with_the_naive_one(
    network: dict[str, Any],
    service: dict[str, Any],
    own: list[dict[str, Any]],
    caller: Caller | None,
    request: LatticeRequest,
    *,
    any_value: bool,
) -> None:
    """Compiled for one caller, policies decide as they do when read word by word."""
    described = [[network], [service], *([own] if caller else [])]
    sources = [source(network, layer="network"), source(service)]
    if caller is not None:
        sources.append(source(*own, layer="identity"))
    sources = [each._replace(any_value=any_value) for each in sources]
    asked = Call(request, identity(caller), PLACE, NOW)
    layers = [compiled(each, asked) for each in sources]
    denial = evaluate(layers, asked)
    found: tuple[str, int | None] = ("ALLOW", None)
    if denial is not None:
        found = (denial.verdict, sources.index(denial.source))

    assert found == decide(described, caller, request, any_value=any_value)


@settings(max_examples=300)
@given(made=documents(), caller=callers, request=requests(), any_value=st.booleans())
def test_reasons_agree_with_the_verdict(
    made: dict[str, Any],
    caller: Caller | None,
    request: LatticeRequest,
    *,
    any_value: bool,
) -> None:
    """What explains a layer comes to the verdict that is enforced."""
    policies = source(made)._replace(any_value=any_value)
    asked = Call(request, identity(caller), PLACE, NOW)
    denial = evaluate([compiled(policies, asked)], asked)
    result = explain_layer(policies, asked)

    assert result.verdict == ("ALLOW" if denial is None else denial.verdict)
    assert all(each.reason for each in result.statements)
