"""Signed requests for tests, made by our signer and by real ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import awscrt.auth  # type: ignore[import-untyped]  # it has no types
import awscrt.http  # type: ignore[import-untyped]  # it has no types
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has no types
from botocore.awsrequest import (  # type: ignore[import-untyped]  # it has no types
    AWSRequest,
)
from botocore.config import Config  # type: ignore[import-untyped]  # it has no types

from pytest_lattice.auth.authenticate import Authenticated, Known, authenticate
from pytest_lattice.auth.sigv4 import SERVICE, Failure, sign
from pytest_lattice.model.auth_settings import AuthSettings
from pytest_lattice.model.caller import Role, User
from pytest_lattice.model.message import Headers, LatticeRequest, Source

if TYPE_CHECKING:
    from pytest_lattice.model.credentials import Credentials

TIME = datetime(2026, 1, 1, tzinfo=UTC)
NOW = int(TIME.timestamp()) * 1_000_000
STAMP = "20260101T000000Z"
REGION = "us-west-2"
HOST = "shop-0123.7d67968.vpc-lattice-svcs.us-west-2.on.aws"
ROLE = Role("checkout")
USER = User("alice")
KNOWN = {
    caller.credentials.access_key_id: Known(caller, caller.credentials)
    for caller in (ROLE, USER)
}


def sent(
    headers: Headers = (("host", HOST),),
    *,
    method: str = "GET",
    path: str = "/",
    query: str | None = None,
) -> LatticeRequest:
    """Write the request that arrives."""
    host = next((value for name, value in headers if name == "host"), HOST)
    source = Source("vpc-1", "10.0.0.9", 40000)
    return LatticeRequest(
        method, "https", host, HOST, 443, path, query, headers, "HTTP/1.1", source
    )


def signed(
    request: LatticeRequest | None = None,
    credentials: Credentials = ROLE.credentials,
    *,
    region: str = REGION,
    now: int = NOW,
) -> LatticeRequest:
    """Sign a request with our signer."""
    request = request or sent()
    added = sign(
        credentials,
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        region=region,
        now=now,
    )
    return request._replace(headers=(*request.headers, *added))


def edited(request: LatticeRequest, name: str, value: str | None) -> LatticeRequest:
    """Change a header, or take it away."""
    others = tuple(pair for pair in request.headers if pair[0] != name)
    added = () if value is None else ((name, value),)
    return request._replace(headers=(*others, *added))


def judged(
    request: LatticeRequest,
    *,
    now: int = NOW,
    region: str = REGION,
    **settings: Any,  # noqa: ANN401  # passed on
) -> Authenticated | Failure | None:
    """Authenticate a request in the network of the tests."""
    return authenticate(
        request,
        KNOWN,
        region=region,
        now=now,
        wall=None,
        settings=AuthSettings(**settings),
    )


def by_botocore(
    request: LatticeRequest,
    credentials: Credentials = ROLE.credentials,
    *,
    signer: type[Any] = SigV4Auth,
    unsigned: bool = True,
) -> LatticeRequest:
    """Sign a request with botocore, whose clock a test has set."""
    aws = AWSRequest(
        method=request.method,
        url=f"https://{request.host}{request.target}",
        headers=dict(request.headers),
    )
    if unsigned:
        aws.context["payload_signing_enabled"] = False
        aws.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    signer(credentials, SERVICE, REGION).add_auth(aws)
    added = tuple((name.lower(), str(value)) for name, value in aws.headers.items())
    kept = [("host", request.host)] if "host" not in dict(added) else []
    return request._replace(headers=(*kept, *added))


def by_awscrt(
    request: LatticeRequest,
    *,
    asymmetric: bool = False,
    in_query: bool = False,
    double: bool = True,
    service: str = SERVICE,
) -> LatticeRequest:
    """Sign a request with AWS's common runtime."""
    credentials = ROLE.credentials
    headers = awscrt.http.HttpHeaders(list(request.headers))
    crt = awscrt.http.HttpRequest(request.method, request.target, headers)
    kinds = awscrt.auth.AwsSigningAlgorithm
    types = awscrt.auth.AwsSignatureType
    config = awscrt.auth.AwsSigningConfig(
        algorithm=kinds.V4_ASYMMETRIC if asymmetric else kinds.V4,
        signature_type=(
            types.HTTP_REQUEST_QUERY_PARAMS if in_query else types.HTTP_REQUEST_HEADERS
        ),
        credentials_provider=awscrt.auth.AwsCredentialsProvider.new_static(
            credentials.access_key_id,
            credentials.secret_access_key,
            credentials.session_token,
        ),
        region="*" if asymmetric else REGION,
        service=service,
        date=TIME,
        use_double_uri_encode=double,
        should_normalize_uri_path=double,
        signed_body_value="UNSIGNED-PAYLOAD",
        signed_body_header_type=(
            awscrt.auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256
        ),
        expiration_in_seconds=60 if in_query else None,
    )
    awscrt.auth.aws_sign_request(crt, config).result()
    path, mark, query = crt.path.partition("?")
    return request._replace(
        path=path,
        query=query if mark else None,
        headers=tuple((name.lower(), value) for name, value in crt.headers),
    )
