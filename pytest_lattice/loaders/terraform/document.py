"""A plan or state as a tree of modules with their resources, unknowns marked.

Terraform leaves out of the planned values what it will only know after apply; here it
is put back as `UNKNOWN`, so that nothing unknown is taken for something unset.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
)
from pytest_lattice.loaders.notices import Notices
from pytest_lattice.loaders.reading import mapping, read_text
from pytest_lattice.model.source import SourceLocation
from pytest_lattice.model.value import HiddenText, check_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__tracebackhide__ = HIDE

# https://developer.hashicorp.com/terraform/internals/json-format: other minor versions
# only add what may be ignored
_MAJOR = "1"
_SHOW = "write it with `terraform show -json PLANFILE > plan.json`"
_CALL = re.compile(r'module\.([\w-]+)(?:\[(?:(\d+)|("(?:[^"\\]|\\.)*"))\])?')
#: What JSON may hold, and `UNKNOWN`.
Json: TypeAlias = Any
#: What `count` or `for_each` tells instances apart by.
Index = int | str | None


class Unknown:
    """A value that is known only after apply."""

    def __repr__(self) -> str:
        """Write it as Terraform does."""
        return "(known after apply)"


UNKNOWN: Final = Unknown()


@dataclass(eq=False, slots=True, repr=False)
class Module:
    """One instance of a module.

    Args:
        address: such as ``module.shop["eu"]``; empty for the root module.
        parent: the module that calls it; None for the root module.
        name: of the call.
        index: of the instance.
        configuration: what the plan says of its source text; empty for a state.
        instances: its resources by mode, type and name, and then by index.
        children: the modules it calls, by name and index.
    """

    address: str = ""
    parent: Module | None = None
    name: str = ""
    index: Index = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    instances: dict[tuple[str, str, str], dict[Index, Instance]] = field(
        default_factory=dict
    )
    children: dict[str, dict[Index, Module]] = field(default_factory=dict)
    resources: dict[tuple[str, str, str], Mapping[str, Any]] = field(
        default_factory=dict
    )

    @property
    def call(self) -> Mapping[str, Any]:
        """The block that calls it; empty for the root module."""
        if self.parent is None:
            return {}
        calls = self.parent.configuration.get("module_calls") or {}
        called: Mapping[str, Any] = calls.get(self.name) or {}
        return called

    def child(self, name: str, index: Index) -> Module:
        """Find a module that it calls; one without resources is not there before."""
        found = self.children.setdefault(name, {})
        if index not in found:
            key = "" if index is None else f"[{json.dumps(index)}]"
            prefix = f"{self.address}." if self.address else ""
            made = Module(f"{prefix}module.{name}{key}", self, name, index)
            made.configuration = made.call.get("module") or {}
            for each in made.configuration.get("resources") or ():
                made.resources[each["mode"], each["type"], each["name"]] = each
            found[index] = made
        return found[index]


@dataclass(eq=False, slots=True, repr=False)
class Instance:
    """One instance of a resource or data source.

    Args:
        address: such as ``module.shop.aws_vpclattice_service.orders["eu"]``.
        mode: ``managed`` or ``data``.
        type: such as ``aws_vpclattice_service``.
        name: its name in the source text.
        index: of the instance.
        values: its attributes, with `UNKNOWN` in place of what is known after apply.
        module: where it is.
        source: where it was written.
        document: which has it.
        changes: whether Terraform will create or update it.
    """

    address: str
    mode: str
    type: str
    name: str
    index: Index
    values: dict[str, Any]
    module: Module
    source: SourceLocation
    document: Document
    changes: bool = False

    @property
    def configuration(self) -> Mapping[str, Any]:
        """What the plan says of its source text; empty for a state."""
        return self.module.resources.get((self.mode, self.type, self.name), {})

    def get(self, name: str) -> Json:
        """Read an attribute; None and the empty text are both not set."""
        value = self.values.get(name)
        return None if value == "" else value

    def block(self, *names: str) -> Json:
        """Read a block inside blocks, each of which comes at most once."""
        return block(self.values, *names)


def block(values: Json, *names: str) -> Json:
    """Read a block inside blocks; None if there is none.

    Terraform writes each block as a list, also one that may come only once.
    """
    for name in names:
        found = values.get(name)
        if found is UNKNOWN:
            return UNKNOWN
        if not found or found[0] is None:
            return None
        values = found[0]
    return values


@dataclass(eq=False, slots=True, repr=False)
class Document:
    """A plan or a state.

    Args:
        file: how the user calls it.
        plan: whether it is a plan.
        root: the root module.
        instances: all resources and data sources by address.
        variables: the values of the root module's variables.
        providers: the provider configurations by their keys.
        sensitive: every text that must not be shown.
        notices: what the user is told, once everything is loaded.
    """

    file: str
    plan: bool
    root: Module
    instances: dict[str, Instance] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    providers: Mapping[str, Any] = field(default_factory=dict)
    sensitive: set[str] = field(default_factory=set)
    notices: Notices = field(default_factory=Notices)


def read_document(given: str | Path | Mapping[str, Any]) -> Document:
    """Read what ``terraform show -json`` wrote.

    Args:
        given: the file, or what is in it.

    Raises:
        ConfigurationError: it is something else, or the plan failed.
        UnsupportedFeatureError: its format has another major version.
    """
    if hasattr(given, "keys"):
        content: Any = given
        file = "the plan" if "planned_values" in content else "the state"
    else:
        file = str(given)
        content = _parsed(read_text(given), file)
    _check_format(content, file)
    plan = "planned_values" in content
    configuration = content.get("configuration") or {}
    root = Module(configuration=configuration.get("root_module") or {})
    for each in root.configuration.get("resources") or ():
        root.resources[each["mode"], each["type"], each["name"]] = each
    document = Document(
        file,
        plan,
        root,
        variables=content.get("variables") or {},
        providers=configuration.get("provider_config") or {},
    )
    _Reader(document).read(content)
    return document


def _parsed(text: str, file: str) -> Json:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        said = f"{error.msg[:1].lower()}{error.msg[1:]}"
        place = f"{file}:{error.lineno}, column {error.colno}"
        if text.startswith('{"@level"'):
            raise advised(f"`{file}` is the log of a command", _SHOW) from None
        raise advised(f"{place}: no JSON: {said}", _SHOW) from None
    except RecursionError:
        raise ConfigurationError(f"`{file}` is nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise ConfigurationError(f"{file}: no JSON: {error}") from None


def _check_format(content: object, file: str) -> None:
    if not isinstance(content, dict) or "format_version" not in content:
        if isinstance(content, dict) and "lineage" in content:
            raise advised(
                f"`{file}` is a state file, whose format is Terraform's own",
                "write what it says with `terraform show -json > state.json`",
            )
        raise advised(f"`{file}` is no plan or state of Terraform", _SHOW)
    version = str(content["format_version"])
    if version.partition(".")[0] != _MAJOR:
        raise UnsupportedFeatureError(
            f"`{file}` has format version {version}; {_MAJOR}.x is what is known"
        )
    if content.get("errored"):
        raise ConfigurationError(f"`{file}` is a plan that failed; it is not complete")


class _Change(NamedTuple):
    """What the plan does to a resource."""

    unknown: Any
    changes: bool


class _Reader:
    """Fills a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._changes: dict[str, _Change] = {}

    def read(self, content: Mapping[str, Any]) -> None:
        for each in content.get("resource_changes") or ():
            change = each.get("change") or {}
            actions = change.get("actions") or []
            # Where a resource is replaced, what is left to delete has a `deposed` key.
            if "deposed" not in each:
                changed = bool({"create", "update"} & set(actions))
                self._changes[each["address"]] = _Change(
                    change.get("after_unknown"), changed
                )
        if self._document.plan:
            # What was read during the plan is no change, and only stands here.
            before = (content.get("prior_state") or {}).get("values") or {}
            self._module(before.get("root_module") or {}, only="data")
            self._module(content["planned_values"].get("root_module") or {})
        else:
            self._module((content.get("values") or {}).get("root_module") or {})

    def _module(self, tree: Mapping[str, Any], only: str | None = None) -> None:
        """Read the resources of a module and of those that it calls."""
        tree = mapping(tree, self._document.file, "root_module")
        module = self._document.root
        for name, index in calls_in(tree.get("address") or ""):
            module = module.child(name, index)
        for each in tree.get("resources") or ():
            if only in {None, each.get("mode")} and "deposed_key" not in each:
                self._instance(module, each)
        for each in tree.get("child_modules") or ():
            self._module(each, only)

    def _instance(self, module: Module, tree: Mapping[str, Any]) -> None:
        document = self._document
        address = tree["address"]
        check_text(address, f"{document.file}: address")
        change = self._changes.get(address, _Change(None, changes=False))
        sensitive = tree.get("sensitive_values") or {}
        values = _marked(tree.get("values") or {}, change.unknown, sensitive, document)
        instance = Instance(
            address,
            tree.get("mode", "managed"),
            tree["type"],
            tree["name"],
            tree.get("index"),
            values,
            module,
            SourceLocation(document.file, None, address),
            document,
            change.changes,
        )
        key = (instance.mode, instance.type, instance.name)
        module.instances.setdefault(key, {})[instance.index] = instance
        document.instances[address] = instance


def _marked(value: Json, unknown: Json, sensitive: Json, document: Document) -> Json:
    """Copy a value, with unknown parts marked and sensitive ones hidden."""
    if unknown is True:
        return UNKNOWN
    if isinstance(value, dict):
        unknowns = unknown if isinstance(unknown, dict) else {}
        hidden = sensitive if isinstance(sensitive, dict) else {}
        marked = {
            name: _marked(
                value[name],
                unknowns.get(name),
                sensitive is True or hidden.get(name),
                document,
            )
            for name in value
        }
        for name, each in unknowns.items():
            if name not in value and each is True:
                marked[name] = UNKNOWN
        return marked
    if isinstance(value, list):
        return [
            _marked(
                each,
                _at(unknown, position),
                sensitive is True or _at(sensitive, position),
                document,
            )
            for position, each in enumerate(value)
        ]
    if sensitive is True and value is not None and not isinstance(value, bool):
        document.sensitive.add(str(value))
        return HiddenText(value) if isinstance(value, str) else value
    return value


def _at(tree: object, position: int) -> Json:
    return tree[position] if isinstance(tree, list) and position < len(tree) else None


def calls_in(address: str) -> Iterator[tuple[str, Index]]:
    """Split the address of a module into the calls that lead there."""
    for name, number, text in _CALL.findall(address):
        yield name, int(number) if number else unquoted(text) if text else None


def unquoted(text: str) -> str:
    """Read a quoted index of an address."""
    try:
        plain = str(json.loads(text))
    except ValueError:  # an escape that only Go has
        plain = text[1:-1]
    return plain.replace("$${", "${").replace("%%{", "%{")
