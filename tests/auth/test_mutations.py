"""The tables kill every mutant of the engine.

Each mutant is a small mistake that somebody could make in the engine.  With it in
place, at least one row of the two tables has to come out wrong, else a table has a
hole.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_lattice.auth import conditions, evaluate, keys, principal
from pytest_lattice.auth.conditions import OPERATORS, Row, Value
from pytest_lattice.auth.evaluate import Denial, Layer, PolicySource
from pytest_lattice.model.auth_policy import Condition, Policy, Statement
from tests.auth import decision_table
from tests.auth.decision_table import wrong_cases
from tests.auth.operator_table import wrong_rows

Patch = pytest.MonkeyPatch
Holds = Callable[[Value, Any], bool]


@pytest.fixture(autouse=True)
def _no_compiled_rows() -> Iterator[None]:
    """Let no mutant meet what was compiled before it, or leave something behind."""
    evaluate.rows.cache_clear()
    keys.find_key.cache_clear()
    yield
    evaluate.rows.cache_clear()
    keys.find_key.cache_clear()


def is_killed_by_operators() -> bool:
    """Tell whether a row of the operators comes out wrong, or breaks."""
    return any(True for _ in wrong_rows())


def is_killed_by_decisions() -> bool:
    """Tell whether a case of the decisions comes out wrong."""
    return any(True for _ in wrong_cases())


def test_without_a_mutant_all_is_well() -> None:
    """The engine as it is gets every row right."""
    assert list(wrong_rows()) == []
    assert list(wrong_cases()) == []


# ---- operators --------------------------------------------------------------


def _negated(row: Row) -> Row:
    return row._replace(negated=not row.negated)


def _inverted(row: Row) -> Row:
    return row._replace(matches=lambda value, wanted: not row.matches(value, wanted))


def _always(row: Row) -> Row:
    return row._replace(matches=lambda *_: True)


def _never(row: Row) -> Row:
    return row._replace(matches=lambda *_: False)


def _wildcards(row: Row) -> Row:
    flipped = not row.family.wildcards
    return row._replace(family=row.family._replace(wildcards=flipped))


def _variables(row: Row) -> Row:
    flipped = not row.family.variables
    return row._replace(family=row.family._replace(variables=flipped))


@pytest.mark.parametrize(
    "mutate", [_negated, _inverted, _always, _never, _wildcards, _variables]
)
@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "Null"])
def test_operator_mutant(
    name: str, mutate: Callable[[Row], Row], monkeypatch: Patch
) -> None:
    """An operator that compares otherwise, or reads values otherwise, is found."""
    monkeypatch.setitem(OPERATORS, name, mutate(OPERATORS[name]))

    assert is_killed_by_operators()


@pytest.mark.parametrize(
    ("name", "neighbor"),
    [
        ("StringEquals", "StringEqualsIgnoreCase"),
        ("StringEqualsIgnoreCase", "StringEquals"),
        ("StringEquals", "StringLike"),
        ("StringLike", "StringEquals"),
        ("StringNotLike", "StringNotEquals"),
        ("NumericLessThan", "NumericLessThanEquals"),
        ("NumericLessThanEquals", "NumericLessThan"),
        ("NumericGreaterThan", "NumericGreaterThanEquals"),
        ("NumericGreaterThanEquals", "NumericEquals"),
        ("NumericEquals", "StringEquals"),
        ("DateLessThan", "DateLessThanEquals"),
        ("DateGreaterThanEquals", "DateGreaterThan"),
        ("DateEquals", "StringEquals"),
        ("Bool", "StringEquals"),
        ("BinaryEquals", "StringEqualsIgnoreCase"),
        ("IpAddress", "StringEquals"),
        ("ArnLike", "StringLike"),
        ("ArnEquals", "StringEquals"),
        ("ArnNotEquals", "StringNotLike"),
    ],
)
def test_operator_that_is_its_neighbor(
    name: str, neighbor: str, monkeypatch: Patch
) -> None:
    """An operator that does what a similar one does is found."""
    monkeypatch.setitem(OPERATORS, name, OPERATORS[neighbor])

    assert is_killed_by_operators()


# ---- missing keys, quantifiers, several values ------------------------------

real_plain, real_all, real_any, real_null = (
    conditions._plain,  # noqa: SLF001  # what is mutated
    conditions._for_all,  # noqa: SLF001  # see above
    conditions._for_any,  # noqa: SLF001  # see above
    conditions._null,  # noqa: SLF001  # see above
)


def _missing_flipped(single: Any, *, missing: bool, any_value: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_plain(single, missing=not missing, any_value=any_value)


def _missing_always_fails(single: Any, *, missing: bool, any_value: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_plain(single, missing=False, any_value=any_value)


def _several_as_any(single: Any, *, missing: bool, any_value: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_plain(single, missing=missing, any_value=True)


def _several_never(single: Any, *, missing: bool, any_value: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_plain(single, missing=missing, any_value=False)


def _all_needs_the_key(single: Any) -> Holds:  # noqa: ANN401  # see conditions
    holds = real_all(single)
    return lambda value, look: not conditions.is_null(value) and holds(value, look)


def _all_is_any(single: Any) -> Holds:  # noqa: ANN401  # see conditions
    return real_any(single, if_exists=True)


def _any_is_all(single: Any, *, if_exists: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_all(single)


def _any_ignores_if_exists(single: Any, *, if_exists: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_any(single, if_exists=False)


def _any_without_a_key(single: Any, *, if_exists: bool) -> Holds:  # noqa: ANN401  # see conditions
    return real_any(single, if_exists=True)


def _null_inverted(condition: Condition) -> Holds:
    holds = real_null(condition)
    return lambda value, look: not holds(value, look)


def _null_only_absent(condition: Condition) -> Holds:
    holds = real_null(condition)
    return lambda value, look: holds(None if value is None else "x", look)


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("_plain", _missing_flipped),
        ("_plain", _missing_always_fails),
        ("_plain", _several_as_any),
        ("_plain", _several_never),
        ("_for_all", _all_needs_the_key),
        ("_for_all", _all_is_any),
        ("_for_any", _any_is_all),
        ("_for_any", _any_ignores_if_exists),
        ("_for_any", _any_without_a_key),
        ("_null", _null_inverted),
        ("_null", _null_only_absent),
        ("is_null", lambda value: value is None),
        ("fill", lambda parts, look: ("",)),
    ],
)
def test_combining_mutant(
    name: str, mutant: Callable[..., object], monkeypatch: Patch
) -> None:
    """Another treatment of missing keys or of several values is found."""
    monkeypatch.setattr(conditions, name, mutant)

    assert is_killed_by_operators()


# ---- decisions --------------------------------------------------------------

real_evaluate, real_compile = evaluate.evaluate, evaluate.compile_layer
real_elements = evaluate._elements  # noqa: SLF001  # what is mutated


@pytest.mark.parametrize(
    "kind",
    [
        "network-based policy",
        "service-based policy",
        "identity-based policy",
        "permissions boundary",
        "session policy",
        "service control policy",
    ],
)
def test_dropped_layer(kind: str, monkeypatch: Patch) -> None:
    """An engine that does not ask one kind of policy is found."""

    def mutant(layers: list[Layer], call: Any) -> Denial | None:  # noqa: ANN401  # see evaluate
        return real_evaluate(
            [each for each in layers if each.source.kind != kind], call
        )

    monkeypatch.setattr(decision_table, "evaluate", mutant)

    assert is_killed_by_decisions()


def _swapped(layer: Layer) -> Layer:
    return layer._replace(denies=layer.allows, allows=layer.denies)


def _without_denies(layer: Layer) -> Layer:
    return layer._replace(denies=())


def _without_allows(layer: Layer) -> Layer:
    return layer._replace(allows=())


def _first_allow_only(layer: Layer) -> Layer:
    return layer._replace(allows=layer.allows[:1])


@pytest.mark.parametrize(
    "mutate", [_swapped, _without_denies, _without_allows, _first_allow_only]
)
def test_effect_mutant(mutate: Callable[[Layer], Layer], monkeypatch: Patch) -> None:
    """An engine that mistakes Allow and Deny, or forgets one, is found."""
    monkeypatch.setattr(
        decision_table,
        "compile_layer",
        lambda *arguments, **options: mutate(real_compile(*arguments, **options)),
    )

    assert is_killed_by_decisions()


def test_reversed_reporting(monkeypatch: Patch) -> None:
    """An engine that reports the last denial in place of the first is found."""
    monkeypatch.setattr(
        decision_table,
        "evaluate",
        lambda layers, call: real_evaluate(list(reversed(layers)), call),
    )

    assert is_killed_by_decisions()


def test_implicit_before_explicit(monkeypatch: Patch) -> None:
    """An engine that goes layer by layer, in place of denies first, is found."""

    def mutant(layers: list[Layer], call: Any) -> Denial | None:  # noqa: ANN401  # see evaluate
        found = (real_evaluate([layer], call) for layer in layers)
        return next((each for each in found if each is not None), None)

    monkeypatch.setattr(decision_table, "evaluate", mutant)

    assert is_killed_by_decisions()


@pytest.mark.parametrize(
    "name",
    [
        *("Action", "Principal", "Resource", "Condition"),
        *("NotAction", "NotPrincipal", "NotResource"),
    ],
)
def test_dropped_element(name: str, monkeypatch: Patch) -> None:
    """An engine that does not look at one element of a statement is found."""

    def mutant(
        source: PolicySource, policy: Policy, statement: Statement
    ) -> Iterator[evaluate.Element]:
        for each in real_elements(source, policy, statement):
            if each.name != name:
                yield each

    monkeypatch.setattr(evaluate, "_elements", mutant)

    assert is_killed_by_decisions()


def _not(test: evaluate.Applies) -> evaluate.Applies:
    return lambda call: not test(call)


@pytest.mark.parametrize(
    "name", ["Action", "Principal", "Resource", "Condition", "NotPrincipal"]
)
def test_inverted_element(name: str, monkeypatch: Patch) -> None:
    """An engine that takes an element for its opposite is found."""

    def mutant(
        source: PolicySource, policy: Policy, statement: Statement
    ) -> Iterator[evaluate.Element]:
        for each in real_elements(source, policy, statement):
            yield each._replace(test=_not(each.test)) if each.name == name else each

    monkeypatch.setattr(evaluate, "_elements", mutant)

    assert is_killed_by_decisions()


# Keys that no case asks for; `test_keys.py` reads them.
UNTOLD = {
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:ResourceOrgID",
    "aws:UserAgent",
    "aws:referer",
}
TOLD = [
    key.name
    for key in keys.KEYS.values()
    if key.read is not keys._absent and key.name not in UNTOLD  # noqa: SLF001  # what is mutated
]


def _giving(value: str | None) -> keys.Reader:
    return lambda _: value


@pytest.mark.parametrize("name", TOLD)
def test_key_that_is_not_read(name: str, monkeypatch: Patch) -> None:
    """An engine that never finds a key's value is found, or that finds another one."""
    key = keys.KEYS[name.lower()]
    killed = []
    for value in (None, "something else"):
        mutant = key._replace(read=_giving(value))
        monkeypatch.setitem(keys.KEYS, name.lower(), mutant)
        keys.find_key.cache_clear()
        evaluate.rows.cache_clear()
        killed.append(is_killed_by_decisions())

    assert any(killed)


real_suffixed = dict(keys._SUFFIXED)  # noqa: SLF001  # what is mutated


@pytest.mark.parametrize(
    "prefix", [name for name in real_suffixed if name != "aws:RequestTag/"]
)
def test_suffixed_key_that_is_not_read(prefix: str, monkeypatch: Patch) -> None:
    """An engine that never finds a header, a parameter or a tag is found."""
    monkeypatch.setitem(keys._SUFFIXED, prefix, lambda *_: None)  # noqa: SLF001  # see above

    assert is_killed_by_decisions()


@pytest.mark.parametrize("field", ["accounts", "arns", "providers"])
def test_principal_mutant(field: str, monkeypatch: Patch) -> None:
    """An engine that forgets one form of a principal is found."""
    real = principal._named  # noqa: SLF001  # what is mutated
    forget: dict[str, Any] = {field: frozenset()}
    monkeypatch.setattr(
        principal, "_named", lambda principals: real(principals)._replace(**forget)
    )

    assert is_killed_by_decisions()


@pytest.mark.parametrize("version", ["2012-10-17", "2008-10-17"])
def test_version_mutant(version: str, monkeypatch: Patch) -> None:
    """An engine that takes every policy for one of one version is found."""
    monkeypatch.setattr(Policy, "has_variables", version == "2012-10-17")

    assert is_killed_by_decisions()
