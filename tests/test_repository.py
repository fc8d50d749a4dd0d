"""The tree as a whole: what every text file keeps, and which files belong together."""

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pytest_lattice"
TESTS = ROOT / "tests"
EXAMPLES = ROOT / "examples"

# Modules without a `test_<name>.py` beside them, and the folder that tests them.
TESTED_ELSEWHERE = {
    "plugin.py": "plugin",  # hooks and fixtures only show inside a pytest of their own
    "hookspecs.py": "plugin",  # a specification runs only when a plugin implements it
}

# Written in pieces, so that this file does not name what it forbids.
REGISTRY_HOSTS = (
    "pypi" + ".org",
    "python" + "hosted",
    "registry" + ".npmjs",
    "deb" + ".debian",
)
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("work", "root", "home"))
FORBIDDEN = re.compile(
    "|".join(
        [re.escape(host) for host in REGISTRY_HOSTS]
        # Not after a word character or a dot: those are URLs and relative paths.
        + [rf"(?<![\w.}}*]){re.escape(path)}" for path in MACHINE_PATHS]
    )
)

# A code and then a reason, as in `noqa: S311 - seeded, not secret`.
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover)")
EXPLAINED = re.compile(
    r"#\s*(?>noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z0-9, -]+\]"
    r"|pragma:\s*no cover)[\s:,#-]+\w"
)


def text_files() -> list[Path]:
    """List the text files that are tracked or could be, in git's order."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git stands elsewhere on every machine
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = (ROOT / name for name in listing.stdout.split("\0") if name)
    return [file for file in files if file.is_file() and is_text(file)]


def is_text(file: Path) -> bool:
    """Tell text from bytes, the way git does."""
    return b"\0" not in file.read_bytes()[:8000]


def python_files() -> list[Path]:
    """List those of the text files that are Python."""
    return [file for file in text_files() if file.suffix == ".py"]


def forbidden_lines(text: str) -> Iterator[str]:
    """Find the lines that name a registry host or a path of one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        if FORBIDDEN.search(line):
            yield f"{number}: {line.strip()}"


def bare_suppressions(source: str) -> Iterator[str]:
    """Find the comments that silence a tool without a code or without a reason."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            found = SUPPRESSION.search(token.string)
            if found and not EXPLAINED.match(token.string, found.start()):
                yield f"{token.start[0]}: {token.string}"


def uncommented_exemptions(toml: str) -> Iterator[str]:
    """Find lint exemptions and upper pins in pyproject.toml without their reason."""
    exemption = re.compile(r'^\s+"(?:[A-Z]{1,4}\d{0,4}|[\w-]+>=[\d.]+,<[^"]*)",\s*$')
    for number, line in enumerate(toml.splitlines(), start=1):
        if exemption.match(line):
            yield f"{number}: {line.strip()}"


def expected_test(module: Path) -> Path:
    """Give the file or folder in which a module of the package is tested."""
    relative = module.relative_to(PACKAGE)
    elsewhere = TESTED_ELSEWHERE.get(relative.as_posix())
    return TESTS / (elsewhere or relative.with_name(f"test_{relative.name}"))


def candidates(place: Path) -> list[Path]:
    """List the test files in a folder; a place that is no folder is one itself."""
    return sorted(place.rglob("test_*.py")) if place.is_dir() else [place]


def test_text_files_name_no_host_and_no_machine() -> None:
    """Nothing in the tree depends on where it was written or fetched from."""
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in text_files()
        for line in forbidden_lines(file.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        *(f"see https://{host}/simple" for host in REGISTRY_HOSTS),
        *(f"cd {path}somewhere" for path in MACHINE_PATHS),
        *(f'"{path}somewhere"' for path in MACHINE_PATHS),
    ],
)
def test_forbidden_line_is_found(line: str) -> None:
    """The patterns find what they are for."""
    assert list(forbidden_lines(f"fine\n{line}\n")) == [f"2: {line}"]


@pytest.mark.parametrize("path", MACHINE_PATHS)
def test_path_inside_a_url_is_fine(path: str) -> None:
    """A path is a machine's only where it starts."""
    assert list(forbidden_lines(f"https://example.com{path}page")) == []


def test_suppressions_have_a_code_and_a_reason() -> None:
    """Whoever silences a tool says which rule and why, on the same line."""
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in python_files()
        for line in bare_suppressions(file.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S101",
        "# noqa: S101, PLR2004",
        "# noqa - everything is wrong here",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# type: ignore - the stub is wrong",
        "# pragma: no cover",
    ],
)
def test_bare_suppression_is_found(comment: str) -> None:
    """A code without a reason, or a reason without a code, is not enough."""
    assert list(bare_suppressions(f"x = 1  {comment}\n")) == [f"1: {comment}"]


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: S101 - a helper of tests",
        "# noqa: S101, PLR2004  # pytest's own",
        "# type: ignore[arg-type]  # the stub is wrong",
        "# pragma: no cover - Windows only, see the guide",
        "# nothing to do with it",
    ],
)
def test_explained_suppression_is_fine(comment: str) -> None:
    """A code and a reason on the line are enough."""
    assert list(bare_suppressions(f"x = 1  {comment}\n")) == []


def test_suppression_in_a_string_is_none() -> None:
    """Only comments silence tools; the text of a snippet may say what it likes."""
    assert list(bare_suppressions('x = "# noqa"\n')) == []


def test_exemptions_in_pyproject_have_a_reason() -> None:
    """Every lint exemption and every upper pin says why it is there."""
    toml = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert list(uncommented_exemptions(toml)) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('    "S101",', ['2: "S101",']),
        ('    "httpx>=0.27,<1",', ['2: "httpx>=0.27,<1",']),
        ('    "S101", # pytest is built on assert', []),
        ('    "httpx>=0.27,<1", # 1.0 is a rewrite', []),
        ('    "trustme>=1.2",', []),
    ],
)
def test_exemption_without_reason_is_found(line: str, expected: list[str]) -> None:
    """An exemption or an upper pin needs its comment, a floor does not."""
    assert list(uncommented_exemptions(f"list = [\n{line}\n]\n")) == expected


def test_changelog_has_an_unreleased_section() -> None:
    """A change has a place where it is written down for users."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert "\n## [Unreleased]\n" in changelog


def test_every_module_has_its_tests() -> None:
    """`pytest_lattice/x/y.py` is tested in `tests/x/test_y.py`."""
    modules = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    missing = [
        f"{module.relative_to(ROOT)}: no {expected_test(module).relative_to(ROOT)}"
        for module in sorted(modules)
        if not any(file.is_file() for file in candidates(expected_test(module)))
    ]

    assert missing == []


def test_every_example_has_a_test() -> None:
    """An example is a runnable test suite, or it is none."""
    folders = {file.parent for file in EXAMPLES.glob("*/**/*.py")}
    stories = {EXAMPLES / folder.relative_to(EXAMPLES).parts[0] for folder in folders}
    untested = [story.name for story in sorted(stories) if not candidates(story)]

    assert untested == []
