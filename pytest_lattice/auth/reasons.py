"""Why a layer allows or denies: statement by statement, element by element.

This is the readable evaluator: it asks of each element of each statement whether it
applies, and says of each that does not what it found instead.  It decides nothing; a
property test holds it to agree with `evaluate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.auth.conditions import several
from pytest_lattice.auth.evaluate import rows, value_of
from pytest_lattice.auth.principal import lacking
from pytest_lattice.auth.principal import shown as shown_principals
from pytest_lattice.model.auth_policy import Principals, shown
from pytest_lattice.model.source import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.conditions import Value
    from pytest_lattice.auth.evaluate import Element, PolicySource, Verdict
    from pytest_lattice.model.auth_policy import Policy, Statement


#: Headers and parameters that prove who calls; their values are not shown.
_SECRET = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-amz-security-token",
        "x-amz-signature",
    }
)


class Miss(NamedTuple):
    """An element of a statement that does not apply to a call."""

    element: Element
    statement: Statement
    call: Call

    @property
    def text(self) -> str:
        """What the element asks for and what it found, in one line."""
        return _text(self)


class StatementResult(NamedTuple):
    """What came of one statement.

    Args:
        policy: the policy it is of.
        statement: the statement.
        misses: the elements that do not apply, in AWS's order of elements.
        lacking: what a Deny with NotPrincipal names only in part.
    """

    policy: Policy
    statement: Statement
    misses: tuple[Miss, ...]
    lacking: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its statement's label, and its policy where that is not the only one."""
        _, _, policy = self.policy.name.partition(": ")
        label = self.statement.label
        return f"{label} of {policy}" if policy else label

    @property
    def applies(self) -> bool:
        """Whether the statement decides; every element has to apply."""
        return not self.misses

    @property
    def reason(self) -> str:
        """The first element that does not apply, or what the statement does."""
        if self.misses:
            return self.misses[0].text
        if self.lacking:
            names = ", ".join(f"`{each}`" for each in self.lacking)
            return f"denies, since NotPrincipal does not name {names}"
        return "allows" if self.statement.effect == "Allow" else "denies"


class LayerResult(NamedTuple):
    """What came of one layer.

    Args:
        source: the layer's policies.
        verdict: ``ALLOW``, ``EXPLICIT_DENY`` or ``IMPLICIT_DENY``.
        statements: what came of each statement.
    """

    source: PolicySource
    verdict: Verdict
    statements: tuple[StatementResult, ...]

    @property
    def deciding(self) -> tuple[Statement, ...]:
        """The statements that the verdict rests on; none for an implicit deny."""
        return tuple(each.statement for each in self._deciding)

    @property
    def _deciding(self) -> tuple[StatementResult, ...]:
        effect = {"ALLOW": "Allow", "EXPLICIT_DENY": "Deny"}.get(self.verdict)
        return tuple(
            each
            for each in self.statements
            if each.applies and each.statement.effect == effect
        )

    @property
    def reason(self) -> str:
        """The verdict in words, with the place of the policies."""
        source = self.source
        name = f"{source.name}{written(source.place)}"
        names = ", ".join(each.label for each in self._deciding)
        if self.verdict == "ALLOW":
            return f"{name} allows: {names}"
        if self.verdict == "EXPLICIT_DENY":
            return f"{name} denies: {names}"
        if not source.policies:
            return f"there is no {name}, so nothing allows"
        return f"no statement of the {name} allows"


def explain_layer(source: PolicySource, call: Call) -> LayerResult:
    """Say what a layer makes of a call, and why.

    Args:
        source: the layer's policies.
        call: the call.
    """
    results = tuple(
        StatementResult(
            row.policy,
            row.statement,
            tuple(
                Miss(element, row.statement, call)
                for element in row.elements
                if not element.test(call)
            ),
            _lacking(row.statement, call),
        )
        for row in rows(source)
    )
    effects = {each.statement.effect for each in results if each.applies}
    verdict: Verdict = "IMPLICIT_DENY"
    if "Deny" in effects:
        verdict = "EXPLICIT_DENY"
    elif "Allow" in effects:
        verdict = "ALLOW"
    return LayerResult(source, verdict, results)


def _lacking(statement: Statement, call: Call) -> tuple[str, ...]:
    if not statement.not_principal or statement.effect == "Allow":
        return ()
    named = statement.principals
    return () if named is None or named.anyone else lacking(named, call.identity)


def _text(miss: Miss) -> str:
    name, statement, call = miss.element.name, miss.statement, miss.call
    negated = name.startswith("Not")
    match name.removeprefix("Not"):
        case "Action":
            verb = "covers" if negated else "does not cover"
            return f"{name} {shown(statement.actions)} {verb} {call.action}"
        case "Principal":
            verb = "names" if negated else "does not name"
            who = shown_principals(statement.principals or Principals(anyone=True))
            return f"{name} {who} {verb} {_caller(call)}"
        case "Resource":
            verb = "covers" if negated else "does not cover"
            return f"{name} {shown(statement.resources)} {verb} {call.resource}"
    condition = miss.element.condition
    if condition is None:
        return name
    value = value_of(call, condition.key)
    found = found_text(value)
    if value is not None and condition.key.rpartition("/")[2].lower() in _SECRET:
        found = "it has a value that is not shown"
    text = f"{condition}, but {found}"
    if isinstance(value, tuple) and not condition.operator.quantifier:
        text += ", which need ForAnyValue: or ForAllValues:"
    return text


def _caller(call: Call) -> str:
    identity = call.identity
    if identity.is_anonymous:
        return identity.label
    return f"{identity.label} ({identity.principal})"


def found_text(value: Value) -> str:
    """Say what a call has for a key."""
    if value is None:
        return "the key is missing"
    if isinstance(value, str):
        return f"it is {shown((value,))}"
    values = several(value)
    return f"it has the values [{', '.join(_quoted(values))}]"


def _quoted(values: Iterable[str]) -> list[str]:
    return [shown((value,)) for value in values]
