"""The built-in target ``echo``: it answers with what it received, as JSON.

The keys stand in a fixed order and lists keep the order of the request, so an answer
can be compared as a whole.  A LAMBDA group echoes its event instead.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, cast

from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply

if TYPE_CHECKING:
    from pytest_lattice.targets.base import (
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )


def echo_handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes both
    """Answer with the event, as a Lambda handler."""
    return {
        "isBase64Encoded": False,
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(event),
    }


class EchoTarget:
    """Answers 200 with what it received."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._last: tuple[TargetRequest, bytes, TargetReply] | None = None

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer; a streamed body is read whole first."""
        return self._echo(request, body if isinstance(body, bytes) else b"".join(body))

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer; a streamed body is read whole first."""
        if not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        response, content = self._echo(request, body)[:2]
        return AsyncTargetReply(response, cast("bytes", content))

    def _echo(self, request: TargetRequest, body: bytes) -> TargetReply:
        # Health checks ask the very same again and again.
        last = self._last
        if last is not None and _is_same(request, last[0]) and body == last[1]:
            return last[2]
        content = json.dumps(_received(request, body), ensure_ascii=False).encode()
        headers = (
            ("content-type", "application/json"),
            ("content-length", str(len(content))),
        )
        if request.request.method == "HEAD":
            content = b""
        reply = TargetReply(LatticeResponse(200, headers), content)
        self._last = (request, body, reply)
        return reply

    def close(self) -> None:
        """Release nothing."""


def _is_same(one: TargetRequest, other: TargetRequest) -> bool:
    """Tell whether two requests differ by their time only, which is not echoed."""
    return (
        one.request is other.request
        and one.headers is other.headers
        and one.route is other.route
        and one.request_id == other.request_id
    )


def _received(request: TargetRequest, body: bytes) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name.lower(), []).append(value)
    try:
        text, is_base64 = body.decode(), False
    except UnicodeDecodeError:
        text, is_base64 = b64encode(body).decode("ascii"), True
    route = request.route
    return {
        "method": request.request.method,
        "path": request.request.path,
        "query": request.request.query,
        "headers": headers,
        "body": text,
        "is_base64_encoded": is_base64,
        "target_group": route.target_group.name,
        "target": route.target.id,
        "port": route.target.port,
        "service_arn": route.service_arn,
        "service_network_arn": route.service_network_arn,
        "request_id": request.request_id,
    }
