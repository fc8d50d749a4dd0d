"""May this call be made: policies compiled into layers, and the verdict over them.

Lattice needs an Allow from every layer, also from the caller's own policies where
caller and service share an account; an explicit Deny in any layer ends it.
AWS: vpc-lattice/latest/ug/auth-policies
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from pytest_lattice.auth.call import INVOKE, NO_REQUEST, Call
from pytest_lattice.auth.conditions import (
    OPERATORS,
    compile_condition,
    is_plain_equality,
    is_plain_pattern,
    read_values,
)
from pytest_lattice.auth.keys import find_key
from pytest_lattice.auth.principal import compile_principals
from pytest_lattice.auth.template import fill, read_template, variables_in
from pytest_lattice.auth.wildcard import glob, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_lattice.auth.call import Place
    from pytest_lattice.auth.conditions import Value
    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.auth.keys import Reader
    from pytest_lattice.model.auth_policy import Condition, Policy, Statement
    from pytest_lattice.model.source import SourceLocation

Verdict: TypeAlias = Literal["ALLOW", "EXPLICIT_DENY", "IMPLICIT_DENY"]
LayerName: TypeAlias = Literal["network", "service", "identity"]
#: Tells whether a statement, or one element of it, applies to a call.
Applies: TypeAlias = "Callable[[Call], bool]"
#: The kinds of policy, as a 403 names them.
PolicyKind: TypeAlias = Literal[
    "network-based policy",
    "service-based policy",
    "identity-based policy",
    "permissions boundary",
    "session policy",
    "service control policy",
]


#: What people call a policy that a 403 names by its level.
_NAMES = {
    "network-based policy": "auth policy",
    "service-based policy": "auth policy",
}


class PolicySource(NamedTuple):
    """Where a layer's policies come from.

    Args:
        layer: ``network``, ``service`` or ``identity``.
        kind: the kind of policy.
        owner: what they belong to, such as ``service `shop` ``.
        policies: the policies, which allow together; none allow nothing.
        any_value: see `conditions.compile_condition`.
        place: where they were written; None for what Python code declared.
    """

    layer: LayerName
    kind: PolicyKind
    owner: str
    policies: tuple[Policy, ...]
    any_value: bool = False
    place: SourceLocation | None = None

    @property
    def name(self) -> str:
        """How a person calls it, such as ``auth policy of service `shop` ``."""
        return f"{_NAMES.get(self.kind, self.kind)} of {self.owner}"


class Layer(NamedTuple):
    """A source, compiled: pairs of a test and the statement it is of."""

    source: PolicySource
    denies: tuple[tuple[Applies, Statement], ...]
    allows: tuple[tuple[Applies, Statement], ...]


class Denial(NamedTuple):
    """Why a call may not be made.

    Args:
        source: the layer that is reported.
        verdict: ``EXPLICIT_DENY`` or ``IMPLICIT_DENY``.
        statement: the Deny that applies; None where no Allow does.
    """

    source: PolicySource
    verdict: Literal["EXPLICIT_DENY", "IMPLICIT_DENY"]
    statement: Statement | None = None


def evaluate(layers: Iterable[Layer], call: Call) -> Denial | None:
    """Evaluate a call.

    Args:
        layers: those that are enabled, in the order in which denials are reported.
        call: the call.

    Returns:
        The denial that is reported; None where every layer allows.
    """
    # AWS: IAM/latest/UserGuide/reference_policies_evaluation-logic: a Deny wins
    for source, denies, _ in layers:
        for applies, statement in denies:
            if applies(call):
                return Denial(source, "EXPLICIT_DENY", statement)
    for source, _, allows in layers:
        for applies, _ in allows:
            if applies(call):
                break
        else:
            return Denial(source, "IMPLICIT_DENY")
    return None


def message(denial: Denial, call: Call) -> str:
    """Write what AWS tells the caller.

    AWS: a 403's body in public transcripts; IAM/latest/UserGuide/
    troubleshoot_access-denied for the other kinds of policy
    """
    kind, action = denial.source.kind, call.action
    if denial.verdict == "EXPLICIT_DENY":
        article = "an" if kind[0] in "aeiou" else "a"
        why = f"with an explicit deny in {article} {kind}"
    else:
        why = f"because no {kind} allows the {action} action"
    return (
        f"User: {call.identity.principal} is not authorized to perform: {action} "
        f"on resource: {call.resource} {why}"
    )


def compile_layer(
    source: PolicySource,
    identity: Identity,
    place: Place,
    *,
    action: str = INVOKE,
) -> Layer:
    """Compile a source for one caller in one place.

    What is the same for all their calls is decided here; what is left is asked of
    each call.

    Args:
        source: where the policies come from.
        identity: who calls.
        place: where.
        action: the action that is asked for.
    """
    probe = Call(NO_REQUEST, identity, place, 0, action)
    denies: list[tuple[Applies, Statement]] = []
    allows: list[tuple[Applies, Statement]] = []
    for row in rows(source):
        if not all(each.test(probe) for each in row.elements if each.fixed):
            continue
        left = tuple(each.test for each in row.elements if not each.fixed)
        pairs = denies if row.statement.effect == "Deny" else allows
        pairs.append((_all(left), row.statement))
    return Layer(source, tuple(denies), tuple(allows))


def _all(checks: tuple[Applies, ...]) -> Applies:
    """Join tests; few of them are frequent, and faster without a loop."""
    match checks:
        case ():
            return lambda _: True
        case (one,):
            return one
        case (one, two):
            return lambda call: one(call) and two(call)
        case (one, two, three):
            return lambda call: one(call) and two(call) and three(call)
    return lambda call: all(check(call) for check in checks)


# ---- the elements of a statement --------------------------------------------


class Element(NamedTuple):
    """One element of a statement, compiled.

    Args:
        name: as the policy has it: ``Action``, ``NotPrincipal``, ``Condition``, …
        test: tells whether it applies to a call.
        fixed: whether that is the same for all calls of one caller in one place.
        condition: the condition it is; None for other elements.
    """

    name: str
    test: Applies
    fixed: bool
    condition: Condition | None = None


class Row(NamedTuple):
    """A statement with its elements; one that every call meets is left out."""

    policy: Policy
    statement: Statement
    elements: tuple[Element, ...]


@lru_cache(maxsize=1024)
def rows(source: PolicySource) -> tuple[Row, ...]:
    """Compile the elements of all statements of a source."""
    return tuple(
        Row(policy, statement, tuple(_elements(source, policy, statement)))
        for policy in source.policies
        for statement in policy.statements
    )


def _elements(
    source: PolicySource, policy: Policy, statement: Statement
) -> Iterator[Element]:
    yield _action(statement)
    if statement.principals is not None:
        meant = compile_principals(
            statement.principals,
            negated=statement.not_principal,
            denies=statement.effect == "Deny",
        )
        if meant is not None:
            name = "NotPrincipal" if statement.not_principal else "Principal"
            yield Element(name, _of_identity(meant), fixed=True)
    about = _resource(policy, statement)
    if about is not None:
        name = "NotResource" if statement.not_resource else "Resource"
        yield Element(name, about, fixed=False)
    for condition in statement.conditions:
        yield _condition(policy, statement, condition, any_value=source.any_value)


def _action(statement: Statement) -> Element:
    # AWS: names of actions have no case
    tests = [glob(parts_of(each.lower())) for each in statement.actions]
    negated = statement.not_action

    def covers(call: Call) -> bool:
        action = call.action.lower()
        return any(test(action) for test in tests) is not negated

    return Element("NotAction" if negated else "Action", covers, fixed=True)


def _of_identity(meant: Callable[[Identity], bool]) -> Applies:
    return lambda call: meant(call.identity)


def _resource(policy: Policy, statement: Statement) -> Applies | None:
    """Compile which resources a statement is about; None where it is all.

    A pattern is matched over the whole ARN.
    AWS: vpc-lattice/latest/ug/auth-policies: its `*/rates` means that
    """
    negated = statement.not_resource
    if "*" in statement.resources:
        return (lambda _: False) if negated else None
    templates = [
        read_template(each, variables=policy.has_variables, wildcards=True)
        for each in statement.resources
    ]
    fixed = [
        glob(fill(each, _nothing) or ()) for each in templates if not variables_in(each)
    ]
    open_ones = [each for each in templates if variables_in(each)]
    if not open_ones and not negated and len(fixed) == 1:
        (only,) = fixed
        return lambda call: only(call.resource)

    def applies(call: Call) -> bool:
        resource = call.resource
        named = any(test(resource) for test in fixed)
        for template in () if named else open_ones:
            # AWS: a variable without a value matches nothing
            parts = fill(template, partial(look_up, call))
            named = named or (parts is not None and glob(parts)(resource))
        return named is not negated

    return applies


def _condition(
    policy: Policy, statement: Statement, condition: Condition, *, any_value: bool
) -> Element:
    key = find_key(condition.key)
    fixed = key is None or key.fixed
    read = _missing if key is None else key.read
    row = OPERATORS[condition.operator.name]
    holds = compile_condition(
        condition,
        variables=policy.has_variables,
        denies=statement.effect == "Deny",
        any_value=any_value,
    )
    test: Applies
    if policy.has_variables and row.family.variables and _open(condition):
        fixed = False

        def test(call: Call) -> bool:
            return holds(read(call), partial(look_up, call))

    elif key is not None and not key.several and is_plain_equality(condition):
        values, negated = frozenset(condition.values), row.negated

        def test(call: Call) -> bool:
            return (read(call) in values) is not negated

    elif key is not None and not key.several and is_plain_pattern(condition):
        test = _pattern(policy, condition, read)
    else:

        def test(call: Call) -> bool:
            return holds(read(call), _nothing)

    return Element("Condition", test, fixed, condition)


def _pattern(policy: Policy, condition: Condition, read: Reader) -> Applies:
    """Compile a frequent case: one pattern, and a key with one value."""
    (template,) = read_values(
        condition.operator, condition.values, variables=policy.has_variables
    )
    fits = glob(fill(template, _nothing) or ())
    negated = OPERATORS[condition.operator.name].negated

    def test(call: Call) -> bool:
        value = read(call)
        if isinstance(value, str):
            return fits(value) is not negated
        return negated

    return test


def _open(condition: Condition) -> bool:
    return any("${" in value for value in condition.values)


def _missing(_: Call) -> Value:
    return None


def value_of(call: Call, name: str) -> Value:
    """Return the value of a condition key; None where it is missing."""
    key = find_key(name)
    return None if key is None else key.read(call)


def look_up(call: Call, name: str) -> str | None:
    """Return the value of a policy variable; None where it has not one value."""
    value = value_of(call, name)
    return value if isinstance(value, str) else None


def _nothing(_: str) -> str | None:
    return None
