"""The routing overview: what is declared, as text that a person reads.

It shows every network with its VPCs and services, each rule in the order in which
it is tried, weights with their shares, and which services no client can reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.source import written
from pytest_lattice.routing.match import describe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.routing.state import (
        GroupSlot,
        ListenerState,
        RuleState,
        ServiceState,
        State,
    )


class RouteRow(NamedTuple):
    """A rule of a listener, in words.

    Args:
        service: the service's name.
        dns_name: its generated DNS name.
        listener: such as ``HTTPS 443``.
        rule: the priority, or ``default``.
        matches: what a request must be, such as ``GET /v2…``; ``-`` for any.
        action: where it goes.
        source: where the rule was written; empty if nobody knows.
    """

    service: str
    dns_name: str
    listener: str
    rule: str
    matches: str
    action: str
    source: str


def route_rows(state: State) -> tuple[RouteRow, ...]:
    """List all rules of all services, in the order in which they are tried.

    Args:
        state: the compiled configuration.
    """
    return tuple(
        RouteRow(
            service.service.name,
            service.dns_name,
            f"{listener.listener.protocol} {listener.listener.port}",
            _name(rule),
            _conditions(rule) or "-",
            _action(rule),
            str(rule.rule.source or "") if rule.rule else "",
        )
        for service in state.services.values()
        for listener in service.listeners.values()
        for rule in (*listener.rules, listener.default)
    )


def overview(state: State) -> str:
    """Write the routing overview.

    Args:
        state: the compiled configuration.

    Returns:
        Lines without a final line break.
    """
    return "\n".join(_lines(state))


def _lines(state: State) -> Iterator[str]:
    vpcs: dict[str, list[str]] = {}
    for vpc, network in state.networks.values():
        vpcs.setdefault(network.arn, []).append(f"`{vpc.name}`")
    shown: set[str] = set()
    for network in state.service_networks:
        logged = ", access log on" if network.arn in state.logged else ""
        called = ", ".join(vpcs.get(network.arn, ["none"]))
        yield f"service network `{network.network.name}`, VPCs {called}{logged}"
        for service in dict.fromkeys(network.services.values()):
            shown.add(service.arn)
            yield from _service_lines(state, service)
    for each in state.configuration.services:
        if each.arn not in shown:
            yield f"in no service network: service `{each.name}`"


def _service_lines(state: State, service: ServiceState) -> Iterator[str]:
    logged = ", access log on" if service.arn in state.logged else ""
    yield f"  service `{service.service.name}` {service.dns_name}{logged}"
    if service.service.custom_domain_name:
        yield f"    also {service.service.custom_domain_name}"
    for listener in service.listeners.values():
        yield from _listener_lines(listener)


def _listener_lines(state: ListenerState) -> Iterator[str]:
    yield f"    {state.listener.protocol} on port {state.listener.port}"
    rules = (*state.rules, state.default)
    conditions = [_conditions(each) for each in rules]
    width = max(len(text) for text in conditions)
    for rule, condition in zip(rules, conditions, strict=True):
        place = written(rule.rule.source if rule.rule else None)
        yield f"      {_name(rule):>7}  {condition:<{width}}  -> {_action(rule)}{place}"


def _name(rule: RuleState) -> str:
    return str(rule.rule.priority) if rule.rule else "default"


def _conditions(rule: RuleState) -> str:
    return describe_rule(rule.rule) if rule.rule else ""


def _action(rule: RuleState) -> str:
    if isinstance(rule.action, FixedResponse):
        return f"fixed response {rule.action.status_code}"
    total = sum(rule.weights)
    shares = zip(rule.groups, rule.weights, strict=True)
    if len(rule.groups) == 1:
        return _group(rule.groups[0])
    return ", ".join(
        f"{_group(group)} {weight}/{total} ({_percent(weight, total)})"
        for group, weight in shares
    )


def _group(group: GroupSlot) -> str:
    count = len(group.group.registered)
    targets = "1 target" if count == 1 else f"{count} targets"
    return f"`{group.group.name}` [{group.group.type}, {targets}]"


def _percent(weight: int, total: int) -> str:
    return f"{100 * weight / total:.4g} %" if total else "no share"
