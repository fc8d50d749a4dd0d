"""The table of decisions, `fixtures/auth/decisions.json`, and how to run it.

Each case is a network and a service with their auth types and policies, a caller and a
request, and what Lattice makes of it.  Cases are written from AWS's documentation and
from public examples, not from the engine.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_lattice.auth.call import INVOKE, Call
from pytest_lattice.auth.evaluate import (
    Denial,
    Layer,
    PolicySource,
    compile_layer,
    evaluate,
)
from pytest_lattice.auth.reasons import LayerResult, Miss, explain_layer
from pytest_lattice.model.caller import Caller
from tests.auth.scene import (
    ACCOUNT,
    NETWORK,
    NOW,
    PLACE,
    SERVICE,
    VPC,
    caller_of,
    identity,
    own_sources,
    request_of,
    source,
)

_FILE = Path(__file__).parents[2] / "fixtures" / "auth" / "decisions.json"


def _load() -> list[dict[str, Any]]:
    text = _FILE.read_text(encoding="utf-8")
    names = {"<service>": SERVICE, "<network>": NETWORK, "<vpc>": VPC}
    for name, value in {**names, "<account>": ACCOUNT}.items():
        text = text.replace(name, value)
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return cases


CASES = _load()


def sources_of(case: Mapping[str, Any], caller: Caller | None) -> list[PolicySource]:
    """Give the layers that have to allow a case, in the order of reporting."""
    sources = []
    for layer in ("network", "service"):
        described = case.get(layer, {})
        policy = described.get("auth_policy")
        derived = "NONE" if policy is None else "AWS_IAM"
        if described.get("auth_type", derived) == "AWS_IAM":
            documents = () if policy is None else (policy,)
            sources.append(source(*documents, layer=layer))
    # AWS: the caller's own policies are asked where auth is enabled at all
    return [*sources, *own_sources(caller)] if sources else []


def call_of(case: Mapping[str, Any], caller: Caller | None) -> Call:
    """Make the call of a case."""
    tags = case.get("service", {}).get("tags", {})
    place = PLACE._replace(
        service_tags={key.lower(): value for key, value in tags.items()}
    )
    return Call(request_of(case.get("request", {})), identity(caller), place, NOW)


def _compiled(sources: Iterable[PolicySource], call: Call) -> list[Layer]:
    return [
        compile_layer(each, call.identity, call.place, action=INVOKE)
        for each in sources
    ]


def _missed(miss: Miss) -> str:
    condition = miss.element.condition
    if condition is None:
        return miss.element.name
    return f"{condition.operator} {condition.key}"


def _outcome(denial: Denial | None, results: Iterable[LayerResult]) -> dict[str, Any]:
    if denial is None:
        return {"verdict": "ALLOW"}
    found: dict[str, Any] = {
        "verdict": denial.verdict,
        "layer": denial.source.layer,
        "policy": denial.source.kind,
    }
    if denial.statement is not None:
        return {**found, "sid": denial.statement.sid}
    (result,) = [each for each in results if each.source is denial.source]
    missed = [_missed(each.misses[0]) for each in result.statements if each.misses]
    return {**found, "missed": missed}


def outcome(case: Mapping[str, Any]) -> dict[str, Any]:
    """Decide a case, and say why in the words of the table."""
    caller = caller_of(case.get("caller"))
    sources, call = sources_of(case, caller), call_of(case, caller)
    denial = evaluate(_compiled(sources, call), call)
    return _outcome(denial, [explain_layer(each, call) for each in sources])


def wrong_cases() -> Iterator[str]:
    """Run the whole table, and give the names of the cases that come out wrong."""
    for case in CASES:
        if outcome(case) != case["expected"]:
            yield case["name"]
