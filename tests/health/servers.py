"""Apps whose health a test decides, and networks in front of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from pytest_lattice import (
    Forward,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

CHECK = HealthCheck(path="/health")
#: A status that does not match is warned of, which most tests do not look at.
QUIET = pytest.mark.filterwarnings(
    "ignore:target .* failed its health check:pytest_lattice.LatticeWarning"
)

Script: TypeAlias = Callable[[], object]


class Wsgi:
    """A WSGI app that answers its health with a status, or does what a test says."""

    def __init__(self, status: int = 200) -> None:
        """Be in the given health."""
        self.status = status
        self.probes: list[str] = []
        #: What happens while it answers a probe.
        self.meanwhile: Script | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        """Answer; requests that are no probes always get a 200."""
        status = 200
        if "health-check" in environ.get("HTTP_USER_AGENT", ""):
            self.probes.append(environ["PATH_INFO"])
            if self.meanwhile is not None:
                self.meanwhile()
            status = self.status
        start_response(f"{status} Some", [])
        return [b"served"]


class Asgi(Wsgi):
    """The same as an ASGI app."""

    async def __call__(  # type: ignore[override]  # another kind of app
        self,
        scope: dict[str, Any],
        receive: Callable[..., Any],
        send: Callable[..., Any],
    ) -> None:
        """Answer; requests that are no probes always get a 200."""
        if scope["type"] != "http":
            raise NotImplementedError
        status = 200
        if any(b"health-check" in value for _, value in scope["headers"]):
            self.probes.append(scope["path"])
            if self.meanwhile is not None:
                self.meanwhile()
            status = self.status
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})


def serve(network: LatticeNetwork, *targets: object, **group: Any) -> LatticeNetwork:  # noqa: ANN401  # as TargetGroup
    """Put targets behind the service `shop`, in the group `web`."""
    network.add(
        TargetGroup("web", targets=targets, **group),
        Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
    )
    return network


def statuses(network: LatticeNetwork, group: str = "web") -> list[str]:
    """List the statuses of a group's targets."""
    return [each.status for each in network.target_health(group)]
