"""The steps of authentication and authorization: who calls, and what each layer says.

A layer that allows takes one line; of one that does not, every statement says what
did not apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.decision.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lattice.auth.reasons import LayerResult
    from pytest_lattice.decision.guard import Access

#: How many statements of one layer are shown; those that came nearest are.
_STATEMENTS_SHOWN = 8


def access_steps(access: Access, *, every_statement: bool = False) -> Iterator[Step]:
    """Yield the steps.

    Args:
        access: what authentication and authorization made of the request.
        every_statement: whether to show those of a layer that allows too.
    """
    if access.failure is not None:
        code = access.failure.code
        yield Step("signature", passed=False, text=f"{code}: {access.failure.detail}")
        return
    identity = access.identity
    if identity is None:
        return
    signed = "" if identity.is_anonymous else f" ({identity.principal})"
    yield Step("caller", passed=True, text=f"{identity.label}{signed}")
    for result in access.results:
        allowed = result.verdict == "ALLOW"
        yield Step(result.source.layer, passed=allowed, text=result.reason)
        if every_statement or not allowed:
            yield from _statement_steps(result)


def _statement_steps(result: LayerResult) -> Iterator[Step]:
    missed = [n for n, each in enumerate(result.statements) if not each.applies]
    missed.sort(key=lambda n: len(result.statements[n].misses))
    hidden = set(missed[_STATEMENTS_SHOWN:])
    for number, each in enumerate(result.statements):
        if number not in hidden:
            yield Step(
                f"  {each.statement.effect}",
                passed=each.applies,
                text=f"{each.label}: {each.reason}",
            )
    if hidden:
        yield Step(
            "  …",
            passed=False,
            text=f"{len(hidden)} more statements do not apply; these came nearest",
        )
