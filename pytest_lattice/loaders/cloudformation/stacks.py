"""Stacks that belong together: nested ones, ones that export, a cloud assembly.

Only files that were given are read, and files below their folders that they name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    advised,
    unknown,
)
from pytest_lattice.loaders.cloudformation.stack import Stack
from pytest_lattice.loaders.cloudformation.template import read_template
from pytest_lattice.loaders.cloudformation.text import (
    Text,
    fails,
    known,
    plain,
    remedy_of,
    written,
)
from pytest_lattice.loaders.notices import Notices
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.names import DEFAULT_ACCOUNT, DEFAULT_REGION, check_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_lattice.loaders.cloudformation.cloud import AssembledStack
    from pytest_lattice.loaders.cloudformation.template import Template
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

#: A path, or a template as a mapping.
Source: TypeAlias = str | Path | Mapping[str, Any]
_NESTED = "AWS::CloudFormation::Stack"
# What may be a resource and an attribute; texts and ARNs are something else.
_IS_ID = re.compile(r"[A-Za-z0-9]+(\.[A-Za-z0-9._]+)?").fullmatch
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class CloudFormationStack:
    """A template that is deployed with another one, with what is its own.

    Args:
        template: the path of a template, or a template as a mapping.
        parameters: values of its parameters.
        account: the 12-digit account it is deployed to.
        region: the Region.
    """

    template: Source
    _: KW_ONLY
    parameters: Mapping[str, Any] = field(default_factory=dict)
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION


class Stacks:
    """The stacks of one load.

    Args:
        values: what cannot be known before deployment, by what it is called.
        account: the account of what does not say otherwise.
        region: the Region of what does not say otherwise.
        others: further stacks by name, and templates of nested ones by logical id.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        account: str,
        region: str,
        others: Mapping[str, Source | CloudFormationStack],
    ) -> None:
        """Begin with no stack."""
        check_owner(account, region)
        self.all: list[Stack] = []
        #: What the user is told, once everything is loaded.
        self.notices = Notices()
        self._values, self._others = values, others
        self._account, self._region = account, region
        self._nested: dict[tuple[str, ...], Stack | None] = {}
        self._exports: dict[tuple[str, str], dict[str, tuple[Stack, str]]] | None = None
        self._used: set[str] = set()
        self._imports: set[str] = set()

    # ---- finding all of them ---------------------------------------------------

    def add(self, name: str, stack: CloudFormationStack) -> None:
        """Add a stack, and those that are nested in it.

        Raises:
            ConfigurationError: the template cannot be read or is none.
        """
        check_owner(stack.account, stack.region)
        given = {key: _always(value) for key, value in stack.parameters.items()}
        template = read_template(stack.template, name)
        where = (stack.account, stack.region)
        self._grow(self._stack(template, name, where, given=given))

    def add_assembled(
        self, found: Iterable[AssembledStack], parameters: Mapping[str, Any]
    ) -> None:
        """Add the stacks of a cloud assembly.

        Args:
            found: the stacks.
            parameters: by name, or by stack and name, such as ``Orders:Stage``.

        Raises:
            ConfigurationError: a template that cannot be read or is none, or a
                parameter that no stack has.
        """
        known_names: set[str] = set()
        for each in found:
            template = read_template(each.template, each.name)
            given = {key: _always(each.parameters[key]) for key in each.parameters}
            for name in template.section("Parameters"):
                # AWS: cdk/v2/guide/ref-cli-cmd-deploy: --parameters Stack:Name=value
                for key in (name, f"{each.name}:{name}"):
                    known_names.add(key)
                    if key in parameters:
                        given[name] = _always(parameters[key])
            account, region = each.account or self._account, each.region or self._region
            where = (account, region)
            self._grow(self._stack(template, each.name, where, given=given))
        for name in parameters:
            if name not in known_names:
                raise unknown("parameter", name, known_names)

    def add_others(self) -> None:
        """Add the further stacks; those that are nested in others are there already.

        Raises:
            ConfigurationError: a template that cannot be read or is none.
        """
        for name, each in self._others.items():
            if name in self._used:
                continue
            if not isinstance(each, CloudFormationStack):
                each = CloudFormationStack(  # noqa: PLW2901  # the same, in long
                    each, account=self._account, region=self._region
                )
            self.add(name, each)

    def _grow(self, stack: Stack) -> None:
        self.all.append(stack)
        for logical in stack.of_type(_NESTED):
            inner = self.nested(stack, logical)
            if inner is not None:
                self._grow(inner)

    def _stack(
        self,
        template: Template,
        name: str,
        where: tuple[str, str],
        *,
        given: Mapping[str, Callable[[], Any]],
        outer: Stack | None = None,
        logical: str = "",
    ) -> Stack:
        account, region = where
        if outer is None and any(name == each.name for each in self.all):
            raise ConfigurationError(f"two stacks are named `{name}`")
        return Stack(
            template,
            name=name,
            account=account,
            region=region,
            given=given,
            values=self._values,
            around=self,
            outer=outer,
            logical=logical,
        )

    # ---- nested stacks ---------------------------------------------------------

    def nested(self, outer: Stack, logical: str) -> Stack | None:
        """Find the stack that a resource of a stack is.

        Returns:
            The stack; None if its template is not at hand, of which a warning tells.

        Raises:
            ConfigurationError: its template cannot be read or is none.
        """
        path = (*outer.path, logical)
        if path not in self._nested:
            self._nested[path] = None
            template = self._nested_template(outer, logical)
            if template is not None:
                self._nested[path] = self._stack(
                    template,
                    f"{outer.name}-{logical}",
                    (outer.account, outer.region),
                    given=self._passed_on(outer, logical),
                    outer=outer,
                    logical=logical,
                )
        return self._nested[path]

    def _nested_template(self, outer: Stack, logical: str) -> Template | None:
        place = outer.place_of(logical)
        for key in (".".join((*outer.path, logical)), logical):
            if key in self._others:
                self._used.add(key)
                given = self._others[key]
                if isinstance(given, CloudFormationStack):
                    raise located(
                        advised(
                            f"nested stack `{logical}` has the account and parameters "
                            "that the stack around it gives",
                            f'pass the template alone: stacks={{"{key}": path}}',
                        ),
                        place,
                    )
                return read_template(given, key)
        asset = outer.metadata(logical).get("aws:asset:path")
        url = asset or outer.property(logical, "TemplateURL")
        if not isinstance(url, str):
            raise fails(f"{_NESTED} needs `TemplateURL`", place)
        if remedy_of(url) or _REMOTE.match(url) or outer.template.path is None:
            self.notices.add(
                f"nested stack `{logical}` is left out, since its template "
                f'`{plain(url)}` is not at hand; pass stacks={{"{logical}": …}} '
                f"({place})"
            )
            return None
        return _below(outer, url, place)

    def _passed_on(self, outer: Stack, logical: str) -> dict[str, Callable[[], Any]]:
        """Pass parameters on; each is evaluated when it is asked for."""
        node = outer.resources[logical].get("Properties") or {}
        declared = node.get("Parameters") or {}

        def give(name: str) -> Callable[[], Any]:
            return lambda: outer.property(logical, "Parameters", name)

        return {name: give(name) for name in declared}

    # ---- names -----------------------------------------------------------------

    def vpc_name(self, stack: Stack, logical: str) -> str:
        """Name a VPC by its logical id, with the stack where several have that."""
        same = [each for each in self.all if logical in each.of_type("AWS::EC2::VPC")]
        return logical if len(same) == 1 else f"{stack.name}.{logical}"

    # ---- exports ---------------------------------------------------------------

    def imported(self, name: str, asking: Stack, place: SourceLocation) -> object:
        """Find what another stack of the account and Region exports.

        Returns:
            The value; unknown text where no stack at hand exports it.
        """
        self._imports.add(name)
        if name in self._values:
            return self._values[name]
        if self._exports is None:
            self._exports = self._all_exports()
        # AWS: AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports: names are
        # unique in an account and Region
        exports = self._exports.get((asking.account, asking.region), {})
        if name in exports:
            stack, output = exports[name]
            return stack.output(output, place)
        text = f"{{{{Fn::ImportValue:{name}}}}}"
        remedy = (
            f'stacks={{"name": template}} with the export, or values={{"{name}": …}}'
        )
        return Text(text, (), remedy)

    def _all_exports(self) -> dict[tuple[str, str], dict[str, tuple[Stack, str]]]:
        found: dict[tuple[str, str], dict[str, tuple[Stack, str]]] = {}
        for stack in self.all:
            exports = found.setdefault((stack.account, stack.region), {})
            for output in stack.template.section("Outputs"):
                if (name := _export_name(stack, output)) is not None:
                    exports[name] = (stack, output)
        return found

    # ---- what was given --------------------------------------------------------

    def check_values(self) -> None:
        """Refuse a value that is of no resource, once everything was evaluated.

        Raises:
            ConfigurationError: with the nearest logical id.
        """
        logical = [each for stack in self.all for each in stack.resources]
        others = self._imports | {each for each in self._values if not _IS_ID(each)}
        for name in self._values:
            head = name.partition(".")[0]
            if head not in logical and name not in others:
                raise unknown("resource of values", head, logical)


def _below(outer: Stack, url: str, place: SourceLocation) -> Template:
    """Read a template that another one names by its path."""
    path, root = outer.template.path or Path(), outer.template.root or Path()
    file = path.parent / url
    if not file.resolve().is_relative_to(root.resolve()):
        raise located(
            advised(
                f"template `{url}` is outside of `{root}`, and is not read",
                f'pass stacks={{"{place.name}": "{url}"}}',
            ),
            place,
        )
    around: Stack | None = outer
    while around is not None:
        if around.template.path and file.resolve() == around.template.path.resolve():
            raise fails(f"template `{url}` is nested in itself", place)
        around = around.outer
    return read_template(file, url, root=root)


def _always(value: object) -> Callable[[], object]:
    return lambda: value


def _export_name(stack: Stack, output: str) -> str | None:
    """Return the name of an export; None where there is none, or a broken one."""
    place = stack.place("Outputs", output)
    declared = stack.template.section("Outputs")[output]
    export = declared.get("Export") if isinstance(declared, dict) else None
    if not isinstance(export, dict):
        return None
    try:
        condition = declared.get("Condition")
        if condition is not None and not stack.condition(condition, place):
            return None
        return written(known(stack.value(export.get("Name"), place), "Name", place))
    except ConfigurationError:
        # What is wrong with an output harms who imports it only.
        return None
