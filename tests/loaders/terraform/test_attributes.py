"""What attributes hold, and which zero values count as nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice import Service, load_terraform
from pytest_lattice.loaders.terraform.attributes import known
from pytest_lattice.loaders.terraform.document import UNKNOWN
from tests.loaders.terraform.plans import ACCOUNT, AFTER, L, plan, resource, to
from tests.model.refusals import refused


@pytest.mark.parametrize("value", [None, "", 0, UNKNOWN])
def test_nothing_is_known(value: object) -> None:
    """The provider writes zero values for what is not set."""
    assert known(value) is None


@pytest.mark.parametrize("value", ["x", 1, [0]])
def test_something_is_known(value: object) -> None:
    """Anything else is what it is."""
    assert known(value) == value


def service(values: dict[str, Any], **expressions: object) -> dict[str, Any]:
    """Write a plan of one service."""
    return plan(resource(f"{L}service.a", {"name": "orders"} | values, **expressions))


def test_what_is_written_and_unknown_is_not_left_out() -> None:
    """A custom domain name that comes from elsewhere is needed, a computed one not."""
    unknown = {"custom_domain_name": AFTER}
    written = service(
        unknown, custom_domain_name=to("aws_acm_certificate.c.domain_name")
    )

    assert refused(load_terraform, written, accounts=ACCOUNT) == [
        f"`custom_domain_name` is known only after apply (the plan, {L}service.a)",
        (
            f'say it with values={{"{L}service.a.custom_domain_name": "…"}}, or load '
            "the state after apply"
        ),
    ]
    (made,) = load_terraform(service(unknown), accounts=ACCOUNT)
    assert isinstance(made, Service)
    assert made.custom_domain_name is None


def test_text_that_nothing_reads_stays_visible() -> None:
    """Without a reference, what is unknown is called as Terraform calls it."""
    (made,) = load_terraform(service({"certificate_arn": AFTER}), accounts=ACCOUNT)

    assert isinstance(made, Service)
    assert made.certificate_arn == "(known after apply)"


def test_names_are_the_address_and_more() -> None:
    """Each part goes by its address."""
    (made,) = load_terraform(service({}), accounts=ACCOUNT)

    assert isinstance(made, Service)
    assert str(made.source) == f"the plan, {L}service.a"
