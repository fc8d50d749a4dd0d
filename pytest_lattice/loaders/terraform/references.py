"""What an expression refers to, where its value is known only after apply.

A plan gives no source text, only the names that an expression refers to.  They are
followed through variables and outputs of modules to the resources behind them; where
more than one resource could be meant, nothing is chosen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.terraform.document import unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_lattice.loaders.terraform.document import (
        Document,
        Index,
        Instance,
        Json,
        Module,
    )

__tracebackhide__ = HIDE

_STEP = re.compile(r'\.?([A-Za-z_][\w-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
_DEEPEST = 60


class _Missing:
    """No value; None is one."""


_MISSING: Final = _Missing()


class Key(NamedTuple):
    """An index in a reference, such as ``["eu"]``."""

    value: int | str


Step: TypeAlias = "str | Key"


class Place(NamedTuple):
    """Where an expression stands: what ``var``, ``each`` and ``count`` mean there.

    Args:
        module: whose variables and resources it sees.
        key: of the resource or module call it belongs to.
        expanded: the expression of that one's ``for_each``.
    """

    module: Module
    key: Index = None
    expanded: Mapping[str, Any] = {}  # never changed


def place_of(instance: Instance) -> Place:
    """Return where the expressions of a resource stand."""
    expanded = instance.configuration.get("for_each_expression") or {}
    return Place(instance.module, instance.index, expanded)


def steps_of(reference: str) -> tuple[Step, ...]:
    """Split a reference such as ``module.shop["eu"].arn``."""
    return tuple(
        name or Key(int(number) if number else unquoted(text))
        for name, number, text in _STEP.findall(reference)
    )


def longest(references: Sequence[str]) -> list[str]:
    """Leave out what Terraform repeats: each reference is followed by its beginnings.

    Args:
        references: such as ``["a.b.id", "a.b", "each.key"]``.
    """
    kept: list[str] = []
    for each in references:
        if not any(long.startswith((f"{each}.", f"{each}[")) for long in kept):
            kept.append(each)
    return list(dict.fromkeys(kept))


@dataclass(slots=True)
class Found:
    """What an expression refers to.

    Args:
        instances: the resources by address, each with the attribute that is meant;
            empty text where the plan does not say which.
        opaque: references that lead nowhere, such as locals.
    """

    instances: dict[str, tuple[Instance, str]] = field(default_factory=dict)
    opaque: list[str] = field(default_factory=list)


class _Search(NamedTuple):
    """What is looked for, and what was found.

    Args:
        wanted: the types of resources that can be meant; None for all.
        found: where they go.
        depth: how many expressions led here.
    """

    wanted: frozenset[str] | None
    found: Found
    depth: int = 0

    def deeper(self) -> _Search:
        """Look in an expression behind this one."""
        return self._replace(depth=self.depth + 1)


class References:
    """Follows the references of one document."""

    def __init__(self, document: Document) -> None:
        """Take a document."""
        self._document = document
        self._active: set[tuple[int, str, Index]] = set()

    def find(
        self, expression: Json, place: Place, wanted: frozenset[str] | None
    ) -> Found:
        """Find the resources that an expression refers to.

        Args:
            expression: what the plan says of it.
            place: where it stands.
            wanted: the types of resources that can be meant; None for all.
        """
        found = Found()
        self._find(expression, place, (), _Search(wanted, found))
        return found

    # ---- to resources ---------------------------------------------------------

    def _find(
        self,
        expression: Json,
        place: Place,
        hints: tuple[Step, ...],
        search: _Search,
    ) -> None:
        references = longest((expression or {}).get("references") or ())
        here = (id(expression), place.module.address, place.key)
        if here in self._active or search.depth > _DEEPEST:
            return  # a circle, which Terraform itself would refuse
        self._active.add(here)
        self._find_all(references, place, hints, search)
        self._active.discard(here)

    def _find_all(
        self,
        references: Sequence[str],
        place: Place,
        hints: tuple[Step, ...],
        search: _Search,
    ) -> None:
        split = [steps_of(each) for each in references]
        indexes = [key for steps in split if (key := self._index(steps, place))]
        # `a.b[each.key].id` is written as `a.b` and `each.key`; with more than one of
        # the second kind nobody can tell how they make an index.
        inner = (*(indexes if len(indexes) == 1 else ()), *hints)
        for steps in split:
            if self._index(steps, place):
                continue
            if steps[:2] == ("each", "value"):
                own = () if place.key is None else (Key(place.key),)
                here = (*own, *steps[2:])
                self._find(place.expanded, place, here, search.deeper())
            else:
                self._follow(steps, place, inner, search)

    def _index(self, steps: tuple[Step, ...], place: Place) -> Key | None:
        """Take a reference to a known text or number as the index it may be."""
        if steps[0] not in {"each", "count", "var"}:
            return None
        value = self.value(steps, place)
        return Key(value) if isinstance(value, int | str) else None

    def _follow(
        self,
        steps: tuple[Step, ...],
        place: Place,
        hints: tuple[Step, ...],
        search: _Search,
    ) -> None:
        match steps:
            case ("var", str(name), *rest):
                module, called = place.module, place.module.call
                expression = (called.get("expressions") or {}).get(name)
                if module.parent is None or expression is None:
                    return
                outer = _caller(module)
                inner = (*rest, *hints)
                self._find(expression, outer, inner, search.deeper())
            case ("module", str(name), *rest):
                self._follow_module(name, (*rest, *hints), place, search)
            case ("data", str(kind), str(name), *rest):
                key = ("data", kind, name)
                self._take(key, (*rest, *hints), place.module, search)
            case (
                "local" | "path" | "terraform" | "self" | "each" | "count",
                *_,
            ) | (_,):
                search.found.opaque.append(_written(steps))
            case (str(kind), str(name), *rest):
                key = ("managed", kind, name)
                self._take(key, (*rest, *hints), place.module, search)

    def _follow_module(
        self,
        name: str,
        rest: tuple[Step, ...],
        place: Place,
        search: _Search,
    ) -> None:
        for module, left in _children(place.module, name, rest):
            outputs = module.configuration.get("outputs") or {}
            # `module.x[each.key].arn` is written as `module.x` and `each.key`: which
            # output is meant is lost, so each that leads to a wanted type may be.
            named = left[:1] if left and left[0] in outputs else tuple(outputs)
            inner = left[1:] if left and left[0] in outputs else left
            for output in named:
                expression = outputs[output].get("expression")
                here = Place(module)
                self._find(expression, here, inner, search.deeper())

    @staticmethod
    def _take(
        key: tuple[str, str, str],
        rest: tuple[Step, ...],
        module: Module,
        search: _Search,
    ) -> None:
        if search.wanted is not None and key[1] not in search.wanted:
            return
        instances = module.instances.get(key, {})
        keys = [each.value for each in rest if isinstance(each, Key)]
        names = [each for each in rest if isinstance(each, str)]
        if len(instances) > 1 or None not in instances:
            chosen = next((each for each in keys if each in instances), None)
            if chosen is not None:
                instances = {chosen: instances[chosen]}
            elif rest and isinstance(rest[0], Key):
                instances = {}
        for each in instances.values():
            search.found.instances[each.address] = (each, names[0] if names else "")

    # ---- to values --------------------------------------------------------------

    def value(self, steps: tuple[Step, ...], place: Place, depth: int = 0) -> Json:
        """Find the value of a reference, as far as the plan gives it away.

        Returns:
            The value; `UNKNOWN` or a marker of its own where there is none.
        """
        if depth > _DEEPEST:
            return _MISSING
        match steps:
            case ("each", "key") | ("count", "index"):
                return place.key
            case ("each", "value", *rest):
                items = self.evaluated(place.expanded, place, depth + 1)
                if isinstance(items, dict):
                    return _walk(items, (Key(str(place.key)), *rest))
                return place.key if isinstance(items, list) else _MISSING
            case ("var", str(name), *rest):
                return _walk(self._variable(name, place, depth), rest)
            case _:
                found = Found()
                self._follow(steps, place, (), _Search(None, found, depth + 1))
                values = [
                    instance.values.get(attribute, _MISSING)
                    for instance, attribute in found.instances.values()
                ]
                return values[0] if len(values) == 1 else _MISSING

    def _variable(self, name: str, place: Place, depth: int) -> Json:
        module = place.module
        declared = (module.configuration.get("variables") or {}).get(name) or {}
        default = declared.get("default", _MISSING)
        if module.parent is None:
            return self._document.variables.get(name, {}).get("value", default)
        expression = (module.call.get("expressions") or {}).get(name)
        if expression is None:
            return default
        return self.evaluated(expression, _caller(module), depth + 1)

    def evaluated(self, expression: Json, place: Place, depth: int = 0) -> Json:
        """Find the value of an expression that is a constant or a single reference."""
        expression = expression or {}
        if "constant_value" in expression:
            return expression["constant_value"]
        references = longest(expression.get("references") or ())
        if len(references) != 1:
            return _MISSING
        return self.value(steps_of(references[0]), place, depth)


def _caller(module: Module) -> Place:
    """Return where the arguments of a module call stand."""
    assert module.parent is not None  # noqa: S101  # callers checked it
    expanded = module.call.get("for_each_expression") or {}
    return Place(module.parent, module.index, expanded)


def _children(
    module: Module, name: str, rest: tuple[Step, ...]
) -> Iterator[tuple[Module, tuple[Step, ...]]]:
    """Find the instances of a module call that a reference can mean."""
    call = (module.configuration.get("module_calls") or {}).get(name)
    if call is None:
        return
    if not {"count_expression", "for_each_expression"} & set(call):
        yield module.child(name, None), rest
        return
    keys = [each for each in rest if isinstance(each, Key)]
    if rest and isinstance(rest[0], Key):
        yield module.child(name, rest[0].value), rest[1:]
        return
    known = module.children.get(name, {})
    hinted = next((each for each in keys if each.value in known), None)
    if hinted is not None:
        left = tuple(each for each in rest if each is not hinted)
        yield known[hinted.value], left
        return
    for each in list(known.values()):
        yield each, rest


def _walk(value: Json, steps: Sequence[Step]) -> Json:
    for step in steps:
        key = step.value if isinstance(step, Key) else step
        if isinstance(value, list) and isinstance(key, int):
            value = dict(enumerate(value))
        if not isinstance(value, dict) or key not in value:
            return _MISSING
        value = value[key]
    return value


def _written(steps: Sequence[Step]) -> str:
    return "".join(
        f"[{step.value!r}]" if isinstance(step, Key) else f".{step}" for step in steps
    ).removeprefix(".")
