"""How clients come into a network: where they live, and who they are.

Each kind of client is prepared here; the libraries themselves are imported on use.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_lattice.clients.address import base_url, usual_listener
from pytest_lattice.clients.silence import TimedEntrance
from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.questions import FIRST_PORT, caller_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from types import ModuleType
    from typing import Self

    import grpc
    import httpx
    import respx

    from pytest_lattice.clients.base import Entrance
    from pytest_lattice.clients.grpc_request import Deadlines, Endpoint
    from pytest_lattice.clients.interception import Interception
    from pytest_lattice.clients.signing import SigV4Auth
    from pytest_lattice.clock import Clock
    from pytest_lattice.model.caller import Caller
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
        #: Where requests come in.
        self.plane = TimedEntrance(
            plane, way=questions.way, now=lambda: clock.microseconds
        )
        clock.follow(self.plane.look_at_clock)
        self._questions = questions
        self._clock = clock
        self._ports = count()
        self._deadlines: Deadlines | None = None

    def httpx_settings(
        self,
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
                self.plane, source, library=library, http2=http2
            ),
            # httpx's own of 5 seconds would end what a test makes late on purpose.
            "timeout": None,
        }
        if service is not None:
            settings["base_url"] = base_url(
                self._questions.configuration.service(service)
            )
        if role is not None:
            settings["auth"] = self._signer(role, options)
        return library, settings | dict(options)

    def grpc_endpoint(
        self,
        service: str,
        *,
        port: int | None,
        vpc: str | None,
        address: str | None,
        role: str | Caller | None,
    ) -> Endpoint:
        """Choose where the calls of a gRPC channel go, and who makes them.

        Args:
            service: name of the service.
            port: of the listener; None for its `usual_listener`.
            vpc: name or id of the client's VPC.
            address: its address.
            role: who signs.

        Raises:
            ConfigurationError: an unknown service, VPC or caller.
        """
        from pytest_lattice.clients.grpc_request import Deadlines, Endpoint

        if self._deadlines is None:
            self._deadlines = Deadlines()
            self._clock.follow(self._deadlines.advance)
        found = self._questions.configuration.service(service)
        name = found.dns_name
        listening = port or usual_listener(found).port
        schemes = {each.port: each.scheme for each in found.listeners}
        scheme = schemes.get(listening, "https")
        usual = 443 if scheme == "https" else 80
        client = FIRST_PORT + next(self._ports) % _CLIENT_PORTS
        sign = None
        if role is not None:
            sign = self._signer(role, {}).sign_call
        return Endpoint(
            self.plane,
            self._questions.source(vpc, address, client),
            name,
            listening,
            scheme,
            name if listening == usual else f"{name}:{listening}",
            sign,
            self._deadlines,
        )

    def interception(self, *, strict: bool, vpc: str | None) -> Interception:
        """Prepare what catches clients of the code under test.

        Args:
            strict: whether other hosts are refused.
            vpc: name or id of the VPC that they live in.

        Raises:
            ConfigurationError: an unknown VPC.
        """
        from pytest_lattice.clients.egress import Egress
        from pytest_lattice.clients.interception import Interception

        questions = self._questions
        port = FIRST_PORT + next(self._ports) % _CLIENT_PORTS
        if vpc is not None:
            questions.source(vpc, None, port)
        return Interception(
            self.plane,
            # Chosen at each request, as VPCs may be associated later.
            lambda: questions.source(vpc, None, port),
            Egress(lambda: questions.configuration, strict=strict),
        )

    def _signer(self, role: str | Caller, options: Mapping[str, Any]) -> SigV4Auth:
        from pytest_lattice.clients.signing import SigV4Auth

        if "auth" in options:
            raise ConfigurationError("a client takes one of role and auth")
        return SigV4Auth(
            caller_of(self._questions.configuration, role),
            clock=self._clock,
            full_name=self.plane.full_name,
            region_of=self._questions.region_of,
        )


class Doors:
    """How the clients of a network are made; the network is one of these."""

    _entrances: Entrances

    def client(
        self,
        service: str | None = None,
        *,
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
        role: str | Caller | None = None,
        library: ModuleType | None = None,
        **options: Any,  # noqa: ANN401  # as the library's own
    ) -> httpx.Client:
        """Make a real `httpx.Client` whose requests enter the service network.

        Args:
            service: name of the service that relative URLs mean.
            vpc: name or id of the VPC it lives in; may be left out where only one
                is associated.
            address: its IPv4 or IPv6 address in the VPC; derived unless given.
            http2: whether it speaks HTTP/2 over HTTPS.
            role: the role or user that signs each request with SigV4, by name, ARN
                or value; None signs nothing.
            library: the module `httpx` (default) or `httpx2`.
            options: what `httpx.Client` takes, such as ``headers``, or a ``timeout``,
                which is none unless given.

        Returns:
            The client; responses carry the `Exchange` in
            ``response.extensions["pytest_lattice"]``.

        Raises:
            ConfigurationError: an unknown service, VPC, caller or library.
        """
        chosen, settings = self._entrances.httpx_settings(
            service,
            vpc=vpc,
            address=address,
            http2=http2,
            role=role,
            library=library,
            options=options,
        )
        client: httpx.Client = chosen.Client(**settings)
        return client

    def async_client(
        self,
        service: str | None = None,
        *,
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
        role: str | Caller | None = None,
        library: ModuleType | None = None,
        **options: Any,  # noqa: ANN401  # as the library's own
    ) -> httpx.AsyncClient:
        """Make a real `httpx.AsyncClient`; for the arguments see `client`.

        It works under asyncio and trio.

        Raises:
            ConfigurationError: an unknown service, VPC, caller or library.
        """
        chosen, settings = self._entrances.httpx_settings(
            service,
            vpc=vpc,
            address=address,
            http2=http2,
            role=role,
            library=library,
            options=options,
        )
        client: httpx.AsyncClient = chosen.AsyncClient(**settings)
        return client

    def grpc_channel(
        self,
        service: str,
        *,
        port: int | None = None,
        vpc: str | None = None,
        address: str | None = None,
        role: str | Caller | None = None,
    ) -> grpc.Channel:
        """Make a `grpc.Channel` to a service, for generated stubs.

        Args:
            service: name of the service.
            port: of the listener; None for the one that `client` uses.
            vpc: name or id of the VPC it lives in; see `client`.
            address: its IPv4 or IPv6 address in the VPC; derived unless given.
            role: the role or user that signs each call with SigV4.

        Returns:
            The channel; calls and their errors carry the `Exchange`, so assertions
            accept them.

        Raises:
            ConfigurationError: an unknown service, VPC or caller.

        AWS: vpc-lattice/latest/ug/target-groups
        """
        from pytest_lattice.clients.grpc import NetworkChannel

        return NetworkChannel(
            self._entrances.grpc_endpoint(
                service,
                port=port,
                vpc=vpc,
                address=address,
                role=role,
            )
        )

    def grpc_aio_channel(
        self,
        service: str,
        *,
        port: int | None = None,
        vpc: str | None = None,
        address: str | None = None,
        role: str | Caller | None = None,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
    ) -> grpc.aio.Channel:
        """Make a `grpc.aio.Channel` to a service; see `grpc_channel`.

        Args:
            service: name of the service.
            port: of the listener.
            vpc: name or id of the VPC it lives in.
            address: its address in the VPC.
            role: the role or user that signs each call.
            interceptors: as `grpc.aio.secure_channel` takes them.

        Raises:
            ConfigurationError: an unknown service, VPC or caller.
        """
        from pytest_lattice.clients.grpc_aio import NetworkAioChannel

        endpoint = self._entrances.grpc_endpoint(
            service,
            port=port,
            vpc=vpc,
            address=address,
            role=role,
        )
        return NetworkAioChannel(endpoint, interceptors)

    @contextmanager
    def intercept(
        self, *, strict: bool = False, vpc: str | None = None
    ) -> Generator[Self]:
        """Catch the requests of clients that the code under test makes itself.

        Inside the block, every client of httpx and httpx2 in this process, whenever and
        wherever it was made, reaches the network by its services' DNS names and custom
        domain names. A name of the generated form that no service has is answered as
        AWS would and never leaves the process. Other hosts are called as before; routes
        of `respx` keep working.

        Args:
            strict: whether other hosts are refused, but for those that a route of
                `respx` answers or passes through.
            vpc: name or id of the VPC that the requests come from; may be left out
                where only one is associated.

        Yields:
            The network.

        Raises:
            ConfigurationError: an unknown VPC.
            EgressError: in the client, another host where it is strict.

        AWS: vpc-lattice/latest/ug/service-custom-domain-name
        """
        with self._entrances.interception(strict=strict, vpc=vpc).opened():
            yield self

    def respx_route(self, *, vpc: str | None = None) -> respx.Route:
        """Make a route that leads into the network, for a router of `respx`.

        With `intercept` nobody needs it; it is for those who read ``route.calls``:
        ``route = respx_mock.add(lattice_network.respx_route())``.

        Args:
            vpc: see `intercept`.

        Raises:
            ConfigurationError: an unknown VPC.
        """
        return self._entrances.interception(strict=False, vpc=vpc).route()

    @property
    def entrance(self) -> Entrance:
        """Where requests come in; for writers of clients of other libraries."""
        return self._entrances.plane
