"""SigV4 and SigV4A as `auth=` of an httpx or httpx2 client.

It takes the library's request and returns it with the signature, so neither library
is imported, and bodies stay untouched.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_lattice.auth import sigv4, sigv4a
from pytest_lattice.errors import HIDE, advised
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.credentials import Credentials
from pytest_lattice.model.names import DEFAULT_REGION
from pytest_lattice.model.value import check_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from pytest_lattice.model.caller import Caller

    class _Clock(Protocol):
        @property
        def microseconds(self) -> int: ...


__tracebackhide__ = HIDE

# A request of httpx or of httpx2, which have no class in common.
_Request: TypeAlias = Any

# AWS: vpc-lattice/latest/ug/service-manage: the generated DNS name
_GENERATED = re.compile(
    r"[^:]+\.vpc-lattice-svcs\.([a-z0-9-]+)\.on\.aws(?::[0-9]+)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OWN = frozenset(
    name.encode()
    for name in (
        sigv4.DATE,
        sigv4.PAYLOAD,
        sigv4.TOKEN,
        sigv4.REGION_SET,
        "authorization",
    )
)


class SigV4Auth:
    """Signs the requests of a client as a role or user.

    A redirect that the client follows repeats the signature of the request before it,
    as httpx asks any `auth=` once for each request that is sent to it.

    Args:
        signer: who signs.
        region: of the services that are called; None for the one in the DNS name.
        region_set: ``*``, or regions separated by commas, to sign with SigV4A.
        clock: a network's clock; None for the computer's.
        full_name: expands a short service name, which is then signed.
        region_of: knows the Region behind a host; None for one it does not know.

    Raises:
        ConfigurationError: the signer is a name, or a region is no text.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """

    def __init__(
        self,
        signer: Caller | Credentials,
        *,
        region: str | None = None,
        region_set: str | None = None,
        clock: _Clock | None = None,
        full_name: Callable[[str], str] | None = None,
        region_of: Callable[[str], str | None] | None = None,
    ) -> None:
        """Take the signer's credentials."""
        self._credentials = _credentials_of(signer)
        for name, text in (("region", region), ("region_set", region_set)):
            if text is not None:
                check_text(text, f"{name} of SigV4Auth")
        self._region = region
        self._region_set = region_set
        self._clock = clock
        self._full_name = full_name
        self._region_of = region_of

    def __call__(self, request: _Request) -> _Request:
        """Sign a request.

        Args:
            request: of httpx or httpx2.

        Returns:
            The same request, with more headers.

        Raises:
            ConfigurationError: it has an Authorization of another kind.
        """
        headers = request.headers
        self._check(headers.get("authorization", ""))
        self._expand(request)
        target: bytes = request.extensions.get("target", request.url.raw_path)
        path, mark, query = target.decode("latin-1").partition("?")
        # A request that is sent again, as in a retry, has the signature of before.
        raw = [pair for pair in headers.raw if pair[0].lower() not in _OWN]
        pairs = tuple(
            [(name.decode("latin-1").lower(), v.decode("latin-1")) for name, v in raw]
        )
        signed = self.sign(request.method, path, query if mark else None, headers=pairs)
        # Headers that are made at once take a fifth of the time of single ones.
        raw += [(name.encode("latin-1"), v.encode("latin-1")) for name, v in signed]
        request.headers = type(headers)(raw)
        return request

    def _check(self, authorization: str) -> None:
        if authorization and not authorization.startswith("AWS4-"):
            kind = authorization.partition(" ")[0]
            raise advised(
                "SigV4 needs the header `authorization`, which is already taken",
                "a token for the app needs a header of its own"
                + (f", not `{kind}`" if kind in {"Bearer", "Basic"} else ""),
            )

    def _expand(self, request: _Request) -> None:
        host: str = request.headers.get("host", "")
        name, colon, port = host.partition(":")
        # A name without a dot is short; an IPv6 address stands in brackets.
        if self._full_name is None or not name or "." in name or "[" in name:
            return
        request.headers["host"] = f"{self._full_name(name)}{colon}{port}"

    def sign(
        self,
        method: str,
        path: str,
        query: str | None,
        *,
        headers: tuple[tuple[str, str], ...],
    ) -> tuple[tuple[str, str], ...]:
        """Sign a request that is no object of a library.

        Args:
            method: as sent.
            path: as sent.
            query: as sent; None for none.
            headers: pairs with names in lower case, ``host`` among them.

        Returns:
            The headers to add.
        """
        if self._region_set is not None:
            return sigv4a.sign(
                self._credentials,
                method=method,
                path=path,
                query=query,
                headers=headers,
                region_set=self._region_set,
                now=self._now(),
            )
        return sigv4.sign(
            self._credentials,
            method=method,
            path=path,
            query=query,
            headers=headers,
            region=self._region or self._find_region(headers),
            now=self._now(),
        )

    def sign_call(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        """Sign a call of gRPC, as `sign` does."""
        return self.sign(method, path, None, headers=headers)

    def _find_region(self, headers: tuple[tuple[str, str], ...]) -> str:
        host = next((value for name, value in headers if name == "host"), "")
        if found := _GENERATED.fullmatch(host):
            return found[1]
        # A custom domain name does not tell its Region.
        known = self._region_of(host) if self._region_of else None
        return known or DEFAULT_REGION

    def _now(self) -> int:
        if self._clock is not None:
            return self._clock.microseconds
        now = datetime.now(UTC)  # noqa: TID251  # who signs outside a network has no other
        return (now - _EPOCH) // timedelta(microseconds=1)

    def __repr__(self) -> str:
        """Show whose key it is, without the secret."""
        return f"SigV4Auth({self._credentials.access_key_id})"


def _credentials_of(signer: object) -> Credentials:
    if isinstance(signer, Credentials):
        return signer
    if isinstance(signer, Role | User):
        return signer.credentials
    # What it is and not what it says, as it may be a secret.
    raise advised(
        f"a signer is a role, a user or credentials, not `{type(signer).__name__}`",
        "a name needs the network: client(role=...)",
    )
