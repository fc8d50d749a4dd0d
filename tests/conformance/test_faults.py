"""Each kind of fault, through every door: what the client gets and what is logged."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import anyio
import grpc
import grpc.aio
import httpx
import pytest

from pytest_lattice import (
    Fault,
    Forward,
    GrpcTarget,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

_FIXTURES = Path(__file__).parents[2] / "fixtures" / "conformance"
_CASES: list[dict[str, Any]] = json.loads(
    (_FIXTURES / "faults.json").read_text(encoding="utf-8")
)
# A Lambda function speaks no gRPC.
_GRPC_CASES = [case for case in _CASES if "grpc" in case]
_NAMES = [case["name"] for case in _CASES]
_SERVICE = "test.Orders"


class _Got(NamedTuple):
    """What a client got: the text or the error of HTTP, or the status of gRPC."""

    status: int | None = None
    text: str | None = None
    error: str | None = None
    grpc: list[str] | None = None


Door: TypeAlias = "Callable[[LatticeNetwork, dict[str, Any]], _Got]"


# ----------------------------------------------------------------------------- targets


def _wsgi(chunks: int) -> Callable[..., Iterator[bytes] | list[bytes]]:
    def app(environ: object, start_response: Any) -> Iterator[bytes] | list[bytes]:  # noqa: ANN401  # as WSGI has it
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"hello"] if chunks == 1 else iter([b"hello"] * chunks)

    return app


def _asgi(chunks: int) -> Any:  # noqa: ANN401  # an ASGI app
    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        if scope["type"] != "http":
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in range(chunks - 1, -1, -1):
            message = {"type": "http.response.body", "body": b"hello"}
            await send(message | {"more_body": left > 0})

    return app


def _function(event: object, context: object) -> dict[str, Any]:  # as Lambda has it
    return {"statusCode": 200, "headers": {}, "body": "hello", "isBase64Encoded": False}


def _servicer(chunks: int) -> GrpcTarget:
    def get(request: bytes, context: object) -> bytes:  # as gRPC has it
        return b"hello"

    def listing(request: bytes, context: object) -> Iterator[bytes]:  # as gRPC has it
        yield from [b"hello"] * chunks

    return _registered(get, listing)


def _aio_servicer(chunks: int) -> GrpcTarget:
    async def get(request: bytes, context: object) -> bytes:  # as gRPC has it
        return b"hello"

    async def listing(
        request: bytes, context: object
    ) -> AsyncIterator[bytes]:  # as gRPC has it
        for _ in range(chunks):
            yield b"hello"

    return _registered(get, listing)


def _registered(get: Any, listing: Any) -> GrpcTarget:  # noqa: ANN401  # behaviors of either kind
    target = GrpcTarget()
    methods: Any = {
        "Get": grpc.unary_unary_rpc_method_handler(get),
        "List": grpc.unary_stream_rpc_method_handler(listing),
    }
    handler = grpc.method_handlers_generic_handler(_SERVICE, methods)
    target.add_generic_rpc_handlers((handler,))
    return target


def _network(case: dict[str, Any], app: object, **group: Any) -> LatticeNetwork:  # noqa: ANN401  # as TargetGroup
    network = LatticeNetwork()
    network.add(
        TargetGroup("orders", targets=[app], **group),
        Service(
            "orders",
            listeners=[Listener("HTTPS", default=Forward("orders"))],
            idle_timeout_seconds=case.get("idle_timeout", 60),
        ),
        Fault("orders", **case["fault"]),
    )
    return network


# ------------------------------------------------------------------------------- doors


def _blocking(network: LatticeNetwork, case: dict[str, Any]) -> _Got:  # as other doors
    with network.client("orders") as client:
        try:
            response = client.get("/")
        except httpx.HTTPError as error:
            return _Got(error=type(error).__name__)
        return _Got(response.status_code, response.text)


def _async(backend: str) -> Door:
    def door(network: LatticeNetwork, case: dict[str, Any]) -> _Got:  # as other doors
        async def run() -> _Got:
            async with network.async_client("orders") as client:
                try:
                    response = await client.get("/")
                except httpx.HTTPError as error:
                    return _Got(error=type(error).__name__)
                return _Got(response.status_code, response.text)

        return anyio.run(run, backend=backend)

    return door


def _grpc(network: LatticeNetwork, case: dict[str, Any]) -> _Got:
    channel: Any = network.grpc_channel("orders")
    if "chunks" in case:
        call: Any = channel.unary_stream(f"/{_SERVICE}/List")(b"")
        with suppress(grpc.RpcError):
            list(call)
    else:
        call = channel.unary_unary(f"/{_SERVICE}/Get").future(b"")
        call.exception()
    return _Got(grpc=[call.code().name, call.details()])


def _grpc_aio(network: LatticeNetwork, case: dict[str, Any]) -> _Got:
    async def run() -> _Got:
        channel: Any = network.grpc_aio_channel("orders")
        if "chunks" in case:
            call: Any = channel.unary_stream(f"/{_SERVICE}/List")(b"")
            with suppress(grpc.aio.AioRpcError):
                [each async for each in call]
        else:
            call = channel.unary_unary(f"/{_SERVICE}/Get")(b"")
            with suppress(grpc.aio.AioRpcError):
                await call
        return _Got(grpc=[(await call.code()).name, await call.details()])

    return asyncio.run(run())


_DOORS: list[Any] = [
    pytest.param(_blocking, id="blocking"),
    pytest.param(_async("asyncio"), id="asyncio"),
    pytest.param(_async("trio"), id="trio"),
]
_GRPC_DOORS: list[Any] = [
    pytest.param(_grpc, id="grpc"),
    pytest.param(_grpc_aio, id="grpc.aio"),
]


def _logged(network: LatticeNetwork) -> dict[str, Any]:
    [exchange], [entry] = network.exchanges, network.access_log
    return {
        "status": entry.response_code,
        "reason": entry.failure_reason,
        "durations": [
            entry.request_to_target_duration,
            entry.response_from_target_duration,
            entry.duration,
        ],
        "said": exchange.explain().splitlines()[-1],
    }


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    reason = f" {case['reason']}" if "reason" in case else ""
    return {
        "status": case["status"],
        "reason": case.get("reason", "-"),
        "durations": case["durations"],
        "said": f"  => {case['status']}{reason}: {case['said']}",
    }


@pytest.mark.parametrize("app", [_wsgi, _asgi])
@pytest.mark.parametrize("door", _DOORS)
@pytest.mark.parametrize("case", _CASES, ids=_NAMES)
def test_fault(case: dict[str, Any], door: Door, app: Any) -> None:  # noqa: ANN401  # makes an app
    """Client and access log see what the table says, whatever door and app."""
    is_function = case.get("type") == "LAMBDA"
    made = _function if is_function else app(case.get("chunks", 1))
    with _network(case, made, type=case.get("type", "INSTANCE")) as network:
        got = door(network, case)

        if "error" in case:
            assert got == _Got(error=case["error"])
        else:
            assert got == _Got(case["status"], case["text"])
        assert _logged(network) == _expected(case)


@pytest.mark.parametrize("app", [_servicer, _aio_servicer])
@pytest.mark.parametrize("door", _GRPC_DOORS)
@pytest.mark.parametrize("case", _GRPC_CASES, ids=[c["name"] for c in _GRPC_CASES])
def test_fault_of_grpc_target(case: dict[str, Any], door: Door, app: Any) -> None:  # noqa: ANN401  # makes a target
    """A gRPC client sees the status of the table, and the log is that of HTTP."""
    made = app(case.get("chunks", 1))
    with _network(case, made, protocol_version="GRPC") as network:
        got = door(network, case)

        assert got == _Got(grpc=case["grpc"])
        assert _logged(network) == _expected(case)
        [entry] = network.access_log
        assert entry.grpc_response_code == (0 if case["grpc"][0] == "OK" else None)
