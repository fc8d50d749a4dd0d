"""The service network of a test: the one stateful object.

It holds the configuration, the clock, the apps and the data plane, and is the only
module that knows every part of the package.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from pytest_lattice.apps import Apps
from pytest_lattice.clock import Clock
from pytest_lattice.dataplane import DataPlane
from pytest_lattice.decision.admission import Admission
from pytest_lattice.draws import DRAWS, DrawKind
from pytest_lattice.entrances import Doors, Entrances
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeError,
    LatticeWarning,
    advised,
    unknown,
)
from pytest_lattice.faults import Faults
from pytest_lattice.health.checks import HealthChecks
from pytest_lattice.health.operations import TargetOperations
from pytest_lattice.history import History
from pytest_lattice.live import Live, LiveDoors
from pytest_lattice.logs.deliveries import Deliverer, Deliveries, delivered
from pytest_lattice.logs.query import AccessLog
from pytest_lattice.logs.tally import Tally
from pytest_lattice.model.configuration import Changeable, Configuration, Resource
from pytest_lattice.model.names import DEFAULT_ACCOUNT, request_id_prefix
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.model.value import is_whole
from pytest_lattice.questions import Questions
from pytest_lattice.rollout.run import Rollouts
from pytest_lattice.routing.overview import RouteRow, overview, route_rows
from pytest_lattice.routing.state import State, compile_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pluggy import HookRelay

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.logs.metrics import Metrics
    from pytest_lattice.model.auth_settings import AuthSettings
    from pytest_lattice.model.caller import Caller, Role, User
    from pytest_lattice.model.service import Service
    from pytest_lattice.targets.lambda_event import LambdaSettings

__tracebackhide__ = HIDE

#: How many exchanges a network keeps, unless told otherwise.
HISTORY = 50_000


class LatticeNetwork(Doors, LiveDoors, Deliverer, Rollouts, TargetOperations):
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
        auth_settings: what to choose for callers and policies where AWS is silent.
        history: how many exchanges are kept for the access log and reports.
        clock: the virtual clock; one that begins with 2026 unless given.
        update_files: whether assertions rewrite the files that they compare with.
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
        auth_settings: AuthSettings | None = None,
        history: int = HISTORY,
        clock: Clock | None = None,
        update_files: bool = False,
        plugins: Sequence[object] = (),
        hook: HookRelay | None = None,
    ) -> None:
        """Start with nothing declared."""
        _check(seed, draw, history)
        #: What draws and request ids derive from, and the kind of draw.
        self.seed, self.draw, self.update_files = seed, draw, update_files
        #: The virtual clock.
        self.clock = clock = Clock() if clock is None else clock
        # One change at a time; reentrant, since hooks may make one.
        self._change, self._configuration = RLock(), Configuration()
        self._auth_settings, self._warned = auth_settings, set[str]()
        self._hook = hook or _own_hooks(plugins)
        self._questions = Questions(self.clock, DRAWS[draw](seed))
        self._apps = Apps(
            clock=self.clock,
            raise_exceptions=raise_target_exceptions,
            lambda_settings=lambda_settings,
            hook=self._hook,
        )
        self._deliveries, self._tally = Deliveries(self.clock, history), Tally()
        self._history = History(history, self._tally.fold)
        self._faults = Faults(self._apps.of, self.clock, lambda_settings)
        self._health = HealthChecks(
            self.clock, self._faults.of, self._change, self._warn
        )
        self._plane = self._data_plane()
        self._entrances = Entrances(self._plane, self._questions, self.clock)
        self._live = self._listeners()
        self._replace(self._configuration)
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
                associations, shares, organizations, roles, users, access log
                subscriptions, faults.

        Raises:
            ConfigurationError: what AWS would refuse, an unknown name, or a target
                that is no app; nothing has been added then.
        """
        with self._change:
            self._state_or_raise()
            self._replace(self._configuration.with_resources(resources))

    def change(self, *resources: Changeable) -> None:
        """Change what is declared: weights, rules, policies, callers, targets.

        Requests in flight keep what they were decided on; the next ones see all of
        the change.

        Args:
            resources: services, service networks, target groups, roles and users,
                each with the name of a declared one, such as
                ``replace(service, auth_policy=…)``.  Of a target group the health
                check and the targets can change.

        Raises:
            ConfigurationError: one that is not declared, or what AWS would refuse;
                nothing has been changed then.
        """
        with self._change:
            self._state_or_raise()
            self._replace(self._configuration.with_changed(resources))

    def remove(self, *resources: Resource) -> None:
        """Take back what is declared, such as a VPC association or a fault.

        Requests in flight keep what they were decided on.

        Args:
            resources: declared ones.

        Raises:
            ConfigurationError: one that is not declared, that another one needs, or
                a target group with targets that drain; nothing has been removed then.
        """
        with self._change:
            self._state_or_raise()
            for each in resources:
                if isinstance(each, TargetGroup):
                    self._health.check_removable(each)
            self._replace(self._configuration.without(resources))

    def _replace(self, configuration: Configuration) -> None:
        before, after = self._configuration, configuration
        with ExitStack() as undo:
            made = self._apps.recognize(before.target_groups, after.target_groups, undo)
            compiled = self._compile(after)
            undo.pop_all()
        self._configuration = after
        self._apps.keep(made)
        self._use(*compiled)

    def role(self, name: str, **fields: Any) -> Role:  # noqa: ANN401  # as `Role`
        """Declare an IAM role that calls services.

        Args:
            name: its name.
            fields: what `Role` takes, such as ``policies``, ``tags``, ``account``,
                ``org_id`` or ``certificate``.

        Returns:
            The role; its `credentials` suit any signer.

        Raises:
            ConfigurationError: what IAM would refuse, or a role that exists.

        AWS: vpc-lattice/latest/ug/auth-policies
        """
        from pytest_lattice.model.caller import Role

        role = Role(name, **fields)
        self.add(role)
        return role

    def user(self, name: str, **fields: Any) -> User:  # noqa: ANN401  # as `User`
        """Declare an IAM user that calls services; see `role`.

        Raises:
            ConfigurationError: what IAM would refuse, or a user that exists.
        """
        from pytest_lattice.model.caller import User

        user = User(name, **fields)
        self.add(user)
        return user

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

    def routes(self) -> tuple[RouteRow, ...]:
        """List all rules of all services, in the order in which they are tried."""
        return route_rows(self._state_or_raise())

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
        role: str | Caller | None = None,
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
            role: the role or user that signs, by name, ARN or value; None signs
                nothing.

        Raises:
            ConfigurationError: an unknown short name, VPC or caller.
            BlockingCallError: a first health check would have to call an app on the
                event loop that runs here; ``await clock.aadvance(0)`` makes it.
        """
        request = self._questions.request(
            method,
            url,
            headers=headers,
            vpc=vpc,
            address=address,
            http2=http2,
            role=role,
        )
        self._health.begin()
        return self._questions.decide(request)

    def authorize(self, method: str, url: str, **question: Any) -> Decision:  # noqa: ANN401  # as `decide`
        """Decide whether a request would be let in, without a draw or a rule.

        Args:
            method: such as ``GET``.
            url: see `decide`.
            question: ``role``, and what else `decide` takes.

        Returns:
            A decision whose outcome is `Admitted`, or why it was not.

        Raises:
            ConfigurationError: an unknown short name, VPC or caller.
        """
        return self._questions.authorize(
            self._questions.request(method, url, **question)
        )

    # ---- what happened ------------------------------------------------------

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges that are kept, oldest first."""
        return tuple(self._history.exchanges)

    @property
    def access_log(self) -> AccessLog:
        """The access-log entries of all exchanges that are kept.

        It does not ask whether a subscription switched them on; `access_log_of`
        does.
        """
        return self._log(self.exchanges)

    def access_log_of(self, resource: str) -> AccessLog:
        """Return the entries that the subscription of a resource gets.

        Args:
            resource: name, id or ARN of a service or service network.

        Raises:
            ConfigurationError: an unknown resource, or its access log is off.

        AWS: vpc-lattice/latest/ug/monitoring-access-logs
        """
        return self._log(delivered(self.exchanges, self._configuration, resource))

    @property
    def metrics(self) -> Metrics:
        """What CloudWatch would have of services and target groups by now.

        It counts all exchanges, also those that are no longer kept.

        AWS: vpc-lattice/latest/ug/monitoring-cloudwatch
        """
        from pytest_lattice.logs.metrics import Metrics

        self._history.hand_out()
        return Metrics(self._tally, self._configuration, self.clock.microseconds)

    def _log(self, exchanges: Iterable[Exchange]) -> AccessLog:
        entries = (each.log_entry for each in exchanges)
        kept = (each for each in entries if each is not None)
        return AccessLog(kept, self._history.dropped)

    # ---- how it works inside ------------------------------------------------

    def _data_plane(self) -> DataPlane:
        return DataPlane(
            clock=self.clock,
            draw=DRAWS[self.draw](self.seed),
            id_prefix=request_id_prefix(self.seed),
            app_of=self._faults.of,
            record=self._record,
            health=self._health,
        )

    def _listeners(self) -> Live:
        return Live(
            self._plane,
            self._questions,
            self.clock,
            apps_are_here=self._apps.are_here,
        )

    def _state_or_raise(self) -> State:
        if self._plane.state is None:
            raise LatticeError("the network is closed")
        return self._plane.state

    def _compile(self, configuration: Configuration) -> tuple[State, Admission]:
        state = compile_state(configuration, previous=self._plane.state)
        admission = Admission(
            configuration, self._auth_settings, wall=self.clock.wall, warn=self._warn
        )
        return state, admission

    def _warn(self, text: str) -> None:
        # A configuration is compiled at each change; say it once.
        if text not in self._warned:
            self._warned.add(text)
            warnings.warn(text, LatticeWarning, stacklevel=2)

    def _use(self, state: State, admission: Admission) -> None:
        self._faults.use(state.configuration)
        self._health.use(state)
        self._questions.use(state, admission)
        self._plane.use(state, admission)

    def _record(self, exchange: Exchange) -> None:
        self._history.keep(exchange)
        # A stream may end after the network was closed, and its files with it.
        if exchange.decision.state.delivers and self._plane.state is not None:
            self._deliveries.write(exchange)
        hook = self._hook
        if hook is not None and hook.pytest_lattice_exchange.get_hookimpls():
            hook.pytest_lattice_exchange(network=self, exchange=exchange)

    # ---- end ----------------------------------------------------------------

    def close(self) -> None:
        """Shut apps down, deliver logs and close files; it answers no more.

        Raises:
            DeliveryError: a destination did not take its access-log entries.
        """
        self._health.close()
        # Each is closed even if one before raises; the logs, which go last, have all.
        with ExitStack() as stack:
            stack.callback(self._deliveries.close)
            stack.callback(self._live.close)
            self._live.close_sockets()
            self._apps.close(stack)
            self._questions.close()
            self._plane.close()

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
    if draw not in list(DRAWS):
        raise unknown("draw", draw, DRAWS)
    if not is_whole(history, range(1, 2**31)):
        raise ConfigurationError(f"history `{history}` is not at least 1")


def _own_hooks(plugins: Sequence[object]) -> HookRelay | None:
    if not plugins:
        return None
    from pytest_lattice.hookspecs import own_hooks

    return own_hooks(plugins)
