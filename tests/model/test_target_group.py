"""Target groups, targets and health checks."""

import re
from dataclasses import FrozenInstanceError, replace
from ipaddress import ip_address
from itertools import product
from typing import Any

import pytest

from pytest_lattice.errors import ConfigurationError
from pytest_lattice.model.target_group import HealthCheck, Target, TargetGroup
from tests.model.refusals import refused

FUNCTION = "arn:aws:lambda:us-west-2:123456789012:function:handler"

# AWS: vpc-lattice/latest/ug/target-groups: all that is legal of type, protocol and
# protocol version; None where a group has none.
LEGAL = {
    *product(("INSTANCE", "IP"), ("HTTP", "HTTPS"), ("HTTP1", "HTTP2", "GRPC")),
    *product(("ALB",), ("HTTP", "HTTPS"), ("HTTP1",)),
    *product(("INSTANCE", "IP", "ALB"), ("TCP",), (None,)),
    ("LAMBDA", None, None),
}
TYPES = ("INSTANCE", "IP", "LAMBDA", "ALB")
PROTOCOLS = (None, "HTTP", "HTTPS", "TCP")
VERSIONS = (None, "HTTP1", "HTTP2", "GRPC")


def app() -> None:
    """Stand in for what answers."""


def group(**fields: object) -> TargetGroup:
    """Make a target group that AWS accepts but for the given fields."""
    values: dict[str, Any] = {"name": "shop"}
    return TargetGroup(**values | fields)


# ------------------------------------------------------------------- what goes together


@pytest.mark.parametrize(
    ("kind", "protocol", "version"), list(product(TYPES, PROTOCOLS, VERSIONS))
)
def test_combinations_are_those_of_aws(
    kind: str, protocol: str | None, version: str | None
) -> None:
    """Type, protocol and version go together just where AWS says so."""
    # What is left out is filled in first: HTTP, and HTTP1 unless the protocol is TCP.
    filled = kind != "LAMBDA"
    meant = (protocol or "HTTP") if filled else protocol
    meant_version = version or ("HTTP1" if filled and meant != "TCP" else None)

    try:
        made = group(type=kind, protocol=protocol, protocol_version=version)
    except ConfigurationError:
        assert (kind, meant, meant_version) not in LEGAL
    else:
        assert (made.type, made.protocol, made.protocol_version) in LEGAL
        assert (made.protocol, made.protocol_version) == (meant, meant_version)


@pytest.mark.parametrize(
    ("fields", "port"),
    [
        ({}, 80),
        ({"protocol": "HTTP"}, 80),
        ({"protocol": "HTTPS"}, 443),
        ({"protocol": "TCP"}, 443),
        ({"type": "ALB"}, 80),
        ({"type": "LAMBDA"}, None),
        ({"port": 1}, 1),
        ({"port": 65535}, 65535),
    ],
    ids=str,
)
def test_port(fields: dict[str, Any], port: int | None) -> None:
    """The port follows from the protocol unless it is given; a function has none."""
    assert group(**fields).port == port


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_lambda_event_version_passes(version: str) -> None:
    """AWS has two versions of the event."""
    made = group(type="LAMBDA", lambda_event_structure_version=version)

    assert made.lambda_event_structure_version == version


def test_defaults_are_awss() -> None:
    """What is left out is as AWS has it, and the VPC is the one named `default`."""
    made = group()

    assert (made.type, made.protocol, made.protocol_version) == (
        "INSTANCE",
        "HTTP",
        "HTTP1",
    )
    assert (made.ip_address_type, made.vpc) == ("IPV4", "default")
    assert made.lambda_event_structure_version == "V1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"name": "tg-shop"},
            "target group name `tg-shop` starts with the reserved `tg-`",
            id="name",
        ),
        pytest.param({"account": "1"}, "account `1` is not 12 digits", id="account"),
        pytest.param({"region": "m"}, "Region `m` is not a Region name", id="region"),
        pytest.param(
            {"type": "instance"},
            "target group `shop`: type `instance` is none of INSTANCE, IP, LAMBDA, ALB",
            id="type",
        ),
        pytest.param(
            {"protocol": "SCTP"},
            "target group `shop`: type INSTANCE does not go with protocol SCTP",
            id="protocol",
        ),
        pytest.param(
            {"protocol_version": "HTTP3"},
            "target group `shop`: type INSTANCE with protocol HTTP "
            "does not go with protocol version HTTP3",
            id="version",
        ),
        pytest.param(
            {"type": "ALB", "protocol_version": "GRPC"},
            "target group `shop`: type ALB with protocol HTTP "
            "does not go with protocol version GRPC",
            id="alb-grpc",
        ),
        pytest.param(
            {"protocol": "TCP", "protocol_version": "HTTP1"},
            "target group `shop`: type INSTANCE with protocol TCP "
            "does not go with protocol version HTTP1",
            id="tcp-version",
        ),
        *(
            pytest.param(
                {"type": "LAMBDA", name: value},
                f"target group `shop`: type LAMBDA takes no {name}",
                id=f"lambda-{name}",
            )
            for name, value in {
                "protocol": "HTTP",
                "protocol_version": "HTTP1",
                "port": 80,
                "vpc": "app",
            }.items()
        ),
        *(
            pytest.param(
                {"port": port},
                f"target group `shop`: port `{port!r}` is not from 1 to 65535",
                id=f"port-{port!r}",
            )
            for port in (0, 65536, -1, "80", 80.0, True)
        ),
        pytest.param(
            {"ip_address_type": "IPV5"},
            "target group `shop`: IP address type `IPV5` is neither IPV4 nor IPV6",
            id="address-type",
        ),
        *(
            pytest.param(
                {"type": kind, "ip_address_type": "IPV6"},
                f"target group `shop`: IPV6 is for type IP, not {kind}",
                id=f"ipv6-{kind}",
            )
            for kind in ("INSTANCE", "LAMBDA", "ALB")
        ),
        pytest.param(
            {"lambda_event_structure_version": "V2"},
            "target group `shop`: lambda_event_structure_version is for LAMBDA only",
            id="event-version",
        ),
        pytest.param(
            {"type": "LAMBDA", "lambda_event_structure_version": "V3"},
            "target group `shop`: lambda_event_structure_version `V3` "
            "is neither V1 nor V2",
            id="lambda-event-version",
        ),
        pytest.param(
            {"type": "LAMBDA", "lambda_event_structure_version": []},
            "target group `shop`: lambda_event_structure_version `[]` "
            "is neither V1 nor V2",
            id="lambda-event-list",
        ),
        pytest.param(
            {"protocol": []},
            "target group `shop`: protocol `[]` is not text",
            id="protocol",
        ),
        pytest.param(
            {"ip_address_type": {}},
            "target group `shop`: IP address type `{}` is neither IPV4 nor IPV6",
            id="ip-address-type",
        ),
        *(
            pytest.param(
                {"type": kind, "health_check": HealthCheck()},
                f"target group `shop`: type {kind} takes no health check",
                id=f"health-check-{kind}",
            )
            for kind in ("LAMBDA", "ALB")
        ),
    ],
)
def test_group_is_refused(fields: dict[str, Any], expected: str) -> None:
    """What AWS would not take as a target group is refused, naming the group."""
    assert refused(group, **fields) == [expected]


# -------------------------------------------------------------------------- the targets


def test_apps_become_targets() -> None:
    """A test app is registered like an instance, with the group's port and an id."""
    made = group(port=8080, targets=[app, Target(port=9090, app=app)])

    first, second = made.registered
    assert (first.app, first.port, second.port) == (app, 8080, 9090)
    assert first.id != second.id
    assert all(re.fullmatch("i-[0-9a-f]{17}", each.id) for each in made.registered)


def test_the_echo_target_is_asked_for_by_name() -> None:
    """`targets="echo"` is one target and no list of letters."""
    assert group(targets="echo") == group(targets=["echo"])


def test_a_single_app_is_no_list() -> None:
    """An app outside a list is refused, with the right spelling."""
    assert refused(group, targets=app) == [
        "target group `shop`: targets is not a list",
        "write [app]",
    ]


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ({"type": "INSTANCE"}, "i-[0-9a-f]{17}"),
        ({"type": "IP"}, r"10\.0\.\d{1,3}\.\d{1,3}"),
        ({"type": "IP", "ip_address_type": "IPV6"}, "fd00:[0-9a-f:]+"),
        ({"type": "LAMBDA"}, "arn:aws:lambda:us-west-2:123456789012:function:shop"),
        (
            {"type": "ALB"},
            (
                "arn:aws:elasticloadbalancing:us-west-2:123456789012:"
                "loadbalancer/app/shop/[0-9a-f]{16}"
            ),
        ),
    ],
    ids=str,
)
def test_derived_id_has_awss_form(fields: dict[str, Any], pattern: str) -> None:
    """A target without an id gets one that looks like those of its type."""
    (target,) = group(targets=[app], **fields).registered

    assert re.fullmatch(pattern, target.id)


def test_derived_ids_never_change() -> None:
    """Users' snapshots hold ids, so a release must not derive other ones."""
    ids = {
        kind: group(type=kind, targets=[app]).registered[0].id
        for kind in ("INSTANCE", "IP", "ALB")
    }

    assert ids == {
        "INSTANCE": "i-fa481705ff7f64c48",
        "IP": "10.0.242.82",
        "ALB": "arn:aws:elasticloadbalancing:us-west-2:123456789012:"
        "loadbalancer/app/shop/fa481705ff7f64c4",
    }


@pytest.mark.parametrize("version", ["IPV4", "IPV6"])
def test_derived_addresses_never_clash(version: str) -> None:
    """A group full of apps has as many addresses as apps, none of them public."""
    made = group(type="IP", ip_address_type=version, targets=[app] * 1000)

    addresses = {ip_address(each.id) for each in made.registered}
    assert len(addresses) == 1000
    assert all(each.is_private for each in addresses)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.1.1"],
)
def test_private_address_passes(address: str) -> None:
    """Addresses that a VPC can have pass, the shared range of carriers too."""
    (target,) = group(type="IP", targets=[Target(address)]).registered

    assert target.id == address


@pytest.mark.parametrize(
    ("fields", "targets", "expected"),
    [
        pytest.param(
            {"type": "IP"},
            [Target("8.8.8.8")],
            "target group `shop`: `8.8.8.8` is a public IP address",
            id="public",
        ),
        pytest.param(
            {"type": "IP", "ip_address_type": "IPV6"},
            [Target("2600::1")],
            "target group `shop`: `2600::1` is a public IP address",
            id="public-ipv6",
        ),
        pytest.param(
            {"type": "IP"},
            [Target("fd00::1")],
            "target group `shop`: `fd00::1` is not of type IPV4",
            id="ipv6-in-ipv4",
        ),
        pytest.param(
            {"type": "IP", "ip_address_type": "IPV6"},
            [Target("10.0.0.1")],
            "target group `shop`: `10.0.0.1` is not of type IPV6",
            id="ipv4-in-ipv6",
        ),
        pytest.param(
            {"type": "IP"},
            [Target("host.example.com")],
            "target group `shop`: `host.example.com` is not an IP address",
            id="host",
        ),
        pytest.param(
            {"type": "LAMBDA"},
            [Target("handler")],
            "target group `shop`: `handler` is not the ARN of a Lambda function",
            id="function-name",
        ),
        pytest.param(
            {"type": "LAMBDA"},
            [Target(FUNCTION, port=80)],
            "target group `shop`: a target of type LAMBDA takes no port",
            id="function-port",
        ),
        pytest.param(
            {"type": "LAMBDA"},
            [app, app],
            "target group `shop`: type LAMBDA takes one target, not 2",
            id="two-functions",
        ),
        pytest.param(
            {"type": "ALB"},
            [app, app],
            "target group `shop`: type ALB takes one target, not 2",
            id="two-load-balancers",
        ),
        pytest.param(
            {},
            [Target(f"i-{n}") for n in range(1001)],
            "target group `shop` has 1001 targets, more than 1000",
            id="quota",
        ),
        pytest.param(
            {},
            [Target("i-1"), Target("i-1", port=80)],
            "target group `shop` registers `i-1` with port 80 twice",
            id="twice",
        ),
    ],
)
def test_target_is_refused_by_its_group(
    fields: dict[str, Any], targets: list[object], expected: str
) -> None:
    """What AWS would not register is refused, naming the target."""
    assert refused(group, targets=targets, **fields) == [expected]


@pytest.mark.parametrize("suffix", ["", ":live", ":7", ":$LATEST"])
def test_function_arn_passes(suffix: str) -> None:
    """A function may be named with an alias or a version."""
    (target,) = group(type="LAMBDA", targets=[Target(FUNCTION + suffix)]).registered

    assert target.id == FUNCTION + suffix


def test_one_address_with_two_ports_passes() -> None:
    """A target is its id and its port together."""
    made = group(type="IP", targets=[Target("10.0.0.1"), Target("10.0.0.1", port=81)])

    assert [each.port for each in made.registered] == [80, 81]


@pytest.mark.parametrize("port", [1, 65535, None])
def test_target_port_passes(port: int | None) -> None:
    """A target has a port of 1 to 65535, or that of its group."""
    assert Target("i-1", port=port).port == port


@pytest.mark.parametrize("port", [0, 65536, "80", 80.0])
def test_target_port_is_refused(port: object) -> None:
    """Any other port is refused."""
    assert refused(Target, "i-1", port=port) == [
        f"target port `{port!r}` is not from 1 to 65535"
    ]


def test_target_id_has_a_limit() -> None:
    """An id of 200 characters passes, a longer one is refused."""
    assert len(Target("i" * 200).id) == 200
    assert refused(Target, "i" * 201) == [
        f"target id `{'i' * 40}…` has 201 characters, more than 200"
    ]


# --------------------------------------------------------------------- the health check


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("interval_seconds", 5, 300),
        ("timeout_seconds", 1, 120),
        ("healthy_threshold_count", 2, 10),
        ("unhealthy_threshold_count", 2, 10),
        ("port", 1, 65535),
    ],
)
def test_health_check_ranges(name: str, lowest: int, highest: int) -> None:
    """Both ends of each range pass; what is beside them is refused, floats too."""
    for value in (lowest, highest):
        fields: dict[str, Any] = {name: value}
        assert getattr(HealthCheck(**fields), name) == value
    for wrong in (lowest - 1, highest + 1, float(lowest), str(lowest), True):
        assert refused(HealthCheck, **{name: wrong}) == [
            f"health check {name} `{wrong!r}` is not from {lowest} to {highest}"
        ]


def test_health_check_defaults_are_awss() -> None:
    """What is left out is as AWS has it."""
    assert HealthCheck() == HealthCheck(
        enabled=None,
        protocol=None,
        protocol_version=None,
        port=None,
        path="/",
        interval_seconds=30,
        timeout_seconds=5,
        healthy_threshold_count=5,
        unhealthy_threshold_count=2,
        matcher="200",
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": "HTTP"},
        {"protocol": "HTTPS"},
        {"protocol_version": "HTTP1"},
        {"protocol_version": "HTTP2"},
        {"path": "/health?deep=1"},
        {"path": "/" + "a" * 2047},
        {"matcher": "200"},
        {"matcher": "499"},
        {"matcher": "200-499"},
        {"matcher": "200,202,300-399"},
        {"matcher": 204},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_health_check_passes(fields: dict[str, Any]) -> None:
    """What AWS takes passes."""
    HealthCheck(**fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"protocol": "TCP"},
            "health check protocol `TCP` is neither HTTP nor HTTPS",
            id="protocol",
        ),
        pytest.param(
            {"protocol_version": "GRPC"},
            "health check protocol_version `GRPC` is neither HTTP1 nor HTTP2",
            id="version",
        ),
        pytest.param(
            {"path": "health"},
            "health check: path `health` does not start with `/`",
            id="path",
        ),
        pytest.param(
            {"path": "/" + "a" * 2048},
            f"health check: path `/{'a' * 39}…` has 2049 characters, more than 2048",
            id="path-length",
        ),
        pytest.param(
            {"path": "/my health"},
            "health check: path `/my health` holds ` `, which AWS does not accept",
            id="path-space",
        ),
        *(
            pytest.param(
                {"matcher": matcher},
                f"health check matcher `{matcher}` is not of the form "
                "`200`, `200,202` or `200-299`",
                id=f"matcher-{matcher}",
            )
            for matcher in ("", "2xx", "20", "200;202", "200 - 299", "200,", "200-")
        ),
        *(
            pytest.param(
                {"matcher": matcher},
                f"health check matcher `{matcher}` names status {status}, "
                "which is not from 200 to 499",
                id=f"matcher-{matcher}",
            )
            for matcher, status in (
                ("199", 199),
                ("500", 500),
                ("200,503", 503),
                ("200-599", 599),
            )
        ),
        pytest.param(
            {"enabled": []},
            "health check enabled `[]` is not true or false",
            id="enabled",
        ),
        pytest.param(
            {"matcher": "299-200"},
            "health check matcher `299-200`: range `299-200` is empty",
            id="matcher-backwards",
        ),
    ],
)
def test_health_check_is_refused(fields: dict[str, Any], expected: str) -> None:
    """What AWS would not take is refused, with what was written."""
    assert refused(HealthCheck, **fields) == [expected]


@pytest.mark.parametrize(
    ("fields", "enabled"),
    [
        ({}, True),
        ({"type": "IP"}, True),
        ({"protocol": "HTTPS"}, True),
        ({"protocol_version": "HTTP2"}, False),
        ({"protocol_version": "GRPC"}, False),
        ({"protocol": "TCP"}, False),
        ({"type": "LAMBDA"}, False),
        ({"type": "ALB"}, False),
        ({"health_check": HealthCheck()}, True),
        ({"health_check": HealthCheck(enabled=False)}, False),
        ({"protocol_version": "GRPC", "health_check": HealthCheck()}, False),
        ({"protocol": "TCP", "health_check": HealthCheck(enabled=True)}, True),
    ],
    ids=str,
)
def test_health_check_is_on(fields: dict[str, Any], *, enabled: bool) -> None:
    """Targets are probed by AWS's defaults, unless the health check says otherwise."""
    assert group(**fields).health_check_enabled is enabled


# ----------------------------------------------------------- ids and manners of a value


def test_ids_have_awss_patterns() -> None:
    """Id and ARN fit the patterns of AWS's API model and never change."""
    made = TargetGroup("instances")

    assert re.fullmatch("tg-[0-9a-z]{17}", made.id)
    assert made.arn == (
        f"arn:aws:vpc-lattice:us-west-2:123456789012:targetgroup/{made.id}"
    )
    assert made.id == "tg-876f3e363ad7735a3"


@pytest.mark.parametrize(
    "text",
    [
        "HealthCheck()",
        "HealthCheck(enabled=True, path='/health', matcher='200-299')",
        "Target('i-1')",
        "Target('i-1', port=8080)",
        "TargetGroup('shop')",
        "TargetGroup('shop', port=8080, vpc='app')",
        "TargetGroup('shop', type='LAMBDA', lambda_event_structure_version='V2')",
        (
            "TargetGroup('shop', type='IP', protocol='HTTPS', protocol_version='GRPC', "
            "health_check=HealthCheck(enabled=True), "
            "targets=(Target('10.0.0.1'), Target('10.0.0.2', port=8080)))"
        ),
        (
            "TargetGroup('shop', account='999999999999', region='eu-west-1', "
            "tags={'team': 'web'})"
        ),
    ],
)
def test_repr_is_the_shortest_spelling(text: str) -> None:
    """A value prints as a user would write it, and reads back as the same value."""
    value = eval(text)  # noqa: S307  # the spellings above

    assert repr(value) == text
    assert value == eval(text)  # noqa: S307  # the spellings above
    assert hash(value) == hash(eval(text))  # noqa: S307  # the spellings above


def test_repr_shows_derived_ids_of_targets() -> None:
    """Targets are told apart by their ids, so derived ones are shown too."""
    made = group(targets=["echo", "echo"])

    assert repr(made) == (
        "TargetGroup('shop', targets=(Target('i-fa481705ff7f64c48', app='echo'), "
        "Target('i-7065dd8b3bd04705a', app='echo')))"
    )
    assert eval(repr(made)) == made  # noqa: S307  # a repr of our own


def test_any_app_has_a_hash() -> None:
    """A group stays hashable even if an app is not."""
    unhashable: dict[str, str] = {}

    assert hash(group(targets=[unhashable])) == hash(group(targets=[app]))
    assert group(targets=[unhashable]) != group(targets=[app])


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        pytest.param({}, {"protocol": "HTTPS"}, {"protocol": "HTTPS"}, id="protocol"),
        pytest.param({}, {"protocol": "TCP"}, {"protocol": "TCP"}, id="tcp"),
        pytest.param(
            {"targets": [app]},
            {"type": "LAMBDA"},
            {"type": "LAMBDA", "targets": [app]},
            id="lambda",
        ),
        pytest.param(
            {"targets": [app]},
            {"type": "IP"},
            {"type": "IP", "targets": [app]},
            id="ip",
        ),
        pytest.param(
            {"targets": [app, Target(port=9090, app=app)]},
            {"port": 8080},
            {"port": 8080, "targets": [app, Target(port=9090, app=app)]},
            id="port",
        ),
        pytest.param(
            {"targets": [app]},
            {"name": "other"},
            {"name": "other", "targets": [app]},
            id="name",
        ),
        pytest.param(
            {"port": 8080},
            {"protocol": "HTTPS"},
            {"port": 8080, "protocol": "HTTPS"},
            id="given-port-stays",
        ),
    ],
)
def test_replace_derives_anew(
    before: dict[str, Any], change: dict[str, Any], after: dict[str, Any]
) -> None:
    """A changed group is the group that would be declared so from the start."""
    assert replace(group(**before), **change) == group(**after)


def test_targets_can_be_removed_and_added() -> None:
    """Registered targets go into another list without clashing with new ones."""
    made = group(targets=[app, app, app])

    fewer = replace(made, targets=[*made.registered[1:], "echo"])

    assert [each.app for each in fewer.registered] == [app, app, "echo"]
    assert len({each.id for each in fewer.registered}) == 3


@pytest.mark.parametrize(
    ("value", "field"),
    [(HealthCheck(), "path"), (Target("i-1"), "port"), (group(), "name")],
)
def test_values_are_frozen(value: object, field: str) -> None:
    """Nothing of a declared value can be changed, and nothing hung on it."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)
    assert not hasattr(value, "__dict__")


def test_tags_are_read_only() -> None:
    """Tags cannot be changed either."""
    tags = group(tags={"team": "web"}).tags

    with pytest.raises(TypeError, match="cannot be changed"):
        tags["team"] = "api"  # type: ignore[index]  # what is refused


@pytest.mark.parametrize("check", [{"path": "/health"}, False, True])
def test_health_check_of_another_type_is_refused(check: object) -> None:
    """A health check is a `HealthCheck`, also to switch it off."""
    assert refused(TargetGroup, "web", health_check=check) == [
        f"target group `web`: health check `{check!r}` is not a HealthCheck",
        "HealthCheck(enabled=False) switches it off",
    ]


def test_nothing_is_no_target() -> None:
    """An app that is None, as a fixture without `return` gives it, serves nothing."""
    assert refused(TargetGroup, "web", targets=["echo", None]) == [
        "target group `web`: a target is `None`, which is no app",
        "Target() is one that nothing is bound to",
    ]


def test_target_id_is_text() -> None:
    """A number is no id."""
    assert refused(Target, 5) == ["target id `5` is not text"]
