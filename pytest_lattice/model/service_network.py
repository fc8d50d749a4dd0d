"""Service networks, VPCs, their associations, and sharing between accounts.

A service network declares what it connects; who may connect what is the law of
`model.sharing`.  Nothing here routes a request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from ipaddress import ip_network
from typing import TYPE_CHECKING, Literal, cast

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.auth_policy import check_auth
from pytest_lattice.model.names import (
    ACCOUNT_ID,
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    check_account,
    check_name,
    check_owner,
    given_id,
    identifier,
    lattice_arn,
)
from pytest_lattice.model.value import (
    DerivedText,
    ReadOnly,
    Value,
    check_text,
    given,
    listed,
    read_only,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.auth_policy import AuthType, PolicyDocument
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

_VPC_ID = re.compile(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})")
_ORGANIZATION_ID = re.compile(r"o-[a-z0-9]{10,32}")
_UNIT_ID = re.compile(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}")
# AWS: vpc/latest/userguide/vpc-cidr-blocks: version, and the prefix lengths it takes
_RANGES = {"cidr": (4, range(16, 29)), "ipv6_cidr": (6, range(44, 61))}


def is_vpc_id(text: str) -> bool:
    """Tell a VPC's id from a name given to it in a test."""
    return _VPC_ID.fullmatch(str(text)) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Vpc(Value):
    """A VPC that clients or targets live in.

    Args:
        name: a name of your choice, or a real id such as ``vpc-0abc…``.
        cidr: its IPv4 range, /16 to /28; ranges of different VPCs may overlap.
        ipv6_cidr: its IPv6 range, /44 to /60.
        account: the 12-digit owner.
        region: the Region.
        tags: tags.
        id: ``vpc-`` and 8 or 17 digits, as a deployed one has it; the name if that is
            an id, else derived from account, Region and name.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a range or an id that is none.
    """

    name: str
    _: KW_ONLY
    cidr: str = "10.0.0.0/16"
    ipv6_cidr: str = "fd12:3456:789a::/56"
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    id: str = ""
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the ranges and find the id."""
        check_owner(self.account, self.region)
        self._set(tags=read_only(self.tags))
        check_text(self.name, "VPC name")
        if not self.name:
            raise ConfigurationError("a VPC needs a name or an id")
        self._set(id=self._own_id())
        for name, (version, sizes) in _RANGES.items():
            cidr = getattr(self, name)
            where = f"VPC `{self.name}`: {name} `{cidr}`"
            try:
                network = ip_network(cidr)
            except ValueError as error:
                raise advised(f"{where} is not a range", str(error)) from None
            if network.version != version:
                raise ConfigurationError(f"{where} is not IPv{version}")
            if network.prefixlen not in sizes:
                raise ConfigurationError(
                    f"{where} is not from /{sizes.start} to /{sizes.stop - 1}"
                )

    def _own_id(self) -> str:
        derived = (
            self.name
            if is_vpc_id(self.name)
            else identifier("vpc", self.account, self.region, self.name)
        )
        if not given(self.id) or self.id == derived:
            return DerivedText(derived)
        if not is_vpc_id(self.id):
            raise ConfigurationError(
                f"VPC `{self.name}`: id `{self.id}` is not vpc- and 8 or 17 digits"
            )
        return self.id

    @property
    def arn(self) -> str:
        """The ARN."""
        return f"arn:aws:ec2:{self.region}:{self.account}:vpc/{self.id}"


@dataclass(frozen=True, slots=True, repr=False)
class ServiceNetwork(Value):
    """A service network: the boundary inside which VPCs reach services.

    Args:
        name: 3 to 63 of a-z, 0-9 and hyphens, unique in account and Region.
        services: names, ids or ARNs of services to associate, by the owner of
            the network; `ServiceAssociation` says otherwise.
        vpcs: names or ids of VPCs to associate, by the owner of each VPC.
        auth_type: ``AWS_IAM`` or ``NONE``, with which a policy is inactive; where it
            is left out, ``AWS_IAM`` if there is an auth policy.
        auth_policy: who may call its services: a mapping, or the JSON text of one.
        account: the 12-digit owner.
        region: the Region.
        tags: tags.
        id: ``sn-`` and 17 characters, as policies written for a deployed one
            have it; derived from account, Region and name unless given.
        source: where it was written, which loaders fill in.
        auth_policy_source: where its auth policy was written, if that is a resource
            of its own, which loaders fill in.

    Raises:
        ConfigurationError: a name that AWS would refuse.

    AWS: vpc-lattice/latest/ug/service-networks
    """

    name: str
    _: KW_ONLY
    services: Sequence[str] = ()
    vpcs: Sequence[str] = ()
    auth_type: AuthType | Literal[""] = ""
    auth_policy: PolicyDocument | None = None
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    id: str = ""
    source: SourceLocation | None = field(default=None, compare=False)
    auth_policy_source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check AWS's limits."""
        check_name("service network", self.name)
        check_owner(self.account, self.region)
        where = f"service network `{self.name}`"
        auth_type, policy = check_auth(self.auth_type, self.auth_policy, where)
        self._set(
            services=listed(self.services, where, "services"),
            vpcs=listed(self.vpcs, where, "vpcs"),
            auth_type=auth_type,
            auth_policy=policy,
            id=given_id("sn", self.id, self, where),
            tags=read_only(self.tags),
        )

    @property
    def arn(self) -> str:
        """The ARN."""
        return lattice_arn(
            f"servicenetwork/{self.id}", account=self.account, region=self.region
        )


@dataclass(frozen=True, slots=True, repr=False)
class ServiceAssociation(Value):
    """A service association, made by an account that owns one of the two sides.

    Args:
        service_network: name, id or ARN.
        service: name, id or ARN.
        account: who creates it; must own one side and see the other.
        source: where it was written, which loaders fill in.

    AWS: vpc-lattice/latest/ug/service-network-associations
    """

    service_network: str
    service: str
    _: KW_ONLY
    account: str = DEFAULT_ACCOUNT
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the account."""
        check_account(self.account)


@dataclass(frozen=True, slots=True, repr=False)
class VpcAssociation(Value):
    """A VPC association, made by the owner of the VPC.

    Args:
        service_network: name, id or ARN.
        vpc: name or id; a VPC is associated with at most one service network.
        source: where it was written, which loaders fill in.

    AWS: vpc-lattice/latest/ug/service-network-associations
    """

    service_network: str
    vpc: str
    _: KW_ONLY
    source: SourceLocation | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, repr=False)
class ResourceShare(Value):
    """An AWS RAM resource share of service networks or services.

    Args:
        name: a name of your choice.
        resources: names, ids or ARNs of service networks and services that the
            account owns.
        principals: who may use them: account ids, organization ids (``o-…``) or
            organizational unit ids (``ou-…``), or ARNs that end in one.
        account: the 12-digit owner.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: a principal that RAM does not take for Lattice.

    AWS: vpc-lattice/latest/ug/sharing
    """

    name: str
    _: KW_ONLY
    resources: Sequence[str]
    principals: Sequence[str]
    account: str = DEFAULT_ACCOUNT
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the account and the principals."""
        check_account(self.account)
        check_text(self.name, "the name of a resource share")
        where = f"resource share `{self.name}`"
        self._set(
            resources=listed(self.resources, where, "resources"),
            principals=listed(self.principals, where, "principals"),
        )
        for resource in self.resources:
            check_text(resource, f"{where}: resource")
        for principal in self.principals:
            check_text(principal, f"{where}: principal")
        known = (ACCOUNT_ID, _ORGANIZATION_ID, _UNIT_ID)
        for principal, receiver in zip(self.principals, self.receivers, strict=True):
            if not any(pattern.fullmatch(receiver) for pattern in known):
                # AWS: not shareable with IAM users and roles
                raise ConfigurationError(
                    f"resource share `{self.name}`: principal `{principal}` is not "
                    "an account, organization or organizational unit"
                )

    @property
    def receivers(self) -> tuple[str, ...]:
        """The principals as bare ids."""
        return tuple(each.rsplit("/", 1)[-1] for each in self.principals)


@dataclass(frozen=True, slots=True, repr=False)
class Organization(Value):
    """An AWS organization, to which resources can be shared as a whole.

    Args:
        id: such as ``o-exampleorgid``.
        accounts: its 12-digit member accounts.
        units: the member accounts of organizational units, by ``ou-…`` id.
        source: where it was written, which loaders fill in.

    Raises:
        ConfigurationError: an id that is none.
    """

    id: str
    _: KW_ONLY
    accounts: Sequence[str] = ()
    units: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    source: SourceLocation | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the ids; accounts of a unit are members."""
        check_text(self.id, "organization id")
        if not _ORGANIZATION_ID.fullmatch(self.id):
            raise advised(
                f"`{self.id}` is not the id of an organization",
                "one is like o-exampleorgid",
            )
        where = f"organization `{self.id}`"
        members = [*listed(self.accounts, where, "accounts")]
        if not isinstance(self.units, Mapping):
            raise ConfigurationError(
                f"{where}: units `{self.units!r}` are not a mapping"
            )
        for unit, accounts in self.units.items():
            check_text(unit, f"{where}: unit")
            if not _UNIT_ID.fullmatch(unit):
                raise advised(
                    f"`{unit}` is not the id of an organizational unit",
                    "one is like ou-ab12-exampleou",
                )
            members += listed(accounts, where, f"unit `{unit}`")
        for account in members:
            check_account(account)
        units = ReadOnly({unit: tuple(self.units[unit]) for unit in self.units})
        self._set(accounts=tuple(dict.fromkeys(members)), units=units)

    def members(self, receiver: str) -> tuple[str, ...]:
        """Return the accounts behind an organization or unit id of this one."""
        if receiver == self.id:
            return cast("tuple[str, ...]", self.accounts)
        return cast("tuple[str, ...]", self.units.get(receiver, ()))
