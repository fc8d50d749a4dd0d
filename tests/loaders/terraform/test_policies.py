"""Policies that are known, put together anew, or for the user to say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_lattice import Service, load_terraform
from tests.loaders.terraform.plans import (
    ACCOUNT,
    AFTER,
    L,
    always,
    plan,
    resource,
    to,
)
from tests.model.refusals import refused

SERVICE = resource(f"{L}service.orders", {"name": "orders", "id": AFTER, "arn": AFTER})
VPC = resource("aws_vpc.apps", {"cidr_block": "10.0.0.0/16", "id": AFTER})
ROLES = [
    resource(f"aws_iam_role.{name}", {"name": name, "path": "/", "arn": AFTER})
    for name in ("checkout", "porter")
]
CHECKOUT = "arn:aws:iam::123456789012:role/checkout"
ROOT = "arn:aws:iam::111122223333:root"
DOCUMENT = "data.aws_iam_policy_document.orders"


def policy(*references: str) -> dict[str, Any]:
    """Write an auth policy that is known only after apply."""
    return resource(
        f"{L}auth_policy.orders",
        {"resource_identifier": AFTER, "policy": AFTER},
        resource_identifier=to(f"{L}service.orders.arn"),
        policy=to(*references),
    )


def document(
    statement: dict[str, Any], written: dict[str, Any], **more: object
) -> dict[str, Any]:
    """Write a data source with one statement that is read during apply."""
    everything = {
        "actions": ["vpc-lattice-svcs:Invoke"],
        "resources": ["*"],
        "principals": [{"type": "*", "identifiers": ["*"]}],
        "condition": [],
        "effect": None,
        "sid": None,
    }
    values = {"json": AFTER, "version": None, "statement": [everything | statement]}
    return resource(DOCUMENT, values | more, statement=[written])


def rebuilt(*resources: dict[str, Any]) -> dict[str, Any]:
    """Load a plan with that data source, and give the statement of the policy."""
    written = plan(SERVICE, VPC, *ROLES, *resources, policy(f"{DOCUMENT}.json"))
    made = load_terraform(written, accounts=ACCOUNT)
    (service,) = (each for each in made if isinstance(each, Service))
    loaded = json.loads(str(service.auth_policy))
    assert loaded["Version"] == "2012-10-17"
    (statement,) = loaded["Statement"]
    found: dict[str, Any] = statement
    return found


PRINCIPAL = {"type": always("AWS"), "identifiers": to("aws_iam_role.checkout.arn")}
SOURCE_VPC = "vpc-lattice-svcs:SourceVpc"


def test_planned_roles_are_put_back_as_principals() -> None:
    """A principal is an ARN and nothing around it, so the reference says it all."""
    statement = rebuilt(
        document(
            {
                "sid": "Shop",
                "principals": [
                    {
                        "type": "AWS",
                        "identifiers": [AFTER, "arn:aws:iam::111122223333:root"],
                    }
                ],
            },
            {"principals": [PRINCIPAL]},
        )
    )

    assert statement == {
        "Sid": "Shop",
        "Effect": "Allow",
        "Principal": {"AWS": [ROOT, CHECKOUT]},
        "Action": ["vpc-lattice-svcs:Invoke"],
        "Resource": ["*"],
    }


def test_planned_vpcs_are_put_back_where_a_key_holds_an_id() -> None:
    """`SourceVpc` is an id as a whole; blocks are told apart by test and variable."""
    block = {"test": "StringEquals", "variable": SOURCE_VPC, "values": [AFTER]}
    other = {"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}
    written = [
        {key: always(value) for key, value in other.items()},
        {
            "test": always("StringEquals"),
            "variable": always(SOURCE_VPC),
            "values": to("aws_vpc.apps.id"),
        },
    ]
    statement = rebuilt(document({"condition": [block, other]}, {"condition": written}))
    made = load_terraform(plan(VPC), accounts=ACCOUNT)

    assert statement["Condition"] == {
        "StringEquals": {SOURCE_VPC: [made[0].id]},  # type: ignore[union-attr]  # a VPC
        "Bool": {"aws:SecureTransport": ["true"]},
    }
    assert statement["Principal"] == "*"


def test_policy_variables_are_written_as_iam_does() -> None:
    """`&{…}` is the data source's way to write `${…}`; several lists have a name."""
    statement = rebuilt(
        document(
            {
                "effect": "Deny",
                "actions": None,
                "not_actions": ["iam:*"],
                "resources": None,
                "not_resources": ["arn:x/&{aws:username}"],
                "principals": [],
                "not_principals": [{"type": "AWS", "identifiers": [AFTER]}],
            },
            {"not_principals": [PRINCIPAL]},
        )
    )

    assert statement == {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": CHECKOUT},
        "NotAction": ["iam:*"],
        "NotResource": ["arn:x/${aws:username}"],
    }


def condition(test: str, key: str) -> dict[str, Any]:
    """Write a condition whose only value is known only after apply."""
    return {"test": test, "variable": key, "values": [AFTER]}


def vague(statement: dict[str, Any], written: dict[str, Any], **more: object) -> Any:  # noqa: ANN401  # lines
    """Load a plan whose policy cannot be put together."""
    return refused(rebuilt, document(statement, written, **more))


def test_resources_are_for_the_user_to_say() -> None:
    """`"${…arn}/*"` and the bare ARN look the same in a plan, so neither is taken."""
    said = vague({"resources": [AFTER]}, {"resources": to(f"{L}service.orders.arn")})

    assert said == [
        f"`statement[0].resources` is known only after apply (the plan, {DOCUMENT})",
        (
            f'say it with values={{"{DOCUMENT}.statement[0].resources": "…"}}, or '
            "load the state after apply"
        ),
        f"a plan keeps no text around the references: `{L}service.orders.arn`",
        f"in what you write, ${{{L}service.orders.arn}} stands for what is planned",
    ]


@pytest.mark.parametrize(
    ("statement", "written", "attribute"),
    [
        pytest.param({"principals": AFTER}, {}, "statement[0].principals", id="blocks"),
        pytest.param(
            {"principals": [{"type": "AWS", "identifiers": AFTER}]},
            {"principals": [PRINCIPAL]},
            "statement[0].principals[0].identifiers",
            id="constants-may-be-lost",
        ),
        pytest.param(
            {"principals": [{"type": "AWS", "identifiers": [AFTER]}]},
            {"principals": [{"identifiers": to("local.role_arn")}]},
            "statement[0].principals[0].identifiers",
            id="local",
        ),
        pytest.param(
            {"principals": [{"type": "AWS", "identifiers": [AFTER]}]},
            {"principals": [{"identifiers": to("aws_iam_role.checkout.unique_id")}]},
            "statement[0].principals[0].identifiers",
            id="no-arn",
        ),
        pytest.param(
            {"principals": [{"type": "AWS", "identifiers": [AFTER]}]},
            {},
            "statement[0].principals[0].identifiers",
            id="dynamic",
        ),
        pytest.param(
            {
                "condition": [
                    {"test": "StringLike", "variable": SOURCE_VPC, "values": [AFTER]}
                ]
            },
            {"condition": [{"values": to("aws_vpc.apps.id")}]},
            "statement[0].condition[0].values",
            id="pattern",
        ),
        pytest.param(
            {
                "condition": [
                    {
                        "test": "StringEquals",
                        "variable": "aws:PrincipalTag/vpc",
                        "values": [AFTER],
                    }
                ]
            },
            {"condition": [{"values": to("aws_vpc.apps.id")}]},
            "statement[0].condition[0].values",
            id="key-of-free-text",
        ),
        pytest.param(
            {"condition": AFTER}, {}, "statement[0].condition", id="conditions"
        ),
        pytest.param(
            {"condition": [{"test": AFTER, "variable": SOURCE_VPC, "values": []}]},
            {},
            "statement[0].condition[0]",
            id="operator",
        ),
    ],
)
def test_what_is_not_put_together(
    statement: dict[str, Any], written: dict[str, Any], attribute: str
) -> None:
    """Where a value may be more than the reference, nothing is guessed."""
    assert vague(statement, written)[0] == (
        f"`{attribute}` is known only after apply (the plan, {DOCUMENT})"
    )


def test_merged_documents_are_not_put_together() -> None:
    """A document made of others is unknown with them."""
    said = vague({}, {}, source_policy_documents=["{}"])

    assert said[0] == f"`json` is known only after apply (the plan, {DOCUMENT})"
    assert said[2] == "it cannot be put together because of `source_policy_documents`"


def test_jsonencode_is_for_the_user_to_say() -> None:
    """The plan has nothing of the text but what it refers to."""
    written = plan(SERVICE, *ROLES, policy(f"{L}service.orders.arn", "local.team"))

    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        f"`policy` is known only after apply (the plan, {L}auth_policy.orders)",
        (
            f'say it with values={{"{L}auth_policy.orders.policy": "…"}}, or load '
            "the state after apply"
        ),
        (
            f"a plan keeps no text around the references: `{L}service.orders.arn`, "
            "`local.team`"
        ),
        f"in what you write, ${{{L}service.orders.arn}} stands for what is planned",
    ]


def test_a_list_of_a_rebuilt_document_can_be_said() -> None:
    """What is missing in the data source alone is enough."""
    path = f"{DOCUMENT}.statement[0].resources"
    written = plan(
        SERVICE,
        document({"resources": [AFTER]}, {"resources": to(f"{L}service.orders.arn")}),
        policy(f"{DOCUMENT}.json"),
    )
    (service,) = load_terraform(
        written, accounts=ACCOUNT, values={path: [f"${{{L}service.orders.arn}}/*"]}
    )
    assert isinstance(service, Service)

    assert json.loads(str(service.auth_policy))["Statement"][0]["Resource"] == [
        f"{service.arn}/*"
    ]
