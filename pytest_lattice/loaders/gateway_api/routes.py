"""Which listeners of which Gateways a route attaches to.

A Gateway stands for a service network, and its listeners for the ports that each
route's own service gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.loaders.gateway_api.manifests import GATEWAY
from pytest_lattice.loaders.reading import located

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.gateway_api.manifests import Node, Object, Objects

__tracebackhide__ = HIDE

# AWS: aws-application-networking-k8s
CONTROLLER_NAME = "application-networking.k8s.aws/gateway-api-controller"
_CLASS = "amazon-vpc-lattice"
_CERTIFICATE = "application-networking.k8s.aws/certificate-arn"
# Of the Gateway API: the kinds of routes that a listener takes unless it says.
_KINDS = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute",),
}
_NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a route's service gets.

    Args:
        protocol: ``HTTP``, ``HTTPS`` or ``TLS_PASSTHROUGH``.
        port: the number.
        certificate: the certificate's ARN, where the listener names one.
        source: the listener of the Gateway.
    """

    protocol: str
    port: int
    certificate: str
    source: Node


def lattice_gateways(objects: Objects) -> list[Object]:
    """Return the Gateways that the AWS Gateway API Controller looks after."""
    found = []
    for gateway in objects.of("Gateway"):
        name = gateway.spec.needed("gatewayClassName")
        known = objects.find("GatewayClass", "", name)
        if known is not None:
            known.spec.check("controllerName", "parametersRef", "description")
            ours = known.spec.text("controllerName") == CONTROLLER_NAME
        else:
            ours = name == _CLASS
            if not ours:
                objects.notice(
                    f"{gateway.called} is left out: its class `{name}` is not "
                    f"`{_CLASS}`, and no GatewayClass says otherwise",
                    gateway.source,
                )
        if ours:
            _check_gateway(objects, gateway)
            found.append(gateway)
    return found


def _check_gateway(objects: Objects, gateway: Object) -> None:
    spec = gateway.spec.check(
        "gatewayClassName",
        "listeners",
        "addresses",
        "infrastructure",
        "allowedListeners",
        "defaultScope",
        "tls",
    )
    ignored = [key for key in ("addresses", "allowedListeners") if spec.values.get(key)]
    for listener in spec.nodes("listeners"):
        listener.check("name", "hostname", "port", "protocol", "tls", "allowedRoutes")
        if listener.text("protocol") not in _KINDS:
            raise listener.unsupported(
                f"listener `{listener.text('name')}` of {gateway.called} has protocol "
                f"`{listener.text('protocol')}`, which is none of {', '.join(_KINDS)}",
                "protocol",
            )
        if listener.values.get("hostname"):
            ignored.append(f"the hostname of listener `{listener.text('name')}`")
    for key in ignored:
        objects.notice(
            f"{key} of {gateway.called} does nothing: VPC Lattice has none",
            gateway.source,
        )


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a route is attached.

    Args:
        gateways: the Gateways, each once.
        ports: the ports of its service, of the first Gateway only.
    """

    gateways: tuple[Object, ...]
    ports: tuple[Port, ...]


def attachment(
    objects: Objects, route: Object, gateways: list[Object]
) -> Attachment | None:
    """Find what a route is attached to.

    Args:
        objects: all objects.
        route: the route.
        gateways: the Gateways of AWS's controller.

    Returns:
        None for a route that is attached to other Gateways only.

    Raises:
        ConfigurationError: none of its Gateways is in the manifests.
    """
    parents = list(_parents(objects, route))
    if not parents:
        return None
    ours = [(parent, found) for parent, found in parents if found in gateways]
    if not ours:
        _check_gateways_known(objects, route, parents)
        return None
    for parent, found in parents:
        if found is None:
            objects.notice(
                f"parentRef `{parent.text('name')}` of {route.called} does nothing: "
                "there is no such Gateway",
                parent.place,
            )
    accepted: dict[str, Object] = {}
    ports: dict[int, Port] = {}
    for parent, gateway in ours:
        taken = _ports_of(objects, route, parent, gateway)
        if not taken:
            objects.notice(
                f"parentRef `{gateway.name}` of {route.called} does nothing: no "
                "listener of that Gateway takes it",
                parent.place,
            )
            continue
        accepted.setdefault(gateway.name, gateway)
        # AWS: aws-application-networking-k8s: the listeners are those of one Gateway
        if gateway is next(iter(accepted.values())):
            for port in taken:
                ports.setdefault(port.port, port)
    if not accepted:
        return None
    return Attachment(tuple(accepted.values()), tuple(ports.values()))


def _parents(objects: Objects, route: Object) -> Iterator[tuple[Node, Object | None]]:
    for parent in route.spec.nodes("parentRefs"):
        parent.check("group", "kind", "namespace", "name", "sectionName", "port")
        kind = parent.text("kind", "Gateway"), parent.text("group", GATEWAY)
        if kind == ("Gateway", GATEWAY):
            namespace = parent.text("namespace", route.namespace)
            yield parent, objects.find("Gateway", namespace, parent.needed("name"))


def _check_gateways_known(
    objects: Objects, route: Object, parents: list[tuple[Node, Object | None]]
) -> None:
    for parent, found in parents:
        if found is None:
            namespace = parent.text("namespace", route.namespace)
            name = f"{namespace}/{parent.text('name')}"
            known = (each.full_name for each in objects.of("Gateway"))
            error = unknown("Gateway", name, known)
            error.add_note(
                "its listeners say which ports a route has; load the manifest of the "
                "Gateway too"
            )
            raise located(error, parent.place)


def _ports_of(
    objects: Objects, route: Object, parent: Node, gateway: Object
) -> list[Port]:
    """Return the listeners of a Gateway that take a route, as ports."""
    found = []
    section, number = parent.text("sectionName"), parent.number("port")
    for listener in gateway.spec.nodes("listeners"):
        port = listener.number("port")
        if port is None:
            raise listener.refuse(f"{listener.within('port')} is missing")
        if section not in {"", listener.text("name")} or number not in {None, port}:
            continue
        if not _allows(objects, route, gateway, listener):
            continue
        tls = listener.node("tls")
        tls.check("mode", "certificateRefs", "options", "frontendValidation")
        protocol = listener.text("protocol")
        if protocol == "TLS":
            if tls.text("mode", "Terminate") != "Passthrough":
                raise listener.unsupported(
                    f"listener `{listener.text('name')}` of {gateway.called} is TLS "
                    "without mode Passthrough",
                    "tls",
                )
            protocol = "TLS_PASSTHROUGH"
        certificate = tls.node("options").text(_CERTIFICATE)
        found.append(Port(protocol, port, certificate, listener))
    return found


def _allows(objects: Objects, route: Object, gateway: Object, listener: Node) -> bool:
    """Tell whether a listener takes a route of its kind and namespace."""
    allowed = listener.node("allowedRoutes").check("namespaces", "kinds")
    kinds = [
        each.check("group", "kind").needed("kind") for each in allowed.nodes("kinds")
    ]
    if route.kind not in (kinds or _KINDS[listener.text("protocol")]):
        return False
    namespaces = allowed.node("namespaces").check("from", "selector")
    match namespaces.text("from", "Same"):
        case "All":
            return True
        case "Same":
            return route.namespace == gateway.namespace
        case "None":
            return False
        case "Selector":
            selector = namespaces.node("selector")
            return _selected(objects, route.namespace, selector)
        case other:
            raise namespaces.refuse(
                f"{namespaces.within('from')} `{other}` is none of All, Same, Selector "
                "and None",
                "from",
            )


def _selected(objects: Objects, namespace: str, selector: Node) -> bool:
    """Tell whether a selector takes a namespace, by its labels."""
    selector.check("matchLabels", "matchExpressions")
    wanted = selector.pairs("matchLabels")
    expressions = selector.nodes("matchExpressions")
    found = objects.find("Namespace", "", namespace)
    labels = {_NAME_LABEL: namespace}
    if found is not None:
        labels |= found.root.node("metadata").pairs("labels")
    asked = {*wanted, *(each.needed("key") for each in expressions)}
    if found is None and not asked <= {_NAME_LABEL}:
        raise selector.refuse(
            f"the labels of namespace `{namespace}` are not known; load the manifest "
            "of the Namespace too"
        )
    return wanted.items() <= labels.items() and all(
        _holds(each, labels) for each in expressions
    )


def _holds(expression: Node, labels: dict[str, str]) -> bool:
    expression.check("key", "operator", "values")
    value = labels.get(expression.needed("key"))
    match expression.needed("operator"):
        case "In":
            return value in expression.texts("values")
        case "NotIn":
            return value not in expression.texts("values")
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise expression.refuse(
                f"operator `{other}` is none of In, NotIn, Exists and DoesNotExist",
                "operator",
            )
