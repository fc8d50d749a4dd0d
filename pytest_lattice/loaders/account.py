"""`load_account`: what an account has deployed, live or as a snapshot."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
)
from pytest_lattice.loaders.assembly import RESOURCE_LOGS, Part, assemble
from pytest_lattice.loaders.boto import VERSION, is_boto, snapshot_account
from pytest_lattice.loaders.notices import Notices
from pytest_lattice.loaders.reading import read_text
from pytest_lattice.loaders.redaction import redacted
from pytest_lattice.loaders.shares import implied_shares
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lattice.loaders.assembly import Kind
    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.loaders.boto import Boto, Item
    from pytest_lattice.model.configuration import Resource

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference: these are not there, or soon not
_NOT_THERE = frozenset({"CREATE_FAILED", "DELETE_IN_PROGRESS"})
_LEAVING = "DRAINING"
_ARN = 6


def load_account(
    source: Boto,
    *,
    targets: Bindings = (),
    account: str | None = None,
    redact: bool = False,
    strict: bool = False,
) -> tuple[Resource, ...]:
    """Load the Lattice configuration of an account in one Region.

    Identity-based policies are not read: declare the roles that call.

    Args:
        source: a session of boto3, its client for vpc-lattice, what `snapshot_account`
            returned, or the path of that as JSON.
        targets: what answers behind the target groups, by name, id or ARN of a group
            or by id of a target; ``"echo"`` for all.
        account: the 12-digit account, if `source` is a client: what other accounts
            share is not asked for then.
        redact: whether account ids are replaced by made-up ones.
        strict: whether a target group that nothing is bound to is an error.

    Returns:
        Values for `LatticeNetwork.add`, with their real ids; VPCs go by theirs.

    Raises:
        ConfigurationError: a call that is denied, throttled or fails, with its name, or
            what is no snapshot.
    """
    if is_boto(source):
        snapshot = snapshot_account(source, account=account)
        snapshot = redacted(snapshot) if redact else snapshot
        file = f"account {snapshot['account'] or 'of the client'}"
    else:
        snapshot, file = _read(source)
        snapshot = redacted(snapshot) if redact else snapshot
    reading = _Parts(snapshot, file)
    try:
        parts = list(reading.parts())
        own = snapshot.get("account")
        outside = {part.arn for part in parts if own and part.account != own}
        shares = list(implied_shares(parts, (), outside))
        made = (*shares, *assemble(parts, targets=targets, strict=strict))
    except (AttributeError, KeyError, TypeError, IndexError, ValueError) as error:
        raise advised(
            f"`{file}` is no snapshot of an account", f"{type(error).__name__}: {error}"
        ) from error
    reading.notices.tell()
    return made


def _read(source: Any) -> tuple[dict[str, Any], str]:  # noqa: ANN401  # a user's
    snapshot: Any
    if hasattr(source, "keys"):
        snapshot, file = dict(source), "the snapshot"
    elif isinstance(source, str) or hasattr(source, "read_text"):
        file = str(source)
        try:
            snapshot = json.loads(read_text(source))
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{file}: no JSON: {error}") from None
    else:
        raise advised(
            f"`{source!r}` is no account",
            "pass a session of boto3, its client for vpc-lattice, or a snapshot",
        )
    if not isinstance(snapshot, dict) or "version" not in snapshot:
        raise advised(
            f"`{file}` is no snapshot of an account",
            "write one with json.dumps(snapshot_account(boto3.Session()))",
        )
    if snapshot["version"] != VERSION:
        raise UnsupportedFeatureError(
            f"`{file}` is a snapshot of version {snapshot['version']}; "
            f"{VERSION} is what is known"
        )
    return snapshot, file


class _Parts:
    """Brings the answers of the API to parts, which have their words already."""

    def __init__(self, snapshot: Mapping[str, Any], file: str) -> None:
        self._snapshot = snapshot
        self._file = file
        #: What the user is told, once everything is loaded.
        self.notices = Notices()

    def parts(self) -> Iterator[Part]:
        for each in self._there("serviceNetworks"):
            yield from self._holder("service network", each)
        for each in self._there("services"):
            yield from self._holder("service", each)
            for listener in each.get("listeners", ()):
                yield from self._listener(each, listener)
        for each in self._there("targetGroups"):
            yield self._group(each)
        for each in self._there("serviceNetworkServiceAssociations"):
            values = {
                "serviceIdentifier": each["serviceArn"],
                "serviceNetworkIdentifier": each["serviceNetworkArn"],
            }
            yield self._part("service association", each, values)
        for each in self._there("serviceNetworkVpcAssociations"):
            values = {
                "vpcIdentifier": each["vpcId"],
                "serviceNetworkIdentifier": each["serviceNetworkArn"],
            }
            yield self._part("VPC association", each, values)

    def _there(self, name: str) -> list[Item]:
        found: list[Item] = self._snapshot.get(name) or []
        return [each for each in found if each.get("status") not in _NOT_THERE]

    def _part(self, kind: Kind, item: Item, values: Mapping[str, Any]) -> Part:
        *_, region, account = item["arn"].split(":", _ARN - 1)[:5]
        return Part(
            kind,
            values,
            SourceLocation(self._file, None, item.get("name") or item["id"]),
            id=item["id"],
            arn=item["arn"],
            names=(item["id"],),
            account=account,
            region=region,
        )

    def _holder(self, kind: Kind, item: Item) -> Iterator[Part]:
        """Make a service or service network, its policy and its subscriptions."""
        part = self._part(kind, item, item)
        if "authPolicy" not in item:
            self.notices.add(
                f"{kind} `{part.name}` belongs to account {part.account}, so its auth "
                f"policy is not known here, and it lets everybody in ({part.source})"
            )
        yield part
        if policy := item.get("authPolicy", {}).get("policy"):
            values = {"resourceIdentifier": item["arn"], "policy": policy}
            yield Part("auth policy", values, part.source)
        for each in item.get("accessLogSubscriptions", ()):
            if each.get("serviceNetworkLogType") == RESOURCE_LOGS:
                continue
            values = {
                "resourceIdentifier": item["arn"],
                "destinationArn": each["destinationArn"],
            }
            yield self._part("access log subscription", each, values)

    def _listener(self, service: Item, item: Item) -> Iterator[Part]:
        values = {**item, "serviceIdentifier": service["arn"]}
        yield self._part("listener", item, values)
        for rule in item.get("rules", ()):
            # AWS: the default rule is listed too, and is the listener's default action
            if not rule.get("isDefault"):
                values = {**rule, "listenerIdentifier": item["arn"]}
                yield self._part("rule", rule, values)

    def _group(self, item: Item) -> Part:
        targets = [
            {**each, "names": ()}
            for each in item.get("targets", ())
            if each.get("status") != _LEAVING
        ]
        return self._part("target group", item, {**item, "targets": targets})
