"""A request and a response as the data plane sees them, without their bodies.

Edges translate into these values; headers are pairs of text (latin-1) in the
order received, request names in lower case.  Bodies travel beside them, so that
a history of a million requests holds no bodies.  They are named tuples, because one
of each is made for every request and a frozen dataclass takes five times as long.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from pytest_lattice.errors import HIDE, ConfigurationError
from pytest_lattice.model.value import check_text

__tracebackhide__ = HIDE

# What must not be shown of a query: whoever has it can call.
_PROOF = re.compile(r"(X-Amz-(?:Security-Token|Signature)=)[^&]+")
# RFC 9110, 5.6.2: the characters of a token
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
Headers: TypeAlias = tuple[tuple[str, str], ...]
HttpVersion: TypeAlias = Literal["HTTP/1.1", "HTTP/2"]


class Source(NamedTuple):
    """Where a request comes from.

    Args:
        vpc: the id of the client's VPC, which tells sources apart; addresses of
            different VPCs may be the same.
        address: the client's IP address.
        port: the client's port.
    """

    vpc: str
    address: str
    port: int


class TlsSession(NamedTuple):
    """What client and network agreed on in a TLS handshake.

    Args:
        version: such as ``TLSv1.3``.
        cipher: the name that OpenSSL has for it.
    """

    version: str
    cipher: str


# Our choice: in-process requests report the first cipher of TLS 1.3
IN_PROCESS = TlsSession("TLSv1.3", "TLS_AES_128_GCM_SHA256")


class LatticeRequest(NamedTuple):
    """A request as it enters the service network.

    Args:
        method: as sent.
        scheme: ``http`` or ``https``; ``tls`` for a connection that is passed through,
            of which nothing else is known than name, port and source.
        host: the Host header or ``:authority``, as sent.
        server_name: the name that was dialed: the TLS server name, else the host
            of the URL.
        port: the port that was dialed.
        path: the raw path, percent-encoded as sent, without the query.
        query: the raw query without ``?``; None when there is none.
        headers: pairs of lower-case name and value.
        http_version: ``HTTP/1.1`` or ``HTTP/2``.
        source: the client's VPC and address.
        patience: how many seconds the client waits for more of the answer; None for
            as long as it takes.
        tls: the TLS session of an HTTPS request.
    """

    method: str
    scheme: str
    host: str
    server_name: str
    port: int
    path: str
    query: str | None
    headers: Headers
    http_version: HttpVersion
    source: Source
    patience: float | None = None
    tls: TlsSession = IN_PROCESS

    @property
    def target(self) -> str:
        """The request target: path and query."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def url(self) -> str:
        """The URL, with the port where it is not the scheme's own.

        What proves an identity in its query is left out, since URLs are shown.
        """
        usual = 80 if self.scheme == "http" else 443
        port = "" if self.port == usual else f":{self.port}"
        target = self.target
        if "X-Amz-" in target:
            target = _PROOF.sub(r"\1…", target)
        return f"{self.scheme}://{self.server_name}{port}{target}"

    def __repr__(self) -> str:
        """Show it on one line, without its headers."""
        return f"<LatticeRequest {self.method} {self.url}>"

    @property
    def client_protocol(self) -> str:
        """What the client speaks: ``HTTP/1.1``, ``HTTP/2`` or ``gRPC``."""
        if self.http_version == "HTTP/1.1":
            return "HTTP/1.1"
        for value in self.header_values("content-type"):
            media_type = value.partition(";")[0].strip().lower()
            # `application/grpc-web` is another protocol, which is plain HTTP.
            if media_type.partition("+")[0] == "application/grpc":
                return "gRPC"
        return "HTTP/2"

    def header_values(self, name: str) -> tuple[str, ...]:
        """Return all values of a header; the name in lower case."""
        return tuple(value for each, value in self.headers if each == name)


class ClientGoneError(BaseException):
    """The client left before the answer; as for tasks, no error of the target."""


class LatticeResponse(NamedTuple):
    """The head of a response.

    Args:
        status: the HTTP status.
        headers: pairs of name and value, names as the target wrote them.
    """

    status: int
    headers: Headers


def check_method(method: str) -> None:
    """Refuse what no HTTP client can send as a method.

    Raises:
        ConfigurationError: it is not a token.
    """
    check_text(method, "method")
    if not _TOKEN.fullmatch(method):
        raise ConfigurationError(
            f"method `{method}` is not of letters, digits and !#$%&'*+-.^_`|~"
        )
