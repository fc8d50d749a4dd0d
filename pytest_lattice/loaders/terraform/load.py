"""`load_terraform`: what Terraform or OpenTofu plans, or has deployed, as values."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    advised,
    noted,
    notes_of,
    unknown,
)
from pytest_lattice.loaders.assembly import assemble
from pytest_lattice.loaders.shares import implied_shares
from pytest_lattice.loaders.terraform.document import read_document
from pytest_lattice.loaders.terraform.identities import Belongings, Identities
from pytest_lattice.loaders.terraform.lattice import parts_of
from pytest_lattice.loaders.terraform.links import (
    NETWORK,
    SERVICE,
    Links,
    Shared,
    steps,
)
from pytest_lattice.loaders.terraform.owners import Owners, check_owners
from pytest_lattice.loaders.terraform.policies import Policies
from pytest_lattice.loaders.terraform.sharing import shares_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_lattice.loaders.assembly import Part
    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.loaders.terraform.document import Document, Json
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.model.service_network import ResourceShare

__tracebackhide__ = HIDE


def load_terraform(
    *documents: str | Path | Mapping[str, Any],
    targets: Bindings = (),
    values: Mapping[str, object] | None = None,
    accounts: Mapping[str, str] | None = None,
    regions: Mapping[str, str] | None = None,
    strict: bool = False,
) -> tuple[Resource, ...]:
    """Load what ``terraform show -json`` or ``tofu show -json`` wrote.

    A plan is loaded as it will be after apply: what it deletes is not there.  What only
    apply will tell is found through references; where that cannot be, it is an error
    that says what to pass.

    Args:
        documents: plans or states: paths of JSON files, or what is in them.  Several
            may refer to each other by id and ARN.
        targets: what answers behind the target groups: by name or address of a group,
            or by address of a function, instance or load balancer behind it; ``"echo"``
            for all.
        values: what is known only after apply, by address and attribute, such as
            ``{"aws_vpclattice_auth_policy.orders.policy": {…}}``; in text,
            ``${aws_vpclattice_service.orders.arn}`` stands for the planned one.
        accounts: the 12-digit account of each provider configuration that the document
            does not say it of, such as ``{"aws.network": "111111111111"}``; ``"aws"``
            is the default one.
        regions: the Region of each, likewise.
        strict: whether a target group that nothing is bound to is an error.

    Returns:
        Values for `LatticeNetwork.add`, VPCs named by their addresses.

    Raises:
        ConfigurationError: no plan or state, something needed that nobody knows yet, or
            what Lattice would refuse.
        UnsupportedFeatureError: another major version of the format, or a resource type
            of VPC Lattice that is not known here.

    https://developer.hashicorp.com/terraform/internals/json-format
    """
    with _well_formed(documents):
        read = [read_document(each) for each in documents]
        sensitive = {text for each in read for text in each.sensitive}
        with _hiding(sensitive):
            loading = _Loading(read, accounts or {}, regions or {})
            loading.put(values or {})
            made = loading.resources(targets, strict=strict)
    for each in read:
        notices = each.notices
        notices.texts = [_without(text, sensitive) for text in notices.texts]
        notices.tell()
    return made


class _Loading:
    """Documents that are loaded together."""

    def __init__(
        self,
        documents: Sequence[Document],
        accounts: Mapping[str, str],
        regions: Mapping[str, str],
    ) -> None:
        self._documents = documents
        self._accounts = accounts
        self._regions = regions

    def put(self, values: Mapping[str, object]) -> None:
        """Put in what the user says of values that are known only after apply."""
        written = {
            path: json.dumps(value) if isinstance(value, dict) else value
            for path, value in values.items()
        }
        later = [path for path, value in written.items() if "${" in json.dumps(value)]
        for path, value in written.items():
            if path not in later:
                self._replace(path, value)
        self._links = self._make_links()
        for path in later:
            put = self._home(path).interpolate
            value = written[path]
            if isinstance(value, list):
                self._replace(path, [put(str(each)) for each in value])
            else:
                self._replace(path, put(str(value)))
        if later:
            self._links = self._make_links()

    def _make_links(self) -> list[Links]:
        shared = Shared()
        owners = [
            Owners(each, self._accounts, self._regions) for each in self._documents
        ]
        if any(each.instances for each in self._documents):
            providers = frozenset().union(*(each.providers for each in owners))
            check_owners(providers, self._accounts, self._regions)
        pairs = zip(self._documents, owners, strict=True)
        return [Links(document, owner, shared) for document, owner in pairs]

    def _home(self, path: str) -> Links:
        address = self._address(path)
        return next(
            links
            for links, document in zip(self._links, self._documents, strict=True)
            if address in document.instances
        )

    def _address(self, path: str) -> str:
        """Find the resource that a path begins with."""
        known = [each for document in self._documents for each in document.instances]
        fitting = [each for each in known if path.startswith(f"{each}.")]
        if not fitting:
            raise unknown("resource", path.rpartition(".")[0], known)
        return max(fitting, key=len)

    def _replace(self, path: str, value: object) -> None:
        address = self._address(path)
        inner = path.removeprefix(f"{address}.")
        for document in self._documents:
            if (instance := document.instances.get(address)) is not None:
                _put(instance.values, inner, value, path)

    def resources(self, targets: Bindings, *, strict: bool) -> tuple[Resource, ...]:
        """Make the values."""
        parts: list[Part] = []
        others: list[Resource] = []
        shares: list[ResourceShare] = []
        outside: set[str] = set()
        belongings, identities = Belongings(), list[Identities]()
        for document, links in zip(self._documents, self._links, strict=True):
            policies = Policies(document, links)
            parts += parts_of(document, links, policies)
            identities.append(Identities(document, links, policies, belongings))
            shares += shares_of(document, links)
            outside.update(
                links.identity(each).arn
                for each in document.instances.values()
                if each.mode == "data" and each.type in (SERVICE, NETWORK)
            )
        for each in identities:
            others += each.callers()
        shares += implied_shares(parts, shares, outside)
        made = assemble(parts, targets=targets, strict=strict, callers=others)
        return (*shares, *made)


def _put(values: Json, path: str, value: object, whole: str) -> None:
    """Put a value where a path leads, which must be there."""
    names = steps(path)
    for name, position in names[:-1]:
        try:
            values = values[name or int(position)]
        except (KeyError, IndexError, TypeError):
            known = values if isinstance(values, dict) else ()
            raise unknown(f"attribute of `{whole}`", name or position, known) from None
    name, position = names[-1]
    if isinstance(values, dict) and name in values:
        values[name] = value
    elif isinstance(values, list) and position and int(position) < len(values):
        values[int(position)] = value
    else:
        known = values if isinstance(values, dict) else ()
        raise unknown(f"attribute of `{whole}`", name or position, known)


@contextmanager
def _well_formed(documents: Sequence[object]) -> Iterator[None]:
    """Say that a document is to blame where its form is not that of the provider."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        names = [each for each in documents if not hasattr(each, "keys")]
        file = ", ".join(f"`{each}`" for each in names) or "the document"
        raise advised(
            f"{file} does not have the form that `terraform show -json` writes",
            f"{type(error).__name__}: {error}",
        ) from error


@contextmanager
def _hiding(sensitive: set[str]) -> Iterator[None]:
    """Keep sensitive values out of what errors say."""
    try:
        yield
    except ConfigurationError as error:
        said = [str(error), *notes_of(error)]
        hidden = [_without(text, sensitive) for text in said]
        if hidden == said:
            raise
        raise noted(type(error)(hidden[0]), hidden[1:]) from None


def _without(text: str, sensitive: set[str]) -> str:
    for each in sorted(sensitive, key=len, reverse=True):
        text = text.replace(f"`{each}`", "(sensitive value)")
        if len(each) >= 4:  # noqa: PLR2004  # shorter ones would garble other words
            text = text.replace(each, "(sensitive value)")
    return text
