"""Write the JSON Schemas of docs/schema from the model: `python -m scripts.schema`."""

import json
from pathlib import Path

from pytest_lattice.cases.document import case_schema
from pytest_lattice.loaders.document import schema

FOLDER = Path(__file__).parents[1] / "docs" / "schema"
SCHEMAS = {"cases.json": case_schema, "network.json": schema}


def text(name: str) -> str:
    """Write one of them as text."""
    return json.dumps(SCHEMAS[name](), indent=2) + "\n"


def main() -> None:
    """Write all of them."""
    for name in SCHEMAS:
        (FOLDER / name).write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main()
