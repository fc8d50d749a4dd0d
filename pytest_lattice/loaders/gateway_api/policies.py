"""Policies of the AWS Gateway API Controller: what each is attached to, if anything.

A policy whose target is not there, is of another kind or has a policy already does
nothing, and nobody is told; so each of these is a notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.gateway_api.manifests import CONTROLLER, GATEWAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lattice.loaders.gateway_api.manifests import Object, Objects

__tracebackhide__ = HIDE

_ROUTES = {"HTTPRoute": GATEWAY, "GRPCRoute": GATEWAY}
# AWS: aws-application-networking-k8s: the target kinds of each policy, and their groups
_TARGETS: dict[str, dict[str, str]] = {
    "TargetGroupPolicy": {"Service": "", "ServiceExport": CONTROLLER},
    "IAMAuthPolicy": {"Gateway": GATEWAY, **_ROUTES},
    "AccessLogPolicy": {"Gateway": GATEWAY, **_ROUTES},
    "VpcAssociationPolicy": {"Gateway": GATEWAY},
}
_PROPERTIES: dict[str, tuple[str, ...]] = {
    "TargetGroupPolicy": ("protocol", "protocolVersion", "healthCheck"),
    "IAMAuthPolicy": ("policy",),
    "AccessLogPolicy": ("destinationArn",),
    "VpcAssociationPolicy": ("securityGroupIds", "associateWithVpc"),
}


def attached(
    objects: Objects, kind: str, exists: Callable[[str, str, str], bool]
) -> Iterator[tuple[Object, str, str, str]]:
    """Yield each policy of a kind with the kind, namespace and name of its target.

    Args:
        objects: all objects; what does nothing is noted there.
        kind: the kind of policy.
        exists: tells whether there is a target of a kind, namespace and name that
            AWS's controller looks after.
    """
    for policy in objects.of(kind):
        policy.spec.check("targetRef", *_PROPERTIES[kind])
        target = policy.spec.node("targetRef")
        target.check("group", "kind", "namespace", "name", "sectionName")
        of, name = target.needed("kind"), target.needed("name")
        groups = _TARGETS[kind]
        shown = f"{of} `{policy.namespace}/{name}`"
        if of not in groups or target.text("group") != groups[of]:
            of_group = f"{target.text('group')}/{of}".removeprefix("/")
            why = f"it takes no target of kind {of_group}"
        elif target.text("namespace", policy.namespace) != policy.namespace:
            why = f"{of} `{name}` is of another namespace"
        elif not exists(of, policy.namespace, name):
            why = f"there is no {shown}"
        else:
            yield policy, of, policy.namespace, name
            continue
        without_effect(objects, policy, why)


def without_effect(objects: Objects, policy: Object, why: str) -> None:
    """Note that a policy does nothing."""
    objects.notice(f"{policy.called} does nothing: {why}", policy.source)


def one_for_each(
    objects: Objects, kind: str, exists: Callable[[str, str, str], bool]
) -> dict[tuple[str, str, str], Object]:
    """Return the policy of each target; of several, the one that has effect."""
    found: dict[tuple[str, str, str], Object] = {}
    # AWS: aws-application-networking-k8s: the oldest wins, then the first by name; how
    # old objects are shows only in what a cluster exported.
    for policy, *target in sorted(attached(objects, kind, exists), key=_age):
        of, namespace, name = target
        first = found.setdefault((of, namespace, name), policy)
        if first is not policy:
            why = f"{of} `{namespace}/{name}` has `{first.name}` already"
            without_effect(objects, policy, why)
    return found


def _age(attachment: tuple[Object, str, str, str]) -> tuple[str, str]:
    policy = attachment[0]
    return policy.root.node("metadata").text("creationTimestamp"), policy.name
