"""Report modules and functions that have grown too long.

A module over 500 lines usually holds two ideas, a function over 40 lines of code
usually does two things. Docstrings, comments and blank lines inside a function do not
count, because explaining must stay free.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES = 500
FUNCTION_LINES = 40
FOLDERS = ("pytest_lattice", "scripts")


def main(arguments: list[str]) -> int:
    """Print every offender in the given folders; return 1 if there is one, else 0."""
    folders = [Path(name) for name in arguments or FOLDERS]
    missing = [f"{folder}: no such folder" for folder in folders if not folder.is_dir()]
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    offenders = [line for file in files for line in offenses(file)]
    for line in missing + offenders:
        print(line)
    return 1 if missing or offenders else 0


def offenses(file: Path) -> Iterator[str]:
    """Name what is too long in one file."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    if len(lines) > MODULE_LINES:
        yield f"{file}: {len(lines)} lines, at most {MODULE_LINES}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = code_lines(node, lines)
            if length > FUNCTION_LINES:
                yield (
                    f"{file}:{node.lineno}: {node.name} has {length} lines of code,"
                    f" at most {FUNCTION_LINES}"
                )


def code_lines(function: ast.AST, lines: list[str]) -> int:
    """Count the lines of a function that are code, those of nested ones included."""
    explained = {number for node in docstrings(function) for number in span(node)}
    return sum(
        1
        for number in span(function)
        if number not in explained
        and lines[number - 1].strip()
        and not lines[number - 1].lstrip().startswith("#")
    )


def docstrings(function: ast.AST) -> Iterator[ast.AST]:
    """Find the docstring of a function and of everything that is defined in it."""
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first


def span(node: ast.AST) -> range:
    """Give the line numbers that a node covers."""
    first = getattr(node, "lineno", 1)
    return range(first, getattr(node, "end_lineno", first) + 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
