"""The order service: a Flask app on a machine, and the function to replace it."""

from __future__ import annotations

from typing import Any

import flask

machine = flask.Flask(__name__)


@machine.get("/orders/<path:number>")
def order(number: str) -> str:
    """Find an order."""
    return f"order {number}"


@machine.delete("/orders/<path:number>")
def delete(number: str) -> str:
    """Delete an order."""
    return f"deleted {number}"


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer an event of version 2, as the function does."""
    number = event["path"].removeprefix("/orders/")
    return {"statusCode": 200, "body": f"order {number}"}
