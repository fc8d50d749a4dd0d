"""The topology of a network as a drawing (Mermaid) or as nodes and edges (JSON)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_lattice.errors import HIDE, unknown
from pytest_lattice.model.action import FixedResponse
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.routing.match import describe_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_lattice.model.action import Action
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.model.service import Service

__tracebackhide__ = HIDE

_FORMATS = ("mermaid", "json")
# How Mermaid draws each kind.
_BRACKETS = {
    "VPC": ("[/", "/]"),
    "service network": ("([", "])"),
    "service": ("[", "]"),
    "target group": ("[(", ")]"),
    "fixed response": ("{{", "}}"),
}


class _Node(NamedTuple):
    id: str
    kind: str
    name: str


class _Edge(NamedTuple):
    source: str
    target: str
    label: str


def export(
    resources: Iterable[Resource] | Configuration,
    format: Literal["mermaid", "json"] = "mermaid",  # noqa: A002  # the plain word
) -> str:
    """Draw the topology: VPCs, service networks, services, rules and target groups.

    Args:
        resources: values of the model, or a network's ``configuration``.
        format: ``mermaid`` for a flowchart, ``json`` for nodes and edges.

    Raises:
        ConfigurationError: another format, or resources that do not hold together.
    """
    if format not in _FORMATS:
        raise unknown("format", format, _FORMATS)
    if not isinstance(resources, Configuration):
        resources = Configuration().with_resources(resources)
    edges = list(dict.fromkeys(_edges(resources)))
    nodes = list(dict.fromkeys(each for pair in edges for each in pair[:2]))
    lone = [_node("service", each.arn, each.name) for each in resources.services]
    nodes += [each for each in lone if each not in nodes]
    named = [_Edge(source.id, target.id, label) for source, target, label in edges]
    if format == "json":
        return json.dumps(
            {
                "nodes": [each._asdict() for each in nodes],
                "edges": [each._asdict() for each in named],
            },
            indent=2,
        )
    return "\n".join(_mermaid(nodes, named)) + "\n"


def _edges(configuration: Configuration) -> Iterator[tuple[_Node, _Node, str]]:
    for network, vpc in configuration.vpc_pairs():
        yield (
            _node("VPC", vpc.arn, vpc.name),
            _node("service network", network.arn, network.name),
            "",
        )
    for network, service, _ in configuration.service_pairs():
        yield (
            _node("service network", network.arn, network.name),
            _node("service", service.arn, service.name),
            "",
        )
    for service in configuration.services:
        yield from _rules(configuration, service)


def _rules(
    configuration: Configuration, service: Service
) -> Iterator[tuple[_Node, _Node, str]]:
    start = _node("service", service.arn, service.name)
    for listener in service.listeners:
        where = f"{listener.protocol} {listener.port}"
        for rule in listener.rules:
            label = f"{where} / {rule.priority}: {describe_rule(rule)}"
            for end, share in _ends(configuration, service, rule.action):
                yield start, end, label + share
        for end, share in _ends(configuration, service, listener.default):
            yield start, end, f"{where} / default{share}"


def _ends(
    configuration: Configuration, service: Service, action: Action
) -> Iterator[tuple[_Node, str]]:
    """Say where an action leads, with the share of each target group."""
    if isinstance(action, FixedResponse):
        text = f"fixed response {action.status_code}"
        yield _node("fixed response", text, text), ""
        return
    total = sum(action.weights.values())
    for each in action.target_groups:
        group = configuration.target_group_of(service, each.target_group)
        share = f" ({each.weight}/{total})" if len(action.target_groups) > 1 else ""
        yield _node("target group", group.arn, group.name), share


def _node(kind: str, arn: str, name: str) -> _Node:
    return _Node(arn, kind, name)


def _mermaid(nodes: list[_Node], edges: list[_Edge]) -> Iterator[str]:
    short = {node.id: f"n{number}" for number, node in enumerate(nodes)}
    yield "flowchart LR"
    for node in nodes:
        opening, closing = _BRACKETS[node.kind]
        yield f'  {short[node.id]}{opening}"{_text(node.name)}"{closing}'
    for edge in edges:
        arrow = f' -- "{_text(edge.label)}" --> ' if edge.label else " --> "
        yield f"  {short[edge.source]}{arrow}{short[edge.target]}"


def _text(text: str) -> str:
    # Mermaid's own way to write what would end a label.
    return text.replace("&", "#amp;").replace('"', "#quot;")
