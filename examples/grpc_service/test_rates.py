"""Calls of all kinds, a canary by metadata, and who may call what."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from examples.grpc_service.rates import (
    SERVICE,
    NewRates,
    Rates,
    RatesStub,
    add_rates_to_server,
)
from pytest_lattice import (
    Forward,
    GrpcTarget,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    TargetGroup,
    assert_denied,
    assert_logged,
    assert_routed,
)

CANARY = (("x-canary", "1"),)
# Everybody may read; to convert takes the role of the teller.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Reading",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": [f"*/{SERVICE}/Get", f"*/{SERVICE}/Watch"],
        },
        {
            "Sid": "Converting",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/teller"},
            "Action": "vpc-lattice-svcs:Invoke",
            "Resource": f"*/{SERVICE}/Convert",
        },
    ],
}


@pytest.fixture
def bank(lattice_network: LatticeNetwork) -> LatticeNetwork:
    """Declare the service in two versions."""
    stable, canary = GrpcTarget(), GrpcTarget()
    add_rates_to_server(Rates(), stable)
    add_rates_to_server(NewRates(), canary)
    rule = Rule(10, headers=dict(CANARY), action=Forward("canary"))
    lattice_network.add(
        TargetGroup("stable", protocol_version="GRPC", targets=[stable]),
        TargetGroup("canary", protocol_version="GRPC", targets=[canary]),
        Service(
            "rates",
            auth_policy=POLICY,
            listeners=[Listener("HTTPS", default=Forward("stable"), rules=[rule])],
        ),
    )
    lattice_network.role("teller", policies=["VPCLatticeServicesInvokeAccess"])
    return lattice_network


def test_unary_call(bank: LatticeNetwork) -> None:
    """A blocking call goes to the servicer and back."""
    stub = RatesStub(bank.grpc_channel("rates"))
    response, call = stub.get.with_call(b"EUR")

    assert response == b"1.0 EUR"
    assert_routed(call, rule="default", to="stable")


def test_streams(bank: LatticeNetwork) -> None:
    """A stream of responses, and one in both directions."""
    stub = RatesStub(bank.grpc_channel("rates", role="teller"))
    converted = list(stub.convert(iter([b"1 EUR", b"2 EUR"])))

    assert list(stub.watch(b"EUR")) == [b"1.0 EUR", b"1.1 EUR"]
    assert converted == [b"2 x 1 EUR", b"2 x 2 EUR"]


def test_canary_by_metadata(bank: LatticeNetwork) -> None:
    """Callers with the metadata get the new version, whatever kind of client."""
    stub = RatesStub(bank.grpc_channel("rates"))
    response, call = stub.get.with_call(b"EUR", metadata=CANARY)

    assert response == b"2.0 EUR"
    assert_routed(call, rule=10, to="canary")


def test_async_client(bank: LatticeNetwork) -> None:
    """An async channel calls both versions, with streams too."""

    async def ask() -> tuple[bytes, list[bytes]]:
        async with bank.grpc_aio_channel("rates") as channel:
            stub = RatesStub(channel)
            got = await stub.get(b"EUR")
            watched = [each async for each in stub.watch(b"EUR", metadata=CANARY)]
            return got, watched

    assert asyncio.run(ask()) == (b"1.0 EUR", [b"2.0 EUR", b"2.1 EUR"])


def test_status_of_the_servicer(bank: LatticeNetwork) -> None:
    """What a servicer aborts with is the status of the call, and is logged."""
    with pytest.raises(grpc.RpcError) as caught:
        RatesStub(bank.grpc_channel("rates")).get(b"gold")

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert_logged(bank, response_code=200, grpc_response_code=5, count=1)


def test_who_may_convert(bank: LatticeNetwork) -> None:
    """A caller who did not sign may read, and is told that it may not convert."""
    stub = RatesStub(bank.grpc_channel("rates"))
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.convert(iter([b"1 EUR"])))

    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert_denied(caught.value, layer="service", verdict="implicit")
