"""Who is let in: asks the guard, which is made when something first needs it.

Most networks have neither auth policies nor callers, and most of their requests are
not signed; for those no policy engine is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from pytest_lattice.decision.guard import Access, Guard
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.model.service import Service
    from pytest_lattice.model.service_network import ServiceNetwork
    from pytest_lattice.routing.resolve import Way

    #: Says what authentication and authorization make of a request that came to a
    #: listener at a time; None where nobody had to be asked.
    Admit: TypeAlias = Callable[[LatticeRequest, Way, int], Access | None]

__tracebackhide__ = HIDE


class Admission:
    """Lets the requests of one configuration in, or not.

    Args:
        configuration: one that holds together.
        settings: what to choose where AWS is silent; None for the defaults.
        wall: gives the time by which signers outside the network sign, in
            microseconds since 1970.
        warn: is called with what the settings make a warning.

    Raises:
        ConfigurationError: a policy that AWS would refuse.
    """

    def __init__(
        self,
        configuration: Configuration,
        settings: AuthSettings | None,
        *,
        wall: Callable[[], int] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Read the policies, if there are any."""
        self._configuration = configuration
        self._settings = settings
        self._wall = wall
        self._warn = warn
        self._guard: Guard | None = None
        if _asks(configuration):
            self._guard = self._make()

    def admit(self, request: LatticeRequest, way: Way, now: int) -> Access | None:
        """Authenticate and authorize a request by what it carries."""
        guard = self._guard
        if guard is None:
            if not may_be_signed(request):
                return None
            guard = self._guard = self._make()
        return guard.admit(request, way, now, wall=self._wall)

    def _make(self) -> Guard:
        from pytest_lattice.decision.guard import Guard

        return Guard(self._configuration, self._settings, self._warn)


def _asks(configuration: Configuration) -> bool:
    """Tell whether anything declared has to do with auth."""
    resources: tuple[Service | ServiceNetwork, ...] = (
        *configuration.service_networks,
        *configuration.services,
    )
    return bool(configuration.callers) or any(
        each.auth_type == "AWS_IAM" or each.auth_policy is not None
        for each in resources
    )


def may_be_signed(request: LatticeRequest) -> bool:
    """Tell quickly what cannot be signed; the rest is looked at closely."""
    if request.query is not None and "X-Amz-" in request.query:
        return True
    for name, _ in request.headers:  # noqa: SIM110  # half the time of any(…)
        if name == "authorization":
            return True
    return False
