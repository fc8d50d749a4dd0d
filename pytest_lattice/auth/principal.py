"""Whom a statement names: the forms of a principal, and who is meant by them.

What would silently name nobody is complained of, in words for the user.
AWS: IAM/latest/UserGuide/reference_policies_elements_principal
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.model.auth_policy import Principals

#: AWS: the members of a principal.
TYPES = ("AWS", "Federated", "Service", "CanonicalUser")

PrincipalKind: TypeAlias = Literal["account", "role", "user", "session", "federated"]

_NAME = r"[\w+=,.@-]+"
_IAM, _STS = (rf"arn:aws:{each}::(?P<account>[0-9]{{12}}):" for each in ("iam", "sts"))
_FORMS: tuple[tuple[PrincipalKind, str], ...] = (
    ("account", r"(?P<account>[0-9]{12})"),
    ("account", rf"{_IAM}root"),
    ("role", rf"{_IAM}role(?P<path>/(?:[!-~]+/)?)(?P<name>{_NAME})"),
    # A user without a name is of this form; IAM has none.
    ("user", rf"{_IAM}user(?=/[!-~])(?P<path>/(?:[!-~]*/)?)(?P<name>[!-.0-~]*)"),
    ("session", rf"{_STS}assumed-role/(?P<name>{_NAME})/(?P<session>{_NAME})"),
    ("federated", rf"{_STS}federated-user/(?P<name>{_NAME})"),
)
_PATTERNS = tuple((kind, re.compile(form, re.ASCII)) for kind, form in _FORMS)


class Principal(NamedTuple):
    """A principal of type ``AWS``, read.

    Args:
        kind: what it names; an account by its id or by its root.
        account: the account it is of.
        path: of a role or user.
        name: of a role, also where its session is named, or of a user.
        session: the name of the session.
    """

    kind: PrincipalKind
    account: str
    path: str = "/"
    name: str = ""
    session: str = ""


class _Named(NamedTuple):
    accounts: frozenset[str]
    arns: frozenset[str]
    providers: frozenset[str]


def read_principal(value: str) -> Principal | None:
    """Read a principal of type ``AWS``; None where it is of no known form."""
    for kind, pattern in _PATTERNS:
        if found := pattern.fullmatch(value):
            return Principal(kind, **found.groupdict())
    return None


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
    if read_principal(value) is not None:
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
            # AWS: a role means all its sessions, a session only itself
            or identity.arn in named.arns
            or identity.principal in named.arns
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
    arns = dict.fromkeys((identity.arn, identity.principal))
    missing = [arn for arn in arns if arn not in named.arns]
    if identity.account not in named.accounts:
        missing.insert(0, f"arn:aws:iam::{identity.account}:root")
    return tuple(missing)


def _named(principals: Principals) -> _Named:
    accounts, arns, providers = set(), set(), set()
    for kind, value in principals.named:
        if kind == "Federated":
            providers.add(value)
        elif kind != "AWS":
            continue  # AWS: a service principal never calls over Lattice
        elif (found := read_principal(value)) and found.kind == "account":
            # AWS: an account, by its id or by root, means every principal of it
            accounts.add(found.account)
        else:
            arns.add(value)
    return _Named(frozenset(accounts), frozenset(arns), frozenset(providers))


def _provider_of(identity: Identity) -> str | None:
    return getattr(identity.caller, "federated_provider", None)


def shown(principals: Principals) -> str:
    """Write whom a statement names, on one line."""
    if principals.anyone:
        return "`*`"
    return ", ".join(f"`{value}`" for _, value in principals.named)
