"""`access_matrix`: the table, the file beside the tests, and what a difference says."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice import (
    AccessMatrix,
    LatticeAssertionError,
    Role,
    User,
    access_matrix,
)
from pytest_lattice.assertions.matrix import Cell
from pytest_lattice.questions import Questions
from tests.model.refusals import refused
from tests.shop import READ_ONLY, policy, shop, statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_lattice import LatticeNetwork

REQUESTS = (
    "GET https://orders/",
    "POST https://orders/",
    {"name": "GET | as beta", "method": "GET", "url": "https://orders/a"},
    "GET https://no.example/",
)
ORDERS = {"method": "GET", "url": "https://orders/"}
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


ODD = [
    *("a\nb", "a\tb", "a\r", "\0", "a\u2028b", "\x85", " a ", "  ", "|", "a|", r"\|"),
    *("\\", r"a\n", r"\x20", "| a | b |", "---", "\U0001f600\u200d", "\ud800", "a  b"),
]


def assert_comes_back(
    file: Path, texts: Sequence[str], network: LatticeNetwork
) -> None:
    """Write a matrix of such labels and verdicts, and compare it with its file."""
    decision = network.authorize("GET", "https://orders/")
    cells = {
        (row, column): Cell(texts[(x * y) % len(texts)], decision)
        for x, row in enumerate(texts)
        for y, column in enumerate(texts)
    }
    AccessMatrix(tuple(texts), tuple(texts), cells, update_files=True).assert_matches(
        file
    )
    AccessMatrix(tuple(texts), tuple(texts), cells).assert_matches(file)


def test_odd_text_is_read_back(network: LatticeNetwork, tmp_path: Path) -> None:
    """Labels and verdicts of any text are one line each, and match themselves."""
    file = tmp_path / "access.md"
    assert_comes_back(file, ODD, network)

    assert len(file.read_text("utf-8").splitlines()) == len(ODD) + 2


@given(st.lists(st.text(st.characters(), min_size=1), min_size=1, unique=True))
def test_any_text_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """A matrix that was just written matches itself."""
    with shop(READ_ONLY) as network:
        assert_comes_back(tmp_path_factory.mktemp("m") / "a.md", texts, network)


def test_hand_written_rows_are_read(network: LatticeNetwork, tmp_path: Path) -> None:
    """A row may lack its last bar, and may end as lines do on Windows."""
    file = tmp_path / "access.md"
    lines = [line.removesuffix("|") for line in TABLE.split("\n")]
    file.write_bytes("\r\n".join([*lines, "|", "\\q"]).encode())

    matrix(network).assert_matches(file)


def test_file_that_is_no_text_differs(network: LatticeNetwork, tmp_path: Path) -> None:
    """A file in another encoding is compared like any other."""
    file = tmp_path / "access.md"
    file.write_bytes(f"{TABLE}\n".replace("lazy", "f\xe4ul").encode("latin-1"))

    with pytest.raises(LatticeAssertionError, match="8 cells of the access matrix"):
        matrix(network).assert_matches(file)


def test_label_with_two_lines_is_shown_on_one(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """A difference is one line, whatever its request is called."""
    file = tmp_path / "access.md"
    file.write_text("", "utf-8")
    asked = {"name": "a\nb", "method": "GET", "url": "https://orders/"}
    made = access_matrix(network, callers=[None], requests=[asked])

    with pytest.raises(LatticeAssertionError) as caught:
        made.assert_matches(file)
    assert str(caught.value).split("\n")[1].startswith(r"  a\nb, anonymous: not in")


def test_callers_of_one_name_are_shown_by_arn(network: LatticeNetwork) -> None:
    """Where a name does not tell callers apart their ARNs do, or their sessions'."""
    callers: list[Role | User] = [
        Role("reader", account="111111111111"),
        Role("reader", account="222222222222"),
        Role("reader", account="222222222222", session="other"),
        User("reader", account="222222222222"),
        User("anonymous"),
        Role("writer"),
    ]
    network.add(*callers)
    made = access_matrix(
        network,
        callers=(each for each in [*callers, None]),
        requests=iter(["GET https://orders/"]),
    )

    assert made.callers == (
        "arn:aws:iam::111111111111:role/reader",
        "arn:aws:sts::222222222222:assumed-role/reader/test-session",
        "arn:aws:sts::222222222222:assumed-role/reader/other",
        "arn:aws:iam::222222222222:user/reader",
        "arn:aws:iam::123456789012:user/anonymous",
        "writer",
        "anonymous",
    )


def test_name_and_value_of_one_caller_are_one(network: LatticeNetwork) -> None:
    """A caller comes twice also where it is once named and once given."""
    checkout = network.configuration.caller("checkout")

    for again in ("checkout", checkout):
        assert refused(
            access_matrix,
            network,
            callers=[checkout, again],
            requests=["GET https://orders/"],
        ) == ["caller `checkout` comes twice in the access matrix"]


def test_declared_anonymous_is_refused_by_name(network: LatticeNetwork) -> None:
    """The word for who does not sign cannot mean a caller as well."""
    user = network.user("anonymous")
    asked = {"requests": ["GET https://orders/"]}

    assert refused(access_matrix, network, callers=["anonymous"], **asked) == [
        "caller `anonymous` is declared, and is the word for who does not sign",
        "give its value or its ARN; None is who does not sign",
    ]
    for each in (user, user.arn):
        made = access_matrix(network, callers=[each, None], requests=asked["requests"])
        assert made.callers == (user.arn, "anonymous")


def test_request_has_what_can_be_asked(network: LatticeNetwork) -> None:
    """Each argument of a question but the caller may stand in a request."""
    known = set(inspect.signature(Questions.request).parameters) - {"self", "role"}
    asked: dict[str, Any] = {
        **ORDERS,
        "name": "all",
        "headers": {},
        "vpc": None,
        "address": None,
        "http2": True,
    }

    assert known == asked.keys() - {"name"}
    made = access_matrix(network, callers=[None], requests=[asked])
    assert made.requests == ("all",)


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
            {"callers": [5], "requests": ["GET https://orders/"]},
            [
                "`5` is not a caller of an access matrix",
                "write the name or the value of a role or user, or None",
            ],
        ),
        (
            {"callers": ["\ud800"], "requests": ["GET https://orders/"]},
            [
                r"caller `\ud800` is not text that UTF-8 can write",
                "write a name or an ARN",
            ],
        ),
        (
            {"callers": [None], "requests": ["G\ud800 https://orders/"]},
            [
                r"request `G\ud800 https://orders/` is not text that UTF-8 can write",
                'give it another "name"',
            ],
        ),
        (
            {"callers": [None], "requests": [{**ORDERS, "role": "checkout"}]},
            [
                (
                    f"request `{ {**ORDERS, 'role': 'checkout'} }` of an access matrix "
                    "has a `role`"
                ),
                "say who calls in callers=[…]",
            ],
        ),
        (
            {"callers": [None], "requests": [{**ORDERS, "hedaers": {}}]},
            ["unknown key of a request `hedaers`", "did you mean `headers`?"],
        ),
        (
            {"callers": [None], "requests": [{**ORDERS, "name": 5}]},
            [f"name of request `{ {**ORDERS, 'name': 5} }`: `5` is not text"],
        ),
        (
            {"callers": [None], "requests": [{**ORDERS, "method": 5}]},
            [f"method of request `{ {**ORDERS, 'method': 5} }`: `5` is not text"],
        ),
        (
            {"callers": [None], "requests": [{**ORDERS, "http2": []}]},
            [f"http2 of request `{ {**ORDERS, 'http2': []} }` is not True or False"],
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
