"""The command `pytest-lattice`: questions about a document, without a test.

    pytest-lattice explain FILE METHOD URL    what would happen to a request, and why
    pytest-lattice routes FILE                the rules of all services, as a table
    pytest-lattice graph FILE                 the topology, for Mermaid
    pytest-lattice serve FILE                 a proxy into it, and the access log

FILE is what any loader reads; its kind is told by its content.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import ConfigurationError, LatticeError, advised, unknown
from pytest_lattice.terminal import (
    BOLD,
    GREEN,
    RED,
    Style,
    complain,
    open_streams,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.model.configuration import Resource
    from pytest_lattice.network import LatticeNetwork

_REACHED, _NOT_REACHED, _MISTAKE, _INTERRUPTED = 0, 1, 2, 130
#: The policy of AWS that lets a caller invoke every service, as far as it is its own.
_INVOKE = "VPCLatticeServicesInvokeAccess"
#: How many exchanges are kept while a network is served: nobody asks for them.
_KEPT = 1000
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
    open_streams()
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _teller()
        try:
            status: int = options.run(options)
            sys.stdout.flush()
        except LatticeError as error:
            complain("error", str(error), getattr(error, "__notes__", ()))
            status = _MISTAKE
        except OSError as error:
            # Python must not try to write the rest at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = _REACHED  # who reads has seen enough
            if not isinstance(error, BrokenPipeError):
                complain("error", f"the answer cannot be written: {error}")
                status = _MISTAKE
        except KeyboardInterrupt:
            status = _INTERRUPTED
    return status


def _teller() -> Callable[..., None]:
    """Make what tells of each warning once, as a line."""
    told = set[str]()

    def tell(message: Warning | str, *_: object) -> None:
        if str(message) not in told:
            told.add(str(message))
            complain("warning", str(message))

    return tell


# ---- the command line -------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-lattice",
        description="Ask a document that declares an Amazon VPC Lattice network what "
        "that would do, or let it do so.",
        epilog="exit status: 0 an answer (explain: the request reaches a target; "
        "serve: stopped by Ctrl-C or SIGTERM); 1 the request reaches no target; "
        "2 a mistake in the command or the document; 130 interrupted before that",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "what would happen to a request, step by step"
    _explain_options(_command(commands, "explain", _explain, text))
    _command(commands, "routes", _routes, "the rules of all services, as a table")
    _command(commands, "graph", _graph, "the topology, as a Mermaid flowchart")
    text = "a proxy into the network, and its access log, until Ctrl-C"
    _serve_options(_command(commands, "serve", _serve, text))
    return parser


def _explain_options(explain: argparse.ArgumentParser) -> None:
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
    _add_caller(explain, "who signs it")
    explain.add_argument("--address", help="the caller's IP address in the VPC")
    explain.add_argument("--http2", action="store_true", help="made with HTTP/2")


def _serve_options(serve: argparse.ArgumentParser) -> None:
    serve.epilog = (
        "An echo answers for every target group without a URL; "
        "--set targets.NAME=URL puts a server of yours there."
    )
    _add_caller(serve, "who signs the printed command, and whose keys are exported")
    serve.add_argument(
        "--strict", action="store_true", help="refuse hosts that are not of the network"
    )
    serve.add_argument(
        "--port",
        type=int,
        default=0,
        help="where the proxy listens on loopback; a free port unless given",
    )


def _add_caller(command: argparse.ArgumentParser, who: str) -> None:
    command.add_argument(
        "--role",
        help=f"{who}: a role or user of the document, or the ARN of any role, "
        f"which then has the policy {_INVOKE}; nobody unless given",
    )
    command.add_argument("--vpc", help="the caller's VPC, where there are several")


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
        "--kind", help="what kind of document; told by its content unless given"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        dest="settings",
        metavar="NAME=VALUE",
        help="an argument of the loader, such as account=111122223333, or an entry of "
        "a mapping, such as parameters.Stage=test; may be repeated",
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
        style = Style(sys.stdout)

        def paint(step: re.Match[str]) -> str:
            color = GREEN if step[2] == "yes" else RED
            return f"{step[1]}{style(color, step[2])}"

        head, _, steps = decision.explain().partition("\n")
        print(style(BOLD, head))
        print(_VERDICT.sub(paint, steps))
        print(style(BOLD, f"  => {decision.summary}"))
    return _REACHED if reached else _NOT_REACHED


def _routes(options: argparse.Namespace) -> int:
    with _network(options) as network:
        rows = network.routes()
    if options.json:
        _write_json([row._asdict() for row in rows])
    else:
        cells = [[str(getattr(row, name)) for name in _COLUMNS] for row in rows]
        for line in table(_COLUMNS, cells, Style(sys.stdout)):
            print(line)
        if not rows:
            print("no service has a listener")
    return _REACHED


def _graph(options: argparse.Namespace) -> int:
    from pytest_lattice.loaders.topology import export

    with _network(options) as network:
        drawing = export(network.configuration, "json" if options.json else "mermaid")
    print(drawing.rstrip("\n"))
    return _REACHED


def _serve(options: argparse.Namespace) -> int:
    from pytest_lattice.clock import RealClock
    from pytest_lattice.serving import Follower, serve

    follower, clock = Follower(), RealClock()
    with _network(
        options,
        called=True,
        clock=clock,
        history=_KEPT,
        plugins=[follower],
        raise_target_exceptions=False,
    ) as network:
        if not network.configuration.services:
            raise ConfigurationError(f"`{options.file}` has no service to serve")
        serve(
            network,
            follower,
            clock,
            role=_caller(network, options.role),
            vpc=options.vpc,
            strict=options.strict,
            port=options.port,
            as_json=options.json,
        )
    return _REACHED


# ---- what they are about ----------------------------------------------------


def _network(
    options: argparse.Namespace,
    *,
    called: bool = False,
    **settings: Any,  # noqa: ANN401  # as `LatticeNetwork` takes them
) -> LatticeNetwork:
    """Make the network of the document.

    Args:
        options: which document.
        called: whether its targets are; if not, nothing of the user's answers.
        settings: of the network.
    """
    from pytest_lattice.network import LatticeNetwork

    network = LatticeNetwork(**settings)
    network.add(*_resources(options, called=called))
    return network


def _resources(options: argparse.Namespace, *, called: bool) -> tuple[Resource, ...]:
    """Load the document, with an echo behind all target groups or the open ones."""
    from inspect import signature

    from pytest_lattice.loaders.recognize import CASES, kind_of, loader_of

    kind = options.kind or kind_of(options.file)
    if kind == CASES:
        from pytest_lattice.cases.document import read_cases

        if options.settings:
            raise advised(
                f"`{options.file}` is a case file, which takes no `--set`",
                "write it under `network` in the file",
            )
        return read_cases(Path(options.file)).resources
    loader = loader_of(kind)
    _, *known = signature(loader).parameters
    if not called:
        known.remove("targets")
    settings: dict[str, Any] = {}
    for name, key, value in options.settings:
        if name not in known:
            raise unknown(f"argument of the loader for {kind}", name, known)
        if key:
            settings.setdefault(name, {})[key] = value
        else:
            settings[name] = {"true": True, "false": False}.get(value, value)
    if called and (kind == "document" or "targets" in settings):
        return tuple(map(_echoing, loader(options.file, **settings)))
    return loader(options.file, targets="echo", **settings)


def _echoing(resource: Resource) -> Resource:
    """Let an echo answer behind a target group where nothing else does."""
    from dataclasses import replace

    from pytest_lattice.model.target_group import TargetGroup

    if not isinstance(resource, TargetGroup):
        return resource
    targets = [
        replace(each, app="echo") if each.app is None else each
        for each in resource.registered
    ]
    return replace(resource, targets=targets or "echo")


def _caller(network: LatticeNetwork, name: str | None) -> str | None:
    """Declare a role that only its ARN is known of."""
    arn = _ROLE_ARN.fullmatch(name or "")
    declared = {str(each.arn) for each in network.configuration.callers}
    if arn is not None and name not in declared:
        account, path, role = arn.groups()
        network.role(role, account=account, path=path, policies=[_INVOKE])
    return name


# ---- how they are written ---------------------------------------------------


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
