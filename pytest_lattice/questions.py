"""Questions without traffic: what would happen to a request, and who may make it.

Questions draw from decks of their own, so asking disturbs no traffic.  What was asked
before is remembered as a request until the configuration changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.clients.address import header_pairs, place, request_to
from pytest_lattice.decision.decide import Decision, authorize, decide
from pytest_lattice.errors import HIDE, LatticeError, advised
from pytest_lattice.model.message import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lattice.clock import Clock
    from pytest_lattice.decision.admission import Admission, Admit
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.routing.state import State
    from pytest_lattice.routing.weights import Draw

__tracebackhide__ = HIDE

#: How many different questions are remembered as requests.
_ASKED = 1000
#: The first port that clients call from.
FIRST_PORT = 32_768


class Questions:
    """Answers questions about a compiled state.

    Args:
        clock: the network's clock.
        draw: where choices come from.
    """

    def __init__(self, clock: Clock, draw: Draw) -> None:
        """Start without a state."""
        self._clock = clock
        self._draw = draw
        self._compiled: tuple[State, Admission] | None = None
        self._requests: dict[tuple[object, ...], LatticeRequest] = {}
        self._places: dict[tuple[str | None, str | None], tuple[str, str]] = {}

    def use(self, state: State, admission: Admission) -> None:
        """Answer about another state from now on."""
        self._compiled = (state, admission)
        self._requests = {}
        self._places = {}

    def close(self) -> None:
        """Answer no more."""
        self._compiled = None

    @property
    def configuration(self) -> Configuration:
        """What the questions are about."""
        return self._state().configuration

    def source(self, vpc: str | None, address: str | None, port: int) -> Source:
        """Choose where a client lives.

        Args:
            vpc: name or id; None where only one is associated.
            address: an IP address in the VPC; None derives one.
            port: the port it calls from.

        Raises:
            ConfigurationError: an unknown VPC, or an address that is not in it.
        """
        if (vpc, address) not in self._places:
            self._places[vpc, address] = place(self._state(), vpc, address)
        return Source(*self._places[vpc, address], port)

    def decide(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
        role: str | Caller | None = None,
    ) -> Decision:
        """Decide what would happen; for the arguments see `LatticeNetwork.decide`."""
        request = self._request(
            method, url, headers=headers, vpc=vpc, address=address, http2=http2
        )
        state, now = self._state(), self._clock.microseconds
        return decide(state, request, now=now, draw=self._draw, admit=self._admit(role))

    def authorize(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
        role: str | Caller | None = None,
    ) -> Decision:
        """Decide who may; for the arguments see `LatticeNetwork.decide`."""
        request = self._request(
            method, url, headers=headers, vpc=vpc, address=address, http2=http2
        )
        state, now = self._state(), self._clock.microseconds
        return authorize(state, request, now=now, admit=self._admit(role))

    def _request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]],
        vpc: str | None,
        address: str | None,
        http2: bool,
    ) -> LatticeRequest:
        given = header_pairs(headers) if headers else ()
        key = (method, url, given, vpc, address, http2)
        request = self._requests.get(key)
        if request is None:
            request = request_to(
                method,
                url,
                headers=given,
                http2=http2,
                source=self.source(vpc, address, FIRST_PORT),
                full_name=lambda host: (
                    self._state().configuration.service(host).dns_name
                ),
            )
            if len(self._requests) < _ASKED:
                self._requests[key] = request
        return request

    def _admit(self, role: str | Caller | None) -> Admit:
        if self._compiled is None:
            raise LatticeError("the network is closed")
        state, admission = self._compiled
        if role is None:
            return admission.admit
        return admission.admit_as(caller_of(state.configuration, role))

    def _state(self) -> State:
        if self._compiled is None:
            raise LatticeError("the network is closed")
        return self._compiled[0]


def caller_of(configuration: Configuration, role: str | Caller) -> Caller:
    """Find a declared caller.

    Args:
        configuration: where it is declared.
        role: its name, an ARN, or the value itself.

    Raises:
        ConfigurationError: it is not declared.
    """
    if isinstance(role, str):
        return configuration.caller(role)
    if role not in configuration.callers:
        raise advised(
            f"`{role!r}` is not declared", "add it to the network before it calls"
        )
    return role
