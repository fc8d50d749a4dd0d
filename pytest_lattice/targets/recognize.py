"""What kind of target a test's object is: ASGI, WSGI, a handler, echo or a URL.

Only the signature is looked at; nothing is called, and no framework is imported.  What
cannot be told is refused with the name of the culprit, never guessed.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.targets.grpc_servicers import GrpcTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lattice.model.target_group import TargetGroup
    from pytest_lattice.targets.base import AppTarget
    from pytest_lattice.targets.lambda_event import LambdaSettings
    from pytest_lattice.targets.loop import AppLoop

__tracebackhide__ = HIDE

Kind: TypeAlias = Literal["asgi", "wsgi", "function", "echo", "url", "grpc"]

_HANDLER = "a handler with the parameters (event, context)"
_APPS = "an app with (scope, receive, send) or (environ, start_response)"
_GRPC = {"grpc.Channel", "grpc.aio._base_channel.Channel", "grpc_testing.Server"}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+")


def make_target(  # the network's one door to all kinds
    app: object,
    group: TargetGroup,
    *,
    loop: AppLoop,
    raise_exceptions: bool = True,
    now: Callable[[], int] | None = None,
    settings: LambdaSettings | None = None,
    follow: Callable[[Callable[[float], object]], None] = lambda _: None,
) -> AppTarget:
    """Make what answers for an app.

    Args:
        app: what the test registered.
        group: the target group it is registered in.
        loop: where async apps run.
        raise_exceptions: let exceptions of the app through to the caller.
        now: the virtual time in microseconds.
        settings: what to choose for Lambda functions where AWS is silent.
        follow: registers what moves with the network's clock, by seconds.

    Raises:
        ConfigurationError: the app is of no known kind, or of one that does not go
            with the target group.
    """
    made = _made(
        app,
        group,
        loop=loop,
        raise_exceptions=raise_exceptions,
        now=now,
        settings=settings,
        follow=follow,
    )
    if group.protocol != "TCP":
        return made
    from pytest_lattice.targets.tunnel import TunnelTarget

    return TunnelTarget(made, app, group)


def _made(
    app: object,
    group: TargetGroup,
    *,
    loop: AppLoop,
    raise_exceptions: bool,
    now: Callable[[], int] | None,
    settings: LambdaSettings | None,
    follow: Callable[[Callable[[float], object]], None],
) -> AppTarget:
    kind = recognize(app, group)
    if kind == "url":
        from pytest_lattice.targets.url import UrlTarget

        return UrlTarget(cast("str", app))
    if kind == "grpc":
        from pytest_lattice.targets.grpc import make_grpc_target

        return make_grpc_target(app, loop=loop, now=now or (lambda: 0), follow=follow)
    if kind == "asgi":
        from pytest_lattice.targets.asgi import AsgiTarget

        return AsgiTarget(cast("Any", app), loop, raise_exceptions=raise_exceptions)
    if kind == "wsgi":
        from pytest_lattice.targets.wsgi import WsgiTarget

        return WsgiTarget(cast("Any", app), raise_exceptions=raise_exceptions)
    if kind == "echo":
        from pytest_lattice.targets.echo import EchoTarget, echo_handler

        if group.type != "LAMBDA":
            return EchoTarget()
        app = echo_handler
    from pytest_lattice.targets.function import FunctionTarget

    return FunctionTarget(
        cast("Any", app),
        loop=loop,
        settings=settings,
        raise_exceptions=raise_exceptions,
        now=now,
    )


def recognize(app: object, group: TargetGroup) -> Kind:
    """Tell the kind of an app.

    Args:
        app: what the test registered.
        group: the target group it is registered in.

    Raises:
        ConfigurationError: it is of no known kind, or of one that does not go with
            the target group.
    """
    if isinstance(app, str):
        return _recognize_text(app, group)
    if _is_grpc(app):
        _check_grpc(app, group)
        return "grpc"
    if not callable(app):
        raise _not_callable(app, group)
    shape = _Shape.of(app)
    if group.type == "LAMBDA":
        _check_handler(app, shape, group)
        return "function"
    if isinstance(app, type):
        return _recognize_class(app, shape, group)
    return _recognize_app(app, shape, group)


def name_of(app: object) -> str:
    """Name an app the way its author would."""
    if isinstance(app, partial):
        return f"partial({name_of(app.func)})"
    return str(getattr(app, "__name__", type(app).__name__))


def is_async(app: Callable[..., object]) -> bool:
    """Tell whether calling an app makes a coroutine, as far as one can see."""
    while isinstance(app, partial):
        app = app.func
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        type(app).__call__
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """How something can be called by position."""

    names: tuple[str, ...]
    required: int
    open_ended: bool
    is_async: bool

    @classmethod
    def of(cls, app: Callable[..., object]) -> _Shape:
        try:
            parameters = inspect.signature(app).parameters.values()
        except (TypeError, ValueError):
            # some extension types tell nothing about themselves
            return cls((), 0, open_ended=True, is_async=is_async(app))
        by_position = [
            each
            for each in parameters
            if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}
        ]
        return cls(
            tuple(each.name for each in by_position),
            sum(each.default is each.empty for each in by_position),
            open_ended=any(each.kind is each.VAR_POSITIONAL for each in parameters),
            is_async=is_async(app),
        )

    def takes(self, count: int) -> bool:
        return self.required <= count and (self.open_ended or count <= len(self.names))

    def is_named(self, *usual: set[str]) -> bool:
        """Tell whether one of the first parameters has its usual name."""
        plain = (name.strip("_") for name in self.names)
        return any(name in names for name, names in zip(plain, usual, strict=False))


def _is_grpc(app: object) -> bool:
    """Tell what speaks gRPC, by the names of its classes; nothing is imported."""
    if isinstance(app, GrpcTarget):
        return True
    names = {f"{each.__module__}.{each.__name__}" for each in type(app).__mro__}
    return not names.isdisjoint(_GRPC)


def _check_grpc(app: object, group: TargetGroup) -> None:
    # AWS: vpc-lattice/latest/ug/target-groups: gRPC goes to GRPC and HTTP2 groups
    if group.protocol_version in {"GRPC", "HTTP2"}:
        return
    error = _wrong(app, group, "speaks gRPC")
    # AWS: vpc-lattice/latest/ug/target-groups: gRPC groups are INSTANCE or IP
    lead = 'leave out type="LAMBDA", and ' if group.type == "LAMBDA" else ""
    error.add_note(f'{lead}write protocol_version="GRPC"')
    raise error


def _is_wsgi(app: object, shape: _Shape) -> bool:
    # Flask and its kin; on the class, because a mock has every attribute
    return hasattr(type(app), "wsgi_app") or shape.is_named(
        {"environ"}, {"start_response"}
    )


def _check_handler(app: object, shape: _Shape, group: TargetGroup) -> None:
    if _is_wsgi(app, shape):
        raise _wrong(app, group, f"is a WSGI app; type LAMBDA takes {_HANDLER}")
    if shape.takes(2) and not inspect.isclass(app):
        return
    if shape.takes(3):
        raise _wrong(app, group, f"is an ASGI app; type LAMBDA takes {_HANDLER}")
    raise _wrong(app, group, f"is not {_HANDLER}")


def _recognize_class(
    app: type[object], shape: _Shape, group: TargetGroup
) -> Literal["asgi", "wsgi"]:
    # a class is an app where its instance is the answer
    if shape.takes(2) and hasattr(app, "__iter__"):
        return "wsgi"
    if shape.takes(3) and hasattr(app, "__await__"):
        return "asgi"
    if shape.names[:1] == ("scope",):
        raise _double_callable(app, group)
    error = _wrong(app, group, "is a class")
    error.add_note(f"did you mean `{name_of(app)}()`?")
    raise error


def _recognize_app(
    app: object, shape: _Shape, group: TargetGroup
) -> Literal["asgi", "wsgi"]:
    if _is_wsgi(app, shape):
        return "wsgi"
    if shape.takes(2) and shape.is_named({"event"}, {"context", "ctx"}):
        raise _wrong(app, group, 'is a Lambda handler; write type="LAMBDA"')
    if shape.takes(3) and (shape.is_async or not shape.takes(2)):
        return "asgi"
    if shape.is_named({"scope"}):
        if shape.takes(3):
            return "asgi"
        raise _double_callable(app, group)
    if shape.open_ended and not shape.names:
        error = _wrong(app, group, "does not tell what it takes")
        error.add_note("put functools.wraps into its decorator")
        raise error
    if shape.takes(2) and not shape.is_async:
        return "wsgi"
    raise _wrong(app, group, f"is not {_APPS}")


def _recognize_text(text: str, group: TargetGroup) -> Literal["echo", "url"]:
    if text == "echo":
        return "echo"
    if _URL.match(text):
        if group.type == "LAMBDA":
            raise _wrong(text, group, f"is a URL; type LAMBDA takes {_HANDLER}")
        _check_url(text, group)
        return "url"
    error = _wrong(text, group, "is not a target")
    if get_close_matches(text.lower(), ["echo"]):
        error.add_note("did you mean `echo`?")
    elif _HOST_AND_PORT.fullmatch(text):
        error.add_note(f"did you mean `http://{text}`?")
    else:
        error.add_note("a text is `echo`, or a URL such as `http://127.0.0.1:8000`")
    raise error


def _check_url(url: str, group: TargetGroup) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(url, group, f"is not a URL: {str(error).lower()}") from None
    if parts.scheme not in {"http", "https"}:
        raise _wrong(url, group, f"has the scheme `{parts.scheme}`, not http or https")
    if not host:
        raise _wrong(url, group, "has no host")
    if parts.username is not None:
        raise _wrong(url, group, "has credentials, which belong into the request")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _wrong(url, group, "has more than scheme, host and port")


def _not_callable(app: object, group: TargetGroup) -> ConfigurationError:
    if app is None:
        return ConfigurationError(
            f"target group `{group.name}`: a target has no app that answers for it"
        )
    wanted = _HANDLER if group.type == "LAMBDA" else _APPS
    error = _wrong(app, group, f"cannot be called; a target is {wanted}")
    if isinstance(app, list | tuple | set):
        error.add_note("each app is a target of its own: targets=[first, second]")
    if inspect.ismodule(app):
        names = [
            name for name in ("app", "application", "handler") if name in vars(app)
        ]
        error.add_note(f"did you mean `{name_of(app)}.{(names or ['app'])[0]}`?")
    return error


def _double_callable(app: object, group: TargetGroup) -> ConfigurationError:
    error = _wrong(app, group, "takes only `scope`, as ASGI 2 had it")
    error.add_note(
        "make it ASGI 3 with asgiref.compatibility.guarantee_single_callable"
    )
    return error


def _wrong(app: object, group: TargetGroup, problem: str) -> ConfigurationError:
    shown = app if isinstance(app, str) else name_of(app)
    return ConfigurationError(f"target group `{group.name}`: `{shown}` {problem}")
