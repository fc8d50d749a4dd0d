"""Names, ids, ARNs and DNS names, in AWS's exact patterns.

Ids are derived from the account, the Region and the name by hashing, so the same
declaration has the same ids in every run.  Nothing here is random.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.value import DerivedText, given

__tracebackhide__ = HIDE

#: The account that owns what does not say otherwise; AWS's own example account.
DEFAULT_ACCOUNT = "123456789012"
#: The Region of what does not say otherwise; that of AWS's launch walkthrough.
DEFAULT_REGION = "us-west-2"

# The middle label of generated names is the same for every service of the
# commercial partition (seen in every public transcript).
# AWS: vpc-lattice/latest/ug/service-custom-domain-name
_PARTITION_ID = "7d67968"
_DNS_SUFFIX = "on.aws"


class _NameLaw(NamedTuple):
    shortest: int
    longest: int
    reserved: str | None


# AWS: vpc-lattice/latest/APIReference: the `name` shapes of Create* operations
_NAME_LAWS = {
    "service network": _NameLaw(3, 63, None),
    "service": _NameLaw(3, 40, "svc-"),
    "target group": _NameLaw(3, 128, "tg-"),
    "listener": _NameLaw(3, 63, "listener-"),
    "rule": _NameLaw(3, 63, "rule-"),
}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
#: An AWS account id.
ACCOUNT_ID = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")


def check_name(kind: str, name: str) -> None:
    """Refuse a resource name that AWS would refuse.

    Args:
        kind: ``service network``, ``service``, ``target group``, ``listener``
            or ``rule``.
        name: the name to check.

    Raises:
        ConfigurationError: the length, a character or a reserved prefix.
    """
    law = _NAME_LAWS[kind]
    if not isinstance(name, str):
        raise ConfigurationError(f"the name of a {kind} is text, not `{name!r}`")
    if not law.shortest <= len(name) <= law.longest:
        raise ConfigurationError(
            f"{kind} name `{name}` has {len(name)} characters, "
            f"not {law.shortest} to {law.longest}"
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{kind} name `{name}` may hold only a-z, 0-9 and single hyphens inside"
        )
    if law.reserved and name.startswith(law.reserved):
        raise ConfigurationError(
            f"{kind} name `{name}` starts with the reserved `{law.reserved}`"
        )


def check_owner(account: str, region: str) -> None:
    """Refuse an account that is not 12 digits or a Region that is none.

    Raises:
        ConfigurationError: one of the two.
    """
    check_account(account)
    if not _REGION.fullmatch(str(region)):
        raise ConfigurationError(f"Region `{region}` is not a Region name")


def check_account(account: str) -> None:
    """Refuse an account that is not 12 digits.

    Raises:
        ConfigurationError: it is not, or it is a number, which is equal to no text.
    """
    if not isinstance(account, str):
        raise advised(f"account `{account!r}` is not text", "put it in quotes")
    if not ACCOUNT_ID.fullmatch(account):
        raise ConfigurationError(f"account `{account}` is not 12 digits")


def digest(*parts: str, length: int = 17) -> str:
    """Hash parts to `length` lower-case hexadecimal digits."""
    # Half of a surrogate pair is no UTF-8, but text in Python.
    text = "\0".join(parts).encode(errors="surrogatepass")
    return sha256(text).hexdigest()[:length]


@lru_cache(maxsize=8192)
def identifier(prefix: str, *parts: str) -> str:
    """Derive an id such as ``svc-0e5f3d2b3db4c7962`` from what it identifies."""
    # AWS: ids are the prefix and 17 characters, in practice hexadecimal
    return f"{prefix}-{digest(prefix, *parts)}"


class _Owned(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...


def given_id(prefix: str, value: str, resource: _Owned, where: str) -> str:
    """Take the id that a resource was given, or derive it.

    Args:
        prefix: such as ``svc``.
        value: the id; empty or derived before where none was given.
        resource: whose it is.
        where: that in words, such as ``service `shop` ``.

    Raises:
        ConfigurationError: it is not the prefix and 17 characters.
    """
    derived = identifier(prefix, resource.account, resource.region, resource.name)
    if not given(value) or value == derived:
        return DerivedText(derived)
    # AWS: vpc-lattice/latest/APIReference: the `id` shapes
    if not re.fullmatch(rf"{prefix}-[0-9a-z]{{17}}", str(value)):
        raise ConfigurationError(
            f"{where}: id `{value}` is not {prefix}- and 17 of 0-9 and a-z"
        )
    return value


@lru_cache(maxsize=8192)
def lattice_arn(resource: str, *, account: str, region: str) -> str:
    """Write the ARN of a VPC Lattice resource, such as ``service/svc-…``."""
    return f"arn:aws:vpc-lattice:{region}:{account}:{resource}"


def service_dns_name(name: str, service_id: str, region: str) -> str:
    """Write the generated DNS name of a service.

    AWS: vpc-lattice/latest/ug/service-custom-domain-name
    """
    label = f"{name}-{service_id.removeprefix('svc-')}"
    return f"{label}.{_PARTITION_ID}.vpc-lattice-svcs.{region}.{_DNS_SUFFIX}"


def request_id_prefix(seed: str) -> str:
    """Begin request ids like a UUID; a counter fills the last part."""
    text = digest("request", seed, length=20)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:]}-"
