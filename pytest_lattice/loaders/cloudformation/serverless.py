"""Resources of the Serverless Application Model, as what its transform makes of them.

Only what says something of the network is made: of a function itself, its alias and its
role; of an application the nested stack.
AWS: serverless-application-model/latest/developerguide/sam-resource-function,
sam-resource-application
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.loaders.cloudformation.template import SERVERLESS
from pytest_lattice.loaders.reading import LocatedMap, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.cloudformation.template import Template
    from pytest_lattice.loaders.cloudformation.text import Node

_FUNCTION = "AWS::Serverless::Function"
_APPLICATION = "AWS::Serverless::Application"


def with_functions(
    template: Template, resources: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Put Lambda functions, aliases, roles and stacks in the place of serverless ones.

    Args:
        template: the template; without the transform nothing happens.
        resources: its resources.
    """
    if SERVERLESS not in template.transforms:
        return resources
    shared = _mapping(template.section("Globals").get("Function"))
    made = LocatedMap(line_of(resources))
    for logical in resources:
        resource = resources[logical]
        made[logical] = resource
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if kind == _FUNCTION:
            made.update(_function(logical, resource, shared))
        elif kind == _APPLICATION:
            made[logical] = _nested(resource)
        line = line_of(resources, logical)
        for each in made:
            if line is not None:
                made.lines.setdefault(each, line)
    return made


def _function(
    logical: str, resource: Mapping[str, Any], shared: Mapping[str, Any]
) -> dict[str, Any]:
    properties = _merged(shared, _mapping(resource.get("Properties")))
    made = {logical: _like(resource, "AWS::Lambda::Function", properties)}
    alias = properties.get("AutoPublishAlias")
    if alias is not None:
        version = {"FunctionName": {"Ref": logical}}
        named = {**version, "Name": alias}
        made[f"{logical}Version"] = _like(resource, "AWS::Lambda::Version", version)
        made[f"{logical}Alias"] = _like(resource, "AWS::Lambda::Alias", named)
    if "Role" not in properties:
        made[f"{logical}Role"] = _like(resource, "AWS::IAM::Role", _role(properties))
    return made


def _nested(resource: Mapping[str, Any]) -> dict[str, Any]:
    properties = _mapping(resource.get("Properties"))
    location = properties.get("Location")
    if isinstance(location, dict) and "ApplicationId" in location:
        # One of the Serverless Application Repository is not at hand.
        location = "serverlessrepo://{ApplicationId}".format_map(location)
    nested = {"TemplateURL": location, "Parameters": properties.get("Parameters")}
    given = {name: nested[name] for name in nested if nested[name] is not None}
    return _like(resource, "AWS::CloudFormation::Stack", given)


def _mapping(node: Node) -> Mapping[str, Any]:
    return node if isinstance(node, dict) else {}


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    # AWS: serverless-application-model/latest/developerguide (Globals): lists add up,
    # mappings merge, the rest is overridden
    merged = {**shared, **own}
    for name in shared.keys() & own.keys():
        if isinstance(shared[name], dict) and isinstance(own[name], dict):
            merged[name] = {**shared[name], **own[name]}
        elif isinstance(shared[name], list) and isinstance(own[name], list):
            merged[name] = [*shared[name], *own[name]]
    return merged


def _role(properties: Mapping[str, Any]) -> dict[str, Any]:
    listed = properties.get("Policies") or []
    policies = listed if isinstance(listed, list) else [listed]
    documents = [each for each in policies if isinstance(each, dict)]
    role = {
        "Path": properties.get("RolePath"),
        "PermissionsBoundary": properties.get("PermissionsBoundary"),
        "Policies": [
            {"PolicyName": f"policy{number}", "PolicyDocument": each}
            for number, each in enumerate(documents)
            # Policy templates, such as DynamoDBReadPolicy, say nothing of calls.
            if "Statement" in each
        ],
        "ManagedPolicyArns": [
            each for each in policies if isinstance(each, str) or _is_function(each)
        ],
        "Tags": _tags(properties.get("Tags")),
    }
    return {name: role[name] for name in role if role[name]}


def _is_function(node: object) -> bool:
    return (
        isinstance(node, dict)
        and len(node) == 1
        and next(iter(node)).startswith(("Ref", "Fn::"))
    )


def _tags(tags: object) -> list[dict[str, Any]]:
    if not isinstance(tags, dict):
        return []
    return [{"Key": key, "Value": tags[key]} for key in tags]


def _like(
    resource: Mapping[str, Any], kind: str, properties: Mapping[str, Any]
) -> dict[str, Any]:
    made = {"Type": kind, "Properties": properties}
    return made | {
        name: resource[name] for name in ("Condition", "Metadata") if name in resource
    }
