"""CloudFormation's functions: a table of what each makes of its argument.

AWS: AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference
"""

from __future__ import annotations

import base64
import json
import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.errors import HIDE, UnsupportedFeatureError, unknown
from pytest_lattice.loaders.cloudformation.text import (
    Text,
    fails,
    from_all,
    moved,
    names_of,
    plain,
    remedy_of,
    written,
)
from pytest_lattice.loaders.reading import line_of, located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.loaders.cloudformation.stack import Stack
    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

    #: Makes a value of the stack, the argument as it is written, and its place.
    Function: TypeAlias = Callable[[Stack, Any, SourceLocation], Any]
    #: Makes a truth of the same.
    Decider: TypeAlias = Callable[[Stack, Any, SourceLocation], bool]

__tracebackhide__ = HIDE

#: The value of what is not there: `AWS::NoValue`.
ABSENT = object()
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_VARIABLE_NAME = re.compile(r"[A-Za-z0-9_.:&]+")
# AWS: AWSCloudFormation/latest/UserGuide/dynamic-references
_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
_MOST_RANGES = 256


def dynamic(stack: Stack, text: str) -> str:
    """Put in the dynamic references that a user gave; the others stay as they are."""
    if "{{resolve:" not in text:
        return text
    remedies = [remedy_of(text)]

    def give(match: re.Match[str]) -> str:
        if match[0] in stack.values:
            return written(stack.values[match[0]])
        remedies.append(f'values={{"{match[0]}": …}}')
        return match[0]

    found = _DYNAMIC.sub(give, text)
    return Text(found, names_of(text), next(filter(None, remedies), ""))


def _ref(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    if isinstance(argument, dict):
        stack.needs_extensions("a function in Ref", place)
        argument = plain(stack.value(argument, place))
    if not isinstance(argument, str):
        raise fails("`Ref` takes a name", place)
    function = argument.partition(".")
    if function[1] and argument not in stack.resources:
        # AWS: serverless-application-model: !Ref Function.Alias and .Version
        made = f"{function[0]}{function[2]}"
        argument = made if made in stack.resources else argument
    return stack.ref(argument, place)


def _get_att(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list | tuple) or len(parts) < 2:  # noqa: PLR2004  # a name and an attribute
        raise fails("`Fn::GetAtt` takes a resource and an attribute", place)
    logical, *rest = (stack.value(each, place) for each in parts)
    return stack.refer(written(logical), ".".join(map(written, rest)), place)


def _sub(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    variables: Mapping[str, Any] = {}
    if isinstance(argument, list | tuple) and len(argument) == 2:  # noqa: PLR2004  # text and a mapping
        argument, variables = argument
    if not isinstance(argument, str) or not isinstance(variables, dict):
        raise fails("`Fn::Sub` takes text, or text and a mapping in a list", place)
    used: list[object] = []

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        if not _VARIABLE_NAME.fullmatch(name):
            raise fails(f"`Fn::Sub`: `${{{name}}}` names nothing", place)
        if name in variables:
            value = stack.value(variables[name], place)
        elif "." in name:
            value = _get_att(stack, name, place)
        else:
            value = stack.ref(name, place)
        if isinstance(value, dict | list) or value is ABSENT:
            raise fails(f"`Fn::Sub`: `${{{name}}}` is not text", place)
        used.append(value)
        return written(value)

    return dynamic(stack, from_all(_VARIABLE.sub(put, argument), *used))


def _join(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    separator, items = _pair(stack, "Fn::Join", argument, place)
    if remedy_of(items) and not isinstance(items, list):
        return _not_yet("Fn::Join", [separator, items])
    if not isinstance(items, list) or any(
        isinstance(each, dict | list) for each in items
    ):
        raise fails("`Fn::Join` takes a separator and a list of texts", place)
    text = written(separator).join(map(written, items))
    return dynamic(stack, from_all(text, separator, items))


def _split(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    separator, text = _pair(stack, "Fn::Split", argument, place)
    if remedy_of(separator, text):
        return _not_yet("Fn::Split", [separator, text])
    if isinstance(text, dict | list) or not written(separator):
        raise fails("`Fn::Split` takes a separator and text", place)
    return [
        from_all(each, separator, text)
        for each in written(text).split(written(separator))
    ]


def _select(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    position, items = _pair(stack, "Fn::Select", argument, place)
    if not isinstance(items, list) and remedy_of(items):
        return _not_yet("Fn::Select", [position, items])
    if not isinstance(items, list) or not written(position).isdecimal():
        raise fails("`Fn::Select` takes a position and a list", place)
    if int(position) >= len(items):
        raise fails(
            f"`Fn::Select`: there is no item {position} in a list of {len(items)}",
            place,
        )
    return items[int(position)]


_PAIRS = {
    "Fn::Equals": "two values",
    "Fn::Join": "a separator and a list",
    "Fn::Select": "a position and a list",
    "Fn::Split": "a separator and text",
}


def _pair(
    stack: Stack, name: str, argument: Node, place: SourceLocation
) -> tuple[Node, Node]:
    if not isinstance(argument, list | tuple) or len(argument) != 2:  # noqa: PLR2004  # a pair
        raise fails(f"`{name}` takes {_PAIRS[name]}", place)
    first, second = (
        stack.value(each, moved(place, line_of(argument, position)))
        for position, each in enumerate(argument)
    )
    if first is ABSENT or second is ABSENT:
        raise fails(f"`{name}` takes {_PAIRS[name]}, not AWS::NoValue", place)
    return first, second


def _if(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    if not isinstance(argument, list | tuple) or len(argument) != 3:  # noqa: PLR2004  # as it says
        raise fails("`Fn::If` takes a condition and two values", place)
    chosen = 1 if stack.condition(argument[0], place) else 2
    return stack.value(argument[chosen], moved(place, line_of(argument, chosen)))


def _find_in_map(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    if not isinstance(argument, list | tuple) or len(argument) not in {3, 4}:
        raise fails("`Fn::FindInMap` takes a map and two keys", place)
    keys = [stack.value(each, place) for each in argument[:3]]
    if remedy_of(keys):
        return _not_yet("Fn::FindInMap", keys)
    default = argument[3] if len(argument) == 4 else None  # noqa: PLR2004  # the options
    found: Any = stack.template.section("Mappings")
    kinds = ("mapping", "key of a mapping", "second key of a mapping")
    for kind, key in zip(kinds, map(written, keys), strict=True):
        if isinstance(found, dict) and key in found:
            found = found[key]
            continue
        if isinstance(default, dict) and "DefaultValue" in default:
            stack.needs_extensions("DefaultValue", place)
            return stack.value(default["DefaultValue"], place)
        raise located(
            unknown(kind, key, found if isinstance(found, dict) else ()), place
        )
    return stack.value(found, place)


def _import_value(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    name = stack.value(argument, place)
    if isinstance(name, dict | list):
        raise fails("`Fn::ImportValue` takes the name of an export", place)
    if remedy_of(name):
        return _not_yet("Fn::ImportValue", [name])
    return stack.around.imported(written(name), stack, place)


def _base64(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    text = stack.value(argument, place)
    if isinstance(text, dict | list):
        raise fails("`Fn::Base64` takes text", place)
    if remedy_of(text):
        return _not_yet("Fn::Base64", [text])
    return from_all(base64.b64encode(written(text).encode()).decode(), text)


def _cidr(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    if not isinstance(argument, list | tuple) or len(argument) not in {2, 3}:
        raise fails("`Fn::Cidr` takes a range, a count and the bits of a host", place)
    values = [stack.value(each, place) for each in argument]
    if remedy_of(values):
        return _not_yet("Fn::Cidr", values)
    try:
        whole = ip_network(written(values[0]), strict=False)
        count = int(written(values[1]))
        # AWS: AWSCloudFormation/latest/TemplateReference (Fn::Cidr): 8 bits by itself
        bits = int(written(values[2])) if len(values) == 3 else 8  # noqa: PLR2004  # given
        if not 1 <= count <= _MOST_RANGES:
            raise fails(f"`Fn::Cidr`: {count} is not from 1 to {_MOST_RANGES}", place)
        subnets = whole.subnets(new_prefix=whole.max_prefixlen - bits)
        made = [str(each) for _, each in zip(range(count), subnets, strict=False)]
    except ValueError as error:
        raise fails(f"`Fn::Cidr`: {error}", place) from None
    if len(made) < count:
        raise fails(
            f"`Fn::Cidr`: `{whole}` holds {len(made)} such ranges, not {count}", place
        )
    return [from_all(each, values) for each in made]


def _get_azs(stack: Stack, argument: Node, place: SourceLocation) -> Text:
    # Which zones an account sees is known to it only.
    region = written(stack.value(argument, place) or stack.region)
    text = f"{{{{Fn::GetAZs:{region}}}}}"
    if text in stack.values:
        found: Text = stack.values[text]
        return found
    return Text(text, (), f'values={{"{text}": […]}}')


def _to_json(stack: Stack, argument: Node, place: SourceLocation) -> Text:
    stack.needs_extensions("Fn::ToJsonString", place)
    value = stack.value(argument, place)
    text = json.dumps(plain(value), separators=(",", ":"), ensure_ascii=False)
    return from_all(text, value)


def _length(stack: Stack, argument: Node, place: SourceLocation) -> Node:
    stack.needs_extensions("Fn::Length", place)
    value = stack.value(argument, place)
    if isinstance(value, list):
        return len(value)
    if remedy_of(value):
        return _not_yet("Fn::Length", [value])
    raise fails("`Fn::Length` takes a list", place)


def _transform(_: Stack, argument: Node, place: SourceLocation) -> Node:
    name = argument.get("Name") if isinstance(argument, dict) else argument
    raise located(UnsupportedFeatureError(f"transform `{name}` is not applied"), place)


def _not_yet(name: str, values: list[Node]) -> Text:
    """Write what a function would be asked, since its answer is not known yet."""
    shown = ", ".join(
        written(plain(each)).removeprefix("{{").removesuffix("}}") for each in values
    )
    return from_all(f"{{{{{name}({shown})}}}}", values)


FUNCTIONS: Mapping[str, Function] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json,
    "Fn::Transform": _transform,
}


# ---- what stands in Conditions -------------------------------------------------

# AWS: AWSCloudFormation/latest/TemplateReference (condition functions)
_MOST_CONDITIONS = 10


def _condition(stack: Stack, argument: Node, place: SourceLocation) -> bool:
    return stack.condition(argument, place)


def _equals(stack: Stack, argument: Node, place: SourceLocation) -> bool:
    one, other = _pair(stack, "Fn::Equals", argument, place)
    if remedy := remedy_of(one, other):
        raise fails(
            "a condition hangs on what is not known before deployment: "
            f"`{plain(one)}` equals `{plain(other)}`",
            place,
            f"pass {remedy}",
        )
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return bool(plain(one) == plain(other))
    return written(one) == written(other)


def _several(
    stack: Stack, name: str, argument: Node, place: SourceLocation
) -> list[Callable[[], bool]]:
    if not isinstance(argument, list | tuple) or not (
        2 <= len(argument) <= _MOST_CONDITIONS  # noqa: PLR2004  # as it says
    ):
        raise fails(f"`{name}` takes 2 to {_MOST_CONDITIONS} conditions", place)
    return [
        lambda each=each: stack.decided(each, place)  # type: ignore[misc]  # a default binds it
        for each in argument
    ]


def _and(stack: Stack, argument: Node, place: SourceLocation) -> bool:
    return all(each() for each in _several(stack, "Fn::And", argument, place))


def _or(stack: Stack, argument: Node, place: SourceLocation) -> bool:
    return any(each() for each in _several(stack, "Fn::Or", argument, place))


def _not(stack: Stack, argument: Node, place: SourceLocation) -> bool:
    if not isinstance(argument, list | tuple) or len(argument) != 1:
        raise fails("`Fn::Not` takes one condition", place)
    return not stack.decided(argument[0], place)


DECIDERS: Mapping[str, Decider] = {
    "Condition": _condition,
    "Fn::And": _and,
    "Fn::Equals": _equals,
    "Fn::Not": _not,
    "Fn::Or": _or,
}
