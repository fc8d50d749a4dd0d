"""The common manners of declared values: a short repr and frozen collections.

A value prints as the user would write it: fields left at their default are not
shown.  It knows nothing of AWS.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Value:
    """Base of the declared values; adds no field."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show the fields that differ from their defaults."""
        parts = []
        for field in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, field.name)
            if not field.repr or _is_default(field, value):
                continue
            text = repr(dict(value) if isinstance(value, MappingProxyType) else value)
            parts.append(f"{field.name}={text}" if field.kw_only else text)
        return f"{type(self).__name__}({', '.join(parts)})"

    def _set(self, **changes: object) -> None:
        """Replace fields while the frozen value is being constructed."""
        for name, value in changes.items():
            object.__setattr__(self, name, value)


def _is_default(field: Any, value: object) -> bool:
    default = (
        field.default if field.default_factory is MISSING else field.default_factory()
    )
    return default is not MISSING and bool(value == default)


def read_only(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Copy a mapping of strings into one that cannot be changed."""
    return MappingProxyType({str(key): str(mapping[key]) for key in mapping})
