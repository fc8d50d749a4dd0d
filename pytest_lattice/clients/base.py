"""The one seam between a client and the network: `Entrance` and `Reply`.

A client translates its library's request into a `LatticeRequest`, hands it to the
entrance and translates the reply back; it knows nothing of rules or targets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterable,
        AsyncIterator,
        Callable,
        Iterable,
        Iterator,
    )

    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.model.message import Headers, LatticeRequest


class Reply(NamedTuple):
    """What came of a request, for a blocking client.

    Args:
        decision: what was decided.
        exchange: request and response; None where there was no HTTP answer, and
            the client raises its library's transport error.  While the body is
            still streaming, the sizes are those so far.
        body: whole, or chunks to iterate; closing the iterator ends the exchange.
        trailers: asked when the body has ended; None where there are none.
    """

    decision: Decision
    exchange: Exchange | None
    body: bytes | Iterator[bytes]
    trailers: Callable[[], Headers] | None = None


class AsyncReply(NamedTuple):
    """What came of a request, for an async client; see `Reply`."""

    decision: Decision
    exchange: Exchange | None
    body: bytes | AsyncIterator[bytes]
    trailers: Callable[[], Headers] | None = None


class Entrance(Protocol):
    """Where clients hand in their requests."""

    def handle(self, request: LatticeRequest, body: bytes | Iterable[bytes]) -> Reply:
        """Answer a request, blocking the calling thread."""

    async def ahandle(
        self, request: LatticeRequest, body: bytes | AsyncIterable[bytes]
    ) -> AsyncReply:
        """Answer a request without blocking the running event loop."""

    def full_name(self, host: str) -> str:
        """Expand a service's short name to its DNS name.

        Raises:
            ConfigurationError: there is no such service.
        """
