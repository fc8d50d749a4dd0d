"""Who may use whose resources."""

import pytest

from pytest_lattice.model.service import Service
from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceNetwork,
)
from pytest_lattice.model.sharing import refusal, shared_with

OWNER, ONE, OTHER = "111111111111", "222222222222", "333333333333"
SHOP = Service("shop", account=OWNER)
CORP = ServiceNetwork("corp", account=OWNER)
UNIT, OTHER_UNIT = "ou-ab12-exampleou1", "ou-ab12-exampleou2"
ORGANIZATIONS = [
    Organization("o-exampleorgid", accounts=[OWNER], units={UNIT: [ONE]}),
    Organization("o-otherorgid1", accounts=[OTHER]),
]


def share(
    *principals: str, resource: str = "shop", account: str = OWNER
) -> ResourceShare:
    """Share one resource."""
    return ResourceShare(
        "share", resources=[resource], principals=principals, account=account
    )


@pytest.mark.parametrize(
    ("principal", "reached"),
    [
        pytest.param(ONE, {ONE}, id="account"),
        pytest.param("o-exampleorgid", {ONE}, id="organization"),
        pytest.param("o-otherorgid1", {OTHER}, id="other-organization"),
        pytest.param(UNIT, {ONE}, id="unit"),
        pytest.param(OTHER_UNIT, set(), id="unit-of-nobody"),
        pytest.param("o-unknownorg1", set(), id="unknown-organization"),
        pytest.param(
            f"arn:aws:organizations::{OWNER}:organization/o-exampleorgid",
            {ONE},
            id="organization-arn",
        ),
    ],
)
def test_share_reaches(principal: str, reached: set[str]) -> None:
    """A share reaches accounts directly, through their organization or their unit."""
    given = share(principal)

    found = {
        account
        for account in (ONE, OTHER)
        if shared_with(account, SHOP, [given], ORGANIZATIONS) is given
    }

    assert found == reached


@pytest.mark.parametrize("resource", [SHOP.name, SHOP.id, SHOP.arn])
def test_share_names_its_resource(resource: str) -> None:
    """A resource is shared by its name, its id or its ARN."""
    assert shared_with(ONE, SHOP, [share(ONE, resource=resource)], [])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(share(ONE, resource="cart"), id="another-resource"),
        pytest.param(share(ONE, account=OTHER), id="another-owner"),
        pytest.param(share(OTHER), id="another-receiver"),
    ],
)
def test_share_does_not_reach(given: ResourceShare) -> None:
    """A share of another resource, owner or receiver means nothing here."""
    assert shared_with(ONE, SHOP, [given], ORGANIZATIONS) is None


def test_first_share_that_reaches_is_found() -> None:
    """Of several shares the first that reaches the account is found."""
    shares = [share(OTHER), share(ONE), share("o-exampleorgid")]

    assert shared_with(ONE, SHOP, shares, ORGANIZATIONS) is shares[1]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (SHOP, f"service `shop` of account {OWNER} is not shared with account {ONE}"),
        (
            CORP,
            (
                f"service network `corp` of account {OWNER} "
                f"is not shared with account {ONE}"
            ),
        ),
    ],
)
def test_refusal_says_whose_it_is(
    resource: Service | ServiceNetwork, expected: str
) -> None:
    """Who may not use a resource is told what, whose, and who asked."""
    assert refusal(ONE, resource, [], ORGANIZATIONS) == expected


def test_owner_and_receiver_are_not_refused() -> None:
    """The owner may use a resource, and who has it shared."""
    assert refusal(OWNER, SHOP, [], []) is None
    assert refusal(ONE, SHOP, [share(ONE)], []) is None
