"""How each kind of field is written in a document: read, written, and as JSON Schema.

The shapes follow the annotations of the model's fields, so that the document format is
one to one with the model and cannot fall behind it.
"""

from __future__ import annotations

import inspect
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.loaders.reading import column_of, line_of, located
from pytest_lattice.model.action import FixedResponse, Forward, WeightedTargetGroup
from pytest_lattice.model.caller import MANAGED_PREFIX, Certificate
from pytest_lattice.model.fault import FAILURES
from pytest_lattice.model.service import HeaderMatch, Listener, Rule
from pytest_lattice.model.source import SourceLocation
from pytest_lattice.model.target_group import HealthCheck, Target

if TYPE_CHECKING:
    from pytest_lattice.model.action import Action
    from pytest_lattice.model.value import Value

__tracebackhide__ = HIDE


# One argument in a docstring of Google's style.
_ARGUMENT = re.compile(r"^    (\w+): ((?:.+\n(?:        .+\n)*))", re.MULTILINE)


class Place(NamedTuple):
    """Where in a file a value stands.

    Args:
        file: the file, as the user gave it.
        line: the line; None where it is not known.
        column: the column; None where it is not known.
        path: the keys that lead there, such as ``services[0].name``.
    """

    file: str
    line: int | None = None
    column: int | None = None
    path: str = ""

    def at(self, container: object, key: str | int) -> Place:
        """Go into a mapping or list."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.path else key
        line, column = line_of(container, key), column_of(container, key)
        if line is None:
            line, column = self.line, self.column
        return Place(self.file, line, column, self.path + step)

    def __str__(self) -> str:
        """Write file, line, column and path."""
        marks = (self.file, self.line, self.column)
        where = ":".join(str(each) for each in marks if each is not None)
        return f"{where}, {self.path}" if self.path else where

    def refuse(self, why: str, advice: str | None = None) -> NoReturn:
        """Raise an error that names the place."""
        error = ConfigurationError(why)
        if advice is not None:
            error = advised(why, advice)
        raise located(error, self) from None


class Shape(NamedTuple):
    """One way to write a value.

    Args:
        read: makes the value of what a document holds.
        write: makes what a document holds of the value.
        schema: its JSON Schema.
    """

    read: Callable[[Any, Place], Any]
    write: Callable[[Any], Any]
    schema: Mapping[str, Any]


def _same(value: Any) -> Any:  # noqa: ANN401  # any field's
    return value


def _typed(kind: type, said: str, schema: Mapping[str, Any]) -> Shape:
    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        exact = isinstance(value, kind) and (kind is bool or value is not bool(value))
        if not exact:
            place.refuse(f"`{value!r}` is not {said}")
        return value

    return Shape(read, kind, schema)


TEXT = _typed(str, "text", {"type": "string"})
WHOLE = _typed(int, "a whole number", {"type": "integer"})
FLAG = _typed(bool, "true or false", {"type": "boolean"})


def choice(*words: str) -> Shape:
    """Take one of several words."""

    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        if value not in words:
            raise located(unknown("value", str(value), words), place) from None
        return value

    return Shape(read, str, {"enum": list(words)})


def list_of(item: Shape) -> Shape:
    """Take a list."""

    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        if not isinstance(value, list):
            place.refuse(f"`{value!r}` is not a list")
        return [item.read(each, place.at(value, n)) for n, each in enumerate(value)]

    return Shape(
        read,
        lambda values: [item.write(each) for each in values],
        {"type": "array", "items": item.schema},
    )


def map_of(item: Shape) -> Shape:
    """Take a mapping from text."""

    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        if not isinstance(value, Mapping):
            place.refuse(f"`{value!r}` is not a mapping")
        return {key: item.read(value[key], place.at(value, key)) for key in value}

    return Shape(
        read,
        lambda values: {key: item.write(values[key]) for key in values},
        {"type": "object", "additionalProperties": item.schema},
    )


def any_of(*shapes: Shape) -> Shape:
    """Take the first shape that fits; the last one says what is wrong."""
    *others, last = shapes

    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        for shape in others:
            try:
                return shape.read(value, place)
            except ConfigurationError:
                continue
        return last.read(value, place)

    return Shape(read, _same, {"anyOf": [each.schema for each in shapes]})


NUMBER = any_of(WHOLE, _typed(float, "a number", {"type": "number"}))


# ---- values of the model -------------------------------------------------------


def value_of(cls: type[Any], noun: str) -> Shape:
    """Take a value of the model, written as a mapping of its fields.

    Args:
        cls: its class.
        noun: what errors call it, such as ``target group``.
    """
    names = [each.name for each in fields(cls) if each.compare]

    def read(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
        if not isinstance(value, Mapping):
            place.refuse(f"`{value!r}` is not a {noun}", f"its keys: {_list(names)}")
        for key in value:
            if key not in names:
                where = place.at(value, key)
                raise located(unknown(f"key of a {noun}", key, names), where) from None
        given = {key: value[key] for key in value if value[key] is not None}
        for name in _required(cls):
            if name not in given:
                place.refuse(f"a {noun} needs `{name}`")
        made = {
            key: shape_of(cls, key).read(given[key], place.at(value, key))
            for key in given
        }
        if "source" in cls.__dataclass_fields__:
            name = str(made.get("name", "") or made.get("id", ""))
            made["source"] = SourceLocation(place.file, place.line, name)
        try:
            return cls(**made)
        except ConfigurationError as error:
            raise located(error, place) from None

    return Shape(read, write_fields, {"$ref": f"#/$defs/{cls.__name__}"})


def write_fields(value: Value) -> dict[str, Any]:
    """Write the fields that are not at their defaults."""
    return {
        field.name: shape_of(type(value), field.name).write(given)
        for field, given in value.given_fields()
        if given is not None
    }


def shape_of(cls: type[Any], name: str) -> Shape:
    """Return the shape of a field."""
    annotation = _annotations(cls)[name].removesuffix(" | None")
    own: Mapping[str, Shape] = getattr(cls, "SHAPES", {})
    return own.get(annotation) or SHAPES[annotation]


def definition(cls: type[Any]) -> dict[str, Any]:
    """Write the JSON Schema of a value, described by its docstring."""
    described = _descriptions(cls)
    properties: dict[str, Any] = {
        each.name: {
            "description": described[each.name],
            **shape_of(cls, each.name).schema,
        }
        for each in fields(cls)
        if each.compare
    }
    doc = inspect.getdoc(cls) or ""
    return {
        "type": "object",
        "description": doc.partition("\n")[0],
        "properties": properties,
        "required": _required(cls),
        "additionalProperties": False,
    }


def _annotations(cls: type[Any]) -> dict[str, str]:
    return {each.name: str(each.type) for each in fields(cls)}


def _required(cls: type[Any]) -> list[str]:
    return [
        each.name
        for each in fields(cls)
        if each.default is MISSING and each.default_factory is MISSING
    ]


def _descriptions(cls: type[Any]) -> dict[str, str]:
    """Read the arguments of a docstring of Google's style."""
    doc = inspect.getdoc(cls) or ""
    section = re.search(r"^Args:\n((?:    .*\n|\n)+)", f"{doc}\n", re.MULTILINE)
    found = _ARGUMENT.findall(section[1] if section else "")
    return {name: " ".join(text.split()).replace("``", "`") for name, text in found}


def _list(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ---- what has a short spelling -------------------------------------------------


def _read_action(value: Any, place: Place) -> Action:  # noqa: ANN401  # a document's
    keys = list(value) if isinstance(value, Mapping) else []
    if keys not in (["forward"], ["fixed_response"]):
        place.refuse(
            f"`{value!r}` is not an action",
            "write {forward: name}, {forward: {name: weight}} or {fixed_response: 404}",
        )
    (key,) = keys
    inner, where = value[key], place.at(value, key)
    try:
        if key == "fixed_response":
            return FixedResponse(inner)
        if isinstance(inner, list):
            inner = list_of(_WEIGHTED).read(inner, where)
        return Forward(inner)
    except ConfigurationError as error:
        raise located(error, where) from None


def _write_action(action: Action) -> dict[str, Any]:
    if isinstance(action, FixedResponse):
        return {"fixed_response": action.status_code}
    names, weights = list(action.weights), action.weights
    only = len(names) == 1 and Forward(names[0]) == action
    return {"forward": names[0] if only else dict(weights)}


def _read_policy(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
    if not isinstance(value, str | Mapping):
        place.refuse(f"`{value!r}` is not a policy")
    return value


def _write_policy(text: str) -> Any:  # noqa: ANN401  # a document's
    if text.startswith(MANAGED_PREFIX):
        return text.removeprefix(MANAGED_PREFIX)
    return json.loads(text)


def _read_headers(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
    if isinstance(value, Mapping):
        return map_of(TEXT).read(value, place)
    return list_of(_HEADER).read(value, place)


def _write_headers(headers: tuple[HeaderMatch, ...]) -> Any:  # noqa: ANN401  # a document's
    short = {each.name: each.exact for each in headers}
    plain = (HeaderMatch(name, exact=text) for name, text in short.items() if text)
    if tuple(plain) == headers:
        return short
    return list_of(_HEADER).write(headers)


def _read_targets(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
    if isinstance(value, str):
        return value
    return list_of(_TARGET).read(value, place)


def _read_app(value: Any, place: Place) -> Any:  # noqa: ANN401  # a document's
    if not isinstance(value, str):
        advice = "write `echo` or a URL, and bind other apps with targets="
        place.refuse(f"`{value!r}` is not an app", advice)
    return value


def _write_app(app: object) -> str | None:
    # An app of Python's is bound again when the document is loaded.
    return app if isinstance(app, str) else None


def _read_destination(value: Any, place: Place) -> Path | str:  # noqa: ANN401  # a document's
    text: str = TEXT.read(value, place)
    return text if text.startswith("arn:") else Path(text)


def _read_time(value: Any, place: Place) -> datetime:  # noqa: ANN401  # a document's
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        place.refuse(f"`{value}` is not a time", "one is 2026-01-01T00:00:00+00:00")


def _read_body(value: Any, place: Place) -> str | bytes:  # noqa: ANN401  # a document's
    if isinstance(value, Mapping) and list(value) == ["base64"]:
        try:
            return b64decode(value["base64"], validate=True)
        except (TypeError, ValueError):
            place.refuse(f"`{value['base64']}` is not base64")
    if not isinstance(value, str):
        place.refuse(f"`{value!r}` is not text", "write bytes as {base64: aGk=}")
    return value


def _write_body(body: str | bytes) -> str | dict[str, str]:
    return {"base64": b64encode(body).decode()} if isinstance(body, bytes) else body


_WEIGHTED = value_of(WeightedTargetGroup, "weighted target group")
_HEADER = value_of(HeaderMatch, "header match")
_TARGET = value_of(Target, "target")
_WEIGHT_SCHEMA = {"type": "integer", "minimum": 0, "maximum": 999}
_ACTION = Shape(
    _read_action,
    _write_action,
    {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            "forward": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "object", "additionalProperties": _WEIGHT_SCHEMA},
                    {"type": "array", "items": _WEIGHTED.schema},
                ]
            },
            "fixed_response": {"enum": [404, 500]},
        },
    },
)
_BODY = Shape(
    _read_body,
    _write_body,
    {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["base64"],
                "additionalProperties": False,
                "properties": {"base64": {"type": "string"}},
            },
        ]
    },
)
_POLICY = Shape(_read_policy, _write_policy, {"type": ["object", "string"]})
_AUTH_TYPE = choice("NONE", "AWS_IAM")

#: By the annotation of a field of the model, without ``| None``.
SHAPES: dict[str, Shape] = {
    "str": TEXT,
    "int": WHOLE,
    "bool": FLAG,
    "float": NUMBER,
    "object": Shape(_read_app, _write_app, {"type": "string"}),
    "datetime": Shape(_read_time, datetime.isoformat, {"type": "string"}),
    "str | bytes": _BODY,
    "Failure": choice(*FAILURES),
    "Path | str": Shape(_read_destination, str, {"type": "string"}),
    "Action": _ACTION,
    "PolicyDocument": _POLICY,
    "AuthType | Literal['']": _AUTH_TYPE,
    "ListenerProtocol": choice("HTTP", "HTTPS", "TLS_PASSTHROUGH"),
    "TargetGroupType": choice("INSTANCE", "IP", "LAMBDA", "ALB"),
    "Literal['HTTP', 'HTTPS']": choice("HTTP", "HTTPS"),
    "Literal['HTTP', 'HTTPS', 'TCP']": choice("HTTP", "HTTPS", "TCP"),
    "Literal['HTTP1', 'HTTP2']": choice("HTTP1", "HTTP2"),
    "Literal['HTTP1', 'HTTP2', 'GRPC']": choice("HTTP1", "HTTP2", "GRPC"),
    "Literal['IPV4', 'IPV6']": choice("IPV4", "IPV6"),
    "Literal['V1', 'V2']": choice("V1", "V2"),
    "HealthCheck": value_of(HealthCheck, "health check"),
    "Certificate": value_of(Certificate, "certificate"),
    "Mapping[str, str]": map_of(TEXT),
    "Mapping[str, Sequence[str]]": map_of(list_of(TEXT)),
    "Mapping[str, str] | Sequence[HeaderMatch]": Shape(
        _read_headers,
        _write_headers,
        {"anyOf": [map_of(TEXT).schema, list_of(_HEADER).schema]},
    ),
    "Sequence[str]": list_of(TEXT),
    "Sequence[Rule]": list_of(value_of(Rule, "rule")),
    "Sequence[Listener]": list_of(value_of(Listener, "listener")),
    "Sequence[PolicyDocument]": list_of(_POLICY),
    "Sequence[object] | str": Shape(
        _read_targets,
        list_of(_TARGET).write,
        {"anyOf": [{"type": "string"}, list_of(_TARGET).schema]},
    ),
}
