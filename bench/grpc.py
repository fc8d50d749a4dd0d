"""P14: a gRPC call through all of Lattice beside the same call over loopback.

100 rules of which the last matches, weights 90 and 10, the access log on; the peer is
`grpc.server`, or `grpc.aio.server`, with the same servicer and a channel that is kept.
Streams have ten messages each way.  The peer answers in other threads, for which its
client waits, so waiting is part of both costs.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio

from bench.harness import Case, compare
from bench.report import Goal
from bench.scenes import last_path, prefix_rules
from pytest_lattice import (
    AccessLogSubscription,
    FixedResponse,
    GrpcTarget,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from bench.harness import Effort
    from bench.report import Report

_RULES = 100
_SERVICE = last_path(_RULES).strip("/").split("/")[0]
_MESSAGES = [b"%d" % number for number in range(10)]
# By how much each kind of call is to be cheaper.
_GOALS = {"Get": 0.1, "List": 0.4, "Sum": 0.4, "Chat": 0.4}
_ANSWERS: dict[str, Any] = {
    "Get": b"got x",
    "List": _MESSAGES,
    "Sum": b"".join(_MESSAGES),
    "Chat": _MESSAGES,
}


# The types of grpc.aio's channel know nothing of bytes.
_AioChannel: TypeAlias = Any


class _Servicer:
    """Does the least that a servicer of each kind can do."""

    def get(self, request: bytes, _: object) -> bytes:
        return b"got " + request

    def list(self, _: bytes, __: object) -> Iterator[bytes]:
        yield from _MESSAGES

    def sum(self, requests: Iterator[bytes], _: object) -> bytes:
        return b"".join(requests)

    def chat(self, requests: Iterator[bytes], _: object) -> Iterator[bytes]:
        yield from requests


class _AioServicer:
    """The same for `grpc.aio`."""

    async def get(self, request: bytes, _: object) -> bytes:
        return b"got " + request

    async def list(self, _: bytes, __: object) -> AsyncIterator[bytes]:
        for each in _MESSAGES:
            yield each

    async def sum(self, requests: AsyncIterator[bytes], _: object) -> bytes:
        return b"".join([each async for each in requests])

    async def chat(
        self, requests: AsyncIterator[bytes], _: object
    ) -> AsyncIterator[bytes]:
        async for each in requests:
            yield each


def run(report: Report, effort: Effort) -> None:
    """Measure the four kinds of call, blocking and async."""
    for name in _GOALS:
        with _network(_Servicer()) as lattice, _loopback() as real:
            ours = lattice.grpc_channel("my-service")
            _compare(report, effort, name, [_call(ours, name), _call(real, name)])
    with asyncio.Runner() as loop:
        real = loop.run(_aio_loopback())
        for name in _GOALS:
            with _network(_AioServicer()) as lattice:
                mine: _AioChannel = lattice.grpc_aio_channel("my-service")
                calls = [_acall(mine, name), _acall(real.channel, name)]
                _compare(report, effort, name, calls, loop=loop)
        loop.run(real.close())


def _compare(
    report: Report,
    effort: Effort,
    name: str,
    calls: list[Callable[[], Any]],
    *,
    loop: asyncio.Runner | None = None,
) -> None:
    kind, peer = ("", "grpc") if loop is None else (" async", "grpc.aio")
    names = f"gRPC{kind}, {name.lower()}", f"{peer}.server on loopback"
    cases = [
        Case(each, call, _ANSWERS[name].__eq__, loop=loop)
        for each, call in zip(names, calls, strict=True)
    ]
    figures = compare(cases, effort, waits=True)
    report.ratio("P14", figures.values(), Goal(_GOALS[name]))


def _handler(servicer: _Servicer | _AioServicer) -> grpc.GenericRpcHandler:
    methods: dict[str, Any] = {
        "Get": grpc.unary_unary_rpc_method_handler(servicer.get),
        "List": grpc.unary_stream_rpc_method_handler(servicer.list),
        "Sum": grpc.stream_unary_rpc_method_handler(servicer.sum),
        "Chat": grpc.stream_stream_rpc_method_handler(servicer.chat),
    }
    return grpc.method_handlers_generic_handler(_SERVICE, methods)


def _network(servicer: _Servicer | _AioServicer) -> LatticeNetwork:
    target = GrpcTarget(handlers=[_handler(servicer)])
    rules = prefix_rules(_RULES)
    made = LatticeNetwork()
    made.add(
        *(
            TargetGroup(name, protocol_version="GRPC", targets=[target])
            for name in ("blue", "green")
        ),
        Service(
            "my-service",
            listeners=[Listener("HTTPS", default=FixedResponse(404), rules=rules)],
        ),
        AccessLogSubscription("my-service"),
    )
    return made


@contextmanager
def _loopback() -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=[_handler(_Servicer())])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        server.stop(None).wait()


@dataclass(frozen=True, slots=True)
class _AioPeer:
    """A server of `grpc.aio` and a channel to it, on one loop."""

    server: Any
    channel: _AioChannel

    async def close(self) -> None:
        await self.channel.close()
        await self.server.stop(None)


async def _aio_loopback() -> _AioPeer:
    server = grpc.aio.server(handlers=[_handler(_AioServicer())])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return _AioPeer(server, grpc.aio.insecure_channel(f"127.0.0.1:{port}"))


def _call(channel: grpc.Channel, name: str) -> Callable[[], Any]:
    path = f"/{_SERVICE}/{name}"
    if name == "Get":
        get: Any = channel.unary_unary(path)
        return lambda: get(b"x")
    if name == "List":
        listed: Any = channel.unary_stream(path)
        return lambda: list(listed(b"x"))
    if name == "Sum":
        summed: Any = channel.stream_unary(path)
        return lambda: summed(iter(_MESSAGES))
    chat: Any = channel.stream_stream(path)
    return lambda: list(chat(iter(_MESSAGES)))


def _acall(channel: _AioChannel, name: str) -> Callable[[], Any]:
    stub = {
        "Get": channel.unary_unary,
        "List": channel.unary_stream,
        "Sum": channel.stream_unary,
        "Chat": channel.stream_stream,
    }[name](f"/{_SERVICE}/{name}")

    async def one() -> object:
        return await stub(b"x" if name == "Get" else iter(_MESSAGES))

    async def many() -> list[object]:
        requests = b"x" if name == "List" else iter(_MESSAGES)
        return [each async for each in stub(requests)]

    return one if name in {"Get", "Sum"} else many
