"""A target behind faults, called as the data plane calls it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.clock import Clock
from pytest_lattice.errors import TargetError
from pytest_lattice.model.fault import Fault
from pytest_lattice.model.message import ClientGoneError, LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply, CutError, TargetReply
from pytest_lattice.targets.faulty import CountedFault, FaultyTarget
from pytest_lattice.targets.lambda_event import LambdaSettings
from pytest_lattice.targets.waiting import Waits
from tests.targets.test_lambda_event import a_request

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 1_000_000
ways = pytest.mark.parametrize("way", ["blocking", "asyncio", "trio"])


class Chunks:
    """A body that notes whether it was closed."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        """Hold the chunks."""
        self._chunks = list(chunks)
        self.closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if not self._chunks:
            raise StopIteration
        return self._chunks.pop(0)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop(0)

    def close(self) -> None:
        """Note it."""
        self.closed = True

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True


class Stub:
    """A target that answers with what it was given, and counts."""

    def __init__(
        self,
        body: Any = b"hello",  # noqa: ANN401  # bytes or chunks
        detail: str | None = None,
    ) -> None:
        """Hold the answer."""
        self.calls = 0
        self._reply = (LatticeResponse(200, ()), body, None, detail)

    def call(self, *_: object) -> TargetReply:
        """Answer."""
        self.calls += 1
        return TargetReply(*self._reply)

    async def acall(self, *_: object) -> AsyncTargetReply:
        """Answer."""
        self.calls += 1
        return AsyncTargetReply(*self._reply)

    def close(self) -> None:
        """Release nothing."""


class Faulty:
    """A stub behind faults, on a clock of its own."""

    def __init__(self, target: Stub, *faults: Fault, **settings: Any) -> None:  # noqa: ANN401  # as LambdaSettings
        """Put the faults before it."""
        self.clock = Clock()
        self.start = self.clock.microseconds
        self._target = FaultyTarget(
            target,
            tuple(map(CountedFault, faults)),
            waits=Waits(self.clock),
            settings=LambdaSettings(**settings),
        )

    def called(
        self,
        way: str,
        patience: float | None = None,
        **request: Any,  # noqa: ANN401  # as `a_request`
    ) -> tuple[Any, bytes]:
        """Call in one of three ways; return the reply, and all of its body."""
        head = a_request(**request)._replace(time_epoch=self.clock.microseconds)
        head = head._replace(request=head.request._replace(patience=patience))
        if way == "blocking":
            reply = self._target.call(head, b"")
            body = reply.body
            return reply, body if isinstance(body, bytes) else b"".join(body)

        async def run() -> tuple[Any, bytes]:
            reply = await self._target.acall(head, b"")
            body = reply.body
            if isinstance(body, bytes):
                return reply, body
            return reply, b"".join([chunk async for chunk in body])

        return anyio.run(run, backend=way)

    @property
    def seconds(self) -> float:
        """How many have passed."""
        return (self.clock.microseconds - self.start) / SECOND


@ways
def test_faults_act_together(way: str) -> None:
    """Latencies add up, also before an answer in place of the target's."""
    target = Stub()
    faulty = Faulty(
        target,
        Fault("functions", latency=1),
        Fault("functions", latency=2),
        Fault("functions", status=418, body="tea"),
        Fault("functions", latency=50),
    )

    reply, body = faulty.called(way)

    assert (reply.response.status, body, faulty.seconds) == (418, b"tea", 3)
    assert target.calls == 0
    assert reply.detail == (
        "answered 1 second later, as Fault('functions', latency=1) says; "
        "answered 2 seconds later, as Fault('functions', latency=2) says; "
        "answered in place of the target, "
        "as Fault('functions', status=418, body='tea') says"
    )


@ways
def test_fault_meets_the_first_requests(way: str) -> None:
    """A fault with `times` counts; the next one meets what comes after."""
    faulty = Faulty(
        Stub(),
        Fault("functions", status=500, times=2),
        Fault("functions", status=503, times=1),
    )

    statuses = [faulty.called(way)[0].response.status for _ in range(4)]

    assert statuses == [500, 500, 503, 200]


@ways
def test_nothing_is_said_where_nothing_is_met(way: str) -> None:
    """A fault that has met all its requests leaves the answer as it is."""
    faulty = Faulty(Stub(detail="a hint"), Fault("functions", latency=1, times=1))

    assert faulty.called(way)[0].detail == (
        "a hint; answered 1 second later, "
        "as Fault('functions', latency=1, times=1) says"
    )
    assert faulty.called(way)[0].detail == "a hint"
    assert faulty.seconds == 1


@ways
def test_target_that_is_too_late_is_left(way: str) -> None:
    """The body of an answer that came too late is closed, not read."""
    body = Chunks([b"a"])
    faulty = Faulty(Stub(body), Fault("functions", latency=61))

    with pytest.raises(CutError) as caught:
        faulty.called(way)

    assert body.closed
    assert caught.value.reason == "TargetDataTimeout"
    assert caught.value.when == faulty.start + 60 * SECOND
    assert faulty.seconds == 60


@pytest.mark.parametrize(
    ("timeout", "latency", "passed"),
    [
        pytest.param("500m", 1, 0.5, id="deadline-is-earlier"),
        pytest.param("1S", 1, 1, id="deadline-is-just-then"),
        pytest.param("70S", 80, 60, id="idle-timeout-is-earlier"),
    ],
)
@ways
def test_deadline_of_a_grpc_call(
    way: str, timeout: str, latency: float, passed: float
) -> None:
    """Whoever gives up first ends the wait: the client, or the network."""
    faulty = Faulty(Stub(), Fault("functions", latency=latency))

    with pytest.raises((ClientGoneError, CutError)) as caught:
        faulty.called(way, headers=(("grpc-timeout", timeout),))

    assert faulty.seconds == passed
    assert (caught.type is CutError) is (passed == 60)


@ways
def test_timeout_of_a_client_is_that_of_each_read(way: str) -> None:
    """A client that waits for more of an answer begins anew with each chunk."""
    patient = Faulty(Stub(Chunks([b"a", b"b"])), Fault("functions", chunk_delay=2))
    late = Faulty(Stub(Chunks([b"a", b"b"])), Fault("functions", chunk_delay=4))

    assert patient.called(way, patience=3)[1] == b"ab"
    with pytest.raises(ClientGoneError) as caught:
        late.called(way, patience=3)

    assert (patient.seconds, late.seconds) == (4, 3)
    assert str(caught.value) == (
        "no answer within the client's timeout of 3 seconds, "
        "as Fault('functions', chunk_delay=4) says"
    )


@ways
def test_deadline_is_that_of_the_whole_call(way: str) -> None:
    """Two waits that are both shorter than the deadline are longer together."""
    fault = Fault("functions", chunk_delay=2)
    faulty = Faulty(Stub(Chunks([b"a", b"b"])), fault)

    with pytest.raises(ClientGoneError) as caught:
        faulty.called(way, headers=(("grpc-timeout", "3S"),))

    assert faulty.seconds == 3
    assert str(caught.value) == (
        "the deadline of the call passed, as Fault('functions', chunk_delay=2) says"
    )


@ways
def test_function_times_out_after_its_timeout(way: str) -> None:
    """A function that times out takes as long as it may, and fails as others do."""
    faulty = Faulty(
        Stub(), Fault("functions", "timed out"), timeout_ms=1500, error_status=500
    )

    reply, body = faulty.called(way)

    assert (reply.response.status, body) == (500, b"Internal Server Error")
    assert reply.failure_reason == "TargetProtocolError"
    assert faulty.seconds == 1.5


@ways
def test_function_may_time_out_after_the_service(way: str) -> None:
    """The idle timeout of the service is the earlier one for a long function."""
    faulty = Faulty(Stub(), Fault("functions", "timed out"), timeout_ms=900_000)

    with pytest.raises(CutError):
        faulty.called(way)

    assert faulty.seconds == 60


@ways
@pytest.mark.parametrize(
    "fault",
    [Fault("functions", "refused"), Fault("functions", status=404, body="none")],
)
def test_head_has_no_body(way: str, fault: Fault) -> None:
    """HEAD gets the length of the body and not the body."""
    reply, body = Faulty(Stub(), fault).called(way, method="HEAD")

    assert body == b""
    assert ("content-length", "0") not in reply.response.headers


@ways
def test_empty_body_cannot_be_broken(way: str) -> None:
    """Where there is no body, nothing of it is late or lost."""
    faulty = Faulty(
        Stub(b""),
        Fault("functions", reset_after=0),
        Fault("functions", chunk_delay=5),
    )

    assert faulty.called(way)[1] == b""
    assert faulty.seconds == 0


@ways
def test_whole_body_is_one_chunk(way: str) -> None:
    """A body sent in one piece is late once; a reset at its end takes nothing."""
    faulty = Faulty(
        Stub(b"hello"),
        Fault("functions", chunk_delay=2),
        Fault("functions", reset_after=5),
    )

    assert faulty.called(way)[1] == b"hello"
    assert faulty.seconds == 2


def chunked(body: bytes, cuts: list[int]) -> list[bytes]:
    """Cut a body into chunks, some of which may be empty."""
    ends = [0, *sorted(each % (len(body) + 1) for each in cuts), len(body)]
    return [body[a:b] for a, b in pairwise(ends)]


@given(
    body=st.binary(min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=4),
    after=st.integers(0, 35),
    way=st.sampled_from(["blocking", "asyncio"]),
)
def test_reset_lets_just_so_many_bytes_through(
    body: bytes, cuts: list[int], after: int, way: str
) -> None:
    """However a body is cut into chunks, its first bytes come, and then the reset."""
    faulty = Faulty(
        Stub(Chunks(chunked(body, cuts))), Fault("functions", reset_after=after)
    )
    got: list[bytes] = []

    head = a_request()
    reply: Any = faulty._target.call(head, b"")  # noqa: SLF001  # its body is read here
    broken = False
    try:
        if way == "blocking":
            got.extend(reply.body)
        else:
            anyio.run(drain, reply.body, got)
    except TargetError:
        broken = True

    assert b"".join(got) == body[:after]
    assert broken is (len(body) > after)


async def drain(body: Any, got: list[bytes]) -> None:  # noqa: ANN401  # an async iterator
    """Read a body as far as it goes."""
    async for chunk in body:
        got.append(chunk)  # noqa: PERF401  # some come before an error


@ways
def test_earliest_reset_counts(way: str) -> None:
    """Of two resets the one that comes first is told."""
    faulty = Faulty(
        Stub(),
        Fault("functions", reset_after=4),
        Fault("functions", reset_after=2),
    )

    with pytest.raises(CutError) as caught:
        faulty.called(way)

    assert str(caught.value) == (
        "connection reset after 2 bytes of the body, "
        "as Fault('functions', reset_after=2) says"
    )
