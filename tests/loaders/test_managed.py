"""AWS's managed policies, as loaders know them."""

from __future__ import annotations

import pytest

from pytest_lattice.loaders.managed import LeftOut, policy_of_aws
from pytest_lattice.loaders.notices import Notices
from pytest_lattice.model.source import SourceLocation

PLACE = SourceLocation("orders.yaml", 7, "Caller")
AWS = "arn:aws:iam::aws:policy/"


def policy(name: str, *, boundary: bool) -> tuple[str | None, list[str]]:
    """Take a policy twice, and give what it is and what is noted."""
    notices = Notices()
    for given in (name, f"{AWS}{name}"):
        found = policy_of_aws(given, boundary=boundary, notices=notices, place=PLACE)
    return found, notices.texts


@pytest.mark.parametrize("boundary", [True, False])
@pytest.mark.parametrize(
    "name",
    [
        "AWSDenyAll",
        "AdministratorAccess",
        "PowerUserAccess",
        "VPCLatticeServicesInvokeAccess",
    ],
)
def test_few_policies_are_known(name: str, *, boundary: bool) -> None:
    """Those that say something of calls are known by name or ARN."""
    assert policy(name, boundary=boundary) == (f"{AWS}{name}", [])


def test_others_say_nothing() -> None:
    """Usual ones do so in silence, of others there is one notice."""
    usual = "service-role/AWSLambdaBasicExecutionRole"

    assert policy(usual, boundary=False) == (None, [])
    assert policy("ReadOnlyAccess", boundary=False) == (
        None,
        [
            (
                "AWS's policy `ReadOnlyAccess` is not known here and is taken to say "
                "nothing of vpc-lattice-svcs (orders.yaml:7, Caller)"
            )
        ],
    )


@pytest.mark.parametrize(
    ("name", "boundary"),
    [
        ("ReadOnlyAccess", True),
        ("service-role/AWSLambdaBasicExecutionRole", True),
        ("AWSCompromisedKeyQuarantineV3", False),
    ],
)
def test_what_may_deny_is_not_guessed(name: str, *, boundary: bool) -> None:
    """A boundary denies what it does not say, a quarantine covers every service."""
    with pytest.raises(LeftOut) as why:
        policy(name, boundary=boundary)

    assert why.value.notice("role `checkout`", PLACE) == (
        f"role `checkout` is left out, because AWS's policy `{name}` is not known here "
        "(orders.yaml:7, Caller)"
    )
