"""A case file, read: the network it is about, and its cases.

The network is written in the file or named by a path that one of the loaders reads;
paths are relative to the file.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lattice.cases.case import CASE, DEFINED, Case
from pytest_lattice.errors import HIDE, ConfigurationError, unknown
from pytest_lattice.loaders.document import SECTIONS, schema, values_of
from pytest_lattice.loaders.reading import located, parse_document, read_text
from pytest_lattice.loaders.recognize import CASES, KINDS, kind_of, loader_of
from pytest_lattice.loaders.shapes import (
    FLAG,
    TEXT,
    Place,
    Shape,
    any_of,
    definition,
    list_of,
    map_of,
)
from pytest_lattice.model.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.model.configuration import Resource

__tracebackhide__ = HIDE

_CALLERS = ("roles", "users")
_KEYS = ("network", *_CALLERS, "cases")
# Arguments of loaders that are paths, or mappings to paths.
_PATHS = ("stacks",)
# Loaders that read several documents that belong together.
_SEVERAL = ("gateway_api", "terraform")
_ANYTHING = Shape(lambda value, _: value, lambda value: value, {})
_MAPPING = map_of(_ANYTHING)
# What arguments of loaders may be, by how their annotations begin.
_FORMS = {
    "str": TEXT,
    "bool": FLAG,
    "Mapping": _MAPPING,
    "Bindings": any_of(TEXT, _MAPPING),
}


class CaseDocument(NamedTuple):
    """What a case file says.

    Args:
        resources: the network, for `LatticeNetwork.add`.
        cases: the cases, in their order.
    """

    resources: tuple[Resource, ...]
    cases: tuple[Case, ...]


def read_cases(path: Path) -> CaseDocument:
    """Read a case file.

    Args:
        path: the file.

    Raises:
        ConfigurationError: what is wrong, with file, line and column.
    """
    file = _shown(path)
    document = parse_document(read_text(file), file)
    place = Place(file, 1)
    if not isinstance(document, dict):
        place.refuse("the case file is no mapping", f"its keys: {', '.join(_KEYS)}")
    for key in document:
        if key not in _KEYS:
            where = place.at(document, key)
            raise located(unknown("key of a case file", key, _KEYS), where) from None
    for key in ("network", "cases"):
        if not document.get(key):
            place.refuse(f"a case file needs `{key}`")
    callers = {key: document[key] for key in _CALLERS if key in document}
    resources = (
        *_network(document["network"], place.at(document, "network"), path.parent),
        *values_of(callers, file),
    )
    try:
        Configuration().with_resources(resources)
    except ConfigurationError as error:
        raise located(error, place.at(document, "network")) from None
    cases = list_of(CASE).read(document["cases"], place.at(document, "cases"))
    return CaseDocument(resources, tuple(cases))


def _network(network: Any, place: Place, folder: Path) -> tuple[Resource, ...]:  # noqa: ANN401  # a document's
    if isinstance(network, str):
        return _recognized(network, place, folder)
    if not isinstance(network, dict):
        place.refuse(f"`{network!r}` is neither a path nor a network")
    named = [key for key in network if key in KINDS]
    if not named:
        known = {*KINDS, *SECTIONS, "targets", "version"}
        for key in network:
            if key not in known:
                error = unknown("key of a network", key, known)
                raise located(error, place.at(network, key)) from None
        targets = network.pop("targets", "echo")
        return values_of(network, place.file, targets=targets)
    if len(named) > 1:
        # The account is an argument of other loaders too.
        named = [key for key in named if key != "account"]
    if len(named) > 1:
        place.refuse(f"one network has `{named[0]}` and `{named[1]}`")
    return _loaded(network, named[0], place, folder)


def _recognized(path: str, place: Place, folder: Path) -> tuple[Resource, ...]:
    """Load a document whose kind its content tells."""
    try:
        kind = kind_of(_relative(path, folder))
    except ConfigurationError as error:
        raise located(error, place) from None
    if kind == CASES:
        place.refuse(f"`{path}` has cases and is no network's document")
    return _loaded({kind: path}, kind, place, folder)


def _loaded(
    network: dict[str, Any], kind: str, place: Place, folder: Path
) -> tuple[Resource, ...]:
    loader = loader_of(kind)
    options: dict[str, Any] = {"targets": "echo"}
    forms = _arguments(loader)
    for key, value in network.items():
        if key == kind or value is None:
            continue
        where = place.at(network, key)
        if key not in forms:
            error = unknown(f"option of {kind}", key, forms)
            raise located(error, where) from None
        given = forms[key].read(value, where)
        options[key] = _relative(given, folder) if key in _PATHS else given
    given = _path_of(kind).read(network[kind], place.at(network, kind))
    paths = _relative(given, folder)
    several = kind == "terraform" and isinstance(paths, list)
    try:
        return loader(*paths, **options) if several else loader(paths, **options)
    except ConfigurationError as error:
        raise located(error, place.at(network, kind)) from None


def _arguments(loader: Callable[..., object]) -> dict[str, Shape]:
    """Tell what a loader takes beside the path, and in which form."""
    _, *others = inspect.signature(loader).parameters.values()
    begins = {each.name: re.split(r"\W", each.annotation)[0] for each in others}
    return {name: _FORMS[begins[name]] for name in begins}


def _path_of(kind: str) -> Shape:
    return any_of(list_of(TEXT), TEXT) if kind in _SEVERAL else TEXT


def _relative(path: Any, folder: Path) -> Any:  # noqa: ANN401  # a document's
    """Take paths as relative to the case file."""
    if isinstance(path, list):
        return [_relative(each, folder) for each in path]
    if isinstance(path, dict):
        return {key: _relative(path[key], folder) for key in path}
    return _shown(folder / str(path))


def _shown(path: Path) -> str:
    """Write a path as short as a person at the prompt would."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def case_schema() -> Mapping[str, Any]:
    """Write the JSON Schema of case files, from cases, loaders and the model."""
    network = schema()
    targets = {
        "description": "What answers: echo, or a mapping of target groups to echo or "
        "URLs.",
        "type": ["string", "object"],
    }
    inline = {**network["properties"], "targets": targets}
    loaded = [_loader_schema(kind, targets) for kind in KINDS]
    return {
        "$schema": network["$schema"],
        "title": "Cases for a VPC Lattice network, for pytest-lattice",
        "type": "object",
        "additionalProperties": False,
        "required": ["network", "cases"],
        "properties": {
            "network": {
                "description": "A network, or the path of a document that has one.",
                "anyOf": [{"type": "string"}, _closed(inline), *loaded],
            },
            **{key: network["properties"][key] for key in _CALLERS},
            "cases": {"type": "array", "minItems": 1, "items": CASE.schema},
        },
        "$defs": network["$defs"] | {cls.__name__: definition(cls) for cls in DEFINED},
    }


def _loader_schema(kind: str, targets: Mapping[str, Any]) -> dict[str, Any]:
    forms = _arguments(loader_of(kind))
    options = {name: form.schema for name, form in forms.items()}
    path = _path_of(kind).schema
    return _closed({**options, "targets": targets, kind: path}) | {"required": [kind]}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }
