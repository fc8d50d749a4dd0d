"""SigV4A against AWS's own runtime and AWS's vector."""

from __future__ import annotations

import pytest

from pytest_lattice.auth.authenticate import Authenticated
from pytest_lattice.auth.sigv4a import private_number, sign, verify
from tests.auth.signed import HOST, NOW, ROLE, USER, judged, sent


def test_key_derives_as_aws_derives_it() -> None:
    """The public key of the example credentials in AWS's test suite."""
    from cryptography.hazmat.primitives.asymmetric import ec

    number = private_number(
        "AKISORANDOMAASORANDOM", "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom"
    )
    public = ec.derive_private_key(number, ec.SECP256R1()).public_key()

    # AWS: awslabs/aws-c-auth, tests/key_derivation_tests.c
    assert f"{public.public_numbers().x:064x}" == (
        "15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb"
    )


@pytest.mark.parametrize("caller", [ROLE, USER], ids=["role", "user"])
@pytest.mark.parametrize("path", ["/", "/a%20b"])
def test_own_signature_is_accepted(caller: object, path: str) -> None:
    """What we sign we verify, for each kind of caller."""
    assert caller in (ROLE, USER)
    credentials = ROLE.credentials if caller is ROLE else USER.credentials
    request = sent(path=path)
    added = sign(
        credentials,
        method="GET",
        path=path,
        query=None,
        headers=request.headers,
        region_set="*",
        now=NOW,
    )

    found = judged(request._replace(headers=request.headers + added))

    assert found == Authenticated(caller, "double")
    changed = request._replace(headers=request.headers + added, path="/other")
    assert not isinstance(judged(changed), Authenticated)


@pytest.mark.parametrize("signature", ["", "0", "zz" * 70, "00" * 70, "30" * 8, HOST])
def test_what_is_no_signature_is_not_verified(signature: str) -> None:
    """Bytes that are no signature prove nothing, and do not raise."""
    assert not verify(ROLE.credentials, b"text", signature)
