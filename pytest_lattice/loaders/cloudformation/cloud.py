"""A cloud assembly: the folder that ``cdk synth`` writes, with its manifest.

It says which template is which stack, and where each is deployed to.
AWS: cdk/v2/guide/deploy-synth
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
)
from pytest_lattice.loaders.reading import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__tracebackhide__ = HIDE

_ENVIRONMENT = re.compile(r"aws://(?P<account>[^/]+)/(?P<region>.+)")
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class AssembledStack:
    """A stack of a cloud assembly: template, name, and where it is deployed to."""

    template: Path
    name: str
    account: str | None
    region: str | None
    parameters: Mapping[str, Any]


def assembled(folder: Path) -> list[AssembledStack]:
    """Read the manifest of a cloud assembly, as ``cdk synth`` writes it.

    Raises:
        ConfigurationError: there is none, or it is none.

    AWS: cdk/v2/guide/deploy-synth
    """
    file = folder / _MANIFEST
    if not file.is_file():
        raise advised(
            f"`{folder}` holds no {_MANIFEST}",
            "give a template, or the folder that cdk synth writes, such as cdk.out",
        )
    text = read_text(file)
    try:
        manifest = json.loads(text)
        version = int(str(manifest["version"]).partition(".")[0])
        if version < 1:
            raise UnsupportedFeatureError(f"{file}: version {version} is not known")
        return [*_stacks(folder, manifest["artifacts"])]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigurationError(f"{file} is no manifest of a cloud assembly") from None


def _stacks(folder: Path, artifacts: Mapping[str, Any]) -> Iterator[AssembledStack]:
    for artifact in artifacts.values():
        properties = artifact.get("properties") or {}
        if artifact.get("type") == "cdk:cloud-assembly":
            yield from assembled(_inside(folder, properties["directoryName"]))
        if artifact.get("type") == "aws:cloudformation:stack":
            yield _stack(folder, artifact, properties)


def _stack(
    folder: Path, artifact: Mapping[str, Any], properties: Mapping[str, Any]
) -> AssembledStack:
    template = _inside(folder, properties["templateFile"])
    where = _ENVIRONMENT.fullmatch(artifact.get("environment") or "")
    account = where["account"] if where else "unknown-account"
    region = where["region"] if where else "unknown-region"
    return AssembledStack(
        template,
        properties.get("stackName") or template.name.partition(".")[0],
        None if account == "unknown-account" else account,
        None if region == "unknown-region" else region,
        dict(properties.get("parameters") or {}),
    )


def _inside(folder: Path, name: str) -> Path:
    file = folder / name
    if not file.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"`{name}` is outside of `{folder}`, and is not read")
    return file
