"""Sockets of a site: on loopback, and closed to the last one."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.clients.sockets import Sockets
from pytest_lattice.clients.wire import Site
from pytest_lattice.errors import ConfigurationError

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


def test_a_port_is_had_again_at_once() -> None:
    """A port of one's own is listened on, and free when it is closed."""

    async def use(sockets: Sockets) -> None:
        port = sockets.listen(lambda: sockets.connection(80))
        await sockets.close()
        for _ in range(2):
            again = Sockets(sockets.site)
            assert again.listen(lambda: again.connection(80), port) == port  # noqa: B023  # it is called in this round
            with socket.create_connection(("127.0.0.1", port)):
                await again.close()

    on_loop(use)


@pytest.mark.parametrize("port", [-1, 65536, True, "80", 80.0])
def test_what_is_no_port(port: Any) -> None:  # noqa: ANN401  # whatever a user gives
    """A port that cannot be is named."""

    async def use(sockets: Sockets) -> None:
        with pytest.raises(ConfigurationError) as caught:
            sockets.listen(lambda: sockets.connection(80), port)
        assert str(caught.value) == f"port `{port}` is not from 1 to 65535"
        await sockets.close()

    on_loop(use)


def test_port_that_is_taken() -> None:
    """A port that somebody else has is named, and nothing is left open."""

    async def use(sockets: Sockets) -> None:
        port = sockets.listen(lambda: sockets.connection(80))
        late = Sockets(sockets.site)
        with pytest.raises(ConfigurationError) as caught:
            late.listen(lambda: late.connection(80), port)
        assert str(caught.value) == (
            f"port {port} of 127.0.0.1 cannot be listened on: address already in use"
        )
        for each in (late, sockets):
            await each.close()

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
