"""Which weights a rollout shifts: a place in a service, and two target groups."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.value import is_whole, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.action import Action
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.service import Listener, Rule, Service

__tracebackhide__ = HIDE

_PERCENT = range(1, 101)
_ALL = 100
# A rollout is between two target groups.
_TWO = 2


class Place(NamedTuple):
    """The one action that is rolled out, by names, which stay.

    Args:
        service: ARN of the service.
        listener: name of the listener.
        rule: name of the rule; None for the default action.
    """

    service: str
    listener: str
    rule: str | None

    def service_in(self, configuration: Configuration) -> Service | None:
        """Return the service; None where it is gone."""
        services = configuration.services
        return next((each for each in services if each.arn == self.service), None)

    def action(self, service: Service) -> Action | None:
        """Return the action; None where there is no such place any more."""
        for listener in service.listeners:
            if listener.name == self.listener:
                if self.rule is None:
                    return listener.default
                for rule in listener.rules:
                    if rule.name == self.rule:
                        return rule.action
        return None

    def with_action(self, service: Service, action: Action) -> Service:
        """Put another action in this place."""

        def of_rule(rule: Rule) -> Rule:
            return replace(rule, action=action) if rule.name == self.rule else rule

        def of_listener(listener: Listener) -> Listener:
            if listener.name != self.listener:
                return listener
            if self.rule is None:
                return replace(listener, default=action)
            return replace(listener, rules=[of_rule(each) for each in listener.rules])

        return replace(
            service, listeners=[of_listener(each) for each in service.listeners]
        )

    def __str__(self) -> str:
        rule = "the default action" if self.rule is None else f"rule `{self.rule}`"
        return f"{rule} of listener `{self.listener}`"


class Shift(NamedTuple):
    """The weights of a place, and how to shift them.

    Args:
        label: the place, with its service.
        before: the action at first.
        old: the target group that loses requests, as the action names it.
        new: the one that gets them.
        names: the names of both.
    """

    label: str
    before: Forward
    old: str
    new: str
    names: tuple[str, str]

    @classmethod
    def of(cls, configuration: Configuration, place: Place, to: str) -> Shift:
        """Find the two target groups of a rollout.

        Raises:
            ConfigurationError: there are no such two.
        """
        service = configuration.service(place.service)
        label = f"{place} of service `{service.name}`"
        action = place.action(service)
        if isinstance(action, FixedResponse) or action is None:
            raise ConfigurationError(f"{label} is a fixed response, without weights")
        groups = {
            name: configuration.target_group_of(service, name)
            for name in action.weights
        }
        to = configuration.target_group_of(service, to).name
        ours = {group.name: name for name, group in groups.items()}
        if len(ours) > _TWO or (len(ours) == _TWO and to not in ours):
            *most, last = (f"`{each}`" for each in ours)
            raise advised(
                f"{label} forwards to {', '.join(most)} and {last}",
                "a rollout shifts weights between two target groups",
            )
        if [*ours] == [to]:
            raise ConfigurationError(f"{label} forwards to `{to}` alone")
        (old,) = (name for name in ours if name != to)
        return cls(label, action, ours[old], ours.get(to, to), (old, to))

    def to(self, percent: int) -> Forward:
        """Give the new group a share; the order of the groups stays."""
        shares = {self.old: _ALL - percent, self.new: percent}
        order = list(dict.fromkeys((*self.before.weights, self.new)))
        return Forward({name: shares[name] for name in order})


def place_in(
    service: Service, listener: int | str | None, rule: int | str | None
) -> Place:
    """Find an action of a service.

    Args:
        service: the service.
        listener: port or name; None if there is one only.
        rule: priority or name; None for the default action.

    Raises:
        ConfigurationError: there is no such listener or rule.
    """
    found = _listener(service, listener)
    if rule is None:
        return Place(service.arn, found.name, None)
    for each in found.rules:
        if rule in (each.priority, each.name):
            return Place(service.arn, found.name, each.name)
    names = (each.name for each in found.rules)
    raise unknown("rule", str(rule), names)


def _listener(service: Service, wanted: int | str | None) -> Listener:
    listeners = service.listeners
    if not listeners:
        raise ConfigurationError(f"service `{service.name}` has no listener")
    if wanted is None and len(listeners) == 1:
        return listeners[0]
    if wanted is None:
        raise advised(
            f"service `{service.name}` has {len(listeners)} listeners",
            "say which: "
            + " or ".join(f"listener={int(each.port)}" for each in listeners),
        )
    for each in listeners:
        if wanted in (each.port, each.name):
            return each
    raise unknown("listener", str(wanted), (each.name for each in listeners))


def percentages(steps: Sequence[int]) -> tuple[int, ...]:
    """Take the steps of a rollout.

    Raises:
        ConfigurationError: they are no rising percentages.
    """
    found = listed(steps, "rollout", "steps")
    for each in found:
        if not is_whole(each, _PERCENT):
            raise ConfigurationError(
                f"step `{each!r}` is not a whole number of percent from 1 to 100"
            )
    if not found or any(after <= before for before, after in pairwise(found)):
        raise ConfigurationError(f"steps `{[*found]}` do not rise")
    return found


def microseconds(every: object) -> int:
    """Take the duration of a step, in seconds.

    Raises:
        ConfigurationError: it is negative, or does not end.
    """
    if not isinstance(every, int | float) or not 0 <= every < inf:
        raise ConfigurationError(f"every `{every!r}` is not a number of seconds")
    return round(every * 1_000_000)
