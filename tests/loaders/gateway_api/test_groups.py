"""Target groups of Services, exports and imports: their names, settings and targets."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import (
    FixedResponse,
    Forward,
    HealthCheck,
    Service,
    TargetGroup,
    assert_routed,
)
from pytest_lattice.errors import UnsupportedFeatureError
from tests.loaders.gateway_api.cluster import (
    AWS,
    HTTPS,
    all_of,
    gateway,
    loaded,
    manifest,
    noted,
    only,
    path,
    policy,
    route,
    rule,
    running,
    service,
)
from tests.model.refusals import refused, said

LONG = "a" * 60
ARN = "arn:aws:vpc-lattice:us-west-2:123456789012:targetgroup/tg-0abc123def4567890"


def group_of(*manifests: dict[str, Any], **options: Any) -> TargetGroup:  # noqa: ANN401  # of `load_gateway_api`
    """Load a route to the Service `web` and return its target group."""
    return only(TargetGroup, loaded(gateway(), route(), *manifests, **options))


def action_of(*references: dict[str, Any], **options: Any) -> tuple[list[str], object]:  # noqa: ANN401  # of `load_gateway_api`
    """Load a route with references; return the notices and what its rule does."""
    written = route({"backendRefs": list(references)})
    known = (service(), service("next"))
    notices, made = noted(gateway(), written, *known, **options)
    return notices, only(Service, made).listeners[0].rules[0].action


# ------------------------------------------------------------------------------ names


def test_name_is_that_of_the_controller_with_letters_that_stay() -> None:
    """The controller draws ten letters; here they follow from what the group is."""
    group = group_of(service())

    assert group.name == "k8s-default-web-zywahkvzap"
    assert group.type == "IP"
    assert (group.protocol, group.protocol_version, group.port) == ("HTTP", "HTTP1", 80)


def test_long_names_are_truncated_as_the_controller_does() -> None:
    """Names are cut to their lengths, and hyphens at the ends are taken off."""
    name, namespace = f"{'b' * 19}-{LONG}", f"{'n' * 17}-{LONG}"
    made = loaded(
        gateway(namespace=namespace),
        route(rule(to=name), name=name, namespace=namespace),
        service(name, namespace=namespace),
    )

    found = only(Service, made)
    assert found.name == f"{'b' * 19}-{'n' * 17}"
    assert found.listeners[0].name == f"{found.name}-80-http"
    group = only(TargetGroup, made).name
    assert group[:-10] == f"k8s-{namespace[:55]}-{name[:55]}-"


def test_each_route_has_a_group_of_its_own() -> None:
    """Two routes to one Service make two groups, which one binding covers."""
    app = "echo"
    made = loaded(
        gateway(), route(), route(name="other"), service(), targets={"web": app}
    )
    first, second = all_of(TargetGroup, made)

    assert first.name != second.name
    assert [each.registered[0].app for each in (first, second)] == [app, app]


def test_one_route_has_one_group_for_a_service() -> None:
    """Rules of one route share the group."""
    made = loaded(gateway(), route(rule(path("/a")), rule(path("/b"))), service())

    assert len(all_of(TargetGroup, made)) == 1


@pytest.mark.parametrize(
    "name", ["web", "default/web", "web-v2", "k8s-default-web-zywahkvzap"]
)
def test_group_is_bound_by_each_of_its_names(name: str) -> None:
    """The Service, with or without namespace, its Deployment and the group's name."""
    template = {"metadata": {"labels": {"app": "web", "version": "2"}}}
    deployment = manifest("Deployment", "web-v2", {"template": template})
    selecting = service()
    selecting["spec"]["selector"] = {"app": "web"}
    other = manifest("Deployment", "api", {"template": {"metadata": {}}})

    group = group_of(selecting, deployment, other, targets={name: "echo"})
    assert group.registered[0].app == "echo"


def test_binding_that_fits_nothing_is_refused() -> None:
    """The nearest name is told."""
    assert refused(group_of, service(), targets={"wbe": "echo"}) == [
        "unknown target group or target `wbe`",
        "did you mean `web`?",
    ]


def test_group_that_nothing_is_bound_to_is_refused_if_asked() -> None:
    """With `strict=True` a forgotten app is found before any request."""
    assert refused(group_of, service(), strict=True) == [
        (
            "nothing is bound to target group `k8s-default-web-zywahkvzap` "
            "(manifests[2], Service default/web)"
        ),
        'bind an app with targets={"k8s-default-web-zywahkvzap": app}',
    ]


# ---------------------------------------------------------------------------- actions


def test_weights_are_passed_as_they_are() -> None:
    """The weight is 1 unless it is given, and 0 is a weight."""
    notices, action = action_of(
        {"name": "web", "port": 80}, {"name": "next", "port": 80, "weight": 0}
    )

    assert notices == []
    assert isinstance(action, Forward)
    assert list(action.weights.values()) == [1, 0]


@pytest.mark.parametrize("weight", [1000, -1])
def test_weight_that_lattice_has_not_is_refused(weight: int) -> None:
    """Kubernetes takes a million, Lattice 999."""
    found = refused(action_of, {"name": "web", "weight": weight})

    assert found == [
        (
            f"weight `{weight}` of target group `k8s-default-web-zywahkvzap` is not "
            "a whole number from 0 to 999 "
            "(manifests[1], HTTPRoute default/web rules[0])"
        )
    ]


def test_reference_to_nothing_is_left_out() -> None:
    """What is left takes all, as the controller has it; the user is told once."""
    missing = {"name": "gone", "port": 80, "weight": 9}
    notices, action = action_of({"name": "web", "port": 80}, missing, missing)

    assert isinstance(action, Forward)
    assert list(action.weights.values()) == [1]
    assert notices == [
        (
            "Service `default/gone` is not in the manifests, so the backendRef to it "
            "is left out; bind `default/gone` in targets= if it exists "
            "(manifests[1], HTTPRoute default/web rules[0].backendRefs[1])"
        )
    ]


def test_rule_without_a_target_answers_500() -> None:
    """A rule all of whose references lead to nothing is not a 404."""
    notices, action = action_of({"name": "gone", "port": 80})

    assert action == FixedResponse(500)
    assert len(notices) == 1
    assert action_of() == ([], FixedResponse(500))


@pytest.mark.parametrize("name", ["gone", "default/gone"])
def test_what_is_bound_exists(name: str) -> None:
    """A Service of other manifests is declared by binding an app to it."""
    reference = {"name": "gone", "port": 80}
    notices, action = action_of(reference, targets={name: "echo"})

    assert notices == []
    assert isinstance(action, Forward)


def test_reference_into_another_namespace() -> None:
    """AWS's controller asks for no ReferenceGrant."""
    reference = {"name": "web", "namespace": "apps", "port": 80}
    made = loaded(
        gateway(),
        route({"backendRefs": [reference]}),
        service(namespace="apps"),
        targets={"apps/web": "echo"},
    )

    answer = running(made).client("web-default").get("/")
    assert_routed(answer, rule=1, to="apps/web")


def test_reference_of_another_kind_is_refused() -> None:
    """The controller knows Services and imports only."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        action_of({"name": "web", "kind": "Bucket"})

    assert said(caught.value) == [
        (
            "backendRef `web` of kind Bucket is neither a Service nor a ServiceImport "
            "(manifests[1], HTTPRoute default/web)"
        )
    ]


def test_service_twice_in_one_rule_is_refused() -> None:
    """One group cannot have two weights."""
    found = refused(action_of, {"name": "web"}, {"name": "web", "port": 80})

    assert found == [
        (
            "forward names target group `k8s-default-web-zywahkvzap` twice "
            "(manifests[1], HTTPRoute default/web rules[0])"
        )
    ]


# ----------------------------------------------------- settings of a policy


def tuned(kind: str = "HTTPRoute", **spec: Any) -> TargetGroup:  # noqa: ANN401  # of a policy
    """Load a route of a kind to a Service with a policy."""
    listener = HTTPS
    more: dict[str, Any] = {}
    if kind == "TLSRoute":
        tls = {"mode": "Passthrough"}
        listener = {"name": "tls", "protocol": "TLS", "port": 443, "tls": tls}
        more = {"spec": {"hostnames": ["a.example.com"]}}
    made = loaded(
        gateway(listener),
        route(kind=kind, **more),
        service(),
        policy("TargetGroupPolicy", "tuned", "Service/web", **spec),
    )
    return only(TargetGroup, made)


@pytest.mark.parametrize(
    ("kind", "spec", "found"),
    [
        ("HTTPRoute", {}, ("HTTP", "HTTP1")),
        ("HTTPRoute", {"protocol": "HTTPS"}, ("HTTPS", "HTTP1")),
        ("HTTPRoute", {"protocolVersion": "HTTP2"}, ("HTTP", "HTTP2")),
        ("GRPCRoute", {"protocol": "HTTPS"}, ("HTTPS", "GRPC")),
        ("GRPCRoute", {"protocolVersion": "HTTP1"}, ("HTTP", "GRPC")),
        ("TLSRoute", {"protocol": "HTTP"}, ("TCP", None)),
    ],
)
def test_policy_and_route_decide_the_protocol(
    kind: str, spec: dict[str, Any], found: tuple[str, str | None]
) -> None:
    """Routes of gRPC and TLS force theirs; else the policy counts, else HTTP1."""
    group = tuned(kind, **spec)

    assert (group.protocol, group.protocol_version) == found


def test_policy_decides_the_health_check() -> None:
    """Each setting has its place; what is left out is AWS's default."""
    check = {
        "enabled": False,
        "intervalSeconds": 10,
        "timeoutSeconds": 2,
        "healthyThresholdCount": 3,
        "unhealthyThresholdCount": 4,
        "path": "/ready",
        "port": 8088,
        "protocol": "HTTPS",
        "protocolVersion": "HTTP2",
        "statusMatch": "200-299",
    }

    assert tuned(healthCheck={"path": "/ready"}).health_check == HealthCheck(
        path="/ready"
    )
    assert tuned(healthCheck=check).health_check == HealthCheck(
        enabled=False,
        interval_seconds=10,
        timeout_seconds=2,
        healthy_threshold_count=3,
        unhealthy_threshold_count=4,
        path="/ready",
        port=8088,
        protocol="HTTPS",
        protocol_version="HTTP2",
        matcher="200-299",
    )
    assert tuned().health_check is None


def test_bad_health_check_is_refused() -> None:
    """An unknown property is named, and a limit of AWS with the group's place."""
    assert refused(tuned, healthCheck={"intervalSecond": 5})[0] == (
        "unknown property of spec.healthCheck `intervalSecond` "
        "(manifests[3], TargetGroupPolicy default/tuned)"
    )
    assert refused(tuned, healthCheck={"intervalSeconds": 4}) == [
        (
            "health check interval_seconds `4` is not from 5 to 300 "
            "(manifests[2], Service default/web)"
        )
    ]


def test_tcp_with_a_version_does_nothing() -> None:
    """Such a policy has no effect, and nobody is told by the controller."""
    tcp = policy(
        "TargetGroupPolicy", "a", "Service/web", protocol="TCP", protocolVersion="HTTP1"
    )
    notices, made = noted(gateway(), route(), service(), tcp)

    assert only(TargetGroup, made).protocol == "HTTP"
    assert notices == [
        (
            "TargetGroupPolicy `default/a` does nothing: protocol TCP takes no "
            "protocolVersion (manifests[3], TargetGroupPolicy default/a)"
        )
    ]


# --------------------------------------------------------------------- other clusters


def exported(*ports: dict[str, Any], **more: Any) -> list[TargetGroup]:  # noqa: ANN401  # of `manifest`
    """Load an export of the Service `web`."""
    spec = {"exportedPorts": list(ports)} if ports else {}
    export = manifest("ServiceExport", "web", spec, **more)
    listed = ({"name": "a", "port": 80, "targetPort": 8080}, {"name": "b", "port": 90})
    return all_of(TargetGroup, loaded(export, service("web", *listed)))


def test_export_is_a_group_that_stands_alone() -> None:
    """Without ports it is for HTTP and all ports."""
    (group,) = exported()

    assert (group.protocol, group.protocol_version) == ("HTTP", "HTTP1")
    assert group.tags[f"{AWS}/SourceTypeKey"] == "ServiceExport"
    assert str(group.source) == "manifests[0], ServiceExport default/web"


def test_each_exported_port_is_a_group() -> None:
    """The type of route decides the protocol."""
    types = ("HTTP", "GRPC", "TLS")
    groups = exported(*({"port": 80, "routeType": each} for each in types))

    assert [(each.protocol, each.protocol_version) for each in groups] == [
        ("HTTP", "HTTP1"),
        ("HTTP", "GRPC"),
        ("TCP", None),
    ]
    assert len({each.name for each in groups}) == 3


def test_annotation_chooses_the_exported_port() -> None:
    """Of a list of ports the first decides where unlisted pods listen."""
    (first,) = exported(annotations={"port": "80,90"})
    (second,) = exported(annotations={"port": "90"})

    assert [each.registered[0].port for each in (first, second)] == [8080, 90]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"annotations": {"port": "http"}},
            "annotation port `http` is not a list of ports",
        ),
        (
            {"spec": {"port": 80, "routeType": "UDP"}},
            "spec.exportedPorts[0].routeType `UDP` is none of HTTP, GRPC, TLS",
        ),
        ({"spec": {"port": 80}}, "spec.exportedPorts[0].routeType is missing"),
    ],
)
def test_bad_export_is_refused(options: dict[str, Any], line: str) -> None:
    """The place of the export is named."""
    ports = [options.pop("spec")] if "spec" in options else []

    assert refused(exported, *ports, **options) == [
        f"{line} (manifests[0], ServiceExport default/web)"
    ]


def test_export_may_name_another_service() -> None:
    """One Service can be exported under several names."""
    export = manifest("ServiceExport", "out", {}, annotations={"service-name": "web"})
    group = only(TargetGroup, loaded(export, service(), targets={"out": "echo"}))

    assert group.name.startswith("k8s-default-out-")


def test_policy_of_an_export_counts_for_it_alone() -> None:
    """A policy of a Service does not reach its export, nor the other way round."""
    notices, made = noted(
        gateway(),
        route(),
        service(),
        manifest("ServiceExport", "web", {}),
        policy("TargetGroupPolicy", "a", "ServiceExport/web", protocol="HTTPS"),
    )

    assert notices == []
    assert {
        each.protocol: each.tags[f"{AWS}/SourceTypeKey"]
        for each in all_of(TargetGroup, made)
    } == {
        "HTTPS": "ServiceExport",
        "HTTP": "HTTPRoute",
    }


def imported(
    *manifests: dict[str, Any],
    annotations: dict[str, str] | None = None,
    **options: Any,  # noqa: ANN401  # of `load_gateway_api`
) -> list[TargetGroup]:
    """Load a route to the import `web`, and return all groups."""
    reference = {"kind": "ServiceImport", "name": "web"}
    spec = {"type": "ClusterSetIP", "ports": [{"port": 80}]}
    made = loaded(
        gateway(),
        route({"backendRefs": [reference]}),
        manifest("ServiceImport", "web", spec, annotations=annotations),
        *manifests,
        **options,
    )
    running(made)
    return all_of(TargetGroup, made)


def test_import_finds_the_export_beside_it() -> None:
    """An export of the same name, or of the annotated one, is what is imported."""
    beside = (manifest("ServiceExport", "web", {}), service())
    other = (manifest("ServiceExport", "api", {}), service("api"))

    assert len(imported(*beside)) == 1
    assert len(imported(*other, annotations={"export-name": "api"})) == 1
    assert len(imported(*other)) == 2


def test_import_of_another_cluster_is_a_group_elsewhere() -> None:
    """Cluster and VPC tell exports of one name apart; the group is bound by name."""
    beside = (manifest("ServiceExport", "web", {}), service())
    west = {"aws-eks-cluster-name": "west", "aws-vpc": "vpc-0123456789abcdef0"}

    assert (
        len(
            imported(
                *beside, annotations={"aws-eks-cluster-name": "east"}, cluster="east"
            )
        )
        == 1
    )
    groups = imported(
        *beside, annotations=west, cluster="east", targets={"default/web": "echo"}
    )
    assert len(groups) == 2
    assert len({each.name for each in groups}) == 2


def test_import_without_its_manifest_goes_by_name() -> None:
    """The controller looks for an export of the name that a route gives."""
    reference = {"kind": "ServiceImport", "name": "far"}
    made = loaded(
        gateway(), route({"backendRefs": [reference]}), targets={"far": "echo"}
    )

    answer = running(made).client("web-default").get("/")
    assert answer.json()["target_group"] == only(TargetGroup, made).name


def test_outside_group_is_known_by_its_arn() -> None:
    """A bound app stands behind it; else the test declares the group itself."""
    annotations = {"target-group-arn": ARN}
    (group,) = imported(annotations=annotations, targets={"web": "echo"})
    assert group.arn == ARN

    reference = {"kind": "ServiceImport", "name": "web"}
    made = loaded(
        gateway(),
        route({"backendRefs": [reference]}),
        manifest("ServiceImport", "web", annotations=annotations),
    )
    assert all_of(TargetGroup, made) == []
    own = TargetGroup(
        "legacy",
        id="tg-0abc123def4567890",
        type="LAMBDA",
        targets=[lambda event, context: {"statusCode": 204}],
    )
    assert running((*made, own)).client("web-default").get("/").status_code == 204


@pytest.mark.parametrize(
    ("annotations", "line"),
    [
        (
            {"target-group-arn": ARN, "export-name": "api"},
            (
                "ServiceImport `default/web` has the annotation target-group-arn, "
                "which goes with none of export-name, aws-vpc, aws-eks-cluster-name"
            ),
        ),
        ({"target-group-arn": "tg-1"}, "`tg-1` is not the ARN of a target group"),
    ],
)
def test_bad_import_is_refused(annotations: dict[str, str], line: str) -> None:
    """The place of the import is named."""
    assert refused(imported, annotations=annotations) == [
        f"{line} (manifests[2], ServiceImport default/web)"
    ]
