"""What a decision about a request can come to.

An outcome names what happens to the request and, where the network itself ends
it, says why.  How the outcome was reached is kept with the decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pytest_lattice.model.action import FixedResponse
    from pytest_lattice.model.target_group import Target, TargetGroup

TransportError: TypeAlias = Literal[
    "connect timeout", "connection refused", "connection reset"
]
DeniedBy: TypeAlias = Literal["network", "service", "identity", "authentication"]

_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The request goes to a target.

    Args:
        target_group: the group that the weights chose.
        target: the target whose turn it was.
    """

    target_group: TargetGroup
    target: Target


@dataclass(frozen=True, slots=True)
class Unroutable:
    """The network answers by itself, because it cannot forward the request.

    Args:
        status: the HTTP status of the answer.
        reason: why, in one line.
        failure_reason: the access log's ``failureReason``; None for none.
    """

    status: int
    reason: str
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The caller may make the request; only that was asked, and no rule."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The caller may not do this, or could not prove who it is: a 403 of the network.

    Args:
        layer: which layer of policies said no, or ``authentication``.
        reason: why, in one line.
        body: what AWS tells the caller: code and message.
        verdict: whether a statement denies (``EXPLICIT_DENY``) or none allows
            (``IMPLICIT_DENY``); None where authentication failed.
        sid: the id of the statement that denies, if it has one.

    AWS: vpc-lattice/latest/ug/auth-policies
    """

    layer: DeniedBy
    reason: str
    body: str
    verdict: Literal["EXPLICIT_DENY", "IMPLICIT_DENY"] | None = None
    sid: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status, which is always 403."""
        return _FORBIDDEN


@dataclass(frozen=True, slots=True)
class Unreachable:
    """There is no HTTP answer at all; the client sees a transport error.

    Args:
        error: which.
        reason: why, in one line.
    """

    error: TransportError
    reason: str


#: A `FixedResponse` is its own outcome.
Outcome: TypeAlias = (
    "Forwarded | FixedResponse | Admitted | Denied | Unroutable | Unreachable"
)
