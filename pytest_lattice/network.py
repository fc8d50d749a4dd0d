"""The service network of a test: the one stateful object.

It holds the configuration, the clock, the apps and the data plane, and is the only
module that knows every part of the package.
"""

from __future__ import annotations

from contextlib import ExitStack
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

from pytest_lattice.apps import Apps, TargetKey, target_key
from pytest_lattice.clients.address import base_url, header_pairs, place, request_to
from pytest_lattice.clock import Clock
from pytest_lattice.dataplane import DataPlane
from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.draws import Deck, Dice
from pytest_lattice.errors import ConfigurationError, LatticeError, advised, unknown
from pytest_lattice.logs.query import AccessLog
from pytest_lattice.model.configuration import Configuration, Resource
from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.names import DEFAULT_ACCOUNT, digest
from pytest_lattice.model.target_group import TargetStatus
from pytest_lattice.model.value import is_whole
from pytest_lattice.routing.overview import overview
from pytest_lattice.routing.state import State, compile_state

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        Callable,
        Iterable,
        Mapping,
        Sequence,
    )
    from pathlib import Path
    from types import ModuleType

    import httpx
    from pluggy import HookRelay

    from pytest_lattice.clients.base import AsyncReply, Reply
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.logs.subscriptions import FileDestination
    from pytest_lattice.model.service import Service
    from pytest_lattice.routing.weights import Draw
    from pytest_lattice.targets.lambda_event import LambdaSettings

DrawKind: TypeAlias = Literal["deck", "random"]
_DRAWS: dict[str, Callable[[str], Draw]] = {"deck": Deck, "random": Dice}
_STATUSES: tuple[str, ...] = get_args(TargetStatus)
#: How many exchanges a network keeps, unless told otherwise.
HISTORY = 50_000
#: How many different questions are remembered as requests.
_ASKED = 1000
_FIRST_CLIENT_PORT = 32_768
_CLIENT_PORTS = 28_232


class LatticeNetwork:
    """A service network that lives in the test process.

    Under pytest it comes from the fixture `lattice_network`; elsewhere construct it
    and `close` it, or use it as a context manager.

    Args:
        seed: any text; draws and request ids derive from it.
        draw: ``"deck"`` for shuffled decks, exact over each deck, or ``"random"``
            for honest dice.
        raise_target_exceptions: whether an exception of a test app is raised in
            the test, as httpx does, or answered as a server would.
        lambda_settings: what to choose for Lambda functions where AWS is silent.
        history: how many exchanges are kept for the access log and reports.
        plugins: objects with hooks (`pytest_lattice.hookspecs`), outside pytest.
        hook: the hook relay to call instead, as pytest has it.

    Raises:
        ConfigurationError: an unknown kind of draw, a seed that is not text, or a
            history below 1.

    AWS: vpc-lattice/latest/ug/how-it-works
    """

    def __init__(
        self,
        *,
        seed: str = "pytest-lattice",
        draw: DrawKind = "deck",
        raise_target_exceptions: bool = True,
        lambda_settings: LambdaSettings | None = None,
        history: int = HISTORY,
        plugins: Sequence[object] = (),
        hook: HookRelay | None = None,
    ) -> None:
        """Start with nothing declared."""
        _check(seed, draw, history)
        #: What draws and request ids derive from.
        self.seed = seed
        #: The kind of draw.
        self.draw: DrawKind = draw
        #: The virtual clock.
        self.clock = Clock()
        # One change at a time; reentrant, since hooks may make one.
        self._change, self._configuration = RLock(), Configuration()
        self._statuses: dict[TargetKey, TargetStatus] = {}
        self._ports = 0
        self._asked: dict[tuple[object, ...], LatticeRequest] = {}
        self._places: dict[tuple[str | None, str | None], tuple[str, str]] = {}
        self._destinations: dict[Path, FileDestination] = {}
        self._questions = _DRAWS[draw](seed)
        self._hook = hook if hook is not None else _own_hooks(plugins)
        self._apps = Apps(
            clock=self.clock,
            raise_exceptions=raise_target_exceptions,
            lambda_settings=lambda_settings,
            hook=self._hook,
        )
        self._plane = DataPlane(
            clock=self.clock,
            draw=_DRAWS[draw](seed),
            id_prefix=_id_prefix(seed),
            history=history,
            app_of=self._apps.of,
            record=self._record,
        )
        self._plane.use(self._compile(self._configuration))
        if self._hook is not None:
            self._hook.pytest_lattice_configure(network=self)

    # ---- what is declared ---------------------------------------------------

    @property
    def configuration(self) -> Configuration:
        """Everything declared so far, as a frozen value."""
        return self._configuration

    def add(self, *resources: Resource) -> None:
        """Declare resources, in any order.

        Args:
            resources: service networks, services, target groups, VPCs,
                associations, shares, organizations, access log subscriptions.

        Raises:
            ConfigurationError: what AWS would refuse, an unknown name, or a target
                that is no app; nothing has been added then.
        """
        with self._change, ExitStack() as undo:
            self._state_or_raise()
            before = self._configuration
            grown = before.with_resources(resources)
            added = grown.target_groups[len(before.target_groups) :]
            made = self._apps.recognize(added, undo)
            state = self._compile(grown)
            undo.pop_all()
            self._configuration = grown
            self._apps.keep(made)
            self._places.clear()
            self._asked.clear()
            self._plane.use(state)

    def set_target_status(
        self, target_group: str, target: str, status: TargetStatus
    ) -> None:
        """Put a target into a state, as a health check or deregistration would.

        Args:
            target_group: name, id or ARN of the group.
            target: the target's id.
            status: AWS's status, such as ``UNHEALTHY`` or ``DRAINING``.

        Raises:
            ConfigurationError: an unknown group, target or status.

        AWS: vpc-lattice/latest/ug/target-group-health-checks
        """
        self._state_or_raise()
        group = self._configuration.target_group(target_group)
        if status not in _STATUSES:
            raise unknown("target status", status, _STATUSES)
        found = [each for each in group.registered if each.id == target]
        if not found:
            raise unknown("target", target, (each.id for each in group.registered))
        with self._change:
            for each in found:
                self._statuses[target_key(group, each)] = status
            self._plane.use(self._compile(self._configuration))

    def service(self, name: str) -> Service:
        """Find a declared service by name, id, ARN or DNS name.

        Raises:
            ConfigurationError: there is none; the nearest name is a note.
        """
        return self._configuration.service(name)

    def service_directory(self, account: str = DEFAULT_ACCOUNT) -> tuple[Service, ...]:
        """List the services that an account owns or has shared with it.

        Args:
            account: 12 digits.

        AWS: vpc-lattice/latest/ug/services
        """
        return self._configuration.visible_services(account)

    def overview(self) -> str:
        """Write the networks, services, rules and weights as text."""
        return overview(self._state_or_raise())

    # ---- questions without traffic ------------------------------------------

    def decide(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
    ) -> Decision:
        """Decide what would happen to a request, without making it.

        Draws come from decks of their own, equal to those of traffic: the n-th
        decision is that of the n-th request, and asking disturbs no traffic.

        Args:
            method: such as ``GET``.
            url: with the generated DNS name, a custom domain name or the short
                name of the service, such as ``https://my-service/path``.
            headers: request headers; ``host`` follows from the URL unless given.
            vpc: name or id of the client's VPC; may be left out where only one is
                associated.
            address: the client's IP address.
            http2: whether HTTPS is spoken as HTTP/2.

        Raises:
            ConfigurationError: an unknown short name or VPC.
        """
        state = self._state_or_raise()
        given = header_pairs(headers) if headers else ()
        key = (method, url, given, vpc, address, http2)
        request = self._asked.get(key)
        if request is None:
            source = self._source(vpc, address, _FIRST_CLIENT_PORT)
            request = request_to(
                method,
                url,
                headers=given,
                http2=http2,
                source=source,
                full_name=self.full_name,
            )
            if len(self._asked) < _ASKED:
                self._asked[key] = request
        now = self.clock.microseconds
        return decide(state, request, now=now, draw=self._questions)

    # ---- clients ------------------------------------------------------------

    def client(
        self,
        service: str | None = None,
        *,
        vpc: str | None = None,
        address: str | None = None,
        http2: bool = False,
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
            library: the module `httpx` (default) or `httpx2`.
            options: what `httpx.Client` takes, such as ``headers`` or ``timeout``.

        Returns:
            The client; responses carry the `Exchange` in
            ``response.extensions["pytest_lattice"]``.

        Raises:
            ConfigurationError: an unknown service, VPC or library.
        """
        chosen, settings = self._client_settings(
            service, vpc, address, http2=http2, library=library, options=options
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
        library: ModuleType | None = None,
        **options: Any,  # noqa: ANN401  # as the library's own
    ) -> httpx.AsyncClient:
        """Make a real `httpx.AsyncClient`; for the arguments see `client`.

        It works under asyncio and trio.

        Raises:
            ConfigurationError: an unknown service, VPC or library.
        """
        chosen, settings = self._client_settings(
            service, vpc, address, http2=http2, library=library, options=options
        )
        client: httpx.AsyncClient = chosen.AsyncClient(**settings)
        return client

    def _client_settings(
        self,
        service: str | None,
        vpc: str | None,
        address: str | None,
        *,
        http2: bool,
        library: ModuleType | None,
        options: dict[str, Any],
    ) -> tuple[Any, dict[str, Any]]:
        from pytest_lattice.clients import httpx as edge

        library = edge.library_or_default(library)
        edge.check_options(options)
        self._state_or_raise()
        port = _FIRST_CLIENT_PORT + self._ports % _CLIENT_PORTS
        source = self._source(vpc, address, port)
        self._ports += 1
        settings: dict[str, Any] = {
            "transport": edge.NetworkTransport(
                self._plane, source, library=library, http2=http2
            )
        }
        if service is not None:
            settings["base_url"] = base_url(self.service(service))
        return library, settings | options

    def _source(self, vpc: str | None, address: str | None, port: int) -> Source:
        if (vpc, address) not in self._places:
            found = place(self._state_or_raise(), vpc, address)
            self._places[vpc, address] = found
        return Source(*self._places[vpc, address], port)

    # ---- the entrance of clients --------------------------------------------

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Answer a request, blocking the calling thread; for writers of clients."""
        return self._plane.handle(request, body)

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Answer a request without blocking the loop; for writers of clients."""
        return await self._plane.ahandle(request, body)

    def full_name(self, host: str) -> str:
        """Expand a service's short name to its generated DNS name.

        Raises:
            ConfigurationError: there is no such service.
        """
        return self._plane.full_name(host)

    # ---- what happened ------------------------------------------------------

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges that are kept, oldest first."""
        return tuple(self._plane.exchanges)

    @property
    def access_log(self) -> AccessLog:
        """The access-log entries of all exchanges that are kept.

        It does not ask whether a subscription switched them on; `access_log_of`
        does.
        """
        return self._log(self._plane.exchanges)

    def access_log_of(self, resource: str) -> AccessLog:
        """Return the entries that the subscription of a resource gets.

        Args:
            resource: name, id or ARN of a service or service network.

        Raises:
            ConfigurationError: an unknown resource, or its access log is off.

        AWS: vpc-lattice/latest/ug/monitoring-access-logs
        """
        found = self._configuration.logged_resource(resource)
        if found.arn not in self._configuration.logged_arns:
            raise advised(
                f"the access log of `{resource}` is off",
                f'add AccessLogSubscription("{resource}")',
            )
        return self._log(
            each
            for each in self._plane.exchanges
            if found.arn in each.decision.state.logged
            and found.arn in _logged_arns(each)
        )

    def _log(self, exchanges: Iterable[Exchange]) -> AccessLog:
        entries = (each.log_entry for each in exchanges)
        dropped = self._plane.total - len(self._plane.exchanges)
        return AccessLog((each for each in entries if each is not None), dropped)

    # ---- how it works inside ------------------------------------------------

    def _state_or_raise(self) -> State:
        if self._plane.state is None:
            raise LatticeError("the network is closed")
        return self._plane.state

    def _compile(self, configuration: Configuration) -> State:
        return compile_state(
            configuration,
            lambda group, target: (
                self._statuses.get(target_key(group, target))
                # Targets serve from the start; probing is not modelled yet.
                or ("HEALTHY" if group.health_check_enabled else "UNAVAILABLE")
            ),
        )

    def _record(self, exchange: Exchange) -> None:
        state = exchange.decision.state
        # A stream may end after the network was closed, and its files with it.
        if state.to_files and self._plane.state is not None:
            for arn in _logged_arns(exchange):
                for path in state.logged.get(arn, ()):
                    self._write(path, exchange)
        hook = self._hook
        if hook is not None and hook.pytest_lattice_exchange.get_hookimpls():
            hook.pytest_lattice_exchange(network=self, exchange=exchange)

    def _write(self, path: Path, exchange: Exchange) -> None:
        from pytest_lattice.logs.subscriptions import FileDestination

        entry = exchange.log_entry
        if entry is not None:
            self._destinations.setdefault(path, FileDestination(path)).write(entry)

    # ---- end ----------------------------------------------------------------

    def close(self) -> None:
        """Shut apps down and close files; the network answers no more."""
        self._plane.use(None)
        # Each is closed even if one before raises; the apps go first.
        with ExitStack() as stack:
            for destination in self._destinations.values():
                stack.callback(destination.close)
            self._apps.close(stack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in self._configuration.services)
        return f"<LatticeNetwork with services {names or '(none)'}, seed {self.seed!r}>"


def _check(seed: str, draw: str, history: int) -> None:
    if not isinstance(seed, str):
        raise advised(f"seed `{seed!r}` is not text", f'write seed="{seed}"')
    if draw not in list(_DRAWS):
        raise unknown("draw", draw, _DRAWS)
    if not is_whole(history, range(1, 2**31)):
        raise ConfigurationError(f"history `{history}` is not at least 1")


def _own_hooks(plugins: Sequence[object]) -> HookRelay | None:
    if not plugins:
        return None
    from pytest_lattice.hookspecs import own_hooks

    return own_hooks(plugins)


def _id_prefix(seed: str) -> str:
    """Begin request ids like a UUID; a counter fills the last part."""
    text = digest("request", seed, length=20)
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:]}-"


def _logged_arns(exchange: Exchange) -> tuple[str, ...]:
    way = exchange.decision.way
    return tuple(part.arn for part in (way.service, way.network) if part is not None)
