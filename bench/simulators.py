"""The policy engines that ours is compared with, each asked `guarded.POLICY`.

iam-simulate is AGPL, so no file of ours depends on it: where node and npm are there, it
is installed into a folder that lives as long as the comparison.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.guarded import POLICY, ROLE
from bench.harness import Case
from bench.scenes import peer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.guarded import Asked
    from bench.harness import Clock
    from bench.report import Report
    from pytest_lattice.auth.call import Call


class Engine(NamedTuple):
    """A peer.

    Args:
        case: asks it.
        decisions: how many a call of the case makes.
    """

    case: Case
    decisions: int


_PACKAGE = "@cloud-copilot/iam-simulate"
_INSTALL_SECONDS = 60
#: Node compiles what it has run some hundred times.
_WARM_UP = 150

# ---- iam-simulate -----------------------------------------------------------

# Reads the simulations, then how often to run them all; prints the processor's seconds
# and the last verdicts.
_SIMULATE = f"""
import {{ runSimulation }} from '{_PACKAGE}'
import {{ createInterface }} from 'node:readline'
let simulations
for await (const line of createInterface({{ input: process.stdin }})) {{
  if (!simulations) {{ simulations = JSON.parse(line); continue }}
  let results
  const start = process.cpuUsage()
  for (let left = Number(line); left > 0; left--) {{
    results = []
    for (const each of simulations) results.push(await runSimulation(each, {{}}))
  }}
  const spent = process.cpuUsage(start)
  const verdicts = results.map((each) => each.overallResult ?? JSON.stringify(each))
  console.log(JSON.stringify({{
    seconds: (spent.user + spent.system) / 1e6, verdicts,
  }}))
}}
"""
_ITS_VERDICTS = {
    "ALLOW": "Allowed",
    "EXPLICIT_DENY": "ExplicitlyDenied",
    "IMPLICIT_DENY": "ImplicitlyDenied",
}


@dataclass(frozen=True, slots=True)
class NodeCase(Case):
    """A case that node repeats and times itself."""

    def time(self, calls: int, clock: Clock) -> float:
        """Return how many seconds of the processor a number of calls takes."""
        seconds: float = self.call(calls)["seconds"]
        return seconds


@contextmanager
def iam_simulate(asked: Sequence[Asked], report: Report) -> Iterator[Engine | None]:
    """Install and start iam-simulate; None where that cannot be, which is said.

    Args:
        asked: what a call of the case decides, all of it.
        report: where it is said.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        why_not = _install(folder)
        if why_not:
            report.remark(f"iam-simulate is left out: {why_not}")
            yield None
            return
        version = json.loads(
            (folder / "node_modules" / _PACKAGE / "package.json").read_text()
        )["version"]
        (folder / "simulate.mjs").write_text(_SIMULATE)
        with subprocess.Popen(
            [str(shutil.which("node")), "simulate.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as node:
            yield _started(node, asked, version)
            node.communicate()


def _install(folder: Path) -> str:
    """Install the package; return why that is not possible, in one line."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "node and npm are not there"
    (folder / "package.json").write_text("{}")
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
    try:
        done = subprocess.run(
            [npm, "install", *options, _PACKAGE],
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=_INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"npm did not install it within {_INSTALL_SECONDS} seconds"
    if done.returncode:
        return "npm could not install it, as without a network"
    return ""


def _started(
    node: subprocess.Popen[str], asked: Sequence[Asked], version: str
) -> Engine:
    def say(what: object) -> None:
        print(json.dumps(what), file=node.stdin, flush=True)

    def call(rounds: int = 1) -> dict[str, Any]:
        say(rounds)
        line = node.stdout.readline()  # type: ignore[union-attr]  # a pipe
        answer: dict[str, Any] = json.loads(line)
        return answer

    say([_simulation(each.call) for each in asked])
    call(_WARM_UP)
    wanted = [_ITS_VERDICTS[each.verdict] for each in asked]
    case = NodeCase(
        f"iam-simulate {version} in node",
        call,
        lambda answer: bool(answer["verdicts"] == wanted),
    )
    return Engine(case, len(asked))


def _simulation(call: Call) -> dict[str, Any]:
    request, prefix = call.request, "vpc-lattice-svcs:Request"
    headers = {f"{prefix}Header/{name}": value for name, value in request.headers}
    return {
        "request": {
            "principal": call.identity.principal,
            "action": call.action,
            "resource": {
                "resource": call.resource,
                "accountId": call.place.service_account,
            },
            "contextVariables": {
                f"{prefix}Method": request.method,
                f"{prefix}Path": request.path,
                **{key: headers[key] for key in headers if "/x-" in key},
            },
        },
        "identityPolicies": [],
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
        "resourcePolicy": POLICY,
    }


# ---- Cedar ------------------------------------------------------------------

_CEDAR = f"""
@id("NoWrites") forbid (principal, action, resource) when {{
  ["DELETE", "PATCH"].contains(context.method)
  && !(context.headers has "x-admin" && context.headers["x-admin"] == "yes")
}};
@id("NoInternals") forbid (principal, action, resource) when {{
  context.path like "/internal/*"
}};
@id("Batch") permit (principal == Role::"{ROLE.arn}", action, resource) when {{
  context.headers has "x-batch" && context.headers["x-batch"] == "nightly"
}};
@id("Partners") permit (principal, action, resource) when {{
  ["GET", "HEAD"].contains(context.method)
  && context.headers has "x-tenant" && context.headers["x-tenant"] like "acme-*"
}};
"""
_BATCH = 25


def cedar(asked: Sequence[Asked], report: Report) -> list[Engine]:
    """Make cases of Cedar, from a parsed policy set: call by call, and in a batch.

    Args:
        asked: what a call of the first case decides, all of it.
        report: says so where cedarpy is missing.
    """
    cedarpy = peer("cedarpy", report)
    if cedarpy is None:
        return []
    parsed = cedarpy.PolicySet.from_str(_CEDAR)
    nobody = cedarpy.Entities.from_json_str("[]")
    requests = [_question(each.call) for each in asked]
    wanted = [each.verdict for each in asked]

    def one_by_one() -> list[Any]:
        ask = cedarpy.is_authorized
        return [ask(each, parsed, nobody) for each in requests]

    single = Case(
        "cedarpy, parsed policies",
        one_by_one,
        lambda results: [_cedar_verdict(each) for each in results] == wanted,
    )
    many = requests * _BATCH
    batch = replace(
        single,
        name=f"cedarpy, batch of {len(many)}",
        call=lambda: cedarpy.is_authorized_batch(many, parsed, nobody),
        right=lambda results: (
            [_cedar_verdict(each) for each in results] == wanted * _BATCH
        ),
    )
    return [Engine(single, len(asked)), Engine(batch, len(many))]


def _question(call: Call) -> dict[str, Any]:
    request = call.request
    own = [pair for pair in request.headers if pair[0].startswith("x-")]
    return {
        "principal": {"type": "Role", "id": ROLE.arn},
        "action": {"type": "Action", "id": call.action},
        "resource": {"type": "Resource", "id": call.resource},
        "context": {
            "method": request.method,
            "path": request.path,
            "headers": dict(own),
        },
    }


def _cedar_verdict(result: Any) -> str:  # noqa: ANN401  # cedarpy's
    if result.allowed:
        return "ALLOW"
    return "EXPLICIT_DENY" if result.diagnostics.reasons else "IMPLICIT_DENY"
