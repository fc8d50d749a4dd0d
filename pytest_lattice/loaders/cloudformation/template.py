"""A template as it was written: its sections, with short tags in their long form.

Nothing is evaluated here; the sections are checked, and what AWS adds to a template
before it is deployed (loops, serverless functions) is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
    unknown,
)
from pytest_lattice.loaders.reading import (
    LocatedMap,
    line_of,
    located,
    mapping,
    parse_document,
    path_of,
    read_text,
)
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import NoReturn

    from pytest_lattice.loaders.cloudformation.text import Node

__tracebackhide__ = HIDE

# AWS: AWSCloudFormation/latest/UserGuide/template-anatomy
_VERSION = "2010-09-09"
_MAPPINGS = (
    "Conditions",
    "Globals",
    "Mappings",
    "Outputs",
    "Parameters",
    "Resources",
)
_SECTIONS = (
    *_MAPPINGS,
    "AWSTemplateFormatVersion",
    "Description",
    "Hooks",
    "Metadata",
    "Rules",
    "Transform",
)
SERVERLESS = "AWS::Serverless-2016-10-31"
EXTENSIONS = "AWS::LanguageExtensions"
# These leave Lattice resources as they are.
_TRANSFORMS = (
    SERVERLESS,
    EXTENSIONS,
    "AWS::CodeDeployBlueGreen",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
)
# AWS: AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference
_TAGS = {
    name: f"Fn::{name}"
    for name in (
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "GetAtt",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    )
} | {"Ref": "Ref", "Condition": "Condition"}
#: A loop, where a mapping has keys; the name of the loop follows.
LOOP = "Fn::ForEach::"


@dataclass(frozen=True, slots=True)
class Template:
    """A template.

    Args:
        file: how errors call it.
        path: the file; None for one that is no file.
        root: the folder that the paths in it may not leave.
        body: its sections.
        transforms: what AWS does with it before it is deployed.
    """

    file: str
    path: Path | None
    root: Path | None
    body: Mapping[str, Any]
    transforms: tuple[str, ...]

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a section that is a mapping; an empty one where it is left out."""
        found: Mapping[str, Any] = self.body.get(name) or {}
        return found


def read_template(
    source: str | Path | Mapping[str, Any], name: str, *, root: Path | None = None
) -> Template:
    """Read a template.

    Args:
        source: the path of a YAML or JSON file, or the template as a mapping.
        name: how errors call one that is no file.
        root: the folder that the paths in it may not leave; its own unless given.

    Raises:
        ConfigurationError: it cannot be read or is no template.
    """
    if isinstance(source, Mapping):
        body = _copied(source, name)
        return Template(name, None, None, body, _checked(name, body))
    file, path = str(source), path_of(source)
    body = mapping(
        parse_document(read_text(source), file, tagged=_long_form), file, "the template"
    )
    return Template(file, path, root or path.parent, body, _checked(file, body))


def _copied(node: Node, name: str) -> Node:
    """Copy a template that is a mapping; its keys are text."""
    if isinstance(node, Mapping):
        return {str(key): _copied(node[key], name) for key in node}
    if isinstance(node, list | tuple):
        return [_copied(each, name) for each in node]
    if node is None or isinstance(node, str | int | float):
        return node
    raise ConfigurationError(
        f"{name}: a {type(node).__name__} is no value of a template"
    )


def _long_form(tag: str, value: Node, refuse: Callable[[str], NoReturn]) -> LocatedMap:
    """Write ``!Ref x`` as ``{"Ref": "x"}``."""
    if tag not in _TAGS:
        refuse(f"tag `!{tag}` is no function of CloudFormation")
    made = LocatedMap(line_of(value))
    made[_TAGS[tag]] = value
    return made


def _checked(file: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Check the sections and return the transforms."""
    for name in body:
        if name not in _SECTIONS:
            place = SourceLocation(file, line_of(body, name))
            raise located(unknown("section of a template", name, _SECTIONS), place)
    version = body.get("AWSTemplateFormatVersion", _VERSION)
    if str(version) != _VERSION:
        place = SourceLocation(file, line_of(body, "AWSTemplateFormatVersion"))
        raise located(
            advised(
                f"template format version `{version}` is not known",
                f"the only one is {_VERSION}",
            ),
            place,
        )
    for name in _MAPPINGS:
        if body.get(name) is not None:
            place = SourceLocation(file, line_of(body, name))
            mapping(body[name], str(place), name)
    if not body.get("Resources"):
        # AWS: AWSCloudFormation/latest/UserGuide/resources-section-structure: required
        raise located(ConfigurationError("the template has no resources"), file)
    return _transforms(file, body)


def _transforms(file: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    listed = body.get("Transform") or ()
    named = tuple(listed) if isinstance(listed, list | tuple) else (listed,)
    for each in named:
        if each not in _TRANSFORMS:
            shown = each.get("Name") if isinstance(each, dict) else each
            error = UnsupportedFeatureError(
                f"transform `{shown}` may change any resource, and is not applied here"
            )
            error.add_note(
                "load what it makes: aws cloudformation get-template "
                "--template-stage Processed"
            )
            raise located(error, SourceLocation(file, line_of(body, "Transform")))
    return named
