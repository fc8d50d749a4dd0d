"""The AWS RAM shares that must be there, because something relies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.model.service_network import ResourceShare

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pytest_lattice.loaders.assembly import Part

__tracebackhide__ = HIDE


def implied_shares(
    parts: Sequence[Part], shares: Iterable[ResourceShare], outside: Collection[str]
) -> Iterator[ResourceShare]:
    """Make the shares of what stands elsewhere and is associated here.

    That an association exists, or is planned, shows that what it needs is shared,
    though the share itself cannot be seen.

    Args:
        parts: of all documents.
        shares: those that are declared.
        outside: ids or ARNs of services and service networks that stand elsewhere.

    AWS: vpc-lattice/latest/ug/sharing
    """
    shared = {
        (arn, receiver)
        for share in shares
        for arn in share.resources
        for receiver in share.receivers
    }
    owned = {
        part.arn: part
        for part in parts
        if part.kind in {"service", "service network"} and part.arn in outside
    }
    for part in parts:
        if part.kind not in {"service association", "VPC association"}:
            continue
        for member in ("serviceNetworkIdentifier", "serviceIdentifier"):
            found = owned.get(str(part.values.get(member)))
            if found is None or found.account == part.account:
                continue
            if (found.arn, part.account) not in shared:
                shared.add((found.arn, part.account))
                yield ResourceShare(
                    found.name,
                    resources=[found.arn],
                    principals=[part.account],
                    account=found.account,
                    source=found.source,
                )
