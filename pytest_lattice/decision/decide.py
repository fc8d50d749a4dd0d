"""The one place where the order of a decision's steps stands.

It is fast because it only reads the compiled state; the reasons are computed from
the same state when somebody asks (`decision.trace`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.outcome import (
    Admitted,
    Denied,
    Forwarded,
    Unreachable,
    Unroutable,
)
from pytest_lattice.routing.resolve import Way, resolve
from pytest_lattice.routing.state import conditions

if TYPE_CHECKING:
    from pytest_lattice.decision.admission import Admit
    from pytest_lattice.decision.guard import Access
    from pytest_lattice.decision.step import Step
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.model.outcome import Outcome
    from pytest_lattice.model.service import Listener, Rule, Service
    from pytest_lattice.model.service_network import ServiceNetwork
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.routing.state import (
        GroupState,
        RuleState,
        State,
        TargetState,
    )
    from pytest_lattice.routing.weights import Draw, Drawn

# AWS: vpc-lattice/latest/ug/monitoring-access-logs: more than 100 headers or 60K
_HEADERS = 100
_HEADER_BYTES = 60 * 1024
# AWS: vpc-lattice/latest/ug/target-groups: client protocol and protocol version;
# a GRPC group takes only POST.  A Lambda function is called as HTTP1.
_GOES = {
    ("HTTP/1.1", "HTTP1"),
    ("HTTP/2", "HTTP1"),
    ("HTTP/2", "HTTP2"),
    ("gRPC", "HTTP2"),
    ("HTTP/2", "GRPC"),
    ("gRPC", "GRPC"),
}


class Decision(NamedTuple):
    """What happens to one request, and what it was decided on.

    Args:
        state: the configuration it was decided on.
        request: the request.
        now: when, in microseconds since 1970.
        outcome: what happens.
        way: the VPC, service network, service and listener it came through.
        access: what authentication and authorization made of it; None where nobody
            had to be asked, or it did not come so far.
        rule_state: the rule that matched, compiled; None if it came to none.
        drawn: the draw of the target group; None where there was no choice.
        group_state: the chosen target group, compiled; None if there is none.
        target_state: the chosen target, compiled; None if there is none.
    """

    state: State
    request: LatticeRequest
    now: int
    outcome: Outcome
    way: Way
    access: Access | None = None
    rule_state: RuleState | None = None
    drawn: Drawn | None = None
    group_state: GroupState | None = None
    target_state: TargetState | None = None

    @property
    def service_network(self) -> ServiceNetwork | None:
        """The service network the request came through."""
        return self.way.network.network if self.way.network else None

    @property
    def service(self) -> Service | None:
        """The service that was called."""
        return self.way.service.service if self.way.service else None

    @property
    def listener(self) -> Listener | None:
        """The listener that took the request."""
        return self.way.listener.listener if self.way.listener else None

    @property
    def rule(self) -> Rule | None:
        """The rule that matched; None for the default rule, or for no rule."""
        return self.rule_state.rule if self.rule_state else None

    @property
    def target_group(self) -> TargetGroup | None:
        """The chosen target group."""
        return self.group_state.group if self.group_state else None

    @property
    def target(self) -> Target | None:
        """The chosen target."""
        return self.target_state.target if self.target_state else None

    @property
    def weights(self) -> dict[str, int]:
        """The configured weight by target group of the rule that matched."""
        if self.rule_state is None:
            return {}
        names = (each.group.name for each in self.rule_state.groups)
        return dict(zip(names, self.rule_state.weights, strict=True))

    @property
    def steps(self) -> tuple[Step, ...]:
        """Each step of the decision with its reason; computed when asked."""
        from pytest_lattice.decision.trace import trace

        return trace(self)

    def explain(self) -> str:
        """Write the steps as text, one a line."""
        from pytest_lattice.decision.explain import explain

        return explain(self)

    def __repr__(self) -> str:
        """Show request and outcome on one line."""
        return f"<Decision {self.request.method} {self.request.url}: {self.summary}>"

    @property
    def summary(self) -> str:
        """What happens, in a few words: ``forwarded to …``, ``403, …``."""
        match self.outcome:
            case Forwarded(group, target):
                return f"forwarded to `{target.id}` of `{group.name}`"
            case FixedResponse(status):
                return f"fixed response {status}"
            case Admitted():
                return "may be made"
            case Denied(_, reason):
                return f"403, {reason}"
            case Unroutable(status, reason):
                return f"{status}, {reason}"
            case Unreachable(error, reason):
                return f"{error}, {reason}"


def decide(
    state: State,
    request: LatticeRequest,
    *,
    now: int,
    draw: Draw,
    admit: Admit | None = None,
) -> Decision:
    """Decide what happens to a request.

    The order is AWS's: into the network, to the service and listener by name and
    port, request limits, who calls and whether they may, rule by priority, target
    group by weight, target by turn.

    Args:
        state: the compiled configuration.
        request: the request.
        now: the time, in microseconds since 1970.
        draw: where choices come from.
        admit: authenticates and authorizes; None where everybody may.

    Returns:
        The decision; it never raises.

    AWS: vpc-lattice/latest/ug/how-it-works, auth-policies, listener-rules,
    target-groups
    """
    way, access, stopped = _admitted(state, request, now, admit)
    if stopped is not None:
        return Decision(state, request, now, stopped, way, access)
    rule = way.listener.table.find(request)  # type: ignore[union-attr]  # no stop
    so_far = (way, access, rule)
    if rule.fixed is not None:
        return Decision(state, request, now, rule.fixed, *so_far)
    if rule.weightless:
        return Decision(state, request, now, _weightless(rule), *so_far)
    groups = rule.groups
    drawn = draw.share(rule.arn, rule.weights) if len(groups) > 1 else None
    slot = groups[0] if drawn is None else groups[drawn.index]
    # Read once: the health of a target may change meanwhile.
    group = slot.state
    # HTTP/1.1 to an HTTP1 group goes always, and is by far the most frequent.
    if not group.is_http1 or request.http_version != "HTTP/1.1":
        mismatched = _mismatched_protocol(request, group)
        if mismatched is not None:
            return Decision(state, request, now, mismatched, *so_far, drawn, group)
    usable = group.usable
    if not usable:
        return Decision(state, request, now, _empty(group), *so_far, drawn, group)
    target = usable[draw.turn(group.arn) % len(usable)]
    outcome = target.outcome
    return Decision(state, request, now, outcome, *so_far, drawn, group, target)


def authorize(
    state: State, request: LatticeRequest, *, now: int, admit: Admit
) -> Decision:
    """Decide whether a request would be let in, and ask no rule.

    Args:
        state: the compiled configuration.
        request: the request.
        now: the time, in microseconds since 1970.
        admit: authenticates and authorizes.

    Returns:
        A decision whose outcome is `Admitted` where `decide` would go on.
    """
    way, access, stopped = _admitted(state, request, now, admit)
    return Decision(state, request, now, stopped or Admitted(), way, access)


def _admitted(
    state: State, request: LatticeRequest, now: int, admit: Admit | None
) -> tuple[Way, Access | None, Outcome | None]:
    """Go as far as the rules; the last item says why it went no further."""
    way = resolve(state, request)
    stopped = way.stop or _malformed(request)
    if stopped is not None or admit is None:
        return way, None, stopped
    access = admit(request, way, now)
    return way, access, None if access is None else access.denied


def _malformed(request: LatticeRequest) -> Unroutable | None:
    headers = request.headers
    if len(headers) > _HEADERS:
        return Unroutable(
            400,
            f"the request has {len(headers)} headers, more than {_HEADERS}",
            "ClientProtocolError",
        )
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    if size > _HEADER_BYTES:
        return Unroutable(
            400,
            f"the request has {size} bytes of headers, more than 60K",
            "ClientProtocolError",
        )
    return None


def _weightless(rule: RuleState) -> Unroutable:
    # AWS is silent on weights that are all 0: 503
    weights = "the weight" if len(rule.weights) == 1 else "every weight"
    return Unroutable(503, f"{weights} of {rule.label} is 0", "TargetConnectionError")


def _empty(group: GroupState) -> Unroutable:
    # AWS is silent: 503, and no other group takes the share
    if not group.targets:
        reason = f"target group `{group.group.name}` has no targets"
    elif any(each.reason for each in group.targets):
        told = conditions(group.targets)
        reason = f"no target of target group `{group.group.name}` serves: {told}"
    else:
        statuses = ", ".join(sorted({each.status for each in group.targets}))
        reason = f"every target of target group `{group.group.name}` is {statuses}"
    return Unroutable(503, reason, "TargetConnectionError")


def _mismatched_protocol(
    request: LatticeRequest, group: GroupState
) -> Unroutable | None:
    version = group.group.protocol_version or "HTTP1"
    spoken = request.client_protocol
    goes = (spoken, version) in _GOES
    post = version != "GRPC" or request.method == "POST"
    if goes and post:
        return None
    # AWS is silent on the status: 502
    method = f" with method {request.method}" if goes else ""
    return Unroutable(
        502,
        f"{spoken}{method} does not go with target group `{group.group.name}`, "
        f"which speaks {version}",
        "TargetProtocolError",
    )
