"""A target that answers as it is told, for tests that are not about targets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pytest

from pytest_lattice import AsyncTargetReply, LatticeResponse, TargetReply

if TYPE_CHECKING:
    from pytest_lattice import AppTarget, TargetRequest
    from pytest_lattice.targets.base import AsyncRequestBody, RequestBody

Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """What the stub answers.

    Attributes:
        body: whole, or chunks that are streamed; an exception is raised in its turn.
        status: the HTTP status.
        headers: names and values as a target writes them.
        failure_reason: what a target says when it made the answer itself.
        detail: what was wrong, for people.
    """

    body: bytes | tuple[bytes | BaseException, ...] = b"hello"
    status: int = 200
    headers: Headers = ()
    failure_reason: str | None = None
    detail: str | None = None


@dataclass(eq=False)
class StubTarget:
    """Answers each request as told, and remembers what it was asked.

    Attributes:
        answer: what to answer, or a function that says it of a request and its body;
            what the function raises is raised.
        requests: the requests.
        bodies: the request bodies, whole.
        streams: the streamed response bodies.
        closed: how many times it was closed.
    """

    answer: Answer | Callable[[TargetRequest, bytes], Answer] = field(
        default_factory=Answer
    )
    requests: list[TargetRequest] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    closed: int = 0

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer; a streamed request body is read whole first."""
        whole = body if isinstance(body, bytes) else b"".join(body)
        said = self._say(request, whole)
        head = LatticeResponse(said.status, said.headers)
        return TargetReply(head, self._body(said), said.failure_reason, said.detail)

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer; a streamed request body is read whole first."""
        if not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        said = self._say(request, body)
        head = LatticeResponse(said.status, said.headers)
        return AsyncTargetReply(
            head, self._body(said), said.failure_reason, said.detail
        )

    def close(self) -> None:
        """Count how often it is closed."""
        self.closed += 1

    def _say(self, request: TargetRequest, body: bytes) -> Answer:
        self.requests.append(request)
        self.bodies.append(body)
        return self.answer(request, body) if callable(self.answer) else self.answer

    def _body(self, said: Answer) -> bytes | Stream:
        if isinstance(said.body, bytes):
            return said.body
        self.streams.append(Stream(said.body))
        return self.streams[-1]


class Stream(Iterator[bytes], AsyncIterator[bytes]):
    """A streamed body, blocking and async, that knows whether it was closed."""

    def __init__(self, chunks: tuple[bytes | BaseException, ...]) -> None:
        self.closed = False
        self._chunks = iter(chunks)

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    async def __anext__(self) -> bytes:
        for chunk in self._chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            return chunk
        raise StopAsyncIteration

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    async def aclose(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class StubTargets:
    """The plugin that makes stub targets usable in `TargetGroup(targets=[...])`."""

    @staticmethod
    @pytest.hookimpl
    def pytest_lattice_make_target(obj: object) -> AppTarget | None:
        """Take a stub as it is."""
        return obj if isinstance(obj, StubTarget) else None
