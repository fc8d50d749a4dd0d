"""Text that knows where it came from, and whether it is known before deployment.

What a template says of other resources flows through functions into properties; what
nobody can know yet stays visible as text such as ``{{Lookup.Arn}}``, never guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.loaders.reading import LocatedList, LocatedMap, located

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE


#: A value of a template, as it is written or as it was evaluated.
Node: TypeAlias = Any


class Text(str):
    """Text with its origin.

    Args:
        text: the text.
        names: the logical ids that it says something of.
        remedy: what to pass to make it known; empty for what is known.
    """

    __slots__ = ("names", "remedy")
    names: tuple[str, ...]
    remedy: str

    def __new__(cls, text: str, names: tuple[str, ...] = (), remedy: str = "") -> Self:
        """Keep text and origin."""
        made = super().__new__(cls, text)
        made.names, made.remedy = names, remedy
        return made


def remedy_of(*values: object) -> str:
    """Say what would make values known; empty if all of them are."""
    return next((text.remedy for text in _texts(values) if text.remedy), "")


def names_of(*values: object) -> tuple[str, ...]:
    """Collect the logical ids that values say something of, each once."""
    return tuple(dict.fromkeys(name for text in _texts(values) for name in text.names))


def from_all(text: str, *values: object) -> Text:
    """Write text that was made of values; it is known if all of them are."""
    return Text(text, names_of(*values), remedy_of(*values))


def _texts(value: object) -> Iterator[Text]:
    if isinstance(value, Text):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def written(value: object) -> str:
    """Write a value as CloudFormation puts it into text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def plain(value: Node) -> Node:
    """Copy a value without lines and origins."""
    if isinstance(value, dict):
        return {str(key): plain(value[key]) for key in value}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return str.__str__(value) if isinstance(value, Text) else value


def known(value: Node, what: str, place: SourceLocation) -> Node:
    """Return a value without its origin; refuse it if it is not known yet.

    Args:
        value: any value.
        what: what it is, such as ``ServiceNetworkIdentifier``.
        place: where it stands.

    Raises:
        ConfigurationError: it is not known; the note says what to pass.
    """
    remedy = remedy_of(value)
    if not remedy:
        return plain(value)
    unknown = next(text for text in _texts(value) if text.remedy)
    raise located(
        advised(
            f"{what} is not known before deployment: it is `{unknown}`",
            f"pass {remedy}",
        ),
        place,
    )


def moved(place: SourceLocation, line: int | None) -> SourceLocation:
    """Go to a line of the same resource; None stays."""
    return place if line is None else place._replace(line=line)


def fails(message: str, place: SourceLocation, *notes: str) -> ConfigurationError:
    """Build an error that names its place."""
    error = located(ConfigurationError(message), place)
    for each in notes:
        error.add_note(each)
    return error


def like_map(node: object) -> LocatedMap:
    """Begin a mapping that stands where another one stands."""
    return LocatedMap(getattr(node, "line", None))


def like_list(node: object) -> LocatedList:
    """Begin a list that stands where another one stands."""
    return LocatedList(getattr(node, "line", None))


def listed(value: Node, what: str, place: SourceLocation) -> list[Node]:
    """Return a list; an empty one for what is left out.

    Raises:
        ConfigurationError: it is something else, or not known before deployment.
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        known(value, what, place)
        raise fails(f"{what} is not a list", place)
    return [*value]
