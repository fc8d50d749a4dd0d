"""Kubernetes manifests as objects that know their place, of a closed set of kinds.

What `kubectl apply -f` would take is taken: files of several documents, directories,
lists.  A property or version that the API server would not know is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    UnsupportedFeatureError,
    advised,
    unknown,
)
from pytest_lattice.loaders.notices import Notices
from pytest_lattice.loaders.reading import (
    line_of,
    located,
    parse_documents,
    read_text,
)
from pytest_lattice.model.source import SourceLocation

if TYPE_CHECKING:
    from collections.abc import Iterator

__tracebackhide__ = HIDE

#: A file, a directory, a manifest as a mapping, or several of these.
Manifests: TypeAlias = "str | Path | Mapping[str, Any] | Sequence[Any]"
_Type = TypeVar("_Type")

GATEWAY = "gateway.networking.k8s.io"
CONTROLLER = "application-networking.k8s.aws"
_GATEWAY_VERSIONS = ("v1", "v1beta1", "v1alpha3", "v1alpha2")

_RENDERED = "load the output of `kustomize build` or `helm template`, rendered"
_ENDINGS = (".yaml", ".yml", ".json")
# The kinds of each group that matter here, with its versions.
_GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    GATEWAY: (
        _GATEWAY_VERSIONS,
        ("GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute", "TLSRoute"),
    ),
    CONTROLLER: (
        ("v1alpha1",),
        (
            "AccessLogPolicy",
            "IAMAuthPolicy",
            "ServiceExport",
            "ServiceImport",
            "ServiceNetwork",
            "TargetGroupPolicy",
            "VpcAssociationPolicy",
        ),
    ),
    "": (("v1",), ("Namespace", "Service")),
    "apps": (("v1",), ("Deployment",)),
    "discovery.k8s.io": (("v1",), ("EndpointSlice",)),
}
# Kinds of the Gateway API that AWS's controller does not look at.
_UNUSED = frozenset({"BackendTLSPolicy", "ListenerSet", "TCPRoute", "UDPRoute"})
_SILENT = frozenset({"ReferenceGrant"})
_MULTICLUSTER = "multicluster.x-k8s.io"
_CLUSTER_SCOPED = frozenset({"GatewayClass", "Namespace", "ServiceNetwork"})


@dataclass(frozen=True, slots=True)
class Node:
    """A mapping inside a manifest, read with its types checked.

    Args:
        values: the mapping.
        source: where it begins; its name is that of the whole object.
        path: where it is in the object, such as ``spec.rules[0]``.
    """

    values: Mapping[str, Any]
    source: SourceLocation
    path: str = ""

    def at(self, key: str = "") -> SourceLocation:
        """Say where the node, or what it has under a key, was written."""
        line = line_of(self.values, key) if key in self.values else self.source.line
        return self.source._replace(line=line)

    @property
    def place(self) -> SourceLocation:
        """The node's place, with the path to it in the name."""
        path = self.path.removeprefix("spec.")
        return self.source._replace(name=f"{self.source.name} {path}".rstrip())

    def refuse(self, message: str, key: str = "") -> ConfigurationError:
        """Build an error that says where the culprit is."""
        return located(ConfigurationError(message), self.at(key))

    def unsupported(self, message: str, key: str = "") -> ConfigurationError:
        """Build the error for what AWS's controller does not support."""
        return located(UnsupportedFeatureError(message), self.at(key))

    def within(self, key: str) -> str:
        """Write the path of a member."""
        return f"{self.path}.{key}" if self.path else key

    def check(self, *known: str) -> Node:
        """Refuse members that do not exist.

        Raises:
            ConfigurationError: there is one, with the nearest right name.
        """
        for key in self.values:
            if key not in known:
                kind = f"property of {self.path or 'the manifest'}"
                raise located(unknown(kind, str(key), known), self.at(key))
        return self

    def _get(self, key: str, kind: type[_Type], what: str) -> _Type | None:
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise self.refuse(
                f"{self.within(key)} `{_short(value)}` is not {what}", key
            )
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a member that is text."""
        value = self._get(key, str, "text")
        return default if value is None else value

    def needed(self, key: str) -> str:
        """Return a member that is text and must be there."""
        value = self.text(key)
        if not value:
            raise self.refuse(f"{self.within(key)} is missing")
        return value

    def number(self, key: str) -> int | None:
        """Return a member that is a whole number."""
        return self._get(key, int, "a whole number")

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a member that is true or false."""
        value = self._get(key, bool, "true or false")
        return default if value is None else value

    def node(self, key: str) -> Node:
        """Return a member that is a mapping; an empty one where it is left out."""
        value = self._get(key, dict, "a mapping") or {}
        return Node(value, self.at(key), self.within(key))

    def items(self, key: str) -> list[Any]:
        """Return a member that is a list."""
        value: list[Any] = self._get(key, list, "a list") or []
        return value

    def nodes(self, key: str) -> list[Node]:
        """Return a member that is a list of mappings."""
        found = []
        for position, value in enumerate(self.items(key)):
            path = f"{self.within(key)}[{position}]"
            place = self.source._replace(line=line_of(self.values[key], position))
            if not isinstance(value, dict):
                error = ConfigurationError(f"{path} `{_short(value)}` is not a mapping")
                raise located(error, place)
            found.append(Node(value, place, path))
        return found

    def texts(self, key: str) -> list[str]:
        """Return a member that is a list of text."""
        for value in self.items(key):
            if not isinstance(value, str):
                message = (
                    f"{self.within(key)} holds `{_short(value)}`, which is no text"
                )
                raise self.refuse(message, key)
        return self.items(key)

    def pairs(self, key: str) -> dict[str, str]:
        """Return a member that maps text to text, such as labels."""
        node = self.node(key)
        return {name: node.text(name) for name in node.values}


@dataclass(frozen=True, slots=True)
class Object:
    """One object of the cluster.

    Args:
        kind: its kind.
        namespace: its namespace; empty where its kind has none.
        name: its name.
        root: the whole manifest.
    """

    kind: str
    namespace: str
    name: str
    root: Node = field(repr=False)

    @property
    def spec(self) -> Node:
        """Its specification."""
        return self.root.node("spec")

    @property
    def source(self) -> SourceLocation:
        """Where it was written."""
        return self.root.source

    @property
    def called(self) -> str:
        """How messages call it, such as ``HTTPRoute `shop/orders` ``."""
        return f"{self.kind} `{self.full_name}`"

    @property
    def full_name(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    def annotation(self, name: str) -> str | None:
        """Return one of AWS's annotations, by what follows the slash.

        Raises:
            ConfigurationError: it is not text.
        """
        annotations = self.root.node("metadata").node("annotations")
        key = f"{CONTROLLER}/{name}"
        return annotations.text(key) if key in annotations.values else None


class Objects:
    """The objects of all manifests, by kind, namespace and name."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._found: dict[str, dict[tuple[str, str], Object]] = {}
        #: What the user is told, once everything is loaded.
        self.notices = Notices()

    def add(self, new: Object) -> None:
        """Add an object.

        Raises:
            ConfigurationError: there is one of its kind and name.
        """
        of_kind = self._found.setdefault(new.kind, {})
        if (first := of_kind.get((new.namespace, new.name))) is not None:
            raise new.root.refuse(
                f"{new.called} is there twice; the other is {first.source}"
            )
        of_kind[new.namespace, new.name] = new

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of some kinds, in the order they were written."""
        return [each for kind in kinds for each in self._found.get(kind, {}).values()]

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """Find an object."""
        return self._found.get(kind, {}).get((namespace, name))

    def notice(self, text: str, place: SourceLocation) -> None:
        """Note what the user should know although it is no error."""
        self.notices.add(f"{text} ({place})")


def read_manifests(paths: Manifests, namespace: str) -> Objects:
    """Read manifests.

    Args:
        paths: a file, a directory, a manifest as a mapping, or several of these; of a
            directory, its ``*.yaml``, ``*.yml`` and ``*.json`` files by name.
        namespace: the namespace of objects that name none.

    Raises:
        ConfigurationError: what cannot be read, or is no manifest.
    """
    objects = Objects()
    for document, source in _documents(paths):
        for manifest, place in _unpacked(document, source):
            _add(objects, manifest, place, namespace)
    return objects


# ---- files ---------------------------------------------------------------------------


def _documents(paths: Manifests) -> Iterator[tuple[object, SourceLocation]]:
    if isinstance(paths, str | Path | Mapping) or not isinstance(paths, Iterable):
        paths = [paths]
    for position, each in enumerate(paths):
        if isinstance(each, Mapping):
            yield dict(each), SourceLocation(f"manifests[{position}]")
        elif isinstance(each, str | Path):
            for file in _files(each):
                for document in _parsed(file):
                    yield document, SourceLocation(file, line_of(document))
        else:
            raise advised(
                f"`{_short(each)}` is neither a path nor a manifest",
                "pass a file, a directory, a manifest as a mapping, or a list of these",
            )


def _files(path: str | Path) -> list[str]:
    folder = Path(path)
    if not folder.is_dir():
        return [str(path)]
    files = sorted(each for each in folder.iterdir() if each.suffix in _ENDINGS)
    if not files:
        raise ConfigurationError(f"`{path}` holds no {', '.join(_ENDINGS)} file")
    for file in files:
        # What a directory is not asked to hold is not read.
        if not file.resolve().is_relative_to(folder.resolve()):
            raise advised(
                f"`{file}` is a link to a file outside of `{path}`",
                "name that file itself to have it read",
            )
    return [str(file) for file in files]


def _unpacked(
    document: object, source: SourceLocation
) -> Iterator[tuple[dict[str, Any], SourceLocation]]:
    """Yield the manifests of a document, which may be none, one or a list."""
    if document is None:
        return
    if not isinstance(document, dict):
        raise located(_no_manifest(f"`{_short(document)}` is no manifest"), source)
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and "items" in document:
        items = Node(document, source._replace(name=kind)).nodes("items")
        for each in items:
            yield from _unpacked(each.values, each.source._replace(name=""))
        return
    yield document, source


def _parsed(file: str) -> list[Any]:
    text = read_text(file)
    try:
        return parse_documents(text, file)
    except ConfigurationError as error:
        if "{{" in text:
            error.add_note(_RENDERED)
        raise


def _no_manifest(message: str) -> ConfigurationError:
    return advised(message, _RENDERED)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004  # a line


# ---- kinds ---------------------------------------------------------------------------


def _add(
    objects: Objects, manifest: dict[str, Any], source: SourceLocation, namespace: str
) -> None:
    bare = Node(manifest, source)
    for member in ("apiVersion", "kind"):
        if not bare.text(member):
            raise located(_no_manifest(f"a manifest has no {member}"), source)
    kind = bare.text("kind")
    group, _, version = bare.text("apiVersion").rpartition("/")
    if not _matters(objects, bare, group=group, version=version, kind=kind):
        return
    metadata = bare.node("metadata")
    name = metadata.needed("name")
    space = metadata.text("namespace", namespace)
    space = "" if kind in _CLUSTER_SCOPED else space
    full = f"{space}/{name}" if space else name
    root = Node(manifest, source._replace(name=f"{kind} {full}"))
    if group in {GATEWAY, CONTROLLER}:
        root.check("apiVersion", "kind", "metadata", "spec", "status")
    objects.add(Object(kind, space, name, root))


def _matters(
    objects: Objects, bare: Node, *, group: str, version: str, kind: str
) -> bool:
    """Tell whether an object has a part; a mistake in ours is an error."""
    versions, kinds = _GROUPS.get(group, ((), ()))
    if group == _MULTICLUSTER and kind in {"ServiceExport", "ServiceImport"}:
        objects.notice(
            f"{kind} of {group} does nothing: AWS's controller has its own in "
            f"{CONTROLLER}",
            bare.source,
        )
    if kind not in kinds:
        _check_unused(objects, bare, group, kind)
        return False
    if version in versions:
        return True
    if group in {GATEWAY, CONTROLLER}:
        error = UnsupportedFeatureError(f"version `{version}` of {kind} is not known")
        error.add_note(f"known: {', '.join(f'`{group}/{each}`' for each in versions)}")
        raise located(error, bare.at("apiVersion"))
    return False


def _check_unused(objects: Objects, bare: Node, group: str, kind: str) -> None:
    if group == GATEWAY and kind in _UNUSED:
        objects.notice(
            f"{kind} does nothing: AWS's controller does not look at it", bare.source
        )
    elif group in {GATEWAY, CONTROLLER} and kind not in _SILENT:
        kinds = _GROUPS[group][1]
        raise located(unknown(f"kind of {group}", kind, kinds), bare.at("kind"))
