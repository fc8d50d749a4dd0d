"""The guard: which layers have to allow, in which order a denial is named."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import AuthSettings, Denied, Organization
from tests.shop import OPEN, policy, shop, statement

if TYPE_CHECKING:
    from pytest_lattice import Decision, LatticeNetwork

DENY = policy(statement("Deny"))
NOTHING = policy(
    statement(Condition={"StringEquals": {"vpc-lattice-svcs:RequestMethod": "PUT"}})
)
OWN = {
    "allow": policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),
    "deny": policy({"Effect": "Deny", "Action": "*", "Resource": "*"}),
    "nothing": policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
}
AUTH = {"allow": OPEN, "deny": DENY, "nothing": NOTHING}


def ask(network: LatticeNetwork, role: str | None = "caller") -> Decision:
    """Ask whether a caller gets in."""
    return network.authorize("GET", "https://orders/", role=role)


def denied_by(decision: Decision) -> tuple[str, str] | None:
    """Return layer and verdict of a denial."""
    outcome = decision.outcome
    if not isinstance(outcome, Denied):
        return None
    return outcome.layer, str(outcome.verdict)


@pytest.mark.parametrize(
    ("network_says", "service_says", "own"),
    list(itertools.product(["allow", "deny", "nothing", "none"], repeat=3)),
)
def test_order_of_reporting(network_says: str, service_says: str, own: str) -> None:
    """Explicit denials come first, then missing Allows; network, service, identity."""
    said = {"network": network_says, "service": service_says}
    enabled = {layer: what for layer, what in said.items() if what != "none"}
    if enabled:
        enabled["identity"] = "nothing" if own == "none" else own
    verdicts = {"deny": "EXPLICIT_DENY", "nothing": "IMPLICIT_DENY"}
    expected = next(
        (
            (layer, verdict)
            for what, verdict in verdicts.items()
            for layer in ("network", "service", "identity")
            if enabled.get(layer) == what
        ),
        None,
    )
    with shop(AUTH.get(service_says), AUTH.get(network_says)) as network:
        network.role("caller", policies=[OWN[own]] if own != "none" else [])

        assert denied_by(ask(network)) == expected


LIMITS = ("permissions_boundary", "session_policies", "service_control_policies")


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("says", ["allow", "deny", "nothing"])
def test_limits_of_a_caller(limit: str, says: str) -> None:
    """Each limit of a caller has to allow beside its own policies."""
    value = OWN[says] if limit == "permissions_boundary" else [OWN[says]]
    with shop(OPEN) as network:
        network.role("caller", policies=[OWN["allow"]], **{limit: value})
        found = denied_by(ask(network))

        assert (found is None) is (says == "allow")
        if found:
            assert found[0] == "identity"


def test_each_service_control_policy_has_to_allow() -> None:
    """Of several service control policies one that does not allow is enough."""
    scps = [OWN["allow"], OWN["nothing"]]
    with shop(OPEN) as network:
        network.role("caller", policies=[OWN["allow"]], service_control_policies=scps)

        assert denied_by(ask(network)) == ("identity", "IMPLICIT_DENY")


def test_anonymous_caller_has_no_limits() -> None:
    """Who does not sign has no policies of its own that could refuse."""
    with shop(OPEN, OPEN) as network:
        assert denied_by(ask(network, role=None)) is None


def test_organization_follows_from_the_account() -> None:
    """A caller and a service belong to the organization that has their account."""
    org = "o-exampleorgid"
    same = {"StringEquals": {"aws:PrincipalOrgID": org, "aws:ResourceOrgID": org}}
    with shop(policy(statement(Condition=same))) as network:
        network.add(Organization(org, accounts=["123456789012"]))
        network.role("caller", policies=[OWN["allow"]])
        network.role("guest", account="999999999999", policies=[OWN["allow"]])

        assert denied_by(ask(network)) is None
        assert denied_by(ask(network, role="guest")) == ("service", "IMPLICIT_DENY")


@pytest.mark.filterwarnings("ignore:.*never holds:pytest_lattice.LatticeWarning")
def test_multivalued_keys_are_a_setting() -> None:
    """A plain operator on several values holds for none of them, or for any."""
    asks = {"StringEquals": {"vpc-lattice-svcs:RequestQueryString/a": "1"}}
    for multivalued, expected in (("never", False), ("any", True)):
        settings = AuthSettings(multivalued=multivalued)  # type: ignore[arg-type]  # one of two
        with shop(policy(statement(Condition=asks)), auth_settings=settings) as network:
            decision = network.authorize("GET", "https://orders/?a=1&a=2")

            assert (denied_by(decision) is None) is expected
            assert decision.access is not None
            allowed = decision.access.results[0].verdict == "ALLOW"
            assert allowed is expected


def test_denial_says_why() -> None:
    """The outcome has the statement, its Sid, and AWS's words for the caller."""
    with shop(policy(statement("Deny", Sid="Closed"))) as network:
        outcome = ask(network, role=None).outcome

        assert isinstance(outcome, Denied)
        assert outcome.reason == (
            "Statement[0] `Closed` of the auth policy of service `orders` denies"
        )
        assert (outcome.sid, outcome.status) == ("Closed", 403)
        assert outcome.body.endswith("with an explicit deny in a service-based policy")


def test_missing_policy_is_told() -> None:
    """Where auth is on and there is no policy, that is the reason."""
    with shop(service={"auth_type": "AWS_IAM"}) as network:
        outcome = ask(network, role=None).outcome

        assert isinstance(outcome, Denied)
        assert outcome.reason == "there is no auth policy of service `orders`"


def test_other_policies_after_a_change() -> None:
    """A caller that is declared later is judged by its own policies."""
    with shop(OPEN) as network:
        first = ask(network, role="checkout")
        network.role("caller")

        assert denied_by(first) is None
        assert denied_by(ask(network)) == ("identity", "IMPLICIT_DENY")
