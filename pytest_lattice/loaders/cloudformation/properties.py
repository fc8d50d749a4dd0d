"""Properties held to their form: what each may be, and what it becomes.

A form reads an evaluated value, checks it as CloudFormation does, and returns it in the
words of the API, whose members begin with a small letter.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.loaders.cloudformation.text import (
    fails,
    known,
    moved,
    plain,
    remedy_of,
    written,
)
from pytest_lattice.loaders.reading import line_of, located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE


class Form(Protocol):
    """What a property may be."""

    def read(self, value: Node, what: str, place: SourceLocation) -> Node:
        """Return a value in the words of the API.

        Args:
            value: the evaluated value.
            what: what it is, such as ``Config.Port``.
            place: where it stands.

        Raises:
            ConfigurationError: it has another form, or is needed and not known yet.
        """


@dataclass(frozen=True, slots=True)
class String:
    """Text of some length; one that is `free` may be unknown before deployment."""

    least: int = 0
    most: int = 2048
    pattern: str = ""
    free: bool = False

    def read(self, value: Node, what: str, place: SourceLocation) -> str:
        """Read text; numbers and truths are text too."""
        if isinstance(value, dict | list) or value is None:
            raise fails(f"{what} is not text", place)
        if self.free and remedy_of(value):
            return str(plain(value))
        text = written(known(value, what, place))
        if not self.least <= len(text) <= self.most:
            # AWS: AWSCloudFormation/latest/TemplateReference: the lengths of each type
            raise fails(
                f"{what} has {len(text)} characters, not {self.least} to {self.most}",
                place,
            )
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise fails(f"{what} `{text}` does not match `{self.pattern}`", place)
        return text


@dataclass(frozen=True, slots=True)
class Identifier:
    """The id or ARN of a resource, by the prefix of its ids."""

    kind: str
    prefixes: tuple[str, ...]

    def read(self, value: Node, what: str, place: SourceLocation) -> str:
        """Read an id or an ARN."""
        if isinstance(value, dict | list):
            raise fails(f"{what} is not text", place)
        text = written(known(value, what, place))
        last = text.rpartition("/")[2] if text.startswith("arn:") else text
        if not re.fullmatch(rf"({'|'.join(self.prefixes)})-[0-9a-z]{{8,17}}", last):
            raise fails(
                f"{what} `{text}` is no id or ARN of a {self.kind}",
                place,
                "refer to one of the template: !Ref or !GetAtt X.Arn",
            )
        return text


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few words."""

    words: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict)

    def read(self, value: Node, what: str, place: SourceLocation) -> str:
        """Read one of the words."""
        text = written(known(value, what, place))
        if text not in self.words:
            error = unknown(what, text, self.words)
            if text in self.notes:
                error.add_note(self.notes[text])
            raise located(error, place)
        return text


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, which may be written as text."""

    least: int
    most: int

    def read(self, value: Node, what: str, place: SourceLocation) -> int:
        """Read a number."""
        text = written(known(value, what, place))
        # AWS: CloudFormation converts text where a type is a number
        if not re.fullmatch(r"-?[0-9]{1,9}", text) or not (
            self.least <= int(text) <= self.most
        ):
            raise fails(
                f"{what} `{text}` is not a whole number from {self.least} to "
                f"{self.most}",
                place,
            )
        return int(text)


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false, which may be written as text."""

    def read(self, value: Node, what: str, place: SourceLocation) -> bool:
        """Read a truth."""
        text = written(known(value, what, place))
        if text not in {"true", "false"}:
            raise fails(f"{what} `{text}` is neither true nor false", place)
        return text == "true"


@dataclass(frozen=True, slots=True)
class Each:
    """A list of some length."""

    of: Form
    least: int = 0
    most: int = 2000

    def read(self, value: Node, what: str, place: SourceLocation) -> list[Node]:
        """Read each item."""
        if not isinstance(value, list | tuple):
            raise fails(f"{what} is not a list", place)
        if not self.least <= len(value) <= self.most:
            raise fails(
                f"{what} has {len(value)} items, not {self.least} to {self.most}", place
            )
        return [
            self.of.read(
                each, f"{what}[{position}]", moved(place, line_of(value, position))
            )
            for position, each in enumerate(value)
        ]


@dataclass(frozen=True, slots=True)
class Members:
    """A mapping.

    Args:
        forms: by name of a property.
        required: those that must be there.
        notes: advice for those that are often written and are none.
        defaults: what CloudFormation fills in, in the words of the API.
        one: whether just one of them has to be there.
    """

    forms: Mapping[str, Form]
    required: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    one: bool = False

    def read(self, value: Node, what: str, place: SourceLocation) -> dict[str, Node]:
        """Read each property."""
        if not isinstance(value, dict):
            raise fails(f"{what} is not a mapping", place)
        for name in value:
            if name not in self.forms:
                error = unknown(f"property of {what}", name, self.forms)
                if name in self.notes:
                    error.__notes__ = [self.notes[name]]
                raise located(error, moved(place, line_of(value, name)))
        for name in self.required:
            if value.get(name) is None:
                raise fails(f"{what} needs `{name}`", place)
        there = [name for name in value if value[name] is not None]
        if self.one and len(there) != 1:
            names = ", ".join(f"`{name}`" for name in self.forms)
            raise fails(f"{what} takes one of {names}, not {len(there)}", place)
        read = {
            f"{name[:1].lower()}{name[1:]}": self.forms[name].read(
                value[name],
                name if what.startswith("AWS::") else f"{what}.{name}",
                moved(place, line_of(value, name)),
            )
            for name in there
        }
        return {**self.defaults, **read}


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags: a list of `Key` and `Value`, which becomes a mapping."""

    def read(self, value: Node, what: str, place: SourceLocation) -> dict[str, str]:
        """Read tags; values may be unknown before deployment."""
        text = String(1, 256, free=True)
        form = Members({"Key": String(1, 128), "Value": text}, ("Key", "Value"))
        listed = Each(form, most=50).read(value, what, place)
        return {each["key"]: each["value"] for each in listed}


@dataclass(frozen=True, slots=True)
class Document:
    """A policy, as a mapping or as text.

    Args:
        most: how many characters its compact text has at most.
    """

    most: int

    def read(self, value: Node, what: str, place: SourceLocation) -> Node:
        """Read a policy; only values of conditions may be unknown."""
        if isinstance(value, str):
            text = str(known(value, what, place))
            document: Any = text
        else:
            document = policy_document(value, what, place)
            text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        if len(text) > self.most:
            raise fails(
                f"{what} has {len(text)} characters, more than {self.most}", place
            )
        return document


def policy_document(
    value: Node,
    what: str,
    place: SourceLocation,
    free: tuple[str, ...] = ("Condition",),
) -> Node:
    """Read a policy document.

    Args:
        value: the evaluated value.
        what: what it is.
        place: where it stands.
        free: the members of a statement that may be unknown before deployment.

    Raises:
        ConfigurationError: another member is not known yet.
    """
    if not isinstance(value, dict):
        raise fails(f"{what} is not a policy document", place)
    for name in value:
        inner = moved(place, line_of(value, name))
        if name != "Statement":
            known(value[name], f"{what}.{name}", inner)
            continue
        several = value[name] if isinstance(value[name], list) else [value[name]]
        for number, statement in enumerate(several):
            if isinstance(statement, dict):
                _check_statement(statement, f"{what}.Statement[{number}]", inner, free)
    return plain(value)


def _check_statement(
    statement: Mapping[str, Any],
    what: str,
    place: SourceLocation,
    free: tuple[str, ...],
) -> None:
    for member in statement:
        if member not in free:
            inner = moved(place, line_of(statement, member))
            known(statement[member], f"{what}.{member}", inner)
