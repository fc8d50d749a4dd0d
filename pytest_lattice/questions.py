"""Questions without traffic: what would happen to a request, and who may make it.

Questions draw from decks of their own, so asking disturbs no traffic.  What was asked
before is remembered as a request until the configuration changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.clients.address import header_pairs, place, request_to
from pytest_lattice.decision.decide import Decision, authorize, decide
from pytest_lattice.errors import HIDE, ConfigurationError, LatticeError, advised
from pytest_lattice.model.message import Source, check_method
from pytest_lattice.model.names import DEFAULT_REGION
from pytest_lattice.model.value import check_flag
from pytest_lattice.routing.resolve import host_name, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lattice.clock import Clock
    from pytest_lattice.decision.admission import Admission
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.message import LatticeRequest
    from pytest_lattice.routing.resolve import Way
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
        try:
            found = self._places.get((vpc, address))
        except TypeError:  # a list, say, which `place` refuses in the user's words
            found = None
        if found is None:
            found = place(self._state(), vpc, address)
            self._places[vpc, address] = found
        return Source(*found, port)

    def way(self, request: LatticeRequest) -> Way:
        """Follow a request to its listener."""
        return resolve(self._state(), request)

    def decide(self, request: LatticeRequest) -> Decision:
        """Decide what would happen to a request."""
        state, admission = self._parts()
        now, admit = self._clock.microseconds, admission.admit
        return decide(state, request, now=now, draw=self._draw, admit=admit)

    def authorize(self, request: LatticeRequest) -> Decision:
        """Decide whether a request would be let in."""
        state, admission = self._parts()
        return authorize(
            state, request, now=self._clock.microseconds, admit=admission.admit
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
        role: str | Caller | None = None,
    ) -> LatticeRequest:
        """Write the request to ask about; see `LatticeNetwork.decide`.

        Raises:
            ConfigurationError: an unknown short name, VPC or caller.
        """
        given = header_pairs(headers) if headers else ()
        caller = None if role is None else caller_of(self.configuration, role)
        # A signature is of one moment.
        signer = caller and (caller.principal, self._clock.microseconds)
        key = (method, url, given, vpc, address, http2, signer)
        try:
            request = self._requests.get(key)
        except TypeError:  # a list, say, which is refused below in the user's words
            request = None
        if request is None:
            check_method(method)
            if not isinstance(url, str):
                raise ConfigurationError(
                    f"URL `{url}` is not of the form https://name/path"
                )
            check_flag(http2, "http2")
            request = request_to(
                method,
                url,
                headers=given,
                http2=http2,
                source=self.source(vpc, address, FIRST_PORT),
                full_name=self._full_name,
            )
            if caller is not None:
                request = self._signed(request, caller)
            if len(self._requests) < _ASKED:
                self._requests[key] = request
        return request

    def _signed(self, request: LatticeRequest, caller: Caller) -> LatticeRequest:
        """Sign a request, so that a question is decided just as its traffic is."""
        from pytest_lattice.auth.sigv4 import sign

        if request.header_values("authorization"):
            raise ConfigurationError(
                "a question takes one of role and the header `authorization`"
            )
        added = sign(
            caller.credentials,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            region=self.region_of(request.host) or DEFAULT_REGION,
            now=self._clock.microseconds,
        )
        return request._replace(headers=(*request.headers, *added))

    def region_of(self, host: str) -> str | None:
        """Return the Region of the service behind a host; None for no service."""
        try:
            return self.configuration.service(host_name(host)).region
        except ConfigurationError:
            return None

    def _full_name(self, host: str) -> str:
        return self.configuration.service(host).dns_name

    def _parts(self) -> tuple[State, Admission]:
        if self._compiled is None:
            raise LatticeError("the network is closed")
        return self._compiled

    def _state(self) -> State:
        return self._parts()[0]


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
