"""Callers as policies see them."""

from pytest_lattice.auth.identity import ANONYMOUS, Identity, identity_of
from pytest_lattice.model.caller import Role, User

ACCOUNT = "123456789012"


def test_role() -> None:
    """A role is known by its own ARN, and named by that of its session."""
    role = Role("reader", path="/a/", session="s1")

    assert identity_of(role) == Identity(
        label="role `reader`",
        principal=f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s1",
        account=ACCOUNT,
        user_id=role.user_id,
        type="AssumedRole",
        arn=f"arn:aws:iam::{ACCOUNT}:role/a/reader",
        caller=role,
    )


def test_user() -> None:
    """A user is known and named by its ARN."""
    user = User("ann", account="999999999999", tags={"Team": "fx"})

    assert identity_of(user) == Identity(
        label="user `ann`",
        principal="arn:aws:iam::999999999999:user/ann",
        account="999999999999",
        user_id=user.user_id,
        type="User",
        arn="arn:aws:iam::999999999999:user/ann",
        tags={"Team": "fx"},
        tag_values={"team": "fx"},
        caller=user,
    )


def test_anonymous() -> None:
    """Who did not sign has a type, an account and an id that say so, and no ARN."""
    assert ANONYMOUS.is_anonymous
    assert ANONYMOUS[:6] == (
        "an anonymous caller",
        "anonymous",
        "anonymous",
        "anonymous",
        "Anonymous",
        None,
    )
    assert not identity_of(User("ann")).is_anonymous


def test_session_tag_wins() -> None:
    """A session tag takes the place of the role's."""
    role = Role("reader", tags={"team": "fx", "a": "1"}, session_tags={"team": "ops"})
    found = identity_of(role)

    assert found.tags == {"team": "ops", "a": "1"}
    assert found.tag_values == {"team": "ops", "a": "1"}


def test_session_tag_of_other_case_wins() -> None:
    """A session tag takes the place of a role's whose key differs by case."""
    role = Role("reader", tags={"Team": "fx"}, session_tags={"team": "ops"})

    assert identity_of(role).tags == {"team": "ops"}


def test_organization() -> None:
    """The organization of an account counts where the caller names none itself."""
    own = Role("reader", org_id="o-exampleorgid", org_path="o-exampleorgid/r-ab12/")

    assert identity_of(Role("reader"), org_id="o-anotherorgid").org_id == (
        "o-anotherorgid"
    )
    assert identity_of(own, org_id="o-anotherorgid").org_id == "o-exampleorgid"
    assert identity_of(own).org_path == "o-exampleorgid/r-ab12/"
    assert identity_of(Role("reader")).org_id is None
