"""Who calls, and may they: the step between the listener and its rules.

A guard is compiled from a configuration, as the routing state is.  For each VPC,
service and caller it keeps the layers of policies that have to allow.
AWS: vpc-lattice/latest/ug/auth-policies
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_lattice.auth.authenticate import Known, authenticate
from pytest_lattice.auth.call import CONNECT, INVOKE, Call, Place
from pytest_lattice.auth.evaluate import (
    PolicySource,
    compile_layer,
    evaluate,
    message,
)
from pytest_lattice.auth.headers import identity_headers
from pytest_lattice.auth.identity import ANONYMOUS, identity_of
from pytest_lattice.auth.policy import read_policy
from pytest_lattice.auth.reasons import explain_layer
from pytest_lattice.auth.sigv4 import Failure
from pytest_lattice.decision.admission import may_be_signed
from pytest_lattice.errors import HIDE
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import Role
from pytest_lattice.model.outcome import Denied

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.auth.evaluate import Denial, Layer, LayerName, PolicyKind
    from pytest_lattice.auth.identity import Identity
    from pytest_lattice.auth.laboratory import Diagnosis
    from pytest_lattice.auth.reasons import LayerResult
    from pytest_lattice.model.auth_policy import Policy, PolicyDocument
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration
    from pytest_lattice.model.message import Headers, LatticeRequest
    from pytest_lattice.model.service import Service
    from pytest_lattice.model.service_network import ServiceNetwork, Vpc
    from pytest_lattice.routing.resolve import Way
    from pytest_lattice.routing.state import NetworkState, ServiceState

__tracebackhide__ = HIDE

# AWS: an HTTP 403 of Lattice's begins with this
_DENIED = "AccessDeniedException"


class Access(NamedTuple):
    """What authentication and authorization made of a request.

    Args:
        guard: the guard that was asked.
        request: the request.
        call: the call as policies see it; None where authentication failed.
        layers: those that had to allow; none where no auth type is ``AWS_IAM``.
        denied: why the request goes no further; None where it does.
        failure: why authentication failed; None where it did not.
        region: the Region whose signature was asked for.
        now: when it was asked, in microseconds since 1970.
    """

    guard: Guard
    request: LatticeRequest
    call: Call | None
    layers: tuple[Layer, ...] = ()
    denied: Denied | None = None
    failure: Failure | None = None
    region: str = ""
    now: int = 0

    def __repr__(self) -> str:
        """Show who calls and what came of it, on one line."""
        who = self.failure.code if self.identity is None else self.identity.label  # type: ignore[union-attr]  # without identity there is a failure
        verdict = "may" if self.denied is None else self.denied.reason
        return f"<Access {who}: {verdict}>"

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The mistake behind a failed authentication; None where it did not fail."""
        if self.failure is None:
            return None
        return self.guard.diagnose(self, self.failure)

    @property
    def identity(self) -> Identity | None:
        """Who calls; None where authentication failed."""
        return None if self.call is None else self.call.identity

    @property
    def identity_headers(self) -> Headers:
        """What a target is told of who calls; nothing where no auth is asked for."""
        if self.identity is None or not self.layers:
            return ()
        return self.guard.identity_headers(self.identity)

    @property
    def results(self) -> tuple[LayerResult, ...]:
        """What each layer made of the call, and why; computed when asked."""
        if self.call is None:
            return ()
        return tuple(explain_layer(layer.source, self.call) for layer in self.layers)

    @property
    def smallest_change(self) -> str:
        """What would flip the verdict, in one line; empty if nothing tried does."""
        from pytest_lattice.auth.change import smallest_change

        if self.call is None:
            return ""
        return smallest_change([layer.source for layer in self.layers], self.call)


class _Gate:
    """The way from one VPC into one service."""

    __slots__ = ("connecting", "layers", "place", "sources")

    def __init__(self, place: Place, sources: tuple[PolicySource, ...]) -> None:
        self.place = place
        #: The auth policies that are enabled, in the order of reporting.
        self.sources = sources
        #: The layers of each caller, by principal.
        self.layers: dict[str, tuple[Layer, ...]] = {}
        #: The same for what is passed through.
        self.connecting: dict[str, tuple[Layer, ...]] = {}


class Guard:
    """The callers and auth policies of a configuration, compiled.

    Args:
        configuration: one that holds together.
        settings: what to choose where AWS is silent.
        warn: is called with each complaint that the settings make a warning.

    Raises:
        ConfigurationError: a policy that AWS would refuse, with the place.
    """

    def __init__(
        self,
        configuration: Configuration,
        settings: AuthSettings | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Read every policy, so that a bad one is refused before any request."""
        self.settings = settings or AuthSettings()
        self._warn = warn or (lambda _: None)
        self._any_value = self.settings.multivalued == "any"
        self._organizations = {
            account: each.id
            for each in configuration.organizations
            for account in each.accounts
        }
        networks, services = (
            configuration.effective_service_networks,
            configuration.services,
        )
        self._auth = {
            **{each.arn: self._auth_source(each, "network") for each in networks},
            **{each.arn: self._auth_source(each, "service") for each in services},
        }
        self._hosts = tuple(
            host for each in services for host in (each.dns_name, each.name)
        )
        self._identities = {
            each.principal: self._identity(each) for each in configuration.callers
        }
        # The configuration keeps its callers, so their ids stay theirs.
        self._identity_of = {
            id(each): self._identities[each.principal] for each in configuration.callers
        }
        self._sources = {
            each.principal: self._caller_sources(each) for each in configuration.callers
        }
        #: The callers by access key id.
        self.known = {
            each.credentials.access_key_id: Known(each, each.credentials)
            for each in configuration.callers
        }
        self._headers: dict[str, Headers] = {}
        self._gates: dict[tuple[str, ServiceState | None], _Gate] = {}

    # ---- deciding -----------------------------------------------------------

    def admit(
        self,
        request: LatticeRequest,
        way: Way,
        now: int,
        *,
        wall: Callable[[], int] | None = None,
    ) -> Access | None:
        """Authenticate and authorize a request.

        Args:
            request: the request.
            way: where it goes; it has come to a listener.
            now: the network's time, in microseconds since 1970.
            wall: gives the time by which signers outside the network sign.

        Returns:
            What came of it; None where nobody had to be asked.
        """
        gate = self._gates.get((request.source.vpc, way.service)) or self._gate(way)
        verified = gate.sources or self.settings.verify_where_none
        if verified and may_be_signed(request):
            found = authenticate(
                request,
                self.known,
                region=gate.place.region,
                now=now,
                wall=wall,
                settings=self.settings,
            )
            if isinstance(found, Failure):
                body = f"{found.code}: {found.message}"
                denied = Denied("authentication", found.detail, body)
                region = gate.place.region
                return Access(self, request, None, (), denied, found, region, now)
            if found is not None:
                identity = self._identity_of[id(found.caller)]
                return self._authorize(gate, request, identity, now)
        if not gate.sources:
            return None
        return self._authorize(gate, request, ANONYMOUS, now)

    def _authorize(
        self, gate: _Gate, request: LatticeRequest, identity: Identity, now: int
    ) -> Access:
        # AWS: vpc-lattice/latest/ug/tls-listeners: method and path are not known
        sealed = request.scheme == "tls"
        action = CONNECT if sealed else INVOKE
        known = gate.connecting if sealed else gate.layers
        layers = known.get(identity.principal)
        if layers is None:
            layers = known[identity.principal] = self._layers(gate, identity, action)
        call = Call(request, identity, gate.place, now, action)
        denial = evaluate(layers, call)
        denied = None if denial is None else _denied(denial, call)
        return Access(self, request, call, layers, denied)

    def _layers(
        self, gate: _Gate, identity: Identity, action: str
    ) -> tuple[Layer, ...]:
        # AWS: no auth type AWS_IAM, no check of the caller's own policies (silent on
        # a signed call there)
        own = self._sources.get(identity.principal, ()) if gate.sources else ()
        return tuple(
            compile_layer(source, identity, gate.place, action=action)
            for source in (*gate.sources, *own)
        )

    def _gate(self, way: Way) -> _Gate:
        service, network, vpc = way.service, way.network, way.vpc
        if service is None or network is None or vpc is None:
            raise TypeError("only a request that came to a listener is admitted")
        # A VPC is associated with one service network.
        gate = self._gates.get((vpc.id, service))
        if gate is None:
            # AWS is silent on which denial is named; transcripts name the network's
            enabled = (self._auth[network.arn], self._auth[service.arn])
            sources = tuple(each for each in enabled if each is not None)
            gate = _Gate(self._place(vpc, network, service), sources)
            self._gates[vpc.id, service] = gate
        return gate

    def _place(self, vpc: Vpc, network: NetworkState, service: ServiceState) -> Place:
        value = service.service
        return Place(
            service_arn=service.arn,
            service_account=value.account,
            # By their keys without case, and as they are written.
            service_tags={
                **{key.lower(): value.tags[key] for key in value.tags},
                **value.tags,
            },
            service_org_id=self._organizations.get(value.account),
            region=value.region,
            network_arn=network.arn,
            vpc=vpc.id,
            vpc_account=vpc.account,
        )

    def identity_headers(self, identity: Identity) -> Headers:
        """Build the identity headers of a caller, once."""
        found = self._headers.get(identity.principal)
        if found is None:
            found = identity_headers(identity, self.settings)
            self._headers[identity.principal] = found
        return found

    # ---- reading the configuration ------------------------------------------

    def _auth_source(
        self, resource: Service | ServiceNetwork, layer: LayerName
    ) -> PolicySource | None:
        kind = "service network" if layer == "network" else "service"
        owner = f"{kind} `{resource.name}`"
        policies: tuple[Policy, ...] = ()
        if resource.auth_policy is not None:
            policies = (
                self._read(str(resource.auth_policy), f"auth policy of {owner}"),
            )
        # AWS: with auth type NONE a policy is kept and inactive
        if resource.auth_type == "NONE":
            return None
        named: PolicyKind = (
            "network-based policy" if layer == "network" else "service-based policy"
        )
        place = resource.auth_policy_source or resource.source
        return PolicySource(layer, named, owner, policies, self._any_value, place)

    def _read(self, text: str, where: str) -> Policy:
        return read_policy(text, where, settings=self.settings, warn=self._warn)

    def _identity(self, caller: Caller) -> Identity:
        return identity_of(caller, org_id=self._organizations.get(caller.account))

    def _caller_sources(self, caller: Caller) -> tuple[PolicySource, ...]:
        """Collect what limits a caller; all of it has to allow.

        AWS: IAM/latest/UserGuide/reference_policies_evaluation-logic
        """
        owner = self._identities[caller.principal].label

        def source(kind: PolicyKind, *texts: PolicyDocument) -> PolicySource:
            several = len(texts) > 1
            policies = tuple(
                read_policy(
                    str(text),
                    f"{kind} of {owner}" + (f": policy {n}" if several else ""),
                    "identity",
                    settings=self.settings,
                    warn=self._warn,
                )
                for n, text in enumerate(texts, start=1)
            )
            return PolicySource(
                "identity", kind, owner, policies, self._any_value, caller.source
            )

        found = [
            source("service control policy", text)
            for text in caller.service_control_policies
        ]
        found.append(source("identity-based policy", *caller.policies))
        if caller.permissions_boundary is not None:
            found.append(source("permissions boundary", caller.permissions_boundary))
        if isinstance(caller, Role) and caller.session_policies:
            found.append(source("session policy", *caller.session_policies))
        return tuple(found)

    def diagnose(self, access: Access, failure: Failure) -> Diagnosis:
        """Find the mistake behind a signature that does not verify.

        Args:
            access: what came of the request.
            failure: why authentication failed.
        """
        from pytest_lattice.auth.laboratory import diagnose

        return diagnose(
            access.request,
            self.known,
            failure,
            region=access.region,
            hosts=self._hosts,
            now=access.now,
            settings=self.settings,
        )


def _denied(denial: Denial, call: Call) -> Denied:
    source, statement = denial.source, denial.statement
    if statement is not None:
        reason = f"{statement.label} of the {source.name} denies"
    elif source.policies:
        reason = f"no statement of the {source.name} allows"
    else:
        reason = f"there is no {source.name}"
    return Denied(
        source.layer,
        reason,
        f"{_DENIED}: {message(denial, call)}",
        verdict=denial.verdict,
        sid=None if statement is None else statement.sid,
    )
