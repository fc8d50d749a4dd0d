"""Policy variables: ``${aws:PrincipalTag/team, 'none'}`` in patterns and values.

A template is read once; where it holds variables it is filled in for each call.
AWS: IAM/latest/UserGuide/reference_policies_variables
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_lattice.auth.wildcard import Part, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_INNER = re.compile(r"\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?", re.ASCII)
#: AWS: ``${*}``, ``${?}`` and ``${$}`` stand for the characters themselves.
_LITERALS = frozenset("*?$")


class Variable(NamedTuple):
    """A policy variable.

    Args:
        key: the condition key whose value it stands for.
        default: what it is where the key has no value; None for nothing.
    """

    key: str
    default: str | None = None


TemplatePart: TypeAlias = Part | Variable
#: Gives the value of a key with one value; None where it has none, or several.
Lookup: TypeAlias = "Callable[[str], str | None]"


def read_template(
    text: str, *, variables: bool, wildcards: bool
) -> tuple[TemplatePart, ...]:
    """Read a text of a policy.

    Args:
        text: the text.
        variables: whether ``${…}`` is a variable.
        wildcards: whether ``*`` and ``?`` are wildcards.

    Raises:
        ValueError: a variable that is not written as AWS has it; the message says so.
    """
    if not variables:
        return _plain(text, wildcards=wildcards)
    parts: list[TemplatePart] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        parts += _plain(text[position : found.start()], wildcards=wildcards)
        parts.append(_variable(found.group(1)))
        position = found.end()
    rest = text[position:]
    if "${" in rest:
        raise ValueError("a variable `${` is not closed")
    parts += _plain(rest, wildcards=wildcards)
    return tuple(parts)


def _plain(text: str, *, wildcards: bool) -> tuple[Part, ...]:
    if wildcards:
        return parts_of(text)
    return (text,) if text else ()


def _variable(inner: str) -> str | Variable:
    if inner in _LITERALS:
        return inner
    found = _INNER.fullmatch(inner)
    if found is None:
        raise ValueError(f"`${{{inner}}}` is not a policy variable")
    return Variable(found.group(1), found.group(2))


def variables_in(parts: Iterable[TemplatePart]) -> tuple[Variable, ...]:
    """Return the variables of a template."""
    return tuple(part for part in parts if isinstance(part, Variable))


def fill(parts: Iterable[TemplatePart], lookup: Lookup) -> tuple[Part, ...] | None:
    """Put values in place of the variables; what they bring in is literal.

    Args:
        parts: from `read_template`.
        lookup: gives the value of a key.

    Returns:
        The pattern; None where a variable has neither a value nor a default.
    """
    filled: list[Part] = []
    for part in parts:
        if not isinstance(part, Variable):
            filled.append(part)
            continue
        value = lookup(part.key)
        if value is None:
            value = part.default
        if value is None:
            return None
        filled.append(value)
    return tuple(filled)
