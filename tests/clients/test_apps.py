"""Real apps behind real clients: Flask, Starlette and Lambda handlers."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import anyio
import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Route

from pytest_lattice import (
    BlockingCallError,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.requests import Request

    from tests.clients.conftest import Door, Library


def flask_app() -> flask.Flask:
    """Write the app as a Flask app."""
    app = flask.Flask(__name__)
    # Otherwise Flask answers exceptions by itself, and nobody hears of them.
    app.testing = True

    @app.route("/seen/<path:rest>", methods=["GET", "POST", "HEAD"])
    def seen(rest: str) -> dict[str, Any]:
        request = flask.request
        return {
            "method": request.method,
            "path": rest,
            "query": request.args.getlist("q"),
            "body": request.get_data(as_text=True),
            "header": request.headers.get("x-own"),
            "forwarded": request.headers.get("x-forwarded-for"),
            "host": request.host,
        }

    @app.get("/cookies")
    def cookies() -> flask.Response:
        response = flask.Response("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    @app.get("/stream")
    def stream() -> flask.Response:
        return flask.Response(iter(["one", "two", "three"]))

    @app.get("/boom")
    def boom() -> str:
        raise ValueError("boom")

    @app.get("/late")
    def late() -> flask.Response:
        return flask.Response(broken())

    return app


def broken() -> Iterator[str]:
    """Begin a body and break off."""
    yield "one"
    raise ValueError("late")


async def abroken() -> AsyncIterator[str]:
    """Begin a body and break off."""
    for each in broken():
        yield each


async def numbers() -> AsyncIterator[str]:
    """Write a body in three chunks."""
    for each in ("one", "two", "three"):
        yield each


def starlette_app() -> Starlette:
    """Write the same app as a Starlette app, with a lifespan."""

    async def seen(request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "method": request.method,
                "path": request.path_params["rest"],
                "query": request.query_params.getlist("q"),
                "body": (await request.body()).decode(),
                "header": request.headers.get("x-own"),
                "forwarded": request.headers.get("x-forwarded-for"),
                "host": request.headers.get("host"),
                "alive": request.state.alive,
            }
        )

    async def cookies(_request: Request) -> PlainTextResponse:
        response = PlainTextResponse("cookies")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(numbers())

    async def boom(_request: Request) -> PlainTextResponse:
        raise ValueError("boom")

    async def late(_request: Request) -> StreamingResponse:
        return StreamingResponse(abroken())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, bool]]:
        yield {"alive": True}

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/seen/{rest:path}", seen, methods=["GET", "POST"]),
            Route("/cookies", cookies),
            Route("/stream", stream),
            Route("/boom", boom),
            Route("/late", late),
        ],
    )


@pytest.fixture(params=[flask_app, starlette_app], ids=["flask", "starlette"])
def app(request: pytest.FixtureRequest) -> object:
    """The app in both frameworks."""
    make: Callable[[], object] = request.param
    return make()


@pytest.fixture(params=[True, False], ids=["raising", "answering"])
def raises(request: pytest.FixtureRequest) -> bool:
    """Whether exceptions of apps reach the test."""
    return bool(request.param)


def serve(network: LatticeNetwork, app: object) -> LatticeNetwork:
    """Put an app behind the service `shop`."""
    network.add(
        TargetGroup("apps", targets=[app]),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("apps"))]),
    )
    return network


@pytest.fixture
def shop(network: LatticeNetwork, app: object) -> LatticeNetwork:
    """The service `shop` in front of the app."""
    return serve(network, app)


@pytest.fixture
def service_host(shop: LatticeNetwork) -> str:
    """The generated DNS name."""
    return shop.service("shop").dns_name


def test_app_sees_the_request(
    door: Door, shop: LatticeNetwork, service_host: str
) -> None:
    """Method, path, query, headers and body reach an app as a client sent them."""
    [response] = door(
        shop,
        lambda client: client.post(
            "/seen/a%20b?q=1&q=%C3%BC", content="bödy", headers={"X-Own": "own"}
        ),
        address="10.0.0.9",
    )

    assert response.json() | {"alive": True} == {
        "method": "POST",
        "path": "a b",
        "query": ["1", "ü"],
        "body": "bödy",
        "header": "own",
        "forwarded": "10.0.0.9",
        "host": service_host,
        "alive": True,
    }


def test_cookies_of_an_app_come_through(door: Door, shop: LatticeNetwork) -> None:
    """A header that repeats arrives as often as it was sent."""
    response = door.get(shop, "/cookies")

    assert len(response.headers.get_list("set-cookie")) == 2
    assert dict(response.cookies) == {"a": "1", "b": "2"}


def test_head_of_an_app_has_no_body(door: Door, shop: LatticeNetwork) -> None:
    """An app answers HEAD as it answers GET, and the client gets no body."""
    [head, get] = door(
        shop,
        lambda client: client.head("/seen/x"),
        lambda client: client.get("/seen/x"),
    )

    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert shop.exchanges[0].sent == 0


def test_stream_of_an_app_is_logged_with_its_size(
    door: Door, shop: LatticeNetwork
) -> None:
    """A streamed answer is complete in the log when the client has read it."""
    response = door.get(shop, "/stream")

    assert response.text == "onetwothree"
    assert shop.exchanges[0].sent == 11
    assert shop.access_log.one().failure_reason == "-"


def test_upload_in_chunks_reaches_an_app(door: Door, shop: LatticeNetwork) -> None:
    """An app reads a streamed request body."""

    def chunks() -> Iterator[bytes]:
        yield b"one"
        yield b"two"

    async def achunks() -> AsyncIterator[bytes]:
        for each in chunks():
            yield each

    [response] = door(
        shop,
        lambda client: client.post(
            "/seen/x", content=achunks() if door.backend else chunks()
        ),
    )

    assert response.json()["body"] == "onetwo"
    assert shop.exchanges[0].received == 6


def test_app_that_raises(door: Door, app: object, *, raises: bool) -> None:
    """An exception of an app is raised in the test, or answered as a server would."""
    with LatticeNetwork(raise_target_exceptions=raises) as network:
        serve(network, app)
        if raises:
            with pytest.raises(ValueError, match="boom") as caught:
                door.get(network, "/boom")
            assert "of target group `apps`" in caught.value.__notes__[0]
        else:
            assert door.get(network, "/boom").status_code == 500

        [entry] = network.access_log
        assert entry.response_code == 500
        assert entry.failure_reason == "-"


def test_app_that_breaks_off(door: Door, app: object, *, raises: bool) -> None:
    """An app that raises while it streams is, as a server, a broken connection."""
    with LatticeNetwork(raise_target_exceptions=raises) as network:
        serve(network, app)
        # Older versions of Starlette stream inside a task group.
        own = (ValueError, ExceptionGroup)
        with pytest.raises(own if raises else door.library.RemoteProtocolError):
            door.get(network, "/late")

        [entry] = network.access_log
        assert entry.response_code == 200
        assert entry.failure_reason == "TargetConnectionClosed"
        assert network.exchanges[0].sent == 3


def test_client_that_leaves_early(shop: LatticeNetwork, library: Library) -> None:
    """A client that closes a stream of an app is logged as having left."""
    with (
        shop.client("shop", library=library) as client,
        client.stream("GET", "/stream") as response,
    ):
        assert next(response.iter_raw()) == b"one"

    assert shop.access_log.one().failure_reason == "ClientConnectionClosed"
    assert shop.exchanges[0].sent == 3


def test_async_client_that_leaves_early(
    shop: LatticeNetwork, library: Library, backend: str
) -> None:
    """An async client that does not read a stream is logged as having left."""

    async def main() -> None:
        async with (
            shop.async_client("shop", library=library) as client,
            client.stream("GET", "/stream"),
        ):
            pass

    anyio.run(main, backend=backend)

    assert shop.access_log.one().failure_reason == "ClientConnectionClosed"
    assert shop.exchanges[0].sent == 0


def test_many_tasks_ask_one_app(
    shop: LatticeNetwork, library: Library, backend: str
) -> None:
    """Two hundred requests at once get their own answers."""
    answers: dict[int, str] = {}

    async def main() -> None:
        async with (
            shop.async_client("shop", library=library) as client,
            anyio.create_task_group() as tasks,
        ):

            async def one(n: int) -> None:
                answers[n] = (await client.get(f"/seen/{n}")).json()["path"]

            for n in range(200):
                tasks.start_soon(one, n)

    anyio.run(main, backend=backend)

    assert answers == {n: str(n) for n in range(200)}
    assert len(shop.access_log.where(response_code=200)) == 200


def test_many_threads_ask_one_app(shop: LatticeNetwork, library: Library) -> None:
    """Threads that share a client get their own answers, whatever loop the app has."""
    with shop.client("shop", library=library) as client, ThreadPoolExecutor(8) as pool:
        paths = pool.map(lambda n: client.get(f"/seen/{n}").json()["path"], range(200))
        assert list(paths) == [str(n) for n in range(200)]

    assert len(shop.access_log.where(response_code=200)) == 200


def test_app_calls_another_service(door: Door, network: LatticeNetwork) -> None:
    """An async app may await the answer of another service, on whichever loop."""

    async def outer(_request: Request) -> PlainTextResponse:
        async with network.async_client("shop") as client:
            inner = await client.get("/seen/inner")
        return PlainTextResponse(f"outer+{inner.json()['path']}")

    serve(network, starlette_app())
    network.add(
        TargetGroup("outer", targets=[Starlette(routes=[Route("/", outer)])]),
        Service("outer", listeners=[Listener("HTTPS", default=Forward("outer"))]),
    )

    assert door.get(network, service="outer").text == "outer+inner"
    assert [each.request.path for each in network.exchanges] == ["/seen/inner", "/"]


def test_blocking_call_on_the_apps_loop_is_refused(network: LatticeNetwork) -> None:
    """A blocking client on the loop that would have to answer says so at once."""
    serve(network, starlette_app())

    async def main() -> None:
        async with network.async_client("shop") as client:
            assert (await client.get("/seen/x")).status_code == 200
        with pytest.raises(BlockingCallError):
            network.client("shop").get("/seen/x")

    asyncio.run(main())

    assert len(network.exchanges) == 1


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_handler_answers(
    door: Door, network: LatticeNetwork, version: Literal["V1", "V2"]
) -> None:
    """A Lambda handler gets the event that its group asks for."""
    events: list[dict[str, Any]] = []

    def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
        events.append(event)
        return {
            "statusCode": 201,
            "headers": {"content-type": "application/json"},
            "body": json.dumps({"hello": "world"}),
        }

    network.add(
        TargetGroup(
            "functions",
            type="LAMBDA",
            lambda_event_structure_version=version,
            targets=[handler],
        ),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("functions"))]),
    )

    response = door.get(network, "/cart?q=1")

    assert response.status_code == 201
    assert response.json() == {"hello": "world"}
    assert events[0].get("version") == ("2.0" if version == "V2" else None)
    [entry] = network.access_log
    assert entry.target_ip_port == "-"
    assert entry.destination_vpc_id == "-"


def test_handler_that_answers_wrongly_is_a_502(
    door: Door, network: LatticeNetwork
) -> None:
    """What Lambda would not accept is a bad gateway, and the reason is kept."""
    network.add(
        TargetGroup("functions", type="LAMBDA", targets=[lambda event, context: 42]),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("functions"))]),
    )

    response = door.get(network)

    assert response.status_code == 502
    assert response.text == "Bad Gateway"
    assert network.access_log.one().failure_reason == "TargetProtocolError"
    assert network.exchanges[0].detail


def test_handler_that_takes_its_time(door: Door, network: LatticeNetwork) -> None:
    """A handler may advance the clock, and the log says how long it took."""

    def handler(event: object, context: object) -> dict[str, Any]:
        network.clock.advance(1.5)
        return {"statusCode": 200}

    network.add(
        TargetGroup("functions", type="LAMBDA", targets=[handler]),
        Service("shop", listeners=[Listener("HTTPS", default=Forward("functions"))]),
    )

    door.get(network)

    assert network.access_log.one().duration == 1500
