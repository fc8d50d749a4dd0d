"""Signature Version 4A: one signature for a set of regions, with an elliptic curve.

The private key derives from the secret access key, so both sides have it; signatures
are random and can be verified only.  The curve comes from `cryptography`.
AWS: IAM/latest/UserGuide/reference_sigv-create-signed-request
"""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_lattice.auth.canonical import time_text
from pytest_lattice.auth.sigv4 import ASYMMETRIC, prepared

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from pytest_lattice.model.credentials import Credentials
    from pytest_lattice.model.message import Headers

# NIST SP 800-186: the order of the group of P-256
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COUNTERS = range(1, 255)
# A DER signature of P-256 has at most 72 bytes.
_SIGNATURE = re.compile(r"(?:[0-9a-fA-F]{2}){8,72}")


def private_number(access_key_id: str, secret: str) -> int:
    """Derive the private key as a number.

    Args:
        access_key_id: part of the derivation.
        secret: the secret access key.

    Raises:
        ValueError: no counter gives a key, which happens with no secret there is.

    AWS: awslabs/aws-c-auth, key_derivation.c
    """
    key = b"AWS4A" + secret.encode("utf-8", "surrogatepass")
    fixed = b"\0\0\0\1" + ASYMMETRIC.encode() + b"\0"
    for counter in _COUNTERS:
        message = b"".join(
            (
                fixed,
                access_key_id.encode("utf-8", "surrogatepass"),
                bytes((counter,)),
                b"\0\0\1\0",
            )
        )
        candidate = int.from_bytes(hmac.digest(key, message, "sha256"), "big")
        if candidate <= _ORDER - 2:
            return candidate + 1
    raise ValueError("no key derives from this secret")


@lru_cache(maxsize=64)
def _key(access_key_id: str, secret: str) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(private_number(access_key_id, secret), ec.SECP256R1())


def verify(credentials: Credentials, to_sign: bytes, signature: str) -> bool:
    """Tell whether a signature is that of the credentials.

    Args:
        credentials: who is said to have signed.
        to_sign: from `string_to_sign`.
        signature: in hexadecimal, as sent.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if not _SIGNATURE.fullmatch(signature):
        return False
    key = _key(credentials.access_key_id, credentials.secret_access_key)
    try:
        key.public_key().verify(
            bytes.fromhex(signature), to_sign, ec.ECDSA(hashes.SHA256())
        )
    except InvalidSignature:
        return False
    return True


def sign(
    credentials: Credentials,
    *,
    method: str,
    path: str,
    query: str | None,
    headers: Headers,
    region_set: str,
    now: int,
) -> Headers:
    """Sign a request with SigV4A.

    Args:
        credentials: who signs.
        method: as it will be sent.
        path: the raw path.
        query: the raw query; None where there is none.
        headers: see `sigv4.sign`.
        region_set: ``*``, or regions separated by commas.
        now: microseconds since 1970.

    Returns:
        The headers to add.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """
    added, authorization, to_sign = prepared(
        credentials,
        time_text(now),
        method=method,
        path=path,
        query=query,
        headers=headers,
        region_set=region_set,
    )
    proof = _proof(credentials, to_sign)
    return (*added, ("authorization", authorization + proof))


def _proof(credentials: Credentials, text: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = _key(credentials.access_key_id, credentials.secret_access_key)
    return key.sign(text, ec.ECDSA(hashes.SHA256())).hex()
