"""Parts of a document, put together to the values of the model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    AccessLogSubscription,
    FixedResponse,
    Forward,
    HeaderMatch,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Role,
    Rule,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    Target,
    TargetGroup,
    Vpc,
    VpcAssociation,
    assert_routed,
)
from pytest_lattice.loaders.assembly import Part, assemble
from pytest_lattice.model.names import identifier
from pytest_lattice.model.service_network import ResourceShare
from pytest_lattice.model.source import SourceLocation
from tests.model.refusals import refused
from tests.shop import OPEN

if TYPE_CHECKING:
    from pytest_lattice.loaders.assembly import Kind

ACCOUNT, REGION = "123456789012", "us-west-2"
NET, SHOP = ServiceNetwork("shops").arn, Service("shop").arn
ARNS = {"service network": {"shops": NET}, "service": {"shop": SHOP}}
PREFIXES = {"service": "svc", "service network": "sn", "target group": "tg"}


def part(kind: Kind, logical: str, *, line: int = 1, **values: Any) -> Part:  # noqa: ANN401  # a document's
    """Write a part as a loader would."""
    name = values.get("name", "")
    prefix = PREFIXES.get(kind)
    own = identifier(prefix, ACCOUNT, REGION, name) if prefix else f"id-{logical}"
    return Part(
        kind,
        values,
        SourceLocation("shop.yaml", line, logical),
        id=own,
        arn=ARNS.get(kind, {}).get(name, f"arn:{logical}"),
        names=(logical,),
    )


FORWARD = {
    "forward": {"targetGroups": [{"targetGroupIdentifier": "arn:Web", "weight": 3}]}
}
NOT_FOUND = {"fixedResponse": {"statusCode": 404}}
RULE = part(
    "rule",
    "V2",
    line=42,
    name="new",
    priority=10,
    listenerIdentifier="arn:Https",
    serviceIdentifier=SHOP,
    match={
        "httpMatch": {
            "method": "GET",
            "pathMatch": {"match": {"prefix": "/v2"}, "caseSensitive": False},
            "headerMatches": [{"name": "x-beta", "match": {"exact": "1"}}],
        }
    },
    action=FORWARD,
)
PARTS = (
    part("service network", "Net", name="shops", authType="AWS_IAM"),
    part("VPC", "Apps", name="Apps", cidr="10.1.0.0/16"),
    part(
        "target group",
        "Web",
        name="web",
        type="INSTANCE",
        config={
            "protocol": "HTTP",
            "port": 8080,
            "vpcIdentifier": "id-Apps",
            "healthCheck": {
                "enabled": True,
                "path": "/health",
                "healthyThresholdCount": 0,
                "matcher": {"httpCode": "200-299"},
            },
        },
        targets=[{"id": "i-0123456789abcdef0", "names": ("WebInstance",)}],
    ),
    part("service", "Shop", name="shop", idleTimeoutSeconds=90),
    part(
        "listener",
        "Https",
        name="https",
        protocol="HTTPS",
        serviceIdentifier=SHOP,
        defaultAction=NOT_FOUND,
    ),
    RULE,
    part("auth policy", "Policy", resourceIdentifier=NET, policy=OPEN),
    part(
        "service association",
        "Link",
        serviceIdentifier=SHOP,
        serviceNetworkIdentifier=NET,
    ),
    part(
        "VPC association",
        "Way",
        vpcIdentifier="id-Apps",
        serviceNetworkIdentifier=NET,
    ),
    part("access log subscription", "Log", resourceIdentifier=NET),
)


def test_parts_become_the_values_that_python_would_declare() -> None:
    """Listeners, rules, policies and checks are where they belong, names resolved."""
    network = ServiceNetwork("shops", auth_type="AWS_IAM", auth_policy=OPEN)
    rule = Rule(
        10,
        name="new",
        method="GET",
        path_prefix="/v2",
        path_case_sensitive=False,
        headers=[HeaderMatch("x-beta", exact="1")],
        action=Forward({"web": 3}),
    )
    https = Listener("HTTPS", name="https", default=FixedResponse(404), rules=[rule])
    shop = Service("shop", listeners=[https], auth_type="NONE", idle_timeout_seconds=90)

    assert assemble(PARTS, callers=[Role("checkout")]) == (
        network,
        Vpc("Apps", cidr="10.1.0.0/16"),
        TargetGroup(
            "web",
            protocol="HTTP",
            port=8080,
            vpc="Apps",
            health_check=HealthCheck(enabled=True, path="/health", matcher="200-299"),
            targets=[Target("i-0123456789abcdef0")],
        ),
        shop,
        ServiceAssociation(network.arn, shop.arn),
        VpcAssociation(network.arn, "Apps"),
        AccessLogSubscription(network.arn),
        Role("checkout"),
    )


def test_values_know_where_they_were_written() -> None:
    """Each value has its place, and so has each rule inside."""
    made = assemble(PARTS)
    shop = next(each for each in made if isinstance(each, Service))

    assert [str(getattr(each, "source", None)) for each in made][:2] == [
        "shop.yaml:1, Net",
        "shop.yaml:1, Apps",
    ]
    assert str(shop.listeners[0].rules[0].source) == "shop.yaml:42, V2"


def test_vpc_keeps_an_id_of_ec2() -> None:
    """The id that a document knows is the VPC's; anything else only finds it."""
    real = "vpc-0123456789abcdef0"
    known = replace(part("VPC", "Apps", name="Apps"), id=real)

    assert assemble([known]) == (Vpc("Apps", id=real),)
    assert assemble([replace(known, id="Apps")]) == (Vpc("Apps"),)


def test_outside_network_stands_in() -> None:
    """A network of another account that is only named is there, and shared."""
    owner, network_id = "999999999999", "sn-0123456789abcdef0"
    arn = f"arn:aws:vpc-lattice:{REGION}:{owner}:servicenetwork/{network_id}"
    link = part(
        "service association",
        "Link",
        serviceIdentifier=SHOP,
        serviceNetworkIdentifier=arn,
    )
    shop = part("service", "Shop", name="shop")

    assert assemble([shop, link]) == (
        ServiceNetwork(network_id, id=network_id, account=owner),
        ResourceShare(network_id, resources=[arn], principals=[ACCOUNT], account=owner),
        Service("shop", auth_type="NONE"),
        ServiceAssociation(arn, SHOP),
    )


def test_outside_network_is_one_however_it_is_named() -> None:
    """By id or ARN it is the same, and shared with every account that names it."""
    owner, network_id = "999999999999", "sn-0123456789abcdef0"
    arn = f"arn:aws:vpc-lattice:{REGION}:{owner}:servicenetwork/{network_id}"
    links = [
        replace(
            part(
                "service association",
                f"Link{number}",
                serviceIdentifier=SHOP,
                serviceNetworkIdentifier=named,
            ),
            account=account,
        )
        for number, (named, account) in enumerate(
            [(network_id, ACCOUNT), (arn, "222222222222"), (arn, owner)]
        )
    ]

    network, share, *_ = assemble([part("service", "Shop", name="shop"), *links])

    assert network == ServiceNetwork(network_id, id=network_id, account=owner)
    assert share == ResourceShare(
        network_id,
        resources=[arn],
        principals=[ACCOUNT, "222222222222"],
        account=owner,
    )


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            [part("rule", "V2", listenerIdentifier="arn:Htps")],
            [
                "unknown listener `arn:Htps` (shop.yaml:1, V2)",
                "no listener is declared",
            ],
        ),
        (
            [
                part("service", "Shop", name="shop"),
                part("listener", "Https", serviceIdentifier="Shopp"),
            ],
            ["unknown service `Shopp` (shop.yaml:1, Https)", "did you mean `Shop`?"],
        ),
        (
            [part("auth policy", "Policy", resourceIdentifier="arn:No", policy=OPEN)],
            [
                "unknown service or service network `arn:No` (shop.yaml:1, Policy)",
                "no service or service network is declared",
            ],
        ),
        (
            [
                part("service", "Shop", name="shop"),
                part("auth policy", "A", resourceIdentifier=SHOP, policy=OPEN),
                part("auth policy", "B", resourceIdentifier=SHOP, policy=OPEN),
            ],
            [
                (
                    "service `shop` has two auth policies; the other is shop.yaml:1, A "
                    "(shop.yaml:1, B)"
                )
            ],
        ),
        (
            [part("service", "Shop", name="Shop")],
            [
                (
                    "service name `Shop` may hold only a-z, 0-9 and single hyphens "
                    "inside (shop.yaml:1, Shop)"
                )
            ],
        ),
    ],
)
def test_what_is_refused(parts: list[Part], said: list[str]) -> None:
    """What has no holder, and what the model refuses, is named with its place."""
    assert refused(assemble, parts) == said


def test_explanations_name_the_place() -> None:
    """A red assertion says in which file the rule that matched was written."""
    with LatticeNetwork() as network:
        open_parts = [replace(PARTS[0], values={"name": "shops"}), *PARTS[1:]]
        network.add(*assemble(open_parts, targets="echo"))
        client = network.client("shop", vpc="Apps")
        response = client.get("/v2/cart", headers={"x-beta": "1"})
        with pytest.raises(AssertionError) as failure:
            assert_routed(response, rule="default")

    text = str(failure.value)
    assert "rule 10 `new` (shop.yaml:42, V2)" in text
    assert "`shop` (shop.yaml:1, Shop) by its generated DNS name" in text
