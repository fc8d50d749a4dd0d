"""Which listeners of which Gateways a route attaches to."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import Service, ServiceAssociation, ServiceNetwork
from pytest_lattice.errors import UnsupportedFeatureError
from tests.loaders.gateway_api.cluster import (
    HTTP,
    HTTPS,
    all_of,
    gateway,
    loaded,
    manifest,
    noted,
    only,
    route,
    rule,
    service,
)
from tests.model.refusals import refused, said

PASSTHROUGH = {
    "name": "tls",
    "protocol": "TLS",
    "port": 8443,
    "tls": {"mode": "Passthrough"},
}
ELSEWHERE = "application-networking.k8s.aws/gateway-api-controller"


def ports(
    *listeners: dict[str, Any],
    parents: list[dict[str, Any]],
    **options: Any,  # noqa: ANN401  # of `route`
) -> list[tuple[str, int]]:
    """Load a route that names parents and return the ports of its service."""
    made = loaded(
        gateway(*listeners),
        route(spec={"parentRefs": parents}, **options),
        service(),
    )
    found = only(Service, made)
    return [(each.protocol, each.port) for each in found.listeners]


@pytest.mark.parametrize(
    ("parents", "found"),
    [
        ([{"name": "shops"}], [("HTTP", 80), ("HTTPS", 443)]),
        ([{"name": "shops", "sectionName": "https"}], [("HTTPS", 443)]),
        ([{"name": "shops", "port": 80}], [("HTTP", 80)]),
        (
            [{"name": "shops", "sectionName": "https"}, {"name": "shops", "port": 80}],
            [("HTTPS", 443), ("HTTP", 80)],
        ),
        (
            [
                {
                    "name": "shops",
                    "kind": "Gateway",
                    "group": "gateway.networking.k8s.io",
                }
            ],
            [("HTTP", 80), ("HTTPS", 443)],
        ),
        (
            [{"name": "shops"}, {"name": "shops", "sectionName": "http"}],
            [("HTTP", 80), ("HTTPS", 443)],
        ),
    ],
)
def test_route_takes_the_listeners_that_it_names(
    parents: list[dict[str, Any]], found: list[tuple[str, int]]
) -> None:
    """Section and port choose; without them all listeners are taken, each once."""
    assert ports(HTTP, HTTPS, parents=parents) == found


def test_kind_of_route_decides_about_listeners() -> None:
    """An HTTPRoute leaves a TLS listener alone, and a TLSRoute the others."""
    listeners = (HTTPS, PASSTHROUGH)
    parents = [{"name": "shops"}]

    assert ports(*listeners, parents=parents) == [("HTTPS", 443)]
    made = loaded(
        gateway(*listeners),
        route(kind="TLSRoute", spec={"hostnames": ["a.example.com"]}),
        service(),
    )
    assert [each.protocol for each in only(Service, made).listeners] == [
        "TLS_PASSTHROUGH"
    ]


def allowing(**allowed: Any) -> dict[str, Any]:  # noqa: ANN401  # of allowedRoutes
    """Write a listener that takes some routes."""
    return HTTP | {"allowedRoutes": allowed}


def selecting(**selector: Any) -> dict[str, Any]:  # noqa: ANN401  # of a selector
    """Write a listener that takes routes of some namespaces."""
    return allowing(namespaces={"from": "Selector", "selector": selector})


def expression(operator: str, *values: str, key: str = "team") -> dict[str, Any]:
    """Write one expression of a selector."""
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("listener", "taken"),
    [
        (HTTP, False),
        (allowing(namespaces={"from": "Same"}), False),
        (allowing(namespaces={"from": "None"}), False),
        (allowing(namespaces={"from": "All"}), True),
        (allowing(namespaces={"from": "All"}, kinds=[{"kind": "HTTPRoute"}]), True),
        (allowing(namespaces={"from": "All"}, kinds=[{"kind": "GRPCRoute"}]), False),
        (selecting(matchLabels={"team": "shop"}), True),
        (selecting(matchLabels={"team": "bank"}), False),
        (selecting(matchLabels={"kubernetes.io/metadata.name": "apps"}), True),
        (selecting(matchExpressions=[expression("In", "shop", "bank")]), True),
        (selecting(matchExpressions=[expression("In", "bank")]), False),
        (selecting(matchExpressions=[expression("NotIn", "bank")]), True),
        (selecting(matchExpressions=[expression("NotIn", "shop")]), False),
        (selecting(matchExpressions=[expression("Exists")]), True),
        (selecting(matchExpressions=[expression("Exists", key="no")]), False),
        (selecting(matchExpressions=[expression("DoesNotExist", key="no")]), True),
        (selecting(matchExpressions=[expression("DoesNotExist")]), False),
    ],
)
def test_listener_takes_routes_of_namespaces_and_kinds(
    listener: dict[str, Any],
    taken: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """A route that no listener takes has no service, and the user is told."""
    space = manifest("Namespace", "apps")
    space["metadata"]["labels"] = {"team": "shop"}
    parents = [{"name": "shops", "namespace": "default"}]
    notices, made = noted(
        gateway(listener),
        space,
        route(spec={"parentRefs": parents}, namespace="apps"),
        service(namespace="apps"),
    )

    assert bool(all_of(Service, made)) is taken
    assert notices == (
        []
        if taken
        else [
            (
                "parentRef `shops` of HTTPRoute `apps/web` does nothing: no listener "
                "of that Gateway takes it (manifests[2], HTTPRoute apps/web "
                "parentRefs[0])"
            )
        ]
    )


def test_labels_that_are_not_known_are_refused() -> None:
    """Whether a namespace is selected is no guess."""
    parents = [{"name": "shops", "namespace": "default"}]

    assert refused(
        loaded,
        gateway(selecting(matchLabels={"team": "shop"})),
        route(spec={"parentRefs": parents}, namespace="apps"),
        service(namespace="apps"),
    ) == [
        (
            "the labels of namespace `apps` are not known; load the manifest of the "
            "Namespace too (manifests[0], Gateway default/shops)"
        )
    ]


# --------------------------------------------------------------------------- gateways


def test_gateway_is_a_service_network_of_its_name() -> None:
    """The namespace does not count, so Gateways of one name are one network."""
    made = loaded(
        gateway(namespace="a"),
        gateway(namespace="b"),
        route(namespace="a"),
        service(namespace="a"),
        route(name="other", namespace="b"),
        service(namespace="b"),
    )

    assert only(ServiceNetwork, made).name == "shops"
    assert len(all_of(ServiceAssociation, made)) == 2


def test_route_is_in_the_network_of_each_gateway() -> None:
    """The listeners are those of the first Gateway, as the controller has it."""
    parents = [{"name": "shops"}, {"name": "bank"}]
    made = loaded(
        gateway(HTTP),
        gateway(HTTPS, name="bank"),
        route(spec={"parentRefs": parents}),
        service(),
    )
    arns = {each.arn for each in all_of(ServiceNetwork, made)}

    assert [each.protocol for each in only(Service, made).listeners] == ["HTTP"]
    assert {each.service_network for each in all_of(ServiceAssociation, made)} == arns
    assert len(arns) == 2


@pytest.mark.parametrize(
    ("on_gateway", "on_route", "alone"),
    [
        (None, None, False),
        ("true", None, True),
        (None, "true", True),
        ("true", "false", False),
        ("false", None, False),
    ],
)
def test_standalone_service_is_in_no_network(
    on_gateway: str | None,
    on_route: str | None,
    alone: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """The annotation of the route counts before that of its Gateway."""
    made = loaded(
        gateway(annotations={"standalone": on_gateway} if on_gateway else None),
        route(annotations={"standalone": on_route} if on_route else None),
        service(),
    )

    assert (all_of(ServiceAssociation, made) == []) is alone
    assert only(Service, made).name == "web-default"


def test_class_decides_about_a_gateway() -> None:
    """A GatewayClass of AWS's controller may have any name."""
    own = manifest("GatewayClass", "lattice", {"controllerName": ELSEWHERE})
    other = manifest("GatewayClass", "mesh", {"controllerName": "istio.io/gateway"})
    made = loaded(own, other, _of_class("lattice"), _of_class("mesh", name="mesh"))

    assert [each.name for each in all_of(ServiceNetwork, made)] == ["shops"]


def _of_class(class_name: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # of `gateway`
    made = gateway(**more)
    made["spec"]["gatewayClassName"] = class_name
    return made


def test_gateway_of_an_unknown_class_is_noted() -> None:
    """A misspelled class would make nothing, and nobody would be told."""
    notices, _ = noted(gateway(), _of_class("amazon-vpc-latice", name="bank"))

    assert notices == [
        (
            "Gateway `default/bank` is left out: its class `amazon-vpc-latice` is not "
            "`amazon-vpc-lattice`, and no GatewayClass says otherwise "
            "(manifests[1], Gateway default/bank)"
        )
    ]


def test_unknown_gateway_is_refused() -> None:
    """Without its listeners, a route's ports are not known."""
    assert refused(loaded, gateway(name="shop"), route(rule()), service()) == [
        (
            "unknown Gateway `default/shops` "
            "(manifests[1], HTTPRoute default/web parentRefs[0])"
        ),
        "did you mean `default/shop`?",
        (
            "its listeners say which ports a route has; load the manifest of the "
            "Gateway too"
        ),
    ]


def test_routes_of_others_are_left_alone() -> None:
    """A route of another controller's Gateway, or of a mesh, is no matter of ours."""
    other = manifest("GatewayClass", "mesh", {"controllerName": "istio.io/gateway"})
    of_service = {"name": "web", "kind": "Service", "group": ""}
    made = loaded(
        other,
        gateway(name="ours"),
        _of_class("mesh"),
        route(),
        route(name="joined", spec={"parentRefs": [of_service]}),
    )

    assert all_of(Service, made) == []


@pytest.mark.parametrize(
    ("listener", "message"),
    [
        (
            {"name": "db", "protocol": "TCP", "port": 5432},
            (
                "listener `db` of Gateway `default/shops` has protocol `TCP`, which "
                "is none of HTTP, HTTPS, TLS"
            ),
        ),
        (
            PASSTHROUGH | {"tls": {"mode": "Terminate"}},
            "listener `tls` of Gateway `default/shops` is TLS without mode Passthrough",
        ),
    ],
)
def test_unsupported_listener_is_refused(
    listener: dict[str, Any], message: str
) -> None:
    """Lattice has no plain TCP, and ends no TLS for a TLSRoute."""
    tls = route(kind="TLSRoute", spec={"hostnames": ["a.example.com"]})
    with pytest.raises(UnsupportedFeatureError) as caught:
        loaded(gateway(listener), tls, service())

    assert said(caught.value) == [f"{message} (manifests[0], Gateway default/shops)"]


@pytest.mark.parametrize(
    ("listener", "lines"),
    [
        (
            {"name": "http", "protocol": "HTTP"},
            ["spec.listeners[0].port is missing"],
        ),
        (
            HTTP | {"port": "80"},
            ["spec.listeners[0].port `80` is not a whole number"],
        ),
        (
            HTTP | {"port": 70_000},
            ["listener port `70000` is not from 1 to 65535"],
        ),
        (
            HTTP | {"prt": 1},
            ["unknown property of spec.listeners[0] `prt`", "did you mean `port`?"],
        ),
        (
            allowing(namespaces={"from": "Some"}),
            [
                (
                    "spec.listeners[0].allowedRoutes.namespaces.from `Some` is none of "
                    "All, Same, Selector and None"
                )
            ],
        ),
        (
            selecting(
                matchExpressions=[expression("Like", key="kubernetes.io/metadata.name")]
            ),
            ["operator `Like` is none of In, NotIn, Exists and DoesNotExist"],
        ),
    ],
)
def test_bad_listener_is_refused(listener: dict[str, Any], lines: list[str]) -> None:
    """The property is named as it was written, with its place."""
    found = refused(loaded, gateway(listener), route(), service())

    assert found[0].startswith(f"{lines[0]} (manifests[0], Gateway default/shops")
    assert found[1:] == lines[1:]
