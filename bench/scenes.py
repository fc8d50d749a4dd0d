"""The apps and service networks that the topics measure."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.model.access_log import AccessLogSubscription
from pytest_lattice.model.action import FixedResponse, Forward
from pytest_lattice.model.message import LatticeRequest, Source
from pytest_lattice.model.service import HeaderMatch, Listener, Rule, Service
from pytest_lattice.model.service_network import Vpc
from pytest_lattice.model.target_group import DEFAULT_VPC, TargetGroup
from pytest_lattice.network import HISTORY, LatticeNetwork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
    from types import ModuleType

    from _typeshed.wsgi import StartResponse

    from bench.report import Report
    from pytest_lattice.model.auth_policy import PolicyDocument

    Resource = TargetGroup | Service | AccessLogSubscription

#: Of httpx or httpx2, whose classes are unrelated.
Client: TypeAlias = Any
Response: TypeAlias = Any

BODY = b"ok"
_HEADERS = [("content-type", "text/plain"), ("content-length", str(len(BODY)))]
_RAW_HEADERS = [(name.encode(), value.encode()) for name, value in _HEADERS]


def wsgi_app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer 200 and two bytes."""
    start_response("200 OK", _HEADERS)
    return [BODY]


async def asgi_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Answer 200 and two bytes, and go through a lifespan."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _RAW_HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def last_path(rules: int) -> str:
    """Return a path that only the last of so many rules matches."""
    return f"/area-{rules - 1:04d}/x"


def prefix_rules(count: int) -> list[Rule]:
    """Make rules that the path's start tells apart, each with weights 90 and 10."""
    return [
        Rule(
            number + 1,
            path_prefix=f"/area-{number:04d}/",
            action=Forward({"blue": 90, "green": 10}),
        )
        for number in range(count)
    ]


def exact_rules(count: int) -> list[Rule]:
    """Make rules that the whole path tells apart."""
    action = FixedResponse(404)
    return [
        Rule(number + 1, path=f"/area-{number:04d}/x", action=action)
        for number in range(count)
    ]


def header_rules(count: int) -> list[Rule]:
    """Make rules that only the value of one header tells apart."""
    action = FixedResponse(404)
    return [
        Rule(
            number + 1,
            headers=[HeaderMatch("x-tenant", exact=f"tenant-{number:04d}")],
            action=action,
        )
        for number in range(count)
    ]


def shop(
    app: object, rules: Sequence[Rule], auth_policy: PolicyDocument | None = None
) -> tuple[Resource, ...]:
    """Declare a service with rules, two weighted groups and its access log."""
    return (
        TargetGroup("blue", targets=[app]),
        TargetGroup("green", targets=[app]),
        Service(
            "my-service",
            listeners=[Listener("HTTPS", default=FixedResponse(404), rules=rules)],
            auth_policy=auth_policy,
        ),
        AccessLogSubscription("my-service"),
    )


def network(
    app: object = wsgi_app, rules: int = 100, history: int = HISTORY
) -> LatticeNetwork:
    """Make a service network with a shop in it."""
    made = LatticeNetwork(history=history)
    made.add(*shop(app, prefix_rules(rules)))
    return made


def request(path: str, *headers: tuple[str, str], host: str = "x") -> LatticeRequest:
    """Make a request as an httpx client sends it, translated already."""
    return LatticeRequest(
        method="GET",
        scheme="https",
        host=host,
        server_name=host,
        port=443,
        path=path,
        query=None,
        headers=(
            ("host", host),
            ("accept", "*/*"),
            ("accept-encoding", "gzip, deflate"),
            ("connection", "keep-alive"),
            ("user-agent", "python-httpx/0.28.1"),
            *headers,
        ),
        http_version="HTTP/1.1",
        source=Source(Vpc(DEFAULT_VPC).id, "10.0.0.9", 40_000),
    )


def is_ok(response: Response) -> bool:
    """Judge a response of one of the apps."""
    return bool(response.status_code == 200 and response.content == BODY)


def is_ok_from_last(rules: int) -> Callable[[Any], bool]:
    """Judge a response that came over the last rule and was logged."""

    def judge(response: Response) -> bool:
        exchange = response.extensions["pytest_lattice"]
        entry = exchange.log_entry
        return (
            is_ok(response)
            and exchange.decision.rule.priority == rules
            and exchange.decision.drawn is not None
            and entry.response_code == 200
            and entry.request_path == last_path(rules)
        )

    return judge


def peer(name: str, report: Report) -> ModuleType | None:
    """Import a peer that may be missing, which the report then says."""
    root = name.partition(".")[0]
    if find_spec(root) is None:
        report.remark(f"{root} is not installed; its comparisons are left out")
        return None
    return import_module(name)
