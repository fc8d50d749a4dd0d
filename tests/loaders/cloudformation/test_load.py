"""CloudFormation templates: loaded whole, and run."""

from __future__ import annotations

import json
import re
import warnings
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    AccessLogSubscription,
    CloudFormationStack,
    ConfigurationError,
    FixedResponse,
    Forward,
    HeaderMatch,
    HealthCheck,
    LatticeAssertionError,
    LatticeNetwork,
    LatticeWarning,
    Listener,
    Role,
    Rule,
    Service,
    ServiceNetwork,
    Target,
    TargetGroup,
    Vpc,
    assert_allowed,
    assert_denied,
    assert_logged,
    assert_routed,
    assert_weights,
    load_cloudformation,
)
from pytest_lattice.loaders import reading
from pytest_lattice.loaders.cloudformation.functions import DECIDERS, FUNCTIONS
from pytest_lattice.loaders.cloudformation.template import read_template
from pytest_lattice.loaders.cloudformation.types import TYPES
from tests.model.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.model.configuration import Resource

FIXTURES = Path(__file__).parents[3] / "fixtures" / "cloudformation"
ORDERS = FIXTURES / "orders.yaml"


def network(*resources: Resource) -> LatticeNetwork:
    """Run what was loaded."""
    made = LatticeNetwork()
    made.add(*resources)
    return made


def one(resources: tuple[Resource, ...], kind: type, name: str = "") -> Any:  # noqa: ANN401  # of that kind
    """Find what was loaded."""
    (found,) = [
        each
        for each in resources
        if isinstance(each, kind) and name in ("", getattr(each, "name", ""))
    ]
    return found


# ---- each fixture runs ---------------------------------------------------------


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as the function of a template would."""
    return {"statusCode": 200, "body": event["requestContext"]["targetGroupArn"]}


def path_of(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the path of a V1 event."""
    return {"statusCode": 200, "body": event["raw_path"]}


def test_orders_equal_what_python_would_declare() -> None:
    """A loaded service and its groups are the values that one would write."""
    loaded = load_cloudformation(ORDERS)
    beta = Rule(
        10,
        name="beta",
        method="GET",
        path_prefix="/v2",
        path_case_sensitive=False,
        headers=[HeaderMatch("x-beta", exact="1")],
        action=Forward("orders-canary"),
    )
    internal = Rule(
        20, name="orders-internalrule", path="/internal", action=FixedResponse(404)
    )
    split = Forward({"orders-stable": 90, "orders-canary": 10})
    https = Listener(
        "HTTPS", 443, name="orders-https", default=split, rules=[beta, internal]
    )
    orders = one(loaded, Service)

    assert orders.listeners == (https,)
    assert orders.certificate_arn == "{{resolve:ssm:/certificates/orders}}"
    assert one(loaded, TargetGroup, "orders-stable") == TargetGroup(
        "orders-stable",
        type="IP",
        protocol="HTTP",
        port=8080,
        vpc="Vpc",
        health_check=HealthCheck(
            enabled=True, path="/healthz", interval_seconds=10, matcher="200-299"
        ),
        targets=[Target()],
    )
    assert one(loaded, TargetGroup, "orders-canary") == TargetGroup(
        "orders-canary",
        type="LAMBDA",
        lambda_event_structure_version="V2",
        targets=[
            Target("arn:aws:lambda:us-west-2:123456789012:function:orders-v2:live")
        ],
    )
    assert one(loaded, ServiceNetwork).tags == {"owner": "orders"}


def test_orders_run() -> None:
    """Requests are routed, let in and kept out as the template says."""
    loaded = load_cloudformation(
        ORDERS, targets={"OrdersService": "echo", "OrdersFunction": handler}
    )
    with network(*loaded) as orders:
        checkout = orders.client("orders", role="CheckoutRole")
        auditor = orders.client("orders", role="auditor")
        beta = {"x-beta": "1"}

        responses = [checkout.get("/") for _ in range(100)]
        assert_weights(responses, {"orders-stable": 90, "orders-canary": 10})
        assert_routed(checkout.get("/V2/x", headers=beta), rule="beta")
        assert_routed(checkout.post("/v2/x", headers=beta), rule="default")
        assert_routed(checkout.get("/internal"), rule=20, status=404)
        assert_routed(checkout.get("/Internal"), rule="default")
        assert_allowed(checkout.get("/"), by="CheckoutOnly")
        assert_denied(auditor.get("/"), layer="service")
        assert_denied(orders.client("orders").get("/"), layer="network")


def test_parameters_change_what_runs() -> None:
    """A parameter that is given wins over its default."""
    loaded = load_cloudformation(
        ORDERS,
        parameters={"CanaryWeight": 0, "CertificateArn": "arn:aws:acm:x"},
        stack="live",
    )
    orders = one(loaded, Service)

    assert orders.listeners[0].default.weights == {
        "orders-stable": 90,
        "live-canary": 0,
    }
    assert orders.certificate_arn == "arn:aws:acm:x"


def test_conditions_and_loops_run() -> None:
    """The stage decides on types, weights and policies."""
    dev = load_cloudformation(FIXTURES / "staged.yaml", targets="echo")
    prod = load_cloudformation(
        FIXTURES / "staged.yaml",
        targets="echo",
        parameters={"Stage": "prod", "ReadOnly": "yes", "Teams": "search"},
    )

    assert one(dev, TargetGroup).type == "LAMBDA"
    assert [each.name for each in dev if isinstance(each, Service)] == [
        "search-dev",
        "cart-dev",
    ]
    assert one(prod, ServiceNetwork).tags == {"teams": '{"count":1,"teams":["search"]}'}
    with network(*dev) as stage:
        assert_routed(stage.decide("GET", "http://search-dev/"), to="blue")
        other = stage.client("search-dev").get("http://search-dev:8081/")
        assert_routed(other, rule="default", status=404)
    with network(*prod) as stage:
        stage.role("x", policies=["VPCLatticeServicesInvokeAccess"])
        client, url = stage.client("search-prod", role="x"), "http://search-prod/"
        assert_weights([client.get(url) for _ in range(10)], {"blue": 8, "green": 2})
        assert_denied(client.post(url), layer="network")


def test_stacks_import_from_each_other() -> None:
    """Two stacks are one network, and instances are bound by their logical ids."""

    def second(environ: dict[str, Any], start: Any) -> list[bytes]:  # noqa: ANN401  # WSGI
        start("200 OK", [("content-length", "6")])
        return [b"second"]

    loaded = load_cloudformation(
        FIXTURES / "service.yaml",
        parameters={"NetworkStack": "net"},
        stacks={"net": FIXTURES / "network.yaml"},
        targets={"First": "echo", "Second": second},
    )
    with network(*loaded) as stacks:
        client = stacks.client("Cart", vpc="Vpc")
        bodies = {client.get("/").content == b"second" for _ in range(4)}

    assert bodies == {True, False}
    assert one(loaded, ServiceNetwork).name == "net-network"


def test_serverless_application_runs() -> None:
    """The role that the transform makes is let in; the one without the tag is not."""
    loaded = load_cloudformation(
        FIXTURES / "serverless.yaml", targets={"RatesFunction": path_of}
    )
    with network(*loaded) as rates:
        reader = rates.client("rates", role="ReaderFunctionRole")
        stranger = rates.client("rates", role="StrangerFunctionRole")

        assert_allowed(reader.get("/"), by="TeamRates")
        assert_denied(stranger.get("/"), layer="service")
        assert reader.get("/eur").text == "/eur"


def test_nested_stacks_run() -> None:
    """One template that is used twice makes two services."""
    loaded = load_cloudformation(
        FIXTURES / "nested" / "root.yaml",
        targets={"root.Search.Group": "echo", "root-cart-group": "echo"},
    )
    with network(*loaded) as nested:
        search = nested.client("root-search-service")
        cart = nested.client("root-cart-service")

        assert_routed(search.get("/search"), to="root-search-group", status=200)
        assert_routed(search.get("/cart"), rule="default", status=404)
        assert_routed(cart.get("/cart/1"), to="root-cart-group", status=200)


def test_cloud_assembly_runs() -> None:
    """Tokens lead across stacks and into nested ones; roles go by logical id."""
    loaded = load_cloudformation(
        FIXTURES / "cdk.out", targets={"Shop/Backend/Group": handler}
    )
    shop = one(loaded, Service)
    with network(*loaded) as cdk:
        client = cdk.client("shop-live", role="CallerRoleD4")

        assert_allowed(client.get("/"), by="Caller")
        assert client.get("/").text == one(loaded, TargetGroup).arn
        assert_denied(cdk.client("shop-live").get("/"), layer="service")
    assert (shop.account, shop.region) == ("111122223333", "eu-central-1")
    assert str(shop.source).endswith("cdk.out/Shop.template.json:10, ShopServiceA1")


def test_assembly_takes_parameters_as_cdk_does() -> None:
    """A parameter may name its stack, as on the command line of CDK."""
    folder = FIXTURES / "cdk.out"
    loaded = load_cloudformation(folder, parameters={"shop-live:Stage": "x"})

    assert one(loaded, Service).name == "shop-x"
    assert refused(load_cloudformation, folder, parameters={"Stag": "x"}) == [
        "unknown parameter `Stag`",
        "did you mean `Stage`?",
    ]
    assert refused(load_cloudformation, folder, stack="shop") == [
        "the stacks of a cloud assembly have their names"
    ]


def test_two_accounts_run() -> None:
    """The network of one account is shared with the account of the service."""
    owner, user = "111111111111", "222222222222"
    company = ServiceNetwork("company", account=owner)
    stack = CloudFormationStack(
        FIXTURES / "blueprint" / "network-account.yaml",
        account=owner,
        parameters={"ServiceAccount": user, "OrganizationId": "o-exampleorgid"},
    )
    service = FIXTURES / "blueprint" / "service-account.yaml"
    loaded = load_cloudformation(
        service,
        account=user,
        stacks={"network": stack},
        values={"NetworkLookup.ServiceNetworkArn": company.arn},
        targets={"LedgerFunction": "echo"},
    )
    with network(*loaded) as accounts:
        accounts.role(
            "member",
            org_id="o-exampleorgid",
            policies=["VPCLatticeServicesInvokeAccess"],
        )
        member = accounts.client("ledger", role="member", vpc="ConsumerVpc")
        operator = accounts.client("ledger", role="operator", vpc="ConsumerVpc")

        assert_allowed(member.get("/"), by="OwnOrganization")
        assert_allowed(operator.get("/"), by="NetworkTeam")
        assert_denied(accounts.client("ledger").get("/"), layer="network")

    assert refused(load_cloudformation, service, account=user) == [
        (
            "ServiceNetworkIdentifier is not known before deployment: it is "
            "`{{Fn::Select(1, Fn::Split(/, NetworkLookup.ServiceNetworkArn))}}` "
            f"({service}:20, Association)"
        ),
        'pass values={"NetworkLookup.ServiceNetworkArn": …}',
    ]


def platform() -> dict[str, Any]:
    """Read the template of a platform."""
    text = (FIXTURES / "platform.json").read_text(encoding="utf-8")
    template: dict[str, Any] = json.loads(text)
    return template


def test_platform_runs_without_what_has_no_requests() -> None:
    """What is left out is named, and the rest runs, by load balancer and by fleet."""
    template = platform()
    with pytest.warns(LatticeWarning) as caught:
        loaded = load_cloudformation(
            template, targets={"LoadBalancer": "echo", "Fleet": "echo"}
        )
    with network(*loaded) as running:
        client = running.client("web")
        fleet = client.get("/", headers={"x-fleet": "yes, please"})

        assert_routed(client.get("/"), to="stack-webgroup", status=200)
        assert_routed(fleet, to="stack-fleetgroup", status=200)
        assert_logged(fleet, response_code=200)

    assert [str(each.message).partition(" ")[0] for each in caught] == [
        "AWS::VpcLattice::AccessLogSubscription",
        "AWS::VpcLattice::ResourceGateway",
        "AWS::VpcLattice::ResourceConfiguration",
        "AWS::VpcLattice::ServiceNetworkResourceAssociation",
        "AWS::VpcLattice::ResourcePolicy",
        "AWS::VpcLattice::DomainVerification",
    ]
    assert one(loaded, AccessLogSubscription).destination == (
        "arn:aws:logs:us-west-2:123456789012:log-group:stack-LogGroup:*"
    )
    assert one(loaded, ServiceNetwork).tags == {
        "zone": "{{Fn::Select(0, Fn::GetAZs:us-west-2)}}",
        "subnet": "10.40.1.0/24",
        "note": "b2YgYW1hem9uYXdzLmNvbQ==",
        "password": "{{resolve:secretsmanager:shop:SecretString:password}}",
    }


# ---- the fixtures cover the format ----------------------------------------------


def templates() -> list[Any]:
    """Read all fixtures that are templates."""
    files = [*FIXTURES.rglob("*.yaml"), *FIXTURES.rglob("*.template.json")]
    files.append(FIXTURES / "platform.json")
    return [read_template(file, "").body for file in files]


def keys(node: object) -> Iterator[str]:
    """List all keys of a template, and the types of its resources."""
    if isinstance(node, dict):
        for key, inner in node.items():
            yield key
            if key == "Type" and isinstance(inner, str):
                yield inner
            yield from keys(inner)
    elif isinstance(node, list):
        for each in node:
            yield from keys(each)


def test_fixtures_cover_the_format() -> None:
    """Each type and each function stands in a fixture, and so do the hard parts."""
    read = templates()
    found = {key for template in read for key in keys(template)}
    text = json.dumps(read)
    wanted = {*TYPES, *FUNCTIONS, *DECIDERS} - {"Fn::Transform"}

    assert wanted - found == set()
    assert len(read) >= 8
    for each in (
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
        "DefaultValue",
        "Fn::ForEach::",
        "${!",
        "{{resolve:",
        "NoEcho",
        "AWS::SSM::Parameter::Value",
        "CommaDelimitedList",
        "AWS::Serverless::Function",
        "aws:asset:path",
        "Custom::",
        "DnsEntry.DomainName",
    ):
        assert each in text


# ---- what is refused ------------------------------------------------------------


def load_text(tmp_path: Path, text: str, **given: Any) -> list[str]:  # noqa: ANN401  # as load_cloudformation
    """Load a template that must be refused, and shorten its path."""
    file = tmp_path / "orders.yaml"
    file.write_text(text, encoding="utf-8")
    said = refused(load_cloudformation, file, **given)
    return [each.replace(str(file), "orders.yaml") for each in said]


RULE = """
Resources:
  Orders:
    Type: AWS::VpcLattice::Service
    Properties:
      Name: orders
  Https:
    Type: AWS::VpcLattice::Listener
    Properties:
      ServiceIdentifier: !Ref Orders
      Protocol: HTTPS
      DefaultAction:
        Forward:
          TargetGroups:
            - TargetGroupIdentifier: !Ref Web
  Web:
    Type: AWS::VpcLattice::TargetGroup
    Properties:
      Type: LAMBDA
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "Type: AWS::VpcLattice::Listener",
            "Type: AWS::VpcLattice::Listner",
            [
                (
                    "unknown resource type `AWS::VpcLattice::Listner` "
                    "(orders.yaml:7, Https)"
                ),
                "did you mean `AWS::VpcLattice::Listener`?",
            ],
        ),
        (
            "!Ref Web",
            "!Ref Wbe",
            [
                "unknown resource or parameter `Wbe` (orders.yaml:15, Https)",
                "did you mean `Web`?",
            ],
        ),
        (
            "!Ref Web",
            "!GetAtt Web.DnsName",
            [
                (
                    "unknown attribute of AWS::VpcLattice::TargetGroup `DnsName` "
                    "(orders.yaml:15, Https)"
                ),
                "known: `Arn`, `CreatedAt`, `Id`, `LastUpdatedAt`, `Status`",
            ],
        ),
        (
            "!Ref Web",
            "!Frob Web",
            ["orders.yaml:15: tag `!Frob` is no function of CloudFormation"],
        ),
        (
            "Name: orders",
            "Name: !GetAtt Https.ServiceId",
            [
                (
                    "what refers to what is a circle: `Https` → `Orders` → `Https` "
                    "(orders.yaml:6, Orders)"
                )
            ],
        ),
        (
            "Name: orders",
            "Name: Orders",
            [
                (
                    "service name `Orders` may hold only a-z, 0-9 and single hyphens "
                    "inside (orders.yaml:3, Orders)"
                )
            ],
        ),
        (
            "ServiceIdentifier: !Ref Orders",
            "ServiceIdentifier: svc-0123456789abcdef0",
            [
                "unknown service `svc-0123456789abcdef0` (orders.yaml:7, Https)",
                "known: `Orders`",
            ],
        ),
        (
            "Protocol: HTTPS",
            "Protocol: !Ref Protocol",
            [
                "unknown resource or parameter `Protocol` (orders.yaml:11, Https)",
                (
                    "known: `AWS::AccountId`, `AWS::NotificationARNs`, "
                    "`AWS::Partition`, `AWS::Region`, `AWS::StackId`, "
                    "`AWS::StackName`, `AWS::URLSuffix`, `Https`, `Orders`, `Web`"
                ),
            ],
        ),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, old: str, new: str, said: list[str]
) -> None:
    """Errors say file, line and logical id, and the nearest right name."""
    assert load_text(tmp_path, RULE.replace(old, new)) == said


def test_missing_parameter_is_named(tmp_path: Path) -> None:
    """A parameter without a value matters when a resource asks for it."""
    declared = "Parameters: {Protocol: {Type: String}, Unused: {Type: String}}\n"
    text = RULE.replace("HTTPS", "!Ref Protocol")

    assert load_text(tmp_path, declared + text) == [
        "parameter `Protocol` has no value (orders.yaml:1, Parameters.Protocol)",
        'pass parameters={"Protocol": …}',
    ]
    assert load_text(tmp_path, declared + text, parameters={"Protocol": "HTP"}) == [
        "unknown Protocol `HTP` (orders.yaml:12, Https)",
        "did you mean `HTTP`?",
    ]


def test_bindings_are_checked(tmp_path: Path) -> None:
    """A binding that fits nothing names the nearest; nothing bound may be an error."""
    assert load_text(tmp_path, RULE, targets={"Wbe": "echo"}) == [
        "unknown target group or target `Wbe`",
        "did you mean `Web`?",
    ]
    assert load_text(tmp_path, RULE, strict=True) == [
        "nothing is bound to target group `orders-web` (orders.yaml:16, Web)",
        'bind an app with targets={"orders-web": app}',
    ]


def test_what_is_not_bound_is_an_error_when_asked(tmp_path: Path) -> None:
    """Without strictness, a group that nothing is bound to matters to its callers."""
    file = tmp_path / "orders.yaml"
    file.write_text(RULE, encoding="utf-8")
    with (
        network(*load_cloudformation(file)) as running,
        pytest.raises(ConfigurationError, match="orders-web"),
    ):
        running.client("orders").get("/")


def test_large_file_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 100 MB is refused by its size."""
    monkeypatch.setattr(reading, "LARGEST", 100)

    assert load_text(tmp_path, RULE) == [
        f"`orders.yaml` has {len(RULE)} bytes, more than 100"
    ]


def test_file_that_is_not_there() -> None:
    """A path that leads nowhere is named."""
    assert refused(load_cloudformation, "no/such.yaml") == [
        "`no/such.yaml` cannot be read: No such file or directory"
    ]


def test_arguments_are_mappings_and_text() -> None:
    """An argument of another type is refused in its name."""
    assert refused(load_cloudformation, None) == ["`None` is not a path"]
    assert refused(load_cloudformation, ORDERS, stacks={"a": 1}) == [
        "`1` is not a path"
    ]
    assert refused(load_cloudformation, ORDERS, parameters=["a"]) == [
        "parameters `['a']` are not a mapping"
    ]
    assert refused(load_cloudformation, ORDERS, stack=["a"]) == [
        "stack `['a']` is not text"
    ]


def test_account_and_region_are_checked() -> None:
    """An account is 12 digits."""
    assert refused(load_cloudformation, ORDERS, account="12") == [
        "account `12` is not 12 digits"
    ]


def test_references_that_lead_too_deep_are_refused() -> None:
    """A chain that Python cannot follow is an error of the template."""
    conditions: dict[str, Any] = {
        f"C{number}": {"Fn::Not": [{"Condition": f"C{number + 1}"}]}
        for number in range(2000)
    }
    conditions["C2000"] = {"Fn::Equals": [1, 1]}
    service = {"Type": "AWS::VpcLattice::Service", "Condition": "C0"}
    template = {"Resources": {"Orders": service}, "Conditions": conditions}

    assert refused(load_cloudformation, template) == ["the template refers too deeply"]


def test_nothing_is_loaded_by_halves() -> None:
    """A template is left as it was, whatever becomes of it."""
    template = platform()
    before = deepcopy(template)
    template["Resources"]["Web"]["Properties"]["Nme"] = "x"

    assert refused(load_cloudformation, template)[1] == "did you mean `Name`?"

    del template["Resources"]["Web"]["Properties"]["Nme"]
    assert template == before


def test_values_know_where_they_were_written() -> None:
    """A rule and a role know file, line and logical id."""
    loaded = load_cloudformation(ORDERS)
    rule = one(loaded, Service).listeners[0].rules[0]
    line = re.split("\n", ORDERS.read_text(encoding="utf-8")).index("  BetaRule:") + 1

    assert str(rule.source) == f"{ORDERS}:{line}, BetaRule"
    assert one(loaded, Role, "auditor").source.name == "AuditRole"
    assert one(loaded, Vpc).source.name == "Vpc"


GUARDED = """\
Resources:
  Mall:
    Type: AWS::VpcLattice::ServiceNetwork
    Properties: {Name: mall, AuthType: AWS_IAM}
  MallPolicy:
    Type: AWS::VpcLattice::AuthPolicy
    Properties:
      ResourceIdentifier: !Ref Mall
      Policy:
        Statement:
          - {Sid: Everybody, Effect: Allow, Principal: "*", Action: "*", Resource: "*"}
          - Sid: NoDelete
            Effect: Deny
            Principal: "*"
            Action: "*"
            Resource: "*"
            Condition: {StringEquals: {vpc-lattice-svcs:RequestMethod: DELETE}}
  Orders:
    Type: AWS::VpcLattice::Service
    Properties: {Name: orders, AuthType: AWS_IAM}
  Http:
    Type: AWS::VpcLattice::Listener
    Properties:
      ServiceIdentifier: !Ref Orders
      Protocol: HTTP
      DefaultAction: {FixedResponse: {StatusCode: 404}}
  OrdersPolicy:
    Type: AWS::VpcLattice::AuthPolicy
    Properties:
      ResourceIdentifier: !Ref Orders
      Policy:
        Statement:
          - {Sid: Open, Effect: Allow, Principal: "*", Action: "*", Resource: "*"}
  Link:
    Type: AWS::VpcLattice::ServiceNetworkServiceAssociation
    Properties: {ServiceNetworkIdentifier: !Ref Mall, ServiceIdentifier: !Ref Orders}
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.20.0.0/16}
  Way:
    Type: AWS::VpcLattice::ServiceNetworkVpcAssociation
    Properties: {ServiceNetworkIdentifier: !Ref Mall, VpcIdentifier: !Ref Vpc}
"""


def test_a_denial_names_the_policy_and_where_it_was_written(tmp_path: Path) -> None:
    """Allowed by the service, refused by the network: both policies have a place."""
    template = tmp_path / "mall.yaml"
    template.write_text(GUARDED, encoding="utf-8")
    asked = network(*load_cloudformation(template)).authorize(
        "DELETE", "http://orders/1"
    )

    with pytest.raises(LatticeAssertionError) as caught:
        assert_allowed(asked)
    _, _, steps = str(caught.value).partition("  caller ")
    assert f"  caller {steps}".replace(str(tmp_path), "").splitlines() == [
        "  caller    yes  an anonymous caller",
        (
            "  network   no   auth policy of service network `mall` "
            "(/mall.yaml:5, MallPolicy) denies: Statement[1] `NoDelete`"
        ),
        "    Allow   yes  Statement[0] `Everybody`: allows",
        "    Deny    yes  Statement[1] `NoDelete`: denies",
        (
            "  service   yes  auth policy of service `orders` "
            "(/mall.yaml:27, OrdersPolicy) allows: Statement[0] `Open`"
        ),
        "    Allow   yes  Statement[0] `Open`: allows",
    ]


# ---- any document ----------------------------------------------------------------

_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(
        ["", "Ref", "Orders", "AWS::NoValue", "${Orders.Arn}", "{{resolve:ssm:x}}", "é"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FUNCTIONS, *DECIDERS, "Type", "Name"]), inner, max_size=2
        )
    ),
    max_leaves=5,
)


def places(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401  # JSON
    """List the ways to all values of a document."""
    inner: Any = ()
    if isinstance(node, dict):
        inner = node.items()
    elif isinstance(node, list):
        inner = enumerate(node)
    for key, each in inner:
        yield (*way, key)
        yield from places(each, (*way, key))


WHOLE = [json.loads(json.dumps(template)) for template in templates()]


@settings(deadline=None)
@given(st.data())
def test_any_document_is_loaded_or_refused(data: st.DataObject) -> None:
    """Whatever stands in a template, errors are the document's, never Python's."""
    template = deepcopy(data.draw(st.sampled_from(WHOLE)))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(sorted(places(template), key=str)))
        holder: Any = template
        for key in way:
            holder = holder[key]
        holder[last] = data.draw(_JUNK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        with suppress(ConfigurationError):
            load_cloudformation(template, targets="echo")
