"""IAM roles and users of plans and states, with their identity-based policies.

What a group has, its users have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.loaders.managed import LeftOut, policy_of_aws
from pytest_lattice.loaders.reading import located
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import (
    IAM_GROUP,
    MANAGED_POLICY,
    ROLE,
    USER,
    expression_at,
)
from pytest_lattice.model.caller import MANAGED_PREFIX, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lattice.loaders.terraform.document import Document, Instance, Json
    from pytest_lattice.loaders.terraform.links import Links
    from pytest_lattice.loaders.terraform.policies import Policies
    from pytest_lattice.model.caller import Caller

__tracebackhide__ = HIDE

# What attributes name; one in the plural is a list of such.
_KINDS = {"role": ROLE, "user": USER, "group": IAM_GROUP}
# Type of resource, the attribute with its policy, and those that name who has it.
_GIVING = {
    "aws_iam_role_policy": ("policy", "role"),
    "aws_iam_user_policy": ("policy", "user"),
    "aws_iam_group_policy": ("policy", "group"),
    "aws_iam_role_policy_attachment": ("policy_arn", "role"),
    "aws_iam_user_policy_attachment": ("policy_arn", "user"),
    "aws_iam_group_policy_attachment": ("policy_arn", "group"),
    "aws_iam_policy_attachment": ("policy_arn", "roles", "users", "groups"),
}
# Type of resource, and the attributes that name users and their groups.
_JOINING = {
    "aws_iam_group_membership": ("users", "group"),
    "aws_iam_user_group_membership": ("user", "groups"),
}


@dataclass(slots=True)
class Belongings:
    """What documents that are loaded together give to roles, users and groups.

    Args:
        policies: the resources that give a policy, each with the document it is of
            and the attribute that has it.
        groups: the groups of users: names of those outside, and why one is not known.
    """

    policies: dict[Instance, list[tuple[Identities, Instance, str]]] = field(
        default_factory=dict
    )
    groups: dict[Instance, list[Instance | str | LeftOut]] = field(default_factory=dict)


class Identities:
    """Makes the callers of one document."""

    def __init__(
        self,
        document: Document,
        links: Links,
        policies: Policies,
        belongings: Belongings,
    ) -> None:
        """Take a document, and note what it gives to whom."""
        self._document = document
        self._links = links
        self._policies = policies
        self._belongings = belongings
        for instance in document.instances.values():
            if instance.mode == "managed":
                self._read(instance)

    def callers(self) -> Iterator[Caller]:
        """Make each role and user.

        One whose permissions cannot be known is left out with a notice.
        """
        for instance in self._document.instances.values():
            if instance.mode != "managed" or instance.type not in (ROLE, USER):
                continue
            try:
                yield self._caller(instance)
            except LeftOut as why:
                kind = "role" if instance.type == ROLE else "user"
                caller = f"{kind} `{self._links.caller_name(instance)}`"
                self._document.notices.add(why.notice(caller, instance.source))

    # ---- what belongs to whom ------------------------------------------------

    def _read(self, instance: Instance) -> None:
        """Note which policies or groups a resource gives to whom."""
        path, *names = _GIVING.get(instance.type, ("",))
        for name in names:
            for holder in self._named(instance, name, "nobody has the policy of"):
                self._belongings.policies.setdefault(holder, []).append(
                    (self, instance, path)
                )
        if instance.type in _JOINING:
            members, name = _JOINING[instance.type]
            groups: Sequence[Instance | str | LeftOut]
            try:
                groups = self._follow(instance, name)
            except ConfigurationError:
                groups = [_not_yet(instance, name)]
            for user in self._named(instance, members, "nobody is in a group by"):
                self._belongings.groups.setdefault(user, []).extend(groups)

    def _named(self, instance: Instance, name: str, otherwise: str) -> list[Instance]:
        """Find the resources that an attribute names; say it where that is unclear."""
        try:
            found = self._follow(instance, name)
        except ConfigurationError as error:
            said = f"{otherwise} this resource, because {error}"
            self._document.notices.add(said)
            return []
        return [each for each in found if not isinstance(each, str)]

    def _follow(self, instance: Instance, name: str) -> Sequence[Instance | str]:
        kind = name.removesuffix("s")
        wanted = frozenset({_KINDS[kind]})
        if name != kind:
            found = self._links.several(instance, name, wanted)
        else:
            one = self._links.follow(instance, name, wanted)
            found = [] if one is None else [one]
        account = self._links.identity(instance).account
        return [self._of_account(each, account) for each in found]

    def _of_account(self, found: Instance | str, account: str) -> Instance | str:
        """Take what is of another account by its name, which is no name here."""
        if isinstance(found, str) or found.document is self._document:
            return found
        same = self._links.identity(found).account == account
        return found if same else self._links.caller_name(found)

    # ---- values ----------------------------------------------------------------

    def _caller(self, instance: Instance) -> Caller:
        documents = tuple(dict.fromkeys(self._documents(instance)))
        path = instance.get("path")
        boundary = self._managed(instance, "permissions_boundary")
        make = Role if instance.type == ROLE else User
        try:
            return make(
                self._links.caller_name(instance),
                source=instance.source,
                path=path if isinstance(path, str) else "/",
                tags=self._tags(instance.get("tags_all") or instance.get("tags") or {}),
                account=self._links.identity(instance).account,
                policies=documents,
                permissions_boundary=boundary[0] if boundary else None,
            )
        except ConfigurationError as error:
            raise located(error, instance.source) from None

    def _documents(self, instance: Instance) -> Iterator[str]:
        """Find the policies of a role or user, by whatever way it has them."""
        inline = instance.get("inline_policy")
        if inline is UNKNOWN and expression_at(instance, "inline_policy"):
            raise LeftOut("its `inline_policy` is known only after apply")
        for position, each in enumerate(inline if isinstance(inline, list) else ()):
            if each.get("policy"):
                path = f"inline_policy[{position}].policy"
                yield self._document_of(instance, path)
        yield from self._given_to(instance)
        for group in self._belongings.groups.get(instance, ()):
            yield from self._of_group(group)
        attached = instance.get("managed_policy_arns")
        for position, arn in enumerate(attached if isinstance(attached, list) else ()):
            if arn is not UNKNOWN:
                yield from self._managed(instance, f"managed_policy_arns[{position}]")

    @staticmethod
    def _tags(tags: Json) -> dict[str, str]:
        if tags is UNKNOWN or UNKNOWN in tags.values():
            raise LeftOut("a tag of it is known only after apply")
        return dict(tags)

    def _given_to(self, holder: Instance) -> Iterator[str]:
        """Find the policies that other resources give to a role, user or group."""
        for home, giving, path in self._belongings.policies.get(holder, ()):
            if path == "policy":
                yield home._document_of(giving, path)  # noqa: SLF001  # of the same class
            else:
                yield from home._managed(giving, path)  # noqa: SLF001  # see above

    def _of_group(self, group: Instance | str | LeftOut) -> Iterator[str]:
        """Find the policies that a user has by a group."""
        if isinstance(group, LeftOut):
            raise group
        if isinstance(group, str) or group.mode != "managed":
            name = group if isinstance(group, str) else group.address
            raise LeftOut(f"group `{name}` is not in {self._document.file}")
        return self._given_to(group)

    def _document_of(self, instance: Instance, path: str) -> str:
        try:
            return self._policies.needed(instance, path)
        except ConfigurationError as error:
            left_out = LeftOut(
                f"`{path}` of {instance.address} is known only after apply; say it "
                f'with values={{"{instance.address}.{path}": …}}, or load the state '
                "after apply"
            )
            raise left_out from error

    def _managed(self, instance: Instance, path: str) -> list[str]:
        """Return the documents of a managed policy; none where it cannot matter."""
        try:
            found = self._links.follow(instance, path, frozenset({MANAGED_POLICY}))
        except ConfigurationError as error:
            raise _not_yet(instance, path) from error
        if found is None:
            return []
        if not isinstance(found, str):
            return [self._document_of(found, "policy")]
        if not found.startswith(MANAGED_PREFIX):
            raise LeftOut(f"policy `{found}` is not in {self._document.file}")
        known = policy_of_aws(
            found,
            boundary=path == "permissions_boundary",
            notices=self._document.notices,
            place=instance.source,
        )
        return [] if known is None else [known]


def _not_yet(instance: Instance, path: str) -> LeftOut:
    return LeftOut(f"`{path}` of {instance.address} is known only after apply")
