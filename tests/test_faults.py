"""Faults in a network: declared, met, taken back; and time that passes by itself."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import anyio
import grpc
import httpx
import pytest

from pytest_lattice import (
    ConfigurationError,
    Fault,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    Target,
    TargetGroup,
    assert_logged,
    assert_routed,
)
from pytest_lattice.errors import LatticeAssertionError
from tests.grpc_calls import Servicer, get, listing, orders, served_by
from tests.model.refusals import refused
from tests.targets.test_url import OK, Server
from tests.targets.test_url import answering as answering_with

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ORDERS = Service("orders", listeners=[Listener("HTTPS", default=Forward("orders"))])
backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Give a network with the service `orders` on two echo targets."""
    with LatticeNetwork() as made:
        targets = [Target("i-old", app="echo"), Target("i-new", app="echo")]
        made.add(TargetGroup("orders", targets=targets), ORDERS)
        yield made


def answering(app: object, **service: Any) -> LatticeNetwork:  # noqa: ANN401  # as Service
    """Declare a network with the service `orders` on one app."""
    network = LatticeNetwork()
    listeners = [Listener("HTTPS", default=Forward("orders"))]
    network.add(
        TargetGroup("orders", targets=[app]),
        Service("orders", listeners=listeners, **service),
    )
    return network


# ------------------------------------------------------------- declared and taken back


def test_fault_is_added_and_removed(network: LatticeNetwork) -> None:
    """A fault acts from when it is added until it is removed."""
    client = network.client("orders")
    fault = Fault("orders", "refused")
    statuses = [client.get("/").status_code]
    network.add(fault)
    statuses.append(client.get("/").status_code)
    network.remove(fault)
    statuses.append(client.get("/").status_code)

    assert statuses == [200, 503, 200]
    assert network.configuration.faults == ()


def test_fault_of_one_target(network: LatticeNetwork) -> None:
    """A fault that names a target leaves the others of its group alone."""
    network.add(Fault("orders", status=500, target="i-old"))
    client = network.client("orders")

    responses = [client.get("/") for _ in range(4)]

    assert [each.status_code for each in responses] == [500, 200, 500, 200]
    assert {each.json()["target"] for each in responses if each.is_success} == {"i-new"}


def test_fault_counts_over_all_targets(network: LatticeNetwork) -> None:
    """The requests that a fault meets are those of the group, whichever target."""
    network.add(Fault("orders", "closed", times=3))
    client = network.client("orders")

    statuses = [client.get("/").status_code for _ in range(5)]

    assert statuses == [502, 502, 502, 200, 200]


def test_fault_goes_on_counting(network: LatticeNetwork) -> None:
    """Other changes let a fault go on; taken back and added again it begins anew."""
    fault = Fault("orders", "refused", times=2)
    network.add(fault)
    client = network.client("orders")
    statuses = [client.get("/").status_code]
    network.add(Fault("orders", latency=1))
    statuses += [client.get("/").status_code for _ in range(2)]
    network.remove(fault)
    network.add(fault)
    statuses += [client.get("/").status_code for _ in range(3)]

    assert statuses == [503, 503, 200, 503, 503, 200]


def test_fault_that_is_not_declared(network: LatticeNetwork) -> None:
    """What was not added cannot be removed, and is named."""
    network.add(Fault("orders", latency=1))

    assert refused(network.remove, Fault("orders", latency=2)) == [
        "`Fault('orders', latency=2)` is not declared"
    ]


def test_group_of_a_fault_stays(network: LatticeNetwork) -> None:
    """A target group that a fault names cannot be removed before it."""
    group = network.configuration.target_group("orders")
    fault = Fault(group.arn, latency=1)
    network.add(fault)
    network.remove(ORDERS)

    with pytest.raises(ConfigurationError, match="unknown target group"):
        network.remove(group)
    network.remove(group, fault)

    assert network.configuration.target_groups == ()


def test_wrong_fault_changes_nothing(network: LatticeNetwork) -> None:
    """A refused fault leaves no other of the same call behind."""
    wrong = Fault("order", "refused")

    assert refused(network.add, Fault("orders", "refused"), wrong) == [
        "unknown target group `order`",
        "did you mean `orders`?",
    ]
    assert network.configuration.faults == ()


# --------------------------------------------------------------------- what is printed


def test_failing_assertion_names_the_fault(network: LatticeNetwork) -> None:
    """An assertion on an answer that a fault made prints which one did."""
    network.add(
        TargetGroup("users", targets="echo"), Fault("orders", "refused", times=1)
    )
    response = network.client("orders").get("/cart")

    with pytest.raises(LatticeAssertionError) as caught:
        assert_routed(response, to="users")

    assert str(caught.value).splitlines()[-1] == (
        "  => 503 TargetConnectionError: connection refused, "
        "as Fault('orders', 'refused', times=1) says"
    )


def test_explanation_of_a_fault(network: LatticeNetwork) -> None:
    """An exchange tells the way of its request, and then what the fault did."""
    network.add(Fault("orders", latency=61))
    network.client("orders", address="10.0.0.9").get("/cart")

    [exchange] = network.exchanges
    assert exchange.explain() == (
        f"GET https://{ORDERS.dns_name}/cart from 10.0.0.9 in VPC `default`\n"
        "  VPC       yes  associated with service network `default`\n"
        "  service   yes  `orders` by its generated DNS name\n"
        "  listener  yes  HTTPS on port 443\n"
        "  default   yes  forward to `orders`\n"
        "  target    yes  `i-old` at 10.0.69.0:80 of `orders`, 1 of 2 in turn\n"
        "  => 504 TargetDataTimeout: the target was silent for longer than the idle "
        "timeout of 60 seconds, as Fault('orders', latency=61) says"
    )


# ------------------------------------------------------------------- retries, timeouts


def test_client_that_retries(network: LatticeNetwork) -> None:
    """Twice refused, the third attempt is answered; each one is logged."""
    network.add(Fault("orders", "refused", times=2))
    client = network.client("orders")

    statuses: list[int] = []
    while not statuses or statuses[-1] == 503:
        statuses.append(client.get("/").status_code)

    assert statuses == [503, 503, 200]
    assert_logged(network, failure_reason="TargetConnectionError", count=2)


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_client_with_a_timeout(network: LatticeNetwork, library: str) -> None:
    """A client's own timeout ends its wait, and the log says who went."""
    edge = pytest.importorskip(library)
    network.add(Fault("orders", latency=10))
    client = network.client("orders", timeout=2, library=edge)
    before = network.clock.microseconds

    with pytest.raises(edge.ReadTimeout) as caught:
        client.get("/")

    said = (
        "no answer within the client's timeout of 2 seconds, "
        "as Fault('orders', latency=10) says"
    )
    assert str(caught.value) == said
    assert network.clock.microseconds - before == 2_000_000
    [exchange] = network.exchanges
    assert (exchange.failure_reason, exchange.duration) == (
        "ClientConnectionClosed",
        2000,
    )
    assert exchange.detail == f"the request was broken off: {said}"


@backends
def test_async_client_with_a_timeout(network: LatticeNetwork, backend: str) -> None:
    """A chunk that comes too late for an async client ends its stream."""
    network.add(Fault("orders", chunk_delay=3))

    async def run() -> None:
        async with (
            network.async_client("orders", timeout=2) as client,
            client.stream("GET", "/") as response,
        ):
            with pytest.raises(httpx.ReadTimeout):
                await response.aread()

    anyio.run(run, backend=backend)
    [exchange] = network.exchanges
    assert exchange.failure_reason == "ClientConnectionClosed"
    assert exchange.detail == (
        "no answer within the client's timeout of 2 seconds, "
        "as Fault('orders', chunk_delay=3) says"
    )
    assert (exchange.response.status, exchange.duration) == (200, 2000)


def test_client_without_a_timeout_waits(network: LatticeNetwork) -> None:
    """A client of the network has no timeout unless it is given one."""
    network.add(Fault("orders", latency=59))

    assert network.client("orders").get("/").status_code == 200


def test_blocking_grpc_deadline() -> None:
    """The deadline of a call wins over a longer latency, on the network's clock."""
    with orders(served_by(Servicer())) as network:
        network.add(Fault("rates", latency=10))
        before = network.clock.microseconds
        seen = get(b"x", timeout=3)(network.grpc_channel("orders"))

        assert seen["code"] is grpc.StatusCode.DEADLINE_EXCEEDED
        assert network.clock.microseconds - before == 3_000_000
        [exchange] = network.exchanges
        assert exchange.failure_reason == "ClientConnectionClosed"


def test_blocking_grpc_deadline_of_a_stream() -> None:
    """A stream whose messages come too late ends with the deadline as well."""
    with orders(served_by(Servicer())) as network:
        network.add(Fault("rates", chunk_delay=2))
        seen = listing(b"3", timeout=3)(network.grpc_channel("orders"))

        assert seen["code"] is grpc.StatusCode.DEADLINE_EXCEEDED


def test_aio_grpc_deadline() -> None:
    """A call of `grpc.aio` ends with its deadline too."""

    async def run(network: LatticeNetwork) -> tuple[grpc.StatusCode, str]:
        channel: Any = network.grpc_aio_channel("orders")
        call = channel.unary_unary("/test.Orders/Get")(b"x", timeout=3)
        return await call.code(), await call.details()

    with orders(served_by(Servicer())) as network:
        network.add(Fault("rates", latency=10))
        before = network.clock.microseconds
        seen = asyncio.run(run(network))

        assert seen == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        assert network.clock.microseconds - before == 3_000_000


def test_real_latency(network: LatticeNetwork) -> None:
    """Real latency moves no clock, and blocks no event loop."""
    network.add(Fault("orders", latency=0.05, real=True))
    before = network.clock.microseconds

    async def run(turns: list[int]) -> int:
        async with network.async_client("orders") as client:
            request = asyncio.create_task(client.get("/"))
            while not request.done():
                turns.append(1)
                await asyncio.sleep(0)
            return (await request).status_code

    turns: list[int] = []
    assert asyncio.run(run(turns)) == 200
    assert network.client("orders").get("/").status_code == 200
    assert network.clock.microseconds == before
    assert len(turns) > 10


# ------------------------------------------------------------------------ other targets


def test_fault_of_a_real_server() -> None:
    """A server by URL stands behind faults as any app does."""
    with Server(answering_with(OK)) as server, answering(server.url) as network:
        network.add(Fault("orders", reset_after=1), Fault("orders", latency=3))
        with pytest.raises(httpx.RemoteProtocolError):
            network.client("orders").get("/")

        [exchange] = network.exchanges
        found = (exchange.response.status, exchange.failure_reason, exchange.duration)
        assert found == (200, "TargetConnectionClosed", 3000)


def test_fault_answers_for_a_server_that_is_not_there() -> None:
    """What a fault answers by itself asks nobody."""
    with answering("http://127.0.0.1:1") as network:
        network.add(Fault("orders", status=204))

        assert network.client("orders").get("/").status_code == 204


def test_target_that_raises_is_not_late() -> None:
    """What an app raises goes through to the test at once, as without a fault."""

    def app(environ: object, start_response: object) -> list[bytes]:  # as WSGI has it
        raise ValueError("broken")

    with answering(app) as network:
        network.add(Fault("orders", latency=3))
        before = network.clock.microseconds
        with pytest.raises(ValueError, match="broken"):
            network.client("orders").get("/")

        assert network.clock.microseconds == before


# ----------------------------------------------------------------------- many at a time


@backends
def test_requests_of_one_moment_wait_together(backend: str) -> None:
    """Requests that come together are late beside each other, each by its own fault."""
    with LatticeNetwork() as network:
        for name, latency in (("orders", 5), ("users", 2), ("carts", 9)):
            listeners = [Listener("HTTPS", default=Forward(name))]
            network.add(
                TargetGroup(name, targets="echo"),
                Service(name, listeners=listeners),
                Fault(name, latency=latency),
            )
        ended: list[str] = []

        async def ask(client: httpx.AsyncClient, name: str) -> None:
            await client.get(f"https://{name}/")
            ended.append(name)

        async def run() -> None:
            async with (
                network.async_client() as client,
                anyio.create_task_group() as group,
            ):
                for name in ("orders", "users", "carts", "orders"):
                    group.start_soon(ask, client, name)

        before = network.clock.microseconds
        anyio.run(run, backend=backend)

        assert ended == ["users", "orders", "orders", "carts"]
        assert [each.duration for each in network.exchanges] == [2000, 5000, 5000, 9000]
        assert network.clock.microseconds - before == 9_000_000


def test_threads_share_the_count(network: LatticeNetwork) -> None:
    """However many threads ask, a fault meets just as many requests as it says."""
    network.add(Fault("orders", "refused", times=20))
    client = network.client("orders")
    statuses: list[int] = []

    def work() -> None:
        statuses.extend(client.get("/").status_code for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert (statuses.count(503), statuses.count(200)) == (20, 20)


# --------------------------------------------------- time that passes without any fault


def sleepy(network: Callable[[], LatticeNetwork], seconds: float) -> Any:  # noqa: ANN401  # a WSGI app
    """Make a WSGI app that lets time pass before it answers."""

    def app(environ: object, start_response: Any) -> list[bytes]:  # noqa: ANN401  # as WSGI has it
        network().clock.advance(seconds)
        start_response("200 OK", [])
        return [b"late"]

    return app


@pytest.mark.parametrize(
    ("seconds", "idle_timeout", "expected"),
    [
        pytest.param(60, 60, (200, None, 60_000), id="in-time"),
        pytest.param(60.001, 60, (504, "TargetDataTimeout", 60_000), id="too-late"),
        pytest.param(100, 120, (200, None, 100_000), id="longer-timeout"),
        pytest.param(700, 600, (504, "TargetDataTimeout", 600_000), id="very-late"),
    ],
)
def test_silent_app(seconds: float, idle_timeout: int, expected: object) -> None:
    """An app that lets the clock pass the idle timeout is answered for with 504."""
    networks: list[LatticeNetwork] = []
    app = sleepy(lambda: networks[0], seconds)
    with answering(app, idle_timeout_seconds=idle_timeout) as network:
        networks.append(network)
        response = network.client("orders").get("/")

        [exchange] = network.exchanges
        found = (response.status_code, exchange.failure_reason, exchange.duration)
        assert found == expected
        assert response.text == ("late" if found[0] == 200 else "Gateway Timeout")


def streaming(clock: Callable[[], Any], *pauses: float) -> Any:  # noqa: ANN401  # an ASGI app
    """Make an ASGI app that lets time pass before each chunk."""

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        if scope["type"] != "http":
            return
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for each in pauses:
            await clock().aadvance(each)
            message = {"type": "http.response.body", "body": b"x", "more_body": True}
            await send(message)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        pytest.param((0, 59, 59), ("xxx", None, 118_000), id="in-time"),
        pytest.param(
            (61, 0), ("Gateway Timeout", "TargetDataTimeout", 60_000), id="late-head"
        ),
        pytest.param((0, 61), ("x", "TargetDataTimeout", 60_000), id="silent-between"),
        pytest.param(
            (0, *[50] * 13),
            ("x" * 13, "ConnectionDurationExceeded", 600_000),
            id="too-long",
        ),
    ],
)
@pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])
def test_stream_of_an_app(
    pauses: tuple[float, ...], expected: object, way: str
) -> None:
    """A stream is cut where the app is silent for too long, or lives for too long."""
    networks: list[LatticeNetwork] = []
    with answering(streaming(lambda: networks[0].clock, *pauses)) as network:
        networks.append(network)
        got = read_blocking(network) if way == "blocking" else read(network, way)

        [exchange] = network.exchanges
        assert (got, exchange.failure_reason, exchange.duration) == expected


def read_blocking(network: LatticeNetwork) -> str:
    """Read a stream as far as it goes."""
    got = b""
    client = network.client("orders")
    try:
        with client.stream("GET", "/") as response:
            for chunk in response.iter_raw():
                got += chunk
    except httpx.RemoteProtocolError:
        assert network.exchanges[-1].failure_reason is not None
    return got.decode()


def read(network: LatticeNetwork, backend: str) -> str:
    """Read a stream as far as it goes; see `read_blocking`."""

    async def run() -> str:
        got = b""
        try:
            async with (
                network.async_client("orders") as client,
                client.stream("GET", "/") as response,
            ):
                async for chunk in response.aiter_raw():
                    got += chunk
        except httpx.RemoteProtocolError:
            assert network.exchanges[-1].failure_reason is not None
        return got.decode()

    return anyio.run(run, backend=backend)


def test_slow_reader_loses_the_connection() -> None:
    """A client that reads on after ten minutes finds the connection closed."""
    networks: list[LatticeNetwork] = []
    with answering(streaming(lambda: networks[0].clock, 0, 0)) as network:
        networks.append(network)
        got: list[bytes] = []
        with network.client("orders").stream("GET", "/") as response:
            chunks = response.iter_raw()
            got.append(next(chunks))
            network.clock.advance(601)
            with pytest.raises(httpx.RemoteProtocolError) as caught:
                got.extend(chunks)

        assert str(caught.value) == "the connection was older than 600 seconds"
        assert got == [b"x"]
        [exchange] = network.exchanges
        assert exchange.failure_reason == "ConnectionDurationExceeded"


def test_slow_reader_is_not_a_silent_target() -> None:
    """Time that a client takes between chunks is not the target's silence."""
    networks: list[LatticeNetwork] = []
    with answering(streaming(lambda: networks[0].clock, 0, 0)) as network:
        networks.append(network)
        with network.client("orders").stream("GET", "/") as response:
            chunks = response.iter_raw()
            next(chunks)
            network.clock.advance(300)
            assert list(chunks) == [b"x"]

        [exchange] = network.exchanges
        assert (exchange.failure_reason, exchange.duration) == (None, 300_000)


def test_slow_upload_is_not_a_silent_target() -> None:
    """The target's silence begins with the last byte of the request."""
    with answering("echo") as network:

        def body() -> Iterator[bytes]:
            for _ in range(3):
                network.clock.advance(50)
                yield b"x"

        response = network.client("orders").post("/", content=body())

        assert response.json()["body"] == "xxx"
        [exchange] = network.exchanges
        assert (exchange.to_target, exchange.duration) == (150_000, 150_000)


def test_late_answer_to_an_upload(network: LatticeNetwork) -> None:
    """The time of the upload is told apart from that of the target."""
    network.add(Fault("orders", latency=7))

    async def body() -> AsyncIterator[bytes]:
        await network.clock.aadvance(4)
        yield b"x"

    async def run() -> None:
        async with network.async_client("orders") as client:
            await client.post("/", content=body())

    asyncio.run(run())
    [exchange] = network.exchanges
    found = (exchange.to_target, exchange.from_target, exchange.duration)
    assert found == (4000, 0, 11_000)
