"""Kubernetes manifests: what is read, from where, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pytest_lattice import ConfigurationError
from pytest_lattice.errors import UnsupportedFeatureError
from pytest_lattice.loaders import reading
from pytest_lattice.loaders.gateway_api.manifests import read_manifests
from tests.loaders.gateway_api.cluster import gateway, manifest, route, service
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lattice.loaders.gateway_api.manifests import Manifests

RENDERED = "load the output of `kustomize build` or `helm template`, rendered"


def names(paths: Manifests, namespace: str = "default") -> list[str]:
    """Read manifests and name the objects that matter."""
    objects = read_manifests(paths, namespace)
    kinds = ("Gateway", "HTTPRoute", "Service", "ServiceNetwork")
    return [each.called for each in objects.of(*kinds)]


def written(file: Path, *manifests: Any) -> Path:  # noqa: ANN401  # anything YAML has
    """Write documents into a file."""
    file.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")
    return file


def test_file_of_several_documents(tmp_path: Path) -> None:
    """Each document is an object; empty ones and other kinds are passed over."""
    pod = manifest("Pod", "x") | {"apiVersion": "v1"}
    file = written(tmp_path / "shop.yaml", gateway(), None, pod, service())

    assert names(file) == ["Gateway `default/shops`", "Service `default/web`"]
    assert names(str(file)) == names([file])


def test_objects_know_their_lines(tmp_path: Path) -> None:
    """The place is the file as it was given, the line of the object and its name."""
    file = tmp_path / "shop.yaml"
    file.write_text(
        "# a comment\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
        "---\n\nkind: Service\napiVersion: v1\nmetadata: {name: b, namespace: c}\n"
    )
    found = read_manifests(file, "default").of("Service")

    assert [str(each.source) for each in found] == [
        f"{file}:2, Service default/a",
        f"{file}:7, Service c/b",
    ]


def test_directory_is_read_by_name(tmp_path: Path) -> None:
    """YAML and JSON files of a directory are read in order, and nothing below it."""
    written(tmp_path / "b.yml", service("b"))
    written(tmp_path / "a.yaml", service("a"))
    (tmp_path / "c.json").write_text(
        '{"kind": "Service",\n"apiVersion": "v1", "metadata": {"name": "c"}}'
    )
    (tmp_path / "notes.txt").write_text("{{ no YAML")
    (tmp_path / "below").mkdir()
    written(tmp_path / "below" / "d.yaml", service("d"))

    assert names(tmp_path) == [f"Service `default/{name}`" for name in "abc"]


def test_link_inside_a_directory_is_followed(tmp_path: Path) -> None:
    """A link to a file of the directory itself is one of its files."""
    (tmp_path / "shop").mkdir()
    file = written(tmp_path / "shop" / "web.txt", service())
    (tmp_path / "shop" / "web.yaml").symlink_to(file)

    assert names(tmp_path / "shop") == ["Service `default/web`"]


def test_link_out_of_a_directory_is_refused(tmp_path: Path) -> None:
    """Nothing outside of the given paths is read, unless it is named."""
    (tmp_path / "shop").mkdir()
    outside = written(tmp_path / "secret.yaml", service())
    link = tmp_path / "shop" / "web.yaml"
    link.symlink_to(outside)

    assert refused(names, tmp_path / "shop") == [
        f"`{link}` is a link to a file outside of `{tmp_path / 'shop'}`",
        "name that file itself to have it read",
    ]
    assert names(link) == ["Service `default/web`"]


def test_directory_without_manifests_is_refused(tmp_path: Path) -> None:
    """A wrong directory is told from an empty network."""
    assert refused(names, tmp_path) == [
        f"`{tmp_path}` holds no .yaml, .yml, .json file"
    ]


def test_missing_file_is_refused() -> None:
    """A path that does not exist is named as it was given."""
    assert refused(names, "nowhere.yaml") == [
        "`nowhere.yaml` cannot be read: No such file or directory"
    ]


def test_mappings_are_manifests() -> None:
    """A test may write manifests itself; places count them."""
    assert names(service()) == ["Service `default/web`"]
    found = read_manifests([gateway(), service()], "default").of("Service")

    assert str(found[0].source) == "manifests[1], Service default/web"


def test_lists_hold_objects() -> None:
    """What `kubectl get -o yaml` writes is unpacked, however often it is packed."""
    inner = {"apiVersion": "v1", "kind": "ServiceList", "items": [service("b")]}
    outer = {"apiVersion": "v1", "kind": "List", "items": [service("a"), inner]}

    assert names(outer) == ["Service `default/a`", "Service `default/b`"]


def test_namespace_is_given_or_written() -> None:
    """The namespace of the call counts where none is written."""
    assert names(
        [service(), service(namespace="b"), manifest("ServiceNetwork", "n")], "a"
    ) == ["Service `a/web`", "Service `b/web`", "ServiceNetwork `n`"]


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        ("just text", ["`just text` is no manifest (manifest.yaml)", RENDERED]),
        (["a"], ["`['a']` is no manifest (manifest.yaml:1)", RENDERED]),
        (
            {"resources": ["a.yaml"]},
            ["a manifest has no apiVersion (manifest.yaml:1)", RENDERED],
        ),
        (
            {"apiVersion": "v1"},
            ["a manifest has no kind (manifest.yaml:1)", RENDERED],
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {}},
            ["metadata.name is missing (manifest.yaml:3)"],
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": "web"},
            ["metadata `web` is not a mapping (manifest.yaml:3)"],
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": 7}},
            ["metadata.name `7` is not text (manifest.yaml:4)"],
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": True}},
            ["metadata.name `True` is not text (manifest.yaml:4)"],
        ),
        (
            {"apiVersion": "v1", "kind": "List", "items": [1]},
            ["items[0] `1` is not a mapping (manifest.yaml:4, List)"],
        ),
        (
            manifest("HTPRoute", "web"),
            [
                (
                    "unknown kind of gateway.networking.k8s.io `HTPRoute` "
                    "(manifest.yaml:2)"
                ),
                "did you mean `HTTPRoute`?",
            ],
        ),
        (
            manifest("IamAuthPolicy", "web"),
            [
                (
                    "unknown kind of application-networking.k8s.aws `IamAuthPolicy` "
                    "(manifest.yaml:2)"
                ),
                "did you mean `IAMAuthPolicy`?",
            ],
        ),
        (
            route() | {"sepc": {}},
            [
                (
                    "unknown property of the manifest `sepc` "
                    "(manifest.yaml:12, HTTPRoute default/web)"
                ),
                "did you mean `spec`?",
            ],
        ),
    ],
)
def test_what_is_no_manifest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: object, lines: list[str]
) -> None:
    """The place is named, and the nearest right name where there is one."""
    monkeypatch.chdir(tmp_path)
    order = {"apiVersion": 0, "kind": 1, "metadata": 2}
    if isinstance(document, dict):
        document = dict(
            sorted(document.items(), key=lambda item: order.get(item[0], 9))
        )
    file = tmp_path / "manifest.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    assert refused(names, "manifest.yaml") == lines


@pytest.mark.parametrize("thing", [7, None, [7]])
def test_what_is_no_path_is_refused(thing: Any) -> None:  # noqa: ANN401  # wrong on purpose
    """Neither numbers nor nothing are paths."""
    shown = thing[0] if isinstance(thing, list) else thing

    assert refused(names, thing) == [
        f"`{shown}` is neither a path nor a manifest",
        "pass a file, a directory, a manifest as a mapping, or a list of these",
    ]


def test_unknown_version_is_refused() -> None:
    """A version that is not known is no guess, and the known ones are named."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        names(route() | {"apiVersion": "gateway.networking.k8s.io/v2"})

    known = ", ".join(
        f"`gateway.networking.k8s.io/{each}`"
        for each in ("v1", "v1beta1", "v1alpha3", "v1alpha2")
    )
    assert said(caught.value) == [
        "version `v2` of HTTPRoute is not known (manifests[0])",
        f"known: {known}",
    ]


def test_unknown_version_of_another_group_is_passed_over() -> None:
    """Only the two groups of AWS's controller are held to their versions."""
    old = service() | {"apiVersion": "v1beta9"}

    assert names(old) == []


def test_same_object_twice_is_refused() -> None:
    """Two objects of one kind and name name both places."""
    assert refused(names, [service(), service()]) == [
        (
            "Service `default/web` is there twice; the other is manifests[0], Service "
            "default/web (manifests[1], Service default/web)"
        )
    ]


# ------------------------------------------------------------------------ bad intents


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "kind: !!python/object/apply:os.system [ls]",
            ["evil.yaml:1: tag `!!python/object/apply:os.system` is not allowed"],
        ),
        ("a: *b", ["evil.yaml:1: alias `*b` has no anchor before it"]),
        ("a: {", None),
        ("a: {{ .Values.a }}", ["evil.yaml:1: a key is not text", RENDERED]),
        ("kind: Service\nkind: Service", ["evil.yaml:2: key `kind` is there twice"]),
    ],
)
def test_bad_yaml_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    lines: list[str] | None,
) -> None:
    """Nothing is run, and the line is named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.yaml").write_text(text)

    found = refused(names, "evil.yaml")
    assert found == lines or (lines is None and found[0].startswith("evil.yaml:"))


def test_bomb_is_refused(tmp_path: Path) -> None:
    """A few lines that stand for millions of values are not unfolded."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        levels.append(f"a{level}: &a{level} [{inner}]")
    file = tmp_path / "bomb.yaml"
    file.write_text("\n".join(levels))

    assert refused(names, file) == [f"{file}:7: stands for more than 2000000 values"]


def test_large_file_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size is looked at before the content."""
    monkeypatch.setattr(reading, "LARGEST", 100)
    file = tmp_path / "large.yaml"
    file.write_text("\0" * 101)

    assert refused(names, file) == [f"`{file}` has 101 bytes, more than 100"]


def test_errors_are_configuration_errors() -> None:
    """Whoever catches what a loader raises needs one name."""
    assert issubclass(UnsupportedFeatureError, ConfigurationError)
