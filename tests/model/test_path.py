"""URL paths in AWS's pattern."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.path import check_path
from tests.model.refusals import refused

AWS_PATTERN = r"/[a-zA-Z0-9@:%_+.~#?&/=-]*"


@given(path=st.one_of(st.text("/a*Z% \n", max_size=6), st.text(max_size=6)))
def test_paths_are_judged_as_aws_judges_them(path: str) -> None:
    """A path passes just when it fits the pattern of AWS's model."""
    fits = re.fullmatch(AWS_PATTERN, path)

    try:
        check_path(path, 200, "rule `a`")
    except ConfigurationError:
        assert not fits
    else:
        assert fits


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "orders", ["rule `a`: path `orders` does not start with `/`"], id="start"
        ),
        pytest.param("", ["rule `a`: path `` does not start with `/`"], id="empty"),
        pytest.param(
            "/orders/*",
            [
                "rule `a`: path `/orders/*` holds `*`, which AWS does not accept",
                "there are no wildcards; a rule has path_prefix",
            ],
            id="wildcard",
        ),
        pytest.param(
            "/my orders",
            ["rule `a`: path `/my orders` holds ` `, which AWS does not accept"],
            id="space",
        ),
        pytest.param(
            "/café",
            ["rule `a`: path `/café` holds `é`, which AWS does not accept"],
            id="not-ascii",
        ),
        pytest.param(
            "/" + "a" * 200,
            [f"rule `a`: path `/{'a' * 39}…` has 201 characters, more than 200"],
            id="length",
        ),
    ],
)
def test_path_is_refused(path: str, expected: list[str]) -> None:
    """The error shows the path and says what AWS does not take."""
    assert refused(check_path, path, 200, "rule `a`") == expected


def test_longest_path_passes() -> None:
    """The limit itself is within it."""
    check_path("/" + "a" * 199, 200, "rule `a`")
