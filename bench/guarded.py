"""The auth policy that the topics on auth measure, and the calls they make under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bench.harness import BrokenCase
from bench.scenes import last_path, prefix_rules, shop, wsgi_app
from pytest_lattice.auth.evaluate import evaluate
from pytest_lattice.auth.sigv4 import sign
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import Role
from pytest_lattice.model.names import DEFAULT_REGION
from pytest_lattice.network import LatticeNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_lattice.auth.call import Call
    from pytest_lattice.auth.evaluate import Layer, Verdict
    from pytest_lattice.model.message import Headers

RULES = 100
PATH = last_path(RULES)
URL = f"https://my-service{PATH}"
ROLE = Role("checkout", policies=["VPCLatticeServicesInvokeAccess"])
#: What the last Allow asks for.
TENANT = {"x-tenant": "acme-1"}

_METHOD = "vpc-lattice-svcs:RequestMethod"
_PATH = "vpc-lattice-svcs:RequestPath"
_HEADER = "vpc-lattice-svcs:RequestHeader"


def statement(
    sid: str,
    effect: str,
    conditions: Mapping[str, Mapping[str, object]],
    principal: object = "*",
) -> dict[str, Any]:
    """Make a statement about every path."""
    return {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": "vpc-lattice-svcs:Invoke",
        "Resource": "*",
        "Condition": conditions,
    }


def policy(statements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Make a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


#: 2 Deny, 2 Allow, 6 condition lines, all about the request: none is settled before it
#: arrives.
POLICY = policy(
    (
        statement(
            "NoWrites",
            "Deny",
            {
                "StringEquals": {_METHOD: ["DELETE", "PATCH"]},
                "StringNotEquals": {f"{_HEADER}/x-admin": "yes"},
            },
        ),
        statement("NoInternals", "Deny", {"StringLike": {_PATH: "/internal/*"}}),
        statement(
            "Batch",
            "Allow",
            {"StringEquals": {f"{_HEADER}/x-batch": "nightly"}},
            {"AWS": ROLE.arn},
        ),
        statement(
            "Partners",
            "Allow",
            {
                "StringEquals": {_METHOD: ["GET", "HEAD"]},
                "StringLike": {f"{_HEADER}/x-tenant": "acme-*"},
            },
        ),
    )
)


class Asked(NamedTuple):
    """A call with the verdict it has to get.

    Args:
        call: as policies see it.
        verdict: of `POLICY`.
    """

    call: Call
    verdict: Verdict


def guarded(document: Mapping[str, Any] = POLICY) -> LatticeNetwork:
    """Make a service network with a shop that has an auth policy, and a caller."""
    made = LatticeNetwork(auth_settings=AuthSettings(policy_bytes=36_864))
    made.add(*shop(wsgi_app, prefix_rules(RULES), document), ROLE)
    return made


def ask(
    lattice: LatticeNetwork, method: str, path: str, headers: Mapping[str, str]
) -> tuple[Layer, Call]:
    """Return the service's policy, compiled for the role, and a call of the role's."""
    url = f"https://my-service{path}"
    access = lattice.decide(method, url, headers=headers, role=ROLE).access
    if access is None or access.call is None:
        raise BrokenCase(f"{method} {path}: nobody was asked")
    return access.layers[0], access.call


def asked(lattice: LatticeNetwork) -> tuple[Layer, dict[str, Asked]]:
    """Return `POLICY`, compiled for the role, and its calls by name."""
    questions: dict[str, tuple[str, str, dict[str, str], Verdict]] = {
        "allowed by the last": ("GET", PATH, TENANT, "ALLOW"),
        "denied, none allows": ("GET", PATH, {"x-tenant": "b"}, "IMPLICIT_DENY"),
        "denied by method": ("DELETE", PATH, TENANT, "EXPLICIT_DENY"),
        "denied by path": ("GET", "/internal/x", TENANT, "EXPLICIT_DENY"),
    }
    calls = {}
    for name, (*question, verdict) in questions.items():
        layer, call = ask(lattice, *question)
        calls[name] = Asked(call, verdict)
    return layer, calls


def verdict_of(layer: Layer, call: Call) -> Verdict:
    """Evaluate, and name the verdict."""
    denial = evaluate((layer,), call)
    return "ALLOW" if denial is None else denial.verdict


def signed(
    lattice: LatticeNetwork, host: str, headers: Headers, path: str = PATH
) -> Headers:
    """Return headers with the role's signature of a GET at the network's time."""
    credentials = ROLE.credentials
    own = (("host", host), *headers)
    now = lattice.clock.microseconds
    return (
        *headers,
        *sign(
            credentials,
            method="GET",
            path=path,
            query=None,
            headers=own,
            region=DEFAULT_REGION,
            now=now,
        ),
    )
