"""A configuration: how it grows, how names resolve, what is associated."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.caller import Role
from pytest_lattice.model.configuration import Configuration, Resource
from pytest_lattice.model.service import Listener, Service
from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
)
from pytest_lattice.model.source import SourceLocation
from pytest_lattice.model.target_group import TargetGroup
from tests.model.refusals import refused

ONE, OTHER = "111111111111", "222222222222"
REAL_ID = "vpc-0123456789abcdef0"
NOT_FOUND = Listener("HTTP", default=FixedResponse(404))

# One resource of each kind, all of which hang together.
EVERYTHING: tuple[Resource, ...] = (
    TargetGroup("instances", vpc="app"),
    Service("shop", listeners=[Listener("HTTP", default=Forward("instances"))]),
    Service("cart", listeners=[NOT_FOUND], account=OTHER),
    ServiceNetwork("corp", services=["shop"]),
    ServiceAssociation("corp", "cart"),
    ResourceShare(
        "carts", resources=["cart"], principals=["123456789012"], account=OTHER
    ),
    Organization("o-exampleorgid", accounts=[ONE]),
    Vpc("app"),
    VpcAssociation("corp", "app"),
    AccessLogSubscription("shop"),
)


def configured(*resources: Resource) -> Configuration:
    """Declare resources in one call."""
    return Configuration().with_resources(resources)


def pairs(configuration: Configuration) -> list[tuple[str, str, str]]:
    """Name what is associated, with the account that did."""
    return [
        (network.name, service.name, account)
        for network, service, account in configuration.service_pairs()
    ]


# ------------------------------------------------------------------------------ growing


@given(order=st.permutations(EVERYTHING))
def test_order_in_one_call_does_not_matter(order: list[Resource]) -> None:
    """Resources that need each other may come in any order."""
    made, again = configured(*EVERYTHING), configured(*order)

    assert set(pairs(again)) == set(pairs(made))
    assert [vpc.name for _, vpc in again.vpc_pairs()] == ["app"]
    for field in ("services", "target_groups", "vpcs", "service_networks"):
        assert set(getattr(again, field)) == set(getattr(made, field))


@pytest.mark.parametrize(
    "order",
    list(permutations(["svc-west", "svc-east", "group"])),
    ids="-".join,
)
def test_what_stands_in_does_not_depend_on_order(order: tuple[str, ...]) -> None:
    """Account and Region of the stand-in network are the same in any order."""
    resources: dict[str, Resource] = {
        "svc-west": Service("west", region="us-west-2"),
        "svc-east": Service("east", region="us-east-1"),
        "group": TargetGroup("instances"),
    }
    made = configured(*(resources[name] for name in order))

    assert made.effective_service_networks[0].region == "us-east-1"


def test_calls_add_up() -> None:
    """What is added in several calls is what is added in one."""
    step = configured(TargetGroup("instances"))
    step = step.with_resources([Vpc("app")])

    assert step == configured(TargetGroup("instances"), Vpc("app"))


def test_failure_changes_nothing() -> None:
    """After an error the configuration is what it was, and can grow on."""
    before = configured(TargetGroup("instances"))
    twin = configured(TargetGroup("instances"))

    assert refused(before.with_resources, [Service("shop"), Service("shop")]) == [
        "service `shop` already exists in account 123456789012, us-west-2"
    ]
    assert before == twin
    assert before.with_resources([Service("shop")]).services == (Service("shop"),)


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        ("shop", "'shop'"),
        (None, "None"),
        ([Service("shop")], "[Service('shop')]"),
        (FixedResponse(404), "FixedResponse(404)"),
    ],
)
def test_what_is_no_resource_is_refused(thing: object, shown: str) -> None:
    """Only what can be declared can be added."""
    assert refused(Configuration().with_resources, [thing]) == [
        f"`{shown}` is not a resource of a service network"
    ]


# -------------------------------------------------------------------------------- names

Find = Callable[[Configuration, str], Resource]
SHOP = Service("shop", custom_domain_name="shop.example.com")
CORP = ServiceNetwork("corp", services=["shop"])
GROUP = TargetGroup("instances")
APP = Vpc("app")
NAMED = configured(SHOP, CORP, GROUP, APP)


@pytest.mark.parametrize(
    ("find", "resource", "names"),
    [
        pytest.param(
            Configuration.service,
            SHOP,
            [SHOP.name, SHOP.id, SHOP.arn, SHOP.dns_name, "shop.example.com"],
            id="service",
        ),
        pytest.param(
            Configuration.service_network,
            CORP,
            [CORP.name, CORP.id, CORP.arn],
            id="service-network",
        ),
        pytest.param(
            Configuration.target_group,
            GROUP,
            [GROUP.name, GROUP.id, GROUP.arn],
            id="target-group",
        ),
        pytest.param(Configuration.vpc, APP, [APP.name, APP.id, APP.arn], id="vpc"),
        pytest.param(
            Configuration.logged_resource,
            CORP,
            [CORP.name, CORP.id, CORP.arn],
            id="logged",
        ),
    ],
)
def test_resource_goes_by(find: Find, resource: Resource, names: list[str]) -> None:
    """A resource is found by every name that AWS gives it."""
    assert [find(NAMED, name) for name in names] == [resource] * len(names)


@pytest.mark.parametrize(
    ("find", "name", "expected"),
    [
        pytest.param(
            Configuration.service,
            "shpo",
            ["unknown service `shpo`", "did you mean `shop`?"],
            id="service",
        ),
        pytest.param(
            Configuration.service_network,
            "web",
            ["unknown service network `web`", "known: `corp`"],
            id="service-network",
        ),
        pytest.param(
            Configuration.target_group,
            "instance",
            ["unknown target group `instance`", "did you mean `instances`?"],
            id="target-group",
        ),
        pytest.param(
            Configuration.vpc,
            "ap",
            ["unknown VPC `ap`", "did you mean `app`?"],
            id="vpc",
        ),
        pytest.param(
            Configuration.logged_resource,
            "web",
            ["unknown service or service network `web`", "known: `corp`, `shop`"],
            id="logged",
        ),
    ],
)
def test_unknown_name_is_refused(find: Find, name: str, expected: list[str]) -> None:
    """An unknown name is refused, with the nearest one that is declared."""
    assert refused(find, NAMED, name) == expected


def test_value_in_place_of_its_name_is_refused() -> None:
    """Who passes a resource where its name belongs is told the name."""
    assert refused(configured, ServiceNetwork("corp", services=[SHOP]), SHOP)[0] == (  # type: ignore[list-item]  # what is refused
        "unknown service `Service('shop', custom_domain_name='shop.example.com')`"
    )
    assert refused(configured, TargetGroup("instances", vpc=APP), APP) == [  # type: ignore[arg-type]  # what is refused
        "unknown VPC `Vpc('app')`",
        "known: `app`",
    ]


@pytest.mark.parametrize(
    ("find", "kind"),
    [
        (NAMED.service, "service"),
        (NAMED.service_network, "service network"),
        (NAMED.target_group, "target group"),
        (lambda name: NAMED.target_group_of(SHOP, name), "target group"),
        (NAMED.vpc, "VPC"),
        (NAMED.caller, "role or user"),
        (NAMED.logged_resource, "service or service network"),
    ],
)
@pytest.mark.parametrize("name", [[], {}, None, 10**400])
def test_what_is_no_name_names_nothing(
    find: Callable[[Any], object], kind: str, name: object
) -> None:
    """What cannot even be looked up is unknown as any other name is."""
    assert refused(find, name)[0] == f"unknown {kind} `{name}`"


def test_ambiguous_name_is_refused() -> None:
    """A name that two accounts use is not guessed at; the ARNs are shown."""
    one, other = Service("shop", account=ONE), Service("shop", account=OTHER)
    both = configured(one, other)

    assert refused(both.service, "shop") == [
        "service `shop` exists more than once",
        f"use an ARN: {one.arn}, {other.arn}",
    ]
    assert both.service(other.arn) == other
    assert both.service(one.id) == one


def test_resource_goes_by_its_name_in_a_document() -> None:
    """What a document calls a resource is found too, unless AWS has that name."""

    def loaded(name: str, there: str) -> TargetGroup:
        return TargetGroup(name, source=SourceLocation("shop.yaml", 1, there))

    groups = configured(loaded("web", "Blue"), loaded("api", "Service a/web"))
    clash = configured(loaded("web", "api"), loaded("api", "web"))

    assert groups.target_group("Blue").name == "web"
    assert groups.target_group("a/web").name == "api"
    assert clash.target_group("web").name == "web"
    assert refused(groups.target_group, "Bleu") == [
        "unknown target group `Bleu`",
        "did you mean `Blue`?",
    ]


def test_service_finds_its_own_of_groups_that_a_document_calls_alike() -> None:
    """Where a document has one name for several groups, a service means its own."""
    place = SourceLocation("shop.yaml", 1, "Service a/web")
    groups = [TargetGroup(name, source=place) for name in ("one", "two")]
    shop = Service("shop", listeners=[Listener("HTTP", default=Forward("two"))])
    configuration = configured(*groups, shop)

    assert configuration.target_group_of(shop, "a/web").name == "two"
    assert refused(configuration.target_group, "a/web")[0] == (
        "target group `a/web` exists more than once"
    )


def test_ambiguous_vpc_is_refused() -> None:
    """A VPC's name that two accounts use is not guessed at either."""
    one, other = Vpc("app", account=ONE), Vpc("app", account=OTHER)

    assert refused(configured(one, other).vpc, "app") == [
        "VPC `app` exists more than once",
        f"use an ARN: {one.arn}, {other.arn}",
    ]


def test_what_a_document_calls_it_is_a_name_too() -> None:
    """A role goes by its logical id, unless something is named so."""
    place = SourceLocation("shop.yaml", 3, "Checkout")
    named, loaded = Role("Checkout"), Role("shop-Checkout", source=place)

    assert configured(loaded).caller("Checkout") is loaded
    assert configured(named, loaded).caller("Checkout") is named
    assert refused(configured(loaded).caller, "Chekout") == [
        "unknown role or user `Chekout`",
        "did you mean `Checkout`?",
    ]


def test_what_documents_call_the_same_is_ambiguous() -> None:
    """Two values of one logical id have to be told apart by their names."""
    vpcs = [
        Vpc(name, source=SourceLocation(f"{name}.yaml", 1, "Apps"))
        for name in ("one", "other")
    ]
    arns = ", ".join(sorted(vpc.arn for vpc in vpcs))

    assert refused(configured(*vpcs).vpc, "Apps") == [
        "VPC `Apps` exists more than once",
        f"use an ARN: {arns}",
    ]


def test_service_and_network_of_one_name_are_told_apart() -> None:
    """An access log of a name that both have needs the ARN."""
    network, service = ServiceNetwork("shop", services=["shop"]), Service("shop")

    assert refused(configured(network, service).logged_resource, "shop") == [
        "service or service network `shop` exists more than once",
        f"use an ARN: {service.arn}, {network.arn}",
    ]


def test_service_finds_its_own_target_group() -> None:
    """Of groups of one name a service forwards to that of its account and Region."""
    groups = [
        TargetGroup("instances", account=account, region=region)
        for account in (ONE, OTHER)
        for region in ("us-west-2", "eu-west-1")
    ]
    made = configured(*groups)

    for group in groups:
        service = Service("shop", account=group.account, region=group.region)
        assert made.target_group_of(service, "instances") is group


@pytest.mark.parametrize("name", ["default", REAL_ID, "vpc-0a1b2c3d"])
def test_undeclared_vpc_is_taken_as_it_is(name: str) -> None:
    """The default VPC and real ids need no declaration."""
    assert Configuration().vpc(name) == Vpc(name)


def test_declared_vpc_goes_before() -> None:
    """A VPC that is declared is that one, also if it would need no declaration."""
    default = Vpc("default", cidr="10.9.0.0/16")
    real = Vpc(REAL_ID, cidr="10.8.0.0/16")
    made = configured(default, real)

    assert made.vpc("default") == default
    assert made.vpc(REAL_ID) == real


@pytest.mark.parametrize("name", ["default", REAL_ID])
@pytest.mark.parametrize(
    "resource",
    [
        ServiceNetwork("corp", account=ONE, region="eu-west-1"),
        Service("shop", account=ONE, region="eu-west-1"),
    ],
    ids=["service-network", "service"],
)
def test_undeclared_vpc_is_where_the_network_is(resource: Resource, name: str) -> None:
    """What stands in belongs to the account and Region of what is declared."""
    vpc = configured(resource).vpc(name)

    assert vpc == Vpc(name, account=ONE, region="eu-west-1")


# ------------------------------------------------------------------------- associations


def test_without_a_network_one_stands_in() -> None:
    """Where none is declared, one service network reaches every service."""
    made = configured(Service("shop"), Service("cart", account=OTHER))

    (network,) = made.effective_service_networks
    assert (network.name, network.id) == ("default", ServiceNetwork("default").id)
    assert [(name, service) for name, service, _ in pairs(made)] == [
        ("default", "shop"),
        ("default", "cart"),
    ]
    assert [(n.name, v.name) for n, v in made.vpc_pairs()] == [("default", "default")]


def test_declared_network_reaches_what_it_names() -> None:
    """A declared network has its own services and no others."""
    made = configured(Service("shop"), Service("cart"), CORP)

    assert made.effective_service_networks == (CORP,)
    assert pairs(made) == [("corp", "shop", "123456789012")]


def test_a_network_alone_serves_the_default_vpc() -> None:
    """One network without VPCs is for the tests of one VPC, in any Region."""
    network = ServiceNetwork("corp", account=ONE, region="eu-west-1")

    ((found, vpc),) = configured(network).vpc_pairs()
    assert found == network
    assert vpc == Vpc("default", account=ONE, region="eu-west-1")


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        pytest.param(
            [ServiceNetwork("corp", vpcs=["app"]), APP], [("corp", "app")], id="named"
        ),
        pytest.param(
            [ServiceNetwork("corp"), APP, VpcAssociation("corp", "app")],
            [("corp", "app")],
            id="associated",
        ),
        pytest.param(
            [ServiceNetwork("corp", vpcs=[REAL_ID])], [("corp", REAL_ID)], id="real-id"
        ),
        pytest.param(
            [ServiceNetwork("corp"), ServiceNetwork("web")], [], id="two-networks"
        ),
        pytest.param(
            [
                ServiceNetwork("corp", vpcs=["app", "web"]),
                ServiceNetwork("other", vpcs=["default"]),
                APP,
                Vpc("web"),
            ],
            [("corp", "app"), ("corp", "web"), ("other", "default")],
            id="several",
        ),
    ],
)
def test_vpcs_are_associated(
    resources: list[Resource], expected: list[tuple[str, str]]
) -> None:
    """A VPC is associated where it is named, and nowhere else."""
    made = configured(*resources)

    assert [(net.name, vpc.name) for net, vpc in made.vpc_pairs()] == expected


def test_network_finds_the_service_of_its_owner() -> None:
    """Of services of one name a network means that of its own account and Region."""
    services = [
        Service("shop", account=ONE),
        Service("shop", account=OTHER),
        Service("shop", account=OTHER, region="eu-west-1"),
    ]
    network = ServiceNetwork(
        "corp", services=["shop"], account=OTHER, region="eu-west-1"
    )

    ((_, service, account),) = configured(*services, network).service_pairs()
    assert (service, account) == (services[2], OTHER)


def test_visible_services() -> None:
    """An account sees what it owns and what is shared with it."""
    made = configured(
        Service("shop", account=ONE),
        Service("cart", account=OTHER),
        Service("admin", account=OTHER),
        ResourceShare("carts", resources=["cart"], principals=[ONE], account=OTHER),
    )

    assert [each.name for each in made.visible_services(ONE)] == ["shop", "cart"]
    assert [each.name for each in made.visible_services(OTHER)] == ["cart", "admin"]
    assert made.visible_services("333333333333") == ()


# ------------------------------------------------------------------- manners of a value


def test_configurations_are_compared_by_value() -> None:
    """A loaded network can be compared with the one that was meant."""
    made = configured(*EVERYTHING)

    assert made == configured(*EVERYTHING)
    assert hash(made) == hash(configured(*EVERYTHING))
    assert made != configured(*EVERYTHING[:-1])


def test_looking_up_changes_nothing() -> None:
    """What a configuration has looked up is no part of its value."""
    made, again = configured(*EVERYTHING), configured(*EVERYTHING)
    made.vpc("app")
    made.target_group_of(made.service("shop"), "instances")
    assert made.effective_service_networks

    assert made == again
    assert (hash(made), repr(made)) == (hash(again), repr(again))
    assert repr(made).startswith("Configuration(service_networks=(ServiceNetwork(")


def test_what_was_looked_up_does_not_outlive_a_change() -> None:
    """A grown configuration finds what was added, also where it had looked before."""
    before = configured(TargetGroup("instances"))
    assert before.vpc("default") == Vpc("default")
    assert before.effective_service_networks == (ServiceNetwork("default"),)

    network = ServiceNetwork("corp", region="eu-west-1")
    after = before.with_resources([network, Vpc("default", region="eu-west-1")])

    assert after.vpc("default") == Vpc("default", region="eu-west-1")
    assert after.effective_service_networks == (network,)


def test_resources_can_be_changed_and_added_again() -> None:
    """A resource taken from a configuration goes, changed, into a new one."""
    made = configured(*EVERYTHING)
    shop = replace(made.service("shop"), idle_timeout_seconds=120)

    again = configured(
        *(shop if each == made.service("shop") else each for each in EVERYTHING)
    )

    assert again.service("shop").idle_timeout_seconds == 120
    assert again.service("shop").arn == made.service("shop").arn


def test_refusal_is_a_configuration_error() -> None:
    """Everything that is refused before a request is of one kind."""
    with pytest.raises(ConfigurationError):
        configured(Service("shop"), Service("shop"))
