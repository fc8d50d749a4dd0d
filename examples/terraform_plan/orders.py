"""The Lambda handlers of both versions."""

from __future__ import annotations

import json
from typing import Any


def version_1(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as the deployed version."""
    return _answer({"version": 1, "path": event["path"]})


def version_2(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer as the new version."""
    return _answer({"version": 2, "path": event["path"]})


def _answer(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(body),
    }
