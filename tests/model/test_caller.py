"""Roles and users, and the credentials that prove who they are."""

import copy
import pickle
import re
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pytest_lattice.model.caller import Certificate, Role, User, kind_of
from tests.model.refusals import refused

ACCOUNT = "123456789012"
POLICY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",'
    '"Action":"vpc-lattice-svcs:Invoke","Resource":"*"}]}'
)
LATE = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
MANAGED = "arn:aws:iam::aws:policy/VPCLatticeServicesInvokeAccess"


# ---- ids --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (Role("reader").user_id, r"AROA[A-Z2-7]{17}:test-session"),
        (User("ann").user_id, r"AIDA[A-Z2-7]{17}"),
        (Role("reader").credentials.access_key_id, r"ASIA[A-Z2-7]{16}"),
        (User("ann").credentials.access_key_id, r"AKIA[A-Z2-7]{16}"),
        (Role("reader").credentials.secret_access_key, r"[A-Za-z0-9/+]{40}"),
        (User("ann").credentials.secret_access_key, r"[A-Za-z0-9/+]{40}"),
    ],
)
def test_ids_have_awss_patterns(text: str, pattern: str) -> None:
    """Unique ids, access keys and secrets look like AWS's."""
    assert re.fullmatch(pattern, text)


def test_arns() -> None:
    """A role, its session and a user have AWS's ARNs; a session's has no path."""
    role = Role("reader", path="/a/b/", session="s1", account="999999999999")
    user = User("ann", path="/a/")

    assert role.arn == "arn:aws:iam::999999999999:role/a/b/reader"
    assert role.principal == "arn:aws:sts::999999999999:assumed-role/reader/s1"
    assert role.id == role.principal
    assert user.arn == f"arn:aws:iam::{ACCOUNT}:user/a/ann"
    assert user.principal == user.id == user.arn


def test_ids_never_change() -> None:
    """Ids derive from names, so they are the same in every run."""
    assert Role("reader").user_id == Role("reader").user_id
    assert Role("reader").user_id == "AROA7MZGR6ZJXKJ2YVKZR:test-session"
    assert Role("reader").credentials.access_key_id == "ASIADZX2FKQJJK6HOSAG"
    assert User("ann").credentials.access_key_id == "AKIAB5ZDVNWOQCYPA2YX"


def test_sessions_differ() -> None:
    """Sessions share the role's unique id, and nothing of their credentials."""
    one, two = Role("reader", session="s1"), Role("reader", session="s2")
    keys = [
        each.credentials
        for each in (one, two, User("reader"), Role("reader", account="999999999999"))
    ]

    assert one.user_id.partition(":")[0] == two.user_id.partition(":")[0]
    assert len({each.access_key_id for each in keys}) == 4
    assert len({each.secret_access_key for each in keys}) == 4
    assert len({each.session_token for each in keys}) == 4


# ---- policies ---------------------------------------------------------------


def test_policies_are_kept_as_text() -> None:
    """Documents are taken as AWS keeps them, managed policies as ARNs."""
    statement = {
        "Effect": "Allow",
        "Action": "vpc-lattice-svcs:Invoke",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Statement": statement}
    role = Role(
        "reader",
        policies=[document, "VPCLatticeServicesInvokeAccess", MANAGED],
        permissions_boundary=document,
        session_policies=[document],
        service_control_policies=[document, POLICY],
    )

    assert role.policies == (POLICY, MANAGED, MANAGED)
    assert role.permissions_boundary == POLICY
    assert role.session_policies == (POLICY,)
    assert role.service_control_policies == (POLICY, POLICY)
    assert User("ann", policies=[document]).policies == (POLICY,)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"policies": POLICY},
            [
                "role `reader`: policies is not a list",
                f"write [{POLICY!r}]",
            ],
        ),
        (
            {"policies": {"Statement": []}},
            [
                "role `reader`: policies is one document, not a list",
                "put it in brackets: [{…}]",
            ],
        ),
        (
            {"policies": ["{}", "{"]},
            [
                (
                    "role `reader`: policies[1] is not JSON: line 1, column 2: "
                    "expecting property name enclosed in double quotes"
                )
            ],
        ),
        (
            {"permissions_boundary": "["},
            [
                (
                    "role `reader`: permissions boundary is not JSON: line 1, "
                    "column 2: expecting value"
                )
            ],
        ),
        (
            {"session_policies": [7]},
            [
                "role `reader`: session policies is a int, not a policy document",
                (
                    'write a mapping or its JSON: {"Version": "2012-10-17", '
                    '"Statement": […]}'
                ),
            ],
        ),
        (
            {"tags": ["team"]},
            ["tags `['team']` are not a mapping", 'write {"key": "value"}'],
        ),
        (
            {"tags": {"a;b": ""}},
            [
                (
                    "role `reader`: tag key `a;b` is not 1 to 128 of letters, digits, "
                    "spaces and _.:/=+-@"
                )
            ],
        ),
        (
            {"session_tags": {"AWS:x": ""}},
            [
                "role `reader`: session tag key `AWS:x` begins with `aws:`",
                "only AWS sets such tags",
            ],
        ),
        (
            {"tags": {"note": "a\nb"}},
            [
                (
                    "role `reader`: value `a\\nb` of tag `note` is not 0 to 256 of "
                    "letters, digits, spaces and _.:/=+-@"
                )
            ],
        ),
        (
            {"tags": {"Team": "", "team": ""}},
            [
                "role `reader`: tags `Team` and `team` have one key",
                "keys that differ only by case are the same to IAM",
            ],
        ),
        (
            {"session_tags": {str(number): "" for number in range(51)}},
            ["role `reader`: there are 51 session tags; AWS allows 50"],
        ),
        (
            {"path": "team"},
            [
                "role `reader`: path `team` does not begin and end with `/`",
                "write '/team/'",
            ],
        ),
        (
            {"session": "a"},
            [
                (
                    "role `reader`: session `a` is not 2 to 64 of letters, digits "
                    "and +=,.@-"
                )
            ],
        ),
        ({"session": None}, ["role `reader`: session `None` is not text"]),
        (
            {"source_identity": ["ann"]},
            ["role `reader`: source identity `['ann']` is not text"],
        ),
        (
            {"federated_provider": 0},
            ["role `reader`: federated provider `0` is not text"],
        ),
        (
            {"account": "1"},
            ["account `1` is not 12 digits"],
        ),
        (
            {"org_id": "exampleorgid"},
            [
                "role `reader`: `exampleorgid` is not the id of an organization",
                "one is like o-exampleorgid",
            ],
        ),
        (
            {"org_path": "o-exampleorgid/r-ab12/"},
            [
                (
                    "role `reader`: organization path `o-exampleorgid/r-ab12/` does "
                    "not begin with its org_id"
                ),
                "a path is like o-exampleorgid/r-ab12/ou-ab12-11111111/",
            ],
        ),
        (
            {"org_id": "o-exampleorgid", "org_path": "o-exampleorgid/\r\nx"},
            [
                (
                    "role `reader`: organization path `o-exampleorgid/\\r\\nx` has a "
                    "character that no header can carry"
                )
            ],
        ),
        (
            {"org_id": "o-exampleorgid", "org_path": 7},
            ["role `reader`: organization path `7` is not text"],
        ),
        (
            {"issued": None},
            ["role `reader`: issued `None` is not a time with a time zone"],
        ),
        (
            {"expires": LATE},
            [f"role `reader`: expires `{LATE}` is not in the years 1 to 9999 of UTC"],
        ),
        (
            {"expires": datetime(2026, 1, 1, tzinfo=UTC)},
            [
                (
                    "role `reader`: expires `2026-01-01 00:00:00+00:00` is not after "
                    "issued `2026-01-01 00:00:00+00:00`"
                ),
                "say when it was issued: issued=…",
            ],
        ),
        (
            {"issued": datetime(2026, 1, 1)},  # noqa: DTZ001  # what is refused
            [
                (
                    "role `reader`: issued `2026-01-01 00:00:00` is not a time with "
                    "a time zone"
                )
            ],
        ),
        (
            {"expires": "never"},
            ["role `reader`: expires `never` is not a time with a time zone"],
        ),
        (
            {"certificate": "x"},
            ["role `reader`: certificate `'x'` is not a Certificate"],
        ),
    ],
)
def test_role_is_refused(fields: dict[str, object], expected: list[str]) -> None:
    """What IAM would refuse is refused with the role's name."""
    assert refused(Role, "reader", **fields) == expected


@pytest.mark.parametrize(
    "tags",
    [
        {f"t{number}": "" for number in range(50)},
        {"k" * 128: "v" * 256},
        {" _.:/=+-@": "@-+=/:._ "},
        {"Straße 1": "東京\u2003Ⅳ½"},
        {"xaws:": "aws:"},
    ],
    ids=["fifty", "long", "signs", "any-script", "aws-inside"],
)
def test_tags_pass(tags: dict[str, str]) -> None:
    """Tags are kept as they were given, those of sessions too."""
    role = Role("reader", tags=tags, session_tags=tags)

    assert role.tags == role.session_tags == User("ann", tags=tags).tags == tags


@pytest.mark.parametrize(
    "text", ["", "k" * 129, "a\0", "\u200d", "\ud800", "a*", "e\u0301"]
)
def test_key_of_a_tag_is_refused(text: str) -> None:
    """A key that IAM does not take is refused in one line that can be printed."""
    (line,) = refused(User, "ann", tags={text: ""})

    assert line.endswith("is not 1 to 128 of letters, digits, spaces and _.:/=+-@")
    assert line.isprintable()
    assert len(line) < 160


@pytest.mark.parametrize("text", ["v" * 257, "a;b", "\udfff", "a\tb"])
def test_value_of_a_tag_is_refused(text: str) -> None:
    """A value that IAM does not take is refused in one line that can be printed."""
    (line,) = refused(User, "ann", tags={"k": text})

    assert line.endswith("is not 0 to 256 of letters, digits, spaces and _.:/=+-@")
    assert line.isprintable()
    assert len(line) < 160


def test_times_are_kept_in_utc() -> None:
    """Times of any zone are taken as UTC, the first and the last included."""
    ahead = timezone(timedelta(hours=2))
    role = Role(
        "reader",
        issued=datetime(1, 1, 1, tzinfo=UTC),
        expires=datetime(2026, 1, 1, tzinfo=ahead),
    )

    assert role.issued == datetime.min.replace(tzinfo=UTC)
    assert repr(role.expires) == repr(datetime(2025, 12, 31, 22, tzinfo=UTC))
    assert replace(role, expires=datetime.max.replace(tzinfo=UTC)).expires


@pytest.mark.parametrize("name", ["a", "a" * 64, "Reader_1+=,.@-"])
def test_name_passes(name: str) -> None:
    """A name has 1 to 64 of IAM's characters."""
    assert Role(name).name == User(name).name == name


@pytest.mark.parametrize("name", ["", "a" * 65, "a b", "a/b", "rôle", "a\n"])
def test_name_is_refused(name: str) -> None:
    """Another name is refused."""
    law = "is not 1 to 64 of letters, digits and +=,.@-_"

    assert refused(Role, name) == [f"role name `{name}` {law}"]
    assert refused(User, name) == [f"user name `{name}` {law}"]


def test_name_is_text() -> None:
    """A name is text."""
    assert refused(User, 7) == ["the name of a user `7` is not text"]


@pytest.mark.parametrize("path", ["/", "/a/", "/a/b/"])
def test_path_passes(path: str) -> None:
    """A path begins and ends with a slash."""
    assert Role("reader", path=path).path == path


def test_certificate_is_text() -> None:
    """Each attribute of a certificate is text."""
    assert refused(Certificate, san_uri=7) == ["certificate: san_uri `7` is not text"]
    assert Certificate(subject_cn="a").subject_cn == "a"


@pytest.mark.parametrize(
    ("text", "shown"), [("a\r\nb", r"a\r\nb"), ("\x7f", r"\x7f"), ("\ud800", r"\ud800")]
)
def test_certificate_can_be_carried(text: str, shown: str) -> None:
    """What would break a header is no attribute of a certificate."""
    assert refused(Certificate, subject_cn=text) == [
        f"certificate: subject_cn `{shown}` has a character that no header can carry"
    ]


# ---- manners ----------------------------------------------------------------


def test_repr() -> None:
    """Callers print as they are written."""
    assert repr(Role("reader")) == "Role('reader')"
    assert repr(User("ann", tags={"team": "fx"})) == "User('ann', tags={'team': 'fx'})"


@pytest.mark.parametrize("caller", [Role("reader"), User("ann")], ids=["role", "user"])
def test_callers_are_values(caller: Role | User) -> None:
    """Callers are equal by what they hold, can be copied, and never change."""
    assert caller == replace(caller)
    assert hash(caller) == hash(replace(caller))
    assert copy.deepcopy(caller) == caller
    assert pickle.loads(pickle.dumps(caller)) == caller  # noqa: S301  # our own
    with pytest.raises(FrozenInstanceError):
        caller.name = "other"  # type: ignore[misc]  # what is refused


def test_kind() -> None:
    """A caller is a role or a user."""
    assert (kind_of(Role("reader")), kind_of(User("ann"))) == ("role", "user")
