"""What assertions are about: what is read as requests, and what is refused."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import httpx2
import pluggy
import pytest
import requests
import urllib3

from pytest_lattice import (
    ConfigurationError,
    Decision,
    Exchange,
    FixedResponse,
    Forward,
    LatticeAssertionError,
    LatticeError,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    Target,
    TargetGroup,
)
from pytest_lattice.assertions.subject import (
    Subject,
    find_target_group,
    joined,
    listener_label,
    place_label,
    plural,
    subjects,
)
from pytest_lattice.decision.exchange import EXTENSION
from pytest_lattice.model.message import LatticeResponse
from pytest_lattice.targets.base import AsyncTargetReply, TargetReply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import ModuleType

    from pytest_lattice.targets.base import (
        AppTarget,
        AsyncRequestBody,
        RequestBody,
        TargetRequest,
    )

URL = "http://shop.example"
WANTED = "pass a response of the network's client, an exchange, a decision, or several"
FOREIGN = "carries no exchange of a service network"
CLIENT = "if it came through one, pass the network's `exchanges`"
NO_LISTENER = "service `shop` has no listener on port 81; it has 80 (HTTP)"
NO_SERVICE = (
    "service network `default` has no service `shap.example`; "
    "the nearest name is `shop.example`"
)


class Answers418:
    """A target that always gives the same answer."""

    response = LatticeResponse(418, (("content-length", "0"),))

    def call(self, request: TargetRequest, body: RequestBody) -> TargetReply:
        """Answer a blocking call."""
        return TargetReply(self.response, b"")

    async def acall(
        self, request: TargetRequest, body: AsyncRequestBody
    ) -> AsyncTargetReply:
        """Answer an awaited call."""
        return AsyncTargetReply(self.response, b"")

    def close(self) -> None:
        """Hold nothing."""


class MakesTargets:
    """A plugin that has the stub answer for every object."""

    @pluggy.HookimplMarker("pytest")
    def pytest_lattice_make_target(self, obj: object) -> AppTarget:
        """Make the stub."""
        return Answers418()


@dataclass
class Response:
    """What every client library's response has in common, as far as we care."""

    extensions: dict[str, object] = field(default_factory=dict)
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[bytes]:
        """Give the body, as responses of requests do."""
        yield b"body"


@pytest.fixture
def network() -> LatticeNetwork:
    """Declare a service with a rule, a fixed response and an empty target group."""
    network = LatticeNetwork(plugins=[MakesTargets()])
    network.add(
        TargetGroup("web", targets=[Target("i-1", app="app")]),
        TargetGroup("empty"),
        Service(
            "shop",
            custom_domain_name="shop.example",
            listeners=[
                Listener(
                    "HTTP",
                    default=Forward("web"),
                    rules=[
                        Rule(10, path="/gone", action=FixedResponse(404)),
                        Rule(20, path="/empty", action=Forward("empty"), name="void"),
                    ],
                )
            ],
        ),
    )
    return network


def exchanged(decision: Decision, status: int = 200) -> Exchange:
    """Make the exchange that would come of a decision."""
    return Exchange(decision, LatticeResponse(status, ()), "id", 0, 0)


# ---- what is read -----------------------------------------------------------


def test_decision_is_read(network: LatticeNetwork) -> None:
    """A decision is a request that came to no exchange."""
    decision = network.decide("GET", f"{URL}/")

    assert subjects(decision) == [Subject(decision)]


def test_exchange_is_read(network: LatticeNetwork) -> None:
    """An exchange brings its decision along."""
    exchange = exchanged(network.decide("GET", f"{URL}/"))

    assert subjects(exchange) == [Subject(exchange.decision, exchange)]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_response_is_read(network: LatticeNetwork, library: ModuleType) -> None:
    """A response of either client library carries its exchange."""
    response = network.client("shop", library=library).get("/")

    (subject,) = subjects(response)
    assert subject.exchange is network.exchanges[-1]
    assert subject.status == 418


def test_response_needs_extensions_only(network: LatticeNetwork) -> None:
    """Whatever has the exchange among its extensions is a response."""
    exchange = exchanged(network.decide("GET", f"{URL}/"))

    assert subjects(Response({EXTENSION: exchange}))[0].exchange is exchange


@pytest.mark.parametrize(
    "make", [list, tuple, iter, lambda items: dict(enumerate(items)).values()]
)
def test_iterables_are_read(
    network: LatticeNetwork, make: Callable[[list[object]], object]
) -> None:
    """Any iterable of requests is read, in its order and mixed."""
    decision = network.decide("GET", f"{URL}/")
    exchange = exchanged(decision)
    response = Response({EXTENSION: exchange})

    found = subjects(make([decision, exchange, response]))

    assert found == [
        Subject(decision),
        Subject(decision, exchange),
        Subject(decision, exchange),
    ]


# ---- what is refused --------------------------------------------------------


async def fetch() -> None:
    """Stand for a call that somebody forgot to await."""


async def fetch_all() -> AsyncIterator[None]:
    """Stand for an asynchronous iterator of responses."""
    yield None


REFUSED: dict[str, tuple[Callable[[], object], type[LatticeError], str]] = {
    "None": (lambda: None, ConfigurationError, f"`None` shows no request; {WANTED}"),
    "text": (lambda: "200", ConfigurationError, f"`'200'` shows no request; {WANTED}"),
    "bytes": (lambda: b"", ConfigurationError, f"`b''` shows no request; {WANTED}"),
    "number": (lambda: 200, ConfigurationError, f"`200` shows no request; {WANTED}"),
    "mapping": (
        lambda: {"a": 1},
        ConfigurationError,
        f"`{{'a': 1}}` shows no request; {WANTED}",
    ),
    "long": (
        lambda: "x" * 100,
        ConfigurationError,
        f"`str` shows no request; {WANTED}",
    ),
    "coroutine": (
        fetch,
        ConfigurationError,
        "`fetch` was not awaited; pass what `await` gives",
    ),
    "coroutines": (
        lambda: [fetch(), fetch()],
        ConfigurationError,
        "`fetch` was not awaited (item 1 of 2); pass what `await` gives",
    ),
    "async iterator": (
        fetch_all,
        ConfigurationError,
        "`async_generator` is asynchronous; pass [each async for each in it]",
    ),
    "network": (
        LatticeNetwork,
        ConfigurationError,
        "a LatticeNetwork is many requests; pass its `exchanges`",
    ),
    "empty list": (
        list,
        LatticeAssertionError,
        f"an empty list shows nothing; {WANTED}",
    ),
    "empty generator": (
        lambda: (each for each in list[object]()),
        LatticeAssertionError,
        f"an empty generator shows nothing; {WANTED}",
    ),
    "httpx": (
        lambda: httpx.Response(200),
        LatticeAssertionError,
        f"`<Response [200 OK]>` {FOREIGN}; {CLIENT}",
    ),
    "httpx2": (
        lambda: [httpx2.Response(404)],
        LatticeAssertionError,
        f"`<Response [404 Not Found]>` {FOREIGN} (item 1 of 1); {CLIENT}",
    ),
    "other response": (
        Response,
        LatticeAssertionError,
        f"`Response(extensions={{}}, status_code=200)` {FOREIGN}; {CLIENT}",
    ),
    "other extension": (
        lambda: Response({EXTENSION: "x"}),
        LatticeAssertionError,
        f"`Response` {FOREIGN}; {CLIENT}",
    ),
    "requests": (
        requests.Response,
        LatticeAssertionError,
        f"`<Response [None]>` {FOREIGN}; {CLIENT}",
    ),
    "urllib3": (
        lambda: urllib3.HTTPResponse(b"body", status=200),
        LatticeAssertionError,
        f"`HTTPResponse` {FOREIGN}; {CLIENT}",
    ),
    "list with None": (
        lambda: [None],
        ConfigurationError,
        f"`None` shows no request (item 1 of 1); {WANTED}",
    ),
}


@pytest.mark.parametrize(
    ("make", "kind", "message"), REFUSED.values(), ids=REFUSED.keys()
)
def test_other_things_are_refused(
    make: Callable[[], object], kind: type[LatticeError], message: str
) -> None:
    """What shows no request is refused in one line that says what to pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a coroutine that never ran would warn
        with pytest.raises(LatticeError) as caught:
            subjects(make())

    assert (type(caught.value), str(caught.value)) == (kind, message)


def test_task_is_refused() -> None:
    """A task is told from a list, though it can be iterated over."""

    async def run() -> str:
        task = asyncio.create_task(fetch())
        with pytest.raises(ConfigurationError) as caught:
            subjects(task)
        await task
        return str(caught.value)

    assert asyncio.run(run()) == ("`Task` was not awaited; pass what `await` gives")


# ---- what is known of a request ---------------------------------------------


@pytest.mark.parametrize(
    ("url", "status", "reason"),
    [
        (f"{URL}/", None, ""),
        (f"{URL}/gone", 404, ""),
        (f"{URL}/empty", 503, "target group `empty` has no targets"),
        (f"{URL}:81/", None, f"connection refused: {NO_LISTENER}"),
    ],
)
def test_decision_has_the_status_of_the_network(
    network: LatticeNetwork, url: str, status: int | None, reason: str
) -> None:
    """A decision has a status and a reason where the network ends the request."""
    subject = Subject(network.decide("GET", url))

    assert (subject.status, subject.reason) == (status, reason)


def test_exchange_has_the_status_of_the_answer(network: LatticeNetwork) -> None:
    """An exchange has the status that the client got."""
    exchange = exchanged(network.decide("GET", f"{URL}/"), 500)

    assert Subject(exchange.decision, exchange).status == 500


def test_explanation_is_that_of_what_is_known(network: LatticeNetwork) -> None:
    """An exchange explains itself with its answer, a decision without."""
    exchange = exchanged(network.decide("GET", f"{URL}/"))
    decision = exchange.decision

    assert Subject(decision).explain() == decision.explain()
    assert Subject(decision, exchange).explain() == exchange.explain()


@pytest.mark.parametrize(
    ("url", "label"),
    [
        (f"{URL}/", "the default rule of listener `http-80` of service `shop`"),
        (f"{URL}/gone", "rule 10 of listener `http-80` of service `shop`"),
        (f"{URL}/empty", "rule 20 `void` of listener `http-80` of service `shop`"),
        ("http://shap.example/", f"no rule ({NO_SERVICE})"),
    ],
)
def test_place_is_named(network: LatticeNetwork, url: str, label: str) -> None:
    """A rule is named by priority and own name, with listener and service."""
    assert place_label(network.decide("GET", url)) == label


def test_listener_is_named(network: LatticeNetwork) -> None:
    """A listener is named with its service, if the request came to one."""
    label = listener_label(network.decide("GET", f"{URL}/"))

    assert label == "listener `http-80` of service `shop`"
    assert listener_label(network.decide("GET", f"{URL}:81/")) == "no listener"


def test_target_group_is_found(network: LatticeNetwork) -> None:
    """A target group goes by name, id and ARN."""
    group = network.configuration.target_group("web")
    decision = network.decide("GET", f"{URL}/")

    for name in (group.name, group.id, group.arn):
        assert find_target_group(decision, name) == group


@pytest.mark.parametrize("url", [f"{URL}/", "http://shap.example/"])
def test_unknown_target_group_is_refused(network: LatticeNetwork, url: str) -> None:
    """The nearest name is a note, wherever the request came to."""
    with pytest.raises(ConfigurationError) as caught:
        find_target_group(network.decide("GET", url), "wev")

    assert str(caught.value) == "unknown target group `wev`"
    assert caught.value.__notes__ == ["did you mean `web`?"]


@pytest.mark.parametrize(
    ("parts", "text"),
    [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_words_are_joined(parts: list[str], text: str) -> None:
    """A list in a sentence has commas and one `and`."""
    assert joined(parts) == text


def test_things_are_counted() -> None:
    """One is one, and everything else is many."""
    assert [plural(each, "deck") for each in (0, 1, 2)] == [
        "0 decks",
        "1 deck",
        "2 decks",
    ]


# ---- what pytest shows ------------------------------------------------------

TEST_FILE = """
from pytest_lattice import (
    Forward, LatticeNetwork, Listener, Service, TargetGroup,
    assert_logged, assert_routed, assert_weights,
)

def decide():
    network = LatticeNetwork()
    network.add(
        TargetGroup("web"),
        Service("shop", listeners=[Listener("HTTP", default=Forward("web"))]),
    )
    return network.decide("GET", "http://shop/")

def test_claim():
    assert_routed(decide(), status=200)

def test_unknown_rule():
    assert_routed(decide(), rule=10)

def test_unknown_target_group():
    assert_routed(decide(), to="wev")

def test_unknown_weight():
    assert_weights(decide(), {"wev": 1})

def test_weights_of_nothing():
    assert_weights([], {"web": 1})

def test_log_of_nothing():
    assert_logged(None)

def test_field():
    assert_logged(LatticeNetwork(), statuscode=200)
"""


def test_failures_point_at_the_test(pytester: pytest.Pytester) -> None:
    """The traceback of a failure ends at the line of the test; none of it is ours."""
    pytester.makepyfile(TEST_FILE)

    result = pytester.runpytest("-p", "no:lattice")

    result.assert_outcomes(failed=7)
    assert "assertions" not in result.stdout.str().replace("_assertions", "")
    result.stdout.fnmatch_lines(
        [
            ">       assert_routed(decide(), status=200)",
            "E       *LatticeAssertionError: expected status 200, but *",
            "*:15: LatticeAssertionError",
        ]
    )


def test_mistakes_of_ours_are_not_hidden(pytester: pytest.Pytester) -> None:
    """An error that no user can make keeps its traceback."""
    pytester.makepyfile(
        """
        from pytest_lattice.assertions.subject import subjects

        class Odd:
            @property
            def extensions(self):
                raise RuntimeError("boom")

        def test_odd():
            subjects(Odd())
        """
    )

    result = pytester.runpytest("-p", "no:lattice")

    result.stdout.fnmatch_lines(["*subject.py:*", "E       RuntimeError: boom"])
