"""What signers sign with: credentials that derive from the caller's names."""

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.credentials import Credentials


@pytest.mark.parametrize("caller", [Role("reader"), User("ann")], ids=["role", "user"])
@pytest.mark.parametrize("write", [repr, str, "{!r:}".format, ascii])
def test_no_secret_is_shown(
    caller: Role | User, write: Callable[[object], str]
) -> None:
    """Neither the caller's text nor that of its credentials shows a secret."""
    credentials = caller.credentials
    secrets = [credentials.secret_access_key, credentials.session_token or "\0"]

    for shown in (write(caller), write(credentials), write([credentials])):
        assert not any(secret in shown for secret in secrets)
    assert repr(credentials) == f"<Credentials {credentials.access_key_id}>"


def test_botocore_takes_credentials_as_they_are() -> None:
    """Credentials have the attributes that botocore's signers read."""
    expires = datetime(2026, 1, 1, tzinfo=UTC)
    credentials = Credentials("ASIA1", "secret", "token", expires=expires)

    assert credentials.access_key == "ASIA1"
    assert credentials.secret_key == "secret"
    assert credentials.token == "token"
    assert credentials.get_frozen_credentials() is credentials
    assert credentials.expires == expires


def test_environment_variables() -> None:
    """The environment variables are those of AWS's tools; a user has no token."""
    assert Credentials("ASIA1", "secret", "token").environ() == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }
    assert User("ann").credentials.environ().keys() == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }


def test_credentials_are_values() -> None:
    """Credentials are equal by all that they hold, and can be copied."""
    end = datetime(2026, 2, 1, tzinfo=UTC)
    credentials = Credentials("ASIA1", "secret", "token", expires=end)
    others = [
        Credentials("ASIA2", "secret", "token", expires=end),
        Credentials("ASIA1", "other", "token", expires=end),
        Credentials("ASIA1", "secret", None, expires=end),
        Credentials("ASIA1", "secret", "token"),
    ]

    for same in (
        Credentials("ASIA1", "secret", "token", expires=end),
        copy.copy(credentials),
        copy.deepcopy(credentials),
        pickle.loads(pickle.dumps(credentials)),  # noqa: S301  # our own
    ):
        assert same == credentials
        assert hash(same) == hash(credentials)
    assert len({credentials, *others}) == 5
    assert credentials != "ASIA1"


def test_changed_credentials_are_ones_own() -> None:
    """Whoever changes what a caller gave changes nobody else's."""
    role = Role("reader")
    taken = role.credentials
    taken.session_token = None

    assert role.credentials == Role("reader").credentials != taken


def test_expiry_is_the_roles() -> None:
    """A role's credentials end when it says; a user's never do."""
    end = datetime(2026, 2, 1, tzinfo=UTC)

    assert Role("reader", expires=end).credentials.expires == end
    assert Role("reader").credentials.expires is None
    assert User("ann").credentials.expires is None
