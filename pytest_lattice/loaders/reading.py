"""Files and YAML (or JSON) text as plain values that know their lines.

PyYAML's events are put together here, because its own constructors forget lines,
take dates and octal numbers for something else than text, and may be made to run
code.  Nothing in a document is executed; what is too large is refused unread.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError, advised, noted, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    #: Makes a value of a tagged one: the tag without ``!``, the value, and an error.
    Tagged: TypeAlias = Callable[[str, Any, Callable[[str], NoReturn]], Any]

__tracebackhide__ = HIDE

#: The largest file that is read, in bytes.
LARGEST = 32 * 1024 * 1024
# Aliases count each time, so that a few lines cannot stand for millions.
_MOST_VALUES = 2_000_000
_DEEPEST = 100
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"(yes|true|on)|(no|false|off)", re.IGNORECASE)
# No octal, no sexagesimal: account ids and times are text.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_STANDARD = "tag:yaml.org,2002:"


class LocatedMap(dict[str, Any]):
    """A mapping of a document, with the line of itself, and line and column of keys."""

    __slots__ = ("columns", "line", "lines")

    def __init__(self, line: int | None = None) -> None:
        """Start empty."""
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}
        self.columns: dict[str, int] = {}


class LocatedList(list[Any]):
    """A list of a document, with the line of itself, and line and column of items."""

    __slots__ = ("columns", "line", "lines")

    def __init__(self, line: int | None = None) -> None:
        """Start empty."""
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        self.columns: list[int] = []


def line_of(container: object, key: object = None) -> int | None:
    """Return the line of a container, or of what it has under a key.

    Args:
        container: any value; only those of a document have lines.
        key: a key of a mapping or a position in a list; None for the container's own.
    """
    own: int | None = getattr(container, "line", None)
    if isinstance(container, LocatedMap) and isinstance(key, str):
        return container.lines.get(key, own)
    if isinstance(container, LocatedList) and isinstance(key, int):
        return container.lines[key]
    return own


def column_of(container: object, key: object) -> int | None:
    """Return the column of what a container has under a key; see `line_of`."""
    if isinstance(container, LocatedMap) and isinstance(key, str):
        return container.columns.get(key)
    if isinstance(container, LocatedList) and isinstance(key, int):
        return container.columns[key]
    return None


def path_of(path: str | Path) -> Path:
    """Take the path of a file.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(path, str | PathLike):
        raise ConfigurationError(f"`{path!r}` is not a path")
    return Path(path)


def read_text(path: str | Path) -> str:
    """Read a file as UTF-8 text.

    Args:
        path: the file.

    Raises:
        ConfigurationError: there is no such file, it is larger than 32 MiB, or it is
            not text.
    """
    file = path_of(path)
    try:
        if file.stat().st_size > LARGEST:
            raise ConfigurationError(
                f"`{path}` has {file.stat().st_size} bytes, more than {LARGEST}"
            )
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"`{path}` is not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(
            f"`{path}` cannot be read: {error.strerror or error}"
        ) from None
    except ValueError:  # a character that no name of a file has
        raise ConfigurationError(f"`{path!r}` can be the name of no file") from None


def parse_documents(text: str, file: str, *, tagged: Tagged | None = None) -> list[Any]:
    """Read YAML or JSON text.

    Args:
        text: the text.
        file: how errors call it.
        tagged: makes values of tagged ones such as ``!Ref x``; None allows no tags.

    Returns:
        The documents in it; mappings and lists know their lines.

    Raises:
        ConfigurationError: it is no YAML, has a key twice, a tag that is not
            allowed, or stands for more than two million values.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # JSON may be indented with tabs, YAML may not; in JSON's strings there are none.
    text = text.replace("\t", " ") if text.lstrip()[:1] in {"{", "["} else text
    builder = _Builder(file, tagged)
    try:
        return builder.documents(yaml.parse(text, Loader=loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join(str(error.problem or error.context).split())
        raise ConfigurationError(f"{file}{line}: {problem}") from None
    except yaml.reader.ReaderError as error:
        # The position counts characters or bytes, by who reads.
        number = text.partition(chr(error.character))[0].count("\n") + 1
        said = f"character {error.character:#04x} is not allowed"
        raise ConfigurationError(f"{file}:{number}: {said}") from None


def parse_document(text: str, file: str, *, tagged: Tagged | None = None) -> Any:  # noqa: ANN401  # YAML
    """Read YAML or JSON text that is one document; see `parse_documents`.

    Raises:
        ConfigurationError: as there, or it is not one document.
    """
    documents = parse_documents(text, file, tagged=tagged)
    if len(documents) != 1:
        said = f"holds {len(documents)} documents, not one" if documents else "is empty"
        raise ConfigurationError(f"{file}:1: the file {said}")
    return documents[0]


class _Builder:
    """Puts values together from the events of one file."""

    def __init__(self, file: str, tagged: Tagged | None) -> None:
        self._file = file
        self._tagged = tagged
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def documents(self, events: Iterable[Any]) -> list[Any]:
        found, rest = [], iter(events)
        for event in rest:
            if type(event).__name__ == "DocumentStartEvent":
                self._anchors = {}
                found.append(self._value(next(rest), rest, 0))
        return found

    def _value(self, event: Any, rest: Iterator[Any], depth: int) -> Any:  # noqa: ANN401  # YAML
        line = event.start_mark.line + 1
        if depth > _DEEPEST:
            self._refuse(line, f"nested deeper than {_DEEPEST} levels")
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event.anchor, line)
        before = self._count
        self._add(1, line)
        value: Any
        if kind == "MappingStartEvent":
            value = self._mapping(rest, line, depth)
        elif kind == "SequenceStartEvent":
            value = self._sequence(rest, line, depth)
        else:
            value = event.value
            if event.implicit[0] or event.tag in _SCALARS:
                value = _scalar(event.value, event.tag)
        value = self._with_tag(event, value, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _with_tag(self, event: Any, value: Any, line: int) -> Any:  # noqa: ANN401  # YAML
        tag = event.tag
        if tag is None or tag == "!" or tag in _SCALARS or tag in _COLLECTIONS:
            return value

        def refuse(why: str) -> NoReturn:
            self._refuse(line, why)

        shown = tag.replace(_STANDARD, "!!", 1)
        if self._tagged is None or not tag.startswith("!"):
            refuse(f"tag `{shown}` is not allowed")
        return self._tagged(tag[1:], value, refuse)

    def _alias(self, anchor: str, line: int) -> Any:  # noqa: ANN401  # YAML
        if anchor not in self._anchors:
            self._refuse(line, f"alias `*{anchor}` has no anchor before it")
        value, size = self._anchors[anchor]
        self._add(size, line)
        return value

    def _mapping(self, rest: Iterator[Any], line: int, depth: int) -> LocatedMap:
        value, merged = LocatedMap(line), LocatedMap(line)
        while type(event := next(rest)).__name__ != "MappingEndEvent":
            key_line, column = event.start_mark.line + 1, event.start_mark.column + 1
            key = self._value(event, rest, depth + 1)
            if isinstance(key, dict | list):
                self._refuse(key_line, "a key is not text")
            written = event.value if hasattr(event, "value") else str(key)
            item = self._value(next(rest), rest, depth + 1)
            if written == "<<" and event.implicit[0]:
                self._merge(merged, item, key_line)
                continue
            if written in value:
                self._refuse(key_line, f"key `{written}` is there twice")
            value[written] = item
            value.lines[written], value.columns[written] = key_line, column
        for key in merged:
            if key not in value:
                value[key] = merged[key]
                value.lines[key] = merged.lines[key]
                value.columns[key] = merged.columns[key]
        return value

    def _merge(self, merged: LocatedMap, item: object, line: int) -> None:
        for each in item if isinstance(item, list) else [item]:
            if not isinstance(each, LocatedMap):
                self._refuse(line, "`<<` merges mappings only")
            for key in each:
                if key not in merged:
                    merged[key] = each[key]
                    merged.lines[key] = each.lines[key]
                    merged.columns[key] = each.columns[key]

    def _sequence(self, rest: Iterator[Any], line: int, depth: int) -> LocatedList:
        value = LocatedList(line)
        while type(event := next(rest)).__name__ != "SequenceEndEvent":
            value.lines.append(event.start_mark.line + 1)
            value.columns.append(event.start_mark.column + 1)
            value.append(self._value(event, rest, depth + 1))
        return value

    def _add(self, size: int, line: int) -> None:
        self._count += size
        if self._count > _MOST_VALUES:
            self._refuse(line, f"stands for more than {_MOST_VALUES} values")

    def _refuse(self, line: int, why: str) -> NoReturn:
        raise ConfigurationError(f"{self._file}:{line}: {why}")


_COLLECTIONS = frozenset({_STANDARD + "map", _STANDARD + "seq"})
_SCALARS = frozenset(
    _STANDARD + name for name in ("str", "int", "float", "bool", "null", "timestamp")
)


def _scalar(text: str, tag: str | None) -> Any:  # noqa: ANN401  # YAML
    """Read a plain scalar; dates stay text, as policies have them."""
    if tag == _STANDARD + "str":
        return text
    if _NULL.fullmatch(text):
        return None
    if match := _BOOLEAN.fullmatch(text):
        return match[1] is not None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def is_plain_text(text: str) -> bool:
    """Tell text that is read as text although nothing marks it so."""
    return isinstance(_scalar(text, None), str)


def located(error: ConfigurationError, place: object) -> ConfigurationError:
    """Say in an error where its culprit was written.

    Args:
        error: what a value of the model said.
        place: such as ``orders.yaml:42, OrdersRule``; an error that has a place
            keeps it, since the first is the nearest.

    Returns:
        An error of the same kind, with the same notes.
    """
    if error.place is not None:
        return error
    moved = noted(type(error)(f"{error} ({place})"), notes_of(error))
    moved.place = place
    return moved


def mapping(value: object, where: str, what: str) -> dict[str, Any]:
    """Hold a value of a document to a mapping.

    Args:
        value: the value.
        where: its place, such as ``orders.yaml:42``.
        what: what it should be, such as ``Properties``.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(value, dict):
        raise advised(f"{where}: {what} is not a mapping", f"it is `{_short(value)}`")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  # a line
