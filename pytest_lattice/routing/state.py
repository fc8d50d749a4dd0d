"""The configuration compiled for routing: immutable and indexed.

It is built once per change; deciding only reads it.  Only the states of its target
groups are put in anew, each as a whole, when the health of a target changes.  Values of
the model stay reachable from it, so that a decision can be explained in the user's own
words.
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
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
    """A target with its address and status, and the reason of the status."""

    target: Target
    address: str
    status: TargetStatus
    outcome: Forwarded
    reason: str = ""

    @property
    def ip_port(self) -> str:
        """The access log's ``targetIpPort``; ``-`` for a function."""
        return f"{self.address}:{self.target.port}" if self.address else "-"

    @property
    def condition(self) -> str:
        """How it is, for people."""
        reason = f" ({self.reason})" if self.reason else ""
        return f"`{self.target.id}` is {self.status}{reason}"


@dataclass(frozen=True, slots=True, eq=False)
class GroupState:
    """A target group with the targets that share its traffic."""

    group: TargetGroup
    arn: str
    vpc_id: str
    targets: tuple[TargetState, ...]
    usable: tuple[TargetState, ...]
    is_http1: bool


class GroupSlot:
    """A target group's place in the compiled rules.

    Its `state` is replaced when the health of a target changes; so no rule is compiled
    again, and who decided before keeps the old one.

    Args:
        group: the target group.
        vpc: the VPC of its targets; None for a Lambda function.
    """

    __slots__ = ("arn", "group", "state", "vpc")

    def __init__(self, group: TargetGroup, vpc: Vpc | None) -> None:
        """Start without a state; `fill` gives it one before anybody decides."""
        self.group = group
        self.arn = group.arn
        self.vpc = vpc
        self.state: GroupState

    def place(
        self, target: Target, status: TargetStatus, reason: str = ""
    ) -> TargetState:
        """Give a target its address and status.

        Args:
            target: one of the group.
            status: its status.
            reason: why it has that, for people.
        """
        return TargetState(
            target=target,
            address=_address(self.group, target, self.vpc),
            status=status,
            outcome=Forwarded(self.group, target),
            reason=reason,
        )

    def fill(self, targets: Iterable[TargetState]) -> None:
        """Let decisions see these targets from now on."""
        placed = tuple(targets)
        serving = usable([target.status for target in placed])
        self.state = GroupState(
            group=self.group,
            arn=self.arn,
            vpc_id=self.vpc.id if self.vpc else "-",
            targets=placed,
            usable=tuple(placed[position] for position in serving),
            # A Lambda function is called as HTTP1.
            is_http1=self.group.protocol_version in {None, "HTTP1"},
        )


@dataclass(frozen=True, slots=True, eq=False)
class RuleState:
    """A rule, or the default rule, with its action resolved."""

    rule: Rule | None
    arn: str
    action: Action
    groups: tuple[GroupSlot, ...]
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
    groups: tuple[GroupSlot, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkState:
    """A service network with its services by every name a client can use."""

    network: ServiceNetwork
    arn: str
    services: Mapping[str, ServiceState]

    @property
    def ports(self) -> frozenset[int]:
        """The ports that any of its services listens on."""
        return frozenset(
            port for service in self.services.values() for port in service.listeners
        )


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
    groups: Mapping[str, GroupSlot]
    #: The ARNs of the target groups that services refer to.
    in_use: frozenset[str]
    #: Remembers, by VPC, name, port and scheme, the ways that were taken.
    ways: dict[tuple[str, str, int, str], Way] = field(default_factory=dict)


def compile_state(
    configuration: Configuration,
    status: Callable[[TargetGroup, Target], TargetStatus] | None = None,
    previous: State | None = None,
) -> State:
    """Compile a configuration.

    Args:
        configuration: one that holds together.
        status: the present status of a target; None leaves new groups to be filled.
        previous: the state before; what has not changed since is taken from it.

    Returns:
        The state to decide on.
    """
    groups = {
        group.arn: _slot(configuration, group, status, previous)
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
        frozenset(slot.arn for each in services.values() for slot in each.groups),
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


def _slot(
    configuration: Configuration,
    group: TargetGroup,
    status: Callable[[TargetGroup, Target], TargetStatus] | None,
    previous: State | None,
) -> GroupSlot:
    vpc = configuration.vpc(group.vpc) if group.vpc is not None else None
    statuses = status and [status(group, target) for target in group.registered]
    old = None if previous is None else previous.groups.get(group.arn)
    # A VPC that was not declared before may have another range now.
    if old is not None and old.group is group and old.vpc == vpc:
        known = [target.status for target in old.state.targets]
        if statuses is None or statuses == known:
            return old
    slot = GroupSlot(group, vpc)
    if statuses is not None:
        slot.fill(map(slot.place, group.registered, statuses))
    return slot


#: How many targets are told one by one.
_TOLD = 3


def conditions(targets: Sequence[TargetState]) -> str:
    """Tell how targets are, the first few of them one by one."""
    told = [each.condition for each in targets[:_TOLD]]
    if more := len(targets) - len(told):
        told.append(f"{more} more")
    return ", ".join(told)


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
    groups: Mapping[str, GroupSlot],
    previous: State | None,
) -> ServiceState:
    old = None if previous is None else previous.services.get(service.arn)
    if (
        old is not None
        and old.service is service
        and all(groups.get(each.arn) is each for each in old.groups)
    ):
        return old
    found: dict[str, GroupSlot] = {}

    def group(name: str) -> GroupSlot:
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
    group: Callable[[str], GroupSlot],
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
