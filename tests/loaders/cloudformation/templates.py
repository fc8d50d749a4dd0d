"""Templates of tests: stacks written as mappings, and what they evaluate to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.loaders.cloudformation.stacks import CloudFormationStack, Stacks
from pytest_lattice.loaders.cloudformation.text import plain
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.cloudformation.stack import Stack

ACCOUNT, REGION = "123456789012", "us-west-2"
PLACE = SourceLocation("shop", None, "Asking")
EXTENSIONS = {"Transform": "AWS::LanguageExtensions"}
#: Something that has to be there, and says nothing.
TOPIC = {"Topic": {"Type": "AWS::SNS::Topic"}}


def resource(kind: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # a template's
    """Write a Lattice resource."""
    return {"Type": f"AWS::VpcLattice::{kind}", "Properties": properties}


NETWORK = resource("ServiceNetwork", Name="shops")
SERVICE = resource("Service", Name="orders")


def stacks_of(
    template: Mapping[str, Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
    stacks: Mapping[str, Any] | None = None,
) -> Stacks:
    """Make stacks around one that is called `shop`."""
    made = Stacks(values or {}, account=ACCOUNT, region=REGION, others=stacks or {})
    made.add("shop", CloudFormationStack(template, parameters=parameters or {}))
    made.add_others()
    return made


def stack_of(template: Mapping[str, Any], **given: Any) -> Stack:  # noqa: ANN401  # as stacks_of
    """Make a stack; resources may be left out."""
    return stacks_of({"Resources": TOPIC} | dict(template), **given).all[0]


def value(node: object, template: Mapping[str, Any] | None = None, **given: Any) -> Any:  # noqa: ANN401  # any value
    """Evaluate what stands somewhere in a template, without its origin."""
    return plain(stack_of(template or {}, **given).value(node, PLACE))
