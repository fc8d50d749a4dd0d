"""Cloud assemblies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders.cloudformation.cloud import assembled
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, manifest: object) -> Path:
    """Write a manifest."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def artifact(template: str, environment: str = "", **properties: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Write the artifact of a stack."""
    return {
        "type": "aws:cloudformation:stack",
        "environment": environment or "aws://unknown-account/unknown-region",
        "properties": {"templateFile": template, **properties},
    }


def test_stacks_know_name_and_environment(tmp_path: Path) -> None:
    """Stages are assemblies inside; what is not bound to an environment is open."""
    stage = write(
        tmp_path / "assembly-Prod",
        {"version": "36.0.0", "artifacts": {"A": artifact("ProdA.template.json")}},
    )
    write(
        tmp_path,
        {
            "version": "36.0.0",
            "artifacts": {
                "Tree": {"type": "cdk:tree"},
                "Shop": artifact(
                    "Shop.template.json",
                    "aws://111122223333/eu-west-1",
                    stackName="shop",
                    parameters={"A": "1"},
                ),
                "Prod": {
                    "type": "cdk:cloud-assembly",
                    "properties": {"directoryName": stage.name},
                },
            },
        },
    )
    shop, prod = assembled(tmp_path)

    assert (shop.name, shop.account, shop.region) == (
        "shop",
        "111122223333",
        "eu-west-1",
    )
    assert shop.parameters == {"A": "1"}
    assert (prod.name, prod.account, prod.region) == ("ProdA", None, None)
    assert prod.template == stage / "ProdA.template.json"


def test_folder_without_a_manifest(tmp_path: Path) -> None:
    """A folder is one that `cdk synth` wrote."""
    assert refused(assembled, tmp_path) == [
        f"`{tmp_path}` holds no manifest.json",
        "give a template, or the folder that cdk synth writes, such as cdk.out",
    ]


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {},
        {"version": "x", "artifacts": {}},
        {"version": "1", "artifacts": []},
        {"version": "1", "artifacts": {"A": 5}},
        {"version": "1", "artifacts": {"A": {"type": "aws:cloudformation:stack"}}},
    ],
)
def test_what_is_no_manifest(tmp_path: Path, manifest: object) -> None:
    """Any other JSON is refused in one way."""
    folder = write(tmp_path, manifest)

    assert refused(assembled, folder) == [
        f"{tmp_path}/manifest.json is no manifest of a cloud assembly"
    ]


def test_template_outside_is_not_read(tmp_path: Path) -> None:
    """A manifest names files of its own folder only."""
    manifest = {"version": "1", "artifacts": {"A": artifact("../secret.json")}}
    folder = write(tmp_path / "cdk.out", manifest)

    assert refused(assembled, folder) == [
        f"`../secret.json` is outside of `{folder}`, and is not read"
    ]


def test_unknown_version_is_not_guessed(tmp_path: Path) -> None:
    """A version before the first is not known."""
    folder = write(tmp_path, {"version": "0.36.0", "artifacts": {}})
    with pytest.raises(UnsupportedFeatureError, match="version 0 is not known"):
        assembled(folder)
