"""A fault: what goes wrong behind a target group on purpose, as a frozen value.

It says what, where and how often.  It does not know how that is done, and counts
nothing.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeAlias, get_args

from pytest_lattice.errors import HIDE, ConfigurationError, advised, unknown
from pytest_lattice.model.value import Value, check_flag, check_text, is_whole

__tracebackhide__ = HIDE

#: What a server does wrong.
ServerFailure: TypeAlias = Literal["refused", "closed", "garbled"]
#: What a Lambda function does wrong.
FunctionFailure: TypeAlias = Literal["throttled", "crashed", "timed out"]
Failure: TypeAlias = ServerFailure | FunctionFailure

#: Whatever goes wrong.
FAILURES: tuple[str, ...] = (*get_args(ServerFailure), *get_args(FunctionFailure))
_KINDS = ("failure", "latency", "status", "reset_after", "chunk_delay")
_STATUSES = range(200, 600)
_WHOLE = range(2**63)
# Seconds that no float holds cannot be shown either.
_FOREVER = 1e300


@dataclass(frozen=True, slots=True, repr=False)
class Fault(Value):
    """What goes wrong when the targets of a group are asked: exactly one thing.

    Several faults of one target act together, in the order in which they are declared.

    Args:
        target_group: name, id or ARN of the group.
        failure: of a server, that connections are ``refused``, or ``closed`` before an
            answer came, or that the answer is ``garbled``; of a Lambda function, that
            it is ``throttled``, ``crashed`` or ``timed out``.
        target: the id of the only target it is about; None for all of the group.
        latency: how many seconds later the answer comes.
        status: what is answered in place of the target.
        body: the body that goes with `status`.
        reset_after: how many bytes of the body come before the connection is reset.
        chunk_delay: how many seconds later each chunk of the body comes.
        real: whether these seconds are really waited, and not those of the network's
            clock; in a health check they never are.
        times: how many requests it meets before all is well, and no health check;
            None for every one, and each health check.

    Raises:
        ConfigurationError: no kind of fault or several, or a value out of range.

    AWS: vpc-lattice/latest/ug/monitoring-access-logs
    """

    target_group: str
    failure: Failure | None = None
    _: KW_ONLY
    target: str | None = None
    latency: float | None = None
    status: int | None = None
    body: str | bytes = b""
    reset_after: int | None = None
    chunk_delay: float | None = None
    real: bool = False
    times: int | None = None

    def __post_init__(self) -> None:
        """Hold it to one kind, and to what that takes."""
        check_text(self.target_group, "fault: target group")
        if self.target is not None:
            check_text(self.target, f"{self._where}: target")
        self._check_kind()
        self._check_failure(self.failure)
        for name in ("latency", "chunk_delay"):
            self._check_seconds(name, getattr(self, name))
        if self.status is not None and not is_whole(self.status, _STATUSES):
            raise self._wrong("status", "from 200 to 599")
        if self.reset_after is not None and not is_whole(self.reset_after, _WHOLE):
            raise self._wrong("reset_after", "a number of bytes")
        if self.times is not None and not is_whole(self.times, _WHOLE[1:]):
            raise self._wrong("times", "at least 1")
        check_flag(self.real, f"{self._where}: real")
        if not isinstance(self.body, str | bytes):
            raise self._wrong("body", "text or bytes")

    @property
    def _where(self) -> str:
        return f"fault of target group `{self.target_group}`"

    def _check_kind(self) -> None:
        kinds = [name for name in _KINDS if getattr(self, name) is not None]
        if not kinds:
            raise advised(
                f"{self._where} says nothing that goes wrong",
                f"give one of {', '.join(_KINDS)}",
            )
        if len(kinds) > 1:
            raise advised(
                f"{self._where} has both {kinds[0]} and {kinds[1]}",
                "each is a fault of its own, and they act together",
            )
        if self.body and self.status is None:
            raise ConfigurationError(f"{self._where} has a body without a status")
        if self.real and self.latency is None and self.chunk_delay is None:
            raise ConfigurationError(f"{self._where} is real, but nothing takes time")

    def _check_failure(self, failure: object) -> None:
        if failure is None or failure in FAILURES:
            return
        error = unknown("failure", str(failure), FAILURES)
        if isinstance(failure, int):
            error.add_note(f"did you mean status={failure}?")
        raise error

    def _check_seconds(self, name: str, seconds: object) -> None:
        if seconds is None:
            return
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 <= seconds < _FOREVER:  # type: ignore[operator]  # a number by now
            raise self._wrong(name, "a number of seconds")

    def _wrong(self, name: str, wanted: str) -> ConfigurationError:
        return ConfigurationError(
            f"{self._where}: {name} `{getattr(self, name)!r}` is not {wanted}"
        )

    @property
    def of_function(self) -> bool | None:
        """Whether only Lambda functions have it, or only servers; None for both."""
        if self.failure is not None:
            return self.failure in get_args(FunctionFailure)
        # VPC Lattice gets the answer of a function whole.
        streams = self.reset_after is not None or self.chunk_delay is not None
        return False if streams else None
