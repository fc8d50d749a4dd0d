"""The configuration compiled for routing: immutable and indexed.

It is built once per change; deciding only reads it.  Values of the model stay
reachable from it, so that a decision can be explained in the user's own words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.names import digest
from pytest_lattice.model.outcome import Forwarded
from pytest_lattice.model.service import rule_arn
from pytest_lattice.routing.health import usable
from pytest_lattice.routing.table import RuleTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.model.access_log import AccessLogSubscription
    from pytest_lattice.model.action import Action
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.service import Listener, Rule, Service
    from pytest_lattice.model.service_network import ServiceNetwork, Vpc
    from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
    from pytest_lattice.routing.resolve import Way

__tracebackhide__ = HIDE


@dataclass(frozen=True, slots=True, eq=False)
class TargetState:
    """A target with its address and status."""

    target: Target
    address: str
    status: TargetStatus
    outcome: Forwarded

    @property
    def ip_port(self) -> str:
        """The access log's ``targetIpPort``; ``-`` for a function."""
        return f"{self.address}:{self.target.port}" if self.address else "-"


@dataclass(frozen=True, slots=True, eq=False)
class GroupState:
    """A target group with the targets that share its traffic."""

    group: TargetGroup
    arn: str
    vpc_id: str
    targets: tuple[TargetState, ...]
    usable: tuple[TargetState, ...]
    is_http1: bool


@dataclass(frozen=True, slots=True, eq=False)
class RuleState:
    """A rule, or the default rule, with its action resolved."""

    rule: Rule | None
    arn: str
    action: Action
    groups: tuple[GroupState, ...]
    weights: tuple[int, ...]
    weightless: bool
    fixed: FixedResponse | None

    @property
    def label(self) -> str:
        """How a person calls it."""
        return f"rule {self.rule.priority}" if self.rule else "the default rule"


@dataclass(frozen=True, slots=True, eq=False)
class ListenerState:
    """A listener with its rules indexed."""

    listener: Listener
    rules: tuple[RuleState, ...]
    default: RuleState
    table: RuleTable[RuleState]


@dataclass(frozen=True, slots=True, eq=False)
class ServiceState:
    """A service with its listeners by port."""

    service: Service
    arn: str
    dns_name: str
    listeners: Mapping[int, ListenerState]
    #: The target groups that it forwards to.
    groups: tuple[GroupState, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkState:
    """A service network with its services by every name a client can use."""

    network: ServiceNetwork
    arn: str
    services: Mapping[str, ServiceState]


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything a decision reads: the service network of each VPC."""

    configuration: Configuration
    #: By the id of each VPC that is associated.
    networks: Mapping[str, tuple[Vpc, NetworkState]]
    #: All of them, also those that no VPC is associated with.
    service_networks: tuple[NetworkState, ...]
    #: What has a destination, by the ARN of each resource whose access log is on.
    logged: Mapping[str, tuple[AccessLogSubscription, ...]]
    #: Whether any access log has a destination.
    delivers: bool
    #: All services and target groups, by ARN.
    services: Mapping[str, ServiceState]
    groups: Mapping[str, GroupState]
    #: Remembers, by VPC, name, port and scheme, the ways that were taken.
    ways: dict[tuple[str, str, int, str], Way] = field(default_factory=dict)


def compile_state(
    configuration: Configuration,
    status: Callable[[TargetGroup, Target], TargetStatus],
    previous: State | None = None,
) -> State:
    """Compile a configuration.

    Args:
        configuration: one that holds together.
        status: the present status of a target.
        previous: the state before; what has not changed since is taken from it.

    Returns:
        The state to decide on.
    """
    groups = {
        group.arn: _group_state(configuration, group, status, previous)
        for group in configuration.target_groups
    }
    services = {
        service.arn: _service_state(configuration, service, groups, previous)
        for service in configuration.services
    }
    names = _names(configuration, services)
    networks = {
        network.arn: NetworkState(network, network.arn, names.get(network.arn, {}))
        for network in configuration.effective_service_networks
    }
    return State(
        configuration,
        {v.id: (v, networks[network.arn]) for network, v in configuration.vpc_pairs()},
        tuple(networks.values()),
        _logged(configuration),
        any(each.destination for each in configuration.access_log_subscriptions),
        services,
        groups,
    )


def _names(
    configuration: Configuration, services: Mapping[str, ServiceState]
) -> dict[str, dict[str, ServiceState]]:
    """Collect the names by which each service network reaches its services."""
    names: dict[str, dict[str, ServiceState]] = {}
    short: dict[tuple[str, str], list[ServiceState]] = {}
    for network, service, _ in configuration.service_pairs():
        state = services[service.arn]
        reachable = names.setdefault(network.arn, {})
        for name in (service.dns_name, service.custom_domain_name):
            if name:
                reachable[name.lower()] = state
        short.setdefault((network.arn, service.name), []).append(state)
    # Services of different accounts may have the same short name; then it is none.
    for (arn, name), called in short.items():
        if len(called) == 1:
            names[arn][name] = called[0]
    return names


def _logged(
    configuration: Configuration,
) -> dict[str, tuple[AccessLogSubscription, ...]]:
    logged: dict[str, tuple[AccessLogSubscription, ...]] = {}
    for each in configuration.access_log_subscriptions:
        arn = configuration.logged_resource(each.resource).arn
        logged[arn] = logged.get(arn, ()) + ((each,) if each.destination else ())
    return logged


def _group_state(
    configuration: Configuration,
    group: TargetGroup,
    status: Callable[[TargetGroup, Target], TargetStatus],
    previous: State | None,
) -> GroupState:
    vpc = configuration.vpc(group.vpc) if group.vpc is not None else None
    vpc_id = vpc.id if vpc else "-"
    statuses = [status(group, target) for target in group.registered]
    # A VPC that was not declared before may have another range now.
    if previous is not None and previous.configuration.vpcs is configuration.vpcs:
        old = previous.groups.get(group.arn)
        if (
            old is not None
            and (old.group is group and old.vpc_id == vpc_id)
            and [target.status for target in old.targets] == statuses
        ):
            return old
    targets = tuple(
        TargetState(
            target=target,
            address=_address(group, target, vpc),
            status=now,
            outcome=Forwarded(group, target),
        )
        for target, now in zip(group.registered, statuses, strict=True)
    )
    return GroupState(
        group=group,
        arn=group.arn,
        vpc_id=vpc_id,
        targets=targets,
        usable=tuple(targets[position] for position in usable(statuses)),
        # A Lambda function is called as HTTP1.
        is_http1=group.protocol_version in {None, "HTTP1"},
    )


def _address(group: TargetGroup, target: Target, vpc: Vpc | None) -> str:
    if vpc is None:
        return ""
    if group.type == "IP":
        return f"[{target.id}]" if ":" in target.id else target.id
    return address_in(vpc.cidr, target.id)


@lru_cache(maxsize=4096)
def address_in(cidr: str, key: str) -> str:
    """Derive a host address of a range from a key, the same in every run."""
    network = ip_network(cidr)
    # AWS: vpc/latest/userguide/subnet-sizing: the first four and the last address
    # of a subnet are reserved
    first, size = 4, network.num_addresses - 5
    return str(network[first + int(digest(key), 16) % size])


def _service_state(
    configuration: Configuration,
    service: Service,
    groups: Mapping[str, GroupState],
    previous: State | None,
) -> ServiceState:
    old = None if previous is None else previous.services.get(service.arn)
    if (
        old is not None
        and old.service is service
        and all(groups.get(each.arn) is each for each in old.groups)
    ):
        return old
    found: dict[str, GroupState] = {}

    def group(name: str) -> GroupState:
        if name not in found:
            found[name] = groups[configuration.target_group_of(service, name).arn]
        return found[name]

    def compile_listener(listener: Listener) -> ListenerState:
        arn = service.listener_arn(listener)
        rules = tuple(
            [_rule_state(rule, rule.action, arn, group) for rule in listener.rules]
        )
        default = _rule_state(None, listener.default, arn, group)
        table = RuleTable(zip(listener.rules, rules, strict=True), default)
        return ListenerState(listener, rules, default, table)

    return ServiceState(
        service=service,
        arn=service.arn,
        dns_name=service.dns_name,
        # A plain number is found faster than a derived one.
        listeners={
            int(each.port): compile_listener(each) for each in service.listeners
        },
        groups=tuple(found.values()),
    )


def _rule_state(
    rule: Rule | None,
    action: Action,
    listener_arn: str,
    group: Callable[[str], GroupState],
) -> RuleState:
    arn = rule_arn(listener_arn, rule)
    if isinstance(action, FixedResponse):
        return RuleState(rule, arn, action, (), (), weightless=False, fixed=action)
    weights = tuple([each.weight for each in action.target_groups])
    return RuleState(
        rule,
        arn,
        action,
        tuple([group(each.target_group) for each in action.target_groups]),
        weights,
        weightless=not any(weights),
        fixed=None,
    )
