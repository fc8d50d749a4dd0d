"""The Lattice configuration of a live account, read through boto3.

Nothing is written and nothing else is read: the calls are `List…` and `Get…` of VPC
Lattice, and one of STS where a session is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.loaders.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

__tracebackhide__ = HIDE

#: A session or client of boto3, which has no types.
Boto: TypeAlias = Any
Item: TypeAlias = "dict[str, Any]"

#: The form of a snapshot.
VERSION = 1
_SERVICE = "vpc-lattice"
_IDENTITY = "GetCallerIdentity"
# AWS: vpc-lattice/latest/APIReference/CommonErrors
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_THROTTLED = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException"}
)
_GONE = "ResourceNotFoundException"


def snapshot_account(
    source: Boto, *, account: str | None = None, redact: bool = False
) -> dict[str, Any]:
    """Read the Lattice configuration of an account in one Region.

    What it returns can be written as JSON, and `load_account` takes it, also where
    boto3 is not installed.

    Args:
        source: a session of boto3, or its client for vpc-lattice.
        account: the 12-digit account; asked of STS unless given, if `source` is a
            session.
        redact: whether account ids are replaced by made-up ones.

    Returns:
        The answers of the calls, those about a resource inside it.

    Raises:
        ConfigurationError: a call that is denied, throttled or fails, with its name.

    AWS: vpc-lattice/latest/APIReference
    """
    client, own = _client(source, account)
    found = _Reader(client, own).snapshot()
    return redacted(found) if redact else found


def is_boto(source: object) -> bool:
    """Tell a session or client of boto3 from other things."""
    return hasattr(source, "client") or hasattr(source, "get_paginator")


def _client(source: Boto, account: str | None) -> tuple[Boto, str | None]:
    if hasattr(source, "client"):
        if account is None:
            with _named(_IDENTITY):
                account = source.client("sts").get_caller_identity()["Account"]
        with _named(f"a client for {_SERVICE}"):
            return source.client(_SERVICE), account
    service = getattr(getattr(source, "meta", None), "service_model", None)
    if getattr(service, "service_name", None) != _SERVICE:
        raise advised(
            f"`{source!r}` is no session of boto3 and no client for {_SERVICE}",
            f'pass boto3.Session() or boto3.client("{_SERVICE}")',
        )
    return source, account


@contextmanager
def _named(call: str) -> Iterator[None]:
    """Say which call failed, and what to do about it."""
    from botocore.exceptions import (  # type: ignore[import-untyped]  # it has no types
        BotoCoreError,
        ClientError,
    )

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        text = f"{call}: {error.response.get('Error', {}).get('Message') or code}"
        if code in _DENIED:
            raise advised(text, _allowance(call)) from error
        if code in _THROTTLED:
            raise advised(
                text,
                "give a client that tries again: Config(retries={'mode': 'adaptive'})",
            ) from error
        raise ConfigurationError(text) from error
    except BotoCoreError as error:
        raise ConfigurationError(f"{call}: {error}") from error


def _allowance(call: str) -> str:
    if call == _IDENTITY:
        return "pass account=…"
    return (
        f"allow {_SERVICE}:{call.split(maxsplit=1)[0]}; with account=… nothing is "
        "asked of what other accounts share"
    )


class _Gone(Exception):  # noqa: N818  # no error of a user's
    """What was listed is not there any more."""


class _Reader:
    """Makes the calls."""

    def __init__(self, client: Boto, account: str | None) -> None:
        self._client = client
        self._account = account

    def snapshot(self) -> dict[str, Any]:
        networks = self._owned("list_service_networks", self._network)
        services = self._owned("list_services", self._service)
        return {
            "version": VERSION,
            "account": self._account,
            "region": self._client.meta.region_name,
            "serviceNetworks": networks,
            "services": services,
            "targetGroups": self._each("list_target_groups", self._group),
            "serviceNetworkServiceAssociations": self._links(
                "list_service_network_service_associations",
                [("serviceNetworkIdentifier", each["arn"]) for each in networks]
                + [
                    ("serviceIdentifier", each["arn"])
                    for each in services
                    if self._is_own(each)
                ],
            ),
            "serviceNetworkVpcAssociations": self._links(
                "list_service_network_vpc_associations",
                [("serviceNetworkIdentifier", each["arn"]) for each in networks],
            ),
        }

    # ---- resources --------------------------------------------------------------

    def _is_own(self, item: Item) -> bool:
        return self._account in {None, item["arn"].split(":")[4]}

    def _owned(self, operation: str, read: Any) -> list[Item]:  # noqa: ANN401  # a method
        """Read each resource; of what others own, the list is all there is."""
        return self._each(
            operation, lambda item: read(item) if self._is_own(item) else item
        )

    def _each(self, operation: str, read: Any, **arguments: str) -> list[Item]:  # noqa: ANN401  # a method
        found = []
        for item in self._list(operation, **arguments):
            try:
                found.append(read(item))
            except _Gone:
                continue
        return found

    def _network(self, item: Item) -> Item:
        own = self._get("get_service_network", serviceNetworkIdentifier=item["id"])
        return {**own, **self._about(item)}

    def _service(self, item: Item) -> Item:
        own = self._get("get_service", serviceIdentifier=item["id"])
        listeners = self._each(
            "list_listeners",
            lambda listener: self._listener(item["id"], listener),
            serviceIdentifier=item["id"],
        )
        return {**own, **self._about(item), "listeners": listeners}

    def _listener(self, service: str, item: Item) -> Item:
        names = {"serviceIdentifier": service, "listenerIdentifier": item["id"]}
        own = self._get("get_listener", **names)
        rules = self._each(
            "list_rules",
            lambda rule: self._get("get_rule", ruleIdentifier=rule["id"], **names),
            **names,
        )
        return {**own, "rules": rules}

    def _group(self, item: Item) -> Item:
        own = self._get("get_target_group", targetGroupIdentifier=item["id"])
        targets = self._list("list_targets", targetGroupIdentifier=item["id"])
        return {**own, "targets": list(targets)}

    def _about(self, item: Item) -> Item:
        """Read the policy and the log subscriptions of a service or network."""
        try:
            policy = self._get("get_auth_policy", resourceIdentifier=item["arn"])
        except _Gone:  # AWS: seen beside an answer without members
            policy = {}
        logs = self._list(
            "list_access_log_subscriptions", resourceIdentifier=item["id"]
        )
        return {"authPolicy": policy, "accessLogSubscriptions": list(logs)}

    def _links(self, operation: str, filters: list[tuple[str, str]]) -> list[Item]:
        """List associations, which AWS only does by one of their sides."""
        found: dict[str, Item] = {}
        for name, arn in filters:
            for item in self._list(operation, **{name: arn}):
                found.setdefault(item["id"], item)
        return list(found.values())

    # ---- calls ------------------------------------------------------------------

    def _list(self, operation: str, **arguments: str) -> list[Item]:
        with _named(_call(operation, arguments)):
            pages = self._client.get_paginator(operation).paginate(**arguments)
            return [_plain(item) for page in pages for item in page["items"]]

    def _get(self, operation: str, **arguments: str) -> Item:
        from botocore.exceptions import ClientError

        with _named(_call(operation, arguments)):
            try:
                answer = getattr(self._client, operation)(**arguments)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") == _GONE:
                    raise _Gone from None
                raise
        answer.pop("ResponseMetadata", None)
        plain: Item = _plain(answer)
        return plain


def _call(operation: str, arguments: Mapping[str, str]) -> str:
    name = "".join(each.title() for each in operation.split("_"))
    of = " ".join(arguments.values())
    return f"{name} of {of}" if of else name


def _plain(value: Any) -> Any:  # noqa: ANN401  # what boto3 answers
    """Take an answer as what JSON has."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in value}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
