"""`access_matrix`: the table, the file beside the tests, and what a difference says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import AccessMatrix, LatticeAssertionError, access_matrix
from tests.model.refusals import refused
from tests.shop import READ_ONLY, policy, shop, statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_lattice import LatticeNetwork

REQUESTS = (
    "GET https://orders/",
    "POST https://orders/",
    {"name": "GET | as beta", "method": "GET", "url": "https://orders/a"},
    "GET https://no.example/",
)
TABLE = """\
| request                 | anonymous        | checkout         | lazy             |
| ----------------------- | ---------------- | ---------------- | ---------------- |
| GET https://orders/     | deny service     | allow            | deny service     |
| POST https://orders/    | deny service     | deny service     | deny service     |
| GET \\| as beta          | deny service     | allow            | deny service     |
| GET https://no.example/ | connection reset | connection reset | connection reset |"""


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give a shop in which the checkout may read."""
    with shop(READ_ONLY) as made:
        made.role("lazy")
        yield made


def matrix(network: LatticeNetwork) -> AccessMatrix:
    """Ask for three callers and four requests."""
    return access_matrix(
        network, callers=["anonymous", "checkout", "lazy"], requests=REQUESTS
    )


def test_matrix_is_a_table(network: LatticeNetwork) -> None:
    """A matrix prints as a Markdown table, in the order asked."""
    made = matrix(network)

    assert str(made) == TABLE
    assert made.callers == ("anonymous", "checkout", "lazy")
    assert made.cells["GET https://orders/", "checkout"].text == "allow"


def test_explicit_denial_names_the_statement() -> None:
    """A cell says which statement denies; None stands for who does not sign."""
    with shop(policy(statement("Deny", Sid="Closed"))) as network:
        made = access_matrix(network, callers=[None], requests=["GET https://orders/"])

        assert made.cells["GET https://orders/", "anonymous"].text == (
            "deny service by Closed"
        )


def test_written_matrix_is_matched(network: LatticeNetwork, tmp_path: Path) -> None:
    """What was written is read back, also with other text around the table."""
    file = tmp_path / "new" / "access.md"
    network.update_files = True
    matrix(network).assert_matches(file)
    network.update_files = False
    file.write_text(f"# Who may what\n\n{file.read_text('utf-8')}", "utf-8")

    matrix(network).assert_matches(str(file))


def test_difference_is_one_of_cells(network: LatticeNetwork, tmp_path: Path) -> None:
    """Each cell that differs says what it was, what it is, and why."""
    file = tmp_path / "access.md"
    kept = TABLE.replace("| allow            | deny", "| deny service     | deny", 1)
    kept = kept.replace("| lazy ", "| gone ").replace("connection reset |", "404 |", 1)
    file.write_text(kept, "utf-8")
    with pytest.raises(LatticeAssertionError) as caught:
        matrix(network).assert_matches(file)

    nowhere = "GET https://no.example/"
    lines = str(caught.value).split("\n")
    assert lines[0] == f"10 cells of the access matrix differ from `{file}`"
    assert lines[1:3] == [
        (
            "  GET https://orders/, checkout: deny service -> allow (service "
            "Statement[0] `ReadOnly`, identity Statement[0])"
        ),
        (
            "  GET https://orders/, lazy: not in the file -> deny service (no "
            "statement of the auth policy of service `orders` allows)"
        ),
    ]
    assert any(
        each.startswith(f"  {nowhere}, anonymous: 404 -> connection reset (service ")
        for each in lines
    )
    assert f"  {nowhere}, gone: connection reset -> not asked" in lines
    assert lines[-1] == "--lattice-update accepts the matrix as it is now"


def test_many_differences_are_counted(network: LatticeNetwork, tmp_path: Path) -> None:
    """Ten cells are shown, and how many more there are."""
    file = tmp_path / "access.md"
    file.write_text("nothing", "utf-8")
    with pytest.raises(LatticeAssertionError) as caught:
        matrix(network).assert_matches(file)

    assert "  and 2 more" in str(caught.value).split("\n")


def test_missing_file_shows_the_matrix(network: LatticeNetwork, tmp_path: Path) -> None:
    """Where there is no file yet the failure shows what it would hold."""
    file = tmp_path / "access.md"
    with pytest.raises(LatticeAssertionError) as caught:
        matrix(network).assert_matches(file)

    assert str(caught.value) == (
        f"there is no `{file}`; --lattice-update writes it:\n\n{TABLE}"
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"callers": ["checkout", "checkout"], "requests": ["GET https://orders/"]},
            ["caller `checkout` comes twice in the access matrix"],
        ),
        (
            {"callers": ["checkout"], "requests": ["GET https://orders/"] * 2},
            [
                "request `GET https://orders/` comes twice in the access matrix",
                'tell them apart by a "name"',
            ],
        ),
        (
            {"callers": ["checkout"], "requests": ["https://orders/"]},
            [
                "request `'https://orders/'` has no method or no URL",
                'write "GET https://my-service/path"',
            ],
        ),
        (
            {"callers": ["checkout"], "requests": [1]},
            ["`1` is not a request of an access matrix"],
        ),
        (
            {"callers": ["chekout"], "requests": ["GET https://orders/"]},
            ["unknown role or user `chekout`", "did you mean `checkout`?"],
        ),
        (
            {"callers": "checkout", "requests": ["GET https://orders/"]},
            ["access matrix: callers is not a list", "write ['checkout']"],
        ),
    ],
)
def test_odd_question_is_refused(
    network: LatticeNetwork, asked: dict[str, Any], said: list[str]
) -> None:
    """What is no matrix is refused by name."""
    assert refused(access_matrix, network, **asked) == said


def test_option_rewrites_the_file(pytester: pytest.Pytester) -> None:
    """`--lattice-update` writes the file; without it the file is compared with."""
    pytester.makepyfile(
        """
        from pytest_lattice import FixedResponse, Listener, Service, access_matrix

        def test_matrix(lattice_network):
            listeners = [Listener("HTTP", default=FixedResponse(404))]
            lattice_network.add(Service("web-shop", listeners=listeners))
            access_matrix(
                lattice_network, callers=[None], requests=["GET http://web-shop/"]
            ).assert_matches("access.md")
        """
    )
    pytester.runpytest().assert_outcomes(failed=1)
    pytester.runpytest("--lattice-update").assert_outcomes(passed=1)
    pytester.runpytest_subprocess("-n1").assert_outcomes(passed=1)
