"""P12: do 10,000 requests arrive by weight, decided only and sent for real."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from bench.harness import Case, compare
from bench.report import Goal, seconds
from bench.scenes import last_path, network, wsgi_app

if TYPE_CHECKING:
    from bench.harness import Effort
    from bench.report import Report

_REQUESTS = 10_000
_PATH = last_path(100)


def run(report: Report, effort: Effort) -> None:
    """Measure whole canaries; every one of them counts exactly."""
    url = f"https://my-service{_PATH}"
    with network() as lattice, lattice.client("my-service") as client:

        def decided() -> Counter[str]:
            decisions = [lattice.decide("GET", url) for _ in range(_REQUESTS)]
            return Counter(each.target_group.name for each in decisions)  # type: ignore[union-attr]  # forwarded

        def sent() -> Counter[str]:
            responses = [client.get(_PATH) for _ in range(_REQUESTS)]
            return Counter(
                each.extensions["pytest_lattice"].decision.target_group.name
                for each in responses
            )

        whole = compare([Case("10,000 decided", decided, _is_exact)], effort)
        report.duration("P12", whole["10,000 decided"], Goal(0.050, seconds))
        with httpx.Client(
            transport=httpx.WSGITransport(wsgi_app), base_url=client.base_url
        ) as bare:

            def called() -> int:
                responses = [bare.get(_PATH) for _ in range(_REQUESTS)]
                return sum(each.status_code == 200 for each in responses)

            figures = compare(
                [
                    Case("10,000 sent by httpx", sent, _is_exact),
                    Case("10,000 bare httpx calls", called, _REQUESTS.__eq__),
                ],
                replace(effort, rounds=min(effort.rounds, 5)),
            )
    report.ratio("P12", figures.values(), Goal(0.80))


def _is_exact(counts: object) -> bool:
    """Judge a canary: the deck's counts are exact, not approximate."""
    return bool(counts == {"blue": 9_000, "green": 1_000})
