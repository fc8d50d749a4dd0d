"""Everything that pytest-lattice raises.

The tree:

    LatticeError
    ├── ConfigurationError        the declared network is wrong; no request was made
    │   └── UnsupportedFeatureError   a document uses what is not modeled
    ├── TargetError               an app broke the protocol it is called by
    ├── DeliveryError             an access log could not be delivered
    ├── BlockingCallError         a blocking call would wait for the loop it runs on
    ├── EgressError               a host was called that is none of the network's
    └── LatticeAssertionError     a claim about the traffic is wrong (AssertionError)

Messages are one line, lower case, without a final period, with the user's
words in backticks; advice is a note on the error.  What a *network* refuses (403,
404, 5xx) is a response and never an exception.
"""

from __future__ import annotations

from difflib import get_close_matches
from operator import methodcaller
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

_Error = TypeVar("_Error", bound=BaseException)


class LatticeError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(LatticeError):
    """The declared network is wrong; raised before any request is made."""

    #: Where the culprit was written, if a document is to blame; the message says it.
    place: object = None


class UnsupportedFeatureError(ConfigurationError):
    """A document or a question uses what is not modeled; nothing is guessed."""


class TargetError(LatticeError):
    """An app behind a target broke the protocol by which it is called."""


class DeliveryError(LatticeError):
    """An access-log destination did not take its entries; they wait on."""


class BlockingCallError(LatticeError):
    """A blocking call was made on the event loop that would have to answer it."""


class EgressError(LatticeError):
    """A host outside the service network was called where only it may be.

    It is no error of the client's library, so that no retry or fallback swallows it.
    """


class LatticeWarning(UserWarning):
    """What a setting turned from an error into a warning."""


class LatticeAssertionError(LatticeError, AssertionError):
    """A claim about the traffic or a decision does not hold."""


#: As `__tracebackhide__` of a module it keeps our frames out of the traceback of what
#: we raise, but not out of that of a mistake of our own.
HIDE = methodcaller("errisinstance", LatticeError)


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return the notes on an error."""
    return tuple(getattr(error, "__notes__", ()))


def noted(error: _Error, notes: Iterable[str]) -> _Error:
    """Put notes on an error, such as those of the one it takes the place of."""
    for note in notes:
        error.add_note(note)
    return error


def advised(message: str, advice: str) -> ConfigurationError:
    """Build an error with advice as its note.

    Args:
        message: what is wrong.
        advice: how to put it right.
    """
    return noted(ConfigurationError(message), [advice])


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Build the error for a name that nothing has, with the nearest right one.

    Args:
        kind: what was looked for, in AWS's words, such as ``target group``.
        name: the name as the user wrote it.
        known: the names that exist.

    Returns:
        A `ConfigurationError` whose note names the nearest name, or else all.
    """
    names = sorted(set(known))
    # A value in place of its name, as in `services=[shop]`, is no name either.
    if close := get_close_matches(str(name), names, n=1):
        advice = f"did you mean `{close[0]}`?"
    elif names:
        advice = f"known: {', '.join(f'`{each}`' for each in names)}"
    else:
        advice = f"no {kind} is declared"
    return advised(f"unknown {kind} `{name}`", advice)
