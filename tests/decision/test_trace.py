"""The steps of a decision, held to agree with the decision itself."""

from collections.abc import Iterator, Sequence
from typing import get_args

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pytest_lattice.decision.decide import Decision, decide
from pytest_lattice.decision.step import Step
from pytest_lattice.decision.trace import action_text, trace
from pytest_lattice.model.action import Action, FixedResponse, Forward
from pytest_lattice.model.configuration import Configuration
from pytest_lattice.model.message import LatticeRequest
from pytest_lattice.model.outcome import Forwarded, Unreachable, Unroutable
from pytest_lattice.model.service import Listener, Rule, Service
from pytest_lattice.model.service_network import ServiceNetwork, Vpc
from pytest_lattice.model.target_group import Target, TargetGroup, TargetStatus
from pytest_lattice.network import LatticeNetwork
from pytest_lattice.routing.match import mismatch
from pytest_lattice.routing.state import State, compile_state
from tests.decision.scripted import Scripted, decided
from tests.routing.build import request

# ------------------------------------------ configurations and requests that meet often

APP, EDGE = Vpc("app"), Vpc("edge")
GROUPS = [
    TargetGroup("one", targets=[Target("i-1"), Target("i-2")]),
    TargetGroup("two", protocol_version="HTTP2", targets=[Target("i-3")]),
    TargetGroup("rpc", protocol_version="GRPC", targets=[Target("i-4")]),
    TargetGroup("none"),
    TargetGroup("fun", type="LAMBDA", targets=["echo"]),
]
NETWORK = ServiceNetwork("corp", services=["shop"], vpcs=["app"])
WEIGHTS: list[dict[str, int]] = [
    *({"one": 3}, {"one": 2, "fun": 1}, {"fun": 1}, {"one": 1, "none": 1}),
    *({"two": 1}, {"two": 1, "rpc": 1}, {"rpc": 1}, {"two": 0, "one": 1}),
    *({"one": 1, "two": 2, "rpc": 3}, {"none": 1}, {"one": 0}, {"one": 0, "two": 0}),
]
ACTIONS: list[Action] = [*map(Forward, WEIGHTS), FixedResponse(404), FixedResponse(500)]
CONDITIONS: list[dict[str, object]] = [
    {"path": "/a"},
    {"path": "/b", "path_case_sensitive": False},
    {"path_prefix": "/a"},
    {"path_prefix": "/"},
    {"method": "POST"},
    {"headers": {"x-a": "1"}},
    {"path_prefix": "/b", "method": "GET", "headers": {"x-a": "2"}},
]


def rules(picked: Sequence[tuple[dict[str, object], Action]]) -> list[Rule]:
    """Make rules, each with its place as its priority."""
    return [
        Rule(priority, action=action, **conditions)  # type: ignore[arg-type]  # the conditions above
        for priority, (conditions, action) in enumerate(picked, start=1)
    ]


def network_state(
    picked: Sequence[tuple[dict[str, object], Action]],
    default: Action,
    status: Sequence[TargetStatus],
) -> State:
    """Compile one service with the given rules, behind two listeners."""
    listener = Listener("HTTPS", default=default, rules=rules(picked))
    shop = Service(
        "shop",
        listeners=[Listener("HTTP", default=FixedResponse(404)), listener],
        custom_domain_name="shop.example.com",
    )
    by_target = {
        target.id: status[position % len(status)]
        for position, target in enumerate(
            target for group in GROUPS for target in group.registered
        )
    }
    return compile_state(
        Configuration().with_resources([NETWORK, APP, EDGE, shop, *GROUPS]),
        lambda _, target: by_target[target.id],
    )


STATES = st.builds(
    network_state,
    st.lists(
        st.tuples(st.sampled_from(CONDITIONS), st.sampled_from(ACTIONS)), max_size=5
    ),
    st.sampled_from(ACTIONS),
    st.lists(
        st.sampled_from(["HEALTHY", "HEALTHY", *get_args(TargetStatus)]),
        min_size=1,
        max_size=5,
    ),
)
# Most requests come through, so that the rules are tried.
URLS = [
    *(3 * [f"https://shop{path}" for path in ("/", "/a", "/ab", "/B", "/b")]),
    *("https://nobody/", "http://nobody/", "https://shop:81/", "http://shop:443/"),
    *("https://shop.example.com/", "http://shop/"),
]
REQUESTS = st.builds(
    lambda method, url, header, spoken, vpc, many, forged: request(
        method,
        url,
        headers=(
            *((("x-a", header),) if header else ()),
            *((("content-type", "application/grpc"),) if spoken == "gRPC" else ()),
            *(many * (("x-b", "1"),)),
            *((("x-forwarded-for", "10.9.9.9"),) if forged else ()),
        ),
        http_version="HTTP/1.1" if spoken == "HTTP/1.1" else "HTTP/2",
        vpc=vpc.id,
    ),
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(URLS),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["HTTP/1.1", "HTTP/2", "gRPC"]),
    st.sampled_from([*(9 * [APP]), EDGE]),
    st.sampled_from([*(9 * [0]), 101]),
    st.booleans(),
)
DRAWS = st.builds(
    Scripted,
    st.integers(0, 2),
    number=st.none() | st.integers(0, 20),
    turn=st.integers(0, 5),
)

# ----------------------------------------- the decision once more, as its steps tell it


def expected_names(decision: Decision) -> Iterator[str]:
    """Name the steps that a decision must have, in their order."""
    way = decision.way
    yield "VPC"
    if way.network is None:
        return
    yield "service"
    if way.service is None:
        return
    yield "listener"
    if way.listener is None or way.stop is not None:
        return
    if decision.rule_state is None:
        yield "limits"
        return
    for each in way.listener.listener.rules:
        yield f"rule {each.priority}"
        if each == decision.rule:
            break
    else:
        yield "default"
    yield from expected_end(decision)


def expected_end(decision: Decision) -> Iterator[str]:
    """Name the steps that follow once a rule has taken the request."""
    if decision.drawn is not None:
        yield "weights"
    if isinstance(decision.outcome, Forwarded):
        if decision.request.header_values("x-forwarded-for"):
            yield "headers"
        yield "target"
    elif isinstance(decision.outcome, Unroutable):
        yield "weights" if decision.group_state is None else "target group"


def missed(steps: Sequence[Step]) -> list[Step]:
    """Give the steps of rules that did not match."""
    return [each for each in steps if each.name.startswith("rule") and not each.passed]


@settings(max_examples=300)
@given(state=STATES, incoming=REQUESTS, draw=DRAWS)
def test_steps_agree_with_the_decision(
    state: State, incoming: LatticeRequest, draw: Scripted
) -> None:
    """Names, number and verdicts of the steps are those of what was decided."""
    decision = decide(state, incoming, now=0, draw=draw)
    steps = trace(decision)
    event(type(decision.outcome).__name__)

    assert [each.name for each in steps] == list(expected_names(decision))
    # All steps but those of missed rules passed, unless the network stopped there.
    stopped = isinstance(decision.outcome, Unroutable | Unreachable)
    failed = [each for each in steps if not each.passed]
    assert failed == [*missed(steps), *([steps[-1]] if stopped else [])]


@settings(max_examples=300)
@given(state=STATES, incoming=REQUESTS, draw=DRAWS)
def test_last_passed_rule_is_the_rule_decided(
    state: State, incoming: LatticeRequest, draw: Scripted
) -> None:
    """The rule that passed is the one that took the request, those before missed."""
    decision = decide(state, incoming, now=0, draw=draw)
    if decision.rule_state is None or decision.listener is None:
        return
    steps = trace(decision)
    took = [
        each
        for each in steps
        if each.passed and (each.name.startswith("rule") or each.name == "default")
    ]

    (one,) = took
    rule = decision.rule
    assert one.name == ("default" if rule is None else f"rule {rule.priority}")
    tried = [
        each for each in decision.listener.rules if mismatch(each, incoming) is not None
    ]
    first = len(decision.listener.rules) if rule is None else rule.priority - 1
    assert [each.name for each in missed(steps)] == [
        f"rule {each.priority}" for each in tried if each.priority <= first
    ]


@settings(max_examples=300)
@given(state=STATES, incoming=REQUESTS, draw=DRAWS)
def test_last_step_tells_the_outcome(
    state: State, incoming: LatticeRequest, draw: Scripted
) -> None:
    """Whoever reads only the last step learns what came of the request."""
    decision = decide(state, incoming, now=0, draw=draw)
    last = trace(decision)[-1]

    match decision.outcome:
        case Forwarded(group, target):
            assert last.text.startswith(f"`{target.id}`")
            assert f" of `{group.name}`" in last.text
        case FixedResponse(status):
            assert last.text.endswith(f"fixed response {status}")
        case Unroutable(status, reason):
            assert last.text == f"{status}: {reason}"
        case Unreachable(error, reason):
            assert last.text == f"{error}: {reason}"


@given(state=STATES, incoming=REQUESTS, draw=DRAWS)
def test_explaining_changes_nothing(
    state: State, incoming: LatticeRequest, draw: Scripted
) -> None:
    """Steps are computed from what the decision keeps; no card is drawn for them."""
    decision = decide(state, incoming, now=0, draw=draw)
    asked = list(draw.asked)

    assert trace(decision) == trace(decision) == decision.steps
    assert draw.asked == asked


# --------------------------------------------------------------- the words of each step

BLUE = TargetGroup("blue", targets=[Target("i-1"), Target("i-2"), Target("i-3")])
GREEN = TargetGroup("green", type="LAMBDA", targets=["echo"])


def step(decision: Decision, name: str) -> Step:
    """Find one step by its name."""
    (found,) = [each for each in decision.steps if each.name == name]
    return found


def shop(default: Action, *listed: Rule, listener: str = "") -> Service:
    """Make a service with one listener."""
    made = Listener("HTTPS", default=default, rules=listed, name=listener)
    return Service(
        "shop",
        listeners=[made],
        custom_domain_name="shop.example.com",
        certificate_arn="arn:aws:acm:us-west-2:123456789012:certificate/1",
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop/", "`shop` by its short name"),
        (
            f"https://{Service('shop').dns_name}/",
            "`shop` by its generated DNS name",
        ),
        ("https://shop.example.com/", "`shop` by its custom domain name"),
        ("https://SHOP.example.com./", "`shop` by its custom domain name"),
    ],
    ids=["short", "generated", "custom", "custom-upper-case"],
)
def test_service_step_tells_the_name(url: str, expected: str) -> None:
    """It is told by which of its names a service was reached."""
    decision = decided(request(url=url), shop(FixedResponse(404)))

    assert step(decision, "service").text == expected


@pytest.mark.parametrize(
    ("listener", "expected"),
    [("", "HTTPS on port 443"), ("public", "`public`, HTTPS on port 443")],
    ids=["derived-name", "given-name"],
)
def test_listener_step(listener: str, expected: str) -> None:
    """A listener is named only if the user named it."""
    decision = decided(request(), shop(FixedResponse(404), listener=listener))

    assert step(decision, "listener").text == expected


@pytest.mark.parametrize(
    ("fields", "path", "expected"),
    [
        ({}, "/a", "/a -> fixed response 500"),
        ({"name": "beta"}, "/a", "`beta`: /a -> fixed response 500"),
        ({}, "/b", "path is not `/a`"),
        ({"name": "beta"}, "/b", "`beta`: path is not `/a`"),
    ],
    ids=str,
)
def test_rule_step(fields: dict[str, str], path: str, expected: str) -> None:
    """A rule tells why it missed, or what it asks for and does; and its own name."""
    rule = Rule(10, path="/a", action=FixedResponse(500), **fields)  # type: ignore[arg-type]  # a name only
    decision = decided(
        request(url=f"https://shop{path}"), shop(FixedResponse(404), rule)
    )

    assert step(decision, "rule 10").text == expected


def test_default_step_tells_whether_rules_were_tried() -> None:
    """Only where there are rules is it news that none matched."""
    rule = Rule(10, path="/a", action=FixedResponse(500))
    steps = [
        step(decided(request(), shop(FixedResponse(404), *rules)), "default").text
        for rules in ([], [rule])
    ]

    assert steps == ["fixed response 404", "no rule matched -> fixed response 404"]


def test_missed_path_is_kept() -> None:
    """A step knows which path its rule asked for, if that is what did not match."""
    listed = [
        Rule(10, path="/b", action=FixedResponse(500)),
        Rule(20, path_prefix="/c", action=FixedResponse(500)),
        Rule(30, path="/a", method="POST", action=FixedResponse(500)),
    ]
    decision = decided(request(url="https://shop/a"), shop(FixedResponse(404), *listed))

    assert [each.path for each in decision.steps if each.name.startswith("rule")] == [
        "/b",
        "/c",
        None,
    ]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, "card 1 of 3 in deck 1"),
        (2, "card 3 of 3 in deck 1"),
        (3, "card 1 of 3 in deck 2"),
        (None, "drawn at random"),
    ],
)
def test_weights_step(number: int | None, expected: str) -> None:
    """A draw tells the share and which card it was."""
    decision = decided(
        request(),
        shop(Forward({"blue": 20, "green": 10})),
        BLUE,
        GREEN,
        draw=Scripted(card=1, number=number),
    )

    assert step(decision, "weights").text == f"`green` with 10 of 30, {expected}"


@pytest.mark.parametrize(
    ("by_id", "expected"),
    [
        pytest.param(
            {"i-1": "HEALTHY", "i-2": "HEALTHY", "i-3": "HEALTHY"},
            "`i-2` at 10.0.0.2:80 of `blue`, 2 of 3 in turn",
            id="all-serve",
        ),
        pytest.param(
            {"i-1": "DRAINING", "i-2": "HEALTHY", "i-3": "UNHEALTHY"},
            "`i-2` at 10.0.0.2:80 of `blue`; 2 of 3 targets get nothing: "
            "`i-1` is DRAINING, `i-3` is UNHEALTHY",
            id="one-serves",
        ),
        pytest.param(
            {"i-1": "UNHEALTHY", "i-2": "UNHEALTHY", "i-3": "UNHEALTHY"},
            "`i-2` at 10.0.0.2:80 of `blue`, 2 of 3 in turn; "
            "no target is healthy, so the unhealthy ones serve",
            id="fail-open",
        ),
        pytest.param(
            {"i-1": "INITIAL", "i-2": "UNHEALTHY", "i-3": "DRAINING"},
            "`i-2` at 10.0.0.2:80 of `blue`; 2 of 3 targets get nothing: "
            "`i-1` is INITIAL, `i-3` is DRAINING; "
            "no target is healthy, so the unhealthy ones serve",
            id="fail-open-to-one",
        ),
    ],
)
def test_target_step(by_id: dict[str, TargetStatus], expected: str) -> None:
    """A target tells its address, its turn, and why others do not serve."""
    addresses = {"10.0.0.1": "i-1", "10.0.0.2": "i-2", "10.0.0.3": "i-3"}
    blue = TargetGroup("blue", type="IP", targets=[Target(each) for each in addresses])
    state = compile_state(
        Configuration().with_resources([blue, shop(Forward("blue"))]),
        lambda _, target: by_id[addresses[target.id]],
    )

    decision = decide(state, request(), now=0, draw=Scripted(turn=1))

    for address, name in addresses.items():
        expected = expected.replace(f"`{name}`", f"`{address}`")
    assert step(decision, "target").text == expected


def test_function_has_no_address() -> None:
    """A Lambda function is told by its ARN alone."""
    decision = decided(request(), shop(Forward("green")), GREEN)

    assert step(decision, "target").text == (
        "`arn:aws:lambda:us-west-2:123456789012:function:green` of `green`"
    )


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (FixedResponse(404), "fixed response 404"),
        (Forward("blue"), "forward to `blue`"),
        (Forward({"blue": 5}), "forward to `blue`"),
        (Forward({"blue": 20, "green": 10}), "forward to `blue` 20, `green` 10"),
    ],
    ids=repr,
)
def test_action_text(action: Action, expected: str) -> None:
    """An action is told with its weights, where there is more than one."""
    assert action_text(action) == expected


def test_forged_headers_are_named() -> None:
    """A header of the client that the target sees otherwise is a step of its own."""
    with LatticeNetwork() as network:
        network.add(
            TargetGroup("web", targets="echo"),
            Service("shop", listeners=[Listener("HTTPS", default=Forward("web"))]),
        )
        decision = network.decide(
            "GET", "https://shop/", headers={"X-Forwarded-For": "1.2.3.4"}
        )

    assert [step.text for step in decision.steps if step.name == "headers"] == [
        "`x-forwarded-for` as sent is not passed on"
    ]
