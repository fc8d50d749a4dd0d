"""`assert_routed`: which rule and target group a request came to.

A failure says what happened in place of what was expected, then why, then all steps
of the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lattice.assertions.subject import (
    Subject,
    find_target_group,
    joined,
    listener_label,
    rule_label,
    subjects,
)
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeAssertionError,
    advised,
    unknown,
)
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.outcome import Forwarded, Unreachable
from pytest_lattice.routing.match import describe_rule, mismatch
from pytest_lattice.routing.weights import share_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.target_group import TargetGroup
    from pytest_lattice.routing.state import ListenerState, RuleState

__tracebackhide__ = HIDE

#: How many other rules that forward to the expected target group are looked at.
_RULES_SHOWN = 3


def assert_routed(
    x: object,
    *,
    rule: int | str | None = None,
    to: str | None = None,
    status: int | None = None,
) -> None:
    """Assert which rule and target group requests came to, and with which status.

    Args:
        x: a response, an exchange or a decision, or an iterable of these, all of
            which must be as claimed.
        rule: the priority or the name of the rule that matched; ``"default"`` is the
            default rule.
        to: the name, id or ARN of the target group that was chosen.
        status: the HTTP status, whether a target or the network answered.

    Raises:
        LatticeAssertionError: a claim does not hold; the message says why.
        ConfigurationError: no claim, or a rule or target group that does not exist.

    AWS: vpc-lattice/latest/ug/listener-rules
    """
    __tracebackhide__ = True
    if (mistake := _mistake(rule, to, status)) is not None:
        raise mistake
    found = subjects(x)
    wrong: list[tuple[int, list[_Failure]]] = []
    for number, subject in enumerate(found, start=1):
        if failures := list(_failures(subject, rule, to, status)):
            wrong.append((number, failures))
    if wrong:
        number, failures = wrong[0]
        several = ""
        if len(found) > 1:
            several = (
                f"{len(wrong)} of {len(found)} requests "
                f"{'is' if len(wrong) == 1 else 'are'} not as expected; "
                f"this is request {number}"
            )
        raise LatticeAssertionError(_text(found[number - 1], failures, several))


@dataclass(frozen=True, slots=True)
class _Failure:
    """A claim that does not hold.

    Args:
        expected: what was claimed.
        happened: what is so instead.
        why: how that came about, by the ARN of the rule it is about, or by itself.
    """

    expected: str
    happened: str
    why: Mapping[str, str]


def _mistake(rule: object, to: object, status: object) -> ConfigurationError | None:
    """Refuse claims that nothing could meet."""
    if rule is None and to is None and status is None:
        return advised("nothing is claimed", "give rule, to or status")
    if rule is not None and (isinstance(rule, bool) or not isinstance(rule, int | str)):
        return _wrong_type("rule", rule, "a priority, a name or `default`")
    if to is not None and not isinstance(to, str):
        return _wrong_type("to", to, "the name of a target group")
    if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
        return _wrong_type("status", status, "a number")
    return None


def _wrong_type(claim: str, value: object, wanted: str) -> ConfigurationError:
    error = ConfigurationError(f"{claim} `{value!r}` is not {wanted}")
    meant = getattr(value, "priority" if claim == "rule" else "name", None)
    if isinstance(value, str) and value.isdecimal():
        meant = int(value)
    if isinstance(meant, int | str):
        error.add_note(f"did you mean {claim}={meant!r}?")
    return error


def _failures(
    subject: Subject, rule: int | str | None, to: str | None, status: int | None
) -> Iterator[_Failure]:
    checks = (
        None if rule is None else _rule_failure(subject, rule),
        None if to is None else _group_failure(subject, to),
        None if status is None else _status_failure(subject, status),
    )
    return (each for each in checks if each is not None)


def _text(subject: Subject, failures: list[_Failure], several: str) -> str:
    """Write the first line, what is known of the reasons, and the explanation."""
    expected = joined(each.expected for each in failures)
    happened = joined(dict.fromkeys(each.happened for each in failures))
    # Of what several claims say about one rule, the last one says most.
    reasons = {key: each.why[key] for each in failures for key in each.why}
    lines = [f"expected {expected}, but {happened}"]
    lines += [f"  {line}" for line in (several, *reasons.values()) if line]
    return "\n".join([*lines, "", subject.explain()])


def _no_rule(subject: Subject, expected: str) -> _Failure:
    happened = "the request came to no rule"
    return _Failure(expected, happened, {subject.reason: subject.reason})


# ---- which rule -------------------------------------------------------------


def _rule_failure(subject: Subject, claimed: int | str) -> _Failure | None:
    decision = subject.decision
    if decision.way.listener is None:
        name = f"`{claimed}`" if isinstance(claimed, str) else claimed
        return _no_rule(
            subject, "the default rule" if claimed == "default" else f"rule {name}"
        )
    wanted = _find_rule(decision, decision.way.listener, claimed)
    chosen = decision.rule_state
    if chosen is None:
        return _no_rule(subject, rule_label(wanted))
    if wanted.arn == chosen.arn:
        return None
    happened = f"{rule_label(chosen)} matched"
    if chosen.rule is None:
        happened = "no rule matched, so the default rule took the request"
    elif wanted.rule is not None and mismatch(wanted.rule, decision.request) is None:
        happened += " first"
    why = _why_not(decision, wanted, chosen)
    return _Failure(rule_label(wanted), happened, {wanted.arn: why})


def _find_rule(
    decision: Decision, listener: ListenerState, claimed: int | str
) -> RuleState:
    """Find a rule of the listener that took the request, by priority or name."""
    known: dict[int | str, RuleState] = {}
    for state in listener.rules:
        if state.rule is not None:
            known[state.rule.priority] = known[state.rule.name] = state
    if claimed == "default" and claimed in known:
        raise advised(
            f"`default` is the default rule and {rule_label(known[claimed])}",
            "give the latter another name",
        )
    known["default"] = listener.default
    if claimed in known:
        return known[claimed]
    error = _unknown_rule(claimed, known)
    error.add_note(f"the request came to {listener_label(decision)}")
    raise error


def _unknown_rule(claimed: int | str, known: Iterable[int | str]) -> ConfigurationError:
    names = [each for each in known if isinstance(each, str)]
    if isinstance(claimed, int):
        priorities = [each for each in known if isinstance(each, int)]
        shown = ", ".join(f"`{each}`" for each in [*priorities, "default"])
        return advised(f"unknown rule `{claimed}`", f"known: {shown}")
    if claimed.isdecimal():
        return advised(
            f"rule `{claimed!r}` is text, and no rule has that name",
            f"did you mean rule={int(claimed)}?",
        )
    return unknown("rule", claimed, names)


def _why_not(
    decision: Decision, wanted: RuleState, chosen: RuleState, which: str = ""
) -> str:
    """Say what kept a rule from taking a request that another rule took."""
    name, other = f"{rule_label(wanted)}{which}", _described(chosen)
    if wanted.rule is None:
        return f"{name} takes what no rule matches, and {other} matches"
    difference = mismatch(wanted.rule, decision.request)
    if difference is not None:
        return f"{name} does not match: {difference}"
    return f"{name} matches too, but {other} is tried first"


def _described(state: RuleState) -> str:
    """Name a rule with what it asks for."""
    asked = f" (`{describe_rule(state.rule)}`)" if state.rule else ""
    return f"{rule_label(state)}{asked}"


# ---- which target group -----------------------------------------------------


def _group_failure(subject: Subject, claimed: str) -> _Failure | None:
    decision = subject.decision
    rule, chosen = decision.rule_state, decision.group_state
    if chosen is not None and claimed in {chosen.group.name, chosen.arn}:
        return None
    wanted = find_target_group(decision, claimed)
    expected = f"target group `{wanted.name}`"
    if rule is None:
        return _no_rule(subject, expected)
    if chosen is not None and chosen.arn == wanted.arn:
        return None
    if chosen is not None:
        happened = f"target group `{chosen.group.name}` was chosen"
    elif isinstance(rule.action, FixedResponse):
        status = rule.action.status_code
        happened = f"{rule_label(rule)} is a fixed response {status}"
    else:
        happened = "no target group was chosen"
    if wanted.name in decision.weights:
        why = _why_not_drawn(subject, rule, wanted)
        return _Failure(expected, happened, {why: why})
    return _Failure(expected, happened, _why_elsewhere(decision, rule, wanted))


def _why_not_drawn(subject: Subject, rule: RuleState, wanted: TargetGroup) -> str:
    """Say what kept a request from a target group of the very rule it came to."""
    decision = subject.decision
    weight = decision.weights[wanted.name]
    if decision.drawn is None:
        return subject.reason
    if weight == 0:
        return f"`{wanted.name}` has weight 0 in {rule_label(rule)}"
    share = share_text(weight, rule.weights)
    return (
        f"{rule_label(rule)} gives `{wanted.name}` {share}; "
        "assert_weights judges many requests at once"
    )


def _why_elsewhere(
    decision: Decision, rule: RuleState, wanted: TargetGroup
) -> dict[str, str]:
    """Say what kept a request from the rules that forward to a target group."""
    listener = decision.way.listener
    rules = () if listener is None else (*listener.rules, listener.default)
    which = f", which forwards to `{wanted.name}`,"
    why = {
        each.arn: _why_not(decision, each, rule, which)
        for each in rules
        if wanted.arn in {group.arn for group in each.groups}
    }
    if not why:
        none = f"no rule of {listener_label(decision)} forwards to `{wanted.name}`"
        return {none: none}
    return dict(list(why.items())[:_RULES_SHOWN])


# ---- which status -----------------------------------------------------------


def _status_failure(subject: Subject, claimed: int) -> _Failure | None:
    status = subject.status
    if status == claimed:
        return None
    happened, why = _who_answered(subject, status)
    return _Failure(f"status {claimed}", happened, {why: why})


def _who_answered(subject: Subject, status: int | None) -> tuple[str, str]:
    """Tell the network's own answer from that of an app, and say why it is so."""
    decision, exchange = subject.decision, subject.exchange
    outcome, rule = decision.outcome, decision.rule_state
    if isinstance(outcome, Unreachable):
        return "there is no answer", subject.reason
    if isinstance(outcome, FixedResponse) and rule is not None:
        why = f"{_described(rule)} is a fixed response"
        return f"the network itself answers {status}", why
    if not isinstance(outcome, Forwarded):
        return f"the network itself answers {status}", subject.reason
    target = f"target `{outcome.target.id}` of `{outcome.target_group.name}`"
    if exchange is None:
        advice = "a decision sends nothing; pass the response to a request"
        return f"{target} was not asked", advice
    if exchange.failure_reason is not None:
        return (
            f"the answer is {status} {exchange.failure_reason}",
            exchange.detail or "",
        )
    why = exchange.detail or "that is the app's own answer, not the network's"
    return f"{target} answered {status}", why
