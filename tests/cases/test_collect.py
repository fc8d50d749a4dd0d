"""Case files under pytest: items, their names, what a red one prints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "case_files"
NETWORK = """\
network:
  target_groups: [{name: web}]
  services:
    - name: shop
      listeners: [{protocol: HTTPS, default: {forward: web}}]
cases:
"""


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """Give a folder with the example in it."""
    for file in EXAMPLE.glob("*.yaml"):
        shutil.copy(file, pytester.path)
    return pytester


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_every_case_is_an_item(shop: pytest.Pytester, options: tuple[str, ...]) -> None:
    """The example's cases pass, alone and spread over workers."""
    shop.runpytest(*options).assert_outcomes(passed=6)


def test_cases_are_chosen_by_name(shop: pytest.Pytester) -> None:
    """`-k` and node ids choose cases; ids are what the file says."""
    result = shop.runpytest("-k", "beta", "-v")
    result.assert_outcomes(passed=1, deselected=5)
    result.stdout.fnmatch_lines(
        ["orders.lattice.yaml::beta users get the canary PASSED*"]
    )
    one = "orders.lattice.yaml::strangers stay out"
    shop.runpytest(one).assert_outcomes(passed=1)


RED = """\
expected status 404, but target `i-7efaad912d20dd356` of `web` answered 200
  that is the app's own answer, not the network's

GET https://shop-832a715641e3c7108.7d67968.vpc-lattice-svcs.us-west-2.on.aws/ \
from 10.0.231.107 in VPC `default`
  VPC       yes  associated with service network `default`
  service   yes  `shop` (shop.lattice.yaml:4, shop) by its generated DNS name
  listener  yes  (shop.lattice.yaml:5), HTTPS on port 443
  default   yes  forward to `web`
  target    yes  `i-7efaad912d20dd356` at 10.0.142.161:80 of `web` \
(shop.lattice.yaml:2, web)
  => 200

the case: shop.lattice.yaml:7, the canary
"""


def test_a_red_case_explains_itself(pytester: pytest.Pytester) -> None:
    """The failure has place, name and the decision's steps, and no code of ours."""
    file = pytester.path / "shop.lattice.yaml"
    case = "- {name: the canary, request: 'GET https://shop/', expect: {status: 404}}"
    file.write_text(NETWORK + case)
    result = pytester.runpytest()

    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert RED in text
    assert "pytest_lattice/" not in text
    assert "FAILED shop.lattice.yaml::the canary - expected status 404, but" in text


def test_the_last_failed_case_runs_again(pytester: pytest.Pytester) -> None:
    """`--lf` runs the red case alone."""
    file = pytester.path / "shop.lattice.yaml"
    file.write_text(
        NETWORK + "- {name: red, request: 'GET https://shop/', expect: {status: 404}}\n"
        "- {name: green, request: 'GET https://shop/', expect: {status: 200}}\n"
    )
    pytester.runpytest().assert_outcomes(failed=1, passed=1)
    pytester.runpytest("--lf").assert_outcomes(failed=1)


def test_equal_names_are_told_apart(pytester: pytest.Pytester) -> None:
    """Cases of one name are numbered, past names that look like that."""
    case = "- {name: %s, request: 'GET https://shop/', expect: {status: 200}}\n"
    cases = "".join(case % name for name in ("it", "it", "it (2)", "it"))
    (pytester.path / "shop.lattice.yaml").write_text(NETWORK + cases)
    result = pytester.runpytest("--collect-only", "-q")

    found = [line for line in result.outlines if "::" in line]
    names = ("it", "it (2)", "it (2) (2)", "it (3)")
    assert found == [f"shop.lattice.yaml::{name}" for name in names]


def test_names_are_no_part_of_a_node_id(pytester: pytest.Pytester) -> None:
    """Brackets and double colons in names are not lost, with --lf neither."""
    case = "- {name: %s, request: 'GET https://[::1]/', expect: {status: 404}}\n"
    cases = case % "'a [x] ::b'" + case % '"two\\nlines"' + case % "''"
    (pytester.path / "shop.lattice.yaml").write_text(NETWORK + cases)
    pytester.runpytest().assert_outcomes(failed=3)
    result = pytester.runpytest("--lf")

    result.assert_outcomes(failed=3)
    names = ("a (x) :b", "two lines", "GET https://(:1)/")
    result.stdout.fnmatch_lines_random(
        [f"FAILED shop.lattice.yaml::{name} - *" for name in names]
    )


def test_a_wrong_file_is_one_error(pytester: pytest.Pytester) -> None:
    """A mistake in the file is one error with line and column; other tests run."""
    (pytester.path / "shop.lattice.yaml").write_text(NETWORK + "- {reqest: x}\n")
    pytester.makepyfile("def test_other(): pass")
    result = pytester.runpytest()

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["ERROR shop.lattice.yaml::the case file - Failed: unknown*"]
    )
    text = result.stdout.str()
    assert (
        "unknown key of a case `reqest` (shop.lattice.yaml:7:4, cases[0].reqest)"
        in text
    )
    assert "did you mean `request`?" in text
    assert "Traceback" not in text


def test_a_warning_that_is_an_error(pytester: pytest.Pytester) -> None:
    """Where warnings are errors, one of a loader is an error of the file."""
    template = """
    Resources:
      X: {Type: AWS::VpcLattice::DomainVerification, Properties: {DomainName: x.org}}
    """
    (pytester.path / "shop.yaml").write_text(template)
    case = "[{request: 'GET https://shop/', expect: {status: 200}}]"
    file = pytester.path / "shop.lattice.yaml"
    file.write_text(f"network: {{cloudformation: shop.yaml}}\ncases: {case}")
    result = pytester.runpytest("-W", "error::pytest_lattice.LatticeWarning")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["AWS::VpcLattice::DomainVerification is left out*"])
    result.stdout.no_fnmatch_line("*collect.py*")


def test_a_network_that_does_not_hold_together(pytester: pytest.Pytester) -> None:
    """What only the whole network shows is one error of the file, with its place."""
    text = NETWORK.replace("forward: web", "forward: wbe")
    case = "- {request: 'GET https://shop/', expect: {status: 200}}\n"
    (pytester.path / "shop.lattice.yaml").write_text(text + 2 * case)
    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    said = "unknown target group `wbe` (shop.lattice.yaml:1:1, network)"
    result.stdout.fnmatch_lines([said])


def test_options_hold_for_cases_too(pytester: pytest.Pytester) -> None:
    """Seed and draw of a case file's network are those of options and ini."""
    pytester.makeini("[pytest]\nlattice_draw = random")
    pytester.makeconftest(
        """
        def pytest_lattice_configure(network):
            print("made with", network.seed, network.draw)
        """
    )
    case = "- {request: 'GET https://shop/', expect: {status: 200}}\n"
    (pytester.path / "shop.lattice.yaml").write_text(NETWORK + case)
    result = pytester.runpytest("-s", "--lattice-seed=mine")

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*made with mine random*"])


def test_nothing_is_loaded_without_case_files(pytester: pytest.Pytester) -> None:
    """Where there is no case file, nothing of it is imported."""
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert not [m for m in sys.modules if m.startswith("pytest_lattice.cases")]
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
