"""Whom a statement names: the forms of a principal, and who is meant by them.

What would silently name nobody is complained of, in words for the user.
AWS: IAM/latest/UserGuide/reference_policies_elements_principal
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.model.auth_policy import Principals

#: AWS: the members of a principal.
TYPES = ("AWS", "Federated", "Service", "CanonicalUser")

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?([0-9]{12})(?::root)?", re.ASCII)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[!-~]+/)?([\w+=,.@-]+)")
_EXACT = re.compile(
    r"arn:aws[a-z-]*:(?:iam::[0-9]{12}:user/[!-~]+"
    r"|sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+"
    r"|sts::[0-9]{12}:federated-user/[\w+=,.@-]+)"
)


class _Named(NamedTuple):
    accounts: frozenset[str]
    roles: frozenset[tuple[str, str]]
    principals: frozenset[str]
    providers: frozenset[str]


def complaint(kind: str, value: str) -> str | None:
    """Say what is wrong with a principal; None if nothing is.

    Args:
        kind: one of `TYPES`.
        value: as the policy has it.
    """
    if kind != "AWS" or value == "*":
        return None
    if "*" in value or "?" in value:
        # AWS: a wildcard stands alone or not at all
        return (
            f"principal `{value}` has a wildcard, which matches nobody; "
            'use "*" with a condition on `aws:PrincipalArn`'
        )
    if ":group/" in value:
        return f"principal `{value}` is a group, which is never a principal"
    known = (_ACCOUNT, _ROLE, _EXACT)
    if any(pattern.fullmatch(value) for pattern in known):
        return None
    return f"principal `{value}` is not an account, role, user or session"


def compile_principals(
    principals: Principals, *, negated: bool, denies: bool = False
) -> Callable[[Identity], bool] | None:
    """Compile whom a statement is about.

    Args:
        principals: of a validated statement.
        negated: whether the statement is about everybody else.
        denies: whether it denies; it then excepts only who is named wholly.

    Returns:
        A function that tells whether a caller is meant; None where everybody is.
    """
    if principals.anyone:
        return (lambda _: False) if negated else None
    named = _named(principals)

    def is_named(identity: Identity) -> bool:
        # AWS: an anonymous caller is meant by "*" only
        if identity.arn is None:
            return False
        return (
            identity.account in named.accounts
            or identity.principal in named.principals
            or bool(named.roles and _role_of(identity) in named.roles)
            or bool(named.providers and _provider_of(identity) in named.providers)
        )

    if negated and denies:
        return lambda identity: bool(_lacking(named, identity))
    if negated:
        return lambda identity: not is_named(identity)
    return is_named


def lacking(principals: Principals, identity: Identity) -> tuple[str, ...]:
    """List what a Deny with NotPrincipal would have to name to except a caller.

    AWS: IAM/latest/UserGuide/reference_policies_elements_notprincipal: the account
    and the user, or the account, the role and the session, or it is denied

    Returns:
        The ARNs that are not named; nothing where the caller is excepted.
    """
    return _lacking(_named(principals), identity)


def _lacking(named: _Named, identity: Identity) -> tuple[str, ...]:
    if identity.arn is None:
        return (identity.principal,)
    found = []
    if identity.account not in named.accounts:
        found.append(f"arn:aws:iam::{identity.account}:root")
    role = _role_of(identity)
    if role is not None and role not in named.roles:
        found.append(identity.arn)
    if identity.principal not in named.principals:
        found.append(identity.principal)
    return tuple(found)


def _named(principals: Principals) -> _Named:
    accounts, roles, exact, providers = set(), set(), set(), set()
    for kind, value in principals.named:
        if kind == "Federated":
            providers.add(value)
        elif kind != "AWS":
            continue  # AWS: a service principal never calls over Lattice
        elif account := _ACCOUNT.fullmatch(value):
            # AWS: an account, by its id or by root, means every principal of it
            accounts.add(account[1])
        elif role := _ROLE.fullmatch(value):
            # AWS: a role means all its sessions, whose ARNs have no path
            roles.add((role[1], role[2]))
        else:
            exact.add(value)
    return _Named(
        frozenset(accounts), frozenset(roles), frozenset(exact), frozenset(providers)
    )


def _role_of(identity: Identity) -> tuple[str, str] | None:
    if identity.type != "AssumedRole" or identity.caller is None:
        return None
    return identity.account, identity.caller.name


def _provider_of(identity: Identity) -> str | None:
    return getattr(identity.caller, "federated_provider", None)


def shown(principals: Principals) -> str:
    """Write whom a statement names, on one line."""
    if principals.anyone:
        return "`*`"
    return ", ".join(f"`{value}`" for _, value in principals.named)
