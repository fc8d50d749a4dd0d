"""A shop with auth policies, which several tests of who may call are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice import (
    Forward,
    LatticeNetwork,
    Listener,
    Rule,
    Service,
    ServiceNetwork,
    TargetGroup,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCOUNT = "123456789012"
INVOKE = "VPCLatticeServicesInvokeAccess"
CHECKOUT = f"arn:aws:iam::{ACCOUNT}:role/checkout"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/checkout/test-session"
SERVICE_ARN = "arn:aws:vpc-lattice:us-west-2:123456789012:service/svc-13db4bb6c385650ff"


def statement(effect: str = "Allow", **members: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Make a statement about everybody and everything but for the members given."""
    everything = {
        "Effect": effect,
        "Principal": "*",
        "Action": "vpc-lattice-svcs:Invoke",
        "Resource": "*",
    }
    return everything | members


def policy(
    *statements: Mapping[str, Any], version: str = "2012-10-17"
) -> dict[str, Any]:
    """Make a policy document."""
    return {"Version": version, "Statement": list(statements)}


#: Only the checkout may read.
READ_ONLY = policy(
    statement(
        Sid="ReadOnly",
        Principal={"AWS": CHECKOUT},
        Condition={"StringEquals": {"vpc-lattice-svcs:RequestMethod": "GET"}},
    )
)
OPEN = policy(statement(Sid="Everybody"))


def shop(
    service_policy: Any = None,  # noqa: ANN401  # a document, mostly
    network_policy: Any = None,  # noqa: ANN401  # see above
    *,
    service: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] | None = None,
    **settings: Any,  # noqa: ANN401  # as LatticeNetwork's
) -> LatticeNetwork:
    """Declare a shop with one service, and the role `checkout` that may invoke.

    Args:
        service_policy: the auth policy of the service.
        network_policy: the auth policy of the service network.
        service: other fields of the service.
        network: other fields of the service network.
        settings: of the `LatticeNetwork`.
    """
    made = LatticeNetwork(**settings)
    made.add(
        TargetGroup("web", targets="echo"),
        TargetGroup("function", type="LAMBDA", targets="echo"),
        TargetGroup(
            "function-v2",
            type="LAMBDA",
            targets="echo",
            lambda_event_structure_version="V2",
        ),
        Service(
            "orders",
            auth_policy=service_policy,
            listeners=[
                Listener(
                    "HTTPS",
                    default=Forward("web"),
                    rules=[
                        Rule(1, path="/v1", action=Forward("function")),
                        Rule(2, path="/v2", action=Forward("function-v2")),
                    ],
                )
            ],
            **service or {},
        ),
        ServiceNetwork(
            "mall",
            services=["orders"],
            vpcs=["default"],
            auth_policy=network_policy,
            **network or {},
        ),
    )
    made.role("checkout", policies=[INVOKE])
    return made
