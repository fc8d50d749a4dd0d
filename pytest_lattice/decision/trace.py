"""The steps of a decision as values, computed again when somebody asks.

This is the readable evaluator: it goes rule by rule and says of each the first
thing that did not match.  It decides nothing; a property test holds it to agree
with `decide`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.decision.access_steps import access_steps
from pytest_lattice.decision.step import Step
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.outcome import (
    Admitted,
    Denied,
    Forwarded,
    Unreachable,
    Unroutable,
)
from pytest_lattice.model.source import written
from pytest_lattice.model.value import given
from pytest_lattice.routing.forwarding import replaced
from pytest_lattice.routing.match import describe_rule, mismatch
from pytest_lattice.routing.resolve import host_name
from pytest_lattice.routing.state import conditions
from pytest_lattice.routing.weights import cards, share_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.action import Action
    from pytest_lattice.routing.state import RuleState


def trace(decision: Decision, *, every_statement: bool = False) -> tuple[Step, ...]:
    """Compute the steps of a decision.

    Args:
        decision: what `decide` returned.
        every_statement: whether the statements of policies that allow are steps too.

    Returns:
        The steps in their order; the last one says what came of the request.
    """
    return tuple(_steps(decision, every_statement=every_statement))


def _steps(decision: Decision, *, every_statement: bool) -> Iterator[Step]:
    way, outcome = decision.way, decision.outcome
    if way.vpc is None or way.network is None:
        yield Step("VPC", passed=False, text=_reason(decision))
        return
    yield Step(
        "VPC",
        passed=True,
        text=f"associated with service network `{way.network.network.name}`",
    )
    if way.service is None:
        yield Step("service", passed=False, text=_reason(decision))
        return
    yield Step("service", passed=True, text=_service_text(decision))
    if way.stop is not None or way.listener is None:
        yield Step("listener", passed=False, text=_reason(decision))
        return
    listener = way.listener.listener
    called = f"`{listener.name}`" if given(listener.name) else ""
    called = f"{called}{written(listener.source)}".strip()
    called += ", " if called else ""
    yield Step(
        "listener",
        passed=True,
        text=f"{called}{listener.protocol} on port {listener.port}",
    )
    if isinstance(outcome, Unroutable) and decision.rule_state is None:
        yield Step("limits", passed=False, text=_reason(decision))
        return
    if decision.access is not None:
        yield from access_steps(decision.access, every_statement=every_statement)
    if isinstance(outcome, Denied | Admitted):
        return
    yield from _rule_steps(decision)
    yield from _weight_steps(decision)
    yield from _last_steps(decision)


def _last_steps(decision: Decision) -> Iterator[Step]:
    outcome = decision.outcome
    if isinstance(outcome, Unreachable | Unroutable):
        name = "target group" if decision.group_state else "weights"
        yield Step(name, passed=False, text=_reason(decision))
    elif isinstance(outcome, Forwarded):
        if names := replaced(decision.request.headers):
            text = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
            yield Step("headers", passed=True, text=f"{text} as sent is not passed on")
        yield Step("target", passed=True, text=_target_text(decision))


def _reason(decision: Decision) -> str:
    outcome = decision.outcome
    if isinstance(outcome, Unroutable):
        return f"{outcome.status}: {outcome.reason}"
    if isinstance(outcome, Unreachable):
        return f"{outcome.error}: {outcome.reason}"
    return ""


def _service_text(decision: Decision) -> str:
    service, request = decision.service, decision.request
    if service is None:
        return ""
    dialed = request.host if request.scheme == "http" else request.server_name
    kinds = {
        service.name: "its short name",
        service.dns_name: "its generated DNS name",
        (service.custom_domain_name or "").lower(): "its custom domain name",
    }
    place = written(service.source)
    return f"`{service.name}`{place} by {kinds.get(host_name(dialed), 'its name')}"


def _rule_steps(decision: Decision) -> Iterator[Step]:
    listener, chosen = decision.way.listener, decision.rule_state
    if listener is None or chosen is None:
        return
    for each in listener.rules:
        if each.rule is None:
            continue
        difference = mismatch(each.rule, decision.request)
        if difference is not None:
            path = each.rule.path or each.rule.path_prefix
            yield Step(
                each.label,
                passed=False,
                text=f"{_called(each)}{difference}",
                path=path if difference.part == "path" else None,
            )
            continue
        yield Step(
            each.label,
            passed=True,
            text=f"{_called(each)}{describe_rule(each.rule)} "
            f"-> {action_text(each.action)}",
        )
        return
    tried = "no rule matched -> " if listener.rules else ""
    yield Step("default", passed=True, text=tried + action_text(chosen.action))


def _called(state: RuleState) -> str:
    """Name a rule that has a name of its own, and where it was written."""
    rule = state.rule
    if rule is None:
        return ""
    name = f"`{rule.name}`" if given(rule.name) else ""
    text = f"{name}{written(rule.source)}".strip()
    return f"{text}: " if text else ""


def action_text(action: Action) -> str:
    """Say what an action does, such as ``forward to `a` 20, `b` 10``."""
    if isinstance(action, FixedResponse):
        return f"fixed response {action.status_code}"
    if len(action.target_groups) == 1:
        return f"forward to `{action.target_groups[0].target_group}`"
    groups = (f"`{each.target_group}` {each.weight}" for each in action.target_groups)
    return f"forward to {', '.join(groups)}"


def _weight_steps(decision: Decision) -> Iterator[Step]:
    rule, drawn, group = decision.rule_state, decision.drawn, decision.group_state
    if rule is None or drawn is None or group is None:
        return
    weight = rule.weights[drawn.index]
    how = "drawn at random"
    if drawn.number is not None:
        size = sum(cards(rule.weights))
        deck, card = divmod(drawn.number, size)
        how = f"card {card + 1} of {size} in deck {deck + 1}"
    yield Step(
        "weights",
        passed=True,
        text=f"`{group.group.name}` with {share_text(weight, rule.weights)}, {how}",
    )


def _target_text(decision: Decision) -> str:
    group, target = decision.group_state, decision.target_state
    if group is None or target is None:
        return ""
    where = "" if target.ip_port == "-" else f" at {target.ip_port}"
    place = written(group.group.source)
    text = f"`{target.target.id}`{where} of `{group.group.name}`{place}"
    serving = len(group.usable)
    if serving > 1:
        text += f", {group.usable.index(target) + 1} of {serving} in turn"
    if idle := [each for each in group.targets if each not in group.usable]:
        gets = "gets" if len(idle) == 1 else "get"
        text += f"; {len(idle)} of {len(group.targets)} targets {gets} nothing: "
        text += conditions(idle)
    if target.status == "UNHEALTHY":
        # AWS: vpc-lattice/latest/ug/target-groups: fail-open
        text += "; no target is healthy, so the unhealthy ones serve"
    return text
