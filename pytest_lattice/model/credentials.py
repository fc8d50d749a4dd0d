"""The credentials of a caller: what signers sign with.

They derive from the caller's names, so they are the same in every run.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Credentials:
    """Access key, secret and session token, for any signer.

    It has the attributes of botocore's credentials too, so botocore's signers take it
    as it is.  Its text never shows the secret or the token.

    Args:
        access_key_id: ``ASIA…`` or ``AKIA…``.
        secret_access_key: what signs.
        session_token: what a temporary access key needs; None for a user's own.
        expires: when the token ends, with a time zone; None for never.
    """

    __slots__ = (
        "access_key_id",
        "expires",
        "secret_access_key",
        "session_token",
    )

    def __init__(
        self,
        access_key_id: str,
        secret_access_key: str,
        session_token: str | None = None,
        *,
        expires: datetime | None = None,
    ) -> None:
        """Keep the parts."""
        self.access_key_id = access_key_id
        self.secret_access_key = secret_access_key
        self.session_token = session_token
        self.expires = expires

    @property
    def access_key(self) -> str:
        """The access key id, as botocore calls it."""
        return self.access_key_id

    @property
    def secret_key(self) -> str:
        """The secret access key, as botocore calls it."""
        return self.secret_access_key

    @property
    def token(self) -> str | None:
        """The session token, as botocore calls it."""
        return self.session_token

    def get_frozen_credentials(self) -> Self:
        """Return itself, as botocore asks its credentials to do."""
        return self

    def environ(self) -> dict[str, str]:
        """Return the environment variables that AWS's tools and SDKs read."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }
        if self.session_token is not None:
            variables["AWS_SESSION_TOKEN"] = self.session_token
        return variables

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credentials):
            return NotImplemented
        return self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"<Credentials {self.access_key_id}>"


# Credentials are asked for with each request, and hashing takes longer than the rest.
@lru_cache(maxsize=4096)
def letters(*parts: str, length: int) -> str:
    """Derive capital letters and digits, as AWS's unique ids have them."""
    data = sha256("\0".join(parts).encode()).digest()
    data += sha256(data).digest()
    return "".join(_ALPHABET[byte % 32] for byte in data[:length])


@lru_cache(maxsize=1024)
def secret(principal: str) -> str:
    """Derive the secret access key of a principal."""
    return f"secret/{sha256(f'secret of {principal}'.encode()).hexdigest()[:33]}"
