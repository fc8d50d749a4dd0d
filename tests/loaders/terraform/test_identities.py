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


# ---- groups --------------------------------------------------------------------------

DENY = ALLOW.replace('"Allow"', '"Deny"')
BOT = resource("aws_iam_user.bot", {"name": "bot", "path": "/", **NEW})
OPS = resource("aws_iam_group.ops", {"name": "ops", "path": "/", **NEW})
RULES = resource("aws_iam_group_policy.ops", {"group": "ops", "policy": DENY})


def membership(users: object, group: object, /, **expressions: object) -> Any:  # noqa: ANN401  # JSON
    """Write the members of a group."""
    values = {"name": "ops", "users": users, "group": group}
    return resource("aws_iam_group_membership.ops", values, **expressions)


def memberships(user: object, groups: object, /, **expressions: object) -> Any:  # noqa: ANN401  # JSON
    """Write the groups of a user."""
    values = {"user": user, "groups": groups}
    return resource("aws_iam_user_group_membership.bot", values, **expressions)


@pytest.mark.parametrize(
    "joining",
    [
        membership(["bot"], "ops"),
        memberships("bot", ["ops"]),
        membership(
            AFTER,
            AFTER,
            users=to("aws_iam_user.bot.id"),
            group=to("aws_iam_group.ops.id"),
        ),
        memberships(
            AFTER,
            AFTER,
            user=to("aws_iam_user.bot.id"),
            groups=to("aws_iam_group.ops.id"),
        ),
        memberships("bot", [AFTER], groups=to("aws_iam_group.ops.id")),
    ],
    ids=["members", "groups", "unknown members", "unknown groups", "unknown one"],
)
def test_a_user_has_what_its_groups_have(joining: dict[str, Any]) -> None:
    """Inline and attached policies of a group are those of its users, and no others."""
    other = resource("aws_iam_user.ann", {"name": "ann", "path": "/", **NEW})
    attached = attachment("group", "ops", INVOKE)

    made, said = loaded(BOT, OPS, RULES, attached, other, joining)

    assert said == []
    assert made == (User("bot", policies=[DENY, INVOKE]), User("ann"))


def test_policy_attachment_of_groups() -> None:
    """The exclusive attachment lists groups too, and finds what is made with it."""
    all_ = resource(
        "aws_iam_policy_attachment.all",
        {"roles": AFTER, "groups": ["ops"], "policy_arn": INVOKE},
        roles=to("aws_iam_role.checkout.id"),
    )

    assert loaded(ROLE, BOT, OPS, all_, memberships("bot", ["ops"]))[0] == (
        Role("checkout", policies=[INVOKE]),
        User("bot", policies=[INVOKE]),
    )


@pytest.mark.parametrize(
    ("joining", "why"),
    [
        (memberships("bot", ["ops", "dev"]), "group `dev` is not in the plan"),
        (membership(["bot"], "dev"), "group `dev` is not in the plan"),
        (
            memberships("bot", AFTER, groups=to("local.groups")),
            "`groups` of aws_iam_user_group_membership.bot is known only after apply",
        ),
        (
            # The whole resource is named, which `for` may have taken a part of.
            memberships("bot", AFTER, groups=to("aws_iam_group.ops")),
            "`groups` of aws_iam_user_group_membership.bot is known only after apply",
        ),
        (
            membership(["bot"], AFTER, group=to("local.group")),
            "`group` of aws_iam_group_membership.ops is known only after apply",
        ),
    ],
    ids=["elsewhere", "members", "groups", "some", "group"],
)
def test_a_user_of_an_unknown_group_is_left_out(
    joining: dict[str, Any], why: str
) -> None:
    """What such a group allows or denies cannot be known."""
    made, said = loaded(BOT, OPS, joining)

    assert made == ()
    assert said == [
        f"user `bot` is left out, because {why} (the plan, aws_iam_user.bot)"
    ]


def test_a_user_of_a_group_that_is_only_read_is_left_out() -> None:
    """A data source of a group does not say its policies."""
    read = resource("data.aws_iam_group.ops", {"group_name": "ops", "id": AFTER})
    joining = memberships("bot", AFTER, groups=to("data.aws_iam_group.ops.id"))

    assert loaded(BOT, read, joining) == (
        (),
        [
            (
                "user `bot` is left out, because group `data.aws_iam_group.ops` is not "
                "in the plan (the plan, aws_iam_user.bot)"
            )
        ],
    )


def test_members_that_nobody_knows_are_named() -> None:
    """A group whose users only apply will tell is passed over, and said."""
    joining = membership(AFTER, "ops", users=to("local.users"))

    assert loaded(BOT, OPS, RULES, joining) == (
        (User("bot"),),
        [
            (
                "nobody is in a group by this resource, because `users` is known only "
                "after apply (the plan, aws_iam_group_membership.ops)"
            )
        ],
    )


def test_members_from_elsewhere_are_passed_over() -> None:
    """A user that the document does not have is none that can call."""
    assert loaded(BOT, OPS, RULES, membership(["ann"], "ops")) == ((User("bot"),), [])


def test_documents_give_policies_to_each_others_callers() -> None:
    """What one document attaches to a role or user of another one counts."""
    own = attachment("role", "checkout", INVOKE)
    made = load_terraform(
        plan(ROLE, BOT),
        plan(OPS, RULES, own, membership(["bot"], "ops")),
        accounts=ACCOUNT,
    )

    assert made == (
        Role("checkout", policies=[INVOKE]),
        User("bot", policies=[DENY]),
    )


def test_names_are_those_of_an_account() -> None:
    """A name does not reach a role or user of another account."""

    def deployed(account: str, *more: dict[str, Any]) -> Any:  # noqa: ANN401  # a document
        arn = f"arn:aws:iam::{account}:role/checkout"
        values = {"name": "checkout", "id": "checkout", "arn": arn, "path": "/"}
        return state(resource("aws_iam_role.checkout", values), *more)

    one, other = "111111111111", "222222222222"
    made = load_terraform(
        deployed(one),
        deployed(other, attachment("role", "checkout", INVOKE)),
        state(
            resource(
                "aws_iam_policy.x",
                {"name": "x", "arn": f"arn:aws:iam::{3:012}:policy/x", "policy": DENY},
            ),
            attachment("role", "checkout", f"arn:aws:iam::{3:012}:policy/x"),
        ),
        regions={"aws": "us-west-2"},
    )

    assert made == (
        Role("checkout", account=one),
        Role("checkout", account=other, policies=[INVOKE]),
    )
