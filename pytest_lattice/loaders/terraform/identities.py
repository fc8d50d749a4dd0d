"""IAM roles and users of a plan or state, with their identity-based policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.loaders.managed import LeftOut, policy_of_aws
from pytest_lattice.loaders.reading import located
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import (
    MANAGED_POLICY,
    ROLE,
    USER,
    expression_at,
)
from pytest_lattice.model.caller import MANAGED_PREFIX, Role, User

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.terraform.document import Document, Instance, Json
    from pytest_lattice.loaders.terraform.links import Links
    from pytest_lattice.loaders.terraform.policies import Policies
    from pytest_lattice.model.caller import Caller

__tracebackhide__ = HIDE

# Type of resource, its attribute that names the caller, and whose policy it is.
_INLINE = {
    "aws_iam_role_policy": ("role", ROLE),
    "aws_iam_user_policy": ("user", USER),
}
_ATTACHED = {
    "aws_iam_role_policy_attachment": (("role", ROLE),),
    "aws_iam_user_policy_attachment": (("user", USER),),
    "aws_iam_policy_attachment": (("roles", ROLE), ("users", USER)),
}


class Identities:
    """Makes the callers of one document."""

    def __init__(self, document: Document, links: Links, policies: Policies) -> None:
        """Take a document."""
        self._document = document
        self._links = links
        self._policies = policies
        self._of: dict[str, list[tuple[Instance, str]]] = {}
        for instance in document.instances.values():
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
        """Note which policies a resource gives to whom."""
        if instance.mode != "managed":
            return
        if instance.type in _INLINE:
            name, kind = _INLINE[instance.type]
            self._note(instance, name, kind, "policy")
        for name, kind in _ATTACHED.get(instance.type, ()):
            several = instance.get(name)
            if isinstance(several, list):
                for position in range(len(several)):
                    self._note(instance, f"{name}[{position}]", kind, "policy_arn")
            elif several is not None:
                self._note(instance, name, kind, "policy_arn")

    def _note(self, instance: Instance, path: str, kind: str, policy: str) -> None:
        try:
            caller = self._links.follow(instance, path, frozenset({kind}))
        except ConfigurationError as error:
            self._document.notices.add(
                f"nobody has the policy of this resource, because {error}"
            )
            return
        if caller is not None and not isinstance(caller, str):
            self._of.setdefault(caller.address, []).append((instance, policy))

    # ---- values ----------------------------------------------------------------

    def _caller(self, instance: Instance) -> Caller:
        documents: list[str] = []
        inline = instance.get("inline_policy")
        if inline is UNKNOWN and expression_at(instance, "inline_policy"):
            raise LeftOut("its `inline_policy` is known only after apply")
        for position, each in enumerate(inline if isinstance(inline, list) else ()):
            if each.get("policy"):
                path = f"inline_policy[{position}].policy"
                documents.append(self._document_of(instance, path))
        for holder, path in self._of.get(instance.address, ()):
            if path == "policy":
                documents.append(self._document_of(holder, path))
            else:
                documents += self._managed(holder, path)
        attached = instance.get("managed_policy_arns")
        if isinstance(attached, list):
            for position, arn in enumerate(attached):
                if arn is not UNKNOWN:
                    documents += self._managed(
                        instance, f"managed_policy_arns[{position}]"
                    )
        tags = instance.get("tags_all") or instance.get("tags") or {}
        make = Role if instance.type == ROLE else User
        path = instance.get("path")
        boundary = self._managed(instance, "permissions_boundary")
        fields: dict[str, Any] = {
            "path": path if isinstance(path, str) else "/",
            "tags": self._tags(tags),
            "account": self._links.identity(instance).account,
            "policies": tuple(dict.fromkeys(documents)),
            "permissions_boundary": boundary[0] if boundary else None,
        }
        try:
            return make(
                self._links.caller_name(instance), source=instance.source, **fields
            )
        except ConfigurationError as error:
            raise located(error, instance.source) from None

    @staticmethod
    def _tags(tags: Json) -> dict[str, str]:
        if tags is UNKNOWN or UNKNOWN in tags.values():
            raise LeftOut("a tag of it is known only after apply")
        return dict(tags)

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
            raise LeftOut(
                f"`{path}` of {instance.address} is known only after apply"
            ) from error
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
