"""Account ids replaced by made-up ones."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.loaders.redaction import redacted
from tests.loaders.stubbed import ACCOUNT, snapshot


def test_ids_in_arns_policies_and_names() -> None:
    """The own account comes first; every place of an id has the same new one."""
    policy = json.dumps(
        {"Principal": {"AWS": "222200003333"}, "Resource": "arn:a:b:c:111122223333:d"}
    )
    made = redacted(
        {
            "account": "111122223333",
            "policy": policy,
            "bucket": "arn:aws:s3:::logs-222200003333-eu",
            "111122223333": [True, None, 111122223333],
        }
    )

    assert made == {
        "account": "111111111111",
        "policy": policy.replace("222200003333", "222222222222").replace(
            "111122223333", "111111111111"
        ),
        "bucket": "arn:aws:s3:::logs-222222222222-eu",
        "111111111111": [True, None, 111122223333],
    }


def test_ids_of_resources_stay() -> None:
    """Twelve digits inside a longer word are no account."""
    text = "svc-0123456789012abcd vpc-01234567890123456 x123456789012 1234567890123"

    assert redacted({"ids": text}) == {"ids": text}


def test_many_accounts_stay_apart() -> None:
    """Each account has an id of its own, however many there are."""
    made = redacted({"all": [f"{number:012d}" for number in range(500, 530)]})

    assert len(set(made["all"])) == 30
    assert all(re.fullmatch(r"\d{12}", each) for each in made["all"])
    assert made["all"][9] == "900000000010"


def test_redacting_twice_changes_nothing() -> None:
    """The same snapshot always gives the same."""
    once = redacted(snapshot())

    assert redacted(once) == once
    assert redacted(snapshot()) == once
    assert ACCOUNT not in json.dumps(once)


@given(st.lists(st.from_regex(r"[0-9]{12}", fullmatch=True), min_size=1, max_size=20))
def test_equal_ids_stay_equal_and_others_different(accounts: list[str]) -> None:
    """The naive second way: number them by first appearance."""
    made = redacted({"all": accounts})["all"]
    order = list(dict.fromkeys(accounts))
    again = list(dict.fromkeys(made))

    assert len(again) == len(order)
    assert [order.index(each) for each in accounts] == [
        again.index(each) for each in made
    ]
