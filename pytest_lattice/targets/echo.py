"""The built-in target ``echo``: it answers with what it received, as JSON.

The keys stand in a fixed order and lists keep the order of the request, so an answer
can be compared as a whole.  A LAMBDA group echoes its event instead.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

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

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer; a streamed body is read whole first."""
        content = body if isinstance(body, bytes) else b"".join(body)
        return TargetReply(*_echo(request, content))

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer; a streamed body is read whole first."""
        if not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        return AsyncTargetReply(*_echo(request, body))

    def close(self) -> None:
        """Release nothing."""


def _echo(request: TargetRequest, body: bytes) -> tuple[LatticeResponse, bytes]:
    content = json.dumps(_received(request, body), ensure_ascii=False).encode()
    headers = (
        ("content-type", "application/json"),
        ("content-length", str(len(content))),
    )
    if request.request.method == "HEAD":
        content = b""
    return LatticeResponse(200, headers), content


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
