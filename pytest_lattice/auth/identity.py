"""What policies can ask about a caller, computed once per caller.

An anonymous caller is an identity too: AWS gives it a type and an account, and
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.model.caller import Role, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.model.caller import Caller


class Identity(NamedTuple):
    """A caller as policies see it.

    Args:
        label: how a person calls it, such as ``role `checkout` ``.
        principal: how AWS names it in a 403: the session's ARN, or ``anonymous``.
        account: its account, or ``anonymous``.
        user_id: what `aws:userid` gives.
        type: what `aws:PrincipalType` gives.
        arn: what `aws:PrincipalArn` gives; None for nothing.
        tags: principal and session tags.
        tag_values: their values by the key in lower case.
        org_id: its organization.
        org_path: its place there.
        caller: the value it was made from; None for an anonymous caller.
    """

    label: str
    principal: str
    account: str
    user_id: str
    type: str
    arn: str | None = None
    tags: Mapping[str, str] = {}
    tag_values: Mapping[str, str] = {}
    org_id: str | None = None
    org_path: str | None = None
    caller: Caller | None = None

    @property
    def is_anonymous(self) -> bool:
        """Whether the caller did not sign."""
        return self.caller is None


# AWS: IAM/latest/UserGuide/reference_policies_variables: the values of an anonymous
# caller; reference_policies_condition-keys for the account
ANONYMOUS = Identity(
    "an anonymous caller", "anonymous", "anonymous", "anonymous", "Anonymous"
)


def identity_of(caller: Caller, *, org_id: str | None = None) -> Identity:
    """Make the identity of a caller.

    Args:
        caller: the role or user.
        org_id: the organization of its account, where it does not say one itself.
    """
    tags = dict(caller.tags)
    kind = "User"
    if isinstance(caller, Role):
        kind = "AssumedRole"
        # AWS: IAM/latest/UserGuide/id_session-tags: a session tag wins
        session = {key.lower() for key in caller.session_tags}
        tags = {key: tags[key] for key in tags if key.lower() not in session}
        tags |= caller.session_tags
    return Identity(
        label=f"{kind_of(caller)} `{caller.name}`",
        principal=caller.principal,
        account=caller.account,
        user_id=caller.user_id,
        type=kind,
        arn=caller.arn,
        tags=tags,
        # AWS: IAM/latest/UserGuide/id_tags: keys are compared without case
        tag_values={key.lower(): value for key, value in tags.items()},
        org_id=caller.org_id or org_id,
        org_path=caller.org_path,
        caller=caller,
    )
