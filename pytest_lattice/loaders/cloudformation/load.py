"""A CloudFormation template, SAM template or cloud assembly as a network.

The face of the loader: what it takes, and in which order its parts do their work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.loaders.assembly import assemble
from pytest_lattice.loaders.cloudformation.callers import Callers
from pytest_lattice.loaders.cloudformation.cloud import assembled
from pytest_lattice.loaders.cloudformation.parts import parts_of, shares_of
from pytest_lattice.loaders.cloudformation.stacks import CloudFormationStack, Stacks
from pytest_lattice.loaders.reading import path_of
from pytest_lattice.model.names import DEFAULT_ACCOUNT, DEFAULT_REGION
from pytest_lattice.model.value import check_text

if TYPE_CHECKING:
    from pytest_lattice.loaders.assembly import Part
    from pytest_lattice.loaders.binding import Bindings
    from pytest_lattice.loaders.cloudformation.stacks import Source
    from pytest_lattice.model.configuration import Resource

__tracebackhide__ = HIDE

_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


def load_cloudformation(
    template: Source,
    *,
    targets: Bindings = (),
    parameters: Mapping[str, Any] | None = None,
    stacks: Mapping[str, Source | CloudFormationStack] | None = None,
    values: Mapping[str, Any] | None = None,
    stack: str = "",
    account: str = DEFAULT_ACCOUNT,
    region: str = DEFAULT_REGION,
    strict: bool = False,
) -> tuple[Resource, ...]:
    """Load a CloudFormation template, ready to be added to a network.

    Args:
        template: the path of a YAML or JSON template, of a SAM template, or of the
            folder that ``cdk synth`` writes; or a template as a mapping.
        targets: what answers behind the target groups, by name or logical id of a
            group or of what its targets refer to; ``"echo"`` for all of them.
        parameters: values of the template's parameters; for the stacks of a cloud
            assembly also by ``Stack:Parameter``.
        stacks: further stacks by name, whose exports it imports, and the templates of
            nested stacks by logical id.
        values: what cannot be known before deployment, by ``LogicalId.Attribute``,
            ``LogicalId``, name of an export, text of a dynamic reference, or ARN of a
            managed policy.
        stack: the name of the stack; that of the file unless given.
        account: the 12-digit account it is deployed to.
        region: the Region.
        strict: whether a target group that nothing is bound to is an error.

    Returns:
        Service networks, services, target groups, VPCs, associations, shares, access
        log subscriptions, roles and users; each knows the file, line and logical id
        that it comes from.

    Raises:
        ConfigurationError: what CloudFormation would refuse, what does not fit
            together, or what the network needs and is not known before deployment.
        UnsupportedFeatureError: a transform or pattern that is not modeled.

    AWS: AWSCloudFormation/latest/TemplateReference/AWS_VpcLattice
    """
    together = Stacks(
        _mapping("values", values),
        account=account,
        region=region,
        others=_mapping("stacks", stacks),
    )
    given = _mapping("parameters", parameters)
    try:
        if isinstance(template, str | Path) and Path(template).is_dir():
            if stack:
                raise ConfigurationError(
                    "the stacks of a cloud assembly have their names"
                )
            together.add_assembled(assembled(Path(template)), given)
        else:
            together.add(
                _stack_name(stack, template),
                CloudFormationStack(
                    template, parameters=given, account=account, region=region
                ),
            )
        together.add_others()
        parts, callers = _evaluated(together)
    except RecursionError:
        raise ConfigurationError("the template refers too deeply") from None
    loaded = assemble(parts, targets=targets, strict=strict, callers=callers)
    together.notices.tell()
    return loaded


def _mapping(name: str, value: Mapping[str, Any] | None) -> dict[str, Any]:
    if not isinstance(value, Mapping | None):
        raise ConfigurationError(f"{name} `{value!r}` are not a mapping")
    return dict(value or {})


def _evaluated(together: Stacks) -> tuple[list[Part], list[Resource]]:
    parts = [part for each in together.all for part in parts_of(each)]
    shares = [share for each in together.all for share in shares_of(each)]
    callers = Callers(together.all).made()
    found: list[Resource] = [*shares, *callers]
    for each in together.all:
        each.check_circles()
    together.check_values()
    return parts, found


def _stack_name(given: str, template: Source) -> str:
    check_text(given, "stack")
    if given:
        return given
    if isinstance(template, Mapping):
        return "stack"
    name = path_of(template).name.partition(".")[0]
    return _NO_NAME.sub("-", name).strip("-") or "stack"
