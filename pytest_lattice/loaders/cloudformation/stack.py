"""A stack: a template with its parameters, evaluated when it is asked.

Only what is needed is evaluated, so that parts that say nothing of the network do no
harm; what goes round in circles is found on the way.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pytest_lattice.errors import HIDE, ConfigurationError, unknown
from pytest_lattice.loaders.cloudformation.attributes import attribute
from pytest_lattice.loaders.cloudformation.functions import (
    ABSENT,
    DECIDERS,
    FUNCTIONS,
    dynamic,
)
from pytest_lattice.loaders.cloudformation.loops import unrolled
from pytest_lattice.loaders.cloudformation.parameters import parameter_value
from pytest_lattice.loaders.cloudformation.serverless import with_functions
from pytest_lattice.loaders.cloudformation.template import EXTENSIONS, LOOP
from pytest_lattice.loaders.cloudformation.text import (
    fails,
    known,
    like_list,
    like_map,
    moved,
    written,
)
from pytest_lattice.loaders.reading import (
    LocatedList,
    LocatedMap,
    line_of,
    located,
    mapping,
)
from pytest_lattice.model.names import digest
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_lattice.loaders.cloudformation.template import Template
    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.loaders.notices import Notices

__tracebackhide__ = HIDE

_Found = TypeVar("_Found")
# AWS: AWSCloudFormation/latest/UserGuide/resources-section-structure
_MEMBERS = (
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "IgnoreGlobals",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
)


class Around(Protocol):
    """What a stack asks of those around it."""

    #: What the user is told, once everything is loaded.
    notices: Notices

    def imported(self, name: str, asking: Stack, place: SourceLocation) -> object:
        """Find what another stack exports."""

    def nested(self, outer: Stack, logical: str) -> Stack | None:
        """Find the stack that a resource of a stack is; None if it is not at hand."""

    def vpc_name(self, stack: Stack, logical: str) -> str:
        """Name a VPC."""


class Stack:
    """A stack.

    Args:
        template: its template.
        name: its name.
        account: the 12-digit account it is deployed to.
        region: the Region.
        given: what gives its parameters, by name.
        values: what cannot be known before deployment, by what it is called.
        around: the other stacks.
        outer: the stack that it is nested in.
        logical: its logical id there.
    """

    def __init__(
        self,
        template: Template,
        *,
        name: str,
        account: str,
        region: str,
        given: Mapping[str, Callable[[], Any]],
        values: Mapping[str, Any],
        around: Around,
        outer: Stack | None = None,
        logical: str = "",
    ) -> None:
        """Find the resources; nothing is evaluated yet."""
        self.template, self.name = template, name
        self.account, self.region = account, region
        self.values, self.around, self.outer = values, around, outer
        #: The name of the outermost stack, and the logical ids down to this one.
        self.path: tuple[str, ...] = (*outer.path, logical) if outer else (name,)
        self._given = given
        self._found: dict[tuple[str, ...], Any] = {}
        self._open: list[tuple[str, ...]] = []
        # Which resource uses which, and where it says so.
        self._uses: dict[str, dict[str, SourceLocation]] = {}
        self._pseudo = self._pseudo_parameters()
        self._check_given()
        # What a loop goes through cannot hang on what it makes.
        self.resources: Mapping[str, Any] = {}
        resources = unrolled(self, template.section("Resources"), self.place())
        self.resources = with_functions(template, resources)

    def _check_given(self) -> None:
        for name in self._given:
            if name not in self.template.section("Parameters"):
                raise located(
                    unknown("parameter", name, self.template.section("Parameters")),
                    self.template.file,
                )

    # ---- resources -----------------------------------------------------------

    def place(self, section: str = "", name: str = "") -> SourceLocation:
        """Tell where a section stands, or something in it."""
        file, body = self.template.file, self.template.body
        found = body.get(section)
        line = line_of(found, name) if found else line_of(body)
        return SourceLocation(file, line, f"{section}.{name}" if name else section)

    def place_of(self, logical: str) -> SourceLocation:
        """Tell where a resource stands."""
        line = line_of(self.resources, logical)
        return SourceLocation(self.template.file, line, logical)

    def of_type(self, *types: str) -> Iterator[str]:
        """Find the resources of some types that are deployed, in order."""
        for logical in self.resources:
            if self.type_of(logical) in types and self.is_deployed(logical):
                yield logical

    def type_of(self, logical: str) -> str:
        """Return the type of a resource.

        Raises:
            ConfigurationError: it has none.
        """
        kind = self._member(logical, "Type")
        if not isinstance(kind, str):
            raise fails(f"resource `{logical}` has no type", self.place_of(logical))
        return kind

    def is_deployed(self, logical: str) -> bool:
        """Tell whether the condition of a resource lets it be deployed."""
        condition = self._member(logical, "Condition")
        return condition is None or self.condition(condition, self.place_of(logical))

    def metadata(self, logical: str) -> Mapping[str, Any]:
        """Return the metadata of a resource, as it is written."""
        found = self._member(logical, "Metadata")
        return found if isinstance(found, dict) else {}

    def _member(self, logical: str, name: str) -> Node:
        place = self.place_of(logical)
        return mapping(self.resources[logical], str(place), "a resource").get(name)

    def check_members(self, logical: str) -> None:
        """Refuse a member that no resource has.

        Raises:
            ConfigurationError: such as `Propertys`.
        """
        resource = self.resources[logical]
        for name in resource:
            if name not in _MEMBERS:
                place = moved(self.place_of(logical), line_of(resource, name))
                raise located(unknown("member of a resource", name, _MEMBERS), place)

    def properties(self, logical: str) -> LocatedMap:
        """Evaluate all properties of a resource."""
        place = self.place_of(logical)
        for each in _as_list(self._member(logical, "DependsOn")):
            self._use(str(each), place)
        node = self._member(logical, "Properties")
        made = self.value(node or {}, moved(place, line_of(node)))
        if not isinstance(made, LocatedMap):
            raise fails("Properties is not a mapping", place)
        return made

    def property(self, logical: str, *names: str) -> Node:
        """Evaluate one property of a resource; None where it is left out."""

        def make() -> Node:
            node: Any = self._member(logical, "Properties")
            place = self.place_of(logical)
            for name in names:
                if not isinstance(node, dict) or name not in node:
                    return None
                place = moved(place, line_of(node, name))
                node = node[name]
            made = self.value(node, place)
            return None if made is ABSENT else made

        return self.once(("property", logical, *names), make, self.place_of(logical))

    def text_property(self, logical: str, name: str) -> str | None:
        """Evaluate a property that has to be text and known."""
        found = self.property(logical, name)
        if found is None:
            return None
        place = self.place_of(logical)
        node = self.resources[logical].get("Properties")
        return written(known(found, name, moved(place, line_of(node, name))))

    # ---- values --------------------------------------------------------------

    def value(self, node: Node, place: SourceLocation) -> Node:
        """Evaluate what a template says somewhere."""
        if isinstance(node, dict):
            return self._mapping(node, place)
        if isinstance(node, list | tuple):
            return self._list(node, place)
        if isinstance(node, str):
            return dynamic(self, node)
        return node

    def _mapping(self, node: Node, place: SourceLocation) -> Node:
        if len(node) == 1:
            (name,) = node
            inner = moved(place, line_of(node, name))
            if name in FUNCTIONS:
                return FUNCTIONS[name](self, node[name], inner)
            if name in DECIDERS and name != "Condition":
                raise fails(f"`{name}` stands in Conditions only", inner)
            if name.startswith("Fn::") and not name.startswith(LOOP):
                raise located(unknown("function", name, FUNCTIONS), inner)
        node = unrolled(self, node, place)
        made = like_map(node)
        for key in node:
            line = line_of(node, key)
            value = self.value(node[key], moved(place, line))
            if value is not ABSENT:
                made[key] = value
                if line is not None:
                    made.lines[key] = line
        return made

    def _list(self, node: Node, place: SourceLocation) -> list[Node]:
        made = like_list(node) if isinstance(node, LocatedList) else []
        for position, each in enumerate(node):
            line = line_of(node, position)
            value = self.value(each, moved(place, line))
            if value is not ABSENT:
                made.append(value)
                if isinstance(made, LocatedList) and line is not None:
                    made.lines.append(line)
        return made

    def ref(self, name: str, place: SourceLocation) -> Node:
        """Evaluate `Ref`.

        Raises:
            ConfigurationError: there is nothing of this name, or it is not deployed.
        """
        if name == "AWS::NoValue":
            return ABSENT
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self.template.section("Parameters"):
            return self.parameter(name)
        return self.refer(name, None, place)

    def _pseudo_parameters(self) -> Mapping[str, Any]:
        # AWS: AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference
        key = digest("stack", self.account, self.region, self.name, length=32)
        uuid = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))
        owner = f"{self.region}:{self.account}"
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": f"arn:aws:cloudformation:{owner}:stack/{self.name}/{uuid}",
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
        }

    def refer(self, logical: str, name: str | None, place: SourceLocation) -> Node:
        """Evaluate `Fn::GetAtt`, or `Ref` of a resource where there is no name.

        Raises:
            ConfigurationError: there is no such resource or attribute, or it is not
                deployed.
        """
        if logical not in self.resources:
            raise located(self._no_resource(logical, name), place)
        if not self.is_deployed(logical):
            condition = self._member(logical, "Condition")
            raise fails(
                f"resource `{logical}` is not deployed: condition `{condition}` is "
                "false",
                place,
            )
        self._use(logical, place)
        return self.attribute(logical, name, place)

    def _no_resource(self, logical: str, name: str | None) -> ConfigurationError:
        if name is not None:
            return unknown("resource", logical, self.resources)
        names = [*self.resources, *self.template.section("Parameters"), *self._pseudo]
        error = unknown("resource or parameter", logical, names)
        if ":" in logical:
            error.add_note(f"write `${{!{logical}}}` if a policy variable is meant")
        return error

    def attribute(self, logical: str, name: str | None, place: SourceLocation) -> Node:
        """Find what a reference to a resource gives.

        Raises:
            ConfigurationError: it has no such attribute.
        """
        key = ("attribute", logical, *(() if name is None else (name,)))
        return self.once(key, lambda: attribute(self, logical, name, place), place)

    def parameter(self, name: str) -> Node:
        """Return the value of a parameter.

        Raises:
            ConfigurationError: it has none, or one that it does not allow.
        """
        place = self.place("Parameters", name)
        declared = mapping(
            self.template.section("Parameters")[name], str(place), "a parameter"
        )
        given = self._given.get(name)

        def make() -> Node:
            return parameter_value(name, declared, given and given(), place)

        return self.once(("parameter", name), make, place)

    def condition(self, name: object, place: SourceLocation) -> bool:
        """Tell whether a condition is true.

        Raises:
            ConfigurationError: there is none of this name, or it hangs on what is not
                known.
        """
        conditions = self.template.section("Conditions")
        if not isinstance(name, str) or name not in conditions:
            raise located(unknown("condition", str(name), conditions), place)
        inner = self.place("Conditions", name)
        return self.once(
            ("condition", name), lambda: self.decided(conditions[name], inner), inner
        )

    def decided(self, node: Node, place: SourceLocation) -> bool:
        """Evaluate what stands in Conditions."""
        if isinstance(node, dict) and len(node) == 1:
            (name,) = node
            if name in DECIDERS:
                return DECIDERS[name](self, node[name], place)
        raise fails(f"a condition is one of {', '.join(DECIDERS)}", place)

    def output(self, name: str, place: SourceLocation) -> Node:
        """Evaluate an output.

        Raises:
            ConfigurationError: there is none of this name.
        """
        outputs = self.template.section("Outputs")
        if name not in outputs:
            raise located(unknown("output", name, outputs), place)
        inner = self.place("Outputs", name)
        declared = mapping(outputs[name], str(inner), "an output")
        return self.once(
            ("output", name), lambda: self.value(declared.get("Value"), inner), inner
        )

    def needs_extensions(self, what: str, place: SourceLocation) -> None:
        """Refuse what the transform of language extensions makes possible.

        Raises:
            ConfigurationError: the template does not name the transform.
        """
        # AWS: AWSCloudFormation/latest/TemplateReference (AWS::LanguageExtensions)
        if EXTENSIONS not in self.template.transforms:
            raise fails(
                f"`{what}` needs a transform", place, f"write Transform: {EXTENSIONS}"
            )

    # ---- circles -------------------------------------------------------------

    def once(
        self, key: tuple[str, ...], make: Callable[[], _Found], place: SourceLocation
    ) -> _Found:
        """Find a value once.

        Raises:
            ConfigurationError: it is needed to find itself.
        """
        if key not in self._found:
            if key in self._open:
                circle = [each[1] for each in self._open[self._open.index(key) :]]
                raise _circular([*dict.fromkeys(circle)], place)
            self._open.append(key)
            try:
                self._found[key] = make()
            finally:
                self._open.pop()
        found: _Found = self._found[key]
        return found

    def _use(self, logical: str, place: SourceLocation) -> None:
        self._uses.setdefault(place.name, {}).setdefault(logical, place)

    def check_circles(self) -> None:
        """Refuse resources that wait for each other, as far as they were evaluated.

        Raises:
            ConfigurationError: with the resources of a circle.
        """
        try:
            TopologicalSorter(self._uses).prepare()
        except CycleError as error:
            circle = error.args[1][:0:-1]
            raise _circular(circle, self._uses[circle[-1]][circle[0]]) from None


def _circular(names: Sequence[str], place: SourceLocation) -> ConfigurationError:
    shown = " → ".join(f"`{each}`" for each in (*names, names[0]))
    return fails(f"what refers to what is a circle: {shown}", place)


def _as_list(value: object) -> list[Any]:
    if value is None:
        return []
    return [*value] if isinstance(value, list | tuple) else [value]
