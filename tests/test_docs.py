"""The documentation: every Python block runs, every quoted output is real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PAGES = ("README.md", "docs/guide.md")


def _blocks() -> list[tuple[str, str]]:
    return [
        (f"{page}-{number}", block)
        for page in _PAGES
        for number, block in enumerate(_BLOCK.findall((ROOT / page).read_text()), 1)
    ]


@pytest.mark.parametrize(
    "block", [block for _, block in _blocks()], ids=[name for name, _ in _blocks()]
)
def test_block_runs(pytester: pytest.Pytester, block: str) -> None:
    """A Python block of the documentation is a test file that passes."""
    pytester.makepyfile(block)
    result = pytester.runpytest_subprocess("-W", "error")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}, result.stdout.str()


def test_the_readme_explains_a_failure_as_it_happens(
    pytester: pytest.Pytester,
) -> None:
    """The failure quoted in the README is what its own test prints when broken."""
    readme = (ROOT / "README.md").read_text()
    (block,) = _BLOCK.findall(readme)
    (quoted,) = re.findall(
        r"^A test that fails says why.*?^```\n(.*?)^```$",
        readme,
        re.MULTILINE | re.DOTALL,
    )
    pytester.makepyfile(block.replace('"/v2/cart", headers', '"/v1/cart", headers'))
    result = pytester.runpytest_subprocess()
    printed = "\n".join(line.rstrip() for line in result.outlines)
    lines = [line.removeprefix("E").strip() for line in printed.splitlines()]
    for line in quoted.splitlines():
        assert line.strip() in lines, printed
