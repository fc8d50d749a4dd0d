"""Which kind of document a file is, told by what is in it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lattice.errors import HIDE, advised, unknown
from pytest_lattice.loaders.document import SECTIONS
from pytest_lattice.loaders.reading import parse_documents, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.model.configuration import Resource

__tracebackhide__ = HIDE

#: A file of cases, whose network is in it or beside it; no loader's document itself.
CASES = "cases"


class _Kind(NamedTuple):
    """A kind of document: what it is, and where its loader stands."""

    title: str
    module: str
    function: str


#: The kinds that loaders read.
KINDS: Mapping[str, _Kind] = {
    "document": _Kind("document of this project's own", "document", "load"),
    "cloudformation": _Kind(
        "CloudFormation or SAM template, or cloud assembly of the CDK",
        "cloudformation.load",
        "load_cloudformation",
    ),
    "terraform": _Kind(
        "what `terraform show -json` wrote", "terraform.load", "load_terraform"
    ),
    "gateway_api": _Kind(
        "manifests of the Gateway API", "gateway_api.load", "load_gateway_api"
    ),
    "account": _Kind("snapshot of an account", "account", "load_account"),
}


def kind_of(path: str) -> str:
    """Tell the kind of a document.

    Args:
        path: a file or a folder.

    Returns:
        A key of `KINDS`, or `CASES`.

    Raises:
        ConfigurationError: it cannot be read, or is of no kind that is known.
    """
    if Path(path).is_dir():
        # https://github.com/aws/aws-cdk: a cloud assembly has its manifest at the top
        assembled = (Path(path) / "manifest.json").is_file()
        return "cloudformation" if assembled else "gateway_api"
    if path.endswith((".tf", ".tofu")):
        raise advised(
            f"`{path}` is not read as it is", "load what `terraform show -json` writes"
        )
    documents = [each for each in _documents(path) if each is not None]
    for kind, fits in _SIGNS.items():
        if documents and all(isinstance(d, dict) and fits(d) for d in documents):
            return kind
    titles = "; ".join(f"{name}: {kind.title}" for name, kind in KINDS.items())
    raise advised(f"`{path}` is none of the documents that are known", titles)


def loader_of(kind: str) -> Callable[..., tuple[Resource, ...]]:
    """Import the loader of a kind of document.

    Raises:
        ConfigurationError: there is no such kind.
    """
    if kind not in KINDS:
        raise unknown("kind of document", kind, KINDS)
    _, module, function = KINDS[kind]
    found = getattr(import_module(f"pytest_lattice.loaders.{module}"), function)
    loader: Callable[..., tuple[Resource, ...]] = found
    return loader


def _documents(path: str) -> list[Any]:
    text = read_text(path)
    if text.lstrip()[:1] == "{":
        # Plans are large, and JSON is read fifty times faster as what it is.
        try:
            return [json.loads(text)]
        except (ValueError, RecursionError):
            pass
    # Tags are CloudFormation's business; what they stand for is not asked here.
    return parse_documents(text, path, tagged=lambda _tag, value, _refuse: value)


def _is_template(document: dict[str, Any]) -> bool:
    resources = document.get("Resources")
    types = (
        each.get("Type")
        for each in (resources.values() if isinstance(resources, dict) else ())
        if isinstance(each, dict)
    )
    return "AWSTemplateFormatVersion" in document or any("::" in str(t) for t in types)


# Asked in this order.
_SIGNS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "gateway_api": lambda document: {"apiVersion", "kind"} <= document.keys(),
    "terraform": lambda document: (
        not document.keys().isdisjoint({"format_version", "terraform_version"})
    ),
    "cloudformation": _is_template,
    "account": lambda document: {"serviceNetworks", "targetGroups"} <= document.keys(),
    CASES: lambda document: "cases" in document,
    "document": lambda document: not document.keys().isdisjoint(SECTIONS),
}
