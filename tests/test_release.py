"""The built artifacts: what a user's pip finds in the sdist and in the wheel."""

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]

# One worker builds once and runs all of these (`--dist loadgroup`).
pytestmark = pytest.mark.xdist_group("release")


@dataclass(frozen=True)
class Artifacts:
    """The names of the files in both archives, and the two texts pip reads."""

    wheel: frozenset[str]
    sdist: frozenset[str]
    metadata: Message
    entry_points: str


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Build the sdist, and the wheel from it, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    [wheel_file] = folder.glob("*.whl")
    [sdist_file] = folder.glob("*.tar.gz")
    with tarfile.open(sdist_file) as sdist:
        sdist_names = {
            # Everything in an sdist lies under one folder, `name-version/`.
            PurePosixPath(*PurePosixPath(member.name).parts[1:]).as_posix()
            for member in sdist.getmembers()
        }
    with zipfile.ZipFile(wheel_file) as wheel:
        info = f"{wheel_file.name.split('-py3')[0]}.dist-info"
        return Artifacts(
            wheel=frozenset(wheel.namelist()),
            sdist=frozenset(sdist_names),
            metadata=HeaderParser().parsestr(wheel.read(f"{info}/METADATA").decode()),
            entry_points=wheel.read(f"{info}/entry_points.txt").decode(),
        )


def package_files() -> set[str]:
    """Name every file of the package as it lies in the source tree."""
    return {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "pytest_lattice").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_wheel_holds_the_package_and_nothing_else(artifacts: Artifacts) -> None:
    """The wheel has every module, `py.typed`, the schemas, its records, no tests."""
    shipped = {name for name in artifacts.wheel if ".dist-info/" not in name}
    schemas = {
        f"pytest_lattice/schema/{file.name}"
        for file in (ROOT / "docs" / "schema").iterdir()
    }

    assert package_files() | schemas == shipped
    assert "pytest_lattice/py.typed" in shipped


def test_wheel_carries_the_license(artifacts: Artifacts) -> None:
    """The license text travels with the wheel."""
    assert any(name.endswith("/licenses/LICENSE") for name in artifacts.wheel)


def test_sdist_can_be_tested_from(artifacts: Artifacts) -> None:
    """The sdist has the package and all that its tests and docs are made of."""
    wanted = {"fixtures", "tests", "examples", "docs"}
    folders = {name.partition("/")[0] for name in artifacts.sdist}

    assert package_files() <= artifacts.sdist
    assert wanted & {folder.name for folder in ROOT.iterdir()} <= folders
    assert {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"} <= artifacts.sdist


def test_pytest_finds_the_plugin(artifacts: Artifacts) -> None:
    """The wheel announces the plugin under pytest's entry point."""
    lines = artifacts.entry_points.split("\n")

    assert "[pytest11]" in lines
    assert "lattice = pytest_lattice.plugin" in lines


def test_metadata_says_what_it_is(artifacts: Artifacts) -> None:
    """Name, license, Python floor and classifiers are what the registry shows."""
    metadata = artifacts.metadata
    classifiers = metadata.get_all("Classifier", [])

    assert metadata["Name"] == "pytest-lattice"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Framework :: Pytest" in classifiers
    assert "Typing :: Typed" in classifiers
    for version in ("3.11", "3.12", "3.13", "3.14"):
        assert f"Programming Language :: Python :: {version}" in classifiers


def test_metadata_offers_the_extras(artifacts: Artifacts) -> None:
    """What is optional can be asked for by name."""
    extras = artifacts.metadata.get_all("Provides-Extra", [])

    assert sorted(extras) == ["aws", "httpx2", "live"]
