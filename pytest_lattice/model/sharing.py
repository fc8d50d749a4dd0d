"""Who may use whose resources: the law of AWS RAM for service networks and services.

An account sees what it owns and what is shared with it, directly, through its
organization or through an organizational unit.  Sharing lets the receiver
associate; it decides nothing about a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lattice.model.service import Service
    from pytest_lattice.model.service_network import (
        Organization,
        ResourceShare,
        ServiceNetwork,
    )


def shared_with(
    account: str,
    resource: Service | ServiceNetwork,
    shares: Iterable[ResourceShare],
    organizations: Iterable[Organization],
) -> ResourceShare | None:
    """Find the share through which an account may use another's resource.

    Args:
        account: the 12-digit account that wants to use it.
        resource: the service or service network.
        shares: all resource shares.
        organizations: all organizations.

    Returns:
        The first share that reaches the account, or None.

    AWS: vpc-lattice/latest/ug/sharing
    """
    names = {resource.name, resource.id, resource.arn}
    for share in shares:
        owned = share.account == resource.account
        if owned and names.intersection(share.resources):
            receivers = set(share.receivers)
            for organization in organizations:
                for receiver in share.receivers:
                    receivers.update(organization.members(receiver))
            if account in receivers:
                return share
    return None


def refusal(
    account: str,
    resource: Service | ServiceNetwork,
    shares: Iterable[ResourceShare],
    organizations: Iterable[Organization],
) -> str | None:
    """Say why an account may not associate a resource; None if it may."""
    if resource.account == account:
        return None
    if shared_with(account, resource, shares, organizations):
        return None
    kind = "service" if resource.id.startswith("svc-") else "service network"
    return (
        f"{kind} `{resource.name}` of account {resource.account} "
        f"is not shared with account {account}"
    )
