"""Who calls: IAM roles and users, with the credentials that prove it.

A caller knows its ARNs, ids and credentials by itself; they derive from its names,
so they are the same in every run.  Nothing here signs or judges anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias
from unicodedata import category

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.credentials import Credentials, letters, secret
from pytest_lattice.model.names import DEFAULT_ACCOUNT, check_account
from pytest_lattice.model.value import (
    Value,
    check_text,
    check_texts,
    listed,
    read_only,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.auth_policy import PolicyDocument
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

# AWS: IAM/latest/UserGuide/reference_iam-quotas
_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
# AWS: STS/latest/APIReference/API_AssumeRole
_SESSION = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_PATH = re.compile(r"/([!-~]+/)?")
_ORGANIZATION_ID = re.compile(r"o-[a-z0-9]{10,32}")
# AWS: IAM/latest/APIReference/API_Tag: beside letters, digits and separators
_TAG_SIGNS = frozenset("_.:/=+-@")
_MOST_TAGS, _LONGEST_KEY, _LONGEST_VALUE = 50, 128, 256
_ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
# How much of a text that is refused is shown.
_SHOWN = 60
#: Where one names a managed policy in place of a document.
MANAGED_PREFIX = "arn:aws:iam::aws:policy/"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Certificate(Value):
    """What IAM Roles Anywhere tells of the certificate that a session came from.

    Args:
        issuer_ou: the issuer's organizational unit.
        subject_cn: the subject's common name.
        san_dns: the DNS name among the subject's alternative names.
        san_name_cn: the common name of the directory name among them.
        san_uri: the URI among them, such as a SPIFFE id.

    AWS: vpc-lattice/latest/ug/http-targets
    """

    issuer_ou: str = ""
    subject_cn: str = ""
    san_dns: str = ""
    san_name_cn: str = ""
    san_uri: str = ""

    def __post_init__(self) -> None:
        """Hold each attribute to text that a header can carry."""
        for each in fields(self):
            _check_portable(getattr(self, each.name), f"certificate: {each.name}")


@dataclass(frozen=True, slots=True, repr=False)
class Role(Value):
    """An IAM role, in the one session in which it calls.

    Args:
        name: its name, unique in the account.
        policies: its identity-based policies: documents, or names of AWS's managed
            policies such as ``VPCLatticeServicesInvokeAccess``.  Without one that
            allows ``vpc-lattice-svcs:Invoke`` it may call nothing that needs auth.
        permissions_boundary: a document that limits them; None for no limit.
        session_policies: documents that limit the session.
        service_control_policies: documents of its organization that limit it; each
            must allow.
        tags: its principal tags, up to 50.
        session_tags: tags of the session, up to 50; they win over `tags`.
        account: the 12-digit account it belongs to.
        org_id: the organization of that account, such as ``o-exampleorgid``.
        org_path: its place in there, such as ``o-…/r-…/ou-…/``.
        session: the name of the session.
        path: the path in its ARN.
        source_identity: the session's source identity.
        federated_provider: the identity provider that issued the session.
        certificate: the certificate behind the session, for IAM Roles Anywhere.
        issued: when its token was issued, with a time zone.
        expires: when its token ends, with a time zone; None for never.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a name, path, account, organization, tag, time or policy
            that IAM would refuse.

    AWS: IAM/latest/UserGuide/id_roles, vpc-lattice/latest/ug/auth-policies
    """

    name: str
    _: KW_ONLY
    policies: Sequence[PolicyDocument] = ()
    permissions_boundary: PolicyDocument | None = None
    session_policies: Sequence[PolicyDocument] = ()
    service_control_policies: Sequence[PolicyDocument] = ()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    session_tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    account: str = DEFAULT_ACCOUNT
    org_id: str | None = None
    org_path: str | None = None
    session: str = "test-session"
    path: str = "/"
    source_identity: str | None = None
    federated_provider: str | None = None
    certificate: Certificate | None = None
    issued: datetime = _ISSUED
    expires: datetime | None = None
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check IAM's limits and take the documents as text."""
        where = f"role `{self.name}`"
        _check_identity(self, "role", where)
        check_text(self.session, f"{where}: session")
        check_texts(self, where, "source_identity", "federated_provider")
        if not _SESSION.fullmatch(self.session):
            raise ConfigurationError(
                f"{where}: session `{self.session}` is not 2 to 64 of letters, digits "
                "and +=,.@-"
            )
        if not isinstance(self.certificate, Certificate | None):
            raise ConfigurationError(
                f"{where}: certificate `{self.certificate!r}` is not a Certificate"
            )
        issued = _utc(self.issued, f"{where}: issued")
        expires = self.expires
        if expires is not None:
            expires = _utc(expires, f"{where}: expires")
            if expires <= issued:
                raise advised(
                    f"{where}: expires `{expires}` is not after issued `{issued}`",
                    "say when it was issued: issued=…",
                )
        self._set(
            issued=issued,
            expires=expires,
            session_policies=_documents(
                self.session_policies, where, "session policies"
            ),
            session_tags=_tags(self.session_tags, where, "session tag"),
        )

    @property
    def arn(self) -> str:
        """The role's ARN, which `aws:PrincipalArn` gives."""
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"

    @property
    def id(self) -> str:
        """What tells it from other sessions of the role: the session's ARN."""
        return self.principal

    @property
    def principal(self) -> str:
        """The ARN of the session, by which AWS names the caller."""
        return f"arn:aws:sts::{self.account}:assumed-role/{self.name}/{self.session}"

    @property
    def user_id(self) -> str:
        """The role's unique id and the session, which `aws:userid` gives."""
        return f"AROA{letters('id', self.arn, length=17)}:{self.session}"

    @property
    def credentials(self) -> Credentials:
        """The session's temporary credentials."""
        return Credentials(
            f"ASIA{letters('key', self.principal, length=16)}",
            secret(self.principal),
            f"session-token/{letters('token', self.principal, length=48)}=",
            expires=self.expires,
        )


@dataclass(frozen=True, slots=True, repr=False)
class User(Value):
    """An IAM user with an access key of its own.

    Args:
        name: its name, unique in the account.
        policies: see `Role`.
        permissions_boundary: see `Role`.
        service_control_policies: see `Role`.
        tags: its principal tags.
        account: the 12-digit account it belongs to.
        org_id: the organization of that account.
        org_path: its place in there.
        path: the path in its ARN.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: what IAM would refuse.

    AWS: IAM/latest/UserGuide/id_users
    """

    name: str
    _: KW_ONLY
    policies: Sequence[PolicyDocument] = ()
    permissions_boundary: PolicyDocument | None = None
    service_control_policies: Sequence[PolicyDocument] = ()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    account: str = DEFAULT_ACCOUNT
    org_id: str | None = None
    org_path: str | None = None
    path: str = "/"
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check IAM's limits and take the documents as text."""
        _check_identity(self, "user", f"user `{self.name}`")

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"

    @property
    def id(self) -> str:
        """What tells it from other callers: its ARN."""
        return self.arn

    @property
    def principal(self) -> str:
        """The ARN by which AWS names the caller, which is the user's."""
        return self.arn

    @property
    def user_id(self) -> str:
        """The user's unique id, which `aws:userid` gives."""
        return f"AIDA{letters('id', self.arn, length=17)}"

    @property
    def credentials(self) -> Credentials:
        """The user's access key; it has no token."""
        key = letters("key", self.arn, length=16)
        return Credentials(f"AKIA{key}", secret(self.arn))


Caller: TypeAlias = Role | User


def kind_of(caller: Caller) -> str:
    """Return ``role`` or ``user``."""
    return "role" if isinstance(caller, Role) else "user"


def _check_identity(caller: Caller, kind: str, where: str) -> None:
    """Check what roles and users have in common."""
    check_text(caller.name, f"the name of a {kind}")
    if not _NAME.fullmatch(caller.name):
        raise ConfigurationError(
            f"{kind} name `{caller.name}` is not 1 to 64 of letters, digits and +=,.@-_"
        )
    check_text(caller.path, f"{where}: path")
    if not _PATH.fullmatch(caller.path):
        raise advised(
            f"{where}: path `{caller.path}` does not begin and end with `/`",
            f"write {_slashed(caller.path)!r}",
        )
    check_account(caller.account)
    _check_organization(caller, where)
    boundary = caller.permissions_boundary
    if boundary is not None:
        (boundary,) = _documents([boundary], where, "permissions boundary")
    caller._set(  # noqa: SLF001  # called while the value is being constructed
        policies=_documents(caller.policies, where, "policies"),
        permissions_boundary=boundary,
        service_control_policies=_documents(
            caller.service_control_policies, where, "service control policies"
        ),
        tags=_tags(caller.tags, where, "tag"),
    )


def _check_organization(caller: Caller, where: str) -> None:
    org_id, org_path = caller.org_id, caller.org_path
    if org_id is not None and not _ORGANIZATION_ID.fullmatch(str(org_id)):
        raise advised(
            f"{where}: `{org_id}` is not the id of an organization",
            "one is like o-exampleorgid",
        )
    if org_path is None:
        return
    _check_portable(org_path, f"{where}: organization path")
    # AWS: IAM/latest/UserGuide/reference_policies_condition-keys: PrincipalOrgPaths
    if org_id is None or not org_path.startswith(f"{org_id}/"):
        raise advised(
            f"{where}: organization path `{org_path}` does not begin with its org_id",
            "a path is like o-exampleorgid/r-ab12/ou-ab12-11111111/",
        )


def _tags(tags: Mapping[str, str], where: str, kind: str) -> Mapping[str, str]:
    """Hold tags to IAM's rules and take them as read-only.

    AWS: IAM/latest/UserGuide/id_tags, STS/latest/APIReference/API_Tag
    """
    taken = read_only(tags)
    if len(taken) > _MOST_TAGS:
        raise ConfigurationError(
            f"{where}: there are {len(taken)} {kind}s; AWS allows {_MOST_TAGS}"
        )
    law = "letters, digits, spaces and _.:/=+-@"
    spelled: dict[str, str] = {}
    for key, value in taken.items():
        if not key or not _is_tag_text(key, _LONGEST_KEY):
            raise ConfigurationError(
                f"{where}: {kind} key `{_shown(key)}` is not 1 to {_LONGEST_KEY} of "
                f"{law}"
            )
        if key.lower().startswith("aws:"):
            raise advised(
                f"{where}: {kind} key `{_shown(key)}` begins with `aws:`",
                "only AWS sets such tags",
            )
        if not _is_tag_text(value, _LONGEST_VALUE):
            raise ConfigurationError(
                f"{where}: value `{_shown(value)}` of {kind} `{_shown(key)}` is not 0 "
                f"to {_LONGEST_VALUE} of {law}"
            )
        if (first := spelled.setdefault(key.lower(), key)) is not key:
            raise advised(
                f"{where}: {kind}s `{_shown(first)}` and `{_shown(key)}` have one key",
                "keys that differ only by case are the same to IAM",
            )
    return taken


def _is_tag_text(text: str, longest: int) -> bool:
    return len(text) <= longest and all(
        each in _TAG_SIGNS or category(each)[0] in "LNZ" for each in text
    )


def _check_portable(text: object, where: str) -> None:
    """Refuse what is not text, and what cannot be written into a header."""
    check_text(text, where)
    shown = str(text)
    if any(category(each) in {"Cc", "Cs"} for each in shown):
        raise ConfigurationError(
            f"{where} `{_shown(shown)}` has a character that no header can carry"
        )


def _shown(text: str) -> str:
    """Show any text on one line, and not much of it."""
    line = text if text.isprintable() else ascii(text)[1:-1]
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _utc(time: object, where: str) -> datetime:
    """Take a time with a time zone as UTC."""
    if not isinstance(time, datetime) or time.utcoffset() is None:
        raise ConfigurationError(f"{where} `{time}` is not a time with a time zone")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ConfigurationError(
            f"{where} `{time}` is not in the years 1 to 9999 of UTC"
        ) from None


def _documents(
    documents: Sequence[PolicyDocument], where: str, name: str
) -> tuple[str, ...]:
    from pytest_lattice.model.auth_policy import policy_text

    if isinstance(documents, Mapping):
        raise advised(
            f"{where}: {name} is one document, not a list", "put it in brackets: [{…}]"
        )
    texts = []
    several = listed(documents, where, name)
    for position, document in enumerate(several):
        index = f"[{position}]" if len(several) > 1 else ""
        texts.append(
            managed
            if (managed := _managed(document))
            else policy_text(document, f"{where}: {name}{index}")
        )
    return tuple(texts)


def _managed(document: object) -> str | None:
    """Take a managed policy by name or ARN; None for anything else."""
    if not isinstance(document, str):
        return None
    name = document.removeprefix(MANAGED_PREFIX)
    return f"{MANAGED_PREFIX}{name}" if _NAME.fullmatch(name) else None


def _slashed(path: str) -> str:
    inner = path.strip("/")
    return f"/{inner}/" if inner else "/"
