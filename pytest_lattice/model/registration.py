"""Target groups with more targets, or fewer, or changed as AWS lets them change.

Each function takes a group and gives another one, or refuses; what becomes of targets
that are in use is not known here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.target_group import Target, as_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lattice.model.target_group import TargetGroup

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference/API_RegisterTargets, API_DeregisterTargets
_AT_ONCE = 100
# AWS: vpc-lattice/latest/APIReference/API_UpdateTargetGroup: the health check only
_FIXED = (
    "type",
    "protocol",
    "protocol_version",
    "port",
    "vpc",
    "ip_address_type",
    "lambda_event_structure_version",
)


def with_registered(
    group: TargetGroup, targets: Sequence[object], draining: Iterable[Target]
) -> TargetGroup:
    """Register targets.

    Args:
        group: the target group.
        targets: `Target` values or apps, as `TargetGroup` takes them.
        draining: those that drain, whose ids no new target gets by itself.

    Raises:
        ConfigurationError: none or too many, or what AWS would refuse.
    """
    _check_count(targets, "registers")
    taken = {each.id for each in (*group.registered, *draining)}
    added = []
    for each in targets:
        target = as_target(each, f"target group `{group.name}`")
        if not target.id:
            target = replace(target, id=group.free_id(taken))
            taken.add(target.id)
        added.append(target)
    return replace(group, targets=(*group.registered, *added))


def without_deregistered(group: TargetGroup, named: Sequence[object]) -> TargetGroup:
    """Deregister targets.

    Args:
        group: the target group.
        named: ids, `Target` values or apps; an id means all its ports.

    Raises:
        ConfigurationError: none or too many, or one that is not registered.
    """
    _check_count(named, "deregisters")
    left = list(group.registered)
    for each in named:
        found = [target for target in group.registered if _is_meant(each, target)]
        if not found:
            raise _unknown_target(group, each)
        left = [target for target in left if target not in found]
    return replace(group, targets=left)


def check_change(old: TargetGroup, new: TargetGroup) -> None:
    """Refuse a change that AWS cannot make.

    Args:
        old: the group as it is declared.
        new: what is to take its place.

    Raises:
        ConfigurationError: another type, protocol, version, port, VPC or address type.
    """
    for name in _FIXED:
        was, is_ = getattr(old, name), getattr(new, name)
        if was != is_:
            raise advised(
                f"target group `{old.name}`: {name} cannot change "
                f"from `{was}` to `{is_}`",
                "AWS updates the health check only; declare another target group",
            )


def _check_count(targets: Sequence[object], verb: str) -> None:
    if not 1 <= len(targets) <= _AT_ONCE:
        raise ConfigurationError(
            f"one call {verb} 1 to {_AT_ONCE} targets, not {len(targets)}"
        )


def _is_meant(named: object, target: Target) -> bool:
    if isinstance(named, str):
        return target.id == named
    if not isinstance(named, Target):
        return target.app is named
    if not named.id and named.app is not None:
        return target.app is named.app
    return target.id == named.id and named.port in {None, target.port}


def _unknown_target(group: TargetGroup, named: object) -> ConfigurationError:
    name = named.id if isinstance(named, Target) else named
    known = (each.id for each in group.registered)
    return unknown(f"target of target group `{group.name}`", str(name), known)
