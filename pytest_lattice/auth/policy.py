"""Read a policy document and refuse what AWS would refuse, with the place.

What silently never matches, such as a condition key that Lattice does not have, is
refused too: nobody writes it on purpose.
AWS: vpc-lattice/latest/ug/auth-policies, IAM/latest/UserGuide/
reference_policies_grammar
"""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from pytest_lattice.auth.call import ACTIONS
from pytest_lattice.auth.conditions import OPERATORS, read_values
from pytest_lattice.auth.keys import NAMES, find_key
from pytest_lattice.auth.principal import TYPES, complaint
from pytest_lattice.auth.template import read_template, variables_in
from pytest_lattice.auth.wildcard import glob, parts_of
from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.model.auth_policy import (
    OLD_VERSION,
    Condition,
    Operator,
    Policy,
    Principals,
    Statement,
)
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import MANAGED_PREFIX
from pytest_lattice.model.names import ACCOUNT_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_lattice.model.auth_policy import Quantifier

__tracebackhide__ = HIDE

#: Whether a policy says whom it is about, or is attached to whom it is about.
Kind = Literal["auth", "identity"]

_VERSIONS = ("2012-10-17", OLD_VERSION)
_MEMBERS = ("Version", "Id", "Statement")
_ELEMENTS = ("Sid", "Effect", "Condition")
_PAIRS = (
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
)
_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?", re.ASCII)
_QUANTIFIERS: dict[str | None, Quantifier] = {
    None: "",
    "ForAllValues": "ForAllValues",
    "ForAnyValue": "ForAnyValue",
}
_ACTION = re.compile(r"\*|[\w*?-]+:[\w*?-]+", re.ASCII)
_FEW = 12
_SERVICE = "vpc-lattice-svcs"
_COLONS = 5
# Keys of other services' policies have a prefix of their own.
_OURS = ("aws:", "vpc-lattice-svcs:", "vpc-lattice:")

# AWS: aws-managed-policy/latest/reference: what these say of calls; no other one does
_INVOKE_ALL = '{"Effect":"Allow","Action":"vpc-lattice-svcs:Invoke","Resource":"*"}'
_EVERYTHING = '{"Effect":"Allow","Action":"*","Resource":"*"}'
_NOTHING = '{"Sid":"DenyAll","Effect":"Deny","Action":"*","Resource":"*"}'
_BUT_ACCOUNTS = (
    '{"Effect":"Allow","NotAction":["iam:*","organizations:*","account:*"],'
    '"Resource":"*"}'
)
MANAGED: Mapping[str, str] = {
    "AWSDenyAll": f'{{"Version":"2012-10-17","Statement":[{_NOTHING}]}}',
    "AdministratorAccess": f'{{"Version":"2012-10-17","Statement":[{_EVERYTHING}]}}',
    "PowerUserAccess": f'{{"Version":"2012-10-17","Statement":[{_BUT_ACCOUNTS}]}}',
    "VPCLatticeServicesInvokeAccess": (
        f'{{"Version":"2012-10-17","Statement":[{_INVOKE_ALL}]}}'
    ),
}


class _Reading(NamedTuple):
    """What stays the same while one document is read."""

    where: str
    kind: Kind
    settings: AuthSettings
    warn: Callable[[str], None]
    variables: bool

    def refuse(self, place: str, message: str, advice: str = "") -> NoReturn:
        at = f"{place}: " if place else ""
        error = ConfigurationError(f"{self.where}: {at}{message}")
        if advice:
            error.add_note(advice)
        raise error


def _ignore(_: str) -> None:
    """Drop a warning."""


def read_policy(
    text: str,
    where: str,
    kind: Kind = "auth",
    *,
    settings: AuthSettings | None = None,
    warn: Callable[[str], None] = _ignore,
) -> Policy:
    """Read a policy document.

    Args:
        text: from `model.auth_policy.policy_text`, or the ARN of a managed policy.
        where: whose it is, such as ``auth policy of service `shop` ``.
        kind: ``auth`` for a policy of a service or service network, ``identity`` for
            one of a caller, which names no principal.
        settings: what to choose where AWS is silent.
        warn: is called with what the settings turn into a warning.

    Raises:
        ConfigurationError: with the place in the document and the nearest right name.
    """
    policy, warnings = _read(text, where, kind, settings or AuthSettings())
    for each in warnings:
        warn(each)
    return policy


@lru_cache(maxsize=4096)
def _read(
    text: str, where: str, kind: Kind, settings: AuthSettings
) -> tuple[Policy, tuple[str, ...]]:
    """Read a document; a configuration is compiled anew at each change."""
    warnings: list[str] = []
    policy = _parse(text, where, kind, settings=settings, warn=warnings.append)
    return policy, tuple(warnings)


def _parse(
    text: str,
    where: str,
    kind: Kind,
    *,
    settings: AuthSettings,
    warn: Callable[[str], None],
) -> Policy:
    if text.startswith(MANAGED_PREFIX):
        where = f"{where}: managed policy `{text.removeprefix(MANAGED_PREFIX)}`"
        text = _managed(text, where)
    document = json.loads(text)
    version = document.get("Version")
    variables = version != OLD_VERSION
    reading = _Reading(where, kind, settings, warn, variables)
    size = len(text.encode("utf-8", "surrogatepass"))
    if kind == "auth" and size > settings.policy_bytes:
        # AWS: vpc-lattice/latest/ug/quotas
        reading.refuse("", f"{size:,} bytes are more than {settings.policy_bytes:,}")
    _known_members(reading, document, _MEMBERS, "")
    if version not in _VERSIONS:
        reading.refuse("Version", f"`{version}` is not 2012-10-17 or 2008-10-17")
    if not isinstance(document.get("Id", ""), str):
        reading.refuse("Id", f"{_kind(document['Id'])} is not text")
    statements = document.get("Statement")
    if not isinstance(statements, list) or not statements:
        reading.refuse("Statement", "there is no statement")
    read = tuple(_statement(reading, each, i) for i, each in enumerate(statements))
    _sids_differ(reading, read)
    return Policy(version, read, where)


def _managed(arn: str, where: str) -> str:
    name = arn.removeprefix(MANAGED_PREFIX)
    if name not in MANAGED:
        error = ConfigurationError(f"{where} is not known here")
        error.add_note(f"known: {', '.join(MANAGED)}; else give the document itself")
        raise error
    return MANAGED[name]


def _sids_differ(reading: _Reading, statements: Iterable[Statement]) -> None:
    seen: dict[str, str] = {}
    for each in statements:
        if each.sid is None:
            continue
        if each.sid in seen:
            reading.refuse(
                each.place, f"Sid `{each.sid}` is that of {seen[each.sid]} too"
            )
        seen[each.sid] = each.place


# ---- a statement ------------------------------------------------------------


def _statement(reading: _Reading, statement: object, index: int) -> Statement:
    place = f"Statement[{index}]"
    if not isinstance(statement, dict):
        reading.refuse(place, f"{_kind(statement)} is not a statement")
    pairs = _PAIRS if reading.kind == "auth" else _PAIRS[1:]
    known = (*_ELEMENTS, *(name for pair in pairs for name in pair))
    _known_members(reading, statement, known, place)
    sid, effect = statement.get("Sid", ""), statement.get("Effect")
    if not isinstance(sid, str):
        reading.refuse(f"{place}.Sid", f"{_kind(sid)} is not text")
    if effect not in ("Allow", "Deny"):
        # AWS: the case counts
        problem = "is missing" if effect is None else f"`{effect}` is not an effect"
        reading.refuse(f"{place}.Effect", f"{problem}; write Allow or Deny")
    members = {
        names[0]: _one_of_pair(reading, statement, names, place) for names in pairs
    }
    principals, not_principal = None, False
    if reading.kind == "auth":
        name, value = members["Principal"]
        principals = _principals(reading, value, f"{place}.{name}")
        not_principal = name == "NotPrincipal"
    action, actions = members["Action"]
    resource, resources = members["Resource"]
    return Statement(
        place,
        sid or None,
        effect,
        principals,
        not_principal,
        _actions(reading, actions, f"{place}.{action}"),
        action == "NotAction",
        _resources(reading, resources, f"{place}.{resource}"),
        resource == "NotResource",
        _conditions(reading, statement.get("Condition", {}), f"{place}.Condition"),
    )


def _one_of_pair(
    reading: _Reading, statement: Mapping[str, Any], names: tuple[str, str], place: str
) -> tuple[str, Any]:
    given = [name for name in names if name in statement]
    if len(given) != 1:
        problem = "are both given" if given else "are both missing"
        reading.refuse(place, f"{names[0]} and {names[1]} {problem}")
    return given[0], statement[given[0]]


def _known_members(
    reading: _Reading, members: Mapping[str, Any], known: tuple[str, ...], place: str
) -> None:
    for name in members:
        if name in known:
            continue
        at = f"{place}.{name}" if place else name
        if reading.kind == "identity" and name in _PAIRS[0]:
            reading.refuse(at, "an identity-based policy names no principal")
        reading.refuse(at, f"unknown element `{name}`", _nearest(name, known))


def _principals(reading: _Reading, value: object, place: str) -> Principals:
    if value == "*":
        return Principals(anyone=True)
    if isinstance(value, str):
        # The AWS Gateway API Controller's guide shows a bare account id.
        if ACCOUNT_ID.fullmatch(value):
            return Principals(anyone=False, named=(("AWS", value),))
        reading.refuse(
            place, f'`{value}` is not a principal; write "*" or {{"AWS": "{value}"}}'
        )
    if not isinstance(value, dict) or not value:
        reading.refuse(place, f"{_kind(value)} is not a principal")
    named = []
    for kind, values in value.items():
        if kind not in TYPES:
            reading.refuse(
                f"{place}.{kind}",
                f"unknown type of principal `{kind}`",
                _nearest(kind, TYPES),
            )
        for each in _texts(reading, values, f"{place}.{kind}"):
            if problem := complaint(kind, each):
                reading.refuse(f"{place}.{kind}", problem)
            named.append((kind, each))
    anyone = ("AWS", "*") in named
    return Principals(anyone, () if anyone else tuple(named))


def _actions(reading: _Reading, value: object, place: str) -> tuple[str, ...]:
    actions = _texts(reading, value, place)
    for action in actions:
        if not _ACTION.fullmatch(action):
            reading.refuse(
                place, f"`{action}` is not an action", _nearest(action, ACTIONS, "*")
            )
        service = action.partition(":")[0].lower()
        ours = glob(parts_of(service))(_SERVICE)
        # An identity-based policy speaks of other services too.
        if reading.kind == "identity" and not ours:
            continue
        pattern = glob(parts_of(action.lower()))
        if not any(pattern(known.lower()) for known in ACTIONS) and action != "*":
            reading.refuse(
                place, f"unknown action `{action}`", _nearest(action, ACTIONS)
            )
    return actions


def _resources(reading: _Reading, value: object, place: str) -> tuple[str, ...]:
    resources = _texts(reading, value, place)
    for resource in resources:
        if not resource:
            reading.refuse(place, "a resource is empty")
        try:
            parts = read_template(resource, variables=reading.variables, wildcards=True)
        except ValueError as error:
            reading.refuse(place, str(error))
        for variable in variables_in(parts):
            _check_key(reading, variable.key, place)
        before = resource.partition("${")[0]
        early = "*" not in before and before.count(":") < _COLONS
        if early and variables_in(parts):
            # AWS: IAM/latest/UserGuide/reference_policies_variables
            reading.refuse(place, f"`{resource}` has a variable before the fifth colon")
    return resources


# ---- conditions -------------------------------------------------------------


def _conditions(reading: _Reading, value: object, place: str) -> tuple[Condition, ...]:
    if not isinstance(value, dict):
        reading.refuse(place, f"{_kind(value)} is not a condition")
    conditions = []
    for name, keys in value.items():
        operator = _operator(reading, name, f"{place}.{name}")
        if not isinstance(keys, dict):
            reading.refuse(f"{place}.{name}", f"{_kind(keys)} has no condition keys")
        for key, values in keys.items():
            at = f"{place}.{name}.{key}"
            canonical = _check_key(reading, key, f"{place}.{name}")
            texts = _texts(reading, values, at)
            condition = Condition(operator, canonical, texts)
            _check_values(reading, condition, at)
            _check_set(reading, condition, at)
            conditions.append(condition)
    return tuple(conditions)


def _operator(reading: _Reading, name: str, place: str) -> Operator:
    found = _OPERATOR.fullmatch(name)
    bare = found[2] if found else name
    if found is None or bare not in OPERATORS:
        advice = _nearest(bare, OPERATORS)
        reading.refuse(place, f"unknown operator `{name}`", advice)
    operator = Operator(bare, _QUANTIFIERS[found[1]], bool(found[3]))
    if bare == "Null" and (operator.quantifier or operator.if_exists):
        # AWS: Null takes no IfExists; with a set operator it has no meaning
        reading.refuse(place, "Null goes with neither IfExists nor a set operator")
    return operator


def _check_key(reading: _Reading, name: str, place: str) -> str:
    """Return a condition key in AWS's spelling, or refuse it."""
    exact = reading.settings.key_case == "exact"
    key = find_key(name, exact=exact)
    if key is not None:
        return key.name
    foreign = not name.lower().startswith(_OURS)
    if reading.kind == "identity" and foreign:
        return name
    message = f"unknown condition key `{name}`"
    if reading.settings.unknown_keys == "error":
        reading.refuse(place, message, _nearest_key(name))
    reading.warn(f"{reading.where}: {place}: {message}, which is always missing")
    return name


def _nearest_key(name: str) -> str:
    stem, slash, suffix = name.partition("/")
    advice = _nearest(stem + slash, NAMES)
    if slash and advice.endswith("/`?"):
        advice = f"{advice[:-2]}{suffix}`?"
    return advice


def _check_set(reading: _Reading, condition: Condition, place: str) -> None:
    """Warn of a plain operator on a key with several values, which never holds.

    AWS: IAM/latest/UserGuide/
    reference_policies_condition-single-vs-multi-valued-context-keys
    """
    key, operator = find_key(condition.key), condition.operator
    plain = not operator.quantifier and operator.name != "Null"
    if key is None or not key.several or not plain:
        return
    if reading.settings.multivalued == "never":
        reading.warn(
            f"{reading.where}: {place}: {operator} never holds, since the key may have "
            f"several values; write ForAnyValue:{operator} or ForAllValues:{operator}"
        )


def _check_values(reading: _Reading, condition: Condition, place: str) -> None:
    try:
        templates = read_values(
            condition.operator, condition.values, variables=reading.variables
        )
    except ValueError as error:
        reading.refuse(place, str(error))
    for template in templates:
        for variable in variables_in(template):
            _check_key(reading, variable.key, place)


# ---- values -----------------------------------------------------------------


def _texts(reading: _Reading, value: object, place: str) -> tuple[str, ...]:
    """Read one value or a list of values as text."""
    values = value if isinstance(value, list) else [value]
    if not values:
        reading.refuse(place, "the list is empty")
    return tuple(_text(reading, each, place) for each in values)


def _text(reading: _Reading, value: object, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # AWS: IAM/latest/UserGuide/reference_policies_grammar: quotes are optional
    if isinstance(value, int | float) and ".Condition." in place:
        return json.dumps(value)
    if not isinstance(value, str):
        reading.refuse(place, f"{_kind(value)} is not text")
    return value


def _kind(value: object) -> str:
    """Name a value's type in JSON's words."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", bool: "a boolean", str: "text"}
    return names.get(type(value), "a number")


def _nearest(name: str, known: Iterable[str], *more: str) -> str:
    """Advise the nearest right name, else all of them if they are few."""
    names = [*known, *more]
    lower = {each.lower(): each for each in reversed(names)}
    # Often just the prefix is missing or wrong.
    tails = {each.rpartition(":")[2]: lower[each] for each in lower}
    asked = name.lower()
    prefix = asked.partition(":")[0]
    if close := get_close_matches(asked, lower, n=1, cutoff=0.7):
        return f"did you mean `{lower[close[0]]}`?"
    if close := get_close_matches(asked.rpartition(":")[2], tails, n=1, cutoff=0.8):
        return f"did you mean `{tails[close[0]]}`?"
    alike = [each for each in lower if each.startswith(f"{prefix}:")] or list(lower)
    if close := get_close_matches(asked, alike, n=1, cutoff=0.5):
        return f"did you mean `{lower[close[0]]}`?"
    return "" if len(names) > _FEW else f"known: {', '.join(names)}"
