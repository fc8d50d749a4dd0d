"""Target groups that the AWS Gateway API Controller makes of Kubernetes Services.

One stands for each Service that a route names, for that route alone, and one for each
exported port of a ServiceExport.  An import names a group that is made elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.gateway_api.manifests import CONTROLLER
from pytest_lattice.loaders.gateway_api.policies import one_for_each, without_effect
from pytest_lattice.loaders.gateway_api.targets import (
    address_type,
    deployments,
    has_port,
    listed_targets,
    pod_port,
)
from pytest_lattice.model.names import digest
from pytest_lattice.model.target_group import TargetGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.assembly import Kind
    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.loaders.gateway_api.manifests import Node, Object, Objects
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

# AWS: aws-application-networking-k8s: k8s-<namespace>-<name>-<10 random letters>
_NAME_LENGTH = 55
_SUFFIX_LENGTH = 10
# AWS: aws-application-networking-k8s: of the group; its targets have the pods' ports
_PORT = 80
# AWS: aws-application-networking-k8s: protocol and version that a kind of route forces
_FORCED = {
    "HTTPRoute": ("", ""),
    "GRPCRoute": ("", "GRPC"),
    "TLSRoute": ("TCP", ""),
}
_ROUTE_TYPES = {"HTTP": "HTTPRoute", "GRPC": "GRPCRoute", "TLS": "TLSRoute"}
_CHECK = {
    "intervalSeconds": "healthCheckIntervalSeconds",
    "timeoutSeconds": "healthCheckTimeoutSeconds",
    "healthyThresholdCount": "healthyThresholdCount",
    "unhealthyThresholdCount": "unhealthyThresholdCount",
    "path": "path",
    "port": "port",
    "protocol": "protocol",
    "protocolVersion": "protocolVersion",
}
_IMPORT_TAGS = ("export-name", "aws-vpc", "aws-eks-cluster-name")
_ARN_FIELDS = 6


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the manifests are applied.

    Args:
        name: the cluster's name.
        vpc: name or id of its VPC.
        account: the 12-digit owner.
        region: the Region.
    """

    name: str
    vpc: str
    account: str
    region: str

    @property
    def tags(self) -> dict[str, str]:
        """The tag that the controller puts on all it makes."""
        owner = f"{self.account}/{self.name}/{self.vpc}"
        return {f"{CONTROLLER}/ManagedBy": owner}

    @property
    def owner(self) -> dict[str, Any]:
        """Account and Region."""
        return {"account": self.account, "region": self.region}

    def part(
        self,
        kind: Kind,
        values: Mapping[str, Any],
        source: SourceLocation,
        *,
        id: str = "",  # a part's word
        arn: str = "",
        names: tuple[str, ...] = (),
    ) -> Part:
        """Make a part that the cluster's account owns."""
        return Part(kind, values, source, id, arn, names, self.account, self.region)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A target group to make.

    Args:
        key: what tells it from all others.
        source: where what it is made of was written, or named.
        kind: the kind of route that it is for.
        owner: kind, namespace and name of what policies are attached to; no kind for
            what is elsewhere.
        tags: the tags of its own.
        names: what ``targets=`` may call it.
        service: the Service behind it.
        port: the port of that Service, or None for all.
    """

    key: tuple[str, ...]
    source: SourceLocation
    kind: str
    owner: tuple[str, str, str]
    tags: Mapping[str, str]
    names: tuple[str, ...]
    service: Object | None = None
    port: int | None = None


@dataclass(slots=True)
class Groups:
    """The target groups found so far.

    Args:
        objects: all objects.
        cluster: where they live.
        bindings: what the test binds; a bound Service exists, written here or not.
    """

    objects: Objects
    cluster: Cluster
    bindings: Bindings
    parts: dict[tuple[str, ...], Part] = field(default_factory=dict)
    #: The port of the pods that no EndpointSlice lists, by name of the group.
    pod_ports: dict[str, int] = field(default_factory=dict)
    _policies: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    _used: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Find the policies, then make the exported groups."""
        self._policies = one_for_each(self.objects, "TargetGroupPolicy", self._exists)
        for export in self.objects.of("ServiceExport"):
            self._export(export)

    def _exists(self, kind: str, namespace: str, name: str) -> bool:
        if self.objects.find(kind, namespace, name) is not None:
            return True
        return kind == "Service" and self._bound(namespace, name)

    def _bound(self, namespace: str, name: str) -> bool:
        if not isinstance(self.bindings, Mapping):
            return False
        return name in self.bindings or f"{namespace}/{name}" in self.bindings

    def note_unused_policies(self) -> None:
        """Note the policies of Services that no route names."""
        for target, policy in self._policies.items():
            if target not in self._used:
                why = f"no route names {target[0]} `{target[1]}/{target[2]}`"
                without_effect(self.objects, policy, why)

    # ---- actions -------------------------------------------------------------

    def action(self, route: Object, rule: Node) -> dict[str, Any]:
        """Make the action of a rule.

        References to what does not exist are left out, as the controller does; where
        none is left, it answers with a fixed 500.
        """
        weighted = []
        for reference in rule.nodes("backendRefs"):
            reference.check(
                "group", "kind", "name", "namespace", "port", "weight", "filters"
            )
            identifier = self._identifier(route, reference)
            if identifier:
                weight = reference.number("weight")
                weight = 1 if weight is None else weight
                weighted.append({"targetGroupIdentifier": identifier, "weight": weight})
        if not weighted:
            return {"fixedResponse": {"statusCode": 500}}
        return {"forward": {"targetGroups": weighted}}

    def _identifier(self, route: Object, reference: Node) -> str:
        kind = reference.text("kind", "Service")
        name = reference.needed("name")
        namespace = reference.text("namespace", route.namespace)
        if kind == "ServiceImport":
            return self._imported(route, reference, namespace, name)
        if kind != "Service":
            raise reference.unsupported(
                f"backendRef `{name}` of kind {kind} is neither a Service nor a "
                "ServiceImport",
                "kind",
            )
        full = f"{namespace}/{name}"
        if self._exists("Service", namespace, name):
            return self._of_route(route, reference, full)
        self.objects.notices.once(
            full,
            f"Service `{full}` is not in the manifests, so the backendRef to it is "
            f"left out; bind `{full}` in targets= if it exists ({reference.place})",
        )
        return ""

    def _of_route(self, route: Object, reference: Node, full: str) -> str:
        namespace, _, name = full.partition("/")
        service = self.objects.find("Service", namespace, name)
        port = reference.number("port")
        if service is not None and not has_port(service, port):
            self.objects.notices.once(
                (full, port),
                f"Service `{full}` has no port {port}, so on AWS its target group has "
                f"no targets ({reference.place})",
            )
        tags = {
            "SourceTypeKey": route.kind,
            "RouteName": route.name,
            "RouteNamespace": route.namespace,
        }
        return self._made(
            _Wanted(
                key=(route.kind, route.namespace, route.name, namespace, name),
                source=_place(service, reference, f"Service {full}"),
                kind=route.kind,
                owner=("Service", namespace, name),
                tags=tags,
                names=(full, name, *deployments(self.objects, service)),
                service=service,
                port=port,
            )
        )

    # ---- exports and imports -------------------------------------------------

    def _export(self, export: Object) -> None:
        export.spec.check("exportedPorts")
        service_name = export.annotation("service-name") or export.name
        if not self._exists("Service", export.namespace, service_name):
            why = f"Service `{export.namespace}/{service_name}` is not in the manifests"
            without_effect(self.objects, export, why)
            return
        service = self.objects.find("Service", export.namespace, service_name)
        full = export.full_name
        for port, kind in _exported_ports(export):
            names = [full, export.name]
            if port is not None:
                names += [f"{full}:{port}", f"{export.name}:{port}"]
            self._made(
                _Wanted(
                    key=("ServiceExport", *full.split("/"), kind, str(port)),
                    source=export.source,
                    kind=kind,
                    owner=("ServiceExport", export.namespace, export.name),
                    tags={"SourceTypeKey": "ServiceExport"},
                    names=(*names, *deployments(self.objects, service)),
                    service=service,
                    port=port,
                )
            )

    def _imported(
        self, route: Object, reference: Node, namespace: str, name: str
    ) -> str:
        """Find the group that an import means, here or elsewhere."""
        found = self.objects.find("ServiceImport", namespace, name)
        wanted = dict.fromkeys(_IMPORT_TAGS, "")
        if found is not None:
            wanted = {tag: found.annotation(tag) or "" for tag in _IMPORT_TAGS}
            if arn := found.annotation("target-group-arn"):
                return self._outside(found, arn, tagged=any(wanted.values()))
        export = wanted["export-name"] or name
        here = {"", self.cluster.name} >= {wanted["aws-eks-cluster-name"]}
        if here and {"", self.cluster.vpc} >= {wanted["aws-vpc"]}:
            for key, part in self.parts.items():
                if key[:4] == ("ServiceExport", namespace, export, route.kind):
                    return part.arn
        return self._made(
            _Wanted(
                key=("elsewhere", namespace, export, route.kind, *wanted.values()),
                source=_place(found, reference, f"ServiceImport {namespace}/{name}"),
                kind=route.kind,
                owner=("", namespace, export),
                tags={"SourceTypeKey": "ServiceExport"},
                names=(f"{namespace}/{name}", name),
            )
        )

    def _outside(self, found: Object, arn: str, *, tagged: bool) -> str:
        """Take a group that somebody else made, of which only the ARN is known.

        What kind of group that is, the test knows: by binding an app, or by declaring
        a group with that id.
        """
        metadata = found.root.node("metadata")
        if tagged:
            raise metadata.refuse(
                f"{found.called} has the annotation target-group-arn, which goes with "
                f"none of {', '.join(_IMPORT_TAGS)}",
                "annotations",
            )
        fields = arn.split(":")
        if len(fields) != _ARN_FIELDS or not fields[5].startswith("targetgroup/tg-"):
            message = f"`{arn}` is not the ARN of a target group"
            raise metadata.refuse(message, "annotations")
        key = ("outside", arn)
        bound = self._bound(found.namespace, found.name) or self.bindings == "echo"
        if bound and key not in self.parts:
            self.parts[key] = Part(
                "target group",
                {"name": _name((found.namespace, found.name), key), "type": "IP"},
                found.source,
                id=fields[5].removeprefix("targetgroup/"),
                arn=arn,
                names=(found.full_name, found.name),
                account=fields[4],
                region=fields[3],
            )
        return arn

    # ---- groups --------------------------------------------------------------

    def _made(self, wanted: _Wanted) -> str:
        """Make a group, once; return its ARN."""
        if wanted.key not in self.parts:
            self.parts[wanted.key] = self._part(wanted)
        return self.parts[wanted.key].arn

    def _part(self, wanted: _Wanted) -> Part:
        policy = self._policy(wanted.owner)
        protocol, version = _protocols(_FORCED[wanted.kind], policy)
        cluster = self.cluster
        name = _name(wanted.owner[1:], (cluster.name, *wanted.key))
        own = {
            "ServiceName": wanted.owner[2],
            "ServiceNamespace": wanted.owner[1],
            "ClusterName": cluster.name,
            "ProtocolVersion": version,
            **wanted.tags,
        }
        values = {
            "name": name,
            "type": "IP",
            "config": {
                "protocol": protocol,
                "protocolVersion": version or None,
                "port": _PORT,
                "vpcIdentifier": cluster.vpc,
                "ipAddressType": address_type(wanted.service),
                "healthCheck": policy and _health_check(policy),
            },
            "tags": cluster.tags
            | {f"{CONTROLLER}/{tag}": own[tag] for tag in own if own[tag]},
            "targets": self._targets(name, wanted),
        }
        group = TargetGroup(name, **cluster.owner)
        return cluster.part(
            "target group",
            values,
            wanted.source,
            id=group.id,
            arn=group.arn,
            names=wanted.names,
        )

    def _targets(self, name: str, wanted: _Wanted) -> list[dict[str, Any]]:
        if wanted.service is None:
            return []
        listed = listed_targets(self.objects, wanted.service, wanted.port)
        port = pod_port(wanted.service, wanted.port)
        if not listed and port is not None:
            self.pod_ports[name] = port
        return listed

    def _policy(self, owner: tuple[str, str, str]) -> Node | None:
        """Find the policy that has effect on a Service or ServiceExport."""
        policy = self._policies.get(owner)
        if policy is None:
            return None
        spec = policy.spec
        if spec.text("protocol") == "TCP" and spec.text("protocolVersion"):
            # AWS: aws-application-networking-k8s, target-group-policy
            why = "protocol TCP takes no protocolVersion"
            without_effect(self.objects, policy, why)
            del self._policies[owner]
            return None
        self._used.add(owner)
        return spec


def _place(found: Object | None, reference: Node, name: str) -> SourceLocation:
    """Say where an object was written, or else who names it."""
    if found is not None:
        return found.source
    return reference.source._replace(name=name)


def _protocols(forced: tuple[str, str], policy: Node | None) -> tuple[str, str]:
    protocol, version = forced
    if policy is not None:
        protocol = protocol or policy.text("protocol")
        version = version or policy.text("protocolVersion")
    protocol = protocol or "HTTP"
    return protocol, "" if protocol == "TCP" else version or "HTTP1"


def _exported_ports(export: Object) -> Iterator[tuple[int | None, str]]:
    """Yield each exported port with the kind of route that it is for."""
    listed = export.spec.nodes("exportedPorts")
    for each in listed:
        each.check("port", "routeType")
        route_type = each.needed("routeType")
        if route_type not in _ROUTE_TYPES:
            raise each.refuse(
                f"{each.within('routeType')} `{route_type}` is none of "
                f"{', '.join(_ROUTE_TYPES)}",
                "routeType",
            )
        yield each.number("port"), _ROUTE_TYPES[route_type]
    if listed:
        return
    ports = export.annotation("port") or ""
    # AWS: aws-application-networking-k8s: all ports of a list are in one target group
    first = ports.split(",")[0].strip()
    if first and not (first.isascii() and first.isdecimal()):
        raise export.root.node("metadata").refuse(
            f"annotation port `{ports}` is not a list of ports", "annotations"
        )
    yield int(first) if first else None, "HTTPRoute"


def _health_check(policy: Node) -> dict[str, Any] | None:
    if "healthCheck" not in policy.values:
        return None
    check = policy.node("healthCheck").check("enabled", "statusMatch", *_CHECK)
    made: dict[str, Any] = {
        member: check.values[name]
        for name, member in _CHECK.items()
        if name in check.values
    }
    if "enabled" in check.values:
        made["enabled"] = check.boolean("enabled", default=True)
    if status := check.text("statusMatch"):
        made["matcher"] = {"httpCode": status}
    return made


def truncated(name: str, length: int) -> str:
    """Shorten a name as the controller does."""
    return name[:length].strip("-")


def _name(parts: tuple[str, ...], key: tuple[str, ...]) -> str:
    """Write a name whose random letters are made of what identifies the group."""
    number = int(digest("target group", *key, length=32), 16)
    letters = ""
    for _ in range(_SUFFIX_LENGTH):
        number, letter = divmod(number, 26)
        letters += chr(ord("a") + letter)
    words = (truncated(part, _NAME_LENGTH) for part in parts)
    return "-".join(("k8s", *words, letters))
