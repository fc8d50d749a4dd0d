"""The two apps of the walkthrough; they know nothing of VPC Lattice."""

from __future__ import annotations

import json

from flask import Flask

instance = Flask("instance")


@instance.get("/")
def hello() -> str:
    """Answer as the instance."""
    return "Hello from the instance"


@instance.get("/<path:path>")
def hello_at(path: str) -> str:
    """Answer as the instance, with the path."""
    return f'Hello from the instance at path "{path}"'


def handler(event: dict[str, object], context: object) -> dict[str, object]:
    """Answer as the function."""
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps("Hello from the function"),
        "isBase64Encoded": False,
    }
