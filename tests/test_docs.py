"""The documentation: every Python block runs, every quoted output is real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PAGES = (
    "README.md",
    "docs/guide.md",
    "docs/live.md",
    "docs/loading.md",
    "docs/loading-account.md",
    "docs/loading-gateway-api.md",
    "docs/loading-terraform.md",
    "docs/loading-cloudformation.md",
    "docs/doors.md",
)


def test_every_block_runs(pytester: pytest.Pytester) -> None:
    """Each Python block of the documentation is a test file that passes."""
    files = {
        f"test_{Path(page).stem.lower().replace('-', '_')}_{number}": block
        for page in _PAGES
        for number, block in enumerate(_BLOCK.findall((ROOT / page).read_text()), 1)
    }
    pytester.makepyfile(**files)
    result = pytester.runpytest_subprocess("-W", "error", "-v")
    assert set(result.parseoutcomes()) == {"passed"}, result.stdout.str()
    for name in files:
        result.stdout.fnmatch_lines([f"{name}.py::* PASSED*"])


def test_the_readme_explains_a_failure_as_it_happens(
    pytester: pytest.Pytester,
) -> None:
    """The failure quoted in the README is what its own test prints when broken."""
    readme = (ROOT / "README.md").read_text()
    block, *_ = _BLOCK.findall(readme)
    (quoted,) = re.findall(
        r"^A test that fails says why.*?^```\n(.*?)^```$",
        readme,
        re.MULTILINE | re.DOTALL,
    )
    broken = block.replace('client.get("/cart"), by', 'client.post("/cart"), by')
    pytester.makepyfile(broken)
    result = pytester.runpytest_subprocess()
    printed = "\n".join(line.rstrip() for line in result.outlines)
    lines = [line.removeprefix("E").strip() for line in printed.splitlines()]
    for line in quoted.splitlines():
        assert any(line.strip() in each for each in lines), (line, printed)
