"""The data plane's test vectors, through every door: decided, blocking and async."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import httpx
import pytest

from pytest_lattice import (
    Decision,
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    Target,
    TargetGroup,
    Unreachable,
    Unroutable,
    Vpc,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FIXTURES = Path(__file__).parents[2] / "fixtures" / "conformance"
_CASES: list[dict[str, Any]] = json.loads(
    (_FIXTURES / "data_plane.json").read_text(encoding="utf-8")
)
_CASE = pytest.mark.parametrize("case", _CASES, ids=[case["name"] for case in _CASES])


Door: TypeAlias = "Callable[[LatticeNetwork, dict[str, Any], Any], _Result]"


class _Result(NamedTuple):
    """What a door says of one request."""

    decision: Decision
    response: httpx.Response | None = None


def _headers(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in request.get("headers", [])]
    if "only_headers" in request:
        # The Host header counts too, and a client must not add its own.
        headers += [(f"x-{n}", "1") for n in range(request["only_headers"] - 1)]
    return headers


def _rule(spec: Mapping[str, Any]) -> Rule:
    conditions = {key: spec[key] for key in spec if key not in {"priority", "to"}}
    return Rule(spec["priority"], action=Forward(spec["to"]), **conditions)


def _groups(case: Mapping[str, Any]) -> Iterator[TargetGroup]:
    if "lambda" in case:
        yield TargetGroup(
            "first",
            type="LAMBDA",
            lambda_event_structure_version=case["lambda"],
            targets="echo",
        )
        return
    for name in ("first", "second"):
        statuses = case.get("targets", {}).get(name, ["HEALTHY"])
        yield TargetGroup(
            name,
            protocol_version=case.get("protocol_version"),
            targets=[Target(f"i-{n}", app="echo") for n, _ in enumerate(statuses)],
        )


@pytest.fixture
def network(case: dict[str, Any], lattice_network: LatticeNetwork) -> LatticeNetwork:
    """The service network that a case describes."""
    default = Forward(case["default"]) if "default" in case else FixedResponse(404)
    if "lambda" in case:
        default = Forward("first")
    lattice_network.add(
        *_groups(case),
        Service(
            "under-test",
            listeners=[
                Listener(
                    case.get("protocol", "HTTPS"),
                    default=default,
                    rules=[_rule(each) for each in case.get("rules", [])],
                )
            ],
        ),
        Vpc("client"),
        Vpc("stranger"),
        ServiceNetwork(
            "network",
            services=["under-test"] if case.get("associated", True) else [],
            vpcs=["client"],
        ),
    )
    for group, statuses in case.get("targets", {}).items():
        for n, status in enumerate(statuses):
            lattice_network.set_target_status(group, f"i-{n}", status)
    return lattice_network


def _url(network: LatticeNetwork, case: Mapping[str, Any], path: str) -> str:
    scheme = case.get("protocol", "HTTPS").lower()
    return f"{scheme}://{network.service('under-test').dns_name}{path}"


def _decided(
    network: LatticeNetwork, case: Mapping[str, Any], request: Mapping[str, Any]
) -> _Result:
    decision = network.decide(
        request.get("method", "GET"),
        _url(network, case, request["path"]),
        headers=_headers(request),
        vpc=request.get("vpc", "client"),
        http2=request.get("http2", False),
    )
    return _Result(decision)


def _client_options(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"vpc": request.get("vpc", "client"), "http2": request.get("http2", False)}


def _message(
    network: LatticeNetwork, case: Mapping[str, Any], request: Mapping[str, Any]
) -> httpx.Request:
    """Build the request itself, without the headers that a client would add."""
    url = _url(network, case, request["path"])
    # A custom method is sent as it stands, where httpx would write it large.
    built = httpx.Request("GET", url, headers=_headers(request))
    built.method = request.get("method", "GET")
    return built


def _blocking(
    network: LatticeNetwork, case: Mapping[str, Any], request: Mapping[str, Any]
) -> _Result:
    with network.client(**_client_options(request)) as client:
        response = client.send(_message(network, case, request))
    return _Result(response.extensions["pytest_lattice"].decision, response)


def _async(
    network: LatticeNetwork, case: Mapping[str, Any], request: Mapping[str, Any]
) -> _Result:
    async def send() -> httpx.Response:
        async with network.async_client(**_client_options(request)) as client:
            return await client.send(_message(network, case, request))

    response = asyncio.run(send())
    return _Result(response.extensions["pytest_lattice"].decision, response)


@_CASE
@pytest.mark.parametrize("door", [_decided, _blocking, _async])
def test_vector(case: dict[str, Any], door: Door, network: LatticeNetwork) -> None:
    """Each door answers a test vector as AWS does."""
    for request in case["requests"]:
        if "error" in request and door is not _decided:
            with pytest.raises(httpx.ConnectTimeout):
                door(network, case, request)
            continue
        results = [door(network, case, request) for _ in range(request.get("times", 1))]
        for result in results:
            _check_decision(result.decision, request)
            if result.response is not None:
                _check_response(result.response, request)
        _check_counts([result.decision for result in results], request)


def _check_decision(decision: Decision, request: Mapping[str, Any]) -> None:
    rule: object = None
    if decision.rule_state is not None:
        rule = decision.rule.priority if decision.rule else "default"
    assert rule == request["rule"], decision.explain()
    if "to" in request:
        assert decision.target_group is not None
        assert decision.target_group.name == request["to"]
    match decision.outcome:
        case Unreachable(error=error):
            assert error == request["error"]
        case FixedResponse(status_code=status) | Unroutable(status=status):
            assert status == request["status"]


def _check_response(response: httpx.Response, request: Mapping[str, Any]) -> None:
    assert response.status_code == request["status"]
    if "text" in request:
        assert response.text == request["text"]
    for name, value in request.get("json", {}).items():
        assert response.json()[name] == value
    for name, value in request.get("json_headers", {}).items():
        assert response.json()["headers"].get(name) == value
    for name, value in request.get("response_headers", {}).items():
        assert response.headers[name] == value


def _check_counts(decisions: list[Decision], request: Mapping[str, Any]) -> None:
    groups = Counter(each.target_group.name for each in decisions if each.target_group)
    targets = Counter(each.target.id for each in decisions if each.target)
    if "per_group" in request:
        assert groups == request["per_group"]
    if "per_target" in request:
        assert list(targets.values()) == request["per_target"]
