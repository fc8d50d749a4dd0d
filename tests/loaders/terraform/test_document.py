"""Plans and states as trees of modules and resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.loaders import reading
from pytest_lattice.loaders.terraform.document import (
    UNKNOWN,
    block,
    calls_in,
    read_document,
)
from tests.loaders.terraform.plans import (
    AFTER,
    FIXTURES,
    L,
    fixture,
    plan,
    resource,
    state,
)
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path

SHOW = "write it with `terraform show -json PLANFILE > plan.json`"
SERVICE = f"{L}service.orders"


NUMBERED = {"address": 5, "mode": "managed", "type": "aws_vpc", "name": "a"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"format_version": "2.0", "planned_values": {}}',
            ["`@PLAN` has format version 2.0; 1.x is what is known"],
        ),
        (
            '{"format_version": "0.2", "values": {}}',
            ["`@PLAN` has format version 0.2; 1.x is what is known"],
        ),
        (
            '{"version": 4, "lineage": "8d1c", "resources": []}',
            [
                "`@PLAN` is a state file, whose format is Terraform's own",
                "write what it says with `terraform show -json > state.json`",
            ],
        ),
        (
            '{"@level": "info"}\n{"@level": "info"}',
            ["`@PLAN` is the log of a command", SHOW],
        ),
        ("{}", ["`@PLAN` is no plan or state of Terraform", SHOW]),
        ("[]", ["`@PLAN` is no plan or state of Terraform", SHOW]),
        (
            '{"format_version": "1.2",\n "planned_values" {}}',
            ["@PLAN:2, column 19: no JSON: expecting ':' delimiter", SHOW],
        ),
        (
            '{"format_version": "1.2", "planned_values": {}, "errored": true}',
            ["`@PLAN` is a plan that failed; it is not complete"],
        ),
        (
            '{"format_version": "1.2", "planned_values": {"root_module": ["x"]}}',
            ["@PLAN: root_module is not a mapping", "it is `['x']`"],
        ),
        (
            json.dumps(
                {
                    "format_version": "1.2",
                    "values": {"root_module": {"resources": [NUMBERED]}},
                }
            ),
            ["@PLAN: address `5` is not text"],
        ),
    ],
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str, said: list[str]) -> None:
    """What users pass by mistake is named, with the command to use."""
    file = tmp_path / "plan.json"
    file.write_text(text, encoding="utf-8")

    assert refused(read_document, file) == [
        each.replace("@PLAN", str(file)) for each in said
    ]


def test_deep_and_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither nesting without end nor a file of many megabytes is read."""
    file = tmp_path / "plan.json"
    file.write_text("[" * 100_000, encoding="utf-8")
    assert refused(read_document, file) == [f"`{file}` is nested too deeply"]

    monkeypatch.setattr(reading, "LARGEST", 1000)
    assert refused(read_document, file) == [
        f"`{file}` has 100000 bytes, more than 1000"
    ]


def test_other_minor_versions_and_unknown_keys_are_read() -> None:
    """A minor version only adds what may be ignored."""
    written = plan(resource(SERVICE, {"name": "orders"})) | {
        "format_version": "1.99",
        "something_new": [{"of": "tomorrow"}],
    }

    assert list(read_document(written).instances) == [SERVICE]


def test_empty_state_has_nothing() -> None:
    """A state before the first apply has no values at all."""
    assert read_document({"format_version": "1.0"}).instances == {}


def test_unknowns_are_marked_wherever_they_are() -> None:
    """Attributes that a plan leaves out, and elements that it writes as null."""
    values = {
        "name": "orders",
        "id": AFTER,
        "tags": {"team": "shop", "stamp": AFTER},
        "default_action": [{"forward": [{"target_groups": [{"id": AFTER}]}]}],
        "several": ["a", AFTER],
        "unset": None,
    }

    (instance,) = read_document(plan(resource(SERVICE, values))).instances.values()

    assert instance.values == {
        "name": "orders",
        "id": UNKNOWN,
        "tags": {"team": "shop", "stamp": UNKNOWN},
        "default_action": [{"forward": [{"target_groups": [{"id": UNKNOWN}]}]}],
        "several": ["a", UNKNOWN],
        "unset": None,
    }
    assert repr(UNKNOWN) == "(known after apply)"


def test_a_document_of_the_user_is_not_changed() -> None:
    """What was passed in as a mapping is as it was before."""
    written = fixture("orders-plan.json")
    before = json.dumps(written)

    read_document(written)

    assert json.dumps(written) == before


def test_modules_are_found_by_call_and_index() -> None:
    """Instances know their module; indexes are text with `for_each`, else numbers."""
    document = read_document(FIXTURES / "catalog-module-plan.json")
    rule = (
        'module.lattice.module.listeners["books"].module.rules["http"].'
        f"{L}listener_rule.this[0]"
    )

    instance = document.instances[rule]

    assert (instance.index, instance.module.name, instance.module.index) == (
        0,
        "rules",
        "http",
    )
    assert instance.module.parent is not None
    assert instance.module.parent.index == "books"
    assert str(instance.source) == f"{FIXTURES / 'catalog-module-plan.json'}, {rule}"
    assert "match" in instance.configuration["expressions"]


@pytest.mark.parametrize(
    ("address", "calls"),
    [
        ("", []),
        ("module.a", [("a", None)]),
        ("module.a[0].module.b-c", [("a", 0), ("b-c", None)]),
        ('module.a["x.y[0]"]', [("a", "x.y[0]")]),
        (r'module.a["say \"$${hi}\""]', [("a", 'say "${hi}"')]),
        (r'module.a["\x00"]', [("a", r"\x00")]),
    ],
)
def test_addresses_of_modules(address: str, calls: list[Any]) -> None:
    """Keys may hold dots, brackets and escapes."""
    assert list(calls_in(address)) == calls


def test_what_is_deleted_or_deposed_is_not_there() -> None:
    """A planned network has no deleted rule, and each replaced group once, the new."""
    document = read_document(FIXTURES / "canary-update-plan.json")
    group = document.instances[f"{L}target_group.canary"]

    assert f"{L}listener_rule.beta" not in document.instances
    assert (group.values["name"], group.values["id"]) == ("orders-v2", UNKNOWN)
    assert group.changes
    assert not document.instances[f"{L}service.orders"].changes

    instances = read_document(FIXTURES / "orders-state.json").instances
    assert instances["aws_instance.orders[0]"].values["id"] == "i-0aaaaaaaaaaaaaaa0"


def test_data_that_was_read_stands_in_the_prior_state() -> None:
    """Data sources count, what a plan takes out of the prior state does not."""
    document = read_document(FIXTURES / "canary-update-plan.json")

    assert document.instances["data.aws_caller_identity.current"].mode == "data"


def test_blocks() -> None:
    """A block is a list of one; an unset one is empty, null or missing."""
    values = {"a": [{"b": [{"c": 1}], "empty": [], "null": [None]}], "u": UNKNOWN}

    assert block(values, "a", "b") == {"c": 1}
    assert block(values, "a", "empty") is None
    assert block(values, "a", "null") is None
    assert block(values, "missing") is None
    assert block(values, "u", "x") is UNKNOWN


def test_sensitive_values_are_hidden_and_listed() -> None:
    """Texts that a document marks keep their value and show nothing."""
    written = state(resource(SERVICE, {"name": "orders", "tags": {"pin": "0000"}}))
    written["values"]["root_module"]["resources"][0]["sensitive_values"] = {
        "tags": True
    }

    document = read_document(written)
    (instance,) = document.instances.values()

    assert instance.values["tags"] == {"pin": "0000"}
    assert repr(instance.values["tags"]) == "{'pin': (sensitive value)}"
    assert document.sensitive == {"0000"}
