"""Certificates of the listeners, by an authority that lives as long as the process.

Each server name gets a certificate of its own when it is first asked for; a wildcard
would not cover the two labels of Lattice's names.  Nothing here opens a socket.
"""

from __future__ import annotations

import atexit
import shutil
import ssl
import warnings
from functools import cache, cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography import x509

#: Java asks for one, and everybody uses this one.
JAVA_PASSWORD = "changeit"  # noqa: S105  # it protects nothing
# AWS: vpc-lattice/latest/ug/https-listeners: TLS 1.2's ciphers, in this order; those of
# TLS 1.3 are OpenSSL's own three, which are the same.
_CIPHERS = (
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:"
    "AES128-GCM-SHA256:AES128-SHA:AES256-GCM-SHA384:AES256-SHA"
)


class Authority:
    """A certificate authority with the contexts of the names that it certified."""

    def __init__(self) -> None:
        # Whoever only names the classes of listeners waits for no cryptography.
        import trustme

        self._key_type = trustme.KeyType.RSA
        self._ca = trustme.CA(organization_name="pytest-lattice")
        #: The authority's own certificate, as PEM text.
        self.pem = self._ca.cert_pem.bytes().decode()
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}

    def context(self, name: str, *, http2: bool) -> ssl.SSLContext:
        """Give the TLS context of a server name.

        Args:
            name: in lower case.
            http2: whether HTTP/2 is offered before HTTP/1.1.

        AWS: vpc-lattice/latest/ug/https-listeners
        """
        context = self._contexts.get((name, http2))
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(_CIPHERS)
            context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
            # AWS: the policy is HTTP2Preferred; without ALPN it is HTTP/1.1
            offered = ["h2", "http/1.1"] if http2 else ["http/1.1"]
            context.set_alpn_protocols(offered)
            # AWS: RSA, which its ciphers of TLS 1.2 need
            leaf = self._ca.issue_cert(name, key_type=self._key_type)
            leaf.configure_cert(context)
            self._contexts[name, http2] = context
        return context

    @cached_property
    def bundle(self) -> Path:
        """A file with `pem` and what is trusted usually, for who takes one file."""
        import certifi

        file = _folder() / "bundle.pem"
        file.write_text(Path(certifi.where()).read_text("utf-8") + "\n" + self.pem)
        return file

    @cached_property
    def java_store(self) -> Path:
        """The same as `bundle`, as Java reads it, with `JAVA_PASSWORD`."""
        from cryptography.hazmat.primitives.serialization import (
            BestAvailableEncryption,
            pkcs12,
        )

        file = _folder() / "truststore.p12"
        entries = [
            pkcs12.PKCS12Certificate(each, b"%d" % number)
            for number, each in enumerate(_readable(self.bundle.read_bytes()))
        ]
        encryption = BestAvailableEncryption(JAVA_PASSWORD.encode())
        file.write_bytes(pkcs12.serialize_java_truststore(entries, encryption))
        return file

    @cached_property
    def file(self) -> Path:
        """The file with `pem`."""
        file = _folder() / "lattice-ca.pem"
        file.write_text(self.pem)
        return file


@cache
def authority() -> Authority:
    """Give the authority of this process."""
    return Authority()


def _readable(bundle: bytes) -> Iterator[x509.Certificate]:
    """Read the certificates of a bundle, without those that are malformed."""
    end = b"-----END CERTIFICATE-----"
    for part in bundle.split(end)[:-1]:
        certificate = _certificate(part + end)
        if certificate is not None:
            yield certificate


def _certificate(pem: bytes) -> x509.Certificate | None:
    from cryptography import x509

    try:
        # Some that are still trusted are warned of.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return x509.load_pem_x509_certificate(pem)
    except (ValueError, Warning):
        return None


@cache
def _folder() -> Path:
    folder = mkdtemp(prefix="pytest-lattice-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
