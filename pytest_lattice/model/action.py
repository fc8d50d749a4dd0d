"""What a rule does with a request: forward it by weight, or answer by itself.

Which target groups exist is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from pytest_lattice.errors import HIDE, ConfigurationError, advised
from pytest_lattice.model.value import Value, check_text, first_twice, is_whole

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/APIReference/API_WeightedTargetGroup, _ForwardAction
_WEIGHTS = range(1000)
_TARGET_GROUPS = 10
# AWS: a weight left out is echoed as 100 (CLI example of create-listener)
_ONLY_WEIGHT = 100
# AWS: vpc-lattice/latest/ug/listener-rules: only 404 and 500 are supported
_FIXED_STATUSES = (404, 500)


@dataclass(frozen=True, slots=True, repr=False)
class FixedResponse(Value):
    """Answer without a target.

    Args:
        status_code: 404 or 500, the two that AWS supports.

    Raises:
        ConfigurationError: any other status.

    AWS: vpc-lattice/latest/ug/listener-rules
    """

    status_code: int

    def __post_init__(self) -> None:
        """Hold the status to the two that AWS supports."""
        if self.status_code not in _FIXED_STATUSES:
            raise ConfigurationError(
                f"fixed response `{self.status_code!r}` is neither 404 nor 500"
            )


@dataclass(frozen=True, slots=True, repr=False)
class WeightedTargetGroup(Value):
    """One share of a `Forward`.

    Args:
        target_group: the name, id or ARN of the target group.
        weight: 0 to 999; the share is the weight over the sum of all weights.

    AWS: vpc-lattice/latest/APIReference/API_WeightedTargetGroup
    """

    target_group: str
    weight: int = _ONLY_WEIGHT

    def __post_init__(self) -> None:
        """Hold the weight to AWS's range."""
        check_text(self.target_group, "target group")
        if not is_whole(self.weight, _WEIGHTS):
            raise ConfigurationError(
                f"weight `{self.weight!r}` of target group `{self.target_group}` "
                "is not a whole number from 0 to 999"
            )


@dataclass(frozen=True, slots=True, repr=False)
class Forward(Value):
    """Send the request to a target group, chosen by weight.

    Args:
        target_groups: a name (``Forward("instances")``), a mapping of names to
            weights (``Forward({"instances": 20, "functions": 10})``) or a
            sequence of `WeightedTargetGroup`.

    Raises:
        ConfigurationError: no group, more than ten, a group named twice, or a
            weight that is not a whole number from 0 to 999.

    AWS: vpc-lattice/latest/APIReference/API_ForwardAction
    """

    target_groups: tuple[WeightedTargetGroup, ...]

    def __init__(
        self,
        target_groups: str | Mapping[str, int] | Sequence[WeightedTargetGroup],
    ) -> None:
        """Take the short spellings."""
        groups: tuple[WeightedTargetGroup, ...]
        if isinstance(target_groups, str):
            groups = (WeightedTargetGroup(target_groups),)
        elif isinstance(target_groups, Mapping):
            groups = tuple(WeightedTargetGroup(*item) for item in target_groups.items())
        elif isinstance(target_groups, Sequence):
            groups = tuple(cast("Sequence[WeightedTargetGroup]", target_groups))
        else:
            raise ConfigurationError(
                f"forward takes the names of target groups, not `{target_groups!r}`"
            )
        self._set(target_groups=groups)
        self._check()

    def _check(self) -> None:
        for group in self.target_groups:
            if not isinstance(group, WeightedTargetGroup):
                # AWS: the weight is required with several groups
                raise advised(
                    f"forward to `{group}` has no weight",
                    "write a mapping of target group names to weights",
                )
        names = [group.target_group for group in self.target_groups]
        if not 1 <= len(names) <= _TARGET_GROUPS:
            raise ConfigurationError(
                f"forward names {len(names)} target groups, not 1 to {_TARGET_GROUPS}"
            )
        if twice := first_twice(names):
            raise ConfigurationError(f"forward names target group `{twice}` twice")

    @property
    def weights(self) -> dict[str, int]:
        """The weight by target group, as declared."""
        return {group.target_group: group.weight for group in self.target_groups}

    def __repr__(self) -> str:
        """Print the shortest spelling."""
        match self.target_groups:
            case (WeightedTargetGroup(name, weight),) if weight == _ONLY_WEIGHT:
                return f"Forward({name!r})"
            case _:
                return f"Forward({self.weights!r})"


Action: TypeAlias = Forward | FixedResponse


def check_action(action: object, where: str) -> None:
    """Refuse what is not an action.

    Raises:
        ConfigurationError: it is neither a `Forward` nor a `FixedResponse`.
    """
    if not isinstance(action, (Forward, FixedResponse)):
        raise ConfigurationError(
            f"{where}: action `{action!r}` is neither a Forward nor a FixedResponse"
        )
