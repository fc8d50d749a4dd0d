"""Policy documents of a plan or state, put together anew where that is safe.

A policy that names what does not exist yet is unknown as a whole.  Of a data source
``aws_iam_policy_document`` the plan still has the parts; what is unknown in them can
be put back where AWS takes an ARN or id and nothing around it.  Otherwise it is for the
user to say, because a plan does not keep the text around a reference.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.reading import located
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import (
    NETWORK,
    ROLE,
    SERVICE,
    USER,
    VPCS,
    at,
    expression_at,
)
from pytest_lattice.loaders.terraform.references import longest, steps_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.errors import ConfigurationError
    from pytest_lattice.loaders.terraform.document import Document, Instance, Json
    from pytest_lattice.loaders.terraform.links import Links

__tracebackhide__ = HIDE

_DOCUMENT = "aws_iam_policy_document"
_POLICY = "aws_vpclattice_auth_policy"
_MEMBERS = {
    "sid": "Sid",
    "effect": "Effect",
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
_PRINCIPALS = {"principals": "Principal", "not_principals": "NotPrincipal"}
_SOURCES = (
    "source_policy_documents",
    "override_policy_documents",
    "source_json",
    "override_json",
)
# AWS: IAM/latest/UserGuide/reference_policies_elements_principal: an ARN, no pattern
_BARE_PRINCIPALS = frozenset({ROLE, USER})
# AWS: IAM/latest/UserGuide/reference_policies_condition-keys: what these keys hold is
# an id or ARN as a whole; the operators compare without patterns.
_BARE_KEYS = {
    "aws:sourcevpc": VPCS,
    "vpc-lattice-svcs:sourcevpc": VPCS,
    "aws:principalarn": _BARE_PRINCIPALS,
    "vpc-lattice-svcs:servicearn": frozenset({SERVICE}),
    "vpc-lattice-svcs:servicenetworkarn": frozenset({NETWORK}),
}
_BARE_TESTS = frozenset(
    {"StringEquals", "StringNotEquals", "ArnEquals", "ArnNotEquals"}
)


class Policies:
    """Finds the text of each policy of a document."""

    def __init__(self, document: Document, links: Links) -> None:
        """Take a document."""
        self._document = document
        self._links = links
        self._owners = {
            each.address
            for instance in document.instances.values()
            if instance.type == _POLICY
            for each in [self._owner(instance)]
            if each is not None
        }

    def _owner(self, instance: Instance) -> Instance | None:
        owner = self._links.follow(
            instance, "resource_identifier", frozenset({SERVICE, NETWORK})
        )
        return None if isinstance(owner, str) else owner

    def reads(self, instance: Instance) -> bool:
        """Tell whether the document has the auth policy of a resource."""
        return instance.address in self._owners

    def needed(self, instance: Instance, path: str) -> str:
        """Return the text of a policy.

        Args:
            instance: which has it.
            path: the attribute.

        Raises:
            ConfigurationError: it is known only after apply and cannot be put together.
        """
        value = at(instance.values, path)
        if value is not UNKNOWN:
            return value if isinstance(value, str) else json.dumps(value or {})
        expression = expression_at(instance, path)
        references = longest((expression or {}).get("references") or ())
        found = self._links.referred(instance, expression).instances
        documents = [each for each, _ in found.values() if each.type == _DOCUMENT]
        if len(found) == 1 and documents and _is_plain(references):
            return self._rebuilt(documents[0])
        raise self._unclear(instance, path, references)

    def _unclear(
        self, instance: Instance, path: str, references: list[str]
    ) -> ConfigurationError:
        made_of = ", ".join(f"`{each}`" for each in references[:4])
        error = self._links.unknown(instance, path, "…")
        if made_of:
            error.add_note(f"a plan keeps no text around the references: {made_of}")
            example = next((each for each in references if "[" not in each), "")
            if example:
                error.add_note(
                    f"in what you write, ${{{example}}} stands for what is planned"
                )
        return error

    # ---- aws_iam_policy_document -------------------------------------------------

    def _rebuilt(self, instance: Instance) -> str:
        text = instance.get("json")
        if isinstance(text, str):
            return text
        for name in _SOURCES:
            if instance.get(name):
                error = self._links.unknown(instance, "json", "…")
                error.add_note(f"it cannot be put together because of `{name}`")
                raise error
        statements = instance.get("statement")
        if statements is UNKNOWN or not statements:
            raise self._links.unknown(instance, "json", "…")
        version = instance.get("version")
        document = {
            # The data source's own default.
            "Version": version if isinstance(version, str) else "2012-10-17",
            "Statement": [
                self._statement(instance, f"statement[{position}]", each)
                for position, each in enumerate(statements)
            ],
        }
        # `&{…}` is how the data source writes the policy variable `${…}`.
        return json.dumps(document).replace("&{", "${")

    def _statement(
        self, instance: Instance, path: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        statement: dict[str, Any] = {"Effect": "Allow"}
        for name, member in _MEMBERS.items():
            value = values.get(name)
            if value is UNKNOWN or (isinstance(value, list) and UNKNOWN in value):
                raise self._not_plain(instance, f"{path}.{name}")
            if value:
                statement[member] = value
        for name, member in _PRINCIPALS.items():
            if blocks := values.get(name):
                statement[member] = self._principals(instance, f"{path}.{name}", blocks)
        if blocks := values.get("condition"):
            statement["Condition"] = self._conditions(
                instance, f"{path}.condition", blocks
            )
        return statement

    def _principals(self, instance: Instance, path: str, blocks: Json) -> Json:
        if blocks is UNKNOWN:
            raise self._not_plain(instance, path)
        principals: dict[str, list[str]] = {}
        for position, each in enumerate(blocks):
            kind = each.get("type")
            bare = _BARE_PRINCIPALS if kind == "AWS" else frozenset()
            values = self._list(
                instance, f"{path}[{position}].identifiers", each, ("type",), bare
            )
            principals.setdefault(str(kind), []).extend(values)
        if principals == {"*": ["*"]}:
            return "*"
        return {
            # The data source writes the type `*` as `AWS`.
            "AWS" if kind == "*" else kind: values[0] if len(values) == 1 else values
            for kind, values in principals.items()
        }

    def _conditions(
        self, instance: Instance, path: str, blocks: Json
    ) -> dict[str, dict[str, Any]]:
        if blocks is UNKNOWN:
            raise self._not_plain(instance, path)
        conditions: dict[str, dict[str, Any]] = {}
        for position, each in enumerate(blocks):
            test, key = each.get("test"), each.get("variable")
            if UNKNOWN in (test, key):
                raise self._not_plain(instance, f"{path}[{position}]")
            bare = _BARE_KEYS.get(str(key).lower(), frozenset())
            if str(test).removesuffix("IfExists") not in _BARE_TESTS:
                bare = frozenset()
            names = ("test", "variable")
            values = self._list(
                instance, f"{path}[{position}].values", each, names, bare
            )
            conditions.setdefault(str(test), {}).setdefault(str(key), []).extend(values)
        return conditions

    def _list(  # noqa: PLR0917  # what, where, and which
        self,
        instance: Instance,
        path: str,
        block: Mapping[str, Any],
        same: tuple[str, ...],
        bare: frozenset[str],
    ) -> list[str]:
        """Read a list, with resources in place of what is known only after apply."""
        values = block.get(path.rpartition(".")[2])
        if isinstance(values, list) and UNKNOWN not in values:
            return values
        expression = self._list_expression(instance, path, block, same)
        references = longest((expression or {}).get("references") or ())
        found = self._links.referred(instance, expression)
        put = [
            text
            for each, attribute in found.instances.values()
            if each.type in bare
            and attribute in {"id", "arn"}
            and (text := self._links.attribute(each, attribute))
        ]
        # A list that is unknown as a whole may hold constants that nobody would miss.
        unknown = values.count(UNKNOWN) if isinstance(values, list) else -1
        if not unknown == len(put) == len(references) or not _is_plain(references):
            raise self._not_plain(instance, path)
        return [*(each for each in values or () if each is not UNKNOWN), *put]

    @staticmethod
    def _list_expression(
        instance: Instance, path: str, block: Mapping[str, Any], same: tuple[str, ...]
    ) -> Json:
        """Find the block of the source text: sets of blocks have another order."""
        holder, _, name = path.rpartition(".")
        expressions = expression_at(instance, holder.rpartition("[")[0])
        if not isinstance(expressions, list):
            return None
        if len(expressions) == 1:
            return expressions[0].get(name)
        fitting = [
            each
            for each in expressions
            if all(
                (each.get(key) or {}).get("constant_value") == block.get(key)
                for key in same
            )
        ]
        return fitting[0].get(name) if len(fitting) == 1 else None

    def _not_plain(self, instance: Instance, path: str) -> ConfigurationError:
        return located(
            self._unclear(
                instance,
                path,
                longest((expression_at(instance, path) or {}).get("references") or ()),
            ),
            instance.source,
        )


def _is_plain(references: list[str]) -> bool:
    """Tell whether references name resources, with nothing computed from them."""
    return all(
        steps_of(each)[0] not in {"local", "each", "count", "path", "terraform"}
        for each in references
    )
