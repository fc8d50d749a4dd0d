"""A case, checked: the request is made, and each expectation asserted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.assertions.auth import assert_allowed, assert_denied
from pytest_lattice.assertions.logs import assert_logged
from pytest_lattice.assertions.routes import assert_routed
from pytest_lattice.assertions.weights import assert_weights
from pytest_lattice.cases.case import Denial
from pytest_lattice.errors import HIDE, LatticeAssertionError, advised
from pytest_lattice.model.outcome import Unreachable

if TYPE_CHECKING:
    from pytest_lattice.cases.case import Case
    from pytest_lattice.decision.decide import Decision
    from pytest_lattice.decision.exchange import Exchange
    from pytest_lattice.network import LatticeNetwork

__tracebackhide__ = HIDE


def check(case: Case, network: LatticeNetwork) -> None:
    """Make the request of a case and hold what came of it to what is expected.

    Args:
        case: the case.
        network: the network of its file.

    Raises:
        LatticeAssertionError: something else came of it; the message says why.
        ConfigurationError: an unknown service, role or VPC, or an expectation that no
            request can settle.
    """
    if case.expect.error is not None:
        _check_error(case, network)
        return
    exchange = _exchange(case, network)
    expect = case.expect
    if expect.allowed is not None:
        _check_allowed(exchange, expect.allowed)
    if expect.denied is not None:
        _check_denied(exchange, expect.denied)
    if expect.target_group is not None and len(exchange.decision.weights) > 1:
        raise advised(
            f"which of {len(exchange.decision.weights)} target groups gets a request "
            "is drawn",
            f"expect weights: {exchange.decision.weights}",
        )
    routed = {
        "rule": expect.rule,
        "to": expect.target_group,
        "status": expect.status,
    }
    claimed: dict[str, Any] = {k: v for k, v in routed.items() if v is not None}
    if claimed:
        assert_routed(exchange, **claimed)
    if expect.weights is not None:
        assert_weights(exchange.decision, expect.weights)
    if expect.log is not None:
        fields: dict[str, Any] = dict(expect.log)
        assert_logged(exchange, **fields)


def _asked(case: Case, network: LatticeNetwork) -> Decision:
    headers = list(case.headers.items())
    if case.body is not None:
        headers.append(("content-length", str(len(case.body.encode()))))
    return network.decide(
        case.method,
        case.url,
        headers=headers,
        vpc=case.vpc,
        address=case.address,
        http2=case.http2,
        role=case.role,
    )


def _exchange(case: Case, network: LatticeNetwork) -> Exchange:
    request = _asked(case, network).request
    reply = network.entrance.handle(request, (case.body or "").encode())
    if reply.exchange is None:
        decision = reply.decision
        reason = getattr(decision.outcome, "reason", "")
        raise LatticeAssertionError(
            f"expected an answer, but {reason}\n\n{decision.explain()}"
        )
    if isinstance(reply.body, bytes):
        return reply.exchange
    for _ in reply.body:
        pass  # a streamed answer is over, and in the log, when it was read
    return network.exchanges[-1]


def _check_error(case: Case, network: LatticeNetwork) -> None:
    decision = _asked(case, network)
    outcome = decision.outcome
    if isinstance(outcome, Unreachable) and outcome.error == case.expect.error:
        return
    found = "there is an answer"
    if isinstance(outcome, Unreachable):
        found = f"it is `{outcome.error}`: {outcome.reason}"
    raise LatticeAssertionError(
        f"expected no answer but `{case.expect.error}`, and {found}\n\n"
        f"{decision.explain()}"
    )


def _check_allowed(exchange: Exchange, allowed: bool | str) -> None:  # noqa: FBT001  # as written
    if allowed is False:
        assert_denied(exchange)
    else:
        assert_allowed(exchange, by=allowed if isinstance(allowed, str) else None)


def _check_denied(exchange: Exchange, denied: bool | str | Denial) -> None:  # noqa: FBT001  # as written
    if denied is False:
        assert_allowed(exchange)
    elif isinstance(denied, Denial):
        assert_denied(
            exchange, layer=denied.layer, by=denied.by, verdict=denied.verdict
        )
    else:
        assert_denied(exchange, layer=denied if isinstance(denied, str) else None)
