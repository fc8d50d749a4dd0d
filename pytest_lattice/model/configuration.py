"""All that is declared, as one value, and the laws between the resources.

A configuration grows by `with_resources`, which either returns a new configuration
that holds together or raises and changes nothing.  It knows how names resolve and
who may associate what; it does not know how a request is answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import Forward
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.fault import Fault
from pytest_lattice.model.laws import check
from pytest_lattice.model.names import (
    DEFAULT_ACCOUNT,
    DEFAULT_REGION,
    check_account,
)
from pytest_lattice.model.registration import check_change
from pytest_lattice.model.service import Service
from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
    is_vpc_id,
)
from pytest_lattice.model.sharing import shared_with
from pytest_lattice.model.source import names_there
from pytest_lattice.model.target_group import DEFAULT_VPC, TargetGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_lattice.model.caller import Caller

__tracebackhide__ = HIDE

Resource: TypeAlias = (
    ServiceNetwork
    | Service
    | TargetGroup
    | Vpc
    | ServiceAssociation
    | VpcAssociation
    | ResourceShare
    | Organization
    | AccessLogSubscription
    | Role
    | User
    | Fault
)
#: What can be changed once it is declared.
Changeable: TypeAlias = Service | ServiceNetwork | TargetGroup | Role | User
_CHANGEABLE = get_args(Changeable)
_Named = TypeVar(
    "_Named", bound=ServiceNetwork | Service | TargetGroup | Vpc | Role | User
)

#: The service network that stands in where a test declares none.
_DEFAULT_NETWORK = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything declared so far; grows by `with_resources`."""

    service_networks: tuple[ServiceNetwork, ...] = ()
    services: tuple[Service, ...] = ()
    target_groups: tuple[TargetGroup, ...] = ()
    vpcs: tuple[Vpc, ...] = ()
    service_associations: tuple[ServiceAssociation, ...] = ()
    vpc_associations: tuple[VpcAssociation, ...] = ()
    resource_shares: tuple[ResourceShare, ...] = ()
    organizations: tuple[Organization, ...] = ()
    access_log_subscriptions: tuple[AccessLogSubscription, ...] = ()
    callers: tuple[Caller, ...] = ()
    faults: tuple[Fault, ...] = ()
    # What was looked up before, since nothing here changes.
    _found: dict[tuple[str, ...], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def with_resources(self, resources: Iterable[Resource]) -> Configuration:
        """Add resources, in any order.

        Args:
            resources: values of this package's model.

        Returns:
            A new configuration that holds together.

        Raises:
            ConfigurationError: a duplicate, an unknown name, or what AWS would
                not let an account do; this configuration is unchanged.
        """
        grown: dict[str, list[Any]] = {}
        for resource in resources:
            name = _FIELD_OF.get(type(resource))
            if name is None:
                raise _no_resource(resource)
            grown.setdefault(name, list(getattr(self, name))).append(resource)
        changes: dict[str, Any] = {name: tuple(grown[name]) for name in grown}
        new = replace(self, **changes)
        check(new)
        return new

    def with_changed(self, resources: Iterable[Changeable]) -> Configuration:
        """Put changed resources in the place of those of the same ARN.

        Args:
            resources: services, service networks, target groups, roles and users
                that are declared.

        Returns:
            A new configuration that holds together.

        Raises:
            ConfigurationError: one that is not declared or cannot be changed, or what
                AWS would refuse; this configuration is unchanged.
        """
        resources = tuple(resources)
        for resource in resources:
            if not isinstance(resource, _CHANGEABLE):
                raise advised(
                    f"`{resource!r}` cannot be changed",
                    "services, service networks, target groups, roles and users can be",
                )
        new = self._with_each(resources, lambda resource: (resource,))
        for resource in resources:
            if isinstance(resource, TargetGroup):
                check_change(self.target_group(resource.arn), resource)
        return new

    def without(self, resources: Iterable[Resource]) -> Configuration:
        """Take resources away.

        Args:
            resources: declared ones; what has a name may have been changed since.

        Returns:
            A new configuration that holds together.

        Raises:
            ConfigurationError: one that is not declared, or that another one needs;
                this configuration is unchanged.
        """
        return self._with_each(resources, lambda _: ())

    def _with_each(
        self,
        resources: Iterable[Resource],
        instead: Callable[[Resource], tuple[Resource, ...]],
    ) -> Configuration:
        """Put something in the place of declared resources."""
        changes: dict[str, list[Any]] = {}
        for resource in resources:
            name = _FIELD_OF.get(type(resource))
            if name is None:
                raise _no_resource(resource)
            declared = changes.setdefault(name, list(getattr(self, name)))
            identities = [_identity(each) for each in declared]
            if _identity(resource) not in identities:
                raise _not_declared(resource, declared)
            place = identities.index(_identity(resource))
            declared[place : place + 1] = instead(resource)
        changed: dict[str, Any] = {name: tuple(changes[name]) for name in changes}
        new = replace(self, **changed)
        check(new)
        return new

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything that was declared, by kind."""
        names = dict.fromkeys(_FIELD_OF.values())
        return tuple(each for name in names for each in getattr(self, name))

    # ---- names --------------------------------------------------------------

    def service_network(self, name: str) -> ServiceNetwork:
        """Find a service network by name, id or ARN."""
        return self._one("service network", self.effective_service_networks, name)

    def service(self, name: str) -> Service:
        """Find a service by name, id, ARN, DNS name or custom domain name."""
        return self._one("service", self.services, name)

    def target_group(self, name: str) -> TargetGroup:
        """Find a target group by name, id or ARN."""
        return self._one("target group", self.target_groups, name)

    def caller(self, name: str) -> Caller:
        """Find a role or user by name, ARN or the ARN of its session."""
        return self._one("role or user", self.callers, name)

    def target_group_of(self, service: Service, name: str) -> TargetGroup:
        """Find a target group that a service can forward to."""
        if not isinstance(name, str):
            raise _missing("target group", name, self.target_groups)
        key = ("target group", service.account, service.region, name)
        if key not in self._found:
            self._found[key] = self._target_group_of(service, name)
        group: TargetGroup = self._found[key]
        return group

    def _target_group_of(self, service: Service, name: str) -> TargetGroup:
        # AWS: vpc-lattice/latest/ug/create-target-group: one account and Region
        found = self._named("target group", self.target_groups, name)
        own = [each for each in found if _same_owner(each, service)]
        if found and not own:
            raise ConfigurationError(
                f"service `{service.name}` of {_owner_text(service)} cannot forward "
                f"to target group `{name}` of {_owner_text(found[0])}"
            )
        if len(own) > 1:
            # A document may call several groups alike, one for each service.
            named = _forwarded_to(service)
            own = [each for each in own if named & set(_names_of(each))] or own
        return _only("target group", own, name, self.target_groups)

    def vpc(self, name: str) -> Vpc:
        """Find a VPC by name or id.

        `default`, and an id that nobody declared, are taken as they are; they belong
        to the account and Region of what is declared.
        """
        if not isinstance(name, str):
            raise _missing("VPC", name, self.vpcs)
        key = ("VPC", name)
        if key not in self._found:
            self._found[key] = self._vpc(name)
        vpc: Vpc = self._found[key]
        return vpc

    def _vpc(self, name: str) -> Vpc:
        found = self._named("VPC", self.vpcs, name)
        if found or not (name == DEFAULT_VPC or is_vpc_id(name)):
            return _only("VPC", found, name, self.vpcs)
        return _stand_in_vpc(name, *self._owner)

    # ---- associations -------------------------------------------------------

    @property
    def effective_service_networks(self) -> tuple[ServiceNetwork, ...]:
        """The service networks; where none is declared, one with every service."""
        if self.service_networks:
            return self.service_networks
        key = ("service network",)
        if key not in self._found:
            self._found[key] = (self._default_service_network(),)
        networks: tuple[ServiceNetwork, ...] = self._found[key]
        return networks

    def _default_service_network(self) -> ServiceNetwork:
        services = tuple(service.arn for service in self.services)
        return _stand_in_network(services, *self._owner)

    @property
    def _owner(self) -> tuple[str, str]:
        """Account and Region of what stands in; the first, where there are several."""
        declared = self.service_networks or self.services
        owners = ((each.account, each.region) for each in declared)
        return min(owners, default=(DEFAULT_ACCOUNT, DEFAULT_REGION))

    def service_pairs(self) -> Iterator[tuple[ServiceNetwork, Service, str]]:
        """Yield service network, service and creating account per association."""
        for network in self.effective_service_networks:
            for name in network.services:
                yield network, self._service_for(network, name), network.account
        for each in self.service_associations:
            network = self.service_network(each.service_network)
            yield network, self._service_for(network, each.service), each.account

    def vpc_pairs(self) -> Iterator[tuple[ServiceNetwork, Vpc]]:
        """Yield service network and VPC per association.

        Where no VPC association is declared and there is one service network,
        the VPC `default` is associated with it.
        """
        declared = [
            (network.arn, vpc)
            for network in self.effective_service_networks
            for vpc in network.vpcs
        ]
        declared += [(each.service_network, each.vpc) for each in self.vpc_associations]
        if not declared and len(self.effective_service_networks) == 1:
            declared = [(self.effective_service_networks[0].arn, DEFAULT_VPC)]
        for network_name, vpc_name in declared:
            yield self.service_network(network_name), self.vpc(vpc_name)

    def visible_services(self, account: str) -> tuple[Service, ...]:
        """Return the services an account owns or has shared with it."""
        check_account(account)
        shares, organizations = self.resource_shares, self.organizations
        return tuple(
            service
            for service in self.services
            if service.account == account
            or shared_with(account, service, shares, organizations)
        )

    def logged_resource(self, name: str) -> Service | ServiceNetwork:
        """Find what an access log subscription is about."""
        resources: tuple[Service | ServiceNetwork, ...] = (
            *self.services,
            *self.effective_service_networks,
        )
        return self._one("service or service network", resources, name)

    @property
    def logged_arns(self) -> frozenset[str]:
        """The ARNs of the resources whose access log is on."""
        subscriptions = self.access_log_subscriptions
        return frozenset(
            self.logged_resource(each.resource).arn for each in subscriptions
        )

    def _service_for(self, network: ServiceNetwork, name: str) -> Service:
        for service in self._named("service", self.services, name):
            if service.name == name and _same_owner(service, network):
                return service
        return self.service(name)

    def _one(self, kind: str, values: tuple[_Named, ...], name: str) -> _Named:
        return _only(kind, self._named(kind, values, name), name, values)

    def _named(
        self, kind: str, values: tuple[_Named, ...], name: str
    ) -> Sequence[_Named]:
        """Find what goes by a name, id, ARN or DNS name, or by its name in a document.

        Indexed on first use.
        """
        key = ("index", kind)
        if key not in self._found:
            index: dict[str, list[_Named]] = {}
            for each in values:
                for known in dict.fromkeys(_names_of(each)):
                    index.setdefault(known, []).append(each)
            # What a document calls it counts where nothing has that name on AWS.
            written: dict[str, list[_Named]] = {}
            for each in values:
                for known in names_there(each.source):
                    written.setdefault(known, []).append(each)
            self._found[key] = written | index
        if not isinstance(name, str):  # a list, say, cannot even be looked up
            raise _missing(kind, name, values)
        found: Sequence[_Named] = self._found[key].get(name, ())
        return found


def _identity(resource: Resource) -> object:
    """Tell a resource from the others of its kind, whatever else is changed of it."""
    if isinstance(resource, Role | User):
        return resource.id  # sessions of one role differ by their ids only
    return getattr(resource, "arn", resource)


def _no_resource(thing: object) -> ConfigurationError:
    return ConfigurationError(f"`{thing!r}` is not a resource of a service network")


def _not_declared(resource: Resource, declared: Iterable[Any]) -> ConfigurationError:
    name = getattr(resource, "name", None)
    if name is None:
        return ConfigurationError(f"`{resource!r}` is not declared")
    return unknown("declared resource", name, (each.name for each in declared))


# What stands in is the same in most tests of a run.
@lru_cache(maxsize=256)
def _stand_in_network(
    services: tuple[str, ...], account: str, region: str
) -> ServiceNetwork:
    return ServiceNetwork(
        _DEFAULT_NETWORK, services=services, account=account, region=region
    )


@lru_cache(maxsize=256)
def _stand_in_vpc(name: str, account: str, region: str) -> Vpc:
    return Vpc(name, account=account, region=region)


def _names_of(
    value: ServiceNetwork | Service | TargetGroup | Vpc | Caller,
) -> Iterator[str]:
    yield from (value.name, value.id, value.arn)
    if isinstance(value, Service):
        yield value.dns_name
        if value.custom_domain_name:
            yield value.custom_domain_name


def _forwarded_to(service: Service) -> set[str]:
    """Collect the target groups that a service forwards to, as it names them."""
    actions = (
        action
        for listener in service.listeners
        for action in (listener.default, *(rule.action for rule in listener.rules))
    )
    return {
        each.target_group
        for action in actions
        if isinstance(action, Forward)
        for each in action.target_groups
    }


def _only(
    kind: str, found: Sequence[_Named], name: str, values: Iterable[_Named]
) -> _Named:
    if not found:
        raise _missing(kind, name, values)
    if len(found) > 1:
        arns = {each.arn for each in found}
        # Sessions of one role differ by their ids only.
        told = arns if len(arns) == len(found) else {each.id for each in found}
        raise advised(
            f"{kind} `{name}` exists more than once",
            f"use an ARN: {', '.join(sorted(told))}",
        )
    return found[0]


def _missing(kind: str, name: str, values: Iterable[_Named]) -> ConfigurationError:
    names = ((each.name, *names_there(each.source)) for each in values)
    return unknown(kind, name, chain.from_iterable(names))


def _same_owner(one: Service | TargetGroup, other: ServiceNetwork | Service) -> bool:
    return (one.account, one.region) == (other.account, other.region)


def _owner_text(resource: Service | TargetGroup) -> str:
    return f"account {resource.account}, {resource.region}"


_FIELD_OF: dict[type, str] = {
    ServiceNetwork: "service_networks",
    Service: "services",
    TargetGroup: "target_groups",
    Vpc: "vpcs",
    ServiceAssociation: "service_associations",
    VpcAssociation: "vpc_associations",
    ResourceShare: "resource_shares",
    Organization: "organizations",
    AccessLogSubscription: "access_log_subscriptions",
    Role: "callers",
    User: "callers",
    Fault: "faults",
}
