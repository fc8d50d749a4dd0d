"""`load_account`: a live account, or its snapshot, as a network that runs."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    AccessLogSubscription,
    LatticeNetwork,
    LatticeWarning,
    ResourceShare,
    Role,
    Service,
    TargetGroup,
    assert_denied,
    assert_routed,
    assert_weights,
    load_account,
)
from pytest_lattice.errors import UnsupportedFeatureError
from tests.loaders.stubbed import ACCOUNT, SNAPSHOT, Account, snapshot
from tests.model.refusals import refused, said

if TYPE_CHECKING:
    from pathlib import Path

INVOKE = "VPCLatticeServicesInvokeAccess"
VPC = "vpc-0123456789abcdef0"


def load(source: Any, **options: Any) -> tuple[Any, ...]:  # noqa: ANN401  # of `load_account`
    """Load an account, whose foreign network is known to be warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LatticeWarning)
        return load_account(source, **options)


def of_type(made: tuple[Any, ...], kind: type) -> list[Any]:
    """Pick the values of one type."""
    return [each for each in made if isinstance(each, kind)]


def test_the_account_runs() -> None:
    """Rules, weights and policies are those that are deployed; roles are declared."""
    network = LatticeNetwork()
    network.add(
        *load(Account(snapshot()).client, account=ACCOUNT, targets="echo"),
        Role("checkout", policies=[INVOKE], account=ACCOUNT),
        Role("stranger", policies=[INVOKE], account=ACCOUNT),
    )
    with network.client("orders", role="checkout", vpc=VPC) as client:
        answers = [client.get("/orders") for _ in range(10)]
        beta = client.get("/Orders", headers={"x-beta": "1"})
        case = client.get("/Orders")

    assert_weights(answers, {"orders-stable": 9, "orders-canary": 1})
    assert_routed(beta, rule="beta", to="orders-canary", status=200)
    assert_routed(case, rule="default", status=404)
    with network.client("orders", role="stranger", vpc=VPC) as client:
        assert_denied(client.get("/orders"), layer="service")


def test_snapshots_load_alike(tmp_path: Path) -> None:
    """The client, the snapshot, and its JSON in a file make the same values."""
    live = load(Account(snapshot()).client, account=ACCOUNT)
    file = tmp_path / "shop.json"
    file.write_text(SNAPSHOT.read_text("utf-8"), encoding="utf-8")

    assert load(snapshot()) == live
    assert load(file) == load(str(file)) == live
    (service,) = of_type(load(file), Service)
    assert str(service.source) == f"{file}, orders"
    (service,) = of_type(live, Service)
    assert str(service.source) == f"account {ACCOUNT}, orders"


def test_ids_are_the_real_ones() -> None:
    """Policies that name the deployed ARN fit the loaded network."""
    (service,) = of_type(load(snapshot()), Service)

    assert service.id == "svc-0cfe1f49ff3266204"
    assert service.arn in service.auth_policy


def test_what_is_leaving_is_left_out() -> None:
    """Services that are being deleted, and targets that drain, are not there."""
    made = load(snapshot())

    assert [each.name for each in of_type(made, Service)] == ["orders"]
    groups = {each.name: each for each in of_type(made, TargetGroup)}
    assert [each.id for each in groups["orders-stable"].registered] == [
        "i-0aaaaaaaaaaaaaaa0",
        "i-0aaaaaaaaaaaaaaa1",
    ]
    assert groups["orders-canary"].lambda_event_structure_version == "V2"


def test_logs_of_resources_are_left_out() -> None:
    """A subscription of type RESOURCE gets no entry of an HTTP request."""
    (log,) = of_type(load(snapshot()), AccessLogSubscription)

    assert (
        log.destination == f"arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/lattice/shop:*"
    )


def test_networks_of_others_are_shared_and_warned_of() -> None:
    """Their auth policy cannot be read; the association shows that they are shared."""
    with pytest.warns(LatticeWarning) as caught:
        made = load_account(snapshot())
    (share,) = of_type(made, ResourceShare)

    assert [str(each.message) for each in caught] == [
        (
            "service network `hub` belongs to account 999900001111, so its auth policy "
            "is not known here, and it lets everybody in (the snapshot, hub)"
        )
    ]
    assert caught[0].filename == __file__
    assert (share.name, share.account, share.principals) == (
        "hub",
        "999900001111",
        (ACCOUNT,),
    )


def test_redacted() -> None:
    """Account ids are made-up everywhere, and the network still fits together."""
    made = load(snapshot(), redact=True, targets="echo")
    network = LatticeNetwork()
    network.add(*made, Role("checkout", policies=[INVOKE], account="111111111111"))
    with network.client("orders", role="checkout", vpc=VPC) as client:
        answer = client.get("/orders")

    assert_routed(answer, rule="orders", status=200)
    assert ACCOUNT not in repr(made)
    live = load(Account(snapshot()).client, account=ACCOUNT, redact=True)
    assert str(of_type(live, Service)[0].source) == "account 111111111111, orders"


def test_targets_are_bound_by_id_or_name() -> None:
    """By name or id of a group, or by id of a target."""
    function = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:orders-canary"
    for name in ("orders-canary", "tg-0cccc3333dddd4444", function):
        made = load(snapshot(), targets={name: "echo"})
        groups = {each.name: each for each in of_type(made, TargetGroup)}
        assert [each.app for each in groups["orders-canary"].registered] == ["echo"]
    assert refused(load, snapshot(), strict=True)[0].startswith(
        "nothing is bound to target group `orders-stable` (the snapshot, "
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"services": []},
            [
                "`the snapshot` is no snapshot of an account",
                "write one with json.dumps(snapshot_account(boto3.Session()))",
            ],
        ),
        (
            42,
            [
                "`42` is no account",
                "pass a session of boto3, its client for vpc-lattice, or a snapshot",
            ],
        ),
        (
            {"version": 1, "services": [{"name": "x"}]},
            ["`the snapshot` is no snapshot of an account", "KeyError: 'arn'"],
        ),
        ({"version": 1, "services": 3}, None),
        (
            {"version": 1, "targetGroups": [{"id": "tg-1", "arn": "a:b:c:d:e:f"}]},
            ["`the snapshot` is no snapshot of an account", "KeyError: 'type'"],
        ),
        (
            {"version": 1, "services": [{"id": "svc-1", "arn": "svc-1"}]},
            None,
        ),
    ],
)
def test_what_is_no_account(source: object, expected: list[str] | None) -> None:
    """The error says what was given, and what to pass."""
    found = refused(load_account, source)

    assert found == expected or (
        expected is None and found[0] == "`the snapshot` is no snapshot of an account"
    )


def test_files_that_are_no_snapshots(tmp_path: Path) -> None:
    """Text that is no JSON, and a version of tomorrow."""
    file = tmp_path / "account.json"
    file.write_text("{", encoding="utf-8")
    assert refused(load_account, file)[0].startswith(f"{file}: no JSON: ")

    file.write_text(json.dumps({"version": 2}), encoding="utf-8")
    with pytest.raises(UnsupportedFeatureError) as caught:
        load_account(file)
    assert said(caught.value) == [
        f"`{file}` is a snapshot of version 2; 1 is what is known"
    ]


def test_snapshots_need_no_boto3() -> None:
    """Loading a snapshot imports neither boto3 nor botocore."""
    code = (
        "import sys\n"
        "from pytest_lattice import load_account\n"
        f"load_account({str(SNAPSHOT)!r})\n"
        "print([name for name in sys.modules if name.startswith('boto')])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"
