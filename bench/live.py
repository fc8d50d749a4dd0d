"""Live listeners beside hypercorn: a request, a start and stop, and many at once.

The client is the same for both, httpx over one connection that is kept, and its cost is
part of both.  The servers answer in threads of their own, so waiting is part of it too.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from contextlib import contextmanager
from pathlib import Path
from socket import create_server
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import httpx
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from bench.harness import Case, compare
from bench.report import Goal, Row, seconds, spread
from pytest_lattice import Forward, LatticeNetwork, Listener, Service, TargetGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.harness import Effort
    from bench.report import Report

#: Seconds that a listener may take to start and stop.
_START = 0.020
_CLIENTS, _REQUESTS = 200, 50
_ROUNDS = 1000
_DESCRIPTORS = Path("/proc/self/fd")


async def _app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
    """Answer as the smallest app does."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def run(report: Report, effort: Effort) -> None:
    """Measure."""
    with _network() as network, network.server() as server:
        name = network.service("my-service").dns_name
        address = server.address("my-service")
        with _hypercorn(name) as (port, pem):
            for http2 in (False, True):
                kind = "HTTP/2" if http2 else "HTTP/1.1"
                with (
                    _client(address.port, server.ca_pem, http2=http2) as mine,
                    _client(port, pem, http2=http2) as other,
                ):
                    cases = [
                        _case(f"live HTTPS, {kind}", mine, name),
                        _case(f"hypercorn, {kind}", other, name),
                    ]
                    figures = compare(cases, effort, waits=True)
                report.ratio("live", figures.values(), Goal(1.0))
        _crowd(report, address.port, name, server.ca_pem)
    _starts(report, effort)


def _network() -> LatticeNetwork:
    network = LatticeNetwork()
    network.add(
        TargetGroup("apps", targets=[_app]),
        Service("my-service", listeners=[Listener("HTTPS", default=Forward("apps"))]),
    )
    return network


def _client(port: int, pem: str, *, http2: bool) -> httpx.Client:
    return httpx.Client(
        base_url=f"https://127.0.0.1:{port}",
        verify=ssl.create_default_context(cadata=pem),
        http2=http2,
        trust_env=False,
    )


def _case(label: str, client: httpx.Client, name: str) -> Case:
    options: Any = {"headers": {"host": name}, "extensions": {"sni_hostname": name}}
    return Case(
        label, lambda: client.get("/", **options), lambda got: got.text == "hello"
    )


@contextmanager
def _hypercorn(name: str) -> Iterator[tuple[int, str]]:
    """Serve the same app with hypercorn; give its port and its authority.

    It has to be left by its clients first, or it waits for them.
    """
    authority = trustme.CA()
    leaf = authority.issue_cert(name, key_type=trustme.KeyType.RSA)
    stopping = threading.Event()
    with TemporaryDirectory() as folder:
        sock = create_server(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        config = Config()
        config.bind = [f"fd://{sock.detach()}"]  # it closes what it is given
        config.loglevel = "WARNING"
        config.certfile, config.keyfile = f"{folder}/cert.pem", f"{folder}/key.pem"
        leaf.private_key_pem.write_to_path(config.keyfile)
        leaf.cert_chain_pems[0].write_to_path(config.certfile)
        config.accesslog = None

        async def stopped() -> None:
            await asyncio.to_thread(stopping.wait)

        async def main() -> None:
            app: Any = _app
            await serve(app, config, shutdown_trigger=stopped)

        thread = threading.Thread(target=asyncio.run, args=[main()])
        thread.start()
        yield port, authority.cert_pem.bytes().decode()
        stopping.set()
        thread.join()


def _starts(report: Report, effort: Effort) -> None:
    """Time rounds of starting and stopping, and count what they leave."""
    with _network() as network:

        def round_trip() -> bool:
            with network.server() as server:
                return server.address("my-service").port > 0

        figures = compare([Case("listener start and stop", round_trip, bool)], effort)
        [each] = figures.values()
        goal = Goal(_START, seconds)
        row = Row("live", each.name, spread(each), "", "", None, goal, each.median)
        report.rows.append(row)
        if _DESCRIPTORS.exists():
            rounds = _ROUNDS // 10 if effort.quick else _ROUNDS
            before = len(list(_DESCRIPTORS.iterdir()))
            for _ in range(rounds):
                round_trip()
            left = len(list(_DESCRIPTORS.iterdir())) - before
            report.rows.append(_count(f"descriptors left by {rounds:,} starts", left))
    alive = [each for each in threading.enumerate() if "listeners" in each.name]
    report.rows.append(_count("threads left by a network", len(alive)))


def _crowd(report: Report, port: int, name: str, pem: str) -> None:
    """Let many clients make many requests at once, and count what went wrong."""

    async def client() -> int:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port,
            ssl=ssl.create_default_context(cadata=pem),
            server_hostname=name,
            ssl_handshake_timeout=300,
        )
        wrong = 0
        for _ in range(_REQUESTS):
            writer.write(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(5)
            wrong += not (head.startswith(b"HTTP/1.1 200 ") and body == b"hello")
        writer.close()
        return wrong

    async def main() -> int:
        ends = await asyncio.gather(
            *[client() for _ in range(_CLIENTS)], return_exceptions=True
        )
        failed = [each for each in ends if isinstance(each, BaseException)]
        return sum(each for each in ends if isinstance(each, int)) + len(failed)

    label = f"errors of {_CLIENTS} connections x {_REQUESTS} requests"
    report.rows.append(_count(label, asyncio.run(main())))


def _count(name: str, found: int) -> Row:
    goal = Goal(0, lambda value: f"{value:.0f}")
    return Row("live", name, f"{found}", "", "", None, goal, found)
