"""What a red test prints: the reason of a 403, in full.

Each test makes a claim that is wrong and compares the text of the failure with a file
in reasons/, which is the place to see what such texts look like.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lattice import (
    Forward,
    LatticeAssertionError,
    LatticeNetwork,
    Listener,
    Role,
    Service,
    SigV4Auth,
    TargetGroup,
    assert_allowed,
    assert_denied,
)

REASONS = Path(__file__).parent / "reasons"

READER = Role("reader", policies=["VPCLatticeServicesInvokeAccess"])
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadersRead",
            "Effect": "Allow",
            "Principal": {"AWS": READER.arn},
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": "*",
            "Condition": {"StringEquals": {"vpc-lattice-svcs:RequestMethod": "GET"}},
        },
        {
            "Sid": "NoAdmin",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": f"{Service('rates').arn}/admin/*",
        },
    ],
}


def printed(error: LatticeAssertionError) -> str:
    """Write a failure as pytest prints it, without blanks at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in str(error).splitlines())


def reason(name: str) -> str:
    """Read the text that is expected."""
    return (REASONS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.fixture
def rates(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """A service that one role may read."""
    lattice_network.add(
        TargetGroup("web", targets="echo"),
        Service(
            "rates",
            listeners=[Listener("HTTPS", default=Forward("web"))],
            auth_policy=POLICY,
            custom_domain_name="rates.example.com",
            certificate_arn=(
                "arn:aws:acm:us-west-2:123456789012:certificate/"
                "11112222-3333-4444-5555-666677778888"
            ),
        ),
        READER,
    )
    return lattice_network


def test_no_statement_allows(rates: LatticeNetwork) -> None:
    """Of each statement it says what did not apply, and what would have to change."""
    response = rates.client("rates", role="reader").post("/eur")

    with pytest.raises(LatticeAssertionError) as caught:
        assert_allowed(response)

    assert printed(caught.value) == reason("no-statement-allows")


def test_a_statement_denies(rates: LatticeNetwork) -> None:
    """The denial is there with its Sid, beside what would have allowed."""
    response = rates.client("rates", role="reader").get("/admin/users")

    with pytest.raises(LatticeAssertionError) as caught:
        assert_allowed(response)

    assert printed(caught.value) == reason("a-statement-denies")


def test_the_caller_is_let_in(rates: LatticeNetwork) -> None:
    """Who was to be kept out is let in; the failure names the statement behind it."""
    decision = rates.authorize("GET", "https://rates/eur", role="reader")

    with pytest.raises(LatticeAssertionError) as caught:
        assert_denied(decision)

    assert printed(caught.value) == reason("the-caller-is-let-in")


def test_a_wrong_signature(rates: LatticeNetwork) -> None:
    """A mistake in signing is found and shown, beside what the network computed."""
    client = rates.client("rates")
    request = client.build_request("GET", "https://rates.example.com/eur")
    SigV4Auth(READER, clock=rates.clock)(request)
    # A proxy on the way rewrites the host.
    request.headers["host"] = Service("rates").dns_name
    response = client.send(request)

    with pytest.raises(LatticeAssertionError) as caught:
        assert_allowed(response)

    assert printed(caught.value) == reason("a-wrong-signature")
