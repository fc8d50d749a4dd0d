"""Sockets of a site: on loopback, and closed to the last one."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from pytest_lattice.clients.sockets import Sockets
from pytest_lattice.clients.wire import Site

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

UNUSED: Any = None


def on_loop(use: Callable[[Sockets], Awaitable[None]]) -> None:
    """Use the sockets of a site that knows no services."""

    async def main() -> None:
        site = Site(
            entrance=UNUSED,
            place=UNUSED,
            way=UNUSED,
            now=lambda: 0,
            authority=UNUSED,
            http2=False,
            loop=asyncio.get_running_loop(),
            tasks=set(),
        )
        await use(Sockets(site))

    asyncio.run(main())


def test_only_loopback_is_listened_on() -> None:
    """Nobody else on the network gets in."""

    async def use(sockets: Sockets) -> None:
        port = sockets.listen(lambda: sockets.connection(80))
        with socket.create_connection(("127.0.0.1", port)) as sock:
            assert ipaddress.ip_address(sock.getpeername()[0]).is_loopback
        [bound] = [each.getsockname() for each in sockets.listening]
        assert bound == ("127.0.0.1", port)
        await sockets.close()

    on_loop(use)


def test_connection_that_comes_at_the_end_is_closed() -> None:
    """What connects while it closes is not forgotten, at whatever moment."""

    async def use(sockets: Sockets) -> None:
        port = sockets.listen(lambda: sockets.connection(80))
        clients = []
        for rounds in range(6):
            clients.append(socket.create_connection(("127.0.0.1", port)))
            for _ in range(rounds % 4):
                await asyncio.sleep(0)
        await sockets.close()
        assert not sockets.connections
        assert not sockets.site.tasks
        for client in clients:
            client.settimeout(10)
            try:
                assert client.recv(1) == b""
            except ConnectionResetError:
                continue
            finally:
                client.close()

    on_loop(use)
