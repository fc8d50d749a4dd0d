"""IAM roles and users of stacks, as callers with their identity-based policies.

Policies are inline, attached from either side, or managed ones of the document.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.loaders.cloudformation.properties import Tags, policy_document
from pytest_lattice.loaders.cloudformation.text import (
    fails,
    known,
    listed,
    plain,
    remedy_of,
)
from pytest_lattice.loaders.managed import LeftOut, policy_of_aws
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.caller import MANAGED_PREFIX, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lattice.loaders.cloudformation.stack import Stack
    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

_ROLE, _USER, _GROUP = "AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group"
_MANAGED = "AWS::IAM::ManagedPolicy"
_ADDITION = "AWS::IAM::UserToGroupAddition"
# AWS: AWSCloudFormation/latest/TemplateReference/AWS_IAM: types that hold one document,
# and the property that lists whom it is attached to, by type
_ATTACHING: Mapping[str, Mapping[str, str]] = {
    "AWS::IAM::Policy": {"Roles": _ROLE, "Users": _USER, "Groups": _GROUP},
    _MANAGED: {"Roles": _ROLE, "Users": _USER, "Groups": _GROUP},
    "AWS::IAM::RolePolicy": {"RoleName": _ROLE},
    "AWS::IAM::UserPolicy": {"UserName": _USER},
    "AWS::IAM::GroupPolicy": {"GroupName": _GROUP},
}
_INVOKE = "vpc-lattice-svcs:invoke"


class Callers:
    """The roles and users of some stacks, and what is attached to them.

    Args:
        stacks: the stacks; those of one account share their names.
    """

    def __init__(self, stacks: list[Stack]) -> None:
        """Find what is attached to whom."""
        self._stacks = stacks
        # By account, type and name of the holder.
        self._attached: dict[tuple[str, str, str], list[Any]] = {}
        self._managed: dict[str, Any] = {}
        for stack in stacks:
            for kind, holders in _ATTACHING.items():
                for logical in stack.of_type(kind):
                    self._attach(stack, logical, holders)
        # By account and name of the user.
        self._joined: dict[tuple[str, str], list[Node]] = {}
        for stack in stacks:
            for logical in stack.of_type(_ADDITION):
                place = stack.place_of(logical)
                for user in listed(stack.property(logical, "Users"), "Users", place):
                    key = (stack.account, str(plain(user)))
                    group = stack.property(logical, "GroupName")
                    self._joined.setdefault(key, []).append(group)

    def _attach(self, stack: Stack, logical: str, holders: Mapping[str, str]) -> None:
        place = stack.place_of(logical)
        document = _document(stack.property(logical, "PolicyDocument"), place)
        if stack.type_of(logical) == _MANAGED:
            self._managed[str(plain(stack.attribute(logical, None, place)))] = document
        for name, kind in holders.items():
            holder = stack.property(logical, name) or ()
            for each in holder if isinstance(holder, list | tuple) else [holder]:
                key = (stack.account, kind, str(plain(each)))
                self._attached.setdefault(key, []).append(document)

    def made(self) -> Iterator[Caller]:
        """Make the roles and users.

        One whose permissions cannot be known is left out with a notice.

        Raises:
            ConfigurationError: what IAM would refuse, or what is needed and not known
                before deployment.
        """
        for stack in self._stacks:
            for kind, make in ((_ROLE, Role), (_USER, User)):
                for logical in stack.of_type(kind):
                    place = stack.place_of(logical)
                    name = known(
                        stack.attribute(logical, None, place), "its name", place
                    )
                    try:
                        yield self._caller(stack, logical, name, make)
                    except LeftOut as why:
                        caller = f"{make.__name__.lower()} `{name}`"
                        stack.around.notices.add(why.notice(caller, place))

    def _caller(
        self, stack: Stack, logical: str, name: str, make: type[Role | User]
    ) -> Caller:
        place = stack.place_of(logical)
        properties: Mapping[str, Any] = stack.properties(logical)
        policies = self._policies(stack, logical, properties)
        if make is User:
            for group in self._groups(stack, name, properties, place):
                policies += group
        boundary = properties.get("PermissionsBoundary")
        fields: dict[str, Any] = {}
        if boundary is not None:
            fields["permissions_boundary"] = self._managed_policy(
                stack, boundary, place, boundary=True
            )
        if (path := properties.get("Path")) is not None:
            fields["path"] = known(path, "Path", place)
        tags = known(properties.get("Tags") or [], "Tags", place)
        fields["tags"] = Tags().read(tags, "Tags", place)
        try:
            return make(
                name, policies=policies, account=stack.account, source=place, **fields
            )
        except ConfigurationError as error:
            raise located(error, place) from None

    def _policies(
        self, stack: Stack, logical: str, properties: Mapping[str, Any]
    ) -> list[Any]:
        place = stack.place_of(logical)
        name = str(plain(stack.attribute(logical, None, place)))
        inline = listed(properties.get("Policies"), "Policies", place)
        found = [
            _document(
                each.get("PolicyDocument") if isinstance(each, dict) else None, place
            )
            for each in inline
        ]
        arns = properties.get("ManagedPolicyArns")
        for each in listed(arns, "ManagedPolicyArns", place):
            document = self._managed_policy(stack, each, place, boundary=False)
            if document is not None:
                found.append(document)
        return found + self._attached.get(
            (stack.account, stack.type_of(logical), name), []
        )

    def _groups(
        self,
        stack: Stack,
        user: str,
        properties: Mapping[str, Any],
        place: SourceLocation,
    ) -> Iterator[list[Any]]:
        """Find what a user has by its groups."""
        groups = listed(properties.get("Groups"), "Groups", place)
        joined = self._joined.get((stack.account, user), ())
        named = [str(plain(each)) for each in (*groups, *joined)]
        found: set[str] = set()
        for each in self._stacks:
            for logical in each.of_type(_GROUP):
                name = plain(each.attribute(logical, None, each.place_of(logical)))
                if each.account == stack.account and name in named:
                    found.add(str(name))
                    yield self._policies(each, logical, each.properties(logical))
        for group in named:
            if group not in found:
                raise LeftOut(f"group `{group}` is not in the template")

    def _managed_policy(
        self, stack: Stack, given: Node, place: SourceLocation, *, boundary: bool
    ) -> Node:
        """Find a managed policy: of the document, of AWS, or given by the user."""
        arn = str(plain(given))
        if arn in stack.values:
            return _document(stack.values[arn], place)
        if arn in self._managed:
            return self._managed[arn]
        remedy = remedy_of(given)
        # SAM also takes the name of a policy of AWS's
        if not remedy and (arn.startswith(MANAGED_PREFIX) or ":" not in arn):
            notices = stack.around.notices
            return policy_of_aws(arn, boundary=boundary, notices=notices, place=place)
        remedy = remedy or f'values={{"{arn}": …}} with its document'
        raise LeftOut(f"managed policy `{arn}` is not at hand; pass {remedy}")


def _document(value: Node, place: SourceLocation) -> Node:
    """Read an identity-based policy.

    What it says of other services may name what is not known yet.
    """
    if isinstance(value, str):
        return str(known(value, "PolicyDocument", place))
    if not isinstance(value, dict):
        raise fails("PolicyDocument is not a policy document", place)
    statements = value.get("Statement")
    several = statements if isinstance(statements, list) else [statements]
    ours = any(_lets_call(each) for each in several if isinstance(each, dict))
    free = ("Condition",) if ours else ("Condition", "Resource", "NotResource")
    return policy_document(value, "PolicyDocument", place, free)


def _lets_call(statement: Mapping[str, Any]) -> bool:
    """Tell whether a statement with a resource not yet known is about calls."""
    actions = statement.get("Action", "*")  # NotAction leaves nearly everything
    several = actions if isinstance(actions, list) else [actions]
    patterns = [str(plain(each)).lower() for each in several]
    return any(
        re.fullmatch(re.escape(each).replace(r"\*", ".*").replace(r"\?", "."), _INVOKE)
        for each in patterns
    )
