"""How the targets of a network come, go and are: what a test calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.model.registration import with_registered, without_deregistered
from pytest_lattice.model.target_group import TargetStatus

if TYPE_CHECKING:
    from threading import RLock

    from pytest_lattice.health.checks import HealthChecks
    from pytest_lattice.model.configuration import Changeable, Configuration
    from pytest_lattice.model.target_health import TargetHealthTable
    from pytest_lattice.routing.state import State

__tracebackhide__ = HIDE

_STATUSES: tuple[str, ...] = get_args(TargetStatus)


class TargetOperations:
    """What can be done with the targets of a network; the network is one of these."""

    _health: HealthChecks
    _change: RLock
    _configuration: Configuration

    if TYPE_CHECKING:

        def change(self, *resources: Changeable) -> None:
            """Change what is declared."""

        def _state_or_raise(self) -> State: ...

    def register_targets(self, target_group: str, *targets: object) -> None:
        """Register targets with a group while requests are made.

        They get requests once they have passed a health check, at the next interval
        of the group; at once where the group has no checks.  A target that drains
        comes back.

        Args:
            target_group: name, id or ARN of the group.
            targets: 1 to 100 apps or `Target` values, as `TargetGroup` takes them.

        Raises:
            ConfigurationError: an unknown group, a target that is registered, or what
                AWS would refuse; nothing has been registered then.

        AWS: vpc-lattice/latest/ug/register-targets
        """
        with self._change:
            self._state_or_raise()
            group = self._configuration.target_group(target_group)
            draining = self._health.draining(group)
            self.change(with_registered(group, targets, draining))

    def deregister_targets(self, target_group: str, *targets: object) -> None:
        """Deregister targets from a group while requests are made.

        They get no more requests and drain for a minute of virtual time; requests
        that are under way are finished, however long they take.  Functions and load
        balancers are gone at once.

        Args:
            target_group: name, id or ARN of the group.
            targets: 1 to 100 ids, `Target` values or apps; an id means all its ports.

        Raises:
            ConfigurationError: an unknown group, or a target that is not registered;
                nothing has been deregistered then.

        AWS: vpc-lattice/latest/ug/register-targets
        """
        with self._change:
            self._state_or_raise()
            group = self._configuration.target_group(target_group)
            self.change(without_deregistered(group, targets))

    def target_health(self, target_group: str) -> TargetHealthTable:
        """List the targets of a group with their health; as text it is a table.

        Args:
            target_group: name, id or ARN of the group.

        Raises:
            ConfigurationError: an unknown group.
            BlockingCallError: a first health check would have to call an app on the
                event loop that runs here; ``await clock.aadvance(0)`` makes it.

        AWS: vpc-lattice/latest/APIReference/API_ListTargets
        """
        self._state_or_raise()
        self._health.begin()
        with self._change:
            return self._health.table(self._configuration.target_group(target_group))

    def set_target_status(
        self, target_group: str, target: str, status: TargetStatus | None
    ) -> None:
        """Hold a target in a state, whatever its health checks say.

        Args:
            target_group: name, id or ARN of the group.
            target: the target's id.
            status: AWS's status, such as ``UNHEALTHY``; None lets the health checks
                decide again, which went on meanwhile.

        Raises:
            ConfigurationError: an unknown group, target or status.

        AWS: vpc-lattice/latest/ug/target-group-health-checks
        """
        self._state_or_raise()
        if status is not None and status not in _STATUSES:
            raise unknown("target status", status, _STATUSES)
        with self._change:
            group = self._configuration.target_group(target_group)
            self._health.pin(group, target, status)
