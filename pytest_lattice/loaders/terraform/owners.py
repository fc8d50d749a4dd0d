"""Whose account and Region a resource of a plan belongs to.

A state says it in every ARN.  A plan may say it in the ARN of a neighbor of the same
provider configuration, in what data sources read, or in the configuration itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lattice.errors import HIDE, ConfigurationError, unknown
from pytest_lattice.loaders.terraform.references import Place, References
from pytest_lattice.model.names import (
    ACCOUNT_ID,
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    check_owner,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pytest_lattice.loaders.terraform.document import Document, Instance, Json

__tracebackhide__ = HIDE

_ROLE_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/.+")
_DEFAULT_PROVIDER = "aws"


class Owner(NamedTuple):
    """An account and a Region."""

    account: str
    region: str


class Owners:
    """Finds the owner of each resource of a document."""

    def __init__(
        self,
        document: Document,
        accounts: Mapping[str, str],
        regions: Mapping[str, str],
    ) -> None:
        """Take a document, and what the user says of its provider configurations."""
        self._document = document
        self._references = References(document)
        self._given = (dict(accounts), dict(regions))
        self._seen: dict[str, tuple[str | None, str | None]] = {}
        self._of_providers: dict[str, Owner] = {}
        for instance in document.instances.values():
            self._see(instance)

    def of(self, instance: Instance) -> Owner:
        """Return the owner of a resource."""
        account, region = _in_arn(instance)
        if account and region:
            return Owner(account, region)
        provider = self._provider(instance)
        if provider not in self._of_providers:
            self._of_providers[provider] = self._of_provider(provider)
        found = self._of_providers[provider]
        own = instance.get("region")  # since version 6 of the provider
        if not isinstance(own, str):
            own = None
        return Owner(account or found.account, region or own or found.region)

    @property
    def providers(self) -> frozenset[str]:
        """The provider configurations that resources have."""
        return frozenset(self._seen)

    def _provider(self, instance: Instance) -> str:
        """Return the key of the provider configuration of a resource."""
        key = str(
            instance.configuration.get("provider_config_key") or _DEFAULT_PROVIDER
        )
        if key in self._document.providers:
            return key
        # `module.x:aws` is that of the caller where the module has none of its own.
        return key.rpartition(":")[2]

    def _see(self, instance: Instance) -> None:
        provider = self._provider(instance)
        account, region = self._seen.get(provider, (None, None))
        in_arn = _in_arn(instance)
        if instance.mode == "managed":
            account, region = account or in_arn[0], region or in_arn[1]
        elif instance.type == "aws_caller_identity":
            account = _text(instance.get("account_id")) or account
        elif instance.type == "aws_region":
            read = instance.get("region") or instance.get("name")
            region = _text(read) or region
        self._seen[provider] = (account, region)

    def _of_provider(self, provider: str) -> Owner:
        accounts, regions = self._given
        seen_account, seen_region = self._seen.get(provider, (None, None))
        written = self._document.providers.get(provider) or {}
        expressions = written.get("expressions") or {}
        account = (
            accounts.get(provider) or seen_account or self._account_in(expressions)
        )
        region = (
            regions.get(provider) or self._value(expressions, "region") or seen_region
        )
        for name, value, default, parameter in (
            ("account", account, DEFAULT_ACCOUNT, "accounts"),
            ("Region", region, DEFAULT_REGION, "regions"),
        ):
            if value is None:
                self._document.notices.once(
                    (name, provider),
                    f"{self._document.file} does not say the {name} of provider "
                    f"configuration `{provider}`, so {default} stands in; say it with "
                    f'{parameter}={{"{provider}": "…"}}',
                )
        owner = Owner(account or DEFAULT_ACCOUNT, region or DEFAULT_REGION)
        try:
            check_owner(*owner)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{self._document.file}: provider configuration `{provider}`: {error}"
            ) from None
        return owner

    def _account_in(self, expressions: Mapping[str, Any]) -> str | None:
        allowed = self._value(expressions, "allowed_account_ids")
        if isinstance(allowed, list) and len(allowed) == 1:
            return _account(allowed[0])
        for each in expressions.get("assume_role") or ():
            arn = self._value(each, "role_arn")
            if match := _ROLE_ARN.fullmatch(str(arn)):
                return match[1]
        return None

    def _value(self, expressions: Mapping[str, Json], name: str) -> Json:
        place = Place(self._document.root)
        value = self._references.evaluated(expressions.get(name), place)
        return value if isinstance(value, str | list) else None


def check_owners(
    providers: Collection[str], accounts: Mapping[str, str], regions: Mapping[str, str]
) -> None:
    """Refuse what a user says of a provider configuration that is none.

    Args:
        providers: those of all documents.
        accounts: account by provider configuration.
        regions: Region by provider configuration.

    Raises:
        ConfigurationError: one that no document has, or no account or Region.
    """
    for provider in {**accounts, **regions}:
        if provider not in providers:
            raise unknown("provider configuration", provider, providers)
    for account in accounts.values():
        check_owner(account, DEFAULT_REGION)
    for region in regions.values():
        check_owner(DEFAULT_ACCOUNT, region)


def _in_arn(instance: Instance) -> tuple[str | None, str | None]:
    """Read account and Region out of a resource's own ARN, as far as they are there."""
    arn = instance.get("arn")
    parts = arn.split(":") if isinstance(arn, str) else []
    if len(parts) < 6:  # noqa: PLR2004  # an ARN
        return None, None
    return _account(parts[4]), parts[3] or None


def _account(text: object) -> str | None:
    return text if isinstance(text, str) and ACCOUNT_ID.fullmatch(text) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
