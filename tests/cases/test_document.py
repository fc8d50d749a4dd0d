"""Case files, read."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import jsonschema
import pytest

from pytest_lattice import Role, ServiceNetwork, TargetGroup
from pytest_lattice.cases.document import case_schema, read_cases
from pytest_lattice.loaders.recognize import KINDS, loader_of
from tests.model.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path

CASES = "cases: [{request: GET https://shop/, expect: {status: 200}}]\n"


def test_a_network_of_its_own(tmp_path: Path) -> None:
    """A network can be written in the file; echo answers unless it says otherwise."""
    file = tmp_path / "shop.lattice.yaml"
    file.write_text(
        "network:\n  target_groups: [{name: web, targets: [{}]}]\n"
        "roles: [{name: checkout}]\n" + CASES
    )
    found = read_cases(file)

    assert found.resources == (TargetGroup("web", targets=["echo"]), Role("checkout"))
    assert [each.request for each in found.cases] == ["GET https://shop/"]


@pytest.mark.parametrize(
    "network", ["nets/shop.yaml", "{document: nets/shop.yaml}"], ids=["path", "key"]
)
def test_a_network_elsewhere(tmp_path: Path, network: str) -> None:
    """A path is relative to the case file; a path alone is a document's."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "shop.yaml").write_text("service_networks: [{name: shops}]")
    file = tmp_path / "shop.lattice.yaml"
    file.write_text(f"network: {network}\n{CASES}")

    assert read_cases(file).resources == (ServiceNetwork("shops"),)


def test_a_template_is_a_network(tmp_path: Path) -> None:
    """The key of a loader takes the loader's arguments; a template has parameters."""
    (tmp_path / "shop.yaml").write_text(
        "Parameters: {Stage: {Type: String}}\n"
        "Resources:\n"
        "  Network:\n"
        "    Type: AWS::VpcLattice::ServiceNetwork\n"
        "    Properties: {Name: !Sub 'shops-${Stage}'}\n"
    )
    file = tmp_path / "shop.lattice.yaml"
    network = "{cloudformation: shop.yaml, parameters: {Stage: live}}"
    file.write_text(f"network: {network}\n{CASES}")

    assert read_cases(file).resources == (
        ServiceNetwork("shops-live", auth_type="NONE"),
    )


def test_account_is_an_argument_too(tmp_path: Path) -> None:
    """A template has an account; that is no second loader."""
    (tmp_path / "shop.yaml").write_text(
        "Resources: {Network: {Type: AWS::VpcLattice::ServiceNetwork}}\n"
    )
    file = tmp_path / "shop.lattice.yaml"
    network = '{cloudformation: shop.yaml, account: "111111111111", parameters: }'
    file.write_text(f"network: {network}\n{CASES}")
    (made,) = read_cases(file).resources

    assert isinstance(made, ServiceNetwork)
    assert made.account == "111111111111"


def test_plans_that_belong_together(tmp_path: Path) -> None:
    """Loaders of several documents take a list of paths."""
    state = '{"format_version": "1.0", "values": {"root_module": {}}}'
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(state)
    file = tmp_path / "shop.lattice.yaml"
    file.write_text(f"network: {{terraform: [a.json, b.json]}}\n{CASES}")

    assert read_cases(file).resources == ()


def test_every_loader_takes_targets() -> None:
    """Each kind of document has a loader to which a case file can say what answers."""
    for kind in KINDS:
        assert "targets" in signature(loader_of(kind)).parameters


def test_a_path_alone_may_be_of_any_kind(tmp_path: Path) -> None:
    """What a document holds tells its kind; a case file is none of a network."""
    (tmp_path / "shop.yaml").write_text(
        "Resources: {Net: {Type: AWS::VpcLattice::ServiceNetwork, "
        "Properties: {Name: shops}}}"
    )
    file = tmp_path / "shop.lattice.yaml"
    file.write_text("network: shop.yaml\n" + CASES)

    (network,) = read_cases(file).resources
    assert network == ServiceNetwork("shops")
    file.write_text("network: shop.lattice.yaml\n" + CASES)
    (said,) = refused(read_cases, file)
    assert said.startswith("`shop.lattice.yaml` has cases and is no network's document")


@pytest.mark.parametrize(
    ("network", "valid"),
    [
        ("shop.yaml", True),
        ({"services": [], "targets": "echo"}, True),
        ({"cloudformation": "a.yaml", "parameters": {"A": 1}, "account": "1"}, True),
        ({"terraform": ["a.json", "b.json"]}, True),
        ({"servces": []}, False),
        ({"cloudformation": "a.yaml", "parametrs": {}}, False),
        ({"cloudformation": ["a.yaml"]}, False),
    ],
    ids=range(7),
)
def test_editors_know_what_a_network_is(network: object, *, valid: bool) -> None:
    """The schema takes the arguments of each loader, and no others."""
    case = {"request": "GET https://shop/", "expect": {"status": 200}}
    schema = jsonschema.Draft202012Validator(case_schema())

    assert schema.is_valid({"network": network, "cases": [case]}) is valid


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[]",
            [
                "the case file is no mapping (x.lattice.yaml:1)",
                "its keys: network, roles, users, cases",
            ],
        ),
        (
            "network: shop.yaml\ncsaes: []",
            [
                "unknown key of a case file `csaes` (x.lattice.yaml:2:1, csaes)",
                "did you mean `cases`?",
            ],
        ),
        ("cases: [1]", ["a case file needs `network` (x.lattice.yaml:1)"]),
        ("network: {}\ncases: [1]", ["a case file needs `network` (x.lattice.yaml:1)"]),
        (
            "network: {services: []}\ncases: []",
            ["a case file needs `cases` (x.lattice.yaml:1)"],
        ),
        (
            "network: {servces: []}\n" + CASES,
            [
                ("unknown key of a network `servces` "
                "(x.lattice.yaml:1:11, network.servces)"),
                "did you mean `services`?",
            ],
        ),
        (
            "network: [shop.yaml]\n" + CASES,
            [
                ("`['shop.yaml']` is neither a path nor a network "
                "(x.lattice.yaml:1:1, network)")
            ],
        ),
        (
            "network: {document: shop.yaml, target: echo}\n" + CASES,
            [
                ("unknown option of document `target` "
                "(x.lattice.yaml:1:32, network.target)"),
                "did you mean `targets`?",
            ],
        ),
        (
            ("network: {services: []}\ncases:\n- request: GET https://shop/\n"
            "  expect: {sttus: 200}"),
            [
                ("unknown key of a case's expectation `sttus` "
                "(x.lattice.yaml:4:12, cases[0].expect.sttus)"),
                "did you mean `status`?",
            ],
        ),
        (
            ("network: {services: []}\ncases:\n- request: GET https://shop/\n"
            "  expect: {status: ok}"),
            [
                ("`'ok'` is not a whole number "
                "(x.lattice.yaml:4:12, cases[0].expect.status)"),
            ],
        ),
        (
            "network: {cloudformation: shop.yaml, stacks: [a]}\n" + CASES,
            [
                ("`['a']` is not a mapping "
                "(x.lattice.yaml:1:38, network.stacks)"),
            ],
        ),
        (
            "network: {cloudformation: [shop.yaml]}\n" + CASES,
            [
                ("`['shop.yaml']` is not text "
                "(x.lattice.yaml:1:11, network.cloudformation)"),
            ],
        ),
        (
            "network: {cloudformation: a.yaml, terraform: b.json}\n" + CASES,
            [
                ("one network has `cloudformation` and `terraform` "
                "(x.lattice.yaml:1:1, network)"),
            ],
        ),
        ("# nothing yet", ["x.lattice.yaml:1: the file is empty"]),
        (
            "network: [",
            ["x.lattice.yaml:2, column 1: did not find expected node content"],
        ),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: list[str]
) -> None:
    """A mistake is named with line and column, and the nearest right word."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "x.lattice.yaml"
    file.write_text(text)

    assert refused(read_cases, file) == said


def test_a_document_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the missing file and where it was asked for."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "x.lattice.yaml"
    file.write_text("network: shop.yaml\n" + CASES)

    (said,) = refused(read_cases, file)
    assert said == (
        "`shop.yaml` cannot be read: No such file or directory "
        "(x.lattice.yaml:1:1, network)"
    )
