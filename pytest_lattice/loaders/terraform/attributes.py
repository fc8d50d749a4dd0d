"""What attributes hold: links resolved, unknowns refused or kept visible."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import VPCS, expression_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.assembly import Kind
    from pytest_lattice.loaders.terraform.document import Instance, Json
    from pytest_lattice.loaders.terraform.links import Links

__tracebackhide__ = HIDE


class Attributes:
    """Reads the attributes of a document's resources."""

    def __init__(self, links: Links) -> None:
        """Take the links of the document."""
        self._links = links

    def part(
        self,
        kind: Kind,
        instance: Instance,
        values: Mapping[str, Any],
        names: tuple[str, ...] = (),
    ) -> Part:
        """Make a part, with the resource's names, owner and tags."""
        identity = self._links.identity(instance)
        tags = instance.get("tags_all") or instance.get("tags")
        if isinstance(tags, dict):
            shown = {
                name: repr(tags[name]) if tags[name] is UNKNOWN else tags[name]
                for name in tags
            }
            values = {**values, "tags": shown}
        return Part(
            kind,
            values,
            instance.source,
            id=identity.id,
            arn=identity.arn,
            names=(instance.address, *names),
            account=identity.account,
            region=identity.region,
        )

    def link(self, instance: Instance, path: str, *wanted: str) -> str | None:
        """Read an identifier as the ARN of what it means, or as it is written."""
        found = self._links.follow(instance, path, frozenset(wanted))
        if found is None or isinstance(found, str):
            return found
        return self._links.identity(found).arn

    def vpc_name(self, instance: Instance, path: str) -> str | None:
        """Return how the network calls a VPC: its address, or else its id.

        Where several documents have one address, only the ARN tells which is meant.
        """
        found = self._links.follow(instance, path, VPCS)
        if found is None or isinstance(found, str):
            return found
        if self._links.is_only_address(found.address):
            return found.address
        return self._links.identity(found).arn

    def given(self, instance: Instance, name: str) -> Json:
        """Read what may be left out; what AWS fills in counts as left out."""
        value = instance.get(name)
        if value is UNKNOWN:
            if expression_at(instance, name):
                raise self._links.unknown(instance, name, "…")
            return None
        return value

    def needed(self, instance: Instance, name: str, example: str) -> Json:
        """Read what nothing can stand in for."""
        value = instance.get(name)
        if value is UNKNOWN:
            raise self._links.unknown(instance, name, example)
        return value

    def text(self, instance: Instance, name: str) -> str | None:
        """Read free text; what is known only after apply says where it comes from."""
        value = instance.get(name)
        if value is not UNKNOWN:
            return None if value is None else str(value)
        expression = expression_at(instance, name)
        references = (expression or {}).get("references") or ()
        return f"${{{references[0]}}}" if references else repr(UNKNOWN)


def known(value: Json) -> Json:
    """Take zero values, which the provider writes for what is not set, as None."""
    return None if value is UNKNOWN or value in ("", 0) else value
