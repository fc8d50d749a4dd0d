"""A step of a decision as a value."""

from pytest_lattice.decision.step import Step


def test_steps_are_compared_by_value() -> None:
    """Two steps that say the same are equal; the path is left out mostly."""
    assert Step("VPC", passed=True, text="a") == Step("VPC", passed=True, text="a")
    assert Step("VPC", passed=True, text="a").path is None
