"""What to choose where AWS is silent."""

from typing import Any

import pytest

from pytest_lattice.model.auth_settings import AuthSettings
from tests.model.refusals import refused

CHOICES = {
    "path_encoding": ["either", "double", "single"],
    "unknown_keys": ["error", "warn"],
    "key_case": ["ignored", "exact"],
    "multivalued": ["never", "any"],
    "anonymous_identity": ["absent", "empty"],
    "identity_order": ["as seen", "reversed"],
}


def test_defaults() -> None:
    """The first choice is the default, and the limits are those of AWS's guide."""
    settings = AuthSettings()

    assert {name: getattr(settings, name) for name in CHOICES} == {
        name: choices[0] for name, choices in CHOICES.items()
    }
    assert settings.clock_window_seconds == 300
    assert settings.policy_bytes == 10_240
    assert settings.verify_where_none is True
    assert settings.anonymous_user == "Anonymous"


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_passes(name: str) -> None:
    """Each of a setting's choices is taken."""
    for choice in CHOICES[name]:
        fields: dict[str, Any] = {name: choice}

        assert getattr(AuthSettings(**fields), name) == choice


@pytest.mark.parametrize("name", CHOICES)
def test_another_choice_is_refused(name: str) -> None:
    """Anything else is refused with the choices."""
    known = ", ".join(f"`{each}`" for each in sorted(CHOICES[name]))

    assert refused(AuthSettings, **{name: "zzz"}) == [
        f"unknown auth setting {name} `zzz`",
        f"known: {known}",
    ]


@pytest.mark.parametrize("value", [1, 300, 86_400])
def test_clock_window_passes(value: int) -> None:
    """The clock window is from a second to a day."""
    assert AuthSettings(clock_window_seconds=value).clock_window_seconds == value


@pytest.mark.parametrize("value", [0, -1, 86_401, 1.5, "300", True, None])
def test_clock_window_is_refused(value: object) -> None:
    """Another clock window is refused with what was written."""
    assert refused(AuthSettings, clock_window_seconds=value) == [
        f"clock window `{value!r}` is not from 1 to 86400 seconds"
    ]


@pytest.mark.parametrize("value", [1, 10_240, 36_864])
def test_policy_size_passes(value: int) -> None:
    """A policy may have up to what the API model takes."""
    assert AuthSettings(policy_bytes=value).policy_bytes == value


@pytest.mark.parametrize("value", [0, 36_865, "10", False, None])
def test_policy_size_is_refused(value: object) -> None:
    """Another size is refused with what was written."""
    assert refused(AuthSettings, policy_bytes=value) == [
        f"policy size `{value!r}` is not from 1 to 36864 bytes"
    ]


def test_repr() -> None:
    """Settings print as they are written."""
    assert repr(AuthSettings()) == "AuthSettings()"
    assert repr(AuthSettings(multivalued="any")) == "AuthSettings(multivalued='any')"
