"""The walkthrough with which VPC Lattice was launched, inside a test.

A client in one VPC calls a service in another one by its generated DNS name; the
service sends two thirds of the calls to an instance and one third to a function.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from pytest_lattice import assert_logged, assert_routed, assert_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_lattice import LatticeNetwork


@pytest.fixture
def client(walkthrough: LatticeNetwork) -> Iterator[httpx.Client]:
    """A client in the second VPC."""
    with walkthrough.client("my-service", vpc="client-vpc") as client:
        yield client


def test_the_service_has_a_generated_dns_name(client: httpx.Client) -> None:
    """The client calls the name that AWS would generate."""
    assert re.fullmatch(
        r"https://my-service-[0-9a-f]{17}\.7d67968\.vpc-lattice-svcs\.us-west-2\.on\.aws/?",
        str(client.base_url),
    )


def test_two_thirds_go_to_the_instance(client: httpx.Client) -> None:
    """The default action serves the weights 20 and 10."""
    responses = [client.get("/") for _ in range(300)]
    assert_weights(responses, {"instances": 20, "functions": 10})

    bodies = [response.text for response in responses]
    assert bodies.count("Hello from the instance") == 200
    assert bodies.count('"Hello from the function"') == 100


def test_each_path_lands_where_its_rule_says(client: httpx.Client) -> None:
    """Rules 10 and 20 send their paths to one target group each."""
    to_instance = client.get("/to-instance")
    assert_routed(to_instance, rule=10, to="instances")
    assert to_instance.text == 'Hello from the instance at path "to-instance"'

    to_function = client.get("/to-function")
    assert_routed(to_function, rule=20, to="functions")
    assert to_function.json() == "Hello from the function"


def test_every_call_is_in_both_access_logs(
    walkthrough: LatticeNetwork, client: httpx.Client, tmp_path: Path
) -> None:
    """The subscriptions of the service and of the network get each entry."""
    for path in ("/to-instance", "/to-function"):
        response = client.get(path)
        assert_logged(response, request_path=path, response_code=200, count=1)

    service_log = (tmp_path / "service.jsonl").read_text().splitlines()
    network_log = (tmp_path / "network.jsonl").read_text().splitlines()
    assert service_log == network_log
    assert [json.loads(line)["requestPath"] for line in service_log] == [
        "/to-instance",
        "/to-function",
    ]
    assert len(walkthrough.access_log_of("my-service")) == 2


def test_an_unassociated_vpc_cannot_connect(walkthrough: LatticeNetwork) -> None:
    """A VPC without an association times out; it gets no status at all."""
    outsider = walkthrough.client("my-service", vpc="other-vpc")
    with pytest.raises(httpx.ConnectTimeout, match="`other-vpc` is not associated"):
        outsider.get("/")


def test_the_service_directory_lists_the_service(walkthrough: LatticeNetwork) -> None:
    """The account that owns the service finds it in its directory."""
    assert [each.name for each in walkthrough.service_directory()] == ["my-service"]


def test_the_picture(walkthrough: LatticeNetwork, client: httpx.Client) -> None:
    """Print the routing overview and the access log, for a person to see."""
    for path in ("/", "/", "/", "/to-instance", "/to-function"):
        client.get(path)
    print(f"\n\n{walkthrough.overview()}")
    print(f"\n{walkthrough.access_log}")
    print(
        f"\nthe last entry as AWS delivers it:\n{walkthrough.access_log[-1].to_json()}"
    )
