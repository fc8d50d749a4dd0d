"""The built-in target that answers with what it received."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from pytest_lattice.model.target_group import Target, TargetGroup
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply
from pytest_lattice.targets.echo import EchoTarget, echo_handler
from tests.targets.test_lambda_event import a_request

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers

GROUP = TargetGroup("instances", targets=[Target("i-1", port=8080)])


def received(reply: TargetReply | AsyncTargetReply) -> dict[str, Any]:
    """Read what an echo received."""
    assert isinstance(reply.body, bytes)
    assert reply.response.status == 200
    assert reply.response.headers == (
        ("content-type", "application/json"),
        ("content-length", str(len(reply.body))),
    )
    return dict(json.loads(reply.body))


def test_echo_answers_with_what_it_received() -> None:
    """The answer shows the whole request and the way it took, in a fixed order."""
    request = a_request(
        group=GROUP,
        method="POST",
        path="/a%20b",
        query="x=1&x=2",
        headers=(("host", "orders"), ("x-a", "1"), ("x-a", "2")),
    )
    shown = received(EchoTarget().call(request, "é".encode()))

    assert shown == {
        "method": "POST",
        "path": "/a%20b",
        "query": "x=1&x=2",
        "headers": {"host": ["orders"], "x-a": ["1", "2"]},
        "body": "é",
        "is_base64_encoded": False,
        "target_group": "instances",
        "target": "i-1",
        "port": 8080,
        "service_arn": "svc-arn",
        "service_network_arn": "sn-arn",
        "request_id": "request-1",
    }
    assert list(shown) == [
        "method",
        "path",
        "query",
        "headers",
        "body",
        "is_base64_encoded",
        "target_group",
        "target",
        "port",
        "service_arn",
        "service_network_arn",
        "request_id",
    ]


def test_binary_body_is_echoed_in_base64() -> None:
    """A body that is no text arrives whole, and the answer says how."""
    shown = received(EchoTarget().call(a_request(group=GROUP), b"\x00\xff"))

    assert (shown["body"], shown["is_base64_encoded"]) == ("AP8=", True)


def test_streamed_body_is_echoed() -> None:
    """A body in chunks is answered in one piece."""
    reply = EchoTarget().call(a_request(group=GROUP), iter([b"one ", b"two"]))

    assert received(reply)["body"] == "one two"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_awaited_echo_is_the_same(backend: str) -> None:
    """An awaiting caller gets the same answer, whole or in chunks."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    request = a_request(group=GROUP)
    target = EchoTarget()
    expected = received(target.call(request, b"one two"))

    whole = anyio.run(target.acall, request, b"one two", backend=backend)
    streamed = anyio.run(target.acall, request, chunks(), backend=backend)

    assert received(whole) == received(streamed) == expected


def test_head_is_answered_without_a_body() -> None:
    """HEAD gets the headers that GET would get."""
    headers: list[Headers] = []
    for method in ("HEAD", "GET"):
        request = a_request(group=GROUP, method=method)
        # so that both answers have the same length
        request = request._replace(request_id=method.ljust(4))
        reply = EchoTarget().call(request, b"")
        headers.append(reply.response.headers)
        assert (reply.body == b"") is (method == "HEAD")

    head_length, get_length = (int(dict(each)["content-length"]) for each in headers)
    assert head_length == get_length + len("HEAD") - len("GET")


def test_lambda_echo_answers_with_the_event() -> None:
    """As a Lambda handler the echo shows its event."""
    answer = echo_handler({"raw_path": "/"}, object())

    assert answer == {
        "isBase64Encoded": False,
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"raw_path": "/"}',
    }


def test_close_does_nothing() -> None:
    """An echo holds nothing, so it answers after it was closed."""
    target = EchoTarget()
    target.close()

    assert target.call(a_request(group=GROUP), b"").response.status == 200


def test_each_request_has_its_own_echo() -> None:
    """The same question gets the same answer, and no other question gets it."""
    target = EchoTarget()
    request = a_request(group=GROUP)
    first = target.call(request, b"")

    assert target.call(request, b"") == first
    assert target.call(request, b"other").body != first.body
    changed = request._replace(headers=(("x-new", "1"),))
    assert target.call(changed, b"").body != first.body
    assert target.call(request, b"") == first
