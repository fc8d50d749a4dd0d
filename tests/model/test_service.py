"""Services, listeners, rules and actions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from pytest_lattice.model.action import FixedResponse, Forward, WeightedTargetGroup
from pytest_lattice.model.service import (
    HeaderMatch,
    Listener,
    ListenerProtocol,
    Rule,
    Service,
)
from tests.model.refusals import refused

ID = "[0-9a-z]{17}"
SERVICE_ARN = rf"arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{{12}}:service/svc-{ID}"
NOT_FOUND = FixedResponse(404)


def rule(**fields: object) -> Rule:
    """Make a rule that AWS accepts but for the given fields."""
    values: dict[str, Any] = {"priority": 10, "path": "/", "action": Forward("a")}
    return Rule(**values | fields)


def listener(protocol: str = "HTTP", *port: object, **fields: object) -> Listener:
    """Make a listener that AWS accepts but for the given fields."""
    positional: list[Any] = [protocol, *port]
    values: dict[str, Any] = {"default": NOT_FOUND}
    return Listener(*positional, **values | fields)


# ----------------------------------------------------------------------- header matches


@pytest.mark.parametrize("kind", ["exact", "prefix", "contains"])
@pytest.mark.parametrize("value", ["1", "v" * 200], ids=["shortest", "longest"])
def test_header_match_passes(kind: str, value: str) -> None:
    """Each member of the union takes 1 to 200 characters."""
    fields: dict[str, Any] = {kind: value}

    assert getattr(HeaderMatch("x-beta", **fields), kind) == value


@pytest.mark.parametrize("name", ["x", "X-Beta", "a" * 100, "!#$%&'*+.^_`|~-"])
def test_header_name_passes(name: str) -> None:
    """A name is any HTTP token of 1 to 100 characters, kept as it is written."""
    assert HeaderMatch(name, exact="1").name == name


@pytest.mark.parametrize("name", ["", "a" * 101, "x beta", "x:beta", "x-bêta", "x\n"])
def test_header_name_is_refused(name: str) -> None:
    """What is no HTTP token, or is too long, is refused."""
    assert refused(HeaderMatch, name, exact="1") == [
        f"header name `{name}` is not a header name of 1 to 100 characters"
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, " takes one of exact, prefix and contains, not 0", id="none"),
        pytest.param(
            {"exact": "1", "prefix": "2"},
            " takes one of exact, prefix and contains, not 2",
            id="two",
        ),
        pytest.param(
            {"exact": "", "prefix": "2"},
            " takes one of exact, prefix and contains, not 2",
            id="two-one-empty",
        ),
        pytest.param(
            {"exact": "1", "prefix": "2", "contains": "3"},
            " takes one of exact, prefix and contains, not 3",
            id="three",
        ),
        pytest.param(
            {"exact": ""}, " has a value of 0 characters, not 1 to 200", id="empty"
        ),
        pytest.param(
            {"contains": "v" * 201},
            " has a value of 201 characters, not 1 to 200",
            id="too-long",
        ),
        pytest.param({"exact": 1}, ": value `1` is not text", id="number"),
        pytest.param(
            {"exact": "1", "case_sensitive": "yes"},
            ": case_sensitive `'yes'` is not true or false",
            id="no-bool",
        ),
    ],
)
def test_header_match_is_refused(fields: dict[str, Any], expected: str) -> None:
    """Just one condition with 1 to 200 characters is a condition."""
    assert refused(HeaderMatch, "x-beta", **fields) == [
        f"header match `x-beta`{expected}"
    ]


# ---------------------------------------------------------------------------- the rules


@pytest.mark.parametrize("priority", [1, 100, 2000])
def test_priority_passes(priority: int) -> None:
    """A priority is 1 to 2000."""
    assert rule(priority=priority).priority == priority


@pytest.mark.parametrize("priority", [0, 2001, -1, 1.0, "10", True, None])
def test_priority_is_refused(priority: object) -> None:
    """Any other priority is refused, with what was written."""
    assert refused(rule, priority=priority) == [
        f"rule priority `{priority!r}` is not a whole number from 1 to 2000"
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"path": "/"}, id="path"),
        pytest.param({"path_prefix": "/"}, id="prefix"),
        pytest.param({"method": "GET"}, id="method"),
        pytest.param({"headers": {"x-beta": "1"}}, id="header"),
        pytest.param({"path": "/" + "a" * 199}, id="longest-path"),
        pytest.param({"path_prefix": "/" + "a" * 199}, id="longest-prefix"),
        pytest.param({"method": "M"}, id="shortest-method"),
        pytest.param({"method": "M" * 16}, id="longest-method"),
        pytest.param({"headers": {f"x-{n}": "1" for n in range(5)}}, id="five-headers"),
        pytest.param(
            {"method": "GET", "path": "/", "headers": {"x-beta": "1"}}, id="all"
        ),
    ],
)
def test_conditions_pass(fields: dict[str, Any]) -> None:
    """One condition is enough, and each limit is within itself."""
    Rule(10, action=Forward("a"), **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {},
            [
                "rule `priority-10` has no condition",
                "give a method, path, path_prefix or headers",
            ],
            id="none",
        ),
        pytest.param(
            {"name": "beta", "headers": {}},
            [
                "rule `beta` has no condition",
                "give a method, path, path_prefix or headers",
            ],
            id="no-headers",
        ),
        pytest.param(
            {"path": "/a", "path_prefix": "/a"},
            ["rule `priority-10` takes one of path and path_prefix"],
            id="path-and-prefix",
        ),
        pytest.param(
            {"path": "a"},
            ["rule `priority-10`: path `a` does not start with `/`"],
            id="path",
        ),
        pytest.param(
            {"path_prefix": "/a*"},
            [
                "rule `priority-10`: path `/a*` holds `*`, which AWS does not accept",
                "there are no wildcards; a rule has path_prefix",
            ],
            id="prefix",
        ),
        pytest.param(
            {"path": "/" + "a" * 200},
            [
                (
                    f"rule `priority-10`: path `/{'a' * 39}…` has 201 characters, "
                    "more than 200"
                )
            ],
            id="path-length",
        ),
        pytest.param(
            {"path": "/", "path_case_sensitive": "false"},
            ["rule `priority-10`: path_case_sensitive `'false'` is not true or false"],
            id="no-bool",
        ),
        pytest.param(
            {"method": ""},
            ["rule `priority-10` has a method of 0 characters, not 1 to 16"],
            id="no-method",
        ),
        pytest.param(
            {"method": "M" * 17},
            ["rule `priority-10` has a method of 17 characters, not 1 to 16"],
            id="method-length",
        ),
        pytest.param(
            {"headers": {f"x-{n}": "1" for n in range(6)}},
            ["rule `priority-10` matches 6 headers, more than 5"],
            id="six-headers",
        ),
        pytest.param(
            {"headers": {"x-beta": 1}},
            ["header match `x-beta`: value `1` is not text"],
            id="header-number",
        ),
        pytest.param(
            {"headers": ["x-beta"]},
            ["rule `priority-10`: `'x-beta'` is not a HeaderMatch"],
            id="header-name-only",
        ),
        pytest.param(
            {"path": "/", "action": "instances"},
            [
                (
                    "rule `priority-10`: action `'instances'` is neither a Forward "
                    "nor a FixedResponse"
                )
            ],
            id="action",
        ),
        pytest.param(
            {"path": "/", "name": "rule-a"},
            ["rule name `rule-a` starts with the reserved `rule-`"],
            id="name",
        ),
    ],
)
def test_rule_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What AWS would not take as a rule is refused, naming the rule."""
    assert refused(Rule, 10, **{"action": Forward("a")} | fields) == expected


def test_header_mapping_means_exact_values() -> None:
    """The short spelling of headers is that of exact, case-insensitive values."""
    short = rule(headers={"x-beta": "1", "x-env": "prod"})

    assert short.header_matches == (
        HeaderMatch("x-beta", exact="1"),
        HeaderMatch("x-env", exact="prod"),
    )
    assert short == rule(headers=list(short.header_matches))


def test_defaults_of_case() -> None:
    """AWS's defaults: a path compares case, a header value does not."""
    assert rule().path_case_sensitive
    assert not HeaderMatch("x-beta", exact="1").case_sensitive


# ------------------------------------------------------------------------ the listeners


@pytest.mark.parametrize(
    ("protocol", "port", "name", "scheme"),
    [
        ("HTTP", 80, "http-80", "http"),
        ("HTTPS", 443, "https-443", "https"),
        ("TLS_PASSTHROUGH", 443, "tls-passthrough-443", "https"),
    ],
)
def test_listener_defaults(
    protocol: ListenerProtocol, port: int, name: str, scheme: str
) -> None:
    """Port and name follow from the protocol."""
    made = Listener(protocol, default=Forward("a"))

    assert (made.port, made.name, made.scheme) == (port, name, scheme)


@pytest.mark.parametrize("port", [1, 8080, 65535])
def test_listener_port_passes(port: int) -> None:
    """A port is 1 to 65535, and the derived name tells it."""
    made = listener("HTTP", port)

    assert (made.port, made.name) == (port, f"http-{port}")


@pytest.mark.parametrize("port", [0, -1, 65536, "80", 80.0, True])
def test_listener_port_is_refused(port: object) -> None:
    """Any other port is refused, 0 too; it does not stand for the default."""
    assert refused(listener, "HTTP", port) == [
        f"listener port `{port!r}` is not from 1 to 65535"
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"protocol": "http"},
            ["listener protocol `http` is not HTTP, HTTPS or TLS_PASSTHROUGH"],
            id="protocol",
        ),
        pytest.param(
            {"name": "listener-a"},
            ["listener name `listener-a` starts with the reserved `listener-`"],
            id="name",
        ),
        pytest.param(
            {"default": "instances"},
            [
                (
                    "listener `http-80`: action `'instances'` is neither a Forward "
                    "nor a FixedResponse"
                )
            ],
            id="default",
        ),
        pytest.param(
            {"rules": ["a"]}, ["listener `http-80`: `'a'` is not a Rule"], id="no-rule"
        ),
        pytest.param(
            {"rules": [rule(name="alpha"), rule(name="beta")]},
            ["listener `http-80`: rules `alpha` and `beta` both have priority 10"],
            id="priority",
        ),
        pytest.param(
            {"rules": [rule(name="beta"), rule(name="beta", priority=20)]},
            ["listener `http-80` has two rules named `beta`"],
            id="rule-name",
        ),
        pytest.param(
            {"protocol": "TLS_PASSTHROUGH"},
            [
                (
                    "listener `tls-passthrough-443`: TLS_PASSTHROUGH takes no rules, "
                    "only a default that forwards"
                )
            ],
            id="passthrough-fixed-response",
        ),
        pytest.param(
            {
                "protocol": "TLS_PASSTHROUGH",
                "default": Forward("a"),
                "rules": [rule()],
            },
            [
                (
                    "listener `tls-passthrough-443`: TLS_PASSTHROUGH takes no rules, "
                    "only a default that forwards"
                )
            ],
            id="passthrough-rule",
        ),
    ],
)
def test_listener_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What AWS would not take as a listener is refused, naming the listener."""
    values = {"protocol": "HTTP", "default": NOT_FOUND} | fields

    assert refused(Listener, **values) == expected


def test_rules_are_sorted_by_priority() -> None:
    """The order in which rules are written does not matter."""
    rules = [rule(priority=n, path=f"/{n}") for n in (30, 10, 20)]
    made = listener(rules=rules)

    assert [each.priority for each in made.rules] == [10, 20, 30]
    assert made == listener(rules=rules[::-1])


def test_two_thousand_rules_pass() -> None:
    """A listener takes a rule for every priority there is."""
    rules = [rule(priority=n) for n in range(1, 2001)]

    assert len(listener(rules=rules).rules) == 2000


# ------------------------------------------------------------------------- the services


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"idle_timeout_seconds": 60}, id="shortest-timeout"),
        pytest.param({"idle_timeout_seconds": 600}, id="longest-timeout"),
        pytest.param({"custom_domain_name": "a.b"}, id="shortest-domain"),
        pytest.param({"custom_domain_name": "Api.Example.com"}, id="upper-case-domain"),
        pytest.param(
            {"custom_domain_name": ".".join(["a" * 63] * 4)}, id="longest-domain"
        ),
        pytest.param({"listeners": [listener("HTTP"), listener("HTTPS")]}, id="two"),
        pytest.param(
            {
                "custom_domain_name": "api.example.com",
                "listeners": [Listener("TLS_PASSTHROUGH", default=Forward("a"))],
            },
            id="passthrough",
        ),
    ],
)
def test_service_passes(fields: dict[str, Any]) -> None:
    """Each limit is within itself."""
    Service("shop", **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"name": "svc-shop"},
            ["service name `svc-shop` starts with the reserved `svc-`"],
            id="name",
        ),
        pytest.param({"account": "1"}, ["account `1` is not 12 digits"], id="account"),
        pytest.param(
            {"region": "mars"}, ["Region `mars` is not a Region name"], id="region"
        ),
        *(
            pytest.param(
                {"idle_timeout_seconds": seconds},
                [
                    (
                        f"service `shop`: idle timeout `{seconds!r}` "
                        "is not from 60 to 600 seconds"
                    )
                ],
                id=f"timeout-{seconds!r}",
            )
            for seconds in (59, 601, "60", 60.0, None)
        ),
        *(
            pytest.param(
                {"custom_domain_name": domain},
                [
                    (
                        f"service `shop`: custom domain name `{domain}` "
                        "is not a domain name of 3 to 255 characters"
                    )
                ],
                id=f"domain-{domain[:12]}",
            )
            for domain in (
                "example",
                "api.example.com.",
                "-api.example.com",
                "api..com",
                "https://api.example.com",
                "*.example.com",
                ".".join(["a" * 63] * 4) + ".a",
            )
        ),
        pytest.param(
            {"listeners": ["HTTP"]},
            ["service `shop`: `'HTTP'` is not a Listener"],
            id="no-listener",
        ),
        pytest.param(
            {"listeners": [listener("HTTP", 443), listener("HTTPS")]},
            ["service `shop` has two listeners on port 443"],
            id="port",
        ),
        pytest.param(
            {"listeners": [listener(name="web"), listener("HTTPS", name="web")]},
            ["service `shop` has two listeners named `web`"],
            id="listener-name",
        ),
        pytest.param(
            {"listeners": [Listener("TLS_PASSTHROUGH", default=Forward("a"))]},
            [
                (
                    "service `shop`: listener `tls-passthrough-443` is "
                    "TLS_PASSTHROUGH, which needs a custom domain name"
                )
            ],
            id="passthrough",
        ),
    ],
)
def test_service_is_refused(fields: dict[str, Any], expected: list[str]) -> None:
    """What AWS would not take as a service is refused, naming the service."""
    assert refused(Service, **{"name": "shop"} | fields) == expected


# --------------------------------------------------------------------- ids, ARNs, names


def test_ids_have_awss_patterns() -> None:
    """Ids and ARNs fit the patterns of AWS's API model."""
    made = listener(rules=[rule()])
    shop = Service("shop", listeners=[made])

    assert re.fullmatch(f"svc-{ID}", shop.id)
    assert re.fullmatch(SERVICE_ARN, shop.arn)
    parent = f"{SERVICE_ARN}/listener/listener-{ID}"
    assert re.fullmatch(parent, shop.listener_arn(made))
    assert re.fullmatch(f"{parent}/rule/rule-{ID}", shop.rule_arn(made, made.rules[0]))
    assert re.fullmatch(f"{parent}/rule/rule-{ID}", shop.rule_arn(made, None))


def test_ids_never_change() -> None:
    """Users' snapshots hold ids, so a release must not derive other ones."""
    made = listener(rules=[rule()])
    shop = Service("my-service", listeners=[made])
    service = "arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-33c9fd550a20701a9"
    parent = f"{service}/listener/listener-13513a6b09fee319d"

    assert shop.dns_name == (
        "my-service-33c9fd550a20701a9.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
    )
    assert shop.arn == service
    assert shop.listener_arn(made) == parent
    assert shop.rule_arn(made, made.rules[0]) == f"{parent}/rule/rule-4215a314dbeb60200"
    assert shop.rule_arn(made, None) == f"{parent}/rule/rule-dcfec2654c08c2910"


def test_ids_tell_resources_apart() -> None:
    """Account, Region, listener and rule each give other ids."""
    one, two = rule(), rule(priority=20)
    http, https = listener(rules=[one, two]), listener("HTTPS")
    shop = Service("shop", listeners=[http, https])
    arns = {
        shop.arn,
        replace(shop, account="999999999999").arn,
        replace(shop, region="eu-west-1").arn,
        shop.listener_arn(http),
        shop.listener_arn(https),
        shop.rule_arn(http, one),
        shop.rule_arn(http, two),
        shop.rule_arn(http, None),
        shop.rule_arn(https, None),
    }

    assert len(arns) == 9


def test_region_is_in_arn_and_dns_name() -> None:
    """A service belongs to its Region by all its names."""
    shop = Service("shop", region="eu-west-1", account="999999999999")

    assert shop.arn.startswith("arn:aws:vpc-lattice:eu-west-1:999999999999:service/")
    assert shop.dns_name.endswith(".7d67968.vpc-lattice-svcs.eu-west-1.on.aws")


# ------------------------------------------------------------------- manners of a value

SPELLINGS = [
    "FixedResponse(404)",
    "WeightedTargetGroup('a')",
    "WeightedTargetGroup('a', 20)",
    "Forward('a')",
    "Forward({'a': 20})",
    "Forward({'a': 20, 'b': 10})",
    "HeaderMatch('x-beta', exact='1')",
    "HeaderMatch('x-beta', prefix='1', case_sensitive=True)",
    "Rule(10, action=Forward('a'), path='/')",
    (
        "Rule(10, action=FixedResponse(500), method='GET', path_prefix='/a', "
        "path_case_sensitive=False, headers=(HeaderMatch('x-beta', contains='1'),), "
        "name='beta', tags={'team': 'web'})"
    ),
    "Listener('HTTPS', default=FixedResponse(404))",
    "Listener('HTTPS', 8443, default=Forward('a'))",
    "Listener('HTTPS', 443, default=Forward('a'), name='public')",
    (
        "Listener('HTTP', default=Forward('a'), "
        "rules=(Rule(10, action=Forward('b'), path='/b'),))"
    ),
    "Service('shop')",
    (
        "Service('shop', listeners=(Listener('HTTP', default=Forward('a')),), "
        "custom_domain_name='shop.example.com', idle_timeout_seconds=120, "
        "account='999999999999', region='eu-west-1', tags={'team': 'web'})"
    ),
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_repr_is_the_shortest_spelling(text: str) -> None:
    """A value prints as a user would write it, and reads back as the same value."""
    value = eval(text)  # noqa: S307  # the spellings above

    assert repr(value) == text
    assert value == eval(text)  # noqa: S307  # the spellings above
    assert hash(value) == hash(eval(text))  # noqa: S307  # the spellings above


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Forward("a"), Forward({"a": 99})),
        (Forward({"a": 1, "b": 2}), Forward({"b": 2, "a": 1})),
        (rule(), rule(priority=11)),
        (rule(), rule(path_case_sensitive=False)),
        (rule(), rule(tags={"team": "web"})),
        (listener("HTTP"), listener("HTTP", 81)),
        (Service("shop"), Service("shop", region="eu-west-1")),
    ],
)
def test_different_values_are_not_equal(one: object, other: object) -> None:
    """Values are equal only if every field is."""
    assert one != other


def test_replace_derives_anew() -> None:
    """A changed value has the derived names and ports of the change."""
    assert replace(rule(), priority=20) == rule(priority=20)
    assert replace(rule(name="beta"), priority=20).name == "beta"
    assert replace(listener("HTTP"), protocol="HTTPS") == listener("HTTPS")
    assert replace(listener("HTTP"), port=8080).name == "http-8080"
    assert replace(listener("HTTP", 8080), protocol="HTTPS").port == 8080


def test_copied_rule_goes_beside_the_original() -> None:
    """A rule copied to another priority does not clash with the original's name."""
    names = [
        each.name
        for each in listener(rules=[rule(), replace(rule(), priority=20)]).rules
    ]

    assert names == ["priority-10", "priority-20"]


def test_replace_is_checked() -> None:
    """A change is held to AWS's limits like a new value."""
    assert refused(replace, rule(), priority=0) == [
        "rule priority `0` is not a whole number from 1 to 2000"
    ]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (NOT_FOUND, "status_code"),
        (WeightedTargetGroup("a"), "weight"),
        (Forward("a"), "target_groups"),
        (HeaderMatch("x-beta", exact="1"), "exact"),
        (rule(), "priority"),
        (listener(), "port"),
        (Service("shop"), "name"),
    ],
)
def test_values_are_frozen(value: object, field: str) -> None:
    """Nothing of a declared value can be changed, and nothing hung on it."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, None)
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize(
    "tags",
    [
        rule(tags={"team": "web"}).tags,
        listener(tags={"team": "web"}).tags,
        Service("shop", tags={"team": "web"}).tags,
    ],
)
def test_tags_are_read_only(tags: Mapping[str, str]) -> None:
    """Tags cannot be changed either."""
    with pytest.raises(TypeError, match="cannot be changed"):
        tags["team"] = "api"  # type: ignore[index]  # what is refused


def test_sequences_become_tuples() -> None:
    """Lists that were given do not change a value later."""
    rules, listeners = [rule()], [listener()]
    made, shop = listener(rules=rules), Service("shop", listeners=listeners)
    rules.clear()
    listeners.clear()

    assert made.rules == (rule(),)
    assert shop.listeners == (listener(),)


def test_weights_are_a_copy() -> None:
    """Who changes the dict of weights changes no action."""
    action = Forward({"a": 1, "b": 2})
    action.weights["a"] = 5

    assert action.weights == {"a": 1, "b": 2}


# ----------------------------------------------------------------- what is of no use


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Service("shop", listeners=listener()),  # type: ignore[arg-type]  # what is refused
            ["service `shop`: listeners is not a list", f"write [{listener()!r}]"],
        ),
        (
            lambda: listener(rules=rule()),
            ["listener `http-80`: rules is not a list", f"write [{rule()!r}]"],
        ),
        (
            lambda: listener(rules=None),
            ["listener `http-80`: rules is not a list", "write []"],
        ),
        (
            lambda: rule(headers={HeaderMatch("x", exact="1")}),
            [
                "rule `priority-10`: headers is not a list",
                "write [HeaderMatch('x', exact='1')]",
            ],
        ),
        (
            lambda: rule(tags=["a"]),
            ["tags `['a']` are not a mapping", 'write {"key": "value"}'],
        ),
        (
            lambda: rule(method=["GET", "HEAD"]),
            ["rule `priority-10`: method `['GET', 'HEAD']` is not text"],
        ),
        (lambda: rule(path=b"/"), ["rule `priority-10`: path `b'/'` is not text"]),
        (lambda: HeaderMatch(5, exact="1"), ["header name `5` is not text"]),  # type: ignore[arg-type]  # what is refused
        (
            lambda: Service("shop", custom_domain_name=5),  # type: ignore[arg-type]  # what is refused
            ["service `shop`: custom domain name `5` is not text"],
        ),
        (lambda: rule(method=0), ["rule `priority-10`: method `0` is not text"]),
        (
            lambda: Service("shop", certificate_arn=[]),  # type: ignore[arg-type]  # what is refused
            ["service `shop`: certificate arn `[]` is not text"],
        ),
    ],
    ids=[
        "listener",
        "rule",
        "none",
        "set",
        "tags",
        "methods",
        "path",
        "header",
        "domain",
        "method",
        "certificate",
    ],
)
def test_wrong_type_is_refused(make: Callable[[], object], said: list[str]) -> None:
    """One thing in place of a list, or no text, is named and not a `TypeError`."""
    assert refused(make) == said


def test_id_can_be_that_of_a_deployed_one() -> None:
    """A given id is in the ARN, is shown, and stays when the value is changed."""
    given = Service("deployed", id="svc-0123456789abcdef0")

    assert given.arn.endswith("/svc-0123456789abcdef0")
    assert repr(given) == "Service('deployed', id='svc-0123456789abcdef0')"
    assert replace(given, name="renamed").id == given.id
    assert replace(Service("deployed"), name="renamed") == Service("renamed")


@pytest.mark.parametrize(
    "text", ["svc-1", "0123456789abcdef0", "svc-0123456789ABCDEF0"]
)
def test_odd_id_is_refused(text: str) -> None:
    """An id has AWS's pattern."""
    (said,) = refused(Service, "deployed", id=text)

    assert said.endswith(f"`deployed`: id `{text}` is not svc- and 17 of 0-9 and a-z")
