"""P19: what it takes to load a user's configuration, one function per format.

Case files are run too, by a whole pytest process.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.harness import BrokenCase, Case, compare, interleaved
from bench.report import Goal, seconds
from bench.startup import python, spent_by_children
from pytest_lattice.loaders.cloudformation.load import load_cloudformation
from pytest_lattice.loaders.terraform.load import load_terraform

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_LATTICE_RESOURCES = 500
_RESOURCES = 2_000
_ITEMS = 1_000
_PREFIX = "aws_vpclattice"


def run(report: Report, effort: Effort) -> None:
    """Measure each format."""
    _cloudformation(report, effort)
    _terraform(report, effort)
    _cases(report, effort)


# ---- CloudFormation -----------------------------------------------------------------


def _cloudformation(report: Report, effort: Effort) -> None:
    text = _template(_LATTICE_RESOURCES)
    counted = text.count("Type: AWS::VpcLattice::")
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.yaml"
        file.write_text(text, encoding="utf-8")
        figures = compare(
            [
                Case(
                    f"CloudFormation template of {counted:,} Lattice resources, YAML",
                    lambda: load_cloudformation(file, targets="echo"),
                    lambda made: len(made) > counted / 5,
                )
            ],
            effort,
        )
    for each in figures.values():
        report.duration("P19", each, Goal(1.0, seconds))


def _template(resources: int) -> str:
    """Write a template of services, each with what belongs to one."""
    services = range(resources // 10)
    return "Resources:\n" + _NETWORK + "".join(_SERVICE % {"n": n} for n in services)


_NETWORK = """\
  Network:
    Type: AWS::VpcLattice::ServiceNetwork
"""
_RULE = """\
  Rule%%(n)dx%d:
    Type: AWS::VpcLattice::Rule
    Properties:
      ServiceIdentifier: !GetAtt Service%%(n)d.Id
      ListenerIdentifier: !GetAtt Listener%%(n)d.Id
      Priority: %d
      Match:
        HttpMatch:
          PathMatch:
            Match:
              Prefix: !Join ["/", ["", orders, %d]]
          HeaderMatches:
            - Name: x-stage
              Match:
                Exact: !Ref AWS::StackName
      Action:
        Forward:
          TargetGroups:
            - TargetGroupIdentifier: !Ref Group%%(n)d
"""
_SERVICE = """\
  Service%(n)d:
    Type: AWS::VpcLattice::Service
    Properties:
      AuthType: AWS_IAM
  Link%(n)d:
    Type: AWS::VpcLattice::ServiceNetworkServiceAssociation
    Properties:
      ServiceIdentifier: !GetAtt Service%(n)d.Id
      ServiceNetworkIdentifier: !Ref Network
  Policy%(n)d:
    Type: AWS::VpcLattice::AuthPolicy
    Properties:
      ResourceIdentifier: !Ref Service%(n)d
      Policy:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: "*"
            Action: vpc-lattice-svcs:Invoke
            Resource: !Sub "${Service%(n)d.Arn}/*"
  Listener%(n)d:
    Type: AWS::VpcLattice::Listener
    Properties:
      ServiceIdentifier: !Ref Service%(n)d
      Protocol: HTTPS
      DefaultAction:
        Forward:
          TargetGroups:
            - TargetGroupIdentifier: !Ref Group%(n)d
  Group%(n)d:
    Type: AWS::VpcLattice::TargetGroup
    Properties:
      Type: LAMBDA
      Targets:
        - Id: !GetAtt Function%(n)d.Arn
  Function%(n)d:
    Type: AWS::Lambda::Function
""" + "".join(_RULE % (each, each + 1, each) for each in range(5))


# ---- Terraform ----------------------------------------------------------------------


def _terraform(report: Report, effort: Effort) -> None:
    plan = _plan(_RESOURCES)
    counted = len(plan["resource_changes"])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        figures = compare(
            [
                Case(
                    f"Terraform plan of {counted:,} resources, all links unknown",
                    lambda: load_terraform(
                        file, targets="echo", accounts={"aws": "123456789012"}
                    ),
                    lambda made: len(made) > counted / 5,
                )
            ],
            effort,
        )
    for each in figures.values():
        report.duration("P19", each, Goal(2.0, seconds))


def _plan(resources: int) -> dict[str, Any]:
    """Write a plan of services in modules, each with what belongs to one."""
    per_module = 10
    network = _resource("", "service_network", "main", {"name": "main"})
    found = [network]
    modules = []
    for number in range((resources - 1) // per_module):
        key = f"team-{number:03d}"
        inside = _team(f'module.team["{key}"]', key)
        modules.append(
            {"address": f'module.team["{key}"]', "resources": [r for r, _ in inside]}
        )
        found += inside
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.8",
        "planned_values": {
            "root_module": {"resources": [network[0]], "child_modules": modules}
        },
        "resource_changes": [change for _, change in found],
        "configuration": {
            "provider_config": {
                "aws": {"expressions": {"region": {"constant_value": "eu-west-1"}}}
            },
            "root_module": {"resources": [], "module_calls": {"team": _call()}},
        },
    }


def _resource(
    module: str, kind: str, name: str, values: dict[str, Any], *unknown: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    prefix = f"{module}." if module else ""
    about = {
        "address": f"{prefix}{_PREFIX}_{kind}.{name}",
        "mode": "managed",
        "type": f"{_PREFIX}_{kind}",
        "name": name,
    }
    after = dict.fromkeys(("id", "arn", *unknown), True)
    for attribute in ("action", "default_action"):
        if attribute in values:
            group = {"target_group_identifier": True}
            after[attribute] = [{"forward": [{"target_groups": [group]}]}]  # type: ignore[assignment]  # JSON
    change = {"actions": ["create"], "after": values, "after_unknown": after}
    return {**about, "values": values}, {**about, "change": change}


_FORWARD = [{"fixed_response": [], "forward": [{"target_groups": [{"weight": 100}]}]}]


def _team(module: str, key: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    to_listener = ("listener_identifier", "service_identifier")
    rules = [
        _resource(
            module,
            "listener_rule",
            f"rule_{number}",
            {
                "name": f"prefix-{number}",
                "priority": number + 1,
                "action": _FORWARD,
                "match": [{"http_match": [_prefix(f"/{number}")]}],
            },
            *to_listener,
        )
        for number in range(6)
    ]
    config = [{"port": 80, "protocol": "HTTP", "vpc_identifier": "vpc-0abcdef1"}]
    group = {"name": key, "type": "INSTANCE", "config": config}
    listener = {"name": "http", "protocol": "HTTP", "default_action": _FORWARD}
    links = ("service_identifier", "service_network_identifier")
    return [
        _resource(module, "service", "this", {"name": key}),
        _resource(module, "target_group", "this", group),
        _resource(module, "listener", "this", listener, "service_identifier"),
        _resource(module, "service_network_service_association", "this", {}, *links),
        *rules,
    ]


def _prefix(path: str) -> dict[str, Any]:
    return {"path_match": [{"match": [{"prefix": path}]}], "header_matches": []}


def _call() -> dict[str, Any]:
    group = {"target_group_identifier": _to("target_group", "id")}
    forward = [{"forward": [{"target_groups": [group]}]}]
    service = _to("service", "id")
    to_listener = {
        "listener_identifier": _to("listener", "listener_id"),
        "service_identifier": service,
        "action": forward,
    }
    written = {
        ("service", "this"): {},
        ("target_group", "this"): {},
        ("listener", "this"): {
            "service_identifier": service,
            "default_action": forward,
        },
        ("service_network_service_association", "this"): {
            "service_identifier": service,
            "service_network_identifier": {"references": ["var.network"]},
        },
        **{("listener_rule", f"rule_{number}"): to_listener for number in range(6)},
    }
    network = f"{_PREFIX}_service_network.main"
    return {
        "for_each_expression": {"references": ["var.teams"]},
        "expressions": {"network": {"references": [f"{network}.arn", network]}},
        "module": {
            "resources": [
                {
                    "mode": "managed",
                    "type": f"{_PREFIX}_{kind}",
                    "name": name,
                    "provider_config_key": "aws",
                    "expressions": written[kind, name],
                }
                for kind, name in written
            ],
            "variables": {"network": {}},
        },
    }


def _to(kind: str, attribute: str) -> dict[str, list[str]]:
    address = f"{_PREFIX}_{kind}.this"
    return {"references": [f"{address}.{attribute}", address]}


# ---- case files ---------------------------------------------------------------------

_NETWORK_OF_CASES = """\
network:
  target_groups: [{name: blue}, {name: green}]
  services:
    - name: orders
      listeners:
        - protocol: HTTPS
          default: {forward: blue}
          rules: [{priority: 10, path_prefix: /v2, action: {forward: green}}]
cases:
"""
_CASE = """\
  - name: case %(n)d
    request: GET https://orders/v2/%(n)d
    expect: {rule: 10, target_group: green, status: 200, log: {responseCode: 200}}
"""


def _cases(report: Report, effort: Effort) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-p", "pytest_lattice.plugin")
    with TemporaryDirectory() as name:
        folder = Path(name)
        cases = "".join(_CASE % {"n": number} for number in range(_ITEMS))
        text = _NETWORK_OF_CASES + cases
        (folder / "orders.lattice.yaml").write_text(text, encoding="utf-8")

        def measure() -> float:
            start = spent_by_children()
            printed = python(folder, "-m", "pytest", *options)
            if f"{_ITEMS} passed" not in printed:
                raise BrokenCase(printed)
            return spent_by_children() - start

        measure()  # compiles what is not compiled yet
        rounds = 3 if effort.quick else effort.rounds
        figures = interleaved({f"{_ITEMS:,} case items, pytest whole": measure}, rounds)
    for each in figures.values():
        report.duration("P19", each, Goal(3.0, seconds))
