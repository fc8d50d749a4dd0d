"""P19: a client that code made itself, through all of Lattice, beside a respx route.

As in the topic traffic, the network has 100 rules of which the last matches, weights,
and the access log on; respx answers at once. Only one of the two is in force at a time.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx

from bench.harness import Case, compare
from bench.report import Goal
from bench.scenes import (
    BODY,
    Response,
    asgi_app,
    is_ok,
    is_ok_from_last,
    last_path,
    network,
    peer,
    wsgi_app,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from bench.harness import Effort
    from bench.report import Report

_RULES = 100


def run(report: Report, effort: Effort) -> None:
    """Measure blocking and async clients."""
    respx = peer("respx", report)
    if respx is None:
        return
    for app, loop in ((wsgi_app, None), (asgi_app, asyncio.Runner())):
        with ExitStack() as stack:
            client: Response = httpx.Client() if loop is None else httpx.AsyncClient()
            lattice = stack.enter_context(network(app))
            name = lattice.service("my-service").dns_name
            url = f"https://{name}{last_path(_RULES)}"

            def routed() -> AbstractContextManager[object]:
                mock = respx.mock(assert_all_called=False)
                mock.get(url).respond(content=BODY)  # noqa: B023  # called in this round
                return mock  # type: ignore[no-any-return]  # respx's

            turn = _Turn(stack)
            label = "httpx" if loop is None else "httpx async"
            get = _get(client, url)
            ours = Case(
                f"{label}, intercepted",
                turn.of(lattice.intercept, get),
                is_ok_from_last(_RULES),
                loop=loop,
            )
            plain = Case(
                f"{label} + respx route", turn.of(routed, get), is_ok, loop=loop
            )
            report.ratio("P19", compare([ours, plain], effort).values(), Goal(1.20))
            if loop is None:
                client.close()
            else:
                loop.run(client.aclose())
                stack.callback(loop.close)


def _get(client: Response, url: str) -> Callable[[], Response]:
    return lambda: client.get(url)


class _Turn:
    """Lets one door be open at a time: that of who calls."""

    def __init__(self, stack: ExitStack) -> None:
        self._open: object = None
        self._stack = stack.enter_context(ExitStack())

    def of(
        self,
        door: Callable[[], AbstractContextManager[object]],
        call: Callable[[], Response],
    ) -> Callable[[], Response]:
        """Make a call behind a door; that of another is closed first."""

        def through() -> Response:
            if self._open is not door:
                self._stack.close()
                self._stack.enter_context(door())
                self._open = door
            return call()

        return through
