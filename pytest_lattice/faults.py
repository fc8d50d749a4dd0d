"""The faults of one network: where they stand, and how many requests they met.

What a fault does is known by `targets.faulty`; it is asked for where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.targets.waiting import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.clock import Clock
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.fault import Fault
    from pytest_lattice.model.target_group import Target, TargetGroup
    from pytest_lattice.targets.base import AppTarget
    from pytest_lattice.targets.faulty import CountedFault
    from pytest_lattice.targets.lambda_event import LambdaSettings


class Faults:
    """Puts faults in front of what answers.

    Args:
        app_of: finds what answers behind a target.
        clock: the network's clock.
        settings: what to choose for Lambda functions where AWS is silent.
    """

    def __init__(
        self,
        app_of: Callable[[TargetGroup, Target], AppTarget],
        clock: Clock,
        settings: LambdaSettings | None,
    ) -> None:
        """Know no fault yet."""
        self._app_of = app_of
        self._waits = Waits(clock)
        self._settings = settings
        self._counted: dict[Fault, CountedFault] = {}
        self._faults: dict[str, list[Fault]] = {}

    def use(self, configuration: Configuration) -> None:
        """Let the declared faults act; those that stay go on counting."""
        faults: dict[str, list[Fault]] = {}
        for each in configuration.faults:
            arn = configuration.target_group(each.target_group).arn
            faults.setdefault(arn, []).append(each)
        self._counted = {
            each: self._counted.get(each) or _counted(each)
            for each in configuration.faults
        }
        self._faults = faults

    def of(self, group: TargetGroup, target: Target) -> AppTarget:
        """Return what answers for a target, behind its faults.

        Raises:
            ConfigurationError: no app is bound to it.
        """
        app = self._app_of(group, target)
        counted = tuple(
            self._counted[each]
            for each in self._faults.get(group.arn, ())
            if each.target in {None, target.id}
        )
        if not counted:
            return app
        from pytest_lattice.targets.faulty import FaultyTarget
        from pytest_lattice.targets.lambda_event import LambdaSettings

        settings = self._settings or LambdaSettings()
        return FaultyTarget(app, counted, waits=self._waits, settings=settings)


def _counted(fault: Fault) -> CountedFault:
    from pytest_lattice.targets.faulty import CountedFault

    return CountedFault(fault)
