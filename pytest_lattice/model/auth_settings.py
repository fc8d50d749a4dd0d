"""What to choose about authentication and authorization where AWS is silent.

The defaults are the choices that docs/fidelity.md gives reasons for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from pytest_lattice.errors import HIDE, ConfigurationError, unknown
from pytest_lattice.model.value import Value, check_text, is_whole

__tracebackhide__ = HIDE

PathEncoding = Literal["either", "double", "single"]
_CHOICES = {
    "path_encoding": get_args(PathEncoding),
    "unknown_keys": ("error", "warn"),
    "key_case": ("ignored", "exact"),
    "multivalued": ("never", "any"),
    "anonymous_identity": ("absent", "empty"),
    "identity_order": ("as seen", "reversed"),
}
# AWS: vpc-lattice/latest/ug/quotas: 10 KB; the API model takes 36,864 characters
_HARD_LIMIT = 36_864
_WINDOWS = range(1, 86_401)


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class AuthSettings(Value):
    """What to choose about callers and auth policies where AWS is silent.

    Args:
        clock_window_seconds: how far a signature's time may be from the clock; AWS
            names 5 minutes "in most cases".
        path_encoding: how a signer may have encoded the path: ``double`` (normalized
            and encoded again, as most signers do), ``single`` (as sent, as S3's
            do), or ``either``.
        verify_where_none: whether a signed request is verified even where no auth
            type is ``AWS_IAM``.
        unknown_keys: whether a condition key that Lattice does not have is an
            ``error``, or a warning (``warn``); it never matches.
        key_case: whether the case of condition keys is ``ignored``, as IAM says, or
            must be ``exact``, as the Lattice guide says.
        multivalued: what a plain operator makes of a key with several values: it
            ``never`` holds, or holds for ``any`` of them.
        policy_bytes: the most bytes of an auth policy, up to 36,864.
        anonymous_user: the access log's ``resolvedUser`` of a caller who did not sign.
        anonymous_identity: whether targets get no identity of an anonymous caller
            (``absent``), or one with empty values (``empty``).
        identity_order: the order of the keys of the identity header: ``as seen``, or
            ``reversed``, which catches a parser that relies on the order.

    Raises:
        ConfigurationError: a value that is not one of these.

    AWS: vpc-lattice/latest/ug/auth-policies, sigv4-authenticated-requests
    """

    clock_window_seconds: int = 300
    path_encoding: PathEncoding = "either"
    verify_where_none: bool = True
    unknown_keys: Literal["error", "warn"] = "error"
    key_case: Literal["ignored", "exact"] = "ignored"
    multivalued: Literal["never", "any"] = "never"
    policy_bytes: int = 10_240
    anonymous_user: str = "Anonymous"
    anonymous_identity: Literal["absent", "empty"] = "absent"
    identity_order: Literal["as seen", "reversed"] = "as seen"

    def __post_init__(self) -> None:
        """Hold each setting to its choices."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise unknown(f"auth setting {name}", getattr(self, name), choices)
        check_text(self.anonymous_user, "auth setting anonymous_user")
        if not isinstance(self.verify_where_none, bool):
            raise ConfigurationError(
                f"auth setting verify_where_none `{self.verify_where_none!r}` is "
                "not True or False"
            )
        if not is_whole(self.clock_window_seconds, _WINDOWS):
            raise ConfigurationError(
                f"clock window `{self.clock_window_seconds!r}` is not from 1 to "
                f"{_WINDOWS[-1]} seconds"
            )
        if not is_whole(self.policy_bytes, range(1, _HARD_LIMIT + 1)):
            raise ConfigurationError(
                f"policy size `{self.policy_bytes!r}` is not from 1 to "
                f"{_HARD_LIMIT} bytes"
            )
