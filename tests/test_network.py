"""The network of a test: what is declared, asked, called and remembered."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import permutations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import httpx
import pytest

from pytest_lattice import (
    AccessLogSubscription,
    Clock,
    ConfigurationError,
    Exchange,
    FixedResponse,
    Forward,
    Forwarded,
    LatticeError,
    LatticeNetwork,
    Listener,
    Organization,
    ResourceShare,
    Rule,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    Target,
    TargetGroup,
    Unreachable,
    Unroutable,
    Vpc,
    VpcAssociation,
)
from tests.clients.stub_target import Answer, StubTarget, StubTargets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pytest_lattice import AppTarget, Decision, LatticeRequest
    from pytest_lattice.model.configuration import Resource

# A mapping or pairs, as `decide` takes them.
_Headers: TypeAlias = Any

OWNER = "111122223333"
STRANGER = "444455556666"

BLUE = TargetGroup("blue", targets=["echo", "echo"])
GREEN = TargetGroup("green", targets=["echo", "echo", "echo"])
SHOP = Service(
    "shop",
    listeners=[
        Listener(
            "HTTPS",
            default=Forward({"blue": 20, "green": 10}),
            rules=[
                Rule(10, path_prefix="/blue", action=Forward("blue")),
                Rule(20, headers={"x-gone": "1"}, action=FixedResponse(404)),
            ],
        ),
        Listener("HTTP", 8080, default=FixedResponse(500)),
    ],
)
RESOURCES: tuple[Resource, ...] = (BLUE, GREEN, SHOP)
RANGES = "(10.0.0.0/16, fd12:3456:789a::/56)"
NOTHING: Any = "shop"
GONE = Service("gone", listeners=[Listener("HTTPS", default=FixedResponse(404))])


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """An empty network in which stub targets can be used."""
    with LatticeNetwork(plugins=[StubTargets()]) as network:
        yield network


@pytest.fixture
def shop(network: LatticeNetwork) -> LatticeNetwork:
    """A network with one service, two weighted target groups and no own VPC."""
    network.add(*RESOURCES)
    return network


def refusal(call: Callable[[], object]) -> list[str]:
    """Return the message and the notes of the error that a call ends in."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    return [str(caught.value), *getattr(caught.value, "__notes__", ())]


def chosen(decision: Decision) -> tuple[str, str]:
    """Name the target group and the target of a decision."""
    assert isinstance(decision.outcome, Forwarded), decision.explain()
    return decision.outcome.target_group.name, decision.outcome.target.id


def asked(network: LatticeNetwork, count: int) -> list[tuple[str, str]]:
    """Ask where so many requests would go."""
    return [chosen(network.decide("GET", "https://shop/")) for _ in range(count)]


def sent(network: LatticeNetwork, count: int) -> list[tuple[str, str]]:
    """Make so many requests, and say where they went."""
    with network.client("shop") as client:
        replies = [client.get("/") for _ in range(count)]
    return [chosen(each.extensions["pytest_lattice"].decision) for each in replies]


# ------------------------------------------------------------------ what is declared


@pytest.mark.parametrize("order", list(permutations(RESOURCES)))
def test_resources_are_added_in_any_order(
    network: LatticeNetwork, order: Sequence[Resource]
) -> None:
    """A service may stand before the target groups that it forwards to."""
    network.add(*order)

    assert network.decide("GET", "https://shop/blue").target_group == BLUE


def test_one_add_and_several_come_to_the_same(network: LatticeNetwork) -> None:
    """It does not matter in how many pieces the same values are added."""
    with LatticeNetwork() as in_pieces:
        for resource in RESOURCES:
            in_pieces.add(resource)
        network.add(*RESOURCES)

        assert network.configuration == in_pieces.configuration
        assert network.overview() == in_pieces.overview()
        assert asked(network, 40) == asked(in_pieces, 40)


def test_adding_nothing_changes_nothing(shop: LatticeNetwork) -> None:
    """An empty add is no mistake."""
    before = shop.configuration

    shop.add()

    assert shop.configuration == before


def test_draws_go_on_over_an_add(network: LatticeNetwork) -> None:
    """A later add does not deal new decks to rules that were there before."""
    with LatticeNetwork() as undisturbed:
        undisturbed.add(*RESOURCES)
        network.add(*RESOURCES)
        first = asked(network, 7)
        network.add(GONE)

        assert first + asked(network, 33) == asked(undisturbed, 40)


def test_threads_may_add_at_once(network: LatticeNetwork) -> None:
    """What one thread adds does not undo what another does."""
    names = [f"service-{number}" for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: network.add(Service(name)), names))

    assert {each.name for each in network.configuration.services} == set(names)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (BLUE, "target group `blue` already exists in account 123456789012, us-west-2"),
        (
            Service("next", listeners=[Listener("HTTP", default=Forward("bleu"))]),
            "unknown target group `bleu`",
        ),
        (
            TargetGroup("red", targets=["ecko"]),
            "target group `red`: `ecko` is not a target",
        ),
        (
            TargetGroup("red", targets=[object()]),
            "target group `red`: `object` cannot be called; a target is",
        ),
        (AccessLogSubscription("ship"), "unknown service or service network `ship`"),
        (NOTHING, "`'shop'` is not a resource of a service network"),
    ],
    ids=["duplicate", "unknown group", "unknown text", "no app", "log", "text"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
def test_failed_add_changes_nothing(
    shop: LatticeNetwork, bad: Resource, message: str, *, first: bool
) -> None:
    """An add either adds all or leaves configuration and answers as they were."""
    before, answers = shop.configuration, shop.overview()
    resources = (bad, GONE) if first else (GONE, bad)

    [said, *_] = refusal(lambda: shop.add(*resources))

    assert said.startswith(message)
    assert shop.configuration is before
    assert shop.overview() == answers
    shop.add(GONE)
    assert shop.decide("GET", "https://gone/").outcome == FixedResponse(404)


def test_failed_add_forgets_targets(network: LatticeNetwork) -> None:
    """A target of a failed add does not answer for a later group of that name."""
    forgotten = StubTarget()
    listener = Listener("HTTP", default=Forward("group"))
    broken = TargetGroup("other", targets=["ecko"])
    refusal(lambda: network.add(TargetGroup("group", targets=[forgotten]), broken))

    network.add(
        TargetGroup("group", targets="echo"), Service("shop", listeners=[listener])
    )

    assert network.client("shop").get("/").json()["target_group"] == "group"
    assert forgotten.requests == []


def test_failed_add_closes_what_a_hook_made(network: LatticeNetwork) -> None:
    """A target that a hook made for a failed add is not left open."""
    stub = StubTarget()

    refusal(
        lambda: network.add(
            TargetGroup("group", targets=[stub]), TargetGroup("other", targets=["ecko"])
        )
    )

    assert stub.closed == 1


def test_targets_come_to_life_with_their_group_only(network: LatticeNetwork) -> None:
    """A group that nothing forwards to may hold a target without an app."""
    network.add(TargetGroup("spare", targets=[Target("i-0123456789abcdef0")]), GONE)

    assert network.decide("GET", "https://gone/").outcome == FixedResponse(404)


def test_target_without_an_app_is_told(network: LatticeNetwork) -> None:
    """A request to a target that nothing is bound to says how to bind one."""
    network.add(
        TargetGroup("blue", targets=[Target("i-0123456789abcdef0")]),
        Service("shop", listeners=[Listener("HTTP", default=Forward("blue"))]),
    )

    assert refusal(lambda: network.client("shop").get("/")) == [
        "target `i-0123456789abcdef0` of target group `blue` has no app",
        'bind one with targets=[app], or ask for targets="echo"',
    ]
    assert network.exchanges == ()


def test_decision_needs_no_app(network: LatticeNetwork) -> None:
    """Where a request would go can be asked before any app is bound."""
    network.add(
        TargetGroup("blue", targets=[Target("i-0123456789abcdef0")]),
        Service("shop", listeners=[Listener("HTTP", default=Forward("blue"))]),
    )

    assert chosen(network.decide("GET", "http://shop/")) == (
        "blue",
        "i-0123456789abcdef0",
    )


@pytest.mark.parametrize("name", ["shop", SHOP.id, SHOP.arn, SHOP.dns_name])
def test_service_is_found_by_each_of_its_names(shop: LatticeNetwork, name: str) -> None:
    """A service has a name, an id, an ARN and a DNS name."""
    assert shop.service(name) is SHOP


def test_service_is_found_by_its_custom_domain_name(network: LatticeNetwork) -> None:
    """A custom domain name is one of a service's names."""
    service = Service("shop", custom_domain_name="shop.example.com")
    network.add(service)

    assert network.service("shop.example.com") == service


def test_nothing_is_the_name_of_no_service(shop: LatticeNetwork) -> None:
    """`None` is not the custom domain name of a service without one."""
    name: Any = None

    assert refusal(lambda: shop.service(name))[0] == "unknown service `None`"


def test_unknown_service_comes_with_the_nearest_name(shop: LatticeNetwork) -> None:
    """A misspelled service is refused, and the right name is the advice."""
    assert refusal(lambda: shop.service("shops")) == [
        "unknown service `shops`",
        "did you mean `shop`?",
    ]


def test_network_shows_what_it_is(shop: LatticeNetwork) -> None:
    """The repr names the services and the seed."""
    shop.add(GONE)

    assert repr(shop) == (
        "<LatticeNetwork with services shop, gone, seed 'pytest-lattice'>"
    )
    with LatticeNetwork(seed="7") as empty:
        assert repr(empty) == "<LatticeNetwork with services (none), seed '7'>"


# -------------------------------------------------------------------- target status


def target_ids(network: LatticeNetwork, group: str = "blue") -> list[str]:
    """List the ids of a group's targets."""
    return [each.id for each in network.configuration.target_group(group).registered]


def went_to(network: LatticeNetwork, count: int = 6) -> Counter[str]:
    """Count to which targets of the group `blue` requests would go."""
    decisions = [network.decide("GET", "https://shop/blue") for _ in range(count)]
    return Counter(chosen(each)[1] for each in decisions)


def test_unhealthy_target_gets_no_traffic(shop: LatticeNetwork) -> None:
    """Traffic goes to the healthy targets of a group, and comes back."""
    first, second = target_ids(shop)

    shop.set_target_status("blue", first, "UNHEALTHY")
    assert went_to(shop) == {second: 6}

    shop.set_target_status("blue", first, "HEALTHY")
    assert went_to(shop) == {first: 3, second: 3}


def test_group_without_a_healthy_target_fails_open(shop: LatticeNetwork) -> None:
    """If every target is unhealthy, all of them get traffic."""
    for target in target_ids(shop):
        shop.set_target_status("blue", target, "UNHEALTHY")

    assert went_to(shop) == dict.fromkeys(target_ids(shop), 3)


@pytest.mark.parametrize("status", ["DRAINING", "INITIAL", "UNUSED"])
def test_group_of_targets_that_do_not_serve_answers_503(
    shop: LatticeNetwork, status: Literal["DRAINING", "INITIAL", "UNUSED"]
) -> None:
    """Targets that drain, start or are not used get nothing, not even fail-open."""
    for target in target_ids(shop):
        shop.set_target_status("blue", target, status)

    assert shop.decide("GET", "https://shop/blue").outcome == Unroutable(
        503,
        f"every target of target group `blue` is {status}",
        "TargetConnectionError",
    )
    assert shop.client("shop").get("/blue").status_code == 503


def test_status_goes_by_target_id(network: LatticeNetwork) -> None:
    """A target that is registered with two ports is one target with one health."""
    twice = [Target("i-0123456789abcdef0", port=port, app="echo") for port in (1, 2)]
    network.add(TargetGroup("blue", targets=twice), GREEN, SHOP)

    network.set_target_status("blue", "i-0123456789abcdef0", "DRAINING")

    assert isinstance(network.decide("GET", "https://shop/blue").outcome, Unroutable)


def test_decision_keeps_the_status_it_was_made_on(shop: LatticeNetwork) -> None:
    """What happens later to a target does not change the story of a decision."""
    before = shop.decide("GET", "https://shop/blue")
    told = before.explain()

    shop.set_target_status("blue", chosen(before)[1], "UNHEALTHY")

    assert before.explain() == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("blues", "i-1", "HEALTHY"),
            ["unknown target group `blues`", "did you mean `blue`?"],
        ),
        (
            ("blue", "i-1", "SICK"),
            [
                "unknown target status `SICK`",
                (
                    "known: `DRAINING`, `HEALTHY`, `INITIAL`, `UNAVAILABLE`, "
                    "`UNHEALTHY`, `UNUSED`"
                ),
            ],
        ),
    ],
    ids=["group", "status"],
)
def test_unknown_group_or_status_is_refused(
    shop: LatticeNetwork, arguments: tuple[Any, Any, Any], said: list[str]
) -> None:
    """What does not exist has no status, and a status is one of AWS's."""
    assert refusal(lambda: shop.set_target_status(*arguments)) == said


def test_unknown_target_is_refused(network: LatticeNetwork) -> None:
    """A target is known by its id."""
    network.add(TargetGroup("blue", targets=[Target("i-0123456789abcdef0")]))

    assert refusal(
        lambda: network.set_target_status("blue", "i-0123456789abcdef1", "HEALTHY")
    ) == [
        "unknown target `i-0123456789abcdef1`",
        "did you mean `i-0123456789abcdef0`?",
    ]


# ----------------------------------------------------------------- URLs and requests

# What every client leaves as it is, beside letters and digits
SAFE = "/a:@!$&()*+,;=~-._'"
PARTS = [
    ("https://shop", 443, "/", None),
    ("https://shop/", 443, "/", None),
    ("https://SHOP/Cart", 443, "/Cart", None),
    ("HTTPS://shop/a%2Fb/%C3%BC", 443, "/a%2Fb/%C3%BC", None),
    ("https://shop?", 443, "/", ""),
    ("https://shop/a?b=c&b=%20", 443, "/a", "b=c&b=%20"),
    ("https://shop/a?b?c", 443, "/a", "b?c"),
    ("https://shop/a#part", 443, "/a", None),
    ("https://shop/a?b#c?d", 443, "/a", "b"),
    ("https://shop/a#b?c", 443, "/a", None),
    ("https://shop/\u00fc b?\u00fc c'", 443, "/%C3%BC%20b", "%C3%BC%20c'"),
    (f"https://shop{SAFE}?{SAFE}?", 443, SAFE, f"{SAFE}?"),
    ("https://shop/a/./b/../c//d?e/../f", 443, "/a/c//d", "e/../f"),
    ("https://shop/../a/.", 443, "/a", None),
    ("https://shop/..", 443, "/", None),
    ("https://shop/a/%2e%2e/b.c/..d", 443, "/a/%2e%2e/b.c/..d", None),
    ("https://shop:443/", 443, "/", None),
    ("https://shop:8443/", 8443, "/", None),
    ("http://shop:8080/", 8080, "/", None),
    ("http://shop:80/", 80, "/", None),
    (f"https://{SHOP.dns_name}/", 443, "/", None),
    (f"https://{SHOP.dns_name.upper()}/", 443, "/", None),
    (f"https://{SHOP.dns_name}.:8443/a", 8443, "/a", None),
    ("https://shop.example.com/a", 443, "/a", None),
    ("https://user:secret@shop/a", 443, "/a", None),
    ("http://[fd00:ec2:80::1]:8080/a", 8080, "/a", None),
    ("http://[::1]/", 80, "/", None),
    ("http://169.254.171.1/", 80, "/", None),
]


def seen_by_both(network: LatticeNetwork, url: str) -> list[tuple[object, ...]]:
    """Describe the request of a question, and that of a client, for one URL."""
    requests = [network.decide("GET", url).request]
    try:
        response = network.client().get(url)
    except httpx.ConnectError:
        pass  # the question alone says enough: there is nothing to compare with
    else:
        requests.append(response.extensions["pytest_lattice"].request)
    return [described(each) for each in requests]


def described(request: LatticeRequest) -> tuple[object, ...]:
    """List what a URL decides of a request."""
    return (
        request.scheme,
        request.host,
        request.header_values("host"),
        request.server_name,
        request.port,
        request.path,
        request.query,
    )


@pytest.mark.parametrize(("url", "port", "path", "query"), PARTS)
def test_url_is_taken_apart_as_the_client_does(
    shop: LatticeNetwork, url: str, port: int, path: str, query: str | None
) -> None:
    """A question means by a URL what a client means by it."""
    [first, *others] = seen_by_both(shop, url)

    assert first[-3:] == (port, path, query)
    assert others in ([], [first])


@pytest.mark.parametrize("name", ["shop", "SHOP", "Shop"])
@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_short_name_becomes_the_dns_name(
    shop: LatticeNetwork, name: str, port: str
) -> None:
    """A short name is a test's abbreviation; what travels is the generated DNS name."""
    request = shop.decide("GET", f"https://{name}{port}/").request

    assert request.server_name == SHOP.dns_name
    assert request.host == SHOP.dns_name + port.replace(":443", "")
    assert request.headers == (("host", request.host),)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("shop", "URL `shop` is not of the form https://name/path"),
        ("/path", "URL `/path` is not of the form https://name/path"),
        ("", "URL `` is not of the form https://name/path"),
        ("grpc://shop/", "URL `grpc://shop/` is not of the form https://name/path"),
        ("https:///path", "URL `https:///path` is not of the form https://name/path"),
        ("https://[::1", "URL `https://[::1` is not of the form https://name/path"),
        (
            "https://shop:99999/",
            "URL `https://shop:99999/` has no port from 1 to 65535",
        ),
        ("https://shop:x/", "URL `https://shop:x/` has no port from 1 to 65535"),
        (
            "https://shop/\ud800",
            "URL `https://shop/\ud800` is not of the form https://name/path",
        ),
        (
            httpx.URL("https://shop/"),
            "URL `https://shop/` is not of the form https://name/path",
        ),
    ],
)
def test_url_that_is_none_is_refused(shop: LatticeNetwork, url: str, said: str) -> None:
    """What cannot be a URL is the question's mistake, not an answer."""
    assert refusal(lambda: shop.decide("GET", url)) == [said]


def test_unknown_short_name_is_refused(shop: LatticeNetwork) -> None:
    """A name without a dot must be a service of the network."""
    assert refusal(lambda: shop.decide("GET", "https://chop/")) == [
        "unknown service `chop`",
        "did you mean `shop`?",
    ]


def test_unknown_dns_name_is_an_answer(shop: LatticeNetwork) -> None:
    """A DNS name that no service has is 404 on HTTP and a reset on HTTPS."""
    plain = shop.decide("GET", "http://shop.example.com/").outcome
    secure = shop.decide("GET", "https://shop.example.com/").outcome

    assert isinstance(plain, Unroutable)
    assert plain.status == 404
    assert isinstance(secure, Unreachable)
    assert secure.error == "connection reset"


@pytest.mark.parametrize("host", ["[::1]", "[fd00:ec2:80::1]", "169.254.171.1"])
def test_address_in_a_url_is_no_short_name(shop: LatticeNetwork, host: str) -> None:
    """A URL with an IP address names no service, and is answered as AWS does."""
    outcome = shop.decide("GET", f"http://{host}/").outcome

    assert isinstance(outcome, Unroutable)
    assert outcome.status == 404


def test_port_without_listener_refuses(shop: LatticeNetwork) -> None:
    """A service listens on its ports only."""
    assert shop.decide("GET", "https://shop:8443/").outcome == Unreachable(
        "connection refused",
        "service `shop` has no listener on port 8443; it has 443 (HTTPS), 8080 (HTTP)",
    )


def test_custom_domain_name_reaches_its_service(network: LatticeNetwork) -> None:
    """A custom domain name with its certificate is as good as the DNS name."""
    listener = Listener("HTTPS", default=FixedResponse(404))
    certificate = "arn:aws:acm:us-west-2:123456789012:certificate/1234"
    network.add(
        Service(
            "shop",
            listeners=[listener],
            custom_domain_name="shop.example.com",
            certificate_arn=certificate,
        )
    )

    decision = network.decide("GET", "https://SHOP.example.com/")

    assert decision.outcome == FixedResponse(404)
    assert decision.request.host == "shop.example.com"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Gone": "1"},
        [("X-Gone", "1")],
        (("x-gone", "1"),),
        httpx.Headers({"x-gone": "1"}),
    ],
    ids=["mapping", "list", "tuple", "httpx"],
)
def test_headers_come_in_any_usual_form(
    shop: LatticeNetwork, headers: _Headers
) -> None:
    """Headers are a mapping or pairs, and their names have no case."""
    decision = shop.decide("GET", "https://shop/", headers=headers)

    assert decision.rule is not None
    assert decision.rule.priority == 20
    assert decision.request.headers == (("host", SHOP.dns_name), ("x-gone", "1"))


@pytest.mark.parametrize(
    "headers",
    ["x-gone", 5, [("x-gone",)], {"x-gone": 1}, {"x-gone": ["1"]}, [(b"x", b"1")]],
    ids=str,
)
def test_headers_that_are_none_are_refused(
    shop: LatticeNetwork, headers: _Headers
) -> None:
    """What is no mapping or pairs of text is the question's mistake."""
    assert refusal(lambda: shop.decide("GET", "https://shop/", headers=headers)) == [
        f"headers `{headers!r}` are not texts by name",
        'write {"name": "value"} or [("name", "value")]',
    ]


def test_headers_may_repeat(shop: LatticeNetwork) -> None:
    """Pairs keep every value and their order."""
    pairs = [("x-gone", "2"), ("accept", "*/*"), ("X-GONE", "1")]

    decision = shop.decide("GET", "https://shop/", headers=pairs)

    assert decision.request.header_values("x-gone") == ("2", "1")
    assert decision.outcome == FixedResponse(404)


@pytest.mark.parametrize("name", ["host", "Host"])
def test_host_header_can_be_given(shop: LatticeNetwork, name: str) -> None:
    """A Host header replaces the one that follows from the URL, as a client has it."""
    host = {name: "other.example.com"}

    decision = shop.decide("GET", "http://shop:8080/", headers=host)
    response = shop.client().get("http://shop:8080/", headers=host)

    assert decision.request.headers == (("host", "other.example.com"),)
    assert described(decision.request) == described(
        response.extensions["pytest_lattice"].request
    )
    assert response.status_code == 404


def test_question_speaks_http2_over_https_only(shop: LatticeNetwork) -> None:
    """HTTP/2 needs TLS; on HTTP the same client speaks HTTP/1.1."""
    versions = [
        shop.decide("GET", url, http2=http2).request.http_version
        for url in ("https://shop/", "http://shop:8080/")
        for http2 in (True, False)
    ]

    assert versions == ["HTTP/2", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1"]


def test_method_is_taken_as_it_is(shop: LatticeNetwork) -> None:
    """A method has its case, as rules compare it; small letters mean large ones."""
    assert shop.decide("pUrGe", "https://shop/").request.method == "pUrGe"
    assert shop.decide("delete", "https://shop/").request.method == "DELETE"


# ------------------------------------------------------------------ VPCs and addresses


@pytest.fixture
def two_networks(network: LatticeNetwork) -> LatticeNetwork:
    """A service in two service networks, with a VPC each that use the same range."""
    network.add(
        *RESOURCES,
        GONE,
        ServiceNetwork("north", services=["shop"], vpcs=["north-vpc"]),
        ServiceNetwork("south", services=["shop", "gone"], vpcs=["south-vpc"]),
        Vpc("north-vpc"),
        Vpc("south-vpc"),
        Vpc("island"),
    )
    return network


def test_only_vpc_need_not_be_said(shop: LatticeNetwork) -> None:
    """Where one VPC is associated, requests come from there."""
    assert shop.decide("GET", "https://shop/").request.source.vpc == Vpc("default").id


@pytest.mark.parametrize("by", ["name", "id"])
def test_vpc_is_chosen_by_name_or_id(two_networks: LatticeNetwork, by: str) -> None:
    """A VPC has a name in the test and an id as AWS gives it."""
    vpc = two_networks.configuration.vpc("south-vpc")

    decision = two_networks.decide("GET", "https://shop/", vpc=getattr(vpc, by))

    assert decision.service_network is not None
    assert decision.service_network.name == "south"
    assert decision.request.source.vpc == vpc.id


def test_vpc_must_be_said_where_there_are_several(two_networks: LatticeNetwork) -> None:
    """Which of two VPCs calls is never guessed."""
    said = [
        "say which VPC calls: 2 are associated",
        "vpc= one of `north-vpc`, `south-vpc`",
    ]

    assert refusal(lambda: two_networks.decide("GET", "https://shop/")) == said
    assert refusal(lambda: two_networks.client("shop")) == said
    assert refusal(lambda: two_networks.async_client("shop")) == said


def test_vpc_must_be_associated(network: LatticeNetwork) -> None:
    """Where no VPC is associated, nobody can call, and the advice is to do it."""
    network.add(GONE, ServiceNetwork("north"), ServiceNetwork("south"))

    assert refusal(lambda: network.decide("GET", "https://gone/")) == [
        "no VPC is associated with a service network",
        'associate one with ServiceNetwork(..., vpcs=["default"])',
    ]


def test_unknown_vpc_is_refused(two_networks: LatticeNetwork) -> None:
    """A VPC is declared, or has an id that AWS could have given."""
    assert refusal(
        lambda: two_networks.decide("GET", "https://shop/", vpc="nort-vpc")
    ) == ["unknown VPC `nort-vpc`", "did you mean `north-vpc`?"]


@pytest.mark.parametrize("vpc", ["island", "vpc-0123456789abcdef0"])
def test_vpc_outside_every_network_reaches_nothing(
    two_networks: LatticeNetwork, vpc: str
) -> None:
    """A VPC without an association is an answer: its packets lead nowhere."""
    decision = two_networks.decide("GET", "https://shop/", vpc=vpc)

    assert decision.outcome == Unreachable(
        "connect timeout", f"VPC `{vpc}` is not associated with a service network"
    )


def test_vpcs_with_the_same_addresses_are_told_apart(
    two_networks: LatticeNetwork,
) -> None:
    """Not the address but the VPC says where a request comes from."""
    for vpc in ("north-vpc", "south-vpc"):
        two_networks.client("shop", vpc=vpc, address="10.0.0.10").get("/")

    first, second = two_networks.access_log
    assert first.source_ip_port.startswith("10.0.0.10:")
    assert second.source_ip_port.startswith("10.0.0.10:")
    assert [first.source_vpc_id, second.source_vpc_id] == [
        Vpc("north-vpc").id,
        Vpc("south-vpc").id,
    ]
    assert first.source_vpc_arn != second.source_vpc_arn


def test_service_in_two_networks_logs_the_one_that_was_used(
    two_networks: LatticeNetwork,
) -> None:
    """A request belongs to the service network through which it came."""
    networks = {
        each.name: each.arn for each in two_networks.configuration.service_networks
    }

    replies = [
        two_networks.client("shop", vpc=f"{name}-vpc").get("/") for name in networks
    ]

    logged = [each.service_network_arn for each in two_networks.access_log]
    assert logged == list(networks.values())
    assert [each.json()["service_network_arn"] for each in replies] == logged
    for reply in replies:
        [header] = reply.json()["headers"]["x-amzn-lattice-target"]
        assert f"ServiceNetworkArn={reply.json()['service_network_arn']}; " in header


def test_networks_have_their_own_services(two_networks: LatticeNetwork) -> None:
    """A service that is in one network only is not found from the other one."""
    north = two_networks.decide("GET", "https://gone/", vpc="north-vpc")
    south = two_networks.decide("GET", "https://gone/", vpc="south-vpc")

    assert isinstance(north.outcome, Unreachable)
    assert north.outcome.error == "connection reset"
    assert south.outcome == FixedResponse(404)


@pytest.mark.parametrize("address", ["10.0.3.7", "fd12:3456:789a::7"])
def test_address_is_taken_from_the_vpc(shop: LatticeNetwork, address: str) -> None:
    """A client may have any IPv4 or IPv6 address of its VPC."""
    decision = shop.decide("GET", "https://shop/", address=address)
    response = shop.client("shop", address=address).get("/")

    assert decision.request.source.address == address
    assert response.json()["headers"]["x-forwarded-for"] == [address]


def test_ipv6_address_stands_in_brackets_in_the_log(shop: LatticeNetwork) -> None:
    """An address with colons and a port are told apart by brackets."""
    shop.client("shop", address="fd12:3456:789a::7").get("/")

    assert shop.access_log[0].source_ip_port == "[fd12:3456:789a::7]:32768"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "10.1.0.1",
            f"address `10.1.0.1` is not in VPC `default` {RANGES}",
        ),
        (
            "fd00::1",
            f"address `fd00::1` is not in VPC `default` {RANGES}",
        ),
        ("10.0.0", "`10.0.0` is not an IP address"),
        ("", "`` is not an IP address"),
    ],
)
def test_address_outside_the_vpc_is_refused(
    shop: LatticeNetwork, address: str, said: str
) -> None:
    """A client cannot have an address that its VPC does not have."""
    assert refusal(lambda: shop.decide("GET", "https://shop/", address=address)) == [
        said
    ]
    assert refusal(lambda: shop.client("shop", address=address)) == [said]


def test_derived_address_is_the_same_in_every_run(shop: LatticeNetwork) -> None:
    """A client that is given no address has one that follows from its VPC."""
    source = shop.decide("GET", "https://shop/").request.source

    assert source.address == "10.0.231.107"


def test_place_follows_a_later_association(network: LatticeNetwork) -> None:
    """The VPC `default` stands in only as long as nothing is declared."""
    network.add(GONE)
    assert (
        network.decide("GET", "https://gone/").request.source.vpc == Vpc("default").id
    )

    network.add(
        ServiceNetwork("north", services=["gone"], vpcs=["home"]),
        Vpc("home", cidr="10.9.0.0/16"),
    )

    source = network.decide("GET", "https://gone/").request.source
    assert source.vpc == Vpc("home").id
    assert source.address.startswith("10.9.")


def test_clients_of_one_vpc_have_ports_of_their_own(shop: LatticeNetwork) -> None:
    """Two clients are two sockets, so the log tells them apart."""
    for client in (shop.client("shop"), shop.client("shop"), shop.async_client("shop")):
        if isinstance(client, httpx.Client):
            client.get("/")
            client.get("/")

    ports = [each.source_ip_port.rpartition(":")[2] for each in shop.access_log]
    assert ports == ["32768", "32768", "32769", "32769"]


# --------------------------------------------------------------------------- accounts


def declare_accounts(network: LatticeNetwork, *more: Resource) -> None:
    """Declare a network of one account and a service of another one."""
    network.add(
        ServiceNetwork("north", account=OWNER),
        Vpc("home", account=OWNER),
        VpcAssociation("north", "home"),
        Service(
            "orders",
            account=STRANGER,
            listeners=[Listener("HTTP", default=FixedResponse(404))],
        ),
        *more,
    )


@pytest.mark.parametrize(
    ("share", "account"),
    [
        (
            ResourceShare(
                "share", resources=["north"], principals=[STRANGER], account=OWNER
            ),
            STRANGER,
        ),
        (
            ResourceShare(
                "share", resources=["orders"], principals=[OWNER], account=STRANGER
            ),
            OWNER,
        ),
        (
            ResourceShare(
                "share",
                resources=["orders"],
                principals=["o-example123"],
                account=STRANGER,
            ),
            OWNER,
        ),
    ],
    ids=["network", "service", "organization"],
)
def test_shared_resources_can_be_associated(
    network: LatticeNetwork, share: ResourceShare, account: str
) -> None:
    """Who owns one side and has the other shared with it may associate them."""
    declare_accounts(
        network,
        Organization("o-example123", accounts=[OWNER, STRANGER]),
        share,
        ServiceAssociation("north", "orders", account=account),
    )

    assert network.decide("GET", "http://orders/").outcome == FixedResponse(404)
    network.client("orders").get("/")
    [entry] = network.access_log
    assert f":{OWNER}:servicenetwork/" in entry.service_network_arn
    assert f":{STRANGER}:service/" in entry.service_arn


def test_what_is_not_shared_cannot_be_associated(network: LatticeNetwork) -> None:
    """Without a share, the other account's service is out of reach."""
    association = ServiceAssociation("north", "orders", account=OWNER)

    [said] = refusal(lambda: declare_accounts(network, association))

    assert said.startswith(
        "cannot associate service `orders` with service network `north`: "
    )
    assert f"of account {STRANGER} is not shared with account {OWNER}" in said


def test_directory_lists_what_is_owned_and_shared(network: LatticeNetwork) -> None:
    """An account sees its own services and those that are shared with it."""
    declare_accounts(network, Service("carts", account=OWNER))
    assert [each.name for each in network.service_directory(OWNER)] == ["carts"]

    network.add(
        ResourceShare(
            "share", resources=["orders"], principals=[OWNER], account=STRANGER
        )
    )

    names = {
        account: [each.name for each in network.service_directory(account)]
        for account in (OWNER, STRANGER)
    }
    assert names == {OWNER: ["orders", "carts"], STRANGER: ["orders"]}
    assert network.service_directory() == ()


def test_directory_of_what_is_no_account_is_refused(shop: LatticeNetwork) -> None:
    """A number is equal to no account, so nothing would be listed."""
    account: Any = 123456789012

    assert refusal(lambda: shop.service_directory(account)) == [
        "account `123456789012` is not text",
        "put it in quotes",
    ]


def test_directory_is_by_default_that_of_the_default_account(
    shop: LatticeNetwork,
) -> None:
    """Whoever declares no accounts sees all services."""
    assert shop.service_directory() == (SHOP,)


# ------------------------------------------------------------------- draws and seeds


@pytest.mark.parametrize("draw", ["deck", "random"])
def test_nth_question_is_the_nth_request(draw: Literal["deck", "random"]) -> None:
    """The n-th question has the target group and the target of the n-th request."""
    with LatticeNetwork(draw=draw, seed="a seed") as network:
        network.add(*RESOURCES)

        assert asked(network, 100) == sent(network, 100)


@pytest.mark.parametrize("draw", ["deck", "random"])
def test_asking_disturbs_no_traffic(draw: Literal["deck", "random"]) -> None:
    """Traffic goes where it would have gone had nobody asked."""
    with LatticeNetwork(draw=draw) as quiet, LatticeNetwork(draw=draw) as asking:
        for network in (quiet, asking):
            network.add(*RESOURCES)
        interrupted: list[tuple[str, str]] = []
        for n in range(10):
            asked(asking, n)
            interrupted += sent(asking, 5)

        assert interrupted == sent(quiet, 50)


def test_traffic_disturbs_no_question(shop: LatticeNetwork) -> None:
    """The first question is that of the first request, also after traffic."""
    first = sent(shop, 31)

    assert asked(shop, 31) == first


def test_asking_leaves_no_trace(shop: LatticeNetwork) -> None:
    """A question is neither an exchange nor an access-log entry."""
    asked(shop, 3)

    assert shop.exchanges == ()
    assert len(shop.access_log) == 0


def test_decks_are_exact(shop: LatticeNetwork) -> None:
    """Weights of 20 and 10 are exactly two to one over each three requests."""
    groups = [group for group, _ in sent(shop, 300)]

    for start in range(0, 300, 3):
        assert Counter(groups[start : start + 3]) == {"blue": 2, "green": 1}


def test_targets_of_a_group_take_turns(shop: LatticeNetwork) -> None:
    """Within a group, targets get the same number of requests."""
    targets = Counter(target for _, target in sent(shop, 180))

    blue, green = target_ids(shop, "blue"), target_ids(shop, "green")
    assert targets == dict.fromkeys(blue, 60) | dict.fromkeys(green, 20)


@pytest.mark.parametrize("draw", ["deck", "random"])
def test_seed_decides_the_draws(draw: Literal["deck", "random"]) -> None:
    """The same seed gives the same draws, and another seed gives others."""

    def order(seed: str) -> list[tuple[str, str]]:
        with LatticeNetwork(draw=draw, seed=seed) as network:
            network.add(*RESOURCES)
            return asked(network, 60)

    assert order("a") == order("a")
    assert order("a") != order("b")


def test_seed_decides_the_request_ids() -> None:
    """Request ids look like UUIDs, count up, and follow from the seed."""
    ids: dict[str, list[str]] = {}
    for seed in ("a", "b"):
        with LatticeNetwork(seed=seed) as network:
            network.add(GONE)
            client = network.client("gone")
            ids[seed] = [client.get("/").headers["x-amzn-requestid"] for _ in "12"]

    assert ids == {
        "a": [
            "79d03f9b-05de-3770-650e-000000000001",
            "79d03f9b-05de-3770-650e-000000000002",
        ],
        "b": [
            "0e262ce9-cbf6-08c1-c2eb-000000000001",
            "0e262ce9-cbf6-08c1-c2eb-000000000002",
        ],
    }


def test_dice_are_honest() -> None:
    """Random draws come near the weights without being exact over each deck."""
    with LatticeNetwork(draw="random") as network:
        network.add(*RESOURCES)
        groups = [group for group, _ in asked(network, 3000)]

    decks = {
        tuple(sorted(groups[start : start + 3])) for start in range(0, len(groups), 3)
    }
    assert len(decks) == 4
    # The seed is fixed; 2000 plus or minus five standard deviations
    assert groups.count("blue") == pytest.approx(2000, abs=130)


def test_rules_draw_for_themselves(network: LatticeNetwork) -> None:
    """Requests that match one rule leave the deck of another as it is."""
    rule = Rule(10, path="/other", action=Forward({"blue": 1, "green": 1}))
    listener = Listener("HTTPS", default=Forward({"blue": 1, "green": 1}), rules=[rule])
    network.add(BLUE, GREEN, Service("shop", listeners=[listener]))

    groups = [
        chosen(network.decide("GET", f"https://shop/{path}"))[0]
        for path in ("", "other", "other", "") * 5
    ]

    assert Counter(groups[::4] + groups[3::4]) == {"blue": 5, "green": 5}
    assert Counter(groups[1::4] + groups[2::4]) == {"blue": 5, "green": 5}


def test_unknown_draw_is_refused() -> None:
    """There are two kinds of draw."""
    draw: Any = "decks"

    assert refusal(lambda: LatticeNetwork(draw=draw)) == [
        "unknown draw `decks`",
        "did you mean `deck`?",
    ]


def test_a_clock_of_one_s_own() -> None:
    """Time begins where the given clock stands, and moves with it."""
    clock = Clock(datetime(2030, 6, 1, tzinfo=UTC))
    with LatticeNetwork(clock=clock) as network:
        network.add(GONE)
        clock.advance(60)
        network.client("gone").get("/")

        assert network.clock is clock
        assert network.access_log[0].start_time == "2030-06-01T00:01:00Z"


def test_seed_is_text() -> None:
    """A number is no seed; the advice says how to write it."""
    seed: Any = 42

    assert refusal(lambda: LatticeNetwork(seed=seed)) == [
        "seed `42` is not text",
        'write seed="42"',
    ]


# -------------------------------------------------------------------------- the logs


def test_access_log_has_every_exchange_of_a_service(shop: LatticeNetwork) -> None:
    """The log needs no subscription, and knows no request that reached no service."""
    client = shop.client("shop")
    for url in ("/", "/blue", "http://shop:8080/", "http://nobody.example.com/"):
        client.get(url)

    assert [each.response_code for each in shop.access_log] == [200, 200, 500]
    assert [each.response.status for each in shop.exchanges] == [200, 200, 500, 404]


def test_subscription_switches_a_log_on_from_its_moment(shop: LatticeNetwork) -> None:
    """A subscription gets what happens after it was made."""
    client = shop.client("shop")
    client.get("/before")
    shop.add(AccessLogSubscription("shop"))
    client.get("/after")

    assert [each.request_path for each in shop.access_log_of("shop")] == ["/after"]
    assert len(shop.access_log) == 2


@pytest.mark.parametrize("name", ["shop", SHOP.id, SHOP.arn])
def test_log_is_found_by_each_name_of_its_resource(
    shop: LatticeNetwork, name: str
) -> None:
    """A subscription and a question may use different names of one resource."""
    shop.add(AccessLogSubscription(SHOP.arn))
    shop.client("shop").get("/")

    assert len(shop.access_log_of(name)) == 1


def test_log_of_a_resource_holds_its_own_requests(two_networks: LatticeNetwork) -> None:
    """A service logs what it got from all networks, a network all that came through."""
    two_networks.add(*map(AccessLogSubscription, ("shop", "gone", "north", "south")))

    for service, vpc in (("shop", "north"), ("shop", "south"), ("gone", "south")):
        two_networks.client(service, vpc=f"{vpc}-vpc").get(f"/{service}-{vpc}")

    assert {
        name: [each.request_path for each in two_networks.access_log_of(name)]
        for name in ("shop", "gone", "north", "south")
    } == {
        "shop": ["/shop-north", "/shop-south"],
        "gone": ["/gone-south"],
        "north": ["/shop-north"],
        "south": ["/shop-south", "/gone-south"],
    }


def test_log_that_is_off_says_how_to_switch_it_on(shop: LatticeNetwork) -> None:
    """A log that nobody gets is not shown as an empty one."""
    shop.client("shop").get("/")

    assert refusal(lambda: shop.access_log_of("shop")) == [
        "the access log of `shop` is off",
        'add AccessLogSubscription("shop")',
    ]


def test_log_of_what_does_not_exist_is_refused(shop: LatticeNetwork) -> None:
    """Only services and service networks have access logs."""
    assert refusal(lambda: shop.access_log_of("shap")) == [
        "unknown service or service network `shap`",
        "did you mean `shop`?",
    ]


def test_default_service_network_has_a_log(shop: LatticeNetwork) -> None:
    """The network that stands in where none is declared can be subscribed to."""
    shop.add(AccessLogSubscription("default"))
    shop.client("shop").get("/")

    assert len(shop.access_log_of("default")) == 1


# ----------------------------------------------------------------------- the history


def test_history_is_bounded_and_says_so() -> None:
    """Old exchanges are dropped, and whoever asks the log is told how many."""
    with LatticeNetwork(history=3) as network:
        network.add(GONE)
        client = network.client("gone")
        for n in range(5):
            client.get(f"/{n}")

        log = network.access_log
        assert [each.request.path for each in network.exchanges] == ["/2", "/3", "/4"]
        assert log.dropped == 2
        assert repr(log).splitlines()[0] == (
            "<AccessLog of 3 entries, 2 older exchanges no longer kept"
        )


@pytest.mark.parametrize("history", [0, -1, 1.5, "5", None, True])
def test_history_below_one_is_refused(history: Any) -> None:  # noqa: ANN401  # what is refused
    """A network keeps at least the last exchange."""
    assert refusal(lambda: LatticeNetwork(history=history)) == [
        f"history `{history}` is not at least 1"
    ]


def test_memory_stays_flat() -> None:
    """After 30,000 requests with a history of 1000, just 1000 are in memory."""
    with LatticeNetwork(history=1000) as network:
        network.add(GONE)
        request = network.decide("GET", "https://gone/").request
        gc.collect()
        before = alive(Exchange)
        for _ in range(30_000):
            network.entrance.handle(request, b"")
        gc.collect()

        assert alive(Exchange) - before == 1000
        assert len(network.exchanges) == 1000
        assert network.access_log.dropped == 29_000


def test_access_log_is_read_while_requests_are_made() -> None:
    """What another thread sends meanwhile is in the log or not, and no error."""
    # Of a longer history each reading lets more be sent than it reads.
    with LatticeNetwork(history=1_000) as network:
        network.add(GONE)
        request = network.decide("GET", "https://gone/").request
        ended = threading.Event()

        def send() -> None:
            while not ended.is_set():
                network.entrance.handle(request, b"")

        sender = threading.Thread(target=send)
        sender.start()
        try:
            seen = [len(network.access_log) for _ in range(30)]
        finally:
            ended.set()
            sender.join()

        assert seen == sorted(seen)
        assert len(network.access_log) == len(network.exchanges)


def alive(kind: type) -> int:
    """Count the objects of a kind that the garbage collector knows."""
    return sum(type(each) is kind for each in gc.get_objects())


# ------------------------------------------------------------------------------ hooks


class Recorder:
    """A plugin that implements all hooks."""

    def __init__(self) -> None:
        self.networks: list[LatticeNetwork] = []
        self.exchanges: list[Exchange] = []

    @pytest.hookimpl
    def pytest_lattice_configure(self, network: LatticeNetwork) -> None:
        """Put a service into every network."""
        self.networks.append(network)
        network.add(GONE)

    @pytest.hookimpl
    def pytest_lattice_exchange(
        self, network: LatticeNetwork, exchange: Exchange
    ) -> None:
        """Remember each exchange."""
        assert network is self.networks[0]
        self.exchanges.append(exchange)

    @pytest.hookimpl
    def pytest_lattice_make_target(self, obj: object) -> AppTarget | None:
        """Make a target of a number."""
        return StubTarget(Answer(b"%d" % obj)) if isinstance(obj, int) else None


def test_hooks_work_without_pytest() -> None:
    """Plugins that are given to a network are asked and told."""
    recorder = Recorder()
    with LatticeNetwork(plugins=[recorder]) as network:
        network.add(
            TargetGroup("blue", targets=[42]),
            Service("shop", listeners=[Listener("HTTPS", default=Forward("blue"))]),
        )
        client = network.client()

        assert client.get("https://gone/").status_code == 404
        assert client.get("https://shop/").content == b"42"
        assert recorder.networks == [network]
        assert tuple(recorder.exchanges) == network.exchanges


def test_hooks_need_no_mark() -> None:
    """A plugin outside pytest is written as one inside: the name makes the hook."""

    class Plain:
        def pytest_lattice_configure(self, network: LatticeNetwork) -> None:
            network.add(GONE)

    with LatticeNetwork(plugins=[Plain()]) as network:
        assert network.service("gone") == GONE


def test_first_hook_that_makes_a_target_wins() -> None:
    """One object becomes one target; the plugin registered last is asked first."""
    made: list[str] = []

    class Maker:
        def __init__(self, name: str) -> None:
            self.name = name

        @pytest.hookimpl
        def pytest_lattice_make_target(self, obj: object) -> AppTarget:
            made.append(self.name)
            return StubTarget(Answer(self.name.encode()))

    with LatticeNetwork(plugins=[Maker("first"), Maker("last")]) as network:
        network.add(
            TargetGroup("blue", targets=["anything"]),
            Service("shop", listeners=[Listener("HTTPS", default=Forward("blue"))]),
        )

        assert network.client("shop").get("/").text == "last"
        assert made == ["last"]


# --------------------------------------------------------------------- the end of it


def test_context_manager_closes() -> None:
    """A `with` statement gives the network and closes it."""
    stub = StubTarget()
    with LatticeNetwork(plugins=[StubTargets()]) as network:
        network.add(TargetGroup("blue", targets=[stub]))
        assert stub.closed == 0

    assert stub.closed == 1


def test_closing_twice_is_closing_once(network: LatticeNetwork) -> None:
    """A second close does nothing."""
    stub = StubTarget()
    network.add(TargetGroup("blue", targets=[stub]))

    network.close()
    network.close()

    assert stub.closed == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda network: network.add(BLUE),
        lambda network: network.add(),
        lambda network: network.decide("GET", "https://gone/"),
        lambda network: network.client("gone"),
        lambda network: network.client(),
        lambda network: network.async_client("gone"),
        lambda network: network.set_target_status("green", "i-1", "HEALTHY"),
        lambda network: network.overview(),
    ],
    ids=[
        "add",
        "add nothing",
        "decide",
        "client",
        "any",
        "async",
        "status",
        "overview",
    ],
)
def test_closed_network_is_of_no_use(
    network: LatticeNetwork, use: Callable[[LatticeNetwork], object]
) -> None:
    """What is closed stays closed."""
    network.add(GONE, TargetGroup("green", targets=[Target("i-1", app="echo")]))
    network.close()

    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        use(network)
    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        network.decide("GET", "https://gone/")


def test_client_of_a_closed_network_is_refused(shop: LatticeNetwork) -> None:
    """A client that outlives its network gets an error, not an answer."""
    client = shop.client("shop")
    shop.close()

    with pytest.raises(LatticeError, match=r"^the network is closed$"):
        client.get("/")


def test_history_outlives_its_network(shop: LatticeNetwork) -> None:
    """What happened can be read after the end, for reports."""
    shop.add(AccessLogSubscription("shop"))
    shop.client("shop").get("/blue")
    shop.close()

    assert [each.request.path for each in shop.exchanges] == ["/blue"]
    assert [each.request_path for each in shop.access_log] == ["/blue"]
    assert [each.request_path for each in shop.access_log_of("shop")] == ["/blue"]
    assert "rule 10" in shop.exchanges[0].explain()


def test_everything_is_closed_though_one_target_fails(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """An error while one target is closed does not keep others and files open."""

    class Stubborn(StubTarget):
        def close(self) -> None:
            super().close()
            raise OSError("stubborn")

    stubs = [Stubborn(), StubTarget(), Stubborn()]
    network.add(
        TargetGroup("blue", targets=stubs),
        Service("shop", listeners=[Listener("HTTP", default=Forward("blue"))]),
        AccessLogSubscription("shop", destination=tmp_path / "log"),
    )
    network.client("shop").get("/")

    with pytest.raises(OSError, match="stubborn"):
        network.close()

    assert [stub.closed for stub in stubs] == [1, 1, 1]
    network.close()


def test_network_needs_no_pytest() -> None:
    """Outside a test run a network serves requests, and pytest is not loaded."""
    script = """
import sys
from pytest_lattice import FixedResponse, LatticeNetwork, Listener, Service
with LatticeNetwork() as network:
    listener = Listener("HTTP", default=FixedResponse(404))
    network.add(Service("gone", listeners=[listener]))
    print(network.client("gone").get("/").status_code, "pytest" in sys.modules)
"""

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )

    assert run.stdout == "404 False\n"
    assert run.stderr == ""
