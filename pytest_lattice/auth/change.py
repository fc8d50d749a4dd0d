"""The smallest change to a call that would flip the verdict.

It tries values that conditions ask for, other paths and other callers, and evaluates
again: what it names has been tried.  Where no call would do, it names the policy that
would have to say something else.
"""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING

from pytest_lattice.auth.candidates import (
    Change,
    for_condition,
    for_principal,
    for_resource,
)
from pytest_lattice.auth.evaluate import rows
from pytest_lattice.auth.principal import shown as shown_principals
from pytest_lattice.auth.reasons import explain_layer
from pytest_lattice.model.auth_policy import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.evaluate import Element, PolicySource, Row
    from pytest_lattice.auth.reasons import LayerResult
    from pytest_lattice.model.auth_policy import Statement

#: How many ways to change a call are tried.
_TRIED = 200


def smallest_change(sources: Sequence[PolicySource], call: Call) -> str:
    """Say what would flip the verdict.

    Args:
        sources: the layers that have to allow.
        call: the call.

    Returns:
        One line, such as ``would be allowed if … were …``; empty if nothing that was
        tried flips it.
    """
    results = [explain_layer(each, call) for each in sources]
    denied = any(each.verdict != "ALLOW" for each in results)
    finder = _Finder(call)
    needs = (
        [finder.to_allow(each) for each in results if each.verdict != "ALLOW"]
        if denied
        else [[each for result in results for each in finder.to_deny(result)]]
    )
    for changes in _smallest(needs):
        left = [
            each
            for each in sources
            if each not in {change.source for change in changes}
        ]
        if finder.flips(left, changes, allowed=denied):
            texts = list(dict.fromkeys(change.text for change in changes))
            verdict = "allowed" if denied else "denied"
            return f"would be {verdict} if {' and '.join(texts)}" + (
                finder.rest(changes) if denied else ""
            )
    return ""


#: Changes that together would do for one layer.
_Together = tuple[Change, ...]


def _smallest(needs: Sequence[Sequence[_Together]]) -> list[_Together]:
    """Combine one way for each need, the smallest combination first."""
    # Each need has its share of what is tried; its last way always does.
    share = max(2, int(_TRIED ** (1 / max(1, len(needs)))))
    shortened = [[*ways[: share - 1], *ways[share - 1 :][-1:]] for ways in needs]
    combined = (
        tuple(dict.fromkeys(change for way in ways for change in way))
        for ways in islice(product(*shortened), _TRIED)
    )
    return sorted(
        (changes for changes in combined if _agree(changes)),
        key=lambda changes: (
            sum(each.make is None for each in changes),
            len({each.text for each in changes}),
        ),
    )


def _agree(changes: _Together) -> bool:
    """Tell changes that can be made together from two of one thing."""
    texts: dict[str, str] = {}
    return all(
        texts.setdefault(each.subject, each.text) == each.text
        for each in changes
        if each.subject
    )


class _Finder:
    """Finds changes to one call."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def flips(
        self, sources: Iterable[PolicySource], changes: _Together, *, allowed: bool
    ) -> bool:
        """Tell whether a changed call gets the other verdict."""
        call = self._changed(changes)
        verdicts = [
            explain_layer(source, call).verdict
            for source in sources
            # Nothing is known of the policies of a caller that was made up.
            if source.layer != "identity"
            or call.identity.principal == self._call.identity.principal
        ]
        return all(each == "ALLOW" for each in verdicts) is allowed

    def _changed(self, changes: _Together) -> Call:
        call = self._call
        for each in changes:
            if each.make is not None:
                call = each.make(call)
        return call

    def rest(self, changes: _Together) -> str:
        """Say what is not known of a caller that was made up."""
        identity = self._changed(changes).identity
        if identity.principal == self._call.identity.principal:
            return ""
        if identity.is_anonymous:
            return ""
        return " (the policies of that caller have to allow it too)"

    def to_allow(self, result: LayerResult) -> list[_Together]:
        """Collect the ways in which one layer would allow."""
        source = result.source
        compiled = rows(source)
        denying = [row for row in compiled if row.statement in result.deciding]
        escapes = [list(self._breaks(row)) for row in denying]
        grants: list[_Together] = [()]
        if not any(
            each.applies for each in result.statements if _allows(each.statement)
        ):
            grants = [
                ways
                for row in compiled
                if _allows(row.statement) and (ways := self._meets(row))
            ]
        found = [
            tuple(change for part in (grant, *escape) for change in part)
            for grant in grants
            for escape in islice(product(*escapes), _TRIED)
        ]
        # What a statement asks for may be just what another does not deny.
        found = sorted([*grants, *found], key=len)
        return [*found[:_TRIED], (self._by_policy(result),)]

    def to_deny(self, result: LayerResult) -> list[_Together]:
        """Collect the ways in which one layer would no longer allow."""
        compiled = rows(result.source)
        allowing = [row for row in compiled if row.statement in result.deciding]
        escapes = [list(self._breaks(row)) for row in allowing]
        found = [
            tuple(change for part in escape for change in part)
            for escape in islice(product(*escapes), _TRIED)
        ]
        found += [
            ways
            for row in compiled
            if row.statement.effect == "Deny" and (ways := self._meets(row))
        ]
        return found

    def _by_policy(self, result: LayerResult) -> Change:
        source, call = result.source, self._call
        if result.verdict == "EXPLICIT_DENY":
            labels = " and ".join(each.label for each in result.deciding)
            return Change(f"{labels} of the {source.name} did not deny", None, source)
        there_is = "the" if source.policies else "there were an"
        that = "" if source.policies else "that "
        text = f"{there_is} {source.name} {that}allowed {call.action}"
        return Change(f"{text} on {call.resource}", None, source)

    def _meets(self, row: Row) -> _Together:
        """Change the call so that a statement applies; nothing where none would do."""
        changes = []
        for element in row.elements:
            if element.test(self._call):
                continue
            change = self._element(row, element, wanted=True)
            if change is None:
                return ()
            changes.append(change)
        return tuple(changes)

    def _breaks(self, row: Row) -> Iterator[_Together]:
        """Change the call so that a statement does not apply, in each way."""
        for element in row.elements:
            change = self._element(row, element, wanted=False)
            if change is not None:
                yield (change,)

    def _element(self, row: Row, element: Element, *, wanted: bool) -> Change | None:
        """Find the first change that makes an element apply, or not."""
        for change in self._candidates(row, element, wanted=wanted):
            if change.make and element.test(change.make(self._call)) is wanted:
                text = None if wanted else _escape(row.statement, element)
                return change._replace(text=text or change.text)
        return None

    def _candidates(
        self, row: Row, element: Element, *, wanted: bool
    ) -> Iterator[Change]:
        if element.condition is not None:
            return for_condition(
                element.condition,
                self._call,
                variables=row.policy.has_variables,
                wanted=wanted,
            )
        if element.name.endswith("Principal"):
            return for_principal(row.statement, self._call)
        if element.name.endswith("Resource"):
            return for_resource(row.policy, row.statement, self._call)
        return iter(())


def _escape(statement: Statement, element: Element) -> str | None:
    """Say how an element would not apply, where one example would mislead."""
    if element.name == "Resource":
        return f"the path were not one of {shown(statement.resources)}"
    if element.name == "Principal" and statement.principals is not None:
        return f"the caller were not {shown_principals(statement.principals)}"
    return None


def _allows(statement: Statement) -> bool:
    return statement.effect == "Allow"
