"""The project's own documents: loaded, run, dumped and loaded again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lattice import (
    Certificate,
    Fault,
    FixedResponse,
    Forward,
    HeaderMatch,
    HealthCheck,
    LatticeNetwork,
    Listener,
    Organization,
    ResourceShare,
    Role,
    Rule,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    Target,
    TargetGroup,
    UnsupportedFeatureError,
    User,
    Vpc,
    VpcAssociation,
    WeightedTargetGroup,
    assert_denied,
    assert_routed,
    assert_weights,
    dump,
    load,
)
from pytest_lattice.loaders.document import SECTIONS, as_document, schema, values_of
from pytest_lattice.loaders.reading import parse_document
from scripts.schema import FOLDER, SCHEMAS, text
from tests.model.refusals import refused
from tests.shop import OPEN

if TYPE_CHECKING:
    from pytest_lattice.model.configuration import Resource

DOCUMENTS = Path(__file__).parents[2] / "fixtures" / "documents"
SHOP = DOCUMENTS / "shop.yaml"
REFUSED = json.loads((DOCUMENTS / "refused.json").read_text(encoding="utf-8"))


def test_a_document_runs() -> None:
    """A loaded document is a running network: rules, weights, policies, callers."""
    with LatticeNetwork() as network:
        network.add(*load(SHOP))
        client = network.client("orders", vpc="apps", role="checkout")
        question = network.decide("GET", "https://orders/", role="checkout")
        assert_weights(question, {"blue": 90, "green": 10})
        assert_routed(client.get("/v2/x", headers={"x-beta": "1"}), rule=10, to="green")
        assert_routed(client.post("/", json={}), rule=20, to="functions")
        assert client.get("/GONE").status_code == 404
        assert_denied(network.client("orders", vpc="apps").get("/"), layer="network")


def test_values_know_their_lines() -> None:
    """Each value has file, line and name, rules and targets included."""
    made = load(SHOP)
    orders = next(each for each in made if isinstance(each, Service))
    rules = orders.listeners[0].rules

    assert str(orders.source) == f"{SHOP}:37, orders"
    assert [str(each.source).removeprefix(str(SHOP)) for each in rules] == [
        ":44, canary",
        ":50",
        ":59",
    ]


def test_layers_name_the_place_of_their_policies() -> None:
    """A policy that stands inside its owner has the place of the owner."""
    with LatticeNetwork() as network:
        network.add(*load(SHOP))
        text = network.authorize("GET", "https://orders/", role="checkout").explain()

    assert [line.partition(f"({SHOP}")[2] for line in text.splitlines()[-2:]] == [
        ":4, shops) allows: Statement[0] `OurAccount`",
        (
            ":67, checkout) allows: Statement[0] of managed policy "
            "`VPCLatticeServicesInvokeAccess`"
        ),
    ]


def test_apps_are_bound_by_name() -> None:
    """What a test binds replaces what the document says."""
    made = load(SHOP, targets={"blue": "http://127.0.0.1:1"}, strict=True)
    groups = [each for each in made if isinstance(each, TargetGroup)]

    assert [each.registered[0].app for each in groups] == [
        "http://127.0.0.1:1",
        "echo",
        "echo",
    ]
    assert refused(load, SHOP, targets={"bleu": "echo"}) == [
        "unknown target group or target `bleu`",
        "did you mean `blue`?",
    ]


# ---- dump and load are inverse ---------------------------------------------------


def round_trip(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """Dump values and load them again."""
    return values_of(parse_document(dump(resources), "dumped.yaml"), "dumped.yaml")


def test_the_fixture_comes_back() -> None:
    """What a document says is said again by the dump of its network."""
    made = load(SHOP)
    with LatticeNetwork() as network:
        network.add(*made)
        dumped = dump(network.configuration)

    again = values_of(parse_document(dumped, "again.yaml"), "again.yaml")
    assert sorted(again, key=repr) == sorted(made, key=repr)
    assert dump(again) == dumped


AWKWARD = ["yes", "1e3", "012", "2026-01-01", "~", "", " a ", "a: b", "é\n'\"#"]
AWKWARD += ["0x1F", "1_000", "12:30"]
texts = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), max_size=4
)
tags = st.dictionaries(texts, texts, max_size=2)
names = st.sampled_from(["blue", "green", "yes", "off", "null", "x-0", "1e3", "012"])
paths = st.sampled_from(["/", "/a", "/yes", "/~", "/a#b", "/a?b=%20&c"])
groups_ = st.builds(
    TargetGroup,
    names,
    port=st.none() | st.integers(1, 65535),
    protocol=st.sampled_from([None, "HTTP", "HTTPS"]),
    health_check=st.none()
    | st.builds(
        HealthCheck,
        path=paths,
        enabled=st.none() | st.booleans(),
        interval_seconds=st.integers(5, 300),
        matcher=st.sampled_from(["200", "200,202", "200-299"]),
    ),
    targets=st.lists(
        st.sampled_from(["echo", Target(port=81), Target("i-0123456789abcdef0")]),
        unique_by=repr,
        max_size=3,
    ),
    tags=tags,
)
actions = st.sampled_from([FixedResponse(404), FixedResponse(500)]) | st.builds(
    Forward,
    names
    | st.dictionaries(names, st.integers(0, 999), min_size=1, max_size=3)
    | st.lists(
        st.builds(WeightedTargetGroup, names, st.integers(0, 999)),
        min_size=1,
        max_size=3,
        unique_by=lambda each: each.target_group,
    ),
)
values = texts.map(lambda text: text or "-")
headers = st.dictionaries(names, values, min_size=1, max_size=2) | st.lists(
    st.builds(HeaderMatch, names, prefix=values, case_sensitive=st.booleans()),
    min_size=1,
    max_size=2,
)
rules = st.builds(
    Rule,
    st.integers(1, 2000),
    action=actions,
    headers=headers,
    path=st.none() | paths,
    path_case_sensitive=st.booleans(),
    method=st.none() | st.sampled_from(["GET", "POST"]),
)
listeners = st.builds(
    Listener,
    st.sampled_from(["HTTP", "HTTPS"]),
    st.integers(1, 65535),
    default=actions,
    rules=st.lists(rules, max_size=3, unique_by=lambda rule: rule.priority),
)
services = st.builds(
    Service,
    names,
    listeners=st.lists(listeners, max_size=2, unique_by=lambda each: each.port),
    auth_type=st.sampled_from(["", "NONE", "AWS_IAM"]),
    auth_policy=st.none() | st.just(OPEN),
    custom_domain_name=st.none() | st.just("api.example.com"),
    idle_timeout_seconds=st.integers(60, 600),
    id=st.sampled_from(["", "svc-0123456789abcdef0"]),
    tags=tags,
)
roles = st.builds(
    Role,
    names,
    policies=st.lists(st.sampled_from([OPEN, "VPCLatticeServicesInvokeAccess"])),
    permissions_boundary=st.none() | st.just(OPEN),
    certificate=st.none() | st.builds(Certificate, subject_cn=names),
    expires=st.none() | st.just(datetime(2026, 2, 1, tzinfo=UTC)),
    path=st.sampled_from(["/", "/team/"]),
)
others = st.sampled_from(
    [
        ServiceNetwork("shops", services=["orders"], vpcs=["apps"]),
        Vpc("apps", cidr="10.9.0.0/16"),
        ServiceAssociation("shops", "orders", account="999999999999"),
        VpcAssociation("shops", "apps"),
        ResourceShare("share", resources=["orders"], principals=["o-exampleorgid"]),
        Organization("o-exampleorgid", accounts=["999999999999"]),
        User("ann", policies=[OPEN]),
        Fault("blue", "refused", target="i-0123456789abcdef0", times=2),
        Fault("blue", latency=0.5, real=True),
        Fault("blue", status=503, body="yes"),
        Fault("blue", status=503, body=b"\xff\n"),
        Fault("blue", reset_after=0),
    ]
)


@settings(max_examples=40)
@given(st.lists(groups_ | services | roles | others, max_size=3))
def test_dumped_and_loaded_is_the_same(resources: list[Any]) -> None:
    """Whatever the model can say, its document says, and the schema allows it."""
    ordered = tuple(
        each for cls, _ in SECTIONS.values() for each in resources if type(each) is cls
    )

    assert round_trip(ordered) == ordered
    jsonschema.validate(json.loads(json.dumps(as_document(ordered))), schema())


# ---- the schema -------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_in_docs_is_that_of_the_model(name: str) -> None:
    """`python -m scripts.schema` has been run since the model last changed."""
    assert (FOLDER / name).read_text(encoding="utf-8") == text(name)


def test_the_schema_judges_as_the_loader_does() -> None:
    """The fixture is valid; a wrong key is not, for editors as for the loader."""
    document = parse_document(SHOP.read_text(encoding="utf-8"), "shop.yaml")
    jsonschema.validate(document, schema())
    document["services"][0]["listners"] = []
    with pytest.raises(jsonschema.ValidationError, match="'listners' was unexpected"):
        jsonschema.validate(document, schema())


def test_every_key_is_described() -> None:
    """Editors show a sentence for each key."""
    for name, definition in schema()["$defs"].items():
        for key, each in definition["properties"].items():
            assert each["description"], f"{name}.{key}"


# ---- what is refused --------------------------------------------------------------


@pytest.mark.parametrize("row", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(row: dict[str, Any]) -> None:
    """A mistake is named with file, line and path, and the nearest right word."""
    document = parse_document(row["document"], "x.yaml")

    assert refused(values_of, document, "x.yaml") == row["said"]


def test_another_version_is_an_unsupported_feature() -> None:
    """A later version of the format is not guessed at."""
    with pytest.raises(UnsupportedFeatureError):
        values_of({"version": 2}, "x.yaml")


def test_only_resources_can_be_dumped() -> None:
    """What is no resource of a network is shown."""
    assert refused(dump, [3]) == ["`3` is not a resource of a service network"]
