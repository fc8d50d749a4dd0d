"""Parts of a document put together: listeners into services, policies, associations.

Every format is brought to one form first, the words of the Lattice API; the values of
the model are made of that here, so that all loaders make the very same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError, unknown
from pytest_lattice.loaders.binding import Bindings, bound_targets
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import FixedResponse, Forward, WeightedTargetGroup
from pytest_lattice.model.names import DEFAULT_ACCOUNT, DEFAULT_REGION
from pytest_lattice.model.service import HeaderMatch, Listener, Rule, Service
from pytest_lattice.model.service_network import (
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
    is_vpc_id,
)
from pytest_lattice.model.target_group import HealthCheck, TargetGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_lattice.model.action import Action
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

#: The type of access logs that have no HTTP request in them.
RESOURCE_LOGS = "RESOURCE"
Kind: TypeAlias = Literal[
    "service network",
    "service",
    "listener",
    "rule",
    "target group",
    "auth policy",
    "service association",
    "VPC association",
    "access log subscription",
    "VPC",
]


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of a document, in the words of the API.

    Args:
        kind: what it is.
        values: the members of the API's create operation (``authType``,
            ``defaultAction``, …), identifiers as the document has them; a target
            group also has ``targets``, a VPC ``cidr``. What the tool of the format
            defaults by itself is filled in, what the API defaults may be left out.
        source: where it was written.
        id: the id that references in the document resolve to.
        arn: the ARN that references in the document resolve to.
        names: what ``targets=`` may call a target group, beside its name.
        account: the 12-digit owner.
        region: the Region.
    """

    kind: Kind
    values: Mapping[str, Any]
    source: SourceLocation
    id: str = ""
    arn: str = ""
    names: tuple[str, ...] = ()
    account: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION

    @property
    def name(self) -> str:
        """The resource's own name."""
        name: str = self.values.get("name") or ""
        return name


def assemble(
    parts: Iterable[Part],
    *,
    targets: Bindings = (),
    strict: bool = False,
    callers: Sequence[Resource] = (),
) -> tuple[Resource, ...]:
    """Make the values of the model.

    Args:
        parts: the resources of all documents that belong together.
        targets: what answers behind the target groups; see `loaders.binding`.
        strict: whether a target group that nothing is bound to is an error.
        callers: roles and users, which need no assembly.

    Returns:
        The values, ready to be added to a network.

    Raises:
        ConfigurationError: a part that nothing holds, two policies for one resource,
            a binding that fits nothing, or what a value of the model refuses; the
            place is named.
    """
    assembly = _Assembly(tuple(parts))
    groups = bound_targets(assembly.of("target group"), targets, strict=strict)
    return (
        *assembly.each("service network", assembly.service_network),
        *assembly.outside_networks(),
        *assembly.each("VPC", _vpc),
        *(_made(part, assembly.target_group, found) for part, found in groups),
        *assembly.each("service", assembly.service),
        *assembly.each("service association", assembly.service_association),
        *assembly.each("VPC association", assembly.vpc_association),
        *assembly.each("access log subscription", assembly.subscription),
        *callers,
    )


class _Assembly:
    """The parts of a document, found by what they are called."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts: dict[str, list[Part]] = {}
        self._index: dict[tuple[str, str], Part] = {}
        for part in parts:
            self._parts.setdefault(part.kind, []).append(part)
            for name in (part.id, part.arn):
                if name:
                    self._index[part.kind, name] = part
        self._listeners = self._held_by("listener", "serviceIdentifier", "service")
        self._rules = self._held_by("rule", "listenerIdentifier", "listener")
        self._policies = self._policies_by_resource()

    def of(self, kind: Kind) -> Sequence[Part]:
        return self._parts.get(kind, [])

    def each(self, kind: Kind, make: Callable[[Part], Resource]) -> list[Resource]:
        return [_made(part, make) for part in self.of(kind)]

    def find(self, kind: Kind, identifier: object) -> Part | None:
        return self._index.get((kind, str(identifier)))

    # ---- what belongs to what ------------------------------------------------

    def _held_by(self, kind: Kind, member: str, holder: Kind) -> dict[int, list[Part]]:
        """Sort parts by their holder; each must have one."""
        held: dict[int, list[Part]] = {}
        for part in self.of(kind):
            identifier = part.values.get(member)
            found = self.find(holder, identifier)
            if found is None:
                raise located(
                    unknown(
                        holder,
                        str(identifier),
                        (each.source.name for each in self.of(holder)),
                    ),
                    part.source,
                )
            held.setdefault(id(found), []).append(part)
        return held

    def _policies_by_resource(self) -> dict[str, Part]:
        policies: dict[str, Part] = {}
        for part in self.of("auth policy"):
            identifier = str(part.values.get("resourceIdentifier"))
            found = self.find("service", identifier) or self.find(
                "service network", identifier
            )
            if found is None:
                known = (*self.of("service"), *self.of("service network"))
                raise located(
                    unknown(
                        "service or service network",
                        identifier,
                        (each.source.name for each in known),
                    ),
                    part.source,
                )
            if (first := policies.get(found.arn)) is not None:
                # AWS: AWSCloudFormation/latest/TemplateReference: fails if one exists
                raise located(
                    ConfigurationError(
                        f"{found.kind} `{found.name}` has two auth policies; "
                        f"the other is {first.source}"
                    ),
                    part.source,
                )
            policies[found.arn] = part
        return policies

    # ---- the values ----------------------------------------------------------

    def service_network(self, part: Part) -> ServiceNetwork:
        return ServiceNetwork(
            part.name,
            id=part.id,
            account=part.account,
            region=part.region,
            source=part.source,
            **_tags(part),
            **self._auth(part),
        )

    def _auth(self, part: Part) -> dict[str, Any]:
        """Say type and policy; where a document names no type, AWS has NONE."""
        policy = self._policies.get(part.arn)
        return {
            "auth_type": part.values.get("authType") or "NONE",
            "auth_policy": None if policy is None else policy.values["policy"],
            "auth_policy_source": None if policy is None else policy.source,
        }

    def target_group(self, part: Part, targets: Sequence[object]) -> TargetGroup:
        config = part.values.get("config") or {}
        check = config.get("healthCheck")
        vpc = self.find("VPC", named := config.get("vpcIdentifier"))
        optional = {
            "protocol": config.get("protocol"),
            "protocol_version": config.get("protocolVersion"),
            "port": config.get("port"),
            "ip_address_type": config.get("ipAddressType"),
            "vpc": part.values.get("vpc") or (named if vpc is None else vpc.name),
            "lambda_event_structure_version": config.get("lambdaEventStructureVersion"),
            "health_check": None if check is None else _health_check(check),
        }
        return TargetGroup(
            part.name,
            type=part.values["type"],
            targets=targets,
            id=part.id,
            account=part.account,
            region=part.region,
            source=part.source,
            **_given(optional),
            **_tags(part),
        )

    def service(self, part: Part) -> Service:
        values = part.values
        listeners = [
            _made(each, self.listener) for each in self._listeners.get(id(part), [])
        ]
        optional = {
            "custom_domain_name": values.get("customDomainName"),
            "certificate_arn": values.get("certificateArn"),
            "idle_timeout_seconds": values.get("idleTimeoutSeconds"),
        }
        return Service(
            part.name,
            listeners=listeners,
            id=part.id,
            account=part.account,
            region=part.region,
            source=part.source,
            **_given(optional),
            **_tags(part),
            **self._auth(part),
        )

    def listener(self, part: Part) -> Listener:
        values = part.values
        rules = [_made(each, self.rule) for each in self._rules.get(id(part), [])]
        return Listener(
            values["protocol"],
            default=self._action(values["defaultAction"]),
            rules=rules,
            source=part.source,
            **_given({"port": values.get("port"), "name": values.get("name")}),
            **_tags(part),
        )

    def rule(self, part: Part) -> Rule:
        values = part.values
        return Rule(
            values["priority"],
            action=self._action(values["action"]),
            source=part.source,
            **_given({"name": values.get("name")}),
            **_match(values["match"]),
            **_tags(part),
        )

    def _action(self, action: Mapping[str, Any]) -> Action:
        fixed, forward = action.get("fixedResponse"), action.get("forward")
        if (fixed is None) == (forward is None):
            # AWS: vpc-lattice/latest/APIReference/API_RuleAction: a union
            raise ConfigurationError("an action takes one of forward and fixedResponse")
        if fixed is not None:
            return FixedResponse(fixed["statusCode"])
        return Forward(tuple(self._weighted(forward["targetGroups"])))  # type: ignore[index]  # one is given

    def _weighted(self, groups: Iterable[Any]) -> Iterator[WeightedTargetGroup]:
        for each in groups:
            identifier = each["targetGroupIdentifier"]
            part = self.find("target group", identifier)
            name = str(identifier) if part is None else part.name
            weight = each.get("weight")
            yield (
                WeightedTargetGroup(name)
                if weight is None
                else WeightedTargetGroup(name, weight)
            )

    # ---- what lies between resources -----------------------------------------

    def service_association(self, part: Part) -> ServiceAssociation:
        return ServiceAssociation(
            self._arn("service network", part.values["serviceNetworkIdentifier"]),
            self._arn("service", part.values["serviceIdentifier"]),
            account=part.account,
            source=part.source,
        )

    def vpc_association(self, part: Part) -> VpcAssociation:
        vpc = self.find("VPC", part.values["vpcIdentifier"])
        return VpcAssociation(
            self._arn("service network", part.values["serviceNetworkIdentifier"]),
            part.values["vpcIdentifier"] if vpc is None else self._vpc_name(vpc),
            source=part.source,
        )

    def _vpc_name(self, vpc: Part) -> str:
        """Return the name, or the ARN where several documents use one name."""
        same = [each for each in self.of("VPC") if each.name == vpc.name]
        return vpc.name if len(same) == 1 else vpc.arn

    def subscription(self, part: Part) -> AccessLogSubscription:
        identifier = part.values["resourceIdentifier"]
        found = self.find("service", identifier) or self.find(
            "service network", identifier
        )
        return AccessLogSubscription(
            identifier if found is None else found.arn,
            destination=part.values.get("destinationArn"),
            source=part.source,
        )

    def _arn(self, kind: Kind, identifier: str) -> str:
        found = self.find(kind, identifier)
        return identifier if found is None else found.arn

    def outside_networks(self) -> Iterator[Resource]:
        """Let service networks that a document only names by ARN or id stand in.

        A network team often owns them; what is deployed with them is not known here,
        but that the association exists shows that they are shared.
        """
        links = (*self.of("service association"), *self.of("VPC association"))
        outside: dict[str, list[Part]] = {}
        arns: dict[str, str] = {}
        for part in links:
            named = str(part.values["serviceNetworkIdentifier"])
            if self.find("service network", named) is None:
                network_id = named.rpartition("/")[2]
                outside.setdefault(network_id, []).append(part)
                if named.startswith("arn:"):
                    arns.setdefault(network_id, named)
        for network_id, parts in outside.items():
            named = arns.get(network_id, network_id)
            network = _made(parts[0], lambda part: _outside_network(part, named))  # noqa: B023  # called at once
            yield network
            users = dict.fromkeys(part.account for part in parts)
            users.pop(network.account, None)
            if users:
                yield ResourceShare(
                    network.name,
                    resources=[network.arn],
                    principals=list(users),
                    account=network.account,
                    source=parts[0].source,
                )


def _outside_network(part: Part, named: str) -> ServiceNetwork:
    network_id = named.rpartition("/")[2]
    owner: dict[str, Any] = {"account": part.account, "region": part.region}
    if named.startswith("arn:"):
        owner = dict(zip(("region", "account"), named.split(":")[3:5], strict=True))
    return ServiceNetwork(network_id, id=network_id, source=part.source, **owner)


def _made(part: Part, make: Callable[..., Any], *others: object) -> Any:  # noqa: ANN401  # what `make` returns
    """Make a value; an error says where it was written."""
    try:
        return make(part, *others)
    except ConfigurationError as error:
        raise located(error, part.source) from None


def _vpc(part: Part) -> Vpc:
    return Vpc(
        part.name,
        # Whatever references in the document resolve to need not be an id of EC2's.
        id=part.id if is_vpc_id(part.id) else "",
        account=part.account,
        region=part.region,
        source=part.source,
        **_given({"cidr": part.values.get("cidr")}),
    )


_CHECK_FIELDS = {
    "enabled": "enabled",
    "protocol": "protocol",
    "protocolVersion": "protocol_version",
    "port": "port",
    "path": "path",
    "healthCheckIntervalSeconds": "interval_seconds",
    "healthCheckTimeoutSeconds": "timeout_seconds",
    "healthyThresholdCount": "healthy_threshold_count",
    "unhealthyThresholdCount": "unhealthy_threshold_count",
}
# AWS: vpc-lattice/latest/APIReference/API_HealthCheckConfig: 0 or "" is the default
_DEFAULTED = (None, 0, "")


def _health_check(check: Mapping[str, Any]) -> HealthCheck:
    fields: dict[str, Any] = {
        name: check[member]
        for member, name in _CHECK_FIELDS.items()
        if check.get(member) is False or check.get(member) not in _DEFAULTED
    }
    if matcher := (check.get("matcher") or {}).get("httpCode"):
        fields["matcher"] = str(matcher)
    return HealthCheck(**fields)


def _match(match: Mapping[str, Any]) -> dict[str, Any]:
    http = match.get("httpMatch") or {}
    fields = _given({"method": http.get("method")})
    path = http.get("pathMatch")
    if path is not None:
        fields |= _given(
            {
                "path": path["match"].get("exact"),
                "path_prefix": path["match"].get("prefix"),
                "path_case_sensitive": path.get("caseSensitive"),
            }
        )
    fields["headers"] = [_header(each) for each in http.get("headerMatches") or ()]
    return fields


def _header(header: Mapping[str, Any]) -> HeaderMatch:
    match = header["match"]
    names = ("exact", "prefix", "contains")
    union = _given({name: match.get(name) for name in names})
    case = _given({"case_sensitive": header.get("caseSensitive")})
    return HeaderMatch(header["name"], **union, **case)


def _tags(part: Part) -> dict[str, Any]:
    return _given({"tags": part.values.get("tags")})


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in fields if fields[name] is not None}
