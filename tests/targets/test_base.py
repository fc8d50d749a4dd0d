"""The seam between the network and what answers."""

from __future__ import annotations

import asyncio

from pytest_lattice.model.message import LatticeRequest, LatticeResponse, Source
from pytest_lattice.model.target_group import TargetGroup
from pytest_lattice.targets.asgi import AsgiTarget
from pytest_lattice.targets.base import (
    AppTarget,
    AsyncTargetReply,
    Route,
    TargetReply,
    TargetRequest,
)
from pytest_lattice.targets.echo import EchoTarget
from pytest_lattice.targets.function import FunctionTarget
from pytest_lattice.targets.loop import AppLoop
from pytest_lattice.targets.url import UrlTarget
from pytest_lattice.targets.wsgi import WsgiTarget


def test_every_kind_of_target_keeps_the_seam() -> None:
    """Each kind has the three methods of `AppTarget`, as mypy verifies here."""
    loop = AppLoop()
    kinds: list[AppTarget] = [
        AsgiTarget(_asgi, loop),
        EchoTarget(),
        FunctionTarget(lambda event, context: None, loop=loop),
        UrlTarget("http://127.0.0.1:1"),
        WsgiTarget(lambda environ, start_response: []),
    ]
    for each in kinds:
        each.close()
    loop.close()


async def _asgi(scope: object, receive: object, send: object) -> None:
    """Answer nothing."""


def test_a_reply_has_no_failure_unless_it_says_so() -> None:
    """Most replies are a response and a body, blocking or awaited."""
    head = LatticeResponse(200, ())

    assert TargetReply(head, b"").failure_reason is None
    assert AsyncTargetReply(head, b"").detail is None


def test_both_calls_answer_alike() -> None:
    """The blocking and the awaitable call give the same answer."""
    group = TargetGroup("web", targets="echo")
    route = Route(
        service_network_arn="arn:network",
        service_arn="arn:service",
        region="us-west-2",
        target_group=group,
        target=group.registered[0],
        address="10.0.0.5",
        source_vpc_arn="arn:vpc",
    )
    request = LatticeRequest(
        method="GET",
        scheme="https",
        host="shop",
        server_name="shop",
        port=443,
        path="/",
        query=None,
        headers=(),
        http_version="HTTP/1.1",
        source=Source("vpc-1", "10.0.0.9", 40000),
    )
    call = TargetRequest(request, (("host", "shop"),), route, "id", 0)

    blocking = EchoTarget().call(call, b"body")
    awaited = asyncio.run(EchoTarget().acall(call, b"body"))

    assert (blocking.response, blocking.body) == (awaited.response, awaited.body)
