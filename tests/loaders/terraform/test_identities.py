"""Roles and users, with the policies that other resources give them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from pytest_lattice import (
    LatticeWarning,
    Role,
    UnsupportedFeatureError,
    User,
    load_terraform,
)
from pytest_lattice.model.auth_policy import policy_text
from tests.loaders.terraform.plans import ACCOUNT, AFTER, plan, resource, state, to

ALLOW = policy_text(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "vpc-lattice-svcs:Invoke", "Resource": "*"}
        ],
    },
    "it",
)
AWS = "arn:aws:iam::aws:policy/"
INVOKE = f"{AWS}VPCLatticeServicesInvokeAccess"
NEW = {"id": AFTER, "arn": AFTER}
ROLE = resource("aws_iam_role.checkout", {"name": "checkout", "path": "/", **NEW})


def loaded(*resources: dict[str, Any]) -> tuple[Any, list[str]]:
    """Load a plan, and give its values and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LatticeWarning)
        made = load_terraform(plan(*resources), accounts=ACCOUNT)
    assert {each.filename for each in caught} <= {__file__}
    return made, [str(each.message) for each in caught]


def attachment(kind: str, name: str, arn: object, **expressions: object) -> Any:  # noqa: ANN401  # JSON
    """Write an attachment of a managed policy."""
    values = {kind: name, "policy_arn": arn}
    return resource(f"aws_iam_{kind}_policy_attachment.a", values, **expressions)


def test_inline_attached_and_listed_policies() -> None:
    """All ways in which the provider gives a policy to a role count, each once."""
    own = resource("aws_iam_policy.own", {"name": "own", "policy": ALLOW, **NEW})
    role = resource(
        "aws_iam_role.checkout",
        {
            "name": "checkout",
            "path": "/apps/",
            "inline_policy": [{"name": "x", "policy": ALLOW}],
            "managed_policy_arns": [INVOKE],
            "permissions_boundary": AFTER,
            "tags": {"team": "shop"},
            **NEW,
        },
        permissions_boundary=to("aws_iam_policy.own.arn"),
    )
    inline = resource(
        "aws_iam_role_policy.x",
        {"role": AFTER, "policy": ALLOW},
        role=to("aws_iam_role.checkout.id"),
    )
    attached = attachment(
        "role", "checkout", AFTER, policy_arn=to("aws_iam_policy.own.arn")
    )

    made, said = loaded(own, role, inline, attached)

    assert said == []
    assert made == (
        Role(
            "checkout",
            path="/apps/",
            policies=(ALLOW, INVOKE),
            permissions_boundary=ALLOW,
            tags={"team": "shop"},
        ),
    )


def test_policy_attachment_of_several() -> None:
    """The exclusive attachment lists roles and users."""
    user = resource("aws_iam_user.bot", {"name": "bot", "path": "/", **NEW})
    both = resource(
        "aws_iam_policy_attachment.all",
        {"roles": ["checkout"], "users": ["bot"], "policy_arn": INVOKE},
    )

    assert loaded(ROLE, user, both)[0] == (
        Role("checkout", policies=[INVOKE]),
        User("bot", policies=[INVOKE]),
    )


def test_names_that_are_unknown_are_addresses() -> None:
    """With `name_prefix`, a role goes by its address, which nobody takes for a name."""
    role = resource('module.x.aws_iam_role.r["a b"]', {"name": AFTER, **NEW})
    written = plan(role, calls={"module.x": {}})

    assert load_terraform(written, accounts=ACCOUNT) == (
        Role("module.x.aws_iam_role.r-a-b"),
    )


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            resource(
                "aws_iam_role_policy.x",
                {"role": "checkout", "policy": AFTER},
                policy=to("local.text"),
            ),
            (
                "`policy` of aws_iam_role_policy.x is known only after apply; say it "
                'with values={"aws_iam_role_policy.x.policy": …}, or load the state '
                "after apply"
            ),
        ),
        (
            attachment("role", "checkout", AFTER, policy_arn=to("local.arn")),
            (
                "`policy_arn` of aws_iam_role_policy_attachment.a is known only "
                "after apply"
            ),
        ),
        (
            attachment("role", "checkout", "arn:aws:iam::111122223333:policy/x"),
            "policy `arn:aws:iam::111122223333:policy/x` is not in the plan",
        ),
        (
            attachment("role", "checkout", f"{AWS}AWSCompromisedKeyQuarantineV2"),
            "AWS's policy `AWSCompromisedKeyQuarantineV2` is not known here",
        ),
    ],
    ids=["inline", "which", "elsewhere", "far-reaching"],
)
def test_a_role_with_an_unknown_policy_is_left_out(
    more: dict[str, Any], why: str
) -> None:
    """Without that policy it might be let in where the deployed role is not."""
    made, said = loaded(ROLE, more)

    assert made == ()
    assert said == [
        f"role `checkout` is left out, because {why} (the plan, aws_iam_role.checkout)"
    ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"tags": {"a": AFTER}}, "a tag of it is known only after apply"),
        (
            {"permissions_boundary": f"{AWS}ReadOnlyAccess"},
            "AWS's policy `ReadOnlyAccess` is not known here",
        ),
    ],
)
def test_a_role_with_an_unknown_member_is_left_out(
    values: dict[str, Any], why: str
) -> None:
    """Tags decide about access, and a boundary limits it."""
    role = resource("aws_iam_role.checkout", {"name": "checkout", **NEW, **values})

    assert loaded(role) == (
        (),
        [
            (
                f"role `checkout` is left out, because {why} "
                "(the plan, aws_iam_role.checkout)"
            )
        ],
    )


def test_policies_of_aws_that_cannot_matter() -> None:
    """Usual ones are passed over in silence, others are named once."""
    usual = f"{AWS}service-role/AWSLambdaBasicExecutionRole"
    other = f"{AWS}AmazonS3ReadOnlyAccess"
    role = resource(
        "aws_iam_role.checkout",
        {"name": "checkout", "managed_policy_arns": [usual, other, AFTER], **NEW},
    )

    made, said = loaded(role, attachment("role", "checkout", other))

    assert made == (Role("checkout"),)
    assert said == [
        (
            "AWS's policy `AmazonS3ReadOnlyAccess` is not known here and is taken to "
            "say nothing of vpc-lattice-svcs "
            "(the plan, aws_iam_role_policy_attachment.a)"
        )
    ]


def test_a_policy_of_nobody_is_named() -> None:
    """A policy whose role only apply will tell is passed over, and said."""
    policy = resource(
        "aws_iam_role_policy.x", {"role": AFTER, "policy": ALLOW}, role=to("local.role")
    )

    assert loaded(ROLE, policy) == (
        (Role("checkout"),),
        [
            (
                "nobody has the policy of this resource, because `role` is known only "
                "after apply (the plan, aws_iam_role_policy.x)"
            )
        ],
    )


def test_a_load_that_fails_tells_its_error_alone() -> None:
    """What is left out of a network that is not made is no news."""
    left_out = resource("aws_vpclattice_resource_gateway.db", {"name": "db"})
    broken = resource("aws_vpclattice_sidecar.x", {"name": "x"})

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(UnsupportedFeatureError):
            load_terraform(plan(left_out, broken), accounts=ACCOUNT)

    assert caught == []


def test_accounts_of_deployed_callers() -> None:
    """In a state the ARN says whose role it is."""
    arn = "arn:aws:iam::111122223333:role/checkout"
    values = {"name": "checkout", "id": "checkout", "arn": arn, "path": "/"}
    (role,) = load_terraform(
        state(resource("aws_iam_role.checkout", values)), regions={"aws": "us-east-1"}
    )

    assert isinstance(role, Role)
    assert role.arn == arn
    assert str(role.source) == "the state, aws_iam_role.checkout"
