"""The topology of a network, drawn."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_lattice import LatticeNetwork, Service, export, load
from tests.model.refusals import refused

SHOP = Path(__file__).parents[2] / "fixtures" / "documents" / "shop.yaml"
DRAWN = """\
flowchart LR
  n0[/"apps"/]
  n1(["shops"])
  n2["orders"]
  n3[("green")]
  n4[("functions")]
  n5{{"fixed response 404"}}
  n6[("blue")]
  n0 --> n1
  n1 --> n2
  n2 -- "HTTPS 443 / 10: /v2/… x-beta: 1" --> n3
  n2 -- "HTTPS 443 / 20: POST content-type: application/json…" --> n4
  n2 -- "HTTPS 443 / 30: /gone" --> n5
  n2 -- "HTTPS 443 / default (90/100)" --> n6
  n2 -- "HTTPS 443 / default (10/100)" --> n3
"""


def test_mermaid() -> None:
    """VPCs lead to networks, networks to services, rules to target groups by share."""
    assert export(load(SHOP)) == DRAWN


def test_json_has_the_same_nodes_and_edges() -> None:
    """The JSON form has an id for each node, by which edges name them."""
    with LatticeNetwork() as network:
        network.add(*load(SHOP))
        drawn = json.loads(export(network.configuration, format="json"))

    names = {each["id"]: each["name"] for each in drawn["nodes"]}
    assert {each["kind"] for each in drawn["nodes"]} == {
        "VPC",
        "service network",
        "service",
        "target group",
        "fixed response",
    }
    assert ("shops", "orders", "") in [
        (names[each["source"]], names[each["target"]], each["label"])
        for each in drawn["edges"]
    ]
    assert len(drawn["edges"]) == 7


def test_a_service_without_rules_is_drawn() -> None:
    """What leads nowhere is there all the same."""
    assert 'n2["shop"]' in export([Service("shop")])


def test_unknown_format() -> None:
    """Another format is refused."""
    assert refused(export, [], format="mermade") == [
        "unknown format `mermade`",
        "did you mean `mermaid`?",
    ]
