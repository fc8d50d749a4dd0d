"""Resources of the provider in the words of the API, with the provider's defaults."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from pytest_lattice import (
    AccessLogSubscription,
    FixedResponse,
    Forward,
    HeaderMatch,
    LatticeNetwork,
    LatticeWarning,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    load_terraform,
)
from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.model.auth_policy import policy_text
from tests.loaders.terraform.plans import (
    ACCOUNT,
    AFTER,
    FIXED,
    FIXTURES,
    L,
    forward,
    plan,
    resource,
    state,
    to,
)
from tests.model.refusals import refused, said
from tests.shop import OPEN

SERVICE = resource(f"{L}service.orders", {"name": "orders", "id": AFTER, "arn": AFTER})
LISTENER = resource(
    f"{L}listener.orders",
    {
        "name": "https",
        "protocol": "HTTPS",
        "port": AFTER,
        "service_identifier": AFTER,
        "service_arn": AFTER,
        "default_action": FIXED,
    },
    service_identifier=to(f"{L}service.orders.id"),
)
TO_LISTENER = {
    "listener_identifier": to(f"{L}listener.orders.listener_id"),
    "service_identifier": to(f"{L}service.orders.id"),
}


def rule(
    match: list[dict[str, Any]],
    then: list[dict[str, Any]] = FIXED,
    **more: object,
) -> dict[str, Any]:
    """Write a rule of that listener."""
    values = {
        "name": "first",
        "priority": 10,
        "match": match,
        "action": then,
        "listener_identifier": AFTER,
        "service_identifier": AFTER,
    }
    return resource(f"{L}listener_rule.first", values, **TO_LISTENER, **more)


def path(**match: object) -> list[dict[str, Any]]:
    """Write a match of a path."""
    case = {"case_sensitive": match.pop("case", None)}
    return [{"http_match": [{"path_match": [{"match": [match], **case}]}]}]


def loaded_rule(*resources: dict[str, Any], **options: Any) -> Rule:  # noqa: ANN401  # of `plan`
    """Load a plan of one service and give its only rule."""
    made = load_terraform(plan(*resources, **options), accounts=ACCOUNT)
    (service,) = (each for each in made if isinstance(each, Service))
    ((only,),) = (listener.rules for listener in service.listeners)
    return only


def named(**fields: Any) -> Rule:  # noqa: ANN401  # a rule's
    """Make the rule that a test expects."""
    return Rule(10, name="first", action=FixedResponse(404), **fields)


HEADERS = [
    {
        "http_match": [
            {
                "method": "GET",
                "path_match": [],
                "header_matches": [
                    {
                        "name": "x-a",
                        "case_sensitive": None,
                        "match": [{"prefix": "p", "exact": ""}],
                    },
                    {
                        "name": "x-b",
                        "case_sensitive": True,
                        "match": [{"contains": "c"}],
                    },
                ],
            }
        ]
    }
]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (
            path(prefix="/a", exact=None),
            Rule(
                10,
                path_prefix="/a",
                path_case_sensitive=False,
                action=FixedResponse(404),
                name="first",
            ),
        ),
        (
            path(exact="/a", prefix="", case=True),
            named(path="/a"),
        ),
        (
            HEADERS,
            named(
                method="GET",
                headers=[
                    HeaderMatch("x-a", prefix="p"),
                    HeaderMatch("x-b", contains="c", case_sensitive=True),
                ],
            ),
        ),
    ],
    ids=["case-left-out", "case-said", "method-and-headers"],
)
def test_matches(match: list[dict[str, Any]], expected: Rule) -> None:
    """The provider sends `case_sensitive = false` where nothing is written."""
    assert loaded_rule(SERVICE, LISTENER, rule(match)) == expected


GROUPS = [
    resource(f"{L}target_group.{name}", {"name": name, "type": "LAMBDA", "id": AFTER})
    for name in ("one", "two")
]


def weighted(*weights: int | None) -> dict[str, Any]:
    """Write a rule that forwards with weights."""
    groups = [{"target_group_identifier": AFTER, "weight": each} for each in weights]
    action = [{"fixed_response": [], "forward": [{"target_groups": groups}]}]
    references = [
        {"target_group_identifier": to(f"{L}target_group.{name}.id")}
        for name in ("one", "two")
    ]
    return rule(
        path(prefix="/"), action, action=[{"forward": [{"target_groups": references}]}]
    )


def test_weights_left_out_are_100() -> None:
    """The provider's default is 100, for one group as for two."""
    only = loaded_rule(SERVICE, LISTENER, *GROUPS, weighted(None, 50))

    assert only.action == Forward({"one": 100, "two": 50})


def test_weight_0_is_not_sent() -> None:
    """A planned weight 0 is left out of the request, so AWS takes its default."""
    with pytest.warns(LatticeWarning) as caught:
        only = loaded_rule(SERVICE, LISTENER, *GROUPS, weighted(100, 0))

    assert only.action == Forward({"one": 100, "two": 100})
    assert [str(each.message) for each in caught] == [
        (
            "`action[0].forward[0].target_groups[1].weight` is 0, which the provider "
            "does not send, so Lattice takes its default 100; use 1 of 999, or leave "
            f"the target group out (the plan, {L}listener_rule.first)"
        )
    ]


def test_weight_0_that_is_deployed_is_0() -> None:
    """What a plan does not change was read from AWS."""
    only = loaded_rule(SERVICE, LISTENER, *GROUPS, weighted(100, 0), actions=("no-op",))

    assert only.action == Forward({"one": 100, "two": 0})


def test_services_and_networks_without_auth_type_have_none() -> None:
    """`auth_type` is computed where it is left out, and AWS computes NONE."""
    values = {"name": "orders", "auth_type": AFTER, "tags_all": {"team": "shop"}}
    written = plan(
        resource(f"{L}service.orders", values),
        resource(f"{L}service_network.shop", {"name": "shop", "auth_type": AFTER}),
    )

    network, service = load_terraform(written, accounts=ACCOUNT)

    assert network == ServiceNetwork("shop", auth_type="NONE")
    assert service == Service("orders", auth_type="NONE", tags={"team": "shop"})


def test_listener_by_arn_or_by_identifier() -> None:
    """A listener names its service by either attribute; a port left out is AWS's."""
    by_arn = resource(
        f"{L}listener.orders",
        LISTENER["values"],
        service_arn=to(f"{L}service.orders.arn"),
    )

    for each in (LISTENER, by_arn):
        (service,) = load_terraform(plan(SERVICE, each), accounts=ACCOUNT)
        assert isinstance(service, Service)
        assert service.listeners == (
            Listener("HTTPS", default=FixedResponse(404), name="https"),
        )
        assert service.listeners[0].port == 443


def test_what_carries_no_http_is_left_out_with_a_warning() -> None:
    """Five types of the provider have no part in HTTP traffic."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load_terraform(FIXTURES / "everything-state.json")

    assert sorted(str(each.message).split()[0] for each in caught) == [
        f"{L}domain_verification",
        f"{L}resource_configuration",
        f"{L}resource_gateway",
        f"{L}resource_policy",
        f"{L}service_network_resource_association",
    ]


def test_endpoint_of_a_service_network_is_left_out() -> None:
    """It would let clients of its VPC in; other endpoints say nothing of Lattice."""
    kind = "aws_vpc_endpoint"
    written = plan(
        resource(f"{L}service_network.shop", {"name": "shop", "auth_type": "NONE"}),
        resource(f"{kind}.door", {"service_network_arn": AFTER}),
        resource(f"{kind}.s3", {"service_network_arn": None}),
    )
    with pytest.warns(LatticeWarning) as caught:
        loaded = load_terraform(written, accounts=ACCOUNT)

    assert loaded == (ServiceNetwork("shop", auth_type="NONE"),)
    assert [str(each.message) for each in caught] == [
        (
            f"{kind} lets in whom here only an association does, and is left out "
            f"(the plan, {kind}.door)"
        )
    ]


def test_new_types_are_refused_with_the_nearest() -> None:
    """A type of VPC Lattice that is not known here may change who gets in."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        load_terraform(plan(resource(f"{L}servce.x", {"name": "x"})))

    assert said(caught.value) == [
        f"unknown resource type of VPC Lattice `{L}servce` (the plan, {L}servce.x)",
        f"did you mean `{L}service`?",
    ]


def test_new_attributes_are_named_once() -> None:
    """What a newer provider knows of a service is not silently left out."""
    written = plan(
        resource(f"{L}service.a1", {"name": "a-1", "shiny": True, "other": None}),
        resource(f"{L}service.b1", {"name": "b-1", "shiny": True, "new_arn": AFTER}),
    )
    with pytest.warns(LatticeWarning) as caught:
        load_terraform(written, accounts=ACCOUNT)

    assert [str(each.message) for each in caught] == [
        (
            f"attribute `shiny` of {L}service is not modeled, so it is left out "
            f"(the plan, {L}service.a1)"
        )
    ]


@pytest.mark.parametrize(
    ("values", "expressions", "attribute", "example"),
    [
        ({"priority": AFTER}, {"priority": to("local.p")}, "priority", "10"),
        ({"match": AFTER}, {}, "match[0].http_match", "…"),
        ({"match": path(prefix=AFTER)}, {}, "match[0].http_match", "…"),
        ({"action": AFTER}, {}, "action", "…"),
        (
            {"action": [{"forward": [{"target_groups": AFTER}]}]},
            {},
            "action[0].forward[0].target_groups",
            "…",
        ),
        (
            {"action": [{"fixed_response": [{"status_code": AFTER}]}]},
            {},
            "action[0].fixed_response[0].status_code",
            "404",
        ),
    ],
)
def test_what_cannot_be_unknown(
    values: dict[str, Any], expressions: dict[str, Any], attribute: str, example: str
) -> None:
    """The error names resource and attribute, and what to pass."""
    first = rule(path(prefix="/"))
    first["values"] = first["values"] | values
    first["expressions"] |= expressions

    written = plan(SERVICE, LISTENER, first)
    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        f"`{attribute}` is known only after apply (the plan, {L}listener_rule.first)",
        (
            f'say it with values={{"{L}listener_rule.first.{attribute}": '
            f'"{example}"}}, or load the state after apply'
        ),
    ]


def test_dynamic_blocks_are_not_in_a_plan() -> None:
    """Terraform leaves `dynamic` blocks out, so nobody knows what they refer to."""
    blind = rule(path(prefix="/"), forward(AFTER))
    where = "action[0].forward[0].target_groups[0].target_group_identifier"
    written = plan(SERVICE, LISTENER, *GROUPS, blind)

    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        f"`{where}` is known only after apply (the plan, {L}listener_rule.first)",
        (
            f'say it with values={{"{L}listener_rule.first.{where}": "address of '
            f'`{L}target_group`"}}, or load the state after apply'
        ),
        "the plan does not say from which resource; it never does for `dynamic` blocks",
    ]

    made = load_terraform(
        written,
        accounts=ACCOUNT,
        values={f"{L}listener_rule.first.{where}": f"{L}target_group.two"},
    )
    (service,) = (each for each in made if isinstance(each, Service))
    assert service.listeners[0].rules[0].action == Forward({"two": 100})


def test_data_sources_stand_for_what_is_elsewhere() -> None:
    """A service network that is only read has its name, and its policy if read."""
    arn = (
        "arn:aws:vpc-lattice:us-west-2:111122223333:servicenetwork/sn-0123456789abcdef0"
    )
    values = {
        "arn": arn,
        "id": "sn-0123456789abcdef0",
        "name": "hub",
        "auth_type": "AWS_IAM",
    }
    hub = resource(f"data.{L}service_network.hub", values)
    policy = policy_text(OPEN, "it")
    read = resource(
        f"data.{L}auth_policy.hub", {"resource_identifier": arn, "policy": policy}
    )

    with pytest.warns(LatticeWarning) as caught:
        (open_hub,) = load_terraform(state(hub))
    (guarded,) = load_terraform(state(hub, read))

    assert [str(each.message) for each in caught] == [
        (
            f"{L}service_network `hub` has an auth policy that nothing reads here, so "
            f"it lets everybody in; read it with a data source {L}auth_policy "
            f"(the state, data.{L}service_network.hub)"
        )
    ]
    assert isinstance(open_hub, ServiceNetwork)
    assert (open_hub.auth_type, open_hub.account) == ("NONE", "111122223333")
    assert isinstance(guarded, ServiceNetwork)
    assert (guarded.auth_type, guarded.auth_policy) == ("AWS_IAM", policy)


def test_what_is_read_and_managed_is_there_once() -> None:
    """A data source for a VPC that the same state manages adds none."""
    vpc = {"id": "vpc-0123456789abcdef0", "cidr_block": "10.0.0.0/16"}
    made = load_terraform(
        state(resource("data.aws_vpc.main", vpc), resource("aws_vpc.main", vpc)),
        accounts=ACCOUNT,
        regions={"aws": "us-west-2"},
    )

    assert [repr(each) for each in made] == [
        "Vpc('aws_vpc.main', id='vpc-0123456789abcdef0')"
    ]


def test_destinations_of_logs() -> None:
    """A log group that is planned has the ARN that its name gives it."""
    log = {"resource_identifier": AFTER, "destination_arn": AFTER}
    network = {"resource_identifier": to(f"{L}service.orders.arn")}
    group = resource("aws_cloudwatch_log_group.log", {"name": "/shop", "arn": AFTER})

    def destination(**expressions: object) -> object:
        subscription = resource(
            f"{L}access_log_subscription.log", log, **network, **expressions
        )
        *_, made = load_terraform(plan(SERVICE, group, subscription), accounts=ACCOUNT)
        assert isinstance(made, AccessLogSubscription)
        return made.destination

    assert (
        destination(destination_arn=to("aws_cloudwatch_log_group.log.arn"))
        == "arn:aws:logs:us-west-2:123456789012:log-group:/shop:*"
    )
    assert destination() is None


def test_logs_of_resources_are_left_out() -> None:
    """A subscription of type RESOURCE gets no entry of an HTTP request."""
    values = {"resource_identifier": AFTER, "service_network_log_type": "RESOURCE"}
    log = resource(
        f"{L}access_log_subscription.log",
        values,
        resource_identifier=to(f"{L}service.orders.arn"),
    )

    with pytest.warns(LatticeWarning, match="subscription carries no HTTP request"):
        assert len(load_terraform(plan(SERVICE, log), accounts=ACCOUNT)) == 1


def test_explanations_name_the_address() -> None:
    """A person who asks why sees where the rule was written."""
    network = LatticeNetwork()
    network.add(
        *load_terraform(
            plan(SERVICE, LISTENER, rule(path(prefix="/a"))), accounts=ACCOUNT
        )
    )

    decision = network.decide("GET", "https://orders/a")

    assert f"(the plan, {L}listener_rule.first)" in decision.explain()


def test_certificates_that_are_planned_stay_visible() -> None:
    """Free text that is unknown is the reference that it would come from."""
    values = {"name": "orders", "certificate_arn": AFTER, "tags": {"a": AFTER}}
    written = plan(
        resource(
            f"{L}service.orders",
            values,
            certificate_arn=to("aws_acm_certificate.c.arn"),
        )
    )

    (service,) = load_terraform(written, accounts=ACCOUNT)

    assert isinstance(service, Service)
    assert service.certificate_arn == "${aws_acm_certificate.c.arn}"
    assert service.tags == {"a": "(known after apply)"}
