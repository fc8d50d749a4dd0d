"""What an assertion is about: requests, however a test hands them over.

A response carries its `Exchange` among its extensions, so it is read without knowing
any client library. What says nothing about a request is refused in one line that
says what to pass instead.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
)
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, TypeVar

from pytest_lattice.decision.decide import Decision
from pytest_lattice.decision.exchange import EXTENSION, Exchange
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeAssertionError,
    LatticeError,
)
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.outcome import (
    Admitted,
    Denied,
    Unreachable,
    Unroutable,
)
from pytest_lattice.model.source import called, written
from pytest_lattice.model.value import given

if TYPE_CHECKING:
    from pytest_lattice.model.target_group import TargetGroup
    from pytest_lattice.routing.state import RuleState

_Read = TypeVar("_Read")

__tracebackhide__ = HIDE

_REQUESTS = "a response of the network's client, an exchange, a decision, or several"
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Subject:
    """One request that an assertion is about.

    Args:
        decision: what was decided about it.
        exchange: what came back; None where only the network was asked.
    """

    decision: Decision
    exchange: Exchange | None = None

    @property
    def status(self) -> int | None:
        """The HTTP status; None where a target would have to be asked."""
        if self.exchange is not None:
            return self.exchange.response.status
        outcome = self.decision.outcome
        if isinstance(outcome, FixedResponse):
            return outcome.status_code
        return outcome.status if isinstance(outcome, Denied | Unroutable) else None

    @property
    def reason(self) -> str:
        """Why the network ended the request; empty where it did not."""
        outcome = self.decision.outcome
        if isinstance(outcome, Denied | Unroutable):
            return outcome.reason
        if isinstance(outcome, Admitted):
            return "no rule was asked"
        if isinstance(outcome, Unreachable):
            return f"{outcome.error}: {outcome.reason}"
        return ""

    def explain(self) -> str:
        """Write the decision, and what came of it, as text."""
        return (self.exchange or self.decision).explain()


def subjects(x: object) -> list[Subject]:
    """Tell which requests a thing is about.

    Args:
        x: a response, an exchange or a decision, or an iterable of these.

    Raises:
        LatticeError: it is none of these; the message says what to pass instead.
    """
    return collect(x, _subject, _REQUESTS)


def _subject(x: object) -> Subject | None:
    if isinstance(x, Decision):
        return Subject(x)
    exchange = exchange_of(x)
    return None if exchange is None else Subject(exchange.decision, exchange)


def exchange_of(x: object) -> Exchange | None:
    """Return an exchange, or the one that a response carries, or None."""
    if isinstance(x, Exchange):
        return x
    extensions = getattr(x, "extensions", None)
    if extensions is None:
        # `grpc.intercept_channel` wraps calls; their metadata comes through.
        extensions = getattr(_metadata_of(x), "extensions", None)
    found = extensions.get(EXTENSION) if isinstance(extensions, Mapping) else None
    return found if isinstance(found, Exchange) else None


def _metadata_of(call: object) -> object:
    ask = getattr(type(call), "initial_metadata", None)
    if not callable(ask) or iscoroutinefunction(ask):
        return None
    return ask(call)


def collect(
    x: object, read: Callable[[object], _Read | None], wanted: str
) -> list[_Read]:
    """Read a thing, or else each item of an iterable of things.

    Args:
        x: what the test passed.
        read: returns None for what it cannot read.
        wanted: what the test could have passed, in words.

    Raises:
        LatticeError: something cannot be read, or there is nothing.
    """
    if (single := read(x)) is not None:
        return [single]
    if not isinstance(x, Iterable) or _is_one_thing(x):
        raise refusal(x, wanted)
    items = list(x)
    if not items:
        raise LatticeAssertionError(
            f"an empty {type(x).__name__} shows nothing; pass {wanted}"
        )
    found = []
    for position, item in enumerate(items, start=1):
        if (one := read(item)) is None:
            for each in items:
                _close(each)
            raise refusal(item, wanted, f" (item {position} of {len(items)})")
        found.append(one)
    return found


def _is_one_thing(x: object) -> bool:
    """Tell what can be iterated over, and yet is no list of requests."""
    return _is_response(x) or isinstance(
        x, str | bytes | Mapping | Awaitable | Decision
    )


def _is_response(x: object) -> bool:
    """Tell whether it is a response of whatever library."""
    return hasattr(x, "headers") and (hasattr(x, "status_code") or hasattr(x, "status"))


def _close(x: object) -> None:
    """Spare the test a second complaint, about a coroutine that never ran."""
    if isinstance(x, Coroutine):
        x.close()


def refusal(x: object, wanted: str, where: str = "") -> LatticeError:
    """Build the error for what says nothing about a request.

    Args:
        x: what the test passed.
        wanted: what it could have passed, in words.
        where: its place in a list.
    """
    kind = type(x).__name__
    if isinstance(x, Awaitable):
        _close(x)
        name = getattr(x, "__qualname__", kind)
        return ConfigurationError(
            f"`{name}` was not awaited{where}; pass what `await` gives"
        )
    if _is_response(x):
        # Those of httpx and grpc carry one, if they came through a network.
        return LatticeAssertionError(
            f"`{_short(x)}` carries no exchange of a service network{where}; if it "
            "came through one, pass the network's `exchanges`"
        )
    if isinstance(x, AsyncIterable):
        return ConfigurationError(
            f"`{kind}` is asynchronous{where}; pass [each async for each in it]"
        )
    if hasattr(x, "exchanges"):
        return ConfigurationError(
            f"a {kind} is many requests{where}; pass its `exchanges`"
        )
    if isinstance(x, Decision):
        return ConfigurationError(f"a decision sends nothing{where}; pass {wanted}")
    return ConfigurationError(f"`{_short(x)}` shows no request{where}; pass {wanted}")


def _short(x: object) -> str:
    text = repr(x)
    says_much = len(text) <= _LONGEST and "\n" not in text and " at 0x" not in text
    return text if says_much else type(x).__name__


def find_target_group(decision: Decision, name: str) -> TargetGroup:
    """Find a target group that the called service can forward to.

    Args:
        decision: what was decided about the request.
        name: its name, id or ARN.

    Raises:
        ConfigurationError: there is none; the nearest name is a note.
    """
    configuration, service = decision.state.configuration, decision.service
    try:
        if service is None:
            return configuration.target_group(name)
        return configuration.target_group_of(service, name)
    except ConfigurationError as error:
        raise error.with_traceback(None) from None


def rule_label(state: RuleState) -> str:
    """Name a rule, with its name and place if it has them: ``rule 10 `admin` ``."""
    if state.rule is None:
        return state.label
    named = f" `{state.rule.name}`" if given(state.rule.name) else ""
    return f"{state.label}{named}{written(state.rule.source)}"


def listener_label(decision: Decision) -> str:
    """Name the listener that took a request, with its service."""
    listener, service = decision.listener, decision.service
    if listener is None or service is None:
        return "no listener"
    return f"{called('listener', listener)} of {called('service', service)}"


def place_label(decision: Decision) -> str:
    """Name the rule that a request came to, with its listener and service."""
    if decision.rule_state is None:
        return f"no rule ({Subject(decision).reason})"
    return f"{rule_label(decision.rule_state)} of {listener_label(decision)}"


def joined(parts: Iterable[str]) -> str:
    """Join words as a sentence does: ``a``, ``a and b``, ``a, b and c``."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def plural(count: int, noun: str) -> str:
    """Count things: ``1 request``, ``2 requests``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
