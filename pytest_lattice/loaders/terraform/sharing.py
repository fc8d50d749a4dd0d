"""AWS RAM shares of a plan or state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import NETWORK, SERVICE
from pytest_lattice.model.service_network import ResourceShare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.terraform.document import Document, Instance
    from pytest_lattice.loaders.terraform.links import Links

__tracebackhide__ = HIDE

_SHARE = "aws_ram_resource_share"
_RESOURCE = "aws_ram_resource_association"
_PRINCIPAL = "aws_ram_principal_association"
_LATTICE = frozenset({NETWORK, SERVICE})


def shares_of(document: Document, links: Links) -> Iterator[ResourceShare]:
    """Make the RAM shares that have a service network or service in them.

    AWS: vpc-lattice/latest/ug/sharing
    """
    resources: dict[str, list[str]] = {}
    principals: dict[str, list[str]] = {}
    for instance in document.instances.values():
        if instance.mode != "managed":
            continue
        if instance.type == _RESOURCE:
            share = _share_of(instance, links)
            shared = links.perhaps(instance, "resource_arn")
            if share is not None and _is_lattice(shared):
                arn = shared if isinstance(shared, str) else links.identity(shared).arn  # type: ignore[arg-type]  # not None
                resources.setdefault(share.address, []).append(str(arn))
        elif instance.type == _PRINCIPAL:
            share = _share_of(instance, links)
            principal = instance.get("principal")
            if share is not None and principal is not UNKNOWN:
                principals.setdefault(share.address, []).append(str(principal))
    for address, arns in resources.items():
        if address in principals:
            share = document.instances[address]
            yield ResourceShare(
                str(share.get("name")),
                resources=arns,
                principals=principals[address],
                account=links.identity(share).account,
                source=share.source,
            )


def _share_of(instance: Instance, links: Links) -> Instance | None:
    share = links.perhaps(instance, "resource_share_arn", frozenset({_SHARE}))
    return None if isinstance(share, str) else share


def _is_lattice(shared: Instance | str | None) -> bool:
    if isinstance(shared, str):
        return ":vpc-lattice:" in shared
    return shared is not None and shared.type in _LATTICE
