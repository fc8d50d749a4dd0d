"""Accounts and Regions of what is planned."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from pytest_lattice import LatticeWarning, Service, load_terraform
from tests.loaders.terraform.plans import (
    AFTER,
    L,
    always,
    fixture,
    plan,
    resource,
    to,
)
from tests.model.refusals import refused


def service(**more: object) -> dict[str, Any]:
    """Write a service to be created."""
    provider = more.pop("provider", "aws")
    values = {"name": "orders", "id": AFTER, "arn": AFTER, **more}
    return resource(f"{L}service.orders", values, provider=provider)


def owner(
    *resources: dict[str, Any],
    provider: dict[str, Any] | None = None,
    **options: Any,  # noqa: ANN401  # of `load_terraform`
) -> tuple[str, str, list[str]]:
    """Load a plan, and give the owner of its service and the warnings."""
    written = plan(*resources, variables={"region": {"value": "eu-west-3"}})
    if provider is not None:
        written["configuration"]["provider_config"]["aws"]["expressions"] = provider
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LatticeWarning)
        made = load_terraform(written, **options)
    (found,) = (each for each in made if isinstance(each, Service))
    return found.account, found.region, [str(each.message) for each in caught]


IDENTITY = resource("data.aws_caller_identity.me", {"account_id": "111122223333"})
ROLE = "arn:aws:iam::222233334444:role/deployer"
NEIGHBOR = resource(
    "aws_vpc.old",
    {
        "arn": "arn:aws:ec2:ap-south-1:333344445555:vpc/vpc-0abcdef1",
        "id": "vpc-0abcdef1",
        "cidr_block": "10.0.0.0/16",
    },
)


@pytest.mark.parametrize(
    ("resources", "provider", "expected"),
    [
        pytest.param(
            [IDENTITY],
            {"region": to("var.region")},
            ("111122223333", "eu-west-3"),
            id="caller-identity",
        ),
        pytest.param(
            [],
            {
                "region": always("eu-north-1"),
                "assume_role": [{"role_arn": always(ROLE)}],
            },
            ("222233334444", "eu-north-1"),
            id="assumed-role",
        ),
        pytest.param(
            [],
            {
                "region": always("eu-north-1"),
                "allowed_account_ids": always(["444455556666"]),
            },
            ("444455556666", "eu-north-1"),
            id="allowed-accounts",
        ),
        pytest.param([NEIGHBOR], {}, ("333344445555", "ap-south-1"), id="neighbor"),
        pytest.param(
            [IDENTITY, resource("data.aws_region.r", {"name": "sa-east-1"})],
            {},
            ("111122223333", "sa-east-1"),
            id="region-read",
        ),
    ],
)
def test_where_a_plan_says_it(
    resources: list[dict[str, Any]], provider: dict[str, Any], expected: tuple[str, str]
) -> None:
    """Data sources, the configuration and neighbors tell account and Region."""
    assert owner(service(), *resources, provider=provider) == (*expected, [])


def test_a_region_of_its_own() -> None:
    """Since version 6 of the provider a resource may be in another Region."""
    found = owner(service(region="eu-south-1"), IDENTITY)

    assert found == ("111122223333", "eu-south-1", [])


def test_what_nobody_says_is_warned_of() -> None:
    """A stand-in account would make policies lie silently, so it is named."""
    assert owner(service(), provider={"region": to("local.region")}) == (
        "123456789012",
        "us-west-2",
        [
            (
                "the plan does not say the account of provider configuration `aws`, so "
                '123456789012 stands in; say it with accounts={"aws": "…"}'
            ),
            (
                "the plan does not say the Region of provider configuration `aws`, so "
                'us-west-2 stands in; say it with regions={"aws": "…"}'
            ),
        ],
    )


def test_the_user_says_it() -> None:
    """What the user says comes first."""
    found = owner(
        service(),
        IDENTITY,
        accounts={"aws": "999988887777"},
        regions={"aws": "ca-west-1"},
    )

    assert found == ("999988887777", "ca-west-1", [])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"accounts": {"aws.netwrok": "111122223333"}},
            [
                "unknown provider configuration `aws.netwrok`",
                "did you mean `aws.network`?",
            ],
        ),
        (
            {"accounts": {"aws.network": "1"}},
            ["account `1` is not 12 digits"],
        ),
        (
            {"regions": {"aws.network": "Frankfurt"}},
            ["Region `Frankfurt` is not a Region name"],
        ),
    ],
)
def test_what_the_user_says_wrong(options: dict[str, Any], said: list[str]) -> None:
    """A provider configuration that is none, an account or Region that is none."""
    assert refused(load_terraform, fixture("two-accounts-plan.json"), **options) == said


def test_a_region_that_is_none() -> None:
    """A Region in the configuration is held to the form of one."""
    written = plan(service(), IDENTITY)
    aws = written["configuration"]["provider_config"]["aws"]
    aws["expressions"] = {"region": always("nowhere")}

    assert refused(load_terraform, written) == [
        "the plan: provider configuration `aws`: Region `nowhere` is not a Region name"
    ]


def test_one_document_of_several_has_the_provider() -> None:
    """What is said of a provider configuration counts where it is."""
    other = plan(resource("aws_vpc.v", {"cidr_block": "10.0.0.0/16", "id": AFTER}))
    aliased = plan(service(provider="aws.far"))
    aliased["configuration"]["provider_config"]["aws.far"] = {}
    made = load_terraform(
        other,
        aliased,
        accounts={"aws": "111122223333", "aws.far": "222233334444"},
        regions={"aws.far": "eu-west-2"},
    )
    (found,) = (each for each in made if isinstance(each, Service))

    assert (found.account, found.region) == ("222233334444", "eu-west-2")


def test_providers_that_modules_inherit() -> None:
    """A module without a provider of its own has its caller's."""
    written = plan(service(provider="module.x:aws"), IDENTITY)
    (found,) = load_terraform(written)

    assert isinstance(found, Service)
    assert found.account == "111122223333"
