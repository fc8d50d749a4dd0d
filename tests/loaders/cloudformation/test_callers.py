"""Roles and users of templates, with their policies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_lattice import Role, User
from pytest_lattice.loaders.cloudformation.callers import Callers
from tests.loaders.cloudformation.templates import stacks_of
from tests.model.refusals import refused

INVOKE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}
    ],
}
READ = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:Get*", "s3:List?"],
            "Resource": {"Fn::GetAtt": "Table.Arn"},
        }
    ],
}
TABLE = {"Table": {"Type": "AWS::DynamoDB::Table"}}
AWS = "arn:aws:iam::aws:policy/"
MANAGED = f"{AWS}VPCLatticeServicesInvokeAccess"
ELSEWHERE = "arn:aws:iam::123456789012:policy/elsewhere"


def iam(kind: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # a template's
    """Write an IAM resource."""
    return {"Type": f"AWS::IAM::{kind}", "Properties": properties}


def callers(**resources: Any) -> list[Any]:  # noqa: ANN401  # a template's
    """Make the callers of a template."""
    values = resources.pop("values", None)
    stacks = stacks_of({"Resources": {**TABLE, **resources}}, values=values)
    return list(Callers(stacks.all).made())


def actions(caller: Role | User) -> list[object]:
    """List what the policies of a caller are about, or how they are called."""
    return [
        json.loads(each)["Statement"][0]["Action"]
        if each.startswith("{")
        else each.rpartition("/")[2]
        for each in (str(policy) for policy in caller.policies)
    ]


def test_role_is_what_the_template_says() -> None:
    """Name, path, tags, boundary and inline policies are those of the role."""
    inline = [{"PolicyName": "call", "PolicyDocument": INVOKE}]
    role = iam(
        "Role",
        RoleName="checkout",
        Path="/shop/",
        Tags=[{"Key": "team", "Value": "shop"}],
        Policies=inline,
        PermissionsBoundary={"Ref": "Limit"},
    )
    limit = iam("ManagedPolicy", PolicyDocument=INVOKE)
    (made,) = callers(Checkout=role, Limit=limit)

    assert made == Role(
        "checkout",
        path="/shop/",
        tags={"team": "shop"},
        policies=[INVOKE],
        permissions_boundary=INVOKE,
    )
    assert str(made.source) == "shop, Checkout"


def test_policies_are_attached_from_either_side() -> None:
    """A policy may name its roles, a role its policies; groups have some for users."""
    role = iam("Role", ManagedPolicyArns=[{"Ref": "Named"}, MANAGED])
    user = iam("User", UserName="eva", Groups=[{"Ref": "Staff"}])
    found = callers(
        Caller=role,
        Eva=user,
        Staff=iam("Group", ManagedPolicyArns=[MANAGED]),
        Named=iam("ManagedPolicy", ManagedPolicyName="named", PolicyDocument=INVOKE),
        Inline=iam("Policy", Roles=[{"Ref": "Caller"}], PolicyDocument=READ),
        Own=iam("RolePolicy", RoleName={"Ref": "Caller"}, PolicyDocument=READ),
        OfUser=iam("UserPolicy", UserName="eva", PolicyDocument=READ),
        OfGroup=iam("GroupPolicy", GroupName={"Ref": "Staff"}, PolicyDocument=INVOKE),
    )
    reads = ["s3:Get*", "s3:List?"]

    assert [type(each) for each in found] == [Role, User]
    assert actions(found[0]) == [
        "vpc-lattice-svcs:Invoke",
        "VPCLatticeServicesInvokeAccess",
        reads,
        reads,
    ]
    assert actions(found[1]) == [
        reads,
        "VPCLatticeServicesInvokeAccess",
        "vpc-lattice-svcs:Invoke",
    ]


def test_managed_policies_of_aws_that_let_nobody_call_are_left_out() -> None:
    """Usual ones are passed over in silence, others are named once."""
    usual = f"{AWS}service-role/AWSLambdaBasicExecutionRole"
    other = f"{AWS}AmazonS3ReadOnlyAccess"
    role = iam("Role", ManagedPolicyArns=[usual, other, MANAGED])
    stacks = stacks_of({"Resources": {"Caller": role, "Other": role}})
    made, _ = Callers(stacks.all).made()

    assert made.policies == (MANAGED,)
    assert stacks.notices.texts == [
        (
            "AWS's policy `AmazonS3ReadOnlyAccess` is not known here and is taken to "
            "say nothing of vpc-lattice-svcs (shop, Caller)"
        )
    ]


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        (
            {"PermissionsBoundary": f"{AWS}ReadOnlyAccess"},
            "AWS's policy `ReadOnlyAccess` is not known here",
        ),
        (
            {"ManagedPolicyArns": [MANAGED, f"{AWS}AWSCompromisedKeyQuarantineV3"]},
            "AWS's policy `AWSCompromisedKeyQuarantineV3` is not known here",
        ),
        (
            {"PermissionsBoundary": ELSEWHERE},
            (
                f"managed policy `{ELSEWHERE}` is not at hand; pass "
                f'values={{"{ELSEWHERE}": …}} with its document'
            ),
        ),
        (
            {"ManagedPolicyArns": [ELSEWHERE]},
            (
                f"managed policy `{ELSEWHERE}` is not at hand; pass "
                f'values={{"{ELSEWHERE}": …}} with its document'
            ),
        ),
        (
            {"PermissionsBoundary": {"Fn::GetAtt": "Table.Arn"}},
            (
                "managed policy `{{Table.Arn}}` is not at hand; pass "
                'values={"Table.Arn": …}'
            ),
        ),
    ],
    ids=["boundary", "far-reaching", "elsewhere", "attached elsewhere", "unknown"],
)
def test_caller_with_an_unknown_policy_is_left_out(
    properties: dict[str, Any], why: str
) -> None:
    """Without that policy it might be let in where the deployed one is not."""
    resources = {
        "Caller": iam("Role", RoleName="checkout", **properties),
        "Eva": iam("User", UserName="eva", **properties),
        **TABLE,
    }
    stacks = stacks_of({"Resources": resources})

    assert list(Callers(stacks.all).made()) == []
    assert stacks.notices.texts == [
        f"role `checkout` is left out, because {why} (shop, Caller)",
        f"user `eva` is left out, because {why} (shop, Eva)",
    ]


def test_user_of_a_group_with_an_unknown_policy_is_left_out() -> None:
    """What a group has, its users have."""
    group = iam("Group", ManagedPolicyArns=[ELSEWHERE])
    user = iam("User", UserName="eva", Groups=[{"Ref": "Staff"}])

    assert callers(Eva=user, Staff=group) == []


def test_user_is_in_a_group_by_an_addition() -> None:
    """A resource of its own may say who is in a group."""
    found = callers(
        Eva=iam("User", UserName="eva"),
        Tom=iam("User", UserName="tom"),
        Staff=iam("Group", ManagedPolicyArns=[MANAGED]),
        Joins=iam(
            "UserToGroupAddition", GroupName={"Ref": "Staff"}, Users=[{"Ref": "Eva"}]
        ),
    )

    assert [actions(each) for each in found] == [["VPCLatticeServicesInvokeAccess"], []]


@pytest.mark.parametrize(
    "resources",
    [
        {"Eva": iam("User", UserName="eva", Groups=["auditors"])},
        {
            "Eva": iam("User", UserName="eva"),
            "Joins": iam("UserToGroupAddition", GroupName="auditors", Users=["eva"]),
        },
    ],
    ids=["user", "addition"],
)
def test_user_of_a_group_elsewhere_is_left_out(resources: dict[str, Any]) -> None:
    """What a group that is not at hand denies nobody knows."""
    stacks = stacks_of({"Resources": resources})

    assert list(Callers(stacks.all).made()) == []
    assert stacks.notices.texts == [
        (
            "user `eva` is left out, because group `auditors` is not in the template "
            "(shop, Eva)"
        )
    ]


def test_policy_elsewhere_may_be_given() -> None:
    """What is not at hand the user may give, by its ARN."""
    role = iam("Role", ManagedPolicyArns=[ELSEWHERE], PermissionsBoundary=ELSEWHERE)
    (given,) = callers(Caller=role, values={ELSEWHERE: INVOKE})

    assert given.policies == Role("x", policies=[INVOKE]).policies
    assert given.permissions_boundary == given.policies[0]


def test_unknown_resource_of_another_service_may_stand() -> None:
    """What a policy says of tables and buckets decides no call."""
    policies = [{"PolicyName": "read", "PolicyDocument": READ}]
    (made,) = callers(Caller=iam("Role", Policies=policies))

    assert "{{Table.Arn}}" in made.policies[0]


def test_policy_may_be_text() -> None:
    """A document may be JSON text, as the API takes it."""
    policies = [{"PolicyName": "call", "PolicyDocument": json.dumps(INVOKE)}]
    (made,) = callers(Caller=iam("Role", Policies=policies))

    assert actions(made) == ["vpc-lattice-svcs:Invoke"]


def of(statement: dict[str, Any]) -> dict[str, Any]:
    """Write a role with one inline statement."""
    document = {"Version": "2012-10-17", "Statement": statement}
    return iam("Role", Policies=[{"PolicyName": "p", "PolicyDocument": document}])


@pytest.mark.parametrize(
    ("role", "said"),
    [
        (
            of(
                {
                    "Effect": "Allow",
                    "Action": "vpc-lattice-svcs:*",
                    "Resource": {"Fn::GetAtt": "Table.Arn"},
                }
            ),
            [
                (
                    "PolicyDocument.Statement[0].Resource is not known before "
                    "deployment: it is `{{Table.Arn}}` (shop, Caller)"
                ),
                'pass values={"Table.Arn": …}',
            ],
        ),
        (
            iam("Role", RoleName={"Ref": "Table"}),
            [
                (
                    "its name is not known before deployment: it is `{{Table}}` "
                    "(shop, Caller)"
                ),
                'pass values={"Table": …}',
            ],
        ),
        (
            iam("Role", RoleName="not a name"),
            [
                (
                    "role name `not a name` is not 1 to 64 of letters, digits and "
                    "+=,.@-_ (shop, Caller)"
                )
            ],
        ),
        (
            iam("Role", Policies=[5]),
            ["PolicyDocument is not a policy document (shop, Caller)"],
        ),
        (
            iam("Role", ManagedPolicyArns=MANAGED),
            ["ManagedPolicyArns is not a list (shop, Caller)"],
        ),
        (
            iam("Role", Tags=[{"Key": "a", "Value": {"Ref": "Table"}}]),
            [
                "Tags is not known before deployment: it is `{{Table}}` (shop, Caller)",
                'pass values={"Table": …}',
            ],
        ),
    ],
)
def test_what_is_refused(role: dict[str, Any], said: list[str]) -> None:
    """What decides who may call has to be known and right."""
    assert refused(callers, Caller=role) == said


@pytest.mark.parametrize("action", [{"Action": "*"}, {"NotAction": "s3:*"}])
def test_statement_about_everything_is_about_calls(action: dict[str, str]) -> None:
    """Where its resource is not known yet, it could be the one that denies."""
    resource = {"Fn::GetAtt": "Table.Arn"}
    statement = {"Effect": "Deny", **action, "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policies = [{"PolicyName": "all", "PolicyDocument": document}]

    assert refused(callers, Caller=iam("Role", Policies=policies)) == [
        (
            "PolicyDocument.Statement[0].Resource is not known before deployment: "
            "it is `{{Table.Arn}}` (shop, Caller)"
        ),
        'pass values={"Table.Arn": …}',
    ]
