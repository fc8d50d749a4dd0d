"""The steps of authentication and authorization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.decision.access_steps import access_steps
from pytest_lattice.decision.guard import Access
from tests.shop import OPEN, READ_ONLY, policy, shop, statement

if TYPE_CHECKING:
    from pytest_lattice import LatticeNetwork


def lines(
    network: LatticeNetwork,
    method: str = "GET",
    *,
    role: str | None = None,
    all_: bool = False,
) -> list[str]:
    """Write the steps of a question, a line each."""
    access = network.authorize(method, "https://orders/", role=role).access
    assert isinstance(access, Access)
    return [
        f"{step.name}|{'yes' if step.passed else 'no'}|{step.text}"
        for step in access_steps(access, every_statement=all_)
    ]


def test_layer_that_allows_takes_a_line() -> None:
    """Statements of a layer that allows are shown only when asked for."""
    with shop(OPEN) as network:
        short = [
            "caller|yes|an anonymous caller",
            (
                "service|yes|auth policy of service `orders` allows: Statement[0] "
                "`Everybody`"
            ),
        ]
        assert lines(network) == short
        assert lines(network, all_=True) == [
            *short,
            "  Allow|yes|Statement[0] `Everybody`: allows",
        ]


def test_layer_that_denies_shows_its_statements() -> None:
    """Each statement of a layer that does not allow says what did not apply."""
    with shop(READ_ONLY) as network:
        network.role("lazy")

        assert lines(network, "PUT", role="lazy")[1:] == [
            "service|no|no statement of the auth policy of service `orders` allows",
            (
                "  Allow|no|Statement[0] `ReadOnly`: Principal "
                "`arn:aws:iam::123456789012:role/checkout` does not name role `lazy` "
                "(arn:aws:sts::123456789012:assumed-role/lazy/test-session)"
            ),
            (
                "identity|no|there is no identity-based policy of role `lazy`, so "
                "nothing allows"
            ),
        ]


def test_nearest_statements_are_shown() -> None:
    """Of many statements those that came nearest are shown, in their order."""

    def nth(number: int) -> dict[str, object]:
        near = number % 3 == 0
        keys = {"vpc-lattice-svcs:RequestMethod": "PUT"}
        if not near:
            keys["vpc-lattice-svcs:RequestPath"] = f"/{number}"
        return statement(Sid=f"s{number}", Condition={"StringEquals": keys})

    with shop(policy(*(nth(number) for number in range(1, 31)))) as network:
        found = lines(network)

        assert len(found) == 2 + 8 + 1
        assert "Statement[2] `s3`" in found[2]
        assert found[-1] == (
            "  …|no|22 more statements do not apply; these came nearest"
        )


def test_statement_of_one_of_several_policies_names_it() -> None:
    """Where a caller has several policies each statement says whose it is."""
    other = policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    with shop(OPEN) as network:
        network.role("two", policies=[other, other])

        reason = 'Action "s3:*" does not cover vpc-lattice-svcs:Invoke'
        assert lines(network, role="two")[-2:] == [
            f"  Allow|no|Statement[0] of policy {number}: {reason}" for number in (1, 2)
        ]


def test_failed_signature_is_the_only_step() -> None:
    """A request whose signature fails has no caller to speak of."""
    with shop(OPEN) as network:
        asked = network.decide(
            "GET",
            "https://orders/",
            headers={"authorization": "AWS4-HMAC-SHA256 nonsense"},
        )
        assert asked.access is not None
        (step,) = access_steps(asked.access)

        assert (step.name, step.passed) == ("signature", False)
        assert step.text.startswith("IncompleteSignatureException: ")
