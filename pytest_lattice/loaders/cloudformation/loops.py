"""Loops in a template: `Fn::ForEach` written out.

AWS: AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.cloudformation.template import LOOP
from pytest_lattice.loaders.cloudformation.text import (
    fails,
    known,
    like_map,
    moved,
    written,
)
from pytest_lattice.loaders.reading import LocatedList, LocatedMap, line_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lattice.loaders.cloudformation.stack import Stack
    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

_ARGUMENTS = 3
# AWS: AWSCloudFormation/latest/UserGuide/cloudformation-limits: 500 resources
_MOST = 2000
_NO_LETTER = re.compile(r"[^A-Za-z0-9]")


def unrolled(
    stack: Stack, node: Mapping[str, Any], place: SourceLocation
) -> Mapping[str, Any]:
    """Write out the loops among the keys of a mapping.

    Args:
        stack: whose it is.
        node: a mapping, as it is written.
        place: where it stands.

    Raises:
        ConfigurationError: a loop that is none, or a key that comes twice.
    """
    if not any(key.startswith(LOOP) for key in node):
        return node
    made = like_map(node)
    for key in node:
        inner = moved(place, line_of(node, key))
        if not key.startswith(LOOP):
            _put(made, key, node[key], inner)
            continue
        stack.needs_extensions("Fn::ForEach", inner)
        for turn in _turns(stack, key, node[key], inner):
            # A loop may hold loops.
            written_out = unrolled(stack, turn, inner)
            for name in written_out:
                # AWS: a key without a value is seen in loops, and makes nothing.
                if written_out[name] is not None:
                    at = moved(inner, line_of(written_out, name))
                    _put(made, name, written_out[name], at)
    return made


def _put(made: LocatedMap, key: str, value: object, place: SourceLocation) -> None:
    if key in made:
        raise fails(f"key `{key}` is there twice", place)
    if len(made) >= _MOST:
        raise fails(f"loops write out more than {_MOST} keys", place)
    made[key] = value
    if place.line is not None:
        made.lines[key] = place.line


def _turns(
    stack: Stack, key: str, node: object, place: SourceLocation
) -> Iterator[Mapping[str, Any]]:
    if (
        not isinstance(node, list | tuple)
        or len(node) != _ARGUMENTS
        or not isinstance(node[0], str)
        or not isinstance(node[2], dict)
    ):
        raise fails(
            f"`{key}` takes a name, a list and a mapping in a list of three", place
        )
    name, collection, body = node
    items = known(stack.value(collection, place), f"the list of `{key}`", place)
    if not isinstance(items, list):
        raise fails(f"the list of `{key}` is not a list", place)
    for item in items:
        yield _substituted(body, name, written(item))


def _replaced(text: str, name: str, item: str) -> str:
    """Put an item in; ``&{x}`` leaves out what is neither letter nor digit."""
    bare = _NO_LETTER.sub("", item)
    return text.replace(f"${{{name}}}", item).replace(f"&{{{name}}}", bare)


def _substituted(node: Node, name: str, item: str) -> Node:
    if isinstance(node, str):
        return _replaced(node, name, item)
    if isinstance(node, dict):
        if len(node) == 1 and node.get("Ref") == name:
            return item
        made = like_map(node)
        for key in node:
            own = _replaced(key, name, item)
            made[own] = _substituted(node[key], name, item)
            if (line := line_of(node, key)) is not None:
                made.lines[own] = line
        return made
    if isinstance(node, list | tuple):
        items = [_substituted(each, name, item) for each in node]
        if not isinstance(node, LocatedList):
            return items
        copy = LocatedList(node.line)
        copy.extend(items)
        copy.lines.extend(node.lines)
        return copy
    return node
