"""How clients come into a network: where they live, and who they are.

Each kind of client is prepared here; the libraries themselves are imported on use.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_lattice.clients.address import base_url
from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.questions import FIRST_PORT, caller_of
from pytest_lattice.routing.resolve import host_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from pytest_lattice.clients.base import Entrance
    from pytest_lattice.clock import Clock
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.questions import Questions

__tracebackhide__ = HIDE

_CLIENT_PORTS = 28_232


class Entrances:
    """Prepares the clients of a network.

    Args:
        plane: where their requests go.
        questions: knows where a client may live.
        clock: the time by which they sign.
    """

    def __init__(self, plane: Entrance, questions: Questions, clock: Clock) -> None:
        """Start with no client."""
        self._plane = plane
        self._questions = questions
        self._clock = clock
        self._ports = count()

    def httpx_settings(
        self,
        configuration: Configuration,
        service: str | None,
        *,
        vpc: str | None,
        address: str | None,
        http2: bool,
        role: str | Caller | None,
        library: ModuleType | None,
        options: Mapping[str, Any],
    ) -> tuple[Any, dict[str, Any]]:
        """Choose what a client of httpx or httpx2 is made with.

        Returns:
            The library, and the arguments of its client.

        Raises:
            ConfigurationError: an unknown service, VPC, caller or library, or an
                option that leads around the network.
        """
        from pytest_lattice.clients import httpx as edge

        library = edge.library_or_default(library)
        edge.check_options(options)
        port = FIRST_PORT + next(self._ports) % _CLIENT_PORTS
        source = self._questions.source(vpc, address, port)
        settings: dict[str, Any] = {
            "transport": edge.NetworkTransport(
                self._plane, source, library=library, http2=http2
            )
        }
        if service is not None:
            settings["base_url"] = base_url(configuration.service(service))
        if role is not None:
            settings["auth"] = self._signer(configuration, role, options)
        return library, settings | dict(options)

    def _signer(
        self,
        configuration: Configuration,
        role: str | Caller,
        options: Mapping[str, Any],
    ) -> object:
        from pytest_lattice.clients.signing import SigV4Auth

        if "auth" in options:
            raise ConfigurationError("a client takes one of role and auth")
        return SigV4Auth(
            caller_of(configuration, role),
            clock=self._clock,
            full_name=self._plane.full_name,
            region_of=self._region_of,
        )

    def _region_of(self, host: str) -> str | None:
        try:
            return self._questions.configuration.service(host_name(host)).region
        except ConfigurationError:
            return None
