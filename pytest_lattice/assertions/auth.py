"""`assert_allowed` and `assert_denied`: who may call, and which statement says so.

They speak of the network's own decision: a 403 that an application answers is not a
denial.  A failure shows each layer with each statement, and what would have to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.assertions.subject import Subject, subjects
from pytest_lattice.decision.explain import explain
from pytest_lattice.errors import (
    HIDE,
    ConfigurationError,
    LatticeAssertionError,
    advised,
    unknown,
)
from pytest_lattice.model.outcome import Denied, Unreachable, Unroutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_lattice.auth.reasons import LayerResult
    from pytest_lattice.decision.guard import Access

__tracebackhide__ = HIDE

_LAYERS = ("network", "service", "identity", "authentication")
_VERDICTS = {
    "explicit": "EXPLICIT_DENY",
    "implicit": "IMPLICIT_DENY",
    # As a decision's outcome has them.
    "EXPLICIT_DENY": "EXPLICIT_DENY",
    "IMPLICIT_DENY": "IMPLICIT_DENY",
}
_FORBIDDEN = 403


def assert_allowed(x: object, *, by: str | None = None) -> None:
    """Assert that callers may make their requests.

    Args:
        x: a response, an exchange or a decision, or an iterable of these, all of
            which must be as claimed.
        by: the Sid of a statement that allows it, in whichever layer.

    Raises:
        LatticeAssertionError: the network refuses one; the message says why, and
            what would have to change.
        ConfigurationError: a claim that is none, or a Sid that no policy has.

    AWS: vpc-lattice/latest/ug/auth-policies
    """
    __tracebackhide__ = True
    _check_sid(by)
    _assert(x, lambda subject: _not_allowed(subject, by))


def assert_denied(
    x: object,
    *,
    layer: str | None = None,
    by: str | None = None,
    verdict: str | None = None,
) -> None:
    """Assert that the network refuses requests with a 403 of its own.

    Args:
        x: a response, an exchange or a decision, or an iterable of these, all of
            which must be as claimed.
        layer: which layer is reported: ``network``, ``service``, ``identity``, or
            ``authentication`` for a signature that does not verify.
        by: the Sid of the statement that denies explicitly.
        verdict: ``explicit`` if a statement denies, ``implicit`` if none allows.

    Raises:
        LatticeAssertionError: one is let in, or refused for another reason; the
            message says why, and what would have to change.
        ConfigurationError: a claim that is none, or a Sid that no policy has.

    AWS: vpc-lattice/latest/ug/auth-policies
    """
    __tracebackhide__ = True
    _check_sid(by)
    if layer is not None and layer not in _LAYERS:
        raise unknown("layer", layer, _LAYERS)
    if verdict is not None and verdict not in tuple(_VERDICTS):
        raise unknown("verdict", verdict, _VERDICTS)
    if by is not None and _VERDICTS.get(verdict or "") == "IMPLICIT_DENY":
        raise advised(
            f"nothing denies implicitly by statement `{by}`",
            "an implicit denial is one that no statement makes",
        )
    _assert(x, lambda subject: _not_denied(subject, layer, by, verdict))


def _check_sid(by: object) -> None:
    if by is not None and not isinstance(by, str):
        raise ConfigurationError(f"by `{by!r}` is not the Sid of a statement")


def _assert(x: object, complaint: Callable[[Subject], str | None]) -> None:
    __tracebackhide__ = True
    found = subjects(x)
    wrong = [
        (number, text)
        for number, subject in enumerate(found, start=1)
        if (text := complaint(subject)) is not None
    ]
    if not wrong:
        return
    number, text = wrong[0]
    lines = [text]
    if len(found) > 1:
        verb = "is" if len(wrong) == 1 else "are"
        lines.append(
            f"  {len(wrong)} of {len(found)} requests {verb} not as expected; "
            f"this is request {number}"
        )
    subject = found[number - 1]
    lines += [f"  {line}" for line in _advice(subject)]
    raise LatticeAssertionError("\n".join([*lines, "", explained(subject)]))


def explained(subject: Subject) -> str:
    """Write a decision with every layer and statement, and what came of it."""
    text = explain(subject.decision, every_statement=True)
    return text if subject.exchange is None else subject.exchange.explain(text)


# ---- the claims -------------------------------------------------------------


def _not_allowed(subject: Subject, by: str | None) -> str | None:
    outcome, access = subject.decision.outcome, subject.decision.access
    if isinstance(outcome, Denied):
        return f"expected the caller to be let in, but {outcome.reason}"
    if not_asked := _not_asked(subject):
        return f"expected the caller to be let in, but {not_asked}"
    if by is None:
        return None
    results = _results(access)
    _check_known(results, by)
    deciding = _labels(results, "ALLOW")
    if by in deciding:
        return None
    if access is None or not access.layers:
        return f"expected statement `{by}` to allow, but no auth type is AWS_IAM"
    others = ", ".join(f"`{each}`" for each in deciding) or "statements without a Sid"
    return f"expected statement `{by}` to allow, but {others} did"


def _not_denied(
    subject: Subject, layer: str | None, by: str | None, verdict: str | None
) -> str | None:
    decision = subject.decision
    outcome, results = decision.outcome, _results(decision.access)
    if by is not None:
        _check_known(results, by)
    expected = _expected(layer, by, verdict)
    if not isinstance(outcome, Denied):
        if subject.status == _FORBIDDEN:
            happened = "the caller is let in; the 403 is the application's own"
        else:
            happened = _not_asked(subject) or "the caller is let in"
        return f"expected {expected}, but {happened}"
    claimed = [each for each in results if layer in {None, each.source.layer}]
    denies = _labels(claimed, "EXPLICIT_DENY")
    wrong = [
        layer is not None and layer != outcome.layer,
        by is not None and by not in denies,
        verdict is not None and _VERDICTS[verdict] != outcome.verdict,
    ]
    if not any(wrong):
        return None
    also = ""
    if any(each.source.layer == layer and each.verdict != "ALLOW" for each in results):
        also = f"; the {layer} layer refuses too, but AWS names one"
    return f"expected {expected}, but {outcome.reason} ({outcome.layer} layer){also}"


def _expected(layer: str | None, by: str | None, verdict: str | None) -> str:
    parts = ["a denial"]
    if verdict is not None:
        explicit = _VERDICTS[verdict] == "EXPLICIT_DENY"
        parts = ["an explicit denial" if explicit else "an implicit denial"]
    if by is not None:
        parts.append(f"by statement `{by}`")
    if layer is not None:
        parts.append(
            "of the signature" if layer == "authentication" else f"by the {layer} layer"
        )
    return " ".join(parts)


def _not_asked(subject: Subject) -> str:
    """Say why nobody asked who calls; empty where somebody did, or had no need."""
    ended = isinstance(subject.decision.outcome, Unreachable | Unroutable)
    if ended and subject.decision.rule_state is None:
        return f"the request did not come so far: {subject.reason}"
    return ""


def _results(access: Access | None) -> tuple[LayerResult, ...]:
    return () if access is None else access.results


def _labels(results: Iterable[LayerResult], verdict: str) -> list[str]:
    """List the Sids of the statements that decided."""
    return [
        statement.sid
        for each in results
        if each.verdict == verdict
        for statement in each.deciding
        if statement.sid
    ]


def _check_known(results: tuple[LayerResult, ...], by: str) -> None:
    """Refuse a Sid that none of the policies has; nothing could meet the claim."""
    known = {
        each.statement.sid
        for result in results
        for each in result.statements
        if each.statement.sid
    }
    if results and by not in known:
        if not known:
            raise advised(f"no statement has the Sid `{by}`", "no statement has a Sid")
        raise unknown("Sid", by, known)


def _advice(subject: Subject) -> Iterator[str]:
    access = subject.decision.access
    if access is None or not access.layers:
        return
    change = access.smallest_change
    if change:
        yield change
