"""Target groups with the provider's defaults, and what stands behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_lattice import HealthCheck, TargetGroup, load_terraform
from tests.loaders.terraform.plans import (
    ACCOUNT,
    AFTER,
    L,
    plan,
    resource,
    state,
    to,
)
from tests.model.refusals import refused

ADDRESS = f"{L}target_group.web"


def group(kind: str, written: object, **more: object) -> dict[str, Any]:
    """Write a target group."""
    values = {"name": "web", "type": kind, "config": written, "id": AFTER, "arn": AFTER}
    return resource(ADDRESS, values, **more)


def loaded(*resources: dict[str, Any]) -> TargetGroup:
    """Load a plan of one target group."""
    made = load_terraform(plan(*resources), accounts=ACCOUNT)
    (found,) = (each for each in made if isinstance(each, TargetGroup))
    return found


#: What the provider writes of a config that does not apply.
ZEROS = {
    "health_check": [],
    "ip_address_type": "",
    "lambda_event_structure_version": "",
    "port": 0,
    "protocol": "",
    "protocol_version": "HTTP1",
    "vpc_identifier": "",
}
VPC = "vpc-0abcdef1"


@pytest.mark.parametrize(
    ("kind", "config", "expected"),
    [
        pytest.param("LAMBDA", [], {}, id="lambda-without-config"),
        pytest.param("LAMBDA", [ZEROS], {}, id="lambda-with-zeros"),
        pytest.param(
            "LAMBDA",
            [ZEROS | {"lambda_event_structure_version": "V2"}],
            {"lambda_event_structure_version": "V2"},
            id="lambda-v2",
        ),
        pytest.param(
            "IP",
            [ZEROS | {"port": 443, "protocol": "TCP", "vpc_identifier": VPC}],
            {"port": 443, "protocol": "TCP", "vpc": VPC},
            id="tcp-has-no-version",
        ),
        pytest.param(
            "ALB",
            [
                ZEROS
                | {
                    "port": 80,
                    "protocol": "HTTP",
                    "vpc_identifier": VPC,
                    "health_check": [{"enabled": True}],
                }
            ],
            {
                "port": 80,
                "protocol": "HTTP",
                "protocol_version": "HTTP1",
                "vpc": VPC,
            },
            id="alb-has-no-check",
        ),
        pytest.param(
            "IP",
            [
                ZEROS
                | {
                    "port": AFTER,
                    "protocol": AFTER,
                    "ip_address_type": AFTER,
                    "vpc_identifier": VPC,
                }
            ],
            {"protocol_version": "HTTP1", "vpc": VPC},
            id="computed",
        ),
    ],
)
def test_configs(kind: str, config: object, expected: dict[str, Any]) -> None:
    """Zero values, which the provider writes everywhere, say nothing."""
    made = replace(loaded(group(kind, config)), targets=())

    assert made == TargetGroup("web", type=kind, **expected)  # type: ignore[arg-type]  # a row's


def test_defaults_of_health_checks() -> None:
    """A `health_check` block has the provider's defaults, AWS's for the rest."""
    config = ZEROS | {
        "port": 80,
        "protocol": "HTTPS",
        "vpc_identifier": VPC,
        "health_check": [{"path": "/up", "port": AFTER, "protocol": AFTER}],
    }

    assert loaded(group("IP", [config])).health_check == HealthCheck(
        enabled=True,
        protocol_version="HTTP1",
        path="/up",
        interval_seconds=30,
        timeout_seconds=5,
        healthy_threshold_count=5,
        unhealthy_threshold_count=2,
        matcher="200",
    )


def test_no_health_check_block_is_awss_default() -> None:
    """Without the block the provider sends nothing."""
    config = ZEROS | {"port": 80, "protocol": "HTTP", "vpc_identifier": VPC}

    assert loaded(group("IP", [config])).health_check is None


@pytest.mark.parametrize(
    ("config", "expressions", "attribute", "example"),
    [
        (AFTER, {}, "config", "…"),
        (
            [{"port": AFTER, "protocol": "HTTP", "vpc_identifier": VPC}],
            {"config": [{"port": to("local.port")}]},
            "config[0].port",
            "80",
        ),
    ],
)
def test_what_cannot_be_unknown(
    config: object, expressions: dict[str, Any], attribute: str, example: str
) -> None:
    """A port that somebody wrote down is not AWS's default."""
    assert refused(loaded, group("IP", config, **expressions)) == [
        f"`{attribute}` is known only after apply (the plan, {ADDRESS})",
        (
            f'say it with values={{"{ADDRESS}.{attribute}": "{example}"}}, or load the '
            "state after apply"
        ),
    ]


def attachment(target: dict[str, object], *references: str) -> dict[str, Any]:
    """Write the attachment of a target."""
    return resource(
        f"{L}target_group_attachment.a",
        {"target_group_identifier": AFTER, "target": [target]},
        target_group_identifier=to(f"{ADDRESS}.arn"),
        target=[{"id": to(*references)}],
    )


def test_targets_have_the_ids_that_are_known() -> None:
    """A literal address, a deployed function, a planned function by its name."""
    config = [{"port": 80, "protocol": "HTTP", "vpc_identifier": VPC}]
    literal = loaded(group("IP", config), attachment({"id": "10.0.0.9", "port": 8080}))
    assert [(each.id, each.port) for each in literal.registered] == [("10.0.0.9", 8080)]

    arn = "arn:aws:lambda:us-west-2:123456789012:function:fn"
    planned = resource("aws_lambda_function.f", {"function_name": "fn", "arn": AFTER})
    by_name = loaded(
        group("LAMBDA", []),
        planned,
        attachment({"id": AFTER, "port": AFTER}, "aws_lambda_function.f.arn"),
    )
    assert [each.id for each in by_name.registered] == [arn]

    instance = resource("aws_instance.i", {"id": AFTER})
    derived = loaded(
        group("INSTANCE", config),
        instance,
        attachment({"id": AFTER}, "aws_instance.i.id"),
    )
    assert derived.registered[0].id.startswith("i-")


def test_auto_scaling_groups_stand_for_their_group() -> None:
    """A traffic source of type vpc-lattice registers what it starts."""
    arn = f"arn:aws:vpc-lattice:us-west-2:123456789012:targetgroup/tg-0{'1' * 16}"
    values = {
        "name": "web",
        "type": "INSTANCE",
        "id": f"tg-0{'1' * 16}",
        "arn": arn,
        "config": [{"port": 80, "protocol": "HTTP", "vpc_identifier": VPC}],
    }
    written = state(
        resource(ADDRESS, values),
        resource(
            "aws_autoscaling_group.web",
            {
                "traffic_source": [
                    {"identifier": arn, "type": "vpc-lattice"},
                    {"identifier": "arn:aws:elasticloadbalancing:x", "type": "elbv2"},
                ]
            },
        ),
    )

    (made,) = load_terraform(written, targets={"aws_autoscaling_group.web": "echo"})

    assert isinstance(made, TargetGroup)
    assert [each.app for each in made.registered] == ["echo"]
