"""Which kind of document a file is, told by what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import ConfigurationError
from pytest_lattice.loaders.recognize import CASES, KINDS, kind_of, loader_of

if TYPE_CHECKING:
    from pathlib import Path

_TEMPLATE = """\
Resources:
  A:
    Type: AWS::VpcLattice::Service
    Properties: {Name: !Ref B, X: !Sub ['${a}', {a: !GetAtt C.D}]}
"""
_GATEWAY = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        ("document", "a.yaml", "services: []\n"),
        ("document", "a.json", '{"version": 1, "target_groups": []}'),
        ("cloudformation", "a.yaml", "AWSTemplateFormatVersion: 2010-09-09\n"),
        (
            "cloudformation",
            "a.yml",
            _TEMPLATE,
        ),
        (
            "cloudformation",
            "a.template.json",
            '{"Resources": {"A": {"Type": "AWS::VpcLattice::Service"}}}',
        ),
        ("terraform", "plan.json", '{"format_version": "1.2", "planned_values": {}}'),
        ("terraform", "a.tfstate", '{"version": 4, "terraform_version": "1.9.0"}'),
        ("gateway_api", "a.yaml", _GATEWAY),
        ("gateway_api", "a.yaml", f"---\n---\n{_GATEWAY}---\n{_GATEWAY}"),
        (
            "account",
            "a.json",
            '{"version": 1, "serviceNetworks": [], "targetGroups": []}',
        ),
        (CASES, "a.lattice.yaml", "network: {document: a.yaml}\ncases: []\n"),
    ],
)
def test_content_tells_the_kind(
    tmp_path: Path, kind: str, name: str, content: str
) -> None:
    """Whatever the file is called, what is in it decides."""
    path = tmp_path / name
    path.write_text(content)

    assert kind_of(str(path)) == kind


def test_folders_are_assemblies_or_manifests(tmp_path: Path) -> None:
    """A folder is what `cdk synth` wrote if it has a manifest, else of Kubernetes."""
    assert kind_of(str(tmp_path)) == "gateway_api"
    (tmp_path / "manifest.json").write_text("{}")
    assert kind_of(str(tmp_path)) == "cloudformation"


@pytest.mark.parametrize(
    "content",
    ["", "text", "[]", "{}", "a: 1", "{", f"services: []\n---\n{_GATEWAY}", "1: [x"],
)
def test_what_is_of_no_kind_is_refused(tmp_path: Path, content: str) -> None:
    """Anything else is an error that names the file, whatever it holds."""
    path = tmp_path / "a.yaml"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"a\.yaml"):
        kind_of(str(path))


def test_the_refusal_names_the_kinds(tmp_path: Path) -> None:
    """Who has another kind of document learns which there are."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")

    with pytest.raises(ConfigurationError) as refused:
        kind_of(str(path))

    assert str(refused.value) == f"`{path}` is none of the documents that are known"
    for name, kind in KINDS.items():
        assert f"{name}: {kind.title}" in refused.value.__notes__[0]


def test_source_code_of_terraform_is_not_read() -> None:
    """HCL needs Terraform itself; the advice says what to load."""
    with pytest.raises(ConfigurationError, match=r"`main\.tf` is not read") as refused:
        kind_of("main.tf")

    assert refused.value.__notes__ == ["load what `terraform show -json` writes"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_loader(kind: str) -> None:
    """The loader is a function that takes what it loads, and `targets`."""
    assert "targets" in loader_of(kind).__code__.co_varnames


def test_a_large_plan_is_read_as_json(tmp_path: Path) -> None:
    """A plan of a megabyte takes no longer than JSON does, tabs and all."""
    path = tmp_path / "plan.json"
    plan: dict[str, Any] = {"format_version": "1.2"}
    plan["resource_changes"] = [{"address": f"a.b[{n}]"} for n in range(40_000)]
    path.write_text(json.dumps(plan, indent="\t"))

    assert kind_of(str(path)) == "terraform"


def test_an_unknown_kind_names_the_nearest() -> None:
    """A kind that is misspelled is refused with the right one."""
    with pytest.raises(ConfigurationError) as refused:
        loader_of("cloudformatoin")

    assert str(refused.value) == "unknown kind of document `cloudformatoin`"
    assert refused.value.__notes__ == ["did you mean `cloudformation`?"]
