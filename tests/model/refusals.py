"""What the user is told: the message of an error and its notes, compared whole."""

from collections.abc import Callable

import pytest

from pytest_lattice.errors import ConfigurationError


def said(error: BaseException) -> list[str]:
    """Give the message and then the notes, as pytest prints them below each other."""
    return [str(error), *getattr(error, "__notes__", ())]


def refused(
    make: Callable[..., object], *arguments: object, **fields: object
) -> list[str]:
    """Call something that must be refused, and give what is said about it."""
    with pytest.raises(ConfigurationError) as caught:
        make(*arguments, **fields)
    return said(caught.value)
