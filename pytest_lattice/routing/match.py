"""Whether one rule matches one request, and if not, what did not match first.

This is the readable statement of the law, rule by rule; `routing.table` finds the
same rule by index and is held to this module by a property test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.model.service import HeaderMatch, Rule


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first condition of a rule that a request does not meet.

    Args:
        part: ``path``, ``method`` or ``header `x-name` ``.
        got: what the request has, in words.
        wanted: what the rule asks for, in words.
        hint: a near miss spelled out, or empty.
    """

    part: str
    got: str
    wanted: str
    hint: str = ""

    def __str__(self) -> str:
        """Say it in one line, without the path and method that everybody knows."""
        hint = f" ({self.hint})" if self.hint else ""
        got = f"{self.got}, " if self.part.startswith("header") else ""
        return f"{self.part} is {got}not {self.wanted}{hint}"


def mismatch(rule: Rule, request: LatticeRequest) -> Mismatch | None:
    """Find the first condition of a rule that a request does not meet.

    All given conditions must hold; they are tried as path, method, headers, so that
    a rule for this very path is told from those for other paths.

    Args:
        rule: the rule.
        request: the request.

    Returns:
        The mismatch, or None when the rule matches.

    AWS: vpc-lattice/latest/ug/listener-rules
    """
    return (
        _path_mismatch(rule, request.path)
        or _method_mismatch(rule, request)
        or _header_mismatch(rule, request)
    )


def _method_mismatch(rule: Rule, request: LatticeRequest) -> Mismatch | None:
    # AWS: vpc-lattice/latest/ug/listener-rules: the method is case sensitive
    if rule.method is None or rule.method == request.method:
        return None
    hint = ""
    if rule.method.upper() == request.method.upper():
        hint = "methods are case sensitive"
    return Mismatch("method", f"`{request.method}`", f"`{rule.method}`", hint)


def _path_mismatch(rule: Rule, path: str) -> Mismatch | None:
    # AWS is silent on the query string, on decoding and on normalizing: the raw
    # path without the query is compared
    fold = _fold(case_sensitive=rule.path_case_sensitive)
    if rule.path is not None and fold(path) != fold(rule.path):
        return Mismatch(
            "path", f"`{path}`", f"`{rule.path}`", _path_hint(rule.path, path)
        )
    prefix = rule.path_prefix
    # AWS is silent on segments: a prefix is text, `/v2` matches `/v2x`
    if prefix is not None and not fold(path).startswith(fold(prefix)):
        hint = _path_hint(prefix, path)
        if path.lower().startswith(prefix.lower()):
            hint = "the rule compares case"
        return Mismatch("path", f"`{path}`", f"`{prefix}…`", hint)
    return None


def _path_hint(wanted: str, path: str) -> str:
    if wanted.lower() == path.lower():
        return "the rule compares case"
    if wanted.rstrip("/") == path.rstrip("/"):
        return "a trailing slash counts"
    return ""


def _header_mismatch(rule: Rule, request: LatticeRequest) -> Mismatch | None:
    for condition in rule.header_matches:
        values = request.header_values(condition.name.lower())
        wanted = describe_condition(condition)
        part = f"header `{condition.name}`"
        if not values:
            return Mismatch(part, "absent", wanted)
        if not header_difference(condition, values):
            continue
        got = ", ".join(f"`{value}`" for value in values)
        hint = ""
        if condition.case_sensitive and not header_difference(
            condition, values, case_sensitive=False
        ):
            hint = "the rule compares case"
        return Mismatch(part, got, wanted, hint)
    return None


def header_difference(
    condition: HeaderMatch,
    values: tuple[str, ...],
    *,
    case_sensitive: bool | None = None,
) -> str | None:
    """Compare the values of one header with a condition.

    Args:
        condition: the condition.
        values: all values of the header in the request; may be empty.
        case_sensitive: overrides the condition's own setting.

    Returns:
        None if the condition holds, else what was wanted.
    """
    if case_sensitive is None:
        case_sensitive = condition.case_sensitive
    fold = _fold(case_sensitive=case_sensitive)
    # AWS is silent on repeated headers: any value counts, and for exact also the
    # values joined as HTTP joins them
    have = [fold(value) for value in values]
    if condition.exact is not None:
        wanted = fold(condition.exact)
        matched = wanted in have or (len(have) > 1 and wanted == ", ".join(have))
    elif condition.prefix is not None:
        matched = any(value.startswith(fold(condition.prefix)) for value in have)
    else:
        matched = any(fold(condition.contains or "") in value for value in have)
    return None if matched else describe_condition(condition)


def describe_condition(condition: HeaderMatch) -> str:
    """Say what a header condition asks for, such as `` `1…` ``."""
    return f"`{_value_pattern(condition)}`"


def _value_pattern(condition: HeaderMatch) -> str:
    if condition.exact is not None:
        return condition.exact
    if condition.prefix is not None:
        return f"{condition.prefix}…"
    return f"…{condition.contains}…"


def describe_rule(rule: Rule) -> str:
    """Say what a rule asks for, such as ``GET /v2… x-beta: 1``."""
    parts = []
    if rule.method is not None:
        parts.append(rule.method)
    if rule.path is not None:
        parts.append(rule.path)
    if rule.path_prefix is not None:
        parts.append(f"{rule.path_prefix}…")
    parts += [f"{each.name}: {_value_pattern(each)}" for each in rule.header_matches]
    return " ".join(parts)


def _fold(*, case_sensitive: bool) -> Callable[[str], str]:
    return str if case_sensitive else str.lower
