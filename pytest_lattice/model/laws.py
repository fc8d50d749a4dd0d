"""What must hold between declared resources for AWS to accept them together.

Each law is a function over the whole configuration that raises on the first
breach, naming the culprit.  Laws about one value alone live with that value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.action import Forward
from pytest_lattice.model.caller import kind_of
from pytest_lattice.model.log_destination import destination_type
from pytest_lattice.model.sharing import refusal
from pytest_lattice.model.source import called
from pytest_lattice.model.value import first_twice

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.fault import Fault
    from pytest_lattice.model.service import Listener, Service
    from pytest_lattice.model.service_network import ServiceNetwork
    from pytest_lattice.model.target_group import TargetGroup

__tracebackhide__ = HIDE


def check(configuration: Configuration) -> None:
    """Hold a configuration to every law.

    Raises:
        ConfigurationError: the first breach found.
    """
    for law in _LAWS:
        law(configuration)


def _names_are_unique(configuration: Configuration) -> None:
    # AWS: vpc-lattice/latest/APIReference: names are unique per account and Region
    for kind, resources in (
        ("service network", configuration.service_networks),
        ("service", configuration.services),
        ("target group", configuration.target_groups),
        ("VPC", configuration.vpcs),
    ):
        if twice := first_twice(
            (each.account, each.region, each.name) for each in resources
        ):
            account, region, name = twice
            raise ConfigurationError(
                f"{kind} `{name}` already exists in account {account}, {region}"
            )
        if again := first_twice(each.arn for each in resources):
            raise ConfigurationError(f"two {kind}s have the ARN `{again}`")
    for kind, names in (
        ("resource share", [each.name for each in configuration.resource_shares]),
        ("organization", [each.id for each in configuration.organizations]),
        ("caller", [each.principal for each in configuration.callers]),
    ):
        if again := first_twice(names):
            raise ConfigurationError(f"{kind} `{again}` already exists")
    _caller_names_are_unique(configuration)


def _caller_names_are_unique(configuration: Configuration) -> None:
    # AWS: IAM/latest/APIReference/API_CreateRole: unique per account, without case
    owner: dict[tuple[str, str, str], Caller] = {}
    for each in configuration.callers:
        kind = kind_of(each)
        first = owner.setdefault((kind, each.account, each.name.lower()), each)
        # Sessions of one role share its ARN.
        if first.arn != each.arn:
            raise advised(
                f"{kind} `{each.arn}` has the name of `{first.arn}`",
                f"names of {kind}s are unique in an account, whatever their case and "
                "path",
            )


def _actions_reach_groups(configuration: Configuration) -> None:
    user: dict[str, Service] = {}
    for service in configuration.services:
        for listener in service.listeners:
            where = f"{called('listener', listener)} of service `{service.name}`"
            for group in _groups(configuration, service, listener, where):
                _check_listener_group(listener, group, where)
                # AWS: vpc-lattice/latest/ug/create-target-group: one service
                first = user.setdefault(group.arn, service)
                if first is not service:
                    raise ConfigurationError(
                        f"{called('target group', group)} is used by services "
                        f"`{first.name}` and `{service.name}`; AWS allows one"
                    )


def _forwards(listener: Listener) -> list[Forward]:
    actions = [*(rule.action for rule in listener.rules), listener.default]
    return [action for action in actions if isinstance(action, Forward)]


def _groups(
    configuration: Configuration, service: Service, listener: Listener, where: str
) -> list[TargetGroup]:
    """Find the target groups that a listener forwards to, each once."""
    found: dict[str, TargetGroup] = {}
    for action in _forwards(listener):
        names = [each.target_group for each in action.target_groups]
        for name in names:
            if name not in found:
                found[name] = configuration.target_group_of(service, name)
        # A group may go by its name and, a second time, by its ARN.
        if twice := first_twice(found[name].name for name in names):
            raise ConfigurationError(
                f"{where} forwards to target group `{twice}` twice"
            )
    return list(found.values())


def _check_listener_group(listener: Listener, group: TargetGroup, where: str) -> None:
    where = f"{where} cannot forward to {called('target group', group)}"
    # AWS: vpc-lattice/latest/ug/tls-listeners
    if (listener.protocol == "TLS_PASSTHROUGH") != (group.protocol == "TCP"):
        raise ConfigurationError(
            f"{where}: TLS_PASSTHROUGH and TCP go only with each other"
        )
    # AWS: vpc-lattice/latest/ug/target-groups
    if group.protocol_version in {"HTTP2", "GRPC"} and listener.protocol != "HTTPS":
        raise ConfigurationError(
            f"{where}: {group.protocol_version} needs an HTTPS listener"
        )


def _groups_live_in_vpcs(configuration: Configuration) -> None:
    for group in configuration.target_groups:
        if group.vpc is not None:
            configuration.vpc(group.vpc)


def _services_are_associated_lawfully(configuration: Configuration) -> None:
    seen: set[tuple[str, str]] = set()
    for network, service, account in configuration.service_pairs():
        where = (
            f"{called('service', service)} with {called('service network', network)}"
        )
        if (network.arn, service.arn) in seen:
            # AWS: vpc-lattice/latest/ug/service-network-associations
            raise ConfigurationError(f"cannot associate {where} twice")
        seen.add((network.arn, service.arn))
        if not configuration.service_networks:
            continue
        if network.region != service.region:
            raise ConfigurationError(
                f"cannot associate {where}: the service is in {service.region}, "
                f"the service network in {network.region}"
            )
        _check_association(
            configuration, network, service, account=account, where=where
        )


def _check_association(
    configuration: Configuration,
    network: ServiceNetwork,
    service: Service,
    *,
    account: str,
    where: str,
) -> None:
    # AWS: vpc-lattice/latest/ug/sharing: the creator owns at least one side
    if account not in {network.account, service.account}:
        raise advised(
            f"cannot associate {where}: account {account} owns neither",
            "the association's account says who creates it",
        )
    for side in (network, service):
        reason = refusal(
            account, side, configuration.resource_shares, configuration.organizations
        )
        if reason:
            raise ConfigurationError(f"cannot associate {where}: {reason}")


def _vpcs_are_associated_lawfully(configuration: Configuration) -> None:
    network_of: dict[str, ServiceNetwork] = {}
    for network, vpc in configuration.vpc_pairs():
        where = f"{called('VPC', vpc)} with {called('service network', network)}"
        # AWS: vpc-lattice/latest/ug/quotas: one association per VPC
        if (first := network_of.get(vpc.id)) is not None:
            already = "twice"
            if first.arn != network.arn:
                already = f"and with `{first.name}`; AWS allows one"
            raise ConfigurationError(f"cannot associate {where} {already}")
        network_of[vpc.id] = network
        if not configuration.service_networks:
            continue
        if vpc.region != network.region:
            raise ConfigurationError(
                f"cannot associate {where}: the VPC is in {vpc.region}, "
                f"the service network in {network.region}"
            )
        # AWS: vpc-lattice/latest/ug/create-target-group: only the VPC's owner
        reason = refusal(
            vpc.account,
            network,
            configuration.resource_shares,
            configuration.organizations,
        )
        if reason:
            raise ConfigurationError(f"cannot associate {where}: {reason}")


def _custom_domains_are_unique(configuration: Configuration) -> None:
    # AWS: vpc-lattice/latest/ug/service-custom-domain-name: unique in a network
    owner: dict[tuple[str, str], Service] = {}
    for network, service, _ in configuration.service_pairs():
        if service.custom_domain_name:
            domain = service.custom_domain_name.lower()
            first = owner.setdefault((network.arn, domain), service)
            if first is not service:
                raise ConfigurationError(
                    f"services `{first.name}` and `{service.name}` in service network "
                    f"`{network.name}` share the custom domain name "
                    f"`{service.custom_domain_name}`"
                )


def _shares_share_what_is_owned(configuration: Configuration) -> None:
    shareable: tuple[Service | ServiceNetwork, ...] = (
        *configuration.services,
        *configuration.service_networks,
    )
    for share in configuration.resource_shares:
        owned = {
            name
            for each in shareable
            if each.account == share.account
            for name in (each.name, each.id, each.arn)
        }
        for resource in share.resources:
            if resource not in owned:
                raise ConfigurationError(
                    f"resource share `{share.name}`: account {share.account} "
                    f"owns no service or service network `{resource}`"
                )


def _subscriptions_have_a_resource(configuration: Configuration) -> None:
    seen: set[tuple[str, str]] = set()
    for each in configuration.access_log_subscriptions:
        kind = destination_type(each.destination)
        key = (configuration.logged_resource(each.resource).arn, kind)
        # AWS: vpc-lattice/latest/ug/monitoring-access-logs: one per destination type
        if key in seen:
            raise advised(
                f"`{each.resource}` has two access log subscriptions {kind}",
                "one of each type: VPC Lattice answers a second ConflictException",
            )
        seen.add(key)


def _faults_have_targets(configuration: Configuration) -> None:
    seen: set[Fault] = set()
    for fault in configuration.faults:
        if fault in seen:
            raise ConfigurationError(f"`{fault!r}` is declared twice")
        seen.add(fault)
        group = configuration.target_group(fault.target_group)
        ids = [each.id for each in group.registered]
        if fault.target is not None and fault.target not in ids:
            raise unknown("target", fault.target, ids)
        is_function = group.type == "LAMBDA"
        if fault.of_function not in {None, is_function}:
            raise advised(
                f"`{fault!r}` does not go with target group `{group.name}`, which is "
                f"of type {group.type}",
                "a function can be late, answer a status, be throttled, crash or time "
                "out"
                if is_function
                else "only functions are throttled, crash or time out",
            )


_LAWS: tuple[Callable[[Configuration], None], ...] = (
    _names_are_unique,
    _actions_reach_groups,
    _groups_live_in_vpcs,
    _shares_share_what_is_owned,
    _services_are_associated_lawfully,
    _vpcs_are_associated_lawfully,
    _custom_domains_are_unique,
    _subscriptions_have_a_resource,
    _faults_have_targets,
)
