"""What might make a statement apply, or not: values, paths and callers to try.

These are guesses that read well; who uses them evaluates again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.auth.altered import signed, with_path, with_value
from pytest_lattice.auth.conditions import OPERATORS, moment, number
from pytest_lattice.auth.evaluate import look_up
from pytest_lattice.auth.identity import ANONYMOUS, identity_of
from pytest_lattice.auth.keys import find_key
from pytest_lattice.auth.principal import read_principal
from pytest_lattice.auth.template import fill, read_template
from pytest_lattice.auth.wildcard import witness
from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.auth_policy import shown
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.instant import date_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.conditions import Value
    from pytest_lattice.auth.evaluate import PolicySource
    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.auth.principal import Principal
    from pytest_lattice.model.auth_policy import Condition, Policy, Statement
    from pytest_lattice.model.caller import Caller

_PATH = "vpc-lattice-svcs:RequestPath"
#: Values that are like none a policy is likely to name.
_OTHERS = ("other", "0", "false", "true", "192.0.2.1", "2001:db8::1", "b3RoZXI=")
_OTHER_ARN = "arn:aws:iam::000000000000:role/other"


class Change(NamedTuple):
    """One thing that would have to be otherwise.

    Args:
        text: after "if", such as ``the path were `/rates` ``.
        make: changes a call so; None where a policy would have to change.
        source: the policies that would have to change.
        subject: what is changed, such as a condition key; two changes of one subject
            cannot be made together.
    """

    text: str
    make: Callable[[Call], Call] | None
    source: PolicySource | None = None
    subject: str = ""


def for_condition(
    condition: Condition, call: Call, *, variables: bool, wanted: bool
) -> Iterator[Change]:
    """Guess calls for which a condition holds, or does not.

    Args:
        condition: the condition.
        call: the call to change.
        variables: whether the policy's version has variables.
        wanted: whether it should hold.
    """
    key = find_key(condition.key)
    of_caller = key is not None and key.of_caller
    base = signed(call) if of_caller else call
    if base is not call:
        yield Change("the caller signed", signed)
    sign = "the caller signed and " if base is not call else ""
    for value, text in _values(condition, base, variables=variables, wanted=wanted):
        make = partial(_valued, condition.key, value)
        yield Change(f"{sign}`{condition.key}` {text}", make, subject=condition.key)
    if of_caller and base is call:
        yield Change("the caller did not sign", partial(_called_by, ANONYMOUS))


def _valued(name: str, value: Value, call: Call) -> Call:
    return with_value(call, name, value)


def _called_by(identity: Identity, call: Call) -> Call:
    return call._replace(identity=identity)


def _values(
    condition: Condition, call: Call, *, variables: bool, wanted: bool
) -> Iterator[tuple[Value, str]]:
    """Guess values of the condition's key, each with its verb."""
    row = OPERATORS[condition.operator.name]
    if condition.operator.name == "Null":
        for value in ("x", None):
            yield value, "were missing" if value is None else "were present"
        return
    wishes = [
        text
        for value in condition.values
        if (text := _instance(condition, value, call, variables=variables)) is not None
    ]
    # A positive condition that should hold wants its own values, as does a negated
    # one that should not.
    near = [each for value in wishes for each in _neighbors(condition, value)]
    if wanted is not row.negated:
        yield from ((value, f"were `{value}`") for value in (*wishes, *near))
    else:
        yield from ((value, f"were `{value}`") for value in near)
        for other in (*_OTHERS, _OTHER_ARN):
            yield other, f"were not {shown(condition.values)}"
    yield None, "were missing"


def _instance(
    condition: Condition, value: str, call: Call, *, variables: bool
) -> str | None:
    """Write a value that an operator takes for the one a policy has."""
    family = OPERATORS[condition.operator.name].family
    if family.wants == "an IP address or range":
        return value.partition("/")[0]
    template = read_template(
        value,
        variables=variables and family.variables,
        wildcards=family.wildcards,
    )
    parts = fill(template, partial(look_up, call))
    return None if parts is None else witness(parts)


def _neighbors(condition: Condition, value: str) -> Iterator[str]:
    """Write the numbers or moments right before and after a value."""
    if condition.operator.name.startswith("Numeric"):
        found = number(value)
        if found is not None:
            yield str(found - 1)
            yield str(found + 1)
    elif condition.operator.name.startswith("Date"):
        time = moment(value)
        for second in (-1, 1):
            try:
                near = date_of((time or 0) + second * 1_000_000)
            except OverflowError:
                continue
            yield f"{near:%Y-%m-%dT%H:%M:%SZ}"


def for_resource(policy: Policy, statement: Statement, call: Call) -> Iterator[Change]:
    """Guess calls whose resource a statement covers, or does not."""
    arn = call.place.service_arn
    paths = []
    for resource in statement.resources:
        template = read_template(
            resource, variables=policy.has_variables, wildcards=True
        )
        parts = fill(template, partial(look_up, call))
        if parts is None:
            continue
        text = witness(parts)
        path = text.removeprefix(arn)
        paths.append(path if path.startswith("/") else f"/{path}")
        paths.append(f"/x{path}" if path.startswith("/") else path)
    for path in (*paths, "/", "/other"):
        if path.startswith("/"):
            yield Change(
                f"the path were `{path}`", partial(_with_path, path), subject=_PATH
            )


def _with_path(path: str, call: Call) -> Call:
    return with_path(call, path)


def for_principal(statement: Statement, call: Call) -> Iterator[Change]:
    """Guess calls by those whom a statement names, by others, and unsigned."""
    named = statement.principals.named if statement.principals else ()
    for _, value in named:
        meant = read_principal(value)
        if meant is None or (caller := _caller(meant)) is None:
            continue
        text = f"the caller were `{value}`"
        if meant.kind == "account":
            text = f"the caller were of account `{meant.account}`"
        yield Change(text, partial(_called_by, identity_of(caller)), subject="caller")
    if call.identity.is_anonymous:
        yield Change("the caller signed", signed)
    else:
        other = identity_of(Role("any-other-role", account="000000000000"))
        yield Change("the caller were another", partial(_called_by, other))
        yield Change("the caller did not sign", partial(_called_by, ANONYMOUS))


def _caller(meant: Principal) -> Caller | None:
    """Make up the caller whom a principal names; None where IAM has no such name."""
    try:
        match meant.kind:
            case "account":
                return Role("any-role", account=meant.account)
            case "role":
                return Role(meant.name, account=meant.account, path=meant.path)
            case "session":
                return Role(meant.name, account=meant.account, session=meant.session)
            case "user":
                return User(meant.name, account=meant.account, path=meant.path)
    except ConfigurationError:
        return None
    return None
