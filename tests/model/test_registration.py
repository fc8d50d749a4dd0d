"""Target groups with more targets, fewer, or changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_lattice.model.registration import (
    check_change,
    with_registered,
    without_deregistered,
)
from pytest_lattice.model.target_group import HealthCheck, Target, TargetGroup
from tests.model.refusals import refused


def app(environ: object, start_response: object) -> list[bytes]:
    """Be a WSGI app."""
    return []


def other(environ: object, start_response: object) -> list[bytes]:
    """Be another one."""
    return []


def ids(group: TargetGroup) -> list[str]:
    """List the ids of a group's targets."""
    return [each.id for each in group.registered]


def test_new_target_has_an_id_of_its_own() -> None:
    """A target without an id gets one that no other has, nor one that drains."""
    group = TargetGroup("web", targets=[app, app])
    first, second = group.registered
    fewer = without_deregistered(group, [first.id])
    more = with_registered(fewer, ["echo"], draining=[first])

    assert ids(fewer) == [second.id]
    assert ids(more)[0] == second.id
    assert ids(more)[1] not in {first.id, second.id}
    assert ids(with_registered(fewer, ["echo"], draining=[]))[1] == first.id


def test_target_can_be_given_with_id_and_port() -> None:
    """A `Target` is registered as it is, with the port of the group by default."""
    group = with_registered(
        TargetGroup("web", port=8080), [Target("i-1"), Target("i-1", port=81)], ()
    )

    assert [(each.id, each.port) for each in group.registered] == [
        ("i-1", 8080),
        ("i-1", 81),
    ]


TWICE = [Target("i-1", port=80, app=app), Target("i-1", port=81, app=app)]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        pytest.param("i-1", ["i-2:80"], id="id-means-all-ports"),
        pytest.param(Target("i-1"), ["i-2:80"], id="value-without-port"),
        pytest.param(Target("i-1", port=81), ["i-1:80", "i-2:80"], id="one-port"),
        pytest.param(app, ["i-2:80"], id="app"),
        pytest.param(Target(app=other), ["i-1:80", "i-1:81"], id="value-with-app"),
    ],
)
def test_targets_are_named(named: object, left: list[str]) -> None:
    """What is deregistered goes by id, by id and port, or by its app."""
    group = TargetGroup("web", targets=[*TWICE, Target("i-2", app=other)])
    fewer = without_deregistered(group, [named])

    assert [f"{each.id}:{each.port}" for each in fewer.registered] == left


def test_targets_that_stay_keep_their_ids() -> None:
    """A derived id does not change when targets before it go."""
    group = TargetGroup("web", targets=["echo", "echo", "echo"])
    gone = group.registered[0]

    assert ids(without_deregistered(group, [gone])) == ids(group)[1:]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), ["one call registers 1 to 100 targets, not 0"]),
        (["echo"] * 101, ["one call registers 1 to 100 targets, not 101"]),
        (
            [Target("i-1")],
            ["target group `web` registers `i-1` with port 80 twice"],
        ),
        (
            [None],
            [
                "target group `web`: a target is `None`, which is no app",
                "Target() is one that nothing is bound to",
            ],
        ),
    ],
    ids=["none", "too many", "duplicate", "nothing"],
)
def test_registration_is_refused(targets: list[object], said: list[str]) -> None:
    """AWS takes 1 to 100 targets in a call, and each once."""
    group = TargetGroup("web", targets=[Target("i-1")])

    assert refused(with_registered, group, targets, ()) == said


def test_group_takes_a_thousand_targets() -> None:
    """The quota of a group holds however the targets come."""
    group = TargetGroup("web", targets=["echo"] * 1000)

    assert refused(with_registered, group, ["echo"], ()) == [
        "target group `web` has 1001 targets, more than 1000"
    ]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ((), ["one call deregisters 1 to 100 targets, not 0"]),
        (
            ["i-12"],
            ["unknown target of target group `web` `i-12`", "did you mean `i-1`?"],
        ),
        (
            [Target("i-1", port=81)],
            ["unknown target of target group `web` `i-1`", "did you mean `i-1`?"],
        ),
    ],
    ids=["none", "unknown id", "other port"],
)
def test_deregistration_is_refused(named: list[object], said: list[str]) -> None:
    """What is not registered cannot be deregistered."""
    group = TargetGroup("web", targets=[Target("i-1")])

    assert refused(without_deregistered, group, named) == said


@pytest.mark.parametrize(
    ("field", "value", "was"),
    [
        ("protocol", "HTTPS", "HTTP"),
        ("protocol_version", "HTTP2", "HTTP1"),
        ("port", 81, 80),
        ("vpc", "other", "default"),
        ("type", "IP", "INSTANCE"),
    ],
)
def test_change_is_refused(field: str, value: Any, was: object) -> None:  # noqa: ANN401  # any field's
    """What AWS cannot update is refused with the name of the field."""
    old = TargetGroup("web", port=80)
    new = replace(old, **{field: value})

    assert refused(check_change, old, new) == [
        f"target group `web`: {field} cannot change from `{was}` to `{value}`",
        "AWS updates the health check only; declare another target group",
    ]


def test_event_version_and_address_type_are_fixed_too() -> None:
    """A function keeps its event version, addresses their type."""
    function = TargetGroup("function", type="LAMBDA")
    addresses = TargetGroup("addresses", type="IP")

    for old, new, field in (
        (
            function,
            replace(function, lambda_event_structure_version="V2"),
            "lambda_event_structure_version",
        ),
        (addresses, replace(addresses, ip_address_type="IPV6"), "ip_address_type"),
    ):
        assert f": {field} cannot change" in refused(check_change, old, new)[0]


def test_health_check_and_targets_change() -> None:
    """The health check and the targets may be others."""
    old = TargetGroup("web", targets="echo")

    check_change(old, replace(old, health_check=HealthCheck(path="/h"), targets=()))
