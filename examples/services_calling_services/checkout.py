"""The checkout: a service as it is deployed, which asks another one for the stock.

It finds the other service by its DNS name, signs with the credentials of its
environment, and knows of no test.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]  # it has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # it has no types
from botocore.session import get_session  # type: ignore[import-untyped]  # it has no types
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Generator

    from starlette.requests import Request


class Signed(httpx.Auth):
    """Signs requests to VPC Lattice as the role of the environment.

    AWS: vpc-lattice/latest/ug/sigv4-authenticated-requests
    """

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the signature; Lattice wants the payload to be left out of it."""
        unsigned = {
            "host": request.url.host,
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        }
        aws = AWSRequest(request.method, str(request.url), headers=unsigned)
        aws.context["payload_signing_enabled"] = False
        credentials = get_session().get_credentials()
        region = os.environ["AWS_REGION"]
        SigV4Auth(credentials, "vpc-lattice-svcs", region).add_auth(aws)
        request.headers.update(dict(aws.headers.items()))
        yield request


async def order(request: Request) -> JSONResponse:
    """Take an order if the inventory has what is asked for."""
    item = request.path_params["item"]
    stock = f"{os.environ['INVENTORY_URL']}/stock/{item}"
    async with httpx.AsyncClient(auth=Signed(), timeout=2) as client:
        try:
            answer = await client.get(stock)
            left = answer.raise_for_status().json()["left"]
        except httpx.HTTPError as error:
            return JSONResponse({"problem": str(error)}, status_code=502)
    if not left:
        return JSONResponse({"problem": f"no {item} left"}, status_code=409)
    return JSONResponse({"item": item, "left": left - 1}, status_code=201)


app = Starlette(routes=[Route("/orders/{item}", order, methods=["POST"])])
