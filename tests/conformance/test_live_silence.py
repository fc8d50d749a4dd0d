"""Targets that are silent for too long: a client on a socket gets what ours get.

The clients wait in threads of their own, and time passes when the app has said that it
has the request; nothing here sleeps.
"""

from __future__ import annotations

import asyncio
import queue
import ssl
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import pytest

from pytest_lattice import Fault, HealthCheck
from tests.clients.test_http2 import Http2Client
from tests.grpc_calls import AioServicer, Servicer, served_by
from tests.grpc_calls import orders as grpc_orders
from tests.live_peers import PATIENCE, App, grpc_channel, orders, tls_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice import LatticeNetwork

IDLE_SECONDS = 60
NO_CHECKS = HealthCheck(enabled=False)


class Asgi(App):
    """An ASGI app that waits until it is told that nobody waits for it."""

    closed = threading.Event()
    closed.set()

    async def stream(self, receive: Any, send: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Send a first chunk, and wait."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = {"type": "http.response.body", "body": b"first"}
        await send(body | {"more_body": True})
        await self.silent(receive, send)

    async def deaf(self, _: Any, __: Any) -> None:  # noqa: ANN401  # as ASGI has it
        """Wait for something else."""
        self.seen.put("waiting")
        try:
            await asyncio.Event().wait()
        finally:
            self.seen.put("gone")


class Wsgi:
    """A WSGI app that waits in its thread until the test lets it go."""

    def __init__(self) -> None:
        """Note what happens."""
        self.seen: queue.Queue[str] = queue.Queue()
        self.released, self.closed = threading.Event(), threading.Event()

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:  # noqa: ANN401  # as WSGI has it
        """Answer."""
        path = environ["PATH_INFO"]
        if path == "/":
            raise ValueError("that is a health check")
        if path == "/silent":
            self.wait()
        start("200 OK", [])
        return self.first() if path == "/stream" else [b"0"]

    def first(self) -> Iterator[bytes]:
        """Send a first chunk, and wait."""
        try:
            yield b"first"
            self.wait()
            yield b"late"
        finally:
            self.closed.set()

    def wait(self) -> None:
        """Wait in this thread, which nobody can end."""
        self.seen.put("waiting")
        self.released.wait(PATIENCE)
        self.seen.put("gone")


@pytest.fixture(params=["asgi", "wsgi"])
def app(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401  # one of two kinds
    """What answers, or not."""
    return Asgi() if request.param == "asgi" else Wsgi()


@pytest.fixture
def network(app: Any) -> Iterator[LatticeNetwork]:  # noqa: ANN401  # see there
    """A network with the service `orders`, of which no thread is left."""
    before = set(threading.enumerate())
    with orders(app) as network:
        yield network
        release(app)
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def release(app: Any) -> None:  # noqa: ANN401  # an app or a servicer
    """Let what waits in a thread go on."""
    if hasattr(app, "released"):
        app.released.set()


def settle(network: LatticeNetwork) -> None:
    """Wait until the listeners' thread has ended what it is in the middle of."""
    with network.server():  # which begins to listen in that thread
        pass


@contextmanager
def meanwhile(function: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Run a client beside the test."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(function)


@contextmanager
def client_of(network: LatticeNetwork, door: str) -> Iterator[httpx.Client]:
    """Make a real client of the service `orders`, such as one of `h2 proxy`."""
    version, _, way = door.partition(" ")
    options: dict[str, Any] = {
        "http1": version == "h1",
        "http2": version == "h2",
        "trust_env": False,
        "timeout": PATIENCE,
    }
    name = network.service("orders").dns_name
    if way == "proxy":
        with network.proxy() as proxy:
            trusting = ssl.create_default_context(cadata=proxy.ca_pem)
            with httpx.Client(
                base_url=f"https://{name}",
                proxy=proxy.url,
                verify=trusting,
                **options,
            ) as client:
                yield client
        return
    with network.server() as server:
        trusting = ssl.create_default_context(cadata=server.ca_pem)
        with httpx.Client(
            base_url=f"https://{server.address('orders')}",
            headers={"host": name},
            verify=trusting,
            **options,
        ) as client:
            # As if the name had led to the address.
            client.event_hooks = {
                "request": [
                    lambda request: request.extensions.update(sni_hostname=name)
                ]
            }
            yield client


DOORS = ["h1 server", "h2 server", "h1 proxy", "h2 proxy"]


def logged(network: LatticeNetwork) -> dict[str, Any]:
    """Return what the first entry of the log says of how its request ended."""
    entry = network.access_log[0]
    return {
        "response_code": entry.response_code,
        "failure_reason": entry.failure_reason,
        "duration": entry.duration,
        "request_to_target": entry.request_to_target_duration,
        "response_from_target": entry.response_from_target_duration,
        "detail": network.exchanges[0].detail,
    }


def answered(response: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """Return what a client reads of an answer."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    headers["x-amzn-requestid"] = headers["x-amzn-requestid"][:0]
    return response.status_code, response.text, headers


def in_process() -> tuple[Any, dict[str, Any]]:
    """Ask an app that answers too late with a client of the network's own."""
    networks: list[LatticeNetwork] = []

    def late(_: object, start: Any) -> list[bytes]:  # noqa: ANN401  # as WSGI has it
        networks[0].clock.advance(IDLE_SECONDS + 1)
        start("200 OK", [])
        return [b"late"]

    with orders(late) as network:
        networks.append(network)
        response = network.client("orders").get("/silent")
        return answered(response), logged(network)


@pytest.mark.parametrize("door", DOORS)
def test_silent_target_is_answered_for(
    door: str,
    app: Any,  # noqa: ANN401  # see there
    network: LatticeNetwork,
) -> None:
    """When the idle timeout is over, a client that waits gets 504, as in process."""
    with client_of(network, door) as client:
        with meanwhile(lambda: client.get("/silent")) as waiting:
            assert app.seen.get(timeout=PATIENCE) == "waiting"
            network.clock.advance(IDLE_SECONDS)
            assert not network.exchanges
            network.clock.advance(1)
            response = waiting.result(PATIENCE)
        assert (answered(response), logged(network)) == in_process()

        release(app)
        assert app.seen.get(timeout=PATIENCE) == "gone"
        assert client.get("/whole").text == "0"
    ports = {each.request.source.port for each in network.exchanges}
    assert len(ports) == 1
    assert len(network.access_log) == 2


@pytest.mark.parametrize("door", DOORS)
def test_async_time_gives_up_too(door: str) -> None:
    """`aadvance` in a test with a loop of its own does as `advance` does."""
    app = Asgi()
    with orders(app) as network, client_of(network, door) as client:
        with meanwhile(lambda: client.get("/deaf")) as waiting:
            assert app.seen.get(timeout=PATIENCE) == "waiting"
            asyncio.run(network.clock.aadvance(IDLE_SECONDS + 1))
            assert waiting.result(PATIENCE).status_code == 504
        assert app.seen.get(timeout=PATIENCE) == "gone"
        assert logged(network)["failure_reason"] == "TargetDataTimeout"


@pytest.mark.parametrize("door", DOORS)
def test_silent_stream_is_cut(
    door: str,
    app: Any,  # noqa: ANN401  # see there
    network: LatticeNetwork,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stream whose target falls silent breaks off, and nobody is blamed."""
    with client_of(network, door) as client, client.stream("GET", "/stream") as answer:
        chunks = answer.iter_raw()
        assert next(chunks) == b"first"
        assert app.seen.get(timeout=PATIENCE) == "waiting"
        settle(network)
        with meanwhile(lambda: list(chunks)) as waiting:
            network.clock.advance(IDLE_SECONDS + 1)
            with pytest.raises(httpx.TransportError):
                waiting.result(PATIENCE)
        release(app)
        assert app.seen.get(timeout=PATIENCE) == "gone"
        assert app.closed.wait(PATIENCE)
    found = logged(network)
    assert (found["response_code"], found["failure_reason"]) == (
        200,
        "TargetDataTimeout",
    )
    assert found["duration"] == 60_000
    assert not caplog.records


@pytest.mark.parametrize("door", DOORS)
def test_stream_that_faults_delay_is_cut(
    door: str,
    app: Any,  # noqa: ANN401  # see there
    network: LatticeNetwork,
) -> None:
    """Faults that together wait for too long break a stream off; nobody hangs."""
    network.add(Fault("apps", chunk_delay=50), Fault("apps", chunk_delay=51))
    # Which error a reset is differs between versions of Python.
    with client_of(network, door) as client, pytest.raises(httpx.TransportError):
        client.get("/stream")
    release(app)
    assert logged(network)["failure_reason"] == "TargetDataTimeout"


def grpc_outcome(call: Any, responses: list[bytes]) -> dict[str, Any]:  # noqa: ANN401  # a grpc.Call
    """Return what a client sees of how a call ended."""
    keys = [pair[0] for pair in call.trailing_metadata()]
    return {
        "code": call.code(),
        "details": call.details(),
        "trailing": keys,
        "responses": responses,
    }


def late_in_process() -> tuple[dict[str, Any], dict[str, Any]]:
    """Call a servicer that answers too late with a channel of the network's own."""
    with grpc_orders(served_by(Servicer())) as network:
        network.add(Fault("rates", latency=IDLE_SECONDS + 1))
        with network.grpc_channel("orders") as channel:
            method: Any = channel.unary_unary("/test.Orders/Get")
            call = method.future(b"x")
            assert call.exception()
            found = grpc_outcome(call, []), logged(network)
    del found[1]["detail"]  # which names the fault
    return found


@pytest.mark.parametrize("servicer", [Servicer(), AioServicer()], ids=["sync", "aio"])
def test_silent_servicer_is_a_status(servicer: Servicer | AioServicer) -> None:
    """A gRPC client gets the status that it gets in process, and can call again."""
    with (
        grpc_orders(served_by(servicer)) as network,
        network.server() as server,
        grpc_channel(network, server) as channel,
    ):
        get: Any = channel.unary_unary("/test.Orders/Get")
        call = get.future(b"wait", timeout=PATIENCE)
        assert servicer.seen.get(timeout=PATIENCE) == "waiting"
        network.clock.advance(IDLE_SECONDS + 1)
        assert call.exception(PATIENCE)

        found = grpc_outcome(call, []), logged(network)
        del found[1]["detail"]
        assert found == late_in_process()
        # By itself it would wait for longer.
        assert servicer.seen.get(timeout=PATIENCE / 2) in {"gone", "active: False"}
        assert get(b"x", timeout=PATIENCE) == b"got x"


@pytest.mark.parametrize("servicer", [Servicer(), AioServicer()], ids=["sync", "aio"])
def test_silent_stream_of_a_servicer_is_cut(servicer: Servicer | AioServicer) -> None:
    """Messages that no more come end with an error, and the log says why."""
    with (
        grpc_orders(served_by(servicer)) as network,
        network.server() as server,
        grpc_channel(network, server) as channel,
    ):
        method: Any = channel.unary_stream("/test.Orders/List")
        call = method(b"wait", timeout=PATIENCE)
        assert next(call) == b"0"
        assert servicer.seen.get(timeout=PATIENCE) == "waiting"
        settle(network)
        with meanwhile(lambda: list(call)) as waiting:
            network.clock.advance(IDLE_SECONDS + 1)
            with pytest.raises(grpc.RpcError):
                waiting.result(PATIENCE)
        # By itself it would wait for longer.
        assert servicer.seen.get(timeout=PATIENCE / 2) in {"gone", "active: False"}
        assert logged(network)["failure_reason"] == "TargetDataTimeout"


def test_each_request_has_its_own_silence() -> None:
    """Of two requests on one connection, the one that waits for longer is given up."""
    app = Asgi()
    with (
        orders(app) as network,
        network.server() as server,
        Http2Client(network, server) as client,
    ):
        first = client.ask("/deaf")
        assert app.seen.get(timeout=PATIENCE) == "waiting"
        network.clock.advance(30)
        second = client.ask("/deaf")
        assert app.seen.get(timeout=PATIENCE) == "waiting"
        network.clock.advance(31)
        assert client.status(first) == 504
        assert app.seen.get(timeout=PATIENCE) == "gone"
        assert len(network.exchanges) == 1
        network.clock.advance(30)
        assert client.status(second) == 504
    assert [each.duration for each in network.exchanges] == [60_000, 60_000]


@pytest.mark.parametrize("version", ["http/1.1", "h2"])
def test_thread_that_reads_is_told_of_a_client_that_leaves(version: str) -> None:
    """A blocking app that waits for the rest of a body gets an error, and ends."""
    seen: queue.Queue[str] = queue.Queue()

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:  # noqa: ANN401  # as WSGI has it
        seen.put(environ["wsgi.input"].read(1).decode())
        try:
            environ["wsgi.input"].read(9)
        except Exception as error:
            seen.put(type(error).__name__)
            raise
        return []

    with orders(app) as network, network.server() as server:
        if version == "h2":
            with Http2Client(network, server) as client:
                stream = client.ask("/", method="POST", end=False)
                client.h2.send_data(stream, b"x")
                client.flush()
                assert seen.get(timeout=PATIENCE) == "x"
                client.h2.reset_stream(stream)
                client.flush()
                assert seen.get(timeout=PATIENCE) == "BadRequestError"
            return
        host = network.service("orders").dns_name
        with tls_socket(network, server) as sock:
            head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n\r\nx"
            sock.sendall(head.encode())
            assert seen.get(timeout=PATIENCE) == "x"
        assert seen.get(timeout=PATIENCE) == "BadRequestError"


def test_own_idle_timeout_counts(app: Any, network: LatticeNetwork) -> None:  # noqa: ANN401  # see there
    """A service that allows more than a minute is waited for."""
    network.change(replace(network.service("orders"), idle_timeout_seconds=300))
    with client_of(network, "h1 server") as client:
        with meanwhile(lambda: client.get("/silent")) as waiting:
            assert app.seen.get(timeout=PATIENCE) == "waiting"
            network.clock.advance(300)
            assert not network.exchanges
            network.clock.advance(1)
            assert waiting.result(PATIENCE).status_code == 504
        assert logged(network)["duration"] == 300_000
        release(app)


def test_client_that_sends_slowly_is_waited_for() -> None:
    """Where the target waits for the client, it is not the target that is silent."""
    with orders(Asgi()) as network, network.server() as server:
        host = network.service("orders").dns_name
        with tls_socket(network, server) as sock:
            expecting = "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n"
            head = f"POST /whole HTTP/1.1\r\nHost: {host}\r\n{expecting}"
            sock.sendall(head.encode())
            # It is told to go on when the app waits for the body.
            assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
            network.clock.advance(IDLE_SECONDS + 1)
            sock.sendall(b"abcd")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert [each.duration for each in network.exchanges] == [61_000]


@pytest.mark.parametrize("door", DOORS)
def test_silence_ends_before_the_connection(door: str) -> None:
    """A leap past both limits is 504 by the first one, and then the end."""
    app = Asgi()
    with orders(app) as network, client_of(network, door) as client:
        # Or the clock would stop at each of its checks.
        [group] = network.configuration.target_groups
        network.change(replace(group, health_check=NO_CHECKS))
        with meanwhile(lambda: client.get("/silent")) as waiting:
            assert app.seen.get(timeout=PATIENCE) == "waiting"
            network.clock.advance(700)
            assert waiting.result(PATIENCE).status_code == 504
        assert logged(network)["failure_reason"] == "TargetDataTimeout"
        assert client.get("/whole").status_code == 200
    ports = {each.request.source.port for each in network.exchanges}
    assert len(ports) == 2


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_nothing_is_left_of_silent_requests(version: str) -> None:
    """Neither a task nor a connection stays behind a request that was given up."""
    app = Asgi()
    with orders(app) as network, network.server() as server:
        site, sockets = server._sockets.site, server._sockets  # noqa: SLF001  # what is left

        async def left() -> set[str]:
            while sockets.connections or site.tasks:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0)
            current = asyncio.current_task()
            return {repr(each) for each in asyncio.all_tasks() if each is not current}

        def count() -> set[str]:
            return asyncio.run_coroutine_threadsafe(left(), site.loop).result(PATIENCE)

        before = count()
        trusting = ssl.create_default_context(cadata=server.ca_pem)
        with httpx.Client(
            http1=version == "h1", http2=version == "h2", verify=trusting
        ) as client:
            name = network.service("orders").dns_name
            for path in ("/silent", "/deaf", "/stream"):
                ask = partial(
                    client.get,
                    f"https://{server.address('orders')}{path}",
                    headers={"host": name},
                    extensions={"sni_hostname": name},
                )
                with meanwhile(ask) as waiting:
                    assert app.seen.get(timeout=PATIENCE) == "waiting"
                    settle(network)
                    network.clock.advance(IDLE_SECONDS + 1)
                    assert waiting.exception(PATIENCE) or waiting.result()
                assert app.seen.get(timeout=PATIENCE) == "gone"
        assert count() == before
