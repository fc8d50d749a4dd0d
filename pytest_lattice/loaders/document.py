"""The project's own document format: YAML, one to one with the model.

`load` makes the values of a document, `dump` writes the document of values; what is
dumped and loaded again is equal to what it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    unknown,
)
from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.binding import bound_targets
from pytest_lattice.loaders.reading import (
    is_plain_text,
    located,
    parse_document,
    read_text,
)
from pytest_lattice.loaders.shapes import Place, definition, list_of, value_of
from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import WeightedTargetGroup
from pytest_lattice.model.caller import Certificate, Role, User
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.fault import Fault
from pytest_lattice.model.service import HeaderMatch, Listener, Rule, Service
from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
)
from pytest_lattice.model.source import SourceLocation
from pytest_lattice.model.target_group import HealthCheck, Target, TargetGroup
from pytest_lattice.model.value import given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.model.value import Value

__tracebackhide__ = HIDE

#: The version of the format that is written.
VERSION = 1
#: The sections of a document, with the values in them and what errors call one.
SECTIONS: Mapping[str, tuple[type[Any], str]] = {
    "service_networks": (ServiceNetwork, "service network"),
    "vpcs": (Vpc, "VPC"),
    "target_groups": (TargetGroup, "target group"),
    "services": (Service, "service"),
    "service_associations": (ServiceAssociation, "service association"),
    "vpc_associations": (VpcAssociation, "VPC association"),
    "resource_shares": (ResourceShare, "resource share"),
    "organizations": (Organization, "organization"),
    "access_log_subscriptions": (AccessLogSubscription, "access log subscription"),
    "roles": (Role, "role"),
    "users": (User, "user"),
    "faults": (Fault, "fault"),
}
_SECTION_OF = {cls: name for name, (cls, _) in SECTIONS.items()}
_SHAPES = {name: value_of(cls, noun) for name, (cls, noun) in SECTIONS.items()}
_KEYS = f"its keys: {', '.join(SECTIONS)}"
_INNER: tuple[type[Value], ...] = (
    Listener,
    Rule,
    HeaderMatch,
    WeightedTargetGroup,
    HealthCheck,
    Target,
    Certificate,
)


def load(
    path: str | Path, *, targets: Bindings = (), strict: bool = False
) -> tuple[Resource, ...]:
    """Load a network from a document of this project's own format.

    Args:
        path: the YAML (or JSON) file.
        targets: what answers behind target groups, by their names or by targets'
            ids: an app, or a list with one for each target; ``"echo"`` for all.
        strict: whether a target that nothing is bound to is an error.

    Returns:
        The values, for `LatticeNetwork.add`.

    Raises:
        ConfigurationError: what is wrong, with file and line; nothing is loaded.
        UnsupportedFeatureError: a version of the format that is not known.
    """
    document = parse_document(read_text(path), str(path))
    return values_of(document, str(path), targets=targets, strict=strict)


def values_of(
    document: object, file: str, *, targets: Bindings = (), strict: bool = False
) -> tuple[Resource, ...]:
    """Make the values of a document that was read; see `load`."""
    place = Place(file, 1)
    if not isinstance(document, dict):
        place.refuse("the document is no mapping", f"its keys: {', '.join(SECTIONS)}")
    if (version := document.get("version", VERSION)) != VERSION:
        raise located(
            UnsupportedFeatureError(f"document version `{version}` is not {VERSION}"),
            place.at(document, "version"),
        )
    made: list[Resource] = []
    for key in document:
        if key == "version":
            continue
        where = place.at(document, key)
        if key not in SECTIONS:
            raise located(unknown("section", key, SECTIONS), where)
        made += list_of(_SHAPES[key]).read(document[key] or [], where)
    groups = [_part(each) for each in made if isinstance(each, TargetGroup)]
    found = iter(bound_targets(groups, targets, strict=strict))
    return tuple(
        _with_targets(each, next(found)[1]) if isinstance(each, TargetGroup) else each
        for each in made
    )


def _part(group: TargetGroup) -> Part:
    """Show a target group to the binding as the other loaders do."""
    targets = [
        {"id": each.id, "port": given(each.port), "app": each.app}
        for each in group.registered
    ]
    values = {"name": group.name, "targets": targets}
    source = group.source or SourceLocation("")
    return Part("target group", values, source, id=group.id, arn=group.arn)


def _with_targets(group: TargetGroup, targets: Sequence[Target]) -> TargetGroup:
    # One to one: where a document has no target, none stands in for it.
    if not group.registered and targets[0].app is None:
        return group
    return replace(group, targets=targets)


def dump(resources: Iterable[Resource] | Configuration) -> str:
    """Write a document of this project's own format.

    Args:
        resources: values of the model, or a network's ``configuration``.

    Returns:
        YAML text. Apps of Python's cannot be written; bind them when it is loaded.

    Raises:
        ConfigurationError: something that is no resource.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes text that would be read as something else."""

    def text(dumper: Any, value: str) -> Any:  # noqa: ANN401  # yaml's
        style = None if is_plain_text(value) else "'"
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]  # yaml's own way
    return yaml.dump(
        as_document(resources), Dumper=Dumper, sort_keys=False, allow_unicode=True
    )


def as_document(resources: Iterable[Resource] | Configuration) -> dict[str, Any]:
    """Write values as the mapping that a document holds; see `dump`."""
    if isinstance(resources, Configuration):
        resources = resources.resources
    sections: dict[str, list[Any]] = {name: [] for name in SECTIONS}
    for each in resources:
        name = _SECTION_OF.get(type(each))
        if name is None:
            raise ConfigurationError(
                f"`{each!r}` is not a resource of a service network"
            )
        sections[name].append(_SHAPES[name].write(each))
    filled = {name: sections[name] for name in sections if sections[name]}
    return {"version": VERSION, **filled}


def schema() -> dict[str, Any]:
    """Write the JSON Schema of the format, from the model."""
    classes = (*(cls for cls, _ in SECTIONS.values()), *_INNER)
    sections = {
        name: {"type": "array", "items": _SHAPES[name].schema} for name in SECTIONS
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A VPC Lattice network, for pytest-lattice",
        "type": "object",
        "additionalProperties": False,
        "properties": {"version": {"const": VERSION}, **sections},
        "$defs": {cls.__name__: definition(cls) for cls in classes},
    }
