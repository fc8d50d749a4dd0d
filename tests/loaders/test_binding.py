"""What answers behind the target groups of a document."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lattice.loaders.assembly import Part
from pytest_lattice.loaders.binding import bound_targets
from pytest_lattice.model.source import SourceLocation
from tests.model.refusals import refused


def group(name: str, *targets: dict[str, Any]) -> Part:
    """Write a target group as a loader would."""
    source = SourceLocation("shop.yaml", 7, name.title())
    values = {"name": name, "type": "INSTANCE", "targets": targets}
    return Part("target group", values, source, names=(name.title(),))


def app(_: object) -> None:
    """Stand for an app."""


def other(_: object) -> None:
    """Stand for another app."""


INSTANCE = {"id": "i-0123456789abcdef0", "names": ("WebInstance",)}
SECOND = {"id": "i-0123456789abcdef1", "port": 81}
GROUPS = (group("web"), group("api", INSTANCE, SECOND))


@pytest.mark.parametrize(
    ("bindings", "web", "api"),
    [
        ({}, [None], [None, None]),
        ({"web": app}, [app], [None, None]),
        ({"Web": [app, other]}, [app, other], [None, None]),
        ({"Api": app}, [None], [app, app]),
        ({"api": (app, other)}, [None], [app, other]),
        ({"api": app, "WebInstance": other}, [None], [other, app]),
        ({"i-0123456789abcdef1": other}, [None], [None, other]),
        ("echo", ["echo"], ["echo", "echo"]),
    ],
)
def test_apps_find_their_targets(
    bindings: Any,  # noqa: ANN401  # what users write
    web: list[object],
    api: list[object],
) -> None:
    """A group goes by its name or logical id, a target by its id or what it is."""
    found = bound_targets(GROUPS, bindings, strict=False)

    assert [[each.app for each in targets] for _, targets in found] == [web, api]


def test_declared_targets_keep_id_and_port() -> None:
    """What the document says of a target stays, whoever answers for it."""
    (_, (first, second)) = bound_targets([GROUPS[1]], {"api": app}, strict=True)[0]

    assert (first.id, first.port) == ("i-0123456789abcdef0", None)
    assert (second.id, second.port) == ("i-0123456789abcdef1", 81)
    assert str(second.source) == "shop.yaml:7, Api"


@pytest.mark.parametrize(
    ("bindings", "strict", "said"),
    [
        (
            {"wbe": app},
            False,
            ["unknown target group or target `wbe`", "did you mean `web`?"],
        ),
        (
            {"api": [app]},
            False,
            [
                (
                    "target group `api` has 2 targets, and 1 apps are bound to it "
                    "(shop.yaml:7, Api)"
                )
            ],
        ),
        (
            {"api": app},
            True,
            [
                "nothing is bound to target group `web` (shop.yaml:7, Web)",
                'bind an app with targets={"web": app}',
            ],
        ),
        (
            "web",
            False,
            [
                "targets `web` is not a mapping",
                'write targets={"name of a target group": app}, or targets="echo"',
            ],
        ),
        (
            None,
            False,
            [
                "targets `None` is not a mapping",
                'write targets={"name of a target group": app}, or targets="echo"',
            ],
        ),
    ],
)
def test_what_is_refused(
    bindings: Any,  # noqa: ANN401  # what users write
    strict: bool,  # noqa: FBT001  # a row's
    said: list[str],
) -> None:
    """A binding that fits nothing names the nearest; so does what is not bound."""
    assert refused(bound_targets, GROUPS, bindings, strict=strict) == said
