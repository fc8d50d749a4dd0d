"""Silent targets: async clients in the process are answered as time passes."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import httpx2
import pytest
import trio

from pytest_lattice import (
    Fault,
    Forward,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
    assert_logged,
)
from pytest_lattice.clients.silence import Asked
from tests.grpc_calls import AioServicer, Servicer, served_by
from tests.grpc_calls import orders as grpc_orders
from tests.live_peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

NO_CHECKS = HealthCheck(enabled=False)


class Silent:
    """An ASGI app that begins, or does not, and then says nothing."""

    def __init__(self) -> None:
        """Be asked nothing yet."""
        self.asked = threading.Event()
        self.left = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Wait for something that does not come."""
        if scope["type"] != "http":
            return
        while (await receive())["more_body"]:
            pass
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            body = {"type": "http.response.body", "body": b"first"}
            await send(body | {"more_body": True})
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


@pytest.fixture
def app() -> Silent:
    """The app behind `orders`."""
    return Silent()


@pytest.fixture
def network(app: Silent) -> Iterator[LatticeNetwork]:
    """A network with the service `orders`."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("apps", targets=[app], health_check=NO_CHECKS),
            Service(
                "orders",
                idle_timeout_seconds=90,
                listeners=[Listener("HTTPS", default=Forward("apps"))],
            ),
        )
        yield network


async def asked(app: Silent) -> None:
    """Wait until the app was asked."""
    await asyncio.to_thread(app.asked.wait, PATIENCE)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_silent_target_is_answered_for(
    library: Any,  # noqa: ANN401  # a module
    app: Silent,
    network: LatticeNetwork,
) -> None:
    """When the idle timeout has passed, the client has 504 and the app is left."""

    async def main() -> None:
        async with network.async_client("orders", library=library) as client:
            task = asyncio.create_task(client.get("/"))
            await asked(app)
            await network.clock.aadvance(90)
            await asyncio.sleep(0)
            assert not task.done()
            await network.clock.aadvance(1)
            response = await asyncio.wait_for(task, PATIENCE)
            assert (response.status_code, response.text) == (504, "Gateway Timeout")
            assert app.left.is_set()

    asyncio.run(main())
    assert_logged(
        network,
        response_code=504,
        failure_reason="TargetDataTimeout",
        duration=90_000,
        count=1,
    )


def test_caller_goes_on_as_if_nothing_was(app: Silent, network: LatticeNetwork) -> None:
    """The task that waits is not canceled for anybody else, and can be afterwards."""

    async def main() -> None:
        async with network.async_client("orders") as client, asyncio.timeout(PATIENCE):
            passing = asyncio.create_task(passes())
            response = await client.get("/")
            await passing
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(0)
            assert response.status_code == 504
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await client.get("/")

    async def passes() -> None:
        await asked(app)
        await network.clock.aadvance(91)

    asyncio.run(main())


def test_time_may_pass_in_another_thread(app: Silent, network: LatticeNetwork) -> None:
    """The clock is advanced by the test, while a client waits in a thread."""

    async def get() -> int:
        async with network.async_client("orders") as client:
            return (await client.get("/")).status_code

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(asyncio.run, get())
        assert app.asked.wait(PATIENCE)
        network.clock.advance(91)
        assert future.result(PATIENCE) == 504


def test_silent_stream_is_cut(app: Silent, network: LatticeNetwork) -> None:
    """What has begun and then says nothing is broken off for its reader."""

    async def main() -> None:
        async with (
            network.async_client("orders") as client,
            client.stream("GET", "/stream") as response,
        ):
            chunks = response.aiter_bytes()
            assert await anext(chunks) == b"first"
            reading = asyncio.ensure_future(anext(chunks))
            await asked(app)
            await asyncio.sleep(0)
            await network.clock.aadvance(91)
            with pytest.raises(httpx.RemoteProtocolError, match="silent for longer"):
                await asyncio.wait_for(reading, PATIENCE)

    asyncio.run(main())
    assert_logged(
        network, response_code=200, failure_reason="TargetDataTimeout", count=1
    )


def test_ten_minutes_end_a_stream(network: LatticeNetwork, app: Silent) -> None:
    """The age of its connection ends what was heard not long ago."""
    network.change(replace(network.service("orders"), idle_timeout_seconds=600))

    async def main() -> None:
        async with (
            network.async_client("orders") as client,
            client.stream("GET", "/stream") as response,
        ):
            chunks = response.aiter_bytes()
            assert await anext(chunks) == b"first"
            await network.clock.aadvance(100)
            reading = asyncio.ensure_future(anext(chunks))
            await asked(app)
            await asyncio.sleep(0)
            await network.clock.aadvance(501)
            with pytest.raises(httpx.RemoteProtocolError, match="older than 600"):
                await asyncio.wait_for(reading, PATIENCE)

    asyncio.run(main())
    assert_logged(network, failure_reason="ConnectionDurationExceeded", count=1)


def test_nobody_is_kept(network: LatticeNetwork, app: Silent) -> None:
    """Who has his answer, or has left, waits no more."""

    async def main() -> None:
        async with network.async_client("orders") as client:
            for path in ("/", "/stream"):
                task = asyncio.create_task(client.get(path))
                await asked(app)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    asyncio.run(main())
    gc.collect()
    plane: Any = network.entrance
    everybody = [each for each in gc.get_objects() if type(each) is Asked]
    # Errors that other tests are made with may keep theirs.
    assert not [each for each in everybody if each._site is plane]  # noqa: SLF001  # whose they are


def test_loop_that_was_closed_is_left_alone(
    network: LatticeNetwork, app: Silent, left_behind: list[str]
) -> None:
    """Time passes also where somebody closed a loop in the middle of a call."""
    loop = asyncio.new_event_loop()
    client = network.async_client("orders")
    task = loop.create_task(client.get("/"))
    loop.run_until_complete(asked(app))
    loop.run_until_complete(loop.shutdown_default_executor())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop.close()
        network.clock.advance(91)

    assert not task.done()
    left_behind.clear()


@pytest.mark.parametrize("when", ["before", "after", "meanwhile"])
def test_canceled_task_stays_canceled(
    when: str, app: Silent, network: LatticeNetwork
) -> None:
    """A task that is canceled while its target is given up is not kept from ending."""

    async def main() -> None:
        async with network.async_client("orders") as client:
            task = asyncio.create_task(client.get("/"))
            await asked(app)
            if when == "before":
                task.cancel()
            network.clock.advance(91)
            if when == "after":
                task.cancel()
            if when == "meanwhile":
                # It is given up by then, and has not learned of it.
                asyncio.get_running_loop().call_soon(task.cancel)
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelling() == 1

    asyncio.run(main())
    assert len(network.access_log) == 1


def test_task_that_lets_time_pass_itself_is_not_canceled(
    network: LatticeNetwork,
) -> None:
    """Two faults wait for longer than the network: 504, and the client goes on."""

    async def app(scope: Any, _: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})

    [group] = network.configuration.target_groups
    network.change(replace(group, targets=[app]))
    network.add(Fault("apps", latency=50), Fault("apps", latency=60))

    async def main() -> None:
        async with network.async_client("orders") as client:
            for _ in range(2):
                assert (await client.get("/")).status_code == 504
                await asyncio.sleep(0)

    asyncio.run(main())
    assert_logged(network, failure_reason="TargetDataTimeout", count=2)


@pytest.mark.parametrize("end", ["remove", "close"])
def test_request_outlives_its_service(
    end: str, app: Silent, network: LatticeNetwork
) -> None:
    """Who waits when the service, or the network, goes is answered as before."""

    async def main() -> int:
        async with network.async_client("orders") as client:
            task = asyncio.create_task(client.get("/"))
            await asked(app)
            if end == "remove":
                network.remove(network.service("orders"))
                network.clock.advance(91)
            else:
                clock = network.clock
                network.close()
                clock.advance(91)
            return (await asyncio.wait_for(task, PATIENCE)).status_code

    assert asyncio.run(main()) == 504


def test_slow_upload_is_no_silence_of_the_target(
    network: LatticeNetwork, app: Silent
) -> None:
    """While the target waits for the client, its time does not run."""
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        paused.set()
        await go_on.wait()
        yield b"last"

    async def main() -> int:
        async with network.async_client("orders") as client:
            task = asyncio.create_task(client.post("/", content=body()))
            await paused.wait()
            await network.clock.aadvance(91)
            go_on.set()
            await asked(app)
            assert app.asked.is_set()
            await network.clock.aadvance(91)
            return (await asyncio.wait_for(task, PATIENCE)).status_code

    assert asyncio.run(main()) == 504


@pytest.mark.parametrize("servicer", [Servicer(), AioServicer()], ids=["sync", "aio"])
@pytest.mark.parametrize("streams", [False, True])
def test_silent_servicer_is_a_status(
    servicer: Servicer | AioServicer, *, streams: bool
) -> None:
    """A call or a stream of an aio channel ends with the status of a gateway."""

    async def main(network: LatticeNetwork) -> str:
        async with network.grpc_aio_channel("orders") as channel:
            make: Any = channel.unary_stream if streams else channel.unary_unary
            call = make(f"/test.Orders/{'List' if streams else 'Get'}")(b"wait")
            if streams:
                assert await call.read() == b"0"
            waiting = asyncio.ensure_future(call.read() if streams else wait(call))
            seen = await asyncio.to_thread(servicer.seen.get, timeout=PATIENCE)
            assert seen == "waiting"
            await network.clock.aadvance(61)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asyncio.wait_for(waiting, PATIENCE)
            seen = await asyncio.to_thread(servicer.seen.get, timeout=PATIENCE)
            assert seen in {"gone", "active: False"}
            return caught.value.code().name

    with grpc_orders(served_by(servicer)) as network:
        assert asyncio.run(main(network)) == "UNAVAILABLE"
        assert_logged(network, failure_reason="TargetDataTimeout", count=1)


async def wait(call: Any) -> Any:  # noqa: ANN401  # a grpc.aio.Call
    """Wait for the one response of a call."""
    return await call


def test_trio_learns_of_it_late(network: LatticeNetwork) -> None:
    """Under Trio nothing is given up from outside; a canceled call ends as ever."""

    async def main() -> None:
        async with network.async_client("orders") as client:
            with trio.move_on_after(0):
                await client.get("/")

    trio.run(main)
