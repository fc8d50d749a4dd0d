"""Small plans as Terraform writes them, for tests of one thing each."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parents[3] / "fixtures" / "terraform"
ACCOUNT = {"aws": "123456789012"}
#: In place of a value: it is known only after apply.
AFTER = object()

_MODULE = r"(?:module\.[\w-]+(?:\[[^\]]+\])?\.)*"
_ADDRESS = re.compile(
    rf"(?P<module>{_MODULE})(?P<data>data\.)?(?P<type>\w+)\.(?P<name>[\w-]+)"
    r"(?:\[(?P<index>.+)\])?"
)
L = "aws_vpclattice_"
#: The JSON of an action that answers 404.
FIXED = [{"fixed_response": [{"status_code": 404}], "forward": []}]


def fixture(name: str) -> dict[str, Any]:
    """Read a plan or state of the fixtures."""
    read: dict[str, Any] = json.loads((FIXTURES / name).read_text("utf-8"))
    return read


def resource(
    address: str, values: dict[str, Any], /, **expressions: object
) -> dict[str, Any]:
    """Write one resource; `plan` puts several together.

    Args:
        address: where it is.
        values: its attributes, `AFTER` for what is known only after apply.
        expressions: of attributes, as the configuration has them.
    """
    return {"address": address, "values": values, "expressions": expressions}


def to(*references: str) -> dict[str, list[str]]:
    """Write the references of an expression, each followed by its beginnings."""
    found = []
    for each in references:
        rest = each
        while "." in rest:
            found.append(rest)
            rest = re.sub(r"(\.[^.\[]+|\[[^\]]*\])$", "", rest)
    return {"references": found}


def always(value: object) -> dict[str, object]:
    """Write an expression without references."""
    return {"constant_value": value}


def forward(*groups: object, weight: int = 100) -> list[dict[str, Any]]:
    """Write an action that forwards."""
    weighted = [{"target_group_identifier": each, "weight": weight} for each in groups]
    return [{"fixed_response": [], "forward": [{"target_groups": weighted}]}]


def plan(
    *resources: dict[str, Any],
    calls: dict[str, dict[str, Any]] | None = None,
    actions: tuple[str, ...] = ("create",),
    **more: Any,  # noqa: ANN401  # members of the document
) -> dict[str, Any]:
    """Write a plan.

    Args:
        resources: from `resource`.
        calls: module calls by address without indexes, such as ``module.a.module.b``.
        actions: what happens to the resources.
        more: other members of the document.
    """
    root: dict[str, Any] = {"resources": []}
    configuration: dict[str, Any] = {"resources": []}
    for path, written in (calls or {}).items():
        node = configuration
        *outer, name = re.findall(r"module\.([\w-]+)", path)
        for each in outer:
            node = node["module_calls"][each]["module"]
        inner = {"resources": [], **written.pop("module", {})}
        call = {"expressions": {}, **written, "module": inner}
        node.setdefault("module_calls", {})[name] = call
    changes = []
    for each in resources:
        about, module = _about(each["address"])
        known, unknown = _known(each["values"]), _unknown(each["values"])
        _at(root, module)["resources"].append({**about, "values": known})
        change = {"actions": [*actions], "after": known, "after_unknown": unknown}
        changes.append({**about, "change": change})
        _configured(configuration, about, module, each["expressions"])
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {"root_module": root},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {
                "aws": {"expressions": {"region": always("us-west-2")}}
            },
            "root_module": configuration,
        },
        **more,
    }


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    """Write a state."""
    root: dict[str, Any] = {"resources": []}
    for each in resources:
        about, module = _about(each["address"])
        values = {"values": each["values"]}
        _at(root, module)["resources"].append({**about, **values})
    return {"format_version": "1.0", "values": {"root_module": root}}


def _about(address: str) -> tuple[dict[str, Any], str]:
    match = _ADDRESS.fullmatch(address)
    assert match, address
    about: dict[str, Any] = {
        "address": address,
        "mode": "data" if match["data"] else "managed",
        "type": match["type"],
        "name": match["name"],
    }
    if match["index"] is not None:
        about["index"] = json.loads(match["index"])
    return about, match["module"].rstrip(".")


def _at(root: dict[str, Any], module: str) -> dict[str, Any]:
    node, address = root, ""
    for step in re.findall(r"module\.[\w-]+(?:\[[^\]]+\])?", module):
        address = f"{address}.{step}" if address else step
        children = node.setdefault("child_modules", [])
        found = [each for each in children if each["address"] == address]
        if not found:
            found = [{"address": address, "resources": []}]
            children += found
        node = found[0]
    return node


def _configured(
    configuration: dict[str, Any],
    about: dict[str, Any],
    module: str,
    expressions: dict[str, Any],
) -> None:
    node = configuration
    for name in re.findall(r"module\.([\w-]+)", module):
        node = node["module_calls"][name]["module"]
    same = {key: about[key] for key in ("mode", "type", "name")}
    if any(same.items() <= each.items() for each in node["resources"]):
        return
    expressions = dict(expressions)
    written = {**same, "provider_config_key": expressions.pop("provider", "aws")}
    for name in ("for_each", "count"):
        if name in expressions:
            written[f"{name}_expression"] = expressions.pop(name)
    node["resources"].append({**written, "expressions": expressions})


def _known(value: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        return {key: _known(value[key]) for key in value if value[key] is not AFTER}
    if isinstance(value, list):
        return [_known(each) for each in value]
    return None if value is AFTER else value


def _unknown(value: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        return {key: found for key in value if (found := _unknown(value[key]))}
    if isinstance(value, list):
        return [_unknown(each) for each in value]
    return value is AFTER
