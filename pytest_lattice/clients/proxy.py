"""A proxy on loopback, by which programs in any language get into a network.

It takes CONNECT and requests with a whole URL.  Names of the network lead to its live
listeners, in the same process and without another socket; other names lead where they
lead without the proxy, or nowhere.
"""

from __future__ import annotations

import asyncio
import os
import re
from http.client import responses
from typing import TYPE_CHECKING, NamedTuple, cast

from pytest_lattice.clients.certificates import JAVA_PASSWORD
from pytest_lattice.clients.egress import is_lattice
from pytest_lattice.clients.hosts import is_address
from pytest_lattice.clients.listener import way_to
from pytest_lattice.clients.relay import Side, dial, relay
from pytest_lattice.clients.sockets import LOOPBACK, Sockets
from pytest_lattice.clients.wire import IDLE_SECONDS
from pytest_lattice.errors import HIDE, EgressError, LatticeError, notes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_lattice.clients.egress import Egress
    from pytest_lattice.clients.listener import Call
    from pytest_lattice.clients.wire import Site
    from pytest_lattice.model.caller import Caller

__tracebackhide__ = HIDE

_HEAD_BYTES = 128 * 1024
_SECOND = 1_000_000
_END = b"\r\n\r\n"
_PORTS = {"http": 80, "https": 443}
# A host, which may be an IPv6 address in brackets, and a port.
_AUTHORITY = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]+)(?::([0-9]{1,5}))?"
)
_LINE = re.compile(r"([!-~]+) ([!-~]+) HTTP/1\.[01]")
_LOCAL = "localhost,127.0.0.1,::1"


class LiveProxy:
    """A proxy into a network, on loopback.

    `LatticeNetwork.proxy` makes one.

    Args:
        sockets: where it listens.
        call: calls a function on their loop.
        egress: knows the network's hosts, and refuses others.
        caller: finds a role or user by name, ARN or value.
        port: where it listens; 0 for a free port.
    """

    def __init__(
        self,
        sockets: Sockets,
        *,
        call: Call,
        egress: Egress,
        caller: Callable[[str | Caller], Caller],
        port: int,
    ) -> None:
        """Listen."""
        self._authority = sockets.site.authority
        self._caller = caller
        ways = _Ways(sockets.site, egress)
        real = call(lambda: sockets.listen(lambda: _Visit(sockets, ways), port))
        #: The URL of the proxy.
        self.url = f"http://{LOOPBACK}:{real}"

    def environ(self, *, role: str | Caller | None = None) -> dict[str, str]:
        """Return environment variables that lead a subprocess into the network.

        They name the proxy and the certificates to trust, as the tools and libraries of
        many languages read them.

        Args:
            role: the role or user whose credentials are among them, for programs that
                sign; None for none.

        Returns:
            What is to be put over the environment, as in
            ``env={**os.environ, **proxy.environ()}``.

        Raises:
            ConfigurationError: an unknown caller.
        """
        made = dict.fromkeys(_PROXY_VARIABLES, self.url)
        made |= dict.fromkeys(("NO_PROXY", "no_proxy"), _LOCAL)
        made |= dict.fromkeys(_BUNDLE_VARIABLES, str(self._authority.bundle))
        made |= dict.fromkeys(_ADDED_VARIABLES, str(self.ca_file))
        # Node looks at the variables of a proxy only when it is told to.
        made["NODE_USE_ENV_PROXY"] = "1"
        options = [os.environ.get("JAVA_TOOL_OPTIONS", ""), *self._java_options()]
        made["JAVA_TOOL_OPTIONS"] = " ".join(filter(None, options))
        if role is not None:
            made |= self._caller(role).credentials.environ()
        return made

    def _java_options(self) -> list[str]:
        port = self.url.rpartition(":")[2]
        return [
            f"-Dhttps.proxyHost={LOOPBACK}",
            f"-Dhttps.proxyPort={port}",
            f"-Dhttp.proxyHost={LOOPBACK}",
            f"-Dhttp.proxyPort={port}",
            f"-Djavax.net.ssl.trustStore={self._authority.java_store}",
            "-Djavax.net.ssl.trustStoreType=PKCS12",
            f"-Djavax.net.ssl.trustStorePassword={JAVA_PASSWORD}",
        ]

    @property
    def ca_pem(self) -> str:
        """The certificate of the authority that clients have to trust, as PEM text."""
        return self._authority.pem

    @property
    def ca_file(self) -> Path:
        """A file with `ca_pem`, which goes when the process ends."""
        return self._authority.file


_PROXY_VARIABLES = (
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "grpc_proxy",
)
# These replace what a program trusts.
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "GIT_SSL_CAINFO",
)
# These are added to it.
_ADDED_VARIABLES = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


class _Refusal(NamedTuple):
    """Why somebody is not led anywhere."""

    status: int
    text: str


class _Ways:
    """Knows which hosts lead into the network, and which lead nowhere.

    Args:
        site: what stands behind them.
        egress: knows the network's names.
    """

    def __init__(self, site: Site, egress: Egress) -> None:
        self._site = site
        self._egress = egress

    def lead_in(self, host: str) -> bool:
        """Tell whether a host is of the network, or Lattice's by its form."""
        return self._egress.knows(host) or is_lattice(host)

    def refusal(self, host: str, port: int, scheme: str) -> _Refusal | None:
        """Tell why there is no way to a host; None where there is one."""
        try:
            if not self.lead_in(host):
                self._egress.refuse(host)
                return None
            way = way_to(self._site, host, port)
        except LatticeError as error:
            status = 403 if isinstance(error, EgressError) else 502
            return _Refusal(status, "\n".join([str(error), *notes_of(error)]))
        reason = way.stop.reason if way.stop is not None else ""
        if way.network is None:
            return _Refusal(504, reason)
        if way.service is None:
            # In clear text it is the network that answers; behind an address the name
            # comes with the handshake.
            answers = scheme == "http" or is_address(host)
            return None if answers else _Refusal(502, reason)
        return None if port in way.service.listeners else _Refusal(502, reason)


class _Visit(asyncio.Protocol):
    """A client of the proxy, until it is clear where it wants to go.

    Args:
        sockets: lists it meanwhile.
        ways: knows where hosts lead.
    """

    def __init__(self, sockets: Sockets, ways: _Ways) -> None:
        self._sockets = sockets
        self._ways = ways
        self._transport: asyncio.Transport | None = None
        self._data = b""
        # Since when it is silent about where it wants to go; None once it has said so.
        self._waiting: int | None = sockets.site.now()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._sockets.connections.add(self)
        if self._sockets.closed:
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Forget it."""
        self._sockets.connections.discard(self)

    def close(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def look_at_clock(self, now: int) -> None:
        """Let go of a client that is too slow, as a listener would."""
        waiting = self._waiting
        if waiting is not None and now - waiting >= IDLE_SECONDS * _SECOND:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Wait for the whole head."""
        self._data += data
        head, end, rest = self._data.partition(_END)
        if end:
            self._waiting = None
            self._lead(head.decode("latin-1").split("\r\n"), rest)
        elif len(self._data) > _HEAD_BYTES:
            self._refuse(_Refusal(400, "the head of the request is too long"))

    def _lead(self, lines: list[str], rest: bytes) -> None:
        line = _LINE.fullmatch(lines[0])
        if line is None or any(each[:1] in {" ", "\t"} for each in lines):
            self._refuse(_Refusal(400, "that is no request to a proxy"))
            return
        method, target = line.groups()
        scheme, slashes, url = target.partition("://")
        if method == "CONNECT":
            scheme, authority, path = "https", target, ""
        elif slashes and scheme.lower() == "http":
            authority, path = re.match(r"([^/?]*)(.*)", url).groups()  # type: ignore[union-attr]  # it matches anything
        else:
            text = "that is a proxy: send CONNECT, or the whole URL of http"
            self._refuse(_Refusal(400, text))
            return
        found = _AUTHORITY.fullmatch(authority)
        # RFC 9110, section 9.3.6: CONNECT has a port, which has no default
        default = 0 if method == "CONNECT" else _PORTS[scheme.lower()]
        port = int((found and found[2]) or default)
        if found is None or not 0 < port < 1 << 16:
            self._refuse(_Refusal(400, f"`{authority}` is no host with a port"))
            return
        host = found[1].strip("[]")
        refusal = self._ways.refusal(host, port, scheme.lower())
        if refusal is not None:
            self._refuse(refusal)
        elif method == "CONNECT":
            self._tunnel(host, port, rest)
        else:
            headers = [each for each in lines[1:] if not _of_proxy(each)]
            first = f"{method} {path if path[:1] == '/' else '/' + path} HTTP/1.1"
            self._pass_on(host, port, [first, *headers], rest)

    def _tunnel(self, host: str, port: int, rest: bytes) -> None:
        if self._ways.lead_in(host):
            self._write(b"HTTP/1.1 200 Connection established" + _END)
            self._hand_over(port, rest, keep_alive=True)
        else:
            established = b"HTTP/1.1 200 Connection established" + _END
            self._dial(host, port, rest, established=established)

    def _pass_on(self, host: str, port: int, lines: list[str], rest: bytes) -> None:
        """Send one request to where its URL points; the next may point elsewhere."""
        if self._ways.lead_in(host):
            head = "\r\n".join(lines).encode("latin-1") + _END
            self._hand_over(port, head + rest, keep_alive=False)
            return
        lines = [each for each in lines if not each.lower().startswith("connection:")]
        head = "\r\n".join([*lines, "Connection: close"]).encode("latin-1") + _END
        self._dial(host, port, head + rest, established=b"")

    def _hand_over(self, port: int, data: bytes, *, keep_alive: bool) -> None:
        """Let the listener of a Lattice port go on with the connection."""
        if self._transport is None:
            return
        self._sockets.connections.discard(self)
        connection = self._sockets.connection(port, keep_alive=keep_alive)
        self._transport.set_protocol(connection)
        connection.connection_made(self._transport)
        if data:
            connection.data_received(data)

    def _dial(self, host: str, port: int, data: bytes, *, established: bytes) -> None:
        if self._transport is not None:
            self._transport.pause_reading()
            self._sockets.site.start(self._dialed(host, port, data, established))

    async def _dialed(
        self, host: str, port: int, data: bytes, established: bytes
    ) -> None:
        try:
            far = await dial(self._sockets, host, port)
        except (OSError, UnicodeError) as error:
            self._refuse(_Refusal(502, f"`{host}` cannot be reached: {error}"))
            return
        if self._transport is None or self._transport.is_closing():
            far.close()
            return
        self._write(established)
        self._sockets.connections.discard(self)
        relay(self._transport, Side(self._sockets), far, data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def _refuse(self, refusal: _Refusal) -> None:
        status, text = refusal
        body = text.encode("utf-8", "replace") + b"\n"
        head = (
            f"HTTP/1.1 {status} {responses[status]}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._write(head.encode() + body)
        if self._transport is not None:
            self._transport.close()


def _of_proxy(line: str) -> bool:
    return line.lower().startswith("proxy-")
