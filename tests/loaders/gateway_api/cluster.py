"""A cluster's manifests as mappings, which several tests are about."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lattice import LatticeNetwork, LatticeWarning, load_gateway_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lattice.model.configuration import Resource

_Kind = TypeVar("_Kind")

AWS = "application-networking.k8s.aws"
GATEWAY_API = "gateway.networking.k8s.io"
FIXTURES = "fixtures/gateway_api"
_VERSIONS = {
    "Service": "v1",
    "Namespace": "v1",
    "Deployment": "apps/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
}
_OF_AWS = ("Policy", "ServiceExport", "ServiceImport", "ServiceNetwork")


def manifest(
    kind: str,
    name: str,
    spec: dict[str, Any] | None = None,
    *,
    namespace: str | None = None,
    annotations: dict[str, str] | None = None,
    **members: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write an object; annotations are AWS's own."""
    of_aws = kind.endswith(_OF_AWS)
    api = f"{AWS}/v1alpha1" if of_aws else f"{GATEWAY_API}/v1"
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = {
            f"{AWS}/{key}": annotations[key] for key in annotations
        }
    made = {
        "apiVersion": _VERSIONS.get(kind, api),
        "kind": kind,
        "metadata": metadata,
        **members,
    }
    return made if spec is None else made | {"spec": spec}


HTTP = {"name": "http", "protocol": "HTTP", "port": 80}
HTTPS = {"name": "https", "protocol": "HTTPS", "port": 443}


def gateway(
    *listeners: dict[str, Any],
    name: str = "shops",
    **more: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write a Gateway of AWS's class, on HTTP unless told otherwise."""
    spec = {
        "gatewayClassName": "amazon-vpc-lattice",
        "listeners": list(listeners or [HTTP]),
    }
    return manifest("Gateway", name, spec, **more)


def rule(
    *matches: dict[str, Any],
    to: str = "web",
    **more: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write a rule of a route that leads to one Service."""
    made: dict[str, Any] = {"backendRefs": [{"name": to, "port": 80}], **more}
    return made | {"matches": list(matches)} if matches else made


def path(value: str, kind: str = "PathPrefix") -> dict[str, Any]:
    """Write a match on a path."""
    return {"path": {"type": kind, "value": value}}


def route(
    *rules: dict[str, Any],
    kind: str = "HTTPRoute",
    name: str = "web",
    spec: dict[str, Any] | None = None,
    **more: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write a route that is attached to the Gateway `shops`."""
    whole = {"parentRefs": [{"name": "shops"}], "rules": list(rules or [rule()])}
    return manifest(kind, name, whole | (spec or {}), **more)


def service(
    name: str = "web",
    *ports: dict[str, Any],
    **more: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write a Service on port 80."""
    return manifest("Service", name, {"ports": list(ports or [{"port": 80}])}, **more)


def policy(
    kind: str,
    name: str,
    target: str,
    **spec: Any,  # noqa: ANN401  # as a test writes
) -> dict[str, Any]:
    """Write a policy that is attached to something such as ``HTTPRoute/web``."""
    of, _, target_name = target.partition("/")
    groups = {"Service": "", "ServiceExport": AWS}
    reference = {"group": groups.get(of, GATEWAY_API), "kind": of, "name": target_name}
    return manifest(kind, name, {"targetRef": reference, **spec})


def loaded(
    *manifests: Any,  # noqa: ANN401  # as a test writes
    **options: Any,  # noqa: ANN401  # as a test writes
) -> tuple[Resource, ...]:
    """Load manifests of which nothing is to be said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_gateway_api(list(manifests), **options)


def noted(
    *manifests: Any,  # noqa: ANN401  # as a test writes
    **options: Any,  # noqa: ANN401  # as a test writes
) -> tuple[list[str], tuple[Resource, ...]]:
    """Load manifests and return what is said about them, too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = load_gateway_api(list(manifests), **options)
    assert {each.category for each in caught} <= {LatticeWarning}
    assert {each.filename for each in caught} <= {__file__}
    return [str(each.message) for each in caught], made


def running(resources: Sequence[Resource]) -> LatticeNetwork:
    """Start a network with what was loaded."""
    network = LatticeNetwork()
    network.add(*resources)
    return network


def only(kind: type[_Kind], resources: Sequence[Resource]) -> _Kind:
    """Return the one value of a kind."""
    (found,) = all_of(kind, resources)
    return found


def all_of(kind: type[_Kind], resources: Sequence[Resource]) -> list[_Kind]:
    """Return the values of a kind."""
    return [each for each in resources if isinstance(each, kind)]
