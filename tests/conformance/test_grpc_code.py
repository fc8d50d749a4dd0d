"""Code that others wrote or generated: stubs, health, reflection, rich errors.

None of it knows that there is a service network; all of it runs as it is.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2, descriptor_pool, wrappers_pb2
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped]  # it has no types
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]  # it has no types
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]  # it has no types
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (  # type: ignore[import-untyped]  # it has no types
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status  # type: ignore[import-untyped]  # it has no types
from grpc_tools import protoc  # type: ignore[import-untyped]  # it has no types

from pytest_lattice import GrpcTarget, assert_routed
from tests.grpc_calls import orders

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType

FIXTURES = Path(__file__).parents[2] / "fixtures" / "grpc"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
HEALTH = "grpc.health.v1.Health"
# What is generated at test time, or has no types.
Generated: TypeAlias = Any


@pytest.fixture(scope="module")
def generated(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The two modules that grpcio-tools makes of `rates.proto`."""
    folder = str(tmp_path_factory.mktemp("generated"))
    made = protoc.main(
        [
            "protoc",
            f"--proto_path={FIXTURES}",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            "rates.proto",
        ]
    )
    assert made == 0
    sys.path.insert(0, folder)
    try:
        names = ("rates_pb2", "rates_pb2_grpc")
        messages, services = [importlib.import_module(name) for name in names]
        yield messages, services
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)


def blocking_servicer(messages: Generated, services: Generated) -> Generated:
    """Write a servicer as its owner would, all four kinds of call."""

    class Rates(services.RatesServicer):  # type: ignore[misc]  # generated
        def Get(self, request: Generated, context: Generated) -> Generated:  # noqa: N802  # generated names
            if request.code == "gold":
                context.abort(grpc.StatusCode.NOT_FOUND, "no gold")
            return messages.Rate(code=request.code, value=1.5)

        def Watch(self, request: Generated, context: Generated) -> Generated:  # noqa: N802  # see above
            for value in (1.0, 2.0):
                yield messages.Rate(code=request.code, value=value)

        def Sum(self, requests: Generated, context: Generated) -> Generated:  # noqa: N802  # see above
            return messages.Rate(value=sum(each.value for each in requests))

        # `Convert` is left as it was generated: unimplemented.

    return Rates()


def async_servicer(messages: Generated, services: Generated) -> Generated:
    """Write the same for `grpc.aio`."""

    class Rates(services.RatesServicer):  # type: ignore[misc]  # generated
        async def Get(self, request: Generated, context: Generated) -> Generated:  # noqa: N802  # generated names
            if request.code == "gold":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no gold")
            return messages.Rate(code=request.code, value=1.5)

        async def Watch(self, request: Generated, context: Generated) -> Generated:  # noqa: N802  # see above
            for value in (1.0, 2.0):
                yield messages.Rate(code=request.code, value=value)

        async def Sum(self, requests: Generated, context: Generated) -> Generated:  # noqa: N802  # see above
            return messages.Rate(value=sum([each.value async for each in requests]))

    return Rates()


@pytest.mark.parametrize("write", [blocking_servicer, async_servicer])
def test_generated_code_runs_as_it_is(write: Generated, generated: Generated) -> None:
    """A generated stub calls a servicer that registered itself by generated code."""
    messages, services = generated
    target = GrpcTarget()
    services.add_RatesServicer_to_server(write(messages, services), target)
    with orders(target) as network:
        stub = services.RatesStub(network.grpc_channel("orders"))
        rate, call = stub.Get.with_call(messages.Currency(code="EUR"))
        watched = [each.value for each in stub.Watch(messages.Currency(code="EUR"))]
        rates = (messages.Rate(value=value) for value in (1, 2))
        with pytest.raises(grpc.RpcError) as gold:
            stub.Get(messages.Currency(code="gold"))
        with pytest.raises(grpc.RpcError) as unwritten:
            list(stub.Convert(iter(())))

        assert (rate.code, rate.value, watched) == ("EUR", 1.5, [1.0, 2.0])
        assert stub.Sum(rates).value == 3
        assert_routed(call, to="rates")
        assert gold.value.details() == "no gold"
        assert unwritten.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_generated_stub_takes_an_async_channel(generated: Generated) -> None:
    """The same generated stub calls both kinds of servicer by an async channel."""
    messages, services = generated

    async def requests() -> AsyncIterator[Generated]:
        yield messages.Rate(value=1)
        yield messages.Rate(value=2)

    async def ask(target: GrpcTarget) -> Generated:
        with orders(target) as network:
            stub = services.RatesStub(network.grpc_aio_channel("orders"))
            rate = await stub.Get(messages.Currency(code="EUR"))
            watched = stub.Watch(messages.Currency(code="EUR"))
            values = [each.value async for each in watched]
            return rate.value, values, (await stub.Sum(requests())).value

    for write in (blocking_servicer, async_servicer):
        target = GrpcTarget()
        services.add_RatesServicer_to_server(write(messages, services), target)
        assert asyncio.run(ask(target)) == (1.5, [1.0, 2.0], 3)


def test_health_servicer_answers() -> None:
    """The blocking health servicer is asked and watched, and says what changes."""
    servicer, target = health.HealthServicer(), GrpcTarget()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, target)
    servicer.set("orders", SERVING)
    with orders(target) as network:
        stub: Generated = health_pb2_grpc.HealthStub(network.grpc_channel("orders"))
        asked = health_pb2.HealthCheckRequest(service="orders")
        unknown = health_pb2.HealthCheckRequest(service="unknown")
        watched = stub.Watch(asked)
        statuses = [stub.Check(asked).status, next(watched).status]
        servicer.set("orders", NOT_SERVING)
        statuses.append(next(watched).status)
        watched.cancel()
        with pytest.raises(grpc.RpcError) as raised:
            stub.Check(unknown)

        assert statuses == [SERVING, SERVING, NOT_SERVING]
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
        assert_routed(raised.value, to="rates")


def test_async_health_servicer_answers() -> None:
    """So does the one of `grpc.aio`."""

    async def main() -> list[int]:
        servicer, target = health.aio.HealthServicer(), GrpcTarget()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, target)
        await servicer.set("orders", SERVING)
        with orders(target) as network:
            channel = network.grpc_aio_channel("orders")
            stub: Generated = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest(service="orders")
            watched = stub.Watch(asked)
            statuses = [(await stub.Check(asked)).status]
            statuses.append((await watched.read()).status)
            await servicer.set("orders", NOT_SERVING)
            statuses.append((await watched.read()).status)
            watched.cancel()
            return statuses

    assert asyncio.run(main()) == [SERVING, SERVING, NOT_SERVING]


def test_reflection_describes_services() -> None:
    """The client of reflection finds a service, its methods and their messages."""
    target = GrpcTarget()
    reflection.enable_server_reflection([HEALTH, reflection.SERVICE_NAME], target)
    with orders(target) as network:
        database = ProtoReflectionDescriptorDatabase(network.grpc_channel("orders"))
        found = sorted(database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        described = pool.FindServiceByName(HEALTH)

        assert found == sorted([HEALTH, reflection.SERVICE_NAME])
        assert [each.name for each in described.methods][:1] == ["Check"]
        assert described.FindMethodByName("Watch").server_streaming
        assert network.access_log[-1].grpc_response_code == 0


class RichErrors(grpc.ServerInterceptor):
    """Answers every call with a rich error; interceptors stand before all servicers."""

    def intercept_service(
        self, continuation: Generated, handler_call_details: Generated
    ) -> Generated:
        """Answer in place of the servicer."""

        def answer(request: Generated, context: Generated) -> Generated:
            detail = any_pb2.Any()
            detail.Pack(wrappers_pb2.StringValue(value="try tomorrow"))
            status = status_pb2.Status(
                code=code_pb2.RESOURCE_EXHAUSTED, message="no more", details=[detail]
            )
            context.abort_with_status(rpc_status.to_status(status))

        return grpc.unary_unary_rpc_method_handler(answer)


def test_rich_errors_arrive_whole() -> None:
    """`grpc_status` reads what it wrote: code, message and details."""
    target = GrpcTarget(interceptors=[RichErrors()])
    with orders(target) as network:
        stub: Generated = network.grpc_channel("orders").unary_unary("/any.Service/Get")
        with pytest.raises(grpc.RpcError) as raised:
            stub(b"x")

    status = rpc_status.from_call(raised.value)
    text = wrappers_pb2.StringValue()
    assert (status.code, status.message) == (code_pb2.RESOURCE_EXHAUSTED, "no more")
    assert status.details[0].Unpack(text)
    assert text.value == "try tomorrow"
