"""Manifests of the AWS Gateway API Controller, loaded and run."""

from __future__ import annotations

import copy
import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    AccessLogSubscription,
    ConfigurationError,
    LatticeNetwork,
    LatticeWarning,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    TargetGroup,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
    load_gateway_api,
)
from pytest_lattice.errors import UnsupportedFeatureError
from tests.loaders.gateway_api.cluster import (
    AWS,
    FIXTURES,
    HTTP,
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

ROOT = Path(__file__).parents[3]
INVOKE = "VPCLatticeServicesInvokeAccess"


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give paths as a test of the project would."""
    monkeypatch.chdir(ROOT)


def fixture(name: str, **options: Any) -> LatticeNetwork:  # noqa: ANN401  # of `load_gateway_api`
    """Run a fixture of which nothing is to be said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return running(load_gateway_api(f"{FIXTURES}/{name}", **options))


# --------------------------------------------------------------------------- fixtures


def test_orders_run() -> None:
    """A canary by header and by weight behind a policy, for one role."""
    network = fixture("orders", targets="echo")
    network.role("checkout", policies=[INVOKE])
    client = network.client("orders-shop", role="checkout")

    assert_denied(network.client("orders-shop").get("/orders"), layer="service")
    assert_allowed(client.get("/orders"))
    assert_routed(client.get("/orders/export"), rule=1, to="shop/orders-export")
    canary = client.get("/orders/7", headers={"x-canary": "TRUE"})
    assert_routed(canary, rule=2, to="shop/orders-next")
    responses = [client.get("/orders/7") for _ in range(100)]
    assert_weights(responses, {"shop/orders": 9, "shop/orders-next": 1})
    assert client.get("https://orders.example.com/orders").status_code == 200
    assert [
        (each.protocol, each.port) for each in network.service("shop/orders").listeners
    ] == [("HTTPS", 443), ("HTTP", 80)]


def test_grpc_runs() -> None:
    """Methods are paths; the id that the cluster wrote back is that of the service."""
    with pytest.warns(LatticeWarning, match="rates-fallback"):
        made = load_gateway_api(f"{FIXTURES}/grpc/rates.yaml", targets="echo")
    network = running(made)
    found = network.service("exchange-rates")
    quote = "https://exchange-rates:50051/rates.v1.Rates/Quote"

    assert found.id == "svc-0cfe1f49ff3266204"
    assert [each.port for each in found.listeners] == [50051]
    canary = network.decide("POST", quote, headers={"x-canary": "1"})
    assert_routed(canary, rule=1, to="rates/rates-next")
    assert_routed(network.decide("POST", quote), rule=2, to="rates/rates")
    other = network.decide("POST", "https://exchange-rates:50051/other.Service/Call")
    assert_routed(other, rule=3, status=500)
    groups = {
        each.source.name: each for each in all_of(TargetGroup, made) if each.source
    }
    assert {each.protocol_version for each in groups.values()} == {"GRPC"}
    assert groups["Service rates/rates-next"].ip_address_type == "IPV6"


def test_clusters_run() -> None:
    """Own pods, another cluster and an old group share the traffic."""
    targets = {"stock": "echo", "stock-west": "echo", "stock-legacy": "echo"}
    network = fixture("multi_cluster", targets=targets, cluster="east")
    client = network.client("stock-default")

    assert_routed(client.get("/old"), rule=1, to="default/stock-legacy")
    exported = client.get("/exported").json()["target_group"]
    assert network.configuration.target_group(exported).health_check is not None
    responses = [client.get("/") for _ in range(40)]
    own = network.configuration.target_group("Service default/stock").name
    west = "ServiceImport default/stock-west"
    assert_weights(responses, {own: 3, west: 1})
    assert network.configuration.service_network("shared").tags["Owner"] == "Network"


def test_tls_is_declared() -> None:
    """A TLSRoute is a TLS_PASSTHROUGH listener with weights and no rule."""
    network = fixture("tls", targets="echo")
    (listener,) = network.service("vault-default").listeners

    assert (listener.protocol, listener.port) == ("TLS_PASSTHROUGH", 8443)
    assert listener.rules == ()
    assert [each.protocol for each in network.configuration.target_groups] == [
        "TCP"
    ] * 2


def test_matches_run() -> None:
    """Two matches are two rules; the order decides until annotations change it."""
    with pytest.warns(LatticeWarning) as caught:
        made = load_gateway_api(f"{FIXTURES}/matches", targets="echo")
    network = running(made)
    api, sorted_ = (network.client(f"{name}-default") for name in ("api", "sorted"))
    said = " ".join(str(each.message) for each in caught)

    assert_routed(api.get("/legacy"), rule=2, to="default/api")
    assert_routed(api.get("/api/admin"), rule=1)
    assert_routed(sorted_.get("/api/admin"), rule=10)
    assert "priority 1 = rules[0].matches[0], 2 = rules[0].matches[1]" in said
    assert f"({FIXTURES}/matches/admin.yaml:26, HTTPRoute default/api)" in said
    assert "rules[0].matches[1])" in network.overview()


def test_logs_are_subscribed() -> None:
    """JSON indented with tabs is a manifest too; each type of destination is one."""
    with pytest.warns(LatticeWarning, match="second-bucket"):
        made = load_gateway_api(f"{FIXTURES}/logs/shops.json")

    running(made)
    assert [each.destination for each in all_of(AccessLogSubscription, made)] == [
        "arn:aws:s3:::shop-logs",
        "arn:aws:logs:us-west-2:123456789012:log-group:shops:*",
    ]


def test_nothing_is_silent() -> None:
    """Each object and property that does nothing is a warning with its line."""
    with pytest.warns(LatticeWarning) as caught:
        load_gateway_api(f"{FIXTURES}/silent", targets="echo")
    file = f"{FIXTURES}/silent/manifests.yaml"

    said = sorted(str(each.message) for each in caught)
    assert len(said) == len(set(said)) == 22
    assert all(f"({file}:" in each for each in said)


def fixture_kinds() -> set[str]:
    """Collect the kinds of all fixtures."""
    kinds = set()
    for file in (ROOT / FIXTURES).rglob("*.*"):
        text = file.read_text()
        documents = (
            [json.loads(text)] if file.suffix == ".json" else yaml.safe_load_all(text)
        )
        for each in documents:
            kinds |= {item["kind"] for item in each.get("items", [each])}
    return kinds


def test_fixtures_have_every_kind() -> None:
    """No kind that is loaded is without an example."""
    assert fixture_kinds() >= {
        "AccessLogPolicy",
        "Deployment",
        "EndpointSlice",
        "GRPCRoute",
        "Gateway",
        "GatewayClass",
        "HTTPRoute",
        "IAMAuthPolicy",
        "Namespace",
        "Service",
        "ServiceExport",
        "ServiceImport",
        "ServiceNetwork",
        "TLSRoute",
        "TargetGroupPolicy",
        "VpcAssociationPolicy",
    }


# --------------------------------------------------------------------- names and tags


def test_service_has_the_names_of_the_controller() -> None:
    """Name, tags and domain are what the controller sends."""
    made = loaded(
        gateway(HTTPS),
        route(
            spec={"hostnames": ["web.example.com"]},
            annotations={"tags": "Team=Shop, Stage=Dev,odd"},
        ),
        service(),
        cluster="east",
        vpc="vpc-0123456789abcdef0",
    )
    found = only(Service, made)

    assert found.name == "web-default"
    assert found.custom_domain_name == "web.example.com"
    assert found.certificate_arn == "{{acm:web.example.com}}"
    assert found.tags == {
        f"{AWS}/ManagedBy": "123456789012/east/vpc-0123456789abcdef0",
        f"{AWS}/RouteName": "web",
        f"{AWS}/RouteNamespace": "default",
        f"{AWS}/RouteType": "http",
        "Team": "Shop",
        "Stage": "Dev",
    }
    assert found.listeners[0].name == "web-default-443-https"
    assert only(ServiceAssociation, made).service == found.arn


def test_http_needs_no_certificate() -> None:
    """The controller looks in ACM for HTTPS only; none is made up."""
    spec = {"hostnames": ["web.example.com"]}

    assert (
        only(Service, loaded(gateway(), route(spec=spec), service())).certificate_arn
        is None
    )
    assert (
        only(Service, loaded(gateway(HTTPS), route(), service())).certificate_arn
        is None
    )


def test_cluster_has_a_name() -> None:
    """Names of what the controller makes derive from it."""
    assert refused(load_gateway_api, f"{FIXTURES}/orders", cluster=None) == [
        "cluster `None` is not text"
    ]


def test_cluster_of_another_account() -> None:
    """Account and Region are those of the call, in every ARN."""
    owner = {"account": "210987654321", "region": "eu-west-1"}
    made = loaded(gateway(), route(), service(), targets="echo", **owner)

    arns = (
        only(Service, made).arn,
        only(TargetGroup, made).arn,
        only(ServiceNetwork, made).arn,
    )

    for arn in arns:
        assert arn.split(":")[3:5] == ["eu-west-1", "210987654321"]
    assert running(made).client("web-default").get("/").status_code == 200


@pytest.mark.parametrize(
    ("arn", "lines"),
    [
        (
            "arn:aws:vpc-lattice:eu-west-1:210987654321:service/svc-0cfe1f49ff3266204",
            [
                (
                    "HTTPRoute `default/web` is deployed in account 210987654321, "
                    "eu-west-1"
                ),
                'pass account="210987654321", region="eu-west-1"',
            ],
        ),
        ("svc-1", ["lattice-service-arn `svc-1` is not the ARN of a service"]),
    ],
)
def test_deployed_service_of_another_account_is_refused(
    arn: str, lines: list[str]
) -> None:
    """What the cluster wrote back must fit the call."""
    written = route(annotations={"lattice-service-arn": arn})

    assert refused(loaded, gateway(), written, service()) == [
        f"{lines[0]} (manifests[1], HTTPRoute default/web)",
        *lines[1:],
    ]


def test_routes_that_make_one_service_are_refused() -> None:
    """Truncated names may meet; an annotation tells them apart."""
    first, second = (f"{'a' * 20}{letter}" for letter in "xy")
    found = refused(loaded, gateway(), route(name=first), route(name=second), service())

    assert found == [
        (
            f"HTTPRoute `default/{first}` and HTTPRoute `default/{second}` both make "
            f"the service `{'a' * 20}-default` "
            f"(manifests[2], HTTPRoute default/{second})"
        ),
        f"the annotation {AWS}/service-name-override names one otherwise",
    ]
    named = route(name=second, annotations={"service-name-override": "other"})
    made = loaded(gateway(), route(name=first), named, service())
    assert [each.name for each in all_of(Service, made)] == [
        f"{'a' * 20}-default",
        "other",
    ]


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (
            route(annotations={"service-name-override": "svc-web"}),
            (
                "service name `svc-web` starts with the reserved `svc-` "
                "(manifests[1], HTTPRoute default/web)"
            ),
        ),
        (
            route(name="my.route"),
            (
                "service name `my.route-default` may hold only a-z, 0-9 and single "
                "hyphens inside (manifests[1], HTTPRoute default/my.route)"
            ),
        ),
    ],
)
def test_name_that_aws_refuses_is_refused(written: dict[str, Any], line: str) -> None:
    """Kubernetes allows names that Lattice does not."""
    assert refused(loaded, gateway(), written, service()) == [line]


def test_gateway_name_that_aws_refuses_is_refused() -> None:
    """The name of a Gateway is that of a service network."""
    assert refused(loaded, gateway(name="my.shops")) == [
        (
            "service network name `my.shops` may hold only a-z, 0-9 and single hyphens "
            "inside (manifests[0], Gateway default/my.shops)"
        )
    ]


def test_second_hostname_is_noted() -> None:
    """A service has one custom domain name."""
    names = ["a.example.com", "b.example.com", "c.example.com"]
    notices, made = noted(gateway(), route(spec={"hostnames": names}), service())

    assert only(Service, made).custom_domain_name == "a.example.com"
    assert notices == [
        (
            "hostnames `b.example.com`, `c.example.com` of HTTPRoute `default/web` do "
            "nothing: a service takes one, `a.example.com` "
            "(manifests[1], HTTPRoute default/web)"
        )
    ]


# --------------------------------------------------------------------------- TLSRoute

TLS = {"name": "tls", "protocol": "TLS", "port": 443, "tls": {"mode": "Passthrough"}}


@pytest.mark.parametrize(
    ("rules", "hostnames", "line"),
    [
        ([rule(), rule()], ["a.example.com"], "has 2 rules"),
        ([], ["a.example.com"], "has 0 rules"),
        ([rule()], [], "has 0 hostnames"),
        ([rule()], ["a.example.com", "b.example.com"], "has 2 hostnames"),
    ],
)
def test_tls_route_takes_one_of_each(
    rules: list[dict[str, Any]], hostnames: list[str], line: str
) -> None:
    """One rule and one name, by which Lattice routes."""
    spec = {"rules": rules, "hostnames": hostnames}
    with pytest.raises(UnsupportedFeatureError) as caught:
        loaded(gateway(TLS), route(kind="TLSRoute", spec=spec), service())

    assert said(caught.value) == [
        (
            f"TLSRoute `default/web` {line}; the AWS Gateway API Controller takes one "
            "(manifests[1], TLSRoute default/web)"
        )
    ]


def test_tls_route_to_nothing_is_refused() -> None:
    """A TLS listener answers nothing by itself, so the controller gives up."""
    spec = {"hostnames": ["a.example.com"]}

    assert refused(loaded, gateway(TLS), route(kind="TLSRoute", spec=spec)) == [
        (
            "TLSRoute `default/web` forwards to nothing that exists "
            "(manifests[1], TLSRoute default/web)"
        )
    ]


# -------------------------------------------------------------------------- bad input


def test_manifests_of_nothing_are_refused() -> None:
    """A wrong file is told from an empty network."""
    assert refused(loaded, service()) == [
        "the manifests hold nothing that AWS's controller makes something of",
        (
            "it looks for Gateways of class amazon-vpc-lattice with routes, for "
            "ServiceNetworks and for ServiceExports"
        ),
    ]


def test_warnings_point_to_the_test() -> None:
    """Whoever reads a warning sees the line that loaded the manifests."""
    with pytest.warns(LatticeWarning) as caught:
        load_gateway_api([gateway(HTTP | {"hostname": "a.example.com"})])

    assert caught[0].filename == __file__


def test_nothing_is_said_of_what_is_refused() -> None:
    """An error comes without the warnings of what was not loaded."""
    noisy = gateway(HTTP | {"hostname": "a.example.com"})

    assert refused(loaded, noisy, route(rule(path("no slash"))), service())


CHECK = {"enabled": True, "path": "/ready", "statusMatch": "200"}
SELECTOR = {"matchLabels": {"kubernetes.io/metadata.name": "default"}}
TAKES = {"namespaces": {"from": "Selector", "selector": SELECTOR}}
ENDPOINT = {"addresses": ["10.0.0.7"], "conditions": {"ready": True}}
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
POLICY = json.dumps({"Statement": STATEMENT})
BASE = (
    gateway(HTTP, HTTPS | {"allowedRoutes": TAKES}, TLS | {"port": 8443}),
    route(rule(path("/a")), rule({"headers": [{"name": "a", "value": "1"}]})),
    route(
        kind="GRPCRoute",
        name="rpc",
        spec={"parentRefs": [{"name": "shops", "port": 443}]},
    ),
    route(
        {"backendRefs": [{"name": "far", "kind": "ServiceImport", "weight": 2}]},
        kind="TLSRoute",
        name="tls",
        spec={"hostnames": ["a.example.com"]},
    ),
    service("web", {"port": 80, "name": "web", "targetPort": 8080}),
    manifest(
        "EndpointSlice",
        "web-1",
        endpoints=[ENDPOINT],
        ports=[{"name": "web", "port": 80}],
    ),
    manifest(
        "ServiceExport", "web", {"exportedPorts": [{"port": 80, "routeType": "HTTP"}]}
    ),
    manifest("ServiceImport", "far", {}, annotations={"export-name": "api"}),
    policy("TargetGroupPolicy", "tuned", "Service/web", healthCheck=CHECK),
    policy("IAMAuthPolicy", "auth", "HTTPRoute/web", policy=POLICY),
    policy(
        "AccessLogPolicy",
        "logs",
        "Gateway/shops",
        destinationArn="arn:aws:s3:::shop-logs",
    ),
    policy("VpcAssociationPolicy", "vpc", "Gateway/shops", securityGroupIds=["sg-1"]),
)
BASE[5]["metadata"]["labels"] = {"kubernetes.io/service-name": "web"}
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(["Same", "Selector", "web", "HTTP", "PathPrefix", "/a"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "from", "type"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401  # a manifest
    """List the paths to everything inside a manifest."""
    found = [at] if at else []
    members = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in members:
        found += places(each, (*at, key))
    return found


def test_an_auth_policy_has_the_place_of_its_manifest() -> None:
    """What the policy decides is traced to the IAMAuthPolicy, not to the route."""
    made = loaded(*BASE)
    (web,) = [each for each in all_of(Service, made) if each.auth_policy]

    assert web.source is not None
    assert web.auth_policy_source is not None
    assert web.source.name == "HTTPRoute default/web"
    assert web.auth_policy_source.name == "IAMAuthPolicy default/auth"


def test_what_junk_is_put_into_is_a_network() -> None:
    """The manifests of the next test run before anything is changed."""
    running(loaded(*BASE))


PLACES = [(number, *at) for number, each in enumerate(BASE) for at in places(each)]


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=2))
def test_whatever_is_written_is_loaded_or_refused(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    """Junk anywhere in manifests is a network or a `ConfigurationError`."""
    manifests = copy.deepcopy(list(BASE))
    for (number, *at, key), junk in changes:
        holder: Any = manifests[number]
        try:
            for step in at:
                holder = holder[step]
            holder[key] = junk
        except (TypeError, KeyError, IndexError):
            continue  # the other change took its holder away
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ConfigurationError):
            load_gateway_api(manifests)
