"""The common manners of declared values: checked, frozen, and with a short repr.

What is of another type is refused in the user's words.  A value prints as the user
would write it: what is left at its default or was derived is not shown.  It knows
nothing of AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from pytest_lattice.errors import HIDE, ConfigurationError, advised

if TYPE_CHECKING:
    from collections.abc import Iterator
    from dataclasses import Field

__tracebackhide__ = HIDE

_Given = TypeVar("_Given")
_Item = TypeVar("_Item")


class DerivedText(str):
    """Text that a value filled in by itself, such as the name of a rule.

    It is text like any other, but `dataclasses.replace` does not freeze it: the new
    value derives it anew.
    """

    __slots__ = ()


class DerivedNumber(int):
    """A number that a value filled in by itself; see `DerivedText`."""

    __slots__ = ()


class HiddenText(str):
    """Text that a document marks as sensitive: it counts, and no repr shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Say why nothing is shown."""
        return "(sensitive value)"


#: The default of a number that is derived when left out.
LEFT_OUT = DerivedNumber(0)


def given(value: _Given) -> _Given | None:
    """Return what the user gave; None in place of what a value had derived."""
    return None if isinstance(value, DerivedText | DerivedNumber) else value


def is_whole(value: object, allowed: range) -> bool:
    """Tell a whole number of a range from anything else, `True` and `1.0` included."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    # A range searches for an instance of a subclass one by one.
    return int(value) in allowed


def listed(
    things: Iterable[_Given], where: str, name: str, kind: type = object
) -> tuple[_Given, ...]:
    """Take a list as a tuple.

    Args:
        things: what the user gave.
        where: whose list it is, such as ``service `shop` ``.
        name: the name of the list.
        kind: what it is a list of.

    Raises:
        ConfigurationError: it is one thing in place of a list, has no order, or
            holds something else.
    """
    if isinstance(things, str | bytes | AbstractSet | Mapping) or not isinstance(
        things, Iterable
    ):
        raise advised(f"{where}: {name} is not a list", f"write {_as_list(things)}")
    found = tuple(things)
    for each in found:
        if not isinstance(each, kind):
            raise ConfigurationError(f"{where}: `{each!r}` is not a {kind.__name__}")
    return found


def _as_list(thing: object) -> str:
    if thing is None:
        return "[]"
    if isinstance(thing, AbstractSet | Mapping):
        return repr(list(thing))
    return f"[{thing!r}]"


def check_text(text: object, where: str) -> None:
    """Refuse what is not text.

    Raises:
        ConfigurationError: it is none; a value in place of its name is advised of it.
    """
    if isinstance(text, str):
        return
    error = ConfigurationError(f"{where} `{text!r}` is not text")
    if isinstance(text, Value) and (name := getattr(text, "name", None)):
        error.add_note(f"did you mean `{name}`?")
    raise error


def check_texts(value: object, where: str, *names: str) -> None:
    """Refuse fields that are neither text nor None.

    Args:
        value: whose fields they are.
        where: that in words, such as ``service `shop` ``.
        names: the fields.

    Raises:
        ConfigurationError: one of them is something else.
    """
    for name in names:
        text = getattr(value, name)
        if text is not None:
            check_text(text, f"{where}: {name.replace('_', ' ')}")


def check_flag(flag: object, where: str) -> None:
    """Refuse what is neither true nor false, for `"false"` would count as true.

    Raises:
        ConfigurationError: it is neither.
    """
    if not isinstance(flag, bool):
        raise ConfigurationError(f"{where} `{flag!r}` is not true or false")


class Value:
    """Base of the declared values; adds no field."""

    __slots__ = ()
    #: Fields that are shown even where they were derived.
    _SHOWN: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """Show the fields that the user gave and that differ from their defaults."""
        parts = [
            f"{field.name}={value!r}" if field.kw_only else repr(value)
            for field, value in self.given_fields(shown=self._SHOWN)
        ]
        return f"{type(self).__name__}({', '.join(parts)})"

    def given_fields(
        self, *, shown: frozenset[str] = frozenset()
    ) -> Iterator[tuple[Field[object], Any]]:
        """Yield the fields that say what the value would not be without them.

        Args:
            shown: names of fields to yield even where they were derived.
        """
        for field in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, field.name)
            derived = isinstance(value, DerivedText | DerivedNumber)
            # What is not compared, such as a place in a document, says nothing of it.
            if not field.compare or (derived and field.name not in shown):
                continue
            if not _is_default(field, value):
                yield field, value

    def _set(self, **changes: object) -> None:
        """Replace fields while the frozen value is being constructed."""
        for name, value in changes.items():
            object.__setattr__(self, name, value)


def _is_default(field: Field[object], value: object) -> bool:
    default = (
        field.default if field.default_factory is MISSING else field.default_factory()
    )
    if default is MISSING or default is LEFT_OUT:
        return False
    return bool(value == default)


def first_twice(things: Iterable[_Given]) -> _Given | None:
    """Return the first thing that comes more than once; None if there is none."""
    listed = list(things)
    if len(set(listed)) == len(listed):
        return None
    return next(each for each in listed if listed.count(each) > 1)


class ReadOnly(dict[str, _Item]):
    """A mapping that cannot be changed.

    Unlike `types.MappingProxyType` it can be copied, pickled and written as JSON.
    """

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a declared value cannot be changed; use dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[ReadOnly[_Item]], tuple[dict[str, _Item]]]:
        """Copy and unpickle through the constructor."""
        return type(self), (dict(self),)


def read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Copy tags, a mapping of strings, into a mapping that cannot be changed.

    Raises:
        ConfigurationError: they are no mapping.
    """
    if not isinstance(mapping, Mapping):
        raise advised(f"tags `{mapping!r}` are not a mapping", 'write {"key": "value"}')
    return ReadOnly({str(key): _text(mapping[key]) for key in mapping})


def _text(value: object) -> str:
    return value if isinstance(value, HiddenText) else str(value)
