"""What answers behind the target groups of a document: `targets=` of the loaders.

A document says which instances, functions or services stand behind a target group; a
test says which app plays them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.target_group import Target

if TYPE_CHECKING:
    from pytest_lattice.loaders.assembly import Part

__tracebackhide__ = HIDE

#: By name of a target group, or of what one of its targets is: an app, or a list with
#: one for each target. Alone, ``"echo"`` answers behind every group.
Bindings: TypeAlias = Mapping[str, object] | str | tuple[()]
_ECHO = "echo"


def bound_targets(
    groups: Iterable[Part], bindings: Bindings, *, strict: bool
) -> list[tuple[Part, tuple[Target, ...]]]:
    """Find the targets of each group, with what answers behind them.

    Args:
        groups: the target groups; each target of ``values["targets"]`` has ``id``,
            ``port``, ``app`` if the document says it, and ``names``, by which it may be
            bound alone.
        bindings: what to bind.
        strict: whether a target that nothing is bound to is an error.

    Raises:
        ConfigurationError: a binding that fits nothing, as many apps as there are no
            targets, or, where it is strict, a target without an app.
    """
    groups = list(groups)
    if bindings == _ECHO:
        bindings = {group.name: _ECHO for group in groups}
    elif bindings != () and not isinstance(bindings, Mapping):
        raise advised(
            f"targets `{bindings}` is not a mapping",
            'write targets={"name of a target group": app}, or targets="echo"',
        )
    given = dict(bindings)
    _check_names(groups, given)
    return [(group, _targets(group, given, strict=strict)) for group in groups]


def _check_names(groups: Sequence[Part], given: Mapping[str, object]) -> None:
    known: list[str] = []
    for group in groups:
        known += [*_group_names(group)]
        for target in group.values.get("targets") or ():
            known += [*_target_names(target)]
    for name in given:
        if name not in known:
            shown = (each for each in known if not each.startswith("arn:"))
            raise unknown("target group or target", name, shown)


def _group_names(group: Part) -> tuple[str, ...]:
    return tuple(dict.fromkeys((group.name, *group.names, group.id, group.arn)))


def _target_names(target: Mapping[str, Any]) -> tuple[str, ...]:
    names = (target.get("id"), *target.get("names", ()))
    return tuple(str(name) for name in names if name)


def _targets(
    group: Part, given: Mapping[str, object], *, strict: bool
) -> tuple[Target, ...]:
    declared = group.values.get("targets") or ()
    # AWS: ECS and Auto Scaling register targets that no document names
    targets = [_declared(group, each) for each in declared] or [
        Target(source=group.source)
    ]
    named = [name for name in _group_names(group) if name in given]
    if named:
        targets = _with_apps(group, targets, given[named[0]], open_ended=not declared)
    for position, each in enumerate(declared):
        for name in _target_names(each):
            if name in given:
                targets[position] = replace(targets[position], app=given[name])
    if strict and any(target.app is None for target in targets):
        raise located(
            advised(
                f"nothing is bound to target group `{group.name}`",
                f'bind an app with targets={{"{group.name}": app}}',
            ),
            group.source,
        )
    return tuple(targets)


def _declared(group: Part, target: Mapping[str, Any]) -> Target:
    names = ("id", "port", "app")
    fields = {name: target[name] for name in names if target.get(name)}
    try:
        return Target(**fields, source=group.source)
    except ConfigurationError as error:
        raise located(error, group.source) from None


def _with_apps(
    group: Part, targets: Sequence[Target], apps: object, *, open_ended: bool
) -> list[Target]:
    if not isinstance(apps, list | tuple):
        return [replace(target, app=apps) for target in targets]
    if open_ended:
        return [Target(app=app, source=group.source) for app in apps]
    if len(apps) != len(targets):
        raise located(
            ConfigurationError(
                f"target group `{group.name}` has {len(targets)} targets, "
                f"and {len(apps)} apps are bound to it"
            ),
            group.source,
        )
    pairs = zip(targets, apps, strict=True)
    return [replace(target, app=app) for target, app in pairs]
