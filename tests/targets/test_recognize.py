"""What kind of target an object is, told by its signature alone."""

import functools
import sys
import types
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any
from unittest.mock import AsyncMock, Mock

import flask
import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.asgi import AsgiTarget
from pytest_lattice.targets.base import AppTarget
from pytest_lattice.targets.echo import EchoTarget
from pytest_lattice.targets.function import FunctionTarget
from pytest_lattice.targets.loop import AppLoop
from pytest_lattice.targets.recognize import make_target, name_of, recognize
from pytest_lattice.targets.url import UrlTarget
from pytest_lattice.targets.wsgi import WsgiTarget
from tests.targets.test_lambda_event import a_request

HTTP = TargetGroup("instances")
LAMBDA = TargetGroup("functions", type="LAMBDA")

HANDLER = "type LAMBDA takes a handler with the parameters (event, context)"
APPS = "an app with (scope, receive, send) or (environ, start_response)"


def wsgi_function(environ: object, start_response: object) -> Iterable[bytes]:
    """Stand for a plain WSGI app."""
    return []


def plain_names(a: object, b: object) -> Iterable[bytes]:
    """Stand for a WSGI app with unusual parameter names."""
    return []


def wsgi_with_option(environ: object, start_response: object, debug: object = 0) -> Any:  # noqa: ANN401 - nothing is called
    """Stand for a WSGI app with a third parameter of its own."""


async def asgi_function(scope: object, receive: object, send: object) -> None:
    """Stand for a plain ASGI app."""


async def asgi_open(*args: object) -> None:
    """Stand for an ASGI app behind a decorator without functools.wraps."""


def asgi_returning(a: object, b: object, c: object) -> Awaitable[None]:
    """Stand for middleware that hands on the coroutine of an app inside."""
    return asgi_function(a, b, c)


def asgi_with_defaults(scope: object, receive: object = 0, send: object = 0) -> None:
    """Stand for an ASGI app that has defaults where others have none."""


def asgi2_function(scope: object) -> None:
    """Stand for an ASGI 2 app."""


def handler(event: object, context: object) -> object:
    """Stand for a Lambda handler."""
    return {}


async def async_handler(event: object, context: object) -> object:
    """Stand for an async Lambda handler."""
    return {}


def unused_names(_event: object, _context: object) -> object:
    """Stand for a handler that uses nothing."""
    return {}


def event_only(event: object, options: object) -> object:
    """Stand for a handler whose second parameter has another name."""
    return {}


def handler_with_option(event: object, context: object, table: object = 0) -> object:
    """Stand for a handler with a third parameter of its own."""
    return {}


def three_names(table: object, event: object, context: object) -> object:
    """Stand for a handler that is to be completed by functools.partial."""
    return {}


def open_ended(*args: object, **kwargs: object) -> object:
    """Stand for what a decorator without functools.wraps returns."""
    return {}


def keywords_only(*, event: object, context: object) -> object:
    """Stand for what cannot be called by position."""
    return {}


async def two_unnamed(a: object, b: object) -> object:
    """Stand for an async function that is no app."""
    return {}


def decorated(function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function as decorators should."""

    @functools.wraps(function)
    def inner(*args: object) -> object:
        return function(*args)

    return inner


class AsgiObject:
    """An object that is an ASGI app, as FastAPI's is."""

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Answer."""


class WrappingAsgi:
    """ASGI middleware whose call is a plain function that returns a coroutine."""

    def __call__(self, scope: object, receive: object, send: object) -> Any:  # noqa: ANN401 - nothing is called
        """Answer."""
        return asgi_function(scope, receive, send)


class Asgi2Class:
    """A class that is an ASGI 2 app."""

    def __init__(self, scope: object) -> None:
        """Begin."""


class WsgiObject:
    """An object that is a WSGI app, as Django's handler is."""

    def __call__(self, environ: object, start_response: object) -> Iterable[bytes]:
        """Answer."""
        return []


class WsgiClass:
    """A class that is a WSGI app: its instance is the answer."""

    def __init__(self, environ: object, start_response: object) -> None:
        """Begin."""

    def __iter__(self) -> Iterator[bytes]:
        """Answer."""
        return iter(())


class AwaitableClass:
    """A class that is an ASGI app: its instance is awaited."""

    def __init__(self, scope: object, receive: object, send: object) -> None:
        """Begin."""

    def __await__(self) -> Generator[Any, None, None]:
        """Answer."""
        yield from ()


class RequestObject:
    """An object as webob makes them: it takes a request, or WSGI's two."""

    def __call__(self, request: object, *args: object, **kwargs: object) -> object:
        """Answer."""
        return None


class HandlerObject:
    """An object that is a Lambda handler, as Mangum's is."""

    def __call__(self, event: object, context: object) -> object:
        """Answer."""
        return {}

    def method(self, event: object, context: object) -> object:
        """Answer."""
        return {}


class Servicer:
    """An object that cannot be called."""


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        ("echo", "echo"),
        ("http://127.0.0.1:8000", "url"),
        ("https://localhost", "url"),
        ("HTTP://[::1]:8000/", "url"),
        (Starlette(), "asgi"),
        (HTTPEndpoint, "asgi"),
        (asgi_function, "asgi"),
        (asgi_open, "asgi"),
        (asgi_returning, "asgi"),
        (asgi_with_defaults, "asgi"),
        (AsgiObject(), "asgi"),
        (WrappingAsgi(), "asgi"),
        (AwaitableClass, "asgi"),
        (decorated(asgi_function), "asgi"),
        (functools.partial(asgi_function), "asgi"),
        (functools.partial(AsgiObject()), "asgi"),
        (lambda scope, receive, send: None, "asgi"),
        (AsyncMock(), "asgi"),
        (flask.Flask("shop"), "wsgi"),
        (flask.Flask("shop").wsgi_app, "wsgi"),
        (wsgi_function, "wsgi"),
        (wsgi_with_option, "wsgi"),
        (plain_names, "wsgi"),
        (WsgiObject(), "wsgi"),
        (WsgiClass, "wsgi"),
        (RequestObject(), "wsgi"),
        (decorated(wsgi_function), "wsgi"),
        (functools.partial(wsgi_with_option, debug=1), "wsgi"),
        (lambda environ, start_response: [], "wsgi"),
    ],
)
def test_apps_are_recognized(app: object, kind: str) -> None:
    """Apps, `echo` and URLs go with every group that is not LAMBDA."""
    assert recognize(app, HTTP) == kind


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        ("echo", "echo"),
        (handler, "function"),
        (async_handler, "function"),
        (unused_names, "function"),
        (handler_with_option, "function"),
        (plain_names, "function"),
        (two_unnamed, "function"),
        (open_ended, "function"),
        (HandlerObject(), "function"),
        (HandlerObject().method, "function"),
        (decorated(handler), "function"),
        (functools.partial(three_names, "table"), "function"),
        (lambda event, context: {}, "function"),
        (Mock(return_value={}), "function"),
        (AsyncMock(), "function"),
        (max, "function"),
    ],
)
def test_handlers_are_recognized(app: object, kind: str) -> None:
    """What takes two arguments by position is a handler in a LAMBDA group."""
    assert recognize(app, LAMBDA) == kind


@pytest.mark.parametrize(
    ("app", "group", "problem", "notes"),
    [
        ("ecko", HTTP, "`ecko` is not a target", ["did you mean `echo`?"]),
        ("Echo", LAMBDA, "`Echo` is not a target", ["did you mean `echo`?"]),
        (
            "localhost:8000",
            HTTP,
            "`localhost:8000` is not a target",
            ["did you mean `http://localhost:8000`?"],
        ),
        (
            "shop.app:app",
            HTTP,
            "`shop.app:app` is not a target",
            ["a text is `echo`, or a URL such as `http://127.0.0.1:8000`"],
        ),
        (
            "ftp://127.0.0.1",
            HTTP,
            "`ftp://127.0.0.1` has the scheme `ftp`, not http or https",
            [],
        ),
        ("http:///", HTTP, "`http:///` has no host", []),
        ("http:/shop", HTTP, "`http:/shop` has no host", []),
        (
            "http://127.0.0.1/shop",
            HTTP,
            "`http://127.0.0.1/shop` has more than scheme, host and port",
            [],
        ),
        (
            "http://127.0.0.1?a=1",
            HTTP,
            "`http://127.0.0.1?a=1` has more than scheme, host and port",
            [],
        ),
        (
            "http://me:x@127.0.0.1",
            HTTP,
            "`http://me:x@127.0.0.1` has credentials, which belong into the request",
            [],
        ),
        (
            "http://127.0.0.1:99999",
            HTTP,
            "`http://127.0.0.1:99999` is not a URL: port out of range 0-65535",
            [],
        ),
        (
            "http://127.0.0.1:8000",
            LAMBDA,
            f"`http://127.0.0.1:8000` is a URL; {HANDLER}",
            [],
        ),
        (Starlette(), LAMBDA, f"`Starlette` is an ASGI app; {HANDLER}", []),
        (asgi_function, LAMBDA, f"`asgi_function` is an ASGI app; {HANDLER}", []),
        (flask.Flask("shop"), LAMBDA, f"`Flask` is a WSGI app; {HANDLER}", []),
        (wsgi_function, LAMBDA, f"`wsgi_function` is a WSGI app; {HANDLER}", []),
        (WsgiClass, LAMBDA, f"`WsgiClass` is a WSGI app; {HANDLER}", []),
        (
            keywords_only,
            LAMBDA,
            "`keywords_only` is not a handler with the parameters (event, context)",
            [],
        ),
        (
            Servicer,
            LAMBDA,
            "`Servicer` is not a handler with the parameters (event, context)",
            [],
        ),
        (handler, HTTP, '`handler` is a Lambda handler; write type="LAMBDA"', []),
        (
            async_handler,
            HTTP,
            '`async_handler` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            unused_names,
            HTTP,
            '`unused_names` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            event_only,
            HTTP,
            '`event_only` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            handler_with_option,
            HTTP,
            '`handler_with_option` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            functools.partial(three_names, "table"),
            HTTP,
            '`partial(three_names)` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            HandlerObject(),
            HTTP,
            '`HandlerObject` is a Lambda handler; write type="LAMBDA"',
            [],
        ),
        (
            asgi2_function,
            HTTP,
            "`asgi2_function` takes only `scope`, as ASGI 2 had it",
            ["make it ASGI 3 with asgiref.compatibility.guarantee_single_callable"],
        ),
        (
            Asgi2Class,
            HTTP,
            "`Asgi2Class` takes only `scope`, as ASGI 2 had it",
            ["make it ASGI 3 with asgiref.compatibility.guarantee_single_callable"],
        ),
        (Starlette, HTTP, "`Starlette` is a class", ["did you mean `Starlette()`?"]),
        (
            open_ended,
            HTTP,
            "`open_ended` does not tell what it takes",
            ["put functools.wraps into its decorator"],
        ),
        (
            Mock(),
            HTTP,
            "`Mock` does not tell what it takes",
            ["put functools.wraps into its decorator"],
        ),
        (two_unnamed, HTTP, f"`two_unnamed` is not {APPS}", []),
        (keywords_only, HTTP, f"`keywords_only` is not {APPS}", []),
        (len, HTTP, f"`len` is not {APPS}", []),
        (
            Servicer(),
            HTTP,
            f"`Servicer` cannot be called; a target is {APPS}",
            [],
        ),
        (
            {"statusCode": 200},
            LAMBDA,
            (
                "`dict` cannot be called; "
                "a target is a handler with the parameters (event, context)"
            ),
            [],
        ),
        (
            [asgi_function, wsgi_function],
            HTTP,
            f"`list` cannot be called; a target is {APPS}",
            ["each app is a target of its own: targets=[first, second]"],
        ),
        (None, HTTP, "a target has no app that answers for it", []),
    ],
)
def test_others_are_refused(
    app: object, group: TargetGroup, problem: str, notes: list[str]
) -> None:
    """The error names the culprit, the target group and what to write."""
    with pytest.raises(ConfigurationError) as raised:
        recognize(app, group)

    assert str(raised.value) == f"target group `{group.name}`: {problem}"
    assert getattr(raised.value, "__notes__", []) == notes


@pytest.mark.parametrize(
    ("names", "proposal"),
    [(["app"], "app"), (["handler"], "handler"), ([], "app")],
)
def test_module_is_refused(names: list[str], proposal: str) -> None:
    """A module in the place of its app is told which one it probably is."""
    module = types.ModuleType("shop")
    vars(module).update(dict.fromkeys(names, asgi_function))

    with pytest.raises(ConfigurationError, match="`shop` cannot be called") as raised:
        recognize(module, HTTP)

    assert raised.value.__notes__ == [f"did you mean `shop.{proposal}`?"]


def test_names_are_those_of_the_author() -> None:
    """Functions and classes have their own names, objects that of their class."""
    assert name_of(handler) == "handler"
    assert name_of(HandlerObject()) == "HandlerObject"
    assert name_of(functools.partial(handler)) == "partial(handler)"


@pytest.mark.parametrize(
    ("app", "group", "kind"),
    [
        (asgi_function, HTTP, AsgiTarget),
        (wsgi_function, HTTP, WsgiTarget),
        (handler, LAMBDA, FunctionTarget),
        ("echo", HTTP, EchoTarget),
        ("echo", LAMBDA, FunctionTarget),
        ("http://127.0.0.1:8000", HTTP, UrlTarget),
    ],
)
def test_target_is_made(app: object, group: TargetGroup, kind: type[AppTarget]) -> None:
    """Each kind has its own target."""
    loop = AppLoop()
    target = make_target(app, group, loop=loop)

    assert type(target) is kind
    target.close()
    loop.close()


def test_handler_gets_the_settings_of_the_network() -> None:
    """Exceptions and virtual time are passed on to functions."""
    loop = AppLoop()

    def fails(event: object, context: object) -> object:
        raise ValueError

    target = make_target(fails, LAMBDA, loop=loop, raise_exceptions=False)

    assert target.call(a_request(), b"").response.status == 502
    loop.close()


def test_only_the_needed_kind_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of functions never imports what forwards to URLs."""
    loop = AppLoop()
    monkeypatch.setitem(sys.modules, "pytest_lattice.targets.url", None)

    make_target("echo", LAMBDA, loop=loop)

    with pytest.raises(ImportError):
        make_target("http://127.0.0.1:8000", HTTP, loop=loop)
    loop.close()
