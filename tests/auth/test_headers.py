"""The headers that tell a target who calls."""

import pytest

from pytest_lattice.auth.headers import identity_headers
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import Caller, Certificate, Role, User
from tests.auth.scene import identity

NAME = "x-amzn-lattice-identity"
TAGS = "x-amzn-lattice-identity-tags"
SESSION = "arn:aws:sts::123456789012:assumed-role/reader/s1"
PATH = "o-exampleorgid/r-ab12/"
PRINCIPAL = f"principal={SESSION};principalorgid=;principalorgpath="


def headers(caller: Caller | None, **settings: object) -> dict[str, str]:
    """Give the identity headers of a caller."""
    chosen = AuthSettings(**settings)  # type: ignore[arg-type]  # its own fields
    return dict(identity_headers(identity(caller), chosen))


def tags(**own: str) -> str:
    """Give what is told of a role that has such tags, whatever IAM thinks of them."""
    role = identity(Role("reader", session="s1"))._replace(tags=own)
    return dict(identity_headers(role, AuthSettings()))[TAGS]


@pytest.mark.parametrize(
    ("caller", "value"),
    [
        (
            Role("reader", session="s1", org_id="o-12345678ab"),
            (
                f"Principal={SESSION}; PrincipalOrgID=o-12345678ab; "
                "SessionName=s1; Type=AWS_IAM"
            ),
        ),
        (
            Role("reader", session="s1"),
            f"Principal={SESSION}; PrincipalOrgID=; SessionName=s1; Type=AWS_IAM",
        ),
        (
            Role("reader", session="s1", org_id="o-exampleorgid", org_path=PATH),
            (
                f"Principal={SESSION}; PrincipalOrgID=o-exampleorgid; "
                f"PrincipalOrgPath={PATH}; SessionName=s1; Type=AWS_IAM"
            ),
        ),
        (
            User("ann"),
            (
                "Principal=arn:aws:iam::123456789012:user/ann; PrincipalOrgID=; "
                "Type=AWS_IAM"
            ),
        ),
    ],
)
def test_identity(caller: Caller, value: str) -> None:
    """The header has the keys, the order and the separator of AWS's real ones."""
    assert headers(caller)[NAME] == value


def test_certificate() -> None:
    """A session of IAM Roles Anywhere tells of its certificate, as far as it goes."""
    certificate = Certificate(
        issuer_ou="Security",
        subject_cn="reader",
        san_dns="reader.example.com",
        san_name_cn="r",
        san_uri="spiffe://example.com/reader",
    )
    full = headers(Role("reader", certificate=certificate))[NAME]
    part = headers(Role("reader", certificate=Certificate(subject_cn="a")))[NAME]

    assert full.endswith(
        "SessionName=test-session; X509Issuer/OU=Security; "
        "X509SAN/DNS=reader.example.com; X509SAN/NameCN=r; "
        "X509SAN/URI=spiffe://example.com/reader; X509Subject/CN=reader; Type=AWS_IAM"
    )
    assert part.endswith("SessionName=test-session; X509Subject/CN=a; Type=AWS_IAM")


def test_tags() -> None:
    """Tags follow the principal and its organization, those of the session last."""
    caller = Role(
        "reader",
        session="s1",
        tags={"Team": "fx", "Cost": "1"},
        session_tags={"Cost": "2"},
    )

    assert headers(caller)[TAGS] == f"{PRINCIPAL};Team=fx;Cost=2"


def test_semicolons_are_escaped() -> None:
    """Neither a key nor a value ends early, nor does a certificate's attribute."""
    caller = Role("reader", certificate=Certificate(subject_cn="a;Type=b"))

    assert tags(**{"a;b": "c;d"}) == f"{PRINCIPAL};a\\;b=c\\;d"
    assert "; X509Subject/CN=a\\;Type=b; Type=AWS_IAM" in headers(caller)[NAME]


def test_awss_own_keys_win() -> None:
    """No tag of the caller takes the place of what AWS says about it."""
    own = {"principal": "root", "PrincipalOrgId": "o-other", "principalorgpath": "x"}
    caller = Role("reader", session="s1", tags=own, session_tags={"Principal": "me"})

    assert headers(caller)[TAGS] == PRINCIPAL


def test_most_tags() -> None:
    """There are up to 99 tags beside AWS's own, which do not count."""
    own = {f"t{number}": "" for number in range(49)} | {"principal": "root"}
    more = {f"s{number}": "" for number in range(50)}
    written = headers(Role("reader", tags=own, session_tags=more))[TAGS].split(";")

    assert len(written) == 3 + 99
    assert written[-1] == "s49="
    assert tags(**{f"t{number}": "" for number in range(120)}).endswith(";t98=")


@pytest.mark.parametrize("text", ["Köln", "東京", "\u2028a"])
def test_text_is_latin_1(text: str) -> None:
    """Tags of any language travel as bytes of UTF-8."""
    written = headers(User("ann", tags={"ort": text}))[TAGS]

    assert written.encode("latin-1").decode().endswith(f"ort={text}")


def test_odd_text_does_not_fail() -> None:
    """Spaces at the end are left out, and half a surrogate pair is a question mark."""
    assert tags(a="b ") == f"{PRINCIPAL};a=b"
    assert tags(a="\ud800") == f"{PRINCIPAL};a=?"


def test_anonymous() -> None:
    """Of an anonymous caller nothing is told, or empty values if that is chosen."""
    assert headers(None) == {}
    assert headers(None, anonymous_identity="empty") == {
        NAME: "Principal=; PrincipalOrgID=; SessionName="
    }


def test_reversed() -> None:
    """The order of keys can be reversed, since AWS guarantees none."""
    caller = Role("reader", session="s1")
    found = headers(caller, identity_order="reversed")

    assert found[NAME] == (
        f"Type=AWS_IAM; SessionName=s1; PrincipalOrgID=; Principal={SESSION}"
    )
    assert found[TAGS].endswith(f"principal={SESSION}")
