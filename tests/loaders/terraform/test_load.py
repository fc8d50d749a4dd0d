"""`load_terraform`: documents become networks that run."""

from __future__ import annotations

import contextlib
import copy
import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    ConfigurationError,
    LatticeNetwork,
    LatticeWarning,
    Service,
    ServiceNetwork,
    TargetGroup,
    VpcAssociation,
    assert_allowed,
    assert_denied,
    assert_routed,
    assert_weights,
    load_terraform,
)
from tests.loaders.terraform.plans import (
    ACCOUNT,
    AFTER,
    FIXTURES,
    L,
    fixture,
    plan,
    resource,
    state,
    to,
)
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path

FIXTURE_NAMES = sorted(each.name for each in FIXTURES.glob("*.json"))


def running(name: str, **options: Any) -> LatticeNetwork:  # noqa: ANN401  # of `load_terraform`
    """Load a fixture into a network whose targets all echo."""
    network = LatticeNetwork()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        network.add(*load_terraform(FIXTURES / name, targets="echo", **options))
    return network


# ---- the fixtures run ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["orders-plan.json", "orders-state.json"])
def test_orders_before_and_after_apply(name: str) -> None:
    """The plan and the state of one configuration route and admit alike."""
    network = running(name)
    with network.client("orders", role="checkout", vpc="aws_vpc.apps") as client:
        answers = [client.get("/orders/1") for _ in range(100)]
        beta = client.get("/Orders", headers={"x-beta": "1"})
        nowhere = client.get("/")

    assert_weights(answers, {"orders-stable": 90, "orders-canary": 10})
    assert_routed(beta, rule="beta", to="orders-canary", status=200)
    assert nowhere.status_code == 404
    with network.client("orders", vpc="aws_vpc.apps") as stranger:
        # AWS: the policy names no principal, but IAM callers only have an account
        found = stranger.get("/orders").status_code
    assert found == (403 if name == "orders-plan.json" else 200)


def test_an_auth_policy_has_the_place_of_its_own_resource() -> None:
    """The place of a policy is not that of what it is attached to."""
    network = running("orders-plan.json")
    (shop,) = network.configuration.service_networks
    place = shop.auth_policy_source

    assert place is not None
    assert place.name == f"{L}auth_policy.shop"
    assert (
        f"({place}) allows"
        in network.authorize("GET", "https://orders/", role="checkout").explain()
    )


def test_module_with_for_each() -> None:
    """Services, listeners and rules of nested modules with keys work together."""
    network = running("catalog-module-plan.json")

    for name in ("books", "films"):
        with network.client(name, vpc='aws_vpc.apps["green"]') as client:
            assert_routed(client.get("/x"), rule="default", to=name)
            assert_routed(client.get("/health"), rule="health", status=404)
    assert [each.name for each in network.service_directory("222233334444")] == [
        "books",
        "films",
    ]


def test_update_of_what_is_deployed() -> None:
    """New weights and a new rule are there, what is deleted is gone, ids stay."""
    network = running("canary-update-plan.json")
    with network.client("orders", role="checkout", vpc="aws_vpc.apps") as client:
        answers = [client.get("/orders") for _ in range(10)]
        beta = client.get("/orders", headers={"x-beta": "1"})
        admin, other = client.get("/orders/admin"), client.get("/ORDERS/ADMIN")

    assert_weights(answers, {"orders-stable": 5, "orders-v2": 5})
    assert_routed(beta, rule="orders")
    assert_routed(admin, rule="admin", status=404)
    assert_routed(other, rule="orders", status=200)


def test_callers() -> None:
    """Roles and users call as their policies and the rebuilt auth policy say."""
    with pytest.warns(LatticeWarning, match="role `porter` is left out"):
        made = load_terraform(FIXTURES / "callers-plan.json", targets="echo")
    network = LatticeNetwork()
    network.add(*made)

    def ask(method: str = "GET", *, role: str) -> Any:  # noqa: ANN401  # a response
        with network.client("stock", vpc="aws_vpc.apps", role=role) as client:
            return client.request(method, "/")

    assert_allowed(ask(role="checkout"))
    assert_denied(ask("DELETE", role="checkout"), layer="service")
    assert_denied(ask(role="auditor"), layer="service")
    assert_denied(ask(role="robot"), layer="service")
    assert refused(network.client, "stock", role="porter")[0].startswith(
        "unknown role or user `porter`"
    )


def test_groups() -> None:
    """Users call as their groups say; one of a group from elsewhere is left out."""
    with pytest.warns(LatticeWarning, match="group `legacy` is not in ") as caught:
        made = load_terraform(FIXTURES / "groups-plan.json")
    network = LatticeNetwork()
    network.add(*made)

    def ask(method: str, role: str) -> Any:  # noqa: ANN401  # a decision
        return network.decide(method, "http://stock/", role=role)

    assert len(caught) == 1
    assert_allowed([ask("PUT", "ann"), ask("GET", "bob")])
    assert_denied(ask("PUT", "bob"), layer="identity", verdict="explicit")
    assert refused(ask, "GET", "eve")[0] == "unknown role or user `eve`"


def test_two_accounts() -> None:
    """Provider aliases are accounts; RAM shares and what is read elsewhere fit."""
    network = running("two-accounts-plan.json")
    with network.client("billing", vpc="aws_vpc.app") as client:
        answer = client.get("/")

    assert_routed(answer, to="billing", status=200)
    assert {
        each.name: (each.account, each.region)
        for each in load_terraform(FIXTURES / "two-accounts-plan.json")
        if isinstance(each, ServiceNetwork)
    } == {
        "edge": ("333344445555", "eu-central-1"),
        "hub": ("333344445555", "eu-central-1"),
    }


def test_other_types() -> None:
    """GRPC groups of ECS, custom domain names and certificates are as deployed."""
    network = running("everything-state.json")
    (group,) = (
        each
        for each in network.configuration.target_groups
        if each.protocol_version == "GRPC"
    )

    assert group.name == "search"
    assert_denied(network.decide("GET", "https://search.example.com/"), layer="service")
    assert_allowed(
        network.decide(
            "GET", "https://search.example.com/", headers={"x-token": SECRET}
        )
    )


def test_fixtures_cover_types_and_features() -> None:
    """Every type of the provider and every feature of the format is in a fixture."""
    read = [fixture(name) for name in FIXTURE_NAMES]
    text = json.dumps(read)
    types = {
        *(f"{L}{each}" for each in LATTICE_TYPES),
        *(f"aws_{each}" for each in OTHER_TYPES),
    }

    assert [each for each in sorted(types) if f'"type": "{each}"' not in text] == []
    for feature in (
        '"index": 0',
        '"index": "books"',
        '"child_modules"',
        '"after_unknown": {"arn": true',
        '["delete", "create"]',
        '["no-op"]',
        '["read"]',
        '["update"]',
        '"deposed"',
        '"deposed_key"',
        '"prior_state"',
        '"alias"',
        '"count_expression"',
        '"for_each_expression"',
        '"each.value.vpc_id"',
        '"count.index"',
        '"module.targets"',
        '{"policy": true}',
    ):
        assert feature in text, feature
    assert len(FIXTURE_NAMES) >= 6


LATTICE_TYPES = (
    "service_network",
    "service",
    "listener",
    "listener_rule",
    "target_group",
    "target_group_attachment",
    "service_network_service_association",
    "service_network_vpc_association",
    "service_network_resource_association",
    "access_log_subscription",
    "auth_policy",
    "resource_policy",
    "resource_gateway",
    "resource_configuration",
    "domain_verification",
)
OTHER_TYPES = (
    "vpc",
    "lambda_function",
    "instance",
    "lb",
    "ecs_service",
    "iam_role",
    "iam_role_policy",
    "iam_policy",
    "iam_role_policy_attachment",
    "iam_user",
    "iam_user_policy",
    "iam_user_policy_attachment",
    "iam_group",
    "iam_group_policy",
    "iam_group_policy_attachment",
    "iam_group_membership",
    "iam_user_group_membership",
    "iam_policy_document",
    "caller_identity",
    "ram_resource_share",
    "ram_resource_association",
    "ram_principal_association",
)


# ---- what is bound -----------------------------------------------------------------


def test_apps_are_bound_by_what_the_targets_are() -> None:
    """By group, by address of a function or instance, or by the function's name."""

    def apps(targets: dict[str, object]) -> dict[str, list[object]]:
        made = load_terraform(FIXTURES / "orders-plan.json", targets=targets)
        groups = (each for each in made if isinstance(each, TargetGroup))
        return {each.name: [t.app for t in each.registered] for each in groups}

    stable, canary = "orders-stable", "orders-canary"
    address = f"{L}target_group.stable"
    function = "aws_lambda_function.canary"
    assert apps({address: "echo"})[stable] == ["echo", "echo"]
    assert apps({"aws_instance.orders[1]": "echo"})[stable] == [None, "echo"]
    for name in (function, canary, f"{L}target_group_attachment.canary"):
        assert apps({name: "echo"})[canary] == ["echo"]
    assert refused(apps, {"aws_instance.order[1]": "echo"}) == [
        "unknown target group or target `aws_instance.order[1]`",
        "did you mean `aws_instance.orders[1]`?",
    ]


def test_ecs_services_stand_for_their_groups() -> None:
    """ECS registers targets by itself; an app is bound by the service's address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        made = load_terraform(
            FIXTURES / "everything-state.json",
            targets={"aws_ecs_service.search": "echo"},
        )
    groups = {each.name: each for each in made if isinstance(each, TargetGroup)}

    assert [each.app for each in groups["search"].registered] == ["echo"]


def test_strict() -> None:
    """What nothing is bound to is an error at once, with the address."""
    file = FIXTURES / "two-accounts-plan.json"

    assert refused(load_terraform, file, strict=True) == [
        (
            f"nothing is bound to target group `billing` ({file}, "
            f"{L}target_group.billing)"
        ),
        'bind an app with targets={"billing": app}',
    ]


# ---- several documents, and what the user says ---------------------------------------


def test_states_refer_to_each_other() -> None:
    """A state of the network team and one of the service team are one network."""
    whole = fixture("orders-state.json")
    network_team, service_team = copy.deepcopy(whole), copy.deepcopy(whole)
    for part, keeps in ((network_team, True), (service_team, False)):
        root = part["values"]["root_module"]
        root["resources"] = [
            each
            for each in root["resources"]
            if (each["type"] in {f"{L}service_network", "aws_vpc"}) is keeps
        ]

    together = load_terraform(network_team, service_team)

    assert set(together) == set(load_terraform(whole))


def deployed(number: int) -> dict[str, Any]:
    """Write a state whose addresses are those of every other one."""
    network, vpc = f"sn-0000000000000000{number}", f"vpc-0abcdef{number}"
    account = f"11112222333{number}"
    arn = f"arn:aws:vpc-lattice:us-west-2:{account}:"
    link = {"service_network_identifier": network, "vpc_identifier": vpc}
    return state(
        resource(
            "aws_vpc.main",
            {
                "id": vpc,
                "arn": f"arn:aws:ec2:us-west-2:{account}:vpc/{vpc}",
                "cidr_block": "10.0.0.0/16",
            },
        ),
        resource(
            f"{L}service_network.main",
            {
                "name": f"net-{number}",
                "id": network,
                "arn": f"{arn}servicenetwork/{network}",
            },
        ),
        resource(
            f"{L}service_network_vpc_association.main",
            {"arn": f"{arn}servicenetworkvpcassociation/snva-1", **link},
        ),
    )


def test_states_with_the_same_addresses() -> None:
    """Two states of one module: each VPC is with its own network, by its id."""
    made = load_terraform(deployed(1), deployed(2))
    network = LatticeNetwork()
    network.add(*made)
    arns = [each.vpc for each in made if isinstance(each, VpcAssociation)]

    assert [arn.rpartition("/")[2] for arn in arns] == ["vpc-0abcdef1", "vpc-0abcdef2"]


INVOKE = {"Version": "2012-10-17", "Statement": []}
SERVICE = resource(f"{L}service.orders", {"name": "orders", "id": AFTER, "arn": AFTER})
POLICY = resource(
    f"{L}auth_policy.orders",
    {"resource_identifier": AFTER, "policy": AFTER},
    resource_identifier=to(f"{L}service.orders.arn"),
    policy=to(f"{L}service.orders.arn"),
)


def test_values_stand_in_for_what_only_apply_knows() -> None:
    """A policy in Python, with `${…}` for what is planned; variables of IAM stay."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "vpc-lattice-svcs:Invoke",
        "Resource": f"${{{L}service.orders.arn}}/*",
        "Condition": {"StringEquals": {"aws:PrincipalArn": "${aws:username}"}},
    }
    (service,) = load_terraform(
        plan(SERVICE, POLICY),
        accounts=ACCOUNT,
        values={
            f"{L}auth_policy.orders.policy": {
                "Version": "2012-10-17",
                "Statement": [statement],
            }
        },
    )

    assert isinstance(service, Service)
    assert json.loads(str(service.auth_policy))["Statement"] == [
        {**statement, "Resource": f"{service.arn}/*"}
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {f"{L}auth_polcy.orders.policy": {}},
            [
                f"unknown resource `{L}auth_polcy.orders`",
                f"did you mean `{L}auth_policy.orders`?",
            ],
        ),
        (
            {f"{L}auth_policy.orders.polcy": "{}"},
            [
                f"unknown attribute of `{L}auth_policy.orders.polcy` `polcy`",
                "did you mean `policy`?",
            ],
        ),
        (
            {f"{L}service.orders.dns_entry[0].x": "{}"},
            [
                f"unknown attribute of `{L}service.orders.dns_entry[0].x` `dns_entry`",
                "known: `arn`, `id`, `name`",
            ],
        ),
        (
            {f"{L}auth_policy.orders.policy": f"${{{L}service.order.arn}}"},
            [
                f"unknown resource `{L}service.order`",
                f"did you mean `{L}service.orders`?",
            ],
        ),
        (
            {f"{L}auth_policy.orders.policy": f"${{{L}service.orders.status}}"},
            [f"`{L}service.orders.status` is known only after apply"],
        ),
    ],
)
def test_values_that_fit_nothing(values: dict[str, object], said: list[str]) -> None:
    """A value for nothing is a mistake, with the nearest right name."""
    written = plan(SERVICE, POLICY)

    assert refused(load_terraform, written, accounts=ACCOUNT, values=values) == said


# ---- what must not be ----------------------------------------------------------------

SECRET = "s3cr3t-shared-token"


def test_sensitive_values_are_never_shown() -> None:
    """Neither a value nor an error shows what the document marks as sensitive."""
    network = running("everything-state.json")
    assert SECRET in "".join(
        str(each.auth_policy) for each in network.configuration.services
    )
    assert SECRET not in repr(network.configuration.services)

    broken = fixture("everything-state.json")
    for each in broken["values"]["root_module"]["resources"]:
        if each["address"] == f"{L}auth_policy.search":
            each["values"]["policy"] = f"{{{SECRET}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        said = refused(load_terraform, broken)
    assert SECRET not in "\n".join(said)

    hidden = state(resource(f"{L}service.x", {"name": "Very Secret"}))
    tree = hidden["values"]["root_module"]["resources"][0]
    tree["sensitive_values"] = {"name": True}
    assert refused(load_terraform, hidden, accounts=ACCOUNT, regions=REGION) == [
        (
            "service name (sensitive value) may hold only a-z, 0-9 and single hyphens "
            f"inside (the state, {L}service.x)"
        )
    ]


def test_warnings_show_no_sensitive_value() -> None:
    """A caller that is left out is not told by a name that is sensitive."""
    boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    hidden = state(
        resource(
            "aws_iam_role.x",
            {"name": "very-secret", "path": "/", "permissions_boundary": boundary},
        )
    )
    tree = hidden["values"]["root_module"]["resources"][0]
    tree["sensitive_values"] = {"name": True}
    with pytest.warns(LatticeWarning) as told:
        load_terraform(hidden, accounts=ACCOUNT, regions=REGION)

    said = [str(each.message) for each in told]
    assert any("is left out" in each for each in said)
    assert not any("very-secret" in each for each in said)


REGION = {"aws": "us-west-2"}


def test_only_the_given_paths_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a document names, such as a module's folder, is not looked at."""
    file = tmp_path / "plan.json"
    file.write_text((FIXTURES / "catalog-module-plan.json").read_text("utf-8"), "utf-8")
    opened: list[str] = []
    import io

    real = io.open

    def watched(name: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401  # open's
        opened.append(str(name))
        return real(name, *rest, **more)

    monkeypatch.setattr(io, "open", watched)
    load_terraform(file)

    assert opened == [str(file)]


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=4), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_documents_raise_nothing_else(data: st.DataObject) -> None:
    """Whatever is replaced in a document, it loads or is a configuration error."""
    damaged = fixture(data.draw(st.sampled_from(FIXTURE_NAMES)))
    node: Any = damaged
    while True:
        key = data.draw(
            st.sampled_from(
                sorted(node) if isinstance(node, dict) else range(len(node))
            )
        )
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        node = inner
    node[key] = data.draw(_JSON)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        with contextlib.suppress(ConfigurationError):
            load_terraform(damaged)


def test_a_form_that_is_not_the_providers() -> None:
    """What is no document of the provider is named, with what was stumbled over."""
    written = plan(resource(f"{L}service.x", {"name": "xyz"}))
    del written["planned_values"]["root_module"]["resources"][0]["type"]

    assert refused(load_terraform, written) == [
        "the document does not have the form that `terraform show -json` writes",
        "KeyError: 'type'",
    ]
