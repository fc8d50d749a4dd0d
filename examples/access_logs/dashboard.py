"""A dashboard over access logs: the code that the tests are about."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any


def requests_by_path(s3: Any, bucket: str, prefix: str) -> Counter[tuple[str, int]]:  # noqa: ANN401  # boto3's clients have no type
    """Count the requests in the files of a day, by path and status.

    Args:
        s3: a client of S3.
        bucket: where VPC Lattice delivers.
        prefix: of the day, with the slash at its end.
    """
    counted: Counter[tuple[str, int]] = Counter()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Contents", ()):
            body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            for line in gzip.decompress(body).splitlines():
                entry = json.loads(line)
                counted[entry["requestPath"], entry["responseCode"]] += 1
    return counted


def denials(logs: Any, group: str) -> list[tuple[str, str]]:  # noqa: ANN401  # see above
    """List who was kept out by VPC Lattice, and by which policy.

    A 403 of the application has no reason, and is none of these.

    Args:
        logs: a client of CloudWatch Logs.
        group: the log group.
    """
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    entries = [json.loads(each["message"]) for page in pages for each in page["events"]]
    return [
        (entry["resolvedUser"], entry["authDeniedReason"])
        for entry in entries
        if entry["authDeniedReason"] != "-"
    ]
