"""Certificates: one authority in a process, one certificate for each name."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_lattice.clients.certificates import authority


def shaken(name: str, *, http2: bool, offered: list[str]) -> str | None:
    """Shake hands in memory; return the protocol of ALPN."""
    made = authority()
    client_context = ssl.create_default_context(cadata=made.pem)
    client_context.set_alpn_protocols(offered)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = made.context(name, http2=http2).wrap_bio(
        to_server, to_client, server_side=True
    )
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    done: set[ssl.SSLObject] = set()
    while len(done) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert client.selected_alpn_protocol() == server.selected_alpn_protocol()
    return server.selected_alpn_protocol()


@pytest.mark.parametrize(
    ("http2", "offered", "expected"),
    [
        (True, ["http/1.1", "h2"], "h2"),
        (True, ["h2"], "h2"),
        (True, ["http/1.1"], "http/1.1"),
        (True, ["spdy/3"], None),
        (False, ["h2", "http/1.1"], "http/1.1"),
        (False, ["h2"], None),
    ],
)
def test_alpn_prefers_http2(
    *, http2: bool, offered: list[str], expected: str | None
) -> None:
    """The server's order counts, and what it does not speak is not agreed on."""
    assert shaken("orders.example.com", http2=http2, offered=offered) == expected


def test_name_of_two_labels_and_of_its_full_length_is_certified() -> None:
    """Each name has its own certificate, which no wildcard has to cover."""
    name = "a" * 40 + "-0123456789abcdef0.7d67968.vpc-lattice-svcs.us-west-2.on.aws"

    assert shaken(name, http2=True, offered=["h2"]) == "h2"


def test_context_is_made_once() -> None:
    """The same name has the same context; another name has another one."""
    made = authority()
    first = made.context("a.example", http2=True)

    assert made.context("a.example", http2=True) is first
    assert made.context("b.example", http2=True) is not first
    assert authority() is made


def test_files_go_when_the_process_ends() -> None:
    """The file is there for as long as the process, and then it is not."""
    code = (
        "from pytest_lattice.clients.certificates import authority\n"
        "made = authority()\n"
        "assert made.file.read_text() == made.pem\n"
        "print(made.file)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    path = Path(made.stdout.strip())
    assert path.name == "lattice-ca.pem"
    assert not path.parent.exists()
