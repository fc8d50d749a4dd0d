"""`access_matrix`: who may make which request, as a table to keep beside the tests.

A matrix is printed as a Markdown table, so that a review shows it as one.  Compared
with a file, each cell that differs says why it is as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pytest_lattice.assertions.subject import plural
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeAssertionError,
    advised,
)
from pytest_lattice.model.outcome import Denied, Unreachable, Unroutable
from pytest_lattice.model.value import first_twice, listed

if TYPE_CHECKING:
    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.caller import Caller

__tracebackhide__ = HIDE

#: The caller who does not sign.
_ANONYMOUS = "anonymous"
_REQUEST = "request"
_NAMED = ("method", "url")
#: How many cells that differ are explained.
_SHOWN = 10


class Asked(Protocol):
    """What can be asked who may do what: a `LatticeNetwork`."""

    #: Whether files are rewritten in place of being compared with.
    update_files: bool

    def authorize(self, method: str, url: str, **question: Any) -> Decision:  # noqa: ANN401  # as its own
        """Decide whether a request would be let in."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one caller may do.

    Args:
        text: ``allow``, or which layer denies, such as ``deny service by ReadOnly``.
        decision: what was decided.
    """

    text: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class AccessMatrix:
    """Who may make which request.

    Args:
        callers: the columns.
        requests: the rows.
        cells: by request and caller, in these orders.
        update_files: whether `assert_matches` rewrites the file.
    """

    callers: tuple[str, ...]
    requests: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]
    update_files: bool = False

    def __str__(self) -> str:
        """Write it as a Markdown table, without a final line break."""
        rows = [[_REQUEST, *self.callers]]
        rows += [
            [request, *(self.cells[request, each].text for each in self.callers)]
            for request in self.requests
        ]
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*escaped, strict=True)]
        lines = [_line(row, widths) for row in escaped]
        lines.insert(1, _line(["-" * width for width in widths], widths))
        return "\n".join(lines)

    def assert_matches(self, file: str | Path) -> None:
        """Assert that a file holds this matrix; ``--lattice-update`` rewrites it.

        Args:
            file: where the matrix is kept; relative paths are of the working folder.

        Raises:
            LatticeAssertionError: a cell differs, or there is no such file; the
                message shows each cell with its reason.
        """
        __tracebackhide__ = True
        path = Path(file)
        if self.update_files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{self}\n", encoding="utf-8")
            return
        if not path.is_file():
            raise LatticeAssertionError(
                f"there is no `{path}`; --lattice-update writes it:\n\n{self}"
            )
        kept = path.read_text(encoding="utf-8")
        if differences := self._differences(_cells(kept)):
            raise LatticeAssertionError(self._text(path, differences))

    def _differences(self, kept: Mapping[tuple[str, str], str]) -> list[str]:
        found = []
        for request in self.requests:
            for caller in self.callers:
                is_, was = self.cells[request, caller], kept.get((request, caller))
                if was != is_.text:
                    found.append(
                        f"{request}, {caller}: {was or 'not in the file'} -> "
                        f"{is_.text}{_why(is_.decision)}"
                    )
        asked = set(self.cells)
        found += [
            f"{request}, {caller}: {text} -> not asked"
            for (request, caller), text in kept.items()
            if (request, caller) not in asked
        ]
        return found

    def _text(self, path: Path, differences: Sequence[str]) -> str:
        verb = "differs" if len(differences) == 1 else "differ"
        count = plural(len(differences), "cell")
        lines = [f"{count} of the access matrix {verb} from `{path}`"]
        lines += [f"  {each}" for each in differences[:_SHOWN]]
        if len(differences) > _SHOWN:
            lines.append(f"  and {len(differences) - _SHOWN} more")
        lines.append("--lattice-update accepts the matrix as it is now")
        return "\n".join(lines)


def access_matrix(
    network: Asked,
    *,
    callers: Sequence[str | Caller | None],
    requests: Sequence[str | Mapping[str, Any]],
) -> AccessMatrix:
    """Ask who may make which request, without traffic.

    Args:
        network: the network.
        callers: roles and users by name or value; ``"anonymous"`` or None is who
            does not sign.
        requests: each ``"GET https://orders/path"``, or a mapping with ``method``,
            ``url`` and what else `LatticeNetwork.decide` takes, such as ``headers``
            or ``vpc``, and a ``name`` to show it by.

    Returns:
        The matrix; print it, or compare it with a file.

    Raises:
        ConfigurationError: an unknown caller or service, or a request that is none.

    AWS: vpc-lattice/latest/ug/auth-policies
    """
    roles = {
        _caller_label(each): each
        for each in listed(callers, "access matrix", "callers")
    }
    asked = [_question(each) for each in listed(requests, "access matrix", "requests")]
    if len(roles) < len(callers):
        twice = first_twice(map(_caller_label, callers))
        raise ConfigurationError(f"caller `{twice}` comes twice in the access matrix")
    if twice := first_twice(label for label, _ in asked):
        raise advised(
            f"request `{twice}` comes twice in the access matrix",
            'tell them apart by a "name"',
        )
    cells = {
        (label, name): _cell(network, question, role)
        for label, question in asked
        for name, role in roles.items()
    }
    return AccessMatrix(
        tuple(roles), tuple(label for label, _ in asked), cells, network.update_files
    )


def _caller_label(caller: str | Caller | None) -> str:
    if caller is None:
        return _ANONYMOUS
    return caller if isinstance(caller, str) else caller.name


def _question(request: object) -> tuple[str, dict[str, Any]]:
    """Read a request; returns its label and the arguments to ask with."""
    if isinstance(request, str):
        method, _, url = request.partition(" ")
        question: dict[str, Any] = {"method": method, "url": url.strip()}
    elif isinstance(request, Mapping):
        question = dict(request)
    else:
        raise ConfigurationError(f"`{request!r}` is not a request of an access matrix")
    label = question.pop("name", None)
    if not question.get("url") or not question.get("method"):
        raise advised(
            f"request `{request!r}` has no method or no URL",
            'write "GET https://my-service/path"',
        )
    rest = [
        f"{key}={question[key]}" for key in question if key not in {"method", "url"}
    ]
    return label or " ".join([question["method"], question["url"], *rest]), question


def _cell(
    network: Asked, question: Mapping[str, Any], caller: str | Caller | None
) -> Cell:
    role = None if caller == _ANONYMOUS else caller
    decision = network.authorize(**question, role=role)
    return Cell(_verdict(decision), decision)


def _verdict(decision: Decision) -> str:
    outcome = decision.outcome
    if isinstance(outcome, Denied):
        return f"deny {outcome.layer}" + (f" by {outcome.sid}" if outcome.sid else "")
    if isinstance(outcome, Unreachable):
        return outcome.error
    if isinstance(outcome, Unroutable):
        return str(outcome.status)
    return "allow"


def _why(decision: Decision) -> str:
    outcome = decision.outcome
    if isinstance(outcome, Denied | Unreachable | Unroutable):
        return f" ({outcome.reason})"
    access = decision.access
    deciding = [
        f"{each.source.layer} {statement.label}"
        for each in (access.results if access else ())
        for statement in each.deciding
    ]
    return f" ({', '.join(deciding)})" if deciding else " (nobody has to be asked)"


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _cells(text: str) -> dict[tuple[str, str], str]:
    """Read the cells of a written matrix; what is no table row is skipped."""
    rows = [
        [cell.strip().replace("\0", "|") for cell in line.strip("|").split("|")]
        for each in text.splitlines()
        if (line := each.strip().replace("\\|", "\0")).startswith("|")
    ]
    if not rows:
        return {}
    _, *callers = rows[0]
    return {
        (row[0], caller): cell
        for row in rows[2:]
        for caller, cell in zip(callers, row[1:], strict=False)
    }
