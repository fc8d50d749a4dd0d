"""Targets behind a Service: the pods that are listed, and what stands for others."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import ConfigurationError, Target, TargetGroup
from pytest_lattice.errors import UnsupportedFeatureError
from tests.loaders.gateway_api.cluster import (
    gateway,
    loaded,
    manifest,
    noted,
    only,
    route,
    service,
)
from tests.model.refusals import said


def group_of(*manifests: dict[str, Any], **options: Any) -> TargetGroup:  # noqa: ANN401  # of `load_gateway_api`
    """Load a route to the Service `web` and return its target group."""
    return only(TargetGroup, loaded(gateway(), route(), *manifests, **options))


def slices(*endpoints: dict[str, Any], **port: Any) -> dict[str, Any]:  # noqa: ANN401  # of a port
    """Write the EndpointSlice of the Service `web`."""
    made = manifest("EndpointSlice", "web-1", endpoints=list(endpoints), ports=[port])
    made["metadata"]["labels"] = {"kubernetes.io/service-name": "web"}
    return made


def test_pods_are_targets_with_their_own_port() -> None:
    """Ready pods that are not terminating are registered, each bindable alone."""
    listed = slices(
        {"addresses": ["10.0.0.7"], "targetRef": {"kind": "Pod", "name": "web-a"}},
        {"addresses": ["10.0.0.8"], "conditions": {"ready": True}},
        {"addresses": ["10.0.0.9"], "conditions": {"ready": False}},
        {"addresses": ["10.0.0.10"], "conditions": {"terminating": True}},
        port=8080,
    )
    group = group_of(service(), listed, targets={"web": "echo", "web-a": "other"})

    assert group.registered == (
        Target("10.0.0.7", port=8080, app="other"),
        Target("10.0.0.8", port=8080, app="echo"),
    )


def test_only_the_named_port_of_pods_is_registered() -> None:
    """A slice lists all ports; the reference's port has a name that chooses."""
    ports = ({"name": "web", "port": 80}, {"name": "metrics", "port": 90})
    endpoint = {"addresses": ["10.0.0.7"]}
    web = slices(endpoint, name="web", port=8080)
    metrics = slices(endpoint, name="metrics", port=9090)
    metrics["metadata"]["name"] = "web-2"

    group = group_of(service("web", *ports), web, metrics)
    assert group.registered == (Target("10.0.0.7", port=8080),)


def test_slices_of_others_are_no_targets() -> None:
    """The label and the namespace of a slice say whose it is."""
    other = slices({"addresses": ["10.0.0.7"]}, port=8080)
    other["metadata"]["namespace"] = "apps"
    unlabeled = slices({"addresses": ["10.0.0.8"]}, port=8080)
    unlabeled["metadata"] = {"name": "web-2"}

    (target,) = group_of(service(), other, unlabeled).registered
    assert target.port == 80


@pytest.mark.parametrize(
    ("port", "found"),
    [
        ({"port": 80, "targetPort": 8080}, 8080),
        ({"port": 80}, 80),
        ({"port": 80, "targetPort": "http"}, 80),
    ],
)
def test_unlisted_pods_have_the_target_port(port: dict[str, Any], found: int) -> None:
    """Where no slice lists pods, the Service tells their port, unless by a name."""
    group = group_of(service("web", port), targets={"web": ["echo", "echo"]})

    assert [each.port for each in group.registered] == [found, found]


def test_port_that_the_service_has_not_is_noted() -> None:
    """On AWS the group would have no targets."""
    reference = {"name": "web", "port": 81}
    notices, _ = noted(gateway(), route({"backendRefs": [reference]}), service())

    assert notices == [
        (
            "Service `default/web` has no port 81, so on AWS its target group has no "
            "targets (manifests[1], HTTPRoute default/web rules[0].backendRefs[0])"
        )
    ]


def test_address_type_is_that_of_the_service() -> None:
    """IPv4 unless the Service says IPv6; both at once the controller refuses."""
    six, both = service(), service()
    six["spec"]["ipFamilies"] = ["IPv6"]
    both["spec"]["ipFamilies"] = ["IPv4", "IPv6"]

    assert group_of(service()).ip_address_type == "IPV4"
    assert group_of(six).ip_address_type == "IPV6"
    with pytest.raises(UnsupportedFeatureError) as caught:
        group_of(both)
    assert said(caught.value) == [
        (
            "Service `default/web` has two IP families; a target group takes one "
            "(manifests[2], Service default/web)"
        )
    ]


def test_deployment_without_labels_is_nobody_s() -> None:
    """A Service without a selector selects no pods, and none takes all of them."""
    bare = manifest("Deployment", "api", {"template": {"metadata": {}}})
    selecting = service()
    selecting["spec"]["selector"] = {"app": "web"}

    for each in (service(), selecting):
        with pytest.raises(ConfigurationError, match="unknown target group"):
            group_of(each, bare, targets={"api": "echo"})
