"""`access_matrix`: who may make which request, as a table to keep beside the tests.

A matrix is printed as a Markdown table, so that a review shows it as one.  Compared
with a file, each cell that differs says why it is as it is.
"""

from __future__ import annotations

import re
from collections import Counter
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
    unknown,
)
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.outcome import Denied, Unreachable, Unroutable
from pytest_lattice.model.value import check_text, first_twice, listed

if TYPE_CHECKING:
    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.caller import Caller
    from pytest_lattice.model.configuration import Configuration

__tracebackhide__ = HIDE

#: The caller who does not sign.
_ANONYMOUS = "anonymous"
_REQUEST = "request"
#: What a request may have: a name to show it by, and what can be asked about it.
_KEYS = ("name", "method", "url", "headers", "vpc", "address", "http2")
_TEXTS = ("name", "method", "url", "vpc", "address")
#: How many cells that differ are explained.
_SHOWN = 10
#: The cells of a line, and what stands for a character that a cell cannot hold.
_CELL = re.compile(r"((?:\\.|[^\\|])*+\\?)\|")
_ESCAPE = re.compile(
    r"\\(?:[\\|nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U00(?:0[0-9a-f]|10)[0-9a-f]{4})"
)


class Asked(Protocol):
    """What can be asked who may do what: a `LatticeNetwork`."""

    #: Whether files are rewritten in place of being compared with.
    update_files: bool

    @property
    def configuration(self) -> Configuration:
        """What is declared."""

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
        escaped = [[_escaped(cell) for cell in row] for row in rows]
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
        kept = path.read_text(encoding="utf-8", errors="replace")
        if differences := self._differences(_cells(kept)):
            raise LatticeAssertionError(self._text(path, differences))

    def _differences(self, kept: Mapping[tuple[str, str], str]) -> list[str]:
        found = []
        for request in self.requests:
            for caller in self.callers:
                is_, was = self.cells[request, caller], kept.get((request, caller))
                if was != is_.text:
                    before = "not in the file" if was is None else _escaped(was)
                    found.append(
                        f"{_escaped(request)}, {_escaped(caller)}: {before} -> "
                        f"{_escaped(is_.text)}{_why(is_.decision)}"
                    )
        found += [
            f"{_escaped(request)}, {_escaped(caller)}: {_escaped(text)} -> not asked"
            for (request, caller), text in kept.items()
            if (request, caller) not in self.cells
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
    callers: Iterable[str | Caller | None],
    requests: Iterable[str | Mapping[str, Any]],
) -> AccessMatrix:
    """Ask who may make which request, without traffic.

    Args:
        network: the network.
        callers: roles and users by name, ARN or value; ``"anonymous"`` or None is
            who does not sign.  Where several share a name their ARNs are shown.
        requests: each ``"GET https://orders/path"``, or a mapping with ``method``,
            ``url`` and what else `LatticeNetwork.decide` takes, such as ``headers``
            or ``vpc``, and a ``name`` to show it by.

    Returns:
        The matrix; print it, or compare it with a file.

    Raises:
        ConfigurationError: an unknown caller or service, or a request that is none.

    AWS: vpc-lattice/latest/ug/auth-policies
    """
    roles = _columns(network, listed(callers, "access matrix", "callers"))
    asked = [_question(each) for each in listed(requests, "access matrix", "requests")]
    if twice := first_twice(label for label, _ in asked):
        raise advised(
            f"request `{_escaped(twice)}` comes twice in the access matrix",
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


def _columns(
    network: Asked, callers: Sequence[str | Caller | None]
) -> dict[str, str | Caller | None]:
    """Label the callers; who does not sign is None."""
    for each in callers:
        _check_caller(network, each)
    values = {each.id: each for each in callers if isinstance(each, Role | User)}
    # A caller may be called like who does not sign.
    names = Counter([_ANONYMOUS, *(each.name for each in values.values())])
    arns = Counter(each.arn for each in values.values())
    labels = [_label(each, names, arns) for each in callers]
    if twice := first_twice(labels):
        raise ConfigurationError(
            f"caller `{_escaped(twice)}` comes twice in the access matrix"
        )
    return {
        label: None if caller == _ANONYMOUS else caller
        for label, caller in zip(labels, callers, strict=True)
    }


def _check_caller(network: Asked, caller: object) -> None:
    if not isinstance(caller, str | Role | User | None):
        raise advised(
            f"`{caller!r}` is not a caller of an access matrix",
            "write the name or the value of a role or user, or None",
        )
    declared = (each.name for each in network.configuration.callers)
    if caller == _ANONYMOUS and caller in declared:
        raise advised(
            f"caller `{_ANONYMOUS}` is declared, and is the word for who does not sign",
            "give its value or its ARN; None is who does not sign",
        )
    if isinstance(caller, str):
        _check_unicode(caller, "caller", "write a name or an ARN")


def _label(caller: str | Caller | None, names: Counter[str], arns: Counter[str]) -> str:
    if caller is None or isinstance(caller, str):
        return caller or _ANONYMOUS
    if names[caller.name] == 1:
        return caller.name
    # Sessions of one role share its ARN.
    return caller.arn if arns[caller.arn] == 1 else caller.id


def _check_unicode(text: str, what: str, advice: str) -> None:
    """Refuse halves of surrogate pairs, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise advised(
            f"{what} `{_escaped(text)}` is not text that UTF-8 can write", advice
        ) from None


def _question(request: object) -> tuple[str, dict[str, Any]]:
    """Read a request; returns its label and the arguments to ask with."""
    if isinstance(request, str):
        method, _, url = request.partition(" ")
        question: dict[str, Any] = {"method": method, "url": url.strip()}
    elif isinstance(request, Mapping):
        question = dict(request)
    else:
        raise ConfigurationError(f"`{request!r}` is not a request of an access matrix")
    _check_question(question, request)
    label = question.pop("name", None)
    if not question.get("url") or not question.get("method"):
        raise advised(
            f"request `{request!r}` has no method or no URL",
            'write "GET https://my-service/path"',
        )
    rest = [
        f"{key}={question[key]}" for key in question if key not in {"method", "url"}
    ]
    label = label or " ".join([question["method"], question["url"], *rest])
    _check_unicode(label, "request", 'give it another "name"')
    return label, question


def _check_question(question: Mapping[str, Any], request: object) -> None:
    """Hold the keys of a request, and what is text, to what can be asked."""
    for key in question:
        if key == "role":
            raise advised(
                f"request `{request!r}` of an access matrix has a `role`",
                "say who calls in callers=[…]",
            )
        if key not in _KEYS:
            raise unknown("key of a request", _escaped(str(key)), _KEYS)
    for key in _TEXTS:
        if question.get(key) is not None:
            check_text(question[key], f"{key} of request `{request!r}`:")
    if not isinstance(question.get("http2", False), bool):
        raise ConfigurationError(f"http2 of request `{request!r}` is not True or False")


def _cell(
    network: Asked, question: Mapping[str, Any], role: str | Caller | None
) -> Cell:
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


def _escaped(text: str) -> str:
    r"""Write any text as one cell, such as ``a\nb`` for two lines."""
    written = "".join(_written(each) for each in text)
    inner = written.strip(" ")
    if inner == written:
        return written
    # The spaces around a cell are not part of it.
    start = written.index(inner) if inner else len(written)
    end = len(written) - start - len(inner)
    return r"\x20" * start + inner + r"\x20" * end


def _written(character: str) -> str:
    if character == "|":
        return r"\|"
    if character.isprintable() and character != "\\":
        return character
    return character.encode("unicode_escape").decode()


def _read(cell: str) -> str:
    """Read a cell; undoes `_escaped`."""
    return _ESCAPE.sub(
        lambda found: (
            "|" if found[0] == r"\|" else found[0].encode().decode("unicode_escape")
        ),
        cell.strip(),
    )


def _row(line: str) -> list[str]:
    # The second bar is for who left out the last one.
    _, *cells = _CELL.findall(f"{line}|")
    return [_read(each) for each in (cells if cells[-1] else cells[:-1])]


def _cells(text: str) -> dict[tuple[str, str], str]:
    """Read the cells of a written matrix; what is no table row is skipped."""
    lines = (each.strip() for each in text.split("\n"))
    rows = [_row(each) for each in lines if each.startswith("|") and each.strip("|")]
    if not rows:
        return {}
    _, *callers = rows[0]
    return {
        (row[0], caller): cell
        for row in rows[2:]
        for caller, cell in zip(callers, row[1:], strict=False)
    }
