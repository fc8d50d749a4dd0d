"""The command `pytest-lattice`: questions about a document, without a test.

    pytest-lattice explain FILE METHOD URL    what would happen to a request, and why
    pytest-lattice routes FILE                the rules of all services, as a table
    pytest-lattice graph FILE                 the topology, for Mermaid

FILE is what any loader reads; its kind is told by its content.  Exit status: 0 for an
answer, which for `explain` is that the request reaches a target; 1 if it reaches none;
2 for a mistake in the command or the document.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.network import LatticeNetwork
    from pytest_lattice.routing.overview import RouteRow

_REACHED, _NOT_REACHED, _MISTAKE, _INTERRUPTED = 0, 1, 2, 130
_BOLD, _RED, _GREEN = "1", "31", "32"
#: The policy of AWS that lets a caller invoke every service, as far as it is its own.
_INVOKE = "VPCLatticeServicesInvokeAccess"
_COLUMNS = ("service", "listener", "rule", "matches", "action", "source")
# A step in an explanation: its name, and whether the request went on.
_VERDICT = re.compile(r"^(\s+\S.*?\s{2,})(yes|no)(?=\s)", re.MULTILINE)
_ROLE_ARN = re.compile(r"arn:aws:iam::([0-9]{12}):role(/|/.*/)([^/]+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: those of the command line unless given.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    from pytest_lattice.errors import LatticeError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            status: int = options.run(options)
            sys.stdout.flush()
        except LatticeError as error:
            _complain("error", str(error), getattr(error, "__notes__", ()))
            status = _MISTAKE
        except BrokenPipeError:
            # Who reads has seen enough; Python must not write the rest at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = _REACHED
        except KeyboardInterrupt:
            status = _INTERRUPTED
    for text in dict.fromkeys(str(each.message) for each in caught):
        _complain("warning", text)
    return status


def _complain(kind: str, text: str, notes: Sequence[str] = ()) -> None:
    style = _Style(sys.stderr)
    print(style(_RED, f"{kind}:"), text, file=sys.stderr)
    for note in notes:
        print(f"  {note}", file=sys.stderr)


# ---- the command line -------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-lattice",
        description="Ask what an Amazon VPC Lattice network would do, from the "
        "document that declares it.",
        epilog="exit status: 0 an answer (explain: the request reaches a target); "
        "1 the request reaches no target; 2 a mistake in the command or the document",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explain = _command(
        commands, "explain", _explain, "what would happen to a request, step by step"
    )
    explain.add_argument("method", metavar="METHOD", help="such as GET")
    explain.add_argument(
        "url", metavar="URL", help="with a service's name, DNS name or custom name"
    )
    explain.add_argument(
        "--header",
        action="append",
        default=[],
        type=_header,
        metavar="NAME:VALUE",
        help="a header of the request; may be repeated",
    )
    explain.add_argument(
        "--role",
        help="who signs it: a role or user of the document, or the ARN of any role, "
        f"which then has the policy {_INVOKE}; nobody unless given",
    )
    explain.add_argument("--vpc", help="the caller's VPC, where there are several")
    explain.add_argument("--address", help="the caller's IP address in the VPC")
    explain.add_argument("--http2", action="store_true", help="made with HTTP/2")
    _command(commands, "routes", _routes, "the rules of all services, as a table")
    _command(commands, "graph", _graph, "the topology, as a Mermaid flowchart")
    return parser


def _command(
    commands: Any,  # noqa: ANN401  # argparse keeps its type to itself
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text
    )
    command.set_defaults(run=run)
    command.add_argument("file", metavar="FILE", help="any document that can be loaded")
    command.add_argument(
        "--kind", help="of the document; told by its content unless given"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        dest="settings",
        metavar="NAME=VALUE",
        help="an argument of the loader, such as account=111122223333, or "
        "parameters.Stage=test for an entry of a mapping; may be repeated",
    )
    command.add_argument("--json", action="store_true", help="write JSON, for machines")
    return command


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form NAME:VALUE")
    return name.strip(), value.strip()


def _setting(text: str) -> tuple[str, str, str]:
    """Split ``name=value`` or ``name.key=value``; the key may have dots."""
    path, equals, value = text.partition("=")
    name, _, key = path.partition(".")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"`{text}` is not of the form NAME=VALUE")
    return name, key, value


# ---- the commands -----------------------------------------------------------


def _explain(options: argparse.Namespace) -> int:
    from pytest_lattice.model.outcome import Forwarded

    with _network(options) as network:
        decision = network.decide(
            options.method,
            options.url,
            headers=options.header,
            vpc=options.vpc,
            address=options.address,
            http2=options.http2,
            role=_caller(network, options.role),
        )
    reached = isinstance(decision.outcome, Forwarded)
    if options.json:
        _write_json(_decision(decision))
    else:
        style = _Style(sys.stdout)

        def paint(step: re.Match[str]) -> str:
            color = _GREEN if step[2] == "yes" else _RED
            return f"{step[1]}{style(color, step[2])}"

        head, _, steps = decision.explain().partition("\n")
        print(style(_BOLD, head))
        print(_VERDICT.sub(paint, steps))
        print(style(_BOLD, f"  => {decision.summary}"))
    return _REACHED if reached else _NOT_REACHED


def _routes(options: argparse.Namespace) -> int:
    with _network(options) as network:
        rows = network.routes()
    if options.json:
        _write_json([row._asdict() for row in rows])
    else:
        for line in _table(rows, _Style(sys.stdout)):
            print(line)
    return _REACHED


def _graph(options: argparse.Namespace) -> int:
    from pytest_lattice.loaders.topology import export

    with _network(options) as network:
        drawing = export(network.configuration, "json" if options.json else "mermaid")
    print(drawing.rstrip("\n"))
    return _REACHED


# ---- what they are about ----------------------------------------------------


def _network(options: argparse.Namespace) -> LatticeNetwork:
    from pytest_lattice.network import LatticeNetwork

    network = LatticeNetwork()
    network.add(*_resources(options))
    return network


def _resources(options: argparse.Namespace) -> tuple[Resource, ...]:
    """Load the document; nothing of the user's answers behind its target groups."""
    from inspect import signature
    from pathlib import Path

    from pytest_lattice.errors import unknown
    from pytest_lattice.loaders.recognize import CASES, kind_of, loader_of

    kind = options.kind or kind_of(options.file)
    if kind == CASES:
        from pytest_lattice.cases.document import read_cases

        return read_cases(Path(options.file)).resources
    loader = loader_of(kind)
    known = [name for name in signature(loader).parameters if name != "targets"][1:]
    settings: dict[str, Any] = {"targets": "echo"}
    for name, key, value in options.settings:
        if name not in known:
            raise unknown(f"argument of the loader for {kind}", name, known)
        if key:
            settings.setdefault(name, {})[key] = value
        else:
            settings[name] = {"true": True, "false": False}.get(value, value)
    return loader(options.file, **settings)


def _caller(network: LatticeNetwork, name: str | None) -> str | None:
    """Declare a role that only its ARN is known of."""
    arn = _ROLE_ARN.fullmatch(name or "")
    declared = {str(each.arn) for each in network.configuration.callers}
    if arn is not None and name not in declared:
        account, path, role = arn.groups()
        network.role(role, account=account, path=path, policies=[_INVOKE])
    return name


# ---- how they are written ---------------------------------------------------


class _Style:
    """Emphasis on a terminal, and nothing in a pipe or where NO_COLOR is set."""

    def __init__(self, stream: TextIO) -> None:
        # https://no-color.org
        self._on = (
            stream.isatty()
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )

    def __call__(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text


def _table(rows: Sequence[RouteRow], style: _Style) -> Iterator[str]:
    """Write rows as columns; what all of them lack is left out."""
    names = [name for name in _COLUMNS if any(getattr(row, name) for row in rows)]
    if not rows:
        yield "no service has a listener"
        return
    cells = [[str(getattr(row, name)) for name in names] for row in rows]
    widths = [
        max(len(name), *(len(row[column]) for row in cells))
        for column, name in enumerate(names)
    ]

    def line(texts: Sequence[str]) -> str:
        padded = (text.ljust(w) for text, w in zip(texts, widths, strict=True))
        return "  ".join(padded).rstrip()

    yield style(_BOLD, line([name.upper() for name in names]))
    for row in cells:
        yield line(row)


def _decision(decision: Decision) -> dict[str, Any]:
    """Write a decision for machines."""
    outcome, request = decision.outcome, decision.request
    matched = decision.rule_state
    service, listener = decision.service, decision.listener
    group, target = decision.target_group, decision.target
    return {
        "method": request.method,
        "url": request.url,
        "http_version": request.http_version,
        "address": request.source.address,
        "outcome": _kebab(type(outcome).__name__),
        "summary": decision.summary,
        "status": getattr(outcome, "status", getattr(outcome, "status_code", None)),
        "service": service and service.name,
        "listener": listener and f"{listener.protocol} {listener.port}",
        "rule": matched and (matched.rule.priority if matched.rule else "default"),
        "weights": decision.weights,
        "target_group": group and group.name,
        "target": target and target.id,
        "steps": [
            {"name": step.name, "passed": step.passed, "text": step.text}
            for step in decision.steps
        ],
    }


def _kebab(name: str) -> str:
    """Write the name of an outcome, such as ``FixedResponse``, for machines."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _write_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
