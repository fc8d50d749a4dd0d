"""The fourteen types: what CloudFormation takes, and how it differs from the API."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice.loaders.cloudformation.text import Text
from pytest_lattice.loaders.cloudformation.types import TYPES
from tests.loaders.cloudformation.templates import PLACE
from tests.model.refusals import refused

SERVICE = "svc-0123456789abcdef0"
LISTENER = "listener-0123456789abcdef0"
GROUP = "tg-0123456789abcdef0"


def read(kind: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # a template's
    """Read the properties of a Lattice type."""
    full = f"AWS::VpcLattice::{kind}"
    return TYPES[full].read(properties, full, PLACE)


def rule(http: object, **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # a template's
    """Read the properties of a rule."""
    given = {
        "Priority": 1,
        "Action": {"FixedResponse": {"StatusCode": 404}},
        "Match": {"HttpMatch": http},
        "ListenerIdentifier": LISTENER,
        "ServiceIdentifier": SERVICE,
    }
    return read("Rule", **{**given, **properties})


def test_there_are_fourteen() -> None:
    """A type that AWS adds is an unknown one until it is added here."""
    assert len(TYPES) == 14


def test_case_is_not_sensitive_unless_said() -> None:
    """CloudFormation's default is false for paths and headers; the API's is not."""
    http = {
        "PathMatch": {"Match": {"Prefix": "/a"}},
        "HeaderMatches": [{"Name": "x", "Match": {"Exact": "1"}}],
    }
    said = {
        "PathMatch": {"Match": {"Prefix": "/a"}, "CaseSensitive": "true"},
        "HeaderMatches": [
            {"Name": "x", "Match": {"Exact": "1"}, "CaseSensitive": True}
        ],
    }

    left_out, given = (rule(each)["match"]["httpMatch"] for each in (http, said))

    assert left_out["pathMatch"]["caseSensitive"] is False
    assert left_out["headerMatches"][0]["caseSensitive"] is False
    assert given["pathMatch"]["caseSensitive"] is True
    assert given["headerMatches"][0]["caseSensitive"] is True


def test_auth_type_is_none_unless_said() -> None:
    """Without a type there is no authorization, policy or not."""
    assert read("Service") == {"authType": "NONE"}
    assert read("ServiceNetwork", AuthType="AWS_IAM") == {"authType": "AWS_IAM"}


def test_targets_know_what_they_refer_to() -> None:
    """An id that is not known yet is left out, and the target has its names."""
    targets = read(
        "TargetGroup",
        Type="INSTANCE",
        Targets=[
            {"Id": "i-1", "Port": "80"},
            {"Id": Text("{{Web}}", ("Web",), "x")},
            {"Id": Text("i-2", ("Id",))},
            {"Id": Text("{{resolve:ssm:/id}}", (), "x")},
        ],
    )["targets"]

    assert targets == [
        {"id": "i-1", "port": 80},
        {"names": ("Web",)},
        {"id": "i-2", "names": ("Id",)},
        {"names": ("{{resolve:ssm:/id}}",)},
    ]


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        (
            "TargetGroup",
            {"Type": "INSTANCE", "Port": 80},
            [
                "unknown property of AWS::VpcLattice::TargetGroup `Port`",
                "it belongs below `Config`: Config: {Port: …}",
            ],
        ),
        (
            "TargetGroup",
            {"Type": "INSTANCE", "HealthCheck": {}},
            [
                "unknown property of AWS::VpcLattice::TargetGroup `HealthCheck`",
                "it belongs below `Config`: Config: {HealthCheck: …}",
            ],
        ),
        (
            "TargetGroup",
            {"Type": "INSTANCE", "Targts": []},
            [
                "unknown property of AWS::VpcLattice::TargetGroup `Targts`",
                "did you mean `Targets`?",
            ],
        ),
        (
            "TargetGroup",
            {
                "Type": "INSTANCE",
                "Config": {"HealthCheck": {"HealthyThresholdCount": 1}},
            },
            [
                (
                    "Config.HealthCheck.HealthyThresholdCount `1` is not a whole "
                    "number from 2 to 10"
                )
            ],
        ),
        ("TargetGroup", {}, ["AWS::VpcLattice::TargetGroup needs `Type`"]),
        (
            "ServiceNetwork",
            {"SharingConfig": {"Enabled": True}},
            [
                "unknown property of SharingConfig `Enabled`",
                "did you mean `enabled`?",
            ],
        ),
        (
            "Listener",
            {
                "Protocol": "HTTP",
                "ServiceIdentifier": SERVICE,
                "DefaultAction": {
                    "Forward": {"TargetGroups": [{"TargetGroupIdentifier": "web"}]}
                },
            },
            [
                (
                    "DefaultAction.Forward.TargetGroups[0].TargetGroupIdentifier `web` "
                    "is no id or ARN of a target group"
                ),
                "refer to one of the template: !Ref or !GetAtt X.Arn",
            ],
        ),
        (
            "AccessLogSubscription",
            {"ResourceIdentifier": SERVICE},
            ["AWS::VpcLattice::AccessLogSubscription needs `DestinationArn`"],
        ),
        (
            "ResourceConfiguration",
            {
                "Name": "abc",
                "ResourceConfigurationType": "SINGLE",
                "ResourceConfigurationDefinition": {},
            },
            [
                (
                    "ResourceConfigurationDefinition takes one of `IpResource`, "
                    "`ArnResource`, `DnsResource`, `CidrResource`, not 0"
                )
            ],
        ),
    ],
)
def test_type_refuses(kind: str, properties: dict[str, Any], said: list[str]) -> None:
    """What CloudFormation refuses is refused, with the way to the right one."""
    first, *notes = refused(read, kind, **properties)

    assert [first.removesuffix(" (shop, Asking)"), *notes] == said


@pytest.mark.parametrize(
    ("http", "said"),
    [
        (
            {"Method": "PATCH"},
            [
                "unknown Match.HttpMatch.Method `PATCH`",
                (
                    "known: `CONNECT`, `DELETE`, `GET`, `HEAD`, `OPTIONS`, `POST`, "
                    "`PUT`, `TRACE`"
                ),
                (
                    "CloudFormation refuses it, though the API takes it: match the "
                    "path only, or let the target tell methods apart"
                ),
            ],
        ),
        (
            {"PathMatch": {"Match": {"Exact": f"/{'a' * 128}"}}},
            ["Match.HttpMatch.PathMatch.Match.Exact has 129 characters, not 1 to 128"],
        ),
        (
            {"HeaderMatches": [{"Name": "x" * 41, "Match": {"Exact": "1"}}]},
            ["Match.HttpMatch.HeaderMatches[0].Name has 41 characters, not 1 to 40"],
        ),
        (
            {"HeaderMatches": [{"Name": "x", "Match": {"Exact": "1"}}] * 6},
            ["Match.HttpMatch.HeaderMatches has 6 items, not 0 to 5"],
        ),
        (
            {"PathMatch": {"Match": {"Exact": "/a", "Prefix": "/a"}}},
            ["Match.HttpMatch.PathMatch.Match takes one of `Exact`, `Prefix`, not 2"],
        ),
    ],
)
def test_match_is_narrower_than_in_the_api(http: object, said: list[str]) -> None:
    """Methods and lengths are those of CloudFormation."""
    first, *notes = refused(rule, http)

    assert [first.removesuffix(" (shop, Asking)"), *notes] == said


def test_longest_values_pass() -> None:
    """The limits themselves are fine."""
    http = {
        "Method": "TRACE",
        "PathMatch": {"Match": {"Exact": f"/{'a' * 127}"}},
        "HeaderMatches": [{"Name": "x" * 40, "Match": {"Exact": "1" * 128}}] * 5,
    }

    assert rule(http, Priority="2000")["priority"] == 2000
