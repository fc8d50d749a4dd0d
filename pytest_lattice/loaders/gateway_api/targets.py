"""Targets behind a Kubernetes Service: the pods that its EndpointSlices list.

Manifests seldom have them.  Then one target stands for the pods, with the port that
they listen to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.loaders.gateway_api.manifests import Node, Object, Objects

__tracebackhide__ = HIDE


def listed_targets(
    objects: Objects, service: Object, port: int | None
) -> list[dict[str, Any]]:
    """Return the targets that EndpointSlices list for a port of a Service.

    Args:
        objects: all objects.
        service: the Service.
        port: one of its ports, or None for all.
    """
    names = {each.text("name") for each in _ports(service, port)}
    return [
        target
        for each in objects.of("EndpointSlice")
        if each.namespace == service.namespace
        and each.root.node("metadata").pairs("labels").get("kubernetes.io/service-name")
        == service.name
        for pods in each.root.nodes("ports")
        # AWS: aws-application-networking-k8s: a port without a name takes all of them
        if "" in names or pods.text("name") in names
        for endpoint in each.root.nodes("endpoints")
        for target in _addresses(endpoint, pods.number("port"))
    ]


def pod_port(service: Object, port: int | None) -> int | None:
    """Return the port that the pods of a Service listen to, if it is a number."""
    for each in _ports(service, port):
        target = each.values.get("targetPort", each.number("port"))
        return target if isinstance(target, int) else None
    return None


def has_port(service: Object, port: int | None) -> bool:
    """Tell whether a Service has a port that somebody named."""
    return port is None or bool(_ports(service, port))


def _ports(service: Object, port: int | None) -> list[Node]:
    return [
        each
        for each in service.spec.nodes("ports")
        if port is None or each.number("port") == port
    ]


def _addresses(endpoint: Node, port: int | None) -> Iterator[dict[str, Any]]:
    state = endpoint.node("conditions")
    # AWS: aws-application-networking-k8s: ready ones that are not terminating
    if not state.boolean("ready", default=True):
        return
    if state.boolean("terminating", default=False):
        return
    pod = endpoint.node("targetRef").text("name")
    for address in endpoint.texts("addresses"):
        yield {"id": address, "port": port, "names": (pod,) if pod else ()}


def deployments(objects: Objects, service: Object | None) -> tuple[str, ...]:
    """Name the Deployments whose pods a Service selects."""
    selector = service.spec.pairs("selector") if service else {}
    if service is None or not selector:
        return ()
    return tuple(
        each.name
        for each in objects.of("Deployment")
        if each.namespace == service.namespace
        and selector.items() <= _pod_labels(each).items()
    )


def _pod_labels(deployment: Object) -> dict[str, str]:
    return deployment.spec.node("template").node("metadata").pairs("labels")


def address_type(service: Object | None) -> str:
    """Return the IP address type of a Service; manifests seldom say it.

    Raises:
        UnsupportedFeatureError: it has two.
    """
    if service is None:
        return "IPV4"
    families = service.spec.texts("ipFamilies")
    if len(families) > 1:
        # AWS: aws-application-networking-k8s: single stack only
        raise service.spec.unsupported(
            f"{service.called} has two IP families; a target group takes one",
            "ipFamilies",
        )
    return "IPV6" if families == ["IPv6"] else "IPV4"
