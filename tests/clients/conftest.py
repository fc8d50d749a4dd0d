"""What the tests of clients share: every door into a network, and stub targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import httpx
import httpx2
import pytest

from pytest_lattice import LatticeNetwork
from tests.clients.stub_target import StubTarget, StubTargets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# httpx and httpx2 have the same names but unrelated classes, so what is taken from the
# library at hand is typed as neither.
Library: TypeAlias = Any
Client: TypeAlias = Any
Response: TypeAlias = Any
Option: TypeAlias = Any


@dataclass(frozen=True)
class Door:
    """One way in: a library, and blocking or under which event loop.

    Attributes:
        library: httpx or httpx2.
        backend: the event loop of async clients; None for blocking ones.
    """

    library: Library
    backend: str | None

    def __call__(
        self,
        network: LatticeNetwork,
        *asks: Callable[[Client], Response],
        service: str | None = "shop",
        **options: Option,
    ) -> list[Response]:
        """Use one client for several calls, such as ``lambda client: client.get("/")``.

        Args:
            network: where the client comes from.
            asks: what to ask of the client, one after the other.
            service: the service that relative URLs mean.
            options: what the client takes.

        Returns:
            The responses.
        """
        options["library"] = self.library
        if self.backend is None:
            with network.client(service, **options) as client:
                return [ask(client) for ask in asks]

        async def main() -> list[Response]:
            async with network.async_client(service, **options) as client:
                return [await ask(client) for ask in asks]

        return anyio.run(main, backend=self.backend)

    def get(
        self, network: LatticeNetwork, url: str = "/", **options: Option
    ) -> Response:
        """Make one GET request with a client of its own."""
        [response] = self(network, lambda client: client.get(url), **options)
        return response


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def library(request: pytest.FixtureRequest) -> Library:
    """The client library, typed as neither of the two."""
    return request.param


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The event loop of async clients."""
    name: str = request.param
    return name


@pytest.fixture(params=[None, "asyncio", "trio"], ids=["blocking", "asyncio", "trio"])
def door(request: pytest.FixtureRequest, library: Library) -> Door:
    """Each way in."""
    return Door(library, request.param)


@pytest.fixture
def stub() -> StubTarget:
    """The target behind the service `shop`, where a test declares it."""
    return StubTarget()


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """An empty network in which stub targets can be used."""
    with LatticeNetwork(plugins=[StubTargets()]) as network:
        yield network
