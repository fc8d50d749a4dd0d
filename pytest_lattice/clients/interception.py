"""Clients that the code under test makes itself, caught where they would connect.

The transports of httpx and httpx2 are patched, since they know what below them nobody
knows: the version of HTTP, a body that still streams.  Below httpx lies respx, which
patches httpcore; there one router of ours stands in front of all others, so that who
uses httpcore itself is caught too, and routes of the user's own keep working.  Doors of
several networks share all this: who opened last is asked first.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import httpx
import respx
from respx.mocks import Mocker
from respx.models import AllMockedAssertionError, PassThrough, SideEffectError
from respx.patterns import Host, Lookup

from pytest_lattice.clients.egress import Egress, is_lattice
from pytest_lattice.clients.httpx import NetworkTransport
from pytest_lattice.decision.exchange import EXTENSION
from pytest_lattice.errors import HIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

    from pytest_lattice.clients.base import Entrance
    from pytest_lattice.model.message import Source

__tracebackhide__ = HIDE

# What is taken from httpx or httpx2, whose classes are unrelated.
_Library: TypeAlias = Any


class Interception:
    """One open door: whose requests are caught, and where they go.

    Args:
        entrance: where requests go.
        source: gives the VPC and address that they come from.
        egress: knows the network's hosts.
    """

    def __init__(
        self, entrance: Entrance, source: Callable[[], Source], egress: Egress
    ) -> None:
        """Bind to a network; nothing is caught yet."""
        self._entrance = entrance
        self._source = source
        self.egress = egress

    def transport(
        self, library: ModuleType, *, http2: bool = False
    ) -> NetworkTransport:
        """Make the transport that answers a request in place of the client's own."""
        return NetworkTransport(
            self._entrance, self._source(), library=library, http2=http2
        )

    @contextmanager
    def opened(self) -> Generator[None]:
        """Catch requests until the end of the block."""
        _ROUTER.open(self)
        try:
            yield
        finally:
            _ROUTER.close(self)

    def route(self) -> respx.Route:
        """Make a route for a router of the user's own."""
        # The pattern is asked at each request, as services may come later.
        hosts: Any = _Hosts(self.egress)
        route = respx.Route(Host(hosts, lookup=Lookup.IN))

        def answer(request: httpx.Request) -> httpx.Response:
            ours = self.transport(httpx)
            return _Answer(ours, request, route)

        route.side_effect = answer
        return route


class _Hosts:
    """The hosts of a network, as a collection that grows with it."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def __contains__(self, host: str) -> bool:
        return self._egress.knows(host) or is_lattice(host)


class _Answer(httpx.Response):
    """What a route answers, which cannot know what kind of client asks.

    An async client awaits it. For a blocking one respx compares it with the request
    first, to see whether that shall pass; then it becomes the response.
    """

    def __init__(
        self, transport: NetworkTransport, request: httpx.Request, route: respx.Route
    ) -> None:
        # Not that of a response, which it is not yet.
        self._transport = transport
        self._request = request
        self._route = route

    def __eq__(self, other: object) -> bool:
        try:
            response = self._transport.handle_request(self.request)
        except Exception as error:
            # So respx records a call without a response, and raises the error itself.
            raise SideEffectError(self._route, origin=error) from error
        self.__dict__.update(vars(response) | {"_request": self._request})
        return False

    __hash__ = httpx.Response.__hash__

    def __await__(self) -> Generator[Any, Any, httpx.Response]:
        response = yield from self._transport.handle_async_request(
            self.request
        ).__await__()
        response.request = self.request
        return response


class _Router:
    """The one router of ours, which stands in front of all others in respx."""

    def __init__(self) -> None:
        #: Who opened last comes first; replaced as a whole, so readers need no lock.
        self._interceptions: tuple[Interception, ...] = ()
        self._lock = RLock()
        self._undo = ExitStack()

    # ---- opening and closing ------------------------------------------------

    def open(self, interception: Interception) -> None:
        with self._lock:
            if not self._interceptions:
                with ExitStack() as undo:
                    self._mount(undo)
                    self._undo = undo.pop_all()
            self._interceptions = (interception, *self._interceptions)

    def close(self, interception: Interception) -> None:
        with self._lock:
            self._interceptions = tuple(
                each for each in self._interceptions if each is not interception
            )
            if not self._interceptions:
                self._undo.close()

    def _mount(self, undo: ExitStack) -> None:
        """Patch the transports, and stand in front of respx's routers."""
        for library in filter(None, (httpx, _httpx2())):
            undo.callback(_patched(library.HTTPTransport, _sync_patch(library)))
            undo.callback(_patched(library.AsyncHTTPTransport, _async_patch(library)))
        undo.callback(_in_front(Mocker.registry["httpcore"], self))
        undo.callback(_in_front(Mocker.registry["httpx"], _Below()))
        Mocker.registry["httpcore"].start()

    # ---- what respx calls ---------------------------------------------------

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of a blocking client."""
        return self._asked(request).handle_request(request)

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an async client."""
        return await self._asked(request).handle_async_request(request)

    def _asked(self, request: httpx.Request) -> NetworkTransport:
        found = self._of(request.url.host)
        if found is None:
            self._leave(request)
        return found.transport(httpx)

    def _of(self, host: str) -> Interception | None:
        """Find who answers for a host."""
        for each in self._interceptions:
            if each.egress.knows(host):
                return each
        # No service has it, and still it shall not be asked of the internet.
        return next(iter(self._interceptions), None) if is_lattice(host) else None

    def _leave(self, request: httpx.Request) -> NoReturn:
        """Hand a request to routers of the user's, or else let it out."""
        if len(Mocker.registry["httpcore"].routers) > 1:
            # What respx takes for: ask the next one.
            raise AllMockedAssertionError(f"{request!r} is for no service network")
        self._refuse(request)
        raise _let_through(request)

    def _refuse(self, request: _Library) -> None:
        # A network's own request to a target that is a server goes where it wants.
        if EXTENSION not in request.extensions:
            for each in self._interceptions:
                each.egress.refuse(request.url.host)

    # ---- what patched transports call ---------------------------------------

    def met(
        self, library: ModuleType, transport: _Library, request: _Library
    ) -> NetworkTransport | None:
        """Look at a request that a transport of a library shall handle.

        Returns:
            Who answers in its place; None if it shall do so itself.
        """
        found = self._of(request.url.host)
        if found is not None:
            return found.transport(library, http2=_has_http2(transport))
        # Under httpx comes respx, whose routes may answer.
        if library is not httpx:
            self._refuse(request)
        return None


class _Below:
    """Our router where a user's respx replaces whole transports: it is asked below.

    A client's own transport may wrap others, such as one that retries, and what it
    does shall be done.
    """

    def handler(self, request: httpx.Request) -> httpx.Response:
        """Let the network's hosts through to the client's transport."""
        if _ROUTER._of(request.url.host) is None:  # noqa: SLF001  # one idea, two classes
            raise AllMockedAssertionError(f"{request!r} is for no service network")
        raise _let_through(request)

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        """Do as `handler` does."""
        return self.handler(request)


_ROUTER = _Router()
#: respx asks which route lets a request through; it is none.
_NO_ROUTE = respx.Route()


def _let_through(request: httpx.Request) -> PassThrough:
    text = f"{request!r} goes where its client sends it"
    return PassThrough(text, request=request, origin=_NO_ROUTE)


def _httpx2() -> ModuleType | None:
    # Not only if it is loaded: code under test may load it later.
    return import_module("httpx2") if find_spec("httpx2") else None


def _sync_patch(library: _Library) -> _Library:
    original = library.HTTPTransport.handle_request

    @wraps(original)
    def handle_request(transport: _Library, request: _Library) -> _Library:
        ours = _ROUTER.met(library, transport, request)
        if ours is None:
            return original(transport, request)
        return ours.handle_request(request)

    return handle_request


def _async_patch(library: _Library) -> _Library:
    original = library.AsyncHTTPTransport.handle_async_request

    @wraps(original)
    async def handle_async_request(transport: _Library, request: _Library) -> _Library:
        ours = _ROUTER.met(library, transport, request)
        if ours is None:
            return await original(transport, request)
        return await ours.handle_async_request(request)

    return handle_async_request


def _patched(cls: _Library, replacement: _Library) -> Callable[[], None]:
    """Replace a method; return what puts it back."""
    name, original = replacement.__name__, replacement.__wrapped__
    setattr(cls, name, replacement)
    return lambda: setattr(cls, name, original)


def _in_front(mocker: type[Mocker], router: _Library) -> Callable[[], None]:
    """Put a router before all others; return what takes it away."""
    mocker.routers.insert(0, router)

    def leave() -> None:
        mocker.unregister(router)
        mocker.stop()  # unless routers of the user's are still there

    return leave


def _has_http2(transport: _Library) -> bool:
    """Tell whether a transport was made with ``http2=True``."""
    # It says so nowhere in public.
    return bool(getattr(getattr(transport, "_pool", None), "_http2", False))
