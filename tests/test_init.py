"""The lazy public face: which module a name comes from, and when it is loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pytest_lattice

SOURCE = Path(pytest_lattice.__file__)
# What a name may bring in beside the standard library and this package.
HEAVY = (
    "anyio",
    "grpc",
    "httpx",
    "httpx2",
    "pluggy",
    "pytest",
    "respx",
    "trustme",
    "yaml",
)


def declared() -> dict[str, str]:
    """Read from which module type checkers take each name."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    imports = (
        node
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    )
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_see_what_python_gives() -> None:
    """The imports for type checkers are just the public names."""
    assert sorted(declared()) == list(pytest_lattice.__all__)


@pytest.mark.parametrize("name", pytest_lattice.__all__)
def test_name_is_the_one_of_its_module(name: str) -> None:
    """A public name is the very object that type checkers take it for."""
    module = import_module(declared()[name])

    assert getattr(pytest_lattice, name) is getattr(module, name)


def test_unknown_name_says_so() -> None:
    """The error for a missing name is that of an ordinary module."""
    missing = "LatticeNetwrok"

    with pytest.raises(AttributeError) as caught:
        getattr(pytest_lattice, missing)

    assert str(caught.value) == (
        "module `pytest_lattice` has no attribute `LatticeNetwrok`"
    )


def test_star_gives_the_public_names() -> None:
    """`from pytest_lattice import *` brings just what is public."""
    names: dict[str, object] = {}
    exec("from pytest_lattice import *", names)  # noqa: S102  # a star needs a module

    assert sorted(names.keys() - {"__builtins__"}) == list(pytest_lattice.__all__)


def test_all_names_together_load_nothing_heavy() -> None:
    """Using every public name loads no client library and no test framework."""
    script = f"""
import sys
from pytest_lattice import *
with LatticeNetwork() as network:
    network.add(Service("shop"))
print(*sorted(set({HEAVY}) & set(sys.modules)))
"""

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.split() == []
