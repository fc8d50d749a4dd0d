"""Which resource a resource means: by id or ARN where known, else by reference.

Every resource of Lattice, VPC and caller has an id and an ARN here, that of the
document or the one the network will derive: links, policies and the network agree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.loaders.reading import located
from pytest_lattice.loaders.terraform.document import UNKNOWN
from pytest_lattice.loaders.terraform.references import References, place_of
from pytest_lattice.model.names import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    identifier,
    lattice_arn,
)

if TYPE_CHECKING:
    from pytest_lattice.loaders.terraform.document import Document, Instance, Json
    from pytest_lattice.loaders.terraform.owners import Owners
    from pytest_lattice.loaders.terraform.references import Found

__tracebackhide__ = HIDE

SERVICE = "aws_vpclattice_service"
NETWORK = "aws_vpclattice_service_network"
LISTENER = "aws_vpclattice_listener"
GROUP = "aws_vpclattice_target_group"
ROLE, USER, MANAGED_POLICY = "aws_iam_role", "aws_iam_user", "aws_iam_policy"
IAM_GROUP = "aws_iam_group"
VPCS = frozenset({"aws_vpc", "aws_default_vpc"})
# AWS: vpc-lattice/latest/APIReference: the `id` and `arn` shapes
_LATTICE = {
    SERVICE: ("svc", "service"),
    NETWORK: ("sn", "servicenetwork"),
    GROUP: ("tg", "targetgroup"),
}
# These belong to whom they are in or about; nobody asks for their ids.
_WITHIN = frozenset(
    {
        LISTENER,
        "aws_vpclattice_listener_rule",
        "aws_vpclattice_auth_policy",
        "aws_vpclattice_access_log_subscription",
    }
)
_IAM = {ROLE: "role", USER: "user", IAM_GROUP: "group", MANAGED_POLICY: "policy"}
# AWS: service-authorization/latest/reference: ARNs that follow from a name
_NAMED = {
    "aws_cloudwatch_log_group": (
        "name",
        "arn:aws:logs:{region}:{account}:log-group:{0}:*",
    ),
    "aws_s3_bucket": ("bucket", "arn:aws:s3:::{0}"),
    "aws_kinesis_firehose_delivery_stream": (
        "name",
        "arn:aws:firehose:{region}:{account}:deliverystream/{0}",
    ),
    "aws_lambda_function": (
        "function_name",
        "arn:aws:lambda:{region}:{account}:function:{0}",
    ),
}
_INTERPOLATION = re.compile(r"\$\{([^${}]+)\}")
_STEP = re.compile(r"\.?([\w-]+)|\[(\d+)\]")


class Identity(NamedTuple):
    """What a resource is called by others.

    Args:
        id: the id.
        arn: the ARN; of a listener and the like only something to find it by.
        account: the owner.
        region: the Region.
    """

    id: str
    arn: str
    account: str
    region: str


class Shared:
    """What documents that are loaded together have in common."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.index: dict[tuple[str, str], Instance] = {}
        self.homes: dict[int, Links] = {}


class Links:
    """Finds the resources that the resources of a document mean.

    Documents that are loaded together know each other's ids and ARNs.
    """

    def __init__(self, document: Document, owners: Owners, all_links: Shared) -> None:
        """Take a document, and what the documents loaded with it have in common."""
        self.document = document
        self._owners = owners
        self._references = References(document)
        self._identities: dict[str, Identity] = {}
        self._own: dict[tuple[str, str], Instance] = {}
        self._shared = all_links
        all_links.homes[id(document)] = self
        self._number = len(all_links.homes)
        # What is managed here comes before what is only read here.
        for instance in sorted(
            document.instances.values(), key=lambda each: each.mode != "managed"
        ):
            for name in ("id", "arn", "listener_id", "name"):
                value = instance.get(name)
                if isinstance(value, str) and (name != "name" or instance.type in _IAM):
                    self._own.setdefault((instance.type, value), instance)
        for key, instance in self._own.items():
            all_links.index.setdefault(key, instance)

    # ---- what a resource is called ----------------------------------------------

    def identity(self, instance: Instance) -> Identity:
        """Return id, ARN and owner: the real ones where known, else derived ones."""
        home = self._shared.homes[id(instance.document)]
        return home._own_identity(instance)  # noqa: SLF001  # of the same class

    def _own_identity(self, instance: Instance) -> Identity:
        if instance.address not in self._identities:
            self._identities[instance.address] = self._identity(instance)
        return self._identities[instance.address]

    def _identity(self, instance: Instance) -> Identity:
        if instance.type in _WITHIN:
            key = f"{instance.address} of document {self._number}"
            return Identity(key, key, DEFAULT_ACCOUNT, DEFAULT_REGION)
        account, region = self._owners.of(instance)
        known_id, arn = instance.get("id"), instance.get("arn")
        if instance.type in _LATTICE:
            prefix, kind = _LATTICE[instance.type]
            if not isinstance(known_id, str):
                name = self.name(instance)
                known_id = identifier(prefix, account, region, name)
            arn = lattice_arn(f"{kind}/{known_id}", account=account, region=region)
        elif instance.type in VPCS:
            if not isinstance(known_id, str):
                known_id = identifier("vpc", account, region, instance.address)
            arn = f"arn:aws:ec2:{region}:{account}:vpc/{known_id}"
        elif instance.type in _IAM:
            name = self.caller_name(instance)
            path = instance.get("path")
            path = path if isinstance(path, str) else "/"
            if not isinstance(arn, str):
                arn = f"arn:aws:iam::{account}:{_IAM[instance.type]}{path}{name}"
            known_id = arn if instance.type == MANAGED_POLICY else name
        else:
            known_id = arn = f"{instance.address} of document {self._number}"
        return Identity(known_id, arn, account, region)

    def name(self, instance: Instance) -> str:
        """Return the name of a Lattice resource.

        Raises:
            ConfigurationError: it is known only after apply.
        """
        name = instance.get("name")
        if not isinstance(name, str):
            raise self.unknown(instance, "name", "its name")
        return name

    @staticmethod
    def caller_name(instance: Instance) -> str:
        """Return the name of a role, user or policy.

        One that is known only after apply, as with `name_prefix`, is called by its
        address, so that it stays visible that nobody knows it yet.
        """
        name = instance.get("name")
        if isinstance(name, str):
            return name
        return re.sub(r"[^\w+=,.@-]+", "-", instance.address, flags=re.ASCII).strip("-")

    def attribute(self, instance: Instance, name: str) -> str | None:
        """Return an attribute that policies use: its value, or the derived one."""
        value = instance.get(name)
        if value is not None and value is not UNKNOWN:
            return str(value)
        if name == "arn" and instance.type in _NAMED:
            attribute, pattern = _NAMED[instance.type]
            own = instance.get(attribute)
            if isinstance(own, str):
                owner = self.identity(instance)
                return pattern.format(own, region=owner.region, account=owner.account)
        if instance.type in (*_LATTICE, *_IAM, *VPCS) and name in {"id", "arn"}:
            identity = self.identity(instance)
            return identity.id if name == "id" else identity.arn
        return None

    def is_first(self, instance: Instance) -> bool:
        """Tell whether nobody else here has the id of a resource."""
        known = instance.get("id")
        if not isinstance(known, str):
            return True
        return self._shared.index.get((instance.type, known)) is instance

    def is_only_address(self, address: str) -> bool:
        """Tell whether one document alone has an address."""
        homes = self._shared.homes.values()
        return sum(address in each.document.instances for each in homes) == 1

    # ---- whom a resource means ------------------------------------------------

    def follow(
        self, instance: Instance, path: str, wanted: frozenset[str] | None
    ) -> Instance | str | None:
        """Find what an attribute means.

        Args:
            instance: whose attribute.
            path: such as ``default_action[0].forward[0].…`` or ``service_identifier``.
            wanted: the types that it can mean; None for all.

        Returns:
            The resource; an id or ARN of something outside as text; or None where the
            attribute is not set.

        Raises:
            ConfigurationError: it is known only after apply, and the plan does not say
                which resource it comes from.
        """
        value = at(instance.values, path)
        if value is UNKNOWN:
            expression = expression_at(instance, path)
            found = self._references.find(expression, place_of(instance), wanted)
            if len(found.instances) == 1:
                ((only, _),) = found.instances.values()
                return only
            raise self._unclear(instance, path, wanted, found)
        if value is None or value == "":
            return None
        return self.named(str(value), wanted) or str(value)

    def several(
        self, instance: Instance, path: str, wanted: frozenset[str]
    ) -> list[Instance | str]:
        """Find all that a list means; see `follow`.

        Raises:
            ConfigurationError: it is known only after apply, and the plan does not say
                which resources it comes from.
        """
        value = instance.get(path) or []
        listed = value if isinstance(value, list) else [value]
        known = [each for each in listed if each is not UNKNOWN]
        means = [self.named(str(each), wanted) or str(each) for each in known]
        if len(known) < len(listed):
            expression = expression_at(instance, path)
            behind = self._references.find(expression, place_of(instance), wanted)
            # Without an attribute a whole resource is meant, and perhaps part of it.
            pairs = behind.instances.values()
            if behind.opaque or not pairs or not all(name for _, name in pairs):
                raise self._unclear(instance, path, wanted, behind)
            means += [each for each, _ in pairs if each not in means]
        return means

    def perhaps(
        self, instance: Instance, path: str, wanted: frozenset[str] | None = None
    ) -> Instance | str | None:
        """Find what an attribute means, as `follow` does; None where it is unclear."""
        try:
            return self.follow(instance, path, wanted)
        except ConfigurationError:
            return None

    def named(self, text: str, wanted: frozenset[str] | None) -> Instance | None:
        """Find a resource by id, ARN or address."""
        found = self.document.instances.get(text)
        if wanted is None or (found is not None and found.type in wanted):
            return found
        # Names of IAM's may be the same in several documents.
        known = (
            index.get((each, text))
            for index in (self._own, self._shared.index)
            for each in wanted
        )
        return next(filter(None, known), None)

    def referred(self, instance: Instance, expression: object) -> Found:
        """Find all that an expression of a resource refers to."""
        return self._references.find(expression, place_of(instance), None)

    def _unclear(
        self,
        instance: Instance,
        path: str,
        wanted: frozenset[str] | None,
        found: Found,
    ) -> ConfigurationError:
        kinds = " or ".join(f"`{each}`" for each in sorted(wanted or ()))
        several = sorted(found.instances)
        if several:
            why = f"it may be {' or '.join(f'`{each}`' for each in several[:3])}"
            if len(several) > 3:  # noqa: PLR2004  # as many as fit a line
                why += f" or {len(several) - 3} others"
        elif found.opaque:
            why = f"it comes from `{found.opaque[0]}`, which a plan does not explain"
        else:
            why = "the plan does not say from which resource; it never does for `dynamic` blocks"  # noqa: E501  # a sentence
        error = self.unknown(instance, path, f"address of {kinds or 'a resource'}")
        error.add_note(why)
        return error

    def unknown(
        self, instance: Instance, path: str, what: str, why: str = ""
    ) -> ConfigurationError:
        """Build the error for what is known only after apply and needed before."""
        error = advised(
            f"`{path}` is known only after apply",
            f'say it with values={{"{instance.address}.{path}": "{what}"}}, or load '
            "the state after apply",
        )
        if why:
            error.add_note(why)
        return located(error, instance.source)

    # ---- text of the user's -----------------------------------------------------

    def interpolate(self, text: str) -> str:
        """Put attributes of resources into text, such as ``${aws_vpc.main.id}``.

        Policy variables such as ``${aws:PrincipalTag/team}`` stay as they are.

        Raises:
            ConfigurationError: a resource that is none, or an attribute that nobody
                knows yet.
        """

        def put(match: re.Match[str]) -> str:
            reference = match[1]
            address, _, name = reference.rpartition(".")
            if not reference.startswith(("aws_", "data.", "module.")):
                return match[0]
            instance = self.document.instances.get(address)
            if instance is None:
                raise unknown("resource", address, self.document.instances)
            value = self.attribute(instance, name)
            if value is None:
                raise ConfigurationError(f"`{reference}` is known only after apply")
            return value

        return _INTERPOLATION.sub(put, text)


def at(values: Json, path: str) -> Json:
    """Read a value by a path such as ``action[0].forward[0]``; None without one."""
    for name, position in steps(path):
        if values is UNKNOWN:
            return UNKNOWN
        if name:
            values = values.get(name) if isinstance(values, dict) else None
        elif isinstance(values, list) and int(position) < len(values):
            values = values[int(position)]
        else:
            return None
    return values


def steps(path: str) -> list[tuple[str, str]]:
    """Split a path into pairs of which one is empty: a name and a position."""
    return _STEP.findall(path)


def expression_at(instance: Instance, path: str) -> Json:
    """Read what a plan says of an attribute's expression; None without one.

    Positions count only where there are as many blocks in the source text as in the
    result: `dynamic` blocks stand in the second only.
    """
    expression: Json = instance.configuration.get("expressions")
    values: Json = instance.values
    for name, position in steps(path):
        if name:
            expression = expression.get(name) if isinstance(expression, dict) else None
            values = values.get(name) if isinstance(values, dict) else None
        elif isinstance(expression, list) and len(expression) == len(values or ()):
            expression = expression[int(position)]
            values = values[int(position)]
        else:
            return None
    return expression
