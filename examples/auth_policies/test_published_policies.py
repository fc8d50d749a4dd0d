"""Twenty published policies, each with who gets in and who does not.

They stand in policies/, with made-up ids, and with a Sid for each statement so that a
test can name it.  README.md says where each comes from.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import (
    Forward,
    Listener,
    Role,
    Service,
    ServiceNetwork,
    TargetGroup,
    Vpc,
    assert_allowed,
    assert_denied,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from pytest_lattice import LatticeNetwork

POLICIES = Path(__file__).parent / "policies"

# The services are behind /rates, and callers live in one of three VPCs.
VPC, SECOND_VPC, OTHER_VPC = "vpc-1a2b3c4d", "vpc-5e6f7a8b", "vpc-9c0d1e2f"
# A role of the services' own account and organization, and one of neither.
CLIENT = Role(
    "rates-client",
    policies=["VPCLatticeServicesInvokeAccess"],
    org_id="o-123456example",
)
PARTNER = Role(
    "partner", policies=["VPCLatticeServicesInvokeAccess"], account="444455556666"
)
ANONYMOUS = None
everybody = pytest.mark.parametrize(
    "role", [CLIENT, PARTNER, ANONYMOUS], ids=["client", "partner", "anonymous"]
)


def policy(number: str) -> str:
    """Read a policy and fill in the ARNs, as Terraform's `templatefile` would."""
    (file,) = POLICIES.glob(f"{number}-*.json")
    return Template(file.read_text(encoding="utf-8")).substitute(
        ServiceArn=Service("rates").arn,
        ServiceNetworkArn=ServiceNetwork("company").arn,
    )


@pytest.fixture
def network(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """Three VPCs, two callers and something to answer; no service yet."""
    lattice_network.add(
        TargetGroup("web", targets="echo"),
        Vpc(VPC),
        Vpc(SECOND_VPC),
        Vpc(OTHER_VPC),
        CLIENT,
        PARTNER,
    )
    return lattice_network


def declare(
    network: LatticeNetwork,
    *,
    service: str | None = None,
    on_network: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Declare the service and its network, with a policy on one of them or on both."""
    network.add(
        Service(
            "rates",
            listeners=[Listener("HTTPS", default=Forward("web"))],
            auth_policy=service and policy(service),
            tags=tags or {},
        ),
        ServiceNetwork(
            "company",
            services=["rates"],
            vpcs=[VPC, SECOND_VPC, OTHER_VPC],
            auth_policy=on_network and policy(on_network),
        ),
    )


def call(
    network: LatticeNetwork,
    role: Role | None,
    path: str = "/",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    vpc: str = VPC,
) -> httpx.Response:
    """Make a real request, signed by the role if there is one."""
    with network.client("rates", role=role, vpc=vpc) as client:
        return client.request(method, path, headers=headers)


def invoker(network: LatticeNetwork, name: str, **tags: str) -> Role:
    """Declare one more role that may call services, with session tags."""
    return network.role(
        name,
        policies=["VPCLatticeServicesInvokeAccess"],
        session_tags={key.replace("_", "-"): value for key, value in tags.items()},
    )


def test_e01_only_members_of_the_organization(network: LatticeNetwork) -> None:
    """An account outside the organization stays out, and so does who has no account."""
    declare(network, on_network="E01")

    assert_allowed(call(network, CLIENT), by="MembersOfTheOrganization")
    assert_denied(
        [call(network, PARTNER), call(network, ANONYMOUS)],
        layer="network",
        verdict="implicit",
    )


def test_e02_one_role_may_read(network: LatticeNetwork) -> None:
    """The named role gets, and nobody does anything else."""
    declare(network, service="E02")

    assert_allowed(call(network, CLIENT), by="ReadOnly")
    assert_denied(
        [
            call(network, CLIENT, method="POST"),
            call(network, PARTNER),
            call(network, ANONYMOUS),
        ],
        layer="service",
        verdict="implicit",
    )


@pytest.mark.parametrize(
    ("service", "on_network", "layer"),
    [("E03", None, "service"), (None, "E03", "network")],
    ids=["service", "network"],
)
def test_e03_authenticated_from_one_vpc(
    network: LatticeNetwork, service: str | None, on_network: str | None, layer: str
) -> None:
    """Whoever signs gets in from the one VPC, whichever account signs."""
    declare(network, service=service, on_network=on_network)

    assert_allowed(
        [call(network, CLIENT), call(network, PARTNER)], by="AuthenticatedFromOneVpc"
    )
    assert_denied(
        [call(network, CLIENT, vpc=OTHER_VPC), call(network, ANONYMOUS)],
        layer=layer,
        verdict="implicit",
    )


@everybody
def test_e04_services_by_tag(network: LatticeNetwork, role: Role | None) -> None:
    """A service with the tag is open to everybody, anonymous callers included."""
    declare(network, service="E04", tags={"Environment": "Gamma"})

    assert_allowed(call(network, role), by="GammaServices")


@pytest.mark.parametrize(
    "tags", [{}, {"Environment": "Prod"}], ids=["no-tag", "other-value"]
)
def test_e04_services_without_the_tag(
    network: LatticeNetwork, tags: dict[str, str]
) -> None:
    """A service without the tag, or with another value of it, is closed."""
    declare(network, service="E04", tags=tags)

    assert_denied(call(network, CLIENT), layer="service", verdict="implicit")


def test_e05_callers_by_tag(network: LatticeNetwork) -> None:
    """The tag of the team is the ticket."""
    declare(network, service="E05")
    payments = invoker(network, "payments", Team="Payments")
    shipping = invoker(network, "shipping", Team="Shipping")

    assert_allowed(call(network, payments), by="PaymentsTeam")
    assert_denied(
        [call(network, shipping), call(network, CLIENT), call(network, ANONYMOUS)],
        layer="service",
        verdict="implicit",
    )


def test_e06_authenticated_on_both_levels(network: LatticeNetwork) -> None:
    """Any account gets in if it signs; AWS names the network where both refuse."""
    declare(network, service="E06", on_network="E06")

    assert_allowed([call(network, CLIENT), call(network, PARTNER)], by="Authenticated")
    assert_denied(call(network, ANONYMOUS), layer="network", verdict="implicit")


@everybody
def test_e07_everybody(network: LatticeNetwork, role: Role | None) -> None:
    """Who is in a connected VPC is in."""
    declare(network, service="E07", on_network="E07")

    assert_allowed(call(network, role), by="Everybody")


def test_e08_any_action_says_the_same_as_invoke(network: LatticeNetwork) -> None:
    """With the action `*` the console's template lets the same callers in."""
    declare(network, service="E08")

    assert_allowed(
        [call(network, CLIENT), call(network, PARTNER)], by="AuthenticatedAnyAction"
    )
    assert_denied(call(network, ANONYMOUS), layer="service", verdict="implicit")


@everybody
def test_e09_a_header_is_the_gate(network: LatticeNetwork, role: Role | None) -> None:
    """The header lets in who knows it, signed or not."""
    declare(network, on_network="E09")

    assert_allowed(call(network, role, headers={"header1": "value1"}), by="Header1")
    assert_denied(
        [call(network, role), call(network, role, headers={"header1": "value2"})],
        layer="network",
        verdict="implicit",
    )


def test_e10_one_account(network: LatticeNetwork) -> None:
    """A bare account id is every role of the account, and nobody who does not sign."""
    declare(network, service="E10")

    assert_allowed(call(network, CLIENT), by="OneAccount")
    assert_denied(
        [call(network, PARTNER), call(network, ANONYMOUS)],
        layer="service",
        verdict="implicit",
    )


def test_e11_one_account_from_two_vpcs(network: LatticeNetwork) -> None:
    """Both have to be right, the account and the VPC."""
    declare(network, service="E11")

    assert_allowed(
        [call(network, CLIENT), call(network, CLIENT, vpc=SECOND_VPC)],
        by="AccountFromTwoVpcs",
    )
    assert_denied(
        [
            call(network, CLIENT, vpc=OTHER_VPC),
            call(network, PARTNER),
            call(network, ANONYMOUS),
        ],
        layer="service",
        verdict="implicit",
    )


@everybody
def test_e12_two_vpcs(network: LatticeNetwork, role: Role | None) -> None:
    """Where a call comes from is all that counts, so nobody has to sign."""
    declare(network, service="E12")

    assert_allowed(
        [call(network, role), call(network, role, vpc=SECOND_VPC)], by="TwoVpcs"
    )
    assert_denied(
        call(network, role, vpc=OTHER_VPC), layer="service", verdict="implicit"
    )


def test_e13_session_tags_of_pods(network: LatticeNetwork) -> None:
    """EKS Pod Identity tags the session with the cluster and the namespace."""
    declare(network, service="E13")
    apps = invoker(
        network,
        "pod",
        eks_cluster_name="frontend-cluster",
        kubernetes_namespace="apps",
    )
    elsewhere = invoker(
        network,
        "other-pod",
        eks_cluster_name="frontend-cluster",
        kubernetes_namespace="default",
    )

    assert_allowed(call(network, apps), by="OneNamespace")
    assert_denied(
        [call(network, elsewhere), call(network, CLIENT), call(network, ANONYMOUS)],
        layer="service",
        verdict="implicit",
    )


@pytest.mark.parametrize("name", ["app1-task", "app2-task", "envoy-frontend-task"])
def test_e14_known_task_roles(network: LatticeNetwork, name: str) -> None:
    """The network knows three roles by name, and no other of their account."""
    declare(network, on_network="E14")

    assert_allowed(call(network, invoker(network, name)), by="TaskRoles")
    assert_denied(
        [call(network, CLIENT), call(network, ANONYMOUS)],
        layer="network",
        verdict="implicit",
    )


def test_e15_a_scope_that_the_proxy_vouches_for(network: LatticeNetwork) -> None:
    """The header counts only from the proxy, which has read the token."""
    declare(network, service="E15", on_network="E14")
    proxy = invoker(network, "envoy-frontend-task")
    app = invoker(network, "app2-task")
    scope = {"x-jwt-scope-test.all": "true"}

    assert_allowed(call(network, proxy, headers=scope), by="ScopeSeenByTheProxy")
    assert_denied(
        [call(network, proxy), call(network, app, headers=scope)],
        layer="service",
        verdict="implicit",
    )


@everybody
def test_e16_a_closed_service(network: LatticeNetwork, role: Role | None) -> None:
    """A denial wins over whatever the network allows."""
    declare(network, service="E16", on_network="E07")

    response = call(network, role)

    assert_denied(response, layer="service", verdict="explicit", by="Closed")
    assert response.text.endswith("with an explicit deny in a service-based policy")


def test_e17_a_caller_pinned_to_a_network(lattice_network: LatticeNetwork) -> None:
    """The role's own policy holds it to one of the networks that the service is in."""
    lattice_network.add(
        TargetGroup("web", targets="echo"),
        Service(
            "rates",
            listeners=[Listener("HTTPS", default=Forward("web"))],
            auth_policy=policy("E07"),
        ),
        Vpc(VPC),
        Vpc(OTHER_VPC),
        ServiceNetwork("company", services=["rates"], vpcs=[VPC]),
        ServiceNetwork("staging", services=["rates"], vpcs=[OTHER_VPC]),
    )
    role = lattice_network.role("app1-task", policies=[policy("E17")])

    assert_allowed(call(lattice_network, role), by="ThroughTheCompanyNetwork")
    assert_denied(
        call(lattice_network, role, vpc=OTHER_VPC), layer="identity", verdict="implicit"
    )


def test_e18_the_least_that_a_caller_needs(network: LatticeNetwork) -> None:
    """The role may call this service and no other."""
    declare(network, service="E07", on_network="E07")
    role = network.role("minimal", policies=[policy("E18")])
    without = network.role("without-policies")
    elsewhere = network.role(
        "elsewhere",
        policies=[policy("E18").replace(Service("rates").arn, Service("other").arn)],
    )

    assert_allowed(call(network, role, "/any/path"), by="InvokeRates")
    assert_denied(
        [call(network, without), call(network, elsewhere)],
        layer="identity",
        verdict="implicit",
    )


def test_e19_one_path_for_one_role(network: LatticeNetwork) -> None:
    """The denial names everybody else, and with that who has no ARN at all."""
    declare(network, service="E19")

    assert_allowed(call(network, CLIENT, "/reports/2026"), by="ReportsOfOneRole")
    assert_denied(call(network, CLIENT, "/"), layer="service", verdict="implicit")
    assert_denied(
        [
            call(network, PARTNER, "/reports/2026"),
            call(network, ANONYMOUS, "/reports/2026"),
        ],
        layer="service",
        verdict="explicit",
        by="NobodyElse",
    )


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1/orders", "/api?page=2"])
def test_e20_paths_that_are_let_through(network: LatticeNetwork, path: str) -> None:
    """Both patterns are needed, and the query string is no part of the path."""
    declare(network, service="E20")

    assert_allowed(call(network, CLIENT, path), by="ApiPaths")


@pytest.mark.parametrize("path", ["/", "/apis", "/API", "/v1/api"])
def test_e20_paths_that_are_not(network: LatticeNetwork, path: str) -> None:
    """A path that only looks like it is not one of the API."""
    declare(network, service="E20")

    assert_denied(call(network, CLIENT, path), layer="service", verdict="implicit")
