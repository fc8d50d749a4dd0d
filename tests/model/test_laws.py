"""What must hold between resources; one table of breaches and one of what is fine."""

from pathlib import Path

import pytest

from pytest_lattice.model import laws
from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import (
    Action,
    FixedResponse,
    Forward,
    WeightedTargetGroup,
)
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.configuration import Configuration, Resource
from pytest_lattice.model.fault import Fault
from pytest_lattice.model.service import Listener, ListenerProtocol, Rule, Service
from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
)
from pytest_lattice.model.target_group import Target, TargetGroup
from tests.model.refusals import refused

ONE, OTHER, THIRD = "111111111111", "222222222222", "333333333333"
UNIT = "ou-ab12-exampleou1"
GROUP = TargetGroup("instances")
FUNCTIONS = TargetGroup("functions", type="LAMBDA", targets=["echo"])
TCP = TargetGroup("raw", protocol="TCP")
HTTP2 = TargetGroup("modern", protocol_version="HTTP2")
GRPC = TargetGroup("grpc", protocol_version="GRPC")


def forwarding(
    *target_groups: str,
    name: str = "shop",
    protocol: ListenerProtocol = "HTTPS",
    region: str = "us-west-2",
) -> Service:
    """Make a service that forwards to the given groups."""
    action = Forward(dict.fromkeys(target_groups, 1))
    domain = f"{name}.example.com" if protocol == "TLS_PASSTHROUGH" else None
    return Service(
        name,
        listeners=[Listener(protocol, default=action)],
        custom_domain_name=domain,
        region=region,
    )


def ruled(action: Action) -> Service:
    """Make a service with a rule beside the default action."""
    rules = [Rule(10, path="/a", action=action)]
    return Service(
        "shop", listeners=[Listener("HTTPS", default=FixedResponse(404), rules=rules)]
    )


def corp(
    *services: str, account: str = ONE, region: str = "us-west-2"
) -> ServiceNetwork:
    """Make the service network of one account."""
    return ServiceNetwork("corp", services=services, account=account, region=region)


def shop(account: str = ONE, region: str = "us-west-2") -> Service:
    """Make a service of one account."""
    return Service("shop", account=account, region=region)


def share(resource: str, principal: str, account: str = ONE) -> ResourceShare:
    """Share one resource with one principal."""
    return ResourceShare(
        f"{resource}-share",
        resources=[resource],
        principals=[principal],
        account=account,
    )


def domains(*names: str) -> list[Resource]:
    """Make services with custom domain names."""
    return [
        Service(f"service-{n}", custom_domain_name=name)
        for n, name in enumerate(names, start=1)
    ]


ORGANIZATION = Organization(
    "o-exampleorgid", accounts=[ONE, OTHER], units={UNIT: [OTHER]}
)
FUNCTION_FAULTS = (
    "a function can be late, answer a status, be throttled, crash or time out"
)
NOT_SHARED = (
    "cannot associate service `shop` with service network `corp`: "
    f"service `shop` of account {OTHER} is not shared with account {ONE}"
)

ONE_OF_EACH = "one of each type: VPC Lattice answers a second ConflictException"
LOG_GROUP = f"arn:aws:logs:us-west-2:{ONE}:log-group:lattice"
STREAM = f"arn:aws:firehose:us-west-2:{ONE}:deliverystream/lattice"

BREACHES: dict[str, tuple[list[Resource], list[str]]] = {
    # ----- names are unique
    "service-twice": (
        [shop(), shop()],
        [f"service `shop` already exists in account {ONE}, us-west-2"],
    ),
    "service-network-twice": (
        [corp(), corp()],
        [f"service network `corp` already exists in account {ONE}, us-west-2"],
    ),
    "target-group-twice": (
        [GROUP, TargetGroup("instances", port=8080)],
        ["target group `instances` already exists in account 123456789012, us-west-2"],
    ),
    "vpc-twice": (
        [Vpc("app"), Vpc("app", cidr="10.1.0.0/16")],
        ["VPC `app` already exists in account 123456789012, us-west-2"],
    ),
    "share-twice": (
        [shop(), share("shop", OTHER), share("shop", THIRD)],
        ["resource share `shop-share` already exists"],
    ),
    "organization-twice": (
        [ORGANIZATION, ORGANIZATION],
        ["organization `o-exampleorgid` already exists"],
    ),
    "caller-twice": (
        [User("ann"), User("ann")],
        ["caller `arn:aws:iam::123456789012:user/ann` already exists"],
    ),
    "role-in-other-case": (
        [Role("reader"), Role("Reader", session="other")],
        [
            (
                "role `arn:aws:iam::123456789012:role/Reader` has the name of "
                "`arn:aws:iam::123456789012:role/reader`"
            ),
            "names of roles are unique in an account, whatever their case and path",
        ],
    ),
    "user-with-another-path": (
        [User("ann"), User("ann", path="/a/")],
        [
            (
                "user `arn:aws:iam::123456789012:user/a/ann` has the name of "
                "`arn:aws:iam::123456789012:user/ann`"
            ),
            "names of users are unique in an account, whatever their case and path",
        ],
    ),
    # ----- actions reach target groups
    "unknown-group": (
        [forwarding("instance"), GROUP],
        ["unknown target group `instance`", "did you mean `instances`?"],
    ),
    "unknown-group-in-a-rule": (
        [ruled(Forward("functions")), GROUP],
        ["unknown target group `functions`", "known: `instances`"],
    ),
    "no-group-at-all": (
        [forwarding("instances")],
        ["unknown target group `instances`", "no target group is declared"],
    ),
    "group-of-another-region": (
        [forwarding("instances", region="eu-west-1"), GROUP],
        [
            (
                "service `shop` of account 123456789012, eu-west-1 cannot forward "
                "to target group `instances` of account 123456789012, us-west-2"
            )
        ],
    ),
    "group-of-another-account": (
        [forwarding("instances"), TargetGroup("instances", account=OTHER)],
        [
            (
                "service `shop` of account 123456789012, us-west-2 cannot forward "
                f"to target group `instances` of account {OTHER}, us-west-2"
            )
        ],
    ),
    "group-of-two-services": (
        [forwarding("instances"), forwarding("instances", name="cart"), GROUP],
        [
            (
                "target group `instances` is used by services `shop` and `cart`; "
                "AWS allows one"
            )
        ],
    ),
    "group-by-name-and-by-arn": (
        [
            ruled(
                Forward(
                    [
                        WeightedTargetGroup("instances", 1),
                        WeightedTargetGroup(GROUP.arn, 2),
                    ]
                )
            ),
            GROUP,
        ],
        [
            (
                "listener `https-443` of service `shop` forwards to target group "
                "`instances` twice"
            )
        ],
    ),
    "passthrough-to-http": (
        [forwarding("instances", protocol="TLS_PASSTHROUGH"), GROUP],
        [
            (
                "listener `tls-passthrough-443` of service `shop` cannot forward to "
                "target group `instances`: TLS_PASSTHROUGH and TCP go only with "
                "each other"
            )
        ],
    ),
    "https-to-tcp": (
        [forwarding("raw"), TCP],
        [
            (
                "listener `https-443` of service `shop` cannot forward to target group "
                "`raw`: TLS_PASSTHROUGH and TCP go only with each other"
            )
        ],
    ),
    "http-to-tcp": (
        [forwarding("raw", protocol="HTTP"), TCP],
        [
            (
                "listener `http-80` of service `shop` cannot forward to target group "
                "`raw`: TLS_PASSTHROUGH and TCP go only with each other"
            )
        ],
    ),
    "http-to-http2": (
        [forwarding("modern", protocol="HTTP"), HTTP2],
        [
            (
                "listener `http-80` of service `shop` cannot forward to target group "
                "`modern`: HTTP2 needs an HTTPS listener"
            )
        ],
    ),
    "http-to-grpc": (
        [forwarding("grpc", protocol="HTTP"), GRPC],
        [
            (
                "listener `http-80` of service `shop` cannot forward to target group "
                "`grpc`: GRPC needs an HTTPS listener"
            )
        ],
    ),
    # ----- target groups live in VPCs
    "unknown-vpc-of-a-group": (
        [TargetGroup("instances", vpc="ap"), Vpc("app")],
        ["unknown VPC `ap`", "did you mean `app`?"],
    ),
    # ----- services are associated
    "unknown-service": (
        [corp("shpo"), shop()],
        ["unknown service `shpo`", "did you mean `shop`?"],
    ),
    "unknown-network": (
        [shop(), corp(), ServiceAssociation("crop", "shop", account=ONE)],
        ["unknown service network `crop`", "did you mean `corp`?"],
    ),
    "service-associated-twice": (
        [shop(), corp("shop", "shop")],
        ["cannot associate service `shop` with service network `corp` twice"],
    ),
    "service-associated-both-ways": (
        [shop(), corp("shop"), ServiceAssociation("corp", "shop", account=ONE)],
        ["cannot associate service `shop` with service network `corp` twice"],
    ),
    "service-of-another-region": (
        [shop(region="eu-west-1"), corp("shop")],
        [
            (
                "cannot associate service `shop` with service network `corp`: "
                "the service is in eu-west-1, the service network in us-west-2"
            )
        ],
    ),
    "service-not-shared": ([shop(OTHER), corp("shop")], [NOT_SHARED]),
    "service-shared-with-another": (
        [shop(OTHER), corp("shop"), share("shop", THIRD, OTHER)],
        [NOT_SHARED],
    ),
    "service-shared-with-the-owners-unit-only": (
        [shop(OTHER), corp("shop"), ORGANIZATION, share("shop", UNIT, OTHER)],
        [NOT_SHARED],
    ),
    "network-not-shared": (
        [shop(), corp(account=OTHER), ServiceAssociation("corp", "shop", account=ONE)],
        [
            (
                "cannot associate service `shop` with service network `corp`: "
                f"service network `corp` of account {OTHER} "
                f"is not shared with account {ONE}"
            )
        ],
    ),
    "consumer-of-both-sides": (
        [
            shop(),
            corp(account=OTHER),
            share("shop", THIRD),
            share("corp", THIRD, OTHER),
            ServiceAssociation("corp", "shop", account=THIRD),
        ],
        [
            (
                "cannot associate service `shop` with service network `corp`: "
                f"account {THIRD} owns neither"
            ),
            "the association's account says who creates it",
        ],
    ),
    "share-of-another-account": (
        [shop(OTHER), share("shop", THIRD)],
        [
            (
                f"resource share `shop-share`: account {ONE} "
                "owns no service or service network `shop`"
            )
        ],
    ),
    "share-of-nothing": (
        [shop(), share("cart", THIRD)],
        [
            (
                f"resource share `cart-share`: account {ONE} "
                "owns no service or service network `cart`"
            )
        ],
    ),
    # ----- VPCs are associated
    "unknown-vpc": (
        [ServiceNetwork("corp", vpcs=["ap"]), Vpc("app")],
        ["unknown VPC `ap`", "did you mean `app`?"],
    ),
    "vpc-in-two-networks": (
        [
            ServiceNetwork("corp", vpcs=["app"]),
            ServiceNetwork("web", vpcs=["app"]),
            Vpc("app"),
        ],
        [
            (
                "cannot associate VPC `app` with service network `web` "
                "and with `corp`; AWS allows one"
            )
        ],
    ),
    "vpc-twice-in-a-network": (
        [
            ServiceNetwork("corp", vpcs=["app"]),
            VpcAssociation("corp", "app"),
            Vpc("app"),
        ],
        ["cannot associate VPC `app` with service network `corp` twice"],
    ),
    "vpc-by-name-and-by-id": (
        [
            ServiceNetwork("corp", vpcs=["app"]),
            ServiceNetwork("web", vpcs=[Vpc("app").id]),
            Vpc("app"),
        ],
        [
            (
                "cannot associate VPC `app` with service network `web` "
                "and with `corp`; AWS allows one"
            )
        ],
    ),
    "vpc-of-another-region": (
        [ServiceNetwork("corp", vpcs=["app"]), Vpc("app", region="eu-west-1")],
        [
            (
                "cannot associate VPC `app` with service network `corp`: "
                "the VPC is in eu-west-1, the service network in us-west-2"
            )
        ],
    ),
    "vpc-of-another-account": (
        [
            ServiceNetwork("corp", vpcs=["app"], account=ONE),
            Vpc("app", account=OTHER),
        ],
        [
            (
                "cannot associate VPC `app` with service network `corp`: "
                f"service network `corp` of account {ONE} "
                f"is not shared with account {OTHER}"
            )
        ],
    ),
    # ----- custom domain names
    "domain-twice": (
        domains("api.example.com", "api.example.com"),
        [
            (
                "services `service-1` and `service-2` in service network `default` "
                "share the custom domain name `api.example.com`"
            )
        ],
    ),
    "domain-in-other-case": (
        domains("api.example.com", "API.example.com"),
        [
            (
                "services `service-1` and `service-2` in service network `default` "
                "share the custom domain name `API.example.com`"
            )
        ],
    ),
    # ----- access logs
    "log-of-nothing": (
        [shop(), AccessLogSubscription("shpo")],
        ["unknown service or service network `shpo`", "did you mean `shop`?"],
    ),
    "two-files": (
        [
            shop(),
            AccessLogSubscription("shop", destination=Path("a.log")),
            AccessLogSubscription("shop", destination=Path("b.log")),
        ],
        ["`shop` has two access log subscriptions to a file", ONE_OF_EACH],
    ),
    "twice-in-memory": (
        [shop(), AccessLogSubscription("shop"), AccessLogSubscription(shop().arn)],
        [f"`{shop().arn}` has two access log subscriptions in memory", ONE_OF_EACH],
    ),
    "two-buckets": (
        [
            shop(),
            AccessLogSubscription("shop", destination="arn:aws:s3:::one-bucket"),
            AccessLogSubscription(shop().id, destination="arn:aws:s3:::other/logs"),
        ],
        [f"`{shop().id}` has two access log subscriptions to S3", ONE_OF_EACH],
    ),
    "a-log-group-twice": (
        [
            shop(),
            AccessLogSubscription("shop", destination=LOG_GROUP),
            AccessLogSubscription("shop", destination=f"{LOG_GROUP}:*"),
        ],
        ["`shop` has two access log subscriptions to CloudWatch Logs", ONE_OF_EACH],
    ),
    "two-streams": (
        [
            shop(),
            AccessLogSubscription("shop", destination=f"{STREAM}-1"),
            AccessLogSubscription("shop", destination=f"{STREAM}-2"),
        ],
        ["`shop` has two access log subscriptions to Firehose", ONE_OF_EACH],
    ),
    # ----- faults have targets
    "fault-of-unknown-group": (
        [GROUP, Fault("instance", "refused")],
        ["unknown target group `instance`", "did you mean `instances`?"],
    ),
    "fault-of-unknown-target": (
        [
            TargetGroup("instances", targets=[Target("i-old", app="echo")]),
            Fault("instances", "refused", target="i-odl"),
        ],
        ["unknown target `i-odl`", "did you mean `i-old`?"],
    ),
    "fault-twice": (
        [GROUP, Fault("instances", latency=1), Fault("instances", latency=1.0)],
        ["`Fault('instances', latency=1.0)` is declared twice"],
    ),
    "function-fault-of-a-server": (
        [GROUP, Fault("instances", "throttled")],
        [
            (
                "`Fault('instances', 'throttled')` does not go with target group "
                "`instances`, which is of type INSTANCE"
            ),
            "only functions are throttled, crash or time out",
        ],
    ),
    "server-fault-of-a-function": (
        [FUNCTIONS, Fault("functions", "refused")],
        [
            (
                "`Fault('functions', 'refused')` does not go with target group "
                "`functions`, which is of type LAMBDA"
            ),
            FUNCTION_FAULTS,
        ],
    ),
    "slow-body-of-a-function": (
        [FUNCTIONS, Fault("functions", chunk_delay=1)],
        [
            (
                "`Fault('functions', chunk_delay=1)` does not go with target group "
                "`functions`, which is of type LAMBDA"
            ),
            FUNCTION_FAULTS,
        ],
    ),
}

FINE: dict[str, list[Resource]] = {
    "nothing": [],
    "one-name-in-two-accounts": [shop(ONE), shop(OTHER)],
    "one-name-in-two-regions": [shop(), shop(region="eu-west-1")],
    "one-name-for-two-kinds": [shop(), ServiceNetwork("shop"), TargetGroup("shop")],
    "one-name-for-role-and-user": [Role("ann"), User("Ann")],
    "one-role-in-two-accounts": [Role("ann"), Role("Ann", account=OTHER)],
    "two-sessions-of-one-role": [Role("ann"), Role("ann", session="other")],
    "group-of-two-rules": [
        Service(
            "shop",
            listeners=[
                Listener("HTTP", default=Forward("instances")),
                Listener(
                    "HTTPS",
                    default=Forward("instances"),
                    rules=[Rule(10, path="/a", action=Forward("instances"))],
                ),
            ],
        ),
        GROUP,
    ],
    "passthrough-to-tcp": [forwarding("raw", protocol="TLS_PASSTHROUGH"), TCP],
    "https-to-http2": [forwarding("modern"), HTTP2],
    "https-to-grpc": [forwarding("grpc"), GRPC],
    "http-to-https": [
        forwarding("secure", protocol="HTTP"),
        TargetGroup("secure", protocol="HTTPS"),
    ],
    "http-to-lambda": [
        forwarding("functions", protocol="HTTP"),
        TargetGroup("functions", type="LAMBDA"),
    ],
    "group-by-id": [forwarding(GROUP.id), GROUP],
    "group-by-arn": [forwarding(GROUP.arn), GROUP],
    "unused-group": [GROUP, TCP, GRPC],
    "service-in-two-networks": [
        shop("123456789012"),
        ServiceNetwork("corp", services=["shop"]),
        ServiceNetwork("web", services=["shop"]),
    ],
    "service-shared-with-an-account": [
        shop(OTHER),
        corp("shop"),
        share("shop", ONE, OTHER),
    ],
    "service-shared-with-an-organization": [
        shop(OTHER),
        corp("shop"),
        ORGANIZATION,
        share("shop", "o-exampleorgid", OTHER),
    ],
    "service-shared-with-a-unit": [
        shop(ONE),
        corp("shop", account=OTHER),
        ORGANIZATION,
        share("shop", UNIT, ONE),
    ],
    "network-shared-with-the-service-owner": [
        shop(),
        corp(account=OTHER),
        share("corp", ONE, OTHER),
        ServiceAssociation("corp", "shop", account=ONE),
    ],
    "service-owner-lets-the-network-owner": [
        shop(),
        corp(account=OTHER),
        share("shop", OTHER),
        ServiceAssociation("corp", "shop", account=OTHER),
    ],
    "network-shared-with-the-vpc-owner": [
        ServiceNetwork("corp", vpcs=["app"], account=ONE),
        Vpc("app", account=OTHER),
        share("corp", OTHER),
    ],
    "two-vpcs-with-one-range": [
        ServiceNetwork("corp", vpcs=["app", "web"]),
        Vpc("app"),
        Vpc("web"),
    ],
    "one-domain-in-two-networks": [
        *domains("api.example.com", "api.example.com"),
        ServiceNetwork("corp", services=["service-1"]),
        ServiceNetwork("web", services=["service-2"]),
    ],
    "services-of-many-owners-without-a-network": [
        shop(),
        Service("cart", account=OTHER, region="eu-west-1"),
    ],
    "one-log-to-each-type": [
        shop(),
        AccessLogSubscription("shop", destination=LOG_GROUP),
        AccessLogSubscription("shop", destination="arn:aws:s3:::one-bucket"),
        AccessLogSubscription("shop", destination=STREAM),
        AccessLogSubscription("shop", destination=Path("a.log")),
        AccessLogSubscription("shop"),
    ],
    "logs-of-service-and-network": [
        shop(),
        corp("shop"),
        AccessLogSubscription("shop"),
        AccessLogSubscription("corp"),
    ],
    "log-of-the-network-that-stands-in": [shop(), AccessLogSubscription("default")],
    "faults-of-one-group": [
        GROUP,
        Fault("instances", latency=1),
        Fault("instances", latency=2),
        Fault(GROUP.arn, "refused", times=1),
    ],
    "faults-of-a-function": [
        FUNCTIONS,
        Fault("functions", "crashed", times=1),
        Fault("functions", latency=1),
        Fault("functions", status=500),
    ],
}


@pytest.mark.parametrize(("resources", "expected"), BREACHES.values(), ids=BREACHES)
def test_breach_is_refused(resources: list[Resource], expected: list[str]) -> None:
    """What AWS would not accept together is refused, naming the culprit."""
    assert refused(Configuration().with_resources, resources) == expected


@pytest.mark.parametrize("resources", FINE.values(), ids=FINE)
def test_neighbor_of_a_breach_is_fine(resources: list[Resource]) -> None:
    """What looks similar and is legal is accepted."""
    laws.check(Configuration().with_resources(resources))


def test_no_group_moves_between_calls() -> None:
    """A target group that is used cannot be taken by a service added later."""
    first = Configuration().with_resources([forwarding("instances"), GROUP])

    assert refused(first.with_resources, [forwarding("instances", name="cart")]) == [
        "target group `instances` is used by services `shop` and `cart`; AWS allows one"
    ]
