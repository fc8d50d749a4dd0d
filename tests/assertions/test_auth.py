"""`assert_allowed` and `assert_denied`: what holds, and the whole text of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pytest_lattice import (
    ConfigurationError,
    LatticeAssertionError,
    SigV4Auth,
    assert_allowed,
    assert_denied,
    assert_routed,
)
from tests.model.refusals import refused
from tests.shop import CHECKOUT, OPEN, READ_ONLY, SERVICE_ARN, policy, shop, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice import LatticeNetwork

HOST = "orders-13db4bb6c385650ff.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
CLOSED = policy(
    statement(Sid="Everybody"),
    statement(
        "Deny",
        Sid="NoDelete",
        Condition={"StringEquals": {"vpc-lattice-svcs:RequestMethod": "DELETE"}},
    ),
)


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give a shop in which the checkout may read, and a role without a policy."""
    with shop(READ_ONLY, CLOSED) as made:
        made.role("lazy")
        yield made


def failure(assertion: Callable[..., None], *args: object, **claims: Any) -> str:  # noqa: ANN401  # as the assertion's
    """Return what a claim that does not hold prints."""
    with pytest.raises(LatticeAssertionError) as caught:
        assertion(*args, **claims)
    return str(caught.value)


def test_claims_that_hold(network: LatticeNetwork) -> None:
    """Responses, decisions and lists of them are all judged alike."""
    client = network.client("orders", role="checkout")
    reads = [client.get("/"), client.get("/a")]
    asked = network.decide("GET", "https://orders/", role="checkout")

    assert_allowed(reads)
    assert_allowed(reads, by="ReadOnly")
    assert_allowed([*reads, asked], by="Everybody")
    assert_denied(client.post("/"), layer="service", verdict="implicit")
    assert_denied(
        client.delete("/"), layer="network", by="NoDelete", verdict="explicit"
    )
    assert_denied(network.authorize("GET", "https://orders/"), layer="service")
    assert_denied(client.post("/"), verdict="IMPLICIT_DENY")


def test_a_denial_is_explained(network: LatticeNetwork) -> None:
    """The text names each layer, each statement, and the smallest change."""
    response = network.client("orders", role="checkout").post("/cart")

    assert failure(assert_allowed, response) == (
        "expected the caller to be let in, but no statement of the auth policy of "
        "service `orders` allows\n"
        "  would be allowed if `vpc-lattice-svcs:RequestMethod` were `GET`\n"
        "\n"
        f"POST https://{HOST}/cart from 10.0.231.107 in VPC `default`\n"
        "  VPC       yes  associated with service network `mall`\n"
        "  service   yes  `orders` by its generated DNS name\n"
        "  listener  yes  HTTPS on port 443\n"
        "  caller    yes  role `checkout` (arn:aws:sts::123456789012:assumed-role/"
        "checkout/test-session)\n"
        "  network   yes  auth policy of service network `mall` allows: Statement[0] "
        "`Everybody`\n"
        "    Allow   yes  Statement[0] `Everybody`: allows\n"
        "    Deny    no   Statement[1] `NoDelete`: StringEquals "
        'vpc-lattice-svcs:RequestMethod "DELETE", but it is "POST"\n'
        "  service   no   no statement of the auth policy of service `orders` allows\n"
        "    Allow   no   Statement[0] `ReadOnly`: StringEquals "
        'vpc-lattice-svcs:RequestMethod "GET", but it is "POST"\n'
        "  identity  yes  identity-based policy of role `checkout` allows: "
        "Statement[0] of managed policy `VPCLatticeServicesInvokeAccess`\n"
        "    Allow   yes  Statement[0] of managed policy "
        "`VPCLatticeServicesInvokeAccess`: allows\n"
        "  => 403 ClientAccessDenied"
    )


def first_lines(text: str) -> list[str]:
    """Return what stands before the explanation."""
    return text.partition("\n\n")[0].split("\n")


def test_denied_for_another_reason(network: LatticeNetwork) -> None:
    """The reported layer is named, and whether the claimed one refuses too."""
    asked = network.authorize("DELETE", "https://orders/", role="lazy")

    assert first_lines(failure(assert_denied, asked, layer="service")) == [
        (
            "expected a denial by the service layer, but Statement[1] `NoDelete` of "
            "the auth policy of service network `mall` denies (network layer); the "
            "service layer refuses too, but AWS names one"
        ),
        (
            f"  would be allowed if the caller were `{CHECKOUT}` and "
            "`vpc-lattice-svcs:RequestMethod` were `GET` and there were an "
            "identity-based policy of role `lazy` that allowed vpc-lattice-svcs:Invoke "
            f"on {SERVICE_ARN}/ (the policies of that caller have to allow it too)"
        ),
    ]


def test_let_in_where_a_denial_is_claimed(network: LatticeNetwork) -> None:
    """A caller that gets in is shown with what would keep it out."""
    allowed = network.authorize("GET", "https://orders/", role="checkout")
    text = failure(assert_denied, allowed, by="NoDelete", verdict="explicit")

    assert first_lines(text) == [
        (
            "expected an explicit denial by statement `NoDelete`, but the caller is "
            "let in"
        ),
        "  would be denied if `vpc-lattice-svcs:RequestMethod` were `DELETE`",
    ]


def test_wrong_statement_allows(network: LatticeNetwork) -> None:
    """Another statement than the claimed one is named."""
    denied = network.authorize("GET", "https://orders/", role="checkout")

    assert first_lines(failure(assert_allowed, denied, by="NoDelete"))[0] == (
        "expected statement `NoDelete` to allow, but `Everybody`, `ReadOnly` did"
    )


def test_several_requests(network: LatticeNetwork) -> None:
    """Of several requests the first wrong one is shown, with its number."""
    client = network.client("orders", role="checkout")
    text = failure(assert_allowed, [client.get("/"), client.put("/"), client.post("/")])

    assert "  2 of 3 requests are not as expected; this is request 2" in first_lines(
        text
    )


def test_nobody_was_asked() -> None:
    """A claim about a statement fails where no auth type is AWS_IAM."""
    with shop() as network:
        response = network.client("orders").get("/")

        assert_allowed(response)
        assert first_lines(failure(assert_allowed, response, by="Any")) == [
            "expected statement `Any` to allow, but no auth type is AWS_IAM"
        ]
        assert first_lines(failure(assert_denied, response)) == [
            "expected a denial, but the caller is let in"
        ]
        signed = network.client("orders", role="checkout").get("/")
        assert first_lines(failure(assert_allowed, signed, by="Any")) == [
            "expected statement `Any` to allow, but no auth type is AWS_IAM"
        ]


def test_request_that_came_nowhere(network: LatticeNetwork) -> None:
    """What found no service was neither let in nor denied."""
    asked = network.decide("GET", "https://nowhere.example/")

    for assertion in (assert_allowed, assert_denied):
        assert "but the request did not come so far: connection reset" in failure(
            assertion, asked
        )


def test_failed_signature_is_explained(network: LatticeNetwork) -> None:
    """A signature that does not verify is compared with the right one."""
    signer = SigV4Auth(
        network.configuration.caller("checkout"),
        clock=network.clock,
        region="eu-west-1",
    )
    response = network.client("orders", auth=signer).get("/")
    text = failure(assert_allowed, response)

    assert_denied(response, layer="authentication")
    assert text.startswith(
        "expected the caller to be let in, but signed for region `eu-west-1`"
    )
    assert "! 20260101/eu-west-1/vpc-lattice-svcs/aws4_request" in text
    assert "session-token/" not in text


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            {"layer": "servce"},
            ["unknown layer `servce`", "did you mean `service`?"],
        ),
        (
            {"verdict": "explicitly"},
            ["unknown verdict `explicitly`", "did you mean `explicit`?"],
        ),
        (
            {"verdict": ["implicit"]},
            ["unknown verdict `['implicit']`", "did you mean `implicit`?"],
        ),
        (
            {"by": "NoDelete", "verdict": "implicit"},
            [
                "nothing denies implicitly by statement `NoDelete`",
                "an implicit denial is one that no statement makes",
            ],
        ),
        ({"by": 1}, ["by `1` is not the Sid of a statement"]),
        ({"by": "NoDelet"}, ["unknown Sid `NoDelet`", "did you mean `NoDelete`?"]),
    ],
)
def test_claim_that_nothing_could_meet(
    network: LatticeNetwork, claims: dict[str, Any], said: list[str]
) -> None:
    """A misspelled claim is a mistake of the test, with the nearest right name."""
    asked = network.authorize("DELETE", "https://orders/")

    assert refused(assert_denied, asked, **claims) == said


def test_policies_without_a_sid() -> None:
    """A Sid cannot be claimed of policies that have none."""
    with shop(policy(statement())) as network:
        asked = network.authorize("GET", "https://orders/")

        assert refused(assert_allowed, asked, by="Any") == [
            "no statement has the Sid `Any`",
            "no statement has a Sid",
        ]


def test_foreign_response_is_refused() -> None:
    """A response of another client says nothing about the network."""
    with pytest.raises(LatticeAssertionError, match="carries no exchange"):
        assert_allowed(httpx.Response(403))


def test_other_assertions_understand_denials(network: LatticeNetwork) -> None:
    """`assert_routed` sees a denial as a 403 that came to no rule."""
    response = network.client("orders").get("/")

    assert_routed(response, status=403)
    assert "the request came to no rule" in failure(assert_routed, response, rule=1)
    with pytest.raises(LatticeAssertionError, match="no rule was asked"):
        assert_routed(
            network.authorize("GET", "https://orders/", role="checkout"), rule=1
        )


def test_open_policy_needs_no_signature() -> None:
    """An anonymous caller is let in by a statement about everybody."""
    with shop(OPEN) as network:
        assert_allowed(network.client("orders").get("/"), by="Everybody")


def test_nothing_to_judge_is_refused() -> None:
    """An empty list proves nothing."""
    with pytest.raises((ConfigurationError, LatticeAssertionError), match="empty"):
        assert_denied([])
