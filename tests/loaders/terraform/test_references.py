"""References of expressions, followed to the resources behind them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.loaders.terraform.document import read_document
from pytest_lattice.loaders.terraform.references import (
    Key,
    Place,
    References,
    longest,
    place_of,
    steps_of,
)
from tests.loaders.terraform.plans import AFTER, L, always, plan, resource, to

SERVICE = f"{L}service"
WANTED = frozenset({SERVICE})
#: Attributes of a service that nothing knows yet.
NEW = {"id": AFTER, "arn": AFTER}


def service(address: str, **more: object) -> dict[str, Any]:
    """Write a service to be created."""
    return resource(address, {"name": "orders", **NEW}, **more)


def found(written: dict[str, Any], asking: str) -> tuple[list[str], list[str]]:
    """Find what an attribute `link` of a resource means, and what leads nowhere."""
    document = read_document(written)
    instance = document.instances[asking]
    here = instance.configuration["expressions"]["link"]
    result = References(document).find(here, place_of(instance), WANTED)
    return list(result.instances), result.opaque


ASKING = "aws_x.asking"


S = f"{SERVICE}.s"
KEYS, NUMBERS = ('s["a"]', 's["b"]'), ("s[0]", "s[1]")
IN_ONE_MODULE = {
    "plain": (("s",), None, to(f"{S}.id"), ["s"]),
    "key": (KEYS, None, to(f'{S}["b"].id'), ['s["b"]']),
    "number": (NUMBERS, None, to(f"{S}[1].arn"), ["s[1]"]),
    "each-key": (KEYS, '"a"', to(S, "each.key"), ['s["a"]']),
    "count-index": (NUMBERS, "1", to(S, "count.index"), ["s[1]"]),
    "variable-as-key": (KEYS, None, to(S, "var.key"), ['s["b"]']),
    "splat-of-one": (("s[0]",), None, to(S), ["s[0]"]),
    "splat-of-two": (NUMBERS, None, to(S), ["s[0]", "s[1]"]),
    "conditional": (NUMBERS, None, to("var.yes", f"{S}[0].id", "var.x"), ["s[0]"]),
    "computed-key": (KEYS, '"a"', to(S, "each.key", "var.env"), [*KEYS]),
    "no-such-key": (('s["a"]',), None, to(f'{S}["z"].id'), []),
    "another-type": (("s",), None, to("aws_instance.s.id"), []),
    "no-references": (("s",), None, {}, []),
    "either": (("s", "t"), None, to(f"{S}.id", f"{SERVICE}.t.id"), ["s", "t"]),
}


@pytest.mark.parametrize(
    ("services", "index", "expression", "expected"),
    IN_ONE_MODULE.values(),
    ids=IN_ONE_MODULE,
)
def test_references_in_one_module(
    services: tuple[str, ...],
    index: str | None,
    expression: dict[str, Any],
    expected: list[str],
) -> None:
    """Indexes count where they are written, or where exactly one is computed."""
    asking = ASKING if index is None else f"{ASKING}[{index}]"
    written = plan(
        *(service(f"{SERVICE}.{each}") for each in services),
        resource(asking, {"link": AFTER}, link=expression),
        variables={"env": {"value": "dev"}, "key": {"value": "b"}},
    )

    assert found(written, asking)[0] == [f"{SERVICE}.{each}" for each in expected]


def test_locals_lead_nowhere() -> None:
    """A plan does not say what a local value is."""
    written = plan(resource(ASKING, {"link": AFTER}, link=to("local.service_id")))

    assert found(written, ASKING) == ([], ["local.service_id"])


EACH_VALUE = {
    "resource": (to(S), to("each.value.id")),
    "mapping": (always({"a": {"to": "a"}}), to(S, "each.value.to")),
    "variable": (to("var.links"), to(S, "each.value.to")),
    "set": (always(["a", "b"]), to(S, "each.value")),
}


@pytest.mark.parametrize(
    ("for_each", "expression"), EACH_VALUE.values(), ids=EACH_VALUE
)
def test_each_value(for_each: dict[str, Any], expression: dict[str, Any]) -> None:
    """What `each.value` is, is read from what `for_each` goes over."""
    written = plan(
        service(f'{SERVICE}.s["a"]'),
        service(f'{SERVICE}.s["b"]'),
        resource(f'{ASKING}["a"]', {"link": AFTER}, for_each=for_each, link=expression),
        variables={"links": {"value": {"a": {"to": "a"}}}},
    )

    assert found(written, f'{ASKING}["a"]')[0] == [f'{SERVICE}.s["a"]']


def test_module_calls_of_each_key() -> None:
    """`module.x[each.key]` loses its output; one that leads to a service is meant."""
    written = plan(
        service('module.x["a"].aws_vpclattice_service.s'),
        service('module.x["b"].aws_vpclattice_service.s'),
        resource(f'{ASKING}["b"]', {"link": AFTER}, link=to("module.x", "each.key")),
        calls={
            "module.x": {
                "for_each_expression": to("var.names"),
                "module": {
                    "outputs": {
                        "arn": {"expression": to(f"{SERVICE}.s.arn")},
                        "number": {"expression": always(1)},
                    }
                },
            }
        },
    )

    assert found(written, f'{ASKING}["b"]')[0] == [f'module.x["b"].{SERVICE}.s']


def test_outputs_of_objects_and_their_keys() -> None:
    """`module.x.services["b"].id` of an output that is all services."""
    written = plan(
        service(f'module.x.{SERVICE}.s["a"]'),
        service(f'module.x.{SERVICE}.s["b"]'),
        resource(ASKING, {"link": AFTER}, link=to('module.x.services["b"].id')),
        calls={
            "module.x": {
                "module": {"outputs": {"services": {"expression": to(f"{SERVICE}.s")}}}
            }
        },
    )

    assert found(written, ASKING)[0] == [f'module.x.{SERVICE}.s["b"]']


def test_circles_end() -> None:
    """A document that refers to itself is no endless work."""
    written = plan(
        resource(ASKING, {"link": AFTER}, link=to("module.x.a")),
        calls={
            "module.x": {
                "expressions": {"v": to("module.x.a")},
                "module": {"outputs": {"a": {"expression": to("var.v")}}},
            }
        },
    )

    assert found(written, ASKING)[0] == []


_NAME = st.sampled_from(["a", "b", "c"])


@given(st.lists(_NAME, max_size=4), st.lists(_NAME, max_size=4))
def test_any_way_through_modules_is_followed(up: list[str], down: list[str]) -> None:
    """A service deep in one branch is found from deep in another.

    It goes up through outputs to the root module and down through variables; the
    naive expectation is where it was put.
    """
    up_path, down = ["up", *up], ["down", *down]
    owner = ".".join(f"module.{each}" for each in up_path)
    asking = ".".join(f"module.{each}" for each in down)
    calls: dict[str, dict[str, Any]] = {}
    for depth in range(1, len(up_path) + 1):
        inner = (
            to(f"module.{up_path[depth]}.out")
            if depth < len(up_path)
            else to(f"{SERVICE}.s.id")
        )
        path = ".".join(f"module.{each}" for each in up_path[:depth])
        calls[path] = {"module": {"outputs": {"out": {"expression": inner}}}}
    for depth in range(1, len(down) + 1):
        given_there = to("module.up.out") if depth == 1 else to("var.link")
        path = ".".join(f"module.{each}" for each in down[:depth])
        calls[path] = {"expressions": {"link": given_there}}
    written = plan(
        service(f"{owner}.{SERVICE}.s"),
        resource(f"{asking}.{ASKING}", {"link": AFTER}, link=to("var.link")),
        calls=calls,
    )

    assert found(written, f"{asking}.{ASKING}")[0] == [f"{owner}.{SERVICE}.s"]


_STEPS = st.lists(
    st.one_of(_NAME, st.builds(Key, st.integers(0, 9)), st.builds(Key, st.text())),
    min_size=1,
    max_size=5,
).filter(lambda steps: isinstance(steps[0], str))


@given(_STEPS)
def test_steps_are_what_was_written(steps: list[str | Key]) -> None:
    """Splitting undoes joining, whatever a key holds."""
    written = "".join(
        f"[{json.dumps(each.value)}]" if isinstance(each, Key) else f".{each}"
        for each in steps
    ).removeprefix(".")
    plain = [
        Key(each.value.replace("$${", "${").replace("%%{", "%{"))
        if isinstance(each, Key) and isinstance(each.value, str)
        else each
        for each in steps
    ]

    assert list(steps_of(written)) == plain


@given(st.lists(st.lists(_NAME, min_size=2, max_size=4).map(".".join), max_size=4))
def test_longest_leaves_out_what_terraform_repeats(written: list[str]) -> None:
    """No reference is left that only begins another one before it."""
    repeated = to(*written)["references"]
    kept = longest(repeated)

    assert set(kept) <= set(written)
    assert all(
        any(long == each or long.startswith(f"{each}.") for long in kept)
        for each in written
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (always("eu-west-1"), "eu-west-1"),
        (to("var.region"), "eu-central-1"),
        (to("var.regions[1]"), "b"),
        (to("var.by_name.x"), "c"),
        (to("var.with_default"), "d"),
        (to("aws_x.asking.name"), "asking"),
    ],
)
def test_values_that_a_plan_gives_away(
    expression: dict[str, Any] | None, value: object
) -> None:
    """Constants, variables, defaults and known attributes have a value."""
    written = plan(
        resource(ASKING, {"name": "asking"}),
        variables={
            "region": {"value": "eu-central-1"},
            "regions": {"value": ["a", "b"]},
            "by_name": {"value": {"x": "c"}},
        },
    )
    root = written["configuration"]["root_module"]
    root["variables"] = {"with_default": {"default": "d"}}
    document = read_document(written)

    assert References(document).evaluated(expression, Place(document.root)) == value


@pytest.mark.parametrize(
    "expression",
    [
        None,
        {},
        to("var.no"),
        to("var.region[0]"),
        to("var.region", "var.region.x"),
        to("local.x"),
    ],
)
def test_values_that_a_plan_keeps(expression: dict[str, Any] | None) -> None:
    """What is computed, or not there, has no value."""
    written = plan(variables={"region": {"value": "eu-central-1"}})
    document = read_document(written)
    value = References(document).evaluated(expression, Place(document.root))

    assert value is not None  # which is a value
    assert not isinstance(value, str | int | list | dict)
