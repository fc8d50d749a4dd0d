"""Policies: what they do where they are attached, and that nothing is silent."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import (
    AccessLogSubscription,
    Service,
    ServiceNetwork,
    VpcAssociation,
)
from tests.loaders.gateway_api.cluster import (
    GATEWAY_API,
    all_of,
    gateway,
    loaded,
    manifest,
    noted,
    only,
    policy,
    route,
    running,
    service,
)
from tests.model.refusals import refused

ALLOW = (
    '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", '
    '"Resource": "*"}]}'
)
DENY = ALLOW.replace("Allow", "Deny")
BUCKET = "arn:aws:s3:::shop-logs"
CLUSTER = (gateway(), route(), service())


def auth(
    name: str = "auth", target: str = "HTTPRoute/web", text: str = ALLOW
) -> dict[str, Any]:
    """Write an IAMAuthPolicy."""
    return policy("IAMAuthPolicy", name, target, policy=text)


@pytest.mark.parametrize(
    ("target", "layers"),
    [
        ("Gateway/shops", ("AWS_IAM", "NONE")),
        ("HTTPRoute/web", ("NONE", "AWS_IAM")),
    ],
)
def test_auth_policy_switches_authentication_on(
    target: str, layers: tuple[str, str]
) -> None:
    """It is that of the service network or of the service, and counts at once."""
    made = loaded(*CLUSTER, auth(target=target, text=DENY), targets="echo")
    network, found = only(ServiceNetwork, made), only(Service, made)

    assert (network.auth_type, found.auth_type) == layers
    assert running(made).client("web-default").get("/").status_code == 403


def test_without_a_policy_everybody_may_call() -> None:
    """Authentication is off where no policy is attached."""
    made = loaded(*CLUSTER, targets="echo")

    assert running(made).client("web-default").get("/").status_code == 200


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (auth(target="HTTPRoute/wbe"), "there is no HTTPRoute `default/wbe`"),
        (auth(target="GRPCRoute/web"), "there is no GRPCRoute `default/web`"),
        (auth(target="Gateway/mesh"), "there is no Gateway `default/mesh`"),
        (
            auth(target="TLSRoute/web"),
            f"it takes no target of kind {GATEWAY_API}/TLSRoute",
        ),
        (auth(target="Service/web"), "it takes no target of kind Service"),
        (
            policy("TargetGroupPolicy", "auth", "Service/wbe"),
            "there is no Service `default/wbe`",
        ),
        (
            policy("TargetGroupPolicy", "auth", "HTTPRoute/web"),
            f"it takes no target of kind {GATEWAY_API}/HTTPRoute",
        ),
        (
            policy("TargetGroupPolicy", "auth", "Service/idle"),
            "no route names Service `default/idle`",
        ),
        (
            policy("VpcAssociationPolicy", "auth", "HTTPRoute/web"),
            f"it takes no target of kind {GATEWAY_API}/HTTPRoute",
        ),
        (
            policy("AccessLogPolicy", "auth", "HTTPRoute/wbe", destinationArn=BUCKET),
            "there is no HTTPRoute `default/wbe`",
        ),
    ],
)
def test_policy_that_does_nothing_is_noted(written: dict[str, Any], why: str) -> None:
    """A target that is not there, or of a wrong kind, is a warning with the place."""
    notices, made = noted(*CLUSTER, service("idle"), written)
    kind = written["kind"]

    assert notices == [
        f"{kind} `default/auth` does nothing: {why} (manifests[4], {kind} default/auth)"
    ]
    assert only(Service, made).auth_type == "NONE"


def test_policy_of_another_namespace_is_noted() -> None:
    """A policy is attached inside its own namespace only."""
    written = auth()
    written["spec"]["targetRef"]["namespace"] = "apps"
    notices, _ = noted(*CLUSTER, written)

    assert notices == [
        (
            "IAMAuthPolicy `default/auth` does nothing: HTTPRoute `web` is of another "
            "namespace (manifests[3], IAMAuthPolicy default/auth)"
        )
    ]


@pytest.mark.parametrize(
    ("created", "winner", "loser"), [("", "a", "b"), ("2026-01-01T00:00:00Z", "b", "a")]
)
def test_of_two_policies_the_older_counts(
    created: str, winner: str, loser: str
) -> None:
    """The order is by age, which only a cluster knows, and then by name."""
    first, second = auth("a"), auth("b")
    if created:
        first["metadata"]["creationTimestamp"] = "2026-02-01T00:00:00Z"
        second["metadata"]["creationTimestamp"] = created
    notices, _ = noted(*CLUSTER, second, first)

    assert [each.partition(" (")[0] for each in notices] == [
        (
            f"IAMAuthPolicy `default/{loser}` does nothing: HTTPRoute `default/web` "
            f"has `{winner}` already"
        )
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "{",
            (
                "policy of IAMAuthPolicy `default/auth` is not JSON: line 1, column 2: "
                "expecting property name enclosed in double quotes"
            ),
        ),
        ("", "spec.policy is missing"),
    ],
)
def test_bad_auth_policy_is_refused(text: str, line: str) -> None:
    """The place of the policy is named, not that of the service."""
    found = refused(loaded, *CLUSTER, auth(text=text))

    assert found[0] == f"{line} (manifests[3], IAMAuthPolicy default/auth)"


def test_policy_without_a_target_is_refused() -> None:
    """What a policy is about cannot be guessed."""
    written = manifest("IAMAuthPolicy", "auth", {"policy": ALLOW})

    assert refused(loaded, *CLUSTER, written) == [
        "spec.targetRef.kind is missing (manifests[3], IAMAuthPolicy default/auth)"
    ]


def test_two_policies_of_one_network_are_refused() -> None:
    """Gateways of one name are one network, which has one policy."""
    other = gateway(namespace="apps")
    theirs = auth(target="Gateway/shops")
    theirs["metadata"]["namespace"] = "apps"
    found = refused(loaded, *CLUSTER, other, auth(target="Gateway/shops"), theirs)

    assert found == [
        (
            "service network `shops` has two auth policies; the other is "
            "manifests[4], IAMAuthPolicy default/auth "
            "(manifests[5], IAMAuthPolicy apps/auth)"
        )
    ]


# ------------------------------------------------------------------------------- VPCs


def test_vpc_policy_associates_the_vpc_of_the_cluster() -> None:
    """The VPC is the one that the call names; security groups are checked only."""
    written = policy(
        "VpcAssociationPolicy", "vpc", "Gateway/shops", securityGroupIds=["sg-1"]
    )
    made = loaded(*CLUSTER, written, vpc="vpc-0123456789abcdef0")
    network = only(ServiceNetwork, made)

    assert only(VpcAssociation, made) == VpcAssociation(
        network.arn, "vpc-0123456789abcdef0"
    )
    assert refused(
        loaded,
        *CLUSTER,
        policy("VpcAssociationPolicy", "vpc", "Gateway/shops", securityGroupIds=[1]),
    ) == [
        (
            "spec.securityGroupIds holds `1`, which is no text "
            "(manifests[3], VpcAssociationPolicy default/vpc)"
        )
    ]


def test_vpc_that_stays_out_is_noted() -> None:
    """Without an association of its own a test would be let in by default."""
    written = policy(
        "VpcAssociationPolicy", "vpc", "Gateway/shops", associateWithVpc=False
    )
    notices, made = noted(*CLUSTER, written)

    assert all_of(VpcAssociation, made) == []
    assert notices == [
        (
            "VpcAssociationPolicy `default/vpc` keeps the VPC of the cluster out of "
            "service network `shops`; declare a VpcAssociation for the VPC of the "
            "clients (manifests[3], VpcAssociationPolicy default/vpc)"
        )
    ]


# ------------------------------------------------------------------------ access logs


def subscriptions(
    *written: dict[str, Any],
) -> tuple[list[str], list[tuple[str, object]]]:
    """Return the notices, and resource and destination of each subscription."""
    notices, made = noted(*CLUSTER, *written)
    names = {each.arn: each.name for each in all_of(Service, made)}
    names |= {each.arn: each.name for each in all_of(ServiceNetwork, made)}
    running(made)
    return notices, [
        (names[each.resource], each.destination)
        for each in all_of(AccessLogSubscription, made)
    ]


def logs(name: str, destination: str, target: str = "Gateway/shops") -> dict[str, Any]:
    """Write an AccessLogPolicy."""
    return policy("AccessLogPolicy", name, target, destinationArn=destination)


def test_log_policies_subscribe_networks_and_services() -> None:
    """Each type of destination may be there once for each of them."""
    group = "arn:aws:logs:us-west-2:123456789012:log-group:shops:*"

    assert subscriptions(
        logs("a", BUCKET), logs("b", group), logs("c", BUCKET, "HTTPRoute/web")
    ) == ([], [("shops", BUCKET), ("shops", group), ("web-default", BUCKET)])


def test_second_destination_of_a_type_is_noted() -> None:
    """AWS refuses the second one, so its policy does nothing."""
    notices, found = subscriptions(
        logs("a", BUCKET), logs("b", "arn:aws:s3:::other-logs")
    )

    assert found == [("shops", BUCKET)]
    assert notices == [
        (
            "AccessLogPolicy `default/b` does nothing: Gateway `shops` logs to s3 by "
            "`a` already (manifests[4], AccessLogPolicy default/b)"
        )
    ]


def test_log_policy_without_a_destination_is_refused() -> None:
    """Where entries go cannot be guessed."""
    assert refused(subscriptions, policy("AccessLogPolicy", "a", "Gateway/shops")) == [
        "spec.destinationArn is missing (manifests[3], AccessLogPolicy default/a)"
    ]


def test_destination_that_aws_has_not_is_refused() -> None:
    """The place of the policy is named."""
    found = refused(subscriptions, logs("a", "arn:aws:sqs:us-west-2:123456789012:q"))

    assert found[0].endswith("(manifests[3], AccessLogPolicy default/a)")
    assert "sqs" in found[0]
