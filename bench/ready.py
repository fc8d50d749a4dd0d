"""P18: from a declaration to a service that answers, beside a proxy that starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.harness import Case, compare
from bench.report import Goal, Row, seconds, spread
from bench.scenes import (
    Response,
    is_ok_from_last,
    last_path,
    prefix_rules,
    shop,
    wsgi_app,
)
from pytest_lattice.network import LatticeNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.harness import Effort
    from bench.report import Report
    from bench.scenes import Resource

#: Seconds until Envoy 1.40.0 accepted, as shared/notes/performance.md has it.
_ENVOY = 0.044
_RULES = 100


def run(report: Report, effort: Effort) -> None:
    """Measure with the values at hand, as a proxy has its file, and without."""
    declared = shop(wsgi_app, prefix_rules(_RULES))
    figures = compare(
        [
            Case(
                "100 declared rules to first answer",
                lambda: _answer(declared),
                is_ok_from_last(_RULES),
            ),
            Case(
                "100 rules declared to first answer",
                lambda: _answer(shop(wsgi_app, prefix_rules(_RULES))),
                is_ok_from_last(_RULES),
            ),
        ],
        effort,
    )
    for each in figures.values():
        row = Row(
            "P18",
            each.name,
            spread(each),
            "Envoy accepts (quoted)",
            seconds(_ENVOY),
            each.median / _ENVOY,
            Goal(_ENVOY / 100, seconds),
            each.median,
        )
        report.rows.append(row)
    report.remark("Envoy's 44 ms are quoted from the notes, not measured here")


def _answer(resources: Sequence[Resource]) -> Response:
    with LatticeNetwork() as lattice:
        lattice.add(*resources)
        with lattice.client("my-service") as client:
            return client.get(last_path(_RULES))
