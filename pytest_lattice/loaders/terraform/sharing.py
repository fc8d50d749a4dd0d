"""AWS RAM shares of a plan or state, and those that must be there to make it work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.links import NETWORK, SERVICE
from pytest_lattice.model.service_network import ResourceShare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_lattice.loaders.assembly import Part
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


def implied_shares(
    parts: Sequence[Part], shares: Iterable[ResourceShare], read: Iterable[str]
) -> Iterator[ResourceShare]:
    """Make the shares of what data sources read from other accounts.

    That an association is planned shows that what it needs is shared, though the share
    stands elsewhere.

    Args:
        parts: of all documents.
        shares: those that are declared.
        read: the addresses of data sources.
    """
    shared = {
        (arn, each)
        for share in shares
        for arn in share.resources
        for each in share.receivers
    }
    outside = {
        part.arn: part
        for part in parts
        if part.kind in {"service", "service network"} and part.names[0] in read
    }
    for part in parts:
        if part.kind not in {"service association", "VPC association"}:
            continue
        for member in ("serviceNetworkIdentifier", "serviceIdentifier"):
            owned = outside.get(str(part.values.get(member)))
            if owned is None or owned.account == part.account:
                continue
            if (owned.arn, part.account) not in shared:
                shared.add((owned.arn, part.account))
                yield ResourceShare(
                    owned.name,
                    resources=[owned.arn],
                    principals=[part.account],
                    account=owned.account,
                    source=owned.source,
                )
