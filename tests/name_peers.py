"""Clients that find hosts in ways of their own: each gets a URL and gives the body."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import sys
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import anyio
import httpx
import httpx2
import requests
import trio
import urllib3
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # it has none
from botocore.httpsession import (  # type: ignore[import-untyped]  # it has none
    URLLib3Session,
)

from tests.live_peers import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def uvloop_run(main: Coroutine[Any, Any, str]) -> str:
    """Run on uvloop's event loop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def _requests(url: str) -> str:
    text: str = requests.get(url, timeout=PATIENCE).text
    return text


def _urllib3(url: str) -> str:
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", url, retries=False, timeout=PATIENCE)
        return response.data.decode()


def _http_client(url: str) -> str:
    parts = urlsplit(url)
    kinds = {
        "https": http.client.HTTPSConnection,
        "http": http.client.HTTPConnection,
    }
    connection = kinds[parts.scheme](parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path)
        body: bytes = connection.getresponse().read()
        return body.decode()
    finally:
        connection.close()


def _urllib(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310  # tests choose it
        text: str = response.read().decode()
        return text


def _botocore(url: str) -> str:
    session = URLLib3Session(timeout=PATIENCE)
    try:
        response = session.send(AWSRequest("GET", url).prepare())
        text: str = response.text
        return text
    finally:
        session.close()


def _httpx(url: str) -> str:
    with httpx.Client(http2=True, timeout=PATIENCE) as client:
        return client.get(url).text


def _async_httpx(backend: str, library: Any) -> Callable[[str], str]:  # noqa: ANN401  # a module
    def get(url: str) -> str:
        async def main() -> str:
            async with library.AsyncClient(http2=True, timeout=PATIENCE) as client:
                text: str = (await client.get(url)).text
                return text

        return anyio.run(main, backend=backend)

    return get


def _aiohttp(
    run: Callable[[Coroutine[Any, Any, str]], str], resolver: str
) -> Callable[[str], str]:
    def get(url: str) -> str:
        async def main() -> str:
            connector = aiohttp.TCPConnector(resolver=getattr(aiohttp, resolver)())
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(url) as response,
            ):
                return await response.text()

        return run(main())

    return get


def _request(url: str) -> tuple[str, int, bool, bytes]:
    """Tell where to connect for a URL, whether by TLS, and what to send there."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    head = (
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Connection: close\r\n\r\n"
    )
    port = parts.port or (443 if secure else 80)
    return parts.hostname or "", port, secure, head.encode()


def _body(answer: bytes) -> str:
    return answer.partition(b"\r\n\r\n")[2].decode()


def _streams(
    run: Callable[[Coroutine[Any, Any, str]], str],
) -> Callable[[str], str]:
    def get(url: str) -> str:
        async def main() -> str:
            host, port, secure, head = _request(url)
            tls = ssl.create_default_context() if secure else None
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
                writer.write(head)
                answer = await reader.read()
                writer.close()
                await writer.wait_closed()
            return _body(answer)

        return run(main())

    return get


def _trio(url: str) -> str:
    async def main() -> str:
        host, port, secure, head = _request(url)
        open_stream: Any = trio.open_tcp_stream
        if secure:
            open_stream = trio.open_ssl_over_tcp_stream
        with trio.fail_after(PATIENCE):
            async with await open_stream(host, port) as stream:
                await stream.send_all(head)
                parts = []
                while part := await stream.receive_some():
                    parts.append(part)
        return _body(b"".join(parts))

    return trio.run(main)


def _anyio(backend: str, options: dict[str, Any]) -> Callable[[str], str]:
    def get(url: str) -> str:
        async def main() -> str:
            host, port, secure, head = _request(url)
            connect: Any = anyio.connect_tcp
            if secure:
                connect = partial(anyio.connect_tcp, tls=True)
            answer = b""
            with anyio.fail_after(PATIENCE):
                async with await connect(host, port) as stream:
                    await stream.send(head)
                    try:
                        while True:
                            answer += await stream.receive()
                    except anyio.EndOfStream:
                        return _body(answer)

        return anyio.run(main, backend=backend, backend_options=options)

    return get


#: By name.
PEERS: dict[str, Callable[[str], str]] = {
    "requests": _requests,
    "urllib3": _urllib3,
    "http.client": _http_client,
    "urllib.request": _urllib,
    "botocore": _botocore,
    "httpx": _httpx,
    "httpx on asyncio": _async_httpx("asyncio", httpx),
    "httpx on trio": _async_httpx("trio", httpx),
    "httpx2 on asyncio": _async_httpx("asyncio", httpx2),
    "aiohttp": _aiohttp(asyncio.run, "ThreadedResolver"),
    "aiohttp with aiodns": _aiohttp(asyncio.run, "AsyncResolver"),
    "asyncio streams": _streams(asyncio.run),
    "trio": _trio,
    "anyio on asyncio": _anyio("asyncio", {}),
    "anyio on trio": _anyio("trio", {}),
}
if sys.platform != "win32":
    PEERS |= {
        "aiohttp on uvloop": _aiohttp(uvloop_run, "ThreadedResolver"),
        "aiohttp with aiodns on uvloop": _aiohttp(uvloop_run, "AsyncResolver"),
        "streams on uvloop": _streams(uvloop_run),
        "anyio on uvloop": _anyio("asyncio", {"use_uvloop": True}),
    }
