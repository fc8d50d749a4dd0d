"""What resources mean by each other, and what they are called."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import Service, Vpc, load_terraform
from pytest_lattice.loaders.terraform.document import UNKNOWN, Instance, read_document
from pytest_lattice.loaders.terraform.links import (
    Links,
    Shared,
    at,
    expression_at,
)
from pytest_lattice.loaders.terraform.owners import Owners
from tests.loaders.terraform.plans import (
    ACCOUNT,
    AFTER,
    L,
    plan,
    resource,
    to,
)
from tests.model.refusals import refused

NEW = {"id": AFTER, "arn": AFTER}
SERVICES = frozenset({f"{L}service"})
ACCESS = f"{L}auth_policy.p"


def links(*resources: dict[str, Any]) -> Links:
    """Read a plan and give its links."""
    document = read_document(plan(*resources))
    return Links(document, Owners(document, ACCOUNT, {}), Shared())


def follow(*resources: dict[str, Any]) -> Instance | str | None:
    """Find what the policy's resource is."""
    found = links(*resources)
    instance = found.document.instances[ACCESS]
    return found.follow(instance, "resource_identifier", SERVICES)


def service(label: str, **values: object) -> dict[str, Any]:
    """Write a service."""
    return resource(f"{L}service.{label}", {"name": "orders", **NEW, **values})


def access(identifier: object, *references: str) -> dict[str, Any]:
    """Write the policy of a service."""
    written = {"resource_identifier": to(*references)} if references else {}
    return resource(ACCESS, {"resource_identifier": identifier}, **written)


@pytest.mark.parametrize("identifier", ["svc-01111111111111111", f"{L}service.a"])
def test_known_identifiers_find_their_resource(identifier: str) -> None:
    """By id, and by address, which is what `values=` may say."""
    found = follow(service("a", id="svc-01111111111111111"), access(identifier))

    assert isinstance(found, Instance)
    assert found.address == f"{L}service.a"


def test_what_is_elsewhere_stays_text() -> None:
    """An id that nobody here has is passed on; one that is not set is nothing."""
    assert follow(access("svc-02222222222222222")) == "svc-02222222222222222"
    assert follow(access(None)) is None
    assert follow(access("")) is None


@pytest.mark.parametrize(
    ("references", "why"),
    [
        (
            ["local.service"],
            "it comes from `local.service`, which a plan does not explain",
        ),
        (
            [f"{L}service.a.id", f"{L}service.b.id"],
            f"it may be `{L}service.a` or `{L}service.b`",
        ),
        (
            [f"{L}service.{name}.id" for name in "abcde"],
            (
                f"it may be `{L}service.a` or `{L}service.b` or `{L}service.c` "
                "or 2 others"
            ),
        ),
        (
            [],
            (
                "the plan does not say from which resource; it never does for "
                "`dynamic` blocks"
            ),
        ),
    ],
)
def test_unclear_references_say_why(references: list[str], why: str) -> None:
    """The error names attribute, resource, what to pass, and what the plan has."""
    services = [service(name, name=f"s-{name}") for name in "abcde"]

    assert refused(follow, *services, access(AFTER, *references)) == [
        f"`resource_identifier` is known only after apply (the plan, {ACCESS})",
        (
            f'say it with values={{"{ACCESS}.resource_identifier": "address of '
            f'`{L}service`"}}, or load the state after apply'
        ),
        why,
    ]


def test_names_that_nobody_knows_yet() -> None:
    """Without its name a service has no id, and nothing stands in for it."""
    written = plan(service("a", name=AFTER))

    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        f"`name` is known only after apply (the plan, {L}service.a)",
        (
            f'say it with values={{"{L}service.a.name": "its name"}}, or load the '
            "state after apply"
        ),
    ]
    (made,) = load_terraform(
        written, accounts=ACCOUNT, values={f"{L}service.a.name": "orders"}
    )
    assert made == Service("orders", auth_type="NONE")


def test_derived_ids_are_those_of_the_network() -> None:
    """What a policy says of a planned resource is what the network will have."""
    vpc = resource('aws_vpc.v["a"]', {"cidr_block": "10.0.0.0/16", **NEW})
    found = links(service("a"), vpc)
    made = load_terraform(plan(service("a"), vpc), accounts=ACCOUNT)
    (of_service,) = (each for each in made if isinstance(each, Service))
    (of_vpc,) = (each for each in made if isinstance(each, Vpc))

    text = f'${{{L}service.a.arn}} ${{{L}service.a.id}} ${{aws_vpc.v["a"].id}}'
    assert found.interpolate(text) == f"{of_service.arn} {of_service.id} {of_vpc.id}"


@pytest.mark.parametrize(
    ("address", "values", "arn"),
    [
        (
            "aws_lambda_function.f",
            {"function_name": "fn"},
            "arn:aws:lambda:us-west-2:123456789012:function:fn",
        ),
        ("aws_s3_bucket.b", {"bucket": "logs"}, "arn:aws:s3:::logs"),
        (
            "aws_kinesis_firehose_delivery_stream.s",
            {"name": "logs"},
            "arn:aws:firehose:us-west-2:123456789012:deliverystream/logs",
        ),
        (
            "aws_iam_policy.p",
            {"name": "p", "path": "/x/"},
            "arn:aws:iam::123456789012:policy/x/p",
        ),
        ("aws_iam_user.u", {"name": "u"}, "arn:aws:iam::123456789012:user/u"),
    ],
)
def test_arns_that_follow_from_names(
    address: str, values: dict[str, object], arn: str
) -> None:
    """Where an ARN is made of a known name, it is known."""
    found = links(resource(address, {**values, **NEW}))

    assert found.interpolate(f"${{{address}.arn}}") == arn


def test_what_may_be_unclear_is_nothing() -> None:
    """Where nothing depends on it, an unclear reference is no error."""
    found = links(service("a"), access(AFTER, f"{L}service.a.arn"))
    clear = found.document.instances[ACCESS]
    meant = found.perhaps(clear, "resource_identifier", SERVICES)
    assert isinstance(meant, Instance)

    found = links(access(AFTER, "local.x"))
    vague = found.document.instances[ACCESS]
    assert found.perhaps(vague, "resource_identifier", SERVICES) is None


def test_interpolation_leaves_policy_variables() -> None:
    """`${aws:…}` and `${*}` belong to IAM."""
    text = "${aws:PrincipalTag/team} ${*} ${saml:sub}"

    assert links().interpolate(text) == text


def test_paths_into_values() -> None:
    """Names and positions lead to a value, to nothing, or to what is unknown."""
    values = {"a": [{"b": 1}], "u": UNKNOWN}

    assert at(values, "a[0].b") == 1
    assert at(values, "a[1].b") is None
    assert at(values, "a.b") is None
    assert at(values, "u[0].x") is UNKNOWN


def test_expressions_count_only_where_positions_agree() -> None:
    """With `dynamic` blocks between, the second block need not be the second."""
    written = plan(
        resource(
            "aws_x.y",
            {"b": [{"v": 1}, {"v": 2}]},
            b=[{"v": to("aws_a.b")}],
            c=to("d.e"),
        )
    )
    (instance,) = read_document(written).instances.values()

    assert expression_at(instance, "b[0].v") is None
    assert expression_at(instance, "c") == to("d.e")
    instance.values["b"] = [{"v": 1}]
    assert expression_at(instance, "b[0].v") == to("aws_a.b")


def test_errors_of_the_model_name_the_address() -> None:
    """What Lattice would refuse says where it is written."""
    written = plan(service("a", name="Orders"))

    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        (
            "service name `Orders` may hold only a-z, 0-9 and single hyphens inside "
            f"(the plan, {L}service.a)"
        )
    ]
