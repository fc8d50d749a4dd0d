"""An account's configuration, read by the calls of the real service model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import (  # type: ignore[import-untyped]  # it has no types
    EndpointConnectionError,
)
from botocore.stub import Stubber  # type: ignore[import-untyped]  # it has no types

from pytest_lattice import ConfigurationError, snapshot_account
from tests.loaders.stubbed import ACCOUNT, Account, Session, client, snapshot
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from collections.abc import Callable


def test_everything_is_read_page_by_page() -> None:
    """Lists, each resource in them, policies, subscriptions, targets, associations."""
    account = Account(snapshot())

    read = snapshot_account(account.client, account=ACCOUNT)

    account.stubber.assert_no_pending_responses()
    assert json.loads(json.dumps(read)) == snapshot()


def test_a_session_says_whose_account_it_is() -> None:
    """STS is asked, so what other accounts share is not asked for what it hides."""
    account, sts = Account(snapshot()), client("sts")
    with Stubber(sts) as stubber:
        stubber.add_response("get_caller_identity", {"Account": ACCOUNT}, {})

        read = snapshot_account(Session(vpc_lattice=account.client, sts=sts))

    assert read == snapshot()


def test_what_goes_away_meanwhile_is_left_out() -> None:
    """A target group that is deleted between list and get is no error; nor a policy."""
    lattice = client()
    stubber = Stubber(lattice)
    empty: dict[str, Any] = {"items": []}
    group = snapshot()["targetGroups"][1]
    network = snapshot()["serviceNetworks"][0]
    item = {key: network[key] for key in ("id", "name", "arn")}
    stubber.add_response("list_service_networks", {"items": [item]})
    stubber.add_response("get_service_network", item)
    stubber.add_client_error("get_auth_policy", "ResourceNotFoundException")
    stubber.add_response("list_access_log_subscriptions", empty)
    stubber.add_response("list_services", empty)
    listed = {"items": [{key: group[key] for key in ("id", "name", "arn")}]}
    stubber.add_response("list_target_groups", listed)
    stubber.add_client_error("get_target_group", "ResourceNotFoundException")
    stubber.add_response("list_service_network_service_associations", empty)
    stubber.add_response("list_service_network_vpc_associations", empty)
    with stubber:
        read = snapshot_account(lattice)

    assert read["targetGroups"] == []
    assert read["serviceNetworks"][0]["authPolicy"] == {}
    assert read["account"] is None


def failing(*calls: tuple[str, Any]) -> Callable[[], object]:
    """Read an account whose last call fails; answers before it."""
    lattice = client()
    stubber = Stubber(lattice)
    for operation, answer in calls:
        if isinstance(answer, str):
            stubber.add_client_error(operation, answer, f"no {operation}")
        else:
            stubber.add_response(operation, answer)
    stubber.activate()
    return lambda: snapshot_account(lattice)


NETWORK = {key: snapshot()["serviceNetworks"][0][key] for key in ("id", "name", "arn")}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            [("list_service_networks", "AccessDeniedException")],
            [
                "ListServiceNetworks: no list_service_networks",
                (
                    "allow vpc-lattice:ListServiceNetworks; with account=… nothing is "
                    "asked of what other accounts share"
                ),
            ],
        ),
        (
            [
                ("list_service_networks", {"items": [NETWORK]}),
                ("get_service_network", NETWORK),
                ("get_auth_policy", "AccessDeniedException"),
            ],
            [
                f"GetAuthPolicy of {NETWORK['arn']}: no get_auth_policy",
                (
                    "allow vpc-lattice:GetAuthPolicy; with account=… nothing is asked "
                    "of what other accounts share"
                ),
            ],
        ),
        (
            [
                ("list_service_networks", {"items": []}),
                ("list_services", "ThrottlingException"),
            ],
            [
                "ListServices: no list_services",
                (
                    "give a client that tries again: "
                    "Config(retries={'mode': 'adaptive'})"
                ),
            ],
        ),
        (
            [("list_service_networks", "InternalServerException")],
            ["ListServiceNetworks: no list_service_networks"],
        ),
    ],
)
def test_calls_that_fail_are_named(
    calls: list[tuple[str, Any]], expected: list[str]
) -> None:
    """The call, what it was about, AWS's own words, and what to do."""
    assert refused(failing(*calls)) == expected


def test_no_way_to_aws_is_named() -> None:
    """What botocore itself cannot do names the call too."""
    sts = client("sts")
    sts.meta.events.register("before-call", _unreachable)

    with pytest.raises(ConfigurationError) as caught:
        snapshot_account(Session(sts=sts))

    (message,) = said(caught.value)
    assert message == (
        'GetCallerIdentity: Could not connect to the endpoint URL: "https://sts"'
    )


def _unreachable(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://sts")


def test_a_denied_identity_is_for_the_user_to_say() -> None:
    """Where STS does not answer, the account can be passed."""
    sts = client("sts")
    with Stubber(sts) as stubber:
        stubber.add_client_error("get_caller_identity", "AccessDenied", "no")

        assert refused(snapshot_account, Session(sts=sts)) == [
            "GetCallerIdentity: no",
            "pass account=…",
        ]


def test_other_clients_are_refused() -> None:
    """A client of another service, or no client at all."""
    sts = client("sts")

    assert refused(snapshot_account, sts) == [
        f"`{sts!r}` is no session of boto3 and no client for vpc-lattice",
        'pass boto3.Session() or boto3.client("vpc-lattice")',
    ]


def test_redacted_at_once() -> None:
    """No real account id leaves the function."""
    account = Account(snapshot())

    read = snapshot_account(account.client, account=ACCOUNT, redact=True)

    assert read["account"] == "111111111111"
    assert ACCOUNT not in json.dumps(read)
