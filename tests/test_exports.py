"""The public face: what `import pytest_lattice` shows, and what it costs."""

import subprocess
import sys

import pytest

import pytest_lattice

LOADED_BY_IMPORT = """
import sys
before = set(sys.modules)
import pytest_lattice
added = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(added - sys.stdlib_module_names - {"pytest_lattice"}))
"""


def test_names_are_sorted() -> None:
    """`__all__` is sorted and names nothing twice."""
    names = list(pytest_lattice.__all__)

    assert sorted(set(names)) == names


def test_dir_shows_just_the_public_names() -> None:
    """Whoever asks `dir()` sees the names of `__all__` and no others."""
    shown = [name for name in dir(pytest_lattice) if not name.startswith("_")]

    assert list(pytest_lattice.__all__) == shown


@pytest.mark.parametrize("name", pytest_lattice.__all__)
def test_name_is_importable(name: str) -> None:
    """Every public name can be had from the package."""
    assert getattr(pytest_lattice, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that the package does not have is refused as Python refuses it."""
    missing = "no_such_name"

    with pytest.raises(AttributeError, match=missing):
        getattr(pytest_lattice, missing)


def test_import_loads_no_third_party_module() -> None:
    """`import pytest_lattice` brings in the standard library at most."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED_BY_IMPORT],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout.split() == []
