"""Faults as values: what each kind takes, and what is refused."""

from math import inf, nan
from typing import Any

import pytest

from pytest_lattice.model.fault import Fault
from tests.model.refusals import refused

WHERE = "fault of target group `orders`"
KINDS = "give one of failure, latency, status, reset_after, chunk_delay"
APART = "each is a fault of its own, and they act together"

ACCEPTED: list[tuple[Fault, str]] = [
    (Fault("orders", "refused"), "Fault('orders', 'refused')"),
    (Fault("orders", failure="closed"), "Fault('orders', 'closed')"),
    (
        Fault("orders", "timed out", target="i-1"),
        "Fault('orders', 'timed out', target='i-1')",
    ),
    (Fault("orders", latency=0), "Fault('orders', latency=0)"),
    (
        Fault("orders", latency=0.5, real=True),
        "Fault('orders', latency=0.5, real=True)",
    ),
    (Fault("orders", status=200), "Fault('orders', status=200)"),
    (
        Fault("orders", status=599, body="x", times=2),
        "Fault('orders', status=599, body='x', times=2)",
    ),
    (Fault("orders", reset_after=0), "Fault('orders', reset_after=0)"),
    (Fault("orders", chunk_delay=1), "Fault('orders', chunk_delay=1)"),
]

REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no-kind": ({}, [f"{WHERE} says nothing that goes wrong", KINDS]),
    "only-times": ({"times": 2}, [f"{WHERE} says nothing that goes wrong", KINDS]),
    "two-kinds": (
        {"latency": 1, "status": 500},
        [f"{WHERE} has both latency and status", APART],
    ),
    "failure-and-reset": (
        {"failure": "refused", "reset_after": 0},
        [f"{WHERE} has both failure and reset_after", APART],
    ),
    "unknown-failure": (
        {"failure": "trottled"},
        ["unknown failure `trottled`", "did you mean `throttled`?"],
    ),
    "status-in-place-of-a-failure": (
        {"failure": 503},
        [
            "unknown failure `503`",
            (
                "known: `closed`, `crashed`, `garbled`, `refused`, `throttled`, "
                "`timed out`"
            ),
            "did you mean status=503?",
        ],
    ),
    "negative-latency": (
        {"latency": -1},
        [f"{WHERE}: latency `-1` is not a number of seconds"],
    ),
    "latency-that-is-no-number": (
        {"latency": nan},
        [f"{WHERE}: latency `nan` is not a number of seconds"],
    ),
    "endless-latency": (
        {"latency": inf},
        [f"{WHERE}: latency `inf` is not a number of seconds"],
    ),
    "latency-as-text": (
        {"latency": "1s"},
        [f"{WHERE}: latency `'1s'` is not a number of seconds"],
    ),
    "latency-as-truth": (
        {"latency": True},
        [f"{WHERE}: latency `True` is not a number of seconds"],
    ),
    "negative-delay": (
        {"chunk_delay": -0.5},
        [f"{WHERE}: chunk_delay `-0.5` is not a number of seconds"],
    ),
    "status-of-no-answer": (
        {"status": 199},
        [f"{WHERE}: status `199` is not from 200 to 599"],
    ),
    "status-beyond": (
        {"status": 600},
        [f"{WHERE}: status `600` is not from 200 to 599"],
    ),
    "status-as-text": (
        {"status": "500"},
        [f"{WHERE}: status `'500'` is not from 200 to 599"],
    ),
    "longer-than-any-number": (
        {"latency": 10**400},
        [f"{WHERE}: latency `{10**400}` is not a number of seconds"],
    ),
    "negative-reset": (
        {"reset_after": -1},
        [f"{WHERE}: reset_after `-1` is not a number of bytes"],
    ),
    "never": (
        {"failure": "refused", "times": 0},
        [f"{WHERE}: times `0` is not at least 1"],
    ),
    "half-a-time": (
        {"failure": "refused", "times": 1.5},
        [f"{WHERE}: times `1.5` is not at least 1"],
    ),
    "body-of-another-type": (
        {"status": 500, "body": {"error": 1}},
        [f"{WHERE}: body `{{'error': 1}}` is not text or bytes"],
    ),
    "body-of-nothing": (
        {"failure": "refused", "body": "x"},
        [f"{WHERE} has a body without a status"],
    ),
    "real-without-time": (
        {"status": 500, "real": True},
        [f"{WHERE} is real, but nothing takes time"],
    ),
    "real-of-another-type": (
        {"latency": 1, "real": "no"},
        [f"{WHERE}: real `'no'` is not true or false"],
    ),
    "target-of-another-type": (
        {"failure": "refused", "target": 1},
        [f"{WHERE}: target `1` is not text"],
    ),
}


@pytest.mark.parametrize(("fault", "shown"), ACCEPTED)
def test_fault_shows_what_was_given(fault: Fault, shown: str) -> None:
    """A fault is printed as it was written, and is equal to what is printed."""
    assert repr(fault) == shown
    assert eval(shown) == fault  # noqa: S307  # our own text


@pytest.mark.parametrize(("fields", "expected"), REFUSED.values(), ids=REFUSED)
def test_fault_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What is no single thing, or out of range, is refused with its reason."""
    assert refused(Fault, "orders", **fields) == expected


def test_target_group_is_a_name() -> None:
    """A fault names its target group, and does not hold it."""
    assert refused(Fault, 5, "refused") == ["fault: target group `5` is not text"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"failure": "refused"}, False),
        ({"failure": "garbled"}, False),
        ({"failure": "throttled"}, True),
        ({"failure": "crashed"}, True),
        ({"reset_after": 1}, False),
        ({"chunk_delay": 1}, False),
        ({"latency": 1}, None),
        ({"status": 500}, None),
    ],
)
def test_whose_fault_it_is(fields: dict[str, Any], *, expected: bool | None) -> None:
    """Some faults are those of functions, some of servers, some of both."""
    assert Fault("orders", **fields).of_function is expected
