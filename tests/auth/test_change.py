"""The smallest change that would flip a verdict."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from pytest_lattice.auth.call import Call
from pytest_lattice.auth.candidates import (
    Change,
    for_condition,
    for_principal,
    for_resource,
)
from pytest_lattice.auth.change import smallest_change
from pytest_lattice.auth.evaluate import PolicySource
from pytest_lattice.auth.reasons import explain_layer
from pytest_lattice.model.caller import Caller, Role, User
from pytest_lattice.model.message import LatticeRequest
from tests.auth.generated import callers, documents, requests
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
METHOD = "vpc-lattice-svcs:RequestMethod"
NETWORK_ARN = "vpc-lattice-svcs:ServiceNetworkArn"
OWN = " (the policies of that caller have to allow it too)"
ON = f"vpc-lattice-svcs:Invoke on {SERVICE}/"


def asked(operator: str, key: str, value: object) -> dict[str, Any]:
    """Make the member of a statement that asks for one condition."""
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("members", "caller", "expected"),
    [
        (asked("StringEquals", METHOD, "PUT"), None, f"`{METHOD}` were `PUT`"),
        ({"Resource": "*/rates"}, None, "the path were `/rates`"),
        (
            {"Principal": {"AWS": "arn:aws:iam::123456789012:role/writer"}},
            None,
            f"the caller were `arn:aws:iam::123456789012:role/writer`{OWN}",
        ),
        (
            {"Principal": {"AWS": "999999999999"}},
            ROLE,
            f"the caller were of account `999999999999`{OWN}",
        ),
        (
            {"NotPrincipal": {"AWS": "123456789012"}},
            ROLE,
            f"the caller were another{OWN}",
        ),
        (
            asked("StringNotEqualsIgnoreCase", "aws:PrincipalType", "anonymous"),
            None,
            f"the caller signed{OWN}",
        ),
        (
            asked("StringEquals", "aws:PrincipalOrgID", "o-exampleorgid"),
            None,
            (f"the caller signed and `aws:PrincipalOrgID` were `o-exampleorgid`{OWN}"),
        ),
        (
            asked("StringEquals", "aws:PrincipalOrgID", "o-exampleorgid"),
            ROLE,
            "`aws:PrincipalOrgID` were `o-exampleorgid`",
        ),
        (
            asked("StringEquals", "aws:PrincipalType", "Anonymous"),
            ROLE,
            "`aws:PrincipalType` were `Anonymous`",
        ),
        (asked("Null", "aws:username", "true"), User("ann"), "the caller did not sign"),
        (
            asked("StringNotEquals", METHOD, ["GET", "PUT"]),
            None,
            f'`{METHOD}` were not ["GET", "PUT"]',
        ),
        (
            asked("Bool", "aws:SecureTransport", "true"),
            None,
            "`aws:SecureTransport` were `true`",
        ),
        (
            asked("Null", "vpc-lattice-svcs:RequestHeader/x-a", "false"),
            None,
            "`vpc-lattice-svcs:RequestHeader/x-a` were present",
        ),
        # Where no call would do, a policy would have to.
        (
            {"Action": "vpc-lattice-svcs:Connect"},
            None,
            f"the auth policy of service `rates` allowed {ON}",
        ),
        (
            asked("Null", NETWORK_ARN, "true"),
            None,
            f"the auth policy of service `rates` allowed {ON}",
        ),
    ],
)
def test_allowed_if(
    members: dict[str, Any], caller: Caller | None, expected: str
) -> None:
    """A denied call is told what would let it in."""
    assert smallest_change([allowing(**members)], call(caller)) == (
        f"would be allowed if {expected}"
    )


@pytest.mark.parametrize(
    ("members", "caller", "expected"),
    [
        ({}, None, ""),
        (asked("StringEquals", METHOD, "GET"), None, f'`{METHOD}` were not "GET"'),
        (asked("StringNotEquals", METHOD, "PUT"), None, f"`{METHOD}` were `PUT`"),
        ({"Resource": f"{SERVICE}/"}, None, f'the path were not one of "{SERVICE}/"'),
        (
            {"Principal": {"AWS": "123456789012"}},
            ROLE,
            "the caller were not `123456789012`",
        ),
        (
            asked("StringEquals", "aws:username", "ann"),
            User("ann"),
            "the caller did not sign",
        ),
    ],
)
def test_denied_if(
    members: dict[str, Any], caller: Caller | None, expected: str
) -> None:
    """An allowed call is told what would keep it out, if anything would."""
    assert smallest_change([allowing(**members)], call(caller)) == (
        expected and f"would be denied if {expected}"
    )


def test_deny_that_does_not_apply() -> None:
    """A Deny that would apply keeps a call out."""
    made = source(document(statement(), statement(Effect="Deny", Resource="*/admin")))

    assert smallest_change([made], call()) == (
        "would be denied if the path were `/admin`"
    )


@pytest.mark.parametrize(
    ("deny", "expected"),
    [
        ({}, "Statement[1] `No` of the auth policy of service `rates` did not deny"),
        (asked("StringEquals", METHOD, "GET"), f'`{METHOD}` were not "GET"'),
        (
            asked("Bool", "aws:SecureTransport", "false"),
            '`aws:SecureTransport` were not "false"',
        ),
        (
            asked("StringNotEquals", "aws:PrincipalOrgID", "o-exampleorgid"),
            f"the caller signed and `aws:PrincipalOrgID` were `o-exampleorgid`{OWN}",
        ),
    ],
)
def test_escape_from_a_deny(deny: dict[str, Any], expected: str) -> None:
    """A call that is denied explicitly is told how it would not be."""
    made = source(document(statement(), statement(Effect="Deny", Sid="No", **deny)))

    assert smallest_change([made], call()) == f"would be allowed if {expected}"


@pytest.mark.parametrize(
    ("layer", "caller", "expected"),
    [
        ("network", None, "there were an auth policy of service network `shop` that"),
        ("service", None, "there were an auth policy of service `rates` that"),
        (
            "identity",
            ROLE,
            "there were an identity-based policy of role `reader` that",
        ),
    ],
)
def test_missing_policy(layer: Any, caller: Caller | None, expected: str) -> None:  # noqa: ANN401  # one of three
    """Where there is no policy, one would have to be."""
    assert smallest_change([source(layer=layer)], call(caller)) == (
        f"would be allowed if {expected} allowed {ON}"
    )


def test_each_layer_has_to_allow() -> None:
    """Where several layers deny, all that has to change is named."""
    network = allowing("network", Resource="*/rates")
    service = allowing(**asked("StringEquals", METHOD, "PUT"))
    own = source(layer="identity")

    assert smallest_change([network, service], call()) == (
        f"would be allowed if the path were `/rates` and `{METHOD}` were `PUT`"
    )
    assert smallest_change([service, own], call(ROLE)) == (
        f"would be allowed if `{METHOD}` were `PUT` and there were an identity-based "
        f"policy of role `reader` that allowed {ON}"
    )


def test_smallest_of_several() -> None:
    """Of two ways, the one with fewer changes is named."""
    conditions = {METHOD: "PUT", "vpc-lattice-svcs:RequestHeader/x-a": "1"}
    made = source(
        document(
            statement(Condition={"StringEquals": conditions}),
            statement(Resource="*/rates"),
        )
    )

    assert smallest_change([made], call()) == (
        "would be allowed if the path were `/rates`"
    )


def test_change_does_not_run_into_a_deny() -> None:
    """What is named does not bring the call below a Deny."""
    made = source(
        document(
            statement(Resource=["*/closed", "*/open"]),
            statement(Effect="Deny", Resource="*/closed"),
        )
    )

    assert smallest_change([made], call(url="/closed")) != (
        "would be allowed if the path were `/closed`"
    )


# ---- properties -------------------------------------------------------------


def _single_changes(sources: Sequence[PolicySource], made: Call) -> Iterator[Change]:
    for layer in sources:
        for policy in layer.policies:
            for each in policy.statements:
                for condition in each.conditions:
                    for wanted in (True, False):
                        yield from for_condition(
                            condition,
                            made,
                            variables=policy.has_variables,
                            wanted=wanted,
                        )
                yield from for_principal(each, made)
                yield from for_resource(policy, each, made)


def _is_allowed(sources: Sequence[PolicySource], made: Call) -> bool:
    return all(explain_layer(each, made).verdict == "ALLOW" for each in sources)


@settings(max_examples=300)
@given(
    network=documents(),
    service=documents(),
    caller=callers,
    request=requests(),
)
def test_what_is_named_flips_the_verdict(
    network: dict[str, Any],
    service: dict[str, Any],
    caller: Caller | None,
    request: LatticeRequest,
) -> None:
    """A single change that is named, made to the call, gives the other verdict."""
    sources = [source(network, layer="network"), source(service)]
    made = Call(request, identity(caller), PLACE, NOW)
    allowed = _is_allowed(sources, made)
    text = smallest_change(sources, made)
    verdict = "denied" if allowed else "allowed"

    assert text == "" or text.startswith(f"would be {verdict} if ")
    named = text.removeprefix(f"would be {verdict} if ").removesuffix(OWN)
    flips = [
        _is_allowed(sources, change.make(made)) is not allowed
        for change in _single_changes(sources, made)
        if change.make is not None and change.text == named
    ]
    assert any(flips) or not flips


@settings(max_examples=100)
@given(made=documents(own=True), caller=callers, request=requests())
def test_no_policy_is_too_odd(
    made: dict[str, Any], caller: Caller | None, request: LatticeRequest
) -> None:
    """Something is said of every denied call."""
    layers = [allowing(), source(made, layer="identity")]
    sent = Call(request, identity(caller), PLACE, NOW)

    assert smallest_change(layers, sent) or _is_allowed(layers, sent)
