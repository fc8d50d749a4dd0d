"""Manifests of the AWS Gateway API Controller for VPC Lattice, as a network.

What the controller would make of Gateways, routes and policies is made here, names and
tags included.  What it ignores silently is a warning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.loaders.assembly import assemble
from pytest_lattice.loaders.gateway_api.groups import Cluster, Groups, truncated
from pytest_lattice.loaders.gateway_api.manifests import CONTROLLER, read_manifests
from pytest_lattice.loaders.gateway_api.policies import (
    attached,
    one_for_each,
    without_effect,
)
from pytest_lattice.loaders.gateway_api.routes import attachment, lattice_gateways
from pytest_lattice.loaders.gateway_api.rules import matches_of, rules_of
from pytest_lattice.loaders.reading import located
from pytest_lattice.model.auth_policy import policy_text
from pytest_lattice.model.log_destination import log_destination
from pytest_lattice.model.names import DEFAULT_ACCOUNT, DEFAULT_REGION, identifier
from pytest_lattice.model.service import Service
from pytest_lattice.model.service_network import ServiceNetwork
from pytest_lattice.model.target_group import DEFAULT_VPC, TargetGroup
from pytest_lattice.model.value import check_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.assembly import Part
    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.loaders.gateway_api.manifests import Manifests, Object, Objects
    from pytest_lattice.loaders.gateway_api.routes import Attachment, Port
    from pytest_lattice.model.configuration import Resource

__tracebackhide__ = HIDE

# AWS: aws-application-networking-k8s: truncated to these lengths, then joined
_ROUTE_LENGTH, _NAMESPACE_LENGTH = 20, 18
_ROUTES = ("HTTPRoute", "GRPCRoute", "TLSRoute")
_ROUTE_TYPES = {"HTTPRoute": "http", "GRPCRoute": "grpc", "TLSRoute": "tls"}
_ARN_FIELDS = 6


def load_gateway_api(
    paths: Manifests,
    *,
    targets: Bindings = (),
    strict: bool = False,
    namespace: str = "default",
    cluster: str = "cluster",
    vpc: str = DEFAULT_VPC,
    account: str = DEFAULT_ACCOUNT,
    region: str = DEFAULT_REGION,
) -> tuple[Resource, ...]:
    """Load Kubernetes manifests as the AWS Gateway API Controller v2.1.3 takes them.

    Args:
        paths: a file, a directory (its ``*.yaml``, ``*.yml`` and ``*.json`` files by
            name), a manifest as a mapping, or several of these.
        targets: what answers behind a Service, by ``name``, ``namespace/name``, the
            name of its Deployment or of its target group: an app, or a list with one
            for each pod. ``"echo"`` answers behind all.
        strict: whether a target group that nothing is bound to is an error.
        namespace: the namespace of objects that name none.
        cluster: the cluster's name.
        vpc: name or id of the cluster's VPC.
        account: the 12-digit account of the cluster.
        region: the Region of the cluster.

    Returns:
        Values, ready for ``lattice_network.add(*...)``.

    Raises:
        ConfigurationError: what cannot be read or known, with its place.
        UnsupportedFeatureError: what the controller refuses.

    Warns:
        LatticeWarning: what the controller ignores, does otherwise than it seems, or
            refuses although it is loaded here: several matches of one rule.

    AWS: aws-application-networking-k8s
    """
    check_text(cluster, "cluster")
    objects = read_manifests(paths, namespace)
    owner = Cluster(cluster, vpc, account, region)
    groups = Groups(objects, owner, targets)
    made = assemble(_parts(objects, groups), targets=targets, strict=strict)
    made = tuple(_with_pod_port(each, groups.pod_ports) for each in made)
    objects.notices.tell()
    return made


def _parts(objects: Objects, groups: Groups) -> list[Part]:
    made = _Network(objects, groups)
    if not (made.parts or groups.parts):
        raise advised(
            "the manifests hold nothing that AWS's controller makes something of",
            "it looks for Gateways of class amazon-vpc-lattice with routes, for "
            "ServiceNetworks and for ServiceExports",
        )
    return [*made.parts, *groups.parts.values()]


def _with_pod_port(value: Resource, ports: dict[str, int]) -> Resource:
    """Give the targets that no EndpointSlice lists the port of their pods."""
    if not isinstance(value, TargetGroup) or value.name not in ports:
        return value
    port = ports[value.name]
    targets = [replace(target, port=port) for target in value.registered]
    return replace(value, targets=targets)


class _Network:
    """Service networks, services and what is between them."""

    def __init__(self, objects: Objects, groups: Groups) -> None:
        self._objects = objects
        self._groups = groups
        self._cluster = groups.cluster
        self._owner = self._cluster.owner
        self._gateways = lattice_gateways(objects)
        self._attachments = self._find_attachments()
        self._auth = one_for_each(objects, "IAMAuthPolicy", self._exists)
        # What a policy is attached to has the ARN of these.
        self._arns: dict[tuple[str, str, str], str] = {}
        self.parts = [
            *self._networks(),
            *self._services(),
            *self._auth_policies(),
            *self._subscriptions(),
            *self._vpc_associations(),
        ]
        groups.note_unused_policies()

    def _find_attachments(
        self,
    ) -> dict[tuple[str, str, str], tuple[Object, Attachment]]:
        found = {}
        for route in self._objects.of(*_ROUTES):
            route.spec.check("parentRefs", "hostnames", "rules", "useDefaultGateways")
            attached_to = attachment(self._objects, route, self._gateways)
            if attached_to is not None:
                found[_key(route)] = (route, attached_to)
        return found

    def _exists(self, kind: str, namespace: str, name: str) -> bool:
        if kind == "Gateway":
            return self._objects.find(kind, namespace, name) in self._gateways
        return (kind, namespace, name) in self._attachments

    # ---- service networks ----------------------------------------------------

    def _networks(self) -> Iterator[Part]:
        """Make the networks that ServiceNetworks are and that Gateways point to."""
        written = {each.name: each for each in self._objects.of("ServiceNetwork")}
        protected = set()
        for gateway in self._gateways:
            # AWS: aws-application-networking-k8s: by name, whatever the namespace
            self._arns[_key(gateway)] = self._network(gateway).arn
            written.setdefault(gateway.name, gateway)
            if _key(gateway) in self._auth:
                protected.add(gateway.name)
        for name, each in written.items():
            network = self._network(each)
            values = {
                "name": name,
                "authType": "AWS_IAM" if name in protected else "NONE",
                "tags": self._cluster.tags | _own_tags(each),
            }
            yield self._cluster.part(
                "service network", values, each.source, id=network.id, arn=network.arn
            )

    def _network(self, of: Object) -> ServiceNetwork:
        try:
            return ServiceNetwork(of.name, **self._owner)
        except ConfigurationError as error:
            raise located(error, of.source) from None

    # ---- services ------------------------------------------------------------

    def _services(self) -> Iterator[Part]:
        made: dict[str, Object] = {}
        for route, attached_to in self._attachments.values():
            service = self._service(route, attached_to)
            first = made.setdefault(service.name, route)
            if first is not route:
                raise located(
                    advised(
                        f"{first.called} and {route.called} both make the service "
                        f"`{service.name}`",
                        f"the annotation {CONTROLLER}/service-name-override names one "
                        "otherwise",
                    ),
                    route.source,
                )
            yield service
            yield from self._listeners(route, attached_to, service)
            yield from self._associations(route, attached_to, service)

    def _service(self, route: Object, attached_to: Attachment) -> Part:
        name = route.annotation("service-name-override") or "-".join(
            (
                truncated(route.name, _ROUTE_LENGTH),
                truncated(route.namespace, _NAMESPACE_LENGTH),
            )
        )
        try:
            service = Service(name, id=self._known_id(route), **self._owner)
        except ConfigurationError as error:
            raise located(error, route.source) from None
        self._arns[_key(route)] = service.arn
        hostnames = route.spec.texts("hostnames")
        if len(hostnames) > 1 and route.kind != "TLSRoute":
            shown = ", ".join(f"`{each}`" for each in hostnames[1:])
            self._objects.notice(
                f"hostnames {shown} of {route.called} do nothing: a service takes one, "
                f"`{hostnames[0]}`",
                route.spec.at("hostnames"),
            )
        domain = hostnames[0] if hostnames else None
        own = {
            "RouteName": route.name,
            "RouteNamespace": route.namespace,
            "RouteType": _ROUTE_TYPES[route.kind],
        }
        values = {
            "name": name,
            "authType": "AWS_IAM" if _key(route) in self._auth else "NONE",
            "customDomainName": domain,
            "certificateArn": _certificate(attached_to.ports, domain),
            "tags": self._cluster.tags
            | {f"{CONTROLLER}/{tag}": own[tag] for tag in own}
            | _own_tags(route),
        }
        return self._cluster.part(
            "service", values, route.source, id=service.id, arn=service.arn
        )

    def _known_id(self, route: Object) -> str:
        """Take the id that the controller wrote back, as a cluster exports it."""
        arn = route.annotation("lattice-service-arn")
        if not arn:
            return ""
        fields = arn.split(":")
        place = route.root.node("metadata").at("annotations")
        if len(fields) != _ARN_FIELDS or not fields[5].startswith("service/"):
            message = f"lattice-service-arn `{arn}` is not the ARN of a service"
            raise located(ConfigurationError(message), place)
        if fields[3:5] != [self._cluster.region, self._cluster.account]:
            error = advised(
                f"{route.called} is deployed in account {fields[4]}, {fields[3]}",
                f'pass account="{fields[4]}", region="{fields[3]}"',
            )
            raise located(error, place)
        return fields[5].removeprefix("service/")

    def _associations(
        self, route: Object, attached_to: Attachment, service: Part
    ) -> Iterator[Part]:
        # AWS: aws-application-networking-k8s, standalone-services: the route's own
        # annotation counts before those of its Gateways
        standalone = route.annotation("standalone")
        if standalone is None:
            gateways = attached_to.gateways
            alone = any(each.annotation("standalone") == "true" for each in gateways)
        else:
            alone = standalone == "true"
        for gateway in () if alone else attached_to.gateways:
            values = {
                "serviceIdentifier": service.arn,
                "serviceNetworkIdentifier": self._arns[_key(gateway)],
            }
            yield self._cluster.part("service association", values, route.source)

    # ---- listeners and rules -------------------------------------------------

    def _listeners(
        self, route: Object, attached_to: Attachment, service: Part
    ) -> Iterator[Part]:
        if route.kind == "TLSRoute":
            default, rules = self._tls_action(route), []
        else:
            default = {"fixedResponse": {"statusCode": 404}}
            matches = matches_of(self._objects, route)
            actions = [self._groups.action(route, rule) for rule in rules_of(route)]
            rules = [(match, actions[match.rule]) for match in matches]
        for port in attached_to.ports:
            listener = self._listener(route, port, service, default)
            yield listener
            for match, action in rules:
                # AWS: aws-application-networking-k8s: k8s-<time>-rule-<priority>
                name = f"k8s-0-rule-{match.priority}"
                rule_id = identifier("rule", listener.arn, name)
                values = {
                    "name": name,
                    "priority": match.priority,
                    "match": {"httpMatch": match.http},
                    "action": action,
                    "listenerIdentifier": listener.arn,
                }
                yield self._cluster.part(
                    "rule",
                    values,
                    match.node.place,
                    id=rule_id,
                    arn=f"{listener.arn}/rule/{rule_id}",
                )

    def _listener(
        self, route: Object, port: Port, service: Part, default: dict[str, Any]
    ) -> Part:
        words = (
            truncated(route.name, _ROUTE_LENGTH),
            truncated(route.namespace, _NAMESPACE_LENGTH),
            str(port.port),
            port.protocol.lower().replace("_", "-"),
        )
        name = "-".join(words)
        listener_id = identifier("listener", service.arn, name)
        values = {
            "name": name,
            "protocol": port.protocol,
            "port": port.port,
            "defaultAction": default,
            "serviceIdentifier": service.arn,
        }
        return self._cluster.part(
            "listener",
            values,
            port.source.place,
            id=listener_id,
            arn=f"{service.arn}/listener/{listener_id}",
        )

    def _tls_action(self, route: Object) -> dict[str, Any]:
        """Make the default action of a TLSRoute, which has one rule and one name."""
        rules = route.spec.nodes("rules")
        for what, found in (
            ("rules", rules),
            ("hostnames", route.spec.texts("hostnames")),
        ):
            if len(found) != 1:
                # AWS: aws-application-networking-k8s, tls-route
                raise route.spec.unsupported(
                    f"{route.called} has {len(found)} {what}; the AWS Gateway API "
                    "Controller takes one",
                    what,
                )
        rules[0].check("name", "backendRefs")
        action = self._groups.action(route, rules[0])
        if "forward" not in action:
            raise rules[0].refuse(
                f"{route.called} forwards to nothing that exists",
            )
        return action

    # ---- policies ------------------------------------------------------------

    def _auth_policies(self) -> Iterator[Part]:
        for target, policy in self._auth.items():
            text = policy.spec.needed("policy")
            place = policy.spec.at("policy")
            try:
                policy_text(text, f"policy of {policy.called}")
            except ConfigurationError as error:
                raise located(error, place) from None
            values = {"resourceIdentifier": self._arns[target], "policy": text}
            yield self._cluster.part("auth policy", values, place)

    def _subscriptions(self) -> Iterator[Part]:
        first: dict[tuple[str, str], Object] = {}
        found = attached(self._objects, "AccessLogPolicy", self._exists)
        for policy, *target in found:
            kind, namespace, name = target
            destination = policy.spec.needed("destinationArn")
            arn = self._arns[kind, namespace, name]
            service = _log_service(policy, destination)
            other = first.setdefault((arn, service), policy)
            if other is not policy:
                # AWS: aws-application-networking-k8s, access-log-policy: Conflicted
                why = f"{kind} `{name}` logs to {service} by `{other.name}` already"
                without_effect(self._objects, policy, why)
                continue
            values = {"resourceIdentifier": arn, "destinationArn": destination}
            yield self._cluster.part("access log subscription", values, policy.source)

    def _vpc_associations(self) -> Iterator[Part]:
        policies = one_for_each(self._objects, "VpcAssociationPolicy", self._exists)
        for target, policy in policies.items():
            policy.spec.texts("securityGroupIds")
            if policy.spec.boolean("associateWithVpc", default=True):
                values = {
                    "vpcIdentifier": self._cluster.vpc,
                    "serviceNetworkIdentifier": self._arns[target],
                }
                yield self._cluster.part("VPC association", values, policy.source)
                continue
            self._objects.notice(
                f"{policy.called} keeps the VPC of the cluster out of service network "
                f"`{target[2]}`; declare a VpcAssociation for the VPC of the clients",
                policy.source,
            )


def _key(of: Object) -> tuple[str, str, str]:
    return of.kind, of.namespace, of.name


def _log_service(policy: Object, destination: str) -> str:
    try:
        return log_destination(destination, policy.full_name).service
    except ConfigurationError as error:
        raise located(error, policy.spec.at("destinationArn")) from None


def _certificate(ports: tuple[Port, ...], domain: str | None) -> str | None:
    """Name the certificate; one that the controller looks for in ACM is not known."""
    if found := next((each.certificate for each in ports if each.certificate), None):
        return found
    if domain and any(each.protocol == "HTTPS" for each in ports):
        # AWS: aws-application-networking-k8s, https: by the first hostname
        return f"{{{{acm:{domain}}}}}"
    return None


def _own_tags(of: Object) -> dict[str, str]:
    """Read the tags that an annotation adds, such as ``Team=Shop,Stage=Dev``."""
    written = of.annotation("tags") or ""
    pairs = (each.partition("=") for each in written.split(",") if "=" in each)
    return {key.strip(): value.strip() for key, _, value in pairs}
