"""Stacks that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.loaders.cloudformation.stacks import CloudFormationStack, Stacks
from pytest_lattice.loaders.cloudformation.text import plain
from tests.loaders.cloudformation.templates import (
    ACCOUNT,
    PLACE,
    REGION,
    TOPIC,
    stacks_of,
)
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path

EXPORT = {
    "Resources": TOPIC,
    "Outputs": {
        "Arn": {"Value": {"Ref": "AWS::StackName"}, "Export": {"Name": "net-arn"}},
        "Never": {
            "Condition": "Never",
            "Value": 1,
            "Export": {"Name": "never"},
        },
        "Broken": {"Value": 1, "Export": {"Name": {"Ref": "No"}}},
        "Plain": {"Value": 1},
    },
    "Conditions": {"Never": {"Fn::Equals": [1, 2]}},
}
NESTED = {
    "Parameters": {"Path": {"Type": "String"}},
    "Resources": TOPIC,
    "Outputs": {"Path": {"Value": {"Fn::Sub": "${Path}@${AWS::StackName}"}}},
}
OUTER = {
    "Resources": {
        "Inner": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "TemplateURL": "https://example.com/inner.yaml",
                "Parameters": {"Path": "/a"},
            },
        }
    }
}
OUTPUT = {"Fn::GetAtt": ["Inner", "Outputs.Path"]}


def imported(name: str, stacks: Stacks) -> Any:  # noqa: ANN401  # any value
    """Import a value into the first stack."""
    return stacks.all[0].value({"Fn::ImportValue": name}, PLACE)


def test_export_is_found_by_its_name() -> None:
    """What a condition keeps back is unknown, like what nobody exports."""
    stacks = stacks_of({"Resources": TOPIC}, stacks={"net": EXPORT})

    assert imported("net-arn", stacks) == "net"
    assert imported("never", stacks) == "{{Fn::ImportValue:never}}"
    assert imported("other", stacks).remedy == (
        'stacks={"name": template} with the export, or values={"other": …}'
    )


def test_exports_are_of_one_account_and_region() -> None:
    """Another account cannot import, so nothing is found there."""
    elsewhere = CloudFormationStack(EXPORT, account="999999999999")
    stacks = stacks_of({"Resources": TOPIC}, stacks={"net": elsewhere})

    assert imported("net-arn", stacks) == "{{Fn::ImportValue:net-arn}}"


def test_nested_stack_is_given_by_its_logical_id() -> None:
    """Parameters go in, outputs come out; its name is made of the two."""
    stacks = stacks_of(OUTER, stacks={"Inner": NESTED})

    assert [each.name for each in stacks.all] == ["shop", "shop-Inner"]
    assert stacks.all[1].path == ("shop", "Inner")
    assert plain(stacks.all[0].value(OUTPUT, PLACE)) == "/a@shop-Inner"


def test_nested_stack_has_nothing_of_its_own() -> None:
    """Account and parameters of a nested stack are those of the stack around it."""
    inner = CloudFormationStack(NESTED, account="999999999999")

    assert refused(stacks_of, OUTER, stacks={"Inner": inner}) == [
        (
            "nested stack `Inner` has the account and parameters that the stack around "
            "it gives (shop, Inner)"
        ),
        'pass the template alone: stacks={"Inner": path}',
    ]


def test_nested_stack_elsewhere_is_left_out_with_a_warning() -> None:
    """No address is opened; what it would give is unknown."""
    stacks = stacks_of(OUTER)
    found = stacks.all[0].value(OUTPUT, PLACE)

    assert stacks.notices.texts == [
        (
            "nested stack `Inner` is left out, since its template "
            "`https://example.com/inner.yaml` is not at hand; pass "
            'stacks={"Inner": …} (shop, Inner)'
        )
    ]
    assert found == "{{Inner.Outputs.Path}}"
    assert found.remedy == ('stacks={"Inner": …} or values={"Inner.Outputs.Path": …}')


FILE = """
Resources:
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: WHERE}
"""


def add(file: Path, **others: Any) -> Stacks:  # noqa: ANN401  # templates
    """Add a template of a file."""
    stacks = Stacks({}, account=ACCOUNT, region=REGION, others=others)
    stacks.add("outer", CloudFormationStack(file))
    return stacks


def test_nested_file_is_read_beside_the_template(tmp_path: Path) -> None:
    """A path begins where the template is that has it."""
    inner = "Resources: {X: {Type: Y}}"
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "b.yaml").write_text(inner, encoding="utf-8")
    middle = FILE.replace("WHERE", "./b.yaml")
    (tmp_path / "parts" / "a.yaml").write_text(middle, encoding="utf-8")
    (tmp_path / "outer.yaml").write_text(
        FILE.replace("WHERE", "parts/a.yaml"), encoding="utf-8"
    )

    stacks = add(tmp_path / "outer.yaml")

    assert [each.name for each in stacks.all] == [
        "outer",
        "outer-Inner",
        "outer-Inner-Inner",
    ]
    assert stacks.all[2].template.file == str(tmp_path / "parts" / "b.yaml")


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    """A template names files of its own folder, or the user gives them."""
    folder = tmp_path / "infra"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("Resources: {X: {Type: Y}}", encoding="utf-8")
    outer = folder / "outer.yaml"
    outer.write_text(FILE.replace("WHERE", "../secret.yaml"), encoding="utf-8")

    assert refused(add, outer) == [
        (
            f"template `../secret.yaml` is outside of `{folder}`, and is not read "
            f"({outer}:3, Inner)"
        ),
        'pass stacks={"Inner": "../secret.yaml"}',
    ]
    assert len(add(outer, Inner=tmp_path / "secret.yaml").all) == 2


def test_template_inside_itself_is_refused(tmp_path: Path) -> None:
    """A template that is nested in itself would never end."""
    outer = tmp_path / "outer.yaml"
    outer.write_text(FILE.replace("WHERE", "./outer.yaml"), encoding="utf-8")

    assert refused(add, outer) == [
        f"template `./outer.yaml` is nested in itself ({outer}:3, Inner)"
    ]


def test_nested_stack_needs_a_template() -> None:
    """A nested stack without a template is none."""
    outer = {"Resources": {"Inner": {"Type": "AWS::CloudFormation::Stack"}}}

    assert refused(stacks_of, outer) == [
        "AWS::CloudFormation::Stack needs `TemplateURL` (shop, Inner)"
    ]


def test_names_of_stacks_are_unique() -> None:
    """Two stacks of one name would be one."""
    assert refused(stacks_of, {"Resources": TOPIC}, stacks={"shop": EXPORT}) == [
        "two stacks are named `shop`"
    ]


def test_value_of_no_resource_is_refused() -> None:
    """A value that nothing can ask for is a slip of the pen."""
    values = {"Topik.Arn": "x", "net-arn": "y", "{{resolve:ssm:/a}}": "z", "arn:a": "b"}
    stacks = stacks_of({"Resources": TOPIC}, values=values)

    assert refused(stacks.check_values) == [
        "unknown resource of values `Topik`",
        "did you mean `Topic`?",
    ]
    stacks = stacks_of({"Resources": TOPIC}, values={"NetArn": "x", "Topic": "y"})
    assert imported("NetArn", stacks) == "x"
    stacks.check_values()
