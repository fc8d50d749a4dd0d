"""The configuration compiled for routing."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import Action, FixedResponse, Forward
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.service import Listener, Rule, Service
from pytest_lattice.model.service_network import (
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
)
from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
from pytest_lattice.routing.state import GroupState, State, address_in, compile_state
from tests.routing.build import DEFAULT_VPC_ID, compiled, statuses

OTHER = "222222222222"


def only_group(state: State) -> GroupState:
    """Give the group of the first listener's default action."""
    ((_, network),) = state.networks.values()
    service = network.services["shop"]
    return service.listeners[80].default.groups[0].state


def compiled_group(*resources: Any, **fields: Any) -> GroupState:  # noqa: ANN401  # any field of a group
    """Compile a service that forwards to one target group."""
    group = TargetGroup("instances", **fields)
    listener = Listener("HTTP", default=Forward("instances"))
    return only_group(
        compiled(group, Service("shop", listeners=[listener]), *resources)
    )


# ------------------------------------------------------------------- services and names


def test_service_goes_by_every_name() -> None:
    """A client finds a service by short name, generated name and custom domain name."""
    shop = Service("shop", custom_domain_name="Shop.Example.com")
    ((_, network),) = compiled(shop).networks.values()

    assert set(network.services) == {"shop", shop.dns_name, "shop.example.com"}
    assert {each.service for each in network.services.values()} == {shop}


def test_network_knows_only_its_own_services() -> None:
    """A service is found in the networks that it is associated with, and no others."""
    state = compiled(
        ServiceNetwork("corp", services=["shop"], vpcs=["app"]),
        ServiceNetwork("web", services=["shop", "cart"], vpcs=["edge"]),
        *(Service(name) for name in ("shop", "cart", "admin")),
        Vpc("app"),
        Vpc("edge"),
    )

    names = {
        network.network.name: {each.service.name for each in network.services.values()}
        for _, network in state.networks.values()
    }
    assert names == {"corp": {"shop"}, "web": {"shop", "cart"}}


def test_shared_short_name_is_none() -> None:
    """Two services of one name go by their generated names only."""
    one, other = Service("shop"), Service("shop", account=OTHER)
    state = compiled(
        one,
        other,
        ServiceNetwork("corp", services=["shop"]),
        ResourceShare(
            "shops", resources=["shop"], principals=["123456789012"], account=OTHER
        ),
        ServiceAssociation("corp", other.arn),
    )
    ((_, network),) = state.networks.values()

    assert set(network.services) == {one.dns_name, other.dns_name}


def test_listeners_are_found_by_port() -> None:
    """A service answers on the ports of its listeners."""
    listeners = [
        Listener("HTTP", default=FixedResponse(404)),
        Listener("HTTPS", 8443, default=FixedResponse(404)),
    ]
    ((_, network),) = compiled(Service("shop", listeners=listeners)).networks.values()

    found = network.services["shop"].listeners
    assert {port: each.listener.protocol for port, each in found.items()} == {
        80: "HTTP",
        8443: "HTTPS",
    }


def test_rules_are_resolved() -> None:
    """A rule knows its ARN, the groups behind the names and their weights."""
    listener = Listener(
        "HTTP",
        default=FixedResponse(404),
        rules=[Rule(10, path="/a", action=Forward({"blue": 20, "green": 10}))],
    )
    shop = Service("shop", listeners=[listener])
    blue, green = TargetGroup("blue"), TargetGroup("green")
    ((_, network),) = compiled(shop, green, blue).networks.values()
    found = network.services["shop"].listeners[80]

    (rule,) = found.rules
    assert rule.arn == shop.rule_arn(listener, listener.rules[0])
    assert [each.group for each in rule.groups] == [blue, green]
    assert rule.weights == (20, 10)
    assert (found.default.arn, found.default.groups, found.default.weights) == (
        shop.rule_arn(listener, None),
        (),
        (),
    )
    assert (rule.label, found.default.label) == ("rule 10", "the default rule")


@pytest.mark.parametrize(
    ("action", "weightless", "fixed"),
    [
        (Forward("blue"), False, None),
        (Forward({"blue": 0}), True, None),
        (Forward({"blue": 0, "green": 1}), False, None),
        (Forward({"blue": 0, "green": 0}), True, None),
        (FixedResponse(404), False, FixedResponse(404)),
    ],
    ids=repr,
)
def test_rule_knows_what_needs_no_draw(
    action: Action, fixed: FixedResponse | None, *, weightless: bool
) -> None:
    """What is decided without choosing a target group is known beforehand."""
    shop = Service("shop", listeners=[Listener("HTTP", default=action)])
    state = compiled(shop, TargetGroup("blue"), TargetGroup("green"))
    ((_, network),) = state.networks.values()
    found = network.services["shop"].listeners[80].default

    assert (found.weightless, found.fixed) == (weightless, fixed)


def test_vpcs_have_their_network() -> None:
    """The id of a VPC leads to its network; a VPC without one leads nowhere."""
    state = compiled(
        ServiceNetwork("corp", vpcs=["app"]),
        ServiceNetwork("web"),
        Vpc("app"),
        Vpc("edge"),
    )

    found = {
        vpc_id: network.network.name for vpc_id, (_, network) in state.networks.items()
    }
    assert found == {Vpc("app").id: "corp"}
    assert [each.network.name for each in state.service_networks] == ["corp", "web"]


def test_without_a_network_the_default_vpc_has_one() -> None:
    """Where nothing is declared, the default VPC reaches the network that stands in."""
    assert set(compiled(Service("shop")).networks) == {DEFAULT_VPC_ID}


def test_logs_are_collected() -> None:
    """Each resource whose log is on has its destinations; memory alone is none."""
    shop, cart = Service("shop"), Service("cart")
    file = AccessLogSubscription("shop", destination=Path("a.log"))
    bucket = AccessLogSubscription(shop.id, destination="arn:aws:s3:::shop-logs")
    state = compiled(
        shop,
        cart,
        Service("admin"),
        AccessLogSubscription("shop"),
        file,
        bucket,
        AccessLogSubscription("cart"),
    )

    assert state.logged == {shop.arn: (file, bucket), cart.arn: ()}
    assert state.delivers
    assert not compiled(cart, AccessLogSubscription("cart")).delivers


# ---------------------------------------------------------------- targets and addresses


def test_usable_targets_are_kept_ready() -> None:
    """A group knows all its targets, and those that share the traffic."""
    group = TargetGroup(
        "instances", targets=[Target("i-1"), Target("i-2"), Target("i-3")]
    )
    listener = Listener("HTTP", default=Forward("instances"))
    found = only_group(
        compiled(
            group,
            Service("shop", listeners=[listener]),
            status=statuses({"i-1": "HEALTHY", "i-2": "DRAINING", "i-3": "HEALTHY"}),
        )
    )

    assert [(each.target.id, each.status) for each in found.targets] == [
        ("i-1", "HEALTHY"),
        ("i-2", "DRAINING"),
        ("i-3", "HEALTHY"),
    ]
    assert [each.target.id for each in found.usable] == ["i-1", "i-3"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "IP", "targets": [Target("10.0.0.7")]}, "10.0.0.7:80"),
        ({"type": "IP", "targets": [Target("10.0.0.7", port=8080)]}, "10.0.0.7:8080"),
        (
            {
                "type": "IP",
                "ip_address_type": "IPV6",
                "targets": [Target("fd12::7", port=8080)],
            },
            "[fd12::7]:8080",
        ),
        ({"type": "LAMBDA", "targets": ["echo"]}, "-"),
    ],
    ids=str,
)
def test_ip_port_of_a_target(fields: dict[str, Any], expected: str) -> None:
    """The access log shows address and port, IPv6 in brackets; a function has none."""
    (target,) = compiled_group(**fields).targets

    assert target.ip_port == expected


@pytest.mark.parametrize("kind", ["INSTANCE", "ALB"])
def test_instance_lives_in_its_vpc(kind: str) -> None:
    """An instance has an address of its VPC's range, the same in every run."""
    vpc = Vpc("app", cidr="172.31.0.0/20")
    groups = [
        compiled_group(vpc, type=kind, vpc="app", targets=["echo"]) for _ in range(2)
    ]

    assert groups[0].vpc_id == vpc.id
    assert IPv4Address(groups[0].targets[0].address) in IPv4Network(vpc.cidr)
    assert groups[0].targets[0].ip_port == groups[1].targets[0].ip_port


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"type": "LAMBDA"}, True),
        ({"protocol_version": "HTTP2"}, False),
        ({"protocol_version": "GRPC"}, False),
    ],
    ids=str,
)
def test_group_that_takes_http1(fields: dict[str, Any], *, expected: bool) -> None:
    """A group of HTTP1 is told from others; a function is called like one."""
    group = TargetGroup("instances", **fields)
    listener = Listener("HTTPS", 80, default=Forward("instances"))
    state = compiled(group, Service("shop", listeners=[listener]))

    assert only_group(state).is_http1 is expected


def test_function_lives_in_no_vpc() -> None:
    """A Lambda group has no VPC to show in the access log."""
    assert compiled_group(type="LAMBDA", targets=["echo"]).vpc_id == "-"


@given(
    size=st.integers(16, 28),
    subnet=st.integers(0, 255),
    key=st.text(max_size=5),
)
def test_derived_address_is_a_hosts(size: int, subnet: int, key: str) -> None:
    """A derived address is none that AWS reserves: not the first four, not the last."""
    network = IPv4Network(f"10.{subnet}.0.0/{size}")

    address = IPv4Address(address_in(str(network), key))

    assert address in network
    assert int(address) - int(network.network_address) >= 4
    assert int(network.broadcast_address) - int(address) >= 1


def test_derived_address_never_changes() -> None:
    """Users' snapshots hold addresses, so a release must not derive other ones."""
    assert address_in("10.0.0.0/16", "i-1") == "10.0.6.95"


# ------------------------------------------------------------------ what stays the same

SHOP = Service(
    "shop",
    listeners=[
        Listener(
            "HTTP",
            default=Forward({"blue": 1, "green": 1}),
            rules=[Rule(1, path="/", action=Forward("red"))],
        )
    ],
)
CART = Service("cart", listeners=[Listener("HTTP", default=Forward("grey"))])


def unhealthy(name: str) -> Callable[[TargetGroup, Target], TargetStatus]:
    """Let the targets of one group be unhealthy."""
    return lambda group, _: "UNHEALTHY" if group.name == name else "HEALTHY"


def test_what_did_not_change_stays_compiled() -> None:
    """A service that is the same value, with the same groups, keeps its state."""
    names = ("blue", "green", "red", "grey")
    groups = [TargetGroup(name, targets=["echo"]) for name in names]
    configuration = Configuration().with_resources([*groups, SHOP, CART])
    healthy = unhealthy("none")
    before = compile_state(configuration, healthy)
    same = compile_state(configuration, healthy, before)
    one = compile_state(configuration, unhealthy("red"), before)
    changed = configuration.with_changed([replace(CART, tags={"a": "b"})])
    other = compile_state(changed, healthy, before)

    assert all(same.services[arn] is state for arn, state in before.services.items())
    assert all(same.groups[arn] is state for arn, state in before.groups.items())
    assert one.services[CART.arn] is before.services[CART.arn]
    assert one.services[SHOP.arn] is not before.services[SHOP.arn]
    assert other.services[SHOP.arn] is before.services[SHOP.arn]
    assert other.services[CART.arn].service.tags == {"a": "b"}


_STATUSES = st.fixed_dictionaries(
    {
        name: st.sampled_from(["HEALTHY", "UNHEALTHY", "DRAINING"])
        for name in ("blue", "green", "red", "grey")
    }
)


def shape(state: State) -> object:
    """Write a state down, whoever compiled it."""
    return [
        (
            service.service,
            [
                (
                    rule.arn,
                    rule.weights,
                    [group_shape(each.state) for each in rule.groups],
                )
                for listener in service.listeners.values()
                for rule in (*listener.rules, listener.default)
            ],
            [group_shape(each.state) for each in service.groups],
        )
        for service in state.services.values()
    ]


def group_shape(group: GroupState) -> object:
    """Write a target group down."""
    targets = [(each.target, each.address, each.status) for each in group.targets]
    return group.group, group.vpc_id, targets, [each.target for each in group.usable]


@given(
    st.lists(
        st.tuples(_STATUSES, st.booleans(), st.booleans(), st.booleans()), max_size=5
    )
)
def test_compiling_from_before_is_compiling_anew(
    changes: list[tuple[dict[str, TargetStatus], bool, bool, bool]],
) -> None:
    """What was taken from the state before is what would have been compiled."""
    vpc_id = "vpc-0123456789abcdef0"
    groups = [
        TargetGroup(name, targets=["echo"], vpc=vpc_id if name == "blue" else "default")
        for name in ("blue", "green", "red", "grey")
    ]
    configuration = Configuration().with_resources([*groups, SHOP, CART])
    state: State | None = None
    for now, changed, another, declared in changes:
        if changed:
            configuration = configuration.with_changed(
                [replace(SHOP, tags={"now": str(now)})]
            )
        if another and not configuration.service_networks:
            # Another owner: the VPC that stands in is another one, too.
            early = Service("early", account="000000000001")
            if early not in configuration.services:
                configuration = configuration.with_resources([early])
        if declared and not configuration.vpcs:
            vpc = Vpc(vpc_id, cidr="10.9.0.0/16")
            configuration = configuration.with_resources([vpc])

        def status(group: TargetGroup, _: Target) -> TargetStatus:
            return now[group.name]  # noqa: B023  # called before the next turn

        state = compile_state(configuration, status, state)
        assert shape(state) == shape(compile_state(configuration, status))
