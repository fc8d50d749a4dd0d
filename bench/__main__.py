"""`python -m bench [--quick] [TOPIC...]`: measure, and print one table.

A goal that is missed is a row that says so; only a case that is broken, because its
answer is wrong, makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from bench.harness import FULL, QUICK
from bench.report import Report

TOPICS = (
    "traffic",
    "routing",
    "decisions",
    "auth",
    "signatures",
    "canary",
    "intercept",
    "grpc",
    "live",
    "growth",
    "health",
    "loading",
    "startup",
    "fixtures",
    "ready",
    "memory",
)
_PEERS = (
    "httpx",
    "httpx2",
    "grpcio",
    "starlette",
    "werkzeug",
    "respx",
    "pytest-httpx",
    "pytest-httpserver",
    "pytest",
    "botocore",
    "awscrt",
    "hypercorn",
    "cedarpy",
)


def main(arguments: list[str]) -> int:
    """Run topics; return 1 if a case is broken, else 0."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=", ".join(TOPICS))
    parser.add_argument("--quick", action="store_true", help="fewer, shorter rounds")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.topics) - set(TOPICS)):
        parser.error(f"no topic {', '.join(unknown)}; there are {', '.join(TOPICS)}")
    report, broken = Report(), []
    for topic in options.topics or TOPICS:
        print(f"{topic} …", file=sys.stderr, flush=True)
        try:
            module = import_module(f"bench.{topic}")
            module.run(report, QUICK if options.quick else FULL)
        except Exception as error:  # noqa: BLE001  # the other topics go on
            broken.append(f"{topic}: {type(error).__name__}: {error}")
    report.remark(_versions())
    load = os.getloadavg()[0]
    report.remark(f"{os.cpu_count()} processors, of which {load:.1f} were asked for")
    print(report)
    for text in broken:
        print(f"BROKEN {text}", file=sys.stderr)
    return 1 if broken else 0


def _versions() -> str:
    found = [f"{platform.python_implementation()} {platform.python_version()}"]
    for name in _PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
