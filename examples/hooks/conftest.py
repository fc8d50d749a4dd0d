"""The three hooks of pytest-lattice, as a conftest.py or a plugin implements them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_lattice import (
    AsyncTargetReply,
    Forward,
    LatticeResponse,
    Listener,
    Service,
    TargetGroup,
    TargetReply,
)

if TYPE_CHECKING:
    from pytest_lattice import AppTarget, Exchange, LatticeNetwork, TargetRequest

_SEEN: list[str] = []


@pytest.fixture
def seen() -> list[str]:
    """What pytest_lattice_exchange saw; a real plugin would count or export it."""
    _SEEN.clear()
    return _SEEN


def pytest_lattice_configure(network: LatticeNetwork) -> None:
    """Put a service that every test of this folder needs into each network."""
    network.add(
        TargetGroup("greetings", targets=[Greeting("Hello")]),
        Service("greeter", listeners=[Listener("HTTP", default=Forward("greetings"))]),
    )


def pytest_lattice_exchange(network: LatticeNetwork, exchange: Exchange) -> None:
    """Look at each request after its last byte."""
    _SEEN.append(f"{exchange.request.path} {exchange.response.status}")


def pytest_lattice_make_target(obj: object) -> AppTarget | None:
    """Make a new kind of object usable as a target."""
    return GreetingTarget(obj) if isinstance(obj, Greeting) else None


@dataclass(frozen=True)
class Greeting:
    """An object that pytest-lattice does not know."""

    text: str


class GreetingTarget:
    """Answers every request with the greeting."""

    def __init__(self, greeting: Greeting) -> None:
        """Keep the greeting."""
        self._body = greeting.text.encode()

    def call(self, request: TargetRequest, body: object) -> TargetReply:
        """Answer, blocking."""
        return TargetReply(LatticeResponse(200, ()), self._body)

    async def acall(self, request: TargetRequest, body: object) -> AsyncTargetReply:
        """Answer, async."""
        return AsyncTargetReply(LatticeResponse(200, ()), self._body)

    def close(self) -> None:
        """Release nothing."""
