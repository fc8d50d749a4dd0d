"""The path of one request: its own answers, targets, headers, sizes and times."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias
from weakref import ref

import pytest

from pytest_lattice import (
    AccessLogEntry,
    AsyncTargetReply,
    BlockingCallError,
    Clock,
    ConfigurationError,
    Exchange,
    FixedResponse,
    Forward,
    HeaderMatch,
    LatticeError,
    LatticeRequest,
    LatticeResponse,
    Listener,
    Rule,
    Service,
    Target,
    TargetError,
    TargetGroup,
    TargetReply,
    Unreachable,
)
from pytest_lattice.clients.base import AsyncReply, Reply
from pytest_lattice.dataplane import DataPlane
from pytest_lattice.draws import Deck
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.message import Headers, Source
from pytest_lattice.model.service_network import Vpc
from pytest_lattice.routing.state import compile_state
from tests.clients.stub_target import Answer, Stream, StubTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_lattice import AppTarget, TargetRequest
    from pytest_lattice.routing.state import State

    Body: TypeAlias = bytes | Iterable[bytes]

# One field of a request, as `dataclasses.replace` takes it.
_Change: TypeAlias = Any

PREFIX = "0a1b2c3d-0000-0000-0000-"
FIRST_ID = f"{PREFIX}000000000001"

SHOP = Service(
    "shop",
    listeners=[
        Listener(
            "HTTP",
            default=Forward("group"),
            rules=[
                Rule(1, path="/404", action=FixedResponse(404)),
                Rule(2, path="/500", action=FixedResponse(500)),
                Rule(3, path="/503", action=Forward("empty")),
                Rule(
                    4,
                    headers=[HeaderMatch("x-way", exact="weightless")],
                    action=Forward({"group": 0, "empty": 0}),
                ),
            ],
        ),
        Listener("HTTPS", default=Forward("group")),
        Listener("HTTPS", 8443, default=Forward("http2")),
    ],
)


class Plane(DataPlane):
    """A data plane in front of one stub target, blocking or async.

    It keeps what was recorded, and answers with a reply whose body was read whole.
    """

    def __init__(self, stub: StubTarget, *, blocking: bool) -> None:
        self.stub = stub
        self.blocking = blocking
        self.clock = Clock()
        self.recorded: list[Exchange] = []
        super().__init__(
            clock=self.clock,
            draw=Deck("seed"),
            id_prefix=PREFIX,
            app_of=lambda _group, _target: self.app(),
            record=self.recorded.append,
        )
        self.use(state_with(TargetGroup("group", targets=[Target("i-1", port=8080)])))

    def app(self) -> AppTarget:
        """Give what answers behind the target."""
        return self.stub

    def send(
        self, request: LatticeRequest, body: Body = b""
    ) -> tuple[Exchange | None, bytes]:
        """Answer a request and read the body, as a client would."""
        if self.blocking:
            reply = self.handle(request, body)
            return reply.exchange, whole(reply.body)
        return asyncio.run(self._asend(request, body))

    async def _asend(
        self, request: LatticeRequest, body: Body
    ) -> tuple[Exchange | None, bytes]:
        reply = await self.ahandle(
            request, body if isinstance(body, bytes) else each_of(body)
        )
        if isinstance(reply.body, bytes):
            return reply.exchange, reply.body
        return reply.exchange, b"".join([chunk async for chunk in reply.body])

    @property
    def last(self) -> Exchange:
        """The exchange that was recorded last."""
        return self.recorded[-1]

    @property
    def entry(self) -> AccessLogEntry:
        """The access-log entry of the last exchange."""
        entry = self.last.log_entry
        assert entry is not None
        return entry


def whole(body: Body) -> bytes:
    """Read a body."""
    return body if isinstance(body, bytes) else b"".join(body)


async def each_of(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Iterate asynchronously."""
    for chunk in body:
        yield chunk


def state_with(group: TargetGroup) -> State:
    """Compile the service with a target group; every target is healthy."""
    http2 = TargetGroup("http2", protocol_version="HTTP2", targets="echo")
    configuration = Configuration().with_resources(
        [SHOP, TargetGroup("empty"), http2, group]
    )
    return compile_state(configuration, lambda _group, _target: "HEALTHY")


def request_for(
    path: str = "/",
    *,
    method: str = "GET",
    scheme: str = "http",
    port: int = 80,
    headers: Headers = (),
    **changes: _Change,
) -> LatticeRequest:
    """Build a request to the service from the VPC `default`."""
    fields: dict[str, Any] = {
        "method": method,
        "scheme": scheme,
        "host": SHOP.dns_name,
        "server_name": SHOP.dns_name,
        "port": port,
        "path": path,
        "query": None,
        "headers": (("host", SHOP.dns_name), *headers),
        "http_version": "HTTP/1.1",
        "source": Source(Vpc("default").id, "10.0.7.9", 40000),
    }
    return LatticeRequest(**(fields | changes))


@pytest.fixture
def stub() -> StubTarget:
    """The target behind the service."""
    return StubTarget()


@pytest.fixture(params=[True, False], ids=["blocking", "async"])
def plane(request: pytest.FixtureRequest, stub: StubTarget) -> Plane:
    """A data plane through its blocking and through its async door."""
    return Plane(stub, blocking=request.param)


# --------------------------------------------------------------- the network's answers

OWN_ANSWERS: list[tuple[dict[str, Any], int, bytes]] = [
    ({"path": "/404"}, 404, b"Not Found"),
    ({"path": "/500"}, 500, b"Internal Server Error"),
    ({"path": "/503"}, 503, b"Service Unavailable"),
    ({"headers": (("x-way", "weightless"),)}, 503, b"Service Unavailable"),
    ({"headers": (("x-a", "1"),) * 100}, 400, b"Bad Request"),
    ({"headers": (("x-a", "1" * 61_440),)}, 400, b"Bad Request"),
    ({"scheme": "https", "port": 8443}, 502, b"Bad Gateway"),
    ({"host": "nobody.example.com"}, 404, b"Not Found"),
]


@pytest.mark.parametrize(("asked", "status", "body"), OWN_ANSWERS)
def test_own_answer_is_the_bare_reason_phrase(
    plane: Plane, asked: dict[str, Any], status: int, body: bytes
) -> None:
    """What the network answers by itself is plain text without a line break."""
    exchange, content = plane.send(request_for(**asked))

    assert content == body
    assert exchange is not None
    assert exchange.response == LatticeResponse(
        status,
        (
            ("content-type", "text/plain"),
            ("content-length", str(len(body))),
            ("x-amzn-requestid", FIRST_ID),
        ),
    )
    assert plane.stub.requests == []
    assert plane.recorded == [exchange]
    assert exchange.sent == len(body)


@pytest.mark.parametrize(("asked", "status", "body"), OWN_ANSWERS)
def test_own_answer_to_head_has_no_body(
    plane: Plane, asked: dict[str, Any], status: int, body: bytes
) -> None:
    """HEAD gets the headers of the answer, its length included, and no body."""
    exchange, content = plane.send(request_for(**asked, method="HEAD"))

    assert content == b""
    assert exchange is not None
    assert exchange.response.status == status
    assert ("content-length", str(len(body))) in exchange.response.headers
    assert exchange.sent == 0


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (request_for("/404"), "-"),
        (request_for("/500"), "-"),
        (request_for("/503"), "TargetConnectionError"),
        (request_for(headers=(("x-a", "1"),) * 100), "ClientProtocolError"),
        (request_for(scheme="https", port=8443), "TargetProtocolError"),
    ],
    ids=["404", "500", "503", "400", "502"],
)
def test_own_answer_is_logged_with_its_reason(
    plane: Plane, request_: LatticeRequest, reason: str
) -> None:
    """A fixed response is no failure; what else the network answers has a reason."""
    plane.send(request_)

    assert plane.entry.failure_reason == reason
    assert plane.entry.target_ip_port == "-"


@pytest.mark.parametrize("path", ["/404", "/503", "/"])
def test_request_body_counts_whoever_answers(plane: Plane, path: str) -> None:
    """The bytes of a request body were received, be it forwarded or not."""
    plane.send(request_for(path, method="POST"), b"12345")

    assert plane.last.received == 5


@pytest.mark.parametrize(
    "request_",
    [
        request_for(source=Source("vpc-0123456789abcdef0", "10.0.0.9", 1)),
        request_for(port=81),
        request_for(scheme="https", port=443, server_name="nobody.example.com"),
    ],
    ids=["connect timeout", "connection refused", "connection reset"],
)
def test_no_answer_is_no_exchange(
    plane: Plane, request_: LatticeRequest, request: pytest.FixtureRequest
) -> None:
    """Where no connection came about there is nothing to record."""
    exchange, content = plane.send(request_)

    assert exchange is None
    assert content == b""
    assert plane.recorded == []


def test_no_answer_has_its_decision(plane: Plane) -> None:
    """The client gets the decision, from which it makes its transport error."""
    reply = plane.handle(request_for(port=81), b"")

    assert isinstance(reply.decision.outcome, Unreachable)
    assert reply.decision.outcome.error == "connection refused"


def test_closed_plane_answers_nothing(plane: Plane) -> None:
    """Without a state there is no answer."""
    plane.use(None)

    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        plane.send(request_for())


def test_short_name_is_expanded(plane: Plane) -> None:
    """A client learns from the data plane what a short name stands for."""
    assert plane.full_name("shop") == SHOP.dns_name

    plane.use(None)

    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        plane.full_name("shop")


# -------------------------------------------------------------------- toward the target


def test_target_gets_the_headers_that_aws_adds(plane: Plane) -> None:
    """A target sees who called, through what, and under which request id."""
    plane.send(request_for("/a", headers=(("x-own", "1"), ("x-own", "2"))))

    [request] = plane.stub.requests
    arn = "arn:aws:vpc-lattice:us-west-2:123456789012"
    ways = (
        f"ServiceArn={SHOP.arn}",
        f"ServiceNetworkArn={arn}:servicenetwork/sn-4533923357883ebe9",
        f"TargetGroupArn={arn}:targetgroup/tg-b7e3710fc5ccd026b",
    )
    assert request.headers == (
        ("host", SHOP.dns_name),
        ("x-own", "1"),
        ("x-own", "2"),
        ("x-forwarded-for", "10.0.7.9"),
        ("x-forwarded-port", "80"),
        ("x-forwarded-proto", "http"),
        (
            "x-amzn-lattice-network",
            f"SourceVpcArn=arn:aws:ec2:us-west-2:123456789012:vpc/{Vpc('default').id}",
        ),
        ("x-amzn-lattice-target", "; ".join(ways)),
        ("x-amzn-source-vpc", Vpc("default").id),
        ("x-amzn-requestid", FIRST_ID),
    )


def test_target_learns_how_the_listener_was_reached(plane: Plane) -> None:
    """Behind HTTPS the forwarded protocol and port are those of the listener."""
    plane.send(request_for(scheme="https", port=443))

    headers = dict(plane.stub.requests[0].headers)
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == "443"


FORGED = (
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-amzn-lattice-identity",
    "x-amzn-lattice-identity-tags",
    "x-amzn-lattice-network",
    "x-amzn-lattice-target",
    "x-amzn-source-vpc",
)


@pytest.mark.parametrize("name", FORGED)
def test_forged_header_is_replaced(plane: Plane, name: str) -> None:
    """What Lattice says of a caller cannot be said by the caller."""
    plane.send(request_for(headers=((name, "forged"), (name, "twice"))))

    values = [value for each, value in plane.stub.requests[0].headers if each == name]
    assert len(values) == (0 if "identity" in name else 1)
    assert not {"forged", "twice"}.intersection(values)


@pytest.mark.parametrize("name", ["x-forwarded-host", "forwarded", "authorization"])
def test_other_headers_pass(plane: Plane, name: str) -> None:
    """Headers that Lattice has nothing to say about reach the target as sent."""
    plane.send(request_for(headers=((name, "own"),)))

    assert (name, "own") in plane.stub.requests[0].headers


def test_target_learns_its_route(plane: Plane) -> None:
    """Beside headers a target knows its own id, its group and the time."""
    plane.clock.advance(2)

    plane.send(request_for("/a"))

    [request] = plane.stub.requests
    assert request.request.path == "/a"
    assert request.time_epoch == plane.clock.microseconds
    assert request.route.service_arn == SHOP.arn
    assert request.route.region == "us-west-2"
    assert request.route.target.id == "i-1"
    assert request.route.target.port == 8080
    assert request.route.target_group.name == "group"
    assert request.route.address == plane.entry.target_ip_port.partition(":")[0]


def test_route_follows_the_state(plane: Plane) -> None:
    """After a change of the configuration, targets hear of the new one."""
    plane.send(request_for())
    plane.use(state_with(TargetGroup("group", targets=[Target("i-2", port=9090)])))
    plane.send(request_for())

    assert [each.route.target.id for each in plane.stub.requests] == ["i-1", "i-2"]


# ------------------------------------------------------------------------- request ids


def test_request_ids_count_up(plane: Plane) -> None:
    """Each request has an id of its own, the same for client, target and log."""
    for _ in range(2):
        plane.send(request_for())

    ids = [FIRST_ID, f"{PREFIX}000000000002"]
    assert [each.request_id for each in plane.stub.requests] == ids
    assert [each.request_id for each in plane.recorded] == ids
    heads = [dict(each.response.headers) for each in plane.recorded]
    assert [head["x-amzn-requestid"] for head in heads] == ids
    assert plane.entry.request_id == ids[1]


@pytest.mark.parametrize("path", ["/", "/404"])
def test_request_id_of_the_client_wins(plane: Plane, path: str) -> None:
    """A client's own request id need not be a UUID, and is echoed."""
    exchange, _ = plane.send(
        request_for(path, headers=(("x-amzn-requestid", "my own id"),))
    )

    assert exchange is not None
    assert dict(exchange.response.headers)["x-amzn-requestid"] == "my own id"
    assert exchange.request_id == "my own id"
    for request in plane.stub.requests:
        assert [v for n, v in request.headers if n == "x-amzn-requestid"] == [
            "my own id"
        ]


@pytest.mark.parametrize(("size", "kept"), [(511, 511), (512, 512), (513, 512)])
def test_request_id_is_cut_at_512_bytes(plane: Plane, size: int, kept: int) -> None:
    """AWS keeps 512 bytes of a request id."""
    plane.send(request_for(headers=(("x-amzn-requestid", "é" * size),)))

    assert plane.last.request_id == "é" * kept


def test_empty_request_id_is_none(plane: Plane) -> None:
    """An empty request id is replaced by a new one."""
    plane.send(request_for(headers=(("x-amzn-requestid", ""),)))

    assert plane.last.request_id == FIRST_ID


def test_first_of_several_request_ids_counts(plane: Plane) -> None:
    """Of several ids of a client the first one with a text is taken."""
    headers = (
        ("x-amzn-requestid", ""),
        ("x-amzn-requestid", "b"),
        ("x-amzn-requestid", "c"),
    )

    plane.send(request_for(headers=headers))

    assert plane.last.request_id == "b"


def test_request_id_of_the_target_is_replaced(plane: Plane) -> None:
    """A client sees Lattice's request id, not one that a target sends."""
    plane.stub.answer = Answer(headers=(("X-Amzn-RequestId", "theirs"), ("X-Own", "1")))

    exchange, _ = plane.send(request_for())

    assert exchange is not None
    assert exchange.response.headers == (("X-Own", "1"), ("x-amzn-requestid", FIRST_ID))


# -------------------------------------------------------------------- toward the client


def test_answer_of_the_target_passes_as_it_is(plane: Plane) -> None:
    """Status, headers with repeats and case, and body are the target's."""
    headers = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Mixed-Case", "é"))
    plane.stub.answer = Answer(b"teapot", 418, headers)

    exchange, content = plane.send(request_for())

    assert content == b"teapot"
    assert exchange is not None
    assert exchange.response.status == 418
    assert exchange.response.headers == (*headers, ("x-amzn-requestid", FIRST_ID))
    assert exchange.failure_reason is None


def test_body_reaches_the_target_whole(plane: Plane) -> None:
    """A body that is at hand is handed on as it is."""
    plane.send(request_for(method="POST"), b"\x00\xff")

    assert plane.stub.bodies == [b"\x00\xff"]
    assert plane.last.received == 2


def test_body_reaches_the_target_in_chunks(plane: Plane) -> None:
    """A streamed body is counted while the target reads it."""
    plane.send(request_for(method="POST"), iter([b"one", b"", b"two"]))

    assert plane.stub.bodies == [b"onetwo"]
    assert plane.last.received == 6


def failing_body() -> Iterator[bytes]:
    """Yield three bytes, then fail."""
    yield b"one"
    raise LookupError("no more")


def test_body_that_raises_is_the_clients_failure(plane: Plane) -> None:
    """An error of the request's own body is not blamed on the target."""
    with pytest.raises(LookupError, match="no more"):
        plane.send(request_for(method="POST"), failing_body())

    assert plane.last.response == LatticeResponse(400, ())
    assert plane.last.detail == "the body of the request raised LookupError: no more"
    assert plane.last.received == 3
    assert plane.entry.failure_reason == "ClientConnectionClosed"


def test_body_that_raises_during_the_answer_is_the_clients_failure() -> None:
    """The same holds where the answer had begun before."""
    plane = Plane(EagerTarget(), blocking=True)
    with pytest.raises(LookupError, match="no more"):
        plane.send(request_for(method="POST"), failing_body())

    assert plane.entry.response_code == 200
    assert plane.entry.failure_reason == "ClientConnectionClosed"


class EagerTarget(StubTarget):
    """Answers with the request's body while it reads it."""

    def call(self, _request: TargetRequest, body: Body) -> TargetReply:
        """Stream the body back."""
        assert not isinstance(body, bytes)
        return TargetReply(LatticeResponse(200, ()), iter(body))


def test_streamed_answer_is_recorded_at_its_end(plane: Plane) -> None:
    """Sizes of a streamed answer are known when its last byte is through."""
    plane.stub.answer = Answer((b"one", b"", b"three"))

    exchange, content = plane.send(request_for())

    assert content == b"onethree"
    assert exchange is not None
    assert exchange.sent == 0
    assert len(plane.recorded) == 1
    assert plane.last.sent == 8
    assert plane.last.response == exchange.response


def test_streamed_answer_is_not_recorded_before(stub: StubTarget) -> None:
    """While a client still reads, the history does not know the request."""
    plane = Plane(stub, blocking=True)
    stub.answer = Answer((b"one", b"two"))
    body = iter(plane.handle(request_for(), b"").body)

    next(body)

    assert plane.recorded == []


@pytest.mark.parametrize("read", [0, 1, 2])
def test_answer_that_the_client_leaves_is_logged_so(
    stub: StubTarget, read: int
) -> None:
    """A client that closes early is logged, with the bytes that it got."""
    plane = Plane(stub, blocking=True)
    stub.answer = Answer((b"one", b"two", b"three"))
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)
    for _ in range(read):
        next(body)

    close(body)
    close(body)

    assert stub.streams[0].closed
    assert len(plane.recorded) == 1
    assert plane.entry.failure_reason == "ClientConnectionClosed"
    assert plane.entry.response_code == 200
    assert plane.last.sent == 3 * read


@pytest.mark.parametrize("read", [0, 1, 2])
def test_answer_that_an_async_client_leaves_is_logged_so(
    stub: StubTarget, read: int
) -> None:
    """An async client that closes early is logged the same way."""
    plane = Plane(stub, blocking=False)
    stub.answer = Answer((b"one", b"two", b"three"))

    async def leave() -> None:
        body = (await plane.ahandle(request_for(), b"")).body
        assert not isinstance(body, bytes)
        for _ in range(read):
            await anext(body)
        await aclose(body)
        await aclose(body)

    asyncio.run(leave())

    assert stub.streams[0].closed
    assert len(plane.recorded) == 1
    assert plane.entry.failure_reason == "ClientConnectionClosed"
    assert plane.last.sent == 3 * read


def test_answer_that_nobody_closes_is_recorded_at_the_end(stub: StubTarget) -> None:
    """A dropped response is recorded when the plane closes, in every run alike.

    What the target still streams is dropped with it and does not wait so long.
    """
    plane = Plane(stub, blocking=True)
    stub.answer = Answer((b"one", b"two"))
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)
    next(body)
    stream = ref(stub.streams.pop())
    del body
    gc.collect()
    assert stream() is None
    assert plane.recorded == []

    plane.close()
    plane.close()

    assert [each.sent for each in plane.recorded] == [3]
    assert plane.entry.failure_reason == "ClientConnectionClosed"


def test_plane_closes_though_a_record_fails(stub: StubTarget) -> None:
    """An error while what is left is recorded does not keep the plane open."""
    plane = Plane(stub, blocking=True)
    stub.answer = Answer((b"one",))
    body = plane.handle(request_for(), b"").body
    plane._record = lambda _: 1 / 0  # type: ignore[assignment]  # noqa: SLF001  # as a hook may

    with pytest.raises(ZeroDivisionError):
        plane.close()

    assert plane.state is None
    assert list(body) == [b"one"]


def close(body: Iterator[bytes]) -> None:
    """Close a body, as clients do."""
    body.close()  # type: ignore[attr-defined]  # iterators may have it, types do not say


async def aclose(body: AsyncIterator[bytes]) -> None:
    """Close an async body, as clients do."""
    await body.aclose()  # type: ignore[attr-defined]  # as in `close`


def test_answer_read_to_its_end_and_closed_is_complete(stub: StubTarget) -> None:
    """Closing after the last byte is no early close."""
    plane = Plane(stub, blocking=True)
    stub.answer = Answer((b"one",))
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)

    assert list(body) == [b"one"]
    close(body)

    assert [each.failure_reason for each in plane.recorded] == [None]


class Bare(Iterator[bytes], AsyncIterator[bytes]):
    """A body that cannot be closed, as iterators need not be."""

    def __next__(self) -> bytes:
        return b"one"

    async def __anext__(self) -> bytes:
        return b"one"


def test_body_of_a_target_need_not_be_closable() -> None:
    """Any iterator will do as a streamed body, also when the client leaves early."""

    class BareTarget(StubTarget):
        def call(self, *_: object) -> TargetReply:
            return TargetReply(LatticeResponse(200, ()), Bare())

        async def acall(self, *_: object) -> AsyncTargetReply:
            return AsyncTargetReply(LatticeResponse(200, ()), Bare())

    plane = Plane(BareTarget(), blocking=True)
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)
    assert next(body) == b"one"
    close(body)

    async def leave() -> None:
        body = (await plane.ahandle(request_for(), b"")).body
        assert not isinstance(body, bytes)
        assert await anext(body) == b"one"
        await aclose(body)

    asyncio.run(leave())

    assert [each.failure_reason for each in plane.recorded] == [
        "ClientConnectionClosed",
        "ClientConnectionClosed",
    ]


class Stuck(Stream):
    """A body that cannot be closed."""

    def close(self) -> None:
        """Fail."""
        raise OSError("cannot close")


def test_answer_is_recorded_though_closing_it_fails() -> None:
    """An error of the target while its answer is closed does not lose the exchange."""

    class StuckTarget(StubTarget):
        def call(self, *_: object) -> TargetReply:
            return TargetReply(LatticeResponse(200, ()), Stuck((b"one",)))

    plane = Plane(StuckTarget(), blocking=True)
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)

    with pytest.raises(OSError, match="cannot close"):
        close(body)

    assert plane.entry.failure_reason == "ClientConnectionClosed"


# ------------------------------------------------------------------ targets that fail


def test_exception_of_a_target_is_raised_and_recorded(plane: Plane) -> None:
    """A target's exception goes through; the log has the 500 of its server."""
    boom = ValueError("no such cart")

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        raise boom

    plane.stub.answer = answer
    with pytest.raises(ValueError, match="no such cart") as caught:
        plane.send(request_for(method="POST"), b"12345")

    assert caught.value is boom
    assert plane.last.response == LatticeResponse(500, ())
    assert plane.last.received == 5
    assert plane.last.sent == 0
    assert plane.last.detail == "the target raised ValueError: no such cart"
    assert plane.last.explain().endswith(
        "  => 500: the target raised ValueError: no such cart"
    )
    assert plane.entry.failure_reason == "-"


@pytest.mark.parametrize(
    "error", [ConfigurationError("no app"), BlockingCallError("the loop runs")]
)
def test_target_that_was_not_asked_is_not_recorded(
    plane: Plane, error: Exception
) -> None:
    """A mistake of the test is no answer of the target."""

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        raise error

    plane.stub.answer = answer
    with pytest.raises(type(error)):
        plane.send(request_for())

    assert plane.recorded == []


class Interrupted(BaseException):
    """Like `KeyboardInterrupt` and the cancellations of asyncio and trio."""


def test_request_that_is_broken_off_is_logged_as_the_clients(plane: Plane) -> None:
    """A request that is cancelled while the target works was left by its client."""

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        raise Interrupted

    plane.stub.answer = answer
    with pytest.raises(Interrupted):
        plane.send(request_for())

    assert plane.entry.response_code == 400
    assert plane.entry.failure_reason == "ClientConnectionClosed"
    assert plane.last.detail == "the request was broken off by Interrupted"


def test_cancelled_request_is_logged(stub: StubTarget) -> None:
    """A task that is cancelled while a target works leaves an entry."""
    plane = Plane(stub, blocking=False)

    class Slow(StubTarget):
        async def acall(self, *_: object) -> NoReturn:
            await asyncio.Event().wait()
            raise AssertionError

    plane.stub = Slow()

    async def cancel() -> None:
        task = asyncio.create_task(plane.ahandle(request_for(), b""))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert plane.entry.failure_reason == "ClientConnectionClosed"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("late"), "TargetConnectionClosed"),
        (TargetError("broke off"), "TargetConnectionClosed"),
        (Interrupted(), "ClientConnectionClosed"),
    ],
    ids=["app", "protocol", "cancelled"],
)
def test_stream_that_breaks_is_logged_once(
    plane: Plane, error: BaseException, reason: str
) -> None:
    """Who broke a stream off stands in the log, with the bytes that came through."""
    plane.stub.answer = Answer((b"one", error))

    with pytest.raises(type(error)) as caught:
        plane.send(request_for())

    assert caught.value is error
    assert len(plane.recorded) == 1
    assert plane.entry.failure_reason == reason
    assert plane.entry.response_code == 200
    assert plane.last.sent == 3


def test_failure_that_the_target_reports_is_logged(plane: Plane) -> None:
    """An answer that was made because of the target says why."""
    plane.stub.answer = Answer(
        b"Bad Gateway",
        502,
        failure_reason="TargetProtocolError",
        detail="the answer has no statusCode",
    )

    exchange, _ = plane.send(request_for())

    assert plane.entry.failure_reason == "TargetProtocolError"
    assert exchange is not None
    assert exchange.explain().endswith(
        "  => 502 TargetProtocolError: the answer has no statusCode"
    )


# --------------------------------------------------------------------- sizes and times


def head_size(headers: Headers) -> int:
    """Count the bytes of header lines."""
    return sum(len(f"{name}: {value}\r\n".encode("latin-1")) for name, value in headers)


def test_sizes_count_heads_and_bodies(plane: Plane) -> None:
    """Logged sizes are those of an HTTP/1.1 message, head and body."""
    request = request_for("/path", method="POST", headers=(("content-length", "5"),))
    plane.stub.answer = Answer(b"hello!", headers=(("content-length", "6"),))

    exchange, _ = plane.send(request, b"12345")

    assert exchange is not None
    sent = len("HTTP/1.1 200 \r\n\r\n") + head_size(exchange.response.headers) + 6
    received = len("POST /path HTTP/1.1\r\n\r\n") + head_size(request.headers) + 5
    assert plane.entry.bytes_received == received
    assert plane.entry.bytes_sent == sent


def test_time_stands_still(plane: Plane) -> None:
    """Where no test advances the clock, everything takes no time."""
    plane.clock.advance(1.5)

    plane.send(request_for())

    assert plane.entry.start_time == "2026-01-01T00:00:01Z"
    assert plane.entry.duration == 0
    assert plane.entry.request_to_target_duration == 0
    assert plane.entry.response_from_target_duration == 0


def test_time_in_a_handler_is_the_duration(plane: Plane) -> None:
    """What the target spends thinking is in the duration and in none of its parts."""

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        plane.clock.advance(1.2345)
        return Answer()

    plane.stub.answer = answer
    plane.send(request_for())

    assert plane.entry.start_time == "2026-01-01T00:00:00Z"
    assert plane.entry.duration == 1234
    assert plane.entry.request_to_target_duration == 0
    assert plane.entry.response_from_target_duration == 0


def test_time_in_a_handler_that_raises_counts(plane: Plane) -> None:
    """A target that raises took its time as well."""

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        plane.clock.advance(2)
        raise ValueError

    plane.stub.answer = answer
    with pytest.raises(ValueError, match=r"^$"):
        plane.send(request_for())

    assert plane.entry.duration == 2000


def test_time_of_a_streamed_request_is_the_way_to_the_target(plane: Plane) -> None:
    """A request's last byte reaches the target when the client has sent it."""

    def body() -> Iterator[bytes]:
        yield b"one"
        plane.clock.advance(3)
        yield b"two"

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        plane.clock.advance(0.5)
        return Answer()

    plane.stub.answer = answer
    plane.send(request_for(method="POST"), body())

    assert plane.entry.request_to_target_duration == 3000
    assert plane.entry.response_from_target_duration == 0
    assert plane.entry.duration == 3500


def test_time_of_a_streamed_answer_is_the_way_from_the_target(stub: StubTarget) -> None:
    """An answer takes from its first to its last byte, thinking not included."""
    plane = Plane(stub, blocking=True)

    def answer(_request: TargetRequest, _body: bytes) -> Answer:
        plane.clock.advance(1)
        return Answer((b"one", b"two"))

    stub.answer = answer
    body = plane.handle(request_for(), b"").body
    assert not isinstance(body, bytes)
    next(body)
    plane.clock.advance(2)
    list(body)

    assert plane.entry.request_to_target_duration == 0
    assert plane.entry.response_from_target_duration == 2000
    assert plane.entry.duration == 3000


# ------------------------------------------------------------------------------ threads


def test_threads_do_not_disturb_each_other(stub: StubTarget) -> None:
    """Requests of many threads differ in their ids, take turns and are all counted."""
    plane = Plane(stub, blocking=True)
    targets = [Target(f"i-{n}") for n in range(4)]
    plane.use(state_with(TargetGroup("group", targets=targets)))
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: plane.send(request_for()), range(1000)))
    finally:
        sys.setswitchinterval(interval)

    turns = [each.route.target.id for each in stub.requests]
    assert len({each.request_id for each in plane.recorded}) == 1000
    assert len(plane.recorded) == 1000
    assert {name: turns.count(name) for name in set(turns)} == dict.fromkeys(
        (each.id for each in targets), 250
    )


def test_target_that_cannot_be_made_is_not_recorded(plane: Plane) -> None:
    """What goes wrong before a target is asked is no exchange."""

    class Unbound(Plane):
        def app(self) -> AppTarget:
            raise ConfigurationError("has no app")

    unbound = Unbound(plane.stub, blocking=plane.blocking)

    with pytest.raises(ConfigurationError, match=r"^has no app$"):
        unbound.send(request_for())

    assert unbound.recorded == []


@pytest.mark.parametrize("kind", [Reply, AsyncReply])
def test_both_doors_reply_alike(
    stub: StubTarget, kind: type[Reply | AsyncReply]
) -> None:
    """Blocking and async replies carry the same three things."""
    plane = Plane(stub, blocking=kind is Reply)
    reply: Callable[[], Reply | AsyncReply] = (
        (lambda: plane.handle(request_for(), b""))
        if kind is Reply
        else (lambda: asyncio.run(plane.ahandle(request_for(), b"")))
    )

    said = reply()

    assert type(said) is kind
    assert said.exchange is plane.last
    assert said.decision is plane.last.decision
    assert said.body == b"hello"
