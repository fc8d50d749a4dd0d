"""One health check: what a target is asked, and what its answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.model.target_group import HealthCheck, Target, TargetGroup
from pytest_lattice.targets.base import TargetReply
from pytest_lattice.targets.probe import Prober, Verdict

if TYPE_CHECKING:
    from pytest_lattice.model.message import Headers, LatticeRequest

SECOND = 1_000_000


def prober(**check: Any) -> Prober:  # noqa: ANN401  # as HealthCheck
    """Probe a group with a health check."""
    return Prober(TargetGroup("web", health_check=HealthCheck(**check)))


def answer(status: int, headers: Headers = (), **fields: Any) -> TargetReply:  # noqa: ANN401  # as TargetReply
    """Answer with a status."""
    return TargetReply(LatticeResponse(status, headers), b"", **fields)


def asked(group: TargetGroup, target: Target | None = None) -> LatticeRequest:
    """Give the request that probes a target of a group."""
    each = target or Target("i-1", port=8080)
    return Prober(group).question(each, "10.0.0.7")[0]


def test_probe_is_a_get_with_few_headers() -> None:
    """A probe asks for the declared path, and has no header of a client."""
    group = TargetGroup("web", health_check=HealthCheck(path="/health?deep=1"))
    head = asked(group)

    assert (head.method, head.path, head.query) == ("GET", "/health", "deep=1")
    assert head.headers == (
        ("host", "10.0.0.7:8080"),
        ("user-agent", "pytest-lattice-health-check"),
    )
    assert head.source.address == "169.254.171.1"


@pytest.mark.parametrize(
    ("group", "scheme", "version", "port"),
    [
        (TargetGroup("web"), "http", "HTTP/1.1", 8080),
        (TargetGroup("web", protocol="HTTPS"), "https", "HTTP/1.1", 8080),
        (TargetGroup("web", protocol_version="HTTP2"), "http", "HTTP/2", 8080),
        (TargetGroup("web", protocol_version="GRPC"), "http", "HTTP/1.1", 8080),
        (TargetGroup("web", protocol="TCP"), "http", "HTTP/1.1", 8080),
        (
            TargetGroup(
                "web",
                health_check=HealthCheck(
                    protocol="HTTPS", protocol_version="HTTP2", port=9000
                ),
            ),
            "https",
            "HTTP/2",
            9000,
        ),
    ],
    ids=["http", "https", "http2", "grpc", "tcp", "declared"],
)
def test_probe_speaks_as_declared(
    group: TargetGroup, scheme: str, version: str, port: int
) -> None:
    """Protocol, version and port are those of the check, by default the group's."""
    head = asked(group)

    assert (head.scheme, head.http_version, head.port) == (scheme, version, port)


@pytest.mark.parametrize(
    ("matcher", "status", "passed"),
    [
        ("200", 200, True),
        ("200", 204, False),
        ("200", 302, False),
        ("200,302", 302, True),
        ("200-299", 299, True),
        ("200-299", 500, False),
    ],
)
def test_status_decides(matcher: str, status: int, *, passed: bool) -> None:
    """A status that matches passes; others, a redirect too, fail."""
    asking = prober(path="/health", matcher=matcher)
    expected = Verdict(
        passed, f"GET /health answered {status}", None if passed else status
    )

    assert asking.judge(answer(status), 0) == expected
    assert asking.judge(answer(status), 0) is asking.judge(answer(status), 0)


@pytest.mark.parametrize(
    ("took", "passed"), [(5 * SECOND, True), (5 * SECOND + 1, False)]
)
def test_time_decides(took: int, *, passed: bool) -> None:
    """An answer that takes longer than the timeout fails, whatever its status."""
    asking = prober(timeout_seconds=5)

    assert asking.judge(answer(200), took).passed is passed
    assert asking.judge(answer(200), 0).passed
    assert asking.judge(answer(200), took).passed is passed


def test_slow_answer_is_told() -> None:
    """The time that it took is said."""
    said = prober(path="/health").judge(answer(200), 7_250_000).said

    assert said == "GET /health took 7.25 seconds, more than 5"


def test_broken_connection_fails() -> None:
    """What could not be reached fails, though the network made an answer of it."""
    reply = answer(
        404, failure_reason="TargetConnectionError", detail="nobody listens there"
    )

    assert prober(matcher="404").judge(reply, 0) == Verdict(
        passed=False, said="GET / failed: nobody listens there"
    )


def test_grpc_server_fails() -> None:
    """A gRPC status is no answer to a health check."""
    reply = answer(200, (("content-type", "application/grpc"),), trailers=lambda: ())

    assert prober().judge(reply, 0) == Verdict(
        passed=False,
        said="GET / was answered by a gRPC server; health checks are HTTP",
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no database"), "GET / raised ValueError: no database"),
        (ValueError("one\ntwo"), "GET / raised ValueError: one"),
        (KeyError(), "GET / raised KeyError"),
    ],
)
def test_exception_fails(error: Exception, said: str) -> None:
    """An exception of the app is told on one line."""
    assert prober().raised(error) == Verdict(passed=False, said=said)
