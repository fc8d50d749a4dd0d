"""Service networks, VPCs, associations, resource shares and organizations."""

import re
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from pytest_lattice.model.service_network import (
    Organization,
    ResourceShare,
    ServiceAssociation,
    ServiceNetwork,
    Vpc,
    VpcAssociation,
    is_vpc_id,
)
from tests.model.refusals import refused

ONE, OTHER = "111111111111", "222222222222"
REAL_ID = "vpc-0123456789abcdef0"

# --------------------------------------------------------------------------------- VPCs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vpc-0a1b2c3d", True),
        (REAL_ID, True),
        ("vpc-0a1b2c3", False),
        ("vpc-0A1B2C3D", False),
        ("vpc-client", False),
        ("xvpc-0a1b2c3d", False),
        ("vpc-0a1b2c3d\n", False),
        ("", False),
    ],
)
def test_vpc_id_is_told_from_a_name(text: str, *, expected: bool) -> None:
    """An id is `vpc-` and 8 or 17 hexadecimal digits; anything else is a name."""
    assert is_vpc_id(text) is expected


def test_vpc_has_a_derived_id() -> None:
    """A VPC with a name gets an id of AWS's form, the same in every run."""
    vpc = Vpc("app")

    assert vpc.id == "vpc-319327f7f42c34bbb"
    assert is_vpc_id(vpc.id)
    assert vpc.arn == f"arn:aws:ec2:us-west-2:123456789012:vpc/{vpc.id}"


def test_vpc_keeps_its_real_id() -> None:
    """A VPC that goes by its id has that id, wherever it is."""
    vpc = Vpc(REAL_ID, account=ONE, region="eu-west-1")

    assert vpc.id == REAL_ID
    assert vpc.arn == f"arn:aws:ec2:eu-west-1:{ONE}:vpc/{REAL_ID}"


def test_vpc_with_a_name_and_a_real_id() -> None:
    """A VPC may go by a name and still have the id that policies know."""
    vpc = Vpc("apps", id=REAL_ID)

    assert (vpc.name, vpc.id) == ("apps", REAL_ID)
    assert repr(vpc) == f"Vpc('apps', id='{REAL_ID}')"
    assert replace(Vpc("app"), name="apps") == Vpc("apps")
    assert refused(Vpc, "apps", id="vpc-1") == [
        "VPC `apps`: id `vpc-1` is not vpc- and 8 or 17 digits"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"cidr": "10.0.0.0/16"},
        {"cidr": "100.64.0.0/28"},
        {"ipv6_cidr": "2600:1f14::/44"},
        {"ipv6_cidr": "2600:1f14:1:10::/60"},
    ],
    ids=str,
)
def test_range_passes(fields: dict[str, Any]) -> None:
    """Both ends of the sizes that a VPC can have pass."""
    Vpc("app", **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"name": ""}, ["a VPC needs a name or an id"], id="name"),
        pytest.param({"account": "1"}, ["account `1` is not 12 digits"], id="account"),
        pytest.param({"region": "m"}, ["Region `m` is not a Region name"], id="region"),
        pytest.param(
            {"cidr": "10.0.0.0/15"},
            ["VPC `app`: cidr `10.0.0.0/15` is not from /16 to /28"],
            id="too-large",
        ),
        pytest.param(
            {"cidr": "10.0.0.0/29"},
            ["VPC `app`: cidr `10.0.0.0/29` is not from /16 to /28"],
            id="too-small",
        ),
        pytest.param(
            {"ipv6_cidr": "fd00::/64"},
            ["VPC `app`: ipv6_cidr `fd00::/64` is not from /44 to /60"],
            id="ipv6-too-small",
        ),
        pytest.param(
            {"ipv6_cidr": "fd00::/40"},
            ["VPC `app`: ipv6_cidr `fd00::/40` is not from /44 to /60"],
            id="ipv6-too-large",
        ),
        pytest.param(
            {"cidr": "10.0.0.1/16"},
            [
                "VPC `app`: cidr `10.0.0.1/16` is not a range",
                "10.0.0.1/16 has host bits set",
            ],
            id="host-bits",
        ),
        pytest.param(
            {"cidr": "fd00::/56"}, ["VPC `app`: cidr `fd00::/56` is not IPv4"], id="v6"
        ),
        pytest.param(
            {"ipv6_cidr": "10.0.0.0/16"},
            ["VPC `app`: ipv6_cidr `10.0.0.0/16` is not IPv6"],
            id="v4",
        ),
    ],
)
def test_vpc_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What no VPC can have is refused, naming the VPC and the field."""
    assert refused(Vpc, **{"name": "app"} | fields) == expected


# ---------------------------------------------------- service networks and associations


def test_service_network_has_awss_ids() -> None:
    """Id and ARN fit the patterns of AWS's API model and never change."""
    network = ServiceNetwork("corp")

    assert re.fullmatch("sn-[0-9a-z]{17}", network.id)
    assert network.id == "sn-847d9bc06fbcab6f5"
    assert network.arn == (
        f"arn:aws:vpc-lattice:us-west-2:123456789012:servicenetwork/{network.id}"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"name": "Corp"},
            [
                (
                    "service network name `Corp` may hold only a-z, 0-9 "
                    "and single hyphens inside"
                )
            ],
            id="name",
        ),
        pytest.param({"account": "1"}, ["account `1` is not 12 digits"], id="account"),
        pytest.param({"region": "m"}, ["Region `m` is not a Region name"], id="region"),
        pytest.param(
            {"services": "shop"},
            [
                "service network `corp`: services is not a list",
                "write ['shop']",
            ],
            id="services",
        ),
        pytest.param(
            {"vpcs": "app"},
            ["service network `corp`: vpcs is not a list", "write ['app']"],
            id="vpcs",
        ),
    ],
)
def test_service_network_is_refused(
    fields: dict[str, Any], expected: list[str]
) -> None:
    """What AWS would not take as a service network is refused, naming it."""
    assert refused(ServiceNetwork, **{"name": "corp"} | fields) == expected


def test_association_has_an_account() -> None:
    """Who creates a service association is an account."""
    assert refused(ServiceAssociation, "corp", "shop", account="me") == [
        "account `me` is not 12 digits"
    ]


# ------------------------------------------------------------------------------ sharing


@pytest.mark.parametrize(
    ("principal", "receiver"),
    [
        (ONE, ONE),
        ("o-exampleorgid", "o-exampleorgid"),
        ("ou-ab12-exampleou1", "ou-ab12-exampleou1"),
        (
            f"arn:aws:organizations::{ONE}:organization/o-exampleorgid",
            "o-exampleorgid",
        ),
        (
            f"arn:aws:organizations::{ONE}:ou/o-exampleorgid/ou-ab12-exampleou1",
            "ou-ab12-exampleou1",
        ),
    ],
)
def test_share_is_received_by(principal: str, receiver: str) -> None:
    """Accounts, organizations and units receive a share, by id or by ARN."""
    share = ResourceShare("share", resources=["shop"], principals=[principal])

    assert share.receivers == (receiver,)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        *(
            pytest.param(
                {"principals": [ONE, principal]},
                [
                    (
                        f"resource share `share`: principal `{principal}` is not "
                        "an account, organization or organizational unit"
                    )
                ],
                id=principal,
            )
            for principal in (
                "everyone",
                f"arn:aws:iam::{ONE}:role/admin",
                f"arn:aws:iam::{ONE}:root",
            )
        ),
        pytest.param(
            {"principals": ONE},
            ["resource share `share`: principals is not a list", f"write ['{ONE}']"],
            id="principals",
        ),
        pytest.param(
            {"resources": "shop"},
            ["resource share `share`: resources is not a list", "write ['shop']"],
            id="resources",
        ),
        pytest.param(
            {"resources": [["shop"]]},
            ["resource share `share`: resource `['shop']` is not text"],
            id="resource",
        ),
        pytest.param(
            {"resources": [ServiceNetwork("corp")]},
            [
                "resource share `share`: resource `ServiceNetwork('corp')` is not text",
                "did you mean `corp`?",
            ],
            id="value",
        ),
        pytest.param(
            {"name": []}, ["the name of a resource share `[]` is not text"], id="name"
        ),
        pytest.param({"account": "1"}, ["account `1` is not 12 digits"], id="account"),
    ],
)
def test_share_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What RAM does not take for Lattice is refused, naming the share."""
    values = {"name": "share", "resources": ["shop"], "principals": [ONE]}

    assert refused(ResourceShare, **values | fields) == expected


def test_members_of_an_organization() -> None:
    """Accounts of a unit are members of the organization, each once."""
    organization = Organization(
        "o-exampleorgid", accounts=[ONE], units={"ou-ab12-exampleou1": [OTHER, ONE]}
    )

    assert organization.accounts == (ONE, OTHER)
    assert organization.members("o-exampleorgid") == (ONE, OTHER)
    assert organization.members("ou-ab12-exampleou1") == (OTHER, ONE)
    assert organization.members("ou-ab12-exampleou2") == ()
    assert organization.members(ONE) == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"id": "exampleorgid"},
            [
                "`exampleorgid` is not the id of an organization",
                "one is like o-exampleorgid",
            ],
            id="id",
        ),
        pytest.param(
            {"units": {"exampleou": [ONE]}},
            [
                "`exampleou` is not the id of an organizational unit",
                "one is like ou-ab12-exampleou",
            ],
            id="unit",
        ),
        pytest.param(
            {"accounts": ["1"]}, ["account `1` is not 12 digits"], id="account"
        ),
        pytest.param(
            {"units": [ONE]},
            [f"organization `o-exampleorgid`: units `['{ONE}']` are not a mapping"],
            id="units",
        ),
        pytest.param(
            {"units": {5: [ONE]}},
            ["organization `o-exampleorgid`: unit `5` is not text"],
            id="number",
        ),
        pytest.param(
            {"accounts": ONE},
            [
                "organization `o-exampleorgid`: accounts is not a list",
                f"write ['{ONE}']",
            ],
            id="accounts",
        ),
        pytest.param(
            {"units": {"ou-ab12-exampleou1": ONE}},
            [
                (
                    "organization `o-exampleorgid`: "
                    "unit `ou-ab12-exampleou1` is not a list"
                ),
                f"write ['{ONE}']",
            ],
            id="unit-accounts",
        ),
        pytest.param(
            {"units": {"ou-ab12-exampleou1": ["1"]}},
            ["account `1` is not 12 digits"],
            id="unit-account",
        ),
    ],
)
def test_organization_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What is no organization is refused, with what was written."""
    assert refused(Organization, **{"id": "o-exampleorgid"} | fields) == expected


# ------------------------------------------------------------------- manners of a value


@pytest.mark.parametrize(
    "text",
    [
        "Vpc('app')",
        "Vpc('app', cidr='10.1.0.0/16', account='111111111111', region='eu-west-1')",
        "ServiceNetwork('corp')",
        "ServiceNetwork('corp', services=('shop',), vpcs=('app',), tags={'a': 'b'})",
        "ServiceAssociation('corp', 'shop')",
        "ServiceAssociation('corp', 'shop', account='111111111111')",
        "VpcAssociation('corp', 'app')",
        "ResourceShare('share', resources=('shop',), principals=('111111111111',))",
        (
            "Organization('o-exampleorgid', accounts=('111111111111',), "
            "units={'ou-ab12-exampleou1': ('111111111111',)})"
        ),
    ],
)
def test_repr_is_the_shortest_spelling(text: str) -> None:
    """A value prints as a user would write it, and reads back as the same value."""
    value = eval(text)  # noqa: S307  # the spellings above

    assert repr(value) == text
    assert value == eval(text)  # noqa: S307  # the spellings above
    assert hash(value) == hash(eval(text))  # noqa: S307  # the spellings above


@pytest.mark.parametrize(
    "make",
    [
        lambda names: ServiceNetwork("corp", services=names),
        lambda names: ServiceNetwork("corp", vpcs=names),
        lambda names: ResourceShare("share", resources=names, principals=[ONE]),
    ],
    ids=["services", "vpcs", "resources"],
)
def test_lists_become_tuples(make: Callable[[list[str]], object]) -> None:
    """A list that was given does not change a value later."""
    names = ["shop"]
    value = make(names)
    names.clear()

    assert value == make(["shop"])


def test_units_are_read_only() -> None:
    """The units of an organization cannot be changed, nor the list of one."""
    accounts = [ONE]
    organization = Organization(
        "o-exampleorgid", units={"ou-ab12-exampleou1": accounts}
    )
    accounts.append(OTHER)
    units: Mapping[str, object] = organization.units

    assert units == {"ou-ab12-exampleou1": (ONE,)}
    with pytest.raises(TypeError, match="cannot be changed"):
        units["ou-ab12-exampleou1"] = ()  # type: ignore[index]  # what is refused


def test_replace_is_checked() -> None:
    """A change is held to the limits like a new value."""
    assert replace(Vpc("app"), cidr="10.1.0.0/16") == Vpc("app", cidr="10.1.0.0/16")
    assert refused(replace, Vpc("app"), cidr="10.1.0.0/8") == [
        "VPC `app`: cidr `10.1.0.0/8` is not a range",
        "10.1.0.0/8 has host bits set",
    ]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (Vpc("app"), "cidr"),
        (ServiceNetwork("corp"), "services"),
        (ServiceAssociation("corp", "shop"), "service"),
        (VpcAssociation("corp", "app"), "vpc"),
        (ResourceShare("share", resources=[], principals=[]), "resources"),
        (Organization("o-exampleorgid"), "accounts"),
    ],
)
def test_values_are_frozen(value: object, field: str) -> None:
    """Nothing of a declared value can be changed, and nothing hung on it."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)
    assert not hasattr(value, "__dict__")


def test_id_can_be_that_of_a_deployed_one() -> None:
    """A given id is in the ARN, is shown, and stays when the value is changed."""
    given = ServiceNetwork("deployed", id="sn-0123456789abcdef0")

    assert given.arn.endswith("/sn-0123456789abcdef0")
    assert repr(given) == "ServiceNetwork('deployed', id='sn-0123456789abcdef0')"
    assert replace(given, name="renamed").id == given.id
    assert replace(ServiceNetwork("deployed"), name="renamed") == ServiceNetwork(
        "renamed"
    )


@pytest.mark.parametrize("text", ["sn-1", "0123456789abcdef0", "sn-0123456789ABCDEF0"])
def test_odd_id_is_refused(text: str) -> None:
    """An id has AWS's pattern."""
    (said,) = refused(ServiceNetwork, "deployed", id=text)

    assert said.endswith(f"`deployed`: id `{text}` is not sn- and 17 of 0-9 and a-z")
