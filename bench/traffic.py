"""P1, P3, P4: a request through all of Lattice beside one without.

100 rules of which the last matches, weights 90 and 10, the access log on; the bare
client calls the same app on its library's own transport, under the same base URL.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING
from unittest.mock import patch

from bench.harness import Case, compare
from bench.report import Goal
from bench.scenes import (
    Client,
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

    from bench.harness import Effort
    from bench.report import Report

_RULES = 100
_PATH = last_path(_RULES)


def run(report: Report, effort: Effort) -> None:
    """Measure with httpx and with httpx2."""
    for name in ("httpx", "httpx2"):
        library = peer(name, report)
        if library is not None:
            _sync_wsgi(report, effort, library)
            _async_asgi(report, effort, library)
            if name == "httpx" and find_spec("sniffio") is None:
                with patch.dict(sys.modules, {"sniffio": _sniffio()}):
                    _async_asgi(report, effort, library, ", sniffio there")
                report.remark(
                    "sniffio is not installed, for which httpx's ASGITransport then "
                    "searches on each request; a row with a stand-in shows the rest"
                )
            _sync_asgi(report, effort, library)


def _sniffio() -> ModuleType:
    """Make a stand-in for sniffio, which trio and older anyio bring."""
    module = ModuleType("sniffio")
    module.current_async_library = lambda: "asyncio"  # type: ignore[attr-defined]  # all that is asked of it
    return module


def _get(client: Client) -> Callable[[], Response]:
    return lambda: client.get(_PATH)


def _sync_wsgi(report: Report, effort: Effort, library: ModuleType) -> None:
    name = library.__name__
    with (
        network(wsgi_app) as lattice,
        lattice.client("my-service", library=library) as ours,
        library.Client(
            transport=library.WSGITransport(wsgi_app), base_url=ours.base_url
        ) as bare,
    ):
        figures = compare(
            [
                Case(f"{name}, WSGI app", _get(ours), is_ok_from_last(_RULES)),
                Case(f"bare {name} + WSGITransport", _get(bare), is_ok),
            ],
            effort,
        )
    report.ratio("P1", figures.values(), Goal(1.20))


def _async_asgi(
    report: Report, effort: Effort, library: ModuleType, with_what: str = ""
) -> None:
    name = library.__name__
    with asyncio.Runner() as loop, network(asgi_app) as lattice:
        ours = lattice.async_client("my-service", library=library)
        bare = library.AsyncClient(
            transport=library.ASGITransport(asgi_app), base_url=ours.base_url
        )
        figures = compare(
            [
                Case(
                    f"{name} async, ASGI app",
                    _get(ours),
                    is_ok_from_last(_RULES),
                    loop=loop,
                ),
                Case(
                    f"bare {name} + ASGITransport{with_what}",
                    _get(bare),
                    is_ok,
                    loop=loop,
                ),
            ],
            effort,
        )
        for client in (ours, bare):
            loop.run(client.aclose())
    report.ratio("P3", figures.values(), Goal(0.85))


def _sync_asgi(report: Report, effort: Effort, library: ModuleType) -> None:
    name = library.__name__
    testclient = peer("starlette.testclient", report)
    with (
        network(asgi_app) as lattice,
        lattice.client("my-service", library=library) as ours,
        library.Client(
            transport=library.WSGITransport(wsgi_app), base_url=ours.base_url
        ) as bare,
    ):
        mine = Case(f"{name}, ASGI app", _get(ours), is_ok_from_last(_RULES))
        floor = Case(f"bare {name} + WSGITransport", _get(bare), is_ok)
        report.ratio("P4", compare([mine, floor], effort).values(), Goal(1.40))
        if testclient is None:
            return
        with testclient.TestClient(asgi_app, base_url=str(ours.base_url)) as kept:
            other = Case("starlette TestClient, kept", _get(kept), is_ok)
            # It answers in another thread, for which it waits.
            figures = compare([mine, other], effort, waits=True)
        report.ratio("P4", figures.values(), Goal(0.10))
