"""Where a value was written, as text."""

import pytest

from pytest_lattice import Service
from pytest_lattice.model.source import SourceLocation, called, names_there, written


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (SourceLocation("infra/orders.yaml", 42, "Rule"), "infra/orders.yaml:42, Rule"),
        (SourceLocation("infra/orders.yaml", 42), "infra/orders.yaml:42"),
        (SourceLocation("plan.json", name="a.b"), "plan.json, a.b"),
        (SourceLocation("orders.yaml"), "orders.yaml"),
    ],
)
def test_places_read_as_editors_understand_them(
    source: SourceLocation, text: str
) -> None:
    """File and line come first, then the name; what is not known is left out."""
    assert str(source) == text
    assert written(source) == f" ({text})"


def test_a_value_is_called_with_its_place() -> None:
    """A value that Python declared has no place; a loaded one has, and stays equal."""
    loaded = Service("shop", source=SourceLocation("shop.yaml", 3, "Shop"))

    assert called("service", Service("shop")) == "service `shop`"
    assert called("service", loaded) == "service `shop` (shop.yaml:3, Shop)"
    assert loaded == Service("shop")
    assert repr(loaded) == "Service('shop')"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (None, ()),
        (SourceLocation("shop.yaml", 3), ()),
        (SourceLocation("shop.yaml", 3, "Shop"), ("Shop",)),
        (SourceLocation("shop.yaml", 3, "Service a/b"), ("Service a/b", "a/b")),
    ],
)
def test_a_document_has_names_for_a_value(
    source: SourceLocation | None, names: tuple[str, ...]
) -> None:
    """The whole name counts, and the last word of one that tells a kind too."""
    assert names_there(source) == names
