"""The value of a parameter: given or defaulted, held to its type and constraints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, UnsupportedFeatureError, unknown
from pytest_lattice.loaders.cloudformation.text import (
    Text,
    fails,
    listed,
    plain,
    remedy_of,
    written,
)
from pytest_lattice.loaders.reading import located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

# AWS: AWSCloudFormation/latest/UserGuide/parameters-section-structure; List<String> is
# not listed there, and works
_TYPES = ("String", "Number", "List<Number>", "List<String>", "CommaDelimitedList")
_AWS_TYPE = re.compile(r"(List<)?AWS::[A-Za-z0-9]+::[A-Za-z0-9]+::[A-Za-z]+>?")
# AWS: AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types
_STORED = re.compile(r"AWS::SSM::Parameter::Value<(?P<inner>.+)>")
_NAME_ONLY = "AWS::SSM::Parameter::Name"
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?")
_HIDDEN = "****"


def parameter_value(
    name: str,
    declared: Mapping[str, Any],
    given: Node,
    place: SourceLocation,
) -> Node:
    """Find the value of a parameter.

    Args:
        name: its name.
        declared: its declaration.
        given: what it was given; None for nothing.
        place: where it is declared.

    Returns:
        Text, or a list of texts for a type that is a list.

    Raises:
        ConfigurationError: it has no value, or one that it does not allow.
    """
    kind = str(declared.get("Type"))
    stored = _STORED.fullmatch(kind)
    inner = stored["inner"] if stored else kind
    if inner not in _TYPES and inner != _NAME_ONLY and not _AWS_TYPE.fullmatch(inner):
        raise located(unknown("parameter type", kind, _TYPES), place)
    value = declared.get("Default") if given is None else given
    if value is None:
        raise fails(
            f"parameter `{name}` has no value",
            place,
            f'pass parameters={{"{name}": …}}',
        )
    if stored and given is None:
        # What the path holds is known to the account only.
        text = f"{{{{resolve:ssm:{value}}}}}"
        return Text(text, (name,), f'parameters={{"{name}": …}}')
    if remedy_of(value):
        return value
    shown = _HIDDEN if written(declared.get("NoEcho", False)) == "true" else None
    return _Constraints(name, declared, shown, place).held(value, inner)


class _Constraints:
    """The constraints of one parameter."""

    def __init__(
        self,
        name: str,
        declared: Mapping[str, Any],
        hidden: str | None,
        place: SourceLocation,
    ) -> None:
        self._name, self._declared = name, declared
        self._hidden, self._place = hidden, place

    def held(self, value: Node, kind: str) -> Node:
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        if not is_list:
            if isinstance(value, list | dict | tuple):
                raise self._refused(value, "is not one text")
            return self._one(value, number=kind == "Number")
        if not isinstance(value, list | tuple):
            value = [each.strip() for each in written(value).split(",")]
        return [self._one(each, number=kind == "List<Number>") for each in value]

    def _one(self, value: object, *, number: bool) -> Text:
        text = written(value)
        if number:
            self._check_number(text)
        else:
            self._check_length(text)
        values = self._declared.get("AllowedValues")
        allowed = [
            written(each) for each in listed(values, "AllowedValues", self._place)
        ]
        if values is not None and text not in allowed:
            raise self._refused(text, f"is none of {', '.join(allowed)}")
        self._check_pattern(text)
        names = value.names if isinstance(value, Text) else ()
        return Text(text, (*names, self._name))

    def _check_number(self, text: str) -> None:
        if not _NUMBER.fullmatch(text):
            raise self._refused(text, "is not a number")
        least, most = (self._bound(name) for name in ("MinValue", "MaxValue"))
        if least is not None and float(text) < least:
            raise self._refused(text, f"is less than {least:g}")
        if most is not None and float(text) > most:
            raise self._refused(text, f"is more than {most:g}")

    def _check_length(self, text: str) -> None:
        least, most = (self._bound(name) for name in ("MinLength", "MaxLength"))
        if least is not None and len(text) < least:
            raise self._refused(text, f"is shorter than {least:g}")
        if most is not None and len(text) > most:
            raise self._refused(text, f"is longer than {most:g}")

    def _bound(self, name: str) -> float | None:
        bound = self._declared.get(name)
        if bound is None:
            return None
        if not _NUMBER.fullmatch(written(bound)):
            raise fails(
                f"{name} of parameter `{self._name}` is not a number", self._place
            )
        return float(written(bound))

    def _check_pattern(self, text: str) -> None:
        pattern = self._declared.get("AllowedPattern")
        if pattern is None:
            return
        try:
            matched = re.fullmatch(written(pattern), text)
        except re.error as error:
            # AWS reads Java's regular expressions.
            raise located(
                UnsupportedFeatureError(
                    f"pattern `{pattern}` of parameter `{self._name}` cannot be "
                    f"read: {error}"
                ),
                self._place,
            ) from None
        if not matched:
            raise self._refused(text, f"does not match `{pattern}`")

    def _refused(self, value: object, why: str) -> Exception:
        shown = self._hidden or plain(value)
        described = self._declared.get("ConstraintDescription")
        notes = [] if described is None else [written(described)]
        return fails(
            f"value `{shown}` of parameter `{self._name}` {why}", self._place, *notes
        )
