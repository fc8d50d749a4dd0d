"""AWS's managed policies, of which few are known, and callers that are left out.

A caller whose permissions cannot be known is not made: without a policy that limits it,
it could be let in where the deployed one is denied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lattice.auth.policy import MANAGED
from pytest_lattice.errors import HIDE
from pytest_lattice.model.caller import MANAGED_PREFIX

if TYPE_CHECKING:
    from pytest_lattice.loaders.notices import Notices
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

# AWS: aws-managed-policy/latest/reference: these say nothing of vpc-lattice-svcs, and
# stand at most roles
_SILENT = frozenset(
    {
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaVPCAccessExecutionRole",
        "AWSXRayDaemonWriteAccess",
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonECSTaskExecutionRolePolicy",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonSSMManagedInstanceCore",
        "CloudWatchAgentServerPolicy",
    }
)
# These deny actions of services that their pages do not all name.
_FAR_REACHING = ("AWSCompromisedKeyQuarantine",)


class LeftOut(Exception):  # noqa: N818  # no error of a user's
    """Why a caller is not made."""

    def notice(self, caller: str, place: SourceLocation) -> str:
        """Say it of a caller, such as ``role `checkout```."""
        return f"{caller} is left out, because {self} ({place})"


def policy_of_aws(
    name: str, *, boundary: bool, notices: Notices, place: SourceLocation
) -> str | None:
    """Take a managed policy of AWS's own.

    Args:
        name: its ARN, or what follows ``policy/`` there.
        boundary: whether it is a permissions boundary, which denies what it does not
            say.
        notices: where it is told that one is taken to say nothing.
        place: where it was written.

    Returns:
        Its ARN; None where it says nothing of calls.

    Raises:
        LeftOut: what it says of calls is not known.
    """
    name = name.removeprefix(MANAGED_PREFIX)
    if name in MANAGED:
        return f"{MANAGED_PREFIX}{name}"
    if boundary or name.startswith(_FAR_REACHING):
        raise LeftOut(f"AWS's policy `{name}` is not known here")
    if name.rpartition("/")[2] not in _SILENT:
        notices.once(
            ("policy of AWS", name),
            f"AWS's policy `{name}` is not known here and is taken to say nothing "
            f"of vpc-lattice-svcs ({place})",
        )
    return None
