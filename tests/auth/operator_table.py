"""The table of condition operators, `fixtures/auth/operators.json`, and how to run it.

Each row has a kind, the policy's values, the request's value (null: the key is missing;
a list: a key with several values) and whether the condition holds, or how a bad value
is refused.  Rows are written from IAM's documentation, not from the engine.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_lattice.auth.conditions import compile_condition, read_values
from pytest_lattice.model.auth_policy import Condition, Operator

_FILE = Path(__file__).parents[2] / "fixtures" / "auth" / "operators.json"
TABLE: dict[str, list[dict[str, Any]]] = json.loads(_FILE.read_text(encoding="utf-8"))


class OperatorRow(NamedTuple):
    """One row of the table, with the operator whose row it is."""

    name: str
    number: int
    row: dict[str, Any]

    def __str__(self) -> str:
        """Name the row by what it is about."""
        return f"{self.name}-{self.row['kind']}-{self.number}"


ROWS = [
    OperatorRow(name, index, row)
    for name, table in TABLE.items()
    for index, row in enumerate(table)
]


def operator_of(written: str) -> Operator:
    """Read an operator from the way a policy writes it."""
    quantifier, _, rest = written.rpartition(":")
    name = rest.removesuffix("IfExists")
    return Operator(name, quantifier, name != rest)  # type: ignore[arg-type]  # one of three


def outcome(entry: OperatorRow) -> bool | str:
    """Say whether the condition of a row holds, or how its value is refused."""
    row = entry.row
    variables = row.get("version", "2012-10-17") == "2012-10-17"
    operator = operator_of(row.get("operator", entry.name))
    condition = Condition(operator, "aws:UserAgent", tuple(row["policy"]))
    if "refused" in row:
        try:
            read_values(operator, condition.values, variables=variables)
        except ValueError as error:
            return str(error)
        return "nothing is refused"
    holds = compile_condition(
        condition,
        variables=variables,
        denies=row.get("effect") == "Deny",
        any_value=row["kind"] == "several request values, any",
    )
    value = row["request"]
    given = tuple(value) if isinstance(value, list) else value
    return holds(given, row.get("variables", {}).get)


def wanted(entry: OperatorRow) -> bool | str:
    """Say what the outcome of a row has to be."""
    row = entry.row
    return bool(row["holds"]) if "holds" in row else str(row["refused"])


def wrong_rows() -> Iterator[OperatorRow]:
    """Run the whole table, and give the rows that come out wrong."""
    for entry in ROWS:
        if outcome(entry) != wanted(entry):
            yield entry
