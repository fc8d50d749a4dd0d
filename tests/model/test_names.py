"""Names, ids, ARNs and DNS names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.names import (
    check_account,
    check_name,
    check_owner,
    digest,
    identifier,
    lattice_arn,
    service_dns_name,
)
from tests.model.refusals import refused

# The `name` shapes of AWS's own API model: shortest, longest, pattern.
HYPHENS = r"(?![-])(?!.*[-]$)(?!.*[-]{2})[a-z0-9-]+"
LAWS = {
    "service network": (3, 63, HYPHENS),
    "service": (3, 40, "(?!svc-)" + HYPHENS),
    "target group": (3, 128, "(?!tg-)" + HYPHENS),
    "listener": (3, 63, "(?!listener-)" + HYPHENS),
    "rule": (3, 63, "(?!rule-)" + HYPHENS),
}
RESERVED = {
    "service": "svc-",
    "target group": "tg-",
    "listener": "listener-",
    "rule": "rule-",
}
kinds = pytest.mark.parametrize("kind", LAWS)


@kinds
@given(
    name=st.one_of(
        st.text("ab0-", max_size=8),
        st.text("a-9", min_size=36, max_size=44),
        st.text("a0", min_size=60, max_size=66),
        st.text("z", min_size=126, max_size=130),
        st.sampled_from(["svc-a", "tg-a", "listener-a", "rule-a", "svc", "rules-a"]),
        st.text(max_size=5),
    )
)
def test_names_are_judged_as_aws_judges_them(kind: str, name: str) -> None:
    """A name passes just when it fits the length and the pattern of AWS's model."""
    shortest, longest, pattern = LAWS[kind]
    fits = shortest <= len(name) <= longest and re.fullmatch(pattern, name)

    try:
        check_name(kind, name)
    except ConfigurationError:
        assert not fits
    else:
        assert fits


@kinds
def test_shortest_and_longest_name_pass(kind: str) -> None:
    """Both ends of the range belong to it."""
    shortest, longest, _ = LAWS[kind]

    check_name(kind, "a" * shortest)
    check_name(kind, "a" * longest)


@kinds
@pytest.mark.parametrize("step", [-1, 1], ids=["too-short", "too-long"])
def test_length_is_refused(kind: str, step: int) -> None:
    """One character less or more is refused, with what AWS takes."""
    shortest, longest, _ = LAWS[kind]
    name = "a" * (shortest - 1 if step < 0 else longest + 1)

    assert refused(check_name, kind, name) == [
        f"{kind} name `{name}` has {len(name)} characters, not {shortest} to {longest}"
    ]


@pytest.mark.parametrize(
    "name",
    ["Shop", "my_shop", "-shop", "shop-", "my--shop", "my shop", "shöp", "shop\n"],
)
def test_character_is_refused(name: str) -> None:
    """A character or a hyphen in the wrong place is refused."""
    assert refused(check_name, "service", name) == [
        f"service name `{name}` may hold only a-z, 0-9 and single hyphens inside"
    ]


@pytest.mark.parametrize(("kind", "prefix"), RESERVED.items())
def test_reserved_prefix_is_refused(kind: str, prefix: str) -> None:
    """A name cannot look like an id of its kind."""
    assert refused(check_name, kind, f"{prefix}shop") == [
        f"{kind} name `{prefix}shop` starts with the reserved `{prefix}`"
    ]


def test_reserved_prefix_of_another_kind_passes() -> None:
    """The prefix of another kind's ids means nothing here."""
    check_name("service", "tg-shop")
    check_name("service network", "svc-shop")


def test_name_is_text() -> None:
    """What is not text is shown as it is written in Python."""
    assert refused(check_name, "service", None) == [
        "the name of a service is text, not `None`"
    ]


@pytest.mark.parametrize(
    "region", ["us-west-2", "eu-central-1", "us-gov-west-1", "ap-southeast-12"]
)
def test_region_passes(region: str) -> None:
    """Names of real Regions pass."""
    check_owner("123456789012", region)


@pytest.mark.parametrize(
    "region", ["", "us-west", "us-west-2a", "US-WEST-2", "uswest2"]
)
def test_region_is_refused(region: str) -> None:
    """What is no Region is refused."""
    assert refused(check_owner, "123456789012", region) == [
        f"Region `{region}` is not a Region name"
    ]


@pytest.mark.parametrize(
    "account", ["", "12345678901", "1234567890123", "12345678901x", "١٢٣٤٥٦٧٨٩٠١٢"]
)
def test_account_is_refused(account: str) -> None:
    """An account is 12 digits, neither more nor fewer, and of ASCII."""
    assert refused(check_owner, account, "us-west-2") == [
        f"account `{account}` is not 12 digits"
    ]


def test_account_is_no_number() -> None:
    """A number would never be equal to an account, so it is refused."""
    assert refused(check_account, 123456789012) == [
        "account `123456789012` is not text",
        "put it in quotes",
    ]


@pytest.mark.parametrize(
    "prefix", ["svc", "tg", "listener", "rule", "sn", "snsa", "snva", "vpc"]
)
def test_id_has_awss_pattern(prefix: str) -> None:
    """An id is its prefix and 17 lower-case hexadecimal digits."""
    assert re.fullmatch(f"{prefix}-[0-9a-f]{{17}}", identifier(prefix, "shop"))


def test_ids_never_change() -> None:
    """Users' snapshots hold ids, so a release must not derive other ones."""
    assert identifier("svc", "123456789012", "us-west-2", "my-service") == (
        "svc-33c9fd550a20701a9"
    )
    assert digest("a", "b") == "59b271ae1bbcb1d31"


def test_digest_of_any_text() -> None:
    """Text that no file could hold has a digest of its own."""
    assert digest("\ud800") != digest("\ud801")


def test_ids_tell_their_parts_apart() -> None:
    """Neither another prefix nor the same letters cut elsewhere give the same id."""
    ids = {
        identifier("svc", "ab", "c"),
        identifier("svc", "a", "bc"),
        identifier("svc", "abc"),
        identifier("tg", "abc").replace("tg-", "svc-"),
    }

    assert len(ids) == 4


@pytest.mark.parametrize("length", [1, 16, 17, 20])
def test_digest_is_as_long_as_asked(length: int) -> None:
    """A digest has the digits asked for."""
    assert re.fullmatch(f"[0-9a-f]{{{length}}}", digest("shop", length=length))


def test_arn_has_awss_form() -> None:
    """The resource stands behind partition, service, Region and account."""
    arn = lattice_arn("service/svc-1", account="123456789012", region="eu-west-1")

    assert arn == "arn:aws:vpc-lattice:eu-west-1:123456789012:service/svc-1"


def test_dns_name_has_awss_form() -> None:
    """The generated DNS name is that of AWS's own example."""
    name = service_dns_name("app2-app2", "svc-0e5f3d2b3db4c7962", "us-west-2")

    assert name == (
        "app2-app2-0e5f3d2b3db4c7962.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
    )


def test_longest_name_fits_in_a_label() -> None:
    """With the longest service name the first label still fits the limit of DNS."""
    name = service_dns_name("a" * 40, identifier("svc", "a"), "us-west-2")

    assert max(map(len, name.split("."))) <= 63
