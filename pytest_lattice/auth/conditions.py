"""The condition operators, as a table, and how their results combine.

An operator is a way to read a policy's value, a way to read a request's value, and a
comparison; whether it is negated is a column.  Quantifiers, ``IfExists``, missing
keys and several values are the same for all of them.
AWS: IAM/latest/UserGuide/reference_policies_elements_condition_operators
"""

from __future__ import annotations

import operator as compare
import re
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_lattice.auth.template import (
    TemplatePart,
    Variable,
    fill,
    read_template,
    variables_in,
)
from pytest_lattice.auth.wildcard import Part, glob
from pytest_lattice.model.instant import microseconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_lattice.auth.template import Lookup
    from pytest_lattice.model.auth_policy import Condition, Operator

#: The value of a key: None if absent, text of a key with one value, else a tuple.
Value: TypeAlias = "str | tuple[str, ...] | None"
#: Tells whether a condition holds for a key's value.
Holds: TypeAlias = "Callable[[Value, Lookup], bool]"
# What a reader makes of a text differs from family to family; None: it cannot be read.
_Read: TypeAlias = Any

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{1,300})?", re.ASCII)
_SECONDS = re.compile(r"[0-9]{5,12}", re.ASCII)
_W3C = re.compile(
    r"\d{4}(-\d\d(-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_ARN_COMPONENTS = 6


class Family(NamedTuple):
    """What operators of one family have in common.

    Args:
        wants: what a value must be, in words, for an error.
        read_value: makes a policy's value comparable; None: it can match nothing.
        read: makes a request's value comparable; None: it cannot be read.
        variables: whether a policy's value may hold variables.
        wildcards: whether ``*`` and ``?`` in it are wildcards.
    """

    wants: str
    read_value: Callable[[tuple[Part, ...]], _Read]
    read: Callable[[str], _Read]
    variables: bool = False
    wildcards: bool = False


class Row(NamedTuple):
    """One operator of the table.

    Args:
        family: how values are read.
        matches: compares a request's value with one of the policy's.
        negated: whether it asks for the opposite.
    """

    family: Family
    matches: Callable[[_Read, _Read], bool]
    negated: bool = False


# ---- reading values ---------------------------------------------------------


def _text(parts: tuple[Part, ...]) -> str:
    return "".join(part for part in parts if isinstance(part, str))


def _lower(parts: tuple[Part, ...]) -> str:
    return _text(parts).lower()


def number(text: str) -> float | int | None:
    """Read an integer or a decimal; None if it is neither."""
    if not _NUMBER.fullmatch(text):
        return None
    return float(text) if "." in text else int(text)


def moment(text: str) -> int | None:
    """Read a date of the W3C profile of ISO 8601, or seconds since 1970.

    Returns:
        Microseconds since 1970; None if it is neither.  Four digits are a year.
    """
    if _SECONDS.fullmatch(text):
        return int(text) * 1_000_000
    if not _W3C.fullmatch(text):
        return None
    # The profile has years and months alone, which Python does not read.
    whole = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text)
    try:
        time = datetime.fromisoformat(whole.upper())
        # AWS is silent on a time without a zone: UTC
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        return microseconds_of(time)
    except (ValueError, OverflowError):
        return None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    # A bare number would be read as an address, and a mask as a length.
    address, _, length = text.partition("/")
    if not ("." in address or ":" in address):
        return None
    if length and not length.isdecimal():
        return None
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> _Read:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _arn(text: str) -> tuple[str, ...] | None:
    components = tuple(text.split(":", _ARN_COMPONENTS - 1))
    return components if len(components) == _ARN_COMPONENTS else None


def _arn_pattern(parts: tuple[Part, ...]) -> _Read:
    """Split a pattern into six components; the last one may hold colons."""
    components: list[list[Part]] = [[]]
    for part in parts:
        texts: list[Part] = [*part.split(":")] if isinstance(part, str) else [part]
        for position, text in enumerate(texts):
            if position and len(components) < _ARN_COMPONENTS:
                components.append([])
            elif position:
                components[-1].append(":")
            components[-1].append(text)
    if len(components) != _ARN_COMPONENTS:
        return None
    return tuple(glob(tuple(component)) for component in components)


def _read_text(read: Callable[[str], _Read]) -> Callable[[tuple[Part, ...]], _Read]:
    return lambda parts: read(_text(parts))


def _same(text: str) -> str:
    return text


# ---- the table --------------------------------------------------------------

_STRING = Family("text", _text, _same, variables=True)
_ANY_CASE = Family("text", _lower, str.lower, variables=True)
_LIKE = Family("a pattern", glob, _same, variables=True, wildcards=True)
_NUMERIC = Family("a number", _read_text(number), number)
_DATE = Family("a date or seconds since 1970", _read_text(moment), moment)
_BOOL = Family("true or false", _read_text(_boolean), _boolean)
_BINARY = Family("base64", _read_text(_bytes), _bytes)
_IP = Family("an IP address or range", _read_text(_network), _address)
_ARN = Family("an ARN pattern", _arn_pattern, _arn, variables=True, wildcards=True)
_NULL = Family("true or false", _read_text(_boolean), _same)


def _fits(value: str, pattern: Callable[[str], bool]) -> bool:
    return pattern(value)


def _inside(value: _Read, network: _Read) -> bool:
    return value.version == network.version and value in network


def _arn_fits(
    value: tuple[str, ...], pattern: tuple[Callable[[str], bool], ...]
) -> bool:
    return all(test(each) for test, each in zip(pattern, value, strict=True))


def _ordered(prefix: str, family: Family) -> dict[str, Row]:
    """Build the six comparisons of numbers and dates."""
    return {
        f"{prefix}Equals": Row(family, compare.eq),
        f"{prefix}NotEquals": Row(family, compare.eq, negated=True),
        f"{prefix}LessThan": Row(family, compare.lt),
        f"{prefix}LessThanEquals": Row(family, compare.le),
        f"{prefix}GreaterThan": Row(family, compare.gt),
        f"{prefix}GreaterThanEquals": Row(family, compare.ge),
    }


#: Every operator, by AWS's name.
OPERATORS: Mapping[str, Row] = {
    "StringEquals": Row(_STRING, compare.eq),
    "StringNotEquals": Row(_STRING, compare.eq, negated=True),
    "StringEqualsIgnoreCase": Row(_ANY_CASE, compare.eq),
    "StringNotEqualsIgnoreCase": Row(_ANY_CASE, compare.eq, negated=True),
    "StringLike": Row(_LIKE, _fits),
    "StringNotLike": Row(_LIKE, _fits, negated=True),
    **_ordered("Numeric", _NUMERIC),
    **_ordered("Date", _DATE),
    "Bool": Row(_BOOL, compare.eq),
    "BinaryEquals": Row(_BINARY, compare.eq),
    "IpAddress": Row(_IP, _inside),
    "NotIpAddress": Row(_IP, _inside, negated=True),
    "ArnEquals": Row(_ARN, _arn_fits),
    "ArnLike": Row(_ARN, _arn_fits),
    "ArnNotEquals": Row(_ARN, _arn_fits, negated=True),
    "ArnNotLike": Row(_ARN, _arn_fits, negated=True),
    "Null": Row(_NULL, compare.eq),
}


def read_values(
    operator: Operator, values: Sequence[str], *, variables: bool
) -> list[tuple[TemplatePart, ...]]:
    """Read the values of a condition.

    Args:
        operator: the operator they are compared by.
        values: as the policy has them.
        variables: whether the policy's version has variables.

    Raises:
        ValueError: a value that the operator could never match; the message says why.
    """
    family = OPERATORS[operator.name].family
    templates = []
    for value in values:
        parts = read_template(
            value,
            variables=variables and family.variables,
            wildcards=family.wildcards,
        )
        if not variables_in(parts) and _comparable(family, parts) is None:
            raise ValueError(f"`{value}` is not {family.wants}")
        templates.append(parts)
    return templates


def _comparable(family: Family, parts: tuple[TemplatePart, ...]) -> _Read:
    plain = tuple(each for each in parts if not isinstance(each, Variable))
    return family.read_value(plain)


# ---- compiling --------------------------------------------------------------


def compile_condition(
    condition: Condition, *, variables: bool, denies: bool, any_value: bool = False
) -> Holds:
    """Compile a condition.

    Args:
        condition: one that was validated.
        variables: whether the policy's version has variables.
        denies: whether the statement denies; it then counts a value that cannot be
            read as different, where an Allow counts it as no match.
        any_value: whether a plain operator holds for a key with several values if
            it holds for any of them; else it never does.

    Returns:
        A function of the key's value that tells whether the condition holds.
    """
    operator = condition.operator
    if operator.name == "Null":
        return _null(condition)
    single = _single(condition, variables=variables, denies=denies)
    if operator.quantifier == "ForAllValues":
        return _for_all(single)
    if operator.quantifier == "ForAnyValue":
        return _for_any(single, if_exists=operator.if_exists)
    # AWS: a missing key fails a plain operator and satisfies a negated one
    missing = operator.if_exists or OPERATORS[operator.name].negated
    return _plain(single, missing=missing, any_value=any_value)


def _plain(single: _Single, *, missing: bool, any_value: bool) -> Holds:
    def holds(value: Value, lookup: Lookup) -> bool:
        if value is None:
            return missing
        if isinstance(value, str):
            return single(value, lookup)
        # AWS: several values need a set operator; without one nothing matches
        return any_value and any(single(each, lookup) for each in value)

    return holds


def _for_all(single: _Single) -> Holds:
    def holds(value: Value, lookup: Lookup) -> bool:
        # AWS: true where the key is missing, or its values are empty
        return is_null(value) or all(single(each, lookup) for each in several(value))

    return holds


def _for_any(single: _Single, *, if_exists: bool) -> Holds:
    def holds(value: Value, lookup: Lookup) -> bool:
        if value is None:
            # AWS is silent where the two rules meet: IfExists wins
            return if_exists
        if is_null(value):
            return False
        return any(single(each, lookup) for each in several(value))

    return holds


def _null(condition: Condition) -> Holds:
    wanted = {_boolean(each) for each in condition.values}
    return lambda value, _: is_null(value) in wanted


def is_plain_equality(condition: Condition) -> bool:
    """Tell whether a condition only asks if one value is among texts."""
    return _is_plain(condition, _STRING)


def is_plain_pattern(condition: Condition) -> bool:
    """Tell whether a condition only asks if one value fits one pattern."""
    return len(condition.values) == 1 and _is_plain(condition, _LIKE)


def _is_plain(condition: Condition, family: Family) -> bool:
    operator = condition.operator
    plain = not operator.quantifier and not operator.if_exists
    return plain and OPERATORS[operator.name].family is family


def is_null(value: Value) -> bool:
    """Tell whether a key is missing or has only empty values."""
    return not value or (isinstance(value, tuple) and not any(value))


def several(value: Value) -> tuple[str, ...]:
    """Return the values of a key as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else value


_Single: TypeAlias = "Callable[[str, Lookup], bool]"


def _single(condition: Condition, *, variables: bool, denies: bool) -> _Single:
    """Compile the test of one value of the request."""
    row = OPERATORS[condition.operator.name]
    templates = read_values(condition.operator, condition.values, variables=variables)
    fixed = [each for each in templates if not variables_in(each)]
    open_ones = [each for each in templates if variables_in(each)]
    values = [_comparable(row.family, each) for each in fixed]
    if not open_ones and row.family is _STRING:
        return _one_of(frozenset(values), negated=row.negated)
    read, matches, negated = row.family.read, row.matches, row.negated
    read_value = row.family.read_value

    def test(value: str, lookup: Lookup) -> bool:
        found = read(value)
        if found is None:
            # AWS is silent on a value that cannot be read: a positive operator does
            # not match it; a negated one does in a Deny, so that no Allow rests on it
            return negated and denies
        for each in values:
            if matches(found, each):
                return not negated
        for template in open_ones:
            parts = fill(template, lookup)
            # AWS: a variable without a value matches nothing
            wanted = None if parts is None else read_value(parts)
            if wanted is not None and matches(found, wanted):
                return not negated
        return negated

    return test


def _one_of(values: frozenset[str], *, negated: bool) -> _Single:
    if negated:
        return lambda value, _: value not in values
    return lambda value, _: value in values
